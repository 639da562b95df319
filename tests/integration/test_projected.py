"""What a document's facts have made of rows, read whole: none is missing, none comes twice, none is another's."""

from collections.abc import Sequence

import pytest

from contracts.event import Event
from services.chassis.engine import Engine
from services.chassis.projected import rows_of
from services.chassis.store import Keys, Row, Store
from tests.kit.engine.engines import Make, doc
from tests.kit.engine.tiny import LANGUAGE, Broker, Note, claimed, tiny_service

ORDER: Keys = (("pilot", 1), ("sequence", 1))


def projection(event: Event) -> Sequence[tuple[str, Row]]:
    """A row of the timeline, and one of another collection."""
    row = {"_id": f"{event.subject}/{event.sequence}", "pilot": event.subject, "sequence": event.sequence}
    return [("timeline", row), ("elsewhere", {**row, "not": "ours"})]


async def read(engine: Engine, page: int) -> list[int]:
    """The sequences of all rows of the pilot's timeline, as they come."""
    document = await doc(engine)
    parts = rows_of(
        engine.store,
        document,
        "timeline",
        {"pilot": "p1"},
        order=ORDER,
        own=LANGUAGE,
        projection=projection,
        page=page,
    )
    rows = [row async for some in parts for row in some]
    assert all(row["pilot"] == "p1" and "not" not in row for row in rows)
    return [row["sequence"] for row in rows]


@pytest.mark.parametrize("page", [1, 2, 3, 100])
async def test_each_fact_that_was_sent_or_waits_has_its_row_once(
    make: Make, store: Store, broker: Broker, page: int
) -> None:
    engine = make(tiny_service(own=LANGUAGE, projection=projection))
    await store.put("timeline", [{"_id": "p2/1", "pilot": "p2", "sequence": 1}])
    for n in range(4):
        await engine.command(claimed("p1", f"a{n}", Note(("a",))))
    await engine.outbox.flush()
    assert await read(engine, page) == [1, 2, 3, 4], "all of them are written, and nothing waits"
    await engine.command(claimed("p1", "b", Note(("b",))))
    await engine.command(claimed("p1", "c", Note(("c",))))
    assert await read(engine, page) == [1, 2, 3, 4, 5, 6], "two wait, and are not written"
    broker.refuse = lambda _message: True
    await engine.outbox.flush()
    assert await store.count("timeline", {"pilot": "p1"}, 9) == 6
    assert await read(engine, page) == [1, 2, 3, 4, 5, 6], "they are written, and wait all the same"
