"""Long work gives way to others, and nothing of it is lost or moved by that."""

import asyncio
import time
from threading import current_thread, main_thread

import pytest

from services.chassis.turns import LARGE, aside, in_turns, side_by_side


async def others_turns_while(count: int, seconds: float) -> tuple[list[int], int]:
    """The items that came, and how often another task had its turn meanwhile."""
    turns, over = 0, False

    async def other() -> None:
        nonlocal turns
        while not over:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    came = [item async for item in in_turns(range(count), seconds=seconds)]
    over = True
    await task
    return came, turns


async def test_all_items_come_in_their_order_and_others_have_a_turn_between_any_two_that_took_long() -> None:
    came, turns = await others_turns_while(50, seconds=-1.0)
    assert came == list(range(50))
    assert turns >= 49


async def test_what_takes_less_than_a_slice_is_done_without_a_turn_of_others() -> None:
    came, turns = await others_turns_while(50, seconds=3600.0)
    assert came == list(range(50))
    assert turns <= 1


async def test_others_that_raise_or_end_meanwhile_do_not_end_the_work() -> None:
    async def failing() -> None:
        raise RuntimeError("another's fault")

    task = asyncio.create_task(failing())
    assert [item async for item in in_turns("abc", seconds=-1.0)] == ["a", "b", "c"]
    assert isinstance(task.exception(), RuntimeError)


async def test_while_something_large_is_read_others_have_their_turns_and_something_small_waits_for_nobody() -> None:
    turns, over = 0, False

    async def other() -> None:
        nonlocal turns
        while not over:
            turns += 1
            await asyncio.sleep(0)

    def reading() -> bool:
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            pass  # Python at work, as a reader of text is
        return current_thread() is main_thread()

    task = asyncio.create_task(other())
    assert await aside(LARGE, reading) is True and turns == 0
    assert await aside(LARGE + 1, reading) is False and turns >= 5
    over = True
    await task


async def test_what_a_reader_raises_beside_the_loop_comes_out() -> None:
    def failing(word: str) -> None:
        raise ValueError(word)

    with pytest.raises(ValueError, match="no"):
        await aside(LARGE + 1, failing, "no")


async def test_of_three_works_none_waits_for_another_and_each_comes_to_its_own() -> None:
    met = asyncio.Barrier(3)

    async def work(what: str) -> str:
        await met.wait()
        return what

    assert await asyncio.wait_for(side_by_side(work("a"), work("b"), work("c")), 20) == ("a", "b", "c")


async def test_when_one_of_three_fails_the_others_have_ended_before_that_is_told() -> None:
    ended = list[str]()
    failed = asyncio.Event()

    async def fails() -> None:
        failed.set()
        raise LookupError("first")

    async def ends(what: str, error: Exception | None) -> None:
        await failed.wait()
        await asyncio.sleep(0)
        ended.append(what)
        if error is not None:
            raise error

    with pytest.raises(LookupError, match="first"):
        await side_by_side(fails(), ends("b", ValueError("second")), ends("c", None))
    assert sorted(ended) == ["b", "c"]
