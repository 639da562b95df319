"""What the register makes of the other services' facts: fact -> command; and its own facts -> timeline rows.

Intake tells the agency what the expertise said, and the expertise takes up what intake registered, so many things
stand in both topics. Each is recorded once, from the service that decides on it: what becomes of the application and
what it says (ended expertise and answers among it) from intake, conclusions and their annulment from the expertise.
"""

from collections.abc import Mapping
from typing import Any, Final

from contracts import expertise, intake
from contracts.event import Event, Fact
from contracts.registry import ApplicationOutcome, TermStage
from services.chassis.store import Row
from services.registry.domain.pilot import (
    INTAKE,
    Command,
    Enter,
    RecordAmendment,
    RecordAnnulment,
    RecordConclusion,
    RecordOutcome,
    RecordTerm,
)

TIMELINE: Final = "timeline"
CLOSED: Final[Mapping[str, ApplicationOutcome]] = {
    expertise.Closure.RETURNED: ApplicationOutcome.RETURNED,
    expertise.Closure.REFUSED: ApplicationOutcome.REFUSED,
}
"""What becomes of an application whose expertise ended without a conclusion; the other ends are intake's own."""


def translate(event: Event) -> Command | None:
    """What another service's fact asks the register to record; None where it only passes by."""
    return _of_application(event.fact) or _of_term(event.fact) or _of_conclusion(event.fact)


def _of_application(fact: Fact) -> Command | None:
    match fact:
        case intake.ApplicationRegisteredV1():
            return Enter(fact.agency, fact.number, fact.edition, fact.submitted, fact.application)
        case intake.ApplicationAcceptedV1():
            return RecordOutcome(ApplicationOutcome.ACCEPTED)
        case intake.ApplicationReturnedV1():
            return RecordOutcome(ApplicationOutcome.RETURNED, fact.reasons)
        case intake.ResubmissionRegisteredV1():
            return RecordOutcome(ApplicationOutcome.RESUBMITTED, application=fact.application)
        case intake.ClarificationRegisteredV1():
            return RecordAmendment(fact.request, fact.application)
        case intake.WithdrawalRegisteredV1():
            return RecordOutcome(ApplicationOutcome.WITHDRAWN, text=fact.reason)
        case intake.ApplicationStoppedV1():
            return RecordOutcome(ApplicationOutcome.STOPPED, text=fact.reason, basis=fact.basis)
        case intake.ApplicationLapsedV1():
            return RecordOutcome(ApplicationOutcome.LAPSED)
        case intake.ExpertiseClosedV1() if fact.outcome in CLOSED:
            return RecordOutcome(CLOSED[fact.outcome], fact.reasons)
    return None


def _of_term(fact: Fact) -> Command | None:
    match fact:
        case intake.TermStartedV1():
            return RecordTerm(fact.term.kind, TermStage.STARTED, fact.due_at)
        case expertise.TermStartedV1():
            return RecordTerm(fact.term.kind, TermStage.STARTED, fact.clock.due_at)
        case expertise.TermSuspendedV1():
            return RecordTerm(fact.kind, TermStage.SUSPENDED)
        case expertise.TermResumedV1():
            return RecordTerm(fact.kind, TermStage.RESUMED, fact.clock.due_at)
        case expertise.TermExtendedV1():
            return RecordTerm(fact.kind, TermStage.EXTENDED, fact.clock.due_at)
        case intake.TermRecalendaredV1() | expertise.TermRecalendaredV1():
            # A running clock with nothing left to announce: the breach that was announced is one still.
            breached = fact.due_at is not None and fact.clock.alarm_at is None
            return RecordTerm(fact.kind, TermStage.RECALENDARED, fact.due_at, breached)
        case intake.TermBreachedV1() | expertise.TermBreachedV1():
            return RecordTerm(fact.kind, TermStage.BREACHED, fact.due_at)
        case intake.TermEndedV1() | expertise.TermEndedV1():
            return RecordTerm(fact.kind, TermStage.ENDED)
    return None


def _of_conclusion(fact: Fact) -> Command | None:
    match fact:
        case expertise.ConclusionIssuedV1():
            return RecordConclusion(
                round=fact.round,
                number=fact.number,
                date=fact.date,
                verdict=fact.verdict,
                text=fact.text,
                remarks=fact.remarks,
                replaces=fact.replaces,
                knowing=fact.after.get(INTAKE, 0),
            )
        case expertise.ConclusionAnnulledV1():
            return RecordAnnulment(fact.round, fact.number)
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
