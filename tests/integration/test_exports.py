"""Lists that are taken out, on a real mongod: no row twice or missing, whoever is killed; who may ask, fetch, see."""

import asyncio
import csv
import hashlib
import io
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest

from contracts.registry import ListReadyV1, ListTakenV1
from contracts.words import say, wording
from services.chassis.exports import worker
from services.chassis.exports.worker import FILES, PARTS, WORK, Options, Part, Worker
from services.chassis.jobs import Jobs
from services.chassis.problems import Problematic
from services.chassis.settings import Settings
from services.chassis.store import PERSONS, Store, StoreAway
from services.registry.api.exports import ASKERS
from services.registry.exports import files
from services.registry.service import SERVICE
from tests.conftest import Eventually
from tests.kit.engine.tiny import Crash, Hooked, away, crash
from tests.kit.people import Person
from tests.kit.registry.exports import (
    ASK,
    AUDITOR,
    COLUMNS,
    EXPECTED,
    HEAD,
    OPTIONS,
    OTHER_HEAD,
    REGISTRAR,
    ROWS,
    Source,
    World,
)


@pytest.fixture
async def world(store: Store) -> World:
    await store.prepare(SERVICE.indexes)
    return World(store)


# ---- made whole


async def test_a_list_is_asked_for_made_and_fetched_and_both_are_facts_of_the_register(world: World) -> None:
    id_ = await world.taken()
    assert (await world.card(id_))["state"] == "open"
    assert await world.worker().turn() == 1
    card = await world.card(id_)
    assert (card["state"], card["rows"], card["file"]) == ("ready", 237, f"/v1/exports/{id_}/file")
    assert await world.ids(id_) == EXPECTED
    assert {(name, filters["sector"]) for name, filters, _ in world.source.asked} == {("pilots", "health")}
    taken, ready = await world.facts(id_)
    assert (taken["type"], ready["type"]) == (ListTakenV1.TYPE, ListReadyV1.TYPE)
    assert taken["data"]["why"] == "Отчёт за год."
    assert taken["data"]["actor"] == {"id": "u-6001", "organisation": None, "role": "registrar"}
    assert (ready["data"]["rows"], ready["data"]["digest"]) == (237, card["digest"])
    assert await world.left(PARTS, id_) == 0, "the parts are of no use any more"


@pytest.mark.parametrize("size", [0, 1, 19, 20, 21, 40])
async def test_a_list_of_any_length_is_whole(world: World, size: int) -> None:
    world.source.rows = ROWS[:size]
    id_ = await world.taken()
    await world.worker().turn()
    assert await world.ids(id_) == EXPECTED[:size]


async def test_a_file_of_many_pieces_is_streamed_whole(world: World) -> None:
    world.source.rows = [
        {"id": f"p{n:04d}", "title": hashlib.sha512(str(n).encode()).hexdigest() * 60, "amount": n} for n in range(120)
    ]
    id_ = await world.taken()
    await world.worker().turn()
    assert await world.left(FILES, id_) >= 4
    assert await world.ids(id_) == EXPECTED[:120]


async def test_a_text_with_commas_is_harmless_and_names_itself(world: World) -> None:
    id_ = await world.taken(format="csv")
    await world.worker().turn()
    answer = await world.call("get", f"/exports/{id_}/file")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert rows[0] == list(COLUMNS)
    assert rows[1] == ["p0000", "'=Проект 0", "0"] and len(rows) == 238
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="pilots-2026-03-02.csv"'
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["content-length"] == str(len(answer.content))


async def test_a_workbook_can_be_taken_too(world: World) -> None:
    id_ = await world.taken(format="xlsx")
    await world.worker().turn()
    assert (await world.file(id_)).startswith(b"PK\x03\x04")


async def test_progress_is_shown_while_rows_are_gathered(world: World) -> None:
    id_, seen = await world.taken(), list[Any]()

    async def look() -> None:
        card = await world.card(id_)
        seen.append((card["state"], card["rows"], card["file"]))

    world.source.hooks = {1: look, 4: look}
    await world.worker().turn()
    assert seen == [("open", 0, None), ("open", 60, None)]


# ---- killed in the middle, and two at once


async def killed(world: World, part: int) -> None:
    """A worker that is dropped while it waits for a part."""
    waits = asyncio.Event()

    async def hang() -> None:
        waits.set()
        await asyncio.Event().wait()

    world.source.hooks[part] = hang
    task = asyncio.create_task(world.worker().turn())
    async with asyncio.timeout(20):
        await waits.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("part", [1, 2, 7, 12])
async def test_a_worker_killed_between_parts_is_gone_on_from_where_it_was(world: World, part: int) -> None:
    id_ = await world.taken()
    await killed(world, part)
    assert await world.worker().turn() == 0, "somebody may still be at work on it"
    world.clock.forward(seconds=61)
    before = len(world.source.asked)
    assert await world.worker().turn() == 1
    assert len(world.source.asked) - before == 12 - (part - 1), "no part is asked for again"
    assert await world.ids(id_) == EXPECTED


CALLS = [
    ("after", "add"),
    ("before", "add"),
    ("before", "mark"),
    ("after", "mark"),
    ("before", "write"),
    ("after", "write"),
    ("before", "claim"),
    ("after", "claim"),
    ("before", "remove"),
    ("after", "remove"),
]


@pytest.mark.parametrize(("when", "call"), CALLS)
async def test_a_crash_at_any_write_leaves_a_list_that_is_made_whole_once(world: World, when: str, call: str) -> None:
    id_ = await world.taken()
    hooked = Hooked(world.store)
    getattr(hooked, when)[call] = crash
    with pytest.raises(Crash):
        await world.worker(hooked).turn()
    world.clock.forward(seconds=61)
    await world.worker().turn()
    assert await world.ids(id_) == EXPECTED
    assert [event["type"] for event in await world.facts(id_)] == [ListTakenV1.TYPE, ListReadyV1.TYPE]


async def test_what_is_entered_or_changed_while_a_worker_is_dead_comes_once_in_its_place(world: World) -> None:
    """A row that goes back before the position, or on beyond it, cannot: the key of a row never changes."""
    id_ = await world.taken()
    await killed(world, 6)
    world.source.rows = [{**row, "title": "Новое"} for row in ROWS] + [{"id": "p9999", "title": "Позже", "amount": 0}]
    world.clock.forward(seconds=61)
    await world.worker().turn()
    assert await world.ids(id_) == [*EXPECTED, "p9999"]


async def test_two_workers_at_once_share_what_there_is_and_make_each_list_once(world: World) -> None:
    ids = [await world.taken() for _ in range(6)]
    done = await asyncio.gather(world.worker().turn(), world.worker().turn())
    assert sum(done) == 6
    for id_ in ids:
        assert await world.ids(id_) == EXPECTED
        assert len(await world.facts(id_)) == 2
    assert len(world.source.asked) == 6 * 12, "no part was gathered twice"


async def test_a_worker_that_was_taken_for_dead_and_wakes_up_spoils_nothing(world: World) -> None:
    id_ = await world.taken()
    woken = asyncio.Event()

    async def sleep() -> None:
        await woken.wait()

    world.source.hooks = {5: sleep}
    slow = asyncio.create_task(world.worker().turn())
    while len(world.source.asked) < 5:
        await asyncio.sleep(0.01)
    world.clock.forward(seconds=61)
    world.source.rows = [{**row, "title": "Новое"} for row in ROWS]
    held = asyncio.Event()

    async def hold() -> None:
        woken.set()
        await asyncio.wait_for(held.wait(), 20)

    world.source.hooks = {9: hold}
    quick = asyncio.create_task(world.worker().turn())
    assert await asyncio.wait_for(slow, 20) == 0, "it sees that the list is another's now"
    held.set()
    assert await asyncio.wait_for(quick, 20) == 1
    assert await world.ids(id_) == EXPECTED


async def test_without_any_lease_two_workers_on_one_list_still_make_it_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sees other titles: yet every part is one worker's, and no row is twice or missing."""

    async def nothing(*_: Any) -> bool:
        return True

    monkeypatch.setattr(Jobs, "take", nothing)
    monkeypatch.setattr(Jobs, "renew", nothing)
    id_ = await world.taken()
    one, two = Source(), Source([{**row, "title": "Другое"} for row in ROWS if row["amount"] % 3])
    workers = [Worker(world.replica(), source, files.begin, OPTIONS) for source in (one, two)]
    await asyncio.gather(*[worker.turn() for worker in workers], return_exceptions=True)
    ids = await world.ids(id_)
    assert len(ids) == len(set(ids)) and set(ids) >= {row["id"] for row in ROWS if row["amount"] % 3}
    assert ids == sorted(ids)
    assert len(await world.facts(id_)) == 2


@pytest.mark.parametrize("step", ["close", "digest"])
async def test_the_lease_holds_while_a_file_is_closed_or_its_digest_made_however_long_that_takes(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    id_, go_on = await world.taken(format="xlsx"), threading.Event()
    begin, digest = files.begin, worker._digest
    waits = threading.Event()

    def slowly(quick: Callable[[], Any]) -> Any:
        waits.set()
        assert go_on.wait(60)
        return quick()

    def slow_to_close(*args: Any) -> Any:
        sheet = begin(*args)
        close = sheet.close
        sheet.close = lambda: slowly(close)  # type: ignore[method-assign]
        return sheet

    if step == "close":
        monkeypatch.setattr(files, "begin", slow_to_close)
    else:
        monkeypatch.setattr(worker, "_digest", lambda path: slowly(lambda: digest(path)))
    options = replace(OPTIONS, lease=timedelta(seconds=0.3))
    slow = asyncio.create_task(world.worker(options=options).turn())
    try:
        async with asyncio.timeout(20):
            await asyncio.to_thread(waits.wait, 20)
            for _ in range(4):
                world.clock.forward(seconds=0.2)
                await renewed(world, id_, options.lease)
            parts = len(world.source.asked)
            assert await world.worker(options=options).turn() == 0, "it is still worked on"
    finally:
        go_on.set()
    assert await asyncio.wait_for(slow, 20) == 1
    assert len(world.source.asked) == parts
    assert (await world.card(id_))["state"] == "ready"
    row = await world.store.get(WORK, id_)
    assert row is not None and row["tries"] == 0


async def renewed(world: World, id_: str, lease: timedelta) -> None:
    """Waits until the lease is counted from now; the caller bounds the time."""
    while True:
        row = await world.store.get(WORK, id_)
        if row is not None and row["until"] == world.clock() + lease:
            return
        await asyncio.sleep(0.01)


async def test_an_outage_beside_a_long_step_is_waited_out_and_the_lease_renewed_after_it(world: World) -> None:
    id_, waits = await world.taken(), threading.Event()
    hooked = Hooked(world.store)
    options = replace(OPTIONS, lease=timedelta(seconds=0.3))
    worker = world.worker(hooked, options)
    await world.store.put_new(WORK, [{"_id": id_, "by": worker.name, "until": world.clock(), "tries": 0}])
    hooked.before["get"] = away
    world.clock.forward(seconds=0.2)
    step = asyncio.create_task(worker.jobs.beside(id_, lambda: waits.wait(60)))
    try:
        async with asyncio.timeout(20):
            await renewed(world, id_, options.lease)
    finally:
        waits.set()
    assert await step is True
    assert "get" not in hooked.before


# ---- what cannot be made


async def broken() -> None:
    raise LookupError("the list is not there")


async def being_made() -> None:
    raise Problematic(503, "figures.building", action="retry")


async def test_a_list_that_cannot_be_made_is_tried_again_and_then_ends_with_the_reason(world: World) -> None:
    id_ = await world.taken()
    options = Options(rows=20, tries=3)
    world.source.hooks = {n: broken for n in range(1, 100)}
    for _ in range(3):
        assert (await world.card(id_))["state"] == "open"
        await world.worker(options=options).turn()
        world.clock.forward(seconds=61)
    card = await world.card(id_)
    assert (card["state"], card["failed"], card["file"]) == ("failed", "export.failed", None)
    answer = await world.call("get", f"/exports/{id_}/file")
    said = say("export.failed", "en", {"why": wording("export.why.fault")})
    assert (answer.status_code, answer.json()["title"], answer.json()["detail"]) == (409, "export.failed", said)
    assert (await world.facts(id_))[-1]["data"]["failed"] == "export.failed"


async def test_a_list_whose_lease_is_lost_again_and_again_ends_as_failed_after_the_usual_number_of_tries(
    world: World,
) -> None:
    """Whoever loses it counts, though another holds the lease by then: two slow ones would go on for ever."""
    id_ = await world.taken()

    async def taken_over() -> None:
        await world.store.mark(WORK, {"_id": id_}, {"by": "another", "until": worker.LONG_AGO})

    world.source.hooks = {n: taken_over for n in range(1, 100)}
    options, tries = replace(OPTIONS, tries=3), list[int]()
    for ended in (0, 0, 1):
        assert (await world.card(id_))["state"] == "open"
        assert await world.worker(options=options).turn() == ended
        row = await world.store.get(WORK, id_)
        assert row is not None
        tries.append(row["tries"])
    assert tries == [1, 2, 3]
    assert (await world.card(id_))["failed"] == "export.failed"
    assert [event["type"] for event in await world.facts(id_)] == [ListTakenV1.TYPE, ListReadyV1.TYPE]
    assert await world.worker(options=options).turn() == 0


async def test_who_loses_a_lease_spoils_nothing_of_a_list_that_another_has_ended_meanwhile(world: World) -> None:
    id_ = await world.taken()

    async def overtaken() -> None:
        world.clock.forward(seconds=61)
        assert await world.worker().turn() == 1

    world.source.hooks = {5: overtaken}
    await world.worker(options=replace(OPTIONS, tries=1)).turn()
    assert await world.ids(id_) == EXPECTED
    assert [event["data"].get("failed") for event in await world.facts(id_)] == [None, None]


async def test_a_passing_failure_is_waited_out_however_often_it_comes(world: World) -> None:
    id_ = await world.taken()
    world.source.hooks = {n: being_made for n in range(3, 20)}
    for _ in range(18):
        await world.worker().turn()
        world.clock.forward(seconds=61)
    assert await world.ids(id_) == EXPECTED


async def test_an_outage_of_the_database_is_no_failure_of_the_list(world: World) -> None:
    id_ = await world.taken()

    async def away() -> None:
        raise StoreAway("it was taken away")

    world.source.hooks = {2: away}
    with pytest.raises(StoreAway):
        await world.worker().turn()
    world.clock.forward(seconds=61)
    assert await world.worker().turn() == 1
    assert await world.ids(id_) == EXPECTED


async def test_a_list_longer_than_allowed_fails_at_once_and_leaves_nothing(world: World) -> None:
    id_ = await world.taken()
    assert await world.worker(options=Options(rows=20, most_rows=100)).turn() == 1
    assert (await world.card(id_))["failed"] == "export.too-long"
    answer = await world.call("get", f"/exports/{id_}/file")
    assert answer.json()["detail"] == say("export.failed", "en", {"why": wording("export.why.too-long")})
    assert await world.left(PARTS, id_) == await world.left(FILES, id_) == 0


async def test_a_fraction_is_never_written(world: World) -> None:
    world.source.rows = [{"id": "p1", "title": "Проект", "amount": 0.1}]
    id_ = await world.taken()
    await world.worker(options=Options(tries=1)).turn()
    assert (await world.card(id_))["state"] == "failed"


async def test_a_list_that_does_not_go_on_ends(world: World) -> None:
    id_ = await world.taken()

    async def stuck(_name: str, _by: str, _filters: Mapping[str, str], _after: str | None, _limit: int) -> Part:
        return Part(COLUMNS, ROWS[:1], "p0000")

    await Worker(world.replica(), stuck, files.begin, Options(tries=1)).turn()
    assert (await world.card(id_))["state"] == "failed"


async def test_one_list_that_fails_is_in_no_others_way(world: World) -> None:
    bad, good = await world.taken(list="money", filters={}), await world.taken()
    rows_of = world.source

    async def picky(name: str, by: str, filters: Mapping[str, str], after: str | None, limit: int) -> Part:
        if name == "money":
            raise LookupError
        return await rows_of(name, by, filters, after, limit)

    assert await Worker(world.replica(), picky, files.begin, OPTIONS).turn() == 1
    assert (await world.card(bad))["state"] == "open"
    assert await world.ids(good) == EXPECTED


# ---- thrown away


async def test_a_file_is_thrown_away_in_time_but_that_it_was_taken_is_never_forgotten(world: World) -> None:
    id_ = await world.taken()
    options = Options(rows=20, age=timedelta(days=2))
    await world.worker(options=options).turn()
    assert (await world.card(id_))["kept_until"] == "2026-03-04T09:00:00.000Z"
    world.clock.forward(days=1, hours=23)
    await world.worker(options=options).turn()
    assert await world.ids(id_) == EXPECTED
    world.clock.forward(hours=2)
    await world.worker(options=options).turn()
    assert await world.left(FILES, id_) == 0
    assert await world.store.get(WORK, id_) is None
    card = await world.card(id_)
    assert (card["state"], card["rows"], card["file"]) == ("gone", 237, None)
    answer = await world.call("get", f"/exports/{id_}/file")
    assert (answer.status_code, answer.json()["title"]) == (410, "export.gone")
    [entry] = (await world.call("get", "/exports", AUDITOR)).json()["items"]
    assert (entry["by"], entry["rows"], entry["why"]) == ("u-6001", 237, "Отчёт за год.")


async def test_a_list_that_was_never_made_ends_when_its_time_is_over(world: World) -> None:
    id_ = await world.taken()
    await killed(world, 3)
    world.clock.forward(days=8)
    await world.worker().turn()
    assert (await world.card(id_))["failed"] == "export.too-old"
    assert await world.left(PARTS, id_) == 0


# ---- over HTTP


async def test_sending_the_same_again_is_one_export_and_another_body_under_its_key_is_refused(world: World) -> None:
    first = await world.call("post", "/exports", body=ASK, key="k-1")
    again = await world.call("post", "/exports", body=ASK, key="k-1")
    other = await world.call("post", "/exports", body={**ASK, "format": "csv"}, key="k-1")
    theirs = await world.call("post", "/exports", HEAD, ASK, key="k-1")
    assert [first.status_code, again.status_code, other.status_code, theirs.status_code] == [202, 202, 409, 202]
    assert first.headers["Location"] == again.headers["Location"] != theirs.headers["Location"]
    assert (await world.call("post", "/exports", body=ASK, key="")).status_code == 400


ROLES = ("publisher", "officer", "operator", "expert", "approver", "council-secretary", "commission-secretary", "ops")


@pytest.mark.parametrize("role", ROLES)
async def test_nobody_else_may_ask_for_a_list_or_fetch_one(world: World, role: str) -> None:
    id_ = await world.taken()
    stranger = Person("u-6001", (role,))
    for method, path in (
        ("post", "/exports"),
        ("get", "/exports"),
        ("get", f"/exports/{id_}"),
        ("get", f"/exports/{id_}/file"),
    ):
        assert (await world.call(method, path, stranger, ASK if method == "post" else None)).status_code == 403
        assert (await world.call(method, path, None)).status_code == 401


@pytest.mark.parametrize("role", ASKERS)
async def test_who_may_ask_may_fetch_the_own_file(world: World, role: str) -> None:
    person = Person("u-1", (role,))
    id_ = await world.taken(person)
    await world.worker().turn()
    assert await world.file(id_, person)


async def test_a_file_is_only_for_the_person_who_asked_and_its_card_for_those_who_oversee(world: World) -> None:
    id_ = await world.taken(HEAD)
    await world.worker().turn()
    assert (await world.call("get", f"/exports/{id_}", OTHER_HEAD)).status_code == 404
    assert (await world.call("get", f"/exports/{id_}/file", OTHER_HEAD)).status_code == 404
    named = {"name": "Образцова Проба Примеровна", "email": None, "phone": None}
    await world.store.put(PERSONS, [{"_id": "u-7001", **named}])
    card = await world.card(id_, AUDITOR)
    assert (card["by"], card["file"]) == ("u-7001", None)
    assert card["persons"] == {"u-7001": named["name"]}
    assert (await world.call("get", f"/exports/{id_}/file", AUDITOR)).status_code == 403
    assert (await world.call("get", "/exports", HEAD)).status_code == 403


async def test_who_took_what_stands_in_a_list_the_newest_first(world: World) -> None:
    for who, of in ((HEAD, "pilots"), (REGISTRAR, "money"), (AUDITOR, "timeline")):
        await world.taken(who, list=of, filters={})
        world.clock.forward(minutes=1)
    await world.worker().turn()
    first = (await world.call("get", "/exports?limit=2", AUDITOR)).json()
    rest = (await world.call("get", f"/exports?limit=2&after={first['next']}", AUDITOR)).json()
    found = [(one["by"], one["list"], one["rows"], one["state"]) for one in first["items"] + rest["items"]]
    assert found == [
        ("u-8001", "timeline", 237, "done"),
        ("u-6001", "money", 237, "done"),
        ("u-7001", "pilots", 237, "done"),
    ]
    assert rest["next"] is None


BAD: list[tuple[dict[str, Any], str]] = [
    ({"list": "persons"}, "request.invalid"),
    ({"format": "pdf"}, "request.invalid"),
    ({"why": ""}, "request.invalid"),
    ({"filters": {"sector": 5}}, "request.invalid"),
    ({"more": 1}, "request.invalid"),
    ({"filters": {"colour": "red"}}, "export.filters"),
    ({"list": "money", "filters": {"year": "soon"}}, "export.filters"),
]


@pytest.mark.parametrize(("change", "code"), BAD, ids=[str(change) for change, _ in BAD])
async def test_what_cannot_be_asked_for_is_refused_and_no_export(
    world: World, change: dict[str, Any], code: str
) -> None:
    answer = await world.call("post", "/exports", body={**ASK, **change})
    assert (answer.status_code, answer.json()["title"]) == (422, code)
    assert (await world.call("get", "/exports", AUDITOR)).json()["items"] == []


async def test_a_file_that_is_being_made_is_to_be_asked_for_again(world: World) -> None:
    id_ = await world.taken()
    answer = await world.call("get", f"/exports/{id_}/file")
    assert (answer.status_code, answer.json()["action"], answer.headers["Retry-After"]) == (409, "retry", "2")
    assert (await world.call("get", f"/exports/{'0' * 32}")).status_code == 404


async def test_the_work_beside_the_service_makes_lists_and_rides_out_an_outage(
    world: World, eventually: Eventually
) -> None:
    calls = count()

    async def turned(self: Worker) -> int:
        if next(calls) == 0:
            raise StoreAway("it was taken away")
        return await real(self)

    real = Worker.turn
    run = worker.making(lambda _app, _store: world.source, files.begin, lambda _settings: OPTIONS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "turn", turned)
        id_ = await world.taken()
        task = asyncio.create_task(run(world.app, world.store, cast(Any, None)))

        async def ready() -> bool:
            return bool((await world.card(id_))["state"] == "ready")

        try:
            await eventually(ready)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert await world.ids(id_) == EXPECTED


async def test_what_a_killed_process_left_half_made_on_the_disk_is_thrown_away(
    world: World, eventually: Eventually, tmp_path: Path
) -> None:
    options = worker.options_of(Settings(index_dir=str(tmp_path), export_lease=7.0))
    assert (options.lease, options.folder) == (timedelta(seconds=7), tmp_path / "exports")
    left = tmp_path / "exports" / "lotsman-export-of-the-dead"
    left.mkdir(parents=True)
    (tmp_path / "internal").mkdir()
    seen: list[list[Path]] = []

    async def look() -> None:
        seen.append(list((tmp_path / "exports").iterdir()))

    world.source.hooks[1] = look
    chosen = replace(options, every=0.01)
    run = worker.making(lambda _app, _store: world.source, files.begin, lambda _settings: chosen)
    id_ = await world.taken()
    task = asyncio.create_task(run(world.app, world.store, cast(Any, None)))

    async def ready() -> bool:
        return bool((await world.card(id_))["state"] == "ready")

    try:
        await eventually(ready)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert seen == [[]], "of the dead nothing was there any more"
    assert await world.ids(id_) == EXPECTED
    assert list((tmp_path / "exports").iterdir()) == [] and (tmp_path / "internal").exists()


async def test_where_the_disk_cannot_be_written_lists_are_made_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "held").write_text("")
    assert worker._emptied(tmp_path / "held" / "exports") is None


# ---- shares, and in whose turn


async def test_who_waits_for_many_lists_holds_up_nobody_who_asks_for_one(world: World) -> None:
    world.app.state.settings = Settings(exports_of_one=20)
    many = [await world.taken(HEAD) for _ in range(15)]
    world.clock.forward(seconds=1)
    late = {await world.taken(OTHER_HEAD), await world.taken(REGISTRAR)}
    made = list[str]()

    class Noting(Worker):
        async def _make(self, id_: str, export: Any) -> None:
            made.append(id_)
            if len(made) == 1:
                world.clock.forward(seconds=1)
                late.add(await world.taken(AUDITOR))
            await super()._make(id_, export)

    assert await Noting(world.replica(), world.source, files.begin, OPTIONS).turn() == 18
    assert late <= set(made[:5]), "after the one that was under way, and one each"
    assert sorted(made) == sorted([*many, *late])
    assert made[0] in many, "who asked before the others is first"


async def test_a_person_waits_for_so_many_lists_at_once_and_the_same_again_is_none_more(world: World) -> None:
    world.app.state.settings = Settings(exports_of_one=3)
    answers = await asyncio.gather(*(world.call("post", "/exports", HEAD, ASK, f"k-{n}") for n in range(10)))
    assert sorted(one.status_code for one in answers) == [202] * 3 + [429] * 7
    [refused] = {one.json()["title"] for one in answers if one.status_code == 429}
    assert refused == "export.share"
    assert all(int(one.headers["Retry-After"]) > 0 for one in answers if one.status_code == 429)
    taken = [n for n, one in enumerate(answers) if one.status_code == 202]
    again = [await world.call("post", "/exports", HEAD, ASK, f"k-{n}") for n in taken]
    assert [one.status_code for one in again] == [202] * 3
    await world.taken(OTHER_HEAD)
    assert await world.worker().turn() == 4
    await world.taken(HEAD)
