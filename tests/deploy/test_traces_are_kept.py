"""Spans arrive over OTLP, are bounded in number and come back as a tree."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry import trace as api
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.util.types import AttributeValue
from rich.console import Console

from deploy.cli.traces import tree
from deploy.local.ports import Ports
from deploy.local.traces import Receiver, Span, spans_of


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[Receiver, str]]:
    """A receiver and its address."""
    port = Ports.free()["otlp"]
    one = Receiver(tmp_path / "traces.sqlite", port, kept=50)
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
    console.print(tree(spans[1:]))
    lines = console.export_text().splitlines()
    assert f"{root.get_span_context().trace_id:032x}" in lines[0]
    assert lines[1].index("root") < lines[2].index("child")
    assert f"follows {spans[0].trace_id}" in lines[1]


def test_only_the_newest_spans_are_kept(receiver: tuple[Receiver, str], tmp_path: Path) -> None:
    one, _ = receiver
    for number in range(8):
        one.keep(
            Span("t", f"{number}-{i}", "", "s", "n", "internal", time.time_ns(), 0, "unset", {}, []) for i in range(10)
        )
    kept = spans_of(tmp_path / "traces.sqlite", "t")
    assert len(kept) == 50
    assert kept[0].span_id == "3-0"


def test_what_is_not_an_export_is_refused(receiver: tuple[Receiver, str]) -> None:
    _, url = receiver
    with httpx.Client(trust_env=False) as client:
        assert client.post(f"{url}/v1/traces", content=b"\xff\xff\xff").status_code == 400
        assert client.post(f"{url}/v1/metrics", content=b"x").status_code == 404
        assert client.post(f"{url}/v1/traces", content=b"").status_code == 413
        gzip = {"Content-Encoding": "gzip"}
        assert client.post(f"{url}/v1/traces", content=b"x", headers=gzip).status_code == 400


def test_no_file_is_no_span(tmp_path: Path) -> None:
    assert spans_of(tmp_path / "none.sqlite", "x") == []
