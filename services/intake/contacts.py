"""The personal data of contact persons outside the domain: read with a fact that says so, erased wherever it stands.

It stands in the collection `persons`, and in parked records of agencies: from there it goes when it is erased, and in
any case when it has been there for as long as the agency's topic keeps it. What else an event says stays, and it is
still the same event to whoever sends it again. It may stand in a spreadsheet that an agency has sent: where its
erasure is asked for, those go as a whole.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel

from contracts.agency import AGENCY, ContactPerson
from contracts.event import Envelope, Event, peek
from contracts.forms import as_number
from contracts.intake import ContactErasedV1, ContactReadV1, ErasedFor
from contracts.topics import agency_of, agency_topic
from services.chassis.masking import known_names
from services.chassis.parking import PERSONAL, record_of
from services.chassis.store import BY_ID, PARKED, PERSONS, REPAIRS, SUBJECTS, Keys, Row, Store, below
from services.intake import sent
from services.intake.domain.state import pilot_id
from services.intake.door import attributes_of, fingerprint_of
from services.intake.importing import asked as sheets
from services.intake.parsing import unpacked
from services.law.names import fields_of

Models = tuple[type[BaseModel], ...]

READINGS: Final = "readings"
"""Who read which contact person when: rows that facts make."""
LATEST: Final[Keys] = (("pilot", 1), ("at", -1), ("_id", -1))
CONTACT: Final = "contact"
BARE: Final = frozenset(ContactPerson.model_fields) - {"name"}
"""Fields that are personal wherever they stand; `name` is also what an organisation is called."""
HEADERS: Final = frozenset({*Envelope.model_fields, "content-type"})
"""The headers of a record that are kept, whatever `ce_` stands before them."""
AT_ONCE: Final = 100
OF_A_PILOT: Final = ("state.agency", "state.number")


async def kept(store: Store, persons: Iterable[str]) -> list[Row]:
    """What is kept of these persons, in their order. Raises StoreAway."""
    found = [await store.get(PERSONS, one) for one in persons]
    return [row for row in found if row is not None]


async def forget(store: Store, pilots: Sequence[str], persons: Sequence[str], until: datetime) -> None:
    """Erases the data of these persons, and what records of these applications that were parked by then, or
    events that were kept, say of any. Safe to repeat.

    Raises StoreAway.
    """
    await store.remove(PERSONS, persons)
    await sent.forget(store, pilots, until)
    rows = [row async for row in store.scan(PARKED, {"subject": {"$in": list(pilots)}}, page=AT_ONCE)]
    for row in [*rows, *await _parked_submissions(store, pilots)]:
        if row["at"] <= until:
            await _scrub(store, row)
            # What is proposed in its place has the same in it, and nobody can say which of it is meant.
            await store.remove_where(REPAIRS, {"record": row["_id"], "personal_until": {"$ne": None}})


async def _parked_submissions(store: Store, pilots: Sequence[str]) -> list[Row]:
    """Submissions of these applications that could not be read. They name no pilot, and stand under whatever key their
    agency sent them: they are known by the id of the event, among all that is parked of the agency's topic."""
    query = {"_id": {"$in": list(pilots)}}
    known = await store.rows(SUBJECTS, query, sort=BY_ID, limit=len(pilots), fields=OF_A_PILOT) if pilots else []
    numbers = {row["state"]["number"] for row in known if (row.get("state") or {}).get("number")}
    found: list[Row] = []
    for agency in sorted({row["state"]["agency"] for row in known if row.get("state")}):
        topic = agency_topic(agency).name
        asked = {"_id": below(topic), "personal_until": {"$ne": None}}
        async for row in store.scan(PARKED, asked, page=AT_ONCE):
            said = {**attributes_of(record_of(row).headers), **peek(row["value"])}
            named, subject = (str(one or "") for one in (row.get("event_id") or said.get("id"), said.get("subject")))
            about = {pilot_id(agency, named), subject.strip().lower(), as_number(subject)}
            if about & {*pilots, *numbers}:
                found.append(row)
    return found


async def erase(store: Store, events: Sequence[Event]) -> None:
    """What own facts say is erased; what came in since stays, for a fact may wait long until it is sent, and is carried
    out again on a database that is made anew. Raises StoreAway."""
    said = [(event, fact) for event in events if isinstance(fact := event.fact, ContactErasedV1)]
    if said:
        persons = [one for _, fact in said for one in fact.person_ids]
        await forget(store, [event.subject for event, _ in said], persons, max(event.time for event, _ in said))
    for event, fact in said:
        if fact.why is ErasedFor.ASKED:
            await sheets.forget(store, fact.agency, event.time)


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
    value = without_contact(record.value, attributes_of(record.headers).get("type"))
    headers = [[name, one] for name, one in record.headers if name.removeprefix("ce_") in HEADERS]
    said: Row = {"value": value, "headers": headers, "personal_until": None}
    if value != record.value:
        said["digest"] = fingerprint_of(record)
    await store.mark(PARKED, {"_id": row["_id"]}, said)


def without_contact(value: bytes, said: str | None = None) -> bytes:
    """An event without its contact person, nor anything that stands where its contract knows nothing: a misspelt name
    of the field is such a place. The names stay, so that they are told of as before. The same bytes where there is
    nothing of it. `said` is the type of an event whose value is its data alone.

    Of what is no JSON nobody can say what is personal, and it can only be refused: nothing is left of it.
    """
    try:
        event = json.loads(value)
    except (ValueError, RecursionError):
        return b""
    if isinstance(event, dict):
        unpacked(event)
    bare = _without(_known(event, said))
    return value if bare == event else json.dumps(bare, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _known(event: Any, said: str | None) -> Any:
    """An event with what its contract has a place for; of an unknown type, with what has a name that there is."""
    if not isinstance(event, dict):
        return None
    if "data" not in event:
        return _part(event, _contracts(said))
    kept = {k: v if k in Envelope.model_fields and not isinstance(v, (dict, list)) else None for k, v in event.items()}
    return {**kept, "data": _part(event["data"], _contracts(event.get("type", said)))}


def _contracts(kind: object) -> Models | None:
    return (AGENCY.classes[kind],) if isinstance(kind, str) and AGENCY.knows(kind) else None


def _part(value: Any, models: Models | None) -> Any:
    """A part of the data: what these contracts have a place for; None: what has a name that any contract has."""
    if isinstance(value, list):
        return [_part(one, models) for one in value]
    if not isinstance(value, dict):
        return value
    if models is None:
        names = known_names()
        return {k: _part(one, None) if k in names else None for k, one in value.items()}
    fields = fields_of(models) if models else {}
    return {k: _part(one, fields[k]) if k in fields else None for k, one in value.items()}


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
