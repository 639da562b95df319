"""Fills a database with pilots before a measurement: in large batches, the next made meanwhile, the indexes last."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final

from bench.copies import Copies, Copy
from deploy.complaint import Complaint
from deploy.progress import Task
from services.chassis.store import SUBJECTS, Store, StoreAway
from services.registry.finding.finding import Finding
from services.registry.service import SERVICE

BATCH: Final = 2_000
INDEXES_WITHIN: Final = 900.0

Also = Callable[[Sequence[Copy]], None]
"""What is done with a batch, in a thread, while the database takes it."""


async def fill(store: Store, copies: Copies, told: Task, also: Also | None = None) -> None:
    """Writes copies of pilots as they are stored. Indexes that are there already make it several times as slow."""
    waiting = iter(copies)
    batch = await asyncio.to_thread(_next, waiting)
    while batch:
        writing = store.add(SUBJECTS, [one.document() for one in batch])
        following = asyncio.to_thread(_next, waiting)
        beside = asyncio.to_thread(also, batch) if also else asyncio.sleep(0)
        _, made, _ = await asyncio.gather(writing, following, beside)
        told.advance(len(batch))
        batch = made


def _next(waiting: Iterable[Copy]) -> list[Copy]:
    return list(islice(waiting, BATCH))


def indexed(finding: Finding) -> Also:
    """Takes copies into the search indexes; they are seen after its commit."""

    def index(batch: Sequence[Copy]) -> None:
        for one in batch:
            internal, public = one.entries()
            finding.internal.add([internal])
            finding.public.add([public] if public else [])

    return index


async def build_indexes(store: Store) -> None:
    """Indexes over many rows take longer than a call may wait; asking again joins the work that goes on."""
    deadline = time.monotonic() + INDEXES_WITHIN
    while True:
        try:
            return await store.prepare(SERVICE.indexes)
        except StoreAway as error:
            if time.monotonic() > deadline:
                raise Complaint("MongoDB did not build its indexes in time.") from error
            await asyncio.sleep(1)
