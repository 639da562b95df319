"""A file as a table: its encoding, its separator, its sheet and its headings found, or taken from the mapping.

What is found is found by the mapping: the reading in which most of its headings stand is the right one.
"""

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from contracts.reference import Problem
from contracts.text import as_compared
from contracts.topics import AGENCY_MAX_BYTES
from contracts.words import problem
from services.intake.encodings import GUESSED, looks_like
from services.intake.importing.faulty import FaultyFile
from services.intake.importing.forms import Cell, text_of
from services.intake.importing.mapping import FileHints
from services.intake.importing.workbooks import ON_OWN_MACHINE, Line, Most, counted, has_formulas, lines_of, top_of
from services.law.names import meant

SEPARATORS: Final = (",", ";", "\t", "|")
SURER: Final = {";": 1, "\t": 2}
"""Separators that, other than commas, hardly stand in every row by chance: of several by which a text is a table the
surest is meant."""
AS_WIDE: Final = 0.8
"""So much of the rows is as wide as the headings where the separator is the right one (assumption)."""
BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
ZIP, OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
LOOKED_AT: Final = 40
"""So many rows are looked at for the headings (assumption: what stands above a table is shorter)."""
DEEPEST: Final = 3
"""So many rows can make up the headings, one below another."""
BETWEEN: Final = " / "
"""What stands between a heading over several columns and one of theirs."""
MOST_BYTES: Final = 200 * 1024 * 1024
"""The largest file that is read (technical: it is read whole)."""
_ESCAPED: Final = re.compile("_x00([01][0-9A-Fa-f]|7[Ff])_")
"""How workbooks write control characters, and what exports from them are full of."""
_COUNTED: Final = re.compile(r" \([0-9]+\)$")


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it was read. `columns`: where each heading of the mapping stands; `rows`: those that say something;
    `lines`: all that there are, of which the first `below` come before the table, and the headings begin in
    the row `header`; `sheet` is the name of the sheet, one of `sheets`,
    and `encoding` and `separator` are those of a text."""

    path: Path
    headings: tuple[str, ...]
    columns: dict[str, int]
    rows: list[Line]
    lines: list[Line]
    below: int
    header: int = 1
    sheet: str | None = None
    sheets: tuple[str, ...] = ()
    encoding: str | None = None
    separator: str | None = None


@dataclass(frozen=True, slots=True)
class _Head:
    """Where the headings were found: the index of the first row below them, and the headings by column."""

    below: int
    headings: tuple[str, ...]
    columns: dict[str, int]
    first: int = 0

    @property
    def fit(self) -> tuple[int, int]:
        """How well it fits: by the wanted headings, then by how many there are at all."""
        return len(self.columns), sum(map(bool, self.headings))


def path_in(folder: str, file: str) -> Path:
    """Where a file of this name is put for a while: its name may be longer than that of a file may be."""
    return Path(folder) / f"file{Path(file).suffix[:10]}"


def read(
    path: Path, wanted: Sequence[str], hints: FileHints, *, likely: bool = False, most: Most = ON_OWN_MACHINE
) -> Table:
    """The table in which these headings stand; `likely`: most of them, as far as there are any. Raises FaultyFile for a
    file that cannot be read, is more than `most`, or has them not."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise FaultyFile(problem("", "import.file-large", most=MOST_BYTES // 2**20))
        body = path.read_bytes()
    except OSError as error:
        raise FaultyFile(problem("", "import.file-unreadable")) from error
    if body.startswith(OLD_EXCEL):
        raise FaultyFile(problem("", "import.old-workbook"))
    if body.startswith(ZIP):
        return _workbook(path, wanted, hints, likely, most)
    return _text(path, body, wanted, hints, likely, most)


# ---- text


def _text(path: Path, body: bytes, wanted: Sequence[str], hints: FileHints, likely: bool, most: Most) -> Table:
    best: tuple[tuple[int, ...], str, str] | None = None
    for encoding, text in _decoded(path, body, hints.encoding):
        for separator in [hints.separator] if hints.separator else SEPARATORS:
            lines = _lines(path, text, separator, most, LOOKED_AT + DEEPEST)
            fit = _fit(lines, _found(lines, wanted, hints.header), separator, likely)
            if best is None or fit > best[0]:
                best = (fit, encoding, separator)
    assert best is not None
    _, encoding, separator = best
    text = dict(_decoded(path, body, encoding))[encoding]
    lines = _lines(path, text, separator, most)
    return _table(path, lines, wanted, hints, likely, encoding=encoding, separator=separator)


def _fit(lines: Sequence[Line], head: _Head, separator: str, likely: bool) -> tuple[int, ...]:
    """How well a reading fits: headings that a mapping names come before its shape, headings that are only likely after
    it. Of readings alike, the one that cuts the ends off the fewest rows."""
    rows = [cells for _, cells in lines[head.below :] if any(text_of(one) for one in cells)]
    shape, cut = _shape(len(head.headings), rows, separator), sum(len(cells) > len(head.headings) for cells in rows)
    return (*shape, *head.fit, -cut) if likely else (len(head.columns), *shape, -cut)


def _shape(width: int, rows: Sequence[tuple[Cell, ...]], separator: str) -> tuple[int, int]:
    """How much rows look like a table below headings of this width: by how sure the separator is, where it makes the
    rows as wide, then by whether it mostly stands without the space that one within a text has behind it."""
    if width < 2 or not rows or sum(len(cells) == width for cells in rows) < AS_WIDE * len(rows):
        return 0, 0
    spaced = [str(one).startswith(" ") for cells in rows for one in cells[1:]]
    return 1 + SURER.get(separator, 0), int(2 * sum(spaced) <= len(spaced))


def _decoded(path: Path, body: bytes, given: str | None) -> Iterator[tuple[str, str]]:
    """The text in each encoding that it may be in, the surest first. Raises FaultyFile."""
    if given is None:
        given = next((name for mark, name in BOMS if body.startswith(mark)), None)
    try:
        yield given or "utf-8", body.decode(given or "utf-8")
        return
    except LookupError as error:
        raise FaultyFile(problem("", "import.encoding-unknown", given=given or "")) from error
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        if given:
            raise FaultyFile(problem("", "import.encoding-wrong", encoding=given, line=line)) from error
    first = next(place for place, one in enumerate(body) if one >= 0x80)
    sure = looks_like(body[max(first - 1, 0) :])
    if sure is None and body.decode("utf-8", "replace").count("\ufffd") * 10 < sum(one >= 0x80 for one in body):
        raise FaultyFile(problem("", "import.utf8-damaged", line=line))
    for name in dict.fromkeys([*([sure] if sure else []), *GUESSED]):
        try:
            yield name, body.decode(name)
        except UnicodeDecodeError:
            continue


def _lines(path: Path, text: str, separator: str, most: Most, first: int | None = None) -> list[Line]:
    """The rows of a text, or so many of them. Raises FaultyFile where there are more than may be, or a quotation mark
    is opened and never closed."""
    csv.field_size_limit(AGENCY_MAX_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    found, began = list[Line](), 1
    try:
        lines = ((number, tuple(map(_unescaped, cells))) for number, cells in enumerate(islice(reader, first), start=1))
        for line in counted(lines, most):
            found.append(line)
            last, began = began, reader.line_num + 1
    except csv.Error as error:
        raise FaultyFile(problem("", "import.csv", line=reader.line_num)) from error
    if found and first is None:
        _need_closed(path, text, separator, last)
    return found


def _need_closed(path: Path, text: str, separator: str, line: int) -> None:
    """Only the last row can have swallowed the rest of the file; it is read again by the letter of the rules."""
    rest = io.StringIO("".join(io.StringIO(text, newline="").readlines()[line - 1 :]), newline="")
    try:
        list(csv.reader(rest, delimiter=separator, strict=True))
    except csv.Error as error:
        if "end of data" in str(error):
            raise FaultyFile(problem("", "import.quote-open", line=line)) from error


def _unescaped(cell: str) -> str:
    """A cell of an export, without what a workbook's control characters are written as."""
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), cell) if "_x00" in cell else cell
    return text.replace("\r\n", "\n").replace("\r", "\n")


# ---- workbooks


def _workbook(path: Path, wanted: Sequence[str], hints: FileHints, likely: bool, most: Most) -> Table:
    formulas = has_formulas(path, most)
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, TypeError, SyntaxError) as error:
        raise FaultyFile(problem("", "import.no-workbook")) from error
    try:
        if hints.sheet is not None and hints.sheet not in book.sheetnames:
            raise FaultyFile(problem("", "import.no-sheet", given=hints.sheet, known=book.sheetnames))
        names = [hints.sheet] if hints.sheet else [one.title for one in book.worksheets]
        heads = {name: _found(top_of(book[name], LOOKED_AT + DEEPEST), wanted, hints.header) for name in names}
        if not heads:
            raise FaultyFile(problem("", "import.no-cells"))
        best = max(heads, key=lambda name: len(heads[name].columns))
        sheets = tuple(one.title for one in book.worksheets)
        lines = lines_of(path, book, best, most, formulas=formulas)
        return _table(path, lines, wanted, hints, likely, sheet=best, sheets=sheets)
    except SyntaxError as error:  # of XML: a sheet that ends amid a cell is found so only when it is read
        raise FaultyFile(problem("", "import.no-workbook")) from error
    finally:
        book.close()


# ---- headings


def _table(path: Path, lines: list[Line], wanted: Sequence[str], hints: FileHints, likely: bool, **how: Any) -> Table:
    head = _found(lines, wanted, hints.header)
    missing = [name for name in wanted if name not in head.columns]
    if missing and not likely:
        raise _without(head, missing)
    width = len(head.headings)
    rows = [(n, cells) for n, cells in lines[head.below :] if any(text_of(one) for one in cells)]
    skipped = [(head.columns[name], re.compile(pattern)) for name, pattern in hints.skip.items()]
    rows = [
        (number, cells + (None,) * (width - len(cells)))
        for number, cells in rows
        if not any(at < len(cells) and pattern.fullmatch(text_of(cells[at])) for at, pattern in skipped)
    ]
    return Table(path, head.headings, head.columns, rows, lines, head.below, head.first + 1, **how)


def _without(head: _Head, missing: Sequence[str]) -> FaultyFile:
    """Which headings are not there, and what may be meant."""
    known = [name for name in head.headings if name]
    found = list[Problem]()
    for name in missing:
        if known.count(name) > 1 or f"{name} (2)" in known:
            found.append(problem("", "import.column-several", given=name))
        else:
            found.append(problem("", "import.no-column", given=name, meant=meant(name, known), known=known[:60]))
    return FaultyFile(*found)


def _found(lines: Sequence[Line], wanted: Sequence[str], given: int | None) -> _Head:
    """Where most of the wanted headings stand, in as few rows as can be."""
    places = range(min(LOOKED_AT, len(lines))) if given is None else [given - 1] if given <= len(lines) else []
    best = _Head(0, (), {})
    for depth in range(1, DEEPEST + 1):
        for first in places:
            if first + depth > len(lines):
                continue
            headings = _joined([cells for _, cells in lines[first : first + depth]])
            columns = _columns(headings, wanted)
            if len(columns) > len(best.columns) or not best.headings:
                best = _Head(first + depth, headings, columns, first)
    return best


def _joined(rows: Sequence[tuple[Cell, ...]]) -> tuple[str, ...]:
    """The headings of each column from top to bottom. One over several columns stands in the first of them alone, as
    merged cells do; what stands twice is counted."""
    width = max(map(len, rows))
    filled = [
        _filled([text_of(one) for one in row] + [""] * (width - len(row)), rows[n + 1 :]) for n, row in enumerate(rows)
    ]
    names = [BETWEEN.join(dict.fromkeys(part for part in parts if part)) for parts in zip(*filled, strict=True)]
    seen, found = dict[str, int](), []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(f"{name} ({seen[name]})" if name and seen[name] > 1 else name)
    return tuple(" ".join(name.split()) for name in found)


def _filled(texts: Sequence[str], below: Sequence[tuple[Cell, ...]]) -> list[str]:
    """A row of headings where each stands over all its columns: those up to the next one that have one below."""
    found, last = list[str](), ""
    for place, text in enumerate(texts):
        has_below = any(place < len(row) and text_of(row[place]) for row in below)
        last = text or (last if has_below else "")
        found.append(last)
    return found


def _columns(headings: Sequence[str], wanted: Sequence[str]) -> dict[str, int]:
    """Where each wanted heading stands. One that stands there several times is named with its count, one below another
    by itself where it is the only one."""
    whole, last = dict[str, set[int]](), dict[str, set[int]]()
    bare = {as_compared(one) for one in headings}
    for place, heading in enumerate(headings):
        counted = as_compared(_COUNTED.sub("", heading))
        for name in {as_compared(heading), counted if counted in bare else ""} - {""}:
            whole.setdefault(name, set()).add(place)
        last.setdefault(as_compared(heading.rpartition(BETWEEN)[2]), set()).add(place)
    found = dict[str, int]()
    for name in wanted:
        same, first = as_compared(name), as_compared(name.removesuffix(" (1)"))
        places = whole.get(same) or ({min(whole[first])} if first in whole else last.get(same, set()))
        if len(places) == 1:
            [found[name]] = places
    return found
