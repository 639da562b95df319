"""The yearly series of conclusion numbers (нумерация заключений): no number is left out, none is given twice.

A series is a subject of its own. An approved conclusion's fact asks it for the next number under a claim of that
fact, so asking again gives the same number; its own fact brings the number back to the case.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from contracts.event import Contract, Fact
from contracts.expertise import ConclusionNumberedV1
from services.expertise.domain.expert import Given
from services.law.decision import Context

KIND: Final = "series"


class Series(Contract):
    """How far the series has come. `taken` is the last approval of each case that got a number."""

    last: int = 0
    taken: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class TakeNumber:
    """Give the next number to an approved conclusion: of this case, approved by its fact of this sequence."""

    pilot: str
    approval: int
    edition: str
    year: int


def subject_of(series: str, year: int) -> str:
    """The subject of a year's series."""
    return f"{KIND}:{series}:{year}"


def decide(state: Series | None, command: TakeNumber, context: Context[Given]) -> Sequence[Fact]:
    """The next number, once for each approval."""
    match command:
        case TakeNumber(pilot, approval, edition, year):
            series = state or Series()
            if series.taken.get(pilot, 0) >= approval:
                return ()
            place = series.last + 1
            number = context.given.rules.edition(edition).conclusions.number(year, place)
            return (
                ConclusionNumberedV1(actor=context.actor, pilot=pilot, approval=approval, place=place, number=number),
            )
        case _:
            assert_never(command)


def evolve(state: Series | None, fact: Fact) -> Series | None:
    """The series after a number was given; there is one fact of it."""
    if not isinstance(fact, ConclusionNumberedV1):
        return state
    taken = state.taken if state else {}
    return Series(last=fact.place, taken={**taken, fact.pilot: fact.approval})
