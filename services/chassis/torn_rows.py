"""Whether the rows that facts make beside documents, such as those of timelines, stand in a database as they are made.

A row that is lacking there, or says something else, was taken away or changed by hand, or lost where a collection was
brought back alone: nothing of the system does that. What people set on a row is no difference, nor is a field that only
one of the two has: another program made it. Rows that no fact of the topic makes, such as the receipts of parked
events, are copied before.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.chassis.store import BY_ID, Row, Store

PAGE: Final = 500
SUCH: Final = 5
"""So many are named."""


@dataclass(slots=True)
class Torn:
    """Rows of a collection that are lacking, or are not as facts make them: how many, and the first of them."""

    rows: int = 0
    such: list[str] = field(default_factory=list)


async def torn(
    old: Store, new: Store, collections: Iterable[str], marked: Mapping[str, Sequence[str]], told: Callable[[int], None]
) -> dict[str, Torn]:
    """What of these collections is not in the old database as the facts have made it in the new one; nothing of a
    collection that is whole. `marked` are the fields that people set; `told` hears how many more rows are looked at.
    Raises StoreAway."""
    found = dict[str, Torn]()
    for name in sorted(collections):
        made = list[Row]()
        async for row in new.scan(name, {}):
            made.append(row)
            if len(made) == PAGE:
                await _look(old, name, made, marked.get(name, ()), found)
                told(len(made))
                made = []
        await _look(old, name, made, marked.get(name, ()), found)
        told(len(made))
    return found


async def _look(old: Store, name: str, made: Sequence[Row], marked: Sequence[str], found: dict[str, Torn]) -> None:
    query, most = {"_id": {"$in": [row["_id"] for row in made]}}, max(1, len(made))
    there = {row["_id"]: row for row in await old.rows(name, query, sort=BY_ID, limit=most)}
    for row in made:
        if not _alike(row, there.get(row["_id"]), marked):
            one = found.setdefault(name, Torn())
            one.rows += 1
            one.such += [str(row["_id"])] if len(one.such) < SUCH else []


def _alike(made: Row, there: Row | None, marked: Sequence[str]) -> bool:
    if there is None:
        return False
    return all(made[name] == there[name] for name in made.keys() & there.keys() if name not in marked)
