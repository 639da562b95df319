"""Which spans are made, and what of them leaves this process: harmless attributes, and of an error its kind.

Libraries put into spans what they are given: the query of an address, the words of an error. One exporter stands before
every other, so that no library needs to be watched.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, TraceState, get_current_span
from opentelemetry.util.types import Attributes, AttributeValue

from services.chassis.masking import MASK, opaque, type_known

OURS: Final = "lotsman"
"""The name of this system's own spans, whose words are its own."""
ATTRIBUTES: Final = frozenset(
    {
        *("pilot.id", "pilot.agency", "pilot.event.type", "pilot.event.id", "pilot.outcome"),
        *("messaging.system", "messaging.operation.name", "messaging.operation.type", "messaging.consumer.group.name"),
        *("messaging.destination.name", "messaging.destination.template", "messaging.destination.partition.id"),
        *("messaging.message.id", "messaging.message.body.size", "messaging.kafka.offset"),
        *("messaging.batch.message_count", "error.type", "exception.type"),
        *("http.request.method", "http.route", "http.response.status_code", "url.scheme", "network.protocol.version"),
        *("db.system", "db.system.name", "db.name", "db.namespace", "db.mongodb.collection", "db.collection.name"),
        *("db.statement", "db.query.text", "db.operation", "db.operation.name", "db.response.status_code"),
        *("net.peer.name", "net.peer.port", "code.function.name"),
    }
)
"""The attributes that leave. Of the database's, a statement is the name of a command: more is not asked for."""
SHOWN: Final = 10_000
"""So many ids are remembered as they are shown: each stands in several spans."""
NO_PARENT: Final = Context()
DECIDED: Final = 10_000
"""So many traces are remembered with what was decided of them: each is asked of for each of its spans."""
NO_TYPE: Final = "unknown"
"""What stands in the place of the type of an event that has none of ours."""


@lru_cache(SHOWN)
def _id(value: AttributeValue) -> str:
    return opaque(value)


@lru_cache(SHOWN)
def _type(value: AttributeValue) -> AttributeValue:
    return value if value == NO_TYPE or type_known(value) else MASK


MAY_TELL: Final = {
    **dict.fromkeys(("pilot.id", "pilot.agency", "pilot.event.id", "messaging.message.id"), _id),
    "pilot.event.type": _type,
}
"""Of the attributes, those that come from outside, and how they are shown."""


class OwnDecision(Sampler):
    """Decides as another sampler does, but that no trace begins with a call to a back end, and of what comes from
    elsewhere as if it began here.

    Such a call outside of every trace is a loop that looks for work: hundreds a minute, where nothing happens. And the
    mark that a sender gives its trace says whether the sender records it: where its event fails here, ops need it
    whatever that says. Services that sample by the trace's id decide alike.
    """

    def __init__(self, as_of: Sampler) -> None:
        self._as_of = as_of
        self.records = lru_cache(DECIDED)(self._records)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Whether this span is made."""
        parent = get_current_span(parent_context).get_span_context()
        if kind is SpanKind.CLIENT and not parent.is_valid:
            return SamplingResult(Decision.DROP)
        if not parent.is_remote:
            return self._as_of.should_sample(parent_context, trace_id, name, kind, attributes, links)
        decided = self._as_of.should_sample(NO_PARENT, trace_id, name, kind, attributes, links)
        return SamplingResult(decided.decision, decided.attributes, parent.trace_state)

    def _records(self, trace_id: int) -> bool:
        """Whether what comes of a trace from elsewhere is recorded."""
        return self._as_of.should_sample(NO_PARENT, trace_id, "").decision is Decision.RECORD_AND_SAMPLE

    def get_description(self) -> str:
        """In words."""
        return f"OwnDecision({self._as_of.get_description()})"


class HarmlessSpans(SpanExporter):
    """Hands spans on without what is not known to be harmless in them."""

    def __init__(self, to: SpanExporter) -> None:
        self._to = to

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hands these on."""
        return self._to.export([harmless(span) for span in spans])

    def shutdown(self) -> None:
        """Ends what they are handed on to."""
        self._to.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Whether all are handed on within so many milliseconds."""
        return self._to.force_flush(timeout_millis)


def harmless(span: ReadableSpan) -> ReadableSpan:
    """The same span with what may be shown of it."""
    scope = span.instrumentation_scope
    own = scope is not None and scope.name == OURS
    context = span.get_span_context()
    return ReadableSpan(
        name=span.name,
        context=None if context is None else _bare(context),
        parent=None if span.parent is None else _bare(span.parent),
        resource=span.resource,
        attributes=_shown(span.attributes),
        events=[Event(one.name, _shown(one.attributes), one.timestamp) for one in span.events],
        links=[Link(_bare(one.context)) for one in span.links],
        kind=span.kind,
        instrumentation_scope=scope,
        status=span.status if own else Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
    )


def _shown(attributes: Mapping[str, AttributeValue] | None) -> dict[str, AttributeValue]:
    return {
        name: shown(value) if (shown := MAY_TELL.get(name)) else value
        for name, value in (attributes or {}).items()
        if name in ATTRIBUTES
    }


def _bare(context: SpanContext) -> SpanContext:
    """Where a span stands, without what vendors of others say about it."""
    if not context.trace_state:
        return context
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)
