"""Sends deliveries: few at once to one hook, more of them in all, each line by whoever has its lease.

A receiver that fails gets one attempt at a time, and all such together no more than half of the places, so that those
that work have theirs; and no owner has more than a quarter, so that those that are slow are in no other's way. Who dies
gives a line back by doing nothing: its delivery is sent once more under the same id when the lease is over.
"""

import asyncio
import logging
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from typing import Final, Protocol

from opentelemetry import trace
from prometheus_client import Counter as Counted

from contracts.event import wire_moment
from services.chassis.hooks.kind import Kind
from services.chassis.hooks.rows import (
    DELIVERIES,
    HOOKS,
    LINES,
    NEVER,
    OLD,
    SAID,
    Hook,
    State,
    every_hook,
    first_free,
    hook,
    next_of_line,
)
from services.chassis.hooks.schedule import Answer, Off, Schedule
from services.chassis.hooks.signing import NoKey, Sealer, signed
from services.chassis.jobs import Jobs, Lost
from services.chassis.pace import Pace
from services.chassis.saying import why
from services.chassis.settings import Settings
from services.chassis.store import Row, Store, StoreAway

log = logging.getLogger(__name__)
_tracer: Final = trace.get_tracer("lotsman")
ATTEMPTS: Final = Counted("lotsman_webhook_attempts", "Attempts to deliver to hooks, by what came of them", ["outcome"])
SWITCHED_OFF: Final = Counted("lotsman_webhooks_switched_off", "Hooks that were switched off, by why", ["why"])
for _why in (Off.FAILING, Off.GONE):
    SWITCHED_OFF.labels(_why)  # counted from 0: else the first would not be seen as a rise

LOOK_EVERY: Final = 1.0
KEPT_ATTEMPTS: Final = 20
"""The last attempts of a delivery that are kept: those of its schedule, twice, and some."""
NOTICE_DAYS: Final = 365
"""Days for which it is told that a hook was switched off (assumption: who looks for it thinks in months)."""
TIDY_EVERY: Final = 3600.0
TIDIED: Final = 1_000
LEAST_REST: Final = 0.02
"""Seconds between two looks, however much there is to do."""
IN_A_ROW: Final = 50
"""So many deliveries of one line go before another line has its turn."""
BEYOND: Final = 10.0
"""Seconds that a lease lasts beyond the time of an attempt: what is written before and after it."""


class Sends(Protocol):
    """One attempt: `Post`, or what stands for it in tests."""

    async def send(self, address: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What came of it."""
        ...


def schedule_of(settings: Settings) -> Schedule:
    """As it is set for a process."""
    return Schedule(settings.hook_pauses, settings.hook_jitter, timedelta(seconds=settings.hook_off_after))


class Sender:
    """Sends for all hooks of a service in one process. `now` is the clock (UTC), `chance` gives numbers from 0 to 1."""

    def __init__(
        self,
        kind: Kind,
        store: Store,
        settings: Settings,
        now: Callable[[], datetime],
        post: Sends,
        sealer: Sealer,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._kind = kind
        self._store = store
        self._settings = settings
        self._now = now
        self._post = post
        self._sealer = sealer
        self._chance = chance
        self._schedule = schedule_of(settings)
        lease = timedelta(seconds=settings.hook_within + BEYOND)
        self._jobs = Jobs(store, LINES, now, lease, [lease])
        self._going: dict[str, asyncio.Task[None]] = {}
        self._busy = Busy(settings.hooks_at_once, settings.hooks_of_one)
        self._stirred = asyncio.Event()

    def stir(self) -> None:
        """There is something to be sent."""
        self._stirred.set()

    async def run(self, pace: Pace) -> None:
        """For the life of the process."""
        tidied = -TIDY_EVERY
        try:
            while True:
                self._stirred.clear()
                rest = self._settings.idle_every if pace.calm else LOOK_EVERY
                try:
                    rest = min(rest, await self.turn())
                    if time.monotonic() - tidied >= TIDY_EVERY:
                        tidied = time.monotonic()
                        await self.tidy()
                except StoreAway as error:
                    log.warning("nothing is sent to hooks: %s", why(error))
                except Exception as error:  # whatever one row does, the process goes on
                    log.exception("nothing is sent to hooks: %s", type(error).__name__)
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(rest, LEAST_REST)):
                        await self._stirred.wait()
        finally:
            for task in self._going.values():
                task.cancel()
            await asyncio.gather(*self._going.values(), return_exceptions=True)

    async def turn(self) -> float:
        """Begins to send in lines that are free, within the bounds; in how many seconds the next one will be. Raises
        StoreAway."""
        now, ahead = self._now(), math.inf
        for one in self._busy.in_turn(await every_hook(self._store)):
            places = self._busy.places(one)
            if one.off is not None or not places:
                continue
            lines = await first_free(self._store, one.id, places)
            if not lines or not await self._kind.open(self._store, one.owner, now):
                continue
            for line in lines:
                ahead = min(ahead, max(0.0, (line["until"] - now).total_seconds()))
                if line["until"] <= now and line["_id"] not in self._going:
                    self._begin(one, line)
        return ahead

    async def idle(self) -> None:
        """Returns when all that was begun is over: for who looks at single turns."""
        while self._going:
            await asyncio.gather(*self._going.values())

    async def tidy(self) -> None:
        """Takes out what was kept for long enough. Raises StoreAway."""
        query = {"keep_until": {"$lte": self._now()}}
        for collection in (DELIVERIES, SAID):
            while rows := await self._store.rows(collection, query, sort=OLD, limit=TIDIED, fields=["_id"]):
                await self._store.remove(collection, [row["_id"] for row in rows])

    def _begin(self, to: Hook, line: Row) -> None:
        self._busy.begin(to)
        task = asyncio.create_task(self._line(to.id, line))
        self._going[line["_id"]] = task

        def over(_task: asyncio.Task[None]) -> None:
            del self._going[line["_id"]]
            self._busy.end(to)
            self.stir()

        task.add_done_callback(over)

    async def _line(self, hook_id: str, line: Row) -> None:
        """Sends what waits in a line, one after the other, as long as it goes."""
        try:
            if await self._jobs.take(line):
                await self._jobs.mark_mine(line["_id"], {"by": None, "until": await self._send_all(hook_id, line)})
        except (StoreAway, Lost) as error:
            log.warning("a line of a hook is left: %s", why(error))
        except Exception as error:  # the lease holds it back for a while; the other lines go on
            log.exception("a line of a hook is left: %s", type(error).__name__)

    async def _send_all(self, hook_id: str, line: Row) -> datetime:
        """From when the line is free again."""
        stirred = line["stirred"]
        for _ in range(IN_A_ROW):
            to = await hook(self._store, hook_id)
            if to is None or to.off is not None or not await self._kind.open(self._store, to.owner, self._now()):
                return self._now()
            found = await next_of_line(self._store, hook_id, line["pilot"])
            if found is None:
                empty = {"_id": line["_id"], "by": self._jobs.name, "stirred": stirred}
                left = await self._store.mark(LINES, empty, {"by": None, "until": NEVER})
                return NEVER if left else self._now()  # once it is left, what is said of it is said by another
            again_at = await self._one(to, found)
            if again_at is not None:
                return again_at
            await self._jobs.renew(line["_id"])
        return self._now()

    async def _one(self, to: Hook, row: Row) -> datetime | None:
        """Makes one attempt; when the next is to be made, None where there is none. Raises StoreAway."""
        body = await self._kind.body(self._store, to, row)
        if body is None:
            await self._say(row, {"state": State.HIDDEN, "ended_at": self._now(), "next_at": None})
            return None
        begun = self._now()
        answer = await self._attempt(to, row["_id"], body)
        now = self._now()
        ATTEMPTS.labels("sent" if answer.good else "failed").inc()
        made = {
            "at": begun,
            "status": answer.status,
            "why": answer.why,
            "answer": answer.text,
            "milliseconds": int((now - begun).total_seconds() * 1000),
        }
        tries = row["tries"] + 1
        said: Row = {"tries": tries, "attempts": [*row["attempts"], made][-KEPT_ATTEMPTS:], "next_at": None}
        again_at = None if answer.good else self._schedule.again_at(tries, answer, now, self._chance)
        if again_at is not None:
            await self._say(row, {**said, "next_at": again_at})
        else:
            await self._say(row, {**said, "state": State.SENT if answer.good else State.FAILED, "ended_at": now})
        await self._standing(to, answer, now)
        return again_at

    async def _attempt(self, to: Hook, id_: str, body: bytes) -> Answer:
        try:
            secrets = [self._sealer.open(one) for one in to.sealed(self._now())]
        except NoKey as error:
            log.error("a hook cannot be signed for: %s", error)
            return Answer(why="no-key")
        with _tracer.start_as_current_span("deliver to a hook", record_exception=False, set_status_on_exception=False):
            return await self._post.send(to.address, signed(secrets, id_, self._now(), body), body)

    async def _say(self, row: Row, said: Row) -> None:
        await self._store.mark(DELIVERIES, {"_id": row["_id"]}, said)

    async def _standing(self, to: Hook, answer: Answer, now: datetime) -> None:
        """Notes since when a hook fails, and switches it off where that is for too long."""
        seen = {"_id": to.id, "failing_since": to.failing_since}
        if answer.good:
            if to.failing_since is not None:
                await self._store.mark(HOOKS, seen, {"failing_since": None})
            return
        since = to.failing_since or now
        off = self._schedule.off(since, answer, now)
        said: Row = {"failing_since": since} | ({"off": {"why": off, "at": now}} if off else {})
        if (off or to.failing_since is None) and await self._store.mark(HOOKS, seen, said) and off:
            SWITCHED_OFF.labels(off).inc()
            await self._tell(to, off, since, now)
            log.warning("hook %s of %s is switched off: %s, failing since %s", to.id, to.owner, off, wire_moment(since))

    async def _tell(self, to: Hook, off: Off, since: datetime, now: datetime) -> None:
        named = {"hook": to.id, "owner": to.owner, "address": to.address, "why": off, "failing_since": since}
        keep_until = now + timedelta(days=NOTICE_DAYS)
        await self._store.add(
            SAID,
            [{"_id": f"{to.id}-{int(now.timestamp())}", **named, "at": wire_moment(now), "keep_until": keep_until}],
        )


class Busy:
    """How many attempts are under way, to which hooks. `most` in all, `of_one` of one hook; of hooks that fail one
    each, and together half of the most.

    A receiver that is slow, or hangs and is not known yet to fail, is in nobody's way: an owner has a quarter of the
    places at most, and of all places and of an owner's the last quarter is for who has none.
    """

    def __init__(self, most: int, of_one: int) -> None:
        self._most = most
        self._of_one = of_one
        self._of_owner = max(1, most // 4)
        self._sending = Counter[str]()
        self._owners = Counter[str]()
        self._failing = set[str]()
        self._times = count()
        self._begun = dict[str, int]()

    def in_turn(self, hooks: Sequence[Hook]) -> list[Hook]:
        """Who begins first: whose owner has the fewest under way, and of these who began longest ago."""
        return sorted(hooks, key=lambda one: (self._owners[one.owner], self._begun.get(one.id, -1), one.id))

    def places(self, to: Hook) -> int:
        """How many more may begin to this hook."""
        all_free = _free(self._most - self._sending.total(), self._most, none=not self._owners[to.owner])
        of_owner = _free(self._of_owner - self._owners[to.owner], self._of_owner, none=not self._sending[to.id])
        free = min(all_free, of_owner, self._of_one - self._sending[to.id])
        if to.failing_since is None or free <= 0:
            return max(0, free)
        one_more = sum(self._sending[one] for one in self._failing) < max(1, self._most // 2)
        return 1 if one_more and not self._sending[to.id] else 0

    def begin(self, to: Hook) -> None:
        """One begins."""
        self._sending[to.id] += 1
        self._owners[to.owner] += 1
        self._begun[to.id] = next(self._times)
        (self._failing.discard if to.failing_since is None else self._failing.add)(to.id)

    def end(self, to: Hook) -> None:
        """One is over."""
        self._owners -= Counter([to.owner])
        self._sending[to.id] -= 1
        if not self._sending[to.id]:
            del self._sending[to.id]
            self._failing.discard(to.id)


def _free(left: int, of: int, *, none: bool) -> int:
    """How many of the places that are left may be begun: the last quarter by who has none, one of them."""
    return max(left - of // 4, min(left, 1) if none else 0)
