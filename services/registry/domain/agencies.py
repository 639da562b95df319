"""What the register notes of intake's directory (доступ ведомства): names, whether an agency is let in, by which keys.

Each fact of intake about an entry becomes a fact of the register's own with all that is known after it. What was
entered before the register heard of agencies is known from the next change on, or once the register reads its inputs
anew (rebuild --behind); until then nobody is kept out for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from contracts import intake
from contracts.event import Fact
from contracts.registry import AgencyNotedV1, AgencyStanding, NotedKey
from contracts.rules import RuleBook
from services.law.decision import Context

MOST_ENDED: Final = 10
"""So many keys that ended are known, the last ones, so that whoever brings one is told why (technical)."""


class Agency(AgencyStanding):
    """How an agency stands."""

    code: str


@dataclass(frozen=True, slots=True)
class NoteAgency:
    """Note what intake says of an agency's entry."""

    fact: intake.AgencyFact


def decide(state: Agency | None, command: NoteAgency, context: Context[RuleBook]) -> Sequence[AgencyNotedV1]:
    """What is known of the agency after intake's fact; no fact where that is the same."""
    fact = command.fact
    known = state or Agency(code=fact.code)
    after = _after(known, fact, context)
    if after == state:
        return ()
    return (AgencyNotedV1.made_of(after, actor=context.actor),)


def evolve(state: Agency | None, fact: Fact) -> Agency | None:
    """All of it stands in the last fact."""
    return Agency.made_of(fact) if isinstance(fact, AgencyNotedV1) else state


def _after(known: Agency, fact: intake.AgencyFact, context: Context[RuleBook]) -> Agency:
    match fact:
        case intake.AgencyEnteredV1():
            newest = fact.editions[-1].edition
            zone = context.given.edition(newest).zone if newest in context.given else None
            days = {"active_from": fact.active_from, "active_to": fact.active_to}
            return known.model_copy(update={**days, "name": fact.name, "zone": zone})
        case intake.AgencyDisabledV1():
            return known.model_copy(update={"disabled": fact.at})
        case intake.AgencyEnabledV1():
            return known.model_copy(update={"disabled": None})
        case intake.AgencyKeyIssuedV1():
            new = NotedKey.made_of(fact, id=fact.key)
            return _holding(known, [*_with(known, fact.replaces, until=fact.replaced_until), new], context.now)
        case intake.AgencyKeyRevokedV1():
            return _holding(known, _with(known, fact.key, revoked=fact.at), context.now)
        case intake.AgencyPasswordMadeV1():
            return known  # nobody comes here by it
        case _:
            assert_never(fact)


def _with(known: Agency, key: str | None, **said: datetime | None) -> list[NotedKey]:
    return [one.model_copy(update=said) if one.id == key else one for one in known.keys]


def _holding(known: Agency, keys: Sequence[NotedKey], now: datetime) -> Agency:
    ended = [one.id for one in keys if not one.good(now)][:-MOST_ENDED]
    return known.model_copy(update={"keys": tuple(one for one in keys if one.id not in ended)})
