"""Long work on the event loop that gives way to others: a batch of hundreds takes as long as before, and who comes with
one command meanwhile waits milliseconds for it, not until its end."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Final, TypeVar

T = TypeVar("T")

SLICE: Final = 0.005
"""Seconds of work after which others have their turn."""


async def in_turns(items: Iterable[T], *, seconds: float = SLICE) -> AsyncIterator[T]:
    """The items one by one; between two of them others have their turn, when what was done with the ones before took so
    many seconds."""
    began = time.perf_counter()
    for one in items:
        yield one
        if time.perf_counter() - began > seconds:
            await asyncio.sleep(0)
            began = time.perf_counter()
