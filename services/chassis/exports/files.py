"""Rows as a file: text with commas, or a JSON value on each line. Written row by row, in little memory.

The same rows always give the same bytes, so that a file that was begun anew is the one that was begun.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from services.law.exporting import Format

Cell = str | int | bool | None
"""What stands in a cell. No fractions: an amount is whole minor units."""
SHEET: Final = 1_048_576
"""Rows that a sheet of a workbook can hold."""
MEDIA: Final[Mapping[Format, str]] = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.CSV_SEMICOLON: "text/csv; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.JSONL: "application/jsonl; charset=utf-8",
}
ENDINGS: Final[Mapping[Format, str]] = {
    Format.CSV: "csv",
    Format.CSV_SEMICOLON: "csv",
    Format.XLSX: "xlsx",
    Format.JSONL: "jsonl",
}
"""How the name of a file ends."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""With what a text begins that a spreadsheet may take for a formula (OWASP, CSV injection)."""


class Sheet(Protocol):
    """A file that is being written: the heading is in, rows follow."""

    def write(self, rows: Sequence[Mapping[str, Cell]]) -> None:
        """Appends rows; a column that a row does not have stays empty."""

    def close(self) -> None:
        """Finishes the file."""


class Csv:
    """UTF-8 with a byte order mark, which spreadsheets need to see that it is UTF-8; lines end as RFC 4180 says.

    Between its columns stand commas, or the semicolons by which a spreadsheet of a Russian or Belarusian desk cuts.
    """

    def __init__(self, path: Path, columns: Sequence[str], between: str) -> None:
        self._columns = columns
        self._file = path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file, delimiter=between)
        self._writer.writerow([harmless(name) for name in columns])

    def write(self, rows: Sequence[Mapping[str, Cell]]) -> None:
        self._writer.writerows([harmless(row.get(name)) for name in self._columns] for row in rows)

    def close(self) -> None:
        self._file.close()


class Lines:
    """A JSON value on each line, in UTF-8."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._columns = columns
        self._file = path.open("w", encoding="utf-8", newline="\n")

    def write(self, rows: Sequence[Mapping[str, Cell]]) -> None:
        for row in rows:
            said = {name: row.get(name) for name in self._columns}
            self._file.write(json.dumps(said, ensure_ascii=False, separators=(",", ":")) + "\n")

    def close(self) -> None:
        self._file.close()


def as_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Cell]]) -> bytes:
    """Rows as text with commas between their columns (RFC 4180), in UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([harmless(row.get(name)) for name in columns] for row in rows)
    return text.getvalue().encode()


def as_lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Each row as a JSON value on a line, in UTF-8."""
    return "".join(f"{json.dumps(row, ensure_ascii=False, separators=(',', ':'))}\n" for row in rows).encode()


def harmless(cell: Cell) -> Cell:
    """A cell of a CSV file that no spreadsheet takes for a formula: a text that could be one gets an apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
