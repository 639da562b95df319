"""The change feed (лента изменений): the register's own topic, read as it stands and given out by cursor.

Nothing of it is kept here: Kafka holds the facts, the caller holds the cursor. A cursor is the offsets of all
partitions, with the last sequences of the subjects that were given out last. From them follows

- order: a pilot's facts stand in one partition, and are given in the order in which they stand there;
- no gap: the next answer begins where this one ended, whichever replica gives it, however often it was restarted;
- duplicates: a fact that was sent twice stands twice in the topic. It is dropped within an answer, and between
  answers as long as its pilot is among the `REMEMBERED` last ones that the cursor knows. Beyond that it may come
  again with the same event (and the same subject and sequence, where these are told): who must not take it twice
  compares that.

Other subjects than pilots (lists that were taken out) are passed over.
"""

import asyncio
import base64
import hashlib
import logging
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from aiokafka.errors import KafkaError
from fastapi import FastAPI
from pydantic import BaseModel, Field

from contracts import topics
from contracts.event import BrokenEvent, parse_own_fact
from contracts.registry import REGISTRY
from contracts.topics import FACT_MAX_BYTES, fact_topic
from services.chassis.problems import Problematic
from services.chassis.settings import Settings
from services.chassis.shares import Turns
from services.chassis.store import Row, Store
from services.chassis.topic_reader import REQUEST_MS, TopicReader
from services.chassis.web import MOST
from services.registry.handlers import TIMELINE, projection

log = logging.getLogger(__name__)

TOPIC: Final = fact_topic(topics.REGISTRY)
NOW: Final = "now"
"""In the place of a cursor: from the end of the topic."""
VERSION: Final = 1
REMEMBERED: Final = MOST
"""Of how many subjects a cursor knows the last sequence: of as many as the largest answer can hold."""
MOST_BYTES: Final = 4 * FACT_MAX_BYTES
"""Facts of so many bytes end an answer before it is full."""
READERS: Final = 4
"""How many answers are read from Kafka at the same time."""
LOOK_EVERY: Final = 0.1
"""Seconds between two looks whether the topic has grown, while anybody waits; one look serves all who wait."""
READ_WITHIN: Final = 10.0
"""Seconds for one answer, once there is something to read."""
ANSWER_WITHIN: Final = 20.0
"""Seconds after which an answer fails that should have come, with all its waiting for its turn."""
POLL_MS: Final = 100
PARTITION_BYTES: Final = 128 * 1024
"""Bytes of a partition that a reader fetches at once; a larger fact comes alone."""

Item = dict[str, Any]
Told = Callable[[Sequence[Row]], Awaitable[list[Item]]]
"""What the caller is told of rows of the timelines, each with its pilot under `subject`."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a reader stands: the next offset of each partition, and the last sequences of the latest subjects."""

    offsets: tuple[int, ...]
    seen: Mapping[bytes, int] = field(default_factory=dict)


class Changes(BaseModel):
    """A part of the feed. `next` goes on after it, also where nothing came; `more`: there is more already. `persons`
    has display names by opaque id, for a caller who may know them."""

    items: list[Item]
    next: str
    more: bool
    persons: dict[str, str] = Field(default_factory=dict)


# ---- cursors


def text_of(cursor: Cursor, topic: str) -> str:
    """A cursor as it is given out."""
    said = struct.pack(f">BB{len(cursor.offsets)}Q", VERSION, len(cursor.offsets), *cursor.offsets)
    said += b"".join(mark + struct.pack(">Q", sequence) for mark, sequence in cursor.seen.items())
    return base64.urlsafe_b64encode(_check(said, topic) + said).decode().rstrip("=")


def cursor_of(text: str, topic: str) -> Cursor:
    """A cursor that was given out. Raises Problematic 400 for anything else.

    What guards it is a checksum, no signature: it finds what was cut, changed or made up by mistake. Who makes one up
    on purpose only reads from another place what his role lets him read anyhow.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        check, said = raw[:8], raw[8:]
        version, count = struct.unpack_from(">BB", said)
        offsets = struct.unpack_from(f">{count}Q", said, 2)
        rest = said[2 + 8 * count :]
        if check != _check(said, topic) or version != VERSION or len(rest) % 16:
            raise bad_cursor()
    except (ValueError, struct.error):
        raise bad_cursor() from None
    return Cursor(offsets, {rest[n : n + 8]: int.from_bytes(rest[n + 8 : n + 16]) for n in range(0, len(rest), 16)})


def bad_cursor() -> Problematic:
    """What is said to a cursor that this feed did not give out."""
    return Problematic(400, "cursor.bad")


def _check(said: bytes, topic: str) -> bytes:
    return hashlib.blake2b(said, digest_size=8, key=topic.encode()[:64]).digest()


def _mark(subject: str) -> bytes:
    return hashlib.blake2b(subject.encode(), digest_size=8).digest()


# ---- one answer


class _Gathered:
    """What one answer has so far, and how far it is in each partition."""

    def __init__(self, cursor: Cursor, limit: int) -> None:
        self.rows: list[Row] = []
        self.offsets = list(cursor.offsets)
        self._seen = dict(cursor.seen)
        self._limit = limit
        self._bytes = 0

    @property
    def full(self) -> bool:
        return len(self.rows) >= self._limit or self._bytes >= MOST_BYTES

    def cursor(self, before: Cursor, told: Iterable[Item]) -> Cursor:
        """Where the next answer begins. Of subjects of whose facts the caller was not told it remembers no more than
        before: a cursor can be taken apart."""
        hidden = {_mark(row["pilot"]) for row in self.rows} - {_mark(item["subject"]) for item in told}
        seen = {mark: before.seen.get(mark) if mark in hidden else last for mark, last in self._seen.items()}
        known = [(mark, last) for mark, last in seen.items() if last is not None]
        return Cursor(tuple(self.offsets), dict(known[-REMEMBERED:]))

    def behind(self, ends: Iterable[int]) -> list[int]:
        """The partitions that have more."""
        return [n for n, (at, end) in enumerate(zip(self.offsets, ends, strict=True)) if at < end]

    def reached(self, offsets: Mapping[int, int]) -> None:
        """Goes on to these offsets; what stands before them was taken, or is no record."""
        for partition, at in offsets.items():
            self.offsets[partition] = max(at, self.offsets[partition])

    def take(self, partition: int, offset: int, value: bytes) -> None:
        """Takes a record; none any more once it is full, for the next answer begins with that one."""
        if self.full:
            return
        self.offsets[partition] = offset + 1
        row = row_of(value)
        if row is None:
            return
        mark = _mark(row["pilot"])
        last = self._seen.pop(mark, 0)
        self._seen[mark] = max(last, row["sequence"])  # at the end: the latest are remembered
        if row["sequence"] > last:
            self.rows.append(row)
            self._bytes += len(value)


def row_of(value: bytes) -> Row | None:
    """A fact as a row of the timeline. None for what is no fact of a pilot."""
    try:
        event = parse_own_fact(value, REGISTRY)
        if ":" in event.subject:
            return None
        return next((row for name, row in projection(event) if name == TIMELINE), None)
    except BrokenEvent as error:
        log.error("a record of the register's own topic cannot be shown: %s", type(error).__name__)
        return None


# ---- Kafka


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Where the partitions begin and end, as it was looked up at a moment of the monotonic clock."""

    at: float
    begins: tuple[int, ...]
    ends: tuple[int, ...]


class Feed:
    """A few readers of the topic, lent to one answer at a time, and one that looks how far the topic goes."""

    def __init__(self, settings: Settings, topic: str = TOPIC) -> None:
        self._topic = topic
        self._settings = settings
        # Those who wait are counted too; one caller never has all readers.
        self._asking = Turns("polls", settings.polls, settings.polls_of_one)
        self._reading = Turns("feed", READERS, READERS // 2, waiting=settings.polls, within=ANSWER_WITHIN)
        self._idle: list[TopicReader] = []
        self._looking = asyncio.Lock()
        self._looker: TopicReader | None = None
        self._bounds: _Bounds | None = None
        self._closed = False

    async def changes(
        self, who: str, after: str | None, limit: int, wait: float, gone: Callable[[], Awaitable[bool]], told: Told
    ) -> Changes:
        """What came after a cursor (None: all that there is), at most `limit`, as soon as there is anything that the
        caller, whose share it takes, is `told` of.

        Waits so many seconds for it, unless the caller is `gone`. Raises Problematic: 400 for a bad cursor, 410 where
        the topic no longer holds what follows it, 429 when the caller asks too often at once, 503 when too many ask or
        Kafka is away.
        """
        if self._closed:
            raise Problematic(503, "service.busy", action="retry", headers={"Retry-After": "1"})
        async with self._asking.of(who):
            try:
                async with asyncio.timeout(wait + ANSWER_WITHIN):
                    return await self._changes(who, after, limit, wait, gone, told)
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("the change feed cannot be read: %s: %s", type(error).__name__, error)
                raise Problematic(503, "kafka.away", action="retry", headers={"Retry-After": "2"}) from error

    async def close(self) -> None:
        """Ends every consumer; who still reads gets an error."""
        self._closed = True
        looker, self._looker = self._looker, None
        idle, self._idle = self._idle, []
        for consumer in [*idle, *([looker] if looker else [])]:
            await consumer.stop()

    async def _changes(
        self, who: str, after: str | None, limit: int, wait: float, gone: Callable[[], Awaitable[bool]], told: Told
    ) -> Changes:
        begun = time.monotonic()
        bounds = await self._look(begun)
        cursor = self._start(after, bounds)
        while True:
            gathered = await self._read(who, cursor, bounds.ends, limit)
            left, more = begun + wait - time.monotonic(), bool(gathered.behind(bounds.ends))
            items = await told(gathered.rows)
            cursor = gathered.cursor(cursor, items)
            if items or left <= 0 or await gone():
                return Changes(items=items, next=text_of(cursor, self._topic), more=more)
            await asyncio.sleep(0 if more else min(LOOK_EVERY, left))
            bounds = await self._look(time.monotonic() - LOOK_EVERY)

    def _start(self, after: str | None, bounds: _Bounds) -> Cursor:
        if after is None:
            return Cursor(bounds.begins)
        if after == NOW:
            return Cursor(bounds.ends)
        cursor = cursor_of(after, self._topic)
        if len(cursor.offsets) != len(bounds.ends) or _any_beyond(cursor.offsets, bounds.ends):
            raise bad_cursor()
        if _any_beyond(bounds.begins, cursor.offsets):
            raise Problematic(410, "cursor.gone")
        return cursor

    async def _look(self, since: float) -> _Bounds:
        """Where the topic begins and ends, looked up at this moment of the monotonic clock or after it."""
        async with self._looking:
            if self._bounds is None or self._bounds.at < since:
                at = time.monotonic()
                try:
                    self._bounds = await self._looked(at)
                except BaseException:
                    looker, self._looker = self._looker, None
                    if looker is not None:
                        await looker.stop()
                    raise
            return self._bounds

    async def _looked(self, at: float) -> _Bounds:
        if self._looker is None:
            self._looker = await self._opened("latest")
            self._looker.rest()  # it only asks for offsets
        bounds = await self._looker.bounds()
        return _Bounds(at, tuple(bounds.begins.values()), tuple(bounds.ends.values()))

    async def _read(self, who: str, cursor: Cursor, ends: tuple[int, ...], limit: int) -> _Gathered:
        """Reads on from a cursor until the answer is full or the partitions end as they did when it was looked."""
        gathered = _Gathered(cursor, limit)
        behind = gathered.behind(ends)
        if not behind:
            return gathered
        async with self._lent(who) as reader:
            reader.place({n: gathered.offsets[n] for n in behind})
            until = time.monotonic() + READ_WITHIN
            while not gathered.full and gathered.behind(ends):
                for partition, records in (await reader.poll(limit)).items():
                    for record in records:
                        gathered.take(partition, record.offset, record.value or b"")
                if not gathered.full:  # what is no record may stand behind the last one
                    gathered.reached(reader.taken())
                if time.monotonic() > until:
                    break
        if gathered.offsets == list(cursor.offsets):
            raise TimeoutError("Kafka has more, but does not hand it out")
        return gathered

    @asynccontextmanager
    async def _lent(self, who: str) -> AsyncIterator[TopicReader]:
        """A reader for one answer alone. One that failed, or was left in the middle, is not lent again."""
        async with self._reading.of(who):
            reader = self._idle.pop() if self._idle else await self._opened(None)
            whole = False
            try:
                yield reader
                whole = not self._closed
            finally:
                if whole:
                    reader.rest()
                    self._idle.append(reader)
                else:
                    await reader.stop()

    async def _opened(self, begins: Literal["latest"] | None) -> TopicReader:
        if self._closed:
            raise ConnectionError("the feed is closed")
        reader = TopicReader(
            self._settings,
            self._topic,
            begins=begins,
            partition_bytes=PARTITION_BYTES,
            wait_ms=POLL_MS,
            request_ms=REQUEST_MS,
        )
        await reader.start()
        return reader


def _any_beyond(some: Iterable[int], others: Iterable[int]) -> bool:
    return any(one > other for one, other in zip(some, others, strict=True))


async def run(app: FastAPI, _store: Store, settings: Settings) -> None:
    """For the life of the process: shows the feed to the routes as `app.state.changes`, and closes it at the end."""
    app.state.changes = feed = Feed(settings)
    try:
        await asyncio.Event().wait()
    finally:
        await feed.close()
