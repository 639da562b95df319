"""What of the register a caller sees: said here alone.

Whose rows are seen whole, and from whom a conflict hides a pilot, is the chassis' word; what the public sees of the
others is that of the tables in `views`. Lists and cards are made here from both.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from contracts.reference import ROLES, Role
from services.chassis.sight import Sight, hides
from services.chassis.store import BY_ID, SUBJECTS, Keys, Row, Store
from services.chassis.subject import Document
from services.registry import queries, views
from services.registry.domain.state import KIND, Pilot
from services.registry.naming import TELLING, openly
from services.registry.views import View

READERS: Final = tuple(role for role in ROLES if role not in (Role.EXPERT, Role.OPS))
"""Who reads the register: all but experts, who see only what is assigned to them, and ops."""


def stated(pilot: Row | Document) -> Mapping[str, Any] | Pilot:
    """The state of a pilot, as it is stored or as a model."""
    if isinstance(pilot, Document):
        assert isinstance(pilot.state, Pilot)
        return pilot.state
    state: Mapping[str, Any] = pilot["state"]
    return state


def entry(eyes: Sight, row: Row) -> View:
    """A line of the timeline of a pilot that is seen whole."""
    return views.timeline(row) if eyes.agency is None else views.agencys_timeline(row)


def is_whole(eyes: Sight, pilot: Row | Document) -> bool:
    """Whether a pilot that the caller may know of is seen whole, or as the public sees it."""
    if eyes.agency is None:
        return True
    state = stated(pilot)
    return eyes.whole(state.agency if isinstance(state, Pilot) else state["agency"])


def sees(eyes: Sight, pilot: Row | Document) -> bool:
    """Whether the caller may know of a pilot."""
    return not hides(stated(pilot), eyes.id) and (is_whole(eyes, pilot) or views.is_public(pilot))


async def unnamed(store: Store, eyes: Sight, said: Any) -> Any:
    """What is said of pilots that are not the caller's own, without the names, in texts that somebody typed, of those
    of which the caller may not know. Raises StoreAway."""
    if eyes.agency is None and not eyes.hidden:
        return said
    return await openly(store, said, lambda row: sees(eyes, row))


def line(eyes: Sight, pilot: Row) -> View:
    """A line of a list, with its texts as they were typed. Ask `sees` first: this does not."""
    return views.internal_row(pilot) if is_whole(eyes, pilot) else views.public_row(pilot)


async def lines(store: Store, eyes: Sight, pilots: Sequence[Row]) -> list[View]:
    """Lines of a list, the texts of others' pilots without names that the caller may not know of. Ask `sees` first:
    this does not. Raises StoreAway."""
    own = [eyes.agency is not None and is_whole(eyes, one) for one in pilots]
    return await _but_own(store, eyes, [line(eyes, one) for one in pilots], own)


async def _but_own(store: Store, eyes: Sight, said: Sequence[View], own: Sequence[bool]) -> list[View]:
    """The same, as `unnamed`, but what is said of an agency's own pilots as it is."""
    others = iter(await unnamed(store, eyes, [one for one, mine in zip(said, own, strict=True) if not mine]))
    return [one if mine else next(others) for one, mine in zip(said, own, strict=True)]


def part(eyes: Sight, pilot: Row | Document, *names: str) -> View:
    """These fields of a pilot, as the caller sees them. Ask `sees` first: this does not."""
    return (views.internal_part if is_whole(eyes, pilot) else views.public_part)(pilot, *names)


async def unseen(store: Store, eyes: Sight, ids: Iterable[str]) -> list[str]:
    """Those of these pilots that the caller may not know of, a bounded number of them. Raises StoreAway."""
    named = sorted(set(ids))
    if eyes.agency is None or not named:
        return [one for one in named if one in (eyes.hidden or ())]
    query = {"_id": {"$in": named}, "kind": KIND, "state.entered": {"$gt": ""}}
    rows = await store.rows(SUBJECTS, query, sort=BY_ID, limit=len(named), fields=TELLING)
    seen = {row["_id"] for row in rows if sees(eyes, row)}
    return [one for one in named if one not in seen]


async def card(store: Store, eyes: Sight, pilot: Document) -> View:
    """All that is shown of a pilot that is seen whole, with the titles of its replicas, but without those that the
    caller may not know of. To its agency not how many facts there are: some are kept from it."""
    shown = views.internal(pilot)
    if eyes.agency is not None:
        shown.pop("version")
    if shown["replicas"]:
        ids = [one["pilot"] for one in shown["replicas"]]
        away, titles = await unseen(store, eyes, ids), await called(store, eyes, ids)
        shown["replicas"] = [
            {**one, "title": titles.get(one["pilot"], {}).get("title")}
            for one in shown["replicas"]
            if one["pilot"] not in away
        ]
    house: View = await unnamed(store, eyes, shown) if eyes.agency is None else shown
    return house


async def called(store: Store, eyes: Sight, ids: Iterable[str]) -> dict[str, View]:
    """What people call these pilots, by id. Ask `sees` first: this does not. Raises StoreAway."""
    names: dict[str, View] = await unnamed(store, eyes, await queries.called(store, ids))
    return names


async def timeline(store: Store, eyes: Sight, pilot: Document) -> View:
    """The query of the timeline of a pilot that is seen whole: without rows about replicas that the caller may not know
    of, and to a publisher without those of a conflict of interest."""
    state = pilot.state
    assert isinstance(state, Pilot)
    query: View = {"pilot": pilot.subject}
    if away := await unseen(store, eyes, [one.pilot for one in state.replicas]):
        query["what.replica"] = {"$nin": away}
    if eyes.agency is not None:
        query["type"] = {"$nin": sorted(views.KEPT_IN)}
    return query


# ---- the change feed


async def told(store: Store, eyes: Sight, rows: Sequence[Row]) -> list[View]:
    """Rows of the timelines of many pilots as the feed gives them out: those that the caller sees, each with its pilot.

    The topic cannot be asked for some of its facts alone, so they are chosen here, with one query for all of them.
    """
    return [view for _, view in await each_told(store, eyes, rows)]


async def each_told(store: Store, eyes: Sight, rows: Sequence[Row]) -> list[tuple[Row, View]]:
    """The same, each beside the row that it is made of. Raises StoreAway."""
    named = {name for row in rows for name in (row["pilot"], row["what"].get("replica")) if name is not None}
    away = set(await unseen(store, eyes, named))
    rows = [row for row in rows if row["pilot"] not in away and row["what"].get("replica") not in away]
    if eyes.agency is None:
        inside = [{"subject": row["pilot"], **views.timeline(row)} for row in rows]
        return [*zip(rows, await unnamed(store, eyes, inside), strict=True)]
    own = await _own(store, eyes.agency, {row["pilot"] for row in rows})
    items = [(row, item) for row in rows if (item := _item(row, whole=row["pilot"] in own)) is not None]
    said = await _but_own(store, eyes, [item for _, item in items], [row["pilot"] in own for row, _ in items])
    return [*zip((row for row, _ in items), said, strict=True)]


def _item(row: Row, *, whole: bool) -> View | None:
    """A line for a publisher: known by its event, not by a place in an order of which some is not told."""
    if whole:
        return None if row["type"] in views.KEPT_IN else {"subject": row["pilot"], **views.agencys_timeline(row)}
    if row["type"] not in views.PUBLIC_FACTS:
        return None
    # The event's own id is not public: a name made of it serves as well to know a line that comes again.
    named = hashlib.blake2b(row["event"].encode(), digest_size=16).hexdigest()
    return {"subject": row["pilot"], "event": named, **views.public_timeline(row)}


async def _own(store: Store, agency: str, pilots: set[str]) -> set[str]:
    query = {"_id": {"$in": sorted(pilots)}, "kind": KIND, "state.agency": agency}
    rows = await store.rows(SUBJECTS, query, sort=BY_ID, limit=len(pilots), fields=["_id"]) if pilots else []
    return {str(row["_id"]) for row in rows}


# ---- lists


@dataclass(frozen=True, slots=True)
class Asked:
    """By what the list is narrowed; `whose`: the pilots of which agency; `ids`: which pilots, where any are named."""

    stage: str | None = None
    whose: str | None = None
    sector: str | None = None
    number: str | None = None
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """The list, now or as of a moment, as it is asked of the store: the query, what of a pilot its lines are made of,
    and the index, where the database would not find it by itself."""

    query: View
    fields: Sequence[str]
    index: Keys | None = None


def listed(eyes: Sight, moment: datetime | None, asked: Asked) -> Listed:
    """The list. As of a moment a publisher sees the own agency's alone: the public does not see what was."""
    if moment is not None:
        found = _as_of(eyes, moment, asked)
    elif eyes.agency is None or asked.whose == eyes.agency:
        found = Listed(_pilots(asked), queries.ROW)
    else:
        found = _with_public(eyes.agency, asked)
    hidden = eyes.but()
    if not asked.ids:
        return Listed({**found.query, **hidden}, found.fields, found.index)
    named = {**hidden.get("_id", {}), "$in": sorted(asked.ids)}
    return Listed({**found.query, **hidden, "_id": named}, found.fields, BY_ID)


def _pilots(asked: Asked) -> View:
    return queries.pilots(asked.stage, asked.whose, asked.sector, asked.number)


def _as_of(eyes: Sight, moment: datetime, asked: Asked) -> Listed:
    own = asked.whose or eyes.agency
    query = queries.pilots_as_of(moment, asked.stage, own, asked.sector, asked.number)
    if own is not None and not eyes.whole(own):
        query["state.agency"] = {"$in": []}
    return Listed(query, queries.ROW_AS_OF, queries.index_as_of(asked.stage, own, asked.sector))


def _with_public(own: str, asked: Asked) -> Listed:
    """What an agency sees that does not ask for its own alone."""
    public = queries.public_ones()
    if asked.whose is not None:
        return Listed({**_pilots(asked), "$and": [public]}, queries.ROW)
    if asked.stage is not None and asked.stage not in views.public_stages("always", "once-concluded"):
        return Listed({**_pilots(asked), "state.agency": own}, queries.ROW)
    either = {**_pilots(asked), "$or": [{"state.agency": own}, public]}
    return Listed(either, queries.ROW, queries.newest_of(asked.stage, asked.sector, asked.number))
