"""What those who run a service had it pass over because its reader could not get on (пропуск записи): which record, who
said so and why. A subject of its own for each time; the record itself is parked by its offset and stands outside.

An ask that is repeated is a time of its own: who asks twice is told of twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from contracts.event import Contract, Fact
from contracts.steps import RecordSkipping
from services.law.decision import Context, Refusal

KIND: Final = "skipping"
F = TypeVar("F", bound=Fact)


class Skipped(Contract):
    """What was passed over, and by whom."""

    said: RecordSkipping
    by: str


@dataclass(frozen=True, slots=True)
class PassOver:
    """A record at which a partition stands still shall be passed over."""

    said: RecordSkipping


def subject_of(id_: str) -> str:
    """The subject of one time."""
    return f"{KIND}:{id_}"


def deciding(fact: type[F]) -> Callable[[Skipped | None, PassOver, Context[Any]], Sequence[F]]:
    """The decision of a service whose fact of it is this one."""

    def decide(state: Skipped | None, command: PassOver, context: Context[Any]) -> Sequence[F]:
        if state is not None:
            raise Refusal("handling.settled")
        return (fact.made_of(command.said, actor=context.actor),)

    return decide


def evolve(state: Skipped | None, fact: Fact) -> Skipped | None:
    """What was passed over."""
    if not isinstance(fact, RecordSkipping):
        return state
    return Skipped(said=RecordSkipping.made_of(fact), by=fact.actor.id)
