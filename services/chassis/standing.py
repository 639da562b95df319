"""Before a service does anything: do its database and Kafka belong together?

A fact is in the database before it is in the topic, so the database knows every fact of the service's own topic. One
that does not is lost, or an older backup: going on, it would give numbers and sequences out a second time. A topic that
ends before what was sent to it is lost, or an older copy. Either stops the start (Behind). Only the end of the topic is
looked at, behind the marks that the database keeps (`marks.py`), and a little before them.

What a group has committed beyond what its database took would never be read again: there the group is put back, which
costs nothing but time, for what was done already is dropped.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from faststream.kafka.security import parse_security

from contracts.event import peek
from contracts.topics import fact_topic, group
from services.chassis.broker import security
from services.chassis.bus import AGENCIES, PARTITION_BYTES
from services.chassis.marks import SENT, Behind, Marks, Place
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.store import COUNTERS, SUBJECTS, Store
from services.chassis.topic_reader import Bounds, TopicReader, stopped

log = logging.getLogger(__name__)

LOOKED_BACK: Final = 100
"""So many records of each partition are looked at in any case: a backup whose collections are of different moments has
marks that are ahead of its documents."""
TOGETHER: Final = 500
"""Records whose subjects are asked for with one query."""
WAIT_MS: Final = 200
REQUEST_MS: Final = 20_000
ASKED: Final = 4
"""How often it is asked before a service is stopped: a primary that is none any more, or a broker that is just
starting, knows less than there is."""
PAUSE: Final = 1.0
TAKEN_BY_MEMBERS: Final = (CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)


@dataclass(slots=True)
class _Tail:
    """What the end of the topic says: of each subject the highest sequence and where it stands, and the last number of
    each series."""

    subjects: dict[str, tuple[int, str]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)


async def compare(service: Service, store: Store, settings: Settings, marks: Marks) -> bool:
    """Holds the database against the service's own topic, and begins its marks; True: the database is a new one.

    Raises Behind where they do not belong together, and StoreAway, KafkaError or OSError where one of them is away.
    """
    for attempt in range(ASKED):
        try:
            return await _compared(service, store, settings, marks)
        except Behind:
            if attempt == ASKED - 1:
                raise
            await asyncio.sleep(PAUSE)
    raise AssertionError


async def _compared(service: Service, store: Store, settings: Settings, marks: Marks) -> bool:
    known = await marks.load()
    stored = bool(await store.rows(SUBJECTS, {}, sort=[("_id", 1)], limit=1, fields=["_id"]))
    topic = fact_topic(service.name)
    sent = {p: n for (what, name, p), n in (known or {}).items() if (what, name) == (SENT, topic)}
    async with _admin(settings) as admin:
        there = topic in await admin.list_topics()
    counted = service.number is None or await store.count(COUNTERS, {}, 1)
    marked = sent if counted else {}  # counters that are lost are found in the topic, all of it
    bounds = await _looked_through(service, store, settings, marked) if there else Bounds({}, {})
    _need_all(topic, sent, bounds)
    found: dict[Place, int] = {(SENT, topic, p): end for p, end in bounds.ends.items()}
    if known is None:
        committed = [await _committed(settings, service, source) for source in _groups(service)]
        if not stored:
            _need_new(service, committed)
        for one in committed:  # of a program that kept no marks: what is committed is what was taken
            found |= one
    await marks.begin(found)
    return known is None and not stored


async def _looked_through(service: Service, store: Store, settings: Settings, sent: Mapping[int, int]) -> Bounds:
    """Where the topic begins and ends, when all that is looked at is known."""
    topic = fact_topic(service.name)
    reader = TopicReader(
        settings, topic, begins="earliest", partition_bytes=PARTITION_BYTES, wait_ms=WAIT_MS, request_ms=REQUEST_MS
    )
    await reader.start()
    try:
        bounds = await reader.bounds()
        await _need_known(service, store, reader, bounds, sent)
        return bounds
    finally:
        await reader.stop()


def _need_new(service: Service, committed: Sequence[Mapping[Place, int]]) -> None:
    """Raises Behind where a service has worked before that has neither a document nor a fact any more."""
    for (name, topic, partition), n in (one for some in committed for one in some.items()):
        raise Behind(
            f"The database of {service.name} and its own topic are empty, but {name} has read {topic}/{partition} up "
            f"to {n}: both are lost. Bring back one of them from its backup. If there is none, or never was a fact: "
            f"./lotsman accept-loss {service.name}. See docs/standing-up-again.md."
        )


def _need_all(topic: str, sent: Mapping[int, int], bounds: Bounds) -> None:
    """Raises Behind where a partition ends before what was sent to it."""
    for partition, mark in sorted(sent.items()):
        end = bounds.ends.get(partition, 0)
        if end < mark:
            raise Behind(
                f"The topic {topic} is behind the database: partition {partition} ends at {end}, but facts were sent "
                f"up to {mark}. The topic was lost, made anew, or is an older copy. Bring back Kafka's data from its "
                "backup and start again; where there is none, see docs/standing-up-again.md."
            )


async def _need_known(
    service: Service, store: Store, reader: TopicReader, bounds: Bounds, sent: Mapping[int, int]
) -> None:
    """Reads the end of the topic, and raises Behind at the first fact that the database does not know. Numbers that the
    facts have are not given out again."""
    at = {p: max(bounds.begins[p], min(sent.get(p, 0), end - LOOKED_BACK)) for p, end in bounds.ends.items()}
    reader.place(at)
    tail, gathered = _Tail(), 0
    while any(at[p] < end for p, end in bounds.ends.items()):
        came = await reader.poll(TOGETHER)
        for records in came.values():
            gathered += len(records)
            _note(service, tail, records)
        # What cannot be read, and what the broker keeps for itself, may stand behind the last record.
        at = {partition: await reader.reached(partition) for partition in at}
        if gathered >= TOGETHER:
            await _need(service, store, tail)
            gathered = 0
    await _need(service, store, tail)


def _note(service: Service, tail: _Tail, records: Sequence[Any]) -> None:
    for record in records:
        event = peek(record.value or b"")
        subject, sequence, data = event.get("subject"), event.get("sequence"), event.get("data")
        if not (isinstance(subject, str) and isinstance(sequence, str) and sequence.isdigit()):
            log.warning("%s/%s/%s is no fact", record.topic, record.partition, record.offset)
            continue
        place = f"{record.topic}/{record.partition}/{record.offset}"
        tail.subjects[subject] = max((int(sequence), place), tail.subjects.get(subject, (0, "")))
        if service.number and isinstance(data, dict) and (number := service.number(data)) is not None:
            series, n = number
            tail.numbers[series] = max(n, tail.numbers.get(series, 0))


async def _need(service: Service, store: Store, tail: _Tail) -> None:
    names = sorted(tail.subjects)
    query = {"_id": {"$in": names}}
    rows = await store.rows(SUBJECTS, query, sort=[("_id", 1)], limit=max(1, len(names)), fields=["version"])
    versions = {row["_id"]: row["version"] for row in rows}
    for subject, (sequence, place) in tail.subjects.items():
        if versions.get(subject, 0) < sequence:
            raise Behind(
                f"The database of {service.name} is behind its own topic: {place} is fact {sequence} of {subject}, of "
                f"which the database knows {versions.get(subject, 0)}. It is empty, an older backup, or another one "
                "than this topic belongs to. Name the right database (LOTSMAN_DATABASE); or bring back a newer backup; "
                f"or make it anew from the topic: ./lotsman rebuild {service.name} --behind. "
                "See docs/standing-up-again.md."
            )
    tail.subjects.clear()
    for series, last in tail.numbers.items():
        await store.raise_to(COUNTERS, series, {"last": last})
    tail.numbers.clear()


# ---- what groups have committed


def _groups(service: Service) -> list[str]:
    """What stands for the sources of a service in its groups' names."""
    return [*([AGENCIES] if service.read_agency is not None else []), *service.sources]


async def committed(service: Service, settings: Settings) -> dict[Place, int]:
    """What the groups of a service have committed, by partition. Raises KafkaError and OSError."""
    found = await asyncio.gather(*(_committed(settings, service, source) for source in _groups(service)))
    return {place: n for one in found for place, n in one.items()}


async def put_back(settings: Settings, marks: Marks, first: Mapping[Place, int]) -> list[str]:
    """Has groups read again what of `first`, which they had committed, lies beyond the marks of the database.

    Returns those that cannot be put back now: a group that has members is left alone until they have come to what was
    committed, or are gone. Who begins to read before would pass over what the database never took. Raises StoreAway,
    KafkaError, OSError.
    """
    taken = await marks.load() or {}
    beyond = {place: taken.get(place, 0) for place, n in first.items() if n > taken.get(place, 0)}
    names = sorted({name for name, _, _ in beyond})
    some = [{place: n for place, n in beyond.items() if place[0] == name} for name in names]
    done = await asyncio.gather(*(_commit(settings, name, one) for name, one in zip(names, some, strict=True)))
    return [name for name, went in zip(names, done, strict=True) if not went]


async def _committed(settings: Settings, service: Service, source: str) -> dict[Place, int]:
    """What the group of a source has committed, by partition."""
    name = group(service.name, source)
    async with _admin(settings) as admin:
        offsets = await admin.list_consumer_group_offsets(name)
    return {(name, at.topic, at.partition): told.offset for at, told in offsets.items() if told.offset > 0}


async def _commit(settings: Settings, name: str, offsets: Mapping[Place, int]) -> bool:
    """Puts a group back to these offsets; False while it has members, who alone may commit then."""
    places = {TopicPartition(topic, partition): n for (_, topic, partition), n in offsets.items()}
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_url,
        group_id=name,
        enable_auto_commit=False,
        request_timeout_ms=REQUEST_MS,
        **parse_security(security(settings)),
    )
    await consumer.start()
    try:
        consumer.assign(list(places))
        await consumer.commit(places)
    except TAKEN_BY_MEMBERS:
        return False
    finally:
        await stopped(consumer)
    for at, n in places.items():
        log.warning("%s reads %s/%s again from %s: its database has taken no more", name, at.topic, at.partition, n)
    return True


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(
        bootstrap_servers=settings.kafka_url, request_timeout_ms=REQUEST_MS, **parse_security(security(settings))
    )
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
