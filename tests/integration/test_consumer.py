"""What the consumer of a service hands out together: a single record at once, what follows it closely in one batch."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import RequestTimedOutError

from contracts.topics import FOR_EVER
from contracts.topics import Topic as TopicRule
from deploy import topics
from deploy.local.backends import Backends
from services.chassis.consumer import REST_MS, CarefulConsumer

GATHER = 1.0
SPREAD = 10


@asynccontextmanager
async def reading(backends: Backends) -> AsyncIterator[tuple[CarefulConsumer, AIOKafkaProducer, str]]:
    """A consumer of a topic of one partition, and who writes to it."""
    name = f"gathers-{uuid4().hex[:8]}"
    rule = TopicRule(name=name, partitions=1, retention_ms=FOR_EVER, max_bytes=1 << 20, writers=(), readers=())
    topics.ensure(backends.kafka.admin(), [rule])
    login = backends.kafka.aiokafka()
    out = AIOKafkaProducer(**login, acks="all")
    consumer = CarefulConsumer(name, gather=GATHER, group_id=name, auto_offset_reset="earliest", **login)
    await out.start()
    await consumer.start()
    try:
        yield consumer, out, name
    finally:
        await consumer.stop()
        await out.stop()


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


async def test_what_was_taken_is_handed_out_where_kafka_gives_no_more_than_an_error(
    backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reading(backends) as (consumer, out, topic):
        await out.send_and_wait(topic, b"alone")
        assert await batch(consumer) == [b"alone"]
        await out.send_and_wait(topic, b"first")
        real, calls = AIOKafkaConsumer.getmany, list[int]()

        async def failing(self: AIOKafkaConsumer, *partitions: TopicPartition, **options: Any) -> Any:
            calls.append(options["timeout_ms"])
            if options["timeout_ms"] == REST_MS:
                raise RequestTimedOutError
            return await real(self, *partitions, **options)

        monkeypatch.setattr(AIOKafkaConsumer, "getmany", failing)
        assert await batch(consumer) == [b"first"]
        assert REST_MS in calls
        monkeypatch.undo()
        await out.send_and_wait(topic, b"second")
        assert await batch(consumer) == [b"second"]


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


async def test_what_was_taken_comes_again_where_an_error_kept_it_from_being_handed_out(
    backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reading(backends) as (consumer, out, topic):
        await out.send_and_wait(topic, b"first")
        assert await batch(consumer) == [b"first"]
        await consumer.commit()
        await out.send_and_wait(topic, b"second")
        real, failures = AIOKafkaConsumer.getmany, list[Exception]([UnicodeError("unreadable"), RequestTimedOutError()])

        async def failing(self: AIOKafkaConsumer, *partitions: TopicPartition, **options: Any) -> Any:
            found = await real(self, *partitions, **options)
            if found and failures:
                raise failures.pop(0)
            return found

        monkeypatch.setattr(AIOKafkaConsumer, "getmany", failing)
        with pytest.raises(RequestTimedOutError):
            await batch(consumer)
        assert await batch(consumer) == [b"second"]
