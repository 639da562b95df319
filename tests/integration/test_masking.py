"""A secret in every place of every event, in every way to get parked: it is in no view, log line, span or metric."""

import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest

from contracts.agency import AGENCY
from contracts.expertise import EXPERTISE
from contracts.freeze import example
from contracts.intake import INTAKE
from contracts.registry import REGISTRY
from contracts.topics import AGENCY_MAX_BYTES, agency_topic, fact_topic
from services.chassis.engine import Engine
from services.chassis.logs import JsonLines
from services.chassis.service import Service
from services.chassis.subject import Record
from services.chassis.web import _parked
from services.expertise.service import SERVICE as EXPERTISE_SERVICE
from services.intake.service import SERVICE as INTAKE_SERVICE
from services.registry.service import SERVICE as REGISTRY_SERVICE
from tests.kit.engine.engines import Make
from tests.kit.engine.tiny import parked_rows
from tests.kit.secret import SECRET, bytes_of, revealed, with_secret
from tests.kit.tracing import traced

FACTS: dict[str, tuple[Service, Any]] = {
    "intake": (EXPERTISE_SERVICE, INTAKE),
    "expertise": (REGISTRY_SERVICE, EXPERTISE),
    "registry": (INTAKE_SERVICE, REGISTRY),
}
"""By topic: a service that reads it, and what stands there."""


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """All spans that leave."""
    return traced(monkeypatch, masked=True)


class Topic:
    """Records one after another, each with the secret in its key and in headers that are not all text."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.records = list[Record]()

    def add(self, value: bytes) -> None:
        headers = ((SECRET, SECRET.encode()), ("ce_id", b"\xff\xfe"), ("traceparent", SECRET.encode()), ("x", b"\xff"))
        self.records.append(Record(self.name, 0, len(self.records), SECRET.encode(), value, headers))


def bad(event: dict[str, Any]) -> Iterator[bytes]:
    """Every way in which an event is none that can be taken, with the secret in every place."""
    for _, wrong in with_secret(event):
        yield bytes_of(wrong)
    whole = bytes_of({**event, SECRET: SECRET})
    yield from (whole[:-2], whole + SECRET.encode(), b"\xff" + whole, SECRET.encode(), bytes_of([SECRET]), b"")
    yield bytes_of({**event, "type": event["type"].rpartition(".")[0] + ".v99", SECRET: SECRET})
    yield bytes_of({**event, "type": f"{SECRET}.v1"})
    yield bytes_of({**event, "data": {**event["data"], SECRET: SECRET}, "id": SECRET, "subject": SECRET})
    yield whole.replace(b"{", b'{"id": "' + SECRET.encode() + b'", ', 1)


async def shown(engine: Engine, caplog: pytest.LogCaptureFixture, spans: InMemorySpanExporter) -> tuple[int, str]:
    """How many records are parked, and all that is shown of whatever happened."""
    rows = await parked_rows(engine.store, {})
    views = [json.dumps(_parked(row), ensure_ascii=False) for row in rows]
    causes = [row["cause"] for row in rows]
    lines = [JsonLines("test").format(record) for record in caplog.records]
    left = [one.to_json() for one in spans.get_finished_spans()]
    assert left, "something was traced"
    return len(rows), "\n".join([*views, *causes, *lines, *left, generate_latest().decode()])


async def took(engine: Engine, records: Sequence[Record]) -> None:
    for start in range(0, len(records), 200):
        await engine.records(records[start : start + 200])
    await engine.parking.redrive([records[0].id])
    await engine.parking.sweep()


@pytest.mark.parametrize("owner", sorted(FACTS))
async def test_a_secret_in_a_fact_that_cannot_be_applied_shows_nowhere(
    owner: str, make: Make, caplog: pytest.LogCaptureFixture, spans: InMemorySpanExporter
) -> None:
    caplog.set_level(logging.INFO)
    service, language = FACTS[owner]
    engine, topic = make(service), Topic(fact_topic(owner))
    for name in sorted(language.classes):
        for value in bad(example(name)):
            topic.add(value)
    await took(engine, topic.records)
    parked, text = await shown(engine, caplog, spans)
    assert parked > len(language.classes) * 10
    assert not revealed(text)


async def test_a_secret_in_an_event_of_an_agency_that_waits_for_a_hand_shows_nowhere(
    make: Make, caplog: pytest.LogCaptureFixture, spans: InMemorySpanExporter
) -> None:
    caplog.set_level(logging.INFO)
    engine, topic = make(INTAKE_SERVICE), Topic(agency_topic("demo").name)  # it is in no directory, so all of it waits
    for name in sorted(AGENCY.classes):
        event = {**example(name), "source": "/agencies/demo"}
        for number, value in enumerate(bad(event)):  # each with an id of its own, where it has one
            topic.add(value.replace(bytes_of(event["id"]), bytes_of(f"{event['id']}-{number}"), 1))
    topic.add(json.dumps({"id": "x", "data": SECRET + "x" * AGENCY_MAX_BYTES}, ensure_ascii=False).encode())
    await took(engine, topic.records)
    parked, text = await shown(engine, caplog, spans)
    assert parked > len(AGENCY.classes) * 10
    assert not revealed(text)
