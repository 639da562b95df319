"""What can be asked of a case: by intake's facts, by operators, experts and approvers, by other subjects, by timers.

Where a person's step (`contracts.steps`) says it all, the step is the command.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from contracts.expertise import Closure, PaperDigest, Seat
from contracts.intake import AcceptedApplication
from contracts.reference import Application
from contracts.steps import (
    Answers,
    Appeal,
    AppealDecision,
    Assignment,
    DeclaredConflict,
    Ending,
    Handover,
    Opinion,
    Question,
    Reason,
    TermExtension,
    WrittenConclusion,
)

# ---- asked by intake's facts: never refused, for they have happened


class Open(AcceptedApplication):
    """Open a round for an accepted application."""


class TakeAnswers(Answers):
    """Take the applicant's answers to a request, with the application as it stands with them."""

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


class Unclaim(Reason):
    """The case goes back to the queue: by its operator, or by an approver when that one is away."""


class Assign(Assignment):
    """Assign an expert of the directory."""


@dataclass(frozen=True, slots=True)
class AcceptAssignment:
    """The acting expert takes the assignment."""


class Decline(Reason):
    """The acting expert does not take the assignment, or gives it back."""


class Release(Assignment, Reason):
    """Take an assignment back from an expert who has given no opinion yet."""


class HandOver(Assignment, Handover):
    """Give one expert's assignment to another."""


# ---- conflicts of interest


class Dismiss(Assignment, Reason):
    """A second person finds that an expert's conflicts are a false alarm."""


class Confirm(Assignment, Reason):
    """An expert's open conflicts are real."""


@dataclass(frozen=True, slots=True)
class Recheck:
    """An assigned expert's directory entry changed: look again."""

    seat: Seat


# ---- the work


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Do without the answers."""

    request: str


class EndWithout(Ending):
    """End the review without a conclusion: send the application back, or refuse it, with coded reasons."""

    outcome: Closure


class SendBack(Reason):
    """The second person does not approve the draft."""


@dataclass(frozen=True, slots=True)
class Approve:
    """The second person approves the draft."""


@dataclass(frozen=True, slots=True)
class Number:
    """The series gave the approved conclusion its number, and it was printed under it: these are its papers."""

    number: str
    papers: tuple[PaperDigest, ...] = ()


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
    | DeclaredConflict
    | Dismiss
    | Confirm
    | Recheck
    | Opinion
    | Question
    | CancelRequest
    | TermExtension
    | EndWithout
    | WrittenConclusion
    | SendBack
    | Approve
    | Number
    | Appeal
    | AppealDecision
    | Tick
    | Recalendar
)


def experts_asked(command: Command, acting: str) -> tuple[str, ...]:
    """By whose entries in the directory a command is decided: that of the expert whom it names, and that of the
    person `acting`, who may be tied to the case."""
    match command:
        case Assign() | Dismiss():
            return command.expert_id, acting
        case HandOver():
            return command.to, acting
        case (
            AcceptAssignment()
            | Claim()
            | Release()
            | Confirm()
            | Question()
            | CancelRequest()
            | TermExtension()
            | EndWithout()
            | WrittenConclusion()
            | SendBack()
            | Approve()
            | Appeal()
            | AppealDecision()
        ):
            return (acting,)
        case (
            Open()
            | TakeAnswers()
            | CloseFor()
            | Unclaim()
            | Decline()
            | DeclaredConflict()
            | Recheck()
            | Opinion()
            | Number()
            | Tick()
            | Recalendar()
        ):
            return ()
        case _:
            assert_never(command)
