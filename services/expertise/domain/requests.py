"""Requests for information (запросы сведений): itemised, bound to fields, on a term of their own."""

from contracts.expertise import (
    AnswersTakenV1,
    Closure,
    InformationRequestedV1,
    RequestClosedV1,
    RequestOutcome,
)
from contracts.reference import OnExpiry, Problem, ReturnReason
from contracts.steps import Question
from contracts.words import problem
from services.expertise.domain import conflict
from services.expertise.domain.casework import CaseDecision
from services.expertise.domain.changes import changes
from services.expertise.domain.closing import close, may_come_again
from services.expertise.domain.commands import CancelRequest, TakeAnswers
from services.expertise.domain.parts import Request
from services.expertise.domain.state import CLARIFICATION, WORKING
from services.expertise.domain.terms import TERMS
from services.law.decision import Refusal
from services.law.reasons import WAITING_APPLICANT

NO_ANSWER = "no-answer"
CLOSURE_OF = {OnExpiry.RETURN: Closure.RETURNED, OnExpiry.REFUSE: Closure.REFUSED}


def ask(decision: CaseDecision, command: Question) -> None:
    """Asks the applicant; the review's clock stops meanwhile where the edition says so. Raises Refusal."""
    decision.need_own_case()
    if decision.case.status not in WORKING:
        raise Refusal("review.not-working", stands=decision.stands)
    if decision.case.request() is not None:
        raise Refusal("request.open")
    _need_items(command)
    main = decision.case.main()
    stop = TERMS.stopped(decision, main.kind, WAITING_APPLICANT) if main is not None else None
    begun = TERMS.started(decision, CLARIFICATION)
    due = begun.clock.due_at
    assert due is not None, "a term that has just started runs"
    decision.then(
        InformationRequestedV1.made_of(
            command,
            actor=decision.actor,
            round=decision.case.round,
            submission=decision.case.submission,
            at=decision.now,
            request=f"r{decision.case.round}-{len(decision.case.requests) + 1}",
            due_at=due,
            stops_clock=stop is not None,
        ),
        begun,
    )
    if stop is not None:
        decision.then(stop)


def _need_items(command: Question) -> None:
    problems = list[Problem]()
    for name in ("id", "field"):
        met = set[str]()
        for place, item in enumerate(command.items):
            value = getattr(item, name)
            if value is not None and value in met:
                problems.append(problem(f"/items/{place}/{name}", "item.twice"))
            met.add(value)
    if problems or not command.items:
        raise Refusal("items.invalid", status=422, problems=problems)


def take(decision: CaseDecision, command: TakeAnswers) -> None:
    """Takes answers; when none is missing, the request is closed and the clock runs again.

    Answers that come after the request was closed still count as long as nothing is concluded: what the applicant
    said is not lost. Experts are checked against the application as it now is.
    """
    request = next((one for one in decision.case.requests if one.id == command.request), None)
    if request is None or not decision.case.undecided():
        return
    left = set(request.open_items) - {answer.item for answer in command.answers}
    barred = conflict.would_find(decision, command.application)
    decision.then(
        AnswersTakenV1(
            actor=decision.actor,
            round=decision.case.round,
            request=request.id,
            answers=command.answers,
            open_items=tuple(item for item in request.open_items if item in left),
            application=command.application,
            changes=changes(decision.case.application, command.application),
            notify=tuple(person for person in decision.case.people() if person not in barred),
        )
    )
    conflict.recheck_all(decision)
    if request.outcome is None and not left:
        shut(decision, request, RequestOutcome.ANSWERED)


def cancel(decision: CaseDecision, command: CancelRequest) -> None:
    """The operator does without the answers. Raises Refusal."""
    decision.need_own_case()
    request = decision.case.request()
    if request is None or request.id != command.request:
        raise Refusal("request.not-open")
    shut(decision, request, RequestOutcome.CANCELLED)


def shut(decision: CaseDecision, request: Request, outcome: RequestOutcome) -> None:
    """Closes a request: its term ends, and the review's clock runs again if the request had stopped it."""
    decision.then(
        RequestClosedV1(
            actor=decision.actor,
            round=decision.case.round,
            request=request.id,
            outcome=outcome,
            notify=decision.case.deciding(),
        )
    )
    TERMS.end(decision, CLARIFICATION)
    main = decision.case.main()
    if request.stopped_clock and main is not None:
        TERMS.resume(decision, main.kind)


def expire(decision: CaseDecision) -> None:
    """What was chosen when the request was made happens, now that its term has run out. Where no further round is
    allowed, nothing can be returned: then it is refused."""
    request = decision.case.request()
    if request is None:
        return
    shut(decision, request, RequestOutcome.EXPIRED)
    if (outcome := CLOSURE_OF.get(request.on_expiry)) is not None:
        if outcome is Closure.RETURNED and not may_come_again(decision):
            outcome = Closure.REFUSED
        close(decision, outcome, (ReturnReason(code=NO_ANSWER),), None)
