"""The lines of business that an engine writes on a real mongod: what came of each thing, with trace, pilot, event."""

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from services.chassis import business, telemetry
from services.chassis.logs import JsonLines
from services.chassis.saying import message_of
from tests.kit.engine.engines import Make
from tests.kit.engine.tiny import START, Clock, Forbid, Note, Topic, claimed

TRACE = "ab" * 16
TRACED = (("traceparent", f"00-{TRACE}-{'c' * 16}-01".encode()),)


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines since the last look, as they stand in the log."""
    written = [JsonLines("tiny").format(one) for one in caplog.records if one.name == business.__name__]
    caplog.clear()
    return [json.loads(line) for one in written for line in one.splitlines()]


def short(line: dict[str, Any]) -> tuple[str, ...]:
    return line["level"], line["message"], line.get("from") or line["to"], line["pilot"], line["event"]


async def test_whatever_happens_stands_in_the_log_with_its_trace_its_pilot_and_its_event(
    make: Make, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    unkept = TracerProvider(sampler=ALWAYS_OFF).get_tracer(
        "lotsman"
    )  # a trace that is not kept has its id all the same
    monkeypatch.setattr(telemetry, "_tracer", unkept)
    caplog.set_level(logging.INFO)
    engine, left = make(), Topic("left")
    came = [left.record("p1", 1, "a+b"), left.record("p2", 2, "c"), left.record("p3", 1, "explode")]
    await engine.records([left.raw(one.value, key=one.key.decode(), headers=TRACED) for one in came if one.key])
    lines = told(caplog)
    assert {one["trace"] for one in lines} == {TRACE}
    assert [short(one) for one in lines] == [
        ("INFO", "taken", "left", "p1", "left-p1-1"),
        ("INFO", "parked as waiting: gap: left 1 has not arrived", "left", "p2", "left-p2-2"),
        ("ERROR", lines[2]["message"], "left", "p3", "left-p3-1"),
        *(("INFO", "sent", "pilots.tiny.v1", "p1", one["event"]) for one in lines[3:]),
    ]
    assert lines[2]["message"].startswith("parked as broken: ValueError")
    assert [one["sequence"] for one in lines[3:]] == [1, 2] and len(lines) == 5

    due = START + timedelta(hours=1)
    await engine.commands([claimed("p1", "k-1", Note(("d",), due=due)), claimed("p2", "k-2", Forbid())])
    await engine.command(claimed("p1", "k-1", Note(("d",), due=due)))
    clock.forward(hours=1)
    await engine.timers()
    lines = told(caplog)
    assert all(len(one["trace"]) == 32 for one in lines)
    assert [short(one)[1:] for one in lines if "from" in one] == [
        ("commanded", "person", "p1", "k-1"),
        ("refused: tiny.forbidden", "person", "p2", "k-2"),
        ("known already", "person", "p1", "k-1"),
        ("fired", "timer", "p1", f"timer:p1:{due.isoformat()}"),
    ]
    assert {one["command"] for one in lines if "from" in one} == {"Note", "Forbid", "Tick"}


async def test_ids_that_may_tell_of_somebody_are_masked_and_a_level_leaves_lines_out(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    engine = make()
    await engine.command(claimed("Пробный Образец", "exemplar@example.org", Note(("a",))))
    assert told(caplog) == []
    caplog.set_level(logging.INFO)
    await engine.command(claimed("Пробный Образец", "+375 29 000-00-00", Note(("a",))))
    [line] = told(caplog)
    assert (line["pilot"], line["event"]) == ("•••", "•••")
    caplog.clear()
    key = "0b0c62f5-9a1f-4d6e-8f0e-3f1d2c4b5a69"
    await engine.command(claimed("p-1", f"exemplar@example.org:{key}", Note(("b",))))
    [line] = told(caplog)
    assert line["event"] == f"•••:{key}", "by whom is masked, and by its key it is found all the same"


def test_other_formats_show_the_same_lines() -> None:
    record = logging.LogRecord(business.__name__, 20, "", 1, business.Lines(['"a": 1', '"b": 2']), None, None)
    assert record.getMessage() == message_of(record) == '{"a": 1}\n{"b": 2}'
