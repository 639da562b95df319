"""Commands that come while others are being decided are decided together next: one claim, one load, one write for all.

A single one waits for nobody. Each caller gets the outcome of its own command, after the write that made it durable;
a refusal, a conflict or a broken input touches no other, as in a batch of records. There is at most one batch at a
time, so the more commands come, the larger are the batches, and the less each of them costs.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import replace
from typing import Final

from services.chassis import telemetry
from services.chassis.store import StoreAway
from services.chassis.subject import Document, Input, Outcome

log = logging.getLogger(__name__)

MOST: Final = 200
"""So many commands are decided together at most."""
DOOR: Final = "http"

Answer = tuple[Outcome, Document | None]
"""What came of a command, and the subject after it where it was looked at."""
Decided = Callable[[Sequence[Input]], Awaitable[list[Answer]]]
_Waiting = tuple[Input, asyncio.Future[Answer]]


class Gathering:
    """What waits before `decide`, which takes many commands and returns an answer for each, in their order."""

    def __init__(self, decide: Decided) -> None:
        self._decide = decide
        self._waiting: list[_Waiting] = []
        self._busy = False
        self._working: set[asyncio.Task[None]] = set()

    async def command(self, one: Input) -> Answer:
        """The answer to a command, as `decide` gives it, when it is durable. Raises what `decide` raises."""
        if self._busy:
            answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            # The batch has a task of its own: what this command belongs to must travel with it.
            self._waiting.append((replace(one, trace=one.trace or telemetry.carrier_of_current()), answer))
            return await answer
        self._busy = True
        try:
            return (await self._decide([one]))[0]
        finally:
            self._go_on()

    def _go_on(self) -> None:
        self._busy = bool(self._waiting)
        if self._busy:
            working = asyncio.get_running_loop().create_task(self._work(), context=Context())
            self._working.add(working)  # the loop alone does not keep a task
            working.add_done_callback(self._working.discard)

    async def _work(self) -> None:
        try:
            some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            await self._together(some)
        finally:
            for _, answer in some:
                if not answer.done():  # only where this task was cancelled: nothing is known of the outcome
                    answer.set_exception(StoreAway("the process is being stopped"))
            self._go_on()

    async def _together(self, some: Sequence[_Waiting]) -> None:
        """Decides on these, and alone on each where something nobody foresaw came of one of them."""
        try:
            with telemetry.batch_span(DOOR, len(some)):
                answers = await self._decide([one for one, _ in some])
        except StoreAway as error:
            for _, answer in some:
                _fail(answer, error)
        except Exception as error:
            if len(some) == 1:
                _fail(some[0][1], error)
                return
            log.warning("%s commands cannot be decided together: %s", len(some), type(error).__name__)
            for one in some:
                await self._together([one])
        else:
            for (_, waiting), told in zip(some, answers, strict=True):
                if not waiting.done():  # the caller may have left
                    waiting.set_result(told)


def _fail(answer: asyncio.Future[Answer], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
