"""Whether a service can do its work now, told at once: a back end that hangs makes nobody wait who asks.

Two things are told apart. **Ready** is a process that does all of its work: one that reads nothing, sends nothing, is
far behind, or is held up, is not, and says why (NotReady). What fails otherwise makes it degraded. **Serving** is one
to which requests may be sent: it answers them though Kafka is away, and is passed by only where it lacks what it
needs for an answer, or is at fault itself, so that another one would do better.

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
    """What of its work this process does not do, in words that everybody may read. `at_fault`: another process would do
    better, so this one shall not be asked either; else requests are answered here as ever."""

    def __init__(self, words: str, *, at_fault: bool = False) -> None:
        super().__init__(words)
        self.at_fault = at_fault


class Watched:
    """One check and what it last found. `stops`: this process is not ready; `faulty`: it shall not be asked."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self.stops = False
        self.faulty = False
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
        found, why = OK, None
        try:
            await self._check()
        except NotReady as error:
            found, why = str(error), error
        except Exception as error:
            found = type(error).__name__
        self.stops, self.faulty = why is not None, why is not None and why.at_fault
        self._found, self._found_at, self._asking = found, time.monotonic(), None


async def told(checks: Mapping[str, Watched]) -> dict[str, str]:
    """What each check says, side by side."""
    answers = await asyncio.gather(*(one.told() for one in checks.values()))
    return dict(zip(checks, answers, strict=True))


def in_a_word(found: Mapping[str, str], needed: Iterable[str], checks: Mapping[str, Watched]) -> str:
    """What the findings amount to: not ready where one that is needed does not hold, or a check found that the process
    does not do its work; degraded where any other does not hold."""
    if any(found[name] != OK for name in needed) or any(one.stops for one in checks.values()):
        return NOT_READY
    return READY if set(found.values()) <= {OK} else DEGRADED


def serves(found: Mapping[str, str], needed: Iterable[str], checks: Mapping[str, Watched]) -> bool:
    """Whether requests may be sent here: all that is needed for an answer holds, and no check found the process at
    fault."""
    return all(found[name] == OK for name in needed) and not any(one.faulty for one in checks.values())


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
