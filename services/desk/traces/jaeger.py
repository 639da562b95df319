"""The traces that a Jaeger keeps, by its stable query API (`/api/v3`, OTLP as JSON): Jaeger 2.19 and newer.

Jaeger lists the traces of one service at a time, the newest first. So a list is made of the newest of each service of
ours, and the slowest are the slowest of these and of the newest that have a long span; further back one gets by a
pilot, an event or the id of a trace.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from contracts.event import wire_moment
from contracts.topics import DESK, INTAKE, SERVICES
from services.chassis.masking import MASK
from services.chassis.told_traces import ABOUT, Span, Trace, event_at, place_in, traces_in
from services.desk.clients import Refused
from services.desk.traces import MOST, Lines, Listed, Listing, NotTold, Whole

PATH: Final = "/api/v3/traces"
NEWEST: Final = timedelta(days=1)
"""How far back a list goes (assumption: who looks at a list looks for what has just happened)."""
EVER: Final = timedelta(days=90)
"""The same of what is asked for by name (assumption: longer than a Jaeger keeps anything by itself)."""
ASKED: Final = 50
"""Of how many traces of each service a list is made."""
OF_ONE: Final = 100
LONG: Final = "1s"
"""What a long span is at least (assumption: what the collector in deploy/monitoring calls slow)."""
LATEST_NS: Final = 253_402_300_799 * 10**9
"""The end of the year 9999, the last of a calendar here."""
TRACE_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
OK, NOT_THERE = 200, 404
NEAR: Final = 10
PILOTS: Final = 3
"""For so many subjects of a trace it is asked what came after it."""
KINDS: Final = ("internal", "internal", "server", "client", "producer", "consumer")
"""The kinds of OTLP by their numbers; unsaid is internal, as OTLP wants it."""
STATUSES: Final = ("unset", "ok", "error")
Ask = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Jaeger:
    """The reader of a Jaeger. `now` is the clock (UTC)."""

    ask: Ask
    now: Callable[[], datetime]

    async def listed(self, which: Listing) -> Listed:
        """The newest traces, or the slowest of them."""
        wanted = {"attributes": _attributes({"error": "true"})} if which.failed else {}
        asked = [wanted, *([{**wanted, "durationMin": LONG}] if which.slowest else [])]
        searches = [self._search(name, NEWEST, ASKED, **one) for name in (*SERVICES, DESK) for one in asked]
        found = await asyncio.gather(*searches)
        whole = [one for trace, spans in _by_trace(found).items() for one in traces_in(spans, trace)]
        some = [one for one in whole if one.failed or not which.failed]
        some.sort(key=lambda one: -one.worked_ms if which.slowest else -one.began_ns)
        return Listed([one.summary() for one in some[: 2 * MOST]])

    async def of(self, name: str) -> Listed:
        """The traces of a pilot or an event; the receipt of a parked event means that event. What is masked is nobody's
        name."""
        if MASK in name:
            return Listed([])
        if (place := place_in(name)) is not None:
            about = await self._search(INTAKE, EVER, 1, attributes=_attributes(place))
            name = event_at(about, place) or name
            if any(one.trace_id == name for one in about):
                return Listed([one.summary() for one in traces_in(await self._trace(name), name)])
        asked = [
            self._search(service, EVER, OF_ONE, attributes=_attributes({tag: name}))
            for service in SERVICES
            for tag in ABOUT
        ]
        spans = [span for some in _by_trace(await asyncio.gather(*asked)).values() for span in some]
        return Listed([one.summary() for one in traces_in(spans, name)][-OF_ONE:])

    async def whole(self, trace: str) -> Whole | None:
        """One trace."""
        spans = await self._trace(trace)
        if not spans:
            return None
        one = Trace(trace, spans)
        before = await asyncio.gather(*(self._trace(id_) for id_ in one.follows[:NEAR]))
        asked = [
            self._search(name, EVER, OF_ONE, attributes=_attributes({ABOUT[0]: id_}))
            for name in SERVICES
            for id_ in one.pilots[:PILOTS]
        ]
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

    async def _search(self, service: str, since: timedelta, most: int, **wanted: str) -> Sequence[Span]:
        end = self.now()
        between = {"startTimeMin": wire_moment(end - since), "startTimeMax": wire_moment(end)}
        asked = {"serviceName": service, "searchDepth": most, **between, **wanted}
        return await self._asked(PATH, **{f"query.{name}": value for name, value in asked.items()})

    async def _trace(self, trace: str) -> list[Span]:
        found = {span.span_id: span for span in await self._asked(f"{PATH}/{trace}") if span.trace_id == trace}
        return sorted(found.values(), key=lambda span: span.start_ns)

    async def _asked(self, path: str, **params: Any) -> Sequence[Span]:
        """The spans of an answer; none where it is said that there is no such. Raises Away, and NotTold for anything
        else than an answer of a Jaeger: what stands before it may want a sign-in that is not ours, or show a page."""
        try:
            answer = await self.ask(path, **params)
        except Refused as error:
            if _wrong(error.problem) == NOT_THERE:  # a Jaeger says so in JSON, also of a search that finds nothing
                return ()
            raise NotTold(error.status) from None
        if not isinstance(answer, dict) or not isinstance(answer.get("result"), dict):
            raise NotTold(_wrong(answer) or OK)
        return list(_spans(answer["result"]))


def _attributes(wanted: Mapping[str, str]) -> str:
    return json.dumps(wanted, ensure_ascii=False)


def _wrong(answer: Any) -> Any:
    """The status that an answer of a Jaeger says of itself; None of one that says none."""
    error = answer.get("error") if isinstance(answer, Mapping) else None
    return error.get("httpCode") if isinstance(error, dict) else None


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


def _spans(said: Mapping[str, Any]) -> Iterator[Span]:
    """The spans of an answer; what has not the form of one is left out."""
    for resource in _dicts(said.get("resourceSpans")):
        of = resource.get("resource")
        service = str(_told(of.get("attributes") if isinstance(of, dict) else None).get("service.name", ""))
        for scope in _dicts(resource.get("scopeSpans")):
            for span in _dicts(scope.get("spans")):
                try:
                    yield _span(span, service)
                except (LookupError, TypeError, ValueError, OverflowError):
                    continue


def _span(said: Mapping[str, Any], service: str) -> Span:
    start, end = int(said["startTimeUnixNano"]), int(said["endTimeUnixNano"])
    if not (0 <= start <= end <= LATEST_NS):
        raise ValueError("no moment that a calendar has")
    status = said.get("status")
    links = [one for one in _dicts(said.get("links")) if {"traceId", "spanId"} <= one.keys()]
    return Span(
        _trace_id(said["traceId"]),
        str(said["spanId"]),
        str(said.get("parentSpanId") or ""),
        service,
        str(said["name"]),
        KINDS[int(said.get("kind", 0))],
        start,
        end,
        STATUSES[int(status.get("code", 0))] if isinstance(status, dict) else STATUSES[0],
        _told(said.get("attributes")),
        [{"trace_id": _trace_id(one["traceId"]), "span_id": str(one["spanId"])} for one in links],
    )


def _told(attributes: Any) -> dict[str, Any]:
    """Attributes by their names, with the one value that each has; a number of 64 bits comes as a text, and stays
    one."""
    some = [(one.get("key"), one.get("value")) for one in _dicts(attributes)]
    known = [(key, value) for key, value in some if isinstance(key, str) and isinstance(value, dict)]
    return {key: said for key, value in known for said in value.values()}


def _trace_id(text: Any) -> str:
    """The id of a trace. Raises ValueError for what is none."""
    found = str(text).lower()
    if not TRACE_ID.fullmatch(found):
        raise ValueError("no id of a trace")
    return found
