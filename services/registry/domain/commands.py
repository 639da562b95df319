"""What can be asked of a pilot in the register: by other services, officials, other pilots, timers.

What officials enter are the steps of `contracts.steps` themselves; what is recorded is said as the facts say it.
"""

from dataclasses import dataclass
from datetime import datetime

from contracts.reference import Application, Effectiveness, Hiding
from contracts.registry import Entry, ForeignTerm, Outcome
from contracts.steps import (
    AgreementEntry,
    AgreementFailure,
    Commission,
    Conclusion,
    Correction,
    CreditDecision,
    EarlyStop,
    ExpediencyDecision,
    Judgement,
    Launch,
    PilotExtension,
    PilotResumption,
    PilotSuspension,
    Proposal,
    Report,
    ScalingDecision,
)

# ---- what the other services say: recorded, never refused


@dataclass(frozen=True, slots=True)
class RecordAmendment:
    """Record how the application stands after answers to a request for information."""

    request: str
    application: Application


class RecordTerm(ForeignTerm):
    """Record what happened to a term. `breached`: it was counted anew, and has run out all the same."""

    breached: bool = False


class RecordConclusion(Conclusion):
    """Record a conclusion of the expertise. `knowing` is how far in intake's series the expertise was by then."""

    knowing: int = 0


@dataclass(frozen=True, slots=True)
class RecordAnnulment:
    """Record that a conclusion lost its force."""

    round: int
    number: str


@dataclass(frozen=True, slots=True)
class RecordReport:
    """Record a report of the executor; `event_id` is the agency's own id of it."""

    event_id: str
    report: Report


class RecordHiding(Hiding):
    """Record from whom the expertise hides the case."""


@dataclass(frozen=True, slots=True)
class RecordTies:
    """Record whether somebody of the directory of experts is tied to a party: the organisations of the own entry."""

    person_id: str
    organisations: frozenset[str]


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
    Entry
    | Outcome
    | RecordAmendment
    | RecordTerm
    | RecordConclusion
    | RecordAnnulment
    | RecordReport
    | RecordHiding
    | RecordTies
)
"""What the other services say."""
Deciding = (
    ExpediencyDecision
    | CreditDecision
    | AgreementEntry
    | AgreementFailure
    | Launch
    | PilotSuspension
    | PilotResumption
    | PilotExtension
    | EarlyStop
    | Commission
    | Proposal
    | Judgement
    | ScalingDecision
    | Correction
)
"""What officials enter: each on a document, each in its order."""
Linking = LinkReplica | NoteReplicaResult
"""What other pilots of the register ask."""
Timed = Tick | Recalendar
"""What happens by itself."""


@dataclass(frozen=True, slots=True)
class ForgetPerson:
    """The expertise erased a person's data: what is kept of the same person here goes, too. No pilot's affair."""

    person: str


Command = Recording | Deciding | Linking | Timed
