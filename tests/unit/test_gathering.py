"""What comes while something is being decided, or shortly after, is decided together."""

import asyncio
from collections.abc import Sequence

import pytest

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
    gathering = Gathering(deciding, "test", pause=0.2)
    tasks = await taken(gathering, "a", "b")
    deciding.go_on.set()
    assert await tasks[0] == "A", "the first waits for nobody"
    tasks += await taken(gathering, "c")
    assert await asyncio.gather(*tasks) == ["A", "B", "C"]
    assert deciding.batches == [["a"], ["b", "c"]]


async def test_where_all_wait_a_first_one_is_joined_too_and_so_is_the_next() -> None:
    deciding = Deciding()
    deciding.go_on.set()
    gathering = Gathering(deciding, "test", pause=0.2, all_wait=True)
    tasks = await taken(gathering, "a", "b")
    assert deciding.batches == [] and not tasks[0].done()
    assert await asyncio.gather(*tasks) == ["A", "B"]
    assert await gathering.take("c") == "C"
    assert deciding.batches == [["a", "b"], ["c"]]


async def test_who_waits_in_the_pause_is_told_that_the_process_ends() -> None:
    deciding = Deciding()
    gathering = Gathering(deciding, "test", pause=3600.0)
    tasks = await taken(gathering, "a", "b")
    deciding.go_on.set()
    assert await tasks[0] == "A"
    await asyncio.sleep(0)
    for working in gathering._working:
        working.cancel()
    with pytest.raises(StoreAway):
        await tasks[1]
