"""The agencies' standing as a process knows it: who is let in, asked by every request and hardly ever of MongoDB.

What is known is a second old at most (`FRESH`): so long an agency that was cut off, or a key that was revoked, may
still be let in over HTTP by a replica that did not do it itself. While requests come, the directory is read anew behind
their backs, so that none waits for it; where nothing comes, nothing is read. Where MongoDB is away nobody is let in by
what was known before.
"""

import asyncio
import hashlib
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from datetime import date, datetime
from typing import Final, Generic, Protocol, TypeVar

from pydantic import BaseModel

from contracts.event import wire_moment
from contracts.reference import Problem, Role
from services.chassis.auth import Caller, bad_key
from services.chassis.problems import Problematic
from services.chassis.store import BY_ID, SUBJECTS, Store, StoreAway
from services.law.standing import KIND

FRESH: Final = 1.0
"""Seconds for which what is known is good."""
ANEW: Final = 0.4
"""Seconds between two readings while requests come."""
LIVELY: Final = 15.0
"""Seconds after a request in which it is read anew."""
MOST: Final = 10_000
"""So many agencies the directory has at most (technical)."""
ENTRIES: Final = {"_id": {"$gt": f"{KIND}:", "$lt": f"{KIND};"}}
"""The query of the entries: they are few among many pilots, and found by their ids alone."""

KEY_USES: Final = "key_uses"
"""The collection of when keys were last used, by their ids. No fact tells of that."""
USED_AGAIN: Final = 60.0
"""Seconds after which the use of a key is noted once more (assumption: who looks for unused keys thinks in days)."""


class Key(Protocol):
    """A key of an agency as it stands."""

    @property
    def id(self) -> str:
        """What it is called."""

    @property
    def digest(self) -> str:
        """By what it is known."""

    @property
    def scopes(self) -> Sequence[str]:
        """What it opens."""

    @property
    def revoked(self) -> datetime | None:
        """Since when it opens nothing."""

    def good(self, now: datetime) -> bool:
        """Whether it opens anything at this moment."""


class Entry(Protocol):
    """An agency's entry as a service has it."""

    @property
    def code(self) -> str:
        """What the agency is called in ids and topics."""

    @property
    def active_from(self) -> date | None:
        """Its first day."""

    @property
    def active_to(self) -> date | None:
        """Its last day."""

    @property
    def keys(self) -> Sequence[Key]:
        """The keys of its programs."""


M = TypeVar("M", bound=BaseModel)
E = TypeVar("E", bound=Entry)
Note = Callable[[str, datetime], Awaitable[None]]


def stored(store: Store, model: type[M]) -> Callable[[], Awaitable[Sequence[M]]]:
    """Reads the entries from a store; those that have not changed are not made anew."""
    made = dict[str, tuple[int, M]]()

    async def load() -> Sequence[M]:
        rows = await store.rows(SUBJECTS, ENTRIES, sort=BY_ID, limit=MOST, fields=("rev", "state"))
        for row in rows:
            if row.get("state") and made.get(row["_id"], (None,))[0] != row["rev"]:
                made[row["_id"]] = row["rev"], model.model_validate(row["state"])
        return [entry for _, entry in made.values()]

    return load


def noting(store: Store) -> Note:
    """Writes when a key was used last."""

    async def note(key: str, at: datetime) -> None:
        await store.put(KEY_USES, [{"_id": key, "at": at}])

    return note


async def last_uses(store: Store, keys: Sequence[str]) -> Mapping[str, str]:
    """When each of these keys was used last at this service, to the minute; who was not is not there. Raises
    StoreAway."""
    rows = await store.rows(KEY_USES, {"_id": {"$in": [*keys]}}, sort=BY_ID, limit=max(1, len(keys)))
    return {row["_id"]: wire_moment(row["at"]) for row in rows}


async def not_noted(_key: str, _at: datetime) -> None:
    """Nobody asks when keys were used."""


def digest_of(key: str) -> str:
    """By what a key is known. It has 256 random bits, so that one round of a hash without salt is enough: there is
    nothing to guess."""
    return hashlib.sha256(key.encode()).hexdigest()


class Directory(Generic[E]):
    """The entries of all agencies with their keys, a second old at most. `shut` says why an agency is not let in at a
    moment of the clock `now`; `note` is told of the use of a key, once a minute at most."""

    def __init__(
        self,
        load: Callable[[], Awaitable[Sequence[E]]],
        now: Callable[[], datetime],
        shut: Callable[[E, datetime], Problem | None],
        note: Note = not_noted,
    ) -> None:
        self._load = load
        self._note = note
        self._shut = shut
        self._now = now
        self._entries: Mapping[str, E] = {}
        self._keys: Mapping[str, tuple[str, Key]] = {}
        self._used = dict[str, float]()
        self._noting = set[asyncio.Task[None]]()
        self._read_at = self._asked_at = self._changed_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._tending: asyncio.Task[None] | None = None

    async def entry(self, code: str) -> E | None:
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
        return _caller(code, found)

    def remembered(self, key: str) -> Caller | None:
        """Whose program has this key, where it opens something, as far as that is known. Never waits."""
        code, found = self._keys.get(digest_of(key), (None, None))
        if code is None or found is None or found.revoked is not None or not found.good(self._now()):
            return None
        self._use(found.id)
        return _caller(code, found)

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
        """Raises Problematic 403 for an agency that is let in nowhere now, and StoreAway. Of whom nothing is known
        here, nothing is said."""
        entry = await self.entry(code)
        if entry is not None:
            self.need(entry)

    def need(self, entry: E) -> None:
        """Raises Problematic 403 for an agency that is let in nowhere now."""
        if (why := self._shut(entry, self._now())) is not None:
            raise Problematic(403, why.rule, action="retry", since=entry.active_from, until=entry.active_to)

    def counts(self, _method: str, _path: str) -> bool:
        """Nobody has a quota here."""
        return False

    def need_room(self, _caller: Caller, _method: str, _path: str) -> None:
        """Nobody has a quota here."""

    def rate(self, _code: str) -> float:
        """Nobody's topic is read here."""
        return math.inf

    def beside(self, _crowds: Callable[[str], bool]) -> None:
        """Nobody has a quota here."""

    def ends(self) -> Mapping[str, datetime]:
        """Keys are rotated where they are given out."""
        return {}

    def forget(self) -> None:
        """What this process has changed itself it knows at once."""
        self._changed_at = time.monotonic()

    async def _known(self) -> Mapping[str, E]:
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
        self._entries = {entry.code: entry for entry in await self._load()}
        self._keys = {key.digest: (one.code, key) for one in self._entries.values() for key in one.keys}
        self._read_at = began  # what changed while it was read may be missing

    def _tend(self) -> None:
        running = self._tending
        if running is None or running.done() or running.get_loop() is not asyncio.get_running_loop():
            self._tending = asyncio.create_task(self._tends(), context=Context())  # of no one request

    async def _tends(self) -> None:
        while True:
            if time.monotonic() - self._read_at >= ANEW:
                with suppress(StoreAway):  # who asks next is told so
                    await self._read()
            if time.monotonic() - self._asked_at > LIVELY:
                return
            await asyncio.sleep(ANEW)


def _caller(code: str, key: Key) -> Caller:
    return Caller(f"key:{key.id}", frozenset({Role.PUBLISHER}), code, frozenset(key.scopes))
