"""Long work says what it does and how far it is, also while it waits for one thing; a measurement says where it ran."""

import time

import pytest

from bench.surroundings import surroundings
from deploy.progress import Task, task


def test_a_step_says_what_begins_and_how_far_it_is_while_it_waits() -> None:
    said = list[str]()
    with task(said.append, "filling", 400, every=0.02) as filling:
        filling.advance(100)
        time.sleep(0.2)
    assert said[0] == "filling: 400"
    assert len(said) > 2 and all(
        one.startswith("filling: [#####...............] 100 of 400 (25 %), ") for one in said[1:]
    )
    after = len(said)
    time.sleep(0.06)
    assert len(said) == after, "what has ended says nothing any more"


def test_a_step_that_cannot_be_counted_says_how_long_it_takes() -> None:
    one = Task("waiting", began=time.monotonic() - 12)
    assert one.how_far() == "waiting: 12 s so far"
    one.advance(60)
    assert one.how_far() == "waiting: 60, 5/s"


def test_parts_of_a_step_are_counted_each_for_itself() -> None:
    one = Task("rebuilding", 5, began=time.monotonic() - 12)
    one.go_on("folding", 3)
    one.go_on("folding", 4)
    assert one.how_far().startswith("folding: 7, ")
    one.began -= 9
    one.go_on("comparing", 0)
    assert one.how_far() == "comparing: 0 s so far"


def test_a_step_that_fails_ends_its_words_and_raises() -> None:
    said = list[str]()
    with pytest.raises(ValueError), task(said.append, "failing", every=0.01):
        raise ValueError
    after = len(said)
    time.sleep(0.05)
    assert len(said) == after


def test_a_measurement_names_commit_machine_and_load() -> None:
    found = surroundings()
    assert found.keys() == {"commit", "machine", "load"}
    assert found["commit"] is None or len(found["commit"].rstrip("+")) == 40
    assert found["machine"]["cores"] > 0 and found["machine"]["memory_mb"] > 0 and found["machine"]["cpu"]
    assert len(found["load"]) == 3
