"""The working-day calendars: golden days of Belarus, and laws that hold for every calendar."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.reference import TermUnit
from contracts.rules import CalendarRules, Override, load_calendars
from services.chassis.calendar import Calendar, Day, UnknownCalendar, calendar, from_rules

WORKING, CALENDAR = TermUnit.WORKING_DAYS, TermUnit.CALENDAR_DAYS
BY = calendar("BY")

calendars = st.sampled_from(["BY", "US"]).map(calendar)
days = st.dates(date(2019, 1, 1), date(2032, 12, 31))
units = st.sampled_from(TermUnit)


def file_of(id: str) -> CalendarRules:
    return next(rules for rules in load_calendars() if rules.id == id)


def weekdays_only(start: date, count: int) -> date:
    """What a program counts that knows of weekends and of nothing else."""
    while count:
        start += timedelta(days=1)
        count -= start.weekday() < 5
    return start


@pytest.mark.parametrize(
    ("receipt", "last"),
    [
        (date(2026, 4, 16), date(2026, 4, 23)),
        (date(2026, 4, 24), date(2026, 4, 28)),
        (date(2025, 7, 2), date(2025, 7, 9)),
        (date(2025, 12, 19), date(2025, 12, 23)),
        (date(2026, 12, 30), date(2027, 1, 5)),
    ],
)
def test_three_working_days_in_belarus_end_on_the_golden_day(receipt: date, last: date) -> None:
    assert BY.add(receipt, 3, WORKING) == last


@pytest.mark.parametrize("receipt", [date(2026, 4, 16), date(2025, 7, 2), date(2025, 12, 19)])
def test_counting_weekends_alone_gives_another_day_than_the_calendar(receipt: date) -> None:
    assert weekdays_only(receipt, 3) != BY.add(receipt, 3, WORKING)


@pytest.mark.parametrize(("year", "working"), [(2025, 252), (2026, 254)])
def test_belarus_has_the_published_number_of_working_days(year: int, working: int) -> None:
    assert BY.count(date(year - 1, 12, 31), date(year, 12, 31), WORKING) == working


@pytest.mark.parametrize(
    ("off", "worked", "act"),
    [
        (date(2025, 1, 6), date(2025, 1, 11), "№ 839"),
        (date(2025, 4, 28), date(2025, 4, 26), "№ 839"),
        (date(2025, 7, 4), date(2025, 7, 12), "№ 839"),
        (date(2025, 12, 26), date(2025, 12, 20), "№ 839"),
        (date(2026, 4, 20), date(2026, 4, 25), "№ 397"),
    ],
)
def test_a_moved_day_is_off_by_its_act_and_the_saturday_is_worked(off: date, worked: date, act: str) -> None:
    skip = BY.explain(off)
    assert skip is not None
    assert skip.rule == "moved-day"
    assert skip.act is not None
    assert skip.act.endswith(act)
    assert BY.is_working(worked)
    assert worked.weekday() == 5


def test_the_library_knows_the_same_transfers_as_the_acts_in_the_file() -> None:
    bare = from_rules(file_of("BY").model_copy(update={"transfers": ()}))
    for day in BY.walk(date(2024, 12, 31), date(2026, 12, 31), WORKING):
        assert bare.is_working(day.day) == (day.skip is None), day.day


def test_a_year_whose_act_is_in_the_file_takes_no_transfer_from_the_library() -> None:
    without = tuple(t.model_copy(update={"moved": ()}) for t in file_of("BY").transfers)
    changed = from_rules(file_of("BY").model_copy(update={"transfers": without}))
    assert changed.is_working(date(2026, 4, 20))
    assert not changed.is_working(date(2026, 4, 25))


def test_a_transfer_known_to_the_library_alone_is_named_as_a_moved_day_without_an_act() -> None:
    skip = BY.explain(date(2024, 5, 13))
    assert skip is not None
    assert (skip.rule, skip.act) == ("moved-day", None)
    assert BY.is_working(date(2024, 5, 18))


def test_a_transfer_over_the_new_year_counts_in_both_years() -> None:
    assert not BY.is_working(date(2007, 1, 2))
    assert BY.is_working(date(2006, 12, 30))


def test_a_holiday_of_belarus_on_a_weekend_is_not_moved() -> None:
    assert date(2026, 11, 7).weekday() == 5
    assert BY.is_working(date(2026, 11, 6))
    assert BY.is_working(date(2026, 11, 9))


def test_a_federal_holiday_on_a_weekend_is_observed_even_in_the_year_before() -> None:
    skip = calendar("US").explain(date(2027, 12, 31))
    assert skip is not None
    assert skip.rule == "holiday"


def test_a_skipped_day_is_explained_in_both_languages() -> None:
    skip = BY.explain(date(2026, 4, 21))
    assert skip is not None
    assert (skip.rule, skip.ru, skip.en) == ("holiday", "Радуница", "Radunitsa (Day of Rejoicing)")
    weekend = BY.explain(date(2026, 4, 19))
    assert weekend is not None
    assert weekend.rule == "weekend"


def test_an_override_wins_over_every_other_rule_and_changes_the_version() -> None:
    said = (
        Override(day=date(2026, 4, 25), working=False, reason_ru="р", reason_en="r", act="a"),
        Override(day=date(2026, 4, 21), working=True, reason_ru="р", reason_en="r", act="a"),
    )
    changed = from_rules(file_of("BY").model_copy(update={"overrides": said, "version": "2026.2"}))
    skip = changed.explain(date(2026, 4, 25))
    assert skip is not None
    assert (skip.rule, skip.ru, skip.en, skip.act) == ("override", "р", "r", "a")
    assert changed.is_working(date(2026, 4, 21))
    assert changed.version != BY.version


def test_only_years_with_their_act_are_firm_where_an_act_moves_days() -> None:
    assert [BY.provisional(year) for year in (2025, 2026, 2027)] == [False, False, True]
    assert not calendar("US").provisional(2040)


def test_the_version_names_the_file_and_the_library() -> None:
    assert BY.version.startswith(f"BY-{file_of('BY').version}+holidays-")


@pytest.mark.parametrize("id", ["XX", "", "by", "../BY"])
def test_an_unknown_calendar_is_refused_and_the_known_ones_are_named(id: str) -> None:
    with pytest.raises(UnknownCalendar, match="BY, US"):
        calendar(id)


def test_a_negative_number_of_days_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        BY.add(date(2026, 1, 1), -1, WORKING)


@given(calendars, days, st.integers(0, 700), units)
def test_count_is_the_inverse_of_add(by: Calendar, start: date, n: int, unit: TermUnit) -> None:
    assert by.count(start, by.add(start, n, unit), unit) == n


@given(calendars, days, st.integers(1, 700))
def test_the_last_day_is_a_working_day_also_after_a_start_on_a_day_off(by: Calendar, day: date, n: int) -> None:
    assert by.is_working(by.add(day, n, WORKING))


@given(calendars, days, st.integers(0, 700), st.integers(0, 700), units)
def test_days_can_be_added_in_two_steps(by: Calendar, start: date, a: int, b: int, unit: TermUnit) -> None:
    assert by.add(by.add(start, a, unit), b, unit) == by.add(start, a + b, unit)


@given(calendars, days, st.integers(-30, 900), units)
def test_count_is_the_number_of_days_that_a_walk_does_not_skip(
    by: Calendar, start: date, span: int, unit: TermUnit
) -> None:
    end = start + timedelta(days=span)
    walked = list(by.walk(start, end, unit))
    assert by.count(start, end, unit) == sum(day.skip is None for day in walked)
    assert [day.day for day in walked] == [start + timedelta(days=n + 1) for n in range(max(span, 0))]


def test_calendar_days_skip_nothing() -> None:
    assert BY.add(date(2026, 4, 18), 2, CALENDAR) == date(2026, 4, 20)
    assert list(BY.walk(date(2026, 4, 19), date(2026, 4, 20), CALENDAR)) == [Day(date(2026, 4, 20), None)]
