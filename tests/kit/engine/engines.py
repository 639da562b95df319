"""What is asked of engines of the tiny service: what was noted, what is parked, what still waits to be sent."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from services.chassis.engine import Engine
from services.chassis.subject import Document
from tests.kit.engine.tiny import (
    notes_of,
    parked_rows,
)

Make = Callable[..., Engine]


async def doc(engine: Engine, subject: str = "p1") -> Document:
    """A document that must be there."""
    return (await engine.documents([subject]))[subject]


async def notes(engine: Engine, subject: str = "p1") -> tuple[str, ...]:
    """What was noted of a subject."""
    found = await engine.documents([subject])
    return notes_of(found[subject].state) if subject in found else ()


async def parked(engine: Engine, **query: Any) -> dict[str, str]:
    """The parked records: status by id."""
    return {row["_id"]: row["status"] for row in await parked_rows(engine.store, query)}


async def outbox(engine: Engine, subject: str = "p1") -> list[int]:
    """The sequences that still wait in a subject's outbox."""
    return [entry.sequence for entry in (await doc(engine, subject)).outbox]


LONG_AGO = timedelta(0)
