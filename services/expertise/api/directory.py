"""Reading the directory of experts: entries with their loads."""

from collections.abc import Sequence
from typing import Final

from services.chassis.engine import Engine
from services.chassis.store import SUBJECTS, Store
from services.expertise.api.lists import loads
from services.expertise.domain.expert import KIND, Expert, Known, subject_of
from services.expertise.queries import experts
from services.expertise.sight import Sight

MOST_EXPERTS: Final = 1_000
"""How many active experts are looked at for one case."""


async def active_experts(store: Store, eyes: Sight) -> tuple[list[Known], bool]:
    """The active experts with their loads as the caller sees them, and whether these are all."""
    asked = experts(None, True, None)
    rows = await store.rows(SUBJECTS, asked.query, sort=asked.order, limit=MOST_EXPERTS + 1, hint=asked.index)
    entries = [Expert.model_validate(row["state"]) for row in rows[:MOST_EXPERTS]]
    return await with_loads(store, eyes, entries), len(rows) <= MOST_EXPERTS


async def with_loads(store: Store, eyes: Sight, entries: Sequence[Expert]) -> list[Known]:
    """These entries, each with the load that the caller sees."""
    found = await loads(store, eyes, [entry.expert_id for entry in entries])
    return [Known(entry, found[entry.expert_id]) for entry in entries]


async def named_experts(engine: Engine, ids: Sequence[str]) -> dict[str, Expert]:
    """The entries of these experts; who is not in the directory is missing."""
    loaded = await engine.documents([subject_of(one) for one in ids]) if ids else {}
    states = [found.state for found in loaded.values() if found.kind == KIND]
    return {state.expert_id: state for state in states if isinstance(state, Expert)}
