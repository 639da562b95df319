"""Follows the register's own topic for all views that are derived from it: the search indexes and the figures.

The topic is read once, without a group. A record only says that a pilot changed. What is taken in is the pilot's
document, which is at least as new as any of its facts in the topic (a fact is sent after its document is written), so
it is loaded once for all views, however many facts came of it meanwhile.

Each view knows the offsets below which everything is in it. One that comes to the others places the reader back to
where it stands: what the others have already is put into them again, which changes nothing. One that fails is let go,
and the others go on.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from aiokafka.errors import KafkaError

from contracts.topics import REGISTRY, fact_topic
from services.chassis import telemetry
from services.chassis.bus import PARTITION_BYTES
from services.chassis.settings import Settings
from services.chassis.store import SUBJECTS, Row, Store, StoreAway
from services.chassis.topic_reader import TopicReader
from services.registry.domain.state import KIND
from services.registry.finding.index import in_thread
from services.registry.projections.progress import SILENT, Progress

log = logging.getLogger(__name__)

TOPIC: Final = fact_topic(REGISTRY)
FIELDS: Final = ("kind", "version", "correlation", "state")
PILOTS: Final = {"kind": KIND, "version": {"$gt": 0}}
"""The documents that are pilots: one that only waits for its first fact is none yet."""
POLLED: Final = 2000
"""Records that are looked at together."""
LOADED: Final = 50
"""How many stored pilots are in memory at once."""
SHARE: Final = 4
"""After pilots were taken in, changes gather for so many times as long as that took."""
LONGEST_GATHERING: Final = 4.0
"""But no longer than so many seconds."""
MOST_CHANGED: Final = 5000
"""With so many changed pilots they gather no longer."""
GATHER_MS: Final = 900
"""So long Kafka gathers what came in, before it hands it out: taking one pilot in costs nearly as much as taking
twenty. With `LONGEST_GATHERING` it bounds how late a change is seen."""
GATHER_BYTES: Final = 2 * 1024 * 1024
"""With so many bytes it gathers no longer."""


class Damaged(Exception):
    """What a view holds cannot be believed: it must be begun anew."""


class Away(Exception):
    """The topic or the documents cannot be read now."""


class Projection(Protocol):
    """What is folded from the register's own topic, with the offsets below which everything is in it."""

    offsets: dict[int, int]
    damaged: bool

    @property
    def progress(self) -> Progress:
        """How far it is."""

    def put(self, rows: Iterable[Row], gone: Iterable[str] = ()) -> None:
        """Takes in these pilots as they are stored now, and takes out what is gone."""

    def close(self) -> None:
        """Lets it go."""


Commit = Callable[[Any, bool], None]
"""Shows what was put into a view, and stores its offsets with it. True: it holds all of the topic below them."""


@dataclass(frozen=True, slots=True)
class _Followed:
    """A view that is followed, until something ends that."""

    view: Projection
    commit: Commit
    ended: asyncio.Future[None]

    def end(self, error: Exception) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)

    async def does(self, call: Callable[..., None], *args: Any) -> None:
        """Lets the view do something, off the event loop; what it raises ends this view alone."""
        if not self.ended.done():
            try:
                await in_thread(call, *args)
            except Exception as error:
                self.end(error)


@dataclass(slots=True)
class _Read:
    """How far the topic is read, when last nothing of it was unread, which pilots changed since they were taken in,
    and until when changes gather."""

    offsets: dict[int, int]
    whole_at: float = -SILENT
    changed: dict[str, None] = field(default_factory=dict)
    gather_until: float = 0.0


class Follower:
    """The one reader of the topic, and the views that it keeps up with it."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._views: list[_Followed] = []
        self._joined = asyncio.Event()

    async def follow(self, view: Projection, commit: Commit) -> None:
        """Keeps a view, which holds all of the topic below its offsets, up with it for as long as that goes.

        Raises what ended it: Away, Damaged, or what the view itself raised.
        """
        one = _Followed(view, commit, asyncio.get_running_loop().create_future())
        self._views.append(one)
        self._joined.set()
        try:
            await one.ended
        finally:
            one.ended.cancel()
            self._views.remove(one)

    async def run(self) -> None:
        """Reads for the life of the process, whenever there is a view to be followed."""
        while True:
            await self._joined.wait()
            topic = reader(self._settings)
            try:
                await topic.start()
                await self._read(topic)
            except Exception as error:
                if not isinstance(error, (KafkaError, StoreAway, OSError)):
                    log.exception("the topic cannot be followed: %s", type(error).__name__)
                for one in self._views:
                    one.end(Away(f"{type(error).__name__}: {error}"))
            finally:
                self._joined.clear()
                await topic.stop()

    async def _read(self, topic: TopicReader) -> None:
        """Reads as long as there is a view."""
        read = _Read({})
        while views := [one for one in self._views if not one.ended.done()]:
            if self._joined.is_set():
                self._joined.clear()
                read = _Read(_least(one.view for one in views))
                topic.place(read.offsets)
            for one in views:
                if one.view.damaged:
                    one.end(Damaged("an answer could not be read from it"))
            await self._step(topic, read, views)

    async def _step(self, topic: TopicReader, read: _Read, views: Sequence[_Followed]) -> None:
        """One poll: notes what changed, and takes it in when it is time."""
        for records in (await topic.poll(POLLED)).values():
            read.changed |= dict.fromkeys(_pilots(records))
        # What is no record may stand behind the last one: the offset is that of what comes next, if it is known yet.
        read.offsets |= topic.taken()
        now = time.monotonic()
        if topic.caught_up(read.offsets, SILENT):
            read.whole_at = now
        if read.changed and (now >= read.gather_until or len(read.changed) >= MOST_CHANGED):
            await self._take(read, views)
            ended = time.monotonic()
            read.gather_until = ended + min(SHARE * (ended - now), LONGEST_GATHERING)
        if not read.changed:
            for one in views:
                one.view.progress.confirmed_at = max(one.view.progress.confirmed_at, read.whole_at)
                if read.whole_at == now:
                    telemetry.VIEW_CONFIRMED.labels(type(one.view).__name__.lower()).set_to_current_time()

    async def _take(self, read: _Read, views: Sequence[_Followed]) -> None:
        """Takes in what changed, as it is stored now, and commits it."""
        subjects = list(read.changed)
        for first in range(0, len(subjects), LOADED):
            some = subjects[first : first + LOADED]
            rows = await documents(self._store, some)
            gone = set(some) - {row["_id"] for row in rows}
            for one in views:
                await one.does(one.view.put, rows, gone)
        for one in views:
            at = one.view.offsets
            at |= {partition: max(offset, at.get(partition, 0)) for partition, offset in read.offsets.items()}
            await one.does(one.commit, one.view, True)
        read.changed.clear()


def reader(settings: Settings) -> TopicReader:
    """A reader of the topic that lets changes gather."""
    return TopicReader(
        settings,
        TOPIC,
        begins="earliest",
        partition_bytes=PARTITION_BYTES,
        wait_ms=GATHER_MS,
        least_bytes=GATHER_BYTES,
    )


def _least(views: Iterable[Projection]) -> dict[int, int]:
    """For each partition, the offset of the view that is behind the others."""
    least = dict[int, int]()
    for view in views:
        for partition, offset in view.offsets.items():
            least[partition] = min(offset, least.get(partition, offset))
    return least


def _pilots(records: Iterable[Any]) -> list[str]:
    """The pilots that records are about; other kinds of subjects are named `<kind>:<id>`."""
    named = (record.key.decode("utf-8", "replace") for record in records if record.key)
    return [subject for subject in named if ":" not in subject]


async def documents(store: Store, subjects: Sequence[str], fields: Sequence[str] = FIELDS) -> list[Row]:
    """The stored pilots of these ids, as the views take them, with one query. Raises StoreAway."""
    query = {**PILOTS, "_id": {"$in": list(subjects)}}
    return await store.rows(SUBJECTS, query, sort=[("_id", 1)], limit=max(1, len(subjects)), fields=fields)
