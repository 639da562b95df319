"""What those who run a service do with what is parked: look at it in groups, and feed a group again, or only try it.
Each record gets a verdict of its own.

Which records are meant is settled before the first is fed, so one that is parked again is not met twice. They go in the
order of their series, whatever order they were named in; what waited behind them follows by itself.
"""

import asyncio
import base64
import binascii
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, Field, StrictBool

from contracts.reference import Role
from contracts.steps import RecordAction, RecordHandling
from contracts.text import line
from services.chassis import parking, whose
from services.chassis.answers import ParkedGroup, ParkedGroups, RedrivenRecord, Verdict
from services.chassis.auth import Caller
from services.chassis.engine import Engine
from services.chassis.masking import tells_of_nobody
from services.chassis.parking import BROKEN, WAITING
from services.chassis.problems import Problematic
from services.chassis.sight import Sight
from services.chassis.store import (
    BY_AGE,
    BY_AGENCY,
    BY_CAUSE,
    BY_ID,
    IN_SERIES,
    OLDEST_FIRST,
    Keys,
    Row,
    Store,
)
from services.chassis.subject import Claimed, Document, Input, Outcome
from services.law.handling import Handle, Handling, subject_of

MOST: Final = 1000
"""So many records are fed by one request; who asks is told where there are more."""
MOST_TRIES: Final = 5
"""After so many times a record is fed again only where it is named, not with its group (technical): so a program that
feeds whatever is parked goes round no longer."""
TOO_OFTEN: Final = f"fed again {MOST_TRIES} times already: it goes no more with its group, only named by its id"
LONGEST: Final = 60
"""Seconds for which a request may feed records at the rate that it names."""
GROUPS: Final = 200
COUNTED: Final = 10**7
"""Parked records are counted so far."""
PARKED: Final = (WAITING, BROKEN)

Asked = Annotated[str, line(300, exact=True)]
"""An id or a subject, as it stands in what is parked."""


class Part(NamedTuple):
    """A part of what is chosen: by which query, in which order, and by which index, that gives this order."""

    query: dict[str, Any]
    order: Keys
    by: Keys


class Redrive(BaseModel):
    """Which parked records to feed again: by id, all of these subjects, or a group (`status`, `cause`, `topic` and
    `agency` as they stand there, parked `since` and before `until`). A subject that is shown masked is found by no
    name: its records are chosen by their ids. With `dry_run` it is only said what would come of it."""

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
        if self.ids:
            found.append(Part({"_id": {"$in": self.ids}}, BY_ID, BY_ID))
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


def _placed(text: str, parts: Sequence[Part]) -> tuple[int, list[Any]]:
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


def _from(query: Mapping[str, Any], order: Keys, values: Sequence[Any]) -> list[tuple[dict[str, Any], Keys]]:
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


async def groups(store: Store, eyes: Sight, agency: str | None = None) -> ParkedGroups:
    """What is parked, by status, cause, topic and agency, or of one agency: how many, since when, until when; the
    largest groups first, and how many records there are in all groups, also those that are not told of."""
    query = {"status": {"$in": list(PARKED)}, **eyes.but("subject")}
    query |= {} if agency is None else {"agency": whose.asked(agency)}
    by, told_as = ("status", "cause", "topic", "agency"), {**parking.KINDS, "agency": {"$ifNull": ["$agency", None]}}
    # Where no agency is known is no condition that an index alone can answer: of those the rows are read.
    hint = BY_AGENCY if agency == whose.UNKNOWN else BY_CAUSE
    rows = await store.groups(parking.COLLECTION, query, by, "at", GROUPS, hint, told_as)
    told = sum(row["rows"] for row in rows)
    records = await store.count(parking.COLLECTION, query, COUNTED) if len(rows) == GROUPS else told
    named = {"rows": "records", "first": "oldest", "last": "newest"}
    items = [ParkedGroup(**{named.get(name, name): value for name, value in row.items()}) for row in rows]
    return ParkedGroups(items=items, records=max(records, told))


def _feeding(caller: Caller, key: str | None, what: Redrive) -> str:
    """The id of one feeding: the same for the same choice of the same person under the same key."""
    if not key:
        return uuid4().hex
    return hashlib.sha256(f"{caller.id}\0{key}\0{what.model_dump_json()}".encode()).hexdigest()[:32]


async def redriven(
    engine: Engine, what: Redrive, eyes: Sight, caller: Caller, key: str | None = None
) -> tuple[list[RedrivenRecord], str | None]:
    """Feeds what is chosen, or says what would come of it; a verdict for each record, and where the next request goes
    on, if there are more: behind those that stay, too. What is hidden from who asks is passed over like what is not
    there. That records are fed is a fact before they are; the same asked again under the same key means these records
    and no others. Raises StoreAway, and Problematic 422 where nothing is chosen, or more than can be fed in time at the
    rate, 400 for a place that was not given out."""
    if not what.parts():
        raise Problematic(422, "redrive.nothing-chosen")
    if what.rate is not None and what.limit > what.rate * LONGEST:  # also of a dry run: it says what would come of it
        raise Problematic(422, "redrive.too-slow", most=what.rate * LONGEST)
    chosen = await _chosen(engine.store, what, eyes)
    ids, more = [row["_id"] for row in chosen.rows], chosen.beyond(what.limit)
    named = what.ids if what.after is None else []  # what is not parked is said once
    beside = [RedrivenRecord(id=one, verdict="not-parked", cause=None) for one in named if one not in chosen.there]
    beside += [_verdict(row["_id"], (row["status"], f"{TOO_OFTEN}; {row['cause']}")) for row in chosen.too_often]
    if what.dry_run:
        return [*await _tried(engine, what, chosen.rows), *beside], more
    id_ = _feeding(caller, key, what)
    if key and (before := await _before(engine, id_, eyes)) is not None:
        meant, rows = before
        again = [row for row in rows if what.ids or what.subjects or (row.get("tries") or 0) < MOST_TRIES]
        await _fed(engine, again, what.rate)
        return await left(engine.store, meant), chosen.behind(meant)
    if ids:
        await _note(engine, caller, id_, ids)
        await _fed(engine, chosen.rows, what.rate)
    return [*await left(engine.store, ids), *beside], more


async def _before(engine: Engine, id_: str, eyes: Sight) -> tuple[list[str], list[Row]] | None:
    """Which records the same feeding meant when it was asked for first, and those of them that are parked still; None
    where it was not asked for."""
    subject = subject_of(id_)
    found = (await engine.documents([subject])).get(subject)
    if found is None or not isinstance(found.state, Handling):
        return None
    named = list(found.state.said.records)
    query, fields = {"_id": {"$in": named}}, ["subject", "tries"]
    rows = await engine.store.rows(parking.COLLECTION, query, sort=BY_ID, limit=max(1, len(named)), fields=fields)
    hidden = {row["_id"] for row in rows if eyes.passes_by(row["subject"])}
    return [one for one in named if one not in hidden], [row for row in rows if row["_id"] not in hidden]


async def _note(engine: Engine, caller: Caller, id_: str, records: Sequence[str]) -> None:
    """The fact that somebody feeds records again, before that is done. Raises StoreAway."""
    said = RecordHandling(action=RecordAction.REDRIVEN, records=tuple(records))
    await by_hand(engine, caller, "redrive", subject_of, Handle(said), id_)


async def by_hand(
    engine: Engine, caller: Caller, doing: str, subject_of: Callable[[str], str], command: object, id_: str = ""
) -> None:
    """Gives a command of ops to a subject of its own: each time is one for itself, unless it has an id. Raises
    StoreAway."""
    id_ = id_ or uuid4().hex
    mark, actor = Claimed(f"person:{caller.id}", f"{doing}-{id_}", id_), caller.acting(frozenset({Role.OPS}))
    await engine.command(Input(subject_of(id_), mark, command, actor, f"{caller.id}:{id_}"))


async def _count_tries(store: Store, chosen: Sequence[Row]) -> None:
    """How often each was fed again by hand."""
    tries: dict[int, list[str]] = {}
    for row in chosen:
        tries.setdefault(row.get("tries") or 0, []).append(row["_id"])
    for times, some in tries.items():
        await store.mark(parking.COLLECTION, {"_id": {"$in": some}}, {"tries": times + 1})


async def _fed(engine: Engine, rows: Sequence[Row], rate: int | None) -> None:
    """Counts that records are fed, and feeds them in their order, no more in a second than the rate."""
    await _count_tries(engine.store, rows)
    ids = [row["_id"] for row in rows]
    if rate is None:
        await engine.parking.redrive(ids)
        return
    ordered = await parking.in_turn(engine.store, ids)
    for first in range(0, len(ordered), rate):
        began = time.monotonic()
        await engine.parking.redrive(ordered[first : first + rate])
        if first + rate < len(ordered):
            await asyncio.sleep(max(0.0, 1 - (time.monotonic() - began)))


async def _chosen(store: Store, what: Redrive, eyes: Sight) -> Chosen:
    parts = what.parts()
    begin, values = _placed(what.after, parts) if what.after else (0, None)
    rows, places, there = list[tuple[bool, Row]](), list[tuple[str, str]](), set[str]()
    for part, (query, order, by) in enumerate(parts):
        if part < begin or len(rows) > what.limit:
            continue
        hidden = {} if "subject" in query and order is IN_SERIES else eyes.but("subject")
        shown = sorted({"subject", "tries", "status", "cause", *(key for key, _ in order)})
        # All that is named by its id: else what a request has no room for would be said not to be parked.
        most, found = max(what.limit, len(what.ids)) + 1, list[Row]()
        for one, sort in _from(query, order, values) if values and part == begin else [({}, order)]:
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


async def left(store: Store, ids: Sequence[str]) -> list[RedrivenRecord]:
    """What became of records that were fed: those that are parked still say as what, and why."""
    query, fields = {"_id": {"$in": list(ids)}}, ["status", "cause"]
    rows = await store.rows(parking.COLLECTION, query, sort=BY_ID, limit=max(1, len(ids)), fields=fields)
    left = {row["_id"]: row for row in rows}
    return [_verdict(one, (left[one]["status"], left[one]["cause"]) if one in left else None) for one in ids]


async def _tried(engine: Engine, what: Redrive, chosen: Sequence[Row]) -> list[RedrivenRecord]:
    """What would become of records now. Those of one pilot are thought out one behind the other, with what would have
    been fed before them and what follows by itself (a thousand records at most)."""
    ids = [row["_id"] for row in chosen]
    subjects = Counter(row["subject"] for row in chosen if row["subject"] is not None)
    beside = await _beside(engine.store, what, ids, subjects)
    subjects.update(row["subject"] for row in beside)
    several = {subject for subject, many in subjects.items() if many > 1}
    would, known = dict[str, tuple[str, str] | None](), dict[str, Document]()

    def told(one: Input, outcome: Outcome, then: Document | None) -> tuple[str, tuple[str, str] | None]:
        if then is not None and one.subject in several:
            known[one.subject] = then
        return one.record.id if one.record else "", parking.why_parked(outcome)

    left = await parking.in_turn(engine.store, [*ids, *(row["_id"] for row in beside)])
    while left:
        not_next = list[str]()
        for begin in range(0, len(left), parking.FEED):
            some = left[begin : begin + parking.FEED]
            turn = await engine.parking.in_hand(some, known)
            would |= {one: None for one in some if one not in turn.not_next}
            would |= {one.record.id: (one.status, one.cause) for one in turn.unreadable}
            for one, why in await engine.rehearsed(turn.inputs, told, known):  # a record may ask several things
                would[one] = would[one] or why
            not_next += [one for one in some if one in turn.not_next]
        went = len(left) > len(not_next)
        left = not_next if went else []
    stays = {row["_id"]: (row["status"], row["cause"]) for row in chosen}
    return [_verdict(one, would.get(one, stays[one])) for one in ids]


async def _beside(store: Store, what: Redrive, ids: Sequence[str], subjects: Iterable[str]) -> list[Row]:
    """What would be fed of these subjects beside these records: what waits follows by itself, and of a request that
    goes on what the ones before it had."""
    query = {"subject": {"$in": sorted(subjects)}, "_id": {"$nin": list(ids)}}
    fields = ["subject", "status"]
    rows = await store.rows(parking.COLLECTION, query, sort=IN_SERIES, limit=MOST, fields=fields, hint=IN_SERIES)
    others = {row["_id"]: row for row in rows if row["status"] != WAITING}
    found = [row for row in rows if row["status"] == WAITING]
    if what.after is None or not others:
        return found
    parts = what.parts()
    begin, values = _placed(what.after, parts)
    for part, (chosen, order, _) in enumerate(parts[: begin + 1]):
        if what.group() and part == len(parts) - 1:
            break  # these were fed too often, and are not
        before = [{"$nor": [one for one, _ in _from(chosen, order, values)]}] if part == begin else []
        asked = {"$and": [{"_id": {"$in": list(others)}}, chosen, *before]}
        some = await store.rows(parking.COLLECTION, asked, sort=BY_ID, limit=MOST, fields=["_id"], hint=BY_ID)
        found += [others[row["_id"]] for row in some]
    return found


def _verdict(id_: str, parked_as: tuple[str, str] | None) -> RedrivenRecord:
    if parked_as is None:
        return RedrivenRecord(id=id_, verdict="went", cause=None)
    status, cause = parked_as
    verdict: Verdict = "waits" if status == WAITING else "broken"
    return RedrivenRecord(id=id_, verdict=verdict, cause=cause)
