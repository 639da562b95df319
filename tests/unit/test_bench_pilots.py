"""The pilots that the register is measured with are such as the domain makes, as many and as far on as real ones."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from bench.pilots import AGENCIES, OFFICES, REGIONS, SECTORS, SOURCES, Shelf
from bench.stages import BEFORE, CARRIED, GIVEN_UP, IN_USE, STAGES
from services.chassis.fold import state_json
from services.registry.domain.stages import Stage
from services.registry.domain.state import Pilot
from tests.kit.registry.life import at

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [dict(row) for row in Shelf().rows(4000)]


def test_made_up_pilots_are_varied_and_stand_at_every_stage(rows: list[dict[str, Any]]) -> None:
    states = [row["state"] for row in rows]
    assert {state["stage"] for state in states} == {*Stage}
    assert {state["agency"] for state in states} == {*AGENCIES}
    assert {state["application"]["sector"] for state in states} == {*SECTORS}
    assert {state["region"] for state in states} == {*REGIONS, None}
    assert {state["application"]["office"] for state in states} == {*OFFICES, None}
    assert {line["source"] for state in states for line in state["money"]} == {*SOURCES}
    assert len({row["_id"] for row in rows}) == len({state["number"] for state in states}) == len(rows)


def test_made_up_pilots_have_come_as_far_as_real_ones(rows: list[dict[str, Any]]) -> None:
    told = Counter(row["state"]["stage"] for row in rows)
    assert sum(STAGES.values()) == pytest.approx(BEFORE + CARRIED + IN_USE + GIVEN_UP)
    for stage, often in STAGES.items():
        wanted = len(rows) * often / sum(STAGES.values())
        assert wanted / 2 < told[stage] < 2 * wanted, stage


def test_made_up_pilots_are_such_as_the_domain_makes(rows: list[dict[str, Any]]) -> None:
    held: dict[str, set[str]] = {}
    stored = [name for name, one in Pilot.model_fields.items() if not one.exclude]
    for row in rows:
        state = Pilot.model_validate(row["state"])
        assert state_json(state) == row["state"]
        stays = state.history
        assert stays[-1].stage is state.stage and stays[-1].until is None
        assert all(one.until == other.since for one, other in pairwise(stays))
        assert not state.sectors or sum(share.basis_points for share in state.shares) == 10_000
        held.setdefault(state.stage, set()).update(name for name in stored if getattr(state, name))
    for stage, names in held.items():
        life = at(stage).pilot
        needed = {name for name in stored if getattr(life, name)} - {"turn"}
        assert needed <= names, stage
