"""Makes deliveries of what the service's own topic says, as long as anybody has a hook.

One replica reads for all (a lease); what it has read is noted after the deliveries are stored, so who goes on after a
crash makes some of them again, which are the same by their ids. Nothing of it stands in the way of who writes: no input
waits for it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from aiokafka.errors import KafkaError

from contracts.event import wire_moment
from services.chassis.hooks.kind import Kind
from services.chassis.hooks.rows import (
    DELIVERIES,
    LINES,
    LONG_AGO,
    NEVER,
    READING,
    Hook,
    Item,
    delivery,
    delivery_id,
    every_hook,
    line_of,
    new_stirring,
)
from services.chassis.jobs import Jobs, Lost
from services.chassis.pace import Pace
from services.chassis.saying import why
from services.chassis.settings import Settings
from services.chassis.store import BY_ID, Row, Store, StoreAway
from services.chassis.topic_reader import TopicReader
from services.chassis.turns import in_turns

log = logging.getLogger(__name__)

OWN: Final = "own"
"""The row that says how far the topic is read."""
LEASE: Final = timedelta(seconds=10)
POLLED: Final = 500
WAIT_MS: Final = 500
PARTITION_BYTES: Final = 256 * 1024
BACK: Final = timedelta(seconds=60)
"""So long before the first hook was registered reading begins: clocks of machines are not quite the same. What was said
before a hook was registered is left out all the same."""
LATE: Final = timedelta(minutes=3)
"""How late a row may be seen that stands in no topic: far above the time of a write."""
BESIDE_EVERY: Final = 2.0
"""Seconds between two looks for such rows."""
PAUSE: Final = 2.0
MOST_EARLIER: Final = 10_000
"""So many messages from before the registration are made by one request (technical)."""
BEFORE_ALL: Final = 10**15
"""So much before what stands in the topic stands what was told before the registration."""


@dataclass(slots=True)
class Follower:
    """Follows the topic for all hooks of a service. `stir` is called when there is something to be sent."""

    kind: Kind
    store: Store
    settings: Settings
    now: Callable[[], datetime]
    stir: Callable[[], None]

    async def run(self, pace: Pace, asked: asyncio.Event) -> None:
        """For the life of the process; `asked` is set when a hook is registered here."""
        while True:
            asked.clear()
            rest = PAUSE
            try:
                if not await every_hook(self.store):
                    rest = self.settings.idle_every if pace.calm else PAUSE
                else:
                    await self._follow()
            except Lost:
                log.info("another replica makes the deliveries")
            except (KafkaError, StoreAway, OSError) as error:
                log.warning("deliveries are made later: %s", why(error))
            except Exception as error:  # whatever one record does, the process goes on
                log.exception("deliveries are made later: %s", type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await asked.wait()

    async def _follow(self) -> None:
        """Reads as long as there are hooks and nobody else does. Raises Lost, and what is away."""
        jobs = Jobs(self.store, READING, self.now, LEASE, [LEASE])
        await self.store.put_new(READING, [_unread()])
        row = await self.store.get(READING, OWN)
        if row is None or not await jobs.take(row):
            return
        reader = _reader(self.settings, self.kind.topic)
        await reader.start()
        try:
            await self._read(reader, jobs, row)
        finally:
            await reader.stop()
            with suppress(StoreAway):
                await jobs.mark_mine(OWN, {"by": None, "until": LONG_AGO})

    async def _read(self, reader: TopicReader, jobs: Jobs, row: Row) -> None:
        looked, look_at = row["looked"], self.now()
        hooks = await every_hook(self.store)
        offsets = {int(name): at for name, at in row["offsets"].items()}
        reader.place(offsets or await reader.since(min((one.since for one in hooks), default=self.now()) - BACK))
        while True:
            came = await reader.poll(POLLED)
            if not (hooks := await every_hook(self.store)):  # looked up behind the wait: also who registered meanwhile
                break
            items = [item async for item in in_turns(self._told(came))]
            now, beside = self.now(), list[Item]()
            if items or now >= look_at:  # before what the topic says: it was written before that
                beside = [*await self.kind.beside(self.store, *_since(hooks, looked))]
                looked, look_at = wire_moment(now - LATE), now + timedelta(seconds=BESIDE_EVERY)
            await self.deliver(hooks, await self._placed(hooks, beside))
            await self.deliver(hooks, items)
            said = {"offsets": {str(n): at for n, at in reader.taken().items()}, "looked": looked}
            if not await jobs.mark_mine(OWN, {**said, "until": self.now() + LEASE}):
                raise Lost
        await jobs.mark_mine(OWN, {**_unread(), "by": jobs.name})

    def _told(self, came: Mapping[int, Sequence[Any]]) -> Iterable[Item]:
        for records in came.values():
            for record in records:
                item = self.kind.about(record.value or b"")
                if item is not None:
                    yield replace(item, order=record.offset)

    async def _placed(self, hooks: Sequence[Hook], items: Sequence[Item]) -> list[Item]:
        """What stands in no topic comes after what its line had so far."""
        if not items:
            return []
        ids = [line_of(one.id, item.pilot) for one in hooks for item in items if _concerns(one, item)]
        rows = await self.store.rows(LINES, {"_id": {"$in": ids}}, sort=[("_id", 1)], limit=max(1, len(ids)))
        last = {row["pilot"]: row["last"] for row in rows}
        return [replace(item, order=last.get(item.pilot, -1)) for item in items]

    async def deliver(self, hooks: Sequence[Hook], items: Sequence[Item]) -> None:
        """Stores the deliveries of these items, and has their lines looked at. Raises StoreAway."""
        told = list[tuple[Hook, Item]]()
        for one in hooks:
            if mine := [item for item in items if _concerns(one, item)]:
                told += [(one, item) for item in await self.kind.seen(self.store, one, mine)]
        if told:
            await deliver(self.store, told, self.now(), self.settings.hook_days)
            self.stir()


async def deliver(store: Store, told: Iterable[tuple[Hook, Item]], now: datetime, days: int) -> None:
    """Stores the deliveries of these items to these hooks, each with its place, and has their lines looked at: they are
    kept for so many days. Those that are there stay. Raises StoreAway."""
    keep_until = now + timedelta(days=days)
    rows, lines, stirred = list[Row](), dict[str, Row](), new_stirring()
    for to, item in told:
        assert item.order is not None
        rows.append(delivery(to, item, item.order, keep_until))
        line = _line(to.id, item.pilot, stirred, item.order)
        lines[line["_id"]] = line
    await store.add(DELIVERIES, rows)
    await store.put_new(LINES, [*lines.values()], renewed=("stirred", "last"))
    await store.mark(LINES, {"_id": {"$in": [*lines]}, "until": NEVER}, {"until": now})


async def deliver_earlier(
    store: Store, kind: Kind, to: Hook, since: datetime, until: datetime, now: datetime, days: int
) -> tuple[int, str | None]:
    """Makes the deliveries of what was told before a hook was registered: how many are new, and from when on there is
    more, None: no more. They go before what came since. Raises StoreAway."""
    if since >= to.since:
        return 0, None
    items = await kind.earlier(store, to.owner, since, min(until, to.since), MOST_EARLIER)
    new = 0
    for first in range(0, len(items), POLLED):
        seen = await kind.seen(store, to, items[first : first + POLLED])
        some = {delivery_id(to.id, item.name): item for item in seen}
        there = await store.rows(DELIVERIES, {"_id": {"$in": [*some]}}, sort=BY_ID, limit=POLLED, fields=["_id"])
        for row in there:
            del some[row["_id"]]
        placed = [(to, replace(item, order=(item.order or 0) - BEFORE_ALL)) for item in some.values()]
        if placed:
            await deliver(store, placed, now, days)
        new += len(placed)
    return new, items[-1].at if len(items) == MOST_EARLIER else None


def _concerns(hook: Hook, item: Item) -> bool:
    return item.owner in (None, hook.owner) and item.at >= wire_moment(hook.since)


def _line(hook: str, pilot: str, stirred: str, last: int) -> Row:
    first = {"by": None, "until": LONG_AGO, "tries": 0}
    return {"_id": line_of(hook, pilot), "hook": hook, "pilot": pilot, "stirred": stirred, "last": last, **first}


def _unread() -> Row:
    return {"_id": OWN, "by": None, "until": LONG_AGO, "tries": 0, "offsets": {}, "looked": ""}


def _since(hooks: Sequence[Hook], looked: str) -> tuple[list[str], str]:
    """Of whom, and since when, it is looked for what stands in no topic."""
    return sorted({one.owner for one in hooks}), max(looked, wire_moment(min(one.since for one in hooks)))


def _reader(settings: Settings, topic: str) -> TopicReader:
    return TopicReader(settings, topic, begins="earliest", partition_bytes=PARTITION_BYTES, wait_ms=WAIT_MS)
