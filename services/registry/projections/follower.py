"""Keeps the projections of the register's own topic up with it: the search indexes and the figures.

The topic is read without a group, for each projection from the offsets it stands at. A record only says that a pilot
changed. What is taken in is the pilot's document, which is at least as new as any of its facts in the topic (a fact
is sent after its document is written), so each batch costs one query. For the same reason a projection that is made
anew need not read the topic from its beginning: it notes where the topic ends, takes in every document once, however
many facts made it, and follows the topic from the noted place.
"""

import asyncio
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from aiokafka.errors import KafkaError
from fastapi import FastAPI

from contracts.topics import REGISTRY, fact_topic
from services.chassis.bus import PARTITION_BYTES
from services.chassis.settings import Settings
from services.chassis.store import BY_ID, SUBJECTS, Row, Store, StoreAway
from services.chassis.topic_reader import TopicReader
from services.registry.domain.state import KIND
from services.registry.figures.figures import begin_anew as begin_figures
from services.registry.figures.figures import open_figures
from services.registry.finding.finding import READ, alone, open_finding
from services.registry.finding.finding import begin_anew as begin_finding
from services.registry.finding.index import in_thread
from services.registry.projections import progress

log = logging.getLogger(__name__)

TOPIC: Final = fact_topic(REGISTRY)
FIELDS: Final = ("kind", "version", "correlation", "state")
PILOTS: Final = {"kind": KIND, "version": {"$gt": 0}}
"""The documents that are pilots: one that only waits for its first fact is none yet."""
BATCH: Final = 2000
LOADED: Final = 100
"""How many stored pilots are in memory at once: those of a whole batch would be a hundred megabytes."""
COMMIT_EVERY: Final = 0.5
"""Seconds between two commits at least: with what Kafka gathers before, a change is seen within two."""
COMMIT_EVERY_WHILE_BUILDING: Final = 15.0
GATHER_MS: Final = 900
"""So long Kafka gathers what came in, before it hands it out: taking one pilot in costs nearly as much as taking
twenty."""
GATHER_BYTES: Final = 2 * 1024 * 1024
"""With so many bytes it gathers no longer."""
PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 10.0


class _Replaced(Exception):
    """The topic does not hold what the indexes were made from, or they are damaged: they must be begun anew."""


@dataclass(slots=True)
class _Reading:
    """A reader of the topic, and what came of it since the last commit."""

    topic: TopicReader
    dirty: bool = False
    committed: float = 0.0


class Projection(Protocol):
    """What is folded from the register's own topic, with the offsets below which everything is in it."""

    offsets: dict[int, int]
    damaged: bool

    @property
    def progress(self) -> Any:
        """How far it is: done, total, whole, confirmed_at."""

    def put(self, rows: Iterable[Row], gone: Iterable[str] = ()) -> None:
        """Takes in these pilots as they are stored now, and takes out what is gone."""

    def close(self) -> None:
        """Lets it go."""


@dataclass(frozen=True, slots=True)
class Projected:
    """A kind of projection: its name, under which the routes find it in `app.state`, its folder below that of the
    settings, how it is opened and begun anew, how what was put is committed (`whole`: all of the topic is in), and
    which fields of a stored pilot it is made of."""

    name: str
    folder: str
    open: Callable[[Path], Any]
    begin_anew: Callable[[Path], Any]
    commit: Callable[[Any, bool], None]
    fields: Sequence[str]


FINDING: Final = Projected(
    "finding", "", open_finding, begin_finding, lambda finding, whole: finding.commit(whole=whole), READ
)
"""The search indexes."""
FIGURES: Final = Projected(
    "figures",
    "sums",
    open_figures,
    begin_figures,
    lambda figures, whole: figures.commit(figures.offsets, whole=whole),
    FIELDS,
)
"""The figures."""
PROJECTIONS: Final = (FINDING, FIGURES)
"""All of them: each is followed by itself, so that one that is made anew holds up no other."""


async def project(kind: Projected, app: FastAPI, store: Store, settings: Settings) -> None:
    """For the life of the process: opens the view, shows it to the routes in `app.state`, and follows.

    Without a folder in the settings it lives in one of its own, and is made anew at every start.
    """
    own = None if settings.index_dir else await asyncio.to_thread(tempfile.mkdtemp, prefix="lotsman-index-")
    folder = Path(own or settings.index_dir) / kind.folder
    try:
        while True:
            try:
                with alone(folder):
                    await _project(kind, app, store, settings, folder)
            except (OSError, ValueError) as error:
                log.critical("%s cannot be opened; everything else works: %s", kind.name, error)
                await asyncio.sleep(LONGEST_PAUSE)
    finally:
        if own:
            shutil.rmtree(own, ignore_errors=True)


async def _project(kind: Projected, app: FastAPI, store: Store, settings: Settings, folder: Path) -> None:
    view = await in_thread(kind.open, folder)
    while True:
        setattr(app.state, kind.name, view)
        try:
            await _follow(kind, view, store, settings)
        finally:
            setattr(app.state, kind.name, None)
            view.close()
        log.warning("%s is begun anew", kind.name)
        view = await in_thread(kind.begin_anew, folder)


async def _follow(kind: Projected, view: Projection, store: Store, settings: Settings) -> None:
    """Reads on, through outages of Kafka and MongoDB; returns when the indexes must be begun anew."""
    pause = PAUSE
    while True:
        topic = TopicReader(
            settings,
            TOPIC,
            begins="earliest",
            partition_bytes=PARTITION_BYTES,
            wait_ms=GATHER_MS,
            least_bytes=GATHER_BYTES,
        )
        reading = _Reading(topic)
        try:
            ends = await _start(reading, view)
            if not view.progress.whole:
                await _take_all(kind, reading, view, store, ends)
            while True:
                await _step(kind, reading, view, store)
                pause = PAUSE
        except _Replaced as error:
            log.warning("%s", error)
            return
        except (KafkaError, StoreAway, OSError) as error:
            log.warning("%s waits: %s: %s", kind.name, type(error).__name__, error)
        except Exception as error:  # a writer that broke cannot go on
            log.exception("%s is damaged: %s", kind.name, type(error).__name__)
            view.damaged = True
            await asyncio.sleep(pause)
            return
        finally:
            await topic.stop()
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def _start(reading: _Reading, view: Projection) -> Mapping[int, int]:
    """Places the reader where the view stands; returns where the topic ends."""
    await reading.topic.start()
    bounds = await reading.topic.bounds()
    if not bounds.ends:
        raise OSError(f"{TOPIC} does not exist yet")
    for partition, end in bounds.ends.items():
        offset = view.offsets.get(partition, 0)
        if offset > end:
            raise _Replaced("the topic ends before what is indexed: it is another one")
        view.offsets[partition] = max(offset, bounds.begins[partition])
    reading.topic.place({partition: view.offsets[partition] for partition in bounds.ends})
    view.progress.total = sum(bounds.ends.values())
    reading.committed = time.monotonic()
    return bounds.ends


async def _take_all(
    kind: Projected, reading: _Reading, view: Projection, store: Store, ends: Mapping[int, int]
) -> None:
    """Takes in every pilot as it is stored, then reads on from these ends of the topic, looked up before.

    Until then the view stands where it stood: what ends halfway is done again. One page is read while another is
    taken in.
    """
    there, taken = await store.count(SUBJECTS, {"kind": KIND}, limit=sys.maxsize), 0
    rows = await _page(store, "", kind.fields)
    while rows:
        following = asyncio.create_task(_page(store, rows[-1]["_id"], kind.fields))
        await in_thread(view.put, rows)
        taken += len(rows)
        rows = await following
        view.progress.done = view.progress.total * min(taken, there) // max(there, 1)
        if time.monotonic() - reading.committed >= COMMIT_EVERY_WHILE_BUILDING:
            await in_thread(kind.commit, view, False)
            reading.committed = time.monotonic()
    view.offsets.update(ends)
    reading.topic.place(ends)
    reading.dirty = True


async def _page(store: Store, after: str, fields: Sequence[str]) -> list[Row]:
    query = {**PILOTS, "_id": {"$gt": after}}
    return await store.rows(SUBJECTS, query, sort=BY_ID, limit=BATCH, fields=fields, hint=BY_ID)


async def _step(kind: Projected, reading: _Reading, view: Projection, store: Store) -> None:
    """One poll: indexes what came, commits when it is time, and notes how far it is."""
    if view.damaged:
        raise _Replaced("an answer could not be read from the index")
    came = await reading.topic.poll(BATCH)
    if came:
        await _take(kind, view, store, _subjects(came.values()))
        view.offsets.update({partition: records[-1].offset + 1 for partition, records in came.items()})
        reading.dirty = True
    caught_up = reading.topic.caught_up(view.offsets, progress.SILENT)
    first = caught_up and not view.progress.whole
    view.progress.done = sum(view.offsets.values())
    view.progress.total = max(view.progress.total, view.progress.done)
    every = COMMIT_EVERY if view.progress.whole else COMMIT_EVERY_WHILE_BUILDING
    now = time.monotonic()
    if first or (reading.dirty and now - reading.committed >= every):
        await in_thread(kind.commit, view, view.progress.whole or first)
        reading.dirty, reading.committed = False, time.monotonic()
    if caught_up:
        view.progress.confirmed_at = now


def _subjects(partitions: Iterable[Sequence[Any]]) -> list[str]:
    """The pilots that records are about, each once; other kinds of subjects are named `<kind>:<id>`."""
    keys = (record.key for records in partitions for record in records if record.key)
    named = dict.fromkeys(key.decode("utf-8", "replace") for key in keys)
    return [subject for subject in named if ":" not in subject]


async def _take(kind: Projected, view: Projection, store: Store, subjects: Sequence[str]) -> None:
    for first in range(0, len(subjects), LOADED):
        some = subjects[first : first + LOADED]
        rows = await documents(store, some, kind.fields)
        there = {row["_id"] for row in rows}
        gone = [subject for subject in some if subject not in there]
        await in_thread(view.put, rows, gone)


async def documents(store: Store, subjects: Sequence[str], fields: Sequence[str] = FIELDS) -> list[Row]:
    """The stored pilots of these ids, as the views take them, with one query. Raises StoreAway."""
    query = {**PILOTS, "_id": {"$in": list(subjects)}}
    return await store.rows(SUBJECTS, query, sort=[("_id", 1)], limit=max(1, len(subjects)), fields=fields)
