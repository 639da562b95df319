"""How often a process looks for work that nobody hands it: often while something happens in it, else seldom.

A loop looks for what a crash, an outage or another process left, or for what its own process is asked to make. The
latter begins with an input here; the former stands since an input here, or is nothing that anybody waits for by the
second. So whoever takes an input stirs all loops, and they look often for a while. Where nothing happens, looking two
times a second in five collections of three services was most of what they cost.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

log = logging.getLogger(__name__)

SELDOM: Final = 30.0
LIVELY: Final = 15.0
"""Seconds after an input in which what came of it may still be found unsent: Kafka refuses it within ten, and the sweep
takes it at an age of five."""


async def unknown() -> float | None:
    """Nothing is known of what comes."""
    return None


class Pace:
    """The pace of a process. `seldom` are the seconds between two looks where nothing happens, `lively` those after an
    input in which they come often; infinity: always. A process begins lively."""

    def __init__(self, seldom: float = SELDOM, lively: float = LIVELY) -> None:
        self._seldom = seldom
        self._lively = lively
        self._stirred_at = time.monotonic()
        self._stirring = asyncio.Event()

    def stir(self) -> None:
        """Something happens: whoever rests looks again at once, and often for a while."""
        self._stirred_at = time.monotonic()
        self._stirring.set()

    @property
    def calm(self) -> bool:
        """Whether nothing has happened for a while."""
        return time.monotonic() - self._stirred_at > self._lively

    async def every(
        self,
        seconds: float,
        what: str,
        step: Callable[[], Awaitable[object]],
        ahead: Callable[[], Awaitable[float | None]] = unknown,
    ) -> None:
        """Repeats a step for ever, every so many seconds or, where it is calm, seldom. A failure is logged as `what`,
        and the next turn tries again.

        `ahead` says, where it is calm, in how many seconds there will be something to do, as far as that is known.
        """
        while True:
            await asyncio.sleep(seconds)
            calm, then = self.calm, None
            try:
                await step()
                then = await ahead() if calm else None
            except Exception as error:
                self.stir()
                log.warning("%s: %s: %s", what, type(error).__name__, error)
            if calm:
                await self._rest(self._seldom if then is None else min(then, self._seldom), seconds)

    async def _rest(self, most: float, seconds: float) -> None:
        """Until it is stirred, or the look after next is due."""
        if not self.calm:
            return
        self._stirring.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, most - seconds)):
                await self._stirring.wait()


def pace_of(seldom: float, *, alone: bool) -> Pace:
    """The pace of a process; one that is not `alone` in doing all of a service's work never rests, for what it looks
    for begins in others."""
    return Pace(seldom) if alone else Pace(seldom, math.inf)
