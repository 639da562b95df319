"""What becomes of records on their way to one partition, whatever the broker says: found by planted faults."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.structs import RecordMetadata, TopicPartition

from contracts.topics import FACT_MAX_BYTES, fact_topic
from services.chassis import sending
from services.chassis.message import Message
from services.chassis.messaging import RECEIPTS
from services.chassis.sending import by_partition, in_order
from tests.kit.counted import OPERATIONS, SENT, since, told

TOPIC: Final = "pilots.receipts.primer.v1"
PLACE: Final = TopicPartition(TOPIC, 3)
FIRST: Final = 100
"""The offset at which the partition ends before anything is sent."""


class Broker:
    """Stands for the broker behind a real producer: it says of each batch what `says` makes of its number."""

    def __init__(self, says: Callable[[int, int], BaseException | None]) -> None:
        self._says = says
        self.came = list[int]()
        self.heard = list[tuple[str, int, int]]()
        self.end = FIRST

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[RecordMetadata]:
        told: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        count = batch.record_count()
        self.came.append(count)
        if (error := self._says(len(self.came), count)) is not None:
            told.set_exception(error)
            return told
        told.set_result(RecordMetadata(topic, partition, PLACE, self.end, None, 0, 0))
        self.end += count
        return told

    def hear(self, topic: str, partition: int, offset: int) -> None:
        self.heard.append((topic, partition, offset))


@pytest.fixture
async def producer() -> AsyncIterator[AIOKafkaProducer]:
    """A producer that was never started: only its batches and numbers are real."""
    made = AIOKafkaProducer(enable_idempotence=True, max_request_size=FACT_MAX_BYTES, max_batch_size=50_000)
    yield made
    await made.stop()


async def sent(
    producer: AIOKafkaProducer, broker: Broker, messages: Sequence[Message], topic: str = TOPIC
) -> list[str | None]:
    """What became of each: the kind of its error, or None."""
    producer.send_batch = broker.send_batch
    told = await in_order(producer, topic, PLACE.partition, messages, range(len(messages)), broker.hear)
    assert sorted(told) == list(range(len(messages)))
    return [None if (one := told[n]) is None else type(one).__name__ for n in sorted(told)]


def messages(*keys: str, size: int = 10) -> list[Message]:
    return [Message(TOPIC, key, json.dumps({"n": n, "text": "x" * size}).encode()) for n, key in enumerate(keys)]


def test_a_record_is_its_message_with_every_header_in_the_partition_that_kafkas_clients_give_its_key() -> None:
    headers = {"ce_id": "e-1", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    record = sending._record(Message(TOPIC, "ключ", b"value", headers))
    assert record["headers"] == [("ce_id", b"e-1"), ("traceparent", headers["traceparent"].encode())]
    assert (record["key"], record["value"]) == ("ключ".encode(), b"value")
    some, partitions = messages(*(f"pilot-{n % 40}" for n in range(80))), [*range(12)]
    parts, choose = by_partition(some, partitions), DefaultPartitioner()
    assert len(parts) > 6 and sorted(place for places in parts.values() for place in places) == [*range(80)]
    for partition, places in parts.items():
        assert places == sorted(places)
        assert {choose(some[place].key.encode(), partitions, partitions) for place in places} == {partition}


async def test_where_a_batch_went_it_is_heard_where_the_partition_ends_then(producer: AIOKafkaProducer) -> None:
    broker = Broker(lambda _number, _count: None)
    assert await sent(producer, broker, messages("a", "b", "a", size=30_000)) == [None] * 3
    assert broker.came == [1, 1, 1], "each fills a batch of its own"
    assert broker.heard == [(TOPIC, 3, FIRST + n) for n in (1, 2, 3)]


async def test_behind_what_no_topic_takes_none_of_its_key_goes_and_all_others_do(producer: AIOKafkaProducer) -> None:
    broker = Broker(lambda _number, _count: None)
    some = messages("a", "b", "a", "b")
    some[1] = Message(TOPIC, "b", b"x" * FACT_MAX_BYTES)
    assert await sent(producer, broker, some) == [None, "MessageSizeTooLargeError"] * 2
    assert broker.came == [2]


async def test_behind_a_batch_that_was_lost_none_is_tried(producer: AIOKafkaProducer) -> None:
    broker = Broker(lambda number, _count: KafkaConnectionError("lost") if number == 2 else None)
    assert await sent(producer, broker, messages(*"abcd", size=30_000)) == [None, *["KafkaConnectionError"] * 3]
    assert broker.came == [1, 1] and broker.heard == [(TOPIC, 3, FIRST + 1)]


async def test_where_a_topics_own_limit_refuses_a_batch_its_records_are_tried_alone_and_numbers_are_taken_back(
    producer: AIOKafkaProducer,
) -> None:
    # The first batch goes. Of the second the broker refuses all, and of its records, one by one, the third.
    broker = Broker(lambda number, _count: MessageSizeTooLargeError("limit") if number in (2, 5) else None)
    numbers = producer._txn_manager
    some, before = [*messages("z", size=49_000), *messages("a", "b", "c", "c", "d", size=1_000)], told()
    assert await sent(producer, broker, some) == [*[None] * 3, *["MessageSizeTooLargeError"] * 2, None]
    assert broker.came == [1, 5, 1, 1, 1, 1], "what went is not sent again, and none of the key behind the refused one"
    assert numbers.sequence_number(PLACE) == -6, "the client counts the five and the one as sent: they are taken back"
    assert [offset for _, _, offset in broker.heard] == [FIRST + n for n in (1, 2, 3, 4)]
    everyone, refused = f"send {RECEIPTS}", f"send {RECEIPTS} MessageSizeTooLargeError"
    assert since(before, SENT) == {everyone: 4, refused: 6}, "each time that one is handed over, and no other"
    assert since(before, OPERATIONS) == {everyone: 4, refused: 2}, "by the batch"


async def test_where_the_broker_is_lost_while_records_are_tried_alone_none_behind_is_tried(
    producer: AIOKafkaProducer,
) -> None:
    errors = {1: MessageSizeTooLargeError("limit"), 2: MessageSizeTooLargeError("limit"), 3: KafkaConnectionError("l")}
    broker = Broker(lambda number, _count: errors.get(number))
    went = await sent(producer, broker, messages("a", "b", "a", "c"))
    assert went == ["MessageSizeTooLargeError", *["KafkaConnectionError"] * 3]
    assert broker.came == [4, 1, 1]


@pytest.mark.parametrize("topic", [TOPIC, fact_topic("intake")])
async def test_for_facts_it_is_waited_longer_than_for_what_goes_out_with_them(
    producer: AIOKafkaProducer, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = list[float]()

    def timeout(seconds: float) -> Any:
        waits.append(seconds)
        return real(seconds)

    real = asyncio.timeout
    monkeypatch.setattr(asyncio, "timeout", timeout)
    await sent(producer, Broker(lambda _number, _count: None), messages("a"), topic)
    assert waits == [sending.TOLD_WITHIN if topic == TOPIC else sending.SEND_WITHIN]
    assert sending.TOLD_WITHIN < 5 < sending.SEND_WITHIN
