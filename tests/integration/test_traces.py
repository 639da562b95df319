"""Traces through Kafka and MongoDB themselves: what is parked, what its agency is told of it and what becomes of it."""

import asyncio
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from contracts.topics import agency_topic, receipts_topic
from deploy.access import add_agency
from deploy.local.backends import Backends
from services.chassis.bus import AGENCIES
from services.chassis.web import _parked
from services.intake.service import SERVICE as INTAKE
from tests.conftest import Eventually
from tests.integration.test_bus import Running, _event, enter, everything, publish, running
from tests.kit.engine.tiny import parked_rows
from tests.kit.tracing import trace_of, traced

pytestmark = [pytest.mark.apache_kafka, pytest.mark.timeout(180)]

NEWER = "pilots.agency.application-submitted.v9"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Every span of this test."""
    return traced(monkeypatch)


def traces(some: Iterable[ReadableSpan], event: str) -> set[str]:
    """The traces of the spans of what was read of an event."""
    of_event = [one for one in some if (one.attributes or {}).get("pilot.event.id") == event]
    return {f"{one.context.trace_id:032x}" for one in of_event if one.context and one.name.startswith("process ")}


def check_sent(some: Iterable[ReadableSpan], receipt: dict[str, Any]) -> None:
    """Checks that a receipt was sent in a span of its own, below the reading of what it answers, and carries that."""
    topic = receipts_topic(receipt["data"]["agency"]).name
    spans = {f"{one.context.span_id:016x}": one for one in some if one.context}
    _, trace, id_, _ = receipt["headers"]["traceparent"].decode().split("-")
    sent = spans[id_]
    assert sent.context is not None and f"{sent.context.trace_id:032x}" == trace == trace_of(receipt["traceparent"])
    assert (sent.name, sent.kind.name) == (f"send {topic}", "PRODUCER")
    said = dict(sent.attributes or {})
    size = said.pop("messaging.message.body.size")
    assert isinstance(size, int) and size > 100
    assert said == {
        "pilot.id": receipt["subject"],
        "pilot.event.id": receipt["id"],
        "pilot.event.type": receipt["type"],
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": topic,
        "messaging.message.id": receipt["id"],
    }
    assert sent.parent is not None and spans[f"{sent.parent.span_id:016x}"].name.startswith("process pilots.agency.")


async def parked(here: Running, topic: str) -> list[dict[str, Any]]:
    """What is parked of a topic, as ops see it, in the order in which it stands there."""
    shown = [_parked(row) for row in await parked_rows(here.store, {"topic": topic})]
    return sorted(shown, key=lambda one: int(one["offset"]))


async def test_an_event_that_names_no_trace_is_parked_told_of_and_taken_up_in_that_of_its_first_reading(
    backends: Backends, eventually: Eventually, spans: InMemorySpanExporter
) -> None:
    mark = uuid4().hex[:8]
    code = f"demo-{mark}"
    topic, told = agency_topic(code).name, receipts_topic(code).name
    await asyncio.to_thread(add_agency, backends.kafka.admin(), code, None)

    async def receipts(count: int) -> list[dict[str, Any]]:
        async def all_there() -> bool:
            return len(await everything(backends, told)) == count

        await eventually(all_there, within=30)
        return await everything(backends, told)

    async with running(backends, INTAKE, [AGENCIES], f"test_{mark}", reader=f"intake-{mark}") as here:
        await publish(backends, topic, [_event(code, 1), _event(code, 2, type=NEWER)])

        async def both() -> bool:
            return len(await parked(here, topic)) == 2

        await eventually(both, within=90)
        first, newer = await parked(here, topic)
        assert {first["trace"]} == traces(spans.get_finished_spans(), f"{code}-1")
        assert {newer["trace"]} == traces(spans.get_finished_spans(), f"{code}-2")
        assert first["trace"] != newer["trace"]
        said = {one["id"]: one for one in await receipts(2)}
        for record in (first, newer):
            receipt = said[f"parked:{record['id']}"]
            assert receipt["data"]["outcome"] == "parked"
            assert trace_of(receipt["traceparent"]) == record["trace"]
            check_sent(spans.get_finished_spans(), receipt)

        await enter(here.engine, code)
        assert len(await here.engine.parking.redrive([first["id"], newer["id"]])) == 1
        assert [one["trace"] for one in await parked(here, topic)] == [newer["trace"]], "fed again it is the same"
        taken = (await receipts(3))[2]
        assert (taken["data"]["outcome"], trace_of(taken["traceparent"])) == ("registered", first["trace"])
        check_sent(spans.get_finished_spans(), taken)
        for event, record in ((f"{code}-1", first), (f"{code}-2", newer)):
            assert traces(spans.get_finished_spans(), event) == {record["trace"]}, "and so are its spans"
