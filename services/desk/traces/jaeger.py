"""The traces that a Jaeger keeps, by the JSON of its query API (`/api/traces`), which its own pages and Grafana use.

Jaeger lists the traces of one service at a time, the newest first. So a list is made of the newest of each service of
ours, and the slowest are the slowest of these; further back one gets by a pilot, an event or the id of a trace.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from contracts.topics import DESK, SERVICES
from services.chassis.told_traces import ABOUT, Span, Trace, traces_in
from services.desk.clients import Refused
from services.desk.traces import MOST, Lines, Listed, Listing, Whole

PATH: Final = "/api/traces"
NEWEST: Final = timedelta(days=1)
"""How far back a list goes (assumption: who looks at a list looks for what has just happened)."""
EVER: Final = timedelta(days=90)
"""The same of what is asked for by name (assumption: longer than a Jaeger keeps anything by itself)."""
ASKED: Final = 50
"""Of how many traces of each service a list is made."""
OF_ONE: Final = 100
NEAR: Final = 10
PILOTS: Final = 3
"""For so many subjects of a trace it is asked what came after it."""
TOOLS: Final = ("span.kind", "otel.status_code", "otel.status_description", "error", "internal.span.format")
"""Tags by which Jaeger says what OpenTelemetry has fields for."""
Ask = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Jaeger:
    """The reader of a Jaeger. `now` is the clock (UTC)."""

    ask: Ask
    now: Callable[[], datetime]

    async def listed(self, which: Listing) -> Listed:
        """The newest traces, or the slowest of them."""
        tags = {"error": "true"} if which.failed else {}
        names = (*SERVICES, DESK)
        found = await asyncio.gather(*(self._search(name, tags, NEWEST, ASKED) for name in names))
        whole = [one for trace, spans in _by_trace(found).items() for one in traces_in(spans, trace)]
        some = [one for one in whole if one.failed or not which.failed]
        some.sort(key=lambda one: -one.took_ms if which.slowest else -one.began_ns)
        return Listed([one.summary() for one in some[: 2 * MOST]])

    async def of(self, name: str) -> Listed:
        """The traces of a pilot or an event."""
        asked = [self._search(service, {tag: name}, EVER, OF_ONE) for service in SERVICES for tag in ABOUT]
        spans = [span for some in _by_trace(await asyncio.gather(*asked)).values() for span in some]
        return Listed([one.summary() for one in traces_in(spans, name)][-OF_ONE:])

    async def whole(self, trace: str) -> Whole | None:
        """One trace."""
        spans = await self._trace(trace)
        if not spans:
            return None
        one = Trace(trace, spans)
        before = await asyncio.gather(*(self._trace(id_) for id_ in one.follows[:NEAR]))
        asked = [self._search(name, {ABOUT[0]: id_}, EVER, OF_ONE) for name in SERVICES for id_ in one.pilots[:PILOTS]]
        others = [Trace(id_, some) for id_, some in _by_trace(await asyncio.gather(*asked)).items() if id_ != trace]
        after = sorted((other for other in others if trace in other.follows), key=lambda other: other.began_ns)
        return Whole(
            spans,
            [Trace(some[0].trace_id, some).summary() for some in before if some],
            [other.summary() for other in after[:NEAR]],
        )

    async def lines(self, _trace: str) -> Lines | None:
        """Logs are not Jaeger's."""
        return None

    async def _search(self, service: str, tags: Mapping[str, str], since: timedelta, most: int) -> list[Span]:
        end = self.now()
        between = {"start": _microseconds(end - since), "end": _microseconds(end)}
        said = json.dumps(tags, ensure_ascii=False) if tags else ""
        found = await self.ask(PATH, service=service, tags=said, limit=most, **between)
        return list(_spans(found))

    async def _trace(self, trace: str) -> list[Span]:
        try:
            found = await self.ask(f"{PATH}/{trace}")
        except Refused as error:
            if error.status != 404:
                raise
            return []
        return sorted(_spans(found), key=lambda span: span.start_ns)


def _microseconds(at: datetime) -> int:
    return int(at.timestamp() * 1e6)


def _by_trace(found: Iterable[Sequence[Span]]) -> dict[str, list[Span]]:
    """The spans of each trace, each span once, the oldest first."""
    traces: dict[str, dict[str, Span]] = {}
    for some in found:
        for span in some:
            traces.setdefault(span.trace_id, {})[span.span_id] = span
    return {trace: sorted(some.values(), key=lambda one: one.start_ns) for trace, some in traces.items()}


def _spans(answer: Any) -> Iterator[Span]:
    """The spans of an answer; what has not the form of one is left out."""
    for trace in (answer or {}).get("data") or ():
        services = {id_: str(one.get("serviceName", "")) for id_, one in (trace.get("processes") or {}).items()}
        for said in trace.get("spans") or ():
            try:
                yield _span(said, services)
            except (LookupError, TypeError, ValueError):
                continue


def _span(said: Mapping[str, Any], services: Mapping[str, str]) -> Span:
    trace, tags = _trace_id(said["traceID"]), {one["key"]: one["value"] for one in said.get("tags") or ()}
    others = [one for one in said.get("references") or () if _trace_id(one["traceID"]) != trace]
    parents = [one["spanID"] for one in said.get("references") or () if one.get("refType") == "CHILD_OF"]
    inside = [one for one in parents if one not in [other["spanID"] for other in others]]
    start = int(said["startTime"]) * 1000
    failed = str(tags.get("otel.status_code", "")).upper() == "ERROR" or str(tags.get("error", "")).lower() == "true"
    return Span(
        trace,
        said["spanID"],
        inside[0] if inside else "",
        services.get(said.get("processID", ""), ""),
        str(said["operationName"]),
        str(tags.get("span.kind", "internal")),
        start,
        start + int(said["duration"]) * 1000,
        "error" if failed else "unset",
        {name: value for name, value in tags.items() if name not in TOOLS},
        [{"trace_id": _trace_id(one["traceID"]), "span_id": one["spanID"]} for one in others],
    )


def _trace_id(text: str) -> str:
    return text.lower().zfill(32)
