"""The review: every command in every state, conflicts of interest by number, verdicts that agree with remarks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from story import APPLICATION, NOW, Story, made, moments, party, with_switches

from contracts.event import Actor
from contracts.expertise import (
    EXPERTISE,
    ConclusionIssuedV1,
    ExpertAssignedV1,
    OpinionGivenV1,
    ReviewOpenedV1,
)
from contracts.reference import OrganisationId, Remark, Verdict
from services.chassis.subject import Refusal
from services.expertise.domain.pilot import Assign, Conclude, GiveOpinion, Open, Status
from services.expertise.service import SERVICE

story = Story(SERVICE.aggregates["pilot"])
OPEN = Open("vedomstvo", "ПП-2026-000123", "by-2024", APPLICATION)
OUTSIDE = party("700000140").id
EXPERT = Actor(id="u-4001", role="expert")
OPERATOR = Actor(id="u-3001", role="operator")
REMARKS = (Remark(code="data-protection", text="Описать срок хранения.", must_fix=True),)
ASSIGN = Assign(EXPERT.id, OUTSIDE)
OPINION = GiveOpinion(Verdict.POSITIVE, "Применимо.", ())
CONCLUDE = Conclude(Verdict.NEGATIVE, "Не рекомендовать.", REMARKS)


def after(state: Any, command: object, actor: Actor = OPERATOR) -> Any:
    return story.given(*story.when(state, command, actor=actor), state=state)


def states() -> Mapping[str, Any]:
    """A review in every state that there is."""
    opened = after(None, OPEN)
    assigned = after(opened, ASSIGN)
    judged = after(assigned, OPINION, EXPERT)
    return {
        "none": None,
        "unassigned": opened,
        "with-expert": assigned,
        "to-conclude": judged,
        "concluded": after(judged, CONCLUDE),
    }


STATES = states()


@pytest.mark.parametrize("name", [name for name in STATES if name != "none"])
def test_each_state_is_the_one_that_its_name_says(name: str) -> None:
    assert STATES[name].status == Status(name)


def test_a_review_is_opened_with_the_whole_application() -> None:
    [opened] = story.when(None, OPEN)
    assert opened == ReviewOpenedV1(
        actor=opened.actor,
        agency="vedomstvo",
        number="ПП-2026-000123",
        edition="by-2024",
        round=1,
        opened=NOW,
        application=APPLICATION,
    )


@pytest.mark.parametrize("name", [name for name in STATES if name != "none"])
def test_a_review_is_opened_once(name: str) -> None:
    assert story.when(STATES[name], OPEN) == ()


# ---- assigning


def test_an_expert_from_outside_is_assigned() -> None:
    [assigned] = story.when(STATES["unassigned"], ASSIGN, actor=OPERATOR)
    assert assigned == ExpertAssignedV1(actor=OPERATOR, round=1, expert_id=EXPERT.id, organisation=OUTSIDE)
    assert story.given(assigned, state=STATES["unassigned"]).experts == (EXPERT.id,)


@pytest.mark.parametrize("role", ["initiator", "customer", "executor"])
def test_an_expert_from_a_party_is_refused_by_the_number_and_not_by_the_name(role: str) -> None:
    number = getattr(APPLICATION, role).id
    refusal = story.refused(STATES["unassigned"], Assign("u-4002", number))
    assert (refusal.code, refusal.status) == ("conflict.same-organisation", 409)
    assert role in refusal.detail


@pytest.mark.parametrize(
    ("scheme", "value", "wrong"),
    [
        ("BY-UNP", "79000 0029", "form"),
        ("BY-UNP", "790000028", "check-digit"),
        ("RU-INN", "999900000097", "not-legal-entity"),
        ("US-FED", "DHS", "scheme"),
    ],
)
def test_an_experts_organisation_must_be_a_valid_number_so_that_no_conflict_can_hide(
    scheme: str, value: str, wrong: str
) -> None:
    refusal = story.refused(STATES["unassigned"], Assign("u-4002", OrganisationId(scheme=scheme, value=value)))
    assert (refusal.code, refusal.status) == ("organisation.invalid", 422)
    assert wrong in refusal.detail


def test_a_positive_verdict_with_remarks_is_a_switch_of_the_edition() -> None:
    remarks = (Remark(code="data", text="Хранение."),)
    book = with_switches("by-2024", remarks_with_positive=False)
    told = Conclude(Verdict.POSITIVE_WITH_REMARKS, "С замечаниями.", remarks)
    assert len(story.when(STATES["to-conclude"], told)) == 1
    assert story.refused(STATES["to-conclude"], told, given=book).code == "verdict.unknown"


def test_an_application_without_an_executor_has_no_conflict_with_one() -> None:
    bare = OPEN.__class__("vedomstvo", "N", "by-2024", APPLICATION.model_copy(update={"executor": None}))
    state = after(None, bare)
    assert APPLICATION.executor is not None
    assert len(story.when(state, Assign("u-4002", APPLICATION.executor.id))) == 1


@pytest.mark.parametrize("name", ["with-expert", "to-conclude"])
def test_assigning_the_same_expert_again_changes_nothing(name: str) -> None:
    assert story.when(STATES[name], ASSIGN) == ()


@pytest.mark.parametrize("name", ["with-expert", "to-conclude"])
def test_a_second_expert_is_refused(name: str) -> None:
    refusal = story.refused(STATES[name], Assign("u-4002", OUTSIDE))
    assert (refusal.code, refusal.status) == ("review.has-expert", 409)


# ---- the opinion


def test_the_assigned_expert_gives_an_opinion() -> None:
    [given_] = story.when(STATES["with-expert"], OPINION, actor=EXPERT)
    assert given_ == OpinionGivenV1(
        actor=EXPERT, round=1, expert_id=EXPERT.id, verdict=Verdict.POSITIVE, text="Применимо.", remarks=()
    )
    [opinion] = story.given(given_, state=STATES["with-expert"]).opinions
    assert (opinion.expert_id, opinion.verdict) == (EXPERT.id, Verdict.POSITIVE)


@pytest.mark.parametrize("name", ["unassigned", "with-expert", "to-conclude"])
def test_nobody_else_gives_an_opinion(name: str) -> None:
    refusal = story.refused(STATES[name], OPINION, actor=Actor(id="u-4002", role="expert"))
    assert (refusal.code, refusal.status) == ("opinion.not-yours", 403)


def test_an_opinion_is_given_once() -> None:
    refusal = story.refused(STATES["to-conclude"], OPINION, actor=EXPERT)
    assert (refusal.code, refusal.status) == ("opinion.given", 409)


# ---- the conclusion


def test_the_operator_concludes_after_the_opinion_whatever_it_says() -> None:
    [concluded] = story.when(STATES["to-conclude"], CONCLUDE, actor=OPERATOR)
    assert concluded == ConclusionIssuedV1(
        actor=OPERATOR,
        round=1,
        concluded=NOW,
        verdict=Verdict.NEGATIVE,
        text="Не рекомендовать.",
        remarks=REMARKS,
    )
    state = story.given(concluded, state=STATES["to-conclude"])
    assert (state.verdict, state.text, state.remarks, state.concluded) == (
        Verdict.NEGATIVE,
        "Не рекомендовать.",
        REMARKS,
        NOW,
    )


@pytest.mark.parametrize("name", ["unassigned", "with-expert"])
def test_there_is_no_conclusion_without_an_opinion(name: str) -> None:
    refusal = story.refused(STATES[name], CONCLUDE)
    assert (refusal.code, refusal.status) == ("review.no-opinion", 409)


@pytest.mark.parametrize("name", ["none", "concluded"])
@pytest.mark.parametrize("command", [ASSIGN, OPINION, CONCLUDE, Assign("u-4002", OUTSIDE)])
def test_nothing_can_be_done_in_a_review_that_is_not_open(name: str, command: object) -> None:
    refusal = story.refused(STATES[name], command, actor=EXPERT)
    assert (refusal.code, refusal.status) == ("review.not-open", 409)


# ---- verdict and remarks

AGREEMENT = [
    (Verdict.POSITIVE, (), None),
    (Verdict.POSITIVE, REMARKS, "verdict.has-remarks"),
    (Verdict.POSITIVE_WITH_REMARKS, REMARKS, None),
    (Verdict.POSITIVE_WITH_REMARKS, (), "verdict.needs-remarks"),
    (Verdict.NEGATIVE, REMARKS, None),
    (Verdict.NEGATIVE, (), None),
]


@pytest.mark.parametrize(("verdict", "remarks", "code"), AGREEMENT)
@pytest.mark.parametrize(("name", "kind"), [("with-expert", GiveOpinion), ("to-conclude", Conclude)])
def test_a_verdict_agrees_with_its_remarks(name: str, kind: Any, verdict: Verdict, remarks: Any, code: Any) -> None:
    command = kind(verdict, "Текст.", remarks)
    if code is None:
        [fact] = story.when(STATES[name], command, actor=EXPERT)
        assert (fact.verdict, fact.remarks) == (verdict, remarks)
    else:
        refusal = story.refused(STATES[name], command, actor=EXPERT)
        assert (refusal.code, refusal.status) == (code, 422)


# ---- totality

any_fact = st.one_of([made(cls) for cls in EXPERTISE.classes.values()])


@given(st.lists(any_fact, max_size=6))
def test_every_fact_evolves_in_every_state(facts: list[Any]) -> None:
    story.given(*facts)


@given(st.sampled_from(sorted(STATES)), any_fact)
def test_every_fact_evolves_in_the_states_that_are_reached(name: str, fact: Any) -> None:
    state = story.given(fact, state=STATES[name])
    assert (state is None) == (STATES[name] is None and not isinstance(fact, ReviewOpenedV1))


judgements = st.tuples(st.sampled_from(list(Verdict)), st.text(min_size=1, max_size=5), st.sampled_from([(), REMARKS]))
commands = st.one_of(
    st.just(OPEN),
    st.builds(Assign, st.sampled_from(["u-4001", "u-4002"]), st.sampled_from([OUTSIDE, APPLICATION.customer.id])),
    judgements.map(lambda said: GiveOpinion(*said)),
    judgements.map(lambda said: Conclude(*said)),
)


@given(st.lists(st.tuples(commands, st.sampled_from([EXPERT, OPERATOR]), moments), max_size=10))
def test_any_commands_in_any_order_leave_a_sound_review(steps: list[tuple[object, Actor, datetime]]) -> None:
    state = None
    for command, actor, now in steps:
        try:
            facts = story.when(state, command, actor=actor, now=now)
        except Refusal:
            continue
        state = story.given(*facts, state=state)
    if state is not None:
        assert len(state.opinions) <= len(state.experts) <= 1
        assert (state.status is Status.CONCLUDED) == (state.verdict is not None)
        assert state.verdict is None or state.opinions
