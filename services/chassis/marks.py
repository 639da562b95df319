"""Marks: how far a database has come with Kafka, so that one that was lost or is an older backup is found out.

Of each partition of the service's own topic is kept up to where this database sent facts, and of each partition that
the service reads up to where it took records. Marks are written a moment after what they tell of, so they may lag
behind the truth and are never ahead of it: whatever lies below a mark, this database knows.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from contracts.event import Harmless
from services.chassis.store import Row, Store

COLLECTION: Final = "marks"
ID: Final = "marks"
"""All marks of a database are one row: they are read and raised together."""
SENT: Final = "sent"
"""What stands in the place of a group where a mark is of the service's own topic."""

Place = tuple[str, str, int]
"""A consumer group, or SENT; a topic; a partition of it."""


class Behind(Harmless):
    """The database does not belong together with Kafka, or with the rules, as they are; the message says how, and what
    to do."""


class Exchanged(Harmless):
    """Another database, or an older state of it, stands in the place of the one that this process began with."""


class Marks:
    """The marks of a service's process. `note` is cheap and keeps them in memory, `keep` writes what is new."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted: dict[Place, int] = {}
        self._kept: dict[Place, int] = {}
        self._database: str | None = None

    def note(self, place: Place, following: int) -> None:
        """Everything below this offset is sent, or taken."""
        self._noted[place] = max(following, self._noted.get(place, 0))

    async def load(self) -> dict[Place, int] | None:
        """The stored marks; None in a database that has none yet. Raises StoreAway."""
        row = await self._store.get(COLLECTION, ID)
        return None if row is None else places(row)

    async def begin(self, found: Mapping[Place, int]) -> None:
        """Stores marks that were found at the start of this process, and which database this is. Raises StoreAway."""
        await _raise(self._store, found)
        row = await self._store.get(COLLECTION, ID)
        self._database = row["database"] if row else None
        self._kept = dict(found)

    async def keep(self) -> None:
        """Writes the marks that moved. Raises StoreAway and Exchanged."""
        if self._database is None:
            return
        row = await self._store.get(COLLECTION, ID)
        there = places(row) if row else {}
        if row is None or row["database"] != self._database or any(there.get(p, 0) < n for p, n in self._kept.items()):
            raise Exchanged("the database was exchanged while the service ran")
        moved = {place: n for place, n in self._noted.items() if n > self._kept.get(place, 0)}
        if moved:
            await _raise(self._store, moved)
            self._kept |= moved


async def begin(store: Store) -> None:
    """Gives a database marks of its own that say of nothing that it was taken: all inputs are read again."""
    await _raise(store, {})


async def _raise(store: Store, marks: Mapping[Place, int]) -> None:
    first = {"database": uuid4().hex, "began": datetime.now(UTC)}
    await store.raise_to(COLLECTION, ID, {f"next.{_name(place)}": n for place, n in marks.items()}, first)


def _name(place: Place) -> str:
    """A place as a field's name: no dots, which lead into documents."""
    group, topic, partition = place
    return f"{group} {topic} {partition}".replace(".", "/")


def places(row: Row) -> dict[Place, int]:
    """What a row of marks says."""
    found = dict[Place, int]()
    for name, n in row.get("next", {}).items():
        group, topic, partition = name.replace("/", ".").split(" ")
        found[group, topic, int(partition)] = n
    return found
