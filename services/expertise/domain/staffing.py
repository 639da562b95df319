"""Who works on a case (распределение): operators claim it, experts are assigned, accept, decline, hand over."""

from collections.abc import Iterator
from datetime import date

from contracts.expertise import (
    CaseClaimedV1,
    CaseReleasedV1,
    ExpertAcceptedV1,
    ExpertAssignedV1,
    ExpertDeclinedV1,
    ExpertReleasedV1,
)
from contracts.reference import Role
from contracts.rules import Edition
from services.expertise.domain import conflict, duties
from services.expertise.domain.casework import CaseDecision
from services.expertise.domain.commands import Assign, Decline, HandOver, Release, Unclaim
from services.expertise.domain.duties import Duty
from services.expertise.domain.expert import Known
from services.expertise.domain.parts import Place, PlaceStatus
from services.expertise.domain.state import FINAL, STAFFING, WORKING, Case
from services.law.decision import Refusal


def claim(decision: CaseDecision) -> None:
    """The acting operator takes the case. Raises Refusal when another one has it, or nothing is open in it."""
    if decision.case.status in FINAL:
        raise Refusal("review.not-open")
    decision.need_own_case()
    if decision.case.operator is None:
        decision.then(CaseClaimedV1(actor=decision.actor, round=decision.case.round, operator_id=decision.actor.id))


def unclaim(decision: CaseDecision, command: Unclaim) -> None:
    """Gives the case back to the queue, also for a tie to one of its parties; an approver may do so for an operator
    who is away. Raises Refusal."""
    operator = decision.case.operator
    if operator is None:
        return
    if decision.actor.role != Role.APPROVER:
        duties.need(decision.case, decision.edition, decision.actor.id, Duty.PREPARES)
        decision.need_in_hand()
    others = decision.case.told_of(operator) if operator != decision.actor.id else ()
    decision.then(
        CaseReleasedV1.made_of(
            command, actor=decision.actor, round=decision.case.round, operator_id=operator, notify=others
        )
    )


def assign(decision: CaseDecision, command: Assign) -> None:
    """Assigns an expert who is free to judge and has room. Raises Refusal with what stands in the way."""
    decision.need_own_case()
    _need_staffing(decision)
    if decision.case.place_of(command.expert_id) is not None:  # said, not passed over: nothing is done with the case
        raise Refusal("expert.on-the-case")
    if sum(1 for _ in decision.case.active()) >= decision.case.needed:
        raise Refusal("review.has-experts", needed=decision.case.needed)
    _need_free(decision, command.expert_id)
    _seat(decision, command.expert_id, None)


def _seat(decision: CaseDecision, expert: str, instead_of: str | None) -> None:
    seat = decision.known(expert).entry.seat()
    decision.then(
        ExpertAssignedV1(
            actor=decision.actor,
            round=decision.case.round,
            at=decision.now,
            expert_id=expert,
            seat=seat,
            instead_of=instead_of,
            notify=(expert,),
        )
    )


def obstacles(case: Case, known: Known, edition: Edition, day: date, acting: str) -> Iterator[Refusal]:
    """All that stands in the way of an expert for a case on a day, were it assigned by the person acting: whoever
    proposes experts and whoever assigns them asks this. The costly part, conflicts, comes last."""
    yield from unavailable(case, known, edition, day, acting)
    yield from conflict.obstacles(known.entry.seat(), case, edition, acting)


def unavailable(case: Case, known: Known, edition: Edition, day: date, acting: str) -> Iterator[Refusal]:
    """What stands in the way whatever the case is about: another duty in it, on it already, inactive, away, no
    room."""
    entry = known.entry
    yield from duties.obstacles(case, edition, entry.expert_id, acting)
    if case.place_of(entry.expert_id) is not None:
        yield Refusal("expert.on-the-case")
    if not entry.active:
        yield Refusal("expert.inactive")
    if entry.absent(day):
        yield Refusal("expert.absent")
    if known.load >= entry.capacity:
        yield Refusal("expert.at-capacity", load=known.load, capacity=entry.capacity)


def _need_free(decision: CaseDecision, expert: str) -> None:
    known = decision.known(expert)
    for obstacle in obstacles(decision.case, known, decision.edition, decision.today, decision.actor.id):
        raise obstacle


def _need_staffing(decision: CaseDecision) -> None:
    if decision.case.status not in STAFFING:
        raise Refusal("review.not-staffing", stands=decision.stands)


def accept(decision: CaseDecision) -> None:
    """The acting expert takes the assignment, checked for conflicts once more. Raises Refusal."""
    place = _own_place(decision)
    if place.status is PlaceStatus.ACCEPTED:
        return
    decision.need_duty(Duty.JUDGES)
    seat = decision.known(place.expert).entry.seat()
    for obstacle in conflict.obstacles(seat, decision.case, decision.edition, decision.actor.id):
        raise obstacle
    decision.then(
        ExpertAcceptedV1(
            actor=decision.actor,
            round=decision.case.round,
            expert_id=place.expert,
            notify=decision.case.deciding(),
        )
    )


def decline(decision: CaseDecision, command: Decline) -> None:
    """The acting expert does not take the assignment, or gives it back before an opinion. Raises Refusal."""
    place = _own_place(decision)
    _need_no_opinion(place)
    decision.then(
        ExpertDeclinedV1.made_of(
            command,
            actor=decision.actor,
            round=decision.case.round,
            expert_id=place.expert,
            notify=decision.case.deciding(),
        )
    )


def release(decision: CaseDecision, command: Release) -> None:
    """Takes an assignment back. Raises Refusal when the expert has given an opinion, or is not on the case."""
    decision.need_own_case()
    place = _place_of(decision, command.expert_id)
    _need_no_opinion(place)
    _leave(decision, place, command.why, None)


def hand_over(decision: CaseDecision, command: HandOver) -> None:
    """Gives one expert's assignment to another, under the same checks as an assignment.

    It is one decision: either both happen, or nothing does. Whose case it is does not matter, for an absent
    expert's work is handed over for all operators at once; but nobody hands over, or takes, work of his own.
    """
    decision.need_duty(Duty.PREPARES)
    place = _place_of(decision, command.expert_id)
    _need_no_opinion(place)
    _need_free(decision, command.to)
    _leave(decision, place, command.why, command.to)
    _seat(decision, command.to, command.expert_id)


def _leave(decision: CaseDecision, place: Place, why: str, to: str | None) -> None:
    decision.then(
        ExpertReleasedV1(
            actor=decision.actor,
            round=decision.case.round,
            expert_id=place.expert,
            why=why,
            to=to,
            notify=(place.expert,),
        )
    )


def _own_place(decision: CaseDecision) -> Place:
    place = decision.case.place_of(decision.actor.id)
    if place is None or decision.actor.id in decision.case.hidden_from:
        raise Refusal("assignment.not-yours", status=403)
    if decision.case.status not in WORKING:
        raise Refusal("review.not-staffing", stands=decision.stands)
    return place


def _place_of(decision: CaseDecision, expert: str) -> Place:
    place = decision.case.place_of(expert)
    if place is None:
        raise Refusal("expert.not-on-the-case")
    if decision.case.status not in WORKING:
        raise Refusal("review.not-staffing", stands=decision.stands)
    return place


def _need_no_opinion(place: Place) -> None:
    if place.opinions:
        raise Refusal("opinion.given")
