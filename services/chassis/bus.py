"""Kafka through FastStream: batches in, acknowledged sends out. Topics are never created here.

It is one thing, and so one file: what is read, sent and told of rests on one client and on whether its broker answers.
FastStream's telemetry middleware is not used: it would overwrite the trace context stored with each fact.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError
from faststream.kafka.annotations import KafkaMessage

from contracts.topics import AGENCY_PATTERN, agency_of, agency_topic, fact_topic, group
from services.chassis import arrival, messaging, telemetry
from services.chassis.allowance import Rate, unbounded
from services.chassis.broker import make_broker
from services.chassis.consumer import PASSED_OVER, CarefulConsumer, Ends
from services.chassis.marks import SENT, Marks
from services.chassis.message import Message
from services.chassis.outbox import SendFailed
from services.chassis.readiness import NotReady
from services.chassis.sending import OUT_OF_ORDER, REFUSALS, SENDING_FAILS, by_partition, in_order
from services.chassis.settings import Settings
from services.chassis.stalled import Place
from services.chassis.store import StoreAway
from services.chassis.subject import Record
from services.chassis.unpacking import Unread

log = logging.getLogger(__name__)

AGENCIES: Final = "agency"
"""The name of the source that all agencies' topics together are, in groups and metrics."""

FOUND_WITHIN: Final = 2.0
"""Seconds for learning of a topic's partitions, which are known but of one that is new, or missing. Well below the age
at which the sweep takes a fact for left behind: it waits with its neighbours, and would be sent once more."""
SILENT: Final = 30.0
"""Seconds without asking Kafka for records, or before it is asked the first time, after which a service is not called
ready."""
LOOKS_EVERY: Final = 5.0
"""Seconds between two looks of a process's own whether Kafka answers, so that who asks once learns what is so now."""
ANSWERED_LATELY: Final = 20.0
"""Seconds for which an answer of the broker shows that it is there."""

SOON: Final = 0.1
"""Seconds between two batches of a source at least, where somebody waits for what comes of its records."""
GATHER: Final = 0.4
"""The same where nobody waits. At a low rate a batch costs nearly as much as a record, so they are let gather."""
FETCH_WAIT_MS: Final = 1_000
"""So long Kafka waits for the next record before it says that there is none; it is asked again then."""
PARTITION_BYTES: Final = 1024 * 1024
"""Bytes of a partition that are fetched at once, and wait for their turn in memory; a larger fact comes alone."""

Take = Callable[[Sequence[Record]], Awaitable[None]]


class GroupsHeld(NotReady):
    """Members of these groups, which take nothing, keep them from being put back to what the database took."""

    def __init__(self, groups: Sequence[str]) -> None:
        super().__init__(f"GroupsHeld: members of {', '.join(groups)} have not taken what these have committed")


class Bus:
    """One service's connection to Kafka. `take` takes a batch, and `alone` one of a source whose last could not go,
    which shall not hold up those of others. `give_up` is called when the client cannot recover by itself; `soon` are
    the sources whose records somebody waits for; `marks` are told how far records are taken, and facts sent; of an
    agency's topic no more is read than its `rate`, by the agency's code; `ends` says where partitions end."""

    def __init__(
        self,
        settings: Settings,
        service: str,
        sources: Sequence[str],
        take: Take,
        give_up: Callable[[], None],
        soon: Collection[str] = (),
        alone: Take | None = None,
        marks: Marks | None = None,
        rate: Rate = unbounded,
        ends: Ends | None = None,
    ) -> None:
        self._marks, self._rate, self._ends = marks, rate, ends
        self._settings = settings
        self._service = service
        self._take = take
        self._alone = alone or take
        self._troubled = set[str]()
        self._failing: dict[str, tuple[Place, object]] = {}
        """At what partitions stand whose batch cannot be taken, and the assignment that they belong to."""
        self._passed = set[str]()
        self._give_up = give_up
        self._soon = soon
        self._failures = 0
        self._consumers: dict[str, CarefulConsumer] = {}
        self._subscriptions = 0
        self._made_at = time.monotonic()
        self._answered_at = -ANSWERED_LATELY
        self._away_since: float | None = None
        self.held: Sequence[str] = ()
        """Groups for which reading waits: they cannot be put back yet to what the database took (`standing.py`)."""
        self.broker = make_broker(settings, service)
        if settings.only != "http":
            for source in sources:
                self._subscribe(source)

    def _subscribe(self, source: str) -> None:
        self._subscriptions += 1
        settings, of_agencies = self._settings, source == AGENCIES
        where: dict[str, Any] = {"max_partition_fetch_bytes": PARTITION_BYTES}
        topics = () if of_agencies else (fact_topic(source),)
        if of_agencies:
            where = {
                "pattern": AGENCY_PATTERN,
                "max_partition_fetch_bytes": settings.agency_fetch_bytes,
                "fetch_max_bytes": settings.agencies_fetch_bytes,
            }
        subscriber = self.broker.subscriber(
            *topics,
            **where,
            group_id=group(self._service, source),
            batch=True,
            max_records=settings.agency_batch_records if of_agencies else settings.batch_records,
            batch_timeout_ms=50,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            auto_offset_reset="earliest",
            parser=_parse,
            decoder=_undecoded,
            title=f"{self._service} reads {source}",
        )

        @subscriber  # type: ignore[untyped-decorator]
        async def batch(message: KafkaMessage) -> None:
            await self._batch(source, message.raw_message)

    async def _batch(self, source: str, raw: Any) -> None:
        """Hands a batch to the engine; when it returns, FastStream commits. Raises to have it read again."""
        came = raw if isinstance(raw, tuple) else (raw,)
        records = [self._read(one) for one in came]
        if source == AGENCIES:
            _tell_ages(came)
        topic = messaging.AGENCIES if source == AGENCIES else fact_topic(source)
        with messaging.batch(source, topic, group(self._service, source), len(records)):
            left = self._in_order(source, records)
            for pause in (*self._settings.retry_pauses, None):
                try:
                    while left:
                        await (self._alone if source in self._troubled else self._take)(left[0])
                        del left[0]
                    self._troubled.discard(source)
                    self._taken(source, records)
                    self._went(records)
                    return
                except (StoreAway, SendFailed) as error:
                    self._troubled.add(source)
                    self._fails(source, records, error)
                    log.warning("a batch of %s from %s did not go: %s", len(records), source, error)
                    # A rejected batch is read again at once, so the pause must be here.
                    await asyncio.sleep(self._settings.nack_pause if pause is None else pause)
                    if pause is None:
                        raise
                except Exception as error:
                    self._fails(source, records, error)
                    log.error("a batch of %s from %s cannot be taken: %s", len(records), source, type(error).__name__)
                    await asyncio.sleep(self._settings.nack_pause)
                    raise

    def crowds(self, agency: str) -> bool:
        """Whether an agency's topic gives more than its rate, as far as this process reads it."""
        consumer = self._consumers.get(group(self._service, AGENCIES))
        return consumer is not None and consumer.crowds(agency_topic(agency).name)

    def _in_order(self, source: str, records: Sequence[Record]) -> list[Sequence[Record]]:
        """The records of topics that are within their rates, and then those of the others: whoever sends one event
        beside a flood does not wait until a batch of that is decided with it."""
        consumer = self._consumers.get(group(self._service, source))
        if consumer is None or source != AGENCIES:
            return [records]
        # Asked once of each topic: who crowds others may cease to while it is asked.
        crowding = {topic for topic in {one.topic for one in records} if consumer.crowds(topic)}
        first = [one for one in records if one.topic not in crowding]
        last = [one for one in records if one.topic in crowding]
        return [some for some in (first, last) if some]

    def _taken(self, source: str, records: Sequence[Record]) -> None:
        """Marks what is taken before it is committed: by what the commit will say, which may be more than the records,
        and by the records, whose partition may have gone to another process meanwhile."""
        if self._marks is None:
            return
        name = group(self._service, source)
        for record in records:
            self._marks.note((name, record.topic, record.partition), record.offset + 1)
        if (consumer := self._consumers.get(name)) is not None:
            for at, following in consumer.taken().items():
                self._marks.note((name, at.topic, at.partition), following)

    def _acknowledged(self, topic: str, partition: int, following: int) -> None:
        if self._marks is not None and topic == fact_topic(self._service):
            self._marks.note((SENT, topic, partition), following)

    def _read(self, raw: ConsumerRecord[Any, Any]) -> Record:
        """A record as the engine keeps it; bare where it is passed over by hand."""
        record = record_of(raw)
        if record.id not in self._passed:
            return record
        return replace(record, key=None, value=b"", headers=(), fault=PASSED_OVER)

    def _fails(self, source: str, records: Sequence[Record], error: Exception) -> None:
        """Notes at what each partition of a batch that cannot be taken stands."""
        consumer = self._consumers.get(group(self._service, source))
        assigned = None if consumer is None else consumer.assigned
        for one in reversed(records):
            place = Place(one.topic, one.partition, one.offset, one.offset + 1, type(error).__name__)
            self._failing[place.id] = place, assigned

    def _went(self, records: Sequence[Record]) -> None:
        for one in records if self._failing else ():
            self._failing.pop(f"{one.topic}/{one.partition}", None)
            self._passed.discard(one.id)

    async def places(self) -> list[Place]:
        """Where the readers of this process are in their partitions. Raises KafkaError."""
        found = list[Place]()
        readers = list(self._consumers.values())
        ends = await asyncio.gather(*(one.ends(self._ends) for one in readers))
        told = [end for some in ends for end in some.values()]
        if told and all(isinstance(end, Exception) for end in told):
            raise KafkaConnectionError("Kafka says of no partition where it ends")
        for consumer, some in zip(readers, ends, strict=True):
            for one, end in some.items():
                at, trouble = await consumer.reached(one), consumer.troubles.get(one)
                if isinstance(end, Exception):  # what cannot say where it ends does not give what it has, either
                    end, trouble = at + 1, trouble or type(end).__name__
                place = Place(one.topic, one.partition, at, end, trouble)
                failing, assigned = self._failing.get(place.id, (None, None))
                if failing is not None and assigned is not consumer.assigned:
                    del self._failing[place.id]  # it went to another process meanwhile, and came again
                    failing = None
                found.append(place if failing is None else replace(failing, end=max(end, failing.end)))
        return found

    def skip(self, place: Place) -> None:
        """Passes over the record of a place, as soon as its turn comes again."""
        partition = TopicPartition(place.topic, place.partition)
        self._passed.add(f"{place.id}/{place.offset}")
        for consumer in self._consumers.values():
            if partition in consumer.assignment():
                consumer.pass_over(partition, place.offset)

    async def connect(self) -> None:
        """Connects, so that facts go out, trying again with growing pauses until Kafka is there."""
        await self._once_there(self.broker.connect)

    async def start(self) -> None:
        """Starts reading, connected or not, trying again with growing pauses until Kafka is there."""
        await self._once_there(self._begin_reading)

    async def _begin_reading(self) -> None:
        await self.broker.connect()
        config = self.broker.config.broker_config
        config.builder = partial(self._consumer, **config.builder.keywords)  # type: ignore[attr-defined]
        await self.broker.start()

    async def _once_there(self, step: Callable[[], Awaitable[object]]) -> None:
        pause = 0.5
        while True:
            try:
                await step()
                return
            except (KafkaError, OSError) as error:
                log.warning("Kafka cannot be reached: %s: %s", type(error).__name__, error)
                await self.broker.stop()
                await asyncio.sleep(pause)
                pause = min(pause * 2, 10.0)

    def _consumer(self, *topics: str, **options: Any) -> CarefulConsumer:
        name = str(options.get("group_id"))
        if name == group(self._service, AGENCIES):
            options["most_bytes"] = self._settings.agency_batch_bytes
            options["rate"] = lambda topic: self._rate(agency_of(topic) or "")
            # who reads by a pattern must notice new topics
            options["metadata_max_age_ms"] = int(self._settings.metadata_age * 1000)
        soon = name in {group(self._service, source) for source in self._soon}
        consumer = CarefulConsumer(*topics, give_up=self._give_up, gather=SOON if soon else GATHER, **options)
        self._consumers[name] = consumer
        return consumer

    async def reading(self) -> None:
        """Raises unless every subscription has asked Kafka for records a short while ago: NotReady where it has not for
        longer, which is this process's fault where Kafka answers all the same; and where Kafka has answered nothing for
        as long, however often it is asked."""
        if self.held:
            raise GroupsHeld(self.held)
        away = 0.0 if self._away_since is None else time.monotonic() - self._away_since
        if away > SILENT:
            raise NotReady(f"nothing is read: Kafka has not answered for {away:.0f} s")
        begun = len(self._consumers) >= self._subscriptions
        oldest = min((c.last_read for c in self._consumers.values()), default=time.monotonic())
        silent = time.monotonic() - (oldest if begun else self._made_at)
        if silent > SILENT:
            words = f"a subscription has read nothing for {silent:.0f} s"
            raise NotReady(f"{words}, though Kafka answers" if self.answers else words, at_fault=begun and self.answers)
        if not begun:
            raise ConnectionError("a subscription does not read yet")

    async def stop(self) -> None:
        """Stops taking, finishes the batch in hand, commits, leaves its groups."""
        await self.broker.stop()

    async def ping(self) -> None:
        """Raises unless the broker answers."""
        asked = time.monotonic()
        if not await self.broker.ping(timeout=3.0):
            self._answered_at = -ANSWERED_LATELY
            self._away_since = self._away_since or asked
            raise ConnectionError("the broker does not answer")
        self._answered_at, self._away_since = time.monotonic(), None

    async def looking(self) -> None:
        """Looks for the life of the process whether the broker answers. What is said of it must not rest on when others
        have asked: that nobody asks is no outage, and one that nobody asked about is one."""
        while True:
            with suppress(ConnectionError):
                await self.ping()
            await asyncio.sleep(LOOKS_EVERY)

    @property
    def answers(self) -> bool:
        """Whether the broker answered when it was last asked, a short while ago: what stands still then does so for
        another reason."""
        return time.monotonic() - self._answered_at < ANSWERED_LATELY

    async def send(self, messages: Sequence[Message]) -> list[BaseException | None]:
        """Publishes all messages and waits for every acknowledgement; of one key, none behind one that failed.

        Each topic by itself: one that is missing, which the client waits for, must not hold up the others.
        """
        topics: dict[str, list[int]] = {}
        for place, message in enumerate(messages):
            topics.setdefault(message.topic, []).append(place)
        found = await asyncio.gather(*(self._send([messages[p] for p in some]) for some in topics.values()))
        places = [place for some in topics.values() for place in some]
        told = dict(zip(places, (answer for answers in found for answer in answers), strict=True))
        failures = [told[place] for place in range(len(messages))]
        await self._watch(failures)
        return failures

    async def _send(self, messages: Sequence[Message]) -> list[BaseException | None]:
        """Publishes messages of one topic, for each partition in batches of its own.

        Kafka takes a batch whole or not at all, and the next is handed over when it is taken: so no record of a
        partition stands there without those before it.
        """
        topic = messages[0].topic
        try:
            producer = self._producer()
            async with asyncio.timeout(FOUND_WITHIN):
                partitions = sorted(await producer.partitions_for(topic))
        except TimeoutError:
            return [UnknownTopicOrPartitionError(f"{topic} is not found")] * len(messages)
        except SENDING_FAILS as error:
            return [error] * len(messages)
        parts = by_partition(messages, partitions)
        found = await asyncio.gather(
            *(in_order(producer, topic, at, messages, places, self._acknowledged) for at, places in parts.items())
        )
        told = {place: failure for some in found for place, failure in some.items()}
        return [told[place] for place in range(len(messages))]

    def _producer(self) -> AIOKafkaProducer:
        """The client's producer itself: the framework's way to it costs more than the sending. Raises IncorrectState
        before the broker is connected."""
        return self.broker.config.broker_config.producer._producer.producer  # type: ignore[attr-defined]

    async def _watch(self, failures: Sequence[BaseException | None]) -> None:
        """An idempotent producer can fall into a state that only a new one leaves; the outbox keeps the facts.

        What a topic refuses (it is missing, closed to us, or takes no such record) says nothing of the producer. An
        order that the broker no longer accepts in one partition never comes right again, though all others go on.
        """
        if any(isinstance(failure, OUT_OF_ORDER) for failure in failures):
            log.critical("the producer's order is lost: starting anew")
            self._give_up()
            return
        if not all(failures):
            self._failures = 0
        if not any(failure and not isinstance(failure, REFUSALS) for failure in failures):
            return
        self._failures += 1
        if self._failures >= self._settings.publish_failures and await self.broker.ping(timeout=3.0):
            log.critical("%s publishes failed in a row while the broker answers: starting anew", self._failures)
            self._give_up()


def _tell_ages(came: Sequence[Any]) -> None:
    """Tells how long these have stood in agencies' topics; of a topic that has its senders' times, by their clocks."""
    now = time.time()
    for one in came:
        if one.timestamp is not None and one.timestamp > 0:
            telemetry.FACT_AGE.labels(AGENCIES).observe(max(0.0, now - one.timestamp / 1000))


def record_of(raw: ConsumerRecord[Any, Any]) -> Record:
    """A record as the engine keeps it."""
    return Record(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        key=raw.key,
        value=raw.value or b"",
        headers=tuple((name, value) for name, value in raw.headers),
        fault=raw.fault if isinstance(raw, Unread) else None,
        came=arrival.of_record(raw),
    )


async def _parse(raw: Any, original: Callable[[Any], Awaitable[KafkaMessage]]) -> KafkaMessage:
    """Hides headers from FastStream's parser, which would skip a whole batch over one that is not UTF-8."""
    bare = tuple(replace(one, headers=()) for one in raw)
    message = await original(bare)
    message.raw_message = raw
    return message


async def _undecoded(message: KafkaMessage) -> Any:
    """Leaves the bytes alone: the engine parses each record by itself, so one bad one parks alone."""
    return message.body
