"""The conflict-of-interest rule (конфликт интересов): derived from organisations and rounds, or declared.

An expert may come from a firm of the High-Tech Park, and so may the initiator (found: who may be an expert; the rule
itself is an assumption). What follows from organisations is told in `ties`.
"""

from collections.abc import Iterator, Sequence

from contracts.expertise import (
    CaseReleasedV1,
    Conflict,
    ConflictConfirmedV1,
    ConflictDismissedV1,
    ConflictFoundV1,
    ConflictKind,
    ExpertRecheckedV1,
    Seat,
    TiesCheckedV1,
)
from contracts.reference import Application, Role
from contracts.rules import Edition
from contracts.steps import DeclaredConflict
from services.expertise.domain.casework import CaseDecision
from services.expertise.domain.commands import Confirm, Dismiss, Recheck
from services.expertise.domain.duties import Duty
from services.expertise.domain.parts import ConflictStatus, KnownConflict
from services.expertise.domain.state import FINAL, Case
from services.expertise.domain.ties import barring, known, new, said, tying
from services.law import reasons
from services.law.decision import Refusal


def obstacles(seat: Seat, case: Case, edition: Edition, acting: str) -> Iterator[Refusal]:
    """What conflicts stand in the way of an expert: every one that bars, derived or on record, in one refusal; or that
    it was the person acting who dismissed a false alarm (403)."""
    if found := barring(seat, case, edition):
        yield Refusal("conflict.found", problems=[said(one) for one in found])
        return
    on_record = known(case, seat.expert_id)
    if any(one.status is ConflictStatus.DISMISSED and one.decided_by == acting for one in on_record):
        yield Refusal("conflict.second-person", status=403)


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
        _out_of_hand(decision, expert)


def _out_of_hand(decision: CaseDecision, person: str) -> None:
    """From whom an open case comes to be hidden, has it in hand no more: nobody can work on what is not there."""
    if decision.case.operator == person and decision.case.status not in FINAL:
        decision.then(
            CaseReleasedV1(
                actor=decision.actor, round=decision.case.round, operator_id=person, why=reasons.OPERATORS_CONFLICT
            )
        )


def would_find(decision: CaseDecision, application: Application) -> set[str]:
    """The experts on the case with whom a changed application would bring a new conflict to light."""
    case = decision.case.model_copy(update={"application": application})
    return {place.expert for place in case.active() if new(place.seat, case, decision.edition)}


def recheck_all(decision: CaseDecision) -> None:
    """Looks again at every expert on the case, and at who is tied to it, for the application has changed."""
    for place in list(decision.case.active()):
        found(decision, place.expert, new(place.seat, decision.case, decision.edition))
    for one in decision.case.ties:
        if decision.case.place_of(one.seat.expert_id) is None:
            _check_ties(decision, one.seat)


def recheck(decision: CaseDecision, command: Recheck) -> None:
    """Looks again at one person, whose directory entry or whose case has changed; also where all is concluded: what
    comes to light with an expert of the case hides it then and waits for a decision, though it changes no conclusion.
    """
    place = decision.case.place_of(command.seat.expert_id)
    if place is None:
        _check_ties(decision, command.seat)
        return
    if place.seat.entry >= command.seat.entry:
        return
    decision.then(ExpertRecheckedV1(actor=decision.actor, round=decision.case.round, seat=command.seat))
    found(decision, command.seat.expert_id, new(command.seat, decision.case, decision.edition))


def _check_ties(decision: CaseDecision, seat: Seat) -> None:
    """Hides the case from who is not on it and is tied to a party of it by the own entry, or shows it again: such a
    person may be an operator or an approver. There is nothing to decide, for nobody's opinion is doubted."""
    case, person = decision.case, seat.expert_id
    if any(one.seat.expert_id == person and one.seat.entry > seat.entry for one in case.ties):
        return
    ties = tying(seat, case, decision.edition)
    if ties == case.tied_by(person):
        return
    on_record = any(one.status is not ConflictStatus.DISMISSED for one in known(case, person))
    decision.then(
        TiesCheckedV1(
            actor=decision.actor,
            round=case.round,
            at=decision.now,
            expert_id=person,
            seat=seat,
            ties=ties,
            hidden=bool(ties) or on_record,
        )
    )
    if ties:
        _out_of_hand(decision, person)


def declare(decision: CaseDecision, command: DeclaredConflict) -> None:
    """A declared conflict: an expert's own while on the case, or an operator's on anybody. Raises Refusal."""
    _need_open(decision)
    own = decision.actor.role == Role.EXPERT
    expert = command.expert_id or decision.actor.id
    if own and (expert != decision.actor.id or decision.case.place_of(expert) is None):
        raise Refusal("conflict.not-yours", status=403)
    found(decision, expert, (Conflict(kind=ConflictKind.DECLARED, text=command.text),))


def dismiss(decision: CaseDecision, command: Dismiss) -> None:
    """A second person dismisses a person's conflicts: those on record, or the ties that hide the case or would bar an
    assignment.

    Raises Refusal when there is none, and 403 for the person who raised it, the expert, and whoever prepares or judges
    the case.
    """
    undecided = [one for one in known(decision.case, command.expert_id) if one.status is ConflictStatus.OPEN]
    tied = decision.case.tied_by(command.expert_id)
    if not undecided and not tied:
        _need_open(decision)
    conflicts = tuple(one.conflict for one in undecided)
    if not conflicts:
        entered = new(decision.known(command.expert_id).entry.seat(), decision.case, decision.edition)
        conflicts = tuple(dict.fromkeys((*tied, *entered)))
    if not conflicts:
        raise Refusal("conflict.none")
    _need_second_person(decision, command.expert_id, undecided)
    confirmed = any(one.status is ConflictStatus.CONFIRMED for one in known(decision.case, command.expert_id))
    decision.then(
        ConflictDismissedV1(
            actor=decision.actor,
            round=decision.case.round,
            at=decision.now,
            expert_id=command.expert_id,
            conflicts=conflicts,
            hidden=confirmed or any(one not in conflicts for one in tied),
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
