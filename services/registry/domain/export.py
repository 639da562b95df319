"""A list that somebody takes out of the register (выгрузка): who asked for what and why, and what came of it.

Each is a subject of its own, so that what is given out stands in the register's own topic like everything else. Its
file does not: it is made beside the facts, and thrown away after a while.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final, assert_never

from contracts.entered import YEAR as A_YEAR
from contracts.entered import YEARS
from contracts.event import Contract, Fact, Moment, json_pointer
from contracts.reference import UNSPECIFIED, Problem
from contracts.registry import REGISTRY, ListReadyV1, ListTakenV1, PilotEnteredV1
from services.law.decision import Context, Refusal
from services.registry.domain.money import MoneyStage
from services.registry.domain.state import Stage

KIND: Final = "export"


class List(StrEnum):
    """What can be taken: проекты, деньги, хронология."""

    PILOTS = "pilots"
    MONEY = "money"
    TIMELINE = "timeline"


class Format(StrEnum):
    """As what: text with commas, a workbook, or a JSON value on each line."""

    CSV = "csv"
    XLSX = "xlsx"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True)
class Form:
    """What may stand in a filter: how it is known, and how it is said in both languages."""

    fits: Callable[[str], bool]
    said: str
    said_ru: str


def _written(pattern: str, said: str, said_ru: str) -> Form:
    known = re.compile(pattern)
    return Form(lambda value: known.fullmatch(value) is not None, said, said_ru)


def _one_of(codes: Iterable[str]) -> Form:
    known = tuple(codes)
    named = ", ".join(known)
    return Form(lambda value: value in known, f"one of: {named}", f"одно из: {named}")


def _is_day(value: str) -> bool:
    try:
        return _DAY.fullmatch(value) is not None and bool(date.fromisoformat(value))
    except ValueError:
        return False


_FROM, _TO = YEARS[0], YEARS[-1]
_DAY: Final = re.compile(f"({A_YEAR})-[0-9]{{2}}-[0-9]{{2}}")
_OF_EXPORTS: Final = (ListTakenV1.TYPE, ListReadyV1.TYPE)
TEXT: Final = _written(
    r"[^\x00-\x1f\x7f]{1,200}",
    "a text of 1 to 200 characters, none of them a control character",
    "текст от 1 до 200 знаков без управляющих",
)
YEAR: Final = _written(A_YEAR, f"a year from {_FROM} to {_TO}", f"год от {_FROM} до {_TO}")
YEAR_OF_MONEY: Final = _written(
    f"{A_YEAR}|{UNSPECIFIED}",
    f"a year from {_FROM} to {_TO}, or `{UNSPECIFIED}` for money without one",
    f"год от {_FROM} до {_TO} или `{UNSPECIFIED}` для денег без года",
)
DAY: Final = Form(
    _is_day,
    f"a day such as 2026-05-01, from {_FROM} to {_TO}",
    f"день вида 2026-05-01, от {_FROM} до {_TO} года",
)
CURRENCY: Final = _written("[A-Z]{3}", "a currency of three capital letters, such as BYN", "валюта из трёх букв: BYN")
TYPE: Final = Form(
    lambda value: REGISTRY.knows(value) and value not in _OF_EXPORTS,
    f"a type of fact that a pilot has, such as {PilotEnteredV1.TYPE}",
    f"вид события проекта, например {PilotEnteredV1.TYPE}",
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


class Export(Contract):
    """A list that was asked for. `done`: it is ready, with its `digest` (SHA-256), or it `failed` for a reason.

    `by` is the opaque id of the person who asked, in the role and for the organisation named.
    """

    list: List
    filters: dict[str, str]
    format: Format
    why: str
    asked: Moment
    by: str
    role: str
    organisation: str | None = None
    done: bool = False
    rows: int = 0
    bytes: int = 0
    digest: str | None = None
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Take:
    """A person asks for a list."""

    list: List
    filters: Mapping[str, str]
    format: Format
    why: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The file is whole and kept: so many rows and bytes, with this digest."""

    rows: int
    bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class Fail:
    """The file cannot be made; a code that says why."""

    why: str


Command = Take | Finish | Fail


def subject_of(id_: str) -> str:
    """The subject of an export."""
    return f"{KIND}:{id_}"


def decide(state: Export | None, command: Command, context: Context[Any]) -> Sequence[Fact]:
    """What follows from a command; an export ends once, whoever made its file."""
    match command:
        case Take():
            return _take(command, context) if state is None else ()
        case Finish(rows, size, digest):
            if state is None or state.done:
                return ()
            return (ListReadyV1(actor=context.actor, rows=rows, bytes=size, digest=digest),)
        case Fail(why):
            if state is None or state.done:
                return ()
            return (ListReadyV1(actor=context.actor, rows=0, bytes=0, digest=None, failed=why),)
        case _:
            assert_never(command)


def _take(command: Take, context: Context[Any]) -> Sequence[Fact]:
    problems = tuple(_problems(command))
    if problems:
        raise Refusal("export.filters", "These filters are not of this list.", status=422, problems=problems)
    return (
        ListTakenV1(
            actor=context.actor,
            list=command.list.value,
            filters=dict(sorted(command.filters.items())),
            format=command.format.value,
            why=command.why,
            asked=context.now,
        ),
    )


def _problems(command: Take) -> Iterator[Problem]:
    known, filters = FILTERS[command.list], command.filters
    for name, value in filters.items():
        if name not in known:
            named = ", ".join(known)
            said, russian = f"This list can be cut down by: {named}.", f"Отборы этого списка: {named}."
            yield _problem(name, "unknown", said, russian)
        elif not known[name].fits(value):
            said, russian = f"`{name}` takes {known[name].said}.", f"`{name}`: {known[name].said_ru}."
            yield _problem(name, "value", said, russian)
    since, until = filters.get("since"), filters.get("until")
    if since and until and "since" in known and DAY.fits(since) and DAY.fits(until) and until < since:
        said, russian = "`until` is `since` or a day after it.", "`until` не может быть раньше `since`."
        yield _problem("until", "order", said, russian)


def _problem(name: str, rule: str, message: str, russian: str) -> Problem:
    pointer = json_pointer(("filters", name))
    return Problem(pointer=pointer, rule=f"export.filter-{rule}", message=message, message_ru=russian)


def evolve(state: Export | None, fact: Fact) -> Export | None:
    """The export after a fact."""
    match fact:
        case ListTakenV1():
            return Export(
                list=List(fact.list),
                filters=fact.filters,
                format=Format(fact.format),
                why=fact.why,
                asked=fact.asked,
                by=fact.actor.id,
                role=fact.actor.role,
                organisation=fact.actor.organisation,
            )
        case ListReadyV1() if state is not None:
            said = {"rows": fact.rows, "bytes": fact.bytes, "digest": fact.digest, "failed": fact.failed}
            return state.model_copy(update={**said, "done": True})
        case _:
            return state
