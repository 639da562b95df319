"""How a legal term's numbers come about: every interval, each skipped day with its rule, in two languages.

Counted by `services.law.ledger`, whose day rule is the only one; here it is told. Pure.
"""

from datetime import date, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from contracts.event import Contract, Moment
from contracts.reference import Term, TermUnit
from services.law.calendar import Calendar
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
    (an opaque id) and `why`.
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


class Explanation(Contract):
    """How a term's numbers come about, day by day. Dates are days of the term's zone.

    `counted_by` is the calendar version that was counted by; when it is not the term's own, the calendar
    has changed since, and `recalendar` is due. `provisional`: an act may still move days of a year that the term
    touches. `due` is the first instant after the term, `due_ru` and `due_en` the same as one says it: the last day,
    to its end, in the term's zone. `reminded` are the reminders that were announced, each by the days that were
    left; `breached`: the breach was announced. `ru` and `en` are the whole in words, with every stop and extension.
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
    due_en: str | None
    provisional: bool
    intervals: tuple[Interval, ...]
    extensions: tuple[Extension, ...]
    reminded: tuple[int, ...]
    breached: bool
    ru: str
    en: str


def explain(ledger: Ledger, now: datetime, calendar: Calendar) -> Explanation:
    """Everything behind the numbers of `used`, `remaining` and `due_at`, in words of both languages too."""
    spent = used(ledger, now, calendar)
    final = last_day(ledger, calendar)
    due = due_at(ledger, calendar)
    state = _state(ledger, due is not None and now >= due, final)
    provisional = _provisional(ledger, final or day_of(ledger.ended or now, ledger.term.zone), calendar)
    ru, en = _words(ledger, state, spent, final, due)
    more_ru, more_en = _entries(ledger, provisional, calendar)
    due_ru, due_en = _due(ledger, final) if due is not None and final is not None else (None, None)
    return Explanation(
        term=ledger.term,
        counted_by=calendar.version,
        state=state,
        total=ledger.total,
        used=spent,
        left=remaining(ledger, now, calendar),
        last_day=final,
        due=due,
        due_ru=due_ru,
        due_en=due_en,
        provisional=provisional,
        intervals=tuple(_intervals(ledger, final, calendar)),
        extensions=ledger.extensions,
        reminded=ledger.reminded,
        breached=ledger.breached,
        ru=" ".join([ru, *more_ru]),
        en=" ".join([en, *more_en]),
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
    return Interval(
        state="stopped",
        since=stop.since,
        until=until,
        first=first if whole else None,
        last=last if whole else None,
        who=stop.who,
        why=stop.why,
    )


_RU: Final = {
    "working-days": "Рабочих дней",
    "calendar-days": "Календарных дней",
    "law": "норма закона",
    "assumption": "допущение",
    "running": "Срок идёт.",
    "stopped": "Срок приостановлен.",
    "overdue": "Срок нарушен.",
    "ended": "Срок окончен вовремя.",
    "ended-late": "Срок окончен с опозданием.",
}
_EN: Final = {
    "working-days": "Working days",
    "calendar-days": "Calendar days",
    "law": "law",
    "assumption": "assumption",
    "running": "The clock runs.",
    "stopped": "The clock is stopped.",
    "overdue": "The term is overdue.",
    "ended": "Ended in time.",
    "ended-late": "Ended late.",
}


def _words(ledger: Ledger, state: State, spent: int, final: date | None, due: datetime | None) -> tuple[str, str]:
    term, left = ledger.term, ledger.total - spent
    started = day_of(term.started, term.zone)
    ru = [
        f"{_RU[term.unit]}: {ledger.total} ({_RU[term.origin]}).",
        f"День начала {started:%d.%m.%Y} не считается.",
        _RU[state],
        f"Использовано: {spent}, " + (f"осталось: {left}." if left >= 0 else f"опоздание: {-left}."),
    ]
    en = [
        f"{_EN[term.unit]}: {ledger.total} ({_EN[term.origin]}).",
        f"The day of the start, {started.isoformat()}, does not count.",
        _EN[state],
        f"Used: {spent}, " + (f"left: {left}." if left >= 0 else f"late by: {-left}."),
    ]
    if final is not None:
        ru.append(f"Последний день: {final:%d.%m.%Y}.")
        en.append(f"Last day: {final.isoformat()}.")
    if due is not None:
        local = due.astimezone(ZoneInfo(term.zone))
        ru.append(f"Просрочка с {local:%d.%m.%Y %H:%M} ({term.zone}).")
        en.append(f"Overdue from {local:%Y-%m-%d %H:%M} ({term.zone}).")
    return " ".join(ru), " ".join(en)


def _due(ledger: Ledger, final: date) -> tuple[str, str]:
    zone = ledger.term.zone
    return f"{final:%d.%m.%Y}, конец дня, {zone}", f"{final.isoformat()}, end of the day, {zone}"


def _entries(ledger: Ledger, provisional: bool, calendar: Calendar) -> tuple[list[str], list[str]]:
    """What was entered in the ledger, and what its numbers rest on, where there is anything to say of it."""
    zone, ru, en = ledger.term.zone, list[str](), list[str]()
    for stop in ledger.suspensions:
        since, until = _local(stop.since, zone), None if stop.until is None else _local(stop.until, zone)
        ru.append(f"Остановлен с {since[0]}{f' по {until[0]}' if until else ''}: {stop.why} ({stop.who}).")
        en.append(f"Stopped from {since[1]}{f' to {until[1]}' if until else ''}: {stop.why} ({stop.who}).")
    for extension in ledger.extensions:
        at = _local(extension.at, zone)
        ru.append(f"Продлён {at[0]}, дней: {extension.days}: {extension.why} ({extension.who}).")
        en.append(f"Extended on {at[1]}, days: {extension.days}: {extension.why} ({extension.who}).")
    if ledger.reminded:
        rungs = ", ".join(map(str, ledger.reminded))
        ru.append(f"Напоминания сделаны, когда оставалось дней: {rungs}.")
        en.append(f"Reminders were given with days left: {rungs}.")
    if ledger.breached:
        ru.append("О нарушении срока сообщено.")
        en.append("The breach was announced.")
    if provisional and ledger.ended is None:
        ru.append("Дата предварительная: переносы рабочих дней ещё не опубликованы.")
        en.append("The date is provisional: the transfers of working days are not published yet.")
    if calendar.version != ledger.term.calendar_version:
        ru.append(f"Сосчитано по календарю {calendar.version} вместо {ledger.term.calendar_version}.")
        en.append(f"Counted by calendar {calendar.version} instead of {ledger.term.calendar_version}.")
    return ru, en


def _local(moment: datetime, zone: str) -> tuple[str, str]:
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local:%d.%m.%Y %H:%M}", f"{local:%Y-%m-%d %H:%M}"
