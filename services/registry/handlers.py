"""What the register makes of the other services' facts: fact -> command; and its own facts -> timeline rows."""

from collections.abc import Mapping
from typing import Any, Final

from contracts.event import Event
from contracts.expertise import ConclusionIssuedV1
from contracts.intake import (
    ApplicationAcceptedV1,
    ApplicationRegisteredV1,
    ApplicationReturnedV1,
    TermBreachedV1,
    TermEndedV1,
    TermStartedV1,
)
from contracts.registry import ApplicationOutcome, TermStage
from services.chassis.store import Row
from services.registry.domain.pilot import Enter, RecordConclusion, RecordOutcome, RecordTerm

TIMELINE: Final = "timeline"


def translate(event: Event) -> object | None:
    """What another service's fact asks the register to record; None where it only passes by."""
    match event.fact:
        case ApplicationRegisteredV1() as fact:
            return Enter(fact.agency, fact.number, fact.edition, fact.submitted, fact.application)
        case ApplicationAcceptedV1():
            return RecordOutcome(ApplicationOutcome.ACCEPTED)
        case ApplicationReturnedV1() as fact:
            return RecordOutcome(ApplicationOutcome.RETURNED, fact.reasons)
        case TermStartedV1() as fact:
            return RecordTerm(fact.term.kind, TermStage.STARTED, fact.due_at)
        case TermBreachedV1() as fact:
            return RecordTerm(fact.kind, TermStage.BREACHED, fact.due_at)
        case TermEndedV1() as fact:
            return RecordTerm(fact.kind, TermStage.ENDED)
        case ConclusionIssuedV1() as fact:
            return RecordConclusion(fact.round, fact.verdict, fact.text, fact.remarks)
    return None


def journal(event: Mapping[str, Any]) -> list[tuple[str, Row]]:
    """The timeline's row for an own fact: who, when, what, on which basis, and by what it was caused."""
    data = event["data"]
    hidden = {"actor", "cause", "after", "basis"}
    row: Row = {
        "_id": f"{event['subject']}/{event['sequence']}",
        "pilot": event["subject"],
        "sequence": int(event["sequence"]),
        "time": event["time"],
        "type": event["type"],
        "event": event["id"],
        "actor": data["actor"],
        "basis": data.get("basis"),
        "correlation": event["correlationid"],
        "trace": event.get("traceparent"),
        "what": {k: v for k, v in data.items() if k not in hidden},
    }
    return [(TIMELINE, row)]
