"""What those who run a service do with what is parked: look at it in groups, and feed a group again, or only try it.
Each record gets a verdict of its own.

Which records are meant is settled before the first is fed, so one that is parked again is not met twice. They go in the
order of their series, whatever order they were named in; what waited behind them follows by itself.
"""

import asyncio
import hashlib
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from uuid import uuid4

from contracts.reference import Role
from contracts.steps import RecordAction, RecordHandling
from services.chassis import parking, whose
from services.chassis.answers import ParkedGroup, ParkedGroups, Redriven, RedrivenRecord, Verdict
from services.chassis.auth import Caller
from services.chassis.choosing import MOST, MOST_TRIES, PARKED, Redrive, choose, from_place, led_to_pilots, placed
from services.chassis.engine import Engine
from services.chassis.parking import WAITING
from services.chassis.problems import Problematic
from services.chassis.sight import Sight
from services.chassis.store import BY_AGENCY, BY_CAUSE, BY_ID, IN_SERIES, Row, Store
from services.chassis.subject import Claimed, Document, Input, Outcome
from services.law.handling import Handle, Handling, subject_of

TOO_OFTEN: Final = f"fed again {MOST_TRIES} times already: it goes no more with its group, only named by its id"
LONGEST: Final = 60
"""Seconds for which a request may feed records at the rate that it names."""
GROUPS: Final = 200
COUNTED: Final = 10**7
"""Parked records are counted so far."""


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


async def redriven(engine: Engine, what: Redrive, eyes: Sight, caller: Caller, key: str | None = None) -> Redriven:
    """Feeds what is chosen, or says what would come of it; a verdict for each record, what followed by itself, and
    where the next request goes on: behind those that stay, too. What is hidden from who asks is passed over like what
    is not there. That records are fed is a fact before they are; the same asked again under the same key
    means these records and no others. Raises StoreAway, and Problematic 422 where nothing is chosen, or more than can
    be fed in time at the rate, 400 for a place that was not given out."""
    if not what.parts():
        raise Problematic(422, "redrive.nothing-chosen")
    if what.rate is not None and what.limit > what.rate * LONGEST:  # also of a dry run: it says what would come of it
        raise Problematic(422, "redrive.too-slow", most=what.rate * LONGEST)
    id_, what = _feeding(caller, key, what), await led_to_pilots(engine.store, what)
    chosen = await choose(engine.store, what, eyes)
    ids, more = [row["_id"] for row in chosen.rows], chosen.beyond(what.limit)
    named = what.ids if what.after is None else []  # what is not parked is said once
    beside = [RedrivenRecord(id=one, verdict="not-parked", cause=None) for one in named if one not in chosen.there]
    beside += [_verdict(row["_id"], (row["status"], f"{TOO_OFTEN}; {row['cause']}")) for row in chosen.too_often]
    if what.dry_run:
        tried, would_follow = await _tried(engine, what, chosen.rows)
        return _told(what, [*tried, *beside], would_follow, more)
    if key and (before := await _before(engine, id_, eyes)) is not None:
        meant, rows = before
        again = [row for row in rows if what.ids or what.subjects or (row.get("tries") or 0) < MOST_TRIES]
        followed = await _fed(engine, again, what.rate)
        return _told(what, await left(engine.store, meant), followed, chosen.behind(meant))
    followed = list[str]()
    if ids:
        await _note(engine, caller, id_, ids)
        followed = await _fed(engine, chosen.rows, what.rate)
    return _told(what, [*await left(engine.store, ids), *beside], followed, more)


def _told(what: Redrive, records: list[RedrivenRecord], followed: Sequence[str], following: str | None) -> Redriven:
    return Redriven(
        went=sum(one.verdict == "went" for one in records),
        dry_run=what.dry_run,
        records=records,
        followed=len(followed),
        behind=list(followed[:MOST]),
        more=following is not None,
        next=following,
    )


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


async def _fed(engine: Engine, rows: Sequence[Row], rate: int | None) -> list[str]:
    """Counts that records are fed, and feeds them in their order, no more in a second than the rate; returns what
    followed by itself. That counts, too: what comes behind it waits the longer, as far as a request has the time."""
    await _count_tries(engine.store, rows)
    ids = [row["_id"] for row in rows]
    ordered = ids if rate is None else await parking.in_turn(engine.store, ids)
    at_once, until, followed = rate or max(1, len(ids)), time.monotonic() + LONGEST, list[str]()
    for first in range(0, len(ordered), at_once):
        began, some = time.monotonic(), ordered[first : first + at_once]
        beside = sorted({*await engine.parking.redrive(some)} - {*ids})
        followed += beside
        if left := len(ordered) - first - len(some):
            latest = until - math.ceil(left / at_once)  # each of the others needs a second
            due = max(began + 1, min(latest, began + (len(some) + len(beside)) / at_once))
            await asyncio.sleep(max(0.0, due - time.monotonic()))
    return followed


async def left(store: Store, ids: Sequence[str]) -> list[RedrivenRecord]:
    """What became of records that were fed: those that are parked still say as what, and why."""
    query, fields = {"_id": {"$in": list(ids)}}, ["status", "cause"]
    rows = await store.rows(parking.COLLECTION, query, sort=BY_ID, limit=max(1, len(ids)), fields=fields)
    left = {row["_id"]: row for row in rows}
    return [_verdict(one, (left[one]["status"], left[one]["cause"]) if one in left else None) for one in ids]


async def _tried(engine: Engine, what: Redrive, chosen: Sequence[Row]) -> tuple[list[RedrivenRecord], list[str]]:
    """What would become of records now, and what would follow by itself. Those of one pilot are thought out one behind
    the other, with what would have been fed before them and what follows (a thousand records at most)."""
    ids = [row["_id"] for row in chosen]
    subjects = Counter(row["subject"] for row in chosen if row["subject"] is not None)
    beside = await _beside(engine.store, what, ids, subjects)
    waiting = [row["_id"] for row in beside if row["status"] == WAITING]
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
    followed = [one for one in waiting if one in would and would[one] is None]
    return [_verdict(one, would.get(one, stays[one])) for one in ids], followed


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
    begin, values = placed(what.after, parts)
    for part, (chosen, order, _) in enumerate(parts[: begin + 1]):
        if what.group() and part == len(parts) - 1:
            break  # these were fed too often, and are not
        before = [{"$nor": [one for one, _ in from_place(chosen, order, values)]}] if part == begin else []
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
