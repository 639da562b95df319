"""A list that somebody takes out of the register (выгрузка): who asked for what and why, and what came of it.

Each is a subject of its own, so that what is given out stands in the register's own topic like everything else. Its
file does not: it is made beside the facts, and thrown away after a while.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final, Self, assert_never

from pydantic import Field

from contracts import entered
from contracts.event import Fact, Moment, json_pointer
from contracts.reference import UNSPECIFIED, Problem
from contracts.registry import REGISTRY, ExportFact, ListMade, ListReadyV1, ListTakenV1, PilotEnteredV1
from contracts.steps import TakenList
from contracts.words import LANGUAGES, Value, Wording, problem, say
from services.law.decision import Context, Refusal
from services.registry.domain.money import MoneyStage
from services.registry.domain.stages import Stage

KIND: Final = "export"


class List(StrEnum):
    """What can be taken: проекты, деньги, хронология."""

    PILOTS = "pilots"
    MONEY = "money"
    TIMELINE = "timeline"


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


def _written(pattern: str) -> Callable[[str], bool]:
    known = re.compile(pattern)
    return lambda value: known.fullmatch(value) is not None


def _one_of(codes: Iterable[str]) -> Form:
    known = tuple(codes)
    return Form(lambda value: value in known, "export.form-one-of", {"codes": ", ".join(known)})


def _is_day(value: str) -> bool:
    try:
        return _DAY.fullmatch(value) is not None and bool(date.fromisoformat(value))
    except ValueError:
        return False


_DAY: Final = re.compile(f"({entered.YEAR})-[0-9]{{2}}-[0-9]{{2}}")
_OF_EXPORTS: Final = (ListTakenV1.TYPE, ListReadyV1.TYPE)
_YEARS: Final[Mapping[str, Value]] = {"first": entered.YEARS[0], "last": entered.YEARS[-1]}
TEXT: Final = Form(_written(r"[^\x00-\x1f\x7f]{1,200}"), "export.form-text")
YEAR: Final = Form(_written(entered.YEAR), "export.form-year", _YEARS)
YEAR_OF_MONEY: Final = Form(
    _written(f"{entered.YEAR}|{UNSPECIFIED}"), "export.form-year-of-money", {**_YEARS, "unspecified": UNSPECIFIED}
)
DAY: Final = Form(_is_day, "export.form-day", _YEARS)
CURRENCY: Final = Form(_written("[A-Z]{3}"), "export.form-currency")
TYPE: Final = Form(
    lambda value: REGISTRY.knows(value) and value not in _OF_EXPORTS,
    "export.form-type",
    {"example": PilotEnteredV1.TYPE},
)
FILTERS: Final[Mapping[List, Mapping[str, Form]]] = {
    List.PILOTS: {
        "stage": _one_of(Stage),
        "sector": TEXT,
        "agency": TEXT,
        "region": TEXT,
        "office": TEXT,
        "year": YEAR,
    },
    List.MONEY: {
        "sector": TEXT,
        "agency": TEXT,
        "region": TEXT,
        "source": TEXT,
        "year": YEAR_OF_MONEY,
        "stage": _one_of(MoneyStage),
        "currency": CURRENCY,
    },
    List.TIMELINE: {"pilot": TEXT, "type": TYPE, "agency": TEXT, "since": DAY, "until": DAY},
}
"""By what each list can be cut down, and what may stand there. Days are those of the register's zone."""


_NAMES: Final = "; ".join(f"{name.value}: {', '.join(some)}" for name, some in FILTERS.items())


class Take(TakenList):
    """A person asks for a list, as which kind of file, and says what it is for: that stands in the register."""

    # The step, with the lists, filters and kinds of files that the register has today; a fact may name one that is no
    # more.

    list: List
    filters: dict[str, str] = Field(default_factory=dict, max_length=10, description=_NAMES)
    format: Format


class Finish(ListMade):
    """The file is whole and kept, or cannot be made: then `failed` is a code that says why."""

    @classmethod
    def without_file(cls, why: str) -> Self:
        """It cannot be made; a code that says why."""
        return cls(rows=0, bytes=0, digest=None, failed=why)


class Export(Take, ListMade):
    """A list that was asked for. `done`: it is ready, with its `digest` (SHA-256), or it `failed` for a reason.

    `by` is the opaque id of the person who asked, in the role and for the organisation named.
    """

    asked: Moment
    by: str
    role: str
    organisation: str | None = None
    done: bool = False


Command = Take | Finish


def subject_of(id_: str) -> str:
    """The subject of an export."""
    return f"{KIND}:{id_}"


def decide(state: Export | None, command: Command, context: Context[Any]) -> Sequence[Fact]:
    """What follows from a command; an export ends once, whoever made its file."""
    match command:
        case Take():
            return _take(command, context) if state is None else ()
        case Finish():
            if state is None or state.done:
                return ()
            return (ListReadyV1.made_of(command, actor=context.actor),)
        case _:
            assert_never(command)


def _take(command: Take, context: Context[Any]) -> Sequence[Fact]:
    problems = tuple(_problems(command))
    if problems:
        raise Refusal("export.filters", status=422, problems=problems)
    return (
        ListTakenV1.made_of(
            command,
            actor=context.actor,
            list=command.list.value,
            filters=dict(sorted(command.filters.items())),
            format=command.format.value,
            asked=context.now,
        ),
    )


def _problems(command: Take) -> Iterator[Problem]:
    known, filters = FILTERS[command.list], command.filters
    for name, value in filters.items():
        if name not in known:
            yield problem(_place(name), "export.filter-unknown", names=", ".join(known))
        elif not known[name].fits(value):
            yield problem(_place(name), "export.filter-value", name=name, form=known[name].said)
    since, until = filters.get("since"), filters.get("until")
    if since and until and "since" in known and DAY.fits(since) and DAY.fits(until) and until < since:
        yield problem(_place("until"), "export.filter-order")


def _place(name: str) -> str:
    return json_pointer(("filters", name))


def evolve(state: Export | None, fact: Fact) -> Export | None:
    """The export after a fact."""
    if not isinstance(fact, ExportFact):
        return state
    match fact:
        case ListTakenV1():
            return Export.made_of(
                fact,
                rows=0,
                bytes=0,
                digest=None,
                by=fact.actor.id,
                role=fact.actor.role,
                organisation=fact.actor.organisation,
            )
        case ListReadyV1():
            return Export.made_of(state, fact, done=True) if state is not None else None
        case _:
            assert_never(fact)
