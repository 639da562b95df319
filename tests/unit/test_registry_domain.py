"""The register: what services say is recorded, people's steps come in order, the council's rules hold."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from story import APPLICATION, BOOK, NOW, Story, made, moments, with_switches

from contracts.event import Actor, Basis
from contracts.reference import Expediency, Remark, ReturnReason, Verdict
from contracts.registry import (
    REGISTRY,
    ApplicationOutcome,
    ApplicationOutcomeRecordedV1,
    ConclusionRecordedV1,
    ExpediencyDecidedV1,
    PilotEnteredV1,
    PilotLaunchedV1,
    TermRecordedV1,
    TermStage,
)
from contracts.rules import RuleBook
from services.chassis.subject import Refusal
from services.registry.domain.pilot import (
    NEXT_MOVE,
    DecideExpediency,
    Enter,
    Launch,
    RecordConclusion,
    RecordOutcome,
    RecordTerm,
    Stage,
)
from services.registry.service import SERVICE

story = Story(SERVICE.aggregates["pilot"])
SECRETARY = Actor(id="u-5001", role="council-secretary")
REGISTRAR = Actor(id="u-6001", role="registrar")
ENTER = Enter("vedomstvo", "ПП-2026-000123", "by-2024", NOW, APPLICATION)
REASONS = (ReturnReason(code="documents-missing"),)
ACCEPTED = RecordOutcome(ApplicationOutcome.ACCEPTED)
RETURNED = RecordOutcome(ApplicationOutcome.RETURNED, REASONS)


def basis(day: date = date(2026, 4, 16)) -> Basis:
    return Basis(body="Совет", kind="протокол", number="5", date=day)


def conclusion(verdict: Verdict = Verdict.POSITIVE) -> RecordConclusion:
    return RecordConclusion(1, verdict, "Рекомендовать.", ())


def decide(decision: Expediency, day: date = date(2026, 4, 16)) -> DecideExpediency:
    return DecideExpediency(decision, basis(day))


LAUNCH = Launch(date(2026, 4, 16), basis())
COUNCIL = [decide(decision) for decision in Expediency]


def after(state: Any, *commands: object) -> Any:
    for command in commands:
        state = story.given(*story.when(state, command), state=state)
    return state


def unseen_negative(state: Any) -> Any:
    """After a negative conclusion under an edition by which the Council does not see it."""
    book = with_switches("by-2024", council_sees_negative=False)
    return story.given(*story.when(state, conclusion(Verdict.NEGATIVE), given=book), state=state)


def states() -> Mapping[str, Any]:
    """A pilot at every stage that there is."""
    entered = after(None, ENTER)
    council = after(entered, ACCEPTED, conclusion())
    return {
        "none": None,
        "look-over": entered,
        "returned": after(entered, RETURNED),
        "expertise": after(entered, ACCEPTED),
        "negative-conclusion": unseen_negative(after(entered, ACCEPTED)),
        "council": council,
        "expedient": after(council, decide(Expediency.EXPEDIENT)),
        "not-expedient": after(council, decide(Expediency.NOT_EXPEDIENT)),
        "running": after(council, decide(Expediency.EXPEDIENT), LAUNCH),
    }


STATES = states()
known = [name for name in STATES if name != "none"]


@pytest.mark.parametrize("name", known)
def test_each_stage_is_the_one_that_its_name_says_and_somebody_has_the_next_move(name: str) -> None:
    assert STATES[name].stage == Stage(name)
    assert (NEXT_MOVE[Stage(name)] is None) == (name == "not-expedient")


def test_every_stage_is_reached_in_these_tests() -> None:
    assert {state.stage for state in STATES.values() if state} == set(Stage) == set(NEXT_MOVE)


# ---- what other services say


def test_a_pilot_is_entered_with_its_whole_application() -> None:
    [entered] = story.when(None, ENTER, now=NOW + timedelta(seconds=1))
    assert entered == PilotEnteredV1(
        actor=entered.actor,
        agency="vedomstvo",
        number="ПП-2026-000123",
        edition="by-2024",
        submitted=NOW,
        entered=NOW + timedelta(seconds=1),
        application=APPLICATION,
    )


@pytest.mark.parametrize("name", known)
def test_a_pilot_is_entered_once(name: str) -> None:
    assert story.when(STATES[name], ENTER) == ()


@pytest.mark.parametrize("name", STATES)
def test_what_other_services_say_is_recorded_at_every_stage(name: str) -> None:
    said = {
        ACCEPTED: ApplicationOutcomeRecordedV1,
        RETURNED: ApplicationOutcomeRecordedV1,
        RecordTerm("look-over", TermStage.STARTED, NOW): TermRecordedV1,
        RecordTerm("look-over", TermStage.BREACHED, NOW): TermRecordedV1,
        RecordTerm("look-over", TermStage.ENDED): TermRecordedV1,
        conclusion(): ConclusionRecordedV1,
    }
    for command, fact in said.items():
        [recorded] = story.when(STATES[name], command)
        assert type(recorded) is fact


def test_a_return_is_recorded_with_its_reasons() -> None:
    [recorded] = story.when(STATES["look-over"], RETURNED)
    assert isinstance(recorded, ApplicationOutcomeRecordedV1)
    assert (recorded.outcome, recorded.reasons) == (ApplicationOutcome.RETURNED, REASONS)
    assert STATES["returned"].reasons == REASONS


def test_a_term_runs_is_breached_and_ends() -> None:
    running = after(STATES["look-over"], RecordTerm("look-over", TermStage.STARTED, NOW))
    assert (running.term.kind, running.term.due_at, running.term.breached) == ("look-over", NOW, False)
    breached = after(running, RecordTerm("look-over", TermStage.BREACHED, NOW))
    assert (breached.term.due_at, breached.term.breached) == (NOW, True)
    assert after(breached, RecordTerm("look-over", TermStage.ENDED)).term is None


def test_a_conclusion_is_recorded_word_by_word_and_the_council_has_the_next_move() -> None:
    remarks = (Remark(code="data", text="Хранение.", must_fix=True),)
    command = RecordConclusion(2, Verdict.POSITIVE_WITH_REMARKS, "С замечаниями.", remarks)
    [recorded] = story.when(STATES["expertise"], command)
    assert isinstance(recorded, ConclusionRecordedV1)
    state = story.given(recorded, state=STATES["expertise"])
    assert state.stage is Stage.COUNCIL
    assert (state.conclusion.round, state.conclusion.verdict, state.conclusion.text, state.conclusion.remarks) == (
        2,
        Verdict.POSITIVE_WITH_REMARKS,
        "С замечаниями.",
        remarks,
    )


# ---- the order of people's steps


@pytest.mark.parametrize("name", [name for name in STATES if name != "council"])
@pytest.mark.parametrize("command", COUNCIL, ids=[str(c.decision) for c in COUNCIL])
def test_the_council_decides_only_on_what_lies_before_it(name: str, command: DecideExpediency) -> None:
    refusal = story.refused(STATES[name], command)
    assert (refusal.code, refusal.status) == ("pilot.out-of-order", 409)


@pytest.mark.parametrize("name", [name for name in STATES if name != "expedient"])
def test_only_what_was_found_expedient_is_launched(name: str) -> None:
    refusal = story.refused(STATES[name], LAUNCH)
    assert (refusal.code, refusal.status) == ("pilot.out-of-order", 409)


# ---- the council


def test_an_expedient_pilot_is_carried_out_by_its_initiator_not_by_the_proposed_executor() -> None:
    [decided] = story.when(STATES["council"], decide(Expediency.EXPEDIENT), actor=SECRETARY)
    assert decided == ExpediencyDecidedV1(
        actor=SECRETARY, decision=Expediency.EXPEDIENT, basis=basis(), executor=APPLICATION.initiator
    )
    assert STATES["expedient"].executor == APPLICATION.initiator != APPLICATION.executor


@pytest.mark.parametrize("decision", [Expediency.NOT_EXPEDIENT, Expediency.POSTPONED])
def test_any_other_decision_names_no_executor(decision: Expediency) -> None:
    [decided] = story.when(STATES["council"], decide(decision))
    assert isinstance(decided, ExpediencyDecidedV1)
    assert (decided.decision, decided.executor) == (decision, None)


def test_a_postponed_pilot_stays_before_the_council_and_every_decision_is_kept() -> None:
    postponed = after(STATES["council"], decide(Expediency.POSTPONED))
    assert postponed.stage is Stage.COUNCIL
    decided = after(postponed, decide(Expediency.EXPEDIENT))
    assert decided.stage is Stage.EXPEDIENT
    assert [d.decision for d in decided.decisions] == [Expediency.POSTPONED, Expediency.EXPEDIENT]


def test_an_edition_may_know_no_postponement() -> None:
    book = with_switches("by-2024", council_may_postpone=False)
    refusal = story.refused(STATES["council"], decide(Expediency.POSTPONED), given=book)
    assert (refusal.code, refusal.status) == ("council.cannot-postpone", 422)
    assert len(story.when(STATES["council"], decide(Expediency.NOT_EXPEDIENT), given=book)) == 1


@pytest.mark.parametrize("command", COUNCIL, ids=[str(c.decision) for c in COUNCIL])
def test_an_edition_says_whether_the_council_sees_negative_conclusions(command: DecideExpediency) -> None:
    seen = after(STATES["expertise"], conclusion(Verdict.NEGATIVE))
    assert len(story.when(seen, command)) == 1
    unseen = unseen_negative(STATES["expertise"])
    assert (unseen.stage, NEXT_MOVE[unseen.stage]) == (Stage.NEGATIVE, "initiator")
    assert story.refused(unseen, command).code == "pilot.out-of-order"


def test_a_positive_conclusion_goes_before_the_council_whatever_it_sees_of_negative_ones() -> None:
    book = with_switches("by-2024", council_sees_negative=False)
    recorded = story.when(STATES["expertise"], conclusion(Verdict.POSITIVE), given=book)
    assert story.given(*recorded, state=STATES["expertise"]).stage is Stage.COUNCIL


def test_a_switch_that_an_edition_does_not_have_is_off() -> None:
    bare = BOOK.edition("by-2024").model_copy(update={"switches": {}})
    refusal = story.refused(STATES["council"], decide(Expediency.POSTPONED), given=RuleBook((bare,)))
    assert refusal.code == "council.cannot-postpone"


# ---- dates

MIDNIGHT_IN_MINSK = datetime(2026, 4, 16, 21, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "allowed"), [(MIDNIGHT_IN_MINSK - timedelta(milliseconds=1), False), (MIDNIGHT_IN_MINSK, True)]
)
def test_a_date_comes_with_its_first_instant_in_the_zone_of_the_edition(now: datetime, allowed: bool) -> None:
    tomorrow = date(2026, 4, 17)
    steps = [
        (STATES["council"], decide(Expediency.EXPEDIENT, tomorrow)),
        (STATES["expedient"], Launch(tomorrow, basis())),
        (STATES["expedient"], Launch(date(2026, 4, 16), basis(tomorrow))),
    ]
    for state, command in steps:
        if allowed:
            assert len(story.when(state, command, now=now)) == 1
        else:
            refusal = story.refused(state, command, now=now)
            assert (refusal.code, refusal.status) == ("date.future", 422)


def test_a_pilot_is_launched_on_the_day_of_the_decision_at_the_earliest() -> None:
    [launched] = story.when(STATES["expedient"], LAUNCH, actor=REGISTRAR)
    assert launched == PilotLaunchedV1(actor=REGISTRAR, started=date(2026, 4, 16), basis=basis())
    assert (STATES["running"].started, STATES["running"].launch_basis) == (date(2026, 4, 16), basis())
    refusal = story.refused(STATES["expedient"], Launch(date(2026, 4, 15), basis()))
    assert (refusal.code, refusal.status) == ("launch.before-decision", 422)


def test_the_last_decision_is_the_one_that_a_launch_may_not_precede() -> None:
    state = after(
        STATES["council"],
        decide(Expediency.POSTPONED, date(2026, 4, 1)),
        decide(Expediency.EXPEDIENT, date(2026, 4, 10)),
    )
    assert story.refused(state, Launch(date(2026, 4, 9), basis())).code == "launch.before-decision"
    assert len(story.when(state, Launch(date(2026, 4, 10), basis()))) == 1


# ---- totality

any_fact = st.one_of([made(cls) for cls in REGISTRY.classes.values()])


@given(st.lists(any_fact, max_size=6))
def test_every_fact_evolves_in_every_state(facts: list[Any]) -> None:
    story.given(*facts)


@given(st.sampled_from(sorted(STATES)), any_fact)
def test_every_fact_evolves_at_the_stages_that_are_reached(name: str, fact: Any) -> None:
    state = story.given(fact, state=STATES[name])
    assert (state is None) == (STATES[name] is None and not isinstance(fact, PilotEnteredV1))


days = st.dates(date(2026, 4, 1), date(2026, 4, 30))
commands = st.one_of(
    st.sampled_from([ENTER, ACCEPTED, RETURNED]),
    st.builds(RecordTerm, st.just("look-over"), st.sampled_from(list(TermStage)), moments),
    st.builds(conclusion, st.sampled_from(list(Verdict))),
    st.builds(decide, st.sampled_from(list(Expediency)), days),
    st.builds(lambda day: Launch(day, basis(day)), days),
)


@given(st.lists(commands, max_size=12))
def test_any_commands_in_any_order_leave_a_sound_pilot(steps: list[object]) -> None:
    state = None
    for command in steps:
        try:
            facts = story.when(state, command)
        except Refusal:
            continue
        state = story.given(*facts, state=state)
    if state is not None and state.started is not None:
        assert any(d.decision is Expediency.EXPEDIENT for d in state.decisions)
        assert state.started <= NOW.date()
