"""What the consumer of a service hands out together: a single record at once, what follows it closely in one batch."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, RequestTimedOutError, TopicAuthorizationFailedError
from aiokafka.protocol.fetch import FetchRequest

from contracts.topics import FOR_EVER
from contracts.topics import Topic as TopicRule
from deploy import topics
from deploy.local.backends import Backends
from services.chassis.consumer import TURN, CarefulConsumer
from tests.conftest import Eventually

GATHER = 1.0
SPREAD = 10


@asynccontextmanager
async def reading(
    backends: Backends, others: int = 0, *, there: Sequence[bytes] = (), **options: Any
) -> AsyncIterator[tuple[CarefulConsumer, AIOKafkaProducer, str]]:
    """A consumer of a topic of one partition, where these are `there` before it begins, and who writes to it; it reads
    some more, named `<topic>-0` and so on."""
    name = f"gathers-{uuid4().hex[:8]}"
    names = [name, *(f"{name}-{number}" for number in range(others))]
    shape: dict[str, Any] = {"partitions": 1, "retention_ms": FOR_EVER, "max_bytes": 1 << 20}
    topics.ensure(backends.kafka.admin(), [TopicRule(name=one, writers=(), readers=(), **shape) for one in names])
    login = backends.kafka.aiokafka()
    out = AIOKafkaProducer(**login, acks="all")
    options = {
        "give_up": _recovers,
        "gather": GATHER,
        "group_id": name,
        "auto_offset_reset": "earliest",
        **login,
        **options,
    }
    consumer = CarefulConsumer(*names, **options)
    await out.start()
    for value in there:
        await out.send_and_wait(name, value)
    await consumer.start()
    try:
        yield consumer, out, name
    finally:
        await consumer.stop()
        await out.stop()


def _recovers() -> None:
    raise AssertionError("the client recovers by itself")


async def batch(consumer: CarefulConsumer, most: int = 500) -> list[bytes]:
    """The next records that are handed out together."""
    while True:
        if found := await consumer.getmany(timeout_ms=50, max_records=most):
            return [record.value for records in found.values() for record in records]


async def test_a_single_record_comes_at_once_and_what_follows_it_closely_comes_together(backends: Backends) -> None:
    async with reading(backends) as (consumer, out, topic):
        await out.send_and_wait(topic, b"alone")
        assert await batch(consumer) == [b"alone"]
        began = time.monotonic()
        for number in range(SPREAD):
            await out.send_and_wait(topic, str(number).encode())
        gathered = await batch(consumer)
        assert time.monotonic() - began >= GATHER - 0.1, "what follows closely is let gather"
        assert gathered == [str(number).encode() for number in range(SPREAD)], "not the first of them alone"


async def test_kafka_is_asked_once_for_all_that_gathers(backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, real = list[str](), AIOKafkaClient.send

    async def counted(self: AIOKafkaClient, node: int, request: Any, **options: Any) -> Any:
        if isinstance(request, FetchRequest) and self is consumer._client:
            asked.append("fetch")
        return await real(self, node, request, **options)

    async with reading(backends) as (consumer, out, topic):
        await out.send_and_wait(topic, b"alone")
        assert await batch(consumer) == [b"alone"]
        monkeypatch.setattr(AIOKafkaClient, "send", counted)
        for number in range(SPREAD):
            await out.send_and_wait(topic, str(number).encode())
        assert consumer.paused() == consumer.assignment()
        assert asked == []
        assert await batch(consumer) == [str(number).encode() for number in range(SPREAD)]
        assert asked == ["fetch"]


async def test_a_backlog_is_handed_out_without_a_pause(backends: Backends) -> None:
    async with reading(backends) as (consumer, out, topic):
        count, most = 40, 4
        for number in range(count):
            await out.send_and_wait(topic, str(number).encode())
        began, found = time.monotonic(), list[bytes]()
        while len(found) < count:
            found += await batch(consumer, most)
        assert found == [str(number).encode() for number in range(count)]
        assert time.monotonic() - began < count / most * GATHER / 2


async def test_a_backlog_that_kafka_gives_in_pieces_is_handed_out_without_a_pause(backends: Backends) -> None:
    there = [b"x" * 1_000] * 40  # each a batch of its own: Kafka gives batches whole
    async with reading(backends, there=there, gather=3600.0, max_partition_fetch_bytes=4_000) as (consumer, _, _):
        found, batches = list[bytes](), 0
        async with asyncio.timeout(60):
            while len(found) < len(there):
                found, batches = found + await batch(consumer), batches + 1
        assert batches > 5, "each piece is a batch"


async def test_a_backlog_does_not_wait_for_what_a_quiet_topic_has_not(backends: Backends) -> None:
    there, wait = [b"x" * 1_000] * 40, 3.0
    options = {"max_partition_fetch_bytes": 4_000, "fetch_max_wait_ms": int(1000 * wait)}
    async with reading(backends, others=1, there=there, gather=3600.0, **options) as (consumer, _, _):
        found, batches, began = list[bytes](), 0, time.monotonic()
        while len(found) < len(there):
            found, batches = found + await batch(consumer), batches + 1
        assert batches > 5, "each piece is a batch"
        assert time.monotonic() - began < batches * wait / 3


async def test_what_was_taken_comes_again_where_an_error_kept_it_from_being_handed_out(
    backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reading(backends) as (consumer, out, topic):
        await out.send_and_wait(topic, b"first")
        assert await batch(consumer) == [b"first"]
        await consumer.commit()
        await out.send_and_wait(topic, b"second")
        real, failures = AIOKafkaConsumer.getmany, list[Exception]([RequestTimedOutError()])

        async def failing(self: AIOKafkaConsumer, *partitions: TopicPartition, **options: Any) -> Any:
            if failures and not options["timeout_ms"]:
                return {}  # what is there is only seen by who waits for it
            found = await real(self, *partitions, **options)
            if found and failures:
                raise failures.pop(0)
            return found

        monkeypatch.setattr(AIOKafkaConsumer, "getmany", failing)
        with pytest.raises(RequestTimedOutError):
            await batch(consumer)
        assert await batch(consumer) == [b"second"]


# ---- fair shares


async def test_a_backlog_of_one_topic_leaves_room_for_the_records_of_others(backends: Backends) -> None:
    most = 50
    async with reading(backends, others=3, gather=0.0) as (consumer, out, topic):
        flood = [await out.send(topic, b"x" * 200) for _ in range(3000)]
        await asyncio.gather(*flood)
        assert len(await batch(consumer, most)) <= most, "the flood is being read"
        for number in range(3):
            await out.send_and_wait(f"{topic}-{number}", str(number).encode())
        found, batches = list[bytes](), 0
        while len(found) < 3:
            some = await batch(consumer, most)
            found += [value for value in some if value != b"x" * 200]
            batches += 1
        assert sorted(found) == [b"0", b"1", b"2"]
        assert batches < 3000 / most / 2, "they came long before the flood was over"


async def test_topics_with_backlogs_share_a_batch(backends: Backends) -> None:
    async with reading(backends, others=3, gather=0.0) as (consumer, out, topic):
        names = [topic, *(f"{topic}-{number}" for number in range(3))]
        await asyncio.gather(*[await out.send(name, b"x") for name in names for _ in range(200)])
        shares = Counter[str]()
        while shares.total() < 800:
            found = await consumer.getmany(timeout_ms=50, max_records=100)
            several = {partition.topic: len(records) for partition, records in found.items()}
            shares.update(several)
            if len(several) == 4 and sum(several.values()) == 100:
                # What came while they were written lies there in pieces: of one that is taken up a turn is missing.
                assert max(several.values()) - min(several.values()) <= 2 * TURN
        assert set(shares.values()) == {200}


async def test_a_batch_is_full_by_its_size_too(backends: Backends) -> None:
    async with reading(backends, gather=0.0, most_bytes=100_000) as (consumer, out, topic):
        await asyncio.gather(*[await out.send(topic, b"x" * 5_000) for _ in range(100)])
        sizes = list[int]()
        while sum(sizes) < 100:
            sizes.append(len(await batch(consumer)))
        assert max(sizes) <= 20 + TURN


async def test_a_topic_that_is_closed_to_the_reader_holds_up_no_other(
    backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reading(backends, others=1, gather=0.0) as (consumer, out, topic):
        real = AIOKafkaConsumer.getmany

        async def closed(self: AIOKafkaConsumer, *partitions: TopicPartition, **options: Any) -> Any:
            if partitions and partitions[0].topic == topic:
                raise TopicAuthorizationFailedError(topic)
            if not partitions and options["timeout_ms"]:
                await asyncio.sleep(0.05)
                raise TopicAuthorizationFailedError(topic)
            return await real(self, *partitions, **options)

        monkeypatch.setattr(AIOKafkaConsumer, "getmany", closed)
        await out.send_and_wait(f"{topic}-0", b"goes on")
        assert await asyncio.wait_for(batch(consumer), 30) == [b"goes on"]
        assert consumer.troubles == {TopicPartition(topic, 0): "TopicAuthorizationFailedError"}


@pytest.mark.parametrize(
    ("part", "step"), [("_coordinator", "_maybe_do_autocommit"), ("_fetcher", "_get_actions_per_node")]
)
async def test_a_reader_whose_client_has_lost_one_of_its_endless_tasks_is_given_up(
    part: str, step: str, backends: Backends, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impossible(*_: object) -> None:
        raise AssertionError

    lost = asyncio.Event()
    async with reading(backends, gather=0.0, give_up=lost.set) as (consumer, out, topic):
        await out.send_and_wait(topic, b"before")
        assert await batch(consumer) == [b"before"]
        assert not lost.is_set()
        monkeypatch.setattr(getattr(consumer, part), step, impossible)
        consumer._coordinator._coordinator_dead_fut.set_result(None)  # a broker that comes back wakes the first

        async def given_up() -> bool:
            with suppress(KafkaError):
                await consumer.getmany(timeout_ms=50)
            return lost.is_set()

        await eventually(given_up, within=60)


async def test_while_a_topic_waits_for_its_time_the_records_of_others_come_soon(backends: Backends) -> None:
    flooded = list[str]()
    async with reading(backends, others=1, gather=0.1, rate=lambda topic: 20.0 if topic in flooded else math.inf) as (
        consumer,
        out,
        topic,
    ):
        flooded.append(topic)
        await asyncio.gather(*[await out.send(topic, b"x" * 200) for _ in range(1000)])
        while b"x" * 200 not in await batch(consumer):
            pass
        waits = list[float]()
        for number in range(5):
            began = time.monotonic()
            await out.send_and_wait(f"{topic}-0", str(number).encode())
            while str(number).encode() not in await batch(consumer):
                pass
            waits.append(time.monotonic() - began)
        assert max(waits) < 2.5, waits
