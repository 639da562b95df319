"""What comes while something is being decided is decided together next: one claim, one load, one write for all.

Commands that come at the same time, and batches of several sources of a service, are both taken so. A single one waits
for nobody. Each caller gets its own answer, after the write that made it durable; a refusal, a conflict or a broken
input touches no other. There is at most one at a time in hand, so the more comes, the more goes together, and the less
each costs; and what two sources say of one pilot does not meet itself at the guard.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import Context
from typing import Any, Final, Generic, TypeVar

from services.chassis import telemetry
from services.chassis.store import StoreAway

log = logging.getLogger(__name__)

MOST: Final = 200
"""So many commands are decided together at most."""
STANDS_BACK: Final = 0.2
"""Seconds for which those that go first are waited for at most, where they are never done."""

T = TypeVar("T")
A = TypeVar("A")


class Gathering(Generic[T, A]):
    """What waits before `decide`, which takes several and returns an answer for each, in their order.

    At most `most` go together, as `weight` weighs them, but one always goes. Those that had to wait are decided `pause`
    seconds after the ones before, so that more come to them; with `all_wait` a first one waits as long. Those of
    `behind` go first: nothing is decided here while something is in hand there, for a moment. `travelling` is what
    becomes of one that waits: it is decided outside the context of who gave it. `door` names them in spans and metrics.
    """

    def __init__(
        self,
        decide: Callable[[Sequence[T]], Awaitable[Sequence[A]]],
        door: str,
        *,
        most: int = MOST,
        weight: Callable[[T], int] = lambda _one: 1,
        travelling: Callable[[T], T] = lambda one: one,
        pause: float = 0.0,
        all_wait: bool = False,
        behind: "Sequence[Gathering[Any, Any]]" = (),
    ) -> None:
        self._decide = decide
        self._door = door
        self._most = most
        self._weight = weight
        self._travelling = travelling
        self._pause = pause
        self._all_wait = all_wait
        self._behind = behind
        self._waiting: list[tuple[T, asyncio.Future[A]]] = []
        self._idle = asyncio.Event()
        self._idle.set()
        self._working: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether something is in hand."""
        return not self._idle.is_set()

    async def take(self, one: T) -> A:
        """The answer to it, as `decide` gives it, when it is durable. Raises what `decide` raises."""
        if self.busy or self._all_wait:
            answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
            self._waiting.append((self._travelling(one), answer))
            if not self.busy:
                self._go_on()
            return await answer
        self._idle.clear()
        try:
            return (await self._decide([one]))[0]
        finally:
            self._go_on()

    def _go_on(self) -> None:
        if not self._waiting:
            self._idle.set()
        else:
            self._idle.clear()
            working = asyncio.get_running_loop().create_task(self._work(), context=Context())
            self._working.add(working)  # the loop alone does not keep a task
            working.add_done_callback(self._working.discard)

    async def _work(self) -> None:
        some: list[tuple[T, asyncio.Future[A]]] = []
        try:
            if self._pause:
                await asyncio.sleep(self._pause)
            if self._behind:
                await self._stand_back()
            some = self._next()
            await self._together(some)
        finally:
            for _, answer in some or self._next():
                if not answer.done():  # only where this task was cancelled: nothing is known of the outcome
                    answer.set_exception(StoreAway("the process is being stopped"))
            self._go_on()

    async def _stand_back(self) -> None:
        """Waits until nothing is in hand of those that go first."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STANDS_BACK):
                while (first := next((one for one in self._behind if one.busy), None)) is not None:
                    await first._idle.wait()

    def _next(self) -> list[tuple[T, asyncio.Future[A]]]:
        count, weight = 1, self._weight(self._waiting[0][0])
        while count < len(self._waiting) and (weight := weight + self._weight(self._waiting[count][0])) <= self._most:
            count += 1
        some, self._waiting = self._waiting[:count], self._waiting[count:]
        return some

    async def _together(self, some: Sequence[tuple[T, asyncio.Future[A]]]) -> None:
        """Decides on these, and alone on each where something nobody foresaw came of one of them."""
        try:
            with telemetry.batch_span(self._door, sum(self._weight(one) for one, _ in some)):
                answers = await self._decide([one for one, _ in some])
        except StoreAway as error:
            for _, answer in some:
                _fail(answer, error)
        except Exception as error:
            if len(some) == 1:
                _fail(some[0][1], error)
                return
            log.warning("%s cannot be decided together: %s", len(some), type(error).__name__)
            await asyncio.gather(*(self._together([one]) for one in some))
        else:
            for (_, waiting), told in zip(some, answers, strict=True):
                if not waiting.done():  # the caller may have left
                    waiting.set_result(told)


def _fail(answer: asyncio.Future[A], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
