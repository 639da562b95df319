"""The conflict-of-interest rule (конфликт интересов): derived from organisations and rounds, or declared.

An expert may come from a firm of the High-Tech Park, and so may the initiator (found: who may be an expert; the rule
itself is an assumption). Organisations are compared by scheme and number, never by name.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from contracts.expertise import (
    Conflict,
    ConflictConfirmedV1,
    ConflictDismissedV1,
    ConflictFoundV1,
    ConflictKind,
    ExpertRecheckedV1,
    ReviewKind,
    Seat,
)
from contracts.reference import Application, OrganisationId, Problem, Role
from contracts.rules import PARTS, Edition
from contracts.steps import DeclaredConflict
from contracts.words import problem, wording
from services.expertise.domain.casework import CaseDecision
from services.expertise.domain.commands import Confirm, Dismiss, Recheck
from services.expertise.domain.duties import Duty
from services.expertise.domain.parts import ConflictStatus, KnownConflict
from services.expertise.domain.state import FINAL, Case
from services.law.decision import Refusal

RULES: Final[Mapping[ConflictKind, str]] = {
    ConflictKind.SAME_ORGANISATION: "conflict.same-organisation",
    ConflictKind.SAME_GROUP: "conflict.same-group",
    ConflictKind.TOOK_PART: "conflict.took-part",
    ConflictKind.INTEREST: "conflict.interest",
    ConflictKind.EARLIER_ROUND: "conflict.earlier-round",
    ConflictKind.DECLARED: "conflict.declared",
}
"""By which rule each kind of conflict bars an expert."""
PARTICIPANT: Final = "participant"
PARTIES: Final[Mapping[str, str]] = {
    "initiator": "conflict-party.initiator",
    "customer": "conflict-party.customer",
    "executor": "conflict-party.executor",
    PARTICIPANT: "conflict-party.participant",
}
"""The words for a part that an organisation has in an application."""


def parties(application: Application) -> Iterator[tuple[str, OrganisationId]]:
    """Every organisation of an application with its role."""
    for role in PARTS:
        party = getattr(application, role)
        if party is not None:
            yield role, party.id
    for party in application.participants:
        yield PARTICIPANT, party.id


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
    return (one.scheme, one.value.strip().upper()) == (other.scheme, other.value.strip().upper())


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


def obstacles(seat: Seat, case: Case, edition: Edition, acting: str) -> Iterator[Refusal]:
    """What conflicts stand in the way of an expert: every one that bars, derived or on record, in one refusal; or that
    it was the person acting who dismissed a false alarm (403)."""
    if found := barring(seat, case, edition):
        yield Refusal("conflict.found", problems=[said(one) for one in found])
        return
    on_record = known(case, seat.expert_id)
    if any(one.status is ConflictStatus.DISMISSED and one.decided_by == acting for one in on_record):
        yield Refusal("conflict.second-person", status=403)


def said(conflict: Conflict) -> Problem:
    """A conflict in words, as a refusal tells it."""
    party = wording(PARTIES.get(conflict.party, PARTIES[PARTICIPANT])) if conflict.party is not None else None
    return problem("/expert_id", RULES[conflict.kind], party=party)


def found(decision: CaseDecision, expert: str, conflicts: Sequence[Conflict]) -> None:
    """Puts conflicts on record; an assigned expert's opinion is frozen by that."""
    if conflicts:
        decision.then(
            ConflictFoundV1(
                actor=decision.actor,
                round=decision.case.round,
                at=decision.now,
                expert_id=expert,
                conflicts=tuple(conflicts),
                notify=decision.case.deciding(),
            )
        )


def would_find(decision: CaseDecision, application: Application) -> set[str]:
    """The experts on the case with whom a changed application would bring a new conflict to light."""
    case = decision.case.model_copy(update={"application": application})
    return {place.expert for place in case.active() if new(place.seat, case, decision.edition)}


def recheck_all(decision: CaseDecision) -> None:
    """Looks again at every expert on the case, for the application has changed."""
    for place in list(decision.case.active()):
        found(decision, place.expert, new(place.seat, decision.case, decision.edition))


def recheck(decision: CaseDecision, command: Recheck) -> None:
    """Looks again at one expert, whose directory entry has changed; also where all is concluded: what comes to light
    then hides the case from the expert and waits for a decision, though it changes no conclusion."""
    place = decision.case.place_of(command.seat.expert_id)
    if place is None or place.seat.entry >= command.seat.entry:
        return
    decision.then(ExpertRecheckedV1(actor=decision.actor, round=decision.case.round, seat=command.seat))
    found(decision, command.seat.expert_id, new(command.seat, decision.case, decision.edition))


def declare(decision: CaseDecision, command: DeclaredConflict) -> None:
    """A declared conflict: an expert's own while on the case, or an operator's on anybody. Raises Refusal."""
    _need_open(decision)
    own = decision.actor.role == Role.EXPERT
    expert = command.expert_id or decision.actor.id
    if own and (expert != decision.actor.id or decision.case.place_of(expert) is None):
        raise Refusal("conflict.not-yours", status=403)
    found(decision, expert, (Conflict(kind=ConflictKind.DECLARED, text=command.text),))


def dismiss(decision: CaseDecision, command: Dismiss) -> None:
    """A second person dismisses an expert's conflicts: those on record, or those that would bar an assignment.

    Raises Refusal when there is none, and 403 for the person who raised it, the expert, and whoever prepares or judges
    the case.
    """
    undecided = [one for one in known(decision.case, command.expert_id) if one.status is ConflictStatus.OPEN]
    if not undecided:
        _need_open(decision)
    conflicts = tuple(one.conflict for one in undecided)
    if not conflicts:
        conflicts = new(decision.known(command.expert_id).entry.seat(), decision.case, decision.edition)
    if not conflicts:
        raise Refusal("conflict.none")
    _need_second_person(decision, command.expert_id, undecided)
    decision.then(
        ConflictDismissedV1(
            actor=decision.actor,
            round=decision.case.round,
            at=decision.now,
            expert_id=command.expert_id,
            conflicts=conflicts,
            hidden=any(one.status is ConflictStatus.CONFIRMED for one in known(decision.case, command.expert_id)),
            why=command.why,
            notify=decision.case.deciding(),
        )
    )


def confirm(decision: CaseDecision, command: Confirm) -> None:
    """The conflict is real: the expert leaves the case. Raises Refusal when none is open, and 403 as `dismiss`."""
    undecided = [one for one in known(decision.case, command.expert_id) if one.status is ConflictStatus.OPEN]
    if not undecided:
        raise Refusal("conflict.none")
    _need_second_person(decision, command.expert_id, undecided)
    decision.then(
        ConflictConfirmedV1(
            actor=decision.actor,
            round=decision.case.round,
            expert_id=command.expert_id,
            why=command.why,
            notify=decision.case.deciding(),
        )
    )


def _need_second_person(decision: CaseDecision, expert: str, undecided: Sequence[KnownConflict]) -> None:
    """Raises Refusal 403 for who raised one of these conflicts, for the expert, and for another duty in the case."""
    if decision.actor.id in {expert, *(one.raised_by for one in undecided)}:
        raise Refusal("conflict.second-person", status=403)
    decision.need_duty(Duty.DECIDES)


def _need_open(decision: CaseDecision) -> None:
    if decision.case.status in FINAL:
        raise Refusal("review.not-open")
