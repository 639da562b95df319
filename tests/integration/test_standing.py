"""A database and Kafka that do not belong together are found out before a service does anything, on the real both."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from contracts.topics import Topic as TopicRule
from contracts.topics import fact_topic
from deploy import topics
from deploy.cli.standing import forget
from deploy.local.backends import Backends
from services.chassis import consumer as consumer_module
from services.chassis import marks as marks_module
from services.chassis import standing
from services.chassis.bus import Bus, GroupsHeld
from services.chassis.consumer import CarefulConsumer
from services.chassis.engine import Engine
from services.chassis.marks import SENT, Behind, Exchanged, Marks
from services.chassis.run import _loops, put_back, until_done, utc_now
from services.chassis.service import Service
from services.chassis.store import Store, StoreAway, opened
from tests.conftest import Eventually
from tests.integration.test_bus import Pair, committed, everything, pair_on, publish, settings_for
from tests.integration.test_unreadable import spoil
from tests.kit.calendars import CALENDARS
from tests.kit.engine.tiny import Note, claimed, wire
from tests.kit.raw_batches import batch, hand_over

pytestmark = [pytest.mark.apache_kafka, pytest.mark.timeout(180)]


@pytest.fixture
def pair(backends: Backends, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """A fresh service and source with their topics."""
    monkeypatch.setattr(standing, "PAUSE", 0.05)
    return pair_on(backends)


@pytest.fixture
async def store(backends: Backends) -> AsyncIterator[Store]:
    """A database of its own."""
    name = f"test_{uuid4().hex[:12]}"
    async with opened(backends.mongo_url, name) as there:
        await there.prepare({})
        yield there
        await there._client.drop_database(name)


class Life:
    """One life of a service's process: what it begins with, and what it leaves."""

    def __init__(self, backends: Backends, service: Service, store: Store) -> None:
        self.settings = settings_for(backends)
        self.service, self.store = service, store
        self.marks = Marks(store)
        self.bus = Bus(self.settings, service.name, service.sources, self._take, lambda: None, marks=self.marks)
        self.engine = Engine(
            service, store, self.bus.send, now=utc_now, new_id=lambda: str(uuid4()), calendars=CALENDARS
        )

    async def _take(self, records: object) -> None:
        await self.engine.records(records)  # type: ignore[arg-type]

    async def note(self, subject: str, word: str) -> None:
        """One fact of the subject, in the database and in the topic."""
        await self.engine.command(claimed(subject, word, Note((word,))))
        await self.engine.outbox.flush()


@asynccontextmanager
async def life(backends: Backends, service: Service, store: Store) -> AsyncIterator[Life]:
    """Begins as a process does, and ends like one that stops in order."""
    one = Life(backends, service, store)
    await until_done(lambda: standing.compare(service, store, one.settings, one.marks))
    await put_back(one.bus, service, one.settings, one.marks)
    await one.bus.start()
    try:
        yield one
    finally:
        await one.bus.stop()
    await one.marks.keep()


async def begin(backends: Backends, service: Service, store: Store) -> bool:
    """Only the comparison of a start."""
    one = Marks(store)
    return await until_done(lambda: standing.compare(service, store, settings_for(backends), one))


async def test_a_first_start_is_one_and_a_second_is_not(backends: Backends, pair: Pair, store: Store) -> None:
    assert await begin(backends, pair.service, store)
    async with life(backends, pair.service, store) as one:
        await one.note("p1", "a")
        await one.note("p1", "b")
    assert not await begin(backends, pair.service, store)
    found = await Marks(store).load()
    assert found is not None
    topic = fact_topic(pair.name)
    assert sum(n for (what, name, _), n in found.items() if (what, name) == (SENT, topic)) == 2


async def test_an_empty_database_beside_a_topic_with_facts_is_refused_with_what_to_do(
    backends: Backends, pair: Pair, store: Store
) -> None:
    async with life(backends, pair.service, store) as one:
        await one.note("p1", "a")
    async with opened(backends.mongo_url, f"{store._db.name}_other") as empty:
        with pytest.raises(Behind, match=rf"behind its own topic: .* fact 1 of p1.*rebuild {pair.name} --behind"):
            await begin(backends, pair.service, empty)
        assert await Marks(empty).load() is None, "nothing was written that a next start could take for its own"


async def test_an_older_backup_is_refused(backends: Backends, pair: Pair, store: Store) -> None:
    async with life(backends, pair.service, store) as one:
        await one.note("p1", "a")
        await one.marks.keep()
        kept = [await rows(store, name) for name in ("subjects", "claims", "marks")]
        await one.note("p1", "b")
    for name, found in zip(("subjects", "claims", "marks"), kept, strict=True):
        await store._db[name].delete_many({})
        await store.put(name, found)
    with pytest.raises(Behind, match=r"fact 2 of p1, of which the database knows 1"):
        await begin(backends, pair.service, store)


async def rows(store: Store, name: str) -> list[dict[str, object]]:
    """All rows of a collection."""
    return [row async for row in store.scan(name, {})]


async def test_documents_that_are_older_than_the_marks_beside_them_are_found(
    backends: Backends, pair: Pair, store: Store
) -> None:
    async with life(backends, pair.service, store) as one:
        await one.note("p1", "a")
    await store._db["subjects"].delete_many({})
    with pytest.raises(Behind, match=r"fact 1 of p1"):
        await begin(backends, pair.service, store)


async def test_a_topic_that_was_made_anew_is_refused(
    backends: Backends, pair: Pair, store: Store, eventually: Eventually
) -> None:
    async with life(backends, pair.service, store) as one:
        await one.note("p1", "a")
    admin = backends.kafka.admin()
    topic = fact_topic(pair.name)
    rule = [r for r in _rules(pair) if r.name == topic]
    admin.delete_topics([topic])[topic].result(30)
    await eventually(lambda: topic not in topics.existing(admin), within=30)
    with pytest.raises(Behind, match=r"is behind the database: partition \d ends at 0"):
        await begin(backends, pair.service, store)
    topics.ensure(admin, rule)
    with pytest.raises(Behind, match=r"is behind the database: partition \d ends at 0"):
        await begin(backends, pair.service, store)
    await forget(backends.mongo_url, store._db.name)
    assert not await begin(backends, pair.service, store), "the loss is accepted"


def _rules(pair: Pair) -> list[TopicRule]:
    return [
        TopicRule(name=fact_topic(name), partitions=3, retention_ms=-1, max_bytes=4_194_304, writers=(), readers=())
        for name in (pair.name, pair.source)
    ]


async def test_what_was_sent_but_not_cleared_and_what_another_replica_sends_are_no_fault(
    backends: Backends, pair: Pair, store: Store
) -> None:
    async with life(backends, pair.service, store) as one, life(backends, pair.service, store) as other:
        await one.note("p1", "a")
        document = (await one.engine.documents(["p1"]))["p1"]
        await other.note("p2", "b")
        await one.note("p2", "c")
    await store._db["subjects"].update_one(
        {"_id": "p1"}, {"$set": {"outbox": [{"at": utc_now(), "sequence": 1, "id": "i", "type": "t", "value": b"{}"}]}}
    )
    assert document.version == 1
    assert not await begin(backends, pair.service, store)


async def test_records_that_are_no_facts_stop_no_start(backends: Backends, pair: Pair, store: Store) -> None:
    topic = fact_topic(pair.name)
    await publish(backends, topic, [("x", b"no json"), ("x", b"[1]"), (None, b'{"subject": 1, "sequence": "x"}')])
    assert await begin(backends, pair.service, store)


async def test_inputs_that_were_committed_and_are_not_in_the_database_are_read_again(
    backends: Backends, pair: Pair, store: Store, eventually: Eventually
) -> None:
    facts = [pair.fact(f"p{n}", 1, "x") for n in range(12)]
    silent = Service(pair.name, pair.service.aggregates, reads=pair.service.reads)  # it makes no facts of them

    async def seen(there: Store) -> int:
        return await there.count("subjects", {f"seen.{pair.source}": 1}, 100)

    async with life(backends, silent, store):
        await publish(backends, fact_topic(pair.source), facts)
        await eventually(lambda: _all(backends, pair, 12), within=60, every=0.2)
    assert await seen(store) == 12

    async with opened(backends.mongo_url, f"{store._db.name}_anew") as empty:
        await empty.prepare({})
        try:
            with pytest.raises(Behind, match=rf"are empty, but {pair.group} has read .*accept-loss {pair.name}"):
                await begin(backends, silent, empty)
            await forget(backends.mongo_url, empty._db.name)
            async with life(backends, silent, empty):  # the own topic is empty: nothing is missing but what was read
                await eventually(lambda: _is(seen(empty), 12), within=60, every=0.2)
        finally:
            await empty._client.drop_database(empty._db.name)

    await store._db["subjects"].delete_many({})  # and where marks say what the database took, from there
    row = await store.get(marks_module.COLLECTION, marks_module.ID)
    assert row is not None
    group_ = f"{pair.group} ".replace(".", "/")
    back = {name: min(n, 1) if name.startswith(group_) else n for name, n in row["next"].items()}
    again = sum(n - back[name] for name, n in row["next"].items())
    await store._db["marks"].update_one({}, {"$set": {"next": back}})
    async with life(backends, silent, store):
        await eventually(lambda: _is(seen(store), again), within=60, every=0.2)


async def _all(backends: Backends, pair: Pair, count: int) -> bool:
    return await committed(backends, pair.group) == count


async def _is(asked: object, wanted: int) -> bool:
    return bool(await asked == wanted)  # type: ignore[misc]


async def test_a_group_with_members_is_waited_for(
    backends: Backends, pair: Pair, store: Store, eventually: Eventually
) -> None:
    async with life(backends, pair.service, store) as one:
        await publish(backends, fact_topic(pair.source), [pair.fact("p1", 1, "x")])
        async with asyncio.timeout(60):
            while not await _all(backends, pair, 1):
                await asyncio.sleep(0.1)
        second = Life(backends, pair.service, store)
        putting = asyncio.create_task(put_back(second.bus, pair.service, second.settings, second.marks))
        await eventually(lambda: second.bus.held == [pair.group], within=30)
        with pytest.raises(GroupsHeld, match=pair.group):
            await second.bus.reading()
        done, _ = await asyncio.wait([putting], timeout=1)
        assert not done, "the marks lag, and the group has a member: it waits for them, without end"
        await one.marks.keep()
        async with asyncio.timeout(60):
            await putting
        assert await committed(backends, pair.group) == 1


async def test_a_database_of_a_program_that_kept_no_marks_reads_nothing_again(
    backends: Backends, pair: Pair, store: Store
) -> None:
    async with life(backends, pair.service, store) as one:
        await publish(backends, fact_topic(pair.source), [pair.fact("p1", 1, "x")])
        async with asyncio.timeout(60):
            while not await _all(backends, pair, 1):
                await asyncio.sleep(0.1)
    await store._db["marks"].delete_many({})
    assert not await begin(backends, pair.service, store)
    await put_back(one.bus, pair.service, one.settings, one.marks)
    assert await committed(backends, pair.group) == 1


async def test_a_database_that_is_exchanged_under_a_running_service_ends_it(
    backends: Backends, pair: Pair, store: Store
) -> None:
    async with life(backends, pair.service, store) as one:
        await one.note("p1", "a")
        await one.marks.keep()
        row = await store.get(marks_module.COLLECTION, marks_module.ID)
        assert row is not None
        changes: list[dict[str, object]] = [{"$set": {"database": "another"}}, {"$set": {"next": {}}}]
        for change in changes:
            await store._db["marks"].update_one({}, change)
            with pytest.raises(Exchanged):
                await one.marks.keep()
            await store.put("marks", [row])
        await store._db["marks"].delete_many({})
        with pytest.raises(Exchanged):
            await one.marks.keep()
        await store.put("marks", [row])


async def test_numbers_that_the_topic_knows_are_not_given_out_again(
    backends: Backends, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "LOOKED_BACK", 0)
    pair = pair_on(backends)
    service = Service(
        pair.name, pair.service.aggregates, number=lambda data: ("series", len(str(data["what"]))) if data else None
    )
    async with life(backends, service, store) as one:
        await one.note("p1", "seven..")
    await store._db["marks"].delete_many({})
    assert not await begin(backends, service, store)
    assert list(await store.draw("series", 1)) == [8]
    async with opened(backends.mongo_url, store._db.name) as again:
        await again._db["counters"].delete_many({})
        assert not await begin(backends, service, again)
        assert list(await again.draw("series", 1)) == [8], "its counters alone were lost"


async def test_a_counter_that_was_lost_under_a_running_service_gives_out_no_number(store: Store) -> None:
    assert list(await store.draw("series", 3)) == [1, 2, 3]
    await store._db["counters"].delete_many({})
    with pytest.raises(StoreAway, match="gone back"):
        await store.draw("series", 1)
    assert list(await store.draw("another", 1)) == [1]


async def test_nothing_is_decided_before_the_comparison(backends: Backends, pair: Pair, store: Store) -> None:
    one = Life(backends, pair.service, store)
    one.engine.closed = True
    with pytest.raises(StoreAway):
        await one.engine.command(claimed("p1", "a", Note(("a",))))
    assert not await rows(store, "claims")


async def test_another_systems_topic_is_refused(backends: Backends, pair: Pair, store: Store) -> None:
    async with life(backends, pair.service, store) as one:
        await one.note("p1", "a")
    await publish(backends, fact_topic(pair.name), [("foreign", wire(pair.name, "foreign", 1, {"what": "x"}))])
    with pytest.raises(Behind, match=r"fact 1 of foreign"):
        await begin(backends, pair.service, store)


# ---- what a start begins to read from


async def test_behind_what_cannot_be_read_a_start_reads_nothing_again(
    backends: Backends, pair: Pair, store: Store, eventually: Eventually
) -> None:
    topic = fact_topic(pair.source)
    await hand_over(backends.kafka, topic, batch([b"spoilt-here", b"{}", b"{}"]))
    spoil(backends, topic, b"spoilt-here")
    async with life(backends, pair.service, store):
        await eventually(lambda: _all(backends, pair, 3), within=60, every=0.2)
    found = await Marks(store).load()
    assert found is not None and found[pair.group, topic, 0] == 3, "as far as the group, which is behind the batch"
    assert await standing.put_back(settings_for(backends), Marks(store), await _of_group(backends, pair)) == []
    assert await committed(backends, pair.group) == 3


async def _of_group(backends: Backends, pair: Pair) -> dict[tuple[str, str, int], int]:
    return await standing.committed(pair.service, settings_for(backends))


async def test_while_a_group_waits_to_be_put_back_facts_are_sent(
    backends: Backends, pair: Pair, store: Store, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()

    async def held(*_: object) -> list[str]:
        asked.append(pair.group)
        return [pair.group]

    monkeypatch.setattr(standing, "put_back", held)
    one = Life(backends, pair.service, store)
    one.engine.closed = True
    loops = _loops(one.engine, one.bus, store, pair.service, one.settings, one.marks)
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        await eventually(lambda: len(asked) > 2, within=60)
        await one.engine.command(claimed("p1", "a", Note(("a",))))

        async def sent() -> bool:
            return [one["subject"] for one in await everything(backends, fact_topic(pair.name))] == ["p1"]

        await eventually(sent, within=60, every=0.2)
        assert one.bus.held == [pair.group] and await one.bus.places() == [], "and nothing is read"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await one.bus.stop()


# ---- a partition that Kafka cannot give


async def test_a_partition_of_which_kafka_cannot_say_where_it_ends_makes_blind_for_no_other(
    backends: Backends, pair: Pair, store: Store, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, ends = fact_topic(pair.source), CarefulConsumer.end_offsets
    monkeypatch.setattr(consumer_module, "ENDS_WITHIN", 3.0)  # the question waits behind a fetch, which takes a second
    without_leader = {1}

    async def asked(self: CarefulConsumer, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        if any(one.partition in without_leader for one in partitions):
            await asyncio.sleep(40)  # so long the client asks for it
        return dict(await ends(self, partitions))

    monkeypatch.setattr(CarefulConsumer, "end_offsets", asked)
    async with life(backends, pair.service, store) as one:
        await publish(backends, topic, [pair.fact("p1", 1, "x")], partition=0)
        await eventually(lambda: _all(backends, pair, 1), within=60, every=0.2)
        async with asyncio.timeout(20):
            places = {place.partition: place for place in await one.bus.places()}
        assert (places[0].offset, places[0].end, places[0].cause) == (1, 1, None)
        assert places[1].end > places[1].offset and places[1].cause == "TimeoutError", "it may stand still for that"
        without_leader |= {0, 2}
        with pytest.raises(KafkaError):  # that is the broker's death, and is told of as such
            await one.bus.places()
