"""The register: what services say is recorded, people's steps come in order, the council's rules hold."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.reference import Expediency, Period, Remark, Verdict
from contracts.registry import (
    REGISTRY,
    AnnulmentRecordedV1,
    ApplicationAmendedV1,
    ApplicationOutcome,
    ApplicationOutcomeRecordedV1,
    ConclusionRecordedV1,
    ExpediencyDecidedV1,
    Outcome,
    PilotCompletedV1,
    PilotEnteredV1,
    ProgressRecordedV1,
    ResultRecordedV1,
    RiskRecordedV1,
    SpendingRecordedV1,
    TermRecordedV1,
    TermStage,
)
from contracts.steps import Completion, ExpediencyDecision, Launch, Progress, Results, Risks, Spending
from deploy.samples.common import APPLICATION, DAY, NOW, NUMBER, basis, with_switches
from deploy.samples.registry import (
    ACCEPTED,
    INDICATOR,
    MENDED,
    OUTCOMES,
    REASONS,
    RESUBMITTED,
    RETURNED,
    conclusion,
    decide,
    enter,
    paid,
    risk,
    value,
)
from services.registry.domain.commands import (
    LinkReplica,
    NoteReplicaResult,
    Recalendar,
    RecordAnnulment,
    RecordReport,
    RecordTerm,
    Tick,
)
from services.registry.domain.stages import CONCLUDED, FINAL, NEXT_MOVE, SETTLED, Stage
from services.registry.domain.state import CLARIFICATION, COUNCIL_ALARM
from tests.kit.common import made
from tests.kit.registry.life import AMENDED, ANNULLED, SECRETARY, WAYS, at, story

ENTER = enter()
LATER = NOW + timedelta(days=1)
PERIOD = Period(since=DAY, until=DAY)
LAUNCH = Launch(started=DAY, basis=basis())
COUNCIL = [decide(decision) for decision in Expediency]


def after(state: Any, *commands: object) -> Any:
    for command in commands:
        state = story.given(*story.when(state, command), state=state)
    return state


def unseen_negative(state: Any) -> Any:
    """After a negative conclusion under an edition by which the Council does not see it."""
    book = with_switches("by-2024", council_sees_negative=False)
    return story.given(*story.when(state, conclusion(Verdict.NEGATIVE), given=book), state=state)


STATES: dict[str, Any] = {"none": None, **{stage: at(stage).state for stage in WAYS}}
"""A pilot at every stage that there is, and none."""
known = [name for name in STATES if name != "none"]
settled = [name for name in known if name in SETTLED]
moving = [name for name in known if name not in SETTLED]


@pytest.mark.parametrize("name", known)
def test_each_stage_is_the_one_that_its_name_says_and_somebody_has_the_next_move(name: str) -> None:
    assert STATES[name].stage == Stage(name)
    assert (STATES[name].next_move is None) == (name in FINAL)


def test_every_stage_is_reached_in_these_tests() -> None:
    assert {state.stage for state in STATES.values() if state} == set(Stage)
    assert set(NEXT_MOVE) == set(Stage) - FINAL


# ---- what other services say


def test_a_pilot_is_entered_with_its_whole_application() -> None:
    [entered] = story.when(None, ENTER, now=NOW + timedelta(seconds=1))
    assert isinstance(entered, PilotEnteredV1)
    assert entered == PilotEnteredV1(
        actor=entered.actor,
        agency="vedomstvo",
        number=NUMBER,
        edition="by-2024",
        submitted=NOW,
        entered=NOW + timedelta(seconds=1),
        application=APPLICATION,
    )


@pytest.mark.parametrize("name", known)
def test_a_pilot_is_entered_once(name: str) -> None:
    assert not story.when(STATES[name], ENTER)


@pytest.mark.parametrize("name", STATES)
def test_what_other_services_say_is_recorded_at_every_stage(name: str) -> None:
    said: dict[object, type] = {
        ACCEPTED: ApplicationOutcomeRecordedV1,
        RETURNED: ApplicationOutcomeRecordedV1,
        RecordTerm(kind="look-over", stage=TermStage.STARTED, due_at=NOW): TermRecordedV1,
        RecordTerm(kind="look-over", stage=TermStage.BREACHED, due_at=NOW): TermRecordedV1,
        RecordTerm(kind="look-over", stage=TermStage.ENDED): TermRecordedV1,
        AMENDED: ApplicationAmendedV1,
        conclusion(): ConclusionRecordedV1,
        ANNULLED: AnnulmentRecordedV1,
        RecordReport("e", Progress(period=PERIOD, summary="Идёт.", values=(value("4"),))): ProgressRecordedV1,
        RecordReport("e", Spending(payments=(paid(5),))): SpendingRecordedV1,
        RecordReport("e", Risks(risks=(risk(),))): RiskRecordedV1,
        RecordReport("e", Results(values=(value("4"),))): ResultRecordedV1,
    }
    for command, fact in said.items():
        facts = story.when(STATES[name], command)
        if name == "none":
            assert facts == (), "of a pilot that nobody has entered nothing is recorded"
        else:
            # What else follows is of the register's own terms.
            assert [type(one) for one in facts if "registry.term-" not in one.TYPE or fact is TermRecordedV1] == [fact]


@pytest.mark.parametrize(
    "command",
    [LinkReplica("r", "N", None), NoteReplicaResult("r", "effective"), Tick(NOW), Recalendar()],  # type: ignore[arg-type]
    ids=lambda one: type(one).__name__,
)
def test_nothing_happens_to_a_pilot_that_nobody_has_entered(command: object) -> None:
    assert story.when(None, command) == ()


def test_reports_are_recorded_word_by_word() -> None:
    running = STATES["running"]
    [progress, *_] = story.when(
        running, RecordReport("e-1", Progress(period=PERIOD, summary="Идёт.", values=(value("4"),)))
    )
    assert isinstance(progress, ProgressRecordedV1)
    assert (progress.event_id, progress.period, progress.summary) == ("e-1", PERIOD, "Идёт.")
    assert progress.values == (value("4"),)
    [finished, *_] = story.when(
        running, RecordReport("e-2", Completion(finished=DAY, summary="Готово.", values=(value("1"),)))
    )
    assert isinstance(finished, PilotCompletedV1)
    assert (finished.event_id, finished.finished, finished.values) == ("e-2", DAY, (value("1"),))
    state = story.given(progress, finished, state=running)
    assert [(one.event_id, one.at, one.period, one.summary) for one in state.reports] == [("e-1", NOW, PERIOD, "Идёт.")]
    assert state.values == (value("4"), value("1"))
    assert (state.ending.on, state.ending.text, state.ending.basis) == (DAY, "Готово.", None)


def test_values_of_what_was_not_agreed_on_are_kept_but_are_no_progress() -> None:
    state = after(STATES["running"], RecordReport("e", Results(values=(value("4", indicator="other"),))))
    assert (state.values[0].indicator, state.progress) == ("other", ())
    assert after(STATES["look-over"], RecordReport("e", Results(values=(value("4"),)))).progress == ()
    assert INDICATOR.code == value("4").indicator


def test_a_return_is_recorded_with_its_reasons() -> None:
    [recorded] = story.when(STATES["look-over"], RETURNED)
    assert isinstance(recorded, ApplicationOutcomeRecordedV1)
    assert (recorded.outcome, recorded.reasons) == (ApplicationOutcome.RETURNED, REASONS)
    assert STATES["returned"].reasons == REASONS


@pytest.mark.parametrize("command", OUTCOMES, ids=[str(c.outcome) for c in OUTCOMES])
def test_what_became_of_the_application_is_recorded_word_by_word(command: Outcome) -> None:
    [recorded] = story.when(STATES["expertise"], command)
    assert isinstance(recorded, ApplicationOutcomeRecordedV1)
    for part in ("outcome", "reasons", "text", "application", "basis"):
        assert getattr(recorded, part) == getattr(command, part)
    state = story.given(recorded, state=STATES["expertise"])
    assert (state.reasons, state.text, state.basis) == (command.reasons, command.text, command.basis)
    assert state.application == (MENDED if command is RESUBMITTED else APPLICATION)


def test_a_resubmission_is_looked_over_anew_with_its_new_application() -> None:
    again = after(STATES["returned"], RESUBMITTED)
    assert (again.stage, again.application, again.reasons) == (Stage.LOOK_OVER, MENDED, ())
    assert (again.number, again.entered) == (STATES["returned"].number, STATES["returned"].entered)


def test_an_answer_changes_the_application_and_one_that_changes_nothing_is_not_recorded() -> None:
    amended = after(STATES["expertise"], AMENDED)
    assert (amended.stage, amended.application) == (Stage.EXPERTISE, MENDED)
    assert not story.when(amended, AMENDED)


@pytest.mark.parametrize("name", settled)
@pytest.mark.parametrize("command", OUTCOMES, ids=[str(c.outcome) for c in OUTCOMES])
def test_no_late_outcome_changes_a_pilot_that_was_decided_on_finally_or_runs(name: str, command: Outcome) -> None:
    assert len(story.when(STATES[name], command)) == 1
    assert after(STATES[name], command) == STATES[name]
    assert after(STATES[name], AMENDED) == STATES[name]


@pytest.mark.parametrize("name", settled)
def test_no_late_conclusion_moves_a_settled_pilot_but_all_are_kept(name: str) -> None:
    number = "ЗЭ-2026-0009"
    concluded = after(STATES[name], conclusion(round=9))
    annulled = after(concluded, RecordAnnulment(9, number))
    assert (concluded.stage, annulled.stage) == (Stage(name), Stage(name))
    assert [(c.number, c.standing) for c in annulled.conclusions][-1] == (number, "annulled")


# ---- terms


def test_a_term_runs_is_breached_and_ends() -> None:
    running = after(STATES["look-over"], RecordTerm(kind="look-over", stage=TermStage.STARTED, due_at=NOW))
    assert (running.term.kind, running.term.due_at, running.term.breached) == ("look-over", NOW, False)
    breached = after(running, RecordTerm(kind="look-over", stage=TermStage.BREACHED, due_at=NOW))
    assert (breached.term.due_at, breached.term.breached) == (NOW, True)
    ended = after(breached, RecordTerm(kind="look-over", stage=TermStage.ENDED))
    assert (ended.term, ended.terms) == (None, ())


def test_a_suspended_term_stays_with_no_due_time_until_it_runs_again() -> None:
    suspended = after(
        STATES["expertise"],
        RecordTerm(kind="expertise", stage=TermStage.STARTED, due_at=NOW),
        RecordTerm(kind="expertise", stage=TermStage.SUSPENDED),
    )
    assert [(t.kind, t.due_at, t.breached) for t in suspended.terms] == [("expertise", None, False)]
    assert suspended.term == suspended.terms[0]
    resumed = after(suspended, RecordTerm(kind="expertise", stage=TermStage.RESUMED, due_at=LATER))
    assert (resumed.term.due_at, len(resumed.terms)) == (LATER, 1)


@pytest.mark.parametrize("stage", [TermStage.EXTENDED, TermStage.RECALENDARED, TermStage.RESUMED])
def test_a_term_that_was_counted_anew_is_due_at_its_new_time(stage: TermStage) -> None:
    breached = after(STATES["expertise"], RecordTerm(kind="expertise", stage=TermStage.BREACHED, due_at=NOW))
    counted = after(breached, RecordTerm(kind="expertise", stage=stage, due_at=LATER))
    assert (counted.term.due_at, counted.term.breached) == (LATER, False)


def test_a_term_that_has_run_out_by_the_new_calendar_too_is_breached_still() -> None:
    breached = after(STATES["expertise"], RecordTerm(kind="expertise", stage=TermStage.BREACHED, due_at=NOW))
    command = RecordTerm(kind="expertise", stage=TermStage.RECALENDARED, due_at=LATER, breached=True)
    assert [f.stage for f in story.when(breached, command)] == [TermStage.RECALENDARED, TermStage.BREACHED]  # type: ignore[attr-defined]
    assert (after(breached, command).term.due_at, after(breached, command).term.breached) == (LATER, True)


def test_terms_run_side_by_side_and_the_one_that_is_due_first_is_shown_a_suspended_one_last() -> None:
    state = STATES["expertise"]
    for kind, due in (("expertise", None), (CLARIFICATION, LATER), ("appeal", NOW)):
        state = after(state, RecordTerm(kind=kind, stage=TermStage.STARTED, due_at=due))
    assert [t.kind for t in state.terms] == ["appeal", CLARIFICATION, "expertise"]
    shown = []
    while state.term is not None:
        shown.append(state.term.kind)
        state = after(state, RecordTerm(kind=state.term.kind, stage=TermStage.ENDED))
    assert shown == ["appeal", CLARIFICATION, "expertise"]


@given(st.permutations(["appeal", CLARIFICATION, "expertise", "look-over"]))
def test_the_order_in_which_terms_begin_does_not_matter(kinds: list[str]) -> None:
    starts = [RecordTerm(kind=kind, stage=TermStage.STARTED, due_at=NOW) for kind in kinds]
    assert after(STATES["expertise"], *starts).terms == after(STATES["expertise"], *reversed(starts)).terms


def test_the_ended_terms_of_other_services_are_counted_kept_and_broken() -> None:
    def term(kind: str, *stages: TermStage) -> list[RecordTerm]:
        return [
            RecordTerm(kind=kind, stage=stage, due_at=None if stage is TermStage.ENDED else NOW) for stage in stages
        ]

    started, breached, ended = TermStage.STARTED, TermStage.BREACHED, TermStage.ENDED
    state = STATES["expertise"]
    assert state.past_terms == ()
    state = after(state, *term("look-over", started, ended), *term("look-over", started, breached, ended))
    state = after(state, *term("expertise", started, ended), *term("look-over", started, ended))
    told = [(one.kind, one.kept, one.broken) for one in state.past_terms]
    assert told == [("expertise", 1, 0), ("look-over", 2, 1)]
    assert after(state, *term("look-over", ended)).past_terms == state.past_terms, "what had not begun does not end"
    mended = after(state, *term("appeal", started, breached, TermStage.EXTENDED, ended))
    assert [(one.kept, one.broken) for one in mended.past_terms if one.kind == "appeal"] == [(1, 0)]
    again = after(
        state,
        *term("appeal", started, breached),
        RecordTerm(kind="appeal", stage=TermStage.RECALENDARED, due_at=NOW, breached=True),
    )
    [broken] = [one for one in after(again, *term("appeal", ended)).past_terms if one.kind == "appeal"]
    assert (broken.kept, broken.broken) == (0, 1)


STAGES = st.sampled_from([one for one in TermStage if one is not TermStage.SUSPENDED])


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["1", "2"]), STAGES), max_size=20))
def test_the_order_of_what_two_services_say_of_their_terms_does_not_matter(
    said: list[tuple[bool, str, TermStage]],
) -> None:
    words = [
        (ours, RecordTerm(kind=f"{'a' if ours else 'b'}{kind}", stage=stage, due_at=NOW)) for ours, kind, stage in said
    ]
    mixed = after(STATES["expertise"], *[word for _, word in words])
    one, other = ([word for whose, word in words if whose is ours] for ours in (True, False))
    assert after(STATES["expertise"], *one, *other) == mixed == after(STATES["expertise"], *other, *one)


@pytest.mark.parametrize("name", known)
def test_the_initiator_has_the_next_move_while_it_is_asked_in_the_expertise(name: str) -> None:
    asked = after(STATES[name], RecordTerm(kind=CLARIFICATION, stage=TermStage.STARTED, due_at=NOW))
    assert asked.next_move == ("initiator" if name == "expertise" else NEXT_MOVE.get(Stage(name)))
    answered = after(asked, RecordTerm(kind=CLARIFICATION, stage=TermStage.ENDED))
    assert answered.next_move == NEXT_MOVE.get(Stage(name))


# ---- conclusions


def test_a_conclusion_is_recorded_word_by_word_and_the_council_has_the_next_move() -> None:
    remarks = (Remark(code="data", text="Хранение.", must_fix=True),)
    command = conclusion(Verdict.POSITIVE_WITH_REMARKS, 2, text="С замечаниями.", remarks=remarks)
    [recorded, alarm] = story.when(STATES["expertise"], command)
    assert isinstance(recorded, ConclusionRecordedV1)
    assert alarm.term.kind == COUNCIL_ALARM  # type: ignore[attr-defined]
    state = story.given(recorded, state=STATES["expertise"])
    assert (state.stage, state.next_move) == (Stage.COUNCIL, "council")
    for part in ("round", "number", "date", "verdict", "text", "remarks", "replaces"):
        assert getattr(state.conclusion, part) == getattr(recorded, part) == getattr(command, part)
    assert state.conclusions == (state.conclusion,)


def test_the_conclusion_of_a_later_round_is_the_one_in_force_and_the_earlier_is_kept() -> None:
    first = after(STATES["expertise"], conclusion(Verdict.NEGATIVE))
    again = after(first, RESUBMITTED, ACCEPTED)
    assert (again.stage, again.conclusion.number) == (Stage.EXPERTISE, "ЗЭ-2026-0001")
    second = after(again, conclusion(round=2))
    assert (second.stage, second.conclusion.number) == (Stage.COUNCIL, "ЗЭ-2026-0002")
    assert [(c.round, c.standing) for c in second.conclusions] == [(1, "superseded"), (2, "in-force")]
    lost = after(second, RecordAnnulment(2, "ЗЭ-2026-0002"))
    assert lost.conclusion is None, "no conclusion of an earlier round comes into force again"


@pytest.mark.parametrize("name", sorted(CONCLUDED))
def test_an_annulment_brings_the_pilot_back_to_the_expertise(name: str) -> None:
    annulled = after(STATES[name], ANNULLED)
    assert (annulled.stage, annulled.conclusion) == (Stage.EXPERTISE, None)
    assert [(c.number, c.standing) for c in annulled.conclusions] == [("ЗЭ-2026-0001", "annulled")]
    again = after(annulled, conclusion(round=2))
    assert (again.stage, again.conclusion.round, len(again.conclusions)) == (Stage.COUNCIL, 2, 2)


def test_an_amended_conclusion_takes_the_place_of_the_one_that_was_challenged() -> None:
    amended = after(STATES["negative-conclusion"], conclusion(number="ЗЭ-2026-0007", replaces="ЗЭ-2026-0001"))
    assert (amended.stage, amended.conclusion.number) == (Stage.COUNCIL, "ЗЭ-2026-0007")
    assert [(c.number, c.standing) for c in amended.conclusions] == [
        ("ЗЭ-2026-0001", "replaced"),
        ("ЗЭ-2026-0007", "in-force"),
    ]


@pytest.mark.parametrize(
    "command", [ANNULLED, conclusion(number="ЗЭ-2026-0007", replaces="ЗЭ-2026-0001")], ids=["annulled", "amended"]
)
def test_what_befalls_the_conclusion_of_an_earlier_round_does_not_touch_the_present_one(command: object) -> None:
    again = after(STATES["expertise"], conclusion(Verdict.NEGATIVE), RESUBMITTED, ACCEPTED)
    assert after(again, command).stage is Stage.EXPERTISE
    concluded = after(again, conclusion(round=2))
    later = after(concluded, command)
    assert (later.stage, later.conclusion) == (Stage.COUNCIL, concluded.conclusion)


@pytest.mark.parametrize("name", ["look-over", "returned"])
def test_a_conclusion_does_not_take_an_application_out_of_the_applicants_or_the_officers_hands(name: str) -> None:
    concluded = after(STATES[name], conclusion())
    assert (concluded.stage, concluded.conclusion.number) == (Stage(name), "ЗЭ-2026-0001")


def entered_at(*words: tuple[object, int]) -> Any:
    """A pilot of whose application these words were recorded, each with its place in intake's series."""
    state = None
    for command, place in words:
        facts = [f.model_copy(update={"after": {"intake": place}}) for f in story.when(state, command)]
        state = story.given(*facts, state=state)
    return state


@pytest.mark.parametrize(("knowing", "stage"), [(3, Stage.EXPERTISE), (4, Stage.COUNCIL), (5, Stage.COUNCIL)])
def test_what_was_concluded_before_the_last_word_on_the_application_was_known_moves_nothing(
    knowing: int, stage: Stage
) -> None:
    state = entered_at((ENTER, 1), (ACCEPTED, 4))
    concluded = after(state, conclusion(knowing=knowing))
    assert (concluded.stage, concluded.conclusion.number) == (stage, "ЗЭ-2026-0001")
    annulled = after(concluded, ANNULLED)
    assert (annulled.stage, annulled.conclusions[0].standing) == (Stage.EXPERTISE, "annulled")


# ---- the council


def test_an_expedient_pilot_is_carried_out_by_its_initiator_not_by_the_proposed_executor() -> None:
    [decided, *_] = story.when(STATES["council"], decide(Expediency.EXPEDIENT), actor=SECRETARY)
    assert decided == ExpediencyDecidedV1(
        actor=SECRETARY, at=NOW, decision=Expediency.EXPEDIENT, basis=basis(), executor=APPLICATION.initiator
    )
    assert STATES["expedient"].executor == APPLICATION.initiator != APPLICATION.executor


@pytest.mark.parametrize("decision", [Expediency.NOT_EXPEDIENT, Expediency.POSTPONED])
def test_any_other_decision_names_no_executor(decision: Expediency) -> None:
    [decided, *_] = story.when(STATES["council"], decide(decision))
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
    assert story.when(STATES["council"], decide(Expediency.NOT_EXPEDIENT), given=book)


@pytest.mark.parametrize("command", COUNCIL, ids=[str(c.decision) for c in COUNCIL])
def test_an_edition_says_whether_the_council_sees_negative_conclusions(command: ExpediencyDecision) -> None:
    seen = after(STATES["expertise"], conclusion(Verdict.NEGATIVE))
    assert story.when(seen, command)
    unseen = unseen_negative(STATES["expertise"])
    assert (unseen.stage, unseen.next_move) == (Stage.NEGATIVE, "initiator")
    assert story.refused(unseen, command).code == "pilot.out-of-order"


def test_a_positive_conclusion_goes_before_the_council_whatever_it_sees_of_negative_ones() -> None:
    book = with_switches("by-2024", council_sees_negative=False)
    recorded = story.when(STATES["expertise"], conclusion(Verdict.POSITIVE), given=book)
    assert story.given(*recorded, state=STATES["expertise"]).stage is Stage.COUNCIL


# ---- totality

any_fact = st.one_of([made(cls) for cls in REGISTRY.classes.values()])


@given(st.lists(any_fact, max_size=6))
def test_every_fact_evolves_in_every_state(facts: list[Any]) -> None:
    story.given(*facts)


@given(st.sampled_from(sorted(STATES)), any_fact)
def test_every_fact_evolves_at_the_stages_that_are_reached(name: str, fact: Any) -> None:
    state = story.given(fact, state=STATES[name])
    assert (state is None) == (STATES[name] is None and not isinstance(fact, PilotEnteredV1))


@given(st.sampled_from(sorted(STATES)), st.lists(any_fact, max_size=4))
def test_a_state_is_what_it_computes_and_its_history_ends_with_it(name: str, facts: list[Any]) -> None:
    state = story.given(*facts, state=STATES[name])
    if state is not None:
        assert state.history[-1].until is None
        assert (state.history[-1].stage, state.history[-1].sector) == (state.stage, state.application.sector)
        assert {line.sector for line in state.money} <= set(state.sectors)


def test_a_document_of_an_earlier_program_has_no_history_and_begins_one() -> None:
    old = STATES["expertise"].model_copy(update={"history": ()})
    state = after(old, conclusion())
    assert [(stay.stage, stay.since, stay.until) for stay in state.history] == [(Stage.COUNCIL, NOW, None)]


def test_history_never_goes_back_in_time_when_the_clocks_of_two_replicas_differ() -> None:
    early = NOW - timedelta(seconds=5)
    state = STATES["look-over"]
    for command in (ACCEPTED, conclusion()):
        state = story.given(*story.when(state, command, now=early), state=state)
    stays = state.history
    assert [stay.stage for stay in stays] == [Stage.LOOK_OVER, Stage.EXPERTISE, Stage.COUNCIL]
    assert [(stay.since, stay.until) for stay in stays] == [(NOW, NOW), (NOW, NOW), (NOW, None)]
    state = story.given(*story.when(state, decide(), now=LATER), state=state)
    assert [stay.since for stay in state.history][2:] == [NOW, LATER]


@given(st.lists(st.integers(-3, 3), min_size=3, max_size=3), st.integers(-4, 4))
def test_a_list_as_of_a_moment_and_the_card_as_of_that_moment_agree_whatever_the_clocks_say(
    off: list[int], at_: int
) -> None:
    """The card is folded of the facts up to the first that was recorded later; the list is read from the history."""
    state, facts = STATES["look-over"], []
    for command, seconds in zip((ACCEPTED, conclusion(), decide()), off, strict=True):
        now = NOW + timedelta(seconds=seconds)
        decided = story.when(state, command, now=now)
        state = story.given(*decided, state=state)
        facts.append((now, decided))
    then = NOW + timedelta(seconds=at_)
    card = STATES["look-over"] if then >= NOW else None
    for now, decided in facts if card is not None else ():
        if now > then:
            break
        card = story.given(*decided, state=card)
    listed = [stay.stage for stay in state.history if stay.since <= then and (stay.until is None or then < stay.until)]
    assert listed == ([card.stage] if card is not None else [])
