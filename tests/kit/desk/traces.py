"""Traces as the collector of the embedded stack and as a Jaeger tell of them, for tests of the ops view."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import httpx

from services.chassis.told_traces import Span, Trace
from tests.kit.desk.ops import PILOT, TRACE
from tests.kit.desk.services import HARMFUL

OTHER: Final = "5fe80acb-8a65-586f-8092-50953a736486"
BEFORE, AFTER = "a" * 32, "b" * 32
EVENT: Final = "app-1"
NOON: Final = 1_776_340_800 * 10**9
"""2026-04-16T12:00:00Z."""


def span(trace: str, id_: str, above: str, service: str, name: str, at: float, took: float, **more: Any) -> Span:
    """A span that begins and ends so many milliseconds after noon."""
    start = NOON + int(at * 1e6)
    names = {"pilot": "pilot.id", "event": "pilot.event.id", "error": "error.type", "secret": "user.name"}
    attributes = {names[key]: value for key, value in more.items() if key in names}
    links = [{"trace_id": one, "span_id": "ff00ff00ff00ff00"} for one in more.get("links", ())]
    status, kind = "error" if "error" in more else "unset", more.get("kind", "internal")
    return Span(trace, id_, above, service, name, kind, start, start + int(took * 1e6), status, attributes, links)


SPANS: Final = [
    span(BEFORE, "a1", "", "intake", "process pilots.agency.minzdrav.v1", -900, 40, pilot=PILOT, event=EVENT),
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
    """What a Jaeger answers; it must be told no token."""
    assert "Authorization" not in request.headers
    asked = request.url.params
    tail = request.url.path.removeprefix("/api/traces").strip("/")
    if tail:
        found = {tail} if of(tail) else set()
        return httpx.Response(200 if found else 404, json=_told(sorted(found)))
    tags = json.loads(asked.get("tags", "{}"))
    found = {
        one.trace_id
        for one in SPANS
        if one.service == asked["service"] and all(_tags(one).get(name) == value for name, value in tags.items())
    }
    return httpx.Response(200, json=_told(sorted(found)))


def _tags(one: Span) -> dict[str, Any]:
    failed = {"error": "true", "otel.status_code": "ERROR"} if one.status == "error" else {}
    return {**one.attributes, "span.kind": one.kind, **failed}


def _told(traces: Sequence[str]) -> dict[str, Any]:
    return {"data": [_trace(one) for one in traces], "total": 0, "limit": 0, "offset": 0, "errors": None}


def _trace(trace: str) -> dict[str, Any]:
    spans = of(trace)
    names = sorted({one.service for one in spans})
    processes = {f"p{n}": {"serviceName": name, "tags": []} for n, name in enumerate(names)}
    return {"traceID": trace, "spans": [_jaeger_span(one, names) for one in spans], "processes": processes}


def _jaeger_span(one: Span, names: Sequence[str]) -> dict[str, Any]:
    up = [{"refType": "CHILD_OF", "traceID": one.trace_id, "spanID": one.parent_id}] if one.parent_id else []
    linked = [{"refType": "FOLLOWS_FROM", "traceID": link["trace_id"], "spanID": link["span_id"]} for link in one.links]
    tags = [{"key": name, "type": "string", "value": value} for name, value in _tags(one).items()]
    return {
        "traceID": one.trace_id,
        "spanID": one.span_id,
        "operationName": one.name,
        "references": [*up, *linked],
        "startTime": one.start_ns // 1000,
        "duration": (one.end_ns - one.start_ns) // 1000,
        "tags": tags,
        "logs": [],
        "processID": f"p{names.index(one.service)}",
        "warnings": None,
    }
