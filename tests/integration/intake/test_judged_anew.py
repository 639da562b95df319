"""What was refused is judged anew when it comes again, under the id that it has: over both doors, and nothing is
counted twice. What is refused for the same makes nothing."""

import json
from datetime import date
from typing import Any

import pytest

from contracts.event import Actor
from contracts.steps import AgencyDisabling, AgencyEnabling, AgencyEntry, EditionFrom
from services.chassis.engine import Engine
from services.chassis.store import SUBJECTS, Store
from services.chassis.subject import Claimed, Done, Input
from services.intake.domain.commands import Accept
from services.intake.domain.state import Status, pilot_id
from tests.integration.intake.test_balance import parts
from tests.kit.engine.tiny import Broker, Clock, Crash, Hooked, crash
from tests.kit.intake.log import Log
from tests.kit.intake.sides import (
    PILOT,
    Ask,
    Make,
    doc,
    order,
    receipts,
    rules,
    sent,
    state,
    submitted,
    withdrawn,
)

ADMIN = Actor(id="u-9001", role="admin")
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


async def turned(engine: Engine, command: AgencyDisabling | AgencyEnabling | AgencyEntry, key: str) -> None:
    one = Input("agency:demo", Claimed("person:admin", key, "d"), command, ADMIN, key)
    assert isinstance(await engine.command(one), Done)


async def disable(engine: Engine, key: str = "off") -> None:
    await turned(engine, AgencyDisabling(why="Утечка пароля."), key)


async def enable(engine: Engine, key: str = "on") -> None:
    await turned(engine, AgencyEnabling(why="Пароль заменён."), key)


async def since(engine: Engine, day: date, key: str) -> None:
    """The agency's edition holds since this day."""
    entry = AgencyEntry(name="Ведомство", editions=(EditionFrom(edition="by-2024", since=day),))
    await turned(engine, entry, key)


async def test_what_was_refused_while_its_agency_was_cut_off_is_registered_when_it_comes_again_once(
    engine: Engine, make: Make, store: Store, broker: Broker, log: Log, clock: Clock
) -> None:
    await disable(engine)
    first = log.put(submitted(), submitted(), submitted(2))
    await engine.records(first)
    log.taken = 3
    assert receipts(broker) == [("demo-1", "refused"), ("demo-2", "refused")]
    assert (rules(broker), (await state(engine)).number) == (["agency.disabled"], None)
    assert await parts(store, log, clock) == {"received": 3, "rejected": 2, "duplicates": 1}

    still = log.put(submitted())
    await engine.records(still)
    log.taken = 4
    assert (await doc(engine)).version == 1, "it is refused for the same: nothing is told anew"
    assert await parts(store, log, clock) == {"received": 4, "rejected": 2, "duplicates": 2}

    await enable(engine)
    await engine.records([first[0], first[2]])  # read once more, as after a crash: what a record was answered stays
    assert (await doc(engine)).version == 1
    assert await parts(store, log, clock) == {"received": 4, "rejected": 2, "duplicates": 2}
    anew = log.put(submitted(), submitted(), submitted(2))
    await engine.records(anew)
    log.taken = 7
    assert [*receipts(broker)[2:]] == [("demo-1", "registered"), ("demo-2", "registered")]
    found = [await state(engine, pilot_id("demo", one)) for one in ("demo-1", "demo-2")]
    assert [one.status for one in found] == [Status.REGISTERED] * 2
    assert len({one.number for one in found} - {None}) == 2 and found[0].look_over is not None
    whole = {"received": 7, "registered": 2, "rejected": 2, "duplicates": 3}
    assert await parts(store, log, clock) == whole
    await make().records(anew)
    assert await parts(store, log, clock) == whole, "read once more by another process"
    await engine.records(log.put(submitted()))
    log.taken = 8
    assert await parts(store, log, clock) == {**whole, "received": 8, "duplicates": 4}
    await order(engine, Accept(), "accepted")
    assert (await state(engine)).status is Status.ACCEPTED, "it goes on as any application"


@pytest.mark.parametrize("call", ["write", "put_new", "add", "clear", "set_fields"])
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_process_that_is_killed_while_it_judges_anew_counts_nothing_twice(
    engine: Engine, make: Make, store: Store, log: Log, clock: Clock, moment: str, call: str
) -> None:
    await disable(engine)
    await engine.records(log.put(submitted(), submitted(2)))
    await enable(engine)
    anew = log.put(submitted(), submitted(2), submitted())
    dying = Hooked(store)
    getattr(dying, moment)[call] = crash
    with pytest.raises(Crash):
        await make(dying).records(anew)
    await make().records(anew)
    log.taken = 5
    assert await parts(store, log, clock) == {"received": 5, "registered": 2, "rejected": 2, "duplicates": 1}


async def test_where_a_topic_is_read_once_more_every_record_has_the_answer_that_it_had(
    engine: Engine, make: Make, store: Store, log: Log, clock: Clock
) -> None:
    await disable(engine)
    both = log.put(submitted(), submitted())
    await engine.records(both)
    await enable(engine)
    for _ in range(2):
        await make().records(both)  # the reader's place was lost
    log.taken = 2
    whole = {"received": 2, "rejected": 1, "duplicates": 1}
    assert await parts(store, log, clock) == whole
    place = {f"ids.{Claimed('agency:demo', 'demo-1', '').key}.place": "kafka/demo/demo-1"}
    await store.set_fields(SUBJECTS, {PILOT: place})  # as a rebuild makes it of the facts
    await make().records(both)
    assert (await doc(engine)).version == 1


async def test_what_is_read_again_before_its_verdict_is_noted_is_counted_once(
    engine: Engine, make: Make, store: Store, log: Log, clock: Clock
) -> None:
    await disable(engine)
    records = log.put(submitted())
    for turn in (enable, disable):
        dying = Hooked(store)
        dying.before["set_fields"] = crash
        with pytest.raises(Crash):
            await make(dying).records(records)
        await turn(engine, f"{turn.__name__}-1")
        records = [*records, *log.put(submitted())]
    await make().records(records)
    log.taken = 3
    whole = {"received": 3, "rejected": 1, "registered": 1, "duplicates": 1}
    assert await parts(store, log, clock) == whole


async def test_what_is_refused_for_something_else_now_says_that_and_what_is_refused_for_the_same_says_nothing(
    engine: Engine, broker: Broker
) -> None:
    await disable(engine)
    await engine.records([sent(submitted(sector="mars"))])
    await enable(engine)
    for _ in range(3):
        await engine.records([sent(submitted(sector="mars"))])
    assert receipts(broker) == [("demo-1", "refused")] * 2
    assert "sector.unknown" in rules(broker) and "agency.disabled" not in rules(broker)
    assert ((await doc(engine)).version, (await state(engine)).number) == (2, None)
    other = submitted(sector="health")
    await engine.records([sent(other)])
    assert (receipts(broker)[-1], rules(broker)) == (("demo-1", "refused"), ["id.reused"]), "mended is another event"


async def test_over_http_it_is_answered_as_before_until_the_reason_is_over_and_then_as_a_new_one(
    engine: Engine, ask: Ask, store: Store, log: Log, clock: Clock
) -> None:
    await since(engine, date(2026, 3, 3), "later")
    refused = [await ask("post", "/v1/events", json=submitted()) for _ in range(2)]
    assert [one.status_code for one in refused] == [422, 422]
    assert [one.headers.get("Idempotent-Replayed") for one in refused] == [None, "true"]
    assert refused[0].json()["problems"][0]["rule"] == "edition.none" and refused[0].json() == refused[1].json()
    await since(engine, date(2025, 1, 1), "sooner")
    tried = await ask("post", "/v1/events/validate", json=submitted())
    assert (tried.status_code, tried.json()["outcome"]) == (200, "registered")
    batch = json.dumps([submitted(), submitted(), submitted(2)]).encode()
    told = (await ask("post", "/v1/events", content=batch, headers=BATCH)).json()["items"]
    assert [one["verdict"] for one in told] == ["accepted", "duplicate", "accepted"]
    assert told[0]["receipt"]["number"] == told[1]["receipt"]["number"] is not None
    card = await ask("get", "/v1/receipts/demo-1")
    assert (card.json()["outcome"], card.json()["problems"]) == ("registered", told[0]["receipt"]["problems"])
    assert (await ask("post", "/v1/events", json=submitted())).status_code == 200
    await engine.outbox.flush()
    said = (await ask("get", "/v1/receipts?pilot=" + PILOT)).json()["items"]
    assert [one["outcome"] for one in said] == ["refused", "registered"]
    assert await parts(store, log, clock) == {"received": 6, "registered": 2, "rejected": 1, "duplicates": 3}


async def test_an_event_about_a_pilot_is_judged_anew_too_and_its_pilot_tells_its_last_answer(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    await disable(engine)
    for _ in range(2):
        await engine.records([sent(withdrawn())])
    assert receipts(broker)[1:] == [("back", "refused")] and rules(broker) == ["agency.disabled"]
    await enable(engine)
    await engine.records([sent(withdrawn()), sent(withdrawn())])
    assert receipts(broker)[2:] == [("back", "withdrawn")]
    found = await state(engine)
    assert (found.status, [one.outcome for one in found.events]) == (Status.WITHDRAWN, ["withdrawn"])
    assert (await ask("get", "/v1/receipts/back")).json()["outcome"] == "withdrawn"


async def test_an_application_and_what_followed_it_are_taken_in_their_order_though_both_were_refused(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    both: list[Any] = [sent(submitted()), sent(withdrawn())]
    await disable(engine)
    await engine.records(both)
    assert receipts(broker) == [("demo-1", "refused"), ("back", "refused")]
    await enable(engine)
    await engine.records([sent(submitted())])
    assert (await ask("get", "/v1/receipts/back")).json()["outcome"] == "refused"
    await engine.records([sent(withdrawn())])
    assert receipts(broker)[2:] == [("demo-1", "registered"), ("back", "withdrawn")]


async def test_two_replicas_that_judge_anew_at_once_register_it_once(
    engine: Engine, make: Make, store: Store, broker: Broker
) -> None:
    await disable(engine)
    await engine.records([sent(submitted())])
    await enable(engine)
    hooked = Hooked(store)
    hooked.before["write"] = lambda: engine.records([sent(submitted())])
    await make(hooked).records([sent(submitted())])
    assert receipts(broker) == [("demo-1", "refused"), ("demo-1", "registered")]
    assert (await doc(engine)).version == 3


async def test_an_auditor_asks_what_would_be_answered_to_an_agency_whose_quota_it_does_not_touch(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    await engine.records([sent(submitted())])
    await disable(engine)
    batch = json.dumps([submitted(), submitted(2), withdrawn()]).encode()
    asked = "/v1/events/validate?agency=demo"
    told = (await ask("post", asked, "auditor", content=batch, headers=BATCH)).json()["items"]
    assert [one["verdict"] for one in told] == ["duplicate", "refused", "refused"]
    assert told[1]["receipt"]["problems"][0]["rule"] == "agency.disabled"
    await enable(engine)
    told = (await ask("post", asked, "auditor", content=batch, headers=BATCH)).json()["items"]
    assert [one["verdict"] for one in told] == ["duplicate", "accepted", "accepted"]
    assert receipts(broker) == [("demo-1", "registered")], "nothing is taken"
    assert (await ask("post", "/v1/events/validate", "auditor", content=batch, headers=BATCH)).status_code == 403
    evil = (await ask("post", asked, "publisher@evil", content=batch, headers=BATCH)).json()["items"]
    assert {one["verdict"] for one in evil} == {"refused"}, "a publisher speaks for the own agency alone"
