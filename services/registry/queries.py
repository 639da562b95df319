"""What the register shows: list, card, timeline. Lists are kept fast by the indexes named here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel

from contracts.event import wire_moment
from services.chassis.store import Keys, Store
from services.registry import views
from services.registry.domain.pilot import KIND
from services.registry.handlers import TIMELINE

NEWEST: Final = (("state.entered", -1), ("_id", -1))
IN_ORDER: Final = (("pilot", 1), ("sequence", 1))

INDEXES: Final[Mapping[str, Sequence[Keys]]] = {
    "subjects": [
        (("kind", 1), *NEWEST),
        (("kind", 1), ("state.stage", 1), *NEWEST),
        (("kind", 1), ("state.agency", 1), *NEWEST),
        (("kind", 1), ("state.application.sector", 1), *NEWEST),
        (("kind", 1), ("state.agency", 1), ("state.stage", 1), *NEWEST),
        (("kind", 1), ("state.agency", 1), ("state.application.sector", 1), *NEWEST),
        (("kind", 1), ("state.application.sector", 1), ("state.stage", 1), *NEWEST),
        (("kind", 1), ("state.number", 1), *NEWEST),
    ],
    TIMELINE: [(("pilot", 1), ("sequence", 1))],
}


MOST_COUNTED: Final = 10_000
"""A longer list is not counted to its end: at a million rows that alone would take seconds."""


class Count(BaseModel):
    """How many there are; where it is not `exact`, there are more than `value`."""

    value: int
    exact: bool


def pilots(stage: str | None, agency: str | None, sector: str | None, number: str | None) -> dict[str, Any]:
    """The query of the list. Only what has been entered has a moment of entry, so the index leaves out the rest."""
    asked = {
        "state.stage": stage,
        "state.agency": agency,
        "state.application.sector": sector,
        "state.number": number,
    }
    return {"kind": KIND, "state.entered": {"$gt": ""}, **{k: v for k, v in asked.items() if v is not None}}


def public_pilots(stage: str | None, agency: str | None, sector: str | None, year: int | None) -> dict[str, Any]:
    """The query of the public list: as `views.is_public` says, in the words of the database."""
    query = pilots(None, agency, sector, None)
    stages = views.public_stages("always", "once-concluded")
    query["state.stage"] = {"$in": [one for one in stages if stage in (None, one)]}
    once = {"state.stage": {"$in": views.public_stages("once-concluded")}, "state.conclusions.0": {"$exists": False}}
    query["$nor"] = [once]
    if year is not None:
        begin, end = (wire_moment(datetime(y, 1, 1, tzinfo=views.ZONE)) for y in (year, year + 1))
        query["state.entered"] = {"$gte": begin, "$lt": end}
    return query


def public_timeline(pilot: str) -> dict[str, Any]:
    """The query of the public timeline of a pilot."""
    return {"pilot": pilot, "type": {"$in": sorted(views.PUBLIC_FACTS)}}


async def count(store: Store, query: Mapping[str, Any]) -> Count:
    """How long a list is, counted to `MOST_COUNTED`. Raises StoreAway."""
    found = await store.count("subjects", query, MOST_COUNTED + 1)
    return Count(value=min(found, MOST_COUNTED), exact=found <= MOST_COUNTED)
