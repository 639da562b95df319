"""A record is passed over by hand, where its reader stands still at it: the fact of who said so and why has it done.

What readers look at is a row that this fact makes (`stalled.skips`), as facts make all others: a process that is killed
after the fact leaves the rest to the sweep, and none tells of what did not come.
"""

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
    return True
