"""Whether all facts between services are where they must be: a service's documents, held against the topics of facts.

The topics are what all services share, and each holds its own documents against them, alone. A record of its own topic
must be a fact that its document has written; a fact that has left its outbox must stand in its topic; and a record of
a topic that it reads, below what its group has committed, must be one that its document has taken, or be set aside.
What is new is looked at first, then a round goes on through everything, some time at each look (decision 53).
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from contracts.topics import FACT_PARTITIONS, fact_topic, group
from services.chassis import lost_facts
from services.chassis.answers import LookedThrough, WhyLost
from services.chassis.cluster import Place, Topics
from services.chassis.lost_facts import FIELDS, NOT_KEPT, NOT_SENT, NOT_TAKEN, Lost
from services.chassis.sending import partition_of
from services.chassis.series import Placed, Series, facts_in, left_outbox
from services.chassis.service import Service
from services.chassis.store import BALANCE, BY_ID, SUBJECTS, Row, Store

LOOKED_AT: Final = "facts"
"""Up to where each partition was looked at as it came, for all replicas: a database that is brought back from an older
copy has an older one, and looks at what came since."""
FACTS: Final = "facts/"
"""With this begins the place of a look through everything where it looks at facts."""
AT_ONCE: Final = 500
"""So many records are looked at together, and so many documents: either may be large."""
MOST_SUBJECTS: Final = 50_000
"""Of how many subjects the last fact is kept in memory while documents are held against it (some ten megabytes), or of
those of one partition where these are more."""
PAUSES: Final = (0.1, 0.3)
"""Seconds between looks at what seems to be lost: what moves may seem so for a moment."""
LEFT_FOR_ROUND: Final = 0.25
"""This part of a look is the round's, however much is new."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the partitions of a writer's topic begin and end, and what this service's group has committed of them."""

    writer: str
    bounds: Mapping[Place, tuple[int, int]]
    committed: Mapping[Place, int]

    @property
    def sent(self) -> int:
        """How many records stand in it."""
        return sum(end - begin for begin, end in self.bounds.values())

    @property
    def taken(self) -> int:
        """How many of these are committed."""
        return sum(self.until(place) - begin for place, (begin, _) in self.bounds.items())

    def until(self, place: Place) -> int:
        """Up to where a partition is committed."""
        begin, end = self.bounds[place]
        return min(self.committed.get(place, begin), end)


Reaches = Mapping[str, Reach]
"""By writer: of every topic that is read, and of the service's own."""


async def reaches(service: Service, topics: Topics) -> Reaches:
    """How it stands now. Raises KafkaError and OSError."""
    there, found = await topics.names(), dict[str, Reach]()
    for writer in sorted({*service.sources, service.name}):
        topic = fact_topic(writer)
        # Before the ends: what is committed then stands below them.
        committed = await topics.committed(group(service.name, writer)) if writer in service.sources else {}
        bounds = await topics.bounds((topic, n) for n in range(FACT_PARTITIONS if topic in there else 0))
        found[writer] = Reach(writer, bounds, committed)
    return found


class Flows:
    """Looks for lost facts of what a service writes and reads. How far its round is, it keeps in memory: a process that
    is started anew begins it anew."""

    def __init__(self, service: Service, store: Store, topics: Topics) -> None:
        self._name = service.name
        self._reads = sorted(service.reads)
        self._store = store
        self._topics = topics
        self._looking = asyncio.Lock()
        self._reaches: Reaches = {}
        self._round: AsyncGenerator[int, None] | None = None
        self._token = ""
        self._ended = deque[str](maxlen=100)
        self._suspects = list[Lost]()
        self._unsent: Mapping[tuple[str, int], Lost] = {}
        self._again = list[Lost]()

    async def looked(self, stand: Reaches, seconds: float) -> list[Lost]:
        """What is lost, after a look of about so many seconds: at what is new, and at a part of the rest; in a small
        system at all of it. Raises StoreAway, KafkaError and OSError."""
        async with self._looking:
            await self._begin(stand)
            until = time.monotonic() + seconds
            await self._newly(until - LEFT_FOR_ROUND * seconds)
            await self._go_on(until, further=True)
            await self._settle()
        return await lost_facts.known(self._store, self._topics, self._name)

    async def through(self, stand: Reaches, after: str, seconds: float) -> LookedThrough:
        """Goes on with a look through everything, from the `next` of the part before. Raises StoreAway, KafkaError and
        OSError."""
        token = after.removeprefix(FACTS)
        async with self._looking:
            if token in self._ended:  # by looks that came in between
                return LookedThrough(looked=0, found=0, next=None)
            await self._begin(stand)
            if not token or token != self._token:
                self._anew()
            token = self._token
            looked = await self._go_on(time.monotonic() + seconds, further=False)
            found = await self._settle()
        return LookedThrough(looked=looked, found=found, next=None if token in self._ended else f"{FACTS}{token}")

    async def _begin(self, stand: Reaches) -> None:
        known = await lost_facts.remembered(self._store)
        self._reaches, self._suspects, self._again = stand, [], []
        self._unsent = {(one.fact.subject, one.fact.sequence): one for one in known if one.why == NOT_SENT}

    async def _settle(self) -> int:
        """Remembers those that are lost however often it is looked at them, and says how many were not known."""
        suspects = self._suspects
        for pause in PAUSES:
            if not suspects:
                break
            await asyncio.sleep(pause)
            suspects = await lost_facts.still(self._store, self._topics, self._name, suspects)
        await lost_facts.forget(self._store, self._again)
        return await lost_facts.remember(self._store, suspects)

    # ---- what is new

    async def _newly(self, until: float) -> None:
        """Looks at what was sent and committed since the look before."""
        row = await self._store.get(BALANCE, LOOKED_AT) or {}
        known, moved = row.get("next", {}), dict[str, int]()
        for writer in (self._name, *self._reads):
            for place, (begin, _) in self._reaches[writer].bounds.items():
                name, limit = f"{writer} {place[1]}", self._limit(writer, place)
                at = known.get(name)
                if at is None or at > limit:  # what was before is looked at by the round
                    moved[name] = limit
                    continue
                reached = max(at, begin)
                while reached < limit and time.monotonic() < until:
                    following = min(limit, reached + AT_ONCE)
                    await self._looked_at(writer, place, reached, following)
                    reached = following
                if reached != at:
                    moved[name] = reached
        if moved:
            await self._store.set_fields(BALANCE, {LOOKED_AT: {f"next.{name}": n for name, n in moved.items()}})

    def _limit(self, writer: str, place: Place) -> int:
        """Up to where it can be said what must have become of a partition's records."""
        reach = self._reaches[writer]
        return reach.bounds[place][1] if writer == self._name else reach.until(place)

    # ---- the round

    async def _go_on(self, until: float, *, further: bool) -> int:
        """Goes on with the round for so long, `further` with the next one where this one ends; no further than to the
        end of one that began here. Returns how many records and documents it met."""
        looked, began = 0, False
        while True:
            if self._round is None:
                if began or (looked and not further):
                    return looked
                self._anew()
                began = True
            round_ = self._round
            assert round_ is not None
            try:
                looked += await anext(round_)
            except StopAsyncIteration:
                self._round = None
                self._ended.append(self._token)
                if not further:
                    return looked
            except BaseException:
                self._round = None  # what it held in memory is not whole
                raise
            if time.monotonic() > until:
                return looked

    def _anew(self) -> None:
        self._round, self._token = self._whole(), uuid4().hex

    async def _whole(self) -> AsyncGenerator[int, None]:
        """A look through everything, step by step: at how many records or documents each looked."""
        series, reached = Series(), dict[int, int]()
        for partition in range(FACT_PARTITIONS):
            async for following, facts in self._records(self._name, partition):
                self._add(series, facts)
                reached[partition] = following
                yield len(facts)
            reached.setdefault(partition, 0)
            if len(series) > MOST_SUBJECTS or partition == FACT_PARTITIONS - 1:
                async for looked in self._sent(series, reached):
                    yield looked
                series, reached = Series(), {}
        for writer in self._reads:
            for partition in range(FACT_PARTITIONS):
                async for _, facts in self._records(writer, partition):
                    yield len(facts)

    async def _records(self, writer: str, partition: int) -> AsyncGenerator[tuple[int, list[Placed]], None]:
        """The facts of a partition, some at a time, each with the offset behind it."""
        place, at = (fact_topic(writer), partition), 0
        while place in (bounds := self._reaches[writer].bounds):
            at = max(at, bounds[place][0])
            following = min(self._limit(writer, place), at + AT_ONCE)
            if following <= at:
                return
            yield following, await self._looked_at(writer, place, at, following)
            at = following

    async def _looked_at(self, writer: str, place: Place, first: int, until: int) -> list[Placed]:
        """The facts that stand there, each of which was held against its document."""
        values = await self._topics.records(place, first, until)
        facts = await facts_in(writer, place, values)
        rows = await lost_facts.documents(self._store, (one.subject for one in facts))
        why: WhyLost = NOT_KEPT if writer == self._name else NOT_TAKEN
        for one in facts:
            row = rows.get(one.subject)
            there = lost_facts.written(row) if writer == self._name else lost_facts.seen(row, writer)
            if there < one.sequence:
                self._suspects.append(Lost(writer, why, one))
        if writer == self._name and self._unsent:
            self._again += [it for one in facts if (it := self._unsent.get((one.subject, one.sequence)))]
        return facts

    # ---- facts that have left their outbox, and stand in no topic

    async def _sent(self, series: Series, reached: dict[int, int]) -> AsyncGenerator[int, None]:
        """Holds all documents of these partitions against what was met there."""
        after: str | None = ""
        while after is not None:
            query: Row = {"_id": {"$gt": after}}
            rows = await self._store.rows(SUBJECTS, query, sort=BY_ID, limit=AT_ONCE, fields=FIELDS, hint=BY_ID)
            gone = self._gone(series, reached, rows)
            for pause in PAUSES:
                if not gone:
                    break
                # Each was in the topic before it left its outbox: it may have come since that was read.
                async for looked in self._come_since(series, reached):
                    yield looked
                gone = self._gone(series, reached, rows)
                await asyncio.sleep(pause if gone else 0)
            self._suspects += gone
            yield len(rows)
            after = rows[-1]["_id"] if len(rows) == AT_ONCE else None

    def _gone(self, series: Series, reached: Mapping[int, int], rows: Iterable[Row]) -> list[Lost]:
        topic, found = fact_topic(self._name), list[Lost]()
        every = len(reached) == FACT_PARTITIONS
        for row in rows:
            subject = row["_id"]
            if (left := left_outbox(row)) == 0:
                continue
            if not every and partition_of(subject, FACT_PARTITIONS) not in reached:
                continue
            missing = series.without(subject, left, whole=True)
            if missing and not self._is_whole(partition := partition_of(subject, FACT_PARTITIONS)):
                missing = series.without(subject, left, whole=False)
            found += [
                Lost(self._name, NOT_SENT, Placed((topic, partition), None, subject, one))
                for one in missing
                if (subject, one) not in self._unsent
            ]
        return found

    async def _come_since(self, series: Series, reached: dict[int, int]) -> AsyncGenerator[int, None]:
        topic = fact_topic(self._name)
        bounds = await self._topics.bounds((topic, n) for n in reached) if self._reaches[self._name].bounds else {}
        for place, (begin, end) in bounds.items():
            while (at := max(begin, reached[place[1]])) < end:
                reached[place[1]] = following = min(end, at + AT_ONCE)
                facts = await facts_in(self._name, place, await self._topics.records(place, at, following))
                self._add(series, facts)
                yield len(facts)

    def _add(self, series: Series, facts: Sequence[Placed]) -> None:
        for one in facts:
            series.add(one, whole=self._is_whole(one.at[1]))

    def _is_whole(self, partition: int) -> bool:
        """Whether the own topic has that partition from its beginning."""
        begin, _ = self._reaches[self._name].bounds.get((fact_topic(self._name), partition), (0, 0))
        return begin == 0
