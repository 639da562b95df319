"""What can be asked of a case: by intake's facts, by operators, experts and approvers, by other subjects, by timers."""

from dataclasses import dataclass
from datetime import datetime

from contracts.event import Basis
from contracts.expertise import AppealOutcome, Closure, EarlierRemark, Score, Seat
from contracts.reference import (
    Application,
    ItemAnswer,
    Met,
    OnExpiry,
    Remark,
    RequestItem,
    ReturnReason,
    Verdict,
)

# ---- asked by intake's facts: never refused, for they have happened


@dataclass(frozen=True, slots=True)
class Open:
    """Open a round for an accepted application."""

    agency: str
    number: str
    edition: str
    application: Application
    submission: int = 1
    met: tuple[Met, ...] = ()


@dataclass(frozen=True, slots=True)
class TakeAnswers:
    """Take the applicant's answers to a request."""

    request: str
    answers: tuple[ItemAnswer, ...]
    application: Application


@dataclass(frozen=True, slots=True)
class CloseFor:
    """Close everything that is open here: the application was withdrawn or stopped."""

    outcome: Closure
    text: str


# ---- who works on it


@dataclass(frozen=True, slots=True)
class Claim:
    """The acting operator takes the case in hand."""


@dataclass(frozen=True, slots=True)
class Unclaim:
    """The case goes back to the queue: by its operator, or by an approver when that one is away."""

    why: str


@dataclass(frozen=True, slots=True)
class Assign:
    """Assign an expert of the directory."""

    expert_id: str


@dataclass(frozen=True, slots=True)
class AcceptAssignment:
    """The acting expert takes the assignment."""


@dataclass(frozen=True, slots=True)
class Decline:
    """The acting expert does not take the assignment, or gives it back."""

    why: str


@dataclass(frozen=True, slots=True)
class Release:
    """Take an assignment back from an expert who has given no opinion yet."""

    expert_id: str
    why: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """Give one expert's assignment to another."""

    expert_id: str
    to: str
    why: str


# ---- conflicts of interest


@dataclass(frozen=True, slots=True)
class Declare:
    """Declare a conflict of an expert: the expert's own word, or an operator's."""

    expert_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Dismiss:
    """A second person finds that an expert's conflicts are a false alarm."""

    expert_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Confirm:
    """An expert's open conflicts are real."""

    expert_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Recheck:
    """An assigned expert's directory entry changed: look again."""

    seat: Seat


# ---- the work


@dataclass(frozen=True, slots=True)
class GiveOpinion:
    """The acting expert's opinion, or a changed one, with the reason for the change."""

    verdict: Verdict
    text: str
    scores: tuple[Score, ...] = ()
    remarks: tuple[Remark, ...] = ()
    why_changed: str | None = None


@dataclass(frozen=True, slots=True)
class AskApplicant:
    """Ask the applicant for information."""

    items: tuple[RequestItem, ...]
    on_expiry: OnExpiry


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Do without the answers."""

    request: str


@dataclass(frozen=True, slots=True)
class Extend:
    """Extend an open term, within what the edition allows."""

    term: str
    why: str


@dataclass(frozen=True, slots=True)
class EndWithout:
    """End the review without a conclusion: send the application back, or refuse it, with coded reasons."""

    outcome: Closure
    reasons: tuple[ReturnReason, ...]
    text: str | None = None


@dataclass(frozen=True, slots=True)
class WriteConclusion:
    """Write the conclusion for a second person to approve."""

    verdict: Verdict
    text: str
    remarks: tuple[Remark, ...] = ()
    earlier_remarks: tuple[EarlierRemark, ...] = ()


@dataclass(frozen=True, slots=True)
class SendBack:
    """The second person does not approve the draft."""

    why: str


@dataclass(frozen=True, slots=True)
class Approve:
    """The second person approves the draft."""


@dataclass(frozen=True, slots=True)
class Number:
    """The series gave the approved conclusion its number."""

    number: str


@dataclass(frozen=True, slots=True)
class OpenAppeal:
    """An appeal against the conclusion came in."""

    grounds: str
    basis: Basis


@dataclass(frozen=True, slots=True)
class DecideAppeal:
    """Decide the appeal; an amendment carries the new conclusion."""

    outcome: AppealOutcome
    why: str
    basis: Basis
    amended: WriteConclusion | None = None


# ---- by itself


@dataclass(frozen=True, slots=True)
class Tick:
    """A term may have come to a rung of its ladder, or run out."""

    due: datetime


@dataclass(frozen=True, slots=True)
class Recalendar:
    """Calendars changed: count the open terms anew."""


Command = (
    Open
    | TakeAnswers
    | CloseFor
    | Claim
    | Unclaim
    | Assign
    | AcceptAssignment
    | Decline
    | Release
    | HandOver
    | Declare
    | Dismiss
    | Confirm
    | Recheck
    | GiveOpinion
    | AskApplicant
    | CancelRequest
    | Extend
    | EndWithout
    | WriteConclusion
    | SendBack
    | Approve
    | Number
    | OpenAppeal
    | DecideAppeal
    | Tick
    | Recalendar
)
