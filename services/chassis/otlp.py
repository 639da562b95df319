"""Spans as they are sent: OTLP over HTTP, as the library sends them.

The library makes an object of protobuf of each attribute, which took longer than all else about a span. So those that
are many, the spans of records in which nothing went wrong, are written as bytes here: they are of few fields, and most
of their attributes were written before. Requests may be put one behind another, so all others are left to it.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanKind

from services.chassis.spans import OURS

WRITTEN: Final = 10_000
"""So many attributes are remembered as they were written."""
KINDS: Final = {
    kind: bytes((0x30, number))
    for number, kind in enumerate(
        (SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER), start=1
    )
}
# Fields of opentelemetry/proto/trace/v1/trace.proto as they begin: their numbers and how they are written, and how long
# they are where that is fixed.
TRACE_ID, SPAN_ID, PARENT_ID, NAME, ATTRIBUTE, LINK = b"\x0a\x10", b"\x12\x08", b"\x22\x08", b"\x2a", b"\x4a", b"\x6a"
TIMES: Final = struct.Struct("<BQBQ")
START, END = 0x39, 0x41
NO_STATUS: Final = b"\x7a\x00"
FLAGS, FLAGS_OF_LINK = b"\x85\x01", b"\x35"
FROM_HERE, FROM_ELSEWHERE = (struct.pack("<I", flags) for flags in (0x100, 0x300))
"""The flags of a span by where its parent is, and of a link by where it leads."""
FIRST, SECOND = b"\x0a", b"\x12"
NUMBER: Final = b"\x18"


class Exporter(OTLPSpanExporter):
    """Sends spans, and is set up, as the library's own does and is."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends these; a failure of what may pass is tried again for a while."""
        return SpanExportResult.SUCCESS if self._client.export(encoded(spans)).success else SpanExportResult.FAILURE


def encoded(spans: Sequence[ReadableSpan]) -> bytes:
    """A request with these spans."""
    plain, others = list[bytes](), list[ReadableSpan]()
    first: ReadableSpan | None = None
    for span in spans:
        if _is_plain(span) and (first is None or span.resource is first.resource):
            first = first or span
            plain.append(_field(SECOND, _written(span)))
        else:
            others.append(span)
    request: bytes = encode_spans(others).SerializeToString()
    return request if first is None else request + _around(first, b"".join(plain))


def _is_plain(span: ReadableSpan) -> bool:
    scope, context = span.instrumentation_scope, span.context
    return (
        scope is not None
        and scope.name == OURS
        and span.status.is_unset
        and not span.events
        and context is not None
        and not context.trace_state
        and all(type(value) in (str, int) for value in (span.attributes or {}).values())
    )


def _around(one: ReadableSpan, spans: bytes) -> bytes:
    """A request with spans of the same resource and scope as this one."""
    resource = encode_spans([one]).resource_spans[0]
    (scope,) = resource.scope_spans
    scope.ClearField("spans")
    resource.ClearField("scope_spans")
    within = resource.SerializeToString() + _field(SECOND, scope.SerializeToString() + spans)
    return _field(FIRST, within)


def _written(span: ReadableSpan) -> bytes:
    context, parent = span.context, span.parent
    return b"".join(
        (
            TRACE_ID,
            context.trace_id.to_bytes(16, "big"),
            SPAN_ID,
            context.span_id.to_bytes(8, "big"),
            PARENT_ID + parent.span_id.to_bytes(8, "big") if parent else b"",
            _name(span.name),
            KINDS[span.kind],
            TIMES.pack(START, span.start_time or 0, END, span.end_time or 0),
            *[_attribute(name, value) for name, value in (span.attributes or {}).items()],
            *[_link(one.context.trace_id, one.context.span_id, one.context.is_remote) for one in span.links],
            NO_STATUS,
            FLAGS,
            FROM_ELSEWHERE if parent and parent.is_remote else FROM_HERE,
        )
    )


@lru_cache(WRITTEN, typed=True)
def _attribute(name: str, value: str | int) -> bytes:
    written = _field(FIRST, value.encode()) if isinstance(value, str) else NUMBER + _varint(value)
    return _field(ATTRIBUTE, _field(FIRST, name.encode()) + _field(SECOND, written))


@lru_cache(WRITTEN)
def _link(trace_id: int, span_id: int, is_remote: bool) -> bytes:
    ids = TRACE_ID + trace_id.to_bytes(16, "big") + SPAN_ID + span_id.to_bytes(8, "big")
    return _field(LINK, ids + FLAGS_OF_LINK + (FROM_ELSEWHERE if is_remote else FROM_HERE))


@lru_cache(WRITTEN)
def _name(name: str) -> bytes:
    return _field(NAME, name.encode())


def _field(begin: bytes, content: bytes) -> bytes:
    return begin + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """A number as protobuf has it: seven bits a byte, the lowest first; one below zero as 64 bits."""
    number &= 2**64 - 1
    some = bytearray()
    while number > 0x7F:
        some.append(number & 0x7F | 0x80)
        number >>= 7
    some.append(number)
    return bytes(some)
