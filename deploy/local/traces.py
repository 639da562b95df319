"""A small receiver of traces (OTLP over HTTP) that keeps the newest spans in one SQLite file.

So `./lotsman trace` shows a trace as a tree on a machine without Jaeger.
"""

import gzip
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Final, NamedTuple

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from deploy.local.home import directory

KEPT: Final = 200_000
LARGEST: Final = 32 * 2**20
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS spans (
  trace_id TEXT, span_id TEXT, parent_id TEXT, service TEXT, name TEXT, kind TEXT,
  start_ns INTEGER, end_ns INTEGER, status TEXT, attributes TEXT, links TEXT
);
CREATE INDEX IF NOT EXISTS by_trace ON spans (trace_id);
CREATE INDEX IF NOT EXISTS by_pilot ON spans (json_extract(attributes, '$."pilot.id"'));
"""


class Span(NamedTuple):
    """One span, its ids in hexadecimal; a row of the table."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    status: str
    attributes: dict[str, Any]
    links: list[dict[str, str]]


class Receiver:
    """Listens on 127.0.0.1 in a thread of this process, from `start` to `stop`."""

    def __init__(self, path: Path, port: int, kept: int = KEPT) -> None:
        directory(path.parent)
        self._store = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._store.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; {SCHEMA}")
        self._kept = kept
        self._lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._thread = Thread(target=self._server.serve_forever, name="traces", daemon=True)

    def start(self) -> None:
        """Begins to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Closes the port and the file."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        with self._lock:
            self._store.close()

    def keep(self, spans: Iterable[Span]) -> None:
        """Adds spans and drops the oldest beyond the bound."""
        rows = [(*span[:9], json.dumps(span.attributes, ensure_ascii=False), json.dumps(span.links)) for span in spans]
        with self._lock:
            self._store.execute("BEGIN")
            self._store.executemany(f"INSERT INTO spans VALUES ({','.join('?' * 11)})", rows)
            newest = self._store.execute("SELECT max(rowid) FROM spans").fetchone()[0] or 0
            self._store.execute("DELETE FROM spans WHERE rowid <= ?", (newest - self._kept,))
            self._store.execute("COMMIT")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        keep = self.keep

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                if self.path != "/v1/traces" or not 0 < length <= LARGEST:
                    self.close_connection = True
                    self.send_error(404 if self.path != "/v1/traces" else 413)
                    return
                body = self.rfile.read(length)
                try:
                    keep(parse(_unpacked(body, self.headers.get("Content-Encoding"))))
                except (DecodeError, OSError, zlib.error, EOFError):
                    self.send_error(400)
                    return
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: one line for every export would tell nobody anything."""

        return Handler


def parse(body: bytes) -> Iterator[Span]:
    """The spans of one export request. Raises DecodeError."""
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = str(_attributes(resource.resource.attributes).get("service.name", ""))
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield _span(service, span)


def spans_of(path: Path, pilot_or_trace: str) -> list[Span]:
    """All spans of a trace, or of every trace that touches a pilot, oldest first."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as store:
        rows = store.execute(
            """SELECT * FROM spans WHERE trace_id = :id OR trace_id IN
               (SELECT trace_id FROM spans WHERE json_extract(attributes, '$."pilot.id"') = :id)
               ORDER BY start_ns""",
            {"id": pilot_or_trace},
        ).fetchall()
    return [Span._make((*row[:9], json.loads(row[9]), json.loads(row[10]))) for row in rows]


def _unpacked(body: bytes, encoding: str | None) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    return zlib.decompress(body) if encoding == "deflate" else body


def _span(service: str, span: trace_pb2.Span) -> Span:
    return Span(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        service,
        span.name,
        trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        trace_pb2.Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_").lower(),
        _attributes(span.attributes),
        [{"trace_id": link.trace_id.hex(), "span_id": link.span_id.hex()} for link in span.links],
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    if kind == "bytes_value":
        return value.bytes_value.hex()
    return getattr(value, kind)
