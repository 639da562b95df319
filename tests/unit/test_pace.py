"""Loops look often while something happens in their process, and seldom where nothing does."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from services.chassis.pace import Pace, pace_of, unknown
from tests.conftest import wait_until

NEVER = 3600.0
SOON = 0.01


class Steps:
    """A step that counts how often it was made, and fails as often as it is told to."""

    def __init__(self, failing: int = 0) -> None:
        self.made = 0
        self._failing = failing

    async def __call__(self) -> None:
        self.made += 1
        if self.made <= self._failing:
            raise OSError("away")


@contextmanager
def running(
    pace: Pace, steps: Steps, ahead: Callable[[], Awaitable[float | None]] = unknown
) -> Iterator[asyncio.Task[None]]:
    task = asyncio.create_task(pace.every(SOON, "steps", steps, ahead))
    try:
        yield task
    finally:
        task.cancel()


async def rested(steps: Steps) -> int:
    """How many steps were made, at least one, when no more came for a while."""
    seen = 0
    while not steps.made or steps.made != seen:
        seen = steps.made
        await asyncio.sleep(20 * SOON)
    return seen


async def test_a_process_in_which_nothing_happens_looks_once_and_rests() -> None:
    steps = Steps()
    with running(Pace(NEVER, lively=0), steps):
        assert await rested(steps) == 1


async def test_who_is_stirred_looks_again() -> None:
    pace, steps = Pace(NEVER, lively=0), Steps()
    with running(pace, steps):
        for time in (1, 2, 3):
            assert await rested(steps) == time
            pace.stir()


async def test_several_loops_are_stirred_at_once() -> None:
    pace, some = Pace(NEVER, lively=0), [Steps(), Steps(), Steps()]
    with running(pace, some[0]), running(pace, some[1]), running(pace, some[2]):
        assert [await rested(one) for one in some] == [1, 1, 1]
        pace.stir()
        await wait_until(lambda: [one.made for one in some] == [2, 2, 2], within=30)


async def test_it_goes_on_looking_often_for_a_while() -> None:
    steps = Steps()
    with running(Pace(NEVER, lively=NEVER), steps):
        await wait_until(lambda: steps.made > 5, within=30)


async def test_what_is_known_to_come_is_not_slept_through() -> None:
    async def ahead() -> float:
        return 5 * SOON

    steps = Steps()
    with running(Pace(NEVER, lively=0), steps, ahead):
        await wait_until(lambda: steps.made > 3, within=30)


async def test_a_failure_is_tried_again_soon(caplog: pytest.LogCaptureFixture) -> None:
    steps = Steps(failing=3)
    with running(Pace(NEVER, lively=5 * SOON), steps) as task:
        await wait_until(lambda: steps.made > 3, within=30)
        assert not task.done()
    assert caplog.messages == ["steps: OSError: away"] * 3


@pytest.mark.parametrize(("alone", "lively"), [(True, 15.0), (False, math.inf)])
def test_a_process_that_does_a_part_of_the_work_never_rests(alone: bool, lively: float) -> None:
    assert pace_of(30, alone=alone)._lively == lively
