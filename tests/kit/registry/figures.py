"""Pilots at random for the figures, and what is naively added up from their documents."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache, partial
from random import Random
from typing import Any

from contracts.event import Actor
from contracts.reference import (
    CostLine,
    Payment,
    SectorShare,
)
from contracts.registry import EntryCorrectedV1, SpendingRecordedV1
from contracts.steps import AgreementEntry, Correctable
from deploy.samples.common import APPLICATION, NOW, basis
from deploy.samples.registry import AGREEMENT, cost
from services.chassis.fold import state_json
from services.chassis.store import Row
from services.registry.domain.evolve import evolve
from services.registry.domain.reported import SpendingEntry
from services.registry.domain.stages import Stage
from services.registry.domain.state import Pilot
from services.registry.figures import questions
from services.registry.figures.figures import Figures, in_memory
from services.registry.figures.questions import Axis, MoneyAsked, MoneyFilters

SECTORS = ("health", "transport", "education", "ecology", "trade")
SOURCES = ("republican-budget", "local-innovation-fund", "own-money", "unspecified")
BASIS = basis(date(2026, 4, 15))
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


def costs(
    chance: Random,
    least: int = 0,
    most: int = 4,
    amounts: Callable[[Random], int] = amount,
    currencies: Sequence[str] = ("BYN", "BYN", "RUB"),
) -> tuple[CostLine, ...]:
    """Lines of cost at random, also of the same source and year."""
    years = (None, 2025, 2026, 2027)
    return tuple(
        cost(amounts(chance), chance.choice(SOURCES), chance.choice(years), chance.choice(currencies))
        for _ in range(chance.randint(least, most))
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
    said = AGREEMENT.model_copy(
        update={
            "costs": costs(chance),
            "sector_shares": shares(chance) if chance.random() < 0.5 else (),
            "region": chance.choice((None, "minsk", "brest")),
        }
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
        answer = figures.ask(question.key, partial(questions.money, asked=question))
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
        what, place, was = Correctable.SPENDING, 1, state.spending[0].model_dump(mode="json")
    elif state.agreement is not None:
        now = agreement(chance).model_dump(mode="json")
        what, place, was = Correctable.AGREEMENT, 1, None
    else:
        fact = SpendingRecordedV1(actor=ACTOR, at=NOW, event_id="e9", payments=payments(chance))
        after = evolve(state, fact)
        assert after is not None
        return after
    said: dict[str, Any] = {"reason": "Описка.", "basis": BASIS, "was": was, "now": now}
    after = evolve(state, EntryCorrectedV1(actor=ACTOR, at=NOW, what=what, place=place, **said))
    assert after is not None
    return after


def filled(pilots: Mapping[str, Pilot]) -> Figures:
    figures = in_memory()
    figures.put(rows(pilots))
    figures.commit({0: len(pilots)}, whole=True)
    return figures


def told(figures: Figures, question: Any, **filters: str) -> dict[str, Any]:
    answer = figures.ask((question.__name__, *filters.items()), lambda cursor: question(cursor, filters))
    return answer
