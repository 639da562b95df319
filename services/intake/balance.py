"""The agencies' balance: received = registered + duplicates + rejected + conflicts + parked + in flight.

The two sides are counted in different places. What was received over Kafka are the offsets of the agency's topic; what
became of it are the verdicts at these offsets (`taken.py`) and the answers that facts tell of, in the journal of
receipts. Over HTTP an event is received when it is answered. What differs has a name: an offset that is committed and
has no verdict, or whose verdict says of it what is not so (decision 53).
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from contracts.event import is_usable_id, peek, wire_moment
from contracts.topics import INTAKE, agency_of, agency_topic, group
from services.chassis import marks
from services.chassis.answers import AgencyBalance, Unaccounted
from services.chassis.balance import parked_of
from services.chassis.bus import AGENCIES
from services.chassis.cluster import Topics
from services.chassis.store import BALANCE, BY_ID, PARKED, VERDICTS, Keys, Row, Store, below
from services.chassis.subject import Claimed
from services.intake import taken
from services.intake.domain.state import pilot_id
from services.intake.door import owner
from services.intake.receipts import ANSWERED, ANSWERS, CONFLICT, JOURNAL, OF_PILOTS, REGISTERED, REJECTED, Door
from services.intake.taken import BLOCK, CODES, DUPLICATE, EMPTY

OPEN: Final[Keys] = (("whole", 1), ("_id", 1))
"""The index of the rows of verdicts that are not whole yet, and of the others."""
INDEXES: Final[Mapping[str, Sequence[Keys]]] = {VERDICTS: [OPEN]}
GROUP: Final = group(INTAKE, AGENCIES)
BEGUN: Final = "begun"
"""Since when it is counted, and up to which offsets agencies' events were taken before."""
LONG_PAST: Final = "answers"
"""The sums of the answers that are older than `FRESH`."""
FRESH: Final = timedelta(hours=1)
"""For so long an answer may still be on its way into the journal (technical: a batch is a matter of seconds)."""
STEP: Final = timedelta(minutes=10)
NAMED: Final = 1000
"""So many events that make a difference are named."""
PAUSES: Final = (0.1, 0.3)
"""Seconds between looks where there is a difference."""
LOOKS_BACK: Final = 1.0
"""For so many seconds of each look those are looked for that stand in rows which are whole (assumption: with three
looks at a difference it is named within five seconds, as it must be)."""
AT_ONCE: Final = 250
"""So many records of the topic are looked at together: an event may be large."""
TRAILING: Final = 10
"""Of so few offsets behind the last verdict it is looked whether there is an event."""
MOST_GROUPS: Final = 100_000
FINAL: Final = frozenset({*ANSWERED, DUPLICATE, EMPTY})


@dataclass(slots=True)
class _Topic:
    """The verdicts of an agency's topic: how many of which, and which offsets have one, where not all of a block do."""

    sums: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CODES, 0))
    open: dict[int, dict[int, str]] = field(default_factory=dict)
    first: int = 0
    """From which offset on it is counted."""
    late: int = 0
    """How many events before that were answered since: they stood parked where counting began."""

    def at(self, offset: int) -> str | None:
        """The verdict at an offset of an open block."""
        return self.open.get(offset // BLOCK, {}).get(offset)

    def add(self, verdicts: Mapping[int, str]) -> None:
        """Verdicts at offsets that have none. Before `first` only an answer counts: what else is said of such a record
        was said when it was read once more."""
        for offset, verdict in verdicts.items():
            if offset < self.first:
                self.late += verdict in ANSWERED
                self.sums[verdict] += verdict in ANSWERED
                continue
            self.sums[verdict] += 1
            self.open.setdefault(offset // BLOCK, {})[offset] = verdict

    def having(self, verdicts: Collection[str]) -> list[int]:
        """The offsets of open blocks that have one of these verdicts, in order."""
        every = (one for block in self.open.values() for one in block.items())
        return sorted(offset for offset, verdict in every if verdict in verdicts)

    @property
    def noted(self) -> int:
        """How many offsets have one, of those that count."""
        return sum(self.sums.values()) - self.late


async def begin(store: Store, now: datetime) -> None:
    """Begins to count in a database that does not yet: what an earlier program took is left out. To be called before
    anything is read. Raises StoreAway."""
    if await store.get(BALANCE, BEGUN) is not None:
        return
    row = await store.get(marks.COLLECTION, marks.ID)
    known = {} if row is None else marks.places(row)
    first = {agency: n for (_, topic, _), n in known.items() if (agency := agency_of(topic)) is not None}
    since = {"_id": LONG_PAST, "until": wire_moment(now - FRESH), "sums": {}}  # other replicas' clocks may be behind
    await store.put_new(BALANCE, [since, {"_id": BEGUN, "at": now, "first": first}])


async def begin_anew(store: Store, now: datetime, committed: Mapping[str, int]) -> None:
    """Begins to count in a database that was made of the facts, and reads all inputs again: from where the group had
    committed of each agency's topic. What was taken before is answered, and is met again as a duplicate that no agency
    has sent. Raises StoreAway."""
    past = {"_id": LONG_PAST, "until": wire_moment(now), "sums": {}}
    await store.put_new(BALANCE, [past, {"_id": BEGUN, "at": now, "first": dict(committed)}])


async def struck(store: Store, topics: Topics, now: datetime) -> list[AgencyBalance]:
    """The balance of every agency that has a topic or sent anything. Raises StoreAway, KafkaError and OSError.

    What moves while it is counted may look like a difference for a moment: only one that stays is told.
    """
    found = await _looked(store, topics, now)
    for pause in PAUSES:
        if not any(one.difference for one in found.values()):
            break
        await asyncio.sleep(pause)
        again = await _looked(store, topics, now)
        known = {agency: [one, again.get(agency, one)] for agency, one in found.items()}
        found = {**again, **{agency: min(both, key=lambda one: abs(one.difference)) for agency, both in known.items()}}
    return [found[agency] for agency in sorted(found)]


async def _looked(store: Store, topics: Topics, now: datetime) -> dict[str, AgencyBalance]:
    """One look. What is asked first can only be behind what is asked after it: commits follow verdicts, verdicts follow
    answers."""
    committed = {topic: n for (topic, _), n in (await topics.committed(GROUP)).items()}
    verdicts = await _verdicts(store)
    answers = await _answers(store, now)
    ends = await topics.bounds((one, 0) for one in sorted(await topics.names()) if agency_of(one) is not None)
    reach = {agency_of(topic): bounds for (topic, _), bounds in ends.items()}
    http = await _http(store)
    found = {}
    for agency in {*filter(None, reach), *http, *(one for one, _, _ in answers)}:
        said = _Said(agency, reach.get(agency, (0, 0)), committed.get(agency_topic(agency).name, 0))
        said.verdicts = verdicts.get(agency_topic(agency).name, _Topic())
        said.answers = {(door, verdict): n for (one, door, verdict), n in answers.items() if one == agency}
        said.http = http.get(agency, {})
        found[agency] = await said.struck(store, topics)
    return found


@dataclass(slots=True)
class _Said:
    """All that is said of an agency: where its topic begins and ends, what is committed of it, the verdicts there, the
    answers that facts tell of, and those over HTTP of which none does."""

    agency: str
    reach: tuple[int, int]
    committed: int
    verdicts: _Topic = field(default_factory=_Topic)
    answers: Mapping[tuple[str, str], int] = field(default_factory=dict)
    http: Mapping[str, int] = field(default_factory=dict)

    @property
    def topic(self) -> str:
        """The agency's topic."""
        return agency_topic(self.agency).name

    async def struck(self, store: Store, topics: Topics) -> AgencyBalance:
        """The balance, with the events that make a difference."""
        missed = await self._without_verdict(store, topics)
        unparked = await self._not_parked(store, topics)
        sums, end = self.verdicts.sums, max(self.reach[1], self.committed)
        over_http = sum(n for (door, _), n in self.answers.items() if door == Door.HTTP) + sum(self.http.values())
        over_kafka = end - self.verdicts.first - sums[EMPTY] + self.verdicts.late
        told = sum(n for (door, _), n in self.answers.items() if door == Door.KAFKA)
        not_noted = told - sum(sums[one] for one in ANSWERED)  # their answer is known: they are in flight no more
        left = end - self.verdicts.first - self.verdicts.noted - self._missing()
        parts = {
            "registered": self._answered(REGISTERED),
            "duplicates": sums[DUPLICATE] + self.http.get(DUPLICATE, 0),
            "rejected": self._answered(REJECTED) + self.http.get(REJECTED, 0),
            "conflicts": self._answered(CONFLICT) + self.http.get(CONFLICT, 0),
            "parked": sums[PARKED] - len(unparked),
            "in_flight": max(0, left - max(0, not_noted)),
        }
        received = over_kafka + over_http
        difference = received - sum(parts.values())
        events = [*missed, *unparked, *(await self._not_kept(store, topics, -not_noted) if not_noted < 0 else [])]
        return AgencyBalance(
            agency=self.agency,
            received=received,
            **parts,
            difference=difference,
            events=events[:NAMED] if difference else [],
        )

    def _answered(self, verdict: str) -> int:
        return sum(n for (_, one), n in self.answers.items() if one == verdict)

    def _missing(self) -> int:
        """How many offsets are committed and have no verdict."""
        beyond = sum(one >= self.committed for block in self.verdicts.open.values() for one in block)
        return max(0, self.committed - self.verdicts.first - (self.verdicts.noted - beyond))

    async def _without_verdict(self, store: Store, topics: Topics) -> list[Unaccounted]:
        """The events that are committed and have no verdict. Offsets without an event are noted as such, also the few
        that may stand behind the last event: a reader commits them with the next one."""
        begin, end = self.reach
        left = end - self.verdicts.first - self.verdicts.noted
        if not self._missing() and not 0 < left <= TRAILING:
            return []
        until = end if left <= TRAILING else self.committed
        offsets = [one async for one in self._gaps(store, until)]
        there = [one for one in offsets if one >= begin]
        values = await topics.records((self.topic, 0), there[0], there[-1] + 1) if there else {}
        empty = {one: EMPTY for one in there if one not in values}
        await taken.note_records(store, {f"{self.topic}/0/{one}": EMPTY for one in empty})
        self.verdicts.add(empty)
        gone = [_unaccounted(self.topic, one, None, "expired-unread") for one in offsets if one < begin]
        missed = [one for one in there if one in values and one < self.committed]
        return [*gone, *(_unaccounted(self.topic, one, values[one], "no-verdict") for one in missed)]

    async def _gaps(self, store: Store, until: int) -> AsyncIterator[int]:
        """The first offsets without a verdict."""
        query, first, found = {"whole": True, "_id": below(self.topic)}, self.verdicts.first, 0
        whole = {row["block"] async for row in store.scan(VERDICTS, query, fields=["block"], hint=OPEN)}
        for block in range(first // BLOCK, (until - 1) // BLOCK + 1):
            if block in whole:
                continue
            for offset in range(max(first, block * BLOCK), min(until, (block + 1) * BLOCK)):
                if self.verdicts.at(offset) is None:
                    yield offset
                    found += 1
            if found >= NAMED:
                return

    async def _not_kept(self, store: Store, topics: Topics, most: int) -> list[Unaccounted]:
        """The events whose verdict says that they were answered, and of whose answer nothing is kept: of the rows that
        are not whole, then of the others from the newest back, until so many are found or it took too long."""
        until = time.monotonic() + LOOKS_BACK
        found = await self._unanswered(store, topics, self.verdicts.having(ANSWERED))
        async for said in self._answered_before(store):
            if len(found) >= most or time.monotonic() > until:
                break
            found += await self._unanswered(store, topics, said)
        return found

    async def _answered_before(self, store: Store) -> AsyncIterator[list[int]]:
        """The offsets of the rows that are whole whose verdict is an answer, some at a time."""
        codes = {CODES[one] for one in ANSWERED}
        query = {"whole": True, "_id": below(self.topic)}
        blocks = [row["block"] async for row in store.scan(VERDICTS, query, fields=["block"], hint=OPEN)]
        for block in sorted(blocks, reverse=True):
            row = await store.get(VERDICTS, f"{self.topic}/0/{block}") or {"at": {}}
            said = sorted(block * BLOCK + int(at) for at, code in row["at"].items() if code in codes)
            said = [one for one in said if one >= self.reach[0]]
            for n in range(0, len(said), AT_ONCE):
                yield said[n : n + AT_ONCE]

    async def _unanswered(self, store: Store, topics: Topics, said: Sequence[int]) -> list[Unaccounted]:
        """The events at these offsets, which were answered, of whose answer nothing is kept."""
        if not said:
            return []
        values = await topics.records((self.topic, 0), max(said[0], self.reach[0]), said[-1] + 1)
        found = {one: _unaccounted(self.topic, one, values[one], "not-kept") for one in said if one in values}
        ids = sorted({one.event_id or f"kafka:{one.place}" for one in found.values()})
        claims = await store.claimed(*(Claimed(owner(self.agency), one, "").key for one in ids))
        pilots = {claim.subject for claim in claims.values()} | {pilot_id(self.agency, one) for one in ids}
        query = {"agency": self.agency, "pilot": {"$in": sorted(pilots)}, "event_id": {"$in": ids}}
        query["verdict"] = {"$in": [*ANSWERED]}
        rows = await store.rows(
            JOURNAL, query, sort=OF_PILOTS, limit=10 * len(ids), fields=["event_id"], hint=OF_PILOTS
        )
        kept = {row["event_id"] for row in rows}
        return [one for one in found.values() if (one.event_id or f"kafka:{one.place}") not in kept]

    async def _not_parked(self, store: Store, topics: Topics) -> list[Unaccounted]:
        """The events of which the verdict says that they are parked, and that are not. They stand apart from each
        other: as many have the ids that the topic has as can be read in a moment."""
        said = self.verdicts.having([PARKED])
        if not said or len(said) <= await parked_of(store, self.topic):
            return []
        until = time.monotonic() + LOOKS_BACK
        ids = [f"{self.topic}/0/{one}" for one in said]
        rows = await store.rows(PARKED, {"_id": {"$in": ids}}, sort=BY_ID, limit=len(ids), fields=["_id"])
        there = {row["_id"] for row in rows}
        gone, values = [one for one in said if f"{self.topic}/0/{one}" not in there], dict[int, bytes]()
        for one in gone:
            if self.reach[0] <= one < self.reach[1] and time.monotonic() < until:
                values |= await topics.records((self.topic, 0), one, one + 1)
        return [_unaccounted(self.topic, one, values.get(one), "not-parked") for one in gone]


def _unaccounted(topic: str, offset: int, value: bytes | None, why: Any) -> Unaccounted:
    named = peek(value).get("id") if value is not None else None
    event_id = named if isinstance(named, str) and is_usable_id(named) else None
    return Unaccounted(place=f"{topic}/0/{offset}", event_id=event_id, why=why)


async def _verdicts(store: Store) -> dict[str, _Topic]:
    """The verdicts of all topics. A row that has become whole is summed up, once."""
    begun = await store.get(BALANCE, BEGUN) or {"first": {}}
    found = {agency_topic(agency).name: _Topic(first=first) for agency, first in begun["first"].items()}
    sums = await store.sums(VERDICTS, {"whole": True}, "topic", [*CODES.values()], OPEN)
    for topic, told in sums.items():
        one = found.setdefault(topic, _Topic())
        for verdict, code in CODES.items():
            one.sums[verdict] += told[code]
    names = {code: verdict for verdict, code in CODES.items()}
    whole: dict[str, Mapping[str, Any]] = {}
    async for row in store.scan(VERDICTS, {"whole": None}, hint=OPEN):
        one = found.setdefault(row["topic"], _Topic())
        block = {row["block"] * BLOCK + int(at): names[code] for at, code in row["at"].items()}
        one.add(block)
        if len(block) == BLOCK and row["block"] * BLOCK >= one.first and FINAL.issuperset(block.values()):
            told = Counter(block.values())
            whole[row["_id"]] = {"whole": True, **{code: told[verdict] for verdict, code in CODES.items()}}
    await store.set_fields(VERDICTS, whole)
    return found


async def _answers(store: Store, now: datetime) -> dict[tuple[str, str, str], int]:
    """The answers that facts tell of, by agency, door and verdict. Those that are long past are summed up once."""
    row = await store.get(BALANCE, LONG_PAST)
    if row is None:
        row = {"_id": LONG_PAST, "until": "", "sums": {}}
        await store.put_new(BALANCE, [row])
    oldest = await store.oldest_unsent()
    until = min(now, oldest or now) - FRESH
    if wire_moment(until - STEP) > row["until"]:
        row = await _sum_up(store, row, wire_moment(until))
    return _added(row["sums"], await _since(store, {"$gte": row["until"]}))


async def _sum_up(store: Store, row: Row, until: str) -> Row:
    sums = _added(row["sums"], await _since(store, {"$gte": row["until"], "$lt": until}))
    said = {"until": until, "sums": {" ".join(key): n for key, n in sums.items()}}
    await store.mark(BALANCE, {"_id": LONG_PAST, "until": row["until"]}, said)
    return await store.get(BALANCE, LONG_PAST) or {**row, **said}


async def _since(store: Store, at: Mapping[str, str]) -> list[Row]:
    query = {"at": at, "verdict": {"$in": [*ANSWERED]}}
    return await store.groups(JOURNAL, query, ("agency", "door", "verdict"), "at", MOST_GROUPS, hint=ANSWERS)


def _added(sums: Mapping[str, int], rows: Sequence[Row]) -> dict[tuple[str, str, str], int]:
    found = dict[tuple[str, str, str], int]()
    for name, n in sums.items():
        agency, door, verdict = name.split(" ")
        found[agency, door, verdict] = n
    for row in rows:
        key = (row["agency"], row["door"], row["verdict"])
        found[key] = found.get(key, 0) + row["rows"]
    return found


async def _http(store: Store) -> dict[str, Mapping[str, int]]:
    """What the HTTP door answered without a fact, by agency."""
    begins = taken.http_row("")
    found = dict[str, Mapping[str, int]]()
    async for row in store.scan(BALANCE, {"_id": {"$gt": begins, "$lt": f"{begins}~"}}):
        found[row.pop("_id").removeprefix(begins)] = row
    return found
