"""Spans are made where a trace is recorded; where it is not, it goes on as it came, at no cost."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.semconv._incubating.attributes import messaging_attributes
from prometheus_client import REGISTRY
from prometheus_client.openmetrics.exposition import generate_latest

from contracts.event import Actor, Event, headers_of
from services.chassis import messaging, telemetry
from services.chassis.masking import TRACEPARENT
from services.chassis.message import Message
from services.chassis.otlp import encoded
from services.chassis.parking import Parked, unreadable
from services.chassis.reading import tell_unreadable
from services.chassis.sent_spans import in_spans
from services.chassis.spans import ATTRIBUTES, OwnDecision
from services.chassis.subject import Claimed, Done, Input, Record
from tests.kit.engine.tiny import NotedV1
from tests.kit.tracing import traced

TRACE = "a" * 32
RECORDED, UNMARKED = (f"00-{TRACE}-{'b' * 16}-{flags}" for flags in ("01", "00"))
SOME = ParentBased(TraceIdRatioBased(0.7))
"""Records the trace above, and does not record the one below."""
LEFT_OUT = f"00-{'f' * 32}-{'b' * 16}-00"


def given(carrier: Mapping[str, str]) -> Input:
    """A record with this trace."""
    mark = Claimed("agency:demo", "1", "d")
    record = Record("pilots.agency.demo.v1", 0, 0, None, b"")
    return Input("p1", mark, None, Actor(id="a", role="r"), "1", trace=carrier, record=record)


def passed_on(one: Input) -> Mapping[str, str]:
    """What goes on behind the span of an input."""
    (span,) = telemetry.open_spans([one])
    carried = telemetry.carried(span, one.trace)
    telemetry.close_span(span, one, Done(1, 1))
    return carried


def test_a_trace_that_is_recorded_gets_a_span_and_goes_on_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = traced(monkeypatch)
    carried = passed_on(given({"traceparent": RECORDED}))
    (span,) = exporter.get_finished_spans()
    assert span.context is not None and f"{span.context.trace_id:032x}" == TRACE
    assert carried["traceparent"] == f"00-{TRACE}-{span.context.span_id:016x}-01"


def test_a_sender_that_does_not_record_its_trace_does_not_switch_it_off_here(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = traced(monkeypatch)
    one = given({"traceparent": UNMARKED, "tracestate": "vendor=1"})
    carried = passed_on(one)
    telemetry.send_span("pilots.intake.v1", carried, 1).end()
    process, send = exporter.get_finished_spans()
    assert process.context is not None and f"{process.context.trace_id:032x}" == TRACE
    assert process.parent is not None and f"{process.parent.span_id:016x}" == "b" * 16
    assert carried == {"traceparent": f"00-{TRACE}-{process.context.span_id:016x}-01", "tracestate": "vendor=1"}
    assert send.parent is not None and send.parent.span_id == process.context.span_id


@pytest.mark.parametrize("brought", [LEFT_OUT, LEFT_OUT[:-2] + "01"])
def test_a_trace_that_is_not_recorded_here_goes_on_as_it_came_without_a_span(
    monkeypatch: pytest.MonkeyPatch, brought: str
) -> None:
    exporter = traced(monkeypatch, SOME)
    one = given({"traceparent": brought})
    assert telemetry.open_spans([one]) == [trace.INVALID_SPAN]
    assert passed_on(one) == {"traceparent": brought} and exporter.get_finished_spans() == ()
    assert telemetry.exemplar_of(one.trace) is None


def test_a_span_that_has_ended_says_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, error = traced(monkeypatch), trace.Status(trace.StatusCode.ERROR)
    span = telemetry.send_span("t", {"traceparent": RECORDED}, 1)
    assert span.is_recording()
    for _ in range(2):
        span.end()
    assert not span.is_recording()
    span.set_attribute("messaging.message.id", "e-1")
    span.set_attributes({"messaging.message.id": "e-1"})
    span.set_status(error)
    span.add_link(span.get_span_context())
    (told,) = exporter.get_finished_spans()
    assert dict(told.attributes or {})["messaging.message.id"] != "e-1" and told.status.is_unset and not told.links
    assert told.start_time is not None and told.end_time is not None and told.start_time <= told.end_time


def test_services_that_sample_by_the_traces_id_decide_alike_whatever_its_mark_says() -> None:
    decision = OwnDecision(SOME)
    for number in range(1, 2**64, 2**57):
        said = set[bool]()
        for flags in ("00", "01"):
            context = telemetry.context_of({"traceparent": f"00-{number:032x}-{'b' * 16}-{flags}"})
            said.add(decision.should_sample(context, number, "process").decision is Decision.RECORD_AND_SAMPLE)
        assert said == {decision.records(number)} == {number < 0.7 * 2**64}


@pytest.mark.parametrize("bad", ["", "00-" + "0" * 32 + f"-{'b' * 16}-00", "nonsense"])
def test_what_is_no_trace_is_not_passed_on_but_one_begun(monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    exporter = traced(monkeypatch)
    carried = passed_on(given({"traceparent": bad}))
    assert len(exporter.get_finished_spans()) == 1 and TRACEPARENT.fullmatch(carried["traceparent"])


def test_a_state_of_a_vendor_goes_on_only_as_far_as_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    traced(monkeypatch, SOME)
    good = {"traceparent": LEFT_OUT, "tracestate": "vendor=1"}
    assert passed_on(given(good)) == good
    assert passed_on(given({**good, "tracestate": "x" * 9000})) == {"traceparent": LEFT_OUT}


def test_where_nothing_is_exported_a_trace_keeps_its_id_and_its_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = traced(monkeypatch, ALWAYS_OFF)
    assert passed_on(given({"traceparent": RECORDED})) == {"traceparent": RECORDED}
    begun = passed_on(given({}))["traceparent"]
    assert TRACEPARENT.fullmatch(begun) and begun[-1] in "02468ace"
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize("sampler", [None, TraceIdRatioBased(1.0)])
def test_a_call_to_mongodb_makes_a_span_inside_a_trace_and_begins_none(sampler: Sampler | None) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider(sampler=sampler)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.sampler = OwnDecision(provider.sampler)
    tracer = provider.get_tracer("driver")

    def call() -> None:
        tracer.start_span("lotsman.find", kind=trace.SpanKind.CLIENT).end()

    call()
    assert exporter.get_finished_spans() == ()
    with tracer.start_as_current_span("request"):
        call()
    assert [span.name for span in exporter.get_finished_spans()] == ["lotsman.find", "request"]


def test_a_call_inside_a_trace_that_is_not_recorded_is_not_recorded() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider(sampler=SOME)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.sampler = OwnDecision(provider.sampler)
    context = telemetry.context_of({"traceparent": LEFT_OUT})
    provider.get_tracer("driver").start_span("find", context=context, kind=trace.SpanKind.CLIENT).end()
    assert exporter.get_finished_spans() == ()


def test_a_histogram_points_to_a_trace_that_is_kept_and_to_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """As whoever asks for OpenMetrics is told. Of HTTP and the way to the register: tests/e2e/test_main_job.py"""
    topic, group = "pilots.intake.v1", f"registry.{uuid4().hex}"

    def work(sampler: Sampler) -> str:
        exporter = traced(monkeypatch, sampler)
        with messaging.batch("intake", topic, group, 1):
            pass
        with telemetry.batch_span("intake", 1, telemetry.batch_of(topic, group)), messaging.committing(topic, group):
            pass
        return " ".join(f"{one.context.trace_id:032x}" for one in exporter.get_finished_spans() if one.context)

    def pointed_to() -> set[str]:
        lines = [one for one in generate_latest(REGISTRY).decode().splitlines() if group in one]  # type: ignore[no-untyped-call]
        assert lines
        return {found[1] for one in lines if (found := re.search(r' # \{trace_id="([0-9a-f]{32})"\}', one))}

    assert (work(ALWAYS_OFF), pointed_to()) == ("", set())
    kept = {*work(ALWAYS_ON).split()}
    assert len(kept) == 2 and pointed_to() == kept


def test_spans_of_kafka_have_the_names_that_opentelemetry_gives_them(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = traced(monkeypatch)
    topic, fact = "pilots.intake.v1", NotedV1(actor=Actor(id="a", role="r"), what="a")
    now, carrier = datetime(2026, 3, 2, tzinfo=UTC), {"traceparent": RECORDED}
    event = Event("e-1", "tiny", NotedV1.TYPE, "p1", now, 1, "c", carrier, fact)
    with telemetry.batch_span("agency", 1, telemetry.batch_of("pilots.agency.{agency}.v1", "intake.agency")):
        passed_on(given({"traceparent": RECORDED}))
    telemetry.send_span(topic, headers_of(event), 17).end()
    with (
        pytest.raises(ConnectionError),
        telemetry.batch_span("intake", 2, telemetry.batch_of(topic, "registry.intake")),
    ):
        raise ConnectionError
    process, batch, send, failed = exporter.get_finished_spans()
    assert [(one.name, one.kind.name) for one in (process, batch, send, failed)] == [
        ("process pilots.agency.demo.v1", "CONSUMER"),
        ("batch pilots.agency.{agency}.v1", "CONSUMER"),
        ("send pilots.intake.v1", "PRODUCER"),
        ("batch pilots.intake.v1", "CONSUMER"),
    ]
    told: list[dict[str, object]] = [dict(one.attributes or {}) for one in (process, batch, send, failed)]
    known = {value for name, value in vars(messaging_attributes).items() if name.isupper()} | {"error.type"}
    for one in told:
        assert one["messaging.system"] == "kafka"
        assert {name for name in one if not name.startswith("pilot.")} <= known & ATTRIBUTES
    assert (
        told[0]
        | {
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": "pilots.agency.demo.v1",
            "messaging.destination.partition.id": "0",
            "messaging.kafka.offset": 0,
            "messaging.message.id": "1",
        }
        == told[0]
    )
    assert (
        told[1]
        | {
            "messaging.operation.type": "process",
            "messaging.destination.template": "pilots.agency.{agency}.v1",
            "messaging.consumer.group.name": "intake.agency",
            "messaging.batch.message_count": 1,
        }
        == told[1]
    )
    assert told[2] | {"messaging.operation.type": "send", "messaging.message.body.size": 17} == told[2]
    assert told[3]["error.type"] == "ConnectionError" and failed.status.status_code.name == "ERROR"


async def test_each_record_that_is_sent_has_its_span_in_its_headers_and_one_that_is_not_recorded_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exporter, sent = traced(monkeypatch, SOME), list[Message]()

    async def send(messages: Sequence[Message], /) -> Sequence[BaseException | None]:
        sent.extend(messages)
        return [ConnectionError() if one.key == "p2" else None for one in messages]

    topic, said = "pilots.receipts.demo.v1", {"ce_id": "e-1.receipt", "ce_type": "t", "ce_subject": "p1"}
    recorded = Message(topic, "p1", b"told", {**said, "traceparent": RECORDED, "tracestate": "vendor=1"})
    failing = replace(recorded, key="p2")
    beside = [Message(topic, "p3", b"", {**said, "traceparent": LEFT_OUT}), Message(topic, "p4", b"", said)]
    answers = await in_spans(send)([recorded, failing, *beside])
    assert [answer is None for answer in answers] == [True, False, True, True]
    assert sent[2:] == beside and sent[2] is beside[0], "as they are, at no cost"
    went, failed = exporter.get_finished_spans()
    for span, message in ((went, sent[0]), (failed, sent[1])):
        assert span.context is not None and span.parent is not None and f"{span.parent.span_id:016x}" == "b" * 16
        carried = {"traceparent": f"00-{TRACE}-{span.context.span_id:016x}-01", "tracestate": "vendor=1"}
        assert message.headers == {**said, **carried}
        assert (span.name, span.kind.name) == (f"send {topic}", "PRODUCER")
        assert span.attributes is not None and span.attributes["messaging.message.id"] == "e-1.receipt"
    assert went.status.is_ok or went.status.is_unset
    assert failed.attributes is not None and failed.attributes["error.type"] == "ConnectionError"
    assert not failed.status.is_ok and set(failed.attributes) <= ATTRIBUTES


async def test_where_nothing_is_exported_what_is_sent_keeps_its_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, sent = traced(monkeypatch, ALWAYS_OFF), list[Message]()

    async def send(messages: Sequence[Message], /) -> Sequence[BaseException | None]:
        sent.extend(messages)
        return [None] * len(messages)

    one = Message("pilots.receipts.demo.v1", "p1", b"", {"traceparent": RECORDED})
    await in_spans(send)([one])
    assert sent == [one] and exporter.get_finished_spans() == ()


def resource_spans(request: bytes | ExportTraceServiceRequest) -> list[ResourceSpans]:
    """What a request holds, each span in a frame of its own, in their order."""
    asked = request if isinstance(request, ExportTraceServiceRequest) else ExportTraceServiceRequest.FromString(request)
    found = list[ResourceSpans]()
    for resource in asked.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                alone = ScopeSpans(scope=scope.scope, spans=[span], schema_url=scope.schema_url)
                found.append(
                    ResourceSpans(resource=resource.resource, scope_spans=[alone], schema_url=resource.schema_url)
                )
    return sorted(found, key=lambda one: one.scope_spans[0].spans[0].span_id)


def test_a_request_that_is_written_here_says_what_the_library_would_write(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = traced(monkeypatch, masked=True)
    state = {"traceparent": f"{RECORDED[:-2]}03", "tracestate": "vendor=1"}
    with pytest.raises(ValueError), telemetry.batch_span("intake", 300, telemetry.batch_of("t", "g")):
        passed_on(given({"traceparent": RECORDED}))
        passed_on(replace(given(state), cause_id="Ivanov"))
        passed_on(replace(given({"traceparent": RECORDED}), record=None))
        passed_on(replace(given({}), event_type="x" * 200))
        broken = given({"traceparent": RECORDED})
        telemetry.close_span(telemetry.open_spans([broken])[0], broken, None)
        telemetry.send_span("pilots.intake.v1", {"traceparent": RECORDED, "ce_id": "e-1"}, 2**40).end()
        raise ValueError
    spans = exporter.get_finished_spans()
    assert len(spans) == 7
    assert resource_spans(encoded(spans)) == resource_spans(encode_spans(spans))
    assert encoded([]) == b""


def parked(value: bytes, *headers: tuple[str, bytes]) -> Parked:
    """An agency's record that could not be read."""
    return unreadable(Record("pilots.agency.demo.v1", 0, 3, None, value, headers=headers), "NewerVersion: /type")


def test_what_cannot_be_read_stands_in_the_trace_that_it_names_and_is_found_by_the_id_of_its_event(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    exporter = traced(monkeypatch)
    said = f'{{"id": "v9-1", "type": "pilots.agency.application-submitted.v9", "traceparent": "{RECORDED}"}}'.encode()
    tell_unreadable([parked(said), parked(b"{", ("traceparent", RECORDED.encode())), parked(b"{")])
    named, by_header, by_place = exporter.get_finished_spans()
    for one in (named, by_header):
        assert one.context is not None and f"{one.context.trace_id:032x}" == TRACE
    ids = [one.attributes and one.attributes["pilot.event.id"] for one in (named, by_header, by_place)]
    assert ids == ["v9-1", "kafka:pilots.agency.demo.v1/0/3", "kafka:pilots.agency.demo.v1/0/3"]
    assert not named.status.is_ok and {record.levelname for record in caplog.records} == {"ERROR"}
    assert set(named.attributes or ()) <= ATTRIBUTES


def open_metrics() -> list[str]:
    """What is told of all metrics, with exemplars."""
    return str(generate_latest(REGISTRY), "utf-8").splitlines()  # type: ignore[no-untyped-call]


def test_how_long_a_batch_and_its_stages_take_names_the_trace_of_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = traced(monkeypatch)
    with pytest.raises(ValueError), telemetry.batch_span("measured", 2):
        with telemetry.measured(telemetry.DECIDE):
            pass
        raise ValueError
    (span,) = exporter.get_finished_spans()
    assert span.context is not None
    named = f'# {{trace_id="{span.context.trace_id:032x}"}}'
    told = [one for one in open_metrics() if named in one]
    assert len([one for one in told if one.startswith('lotsman_batch_seconds_bucket{door="measured"')]) == 1
    assert len([one for one in told if one.startswith("lotsman_stage_seconds_bucket") and 'stage="decide"' in one]) == 1
    traced(monkeypatch, ALWAYS_OFF)
    with telemetry.batch_span("unkept", 2):
        pass
    unkept = [one for one in open_metrics() if 'door="unkept"' in one]
    assert unkept and not any("trace_id" in one for one in unkept)
