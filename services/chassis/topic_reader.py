"""Reads a topic without a group: whoever reads knows by itself how far it is, and Kafka keeps nothing of it.

So nothing is committed, any number of readers may read the same, and each begins where it wants to. Offsets are those
of the records that come next, by partition.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faststream.kafka.security import parse_security

from services.chassis import messaging
from services.chassis.broker import security
from services.chassis.settings import Settings

REQUEST_MS: Final = 5_000
"""How long a request to Kafka may take, where somebody waits for the answer."""

Offsets = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the partitions of a topic begin, and where they end."""

    begins: Offsets
    ends: Offsets


async def stopped(consumer: Any) -> None:
    """Stops a client of Kafka in a task of its own: aiokafka takes it for that of its own tasks where it is cancelled
    while it stops, so that whoever was to end there would go on, and wait for ever."""
    stopping = asyncio.ensure_future(consumer.stop())
    try:
        await asyncio.wait([stopping])
    except asyncio.CancelledError:
        await asyncio.wait([stopping], timeout=REQUEST_MS / 1000)
        raise
    finally:
        stopping.cancel()
    stopping.result()


class TopicReader:
    """A consumer of one topic without a group.

    `begins`: at the earliest or the latest record of all its partitions, unless it is placed elsewhere; None: it reads
    those partitions alone that it is placed at, and raises where that place is gone. `partition_bytes` are fetched at
    once of a partition, `wait_ms` is how long Kafka may wait for `least_bytes` of them all.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        *,
        begins: Literal["earliest", "latest"] | None,
        partition_bytes: int,
        wait_ms: int,
        least_bytes: int = 1,
        request_ms: int = 40_000,
    ) -> None:
        self._topic = topic
        self._wait_ms = wait_ms
        self._consumer: Any = AIOKafkaConsumer(
            *([] if begins is None else [topic]),
            bootstrap_servers=settings.kafka_url,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset=begins or "none",
            request_timeout_ms=request_ms,
            fetch_max_wait_ms=wait_ms,
            fetch_min_bytes=least_bytes,
            max_partition_fetch_bytes=partition_bytes,
            **parse_security(security(settings)),
        )
        self._placed_alone = begins is None

    async def start(self) -> None:
        """Connects. Raises KafkaError or OSError, and leaves nothing open then."""
        # aiokafka forgets its first connection where it is cancelled while it asks for the brokers: it may finish.
        starting = asyncio.ensure_future(self._consumer.start())
        try:
            await asyncio.shield(starting)
        except BaseException:
            await asyncio.wait([starting], timeout=REQUEST_MS / 1000)
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            with suppress(KafkaError, OSError):
                await self._consumer.stop()
            raise

    async def stop(self) -> None:
        """Ends it; who still reads gets an error. Who is cancelled meanwhile is cancelled when it has ended."""
        await stopped(self._consumer)

    async def bounds(self) -> Bounds:
        """Where its partitions begin and end now; without partitions, of a topic that does not exist yet."""
        partitions = sorted(self._consumer.assignment())
        begins = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        return Bounds(*({at.partition: offsets[at] for at in partitions} for offsets in (begins, ends)))

    async def since(self, moment: datetime) -> Offsets:
        """Of all its partitions the first record that was sent at this moment or later; where there is none, the
        end."""
        partitions = sorted(self._consumer.assignment())
        ends = await self._consumer.end_offsets(partitions)  # first: what comes meanwhile is behind these ends
        found = await self._consumer.offsets_for_times({at: int(moment.timestamp() * 1000) for at in partitions})
        return {at.partition: found[at].offset if found.get(at) else ends[at] for at in partitions}

    def place(self, offsets: Offsets) -> None:
        """Reads on from these offsets."""
        at = {TopicPartition(self._topic, partition): offset for partition, offset in offsets.items()}
        if self._placed_alone:
            self._consumer.assign(list(at))
        for partition, offset in at.items():
            self._consumer.seek(partition, offset)

    def rest(self) -> None:
        """Fetches nothing until it is placed anew, or for good where it only asks for bounds."""
        self._consumer.pause(*self._consumer.assignment())

    async def poll(self, most: int) -> dict[int, Sequence[Any]]:
        """The records that came, by partition, each in order; at most so many, none after a short wait."""
        came = await self._consumer.getmany(timeout_ms=self._wait_ms, max_records=most)
        messaging.consumed(self._topic, "", sum(map(len, came.values())))
        return {at.partition: records for at, records in came.items()}

    def taken(self) -> dict[int, int]:
        """The same of all partitions of which it is known at once."""
        assignment = self._consumer._subscription.subscription.assignment
        return {at.partition: told.offset for at, told in assignment.all_consumed_offsets().items()}

    async def reached(self, partition: int) -> int:
        """The offset that comes next of a partition, behind whatever stood before it and was no record."""
        return int(await self._consumer.position(TopicPartition(self._topic, partition)))

    def caught_up(self, offsets: Offsets, within: float) -> bool:
        """Whether Kafka has said of every partition, at most so many seconds ago, that there is no more."""
        recent = (time.time() - within) * 1000
        return all(
            (self._consumer.last_poll_timestamp(at) or 0) >= recent
            and offsets[at.partition] >= self._consumer.highwater(at)
            for at in self._consumer.assignment()
        )
