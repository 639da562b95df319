"""Spans arrive over OTLP, are kept by age and size and come back as a tree."""

import gzip
import socket
import sqlite3
import struct
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from opentelemetry import trace as api
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.util.types import AttributeValue
from rich.console import Console

from deploy.cli.traces import tree
from deploy.complaint import Complaint
from deploy.local.asked_traces import spans_of
from deploy.local.kept import Kept
from deploy.local.ports import Ports
from deploy.local.stack import Stack
from deploy.local.traces import (
    GIVES_BACK,
    LARGEST,
    MOST_ATTRIBUTES,
    MOST_SPANS,
    MOST_TEXT,
    SCHEMA,
    Receiver,
    _said,
)
from services.chassis.told_traces import Span, Trace


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[Receiver, str]]:
    """A receiver and its address."""
    port = Ports.free()["otlp"]
    one = Receiver(tmp_path / "traces.sqlite", port, Kept(trace_days=1, trace_megabytes=2))
    one.start()
    yield one, f"http://127.0.0.1:{port}"
    one.stop()


@pytest.mark.parametrize("compression", list(Compression))
def test_a_pilots_traces_come_back_as_trees(
    receiver: tuple[Receiver, str], tmp_path: Path, compression: Compression
) -> None:
    _, url = receiver
    provider = TracerProvider(resource=Resource.create({"service.name": "intake"}))
    exporter = OTLPSpanExporter(endpoint=f"{url}/v1/traces", compression=compression)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("earlier", attributes={"pilot.id": "p-1"}) as earlier:
        pass
    link = api.Link(earlier.get_span_context())
    attributes: dict[str, AttributeValue] = {"pilot.id": "p-1", "n": 3, "l": ["a"]}
    with (
        tracer.start_as_current_span("root", links=[link]) as root,
        tracer.start_as_current_span("child", attributes=attributes),
    ):
        pass
    provider.shutdown()

    spans = spans_of(tmp_path / "traces.sqlite", "p-1")
    assert [span.name for span in spans] == ["earlier", "root", "child"]
    assert {span.service for span in spans} == {"intake"}
    assert spans[2].parent_id == spans[1].span_id
    assert spans[2].attributes == attributes
    assert spans_of(tmp_path / "traces.sqlite", spans[1].trace_id) == spans[1:]

    console = Console(record=True, width=200)
    console.print(tree(Trace(spans[1].trace_id, spans[1:])))
    lines = console.export_text().splitlines()
    assert f"{root.get_span_context().trace_id:032x}" in lines[0]
    assert lines[1].index("root") < lines[2].index("child")
    assert f"follows {spans[0].trace_id}" in lines[1]


DAY: Final = 86_400 * 10**9


def ended(number: int, ago: float = 0, text: str = "") -> Span:
    """A span that ended so many days ago."""
    at = time.time_ns() - int(ago * DAY)
    return Span("t", f"{number}", "", "s", "n", "internal", at, at, "unset", {"text": text}, [])


def names(tmp_path: Path) -> list[int]:
    return [int(one.span_id) for one in spans_of(tmp_path / "traces.sqlite", "t")]


def test_spans_are_kept_by_their_age(receiver: tuple[Receiver, str], tmp_path: Path) -> None:
    one, _ = receiver
    one.keep([ended(1, ago=3), ended(2, ago=1.5), ended(3, ago=0.5), ended(4)])
    one.tidy()
    assert names(tmp_path) == [3, 4]


def test_a_file_of_spans_that_grows_too_large_loses_the_oldest_and_shrinks(
    receiver: tuple[Receiver, str], tmp_path: Path
) -> None:
    one, _ = receiver
    for number in range(0, 20_000, 1_000):
        one.keep(ended(n, text="x" * 500) for n in range(number, number + 1_000))
    before = size(tmp_path)
    one.tidy()
    kept = names(tmp_path)
    assert kept == list(range(kept[0], 20_000)), "the newest, without a hole"
    assert 0 < kept[0] < 19_000
    assert size(tmp_path) <= 3 * 2**20 + 2**20 < before, "the file itself, and what SQLite writes beside it"


def size(tmp_path: Path) -> int:
    return sum(path.stat().st_size for path in tmp_path.glob("traces.sqlite*"))


def test_a_file_of_an_earlier_version_is_kept_and_shrinks_from_now_on(tmp_path: Path) -> None:
    path = tmp_path / "traces.sqlite"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(f"PRAGMA journal_mode=WAL; {SCHEMA}")
        old.execute(f"INSERT INTO spans VALUES ({','.join('?' * 11)})", (*ended(7)[:9], "{}", "[]"))
        old.commit()
    one = Receiver(path, Ports.free()["otlp"], Kept(trace_megabytes=1))
    one.start()
    try:
        assert _said(one._store, "auto_vacuum") == GIVES_BACK
        assert names(tmp_path) == [7]
    finally:
        one.stop()


def test_what_is_not_an_export_is_refused(receiver: tuple[Receiver, str]) -> None:
    _, url = receiver
    with httpx.Client(trust_env=False) as client:
        assert client.post(f"{url}/v1/traces", content=b"\xff\xff\xff").status_code == 400
        assert client.post(f"{url}/v1/metrics", content=b"x").status_code == 404
        assert client.post(f"{url}/v1/traces", content=b"").status_code == 413
        gzip = {"Content-Encoding": "gzip"}
        assert client.post(f"{url}/v1/traces", content=b"x", headers=gzip).status_code == 400


def export(*spans: trace_pb2.Span) -> bytes:
    """An export of these spans."""
    scope = trace_pb2.ScopeSpans(spans=spans)
    return bytes(
        ExportTraceServiceRequest(resource_spans=[trace_pb2.ResourceSpans(scope_spans=[scope])]).SerializeToString()
    )


def span(**more: Any) -> trace_pb2.Span:
    now = {"start_time_unix_nano": time.time_ns(), "end_time_unix_nano": time.time_ns()}
    return trace_pb2.Span(**{"trace_id": b"\x01" * 16, "span_id": b"\x02" * 8, "name": "n", **now, **more})


def attribute(**value: Any) -> list[KeyValue]:
    return [KeyValue(key="x", value=AnyValue(**value))]


def nested(depth: int) -> AnyValue:
    value = AnyValue(string_value="x")
    for _ in range(depth):
        value = AnyValue(array_value=ArrayValue(values=[value]))
    return value


def deep() -> bytes:
    """A value within values, put together by hand: a library would refuse to."""
    value = b"\x0a\x01x"
    for _ in range(3000):
        for tag in (b"\x0a", b"\x2a"):  # ArrayValue.values, AnyValue.array_value
            value = tag + _varint(len(value)) + value
    pair = b"\x0a\x01x\x12" + _varint(len(value)) + value
    for tag in (b"\x4a", b"\x12", b"\x12", b"\x0a"):  # Span.attributes, ScopeSpans.spans, scope_spans, resource_spans
        pair = tag + _varint(len(pair)) + pair
    return pair


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number % 128 + 128)
        number //= 128
    return bytes([*found, number])


BOMB = zlib.compress(bytes(LARGEST * 20), 9)
HOSTILE: dict[str, tuple[bytes, str | None, int]] = {
    "a bomb in gzip": (gzip.compress(bytes(LARGEST * 20)), "gzip", 413),
    "a bomb in many members": (gzip.compress(bytes(LARGEST // 4)) * 50, "gzip", 413),
    "a bomb in deflate": (BOMB, "deflate", 413),
    "half a gzip": (gzip.compress(export(span()))[:-6], "gzip", 400),
    "gzip that is none": (b"x" * 100, "gzip", 400),
    "very many spans": (export(*[trace_pb2.Span()] * (MOST_SPANS + 1)), None, 413),
    "values within values": (deep(), None, 400),
    "a time beyond all times": (export(span(start_time_unix_nano=2**64 - 1)), None, 400),
    "an unknown kind": (export(span(kind=77)), None, 400),
    "no protobuf": (b"\xff" * 100, None, 400),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_what_is_packed_or_nested_to_harm_is_refused_within_bounds_and_the_next_export_is_kept(
    name: str, receiver: tuple[Receiver, str], tmp_path: Path
) -> None:
    _, url = receiver
    body, encoding, status = HOSTILE[name]
    headers = {"Content-Encoding": encoding} if encoding else {}
    tracemalloc.start()
    try:
        with httpx.Client(trust_env=False) as client:
            assert client.post(f"{url}/v1/traces", content=body, headers=headers).status_code == status
            most = tracemalloc.get_traced_memory()[1]
            assert client.post(f"{url}/v1/traces", content=export(span())).status_code == 200
    finally:
        tracemalloc.stop()
    assert most < 6 * LARGEST, "nothing beyond the bound was ever unpacked"
    assert [one.name for one in spans_of(tmp_path / "traces.sqlite", "01" * 16)] == ["n"]


@pytest.mark.parametrize("length", ["-1", "1_000", "x", "99999999999999999999999", "1e3", "²"])
def test_a_length_that_is_none_is_refused(length: str, receiver: tuple[Receiver, str]) -> None:
    one, _ = receiver
    with socket.create_connection(one._server.server_address[:2], timeout=10) as line:  # type: ignore[arg-type]
        line.sendall(f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\nabc".encode())
        assert b" 413 " in line.recv(200)


def test_a_body_that_drips_in_is_cut_off_when_its_time_is_over(
    receiver: tuple[Receiver, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.traces.READ_WITHIN", 0.3)
    port = httpx.URL(receiver[1]).port or 0
    with socket.create_connection(("127.0.0.1", port), timeout=0.05) as line:
        line.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        until, ended = time.monotonic() + 5, False
        while not ended and time.monotonic() < until:
            try:
                line.send(b"x")
                ended = line.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True
    assert ended, "who sends a byte now and then is not read for ever"


def test_what_is_long_or_odd_in_a_span_is_kept_within_bounds(receiver: tuple[Receiver, str], tmp_path: Path) -> None:
    _, url = receiver
    many = [KeyValue(key=f"k{n}", value=AnyValue(int_value=n)) for n in range(1000)]
    bodies = [
        export(span(attributes=attribute(string_value="я" * 100_000))),
        export(span(attributes=many)),
        export(span(attributes=attribute(double_value=float("nan")))),
        export(span(attributes=[KeyValue(key="x", value=nested(20))])),
    ]
    with httpx.Client(trust_env=False) as client:
        assert [client.post(f"{url}/v1/traces", content=body).status_code for body in bodies] == [200] * 4
    text, numbers, odd, deep_one = spans_of(tmp_path / "traces.sqlite", "01" * 16)
    assert len(text.attributes["x"]) == MOST_TEXT
    assert len(numbers.attributes) == MOST_ATTRIBUTES
    assert odd.attributes == {"x": "nan"}
    assert deep_one.attributes["x"]


def test_no_file_is_no_span(tmp_path: Path) -> None:
    assert spans_of(tmp_path / "none.sqlite", "x") == []


def test_connections_that_are_cut_off_write_no_line(
    receiver: tuple[Receiver, str], capfd: pytest.CaptureFixture[str]
) -> None:
    one, url = receiver
    for _ in range(20):
        with socket.create_connection(one._server.server_address[:2], timeout=10) as line:  # type: ignore[arg-type]
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # it ends with a reset
            line.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
    with httpx.Client(trust_env=False) as client:
        assert client.post(f"{url}/v1/traces", content=export(span())).status_code == 200
    one.stop()
    assert capfd.readouterr().err == ""


def test_a_file_that_the_power_was_cut_to_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "traces.sqlite"
    path.write_bytes(b"half a page" * 1000)
    with pytest.raises(Complaint, match=r"traces\.sqlite cannot be read"):
        spans_of(path, "t")
    one = Receiver(path, Ports.free()["otlp"])
    one.start()
    try:
        one.keep([ended(1)])
        assert names(tmp_path) == [1]
        assert (tmp_path / "traces.sqlite.broken").stat().st_size == 11_000
    finally:
        one.stop()


def test_a_file_that_breaks_while_it_is_used_is_begun_anew(receiver: tuple[Receiver, str], tmp_path: Path) -> None:
    one, _ = receiver
    one.keep(ended(n, text="x" * 500) for n in range(5_000))
    one._store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with (tmp_path / "traces.sqlite").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 3 * 2**20)
    one._store.execute("PRAGMA shrink_memory")
    with pytest.raises(sqlite3.DatabaseError):
        one.keep([ended(0)])
    one.tidy()
    one.keep([ended(1)])
    assert names(tmp_path) == [1]
    assert (tmp_path / "traces.sqlite.broken").exists()


def test_where_no_file_can_be_it_is_a_complaint(tmp_path: Path) -> None:
    (tmp_path / "traces.sqlite").mkdir()
    with pytest.raises(Complaint, match="Traces cannot be kept in .*: unable to open database file"):
        Receiver(tmp_path / "traces.sqlite", Ports.free()["otlp"])


def test_services_send_to_a_collector_of_ones_own_where_the_environment_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(tmp_path / "home")
    monkeypatch.setattr(stack.backends, "service_env", lambda _name: {})
    assert stack.service_env("intake")["LOTSMAN_OTLP_URL"] == f"http://127.0.0.1:{stack.ports['otlp']}"
    monkeypatch.setenv("LOTSMAN_OTLP_URL", "http://127.0.0.1:4318")
    assert stack.service_env("intake")["LOTSMAN_OTLP_URL"] == "http://127.0.0.1:4318"
