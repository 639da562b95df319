"""The case of a pilot (дело экспертизы): what follows from each command, and when its timer must fire."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from contracts.event import Fact
from services.expertise.domain import closing, concluding, conflict, opinions, requests, staffing
from services.expertise.domain import terms as clock
from services.expertise.domain.casework import Course
from services.expertise.domain.commands import (
    AcceptAssignment,
    Approve,
    AskApplicant,
    Assign,
    CancelRequest,
    Claim,
    CloseFor,
    Command,
    Confirm,
    DecideAppeal,
    Declare,
    Decline,
    Dismiss,
    EndWithout,
    Extend,
    GiveOpinion,
    HandOver,
    Number,
    Open,
    OpenAppeal,
    Recalendar,
    Recheck,
    Release,
    SendBack,
    TakeAnswers,
    Tick,
    Unclaim,
    WriteConclusion,
)
from services.expertise.domain.evolve import evolve
from services.expertise.domain.expert import Given
from services.expertise.domain.state import CLARIFICATION, KIND, Case
from services.law.decision import Context, Refusal

__all__ = ["KIND", "Case", "decide", "due", "evolve"]


def decide(state: Case | None, command: Command, context: Context[Given]) -> Sequence[Fact]:
    """What follows from a command. Raises Refusal for what a person cannot do now, or is not the one to do."""
    if isinstance(command, Open) and state is None:
        course = Course(None, context.given.rules.edition(command.edition), context)
        closing.open_first(course, command)
        return course.facts
    if state is None:
        if isinstance(command, (TakeAnswers, CloseFor, Recheck, Number, Tick, Recalendar)):
            return ()
        raise Refusal("review.unknown", "There is no such case.", status=404)
    course = Course(state, context.given.rules.edition(state.edition), context)
    _carry_out(course, command)
    return course.facts


def _carry_out(course: Course, command: Command) -> None:
    match command:
        case Open():
            closing.open_again(course, command)
        case TakeAnswers():
            requests.take(course, command)
        case CloseFor():
            closing.close_for(course, command)
        case Claim() | Unclaim() | Assign() | AcceptAssignment() | Decline() | Release() | HandOver():
            _staff(course, command)
        case Declare():
            conflict.declare(course, command)
        case Dismiss():
            conflict.dismiss(course, command)
            opinions.call_for_another(course)
        case Confirm():
            conflict.confirm(course, command)
        case Recheck():
            conflict.recheck(course, command)
        case GiveOpinion():
            opinions.give(course, command)
        case AskApplicant():
            requests.ask(course, command)
        case CancelRequest():
            requests.cancel(course, command)
        case Extend():
            clock.extend(course, command)
        case EndWithout():
            closing.end_without(course, command)
        case WriteConclusion() | SendBack() | Approve() | Number() | OpenAppeal() | DecideAppeal():
            _conclude(course, command)
        case Tick():
            _ticked(course)
        case Recalendar():
            clock.recalendar(course)
        case _:
            assert_never(command)


def _staff(course: Course, command: Claim | Unclaim | Assign | AcceptAssignment | Decline | Release | HandOver) -> None:
    match command:
        case Claim():
            staffing.claim(course)
        case Unclaim():
            staffing.unclaim(course, command)
        case Assign():
            staffing.assign(course, command)
        case AcceptAssignment():
            staffing.accept(course)
        case Decline():
            staffing.decline(course, command)
        case Release():
            staffing.release(course, command)
        case HandOver():
            staffing.hand_over(course, command)


def _conclude(
    course: Course, command: WriteConclusion | SendBack | Approve | Number | OpenAppeal | DecideAppeal
) -> None:
    match command:
        case WriteConclusion():
            concluding.write(course, command)
        case SendBack():
            concluding.send_back(course, command)
        case Approve():
            concluding.approve(course)
        case Number():
            concluding.number(course, command)
        case OpenAppeal():
            concluding.open_appeal(course, command)
        case DecideAppeal():
            concluding.decide_appeal(course, command)


def _ticked(course: Course) -> None:
    """Announces what has come; an unanswered request that ran out ends as it was chosen in advance."""
    if any(running.kind == CLARIFICATION for running in clock.announce(course)):
        requests.expire(course)


def due(state: Case) -> datetime | None:
    """When the timer must fire: at the first announcement that any open term asks for."""
    alarms = [one.clock.alarm_at for one in state.terms if one.open and one.clock.alarm_at is not None]
    return min(alarms, default=None)
