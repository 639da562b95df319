"""A list that somebody takes out of a service (выгрузка): who asked for what and why, and what came of it; the same in
every service that gives lists out.

Each is a subject of its own, so that what is given out stands in the service's own topic like everything else. Its
file does not: it is made beside the facts, and thrown away after a while.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self, TypeVar

from contracts.event import Fact, Moment, json_pointer
from contracts.reference import Problem
from contracts.steps import ListMade, TakenList
from contracts.words import LANGUAGES, Value, Wording, problem, say
from services.law.decision import Context, Refusal

KIND: Final = "export"
T = TypeVar("T", bound=TakenList)
F = TypeVar("F", bound=Fact)
G = TypeVar("G", bound=Fact)


class Format(StrEnum):
    """As what: text with commas, or with semicolons for spreadsheets of Russian and Belarusian desks, a workbook for
    people, or a JSON value on each line."""

    CSV = "csv"
    CSV_SEMICOLON = "csv-semicolon"
    XLSX = "xlsx"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True)
class Form:
    """What may stand in a filter: how it is known, and the rule whose words say it, with their values."""

    fits: Callable[[str], bool]
    rule: str
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def said(self) -> Wording:
        """In words."""
        ru, be, en = (say(self.rule, language, self.values) for language in LANGUAGES)
        return Wording(ru=ru, be=be, en=en)


def written(pattern: str) -> Callable[[str], bool]:
    """What has this form."""
    known = re.compile(pattern)
    return lambda value: known.fullmatch(value) is not None


def one_of(codes: Iterable[str]) -> Form:
    """One of these codes."""
    known = tuple(codes)
    return Form(lambda value: value in known, "export.form-one-of", {"codes": ", ".join(known)})


TEXT: Final = Form(written(r"[^\x00-\x1f\x7f]{1,200}"), "export.form-text")


class Finish(ListMade):
    """The file is whole and kept, or cannot be made: then `failed` is a code that says why."""

    @classmethod
    def without_file(cls, why: str) -> Self:
        """It cannot be made; a code that says why."""
        return cls(rows=0, bytes=0, digest=None, failed=why)


class Export(TakenList, ListMade):
    """A list that was asked for. `done`: it is ready, with its `digest` (SHA-256), or it `failed` for a reason.

    `by` is the opaque id of the person who asked, in the role and for the organisation named.
    """

    format: Format
    asked: Moment
    by: str
    role: str
    organisation: str | None = None
    done: bool = False


def filter_faults(filters: Mapping[str, str], known: Mapping[str, Form]) -> Iterator[Problem]:
    """What is wrong with the filters of a list, each by itself."""
    for name, value in filters.items():
        if name not in known:
            yield problem(place(name), "export.filter-unknown", names=", ".join(known))
        elif not known[name].fits(value):
            yield problem(place(name), "export.filter-value", name=name, form=known[name].said)


def place(name: str) -> str:
    """Where a filter stands in what was sent."""
    return json_pointer(("filters", name))


def subject_of(id_: str) -> str:
    """The subject of an export."""
    return f"{KIND}:{id_}"


def deciding(
    taken: type[F], ready: type[G], faults: Callable[[T], Iterable[Problem]]
) -> Callable[[Export | None, T | Finish, Context[Any]], Sequence[F | G]]:
    """The decision of a service whose facts of a list are these two; `faults` says what is wrong with what is asked
    for. An export ends once, whoever made its file."""

    def decide(state: Export | None, command: T | Finish, context: Context[Any]) -> Sequence[F | G]:
        if isinstance(command, Finish):
            open_ = state is not None and not state.done
            return (ready.made_of(command, actor=context.actor),) if open_ else ()
        if state is not None:
            return ()
        if problems := tuple(faults(command)):
            raise Refusal("export.filters", status=422, problems=problems)
        filters = dict(sorted(command.filters.items()))
        plain = {"list": str(command.list), "format": str(command.format), "filters": filters}
        return (taken.made_of(command, actor=context.actor, asked=context.now, **plain),)

    return decide


def evolve(state: Export | None, fact: Fact) -> Export | None:
    """The export after a fact."""
    if isinstance(fact, TakenList):
        made: dict[str, Any] = {"rows": 0, "bytes": 0, "digest": None}
        actor = fact.actor
        return Export.made_of(fact, **made, by=actor.id, role=actor.role, organisation=actor.organisation)
    if isinstance(fact, ListMade):
        return Export.made_of(state, fact, done=True) if state is not None else None
    return state
