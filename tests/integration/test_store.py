"""The store on a real mongod, on both drivers: a verdict per item, claims, numbers, lists, unfit documents, outages."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, model_validator
from pymongo import MongoClient, UpdateOne

from contracts.event import wire_moment
from deploy.local import secrets
from deploy.local.mongod import Mongod
from deploy.local.ports import Ports
from services.chassis import parking, web
from services.chassis import store as store_module
from services.chassis.fold import Fold
from services.chassis.problems import Problematic
from services.chassis.sight import Sight
from services.chassis.store import OPTIONS, Claim, Driver, Row, Store, StoreAway, opened
from services.chassis.subject import Document, Done, Entry, Record, Remembered
from services.intake import queries as intake
from services.intake.following import WaitsFor
from services.registry import queries as registry
from services.registry.handlers import TIMELINE
from tests.conftest import Eventually
from tests.kit.engine.tiny import START, Tally, notes_of, parked_rows

pytestmark = pytest.mark.parametrize("driver", ["motor", "pymongo"])
TRACE = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}


class Anything(BaseModel):
    """A state that can hold what no database takes."""

    value: Any = None


def written(before: Document, *notes: str, state: BaseModel | None = None, **changes: Any) -> Fold:
    """A decision that added one fact for each note to this document."""
    entries = tuple(
        Entry(START, before.version + n, f"id-{before.version + n}", "pilots.tiny.noted.v1", note.encode())
        for n, note in enumerate(notes, 1)
    )
    after = replace(
        before,
        rev=before.rev + 1,
        version=before.version + len(notes),
        state=state or Tally(notes=(*notes_of(before.state), *notes)),
        outbox=before.outbox + entries,
        **changes,
    )
    return Fold(before, after, entries, (Done(after.version, after.rev),))


def new(subject: str) -> Document:
    """A subject of which nothing is stored yet."""
    return Document(subject, "pilot")


async def load(store: Store, subject: str) -> Document | None:
    """One document, its state a Tally."""
    return (await store.load([subject], lambda _s: Tally)).get(subject)


async def loaded(store: Store, subject: str) -> Document:
    """One document that must be there."""
    found = await load(store, subject)
    assert found is not None
    return found


# ---- documents under their guard


async def test_a_document_comes_back_as_it_was_written(store: Store) -> None:
    due = datetime(2026, 5, 1, 21, 0, 0, 123000, tzinfo=UTC)
    first = written(
        new("p1"),
        "a",
        "b",
        seen={"intake": 3},
        ids={"k" * 40: Remembered("digest", 2)},
        due=due,
        correlation="began",
        trace=TRACE,
    )
    assert (await store.write([first])).lost == frozenset()
    assert await loaded(store, "p1") == first.after


async def test_a_write_sets_what_changed_and_leaves_the_rest_as_it_is_stored(
    store: Store,
) -> None:
    first = written(new("p1"), "a", seen={"left": 1})
    await store.write([first])
    await store._subjects.update_one({"_id": "p1"}, {"$set": {"state.told_by_a_newer_program": 1, "state.due": None}})
    second = written(first.after, "b", seen={"left": 2}, due=START)
    await store.write([second])
    assert await loaded(store, "p1") == replace(second.after, outbox=first.after.outbox + second.entries)
    (row,) = await store.rows("subjects", {"_id": "p1"}, sort=[("_id", 1)], limit=1)
    assert row["state"]["told_by_a_newer_program"] == 1
    passing = replace(second.after, rev=3, seen={"left": 3})
    asked = store_module._guarded(Fold(second.after, passing, (), ()))
    assert isinstance(asked, UpdateOne) and asked._doc == {"$set": {"rev": 3, "seen": {"left": 3}}}, "it only passes by"


class Diary(Tally):
    """A state that an earlier program stored in another form: with its notes under `pages`."""

    last: str | None = None
    of_old: bool = Field(default=False, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_program(cls, data: Any) -> Any:
        if "pages" not in data:
            return data
        return {"notes": data["pages"], "last": data["pages"][-1], "due": data["due"], "of_old": True}


async def test_what_an_earlier_program_stored_in_another_form_is_replaced_whole_by_the_next_change(
    store: Store,
) -> None:
    begun = written(new("p1"), state=Diary(notes=("a", "b"), last="b"))
    await store.write([begun])
    await store.mark("subjects", {"_id": "p1"}, {"state": {"pages": ["a", "b"], "due": None}})
    found = (await store.load(["p1"], lambda _s: Diary))["p1"]
    assert found.state is not None and found.state.model_dump() == {"notes": ("a", "b"), "last": "b", "due": None}
    passing = Fold(found, replace(found, rev=found.rev + 1, seen={"left": 1}), (), ())
    await store.write([passing])
    (row,) = await store.rows("subjects", {"_id": "p1"}, sort=[("_id", 1)], limit=1)
    assert row["state"] == {"pages": ["a", "b"], "due": None}, "it only passed by"
    later = (await store.load(["p1"], lambda _s: Diary))["p1"]
    assert later.state is not None
    await store.write([written(later, state=later.state.model_copy(update={"due": START}))])
    (row,) = await store.rows("subjects", {"_id": "p1"}, sort=[("_id", 1)], limit=1)
    assert row["state"] == {"notes": ["a", "b"], "last": "b", "due": wire_moment(START)}
    again = (await store.load(["p1"], lambda _s: Diary))["p1"]
    assert again.state == Diary(notes=("a", "b"), last="b", due=START)
    changed: Any = store_module._guarded(written(again, state=again.state.model_copy(update={"last": "c"})))
    assert {k: v for k, v in changed._doc["$set"].items() if k.startswith("state")} == {"state.last": "c"}


async def test_a_new_subject_is_rev_0_and_only_one_of_two_first_writes_goes_through(store: Store) -> None:
    assert await load(store, "p1") is None
    assert (await store.write([written(new("p1"), "first")])).lost == frozenset()
    assert (await store.write([written(new("p1"), "second")])).lost == {"p1"}
    assert notes_of((await loaded(store, "p1")).state) == ("first",)


async def test_a_guard_that_misses_is_told_for_that_subject_alone_and_its_neighbours_are_written(store: Store) -> None:
    stale, fresh = written(new("p1"), "a"), written(new("p2"), "a")
    await store.write([stale, fresh])
    await store.write([written(stale.after, "b")])
    done = await store.write([written(stale.after, "late"), written(fresh.after, "b"), written(new("p3"), "a")])
    assert done.lost == {"p1"} and not done.unfit
    found = await store.load(["p1", "p2", "p3"], lambda _s: Tally)
    assert {s: notes_of(d.state) for s, d in found.items()} == {"p1": ("a", "b"), "p2": ("a", "b"), "p3": ("a",)}


async def test_racing_writers_have_exactly_one_winner_per_rev_and_nothing_is_lost(store: Store) -> None:
    subjects, rounds = [f"p{n}" for n in range(5)], 8

    async def writer(name: str) -> None:
        left = {s: [f"{name}.{n}" for n in range(rounds)] for s in subjects}
        while any(left.values()):
            found = await store.load([s for s, notes in left.items() if notes], lambda _s: Tally)
            folds = [written(found.get(s) or new(s), notes[0]) for s, notes in left.items() if notes]
            done = await store.write(folds)
            assert not done.unfit
            for one in folds:
                if one.after.subject not in done.lost:
                    left[one.after.subject].pop(0)

    await asyncio.gather(*(writer(f"w{n}") for n in range(4)))
    for document in (await store.load(subjects, lambda _s: Tally)).values():
        assert document.rev == document.version == 4 * rounds
        assert sorted(notes_of(document.state)) == sorted(f"w{w}.{n}" for w in range(4) for n in range(rounds))
        assert [e.sequence for e in document.outbox] == list(range(1, 4 * rounds + 1))


async def test_claims_remembered_in_a_document_add_up_over_writes(store: Store) -> None:
    first = written(new("p1"), "a", ids={"k1": Remembered("d1", 1)})
    await store.write([first])
    await store.write([written(first.after, "b", ids={**first.after.ids, "k2": Remembered("d2", 2)})])
    assert (await loaded(store, "p1")).ids == {"k1": Remembered("d1", 1), "k2": Remembered("d2", 2)}


# ---- the outbox


async def test_clear_takes_the_acknowledged_prefix_and_nothing_that_was_added_meanwhile(store: Store) -> None:
    first = written(new("p1"), "a", "b", "c")
    await store.write([first, written(new("p2"), "a")])
    await store.write([written(first.after, "d")])
    await store.clear({"p1": 2})
    document = await loaded(store, "p1")
    assert [e.sequence for e in document.outbox] == [3, 4]
    assert (document.rev, document.version) == (2, 4), "clearing is no engine write"
    assert len((await loaded(store, "p2")).outbox) == 1


async def test_a_write_decided_before_a_clear_neither_misses_its_guard_nor_brings_back_what_was_sent(
    store: Store,
) -> None:
    first = written(new("p1"), "a", "b")
    await store.write([first])
    second = written(first.after, "c")
    await store.clear({"p1": 2})
    assert (await store.write([second])).lost == frozenset()
    assert [e.sequence for e in (await loaded(store, "p1")).outbox] == [3]


async def test_unsent_finds_only_outboxes_older_than_asked(store: Store) -> None:
    await store.write([written(new(s), "a") for s in ("p1", "p2", "p3")])
    await store.clear({"p2": 1})
    assert await store.unsent(START, 10) == []
    assert sorted(await store.unsent(START + timedelta(seconds=1), 10)) == ["p1", "p3"]
    assert len(await store.unsent(START + timedelta(seconds=1), 1)) == 1


# ---- timers


async def test_due_gives_the_longest_overdue_first_and_postpone_moves_only_what_it_saw(store: Store) -> None:
    times = {f"p{n}": START + timedelta(hours=n) for n in (3, 1, 2)}
    await store.write([written(new(s), "a", due=due) for s, due in times.items()])
    await store.write([written(new("p0"), "a")])
    assert await store.due(START + timedelta(hours=2), 10) == [("p1", times["p1"]), ("p2", times["p2"])]
    assert await store.due(START + timedelta(hours=9), 1) == [("p1", times["p1"])]
    assert await store.next_due() == times["p1"]
    later = START + timedelta(days=1)
    await store.postpone("p1", times["p1"], later)
    await store.postpone("p2", times["p1"], later)
    moved, unmoved = await loaded(store, "p1"), await loaded(store, "p2")
    assert (moved.due, moved.rev) == (later, 2), "an engine write like any other: whoever decided before it loses"
    assert (unmoved.due, unmoved.rev) == (times["p2"], 1)


async def test_for_when_a_timer_was_set_is_known_however_often_it_is_put_off_until_it_is_set_anew(store: Store) -> None:
    assert await store.longest_due() is None
    await store.write([written(new(s), "a", due=START + timedelta(hours=n)) for n, s in enumerate(("p0", "p1"))])
    at = START
    for minutes in (5, 10, 15):
        await store.postpone("p0", at, at := START + timedelta(hours=2, minutes=minutes))
        assert await store.longest_due() == START and await store.next_due() == START + timedelta(hours=1)
    await store.write([written(await loaded(store, "p0"), "b", due=at)])
    assert await store.longest_due() == START, "what changes nothing of the timer leaves it as late as it is"
    await store.write([written(await loaded(store, "p0"), "c", due=START + timedelta(days=1))])
    assert await store.longest_due() == START + timedelta(hours=1)
    await store.write([written(await loaded(store, "p1"), "b", due=None)])
    assert await store.longest_due() == START + timedelta(days=1)


# ---- claims and numbers


async def test_claims_that_were_there_before_are_told_as_stored_and_the_others_are_inserted(store: Store) -> None:
    mine, other = Claim("k1", "d1", "p1"), Claim("k2", "d2", "p2")
    assert await store.claim([mine]) == {}
    assert await store.claim([Claim("k1", "else", "p9"), other]) == {"k1": mine}
    assert await store.claim([mine, other]) == {"k1": mine, "k2": other}
    assert await store.claimed("k2", "k3") == {"k2": other}


async def test_of_racing_claims_one_wins_and_every_other_is_told_which(store: Store) -> None:
    for turn in range(20):
        key = f"k{turn}"
        rivals = [Claim(key, f"d{n}", f"p{n}") for n in range(6)]
        answers = await asyncio.gather(*(store.claim([rival]) for rival in rivals))
        (winner,) = [rival for rival, answer in zip(rivals, answers, strict=True) if not answer]
        assert all(answer == {key: winner} for answer in answers if answer)


async def test_draw_gives_each_number_once_under_concurrency(store: Store) -> None:
    drawn = await asyncio.gather(*(store.draw("2026", size) for size in (1, 7, 3, 500, 2) * 8))
    numbers = [n for some in drawn for n in some]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert list(await store.draw("2027", 2)) == [1, 2]


# ---- rows


async def test_put_replaces_whole_rows_and_put_new_changes_only_what_is_renewed(store: Store) -> None:
    await store.put("side", [{"_id": "a", "x": 1, "y": 1}])
    await store.put("side", [{"_id": "a", "x": 2}, {"_id": "b", "x": 3}])
    assert await store.get("side", "a") == {"_id": "a", "x": 2}
    await store.put_new("side", [{"_id": "a", "x": 9, "y": 9}, {"_id": "c", "x": 4, "y": 4}], renewed=["y"])
    assert await store.get("side", "a") == {"_id": "a", "x": 2, "y": 9}
    assert await store.get("side", "c") == {"_id": "c", "x": 4, "y": 4}
    await store.put_new("side", [{"_id": "c", "x": 5, "y": 5}])
    assert await store.get("side", "c") == {"_id": "c", "x": 4, "y": 4}
    await store.remove("side", ["a", "b"])
    assert [row async for row in store.scan("side", {}, page=1)] == [{"_id": "c", "x": 4, "y": 4}]
    assert await store.count("side", {}, 10) == 1
    assert await store.get("side", "a") is None


async def test_scan_gives_every_row_once_over_page_ends(store: Store) -> None:
    await store.put("side", [{"_id": f"{n:03}", "even": n % 2 == 0} for n in range(11)])
    for page in (1, 2, 5, 6, 7, 100):
        found = [row["_id"] async for row in store.scan("side", {"even": True}, page=page)]
        assert found == ["000", "002", "004", "006", "008", "010"]


async def pages(store: Store, order: Sequence[tuple[str, int]], limit: int, query: Row | None = None) -> list[str]:
    """Every id of a list, fetched page by page."""
    found, after = list[str](), None
    for _ in range(100):
        page = await web.page(store, "side", query or {}, order, after=after, limit=limit, show=dict)
        assert len(page.items) <= limit
        found += [item["_id"] for item in page.items]
        if (after := page.next) is None:
            return found
        assert page.items, "a page that has a next is not empty"
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("way", [1, -1])
async def test_keyset_pages_show_every_row_once_in_order_with_nulls_and_missing_fields(store: Store, way: int) -> None:
    values = [3, None, 1, None, 2, 2, 2, None, 1]
    rows: list[Row] = [{"_id": f"r{n}", "in": {"value": value}} for n, value in enumerate(values)]
    await store.put("side", [*rows, {"_id": "missing", "in": {}}, {"_id": "bare"}])
    order = (("in.value", way), ("_id", way))
    with_key = [((row.get("in", {}).get("value") or 0, row["_id"])) for row in [*rows, {"_id": "missing"}]]
    wanted = [id_ for _, id_ in sorted([*with_key, (0, "bare")], reverse=way < 0)]
    for limit in (1, 2, 3, 5, 11, 20):
        assert await pages(store, order, limit) == wanted


async def test_keyset_pages_work_with_three_fields_in_mixed_directions_and_a_query(store: Store) -> None:
    rows: list[Row] = [
        {"_id": f"r{n:02}", "a": a, "b": b, "shown": n % 5 != 0}
        for n, (a, b) in enumerate((a, b) for a in (None, "x", "y") for b in (None, 1, 2) for _ in range(3))
    ]
    await store.put("side", rows)
    shown = [row for row in rows if row["shown"]]
    shown.sort(key=lambda row: row["_id"])
    shown.sort(key=lambda row: (row["b"] is not None, row["b"] or 0), reverse=True)
    shown.sort(key=lambda row: (row["a"] is not None, row["a"] or ""))
    order = (("a", 1), ("b", -1), ("_id", 1))
    for limit in (1, 4, 7):
        assert await pages(store, order, limit, {"shown": True}) == [row["_id"] for row in shown]


@pytest.mark.parametrize("cursor", ["x", "", "bnVsbA", "WzFd", "W3siJGd0IjowfSwxXQ"])
async def test_a_cursor_that_this_list_did_not_give_is_refused(store: Store, cursor: str) -> None:
    order = (("a", 1), ("_id", 1))
    if cursor:
        with pytest.raises(Problematic) as refused:
            await web.page(store, "side", {}, order, after=cursor, limit=1, show=dict)
        assert refused.value.status == 400
    else:
        assert (await web.page(store, "side", {}, order, after=cursor, limit=1, show=dict)).items == []


# ---- documents that the database can never take


@pytest.mark.parametrize(
    "value",
    ["x" * (17 << 20), 2**63, "\ud800"],
    ids=["larger than a document may be", "a number that BSON has not", "text that is no UTF-8"],
)
async def test_an_unfit_document_is_told_alone_and_its_neighbours_are_written(store: Store, value: Any) -> None:
    bad = written(new("bad"), "a", state=Anything.model_construct(value=value))
    stale = written(new("stale"), "a")
    await store.write([stale])
    done = await store.write([written(new("p1"), "a"), bad, stale, written(new("p2"), "b")])
    assert set(done.unfit) == {"bad"} and done.unfit["bad"]
    assert done.lost - {"p1", "p2"} == {"stale"}, "neighbours are lost only if they were written a moment before"
    found = await store.load(["p1", "p2", "bad", "stale"], lambda _s: Tally)
    assert {s: notes_of(d.state) for s, d in found.items()} == {"p1": ("a",), "p2": ("b",), "stale": ("a",)}


async def test_a_document_that_grows_over_the_limit_on_the_server_is_told_alone(store: Store) -> None:
    first = written(new("fat"), *["x" * (5 << 20)] * 2, state=Anything())
    await store.write([first])
    second = written(first.after, *["x" * (5 << 20)] * 2, state=Anything())
    done = await store.write([written(new("p1"), "a"), second])
    assert set(done.unfit) == {"fat"} and not done.lost
    assert await load(store, "p1") is not None
    rows = await store.rows("subjects", {"_id": "fat"}, sort=[("_id", 1)], limit=1, fields=["rev"])
    assert rows == [{"_id": "fat", "rev": 1}]


async def test_a_batch_larger_than_one_message_to_the_server_is_written_whole(store: Store) -> None:
    folds = [written(new(f"p{n}"), "x" * (9 << 20), state=Anything()) for n in range(7)]
    assert (await store.write(folds)).lost == frozenset()
    assert await store.count("subjects", {"version": 1}, 100) == 7


# ---- parked records


async def test_whatever_stands_in_a_record_it_can_be_parked(store: Store) -> None:
    records = [
        Record("pilots.left.v1", 0, 0, None, b""),
        Record("pilots.left.v1", 0, 1, b"\xff\xfe", b"\x00\xff", (("h", b"\xff"), ("h", b""))),
        Record("pilots.left.v1", 0, 2, b"k", b'{"subject": "\\ud800", "source": "/services/\\ud800", "sequence": 5}'),
        Record("pilots.left.v1", 0, 3, b"k", '{"sequence": "\u00b2"}'.encode()),
        Record("pilots.left.v1", 0, 4, b"k", b'{"sequence": "%s"}' % (b"9" * 20)),
        Record("pilots.left.v1", 0, 5, b"k", b'{"sequence": "%s"}' % (b"9" * 5000)),
        Record("pilots.left.v1", 0, 6, b"k", b'{"subject": "a\\u0000b", "sequence": "00000000000000000007"}'),
        Record("pilots.left.v1", 0, 7, b"k", b"[" * 100_000),
    ]
    await parking.park(store, [parking.unreadable(one, "a \ud800 cause") for one in records], START)
    rows = await parked_rows(store, {})
    assert {row["_id"] for row in rows} == {one.id for one in records}
    read = (replace(parking.record_of(row), came=None) for row in rows)  # it came when it was parked, at the latest
    assert sorted(read, key=lambda r: r.offset) == records
    assert {row["sequence"] for row in rows} == {None, 7}


async def test_a_record_read_again_is_parked_once_with_its_new_status(store: Store) -> None:
    record = Record("pilots.left.v1", 0, 3, b"p1", b"{}")
    await parking.park(store, [parking.Parked(record, parking.WAITING, "gap", "p1", "left", 2)], START)
    later = START + timedelta(hours=1)
    await parking.park(store, [parking.Parked(record, parking.BROKEN, "raised", "p1", "left", 2)], later)
    (row,) = await parked_rows(store, {})
    assert (row["_id"], row["status"], row["cause"], row["at"]) == ("pilots.left.v1/0/3", "broken", "raised", START)


# ---- indexes


@contextmanager
def every_query_by_index(mongo_url: str, store: Store) -> Iterator[None]:
    """Looks at how the server really carried out what is asked inside: no whole collection read, no sort in memory."""
    with MongoClient[Row](mongo_url) as client:
        database = client[store._db.name]
        database.command("profile", 2)
        yield
        database.command("profile", 0)
        asked = list(database["system.profile"].find({"op": {"$in": ["query", "update"]}}))
        database.drop_collection("system.profile")
    assert asked, "nothing was asked"
    bad = [row["command"] for row in asked if "COLLSCAN" in row.get("planSummary", "") or row.get("hasSortStage")]
    assert not bad, bad


async def test_the_engines_queries_and_writes_use_their_indexes(store: Store, mongo_url: str) -> None:
    folds = [written(new(f"p{n}"), "a", due=START + timedelta(hours=n)) for n in range(50)]
    at = START + timedelta(hours=3)
    record = Record("pilots.left.v1", 0, 3, b"p1", b"{}")
    with every_query_by_index(mongo_url, store):
        assert not (await store.write(folds)).lost
        assert len(await store.unsent(at, 100)) == 50
        assert len(await store.due(at, 100)) == 4
        assert await store.next_due() == await store.longest_due() == START
        assert len(await store.load(["p1", "p2"], lambda _s: Tally)) == 2
        await store.clear({"p1": 1})
        await store.postpone("p1", START + timedelta(hours=1), at)
        await parking.park(store, [parking.Parked(record, parking.WAITING, "gap", "p1", "left", 2)], START)
        assert len(await parking.places(store, {"subject": {"$in": ["p1", "p2"]}, "status": "waiting"})) == 1
        assert len(await parking.places(store, {"subject": {"$in": ["p1", "p2"]}})) == 1
        assert [row["_id"] async for row in store.scan("parked", {"status": "waiting"}, page=1)] == [record.id]
        status = {"status": {"$in": ["waiting", "broken"]}}
        await web.page(store, "parked", status, (("status", 1), ("_id", 1)), after=None, limit=1, show=dict)
    with pytest.raises(AssertionError), every_query_by_index(mongo_url, store):
        await store.rows("subjects", {"state.notes": "a"}, sort=[("state.notes", 1)], limit=1)


async def test_an_index_of_an_earlier_program_that_nothing_asks_for_any_more_is_dropped(store: Store) -> None:
    await store._subjects.create_index("outbox.at")
    before = (await store._subjects.index_information()).keys()
    await store.prepare({})
    assert before - (await store._subjects.index_information()).keys() == {"outbox.at_1"}


async def test_lists_of_what_waits_for_somebody_use_an_index_on_every_page(store: Store, mongo_url: str) -> None:
    await store.prepare(intake.INDEXES)
    one = {"due_at": "2026", "agency": "minzdrav"}
    rows = [
        {"_id": f"{status}{n}", "kind": "pilot", "version": 1, "state": {**one, "status": status}}
        for status in ("registered", "returned", "accepted", "concluded", "decided")
        for n in range(3)
    ]
    await store.put("subjects", rows)
    for waiting in WaitsFor:
        for agency in (None, "minzdrav"):
            query, order = intake.applications(None, agency, Sight("u-1", hidden=frozenset()), waiting)
            asked: dict[str, Any] = {"limit": 1, "show": dict}
            with every_query_by_index(mongo_url, store):
                first = await web.page(store, "subjects", query, order, after=None, **asked)
                assert first.next, "there is a second page to look at"
                second = await web.page(store, "subjects", query, order, after=first.next, **asked)
            assert first.items[0]["_id"] != second.items[0]["_id"]


async def test_every_list_of_intake_and_registry_uses_an_index_on_every_page(store: Store, mongo_url: str) -> None:
    lists: list[tuple[Mapping[str, Any], str, Row, Sequence[tuple[str, int]]]] = [
        (intake.INDEXES, "subjects", *intake.agencies()),
        *(
            (intake.INDEXES, "subjects", *intake.applications(status, agency, Sight("u-1", hidden=frozenset())))
            for status in (None, "registered")
            for agency in (None, "minzdrav")
        ),
        *(
            (registry.INDEXES, "subjects", registry.pilots(*chosen), registry.NEWEST)
            for chosen in [
                (None, None, None, None),
                ("council", None, None, None),
                (None, "minzdrav", None, None),
                (None, None, "health", None),
                (None, None, None, "N-1"),
            ]
        ),
        (registry.INDEXES, TIMELINE, {"pilot": "p1"}, registry.IN_ORDER),
    ]
    at = {"received": "2026", "due_at": "2026", "opened": "2026", "entered": "2026"}
    one = {"status": "registered", "agency": "minzdrav", "stage": "council", "number": "N-1", "experts": ["e1"], **at}
    rows = [
        {"_id": f"{kind}{n}", "kind": kind, "version": 1, "state": {**one, "application": {"sector": "health"}}}
        for kind in ("pilot", "agency")
        for n in range(3)
    ]
    for turn, (indexes, collection, query, order) in enumerate(lists):
        fresh = store.sibling(f"{store._db.name}_{turn}")
        await fresh.prepare(indexes)
        await fresh.put("subjects", rows)
        await fresh.put(TIMELINE, [{"_id": f"p1/{n}", "pilot": "p1", "sequence": n} for n in range(3)])
        try:
            with every_query_by_index(mongo_url, fresh):
                first = await web.page(fresh, collection, query, order, after=None, limit=1, show=dict)
                assert first.next, "there is a second page to look at"
                await web.page(fresh, collection, query, order, after=first.next, limit=1, show=dict)
        finally:
            await fresh._client.drop_database(fresh._db.name)


# ---- what the client promises, and outages


async def test_reads_and_writes_are_majority_and_primary(store: Store, driver: Driver) -> None:
    for place in (store._client, store._db, store._subjects, store._claims, store._parked):
        assert place.write_concern.document["w"] == "majority"
        assert place.read_concern.level == "majority"
        assert place.read_preference.name == "Primary"
    assert ("motor" in type(store._client).__module__) is (driver == "motor")


@pytest.fixture
async def own_mongod(tmp_path: Path) -> AsyncIterator[Mongod]:
    """A mongod of this test alone, since it is killed."""
    mongod = Mongod(tmp_path, Ports.free()["mongod"], secrets.load(tmp_path), lambda _: None)
    await asyncio.to_thread(mongod.start)
    yield mongod
    await asyncio.to_thread(mongod.stop)


@pytest.fixture
async def impatient(own_mongod: Mongod, driver: Driver, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    """A store whose client looks for a primary for half a second only."""
    monkeypatch.setitem(OPTIONS, "serverSelectionTimeoutMS", 500)
    async with opened(own_mongod.url(), "test_impatient", driver) as impatient:
        yield impatient


async def test_a_killed_mongod_is_store_away_and_what_was_acknowledged_is_there_after_it(
    impatient: Store, own_mongod: Mongod, eventually: Eventually
) -> None:
    acknowledged: list[str] = []
    away = asyncio.Event()

    async def writes() -> None:
        document = new("p1")
        while True:
            one = written(document, f"n{document.rev}")
            try:
                done = await impatient.write([one])
            except StoreAway:
                away.set()
                return
            assert not done.lost
            acknowledged.append(f"n{document.rev}")
            document = replace(one.after, outbox=())

    writing = asyncio.create_task(writes())
    await eventually(lambda: len(acknowledged) > 20)
    await asyncio.to_thread(own_mongod.kill)
    try:
        await asyncio.wait_for(writing, 15)
        assert away.is_set()
        claim = Claim("k", "d", "p")
        for call in (impatient.ping(), impatient.due(START, 1), impatient.claim([claim]), load(impatient, "p1")):
            with pytest.raises(StoreAway):
                await call
    finally:
        await asyncio.to_thread(own_mongod.start)

    async def back() -> Document | None:
        try:
            return await load(impatient, "p1")
        except StoreAway:
            return None

    found = await eventually(back, within=20)
    notes = notes_of(found.state)
    assert notes[: len(acknowledged)] == tuple(acknowledged), "nothing that was acknowledged is gone"
    assert len(notes) - len(acknowledged) in (0, 1), "only the one write whose outcome was unknown may be there too"
    assert (await impatient.write([written(replace(found, outbox=()), "again")])).lost == frozenset()
