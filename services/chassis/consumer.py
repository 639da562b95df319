"""A Kafka consumer that one unreadable partition cannot stop.

The client raises while it hands out records: for a header name that is not UTF-8, a codec it lacks, a corrupt batch.
All partitions of a subscription share one consumer, so without care one agency could stop all others. Here the
partition that cannot be read is found and paused until the next assignment; its records stay where they are.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, UnsupportedCodecError

from services.chassis import telemetry

log = logging.getLogger(__name__)

UNREADABLE: Final = (UnsupportedCodecError, CorruptRecordException, UnicodeError, ValueError)
"""What the client raises for content that it cannot read, however often it tries."""

WAIT_MS: Final = 2_000
"""How long it is waited for records at least: whoever asks sleeps a while after an empty answer."""

REST_MS: Final = 20
"""How long it is waited for what Kafka holds beside the records that were there already: one answer of it."""

Fetched = dict[TopicPartition, list[Any]]


class CarefulConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """Reads like any consumer until something cannot be read; then partition by partition, to find which.

    What comes within `gather` seconds after the last records is handed out together, unless they were as many as were
    asked for: then more are there already.
    """

    def __init__(self, *topics: str, gather: float = 0.0, **options: Any) -> None:
        super().__init__(*topics, **options)
        self.last_read = time.monotonic()
        self._gather = gather
        self._not_before = 0.0
        self._goes_back = False
        self._searching = False
        self._doubtful: set[TopicPartition] = set()

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Fetched:
        """The next records, as soon as there are any, or none after a while. Raises KafkaError for what may pass; what
        cannot be read is paused instead."""
        if self._goes_back:
            await self._rewind()
        self._goes_back = True  # whatever is taken now and not handed out
        found = await self._found(super().getmany, partitions, timeout_ms, max_records)
        self._goes_back = found is None
        self.last_read = time.monotonic()
        if found:
            full = _count(found) == max_records
            self._not_before = 0.0 if full else self.last_read + self._gather
        return found or {}

    async def _found(
        self,
        fetch: Callable[..., Awaitable[Fetched]],
        partitions: Sequence[TopicPartition],
        timeout_ms: int,
        max_records: int | None,
    ) -> Fetched | None:
        """What there is; None where something cannot be read: what other partitions gave with it is gone then."""
        if self._searching:
            return await self._one_by_one(fetch, timeout_ms, max_records)
        gathering = self._not_before - time.monotonic()
        await asyncio.sleep(max(0.0, gathering))
        try:
            found = await fetch(*partitions, timeout_ms=max(timeout_ms, WAIT_MS), max_records=max_records)
            if gathering > 0 and 0 < _count(found) < (max_records or math.inf):
                await self._add_rest(fetch, found, max_records)
        except UNREADABLE as error:
            log.error("something cannot be read (%s): looking for it", type(error).__name__)
            self._searching = True
            return None
        return found

    async def _add_rest(self, fetch: Callable[..., Awaitable[Fetched]], found: Fetched, most: int | None) -> None:
        """Adds what Kafka has by now: the client asks for nothing while a record waits to be taken, so of what came in
        the meantime it held the first alone, and the rest would gather once more. Raises what is UNREADABLE."""
        try:
            rest = await fetch(timeout_ms=REST_MS, max_records=most and most - _count(found))
        except UNREADABLE:
            raise
        except KafkaError as error:  # what was found is no longer asked for, so it must be handed out
            log.warning("the rest comes later: %s", type(error).__name__)
            return
        for partition, records in rest.items():
            found[partition] = [*found.get(partition, ()), *records]

    async def _rewind(self) -> None:
        """All partitions back to what is committed: who reads here commits each batch before asking for the next."""
        for partition in self.assignment():
            committed = await self.committed(partition)
            if committed is None:
                await self.seek_to_beginning(partition)
            else:
                self.seek(partition, committed)

    async def _one_by_one(
        self, fetch: Callable[..., Awaitable[Fetched]], timeout_ms: int, max_records: int | None
    ) -> Fetched:
        found: Fetched = {}
        for partition in sorted(self.assignment() - self.paused()):
            most = 1 if partition in self._doubtful else max_records
            try:
                found |= await fetch(partition, timeout_ms=0, max_records=most)
            except UNREADABLE as error:
                self._doubt(partition, error)
        if not found:
            await asyncio.sleep(timeout_ms / 1000)
        return found

    def _doubt(self, partition: TopicPartition, error: Exception) -> None:
        """The first time, its records are asked for singly, so that those before the bad one still come."""
        if partition not in self._doubtful:
            self._doubtful.add(partition)
            return
        self.pause(partition)
        self._doubtful.discard(partition)
        self._searching = bool(self._doubtful)
        telemetry.UNREADABLE.labels(partition.topic).inc()
        log.critical(
            "partition %s of %s is paused: its next record cannot be read (%s); a hand is needed",
            partition.partition,
            partition.topic,
            type(error).__name__,
        )


def _count(fetched: Fetched) -> int:
    return sum(map(len, fetched.values()))
