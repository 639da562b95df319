"""What an agency can follow of an event of its own, without Kafka: one document that says how it stands.

Nothing in it is personal, and nothing that is not told in the receipts topic as well.
"""

from enum import StrEnum
from typing import assert_never

from pydantic import BaseModel

from contracts.agency import ReceiptConclusion, ReceiptDecision, ReceiptOutcome, ReceiptStep
from contracts.event import Moment
from contracts.reference import Problem, ReturnReason
from contracts.steps import ApplicationStop
from services.chassis.subject import Document, Record
from services.intake.domain.state import ExpertiseTerm, Pilot, Request, Status, pilot_id
from services.intake.receipts import why_parked


class WaitsFor(StrEnum):
    """Who has the next move: the officer who looks the application over, the applicant, the expertise, the Council, or
    who carries the pilot out."""

    OFFICER = "officer"
    APPLICANT = "applicant"
    EXPERTISE = "expertise"
    COUNCIL = "council"
    EXECUTOR = "executor"


class Receipt(BaseModel):
    """A receipt (квитанция): what became of an event, and how the pilot that it is about stands now.

    `outcome` and `problems` are of the event; `status`, `number`, `due_at` and all that follows are of its pilot. Of an
    event that is parked nothing else is known.
    """

    event_id: str
    outcome: ReceiptOutcome
    agency: str
    pilot: str
    status: Status | None = None
    number: str | None = None
    own_number: str | None = None
    edition: str | None = None
    due_at: Moment | None = None
    problems: tuple[Problem, ...]
    reasons: tuple[ReturnReason, ...] = ()
    stopped: ApplicationStop | None = None
    received: Moment | None = None
    submission: int | None = None
    waits_for: WaitsFor | None = None
    expertise: ExpertiseTerm | None = None
    open_requests: tuple[Request, ...] = ()
    conclusion: ReceiptConclusion | None = None
    decision: ReceiptDecision | None = None
    steps: tuple[ReceiptStep, ...] = ()


def parked(agency: str, event_id: str, record: Record) -> Receipt:
    """What an agency is told of its event while it is parked."""
    return Receipt(
        event_id=event_id,
        outcome=ReceiptOutcome.PARKED,
        agency=agency,
        pilot=pilot_id(agency, event_id),
        problems=why_parked(record),
    )


def receipt(document: Document, event_id: str) -> Receipt | None:
    """What became of an agency's event, as its receipt says it; with nothing in it that is personal.

    Of a later event its own outcome and problems are told, and how its pilot stands. None for one whose outcome is
    not kept here (any more).
    """
    state = document.state
    assert isinstance(state, Pilot)
    told = state.told(event_id)
    if told is None and document.subject != pilot_id(state.agency, event_id):
        return None
    outcome = ReceiptOutcome.REFUSED if state.status is Status.REFUSED else ReceiptOutcome.REGISTERED
    return Receipt(
        event_id=told.event_id if told else state.event_id,
        outcome=told.outcome if told else outcome,
        agency=state.agency,
        pilot=document.subject,
        status=state.status,
        number=state.number,
        own_number=state.application.own_number if state.application else None,
        edition=state.edition,
        due_at=state.due_at if state.running else None,
        problems=told.problems if told else state.problems,
        reasons=state.reasons,
        stopped=state.stopped,
        received=state.received,
        submission=state.submission,
        waits_for=waits_for(state),
        expertise=state.expertise,
        open_requests=state.open_requests,
        conclusion=state.conclusion,
        decision=state.decision,
        steps=state.steps,
    )


def waits_for(state: Pilot) -> WaitsFor | None:
    """Who has the next move; None where nothing follows any more."""
    over = state.carrying_out is not None and state.carrying_out.over
    return next_of(state.status, running=bool(state.running), asked=bool(state.open_requests), over=over)


def next_of(status: Status, *, running: bool, asked: bool, over: bool) -> WaitsFor | None:
    """The same of a state as it is stored: whether a term of intake's runs, the applicant was asked for something that
    is not answered, and carrying out is over."""
    match status:
        case Status.REGISTERED:
            return WaitsFor.OFFICER
        case Status.RETURNED:
            return WaitsFor.APPLICANT
        case Status.ACCEPTED:
            return WaitsFor.APPLICANT if asked else WaitsFor.EXPERTISE
        case Status.CONCLUDED:
            return WaitsFor.APPLICANT if running else WaitsFor.COUNCIL
        case Status.DECIDED:
            return None if over else WaitsFor.EXECUTOR
        case Status.REFUSED | Status.LAPSED | Status.WITHDRAWN | Status.STOPPED | Status.REFUSED_IN_EXPERTISE:
            return None
        case _:
            assert_never(status)
