"""What the register notes of the directory of experts (связи эксперта): to which organisations an entry ties a person.

By it a pilot is hidden from who is tied to a party before the expertise has a case. What was entered before the
register heard of entries is known from the next change on, or once it reads its inputs anew (rebuild --behind).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from contracts.event import Contract, Fact
from contracts.expertise import ExpertEnteredV1
from contracts.registry import ExpertNotedV1
from services.law.decision import Context
from services.law.parties import EXPERT, key_of
from services.registry.domain.commands import ForgetPerson

KIND: Final = EXPERT


class Expert(Contract):
    """An entry as far as it ties a person: opaque id, and the organisations by what they are known."""

    expert_id: str
    organisations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoteExpert:
    """Note what the expertise says of an entry."""

    fact: ExpertEnteredV1


def subject_of(person: str) -> str:
    """The subject of an entry."""
    return f"{KIND}:{person}"


def decide(
    state: Expert | None, command: NoteExpert | ForgetPerson, context: Context[object]
) -> Sequence[ExpertNotedV1]:
    """The organisations of an entry; no fact where they are the same, nor of an erasure that an earlier program of the
    expertise noted here: the data is gone before this is asked (`handlers.preparing`)."""
    if isinstance(command, ForgetPerson):
        return ()
    entry = command.fact
    organisations = tuple(dict.fromkeys((entry.organisation, *entry.affiliated, *entry.interests)))
    noted = ExpertNotedV1(actor=context.actor, expert_id=entry.expert_id, organisations=organisations)
    return () if evolve(state, noted) == state else (noted,)


def evolve(state: Expert | None, fact: Fact) -> Expert | None:
    """All of it stands in the last fact."""
    if not isinstance(fact, ExpertNotedV1):
        return state
    return Expert(expert_id=fact.expert_id, organisations=tuple(map(key_of, fact.organisations)))
