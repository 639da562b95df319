"""A service's database made anew from what its broker in memory was given."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts.topics import fact_topic
from services.chassis.rebuild import Report, rebuild
from services.chassis.service import Service
from services.chassis.store import Store
from services.chassis.subject import Record
from tests.kit.engine.tiny import Broker


@asynccontextmanager
async def rebuilt(
    service: Service, store: Store, broker: Broker, *, behind: bool = False
) -> AsyncIterator[tuple[Store, Report]]:
    """The new database beside the old one, and what the rebuild tells."""
    topic, new = fact_topic(service.name), store.sibling(f"{store._db.name}_new")

    async def own(_topic: str, partition: int) -> AsyncIterator[Record]:
        for n, message in enumerate(broker.log if partition == 0 else ()):
            if message.topic == topic:
                yield Record(topic, 0, n, message.key.encode(), message.value)

    async def foreign(_topic: str, _partition: int) -> AsyncIterator[Record]:
        none: tuple[Record, ...] = ()
        for record in none:
            yield record

    try:
        yield new, await rebuild(service, service.own, store, new, own, foreign, behind=behind)
    finally:
        await store._client.drop_database(new._db.name)
