"""What was taken over HTTP, as it was sent: intake keeps what its facts do not give back (`services/intake/sent.py`).

The contact person is taken from where intake keeps it, as long as it does. Of what an earlier program took, only the
fact is there.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from contracts.event import Event
from contracts.intake import ApplicationReceived, EventReceived
from contracts.topics import agency_topic
from services.chassis.store import BY_ID, PERSONS, Store
from services.chassis.subject import Record
from services.intake import sent

CONTACT: Final = ("name", "email", "phone")
Taken = tuple[Event, EventReceived]
"""A fact by which an event was taken, with its envelope."""


async def as_sent(store: Store, facts: Sequence[Taken]) -> list[Record]:
    """For each of these facts the event as a record of its agency's topic. Raises StoreAway."""
    wanted = {fact.contact_person_id for _, fact in facts if isinstance(fact, ApplicationReceived)}
    query = {"_id": {"$in": sorted(one for one in wanted if one)}}
    rows = await store.rows(PERSONS, query, sort=BY_ID, limit=max(1, len(wanted)))
    persons = {row["_id"]: {name: row.get(name) for name in CONTACT} for row in rows}
    kept = await sent.kept(store, [(fact.agency, fact.event_id) for _, fact in facts])
    return [
        Record(
            agency_topic(fact.agency).name,
            0,
            0,
            None,
            kept.get((fact.agency, fact.event_id)) or _made(event, fact, persons),
        )
        for event, fact in facts
    ]


def _made(event: Event, fact: EventReceived, persons: Mapping[str, Any]) -> bytes:
    contact = persons.get(fact.contact_person_id or "") if isinstance(fact, ApplicationReceived) else None
    whole = sent.made_again(fact, event.subject, event.time, contact)
    return json.dumps(whole, ensure_ascii=False).encode()
