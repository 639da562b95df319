"""A record is passed over by hand, where its reader stands still at it: the fact of who said so and why comes first."""

from contracts.steps import RecordSkipping
from services.chassis import stalled
from services.chassis.auth import Caller
from services.chassis.engine import Engine
from services.chassis.redriving import by_hand
from services.law.skipping import PassOver, subject_of


async def ask(engine: Engine, caller: Caller, said: RecordSkipping) -> bool:
    """Has the record passed over; False, and nothing done, where no partition stands still at it. Raises StoreAway."""
    if not await stalled.stands_at(engine.store, said.record):
        return False
    await by_hand(engine, caller, "skip", subject_of, PassOver(said))
    kept = {"by": caller.id, "organisation": caller.organisation, "at": engine.now(), "why": said.why}
    await stalled.pass_over(engine.store, said.record, kept)
    return True
