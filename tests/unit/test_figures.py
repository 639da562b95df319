"""The figures: what they say is what is naively added up from the documents of the pilots."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.reference import (
    Clock,
    CostLine,
    Effectiveness,
    Indicator,
    IndicatorValue,
    LegalEffect,
    SectorShare,
    Term,
    TermUnit,
)
from contracts.registry import TermRecordedV1, TermStage
from contracts.steps import Judgement, Scaling, ScalingDecision, Votes
from deploy.samples.common import APPLICATION, NOW
from services.law import ledger as term
from services.registry import views
from services.registry.api.money import proof
from services.registry.domain.evolve import evolve
from services.registry.domain.stages import Stage
from services.registry.domain.state import OwnTerm, PastTerms, Pilot, Replica, RunningTerm, Stay
from services.registry.figures import questions
from services.registry.figures.figures import in_memory
from services.registry.figures.questions import MoneyAsked, MoneyFilters
from tests.effort import examples
from tests.kit.calendars import BY
from tests.kit.registry.figures import (
    ACTOR,
    BASIS,
    SECTORS,
    SOURCES,
    Sums,
    agreement,
    asked,
    corrected,
    counted,
    entries,
    filled,
    lines,
    pilot,
    positive,
    rows,
    same_both_ways,
    told,
)

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
    funnel = figures.ask("f", lambda cursor: questions.funnel(cursor, {}))
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
    answer = filled({"p": one}).ask("m", lambda cursor: questions.money(cursor, MoneyAsked()))
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
    answer = told(
        filled({"p": one, "q": one.model_copy(update={"own_terms": (), "past_own_terms": ()})}), questions.terms
    )

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


def test_what_was_paid_above_the_commitment_is_added_up_by_source_and_each_pilot_counts_once() -> None:
    chance = Random(11)
    pilots = {f"p{n}": pilot(chance) for n in range(200)}
    above: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for state in pilots.values():
        for one in state.overpaid:
            found = above[one.source, one.currency]
            found[0], found[1], found[2] = found[0] + 1, found[1] + one.committed_minor, found[2] + one.paid_minor
    figures = filled(pilots)
    answer = told(figures, questions.overpaid)
    assert len(above) > 3
    assert {
        (one["source"], one["currency"]): [one["pilots"], one["committed_minor"], one["paid_minor"]]
        for one in answer["sources"]
    } == dict(above)
    assert all(one["above_minor"] == one["paid_minor"] - one["committed_minor"] > 0 for one in answer["sources"])
    assert answer["pilots"] == sum(bool(state.overpaid) for state in pilots.values())
    figures.put([], pilots)
    figures.commit({0: 1}, whole=True)
    assert told(figures, questions.overpaid)["sources"] == [], "a pilot that goes takes its flag along"


@pytest.mark.parametrize("name", ["region", "office"])
@pytest.mark.parametrize(
    "question",
    [questions.funnel, questions.terms, questions.results, questions.scaling, questions.overpaid],
    ids=lambda one: one.__name__,
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
