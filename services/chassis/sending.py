"""Records on their way to one topic's partitions: in batches, in order, past the framework's publisher."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    DuplicateSequenceNumber,
    InvalidProducerEpoch,
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    TopicAuthorizationFailedError,
    UnknownProducerId,
    UnknownTopicOrPartitionError,
)
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from faststream.exceptions import IncorrectState

from contracts.topics import FACT_MAX_BYTES, FACT_TOPICS
from services.chassis import messaging
from services.chassis.message import Message
from services.chassis.store import Row

SEND_WITHIN: Final = 20.0
"""Seconds for each batch of facts until it is acknowledged."""
TOLD_WITHIN: Final = 3.0
"""The same for what goes out with facts, which wait for it: what takes longer is withheld. Below the age at which
another replica's sweep takes a fact for left behind."""
TOO_LARGE: Final[tuple[type[BaseException], ...]] = (MessageSizeTooLargeError,)
"""What is said of a record that its topic would not take, while it takes others."""
CLOSED: Final[tuple[type[BaseException], ...]] = (UnknownTopicOrPartitionError, TopicAuthorizationFailedError)
"""What is said of a topic that takes nothing of this service."""
REFUSALS: Final = (*CLOSED, *TOO_LARGE)
OUT_OF_ORDER: Final = (
    OutOfOrderSequenceNumber,
    DuplicateSequenceNumber,
    InvalidProducerEpoch,
    UnknownProducerId,
    ProducerFenced,
)
"""What is said where a producer and the broker no longer agree on what comes next."""
Heard = Callable[[str, int, int], None]
"""Hears of a topic's partition up to which offset its records are acknowledged."""
JOURNALS: Final = frozenset(topic.name for topic in FACT_TOPICS)
SENDING_FAILS: Final = (KafkaError, IncorrectState, OSError, TimeoutError)


def by_partition(messages: Sequence[Message], partitions: Sequence[int]) -> dict[int, list[int]]:
    """The places of the messages that go to each partition, as Kafka's own clients choose it by the key."""
    parts: dict[int, list[int]] = {}
    for place, message in enumerate(messages):
        parts.setdefault(partitions[_hash(message.key) % len(partitions)], []).append(place)
    return parts


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key, of so many."""
    return _hash(key) % partitions


@lru_cache(maxsize=20_000)
def _hash(key: str) -> int:
    """A key's hash, which takes long in Python, and is the same for every fact of a subject."""
    return int(murmur2(key.encode())) & 0x7FFFFFFF


async def in_order(
    producer: AIOKafkaProducer,
    topic: str,
    partition: int,
    messages: Sequence[Message],
    places: Sequence[int],
    heard: Heard,
) -> dict[int, BaseException | None]:
    """What became of each of these messages of one partition; behind one that did not go, none is tried.

    One that is too large holds up its own key alone. One that no topic would take is never asked of the broker; where
    a topic's own limit refuses a batch, its records and those behind are tried one by one.
    """
    told: dict[int, BaseException | None] = {}
    stopped = set[str]()
    records = list[tuple[int, Row]]()
    for place in places:
        message = messages[place]
        record = _record(message)
        if message.key in stopped or _size(record) > FACT_MAX_BYTES:
            stopped.add(message.key)
            told[place] = MessageSizeTooLargeError(f"behind or itself above {FACT_MAX_BYTES} bytes")
        else:
            records.append((place, record))
    failure: BaseException | None = None
    for batch, some in _batches(producer, records):
        if failure is None:
            failure = await _handed_over(producer, batch, topic, partition, heard)
            if isinstance(failure, TOO_LARGE):
                left = [one for one in records if one[0] not in told]
                return told | await _one_by_one(producer, topic, partition, messages, left, heard)
        told |= dict.fromkeys(some, failure)
    return told


async def _one_by_one(
    producer: AIOKafkaProducer,
    topic: str,
    partition: int,
    messages: Sequence[Message],
    records: Sequence[tuple[int, Row]],
    heard: Heard,
) -> dict[int, BaseException | None]:
    """The same for records each of which goes in a batch of its own: behind one that is too large for the topic none of
    its key is tried, behind any other failure none at all."""
    told: dict[int, BaseException | None] = {}
    refused: dict[str, BaseException] = {}
    failure: BaseException | None = None
    for place, record in records:
        key = messages[place].key
        if failure is None and key not in refused:
            [(batch, _)] = _batches(producer, [(place, record)])
            error = await _handed_over(producer, batch, topic, partition, heard)
            if isinstance(error, TOO_LARGE):
                refused[key] = error
            else:
                failure = error
        told[place] = failure or refused.get(key)
    return told


async def _handed_over(
    producer: AIOKafkaProducer, batch: BatchBuilder, topic: str, partition: int, heard: Heard
) -> BaseException | None:
    """Hands a batch to Kafka and waits until it is taken; what went wrong, if anything did."""
    began, records = time.perf_counter(), batch.record_count()
    try:
        async with asyncio.timeout(SEND_WITHIN if topic in JOURNALS else TOLD_WITHIN):
            told = await (await producer.send_batch(batch, topic, partition=partition))
    except SENDING_FAILS as error:
        messaging.sent(topic, records, time.perf_counter() - began, error)
        if isinstance(error, TOO_LARGE):
            _count_back(producer, TopicPartition(topic, partition), records)
        return error
    messaging.sent(topic, records, time.perf_counter() - began, None)
    heard(topic, partition, told.offset + records)
    return None


def _count_back(producer: AIOKafkaProducer, place: TopicPartition, records: int) -> None:
    """The broker did not take this batch and expects the next under its numbers: the client counts on all the same,
    and would lose the partition's order with the next batch. No other batch of the partition is under way."""
    producer._txn_manager.increment_sequence_number(place, -records)


def _record(message: Message) -> Row:
    headers = [(name, text.encode()) for name, text in message.headers.items()]
    return {"key": message.key.encode(), "value": message.value, "headers": headers}


def _size(record: Row) -> int:
    return int(DefaultRecordBatchBuilder.estimate_size_in_bytes(**record))


def _batches(
    producer: AIOKafkaProducer, records: Sequence[tuple[int, Row]]
) -> Iterator[tuple[BatchBuilder, list[int]]]:
    """The records in as few batches as hold them, each with the places that are in it."""
    batch, held = producer.create_batch(), list[int]()
    for place, record in records:
        if batch.append(timestamp=None, **record) is None:
            yield batch, held
            batch, held = producer.create_batch(), []
            batch.append(timestamp=None, **record)  # the first is taken whatever its size
        held.append(place)
    if held:
        batch.close()
        yield batch, held
