"""What intake sends to hooks: an agency its receipts, word for word as they stand in its receipts topic."""

import json
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import Field

from contracts.agency import ReceiptIssuedV1, ReceiptOutcome
from contracts.event import BrokenEvent, Contract, Moment, parse_own_fact, wire_moment
from contracts.intake import INTAKE as LANGUAGE
from contracts.reference import Role
from contracts.rules import load
from contracts.topics import INTAKE, fact_topic
from services.chassis.hooks.kind import Kind, message_of
from services.chassis.hooks.rows import Hook, Item
from services.chassis.saying import why
from services.chassis.sight import hides
from services.chassis.store import BY_ID, SUBJECTS, Row, Store
from services.intake.domain.agency import Agency, shut, subject_of
from services.intake.receipts import IN_ORDER, JOURNAL, journal, receipt_of

log = logging.getLogger(__name__)

AT_ONCE: Final = 200
"""Receipts of parked events of one agency that are looked at at once."""


class ReceiptMessage(Contract):
    """A receipt (квитанция) as it is sent to a hook: what became of what the agency sent, and when."""

    type: str = Field(examples=[ReceiptIssuedV1.TYPE])
    timestamp: Moment
    data: ReceiptIssuedV1


def about(value: bytes) -> Item | None:
    """The receipt that goes with a fact of intake's topic; None where it concerns no agency."""
    try:
        event = parse_own_fact(value, LANGUAGE)
    except BrokenEvent as error:
        log.error("a record of intake's own topic cannot be sent to hooks: %s", why(error))
        return None
    receipt = receipt_of(event)
    return None if receipt is None else Item(event.id, event.subject, receipt.agency, wire_moment(event.time))


async def body(store: Store, to: Hook, delivery: Row) -> bytes | None:
    """The message of a receipt; None where its pilot is hidden from who registered the hook. Raises StoreAway."""
    row = await store.get(JOURNAL, delivery["item"])
    pilots = {"_id": delivery["pilot"]}
    found = await store.rows(SUBJECTS, pilots, sort=BY_ID, limit=1, fields=["state.hidden_from"])
    if row is None or any(hides(one.get("state") or {}, to.by) for one in found):
        return None
    return json.dumps(message_of(ReceiptIssuedV1.TYPE, row["at"], row["receipt"]), ensure_ascii=False).encode()


async def parked(store: Store, agencies: Sequence[str], since: str) -> list[Item]:
    """The receipts of events that were parked since a moment: no fact tells of them. Raises StoreAway."""
    found = dict[str, Item]()
    for agency in agencies:
        begins, more = since, True
        while more:
            moment = datetime.fromisoformat(begins)
            query = journal(agency, pilots=None, outcomes=[ReceiptOutcome.PARKED], since=moment)
            rows = await store.rows(JOURNAL, query, sort=IN_ORDER, limit=AT_ONCE, fields=["pilot", "agency", "at"])
            more = len(rows) == AT_ONCE and rows[-1]["at"] > begins
            begins = rows[-1]["at"] if rows else begins
            found |= {row["_id"]: Item(row["_id"], row["pilot"], row["agency"], row["at"]) for row in rows}
    return [*found.values()]


async def earlier(store: Store, agency: str, since: datetime, until: datetime, most: int) -> list[Item]:
    """The receipts that an agency was issued between two moments. Raises StoreAway."""
    query = {"agency": agency, "at": {"$gte": wire_moment(since), "$lt": wire_moment(until)}}
    named = ["pilot", "agency", "at", "sequence"]
    rows = await store.rows(JOURNAL, query, sort=IN_ORDER, limit=most, fields=named)
    return [Item(row["_id"], row["pilot"], row["agency"], row["at"], row.get("sequence")) for row in rows]


async def is_open(store: Store, agency: str, now: datetime) -> bool:
    """Whether an agency is told anything: not while it is let in nowhere. Raises StoreAway."""
    row = await store.get(SUBJECTS, subject_of(agency))
    state = (row or {}).get("state")
    return not state or shut(Agency.model_validate(state), now, load()) is None


KIND: Final = Kind(
    name="receiptIssued",
    title="A receipt was issued",
    topic=fact_topic(INTAKE),
    role=Role.PUBLISHER,
    message=ReceiptMessage,
    owner=lambda caller: caller.organisation,
    about=about,
    body=body,
    beside=parked,
    earlier=earlier,
    open=is_open,
)
