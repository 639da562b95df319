"""Every refusal of the register with its code and status, at the stages where it belongs, and nothing changes by it."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest

from contracts.reference import Effectiveness, Expediency
from contracts.steps import (
    AgreementEntry,
    AgreementFailure,
    Commission,
    CreditDecision,
    EarlyStop,
    Judgement,
    Launch,
    PilotExtension,
    PilotResumption,
    PilotSuspension,
    Proposal,
    Scaling,
)
from contracts.words import wordings
from deploy.samples.common import BOOK, DAY, basis, party, with_edition, with_switches
from deploy.samples.registry import (
    AGREEMENT,
    ALL_ON,
    MEMBERS,
    PLAN,
    agreed,
    cost,
    decide,
    judge,
    propose,
    scale,
    shares,
    values,
    votes,
    window,
)
from tests.kit.registry.life import WAYS, Life, at, content, story

TOMORROW, YESTERDAY = DAY + timedelta(days=1), DAY - timedelta(days=1)
BEFORE_STEP = "date.before-the-step-before"
LATE = {"number": "5", "body": "Совет", "kind": "протокол", "date": str(TOMORROW)}


def grant(day: date = DAY) -> CreditDecision:
    return CreditDecision(granted=True, evidence="Работает.", basis=basis(day))


def fail(day: date = DAY) -> AgreementFailure:
    return AgreementFailure(why="Не сошлись.", basis=basis(day))


def suspend(since: date = DAY, day: date = DAY) -> PilotSuspension:
    return PilotSuspension(since=since, why="Ремонт.", basis=basis(day))


def prolong(until: date = date(2027, 3, 31), day: date = DAY) -> PilotExtension:
    return PilotExtension(until=until, why="Задержка.", basis=basis(day))


def stop(day: date = DAY, document: date = DAY) -> EarlyStop:
    return EarlyStop(stopped=day, why="Нет денег.", basis=basis(document))


def name(members: tuple[str, ...] = MEMBERS, day: date = DAY) -> Commission:
    return Commission(members=members, secretary="s-1", basis=basis(day))


def agree(day: date = DAY, **changes: Any) -> AgreementEntry:
    return AgreementEntry(agreement=agreed(**changes), basis=basis(day))


# ---- the order of people's steps

BELONGS: dict[str, tuple[object, set[str]]] = {
    "expediency": (decide(), {"council"}),
    "credit": (grant(), {"council"}),
    "agree": (agree(), {"expedient"}),
    "fail to agree": (fail(), {"expedient"}),
    "launch": (Launch(started=DAY, basis=basis()), {"agreed"}),
    "suspend": (suspend(), {"running"}),
    "resume": (PilotResumption(since=DAY, basis=basis()), {"suspended"}),
    "prolong": (prolong(), {"running", "suspended"}),
    "stop early": (stop(), {"agreed", "running", "suspended"}),
    "commission": (name(), {"running", "suspended", "finished", "at-commission"}),
    "propose": (propose(), {"finished"}),
    "judge": (judge(), {"at-commission"}),
    "scale": (scale(), {"effective", "partly-effective"}),
}


@pytest.mark.parametrize("stage", WAYS)
@pytest.mark.parametrize("step", BELONGS)
def test_each_step_is_taken_at_its_stages_and_refused_at_all_others(stage: str, step: str) -> None:
    command, stages = BELONGS[step]
    life = at(stage)
    if stage not in stages:
        refusal = life.refused(command)
        assert (refusal.code, refusal.status) == ("pilot.out-of-order", 409)
    elif step == "credit":
        assert life.refused(command).code == "credit.off", "this pilot asks for none"
    else:
        [fact, *_] = life.do(command)
        assert fact.basis == command.basis  # type: ignore[attr-defined]


@pytest.mark.parametrize("step", BELONGS)
def test_there_is_nothing_to_decide_on_an_unknown_pilot(step: str) -> None:
    refusal = story.refused(None, BELONGS[step][0], given=ALL_ON)
    assert (refusal.code, refusal.status) == ("pilot.unknown", 404)


# ---- dates

FUTURE: list[tuple[str, object]] = [
    ("council", decide(day=TOMORROW)),
    ("expedient", agree(TOMORROW)),
    ("expedient", fail(TOMORROW)),
    ("agreed", Launch(started=TOMORROW, basis=basis())),
    ("agreed", Launch(started=DAY, basis=basis(TOMORROW))),
    ("running", suspend(TOMORROW)),
    ("running", suspend(DAY, TOMORROW)),
    ("suspended", PilotResumption(since=TOMORROW, basis=basis())),
    ("suspended", PilotResumption(since=DAY, basis=basis(TOMORROW))),
    ("running", prolong(day=TOMORROW)),
    ("running", stop(TOMORROW)),
    ("running", stop(DAY, TOMORROW)),
    ("finished", name(day=TOMORROW)),
    ("finished", propose(day=TOMORROW)),
    ("at-commission", judge(day=TOMORROW)),
    ("effective", scale(day=TOMORROW)),
]
FIRST_INSTANT = datetime(2026, 4, 16, 21, 0, tzinfo=UTC)
"""Midnight in Minsk, with which the next day begins."""


@pytest.mark.parametrize(
    ("stage", "command"), FUTURE, ids=lambda one: one if isinstance(one, str) else type(one).__name__
)
def test_a_day_that_has_not_come_is_refused_until_its_first_instant_in_the_zone_of_the_edition(
    stage: str, command: object
) -> None:
    life = at(stage)
    life.now = FIRST_INSTANT - timedelta(milliseconds=1)
    refusal = life.refused(command)
    assert (refusal.code, refusal.status) == ("date.future", 422)
    life.now = FIRST_INSTANT
    assert life.do(command)


def test_the_decision_on_a_credit_is_not_dated_ahead() -> None:
    assert Life().credit_asked().refused(grant(TOMORROW)).code == "date.future"


BEFORE: list[tuple[str, object]] = [
    ("council", decide(day=date(2026, 3, 1))),
    ("expedient", agree(YESTERDAY)),
    ("expedient", fail(YESTERDAY)),
    ("agreed", Launch(started=YESTERDAY, basis=basis())),
    ("agreed", Launch(started=DAY, basis=basis(YESTERDAY))),
    ("agreed", stop(YESTERDAY)),
    ("running", suspend(YESTERDAY)),
    ("running", suspend(DAY, YESTERDAY)),
    ("suspended", PilotResumption(since=YESTERDAY, basis=basis())),
    ("suspended", PilotResumption(since=DAY, basis=basis(YESTERDAY))),
    ("running", prolong(day=YESTERDAY)),
    ("running", stop(YESTERDAY)),
    ("running", stop(DAY, YESTERDAY)),
    ("running", name(day=YESTERDAY)),
    ("finished", propose(day=YESTERDAY)),
    ("at-commission", judge(day=YESTERDAY)),
    ("effective", scale(day=YESTERDAY)),
]


@pytest.mark.parametrize(
    ("stage", "command"), BEFORE, ids=lambda one: one if isinstance(one, str) else type(one).__name__
)
def test_a_day_before_the_step_that_it_follows_is_refused(stage: str, command: object) -> None:
    refusal = at(stage).refused(command)
    assert (refusal.code, refusal.status) == ("date.before-the-step-before", 422)


def test_a_second_decision_of_the_council_is_not_older_than_the_first() -> None:
    life = at("council")
    life.do(decide(Expediency.POSTPONED))
    assert life.refused(decide(day=YESTERDAY)).code == "date.before-the-step-before"


# ---- what is wrong with an agreement

WRONG_AGREEMENTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "customer without a valid number": (
        {"customer": content(party("700000126"))},
        "/agreement/customer/id/value",
        "party.check-digit",
    ),
    "customer of a scheme that customers do not have": (
        {"customer": content(party("7707083893", scheme="RU-INN"))},
        "/agreement/customer/id/scheme",
        "party.scheme",
    ),
    "customer that is a person": (
        {"customer": content(party("MA1953684"))},
        "/agreement/customer/id/value",
        "party.not-legal-entity",
    ),
    "customer that is called as a person is": (
        {"customer": content(party("790000016", "Образцова Мария Примеровна"))},
        "/agreement/customer/name",
        "party.person-name",
    ),
    "another executor": ({"executor": content(party("700000140"))}, "/agreement/executor", "executor.other"),
    "ends before it starts": ({"until": "2026-04-15"}, "/agreement/until", "dates.order"),
    "a day too long": ({"until": "2027-04-16"}, "/agreement/until", "pilot.too-long"),
    "shares that do not sum": (
        {"sector_shares": [content(one) for one in shares(health=5000, trade=4999)]},
        "/agreement/sector_shares",
        "shares.sum",
    ),
    "shares without the pilot's own sector": (
        {"sector_shares": [content(one) for one in shares(education=5000, trade=5000)]},
        "/agreement/sector_shares",
        "shares.sector",
    ),
    "an unknown sector": (
        {"sector_shares": [content(one) for one in shares(health=5000, magic=5000)]},
        "/agreement/sector_shares/1/sector",
        "sector.unknown",
    ),
    "a sector twice": (
        {"sector_shares": [content(one) for one in (*shares(health=5000), *shares(health=5000))]},
        "/agreement/sector_shares/1/sector",
        "sector.twice",
    ),
    "an unknown region": ({"region": "atlantis"}, "/agreement/region", "region.unknown"),
    "an unknown source": (
        {"costs": [content(cost(1)), content(cost(1, "lottery"))]},
        "/agreement/costs/1/source",
        "source.unknown",
    ),
    "another currency": (
        {"costs": [content(cost(1), currency="RUB")]},
        "/agreement/costs/0/currency",
        "currency.unknown",
    ),
    "an indicator twice": (
        {"indicators": [content(AGREEMENT.indicators[0])] * 2},
        "/agreement/indicators/1/code",
        "indicator.twice",
    ),
}


@pytest.mark.parametrize("wrong", WRONG_AGREEMENTS)
def test_each_fault_of_an_agreement_is_named_at_its_place(wrong: str) -> None:
    changes, pointer, rule = WRONG_AGREEMENTS[wrong]
    refusal = at("expedient").refused(agree(**changes))
    assert (refusal.code, refusal.status) == ("agreement.invalid", 422)
    assert [(one.pointer, one.rule) for one in refusal.problems] == [(pointer, rule)]
    assert all(one.message and one.message_ru for one in refusal.problems)


def test_a_day_after_which_none_can_be_counted_is_named_where_an_edition_allows_such_years() -> None:
    life = at("expedient")
    edition = life.book.edition("by-2024")
    last = edition.numbers.last_year.model_copy(update={"value": 9999})
    numbers = edition.numbers.model_copy(update={"last_year": last})
    life.book = with_edition(edition.model_copy(update={"numbers": numbers}), life.book)
    refusal = life.refused(agree(until="9999-12-31"))
    assert [(one.pointer, one.rule) for one in refusal.problems] == [("/agreement/until", "date.too-far")]


def test_all_faults_of_an_agreement_are_named_at_once() -> None:
    changes = {name: value for one, _, _ in WRONG_AGREEMENTS.values() for name, value in one.items()}
    assert len(at("expedient").refused(agree(**changes)).problems) >= len(changes)


def test_the_longest_agreement_is_as_long_as_the_edition_says() -> None:
    life = at("expedient")
    life.do(agree(until="2027-04-15"))
    assert life.stage == "agreed"


def test_the_launch_comes_before_the_agreed_end() -> None:
    life = Life().agreed(until=str(TOMORROW))
    life.later(days=5)
    refusal = life.refused(Launch(started=DAY + timedelta(days=2), basis=basis(life.day)))
    assert (refusal.code, refusal.status) == ("launch.after-end", 422)
    life.do(Launch(started=TOMORROW, basis=basis(life.day)))


def test_the_launch_does_not_come_before_the_agreed_first_day() -> None:
    life = Life().agreed(starts=str(TOMORROW)).later(days=5)
    refusal = life.refused(Launch(started=DAY, basis=basis(life.day)))
    assert (refusal.code, refusal.status) == ("launch.before-start", 422)
    life.do(Launch(started=TOMORROW, basis=basis(life.day)))


# ---- all that is wrong with one step is named at once


def test_all_that_is_wrong_with_a_judgement_is_named_at_once() -> None:
    life = at("at-commission")
    life.book = BOOK
    wrong = Judgement(
        outcome=Effectiveness.PARTLY,
        text="Протокол.",
        values=GRADES[1:],
        present=MEMBERS[:5],
        votes=votes(5, 1),
        basis=basis(TOMORROW),
    )
    refusal = life.refused(wrong)
    assert (refusal.code, refusal.status) == ("date.future", 422), "the code is that of the first"
    assert [one.rule for one in refusal.problems] == [
        "date.future",
        "effectiveness.partly",
        "criterion.missing",
        "commission.no-quorum",
        "votes.sum",
    ]
    assert all(one.message and one.message_ru for one in refusal.problems)


@pytest.mark.parametrize(
    ("stage", "command", "rules"),
    [
        ("expedient", agree(TOMORROW, region="atlantis"), ["date.future", "region.unknown"]),
        (
            "agreed",
            Launch(started=TOMORROW, basis=basis(YESTERDAY)),
            ["date.before-the-step-before", "date.future"],
        ),
        ("running", suspend(YESTERDAY, TOMORROW), ["date.future", "date.before-the-step-before"]),
        (
            "suspended",
            PilotResumption(since=YESTERDAY, basis=basis(TOMORROW)),
            ["date.future", "date.before-the-step-before"],
        ),
        ("running", prolong(DAY, TOMORROW), ["date.future", "pilot.extension-bounds"]),
        ("running", stop(YESTERDAY, TOMORROW), ["date.future", "date.before-the-step-before"]),
        ("running", name(MEMBERS[:8], TOMORROW), ["date.future", "commission.too-small"]),
        (
            "finished",
            Proposal(outcome=Effectiveness.EFFECTIVE, text="x", values=(), basis=basis(TOMORROW)),
            ["date.future", "criterion.missing"],
        ),
        ("effective", scale(day=TOMORROW, windows=()), ["date.future", "windows.missing"]),
    ],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__,
)
def test_a_wrong_date_hides_no_other_fault_of_a_step(stage: str, command: object, rules: list[str]) -> None:
    refusal = at(stage).refused(command)
    assert (refusal.code, refusal.status) == (rules[0], 422)
    assert list(dict.fromkeys(one.rule for one in refusal.problems)) == rules


# ---- what is wrong with a proposal, a judgement, a scaling decision


@pytest.mark.parametrize(("stage", "step"), [("finished", propose), ("at-commission", judge)])
def test_partly_effective_is_a_switch_of_the_edition(stage: str, step: Callable[..., object]) -> None:
    life = at(stage)
    life.book = BOOK
    refusal = life.refused(step(Effectiveness.PARTLY))
    assert (refusal.code, refusal.status) == ("effectiveness.partly", 422)
    life.book = with_switches("by-2024", partly_effective=True)
    assert life.do(step(Effectiveness.PARTLY))


GRADES = values()
WRONG_VALUES = {
    "one is missing": (GRADES[1:], "/values", "criterion.missing"),
    "one is unknown": (
        (*GRADES, GRADES[0].model_copy(update={"criterion": "beauty"})),
        "/values/4/criterion",
        "criterion.unknown",
    ),
    "one is there twice": ((*GRADES, GRADES[0]), "/values/4/criterion", "criterion.unknown"),
    "one is below the scale": (
        (GRADES[0].model_copy(update={"value": -1}), *GRADES[1:]),
        "/values/0/value",
        "score.off-scale",
    ),
    "one is above the scale": (
        (GRADES[0].model_copy(update={"value": 6}), *GRADES[1:]),
        "/values/0/value",
        "score.off-scale",
    ),
}


@pytest.mark.parametrize("wrong", WRONG_VALUES)
def test_every_criterion_of_effectiveness_has_one_value_on_the_scale(wrong: str) -> None:
    said, pointer, rule = WRONG_VALUES[wrong]
    effective = Effectiveness.EFFECTIVE
    refusals = [
        at("finished").refused(Proposal(outcome=effective, text="Предложение.", values=said, basis=basis())),
        at("at-commission").refused(
            Judgement(outcome=effective, text="Протокол.", values=said, present=MEMBERS, votes=votes(9), basis=basis())
        ),
    ]
    for refusal in refusals:
        assert (refusal.code, refusal.status) == ("values.invalid", 422)
        assert [(one.pointer, one.rule) for one in refusal.problems] == [(pointer, rule)]


WRONG_PLANS = {
    "copies without money": (scale(windows=()), "/windows", "windows.missing"),
    "copies without a place": (scale(replicas=()), "/replicas", "replicas.missing"),
    "a window that closes before it opens": (
        scale(windows=(window().model_copy(update={"closes": YESTERDAY}),)),
        "/windows/0",
        "window.invalid",
    ),
    "a window of an unknown source": (
        scale(windows=(window(), window().model_copy(update={"source": "lottery"}))),
        "/windows/1",
        "window.invalid",
    ),
    "copies though none are wanted": (
        scale(Scaling.DO_NOT_SCALE, replicas=(PLAN,)),
        "/replicas",
        "replicas.unwanted",
    ),
    "money though nothing is copied": (
        scale(Scaling.CATALOGUE_ONLY, windows=(window(),)),
        "/replicas",
        "replicas.unwanted",
    ),
    "a copy in an unknown region": (
        scale(replicas=(PLAN.model_copy(update={"region": "atlantis"}),)),
        "/replicas/0/region",
        "region.unknown",
    ),
    "a copy for who is called as a person is": (
        scale(replicas=(PLAN.model_copy(update={"customer": party("790000016", "ИП Примеров И. П.")}),)),
        "/replicas/0/customer/name",
        "party.person-name",
    ),
    "a copy for nobody": (
        scale(replicas=(PLAN, PLAN.model_copy(update={"customer": party("700000126")}))),
        "/replicas/1/customer/id/value",
        "party.check-digit",
    ),
}


@pytest.mark.parametrize("wrong", WRONG_PLANS)
def test_each_fault_of_a_scaling_decision_is_named_at_its_place(wrong: str) -> None:
    command, pointer, rule = WRONG_PLANS[wrong]
    refusal = at("effective").refused(command)
    assert (refusal.code, refusal.status) == ("scaling.invalid", 422)
    assert [(one.pointer, one.rule) for one in refusal.problems] == [(pointer, rule)]


def test_no_refusal_is_without_a_test() -> None:
    domain = files("services.registry.domain")
    said = "".join(domain.joinpath(one).read_text(encoding="utf-8") for one in PARTS)
    codes = set(re.findall(r'"([a-z-]+\.[a-z-]+)"', said)) & set(wordings())
    here = files("services").joinpath("..", "tests", "unit")
    tests = [f"test_registry_{one}.py" for one in ("refusals", "corrections", "scenarios", "domain")]
    tested = "".join(here.joinpath(one).read_text(encoding="utf-8") for one in tests)
    assert codes and {code for code in codes if f'"{code}"' not in tested} == set()


PARTS = (
    "order.py",
    "council.py",
    "agreeing.py",
    "carrying_out.py",
    "judging.py",
    "correcting.py",
    "corrections.py",
    "decide.py",
    "recording.py",
    "terms.py",
)
