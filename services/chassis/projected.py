"""What a subject's facts have made of rows in a side collection, whole: what a state leaves out is read from there.

A fact leaves the outbox when its rows are written, and a document is loaded with its outbox in one read. So the rows of
a loaded document's facts are written as far as its outbox begins, and those of the rest are made from the outbox:
nothing is missing, and nothing is there that came later.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from contracts.event import Event, Fact, Language, parse_own_fact
from services.chassis.store import Keys, Row, Store
from services.chassis.subject import Document


async def rows_of(
    store: Store,
    document: Document,
    collection: str,
    fit: Mapping[str, Any],
    *,
    order: Keys,
    own: Language[Fact],
    projection: Callable[[Event], Sequence[tuple[str, Row]]],
    page: int,
) -> AsyncIterator[list[Row]]:
    """The rows of a loaded document's facts, in parts, by their `sequence`; those that `fit` alone of what is written,
    all of what waits. `order` is the index that leads to them. Raises StoreAway."""
    end = document.outbox[0].sequence if document.outbox else document.version + 1
    async for rows in written(store, collection, fit, end, order=order, page=page):
        yield rows
    waiting = [entry.event or parse_own_fact(entry.value, own) for entry in document.outbox]
    yield [row for event in waiting for name, row in projection(event) if name == collection]


async def written(
    store: Store, collection: str, fit: Mapping[str, Any], end: int, *, order: Keys, page: int
) -> AsyncIterator[list[Row]]:
    """The rows that are written and fit, of sequences below `end`, in parts, by their `sequence`. Raises StoreAway."""
    last = 0
    while True:
        query = {**fit, "sequence": {"$gt": last, "$lt": end}}
        rows = await store.rows(collection, query, sort=order, limit=page)
        if rows:
            yield rows
            last = rows[-1]["sequence"]
        if len(rows) < page:
            return
