"""The traces that a Jaeger keeps, by the JSON of its query API (`/api/traces`), which its own pages and Grafana use.

Jaeger lists the traces of one service at a time, the newest first. So a list is made of the newest of each service of
ours, and the slowest are the slowest of these; further back one gets by a pilot, an event or the id of a trace.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from contracts.topics import DESK, SERVICES
from services.chassis.told_traces import ABOUT, Span, Trace, traces_in
from services.desk.clients import Refused
from services.desk.traces import MOST, Lines, Listed, Listing, NotTold, Whole

PATH: Final = "/api/traces"
NEWEST: Final = timedelta(days=1)
"""How far back a list goes (assumption: who looks at a list looks for what has just happened)."""
EVER: Final = timedelta(days=90)
"""The same of what is asked for by name (assumption: longer than a Jaeger keeps anything by itself)."""
ASKED: Final = 50
"""Of how many traces of each service a list is made."""
OF_ONE: Final = 100
LATEST_NS: Final = 253_402_300_799 * 10**9
"""The end of the year 9999, the last of a calendar here."""
TRACE_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
OK, NOT_THERE = 200, 404
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
        return list(_spans(await self._asked(PATH, service=service, tags=said, limit=most, **between)))

    async def _trace(self, trace: str) -> list[Span]:
        found = [span for span in _spans(await self._asked(f"{PATH}/{trace}")) if span.trace_id == trace]
        return sorted(found, key=lambda span: span.start_ns)

    async def _asked(self, path: str, **params: Any) -> Sequence[Any]:
        """The traces of an answer; none where it is said that there is no such. Raises Away, and NotTold for anything
        else than an answer of a Jaeger: what stands before it may want a sign-in that is not ours, or show a page."""
        try:
            answer = await self.ask(path, **params)
        except Refused as error:
            if error.status == NOT_THERE and not error.rule:  # a Jaeger says it in JSON
                return ()
            raise NotTold(error.status) from None
        if not isinstance(answer, dict) or not isinstance(answer.get("data", 0), list | None):
            raise NotTold(OK)
        if wrong := [one for one in _dicts(answer.get("errors")) if one.get("code") not in (None, NOT_THERE)]:
            raise NotTold(wrong[0]["code"])
        return answer["data"] or ()


def _microseconds(at: datetime) -> int:
    return int(at.timestamp() * 1e6)


def _by_trace(found: Iterable[Sequence[Span]]) -> dict[str, list[Span]]:
    """The spans of each trace, each span once, the oldest first."""
    traces: dict[str, dict[str, Span]] = {}
    for some in found:
        for span in some:
            traces.setdefault(span.trace_id, {})[span.span_id] = span
    return {trace: sorted(some.values(), key=lambda one: one.start_ns) for trace, some in traces.items()}


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; none of anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _spans(traces: Sequence[Any]) -> Iterator[Span]:
    """The spans of an answer; what has not the form of one is left out."""
    for trace in _dicts(traces):
        processes = trace.get("processes")
        known = processes if isinstance(processes, dict) else {}
        services = {id_: str(one.get("serviceName", "")) for id_, one in known.items() if isinstance(one, dict)}
        for said in _dicts(trace.get("spans")):
            try:
                yield _span(said, services)
            except (LookupError, TypeError, ValueError, OverflowError):
                continue


def _span(said: Mapping[str, Any], services: Mapping[str, str]) -> Span:
    trace, references = _trace_id(said["traceID"]), _dicts(said.get("references"))
    tags = {str(one["key"]): one["value"] for one in _dicts(said.get("tags")) if {"key", "value"} <= one.keys()}
    others = [one for one in references if _trace_id(one.get("traceID", trace)) != trace and "spanID" in one]
    parents = [str(one["spanID"]) for one in references if one.get("refType") == "CHILD_OF" and "spanID" in one]
    inside = [one for one in parents if one not in [str(other["spanID"]) for other in others]]
    start, took = int(said["startTime"]) * 1000, int(said["duration"]) * 1000
    if not (0 <= start <= start + took <= LATEST_NS):
        raise ValueError("no moment that a calendar has")
    failed = str(tags.get("otel.status_code", "")).upper() == "ERROR" or str(tags.get("error", "")).lower() == "true"
    return Span(
        trace,
        str(said["spanID"]),
        inside[0] if inside else "",
        services.get(str(said.get("processID", "")), ""),
        str(said["operationName"]),
        str(tags.get("span.kind", "internal")),
        start,
        start + took,
        "error" if failed else "unset",
        {name: value for name, value in tags.items() if name not in TOOLS},
        [{"trace_id": _trace_id(one["traceID"]), "span_id": str(one["spanID"])} for one in others],
    )


def _trace_id(text: Any) -> str:
    """The id with its leading noughts, which older ones leave out. Raises ValueError for what is none."""
    found = str(text).lower().zfill(32)
    if not TRACE_ID.fullmatch(found):
        raise ValueError("no id of a trace")
    return found
