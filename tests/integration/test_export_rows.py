"""The rows of lists that are taken out, from a real mongod: whatever may be asked for can be made, and nothing is read
in vain."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from fastapi import FastAPI

from contracts.event import wire_moment
from contracts.registry import PilotEnteredV1, PilotLaunchedV1
from services.chassis.exports.worker import Part, Worker
from services.chassis.store import Row, Store
from services.law.decision import Refusal
from services.law.exporting import Format
from services.registry import views
from services.registry.domain.export import FILTERS, List, Take
from services.registry.domain.money import MoneyStage
from services.registry.domain.stages import Stage
from services.registry.exports import rows as export_rows
from services.registry.exports.files import begin
from services.registry.handlers import TIMELINE
from services.registry.service import SERVICE
from tests.kit.common import Story
from tests.kit.engine.tiny import START
from tests.kit.people import Person
from tests.kit.registry.exports import OPTIONS, World
from tests.kit.registry.rows import FULL, PLAIN, row, timeline_row

VALUES: Mapping[str, Sequence[str]] = {
    "year": ("2000", "2026", "2100", "unspecified"),
    "currency": ("BYN", "ZZZ"),
    "since": ("2000-01-01", "2026-04-16", "2026-02-30", "2100-12-31"),
    "until": ("2000-01-01", "2026-04-16", "2100-12-31"),
    "type": (PilotLaunchedV1.TYPE, "unknown"),
    "stage": (*Stage, *MoneyStage),
}
ANYTHING = ("health", "unspecified", "$where", "p1/", "a.b", "Ё'\"\\{}")


@pytest.fixture
async def shelf(store: Store) -> Store:
    """Three pilots, each with a timeline, and an export beside them."""
    await store.prepare(SERVICE.indexes)
    some = [row("p1", FULL), row("p2", PLAIN), row("p3", FULL, agency="mintrans")]
    taken = {"_id": "export:1", "kind": "export", "state": {"asked": wire_moment(START)}}
    await store.put("subjects", [*some, taken])
    await store.put(TIMELINE, [fact(id_, n, PilotEnteredV1.TYPE, START) for id_ in ("p1", "p2", "p3") for n in (1, 2)])
    return store


def fact(pilot: str, sequence: int, type_: str, at: datetime) -> Row:
    known = timeline_row(pilot, sequence, type_)
    return {**known, "_id": f"{pilot}/{sequence:020d}", "time": wire_moment(at)}


async def gathered(store: Store, of: List, limit: int = 500, **filters: str) -> list[Mapping[str, Any]]:
    """All rows of a list, part by part; each part is what it says it is."""
    rows_of = export_rows.making(FastAPI(), store)
    found, after = list[Mapping[str, Any]](), None
    while True:
        part: Part = await rows_of(of.value, "u-1", filters, after, limit)
        assert all(set(one) <= set(part.columns) for one in part.rows)
        found += part.rows
        if part.next is None:
            return found
        assert after is None or part.next > after, "it goes on"
        after = part.next


ASKED = [(of, name, value) for of, some in FILTERS.items() for name in some for value in VALUES.get(name, ANYTHING)]


async def test_whatever_filter_is_accepted_can_be_made(shelf: Store) -> None:
    story, made = Story(SERVICE.aggregates["export"]), set[tuple[List, str]]()
    for of, name, value in ASKED:
        try:
            assert story.when(None, Take(list=of, filters={name: value}, format=Format.CSV, why="Проверка."))
        except Refusal:
            continue
        await gathered(shelf, of, 500, **{name: value})
        made.add((of, name))
    assert made == {(of, name) for of, some in FILTERS.items() for name in some}


async def test_each_list_holds_what_the_register_shows_inside_the_house(shelf: Store) -> None:
    pilots = {one["id"]: one for one in await gathered(shelf, List.PILOTS)}
    money = await gathered(shelf, List.MONEY)
    assert set(pilots) == {"p1", "p2", "p3"}
    for id_, state in (("p1", FULL), ("p2", PLAIN)):
        whole = views.internal(row(id_, state))
        mine = pilots[id_]
        assert {name: mine[name] for name in ("number", "title", "stage", "next_move", "started", "until")} == {
            name: whole[name] for name in ("number", "title", "stage", "next_move", "started", "until")
        }
        assert mine["planned_minor"] == whole["totals"]["planned"][0]["amount_minor"]
        bare = [{name: one[name] for name in one if name != "amount"} for one in whole["money"]]
        assert [{name: one[name] for name in bare[0]} for one in money if one["pilot"] == id_] == bare
    assert len(await gathered(shelf, List.TIMELINE)) == 6


Files = Mapping[tuple[str, str], tuple[int, bytes]]
IN_CONFLICT, COLLEAGUE = Person("u-9", ("registrar",)), Person("u-5", ("registrar",))


async def files(world: World, who: Person, forms: Sequence[Format] = (Format.JSONL,), **filters: str) -> Files:
    """Every list in these forms as a person gets it: how many rows its card tells of, and the bytes."""
    asked = {}
    for of, form in product(List, forms):
        fits = {name: value for name, value in filters.items() if name in FILTERS[of]}
        asked[of.value, form.value] = await world.taken(who, list=of, format=form, filters=fits)
        await Worker(world.replica(), export_rows.making(world.app, world.store), begin, OPTIONS).turn()
    return {key: ((await world.card(id_, who))["rows"], await world.file(id_, who)) for key, id_ in asked.items()}


async def test_the_files_of_who_is_in_conflict_are_byte_by_byte_those_of_a_register_without_that_pilot(
    shelf: Store,
) -> None:
    world, every = World(shelf), tuple(Format)
    await shelf.remove("subjects", ["export:1"])
    await shelf.put("subjects", [row("p3", FULL, agency="mintrans", hidden_from=(IN_CONFLICT.id,))])
    hidden, seen = await files(world, IN_CONFLICT, every), await files(world, COLLEAGUE)
    assert all(hidden[key][0] < seen[key][0] and hidden[key][1] != seen[key][1] for key in seen), "there is one more"
    assert {rows for rows, _ in (await files(world, IN_CONFLICT, agency="mintrans")).values()} == {0}
    asked = [await files(world, IN_CONFLICT, pilot=one) for one in ("p3", "p9")]
    assert [one["timeline", "jsonl"] for one in asked] == [(0, b"")] * 2

    listed = (await world.call("get", "/exports?limit=200", IN_CONFLICT)).json()["items"]
    told = {(one["by"], *(one[name] is None for name in ("rows", "bytes", "digest", "why"))) for one in listed}
    assert told == {(IN_CONFLICT.id, *[False] * 4), (COLLEAGUE.id, *[True] * 4)}, "neither counts nor words"
    [theirs, *_] = [one["id"] for one in listed if one["by"] == COLLEAGUE.id]
    assert [(await world.card(theirs, who))["rows"] is None for who in (IN_CONFLICT, COLLEAGUE)] == [True, False]
    listed = (await world.call("get", "/exports?limit=200", COLLEAGUE)).json()["items"]
    assert all(one["rows"] is not None for one in listed), "from whom nothing is hidden sees all of it"

    await shelf.remove("subjects", ["p3"])
    await shelf.remove(TIMELINE, [f"p3/{n:020d}" for n in (1, 2)])
    assert await files(world, IN_CONFLICT, every) == hidden


async def test_no_list_reads_more_of_a_pilot_than_it_shows(shelf: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a pilot has reported may be large, and a list has a million of them."""
    read, real = list[Row](), Store.rows

    async def noted(self: Store, collection: str, *given: Any, **named: Any) -> list[Row]:
        found = await real(self, collection, *given, **named)
        read.extend(found if collection == "subjects" else ())
        return found

    monkeypatch.setattr(Store, "rows", noted)
    await gathered(shelf, List.PILOTS)
    await gathered(shelf, List.MONEY)
    await gathered(shelf, List.TIMELINE, agency="minzdrav")
    parts = {name for one in read for name in one.get("state", {})}
    assert parts and parts.isdisjoint({"reports", "values", "spending", "risks", "conclusions", "own_terms", "history"})
    assert {name for one in read for name in one} <= {"_id", "state"}


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
@pytest.mark.parametrize("window", [1, 2, 7, 1000])
async def test_a_filter_that_few_rows_fit_finds_each_of_them_however_few_a_query_goes_through(
    store: Store, monkeypatch: pytest.MonkeyPatch, limit: int, window: int
) -> None:
    await store.prepare(SERVICE.indexes)
    monkeypatch.setattr(export_rows, "WINDOW", window)
    monkeypatch.setattr(export_rows, "LINES", 1)
    few = {4, 5, 6, 13, 19}
    pilots = [row(f"p{n:02d}", PLAIN, agency="mintrans" if n in few else "minzdrav") for n in range(20)]
    await store.put("subjects", pilots)
    rows = [
        fact(f"p{n:02d}", s, PilotLaunchedV1.TYPE if n in few else PilotEnteredV1.TYPE, START)
        for n in range(20)
        for s in (1, 2)
    ]
    await store.put(TIMELINE, rows)
    wanted = [f"p{n:02d}" for n in sorted(few)]
    assert [one["id"] for one in await gathered(store, List.PILOTS, limit, agency="mintrans")] == wanted
    assert [one["pilot"] for one in await gathered(store, List.MONEY, limit, agency="mintrans")] == wanted
    twice = [(id_, sequence) for id_ in wanted for sequence in (1, 2)]
    for asked in ({"type": PilotLaunchedV1.TYPE}, {"agency": "mintrans"}):
        found = await gathered(store, List.TIMELINE, limit, **asked)
        assert [(one["pilot"], one["sequence"]) for one in found] == twice
    assert await gathered(store, List.PILOTS, limit, agency="nobody") == []
    found = await gathered(store, List.TIMELINE, limit, pilot="p05")
    assert [(one["pilot"], one["sequence"]) for one in found] == [("p05", 1), ("p05", 2)]


async def test_a_region_that_nobody_said_is_found_as_unspecified(store: Store) -> None:
    await store.prepare(SERVICE.indexes)
    nowhere = PLAIN.model_copy(update={"application": PLAIN.application.model_copy(update={"region": None})})
    await store.put("subjects", [row("p1", FULL), row("p2", nowhere)])
    assert [one["id"] for one in await gathered(store, List.PILOTS, region="unspecified")] == ["p2"]
    assert {one["pilot"] for one in await gathered(store, List.MONEY, region="unspecified")} == {"p2"}
    assert [one["id"] for one in await gathered(store, List.PILOTS, region="minsk")] == ["p1"]


async def test_the_days_of_a_timeline_are_those_of_minsk_and_both_ends_are_in(store: Store) -> None:
    await store.prepare(SERVICE.indexes)
    midnight = datetime(2026, 5, 1, 21, 0, tzinfo=UTC)
    moment = timedelta(milliseconds=1)
    times = [midnight - moment, midnight, midnight + timedelta(days=1) - moment, midnight + timedelta(days=1)]
    await store.put(TIMELINE, [fact("p1", n, PilotEnteredV1.TYPE, at) for n, at in enumerate(times, 1)])

    async def found(**days: str) -> list[int]:
        return [one["sequence"] for one in await gathered(store, List.TIMELINE, 500, **days)]

    assert await found(since="2026-05-02", until="2026-05-02") == [2, 3]
    assert await found(since="2026-05-02") == [2, 3, 4]
    assert await found(until="2026-05-01") == [1]
    assert await found(until="2026-05-02", pilot="p1") == [1, 2, 3]


async def test_an_agency_is_named_also_where_a_pilot_was_entered_without_its_name(store: Store) -> None:
    await store.prepare(SERVICE.indexes)
    old = row("p1", FULL, agency="by-entry", agency_name=None), row("p2", FULL, agency="by-pilot", agency_name=None)
    newest = row("p3", FULL, agency="by-pilot", agency_name="Второе", entered=FULL.entered + timedelta(days=1))
    nobody = row("p4", FULL, agency="nobody", agency_name=None)
    entry = {**row("agency:by-entry"), "kind": "agency", "state": {"code": "by-entry", "name": "Первое"}}
    await store.put("subjects", [*old, newest, nobody, row("p5", FULL, agency="by-entry", agency_name="Иное"), entry])
    named = ["Первое", "Второе", "Второе", None, "Иное"]
    assert [one["agency_name"] for one in await gathered(store, List.PILOTS)] == named
    of_money = {one["pilot"]: one["agency_name"] for one in await gathered(store, List.MONEY)}
    assert of_money == dict(zip(("p1", "p2", "p3", "p4", "p5"), named, strict=True))
