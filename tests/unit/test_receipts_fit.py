"""Every receipt of every valid fact fits its topic: the largest is built from the bounds of its contract."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from contracts.event import Event, Fact, wire
from contracts.freeze import example, inlined
from contracts.intake import INTAKE
from contracts.topics import FACT_MAX_BYTES, receipts_topic
from services.chassis.fold import MARGIN
from services.intake.receipts import publications, receipt_of

WIDE: Final = "\N{GRINNING FACE}"
"""A character of four bytes."""
BOUND: Final = FACT_MAX_BYTES - MARGIN
NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def largest(found: Any, schema: Mapping[str, Any]) -> Any:
    """An example filled up to the bounds of its schema, texts with wide characters."""
    options = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    rule = options[0] if len(options) == 1 else schema
    if isinstance(found, str) and "maxLength" in rule and not rule.keys() & {"pattern", "format", "enum", "const"}:
        return WIDE * rule["maxLength"]
    if isinstance(found, list) and found:
        items = [largest(one, rule.get("items", {})) for one in found]
        return items * max(1, rule.get("maxItems", len(items)) // len(items))
    if isinstance(found, dict):
        return {name: largest(value, rule.get("properties", {}).get(name, {})) for name, value in found.items()}
    return found


def made(kind: type[Fact]) -> Event:
    """The largest fact of a type."""
    schema = inlined(kind.model_json_schema(mode="validation"))
    fact = kind.model_validate(largest(example(kind.TYPE)["data"], schema))
    data = fact.model_dump(mode="json")
    return Event("id-1", "intake", kind.TYPE, "pilot-1", NOW, 7, WIDE * 200, {}, fact, data)


TOLD: Final = [kind for kind in INTAKE.classes.values() if receipt_of(made(kind)) is not None]


def test_most_facts_of_intake_are_told_to_their_agency() -> None:
    assert len(TOLD) >= 20


@pytest.mark.parametrize("kind", TOLD, ids=lambda kind: kind.TYPE)
def test_the_largest_receipt_of_a_fact_that_fits_its_topic_fits_its_own_and_is_whole(kind: type[Fact]) -> None:
    event = made(kind)
    [message] = publications(event)
    assert len(message.value) <= BOUND and receipts_topic("primer").max_bytes >= FACT_MAX_BYTES
    if len(wire(event.data)) <= BOUND:
        assert json.loads(message.value)["data"].get("whole_at") is None


@pytest.mark.parametrize("kind", TOLD, ids=lambda kind: kind.TYPE)
def test_a_receipt_that_would_not_fit_goes_short_and_says_where_the_whole_of_it_is(kind: type[Fact]) -> None:
    event = made(kind)
    [whole], [short] = publications(event, most=10**9), publications(event, most=1)
    said, full = json.loads(short.value)["data"], json.loads(whole.value)["data"]
    assert said["whole_at"].startswith("/v1/receipts/") and len(short.value) < 8_000
    for name in ("agency", "event_id", "outcome", "pilot", "number", "due_at", "conclusion_number"):
        assert said.get(name) == full.get(name)
    assert (short.topic, short.key, short.headers["ce_id"]) == (whole.topic, whole.key, whole.headers["ce_id"])
