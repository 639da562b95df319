"""What the register shows: lists, card, what belongs to one pilot. Lists are kept fast by the indexes named here."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from contracts.event import wire_moment
from services.chassis import own_editions, recalendar
from services.chassis.counting import MOST_COUNTED
from services.chassis.store import BY_ID, SUBJECTS, Keys, Row, Store
from services.chassis.subject import Document
from services.chassis.ties import TIED
from services.registry import views
from services.registry.domain.state import KIND
from services.registry.handlers import TIMELINE
from services.registry.naming import openly
from services.registry.ties import STANDING

View = dict[str, Any]

NEWEST: Final = (("state.entered", -1), ("_id", -1))
STAY: Final = (("state.history.until", 1), ("state.history.since", 1))
"""The end of a stay stands in an index behind its order, so that a page of long ago reads no pilot in vain."""
IN_ORDER: Final = (("pilot", 1), ("sequence", 1))
AS_RECORDED: Final[Keys] = (("time", 1), *IN_ORDER)
"""The timelines of all pilots by when it was recorded: of one moment each pilot's stand in their order."""
PLACE: Final = tuple(name for name, _ in IN_ORDER)
"""The fields of a row of the timeline that say where it stands."""
BY_KIND: Final[Keys] = (("kind", 1), *BY_ID)
BY_STAGE: Final[Keys] = (("kind", 1), ("state.history.stage", 1), *NEWEST, *STAY)
BY_SECTOR: Final[Keys] = (("kind", 1), ("state.history.sector", 1), *NEWEST, *STAY)
BY_SECTOR_AND_STAGE: Final[Keys] = (
    ("kind", 1),
    ("state.history.sector", 1),
    ("state.history.stage", 1),
    *NEWEST,
    *STAY,
)
BY_AGENCY_AND_STAGE: Final[Keys] = (("kind", 1), ("state.agency", 1), ("state.history.stage", 1), *NEWEST, *STAY)

OF_PARENT: Final[Keys] = (("kind", 1), ("state.application.replicates", 1), ("_id", 1))
BY_REPLICA: Final = (("state.application.replicates", 1), ("_id", 1))
OF_NUMBER: Final[Keys] = (("kind", 1), ("state.number", 1), *NEWEST)

OWN_TERMS: Final[Keys] = (("kind", 1), ("state.own_terms.clock.due_at", 1), ("state.own_terms.clock.nearing_at", 1))
"""Where the register's own terms stand; of one that stands still, or has ended, no moment is kept."""

INDEXES: Final[Mapping[str, Sequence[Keys]]] = {
    SUBJECTS: [
        (("kind", 1), *NEWEST),
        STANDING,
        (("kind", 1), ("state.agency", 1), *NEWEST),
        (("kind", 1), ("state.application.sector", 1), *NEWEST),
        (("kind", 1), ("state.agency", 1), ("state.stage", 1), *NEWEST),
        (("kind", 1), ("state.agency", 1), ("state.application.sector", 1), *NEWEST),
        (("kind", 1), ("state.application.sector", 1), ("state.stage", 1), *NEWEST),
        BY_KIND,
        BY_STAGE,
        BY_SECTOR,
        BY_SECTOR_AND_STAGE,
        BY_AGENCY_AND_STAGE,
        OF_NUMBER,
        OF_PARENT,
        recalendar.INDEX,
        own_editions.BY_EDITION,
        OWN_TERMS,
        TIED,
    ],
    TIMELINE: [(("pilot", 1), ("sequence", 1)), AS_RECORDED],
}


def pilots(stage: str | None, agency: str | None, sector: str | None, number: str | None) -> dict[str, Any]:
    """The query of the list. Only what has been entered has a moment of entry, so the index leaves out the rest."""
    asked = {
        "state.stage": stage,
        "state.agency": agency,
        "state.application.sector": sector,
        "state.number": number,
    }
    return {"kind": KIND, "state.entered": {"$gt": ""}, **{k: v for k, v in asked.items() if v is not None}}


def pilots_as_of(
    moment: datetime, stage: str | None, agency: str | None, sector: str | None, number: str | None
) -> View:
    """The query of the list as of a moment: the stay of that moment must have this stage and this sector."""
    then = wire_moment(moment)
    query = pilots(None, agency, None, number) | {"state.entered": {"$gt": "", "$lte": then}}
    asked = {name: value for name, value in (("stage", stage), ("sector", sector)) if value is not None}
    if asked:
        stay = {**asked, "since": {"$lte": then}, "until": {"$not": {"$lte": then}}}
        query["state.history"] = {"$elemMatch": stay}
    return query


def index_as_of(stage: str | None, agency: str | None, sector: str | None) -> Keys | None:
    """The index for the list as of a moment; None where those of the present list serve.

    The database, which tries its plans on the first rows alone, would often take one that serves a later page badly.
    """
    if stage is not None and agency is not None:
        return BY_AGENCY_AND_STAGE
    if stage is not None:
        return BY_STAGE if sector is None else BY_SECTOR_AND_STAGE
    return BY_SECTOR if sector is not None and agency is None else None


def newest_of(stage: str | None, sector: str | None, number: str | None) -> Keys:
    """The index that gives the present list, the newest first, of all agencies' pilots."""
    if number is not None:
        return OF_NUMBER
    named = (("state.application.sector", sector), ("state.stage", stage))
    return (("kind", 1), *((name, 1) for name, value in named if value is not None), *NEWEST)


def public_pilots(stage: str | None, agency: str | None, sector: str | None, year: int | None) -> dict[str, Any]:
    """The query of the public list: as `views.is_public` says, in the words of the database."""
    query = {**pilots(None, agency, sector, None), **public_ones()}
    if stage is not None:
        query["state.stage"] = {"$in": [one for one in query["state.stage"]["$in"] if one == stage]}
    if year is not None:
        query["state.entered"] = year_of(year)
    return query


def public_ones() -> View:
    """The condition of a pilot that the public sees."""
    stages = views.public_stages("always", "once-concluded")
    once = {"state.stage": {"$in": views.public_stages("once-concluded")}, "state.conclusions.0": {"$exists": False}}
    return {"state.stage": {"$in": stages}, "$nor": [once]}


def public_replicas(pilot: str, number: str) -> View:
    """The query of the public pilots that copy one: they name it by its id or its number."""
    return {"kind": KIND, "state.application.replicates": {"$in": [pilot, number]}, **public_ones()}


async def public_then(store: Store, pilots: Sequence[str], moment: datetime) -> list[str]:
    """Which of these pilots are public now and stood at a public stage then, in the order of their ids: of one that was
    withdrawn its fold tells whether a conclusion had been issued. Raises StoreAway."""
    then = wire_moment(moment)
    stages = views.public_stages("always", "once-concluded")
    stay = {"stage": {"$in": stages}, "since": {"$lte": then}, "until": {"$not": {"$lte": then}}}
    query = {"_id": {"$in": list(pilots)}, "kind": KIND, "state.history": {"$elemMatch": stay}, **public_ones()}
    if not pilots:
        return []
    rows = await store.rows(SUBJECTS, query, sort=BY_ID, limit=len(pilots), fields=("_id",))
    return [str(row["_id"]) for row in rows]


async def public_parent(store: Store, named: str | None) -> View | None:
    """The pilot that an application names, by id or number, as a line of the public list; None where the public does
    not see it."""
    async for row in _called(store, named):
        if views.is_seen(row):
            return views.public_row(row)
    return None


async def public_card(store: Store, shown: View) -> View:
    """What the public sees of a pilot, without the name of a parent that is a pilot and not public: that there is such
    a pilot is told to nobody; neither do texts that were typed. What names no pilot, as a case of a catalogue, stays as
    it was typed. Raises StoreAway.
    """
    async for row in _called(store, shown["application"]["replicates"]):
        if not views.is_seen(row):
            shown = {**shown, "application": {**shown["application"], "replicates": None}}
    told: View = await openly(store, shown)
    return told


async def _called(store: Store, named: str | None) -> AsyncIterator[Row]:
    """The pilots that are called so, by id or number."""
    for where in ({"_id": named}, {"state.number": named}) if named else ():
        for row in await store.rows(SUBJECTS, {**where, "kind": KIND}, sort=BY_ID, limit=1, fields=PUBLIC_ROW):
            yield row


def year_of(year: int) -> dict[str, str]:
    """The bounds of a year, in the zone of the register, as moments are stored."""
    return {"$gte": _begin(date(year, 1, 1)), "$lt": _begin(date(year + 1, 1, 1))}


def between(since: str | None, until: str | None) -> dict[str, str]:
    """The bounds of the days from `since` to `until`, both included, in the zone of the register, as moments are
    stored."""
    bounds = {}
    if since is not None:
        bounds["$gte"] = _begin(date.fromisoformat(since))
    if until is not None:
        bounds["$lt"] = _begin(date.fromisoformat(until) + timedelta(days=1))
    return bounds


def _begin(day: date) -> str:
    return wire_moment(datetime.combine(day, time(), views.ZONE))


async def terms(store: Store, now: datetime) -> Mapping[str, int]:
    """In how many pilots a term of the register's own runs, and in how many of these it is over, or nearly over."""
    then = wire_moment(now)
    asked = {
        "running": {"clock.due_at": {"$gt": ""}},
        "nearing": {"clock.due_at": {"$gt": then}, "clock.nearing_at": {"$gt": "", "$lte": then}},
        "breached": {"clock.due_at": {"$gt": "", "$lte": then}},
    }
    return {
        name: await store.count(
            SUBJECTS, {"kind": KIND, "state.own_terms": {"$elemMatch": one}}, MOST_COUNTED, hint=OWN_TERMS
        )
        for name, one in asked.items()
    }


def public_timeline(pilot: str) -> dict[str, Any]:
    """The query of the public timeline of a pilot."""
    return {"pilot": pilot, "type": {"$in": sorted(views.PUBLIC_FACTS)}}


# ---- lines of lists, and what belongs to one pilot

PUBLIC_ROW: Final = (
    "state.number",
    "state.application.title",
    "state.application.sector",
    "state.application.procedure",
    "state.agency",
    "state.agency_name",
    "state.stage",
    "state.region",
    "state.sectors",
    "state.money",
    "state.entered",
    "state.started",
    "state.until",
    "state.history",
    "state.conclusions.round",
)
"""What the lines of the public lists are made of, and what says whether, and since when, the public sees a pilot."""
ROW: Final = (*PUBLIC_ROW, "state.terms", "state.term", "state.overpaid")
"""What the lines of the lists inside the house are made of: the rest of a pilot, which may be long, is not read."""
ROW_AS_OF: Final = ("state.number", "state.application.title", "state.agency", "state.entered", "state.history")
"""What the lines of the list as of a moment are made of."""


def row_as_of(row: Row, moment: datetime) -> View:
    """A line of the list as of a moment: stage and sector as they were then. The title is the present one."""
    state, then = row["state"], wire_moment(moment)
    stays = [s for s in state.get("history", ()) if s["since"] <= then and (s["until"] is None or s["until"] > then)]
    stay = stays[-1] if stays else {"stage": None, "sector": None, "since": None}
    return {
        "id": row["_id"],
        "number": state["number"],
        "title": state["application"]["title"],
        "agency": state["agency"],
        "stage": stay["stage"],
        "sector": stay["sector"],
        "since": stay["since"],
        "entered": state["entered"],
    }


def results(shown: View) -> View:
    """The agreed indicators with how far each has come and all its values, in the order in which they were recorded.

    `shown` is what is shown of a pilot's agreement, values and progress. `others` are values of indicators that are
    not agreed on (any more).
    """
    agreed = shown["agreement"]["agreement"]["indicators"] if shown["agreement"] else []
    progress = {one["indicator"]: one for one in shown["progress"]}
    found = list[View]()
    for indicator in agreed:
        come, code = progress.get(indicator["code"], {}), indicator["code"]
        how_far = {
            "last": come.get("value"),
            "measured": come.get("measured"),
            "percent": come.get("percent"),
            "reached": come.get("reached"),
        }
        mine = [one for one in shown["values"] if one["indicator"] == code]
        found.append({**indicator, **how_far, "values": mine})
    codes = {indicator["code"] for indicator in agreed}
    return {"items": found, "others": [one for one in shown["values"] if one["indicator"] not in codes]}


NAMED: Final = (
    "kind",
    "state.number",
    "state.application.title",
    "state.agency",
    "state.stage",
    "state.conclusions.round",
    "state.hidden_from",
)
"""What of another pilot is told beside one, and what says who may know of it."""


async def replicas(store: Store, pilot: Row | Document, seen: Callable[[Row], bool]) -> View:
    """What copies this pilot, each as it stands now, what it copies itself, and what the decision on scaling plans.

    `seen` says of which pilots the caller may know: another is left out, and one that is copied is told by the name
    alone that the application gives it. Raises StoreAway.
    """
    shown = views.internal_part(pilot, "application", "replicas", "scaling")
    ids = [one["pilot"] for one in shown["replicas"]]
    rows = {row["_id"]: row for row in await _named_pilots(store, {"_id": {"$in": ids}, "kind": KIND}, len(ids))}
    known = [one for one in shown["replicas"] if one["pilot"] not in rows or seen(rows[one["pilot"]])]
    items = [{**_named_pilot(one["pilot"], rows.get(one["pilot"])), **one} for one in known]
    planned = shown["scaling"]["replicas"] if shown["scaling"] else []
    parent = await _parent(store, shown["application"]["replicates"], seen)
    return {"parent": parent, "items": items, "planned": planned}


async def _parent(store: Store, named: str | None, seen: Callable[[Row], bool]) -> View | None:
    """The pilot that an application names by id or number; with the name alone where it is not in the register."""
    if named is None:
        return None
    for where in ({"_id": named}, {"state.number": named}):
        rows = await _named_pilots(store, {**where, "kind": KIND}, 1)
        if rows and seen(rows[0]):
            return {"named": named, **_named_pilot(rows[0]["_id"], rows[0])}
    return {"named": named, **_named_pilot(None, None)}


async def called(store: Store, pilots: Iterable[str]) -> dict[str, View]:
    """What people call these pilots: number and title, by their ids. Raises StoreAway."""
    ids = sorted(set(pilots))
    rows = await _named_pilots(store, {"_id": {"$in": ids}, "kind": KIND}, len(ids))
    return {str(row["_id"]): views.internal_part(row, "number", "title") for row in rows}


async def _named_pilots(store: Store, query: Mapping[str, Any], most: int) -> list[Row]:
    if not most:
        return []
    entered = {**query, "state.entered": {"$gt": ""}}
    return await store.rows(SUBJECTS, entered, sort=[("_id", 1)], limit=most, fields=NAMED)


def _named_pilot(pilot: str | None, row: Row | None) -> View:
    names = ("number", "title", "stage")
    shown = views.internal_part(row, *names) if row else dict.fromkeys(names)
    return {"pilot": pilot, **shown}
