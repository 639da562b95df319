"""Pilots whose whole timeline the register has, for measurements of what it remembers: those of the shelf, which have
none, are of no use there."""

from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from bench.pilots import BEGIN, Shelf
from contracts.event import Event, Fact
from contracts.topics import INTAKE, REGISTRY
from services.chassis.fold import state_json
from services.chassis.store import SUBJECTS, Row, Store
from services.registry import views
from services.registry.domain.evolve import evolve
from services.registry.domain.state import Pilot
from services.registry.handlers import TIMELINE, projection

ENTERED: Final = BEGIN + timedelta(days=3650)
"""When the register came to know of all that it remembers of them."""


async def write_remembered(store: Store, shelf: Shelf, count: int) -> list[str]:
    """Writes so many public pilots, each with the facts that it came of; returns their ids."""
    ids, number = list[str](), 0
    while len(ids) < count:
        subject, facts = str(uuid4()), shelf.facts(9_000_000 + number, ENTERED)
        number += 1
        pilot = _document(subject, facts)
        if views.is_public(pilot):
            await store.add(SUBJECTS, [pilot])
            await store.add(TIMELINE, [row for n, fact in enumerate(facts, 1) for row in _rows(subject, n, fact)])
            ids.append(subject)
    return ids


def _document(subject: str, facts: list[Fact]) -> Row:
    state: Pilot | None = None
    for fact in facts:
        state = evolve(state, fact)
    assert state is not None
    rest: dict[str, Any] = {"seen": {INTAKE: 2}, "ids": {}, "outbox": [], "due": None, "trace": {}}
    head = {"_id": subject, "kind": "pilot", "rev": len(facts), "version": len(facts), "correlation": subject}
    return {**head, "state": state_json(state), **rest}


def _rows(subject: str, n: int, fact: Fact) -> list[Row]:
    said = fact.model_dump(mode="json")
    event = Event(str(uuid4()), REGISTRY, fact.TYPE, subject, ENTERED, n, subject, {}, fact, said)
    return [row for _, row in projection(event)]
