"""The case of a pilot (дело экспертизы): what follows from each command, and when its timer must fire."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from contracts.event import Fact
from contracts.steps import (
    Appeal,
    AppealDecision,
    DeclaredConflict,
    Opinion,
    Question,
    TermExtension,
    WrittenConclusion,
)
from services.expertise.domain import closing, concluding, conflict, opinions, requests, staffing, terms
from services.expertise.domain.casework import CaseDecision
from services.expertise.domain.commands import (
    AcceptAssignment,
    Approve,
    Assign,
    CancelRequest,
    Claim,
    CloseFor,
    Command,
    Confirm,
    Decline,
    Dismiss,
    EndWithout,
    HandOver,
    Number,
    Open,
    Recalendar,
    Recheck,
    Release,
    SendBack,
    TakeAnswers,
    Tick,
    Unclaim,
)
from services.expertise.domain.expert import Given
from services.expertise.domain.state import CLARIFICATION, Case
from services.law.decision import Context, Refusal
from services.law.terms import next_alarm
from services.law.years import need_years


def decide(state: Case | None, command: Command, context: Context[Given]) -> Sequence[Fact]:
    """What follows from a command. Raises Refusal for what a person cannot do now, or is not the one to do."""
    if isinstance(command, Open) and state is None:
        decision = CaseDecision(None, context.given.rules.edition(command.edition), context)
        closing.open_first(decision, command)
        return decision.facts
    if state is None:
        if isinstance(command, (TakeAnswers, CloseFor, Recheck, Number, Tick, Recalendar)):
            return ()
        raise Refusal("review.unknown", status=404)
    decision = CaseDecision(state, context.given.rules.edition(state.edition), context)
    need_years(command, decision.edition)
    _carry_out(decision, command)
    return decision.facts


def _carry_out(decision: CaseDecision, command: Command) -> None:
    match command:
        case Open():
            closing.open_again(decision, command)
        case TakeAnswers():
            requests.take(decision, command)
        case CloseFor():
            closing.close_for(decision, command)
        case Claim() | Unclaim() | Assign() | AcceptAssignment() | Decline() | Release() | HandOver():
            _staff(decision, command)
        case DeclaredConflict():
            conflict.declare(decision, command)
        case Dismiss():
            conflict.dismiss(decision, command)
            opinions.call_for_another(decision)
        case Confirm():
            conflict.confirm(decision, command)
        case Recheck():
            conflict.recheck(decision, command)
        case Opinion():
            opinions.give(decision, command)
        case Question():
            requests.ask(decision, command)
        case CancelRequest():
            requests.cancel(decision, command)
        case TermExtension():
            terms.extend(decision, command)
        case EndWithout():
            closing.end_without(decision, command)
        case WrittenConclusion() | SendBack() | Approve() | Number() | Appeal() | AppealDecision():
            _conclude(decision, command)
        case Tick(moment):
            _ticked(decision, moment)
        case Recalendar():
            terms.TERMS.recalendar(decision)
        case _:
            assert_never(command)


def _staff(
    decision: CaseDecision, command: Claim | Unclaim | Assign | AcceptAssignment | Decline | Release | HandOver
) -> None:
    match command:
        case Claim():
            staffing.claim(decision)
        case Unclaim():
            staffing.unclaim(decision, command)
        case Assign():
            staffing.assign(decision, command)
        case AcceptAssignment():
            staffing.accept(decision)
        case Decline():
            staffing.decline(decision, command)
        case Release():
            staffing.release(decision, command)
        case HandOver():
            staffing.hand_over(decision, command)
        case _:
            assert_never(command)


def _conclude(
    decision: CaseDecision, command: WrittenConclusion | SendBack | Approve | Number | Appeal | AppealDecision
) -> None:
    match command:
        case WrittenConclusion():
            concluding.write(decision, command)
        case SendBack():
            concluding.send_back(decision, command)
        case Approve():
            concluding.approve(decision)
        case Number():
            concluding.number(decision, command)
        case Appeal():
            concluding.open_appeal(decision, command)
        case AppealDecision():
            concluding.decide_appeal(decision, command)
        case _:
            assert_never(command)


def _ticked(decision: CaseDecision, moment: datetime) -> None:
    """Announces what has come; an unanswered request that ran out ends as it was chosen in advance."""
    if any(running.kind == CLARIFICATION for running in terms.TERMS.announce(decision, moment)):
        requests.expire(decision)


def due(state: Case) -> datetime | None:
    """When the timer must fire: at the first announcement that any open term asks for."""
    return next_alarm(state.terms)
