"""What the register takes over HTTP, looked at body by body: nothing blank, nothing misspelt, ids that name nobody."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.registry.api import life
from services.registry.api.life import Body
from tests.unit.registry_world import AGREEMENT, MEMBERS, PLAN, WINDOW, basis, content, values, votes

BASIS = content(basis())
VALUES = [content(one) for one in values()]
BODIES: dict[type[Body], dict[str, Any]] = {
    life.ExpediencyOf: {"decision": "expedient"},
    life.CreditOf: {"granted": True, "evidence": "Работает."},
    life.AgreementOf: {"agreement": content(AGREEMENT)},
    life.AgreementFailureOf: {"why": "Не сошлись."},
    life.LaunchOf: {"started": "2026-04-16"},
    life.SuspensionOf: {"since": "2026-04-16", "why": "Ремонт."},
    life.ResumptionOf: {"since": "2026-04-16"},
    life.ExtensionOf: {"until": "2026-04-16", "why": "Задержка."},
    life.EarlyStopOf: {"stopped": "2026-04-16", "why": "Нет денег."},
    life.CommissionOf: {"members": list(MEMBERS), "secretary": "s-1"},
    life.ProposalOf: {"outcome": "effective", "text": "Предложение.", "values": VALUES},
    life.JudgementOf: {
        "outcome": "effective",
        "text": "Протокол.",
        "values": VALUES,
        "present": list(MEMBERS),
        "votes": content(votes(9)),
    },
    life.ScalingOf: {
        "decision": "scale",
        "evidence": "Доказано.",
        "conditions": "При софинансировании.",
        "windows": [content(WINDOW)],
        "replicas": [content(PLAN)],
    },
    life.CorrectionOf: {"what": "launch", "content": {}, "reason": "Опечатка."},
}
each = pytest.mark.parametrize("body", BODIES, ids=lambda one: one.__name__)
BLANKS = ["", " ", "\t", "\n \u00a0"]


def said(body: type[Body], **changes: Any) -> dict[str, Any]:
    """A body in order, some of it said otherwise."""
    return {**BODIES[body], "basis": BASIS, **changes}


def faults(body: type[Body], told: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Where a body is refused."""
    with pytest.raises(ValidationError) as caught:
        body.model_validate(told)
    return [fault["loc"] for fault in caught.value.errors()]


def test_every_body_of_a_step_is_looked_at() -> None:
    bodies = {one for one in vars(life).values() if isinstance(one, type) and issubclass(one, Body) and one is not Body}
    assert bodies == set(BODIES)


@each
def test_a_body_in_order_is_taken_and_none_comes_without_a_document(body: type[Body]) -> None:
    assert body.model_validate(said(body)).basis == basis()  # type: ignore[attr-defined]
    assert faults(body, BODIES[body]) == [("basis",)]
    assert faults(body, said(body, basis=None)) == [("basis",)]


@each
@pytest.mark.parametrize("part", ["body", "kind", "number"])
@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_no_document_is_blank_in_any_of_its_parts(body: type[Body], part: str, blank: str) -> None:
    where = faults(body, said(body, basis={**BASIS, part: blank}))
    assert [loc[:1] for loc in where] == [("basis",)]


@each
@pytest.mark.parametrize("year", [1999, 2101])
def test_a_document_of_another_century_is_a_slip_of_the_pen(body: type[Body], year: int) -> None:
    assert faults(body, said(body, basis={**BASIS, "date": f"{year}-01-01"})) == [("basis",)]


PROSE = [(body, name) for body in BODIES for name in ("why", "evidence", "text", "reason", "conditions")]
PROSE = [(body, name) for body, name in PROSE if name in BODIES[body]]


@pytest.mark.parametrize(("body", "name"), PROSE, ids=lambda one: one if isinstance(one, str) else one.__name__)
@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_no_reason_and_no_evidence_is_blank(body: type[Body], name: str, blank: str) -> None:
    assert faults(body, said(body, **{name: blank})) == [(name,)]
    assert getattr(body.model_validate(said(body, **{name: f" {BODIES[body][name]}\n"})), name) == BODIES[body][name]


def test_every_reason_and_evidence_is_looked_at() -> None:
    assert {name for _, name in PROSE} == {"why", "evidence", "text", "reason", "conditions"}
    assert len(PROSE) == 10


NAMES = ["Иванов", "Иван Иванов", "John Smith", " u-1", "u-1 ", "u 1", "u-1\n", "", ".", "ü-1", "u" * 129]
IDS = ["u-1", "7f841494-a5a7-5cad-89a9-dc08e49b30fa", "auth0|5f7c", "m.1_x:2@house", "U" * 128]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_person_is_an_opaque_id_and_never_a_name(name: str) -> None:
    assert faults(life.CommissionOf, said(life.CommissionOf, members=[*MEMBERS, name])) == [("members", 9)]
    assert faults(life.CommissionOf, said(life.CommissionOf, secretary=name)) == [("secretary",)]
    assert faults(life.JudgementOf, said(life.JudgementOf, present=[name])) == [("present", 0)]


@pytest.mark.parametrize("id_", IDS)
def test_an_opaque_id_of_any_usual_form_is_taken(id_: str) -> None:
    told = life.CommissionOf.model_validate(said(life.CommissionOf, members=[id_], secretary=id_))
    assert (told.members, told.secretary) == ([id_], id_)


@each
def test_a_misspelt_field_is_refused_also_within_the_document(body: type[Body]) -> None:
    assert faults(body, said(body, unheard_of=1)) == [("unheard_of",)]
    assert faults(body, said(body, basis={**BASIS, "nummer": "5"})) == [("basis", "nummer")]
