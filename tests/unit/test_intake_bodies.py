"""What intake takes over HTTP, looked at body by body: nothing blank, nothing misspelt at any depth."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from contracts.steps import AgencyEntry, ApplicationReturn, ApplicationStop, Step
from services.chassis.body import Body

BASIS = {"body": "ГКНТ", "kind": "приказ", "number": "7", "date": "2026-04-01"}
BODIES: dict[type[Step], tuple[TypeAdapter[Any], dict[str, Any]]] = {
    ApplicationReturn: (TypeAdapter(Body[ApplicationReturn]), {"reasons": [{"code": "documents-missing"}]}),
    ApplicationStop: (TypeAdapter(Body[ApplicationStop]), {"reason": "Ликвидирован.", "basis": BASIS}),
    AgencyEntry: (
        TypeAdapter(Body[AgencyEntry]),
        {"name": "Ведомство", "editions": [{"edition": "by-2024", "since": "2025-01-01"}]},
    ),
}


def faults(step: type[Step], **changes: Any) -> list[tuple[tuple[int | str, ...], str]]:
    adapter, said = BODIES[step]
    try:
        adapter.validate_python({**said, **changes})
    except ValidationError as error:
        return [(one["loc"], one["type"]) for one in error.errors()]
    return []


@pytest.mark.parametrize("step", BODIES)
def test_a_body_in_order_is_the_step_itself_and_one_more_key_is_refused(step: type[Step]) -> None:
    adapter, said = BODIES[step]
    assert isinstance(adapter.validate_python(said), step)
    assert faults(step, whatever=1) == [(("whatever",), "extra_forbidden")]


@pytest.mark.parametrize(
    ("step", "changes", "where"),
    [
        (ApplicationReturn, {"reasons": [{"code": "documents-missing", "words": "x"}]}, ("reasons", 0, "words")),
        (ApplicationStop, {"basis": {**BASIS, "note": "x"}}, ("basis", "note")),
        (AgencyEntry, {"editions": [{"edition": "a", "since": "2025-01-01", "to": "x"}]}, ("editions", 0, "to")),
    ],
)
def test_a_misspelt_key_is_refused_at_every_depth(
    step: type[Step], changes: dict[str, Any], where: tuple[int | str, ...]
) -> None:
    assert faults(step, **changes) == [(where, "extra_forbidden")]


@pytest.mark.parametrize(
    ("step", "changes", "kind"),
    [
        (ApplicationReturn, {"reasons": []}, "too_short"),
        (ApplicationReturn, {"reasons": [{"code": "a"}] * 51}, "too_long"),
        (ApplicationStop, {"reason": " \n"}, "blank"),
        (ApplicationStop, {"reason": "п" * 4001}, "string_too_long"),
        (AgencyEntry, {"name": "\t"}, "blank"),
        (AgencyEntry, {"editions": []}, "too_short"),
    ],
)
def test_the_bounds_of_a_step_hold_where_it_is_entered(step: type[Step], changes: dict[str, Any], kind: str) -> None:
    assert faults(step, **changes) == [((next(iter(changes)),), kind)]
