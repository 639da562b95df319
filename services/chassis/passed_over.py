"""A record is passed over by hand, where its reader stands still at it: the fact of who said so and why comes first."""

from uuid import uuid4

from contracts.reference import Role
from contracts.steps import RecordSkipping
from services.chassis import stalled
from services.chassis.auth import Caller
from services.chassis.engine import Engine
from services.chassis.subject import Claimed, Input
from services.law.skipping import PassOver, subject_of


async def ask(engine: Engine, caller: Caller, said: RecordSkipping) -> bool:
    """Has the record passed over; False, and nothing done, where no partition stands still at it. Raises StoreAway."""
    if not await stalled.stands_at(engine.store, said.record):
        return False
    id_ = uuid4().hex
    mark, actor = Claimed(f"person:{caller.id}", f"skip-{id_}", id_), caller.acting(frozenset({Role.OPS}))
    await engine.command(Input(subject_of(id_), mark, PassOver(said), actor, f"{caller.id}:{id_}"))
    kept = {"by": caller.id, "organisation": caller.organisation, "at": engine.now(), "why": said.why}
    await stalled.pass_over(engine.store, said.record, kept)
    return True
