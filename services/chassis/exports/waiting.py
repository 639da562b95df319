"""The lists that are on their way: how many of a person, and whose turn it is."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from services.chassis.store import BY_ID, SUBJECTS, Keys, Store
from services.law.exporting import KIND

OPEN: Final[Keys] = (("kind", 1), ("state.done", 1), ("_id", 1))
"""The index of what is on its way."""
OPEN_ONES: Final = {"kind": KIND, "state.done": False}
MOST_OPEN: Final = 1_000
"""Among how many open exports it is chosen whose turn it is."""


async def open_of(store: Store, person: str, most: int) -> int:
    """How many lists of a person are on their way, counted up to `most`. Raises StoreAway."""
    return await store.count(SUBJECTS, {**OPEN_ONES, "state.by": person}, most, hint=OPEN)


async def waiting_in_turn(store: Store, last: Mapping[str, int]) -> list[str]:
    """The subjects of open exports: the first of everybody, then the second of everybody. `last` says of who was served
    when that was, by a number that rises: who was served longest ago comes before others, then who waits longest.
    Raises StoreAway."""
    fields = ["state.by", "state.asked"]
    rows = await store.rows(SUBJECTS, OPEN_ONES, sort=BY_ID, limit=MOST_OPEN, fields=fields, hint=OPEN)
    places, before = Counter[str](), dict[str, tuple[int, int, str]]()
    for row in sorted(rows, key=lambda row: str(row["state"]["asked"])):
        places[by := row["state"]["by"]] += 1
        before[row["_id"]] = places[by], last.get(by, -1), str(row["state"]["asked"])
    return sorted(before, key=before.__getitem__)
