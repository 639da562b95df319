"""What is asked of Kafka itself for the balance: ends, commits, and which offsets hold a record."""

from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from contracts.topics import agency_topic
from deploy import topics
from deploy.local.backends import Backends
from services.chassis.cluster import Cluster
from tests.integration.test_bus import settings_for

pytestmark = [pytest.mark.apache_kafka, pytest.mark.timeout(180)]


async def test_a_topic_with_the_ends_of_transactions_says_which_offsets_hold_an_event(backends: Backends) -> None:
    rule = agency_topic(f"t-{uuid4().hex[:8]}")
    topics.ensure(backends.kafka.admin(), [rule])
    login, place, settings = backends.kafka.aiokafka(), (rule.name, 0), settings_for(backends)
    producer = AIOKafkaProducer(**login, transactional_id=uuid4().hex)
    await producer.start()
    for kept in (True, False, True):
        await producer.begin_transaction()
        await producer.send_and_wait(rule.name, b"kept" if kept else b"left")
        await (producer.commit_transaction() if kept else producer.abort_transaction())
    await producer.stop()
    name = f"t.{uuid4().hex[:8]}"
    reader = AIOKafkaConsumer(**login, group_id=name, enable_auto_commit=False)
    await reader.start()
    reader.assign([TopicPartition(*place)])
    await reader.commit({TopicPartition(*place): 3})
    await reader.stop()
    admin = AIOKafkaAdminClient(**login)
    await admin.start()
    cluster = Cluster(settings, lambda: admin)
    try:
        assert rule.name in await cluster.names()
        assert await cluster.committed(name) == {place: 3}
        assert await cluster.bounds([place]) == {place: (0, 6)}
        assert await cluster.records(place, 0, 6) == {0: b"kept", 2: b"left", 4: b"kept"}
        assert await cluster.records(place, 3, 5) == {4: b"kept"}
        assert await cluster.bounds([place]) == {place: (0, 6)}
        assert await cluster.bounds([]) == {}
        assert await cluster.ends([place]) == {place: 6}
    finally:
        await cluster.close()
        await admin.close()
