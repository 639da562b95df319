"""The published schemas of agencies' events say the same as the door, whatever is sent."""

import base64
import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from contracts.agency import AGENCY, ApplicationSubmittedV2
from contracts.beyond import BEYOND_SCHEMA
from contracts.freeze import changes, example, frozen, published
from contracts.reference import Problem
from contracts.severities import DEFAULTS
from contracts.text import SAYS_SOMETHING, shows
from contracts.words import wordings
from services.intake.domain import shape
from services.intake.domain.shape import read
from services.intake.parsing import parsed
from services.law import faults

V2 = ApplicationSubmittedV2.TYPE
NOW = datetime(2126, 1, 1, tzinfo=UTC)
BY_EDITION = {"schema.year-beyond", "schema.bare-year", "schema.day-for-nothing"}
"""Which years there are is said by the edition, as sectors and sources are, and by no schema."""
BESIDE = {"time.future", "source.not-yours"}
FORMATS = FormatChecker(["date"])


@FORMATS.checks("date-time", raises=ValueError)
def _is_moment(said: object) -> bool:
    return not isinstance(said, str) or bool(datetime.fromisoformat(said.upper()[:19]))


VALIDATORS = {name: Draft202012Validator(published(name), format_checker=FORMATS) for name in AGENCY.classes}
TEXTS = st.one_of(
    st.text(max_size=12),
    st.text("\u0301\u20dd\u0600\U0001bca0\U0001d159\U0001d173\u05b0b", max_size=3),
    st.text(" \t\n\r\x00\x0b\x1b\u00a0\u00ad\u200b\u200e\u2028\u202e\u2066\u3164\ufeff\uffff\U000e0041a", max_size=5),
    st.sampled_from(
        [
            *("x" * 60, "x" * 61, "x" * 128, "x" * 129, "x" * 300, "x" * 301, "x" * 4001, "x" * 8001),
            *("2026-06-01", "2026-06-31", "2026-6-1", "0", "1798675200000", "1905-07-18", "2026-06-01T00:00:00Z"),
            *("2026-06-01T00:00:00.5+03:00", "2026-06-01t00:00:00z", "2026-06-01T24:00:00Z", "2016-12-31T23:59:60Z"),
            *("BYN", "byn", "health", "Health", "BY-UNP", "a@b.by", "a@b", "a@b.by\r\nBcc: c@d.by", "2.5", "2,5", "-1"),
            *(
                "application/json",
                "application/json; charset=utf-8",
                "text/xml",
                ".",
                "..",
                "...",
                "major",
                "/agencies/a",
            ),
        ]
    ),
)
VALUES = st.one_of(
    TEXTS,
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([3000000.0, 3e6, 2.5, -1.0, 10**15, 10**15 + 1, 1e300, 2027.0, 1999, 2101, 10_000, 10_001]),
    st.lists(st.none() | st.integers() | st.just({}), max_size=2),
    st.just({}),
)


def places(part: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in an event below the whole."""
    for key, one in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield (*at, key)
        yield from places(one, (*at, key))


def faults_of(event: dict[str, Any]) -> list[Problem]:
    """What either door finds wrong with an event by itself, as the program has it where no edition says otherwise."""
    source = event.get("source")
    came = parsed(json.dumps(event).encode(), {})
    if came.fault is not None:
        return [came.fault]
    found = read(came.event, source.rsplit("/", 1)[-1] if isinstance(source, str) else "", NOW)
    told = [one for one in found.unknown if DEFAULTS.get(one.rule) == "block"]
    return [one for one in (*found.problems, *told) if one.rule not in BY_EDITION | BESIDE]


EXTENSIONS = st.sampled_from(["comexample", "Comexample", "TIME", "partitionkey", "a1", "x_y", "data_base64", "ый"])
PACKED = base64.b64encode(json.dumps(example("pilots.agency.application-withdrawn.v1")["data"]).encode()).decode()


@pytest.mark.parametrize("without", [(), ("data",), ("time",), ("data", "time")])
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(more=st.dictionaries(EXTENSIONS, st.just(PACKED) | VALUES, max_size=3))
def test_extensions_and_data_that_are_bytes_are_the_same_for_both(
    without: tuple[str, ...], more: dict[str, Any]
) -> None:
    name = "pilots.agency.application-withdrawn.v1"
    packed = more.get("data_base64")
    assume(not isinstance(packed, str) or packed == PACKED)  # what bytes say no schema looks into
    event = {**{key: one for key, one in example(name).items() if key not in without}, **copy.deepcopy(more)}
    assert bool(faults_of(event)) != VALIDATORS[name].is_valid(event), [one.rule for one in faults_of(event)]


def test_what_no_schema_can_say_is_on_a_list_of_rules() -> None:
    domain = Path(shape.__file__).parent
    asking = [domain / f"{name}.py" for name in ("application", "reports", "clarification", "validation", "shape")]
    asking += [domain / "standing.py", domain.parent / "parsing.py", domain.parent / "door.py", Path(faults.__file__)]
    asked = {
        rule for file in asking for rule in re.findall(r'problem\([^()]*?"([a-z0-9-]+\.[a-z0-9-]+)"', file.read_text())
    }
    listed = {rule for rules in BEYOND_SCHEMA.values() for rule in rules}
    assert len(asked) > 50
    assert asked - listed == {"schema.too-long", "reason.unknown", "batch.not-a-list", "event.discarded"}, (
        "said by the schema, or elsewhere"
    )
    assert listed <= wordings().keys()
    total = {"amount_minor": 99, "currency": "BYN"}
    event = {**example(V2), "data": {**example(V2)["data"], "total_cost": total}}
    assert VALIDATORS[V2].is_valid(event) and "costs.total" in BEYOND_SCHEMA[V2]


@pytest.mark.parametrize("name", AGENCY.classes)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(chosen=st.data())
def test_what_the_schema_allows_is_taken_and_what_it_does_not_is_refused(name: str, chosen: st.DataObject) -> None:
    event = copy.deepcopy(example(name))
    for place in chosen.draw(st.lists(st.sampled_from(list(places(event))), min_size=1, max_size=2), label="places"):
        value = copy.deepcopy(chosen.draw(VALUES, label="value"))
        # Python's `$` also stands before a last line break, which that of JSON Schema does not.
        assume(not (isinstance(value, str) and value.endswith("\n")))
        # Marks of single scripts that stand alone are in no pattern (`contracts.text`).
        assume(not (isinstance(value, str) and re.search(SAYS_SOMETHING, value) and not shows(value)))
        part = event
        try:
            for key in place[:-1]:
                part = part[key]
            part[place[-1]] = value
        except (KeyError, IndexError, TypeError):
            assume(False)
    event = json.loads(json.dumps(event))
    faults = faults_of(event)
    wrong = [(list(one.absolute_path), one.message[:80]) for one in VALIDATORS[name].iter_errors(event)]
    assert bool(faults) == bool(wrong), ([(one.pointer, one.rule) for one in faults], wrong)


@pytest.mark.parametrize("name", AGENCY.classes)
def test_what_may_be_left_out_is_the_same_for_both(name: str) -> None:
    for place in places(example(name)):
        if isinstance(place[-1], int):
            continue
        event = copy.deepcopy(example(name))
        part = event
        for key in place[:-1]:
            part = part[key]
        del part[place[-1]]
        assert bool(faults_of(event)) != VALIDATORS[name].is_valid(event), place


@pytest.mark.parametrize("name", AGENCY.classes)
def test_what_is_published_today_takes_all_that_was_ever_published_and_says_what_came_since(name: str) -> None:
    today, relaxed = published(name), copy.deepcopy(frozen(name))
    for one in ("time", "data"):
        relaxed["required"].remove(one)
        relaxed["properties"][one] = today["properties"][one]
    relaxed |= {word: today[word] for word in ("propertyNames", "additionalProperties", "if", "then", "else")}
    assert changes(relaxed, today) == [], "optional properties alone were added"
    assert not {"time", "data"} & set(today["required"])


def test_a_total_beside_cost_lines_is_said_where_an_agency_looks() -> None:
    for name in ("application-submitted.v2", "application-resubmitted.v1"):
        parts = published(f"pilots.agency.{name}")["$defs"].values()
        [data] = [one for one in parts if "costs" in one.get("properties", ())]
        assert data["properties"]["total_cost"]["default"] is None and "total_cost" not in data.get("required", ())
