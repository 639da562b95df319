"""The directory of agencies as a process knows it: who may publish, asked by every request and hardly ever of MongoDB.

What is known is a second old at most (`FRESH`): so long an agency that was cut off may still be let in over HTTP by a
replica that did not cut it off itself. While requests come, the directory is read anew behind their backs, so that none
waits for it; where nothing comes, nothing is read. Where MongoDB is away nobody is let in by what was known before.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from contracts.rules import RuleBook
from services.chassis.problems import Problematic
from services.chassis.store import BY_ID, SUBJECTS, Row, Store, StoreAway
from services.intake import queries
from services.intake.domain.agency import Agency, shut

FRESH: Final = 1.0
"""Seconds for which what is known is good."""
ANEW: Final = 0.4
"""Seconds between two readings while requests come."""
LIVELY: Final = 15.0
"""Seconds after a request in which it is read anew."""
MOST: Final = 10_000
"""So many agencies the directory has at most (technical)."""

Entries = Mapping[str, Agency]
Load = Callable[[], Awaitable[Entries]]


def stored(store: Store) -> Load:
    """Reads the entries from a store; those that have not changed are not made anew."""
    made = dict[str, tuple[int, Agency]]()

    async def load() -> Entries:
        query, _ = queries.agencies()
        rows = await store.rows(SUBJECTS, query, sort=BY_ID, limit=MOST, fields=("rev", "state"))
        for row in rows:
            if made.get(row["_id"], (None,))[0] != row["rev"]:
                made[row["_id"]] = row["rev"], _entry(row)
        return {entry.code: entry for _, entry in made.values()}

    return load


def _entry(row: Row) -> Agency:
    return Agency.model_validate(row["state"])


class Directory:
    """The entries of all agencies, a second old at most. `now` is the clock by which an agency's days are told."""

    def __init__(self, load: Load, now: Callable[[], datetime], rules: RuleBook) -> None:
        self._load = load
        self._now = now
        self._rules = rules
        self._entries: Entries = {}
        self._read_at = self._asked_at = self._changed_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._tending: asyncio.Task[None] | None = None

    async def entry(self, code: str) -> Agency | None:
        """An agency's entry; None where there is none. Raises StoreAway."""
        return (await self._known()).get(code)

    async def need_open(self, code: str) -> None:
        """Raises Problematic 403 for an agency that is cut off, and StoreAway."""
        entry = await self.entry(code)
        if entry is not None and entry.disabled is not None:
            raise Problematic(403, "agency.disabled", action="retry")

    async def need_publisher(self, code: str) -> Agency:
        """The entry of an agency that may publish now. Raises Problematic 403 for any other, and StoreAway."""
        entry = await self.entry(code)
        if entry is None:
            raise Problematic(403, "agency.unknown", action="retry")
        if (why := shut(entry, self._now(), self._rules)) is not None:
            raise Problematic(403, why.rule, action="retry", since=entry.active_from, until=entry.active_to)
        return entry

    def forget(self) -> None:
        """What this process has changed itself it knows at once."""
        self._changed_at = time.monotonic()

    async def _known(self) -> Entries:
        self._asked_at = asked = time.monotonic()
        while self._read_at < max(asked - FRESH, self._changed_at):
            await asyncio.shield(self._read())
        self._tend()
        return self._entries

    def _read(self) -> asyncio.Task[None]:
        """The one reading that is under way, or begins now."""
        running = self._reading
        if running is None or running.done() or running.get_loop() is not asyncio.get_running_loop():
            self._reading = running = asyncio.create_task(self._reads())
        return running

    async def _reads(self) -> None:
        began = time.monotonic()
        self._entries = await self._load()
        self._read_at = began  # what changed while it was read may be missing

    def _tend(self) -> None:
        running = self._tending
        if running is None or running.done() or running.get_loop() is not asyncio.get_running_loop():
            self._tending = asyncio.create_task(self._tends())

    async def _tends(self) -> None:
        while time.monotonic() - self._asked_at < LIVELY:
            await asyncio.sleep(ANEW)
            with suppress(StoreAway):  # who asks next is told so
                await self._read()
