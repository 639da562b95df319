"""Whose a parked record is: by its topic, its pilot or what it says; grouped, listed and fed again by it, and told to
nobody from whom the pilot is hidden."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from contracts.topics import fact_topic
from services.chassis import whose
from services.chassis.engine import Engine
from services.chassis.parking import BROKEN, Parked, park
from services.chassis.store import BY_ID, PARKED, Store
from services.intake.domain.state import pilot_id
from tests.integration.intake.test_hidden import found
from tests.kit.engine.tiny import START, wire
from tests.kit.intake.sides import NOWHERE, PILOT, Ask, said, sent, submitted

pytestmark = pytest.mark.usefixtures("indexed")
EVIL = pilot_id("evil", "evil-1")
CAUSE = "ValueError: of its own"
FACTS = fact_topic("expertise")


def facts(pilot: str, count: int, first: int = 2) -> list[Parked]:
    """Facts of the expertise about a pilot, to be parked for one cause."""
    some = ((n, said(found("u-7"), n, pilot)) for n in range(first, first + count))
    return [Parked(record, BROKEN, CAUSE, pilot, "expertise", n) for n, record in some]


def first_fact(pilot: str, **data: Any) -> Parked:
    """The first fact about a pilot, as a reader of intake's facts parks it: nothing is stored of the pilot there."""
    record = said(found("u-7"), 1, pilot)
    value = wire("intake", pilot, 1, data)
    return Parked(replace(record, topic=fact_topic("intake"), value=value), BROKEN, "Raised", pilot, "intake", 1)


async def agencies(store: Store) -> dict[str | None, int]:
    """How many rows name which agency."""
    rows, many = await store.rows(PARKED, {}, sort=BY_ID, limit=999), dict[str | None, int]()
    for row in rows:
        many[row["agency"]] = many.get(row["agency"], 0) + 1
    return many


@pytest.fixture
async def two_pilots(engine: Engine, store: Store) -> None:
    """A pilot of each of two agencies, both with parked facts of one cause, and one that nobody knows with them."""
    await engine.records([sent(submitted(1)), sent(submitted(1, "evil"), "evil")])
    await engine.records([said(found("u-1"), 1), said(found("u-1"), 1, EVIL)])
    await park(store, [*facts(PILOT, 3), *facts(EVIL, 2), *facts(NOWHERE, 1)], START)


@pytest.mark.usefixtures("two_pilots")
async def test_facts_of_one_cause_are_a_group_for_each_agency_by_which_they_are_listed_and_fed_again(ask: Ask) -> None:
    told = (await ask("get", "/v1/parked/groups", "ops")).json()
    assert [(one["agency"], one["records"]) for one in told["items"]] == [("demo", 3), ("evil", 2), (None, 1)]
    assert {(one["status"], one["cause"], one["topic"]) for one in told["items"]} == {(BROKEN, CAUSE, FACTS)}
    of_group = {"status": BROKEN, "cause": CAUSE, "topic": FACTS}
    for code, pilot, many in (("demo", PILOT, 3), ("evil", EVIL, 2), ("-", NOWHERE, 1)):
        [group] = (await ask("get", f"/v1/parked/groups?agency={code}", "ops")).json()["items"]
        assert (group["agency"], group["records"]) == (None if code == "-" else code, many)
        for asked in ({}, of_group):
            query = urlencode({**asked, "agency": code})
            rows = (await ask("get", f"/v1/parked?{query}", "ops")).json()["items"]
            assert [(one["subject"], one["agency"]) for one in rows] == [(pilot, group["agency"])] * many, query
    for code in ("none", "demo2"):
        assert (await ask("get", f"/v1/parked?agency={code}", "ops")).json()["items"] == []
        assert (await ask("get", f"/v1/parked/groups?agency={code}", "ops")).json() == {
            "items": [],
            "next": None,
            "records": 0,
        }

    async def fed(**what: Any) -> list[str]:
        answer = await ask("post", "/v1/parked/redrive", "ops", json=what)
        assert answer.status_code == 200, answer.text
        return [one["verdict"] for one in answer.json()["records"]]

    assert await fed(agency="-", dry_run=True) == ["broken"]
    assert await fed(agency="evil", cause=CAUSE, dry_run=True) == ["went"] * 2
    assert await fed(agency="demo", topic="pilots.intake.v1") == []
    assert await fed(agency="demo", limit=2) == ["went"] * 2
    left = (await ask("get", "/v1/parked/groups", "ops")).json()["items"]
    assert {(one["agency"], one["records"]) for one in left} == {("demo", 1), ("evil", 2), (None, 1)}


@pytest.mark.usefixtures("two_pilots")
async def test_of_a_hidden_pilot_no_agency_is_told_and_no_guess_of_it_is_answered(engine: Engine, ask: Ask) -> None:
    await engine.records([said(found("u-night"), 2)])
    assert (await ask("get", "/v1/parked?agency=demo", "ops")).json()["items"]
    groups = (await ask("get", "/v1/parked/groups", "ops@night")).json()
    assert {one["agency"] for one in groups["items"]} == {"evil", None} and groups["records"] == 3
    for path in ("/v1/parked", "/v1/parked/groups"):
        guessed = (await ask("get", f"{path}?agency=demo", "ops@night")).json()
        assert guessed == (await ask("get", f"{path}?agency=never", "ops@night")).json() and not guessed["items"]
    for dry in (True, False):
        answer = await ask("post", "/v1/parked/redrive", "ops@night", json={"agency": "demo", "dry_run": dry})
        assert (answer.json()["records"], answer.json()["more"]) == ([], False)


async def test_an_agency_is_known_by_the_topic_the_pilot_or_the_first_fact_and_by_no_other(
    engine: Engine, store: Store
) -> None:
    await engine.records([sent(submitted(1))])
    beside = replace(facts(PILOT, 1)[0], subject="expert:u-7")
    many = {"first": "2f6c2ecb-7a8b-5c1e-9a52-0123456789ab", "named": "3f6c2ecb-7a8b-5c1e-9a52-0123456789ab"}
    named = replace(first_fact(many["named"], agency="anna"), cause="a name")
    for some in (
        [first_fact(many["first"], agency="minzdrav")],  # nothing is stored of its pilot: it cannot be read
        facts(many["first"], 1),  # what waits behind it says nothing itself
        facts(PILOT, 1, 7),
        [named, beside, replace(facts(PILOT, 1, 8)[0], subject=PILOT.upper())],
        [replace(facts(PILOT, 1, 9)[0], subject="agency:minsport"), replace(facts(PILOT, 1, 10)[0], subject=None)],
    ):
        await park(store, some, START)
    await engine.records([sent({"type": "nothing"}, "late"), replace(sent({}, "late"), value=b"\xff")])
    rows = {row["_id"]: row for row in await store.rows(PARKED, {}, sort=BY_ID, limit=99)}
    by_subject = {row["subject"]: row["agency"] for row in rows.values()}
    assert by_subject[many["first"]] == "minzdrav" and by_subject[PILOT] == "demo"
    assert by_subject["agency:minsport"] == "minsport"
    assert by_subject[many["named"]] is None, "what may be a person's name is no code"
    assert by_subject["expert:u-7"] is None, "its own subject is nobody's pilot, whatever the fact tells of another"
    assert by_subject[PILOT.upper()] is None, "a pilot that is not named as what is hidden is looked for"
    assert {row["agency"] for row in rows.values() if "late" in row["topic"]} <= {"late"}


async def test_of_what_an_earlier_program_parked_it_is_told_by_the_topic_and_filled_in_by_the_next_start(
    engine: Engine, ask: Ask, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whose, "AT_ONCE", 2)
    late = [sent(submitted(n, "late"), "late") for n in range(3)]
    await engine.records([sent(submitted(1)), *late])
    await park(store, [*facts(PILOT, 3), *facts(NOWHERE, 3)], START)
    before = await agencies(store)
    assert before == {"late": 3, "demo": 3, None: 3}
    await store._parked.update_many({}, {"$unset": {"agency": 1}})
    rows = (await ask("get", "/v1/parked", "ops")).json()["items"]
    assert {(one["topic"], one["agency"]) for one in rows} == {("pilots.agency.late.v1", "late"), (FACTS, None)}
    groups = (await ask("get", "/v1/parked/groups", "ops")).json()["items"]
    assert {(one["topic"], one["agency"], one["records"]) for one in groups} == {
        ("pilots.agency.late.v1", None, 3),
        (FACTS, None, 6),
    }
    await whose.fill(store)
    rows = await store.rows(PARKED, {}, sort=BY_ID, limit=999)
    assert {code: sum(row.get("agency") == code for row in rows) for code in before} == before
    await whose.fill(store)
    [nowhere] = {row["subject"] for row in rows if row.get("agency") is None}
    assert nowhere == NOWHERE, "and who is not known is asked again at each start"


async def test_a_record_that_was_parked_before_its_pilot_came_is_its_agencys_a_few_sweeps_later(
    engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whose, "AT_ONCE", 2)
    await park(store, [*facts(NOWHERE, 3), *facts(PILOT, 3), *facts(EVIL, 2)], START)
    assert await agencies(store) == {None: 8}
    for _ in range(5):
        await engine.sweep(timedelta(0))
    assert await agencies(store) == {None: 8}
    await engine.records([sent(submitted(1)), sent(submitted(1, "evil"), "evil")])
    for _ in range(5):
        await engine.sweep(timedelta(0))
    assert await agencies(store) == {None: 3, "demo": 3, "evil": 2}
