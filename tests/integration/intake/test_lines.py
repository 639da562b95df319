"""The lines of business of intake's doors: also of what is refused before anything is decided, and of receipts."""

import json
import logging
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from contracts.agency import ReceiptIssuedV1
from contracts.topics import receipts_topic
from services.chassis import business, telemetry
from services.chassis.engine import Engine
from services.chassis.logs import JsonLines
from services.intake.domain.state import pilot_id
from tests.integration.intake.test_parked import NEWER
from tests.kit.engine.tiny import Broker, Clock
from tests.kit.intake.sides import PILOT, RETURN, Ask, submitted

TRACE = "ab" * 16
TRACED = {"traceparent": f"00-{TRACE}-{'c' * 16}-00"}
BATCH = {"content-type": "application/cloudevents-batch+json", **TRACED}
SECRET = "Пробный Образец"


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines since the last look, as they stand in the log."""
    written = [JsonLines("intake").format(one) for one in caplog.records if one.name == business.__name__]
    caplog.clear()
    return [json.loads(line) for one in written for line in one.splitlines()]


async def test_what_is_refused_before_anything_is_decided_has_its_line_and_no_other(
    engine: Engine, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    newer = {**submitted(3), "type": NEWER}
    assert (await ask("post", "/v1/events", json=newer, headers=TRACED)).status_code == 422
    [line] = told(caplog)
    assert (line["message"], line["from"], line["asked"]) == (
        "refused: event.newer-version",
        "agency:demo",
        "POST /v1/events",
    )
    assert (line["level"], line["type"], line["event"]) == ("INFO", NEWER, "demo-3")
    assert (line["pilot"], len(line["trace"])) == (pilot_id("demo", "demo-3"), 32)

    some = [newer, submitted(1), {**newer, "id": SECRET}]
    assert (await ask("post", "/v1/events", json=some, headers=BATCH)).status_code == 207
    lines = told(caplog)
    refused = [one for one in lines if "asked" in one]
    assert [(one["message"], one["event"]) for one in refused] == [
        ("refused: event.newer-version", "demo-3"),
        ("refused: event.newer-version", "•••"),
    ]
    assert [(one["message"], one["event"]) for one in lines if "asked" not in one] == [("taken", "demo-1")]

    path, officer = f"/v1/applications/{PILOT}/return", "officer"
    body = RETURN.model_dump(mode="json")
    asked: tuple[tuple[str, int, dict[str, Any]], ...] = (
        ("request.invalid", 422, {"json": {"reasons": SECRET}, "headers": {"Idempotency-Key": "k-1"}}),
        ("idempotency-key.missing", 400, {"json": body, "headers": {"If-Match": '"1"'}}),
        ("auth.role", 403, {"json": body, "token": "auditor", "headers": {"Idempotency-Key": SECRET.encode()}}),
    )
    for rule, status, more in asked:
        answer = await ask("post", path, **{"token": officer, **more})
        assert (answer.status_code, answer.json()["title"]) == (status, rule), answer.text
        [line] = told(caplog)
        assert (line["message"], line["from"], line["pilot"]) == (f"refused: {rule}", "person", PILOT)
        key = more["headers"].get("Idempotency-Key")
        assert line["event"] == (None if key is None else "u-2001:k-1" if key == "k-1" else "•••")
        assert line["asked"] == "POST /v1/applications/{pilot}/return" and SECRET not in json.dumps(line)

    gone = await ask("post", path, officer, json=body, headers={"Idempotency-Key": "k-2", "If-Match": '"99"'})
    assert gone.status_code == 412
    [line] = told(caplog)
    assert line["message"] == "refused: stale" and "asked" not in line, "the engine tells of it, and nobody else"


async def test_who_is_not_known_or_only_looks_or_is_to_come_again_fills_no_log(
    engine: Engine, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert (await ask("post", "/v1/events", json={}, headers={"Authorization": ""})).status_code == 401
    assert (await ask("get", f"/v1/applications/{PILOT}", "officer")).status_code == 404
    assert (await ask("post", "/v1/events/validate", json={**submitted(), "type": NEWER})).status_code == 422
    assert told(caplog) == []
    assert (await ask("post", f"/v1/nowhere/{SECRET}", json={})).status_code == 404
    [line] = told(caplog)
    assert (line["message"], line["asked"], line["pilot"], line["event"]) == ("refused: http.404", "POST", None, None)


async def test_a_receipt_that_its_topic_took_has_its_line_also_where_it_was_withheld(
    engine: Engine,
    ask: Ask,
    broker: Broker,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(telemetry, "_tracer", TracerProvider(sampler=ALWAYS_OFF).get_tracer("lotsman"))
    topic = receipts_topic("demo").name
    broker.closed = {topic}
    caplog.set_level(logging.INFO)
    assert (await ask("post", "/v1/events", json=submitted())).status_code == 201
    await engine.outbox.flush()
    assert {one["to"] for one in told(caplog) if one["message"] == "sent"} == {"pilots.intake.v1"}
    broker.closed = set()
    clock.forward(minutes=5)
    await engine.withheld.again()
    sent = [one for one in told(caplog) if one["message"] == "sent"]
    assert {(one["to"], one["pilot"], one["type"]) for one in sent} == {(topic, PILOT, ReceiptIssuedV1.TYPE)}
    assert (await ask("post", "/v1/events", json=submitted(2))).status_code == 201
    await engine.outbox.flush()
    lines = [one for one in told(caplog) if one["message"] == "sent"]
    [receipt] = [one for one in lines if one["to"] == topic]
    facts = [one for one in lines if one["to"] != topic]
    assert receipt["event"] in {f"{one['event']}.receipt" for one in facts}
    assert receipt["trace"] == facts[0]["trace"] and receipt["pilot"] == facts[0]["pilot"]
