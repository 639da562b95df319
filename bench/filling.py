"""Fills a database with pilots before a measurement: in large batches, the next made meanwhile, the indexes last."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final

from bench.copies import Copy
from deploy.progress import Task
from services.chassis.store import SUBJECTS, Store
from services.registry.finding.finding import Finding

BATCH: Final = 2_000

Also = Callable[[Sequence[Copy]], None]
"""What is done with a batch, in a thread, while the database takes it."""


async def fill(store: Store, copies: Iterable[Copy], told: Task, also: Also | None = None) -> None:
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
