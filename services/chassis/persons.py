"""Names of persons: personal data of a service, in a collection of their own, where they can be erased for good.

They stand in no fact, no document and no log: what refers to a person is the opaque id. An answer for people names
those whom it mentions beside itself, as they are kept at that moment; who is erased is an id again.
"""

from collections.abc import Iterator, Mapping, Set
from typing import Any, Final

from contracts.steps import Person
from services.chassis.store import BY_ID, PERSONS, Store

MOST: Final = 1_000
"""Persons that one answer names: a page of cases with all who have to do with each."""


async def kept(store: Store, id_: str) -> dict[str, Any] | None:
    """What is kept of a person, or None. Raises StoreAway."""
    row = await store.get(PERSONS, id_)
    return {name: row[name] for name in Person.model_fields} if row is not None else None


async def keep(store: Store, id_: str, said: Person) -> None:
    """Keeps a person's data; the same twice is the same as once. Raises StoreAway."""
    await store.put(PERSONS, [{"_id": id_, **said.model_dump()}])


async def names(store: Store, shown: Any, fields: Set[str]) -> dict[str, str]:
    """The display names of the persons whom an answer mentions in these fields, by their ids, with one query.

    Who is not kept, or no more, is not among them. Raises StoreAway.
    """
    ids = sorted(set(mentioned(shown, fields)))[:MOST]
    if not ids:
        return {}
    rows = await store.rows(PERSONS, {"_id": {"$in": ids}}, sort=BY_ID, limit=len(ids), fields=["name"])
    return {str(row["_id"]): str(row["name"]) for row in rows if row.get("name")}


def mentioned(shown: Any, fields: Set[str]) -> Iterator[str]:
    """The ids of persons in an answer: what stands in a field of one of these names, by itself, in a list, or as the
    `id` of an object."""
    if isinstance(shown, Mapping):
        for name, value in shown.items():
            if name in fields:
                yield from _ids(value)
            yield from mentioned(value, fields)
    elif isinstance(shown, (list, tuple)):
        for one in shown:
            yield from mentioned(one, fields)


def _ids(value: Any) -> Iterator[str]:
    found = value if isinstance(value, (list, tuple)) else [value]
    for one in found:
        known = one.get("id") if isinstance(one, Mapping) else one
        if isinstance(known, str):
            yield known
