"""Figures over all pilots: every sum adds up both ways, whatever changes; and the view survives what happens to it."""

import itertools
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.event import Actor, Basis
from contracts.reference import (
    Clock,
    CostLine,
    Effectiveness,
    Indicator,
    IndicatorValue,
    LegalEffect,
    Payment,
    SectorShare,
    Term,
    TermUnit,
)
from contracts.registry import EntryCorrectedV1, SpendingRecordedV1, TermRecordedV1, TermStage
from contracts.steps import Agreement, AgreementEntry, Correctable, Judgement, Scaling, ScalingDecision, Votes
from services.chassis.fold import state_json
from services.chassis.problems import Problematic
from services.chassis.store import Row
from services.law import ledger as term
from services.registry import views
from services.registry.api.money import proof
from services.registry.domain.evolve import evolve
from services.registry.domain.stages import Stage
from services.registry.domain.state import OwnTerm, PastTerms, Pilot, Replica, RunningTerm, SpendingEntry, Stay
from services.registry.figures import figures as figures_module
from services.registry.figures import questions
from services.registry.figures.figures import Figures, begin_anew, in_memory, open_figures
from services.registry.figures.questions import Axis, MoneyAsked, MoneyFilters
from tests.calendars import BY
from tests.effort import examples
from tests.unit.story import APPLICATION, NOW, party

SECTORS = ("health", "transport", "education", "ecology", "trade")
SOURCES = ("republican-budget", "local-innovation-fund", "own-money", "unspecified")
BASIS = Basis(body="Совет", kind="протокол", number="5", date=date(2026, 4, 15))
ACTOR = Actor(id="u-1", role="registrar")
AXES: tuple[Axis, ...] = ("sector", "year", "stage", "source", "agency", "region")
Sums = dict[tuple[Any, ...], int]


# ---- pilots at random, and what is naively added up from their documents


def shares(chance: Random) -> tuple[SectorShare, ...]:
    some = chance.sample(SECTORS, chance.randint(1, 4))
    cuts = sorted(chance.sample(range(1, 10_000), len(some) - 1))
    points = [b - a for a, b in itertools.pairwise((0, *cuts, 10_000))]
    return tuple(SectorShare(sector=s, basis_points=p) for s, p in zip(some, points, strict=True))


def amount(chance: Random) -> int:
    return chance.choice((0, 1, chance.randint(2, 10_000), chance.randint(10_000, 10**13)))


def costs(chance: Random) -> tuple[CostLine, ...]:
    return tuple(
        CostLine(
            source=chance.choice(SOURCES),
            year=chance.choice((None, 2025, 2026, 2027)),
            amount_minor=amount(chance),
            currency=chance.choice(("BYN", "BYN", "RUB")),
        )
        for _ in range(chance.randint(0, 4))
    )


def payments(chance: Random) -> tuple[Payment, ...]:
    return tuple(
        Payment(
            source=chance.choice(SOURCES),
            year=chance.choice((2025, 2026)),
            amount_minor=amount(chance),
            currency="BYN",
            paid=date(2026, 5, 1),
        )
        for _ in range(chance.randint(1, 3))
    )


def agreement(chance: Random) -> AgreementEntry:
    said = Agreement(
        customer=party("700000125"),
        executor=party("700000112"),
        programme="Программа.",
        starts=date(2026, 5, 1),
        until=date(2027, 5, 1),
        indicators=(Indicator(code="queue", title="Очередь", unit="дней", baseline="10", target="2"),),
        costs=costs(chance),
        sector_shares=shares(chance) if chance.random() < 0.5 else (),
        region=chance.choice((None, "minsk", "brest")),
    )
    return AgreementEntry(agreement=said, basis=BASIS)


def pilot(chance: Random, **more: Any) -> Pilot:
    application = APPLICATION.model_copy(
        update={
            "sector": chance.choice(SECTORS),
            "costs": costs(chance),
            "sector_shares": shares(chance) if chance.random() < 0.5 else (),
            "region": chance.choice((None, "minsk", "gomel")),
        }
    )
    spending = tuple(SpendingEntry(event_id=f"e{n}", payments=payments(chance)) for n in range(chance.randint(0, 2)))
    said: dict[str, Any] = {
        "stage": chance.choice(list(Stage)),
        "agency": chance.choice(("minzdrav", "mintrans", "minobr")),
        "number": "ПП-2026-000123",
        "edition": "by-2024",
        "submitted": NOW,
        "entered": NOW,
        "application": application,
        "agreement": agreement(chance) if chance.random() < 0.6 else None,
        "spending": spending,
    }
    return Pilot(**{**said, **more})


def row(id_: str, state: Pilot) -> Row:
    return {"_id": id_, "kind": "pilot", "version": 1, "correlation": None, "state": state_json(state)}


def rows(pilots: Mapping[str, Pilot]) -> list[Row]:
    return [row(id_, state) for id_, state in pilots.items()]


def counted(pilots: Mapping[str, Pilot], by: Sequence[str]) -> Sums:
    """Sums by axes, currency and stage. Without the sector, from the very entries, which nothing has split."""
    return summed(said_of(pilots, split="sector" in by), by)


def said_of(pilots: Mapping[str, Pilot], *, split: bool) -> list[dict[str, Any]]:
    return [
        {"agency": state.agency, "region": state.region, **one}
        for state in pilots.values()
        for one in (lines(state) if split else entries(state))
    ]


def summed(said: Iterable[Mapping[str, Any]], by: Sequence[str]) -> Sums:
    sums: Sums = defaultdict(int)
    for one in said:
        sums[tuple(one[name] for name in (*by, "currency", "stage"))] += one["amount"]
    return dict(sums)


def lines(state: Pilot) -> Iterator[dict[str, Any]]:
    for one in state.money:
        said = {"sector": one.sector, "source": one.source, "year": one.year, "currency": one.currency}
        yield {**said, "stage": one.stage.value, "amount": one.amount_minor}


def entries(state: Pilot) -> Iterator[dict[str, Any]]:
    agreed = state.agreement.agreement.costs if state.agreement else ()
    paid = [payment for one in state.spending for payment in one.payments]
    some: tuple[tuple[str, Iterable[Any]], ...] = (
        ("planned", state.application.costs),
        ("committed", agreed),
        ("paid", paid),
    )
    for stage, said in some:
        for one in said:
            what = {"source": one.source, "year": one.year, "currency": one.currency}
            yield {**what, "stage": stage, "amount": one.amount_minor}


def asked(figures: Figures, by: Sequence[Axis], filters: MoneyFilters | None = None, limit: int = 37) -> Sums:
    """The sums by axes as the figures say them, gathered page by page; every page's totals must reconcile."""
    sums: Sums = {}
    after = None
    while True:
        question = MoneyAsked(tuple(by), filters or {}, after, limit)
        _, answer = figures.ask(question.key, partial(questions.money, asked=question))
        for one in answer["items"]:
            key = tuple(one[name] for name in (*by, "currency", "stage"))
            assert key not in sums, "no sum stands on two pages"
            sums[key] = one["amount_minor"]
        for total in answer["totals"]:
            assert total["here_minor"] + total["elsewhere_minor"] == total["amount_minor"]
        figures._kept.clear()
        if answer["next"] is None:
            break
        after = tuple(answer["next"])
    for total in answer["totals"]:
        mine = [v for k, v in sums.items() if k[-2:] == (total["currency"], total["stage"])]
        assert sum(mine) == total["amount_minor"], "all pages together are the total"
    return sums


def positive(sums: Sums) -> Sums:
    """Without rows of nothing: an entry of 0 is a row of the view where the naive sum has it too."""
    return {key: value for key, value in sums.items() if value}


@cache
def subsets() -> list[tuple[Axis, ...]]:
    return [some for size in range(len(AXES) + 1) for some in itertools.combinations(AXES, size)]


def same_both_ways(figures: Figures, pilots: Mapping[str, Pilot]) -> None:
    whole, split = said_of(pilots, split=False), said_of(pilots, split=True)
    for by in subsets():
        found = asked(figures, by, limit=5000)
        assert positive(found) == positive(summed(split if "sector" in by else whole, by)), by
        assert all(type(value) is int for value in found.values()), "money is never a fraction"


def corrected(state: Pilot, chance: Random) -> Pilot:
    """The pilot after another payment, or after an entry was put right."""
    if state.spending and chance.random() < 0.5:
        now = {"event_id": "e0", "payments": [one.model_dump(mode="json") for one in payments(chance)]}
        what, place = Correctable.SPENDING, 1
    elif state.agreement is not None:
        now = agreement(chance).model_dump(mode="json")
        what, place = Correctable.AGREEMENT, 1
    else:
        fact = SpendingRecordedV1(actor=ACTOR, at=NOW, event_id="e9", payments=payments(chance))
        after = evolve(state, fact)
        assert after is not None
        return after
    said: dict[str, Any] = {"reason": "Описка.", "basis": BASIS, "was": None, "now": now}
    after = evolve(state, EntryCorrectedV1(actor=ACTOR, at=NOW, what=what, place=place, **said))
    assert after is not None
    return after


def filled(pilots: Mapping[str, Pilot]) -> Figures:
    figures = in_memory()
    figures.put(rows(pilots))
    figures.commit({0: len(pilots)}, whole=True)
    return figures


# ---- money


@pytest.mark.slow
def test_the_money_of_thousands_of_pilots_adds_up_by_every_grouping_before_and_after_corrections() -> None:
    chance = Random(20_260_416)
    pilots = {f"p{n}": pilot(chance) for n in range(3000)}
    figures = filled(pilots)
    same_both_ways(figures, pilots)
    changed = {id_: corrected(pilots[id_], chance) for id_ in chance.sample(sorted(pilots), 800)}
    gone = chance.sample(sorted(pilots.keys() - changed.keys()), 100)
    assert sum(changed[id_].money != pilots[id_].money for id_ in changed) > 700, "the corrections change the money"
    figures.put(rows(changed), gone)
    figures.commit({0: 4000}, whole=True)
    same_both_ways(figures, {id_: state for id_, state in {**pilots, **changed}.items() if id_ not in gone})
    figures.close()


steps = st.lists(
    st.tuples(st.dictionaries(st.sampled_from("abcde"), st.integers(0, 30)), st.sets(st.sampled_from("abcde"))),
    max_size=6,
)


@examples(40)
@given(steps=steps, together=st.booleans())
def test_whatever_comes_in_whatever_order_each_pilot_counts_once_as_it_was_put_last(
    steps: list[tuple[dict[str, int], set[str]]], together: bool
) -> None:
    figures, known = in_memory(), dict[str, Pilot]()
    for number, (put, gone) in enumerate(steps):
        some = {id_: pilot(Random(seed)) for id_, seed in put.items()}
        figures.put([*rows(some), *rows(some)], gone - some.keys())
        if not together:
            figures.commit({0: number}, whole=True)
        known = {id_: state for id_, state in {**known, **some}.items() if id_ not in gone - some.keys()}
    figures.commit({0: len(steps)}, whole=True)
    for by in (("source", "year"), ("sector", "agency")):
        assert positive(asked(figures, by)) == positive(counted(known, by))
    _, funnel = figures.ask("f", lambda cursor: questions.funnel(cursor, {}))
    assert funnel["pilots"] == len(known)
    figures.close()


FILTERED: list[tuple[MoneyFilters, Any]] = [
    ({"sector": ["health", "trade"]}, lambda e: e["sector"] in ("health", "trade")),
    ({"year": ["unspecified"]}, lambda e: e["year"] is None),
    ({"year": ["2026", "unspecified"]}, lambda e: e["year"] in (2026, None)),
    ({"region": ["unspecified"]}, lambda e: e["region"] is None),
    (
        {"source": ["unspecified"], "currency": ["RUB"]},
        lambda e: (e["source"], e["currency"]) == ("unspecified", "RUB"),
    ),
    ({"stage": ["paid"], "agency": ["minobr"]}, lambda e: (e["stage"], e["agency"]) == ("paid", "minobr")),
    ({"agency": ["x\x00'; DROP TABLE lines; --"]}, lambda _e: False),
]


@pytest.mark.parametrize(("filters", "fits"), FILTERED, ids=[str(one) for one, _ in FILTERED])
def test_a_filter_leaves_what_fits_it_and_nothing_else(filters: MoneyFilters, fits: Any) -> None:
    chance = Random(7)
    pilots = {f"p{n}": pilot(chance) for n in range(200)}
    naive: Sums = defaultdict(int)
    for state in pilots.values():
        for one in lines(state):
            if fits({**one, "agency": state.agency, "region": state.region}):
                naive[one["currency"], one["stage"]] += one["amount"]
    assert positive(asked(filled(pilots), (), filters)) == positive(naive)


def test_a_pilot_of_many_sectors_is_one_pilot_in_every_total() -> None:
    cost = (CostLine(source="own-money", year=2026, amount_minor=100, currency="BYN"),)
    thirds = tuple(SectorShare(sector=s, basis_points=p) for s, p in zip(SECTORS[:3], (3333, 3333, 3334), strict=True))
    one = pilot(
        Random(1),
        agreement=None,
        spending=(),
        application=APPLICATION.model_copy(update={"costs": cost, "sector_shares": thirds}),
    )
    _, answer = filled({"p": one}).ask("m", lambda cursor: questions.money(cursor, MoneyAsked()))
    assert [(i["sector"], i["amount_minor"], i["pilots"]) for i in answer["items"]] == [
        ("education", 34, 1),
        ("health", 33, 1),
        ("transport", 33, 1),
    ]
    [total] = answer["totals"]
    assert (total["amount_minor"], total["pilots"]) == (100, 1)


def test_sums_beyond_sixty_four_bits_stay_exact() -> None:
    cost = tuple(CostLine(source=source, year=2026, amount_minor=10**15, currency="BYN") for source in SOURCES)
    one = pilot(Random(1), agreement=None, spending=(), application=APPLICATION.model_copy(update={"costs": cost}))
    pilots = {f"p{n}": one for n in range(3000)}
    [total] = asked(filled(pilots), ()).values()
    assert total == 3000 * 4 * 10**15 > 2**63


@given(seed=st.integers(0, 2**32))
def test_the_proof_of_a_pilot_shows_parts_that_are_the_whole(seed: int) -> None:
    state = pilot(Random(seed))
    shown = proof(views.internal_state(state))
    assert shown["exact"]
    wholes: Sums = defaultdict(int)
    for one in entries(state):
        wholes[one["stage"], one["source"], one["year"], one["currency"]] += one["amount"]
    said = {(o["stage"], o["source"], o["year"], o["currency"]): o["whole_minor"] for o in shown["lines"]}
    assert said == dict(wholes)
    for one in shown["lines"]:
        assert sum(part["amount_minor"] for part in one["parts"]) == one["whole_minor"] == one["parts_minor"]
    assert shown["shares"] == [one.model_dump() for one in state.shares]


# ---- the other questions


def at(days: float) -> datetime:
    return NOW + timedelta(days=days)


def stayed(*stays: tuple[Stage, str, float, float | None]) -> tuple[Stay, ...]:
    return tuple(
        Stay(stage=stage, sector=sector, since=at(since), until=None if until is None else at(until))
        for stage, sector, since, until in stays
    )


def told(figures: Figures, question: Any, **filters: str) -> dict[str, Any]:
    _, answer = figures.ask((question.__name__, *filters.items()), lambda cursor: question(cursor, filters))
    return answer


def test_the_funnel_counts_pilots_where_they_stand_and_days_of_stays_that_are_over() -> None:
    look, at_work = Stage.LOOK_OVER, Stage.EXPERTISE
    pilots = {
        f"p{n}": pilot(
            Random(n),
            stage=at_work,
            history=stayed((look, "health", 0, n), (at_work, "health", n, None)),
        )
        for n in range(1, 11)
    }
    funnel = told(filled(pilots), questions.funnel)
    stages = {one["stage"]: one for one in funnel["stages"]}
    assert list(stages) == list(Stage), "every stage, also one where nobody is"
    assert stages["expertise"] == {
        "stage": "expertise",
        "pilots": 10,
        "stays_over": 0,
        "median_days": None,
        "p90_days": None,
    }
    assert (stages["look-over"]["stays_over"], stages["look-over"]["median_days"]) == (10, 5.5)
    assert stages["look-over"]["p90_days"] == 9.1


def test_a_change_of_sector_does_not_end_a_stay_and_a_return_is_another_one() -> None:
    look, back = Stage.LOOK_OVER, Stage.RETURNED
    history = stayed(
        (look, "health", 0, 2),
        (look, "trade", 2, 4),
        (back, "trade", 4, 5),
        (look, "trade", 5, 7),
        (back, "trade", 7, 8),
    )
    funnel = told(filled({"p": pilot(Random(1), history=history)}), questions.funnel)
    over = {one["stage"]: (one["stays_over"], one["median_days"]) for one in funnel["stages"] if one["stays_over"]}
    assert over == {"look-over": (2, 3.0), "returned": (2, 1.0)}


def own_term(kind: str, ended: float | None = None, breached: bool = False) -> OwnTerm:
    """A term of ten calendar days from `NOW`."""
    days = BY
    begun = Term(
        kind=kind,
        budget=10,
        unit=TermUnit.CALENDAR_DAYS,
        calendar=days.id,
        calendar_version=days.version,
        legal_effect=LegalEffect.ALARM,
        started=NOW,
        zone="Europe/Minsk",
        origin="assumption",
    )
    ledger = term.open_ledger(begun).model_copy(update={"breached": breached})
    if ended is None:
        return OwnTerm(ledger=ledger, clock=Clock(due_at=term.due_at(ledger, days)))
    late = term.overdue(ledger, at(ended), days)
    return OwnTerm(ledger=term.end(ledger, at(ended)), clock=Clock(), late=late)


def test_terms_are_kept_broken_or_running_whether_they_are_the_registers_or_another_services() -> None:
    report = "progress-report"
    one = pilot(
        Random(1),
        own_terms=(
            own_term(report, ended=5),
            own_term(report, ended=10.4),
            own_term(report, ended=12),
            own_term(report, ended=20, breached=True),
            own_term(report),
            own_term(report, breached=True),
        ),
        foreign_terms=(
            RunningTerm(kind="clarification", due_at=NOW),
            RunningTerm(kind="look-over", due_at=NOW, breached=True),
        ),
        past_terms=(PastTerms(kind="expertise", kept=2, broken=1), PastTerms(kind="look-over", kept=1, broken=1)),
    )
    answer = told(filled({"p": one, "q": one.model_copy(update={"own_terms": ()})}), questions.terms)

    def counts(kind: str, own: bool, kept: int, broken: int, running: int, broken_and_open: int) -> dict[str, Any]:
        said = {"kind": kind, "own": own, "kept": kept, "broken": broken}
        return {**said, "running": running, "broken_and_open": broken_and_open}

    assert answer["kinds"] == [
        counts(report, True, 2, 3, 1, 1),
        counts("clarification", False, 0, 0, 2, 0),
        counts("expertise", False, 4, 2, 0, 0),
        counts("look-over", False, 2, 4, 0, 2),
    ]


def test_a_term_that_another_service_announced_is_counted_as_kept_or_broken_once_it_ends() -> None:
    state: Pilot | None = pilot(Random(1), own_terms=(), foreign_terms=())
    counted = list[Any]()
    for stage in ("started", "ended", "started", "breached", "ended"):
        said = TermRecordedV1(actor=ACTOR, kind="look-over", stage=TermStage(stage), due_at=NOW)
        state = evolve(state, said)
        assert state is not None
        [one] = told(filled({"p": state}), questions.terms)["kinds"]
        counted.append((one["kept"], one["broken"], one["running"], one["broken_and_open"]))
    assert counted == [(0, 0, 1, 0), (1, 0, 0, 0), (1, 0, 1, 0), (1, 1, 0, 1), (1, 1, 0, 0)]


def measured(sector: str, **values: str) -> Pilot:
    """A pilot that is to bring two indicators from 10 to 2."""
    indicators = tuple(
        Indicator(code=code, title="Показатель", unit="дней", baseline="10", target="2") for code in ("one", "two")
    )
    entry = agreement(Random(1))
    agreed = entry.agreement.model_copy(update={"indicators": indicators})
    known = tuple(IndicatorValue(indicator=c, value=v, measured=date(2026, 6, 1)) for c, v in values.items())
    return pilot(
        Random(1),
        application=APPLICATION.model_copy(update={"sector": sector}),
        agreement=entry.model_copy(update={"agreement": agreed}),
        values=known,
    )


def test_targets_are_counted_by_sector_also_those_that_nobody_measured() -> None:
    pilots = {
        "a": measured("health", one="2", two="1"),
        "b": measured("health", one="5"),
        "c": measured("trade", one="2", two="9"),
    }
    answer = told(filled(pilots), questions.results)
    health = {"sector": "health", "pilots": 2, "indicators": 4, "measured": 3, "reached": 2, "pilots_all_reached": 1}
    trade = {"sector": "trade", "pilots": 1, "indicators": 2, "measured": 2, "reached": 1, "pilots_all_reached": 0}
    assert answer["sectors"] == [health, trade]
    assert answer["totals"]["reached"] == 3
    assert told(filled(pilots), questions.results, sector="trade")["sectors"] == [trade]


def judged(outcome: Effectiveness, decision: Scaling | None, *replicas: Effectiveness | None) -> Pilot:
    votes = Votes(in_favour=9, against=0, abstained=0)
    judgement = Judgement(outcome=outcome, text="Решено.", values=(), present=("m-1",), votes=votes, basis=BASIS)
    scaling = ScalingDecision(decision=decision, evidence="Отчёт.", basis=BASIS) if decision else None
    copies = tuple(Replica(pilot=f"r{n}", number=f"N{n}", outcome=one) for n, one in enumerate(replicas))
    application = APPLICATION.model_copy(update={"sector": "health"})
    return pilot(Random(1), application=application, judgement=judgement, scaling=scaling, replicas=copies)


def test_scaling_counts_judgements_decisions_and_what_became_of_replicas() -> None:
    good, bad = Effectiveness.EFFECTIVE, Effectiveness.INEFFECTIVE
    pilots = {
        "a": judged(good, Scaling.SCALE, good, bad, None),
        "b": judged(good, Scaling.CATALOGUE_ONLY),
        "c": judged(bad, None),
    }
    [health] = told(filled(pilots), questions.scaling)["sectors"]
    assert {name: value for name, value in health.items() if value} == {
        "sector": "health",
        "judged_effective": 2,
        "judged_ineffective": 1,
        "decided_scale": 1,
        "decided_catalogue_only": 1,
        "replicas": 3,
        "replicas_effective": 1,
        "replicas_ineffective": 1,
    }


def test_no_figure_is_asked_of_pilots_that_a_filter_leaves_out() -> None:
    chance = Random(3)
    pilots = {f"p{n}": pilot(chance) for n in range(100)}
    funnel = told(filled(pilots), questions.funnel, agency="minobr", sector="health")
    fit = [one for one in pilots.values() if (one.agency, one.application.sector) == ("minobr", "health")]
    assert funnel["pilots"] == len(fit) > 0


@pytest.mark.parametrize("name", ["region", "office"])
@pytest.mark.parametrize(
    "question", [questions.funnel, questions.terms, questions.results, questions.scaling], ids=lambda one: one.__name__
)
def test_unspecified_finds_the_pilots_of_whom_a_region_or_an_office_was_not_said(name: str, question: Any) -> None:
    """As in the sums of money: where nothing was said, and where that very word was."""
    one = measured("health", one="2")
    assert one.agreement is not None
    agreed = one.agreement.agreement.model_copy(update={"region": None})
    same = {
        "agreement": one.agreement.model_copy(update={"agreement": agreed}),
        "own_terms": (own_term("progress-report"),),
        "judgement": judged(Effectiveness.EFFECTIVE, None).judgement,
    }
    said: dict[str, str | None] = {"a": None, "b": "unspecified", "c": "minsk", "d": None}
    pilots = {
        id_: one.model_copy(update={**same, "application": one.application.model_copy(update={name: value})})
        for id_, value in said.items()
    }
    without = {id_: pilots[id_] for id_ in "abd"}
    found = told(filled(pilots), question, **{name: "unspecified"})
    assert found == told(filled(without), question)
    assert found != told(filled(pilots), question)
    assert told(filled(pilots), question, **{name: "minsk"}) == told(filled({"c": pilots["c"]}), question)


# ---- the view itself


def some(count: int = 20, seed: int = 5) -> dict[str, Pilot]:
    chance = Random(seed)
    return {f"p{n}": pilot(chance) for n in range(count)}


def total(figures: Figures) -> int:
    return int(told(figures, questions.funnel)["pilots"])


def test_what_is_put_is_seen_with_its_offsets_after_the_commit_and_not_before(tmp_path: Path) -> None:
    figures = open_figures(tmp_path)
    figures.commit({0: 0}, whole=True)
    figures.put(rows(some()))
    assert (total(figures), figures.offsets) == (0, {0: 0})
    figures.commit({0: 20, 1: 7}, whole=True)
    assert (total(figures), figures.offsets) == (20, {0: 20, 1: 7})
    figures.close()


def test_a_view_is_found_as_it_was_committed_and_what_was_not_is_lost_with_its_offsets(tmp_path: Path) -> None:
    figures = open_figures(tmp_path)
    figures.put(rows(some()))
    figures.commit({0: 20, 1: 7}, whole=True)
    name = figures.commit_id
    figures.put(rows(some(40)))
    figures.close()
    again = open_figures(tmp_path)
    assert (total(again), again.offsets, again.commit_id, again.progress.whole) == (20, {0: 20, 1: 7}, name, True)
    again.close()


@pytest.mark.slow
def test_a_process_that_is_killed_in_the_middle_of_a_commit_leaves_what_was_committed(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path\n"
        "sys.path[:0] = sys.argv[2:]\n"
        "from tests.unit.test_figures import open_figures, rows, some\n"
        "figures = open_figures(Path(sys.argv[1])); figures.put(rows(some())); figures.commit({0: 20}, whole=True)\n"
        "figures.put(rows(some(40, 6))); os._exit(9)\n"
    )
    here = Path(__file__).parents[2]
    command = [sys.executable, "-c", script, str(tmp_path), str(here)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 9, ended.stderr
    again = open_figures(tmp_path)
    assert (total(again), again.offsets) == (20, {0: 20})
    assert positive(asked(again, ("sector", "year"))) == positive(counted(some(), ("sector", "year")))
    again.close()


def made_by_another(path: Path) -> None:
    root = duckdb.connect(str(path))
    root.execute("UPDATE place SET made_by = 'another'")
    root.close()


def without_a_table(path: Path) -> None:
    root = duckdb.connect(str(path))
    root.execute("DROP TABLE lines")
    root.close()


HARM: dict[str, Callable[[Path], object]] = {
    "another version": made_by_another,
    "a table is missing": without_a_table,
    "no database": lambda path: path.write_bytes(b"x" * 5000),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "empty": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
    "two of them": lambda path: path.with_name("zzz.duckdb").write_bytes(b""),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_view_that_is_missing_damaged_or_of_another_version_is_begun_anew(tmp_path: Path, harm: str) -> None:
    figures = open_figures(tmp_path)
    figures.put(rows(some()))
    figures.commit({0: 20}, whole=True)
    figures.close()
    [path] = (tmp_path / "figures").glob("*.duckdb")
    HARM[harm](path)
    again = open_figures(tmp_path)
    assert (again.offsets, again.progress.whole) == ({}, False)
    assert again.commit_id != figures.commit_id
    again.put(rows(some(3)))
    again.commit({0: 3}, whole=True)
    assert total(again) == 3
    again.close()


def test_a_view_that_another_process_holds_is_not_thrown_away(tmp_path: Path) -> None:
    figures = open_figures(tmp_path)
    figures.put(rows(some()))
    figures.commit({0: 20}, whole=True)
    script = (
        "import sys; from pathlib import Path\n"
        "from services.registry.figures.figures import open_figures\n"
        "try: open_figures(Path(sys.argv[1]))\n"
        "except OSError as error: print(error); sys.exit(3)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=root, env={"PYTHONPATH": str(root)}
    )
    assert ended.returncode == 3, ended.stderr
    assert "another process" in ended.stdout
    assert total(figures) == 20
    figures.close()


def test_a_view_begun_anew_beside_one_that_is_still_asked_never_meets_it(tmp_path: Path) -> None:
    old = open_figures(tmp_path)
    old.put(rows(some()))
    old.commit({0: 20}, whole=True)
    new = begin_anew(tmp_path)
    new.commit({0: 0}, whole=True)
    assert (total(old), total(new)) == (20, 0)
    old.close()
    new.close()


def test_an_answer_waits_for_the_whole_topic(tmp_path: Path) -> None:
    figures = open_figures(tmp_path)
    figures.put(rows(some()))
    figures.commit({0: 20}, whole=False)
    figures.progress.done, figures.progress.total = 20, 100
    with pytest.raises(Problematic) as caught:
        total(figures)
    assert (caught.value.status, caught.value.code) == (503, "figures.building")
    assert caught.value.extra == {"done": 20, "total": 100}
    figures.close()


def test_an_answer_is_kept_for_its_commit_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    figures, calls = filled(some()), list[int]()

    def question(cursor: Any) -> dict[str, Any]:
        calls.append(1)
        return questions.funnel(cursor, {})

    first = figures.ask("k", question)
    assert figures.ask("k", question) == first and len(calls) == 1
    figures.commit({0: 99}, whole=True)
    assert figures.ask("k", question) == first and len(calls) == 1, "nothing changed but the offsets"
    figures.put(rows(some(21)))
    figures.commit({0: 100}, whole=True)
    name, answer = figures.ask("k", question)
    assert name != first[0] and answer["pilots"] == 21 and len(calls) == 2
    monkeypatch.setattr(figures_module, "KEPT", 3)
    for n in range(10):
        figures.ask(n, question)
    assert len(figures._kept) == 3


def test_questions_from_many_threads_each_see_one_commit_while_it_is_written() -> None:
    """Each commit holds so many pilots as its offset says, all of one agency: an answer that mixes two is caught."""
    figures, wrong, stop = in_memory(), list[object](), threading.Event()
    one = pilot(Random(1), agency="a", stage=Stage.RUNNING, history=(), replicas=())
    figures.commit({0: 0}, whole=True)

    def ask(number: int) -> None:
        while not stop.is_set():

            def question(cursor: Any) -> dict[str, Any]:
                first = questions.funnel(cursor, {})["pilots"]
                second = questions.funnel(cursor, {"agency": "a"})["pilots"]
                [(offset,)] = cursor.execute('SELECT "offset" FROM offsets').fetchall()
                return {"all": (first, second, offset)}

            _, answer = figures.ask((number, object()), question)
            if len(set(answer["all"])) != 1:
                wrong.append(answer)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for n in range(1, 40):
        figures.put([row(f"p{n}", one)])
        figures.commit({0: n}, whole=True)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_pilot_that_cannot_be_read_is_left_out_and_said_to_be() -> None:
    figures = filled(some())
    figures.put([{"_id": "p1", "state": {"stage": "unheard-of"}}, {"_id": "new"}])
    figures.commit({0: 22}, whole=True)
    answer = told(figures, questions.funnel)
    assert (answer["pilots"], answer["left_out"]) == (19, 2)
    figures.put(rows({"p1": some()["p1"]}))
    figures.commit({0: 23}, whole=True)
    answer = told(figures, questions.funnel)
    assert (answer["pilots"], answer["left_out"]) == (20, 1)


def test_the_database_reaches_for_nothing_outside(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n", encoding="utf-8")
    figures = open_figures(tmp_path)
    for sql in (f"SELECT * FROM '{tmp_path}/secret.csv'", "INSTALL httpfs", "SET threads = 8"):
        with pytest.raises(duckdb.Error):
            figures.root.execute(sql)
    figures.close()
