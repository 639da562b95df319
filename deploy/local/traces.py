"""A small receiver of traces (OTLP over HTTP) that keeps the newest spans in one SQLite file, by age and size.

So `./lotsman trace` shows a trace as a tree on a machine without Jaeger.
"""

import json
import math
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from socket import socket
from threading import Lock, Thread
from typing import Any, Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from deploy.complaint import Complaint
from deploy.local.asked_traces import answered
from deploy.local.home import directory
from deploy.local.kept import Kept
from services.chassis.told_traces import Span, stretches, worked_ns

OLDEST: Final = 500
"""So many spans are dropped together."""
LARGEST: Final = 4 * 2**20
"""Bytes of an export, as it comes and unpacked. One of an SDK has 512 spans at most, some hundred kilobytes."""
MOST_SPANS: Final = 5_000
"""How many spans an export has at most: each takes far more memory than bytes."""
MOST_ATTRIBUTES: Final = 128
MOST_TEXT: Final = 4_000
"""How many attributes of a span are kept, and how many characters of a text."""
READ_WITHIN: Final = 10.0
"""Seconds for which whoever sends may be silent, and for all of a body together."""
ACCEPT_PAUSE: Final = 1.0
WINDOWS: Final = {"gzip": 31, "deflate": 15}
"""How each encoding is unpacked (`wbits` of zlib)."""
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS spans (
  trace_id TEXT, span_id TEXT, parent_id TEXT, service TEXT, name TEXT, kind TEXT,
  start_ns INTEGER, end_ns INTEGER, status TEXT, attributes TEXT, links TEXT
);
CREATE INDEX IF NOT EXISTS by_trace ON spans (trace_id);
CREATE INDEX IF NOT EXISTS by_pilot ON spans (json_extract(attributes, '$."pilot.id"'));
CREATE INDEX IF NOT EXISTS by_event ON spans (json_extract(attributes, '$."pilot.event.id"'));
CREATE INDEX IF NOT EXISTS by_end ON spans (end_ns);
CREATE TABLE IF NOT EXISTS traces (
  trace_id TEXT PRIMARY KEY, start_ns INTEGER, end_ns INTEGER, worked_ns INTEGER, stretches TEXT, failed INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS newest ON traces (end_ns, trace_id);
CREATE INDEX IF NOT EXISTS slowest ON traces (worked_ns, trace_id);
CREATE INDEX IF NOT EXISTS newest_failed ON traces (end_ns, trace_id) WHERE failed;
CREATE INDEX IF NOT EXISTS slowest_failed ON traces (worked_ns, trace_id) WHERE failed;
"""
"""By the table of traces they are listed without their spans being read."""
OF_SPANS: Final = "SELECT trace_id, start_ns, end_ns, status = 'error' FROM spans"
TO_JSON: Final = json.JSONEncoder(ensure_ascii=False).encode
"""`json.dumps` makes such an encoder at each call."""
ADD: Final = "INSERT OR REPLACE INTO traces VALUES (?, ?, ?, ?, ?, ?)"
MOST_STRETCHES: Final = 50
"""So many stretches of time in which a trace worked are told apart: a span that comes late may join two of them."""
CACHE_KB: Final = 16_384
"""Kilobytes of the file that are held in memory at most: each span stands at chance places of three indexes, and with
the 2,000 that SQLite takes they are read from the file anew."""
GIVES_BACK: Final = 2
"""`auto_vacuum` of a file that gives back to the disk what is deleted, when it is told to."""


class Receiver:
    """Listens on 127.0.0.1 in a thread of this process, from `start` to `stop`. What it cannot keep, it drops; a file
    that the power was cut to is put aside, and another one begun. Raises Complaint where there can be none."""

    def __init__(self, path: Path, port: int, kept: Kept | None = None) -> None:
        directory(path.parent)
        self._kept = kept or Kept()
        self._path = path
        self._store = self._opened()
        self._lock = Lock()
        self._server = _Server(("127.0.0.1", port), self._handler())
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

    def _opened(self) -> sqlite3.Connection:
        try:
            return _prepared(self._path)
        except sqlite3.Error as error:
            if not _is_broken(error):
                raise Complaint(f"Traces cannot be kept in {self._path}: {error}.") from error
        _put_aside(self._path)
        return _prepared(self._path)

    def keep(self, spans: Iterable[Span]) -> None:
        """Adds spans."""
        some = list(spans)
        rows = [(*span[:9], TO_JSON(span.attributes), TO_JSON(span.links)) for span in some]
        with self._lock:
            self._store.execute("BEGIN")
            try:
                self._store.executemany(f"INSERT INTO spans VALUES ({','.join('?' * 11)})", rows)
                _sum_up(self._store, ((s.trace_id, s.start_ns, s.end_ns, s.status == "error") for s in some))
                self._store.execute("COMMIT")
            except BaseException as error:  # what one sender makes fail must not stand in the way of the next
                if self._store.in_transaction:  # a full disk has ended it already
                    self._store.execute("ROLLBACK")
                self._see_to(error)
                raise

    def tidy(self) -> None:
        """Drops the spans that have been kept for long enough, and the oldest of too many; to be called now and
        then."""
        with self._lock:
            try:
                self._drop_old()
            except sqlite3.Error as error:  # a full disk: another time
                self._see_to(error)

    def _see_to(self, error: BaseException) -> None:
        if _is_broken(error):
            self._store.close()
            _put_aside(self._path)
            self._store = _prepared(self._path)

    def _drop_old(self) -> None:
        since = time.time_ns() - int(self._kept.trace_days * 86_400e9)
        self._drop("end_ns < ?", since)
        while self._size() > self._kept.trace_megabytes * 2**20:
            if not self._drop("rowid IN (SELECT rowid FROM spans ORDER BY end_ns LIMIT ?)", OLDEST):
                break

    def _drop(self, which: str, value: int) -> int:
        """Drops spans and gives their room back; how many they were."""
        dropped = self._store.execute(f"DELETE FROM spans WHERE {which}", (value,)).rowcount
        if dropped:
            oldest = "SELECT COALESCE(MIN(end_ns), 9223372036854775807) FROM spans"
            self._store.execute(f"DELETE FROM traces WHERE end_ns < ({oldest})")
            self._store.executescript("PRAGMA incremental_vacuum")  # `execute` would give back one page
        return dropped

    def _size(self) -> int:
        """Bytes of the file that hold something."""
        pages = _said(self._store, "page_count") - _said(self._store, "freelist_count")
        return pages * _said(self._store, "page_size")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        keep, folder = self.keep, self._path.parent

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = READ_WITHIN

            def do_POST(self) -> None:
                length = _number(self.headers.get("Content-Length"))
                if self.path != "/v1/traces" or not 0 < length <= LARGEST:
                    self.close_connection = True
                    self.send_error(404 if self.path != "/v1/traces" else 413)
                    return
                body = self._body(length)
                try:
                    keep(parse(unpacked(body, self.headers.get("Content-Encoding"))))
                except TooMuch:
                    self.send_error(413)
                    return
                except (DecodeError, ValueError, OverflowError, sqlite3.Error, zlib.error):
                    self.send_error(400)
                    return
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def _body(self, length: int) -> bytes:
                """All of a body. Raises TimeoutError, which ends the connection, where it drips in."""
                until, body = time.monotonic() + READ_WITHIN, bytearray()
                while len(body) < length:
                    self.connection.settimeout(max(0.001, until - time.monotonic()))
                    part = self.rfile.read1(length - len(body))
                    if not part:
                        break
                    body += part
                self.connection.settimeout(READ_WITHIN)
                return bytes(body)

            def do_GET(self) -> None:
                """For who watches the system, with a token of the role ops."""
                status, body = answered(folder, self.path, self.headers.get("Authorization", ""))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: one line for every export would tell nobody anything."""

        return Handler


def _prepared(path: Path) -> sqlite3.Connection:
    store = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    if _said(store, "auto_vacuum") != GIVES_BACK:
        with suppress(sqlite3.OperationalError):  # a full disk: the file only does not shrink
            store.executescript(f"PRAGMA auto_vacuum={GIVES_BACK}; VACUUM")
    journal = "PRAGMA journal_mode=WAL; PRAGMA journal_size_limit=1048576; PRAGMA synchronous=OFF"
    store.executescript(f"{journal}; PRAGMA cache_size=-{CACHE_KB}")
    columns = [row[1] for row in store.execute("PRAGMA table_info(traces)")]
    if columns and "worked_ns" not in columns:  # an earlier program told them by when they began and ended alone
        store.execute("DROP TABLE traces")
    store.executescript(SCHEMA)
    if store.execute("SELECT 1 FROM traces LIMIT 1").fetchone() is None:  # a file of an earlier program
        store.execute("BEGIN")
        for some in iter(partial(store.execute(OF_SPANS).fetchmany, MOST_SPANS), []):
            _sum_up(store, some)
        store.execute("COMMIT")
    return store


def _sum_up(store: sqlite3.Connection, spans: Iterable[tuple[str, int, int, bool]]) -> None:
    """Adds spans, each with its trace, beginning, end and whether it failed, to what is told of their traces."""
    of_trace: dict[str, list[tuple[int, int]]] = {}
    failed = set[str]()
    for trace, start, end, wrong in spans:
        of_trace.setdefault(trace, []).append((start, end))
        failed |= {trace} if wrong else set()
    for trace, some in of_trace.items():
        before = store.execute("SELECT stretches, failed FROM traces WHERE trace_id = ?", (trace,)).fetchone()
        known, wrong = (json.loads(before[0]), bool(before[1])) if before else ([], False)
        apart = stretches([*some, *map(tuple, known)], MOST_STRETCHES)
        row = trace, apart[0][0], apart[-1][1], worked_ns(apart), json.dumps(apart), wrong or trace in failed
        store.execute(ADD, row)


def _said(store: sqlite3.Connection, pragma: str) -> int:
    return int(store.execute(f"PRAGMA {pragma}").fetchone()[0])


def _is_broken(error: BaseException) -> bool:
    return str(getattr(error, "sqlite_errorname", "")).startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def _put_aside(path: Path) -> None:
    for end in ("-wal", "-shm"):
        path.with_name(f"{path.name}{end}").unlink(missing_ok=True)
    path.replace(path.with_name(f"{path.name}.broken"))


class _Server(ThreadingHTTPServer):
    """Says nothing of connections that end in the middle or cannot be taken: who sends tries again."""

    daemon_threads = True

    def get_request(self) -> tuple[socket, Any]:
        """The next connection. Raises OSError, after a while where no file is left to open, for it is asked again at
        once."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(ACCEPT_PAUSE)
            raise

    def handle_error(self, _request: object, _client_address: object) -> None:
        """Nothing: a stack trace of every connection that was cut off would fill a disk."""


class TooMuch(Exception):
    """An export has more in it than one may have."""


def parse(body: bytes) -> Iterator[Span]:
    """The spans of one export request. Raises DecodeError, also for what is nested deep, and TooMuch."""
    request = ExportTraceServiceRequest.FromString(body)
    if sum(len(scope.spans) for one in request.resource_spans for scope in one.scope_spans) > MOST_SPANS:
        raise TooMuch(f"more than {MOST_SPANS} spans")
    for resource in request.resource_spans:
        service = str(_attributes(resource.resource.attributes).get("service.name", ""))
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield _span(service, span)


def _number(text: str | None) -> int:
    """A length as a header says it; 0 for what is none."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 20 else 0


def unpacked(body: bytes, encoding: str | None) -> bytes:
    """The bytes of an export. Raises TooMuch before more than the bound is unpacked, and zlib.error."""
    if encoding not in WINDOWS:
        return body
    whole = bytearray()
    while body:
        one = zlib.decompressobj(WINDOWS[encoding])
        whole += one.decompress(body, LARGEST + 1 - len(whole))
        if len(whole) > LARGEST:
            raise TooMuch(f"more than {LARGEST} bytes")
        if not one.eof:
            raise zlib.error("the end is missing")
        body = one.unused_data
    return bytes(whole)


def _span(service: str, span: trace_pb2.Span) -> Span:
    return Span(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        service,
        span.name[:MOST_TEXT],
        _kind(span.kind),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _code(span.status.code),
        _attributes(span.attributes),
        [
            {"trace_id": link.trace_id.hex(), "span_id": link.span_id.hex()}
            for link in islice(span.links, MOST_ATTRIBUTES)
        ],
    )


@lru_cache(16)
def _kind(number: Any) -> str:
    return str(trace_pb2.Span.SpanKind.Name(number)).removeprefix("SPAN_KIND_").lower()


@lru_cache(16)
def _code(number: Any) -> str:
    return str(trace_pb2.Status.StatusCode.Name(number)).removeprefix("STATUS_CODE_").lower()


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key[:MOST_TEXT]: _value(pair.value) for pair in islice(pairs, MOST_ATTRIBUTES)}


def _value(value: AnyValue) -> Any:
    if text := value.string_value:  # nearly all
        return text[:MOST_TEXT]
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in islice(value.array_value.values, MOST_ATTRIBUTES)]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    if kind == "bytes_value":
        return value.bytes_value[:MOST_TEXT].hex()
    if kind == "double_value" and not math.isfinite(value.double_value):
        return str(value.double_value)  # JSON has no such number, and the index by pilots no other text than JSON
    return value.string_value[:MOST_TEXT] if kind == "string_value" else getattr(value, kind)
