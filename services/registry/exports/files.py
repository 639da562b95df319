"""Rows as a file: text with commas, a workbook, or a JSON value on each line. Written row by row, in little memory.

The same rows always give the same bytes, so that a file that was begun anew is the one that was begun.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, assert_never

from services.registry.domain.export import Format

Cell = str | int | bool | None
"""What stands in a cell. No fractions: an amount is whole minor units."""
MEDIA: Final[Mapping[Format, str]] = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.JSONL: "application/jsonl; charset=utf-8",
}
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""With what a text begins that a spreadsheet may take for a formula (OWASP, CSV injection)."""
EXACT: Final = 10**15
"""From here on a spreadsheet does not show a number digit by digit: it is written as text."""
LONGEST: Final = 32_767
"""Characters that a workbook's cell can hold, counted as UTF-16 does: one beyond its first plane is two."""
MOST_ROWS: Final = 1_048_575
"""Rows that a sheet can hold below its heading."""


class Sheet(Protocol):
    """A file that is being written: the heading is in, rows follow."""

    def write(self, rows: Sequence[Mapping[str, Cell]]) -> None:
        """Appends rows; a column that a row does not have stays empty."""

    def close(self) -> None:
        """Finishes the file."""


def begin(path: Path, format: Format, columns: Sequence[str], made: datetime) -> Sheet:
    """Begins a file. `made` is what a workbook says of its age."""
    match format:
        case Format.CSV:
            return _Csv(path, columns)
        case Format.XLSX:
            return _Workbook(path, columns, made)
        case Format.JSONL:
            return _Lines(path, columns)
        case _:
            assert_never(format)


class _Csv:
    """UTF-8 with a byte order mark, which spreadsheets need to see that it is UTF-8; lines end as RFC 4180 says."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._columns = columns
        self._file = path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow([harmless(name) for name in columns])

    def write(self, rows: Sequence[Mapping[str, Cell]]) -> None:
        self._writer.writerows([harmless(row.get(name)) for name in self._columns] for row in rows)

    def close(self) -> None:
        self._file.close()


class _Lines:
    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._columns = columns
        self._file = path.open("w", encoding="utf-8", newline="\n")

    def write(self, rows: Sequence[Mapping[str, Cell]]) -> None:
        for row in rows:
            said = {name: row.get(name) for name in self._columns}
            self._file.write(json.dumps(said, ensure_ascii=False, separators=(",", ":")) + "\n")

    def close(self) -> None:
        self._file.close()


class _Workbook:
    """One sheet, each row of which is written away before the next. Text is text: nothing in it is a formula."""

    def __init__(self, path: Path, columns: Sequence[str], made: datetime) -> None:
        import xlsxwriter  # type: ignore[import-untyped]  # 11 MB, which most processes never need

        self._columns, self._row = columns, 0
        options = {"constant_memory": True, "tmpdir": str(path.parent)}
        self._book: Any = xlsxwriter.Workbook(str(path), options)
        self._book.set_properties({"created": made.replace(tzinfo=None)})
        self._sheet = self._book.add_worksheet()
        self._put(columns)

    def _put(self, cells: Sequence[Cell]) -> None:
        for place, cell in enumerate(cells):
            if isinstance(cell, bool):
                self._sheet.write_boolean(self._row, place, cell)
            elif isinstance(cell, int) and abs(cell) < EXACT:
                self._sheet.write_number(self._row, place, cell)
            elif cell is not None:
                self._sheet.write_string(self._row, place, _fitting(str(cell)))
        self._row += 1

    def write(self, rows: Sequence[Mapping[str, Cell]]) -> None:
        for row in rows:
            self._put([row.get(name) for name in self._columns])

    def close(self) -> None:
        self._book.close()


def harmless(cell: Cell) -> Cell:
    """A cell of a CSV file that no spreadsheet takes for a formula: a text that could be one gets an apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _fitting(text: str) -> str:
    """A text that a workbook's cell can hold: what is longer ends in an ellipsis."""
    if len(text) <= LONGEST // 2:
        return text
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) <= 2 * LONGEST:
        return text
    return units[: 2 * (LONGEST - 1)].decode("utf-16-le", "ignore") + "…"
