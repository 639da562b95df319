"""`./lotsman trace` shows what belongs to what was asked for, in order, with the time of the clock."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.cli import traces as verb
from deploy.cli.__main__ import main
from deploy.local.asked_traces import spans_of
from deploy.local.ports import Ports
from deploy.local.traces import Receiver
from services.chassis.masking import MASK
from services.chassis.told_traces import PLACE, Span, event_at, stretches, traces_in, worked_ns

NOON = 1_767_182_400 * 10**9
"""2025-12-31T12:00:00Z."""
ONE, OTHER = "4fe80acb-8a65-586f-8092-50953a736486", "5fe80acb-8a65-586f-8092-50953a736486"
SUBMITTED, ACCEPTED, BULK = "a" * 32, "b" * 32, "c" * 32
FACT = "6fe80acb-8a65-486f-8092-50953a736486"
AT = ("pilots.agency.demo.v1", "0", 7)


def span(trace: str, id_: str, above: str, name: str, at: float, took: float = 5, **more: Any) -> Span:
    """A span of intake that begins and ends so many milliseconds after noon."""
    start = NOON + int(at * 1e6)
    names = {"pilot": "pilot.id", "event": "pilot.event.id", "error": "error.type"}
    attributes = {names[key]: value for key, value in more.items() if key in names}
    attributes |= dict(zip(PLACE, more.get("place", ()), strict=False))
    status = "error" if "error" in more else "unset"
    return Span(trace, id_, above, "intake", name, "internal", start, start + int(took * 1e6), status, attributes, [])


SPANS = [
    span(BULK, "c1", "", "POST /v1/acceptances", 9_000, 900),
    span(BULK, "c2", "c1", "decide Accept", 9_010, pilot=ONE, event="u-1:k-1"),
    span(BULK, "c3", "c1", "decide Accept", 9_020, pilot=OTHER, event="u-1:k-2"),
    span(BULK, "c4", "c1", "lotsman.find", 9_005),
    span(BULK, "c5", "c2", "send pilots.intake.v1", 9_030, pilot=ONE, event=FACT),
    span(BULK, "c6", "c5", "process pilots.intake.v1", 9_040, pilot="series:2026", event=FACT),
    span(BULK, "c7", "c6", "lotsman.update", 9_041),
    span(BULK, "c8", "c2", "send pilots.receipts.demo.v1", 9_045, pilot=ONE, event=f"{FACT}.receipt"),
    span(SUBMITTED, "a1", "00f067aa0ba902b7", "process pilots.agency.demo.v1", 0, pilot=ONE, event="app-1", place=AT),
    span(SUBMITTED, "a2", "a1", "lotsman.insert", 2.5),
    span(ACCEPTED, "b1", "", "decide Return", 4_000.25, 3_000, pilot=OTHER, event="u-1:k-9", error="broken"),
]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which these spans are kept."""
    monkeypatch.setenv("LOTSMAN_HOME", str(tmp_path))
    receiver = Receiver(tmp_path / "traces.sqlite", Ports.free()["otlp"])
    receiver.start()
    receiver.keep(SPANS)
    receiver.stop()
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[dict[str, Any], str]:
    """What the verb tells a program, and what it says to people."""
    capsys.readouterr()
    assert main(["trace", *words, "--json"]) == 0
    written = capsys.readouterr()
    return json.loads(written.out.splitlines()[-1]), written.err


def names(found: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(one["trace"], [s["span_id"] for s in one["spans"]]) for one in found["traces"]]


def test_a_pilots_traces_come_in_order_and_a_bulk_commands_trace_is_cut_to_it(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, said = told(capsys, ONE.upper())
    mine = [(SUBMITTED, ["a1", "a2"]), (BULK, ["c1", "c2", "c5", "c6", "c7", "c8"])]
    assert names(found) == mine, "what it caused belongs to it; the other pilot, and what was done for both, does not"
    assert found["traces"][0]["began"] == "2025-12-31T12:00:00.000Z" and found["traces"][1]["took_ms"] == 900
    assert "12:00:09.030 intake send pilots.intake.v1" in said and "+30 ms, 5.0 ms" in said
    assert "12:00:00.002 intake lotsman.insert" in said
    assert names(told(capsys, ONE, "--slowest")[0]) == mine
    assert main(["trace", ONE, "--errors"]) == 1


def test_an_event_a_receipt_and_a_trace_are_found_as_well(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert names(told(capsys, "app-1")[0]) == [(SUBMITTED, ["a1", "a2"])]
    assert names(told(capsys, "parked:pilots.agency.demo.v1/0/7")[0]) == [(SUBMITTED, ["a1", "a2"])]
    assert main(["trace", "parked:pilots.agency.demo.v1/0/8"]) == 1, "another record"
    caused = [(BULK, ["c1", "c2", "c5", "c6", "c7", "c8"])]
    assert names(told(capsys, FACT)[0]) == names(told(capsys, f"{FACT}.receipt")[0]) == caused
    assert names(told(capsys, BULK)[0])[0][1] == ["c1", "c4", "c2", "c3", "c5", "c6", "c7", "c8"], "a trace is whole"
    found, said = told(capsys, OTHER, "--errors")
    assert names(found) == [(ACCEPTED, ["b1"])] and "error broken" in said
    assert main(["trace", "nothing-1"]) == 1
    assert "No trace of nothing-1 is kept here" in capsys.readouterr().err


def test_the_receipt_of_an_event_with_a_masked_id_leads_to_its_own_trace_and_a_mask_is_nobodys_name(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("pilots.agency.demo.v1", "0", "9")
    masked = [
        span("1" * 32, "m1", "", "process pilots.agency.demo.v1", 0, pilot=MASK, event=MASK, place=place),
        span("2" * 32, "m2", "", "PUT /v1/agencies/{code}", 0, event=MASK),
    ]
    receiver = Receiver(kept / "traces.sqlite", Ports.free()["otlp"])
    receiver.start()
    receiver.keep(masked)
    receiver.stop()
    assert names(told(capsys, "parked:pilots.agency.demo.v1/0/9")[0]) == [("1" * 32, ["m1"])]
    assert main(["trace", MASK]) == 1
    [found] = traces_in(masked[:1], event_at(masked, dict(zip(PLACE, place, strict=True))) or "")
    assert found.id == "1" * 32, "so it is where the traces are a Jaeger's"


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What intake is asked for; it knows one number."""
    asked = list[str]()

    def answer(_role: object, service: str, _method: str, path: str, *, fine: int) -> httpx.Response:
        asked.append(f"{service}{path}")
        known = "ПП-2026-000001" in path
        return httpx.Response(200 if known else fine, json={"id": ONE} if known else {})

    monkeypatch.setattr(verb, "answer_of", answer)
    return asked


def test_a_registration_number_is_asked_of_intake(
    kept: Path, capsys: pytest.CaptureFixture[str], numbers: list[str]
) -> None:
    assert [one["trace"] for one in told(capsys, "пп-2026-000001")[0]["traces"]] == [SUBMITTED, BULK]
    assert numbers == ["intake/v1/applications/ПП-2026-000001/id"]
    assert main(["trace", "ПП-2026-000001", "--demo"]) == 1
    assert main(["trace", "ПП-2026-000002"]) == 1
    assert "No trace of ПП-2026-000002 is kept here" in capsys.readouterr().err


def test_an_event_that_is_called_like_a_registration_number_is_found(
    kept: Path, capsys: pytest.CaptureFixture[str], numbers: list[str]
) -> None:
    receiver = Receiver(kept / "traces.sqlite", Ports.free()["otlp"])
    receiver.start()
    receiver.keep([span("3" * 32, "n1", "", "process pilots.agency.demo.v1", 0, event="app-2026-0017")])
    receiver.stop()
    assert names(told(capsys, "app-2026-0017")[0]) == [("3" * 32, ["n1"])] and not numbers


def test_the_slowest_and_those_that_failed_are_listed(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, _ = told(capsys, "--slowest", "--most", "2")
    assert [(one["trace"], one["took_ms"], one["failed"]) for one in found["traces"]] == [
        (ACCEPTED, 3000, True),
        (BULK, 900, False),
    ]
    assert found["traces"][1]["pilots"] == [ONE, OTHER, "series:2026"]
    assert [one["trace"] for one in told(capsys, "--errors")[0]["traces"]] == [ACCEPTED]
    assert [one["trace"] for one in told(capsys)[0]["traces"]] == [BULK, ACCEPTED, SUBMITTED], "the newest first"


def test_a_record_that_was_parked_for_hours_is_not_slow_for_that(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, port, parked, two_hours = kept / "traces.sqlite", Ports.free()["otlp"], "e" * 32, 7_200_000
    receiver = Receiver(path, port)
    receiver.start()
    receiver.keep([span(parked, "e2", "e1", "decide Submit", two_hours, 40, pilot="p-7")])
    receiver.keep([span(parked, "e1", "", "process pilots.agency.demo.v1", 0, 60, pilot="p-7")])
    receiver.keep([span(parked, "e3", "e1", "lotsman.insert", 50, 20)] * 2)  # an export that came twice
    receiver.stop()
    found, said = told(capsys, "--slowest", "--most", "3")
    assert [(one["trace"], one["took_ms"], one["worked_ms"]) for one in found["traces"]] == [
        (ACCEPTED, 3000, 3000),
        (BULK, 900, 900),
        (parked, two_hours + 40, 110),
    ]
    assert "worked ms" in said
    [one] = told(capsys, "p-7", "--slowest")[0]["traces"]
    assert (one["took_ms"], one["worked_ms"]) == (two_hours + 40, 110)
    with closing(sqlite3.connect(path)) as store:  # as an earlier program left it, which ranked by how long they took
        store.executescript(
            "DROP TABLE traces; CREATE TABLE traces (trace_id TEXT PRIMARY KEY, start_ns, end_ns, failed);"
            "CREATE INDEX slowest ON traces (end_ns - start_ns, trace_id);"
            f"INSERT INTO traces VALUES ('{parked}', 0, 1, 0)"
        )
    receiver = Receiver(path, port)
    receiver.start()
    receiver.stop()
    assert told(capsys, "--slowest", "--most", "3")[0] == found


def test_of_many_stretches_of_work_those_nearest_to_each_other_are_taken_for_one() -> None:
    spans = [(100 * n, 100 * n + 10) for n in range(5)] + [(1000, 1001), (5, 7), (95, 105), (600, 600)]
    apart = [(0, 10), (95, 110), (200, 210), (300, 310), (400, 410), (600, 600), (1000, 1001)]
    assert stretches(reversed(spans)) == apart and worked_ns(apart) == 56
    assert stretches(spans, 7) == apart
    assert stretches(spans, 3) == [(0, 410), (600, 600), (1000, 1001)]
    assert stretches(spans, 1) == [(0, 1001)] and stretches([], 1) == []


def test_what_runs_in_a_circle_is_shown_all_the_same(kept: Path) -> None:
    receiver = Receiver(kept / "traces.sqlite", Ports.free()["otlp"])
    receiver.start()
    circle = "d" * 32
    receiver.keep([span(circle, "d1", "d2", "x", 1, pilot="p-9"), span(circle, "d2", "d1", "y", 2, pilot="p-8")])
    receiver.stop()
    assert len(spans_of(kept / "traces.sqlite", "p-9")) == 2
    assert main(["trace", "p-9", "--json"]) == 0
