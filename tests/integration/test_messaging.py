"""Metrics of messaging against Kafka itself: they say exactly what was read, sent and committed, and name no agency."""

import asyncio
import re
from uuid import uuid4

import prometheus_client
import pytest

from contracts.topics import agency_topic, fact_topic, receipts_topic
from deploy.access import add_agency
from deploy.local.backends import Backends
from services.chassis import messaging
from services.chassis.bus import AGENCIES
from services.chassis.message import Message
from services.chassis.topic_reader import TopicReader
from services.intake.service import SERVICE as INTAKE
from tests.conftest import Eventually
from tests.integration.test_bus import Pair, _event, _is, committed, everything, pair_on, publish, running, settings_for
from tests.kit.counted import CONSUMED, OPERATIONS, PROCESSED, SENT, since, told

pytestmark = [pytest.mark.apache_kafka, pytest.mark.timeout(180)]


@pytest.fixture
def pair(backends: Backends) -> Pair:
    """A fresh service and source with their topics."""
    return pair_on(backends)


async def test_the_counters_say_how_many_facts_were_read_and_sent_and_how_often_it_was_committed(
    backends: Backends, pair: Pair, eventually: Eventually
) -> None:
    before, read, own = told(), fact_topic(pair.source), fact_topic(pair.name)
    await publish(backends, read, [pair.fact(f"p{n % 40}", n // 40 + 1, f"w{n}") for n in range(200)])
    async with running(backends, pair.service, [pair.source], pair.name) as here:
        await eventually(lambda: _is(committed(backends, pair.group), 200), within=90)
        assert since(before, CONSUMED) == {f"poll {read} {pair.group}": 200}
        assert since(before, PROCESSED) == {f"process {read} {pair.group}": len(here.batches)}
        made = await everything(backends, own)
        assert len({one["id"] for one in made}) == 200, "a sweep may have sent some again"
        assert since(before, SENT) == {f"send {own}": len(made)}
    operations = since(before, OPERATIONS)
    assert operations.keys() == {f"send {own}", f"commit {read} {pair.group}"}
    assert operations[f"commit {read} {pair.group}"] >= len(here.batches)
    assert 1 <= operations[f"send {own}"] <= 3 * len(here.batches) * len(made) / 200, "a batch a partition"
    assert await followed(backends, own) == len(made)
    assert since(before, CONSUMED)[f"poll {own}"] == len(made), "who follows a topic without a group is counted, too"


async def followed(backends: Backends, topic: str) -> int:
    """How many records of a topic come to who follows it, until no more do."""
    reader = TopicReader(settings_for(backends), topic, begins="earliest", partition_bytes=1 << 20, wait_ms=50)
    await reader.start()
    try:
        there, came = sum((await reader.bounds()).ends.values()), 0
        while came < there:
            came += sum(map(len, (await reader.poll(90)).values()))
        return came
    finally:
        await reader.stop()


async def test_a_topic_that_is_missing_was_sent_nothing(backends: Backends, pair: Pair, eventually: Eventually) -> None:
    own = fact_topic(pair.name)
    async with running(backends, pair.service, [pair.source], pair.name) as here:
        await publish(backends, fact_topic(pair.source), [pair.fact("p0", 1, "a")])
        await eventually(lambda: _is(committed(backends, pair.group), 1), within=90)
        before = told()
        nowhere = receipts_topic(f"nobody-{uuid4().hex[:8]}").name
        went, missing = await here.bus.send([Message(own, "p0", b"{}"), Message(nowhere, "p0", b"{}")])
        assert went is None and missing is not None
        assert since(before, SENT) == {f"send {own}": 1}


async def test_events_and_receipts_of_several_agencies_are_counted_together_under_no_agencys_name(
    backends: Backends, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = uuid4().hex[:8]
    codes = {f"one-{mark}": 3, f"two-{mark}": 4}
    # others write to the topics of their agencies on the same broker
    monkeypatch.setattr("services.chassis.bus.AGENCY_PATTERN", rf"^pilots\.agency\.(?:one|two)-{mark}\.v1$")
    for code in codes:
        await asyncio.to_thread(add_agency, backends.kafka.admin(), code, None)
    before, name = told(), f"intake-{mark}.{AGENCIES}"
    async with running(backends, INTAKE, [AGENCIES], f"test_{mark}", reader=f"intake-{mark}", entered=[*codes]) as here:
        for code, count in codes.items():
            await publish(backends, agency_topic(code).name, [_event(code, n) for n in range(1, count + 1)])
        await eventually(lambda: _is(committed(backends, name), 7), within=90)
        await eventually(lambda: _is(here.store.oldest_unsent(), None))
        assert since(before, CONSUMED) == {f"poll {messaging.AGENCIES} {name}": 7}
        receipts = [one for code in codes for one in await everything(backends, receipts_topic(code).name)]
        subjects = {row["_id"] for row in await here.store.rows("subjects", {}, sort=[("_id", 1)], limit=100)}
        facts = [one for one in await everything(backends, fact_topic("intake")) if one.get("subject") in subjects]
        # What could not be sent at once, right behind the start, goes again with all of its batch: it counts again.
        assert len({one["id"] for one in receipts}) == 7 and len({one["id"] for one in facts}) > 7
        assert since(before, SENT) == {
            f"send {messaging.RECEIPTS}": len(receipts),
            f"send {fact_topic('intake')}": len(facts),
        }
    lines = prometheus_client.generate_latest().decode().splitlines()
    kafka = [one for one in lines if one.startswith("messaging_") and messaging.RECEIPTS in one]
    assert kafka and not [one for one in kafka if re.search(rf"(?:one|two)-{mark}", one)]
