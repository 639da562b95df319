"""The directory of agencies as a process knows it: who may publish, asked by every request and hardly ever of MongoDB.

What is known is a second old at most (`FRESH`): so long an agency that was cut off, or a key that was revoked, may
still be let in over HTTP by a replica that did not do it itself. While requests come, the directory is read anew behind
their backs, so that none waits for it; where nothing comes, nothing is read. Where MongoDB is away nobody is let in by
what was known before.
"""

import asyncio
import hashlib
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from contracts.reference import Role
from contracts.rules import RuleBook
from services.chassis.auth import Caller, bad_key
from services.chassis.pace import SELDOM
from services.chassis.problems import Problematic
from services.chassis.store import BY_ID, SUBJECTS, Row, Store, StoreAway
from services.intake import queries
from services.intake.domain.agency import Agency, shut
from services.intake.domain.agency_keys import ApiKey
from services.intake.quotas import Quotas, nothing_shared

FRESH: Final = 1.0
"""Seconds for which what is known is good."""
ANEW: Final = 0.4
"""Seconds between two readings while requests come."""
LIVELY: Final = 15.0
"""Seconds after a request in which it is read anew."""
MOST: Final = 10_000
"""So many agencies the directory has at most (technical)."""

KEY_USES: Final = "key_uses"
"""The collection of when keys were last used, by their ids. No fact tells of that."""
USED_AGAIN: Final = 60.0
"""Seconds after which the use of a key is noted once more (assumption: who looks for unused keys thinks in days)."""

Entries = Mapping[str, Agency]
Load = Callable[[], Awaitable[Entries]]
Note = Callable[[str, datetime], Awaitable[None]]


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


def noting(store: Store) -> Note:
    """Writes when a key was used last."""

    async def note(key: str, at: datetime) -> None:
        await store.put(KEY_USES, [{"_id": key, "at": at}])

    return note


async def _not_noted(_key: str, _at: datetime) -> None:
    """Nobody asks when keys were used."""


def _entry(row: Row) -> Agency:
    return Agency.model_validate(row["state"])


def digest_of(key: str) -> str:
    """By what a key is known. It has 256 random bits, so that one round of a hash without salt is enough: there is
    nothing to guess."""
    return hashlib.sha256(key.encode()).hexdigest()


class Directory:
    """The entries of all agencies with their keys, a second old at most. `now` is the clock by which an agency's days
    are told; `note` is told of the use of a key, once a minute at most."""

    def __init__(
        self,
        load: Load,
        now: Callable[[], datetime],
        rules: RuleBook,
        note: Note = _not_noted,
        quotas: Quotas | None = None,
    ) -> None:
        self.quotas = quotas or Quotas(nothing_shared, None, now)
        self.most = self.quotas.most
        self._load = load
        self._note = note
        self._keys: Mapping[str, tuple[str, ApiKey]] = {}
        self._used = dict[str, float]()
        self._noting = set[asyncio.Task[None]]()
        self._now = now
        self._rules = rules
        self._entries: Entries = {}
        self._read_at = self._asked_at = self._changed_at = self._rates_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._tending: asyncio.Task[None] | None = None

    async def entry(self, code: str) -> Agency | None:
        """An agency's entry; None where there is none. Raises StoreAway."""
        return (await self._known()).get(code)

    async def bearer(self, key: str) -> Caller:
        """Whose program has this key. Raises Problematic 401 for one that opens nothing, and 503 where MongoDB is away:
        it is asked before any route."""
        try:
            await self._known()
        except StoreAway as error:
            raise Problematic(503, "store.away", action="retry", headers={"Retry-After": "2"}) from error
        code, found = self._keys.get(digest_of(key), (None, None))
        if code is None or found is None:
            raise bad_key("key.not-known")
        if found.revoked is not None:
            raise bad_key("key.revoked")
        if not found.good(self._now()):
            raise bad_key("key.over")
        self._use(found.id)
        return Caller(f"key:{found.id}", frozenset({Role.PUBLISHER}), code, frozenset(found.scopes))

    def _use(self, key: str) -> None:
        """Notes the use behind the back of who asks."""
        if time.monotonic() - self._used.get(key, float("-inf")) < USED_AGAIN:
            return
        self._used[key] = time.monotonic()
        noting = asyncio.create_task(self._noted(key, self._now()))
        self._noting.add(noting)  # the loop alone does not keep a task
        noting.add_done_callback(self._noting.discard)

    async def _noted(self, key: str, at: datetime) -> None:
        try:
            await self._note(key, at)
        except StoreAway:
            self._used.pop(key, None)  # the next use is noted instead

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

    def rate(self, code: str) -> float:
        """How many events a second of an agency's topic are read at most: as its quota says, or that of all. Of who is
        not known yet, as that of all. What is known is read anew behind the back of who asks, seldom: who reads topics
        asks without end."""
        now = time.monotonic()
        if now - max(self._read_at, self._rates_at) > SELDOM:
            self._rates_at = now
            self._tend()
        entry = self._entries.get(code)
        quota = (entry.quota if entry is not None else None) or self.most
        return math.inf if quota is None else quota.events_a_minute / 60

    def ends(self) -> Mapping[str, datetime]:
        """When the first key of each agency ends that is good now and has no successor, as far as that is known."""
        found = dict[str, datetime]()
        for code, entry in self._entries.items():
            replaced = {key.replaces for key in entry.keys if key.revoked is None}
            last = [k.until for k in entry.keys if k.until and k.good(self._now()) and k.id not in replaced]
            if last and entry.disabled is None:
                found[code] = min(last)
        return found

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
        self._keys = {key.digest: (one.code, key) for one in self._entries.values() for key in one.keys}
        self._read_at = began  # what changed while it was read may be missing

    def _tend(self) -> None:
        running = self._tending
        if running is None or running.done() or running.get_loop() is not asyncio.get_running_loop():
            self._tending = asyncio.create_task(self._tends())

    async def _tends(self) -> None:
        while True:
            if time.monotonic() - self._read_at >= ANEW:
                with suppress(StoreAway):  # who asks next is told so
                    await self._read()
            if time.monotonic() - self._asked_at > LIVELY:
                return
            await asyncio.sleep(ANEW)
