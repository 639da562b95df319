"""Leased work on rows: one of many gets a row, who is silent loses it, who has lost it changes nothing of it."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from contracts.event import wire_moment
from services.chassis.jobs import Jobs, Lost
from services.chassis.store import Row, Store
from tests.kit.engine.tiny import Clock, Hooked, away

ROWS = "work"
LEASE = timedelta(seconds=60)
PAUSES = (timedelta(seconds=2), timedelta(seconds=8))
Make = Callable[..., Jobs]
places = pytest.mark.parametrize("under", [None, "lease"], ids=["in the row", "in a field of it"])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(store: Store, clock: Clock, under: str | None) -> Make:
    """Workers on one collection; where the lease stands in a field, its moments are text."""

    def made(on: Any = store, lease: timedelta = LEASE) -> Jobs:
        if under is None:
            return Jobs(on, ROWS, clock, lease, PAUSES)
        return Jobs(on, ROWS, clock, lease, PAUSES, under=under, written=wire_moment)

    return made


async def fresh(store: Store, under: str | None) -> Row:
    """A row that nobody has looked at yet."""
    said: Row = {"by": None, "until": None, "tries": 0} if under is None else {under: None}
    await store.put(ROWS, [{"_id": "a", "what": "x", **said}])
    return await row_of(store)


async def row_of(store: Store) -> Row:
    row = await store.get(ROWS, "a")
    assert row is not None and row["what"] == "x", "the row itself is left alone"
    return row


@places
async def test_of_many_who_want_a_row_one_gets_it(store: Store, make: Make, under: str | None) -> None:
    row = await fresh(store, under)
    assert sorted(await asyncio.gather(*(make().take(row) for _ in range(8)))) == [False] * 7 + [True]
    assert not await make().take(await row_of(store)), "it is had"


@places
async def test_a_row_is_free_again_when_its_lease_is_over(
    store: Store, make: Make, clock: Clock, under: str | None
) -> None:
    first, second = make(), make()
    assert await first.take(await fresh(store, under))
    clock.forward(seconds=59)
    assert not await second.take(await row_of(store))
    await first.renew("a")
    clock.forward(seconds=59)
    assert not await second.take(await row_of(store)), "it was renewed"
    clock.forward(seconds=1)
    assert await second.take(await row_of(store))
    with pytest.raises(Lost):
        await first.renew("a")
    before = await row_of(store)
    assert not await first.mark_mine("a", {"done": True})
    assert not await first.put_off("a", 1)
    assert await row_of(store) == before, "who has lost it changes nothing"


@places
async def test_a_try_in_vain_is_counted_whoever_has_the_row_and_pauses_grow(
    store: Store, make: Make, clock: Clock, under: str | None
) -> None:
    one, another = make(), make()
    await one.take(await fresh(store, under))
    for tries, pause in ((1, 2), (2, 8), (3, 8)):
        assert await another.failed("a") == tries
        assert await one.put_off("a", tries)
        assert one.tries(await row_of(store)) == tries
        clock.forward(seconds=pause - 1)
        assert not await one.take(await row_of(store))
        clock.forward(seconds=1)
        assert await one.take(await row_of(store))


@places
async def test_a_lease_that_is_lost_while_it_is_renewed_is_not_prolonged_for_who_has_it_now(
    store: Store, make: Make, clock: Clock, under: str | None
) -> None:
    hooked = Hooked(store)
    first, second = make(hooked), make()
    assert await first.take(await fresh(store, under))
    clock.forward(seconds=61)
    had = dict[str, Row]()

    async def taken() -> None:
        assert await second.take(await row_of(store))
        had["then"] = await row_of(store)
        clock.forward(seconds=1)

    hooked.after["get"] = taken
    await first.renew("a")
    assert await row_of(store) == had["then"]


@places
async def test_a_try_that_is_counted_late_takes_back_no_later_one(store: Store, make: Make, under: str | None) -> None:
    hooked = Hooked(store)
    slow, quick = make(hooked), make()
    await quick.take(await fresh(store, under))

    async def twice() -> None:
        assert [await quick.failed("a"), await quick.failed("a")] == [1, 2]

    hooked.after["get"] = twice
    await slow.failed("a")
    assert quick.tries(await row_of(store)) == 2


@places
async def test_what_is_marked_as_it_was_read_is_marked_only_if_nobody_touched_it(
    store: Store, make: Make, under: str | None
) -> None:
    row = await fresh(store, under)
    assert await make().take(row)
    assert not await make().mark_seen(row, {"until": None})


@places
async def test_a_lease_is_renewed_beside_a_long_step_also_through_an_outage(
    store: Store, make: Make, clock: Clock, under: str | None
) -> None:
    hooked, waits = Hooked(store), threading.Event()
    slow = make(hooked, timedelta(seconds=0.3))
    await slow.take(await fresh(store, under))
    hooked.before["get"] = away
    clock.forward(seconds=0.2)
    step = asyncio.create_task(slow.beside("a", lambda: waits.wait(30)))
    try:
        async with asyncio.timeout(20):
            while not await _until(store, under, slow.written(clock() + slow.lease)):
                await asyncio.sleep(0.01)
    finally:
        waits.set()
    assert await step is True
    assert "get" not in hooked.before


async def _until(store: Store, under: str | None, moment: Any) -> bool:
    row = await row_of(store)
    return bool((row if under is None else row[under])["until"] == moment)
