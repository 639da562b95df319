"""The list of receipts and its filters, each and together, page by page, on a real mongod; who reads which."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from contracts.event import wire_moment
from contracts.intake import INTAKE
from services.chassis.engine import Engine
from services.chassis.rebuild import rebuild
from services.chassis.store import Store
from services.chassis.subject import Input, Record
from services.chassis.web import MOST, cursor_text
from services.intake.door import submission
from services.intake.following import WaitsFor
from services.intake.receipts import IN_ORDER, JOURNAL
from services.intake.service import SERVICE
from tests.kit.engine.tiny import Broker, Clock
from tests.kit.intake.sides import PILOT, RETURN, Ask, again, order, sent, state, submitted, withdrawn

NUMBERS: Final = ("a", "a", "b", None)
"""The own numbers of the agency's applications."""


@pytest.fixture
async def issued(engine: Engine, store: Store, clock: Clock) -> list[Mapping[str, Any]]:
    """Receipts of four applications of one agency and of one of another, each a second after the one before; all that
    the first was told, in order."""
    await store.prepare(SERVICE.indexes)
    for place, own in enumerate(NUMBERS):
        await engine.records([sent(submitted(place + 1, own_number=own))])
        clock.forward(seconds=1)
    for one in (submitted(9, sector="space"), withdrawn("w-1", PILOT), submitted(1, agency="evil", own_number="a")):
        await engine.records([sent(one, one["source"].removeprefix("/agencies/"))])
        clock.forward(seconds=1)
    await engine.outbox.flush()
    rows = await store.rows("receipts", {"agency": "demo"}, sort=IN_ORDER, limit=100)
    assert len(rows) == 6
    return [{"at": row["at"], **row["receipt"]} for row in rows]


async def listed(ask: Ask, limit: int = 2, token: str = "publisher@demo", **filters: Any) -> list[Any]:
    """Every page of the list."""
    found, after = list[Any](), None
    while True:
        asked = {name: one for name, one in {**filters, "limit": limit, "after": after}.items() if one is not None}
        answer = await ask("get", f"/v1/receipts?{urlencode(asked, doseq=True)}", token)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= limit
        found += page["items"]
        if (after := page["next"]) is None:
            return found
        assert len(page["items"]) == limit


def publish(event: Mapping[str, Any]) -> Input:
    return submission("demo", json.dumps(event).encode(), "http:1")


def ids(rows: Any) -> list[tuple[str, str]]:
    return [(one["event_id"], one["outcome"]) for one in rows]


async def test_all_are_given_in_their_order_page_by_page_as_they_were_issued(
    issued: list[Mapping[str, Any]], ask: Ask, broker: Broker
) -> None:
    for limit in (1, 2, 5, 6, 7):
        assert ids(await listed(ask, limit)) == ids(issued)
    told = [one["data"] for one in broker.events("pilots.receipts.demo.v1")]
    rows = await listed(ask)
    assert [{k: v for k, v in one.items() if k != "at"} for one in rows] == told, "word for word as in the topic"
    assert ids(await listed(ask, token="officer", agency="demo")) == ids(issued)
    assert ids(await listed(ask, token="publisher@evil")) == [("evil-1", "registered")]


async def test_each_filter_and_all_of_them_together_give_what_fits_all(
    issued: list[Mapping[str, Any]], ask: Ask, engine: Engine
) -> None:
    number = (await state(engine)).number
    assert number is not None
    owns = {"a": {f"demo-{n}" for n, own in enumerate(NUMBERS, 1) if own == "a"}, "b": {"demo-3"}, "none": set[str]()}
    by_pilot = {one["pilot"]: one["event_id"] for one in issued if one["outcome"] in ("registered", "refused")}
    moments = [issued[0]["at"], issued[3]["at"], wire_moment(_after(issued[-1]["at"]))]
    for own, pilot, status, since in product(
        (None, *owns), (None, PILOT, number, "nobody"), (None, "registered", "withdrawn"), (None, *moments)
    ):
        wanted = [
            one
            for one in issued
            if (own is None or by_pilot[one["pilot"]] in owns[own])
            and (pilot is None or (pilot in (PILOT, number) and one["pilot"] == PILOT))
            and status in (None, one["outcome"])
            and (since is None or one["at"] >= since)
        ]
        found = await listed(ask, own_number=own, pilot=pilot, status=status, since=since)
        assert ids(found) == ids(wanted), (own, pilot, status, since)


@pytest.mark.parametrize("pilot", [None, PILOT])
async def test_several_outcomes_are_one_list_and_the_newest_first_is_the_same_backwards(
    issued: list[Mapping[str, Any]], ask: Ask, pilot: str | None
) -> None:
    for status in ((), ("withdrawn", "registered"), ("refused", "registered", "reported"), ("lapsed",)):
        fit = [one for one in issued if pilot in (None, one["pilot"]) and (not status or one["outcome"] in status)]
        for limit in (1, 2, 7):
            assert ids(await listed(ask, limit, pilot=pilot, status=status)) == ids(fit)
            assert ids(await listed(ask, limit, pilot=pilot, status=status, newest="true")) == ids(fit[::-1])
    many = await ask("get", f"/v1/receipts?{'status=refused&' * 40}")
    assert many.status_code == 422, "no more outcomes than there are"


async def test_what_is_issued_while_one_reads_comes_at_the_end(
    issued: list[Mapping[str, Any]], ask: Ask, engine: Engine
) -> None:
    first = (await ask("get", "/v1/receipts?limit=4&own_number=a")).json()
    await engine.records([sent(withdrawn("w-9", issued[1]["pilot"]))])
    await engine.outbox.flush()
    rest = first
    while rest["next"]:
        rest = (await ask("get", f"/v1/receipts?limit=4&own_number=a&after={rest['next']}")).json()
    newest = (await listed(ask, own_number="a"))[-1]
    assert (newest["event_id"], newest["outcome"]) == ("w-9", "withdrawn")


async def test_those_of_one_moment_stand_as_they_were_issued_also_beside_rows_of_an_earlier_program(
    engine: Engine, store: Store, ask: Ask, broker: Broker
) -> None:
    """What comes together is decided in one moment, and the ids of facts say nothing of their order."""
    await store.prepare(SERVICE.indexes)
    ids_of = iter([f"{n:02}" for n in (7, 3, 9, 1, 8, 2, 6, 4, 5, 0)])
    engine._writer = replace(engine._writer, new_id=lambda: next(ids_of))
    await engine.commands([publish(submitted(1)), publish(withdrawn("w-1")), publish(withdrawn("w-2"))])
    await engine.outbox.flush()
    told = [one["data"]["outcome"] for one in broker.events("pilots.receipts.demo.v1")]
    assert told == ["registered", "withdrawn", "refused"]
    for limit in (1, 2, 3):
        assert [one["outcome"] for one in await listed(ask, limit)] == told
    [first] = await store.rows("receipts", {"outcome": "registered"}, sort=IN_ORDER, limit=1)
    await store._db["receipts"].update_one({"_id": first["_id"]}, {"$unset": {"sequence": ""}})
    for limit in (1, 2, 3):
        assert [one["outcome"] for one in await listed(ask, limit)] == told
    old = cursor_text([first["at"], first["_id"]])
    answer = await ask("get", f"/v1/receipts?after={old}")
    assert (answer.status_code, answer.json()["title"]) == (400, "cursor.bad"), "given out by an earlier program"


@pytest.mark.parametrize(
    "query", ["status=lost", "since=yesterday", "limit=0", "after=x", "own_number=", "pilots=1", "limit=100000"]
)
async def test_a_question_that_means_nothing_is_refused(issued: list[Mapping[str, Any]], ask: Ask, query: str) -> None:
    assert (await ask("get", f"/v1/receipts?{query}")).status_code in (400, 422)


async def test_an_own_number_of_too_many_applications_is_asked_for_by_the_pilot(
    engine: Engine, store: Store, ask: Ask
) -> None:
    await store.prepare(SERVICE.indexes)
    await engine.records([sent(submitted(n, own_number="same")) for n in range(MOST + 1)])
    answer = await ask("get", "/v1/receipts?own_number=same")
    assert (answer.status_code, answer.json()["title"]) == (422, "receipts.too-many-pilots")
    pilot = (await ask("get", "/v1/receipts/demo-7")).json()["pilot"]
    await engine.records([sent(withdrawn("w-1", (await ask("get", "/v1/receipts/demo-8")).json()["pilot"]))])
    await engine.outbox.flush()
    assert ids(await listed(ask, pilot=pilot)) == [("demo-7", "registered")]


async def test_own_applications_and_their_clocks_are_readable_by_their_agency_alone(engine: Engine, ask: Ask) -> None:
    await engine.records([sent(submitted(1)), sent(submitted(2))])
    await order(engine, RETURN, "k")
    number = (await state(engine)).number
    rows = (await ask("get", "/v1/applications")).json()["items"]
    assert {one["id"] for one in rows} >= {PILOT} and {one["agency"] for one in rows} == {"demo"}
    for named in (PILOT, number):
        card = await ask("get", f"/v1/applications/{named}")
        assert (card.status_code, card.json()["status"], card.json()["number"]) == (200, "returned", number)
        for term in ("look-over", "fixing-remarks"):
            shown = await ask("get", f"/v1/applications/{named}/clock?term={term}")
            assert shown.status_code == 200 and all(shown.json()[one] for one in ("ru", "be", "en"))
        assert (await ask("get", f"/v1/applications/{named}", "publisher@evil")).status_code == 404
        assert (await ask("get", f"/v1/applications/{named}/clock", "publisher@evil")).status_code == 404
    named = "&".join(f"id={one['id']}" for one in (*rows, {"id": "nobody"}))
    for asked, found in ((named, rows), (f"id={PILOT}", [one for one in rows if one["id"] == PILOT])):
        some = (await ask("get", f"/v1/applications?{asked}")).json()["items"]
        assert some == sorted(found, key=lambda one: str(one["id"])), "of those that are named these alone"
    of_one = f"waits_for=officer&{named}"
    assert PILOT not in {one["id"] for one in (await ask("get", f"/v1/applications?{of_one}")).json()["items"]}
    for asked in ("", f"?{named}"):
        assert (await ask("get", f"/v1/applications{asked}", "publisher@evil")).json()["items"] == []
    waiting = {one: (await ask("get", f"/v1/applications?waits_for={one}")).json()["items"] for one in WaitsFor}
    assert {one["id"]: one["waits_for"] for one in rows} == {
        one["id"]: who for who, items in waiting.items() for one in items
    }, "a list of those that wait for somebody holds exactly these"
    assert [one["id"] for one in waiting[WaitsFor.APPLICANT]] == [PILOT] and waiting[WaitsFor.APPLICANT][0]["next_due"]
    back = again("again-1", str(number))
    assert (await ask("post", "/v1/events", json=back)).json()["outcome"] == "resubmitted", "a number names a pilot"


def _after(moment: str) -> datetime:
    return datetime.fromisoformat(moment) + timedelta(seconds=1)


async def test_a_rebuild_has_them_all_also_those_of_events_that_are_parked(
    issued: list[Mapping[str, Any]], engine: Engine, store: Store, broker: Broker
) -> None:
    newer = sent({**submitted(30), "type": "pilots.agency.application-submitted.v3"})
    await engine.records([newer])
    await engine.outbox.flush()

    async def own(topic: str, partition: int) -> AsyncIterator[Record]:
        for offset, one in enumerate(broker.log if partition == 0 else ()):
            if one.topic == topic:
                yield Record(topic, 0, offset, one.key.encode(), one.value)

    async def others(_topic: str, _partition: int) -> AsyncIterator[Record]:
        for record in tuple[Record, ...]():
            yield record

    anew = store.sibling(f"{store._db.name}_again")
    report = await rebuild(SERVICE, INTAKE, store, anew, own, others)
    assert report.good and report.copied[JOURNAL] == 1
    was, now = [row async for row in store.scan(JOURNAL, {})], [row async for row in anew.scan(JOURNAL, {})]
    assert was == now and [row["receipt"]["outcome"] for row in now].count("parked") == 1
