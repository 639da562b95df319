"""Terms of a case counted naively, day by day, to compare with what the domain says."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from contracts.event import Fact
from contracts.expertise import TermBreachedV1, TermExtendedV1, TermNearingV1, TermRecalendaredV1, TermStartedV1
from contracts.reference import TermUnit
from services.law import ledger as term
from services.law.calendar import Calendar, Calendars
from services.law.ledger import Ledger
from services.law.terms import CountedTerm
from tests.kit.calendars import BY, CALENDARS


def counted(running: CountedTerm, now: datetime, calendars: Calendars = CALENDARS) -> None:
    """The term by a naive count, day by day."""
    ledger, days = running.ledger, calendars[running.ledger.term.calendar]
    used = naive_used(ledger, now, days)
    assert term.used(ledger, now, days) == used
    assert used + term.remaining(ledger, now, days) == ledger.term.budget + sum(e.days for e in ledger.extensions)
    assert running.clock.due_at == (None if ledger.stopped else naive_due(ledger, days))
    assert (running.clock.alarm_at is None) == (ledger.stopped or ledger.breached)
    near = running.clock.nearing_at
    assert near is None or near < naive_due(ledger, days)


def naive_day(ledger: Ledger, day: date, days: Calendar) -> bool:
    """Whether a day counts: one of the unit, after the start, on which the clock was never stopped."""
    zone = ZoneInfo(ledger.term.zone)
    for stop in ledger.suspensions:
        since, until = stop.since.astimezone(zone).date(), stop.until and stop.until.astimezone(zone).date()
        if since != until and since <= day and (until is None or day <= until):
            return False
    return ledger.term.unit is TermUnit.CALENDAR_DAYS or days.is_working(day)


def naive_used(ledger: Ledger, now: datetime, days: Calendar) -> int:
    """The days that count and are over."""
    zone = ZoneInfo(ledger.term.zone)
    day, used = ledger.term.started.astimezone(zone).date() + timedelta(days=1), 0
    while day < now.astimezone(zone).date():
        used += naive_day(ledger, day, days)
        day += timedelta(days=1)
    return used


def naive_due(ledger: Ledger, days: Calendar = BY) -> datetime:
    """The midnight after the day that uses the term up."""
    zone = ZoneInfo(ledger.term.zone)
    day, left = ledger.term.started.astimezone(zone).date(), ledger.total
    while left:
        day += timedelta(days=1)
        left -= naive_day(ledger, day, days)
    return datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(days=1)


def announced_once(facts: list[Fact]) -> None:
    """Each rung of a ladder once, in its order, and the breach once and last; an extension begins the ladder anew."""
    rungs: dict[str, list[int]] = {}
    over: set[str] = set()
    for fact in facts:
        match fact:
            case TermStartedV1():
                rungs[fact.term.kind] = []
                over.discard(fact.term.kind)
            case TermRecalendaredV1() if fact.clock.alarm_at is not None:
                over.discard(fact.kind)  # a breach that the new calendar undid
            case TermExtendedV1():
                assert fact.kind not in over
                rungs[fact.kind] = []
            case TermNearingV1():
                assert fact.kind not in over
                rungs[fact.kind] += fact.rungs
                assert rungs[fact.kind] == sorted(set(rungs[fact.kind]), reverse=True)
            case TermBreachedV1():
                assert fact.kind not in over
                over.add(fact.kind)
