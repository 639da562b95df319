"""Which partitions stand still: there is more in them, but their reader does not get on, for whatever reason.

A record that cannot be read or decided stands in nobody's way: it is parked. What is left is what nobody foresaw, and
what the broker itself cannot give. It is shown here and by readiness, and ops may have the record passed over (see
`passed_over`): it is parked by its offset like any other that cannot be taken.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from contracts.event import Event
from contracts.steps import RecordSkipping
from contracts.topics import agency_of
from services.chassis import telemetry
from services.chassis.readiness import NotReady
from services.chassis.store import BY_ID, Row, Store

log = logging.getLogger(__name__)

COLLECTION: Final = "standing"
"""The partitions that stand still, for all replicas to tell of."""
SKIPPED: Final = "skipped"
"""The records that were passed over by hand, for their readers and for a list: who said so, when and why. Kept for
ever."""
LOOK_EVERY: Final = 10.0
"""Seconds between two looks at where the readers are."""
FORGOTTEN: Final = timedelta(minutes=5)
"""A row that was not renewed for so long is of a process that is gone, and of a partition that nobody reads."""
MOST: Final = 1000


class StandsStill(Exception):
    """Partitions stand still; all others go on."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the reader of a partition is: `offset` is that of the record that comes next, `end` where there is no more.
    `cause` is what is known of why it does not come."""

    topic: str
    partition: int
    offset: int
    end: int
    cause: str | None = None

    @property
    def id(self) -> str:
        """The partition: `topic/partition`."""
        return f"{self.topic}/{self.partition}"


Places = Callable[[], Awaitable[Sequence[Place]]]
"""All places of the readers of this process."""


class Stalls:
    """What stands still of what this process reads. `places` are all places of its readers, `skip` has them pass over
    the record of a place, `now` is the clock (UTC), `after` the seconds without getting on that count."""

    def __init__(
        self,
        store: Store,
        places: Places,
        skip: Callable[[Place], None],
        now: Callable[[], datetime],
        after: float,
    ) -> None:
        self._store = store
        self._places = places
        self._skip = skip
        self._now = now
        self._after = timedelta(seconds=after)
        self._since: dict[str, tuple[int, datetime]] = {}
        self._noted = set[str]()
        """What this process has noted of its partitions."""
        self._mine: set[str] | None = None
        """Its partitions when it last looked; None before it has."""
        self._behind = 0
        self._looked_at: datetime | None = None

    async def look(self) -> None:
        """Notes what stands still and what no longer does; passes over what is asked. Raises StoreAway, KafkaError."""
        places, now = await self._places(), self._now()
        behind = {one.id: one for one in places if one.offset < one.end}
        self._looked_at = now
        self._behind = sum(one.end - one.offset for one in behind.values() if agency_of(one.topic) is None)
        known, self._since = self._since, {}
        for name, place in behind.items():
            at, since = known.get(name, (place.offset, now))
            self._since[name] = (place.offset, since if at == place.offset else now)
        still = {name: one for name, one in behind.items() if now - self._since[name][1] >= self._after}
        mine = {one.id for one in places}
        if still or self._noted or mine != self._mine:
            await self._note(mine | self._noted, still, now)
        self._noted, self._mine = set(still), mine
        telemetry.STANDING.set(len(still))

    async def _note(self, known: set[str], still: dict[str, Place], now: datetime) -> None:
        """Of `known`, what is read here or was, all goes that does not stand still here: who has it now looks too."""
        rows = await noted_rows(self._store)
        gone = {row["_id"] for row in rows if row["_id"] in known or row["at"] < now - FORGOTTEN}
        await self._store.remove(COLLECTION, sorted(gone - still.keys()))
        rows = [{**_row(one, self._since[name][1]), "at": now} for name, one in still.items()]
        await self._store.put_new(COLLECTION, rows, renewed=("offset", "end", "cause", "since", "at"))
        asked = await self._skips([f"{one.id}/{one.offset}" for one in still.values()])
        for place in still.values():
            log.error("%s stands still at offset %s: %s", place.id, place.offset, place.cause or "nothing comes")
            if f"{place.id}/{place.offset}" in asked:
                self._skip(place)

    async def _skips(self, ids: Sequence[str]) -> set[str]:
        if not ids:
            return set()
        query = {"_id": {"$in": list(ids)}}
        return {row["_id"] for row in await self._store.rows(SKIPPED, query, sort=BY_ID, limit=len(ids))}

    async def check(self) -> None:
        """Raises StandsStill, as far as this process knows."""
        if self._noted:
            raise StandsStill(f"{len(self._noted)} partitions stand still: GET /v1/reading")

    async def lags(self, most: int, *, at_fault: bool = True) -> None:
        """Raises NotReady where it is more than so many facts behind what other services have written, as it stood when
        it last looked; `at_fault` says whose fault that would be. Of an agency's topic no more is read than its quota,
        and an agency that floods its own must not make anybody unready: what waits there does not count."""
        fresh = self._looked_at is not None and self._now() - self._looked_at < 3 * self._after
        if fresh and self._behind > most:
            raise NotReady(f"{self._behind} facts of other services are not taken yet", at_fault=at_fault)


async def shown(store: Store, places: Places) -> list[dict[str, Any]]:
    """Where the readers of this process are, and what stands still of the others' partitions. Raises StoreAway and
    KafkaError."""
    still = {row["_id"]: row for row in await noted_rows(store)}
    found = {one.id: _shown(_row(one, None), still.pop(one.id, None)) for one in await places()}
    return [*(found[name] for name in sorted(found)), *(_shown(row, row) for row in still.values())]


async def noted_rows(store: Store) -> list[Row]:
    """The partitions that stand still, by name. Raises StoreAway."""
    return await store.rows(COLLECTION, {}, sort=BY_ID, limit=MOST)


async def stands_at(store: Store, record: str) -> bool:
    """Whether a partition stands still at this record (`topic/partition/offset`). Raises StoreAway."""
    partition, _, offset = record.rpartition("/")
    row = await store.get(COLLECTION, partition)
    return row is not None and str(row["offset"]) == offset


def skips(event: Event) -> list[tuple[str, Row]]:
    """The row that has whoever reads it pass over a record, of the fact of who said so: so no fact is without it."""
    said = event.fact
    if not isinstance(said, RecordSkipping):
        return []
    by, organisation = said.actor.id, said.actor.organisation
    return [(SKIPPED, {"_id": said.record, "by": by, "organisation": organisation, "at": event.time, "why": said.why})]


def _row(place: Place, since: datetime | None) -> Row:
    return {
        "_id": place.id,
        "topic": place.topic,
        "partition": place.partition,
        "offset": place.offset,
        "end": place.end,
        "cause": place.cause,
        "since": since,
    }


def _shown(row: Row, still: Row | None) -> dict[str, Any]:
    since = still["since"] if still is not None else None
    return {
        **{name: row[name] for name in ("topic", "partition", "offset", "end")},
        "behind": max(0, row["end"] - row["offset"]),
        "stands_since": None if since is None else since.isoformat(),
        "cause": (row["cause"] or "nothing comes") if since is not None else row["cause"],
    }
