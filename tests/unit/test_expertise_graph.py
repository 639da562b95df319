"""The graph of a case's states is sound, and is covered by the scenarios; `test_docs` compares its page."""

import inspect
from collections.abc import Callable, Mapping

from contracts.expertise import EXPERTISE
from deploy.moves.expertise import ROUNDS, explored
from deploy.states import Step
from services.expertise.domain.evolve import CHANGES
from services.expertise.domain.state import FINAL, Status
from tests.kit.expertise.play import Play
from tests.unit import test_expertise_endings, test_expertise_scenarios

NOT_OF_A_CASE = {
    "pilots.expertise.conclusion-numbered.v1",
    "pilots.expertise.expert-entered.v1",
    "pilots.expertise.list-ready.v1",
    "pilots.expertise.list-taken.v1",
    "pilots.expertise.person-erased.v1",
    "pilots.expertise.record-handled.v1",
    "pilots.expertise.record-skipped.v1",
    "pilots.expertise.team-entered.v1",
}


OF_THE_DIRECTORY = {"pilots.expertise.ties-checked.v1"}
"""What follows of the directory's entries, which the exploration has none of: `test_expertise_duties` shows it."""


def stories() -> Mapping[str, Callable[[Play], None]]:
    """The scenarios that take a play and nothing else."""
    return {
        name: test
        for module in (test_expertise_scenarios, test_expertise_endings)
        for name, test in inspect.getmembers(module, inspect.isfunction)
        if name.startswith("test_") and [*inspect.signature(test).parameters] == ["play"]
    }


def test_every_status_is_reached() -> None:
    assert {case.status for case in explored().sample.values()} == set(Status)


def test_no_state_but_a_final_one_is_without_a_way_out() -> None:
    graph = explored()
    stuck = [
        key
        for key, ways in graph.ways.items()
        if not ways - {key} and graph.sample[key].status not in FINAL and graph.sample[key].round <= ROUNDS
    ]
    assert stuck == []


def test_from_every_state_a_final_one_is_reached() -> None:
    graph = explored()
    good = {key for key, case in graph.sample.items() if case.status in FINAL}
    while more := {key for key, ways in graph.ways.items() if key not in good and ways & good}:
        good |= more
    assert [key for key, case in graph.sample.items() if key not in good and case.round <= ROUNDS] == []


def test_in_every_state_that_is_open_somebody_owes_something_and_in_a_final_one_nobody_does() -> None:
    for case in explored().sample.values():
        doubted = any(one.status == "open" for one in case.conflicts)
        assert bool(case.owed) == (case.status not in FINAL or doubted), case.status
        assert bool(case.views) == (case.status not in FINAL or doubted), case.status
        if case.status in FINAL and doubted:
            assert [one.what for one in case.owed] == ["conflict"]
            assert case.views == ("conflict",)


def test_every_fact_of_a_case_occurs() -> None:
    of_a_case = {kind.TYPE for kind in CHANGES} | {"pilots.expertise.review-opened.v1"}
    assert of_a_case == set(EXPERTISE.classes) - NOT_OF_A_CASE
    assert explored().facts == of_a_case - OF_THE_DIRECTORY


def test_the_scenarios_go_every_step_that_the_domain_allows() -> None:
    gone: set[Step] = set()
    for story in stories().values():
        play = Play()
        story(play)
        gone |= play.steps
    assert explored().steps - gone == set(), "steps without a scenario"
    assert gone - explored().steps == set(), "steps that the exploration has not found"
