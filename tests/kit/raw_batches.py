"""Batches as no honest client writes them, and a way to hand them to Kafka as they are."""

import struct
from collections.abc import Sequence
from typing import Any

import cramjam
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.util import calc_crc32c

from deploy.login import Login
from services.chassis.unpacking import BODY_AT, HEAD, LENGTH_AT

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
AT_CRC, AT_ATTRIBUTES = 17, 21
Header = tuple[str, bytes]


class NotUtf8(str):
    """The name of a header that goes out as bytes which are no text."""

    def encode(self, *_words: Any, **_named: Any) -> bytes:
        """The bytes."""
        return b"\xff\xfe"


def batch(
    values: Sequence[bytes | None], codec: int = 0, base: int = 0, headers: Sequence[Sequence[Header]] = ()
) -> bytes:
    """A batch whose first record has this offset; `headers` are those of its first records."""
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 1 << 30)
    for number, value in enumerate(values):
        builder.append(number, 1, b"key", value, [*headers[number]] if number < len(headers) else [])
    return struct.pack(">q", base) + bytes(builder.build())[8:]


def crowd(count: int) -> bytes:
    """A batch of so many records of seven bytes, all of them alike, so that compressed it is small."""
    like = batch([None])
    record = bytes([12, 0, 0, 0, 1, 1, 0])  # its length, attributes, time, place, no key, no value, no headers
    body = bytes(cramjam.zstd.compress(record * count))
    head = bytearray(like[: HEAD.size])
    struct.pack_into(">i", head, LENGTH_AT, HEAD.size - BODY_AT + len(body))
    struct.pack_into(">h", head, AT_ATTRIBUTES, CODECS["zstd"])
    struct.pack_into(">i", head, 23, count - 1)
    struct.pack_into(">i", head, HEAD.size - 4, count)
    return changed(bytes(head) + body, AT_ATTRIBUTES, bytes(head[AT_ATTRIBUTES : AT_ATTRIBUTES + 2]))


def changed(raw: bytes, at: int, there: bytes) -> bytes:
    """The batch with other bytes at this place, under a checksum that is right."""
    raw = raw[:at] + there + raw[at + len(there) :]
    return raw[:AT_CRC] + struct.pack(">I", calc_crc32c(raw[AT_ATTRIBUTES:])) + raw[AT_ATTRIBUTES:]


class _Raw(BatchBuilder):  # type: ignore[misc]
    def __init__(self, raw: bytes) -> None:
        super().__init__(1 << 30, 0)
        self._buffer, self._relative_offset = raw, 1  # what counts no records would not be sent
        self.close()


async def hand_over(login: Login, topic: str, *batches: bytes) -> None:
    """Writes batches to a topic's first partition, each by itself, and waits until Kafka has taken them. Raises
    KafkaError."""
    producer = AIOKafkaProducer(**login.aiokafka(), acks="all", max_request_size=1 << 30)
    await producer.start()
    try:
        for raw in batches:
            await (await producer.send_batch(_Raw(raw), topic, partition=0))
    finally:
        await producer.stop()
