"""The register's memory for its routes: what it said at a moment, and its timeline with what each entry changed.

Moments are recording time: when the register came to know. A bare day means its end, in the zone of the pilot's
edition for one pilot, in the zone of the register for lists.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import Query
from pydantic import TypeAdapter

from contracts.entered import YEARS
from contracts.event import Moment, wire_moment
from contracts.rules import RuleBook, load
from services.chassis.answers import Page
from services.chassis.engine import Engine
from services.chassis.problems import Problematic
from services.chassis.sight import Sight
from services.chassis.store import Row
from services.chassis.subject import Document
from services.chassis.web import cursor_text, cursor_values, document, page
from services.law import reasons
from services.registry import history, queries, sight, views
from services.registry.domain.state import KIND, Pilot
from services.registry.handlers import TIMELINE
from services.registry.naming import openly

AsOf = Annotated[
    str | None,
    Query(
        max_length=40,
        description="What the register said then: a day such as `2026-05-01` (its end) or a moment with its zone",
        examples=["2026-05-01", "2026-05-01T12:00:00Z"],
    ),
]
DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MOST_SHOWN: Final = 100_000
"""Entries of a public timeline before a page: a cursor that says more was not given out here."""
MOMENT: Final = re.compile(DAY.pattern + r"T[0-9].*")
_moments: Final = TypeAdapter[datetime](Moment)


def moment_of(said: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The moment that `as_of` means. Raises Problematic 422 for what is neither day nor moment, or not yet come."""
    today = now.astimezone(zone).date()
    try:
        if DAY.fullmatch(said):
            day = date.fromisoformat(said)
            moment, come = _moments.validate_python(history.end_of(day, zone)), day <= today
        elif MOMENT.fullmatch(said):
            moment = _moments.validate_python(said)
            come = moment <= now
        else:
            raise ValueError("neither a day nor a moment")
    except (ValueError, OverflowError):  # a ValidationError is a ValueError
        raise Problematic(422, "as-of.bad", first=YEARS[0], last=YEARS[-1]) from None
    if moment.year not in YEARS:
        raise Problematic(422, "as-of.bad", first=YEARS[0], last=YEARS[-1])
    if not come:
        raise Problematic(422, "as-of.future")
    return moment


@cache
def _rules() -> RuleBook:
    return load()


async def card_of(engine: Engine, eyes: Sight, pilot: Document, said: str) -> views.View:
    """The card of a pilot as the register knew it then. Raises Problematic: 404 before it was, 422; Torn."""
    moment = moment_for(engine, pilot, said)
    then = await history.as_of(engine.store, pilot, moment)
    if then is None:
        raise Problematic(404, "not-found")
    # To be given out without an ETag: nothing can be decided on what was.
    return {"as_of": wire_moment(moment), **await sight.card(engine.store, eyes, then)}


def moment_for(engine: Engine, pilot: Document, said: str) -> datetime:
    """The moment that `as_of` means for a pilot, in the zone of its edition. Raises Problematic 422."""
    return moment_of(said, ZoneInfo(_rules().edition(_state(pilot).edition).zone), engine.now())


async def public_card_of(engine: Engine, pilot: Document, said: str) -> views.View:
    """The card of a pilot that is public now, as the public would have seen it then. Raises Problematic: 404 where it
    was not public then, 422, and Torn."""
    moment = moment_for(engine, pilot, said)
    then = await _seen_then(engine, pilot, moment)
    return {"as_of": wire_moment(moment), **await queries.public_card(engine.store, views.public(then))}


async def public_replicas_of(engine: Engine, pilot: Document, said: str, after: str | None, limit: int) -> views.View:
    """A page of the copies that the public would have seen of a pilot then, with the one that it copied itself.

    A copy counts if it is public now, was public then, and named this pilot then: each is folded from its own timeline
    to that moment, so that its line, too, is that of then (title, stage, sector, money), and an application that was
    amended since to name another, or none, changes nothing of the past. Those that may count are known from the links
    of the pilot, for a link that was made stays. So many are folded as the page shows, and one more; those that were
    not public then are left out before. The parent is shown by the same rule, by what this pilot's application named
    then. Moments are recording time, as in the whole memory (assumption: no act says what a register of a past day
    shows). A pilot whose timeline is torn is left out, for what it said then is not known, and the page is not
    `complete`. Raises Problematic: 400, 404 where the pilot was not public then, 422, and Torn where that is torn.
    """
    moment = moment_for(engine, pilot, said)
    own = _state(await _seen_then(engine, pilot, moment))
    [last] = cursor_values(after, 1) if after else [""]
    if not isinstance(last, str):
        raise Problematic(400, "cursor.bad")
    linked = [one.pilot for one in _state(pilot).replicas if one.pilot > last]
    items, others = list[views.View](), _Others(engine, moment)
    for copy in await queries.public_then(engine.store, linked, moment):
        then = await others.seen(copy)
        if then is not None and _state(then).application.replicates in (pilot.subject, own.number):
            items.append(views.public_row(then))
        if len(items) > limit:
            break
    more = len(items) > limit
    parent = await queries.public_parent(engine.store, own.application.replicates)
    parent_then = await others.seen(parent["id"]) if parent else None
    shown = {
        "parent": views.public_row(parent_then) if parent_then else None,
        "items": items[:limit],
        "next": cursor_text([items[limit - 1]["id"]]) if more else None,
        "complete": not others.torn,
    }
    told: views.View = await openly(engine.store, shown)
    return told


@dataclass
class _Others:
    """Other pilots as they stood at a moment; `torn`: of one of them that cannot be told."""

    engine: Engine
    moment: datetime
    torn: bool = False

    async def seen(self, pilot: str) -> Document | None:
        """A pilot as it stood then; None where the public does not see it now, or did not then, or nobody knows."""
        now = await document(self.engine, pilot, KIND)
        if not views.is_public(now):
            return None
        try:
            return await _if_public_then(self.engine, now, self.moment)
        except history.Torn:
            self.torn = True
            return None


async def _seen_then(engine: Engine, pilot: Document, moment: datetime) -> Document:
    """A pilot as it stood then. Raises Problematic 404 where the public did not see it then, and Torn."""
    then = await _if_public_then(engine, pilot, moment)
    if then is None:
        raise Problematic(404, "not-found")
    return then


async def _if_public_then(engine: Engine, pilot: Document, moment: datetime) -> Document | None:
    """A pilot as it stood then; None where the public did not see it then. Raises Torn."""
    then = await history.as_of(engine.store, pilot, moment)
    return then if then is not None and views.is_public(then) else None


def _state(pilot: Document) -> Pilot:
    assert isinstance(pilot.state, Pilot)
    return pilot.state


def _told(entry: views.View) -> views.View:
    return {**entry, "what": reasons.beside(entry["what"])}


async def public_timeline(
    engine: Engine, pilot: str, after: str | None, limit: int, until: datetime | None = None
) -> Page[Any]:
    """A page of what the public sees of a pilot's timeline, `until` a moment at which it was recorded.

    Its cursor counts the entries that were shown: a place in the order would tell how many stand between that are not.
    Raises Problematic 400.
    """
    query = queries.public_timeline(pilot) | ({} if until is None else {"time": {"$lte": wire_moment(until)}})
    [shown] = cursor_values(after, 1) if after else [0]
    if not isinstance(shown, int) or not 0 <= shown <= MOST_SHOWN:
        raise Problematic(400, "cursor.bad")
    rows = await engine.store.rows(TIMELINE, query, sort=queries.IN_ORDER, limit=shown + limit + 1)
    items = await openly(engine.store, [views.public_timeline(row) for row in rows[shown : shown + limit]])
    more = len(rows) > shown + limit
    return Page[Any](items=items, next=cursor_text([shown + limit]) if more else None)


async def _lines(engine: Engine, query: Mapping[str, Any], after: str | None, limit: int) -> Page[Any]:
    """A page of the rows that a query of one pilot's timeline lets through. Its cursor names the event of its last
    row: a place in the order would tell how many stand between that are not shown. Raises Problematic 400."""
    if after is not None:
        named = {"pilot": query["pilot"], "event": after}
        rows = await engine.store.rows(TIMELINE, named, sort=queries.IN_ORDER, limit=1, fields=queries.PLACE)
        if not rows:
            raise Problematic(400, "cursor.bad")
        after = cursor_text([rows[0][name] for name in queries.PLACE])
    found = await page(engine.store, TIMELINE, query, queries.IN_ORDER, after=after, limit=limit, show=dict)
    return Page[Any](items=found.items, next=found.items[-1]["event"] if found.next else None)


async def timeline(
    engine: Engine, eyes: Sight, query: Mapping[str, Any], after: str | None, limit: int, *, diff: bool
) -> dict[str, Any]:
    """A page of a pilot's timeline, of the rows that a query lets through; with `diff` each entry says under `changed`
    what it changed on the card. Where the timeline is torn, nobody knows that: the entries are told without it, and the
    page is not `complete`."""
    found = await _lines(engine, query, after, limit)
    rows = found.items
    items = [_told(sight.entry(eyes, row)) for row in rows]
    changed = await _changed(engine, query["pilot"], rows) if diff else None
    if changed is not None:
        items = [{**item, "changed": change} for item, change in zip(items, changed, strict=True)]
    if eyes.agency is None:  # of a conflict, which may hide pilots from who sees all others whole
        items = await sight.unnamed(engine.store, eyes, items)
    asked = {"complete": changed is not None} if diff else {}
    return {"items": items, "next": found.next, **asked}


async def _changed(engine: Engine, pilot: str, rows: Sequence[Row]) -> list[views.View] | None:
    """What each of these rows of a pilot changed on its card; None where its timeline is torn before the last."""
    if not rows:
        return []
    try:
        return await history.changes(engine.store, await document(engine, pilot, KIND), rows, views.internal_state)
    except history.Torn:
        return None
