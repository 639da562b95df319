"""The lists that somebody may take out of the register (выгрузка), and by what each is cut down. What comes of one is
said in `services/law/exporting.py`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, Final

from pydantic import Field

from contracts import entered
from contracts.reference import UNSPECIFIED, Problem
from contracts.registry import REGISTRY, ListReadyV1, ListTakenV1, PilotEnteredV1
from contracts.steps import TakenList
from contracts.words import Value, problem
from services.law import exporting
from services.law.decision import Context
from services.law.exporting import TEXT, Export, Finish, Form, Format, filter_faults, one_of, place, written
from services.registry.domain.money import MoneyStage
from services.registry.domain.stages import Stage


class List(StrEnum):
    """What can be taken: проекты, деньги, хронология."""

    PILOTS = "pilots"
    MONEY = "money"
    TIMELINE = "timeline"


def _is_day(value: str) -> bool:
    try:
        return _DAY.fullmatch(value) is not None and bool(date.fromisoformat(value))
    except ValueError:
        return False


_DAY: Final = re.compile(f"({entered.YEAR})-[0-9]{{2}}-[0-9]{{2}}")
_OF_EXPORTS: Final = (ListTakenV1.TYPE, ListReadyV1.TYPE)
_YEARS: Final[Mapping[str, Value]] = {"first": entered.YEARS[0], "last": entered.YEARS[-1]}
YEAR: Final = Form(written(entered.YEAR), "export.form-year", _YEARS)
YEAR_OF_MONEY: Final = Form(
    written(f"{entered.YEAR}|{UNSPECIFIED}"), "export.form-year-of-money", {**_YEARS, "unspecified": UNSPECIFIED}
)
DAY: Final = Form(_is_day, "export.form-day", _YEARS)
CURRENCY: Final = Form(written("[A-Z]{3}"), "export.form-currency")
TYPE: Final = Form(
    lambda value: REGISTRY.knows(value) and value not in _OF_EXPORTS,
    "export.form-type",
    {"example": PilotEnteredV1.TYPE},
)
FILTERS: Final[Mapping[List, Mapping[str, Form]]] = {
    List.PILOTS: {
        "stage": one_of(Stage),
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
        "stage": one_of(MoneyStage),
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


def _problems(command: Take) -> Iterator[Problem]:
    known, filters = FILTERS[command.list], command.filters
    yield from filter_faults(filters, known)
    since, until = filters.get("since"), filters.get("until")
    if since and until and "since" in known and DAY.fits(since) and DAY.fits(until) and until < since:
        yield problem(place("until"), "export.filter-order")


_decide: Final = exporting.deciding(ListTakenV1, ListReadyV1, _problems)


def decide(state: Export | None, command: Take | Finish, context: Context[Any]) -> Sequence[ListTakenV1 | ListReadyV1]:
    """What follows from a command, as in every service."""
    return _decide(state, command, context)
