"""The list of cases that somebody may take out of the expertise (выгрузка), and by what it is cut down. What comes of
it is said in `services/law/exporting.py`."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import Field

from contracts.expertise import ListReadyV1, ListTakenV1, ReviewKind
from contracts.reference import Problem
from contracts.steps import TakenList
from services.expertise.domain.state import Status, View
from services.law import exporting
from services.law.decision import Context
from services.law.exporting import TEXT, Export, Finish, Form, Format, filter_faults, one_of


class List(StrEnum):
    """What can be taken: дела."""

    CASES = "cases"


FILTERS: Final[Mapping[str, Form]] = {
    "view": one_of(View),
    "sector": TEXT,
    "agency": TEXT,
    "kind": one_of(ReviewKind),
    "expert": TEXT,
    "status": one_of(Status),
    "number": TEXT,
}
"""By what the list is cut down: as the queues are. Without a view it is every case."""


class Take(TakenList):
    """A person asks for the cases, as which kind of file, and says what it is for: that is kept for good."""

    list: List
    filters: dict[str, str] = Field(default_factory=dict, max_length=10, description=", ".join(FILTERS))
    format: Literal[Format.CSV, Format.CSV_SEMICOLON, Format.JSONL]


def _faults(command: Take) -> Iterator[Problem]:
    return filter_faults(command.filters, FILTERS)


_decide: Final = exporting.deciding(ListTakenV1, ListReadyV1, _faults)


def decide(state: Export | None, command: Take | Finish, context: Context[Any]) -> Sequence[ListTakenV1 | ListReadyV1]:
    """What follows from a command, as in every service."""
    return _decide(state, command, context)
