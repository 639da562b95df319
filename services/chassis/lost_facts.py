"""Facts that one side has and the other has not: how they are named, remembered, and forgotten when they are there
again (decision 53)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from contracts.topics import group
from services.chassis.answers import LostFact, WhyLost
from services.chassis.cluster import Place, Topics
from services.chassis.series import Placed, left_outbox
from services.chassis.stalled import SKIPPED
from services.chassis.store import BALANCE, BY_ID, PARKED, SUBJECTS, Row, Store, below

KEPT: Final = "facts"
"""With this the ids of what is remembered begin."""
NAMED: Final = 1000
"""So many facts of a writer are remembered, and named, for each reason."""
NOT_TAKEN: Final = "not-taken"
NOT_KEPT: Final = "not-kept"
NOT_SENT: Final = "not-sent"
FIELDS: Final = ("version", "outbox.sequence", "seen")
"""What of a document says which facts it wrote, sent and took."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A fact of a writer that is lost, and why it is called so."""

    writer: str
    why: WhyLost
    fact: Placed

    @property
    def id(self) -> str:
        """As what it is remembered; a fact that stands in its topic twice is lost once."""
        return f"{KEPT}/{self.why}/{self.name}"

    @property
    def name(self) -> str:
        """As what it is known: `WRITER/SUBJECT#SEQUENCE`."""
        return f"{self.writer}/{self.fact.subject}#{self.fact.sequence}"

    @property
    def told(self) -> LostFact:
        """How it is named."""
        return LostFact(fact=self.name, why=self.why)


async def documents(store: Store, subjects: Iterable[str]) -> dict[str, Row]:
    """What the documents of these subjects say of facts. Raises StoreAway."""
    ids = sorted(set(subjects))
    query = {"_id": {"$in": ids}}
    rows = await store.rows(SUBJECTS, query, sort=BY_ID, limit=len(ids), fields=FIELDS, hint=BY_ID) if ids else []
    return {row["_id"]: row for row in rows}


async def still(store: Store, topics: Topics, reader: str, some: Sequence[Lost]) -> list[Lost]:
    """Those of these facts that are lost still. Raises StoreAway, KafkaError and OSError.

    What is set aside is asked for before the documents: a parked record is taken up before it is let go.
    """
    if not some:
        return []
    asked = {one.writer for one in some if one.why == NOT_TAKEN}
    committed = {writer: await topics.committed(group(reader, writer)) for writer in sorted(asked)}
    aside = await _aside(store, [one.fact.place for one in some if one.why == NOT_TAKEN])
    rows = await documents(store, (one.fact.subject for one in some))
    return [one for one in some if _is_lost(one, rows.get(one.fact.subject), aside, committed)]


def _is_lost(one: Lost, row: Row | None, aside: frozenset[str], committed: Mapping[str, Mapping[Place, int]]) -> bool:
    fact = one.fact
    if one.why == NOT_SENT:
        return left_outbox(row) >= fact.sequence
    if one.why == NOT_KEPT:
        return written(row) < fact.sequence
    taken = committed[one.writer].get(fact.at, 0)
    return fact.place not in aside and seen(row, one.writer) < fact.sequence and (fact.offset or 0) < taken


def written(row: Mapping[str, Any] | None) -> int:
    """The last fact that a document has written."""
    return 0 if row is None else int(row["version"])


def seen(row: Mapping[str, Any] | None, writer: str) -> int:
    """The last fact of a writer that a document has taken, or passed over."""
    return 0 if row is None else int(row["seen"].get(writer, 0))


async def _aside(store: Store, places: Sequence[str]) -> frozenset[str]:
    """Which records are parked here, or were passed over by hand."""
    if not places:
        return frozenset()
    query, most = {"_id": {"$in": [*places]}}, len(places)
    found = [
        await store.rows(one, query, sort=BY_ID, limit=most, fields=["_id"], hint=BY_ID) for one in (PARKED, SKIPPED)
    ]
    return frozenset(row["_id"] for rows in found for row in rows)


# ---- what was found


async def known(store: Store, topics: Topics, reader: str) -> list[Lost]:
    """What was found lost and still is. What is there again is forgotten. Raises StoreAway, KafkaError and OSError."""
    every = await remembered(store)
    left = await still(store, topics, reader, every)
    await forget(store, {*every} - {*left})
    return left


async def remembered(store: Store) -> list[Lost]:
    """What was found lost. Raises StoreAway."""
    return [
        Lost(row["writer"], row["why"], Placed(**{**row["fact"], "at": tuple(row["fact"]["at"])}))
        async for row in store.scan(BALANCE, {"_id": below(KEPT)})
    ]


async def remember(store: Store, lost: Iterable[Lost]) -> int:
    """Remembers what was found; returns how much of it was not known, up to as much as is named. Raises StoreAway."""
    every = {one.id: one for one in lost}
    if not every:
        return 0
    there = await remembered(store)
    ids, count = {one.id for one in there}, Counter((one.writer, one.why) for one in there)
    new = list[Lost]()
    for id_, one in every.items():
        if id_ not in ids and count[one.writer, one.why] < NAMED:
            count[one.writer, one.why] += 1
            new.append(one)
    await store.put_new(BALANCE, [{"_id": one.id, **asdict(one)} for one in new])
    return len(new)


async def forget(store: Store, some: Iterable[Lost]) -> None:
    """Forgets what is there again. Raises StoreAway."""
    await store.remove(BALANCE, [one.id for one in some])
