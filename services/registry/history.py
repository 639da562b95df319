"""What the register said at a moment (память реестра): a pilot folded from its timeline, up to that moment.

Time here is recording time: when the register came to know, not when a thing happened. The rows of the timeline hold
all that a fact says of a pilot, so folding them gives the state that a replay of the facts gives. A fact whose row is
not written yet still waits in the pilot's outbox, and is taken from there: an answer never lags behind the pilot.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from contracts.event import Fact, wire_moment
from contracts.registry import REGISTRY
from contracts.steps import Correctable, Correction
from services.chassis import telemetry
from services.chassis.problems import Problematic
from services.chassis.projected import rows_of
from services.chassis.store import Row, Store
from services.chassis.subject import Document, Input
from services.registry.domain.evolve import evolve
from services.registry.domain.reported import TELLING, Entries, Reported, Telling
from services.registry.domain.state import Pilot
from services.registry.handlers import TIMELINE, projection
from services.registry.queries import IN_ORDER

ROWS: Final = 200
"""How many rows are folded at once: between two parts the service answers others."""
MOST_ENTRIES: Final = 50
"""Of a list that changed, so many entries are shown on each side."""
MOST_CHARACTERS: Final = 20_000
"""A value whose JSON is longer is not shown in a difference: the timeline's own row holds it."""

View = dict[str, Any]
log = logging.getLogger(__name__)


class Torn(Problematic):
    """500: the timeline of a pilot lacks a row, or has one that cannot be read, so that what it would say is not known.
    To ask again does not help: ops are told, who can rebuild it."""

    def __init__(self, pilot: str, first: int, last: int, why: str) -> None:
        super().__init__(500, "timeline.torn")
        telemetry.TIMELINES_TORN.inc()
        log.error("the timeline of %s is torn, facts %s to %s (%s): rebuild registry", pilot, first, last, why)


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """The last instant of a day in a zone, to the millisecond in which moments are kept."""
    return datetime.combine(day + timedelta(days=1), time(), zone) - timedelta(milliseconds=1)


def fact_of(row: Row) -> Fact:
    """The fact that a row of the timeline was made of, but for what caused it."""
    basis = {} if row["basis"] is None else {"basis": row["basis"]}
    data = {**row["what"], **basis, "actor": row["actor"], "after": row.get("after") or {}}
    return REGISTRY.newest(REGISTRY.read(row["type"], data))


def fold(state: Pilot | None, rows: Iterable[Row]) -> Pilot | None:
    """The pilot after these rows of its timeline. A type that this program does not know changes nothing."""
    for row in rows:
        if REGISTRY.knows(row["type"]):
            state = evolve(state, fact_of(row))
    return state


async def as_of(store: Store, pilot: Document, moment: datetime) -> Document | None:
    """The pilot as the register knew it at a moment, that moment included; None before it was entered.

    `pilot` is the document as it stands now. Raises StoreAway, and Torn.
    """
    until, state, version = wire_moment(moment), None, 0
    async for some in _history(store, pilot):
        known = _until(some, until)
        state, version = _readable(pilot, state, known), version + len(known)
        if len(known) < len(some):
            break
    return None if state is None else replace(pilot, state=state, version=version)


async def whole(store: Store, pilot: Document) -> Document:
    """The pilot with all that was reported, which its document leaves to the timeline.

    Raises StoreAway, and Torn where the timeline has not all of it.
    """
    state = pilot.state
    assert isinstance(state, Pilot)
    if state.entries is not None:
        return pilot
    entries = Entries()
    if state.reported != Reported():
        async for some in _timeline(store, pilot, {"type": {"$in": TELLING}}):
            for fact in (fact_of(row) for row in some if row["type"] in TELLING):
                entries = entries.after(fact) if isinstance(fact, Telling) else entries
        if not state.reported.counts(entries):
            raise Torn(pilot.subject, 1, pilot.version, "entries")
    return replace(pilot, state=state.model_copy(update={"entries": entries}))


async def recall(store: Store, pilot: Document, inputs: Sequence[Input]) -> Document:
    """The pilot as these decisions need it: to correct payments one must have them. Raises like `whole`."""
    corrections = [one.command for one in inputs if isinstance(one.command, Correction)]
    asked = any(one.what is Correctable.SPENDING for one in corrections)
    return await whole(store, pilot) if asked and isinstance(pilot.state, Pilot) else pilot


async def changes(store: Store, pilot: Document, rows: Sequence[Row], show: Callable[[Pilot], View]) -> list[View]:
    """What each of these rows, in their order, changed in what is shown of a pilot, which was loaded after them; those
    between them that a caller is not shown have changed it as well. Raises StoreAway, and Torn where the timeline lacks
    a row up to the last of them, or has one there that cannot be read."""
    state: Pilot | None = None
    found, first, asked = list[View](), rows[0]["sequence"], {row["sequence"] for row in rows}
    async for some in _history(store, pilot, rows[-1]["sequence"]):
        earlier = [row for row in some if row["sequence"] < first]
        state = _readable(pilot, state, earlier)
        if rest := some[len(earlier) :]:
            state, told = await asyncio.to_thread(_differences, pilot, state, rest, show)
            found += [one for row, one in zip(rest, told, strict=True) if row["sequence"] in asked]
    return found


def _differences(
    pilot: Document, state: Pilot | None, rows: Sequence[Row], show: Callable[[Pilot], View]
) -> tuple[Pilot | None, list[View]]:
    """The pilot after these rows, and what each of them changed in what is shown of it."""
    shown, found = _seen(state, show), list[View]()
    for row in rows:
        state = _readable(pilot, state, [row])
        now = _seen(state, show)
        found.append(difference(shown, now))
        shown = now
    return state, found


def difference(was: Mapping[str, Any], now: Mapping[str, Any]) -> View:
    """The fields that differ, each before and after; of two lists only the entries that the other does not have."""
    names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    return {name: _change(was.get(name), now.get(name)) for name in names}


def _seen(state: Pilot | None, show: Callable[[Pilot], View]) -> View:
    return {} if state is None else show(state)


def _change(was: Any, now: Any) -> View:
    if isinstance(was, list) and isinstance(now, list):
        same = next((n for n, (one, other) in enumerate(zip(was, now, strict=False)) if one != other), None)
        was, now = (was[same:], now[same:]) if same is not None else _rest(was, now)
        gone, come = ([one for one in mine if one not in other] for mine, other in ((was, now), (now, was)))
        if gone or come:  # otherwise their order alone has changed
            cut = len(gone) > MOST_ENTRIES or len(come) > MOST_ENTRIES
            return _bounded(gone[:MOST_ENTRIES], come[:MOST_ENTRIES], cut)
    return _bounded(was, now, False)


def _rest(was: list[Any], now: list[Any]) -> tuple[list[Any], list[Any]]:
    """What two lists, the shorter of which the longer begins with, have beyond that."""
    same = min(len(was), len(now))
    return was[same:], now[same:]


def _bounded(was: Any, now: Any, cut: bool) -> View:
    long = [len(json.dumps(value, ensure_ascii=False)) > MOST_CHARACTERS for value in (was, now)]
    shown = {"before": None if long[0] else was, "after": None if long[1] else now}
    return {**shown, "cut": True} if cut or any(long) else shown


def _readable(pilot: Document, state: Pilot | None, rows: Sequence[Row]) -> Pilot | None:
    """`fold` of stored rows. Raises Torn for one that is no fact any more."""
    try:
        return fold(state, rows)
    except (KeyError, ValueError) as error:
        raise Torn(pilot.subject, rows[0]["sequence"], rows[-1]["sequence"], type(error).__name__) from error


def _until(rows: Sequence[Row], until: str) -> list[Row]:
    """The rows up to the first that was recorded later: clocks of two replicas may differ, the order does not."""
    later = next((place for place, row in enumerate(rows) if row["time"] > until), len(rows))
    return list(rows[:later])


async def _history(store: Store, pilot: Document, end: int | None = None) -> AsyncIterator[list[Row]]:
    """The rows of the timeline in parts, then those that are not written yet, in order and without a hole; up to that
    of the fact `end`, or all."""
    last, end = 0, pilot.version if end is None else end
    async for some in _timeline(store, pilot):
        part = [row for row in some if row["sequence"] <= end]
        last = _follow(pilot.subject, last, part)
        yield part
        if last == end:
            return
    raise _lacking(pilot.subject, last + 1)


def _timeline(store: Store, pilot: Document, fit: Mapping[str, Any] | None = None) -> AsyncIterator[list[Row]]:
    """The rows of the timeline in parts, of the written ones those that fit, then those that are not written yet."""
    asked = {"pilot": pilot.subject, **(fit or {})}
    return rows_of(store, pilot, TIMELINE, asked, order=IN_ORDER, own=REGISTRY, projection=projection, page=ROWS)


def _follow(pilot: str, last: int, rows: Sequence[Row]) -> int:
    for row in rows:
        if row["sequence"] != last + 1:
            raise _lacking(pilot, last + 1)
        last += 1
    return last


def _lacking(pilot: str, sequence: int) -> Torn:
    return Torn(pilot, sequence, sequence, "lacking")
