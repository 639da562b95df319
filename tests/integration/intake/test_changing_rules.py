"""A rule is tried before it refuses: what it would refuse is known beforehand, and what it tells is counted."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from contracts.agency import ApplicationSubmittedV1
from contracts.event import parse_own_fact
from contracts.intake import INTAKE, EventReceived
from contracts.rules import Edition
from deploy.preview.judging import Judged, engine_of, judged
from deploy.preview.taken import as_sent
from deploy.samples.common import BOOK, with_edition
from services.chassis.engine import Engine
from services.chassis.store import Store
from services.intake import handlers
from services.intake.contacts import forget
from services.intake.domain.state import pilot_id
from services.intake.sent import SENT
from services.intake.service import SERVICE
from tests.kit.calendars import CALENDARS
from tests.kit.engine.tiny import Broker, Clock, numbered
from tests.kit.intake.events import BY, with_severities
from tests.kit.intake.sides import Ask, event, receipts, sent, submitted, withdrawn

CONTACT = {"name": "Образцова Проба", "email": "contact@primer.example", "phone": "позвоните"}


def sample() -> list[dict[str, Any]]:
    """What an agency sent: good and faulty by any rules, told of one thing, asking for what is off, later events."""
    asked = {"procedure": "credit", "evidence": "Работает с 2024 года."}
    return [
        submitted(1),
        submitted(2, contact=CONTACT),
        submitted(3, sector="mars"),
        submitted(4, **asked),
        submitted(5, solution="х" * 900),
        submitted(6, solution="х" * 900, contact=CONTACT),
        withdrawn("back-1", "nobody"),
        event("pilots.agency.application-submitted.v9", "new"),
    ]


def changed() -> Edition:
    """An edition that refuses telephone numbers and long texts, and knows credits."""
    switches = BY.switches.model_copy(update={"credit": BY.switches.credit.model_copy(update={"on": True})})
    longest = BY.lengths.solution.model_copy(update={"value": 800})
    lengths = BY.lengths.model_copy(update={"solution": longest})
    edition = BY.model_copy(update={"switches": switches, "lengths": lengths})
    return with_severities(edition, {"contact.phone": "block", "text.length": "block"})


def again(one: Mapping[str, Any]) -> dict[str, Any]:
    return {**one, "id": f"{one['id']}-again"}


async def test_exactly_what_a_preview_says_is_refused_once_the_edition_is_changed(
    engine: Engine, store: Store, clock: Clock, broker: Broker
) -> None:
    records = [sent(one) for one in sample()]
    await engine.records(records)
    await engine.outbox.flush()
    refused = {id_ for id_, outcome in receipts(broker) if outcome == "refused"}
    today = await judged(engine_of(store, BOOK, clock), records)
    assert {one.event_id for one in today if one.rules} == refused == {"demo-3", "demo-4", "back-1"}
    book = with_edition(changed())
    told = await judged(engine_of(store, book, clock), records)
    assert [one.undecided for one in told] == [False] * 7 + [True], "a version that is not known yet waits"
    assert told[1] == Judged("demo-2", ("contact.phone",)) and told[5].rules == ("contact.phone", "text.length")
    would = {one.event_id for one in told if one.rules}
    assert would == {"demo-2", "demo-3", "demo-5", "demo-6", "back-1"}, "the credit would be taken"
    before = await store.collections(), [row async for row in store.scan("subjects", {})]
    switched_on = replace(SERVICE, prepare=handlers.preparing(book, clock))
    then = Engine(switched_on, store, broker, now=clock, new_id=numbered("then"), calendars=CALENDARS)
    assert before == (await store.collections(), [row async for row in store.scan("subjects", {})]), "nothing written"
    await then.records([sent(again(one)) for one in sample()])
    await then.outbox.flush()
    later = {id_.removesuffix("-again"): outcome for id_, outcome in receipts(broker) if id_.endswith("-again")}
    assert {id_ for id_, outcome in later.items() if outcome == "refused"} == would
    assert later["demo-4"] == "registered"


async def test_a_preview_of_what_came_over_http_judges_it_as_it_came_and_that_goes_with_the_contact_person(
    engine: Engine, store: Store, clock: Clock, broker: Broker, ask: Ask
) -> None:
    whole = submitted(4)
    total = {"amount_minor": sum(one["amount_minor"] for one in whole["data"]["costs"]), "currency": "BYN"}
    untimed = {name: value for name, value in submitted(3).items() if name != "time"}
    posted = [
        submitted(1),
        submitted(2, mood="бодрое"),
        untimed,
        submitted(4, total_cost=total),
        event(ApplicationSubmittedV1.TYPE, "demo-5", **{**without_costs(submitted(5)), "total_cost": total}),
        withdrawn("back-4", pilot_id("demo", "demo-4"), mood="усталое"),
    ]
    for one in posted:
        assert (await ask("post", "/v1/events", json=one)).status_code == 201, one
    await engine.outbox.flush()
    facts = [parse_own_fact(m.value, INTAKE) for m in broker.log if m.topic == "pilots.intake.v1"]
    came = [(one, one.fact) for one in facts if isinstance(one.fact, EventReceived)]
    again_ = await as_sent(store, came)
    found = {one["id"]: one for one in (json.loads(record.value) for record in again_)}
    assert found == {one["id"]: one for one in posted}
    kept = {row["_id"] async for row in store.scan(SENT, {})}
    assert kept == {pilot_id("demo", one["id"]) for one in posted[1:]}, "the first one's fact gives it back"
    strict = with_edition(with_severities(BY, {"field.unknown": "block", "time.missing": "block"}))
    told = await judged(engine_of(store, strict, clock), again_)
    by_id = {one.event_id: one.rules for one in told}
    assert by_id["demo-2"] == ("field.unknown",) and by_id["demo-3"] == ("time.missing",)
    assert "field.unknown" in by_id["back-4"] and not by_id["demo-1"] and not by_id["demo-4"]
    await forget(store, [pilot_id("demo", "demo-2")], [], clock())
    assert {row["_id"] async for row in store.scan(SENT, {})} == kept - {pilot_id("demo", "demo-2")}
    clock.forward(days=31)
    await SERVICE.tidy(store, clock())
    assert not [row async for row in store.scan(SENT, {})]


def without_costs(one: Mapping[str, Any]) -> dict[str, Any]:
    """The data of an application of version 1, but for its total."""
    return {name: value for name, value in one["data"].items() if name != "costs"}


async def test_what_a_rule_told_is_counted_by_agency_and_an_agency_sees_its_own(
    engine: Engine, ask: Ask, clock: Clock, store: Store
) -> None:
    await store.prepare(SERVICE.indexes)
    for one in sample()[:7]:
        await engine.records([sent(one)])
        clock.forward(seconds=1)
    await engine.records([sent(submitted(1, "evil", contact=CONTACT), "evil")])
    await engine.outbox.flush()
    answer = (await ask("get", "/v1/rule-counts?rule=contact.phone", "auditor")).json()
    assert [(one["agency"], one["severity"], one["events"], one["last_event"]) for one in answer["items"]] == [
        ("demo", "warn", 2, "demo-6"),
        ("evil", "warn", 1, "evil-1"),
    ]
    of_demo = answer["items"][0]
    assert of_demo["first"] < of_demo["last"]
    later = f"/v1/rule-counts?rule=contact.phone&since={of_demo['last'].replace('Z', '%2B00:00')}"
    assert [one["events"] for one in (await ask("get", later, "admin")).json()["items"]] == [1, 1]
    own = (await ask("get", "/v1/rule-counts?severity=block")).json()["items"]
    assert {(one["agency"], one["rule"]) for one in own} == {
        ("demo", "sector.unknown"),
        ("demo", "procedure.off"),
        ("demo", "pilot.unknown"),
    }
    of_evil = (await ask("get", "/v1/rule-counts?rule=contact.phone", "publisher@evil")).json()["items"]
    assert of_evil == [one for one in answer["items"] if one["agency"] == "evil"]
    assert (await ask("get", "/v1/rule-counts?agency=demo", "publisher@evil")).json()["items"] == []
