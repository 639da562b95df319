"""Bounds of what is entered and sent: asked there, shown there, and never of what is read again."""

from typing import Annotated, Any

import pytest
from pydantic import ValidationError

from contracts.agency import AGENCY, ProgressReportedV1
from contracts.entered import ENTERED, SENT, Entered, as_recorded, enter
from contracts.event import Contract
from contracts.freeze import example
from contracts.steps import Absence, AgencyEntry, EarlierRemark, Opinion, Progress
from contracts.text import line


class Sample(Contract):
    text: Annotated[str, line(5)] = "five"
    rows: Annotated[tuple[int, ...], Entered(least=1, most=2)] = (1,)
    count: Annotated[int, Entered(least=1, most=9)] = 1


def faults(context: object, **said: Any) -> list[str]:
    try:
        Sample.model_validate(said, context=context)
    except ValidationError as error:
        return [one["type"] for one in error.errors()]
    return []


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"text": ""}, "blank"),
        ({"text": " \u00a0\u200b"}, "blank"),
        ({"text": "\ud800"}, "string_unicode"),
        ({"text": "sixsix"}, "string_too_long"),
        ({"rows": []}, "too_short"),
        ({"rows": [1, 2, 3]}, "too_long"),
        ({"count": 0}, "greater_than_equal"),
        ({"count": 10}, "less_than_equal"),
    ],
)
def test_what_breaks_a_bound_is_refused_where_it_comes_in_and_nowhere_else(said: dict[str, Any], fault: str) -> None:
    assert (faults(ENTERED, **said), faults(SENT, **said), faults(None, **said)) == ([fault], [fault], [])


def test_a_text_is_kept_in_one_form_whoever_gives_it_and_read_as_it_was_recorded() -> None:
    read = {context: Sample.model_validate({"text": " a  "}, context=context).text for context in (ENTERED, SENT, None)}
    assert read == {ENTERED: "a", SENT: "a", None: " a  "}


def test_an_agencys_event_is_held_to_the_bounds_and_unknown_keys_of_it_are_passed_over() -> None:
    data = example(ProgressReportedV1.TYPE)["data"]
    assert AGENCY.read(ProgressReportedV1.TYPE, {**data, "unknown": 1}) == ProgressReportedV1.model_validate(data)
    with pytest.raises(ValidationError):
        AGENCY.read(ProgressReportedV1.TYPE, {**data, "summary": "x" * 8001})


def test_bounds_are_shown_to_those_who_enter_and_not_where_facts_are_written_or_read_again() -> None:
    def shown(mode: Any) -> dict[str, Any]:
        found: dict[str, Any] = Progress.model_json_schema(mode=mode)["properties"]
        return {"summary": found["summary"].get("maxLength"), "values": found["values"].get("maxItems")}

    bounds, none = {"summary": 8000, "values": 100}, {"summary": None, "values": None}
    with as_recorded():
        recorded = shown("validation")
    assert (shown("validation"), shown("serialization"), recorded) == (bounds, none, none)


def test_the_bounds_of_a_number_are_shown_as_those_of_a_text() -> None:
    shown = Sample.model_json_schema()["properties"]["count"]
    assert (shown["minimum"], shown["maximum"]) == (1, 9)


@pytest.mark.parametrize(
    ("step", "said", "place"),
    [
        (
            Opinion,
            {"verdict": "positive", "text": "Да.", "scores": [{"criterion": "need", "value": 1, "reason": " "}]},
            ("scores", 0, "reason"),
        ),
        (EarlierRemark, {"place": 1, "met": True, "text": " "}, ("text",)),
        (
            AgencyEntry,
            {"name": "Ведомство", "editions": [{"edition": " ", "since": "2026-01-01"}]},
            ("editions", 0, "edition"),
        ),
        (
            AgencyEntry,
            {"name": "Ведомство", "editions": [{"edition": "by-2024", "since": "0001-01-01"}]},
            ("editions", 0, "since"),
        ),
        (Absence, {"since": "2026-01-01", "until": "9999-12-31"}, ("until",)),
    ],
)
def test_words_and_days_deep_in_a_step_are_held_to_the_bounds_of_what_is_entered(
    step: type[Contract], said: dict[str, Any], place: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationError) as refused:
        enter(step, said)
    assert [one["loc"] for one in refused.value.errors()] == [place]
    assert step.model_validate(said), "what was recorded before is read as it stands"
