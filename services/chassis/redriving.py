"""What those who run a service do with what is parked: look at it in groups, and feed a group again, or only try it.
Each record gets a verdict of its own.

Which records are meant is settled before the first is fed, so one that is parked again is not met twice. They go in the
order of their series, whatever order they were named in; what waited behind them follows by itself.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence, Set
from typing import Annotated, Any, Final
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, Field, StrictBool

from contracts.reference import Role
from contracts.steps import RecordAction, RecordHandling
from contracts.text import line
from services.chassis import parking
from services.chassis.answers import ParkedGroup, ParkedGroups, RedrivenRecord, Verdict
from services.chassis.auth import Caller
from services.chassis.engine import Engine
from services.chassis.masking import tells_of_nobody
from services.chassis.parking import BROKEN, WAITING
from services.chassis.problems import Problematic
from services.chassis.sight import Sight
from services.chassis.store import BY_ID, IN_SERIES, Row, Store
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
OLDEST_FIRST: Final = (("at", 1), ("topic", 1), ("partition", 1), ("offset", 1))
"""Records of a batch are parked at one moment; of these as they stand in their topics."""

Asked = Annotated[str, line(300, exact=True)]
"""An id or a subject, as it stands in what is parked."""


class Redrive(BaseModel):
    """Which parked records to feed again: by id, all of these subjects, or a group (`status`, `cause`, `topic` as they
    stand there, parked `since` and before `until`). A subject that is shown masked is found by no name: its records are
    chosen by their ids. With `dry_run` it is only said what would come of it."""

    # Not in contracts.steps: a word to this service about its own records, of which no fact tells.

    ids: list[Asked] = Field(default_factory=list, max_length=MOST)
    subjects: list[Asked] = Field(default_factory=list, max_length=MOST)
    status: Asked | None = None
    cause: Annotated[str, line(2000, exact=True)] | None = None
    topic: Asked | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    limit: int = Field(
        default=MOST, ge=1, le=MOST, strict=True, description="How many at most; the longest parked first"
    )
    rate: int | None = Field(
        default=None, ge=1, strict=True, description="How many a second at most; none: as fast as they go"
    )
    dry_run: StrictBool = False

    def group(self) -> dict[str, Any]:
        """What chooses the records of a group; nothing where none is named."""
        cause = None if self.cause is None else parking.of_cause(self.cause)
        asked = {"status": self.status, "cause": cause, "topic": self.topic}
        between = {"$gte": self.since, "$lt": self.until}
        at = {name: moment for name, moment in between.items() if moment is not None}
        return {name: value for name, value in asked.items() if value is not None} | ({"at": at} if at else {})

    def queries(self) -> list[dict[str, Any]]:
        """What is chosen, each part by an index of its own; nothing, where nothing is named."""
        group = self.group()
        if group:
            group.setdefault("status", {"$in": list(PARKED)})
            group["tries"] = {"$not": {"$gte": MOST_TRIES}}
        # A subject that is masked where it is shown chooses nothing: the answer would say whether the guess is right.
        named = {"_id": self.ids, "subject": [one for one in self.subjects if tells_of_nobody(one)]}
        asked = {name: some for name, some in named.items() if some or (name == "subject" and self.subjects)}
        return [*({name: {"$in": some}} for name, some in asked.items()), *([group] if group else [])]


async def groups(store: Store, eyes: Sight) -> ParkedGroups:
    """What is parked, by status, cause and topic: how many, since when, until when; the largest groups first, and how
    many records there are in all groups, also those that are not told of."""
    query = {"status": {"$in": list(PARKED)}, **eyes.but("subject")}
    by = ("status", "cause", "topic")
    rows = await store.groups(parking.COLLECTION, query, by, "at", GROUPS, told_as=parking.KINDS)
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
) -> tuple[list[RedrivenRecord], bool]:
    """Feeds what is chosen, or says what would come of it; a verdict for each record, and whether there are more. What
    is hidden from who asks is passed over like what is not there. That records are fed is a fact before they are; the
    same asked again under the same key means these records and no others. Raises StoreAway, and Problematic 422 where
    nothing is chosen, or more than can be fed in time at the rate."""
    if not what.queries():
        raise Problematic(422, "redrive.nothing-chosen")
    if what.rate is not None and what.limit > what.rate * LONGEST:  # also of a dry run: it says what would come of it
        raise Problematic(422, "redrive.too-slow", most=what.rate * LONGEST)
    chosen, more = await _chosen(engine.store, what, eyes)
    ids = [row["_id"] for row in chosen]
    there = set(ids)
    unknown = [RedrivenRecord(id=one, verdict="not-parked", cause=None) for one in what.ids if one not in there]
    unknown += await _left_out(engine.store, what, eyes, there)
    if what.dry_run:
        return [*await _tried(engine, ids), *unknown], more
    id_ = _feeding(caller, key, what)
    if key and (before := await _before(engine, id_, eyes)) is not None:
        named, rows = before
        again = [row for row in rows if what.ids or what.subjects or (row.get("tries") or 0) < MOST_TRIES]
        await _fed(engine, again, what.rate)
        return await left(engine.store, named), more or not there <= {*named}
    if chosen:
        await _note(engine, caller, id_, ids)
        await _fed(engine, chosen, what.rate)
    return [*await left(engine.store, ids), *unknown], more


async def _left_out(store: Store, what: Redrive, eyes: Sight, chosen: Set[str]) -> list[RedrivenRecord]:
    """The records of the group that go with it no more, for they were fed too often: as many as there is room for."""
    group, room = what.group(), what.limit - len(chosen)
    if not group or room <= 0:
        return []
    query = {"status": {"$in": list(PARKED)}, **group, "tries": {"$gte": MOST_TRIES}, **eyes.but("subject")}
    fields = ["subject", "status", "cause"]
    rows = await store.rows(parking.COLLECTION, query, sort=list(OLDEST_FIRST), limit=room, fields=fields)
    rows = [row for row in rows if row["_id"] not in chosen and not eyes.passes_by(row["subject"])]
    return [_verdict(row["_id"], (row["status"], f"{TOO_OFTEN}; {row['cause']}")) for row in rows]


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


async def _chosen(store: Store, what: Redrive, eyes: Sight) -> tuple[list[Row], bool]:
    found: dict[str, Row] = {}
    for query in what.queries():
        sort = BY_ID if "_id" in query else IN_SERIES if "subject" in query else OLDEST_FIRST
        seen = {**query, **({} if "subject" in query else eyes.but("subject"))}
        rows = await store.rows(
            parking.COLLECTION, seen, sort=list(sort), limit=what.limit + 1, fields=["subject", "tries"]
        )
        found |= {row["_id"]: row for row in rows if not eyes.passes_by(row["subject"])}
    rows = list(found.values())
    return rows[: what.limit], len(rows) > what.limit


async def left(store: Store, ids: Sequence[str]) -> list[RedrivenRecord]:
    """What became of records that were fed: those that are parked still say as what, and why."""
    query, fields = {"_id": {"$in": list(ids)}}, ["status", "cause"]
    rows = await store.rows(parking.COLLECTION, query, sort=BY_ID, limit=max(1, len(ids)), fields=fields)
    left = {row["_id"]: row for row in rows}
    return [_verdict(one, (left[one]["status"], left[one]["cause"]) if one in left else None) for one in ids]


async def _tried(engine: Engine, ids: Sequence[str]) -> list[RedrivenRecord]:
    """What would become of records now. Those of one pilot are thought out one behind the other, a hundred together: of
    more, the later ones are said to wait."""

    def told(one: Input, outcome: Outcome, _then: Document | None) -> tuple[str, tuple[str, str] | None]:
        return one.record.id if one.record else "", parking.why_parked(outcome)

    found: dict[str, RedrivenRecord] = {}
    for begin in range(0, len(ids), parking.FEED):
        some = ids[begin : begin + parking.FEED]
        turn = await engine.parking.in_hand(some)
        would: dict[str, tuple[str, str] | None] = dict.fromkeys(some, None)
        would |= {one.record.id: (one.status, one.cause) for one in turn.unreadable}
        for one, why in await engine.rehearsed(turn.inputs, told):  # a record may ask several things
            would[one] = would[one] or why
        found |= {one: _verdict(one, why) for one, why in would.items() if one not in turn.not_next}
        found |= {one: RedrivenRecord(id=one, verdict="waits", cause="not next in its series") for one in turn.not_next}
    return [found[one] for one in ids]


def _verdict(id_: str, parked_as: tuple[str, str] | None) -> RedrivenRecord:
    if parked_as is None:
        return RedrivenRecord(id=id_, verdict="went", cause=None)
    status, cause = parked_as
    verdict: Verdict = "waits" if status == WAITING else "broken"
    return RedrivenRecord(id=id_, verdict=verdict, cause=cause)
