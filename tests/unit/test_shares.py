"""What there is not enough of goes round those who wait for it, one to each, and nobody has more than a share."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis import telemetry
from services.chassis.problems import Problematic
from services.chassis.shares import Turns, patience


class Work:
    """Things that are done under a turn until they are told to end."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.began: list[str] = []
        self.ends: list[asyncio.Event] = []

    def ask(self, who: str, weight: int = 1) -> asyncio.Task[None]:
        async def work() -> None:
            async with self._turns.of(who, weight):
                self.began.append(who)
                self.ends.append(end := asyncio.Event())
                await end.wait()

        return asyncio.create_task(work())


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_who_asks_for_one_thing_does_not_stand_behind_a_hundred_of_another() -> None:
    work = Work(Turns("test", 1, 1, waiting=200, within=60))
    tasks = [work.ask("many") for _ in range(100)]
    await settle()
    tasks += [work.ask("one"), work.ask("other")]
    for n in range(4):
        await settle()
        work.ends[n].set()
    await settle()
    assert {"one", "other"} <= set(work.began[:4]), "after one of the hundred each, not after all of them"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_share_is_bounded_though_all_else_is_free_and_what_waits_too_long_is_refused() -> None:
    turns = Turns("test", 10, 2, waiting=1, within=0.05)
    work = Work(turns)
    held = [work.ask("a"), work.ask("a")]
    late, most = work.ask("a"), work.ask("a")
    for task in (late, most):
        with pytest.raises(Problematic) as refused:
            await task
        assert (refused.value.status, refused.value.code) == (429, "share.used")
    other = work.ask("b")
    await settle()
    assert work.began == ["a", "a", "b"]
    for task in (*held, other):
        task.cancel()
    await asyncio.gather(*held, other, return_exceptions=True)


async def test_who_waits_less_long_is_refused_sooner_and_holds_up_nobody() -> None:
    turns = Turns("test", 1, 1, waiting=2, within=60)
    work = Work(turns)
    held = work.ask("a")
    await settle()
    with patience(0.05), pytest.raises(Problematic) as refused:
        await turns.take("b")
    assert refused.value.code == "service.busy"
    with patience(60), patience(0), pytest.raises(Problematic):
        await turns.take("b")
    other = work.ask("c")
    held.cancel()
    await settle()
    assert work.began == ["a", "c"]
    with patience(0):
        assert await Turns("free", 1, 1).take("a") == 1, "what is free is waited for by nobody"
    other.cancel()
    await asyncio.gather(held, other, return_exceptions=True)


async def test_where_others_have_all_of_it_that_is_said_of_no_caller() -> None:
    work = Work(Turns("test", 2, 1))
    held = [work.ask("a"), work.ask("b")]
    await settle()
    with pytest.raises(Problematic) as refused:
        await work.ask("c")
    assert (refused.value.status, refused.value.code) == (503, "service.busy")
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)


async def test_who_needs_much_room_is_not_passed_by_for_ever_and_more_than_a_share_is_taken_for_one() -> None:
    work = Work(Turns("test", 4, 4, waiting=10, within=60))
    tasks = [work.ask("a", 3), work.ask("b", 99), work.ask("c", 1), work.ask("a", 1)]
    await settle()
    assert work.began == ["a"], "those behind wait too"
    work.ends[0].set()
    await settle()
    assert work.began == ["a", "b"]
    work.ends[1].set()
    await settle()
    assert sorted(work.began[2:]) == ["a", "c"]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5), st.sampled_from(["ask", "end", "leave"])))


@settings(deadline=None)
@given(STEPS)
def test_whoever_comes_ends_or_leaves_nothing_is_lost_and_no_bound_is_passed(
    steps: list[tuple[str, int, str]],
) -> None:
    async def run() -> None:
        turns = Turns("test", 6, 4, waiting=3, within=60)
        work, tasks = Work(turns), list[asyncio.Task[None]]()
        for who, weight, step in steps:
            if step == "ask":
                tasks.append(work.ask(who, weight))
            elif step == "end" and work.ends:
                work.ends[weight % len(work.ends)].set()
            elif step == "leave" and tasks:
                tasks[weight % len(tasks)].cancel()
            await asyncio.sleep(0)
            assert 0 <= turns._free <= 6 and all(0 < held <= 4 for held in turns._held.values())
            assert turns._free + turns._held.total() == 6
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert turns._free == 6 and not turns._held and not turns._queues

    asyncio.run(run())


async def test_what_is_refused_is_counted_by_what_was_used_up() -> None:
    turns = Turns("measured", 2, 1, waiting=0, within=0.05)
    counted = telemetry.SHARES_REFUSED.labels("measured")._value
    held = Work(turns).ask("a")
    await settle()
    for n in range(3):
        with pytest.raises(Problematic):
            async with turns.of("a"):
                pass
        assert counted.get() == n + 1
    async with turns.of("b"):
        assert counted.get() == 3, "who gets a turn is not counted"
    held.cancel()
    await asyncio.gather(held, return_exceptions=True)


async def test_of_one_caller_no_more_wait_than_may_and_the_next_is_refused_at_once() -> None:
    turns = Turns("test", 1, 1, waiting=2, within=60)
    work = Work(turns)
    tasks = [work.ask("a") for _ in range(3)]
    await settle()
    with pytest.raises(Problematic) as refused:
        await asyncio.wait_for(turns.take("a"), 5)
    assert refused.value.status == 429
    tasks.append(work.ask("b"))
    await settle()
    assert not tasks[-1].done(), "another caller may wait as well"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
