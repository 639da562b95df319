"""Pilots whose whole timeline the register has, for measurements of what it remembers: those of the shelf, which have
none, are of no use there."""

from datetime import timedelta
from typing import Final
from uuid import uuid4

from bench.pilots import BEGIN, Shelf, come_of, stored
from contracts.event import Event, Fact
from contracts.topics import REGISTRY
from services.chassis.store import SUBJECTS, Row, Store
from services.registry import views
from services.registry.handlers import TIMELINE, projection

ENTERED: Final = BEGIN + timedelta(days=3650)
"""When the register came to know of all that it remembers of them."""


async def write_remembered(store: Store, shelf: Shelf, count: int) -> list[str]:
    """Writes so many public pilots, each with the facts that it came of; returns their ids."""
    ids, number = list[str](), 0
    while len(ids) < count:
        subject, facts = str(uuid4()), shelf.facts(9_000_000 + number, ENTERED)
        number += 1
        pilot = stored(subject, len(facts), come_of(facts))
        if views.is_public(pilot):
            await store.add(SUBJECTS, [pilot])
            await store.add(TIMELINE, [row for n, fact in enumerate(facts, 1) for row in _rows(subject, n, fact)])
            ids.append(subject)
    return ids


def _rows(subject: str, n: int, fact: Fact) -> list[Row]:
    said = fact.model_dump(mode="json")
    event = Event(str(uuid4()), REGISTRY, fact.TYPE, subject, ENTERED, n, subject, {}, fact, said)
    return [row for _, row in projection(event)]
