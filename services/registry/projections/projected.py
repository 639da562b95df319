"""The views that are derived from the register's own topic, each with a life of its own: opened, taken in, followed.

Each has a folder that it alone uses. One that is not there, damaged or of another version is made anew, not from the
topic but from the documents: it notes where the topic ends, takes in every document once, however many facts made it,
and is followed from the noted place. Meanwhile the others are followed as before.
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
from typing import Any, Final

from aiokafka.errors import KafkaError
from fastapi import FastAPI

from services.chassis.settings import Settings
from services.chassis.store import BY_ID, SUBJECTS, Row, Store, StoreAway
from services.registry.domain.state import KIND
from services.registry.figures.figures import begin_anew as begin_figures
from services.registry.figures.figures import open_figures
from services.registry.finding.finding import READ, alone, open_finding
from services.registry.finding.finding import begin_anew as begin_finding
from services.registry.finding.index import in_thread
from services.registry.projections.follower import (
    FIELDS,
    PILOTS,
    TOPIC,
    Away,
    Commit,
    Damaged,
    Follower,
    Projection,
    reader,
)

log = logging.getLogger(__name__)

PAGE: Final = 500
"""How many stored pilots are loaded at once while a view is made anew."""
COMMIT_EVERY: Final = 15.0
"""Seconds between two commits meanwhile."""
PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Projected:
    """A kind of projection: its name, under which the routes find it in `app.state`, its folder below that of the
    settings, how it is opened, begun anew and committed, and which fields of a stored pilot it is made of."""

    name: str
    folder: str
    open: Callable[[Path], Any]
    begin_anew: Callable[[Path], Any]
    commit: Commit
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


async def project(
    app: FastAPI, store: Store, settings: Settings, kinds: Iterable[Projected] = (FINDING, FIGURES)
) -> None:
    """For the life of the process: opens the views, shows them to the routes in `app.state`, and has them followed.

    Without a folder in the settings they live in one of their own, and are made anew at every start.
    """
    own = None if settings.index_dir else await asyncio.to_thread(tempfile.mkdtemp, prefix="lotsman-index-")
    follower = Follower(store, settings)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(follower.run())
            for kind in kinds:
                folder = Path(own or settings.index_dir) / kind.folder
                tasks.create_task(_Life(kind, folder, app, store, settings, follower).live())
    finally:
        if own:
            shutil.rmtree(own, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Life:
    """The life of one view in a process."""

    kind: Projected
    folder: Path
    app: FastAPI
    store: Store
    settings: Settings
    follower: Follower

    async def live(self) -> None:
        """Opens it as soon as no other process uses it, and keeps it up."""
        while True:
            try:
                with alone(self.folder):
                    await self._keep()
            except (OSError, ValueError) as error:
                log.critical("%s cannot be opened; everything else works: %s", self.kind.name, error)
                await asyncio.sleep(LONGEST_PAUSE)

    async def _keep(self) -> None:
        view = await in_thread(self.kind.open, self.folder)
        while True:
            setattr(self.app.state, self.kind.name, view)
            try:
                await self._follow(view)
            finally:
                setattr(self.app.state, self.kind.name, None)
                await in_thread(view.close)
            log.warning("%s is begun anew", self.kind.name)
            view = await in_thread(self.kind.begin_anew, self.folder)

    async def _follow(self, view: Projection) -> None:
        """Takes in and follows, through outages of Kafka and MongoDB; returns when the view must be begun anew."""
        pause = PAUSE
        while True:
            try:
                ends = await self._ends(view)
                if not view.progress.whole:
                    await self._take_all(view, ends)
                pause = PAUSE
                await self.follower.follow(view, self.kind.commit)
            except Damaged as error:
                log.warning("%s: %s", self.kind.name, error)
                return
            except (Away, KafkaError, StoreAway, OSError) as error:
                log.warning("%s waits: %s: %s", self.kind.name, type(error).__name__, error)
            except Exception as error:  # a writer that broke cannot go on
                log.exception("%s is damaged: %s", self.kind.name, type(error).__name__)
                view.damaged = True
                await asyncio.sleep(pause)
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _ends(self, view: Projection) -> Mapping[int, int]:
        """Where the topic ends now. The view's own place is moved to where the topic begins, where it is before that.
        Raises Damaged where the view is ahead of the topic."""
        topic = reader(self.settings)
        await topic.start()
        try:
            bounds = await topic.bounds()
        finally:
            await topic.stop()
        if not bounds.ends:
            raise OSError(f"{TOPIC} does not exist yet")
        at = view.offsets
        if any(at.get(partition, 0) > end for partition, end in bounds.ends.items()):
            raise Damaged("the topic ends before what is in it: it is another one")
        at |= {partition: max(at.get(partition, 0), begin) for partition, begin in bounds.begins.items()}
        view.progress.total = sum(bounds.ends.values())
        return bounds.ends

    async def _take_all(self, view: Projection, ends: Mapping[int, int]) -> None:
        """Takes in every pilot as it is stored; with that the view stands at these ends of the topic, looked up before.

        Until then it stands where it stood: what ends halfway is done again. One page is read while another is taken
        in.
        """
        there, taken = await self.store.count(SUBJECTS, {"kind": KIND}, limit=sys.maxsize), 0
        committed = time.monotonic()
        rows = await _page(self.store, "", self.kind.fields)
        while rows:
            following = asyncio.create_task(_page(self.store, rows[-1]["_id"], self.kind.fields))
            await in_thread(view.put, rows)
            taken += len(rows)
            rows = await following
            view.progress.done = view.progress.total * min(taken, there) // max(there, 1)
            if time.monotonic() - committed >= COMMIT_EVERY:
                await in_thread(self.kind.commit, view, False)
                committed = time.monotonic()
        view.offsets.update(ends)
        await in_thread(self.kind.commit, view, True)


async def _page(store: Store, after: str, fields: Sequence[str]) -> list[Row]:
    query = {**PILOTS, "_id": {"$gt": after}}
    return await store.rows(SUBJECTS, query, sort=BY_ID, limit=PAGE, fields=fields, hint=BY_ID)
