"""The conflict-of-interest rule (конфликт интересов): derived from organisations and rounds, or declared.

An expert may come from a firm of the High-Tech Park, and so may the initiator (found: who may be an expert; the rule
itself is an assumption). Organisations are compared by scheme and number, never by name.
"""

from collections.abc import Iterator, Sequence

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
from contracts.rules import Edition
from contracts.steps import DeclaredConflict
from services.expertise.domain.casework import CaseDecision
from services.expertise.domain.commands import Confirm, Dismiss, Recheck
from services.expertise.domain.state import FINAL, Case, ConflictStatus, KnownConflict
from services.law.decision import Refusal

WORDS = {
    ConflictKind.SAME_ORGANISATION: ("comes from the same organisation as the", "из той же организации, что и"),
    ConflictKind.SAME_GROUP: ("comes from one group of organisations with the", "из одной группы организаций с"),
    ConflictKind.TOOK_PART: ("comes from an organisation that took part as", "из организации, участвовавшей как"),
    ConflictKind.INTEREST: ("has declared an interest in the", "заявил интерес в организации:"),
    ConflictKind.EARLIER_ROUND: ("gave an opinion in the challenged round", "давал мнение в прежнем раунде"),
    ConflictKind.DECLARED: ("has a declared conflict", "объявленный конфликт"),
}


def parties(application: Application) -> Iterator[tuple[str, OrganisationId]]:
    """Every organisation of an application with its role."""
    for role in ("initiator", "customer", "executor"):
        party = getattr(application, role)
        if party is not None:
            yield role, party.id
    for party in application.participants:
        yield "participant", party.id


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
        return ConflictKind.TOOK_PART if role == "participant" else ConflictKind.SAME_ORGANISATION
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


def need_none(decision: CaseDecision, seat: Seat) -> None:
    """Raises Refusal with every conflict that bars the expert, derived or on record; 403 for one who acts on a
    false alarm that the same person dismissed."""
    if found := barring(seat, decision.case, decision.edition):
        raise Refusal(
            "conflict.found",
            "The expert has a conflict of interest in this case (конфликт интересов).",
            problems=[problem(one) for one in found],
        )
    on_record = known(decision.case, seat.expert_id)
    if any(one.status is ConflictStatus.DISMISSED and one.decided_by == decision.actor.id for one in on_record):
        raise Refusal("conflict.second-person", "Who dismissed the conflict cannot act on it too.", status=403)


def problem(conflict: Conflict) -> Problem:
    """A conflict in words, as a refusal tells it."""
    en, ru = WORDS[conflict.kind]
    party = f" {conflict.party}" if conflict.party else ""
    return Problem(
        pointer="/expert_id",
        rule=f"conflict.{conflict.kind}",
        message=f"The expert {en}{party}.",
        message_ru=f"Эксперт {ru}{party}.",
    )


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
        raise Refusal("conflict.not-yours", "You are not on this case.", status=403)
    found(decision, expert, (Conflict(kind=ConflictKind.DECLARED, text=command.text),))


def dismiss(decision: CaseDecision, command: Dismiss) -> None:
    """A second person dismisses an expert's conflicts: those on record, or those that would bar an assignment.

    Raises Refusal when there is none, and 403 for the person who raised it, the expert, or the case's operator.
    """
    undecided = [one for one in known(decision.case, command.expert_id) if one.status is ConflictStatus.OPEN]
    if not undecided:
        _need_open(decision)
    conflicts = tuple(one.conflict for one in undecided)
    if not conflicts:
        conflicts = new(decision.known(command.expert_id).entry.seat(), decision.case, decision.edition)
    if not conflicts:
        raise Refusal("conflict.none", "There is no conflict to decide on.")
    involved = {command.expert_id, decision.case.operator, *(one.raised_by for one in undecided)}
    if decision.actor.id in involved:
        raise Refusal("conflict.second-person", "A second person must dismiss a conflict.", status=403)
    decision.then(
        ConflictDismissedV1(
            actor=decision.actor,
            round=decision.case.round,
            at=decision.now,
            expert_id=command.expert_id,
            conflicts=conflicts,
            why=command.why,
            notify=decision.case.deciding(),
        )
    )


def confirm(decision: CaseDecision, command: Confirm) -> None:
    """The conflict is real: the expert leaves the case. Raises Refusal when none is open."""
    if not any(one.status is ConflictStatus.OPEN for one in known(decision.case, command.expert_id)):
        raise Refusal("conflict.none", "There is no conflict to decide on.")
    if command.expert_id == decision.actor.id:
        raise Refusal("conflict.second-person", "Nobody decides on a conflict of their own.", status=403)
    decision.then(
        ConflictConfirmedV1(
            actor=decision.actor,
            round=decision.case.round,
            expert_id=command.expert_id,
            why=command.why,
            notify=decision.case.deciding(),
        )
    )


def _need_open(decision: CaseDecision) -> None:
    if decision.case.status in FINAL:
        raise Refusal("review.not-open", "Nothing is open in this case.")
