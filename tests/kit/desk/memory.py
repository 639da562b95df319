"""A database of the desk that is a dictionary: what `services.chassis.store.Store` does of what the desk asks of it.

`tests/integration/test_desk_store.py` asks the same of the real one.
"""

from collections.abc import Mapping, Sequence
from operator import gt, le, lt
from typing import Any, Final

from services.chassis.store import Row

HOW: Final = {"$lt": lt, "$lte": le, "$gt": gt}


class Memory:
    """Rows by collection and id."""

    def __init__(self) -> None:
        self.all: dict[str, dict[str, Row]] = {}

    async def ping(self) -> None:
        """It is always there."""

    async def get(self, collection: str, id_: str) -> Row | None:
        """One row."""
        return self.all.get(collection, {}).get(id_)

    async def put(self, collection: str, rows: Sequence[Row]) -> None:
        """Whole rows."""
        self.all.setdefault(collection, {}).update({row["_id"]: dict(row) for row in rows})

    async def mark(self, collection: str, where: Mapping[str, Any], values: Mapping[str, Any]) -> int:
        """Fields of the rows that fit."""
        found = [row for row in self.all.get(collection, {}).values() if _fits(row, where)]
        for row in found:
            row.update(values)
        return len(found)

    async def rows(self, collection: str, query: Mapping[str, Any], **_: Any) -> list[Row]:
        """The rows that fit, by their ids."""
        return [row for _id, row in sorted(self.all.get(collection, {}).items()) if _fits(row, query)]

    async def count(self, collection: str, query: Mapping[str, Any], limit: int) -> int:
        """How many rows fit."""
        return min(limit, len(await self.rows(collection, query)))

    async def remove(self, collection: str, ids: Sequence[str]) -> None:
        """Deletes by id."""
        for one in ids:
            self.all.get(collection, {}).pop(one, None)

    async def remove_where(self, collection: str, where: Mapping[str, Any]) -> None:
        """Deletes what fits."""
        kept = {id_: row for id_, row in self.all.get(collection, {}).items() if not _fits(row, where)}
        self.all[collection] = kept


def _fits(row: Row, where: Mapping[str, Any]) -> bool:
    return all(_is(row.get(name), wanted) for name, wanted in where.items())


def _is(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return all(HOW[how](value, bound) for how, bound in wanted.items())
    return bool(value == wanted)
