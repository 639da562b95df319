"""The rows of the lists that can be taken out (выгрузка): flat, whole pilots at a time, in an order that never changes.

They are made from the internal views, so nothing is given out that the register does not show.
"""

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Final

from fastapi import FastAPI

from contracts.reference import UNSPECIFIED
from services.chassis.exports.files import Cell
from services.chassis.exports.worker import Part, RowsOf
from services.chassis.sight import Sight, hidden_pilots
from services.chassis.store import BY_ID, SUBJECTS, Keys, Row, Store
from services.law.standing import KIND as AGENCY_KIND
from services.registry import views
from services.registry.domain.agencies import Agency
from services.registry.domain.export import List
from services.registry.domain.money import MoneyStage
from services.registry.domain.state import KIND
from services.registry.exports.columns import SEVERAL, names
from services.registry.handlers import TIMELINE
from services.registry.queries import BY_KIND, IN_ORDER, NEWEST, ROW, between, year_of

LINES: Final = 10
"""About how many lines of money a pilot has: so many fewer pilots are read for a part."""
WINDOW: Final = 5_000
"""Rows that one query goes through at most. A filter that hardly a row fits would else outlast, among millions, the
time that the database is given for an answer, each time anew."""
PILOT_COLUMNS: Final = names(List.PILOTS)
MONEY_COLUMNS: Final = names(List.MONEY)
TIMELINE_COLUMNS: Final = names(List.TIMELINE)
PATHS: Final[Mapping[str, str]] = {
    "stage": "state.stage",
    "sector": "state.sectors",
    "agency": "state.agency",
    "region": "state.region",
    "office": "state.application.office",
}
MONEY_OF_PILOT: Final = ("sector", "agency", "region")
"""What a pilot must fit for any of its lines of money to do so; the other filters are asked of each line."""
NAME: Final = ("state.number", "state.application.title")
"""By what people call a pilot."""
PUBLISHED: Final = ("state.history", "state.conclusions.round")
"""What says since when the public sees a pilot, which no column has."""
PILOT_FIELDS: Final = (*(one for one in ROW if one not in PUBLISHED), "state.edition")
MONEY_FIELDS: Final = (*NAME, "state.agency", "state.agency_name", "state.money", "state.edition")


def making(_app: FastAPI, store: Store) -> RowsOf:
    """How the rows are read from a store."""

    async def rows_of(name: str, by: str, filters: Mapping[str, str], after: str | None, limit: int) -> Part:
        eyes = Sight(by, hidden=await hidden_pilots(store, by))
        if name == List.TIMELINE:
            return await _timeline(store, eyes, filters, after, limit)
        if name == List.MONEY:
            return await _money(store, eyes, filters, after, max(1, limit // LINES))
        rows, following = await _pilots(store, eyes, filters, after, limit, PILOT_FIELDS)
        return Part(PILOT_COLUMNS, [_pilot(row) for row in rows], following)

    return rows_of


async def _pilots(
    store: Store, eyes: Sight, filters: Mapping[str, str], after: str | None, limit: int, fields: Sequence[str]
) -> tuple[list[Row], str | None]:
    query: dict[str, Any] = {"state.entered": {"$gt": ""}}
    query |= {path: filters[name] for name, path in PATHS.items() if name in filters}
    for name in ("region", "office"):
        if filters.get(name) == UNSPECIFIED:
            query[PATHS[name]] = {"$in": [UNSPECIFIED, None]}
    if "year" in filters:
        query["state.entered"] = year_of(int(filters["year"]))
    fit = {"$and": [query, eyes.but()]}
    rows, following = await _some(store, SUBJECTS, {"kind": KIND}, fit, after, limit, fields, BY_KIND)
    return await _with_agencies(store, rows), following


async def _with_agencies(store: Store, rows: list[Row]) -> list[Row]:
    """The rows with what their agencies are called: where an earlier program entered a pilot without, as the directory
    has it, or else as the agency's newest pilot has it."""
    bare = [row["state"] for row in rows if not row["state"].get("agency_name")]
    if not bare:
        return rows
    codes = sorted({state["agency"] for state in bare})
    loaded = await store.load([f"{AGENCY_KIND}:{code}" for code in codes], lambda _subject: Agency)
    known = {one.state.code: one.state.name for one in loaded.values() if isinstance(one.state, Agency)}
    names = {code: known.get(code) or await _newest_name(store, code) for code in codes}
    for state in bare:
        state["agency_name"] = names[state["agency"]]
    return rows


async def _newest_name(store: Store, agency: str) -> str | None:
    query = {"kind": KIND, "state.agency": agency}
    newest = await store.rows(SUBJECTS, query, sort=NEWEST, limit=1, fields=["state.agency_name"])
    return newest[0].get("state", {}).get("agency_name") if newest else None


async def _some(
    store: Store,
    collection: str,
    all_of: Mapping[str, Any],
    fit: Mapping[str, Any],
    after: str | None,
    limit: int,
    fields: Sequence[str] | None,
    hint: Keys,
) -> tuple[list[Row], str | None]:
    """At most `limit` rows that fit, of the next `WINDOW` ones after an id; and the id to go on after, None: none is
    left. There may be none that fits, and more after them. `hint` is an index by id of `all_of` the rows."""
    beyond = {**all_of, "_id": {"$gt": after or ""}}
    window = await store.rows(collection, beyond, sort=[("_id", 1)], limit=WINDOW, fields=["_id"], hint=hint)
    if not window:
        return [], None
    last = str(window[-1]["_id"])
    within = {**all_of, **fit, "_id": {"$gt": after or "", "$lte": last}}
    rows = await store.rows(collection, within, sort=[("_id", 1)], limit=limit, fields=fields, hint=hint)
    if len(rows) == limit:
        return rows, str(rows[-1]["_id"])
    return rows, last if len(window) == WINDOW else None


def _pilot(row: Row) -> dict[str, Cell]:
    line = {**views.internal_row(row), **views.internal_part(row, "edition")}
    flat: dict[str, Cell] = {name: line.get(name) for name in PILOT_COLUMNS if "_" not in name}
    flat["next_move"], flat["agency_name"] = line["next_move"], line["agency_name"]
    flat["overpaid"] = bool(line["overpaid"])
    flat["sectors"] = " ".join(line.get("sectors") or ())
    return {**flat, **sums(line["totals"])}


def sums(totals: views.View) -> dict[str, Cell]:
    """A pilot's sums as cells; where there are several currencies there is no amount."""
    flat = dict[str, Cell]()
    for stage in MoneyStage:
        known = totals[stage]
        one = known[0] if len(known) == 1 else {"amount_minor": None, "currency": SEVERAL if known else None}
        flat[f"{stage}_minor"], flat[f"{stage}_currency"] = one["amount_minor"], one["currency"]
    return flat


async def _money(store: Store, eyes: Sight, filters: Mapping[str, str], after: str | None, limit: int) -> Part:
    """The lines of some pilots; filters of a line's own are asked of each line."""
    of_pilot = {name: filters[name] for name in MONEY_OF_PILOT if name in filters}
    rows, following = await _pilots(store, eyes, of_pilot, after, limit, MONEY_FIELDS)
    shown = [
        views.internal_part(row, "id", "number", "title", "agency", "agency_name", "edition", "money") for row in rows
    ]
    lines = [line for view in shown for line in _lines(view) if _fits(line, filters)]
    return Part(MONEY_COLUMNS, lines, following)


def _lines(view: Mapping[str, Any]) -> Iterable[dict[str, Cell]]:
    said = {name: view[name] for name in ("number", "title", "agency", "agency_name", "edition")}
    for line in view["money"] or ():
        yield {"pilot": view["id"], **said, **{name: line[name] for name in MONEY_COLUMNS if name in line}}


def _fits(line: Mapping[str, Cell], filters: Mapping[str, str]) -> bool:
    asked = {name: filters[name] for name in ("sector", "source", "year", "stage", "currency") if name in filters}
    return all(str(line[name] if line[name] is not None else UNSPECIFIED) == value for name, value in asked.items())


async def _timeline(store: Store, eyes: Sight, filters: Mapping[str, str], after: str | None, limit: int) -> Part:
    fit: dict[str, Any] = {name: filters[name] for name in ("pilot", "type") if name in filters}
    fit["$and"] = [eyes.but("pilot"), eyes.but("what.replica")]
    if days := between(filters.get("since"), filters.get("until")):
        fit["time"] = days
    if "pilot" in filters:
        rows, following = await _of_pilot(store, fit, after, limit)
    else:
        rows, following = await _some(store, TIMELINE, {}, fit, after, limit, None, BY_ID)
    there = [row for row in rows if ":" not in row["pilot"]]  # what was taken out is nobody's timeline
    if "agency" in filters:
        there = await _of_agency(store, there, filters["agency"])
    known = await _named(store, {row["pilot"] for row in there})
    return Part(TIMELINE_COLUMNS, [{**_fact(row), **known.get(row["pilot"], {})} for row in there], following)


async def _named(store: Store, pilots: Set[str]) -> dict[str, dict[str, Cell]]:
    """What people call these pilots now: number and title."""
    if not pilots:
        return {}
    query = {"_id": {"$in": sorted(pilots)}}
    rows = await store.rows(SUBJECTS, query, sort=[("_id", 1)], limit=len(pilots), fields=NAME)
    return {row["_id"]: views.internal_part(row, "number", "title") for row in rows if "state" in row}


async def _of_pilot(
    store: Store, fit: Mapping[str, Any], after: str | None, limit: int
) -> tuple[list[Row], str | None]:
    """One pilot's rows, to which an index of their own leads; its ids are in the order of its sequences."""
    query = {**fit, "_id": {"$gt": after or ""}}
    rows = await store.rows(TIMELINE, query, sort=IN_ORDER, limit=limit)
    return rows, str(rows[-1]["_id"]) if len(rows) == limit else None


async def _of_agency(store: Store, rows: list[Row], agency: str) -> list[Row]:
    names = sorted({row["pilot"] for row in rows})
    found = await store.rows(
        SUBJECTS,
        {"_id": {"$in": names}, "state.agency": agency},
        sort=[("_id", 1)],
        limit=len(names) + 1,
        fields=["_id"],
    )
    there = {row["_id"] for row in found}
    return [row for row in rows if row["pilot"] in there]


def _fact(row: Row) -> dict[str, Cell]:
    line, basis = views.timeline(row), row.get("basis") or {}
    return {
        "pilot": row["pilot"],
        "sequence": line["sequence"],
        "time": line["time"],
        "date": line["date"],
        "type": line["type"],
        "role": line["actor"]["role"],
        "organisation": line["actor"]["organisation"],
        "body": basis.get("body"),
        "kind": basis.get("kind"),
        "document": basis.get("number"),
        "document_date": basis.get("date"),
        "what": json.dumps(line["what"], ensure_ascii=False, sort_keys=True),
    }
