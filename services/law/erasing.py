"""Who asked that a person's data is erased, when, and on what basis (удаление персональных данных): a subject of its
own for each person, the same in every service that keeps names. The data itself stands outside; no name is in here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from contracts.event import Contract, Fact, Moment
from contracts.steps import ErasedPerson, Erasure
from services.law.decision import Context
from services.law.faults import need_come

KIND: Final = "person"
FIRST_TO_BEGIN: Final = timedelta(hours=14)
"""So long before UTC a day begins where it begins first (IANA: Pacific/Kiritimati)."""
MOST: Final = 50
"""How many of a person's erasures are shown; all of them stand in the facts."""
F = TypeVar("F", bound=Fact)


class Erased(Erasure):
    """One erasure: when, by whom in which role, on which basis; None: the person's own request."""

    at: Moment
    by: str
    role: str


class Erasures(Contract):
    """The erasures of one person's data, the last ones."""

    erasures: tuple[Erased, ...] = ()


@dataclass(frozen=True, slots=True)
class Erase:
    """Note that a person's data is erased."""

    person_id: str
    said: Erasure


def subject_of(person: str) -> str:
    """The subject of a person's erasures."""
    return f"{KIND}:{person}"


def need_begun(said: Erasure, now: datetime) -> None:
    """Raises Refusal 422 for a document whose day has begun nowhere yet: an erasure is of no edition, and so of no zone
    (assumption)."""
    if said.basis is not None:
        need_come(said.basis.date, "/basis/date", (now + FIRST_TO_BEGIN).date())


def deciding(fact: type[F]) -> Callable[[Erasures | None, Erase, Context[Any]], Sequence[F]]:
    """The decision of a service whose fact of an erasure is this one: each is a fact."""

    def decide(_state: Erasures | None, command: Erase, context: Context[Any]) -> Sequence[F]:
        need_begun(command.said, context.now)
        said = ErasedPerson.made_of(command.said, person_id=command.person_id, at=context.now)
        return (fact.made_of(said, actor=context.actor),)

    return decide


def evolve(state: Erasures | None, fact: Fact) -> Erasures | None:
    """One erasure more."""
    if not isinstance(fact, ErasedPerson) or fact.at is None:
        return state
    one = Erased(at=fact.at, by=fact.actor.id, role=fact.actor.role, basis=fact.basis)
    return Erasures(erasures=(*(state.erasures if state else ()), one)[-MOST:])
