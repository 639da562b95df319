"""What Kafka gave of a partition, taken apart into records, whatever it is: nothing at an offset can stop a reader.

The client inflates a batch whole, however large it grows, and raises for what it cannot read, so that its reader meets
the same again for ever. Here what cannot be read is handed out as `Unread`, in its place: whoever reads parks it and
goes on. A batch is inflated up to a bound, and all that one process holds inflated at a time has one as well.

The client has no place at which this can be given to it, so its two classes are replaced where it names them: for
every reader of this process, also one that has no group.
"""

import gzip
import hashlib
import io
import logging
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import cramjam
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch

log = logging.getLogger(__name__)

INFLATED_MOST: Final = 16 * 1024 * 1024
"""Bytes that a batch may have when inflated: clients put a mebibyte into one at most unless told otherwise."""
USUAL: Final = 1024 * 1024
"""What one partition may hold beside those whose batches are larger: what clients put into one by themselves."""
HELD_MOST: Final = 2 * INFLATED_MOST
"""So many bytes all larger batches may have that wait for their turn at a time, and as many again all usual ones: who
sends large ones waits for others of that kind, a batch of each in turn, and holds up nobody else. What is above it is
fetched again later."""
HEADERS_MOST: Final = 500
"""Headers of a record; CloudEvents have a dozen."""
KEPT: Final = 64 * 1024
"""Bytes that are kept of a batch that cannot be read."""

HEAD: Final = struct.Struct(">qiibIhiqqqhii")
"""Base offset, length, leader epoch, magic, CRC, attributes, last offset delta, first and largest timestamp, producer
id and epoch, base sequence, count of records (RecordBatch, magic 2)."""
MAGIC: Final = 2
LENGTH_AT: Final = 8
BODY_AT: Final = 12
CODECS: Final = 0x07
APPEND_TIME: Final = 0x08
APPENDED: Final = 1
"""The `timestamp_type` of a record whose time is Kafka's own: that at which it came into its topic."""
CONTROL: Final = 0x20
XERIAL: Final = b"\x82SNAPPY\0"
XERIAL_HEAD: Final = 16


class Unreadable(Exception):
    """Content that no reader can make records of. The words are ours."""


@dataclass
class Unread(ConsumerRecord[Any, Any]):  # type: ignore[misc]
    """What stands at an offset, or from there on, and cannot be read; `value` is as much of it as is kept."""

    fault: str = ""


class Fetched:
    """The bytes that came of a partition, in the place of the client's `MemoryRecords`."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def size_in_bytes(self) -> int:
        """How many bytes came."""
        return len(self._data)

    def has_next(self) -> bool:
        """Whether anything came: what is no whole batch is Unread."""
        return len(self._data) > 0

    def batches(self) -> Iterator[bytes]:
        """The batches one by one; a last one that did not come whole is left for the next fetch, a first one is not."""
        at = 0
        while at < len(self._data):
            end = len(self._data)
            if end - at >= BODY_AT:
                length = struct.unpack_from(">i", self._data, at + LENGTH_AT)[0]
                end = at + BODY_AT + length if length > 0 else end
            if at > 0 and (end > len(self._data) or end - at < HEAD.size):
                return
            yield self._data[at:end]
            at = end


class Unpacked:
    """The records of what came, in the place of the client's `PartitionRecords`: each is made when it is asked for."""

    def __init__(
        self, tp: TopicPartition, records: Fetched, _aborted: object, fetch_offset: int, *_options: object
    ) -> None:
        self._unpacking = Unpacking(tp, fetch_offset)
        self._records = self._unpacking.records(records)

    @property
    def next_fetch_offset(self) -> int:
        """Where the next fetch begins, if it is now."""
        return self._unpacking.next_fetch_offset

    def __iter__(self) -> Iterator[ConsumerRecord[Any, Any]]:
        return self

    def __next__(self) -> ConsumerRecord[Any, Any]:
        """The next record. Raises StopIteration behind the last, and nothing else."""
        return next(self._records)


class Unpacking:
    """How far it is unpacked. It does not know its own records in the making: what is let go, goes at once."""

    held: ClassVar[Counter[str]] = Counter()
    """Bytes of usual batches, and of larger ones, that are held inflated now."""
    waiting: ClassVar[set[TopicPartition]] = set()
    """Who has asked in vain to have a large batch inflated since one gave way last."""

    def __init__(self, partition: TopicPartition, at: int) -> None:
        self._partition = partition
        self.next_fetch_offset = at
        self._had_large = False
        self._times = 0
        """Whose clock the times of the batch are by that is unpacked: APPENDED, Kafka's; else the sender's."""

    def records(self, fetched: Fetched) -> Iterator[ConsumerRecord[Any, Any]]:
        """All records from the next offset on."""
        for raw in fetched.batches():
            following, sound = self._following(raw)
            try:
                yield from self._batch(raw)
            except _NotNow:
                return
            except Exception as error:  # whatever this is, it stands there for ever
                told = str(error) if isinstance(error, Unreadable) else type(error).__name__
                if self.next_fetch_offset < following:
                    yield self._unread(raw, told, following)
            self.next_fetch_offset = max(self.next_fetch_offset, following)
            if not sound or self._gives_way():
                return  # what came behind it is fetched again: where it is not sound, to tell each offset of it

    def _gives_way(self) -> bool:
        """Whether another has its turn after a large batch, if one waits: of several that came together the next would
        be inflated at once, so that who sends many would have their room until the last of them."""
        if not self._had_large or not Unpacking.waiting:
            return False
        Unpacking.waiting.clear()  # who still waits asks again
        return True

    def _following(self, raw: bytes) -> tuple[int, bool]:
        """The offset behind a batch, which its head tells, if it can be believed: else the batch is passed offset by
        offset, as often as Kafka gives it."""
        if len(raw) < HEAD.size:
            return self.next_fetch_offset + 1, False
        head = HEAD.unpack_from(raw)
        base, delta, count = head[0], head[6], head[12]
        # What is read here is not compacted: a head whose two numbers agree is as it was written.
        sound = head[3] == MAGIC and delta >= 0 and (delta + 1 == count or _checked(raw))
        return max(base + delta + 1 if sound else 0, self.next_fetch_offset + 1), sound

    def _batch(self, raw: bytes) -> Iterator[ConsumerRecord[Any, Any]]:
        """The records of a batch from the next offset on. Raises Unreadable or _NotNow."""
        if len(raw) < HEAD.size or BODY_AT + HEAD.unpack_from(raw)[1] != len(raw):
            raise Unreadable("a batch that is not whole")
        _, _, _, magic, _, attributes, *_, count = HEAD.unpack_from(raw)
        if magic != MAGIC:
            raise Unreadable(f"a batch in the format {magic}")
        if not _checked(raw):
            raise Unreadable("a batch whose checksum is wrong")
        if attributes & CONTROL:
            return
        self._times = APPENDED if attributes & APPEND_TIME else 0
        codec = attributes & CODECS
        if codec:
            yield from self._inflated(raw, codec, count)
            return
        took = 0
        try:
            for record in DefaultRecordBatch(raw):
                took += 1
                if record.offset >= self.next_fetch_offset:
                    yield self._record(record.offset, record.timestamp, record.key, record.value, tuple(record.headers))
        except Exception:  # the client gives up at the first that it cannot read; others may stand behind it
            yield from self._walk(raw, bytearray(raw[HEAD.size :]), count, took)

    def _inflated(self, raw: bytes, codec: int, count: int) -> Iterator[ConsumerRecord[Any, Any]]:
        kind, data = _room(self._partition, codec, raw[HEAD.size :])
        size = len(data)
        self._had_large |= kind == "large"
        Unpacking.held[kind] += size
        try:
            yield from self._walk(raw, data, count, 0)
        finally:
            Unpacking.held[kind] -= size

    def _walk(self, raw: bytes, data: bytearray, count: int, took: int) -> Iterator[ConsumerRecord[Any, Any]]:
        """The records in these bytes behind the first `took`, each by itself. Raises Unreadable where one has no
        end."""
        at = 0
        for number in range(count):
            try:
                length, at = _varint(data, at)
            except (ValueError, IndexError):
                raise Unreadable("a batch that ends before its last record") from None
            end = at + length
            if length < 0 or end > len(data):
                raise Unreadable("a record that goes beyond its batch")
            if number >= took:
                one = self._one(HEAD.unpack_from(raw), data, at, end)
                if one is not None:
                    yield one
            at = end

    def _one(self, head: tuple[int, ...], data: bytearray, at: int, end: int) -> ConsumerRecord[Any, Any] | None:
        """The record between these places; None for one that was read before."""
        base, attributes, first, largest = head[0], head[5], head[7], head[8]
        offset, kept = self.next_fetch_offset, bytes(data[at:end][:KEPT])
        try:
            since, at = _varint(data, at + 1)
            delta, at = _varint(data, at)
            if base + delta < self.next_fetch_offset:
                return None
            offset = base + delta
            key, at = _bytes(data, at, end)
            value, at = _bytes(data, at, end)
            headers, fault = _headers(data, at, end)
        except (ValueError, IndexError):
            return self._record(offset, first, None, kept, (), "a record that is not built as records are")
        time = largest if attributes & APPEND_TIME else first + since
        return self._record(offset, time, key, value, headers, fault)

    def _record(
        self,
        offset: int,
        time: int,
        key: bytes | None,
        value: bytes | None,
        headers: tuple[tuple[str, bytes], ...],
        fault: str = "",
    ) -> ConsumerRecord[Any, Any]:
        self.next_fetch_offset = offset + 1
        if len(headers) > HEADERS_MOST:
            headers, fault = (), f"{len(headers)} headers"
        sizes = (-1 if key is None else len(key), -1 if value is None else len(value))
        place = (*self._partition, offset, time, self._times, key, value, None, *sizes, headers)
        return Unread(*place, fault=fault) if fault else ConsumerRecord(*place)

    def _unread(self, raw: bytes, told: str, following: int) -> Unread:
        """What is left of a batch."""
        begins, self.next_fetch_offset = self.next_fetch_offset, following
        where = f"offset {begins}" if following == begins + 1 else f"offsets {begins} to {following - 1}"
        fault = f"{told}: {where}, {len(raw)} bytes, sha256 {hashlib.sha256(raw).hexdigest()}"
        return Unread(*self._partition, begins, 0, 0, None, raw[:KEPT], None, -1, len(raw), (), fault=fault)


class _TooLarge(Unreadable):
    """It inflates above what it may."""


class _NotNow(Exception):
    """So much is held inflated that this batch must wait."""


def _checked(raw: bytes) -> bool:
    """Whether the checksum of a batch is that of its content."""
    return bool(DefaultRecordBatch(raw).validate_crc())


def _varint(data: bytearray, at: int) -> tuple[int, int]:
    """A number at this place, and the place behind it. Raises ValueError or IndexError, which the client's own does
    not at the end of its buffer."""
    found = shift = 0
    while True:
        byte = data[at]
        at += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (found >> 1) ^ -(found & 1), at
        shift += 7
        if shift > 63:
            raise ValueError("no end of a number")


def _bytes(data: bytearray, at: int, end: int) -> tuple[bytes | None, int]:
    length, at = _varint(data, at)
    if length < 0:
        return None, at
    if at + length > end:
        raise ValueError("beyond the record")
    return bytes(data[at : at + length]), at + length


def _headers(data: bytearray, at: int, end: int) -> tuple[tuple[tuple[str, bytes], ...], str]:
    """The headers, and what is wrong with them if anything is. Raises ValueError or IndexError."""
    count, at = _varint(data, at)
    if count < 0:
        raise ValueError("less than none")
    if count > HEADERS_MOST:
        return (), f"{count} headers"
    found, fault = list[tuple[str, Any]](), ""
    for _ in range(count):
        name, at = _bytes(data, at, end)
        value, at = _bytes(data, at, end)
        try:
            found.append(((name or b"").decode(), value))
        except UnicodeDecodeError:
            fault = "a header whose name is not UTF-8"
            found.append(((name or b"").decode("utf-8", "backslashreplace"), value))
    return tuple(found), fault


# ---- inflating


def _room(partition: TopicPartition, codec: int, data: bytes) -> tuple[str, bytearray]:
    """A batch inflated, and whether it is a usual or a large one. Raises _NotNow where as many of its kind are held as
    may be, and Unreadable."""
    if Unpacking.held["usual"] > HELD_MOST - USUAL:
        raise _NotNow
    try:
        return "usual", bytearray(inflate(codec, data, USUAL))
    except _TooLarge:
        if Unpacking.held["large"] > HELD_MOST - INFLATED_MOST:
            Unpacking.waiting.add(partition)
            raise _NotNow from None
    Unpacking.waiting.discard(partition)
    return "large", bytearray(inflate(codec, data, INFLATED_MOST))


def inflate(codec: int, data: bytes, most: int) -> bytes | bytearray:
    """What a batch's compressed bytes become. Raises Unreadable above `most` bytes, and holds no more than them."""
    how = {1: _gzip, 2: _snappy, 3: _cramjam(cramjam.lz4), 4: _cramjam(cramjam.zstd)}.get(codec)
    if how is None:
        raise Unreadable(f"a batch under the unknown codec {codec}")
    try:
        found = how(data, most)
    except (OSError, EOFError, ValueError, struct.error, cramjam.DecompressionError):
        raise Unreadable("a batch that cannot be inflated") from None
    if found is None:
        raise _TooLarge(f"a batch that inflates above {most} bytes")
    return found


def _gzip(data: bytes, most: int) -> bytes | None:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        found = stream.read(most + 1)
        return found if len(found) <= most else None


def _snappy(data: bytes, most: int) -> bytes | None:
    """Snappy as it is, or in blocks as Java's library writes it. Each block says first how large it becomes."""
    found, left = list[bytes](), most
    for block in _xerial(data) if data.startswith(XERIAL) else (data,):
        left -= cramjam.snappy.decompress_raw_len(block)
        if left < 0:
            return None
        found.append(bytes(cramjam.snappy.decompress_raw(block)))
    return b"".join(found)


def _xerial(data: bytes) -> Iterator[bytes]:
    at = XERIAL_HEAD
    while at < len(data):
        length = struct.unpack_from(">i", data, at)[0]
        if length <= 0:
            raise ValueError("a block without a length")
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def _cramjam(codec: Any) -> Callable[[bytes, int], bytearray | None]:
    def inflated(data: bytes, most: int) -> bytearray | None:
        """Into a buffer that cannot grow: a small one first, for nearly every batch fits."""
        for room in (min(most, 32 * len(data) + KEPT), most):
            buffer = bytearray(room)
            try:
                size = codec.decompress_into(data, buffer)
            except cramjam.DecompressionError as error:
                if "whole buffer" not in str(error):
                    raise
                continue
            del buffer[size:]
            return buffer
        return None

    return inflated


def take_over() -> None:
    """From now on every consumer of this process unpacks so."""
    fetcher.MemoryRecords = Fetched
    fetcher.PartitionRecords = Unpacked
