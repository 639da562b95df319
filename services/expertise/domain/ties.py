"""What ties a person to a case (связи): the conflicts of interest that follow from the own entry in the directory.

Organisations are compared by scheme and number, never by name. It is asked of whoever is to judge a case, and of
whoever prepares it or decides in it, too: an operator or approver may stand in the directory (assumption).
"""

from collections.abc import Mapping
from typing import Final

from contracts.expertise import Conflict, ConflictKind, ReviewKind, Seat
from contracts.reference import OrganisationId, Problem
from contracts.rules import Edition
from contracts.words import problem, wording
from services.expertise.domain.parts import ConflictStatus, KnownConflict
from services.expertise.domain.state import Case
from services.law.decision import Refusal
from services.law.parties import PARTICIPANT, key_of, parties

RULES: Final[Mapping[ConflictKind, str]] = {
    ConflictKind.SAME_ORGANISATION: "conflict.same-organisation",
    ConflictKind.SAME_GROUP: "conflict.same-group",
    ConflictKind.TOOK_PART: "conflict.took-part",
    ConflictKind.INTEREST: "conflict.interest",
    ConflictKind.EARLIER_ROUND: "conflict.earlier-round",
    ConflictKind.DECLARED: "conflict.declared",
}
"""By which rule each kind of conflict bars an expert."""
PARTIES: Final[Mapping[str, str]] = {
    "initiator": "conflict-party.initiator",
    "customer": "conflict-party.customer",
    "executor": "conflict-party.executor",
    PARTICIPANT: "conflict-party.participant",
}
"""The words for a part that an organisation has in an application."""


def derived(seat: Seat, case: Case, edition: Edition) -> tuple[Conflict, ...]:
    """All conflicts between an expert and a case that follow from what is known of both."""
    found = [
        Conflict(kind=kind, party=role, organisation=organisation)
        for role, organisation in parties(case.application)
        if (kind := _between(seat, role, organisation)) is not None
    ]
    again = case.kind is ReviewKind.REPEAT and edition.switches.other_expert_in_repeat.on
    earlier = {place.expert for one in case.past for place in one.places if place.opinions}
    if again and seat.expert_id in earlier:
        found.append(Conflict(kind=ConflictKind.EARLIER_ROUND))
    return tuple(found)


def _between(seat: Seat, role: str, organisation: OrganisationId) -> ConflictKind | None:
    if _same(organisation, seat.organisation):
        return ConflictKind.TOOK_PART if role == PARTICIPANT else ConflictKind.SAME_ORGANISATION
    if any(_same(organisation, one) for one in seat.affiliated):
        return ConflictKind.SAME_GROUP
    if any(_same(organisation, one) for one in seat.interests):
        return ConflictKind.INTEREST
    return None


def _same(one: OrganisationId, other: OrganisationId) -> bool:
    return key_of(one) == key_of(other)


def known(case: Case, expert: str) -> list[KnownConflict]:
    """What is on record of an expert's conflicts in this case."""
    return [one for one in case.conflicts if one.expert_id == expert]


def new(seat: Seat, case: Case, edition: Edition) -> tuple[Conflict, ...]:
    """Derived conflicts that are not on record yet: neither open nor decided."""
    on_record = [one.conflict for one in known(case, seat.expert_id)]
    return tuple(one for one in derived(seat, case, edition) if one not in on_record)


def barring(seat: Seat, case: Case, edition: Edition) -> tuple[Conflict, ...]:
    """What bars an expert from a case: derived conflicts, and those on record that were not dismissed."""
    on_record = [one.conflict for one in known(case, seat.expert_id) if one.status is not ConflictStatus.DISMISSED]
    return (*new(seat, case, edition), *on_record)


def tying(seat: Seat, case: Case, edition: Edition) -> tuple[Conflict, ...]:
    """What ties somebody to a party of the case by the own entry, and is not on record yet."""
    return tuple(one for one in new(seat, case, edition) if one.organisation is not None)


def said(conflict: Conflict) -> Problem:
    """A conflict in words, as a refusal tells it."""
    party = wording(PARTIES.get(conflict.party, PARTIES[PARTICIPANT])) if conflict.party is not None else None
    return problem("/expert_id", RULES[conflict.kind], party=party)


def need_none(seat: Seat, case: Case, edition: Edition) -> None:
    """Raises Refusal 403 for one whose own entry ties the person to a party of the case, unless that was dismissed
    as a false alarm. Having judged in an earlier round is no such tie: what duties follow from that is asked there."""
    ties = [one for one in barring(seat, case, edition) if one.organisation is not None]
    if ties:
        raise Refusal("conflict.own", status=403, problems=[said(one) for one in ties])
