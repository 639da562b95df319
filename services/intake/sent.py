"""What agencies sent over HTTP and was taken, as it came: what a changed rule or contract would say of it is found by
it (`deploy/preview`).

Over Kafka an agency's topic keeps events as they came for 30 days. Over HTTP many can be made again of their fact;
where that lacks something (a total, a field that no contract knows, a null, a report's own moment), the event itself is
kept for as long. It goes earlier with the contact persons of its pilot: it may say who they are.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
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
from contracts.event import Fact, Payload, agency_source, wire_moment
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
from contracts.topics import AGENCY_KEPT_DAYS
from services.chassis.store import BY_ID, Keys, Row, Store
from services.chassis.subject import Input
from services.intake.domain.commands import Later, Submit
from services.intake.domain.state import pilot_id

SENT: Final = "sent_over_http"
BY_AGE: Final[Keys] = (("at", 1),)
BY_PILOT: Final[Keys] = (("pilot", 1), ("at", 1))
INDEXES: Final[Mapping[str, Sequence[Keys]]] = {SENT: [BY_AGE, BY_PILOT]}
AT_ONCE: Final = 500
OF_FACT: Final[Mapping[type[EventReceived], type[Payload]]] = {
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


def side_rows(one: Input, facts: Sequence[Fact]) -> list[tuple[str, Row]]:
    """The row of an event that was taken over HTTP and that its fact does not give back."""
    command = one.command
    if one.record is not None or not isinstance(command, Submit | Later):
        return []
    fact = next((fact for fact in facts if isinstance(fact, EventReceived)), None)
    if fact is None:
        return []
    again = made_again(fact, one.subject, fact.received, command.event["data"].get("contact"))
    unsaid = again["data"].keys() - command.event["data"].keys()
    again["data"] = {
        name: said for name, said in again["data"].items() if name not in unsaid or not _by_itself(fact, name)
    }
    if again == command.event:
        return []
    value = json.dumps(command.event, ensure_ascii=False).encode("utf-8", "surrogatepass")
    row = {"_id": pilot_id(command.agency, command.event_id), "pilot": one.subject, "at": fact.received, "value": value}
    return [(SENT, row)]


def _by_itself(fact: EventReceived, name: str) -> bool:
    """Whether a fact has of this field what every event has that says nothing of it."""
    said = getattr(fact, "application", fact)
    return bool(getattr(said, name, None) == OF_FACT[type(fact)].model_fields[name].default)


async def kept(store: Store, events: Sequence[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
    """Those of these events, by agency and id, that are kept as they came. Raises StoreAway."""
    ids = {pilot_id(*one): one for one in events}
    rows = await store.rows(SENT, {"_id": {"$in": sorted(ids)}}, sort=BY_ID, limit=max(1, len(ids)))
    return {ids[row["_id"]]: bytes(row["value"]) for row in rows}


async def forget(store: Store, pilots: Sequence[str], until: datetime) -> None:
    """Throws away what was kept of these pilots by then. Raises StoreAway."""
    await _remove(store, {"pilot": {"$in": [*pilots]}, "at": {"$lte": until}}, BY_PILOT)


async def tidy(store: Store, now: datetime) -> None:
    """Throws away what was kept for long enough. Raises StoreAway."""
    await _remove(store, {"at": {"$lte": now - timedelta(days=AGENCY_KEPT_DAYS)}}, BY_AGE)


async def _remove(store: Store, query: Mapping[str, Any], keys: Keys) -> None:
    while rows := await store.rows(SENT, query, sort=keys, limit=AT_ONCE, fields=["_id"]):
        await store.remove(SENT, [row["_id"] for row in rows])


def made_again(fact: EventReceived, pilot: str, at: datetime, contact: object = None) -> dict[str, Any]:
    """An event made of what its fact has of it: without a total and what no contract knows, with the contact person
    that is given here; a report as if it was sent when it came."""
    kind = OF_FACT[type(fact)]
    said = kind.made_of(*([fact.application] if isinstance(fact, ApplicationReceived) else []), fact)
    data = {name: one for name, one in said.model_dump(mode="json", exclude_none=True).items() if one != []}
    if isinstance(fact, ApplicationReceived):
        at = fact.submitted
        data |= {} if contact is None else {"contact": contact}
    return {
        "specversion": "1.0",
        "id": fact.event_id,
        "source": agency_source(fact.agency),
        "type": kind.TYPE,
        "time": wire_moment(at),
        **({} if isinstance(fact, ApplicationRegisteredV1) else {"subject": pilot}),
        "data": data,
    }
