"""What a dry run says of parked records is what comes of feeding them, also of many of one pilot, page by page."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from services.chassis import parking, redriving
from services.chassis.engine import Engine
from services.chassis.parking import BROKEN, WAITING, Parked, park
from services.chassis.store import Store
from services.intake.domain.state import pilot_id
from tests.integration.intake.test_hidden import found
from tests.kit.engine.tiny import START
from tests.kit.intake.sides import PILOT, Ask, said, sent, submitted

pytestmark = pytest.mark.usefixtures("indexed")
OTHER = pilot_id("demo", "demo-2")
CAUSE = "Raised: of its own"
Told = list[tuple[str, str, str | None]]


@pytest.fixture
async def pilots(engine: Engine) -> None:
    """Two pilots, of which the expertise has told one thing."""
    await engine.records([sent(submitted(1)), sent(submitted(2))])
    await engine.records([said(found("u-1"), 1), said(found("u-1"), 1, OTHER)])


def fact(sequence: int, pilot: str = PILOT, status: str = BROKEN, value: bytes | None = None) -> Parked:
    """A parked fact of the expertise."""
    record = said(found("u-7"), sequence, pilot)
    record = record if value is None else replace(record, value=value)
    return Parked(record, status, CAUSE if status == BROKEN else "gap: expertise 9", pilot, "expertise", sequence)


async def paged(ask: Ask, limit: int, **what: Any) -> Told:
    """What is told of all pages."""
    told, body = Told(), {**what, "limit": limit}
    while True:
        answer = await ask("post", "/v1/parked/redrive", "ops", json=body)
        assert answer.status_code == 200, answer.text
        told += [(one["id"], one["verdict"], one["cause"]) for one in answer.json()["records"]]
        if (following := answer.json()["next"]) is None:
            return told
        body["after"] = following


@pytest.mark.usefixtures("pilots")
@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
@pytest.mark.parametrize("fed_at_once", [2, 100])
@pytest.mark.parametrize("bad", [None, 5], ids=["all good", "one cannot be read"])
async def test_of_many_records_of_one_pilot_a_dry_run_says_what_comes_of_them(
    ask: Ask, store: Store, monkeypatch: pytest.MonkeyPatch, bad: int | None, fed_at_once: int, limit: int
) -> None:
    monkeypatch.setattr(parking, "FEED", fed_at_once)
    some = [fact(n, value=b"{}" if n == bad else None) for n in range(2, 9)]
    beside = [fact(n, OTHER) for n in (2, 3)]
    await park(store, [*some[:4], *beside, *some[4:]], START)
    tried = await paged(ask, limit, cause=CAUSE, dry_run=True)
    went = {one for one, verdict, _ in tried if verdict == "went"}
    good = some if bad is None else some[: bad - 2]
    assert went == {one.record.id for one in [*good, *beside]} and len(tried) == 9
    assert await paged(ask, limit, cause=CAUSE) == tried


@pytest.mark.usefixtures("pilots")
@pytest.mark.parametrize("limit", [1, 2, 1000])
async def test_what_is_not_chosen_and_waits_follows_by_itself_and_what_was_chosen_behind_it_goes_as_well(
    ask: Ask, store: Store, limit: int
) -> None:
    some = [fact(2), fact(3, status=WAITING), fact(4, status=WAITING), fact(5), fact(6, status=WAITING), fact(7)]
    await park(store, [*some, fact(9)], START)
    tried = await paged(ask, limit, status=BROKEN, dry_run=True)
    assert [verdict for _, verdict, _ in tried] == ["went"] * 3 + ["broken"], "the eighth is missing"
    assert await paged(ask, limit, status=BROKEN) == tried
    assert [row["sequence"] async for row in store.scan("parked", {})] == [9]


@pytest.mark.usefixtures("pilots")
async def test_what_follows_by_itself_is_named_and_the_dry_run_names_the_same(ask: Ask, store: Store) -> None:
    some = [fact(2), *(fact(n, status=WAITING) for n in (3, 4, 5)), fact(9, status=WAITING)]
    await park(store, some, START)
    asked = {"ids": [some[0].record.id]}
    behind = [one.record.id for one in some[1:4]]
    for how in ({"dry_run": True}, {}):
        answer = (await ask("post", "/v1/parked/redrive", "ops", json={**asked, **how})).json()
        assert (answer["went"], answer["followed"], sorted(answer["behind"])) == (1, 3, sorted(behind)), how
    assert [row["sequence"] async for row in store.scan("parked", {})] == [9]


@pytest.mark.usefixtures("pilots")
async def test_what_follows_by_itself_counts_in_the_rate(
    ask: Ask, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = list[float]()

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(redriving, "asyncio", SimpleNamespace(sleep=wait))
    monkeypatch.setattr(redriving, "time", SimpleNamespace(monotonic=lambda: 0.0))
    first, last = sorted([PILOT, OTHER])
    behind = [fact(n, first, WAITING) for n in (3, 4)]
    await park(store, [fact(2, first), *behind, fact(2, last)], START)
    answer = (await ask("post", "/v1/parked/redrive", "ops", json={"status": BROKEN, "rate": 1, "limit": 60})).json()
    assert (answer["went"], answer["followed"], waited) == (2, 2, [3.0])


@pytest.mark.usefixtures("pilots")
async def test_a_pilot_is_named_by_its_registration_number_and_by_its_id_in_capital_letters(
    ask: Ask, store: Store, engine: Engine
) -> None:
    some = [fact(2), fact(2, OTHER)]
    await park(store, some, START)
    number = (await engine.documents([PILOT]))[PILOT].state.number  # type: ignore[union-attr]
    for name, one in zip((number.lower(), OTHER.upper()), some, strict=True):
        answer = (await ask("post", "/v1/parked/redrive", "ops", json={"subjects": [name]})).json()
        assert [(told["id"], told["verdict"]) for told in answer["records"]] == [(one.record.id, "went")]


@pytest.mark.usefixtures("pilots")
@pytest.mark.parametrize("limit", [1, 2, 1000])
async def test_what_is_named_by_its_id_goes_page_by_page_as_it_stands_in_its_topic(
    ask: Ask, store: Store, limit: int
) -> None:
    some = [replace(one, record=replace(one.record, offset=n)) for n, one in enumerate(map(fact, range(2, 7)), 8)]
    await park(store, some, START)
    named = [*(one.record.id for one in reversed(some)), "pilots.expertise.v1/0/99"]
    tried = await paged(ask, limit, ids=named, dry_run=True)
    told = [(one.record.id, "went", None) for one in some]
    assert sorted(tried) == sorted([*told, (named[-1], "not-parked", None)])
    assert [one for one in tried if one[1] == "went"] == told, "the ninth before the tenth"
    assert await paged(ask, limit, ids=named) == tried
    assert [row async for row in store.scan("parked", {})] == []


@pytest.mark.usefixtures("pilots")
async def test_what_was_not_chosen_before_is_not_thought_to_have_gone(ask: Ask, store: Store) -> None:
    some = [replace(fact(2), cause="another"), *(fact(n) for n in range(3, 6))]
    await park(store, some, START)
    for limit in (1, 1000):
        tried = await paged(ask, limit, cause=CAUSE, dry_run=True)
        assert tried == [(one.record.id, "broken", CAUSE) for one in some[1:]]
    assert await paged(ask, 2, cause=CAUSE) == tried
