"""What a service sends to hooks, and who may register them: said once by each service that has some."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from contracts.reference import Role
from services.chassis.auth import Caller
from services.chassis.hooks.rows import Hook, Item
from services.chassis.store import Row, Store


async def nothing_beside(_store: Store, _owners: Sequence[str], _since: str) -> Sequence[Item]:
    """All that is told stands in the topic."""
    return ()


async def always(_store: Store, _owner: str, _now: datetime) -> bool:
    """Everybody is told."""
    return True


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of messages; `open` says whether an owner is sent anything now: what comes meanwhile waits.

    `name` and `title` are what its operation is called in the document, `message` the form of its body, `role` who
    registers hooks for it. `owner` says for whom a caller registers (None: for nobody), `about` reads from a record of
    the service's own `topic` what is to be told (None: nothing). `body` makes the message of a stored row's id for a
    hook; None: it is hidden from who registered that. `beside` finds what is told of these owners since a moment and
    stands in no topic, `earlier` what an owner was told between two moments, at most so many, in order.
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


def message_of(kind: str, at: str, data: Any) -> dict[str, Any]:
    """The body of a message, as Standard Webhooks has it."""
    return {"type": kind, "timestamp": at, "data": data}
