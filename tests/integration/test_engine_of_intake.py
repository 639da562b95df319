"""The engine with the real intake: agencies' events with ids of their own, and persons who stay erasable."""

import json
import logging
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from contracts.agency import ApplicationSubmittedV2
from contracts.event import Actor, digest
from contracts.steps import AgencyEntry, EditionFrom
from contracts.topics import agency_topic
from deploy.cli.main_job import application
from services.chassis import parking
from services.chassis.engine import Engine
from services.chassis.logs import JsonLines
from services.chassis.store import Store
from services.chassis.subject import Claimed, Done, Input, Record
from services.chassis.web import _parked
from services.intake.domain.state import pilot_id
from services.intake.service import SERVICE as INTAKE
from tests.kit.engine.engines import Make, parked
from tests.kit.engine.tiny import (
    Broker,
    Crash,
    Hooked,
    crash,
    parked_rows,
)

# ---- agencies' events, with the real intake


async def intake_with_agency(make: Make) -> Engine:
    """The real intake service with one agency in its directory."""
    engine = make(INTAKE)
    edition = EditionFrom(edition="by-2024", since=date(2025, 1, 1))
    enter = AgencyEntry(name="Демонстрационное ведомство", editions=(edition,))
    mark = Claimed("person:admin", "enter", "d")
    outcome = await engine.command(Input("agency:demo", mark, enter, Actor(id="a", role="admin"), "enter"))
    assert isinstance(outcome, Done)
    return engine


def event(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A fictional application of the agency, sent at the tests' time."""
    made = application(number, "demo", kind=ApplicationSubmittedV2.TYPE)
    made["time"] = "2026-03-02T08:00:00.000Z"
    made["data"] = {**made["data"], **changes}
    return made


def sent(offset: int, body: dict[str, Any] | bytes) -> Record:
    """An event in the agency's topic."""
    value = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return Record(agency_topic("demo").name, 0, offset, None, value)


async def test_an_application_that_is_refused_or_sent_again_takes_no_number_from_the_series(make: Make) -> None:
    engine = await intake_with_agency(make)
    bad = {**event(1), "id": "demo-bad", "data": {**event(1)["data"], "title": ""}}
    early = {**event(2), "time": "2020-01-01T08:00:00.000Z"}
    await engine.records([sent(0, bad), sent(1, b"{"), sent(2, early), sent(3, event(3))])
    await engine.records([sent(4, event(3)), sent(5, bad), sent(6, event(4)), sent(7, event(4)), sent(8, event(5))])
    subjects = [pilot_id("demo", f"demo-{n}") for n in (3, 4, 5)]
    found = await engine.documents(subjects)
    assert [found[one].state.number[-6:] for one in subjects] == ["000001", "000002", "000003"]  # type: ignore[union-attr]


RECEIPTS = "pilots.receipts.demo.v1"


def outcomes_of(broker: Broker) -> list[tuple[str, str]]:
    """The receipts that the agency was sent: event and outcome."""
    return [(e["data"]["event_id"], e["data"]["outcome"]) for e in broker.events(RECEIPTS)]


async def test_an_id_used_again_for_something_else_is_refused_with_a_receipt_and_a_resend_meets_its_answer(
    make: Make, broker: Broker
) -> None:
    engine = await intake_with_agency(make)
    await engine.outbox.flush()
    first, other = event(1), event(1, title="Совсем другая заявка")
    await engine.records([sent(0, first)])
    await engine.records([sent(1, other), sent(2, first)])
    assert outcomes_of(broker) == [("demo-1", "registered"), ("demo-1", "refused")]
    problems = broker.events(RECEIPTS)[1]["data"]["problems"]
    assert [(p["pointer"], p["rule"], p["action"]) for p in problems] == [("/id", "id.reused", "fix")]
    await engine.records([sent(3, other)])
    assert len(outcomes_of(broker)) == 2, "a resend of the conflicting event meets its answer"
    conflict = pilot_id("demo", f"demo-1#{digest(other)}")
    found = await engine.documents([pilot_id("demo", "demo-1"), conflict])
    assert {d.state.status.value for d in found.values() if d.state} == {"registered", "refused"}  # type: ignore[attr-defined]
    assert await parked(engine) == {}


async def test_one_id_for_two_events_inside_one_batch_registers_the_first_and_refuses_the_second(
    make: Make, broker: Broker
) -> None:
    engine = await intake_with_agency(make)
    first, other = event(1), event(1, title="Совсем другая заявка")
    await engine.records([sent(0, first), sent(1, other), sent(2, first), sent(3, other)])
    assert sorted(outcomes_of(broker)) == [("demo-1", "refused"), ("demo-1", "registered")]


async def test_an_event_of_an_agency_that_is_not_entered_waits_for_a_hand_and_is_registered_by_a_redrive(
    make: Make, broker: Broker
) -> None:
    engine = make(INTAKE)
    await engine.records([sent(0, event(1))])
    assert await parked(engine) == {sent(0, b"").id: "broken"}
    await intake_with_agency(make)
    assert len(await engine.parking.redrive([sent(0, b"").id])) == 1
    assert outcomes_of(broker) == [("demo-1", "parked"), ("demo-1", "registered")] and await parked(engine) == {}


async def test_a_redrive_feeds_an_agencys_events_as_they_stand_in_its_topic(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, fed = make(INTAKE), list[int]()
    offsets = (9, 10, 99, 100, 999, 1000)
    for offset in offsets:  # each is about another subject
        await engine.records([sent(offset, event(offset))])
    read = engine.parking._read

    async def reading(records: Sequence[Record]) -> Any:
        fed.extend(record.offset for record in records)
        return await read(records)

    monkeypatch.setattr(engine.parking, "_read", reading)
    monkeypatch.setattr(parking, "FEED", 2)
    await intake_with_agency(make)
    ids = [sent(offset, b"").id for offset in (1000, 9, 100, 99, 999, 10)]
    assert len(await engine.parking.redrive(ids)) == len(offsets)
    assert tuple(fed[: len(offsets)]) == offsets and await parked(engine) == {}


async def test_the_contact_person_is_kept_erasable_and_stands_in_no_fact_receipt_log_line_or_parked_view(
    make: Make, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    engine = await intake_with_agency(make)
    secrets = ("Образцова", "Примеровна", "obraztsova", "example.test", "+375 00 000-00-00")
    contact = {"name": "Образцова Мария Примеровна", "email": "m.obraztsova@example.test", "phone": secrets[-1]}
    newer = {**event(4, contact=contact), "type": "pilots.agency.application-submitted.v99"}
    misplaced = {**newer, "id": "demo-5", "contact": contact}
    batch = [
        sent(0, event(1, contact=contact)),
        sent(1, event(2, contact={**contact, "name": ""})),
        sent(2, event(3, contact=contact, sector="no-such-sector")),
        sent(3, newer),
        sent(4, misplaced),
        sent(5, json.dumps(event(6, contact=contact)).encode()[:-2]),
        sent(6, event(1, contact=contact, title="Другая")),
    ]
    await engine.records(batch)
    registered = pilot_id("demo", "demo-1")
    persons = await engine.store.rows("persons", {}, sort=[("_id", 1)], limit=10)
    assert [{**row, "_id": ""} for row in persons] == [{"_id": "", "pilot": registered, **contact}]
    rows = await parked_rows(engine.store, {})
    assert len(rows) == 2, "only the newer version is parked"
    facts = [message.value.decode() for message in broker.log]
    assert len(facts) >= 6 and persons[0]["_id"] in "".join(facts)
    headers = [str(message.headers) for message in broker.log]
    lines = [JsonLines("intake").format(record) for record in caplog.records]
    views = [json.dumps(_parked(row), ensure_ascii=False) for row in rows]
    subjects = await engine.store.rows("subjects", {}, sort=[("_id", 1)], limit=100)
    for text in (*facts, *headers, *lines, caplog.text, *views, *map(str, subjects), *(row["cause"] for row in rows)):
        found = [secret for secret in secrets if secret in text]
        assert not found, text[:500]
    assert any("•••" in view for view in views)


async def test_personal_data_is_safe_before_the_facts_that_point_to_it(
    store: Store, make: Make, broker: Broker
) -> None:
    await intake_with_agency(make)
    hooked = Hooked(store)
    hooked.before["write"] = crash
    with pytest.raises(Crash):
        await make(INTAKE, hooked).records([sent(0, event(1))])
    assert await store.count("persons", {}, 10) == 1 and broker.events(subject=pilot_id("demo", "demo-1")) == []
