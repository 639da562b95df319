"""Which parked records a request means: by id, of a pilot or of a group; in which order, and where the next goes on."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

from pydantic import AwareDatetime, BaseModel, Field, StrictBool

from contracts.text import line
from services.chassis import parking, whose
from services.chassis.masking import tells_of_nobody
from services.chassis.numbered import ids_of
from services.chassis.parking import BROKEN, WAITING
from services.chassis.problems import Problematic
from services.chassis.sight import Sight
from services.chassis.store import (
    BY_AGE,
    BY_AGENCY,
    BY_CAUSE,
    BY_ID,
    BY_PLACE,
    IN_SERIES,
    OLDEST_FIRST,
    Keys,
    Row,
    Store,
)

MOST: Final = 1000
"""So many records are fed by one request; who asks is told where there are more."""
MOST_TRIES: Final = 5
"""After so many times a record is fed again only where it is named, not with its group (technical): so a program that
feeds whatever is parked goes round no longer."""
PARKED: Final = (WAITING, BROKEN)

Asked = Annotated[str, line(300, exact=True)]
"""An id or a subject, as it stands in what is parked."""


class Part(NamedTuple):
    """A part of what is chosen: by which query, in which order, and by which index, which gives it or finds few."""

    query: dict[str, Any]
    order: Keys
    by: Keys


class Redrive(BaseModel):
    """Which parked records to feed again: by id, all of these subjects (a pilot by its registration number, too), or a
    group (`status`, `cause`, `topic` and `agency` as they stand there, parked `since` and before `until`). A subject
    that is shown masked is found by no name: its records are chosen by their ids. With `dry_run` it is only said what
    would come of it."""

    # Not in contracts.steps: a word to this service about its own records, of which no fact tells.

    ids: list[Asked] = Field(default_factory=list, max_length=MOST)
    subjects: list[Asked] = Field(default_factory=list, max_length=MOST)
    status: Asked | None = None
    cause: Annotated[str, line(2000, exact=True)] | None = None
    topic: Asked | None = None
    agency: Annotated[str, line(whose.LONGEST, exact=True)] | None = Field(
        default=None, description="By its code; `-`: those of which no agency is known"
    )
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    limit: int = Field(
        default=MOST, ge=1, le=MOST, strict=True, description="How many at most; the longest parked first"
    )
    rate: int | None = Field(
        default=None, ge=1, strict=True, description="How many a second at most; none: as fast as they go"
    )
    dry_run: StrictBool = False
    after: Annotated[str, line(8000, exact=True)] | None = Field(
        default=None, description="Where to go on: what `next` of the answer before said, with the same choice"
    )

    def group(self) -> dict[str, Any]:
        """What chooses the records of a group; nothing where none is named."""
        cause = None if self.cause is None else parking.of_cause(self.cause)
        asked = {"status": self.status, "cause": cause, "topic": self.topic}
        between = {"$gte": self.since, "$lt": self.until}
        at = {name: moment for name, moment in between.items() if moment is not None}
        found = {name: value for name, value in asked.items() if value is not None} | ({"at": at} if at else {})
        return found if self.agency is None else found | {"agency": whose.asked(self.agency)}

    def parts(self) -> list[Part]:
        """What is chosen, part by part: each by an index of its own, in its order, without what an earlier part has;
        nothing, where nothing is named. The last part of a group is what was fed too often to go with it."""
        found = list[Part]()
        named = {"_id": {"$nin": self.ids}} if self.ids else {}
        if self.ids:  # a thousand at most: these are sorted as they are found
            found.append(Part({"_id": {"$in": self.ids}}, BY_PLACE, BY_ID))
        if self.subjects:
            # One that is masked where it is shown chooses nothing: the answer would say whether the guess is right.
            subjects = [one for one in self.subjects if tells_of_nobody(one)]
            found.append(Part({"subject": {"$in": subjects}, **named}, IN_SERIES, IN_SERIES))
            named |= {"subject": {"$nin": subjects}}
        if group := self.group():
            group = {"status": {"$in": list(PARKED)}, **named, **group}
            often = {"$gte": MOST_TRIES}
            found += [Part({**group, "tries": one}, OLDEST_FIRST, self._by()) for one in ({"$not": often}, often)]
        return found

    def _by(self) -> Keys:
        """The index that gives the records of a group in their order. Causes that are one group are many in an index:
        what it is narrowed by besides is then read of each record."""
        if self.cause is not None and not parking.KIND.fullmatch(self.cause):
            return BY_CAUSE
        return BY_AGE if self.agency is None else BY_AGENCY


@dataclass(frozen=True, slots=True)
class Chosen:
    """The records of one request: those to feed, those of the group that were fed too often, the ids that are parked
    of those named, and the rows of all parts in order with the place of each, one more than the request takes."""

    rows: list[Row]
    too_often: list[Row]
    there: frozenset[str]
    places: list[tuple[str, str]]

    def beyond(self, limit: int) -> str | None:
        """Where the next request begins; None: there is nothing more."""
        return self.places[limit][1] if len(self.places) > limit else None

    def behind(self, named: Sequence[str]) -> str | None:
        """Where the first stands that is none of these."""
        return next((place for id_, place in self.places if id_ not in named), None)


def _place(part: int, order: Keys, row: Row) -> str:
    """Where a record stands in what is chosen, as it is given out."""
    values = [part, *(one.isoformat() if isinstance(one := row[key], datetime) else one for key, _ in order)]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def placed(text: str, parts: Sequence[Part]) -> tuple[int, list[Any]]:
    """The part, and the values of its order, that a place says. Raises Problematic 400."""
    try:
        part, *values = json.loads(base64.urlsafe_b64decode(text.encode()))
        order = parts[part].order
        moments = [datetime.fromisoformat(v) if key == "at" else v for (key, _), v in zip(order, values, strict=True)]
        sound = type(part) is int and part >= 0
        sound = sound and all(one is None or type(one) in (str, int, datetime) for one in moments)
        if not sound or any(type(one) is int and abs(one) > parking.MOST for one in moments):
            raise ValueError(text)
    except (ValueError, TypeError, LookupError, binascii.Error, RecursionError) as error:
        raise Problematic(400, "cursor.bad") from error
    return part, moments


def from_place(query: Mapping[str, Any], order: Keys, values: Sequence[Any]) -> list[tuple[dict[str, Any], Keys]]:
    """What of a query stands at a place or behind it, as queries, each with the order that is left in it, of which each
    gives what stands behind that of the one before. Nothing (None) stands before every value.

    So an index gives the order of each. MongoDB sorts one query with all of them in it, one that is sorted by what has
    a single value in it, and one that can find nothing, for its field has one value in all of the query.
    """
    equal, found = dict[str, Any](), list[tuple[dict[str, Any], Keys]]()
    for place, ((key, _), value) in enumerate(zip(order, values, strict=True)):
        if isinstance(query.get(key, {}), dict):
            found.append(({**equal, key: {"$ne": None} if value is None else {"$gt": value}}, order[place:]))
        equal[key] = value
    return [(equal, order), *reversed(found)]


async def led_to_pilots(store: Store, what: Redrive) -> Redrive:
    """The same with the id of each pilot that is named by its registration number, or by its id in capital letters. It
    may be parked under that name, too: of before the number was known here."""
    ids = await ids_of(store, what.subjects)
    return what.model_copy(update={"subjects": [*dict.fromkeys([*what.subjects, *ids.values()])]})


async def choose(store: Store, what: Redrive, eyes: Sight) -> Chosen:
    """The records of one request, without what is hidden from who asks. Raises StoreAway, and Problematic 400 for a
    place that was not given out."""
    parts = what.parts()
    begin, values = placed(what.after, parts) if what.after else (0, None)
    rows, places, there = list[tuple[bool, Row]](), list[tuple[str, str]](), set[str]()
    for part, (query, order, by) in enumerate(parts):
        if part < begin or len(rows) > what.limit:
            continue
        hidden = {} if "subject" in query and order is IN_SERIES else eyes.but("subject")
        shown = sorted({"subject", "tries", "status", "cause", *(key for key, _ in order)})
        # All that is named by its id: else what a request has no room for would be said not to be parked.
        most, found = max(what.limit, len(what.ids)) + 1, list[Row]()
        for one, sort in from_place(query, order, values) if values and part == begin else [({}, order)]:
            if more := most - len(found):
                asked = {"$and": [query, *(some for some in (hidden, one) if some)]}
                found += await store.rows(parking.COLLECTION, asked, sort=sort, limit=more, fields=shown, hint=by)
        found = [row for row in found if not eyes.passes_by(row["subject"])]
        rows += [(bool(what.group()) and part == len(parts) - 1, row) for row in found]
        places += [(row["_id"], _place(part, order, row)) for row in found]
        there |= {row["_id"] for row in found}
    taken = rows[: what.limit]
    fed, often = [row for over, row in taken if not over], [row for over, row in taken if over]
    return Chosen(fed, often, frozenset(there), places)
