"""A Kafka consumer that gives every partition with records a fair share of each batch.

The client hands out what it fetched of one partition before it looks at the next, so one agency's backlog would stand
before all others' records. Here a batch takes a few records of each in turn until it is full, by their number or by
their size, and the next batch begins with another partition. What cannot be read comes as `unpacking.Unread`.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from services.chassis import messaging
from services.chassis.allowance import TOGETHER, Allowance, Rate, unbounded
from services.chassis.unpacking import Unread, take_over

log = logging.getLogger(__name__)

WAIT_MS: Final = 2_000
"""How long it is waited for records at least: whoever asks sleeps a while after an empty answer."""

TURN: Final = 16
"""So many records of a partition are taken before another has its turn."""

HELD: Final = 0.1
"""Seconds after which it is looked again whether more may be taken of a topic that is above its rate."""

BRIEF_MS: Final = 20
"""Milliseconds that Kafka waits for records of quiet partitions beside a backlog. The client has one question to a
broker at a time, and the rest of the backlog is not asked for while that one waits."""

PACED_MS: Final = 50
"""The same beside topics that are above their rates, so that nothing is paused: a record that comes while others' are
asked for is asked for behind that question."""
PREFETCH: Final = 0.1
"""Seconds for which the client asks a broker for nothing after it gave records of a partition that nobody takes; where
it is no wonder that nobody does, it waits as briefly as Kafka."""

KNOWN_WITHIN: Final = 1.0
ELSEWHERE_WITHIN: Final = 0.5
Ends = Callable[[Sequence[tuple[str, int]]], Awaitable[Mapping[tuple[str, int], int]]]
"""Where partitions end, by topic and number. Raises KafkaError, OSError, TimeoutError."""
ENDS_WITHIN: Final = 2.0
"""Seconds for being told where partitions end: the client itself would wait for one that has no leader for forty."""
COMMIT_WITHIN: Final = 15.0
PASSED_OVER: Final = "passed over by hand"

Fetched = dict[TopicPartition, list[Any]]

take_over()


class CarefulConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """Hands out a batch at a time, of at most so many records and about `most_bytes`.

    What comes within `gather` seconds after the last records is handed out together, and Kafka is asked for it once,
    unless more are there already: they were as many as were asked for, or Kafka said so when it gave them. Of a topic
    no more is taken than its `rate` allows; the rest waits where it is. `give_up` is called, again and again, when a
    part of the client has ended that only a new client brings back.
    """

    def __init__(
        self,
        *topics: str,
        give_up: Callable[[], None],
        gather: float = 0.0,
        most_bytes: float = math.inf,
        rate: Rate = unbounded,
        **options: Any,
    ) -> None:
        super().__init__(*topics, **options)
        self._give_up = give_up
        self._allowance = Allowance(rate, together=TOGETHER)
        self.last_read = time.monotonic()
        self.troubles: dict[TopicPartition, str] = {}
        """Why nothing comes of a partition, where the client says so."""
        self._gather = gather
        self._most_bytes = most_bytes
        self._not_before = 0.0
        self._goes_back = False
        self._begins_with = 0
        self._passed: dict[TopicPartition, int] = {}
        self._troubled_in: object = None
        self._holds_back = False

    def pass_over(self, partition: TopicPartition, offset: int) -> None:
        """What stands at this offset comes as Unread, if it is what comes next of its partition."""
        self._passed[partition] = offset

    @property
    def assigned(self) -> object:
        """What it was given to read when that last changed; another object after each change."""
        subscription = self._subscription.subscription
        return subscription.assignment if subscription is not None else None

    def taken(self) -> dict[TopicPartition, int]:
        """What a commit says now of each partition: up to where it is taken, when all that was handed out is. That may
        lie behind the last record, where what follows it is none."""
        assignment: Any = self.assigned
        if assignment is None:
            return {}
        return {partition: told.offset for partition, told in assignment.all_consumed_offsets().items()}

    async def ends(self, elsewhere: Ends | None = None) -> dict[TopicPartition, int | Exception]:
        """Where its partitions end, or why Kafka does not say so of one.

        They are asked for together; where that fails, each by itself: one that Kafka cannot give makes blind for no
        other. `elsewhere` is asked first, over another connection: over that of a reader the question waits until what
        is fetched has come, which takes a second where nothing comes.
        """
        partitions = sorted(self.assignment())
        if not partitions:
            return {}
        if elsewhere is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(ELSEWHERE_WITHIN):
                    told = await elsewhere([(one.topic, one.partition) for one in partitions])
                return {one: told[one.topic, one.partition] for one in partitions}
        try:
            async with asyncio.timeout(ENDS_WITHIN):
                return dict(await self.end_offsets(partitions))
        except (KafkaError, TimeoutError):
            ends = await asyncio.gather(*(self._end(one) for one in partitions))
        return dict(zip(partitions, ends, strict=True))

    async def _end(self, partition: TopicPartition) -> int | Exception:
        try:
            async with asyncio.timeout(ENDS_WITHIN):
                return int((await self.end_offsets([partition]))[partition])
        except (KafkaError, TimeoutError) as error:
            return error

    async def reached(self, partition: TopicPartition) -> int:
        """The offset of the record that comes next, at once; that of the last commit where nothing is known yet."""
        try:
            async with asyncio.timeout(KNOWN_WITHIN):
                return int(await self.position(partition))
        except TimeoutError:
            return int(await self.committed(partition) or 0)

    async def start(self) -> None:
        """Starts; whether a backlog waits is not known yet. Raises KafkaError."""
        await super().start()
        self._asks(BRIEF_MS)

    def _asks(self, most_ms: int | None) -> None:
        """How long Kafka may wait for the next record from now on; None: as long as it is set."""
        if self._fetcher is not None:
            self._fetcher._fetch_max_wait_ms = min(most_ms or self._fetch_max_wait_ms, self._fetch_max_wait_ms)
            self._fetcher._prefetch_backoff = BRIEF_MS / 1000 if most_ms == PACED_MS else PREFETCH

    def crowds(self, topic: str) -> bool:
        """Whether a topic gives more than its rate, so that records of others have precedence."""
        return self._allowance.crowds(topic)

    async def getmany(
        self, *_partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Fetched:
        """The next records of all partitions, as soon as there are any, or none after a while. Raises KafkaError for
        what may pass; what of it is about one partition holds up no other."""
        if (ended := self._ended()) is not None:
            log.critical("the client's part that %s: starting anew", ended)
            self._give_up()
        if self._goes_back:
            await self._rewind()
        if self._troubled_in is not self.assigned:  # what was said of a partition before it went and came again is old
            self._troubled_in = self.assigned
            self.troubles.clear()
        self._goes_back = True  # whatever is taken now and not handed out
        await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
        self.resume(*self.paused())
        batch, self._holds_back = _Batch(max_records or math.inf, self._most_bytes), False
        await self._pass(batch)
        await self._share(batch)
        if not batch.found:
            await self._first(batch, max(timeout_ms, WAIT_MS))
        self._goes_back = False
        self.last_read = time.monotonic()
        more = batch.full or self._more(batch.found)
        self._asks(BRIEF_MS if more else PACED_MS if self._holds_back else None)
        if batch.found:
            # What is above its rate has gathered while it waited for that.
            gathered = all(self._allowance.crowds(one.topic) for one in batch.found)
            self._not_before = 0.0 if more or gathered else self.last_read + self._gather
            # Else Kafka is asked meanwhile: it gives the first that comes, and later the rest. Where a topic's records
            # wait for their time there is a batch at each look, and those of others would never be asked for.
            if self._not_before and not self._holds_back:
                self.pause(*self.assignment())
        return batch.found

    def _more(self, found: Fetched) -> bool:
        """Whether Kafka, as it gave these, had more of one of their partitions than it gives at once: a backlog waits
        for nothing to gather. What is above its rate is not counted."""
        return any(
            one in self.assignment()
            and (self.highwater(one) or 0) > records[-1].offset + 1
            and self._allowance.left(one.topic) >= 1
            for one, records in found.items()
        )

    async def stop(self) -> None:
        """Stops, and lets its connections go also where one of its tasks has ended."""
        try:
            await super().stop()
        except KafkaError:
            if self._ended() is None:
                raise
            await self._client.close()

    def _ended(self) -> str | None:
        """What has ended for good: the client starts neither of its two endless tasks again (it took one answer of a
        broker that was coming back for impossible), and without the second it gives no records and no error either."""
        tasks = {"keeps its group": self._coordinator._coordination_task, "fetches": self._fetcher._fetch_task}
        for part, task in tasks.items():
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                return f"{part} has ended ({type(error).__name__})"
        return None

    async def _pass(self, batch: "_Batch") -> None:
        passed, self._passed = self._passed, {}
        for partition, offset in passed.items():
            if partition in self.assignment() and await self.reached(partition) == offset:
                self.seek(partition, offset + 1)
                place = (*partition, offset, 0, 0, None, None, None, -1, -1, ())
                batch.add(partition, [Unread(*place, fault=PASSED_OVER)])
                self.troubles.pop(partition, None)

    async def _share(self, batch: "_Batch") -> None:
        """Fills a batch with what is there already, a few records of each partition in turn; of one that crowds others
        one turn, so that who comes meanwhile waits for a small batch."""
        hungry = sorted(self.assignment() - self.paused())
        begin = self._begins_with % max(1, len(hungry))
        self._begins_with += 1
        hungry = hungry[begin:] + hungry[:begin]
        while hungry and not batch.full:
            more = [one for one in hungry if not batch.full and await self._turn(batch, one)]
            hungry = [one for one in more if not self._allowance.crowds(one.topic)]

    async def _turn(self, batch: "_Batch", partition: TopicPartition) -> bool:
        """Takes a few records of a partition; whether there may be more."""
        most, allowed = min(TURN, batch.room), self._allowance.left(partition.topic)
        self._holds_back |= allowed < most
        few = int(min(most, allowed))
        if few < 1:
            return False
        try:
            some = (await super().getmany(partition, timeout_ms=0, max_records=few)).get(partition, [])
        except Exception as error:  # whatever it is, it is about this partition alone
            self._trouble(partition, error)
            return False
        batch.add(partition, some)
        self._allowance.spend(partition.topic, len(some))
        if some:
            self.troubles.pop(partition, None)
        return len(some) == few

    async def _first(self, batch: "_Batch", timeout_ms: int) -> None:
        """Waits for a record of any partition, and adds it with what came beside it: the client asks for nothing while
        a record waits to be taken, so of what came in the meantime it may hold the first alone. What is above its rate
        is not waited for. Raises KafkaError."""
        every = self.assignment()
        free = [one for one in every if self._allowance.left(one.topic) >= 1]
        if every and not free:
            await asyncio.sleep(HELD)
            return
        asked, wait = (free, int(HELD * 1000)) if len(free) < len(every) else ((), timeout_ms)
        try:
            found = await super().getmany(*asked, timeout_ms=wait, max_records=1)
        except TopicAuthorizationFailedError as error:
            for partition in self.assignment():
                if partition.topic in error.args:
                    self._trouble(partition, error)
            return
        for partition, records in found.items():
            batch.add(partition, records)
            self._allowance.spend(partition.topic, len(records))
        if found:
            await self._share(batch)

    def _trouble(self, partition: TopicPartition, error: Exception) -> None:
        cause = type(error).__name__
        if self.troubles.get(partition) != cause:
            self.troubles[partition] = cause
            log.error("nothing comes of partition %s of %s: %s", partition.partition, partition.topic, cause)

    async def commit(self, offsets: Any = None) -> None:
        """Commits; raises TimeoutError where the broker gives no last word in time. The client asks without end where a
        topic is just being deleted, and whoever reads here must go on: the next commit says the same and more."""
        topic = next(iter(self.subscription()), "")  # of agencies' topics all are one destination
        with messaging.committing(topic, self._group_id or ""):
            async with asyncio.timeout(COMMIT_WITHIN):
                await super().commit(offsets)

    async def _rewind(self) -> None:
        """All partitions back to what is committed: who reads here commits each batch before asking for the next."""
        for partition in self.assignment():
            committed = await self.committed(partition)
            if committed is None:
                await self.seek_to_beginning(partition)
            else:
                self.seek(partition, committed)


class _Batch:
    """What is handed out together, and whether it may grow."""

    def __init__(self, most: float, most_bytes: float) -> None:
        self.found: Fetched = {}
        self.room = most
        self._bytes = most_bytes

    @property
    def full(self) -> bool:
        return self.room <= 0 or self._bytes <= 0

    def add(self, partition: TopicPartition, records: list[Any]) -> None:
        if records:
            self.found.setdefault(partition, []).extend(records)
            self.room -= len(records)
            self._bytes -= sum(max(0, one.serialized_key_size) + max(0, one.serialized_value_size) for one in records)
