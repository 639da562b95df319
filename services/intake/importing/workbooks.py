"""A workbook before it is read, and its rows: how much it may become, and formulas whose results it does not hold.

A workbook is packed: a file of some hundred kilobytes can become gigabytes of cells, and one row can claim to be the
two thousand millionth. So it is looked at as bytes first, and what is read of it is counted.
"""

import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import openpyxl

from contracts.words import problem
from services.intake.importing.faulty import FaultyFile
from services.intake.importing.forms import Cell, Formula

Line = tuple[int, tuple[Cell, ...]]
"""The number of a row as a spreadsheet shows it, and its cells."""
PIECE: Final = 1024 * 1024
TAGS_OF_CELL: Final = 4
"""So many `<` a cell has in a workbook: it begins and ends, and so does its value."""
TEXT: Final = "str"
"""The type of a cell whose formula came to a text."""
DAMAGED: Final = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError)


class Most(NamedTuple):
    """How much a file may be: rows, empty ones among them, cells, and megabytes of a workbook when it is unpacked."""

    lines: int
    cells: int
    megabytes: int


ON_OWN_MACHINE: Final = Most(10_000_000, 200_000_000, 4_096)
"""For who reads the own file on the own machine: more than spreadsheets hold."""


def too_much(most: Most) -> FaultyFile:
    """What is said of a file that is more than this."""
    return FaultyFile(problem("", "import.too-much", lines=most.lines, cells=most.cells, size=most.megabytes))


def counted(lines: Iterable[Line], most: Most) -> Iterator[Line]:
    """The same rows, one by one, as long as they are no more than this. Raises FaultyFile."""
    cells = 0
    for place, line in enumerate(lines, start=1):
        cells += len(line[1])
        if place > most.lines or cells > most.cells:
            raise too_much(most)
        yield line


def has_formulas(path: Path, most: Most) -> bool:
    """Whether there may be formulas in a workbook. Raises FaultyFile for one that is damaged, or would become more than
    this."""
    size, tags, found = 0, 0, False
    try:
        with zipfile.ZipFile(path) as book:
            for part in book.infolist():
                of_sheet, last = part.filename.startswith("xl/worksheets/"), b""
                with book.open(part) as file:
                    while piece := file.read(PIECE):
                        size += len(piece)
                        tags += piece.count(b"<")
                        found = found or (of_sheet and b"<f" in last + piece)
                        last = piece[-1:]
                        if size > most.megabytes * 2**20 or tags > most.cells * TAGS_OF_CELL:
                            raise too_much(most)
    except DAMAGED as error:
        raise FaultyFile(problem("", "import.no-workbook")) from error
    return found


def top_of(sheet: Any, rows: int) -> list[Line]:
    """The first rows of a sheet."""
    with closing(_rows(sheet)) as cells:
        return list(islice(_lines(cells), rows))


def lines_of(path: Path, book: Any, name: str, most: Most, *, formulas: bool) -> list[Line]:
    """The rows of a sheet; `formulas`: those of which the book holds no result are told by their text. Raises
    FaultyFile."""
    if not formulas:
        with closing(_rows(book[name])) as rows:
            return list(counted(_lines(rows), most))
    with (
        closing(openpyxl.load_workbook(path, read_only=True)) as written,
        closing(_rows(written[name])) as texts,
        closing(_rows(book[name], values=False)) as results,
    ):
        both = zip(counted(_lines(texts), most), results, strict=False)
        return [(number, tuple(map(_result, said, cells))) for (number, said), cells in both]


def _rows(sheet: Any, *, values: bool = True) -> Generator[tuple[Any, ...], None, None]:
    """The cells of each row; to be closed, for it has the file open until it is at its end."""
    sheet.reset_dimensions()  # what other programs write there is often wrong
    rows: Generator[tuple[Any, ...], None, None] = sheet.iter_rows(values_only=values)
    return rows


def _lines(rows: Iterable[tuple[object, ...]]) -> Iterator[Line]:
    return ((number, tuple(map(_plain, cells))) for number, cells in enumerate(rows, start=1))


def _result(text: Cell, cell: Any) -> Cell:
    """What a formula came to; a result that is an empty text is one."""
    unknown = cell.value is None and cell.data_type != TEXT
    return Formula(text) if unknown and isinstance(text, str) and text.startswith("=") else _plain(cell.value)


def _plain(value: object) -> Cell:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n")
    if value is None or isinstance(value, int | float | date | datetime):
        return value
    return str(getattr(value, "text", value))  # the formula of a range
