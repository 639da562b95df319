"""Money on a real mongod: what the register says of all pilots is what their own documents add up to, over HTTP."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from random import Random
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from contracts.event import Actor, Basis
from contracts.reference import (
    Application,
    Expediency,
    Payment,
    Verdict,
)
from contracts.registry import ApplicationOutcome, Entry, Outcome
from contracts.steps import Agreement, AgreementEntry, Correctable, Correction, ExpediencyDecision, Launch, Spending
from deploy.samples.common import APPLICATION, basis
from deploy.samples.registry import AGREEMENT, cost, paid, shares
from services.chassis.engine import Engine
from services.chassis.store import Store
from services.chassis.subject import Claimed, Done, Input
from services.chassis.web import make_app
from services.registry.api import figures as figures_api
from services.registry.api import money as money_api
from services.registry.domain.commands import RecordConclusion, RecordReport
from services.registry.figures.figures import Figures, in_memory
from services.registry.projections.follower import documents
from services.registry.service import SERVICE
from tests.kit.calendars import CALENDARS
from tests.kit.engine.tiny import START, Broker, Clock, numbered
from tests.kit.people import Person, Tokens
from tests.kit.registry.figures import costs

AUDITOR = Person("u-8001", ("auditor",))
SOMEBODY = Actor(id="u-6001", role="registrar")
TODAY = START.date()
BASIS = basis(TODAY)
SECTORS = ("health", "transport", "education")
AXES = ("sector", "year", "stage", "source", "agency", "region")
Sums = dict[tuple[Any, ...], int]


def kopecks(chance: Random) -> int:
    return chance.randint(1, 10**9)


def application(chance: Random) -> Application:
    first, second = chance.sample(SECTORS, 2)
    points = chance.randint(1, 9_999)
    split = shares(**{first: points, second: 10_000 - points})
    said = {
        "sector": first,
        "costs": costs(chance, 1, 3, kopecks, ("BYN",)),
        "sector_shares": split if chance.random() < 0.7 else (),
        "region": chance.choice((None, "minsk-city")),
    }
    return APPLICATION.model_copy(update=said)


def agreement(chance: Random) -> Agreement:
    own = tuple(cost(kopecks(chance)) for _ in range(chance.randint(1, 3)))
    said = {"starts": TODAY, "until": date(2026, 9, 1), "costs": own, "sector_shares": (), "region": None}
    return AGREEMENT.model_copy(update=said)


def payment(chance: Random) -> Payment:
    return paid(kopecks(chance), day=TODAY)


class World:
    """The register with its figures; pilots go through its own engine."""

    def __init__(self, store: Store) -> None:
        self.engine = Engine(SERVICE, store, Broker(), now=Clock(), new_id=numbered("e"), calendars=CALENDARS)
        self.figures: Figures = in_memory()
        self.app: FastAPI = make_app("Lotsman registry", Tokens(), self.engine, {})
        self.app.state.figures = self.figures
        self.app.include_router(money_api.routes())
        self.app.include_router(figures_api.routes())
        self._keys, self._commits = numbered("k"), 0

    async def done(self, subjects: Sequence[str], what: Any) -> None:
        """A command to each of these pilots, made by `what` of its place; it must be allowed."""
        inputs = []
        for place, subject in enumerate(subjects):
            key = self._keys()
            inputs.append(Input(subject, Claimed("person:u", key, "d"), what(place), SOMEBODY, cause_id=key))
        outcomes = await self.engine.commands(inputs)
        assert all(isinstance(outcome, Done) and outcome.facts for outcome in outcomes), outcomes[:3]

    async def follow(self, subjects: Sequence[str]) -> None:
        """What a follower does with these pilots."""
        rows = await documents(self.engine.store, subjects)
        self.figures.put(rows, set(subjects) - {row["_id"] for row in rows})
        self._commits += 1
        self.figures.commit({0: self._commits}, whole=True)

    async def ask(self, path: str, who: Person | None = AUDITOR, **headers: str) -> httpx.Response:
        if who:
            headers["Authorization"] = f"Bearer {who.token}"
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.get(f"/v1{path}", headers=headers)

    async def get(self, path: str) -> dict[str, Any]:
        answer = await self.ask(path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def sums(self, by: str, more: str = "") -> Sums:
        """Every page of a grouping, together."""
        found: Sums = {}
        after = ""
        while True:
            answer = await self.get(f"/money?group_by={by}&limit=7{more}{after}")
            names = [*answer["group_by"], "currency", "stage"]
            for one in answer["items"]:
                key = tuple(one[name] for name in names)
                assert key not in found
                found[key] = one["amount_minor"]
            if answer["next"] is None:
                assert sum(found.values()) == sum(total["amount_minor"] for total in answer["totals"])
                return found
            after = f"&after={answer['next']}"


@pytest.fixture
async def world(store: Store) -> World:
    await store.prepare(SERVICE.indexes)
    return World(store)


async def by_pilots(world: World, subjects: Sequence[str], by: Sequence[str], agency: str) -> Sums:
    """The same sums, naively, from what each pilot says of its own money."""
    sums: Sums = defaultdict(int)
    loaded = await world.engine.documents(subjects)
    for subject in subjects:
        shown = await world.get(f"/money/{subject}")
        assert shown["exact"]
        region = loaded[subject].state.region  # type: ignore[union-attr]
        for one in shown["lines"]:
            assert sum(part["amount_minor"] for part in one["parts"]) == one["whole_minor"]
            for part in one["parts"]:
                said = {**one, "sector": part["sector"], "agency": agency, "region": region}
                sums[tuple(said[name] for name in (*by, "currency", "stage"))] += part["amount_minor"]
    return dict(sums)


async def test_sums_over_all_pilots_are_what_each_says_of_itself_before_and_after_corrections(world: World) -> None:
    chance = Random(11)
    pilots = [f"pilot-{n:02d}" for n in range(25)]

    async def both_ways() -> None:
        await world.follow(pilots)
        for by in ((), AXES, ("sector",), ("year", "source"), ("region", "agency", "sector"), ("stage", "sector")):
            found = await world.sums(",".join(by))
            assert found == await by_pilots(world, pilots, by, "vedomstvo"), by

    await world.done(
        pilots,
        lambda n: Entry(
            agency="vedomstvo",
            number=f"ПП-2026-{n:06d}",
            edition="by-2024",
            submitted=START,
            application=application(chance),
        ),
    )
    await both_ways()
    await world.done(pilots, lambda _: Outcome(outcome=ApplicationOutcome.ACCEPTED))
    await world.done(
        pilots,
        lambda _: RecordConclusion(
            round=1, number="ЗЭ-2026-0001", date=TODAY, verdict=Verdict.POSITIVE, text="Рекомендовать."
        ),
    )
    await world.done(pilots, lambda _: ExpediencyDecision(decision=Expediency.EXPEDIENT, basis=BASIS))
    await world.done(pilots, lambda _: AgreementEntry(agreement=agreement(chance), basis=BASIS))
    await world.done(pilots, lambda _: Launch(started=TODAY, basis=BASIS))
    for n in range(3):
        await world.done(
            pilots[n:], lambda _, n=n: RecordReport(f"s-{n}", Spending(payments=(payment(chance), payment(chance))))
        )
    await both_ways()

    def put_right(_place: int) -> Correction:
        content: dict[str, Any] = {"event_id": "s-0", "payments": [payment(chance).model_dump(mode="json")]}
        return Correction(what=Correctable.SPENDING, place=1, content=content, reason="Описка.", basis=replace_basis())

    before = await world.sums("stage")
    await world.done(pilots, put_right)
    await both_ways()
    assert await world.sums("stage") != before


def replace_basis() -> Basis:
    return BASIS.model_copy(update={"kind": "исправление"})


async def test_a_filter_over_http_leaves_the_part_that_it_names(world: World) -> None:
    chance = Random(12)
    pilots = [f"pilot-{n:02d}" for n in range(12)]
    await world.done(
        pilots,
        lambda n: Entry(
            agency="vedomstvo", number=f"N-{n}", edition="by-2024", submitted=START, application=application(chance)
        ),
    )
    await world.follow(pilots)
    whole = await world.sums("sector,year")
    for name, value, place in (("sector", "health", 0), ("year", "2026", 1), ("year", "unspecified", 1)):
        wanted: Any = {"2026": 2026, "unspecified": None}.get(value, value)
        part = await world.sums("sector,year", f"&{name}={value}")
        assert part == {key: amount for key, amount in whole.items() if key[place] == wanted} != {}


async def test_a_pilot_that_goes_leaves_the_sums(world: World) -> None:
    pilots = ["pilot-1", "pilot-2"]
    await world.done(
        pilots,
        lambda n: Entry(
            agency="vedomstvo", number=f"N-{n}", edition="by-2024", submitted=START, application=application(Random(n))
        ),
    )
    await world.follow(pilots)
    alone = await by_pilots(world, ["pilot-2"], ("sector",), "vedomstvo")
    await world.engine.store.remove("subjects", ["pilot-1"])
    await world.follow(["pilot-1"])
    assert await world.sums("sector") == alone


BAD = {
    "/money?group_by=colour": 422,
    "/money?group_by=sector,sector": 422,
    "/money?group_by=sector;DROP": 422,
    "/money?year=soon": 422,
    "/money?year=99999999999999": 422,
    "/money?stage=promised": 422,
    "/money?currency=byn": 422,
    "/money?limit=0": 422,
    "/money?limit=1001": 422,
    "/money?after=xyz": 400,
    "/money?after=WzEsMiwzXQ": 400,
    "/money?group_by=year&after=WyJhIiwgIkJZTiIsICJwYWlkIl0": 400,
    "/money/nobody": 404,
}


@pytest.mark.parametrize("path", BAD)
async def test_what_cannot_be_asked_is_said_so_and_the_figures_go_on(world: World, path: str) -> None:
    await world.follow([])
    answer = await world.ask(path)
    assert (answer.status_code, answer.headers["content-type"]) == (BAD[path], "application/problem+json")
    assert (await world.get("/money"))["items"] == []


async def test_experts_and_strangers_see_no_money(world: World) -> None:
    await world.follow([])
    for path in ("/money", "/money/pilot-1"):
        assert (await world.ask(path, None)).status_code == 401
        for role in ("expert", "ops"):
            assert (await world.ask(path, Person("u", (role,)))).status_code == 403
