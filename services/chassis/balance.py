"""The balance: what came in and what became of it, counted from what is stored and from Kafka, not by processes.

Each service tells of what it reads and writes; the one that has the agencies' doors tells of them as well. Decision 53.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from prometheus_client import Gauge

from contracts.topics import fact_topic
from services.chassis.answers import Balance, Became, Flow, LookedThrough, OwnFacts, in_all
from services.chassis.cluster import Topics
from services.chassis.flows import FACTS, Flows, Reach, reaches
from services.chassis.lost_facts import NOT_SENT, NOT_TAKEN, Lost
from services.chassis.service import Service
from services.chassis.store import BY_ID, PARKED, Store, below

EVENTS: Final = Gauge(
    "lotsman_balance_events",
    "What became of an agency's events, by part; `difference` is zero; from the second look on",
    ["agency", "part"],
)
FLOW: Final = Gauge(
    "lotsman_flow_records",
    "Facts between services, by part: written = consumed + parked + lag + difference, which is zero; written is what "
    "stands in the topic, what waits in the writer's outboxes is in lotsman_own_facts; from the second look on",
    ["writer", "part"],
)
OWN: Final = Gauge(
    "lotsman_own_facts",
    "Facts of the service itself, by part: written = sent + unsent; `difference` is zero; from the second look on",
    ["writer", "part"],
)
PARTS: Final = tuple(Became.model_fields)
FLOW_PARTS: Final = tuple(name for name in Flow.model_fields if name not in ("writer", "reader", "events"))
OWN_PARTS: Final = tuple(name for name in OwnFacts.model_fields if name not in ("writer", "events"))
MOST: Final = 10**7
AT_ONCE: Final = 2.0
"""For so many seconds a look through everything goes on in one request; whoever asks waits for some six."""
ASKED: Final = 0.8
"""For so many seconds facts are looked at for who asks: some ten thousand of them."""
BESIDE: Final = 0.2
"""The same where nobody waits (assumption: of the fifteen between two scrapes)."""


class Balancing:
    """Strikes the balance of a service. `now` is the clock (UTC)."""

    def __init__(self, service: Service, store: Store, topics: Topics, now: Callable[[], datetime]) -> None:
        self._service = service
        self._store = store
        self._topics = topics
        self._now = now
        self._flows = Flows(service, store, topics)

    async def struck(self, seconds: float = ASKED) -> Balance:
        """The balance now; so long it looks for lost facts. Raises StoreAway, KafkaError and OSError."""
        striking = self._service.balance
        agencies = [] if striking is None else await striking(self._store, self._topics, self._now())
        lost = await self._flows.looked(await reaches(self._service, self._topics), seconds)
        # Anew: what is counted is what stands now, and what is lost is known of it.
        stand = await reaches(self._service, self._topics)
        flows = [await self._flow(stand[source], lost) for source in self._service.sources]
        unsent = await self._store.unsent_facts()
        facts = _own(stand[self._service.name], unsent, [one for one in lost if one.why != NOT_TAKEN])
        return Balance(agencies=[*agencies], in_all=in_all(agencies), services=flows, facts=facts, unsent=unsent)

    async def through(self, after: str | None) -> LookedThrough:
        """Goes on with a look through everything, from where the part before ended. Raises StoreAway, KafkaError and
        OSError."""
        if self._service.through is None or (after or "").startswith(FACTS):
            stand = await reaches(self._service, self._topics)
            return await self._flows.through(stand, after or FACTS, AT_ONCE)
        part = await self._service.through(self._store, self._topics, self._now(), after, AT_ONCE)
        return part.model_copy(update={"next": part.next or FACTS})

    async def tell(self) -> None:
        """Tells /metrics of it."""
        told = await self.struck(BESIDE)
        EVENTS.clear()
        for one in told.agencies:
            for part in PARTS:
                EVENTS.labels(one.agency, part).set(getattr(one, part))
        for flow in told.services:
            for part in FLOW_PARTS:
                FLOW.labels(flow.writer, part).set(getattr(flow, part))
        for part in OWN_PARTS:
            OWN.labels(told.facts.writer, part).set(getattr(told.facts, part))

    async def _flow(self, reach: Reach, lost: Sequence[Lost]) -> Flow:
        mine = [one.told for one in lost if one.writer == reach.writer and one.why == NOT_TAKEN]
        sent, taken = reach.sent, reach.taken
        parked = await parked_of(self._store, fact_topic(reach.writer)) - await self._parked_ahead(reach)
        return Flow(
            writer=reach.writer,
            reader=self._service.name,
            written=sent,
            sent=sent,
            consumed=taken - parked - len(mine),
            parked=parked,
            lag=sent - taken,
            difference=len(mine),
            events=mine,
        )

    async def _parked_ahead(self, reach: Reach) -> int:
        """How many records are parked beyond what is committed: they are a lag still. That is so for a moment where
        they are parked, and for longer where a topic is read again from its beginning."""
        behind = {at: reach.until(at) for at, (_, end) in reach.bounds.items() if reach.until(at) < end}
        asked = [
            {"_id": below(f"{topic}/{partition}"), "offset": {"$gte": n}} for (topic, partition), n in behind.items()
        ]
        return sum([await self._store.count(PARKED, one, MOST, hint=BY_ID) for one in asked])


def _own(reach: Reach, unsent: int, lost: Sequence[Lost]) -> OwnFacts:
    written = reach.sent + unsent + sum(one.why == NOT_SENT for one in lost)
    events = [one.told for one in lost]
    return OwnFacts(
        writer=reach.writer, written=written, sent=reach.sent, unsent=unsent, difference=len(lost), events=events
    )


async def parked_of(store: Store, topic: str) -> int:
    """How many records of a topic are parked, by where they stand."""
    return await store.count(PARKED, {"_id": below(topic)}, MOST, hint=BY_ID)
