"""Fair shares of what there is not enough of: room, threads, places in a queue.

Each caller may hold so much of it and no more, whatever is free beside. What is free goes round the callers that wait,
one to each, so that who asks for one thing never stands behind a hundred of another's.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Final, ParamSpec, TypeVar

from services.chassis import telemetry
from services.chassis.problems import Problematic

P = ParamSpec("P")
R = TypeVar("R")
_until: Final = ContextVar("until", default=float("inf"))
"""Until when, by the clock of the event loop, whoever asks waits for an answer."""


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """For whoever waits no longer than so many seconds for an answer: no turn within is waited for any longer, so that
    the answer is a refusal in words, and nothing is done for somebody who has left."""
    before = _until.set(asyncio.get_running_loop().time() + seconds)
    try:
        yield
    finally:
        _until.reset(before)


class Turns:
    """Room of a `name` for metrics: so much `in_all`, and of it for `each` caller. So many of each may be `waiting` for
    room, no longer than `within` seconds, nor than whoever asks has `patience`. What is asked for is weighed, and takes
    no more than one caller may have."""

    def __init__(self, name: str, in_all: int, each: int, *, waiting: int = 0, within: float = 10.0) -> None:
        self._name = name
        self._free = in_all
        self._each = min(each, in_all)
        self._waiting = waiting
        self._within = within
        self._held = Counter[str]()
        self._queues: dict[str, deque[tuple[int, asyncio.Future[None]]]] = {}

    @asynccontextmanager
    async def of(self, who: str, weight: int = 1) -> AsyncIterator[None]:
        """Room for a caller while it is needed. Raises as `take`."""
        held = await self.take(who, weight)
        try:
            yield
        finally:
            self.give_back(who, held)

    async def take(self, who: str, weight: int = 1) -> int:
        """How much room a caller has from now on, to be given back. Raises Problematic: 429 for one whose own share is
        used up, 503 where there is no room for anybody."""
        weight = min(weight, self._each)
        if self._queues or weight > self._free or self._held[who] + weight > self._each:
            await self._wait(who, weight)
        else:
            self._take(who, weight)
        return weight

    def _take(self, who: str, weight: int) -> None:
        self._free -= weight
        self._held[who] += weight

    def give_back(self, who: str, weight: int) -> None:
        """Gives back what was taken, to whoever waits for it."""
        self._free += weight
        self._held[who] -= weight
        if not self._held[who]:
            del self._held[who]
        if self._queues:
            self._go_round()

    async def _wait(self, who: str, weight: int) -> None:
        if sum(not turn.done() for _, turn in self._queues.get(who, ())) >= self._waiting:
            raise self._refusal(who, weight)
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._queues.setdefault(who, deque()).append((weight, turn))
        self._go_round()
        try:
            async with asyncio.timeout(min(self._within, max(0.0, _until.get() - loop.time()))):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # it came as its caller left
                self.give_back(who, weight)
            turn.cancel()
            self._go_round()
            if isinstance(error, TimeoutError):
                raise self._refusal(who, weight) from None
            raise

    def _go_round(self) -> None:
        """Gives what is free to those that wait: to the first of each caller that has a share left, again and again. A
        caller that only waits for room is not passed by, or one who asks for much would wait for ever."""
        given = True
        while given:
            given = False
            for who in list(self._queues):
                queue = self._queues.pop(who)
                while queue and queue[0][1].done():  # who left
                    queue.popleft()
                if not queue:
                    continue
                weight, turn = queue[0]
                room, share = weight <= self._free, self._held[who] + weight <= self._each
                if room and share:
                    self._take(who, weight)
                    queue.popleft()
                    turn.set_result(None)
                    given = True
                if queue:
                    self._queues[who] = queue  # at the end: it was this caller's turn
                if share and not room:
                    self._queues = {who: queue, **self._queues}
                    return

    def _refusal(self, who: str, weight: int) -> Problematic:
        telemetry.SHARES_REFUSED.labels(self._name).inc()
        if self._held[who] + weight > self._each:
            return Problematic(429, "share.used", action="retry", headers={"Retry-After": "1"})
        return Problematic(503, "service.busy", action="retry", headers={"Retry-After": "2"})


class Threads:
    """Threads for one kind of work that takes long, lent in turn, so that it holds up no other and no caller another:
    half of them at most to one caller, and of each so many `waiting`."""

    def __init__(self, name: str, count: int, *, waiting: int, within: float) -> None:
        self._turns = Turns(name, count, max(1, count // 2), waiting=waiting, within=within)
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def run(self, who: str, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What a call returns, in a thread, when it is the caller's turn. Raises what it raises, and Problematic as
        `Turns` does."""
        async with self._turns.of(who):
            context = copy_context()
            run = partial(context.run, partial(call, *args, **kwargs))
            return await asyncio.get_running_loop().run_in_executor(self._pool, run)
