"""The personal data of contact persons outside the domain: read with a fact that says so, erased wherever it stands.

It stands in the collection `persons`, and in parked records of agencies: from there it goes when it is erased, and in
any case when it has been there for as long as the agency's topic keeps it. What else an event says stays, and it is
still the same event to whoever sends it again.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from contracts.agency import ContactPerson
from contracts.event import Event, peek
from contracts.intake import ContactErasedV1, ContactReadV1
from contracts.topics import agency_of, agency_topic
from services.chassis.parking import PERSONAL, record_of
from services.chassis.store import BY_ID, PARKED, PERSONS, SUBJECTS, Keys, Row, Store
from services.intake.domain.state import pilot_id
from services.intake.door import fingerprint_of

READINGS: Final = "readings"
"""Who read which contact person when: rows that facts make."""
LATEST: Final[Keys] = (("pilot", 1), ("at", -1), ("_id", -1))
CONTACT: Final = "contact"
BARE: Final = frozenset(ContactPerson.model_fields) - {"name"}
"""Fields that are personal wherever they stand; `name` is also what an organisation is called."""
AT_ONCE: Final = 100


async def kept(store: Store, persons: Iterable[str]) -> list[Row]:
    """What is kept of these persons, in their order. Raises StoreAway."""
    found = [await store.get(PERSONS, one) for one in persons]
    return [row for row in found if row is not None]


async def forget(store: Store, pilots: Sequence[str], persons: Sequence[str]) -> None:
    """Erases the data of these persons, and what parked records of these applications say of any. Safe to repeat.

    Raises StoreAway.
    """
    await store.remove(PERSONS, persons)
    rows = [row async for row in store.scan(PARKED, {"subject": {"$in": list(pilots)}}, page=AT_ONCE)]
    for row in [*rows, *await _parked_submissions(store, pilots)]:
        await _scrub(store, row)


async def _parked_submissions(store: Store, pilots: Sequence[str]) -> list[Row]:
    """Submissions of these applications that could not be read. They name no pilot, and stand under whatever key their
    agency sent them: they are known by the id of the event, among all that is parked of the agency's topic."""
    query = {"_id": {"$in": list(pilots)}}
    known = await store.rows(SUBJECTS, query, sort=BY_ID, limit=len(pilots), fields=["state.agency"]) if pilots else []
    found: list[Row] = []
    for agency in sorted({row["state"]["agency"] for row in known if row.get("state")}):
        topic = agency_topic(agency).name
        asked = {"_id": {"$gt": f"{topic}/", "$lt": f"{topic}0"}, "personal_until": {"$ne": None}}  # 0 comes after /
        async for row in store.scan(PARKED, asked, page=AT_ONCE):
            id_ = peek(row["value"]).get("id")
            if isinstance(id_, str) and pilot_id(agency, id_) in pilots:
                found.append(row)
    return found


async def erase(store: Store, events: Sequence[Event]) -> None:
    """What own facts say is erased. Raises StoreAway."""
    said = [(event.subject, fact) for event in events if isinstance(fact := event.fact, ContactErasedV1)]
    if said:
        await forget(store, [pilot for pilot, _ in said], [one for _, fact in said for one in fact.person_ids])


async def tidy(store: Store, now: datetime) -> None:
    """Erases personal data from parked records in which it has been for long enough. Raises StoreAway."""
    old = {"personal_until": {"$lte": now}}
    while rows := await store.rows(PARKED, old, sort=list(PERSONAL), limit=AT_ONCE):
        for row in rows:
            await _scrub(store, row)


async def _scrub(store: Store, row: Row) -> None:
    if agency_of(row["topic"]) is None:
        return
    record = record_of(row)
    value = without_contact(record.value)
    said: Row = {"value": value, "personal_until": None}
    if value != record.value:
        said["digest"] = fingerprint_of(record)
    await store.mark(PARKED, {"_id": row["_id"]}, said)


def without_contact(value: bytes) -> bytes:
    """An event without its contact person; the same bytes where it names none.

    Of what is no JSON nobody can say what is personal, and it can only be refused: nothing is left of it.
    """
    try:
        event = json.loads(value)
    except (ValueError, RecursionError):
        return b""
    bare = _without(event)
    return value if bare == event else json.dumps(bare, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _without(value: Any) -> Any:
    match value:
        case dict():
            # Whoever has an address for letters or calls is a person, whatever name the part has.
            gone = {CONTACT, *BARE, "name"} if BARE & value.keys() else {CONTACT}
            return {k: None if k in gone else _without(v) for k, v in value.items()}
        case list():
            return [_without(one) for one in value]
        case _:
            return value


def projection(event: Event) -> list[tuple[str, Row]]:
    """A row for each reading."""
    fact = event.fact
    if not isinstance(fact, ContactReadV1):
        return []
    by = fact.actor
    said = {"by": by.id, "role": by.role, "organisation": by.organisation, "person_ids": list(fact.person_ids)}
    return [(READINGS, {"_id": event.id, "pilot": fact.pilot, "at": event.time, **said})]


def readings(pilot: str) -> Mapping[str, Any]:
    """The query of the readings of an application."""
    return {"pilot": pilot}
