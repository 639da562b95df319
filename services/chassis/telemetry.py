"""Traces and metrics: one trace from an agency's event to the register, bounded labels."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal, assert_never

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue
from prometheus_client import Counter, Gauge, Histogram

from contracts.topics import source_of
from services.chassis.masking import TRACEPARENT
from services.chassis.own_spans import OwnSpans
from services.chassis.spans import OURS, HarmlessSpans, OwnDecision
from services.chassis.subject import Broken, Claimed, Input, Outcome, Record, Sequenced, Timed

INPUTS: Final = Counter("lotsman_inputs", "Inputs by door and what came of them", ["door", "outcome"])
SUBMISSIONS: Final = Counter(
    "lotsman_submissions",
    "Agencies' events: received = registered + refused + duplicate + conflict + parked + given-back + in flight",
    ["agency", "outcome"],
)
SENT: Final = Counter("lotsman_sent", "Records acknowledged by Kafka", ["topic"])
SEND_FAILURES: Final = Counter("lotsman_send_failures", "Records that Kafka did not acknowledge", ["topic"])
WITHHELD_ADDED: Final = Counter("lotsman_withheld_added", "Messages withheld because their topics did not take them")
WITHHELD: Final = Gauge("lotsman_withheld", "Messages that wait because their topics do not take them, up to 1,000")
WITHHELD_OLDEST: Final = Gauge("lotsman_withheld_oldest_seconds", "Since when a topic has taken nothing")
FACTS_REFUSED: Final = Gauge(
    "lotsman_facts_refused_seconds", "For how long the own topic of facts has refused some of them; 0: it takes all"
)
UNKNOWN_TYPES: Final = Counter("lotsman_unknown_types", "Facts of unknown types, skipped", ["source"])
STANDING: Final = Gauge("lotsman_standing_partitions", "Partitions that do not get on though they have records")
SHARES_REFUSED: Final = Counter("lotsman_shares_refused", "Requests told to come again, by what was used up", ["of"])
CONNECTIONS: Final = Gauge("lotsman_connections", "Connections over HTTP")
CONNECTIONS_ENDED: Final = Counter(
    "lotsman_connections_ended", "Connections that were ended from here, by why", ["why"]
)
TIMELINES_TORN: Final = Counter("lotsman_timelines_torn", "Times that a pilot's timeline was found not whole")
UNREADABLE: Final = Counter("lotsman_unreadable", "Records and batches that cannot be unpacked", ["topic"])
HTTP_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
HTTP_SECONDS: Final = Histogram(
    "http_server_request_duration_seconds",
    "Time from a request's head to the end of its answer",
    ["http_request_method", "http_route", "http_response_status_code"],
    buckets=HTTP_BOUNDS,
)
FACT_AGE: Final = Histogram(
    "lotsman_fact_age_seconds",
    "Time from another service's decision, or from when an agency's event came into its topic, until it is read here",
    ["source"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
)
VIEW_CONFIRMED: Final = Gauge(
    "lotsman_view_confirmed_timestamp_seconds", "When a derived view last held all that its topic has", ["view"]
)
_STAGE: Final = Histogram(
    "lotsman_stage_seconds",
    "Time that a stage of a batch takes",
    ["stage"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
PARSE, CLAIM, LOAD, DECIDE, WRITE, SEND = (
    _STAGE.labels(name) for name in ("parse", "claim", "load", "decide", "write", "send")
)
BATCH_SECONDS: Final = Histogram("lotsman_batch_seconds", "Time from a batch read to ready to commit", ["door"])
BATCH_RECORDS: Final = Histogram(
    "lotsman_batch_records",
    "Records in a batch",
    ["door"],
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
)

Carrier = Mapping[str, str]
NOTHING: Final[Mapping[str, AttributeValue]] = MappingProxyType({})
_PROPAGATOR: Final = TraceContextTextMapPropagator()
"""Carries a trace alone: baggage holds whatever a caller wrote."""
_tracer: Final = trace.get_tracer(OURS)
_own: OwnSpans | None = None
"""The spans of what is read and sent, where any are recorded."""


def start(service: str, otlp_url: str | None, exporter: SpanExporter | None = None) -> TracerProvider:
    """Sets up tracing for this process; instruments the MongoDB driver, so call it before opening a client.

    Without an address nothing is recorded, but trace ids still travel and stand in the logs. With one, how many traces
    are recorded is said by OTEL_TRACES_SAMPLER (all of them, unless it is set), also of those that come from elsewhere,
    whatever their mark says. No call to MongoDB begins one.
    """
    from opentelemetry.instrumentation.pymongo import PymongoInstrumentor

    if exporter is None and otlp_url:
        from services.chassis.otlp import Exporter

        exporter = Exporter(endpoint=f"{otlp_url}/v1/traces")
    sampler = ALWAYS_OFF if exporter is None else None
    provider = TracerProvider(sampler=sampler, resource=Resource.create({"service.name": service}))
    global _own
    provider.sampler = decision = OwnDecision(provider.sampler)  # before the first tracer is made, which takes it over
    if exporter is not None:
        processor = BatchSpanProcessor(HarmlessSpans(exporter), schedule_delay_millis=1000)
        provider.add_span_processor(processor)
        _own = OwnSpans(provider.resource, processor, decision)
    trace.set_tracer_provider(provider)
    propagate.set_global_textmap(_PROPAGATOR)
    PymongoInstrumentor().instrument()
    return provider


def context_of(carrier: Mapping[str, str]) -> otel_context.Context:
    """The trace context that a record or request brought; empty if it brought none or a bad one."""
    return _PROPAGATOR.extract(dict(carrier), context=otel_context.Context())


def carrier_of(span: Span) -> dict[str, str]:
    """A span's context as it travels."""
    context = span.get_span_context()
    if not context.is_valid:
        return {}
    carrier = {"traceparent": f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"}
    return carrier | {"tracestate": context.trace_state.to_header()} if context.trace_state else carrier


def carrier_of_current() -> dict[str, str]:
    """The context of the span around the caller, as it travels; empty where there is none."""
    return carrier_of(trace.get_current_span())


def trace_id(carrier: Mapping[str, str]) -> dict[str, str]:
    """The id of the trace that a record or request brought, as `trace`; nothing if it brought none or a bad one."""
    found = TRACEPARENT.fullmatch(carrier.get("traceparent", ""))
    return {"trace": found[0].split("-")[1]} if found else {}


def carried(span: Span, came: Mapping[str, str]) -> Mapping[str, str]:
    """What goes on behind a span: its own context if it is recorded, else the one that came in, if any did."""
    if span.is_recording() or not TRACEPARENT.fullmatch(came.get("traceparent", "")):
        return carrier_of(span)
    if "tracestate" not in came:
        return came
    checked: dict[str, str] = {}
    _PROPAGATOR.inject(checked, context=context_of(came))
    return checked


def _came_from(carrier: Mapping[str, str]) -> SpanContext | None:
    """The span that a record or request came from; None if it names none or a bad one."""
    found = TRACEPARENT.fullmatch(carrier.get("traceparent", ""))
    if found is None:
        return None
    if "tracestate" in carrier:
        return trace.get_current_span(context_of(carrier)).get_span_context()
    _, trace_id, span_id, flags = found[0].split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))


def _is_recorded(trace_id: int) -> bool:
    """Whether anything is recorded of this trace: else no span is made, which would cost as much as one that is."""
    return _own is not None and _own.records(trace_id)


def open_spans(inputs: Sequence[Input]) -> list[Span]:
    """One span for each input, whose parent is what the input brought, linked to the span around it."""
    links = _to_span_around() if any(i.record for i in inputs) else []
    return [_span(one, links) for one in inputs]


def _to_span_around() -> list[Link]:
    around = trace.get_current_span().get_span_context()
    return [Link(around)] if around.is_valid else []


def _span(one: Input, links: Sequence[Link]) -> Span:
    came = _came_from(one.trace)
    if came is not None and not _is_recorded(came.trace_id):
        return trace.INVALID_SPAN
    attributes: dict[str, AttributeValue] = {"pilot.id": one.subject, "pilot.event.id": one.cause_id}
    if one.event_type:
        attributes["pilot.event.type"] = one.event_type
    if isinstance(one.mark, Claimed) and one.record:
        attributes["pilot.agency"] = one.mark.owner
    if (record := one.record) is not None:
        attributes |= _of_record(record, one.cause_id)
        name, kind = f"process {record.topic}", SpanKind.CONSUMER
    else:
        name, kind = f"decide {type(one.command).__name__}", SpanKind.INTERNAL
        links = _to_span_around() if one.trace else []
    if came is not None and _own is not None:
        return _own.begun(name, came, attributes, kind, links)
    inside = None if not one.trace and record is None else otel_context.Context()
    return _tracer.start_span(name, context=inside, kind=kind, attributes=attributes, links=links)


def _of_record(record: Record, id_: str) -> dict[str, AttributeValue]:
    """What a span says of a record that is read, by the id of its event."""
    return {
        **kafka("process", record.topic),
        "messaging.message.id": id_,
        "messaging.message.body.size": len(record.value),
        "messaging.destination.partition.id": str(record.partition),
        "messaging.kafka.offset": record.offset,
    }


@lru_cache(maxsize=1000)
def kafka(operation: Literal["process", "send"], topic: str) -> Mapping[str, AttributeValue]:
    """What OpenTelemetry's conventions for messaging ask of every span of an operation on a topic."""
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
    }


def link_to_cause(span: Span, one: Input, built_on: Mapping[str, str]) -> None:
    """A person's or a timer's command is a trace of its own: it links to the fact that it builds on."""
    of_its_own = one.record is None and isinstance(one.mark, (Claimed, Timed))
    if of_its_own and span.is_recording() and (cause := _came_from(built_on)) is not None:
        span.add_link(cause)


def close_span(span: Span, one: Input, outcome: Outcome | None) -> None:
    """Ends an input's span with what came of it."""
    name = outcome_name(outcome)
    span.set_attribute("pilot.outcome", name)
    if outcome is None or isinstance(outcome, Broken):
        span.set_attribute("error.type", name)
        span.set_status(Status(StatusCode.ERROR, getattr(outcome, "cause", "not finished")))
    INPUTS.labels(door_of(one), name).inc()
    span.end()


@contextmanager
def unread(record: Record, carrier: Carrier, event: str, subject: str | None, cause: str) -> Iterator[Carrier]:
    """The span of a record that cannot be read and is parked, in the trace that it names; what carries it on."""
    attributes = {"pilot.event.id": event, "pilot.outcome": "broken", "error.type": "broken"}
    about_it = attributes | ({"pilot.id": subject} if subject else {}) | _of_record(record, event)
    INPUTS.labels(source_of(record.topic), "broken").inc()
    with _tracer.start_as_current_span(
        f"process {record.topic}",
        context_of(carrier),
        kind=SpanKind.CONSUMER,
        attributes=about_it,
        links=_to_span_around(),
    ) as span:
        span.set_status(Status(StatusCode.ERROR, cause))
        yield carried(span, carrier)


def outcome_name(outcome: Outcome | None) -> str:
    """The bounded label of an outcome."""
    return "given-back" if outcome is None else type(outcome).__name__.lower()


def door_of(one: Input) -> str:
    """The bounded label of where an input came in: the source service, `agency`, `http` or `timer`."""
    match one.mark:
        case Sequenced(source=source):
            return source
        case Timed():
            return "timer"
        case Claimed():
            return "agency" if one.record else "http"
        case _:
            assert_never(one.mark)


@contextmanager
def batch_span(door: str, size: int, attributes: Mapping[str, AttributeValue] = NOTHING) -> Iterator[None]:
    """The span around what is taken together, with its size and time measured. `attributes` say where it was read; what
    fails in it is said by the kind of its error."""
    of_kafka = "messaging.system" in attributes
    where = attributes.get("messaging.destination.template") or attributes.get("messaging.destination.name") or door
    with (
        _tracer.start_as_current_span(
            f"batch {where}",
            context=otel_context.Context(),
            kind=SpanKind.CONSUMER if of_kafka else SpanKind.INTERNAL,
            attributes={**attributes, "messaging.batch.message_count": size},
            record_exception=False,
            set_status_on_exception=False,
        ) as span,
        measured(BATCH_SECONDS.labels(door)),
    ):
        BATCH_RECORDS.labels(door).observe(size)
        try:
            yield
        except Exception as error:
            failed(span, error)
            raise


def batch_of(topic: str, group: str) -> Mapping[str, AttributeValue]:
    """What a span of a batch says of where it was read: of one topic, or of all that have a name like this one."""
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": "batch",
        "messaging.operation.type": "process",
        "messaging.destination.template" if "{" in topic else "messaging.destination.name": topic,
        "messaging.consumer.group.name": group,
    }


def send_span(topic: str, headers: Mapping[str, str], size: int) -> Span:
    """The span of sending one record of so many bytes; its parent is the context of the decision, that its headers
    carry. None is made without one."""
    came = _came_from(headers)
    if came is None or _own is None or not _own.records(came.trace_id):
        return trace.INVALID_SPAN
    id_ = headers.get("ce_id", "")
    attributes: dict[str, AttributeValue] = {
        "pilot.id": headers.get("ce_subject", ""),
        "pilot.event.id": id_,
        "pilot.event.type": headers.get("ce_type", ""),
        **kafka("send", topic),
        "messaging.message.id": id_,
        "messaging.message.body.size": size,
    }
    return _own.begun(f"send {topic}", came, attributes, SpanKind.PRODUCER)


def failed(span: Span, error: BaseException) -> None:
    """Says of a span that it failed, by the kind of the error."""
    span.set_attribute("error.type", type(error).__name__)
    span.set_status(Status(StatusCode.ERROR, type(error).__name__))


def exemplar() -> dict[str, str] | None:
    """The trace around the caller as what a measurement points to; None where it is not kept."""
    span = trace.get_current_span().get_span_context()
    return {"trace_id": f"{span.trace_id:032x}"} if span.is_valid and span.trace_flags.sampled else None


def exemplar_of(carrier: Mapping[str, str]) -> dict[str, str] | None:
    """The same of the trace that a record brought."""
    found = trace_id(carrier)
    return {"trace_id": found["trace"]} if found and _is_recorded(int(found["trace"], 16)) else None


@contextmanager
def measured(by: Histogram) -> Iterator[None]:
    """Measures how long what is done inside takes, also where it fails, and names the trace around it beside that."""
    began = time.perf_counter()
    try:
        yield
    finally:
        by.observe(time.perf_counter() - began, exemplar())
