"""What the register sends to hooks: another system its changes, each as the change feed tells it."""

import json
from datetime import datetime
from typing import Final

from pydantic import Field

from contracts.event import Contract, Moment, wire_moment
from contracts.reference import Role
from contracts.registry import PilotEnteredV1
from services.chassis.auth import Caller
from services.chassis.hooks.kind import Kind, message_of
from services.chassis.hooks.rows import Hook, Item
from services.chassis.sight import Sight, hidden_pilots
from services.chassis.store import Row, Store
from services.registry import queries, sight
from services.registry.api.answers import ChangedEntry
from services.registry.feed import TOPIC, row_of
from services.registry.handlers import TIMELINE


class ChangeMessage(Contract):
    """A change of the register as it is sent to a hook: what was recorded of which pilot, and when."""

    type: str = Field(examples=[PilotEnteredV1.TYPE])
    timestamp: Moment
    data: ChangedEntry


def owner(caller: Caller) -> str:
    """The system that a caller registers for: that of the token's organisation, else the caller itself."""
    return caller.organisation or f"person:{caller.id}"


def about(value: bytes) -> Item | None:
    """The line of a timeline that a fact of the register makes; None for what is no fact of a pilot."""
    row = row_of(value)
    return None if row is None else Item(row["_id"], row["pilot"], None, row["time"])


async def body(store: Store, to: Hook, delivery: Row) -> bytes | None:
    """The message of a line of a timeline; None where it is hidden from who registered the hook. Raises StoreAway, and
    Problematic as `hidden_pilots` does."""
    row = await store.get(TIMELINE, delivery["item"])
    eyes = Sight(to.by, hidden=await hidden_pilots(store, to.by))
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
)
