"""The balance: what came in and what became of it, counted from what is stored and from Kafka, not by processes.

Each service tells of what it reads; the one that has the agencies' doors tells of them as well. Decision 53.
"""

from collections.abc import Callable, Set
from datetime import datetime
from typing import Final

from prometheus_client import Gauge

from contracts.topics import FACT_PARTITIONS, fact_topic, group
from services.chassis.answers import AgencyBalance, Balance, Flow, LookedThrough
from services.chassis.cluster import Topics
from services.chassis.service import Service
from services.chassis.store import PARKED, Store, below

EVENTS: Final = Gauge(
    "lotsman_balance_events",
    "What became of an agency's events, by part; `difference` is zero; from the second look on",
    ["agency", "part"],
)
FLOW: Final = Gauge(
    "lotsman_flow_records",
    "Facts between services, by part: written = consumed + parked + lag; from the second look on",
    ["writer", "part"],
)
PARTS: Final = tuple(name for name in AgencyBalance.model_fields if name not in ("agency", "events"))
FLOW_PARTS: Final = tuple(name for name in Flow.model_fields if name not in ("writer", "reader"))
MOST: Final = 10**7
AT_ONCE: Final = 2.0
"""For so many seconds a look through everything goes on in one request; whoever asks waits for some six."""


class Balancing:
    """Strikes the balance of a service. `now` is the clock (UTC)."""

    def __init__(self, service: Service, store: Store, topics: Topics, now: Callable[[], datetime]) -> None:
        self._service = service
        self._store = store
        self._topics = topics
        self._now = now

    async def struck(self) -> Balance:
        """The balance now. Raises StoreAway, KafkaError and OSError."""
        striking = self._service.balance
        agencies = [] if striking is None else await striking(self._store, self._topics, self._now())
        there = await self._topics.names() if self._service.sources else frozenset[str]()
        flows = [await self._flow(source, there) for source in self._service.sources]
        return Balance(agencies=[*agencies], services=flows, unsent=await self._store.unsent_facts())

    async def through(self, after: str | None) -> LookedThrough:
        """Goes on with a look through everything, from where the part before ended. Raises StoreAway, KafkaError and
        OSError."""
        if self._service.through is None:
            return LookedThrough(looked=0, found=0, next=None)
        return await self._service.through(self._store, self._topics, self._now(), after, AT_ONCE)

    async def tell(self) -> None:
        """Tells /metrics of it."""
        told = await self.struck()
        EVENTS.clear()
        for one in told.agencies:
            for part in PARTS:
                EVENTS.labels(one.agency, part).set(getattr(one, part))
        for flow in told.services:
            for part in FLOW_PARTS:
                FLOW.labels(flow.writer, part).set(getattr(flow, part))

    async def _flow(self, source: str, there: Set[str]) -> Flow:
        topic = fact_topic(source)
        committed = await self._topics.committed(group(self._service.name, source))
        parked = await parked_of(self._store, topic)
        bounds = await self._topics.bounds((topic, n) for n in range(FACT_PARTITIONS if topic in there else 0))
        taken = sum(min(committed.get(place, begin), end) - begin for place, (begin, end) in bounds.items())
        written = sum(end - begin for begin, end in bounds.values())
        return Flow(
            writer=source,
            reader=self._service.name,
            written=written,
            consumed=taken - parked,
            parked=parked,
            lag=written - taken,
        )


async def parked_of(store: Store, topic: str) -> int:
    """How many records of a topic are parked, by where they stand."""
    return await store.count(PARKED, {"_id": below(topic)}, MOST, hint=(("_id", 1),))
