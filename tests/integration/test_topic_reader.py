"""A reader of a topic that is left at any moment of its start leaves nothing open."""

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


async def test_a_start_that_is_broken_off_at_any_moment_leaves_no_connection_open(backends: Backends) -> None:
    login = backends.kafka_as("registry")
    settings = Settings(kafka_url=login.bootstrap, kafka_username=login.username, kafka_password=login.password)
    before = connections()
    for n in range(100):
        reader = TopicReader(
            settings, fact_topic("registry"), begins="earliest", partition_bytes=1 << 20, wait_ms=50, request_ms=5_000
        )
        starting = asyncio.create_task(reader.start())
        await asyncio.sleep(n / 4000)
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
            await reader.stop()
    assert [one for one in connections() if one not in before] == []
