"""Given facts, when a command, then facts: the little that tests of the domains share."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, JsonValue
from pydantic.fields import FieldInfo

from contracts.event import Actor, Fact
from contracts.rules import RuleBook
from deploy.samples.common import BOOK, NOW, SUBJECT, with_edition
from services.chassis.subject import Aggregate
from services.law.calendar import Calendars
from services.law.decision import Context, Refusal
from tests.kit.calendars import CALENDARS

SOMEBODY = Actor(id="u-1", role="tester")


def minsk(said: str, hour: int = 12) -> datetime:
    """A local time in Minsk, or an hour of a day there; in UTC."""
    local = datetime.fromisoformat(said)
    return (local if "T" in said else local.replace(hour=hour)).replace(tzinfo=ZoneInfo("Europe/Minsk")).astimezone(UTC)


class Story:
    """One aggregate in tests. Whatever is decided must also evolve, and every state must survive its storage."""

    def __init__(self, aggregate: Aggregate, given: Any = BOOK, subject: str = SUBJECT) -> None:
        self.aggregate = aggregate
        self.subject = subject
        self.given_ = given

    def given(self, *facts: Fact, state: Any = None) -> Any:
        """The state after these facts."""
        for fact in facts:
            state = self.aggregate.evolve(state, fact)
        self.stored(state)
        return state

    def stored(self, state: Any) -> None:
        """Checks that a state comes back from JSON as it was, but for what is not stored of it."""
        if state is not None:
            text = json.dumps(state.model_dump(mode="json"))
            again = self.aggregate.state.model_validate_json(text)
            left_out = {n: getattr(again, n) for n, one in type(state).model_fields.items() if one.exclude}
            assert again == state.model_copy(update=left_out)

    def when(
        self,
        state: Any,
        command: object,
        *,
        now: datetime = NOW,
        actor: Actor = SOMEBODY,
        given: Any = None,
        calendars: Calendars = CALENDARS,
    ) -> Sequence[Fact]:
        """The facts that a command leads to; they carry who acted, and evolve."""
        context = Context(now, self.subject, actor, given if given is not None else self.given_, calendars)
        facts = self.aggregate.decide(state, command, context)
        assert all(fact.actor == actor for fact in facts)
        self.given(*facts, state=state)
        return facts

    def refused(self, state: Any, command: object, **how: Any) -> Refusal:
        """The refusal that a command meets."""
        with pytest.raises(Refusal) as caught:
            self.when(state, command, **how)
        return caught.value


def with_numbers(edition: str, book: RuleBook = BOOK, **numbers: int) -> RuleBook:
    """The rule book with other values of some numbers of one edition."""
    found = book.edition(edition)
    changed = {
        name: getattr(found.numbers, name).model_copy(update={"value": value}) for name, value in numbers.items()
    }
    return with_edition(found.model_copy(update={"numbers": found.numbers.model_copy(update=changed)}), book)


# ---- any fact or command, made from its own declaration

moments = st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda m: m.replace(microsecond=m.microsecond // 1000 * 1000)
)


def made(cls: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Any valid instance of a model."""
    fields = {name: _made(field.annotation, field.metadata) for name, field in cls.model_fields.items()}
    return st.fixed_dictionaries(fields).map(lambda values: cls(**values))


def _made(kind: Any, marks: Sequence[Any] = ()) -> st.SearchStrategy[Any]:
    origin, args = get_origin(kind), get_args(kind)
    if kind is JsonValue:
        return st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=3)
    if origin is Annotated:
        own = [m for mark in args[1:] for m in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
        return _made(args[0], [*own, *marks])
    if origin in (Union, UnionType):
        return st.one_of([_made(one, marks) for one in args])
    if origin is Literal:
        return st.sampled_from(args)
    if origin is tuple:
        least = max((v for m in marks if (v := getattr(m, "min_length", None)) is not None), default=0)
        return st.lists(_made(args[0]), min_size=least, max_size=max(3, least)).map(tuple)
    if origin is dict:
        return st.dictionaries(_made(args[0]), _made(args[1]), max_size=3)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return made(kind)
    return _plain(kind, marks)


def _plain(kind: Any, marks: Sequence[Any]) -> st.SearchStrategy[Any]:
    names = ("ge", "le", "min_length", "max_length", "pattern")
    said = {n: v for m in marks for n in names if (v := getattr(m, n, None)) is not None}
    if kind is NoneType:
        return st.none()
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(said.get("ge", 0), said.get("le", 10**6))
    if kind in (datetime, AwareDatetime):
        return moments
    if kind is date:
        return st.dates(date(1950, 1, 1), date(2100, 1, 1))
    assert kind is str, f"no way to make {kind}"
    longest = min(said.get("max_length", 20), 20)
    if "pattern" in said:
        return st.from_regex(said["pattern"], fullmatch=True).filter(lambda t: len(t) <= said.get("max_length", 100))
    return st.text(min_size=said.get("min_length", 0), max_size=longest)
