"""Answers that are taken away by hand, new and old, over both doors, with their documents or without: the balance of
the real intake names them, from what a real mongod still has."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.chassis.answers import AgencyBalance, LookedThrough
from services.chassis.engine import Engine
from services.chassis.store import BALANCE, BY_ID, SUBJECTS, VERDICTS, Store, open_client
from services.chassis.subject import Claimed
from services.intake import balance, lost, taken
from services.intake.answered import LONG_PAST
from services.intake.domain.state import pilot_id
from services.intake.door import owner
from services.intake.receipts import JOURNAL
from services.intake.service import SERVICE
from tests.kit.engine.tiny import Broker, Clock
from tests.kit.intake.log import TOPIC, Log, struck
from tests.kit.intake.sides import Ask, Make, doc, submitted, withdrawn
from tests.kit.rebuilt import rebuilt
from tests.kit.watched import Watched, said

Post = Callable[[Any, int], Awaitable[None]]


@pytest.fixture
def post(ask: Ask) -> Post:
    """Sends an event over HTTP, which must be answered so."""

    async def sent(event: Any, status: int) -> None:
        answer = await ask("post", "/v1/events", json=event)
        assert answer.status_code == status, answer.text

    return sent


def named(found: AgencyBalance) -> set[tuple[str, str | None, str]]:
    """The events that are named."""
    return {(one.place, one.event_id, one.why) for one in found.events}


def over_http(*ids: str) -> set[tuple[str, str | None, str]]:
    """How lost answers over HTTP are named."""
    return {(f"http/demo/{one}", one, "not-kept") for one in ids}


async def take_away(store: Store, *ids: str) -> list[dict[str, Any]]:
    """The rows of these events' answers, which are gone."""
    query = {"event_id": {"$in": [*ids]}, "verdict": {"$ne": None}}
    rows = await store.rows(JOURNAL, query, sort=BY_ID, limit=99)
    assert len(rows) == len(ids)
    await store.remove(JOURNAL, [row["_id"] for row in rows])
    return rows


async def to_the_end(store: Store, log: Log, clock: Clock) -> LookedThrough:
    """What a look through everything finds, a part at a time, as `ops balance --whole` asks for it."""
    looked, found, after = 0, 0, None
    while True:
        part = await balance.through(store, log, clock(), after, 0)
        looked, found, after = looked + part.looked, found + part.found, part.next
        if after is None:
            return LookedThrough(looked=looked, found=found, next=None)


async def test_a_lost_answer_over_http_is_a_difference_until_it_is_there_again(
    engine: Engine, store: Store, log: Log, clock: Clock, post: Post
) -> None:
    await post(submitted(1), 201)
    await post(withdrawn("back"), 201)
    await post(withdrawn("back-2", "no-such-pilot"), 422)
    await post(submitted(2), 201)
    assert (await struck(store, log, clock)).difference == 0, "what still waits to be sent is not lost"
    await engine.outbox.flush()
    whole = await struck(store, log, clock)
    assert (whole.received, whole.registered, whole.rejected, whole.difference) == (4, 3, 1, 0)
    rows = await take_away(store, "demo-1", "back", "back-2")
    began = time.monotonic()
    found = await struck(store, log, clock)
    assert time.monotonic() - began < 5
    assert (found.received, found.registered, found.rejected, found.difference) == (4, 1, 0, 3)
    assert named(found) == over_http("demo-1", "back", "back-2")
    await store.put(JOURNAL, rows[1:])
    assert (await struck(store, log, clock)).difference == 1
    await store.put(JOURNAL, rows)
    assert await struck(store, log, clock) == whole


async def test_answers_whose_sums_are_remembered_are_named_when_they_are_lost(
    engine: Engine, store: Store, log: Log, clock: Clock, post: Post
) -> None:
    await engine.records(log.put(submitted(1), submitted(2)))
    await post(submitted(11), 201)
    await post(submitted(12), 201)
    await engine.outbox.flush()
    log.taken = 2
    clock.forward(hours=3)
    whole = await struck(store, log, clock)
    past = await store.get(BALANCE, LONG_PAST) or {}
    assert past["sums"] == {"demo kafka registered": 2, "demo http registered": 2}
    rows = await take_away(store, "demo-2", "demo-11")
    for _ in range(2):
        found = await struck(store, log, clock)
        assert (found.received, found.registered, found.difference) == (4, 2, 2)
        assert named(found) == {(f"{TOPIC}/0/1", "demo-2", "not-kept"), *over_http("demo-11")}
    await store.put(JOURNAL, rows)
    for _ in range(2):
        found = await struck(store, log, clock)
    assert found == whole


async def test_an_old_answer_is_named_also_where_its_document_is_gone_with_it(
    engine: Engine, store: Store, log: Log, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.records(log.put(*(submitted(n) for n in range(4))))
    await taken.note_records(store, {f"{TOPIC}/0/{n}": "duplicates" for n in range(4, 3500)})
    log.end = log.taken = 3500
    clock.forward(hours=3)
    assert (await struck(store, log, clock)).difference == 0
    await take_away(store, "demo-2")
    await store.remove(SUBJECTS, [pilot_id("demo", "demo-2")])
    monkeypatch.setattr(lost, "LOOKS_BACK", -1.0)  # as if what is newer took all of its time
    assert (await struck(store, log, clock)).events == []
    looked = await to_the_end(store, log, clock)
    assert (looked.looked, looked.found) == (3 + 4, 1), "documents, and records of the one block that has answers"
    found = await struck(store, log, clock)
    assert (found.difference, named(found)) == (1, {(f"{TOPIC}/0/2", "demo-2", "not-kept")})


async def test_what_no_look_through_documents_finds_the_balances_find_among_the_records_by_and_by(
    engine: Engine, store: Store, log: Log, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, of in (("LOOKS_BACK", lost), ("BESIDE", balance)):
        monkeypatch.setattr(of, name, -1.0)
    await engine.records(log.put(*(submitted(n) for n in range(4))))
    await taken.note_records(store, {f"{TOPIC}/0/{n}": "duplicates" for n in range(4, 1000)})
    log.end = log.taken = 1000
    await take_away(store, "demo-2")
    await store.remove(SUBJECTS, [pilot_id("demo", "demo-2")])
    for _ in range(9):
        found = await struck(store, log, clock)
        assert found.difference == 1
        if found.events:
            break
    assert named(found) == {(f"{TOPIC}/0/2", "demo-2", "not-kept")}


async def test_a_lost_answer_whose_record_the_topic_has_no_more_is_named_by_its_document(
    engine: Engine, store: Store, log: Log, clock: Clock
) -> None:
    await engine.records(log.put(submitted(1), withdrawn("back"), submitted(2)))
    log.taken = log.begin = log.end
    log.values.clear()
    await take_away(store, "demo-1", "back")
    found = await struck(store, log, clock)
    assert found.difference == 2
    without_its_record = (f"{TOPIC}/0/1", None, "not-kept")
    assert named(found) == {(f"{TOPIC}/0/0", "demo-1", "not-kept"), without_its_record}


async def test_each_balance_looks_at_some_documents_and_goes_on_where_the_one_before_ended(
    engine: Engine, store: Store, log: Log, clock: Clock, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(8):
        await post(submitted(n), 201)
    await engine.outbox.flush()
    monkeypatch.setattr(lost, "AT_ONCE", 3)
    monkeypatch.setattr(balance, "BESIDE", -1.0)  # one part at a time
    last = max(range(8), key=lambda n: pilot_id("demo", f"demo-{n}"))
    await take_away(store, f"demo-{last}")
    told = [len((await struck(store, log, clock)).events) for _ in range(4)]
    assert told == [0, 0, 1, 1]
    assert (await to_the_end(store, log, clock)).found == 0, "it is known"


async def test_only_so_many_lost_answers_are_remembered_and_what_has_none_is_not_one(
    engine: Engine, store: Store, log: Log, clock: Clock, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = submitted(1, name="Другой проект под тем же номером")
    await engine.records(log.put(submitted(1), other, {**submitted(3), "id": "a/b c"}, {"id": 7}))
    await post(other, 409)
    await post({**submitted(12), "id": "x"}, 201)
    await post({**submitted(13), "id": ""}, 422)
    await engine.outbox.flush()
    log.taken = 4
    assert (await to_the_end(store, log, clock)).found == 0
    assert (await struck(store, log, clock)).difference == 0
    monkeypatch.setattr(lost, "NAMED", 2)
    await store.remove_where(JOURNAL, {"agency": "demo"})
    assert (await to_the_end(store, log, clock)).found == 2


async def test_a_rebuild_brings_lost_answers_back_and_remembers_by_which_door_an_event_came(
    engine: Engine, make: Make, store: Store, log: Log, clock: Clock, post: Post, broker: Broker
) -> None:
    await engine.records(log.put(submitted(1), withdrawn("back")))
    await post(submitted(2), 201)
    await engine.outbox.flush()
    log.taken = 2
    clock.forward(hours=3)
    whole = await struck(store, log, clock)
    assert (await doc(engine)).ids[Claimed(owner("demo"), "back", "").key].place == f"{TOPIC}/0/1"
    await take_away(store, "back", "demo-2")
    assert (await struck(store, log, clock)).difference == 2
    async with rebuilt(SERVICE, store, broker) as (new, report):
        assert report.good
        await new.prepare(SERVICE.indexes)
        ids = (await doc(make(new))).ids
        assert {one.place for one in ids.values()} == {"kafka/demo/demo-1", "kafka/demo/back"}
        assert await struck(new, log, clock) == whole
        await take_away(new, "back", "demo-2")
        found = await struck(new, log, clock)
        assert (found.difference, named(found)) == (2, {("kafka/demo/back", "back", "not-kept"), *over_http("demo-2")})


async def test_a_look_through_everything_goes_by_indexes_and_takes_any_place_to_go_on_from(
    engine: Engine, mongo_url: str, store: Store, log: Log, clock: Clock, post: Post
) -> None:
    await engine.records(log.put(*(submitted(n) for n in range(3))))
    await post(submitted(11), 201)
    await engine.outbox.flush()
    await taken.note_records(store, {f"{TOPIC}/0/{n}": "duplicates" for n in range(3, 1000)})
    log.end = log.taken = 1000
    await struck(store, log, clock)
    await take_away(store, "demo-1", "demo-11")
    await store.remove(SUBJECTS, [pilot_id("demo", "demo-1")])
    client = open_client(mongo_url)
    watched = Watched(client, store._db.name)
    assert (await to_the_end(watched, log, clock)).found == 2
    asked = [one for one in watched.asked if one.get("find", "") != BALANCE]
    assert {one.get("find", one.get("aggregate")) for one in asked} >= {SUBJECTS, JOURNAL, VERDICTS}
    plans = [await watched.plan_of(one) for one in asked]
    assert not said(plans, "stage") & {"SORT", "COLLSCAN"}, plans
    client.close()
    for place in ("documents/no-such", "records//7", "records/demo/", "elsewhere/1"):
        assert (await balance.through(store, log, clock(), place, 9)).next is None
