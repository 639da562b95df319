"""What is wrong with a file, for who has to mend it: a list of faults, and the file back with each of them marked."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import openpyxl
from openpyxl.cell.cell import MergedCell
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill
from openpyxl.utils.cell import get_column_letter

from contracts.reference import Problem
from services.intake.importing.forms import text_of
from services.intake.importing.rows import Row
from services.intake.importing.tables import Table

REPORT: Final = "faults.csv"
MARKED: Final = "marked"
HEAD: Final = ("row", "column", "rule", "severity", "action", "ru", "be", "en", "event", "field")
HEADING: Final = "Lotsman"
"""The heading of the column that a marked text has at its end."""
RED, YELLOW = "FFFFC7CE", "FFFFEB9C"
"""How a cell is filled for which a row is refused, and one of which something is only told."""
WIDTH, HEIGHT = 420, 120
"""The size of a comment, in pixels."""
_FORMULA: Final = ("=", "+", "-", "@", "\t")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a row of the file: by whom ever it was found."""

    row: int
    column: str | None
    problem: Problem
    event: str | None = None


def findings(row: Row, said: Iterable[Problem] = ()) -> Iterator[Finding]:
    """What the reader found in a row, and what else is said of its event."""
    event = str(row.event["id"]) if row.event else None
    for one in row.faults:
        yield Finding(row.number, one.column, one.problem, event)
    for problem in said:
        yield Finding(row.number, row.column_of(problem.pointer), problem, event)


def write(folder: Path, table: Table, found: Sequence[Finding]) -> dict[str, str]:
    """Writes the list and the marked file into a folder that is there; where they are."""
    report = folder / REPORT
    with report.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(HEAD)
        writer.writerows(map(_line, found))
    suffix = table.path.suffix or (".xlsx" if table.sheet else ".csv")
    marked = folder / f"{MARKED}{suffix.lower()}"
    _mark_workbook(table, found, marked) if table.sheet is not None else _mark_text(table, found, marked)
    return {"report": str(report), "marked": str(marked)}


def _line(one: Finding) -> list[str]:
    said, column = one.problem, one.column or ""
    column = f"'{column}" if column.startswith(_FORMULA) else column
    words = [said.message_ru, said.message_be or "", said.message]
    return [str(one.row), column, said.rule, said.severity, said.action, *words, one.event or "", _field(said)]


def _field(said: Problem) -> str:
    """The field of the event, as mappings name it; nothing of what is about none."""
    _, data, field = said.pointer.partition("/data/")
    return field.replace("/", ".") if data else ""


def _mark_text(table: Table, found: Sequence[Finding], marked: Path) -> None:
    """The same rows with what is wrong at the end of each: in the same encoding, or in UTF-8 where that has not the
    letters of the words."""
    words = dict[int, list[str]]()
    for one in found:
        words.setdefault(one.row, []).append(_words(one))
    width = max(len(cells) for _, cells in table.lines)
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=table.separator or ",")
    for place, (number, cells) in enumerate(table.lines, start=1):
        said = HEADING if place == table.below else "\n".join(words.get(number, ()))
        writer.writerow([*map(text_of, cells), *[""] * (width - len(cells)), said])
    try:
        body = text.getvalue().encode(table.encoding or "utf-8")
    except UnicodeEncodeError:
        body = text.getvalue().encode("utf-8-sig")
    marked.write_bytes(body)


def _mark_workbook(table: Table, found: Sequence[Finding], marked: Path) -> None:
    book = openpyxl.load_workbook(table.path, keep_vba=table.path.suffix.lower() == ".xlsm")
    sheet: Any = book[table.sheet or book.sheetnames[0]]
    words = dict[str, list[Finding]]()
    for one in found:
        words.setdefault(_shown(sheet, _place(table, one)), []).append(one)
    for place, some in words.items():
        blocked = any(one.problem.severity == "block" for one in some)
        cell = sheet[place]
        cell.fill = PatternFill("solid", fgColor=RED if blocked else YELLOW)
        cell.comment = Comment("\n".join(map(_words, some)), HEADING, HEIGHT, WIDTH)
    book.save(marked)


def _shown(sheet: Any, place: str) -> str:
    """The cell that is seen at a place: of cells that are one, the first, for the others bear nothing."""
    if not isinstance(sheet[place], MergedCell):
        return place
    first: str = next(one.start_cell.coordinate for one in sheet.merged_cells.ranges if place in one)
    return first


def _place(table: Table, one: Finding) -> str:
    """The cell that is marked: that of the column, or the first of the row."""
    if one.column is not None and one.column not in table.columns:
        return one.column  # a cell above the table
    return f"{get_column_letter(table.columns.get(one.column or '', 0) + 1)}{one.row}"


def _words(one: Finding) -> str:
    about = one.column or _field(one.problem)
    return f"{f'{about}: ' if about else ''}{one.problem.message_ru} [{one.problem.rule}]"
