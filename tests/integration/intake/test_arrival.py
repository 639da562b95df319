"""How long an agency's event takes to the register is measured from when it came, on a real Kafka and a real mongod:
in its topic while intake is down, parked, in the outbox, and over HTTP from the head of its request."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from contracts.agency import ApplicationSubmittedV2
from contracts.intake import ApplicationRegisteredV1
from contracts.topics import agency_topic, fact_topic
from deploy.access import add_agency
from deploy.cli.main_job import application
from deploy.local.backends import Backends
from services.chassis import arrival
from services.chassis.bus import AGENCIES
from services.chassis.run import utc_now
from services.intake.domain.state import pilot_id
from services.intake.service import SERVICE as INTAKE
from services.registry.service import SERVICE as REGISTRY
from tests.conftest import Eventually
from tests.integration.intake.conftest import app_of
from tests.integration.test_bus import Running, enter, everything, publish, running
from tests.kit.engine.tiny import parked_rows
from tests.kit.tracing import traced

pytestmark = [pytest.mark.apache_kafka, pytest.mark.timeout(180)]
WHILE = timedelta(seconds=1)
"""So long it stands in each place."""


class Noted:
    """How long each event took to the register, by its trace."""

    def __init__(self) -> None:
        self.seconds = dict[str, list[float]]()

    def observe(self, seconds: float, exemplar: Mapping[str, str] | None = None) -> None:
        """One time, as the histogram is told it."""
        self.seconds.setdefault((exemplar or {}).get("trace_id", ""), []).append(seconds)


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> Noted:
    """What the metric of this process is told: other tests' facts stand in the same topics."""
    made = Noted()
    monkeypatch.setattr(arrival, "TO_REGISTER", made)
    # A test before may have set up tracing that records nothing: then no time is told with its trace.
    traced(monkeypatch)
    return made


class Told:
    """An agency of this test alone, and its one event."""

    def __init__(self, backends: Backends) -> None:
        self.backends = backends
        self.mark = uuid4().hex[:8]
        self.code = f"demo-{self.mark}"
        self.trace = uuid4().hex
        traceparent = f"00-{self.trace}-{'b' * 16}-01"
        self.event = application(1, self.code, kind=ApplicationSubmittedV2.TYPE, traceparent=traceparent)
        self.pilot = pilot_id(self.code, self.event["id"])

    @property
    def body(self) -> bytes:
        """The event as it is sent."""
        return json.dumps(self.event).encode()

    async def stands(self, here: Running) -> bool:
        """Whether a service has its pilot."""
        found = await here.engine.documents([self.pilot])
        return self.pilot in found and found[self.pilot].version > 0

    async def fact(self) -> ApplicationRegisteredV1:
        """What intake said of it, perhaps more than once: the sweep sends again what it finds not sent."""
        found = await everything(self.backends, fact_topic("intake"))  # what other tests left there may be anything
        own = [one for one in found if one.get("subject") == self.pilot]
        [data] = {one["id"]: one["data"] for one in own if one["type"] == ApplicationRegisteredV1.TYPE}.values()
        return ApplicationRegisteredV1.model_validate(data)

    def intake(self) -> Any:
        """Intake, which reads agencies' topics."""
        return running(self.backends, INTAKE, [AGENCIES], f"test_in_{self.mark}", reader=f"intake-{self.mark}")

    def registry(self) -> Any:
        """The register, which reads intake's facts."""
        return running(self.backends, REGISTRY, ["intake"], f"test_re_{self.mark}", reader=f"registry-{self.mark}")


@pytest.fixture
async def told(backends: Backends) -> Told:
    """A fresh agency with its topics."""
    made = Told(backends)
    await asyncio.to_thread(add_agency, backends.kafka.admin(), made.code, None)
    return made


async def test_time_in_its_topic_parked_and_in_the_outbox_is_part_of_an_events_way_to_the_register(
    backends: Backends, told: Told, noted: Noted, eventually: Eventually
) -> None:
    async def passed(since: datetime) -> None:
        await eventually(lambda: utc_now() - since > WHILE, within=10)

    began = utc_now()
    await publish(backends, agency_topic(told.code).name, [("1", told.body)])
    sent = utc_now()
    await passed(sent)  # nobody reads
    async with told.intake() as intake:
        asked = {"topic": agency_topic(told.code).name}
        [row] = await eventually(lambda: parked_rows(intake.store, asked), within=90)
        assert began - timedelta(milliseconds=1) <= row["came"] <= sent
        assert row["at"] - row["came"] > WHILE, "it stood in its topic"
        await passed(row["at"])
        await intake.engine.parking.redrive([row["_id"]])
        [again] = await parked_rows(intake.store, asked)
        assert again["came"] == row["came"], "its agency is not in the directory yet"
        await enter(intake.engine, told.code)
        intake.gate.clear()
        feeding = asyncio.create_task(intake.engine.parking.redrive([row["_id"]]))
        await eventually(lambda: told.stands(intake), within=30)
        await passed(utc_now())  # its facts cannot be sent
        intake.gate.set()
        assert await feeding == [row["_id"]]
        fact = await told.fact()
        assert fact.came == row["came"] and fact.received - row["came"] > 2 * WHILE
        async with told.registry() as registry:
            await eventually(lambda: told.stands(registry), within=90)
            [seconds] = await eventually(lambda: noted.seconds.get(told.trace), within=10)
            whole = (utc_now() - sent).total_seconds()
    assert 3 * WHILE.total_seconds() < seconds < whole + 1


async def test_over_http_an_event_came_with_the_head_of_its_request(
    told: Told, noted: Noted, eventually: Eventually
) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield told.body[:100]
        began = utc_now()
        await eventually(lambda: utc_now() - began > WHILE, within=10)
        yield told.body[100:]

    async with told.intake() as intake:
        await enter(intake.engine, told.code)
        intake.gate.clear()
        transport, began = httpx.ASGITransport(app_of(intake.engine)), utc_now()
        headers = {"Authorization": f"Bearer publisher@{told.code}", "Content-Type": "application/json"}
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            answer = await client.post("/v1/events", content=slowly(), headers=headers)
        assert answer.status_code == 201, answer.text
        answered = utc_now()
        await eventually(lambda: utc_now() - answered > WHILE, within=10)  # its facts cannot be sent
        intake.gate.set()
        async with told.registry() as registry:
            await eventually(lambda: told.stands(registry), within=90)
            [seconds] = await eventually(lambda: noted.seconds.get(told.trace), within=10)
        fact = await told.fact()
    assert fact.came is not None and began - timedelta(milliseconds=1) <= fact.came
    assert fact.received - fact.came > WHILE, "while its body came"
    assert seconds > 2 * WHILE.total_seconds()
