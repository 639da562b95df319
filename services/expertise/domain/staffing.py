"""Who works on a case (распределение): operators claim it, experts are assigned, accept, decline, hand over."""

from contracts.expertise import (
    CaseClaimedV1,
    CaseReleasedV1,
    ExpertAcceptedV1,
    ExpertAssignedV1,
    ExpertDeclinedV1,
    ExpertReleasedV1,
)
from services.expertise.domain import conflict
from services.expertise.domain.casework import Course
from services.expertise.domain.commands import Assign, Decline, HandOver, Release, Unclaim
from services.expertise.domain.expert import Known
from services.expertise.domain.state import FINAL, STAFFING, WORKING, Place, PlaceStatus
from services.law.decision import Refusal


def claim(course: Course) -> None:
    """The acting operator takes the case. Raises Refusal when another one has it, or nothing is open in it."""
    if course.case.status in FINAL:
        raise Refusal("review.not-open", "Nothing is open in this case.")
    course.need_own_case()
    if course.case.operator is None:
        course.then(CaseClaimedV1(actor=course.actor, round=course.case.round, operator_id=course.actor.id))


def unclaim(course: Course, command: Unclaim) -> None:
    """Gives the case back to the queue; an approver may do so for an operator who is away. Raises Refusal."""
    operator = course.case.operator
    if operator is None:
        return
    if course.actor.role != "approver":
        course.need_own_case()
    others = (operator,) if operator != course.actor.id else ()
    course.then(
        CaseReleasedV1(
            actor=course.actor,
            round=course.case.round,
            operator_id=operator,
            why=command.why,
            notify=others,
        )
    )


def assign(course: Course, command: Assign) -> None:
    """Assigns an expert who is free to judge and has room. Raises Refusal with what stands in the way."""
    course.need_own_case()
    _need_staffing(course)
    if course.case.place_of(command.expert_id) is not None:
        return
    if sum(1 for _ in course.case.active()) >= course.case.needed:
        raise Refusal("review.has-experts", f"The review has all {course.case.needed} experts that it needs.")
    _seat(course, command.expert_id, None)


def _seat(course: Course, expert: str, instead_of: str | None) -> None:
    known = course.known(expert)
    _need_available(course, known)
    seat = known.entry.seat()
    conflict.need_none(course, seat)
    course.then(
        ExpertAssignedV1(
            actor=course.actor,
            round=course.case.round,
            at=course.now,
            expert_id=expert,
            seat=seat,
            instead_of=instead_of,
            notify=(expert,),
        )
    )


def _need_available(course: Course, known: Known) -> None:
    entry = known.entry
    if not entry.active:
        raise Refusal("expert.inactive", "The expert is not active any more.")
    if entry.absent(course.today):
        raise Refusal("expert.absent", "The expert is away now.")
    if known.load >= entry.capacity:
        raise Refusal("expert.at-capacity", "The expert has no room for another review.")


def _need_staffing(course: Course) -> None:
    if course.case.status not in STAFFING:
        raise Refusal("review.not-staffing", f"The case stands at {course.case.status}: no expert is looked for.")


def accept(course: Course) -> None:
    """The acting expert takes the assignment, checked for conflicts once more. Raises Refusal."""
    place = _own_place(course)
    if place.status is PlaceStatus.ACCEPTED:
        return
    conflict.need_none(course, course.known(place.expert).entry.seat())
    course.then(
        ExpertAcceptedV1(
            actor=course.actor,
            round=course.case.round,
            expert_id=place.expert,
            notify=course.case.deciding(),
        )
    )


def decline(course: Course, command: Decline) -> None:
    """The acting expert does not take the assignment, or gives it back before an opinion. Raises Refusal."""
    place = _own_place(course)
    _need_no_opinion(place)
    course.then(
        ExpertDeclinedV1(
            actor=course.actor,
            round=course.case.round,
            expert_id=place.expert,
            why=command.why,
            notify=course.case.deciding(),
        )
    )


def release(course: Course, command: Release) -> None:
    """Takes an assignment back. Raises Refusal when the expert has given an opinion, or is not on the case."""
    course.need_own_case()
    place = _place_of(course, command.expert_id)
    _need_no_opinion(place)
    _leave(course, place, command.why, None)


def hand_over(course: Course, command: HandOver) -> None:
    """Gives one expert's assignment to another, under the same checks as an assignment.

    It is one decision: either both happen, or nothing does. Whose case it is does not matter, for an absent
    expert's work is handed over for all operators at once.
    """
    place = _place_of(course, command.expert_id)
    _need_no_opinion(place)
    if course.case.place_of(command.to) is not None:
        raise Refusal("expert.on-the-case", "The other expert is on this case already.")
    _leave(course, place, command.why, command.to)
    _seat(course, command.to, command.expert_id)


def _leave(course: Course, place: Place, why: str, to: str | None) -> None:
    course.then(
        ExpertReleasedV1(
            actor=course.actor,
            round=course.case.round,
            expert_id=place.expert,
            why=why,
            to=to,
            notify=(place.expert,),
        )
    )


def _own_place(course: Course) -> Place:
    place = course.case.place_of(course.actor.id)
    if place is None or course.actor.id in course.case.hidden_from:
        raise Refusal("assignment.not-yours", "You are not on this case.", status=403)
    if course.case.status not in WORKING:
        raise Refusal("review.not-staffing", f"The case stands at {course.case.status}.")
    return place


def _place_of(course: Course, expert: str) -> Place:
    place = course.case.place_of(expert)
    if place is None:
        raise Refusal("expert.not-on-the-case", "This expert is not on the case.")
    if course.case.status not in WORKING:
        raise Refusal("review.not-staffing", f"The case stands at {course.case.status}.")
    return place


def _need_no_opinion(place: Place) -> None:
    if place.opinions:
        raise Refusal("opinion.given", "The expert has given an opinion; it stays.")
