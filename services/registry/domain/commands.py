"""What can be asked of a pilot in the register: by other services, officials, other pilots, timers."""

from dataclasses import dataclass
from datetime import date, datetime

from pydantic import JsonValue

from contracts.event import Basis
from contracts.reference import (
    Application,
    Effectiveness,
    Expediency,
    IndicatorValue,
    Payment,
    Period,
    Remark,
    ReturnReason,
    Risk,
    Verdict,
)
from contracts.registry import (
    Agreement,
    ApplicationOutcome,
    Correctable,
    CriterionValue,
    FundingWindow,
    ReplicaPlan,
    Scaling,
    TermStage,
    Votes,
)

# ---- what the other services say: recorded, never refused


@dataclass(frozen=True, slots=True)
class Enter:
    """Enter a pilot whose application was registered."""

    agency: str
    number: str
    edition: str
    submitted: datetime
    application: Application


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """Record what became of the application."""

    outcome: ApplicationOutcome
    reasons: tuple[ReturnReason, ...] = ()
    text: str | None = None
    application: Application | None = None
    basis: Basis | None = None


@dataclass(frozen=True, slots=True)
class RecordAmendment:
    """Record how the application stands after answers to a request for information."""

    request: str
    application: Application


@dataclass(frozen=True, slots=True)
class RecordTerm:
    """Record what happened to a term. `breached`: it was counted anew, and has run out all the same."""

    kind: str
    stage: TermStage
    due_at: datetime | None = None
    breached: bool = False


@dataclass(frozen=True, slots=True)
class RecordConclusion:
    """Record a conclusion of the expertise. `knowing` is how far in intake's series the expertise was by then."""

    round: int
    number: str
    date: date
    verdict: Verdict
    text: str
    remarks: tuple[Remark, ...] = ()
    replaces: str | None = None
    knowing: int = 0


@dataclass(frozen=True, slots=True)
class RecordAnnulment:
    """Record that a conclusion lost its force."""

    round: int
    number: str


@dataclass(frozen=True, slots=True)
class RecordProgress:
    """Record the executor's periodic report."""

    event_id: str
    period: Period
    summary: str
    values: tuple[IndicatorValue, ...]


@dataclass(frozen=True, slots=True)
class RecordSpending:
    """Record payments."""

    event_id: str
    payments: tuple[Payment, ...]


@dataclass(frozen=True, slots=True)
class RecordRisks:
    """Record risks."""

    event_id: str
    risks: tuple[Risk, ...]


@dataclass(frozen=True, slots=True)
class RecordResults:
    """Record measured results."""

    event_id: str
    values: tuple[IndicatorValue, ...]


@dataclass(frozen=True, slots=True)
class RecordCompletion:
    """Record that carrying out is finished."""

    event_id: str
    finished: date
    summary: str
    values: tuple[IndicatorValue, ...]


# ---- what officials enter: each on a document, each in its order


@dataclass(frozen=True, slots=True)
class DecideExpediency:
    """Enter the council's decision on expediency."""

    decision: Expediency
    basis: Basis


@dataclass(frozen=True, slots=True)
class DecideCredit:
    """Enter the decision whether a product in use counts as a pilot."""

    granted: bool
    evidence: str
    basis: Basis


@dataclass(frozen=True, slots=True)
class Agree:
    """Enter the agreement of executor and customer."""

    agreement: Agreement
    basis: Basis


@dataclass(frozen=True, slots=True)
class FailToAgree:
    """Enter that executor and customer did not agree."""

    why: str
    basis: Basis


@dataclass(frozen=True, slots=True)
class Launch:
    """Enter that carrying out began."""

    started: date
    basis: Basis


@dataclass(frozen=True, slots=True)
class Suspend:
    """Enter that carrying out is suspended."""

    since: date
    why: str
    basis: Basis


@dataclass(frozen=True, slots=True)
class Resume:
    """Enter that carrying out goes on."""

    since: date
    basis: Basis


@dataclass(frozen=True, slots=True)
class Prolong:
    """Enter that carrying out may take longer."""

    until: date
    why: str
    basis: Basis


@dataclass(frozen=True, slots=True)
class StopEarly:
    """Enter that carrying out was stopped early."""

    stopped: date
    why: str
    basis: Basis


@dataclass(frozen=True, slots=True)
class NameCommission:
    """Enter whom the head organisation named for the pilot's commission."""

    members: tuple[str, ...]
    secretary: str
    basis: Basis


@dataclass(frozen=True, slots=True)
class Propose:
    """Enter the head organisation's proposal on effectiveness."""

    outcome: Effectiveness
    text: str
    values: tuple[CriterionValue, ...]
    basis: Basis


@dataclass(frozen=True, slots=True)
class Judge:
    """Enter the commission's judgement."""

    outcome: Effectiveness
    text: str
    values: tuple[CriterionValue, ...]
    present: tuple[str, ...]
    votes: Votes
    basis: Basis


@dataclass(frozen=True, slots=True)
class DecideScaling:
    """Enter the decision on scaling."""

    decision: Scaling
    evidence: str
    conditions: str | None
    windows: tuple[FundingWindow, ...]
    replicas: tuple[ReplicaPlan, ...]
    basis: Basis


@dataclass(frozen=True, slots=True)
class Correct:
    """Correct an entry: what it should have said, why, on which document. `place` counts from 1."""

    what: Correctable
    place: int
    content: JsonValue
    reason: str
    basis: Basis


# ---- what other pilots of the register ask, and what happens by itself


@dataclass(frozen=True, slots=True)
class LinkReplica:
    """Note that another pilot copies this one."""

    replica: str
    number: str
    adaptation: str | None


@dataclass(frozen=True, slots=True)
class NoteReplicaResult:
    """Note how a replica was judged."""

    replica: str
    outcome: Effectiveness


@dataclass(frozen=True, slots=True)
class Tick:
    """A term may have come to a rung of its ladder, or run out."""

    due: datetime


@dataclass(frozen=True, slots=True)
class Recalendar:
    """Calendars changed: count the open terms anew."""


Recording = (
    Enter
    | RecordOutcome
    | RecordAmendment
    | RecordTerm
    | RecordConclusion
    | RecordAnnulment
    | RecordProgress
    | RecordSpending
    | RecordRisks
    | RecordResults
    | RecordCompletion
)
Deciding = (
    DecideExpediency
    | DecideCredit
    | Agree
    | FailToAgree
    | Launch
    | Suspend
    | Resume
    | Prolong
    | StopEarly
    | NameCommission
    | Propose
    | Judge
    | DecideScaling
    | Correct
)
Command = Recording | Deciding | LinkReplica | NoteReplicaResult | Tick | Recalendar
