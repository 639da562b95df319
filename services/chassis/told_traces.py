"""What of kept traces belongs to what was asked for: a bulk command's trace holds many pilots, and is cut to one."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final, NamedTuple

from contracts.event import wire_moment
from services.chassis.masking import MASK

ABOUT: Final = ("pilot.id", "pilot.event.id")
"""The attributes by which a span says what it is about."""

RECEIPT: Final = ".receipt"
"""What the id of a receipt ends with, behind that of the fact that it tells of."""
PARKED: Final = "parked:"
"""What the id of the receipt of a parked event begins with, before the place of its record."""
PLACE: Final = ("messaging.destination.name", "messaging.destination.partition.id", "messaging.kafka.offset")
"""The attributes by which a span says which record it is about."""


class Span(NamedTuple):
    """One span, its ids in hexadecimal."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    status: str
    attributes: dict[str, Any]
    links: list[dict[str, str]]


class Trace(NamedTuple):
    """The spans of one trace that belong to what was asked for, oldest first; at least one."""

    id: str
    spans: list[Span]

    @property
    def began_ns(self) -> int:
        """When the first of them began, in nanoseconds since 1970."""
        return self.spans[0].start_ns

    @property
    def took_ms(self) -> float:
        """Milliseconds from the beginning of the first to the end of the last."""
        return (max(span.end_ns for span in self.spans) - self.began_ns) / 1e6

    @property
    def worked_ms(self) -> float:
        """Milliseconds in which at least one of them went on: without the time that a record was parked or on its
        way."""
        return worked_ns(stretches((span.start_ns, span.end_ns) for span in self.spans)) / 1e6

    @property
    def failed(self) -> bool:
        """Whether any of them failed."""
        return any(span.status == "error" for span in self.spans)

    @property
    def pilots(self) -> list[str]:
        """The subjects that it touches, in that order."""
        return list(dict.fromkeys(str(one) for span in self.spans if (one := span.attributes.get("pilot.id"))))

    @property
    def follows(self) -> list[str]:
        """The traces on which this one builds, by the links of its spans; that of a record leads to its batch, which
        says nothing of it."""
        links = [link["trace_id"] for span in self.spans if span.kind != "consumer" for link in span.links]
        return [one for one in dict.fromkeys(links) if one != self.id]

    def summary(self) -> dict[str, Any]:
        """As it stands in a list."""
        return {
            "trace": self.id,
            "began": clock(self.began_ns),
            "took_ms": round(self.took_ms, 1),
            "worked_ms": round(self.worked_ms, 1),
            "failed": self.failed,
            "service": self.spans[0].service,
            "begins_with": self.spans[0].name,
            "pilots": self.pilots,
        }

    def json(self) -> dict[str, Any]:
        """As a program is told it; moments are UTC."""
        return {
            "trace": self.id,
            "began": clock(self.began_ns),
            "took_ms": round(self.took_ms, 3),
            "worked_ms": round(self.worked_ms, 3),
            "failed": self.failed,
            "pilots": self.pilots,
            "spans": [{**span._asdict(), "at": clock(span.start_ns)} for span in self.spans],
        }


def stretches(spans: Iterable[tuple[int, int]], most: int | None = None) -> list[tuple[int, int]]:
    """When something went on, of spans from a beginning to an end (nanoseconds): in order, each apart from the next.
    Of more than `most` those with the shortest pauses between them are joined, as if it had gone on."""
    found = list[tuple[int, int]]()
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, max(start, end)))
    if most is None or len(found) <= most:
        return found
    longest = sorted(range(1, len(found)), key=lambda n: found[n - 1][1] - found[n][0])[: most - 1]
    bounds = [0, *sorted(longest), len(found)]
    return [(found[begin][0], found[end - 1][1]) for begin, end in pairwise(bounds)]


def worked_ns(apart: Iterable[tuple[int, int]]) -> int:
    """How long stretches are together, in nanoseconds."""
    return sum(end - start for start, end in apart)


def clock(ns: int) -> str:
    """A moment as clocks show it, UTC, with milliseconds: 2026-11-27T09:14:02.511Z."""
    at = datetime.fromtimestamp(ns // 10**9, UTC).replace(microsecond=ns % 10**9 // 1000)
    return wire_moment(at)


def place_in(asked: str) -> dict[str, str] | None:
    """Of which record the receipt of a parked event tells, as spans say it; None of anything else."""
    place = asked.removeprefix(PARKED).rsplit("/", 2)
    return dict(zip(PLACE, place, strict=True)) if asked.startswith(PARKED) and len(place) == len(PLACE) else None


def event_at(spans: Iterable[Span], place: Mapping[str, str]) -> str | None:
    """The event of the record that stands there, where one of these spans is about it. Where its id is masked it is no
    name of anything: then the trace of the span."""
    about = (span for span in spans if all(str(span.attributes.get(name)) == place[name] for name in PLACE))
    named = next((one for one in about if ABOUT[1] in one.attributes), None)
    if named is None:
        return None
    event = str(named.attributes[ABOUT[1]])
    return named.trace_id if MASK in event else event


def traces_in(spans: Iterable[Span], asked: str) -> list[Trace]:
    """The traces of these spans in the order in which they began, each cut to what belongs to a pilot or an event that
    is asked for; one that is asked for itself, or in which nothing else is told of, is whole."""
    by_trace: dict[str, list[Span]] = {}
    for span in spans:
        by_trace.setdefault(span.trace_id, []).append(span)
    cut = (Trace(id_, some if id_ == asked else _belonging(some, asked)) for id_, some in by_trace.items())
    return sorted((one for one in cut if one.spans), key=lambda one: one.began_ns)


def _belonging(spans: Sequence[Span], asked: str) -> list[Span]:
    """The spans about what is asked for, or about its receipt, those above them, and all that was caused by them."""
    names = {asked, f"{asked}{RECEIPT}"}
    about = {span.span_id for span in spans if not names.isdisjoint(span.attributes.get(name) for name in ABOUT)}
    subjects = {span.attributes.get("pilot.id") for span in spans} - {None}
    if about and subjects == {asked}:
        return list(spans)
    parents = {span.span_id: span.parent_id for span in spans}
    above = {one for span_id in about for one in _above(span_id, parents)}
    below = {span.span_id for span in spans if not about.isdisjoint(_above(span.span_id, parents))}
    return [span for span in spans if span.span_id in about | above | below]


def _above(span_id: str, parents: dict[str, str]) -> list[str]:
    """Those above a span, the nearest first; each once, for what comes from outside may run in a circle."""
    found: dict[str, None] = {}
    while (span_id := parents.get(span_id, "")) in parents and span_id not in found:
        found[span_id] = None
    return list(found)
