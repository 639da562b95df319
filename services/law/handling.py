"""What is done by hand with records that a service has set aside: who did it, and, of a change or of discarding one,
who proposed and who else approved. A subject of its own for each doing; the records themselves stand outside.

What waited behind a discarded record goes on as if that had been a fact of no interest: its place in its series is
passed, in its turn, and nothing else of it is done (decision 54).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, assert_never

from contracts.event import Contract, Fact
from contracts.steps import RecordAction, RecordHandling
from services.law.decision import Context, Refusal

KIND: Final = "handling"
APPROVED: Final = {
    RecordAction.EDIT_PROPOSED: RecordAction.EDIT_APPROVED,
    RecordAction.DISCARD_PROPOSED: RecordAction.DISCARD_APPROVED,
}
"""What a proposal becomes when a second person approves it."""
F = TypeVar("F", bound=Fact)


class Handling(Contract):
    """What was done last, by whom, and who proposed it."""

    said: RecordHandling
    by: str
    proposed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Handle:
    """Records are fed again, or a change or a discarding is proposed."""

    said: RecordHandling


@dataclass(frozen=True, slots=True)
class Approve:
    """A second person approves what was proposed."""


@dataclass(frozen=True, slots=True)
class Decline:
    """Somebody, who may be who proposed it, declines what was proposed."""

    why: str


def subject_of(id_: str) -> str:
    """The subject of one doing."""
    return f"{KIND}:{id_}"


def deciding(fact: type[F]) -> Callable[[Handling | None, Handle | Approve | Decline, Context[Any]], Sequence[F]]:
    """The decision of a service whose fact of such a doing is this one."""

    def decide(state: Handling | None, command: Handle | Approve | Decline, context: Context[Any]) -> Sequence[F]:
        said = _said(state, command, context.actor.id)
        return () if said is None else (fact.made_of(said, actor=context.actor),)

    return decide


def _said(state: Handling | None, command: Handle | Approve | Decline, by: str) -> RecordHandling | None:
    match command:
        case Handle(said):
            if state is not None:
                raise Refusal("handling.settled")
            return said
        case Approve():
            if state is not None and state.said.action in APPROVED.values() and state.by == by:
                return None  # once more by the same: what followed may have been cut off
            proposed = _proposed(state)
            if proposed.by == by:
                raise Refusal("handling.second-person", status=403)
            return proposed.said.model_copy(update={"action": APPROVED[proposed.said.action]})
        case Decline(why):
            proposed = _proposed(state)
            return proposed.said.model_copy(update={"action": RecordAction.DECLINED, "why": why})
        case _:
            assert_never(command)


def _proposed(state: Handling | None) -> Handling:
    if state is None or state.said.action not in APPROVED:
        raise Refusal("handling.settled")
    return state


def evolve(state: Handling | None, fact: Fact) -> Handling | None:
    """What was done last."""
    if not isinstance(fact, RecordHandling):
        return state
    proposed_by = fact.actor.id if state is None else state.proposed_by
    return Handling(said=RecordHandling.made_of(fact), by=fact.actor.id, proposed_by=proposed_by)
