"""Notices: whom an own fact of the expertise concerns, and what is kept of it for them."""

import json
from typing import Any

import pytest

from contracts.event import Event, parse_own_fact
from contracts.expertise import EXPERTISE, ConflictFoundV1, NotifyingFact
from contracts.freeze import example
from services.expertise.handlers import projection

KEPT = ("kind", "expert_id", "round", "due_at", "request", "why", "outcome", "rungs")


def written(type_name: str, **other: Any) -> Event:
    """The example of a fact as it stands in an outbox, with other data."""
    event = example(type_name)
    return parse_own_fact(json.dumps({**event, "data": {**event["data"], **other}}).encode(), EXPERTISE)


NOTIFYING = sorted(name for name, fact in EXPERTISE.classes.items() if "notify" in fact.model_fields)


def test_whoever_a_fact_may_name_is_known_by_its_class() -> None:
    assert sorted(name for name, fact in EXPERTISE.classes.items() if issubclass(fact, NotifyingFact)) == NOTIFYING


@pytest.mark.parametrize("name", NOTIFYING)
def test_a_notice_says_what_its_fact_says_word_for_word(name: str) -> None:
    event = written(name, notify=["one", "other"])
    rows = [row for _, row in projection(event)]
    assert [row["person"] for row in rows] == ["one", "other"]
    said = {key: event.data[key] for key in KEPT if event.data.get(key) is not None}
    assert said, "it says something"
    for row in rows:
        assert list(row["what"].items()) == list(said.items())
        assert {type(value) for value in row["what"].values()} <= {str, int, list}, "plain values are stored"


@pytest.mark.parametrize("name", sorted({*EXPERTISE.classes} - {*NOTIFYING}))
def test_a_fact_that_names_nobody_makes_no_notice(name: str) -> None:
    assert projection(written(name)) == []


def test_who_acted_is_not_told_but_of_a_conflict_that_came_to_light() -> None:
    for name in NOTIFYING:
        acted = example(name)["data"]["actor"]["id"]
        people = [row["person"] for _, row in projection(written(name, notify=[acted, "other"]))]
        assert people == ([acted, "other"] if name == ConflictFoundV1.TYPE else ["other"])


def test_of_a_fact_that_a_newer_program_wrote_those_are_told_whom_it_names() -> None:
    event = example(ConflictFoundV1.TYPE)
    newer = {**event, "type": "pilots.expertise.something-new.v1", "data": {**event["data"], "notify": ["one"]}}
    [(_, row)] = projection(parse_own_fact(json.dumps(newer).encode(), EXPERTISE))
    assert (row["person"], row["kind"], row["what"]) == ("one", "something-new", {})
