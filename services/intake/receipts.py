"""The receipts (квитанции) that go to an agency with the facts that concern it. Pure: of the fact alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, assert_never
from urllib.parse import quote

from contracts.agency import (
    ApplicationWithdrawnV1,
    ClarificationProvidedV1,
    CompletionReportedV1,
    ProgressReportedV1,
    ReceiptConclusion,
    ReceiptDecision,
    ReceiptIssuedV1,
    ReceiptOutcome,
    ReceiptReminder,
    ReceiptRequest,
    ReceiptStep,
    ResultReportedV1,
    RiskReportedV1,
    SpendingReportedV1,
)
from contracts.event import Event, Fact, envelope, headers, wire, wire_moment
from contracts.intake import (
    ApplicationAcceptedV1,
    ApplicationLapsedV1,
    ApplicationReceived,
    ApplicationRegisteredV1,
    ApplicationReturnedV1,
    ApplicationStoppedV1,
    CarryingOutNotedV1,
    ClarificationRegisteredV1,
    CompletionRegisteredV1,
    ConclusionAnnulmentForwardedV1,
    ConclusionForwardedV1,
    ConflictNotedV1,
    DecisionForwardedV1,
    EventReceived,
    EventRefused,
    EventRefusedV1,
    ExpertiseClosedV1,
    ExpertiseTermNotedV1,
    InformationRequestClosedV1,
    InformationRequestForwardedV1,
    PilotFact,
    ProgressRegisteredV1,
    ResubmissionRegisteredV1,
    ResultRegisteredV1,
    RiskRegisteredV1,
    SpendingRegisteredV1,
    StepForwardedV1,
    SubmissionRefusedV1,
    TermBreachedV1,
    TermEndedV1,
    TermNearingV1,
    TermRecalendaredV1,
    TermReminderForwardedV1,
    TermStartedV1,
    WithdrawalRegisteredV1,
)
from contracts.reference import Problem, ReturnReason
from contracts.topics import FACT_MAX_BYTES, INTAKE, agency_of, receipts_topic
from contracts.words import problem
from services.chassis import told_traces
from services.chassis.fold import MARGIN
from services.chassis.message import Message
from services.chassis.numbered import as_id
from services.chassis.parking import Aside, Parked
from services.chassis.store import Keys, Row
from services.chassis.subject import HTTP, KAFKA, Record
from services.intake.domain.state import REUSED, pilot_id
from services.intake.door import attributes_of, is_newer, newer_version, owner
from services.intake.parsing import parsed

JOURNAL: Final = "receipts"
"""The collection of all receipts: rows that facts make, but for those of events that are parked (`ASIDE`)."""
ASIDE: Final = told_traces.PARKED
REGISTERED: Final = ReceiptOutcome.REGISTERED.value
REJECTED: Final = "rejected"
CONFLICT: Final = "conflicts"
ANSWERED: Final = (REGISTERED, REJECTED, CONFLICT)
"""The verdicts of which a fact tells."""
IN_ORDER: Final[Keys] = (("at", 1), ("sequence", 1), ("_id", 1))
"""As they were issued: what intake takes together has one moment, and there the place in its pilot's series decides.
Rows of an earlier program have no place: they stand first in their moment."""
OF_PILOTS: Final[Keys] = (("agency", 1), ("pilot", 1), *IN_ORDER)
"""The index of several pilots as well: MongoDB merges its parts, each of which is in order."""
OF_A_PILOT: Final[Keys] = (("agency", 1), ("pilot", 1), ("outcome", 1), *IN_ORDER)
"""The index of some outcomes of one pilot, however many receipts it has of others."""
ANSWERS: Final[Keys] = (("at", 1), ("agency", 1), ("door", 1), ("verdict", 1))
"""The index that has all by which answered events are counted: no row is fetched."""
INDEXES: Final[Sequence[Keys]] = (
    (("agency", 1), *IN_ORDER),
    OF_PILOTS,
    OF_A_PILOT,
    (("agency", 1), ("outcome", 1), *IN_ORDER),
    ANSWERS,
)


class Door(StrEnum):
    """By which door an agency's event came."""

    KAFKA = KAFKA
    HTTP = HTTP


SHORT: Final[Mapping[str, Any]] = {
    "problems": (),
    "reasons": (),
    "request": None,
    "conclusion": None,
    "decision": None,
    "step": None,
    "reminder": None,
}
"""What makes a receipt long, and what stands in its place where it is too long."""


def publications(event: Event, most: int = FACT_MAX_BYTES - MARGIN) -> list[Message]:
    """The receipt that goes to the agency with a fact that concerns it.

    One of more than `most` bytes goes without what makes it long, and says where the whole of it is.
    """
    receipt = receipt_of(event)
    if receipt is None:
        return []
    message = _message(event, receipt)
    if len(message.value) <= most:
        return [message]
    whole_at = f"/v1/receipts/{quote(receipt.event_id, safe='')}"
    return [_message(event, receipt.model_copy(update={**SHORT, "whole_at": whole_at}))]


def projection(event: Event) -> list[tuple[str, Row]]:
    """A row of the journal for each receipt, so that an agency without Kafka reads them, too."""
    receipt = receipt_of(event)
    if receipt is None:
        return []
    return [(JOURNAL, {**_row(event.id, event.time, event.sequence, receipt), **_answer(event.fact)})]


def _answer(fact: Fact) -> Row:
    """What became of an agency's event, and by which door it came, of a fact that answers one."""
    if not isinstance(fact, EventReceived | EventRefused):
        return {}
    door = Door.KAFKA if fact.actor.id == owner(fact.agency) else Door.HTTP
    return {"door": door, "verdict": verdict_of(fact)}


def verdict_of(fact: EventReceived | EventRefused) -> str:
    """How the balance counts an event with this answer."""
    if isinstance(fact, EventReceived):
        return REGISTERED
    return CONFLICT if any(one.rule == REUSED for one in fact.problems) else REJECTED


def _row(id_: str, at: datetime, sequence: int, receipt: ReceiptIssuedV1) -> Row:
    said = receipt.model_dump(mode="json")
    named = {name: said[name] for name in ("agency", "pilot", "event_id", "outcome")}
    return {"_id": id_, "at": wire_moment(at), "sequence": sequence, **named, "receipt": said}


def journal(agency: str, *, pilots: Sequence[str] | None, outcomes: Sequence[str], since: datetime | None) -> Row:
    """The query of an agency's receipts; without outcomes of all of them."""
    query: Row = {"agency": agency}
    if pilots is not None:
        query["pilot"] = {"$in": list(pilots)}
    if outcomes:
        query["outcome"] = {"$in": sorted(outcomes)}
    if since is not None:
        query["at"] = {"$gte": wire_moment(since)}
    return query


def index_of(pilots: Sequence[str] | None, outcomes: Sequence[str]) -> Keys | None:
    """The index that gives them in their order, where the database could take another."""
    if pilots is None:
        return None
    return OF_A_PILOT if outcomes and len(pilots) == 1 else OF_PILOTS


def parked(one: Parked, now: datetime) -> Aside | None:
    """What an agency is told of an event that is parked; the receipt of what becomes of it follows when it is taken up.
    None for what no agency sent."""
    agency = agency_of(one.record.topic)
    if agency is None or one.event_id is None:
        return None
    receipt = ReceiptIssuedV1(
        agency=agency,
        event_id=one.event_id,
        outcome=ReceiptOutcome.PARKED,
        pilot=(one.subject and as_id(one.subject)) or pilot_id(agency, one.event_id),
        problems=why_parked(one.record),
    )
    id_ = f"{ASIDE}{one.record.id}"
    body = envelope(
        ReceiptIssuedV1.TYPE,
        receipt.model_dump(mode="json"),
        id=id_,
        service=INTAKE,
        subject=receipt.pilot,
        time=now,
        cause=one.record.id,
        correlation=one.event_id,
        trace=one.trace,
    )
    message = Message(receipts_topic(agency).name, receipt.pilot, wire(body), headers(body))
    return Aside(id_, message, (JOURNAL, _row(id_, now, 0, receipt)))


def why_parked(record: Record) -> tuple[Problem, ...]:
    """What an agency is told of why its event is parked: that a version of its type is not known yet, or that it is not
    the agency's to mend."""
    aside = problem("", "event.parked", action="retry", severity="warn")
    kind = parsed(record.value, attributes_of(record.headers)).event.get("type")
    if isinstance(kind, str) and is_newer(kind):
        return newer_version(kind).model_copy(update={"severity": "warn"}), aside
    return (aside,)


def _message(event: Event, receipt: ReceiptIssuedV1) -> Message:
    body = envelope(
        ReceiptIssuedV1.TYPE,
        receipt.model_dump(mode="json"),
        id=f"{event.id}.receipt",
        service=event.source,
        subject=event.subject,
        time=event.time,
        cause=event.id,
        correlation=event.correlation,
        trace=event.trace,
    )
    return Message(receipts_topic(receipt.agency).name, event.subject, wire(body), headers(body))


def receipt_of(event: Event) -> ReceiptIssuedV1 | None:
    """What a fact tells the agency; None where it does not concern it. It goes by the id of the agency's event that the
    fact answers, else by that of the event which began the pilot."""
    fact = event.fact
    told = _told(fact) if isinstance(fact, PilotFact) else None
    if told is None:
        return None
    outcome, more = told
    event_id = fact.event_id if isinstance(fact, EventReceived | EventRefused) else event.correlation
    return ReceiptIssuedV1.made_of(
        fact, **{"event_id": event_id, "outcome": outcome, "pilot": event.subject, "reasons": (), **more}
    )


def _told(fact: PilotFact) -> tuple[ReceiptOutcome, dict[str, Any]] | None:
    """What became of the application or event, and what the receipt says beside the fields that it shares with its
    fact."""
    match fact:
        case ApplicationRegisteredV1():
            return ReceiptOutcome.REGISTERED, _received(fact)
        case ResubmissionRegisteredV1():
            return ReceiptOutcome.RESUBMITTED, _received(fact)
        case SubmissionRefusedV1() | EventRefusedV1():
            return ReceiptOutcome.REFUSED, {}
        case ApplicationAcceptedV1():
            return ReceiptOutcome.ACCEPTED, {"own_number": fact.application.own_number}
        case ApplicationReturnedV1():
            return ReceiptOutcome.RETURNED, {"reasons": _codes(fact.reasons)}
        case WithdrawalRegisteredV1():
            return ReceiptOutcome.WITHDRAWN, {"event_type": ApplicationWithdrawnV1.TYPE}
        case ApplicationStoppedV1():  # a stop has no codes: its words stand in their place
            return ReceiptOutcome.STOPPED, {"reasons": (fact.reason,)}
        case ApplicationLapsedV1():
            return ReceiptOutcome.LAPSED, {}
        case InformationRequestForwardedV1(request=request, items=items):
            open_items = tuple(item.id for item in items)
            asked = ReceiptRequest(id=request, items=items, open_items=open_items, on_expiry=fact.on_expiry)
            return ReceiptOutcome.INFORMATION_REQUESTED, {"request": asked}
        case ClarificationRegisteredV1():
            left = ReceiptRequest(id=fact.request, open_items=fact.open_items)
            said = {"event_type": ClarificationProvidedV1.TYPE, "own_number": fact.application.own_number}
            return ReceiptOutcome.ANSWERS_TAKEN, {"request": left, **said}
        case InformationRequestClosedV1():
            closed = ReceiptRequest(id=fact.request, outcome=fact.outcome)
            return ReceiptOutcome.REQUEST_CLOSED, {"request": closed, "reasons": (fact.outcome,)}
        case ConclusionForwardedV1():
            conclusion = ReceiptConclusion.made_of(fact, number=fact.conclusion_number)
            return ReceiptOutcome.CONCLUDED, {"conclusion": conclusion}
        case ConclusionAnnulmentForwardedV1():
            return ReceiptOutcome.CONCLUSION_ANNULLED, {}
        case ExpertiseClosedV1():
            return ReceiptOutcome.CLOSED, {"reasons": (fact.outcome, *_codes(fact.reasons))}
        case DecisionForwardedV1():
            return ReceiptOutcome.DECIDED, {"decision": ReceiptDecision.made_of(fact)}
        case StepForwardedV1():
            return ReceiptOutcome(fact.step), {"step": ReceiptStep.made_of(fact), "decision": None}
        case TermReminderForwardedV1():
            return ReceiptOutcome.REMINDED, {"reminder": ReceiptReminder.made_of(fact)}
        case ProgressRegisteredV1():
            return ReceiptOutcome.REPORTED, {"event_type": ProgressReportedV1.TYPE}
        case SpendingRegisteredV1():
            return ReceiptOutcome.REPORTED, {"event_type": SpendingReportedV1.TYPE}
        case RiskRegisteredV1():
            return ReceiptOutcome.REPORTED, {"event_type": RiskReportedV1.TYPE}
        case ResultRegisteredV1():
            return ReceiptOutcome.REPORTED, {"event_type": ResultReportedV1.TYPE}
        case CompletionRegisteredV1():
            return ReceiptOutcome.REPORTED, {"event_type": CompletionReportedV1.TYPE}
        case (
            TermStartedV1()
            | TermEndedV1()
            | TermBreachedV1()
            | TermNearingV1()
            | TermRecalendaredV1()
            | CarryingOutNotedV1()
            | ConflictNotedV1()
            | ExpertiseTermNotedV1()
        ):
            return None
        case _:
            assert_never(fact)


def _received(fact: ApplicationReceived) -> dict[str, Any]:
    return {"own_number": fact.application.own_number, "due_at": fact.look_over_due_at}


def _codes(reasons: tuple[ReturnReason, ...]) -> tuple[str, ...]:
    return tuple(reason.code for reason in reasons)
