"""Records that cannot be applied now: `waiting` behind something that has not arrived, `broken` until a hand helps.

A parked record keeps its original bytes, so that redriving feeds this reader's own engine exactly what was read;
no topic and no other reader is touched. `_id` is where the record stands, so reading it again parks it once.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from contracts.event import peek
from services.chassis.store import PARKED, Row, Store
from services.chassis.subject import Record

WAITING: Final = "waiting"
BROKEN: Final = "broken"
COLLECTION: Final = PARKED
MOST: Final = 2**63 - 1
"""The largest number that MongoDB holds; a record that claims a higher place in its series is never next."""
PAGE: Final = 1000
LARGEST: Final = 12 * 1024 * 1024
"""Bytes of a record that a document can hold; only a topic that compresses could hold a larger one."""
ORDER: Final = (("subject", 1), ("source", 1), ("sequence", 1), ("_id", 1))


@dataclass(frozen=True, slots=True)
class Parked:
    """A record to park, with what is known of it. `sequence` is None for an agency's event."""

    record: Record
    status: str
    cause: str
    subject: str | None = None
    source: str | None = None
    sequence: int | None = None


def unreadable(record: Record, cause: str) -> Parked:
    """A record that could not be parsed, with as much as its text and key still tell."""
    event = peek(record.value)
    key = record.key.decode("utf-8", "replace") if record.key else None
    return Parked(
        record,
        BROKEN,
        cause,
        subject=_text(event.get("subject")) or key,
        source=(_text(event.get("source")) or "").rsplit("/", 1)[-1] or None,
        sequence=_number(event.get("sequence")),
    )


async def park(store: Store, some: Sequence[Parked], now: datetime) -> None:
    """Writes parked records; one that is parked already only gets its new status and cause."""
    await store.put_new(COLLECTION, [_row(one, now) for one in some], renewed=("status", "cause"))


async def places(store: Store, query: Mapping[str, Any]) -> list[Row]:
    """Where parked records stand in their series, in the order in which they must be fed; one page of them."""
    shown = ("subject", "source", "sequence")
    return await store.rows(COLLECTION, query, sort=list(ORDER), limit=PAGE, fields=shown)


async def rows(store: Store, ids: Sequence[str]) -> list[Row]:
    """These parked records, whole, in the order in which they must be fed."""
    return await store.rows(COLLECTION, {"_id": {"$in": list(ids)}}, sort=list(ORDER), limit=len(ids))


def beyond(page: Sequence[Row], subjects: Sequence[str]) -> Mapping[str, Any] | None:
    """Where the series behind a full page are; None if the page was the last.

    What the page left out of its last series cannot be next before what it holds of it.
    """
    if len(page) < PAGE:
        return None
    subject, source = page[-1]["subject"], page[-1]["source"]
    further = {"subject": subject, "source": {"$gt": source} if source is not None else {"$ne": None}}
    return {"$or": [further, {"subject": {"$in": [s for s in subjects if s > subject]}}]}


def record_of(row: Row) -> Record:
    """The record as it was read."""
    return Record(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        key=row["key"],
        value=row["value"],
        headers=tuple((name, value) for name, value in row["headers"]),
    )


def _row(one: Parked, now: datetime) -> Row:
    record = one.record
    return {
        "_id": record.id,
        "status": one.status,
        "cause": _storable(one.cause[:2000]),
        "subject": one.subject,
        "source": one.source,
        "sequence": one.sequence if one.sequence is None or one.sequence <= MOST else None,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key,
        "value": record.value[:LARGEST],
        "headers": [[name, value] for name, value in record.headers],
        "at": now,
    }


def _text(value: object) -> str | None:
    return _storable(value) if isinstance(value, str) and value else None


def _storable(text: str) -> str:
    """Text without halves of surrogate pairs, which JSON can spell but UTF-8 and so MongoDB cannot."""
    return text.encode("utf-8", "replace").decode()


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,20}", value) else None
