"""How a review begins and how it ends without a conclusion: opened, returned, refused, withdrawn, stopped."""

from collections.abc import Sequence
from typing import assert_never

from contracts.expertise import (
    Closure,
    RequestClosedV1,
    RequestOutcome,
    ReviewClosedV1,
    ReviewKind,
    ReviewOpenedV1,
)
from contracts.reference import Application, Met, ReturnReason
from contracts.rules import Edition
from services.expertise.domain import conflict
from services.expertise.domain.casework import CaseDecision
from services.expertise.domain.changes import changes
from services.expertise.domain.commands import CloseFor, EndWithout, Open
from services.expertise.domain.state import FINAL, FIRST_OF, TERM_OF, Case
from services.expertise.domain.terms import TERMS
from services.law.decision import Refusal
from services.law.faults import need_reasons


def rounds_left(case: Case, edition: Edition) -> int:
    """How many repeat expertises may still follow (assumption: a number of the edition)."""
    repeats = sum(1 for one in (*case.past, case) if one.kind is ReviewKind.REPEAT)
    return max(0, edition.numbers.repeat_expertise_max.value - repeats)


def opinions_needed(kind: ReviewKind, edition: Edition) -> int:
    """How many opinions a review of a kind needs (assumption: a number of the edition for each kind)."""
    numbers = edition.numbers
    match kind:
        case ReviewKind.FIRST:
            return numbers.opinions_first.value
        case ReviewKind.REPEAT:
            return numbers.opinions_repeat.value
        case ReviewKind.CREDIT:
            return numbers.opinions_credit.value
        case ReviewKind.REPLICATION:
            return numbers.opinions_replication.value
        case _:
            assert_never(kind)


def may_come_again(decision: CaseDecision) -> bool:
    """Whether the application may be sent again after this round: a repeat counts, a first review does not."""
    return decision.case.kind is not ReviewKind.REPEAT or rounds_left(decision.case, decision.edition) > 0


def open_first(decision: CaseDecision, command: Open) -> None:
    """The first review of an application, of the kind that its procedure asks for."""
    kind = FIRST_OF[command.application.procedure]
    decision.then(
        ReviewOpenedV1(
            actor=decision.actor,
            agency=command.agency,
            number=command.number,
            edition=command.edition,
            round=1,
            kind=kind,
            submission=command.submission,
            opened=decision.now,
            application=command.application,
            needed=opinions_needed(kind, decision.edition),
        )
    )
    decision.then(TERMS.started(decision, TERM_OF[kind]))


def open_again(decision: CaseDecision, command: Open) -> None:
    """A round for a new submission: a repeat expertise where a conclusion was given before.

    What is still open (an appeal at most, for a case is not resubmitted while it is worked on) is overtaken.
    """
    if command.submission <= decision.case.submission:
        return
    if decision.case.status not in FINAL:
        close(decision, Closure.OVERTAKEN, (), None)
    open_round(decision, command.application, command.submission, command.met)
    conflict.recheck_all(decision)


def open_round(decision: CaseDecision, application: Application, submission: int, met: tuple[Met, ...]) -> None:
    """The next round of a case that stands still."""
    case = decision.case
    earlier = case.conclusions[-1].number if case.conclusions else None
    kind = ReviewKind.REPEAT if earlier else FIRST_OF[application.procedure]
    decision.then(
        ReviewOpenedV1(
            actor=decision.actor,
            agency=case.agency,
            number=case.number,
            edition=case.edition,
            round=case.round + 1,
            kind=kind,
            submission=submission,
            opened=decision.now,
            application=application,
            needed=opinions_needed(kind, decision.edition),
            earlier=earlier,
            changes=changes(case.application, application),
            met=met,
            notify=case.deciding(),
        )
    )
    decision.then(TERMS.started(decision, TERM_OF[kind]))


def end_without(decision: CaseDecision, command: EndWithout) -> None:
    """The operator sends the application back or refuses it, also while the applicant is asked. Raises Refusal."""
    decision.need_own_case()
    if not decision.case.undecided():
        raise Refusal("review.not-working", stands=decision.stands)
    if command.outcome not in (Closure.RETURNED, Closure.REFUSED):
        raise Refusal("closure.not-yours", status=422)
    need_reasons(command.reasons, decision.edition)
    if command.outcome is Closure.RETURNED and not may_come_again(decision):
        raise Refusal("rounds.none-left")
    close(decision, command.outcome, command.reasons, command.text)


def close_for(decision: CaseDecision, command: CloseFor) -> None:
    """The application was withdrawn or stopped: what is open here is closed, with the reason."""
    if decision.case.status not in FINAL:
        close(decision, command.outcome, (), command.text)


def close(decision: CaseDecision, outcome: Closure, reasons: Sequence[ReturnReason], text: str | None) -> None:
    """Closes all that is open: the request, every term, the review itself."""
    case = decision.case
    if (request := case.request()) is not None:
        decision.then(
            RequestClosedV1(actor=decision.actor, round=case.round, request=request.id, outcome=RequestOutcome.CLOSED)
        )
    TERMS.end_all(decision)
    decision.then(
        ReviewClosedV1(
            actor=decision.actor,
            agency=case.agency,
            round=case.round,
            submission=case.submission,
            at=decision.now,
            outcome=outcome,
            reasons=tuple(reasons),
            text=text,
            rounds_left=rounds_left(case, decision.edition),
            notify=case.people(),
        )
    )
