"""What a service sends to hooks, and who may register them: said once by each service that has some."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from contracts.reference import Role, Scope
from services.chassis.auth import Caller
from services.chassis.hooks.rows import Hook, Item
from services.chassis.store import Row, Store


async def nothing_beside(_store: Store, _owners: Sequence[str], _since: str) -> Sequence[Item]:
    """All that is told stands in the topic."""
    return ()


async def always(_store: Store, _owner: str, _now: datetime) -> bool:
    """Everybody is told."""
    return True


async def all_of_them(_store: Store, _to: Hook, items: Sequence[Item]) -> Sequence[Item]:
    """Whoever has a hook is told of everything that concerns it."""
    return items


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of messages; `open` says whether an owner is sent anything now: what comes meanwhile waits.

    `name` and `title` are what its operation is called in the document, `message` the form of its body, `role` who
    registers hooks for it, `scope` which keys of agencies do. `owner` says for whom a caller registers (None: for
    nobody), `about` reads from a record of the service's own `topic` what is to be told (None: nothing). `body` makes
    the message of a stored row's id for a hook; None: it is hidden from who registered that. `beside` finds what is
    told of these owners since a moment and stands in no topic, `earlier` what an owner was told between two moments, at
    most so many, in order. `seen` leaves of items those of which a hook may be told: of the others nothing is made, so
    that no list of deliveries has them.
    """

    name: str
    title: str
    topic: str
    role: Role
    message: type[BaseModel]
    owner: Callable[[Caller], str | None]
    about: Callable[[bytes], Item | None]
    body: Callable[[Store, Hook, Row], Awaitable[bytes | None]]
    earlier: Callable[[Store, str, datetime, datetime, int], Awaitable[Sequence[Item]]]
    beside: Callable[[Store, Sequence[str], str], Awaitable[Sequence[Item]]] = nothing_beside
    open: Callable[[Store, str, datetime], Awaitable[bool]] = always
    seen: Callable[[Store, Hook, Sequence[Item]], Awaitable[Sequence[Item]]] = all_of_them
    scope: Scope = Scope.WEBHOOKS


def message_of(kind: str, at: str, data: Any) -> dict[str, Any]:
    """The body of a message, as Standard Webhooks has it."""
    return {"type": kind, "timestamp": at, "data": data}
