"""What /metrics tells of a service that is stored, not counted by a process: how old what waits is, and how much.

It is counted from the database and from Kafka when it is asked for, at most every few seconds and within a bound of
time, so that a restart forgets nothing and a back end that hangs makes no scrape wait. While nothing can be counted the
last figures stay, and `lotsman_watched_seconds` grows.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from prometheus_client import Gauge

from contracts import VERSION
from services.chassis import ends
from services.chassis.parking import BROKEN, WAITING
from services.chassis.parking import KINDS as KINDS_OF_CAUSES
from services.chassis.readiness import OK, Watched
from services.chassis.saying import why
from services.chassis.stalled import Place
from services.chassis.store import BY_AGE, BY_CAUSE, PARKED, Store

log = logging.getLogger(__name__)

INFO: Final = Gauge("lotsman_build_info", "What runs here: 1", ["service", "version"])
READY: Final = Gauge("lotsman_ready", "Whether a check of /health/ready holds", ["check"])
OUTBOX_OLDEST: Final = Gauge("lotsman_outbox_oldest_seconds", "For how long the oldest fact has waited to be sent")
TIMER_LATE: Final = Gauge(
    "lotsman_timer_late_seconds",
    "How late the timer is that should have fired first, however often it was tried; 0: none is",
)
PARKED_RECORDS: Final = Gauge("lotsman_parked", "Parked records, up to 10,000", ["status"])
PARKED_OLDEST: Final = Gauge("lotsman_parked_oldest_seconds", "For how long the oldest record is parked", ["status"])
PARKED_BY_CAUSE: Final = Gauge(
    "lotsman_parked_by_cause", "Parked records by the kind of their cause; beyond twenty kinds together", ["cause"]
)
CAUSE_OLDEST: Final = Gauge(
    "lotsman_parked_by_cause_oldest_seconds", "For how long the oldest record of a cause is parked", ["cause"]
)
HELD: Final = Gauge("lotsman_held_pilots", "Subjects with records that wait for something before them")
LAG: Final = Gauge(
    "lotsman_lag_records", "Records that stand in a partition and are not taken yet", ["topic", "partition"]
)
TERMS: Final = Gauge("lotsman_terms", "Running terms, up to 10,000, by how they stand", ["state"])
STRUCK: Final = Gauge(
    "lotsman_balance_struck_timestamp_seconds", "When the balance was struck last, or the process began; 0: it has none"
)
WATCHED: Final = Gauge("lotsman_watched_seconds", "How old the figures are that are counted when they are asked for")

COUNTED: Final = 10_000
KINDS: Final = 20
"""So many kinds of causes are told of by name: those of the most records."""
OTHERS: Final = "others"
GROUPS: Final = 500
_KIND: Final = re.compile(r"[A-Za-z][A-Za-z -]{0,39}", re.ASCII)
AFRESH: Final = 5.0
"""Seconds for which what was counted is told again."""
WITHIN: Final = 2.0
"""Seconds for counting, of which a scrape waits no more."""

Terms = Callable[[Store, datetime], Awaitable[Mapping[str, int]]]
"""How many terms of a service run, by how they stand."""
Places = Callable[[], Awaitable[Sequence[Place]]]
Balance = Callable[[], Awaitable[None]]
"""Tells how the balance stands."""


async def no_balance() -> None:
    """Nothing is balanced here."""


async def no_terms(_store: Store, _now: datetime) -> Mapping[str, int]:
    """No term runs here."""
    return {}


class Watch:
    """Counts what stands in a service. `now` is the clock (UTC), `places` are those of the readers of this process,
    `key_ends` says when keys of agencies end."""

    def __init__(
        self,
        service: str,
        store: Store,
        now: Callable[[], datetime],
        places: Places,
        terms: Terms = no_terms,
        key_ends: Callable[[], Mapping[str, datetime]] = dict,
        balance: Balance = no_balance,
    ) -> None:
        self._key_ends = key_ends
        self._balance = balance
        self._striking: asyncio.Task[None] | None = None
        self._store = store
        self._now = now
        self._places = places
        self._terms = terms
        self._counted_at = time.monotonic()
        self._stale = True
        self._counting = asyncio.Lock()
        INFO.labels(service, VERSION).set(1)
        STRUCK.set(time.time())  # one that strikes none from its beginning on is told of after the same time

    async def look(self) -> None:
        """Counts anew, unless that was done just now."""
        async with self._counting:
            age = time.monotonic() - self._counted_at
            if self._stale or age > AFRESH:
                if self._striking is None or self._striking.done():  # it takes longer: the next scrape tells of it
                    self._striking = asyncio.create_task(self._strike())
                try:
                    async with asyncio.timeout(WITHIN):
                        await self._count()
                    self._counted_at, self._stale = time.monotonic(), False
                except Exception as error:  # whatever is away is told of by its own figure, and by the age of these
                    log.warning("what stands here cannot be counted: %s", why(error))
            WATCHED.set(time.monotonic() - self._counted_at)

    async def _strike(self) -> None:
        try:
            await self._balance()
            STRUCK.set(time.time())
        except Exception as error:  # the last figures stay, and the moment of them
            log.warning("the balance cannot be struck: %s", why(error))

    async def _count(self) -> None:
        now = self._now()
        oldest, due = await asyncio.gather(self._store.oldest_unsent(), self._store.longest_due())
        OUTBOX_OLDEST.set(_age(oldest, now))
        TIMER_LATE.set(_age(due, now))
        for status in (WAITING, BROKEN):
            await self._count_parked(status, now)
        await self._count_causes(now)
        held = await self._store.distinct(PARKED, "subject", {"status": WAITING})
        HELD.set(len(held))
        for state, count in (await self._terms(self._store, now)).items():
            TERMS.labels(state).set(count)
        ends.tell_agencies(self._key_ends())
        await self._count_lag()

    async def _count_parked(self, status: str, now: datetime) -> None:
        asked: dict[str, Any] = {"status": status}
        first = await self._store.rows(PARKED, asked, sort=BY_AGE, limit=1, fields=["at"], hint=BY_AGE)
        count = await self._store.count(PARKED, asked, COUNTED, hint=BY_AGE) if first else 0
        PARKED_RECORDS.labels(status).set(count)
        PARKED_OLDEST.labels(status).set(_age(first[0]["at"] if first else None, now))

    async def _count_causes(self, now: datetime) -> None:
        query = {"status": {"$in": [WAITING, BROKEN]}}
        kinds: dict[str, tuple[int, datetime]] = {}
        by = ("status", "cause")
        for row in await self._store.groups(PARKED, query, by, "at", GROUPS, BY_CAUSE, KINDS_OF_CAUSES):
            kind = _kind(row["cause"])
            name = kind if kind in kinds or len(kinds) < KINDS else OTHERS
            rows, first = kinds.get(name, (0, row["first"]))
            kinds[name] = rows + row["rows"], min(first, row["first"])
        PARKED_BY_CAUSE.clear()
        CAUSE_OLDEST.clear()
        for name, (rows, first) in kinds.items():
            PARKED_BY_CAUSE.labels(name).set(rows)
            CAUSE_OLDEST.labels(name).set(_age(first, now))

    async def _count_lag(self) -> None:
        places = await self._places()
        LAG.clear()  # of partitions that another process reads now nothing is told here
        for one in places:
            LAG.labels(one.topic, str(one.partition)).set(max(0, one.end - one.offset))


def _kind(cause: str) -> str:
    """The kind of a cause: its first words, which are ours; what it says beyond them is of one record."""
    kind = cause.partition(":")[0].partition(" at ")[0]
    return kind if _KIND.fullmatch(kind) else OTHERS


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


async def tell_readiness(checks: Mapping[str, Watched]) -> None:
    """Tells of each check whether it holds."""
    for name, check in checks.items():
        READY.labels(name).set(await check.told() == OK)
