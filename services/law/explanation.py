"""How a legal term's numbers come about: every interval, each skipped day with its rule, in three languages.

Counted by `services.law.ledger`, whose day rule is the only one; here it is told; the words stand in
`contracts/words/law.toml`. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from contracts.event import Contract, Moment
from contracts.reference import Term, TermUnit
from contracts.words import Wording, wording
from services.law import reasons
from services.law.calendar import Calendar, written
from services.law.ledger import Extension, Ledger, Run, Suspension, day_of, due_at, last_day, remaining, runs, used

State = Literal["running", "stopped", "overdue", "ended", "ended-late"]


class SkippedDay(Contract):
    """A day of a running interval that does not count, and by which rule of the calendar."""

    day: date
    rule: str
    ru: str
    be: str
    en: str
    act: str | None = None


class Interval(Contract):
    """A stretch of the term. `first` to `last` are the whole days that are its own, None where it has none.

    A stop within one day has none, and moves nothing. `worked_weekends` are the days off by the week that
    count all the same. A running interval goes no further than the last day of the term. Of a stop, `who` made it
    (an opaque id) and `why`, as the fact has it; `why_ru`, `why_be` and `why_en` say it.
    """

    state: Literal["running", "stopped"]
    since: Moment
    until: Moment | None
    first: date | None = None
    last: date | None = None
    counted: int = 0
    skipped: tuple[SkippedDay, ...] = ()
    worked_weekends: tuple[date, ...] = ()
    who: str | None = None
    why: str | None = None
    why_ru: str | None = None
    why_be: str | None = None
    why_en: str | None = None


class Explanation(Contract):
    """How a term's numbers come about, day by day. Dates are days of the term's zone.

    `counted_by` is the calendar version that was counted by; when it is not the term's own, the calendar
    has changed since, and `recalendar` is due. `provisional`: an act may still move days of a year that the term
    touches. `due` is the first instant after the term, `due_ru`, `due_be` and `due_en` the same as one says it: the
    last day, to its end, in the term's zone. `reminded` are the reminders that were announced, each by the days that
    were left; `breached`: the breach was announced. `ru`, `be` and `en` are the whole in words, with every stop and
    extension.
    """

    term: Term
    counted_by: str
    state: State
    total: int
    used: int
    left: int
    last_day: date | None
    due: Moment | None
    due_ru: str | None
    due_be: str | None
    due_en: str | None
    provisional: bool
    intervals: tuple[Interval, ...]
    extensions: tuple[Extension, ...]
    reminded: tuple[int, ...]
    breached: bool
    ru: str
    be: str
    en: str


def explain(ledger: Ledger, now: datetime, calendar: Calendar) -> Explanation:
    """Everything behind the numbers of `used`, `remaining` and `due_at`, in words of the three languages too."""
    spent = used(ledger, now, calendar)
    final = last_day(ledger, calendar)
    due = due_at(ledger, calendar)
    state = _state(ledger, due is not None and now >= due, final)
    provisional = _provisional(ledger, final or day_of(ledger.ended or now, ledger.term.zone), calendar)
    whole = _joined([*_words(ledger, state, spent, final, due), *_entries(ledger, provisional, calendar)])
    until = None
    if due is not None and final is not None:
        until = wording("clock.due", day=written(final), zone=ledger.term.zone)
    return Explanation(
        term=ledger.term,
        counted_by=calendar.version,
        state=state,
        total=ledger.total,
        used=spent,
        left=remaining(ledger, now, calendar),
        last_day=final,
        due=due,
        due_ru=until.ru if until else None,
        due_be=until.be if until else None,
        due_en=until.en if until else None,
        provisional=provisional,
        intervals=tuple(_intervals(ledger, final, calendar)),
        extensions=ledger.extensions,
        reminded=ledger.reminded,
        breached=ledger.breached,
        ru=whole.ru,
        be=whole.be,
        en=whole.en,
    )


def _state(ledger: Ledger, late: bool, final: date | None) -> State:
    if ledger.ended is not None:
        return "ended" if final is None else "ended-late"
    if ledger.stopped:
        return "stopped"
    return "overdue" if late else "running"


def _provisional(ledger: Ledger, until: date, calendar: Calendar) -> bool:
    if ledger.term.unit is TermUnit.CALENDAR_DAYS:
        return False
    years = range(day_of(ledger.term.started, ledger.term.zone).year, until.year + 1)
    return any(calendar.provisional(year) for year in years)


def _intervals(ledger: Ledger, final: date | None, calendar: Calendar) -> list[Interval]:
    running = [_running(run, ledger.term.unit, final, calendar) for run in runs(ledger)]
    stopped = [_stopped(stop, ledger) for stop in ledger.suspensions]
    return sorted([*running, *stopped], key=lambda interval: interval.since)


def _running(run: Run, unit: TermUnit, final: date | None, calendar: Calendar) -> Interval:
    # An open run always has a last day: the one that uses the term up.
    end = min(day for day in (run.last, final) if day is not None)
    days = list(calendar.walk(run.after, end, unit))
    skipped = tuple(
        SkippedDay(day=d.day, rule=d.skip.rule, ru=d.skip.ru, be=d.skip.be, en=d.skip.en, act=d.skip.act)
        for d in days
        if d.skip is not None
    )
    extra = unit is TermUnit.WORKING_DAYS
    return Interval(
        state="running",
        since=run.since,
        until=run.until,
        first=days[0].day if days else None,
        last=days[-1].day if days else None,
        counted=len(days) - len(skipped),
        skipped=skipped,
        worked_weekends=tuple(d.day for d in days if extra and d.skip is None and d.day.weekday() >= 5),
    )


def _stopped(stop: Suspension, ledger: Ledger) -> Interval:
    zone, until = ledger.term.zone, stop.until or ledger.ended
    first, last = day_of(stop.since, zone), None if until is None else day_of(until, zone)
    whole = first != last or stop.until is None
    why = reasons.told(stop.why)
    return Interval(
        state="stopped",
        since=stop.since,
        until=until,
        first=first if whole else None,
        last=last if whole else None,
        who=stop.who,
        why=stop.why,
        why_ru=why.ru,
        why_be=why.be,
        why_en=why.en,
    )


_BUDGET: Final[Mapping[str, str]] = {"working-days": "clock.working-days", "calendar-days": "clock.calendar-days"}
_ORIGIN: Final[Mapping[str, str]] = {"law": "origin.law", "assumption": "origin.assumption"}
_STATE: Final[Mapping[State, str]] = {
    "running": "clock.running",
    "stopped": "clock.stopped",
    "overdue": "clock.overdue",
    "ended": "clock.ended",
    "ended-late": "clock.ended-late",
}


def origin(of: Term) -> Wording:
    """Where the rule of a term is from: a law, or an assumption."""
    return wording(_ORIGIN[of.origin])


def _words(ledger: Ledger, state: State, spent: int, final: date | None, due: datetime | None) -> Iterator[Wording]:
    term, left = ledger.term, ledger.total - spent
    yield wording(_BUDGET[term.unit], total=ledger.total, origin=origin(term))
    yield wording("clock.start", day=written(day_of(term.started, term.zone)))
    yield wording(_STATE[state])
    if left >= 0:
        yield wording("clock.used", used=spent, left=left)
    else:
        yield wording("clock.used-late", used=spent, late=-left)
    if final is not None:
        yield wording("clock.last-day", day=written(final))
    if due is not None:
        yield wording("clock.overdue-from", at=_local(due, term.zone), zone=term.zone)


def _entries(ledger: Ledger, provisional: bool, calendar: Calendar) -> Iterator[Wording]:
    """What was entered in the ledger, and what its numbers rest on, where there is anything to say of it."""
    zone = ledger.term.zone
    for stop in ledger.suspensions:
        since, why = _local(stop.since, zone), reasons.told(stop.why)
        if stop.until is None:
            yield wording("clock.stopped-from", since=since, why=why, who=stop.who)
        else:
            yield wording("clock.stopped-between", since=since, until=_local(stop.until, zone), why=why, who=stop.who)
    for extension in ledger.extensions:
        at, why = _local(extension.at, zone), reasons.told(extension.why)
        yield wording("clock.extended", at=at, days=extension.days, why=why, who=extension.who)
    if ledger.reminded:
        yield wording("clock.reminded", left=[str(rung) for rung in ledger.reminded])
    if ledger.breached:
        yield wording("clock.breach-announced")
    if provisional and ledger.ended is None:
        yield wording("clock.provisional")
    if calendar.version != ledger.term.calendar_version:
        yield wording("clock.recalendared", by=calendar.version, first=ledger.term.calendar_version)


def _local(moment: datetime, zone: str) -> Wording:
    local = moment.astimezone(ZoneInfo(zone))
    day, time = written(local.date()), f"{local:%H:%M}"
    return Wording(f"{day.ru} {time}", f"{day.be} {time}", f"{day.en} {time}")


def _joined(parts: Iterable[Wording]) -> Wording:
    ru, be, en = zip(*((one.ru, one.be, one.en) for one in parts), strict=True)
    return Wording(" ".join(ru), " ".join(be), " ".join(en))
