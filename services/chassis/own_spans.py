"""The spans of this system's own that are many: of each record that is read or sent there is one.

The SDK's take locks, bound what they hold and are copied when they end. Ours hold what this system itself says, end in
the task that began them, and are handed on as they are: a third of the time (decision 49). All else about them is as
with the SDK's, and who hands them on cannot tell them apart.
"""

import random
import time
from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import Attributes, AttributeValue

from services.chassis.spans import OURS, OwnDecision

KEPT: Final = TraceFlags(TraceFlags.SAMPLED)
KEPT_OF_CHANCE: Final = TraceFlags(TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID)
"""The flags of what is recorded; with the second one the trace's id is said to be chance, which is the say of whoever
began it."""
SCOPE: Final = InstrumentationScope(OURS)


class OwnSpan(Span, ReadableSpan):
    """One of them, from its beginning; it is handed on as it ends, and does not change any more."""

    def __init__(
        self,
        name: str,
        parent: SpanContext,
        attributes: dict[str, AttributeValue],
        kind: SpanKind,
        links: Sequence[Link],
        spans: "OwnSpans",
    ) -> None:
        ReadableSpan.__init__(
            self,
            name,
            SpanContext(
                parent.trace_id,
                random.getrandbits(64) or 1,
                False,
                KEPT_OF_CHANCE if parent.trace_flags & TraceFlags.RANDOM_TRACE_ID else KEPT,
                parent.trace_state,
            ),
            parent,
            spans.resource,
            attributes,
            (),
            links,
            kind,
            start_time=time.time_ns(),
            instrumentation_scope=SCOPE,
        )
        self._said = attributes
        self._spans = spans

    def get_span_context(self) -> SpanContext:
        """Where it stands."""
        assert self._context is not None
        return self._context

    def is_recording(self) -> bool:
        """Whether it has not ended."""
        return self._end_time is None

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Says something of it."""
        if self._end_time is None:
            self._said[key] = value

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        """Says several things of it."""
        if self._end_time is None:
            self._said.update(attributes)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Says how it went."""
        if self._end_time is None:
            self._status = status if isinstance(status, Status) else Status(status, description)

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """Points to another one."""
        if self._end_time is None:
            self._links = (*self._links, Link(context, attributes))

    def end(self, end_time: int | None = None) -> None:
        """Ends it; a second time changes nothing."""
        if self._end_time is None:
            self._end_time = time.time_ns() if end_time is None else end_time
            self._spans.to.on_end(self)

    def update_name(self, name: str) -> None:
        """Nothing: it is named by what it is of."""

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """Nothing: what happens in it has spans or lines of its own."""

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Nothing: its status says so."""


class OwnSpans:
    """Makes them, and hands them on `to` as they end; `decision` says of which traces they are."""

    def __init__(self, resource: Resource, to: SpanProcessor, decision: OwnDecision) -> None:
        self.resource = resource
        self.to = to
        self.records = decision.records

    def begun(
        self,
        name: str,
        parent: SpanContext,
        attributes: dict[str, AttributeValue],
        kind: SpanKind = SpanKind.INTERNAL,
        links: Sequence[Link] = (),
    ) -> OwnSpan:
        """A span below one that came from elsewhere, of a trace that is recorded."""
        return OwnSpan(name, parent, attributes, kind, links, self)
