"""Whether a service can do its work now, told at once: a back end that hangs makes nobody wait who asks.

A service is ready while what it needs to answer holds. What else may stand still makes it degraded, for requests are
answered all the same, unless a check says that this process is at fault (NotReady): then another one shall be asked.

Each check runs beside the answers, one at a time. Who asks starts it, waits a moment for it, and is told else what it
last found, as long as that is no older than `TRUSTED`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from contracts.event import Harmless

Check = Callable[[], Awaitable[None]]
"""Raises, with whatever says why, unless something is as it should be."""
OK: Final = "ok"
READY, DEGRADED, NOT_READY = "ready", "degraded", "not ready"
NO_ANSWER: Final = "no answer"
ANSWERED_WITHIN: Final = 0.5
"""Seconds that an answer waits for the checks, all of them together."""
TRUSTED: Final = 3.0
"""Seconds for which what a check found is believed while it is asked again."""


class NotReady(Harmless):
    """Why this process shall not be asked, in words that everybody may read."""


class Watched:
    """One check and what it last found. `stops`: it found that this process shall not be asked."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self.stops = False
        self._asking: asyncio.Task[None] | None = None
        self._found = NO_ANSWER
        self._found_at = -TRUSTED

    async def told(self) -> str:
        """OK, or the kind of error that the check ended in (of NotReady its words), or NO_ANSWER."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        with_it, _ = await asyncio.wait({self._asking}, timeout=ANSWERED_WITHIN)
        if not with_it and time.monotonic() - self._found_at > TRUSTED:
            return NO_ANSWER
        return self._found

    async def _ask(self) -> None:
        try:
            await self._check()
            found, self.stops = OK, False
        except NotReady as error:
            found, self.stops = str(error), True
        except Exception as error:
            found, self.stops = type(error).__name__, False
        self._found, self._found_at, self._asking = found, time.monotonic(), None


async def told(checks: Mapping[str, Watched]) -> dict[str, str]:
    """What each check says, side by side."""
    answers = await asyncio.gather(*(one.told() for one in checks.values()))
    return dict(zip(checks, answers, strict=True))


def in_a_word(found: Mapping[str, str], needed: Iterable[str], checks: Mapping[str, Watched]) -> str:
    """What the findings amount to: not ready where one that is needed does not hold, or a check found this process at
    fault; degraded where any other does not hold."""
    if any(found[name] != OK for name in needed) or any(one.stops for one in checks.values()):
        return NOT_READY
    return READY if set(found.values()) <= {OK} else DEGRADED


class Started:
    """Whether a process has begun all of its work once: what comes after is told by readiness. `checks` are what must
    hold for that."""

    def __init__(self, checks: Mapping[str, Watched]) -> None:
        self._checks = checks
        self._done = False

    async def told(self) -> dict[str, str]:
        """What each check says, until all of them held; from then on that they did."""
        if self._done:
            return dict.fromkeys(self._checks, OK)
        found = await told(self._checks)
        self._done = set(found.values()) <= {OK}
        return found
