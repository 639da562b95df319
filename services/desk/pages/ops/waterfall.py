"""One trace as one waterfall over all services: each span a row of the table with its bar, its attributes beside it;
the traces before and after; the log lines of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from contracts.topics import DESK, SERVICES
from services.chassis.masking import MASK
from services.chassis.spans import ATTRIBUTES
from services.chassis.told_traces import Span, Trace, clock, traces_in
from services.desk.clients import Away, Refused
from services.desk.pages.ops.seen import OpsVisit
from services.desk.pages.ops.traces import HERE, TRACE, kept_of, not_told
from services.desk.traces import Kept, Lines, NotTold
from services.desk.words import Words

ROWS: Final = 200
"""Spans on one page: a bulk command's trace has thousands."""
WIDE: Final = 1000
"""The breadth of the picture, in its own units."""
LEAST: Final = 4
"""Of these, how many a bar has at least, so that it can be seen."""
DEEPEST: Final = 12
"""Deeper than that nothing is moved in any further."""
SHOWN: Final = ("time", "service", "level", "message")
"""What of a log line has a column; all else stands behind its words."""
UNSAID: Final = frozenset({*SHOWN, "trace", "logger"})
KNOWN: Final = (*SERVICES, DESK)


def make_router() -> APIRouter:
    """`/ops/traces/{trace}`."""
    router = APIRouter()

    @router.get("/{language}/ops/traces/{trace}", response_class=HTMLResponse)
    async def waterfall(trace: str, visit: OpsVisit, of: str = "", first: int = 0) -> Response:
        """The trace; cut to what belongs to a pilot or an event where one is named (`of`)."""
        trace, kept = trace.lower(), kept_of(visit)
        if kept is None or not TRACE.fullmatch(trace):
            raise HTTPException(404)
        try:
            whole = await kept.whole(trace)
        except NotTold as error:
            raise Refused(502, {"title": "traces.not-told", "detail": not_told(visit, error)}) from None
        if whole is None:
            return visit.page("ops/no_trace.html", 404, trace=trace)
        [one] = traces_in(whole.spans, of or trace) or [Trace(trace, list(whole.spans))]
        near = {other["trace"]: other for other in (*whole.before, *whole.after)}
        rows = list(_rows(visit.words, one))
        first = max(0, min(first, len(rows) - 1))
        lines, away = await _lines(kept, trace)
        return visit.page(
            "ops/waterfall.html",
            trace=one,
            of=of,
            cut=len(one.spans) < len(whole.spans),
            began=visit.words.instant(clock(one.began_ns)),
            took=_milliseconds(visit.words, one.took_ms * 1e6),
            half=_milliseconds(visit.words, one.took_ms / 2 * 1e6),
            rows=rows[first : first + ROWS],
            first=first,
            last=min(len(rows), first + ROWS),
            earlier=_page(trace, of, max(0, first - ROWS)) if first else "",
            later=_page(trace, of, first + ROWS) if first + ROWS < len(rows) else "",
            services=list(dict.fromkeys(span.service for span in one.spans)),
            known=KNOWN,
            wide=WIDE,
            before=[_near(visit.words, other) for other in near.values() if other["began"] < clock(one.began_ns)],
            after=[_near(visit.words, other) for other in near.values() if other["began"] >= clock(one.began_ns)],
            pilots=[pilot for pilot in one.pilots if pilot != MASK],
            lines=[_line(visit.words, line) for line in lines.items] if lines else None,
            more_lines=lines is not None and lines.more,
            lines_away=away,
            logs=visit.desk.settings.logs_url.replace("{trace}", trace),
        )

    return router


async def _lines(kept: Kept, trace: str) -> tuple[Lines | None, bool]:
    """The log lines, and whether they cannot be had just now: the trace is shown all the same."""
    try:
        return await kept.lines(trace), False
    except (Away, Refused, NotTold):
        return None, True


def _page(trace: str, of: str, first: int) -> str:
    return f"{HERE}/{trace}?{urlencode({**({'of': of} if of else {}), 'first': first})}"


@dataclass(frozen=True, slots=True)
class Row:
    """One span of the picture: how deep it stands, where its bar begins and how long it is, and its times in words."""

    span: Span
    depth: int
    x: float
    width: float
    after: str
    took: str
    attributes: Sequence[tuple[str, str]]
    links: Sequence[str]


def _rows(words: Words, trace: Trace) -> Iterator[Row]:
    """Each span below the one that caused it; one whose cause is not kept stands at the edge, and so does the first of
    some that are said to cause one another."""
    known = {span.span_id for span in trace.spans}
    children: dict[str, list[Span]] = {}
    for span in trace.spans:
        children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)
    whole = max(1, round(trace.took_ms * 1e6))
    edge = [*children.get("", []), *(span for span in trace.spans if span.parent_id in known)]
    pending, seen = [(span, 0) for span in reversed(edge)], set[str]()
    while pending:
        span, depth = pending.pop()
        if span.span_id in seen:
            continue
        seen.add(span.span_id)
        yield _row(words, trace, span, depth, whole)
        pending += [(child, depth + 1) for child in reversed(children.get(span.span_id, []))]


def _row(words: Words, trace: Trace, span: Span, depth: int, whole: int) -> Row:
    after, took = span.start_ns - trace.began_ns, span.end_ns - span.start_ns
    width = max(LEAST, WIDE * took / whole)
    x = min(WIDE * after / whole, WIDE - width)
    said = [(name, str(value)) for name, value in sorted(span.attributes.items()) if name in ATTRIBUTES]
    others = dict.fromkeys(link["trace_id"] for link in span.links if link["trace_id"] != trace.id)
    return Row(
        span,
        min(depth, DEEPEST),
        round(max(0.0, x), 1),
        round(min(width, WIDE), 1),
        _milliseconds(words, after),
        _milliseconds(words, took),
        said,
        list(others),
    )


def _milliseconds(words: Words, ns: float) -> str:
    ms = ns / 1e6
    return words.number(round(ms)) if ms >= 10 else words.decimal(ms)


def _near(words: Words, one: Mapping[str, Any]) -> dict[str, Any]:
    return {**one, "began": words.instant(one["began"])}


def _line(words: Words, line: Mapping[str, Any]) -> dict[str, Any]:
    rest = [(str(name), str(value)) for name, value in line.items() if name not in UNSAID]
    return {**{name: str(line.get(name, "")) for name in SHOWN}, "time": words.instant(line["time"]), "rest": rest}
