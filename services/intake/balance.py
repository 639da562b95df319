"""The agencies' balance: received = registered + duplicates + rejected + conflicts + parked + in flight.

The two sides are counted in different places. What was received over Kafka are the offsets of the agency's topic; what
became of it are the verdicts at these offsets (`taken.py`) and the answers that facts tell of, in the journal of
receipts. Over HTTP an event is received when it is answered. What differs has a name: an offset that is committed and
has no verdict, or whose verdict says of it what is not so (decision 53).
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from contracts.event import wire_moment
from contracts.topics import INTAKE, agency_of, agency_topic, group
from services.chassis import marks
from services.chassis.answers import AgencyBalance, LookedThrough, Unaccounted
from services.chassis.balance import parked_of
from services.chassis.bus import AGENCIES
from services.chassis.cluster import Topics
from services.chassis.store import BALANCE, BY_ID, PARKED, VERDICTS, Keys, Store, below
from services.intake import answered, lost, taken
from services.intake.lost import NAMED, OPEN, Lost, unaccounted
from services.intake.receipts import ANSWERED, CONFLICT, REGISTERED, REJECTED, Door
from services.intake.taken import BEGUN, BLOCK, CODES, DUPLICATE, EMPTY

INDEXES: Final[Mapping[str, Sequence[Keys]]] = {VERDICTS: [OPEN]}
GROUP: Final = group(INTAKE, AGENCIES)
PAUSES: Final = (0.1, 0.3)
"""Seconds between looks where there is a difference."""
READS_OUT: Final = 1.0
"""For so many seconds of each look the ids of events are read that are not parked though they should be."""
BESIDE: Final = 0.2
"""For so many seconds each balance goes on with the look through everything (assumption: of the fifteen between two
scrapes)."""
ROUND: Final = "round"
"""How far the look through everything has come."""
RECORDS: Final = "records//"
"""Where in that the records begin."""
_DOCUMENTS: Final = re.compile(r"documents/(.*)")
_RECORDS: Final = re.compile(r"records/([a-z0-9-]{2,20}|)/(\d{0,18})")
TRAILING: Final = 10
"""Of so few offsets behind the last verdict it is looked whether there is an event."""
FINAL: Final = frozenset({*ANSWERED, DUPLICATE, EMPTY})


@dataclass(slots=True)
class _Topic:
    """The verdicts of an agency's topic: how many of which, and which offsets have one, where not all of a block do."""

    sums: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CODES, 0))
    open: dict[int, dict[int, str]] = field(default_factory=dict)
    first: int = 0
    """From which offset on it is counted."""
    late: int = 0
    """How many events before that count: they stood parked where counting began, and stand so or were answered since.
    """

    def at(self, offset: int) -> str | None:
        """The verdict at an offset of an open block."""
        return self.open.get(offset // BLOCK, {}).get(offset)

    def add(self, verdicts: Mapping[int, str]) -> None:
        """Verdicts at offsets that have none. Before `first` only what is parked counts, and an answer: what else is
        said of such a record was said when it was read once more."""
        for offset, verdict in verdicts.items():
            if offset < self.first:
                if verdict not in (PARKED, *ANSWERED):
                    continue
                self.late += 1
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
    # Other replicas' clocks may be behind.
    since = {"_id": answered.LONG_PAST, "until": wire_moment(now - answered.FRESH), "sums": {}}
    await _count_parked(store)
    await store.put_new(BALANCE, [since, {"_id": BEGUN, "at": now, "first": first}])


async def begin_anew(store: Store, now: datetime, committed: Mapping[str, int]) -> None:
    """Begins to count in a database that was made of the facts, and reads all inputs again: from where the group had
    committed of each agency's topic, and with what stands parked. What was taken before is answered, and is met again
    as a duplicate that no agency has sent. Raises StoreAway."""
    await _count_parked(store)
    past = {"_id": answered.LONG_PAST, "since": wire_moment(now), "until": wire_moment(now), "sums": {}}
    await store.put_new(BALANCE, [past, {"_id": BEGUN, "at": now, "first": dict(committed)}])


async def _count_parked(store: Store) -> None:
    """Notes of what stands parked that it does."""
    every = [row["_id"] async for row in store.scan(PARKED, {}, fields=["topic"]) if agency_of(row["topic"])]
    await taken.note_records(store, dict.fromkeys(every, PARKED))


async def struck(store: Store, topics: Topics, now: datetime) -> list[AgencyBalance]:
    """The balance of every agency that has a topic or sent anything. Raises StoreAway, KafkaError and OSError.

    What moves while it is counted may look like a difference for a moment: only one that stays is told.
    """
    row = await store.get(BALANCE, ROUND) or {"_id": ROUND, "next": None, "short": False}
    looked = await _gone_through(store, topics, now, row["next"], BESIDE, records=row["short"])
    found = await _looked(store, topics, now)
    for pause in PAUSES:
        if not any(one.difference for one in found.values()):
            break
        await asyncio.sleep(pause)
        again = await _looked(store, topics, now)
        known = {agency: [one, again.get(agency, one)] for agency, one in found.items()}
        found = {**again, **{agency: min(both, key=lambda one: abs(one.difference)) for agency, both in known.items()}}
    said = {"next": looked.next, "short": any(one.difference > len(one.events) for one in found.values())}
    if {**row, **said} != row:
        await store.set_fields(BALANCE, {ROUND: said})
    return [found[agency] for agency in sorted(found)]


async def through(store: Store, topics: Topics, now: datetime, after: str | None, seconds: float) -> LookedThrough:
    """Goes on with a look through everything, for about so many seconds: all documents, the sums of what is long past,
    then the records of each topic whose answers are too few. Raises StoreAway, KafkaError and OSError."""
    return await _gone_through(store, topics, now, after, seconds, records=True)


async def _gone_through(
    store: Store, topics: Topics, now: datetime, after: str | None, seconds: float, *, records: bool
) -> LookedThrough:
    """The same; without `records` it ends where these begin."""
    until, looked, found = time.monotonic() + seconds, 0, 0
    place: str | None = after or "documents/"
    while place is not None:
        next_, here, new = await _part(store, topics, now, place)
        looked, found = looked + here, found + new
        place = next_ if records or next_ != RECORDS else None
        if time.monotonic() > until:
            break
    return LookedThrough(looked=looked, found=found, next=place)


async def _part(store: Store, topics: Topics, now: datetime, place: str) -> tuple[str | None, int, int]:
    """A part of that from a place on: where the next begins, at how much it looked, and how much it found that is new.
    A place that is none is the beginning."""
    if records := _RECORDS.fullmatch(place):
        return await _records_back(store, topics, now, records[1], records[2])
    documents = _DOCUMENTS.fullmatch(place)
    last, looked, gone = await lost.of_documents(store, documents[1] if documents else "")
    new = await lost.remember(store, topics, gone)
    if new or last is None:
        await answered.count_anew(store)
    return RECORDS if last is None else f"documents/{last}", looked, new


async def _records_back(
    store: Store, topics: Topics, now: datetime, agency: str, end: str
) -> tuple[str | None, int, int]:
    """Of an agency's topic the records before this offset, some at a time; without one it goes on with the next agency
    of whose lost answers the documents do not tell."""
    if not (agency and end):
        every = await _said(store, topics, now)
        short = sorted(one for one, said in every.items() if one > agency and said.unnamed() > 0)
        return (f"records/{short[0]}/{max(1, every[short[0]].reach[1])}", 0, 0) if short else (None, 0, 0)
    [(begin, _)] = (await topics.bounds([(agency_topic(agency).name, 0)])).values()
    async for said in lost.answered_before(store, agency, begin, int(end)):
        gone = await lost.unanswered(store, topics, agency, begin, said)
        return f"records/{agency}/{said[0]}", len(said), await lost.remember(store, topics, gone)
    return f"records/{agency}/", 0, 0


async def _looked(store: Store, topics: Topics, now: datetime) -> dict[str, AgencyBalance]:
    """One look."""
    every = await _said(store, topics, now)
    return {agency: await said.struck(store, topics) for agency, said in every.items()}


@dataclass(slots=True)
class _Said:
    """All that is said of an agency: where its topic begins and ends, what is committed of it, the verdicts there, the
    answers that facts tell of, those over HTTP of which none does, and those that are known to be lost."""

    agency: str
    reach: tuple[int, int]
    committed: int
    verdicts: _Topic = field(default_factory=_Topic)
    answers: Mapping[tuple[str, str], int] = field(default_factory=dict)
    http: Mapping[str, int] = field(default_factory=dict)
    lost: Sequence[Lost] = ()

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
        not_noted = self._not_noted()  # their answer is known: they are in flight no more
        gone = Counter(one.door for one in self.lost)
        not_told = max(0, gone[Door.KAFKA] - max(0, -not_noted))  # where no offset says so, a document does
        left = end - self.verdicts.first - self.verdicts.noted - self._missing()
        parts = {
            "registered": self._answered(REGISTERED),
            "duplicates": sums[DUPLICATE] + self.http.get(DUPLICATE, 0),
            "rejected": self._answered(REJECTED) + self.http.get(REJECTED, 0),
            "conflicts": self._answered(CONFLICT) + self.http.get(CONFLICT, 0),
            "parked": sums[PARKED] - len(unparked),
            "in_flight": max(0, left - max(0, not_noted)),
        }
        received = over_kafka + not_told + over_http + gone[Door.HTTP]
        difference = received - sum(parts.values())
        events = [*missed, *unparked, *(one.told for one in self.lost)]
        if (unnamed := self.unnamed()) > 0:
            said = self.verdicts.having(ANSWERED)
            found = await lost.of_newest(store, topics, self.agency, self.reach[0], said, unnamed, self.lost)
            events += [one.told for one in found]
        return AgencyBalance(
            agency=self.agency,
            received=received,
            **parts,
            difference=difference,
            events=events[:NAMED] if difference else [],
        )

    def _not_noted(self) -> int:
        """How many answers are there of records that have no verdict yet; less than none: so many are lost."""
        told = sum(n for (door, _), n in self.answers.items() if door == Door.KAFKA)
        return told - sum(self.verdicts.sums[one] for one in ANSWERED)

    def unnamed(self) -> int:
        """How many lost answers the offsets tell of, beside those that are known."""
        return -self._not_noted() - sum(one.door == Door.KAFKA for one in self.lost)

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
        gone = [unaccounted(self.topic, one, None, "expired-unread") for one in offsets if one < begin]
        missed = [one for one in there if one in values and one < self.committed]
        return [*gone, *(unaccounted(self.topic, one, values[one], "no-verdict") for one in missed)]

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

    async def _not_parked(self, store: Store, topics: Topics) -> list[Unaccounted]:
        """The events of which the verdict says that they are parked, and that are not. They stand apart from each
        other: as many have the ids that the topic has as can be read in a moment."""
        said = self.verdicts.having([PARKED])
        if not said or len(said) <= await parked_of(store, self.topic):
            return []
        until = time.monotonic() + READS_OUT
        ids = [f"{self.topic}/0/{one}" for one in said]
        rows = await store.rows(PARKED, {"_id": {"$in": ids}}, sort=BY_ID, limit=len(ids), fields=["_id"])
        there = {row["_id"] for row in rows}
        gone, values = [one for one in said if f"{self.topic}/0/{one}" not in there], dict[int, bytes]()
        for one in gone:
            if self.reach[0] <= one < self.reach[1] and time.monotonic() < until:
                values |= await topics.records((self.topic, 0), one, one + 1)
        return [unaccounted(self.topic, one, values.get(one), "not-parked") for one in gone]


async def _said(store: Store, topics: Topics, now: datetime) -> dict[str, _Said]:
    """What is asked first can only be behind what is asked after it: commits follow verdicts, verdicts follow
    answers."""
    committed = {topic: n for (topic, _), n in (await topics.committed(GROUP)).items()}
    verdicts = await _verdicts(store)
    answers = await answered.counted(store, now)
    ends = await topics.bounds((one, 0) for one in sorted(await topics.names()) if agency_of(one) is not None)
    reach = {agency_of(topic): bounds for (topic, _), bounds in ends.items()}
    http, gone = await answered.over_http(store), await lost.known(store)
    found = {}
    for agency in {*filter(None, reach), *http, *gone, *(one for one, _, _ in answers)}:
        said = _Said(agency, reach.get(agency, (0, 0)), committed.get(agency_topic(agency).name, 0))
        said.verdicts = verdicts.get(agency_topic(agency).name, _Topic())
        said.answers = {(door, verdict): n for (one, door, verdict), n in answers.items() if one == agency}
        said.http = http.get(agency, {})
        said.lost = gone.get(agency, ())
        found[agency] = said
    return found


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
