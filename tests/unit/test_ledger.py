"""The ledger of a legal term: the day rule against a plain count by midnights, and every refusal."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.calendars import Override, load_calendars
from contracts.data import Origin
from contracts.reference import LegalEffect, TermKind, TermUnit
from contracts.rules import Edition, ExtensionRule, TermRule, load
from services.law.calendar import Calendar, from_rules
from services.law.explanation import explain
from services.law.ledger import (
    Ledger,
    TermError,
    breach,
    due_at,
    end,
    extend,
    next_alarm,
    open_ledger,
    overdue,
    recalendar,
    remaining,
    remind,
    resume,
    rungs_passed,
    start,
    suspend,
    used,
)
from tests.effort import examples
from tests.kit.calendars import BY, US
from tests.kit.common import minsk

MINSK = "Europe/Minsk"
BY_FILE = next(rules for rules in load_calendars() if rules.id == "BY")
LOOK_OVER = load().edition("by-2024").terms[TermKind.LOOK_OVER]
MILLISECOND = timedelta(milliseconds=1)


def rule(budget: int = 5, unit: TermUnit = TermUnit.WORKING_DAYS, stops: bool = True) -> TermRule:
    return TermRule(
        ru="срок",
        be="тэрмін",
        en="term",
        budget=budget,
        unit=unit,
        calendar="BY",
        legal_effect=LegalEffect.ALARM,
        stops_while_with_applicant=stops,
        extension=ExtensionRule(max_count=2, days=4),
        origin=Origin(kind="assumption", note="for a test"),
    )


def closed_on(*days: date) -> Calendar:
    """The calendar of Belarus after an act that closes some days."""
    said = tuple(Override(day=day, working=False, reason_ru="р", reason_en="r", act="a") for day in days)
    return from_rules(BY_FILE.model_copy(update={"version": "2026.9", "overrides": said}))


def ledger_of(rule: TermRule, at: str = "2026-04-16T12:00") -> Ledger:
    return open_ledger(start(rule, BY, "expertise", minsk(at), MINSK))


class History(NamedTuple):
    ledger: Ledger
    calendar: Calendar
    last: datetime


RUNGS = (7, 4, 2, 1)
CALENDARS = (BY, closed_on(date(2026, 4, 22), date(2026, 5, 4)), closed_on(date(2026, 4, 17)))
MINUTES = st.integers(0, 9 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
TO_MIDNIGHT = st.just(None)
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["suspend", "resume", "extend", "recalendar", "remind", "breach"]), MINUTES | TO_MIDNIGHT
    ),
    max_size=12,
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A ledger after any operations in any order; those that its rule refuses leave it as it is."""
    by = draw(st.sampled_from(CALENDARS))
    zone = draw(st.sampled_from([MINSK, "America/New_York"]))
    its = rule(draw(st.integers(1, 12)), draw(st.sampled_from(TermUnit)))
    at = datetime(2026, 2, 20, tzinfo=UTC) + draw(st.integers(0, 90 * 24 * 60)) * timedelta(minutes=1)
    ledger = open_ledger(start(its, by, "expertise", at, zone))
    forgets = draw(st.booleans())
    for what, gap in draw(OPERATIONS):
        at = midnight(at, zone) if gap is None else at + gap
        try:
            match what:
                case "suspend":
                    ledger = suspend(ledger, its, at, "p1", "asked", by)
                case "resume":
                    ledger = resume(ledger, at)
                case "extend":
                    ledger = extend(ledger, its, at, "p1", "hard", by)
                case "recalendar":
                    by = draw(st.sampled_from(CALENDARS))
                    ledger = recalendar(ledger, by, at if forgets else None)
                case "remind":
                    ledger = remind(ledger, rungs_passed(ledger, RUNGS, at, by))
                case "breach":
                    ledger = breach(ledger) if overdue(ledger, at, by) else ledger
        except TermError:
            continue
    if draw(st.booleans()):
        ledger = end(ledger, at + draw(MINUTES))
    return History(ledger, by, at)


def midnight(after: datetime, zone: str) -> datetime:
    day = after.astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def ran_just_before(ledger: Ledger, moment: datetime) -> bool:
    if not ledger.term.started < moment or (ledger.ended is not None and moment > ledger.ended):
        return False
    return not any(s.since < moment and (s.until is None or moment <= s.until) for s in ledger.suspensions)


def used_by_midnights(ledger: Ledger, at: datetime, by: Calendar) -> int:
    """The day rule, word for word: a day counts when the clock runs at both its midnights and it is over."""
    count, opening = 0, midnight(ledger.term.started, ledger.term.zone)
    while (closing := midnight(opening, ledger.term.zone)) <= at:
        day = opening.astimezone(ZoneInfo(ledger.term.zone)).date()
        of_unit = ledger.term.unit is TermUnit.CALENDAR_DAYS or by.is_working(day)
        count += of_unit and ran_just_before(ledger, opening) and ran_just_before(ledger, closing)
        opening = closing
    return count


@examples(300)
@given(histories(), MINUTES)
def test_used_is_what_a_plain_count_by_midnights_gives(history: History, later: timedelta) -> None:
    ledger, by, last = history
    for at in (ledger.term.started, last, last + later):
        assert used(ledger, at, by) == used_by_midnights(ledger, at, by)


@examples(300)
@given(histories(), MINUTES)
def test_used_and_remaining_are_always_budget_and_extensions(history: History, later: timedelta) -> None:
    ledger, by, last = history
    whole = ledger.term.budget + sum(extension.days for extension in ledger.extensions)
    for at in (ledger.term.started, last, last + later):
        assert used(ledger, at, by) + remaining(ledger, at, by) == whole


@examples(300)
@given(histories())
def test_a_term_is_due_at_the_instant_that_uses_up_its_last_day(history: History) -> None:
    ledger, by, _ = history
    due = due_at(ledger, by)
    if due is None:
        assert ledger.stopped or ledger.ended is not None
        return
    assert used_by_midnights(ledger, due, by) == ledger.total
    assert used_by_midnights(ledger, due - MILLISECOND, by) == ledger.total - 1
    assert due.tzinfo is UTC
    assert due.astimezone(ZoneInfo(ledger.term.zone)).time() == time()


@examples(300)
@given(histories(), MINUTES)
def test_a_running_term_is_overdue_exactly_when_due_has_come(history: History, later: timedelta) -> None:
    ledger, by, last = history
    due = due_at(ledger, by)
    if due is None:
        assert not overdue(ledger, last + later, by)
        return
    for now in (last + later, due - MILLISECOND, due, due + later):
        assert overdue(ledger, now, by) == (now >= due) == (remaining(ledger, now, by) <= 0)


POLLS = st.lists(st.integers(0, 40 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)), max_size=8)
LONG = timedelta(days=400)


def to_announce(ledger: Ledger, now: datetime, by: Calendar) -> bool:
    late = overdue(ledger, now, by) and not ledger.breached
    return late or bool(rungs_passed(ledger, RUNGS, now, by))


@examples(400)
@given(histories(), POLLS)
def test_each_rung_that_is_still_ahead_comes_exactly_once_however_it_is_polled(
    history: History, polls: list[timedelta]
) -> None:
    ledger, by, last = history
    begun = ledger.extensions[-1].at if ledger.extensions else ledger.term.started
    at_its_beginning = ledger.total - used_by_midnights(ledger, begun, by)
    quiet = ledger.stopped or ledger.breached or ledger.ended is not None
    ahead = [] if quiet else [r for r in RUNGS if r < at_its_beginning and r not in ledger.reminded]
    heard = list[int]()
    for now in (*sorted(last + poll for poll in polls), last + LONG):
        passed = rungs_passed(ledger, RUNGS, now, by)
        assert all(ledger.total - used_by_midnights(ledger, now, by) <= rung for rung in passed)
        heard += passed
        ledger = remind(ledger, passed)
    assert heard == ahead


@examples(400)
@given(histories())
def test_the_next_alarm_is_the_first_instant_at_which_there_is_something_to_announce(history: History) -> None:
    ledger, by, last = history
    alarm = next_alarm(ledger, RUNGS, by)
    if alarm is None:
        assert not to_announce(ledger, last + LONG, by)
        return
    assert alarm.tzinfo is UTC
    assert to_announce(ledger, alarm, by)
    assert not to_announce(ledger, alarm - MILLISECOND, by)


@examples(200)
@given(histories())
def test_answering_each_alarm_leads_in_few_steps_to_none(history: History) -> None:
    ledger, by, _ = history
    alarms = list[datetime]()
    while (alarm := next_alarm(ledger, RUNGS, by)) is not None:
        alarms.append(alarm)
        ledger = remind(ledger, rungs_passed(ledger, RUNGS, alarm, by))
        ledger = breach(ledger) if overdue(ledger, alarm, by) else ledger
    assert alarms == sorted(set(alarms))
    assert len(alarms) <= len(RUNGS) + 1


@examples(300)
@given(histories(), MINUTES)
def test_what_was_announced_changes_no_number_so_no_timer_need_have_run(history: History, later: timedelta) -> None:
    ledger, by, last = history
    told = breach(remind(ledger, RUNGS))
    for now in (ledger.term.started, last, last + later, last + LONG):
        assert overdue(told, now, by) == overdue(ledger, now, by)
        assert remaining(told, now, by) == remaining(ledger, now, by)
    assert due_at(told, by) == due_at(ledger, by)


@examples(200)
@given(histories(), MINUTES)
def test_nothing_is_used_while_the_clock_stands(history: History, later: timedelta) -> None:
    ledger, by, last = history
    if ledger.stopped:
        assert used(ledger, last + later, by) == used(ledger, ledger.suspensions[-1].since, by)


@examples(200)
@given(histories(), MINUTES)
def test_a_ledger_and_its_explanation_survive_json(history: History, later: timedelta) -> None:
    ledger, by, last = history
    again = Ledger.model_validate_json(ledger.model_dump_json())
    assert again == ledger
    told = explain(again, last + later, by)
    assert type(told).model_validate_json(told.model_dump_json()) == told


@examples(300)
@given(histories(), MINUTES)
def test_the_intervals_of_an_explanation_add_up_and_do_not_overlap(history: History, later: timedelta) -> None:
    ledger, by, last = history
    told = explain(ledger, last + later, by)
    counted = sum(interval.counted for interval in told.intervals)
    final = used(ledger, last + timedelta(days=400), by)
    assert counted == min(final, ledger.total)
    assert told.used + told.left == told.total == ledger.total
    assert told.due == due_at(ledger, by)
    assert {s.who for s in ledger.suspensions} <= {i.who for i in told.intervals if i.state == "stopped"}
    days = [(i.first, i.last) for i in told.intervals if i.first and i.last and i.state == "running"]
    assert all(first <= final for first, final in days)
    assert all(one[1] < other[0] for one, other in zip(days, days[1:], strict=False))


def test_the_look_over_takes_three_working_days_of_minsk_by_law() -> None:
    term = start(LOOK_OVER, BY, "look-over", minsk("2026-04-16T23:59"), MINSK)
    assert (term.budget, term.origin, term.calendar_version) == (3, "law", BY.version)
    due = due_at(open_ledger(term), BY)
    assert due == datetime(2026, 4, 23, 21, tzinfo=UTC)
    assert due == minsk("2026-04-24T00:00")


def test_a_term_whose_end_is_agreed_starts_with_the_budget_that_follows_from_it_and_with_no_other() -> None:
    launch = load().edition("by-2024").terms[TermKind.LAUNCH]
    at = minsk("2026-04-16T12:00")
    assert start(launch, BY, TermKind.LAUNCH, at, MINSK, 12).budget == 12
    with pytest.raises(ValueError, match="the end of launch is agreed"):
        start(launch, BY, TermKind.LAUNCH, at, MINSK)
    assert start(LOOK_OVER, BY, TermKind.LOOK_OVER, at, MINSK, 12).budget == 12, "what was moved to another end"


def test_the_zone_decides_which_day_the_start_is() -> None:
    late = datetime(2026, 4, 16, 21, 30, tzinfo=UTC)
    assert due_at(open_ledger(start(LOOK_OVER, BY, "look-over", late, MINSK)), BY) == minsk("2026-04-25T00:00")
    assert due_at(open_ledger(start(LOOK_OVER, BY, "look-over", late, "UTC")), BY) == datetime(2026, 4, 24, tzinfo=UTC)


@given(st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)), st.integers(1, 60), st.sampled_from(TermUnit))
def test_an_untouched_term_is_due_after_the_day_that_the_calendar_adds_up_to(
    at: datetime, budget: int, unit: TermUnit
) -> None:
    ledger = open_ledger(start(rule(budget, unit), BY, "expertise", at.replace(tzinfo=UTC), MINSK))
    due = due_at(ledger, BY)
    started = at.replace(tzinfo=UTC).astimezone(ZoneInfo(MINSK)).date()
    assert due is not None
    assert due.astimezone(ZoneInfo(MINSK)).date() == BY.add(started, budget, unit) + timedelta(days=1)


def test_a_stop_over_midnight_costs_neither_its_first_nor_its_last_day() -> None:
    # Mon 27 Apr counts; stopped on 28 Apr, on again on 30 Apr; 1 May is a holiday; 4 to 7 May count.
    ledger = ledger_of(rule(5), "2026-04-26T12:00")
    ledger = suspend(ledger, rule(5), minsk("2026-04-28T09:00"), "p1", "asked", BY)
    assert due_at(ledger, BY) is None
    ledger = resume(ledger, minsk("2026-04-30T17:00"))
    assert due_at(ledger, BY) == minsk("2026-05-08T00:00")


def test_a_stop_within_one_day_moves_nothing() -> None:
    plain = ledger_of(rule(5))
    ledger = suspend(plain, rule(5), minsk("2026-04-17T09:00"), "p1", "asked", BY)
    assert due_at(ledger, BY) is None
    ledger = resume(ledger, minsk("2026-04-17T17:00"))
    assert due_at(ledger, BY) == due_at(plain, BY)


def test_a_term_stopped_on_its_last_day_has_that_day_back_when_it_runs_again() -> None:
    ledger = suspend(ledger_of(rule(1)), rule(1), minsk("2026-04-17T23:00"), "p1", "asked", BY)
    ledger = resume(ledger, minsk("2026-05-05T09:00"))
    assert not overdue(ledger, minsk("2026-05-06T23:59"), BY)
    assert due_at(ledger, BY) == minsk("2026-05-07T00:00")


def test_an_extension_adds_its_days_after_the_last_one() -> None:
    ledger = extend(ledger_of(rule(1)), rule(1), minsk("2026-04-17T12:00"), "p1", "hard", BY)
    assert due_at(ledger, BY) == minsk("2026-04-26T00:00")


def test_a_new_act_moves_the_due_time_and_the_ledger_says_by_which_version() -> None:
    changed = closed_on(date(2026, 4, 22))
    ledger = recalendar(ledger_of(LOOK_OVER), changed)
    assert due_at(ledger, changed) == minsk("2026-04-25T00:00")
    assert ledger.term.calendar_version == changed.version != BY.version


def test_an_explanation_tells_the_skipped_days_the_worked_saturday_and_who_stopped_the_clock() -> None:
    ledger = suspend(ledger_of(rule(9)), rule(9), minsk("2026-04-27T12:00"), "p7", "papers asked for", BY)
    told = explain(ledger, minsk("2026-04-29T12:00"), BY)
    running, stopped = told.intervals
    assert [(s.day.day, s.rule) for s in running.skipped] == [
        (18, "weekend"),
        (19, "weekend"),
        (20, "moved-day"),
        (21, "holiday"),
        (26, "weekend"),
    ]
    assert running.worked_weekends == (date(2026, 4, 25),)
    assert (running.first, running.last, running.counted) == (date(2026, 4, 17), date(2026, 4, 26), 5)
    assert (stopped.who, stopped.why, stopped.first) == ("p7", "papers asked for", date(2026, 4, 27))
    assert (told.state, told.used, told.left, told.due) == ("stopped", 5, 4, None)


def test_an_explanation_is_in_words_of_both_languages() -> None:
    told = explain(ledger_of(LOOK_OVER), minsk("2026-04-17T12:00"), BY)
    assert told.ru == (
        "Рабочих дней: 3 (норма закона). День начала 16.04.2026 не считается. Срок идёт. "
        "Использовано: 0, осталось: 3. Последний день: 23.04.2026. "
        "Просрочка с 24.04.2026 00:00 (Europe/Minsk)."
    )
    assert told.en == (
        "Working days: 3 (law). The day of the start, 2026-04-16, does not count. The clock runs. "
        "Used: 0, left: 3. Last day: 2026-04-23. Overdue from 2026-04-24 00:00 (Europe/Minsk)."
    )


def test_an_explanation_says_when_it_rests_on_a_year_without_its_act() -> None:
    assert not explain(ledger_of(LOOK_OVER), minsk("2026-04-17T12:00"), BY).provisional
    over_new_year = ledger_of(LOOK_OVER, "2026-12-30T12:00")
    assert explain(over_new_year, minsk("2026-12-30T12:00"), BY).provisional


@pytest.mark.parametrize(
    ("ended", "now", "state"),
    [
        (None, "2026-04-23T23:59", "running"),
        (None, "2026-04-24T00:00", "overdue"),
        ("2026-04-23T23:59", "2026-06-01T00:00", "ended"),
        ("2026-04-24T00:00", "2026-06-01T00:00", "ended-late"),
    ],
)
def test_a_term_ends_in_time_until_the_last_instant_of_its_last_day(ended: str | None, now: str, state: str) -> None:
    ledger = ledger_of(LOOK_OVER)
    if ended is not None:
        ledger = end(ledger, minsk(ended))
    assert explain(ledger, minsk(now), BY).state == state


def test_announcing_a_breach_is_remembered_and_changes_no_number() -> None:
    ledger = breach(ledger_of(LOOK_OVER))
    assert ledger.breached
    assert due_at(ledger, BY) == due_at(ledger_of(LOOK_OVER), BY)


def test_the_reminders_of_the_look_over_come_as_its_days_begin_to_run_short() -> None:
    # Fri 17 April is used; 18 to 21 do not count; the 22nd is used; the 23rd is the last.
    ledger, rungs = ledger_of(LOOK_OVER), LOOK_OVER.reminders
    assert rungs == (2, 1)
    assert next_alarm(ledger, rungs, BY) == minsk("2026-04-18T00:00")
    assert rungs_passed(ledger, rungs, minsk("2026-04-17T23:59"), BY) == ()
    assert rungs_passed(ledger, rungs, minsk("2026-04-18T00:00"), BY) == (2,)
    assert rungs_passed(ledger, rungs, minsk("2026-04-23T09:00"), BY) == (2, 1)
    ledger = remind(ledger, [2])
    assert next_alarm(ledger, rungs, BY) == minsk("2026-04-23T00:00")
    ledger = remind(ledger, [1])
    assert (ledger.reminded, next_alarm(ledger, rungs, BY)) == ((2, 1), minsk("2026-04-24T00:00"))
    assert next_alarm(breach(ledger), rungs, BY) is None


def test_a_stopped_term_reminds_of_nothing_and_its_rungs_move_with_its_end() -> None:
    ledger = suspend(ledger_of(rule(3)), rule(3), minsk("2026-04-17T09:00"), "p1", "asked", BY)
    assert next_alarm(ledger, (1,), BY) is None
    assert rungs_passed(ledger, (1,), minsk("2026-06-01T09:00"), BY) == ()
    ledger = resume(ledger, minsk("2026-05-05T09:00"))
    assert next_alarm(ledger, (1,), BY) == minsk("2026-05-08T00:00")


def test_a_reminder_that_came_due_before_the_stop_is_given_when_the_clock_runs_again() -> None:
    ledger = suspend(ledger_of(rule(3)), rule(3), minsk("2026-04-18T09:00"), "p1", "asked", BY)
    ledger = resume(ledger, minsk("2026-05-05T09:00"))
    assert rungs_passed(ledger, (2, 1), minsk("2026-05-05T09:00"), BY) == (2,)


def test_a_longer_term_has_its_ladder_anew_but_for_rungs_that_it_begins_below() -> None:
    its = rule(8)
    ledger = remind(ledger_of(its), (6, 2))
    at = minsk("2026-04-28T12:00")  # used: 17, 22, 23, 24, 25, 27
    assert remaining(ledger, at, BY) == 2
    ledger = extend(ledger, its, at, "p1", "hard", BY)
    assert (ledger.reminded, remaining(ledger, at, BY)) == ((), 6)
    assert rungs_passed(ledger, (6, 2), at, BY) == ()
    assert next_alarm(ledger, (6, 2), BY) == minsk("2026-05-05T00:00")
    assert rungs_passed(ledger, (6, 2), minsk("2026-05-05T00:00"), BY) == (2,)


def test_a_rung_that_is_reached_at_the_very_moment_of_the_extension_is_left_out() -> None:
    its, at = rule(8), minsk("2026-04-28T00:00")
    ledger = extend(ledger_of(its), its, at, "p1", "hard", BY)
    assert remaining(ledger, at, BY) == 6
    assert rungs_passed(ledger, (6,), at, BY) == ()
    assert rungs_passed(ledger, (5,), minsk("2026-04-29T00:00"), BY) == (5,)


def test_a_rung_left_out_comes_when_a_new_act_puts_it_after_the_extension() -> None:
    its = rule(8)
    at, closed = minsk("2026-04-28T12:00"), closed_on(date(2026, 4, 27))
    ledger = recalendar(extend(ledger_of(its), its, at, "p1", "hard", BY), closed)
    assert remaining(ledger, at, closed) == 7
    assert next_alarm(ledger, (6, 2), closed) == minsk("2026-04-29T00:00")


def test_rungs_above_the_whole_term_never_come() -> None:
    assert rungs_passed(ledger_of(rule(2)), (9, 2, 0, -1), minsk("2027-04-17T12:00"), BY) == ()


def test_a_new_act_that_undoes_a_breach_lets_the_next_one_be_announced() -> None:
    ledger, at = breach(ledger_of(LOOK_OVER)), minsk("2026-04-24T09:00")
    changed = closed_on(date(2026, 4, 22))
    assert next_alarm(recalendar(ledger, changed), (1,), changed) is None
    again = recalendar(ledger, changed, at)
    assert (again.breached, next_alarm(remind(again, (1,)), (1,), changed)) == (False, minsk("2026-04-25T00:00"))
    assert recalendar(ledger, BY, at).breached


@pytest.mark.parametrize(
    ("started", "due"),
    [
        ("2026-04-16T12:00", "2026-04-24T00:00"),
        ("2026-04-24T12:00", "2026-04-29T00:00"),
        ("2025-07-02T12:00", "2025-07-10T00:00"),
        ("2025-12-19T12:00", "2025-12-24T00:00"),
        ("2026-12-30T12:00", "2027-01-06T00:00"),
    ],
)
def test_the_look_over_is_due_after_the_golden_days(started: str, due: str) -> None:
    assert due_at(ledger_of(LOOK_OVER, started), BY) == minsk(due)


def test_the_look_over_can_be_neither_stopped_nor_extended() -> None:
    ledger = ledger_of(LOOK_OVER)
    with pytest.raises(TermError, match="^term.cannot-be-stopped$"):
        suspend(ledger, LOOK_OVER, minsk("2026-04-17T12:00"), "p1", "asked", BY)
    with pytest.raises(TermError, match="^term.cannot-be-extended$"):
        extend(ledger, LOOK_OVER, minsk("2026-04-17T12:00"), "p1", "hard", BY)


def test_a_clock_is_stopped_once_and_started_once() -> None:
    ledger = ledger_of(rule())
    with pytest.raises(TermError, match="^term.not-stopped$"):
        resume(ledger, minsk("2026-04-17T12:00"))
    ledger = suspend(ledger, rule(), minsk("2026-04-17T12:00"), "p1", "asked", BY)
    with pytest.raises(TermError, match="^term.already-stopped$"):
        suspend(ledger, rule(), minsk("2026-04-17T13:00"), "p1", "asked", BY)


def test_a_term_is_extended_no_more_often_than_its_rule_allows() -> None:
    ledger, at = ledger_of(rule()), minsk("2026-04-17T12:00")
    for _ in range(2):
        ledger = extend(ledger, rule(), at, "p1", "hard", BY)
    with pytest.raises(TermError, match="^term.cannot-be-extended$"):
        extend(ledger, rule(), at, "p1", "hard", BY)


def test_what_has_run_out_can_be_neither_extended_nor_stopped() -> None:
    ledger, due = ledger_of(rule()), due_at(ledger_of(rule()), BY)
    assert due is not None
    extend(ledger, rule(), due - MILLISECOND, "p1", "hard", BY)
    with pytest.raises(TermError, match="^term.expired$"):
        extend(ledger, rule(), due, "p1", "hard", BY)
    with pytest.raises(TermError, match="^term.expired$"):
        suspend(ledger, rule(), due, "p1", "asked", BY)


def test_a_stopped_term_can_be_extended_long_after_it_would_have_run_out() -> None:
    ledger = suspend(ledger_of(rule()), rule(), minsk("2026-04-17T12:00"), "p1", "asked", BY)
    assert extend(ledger, rule(), minsk("2026-09-01T12:00"), "p1", "hard", BY).total == 9


def test_an_ended_term_takes_no_more_entries() -> None:
    at = minsk("2026-04-17T12:00")
    ledger = end(ledger_of(rule()), at)
    assert due_at(ledger, BY) is None
    entries: list[Callable[[], Ledger]] = [
        lambda: end(ledger, at),
        lambda: resume(ledger, at),
        lambda: recalendar(ledger, BY),
        lambda: suspend(ledger, rule(), at, "p1", "asked", BY),
        lambda: extend(ledger, rule(), at, "p1", "hard", BY),
    ]
    for entry in entries:
        with pytest.raises(TermError, match="^term.ended$"):
            entry()


def test_nothing_is_entered_before_the_last_entry() -> None:
    ledger = suspend(ledger_of(rule()), rule(), minsk("2026-04-17T12:00"), "p1", "asked", BY)
    with pytest.raises(TermError, match="^term.before-last-entry$") as caught:
        resume(ledger, minsk("2026-04-17T11:59"))
    assert caught.value.said("be") == "Ва ўліку гэтага тэрміну ўжо ёсць пазнейшы запіс."


def test_a_term_is_not_counted_by_a_calendar_that_is_not_its_own() -> None:
    ledger, us = ledger_of(rule()), US
    counts: list[Callable[[], object]] = [
        lambda: start(rule(), us, "expertise", minsk("2026-04-16T12:00"), MINSK),
        lambda: due_at(ledger, us),
        lambda: used(ledger, minsk("2026-04-16T12:00"), us),
    ]
    for count in counts:
        with pytest.raises(ValueError, match="not by .US."):
            count()


@pytest.mark.parametrize("rungs", [(1, 2), (2, 2), (5,), (6, 1), (2, 0), (1, -1), (2.0,)])
def test_a_ladder_that_does_not_go_down_within_its_term_is_refused(rungs: tuple[int, ...]) -> None:
    sound = rule(5).model_dump()
    assert TermRule.model_validate({**sound, "reminders": (4, 2, 1)}).reminders == (4, 2, 1)
    with pytest.raises(ValidationError, match="reminder"):
        TermRule.model_validate({**sound, "reminders": rungs})


@pytest.mark.parametrize("edition", load().values(), ids=load().keys())
def test_every_edition_has_the_terms_that_services_count_by_each_with_a_ladder(edition: Edition) -> None:
    assert set(edition.terms) == set(TermKind)
    assert all(its.reminders and "reminders" in its.origin.note for its in edition.terms.values())


@pytest.mark.parametrize("kind", TermKind)
def test_an_edition_that_lacks_a_needed_term_is_refused(kind: str) -> None:
    whole = load().edition("by-2024")
    terms = {name: its for name, its in whole.terms.items() if name != kind}
    with pytest.raises(ValidationError, match=f"terms are missing: {kind}"):
        Edition.model_validate({**dict(whole), "terms": terms})


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        rungs_passed(ledger_of(rule()), (), datetime(2026, 4, 17), BY)
    with pytest.raises(ValueError, match="zone"):
        used(ledger_of(rule()), datetime(2026, 4, 17), BY)
    with pytest.raises(ValueError, match="zone"):
        end(ledger_of(rule()), datetime(2026, 4, 17))
