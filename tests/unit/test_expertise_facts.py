"""Every fact of the expertise evolves, whatever came before, and says no more than it may to whom it may."""

from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from contracts.event import Actor
from contracts.expertise import (
    EXPERTISE,
    CaseFact,
    ConclusionNumberedV1,
    ExpertEnteredV1,
    ExpertiseFact,
    PersonErasedV1,
    ReviewOpenedV1,
    TeamEnteredV1,
)
from contracts.reference import Verdict
from contracts.steps import DeclaredConflict, ExpertEntry, TeamEntry
from deploy.moves.expertise import explored
from deploy.samples.common import BOOK
from deploy.samples.expertise import APPEALS, CHAIR, INTAKE, entry, opened, opinion, scores
from services.expertise.domain.commands import Dismiss, Recheck
from services.expertise.domain.evolve import CHANGES
from services.expertise.domain.expert import EnterExpert, Retire
from services.expertise.domain.opinions import disagreement, total
from services.expertise.domain.parts import GivenOpinion
from services.expertise.domain.series import Series, TakeNumber, subject_of
from services.expertise.domain.team import EnterTeam
from tests.effort import examples
from tests.kit.common import made, with_numbers
from tests.kit.expertise.play import CASES, DIRECTORY, FIRST, NUMBERS, SECOND, TEAMS, THIRD, WAYS, Play, actor, at

ADMIN = Actor(id="admin", role="admin")
any_fact = st.one_of([made(cls) for cls in EXPERTISE.classes.values()])
STATES = {way: at(way).case for way in (*WAYS, "with-experts")}
QUICK = examples(60, suppress_health_check=list(HealthCheck))


# ---- totality


def test_every_fact_of_a_case_has_what_it_changes() -> None:
    assert {ReviewOpenedV1, *CHANGES} == set(get_args(CaseFact))
    assert set(get_args(ExpertiseFact)) == set(EXPERTISE.classes.values())


@QUICK
@given(st.lists(any_fact, max_size=4))
def test_every_fact_evolves_after_any_others(facts: list[Any]) -> None:
    CASES.given(*facts)


@pytest.mark.parametrize("name", sorted(EXPERTISE.classes))
def test_every_fact_evolves_in_a_case_at_every_status(name: str) -> None:
    @examples(15, suppress_health_check=list(HealthCheck))
    @given(made(EXPERTISE.classes[name]), st.sampled_from(sorted(STATES)))
    def check(fact: Any, way: str) -> None:
        state = CASES.given(fact, state=STATES[way])
        assert state.agency == STATES[way].agency, "whose case it is never changes"
        assert state.round == (fact.round if isinstance(fact, ReviewOpenedV1) else STATES[way].round)

    check()


@QUICK
@given(any_fact)
def test_what_a_case_does_not_know_changes_nothing_before_it_is_open(fact: Any) -> None:
    assert (CASES.given(fact) is None) == (not isinstance(fact, ReviewOpenedV1))


@QUICK
@given(any_fact)
def test_experts_teams_and_series_evolve_by_their_own_facts_alone(fact: Any) -> None:
    assert (DIRECTORY.given(fact) is None) == (not isinstance(fact, ExpertEnteredV1))
    assert (TEAMS.given(fact) is None) == (not isinstance(fact, TeamEnteredV1))
    assert (NUMBERS.given(fact) is None) == (not isinstance(fact, ConclusionNumberedV1))


def test_every_state_that_the_graph_reaches_survives_its_storage() -> None:
    for case in list(explored().sample.values())[::7]:
        CASES.stored(case)


# ---- opinions in numbers


def test_a_total_is_the_weighted_sum_in_basis_points_of_the_highest() -> None:
    edition = BOOK.edition("by-2024")
    assert [total(scores(value), edition) for value in range(6)] == [0, 2000, 4000, 6000, 8000, 10_000]
    weights = {entry.code: entry.weight for entry in edition.criteria.entries}
    for one in range(len(weights)):
        said = tuple(s.model_copy(update={"value": 5}) if n == one else s for n, s in enumerate(scores(0)))
        assert total(said, edition) == 10_000 * weights[said[one].criterion] // sum(weights.values())
    assert total((), BOOK.edition("demo-us")) is None


@given(st.lists(st.tuples(st.sampled_from(Verdict), st.integers(0, 10_000) | st.none()), min_size=1, max_size=4))
def test_disagreement_does_not_depend_on_the_order_of_opinions(said: list[tuple[Verdict, int | None]]) -> None:
    edition = BOOK.edition("by-2024")
    opinions = [GivenOpinion(given=STATES["open"].opened, version=1, verdict=v, text="Так.", total=t) for v, t in said]
    apart = disagreement(opinions, edition)
    assert apart == disagreement(opinions[::-1], edition)
    totals = [t for _, t in said if t is not None]
    mixed = {v is Verdict.NEGATIVE for v, _ in said} == {True, False}
    assert (apart is not None) == (mixed or (len(totals) > 1 and max(totals) - min(totals) > 2500))


def test_remarks_do_not_make_two_positive_opinions_disagree() -> None:
    play = Play().open().judge(FIRST)
    play.judge(SECOND, verdict=Verdict.POSITIVE_WITH_REMARKS)
    assert play.case.needed == 2 and play.status == "to-conclude"


@pytest.mark.parametrize(("most", "needed"), [(2, 2), (3, 3), (5, 4)])
def test_no_more_opinions_are_called_for_than_the_edition_s_most(most: int, needed: int) -> None:
    play = Play(with_numbers("by-2024", opinions_most=most)).open()
    play.judge(FIRST).judge(SECOND, verdict=Verdict.NEGATIVE)
    if most > 2:
        play.judge(THIRD)
    assert play.case.needed == needed


@pytest.mark.parametrize("edition", ["by-2024", "demo-us"])
def test_a_review_that_needs_one_opinion_calls_for_no_other(edition: str) -> None:
    play = Play(with_numbers("by-2024", opinions_first=1)).open(opened(edition=edition)).seat(FIRST)
    play.do(opinion(Verdict.NEGATIVE, scores=scores(1) if edition == "by-2024" else ()), actor(FIRST))
    assert (play.case.needed, play.status) == (1, "to-conclude")


# ---- what is said to whom


def test_what_an_expert_says_and_finds_is_told_to_the_operator_alone() -> None:
    play = at("with-experts", APPEALS).seat(SECOND)
    play.state = play.case.model_copy(update={"operator": "op-9"})
    [given_] = play.do(opinion(remarks=(), value=4), actor(FIRST))
    assert given_.notify == ("op-9",)
    [found] = play.do(DeclaredConflict(expert_id=SECOND, text="Связь."), actor(SECOND))
    assert found.notify == ("op-9",)
    assert play.case.people() == ("op-9", FIRST), "who has an undecided conflict hears nothing of the case"


def test_the_owner_of_a_conflict_is_counted_again_when_all_of_them_are_dismissed() -> None:
    play = at("to_conclude")
    play.do(DeclaredConflict(expert_id=FIRST, text="Одно."), actor(FIRST))
    play.do(Recheck(entry(FIRST, "700000138", version=2).seat()), INTAKE)
    assert len(play.case.conflicts) == 2
    [dismissed, *_] = play.do(Dismiss(expert_id=FIRST, why="Оба не в счёт."), CHAIR)
    assert len(dismissed.conflicts) == 2 and play.status == "to-conclude"


def test_the_first_reminder_of_a_term_is_when_it_is_near() -> None:
    case = STATES["open"]
    assert case.nearing_at is not None and case.due_at is not None and case.nearing_at < case.due_at
    assert case.nearing_at == case.terms[0].clock.alarm_at


# ---- the directory, teams, the series


def entered(**changes: Any) -> EnterExpert:
    """An entry as an administrator writes it."""
    return EnterExpert(FIRST, ExpertEntry.made_of(entry(FIRST, "700000140"), **changes))


def test_an_entry_is_changed_only_by_what_differs_and_counts_its_versions() -> None:
    state = DIRECTORY.given(*DIRECTORY.when(None, entered(), actor=ADMIN))
    assert state == entry(FIRST, "700000140") and state.version == 1
    assert DIRECTORY.when(state, entered(), actor=ADMIN) == ()
    facts = DIRECTORY.when(state, entered(capacity=5), actor=ADMIN)
    assert DIRECTORY.given(*facts, state=state).version == 2


def test_who_is_erased_stays_as_an_inactive_entry_that_names_nobody() -> None:
    state = DIRECTORY.given(*DIRECTORY.when(None, entered(), actor=ADMIN))
    facts = DIRECTORY.when(state, Retire(), actor=ADMIN)
    assert [type(fact) for fact in facts] == [ExpertEnteredV1]
    after = DIRECTORY.given(*facts, state=state)
    assert not after.active and after.organisation == state.organisation
    assert DIRECTORY.when(after, Retire(), actor=ADMIN) == ()
    erased = PersonErasedV1(actor=ADMIN, person_id=FIRST)
    assert DIRECTORY.given(erased, state=after) == after, "what an earlier program noted here"


def test_a_team_is_a_set_of_members_and_sectors() -> None:
    said = TeamEntry(name="Север", members=("op-2", "op-1", "op-2"), sectors=("health", "education"))
    enter = EnterTeam("north", said)
    state = TEAMS.given(*TEAMS.when(None, enter, actor=ADMIN))
    assert (state.members, state.sectors) == (("op-1", "op-2"), ("education", "health"))
    same = EnterTeam("north", TeamEntry(name="Север", members=("op-1", "op-2"), sectors=("education", "health")))
    assert TEAMS.when(state, same, actor=ADMIN) == ()


@given(st.lists(st.sampled_from(["p1", "p2", "p3"]), max_size=12))
def test_a_series_gives_every_approval_the_next_number_and_the_same_approval_none(pilots: list[str]) -> None:
    state: Series | None = None
    for approval, pilot in enumerate(pilots, 1):
        for again in (False, True):
            facts = NUMBERS.when(state, TakeNumber(pilot, approval, "by-2024", 2026))
            assert len(facts) == (0 if again else 1)
            state = NUMBERS.given(*facts, state=state)
        assert state is not None and state.last == approval
    assert subject_of("by", 2026) == "series:by:2026"


def test_numbers_are_of_their_edition_s_form_and_grow_when_the_digits_do_not_suffice() -> None:
    state = Series(last=9999, taken={"p1": 3})
    [fact] = NUMBERS.when(state, TakeNumber("p2", 7, "by-2024", 2026))
    assert isinstance(fact, ConclusionNumberedV1)
    assert (fact.number, fact.place, fact.pilot, fact.approval) == ("ЗЭ-2026-10000", 10_000, "p2", 7)
