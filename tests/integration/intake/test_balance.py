"""The agencies' balance on the real intake and a real mongod: exact at rest over both doors, whatever was killed in the
middle of what; and what it misses is named."""

import json
from contextlib import suppress
from typing import Any

import pytest

from services.chassis import marks
from services.chassis.engine import Engine
from services.chassis.outbox import SendFailed
from services.chassis.store import BALANCE, BY_ID, PARKED, SUBJECTS, VERDICTS, Store, open_client
from services.intake import balance, taken
from services.intake.receipts import JOURNAL
from tests.integration.intake.test_parked import NEWER
from tests.kit.engine.tiny import Broker, Clock, Crash, Hooked, crash
from tests.kit.intake.log import TOPIC, Log, struck
from tests.kit.intake.sides import Ask, Make, submitted, withdrawn
from tests.kit.watched import Watched, said

NOTHING = {name: 0 for name in ("registered", "duplicates", "rejected", "conflicts", "parked", "in_flight")}


async def parts(store: Store, log: Log, clock: Clock) -> dict[str, int]:
    """The parts that are not zero."""
    found = await struck(store, log, clock)
    told = found.model_dump(exclude={"agency", "events"})
    assert told["received"] == sum(told[name] for name in NOTHING) + told["difference"]
    assert bool(found.events) <= bool(told["difference"])
    return {name: count for name, count in told.items() if count}


def reused() -> dict[str, Any]:
    """Another event under the id of the first."""
    return submitted(1, name="Другой проект под тем же номером")


async def test_what_came_by_both_doors_is_what_became_of_it(
    engine: Engine, make: Make, ask: Ask, store: Store, log: Log, clock: Clock
) -> None:
    first, *others = log.put(
        submitted(1),
        submitted(1),
        {**submitted(2), "type": NEWER},
        b"{",
        withdrawn("back", "no-such-pilot"),
        reused(),
        reused(),
        submitted(3),
    )
    assert await parts(store, log, clock) == {"received": 8, "in_flight": 8}
    await engine.records([first])
    log.taken = 1
    assert await parts(store, log, clock) == {"received": 8, "in_flight": 7, "registered": 1}
    await engine.records(others)
    log.taken = 8
    over_kafka = {"registered": 2, "duplicates": 2, "rejected": 2, "conflicts": 1, "parked": 1}
    assert await parts(store, log, clock) == {"received": 8, **over_kafka}

    async def post(event: Any, status: int, **more: Any) -> None:
        kind = "application/cloudevents+json" if isinstance(event, dict) else "application/cloudevents-batch+json"
        body = json.dumps(event).encode()
        answer = await ask("post", "/v1/events", content=body, headers={"content-type": kind}, **more)
        assert answer.status_code == status, answer.text

    await post(submitted(11), 201)
    await post(submitted(11), 200)
    await post(submitted(1), 200)
    await post(reused(), 409)
    await post({**submitted(12), "type": NEWER}, 422)
    await post(withdrawn("back-2", "no-such-pilot"), 422)
    await post([submitted(13), submitted(13), {**submitted(14), "type": NEWER}, reused()], 207)
    await engine.outbox.flush()
    both = {"registered": 4, "duplicates": 5, "rejected": 5, "conflicts": 3, "parked": 1}
    assert await parts(store, log, clock) == {"received": 18, **both}
    await make().records(others)
    assert await parts(store, log, clock) == {"received": 18, **both}, "read once more by another process"

    [row] = await store.rows(PARKED, {}, sort=BY_ID, limit=9)
    await store._db[PARKED].update_one({"_id": row["_id"]}, {"$set": {"value": json.dumps(submitted(2)).encode()}})
    await engine.parking.redrive([row["_id"]])
    assert (both.pop("parked"), both.pop("registered")) == (1, 4)
    assert await parts(store, log, clock) == {"received": 18, "registered": 5, **both}


CALLS = ("claim", "write", "put_new", "add", "clear", "set_fields")


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_process_that_is_killed_in_the_middle_of_a_batch_counts_nothing_twice_and_loses_nothing(
    engine: Engine, make: Make, store: Store, log: Log, clock: Clock, broker: Broker, moment: str
) -> None:
    whole = {"received": 0, "registered": 0, "duplicates": 0, "rejected": 0, "conflicts": 0, "parked": 0}
    for number, call in enumerate(CALLS):
        n = 10 * number
        again = submitted(n + 1, name="Другой проект под тем же номером")
        batch = log.put(
            submitted(n + 1), submitted(n + 2), submitted(n + 2), again, b"{", {**submitted(n + 3), "type": NEWER}
        )
        dying = Hooked(store)
        getattr(dying, moment)[call] = crash
        with pytest.raises(Crash):
            await make(dying).records(batch)
        broker.refuse = lambda message: message.topic == "pilots.intake.v1"
        with suppress(SendFailed):  # the next one comes to the sending, and no further
            await make().records(batch)
        broker.refuse = lambda _message: False
        await make().records(batch)
        log.taken = log.end
        more = {"received": 6, "registered": 2, "duplicates": 1, "rejected": 1, "conflicts": 1, "parked": 1}
        whole = {name: count + more[name] for name, count in whole.items()}
        assert await parts(store, log, clock) == whole, (call, moment)


async def test_events_that_make_a_difference_are_named(engine: Engine, store: Store, log: Log, clock: Clock) -> None:
    batch = log.put(*(submitted(n) for n in range(6)), {**submitted(7), "type": NEWER})
    await engine.records([one for one in batch if one.offset not in (2, 4)])
    log.taken = 7
    found = await struck(store, log, clock)
    assert (found.received, found.registered, found.parked, found.difference) == (7, 4, 1, 2)
    assert [(one.place, one.event_id, one.why) for one in found.events] == [
        (f"{TOPIC}/0/2", "demo-2", "no-verdict"),
        (f"{TOPIC}/0/4", "demo-4", "no-verdict"),
    ]
    log.begin = 3
    assert [one.why for one in (await struck(store, log, clock)).events] == ["expired-unread", "no-verdict"]
    log.begin = 0
    await engine.records([batch[2], batch[4]])
    assert await parts(store, log, clock) == {"received": 7, "registered": 6, "parked": 1}, "it heals when it is read"

    await store.remove(PARKED, [batch[6].id])
    found = await struck(store, log, clock)
    named = [(one.place, one.event_id, one.why) for one in found.events]
    assert (found.difference, named) == (1, [(f"{TOPIC}/0/6", "demo-7", "not-parked")])
    await store.remove_where(JOURNAL, {"event_id": "demo-3"})
    found = await struck(store, log, clock)
    assert found.difference == 2
    assert {(one.place, one.event_id, one.why) for one in found.events} == {
        (f"{TOPIC}/0/6", "demo-7", "not-parked"),
        (f"{TOPIC}/0/3", "demo-3", "not-kept"),
    }


async def test_an_answer_that_is_gone_is_named_also_where_thousands_of_events_came_after_it(
    engine: Engine, store: Store, log: Log, clock: Clock
) -> None:
    await engine.records(log.put(*(submitted(n) for n in range(4))))
    await taken.note_records(store, {f"{TOPIC}/0/{n}": "duplicates" for n in range(4, 2500)})
    log.end = log.taken = 2500
    assert (await struck(store, log, clock)).difference == 0
    assert (await store.get(VERDICTS, f"{TOPIC}/0/0") or {})["whole"], "it is summed up, and not looked at any more"
    await store.remove_where(JOURNAL, {"event_id": "demo-2"})
    found = await struck(store, log, clock)
    assert found.difference == 1
    assert [(one.place, one.event_id, one.why) for one in found.events] == [(f"{TOPIC}/0/2", "demo-2", "not-kept")]


async def test_offsets_without_an_event_are_not_received_also_behind_the_last_event(
    engine: Engine, store: Store, log: Log, clock: Clock
) -> None:
    batch = log.put(submitted(1), submitted(2), submitted(3))
    del log.values[1]  # the end of a transaction
    log.end += 1
    await engine.records([batch[0], batch[2]])
    log.taken = 3  # a reader commits what stands behind the last event with the next one
    for _ in range(2):
        assert await parts(store, log, clock) == {"received": 2, "registered": 2}
    log.put(submitted(4))
    assert await parts(store, log, clock) == {"received": 3, "registered": 2, "in_flight": 1}


async def test_what_an_earlier_program_took_is_left_out(store: Store, clock: Clock, make: Make, log: Log) -> None:
    await store.remove_where(BALANCE, {})
    await store.raise_to(
        marks.COLLECTION, marks.ID, {"next.intake/agency pilots/agency/demo/v1 0": 2}, {"database": "d"}
    )
    await balance.begin(store, clock())
    await balance.begin(store, clock())
    old, new = log.put(submitted(1), submitted(2)), log.put(submitted(3))
    log.taken = 2
    assert await parts(store, log, clock) == {"received": 1, "in_flight": 1}
    await make().records([*old, *new])
    log.taken = 3
    found = await struck(store, log, clock)
    assert (found.received, found.registered, found.difference) == (3, 3, 0), "what is answered only now is counted"


async def test_what_a_database_that_was_rebuilt_reads_again_is_counted_once(
    engine: Engine, make: Make, store: Store, log: Log, clock: Clock
) -> None:
    batch = log.put(submitted(1), submitted(1), b"{", {**submitted(2), "type": NEWER}, reused())
    await engine.records(batch)
    await engine.outbox.flush()
    clock.forward(seconds=1)
    for name in (BALANCE, VERDICTS, PARKED):
        await store.remove_where(name, {})
    async for row in store.scan(SUBJECTS, {}):  # facts do not tell from which record they were decided
        ids = {key: {name: one[name] for name in one if name != "place"} for key, one in row["ids"].items()}
        await store.set_fields(SUBJECTS, {row["_id"]: {"ids": ids}})
    await balance.begin_anew(store, clock(), {"demo": 5})
    assert await parts(store, log, clock) == {}
    await make().records(batch)
    log.taken = 5
    assert await parts(store, log, clock) == {"received": 1, "parked": 1}, "of what was read what stands parked"
    await make().records(log.put(submitted(3)))
    log.taken = 6
    assert await parts(store, log, clock) == {"received": 2, "registered": 1, "parked": 1}
    [row] = await store.rows(PARKED, {}, sort=BY_ID, limit=9)
    await store._db[PARKED].update_one({"_id": row["_id"]}, {"$set": {"value": json.dumps(submitted(2)).encode()}})
    await engine.parking.redrive([row["_id"]])
    assert await parts(store, log, clock) == {"received": 2, "registered": 2}, "and when it is taken up"


async def test_what_is_long_past_is_summed_up_once_and_what_is_counted_is_found_by_indexes(
    engine: Engine, mongo_url: str, store: Store, log: Log, clock: Clock
) -> None:
    await engine.outbox.flush()  # nothing that is long past still waits
    await engine.records(log.put(submitted(1), submitted(1)))
    clock.forward(hours=3)
    await engine.records(log.put(submitted(2)))
    await taken.note_records(store, {f"{TOPIC}/0/{n}": "duplicates" for n in range(3, 2500)})
    log.end = log.taken = 2500
    for _ in range(2):
        assert await parts(store, log, clock) == {"received": 2500, "registered": 2, "duplicates": 2498}
    rows = await store.rows(VERDICTS, {}, sort=BY_ID, limit=9)
    assert [(row["_id"].rsplit("/", 1)[1], row.get("whole"), row.get("d")) for row in rows] == [
        ("0", True, 998),
        ("1", True, 1000),
        ("2", None, None),
    ]
    past = await store.get(BALANCE, "answers")
    assert past is not None and past["sums"] == {"demo kafka registered": 1}
    client = open_client(mongo_url)
    watched = Watched(client, store._db.name)
    assert await parts(watched, log, clock) == {"received": 2500, "registered": 2, "duplicates": 2498}
    plans = [await watched.plan_of(asked) for asked in watched.asked if asked.get("find", "") != BALANCE]
    assert plans and not said(plans, "stage") & {"SORT", "COLLSCAN"}, plans
    client.close()
