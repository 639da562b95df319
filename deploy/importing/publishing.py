"""Events of a file to Kafka as their agencies send them, and what became of each of them.

Each number is counted in another place: registered, rejected and parked by new receipts; duplicates, and what stands
rejected, by receipts that were there before; in flight by what intake has not committed. So the balance says something.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka import TopicPartition as Offset

from contracts.agency import ReceiptOutcome
from contracts.event import wire
from contracts.reference import Problem
from contracts.topics import INTAKE, agency_of, agency_topic, group, receipts_topic
from deploy.complaint import Complaint
from deploy.login import TIMEOUT, Login
from deploy.progress import Say, silent, task
from services.intake.domain.state import REUSED

AT_ONCE: Final = 500
"""So many events are sent before their acknowledgements are waited for."""
PATIENCE: Final = 120.0
"""Seconds without any progress of intake, after which what is not decided on is told as in flight."""
TAKEN: Final = frozenset(
    {
        ReceiptOutcome.REGISTERED,
        ReceiptOutcome.RESUBMITTED,
        ReceiptOutcome.WITHDRAWN,
        ReceiptOutcome.ANSWERS_TAKEN,
        ReceiptOutcome.REPORTED,
    }
)
"""What is first said of an event that was taken."""
LEFT: Final = frozenset({ReceiptOutcome.REFUSED, ReceiptOutcome.PARKED})
"""What may still become something else."""
Key = tuple[str, str]
"""An agency and the id of an event."""


@dataclass(slots=True)
class Told:
    """The receipts of some agencies: what was said of each event before the import began, and since."""

    before: dict[Key, Mapping[str, Any]] = field(default_factory=dict)
    since: dict[Key, Mapping[str, Any]] = field(default_factory=dict)

    def note(self, said: Mapping[str, Any], *, new: bool) -> None:
        """One receipt. That an event is parked or refused gives way to what becomes of it then: one that is refused is
        judged anew when it comes again. That its id was used for another one as well says nothing of it."""
        outcome, key = said["outcome"], (said["agency"], said["event_id"])
        if outcome not in TAKEN | LEFT:
            return
        told = self.since if new else self.before
        known = told.get(key)
        if known is None or (known["outcome"] in LEFT and not _reused(said)):
            told[key] = said

    def problems(self, key: Key) -> Sequence[Problem]:
        """What was said to be wrong with an event, now or when it came before."""
        said = self.since.get(key) or self.before.get(key) or {}
        return [Problem.model_validate(one) for one in said.get("problems", ())]


def _reused(said: Mapping[str, Any]) -> bool:
    return any(one["rule"] == REUSED for one in said.get("problems", ()))


@dataclass(slots=True)
class Sent:
    """What was sent: where each event stands in its agency's topic."""

    offsets: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many events were sent."""
        return sum(map(len, self.offsets.values()))

    def in_flight(self, committed: Mapping[str, int]) -> int:
        """How many of them intake has not committed."""
        return sum(at >= committed.get(agency, 0) for agency, some in self.offsets.items() for at, _ in some)

    def decided(self, committed: Mapping[str, int]) -> Counter[Key]:
        """The others: how often each of their events was sent."""
        return Counter(
            (agency, id_) for agency, some in self.offsets.items() for at, id_ in some if at < committed.get(agency, 0)
        )


async def publish(
    login: Login, events: Iterable[tuple[str, Mapping[str, Any]]], done: Callable[[int], None] = lambda _count: None
) -> Sent:
    """Sends events to their agencies' topics, in order, and waits until Kafka has acknowledged all of them."""
    found = Sent()
    producer = AIOKafkaProducer(**login.aiokafka(), acks="all", enable_idempotence=True)
    await producer.start()
    try:
        coming = iter(events)
        while some := list(islice(coming, AT_ONCE)):
            sent = [await producer.send(agency_topic(code).name, wire(event)) for code, event in some]
            for (code, event), record in zip(some, await asyncio.gather(*sent), strict=True):
                found.offsets.setdefault(code, []).append((record.offset, event["id"]))
            done(len(some))
    finally:
        await producer.stop()
    return found


async def receipts_end(login: Login, agencies: Iterable[str]) -> dict[str, int]:
    """Where the receipts of these agencies end now."""
    consumer = AIOKafkaConsumer(**login.aiokafka(), enable_auto_commit=False)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(receipts_topic(code).name, 0) for code in agencies])
    finally:
        await consumer.stop()
    return {place.topic: end for place, end in ends.items()}


async def receipts(login: Login, began: Mapping[str, int]) -> Told:
    """All receipts of these topics, to where they end now. `began`: from which offset on they are new."""
    found, places = Told(), [TopicPartition(topic, 0) for topic in began]
    consumer = AIOKafkaConsumer(**login.aiokafka(), enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        moved = time.monotonic()
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for place, records in (await consumer.getmany(timeout_ms=200)).items():
                moved = time.monotonic()
                for record in records:
                    found.note(json.loads(record.value)["data"], new=record.offset >= began[place.topic])
            if time.monotonic() - moved > PATIENCE:
                raise Complaint("The receipts could not be read to their end; run the import again.")
    finally:
        await consumer.stop()
    return found


def committed(login: Login, agencies: Iterable[str]) -> dict[str, int]:
    """Up to which offset intake has done with each agency's topic."""
    places = [Offset(agency_topic(code).name, 0) for code in agencies]
    admin = login.admin()  # it must live until it has answered
    asked = ConsumerGroupTopicPartitions(group(INTAKE, "agency"), places)
    [answer] = admin.list_consumer_group_offsets([asked], request_timeout=TIMEOUT).values()
    return {agency_of(one.topic) or "": max(one.offset, 0) for one in answer.result(TIMEOUT).topic_partitions}


def await_committed(login: Login, sent: Sent, say: Say = silent) -> Mapping[str, int]:
    """Waits until intake has done with all that was sent, or does not get on; how far it is in each agency's topic."""
    if not sent.count:
        return {}
    left, moved = sent.count, time.monotonic()
    with task(say, "intake decides, events", sent.count) as deciding:
        while True:
            places = committed(login, sent.offsets)
            now = sent.in_flight(places)
            if now < left:
                deciding.advance(left - now)
                left, moved = now, time.monotonic()
            if not now or time.monotonic() - moved > PATIENCE:
                return places
            time.sleep(0.2)


def counted(
    sent: Sent, told: Told, places: Mapping[str, int], known: Callable[[Key], Mapping[str, Any] | None]
) -> dict[str, int]:
    """The numbers. Of an event that was sent several times, one is what its new receipt says, and the others are
    duplicates. Without a new receipt it is what was known before: refused for the same as when it came first, or a
    duplicate. `known`: what intake says of an event that no receipt in the topic speaks of (any more); it is noted."""
    registered = rejected = parked = duplicates = 0
    for key, times in sent.decided(places).items():
        said = told.since.get(key)
        if said is not None:
            registered += said["outcome"] in TAKEN
            rejected += said["outcome"] == ReceiptOutcome.REFUSED
            parked += said["outcome"] == ReceiptOutcome.PARKED
            duplicates += times - 1
        elif (before := told.before.get(key) or known(key)) is not None:
            told.before[key] = before
            stands = before["outcome"] == ReceiptOutcome.REFUSED
            rejected += stands
            duplicates += times - stands
    parts = {
        "registered": registered,
        "duplicates": duplicates,
        "rejected": rejected,
        "parked": parked,
        "in_flight": sent.in_flight(places),
    }
    return {**parts, "balance": sent.count - sum(parts.values())}
