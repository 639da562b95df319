"""A partition that stands still is told of, and what it stands at is passed over by hand, with who said so and why."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

import httpx
import pytest

from contracts.event import Fact, Language
from contracts.steps import RecordSkipping
from contracts.topics import agency_topic, fact_topic
from deploy.local.backends import Backends
from deploy.local.keys import token
from services.chassis import stalled
from services.chassis.auth import Keys
from services.chassis.readiness import NotReady
from services.chassis.run import utc_now
from services.chassis.stalled import Place, Stalls, StandsStill, shown
from services.chassis.store import Store, StoreAway
from services.chassis.subject import Aggregate, Input
from services.chassis.web import make_app
from services.law import skipping
from tests.conftest import Eventually
from tests.integration.test_bus import Pair, Running, committed, pair_on, publish, running
from tests.kit.engine.tiny import Clock, NotedV1, SpoiltV1, notes_of, parked_rows

AFTER = 60.0


class SkippedV1(RecordSkipping, Fact):
    """A record was to be passed over."""

    TYPE: ClassVar[str] = "pilots.tiny.record-skipped.v1"


SKIPPING = Aggregate(skipping.KIND, skipping.Skipped, skipping.deciding(SkippedV1), skipping.evolve)


class Readers:
    """Readers that are where a test puts them."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.skipped: list[Place] = []

    async def __call__(self) -> Sequence[Place]:
        """Where they are."""
        return self.places


async def test_what_does_not_get_on_for_long_is_told_of_until_it_does(store: Store, clock: Clock) -> None:
    readers = Readers()
    here = Stalls(store, readers, readers.skipped.append, clock, AFTER)
    idle = Readers()
    other = Stalls(store, idle, readers.skipped.append, clock, AFTER)
    slow, done = Place("t", 0, 5, 9, "NotForUs"), Place("t", 1, 7, 7)
    readers.places = [slow, done]
    await here.look()
    clock.forward(seconds=AFTER - 1)
    await here.look()
    await here.check()
    clock.forward(seconds=1)
    await here.look()
    with pytest.raises(StandsStill):
        await here.check()
    seen = await shown(store, readers)
    assert [(one["partition"], one["behind"], one["cause"]) for one in seen] == [(0, 4, "NotForUs"), (1, 0, None)]
    assert seen[0]["stands_since"] is not None and seen[1]["stands_since"] is None
    assert [one["partition"] for one in await shown(store, idle)] == [0], "another replica tells of it too"
    await other.look()
    assert len(await shown(store, idle)) == 1, "what is not its own it leaves alone"
    readers.places = [replace(slow, offset=6), done]
    await here.look()
    await here.check()
    assert await shown(store, idle) == []


async def test_whoever_is_far_behind_other_services_is_not_ready_and_an_agencys_backlog_is_no_fault(
    store: Store, clock: Clock
) -> None:
    readers = Readers()
    here = Stalls(store, readers, readers.skipped.append, clock, AFTER)
    await here.lags(1000)
    readers.places = [Place("pilots.intake.v1", 0, 0, 800), Place("pilots.intake.v1", 1, 0, 201)]
    await here.look()
    for at_fault in (True, False):
        with pytest.raises(NotReady, match="1001 facts of other services are not taken yet") as told:
            await here.lags(1000, at_fault=at_fault)
        assert told.value.at_fault is at_fault
    await here.lags(1001)
    clock.forward(seconds=AFTER * 3)
    await here.lags(1000)  # nothing was seen of Kafka for long: that is told of by another check
    readers.places = [Place(agency_topic("demo").name, 0, 0, 10**6)]
    await here.look()
    await here.lags(1000)


async def test_a_partition_that_goes_to_another_process_leaves_no_row_behind(store: Store, clock: Clock) -> None:
    first, second = Readers(), Readers()
    here, there = (Stalls(store, one, one.skipped.append, clock, AFTER) for one in (first, second))
    still = Place("t", 0, 5, 9)
    first.places, second.places = [still], [Place("t", 1, 7, 7)]

    async def stands() -> None:
        for _ in range(2):
            await here.look()
            await there.look()
            clock.forward(seconds=AFTER)
        assert [row["_id"] for row in await stalled.noted_rows(store)] == ["t/0"]

    await stands()
    first.places, second.places = [], [replace(still, offset=9), Place("t", 1, 7, 7)]
    await here.look()
    assert await stalled.noted_rows(store) == [], "who has lost it tells of it no longer"
    first.places, second.places = [still], [Place("t", 1, 7, 7)]
    await stands()
    second.places = [replace(still, offset=9), Place("t", 1, 7, 7)]
    await there.look()  # the first is killed
    assert await stalled.noted_rows(store) == [], "who has it now looks at what was said of it"
    second.places = [Place("t", 1, 7, 7)]
    await there.look()
    first.places = [still]
    await stands()
    clock.forward(seconds=stalled.FORGOTTEN.total_seconds())
    second.places = []
    await there.look()
    assert await stalled.noted_rows(store) == [], "nobody reads it any more, and who did is gone"


@pytest.fixture
def pair(backends: Backends) -> Pair:
    """A fresh service and source with their topics."""
    return pair_on(backends)


@asynccontextmanager
async def routes(backends: Backends, here: Running, standing: Stalls) -> AsyncIterator[httpx.AsyncClient]:
    """The routes of a service, asked by ops."""
    env = backends.service_env("intake")
    keys = Keys(env["LOTSMAN_JWKS"], env["LOTSMAN_ISSUER"], env["LOTSMAN_AUDIENCE"])
    app = make_app("reader", keys, here.engine, {}, lesser={"standing": standing.check})
    app.state.places = here.bus.places
    headers = {"Authorization": f"Bearer {token(backends.folder, ['ops'])}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
        yield client


@pytest.mark.apache_kafka
@pytest.mark.timeout(180)
async def test_a_record_that_can_never_be_taken_is_shown_and_passed_over_by_hand(
    backends: Backends, pair: Pair, eventually: Eventually
) -> None:
    async def prepare(_store: Store, inputs: Sequence[Input], _loaded: Any, _found: None) -> list[None]:
        if any(one.subject == "p1" for one in inputs):
            raise StoreAway("for ever")
        return [None] * len(inputs)

    topic = fact_topic(pair.source)
    await publish(backends, topic, [pair.fact("p1", 1, "never"), pair.fact("p2", 1, "then")], partition=0)
    service = replace(
        pair.service,
        prepare=prepare,
        aggregates={**pair.service.aggregates, skipping.KIND: SKIPPING},
        own=Language[Fact]((NotedV1, SpoiltV1, SkippedV1)),
    )
    async with running(backends, service, [pair.source], pair.name) as here:
        standing = Stalls(here.store, here.bus.places, here.bus.skip, utc_now, 0.5)

        async def stands() -> bool:
            await standing.look()
            try:
                await standing.check()
            except StandsStill:
                return True
            return False

        async with routes(backends, here, standing) as client:
            asked = {"record": f"{topic}/0/0", "why": "Проба: запись не берётся"}
            early = await client.post("/v1/reading/skip", json=asked)
            assert (early.status_code, early.json()["title"]) == (409, "reading.goes-on")
            await eventually(stands, within=60, every=0.3)
            assert (await client.get("/health/ready")).json()["status"] == "degraded"
            items = (await client.get("/v1/reading")).json()["items"]
            [still] = [one for one in items if one["stands_since"] is not None]
            assert (still["topic"], still["partition"], still["offset"], still["cause"]) == (topic, 0, 0, "StoreAway")
            beyond = await client.post("/v1/reading/skip", json=asked | {"record": f"{topic}/0/1"})
            assert beyond.status_code == 409
            answer = await client.post("/v1/reading/skip", json=asked)
            assert (answer.status_code, answer.json()) == (200, {"skips": f"{topic}/0/0"})

            async def goes_on() -> bool:
                await standing.look()
                return await committed(backends, pair.group) == 2

            await eventually(goes_on, within=60, every=0.3)
            document = (await here.engine.documents(["p2"]))["p2"]
            assert notes_of(document.state) == ("then",)
            [row] = await parked_rows(here.store, {})
            assert (row["offset"], row["status"]) == (0, "broken") and "passed over by hand" in row["cause"]
            [kept] = (await client.get("/v1/reading/skipped")).json()["items"]
            assert (kept["id"], kept["why"]) == (f"{topic}/0/0", asked["why"]) and kept["by"]

            async def whole() -> bool:
                await standing.look()
                return bool((await client.get("/health/ready")).json()["status"] == "ready")

            await eventually(whole, within=30, every=0.3)


@pytest.mark.apache_kafka
@pytest.mark.timeout(180)
async def test_of_a_partition_that_went_and_came_again_nothing_old_is_said(
    backends: Backends, pair: Pair, eventually: Eventually
) -> None:
    fails = True

    async def prepare(_store: Store, inputs: Sequence[Input], _loaded: Any, _found: None) -> list[None]:
        if fails and any(one.subject == "p1" for one in inputs):
            raise StoreAway("for now")
        return [None] * len(inputs)

    topic = fact_topic(pair.source)
    await publish(backends, topic, [pair.fact("p1", 1, "a")], partition=0)
    async with running(backends, replace(pair.service, prepare=prepare), [pair.source], pair.name) as here:

        async def places() -> dict[int, Place]:
            return {one.partition: one for one in await here.bus.places()}

        async def failing() -> bool:
            return (found := await places()).keys() == {0, 1, 2} and found[0].cause == "StoreAway"

        await eventually(failing, within=60, every=0.2)
        # Another process reads the partition whole, and leaves.
        async with running(backends, pair.service, [pair.source], f"{pair.name}_other") as other:
            fails = False
            await eventually(lambda: _has(committed(backends, pair.group), 1), within=60, every=0.2)
            await eventually(lambda: len(other.bus._consumers[pair.group].assignment()) > 0, within=60)
            here.bus._failing[f"{topic}/0"] = Place(topic, 0, 0, 1, "StoreAway"), object()  # what it said before

        async def whole() -> bool:
            found = await places()
            return found.keys() == {0, 1, 2} and (found[0].offset, found[0].end, found[0].cause) == (1, 1, None)

        await eventually(whole, within=60, every=0.2)


async def _has(asked: Any, wanted: int) -> bool:
    return bool(await asked == wanted)
