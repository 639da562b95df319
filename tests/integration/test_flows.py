"""Facts that are lost between services, each way by hand, on real Kafka and a real mongod: the balance names them, and
nothing that is only under way, set aside or sent twice."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.errors import KafkaError

from contracts.topics import FACT_PARTITIONS, fact_topic
from deploy.local.backends import Backends
from services.chassis import balance, flows
from services.chassis.answers import Balance, Flow
from services.chassis.balance import Balancing
from services.chassis.cluster import Cluster
from services.chassis.flows import FACTS
from services.chassis.run import utc_now
from services.chassis.store import BALANCE, PARKED, SUBJECTS, Row
from tests.conftest import Eventually, wait_until
from tests.integration.test_bus import Pair, Running, everything, pair_on, publish, running, settings_for
from tests.kit.engine.tiny import Note, claimed

WHOLE = 4.0
"""Seconds that are enough for a look at all there is, on a machine that is busy; it ends as soon as that is done."""
pytestmark = [pytest.mark.apache_kafka, pytest.mark.timeout(180)]


@pytest.fixture
def pair(backends: Backends) -> Pair:
    """A fresh service and source, with topics as those of facts are."""
    return pair_on(backends, FACT_PARTITIONS)


@dataclass
class Flowing:
    """The service at work, and its balance as it and another replica strike it."""

    backends: Backends
    pair: Pair
    running: Running
    cluster: Cluster
    balancing: Balancing

    async def struck(self, seconds: float = WHOLE) -> Balance:
        """Its balance, struck anew."""
        found = await self.balancing.struck(seconds)
        [flow] = found.services
        assert flow.written == flow.consumed + flow.parked + flow.lag + flow.difference
        own = found.facts
        assert own.written == own.sent + own.unsent + sum(one.why == "not-sent" for one in own.events)
        assert (len(flow.events), len(own.events)) == (flow.difference, own.difference)
        return found

    async def lost(self, seconds: float = WHOLE) -> set[tuple[str, str]]:
        """What is named, without the writers' long names."""
        found = await self.struck(seconds)
        return {
            (one.fact.replace(self.pair.source, "source").replace(self.pair.name, "own"), one.why)
            for one in (*found.services[0].events, *found.facts.events)
        }

    async def flow(self) -> Flow:
        """What it has read."""
        return (await self.struck(0)).services[0]

    async def publish(self, *facts: tuple[str, int, str]) -> None:
        """Facts of the source."""
        await publish(self.backends, fact_topic(self.pair.source), [self.pair.fact(*one) for one in facts])

    async def at_rest(self, eventually: Eventually, parked: int = 0) -> None:
        """Waits until all is taken and sent."""

        async def rests() -> bool:
            found = await self.struck(0)
            [flow] = found.services
            return flow.written > 0 and (flow.lag, found.unsent, flow.parked) == (0, 0, parked)

        await eventually(rests, within=60, every=0.1)

    def another(self) -> Balancing:
        """The balance as another process strikes it."""
        return Balancing(self.pair.service, self.running.store, self.cluster, utc_now)

    @property
    def subjects(self) -> Any:
        """The documents themselves."""
        return self.running.store._db[SUBJECTS]


@asynccontextmanager
async def flowing_on(backends: Backends, pair: Pair, **changes: Any) -> AsyncIterator[Flowing]:
    """The service at work."""
    name = f"test_{uuid4().hex[:12]}"
    async with running(backends, pair.service, [pair.source], name, **changes) as here:
        cluster = Cluster(settings_for(backends), lambda: here.bus.broker.config.broker_config.admin_client)
        try:
            balancing = Balancing(pair.service, here.store, cluster, utc_now)
            await wait_until(partial(_asked, cluster, pair), within=30, every=0.05)
            yield Flowing(backends, pair, here, cluster, balancing)
        finally:
            await cluster.close()


async def _asked(cluster: Cluster, pair: Pair) -> bool:
    """Whether Kafka answers; the service's client has just begun."""
    with suppress(KafkaError):
        await cluster.committed(pair.group)
        return True
    return False


@pytest.fixture
async def flowing(backends: Backends, pair: Pair) -> AsyncIterator[Flowing]:
    """The service at work."""
    async with flowing_on(backends, pair) as here:
        yield here


async def some(flowing: Flowing, eventually: Eventually, subjects: int = 20) -> None:
    """Facts of the source, each of which makes one of the service."""
    await flowing.publish(*((f"p{n}", sequence, "word") for n in range(subjects) for sequence in (1, 2, 3)))
    await flowing.at_rest(eventually)
    found = await flowing.struck()
    [flow] = found.services
    whole = 3 * subjects
    assert (flow.written, flow.sent, flow.consumed, flow.difference) == (whole, whole, whole, 0)
    assert (found.facts.written, found.facts.sent, found.facts.difference) == (whole, whole, 0)


async def test_facts_of_a_document_that_is_gone_or_older_are_named_until_it_is_back(
    flowing: Flowing, eventually: Eventually
) -> None:
    await some(flowing, eventually)
    gone: Row = await flowing.subjects.find_one_and_delete({"_id": "p3"})
    source = flowing.pair.source
    older = {"version": 1, f"seen.{source}": 2}
    newer: Row = await flowing.subjects.find_one_and_update({"_id": "p4"}, {"$set": older})
    named = {
        *((f"source/p3#{n}", "not-taken") for n in (1, 2, 3)),
        *((f"own/p3#{n}", "not-kept") for n in (1, 2, 3)),
        ("source/p4#3", "not-taken"),
        ("own/p4#2", "not-kept"),
        ("own/p4#3", "not-kept"),
    }
    assert await flowing.lost() == named
    assert await flowing.lost(0) == named, "what was found stays found"
    flow = await flowing.flow()
    assert (flow.written, flow.consumed, flow.difference) == (60, 56, 4)
    await flowing.subjects.insert_one(gone)
    assert {one for one in named if "p4" in one[0]} == await flowing.lost()
    await flowing.subjects.replace_one({"_id": "p4"}, newer)
    assert await flowing.lost() == set()


async def test_a_fact_that_left_its_outbox_and_stands_in_no_topic_is_named_until_it_does(
    flowing: Flowing, eventually: Eventually
) -> None:
    await some(flowing, eventually)
    here = flowing.running
    here.gate.clear()
    await here.engine.command(claimed("p5", "a", Note(("late",))))
    assert await flowing.lost() == set(), "it waits to be sent"
    await here.store.clear({"p5": 4})
    await flowing.subjects.update_one({"_id": "p7"}, {"$inc": {"version": 2}})
    assert await flowing.lost() == {("own/p5#4", "not-sent"), ("own/p7#4", "not-sent"), ("own/p7#5", "not-sent")}
    found = await flowing.struck()
    assert (found.facts.written, found.facts.sent, found.facts.difference) == (63, 60, 3)
    here.gate.set()  # this process has it in memory still
    await eventually(lambda: _named(flowing, {("own/p7#4", "not-sent"), ("own/p7#5", "not-sent")}), within=30)


async def _named(flowing: Flowing, named: set[tuple[str, str]]) -> bool:
    return await flowing.lost() == named


async def test_what_is_parked_held_discarded_or_sent_twice_makes_no_difference(
    flowing: Flowing, eventually: Eventually
) -> None:
    await some(flowing, eventually)
    twice = [("p1", 2, "word"), ("p1", 3, "word"), ("p1", 1, "word")]
    await flowing.publish(
        ("q1", 1, "explode"), ("q1", 2, "held"), ("q2", 2, "gap"), ("q2", 3, "gap"), ("q3", 1, "explode"), *twice
    )
    await publish(flowing.backends, fact_topic(flowing.pair.source), [("q4", b"{"), ("q5", b"\xff")])
    own = await everything(flowing.backends, fact_topic(flowing.pair.name))
    again = {name: value for name, value in own[0].items() if name != "headers"}
    await flowing.at_rest(eventually, parked=7)
    await publish(flowing.backends, fact_topic(flowing.pair.name), [(again["subject"], json.dumps(again).encode())])
    assert await flowing.lost() == set()
    rows = {(row["subject"], row["sequence"]): row["_id"] async for row in flowing.running.store.scan(PARKED, {})}
    await flowing.running.engine.parking.discard(rows["q3", 1])
    await flowing.running.engine.parking.discard(rows["q1", 1])
    await flowing.at_rest(eventually, parked=4)
    assert await flowing.lost() == set()
    flow = await flowing.flow()
    assert (flow.written, flow.consumed, flow.parked) == (70, 66, 4)
    await flowing.running.store.remove(PARKED, [rows["q2", 3]])
    assert await flowing.lost() == {("source/q2#3", "not-taken")}, "it was set aside, and is no more"


async def test_what_came_last_is_looked_at_first_and_what_is_old_by_the_round_or_by_a_look_through_everything(
    flowing: Flowing, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    await some(flowing, eventually)
    monkeypatch.setattr(flows, "LEFT_FOR_ROUND", 0.0)
    monkeypatch.setattr(flows.Flows, "_go_on", _no_round)
    await flowing.publish(("n1", 1, "word"), ("n1", 2, "word"))
    await flowing.at_rest(eventually)
    await flowing.subjects.delete_many({"_id": {"$in": ["n1", "p1"]}})
    assert await flowing.lost() == {
        *((f"source/n1#{n}", "not-taken") for n in (1, 2)),
        *((f"own/n1#{n}", "not-kept") for n in (1, 2)),
    }
    monkeypatch.undo()
    looked, found, after = 0, 0, FACTS
    monkeypatch.setattr(balance, "AT_ONCE", 0.0)
    while after:
        part = await flowing.balancing.through(after)
        looked, found, after = looked + part.looked, found + part.found, part.next or ""
    assert (looked, found) == (62 + 62 + 19, 6)
    assert ("own/p1#3", "not-kept") in await flowing.lost(0)
    other = await flowing.another().struck(0)
    assert (other.services[0].difference, other.facts.difference) == (5, 5), "what was found is stored"


async def _no_round(_self: object, _until: float, *, further: bool) -> int:
    assert further
    return 0


async def test_a_database_that_is_older_than_what_is_committed_looks_at_all_that_came_since(
    flowing: Flowing, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    await some(flowing, eventually)
    copy = {name: [row async for row in flowing.running.store.scan(name, {})] for name in (SUBJECTS, BALANCE)}
    await flowing.publish(("p1", 4, "word"), ("n1", 1, "word"))
    await flowing.at_rest(eventually)
    assert await flowing.lost() == set()
    for name, rows in copy.items():
        await flowing.running.store._db[name].delete_many({})
        await flowing.running.store._db[name].insert_many(rows)
    monkeypatch.setattr(flows.Flows, "_go_on", _no_round)
    assert await flowing.lost() == {
        ("source/p1#4", "not-taken"),
        ("own/p1#4", "not-kept"),
        ("source/n1#1", "not-taken"),
        ("own/n1#1", "not-kept"),
    }


async def test_while_facts_flow_nothing_is_called_lost(flowing: Flowing, eventually: Eventually) -> None:
    looks, published = 0, 0

    async def flow() -> None:
        nonlocal published
        while looks < 6:
            published += 1
            await flowing.publish(*((f"p{n}", published, "word") for n in range(40)))

    moving = asyncio.create_task(flow())
    while not moving.done():
        assert await flowing.lost() == set()
        looks += 1
    await moving
    await flowing.at_rest(eventually)
    assert await flowing.lost() == set()
    assert (await flowing.flow()).consumed == 40 * published
