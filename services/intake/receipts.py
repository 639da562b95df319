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
from contracts.event import headers
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
from contracts.topics import receipts_topic
from services.chassis.outbox import Message

OUTCOMES: Final = {
    ApplicationRegisteredV1.TYPE: ReceiptOutcome.REGISTERED,
    SubmissionRefusedV1.TYPE: ReceiptOutcome.REFUSED,
    EventRefusedV1.TYPE: ReceiptOutcome.REFUSED,
    ApplicationAcceptedV1.TYPE: ReceiptOutcome.ACCEPTED,
    ApplicationReturnedV1.TYPE: ReceiptOutcome.RETURNED,
    ResubmissionRegisteredV1.TYPE: ReceiptOutcome.RESUBMITTED,
    WithdrawalRegisteredV1.TYPE: ReceiptOutcome.WITHDRAWN,
    ApplicationStoppedV1.TYPE: ReceiptOutcome.STOPPED,
    ApplicationLapsedV1.TYPE: ReceiptOutcome.LAPSED,
    InformationRequestForwardedV1.TYPE: ReceiptOutcome.INFORMATION_REQUESTED,
    ClarificationRegisteredV1.TYPE: ReceiptOutcome.ANSWERS_TAKEN,
    InformationRequestClosedV1.TYPE: ReceiptOutcome.REQUEST_CLOSED,
    ConclusionForwardedV1.TYPE: ReceiptOutcome.CONCLUDED,
    ConclusionAnnulmentForwardedV1.TYPE: ReceiptOutcome.CONCLUSION_ANNULLED,
    ExpertiseClosedV1.TYPE: ReceiptOutcome.CLOSED,
    DecisionForwardedV1.TYPE: ReceiptOutcome.DECIDED,
    ProgressRegisteredV1.TYPE: ReceiptOutcome.REPORTED,
    SpendingRegisteredV1.TYPE: ReceiptOutcome.REPORTED,
    RiskRegisteredV1.TYPE: ReceiptOutcome.REPORTED,
    ResultRegisteredV1.TYPE: ReceiptOutcome.REPORTED,
    CompletionRegisteredV1.TYPE: ReceiptOutcome.REPORTED,
    TermReminderForwardedV1.TYPE: ReceiptOutcome.REMINDED,
}
"""What a receipt says became of the application or event, by the type of the fact."""


def copies(event: Mapping[str, Any]) -> list[Message]:
    """The receipt that goes to the agency with a fact that concerns it."""
    receipt = _receipt(event)
    if receipt is None:
        return []
    body = {
        "specversion": "1.0",
        "id": f"{event['id']}.receipt",
        "source": "/services/intake",
        "type": ReceiptIssuedV1.TYPE,
        "subject": event["subject"],
        "time": event["time"],
        "datacontenttype": "application/json",
        "dataschema": f"urn:lotsman:schema:{ReceiptIssuedV1.TYPE}",
        "causationid": event["id"],
        "correlationid": event["correlationid"],
        **{name: event[name] for name in ("traceparent", "tracestate") if event.get(name)},
        "data": receipt.model_dump(mode="json"),
    }
    value = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return [Message(receipts_topic(receipt.agency).name, event["subject"], value, headers(body))]


def _receipt(event: Mapping[str, Any]) -> ReceiptIssuedV1 | None:
    """It goes by the id of the agency's event that it answers, else by that of the event which began the pilot."""
    outcome, data = OUTCOMES.get(event["type"]), event["data"]
    if outcome is None:
        return None
    said = {
        "agency": data["agency"],
        "event_id": data.get("event_id") or event["correlationid"],
        "outcome": outcome,
        "pilot": event["subject"],
        "number": data.get("number"),
        "own_number": data.get("application", {}).get("own_number"),
        "due_at": data.get("look_over_due_at") or data.get("due_at"),
        "problems": data.get("problems", ()),
        "reasons": _reasons(data),
        "request": _request(data),
        "conclusion": _conclusion(data) if outcome is ReceiptOutcome.CONCLUDED else None,
        "conclusion_number": data.get("conclusion_number"),
        "decision": ReceiptDecision.model_validate(data) if outcome is ReceiptOutcome.DECIDED else None,
        "reminder": ReceiptReminder.model_validate(data) if outcome is ReceiptOutcome.REMINDED else None,
    }
    return ReceiptIssuedV1.model_validate(said)


def _reasons(data: Mapping[str, Any]) -> list[str]:
    """Codes, of a return or of how a request or the expertise ended; of a stop, which has no codes, its words."""
    if "basis" in data and "reason" in data:
        return [data["reason"]]
    ended = [data["outcome"]] if "outcome" in data else []
    return [*ended, *(reason["code"] for reason in data.get("reasons", ()))]


def _request(data: Mapping[str, Any]) -> ReceiptRequest | None:
    """What the fact says of a request: all of it when it is made, what is left of it when answers came, its end."""
    if "request" not in data:
        return None
    items = data.get("items", ())
    said = {
        "id": data["request"],
        "items": items,
        "open_items": data.get("open_items", [item["id"] for item in items]),
        "on_expiry": data.get("on_expiry"),
        "outcome": data.get("outcome"),
    }
    return ReceiptRequest.model_validate(said)


def _conclusion(data: Mapping[str, Any]) -> ReceiptConclusion:
    return ReceiptConclusion.model_validate({**data, "number": data["conclusion_number"]})
