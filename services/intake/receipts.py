"""The receipts (квитанции) that go to an agency with the facts that concern it. Pure: of the fact alone."""

import json
from collections.abc import Mapping
from typing import Any, Final

from contracts.agency import ReceiptConclusion, ReceiptDecision, ReceiptIssuedV1, ReceiptReminder, ReceiptRequest
from contracts.event import headers
from contracts.topics import receipts_topic
from services.chassis.outbox import Message

OUTCOMES: Final = {
    "pilots.intake.application-registered.v1": "registered",
    "pilots.intake.submission-refused.v1": "refused",
    "pilots.intake.event-refused.v1": "refused",
    "pilots.intake.application-accepted.v1": "accepted",
    "pilots.intake.application-returned.v1": "returned",
    "pilots.intake.resubmission-registered.v1": "resubmitted",
    "pilots.intake.withdrawal-registered.v1": "withdrawn",
    "pilots.intake.application-stopped.v1": "stopped",
    "pilots.intake.application-lapsed.v1": "lapsed",
    "pilots.intake.information-request-forwarded.v1": "information-requested",
    "pilots.intake.clarification-registered.v1": "answers-taken",
    "pilots.intake.information-request-closed.v1": "request-closed",
    "pilots.intake.conclusion-forwarded.v1": "concluded",
    "pilots.intake.conclusion-annulment-forwarded.v1": "conclusion-annulled",
    "pilots.intake.expertise-closed.v1": "closed",
    "pilots.intake.decision-forwarded.v1": "decided",
    "pilots.intake.progress-registered.v1": "reported",
    "pilots.intake.spending-registered.v1": "reported",
    "pilots.intake.risk-registered.v1": "reported",
    "pilots.intake.result-registered.v1": "reported",
    "pilots.intake.completion-registered.v1": "reported",
    "pilots.intake.term-reminder-forwarded.v1": "reminded",
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
        "conclusion": _conclusion(data) if outcome == "concluded" else None,
        "conclusion_number": data.get("conclusion_number"),
        "decision": ReceiptDecision.model_validate(data) if outcome == "decided" else None,
        "reminder": ReceiptReminder.model_validate(data) if outcome == "reminded" else None,
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
