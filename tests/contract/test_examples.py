"""The examples tell one story: the same pilots, people and numbers, in one order of time."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from stdnum.by import unp

from contracts.freeze import CLASSES, OWNERS, example
from contracts.topics import SERVICES

EVENTS = [example(name) for name in CLASSES]
FACTS = [example(name) for service in SERVICES for name in OWNERS[service]]
REFUSED = "pilots.intake.submission-refused.v1"


def series() -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The facts of each service on each subject, by their sequence."""
    found = defaultdict(list)
    for fact in FACTS:
        found[fact["source"], fact["subject"]].append(fact)
    return {key: sorted(facts, key=lambda fact: str(fact["sequence"])) for key, facts in found.items()}


def organisations(part: Any) -> Iterator[dict[str, str]]:
    """Every organisation's id, however deep."""
    if isinstance(part, dict):
        if part.keys() == {"scheme", "value"}:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from organisations(one)


def test_no_two_examples_are_the_same_event() -> None:
    assert len({event["id"] for event in EVENTS}) == len(EVENTS)
    assert len({(f["source"], f["subject"], f["sequence"]) for f in FACTS}) == len(FACTS)


def test_within_a_subject_time_and_what_was_seen_go_forward_with_the_sequence() -> None:
    for facts in series().values():
        for one, following in pairwise(facts):
            assert one["sequence"] < following["sequence"]
            assert one["time"] <= following["time"]
            was, now = one["data"]["after"], following["data"]["after"]
            assert all(now.get(source, 0) >= sequence for source, sequence in was.items())


def test_what_another_service_said_was_said_before_it_is_acted_on() -> None:
    told = {(f["source"].rsplit("/", 1)[1], f["subject"], int(f["sequence"])): f for f in FACTS}
    met = 0
    for fact in FACTS:
        cause = fact["data"]["cause"]
        if cause is None or cause["kind"] != "fact":
            continue
        assert fact["data"]["after"][cause["source"]] == cause["sequence"]
        if before := told.get((cause["source"], fact["subject"], cause["sequence"])):
            met += 1
            assert before["time"] < fact["time"]
            assert (fact["causationid"], fact["correlationid"]) == (before["id"], before["correlationid"])
    assert met >= 5


def test_a_pilot_has_one_number_and_one_beginning() -> None:
    numbers, beginnings = defaultdict(set), defaultdict(set)
    for fact in FACTS:
        data = fact["data"]
        if str(data.get("number", "")).startswith("ПП-"):
            numbers[fact["subject"]].add(data["number"])
        if ":" not in fact["subject"]:
            beginnings[fact["subject"]].add(fact["correlationid"])
    assert len(numbers) >= 4
    assert all(len(found) == 1 for found in (*numbers.values(), *beginnings.values()))
    assert len(set.union(*numbers.values())) == len(numbers)


def test_most_of_the_story_is_about_one_pilot() -> None:
    [main] = {
        example(f"pilots.{one}.v1")["subject"] for one in ("intake.application-accepted", "registry.pilot-entered")
    }
    about = [fact for fact in FACTS if fact["subject"] == main]
    assert len(about) > len(FACTS) / 2
    assert {fact["source"] for fact in about} == {f"/services/{service}" for service in SERVICES}


@pytest.mark.parametrize("name", sorted(CLASSES.keys() - {REFUSED}))
def test_every_organisation_has_a_number_with_a_valid_check_digit(name: str) -> None:
    found = list(organisations(example(name)["data"]))
    assert {one["scheme"] for one in found} <= {"BY-UNP"}
    assert [one["value"] for one in found if not unp.is_valid(one["value"])] == []


def test_the_check_digit_is_asked_in_earnest() -> None:
    assert len(list(organisations([event["data"] for event in EVENTS]))) > 50
    assert not unp.is_valid("700000113")


def test_no_fact_tells_of_a_moment_that_comes_after_it() -> None:
    for fact in FACTS:
        for name in ("received", "opened", "ended", "since", "at", "entered"):
            moment = fact["data"].get(name)
            assert moment is None or moment <= fact["time"], (fact["type"], name)
