"""A real Jaeger and a real OpenTelemetry collector, where this machine has them; spans as they are sent to either, and
those that this process makes."""

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Sampler

from deploy.local.ports import is_free, need_free
from deploy.local.process import Process
from services.chassis import telemetry
from services.chassis.own_spans import OwnSpans
from services.chassis.spans import OURS, HarmlessSpans, OwnDecision
from services.chassis.told_traces import Span

JAEGER: Final = ("LOTSMAN_JAEGER", "jaeger")
COLLECTOR: Final = ("LOTSMAN_COLLECTOR", "otelcol-contrib", "otelcol")
"""A variable that names a program, and by what names it is looked for on PATH."""
STARTS_WITHIN: Final = 60.0
PORTS: Final = range(31_000, 31_900)
KEEPS: Final = """
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines: {{traces: {{receivers: [otlp], processors: [], exporters: [jaeger_storage_exporter]}}}}
  telemetry: {{metrics: {{level: none}}}}
extensions:
  jaeger_storage: {{backends: {{some_storage: {{memory: {{max_traces: 20000}}}}}}}}
  jaeger_query:
    storage: {{traces: some_storage}}
    http: {{endpoint: "127.0.0.1:{asked}"}}
    grpc: {{endpoint: "127.0.0.1:{grpc}"}}
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{sent}"}}}}}}}}
exporters: {{jaeger_storage_exporter: {{trace_storage: some_storage}}}}
"""


def traced(
    monkeypatch: pytest.MonkeyPatch, sampler: Sampler | None = None, *, masked: bool = False
) -> InMemorySpanExporter:
    """Every span that is recorded from now on, as `telemetry.start` sets it up, before or after it is masked."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(sampler=sampler)
    processor = SimpleSpanProcessor(HarmlessSpans(exporter) if masked else exporter)
    provider.add_span_processor(processor)
    provider.sampler = decision = OwnDecision(provider.sampler)
    monkeypatch.setattr(telemetry, "_tracer", provider.get_tracer(OURS))
    monkeypatch.setattr(telemetry, "_own", OwnSpans(provider.resource, processor, decision))
    return exporter


def trace_of(carried: str) -> str:
    """The id of the trace that a `traceparent` carries on."""
    return carried.split("-")[1]


def program(variable: str, *names: str) -> str:
    """Where a program is. Skips where it is not."""
    found = os.environ.get(variable) or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"neither {variable} nor PATH has {' or '.join(names)}")
    return found


def free_ports(count: int) -> list[int]:
    """So many ports of this machine on which nobody listens."""
    return [port for port, _ in zip(filter(is_free, PORTS), range(count), strict=False)]


@contextmanager
def running(name: str, command: Sequence[str], folder: Path, port: int, env: Mapping[str, str]) -> Iterator[Process]:
    """A program from when it listens on a port."""
    process = Process(name, name, command, folder, env)
    need_free(port, name)
    process.start()
    try:
        deadline = time.monotonic() + STARTS_WITHIN
        while is_free(port):
            process.need_running()
            assert time.monotonic() < deadline, process.last_words()
            time.sleep(0.05)
        yield process
    finally:
        process.stop(20)


@contextmanager
def jaeger(folder: Path) -> Iterator[tuple[str, str]]:
    """A Jaeger that keeps traces in memory: where spans are sent to, and where they are asked for."""
    where, (sent, asked, grpc) = program(*JAEGER), free_ports(3)
    config = folder / "jaeger.yaml"
    config.write_text(KEEPS.format(sent=sent, asked=asked, grpc=grpc))
    with running("jaeger", [where, f"--config={config}"], folder, asked, {}):
        yield f"http://127.0.0.1:{sent}", f"http://127.0.0.1:{asked}"


def send(url: str, spans: Iterable[Span]) -> None:
    """Sends spans as the services do: OTLP over HTTP, in the order that they have."""
    request = ExportTraceServiceRequest()
    for one in spans:
        resource = request.resource_spans.add()
        resource.resource.attributes.append(_pair("service.name", one.service))
        resource.scope_spans.add().spans.append(_otlp(one))
    said = {"Content-Type": "application/x-protobuf"}
    answer = httpx.post(f"{url}/v1/traces", content=request.SerializeToString(), headers=said, trust_env=False)
    answer.raise_for_status()


def _otlp(one: Span) -> trace_pb2.Span:
    return trace_pb2.Span(
        trace_id=bytes.fromhex(one.trace_id),
        span_id=bytes.fromhex(one.span_id),
        parent_span_id=bytes.fromhex(one.parent_id),
        name=one.name,
        kind=trace_pb2.Span.SpanKind.Value(f"SPAN_KIND_{one.kind.upper()}"),
        start_time_unix_nano=one.start_ns,
        end_time_unix_nano=one.end_ns,
        attributes=[_pair(name, value) for name, value in one.attributes.items()],
        links=[
            trace_pb2.Span.Link(trace_id=bytes.fromhex(link["trace_id"]), span_id=bytes.fromhex(link["span_id"]))
            for link in one.links
        ],
        status=trace_pb2.Status(code=trace_pb2.Status.StatusCode.Value(f"STATUS_CODE_{one.status.upper()}")),
    )


def _pair(name: str, value: str) -> KeyValue:
    return KeyValue(key=name, value=AnyValue(string_value=value))
