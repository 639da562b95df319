"""Where topics begin and end, and what groups have committed of them, asked of Kafka itself: what one process knows of
its own readers says nothing of the other replicas'."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError
from faststream.exceptions import IncorrectState
from faststream.kafka.security import parse_security

from services.chassis.broker import security
from services.chassis.settings import Settings
from services.chassis.topic_reader import stopped

REQUEST_MS: Final = 4_000
WITHIN: Final = 4.5
"""Seconds for one question, with the time that it waits for another: whoever asks waits for the answer, the command
line and the desk for little longer."""
WAIT_MS: Final = 200

Place = tuple[str, int]
"""A topic and a partition of it."""


class Topics(Protocol):
    """What is asked of a cluster."""

    async def names(self) -> frozenset[str]:
        """All topics that there are. Raises KafkaError and OSError, as all of these do."""
        ...

    async def committed(self, group: str) -> Mapping[Place, int]:
        """What a group has committed: the offset that it takes next, by partition."""
        ...

    async def bounds(self, places: Iterable[Place]) -> Mapping[Place, tuple[int, int]]:
        """Where these partitions, which must be there, begin and end."""
        ...

    async def records(self, place: Place, first: int, until: int) -> Mapping[int, bytes]:
        """The values of the records that stand there from one offset to before another: some offsets hold none."""
        ...


class Cluster:
    """The cluster of a service's process; it connects when it is first asked. `admin` is the client that is connected
    already."""

    def __init__(self, settings: Settings, admin: Callable[[], Any]) -> None:
        self._settings = settings
        self._admin = admin
        self._asking = asyncio.Lock()
        self._consumer: Any = None

    async def names(self) -> frozenset[str]:
        """All topics that there are."""
        async with asyncio.timeout(WITHIN), self._asking:
            return frozenset(await (await self._connected()).topics())

    async def committed(self, group: str) -> Mapping[Place, int]:
        """What a group has committed."""
        try:
            async with asyncio.timeout(WITHIN):
                told = await self._admin().list_consumer_group_offsets(group)
        except IncorrectState as error:  # it has not been reached yet
            raise KafkaConnectionError(str(error)) from error
        return {(at.topic, at.partition): said.offset for at, said in told.items() if said.offset >= 0}

    async def bounds(self, places: Iterable[Place]) -> Mapping[Place, tuple[int, int]]:
        """Where partitions begin and end."""
        every = [TopicPartition(*place) for place in places]
        if not every:
            return {}
        async with asyncio.timeout(WITHIN), self._asking:
            consumer = await self._connected()
            # All at once: by itself the client learns of one topic after the other.
            await consumer._client.set_topics({at.topic for at in every})
            begins, ends = await consumer.beginning_offsets(every), await consumer.end_offsets(every)
        return {(at.topic, at.partition): (begins[at], ends[at]) for at in every}

    async def ends(self, places: Iterable[Place]) -> Mapping[Place, int]:
        """Where partitions end."""
        every = [TopicPartition(*place) for place in places]
        async with asyncio.timeout(WITHIN), self._asking:
            consumer = await self._connected()
            await consumer._client.set_topics({at.topic for at in every})
            ends = await consumer.end_offsets(every)
        return {(at.topic, at.partition): ends[at] for at in every}

    async def records(self, place: Place, first: int, until: int) -> Mapping[int, bytes]:
        """The values of records."""
        at, found = TopicPartition(*place), dict[int, bytes]()
        async with asyncio.timeout(WITHIN), self._asking:
            consumer = await self._connected()
            consumer.assign([at])
            try:
                consumer.seek(at, first)
                while await consumer.position(at) < until:
                    came = await consumer.getmany(timeout_ms=WAIT_MS)
                    found |= {one.offset: one.value or b"" for one in came.get(at, ()) if one.offset < until}
            finally:
                consumer.unsubscribe()
        return found

    async def close(self) -> None:
        """Lets its connections go."""
        if self._consumer is not None:
            await stopped(self._consumer)

    async def _connected(self) -> Any:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._settings.kafka_url,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                request_timeout_ms=REQUEST_MS,
                **parse_security(security(self._settings)),
            )
            try:
                await consumer.start()
            except BaseException:  # also where nobody waits for it any more
                await stopped(consumer)
                raise
            self._consumer = consumer
        return self._consumer
