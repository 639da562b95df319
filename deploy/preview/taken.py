"""What was taken over HTTP, made again of what intake's facts keep of it: nobody keeps it as it was sent.

Facts leave out what is personal, an application's total and what no contract knows; the contact person is taken from
where intake keeps it, as long as it does.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from contracts.agency import (
    ApplicationResubmittedV1,
    ApplicationSubmittedV2,
    ApplicationWithdrawnV1,
    ClarificationProvidedV1,
    CompletionReportedV1,
    ProgressReportedV1,
    ResultReportedV1,
    RiskReportedV1,
    SpendingReportedV1,
)
from contracts.event import Event, Payload, agency_source, wire_moment
from contracts.intake import (
    ApplicationReceived,
    ApplicationRegisteredV1,
    ClarificationRegisteredV1,
    CompletionRegisteredV1,
    EventReceived,
    ProgressRegisteredV1,
    ResubmissionRegisteredV1,
    ResultRegisteredV1,
    RiskRegisteredV1,
    SpendingRegisteredV1,
    WithdrawalRegisteredV1,
)
from contracts.topics import agency_topic
from services.chassis.store import BY_ID, PERSONS, Store
from services.chassis.subject import Record

SENT: Final[Mapping[type[EventReceived], type[Payload]]] = {
    ApplicationRegisteredV1: ApplicationSubmittedV2,
    ResubmissionRegisteredV1: ApplicationResubmittedV1,
    ClarificationRegisteredV1: ClarificationProvidedV1,
    WithdrawalRegisteredV1: ApplicationWithdrawnV1,
    ProgressRegisteredV1: ProgressReportedV1,
    SpendingRegisteredV1: SpendingReportedV1,
    RiskRegisteredV1: RiskReportedV1,
    ResultRegisteredV1: ResultReportedV1,
    CompletionRegisteredV1: CompletionReportedV1,
}
"""Of which event of an agency each fact is."""
CONTACT: Final = ("name", "email", "phone")


Taken = tuple[Event, EventReceived]
"""A fact by which an event was taken, with its envelope."""


async def as_sent(store: Store, facts: Sequence[Taken]) -> list[Record]:
    """For each of these facts the event as a record of its agency's topic. Raises StoreAway."""
    wanted = {fact.contact_person_id for _, fact in facts if isinstance(fact, ApplicationReceived)}
    query = {"_id": {"$in": sorted(one for one in wanted if one)}}
    rows = await store.rows(PERSONS, query, sort=BY_ID, limit=max(1, len(wanted)))
    persons = {row["_id"]: {name: row.get(name) for name in CONTACT} for row in rows}
    return [_sent(event, fact, persons) for event, fact in facts]


def _sent(event: Event, fact: EventReceived, persons: Mapping[str, Any]) -> Record:
    kind = SENT[type(fact)]
    said = kind.made_of(*([fact.application] if isinstance(fact, ApplicationReceived) else []), fact)
    data = said.model_dump(mode="json", exclude_none=True)
    at = event.time
    if isinstance(fact, ApplicationReceived):
        at = fact.submitted
        if (contact := persons.get(fact.contact_person_id or "")) is not None:
            data["contact"] = contact
    whole = {
        "specversion": "1.0",
        "id": fact.event_id,
        "source": agency_source(fact.agency),
        "type": kind.TYPE,
        "time": wire_moment(at),
        "data": data,
    }
    if not isinstance(fact, ApplicationRegisteredV1):
        whole["subject"] = event.subject
    value = json.dumps(whole, ensure_ascii=False).encode()
    return Record(agency_topic(fact.agency).name, 0, 0, None, value)
