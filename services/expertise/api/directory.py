"""Reading the directory of experts: entries with their loads."""

import asyncio
from collections.abc import Sequence
from typing import Final

from services.chassis.engine import Engine
from services.chassis.sight import anything_hidden
from services.chassis.store import SUBJECTS, Store
from services.expertise.api.lists import loads
from services.expertise.domain.expert import KIND, Expert, Known, subject_of
from services.expertise.handlers import load_of
from services.expertise.proposals import Candidate
from services.expertise.queries import experts
from services.expertise.sight import Sight

MOST_EXPERTS: Final = 1_000
"""How many active experts are looked at for one case."""


async def active_experts(store: Store, eyes: Sight) -> tuple[list[Candidate], bool]:
    """The active experts with their loads, and whether these are all."""
    asked = experts(None, True, None)
    rows = await store.rows(SUBJECTS, asked.query, sort=asked.order, limit=MOST_EXPERTS + 1, hint=asked.index)
    entries = [Expert.model_validate(row["state"]) for row in rows[:MOST_EXPERTS]]
    return await candidates(store, eyes, entries), len(rows) <= MOST_EXPERTS


async def candidates(store: Store, eyes: Sight, entries: Sequence[Expert]) -> list[Candidate]:
    """These entries, each with its whole load and with so much of it as the caller sees."""
    ids = [entry.expert_id for entry in entries]
    whole, hidden = await asyncio.gather(load_of(store, ids), anything_hidden(store, eyes.id))
    seen = await loads(store, eyes, ids) if hidden else whole  # for most people no case is hidden
    return [Candidate(Known(one, whole[one.expert_id]), seen[one.expert_id]) for one in entries]


async def named_experts(engine: Engine, ids: Sequence[str]) -> dict[str, Expert]:
    """The entries of these experts; who is not in the directory is missing."""
    loaded = await engine.documents([subject_of(one) for one in ids]) if ids else {}
    states = [found.state for found in loaded.values() if found.kind == KIND]
    return {state.expert_id: state for state in states if isinstance(state, Expert)}
