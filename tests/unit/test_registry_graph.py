"""The graph of a pilot's stages is sound, and is covered by the scenarios; `test_docs` compares its page."""

import inspect
from collections.abc import Callable, Mapping

import tests.unit.test_registry_scenarios as scenarios
from contracts.event import Fact
from contracts.registry import (
    REGISTRY,
    AgencyNotedV1,
    ExpertNotedV1,
    ListReadyV1,
    ListTakenV1,
    PersonErasedV1,
    PilotEnteredV1,
    RecordHandledV1,
    RecordSkippedV1,
)
from deploy.moves.registry import explored
from deploy.states import Step, moving
from services.registry.domain import decide as pilot
from services.registry.domain.evolve import CHANGES
from services.registry.domain.stages import FINAL, JUDGED, NEXT_MOVE, SETTLED, Stage
from services.registry.domain.state import SCALING
from tests.kit.registry.life import Life


def stories() -> Mapping[str, Callable[[Life], None]]:
    """The scenarios that take a life and nothing else."""
    found = inspect.getmembers(scenarios, inspect.isfunction)
    return {
        name: test
        for name, test in found
        if name.startswith("test_") and [*inspect.signature(test).parameters] == ["life"]
    }


def test_every_stage_is_reached_and_somebody_has_the_next_move_until_the_end() -> None:
    assert {state.stage for state in explored().sample.values()} == set(Stage)
    assert set(NEXT_MOVE) == set(Stage) - FINAL
    assert all((state.next_move is None) == (state.stage in FINAL) for state in explored().sample.values())


def test_no_state_but_a_final_one_is_without_a_way_out() -> None:
    graph = explored()
    stuck = [key for key, ways in graph.ways.items() if not ways - {key} and graph.sample[key].stage not in FINAL]
    assert stuck == []


def test_from_every_state_a_final_one_is_reached() -> None:
    graph = explored()
    good = {key for key, state in graph.sample.items() if state.stage in FINAL}
    while more := {key for key, ways in graph.ways.items() if key not in good and ways & good}:
        good |= more
    assert [key for key in graph.sample if key not in good] == []


def test_no_stage_that_is_final_is_left_again() -> None:
    assert {step for step in moving(explored().steps) if step[0] in FINAL} == set()


def test_what_is_settled_is_left_by_officials_and_by_the_report_of_completion_alone() -> None:
    commands = {command.split()[0] for before, command, _ in moving(explored().steps) if before in SETTLED}
    assert commands == {
        "AgreementEntry",
        "AgreementFailure",
        "Launch",
        "PilotSuspension",
        "PilotResumption",
        "EarlyStop",
        "Completion",
        "Proposal",
        "Judgement",
        "ScalingDecision",
    }


def test_nothing_runs_and_no_timer_is_set_at_a_final_stage() -> None:
    for state in explored().sample.values():
        if state.stage in FINAL:
            assert not any(one.open for one in state.own_terms)
            assert pilot.due(state) is None


def test_where_scaling_is_to_be_decided_the_alarm_for_that_runs_and_nothing_else() -> None:
    judged = [state for state in explored().sample.values() if state.stage in JUDGED]
    assert {state.stage for state in judged} == JUDGED
    for state in judged:
        assert [one.kind for one in state.own_terms if one.open] == [SCALING]


def test_every_fact_of_a_pilot_occurs() -> None:
    kinds: list[type[Fact]] = [*CHANGES, PilotEnteredV1]
    of_a_pilot = {kind.TYPE for kind in kinds}
    of_the_service = (PersonErasedV1, RecordHandledV1, RecordSkippedV1)
    others: list[type[Fact]] = [AgencyNotedV1, ExpertNotedV1, ListTakenV1, ListReadyV1, *of_the_service]
    assert of_a_pilot == set(REGISTRY.classes) - {kind.TYPE for kind in others}
    assert explored().facts == of_a_pilot


def test_the_scenarios_go_every_step_between_stages_that_the_domain_allows() -> None:
    gone: set[Step] = set()
    for story in stories().values():
        life = Life()
        story(life)
        gone |= life.steps
    found = moving(explored().steps)
    assert found - gone == set(), "steps without a scenario"
    assert moving(gone) - found == set(), "steps that the exploration has not found"
