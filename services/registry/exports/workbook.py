"""A list as a workbook for people (книга для чтения): a sheet with the rows, and one that explains it.

Each row is written away before the next. Text is text: nothing in it is a formula. The same rows always give the same
bytes: all that the book says of itself is of the moment at which the list was asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from contracts.words import Language, say
from services.chassis.exports.files import Cell
from services.registry import views
from services.registry.amounts import decimals
from services.registry.domain.export import List
from services.registry.exports.columns import SEVERAL, Column, columns_of, filtered, labelled
from services.registry.exports.entry import in_words

EXACT: Final = 10**15
"""From here on a spreadsheet does not show a number digit by digit: it is written as text."""
LONGEST: Final = 32_767
"""Characters that a workbook's cell can hold, counted as UTF-16 does: one beyond its first plane is two."""
HEADING: Final = 3
"""The row of the headings, from 0: above it stand the title, what the list is of, and an empty row."""
DAY: Final[Mapping[Language, str]] = {"ru": "dd.mm.yyyy", "be": "dd.mm.yyyy", "en": "yyyy-mm-dd"}
TITLES: Final[Mapping[List, str]] = {
    List.PILOTS: "export.list.pilots",
    List.MONEY: "export.list.money",
    List.TIMELINE: "export.list.timeline",
}
WIDE: Final = 90
FIRST_YEAR: Final = 1900
"""Before it a workbook knows no days."""


@dataclass(frozen=True, slots=True)
class About:
    """What a list is: which one, its columns by name, when it was asked for and what for, by which filters, in which
    language it is written, and how many rows it has."""

    list: List
    columns: Sequence[str]
    asked: datetime
    why: str
    rows: int
    filters: Mapping[str, str]
    language: Language = "ru"


class Workbook:
    """A workbook that is being written: the headings are in, rows follow."""

    def __init__(self, path: Path, about: About) -> None:
        import xlsxwriter  # type: ignore[import-untyped]  # 11 MB, which most processes never need

        self._about, self._row = about, HEADING + 1
        self._columns = columns_of(about.list, about.columns)
        options = {"constant_memory": True, "tmpdir": str(path.parent)}
        self._book: Any = xlsxwriter.Workbook(str(path), options)
        self._formats: dict[str, Any] = {}
        title = self._said(TITLES[about.list])
        self._book.set_properties({"created": about.asked.replace(tzinfo=None), "title": title})
        self._sheet: Any = self._book.add_worksheet(title)
        self._begin(title)

    def write(self, rows: Sequence[Mapping[str, Cell]]) -> None:
        """Appends rows; a column that a row does not have stays empty."""
        for row in rows:
            place = 0
            for column in self._columns:
                place += self._put(place, column, row)
            self._row += 1

    def close(self) -> None:
        """Writes the sheet that explains the list, and finishes the file."""
        self._explain()
        self._book.close()

    # ---- the rows

    def _begin(self, title: str) -> None:
        sheet, about = self._sheet, self._about
        sheet.write_string(0, 0, title, self._format("title"))
        sheet.write_string(1, 0, f"{self._as_of()} {self._count()}")
        place = 0
        for column in self._columns:
            place += self._head(place, column)
        sheet.autofilter(HEADING, 0, HEADING + about.rows, place - 1)
        sheet.freeze_panes(HEADING + 1, 0)
        sheet.repeat_rows(HEADING)
        sheet.set_landscape()

    def _head(self, place: int, column: Column) -> int:
        """The heading, or the two of a label and its code; returns how many."""
        said = self._heading(column)
        headings = [said, self._said("export.column.code", name=said)] if column.labels else [said]
        for n, heading in enumerate(headings):
            self._sheet.write_string(HEADING, place + n, heading, self._format("head"))
            self._sheet.set_column(place + n, place + n, column.width if n == 0 else 18)
        return len(headings)

    def _put(self, place: int, column: Column, row: Mapping[str, Cell]) -> int:
        """A cell, or the two of a label and its code; returns how many."""
        value = row.get(column.name)
        if column.labels is not None:
            if isinstance(value, str) and value:
                edition = row.get("edition")
                known = edition if isinstance(edition, str) else None
                self._text(place, labelled(column, value, self._about.language, known))
                self._text(place + 1, value)
            return 2
        match column.kind:
            case "amount" if isinstance(value, int):
                self._amount(place, value, row.get(column.currency))
            case "entry" if isinstance(value, str):
                told = fitting(in_words(value, self._about.language))
                self._sheet.write_string(self._row, place, told, self._format("wrapped"))
            case "yes-no" if isinstance(value, bool):
                self._text(place, self._said("export.yes" if value else "export.no"))
            case "day" | "moment" if isinstance(value, str):
                self._moment(place, value, whole=column.kind == "day")
            case _:
                self._plain(place, self._said("export.several") if value == SEVERAL else value)
        return 1

    def _plain(self, place: int, value: Cell) -> None:
        if isinstance(value, bool):
            self._sheet.write_boolean(self._row, place, value)
        elif isinstance(value, int) and abs(value) < EXACT:
            self._sheet.write_number(self._row, place, value)
        elif value is not None:
            self._text(place, str(value))

    def _text(self, place: int, text: str) -> None:
        self._sheet.write_string(self._row, place, fitting(text))

    def _amount(self, place: int, minor: int, currency: Cell) -> None:
        """An amount in units, shown with all its decimals; one that would be rounded, as text."""
        digits = decimals(str(currency))
        if abs(minor) < EXACT:
            shown = f"#,##0.{'0' * digits}" if digits else "#,##0"
            self._sheet.write_number(self._row, place, minor / 10**digits, self._format(shown))
            return
        whole, rest = divmod(abs(minor), 10**digits)
        self._text(place, f"{'-' if minor < 0 else ''}{whole}{f'.{rest:0{digits}d}' if digits else ''}")

    def _moment(self, place: int, value: str, *, whole: bool) -> None:
        """A day, or a moment in the register's zone; as it stands, where a workbook does not know that day."""
        try:
            when: date = date.fromisoformat(value) if whole else _local(datetime.fromisoformat(value))
        except ValueError:
            return self._text(place, value)
        if when.year <= FIRST_YEAR:
            return self._text(place, value)
        shown = DAY[self._about.language]
        self._sheet.write_datetime(self._row, place, when, self._format(shown if whole else f"{shown} hh:mm"))

    # ---- what is said of it

    def _explain(self) -> None:
        sheet, about = self._book.add_worksheet(self._said("export.sheet.about")), self._about
        sheet.set_column(0, 1, 30)
        sheet.set_column(2, 2, WIDE)
        sheet.write_string(0, 0, self._said(TITLES[about.list]), self._format("title"))
        filters = "; ".join(filtered(about.list, *one, about.language) for one in sorted(about.filters.items()))
        said = [
            ("export.said.as-of", self._as_of()),
            ("export.said.rows", str(about.rows)),
            ("export.said.filters", filters or self._said("export.said.no-filters")),
            ("export.said.why", about.why),
            ("export.said.money", self._said("export.said.money-in-units")),
        ]
        row = 2
        for name, text in said:
            sheet.write_string(row, 0, self._said(name), self._format("bold"))
            sheet.write_string(row, 2, fitting(text))
            row += 1
        for place, name in enumerate(("export.said.column", "export.said.name", "export.said.meaning")):
            sheet.write_string(row + 1, place, self._said(name), self._format("head"))
        for n, column in enumerate(self._columns):
            sheet.write_string(row + 2 + n, 0, self._heading(column))
            sheet.write_string(row + 2 + n, 1, column.name)
            if column.about:
                sheet.write_string(row + 2 + n, 2, self._said(column.about))

    def _heading(self, column: Column) -> str:
        return self._said(column.heading) if column.heading else column.name

    def _as_of(self) -> str:
        asked = _local(self._about.asked)
        return self._said("export.said.state-as-of", day=f"{asked:%d.%m.%Y}", time=f"{asked:%H:%M}")

    def _count(self) -> str:
        return self._said("export.said.so-many-rows", rows=self._about.rows)

    def _said(self, id_: str, **values: str | int) -> str:
        return say(id_, self._about.language, values)

    def _format(self, name: str) -> Any:
        if name not in self._formats:
            self._formats[name] = self._book.add_format(FORMATS.get(name) or {"num_format": name})
        return self._formats[name]


FORMATS: Final[Mapping[str, Mapping[str, Any]]] = {
    "title": {"bold": True, "font_size": 14},
    "bold": {"bold": True},
    "wrapped": {"text_wrap": True, "valign": "top"},
    "head": {"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#DDE6F0", "border": 1},
}
"""The formats that are no form of a number."""


def _local(moment: datetime) -> datetime:
    """A moment as a clock on the wall of the register shows it."""
    return moment.astimezone(views.ZONE).replace(tzinfo=None)


def fitting(text: str) -> str:
    """A text that a workbook's cell can hold: what is longer ends in an ellipsis."""
    if len(text) <= LONGEST // 2:
        return text
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) <= 2 * LONGEST:
        return text
    return units[: 2 * (LONGEST - 1)].decode("utf-16-le", "ignore") + "…"
