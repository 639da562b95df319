"""Answers that are lost: events of agencies that were answered, and of whose answer the journal of receipts has none.

They are looked for from two sides. A verdict says that the record at its offset was answered; the record, while the
topic has it, says under which id. And a document remembers each event that it decided on, with the way by which that
came: of an answer over HTTP nothing else tells, and of a record that the topic has no more. What was found is
remembered, and named until its answer is there again (decision 53).
"""

import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from contracts.event import is_usable_id, peek
from contracts.topics import agency_of, agency_topic
from services.chassis.answers import Unaccounted
from services.chassis.cluster import Topics
from services.chassis.store import BALANCE, BY_ID, SUBJECTS, VERDICTS, Keys, Row, Store, below
from services.chassis.subject import Claimed
from services.intake.domain.state import KIND, pilot_id
from services.intake.door import owner
from services.intake.receipts import ANSWERED, CONFLICT, JOURNAL, OF_PILOTS, Door
from services.intake.taken import BLOCK, CODES

OPEN: Final[Keys] = (("whole", 1), ("_id", 1))
"""The index of the rows of verdicts that are not whole yet, and of the others."""
KNOWN: Final = "lost"
"""With this the ids of what is remembered begin."""
NAMED: Final = 1000
"""So many events of an agency that make a difference are named."""
LOOKS_BACK: Final = 1.0
"""For so many seconds of each look those are looked for that stand in rows which are whole (assumption: with three
looks at a difference it is named within five seconds, as it must be)."""
AT_ONCE: Final = 250
"""So many records of the topic are looked at together, and so many documents: either may be large."""
FIELDS: Final = ("ids", "correlation", "outbox.sequence")
"""What of a document says which answers there must be."""
MOST: Final = 10**7


@dataclass(frozen=True, slots=True)
class Lost:
    """An event whose answer is lost: at which pilot it was decided, under which key its id is remembered there, and by
    which way it came (`place_of`)."""

    agency: str
    pilot: str
    key: str
    place: str
    event_id: str | None = None

    @property
    def door(self) -> Door:
        """By which door it came."""
        return Door.HTTP if self.place.startswith(f"{Door.HTTP}/") else Door.KAFKA

    @property
    def told(self) -> Unaccounted:
        """How it is named."""
        return Unaccounted(place=self.place, event_id=self.event_id, why="not-kept")


def unaccounted(topic: str, offset: int, value: bytes | None, why: Any) -> Unaccounted:
    """A record by which the balance differs; `value` is what it says, where that can be read."""
    return Unaccounted(place=f"{topic}/0/{offset}", event_id=_id_in(value), why=why)


def _id_in(value: bytes | None) -> str | None:
    named = peek(value).get("id") if value is not None else None
    return named if isinstance(named, str) and is_usable_id(named) else None


# ---- what was found


async def known(store: Store) -> dict[str, list[Lost]]:
    """What was found lost and still is, by agency. What is there again is forgotten. Raises StoreAway."""
    rows = [row async for row in store.scan(BALANCE, {"_id": below(KNOWN)})]
    every = {row.pop("_id"): Lost(**row) for row in rows}
    still = {*await _without_answer(store, [*every.values()])}
    await store.remove(BALANCE, [id_ for id_, one in every.items() if one not in still])
    found = dict[str, list[Lost]]()
    for one in every.values():
        if one in still:
            found.setdefault(one.agency, []).append(one)
    return found


async def remember(store: Store, topics: Topics, lost: Iterable[Lost]) -> int:
    """Remembers what was found; returns how much of it was not known, up to as many as are named. Raises StoreAway,
    KafkaError and OSError."""
    every = {f"{KNOWN}/{one.agency}/{one.key}": one for one in lost}
    if not every:
        return 0
    there = {row["_id"]: row["agency"] async for row in store.scan(BALANCE, {"_id": below(KNOWN)}, fields=["agency"])}
    count, new = Counter(there.values()), dict[str, Lost]()
    for id_, one in every.items():
        if id_ not in there and count[one.agency] < NAMED:
            count[one.agency] += 1
            new[id_] = one
    named = await _identified(topics, [*new.values()])
    await store.put_new(BALANCE, [{"_id": id_, **asdict(one)} for id_, one in zip(new, named, strict=True)])
    return len(new)


async def _identified(topics: Topics, lost: Sequence[Lost]) -> list[Lost]:
    """The same with the ids of those whose records can still be read, as far as that goes in a moment."""
    unnamed = [one for one in lost if one.event_id is None and agency_of(one.place.split("/")[0]) is not None]
    if not unnamed:
        return [*lost]
    there, until = await topics.names(), time.monotonic() + LOOKS_BACK
    places = {(agency_topic(one.agency).name, 0) for one in unnamed}
    bounds = await topics.bounds(sorted(place for place in places if place[0] in there))
    found = list[Lost]()
    for one in lost:
        topic, _, offset = one.place.partition("/0/")
        begin, end = bounds.get((topic, 0), (0, 0))
        at = int(offset) if one.event_id is None and offset.isdecimal() else -1
        if begin <= at < end and time.monotonic() < until:
            values = await topics.records((topic, 0), at, at + 1)
            one = replace(one, event_id=_id_in(values.get(at)))
        found.append(one)
    return found


# ---- by documents


async def of_documents(store: Store, after: str) -> tuple[str | None, int, list[Lost]]:
    """The lost answers of the pilots that come after this one, some at a time: behind which it goes on (None: there are
    no more), and at how many it looked. Raises StoreAway.

    Documents are read before the journal, into which each answer is written before its fact leaves its document.
    """
    query: Row = {"kind": KIND, **({"_id": {"$gt": after}} if after else {})}
    rows = await store.rows(SUBJECTS, query, sort=BY_ID, limit=AT_ONCE, fields=FIELDS, hint=BY_ID)
    gone = await _without_answer(store, [one for row in rows for one in _remembered(row)])
    begun = {row["_id"]: row.get("correlation") for row in rows}
    last = rows[-1]["_id"] if len(rows) == AT_ONCE else None
    return last, len(rows), [_named(one, begun[one.pilot]) for one in gone]


def _remembered(row: Mapping[str, Any]) -> Iterator[Lost]:
    """The agencies' events that a document remembers; not those whose facts may still wait in it."""
    waits = min((entry["sequence"] for entry in row.get("outbox", ())), default=math.inf)
    for key, one in row.get("ids", {}).items():
        place = one.get("place")
        if place is not None and one["version"] < waits:
            first, second, *_ = place.split("/", 2)
            yield Lost(agency_of(first) or second, row["_id"], key, place)


def _named(one: Lost, begun: str | None) -> Lost:
    """The same with its id, where the way by which it came says it, or its pilot began with it."""
    if agency_of(one.place.split("/")[0]) is None:
        return replace(one, event_id=one.place.split("/", 2)[2])
    if begun is not None and Claimed(owner(one.agency), begun, "").key == one.key:
        return replace(one, event_id=begun)
    return one


async def _without_answer(store: Store, asked: Sequence[Lost]) -> list[Lost]:
    """Those of these events of which the journal has no answer."""
    if not asked:
        return []
    query: Row = {name: {"$in": sorted({getattr(one, name) for one in asked})} for name in ("agency", "pilot")}
    query["verdict"] = {"$in": [*ANSWERED]}
    rows = await store.groups(JOURNAL, query, ("agency", "pilot", "event_id", "verdict"), "at", MOST, hint=OF_PILOTS)
    there = {(row["pilot"], Claimed(owner(row["agency"]), row["event_id"], "").key) for row in rows}
    # A conflict has a subject of its own, and is remembered there under another id than it is answered by.
    at_odds = {row["pilot"] for row in rows if row["verdict"] == CONFLICT}
    return [one for one in asked if (one.pilot, one.key) not in there and one.pilot not in at_odds]


# ---- by records


async def of_newest(
    store: Store, topics: Topics, agency: str, begin: int, said: Sequence[int], most: int, but: Sequence[Lost]
) -> list[Lost]:
    """So many events whose verdict says that they were answered, and of whose answer nothing is kept, `but` these: of
    the rows that are not whole (`said`), then of the others from the newest back, until it took too long. Records
    before `begin` are gone. Raises StoreAway, KafkaError and OSError."""
    until, left = time.monotonic() + LOOKS_BACK, {one.place for one in but}
    found = await unanswered(store, topics, agency, begin, said)
    async for some in answered_before(store, agency, begin):
        found = [one for one in found if one.place not in left]
        if len(found) >= most or time.monotonic() > until:
            break
        found += await unanswered(store, topics, agency, begin, some)
    return [one for one in found if one.place not in left]


async def answered_before(store: Store, agency: str, begin: int, end: float = math.inf) -> AsyncIterator[list[int]]:
    """The offsets of the rows that are whole whose verdict is an answer, from `begin` to before `end`: some at a time,
    from the newest back."""
    topic, codes = agency_topic(agency).name, {CODES[one] for one in ANSWERED}
    query = {"whole": True, "_id": below(topic)}
    blocks = [row["block"] async for row in store.scan(VERDICTS, query, fields=["block"], hint=OPEN)]
    for block in sorted((one for one in blocks if one * BLOCK < end), reverse=True):
        row = await store.get(VERDICTS, f"{topic}/0/{block}") or {"at": {}}
        said = sorted(block * BLOCK + int(at) for at, code in row["at"].items() if code in codes)
        said = [one for one in said if begin <= one < end]
        for last in range(len(said), 0, -AT_ONCE):
            yield said[max(0, last - AT_ONCE) : last]


async def unanswered(store: Store, topics: Topics, agency: str, begin: int, said: Sequence[int]) -> list[Lost]:
    """The events at these offsets, which were answered, of whose answer nothing is kept."""
    said = [one for one in said if one >= begin]
    if not said:
        return []
    topic = agency_topic(agency).name
    values = await topics.records((topic, 0), said[0], said[-1] + 1)
    named = {one: _id_in(values[one]) or f"kafka:{topic}/0/{one}" for one in said if one in values}
    keys = {id_: Claimed(owner(agency), id_, "").key for id_ in named.values()}
    claims = await store.claimed(*sorted(keys.values()))
    ids = sorted(keys)
    pilots = {claim.subject for claim in claims.values()} | {pilot_id(agency, one) for one in ids}
    query: Row = {"agency": agency, "pilot": {"$in": sorted(pilots)}, "event_id": {"$in": ids}}
    query["verdict"] = {"$in": [*ANSWERED]}
    rows = await store.rows(JOURNAL, query, sort=OF_PILOTS, limit=10 * len(ids), fields=["event_id"], hint=OF_PILOTS)
    kept = {row["event_id"] for row in rows}
    found = list[Lost]()
    for offset, id_ in named.items():
        if id_ not in kept:
            key = keys[id_]
            pilot = claims[key].subject if key in claims else pilot_id(agency, id_)
            found.append(Lost(agency, pilot, key, f"{topic}/0/{offset}", _id_in(values[offset])))
    return found
