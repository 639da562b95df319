"""Rows as events: each row of a table becomes one event, or the reasons for which it is none.

The id of an event is made of the mapping's name, the agency and what the row says, in one canonical form: however often
a file is read, in whatever order its rows and columns stand, whether it is a text or a workbook, the same row is the
same event, and two rows that say the same are one. Nothing in an event is of the clock.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, assert_never
from uuid import NAMESPACE_URL, uuid5

from openpyxl.utils.cell import column_index_from_string, coordinate_from_string

from contracts.agency import AGENCY
from contracts.event import JSON, SPECVERSION, agency_source, json_pointer, wire_moment
from contracts.reference import Problem
from contracts.text import as_compared
from contracts.topics import AGENCY_MAX_BYTES, agency_topic
from contracts.words import Wording, problem
from services.intake.importing.forms import (
    Cell,
    Formula,
    Unreadable,
    measured,
    minor_units,
    moment,
    shown,
    text_of,
    whole_number,
)
from services.intake.importing.mapping import Codes, Described, Scalar, Source, Sources, full_type, steps_of
from services.intake.importing.tables import Table
from services.intake.importing.trees import Leaf, Node, State, Step, document, put

NAMESPACE: Final = uuid5(NAMESPACE_URL, "urn:lotsman:import")
ERRORS: Final = frozenset({"#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"})
"""What a spreadsheet shows where it could not reckon."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong with a row, and in which column, where it is in one."""

    column: str | None
    problem: Problem

    @property
    def blocks(self) -> bool:
        """Whether the row is refused for it, and not only told."""
        return self.problem.severity == "block"


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was read: its event, or None where it is refused. `places`: from which column each place of the
    event is, by JSON pointers."""

    number: int
    agency: str | None
    agency_name: str | None
    event: Mapping[str, Any] | None
    faults: tuple[Fault, ...]
    places: Mapping[str, str]

    def column_of(self, pointer: str) -> str | None:
        """The column that a place of the event is from: its own, else that of what is around it or within it."""
        near = pointer
        while near:
            if near in self.places:
                return self.places[near]
            near = near.rpartition("/")[0]
        within = (column for place, column in self.places.items() if pointer and place.startswith(f"{pointer}/"))
        return next(within, None)


def rows(table: Table, mapping: Described) -> Iterator[Row]:
    """Every row of the table, in its order."""
    for number, cells in table.rows:
        yield _Reader(table, mapping, number, cells).row()


def reasons(refused: Iterable[Row]) -> Counter[str]:
    """How many of these rows each rule refuses: a row counts once for each of its rules, in however many of its cells
    it is broken."""
    return Counter(rule for row in refused for rule in {one.problem.rule for one in row.faults if one.blocks})


def not_in_directory(row: Row) -> Row:
    """The row once it is found that its agency is in no directory: refused."""
    return refused(row, problem("/source", "import.agency-unknown", code=row.agency or ""))


def refused(row: Row, why: Problem) -> Row:
    """The row, of which no event is made for this any more."""
    faults = (*row.faults, Fault(row.column_of(why.pointer), why))
    return Row(row.number, row.agency, row.agency_name, None, faults, row.places)


@dataclass(slots=True)
class _Reader:
    """Reads one row; what is wrong with it is gathered."""

    table: Table
    mapping: Described
    number: int
    cells: tuple[Cell, ...]
    faults: list[Fault] = field(default_factory=list)

    def row(self) -> Row:
        agency, kind, places = self._agency(), self._type(), dict[str, str]()
        name = self._text(self.mapping.agency.name)
        time, subject = self._time(), self._text(self.mapping.subject)
        data = self._data(kind, places) if kind else {}
        self._need_width()
        event = None
        if agency and kind and time and not any(one.blocks for one in self.faults):
            event = self._event(agency, kind, time, subject, data)
        places |= self._around()
        return Row(self.number, agency, name, event, tuple(self.faults), places)

    def _event(self, agency: str, kind: str, time: str, subject: str | None, data: Any) -> Mapping[str, Any] | None:
        said = {
            "specversion": SPECVERSION,
            "source": agency_source(agency),
            "type": kind,
            "time": time,
            "datacontenttype": JSON,
            **({"subject": subject} if subject else {}),
            "data": data,
        }
        event = {"id": event_id(self.mapping.name, agency, said), **said}
        have = len(json.dumps(event, ensure_ascii=False).encode())
        if have > AGENCY_MAX_BYTES:
            self._fault(None, problem("", "import.too-large", have=have, most=AGENCY_MAX_BYTES))
            return None
        return event

    # ---- what is around the data

    def _agency(self) -> str | None:
        leaf = self._first(self.mapping.agency.code, required=True)
        if leaf.value is None:
            return None
        try:
            agency_topic(str(leaf.value))
        except ValueError:
            self._fault(leaf.column, problem("/source", "import.agency-code", given=shown(str(leaf.value))))
            return None
        return str(leaf.value)

    def _type(self) -> str | None:
        leaf = self._first(self.mapping.type, required=True)
        found = None if leaf.value is None else full_type(leaf.value)
        if leaf.value is not None and found is None:
            self._fault(
                leaf.column, problem("/type", "import.type", given=shown(str(leaf.value)), types=list(AGENCY.classes))
            )
        return found

    def _time(self) -> str | None:
        value = self._first(self.mapping.time, required=True, as_moment=True).value
        return None if value is None else str(value)

    def _text(self, sources: Sources | None) -> str | None:
        value = self._first(sources).value if sources else None
        return None if value is None else str(value)

    def _around(self) -> dict[str, str]:
        """From which columns the attributes of the event are."""
        parts = {
            "/source": self.mapping.agency.code,
            "/type": self.mapping.type,
            "/time": self.mapping.time,
            "/subject": self.mapping.subject or (),
        }
        return {place: named for place, some in parts.items() if (named := _heading(some))}

    def _need_width(self) -> None:
        """What stands beyond the last heading belongs to no column."""
        most = len(self.table.headings)
        have = max((place for place, one in enumerate(self.cells, start=1) if text_of(one)), default=0)
        if have > most:
            self._fault(None, problem("", "import.ragged", have=have, most=most))

    # ---- the data

    def _data(self, kind: str, places: dict[str, str]) -> Any:
        tree: dict[Step, Node] = {}
        for path, sources in self.mapping.of(kind).items():
            steps = steps_of(path)
            if named := _heading(sources):
                places[json_pointer(("data", *steps))] = named
            put(tree, steps, self._first(sources))
        return document(tree, ("data",), places)

    # ---- cells

    def _first(self, sources: Sources, *, required: bool = False, as_moment: bool = False) -> Leaf:
        """What the first of these sources says that says something."""
        told = list[Fault]()
        for source in sources:
            leaf = self._read(source, told, as_moment)
            if leaf.state is not State.EMPTY:
                return leaf
            if any(one.blocks for one in told):
                break
        self.faults += told
        if not any(one.blocks for one in told):
            for source in sources:
                if source.missing is not None:
                    return Leaf(State.CONSTANT, self._constant(source.missing, as_moment), _heading(sources))
            if required or any(one.required for one in sources):
                self._fault(_heading(sources), problem("", "import.missing"))
        return Leaf(State.EMPTY, None, _heading(sources), needed=any(one.needed for one in sources))

    def _read(self, source: Source, told: list[Fault], as_moment: bool) -> Leaf:
        """What one source says; what is wrong with it is told."""
        if source.value is not None:
            return Leaf(State.CONSTANT, self._constant(source.value, as_moment))
        column = source.named[0] if source.named else source.cell
        cell = self._cell(source)
        if not text_of(cell):
            return Leaf(State.EMPTY, None, column)
        try:
            return Leaf(State.SAID, self._value(source, cell, as_moment), column)
        except Unreadable as error:
            return self._unreadable(source, cell, column, error.problem, told, as_moment)

    def _unreadable(
        self, source: Source, cell: Cell, column: str | None, why: Problem, told: list[Fault], as_moment: bool
    ) -> Leaf:
        if source.otherwise is not None:
            value = self._constant(source.otherwise, as_moment)
            told_why = problem("", "import.replaced", severity="warn", value=str(value), why=_words(why))
            self._fault(column, told_why)
            return Leaf(State.SAID, value, column)
        if source.unreadable == "as-it-is" and not as_moment:
            return Leaf(State.SAID, unicodedata.normalize("NFC", text_of(cell)), column)
        if source.unreadable == "leave-out":
            why = problem("", "import.left-out", severity="warn", why=_words(why))
        told.append(Fault(column, why))
        return Leaf(State.EMPTY, None, column)

    def _cell(self, source: Source) -> Cell:
        if source.cell is not None:
            letters, row = coordinate_from_string(source.cell)
            cells = self.table.lines[row - 1][1] if row <= self.table.below else ()
            place = column_index_from_string(letters) - 1
            return cells[place] if place < len(cells) else None
        found = [self.cells[self.table.columns[name]] for name in source.named]
        if len(found) == 1:
            return found[0]
        if (formula := next((one for one in found if isinstance(one, Formula)), None)) is not None:
            return formula
        return source.join.join(text for one in found if (text := text_of(one)))

    def _value(self, source: Source, cell: Cell, as_moment: bool) -> Any:
        """Raises Unreadable."""
        text = unicodedata.normalize("NFC", text_of(cell))
        if isinstance(cell, Formula):
            raise Unreadable(problem("", "import.no-result", given=shown(cell)))
        if text in ERRORS:
            raise Unreadable(problem("", "import.cell-error", given=text))
        if source.pattern is not None:
            cell = text = _part(source.pattern, source.case, text)
        if as_moment:
            return wire_moment(moment(cell, source.forms, self.mapping.in_zone))
        if (codes := self.mapping.table(source)) is not None:
            return _coded(codes, text)
        match source.kind:
            case "date":
                return moment(cell, source.forms).date().isoformat()
            case "money":
                return minor_units(cell, digits=source.digits, times=source.times, decimal=source.decimal)
            case "whole":
                return whole_number(cell, source.decimal)
            case "number":
                return format(measured(cell, source.decimal), "f")
            case "text":
                return _cased(source.case, text)
            case _:
                assert_never(source.kind)

    def _constant(self, value: Scalar, as_moment: bool) -> Any:
        if as_moment:
            given = value if isinstance(value, str | date) else str(value)
            return wire_moment(moment(given, (), self.mapping.in_zone))
        return value.isoformat() if isinstance(value, date) else value

    def _fault(self, column: str | None, one: Problem) -> None:
        self.faults.append(Fault(column, one))


def event_id(mapping: str, agency: str, said: Mapping[str, Any]) -> str:
    """The id of the event that says this, as this mapping reads it."""
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return str(uuid5(uuid5(uuid5(NAMESPACE, mapping), agency), canonical))


def _heading(sources: Sources) -> str | None:
    """The column that is named where something is wrong with what these sources say."""
    return next((name for one in sources for name in (*one.named, *([one.cell] if one.cell else []))), None)


def _words(why: Problem) -> Wording:
    return Wording(why.message_ru, why.message_be or why.message_ru, why.message)


def _coded(codes: Codes, text: str) -> Scalar:
    """What a text stands for, however it is typed. Raises Unreadable."""
    if text in codes:
        return codes[text]
    found = {as_compared(name): value for name, value in codes.items()}.get(as_compared(text))
    if found is None:
        raise Unreadable(problem("", "import.code", given=shown(text), known=_each_once(codes)))
    return found


def _each_once(codes: Codes) -> list[str]:
    """Each code of a table once, behind the first of the names that stand for it: a table may have them in three
    languages."""
    first = dict[Scalar, str]()
    for name, code in codes.items():
        first.setdefault(code, name)
    return [name if name == str(code) else f"{name} ({code})" for code, name in first.items()]


def _part(pattern: str, case: str | None, text: str) -> str:
    """What the pattern has in brackets of a text, or all of it. Raises Unreadable where the text has not its form."""
    found = re.fullmatch(pattern, _cased(case, text))
    if found is None:
        raise Unreadable(problem("", "import.pattern", given=shown(text), pattern=pattern))
    return found[1] or "" if found.re.groups else found[0]


def _cased(case: str | None, text: str) -> str:
    return text.lower() if case == "lower" else text.upper() if case == "upper" else text
