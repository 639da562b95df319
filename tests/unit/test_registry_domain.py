"""The register: what services say is recorded, people's steps come in order, the council's rules hold."""

from collections.abc import Iterator, Mapping
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
    AnnulmentRecordedV1,
    ApplicationAmendedV1,
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
    CLARIFICATION,
    CONCLUDED,
    FINAL,
    NEXT_MOVE,
    SETTLED,
    DecideExpediency,
    Enter,
    Launch,
    RecordAmendment,
    RecordAnnulment,
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
MENDED = APPLICATION.model_copy(update={"title": "Запись к врачу по согласию"})
RESUBMITTED = RecordOutcome(ApplicationOutcome.RESUBMITTED, application=MENDED)
WITHDRAWN = RecordOutcome(ApplicationOutcome.WITHDRAWN, text="Изменились планы.")
LAPSED = RecordOutcome(ApplicationOutcome.LAPSED)
REFUSED = RecordOutcome(ApplicationOutcome.REFUSED, REASONS)
AMENDED = RecordAmendment("q-1", MENDED)
ANNULLED = RecordAnnulment(1, "ЗЭ-2026-0001")
LATER = NOW + timedelta(days=1)


def basis(day: date = date(2026, 4, 16)) -> Basis:
    return Basis(body="Совет", kind="протокол", number="5", date=day)


STOPPED = RecordOutcome(ApplicationOutcome.STOPPED, text="Инициатор ликвидирован.", basis=basis())
OUTCOMES = [ACCEPTED, RETURNED, RESUBMITTED, WITHDRAWN, STOPPED, LAPSED, REFUSED]


def conclusion(verdict: Verdict = Verdict.POSITIVE, round: int = 1, **more: Any) -> RecordConclusion:
    said = {"number": f"ЗЭ-2026-000{round}", "date": date(2026, 4, 16), "text": "Рекомендовать.", **more}
    return RecordConclusion(round=round, verdict=verdict, **said)


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
        "withdrawn": after(entered, WITHDRAWN),
        "stopped": after(entered, STOPPED),
        "lapsed": after(entered, RETURNED, LAPSED),
        "refused": after(entered, ACCEPTED, REFUSED),
    }


STATES = states()
known = [name for name in STATES if name != "none"]
settled = [name for name in known if name in SETTLED]
moving = [name for name in known if name not in SETTLED]


@pytest.mark.parametrize("name", known)
def test_each_stage_is_the_one_that_its_name_says_and_somebody_has_the_next_move(name: str) -> None:
    assert STATES[name].stage == Stage(name)
    assert (STATES[name].next_move is None) == (name in FINAL)


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
        AMENDED: ApplicationAmendedV1,
        conclusion(): ConclusionRecordedV1,
        ANNULLED: AnnulmentRecordedV1,
    }
    for command, fact in said.items():
        [recorded] = story.when(STATES[name], command)
        assert type(recorded) is fact
        assert (recorded.TYPE, story.given(recorded, state=STATES[name]) is None) == (fact.TYPE, name == "none")


def test_a_return_is_recorded_with_its_reasons() -> None:
    [recorded] = story.when(STATES["look-over"], RETURNED)
    assert isinstance(recorded, ApplicationOutcomeRecordedV1)
    assert (recorded.outcome, recorded.reasons) == (ApplicationOutcome.RETURNED, REASONS)
    assert STATES["returned"].reasons == REASONS


@pytest.mark.parametrize("command", OUTCOMES, ids=[str(c.outcome) for c in OUTCOMES])
def test_what_became_of_the_application_is_recorded_word_by_word(command: RecordOutcome) -> None:
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
    assert story.when(amended, AMENDED) == ()


@pytest.mark.parametrize("name", settled)
@pytest.mark.parametrize("command", OUTCOMES, ids=[str(c.outcome) for c in OUTCOMES])
def test_no_late_outcome_changes_a_pilot_that_was_decided_on_finally_or_runs(name: str, command: RecordOutcome) -> None:
    assert len(story.when(STATES[name], command)) == 1
    assert after(STATES[name], command) == STATES[name]
    assert after(STATES[name], AMENDED).application == APPLICATION


@pytest.mark.parametrize("name", settled)
def test_no_late_conclusion_moves_a_settled_pilot_but_all_are_kept(name: str) -> None:
    number = "ЗЭ-2026-0009"
    concluded = after(STATES[name], conclusion(round=9))
    annulled = after(concluded, RecordAnnulment(9, number))
    assert (concluded.stage, annulled.stage) == (Stage(name), Stage(name))
    assert [(c.number, c.standing) for c in annulled.conclusions][-1] == (number, "annulled")


# ---- terms


def test_a_term_runs_is_breached_and_ends() -> None:
    running = after(STATES["look-over"], RecordTerm("look-over", TermStage.STARTED, NOW))
    assert (running.term.kind, running.term.due_at, running.term.breached) == ("look-over", NOW, False)
    breached = after(running, RecordTerm("look-over", TermStage.BREACHED, NOW))
    assert (breached.term.due_at, breached.term.breached) == (NOW, True)
    ended = after(breached, RecordTerm("look-over", TermStage.ENDED))
    assert (ended.term, ended.terms) == (None, ())


def test_a_suspended_term_stays_with_no_due_time_until_it_runs_again() -> None:
    suspended = after(
        STATES["expertise"],
        RecordTerm("expertise", TermStage.STARTED, NOW),
        RecordTerm("expertise", TermStage.SUSPENDED),
    )
    assert [(t.kind, t.due_at, t.breached) for t in suspended.terms] == [("expertise", None, False)]
    assert suspended.term == suspended.terms[0]
    resumed = after(suspended, RecordTerm("expertise", TermStage.RESUMED, LATER))
    assert (resumed.term.due_at, len(resumed.terms)) == (LATER, 1)


@pytest.mark.parametrize("stage", [TermStage.EXTENDED, TermStage.RECALENDARED, TermStage.RESUMED])
def test_a_term_that_was_counted_anew_is_due_at_its_new_time(stage: TermStage) -> None:
    breached = after(STATES["expertise"], RecordTerm("expertise", TermStage.BREACHED, NOW))
    counted = after(breached, RecordTerm("expertise", stage, LATER))
    assert (counted.term.due_at, counted.term.breached) == (LATER, False)


def test_a_term_that_has_run_out_by_the_new_calendar_too_is_breached_still() -> None:
    breached = after(STATES["expertise"], RecordTerm("expertise", TermStage.BREACHED, NOW))
    command = RecordTerm("expertise", TermStage.RECALENDARED, LATER, breached=True)
    assert [f.stage for f in story.when(breached, command)] == [TermStage.RECALENDARED, TermStage.BREACHED]  # type: ignore[attr-defined]
    assert (after(breached, command).term.due_at, after(breached, command).term.breached) == (LATER, True)


def test_terms_run_side_by_side_and_the_one_that_is_due_first_is_shown_a_suspended_one_last() -> None:
    state = STATES["expertise"]
    for kind, due in (("expertise", None), (CLARIFICATION, LATER), ("appeal", NOW)):
        state = after(state, RecordTerm(kind, TermStage.STARTED, due))
    assert [t.kind for t in state.terms] == ["appeal", CLARIFICATION, "expertise"]
    shown = []
    while state.term is not None:
        shown.append(state.term.kind)
        state = after(state, RecordTerm(state.term.kind, TermStage.ENDED))
    assert shown == ["appeal", CLARIFICATION, "expertise"]


@given(st.permutations(["appeal", CLARIFICATION, "expertise", "look-over"]))
def test_the_order_in_which_terms_begin_does_not_matter(kinds: list[str]) -> None:
    starts = [RecordTerm(kind, TermStage.STARTED, NOW) for kind in kinds]
    assert after(STATES["expertise"], *starts).terms == after(STATES["expertise"], *reversed(starts)).terms


@pytest.mark.parametrize("name", known)
def test_the_initiator_has_the_next_move_while_it_is_asked_in_the_expertise(name: str) -> None:
    asked = after(STATES[name], RecordTerm(CLARIFICATION, TermStage.STARTED, NOW))
    assert asked.next_move == ("initiator" if name == "expertise" else NEXT_MOVE[Stage(name)])
    answered = after(asked, RecordTerm(CLARIFICATION, TermStage.ENDED))
    assert answered.next_move == NEXT_MOVE[Stage(name)]


# ---- conclusions


def test_a_conclusion_is_recorded_word_by_word_and_the_council_has_the_next_move() -> None:
    remarks = (Remark(code="data", text="Хранение.", must_fix=True),)
    command = conclusion(Verdict.POSITIVE_WITH_REMARKS, 2, text="С замечаниями.", remarks=remarks)
    [recorded] = story.when(STATES["expertise"], command)
    assert isinstance(recorded, ConclusionRecordedV1)
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
    assert [(c.round, c.standing) for c in second.conclusions] == [(1, "in-force"), (2, "in-force")]


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


# ---- the stages as a graph, as the domain makes it


def steps(state: Any) -> Iterator[Any]:
    """Every state that one step leads to."""
    unseen = with_switches("by-2024", council_sees_negative=False)
    in_force = state.conclusion.number if state.conclusion else "none"
    said = [*OUTCOMES, *COUNCIL, LAUNCH, RecordAnnulment(1, in_force)]
    said += [conclusion(verdict, replaces=old) for verdict in Verdict for old in (None, in_force)]
    for book in (BOOK, unseen):
        for command in said:
            try:
                yield story.given(*story.when(state, command, given=book), state=state)
            except Refusal:
                continue


def graph() -> Mapping[Stage, set[Stage]]:
    """Where each stage leads, found by walking from an entered pilot."""
    found: dict[Stage, set[Stage]] = {}
    known, left = set(), [STATES["look-over"]]
    while left:
        state = left.pop()
        key = (state.stage, state.conclusion is None, state.started)
        if key in known:
            continue
        known.add(key)
        following = list(steps(state))
        found.setdefault(state.stage, set()).update(s.stage for s in following if s.stage is not state.stage)
        left += following
    return found


def test_every_stage_has_a_way_out_or_is_final() -> None:
    ways = graph()
    assert set(ways) == set(Stage)
    # What follows the carrying out is not registered here yet.
    assert {stage for stage, out in ways.items() if not out} == FINAL | {Stage.RUNNING}
    assert all(NEXT_MOVE[stage] is None for stage in FINAL)
    ending = FINAL | {Stage.RUNNING}
    while further := {stage for stage, out in ways.items() if out & ending} - ending:
        ending |= further
    assert ending == set(Stage)


def test_a_pilot_that_was_found_expedient_can_only_be_launched() -> None:
    assert graph()[Stage.EXPEDIENT] == {Stage.RUNNING}


@pytest.mark.parametrize("name", moving)
def test_an_application_can_be_withdrawn_or_stopped_until_it_is_decided_on(name: str) -> None:
    assert {Stage.WITHDRAWN, Stage.STOPPED} <= graph()[Stage(name)]


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
    st.sampled_from([ENTER, *OUTCOMES, AMENDED, ANNULLED]),
    st.builds(RecordTerm, st.sampled_from(["look-over", CLARIFICATION]), st.sampled_from(list(TermStage)), moments),
    st.builds(conclusion, st.sampled_from(list(Verdict)), st.integers(1, 3)),
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
    if state is not None:
        assert state.conclusion is None or state.conclusion in state.conclusions
        assert state.term is None or state.term in state.terms
        assert len({term.kind for term in state.terms}) == len(state.terms)
    if state is not None and state.started is not None:
        assert any(d.decision is Expediency.EXPEDIENT for d in state.decisions)
        assert state.started <= NOW.date()
