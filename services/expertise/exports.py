"""The rows of the list of cases that is taken out (выгрузка), and its file: what the queues show, by registration
number, an order that never changes. Persons stand in it by their opaque ids alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI

from contracts.expertise import ReviewKind
from services.chassis.engine import Engine
from services.chassis.exports.files import Cell, Csv, Lines, Sheet
from services.chassis.exports.worker import Gathered, Part, RowsOf
from services.chassis.sight import hidden_pilots
from services.chassis.store import SUBJECTS, Row, Store
from services.expertise import rows
from services.expertise.api.lists import teams_for
from services.expertise.domain.state import KIND, Status, View
from services.expertise.queries import NUMBERED, Filters, Teams, cases
from services.expertise.sight import Sight
from services.law.exporting import Export, Format

COLUMNS: Final = (
    "id",
    "number",
    "title",
    "agency",
    "sector",
    "kind",
    "round",
    "status",
    "opened",
    "due_at",
    "left",
    "unit",
    "breached",
    "nearing",
    "suspended",
    "stopped_since",
    "answers_due",
    "operator",
    "needed",
    "experts",
    "owed",
)
WINDOW: Final = 5_000
"""Cases that one query goes through at most, whatever fits: it would else outlast, among many, the time that the
database is given for an answer."""
NUMBER: Final = "state.number"
BY_NUMBER: Final = ((NUMBER, 1),)


def making(app: FastAPI, store: Store) -> RowsOf:
    """How the rows are read from a store."""

    async def rows_of(_list: str, by: str, filters: Mapping[str, str], after: str | None, limit: int) -> Part:
        engine: Engine = app.state.engine
        # Whoever may ask sees all cases but hidden ones; of those in which the person judges, nobody else who does.
        eyes = Sight(by, hidden=await hidden_pilots(store, by), all_cases=True, expert=True)
        beyond: dict[str, Any] = {"kind": KIND, NUMBER: {"$gt": after or ""}}
        window = await store.rows(SUBJECTS, beyond, sort=BY_NUMBER, limit=WINDOW, fields=[NUMBER], hint=NUMBERED)
        if not window:
            return Part(COLUMNS, [], None)
        last, now = str(window[-1]["state"]["number"]), engine.now()
        view = View(filters["view"]) if filters.get("view") else None
        teams = await teams_for(store, by) if view is View.TEAM else Teams()
        fit = cases(eyes, view, _filters(filters), now, teams).query
        within = {**beyond, NUMBER: {"$gt": after or "", "$lte": last}, "$and": [fit]}
        found = await store.rows(SUBJECTS, within, sort=BY_NUMBER, limit=limit, fields=rows.ROW, hint=NUMBERED)
        shown = [_line(rows.case_row(row, now, eyes, engine.calendars)) for row in found]
        if len(found) == limit:
            return Part(COLUMNS, shown, str(found[-1]["state"]["number"]))
        return Part(COLUMNS, shown, last if len(window) == WINDOW else None)

    return rows_of


def begin(path: Path, export: Export, gathered: Gathered) -> Sheet:
    """Begins the file of an export."""
    if export.format is Format.JSONL:
        return Lines(path, gathered.columns)
    return Csv(path, gathered.columns, "," if export.format is Format.CSV else ";")


def _filters(said: Mapping[str, str]) -> Filters:
    kind, status = said.get("kind"), said.get("status")
    return Filters(
        sector=said.get("sector"),
        agency=said.get("agency"),
        kind=ReviewKind(kind) if kind else None,
        expert=said.get("expert"),
        status=Status(status) if status else None,
        number=said.get("number"),
    )


def _line(shown: Row) -> dict[str, Cell]:
    """A case on one line; several experts or steps stand in a cell with blanks between them."""
    flat = {name: shown.get(name) for name in COLUMNS}
    flat["experts"] = " ".join(shown.get("experts", ()))
    flat["owed"] = " ".join(f"{one['by']}:{one['what']}" for one in shown["owed"])
    return flat
