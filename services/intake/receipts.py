"""The receipts (квитанции) that go to an agency with the facts that concern it. Pure: of the fact alone."""

import json
from collections.abc import Mapping
from typing import Any, Final

from contracts.agency import (
    ReceiptConclusion,
    ReceiptDecision,
    ReceiptIssuedV1,
    ReceiptOutcome,
    ReceiptReminder,
    ReceiptRequest,
)
from contracts.event import Event, Fact, headers, wire_moment
from contracts.intake import (
    ApplicationAcceptedV1,
    ApplicationLapsedV1,
    ApplicationRegisteredV1,
    ApplicationReturnedV1,
    ApplicationStoppedV1,
    ClarificationRegisteredV1,
    CompletionRegisteredV1,
    ConclusionAnnulmentForwardedV1,
    ConclusionForwardedV1,
    DecisionForwardedV1,
    EventRefusedV1,
    ExpertiseClosedV1,
    InformationRequestClosedV1,
    InformationRequestForwardedV1,
    ProgressRegisteredV1,
    ResubmissionRegisteredV1,
    ResultRegisteredV1,
    RiskRegisteredV1,
    SpendingRegisteredV1,
    SubmissionRefusedV1,
    TermReminderForwardedV1,
    WithdrawalRegisteredV1,
)
from contracts.reference import ReturnReason
from contracts.topics import receipts_topic
from services.chassis.outbox import Message

OUTCOMES: Final[Mapping[type[Fact], ReceiptOutcome]] = {
    ApplicationRegisteredV1: ReceiptOutcome.REGISTERED,
    SubmissionRefusedV1: ReceiptOutcome.REFUSED,
    EventRefusedV1: ReceiptOutcome.REFUSED,
    ApplicationAcceptedV1: ReceiptOutcome.ACCEPTED,
    ApplicationReturnedV1: ReceiptOutcome.RETURNED,
    ResubmissionRegisteredV1: ReceiptOutcome.RESUBMITTED,
    WithdrawalRegisteredV1: ReceiptOutcome.WITHDRAWN,
    ApplicationStoppedV1: ReceiptOutcome.STOPPED,
    ApplicationLapsedV1: ReceiptOutcome.LAPSED,
    InformationRequestForwardedV1: ReceiptOutcome.INFORMATION_REQUESTED,
    ClarificationRegisteredV1: ReceiptOutcome.ANSWERS_TAKEN,
    InformationRequestClosedV1: ReceiptOutcome.REQUEST_CLOSED,
    ConclusionForwardedV1: ReceiptOutcome.CONCLUDED,
    ConclusionAnnulmentForwardedV1: ReceiptOutcome.CONCLUSION_ANNULLED,
    ExpertiseClosedV1: ReceiptOutcome.CLOSED,
    DecisionForwardedV1: ReceiptOutcome.DECIDED,
    ProgressRegisteredV1: ReceiptOutcome.REPORTED,
    SpendingRegisteredV1: ReceiptOutcome.REPORTED,
    RiskRegisteredV1: ReceiptOutcome.REPORTED,
    ResultRegisteredV1: ReceiptOutcome.REPORTED,
    CompletionRegisteredV1: ReceiptOutcome.REPORTED,
    TermReminderForwardedV1: ReceiptOutcome.REMINDED,
}
"""What a receipt says became of the application or event, by the fact."""


def copies(event: Event) -> list[Message]:
    """The receipt that goes to the agency with a fact that concerns it."""
    receipt = receipt_of(event)
    if receipt is None:
        return []
    body = {
        "specversion": "1.0",
        "id": f"{event.id}.receipt",
        "source": "/services/intake",
        "type": ReceiptIssuedV1.TYPE,
        "subject": event.subject,
        "time": wire_moment(event.time),
        "datacontenttype": "application/json",
        "dataschema": f"urn:lotsman:schema:{ReceiptIssuedV1.TYPE}",
        "causationid": event.id,
        "correlationid": event.correlation,
        **event.trace,
        "data": receipt.model_dump(mode="json"),
    }
    value = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return [Message(receipts_topic(receipt.agency).name, event.subject, value, headers(body))]


def receipt_of(event: Event) -> ReceiptIssuedV1 | None:
    """What a fact tells the agency; None where it does not concern it. It goes by the id of the agency's event that the
    fact answers, else by that of the event which began the pilot."""
    outcome = OUTCOMES.get(type(event.fact))
    if outcome is None:
        return None
    event_id = getattr(event.fact, "event_id", None) or event.correlation
    own_words = {"event_id": event_id, "outcome": outcome, "pilot": event.subject, "reasons": (), **_more(event.fact)}
    return ReceiptIssuedV1.made_of(event.fact, **own_words)


def _more(fact: Fact) -> dict[str, Any]:
    """What a receipt says beside the fields that it shares with its fact."""
    match fact:
        case ApplicationRegisteredV1() | ResubmissionRegisteredV1():
            return {"own_number": fact.application.own_number, "due_at": fact.look_over_due_at}
        case ApplicationAcceptedV1():
            return {"own_number": fact.application.own_number}
        case ApplicationReturnedV1():
            return {"reasons": _codes(fact.reasons)}
        case ApplicationStoppedV1():  # a stop has no codes: its words stand in their place
            return {"reasons": (fact.reason,)}
        case ExpertiseClosedV1():
            return {"reasons": (fact.outcome, *_codes(fact.reasons))}
        case InformationRequestForwardedV1(request=request, items=items):
            open_items = tuple(item.id for item in items)
            asked = ReceiptRequest(id=request, items=items, open_items=open_items, on_expiry=fact.on_expiry)
            return {"request": asked}
        case ClarificationRegisteredV1():
            left = ReceiptRequest(id=fact.request, open_items=fact.open_items)
            return {"request": left, "own_number": fact.application.own_number}
        case InformationRequestClosedV1():
            closed = ReceiptRequest(id=fact.request, outcome=fact.outcome)
            return {"request": closed, "reasons": (fact.outcome,)}
        case ConclusionForwardedV1():
            return {"conclusion": ReceiptConclusion.made_of(fact, number=fact.conclusion_number)}
        case DecisionForwardedV1():
            return {"decision": ReceiptDecision.made_of(fact)}
        case TermReminderForwardedV1():
            return {"reminder": ReceiptReminder.made_of(fact)}
    return {}


def _codes(reasons: tuple[ReturnReason, ...]) -> tuple[str, ...]:
    return tuple(reason.code for reason in reasons)
