"""The ledger of a legal term (учёт срока): its budget, every stop of the clock, every extension, its end.

Nothing that follows from the ledger is stored: what is used, what is left, when it is due and whether it is
overdue are counted from it and a calendar each time, so no job has to run for them to be right.

**The day rule** (assumption; no text of an act was found). Days are those of the term's zone.

    A day counts when it is a day of the term's unit and the clock runs at both of its midnights, the one it
    begins with and the one it ends with. It is used as soon as it is over. What is entered exactly at
    midnight belongs to the day that begins.

It follows that
- the day of the start does not count, the day after it is the first;
- the day on which the clock stops does not count, nor does the day on which it runs again (that day is like
  a day of start); a stop and a restart within one day move nothing;
- the last day can be used to its end: the term is due at the first instant of the day after it; while
  the clock runs, `overdue` is the same as `remaining` being zero or less;
- `used + remaining` is always the budget plus the extensions; `remaining` below zero is days of lateness;
- a last day in calendar days is not moved when it falls on a day off.

**The ladder** (лестница напоминаний). A rung is a number of days left; its moment is the first instant at which
`remaining` is no more than it. The ladder begins with the term, and anew with each extension: a rung that was
reached by then is left out, for nobody is reminded of what they have just set. (A calendar that changes may put its
moment after that beginning; then it comes.) The clock's stops move the rungs as they move the end, and while it
stands nothing is announced. The breach is the rung after the last: once it is announced, no reminder follows.

Pure: no clock, no I/O; moments come in as arguments. A ledger is a value of an aggregate's state.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import Field, StrictBool, StrictInt

from contracts.event import Contract, Moment
from contracts.moments import to_millisecond
from contracts.reference import Clock, Code, Term
from contracts.rules import TermRule
from services.law.calendar import Calendar
from services.law.decision import Refusal

ONE_DAY: Final = timedelta(days=1)

UNSAID: Final = "-"
"""The reason in a ledger, which wants one, where a fact gives none."""


class TermError(Refusal):
    """An entry that the ledger or its rule does not allow (`term.*`)."""


class Suspension(Contract):
    """A stop of the clock (приостановление срока). `until` None: it still stands. `who` is an opaque id."""

    since: Moment
    until: Moment | None = None
    who: str = Field(min_length=1)
    why: str = Field(min_length=1)


class Extension(Contract):
    """An extension (продление срока) by `days` of the term's unit. `who` is an opaque id, never a name."""

    days: StrictInt = Field(ge=1)
    at: Moment
    who: str = Field(min_length=1)
    why: str = Field(min_length=1)


class Ledger(Contract):
    """A term and all that happened to it. Suspensions are in order and apart; only the last may still stand.

    `breached` says that somebody was told of the breach; whether there is one is `overdue`. `reminded` are the
    rungs of the present ladder that were announced, descending.
    """

    term: Term
    suspensions: tuple[Suspension, ...] = ()
    extensions: tuple[Extension, ...] = ()
    ended: Moment | None = None
    breached: StrictBool = False
    reminded: tuple[StrictInt, ...] = ()

    @property
    def stopped(self) -> bool:
        """Whether the clock stands (срок приостановлен)."""
        return bool(self.suspensions) and self.suspensions[-1].until is None

    @property
    def total(self) -> int:
        """The budget and all extensions, in days of the term's unit."""
        return self.term.budget + sum(extension.days for extension in self.extensions)

    @property
    def last_turn(self) -> datetime:
        """When the clock last began to run, or to stand. An extension is no turn."""
        stops = [moment for s in self.suspensions for moment in (s.since, s.until) if moment is not None]
        return max([self.term.started, *stops])

    @property
    def last_entry(self) -> datetime:
        """The moment of the latest entry; nothing may be entered before it."""
        return max([self.last_turn, *(extension.at for extension in self.extensions)])


def start(rule: TermRule, calendar: Calendar, kind: Code, at: datetime, zone: str, budget: int | None = None) -> Term:
    """A term of the rule that starts at `at`; its days are those of `zone`.

    `budget` is that of a term which ends with a day that was agreed, whatever its rule says. Raises ValueError when
    nothing says the budget. Here as everywhere: ValueError for a calendar that is not the term's.
    """
    _same(rule.calendar, calendar)
    if budget is None and (budget := rule.budget) is None:
        raise ValueError(f"the end of {kind} is agreed: its rule says no budget")
    return Term(
        kind=kind,
        budget=budget,
        unit=rule.unit,
        calendar=calendar.id,
        calendar_version=calendar.version,
        legal_effect=rule.legal_effect,
        started=at,
        zone=zone,
        origin=rule.origin.kind,
    )


def open_ledger(term: Term) -> Ledger:
    """The ledger of a term that has just started."""
    return Ledger(term=term)


def suspend(ledger: Ledger, rule: TermRule, at: datetime, who: str, why: str, calendar: Calendar) -> Ledger:
    """Stops the clock.

    Raises TermError: "term.cannot-be-stopped" by its rule, "term.already-stopped", "term.expired" (nothing is left to
    save), "term.ended", "term.before-last-entry".
    """
    if not rule.stops_while_with_applicant:
        raise TermError("term.cannot-be-stopped")
    _enter(ledger, at)
    if ledger.stopped:
        raise TermError("term.already-stopped")
    _not_expired(ledger, at, calendar)
    return suspended(ledger, at, who, why)


def resume(ledger: Ledger, at: datetime) -> Ledger:
    """Lets the clock run again. Raises TermError: "term.not-stopped", "term.ended", "term.before-last-entry"."""
    _enter(ledger, at)
    if not ledger.stopped:
        raise TermError("term.not-stopped")
    return resumed(ledger, at)


def extend(ledger: Ledger, rule: TermRule, at: datetime, who: str, why: str, calendar: Calendar) -> Ledger:
    """Adds the days of one extension of the rule, also while the clock stands; the ladder begins anew.

    Raises TermError: "term.cannot-be-extended" (by its rule at all, or not once more), "term.expired", "term.ended",
    "term.before-last-entry".
    """
    if rule.extension is None or len(ledger.extensions) >= rule.extension.max_count:
        raise TermError("term.cannot-be-extended")
    _enter(ledger, at)
    _not_expired(ledger, at, calendar)
    return extended(ledger, rule.extension.days, at, who, why)


def end(ledger: Ledger, at: datetime) -> Ledger:
    """Ends the term: what was owed has been done. Raises TermError: "term.ended", "term.before-last-entry"."""
    _enter(ledger, at)
    return ledger.model_copy(update={"ended": _exact(at)})


def suspended(ledger: Ledger, since: datetime, who: str, why: str) -> Ledger:
    """The ledger with a stop as it was recorded; nothing is asked. One that stands already goes on standing."""
    if ledger.stopped:
        return ledger
    stop = Suspension(since=since, who=who, why=why or UNSAID)
    return ledger.model_copy(update={"suspensions": (*ledger.suspensions, stop)})


def resumed(ledger: Ledger, at: datetime) -> Ledger:
    """The ledger with its standing stop over, as it was recorded; nothing is asked."""
    if not ledger.stopped:
        return ledger
    *before, standing = ledger.suspensions
    closed = standing.model_copy(update={"until": _exact(at)})
    return ledger.model_copy(update={"suspensions": (*before, closed)})


def extended(ledger: Ledger, days: int, at: datetime, who: str, why: str) -> Ledger:
    """The ledger with an extension as it was recorded; nothing is asked. The ladder begins anew, its breach too."""
    if days < 1:
        return ledger
    added = Extension(days=days, at=at, who=who, why=why or UNSAID)
    changed = {"extensions": (*ledger.extensions, added), "reminded": (), "breached": False}
    return ledger.model_copy(update=changed)


def breach(ledger: Ledger) -> Ledger:
    """Notes that the breach was announced, so that it is announced once."""
    return ledger.model_copy(update={"breached": True})


def remind(ledger: Ledger, rungs: Iterable[int]) -> Ledger:
    """Notes that these rungs were announced (or need not be), so that each is announced once."""
    return ledger.model_copy(update={"reminded": tuple(sorted({*ledger.reminded, *rungs}, reverse=True))})


def recalendar(ledger: Ledger, calendar: Calendar, at: datetime | None = None) -> Ledger:
    """The ledger under a new calendar, or a new version of its own: the whole term is counted anew by it.

    With `at`, the moment of the change, a breach that was announced but is none any more is forgotten, so that
    the breach at the new due time will be announced; without it `breached` stays. What was reminded of stays.
    Raises TermError "term.ended": a finished term keeps the calendar that it ended under.
    """
    if ledger.ended is not None:
        raise TermError("term.ended")
    counted = recalendared(ledger, calendar.id, calendar.version)
    if at is None or remaining(counted, at, calendar) <= 0:
        return counted
    return counted.model_copy(update={"breached": False})


def recalendared(ledger: Ledger, calendar: str, version: str) -> Ledger:
    """The ledger under another calendar, or another version of its own, as it was recorded; nothing is asked."""
    changed = {"calendar": calendar, "calendar_version": version}
    return ledger.model_copy(update={"term": ledger.term.model_copy(update=changed)})


def clock_of(ledger: Ledger, rule: TermRule, days: Calendar) -> Clock:
    """What a ledger comes to now: when it is due, from when it is near, when something must be announced.

    `nearing_at` is of the whole ladder, also of rungs that were announced; None where there is none.
    """
    end = due_at(ledger, days)
    whole = ledger.model_copy(update={"reminded": (), "breached": False})
    first = next_alarm(whole, rule.reminders, days)
    return Clock(
        due_at=end,
        nearing_at=None if first == end else first,
        alarm_at=next_alarm(ledger, rule.reminders, days),
    )


def used(ledger: Ledger, at: datetime, calendar: Calendar) -> int:
    """How many days of the term are over at a moment; more than `total` when it is late."""
    _same(ledger.term.calendar, calendar)
    yesterday = day_of(at, ledger.term.zone) - ONE_DAY
    return sum(
        calendar.count(run.after, min(run.last or yesterday, yesterday), ledger.term.unit) for run in runs(ledger)
    )


def remaining(ledger: Ledger, at: datetime, calendar: Calendar) -> int:
    """How many days are left at a moment, the running day among them; below zero: days of lateness."""
    return ledger.total - used(ledger, at, calendar)


def due_at(ledger: Ledger, calendar: Calendar) -> datetime | None:
    """The first instant after the last day in the term's zone, in UTC; None while stopped, or once ended."""
    if ledger.stopped or ledger.ended is not None:
        return None
    last = last_day(ledger, calendar)
    return None if last is None else _midnight_after(last, ledger.term.zone)


def overdue(ledger: Ledger, now: datetime, calendar: Calendar) -> bool:
    """Whether the term has run out and was not ended. What stands or has ended is never overdue."""
    due = due_at(ledger, calendar)
    return due is not None and now >= due


def rungs_passed(ledger: Ledger, rungs: Iterable[int], now: datetime, calendar: Calendar) -> tuple[int, ...]:
    """The rungs whose moment has come and which were not announced, descending; the last says how it stands now.

    Empty while the clock stands, and once the term has ended or its breach was announced.
    """
    at = _exact(now)
    return tuple(rung for rung, moment in _ahead(ledger, rungs, calendar) if moment <= at)


def next_alarm(ledger: Ledger, rungs: Iterable[int], calendar: Calendar) -> datetime | None:
    """The first instant at which something must be announced, in UTC: a rung, or the breach. It may be past.

    None while the clock stands, and once the term has ended or its breach was announced.
    """
    due = due_at(ledger, calendar)
    if due is None or ledger.breached:
        return None
    return min([due, *(moment for _, moment in _ahead(ledger, rungs, calendar))])


def _ahead(ledger: Ledger, rungs: Iterable[int], calendar: Calendar) -> Iterator[tuple[int, datetime]]:
    """The rungs of the present ladder that were not announced, descending, each with its moment."""
    if ledger.stopped or ledger.ended is not None or ledger.breached:
        return
    begun = ledger.extensions[-1].at if ledger.extensions else ledger.term.started
    for rung in sorted(set(rungs) - set(ledger.reminded), reverse=True):
        day = _day_using(ledger, ledger.total - rung, calendar) if 0 < rung < ledger.total else None
        if day is not None and (moment := _midnight_after(day, ledger.term.zone)) > begun:
            yield rung, moment


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch in which the clock runs: the days after `after` up to and with `last`; None: it is open."""

    since: datetime
    until: datetime | None
    after: date
    last: date | None


def runs(ledger: Ledger) -> Iterator[Run]:
    """The day rule, in one place. A stop within one day is no stop."""
    zone = ledger.term.zone
    since = ledger.term.started
    for stop in ledger.suspensions:
        stopped_on = day_of(stop.since, zone)
        if stop.until is not None and day_of(stop.until, zone) == stopped_on:
            continue
        yield Run(since, stop.since, day_of(since, zone), stopped_on - ONE_DAY)
        if stop.until is None:
            return
        since = stop.until
    last = None if ledger.ended is None else day_of(ledger.ended, zone) - ONE_DAY
    yield Run(since, ledger.ended, day_of(since, zone), last)


def last_day(ledger: Ledger, calendar: Calendar) -> date | None:
    """The day that uses the term up; None when the clock stood, or the term ended, before that."""
    return _day_using(ledger, ledger.total, calendar)


def _day_using(ledger: Ledger, days: int, calendar: Calendar) -> date | None:
    """The day with which `days` of the term are used, one at least; None when it did not come to that."""
    _same(ledger.term.calendar, calendar)
    left, unit = days, ledger.term.unit
    for run in runs(ledger):
        counted = left if run.last is None else calendar.count(run.after, run.last, unit)
        if counted >= left:
            return calendar.add(run.after, left, unit)
        left -= counted
    return None


def day_of(moment: datetime, zone: str) -> date:
    """The date of a moment in a zone. Raises ValueError for a moment without a zone of its own."""
    return _exact(moment).astimezone(ZoneInfo(zone)).date()


def _exact(moment: datetime) -> datetime:
    # A naive time would silently be read in the zone of the machine.
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return to_millisecond(moment)


def _midnight_after(day: date, zone: str) -> datetime:
    following = day + ONE_DAY
    # Where summer time leaves that midnight out, this is the instant of the change: the first of the day.
    local = datetime(following.year, following.month, following.day, tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC)


def _enter(ledger: Ledger, at: datetime) -> None:
    if ledger.ended is not None:
        raise TermError("term.ended")
    if _exact(at) < ledger.last_entry:
        raise TermError("term.before-last-entry")


def _not_expired(ledger: Ledger, at: datetime, calendar: Calendar) -> None:
    if remaining(ledger, at, calendar) <= 0:
        raise TermError("term.expired")


def _same(id: str, calendar: Calendar) -> None:
    # A fault of the program: no person can be told anything by it.
    if id != calendar.id:
        raise ValueError(f"the term is counted by {id!r}, not by {calendar.id!r}")
