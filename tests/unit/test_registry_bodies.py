"""What the register takes over HTTP, looked at body by body: nothing blank, nothing misspelt, ids that name nobody."""

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from contracts.entered import enter
from contracts.steps import (
    AgreementEntry,
    AgreementFailure,
    Commission,
    Correction,
    CreditDecision,
    EarlyStop,
    ExpediencyDecision,
    Judgement,
    Launch,
    PilotExtension,
    PilotResumption,
    PilotSuspension,
    Proposal,
    ScalingDecision,
    Step,
)
from deploy.samples.common import basis
from deploy.samples.registry import AGREEMENT, MEMBERS, PLAN, values, votes, window
from services.registry.api import life
from services.registry.domain.commands import Deciding
from tests.kit.registry.life import content

BASIS = content(basis())
VALUES = [content(one) for one in values()]
BODIES: dict[type[Step], dict[str, Any]] = {
    ExpediencyDecision: {"decision": "expedient"},
    CreditDecision: {"granted": True, "evidence": "Работает."},
    AgreementEntry: {"agreement": content(AGREEMENT)},
    AgreementFailure: {"why": "Не сошлись."},
    Launch: {"started": "2026-04-16"},
    PilotSuspension: {"since": "2026-04-16", "why": "Ремонт."},
    PilotResumption: {"since": "2026-04-16"},
    PilotExtension: {"until": "2026-04-16", "why": "Задержка."},
    EarlyStop: {"stopped": "2026-04-16", "why": "Нет денег."},
    Commission: {"members": list(MEMBERS), "secretary": "s-1"},
    Proposal: {"outcome": "effective", "text": "Предложение.", "values": VALUES},
    Judgement: {
        "outcome": "effective",
        "text": "Протокол.",
        "values": VALUES,
        "present": list(MEMBERS),
        "votes": content(votes(9)),
    },
    ScalingDecision: {
        "decision": "scale",
        "evidence": "Доказано.",
        "conditions": "При софинансировании.",
        "windows": [content(window())],
        "replicas": [content(PLAN)],
    },
    Correction: {"what": "launch", "content": {}, "reason": "Опечатка."},
}
each = pytest.mark.parametrize("body", BODIES, ids=lambda one: one.__name__)
BLANKS = ["", " ", "\t", "\n \u00a0"]


def said(body: type[Step], **changes: Any) -> dict[str, Any]:
    """A body in order, some of it said otherwise."""
    return {**BODIES[body], "basis": BASIS, **changes}


def faults(body: type[Step], told: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Where a body is refused."""
    with pytest.raises(ValidationError) as caught:
        enter(body, told)
    return [fault["loc"] for fault in caught.value.errors()]


def test_every_body_of_a_step_is_looked_at() -> None:
    taken = {one for one in vars(life).values() if isinstance(one, type) and issubclass(one, Step)}
    assert taken == set(get_args(Deciding)) == set(BODIES)


@each
def test_a_body_in_order_is_taken_and_none_comes_without_a_document(body: type[Step]) -> None:
    assert enter(body, said(body)).basis == basis()  # type: ignore[attr-defined]
    assert faults(body, BODIES[body]) == [("basis",)]
    assert faults(body, said(body, basis=None)) == [("basis",)]


@each
@pytest.mark.parametrize("part", ["body", "kind", "number"])
@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_no_document_is_blank_in_any_of_its_parts(body: type[Step], part: str, blank: str) -> None:
    where = faults(body, said(body, basis={**BASIS, part: blank}))
    assert [loc[:1] for loc in where] == [("basis",)]


@each
@pytest.mark.parametrize("year", [1999, 2101])
def test_a_document_of_another_century_is_a_slip_of_the_pen(body: type[Step], year: int) -> None:
    assert faults(body, said(body, basis={**BASIS, "date": f"{year}-01-01"})) == [("basis", "date")]


PROSE = [(body, name) for body in BODIES for name in ("why", "evidence", "text", "reason", "conditions")]
PROSE = [(body, name) for body, name in PROSE if name in BODIES[body]]


@pytest.mark.parametrize(("body", "name"), PROSE, ids=lambda one: one if isinstance(one, str) else one.__name__)
@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_no_reason_and_no_evidence_is_blank(body: type[Step], name: str, blank: str) -> None:
    assert faults(body, said(body, **{name: blank})) == [(name,)]
    assert getattr(enter(body, said(body, **{name: f" {BODIES[body][name]}\n"})), name) == BODIES[body][name]


def test_every_reason_and_evidence_is_looked_at() -> None:
    assert {name for _, name in PROSE} == {"why", "evidence", "text", "reason", "conditions"}
    assert len(PROSE) == 10


NAMES = ["Иванов", "Иван Иванов", "John Smith", " u-1", "u-1 ", "u 1", "u-1\n", "", ".", "ü-1", "u" * 129]
IDS = ["u-1", "7f841494-a5a7-5cad-89a9-dc08e49b30fa", "auth0|5f7c", "m.1_x:2@house", "U" * 128]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_person_is_an_opaque_id_and_never_a_name(name: str) -> None:
    assert faults(Commission, said(Commission, members=[*MEMBERS, name])) == [("members", 9)]
    assert faults(Commission, said(Commission, secretary=name)) == [("secretary",)]
    assert faults(Judgement, said(Judgement, present=[name])) == [("present", 0)]


@pytest.mark.parametrize("id_", IDS)
def test_an_opaque_id_of_any_usual_form_is_taken(id_: str) -> None:
    told = enter(Commission, said(Commission, members=[id_], secretary=id_))
    assert (told.members, told.secretary) == ((id_,), id_)


@each
def test_a_misspelt_field_is_refused_also_within_the_document(body: type[Step]) -> None:
    assert faults(body, said(body, unheard_of=1)) == [("unheard_of",)]
    assert faults(body, said(body, basis={**BASIS, "nummer": "5"})) == [("basis", "nummer")]


@pytest.mark.parametrize("place", [0, -1, 100_001, "1", 1.5, None])
def test_a_correction_names_an_entry_by_its_place_from_one(place: Any) -> None:
    assert faults(Correction, said(Correction, place=place)) == [("place",)]
    assert enter(Correction, said(Correction)).place == 1


@pytest.mark.parametrize("what", [None, 5, "x", []])
def test_what_an_entry_should_have_said_is_an_object(what: Any) -> None:
    assert faults(Correction, said(Correction, content=what)) == [("content",)]


@pytest.mark.parametrize(("body", "name"), PROSE, ids=lambda one: one if isinstance(one, str) else one.__name__)
def test_what_was_recorded_before_there_was_a_bound_is_read_all_the_same(body: type[Step], name: str) -> None:
    old = said(body, **{name: " "}, basis={**BASIS, "date": "1999-01-01"}, of_a_later_version=1)
    assert getattr(body.model_validate(old), name) == " "
