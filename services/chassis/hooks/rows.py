"""What is kept of hooks, in five collections of the service's own database.

    hooks              where to send and for whom; secrets sealed; since when it fails; why it is off
    hook_deliveries    what is sent to one hook: `_id` is its `webhook-id`, `attempts` what came of it
    hook_lines         one hook and one pilot: the lease of who sends in it (`by`), from when it is free (`until`)
    hook_notices       that a hook was switched off, why and when: kept when it is on again, or gone
    hook_reading       how far the service's own topic was looked through, and by whom

In a line one delivery goes after the other, in the order of `order`, `at` and id; so what holds one up holds up those
of its pilot behind it, and nothing else. Whoever adds to a line says so by a new `stirred`, under whose guard a line
is found empty: nothing that comes meanwhile is forgotten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid4, uuid5

from services.chassis.hooks.schedule import Off
from services.chassis.store import Keys, Row, Store

HOOKS: Final = "hooks"
DELIVERIES: Final = "hook_deliveries"
LINES: Final = "hook_lines"
READING: Final = "hook_reading"
SAID: Final = "hook_notices"
NEVER: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""From when an empty line is free."""
LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
OF_OWNER: Final[Keys] = (("owner", 1), ("_id", 1))
IN_LINE: Final[Keys] = (("hook", 1), ("pilot", 1), ("state", 1), ("order", 1), ("at", 1), ("_id", 1))
NEWEST: Final[Keys] = (("at", -1), ("order", -1), ("_id", -1))
"""What is of one moment stands as in the topic, each pilot's in its order."""
LATEST: Final[Keys] = (("at", -1), ("_id", -1))
OF_HOOK: Final[Keys] = (("hook", 1), *NEWEST)
OF_STATE: Final[Keys] = (("hook", 1), ("state", 1), *NEWEST)
OLD: Final[Keys] = (("keep_until", 1),)
OF_WHOM: Final[Keys] = (("owner", 1), *LATEST)
FREE: Final[Keys] = (("hook", 1), ("until", 1))
INDEXES: Final[Mapping[str, Sequence[Keys]]] = {
    HOOKS: [OF_OWNER],
    DELIVERIES: [IN_LINE, OF_HOOK, OF_STATE, OLD],
    LINES: [FREE],
    SAID: [LATEST, OF_WHOM, OLD],
}
MOST_HOOKS: Final = 1_000
"""Hooks that a service looks at."""


class State(StrEnum):
    """How a delivery stands: it waits for its first or next attempt, was taken by the receiver, was given up after all
    attempts, or is about a pilot that is hidden from who registered the hook, and is not sent."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Hook:
    """A registered address. `owner` is the agency or other system, `by` the person or program that registered it,
    `secrets` the sealed ones with the moment until which each signs, None: no end."""

    id: str
    owner: str
    by: str
    address: str
    since: datetime
    secrets: Sequence[tuple[str, datetime | None]]
    failing_since: datetime | None
    off: Off | None

    @classmethod
    def of(cls, row: Row) -> "Hook":
        """As it is stored."""
        sealed = [(one["sealed"], one["until"]) for one in row["secrets"]]
        off = row["off"] and Off(row["off"]["why"])
        return cls(row["_id"], row["owner"], row["by"], row["address"], row["since"], sealed, row["failing_since"], off)

    def sealed(self, now: datetime) -> list[str]:
        """The secrets that sign now, the newest first."""
        return [one for one, until in self.secrets if until is None or until > now]


@dataclass(frozen=True, slots=True)
class Item:
    """What a service has to tell: the id of the row that it is made of, of which pilot, whose (None: of everybody's),
    and when it happened. `order` is its place in the topic, None: of what stands in none. `called` is its name for whom
    it is sent to, where the row's own id would say what is kept from them."""

    id: str
    pilot: str
    owner: str | None
    at: str
    order: int | None = None
    called: str | None = None

    @property
    def name(self) -> str:
        """What it is called for whom it is sent to."""
        return self.called or self.id


async def every_hook(store: Store) -> list[Hook]:
    """All of them. Raises StoreAway."""
    return [Hook.of(row) for row in await store.rows(HOOKS, {}, sort=[("_id", 1)], limit=MOST_HOOKS)]


async def hook(store: Store, id_: str) -> Hook | None:
    """One of them; None where it is gone. Raises StoreAway."""
    row = await store.get(HOOKS, id_)
    return None if row is None else Hook.of(row)


async def next_of_line(store: Store, hook_id: str, pilot: str) -> Row | None:
    """The delivery that is the next to go in a line. Raises StoreAway."""
    query = {"hook": hook_id, "pilot": pilot, "state": State.WAITING}
    rows = await store.rows(DELIVERIES, query, sort=IN_LINE, limit=1, hint=IN_LINE)
    return rows[0] if rows else None


async def first_free(store: Store, hook_id: str, most: int) -> list[Row]:
    """The lines of a hook that are free or will be so first. Raises StoreAway."""
    return await store.rows(LINES, {"hook": hook_id}, sort=FREE, limit=most, hint=FREE)


def line_of(hook_id: str, pilot: str) -> str:
    """The id of a line."""
    return f"{hook_id}/{pilot}"


def delivery_id(hook_id: str, item: str) -> str:
    """The `webhook-id`: the same for every attempt, and for whoever finds the same once more."""
    return f"msg_{uuid5(NAMESPACE_URL, f'{hook_id}/{item}').hex}"


def new_stirring() -> str:
    """A mark of a line that no other has."""
    return uuid4().hex


def delivery(to: Hook, item: Item, order: int, keep_until: datetime) -> Row:
    """A new delivery as it is stored."""
    return {
        "_id": delivery_id(to.id, item.name),
        "hook": to.id,
        "pilot": item.pilot,
        "item": item.id,
        "called": item.called,
        "at": item.at,
        "order": order,
        "state": State.WAITING,
        "tries": 0,
        "next_at": None,
        "ended_at": None,
        "attempts": [],
        "keep_until": keep_until,
    }


async def wake(store: Store, where: Mapping[str, Any], now: datetime) -> None:
    """Has lines looked at that wait for their next attempt or are empty; who sends in one just now looks again when it
    would leave it. Raises StoreAway."""
    await store.mark(LINES, dict(where), {"stirred": new_stirring()})
    await store.mark(LINES, {**where, "by": None}, {"until": now})


async def send_anew(store: Store, where: Mapping[str, Any], now: datetime) -> int:
    """Has deliveries of one hook, which `where` names with it, sent once more from the first attempt on, under the ids
    that they have; returns how many. Raises StoreAway."""
    anew = {"state": State.WAITING, "tries": 0, "next_at": None, "ended_at": None}
    count = await store.mark(DELIVERIES, where, anew)
    await wake(store, {"hook": where["hook"]}, now)
    return count
