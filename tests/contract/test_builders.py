"""What an agency's program makes with the builders is what the door takes: by the frozen schemas, and by the door."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from contracts import builders
from contracts.agency import AGENCY, ApplicationSubmittedV1
from contracts.event import noun_of
from contracts.freeze import example, inlined, published
from services.intake.domain.commands import Later, Submit
from services.intake.door import LATER, submission

NOW = datetime(2026, 4, 16, 9, 0, tzinfo=UTC)
BUILT = sorted(AGENCY.classes.keys() - {ApplicationSubmittedV1.TYPE})


def builder(name: str) -> Callable[..., bytes]:
    """The function that is named as the event is."""
    found: Callable[..., bytes] = getattr(builders, noun_of(name).split(".")[-1].replace("-", "_"))
    return found


@pytest.mark.parametrize("name", BUILT)
def test_each_event_of_the_newest_version_has_a_builder_that_says_what_the_example_says(name: str) -> None:
    shown = example(name)
    subject = [shown["subject"]] if name in LATER else []
    made = builder(name)("vedomstvo-primer", *subject, id=shown["id"], time=NOW, **shown["data"])
    event = json.loads(made)
    Draft202012Validator(inlined(published(name))).validate(event)
    assert (event["type"], event["id"], event["data"]) == (name, shown["id"], shown["data"])
    command = submission("vedomstvo-primer", made, "place").command
    assert isinstance(command, Later if name in LATER else Submit)


def test_all_that_is_wrong_with_the_shape_is_told_before_anything_is_sent() -> None:
    with pytest.raises(ValidationError) as told:
        builders.application_submitted("minzdrav", id="1", time=NOW, title=" ", sector=5)
    places = {error["loc"][0] for error in told.value.errors()}
    assert {"title", "problem", "solution", "sector", "initiator", "customer"} <= places


def test_a_misspelt_field_is_not_lost() -> None:
    said: dict[str, Any] = {"reason": "Изменились планы.", "reasons": "x"}
    with pytest.raises(TypeError, match="ApplicationWithdrawnV1 has no field reasons; it has reason"):
        builders.application_withdrawn("minzdrav", "ПП-2026-000123", id="1", time=NOW, **said)
