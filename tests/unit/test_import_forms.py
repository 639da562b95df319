"""Money, numbers and dates as spreadsheets have them: what is written is read back, what is ambiguous is refused."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.event import wire_moment
from services.intake.importing.forms import (
    Cell,
    Unreadable,
    measured,
    minor_units,
    moment,
    need_form,
    text_of,
    whole_number,
)

SPACES = [" ", "\u00a0", "\u202f", "\u2009", "'", ""]


def rule(call: Callable[[], object]) -> str:
    with pytest.raises(Unreadable) as found:
        call()
    assert found.value.problem.message_ru and found.value.problem.message_be
    return found.value.problem.rule


def grouped(whole: int, mark: str) -> str:
    return f"{whole:,}".replace(",", mark)


@given(
    st.integers(0, 10**13), st.integers(0, 99), st.sampled_from(SPACES), st.sampled_from(["", " руб.", " BYN", " ₽"])
)
def test_an_amount_with_a_comma_is_read_back_however_its_thousands_stand(
    whole: int, part: int, space: str, unit: str
) -> None:
    assert minor_units(f"{grouped(whole, space)},{part:02}{unit}") == whole * 100 + part


@given(st.integers(0, 10**13), st.integers(0, 99))
def test_the_english_form_is_read_back(whole: int, part: int) -> None:
    assert minor_units(f"${whole:,}.{part:02}", decimal=".") == whole * 100 + part
    assert minor_units(f"{whole:,}.{part:02}") == whole * 100 + part


@given(st.integers(0, 10**12))
def test_what_excel_keeps_as_a_binary_fraction_is_the_amount_that_was_typed(minor: int) -> None:
    assert minor_units(minor / 100) == minor
    assert minor_units(0.1 + 0.2, digits=1) == 3


@given(st.text(max_size=20))
def test_whatever_stands_in_a_cell_is_an_amount_or_a_refusal(text: str) -> None:
    for read in (minor_units, whole_number, measured, lambda cell: moment(cell, ())):
        try:
            read(text)
        except Unreadable as error:
            assert error.problem.rule.startswith("import.")


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("1 234,56", 123_456),
        ("1.234.567,8", 123_456_780),
        ("1,234,567.8", 123_456_780),
        ("0,5", 50),
        ("12", 1200),
        ("1234", 123_400),
        ("1234,567", "import.fraction"),
        ("0,125", "import.fraction"),
        ("1 234 567", 123_456_700),
        ("-5", -500),
        ("\u2212 5,00", -500),
        (1234.5, 123_450),
        (7, 700),
        ("руб. 10,00", 1000),
        ("1,234", "import.two-readings"),
        ("1.234", "import.two-readings"),
        ("1 23,4", "import.money"),
        ("12,34,56", "import.money"),
        ("1,234.567,8", "import.money"),
        ("12 тыс.", "import.money"),
        ("около 5", "import.money"),
        ("-", "import.money"),
        ("1.2.3", "import.money"),
        (date(2026, 1, 1), "import.money"),
        (12.345, "import.fraction"),
    ],
)
def test_amounts(cell: Cell, wanted: int | str) -> None:
    if isinstance(wanted, int):
        assert minor_units(cell) == wanted
    else:
        assert rule(lambda: minor_units(cell)) == wanted


def test_thousands_and_other_currencies_are_counted_in_the_smallest_unit() -> None:
    assert minor_units("1 320,5", times=1000) == 132_050_000
    assert minor_units("1,234", decimal=".") == 123_400
    assert minor_units("1,234", decimal=",", digits=3) == 1234
    assert minor_units("500", digits=0) == 500


@pytest.mark.parametrize(
    ("cell", "wanted"), [("1 200", 1200), (3.0, 3), ("2,0", 2), ("2,5", None), ("x", None), ("", None)]
)
def test_whole_numbers(cell: Cell, wanted: int | None) -> None:
    if wanted is not None:
        assert whole_number(cell) == wanted
    else:
        assert rule(lambda: whole_number(cell)) in ("import.whole", "import.number")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4))
def test_a_measured_value_keeps_its_digits(value: Decimal) -> None:
    assert measured(f"{value:f}".replace(".", ","), ",") == value


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_a_day_is_read_back_in_every_form(day: date) -> None:
    forms = {
        "DD.MM.YYYY": "%d.%m.%Y",
        "YYYY-MM-DD": "%Y-%m-%d",
        "MM/DD/YYYY": "%m/%d/%Y",
        "DD.MM.YY": "%d.%m.%y",
        "D MMM YYYY": "%d %B %Y",
        "DD-MMM-YY": "%d-%b-%y",
    }
    for form, python in forms.items():
        assert moment(day.strftime(python), (form,)).date() == day, form
    assert moment(str((day - date(1899, 12, 30)).days), ("excel",)).date() == day
    assert moment(day, ("DD.MM.YYYY",)).date() == day


@pytest.mark.parametrize(
    ("text", "form", "wanted"),
    [
        ("12 марта 2026 г.", "D MMM YYYY", date(2026, 3, 12)),
        ("1 траўня 2026", "D MMM YYYY", date(2026, 5, 1)),
        ("5 студзеня 2026 года", "D MMM YYYY", date(2026, 1, 5)),
        ("5\u00a0мая  2026", "D MMM YYYY", date(2026, 5, 5)),
        ("Apr-25", "MMM-YY", date(2025, 4, 1)),
        ("9/2024", "M/YYYY", date(2024, 9, 1)),
        ("2024", "YYYY", date(2024, 1, 1)),
        ("1.2.26", "DD.MM.YYYY", None),
        ("45658", "DD.MM.YYYY", None),
        ("45658", "excel", date(2025, 1, 1)),
        ("2024-05-01 00:00:00", "YYYY-MM-DD HH:mm:ss", date(2024, 5, 1)),
    ],
)
def test_days(text: str, form: str, wanted: date | None) -> None:
    if wanted:
        assert moment(text, (form,)).date() == wanted
    else:
        assert rule(lambda: moment(text, (form,))) == "import.date"


@pytest.mark.parametrize("text", ["31.02.2026", "2026-13-01", "1.1.2026 25:00"])
def test_a_day_that_is_written_well_and_is_not_in_the_calendar_is_told_so(text: str) -> None:
    assert rule(lambda: moment(text, ())) == "import.no-such-day"


def test_a_time_is_of_its_zone_and_half_of_the_day() -> None:
    minsk = ZoneInfo("Europe/Minsk")
    assert wire_moment(moment("1.10.2026 9:05", (), minsk)) == "2026-10-01T06:05:00.000Z"
    assert moment("1/2/2026 12:30 AM", ("M/D/YYYY H:mm AM",)) == datetime(2026, 1, 2, 0, 30, tzinfo=UTC)
    assert moment("1/2/2026 1:30 pm", ("M/D/YYYY H:mm AM",)) == datetime(2026, 1, 2, 13, 30, tzinfo=UTC)
    assert moment("2026-10-01T09:00:00+03:00", ("DD.MM.YYYY",), UTC) == datetime(2026, 10, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize("form", ["DD.MM", "YYYY YYYY", "nonsense", ""])
def test_a_form_of_dates_that_names_no_year_is_none(form: str) -> None:
    with pytest.raises(ValueError, match=r"names a part|no form"):
        need_form(form)


def test_cells_as_text() -> None:
    cells: list[Cell] = [None, " a\u00a0", 3.0, 2.5, datetime(2026, 1, 2), datetime(2026, 1, 2, 3), date(2026, 1, 2)]
    assert [*map(text_of, cells)] == ["", "a", "3", "2.5", "2026-01-02", "2026-01-02 03:00:00", "2026-01-02"]
