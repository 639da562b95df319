"""What intake is asked to do: by agencies' events, by officers, by the other services' facts, and by time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from contracts import expertise
from contracts.expertise import (
    ConclusionAnnulledV1,
    ConclusionIssuedV1,
    InformationRequestedV1,
    RequestClosedV1,
    ReviewClosedV1,
    TermExtendedV1,
)
from contracts.forms import as_pilot_id
from contracts.intake import RefusedEvent
from contracts.reference import Hiding, TermKind
from contracts.registry import (
    AgreementFailedV1,
    AgreementRecordedV1,
    CreditDecidedV1,
    EffectivenessJudgedV1,
    EntryCorrectedV1,
    ExpediencyDecidedV1,
    PilotLaunchedV1,
    PilotStoppedV1,
    ScalingDecidedV1,
    TermBreachedV1,
    TermNearingV1,
)
from contracts.steps import ApplicationReturn, ApplicationStop

CLARIFICATION: Final = TermKind.CLARIFICATION
"""The expertise's term in which a request for information must be answered."""
EXPERTISE: Final = TermKind.EXPERTISE
"""The expertise's term in which it concludes."""
REMINDED: Final = frozenset({TermKind.PROGRESS_REPORT, TermKind.CARRYING_OUT})
"""The register's terms that the executor is reminded of: the next report, and the end of carrying out."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An agency's event as it was sent."""

    agency: str
    event_id: str
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Submit(Sent):
    """An application, or what is no known event at all."""


@dataclass(frozen=True, slots=True)
class Later(Sent):
    """An event about a pilot that exists already."""

    @property
    def named(self) -> str | None:
        """The pilot that the event names as its subject, where that has the form of an id."""
        named = self.event.get("subject")
        return as_pilot_id(named) if isinstance(named, str) else None


class Refuse(RefusedEvent):
    """A submission that is refused for what was found on reading it, before any rule is asked."""


@dataclass(frozen=True, slots=True)
class Accept:
    """The officer finds the application complete."""


@dataclass(frozen=True, slots=True)
class EraseContacts:
    """Erase what is kept of the contact persons of an application."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Something about a term must be announced."""

    due: datetime


@dataclass(frozen=True, slots=True)
class Recalendar:
    """The calendars of this process may have changed: count the running term anew."""


Forwarded = (
    InformationRequestedV1
    | TermExtendedV1
    | RequestClosedV1
    | ConclusionIssuedV1
    | ConclusionAnnulledV1
    | ReviewClosedV1
)
"""The facts of the expertise that concern the applicant; of the terms, that of a request (`CLARIFICATION`) alone."""
Noted = (
    ExpediencyDecidedV1
    | CreditDecidedV1
    | AgreementRecordedV1
    | AgreementFailedV1
    | PilotLaunchedV1
    | EffectivenessJudgedV1
    | PilotStoppedV1
    | ScalingDecidedV1
    | EntryCorrectedV1
)
"""The facts of the register by which it is told whether, and how, what an agency sends is to be judged."""


@dataclass(frozen=True, slots=True)
class Forward:
    """What happened in the expertise is passed on to the applicant."""

    fact: Forwarded


@dataclass(frozen=True, slots=True)
class Note:
    """What the register says of a decision and of carrying out is noted."""

    fact: Noted


@dataclass(frozen=True, slots=True)
class Remind:
    """The executor is reminded of a term of carrying out (`REMINDED`)."""

    fact: TermNearingV1 | TermBreachedV1


OfExpertiseTerm = (
    expertise.TermStartedV1
    | expertise.TermSuspendedV1
    | expertise.TermResumedV1
    | expertise.TermExtendedV1
    | expertise.TermRecalendaredV1
    | expertise.TermEndedV1
)
"""The facts of the expertise by which its term begins, stands still, moves and ends."""


@dataclass(frozen=True, slots=True)
class NoteTerm:
    """How the term of the expertise stands is noted."""

    fact: OfExpertiseTerm


class NoteHiding(Hiding):
    """Note from whom the expertise hides the case, or an entry of its directory what is no case yet."""


Command = (
    Submit
    | EraseContacts
    | Later
    | Refuse
    | Accept
    | ApplicationReturn
    | ApplicationStop
    | Tick
    | Recalendar
    | Forward
    | Note
    | NoteHiding
    | NoteTerm
    | Remind
)
