"""What the register sends to hooks: its changes, each as the change feed tells it to whoever has the hook.

Another system (role subscriber) is told of all pilots. An agency, whose hooks are registered by a key with the scope
`changes`, is told what it sees when something happens: its own pilots whole, and of the others what the public sees. It
is a right of the agency: where none of its keys has that scope any more, nothing is sent, as while it is cut off.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from pydantic import Field

from contracts.event import Contract, Moment, wire_moment
from contracts.reference import Role, Scope
from contracts.registry import PilotEnteredV1
from services.chassis.auth import Caller
from services.chassis.hooks.kind import Kind, message_of
from services.chassis.hooks.rows import Hook, Item
from services.chassis.sight import Sight, hidden_pilots
from services.chassis.store import BY_ID, SUBJECTS, Row, Store
from services.law import standing
from services.registry import queries, sight
from services.registry.api.answers import ChangedEntry, PublicChangedEntry
from services.registry.domain.agencies import Agency
from services.registry.feed import TOPIC, row_of
from services.registry.handlers import TIMELINE

OF_AGENCY: Final = f"{standing.KIND}:"
"""How the owner of an agency's hooks begins: no other system of that name has them."""


class ChangeMessage(Contract):
    """A change of the register as it is sent to a hook: what was recorded of which pilot, and when. To an agency, of
    the pilots of others, what the public sees."""

    type: str = Field(examples=[PilotEnteredV1.TYPE])
    timestamp: Moment
    data: ChangedEntry | PublicChangedEntry


def owner(caller: Caller) -> str:
    """For whom a caller registers: for the agency of a key; by a token for the system of its organisation, else for the
    caller itself."""
    if caller.scopes is not None:
        return f"{OF_AGENCY}{caller.organisation}"
    return caller.organisation or f"person:{caller.id}"


def agency_of(owner_: str) -> str | None:
    """The agency whose hooks these are; None for those of another system."""
    return owner_.removeprefix(OF_AGENCY) if owner_.startswith(OF_AGENCY) else None


async def eyes_of(store: Store, to: Hook) -> Sight:
    """What whoever has a hook sees. Raises StoreAway, and Problematic as `hidden_pilots` does."""
    return Sight(to.by, agency_of(to.owner), await hidden_pilots(store, to.by))


async def is_open(store: Store, owner_: str, now: datetime) -> bool:
    """Whether an owner of hooks is told anything: another system is; an agency while it is let in, and a key of it has
    the right to that. Raises StoreAway."""
    code = agency_of(owner_)
    if code is None:
        return True
    row = await store.get(SUBJECTS, f"{standing.KIND}:{code}")
    if not row or not row.get("state"):
        return False
    agency = Agency.model_validate(row["state"])
    entitled = any(Scope.CHANGES in key.scopes and key.good(now) for key in agency.keys)
    return entitled and standing.shut(agency, now, agency.zone or "UTC") is None


async def seen(store: Store, to: Hook, items: Sequence[Item]) -> Sequence[Item]:
    """Those of these lines of which a hook may be told. For an agency they are called by their events, as the feed has
    it: the places in the order, which the ids of lines have, would tell of what is kept from it. Raises StoreAway."""
    if agency_of(to.owner) is None:
        return items
    ids = [item.id for item in items]
    rows = await store.rows(TIMELINE, {"_id": {"$in": ids}}, sort=BY_ID, limit=max(1, len(ids)))
    events = {row["_id"]: view["event"] for row, view in await sight.each_told(store, await eyes_of(store, to), rows)}
    return [replace(item, called=events[item.id]) for item in items if item.id in events]


def about(value: bytes) -> Item | None:
    """The line of a timeline that a fact of the register makes; None for what is no fact of a pilot."""
    row = row_of(value)
    return None if row is None else Item(row["_id"], row["pilot"], None, row["time"])


async def body(store: Store, to: Hook, delivery: Row) -> bytes | None:
    """The message of a line of a timeline; None where it is hidden from who registered the hook. Raises StoreAway, and
    Problematic as `hidden_pilots` does."""
    row = await store.get(TIMELINE, delivery["item"])
    eyes = await eyes_of(store, to)
    told = [] if row is None else await sight.told(store, eyes, [row])
    if row is None or not told:
        return None
    called = await sight.called(store, eyes, [row["pilot"]])
    said = message_of(row["type"], row["time"], {**told[0], **called.get(row["pilot"], {})})
    return json.dumps(said, ensure_ascii=False).encode()


async def earlier(store: Store, _owner: str, since: datetime, until: datetime, most: int) -> list[Item]:
    """What was recorded between two moments, of all pilots; what is hidden from who registered the hook is left out
    when it is sent. Raises StoreAway."""
    query = {"time": {"$gte": wire_moment(since), "$lt": wire_moment(until)}}
    rows = await store.rows(
        TIMELINE,
        query,
        sort=queries.AS_RECORDED,
        limit=most,
        fields=["pilot", "time", "sequence"],
        hint=queries.AS_RECORDED,
    )
    return [Item(row["_id"], row["pilot"], None, row["time"], row["sequence"]) for row in rows]


KIND: Final = Kind(
    name="changeRecorded",
    title="A change was recorded",
    topic=TOPIC,
    role=Role.SUBSCRIBER,
    message=ChangeMessage,
    owner=owner,
    about=about,
    body=body,
    earlier=earlier,
    open=is_open,
    seen=seen,
    scope=Scope.CHANGES,
)
