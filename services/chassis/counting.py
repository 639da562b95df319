"""How long a list is: counted to a bound, for at a million rows counting alone would take seconds."""

from typing import Any, Final

from services.chassis.answers import Count
from services.chassis.store import Keys, Store

MOST_COUNTED: Final = 10_000
"""A longer list is not counted to its end (assumption)."""


async def counted(store: Store, collection: str, query: dict[str, Any], hint: Keys | None = None) -> Count:
    """How long a list is, counted to `MOST_COUNTED`. Raises StoreAway."""
    found = await store.count(collection, query, MOST_COUNTED + 1, hint)
    return Count(value=min(found, MOST_COUNTED), exact=found <= MOST_COUNTED)
