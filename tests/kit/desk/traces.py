"""Traces as the collector of the embedded stack and as a Jaeger tell of them, for tests of the ops view."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import httpx

from services.chassis.told_traces import PLACE, Span, Trace
from tests.kit.desk.ops import PILOT, TRACE
from tests.kit.desk.services import HARMFUL

OTHER: Final = "5fe80acb-8a65-586f-8092-50953a736486"
BEFORE, AFTER = "a" * 32, "b" * 32
EVENT: Final = "app-1"
AT: Final = ("pilots.agency.minzdrav.v1", "0", "7")
NOON: Final = 1_776_340_800 * 10**9
"""2026-04-16T12:00:00Z."""


def span(trace: str, id_: str, above: str, service: str, name: str, at: float, took: float, **more: Any) -> Span:
    """A span that begins and ends so many milliseconds after noon."""
    start = NOON + int(at * 1e6)
    names = {"pilot": "pilot.id", "event": "pilot.event.id", "error": "error.type", "secret": "user.name"}
    attributes = {names[key]: value for key, value in more.items() if key in names}
    attributes |= dict(zip(PLACE, more.get("place", ()), strict=False))
    links = [{"trace_id": one, "span_id": "ff00ff00ff00ff00"} for one in more.get("links", ())]
    status, kind = "error" if "error" in more else "unset", more.get("kind", "internal")
    return Span(trace, id_, above, service, name, kind, start, start + int(took * 1e6), status, attributes, links)


SPANS: Final = [
    span(BEFORE, "a1", "", "intake", "process pilots.agency.minzdrav.v1", -900, 40, pilot=PILOT, event=EVENT, place=AT),
    span(TRACE, "c1", "", "expertise", "POST /v1/acceptances", 0, 812, links=[BEFORE]),
    span(TRACE, "c2", "c1", "expertise", HARMFUL, 10, 300, pilot=PILOT, event="u-1:k-1", secret="Пётр Тайный"),
    span(TRACE, "c3", "c2", "registry", "process pilots.expertise.v1", 400, 400, pilot=PILOT, error="broken"),
    span(TRACE, "c4", "c1", "expertise", "decide Accept", 20, 30, pilot=OTHER, event="u-1:k-2"),
    span(AFTER, "b1", "", "expertise", "decide Assign", 5_000, 2_000, pilot=PILOT, links=[TRACE]),
]
LINE: Final = {
    "time": "2026-04-16T12:00:00.412+00:00",
    "level": "ERROR",
    "service": "registry",
    "logger": "services.chassis.business",
    "message": f"parked as broken: {HARMFUL}",
    "pilot": PILOT,
    "trace": TRACE,
}


def of(trace: str) -> list[Span]:
    """The spans of a trace."""
    return [one for one in SPANS if one.trace_id == trace]


def collected(request: httpx.Request) -> httpx.Response:
    """What the collector of the embedded stack answers to whoever has the token of these tests."""
    if request.headers.get("Authorization") != "Bearer a-token":
        return httpx.Response(401, json={})
    match request.url.path.split("/")[3:]:
        case []:
            every = [Trace(one, of(one)) for one in (AFTER, TRACE, BEFORE)]
            return httpx.Response(200, json={"items": [one.summary() for one in every], "next": None})
        case [trace, "lines"]:
            return httpx.Response(200, json={"items": [LINE] if trace == TRACE else [], "more": False})
        case [trace] if of(trace):
            near = {"before": _summaries([BEFORE]), "after": _summaries([AFTER])}
            return httpx.Response(200, json={"spans": [one._asdict() for one in of(trace)], **near})
        case _:
            return httpx.Response(404, json={"title": "not-found", "detail": ""})


def _summaries(traces: Iterable[str]) -> list[dict[str, Any]]:
    return [Trace(one, of(one)).summary() for one in traces]


def jaeger(request: httpx.Request) -> httpx.Response:
    """What a Jaeger that keeps these traces answers; it must be told no token."""
    return kept_by_jaeger(SPANS, request)


def kept_by_jaeger(spans: Sequence[Span], request: httpx.Request) -> httpx.Response:
    """What a Jaeger answers that keeps these spans. tests/integration/test_jaeger.py holds this to a real one."""
    assert "Authorization" not in request.headers
    path, asked = request.url.path.removeprefix("/api/v3/traces").strip("/"), request.url.params
    found = [one.trace_id for one in spans if path in ("", one.trace_id) and (path or _wanted(one, asked))]
    if not found:  # also of a search
        said = json.dumps({"error": {"httpCode": 404, "message": "No traces found"}})
        return httpx.Response(404, headers={"Content-Type": "text/plain; charset=utf-8"}, content=said)
    some = [[one for one in spans if one.trace_id == trace] for trace in sorted(set(found))]
    return httpx.Response(
        200, json={"result": {"resourceSpans": [_resource(one) for whole in some for one in _apart(whole)]}}
    )


def _wanted(one: Span, asked: httpx.QueryParams) -> bool:
    since, until = (datetime.fromisoformat(asked[f"query.startTime{end}"]) for end in ("Min", "Max"))
    assert since < until, "a Jaeger wants both"
    attributes = json.loads(asked.get("query.attributes", "{}"))
    failed = attributes.pop("error", None)
    return (
        one.service == asked["query.serviceName"]
        and one.end_ns - one.start_ns >= float(asked.get("query.durationMin", "0s").removesuffix("s")) * 1e9
        and (failed is None or one.status == "error")
        and all(one.attributes.get(name) == value for name, value in attributes.items())
    )


def _apart(spans: Iterable[Span]) -> Iterable[list[Span]]:
    by_service: dict[str, list[Span]] = {}
    for one in spans:
        by_service.setdefault(one.service, []).append(one)
    return by_service.values()


def _resource(spans: Sequence[Span]) -> dict[str, Any]:
    named = {"attributes": [{"key": "service.name", "value": {"stringValue": spans[0].service}}]}
    return {"resource": named, "scopeSpans": [{"scope": {}, "spans": [_otlp(one) for one in spans]}]}


def _otlp(one: Span) -> dict[str, Any]:
    """A span as OTLP writes it in JSON: numbers of 64 bits as texts, what is empty or nought not at all."""
    said = {
        "traceId": one.trace_id,
        "spanId": one.span_id,
        "parentSpanId": one.parent_id,
        "name": one.name,
        "kind": ("unspecified", "internal", "server", "client", "producer", "consumer").index(one.kind),
        "startTimeUnixNano": str(one.start_ns),
        "endTimeUnixNano": str(one.end_ns),
        "attributes": [{"key": name, "value": {"stringValue": value}} for name, value in one.attributes.items()],
        "links": [{"traceId": link["trace_id"], "spanId": link["span_id"]} for link in one.links],
        "status": {"code": 2} if one.status == "error" else {},
    }
    return {name: value for name, value in said.items() if value or name == "status"}
