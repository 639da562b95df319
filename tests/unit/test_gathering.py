"""What comes while something is being decided, or shortly after, is decided together."""

import asyncio
from collections.abc import Sequence

import pytest

from services.chassis import gathering
from services.chassis.gathering import Gathering
from services.chassis.store import StoreAway


class Deciding:
    """What was decided together, batch by batch; the first waits until it may go on."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.go_on = asyncio.Event()

    async def __call__(self, some: Sequence[str]) -> Sequence[str]:
        """Each one's own answer."""
        self.batches.append([*some])
        await self.go_on.wait()
        return [one.upper() for one in some]


async def taken(gathering: Gathering[str, str], *some: str) -> list[asyncio.Task[str]]:
    """Gives them one after another, each before any is answered."""
    tasks = [asyncio.create_task(gathering.take(one)) for one in some]
    await asyncio.sleep(0)
    return tasks


async def test_those_that_had_to_wait_are_joined_by_what_comes_within_the_pause() -> None:
    deciding = Deciding()
    some = Gathering(deciding, "test", pause=0.2)
    tasks = await taken(some, "a", "b")
    deciding.go_on.set()
    assert await tasks[0] == "A", "the first waits for nobody"
    tasks += await taken(some, "c")
    assert await asyncio.gather(*tasks) == ["A", "B", "C"]
    assert deciding.batches == [["a"], ["b", "c"]]


async def test_where_all_wait_a_first_one_is_joined_too_and_so_is_the_next() -> None:
    deciding = Deciding()
    deciding.go_on.set()
    some = Gathering(deciding, "test", pause=0.2, all_wait=True)
    tasks = await taken(some, "a", "b")
    assert deciding.batches == [] and not tasks[0].done()
    assert await asyncio.gather(*tasks) == ["A", "B"]
    assert await some.take("c") == "C"
    assert deciding.batches == [["a", "b"], ["c"]]


async def test_who_stands_behind_others_is_decided_when_nothing_of_theirs_is_in_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gathering, "STANDS_BACK", 3600.0)
    one, other, last = Deciding(), Deciding(), Deciding()
    last.go_on.set()
    first, second = Gathering(one, "test"), Gathering(other, "test")
    crowded = Gathering(last, "test", all_wait=True, behind=(first, second))
    before = [*await taken(first, "a", "b"), *await taken(second, "c")]
    [waits] = await taken(crowded, "x")
    one.go_on.set()
    assert await asyncio.gather(*before[:2]) == ["A", "B"]
    await asyncio.sleep(0.01)
    assert last.batches == [], "something of the second is in hand yet"
    before += await taken(first, "d")
    other.go_on.set()
    assert await waits == "X"
    assert await asyncio.gather(*before) == ["A", "B", "C", "D"]
    assert await crowded.take("y") == "Y", "those that go first are done"


async def test_who_stands_behind_others_that_are_never_done_waits_no_longer_than_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gathering, "STANDS_BACK", 0.05)
    never, last = Deciding(), Deciding()
    last.go_on.set()
    first = Gathering(never, "test")
    crowded = Gathering(last, "test", all_wait=True, behind=[first])
    hanging = await taken(first, "a")
    assert await crowded.take("x") == "X"
    assert not hanging[0].done()
    never.go_on.set()
    assert await hanging[0] == "A"


async def test_who_waits_in_the_pause_is_told_that_the_process_ends() -> None:
    deciding = Deciding()
    some = Gathering(deciding, "test", pause=3600.0)
    tasks = await taken(some, "a", "b")
    deciding.go_on.set()
    assert await tasks[0] == "A"
    await asyncio.sleep(0)
    for working in some._working:
        working.cancel()
    with pytest.raises(StoreAway):
        await tasks[1]
