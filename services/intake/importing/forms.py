"""Cells as values: money, numbers and dates as people and spreadsheets write them.

What could be read in two ways is refused, never guessed: "1,234" is a thousand or a little more than one.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Final

from contracts.reference import Problem
from contracts.words import problem

Cell = str | int | float | date | datetime | None
"""What stands in a cell: a text, or what a workbook keeps as a number or a date. A truth value is its text."""
SHOWN: Final = 60
"""So many characters of a cell are repeated in words about it."""
USUAL_DATES: Final = ("YYYY-MM-DD", "D.M.YYYY", "YYYY-MM-DD H:mm:ss", "D.M.YYYY H:mm", "D.M.YYYY H:mm:ss")
"""The forms of dates that are understood where a mapping names none: those that can be read in one way only."""
EXCEL: Final = "excel"
"""The form of a date that is a bare number: days since 30 December 1899, as spreadsheets count them."""
_EXCEL_BEGAN: Final = datetime(1899, 12, 30)
_EXCEL_LAST: Final = 73_050
_SPACES: Final = re.compile("[\\s\u2007\u202f\u2060\u200b\ufeff'\u2019]+")
_UNIT: Final = r"(?:byn|rub|rur|usd|eur|br|(?:бел\.?\s*)?руб(?:\.|лей|ля|ль|лёў|лі)?|р\.|[$€₽])"
_UNITS: Final = re.compile(rf"^{_UNIT}\s*|\s*{_UNIT}$", re.IGNORECASE)
_YEAR_WORD: Final = re.compile(r"\s*(?:г\.?|года?)$", re.IGNORECASE)
_ALMOST: Final = Decimal("0.001")
"""How far a binary fraction of a workbook may lie from a whole number of the smallest unit."""
_MONTHS: Final = (
    ("jan", "янв", "сту"),
    ("feb", "фев", "лют"),
    ("mar", "мар", "сак"),
    ("apr", "апр", "кра"),
    ("may", "май", "мая", "тра"),
    ("jun", "июн", "чэр"),
    ("jul", "июл", "ліп"),
    ("aug", "авг", "жні"),
    ("sep", "сен", "вер"),
    ("oct", "окт", "кас"),
    ("nov", "ноя", "ліс"),
    ("dec", "дек", "сне"),
)
"""How the names of months begin in English, Russian and Belarusian, in any case."""
_MONTH_OF: Final = {name: place for place, names in enumerate(_MONTHS, start=1) for name in names}
_TOKENS: Final = {
    "YYYY": r"(?P<year>\d{4})",
    "YY": r"(?P<short>\d{2})",
    "MMM": r"(?P<name>[^\W\d_]{3,})\.?",
    "MM": r"(?P<month>\d{2})",
    "M": r"(?P<month>\d{1,2})",
    "DD": r"(?P<day>\d{2})",
    "D": r"(?P<day>\d{1,2})",
    "HH": r"(?P<hour>\d{2})",
    "H": r"(?P<hour>\d{1,2})",
    "mm": r"(?P<minute>\d{2})",
    "ss": r"(?P<second>\d{2})(?:\.\d+)?",
    "AM": r"(?P<half>[AaPp])\.?[Mm]\.?",
}
_TOKEN: Final = re.compile("|".join(_TOKENS) + r"|\s+|.")


class Formula(str):
    """What a workbook was to reckon, where it holds no result: whoever wrote the file has never reckoned it."""

    __slots__ = ()


class Unreadable(Exception):
    """A cell that does not say what it should, with the problem that it is."""

    def __init__(self, fault: Problem) -> None:
        super().__init__(fault.rule)
        self.problem = fault


def text_of(cell: Cell) -> str:
    """A cell as text, without what nobody sees at its ends: a whole number without ".0", a date in its ISO form."""
    if isinstance(cell, str):
        return cell.strip(" \t\r\n\xa0\u2007\u202f\u200b\ufeff")
    if isinstance(cell, datetime):
        midnight = cell.time() == datetime.min.time()
        return cell.date().isoformat() if midnight else cell.isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    return "" if cell is None else str(cell)


def shown(cell: Cell) -> str:
    """The beginning of a cell, as it is repeated in words."""
    text = text_of(cell)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


# ---- numbers


def minor_units(cell: Cell, *, digits: int = 2, times: int = 1, decimal: str | None = None) -> int:
    """An amount in the smallest unit of its currency, which has so many decimal digits; `times`: the cell counts in
    thousands or millions. Raises Unreadable for what is no amount, and for parts of the smallest unit."""
    value = _amount(cell, decimal) * times * 10**digits
    whole = value.to_integral_value()
    if abs(value - whole) > (_ALMOST if isinstance(cell, float) else 0):
        raise Unreadable(problem("", "import.fraction", given=shown(cell), digits=digits))
    return int(whole)


def _amount(cell: Cell, decimal: str | None) -> Decimal:
    if isinstance(cell, date):
        raise Unreadable(problem("", "import.money", given=shown(cell)))
    text = text_of(cell)
    bare = text if isinstance(cell, int | float) else _UNITS.sub("", _UNITS.sub("", _SPACES.sub(" ", text).strip()))
    found = _number(bare, "." if isinstance(cell, int | float) else decimal)
    if found is None:
        raise Unreadable(problem("", "import.money", given=shown(cell)))
    return found


def whole_number(cell: Cell, decimal: str | None = None) -> int:
    """A number without a fraction. Raises Unreadable."""
    found = measured(cell, decimal)
    if found != found.to_integral_value():
        raise Unreadable(problem("", "import.whole", given=shown(cell)))
    return int(found)


def measured(cell: Cell, decimal: str | None = None) -> Decimal:
    """A number with as many digits as were written. Raises Unreadable."""
    text = text_of(cell)
    found = None if isinstance(cell, date) else _number(text, "." if isinstance(cell, int | float) else decimal)
    if found is None:
        raise Unreadable(problem("", "import.number", given=shown(cell)))
    return found


def _number(text: str, decimal: str | None) -> Decimal | None:
    """None for what is no number. Raises Unreadable for what could be two."""
    text = _SPACES.sub(" ", text).strip()
    sign, text = (-1, text[1:].strip()) if text[:1] in ("-", "\u2212") else (1, text.removeprefix("+"))
    if re.fullmatch(r"\d+(\.\d+)?[eE][+-]?\d+", text):
        return sign * Decimal(text)
    point = decimal or _point(text)
    whole, _, fraction = text.rpartition(point) if point in text else (text, "", "")
    mark = {",": r"[ .]", ".": r"[ ,]"}[point]
    grouped = re.fullmatch(rf"\d+|\d{{1,3}}(?:{mark}\d{{3}})+", whole)
    if grouped is None or not re.fullmatch(r"\d*", fraction) or len(set(re.findall(r"\D", whole))) > 1:
        return None
    try:
        return sign * Decimal(f"{re.sub(mark, '', whole)}.{fraction or 0}")
    except InvalidOperation:
        return None


def _point(text: str) -> str:
    """Which sign begins the fraction. Raises Unreadable where it cannot be told."""
    comma, dot = text.count(","), text.count(".")
    if comma and dot:
        return "," if text.rfind(",") > text.rfind(".") else "."
    if comma + dot != 1:
        return "." if comma else ","  # several of one kind group thousands
    mark = "," if comma else "."
    before, _, after = text.partition(mark)
    if len(after) == 3 and re.fullmatch(r"[1-9]\d{0,2}", before):
        raise Unreadable(problem("", "import.two-readings", given=text[:SHOWN]))
    return mark


# ---- dates


def moment(cell: Cell, forms: Sequence[str], zone: tzinfo = UTC) -> datetime:
    """A date, with its time where it has one, in a zone: of a month its first day, of a year as well. Raises
    Unreadable."""
    if isinstance(cell, datetime):
        return cell if cell.tzinfo else cell.replace(tzinfo=zone)
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day, tzinfo=zone)
    text = _YEAR_WORD.sub("", _SPACES.sub(" ", text_of(cell)).strip()) if isinstance(cell, str) else text_of(cell)
    for form in forms or USUAL_DATES:
        found = _days_since(text) if form == EXCEL else _by_form(text, form)
        if found is not None:
            return found.replace(tzinfo=zone)
    try:
        exact = datetime.fromisoformat(text)
    except ValueError:
        exact = None
    if exact is None or exact.tzinfo is None:
        usual = [*(forms or USUAL_DATES)]
        if any(_pattern(form).fullmatch(text) for form in usual if form != EXCEL):
            raise Unreadable(problem("", "import.no-such-day", given=shown(cell)))
        raise Unreadable(problem("", "import.date", given=shown(cell), forms=usual))
    return exact


def need_form(form: str) -> None:
    """Raises ValueError for a form of dates that names no year, or a part twice."""
    try:
        parts = _pattern(form).groupindex
    except re.error as error:
        raise ValueError(f"{form!r} names a part of the date twice") from error
    if form != EXCEL and not {"year", "short"} & parts.keys():
        raise ValueError(f"{form!r} is no form of a date: it is made of YYYY, MM, DD and the like, or is {EXCEL!r}")


def _days_since(text: str) -> datetime | None:
    try:
        days = float(text)
    except ValueError:
        return None
    return _EXCEL_BEGAN + timedelta(seconds=round(days * 86_400)) if 1 <= days <= _EXCEL_LAST else None


@cache
def _pattern(form: str) -> re.Pattern[str]:
    parts = (_TOKENS.get(part) or (r"\s+" if part.isspace() else re.escape(part)) for part in _TOKEN.findall(form))
    return re.compile("".join(parts))


def _by_form(text: str, form: str) -> datetime | None:
    found = _pattern(form).fullmatch(text)
    if found is None:
        return None
    said = {name: value for name, value in found.groupdict().items() if value}
    month = _MONTH_OF.get(said["name"].lower()[:3], 0) if "name" in said else int(said.get("month", 1))
    year = int(said["year"]) if "year" in said else 2000 + int(said["short"])
    hour = int(said.get("hour", 0))
    if half := said.get("half"):
        hour = hour % 12 + (12 if half in "pP" else 0)
    try:
        return datetime(
            year, month, int(said.get("day", 1)), hour, int(said.get("minute", 0)), int(said.get("second", 0))
        )
    except ValueError:
        return None
