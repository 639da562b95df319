"""The working-day calendars: golden days of Belarus, and laws that hold for every calendar."""

import re
from datetime import date, timedelta
from pathlib import Path

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.calendars import CalendarRules, FaultyUpdate, Override, load_calendars, load_updates, read_update
from contracts.reference import TermUnit
from deploy.local.stack import Stack
from services.chassis.run import main
from services.law.calendar import Calendar, Calendars, Day, UnknownCalendar, from_rules
from tests.kit.calendars import BY, CALENDARS, US
from tests.kit.engine.tiny import tiny_service

WORKING, CALENDAR = TermUnit.WORKING_DAYS, TermUnit.CALENDAR_DAYS

calendars = st.sampled_from([BY, US])
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
    skip = US.explain(date(2027, 12, 31))
    assert skip is not None
    assert skip.rule == "holiday"


def test_a_skipped_day_is_explained_in_three_languages() -> None:
    skip = BY.explain(date(2026, 4, 21))
    assert skip is not None
    assert (skip.rule, skip.ru, skip.be) == ("holiday", "Радуница", "Радаўніца")
    assert skip.en == "Radunitsa (Day of Rejoicing)"
    weekend = BY.explain(date(2026, 4, 19))
    assert weekend is not None
    assert (weekend.rule, weekend.be) == ("weekend", "выхадны дзень")
    moved = BY.explain(date(2026, 4, 20))
    assert moved is not None
    assert (moved.rule, moved.be) == ("moved-day", "рабочы дзень перанесены на 25.04.2026")
    foreign = US.explain(date(2027, 12, 31))
    assert foreign is not None
    assert foreign.be == foreign.ru == foreign.en, "a library without these languages says it in English"


def test_an_override_wins_over_every_other_rule_and_changes_the_version() -> None:
    said = (
        Override(day=date(2026, 4, 25), working=False, reason_ru="р", reason_en="r", act="a"),
        Override(day=date(2026, 4, 21), working=True, reason_ru="р", reason_en="r", act="a"),
        Override(day=date(2026, 4, 22), working=False, reason_ru="р", reason_be="б", reason_en="r", act="a"),
    )
    changed = from_rules(file_of("BY").model_copy(update={"overrides": said, "version": "2026.2"}))
    skip = changed.explain(date(2026, 4, 25))
    assert skip is not None
    assert (skip.rule, skip.ru, skip.en, skip.act) == ("override", "р", "r", "a")
    assert skip.be == "р", "a file from before there was a Belarusian reason stays good, and the Russian one stands"
    assert changed.is_working(date(2026, 4, 21))
    assert (named := changed.explain(date(2026, 4, 22))) is not None and named.be == "б"
    assert changed.version != BY.version


def test_only_years_with_their_act_are_firm_where_an_act_moves_days() -> None:
    assert [BY.provisional(year) for year in (2024, 2025, 2026, 2027)] == [True, False, False, True]
    assert not US.provisional(2040)


def test_the_version_names_the_file_and_the_library() -> None:
    assert BY.version.startswith(f"BY-{file_of('BY').version}+holidays-")


def test_years_that_were_worked_out_ask_the_library_nothing_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    calendars = Calendars.load()
    calendars.work_out([2025, 2026])

    def gone(*_args: object, **_rest: object) -> None:
        raise AssertionError("the library is asked")

    monkeypatch.setattr(holidays, "country_holidays", gone)
    assert calendars["BY"].add(date(2025, 12, 30), 3, TermUnit.WORKING_DAYS) == date(2026, 1, 6)
    with pytest.raises(AssertionError, match="the library is asked"):
        calendars["BY"].is_working(date(2027, 1, 1))


@pytest.mark.parametrize("id", ["XX", "", "by", "../BY"])
def test_an_unknown_calendar_is_refused_and_the_known_ones_are_named(id: str) -> None:
    with pytest.raises(UnknownCalendar, match="BY, US"):
        CALENDARS[id]


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


# ---- updates of a deployment


ACT = 'kind = "law"\nact = "Постановление № 1"\nsource = "example.org"\nnote = "n"\n'
YEAR_2027 = (date(2027, 1, 8), date(2027, 1, 16))
"""A Friday that is free, and the Saturday that is worked for it."""


def update_text(
    dated: str = "2026-12-01",
    id: str = "BY",
    off: date = YEAR_2027[0],
    worked: date = YEAR_2027[1],
    more: str = "",
) -> str:
    moved = f"moved = [{{ off = {off}, worked = {worked} }}]\n"
    transfers = f"[[transfers]]\nyear = {worked.year}\n{moved}[transfers.origin]\n{ACT}"
    return f'id = "{id}"\ndated = {dated}\n[origin]\n{ACT}{transfers}{more}'


def override_text(day: date, working: bool) -> str:
    said = f'reason_ru = "р"\nreason_en = "r"\nact = "a"\nworking = {str(working).lower()}\n'
    return f"[[overrides]]\nday = {day}\n{said}"


def updated(*texts: str) -> Calendars:
    """The calendars with updates given as texts."""
    return Calendars.load([read_update(text) for text in texts])


def test_an_update_moves_days_names_itself_in_the_version_and_makes_its_year_firm() -> None:
    before, found = BY, updated(update_text())
    after = found["BY"]
    assert (after.provisional(2027), before.provisional(2027)) == (False, True)
    assert (after.is_working(YEAR_2027[0]), after.is_working(YEAR_2027[1])) == (False, True)
    skip = after.explain(YEAR_2027[0])
    assert skip is not None
    assert (skip.rule, skip.act) == ("moved-day", "Постановление № 1")
    assert re.fullmatch(r"BY-2026\.1\+2026-12-01-[0-9a-f]{6}\+holidays-.+", after.version)
    assert found.versions == tuple(sorted([after.version, US.version]))
    assert found["US"].version.startswith("US-2026.1+holidays-")


def test_the_act_that_is_dated_last_has_the_say_over_its_year_and_its_days() -> None:
    day = date(2027, 2, 3)
    first = update_text("2026-12-01", more=override_text(day, False))
    second = update_text("2027-01-04", off=date(2027, 1, 4), worked=date(2027, 1, 23), more=override_text(day, True))
    after = updated(second, first)["BY"]
    assert after.version == updated(first, second)["BY"].version
    assert "+2027-01-04-" in after.version
    assert after.is_working(YEAR_2027[0])
    assert not after.is_working(YEAR_2027[1])
    assert not after.is_working(date(2027, 1, 4))
    assert after.is_working(day)


def test_an_update_of_a_packaged_year_takes_its_place() -> None:
    after = updated(update_text("2026-03-01", off=date(2026, 4, 20), worked=date(2026, 5, 16)))["BY"]
    assert after.is_working(date(2026, 5, 16))
    assert not after.is_working(date(2026, 4, 25))
    assert not after.is_working(date(2026, 4, 20))


def test_an_update_that_was_mended_is_another_version() -> None:
    one, mended = updated(update_text())["BY"], updated(update_text(worked=date(2027, 1, 23)))["BY"]
    assert one.version != mended.version
    assert updated(update_text().replace("№ 1", "№ 2"))["BY"].version == one.version


def test_an_update_that_says_the_opposite_of_a_day_is_another_version() -> None:
    bare = f'id = "BY"\ndated = 2026-12-01\n[origin]\n{ACT}'
    off, worked = (updated(bare + override_text(date(2027, 2, 3), said))["BY"] for said in (False, True))
    assert off.version != worked.version


def test_an_act_that_moves_nothing_is_another_version_than_none() -> None:
    bare = f'id = "BY"\ndated = 2026-12-01\n[origin]\n{ACT}'
    none = updated(bare + override_text(date(2027, 2, 3), False))["BY"]
    empty = f"[[transfers]]\nyear = 2027\n[transfers.origin]\n{ACT}"
    act = updated(bare + empty + override_text(date(2027, 2, 3), False))["BY"]
    assert (none.provisional(2027), act.provisional(2027)) == (True, False)
    assert none.version != act.version


def test_the_last_day_of_a_leap_year_is_looked_at_like_any_other() -> None:
    last = date(2028, 12, 31)  # a Sunday, the 366th day
    assert not BY.is_working(last) and not US.is_working(last)


def test_an_act_may_have_a_holiday_worked() -> None:
    day = date(2027, 5, 1)  # a Saturday, and a holiday
    assert not BY.is_working(day)
    assert updated(update_text(worked=day))["BY"].is_working(day)


def test_an_update_with_single_days_alone_leaves_its_year_provisional() -> None:
    bare = f'id = "BY"\ndated = 2026-12-01\n[origin]\n{ACT}'
    after = updated(bare + override_text(date(2027, 2, 3), False))["BY"]
    assert after.provisional(2027)
    assert not after.is_working(date(2027, 2, 3))


def test_an_update_of_an_unknown_calendar_is_refused() -> None:
    with pytest.raises(UnknownCalendar, match="XX.*BY, US"):
        updated(update_text(id="XX"))


def test_a_folder_of_updates_is_read_in_the_order_of_their_dates(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(update_text("2027-01-04"))
    (tmp_path / "b.toml").write_text(update_text("2026-12-01"))
    (tmp_path / "README.md").write_text("no update")
    assert [u.dated for u in load_updates(tmp_path)] == [date(2026, 12, 1), date(2027, 1, 4)]
    (tmp_path / "2027.tml").write_text(update_text("2027-02-01"))
    with pytest.raises(FaultyUpdate, match=r"2027\.tml.*is no \.toml file"):
        load_updates(tmp_path)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (update_text(id="XX"), "no calendar XX; known: BY, US"),
        (update_text().replace("dated", "datet"), "datet"),
        (f'id = "BY"\ndated = 2026-12-01\n[origin]\n{ACT}', "neither transfers nor overrides"),
        (update_text(off=date(2026, 4, 20)), "moved day given twice: 2026-04-20"),
        ("id = ", "Invalid value"),
        (update_text("2026-11-01"), "sound.toml is of the same date and calendar, 2026-11-01 and BY"),
        (update_text().replace('act = "Постановление № 1"\n', ""), "must name its act"),
    ],
)
def test_a_faulty_update_is_refused_in_one_sentence_with_the_file_and_the_fault(
    tmp_path: Path, text: str, fault: str
) -> None:
    (tmp_path / "sound.toml").write_text(update_text("2026-11-01", off=date(2027, 1, 4), worked=date(2027, 1, 23)))
    assert load_updates(tmp_path)
    (tmp_path / "wrong.toml").write_text(text)
    with pytest.raises(FaultyUpdate) as caught:
        load_updates(tmp_path)
    said = str(caught.value)
    assert str(tmp_path / "wrong.toml") in said
    assert fault in said
    assert "\n" not in said


def test_a_file_that_is_no_text_and_a_folder_that_is_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(FaultyUpdate, match=r"wrong\.toml"):
        load_updates(tmp_path)
    with pytest.raises(FaultyUpdate, match="nowhere"):
        load_updates(tmp_path / "nowhere")


def test_a_service_does_not_start_with_a_faulty_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wrong.toml").write_text(update_text(id="XX"))
    monkeypatch.setenv("LOTSMAN_CALENDARS", str(tmp_path))
    with pytest.raises(SystemExit, match=r"wrong\.toml cannot be used: there is no calendar XX"):
        main(tiny_service(), [], [])


def test_services_of_the_local_stack_get_the_folder_as_the_caller_means_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(tmp_path / "home")
    monkeypatch.setattr(stack.backends, "service_env", lambda _name: {})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOTSMAN_CALENDARS", "updates")
    assert stack.service_env("intake")["LOTSMAN_CALENDARS"] == str(tmp_path / "updates")
    monkeypatch.delenv("LOTSMAN_CALENDARS")
    assert "LOTSMAN_CALENDARS" not in stack.service_env("intake")
