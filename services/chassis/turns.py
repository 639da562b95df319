"""Work on the event loop that gives way: long work to others, so that a batch of hundreds takes as long as before, and
who comes with one command meanwhile waits milliseconds for it, not until its end; and what waits for MongoDB to what
could be asked there meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Any, Final, ParamSpec, TypeVar

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
T = TypeVar("T")
P = ParamSpec("P")

SLICE: Final = 0.005
"""Seconds of work after which others have their turn."""
LARGE: Final = 64 * 1024
"""Above so many bytes, reading something takes longer than others shall wait for their turn."""


async def aside(size: int, call: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """What a call returns that reads something of this size: in a thread where that takes long, so that Python gives
    way to others every few milliseconds. Raises what it raises."""
    return call(*args, **named) if size <= LARGE else await asyncio.to_thread(call, *args, **named)


async def in_turns(items: Iterable[T], *, seconds: float = SLICE) -> AsyncIterator[T]:
    """The items one by one; between two of them others have their turn, when what was done with the ones before took so
    many seconds."""
    began = time.perf_counter()
    for one in items:
        yield one
        if time.perf_counter() - began > seconds:
            await asyncio.sleep(0)
            began = time.perf_counter()


async def side_by_side(
    one: Coroutine[Any, Any, A], two: Coroutine[Any, Any, B], three: Coroutine[Any, Any, C]
) -> tuple[A, B, C]:
    """What three works come to, none of which waits for another. When it returns or raises all three have ended, so
    nothing goes on behind the back of who asked. Raises what the first of them that failed raised, in their order."""
    loop = asyncio.get_running_loop()
    first, second, third = loop.create_task(one), loop.create_task(two), loop.create_task(three)
    await asyncio.gather(first, second, third, return_exceptions=True)
    return first.result(), second.result(), third.result()
