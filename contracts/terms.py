"""The facts of a term (факты о сроке), said once for every service that counts terms of its own.

Each service publishes them under types of its own, and may add what only it has to say. `kind` is the name of the term
in the edition; `clock` is what the term comes to with the fact.
"""

from typing import TypeAlias

from .event import Dated, Fact, Moment
from .reference import Clock, Term


class TermStarted(Fact):
    """A term began to run (срок начал течь)."""

    term: Term
    clock: Clock


class TermStartedAsOf(TermStarted):
    """One that may be entered after the day it began with. `reminded`: the reminders that had passed when it was
    entered; they are not sent."""

    reminded: tuple[int, ...] = ()


class OfTerm(Fact):
    """Something that happened to the open term of a kind."""

    kind: str


class TermSuspended(OfTerm):
    """The clock was stopped (срок приостановлен)."""

    since: Moment
    why: str


class TermSuspendedAsOf(TermSuspended):
    """One that may be entered after the day it began with. `ran_out`: the term had run out before it stopped."""

    ran_out: bool = False


class TermResumed(Dated, OfTerm):
    """The clock runs again (течение срока возобновлено)."""

    clock: Clock


class TermExtended(Dated, OfTerm):
    """A term was extended by days of its unit (срок продлён)."""

    days: int
    why: str
    clock: Clock


class TermNearing(OfTerm):
    """Rungs of a term's reminder ladder were reached (напоминание о сроке): days that were left, the most first."""

    rungs: tuple[int, ...]
    due_at: Moment
    clock: Clock


class TermBreached(OfTerm):
    """A term ran out before what it bounds was done (срок нарушен). An alarm, never an automatic consent."""

    due_at: Moment


class TermRecalendared(OfTerm):
    """A term was counted anew because its calendar changed (срок пересчитан по новому календарю)."""

    calendar: str
    version_before: str
    version: str
    due_before: Moment | None
    due_at: Moment | None
    clock: Clock


class TermEnded(OfTerm):
    """A term ended because what it bounds was done or fell away (срок прекращён)."""

    ended: Moment
    late: bool


TermFact: TypeAlias = (
    TermSuspended | TermResumed | TermExtended | TermNearing | TermBreached | TermRecalendared | TermEnded
)
"""Everything that happens to a term that runs."""
