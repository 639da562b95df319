"""A reader of a topic that is left at any moment of its start or its stop leaves nothing open, and nobody waiting."""

import asyncio
import gc
from contextlib import suppress

import pytest
from aiokafka.conn import AIOKafkaConnection

from contracts.topics import fact_topic
from deploy.local.backends import Backends
from services.chassis.settings import Settings
from services.chassis.topic_reader import TopicReader

pytestmark = pytest.mark.apache_kafka


def connections() -> list[AIOKafkaConnection]:
    """Those of this process that stand."""
    gc.collect()
    # By type itself: asking a weak proxy for its class raises once what it stands for is gone.
    return [one for one in gc.get_objects() if type(one) is AIOKafkaConnection and one.connected()]


def reader_of(backends: Backends) -> TopicReader:
    login = backends.kafka_as("registry")
    settings = Settings(kafka_url=login.bootstrap, kafka_username=login.username, kafka_password=login.password)
    return TopicReader(
        settings, fact_topic("registry"), begins="earliest", partition_bytes=1 << 20, wait_ms=50, request_ms=5_000
    )


async def test_a_start_that_is_broken_off_at_any_moment_leaves_no_connection_open(backends: Backends) -> None:
    before = connections()
    for n in range(100):
        reader = reader_of(backends)
        starting = asyncio.create_task(reader.start())
        await asyncio.sleep(n / 4000)
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
            await reader.stop()
    assert [one for one in connections() if one not in before] == []


async def test_who_is_cancelled_at_any_moment_of_a_stop_ends_and_leaves_no_connection_open(backends: Backends) -> None:
    before = connections()
    for turns in range(1, 13):  # before the first it has not begun
        reader = reader_of(backends)
        await reader.start()
        stopping = asyncio.create_task(reader.stop())
        for _ in range(turns):
            await asyncio.sleep(0)
        asked = stopping.cancel()
        await asyncio.wait([stopping], timeout=20)
        assert stopping.cancelled() is asked, f"after {turns} turns of the loop"
    assert [one for one in connections() if one not in before] == []
