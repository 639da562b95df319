"""Whole lives of pilots in the register, told step by step. The file is long and one thing: together, its stories go
every step between stages that the domain allows, and `test_registry_graph` demands that of this module."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.reference import Clock, Effectiveness, Expediency, Verdict
from contracts.registry import (
    EntryCorrectedV1,
    ReplicaLinkedV1,
    ReplicaResultNotedV1,
    TermBreachedV1,
    TermEndedV1,
    TermNearingV1,
    TermStartedV1,
    TermSuspendedV1,
)
from contracts.steps import (
    AgreementEntry,
    AgreementFailure,
    Commission,
    Completion,
    Correctable,
    Correction,
    CreditDecision,
    EarlyStop,
    FundingWindow,
    Launch,
    PilotExtension,
    PilotResumption,
    PilotSuspension,
    Scaling,
)
from deploy.samples.common import APPLICATION, BOOK, DAY, basis, party
from deploy.samples.registry import (
    ACCEPTED,
    AGREEMENT,
    ALL_ON,
    LAPSED,
    MEMBERS,
    OUTCOMES,
    PLAN,
    RESUBMITTED,
    RETURNED,
    UNSEEN,
    agreed,
    conclusion,
    cost,
    decide,
    enter,
    judge,
    paid,
    propose,
    risk,
    scale,
    shares,
    value,
    votes,
)
from services.registry.domain import decide as pilot
from services.registry.domain.commands import LinkReplica, NoteReplicaResult, RecordAnnulment, RecordReport
from services.registry.domain.money import MoneyStage
from services.registry.domain.stages import FINAL, JUDGED, Stage
from services.registry.domain.state import (
    AGREEING,
    CARRYING_OUT,
    COUNCIL_ALARM,
    JUDGING,
    LAUNCHING,
    PROPOSAL,
    REPORT,
    SCALING,
    SUSPENSION,
)
from tests.kit.common import minsk, with_numbers
from tests.kit.registry.life import FIRST, HEAD, WAYS, Life, at, content


@pytest.fixture
def life() -> Life:
    """A pilot that is about to begin."""
    return Life()


def open_terms(life: Life) -> list[str]:
    return [one.kind for one in life.pilot.own_terms if one.open]


def types(facts: list[object]) -> list[str]:
    return [type(fact).__name__ for fact in facts]


# ---- the whole way


def test_a_pilot_lives_from_its_application_to_scaling_with_a_replica(life: Life) -> None:
    life.at_council()
    assert open_terms(life) == [COUNCIL_ALARM]
    life.later(days=7).do(decide(day=life.day))
    assert (open_terms(life), life.pilot.executor) == ([AGREEING], APPLICATION.initiator)
    life.later(days=7).do(AgreementEntry(agreement=agreed(starts=str(life.day)), basis=basis(life.day)))
    assert (open_terms(life), life.pilot.region, life.pilot.until) == ([LAUNCHING], "minsk", AGREEMENT.until)
    life.later(days=7).do(Launch(started=life.day, basis=basis(life.day)))
    assert (open_terms(life), life.pilot.started) == ([CARRYING_OUT, REPORT], life.day)
    life.later(days=60)
    life.fear(risk())
    life.fear(risk(open=False), risk("r-2"))
    assert [(one.id, one.open) for one in life.pilot.risks] == [("r-1", False), ("r-2", True)]
    life.spend(paid(40_000, day=life.day))
    life.report("rep-1", value("3", life.day))
    life.later(days=60)
    life.measure(value("1", life.day))
    [progress] = life.pilot.progress
    assert (progress.value, progress.percent, progress.reached) == ("1", 100, True)
    life.complete()
    assert (life.stage, open_terms(life), life.pilot.next_move) == ("finished", [PROPOSAL], "head-organisation")
    life.commission()
    life.later(days=7).do(propose(day=life.day), who=HEAD)
    assert (life.stage, open_terms(life), life.pilot.next_move) == ("at-commission", [JUDGING], "commission")
    life.later(days=7).do(judge(day=life.day))
    assert (life.stage, open_terms(life), life.pilot.next_move) == ("effective", [SCALING], "regulator")
    window = FundingWindow(source="local-innovation-fund", opens=life.day, closes=life.day + timedelta(days=30))
    life.do(scale(day=life.day, windows=(window,)))
    assert (life.stage, life.pilot.next_move) == ("scaled", None)
    assert (open_terms(life), pilot.due(life.pilot)) == ([], None)
    assert life.pilot.scaling is not None
    assert (life.pilot.scaling.windows, life.pilot.scaling.replicas) == ((window,), (PLAN,))

    linked = life.do(LinkReplica("replica-1", "ПП-2027-000009", "Другая область."))
    assert types(linked) == [ReplicaLinkedV1.__name__]
    noted = life.do(NoteReplicaResult("replica-1", Effectiveness.INEFFECTIVE))
    assert types(noted) == [ReplicaResultNotedV1.__name__]
    [replica] = life.pilot.replicas
    assert (replica.number, replica.adaptation, replica.outcome) == (
        "ПП-2027-000009",
        "Другая область.",
        Effectiveness.INEFFECTIVE,
    )
    assert [stay.stage for stay in life.pilot.history] == [
        *(Stage.LOOK_OVER, Stage.EXPERTISE, Stage.COUNCIL, Stage.EXPEDIENT, Stage.AGREED, Stage.RUNNING),
        *(Stage.FINISHED, Stage.AT_COMMISSION, Stage.EFFECTIVE, Stage.SCALED),
    ]


def test_a_replica_is_linked_once_and_only_of_a_linked_one_a_result_is_noted(life: Life) -> None:
    life.scaled().do(LinkReplica("replica-1", "ПП-2027-000009", None))
    assert life.do(LinkReplica("replica-1", "ПП-2027-000009", None)) == []
    assert life.do(NoteReplicaResult("replica-2", Effectiveness.EFFECTIVE)) == []
    life.do(NoteReplicaResult("replica-1", Effectiveness.EFFECTIVE))
    assert life.do(NoteReplicaResult("replica-1", Effectiveness.EFFECTIVE)) == []


def test_a_failed_pilot_is_judged_ineffective_and_stays_readable(life: Life) -> None:
    life.running()
    life.spend(paid(70_000))
    life.report("rep-1", value("7"))
    life.complete()
    life.commission()
    life.do(propose(Effectiveness.INEFFECTIVE), judge(Effectiveness.INEFFECTIVE, said=votes(5, 3, 1)))
    assert (life.stage, life.stage in FINAL, life.pilot.next_move) == ("ineffective", True, None)
    assert (open_terms(life), pilot.due(life.pilot)) == ([], None)
    assert life.refused(scale()).code == "pilot.out-of-order"
    [progress] = life.pilot.progress
    assert (progress.percent, progress.reached) == (-50, False)
    assert sum(one.amount_minor for one in life.pilot.money if one.stage is MoneyStage.PAID) == 70_000
    assert life.pilot.judgement is not None and life.pilot.judgement.votes == votes(5, 3, 1)


def test_a_partly_effective_pilot_may_be_scaled_shown_as_a_case_or_left(life: Life) -> None:
    for decision, stage in (
        (Scaling.SCALE, "scaled"),
        (Scaling.DO_NOT_SCALE, "not-scaled"),
        (Scaling.CATALOGUE_ONLY, "catalogued"),
    ):
        for way in (Life.partly, Life.effective):
            other = way(Life())
            other.do(scale(decision))
            assert other.stage == stage
            life.steps |= other.steps


def test_a_pilot_is_stopped_early_from_wherever_it_is_carried_out_and_keeps_what_was_spent(life: Life) -> None:
    life.running()
    life.spend(paid(123))
    life.later(days=30)
    ended = life.stop_early()
    assert types(ended) == ["PilotStoppedV1", "TermEndedV1", "TermEndedV1"]
    assert (life.stage, open_terms(life), pilot.due(life.pilot)) == ("stopped-early", [], None)
    assert life.pilot.ending is not None and life.pilot.ending.basis == basis(life.day)
    assert sum(one.amount_minor for one in life.pilot.money if one.stage is MoneyStage.PAID) == 123
    for way in (Life.agreed, Life.suspended):
        other = way(Life())
        other.stop_early()
        assert (other.stage, open_terms(other)) == ("stopped-early", [])
        life.steps |= other.steps


# ---- before the council


def test_what_intake_says_of_an_application_takes_it_from_any_stage_before_the_councils_decision(life: Life) -> None:
    after = {
        "accepted": "expertise",
        "returned": "returned",
        "resubmitted": "look-over",
        "withdrawn": "withdrawn",
        "stopped": "stopped",
        "lapsed": "lapsed",
        "refused": "refused",
    }
    for stage in ("look-over", "returned", "expertise", "negative-conclusion", "council"):
        for command in OUTCOMES:
            other = at(stage)
            other.do(command)
            assert other.stage == after[command.outcome]
            assert open_terms(other) == [], "the council's alarm ended with its turn"
            life.steps |= other.steps


def test_a_returned_application_lapses(life: Life) -> None:
    life.returned().do(LAPSED)
    assert life.stage == "lapsed"


def test_a_conclusion_is_annulled_amended_and_made_anew(life: Life) -> None:
    life.book = UNSEEN
    life.in_expertise().do(conclusion(Verdict.NEGATIVE))
    assert life.stage == "negative-conclusion"
    life.do(conclusion(number="ЗЭ-2026-0007", replaces=FIRST))
    assert (life.stage, open_terms(life)) == ("council", [COUNCIL_ALARM])
    life.do(conclusion(Verdict.NEGATIVE, number="ЗЭ-2026-0008", replaces="ЗЭ-2026-0007"))
    assert (life.stage, open_terms(life)) == ("negative-conclusion", [])
    life.do(RecordAnnulment(1, "ЗЭ-2026-0008"))
    assert (life.stage, life.pilot.conclusion) == ("expertise", None)
    life.do(conclusion(round=2))
    life.do(RecordAnnulment(2, "ЗЭ-2026-0002"))
    assert (life.stage, open_terms(life)) == ("expertise", [])


def test_a_postponement_starts_the_councils_alarm_anew(life: Life) -> None:
    life.at_council()
    first = life.due_day(COUNCIL_ALARM)
    life.run_out(COUNCIL_ALARM)
    postponed = life.do(decide(Expediency.POSTPONED, life.day))
    assert types(postponed) == ["ExpediencyDecidedV1", "TermEndedV1", "TermStartedV1"]
    assert postponed[1].late, "the Council had let its time pass once"
    assert (life.stage, open_terms(life), any(term.breached for term in life.pilot.terms)) == (
        "council",
        [COUNCIL_ALARM],
        False,
    )
    again = life.due_day(COUNCIL_ALARM)
    assert again > first and again > life.day
    life.run_out(COUNCIL_ALARM)
    assert life.day == again + timedelta(days=1)
    life.do(decide(Expediency.NOT_EXPEDIENT, life.day))
    assert (life.stage, open_terms(life)) == ("not-expedient", [])
    assert [one.decision for one in life.pilot.decisions] == [Expediency.POSTPONED, Expediency.NOT_EXPEDIENT]


def test_a_product_in_use_is_credited_or_not_where_the_edition_knows_that(life: Life) -> None:
    life.credit_asked()
    assert life.refused(decide()).code == "council.credit"
    [decided, ended] = life.do(CreditDecision(granted=True, evidence="Работает с 2024 года.", basis=basis()))
    assert (decided.granted, ended.kind) == (True, COUNCIL_ALARM)
    assert (life.stage, life.pilot.next_move, pilot.due(life.pilot)) == ("credited", None, None)
    assert life.pilot.credit is not None and life.pilot.credit.evidence == "Работает с 2024 года."
    other = Life().credit_asked()
    other.do(CreditDecision(granted=False, evidence="Доказательств нет.", basis=basis()))
    assert other.stage == "not-credited"
    life.steps |= other.steps


def test_an_edition_without_credit_grants_none_and_the_council_can_still_decide(life: Life) -> None:
    life.book = BOOK
    life.credit_asked()
    assert life.refused(CreditDecision(granted=True, evidence="Работает.", basis=basis())).code == "credit.off"
    life.do(decide(Expediency.NOT_EXPEDIENT))
    assert life.stage == "not-expedient"


def test_a_pilot_that_asks_for_no_credit_gets_none(life: Life) -> None:
    assert (
        life.at_council().refused(CreditDecision(granted=True, evidence="Работает.", basis=basis())).code
        == "credit.off"
    )


# ---- agreement


def test_executor_and_customer_do_not_agree(life: Life) -> None:
    life.expedient().later(days=40)
    [failed, ended] = life.do(AgreementFailure(why="Не сошлись в цене.", basis=basis(life.day)))
    assert (failed.why, ended.kind, ended.late) == ("Не сошлись в цене.", AGREEING, True)
    assert (life.stage, life.pilot.text, life.pilot.basis) == ("not-agreed", failed.why, basis(life.day))
    assert (life.pilot.next_move, pilot.due(life.pilot)) == (None, None)
    assert life.refused(AgreementEntry(agreement=AGREEMENT, basis=basis(life.day))).code == "pilot.out-of-order"


def test_an_agreement_that_is_late_is_an_alarm_and_no_end(life: Life) -> None:
    life.expedient()
    life.run_out(AGREEING)
    assert (life.stage, open_terms(life)) == ("expedient", [AGREEING])
    life.do(AgreementEntry(agreement=agreed(), basis=basis(life.day)))
    assert life.stage == "agreed"


def test_a_pilot_that_was_agreed_on_and_not_begun_by_its_day_is_an_alarm_and_no_end(life: Life) -> None:
    life.expedient()
    starts = life.day + timedelta(days=20)
    life.do(AgreementEntry(agreement=agreed(starts=str(starts)), basis=basis(life.day)))
    assert life.due_day(LAUNCHING) == starts
    announced = []
    while life.day <= starts:
        announced += life.tick()
    mine = [fact for fact in announced if getattr(fact, "kind", None) == LAUNCHING]
    assert types(mine) == ["TermNearingV1"] * 2 + ["TermBreachedV1"]
    [_, ended, *_] = life.do(Launch(started=life.day, basis=basis(life.day)))
    assert (ended.kind, ended.late, life.stage) == (LAUNCHING, True, "running")


def test_a_corrected_first_day_moves_the_alarm(life: Life) -> None:
    life.agreed(starts=str(life.day + timedelta(days=20)))
    document = life.pilot.agreement
    assert document is not None
    said = document.model_dump(mode="json")
    said["agreement"]["starts"] = str(life.day + timedelta(days=30))
    life.do(Correction(what=Correctable.AGREEMENT, place=1, content=said, reason="Описка.", basis=basis(life.day)))
    assert life.due_day(LAUNCHING) == life.day + timedelta(days=30)


# ---- reports


def test_an_overdue_report_is_announced_once_and_the_one_that_comes_starts_a_new_term(life: Life) -> None:
    life.running()
    assert life.due_day(REPORT) == DAY + timedelta(days=92)
    announced = []
    while life.day <= DAY + timedelta(days=92):
        announced += life.tick()
    mine = [fact for fact in announced if getattr(fact, "kind", None) == REPORT]
    assert types(mine) == ["TermNearingV1"] * 3 + ["TermBreachedV1"]
    assert [rung for fact in mine if isinstance(fact, TermNearingV1) for rung in fact.rungs] == [14, 7, 2]
    assert any(term.kind == REPORT and term.breached for term in life.pilot.terms)
    life.later(days=10)
    [_, ended, started] = life.report("rep-1", value("4", life.day))
    assert isinstance(ended, TermEndedV1) and ended.late
    assert isinstance(started, TermStartedV1) and started.term.kind == REPORT
    assert life.due_day(REPORT) == life.day + timedelta(days=92)
    assert not any(term.breached for term in life.pilot.terms)
    breaches = [fact for fact in life.facts if isinstance(fact, TermBreachedV1)]
    assert [fact.kind for fact in breaches] == [REPORT]


def test_a_report_on_time_ends_its_term_in_time(life: Life) -> None:
    life.running().later(days=92)
    [_, ended, _] = life.report()
    assert not ended.late


def test_reports_are_recorded_late_too_but_no_new_one_is_owed_then(life: Life) -> None:
    life.finished()
    assert types(life.report()) == ["ProgressRecordedV1"]
    assert open_terms(life) == [PROPOSAL]


def test_a_report_while_suspended_starts_a_term_that_stands(life: Life) -> None:
    life.suspended()
    assert types(life.report()) == ["ProgressRecordedV1", "TermEndedV1", "TermStartedV1", "TermSuspendedV1"]
    assert (life.stage, life.pilot.own_term(REPORT).clock.due_at) == ("suspended", None)  # type: ignore[union-attr]
    life.later(days=100)
    life.go_on()
    assert life.due_day(REPORT) == life.day + timedelta(days=92)


def test_what_a_completion_measured_stays_though_carrying_out_was_stopped_meanwhile(life: Life) -> None:
    life.running().later(days=10)
    life.do(EarlyStop(stopped=life.day, why="Нет денег.", basis=basis(life.day)))
    [noted] = life.complete(value("1", life.day))
    assert (types([noted]), life.stage) == (["ResultRecordedV1"], "stopped-early")
    assert [one.value for one in life.pilot.values] == ["1"]


def test_a_term_that_is_moved_or_entered_late_does_not_remind_of_what_is_over(life: Life) -> None:
    life.running()
    while life.pilot.own_term(CARRYING_OUT) and life.day < date(2026, 12, 20):
        life.tick()
    document = life.pilot.agreement
    assert document is not None
    said = document.model_dump(mode="json")
    said["agreement"]["until"] = "2027-01-05"
    life.now = max(life.now, datetime(2026, 12, 20, 9, tzinfo=UTC))
    facts = life.do(
        Correction(what=Correctable.AGREEMENT, place=1, content=said, reason="Описка.", basis=basis(life.day))
    )
    [started] = [one for one in facts if isinstance(one, TermStartedV1)]
    assert started.reminded == (60, 30)
    announced = []
    while life.day <= date(2027, 1, 5):
        announced += life.tick()
    mine = [one for one in announced if getattr(one, "kind", None) == CARRYING_OUT]
    assert [rung for one in mine if isinstance(one, TermNearingV1) for rung in one.rungs] == [7]
    assert types(mine)[-1] == "TermBreachedV1"


def test_a_report_of_completion_that_is_too_late_or_too_early_changes_nothing() -> None:
    for stage in WAYS:
        if stage not in ("running", "suspended"):
            other = at(stage)
            assert other.do(RecordReport("x", Completion(finished=DAY, summary="Готово.", values=()))) == [], stage


def test_a_pilot_is_finished_while_it_is_suspended(life: Life) -> None:
    life.suspended().complete()
    assert (life.stage, open_terms(life)) == ("finished", [PROPOSAL])


def test_of_two_values_of_one_day_the_one_said_last_counts(life: Life) -> None:
    life.running()
    life.measure(value("4"))
    life.measure(value("2"))
    life.measure(value("5", DAY - timedelta(days=1)))
    [progress] = life.pilot.progress
    assert (progress.value, progress.percent) == ("2", 75)


@pytest.mark.parametrize(
    ("baseline", "target", "measured", "percent", "reached"),
    [
        ("5", "1", "1", 100, True),
        ("5", "1", "5", 0, False),
        ("0", "10", "2.5", 25, False),
        ("0", "10", "12", 120, True),
        ("3", "3", "2", None, False),
        ("3", "3", "3", None, True),
        ("0", "0.000001", "999999999999999", 1_000_000, True),
        ("0", "0.000001", "-999999999999999", -1_000_000, False),
        ("0", "3", "1", 33, False),
    ],
)
def test_progress_is_the_share_of_the_way_from_baseline_to_target(
    baseline: str, target: str, measured: str, percent: int | None, reached: bool
) -> None:
    indicator = {**AGREEMENT.indicators[0].model_dump(), "baseline": baseline, "target": target}
    life = Life().running(indicators=[indicator])
    life.measure(value(measured))
    [found] = life.pilot.progress
    assert (found.percent, found.reached) == (percent, reached)
    assert found.reached == (
        Decimal(measured) >= Decimal(target)
        if Decimal(target) >= Decimal(baseline)
        else Decimal(measured) <= Decimal(target)
    )


def test_a_term_is_near_from_its_first_reminder_on_also_when_that_was_announced(life: Life) -> None:
    life.running()

    def near() -> dict[str, int | None]:
        clocks = {one.kind: one.clock for one in life.pilot.own_terms if one.open}
        return {k: (c.due_at - c.nearing_at).days if c.due_at and c.nearing_at else None for k, c in clocks.items()}

    assert near() == {CARRYING_OUT: 60, REPORT: 14}
    life.tick()
    assert near() == {CARRYING_OUT: 60, REPORT: 14}
    short = Life().running(until=str(DAY + timedelta(days=20)))
    found = short.pilot.own_term(CARRYING_OUT)
    assert found is not None and found.clock.due_at is not None and found.clock.nearing_at is not None
    assert (found.clock.due_at - found.clock.nearing_at).days == 7, "rungs that a short term never had are left out"


# ---- suspension


def test_a_suspension_moves_both_terms_by_the_days_really_paused(life: Life) -> None:
    life.running()
    life.now = minsk("2026-05-01")
    [_, carrying, reporting, standing] = life.pause()
    assert (carrying.kind, reporting.kind, standing.term.kind) == (CARRYING_OUT, REPORT, SUSPENSION)
    assert life.pilot.next_move == "executor"
    life.now = minsk("2026-05-11")
    life.go_on()
    # Neither the day on which it stood still nor the day on which it went on is one of carrying out.
    assert life.due_day(CARRYING_OUT) == AGREEMENT.until + timedelta(days=11)
    assert life.due_day(REPORT) == DAY + timedelta(days=92 + 11)
    [pause] = life.pilot.pauses
    assert (pause.since, pause.until, pause.resumed) == (date(2026, 5, 1), date(2026, 5, 11), basis(life.day))
    life.now = minsk("2026-06-01")
    life.pause()
    life.now = minsk("2026-06-03")
    life.go_on()
    assert life.due_day(CARRYING_OUT) == AGREEMENT.until + timedelta(days=11 + 3)
    assert [(one.since, one.until) for one in life.pilot.pauses] == [
        (date(2026, 5, 1), date(2026, 5, 11)),
        (date(2026, 6, 1), date(2026, 6, 3)),
    ]


def test_a_suspension_within_one_day_moves_nothing(life: Life) -> None:
    life.running().later(days=3)
    life.pause()
    life.later(hours=2)
    life.go_on()
    assert life.due_day(CARRYING_OUT) == AGREEMENT.until


def test_nothing_is_announced_while_carrying_out_stands_and_what_was_announced_is_not_again(life: Life) -> None:
    life.running()
    life.run_out(REPORT)
    life.pause()
    while pilot.due(life.pilot) is not None:
        assert {fact.kind for fact in life.tick()} == {SUSPENSION}
    life.later(days=400)
    life.go_on()
    while (due := pilot.due(life.pilot)) is not None and due <= life.now:
        assert all(fact.kind != REPORT for fact in life.tick())


def test_a_pause_begins_after_the_one_before_it(life: Life) -> None:
    life.suspended().later(days=5)
    life.go_on()
    refusal = life.refused(PilotSuspension(since=life.day - timedelta(days=1), why="Ремонт.", basis=basis(life.day)))
    assert refusal.code == "date.before-the-step-before"
    refusal = life.refused(EarlyStop(stopped=life.day - timedelta(days=1), why="Нет денег.", basis=basis(life.day)))
    assert refusal.code == "date.before-the-step-before"


def mended(life: Life, **changes: Any) -> Correction:
    """A correction of the agreement, some of it said otherwise."""
    entry = life.pilot.agreement
    assert entry is not None
    said = content(entry.agreement, **changes)
    return Correction(
        what=Correctable.AGREEMENT,
        place=1,
        content=content(entry, agreement=said),
        reason="Опечатка.",
        basis=basis(life.day, "испр-1"),
    )


FEW, LAG = st.integers(0, 40), st.integers(0, 60)


@given(
    st.tuples(FEW, FEW, FEW), st.tuples(LAG, LAG, LAG), st.sampled_from(["", "extended", "mended"]), st.integers(1, 3)
)
@example((0, 0, 5), (0, 0, 3), "mended", 2)
def test_carrying_out_stands_from_day_to_day_of_the_papers_however_late_they_are_entered(
    spans: tuple[int, ...], lags: tuple[int, ...], beside: str, place: int
) -> None:
    """Launch, suspension and resumption entered with lags, an extension or a correction anywhere between them."""
    days = [DAY + timedelta(days=sum(spans[: n + 1])) for n in range(3)]

    def lived(lags: tuple[int, ...]) -> Life:
        life = Life().agreed(until="2027-03-31")
        steps: list[Callable[[], object]] = [
            lambda: Launch(started=days[0], basis=basis(days[0])),
            lambda: PilotSuspension(since=days[1], why="Ремонт.", basis=basis(days[1])),
            lambda: PilotResumption(since=days[2], basis=basis(days[2])),
        ]
        for n, (day, lag, step) in enumerate(zip(days, lags, steps, strict=True), 1):
            life.now = max(life.now, minsk(str(day)) + timedelta(days=lag))
            life.do(step())
            if n == place and beside == "extended":
                life.prolong(date(2027, 6, 30))
            if n == place and beside == "mended":
                life.do(mended(life, until="2027-03-11"))
        return life

    prompt, late = lived((0, 0, 0)), lived(lags)
    assert prompt.stage == late.stage == "running" and prompt.pilot.pauses == late.pilot.pauses
    stood = 0 if days[1] == days[2] else (days[2] - days[1]).days + (days[1] > days[0])
    ends = {"": date(2027, 3, 31), "extended": date(2027, 6, 30), "mended": date(2027, 3, 11)}
    assert prompt.due_day(CARRYING_OUT) == late.due_day(CARRYING_OUT) == ends[beside] + timedelta(days=stood)
    assert prompt.due_day(REPORT) == late.due_day(REPORT) == days[0] + timedelta(days=92 + stood)


def test_a_stop_dated_before_the_end_undoes_a_breach_that_was_announced_and_a_later_one_does_not(life: Life) -> None:
    for since, ran_out in ((DAY + timedelta(days=92), False), (DAY + timedelta(days=93), True)):
        other = Life().running()
        other.run_out(REPORT)
        other.later(days=20).do(PilotSuspension(since=since, why="Ремонт.", basis=basis(since)))
        stops = {fact.kind: fact.ran_out for fact in other.facts if isinstance(fact, TermSuspendedV1)}
        assert stops == {CARRYING_OUT: False, REPORT: ran_out}
        assert [term.breached for term in other.pilot.terms if term.kind == REPORT] == [ran_out]
        life.steps |= other.steps
        before = sum(isinstance(fact, TermBreachedV1) for fact in other.facts)
        other.go_on()
        while (due := pilot.due(other.pilot)) is not None and due <= other.now + timedelta(days=3):
            other.tick()
        breaches = [fact.kind for fact in other.facts if isinstance(fact, TermBreachedV1)][before:]
        assert breaches == ([] if ran_out else [REPORT]), "the day that was left is used up after the resumption"


def test_a_term_that_had_run_out_stays_expired_while_suspended_and_ends_late(life: Life) -> None:
    life.running().later(days=(AGREEMENT.until - DAY).days + 6)
    facts = life.pause()
    assert [fact.ran_out for fact in facts if isinstance(fact, TermSuspendedV1)] == [True, True]
    life.later(days=300)
    refusal = life.refused(PilotExtension(until=date(2027, 3, 31), why="Задержка.", basis=basis(life.day)))
    assert (refusal.code, refusal.status) == ("term.expired", 409)
    life.do(mended(life, until=str(AGREEMENT.until + timedelta(days=3))))
    assert (
        life.refused(PilotExtension(until=date(2027, 3, 31), why="Задержка.", basis=basis(life.day))).code
        == "term.expired"
    )
    late = {fact.kind: fact.late for fact in life.complete() if isinstance(fact, TermEndedV1)}
    assert late == {CARRYING_OUT: True, REPORT: True, SUSPENSION: True}


def test_a_term_that_had_not_run_out_is_in_time_however_long_it_stood(life: Life) -> None:
    life.running().later(days=92)
    assert [fact.ran_out for fact in life.pause() if isinstance(fact, TermSuspendedV1)] == [False, False]
    life.later(days=100)
    life.prolong(date(2027, 3, 31))
    late = {fact.kind: fact.late for fact in life.complete() if isinstance(fact, TermEndedV1)}
    assert late == {CARRYING_OUT: False, REPORT: False, SUSPENSION: False}


def test_a_pilot_that_stands_still_for_long_is_brought_to_mind(life: Life) -> None:
    budget = ALL_ON.edition("by-2024").terms[SUSPENSION].budget
    assert budget
    life.running().later(days=20)
    since = life.day - timedelta(days=10)
    life.do(PilotSuspension(since=since, why="Ремонт.", basis=basis(since)))
    assert life.due_day(SUSPENSION) == since + timedelta(days=budget)
    announced = []
    while pilot.due(life.pilot) is not None:
        announced += life.tick()
    assert [rung for fact in announced if isinstance(fact, TermNearingV1) for rung in fact.rungs] == [30, 7]
    assert types(announced) == ["TermNearingV1", "TermNearingV1", "TermBreachedV1"]
    assert life.stage == "suspended"
    [ended] = [fact for fact in life.go_on() if isinstance(fact, TermEndedV1)]
    assert (ended.kind, ended.late, SUSPENSION in open_terms(life)) == (SUSPENSION, True, False)


@pytest.mark.parametrize("ends", [Life.complete, Life.stop_early], ids=["finished", "stopped early"])
def test_the_end_of_carrying_out_closes_an_open_pause(ends: Callable[[Life], object]) -> None:
    life = Life().running().later(days=5)
    life.pause()
    life.later(days=5)
    life.go_on()
    first = life.pilot.pauses
    life.later(days=5)
    life.pause()
    since = life.day
    life.later(days=5)
    ends(life)
    assert life.pilot.pauses[:1] == first
    last = life.pilot.pauses[1]
    assert (last.since, last.until, last.resumed) == (since, life.day, None)


def test_a_finish_that_is_dated_before_the_pause_closes_it_on_its_first_day(life: Life) -> None:
    life.running().later(days=5)
    life.pause()
    life.do(RecordReport("x", Completion(finished=DAY, summary="Готово.", values=())))
    [pause] = life.pilot.pauses
    assert pause.until == pause.since == life.day


def test_a_corrected_end_ends_the_pause_in_which_it_came_and_no_other(life: Life) -> None:
    life.running().later(days=5)
    life.pause()
    life.later(days=5)
    life.go_on()
    life.pause()
    life.later(days=5)
    life.stop_early()
    first, last = life.pilot.pauses
    end = last.since + timedelta(days=2)
    life.correct(Correctable.ENDING, content(life.pilot.ending, on=str(end)))
    assert life.pilot.pauses == (first, last.model_copy(update={"until": end}))


# ---- extension


def test_carrying_out_is_extended_once_within_bounds(life: Life) -> None:
    life.running()
    for until in (AGREEMENT.until, date(2027, 7, 1)):
        assert (
            life.refused(PilotExtension(until=until, why="Задержка.", basis=basis())).code == "pilot.extension-bounds"
        )
    life.prolong(date(2027, 6, 30))
    assert (life.pilot.until, life.due_day(CARRYING_OUT)) == (date(2027, 6, 30), date(2027, 6, 30))
    assert (
        life.refused(PilotExtension(until=date(2027, 7, 30), why="Ещё.", basis=basis())).code
        == "pilot.cannot-be-extended"
    )
    assert [one.until for one in life.pilot.prolongations] == [date(2027, 6, 30)]


def test_the_ladder_begins_anew_with_an_extension(life: Life) -> None:
    life.running()
    while life.due_day(CARRYING_OUT) - life.day > timedelta(days=20):
        life.report(f"rep-{life.day}")
        life.tick()
    life.prolong(date(2027, 6, 30))
    rungs = []
    while (due := life.pilot.own_term(CARRYING_OUT)) and not due.ledger.breached:
        rungs += [r for f in life.tick() if isinstance(f, TermNearingV1) and f.kind == CARRYING_OUT for r in f.rungs]
    assert rungs == [60, 30, 7]


def test_a_suspended_pilot_can_be_extended_and_the_days_add_up(life: Life) -> None:
    life.suspended().later(days=9)
    life.prolong(AGREEMENT.until + timedelta(days=31))
    assert life.pilot.own_term(CARRYING_OUT).clock == Clock()  # type: ignore[union-attr]
    life.go_on()
    # 10 days paused, the first of which was the day of the launch, which counts for nothing anyway.
    assert life.due_day(CARRYING_OUT) == AGREEMENT.until + timedelta(days=31 + 9)


def test_what_has_run_out_cannot_be_extended_any_more(life: Life) -> None:
    life.running()
    life.run_out(CARRYING_OUT)
    refusal = life.refused(PilotExtension(until=date(2027, 3, 31), why="Задержка.", basis=basis(life.day)))
    assert (refusal.code, refusal.status) == ("term.expired", 409)


def test_an_edition_says_how_often_and_by_how_much(life: Life) -> None:
    life.book = with_numbers("by-2024", ALL_ON, pilot_extensions_max=2, pilot_extension_months=1)
    life.running()
    life.prolong(date(2027, 1, 31))
    life.prolong(date(2027, 2, 28))
    assert life.due_day(CARRYING_OUT) == date(2027, 2, 28)
    assert (
        life.refused(PilotExtension(until=date(2027, 3, 1), why="Ещё.", basis=basis())).code
        == "pilot.cannot-be-extended"
    )


@pytest.mark.parametrize("until", [DAY, DAY + timedelta(days=1), DAY + timedelta(days=30)])
def test_a_term_of_carrying_out_ends_with_the_agreed_day_however_late_the_launch_is_entered(until: date) -> None:
    life = Life().agreed(until=str(until))
    life.later(days=10).do(Launch(started=DAY, basis=basis(DAY)))
    assert life.due_day(CARRYING_OUT) == until
    if until < life.day:
        assert types(life.tick()) == ["TermBreachedV1"]
        assert pilot.due(life.pilot) is None or pilot.due(life.pilot) > life.now  # type: ignore[operator]
    else:
        life.prolong(until + timedelta(days=20))
        assert life.due_day(CARRYING_OUT) == until + timedelta(days=20)


def test_the_first_report_is_owed_from_the_first_day_of_carrying_out_however_late_that_is_entered() -> None:
    life = Life().agreed().later(days=50)
    life.do(Launch(started=DAY, basis=basis(DAY)))
    assert life.due_day(REPORT) == DAY + timedelta(days=92)
    long = Life().agreed().later(days=100)
    long.do(Launch(started=DAY, basis=basis(DAY)))
    assert [fact.kind for fact in long.tick()] == [REPORT]
    assert any(term.kind == REPORT and term.breached for term in long.pilot.terms)


def test_a_corrected_first_day_moves_the_first_report_and_no_later_one(life: Life) -> None:
    life.agreed().later(days=10).do(Launch(started=DAY + timedelta(days=10), basis=basis(life.day)))
    life.correct(Correctable.LAUNCH, content(life.pilot.launch, started=str(DAY + timedelta(days=4))))
    assert life.due_day(REPORT) == DAY + timedelta(days=4 + 92)
    assert life.due_day(CARRYING_OUT) == AGREEMENT.until
    life.report()
    life.correct(Correctable.LAUNCH, content(life.pilot.launch, started=str(DAY)))
    assert life.due_day(REPORT) == life.day + timedelta(days=92)


def test_a_pilot_of_one_day_is_due_with_the_end_of_that_day() -> None:
    assert Life().running(until=str(DAY)).due_day(CARRYING_OUT) == DAY


# ---- the commission


def test_a_quorum_is_rounded_up_to_whole_members() -> None:
    members = (*MEMBERS, "m-10")
    life = Life().finished()
    life.commission(members)
    life.do(propose())
    assert life.refused(judge(present=members[:6])).code == "commission.no-quorum"
    life.do(judge(present=members[:7]))


def test_a_commission_of_eight_is_refused_and_one_of_nine_is_taken(life: Life) -> None:
    life.finished()
    refusal = life.refused(Commission(members=MEMBERS[:8], secretary="s-1", basis=basis()))
    assert (refusal.code, refusal.status) == ("commission.too-small", 422)
    assert (
        life.refused(Commission(members=(*MEMBERS[:8], MEMBERS[0]), secretary="s-1", basis=basis())).code
        == "commission.twice"
    )
    life.commission()
    assert life.pilot.commission is not None and life.pilot.commission.members == MEMBERS


def test_an_edition_says_how_many_members_are_enough(life: Life) -> None:
    life.book = with_numbers("by-2024", ALL_ON, commission_min_members=3)
    life.finished()
    assert life.refused(Commission(members=MEMBERS[:2], secretary="s-1", basis=basis())).code == "commission.too-small"
    life.commission(MEMBERS[:3])


@pytest.mark.parametrize(
    ("present", "said", "code"),
    [
        (5, votes(5), "commission.no-quorum"),
        (6, votes(6), None),
        (6, votes(3, 3), "votes.no-majority"),
        (6, votes(3, 0, 3), "votes.no-majority"),
        (6, votes(4, 2), None),
        (7, votes(4, 3), None),
        (9, votes(4, 3, 2), "votes.no-majority"),
        (9, votes(5, 4), None),
        (9, votes(9, 1), "votes.sum"),
        (9, votes(8), "votes.sum"),
    ],
)
def test_a_judgement_needs_a_quorum_and_a_majority_of_those_present(present: int, said: object, code: str) -> None:
    life = Life().at_commission()
    command = judge(present=MEMBERS[:present], said=said)  # type: ignore[arg-type]
    if code is None:
        life.do(command)
        assert life.stage == "effective"
    else:
        assert life.refused(command).code == code
        assert life.stage == "at-commission"


def test_only_members_are_present_each_once_and_the_commission_is_named_beforehand(life: Life) -> None:
    life.finished().do(propose())
    assert life.refused(judge()).code == "commission.not-named"
    life.later(days=3)
    life.commission()
    early = life.refused(judge(day=DAY))
    assert early.code == "date.before-the-step-before", "the minutes are older than the commission"
    strangers = judge(present=(*MEMBERS[:8], "stranger"), day=life.day)
    assert life.refused(strangers).code == "commission.strangers"
    twice = judge(present=(*MEMBERS[:8], MEMBERS[0]), day=life.day)
    assert life.refused(twice).code == "commission.strangers"
    life.do(judge(day=life.day))


def test_the_commission_may_judge_otherwise_than_was_proposed(life: Life) -> None:
    life.at_commission(Effectiveness.INEFFECTIVE).do(judge(Effectiveness.EFFECTIVE))
    assert life.stage == "effective"


@pytest.mark.parametrize("outcome", [Effectiveness.EFFECTIVE, Effectiveness.PARTLY])
def test_what_follows_from_a_judged_pilot_is_waited_for_under_an_alarm(outcome: Effectiveness) -> None:
    rule = ALL_ON.edition("by-2024").terms[SCALING]
    life = Life().at_commission(outcome)
    life.do(judge(outcome))
    found = life.pilot.own_term(SCALING)
    assert found is not None and (found.ledger.term.budget, found.ledger.term.unit) == (rule.budget, rule.unit)
    announced = life.run_out(SCALING)
    assert types(announced) == ["TermBreachedV1"] and life.stage in JUDGED
    rungs = [rung for fact in life.facts if isinstance(fact, TermNearingV1) for rung in fact.rungs]
    assert rungs == list(rule.reminders)
    [_, ended] = life.do(scale(Scaling.DO_NOT_SCALE, life.day))
    assert (ended.kind, ended.late, open_terms(life)) == (SCALING, True, [])


def test_nothing_is_waited_for_after_an_ineffective_pilot() -> None:
    assert open_terms(Life().ineffective()) == []


def test_a_finish_that_the_executor_dates_far_ahead_does_not_bar_the_way(life: Life) -> None:
    life.running().do(RecordReport("x", Completion(finished=date(2099, 1, 1), summary="Готово.", values=())))
    life.do(propose())
    assert life.stage == "at-commission"


# ---- corrections


def corrections_of(life: Life) -> list[EntryCorrectedV1]:
    return [fact for fact in life.facts if isinstance(fact, EntryCorrectedV1)]


def test_every_kind_of_entry_is_corrected_and_the_old_one_stays_in_the_facts() -> None:
    life = Life().running()
    life.spend(paid(500))
    life.spend(paid(700), id_="sp-2")
    life.pause()
    life.go_on()
    life.prolong(date(2027, 3, 31))
    life.complete()
    life.commission()
    life.do(propose(), judge(), scale())
    stands = life.pilot
    assert stands.agreement and stands.launch and stands.judgement and stands.scaling
    assert stands.ending and stands.commission and stands.proposal
    other = content(basis(number="9"))
    wanted = {
        Correctable.EXPEDIENCY: (1, content(stands.decisions[0], basis=other)),
        Correctable.AGREEMENT: (1, content(stands.agreement, agreement=content(agreed(programme="Другая.")))),
        Correctable.LAUNCH: (1, content(stands.launch, basis=other)),
        Correctable.SPENDING: (2, content(stands.spending[1], payments=[content(paid(701))])),
        Correctable.SUSPENSION: (1, content(stands.pauses[0], why="Переезд.", resumed=other)),
        Correctable.EXTENSION: (1, content(stands.prolongations[0], until="2027-04-30")),
        Correctable.ENDING: (1, content(stands.ending, text="Сделано.")),
        Correctable.COMMISSION: (1, content(stands.commission, basis=other)),
        Correctable.PROPOSAL: (1, content(stands.proposal, text="Иначе.")),
        Correctable.JUDGEMENT: (1, content(stands.judgement, text="Исправлено.")),
        Correctable.SCALING: (1, content(stands.scaling, conditions="При софинансировании.")),
    }
    every_kind_corrected(life, wanted)
    assert life.pilot.decisions[0].basis.number == "9"
    assert life.pilot.agreement is not None and life.pilot.agreement.agreement.programme == "Другая."
    assert [one.payments[0].amount_minor for one in life.pilot.spending] == [500, 701]
    assert (life.pilot.pauses[0].why, life.pilot.pauses[0].resumed) == ("Переезд.", basis(number="9"))
    assert (life.pilot.until, life.pilot.ending and life.pilot.ending.text) == (date(2027, 4, 30), "Сделано.")
    assert life.pilot.commission is not None and life.pilot.commission.basis.number == "9"
    assert life.pilot.proposal is not None and life.pilot.proposal.text == "Иначе."
    assert life.pilot.judgement is not None and life.pilot.judgement.text == "Исправлено."
    assert life.pilot.scaling is not None and life.pilot.scaling.conditions == "При софинансировании."
    was = {fact.what: fact.was for fact in corrections_of(life)}
    assert was[Correctable.SPENDING] == content(stands.spending[1])
    assert (life.stage, [stay.stage for stay in life.pilot.history][-1]) == ("scaled", Stage.SCALED)

    credited = at("credited")
    assert credited.pilot.credit is not None
    proven = content(credited.pilot.credit, evidence="Работает с 2023 года.")
    every_kind_corrected(credited, {Correctable.CREDIT: (1, proven)})
    assert credited.pilot.credit is not None and credited.pilot.credit.evidence == "Работает с 2023 года."
    assert set(wanted) | {Correctable.CREDIT} == set(Correctable)


def every_kind_corrected(life: Life, wanted: dict[Correctable, tuple[int, dict[str, Any]]]) -> None:
    for what, (place, said) in wanted.items():
        before = life.state
        [fact] = life.correct(what, said, place)
        assert (fact.what, fact.place, fact.now, fact.reason) == (what, place, said, "Опечатка.")
        assert fact.was != fact.now
        assert fact in life.facts and life.state != before
        again = life.do(Correction(what=what, place=place, content=said, reason="Опечатка.", basis=basis()))
        assert again == [], "what is so already is not corrected"


def test_a_correction_of_a_correction_states_what_stood_before_it(life: Life) -> None:
    life.running()
    assert life.pilot.launch is not None
    first = content(life.pilot.launch, basis=content(basis(number="6")))
    second = content(life.pilot.launch, basis=content(basis(number="7")))
    life.correct(Correctable.LAUNCH, first)
    life.correct(Correctable.LAUNCH, second)
    assert [(fact.was, fact.now) for fact in corrections_of(life)][1] == (first, second)


@pytest.mark.parametrize(("until", "by"), [(date(2026, 11, 30), -31), (date(2027, 1, 31), 31)])
@pytest.mark.parametrize("paused", ["never", "before", "now"])
def test_an_agreement_with_another_end_moves_the_term_by_as_much_and_paused_days_stay_won(
    until: date, by: int, paused: str
) -> None:
    life = Life().running().later(days=10)
    if paused != "never":
        life.pause()
        life.later(days=9)
    if paused == "before":
        life.go_on()
        life.later(days=1)
    assert life.pilot.agreement is not None
    changed = content(agreed(until=str(until)))
    facts = life.correct(Correctable.AGREEMENT, content(life.pilot.agreement, agreement=changed))
    stands = ["TermSuspendedV1"] if paused == "now" else []
    assert types(facts) == ["EntryCorrectedV1", "TermStartedV1", *stands], "one term in the place of the other, no end"
    assert [one.kind for one in life.pilot.own_terms].count(CARRYING_OUT) == 1
    assert life.pilot.until == until
    if paused == "now":
        assert life.pilot.own_term(CARRYING_OUT).ledger.stopped  # type: ignore[union-attr]
        life.go_on()
    won = 0 if paused == "never" else 10
    assert life.due_day(CARRYING_OUT) == AGREEMENT.until + timedelta(days=by + won)


def test_a_correction_that_leaves_the_end_alone_leaves_the_term_alone(life: Life) -> None:
    life.suspended().later(days=9)
    life.go_on()
    before = life.pilot.own_terms
    assert life.pilot.agreement is not None
    facts = life.correct(Correctable.AGREEMENT, content(life.pilot.agreement, basis=content(basis(number="6"))))
    assert types(facts) == ["EntryCorrectedV1"]
    assert life.pilot.own_terms == before


def test_an_extension_with_another_last_day_moves_the_term_by_as_much(life: Life) -> None:
    life.running()
    life.prolong(date(2027, 3, 31))
    life.correct(Correctable.EXTENSION, content(life.pilot.prolongations[0], until="2027-06-30"))
    assert (life.pilot.until, life.due_day(CARRYING_OUT)) == (date(2027, 6, 30), date(2027, 6, 30))
    life.later(days=10)
    life.pause()
    life.correct(Correctable.EXTENSION, content(life.pilot.prolongations[0], until="2027-01-31"))
    life.later(days=9)
    life.go_on()
    assert life.due_day(CARRYING_OUT) == date(2027, 1, 31) + timedelta(days=10)


def test_the_executors_name_is_corrected_with_the_agreement(life: Life) -> None:
    life.running()
    assert life.pilot.agreement is not None
    renamed = content(party("700000112"), name="ООО «Новый пример»")
    said = content(life.pilot.agreement, agreement=content(agreed(executor=renamed)))
    life.correct(Correctable.AGREEMENT, said)
    assert life.pilot.executor is not None and life.pilot.executor.name == "ООО «Новый пример»"


def test_an_agreement_cannot_be_corrected_to_end_before_the_launch_or_after_the_extension(life: Life) -> None:
    life.running()
    life.prolong(date(2027, 1, 31))
    entry = life.pilot.agreement
    assert entry is not None
    for until, rule in (
        ("2026-04-15", "agreement.ends-before-launch"),
        ("2027-01-31", "agreement.does-not-fit-extension"),
    ):
        changed = content(AGREEMENT, until=until, starts="2026-04-01")
        refusal = life.refused(
            Correction(
                what=Correctable.AGREEMENT,
                place=1,
                content=content(entry, agreement=changed),
                reason="x",
                basis=basis(),
            )
        )
        assert [one.rule for one in refusal.problems] == [rule]
    life.correct(Correctable.AGREEMENT, content(entry, agreement=content(agreed(until="2026-11-30"))))
    assert (life.pilot.until, life.due_day(CARRYING_OUT)) == (date(2027, 1, 31), date(2027, 1, 31))


# ---- shares and money


def money(life: Life) -> dict[tuple[str, str, str, int | None], int]:
    return {(str(one.stage), one.sector, one.source, one.year): one.amount_minor for one in life.pilot.money}


def test_money_is_split_over_the_agreed_shares_and_never_counted_twice() -> None:
    applied = APPLICATION.model_copy(update={"costs": (cost(1000),), "sector_shares": shares(health=5000, trade=5000)})
    life = Life(application=applied).expedient()
    assert [*life.pilot.sectors] == ["health", "trade"]
    assert money(life) == {
        ("planned", "health", "own-money", 2026): 500,
        ("planned", "trade", "own-money", 2026): 500,
    }
    life.do(AgreementEntry(agreement=AGREEMENT, basis=basis()), Launch(started=DAY, basis=basis()))
    life.spend(paid(1), paid(2), paid(10, "local-budget"))
    assert [*life.pilot.sectors] == ["health", "education", "trade"]
    found = money(life)
    assert [found[("planned", sector, "own-money", 2026)] for sector in life.pilot.sectors] == [333, 333, 334]
    committed = [found[("committed", sector, "own-money", 2026)] for sector in life.pilot.sectors]
    assert committed == [33_330, 33_330, 33_341]
    assert [found[("committed", sector, "local-budget", None)] for sector in life.pilot.sectors] == [2, 1, 2]
    assert [found[("paid", sector, "own-money", 2026)] for sector in life.pilot.sectors] == [1, 1, 1]
    assert sum(found[("paid", sector, "local-budget", 2026)] for sector in life.pilot.sectors) == 10


def test_corrected_shares_and_payments_are_what_the_money_is_counted_from(life: Life) -> None:
    life.running()
    life.spend(paid(999))
    assert life.pilot.agreement is not None
    whole = content(AGREEMENT, sector_shares=[], costs=[content(cost(77))])
    life.correct(Correctable.AGREEMENT, content(life.pilot.agreement, agreement=whole))
    life.correct(Correctable.SPENDING, content(life.pilot.spending[0], payments=[content(paid(998))]))
    assert [*life.pilot.sectors] == ["health"]
    assert money(life) == {
        ("committed", "health", "own-money", 2026): 77,
        ("paid", "health", "own-money", 2026): 998,
    }


# ---- the demonstration edition


def test_a_pilot_of_the_demonstration_edition_goes_the_whole_way_without_money_and_criteria() -> None:
    initiator, customer = party("DHS/CBP", scheme="US-FED"), party("DHS", scheme="US-FED")
    application = APPLICATION.model_copy(
        update={"initiator": initiator, "customer": customer, "executor": None, "sector": "health-medical"}
    )
    life = Life(book=BOOK, application=application)
    life.do(enter(application, "demo-us"), ACCEPTED, conclusion())
    life.do(decide())
    plain = agreed(
        customer=content(customer),
        executor=content(initiator),
        costs=[],
        sector_shares=[],
        region="nationwide",
    )
    refusal = life.refused(AgreementEntry(agreement=plain.model_copy(update={"costs": (cost(1),)}), basis=basis()))
    assert [one.rule for one in refusal.problems] == ["costs.refused"]
    life.do(AgreementEntry(agreement=plain, basis=basis()), Launch(started=DAY, basis=basis()))
    life.complete()
    life.commission()
    life.do(propose(edition="demo-us"), judge(edition="demo-us"))
    window = FundingWindow(source="own-money", opens=DAY, closes=DAY)
    plan = PLAN.model_copy(update={"customer": customer, "region": "nationwide"})
    refused = life.refused(scale(replicas=(plan,), windows=(window,)))
    assert [one.rule for one in refused.problems] == ["window.invalid"]
    assert life.pilot.scaling is None, "where there is no money, there is no window of it"
    life.do(scale(replicas=(plan,), windows=()))
    assert (life.stage, life.pilot.money) == ("scaled", ())


def test_the_whole_application_can_be_sent_again_after_a_return(life: Life) -> None:
    life.returned().do(RESUBMITTED)
    assert life.stage == "look-over"
    life.do(RETURNED, RESUBMITTED, ACCEPTED)
    assert life.stage == "expertise"
