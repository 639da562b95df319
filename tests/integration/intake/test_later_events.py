"""An agency's later events with the real intake on a real mongod: led to its own pilots, and to no others."""

import asyncio
import json
from datetime import date, timedelta
from typing import Any, cast

import pytest

from contracts.agency import (
    ClarificationProvidedV1,
)
from contracts.calendars import CalendarUpdate
from contracts.event import digest
from contracts.expertise import (
    RequestClosedV1,
    RequestOutcome,
    TermEndedV1,
)
from services.chassis.engine import Engine
from services.chassis.recalendar import recalendar
from services.chassis.store import Store
from services.chassis.subject import Done, Refused
from services.intake.domain.commands import Accept
from services.intake.domain.state import Status, person_id, pilot_id
from services.intake.door import address, submission
from services.law.calendar import Calendars
from tests.kit.engine.tiny import START, Broker, Clock, Crash, Hooked, crash, parked_rows
from tests.kit.intake.sides import (
    NOWHERE,
    PILOT,
    RETURN,
    ROBOT,
    Make,
    again,
    answered,
    doc,
    entered,
    event,
    negative,
    order,
    receipts,
    requested,
    rules,
    said,
    sent,
    state,
    submitted,
    withdrawn,
)

# ---- the way of an application


async def test_a_returned_application_comes_again_over_kafka_and_all_of_it_is_one_story(
    engine: Engine, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    await order(engine, RETURN, "k1")
    contact = {"name": "Образцова Проба Примеровна", "email": None, "phone": None}
    await engine.records([sent(again(title="Иначе", contact=contact))])
    found = await state(engine)
    assert (found.status, found.submission, found.event_id) == (Status.REGISTERED, 2, "demo-1")
    assert receipts(broker) == [("demo-1", "registered"), ("demo-1", "returned"), ("again", "resubmitted")]
    assert {e["correlationid"] for e in broker.events("pilots.intake.v1", PILOT)} == {"demo-1"}
    assert {e["correlationid"] for e in broker.events("pilots.receipts.demo.v1")} == {"demo-1"}
    persons = await engine.store.rows("persons", {}, sort=[("_id", 1)], limit=10)
    assert {row["_id"] for row in persons} == {person_id(PILOT), person_id(PILOT, "again")}
    assert "Примеровна" not in "".join(m.value.decode() for m in broker.log)
    assert await parked_rows(engine.store, {}) == []


async def test_what_the_expertise_asks_and_concludes_reaches_the_applicant_and_its_answers_count(
    engine: Engine, broker: Broker, clock: Clock
) -> None:
    await engine.records([sent(submitted())])
    await order(engine, Accept(), "k1")
    ended = TermEndedV1(actor=ROBOT, kind="clarification", ended=START, late=False)
    closing = RequestClosedV1(actor=ROBOT, round=1, request="r-1", outcome=RequestOutcome.ANSWERED)
    await engine.records([said(closing, 3)])
    assert [row["status"] for row in await parked_rows(engine.store, {})] == ["waiting"], "a gap waits"
    await engine.records([said(requested(), 1), sent(answered("a", {"item": "why", "text": "Так."}))])
    end = {"item": "end", "text": "Позже.", "value": "2027-07-31"}
    await engine.records([sent(answered("b", end))])
    await engine.records([said(ended, 2)])
    assert await parked_rows(engine.store, {}) == [], "what waited was taken up"
    assert (await state(engine)).open_requests == ()
    await engine.records([said(negative(), 4)])
    assert receipts(broker) == [
        ("demo-1", "registered"),
        ("demo-1", "accepted"),
        ("demo-1", "information-requested"),
        ("a", "answers-taken"),
        ("b", "answers-taken"),
        ("demo-1", "concluded"),
    ]
    found = await state(engine)
    assert found.application is not None and found.application.planned_end == date(2027, 7, 31)
    assert (found.status, found.may_resubmit(clock())) == (Status.CONCLUDED, True)
    met = [{"place": 1, "text": "Приложен."}]
    await engine.records([sent(again(met=met))])
    await order(engine, Accept(), "k2")
    accepted = broker.events("pilots.intake.v1", PILOT)[-1]
    assert accepted["type"] == "pilots.intake.application-accepted.v1"
    assert (accepted["data"]["submission"], accepted["data"]["met"]) == (2, met)
    assert accepted["data"]["after"] == {"expertise": 4}


async def test_timers_remind_and_then_let_a_returned_application_lapse(
    engine: Engine, broker: Broker, clock: Clock
) -> None:
    await engine.records([sent(submitted())])
    await order(engine, RETURN, "k1")
    for _ in range(40):
        clock.forward(days=1)
        await engine.timers()
    types = [e["type"].split(".")[2] for e in broker.events("pilots.intake.v1", PILOT)][-4:]
    assert types == ["term-nearing", "term-nearing", "term-ended", "application-lapsed"]
    assert receipts(broker)[-1] == ("demo-1", "lapsed")
    assert (await state(engine)).running is None
    await engine.records([sent(again())])
    assert (receipts(broker)[-1], rules(broker)) == (("again", "refused"), ["application.not-open"])


def another_calendar() -> Calendars:
    """The calendars with a day of March made free."""
    origin = {"kind": "assumption", "note": "A day for this test."}
    free = {"day": "2026-03-04", "working": False, "reason_ru": "выходной", "reason_en": "day off", "act": "№ 1"}
    update = {"id": "BY", "dated": "2026-03-02", "origin": origin, "overrides": [free]}
    return Calendars.load([CalendarUpdate.model_validate_json(json.dumps(update))])


async def test_a_changed_calendar_moves_the_due_date_of_every_open_application_once(
    engine: Engine, broker: Broker
) -> None:
    await engine.records([sent(submitted(n)) for n in range(1, 4)])
    await order(engine, RETURN, "k1")
    await engine.records([sent(withdrawn(subject=pilot_id("demo", "demo-2")))])
    before = (await state(engine)).due_at
    assert before is not None and await recalendar(engine) == 0
    engine.calendars = another_calendar()
    assert await recalendar(engine) == 2, "the withdrawn one has no open term"
    assert await recalendar(engine) == 0
    await engine.outbox.flush()
    fact = broker.events("pilots.intake.v1", PILOT)[-1]["data"]
    assert (fact["kind"], fact["version_before"] != fact["version"]) == ("fixing-remarks", True)
    after = (await state(engine)).due_at
    assert after == before + timedelta(days=1)
    assert (await doc(engine)).due == (await state(engine)).clock.alarm_at


# ---- where a later event is led


async def test_a_batch_finds_its_pilots_with_one_query_also_those_that_stand_before_in_it(
    engine: Engine, store: Store, broker: Broker
) -> None:
    await engine.records([sent(submitted(n)) for n in range(1, 6)])
    bodies = [withdrawn(f"w-{n}", pilot_id("demo", f"demo-{n}")) for n in range(1, 8)]
    inputs = [submission("demo", json.dumps(body).encode(), "x") for body in (submitted(6), *bodies, submitted(7))]
    asked = Counting(store)
    led = await address(cast(Store, asked), inputs)
    assert asked.count == 1
    own = pilot_id("demo", "w-7")
    assert [one.subject for one in led[1:8]] == [*(pilot_id("demo", f"demo-{n}") for n in range(1, 7)), own]
    assert (led[0], led[8]) == (inputs[0], inputs[8])
    assert await address(cast(Store, asked), inputs[:1]) == inputs[:1]
    assert asked.count == 1, "a batch without later events asks nothing"


class Counting:
    """A store that counts its queries."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.count = 0

    async def rows(self, *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        return await self.store.rows(*args, **kwargs)


async def test_an_application_and_its_withdrawal_in_one_batch_are_both_taken(engine: Engine, broker: Broker) -> None:
    await engine.records([sent(submitted()), sent(withdrawn())])
    assert (await state(engine)).status is Status.WITHDRAWN
    assert receipts(broker) == [("demo-1", "registered"), ("back", "withdrawn")]


async def test_a_later_event_about_a_refused_application_is_refused_too(engine: Engine, broker: Broker) -> None:
    await engine.records([sent(submitted(sector="space")), sent(withdrawn())])
    assert receipts(broker) == [("demo-1", "refused"), ("back", "refused")]
    await engine.records([sent(withdrawn("back-2"))])
    assert (receipts(broker)[-1], rules(broker)) == (("back-2", "refused"), ["pilot.unknown"])
    assert (await state(engine)).status is Status.REFUSED
    assert (await state(engine, pilot_id("demo", "back-2"))).status is Status.REFUSED, "it has a subject of its own"


async def test_a_subject_that_only_passed_by_is_nobodys_pilot(engine: Engine, broker: Broker) -> None:
    await engine.records([said(negative(), 1, NOWHERE)])
    assert (await doc(engine, NOWHERE)).version == 0
    await engine.records([sent(withdrawn(subject=NOWHERE))])
    assert (receipts(broker), rules(broker)) == ([("back", "refused")], ["pilot.unknown"])
    assert (await doc(engine, NOWHERE)).version == 0
    assert await parked_rows(engine.store, {}) == []


async def test_what_comes_before_its_application_is_refused_and_a_resend_meets_that_answer(
    engine: Engine, broker: Broker
) -> None:
    early = withdrawn()
    await engine.records([sent(early)])
    assert (receipts(broker), rules(broker)) == ([("back", "refused")], ["pilot.unknown"])
    await engine.records([sent(submitted())])
    await engine.records([sent(early)])
    assert receipts(broker) == [("back", "refused"), ("demo-1", "registered")]
    assert (await state(engine)).status is Status.REGISTERED
    assert (await state(engine, pilot_id("demo", "back"))).status is Status.REFUSED
    await engine.records([sent(withdrawn("back-2"))])
    assert (await state(engine)).status is Status.WITHDRAWN


async def test_events_of_an_agency_that_is_not_entered_wait_and_are_taken_in_order_by_a_redrive(
    make: Make, broker: Broker
) -> None:
    engine = make()
    records = [sent(submitted()), sent(withdrawn())]
    await engine.records(records)
    assert [row["status"] for row in await parked_rows(engine.store, {})] == ["broken", "broken"]
    assert len(await engine.parking.redrive([records[1].id])) == 0
    assert (await engine.documents([PILOT])) == {}, "the withdrawal alone makes no pilot"
    await entered(engine, "demo")
    assert len(await engine.parking.redrive([records[1].id])) == 0, "its application is not there yet"
    assert len(await engine.parking.redrive([one.id for one in records])) == 2
    told = [("demo-1", "parked"), ("back", "parked"), ("demo-1", "registered"), ("back", "withdrawn")]
    assert receipts(broker) == told


# ---- other agencies


ATTACKS = (
    withdrawn("x", PILOT, "evil"),
    again("x", PILOT, "evil"),
    event(ClarificationProvidedV1.TYPE, "x", "evil", PILOT, request="r-1", answers=[{"item": "why", "text": "а"}]),
)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: one["type"])
async def test_another_agencys_pilot_can_be_neither_touched_nor_told_from_one_that_is_not_there(
    engine: Engine, broker: Broker, attack: dict[str, Any]
) -> None:
    await engine.records([sent(submitted())])
    await order(engine, RETURN, "k1")
    before = await doc(engine)
    nowhere = {**attack, "id": "y", "subject": NOWHERE}
    forged = {**attack, "id": "z", "source": "/agencies/demo"}
    await engine.records([sent(one, "evil") for one in (attack, nowhere, forged)])
    assert await doc(engine) == before
    first, second, third = broker.events("pilots.receipts.evil.v1")
    assert {one["data"]["outcome"] for one in (first, second, third)} == {"refused"}
    assert first["data"]["problems"] == second["data"]["problems"], "nothing is learnt of what is there"
    assert {p["rule"] for p in third["data"]["problems"]} == {"source.not-yours", "pilot.unknown"}
    assert [one["subject"] for one in (first, second, third)] == [pilot_id("evil", i) for i in "xyz"]
    assert receipts(broker) == [("demo-1", "registered"), ("demo-1", "returned")], "its owner hears nothing of it"
    assert await engine.documents([NOWHERE]) == {}


async def test_no_subject_can_be_made_before_its_own_application(engine: Engine, broker: Broker) -> None:
    future = pilot_id("demo", "demo-7")
    subjects = [future, "agency:demo", "agency:evil", "series:2026", pilot_id("evil", "x-0"), "", None]
    for n, subject in enumerate(subjects):
        await engine.records([sent(withdrawn(f"x-{n}", subject, "evil"), "evil")])
    assert await engine.documents([future, "series:2026"]) == {}
    assert (await doc(engine, "agency:demo")).version == 1
    assert {outcome for _, outcome in receipts(broker, "evil")} == {"refused"}
    await engine.records([sent(submitted(7))])
    assert (await state(engine, future)).status is Status.REGISTERED


async def test_one_batch_of_two_agencies_leads_each_event_to_its_own_pilot_alone(
    engine: Engine, broker: Broker
) -> None:
    await engine.records(
        [
            sent(submitted()),
            sent(withdrawn("x", PILOT, "evil"), "evil"),
            sent(submitted(1, "evil"), "evil"),
            sent(withdrawn("y", pilot_id("evil", "evil-1"), "evil"), "evil"),
            sent(withdrawn("z", pilot_id("evil", "evil-1"))),
        ]
    )
    assert (await state(engine)).status is Status.REGISTERED
    assert (await state(engine, pilot_id("evil", "evil-1"))).status is Status.WITHDRAWN
    assert sorted(receipts(broker, "evil")) == [("evil-1", "registered"), ("x", "refused"), ("y", "withdrawn")]
    assert sorted(receipts(broker)) == [("demo-1", "registered"), ("z", "refused")]


# ---- ids, replays, two at once


async def test_the_same_event_again_changes_nothing_and_other_content_under_its_id_is_refused_elsewhere(
    engine: Engine, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    await engine.records([sent(withdrawn()), sent(withdrawn())])
    before, told = await doc(engine), receipts(broker)
    await engine.records([sent(withdrawn())])
    assert (await doc(engine), receipts(broker)) == (before, told)
    other = withdrawn(reason="Совсем другое.")
    await engine.records([sent(other), sent(again("demo-1"))])
    assert await doc(engine) == before
    assert sorted(receipts(broker)[len(told) :]) == [("back", "refused"), ("demo-1", "refused")]
    assert rules(broker) == ["id.reused"]
    refusal = await state(engine, pilot_id("demo", f"back#{digest(other)}"))
    assert (refusal.status, refusal.event_id) == (Status.REFUSED, "back")


async def test_a_crash_between_claim_and_write_leaves_the_event_to_be_taken_again(
    engine: Engine, make: Make, store: Store, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    hooked = Hooked(store)
    hooked.before["write"] = crash
    record = sent(withdrawn())
    with pytest.raises(Crash):
        await make(hooked).records([record])
    assert (await state(engine)).status is Status.REGISTERED
    await engine.records([record])
    assert (await state(engine)).status is Status.WITHDRAWN


async def test_of_two_resubmissions_at_once_one_is_registered_and_the_other_refused(
    engine: Engine, make: Make, store: Store, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    await order(engine, RETURN, "k1")
    hooked = Hooked(store)
    hooked.before["write"] = lambda: engine.records([sent(again("second"))])
    await make(hooked).records([sent(again("first"))])
    assert receipts(broker)[-2:] == [("second", "resubmitted"), ("first", "refused")]
    assert (await state(engine)).submission == 2


async def test_many_at_once_on_one_pilot_come_to_one_end_and_each_has_its_own_answer(
    engine: Engine, make: Make, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    events = [withdrawn(f"w-{n}") for n in range(8)]
    officers = [order(make(), Accept(), "k1"), order(make(), RETURN, "k2")]
    outcomes = await asyncio.gather(*(make().records([sent(one)]) for one in events), *officers)
    found = await state(engine)
    assert found.status is Status.WITHDRAWN
    told = {one.event_id: one.outcome for one in found.events}
    assert len(told) == 8 and sorted(told.values()) == ["refused"] * 7 + ["withdrawn"]
    assert sum(isinstance(one, Done) for one in outcomes[-2:]) <= 1
    assert all(isinstance(one, (Done, Refused)) for one in outcomes[-2:])
    await engine.outbox.flush()
    series = broker.series(PILOT, "pilots.intake.v1")
    assert sorted(set(series)) == list(range(1, max(series) + 1))
