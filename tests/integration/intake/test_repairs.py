"""Parked records changed or discarded by two people, on the real intake: who did what is a fact, both versions stay,
what waited behind goes on."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.agency import ApplicationSubmittedV2
from contracts.intake import RecordSkippedV1
from contracts.steps import RecordSkipping
from contracts.topics import fact_topic
from services.chassis import passed_over, stalled
from services.chassis.auth import Caller
from services.chassis.engine import Engine
from services.chassis.store import BY_ID, PARKED, REPAIRS, Store
from services.chassis.subject import Record
from tests.integration.intake.test_parked import NEWER
from tests.kit.engine.tiny import Broker, Clock, Crash, Hooked, crash
from tests.kit.intake.sides import Ask, Make, doc, negative, receipts, requested, rules, said, sent, submitted

ONE, OTHER = "ops@lotsman=u-5001", "ops@lotsman=u-5002"


async def post(ask: Ask, path: str, who: str, status: int, key: str = "", **body: Any) -> dict[str, Any]:
    """What is answered to somebody who runs the service."""
    headers = {"Idempotency-Key": key or f"{path}-{who}"}
    answer = await ask("post", f"/v1/parked/{path}", who, json=body or None, headers=headers)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json() if answer.content else {}
    return found


def handled(broker: Broker) -> list[tuple[str, str]]:
    """The facts of what was done by hand: what, and by whom."""
    some = [one["data"] for one in broker.events("pilots.intake.v1") if one["subject"].startswith("handling:")]
    return [(one["action"], one["actor"]["id"]) for one in some]


def contact() -> dict[str, str]:
    return {"name": "Примерова Проба", "email": "primerova@example.org"}


async def test_a_change_is_fed_again_when_a_second_person_approves_and_both_versions_are_kept_without_persons(
    engine: Engine, ask: Ask, broker: Broker, store: Store
) -> None:
    good = submitted(1, contact=contact())
    record = sent({**good, "type": NEWER})
    await engine.records([record])
    asked = {"record": record.id, "kind": "edit", "event": good, "why": "Тип ещё не введён."}
    await post(ask, "repairs", ONE, 422, "a", **{**asked, "event": {**good, "id": "other"}})
    await post(ask, "repairs", ONE, 404, "b", **{**asked, "record": f"{record.topic}/0/999999"})
    made = await post(ask, "repairs", ONE, 201, "c", **asked)
    assert (await post(ask, "repairs", ONE, 201, "c", **asked))["id"] == made["id"]
    assert (made["state"], made["becomes"]["type"], made["was"]["id"]) == (
        "proposed",
        ApplicationSubmittedV2.TYPE,
        "demo-1",
    )
    path = f"repairs/{made['id']}/approval"
    assert (await post(ask, path, ONE, 403))["title"] == "handling.second-person"
    assert receipts(broker) == [("demo-1", "parked")], "nothing is done before"
    told = await post(ask, path, OTHER, 200)
    assert (told["id"], told["verdict"]) == (record.id, "went")
    assert await post(ask, path, OTHER, 200, "once more") == told
    await post(ask, f"repairs/{made['id']}/refusal", OTHER, 409, why="Поздно.")
    assert receipts(broker) == [("demo-1", "parked"), ("demo-1", "registered")]
    await engine.outbox.flush()
    assert handled(broker) == [("edit-proposed", "u-5001"), ("edit-approved", "u-5002")]

    [row] = await store.rows(REPAIRS, {}, sort=BY_ID, limit=9)
    assert json.loads(row["was"])["type"] == NEWER and json.loads(row["becomes"])["type"] == good["type"]
    everything = (await ask("get", "/v1/parked/repairs", ONE)).text + row["was"].decode() + row["becomes"].decode()
    assert "Примерова" not in everything and "primerova" not in everything
    [listed] = (await ask("get", "/v1/parked/repairs", ONE)).json()["items"]
    assert (await ask("get", f"/v1/parked/repairs/{made['id']}", ONE)).json() == listed
    assert (listed["state"], listed["by"], listed["settled_by"], listed["verdict"]) == (
        "approved",
        "u-5001",
        "u-5002",
        "went",
    )


async def test_a_discarded_event_is_refused_to_its_agency_and_a_declined_one_stays(
    engine: Engine, ask: Ask, broker: Broker, store: Store
) -> None:
    records = [sent({**submitted(n), "type": NEWER}) for n in (1, 2)]
    await engine.records(records)
    asked = [{"record": one.id, "kind": "discard", "why": "Пробная отправка."} for one in records]
    first, second = [await post(ask, "repairs", ONE, 201, str(n), **one) for n, one in enumerate(asked)]
    await post(ask, f"repairs/{second['id']}/refusal", ONE, 204, why="Ошибочно.")
    await post(ask, f"repairs/{second['id']}/approval", OTHER, 409)
    assert (await post(ask, f"repairs/{first['id']}/approval", OTHER, 200))["verdict"] == "went"
    assert receipts(broker)[2:] == [("demo-1", "refused")] and rules(broker) == ["event.discarded"]
    [left] = await store.rows(PARKED, {}, sort=BY_ID, limit=9)
    assert left["_id"] == records[1].id
    await engine.outbox.flush()
    assert {what for what, _ in handled(broker)} == {"discard-proposed", "discard-approved", "declined"}


async def test_what_waited_behind_a_discarded_fact_goes_on_in_order(engine: Engine, ask: Ask, store: Store) -> None:
    await engine.records([sent(submitted(1))])
    broken = said(requested(), 1)
    spoilt = replace(broken, value=broken.value.replace(b'"items"', b'"itmes"'))
    again = replace(said(requested(), 2), value=spoilt.value.replace(b"0001", b"0002"))
    await engine.records([spoilt])
    await engine.records([again, said(negative(), 3)])
    rows = await store.rows(PARKED, {}, sort=BY_ID, limit=9)
    assert sorted(row["status"] for row in rows) == ["broken", "broken", "waiting"]

    async def discard(record: Record, key: str) -> str:
        one = await post(ask, "repairs", ONE, 201, key, record=record.id, kind="discard", why="Повреждена.")
        return f"repairs/{one['id']}/approval"

    late, early = await discard(again, "late"), await discard(spoilt, "early")
    assert (await post(ask, late, OTHER, 409))["title"] == "handling.not-next"
    assert (await post(ask, early, OTHER, 200))["verdict"] == "went"
    assert (await doc(engine)).seen["expertise"] == 1
    await post(ask, late, OTHER, 200, "now")
    assert (await doc(engine)).seen["expertise"] == 3, "what waited went on"
    assert await store.rows(PARKED, {}, sort=BY_ID, limit=9) == []


async def test_feeding_again_is_a_fact_goes_at_a_rate_and_in_no_circle(
    engine: Engine, ask: Ask, broker: Broker, store: Store
) -> None:
    records = [sent({**submitted(n), "type": NEWER}) for n in range(1, 4)]
    await engine.records(records)
    for dry in (False, True):
        too_slow = await post(ask, "redrive", ONE, 422, topic=records[0].topic, rate=1, dry_run=dry)
        assert too_slow["title"] == "redrive.too-slow", "also where it is only tried"
    for key in ("one", "one", "two", "three", "four", "one"):
        told = await post(ask, "redrive", ONE, 200, key, topic=records[0].topic, rate=200, limit=10)
        assert [one["id"] for one in told["records"]] == [one.id for one in records]
    for dry in (True, False):
        more = await post(ask, "redrive", ONE, 200, "five", topic=records[0].topic, dry_run=dry)
        assert [(one["id"], one["verdict"]) for one in more["records"]] == [(one.id, "broken") for one in records]
        assert more["records"][0]["cause"].startswith("fed again 5 times already"), "also under a key that was used"
    more = await post(ask, "redrive", ONE, 200, "six", topic=records[0].topic, ids=[records[0].id], dry_run=True)
    assert [one["cause"][:9] for one in more["records"]] == ["NewerVers", "fed again", "fed again"], "each is told once"
    assert len((await post(ask, "redrive", ONE, 200, "six", ids=[records[0].id]))["records"]) == 1
    [shown] = [one for one in (await ask("get", "/v1/parked", ONE)).json()["items"] if one["id"] == records[0].id]
    assert shown["tries"] == 6, "five times with its group, and once by its id"
    assert (await ask("get", f"/v1/parked/records/{records[0].id}", ONE)).json() == shown
    assert (await ask("get", f"/v1/parked/records/{records[0].topic}/0/999999", ONE)).status_code == 404
    await engine.outbox.flush()
    assert handled(broker) == [("redriven", "u-5001")] * 5, "one for each key"
    [first, *_] = [one for one in broker.events(fact_topic("intake")) if one["subject"].startswith("handling:")]
    assert first["data"]["records"] == [one.id for one in records]


async def test_whoever_has_a_record_passed_over_is_a_fact_before_it_is_and_where_nothing_stands_still_there_is_none(
    engine: Engine, ask: Ask, broker: Broker, store: Store
) -> None:
    place = {"topic": "pilots.registry.v1", "partition": 3, "offset": 7, "end": 9, "cause": None}
    await store.put_new(stalled.COLLECTION, [{"_id": "pilots.registry.v1/3", **place, "at": engine.now()}])
    asked = {"record": "pilots.registry.v1/3/7", "why": "Не читается."}
    for record, status in (("pilots.registry.v1/3/8", 409), ("pilots.registry.v1/4/7", 409), (asked["record"], 200)):
        answer = await ask("post", "/v1/reading/skip", ONE, json=asked | {"record": record})
        assert answer.status_code == status, answer.text
    await engine.outbox.flush()
    [fact] = [one for one in broker.events(fact_topic("intake")) if one["subject"].startswith("skipping:")]
    assert fact["type"] == RecordSkippedV1.TYPE
    data = fact["data"]
    assert (data["actor"]["id"], data["record"], data["why"]) == ("u-5001", *asked.values())
    [kept] = (await ask("get", "/v1/reading/skipped", ONE)).json()["items"]
    assert (kept["id"], kept["by"]) == (asked["record"], "u-5001")


async def test_what_a_process_asked_for_that_was_killed_after_the_fact_is_passed_over_by_the_next_one(
    make: Make, ask: Ask, broker: Broker, store: Store, clock: Clock
) -> None:
    record, dying = "pilots.registry.v1/3/7", Hooked(store)
    await store.put_new(stalled.COLLECTION, [{"_id": "pilots.registry.v1/3", "offset": 7, "at": clock()}])

    dying.after["write"] = crash
    with pytest.raises(Crash):
        who = Caller("u-5001", frozenset({"ops"}), "lotsman")
        await passed_over.ask(make(dying), who, RecordSkipping(record=record, why="Не читается."))
    clock.forward(seconds=1)
    await make().sweep(timedelta())
    [fact] = [one for one in broker.events(fact_topic("intake")) if one["subject"].startswith("skipping:")]
    [kept] = (await ask("get", "/v1/reading/skipped", ONE)).json()["items"]
    said = (kept["id"], kept["by"], kept["organisation"], kept["why"])
    assert said == (record, "u-5001", "lotsman", "Не читается.") and kept["at"][:19] == fact["time"][:19]
    await make().sweep(timedelta())
    assert len((await ask("get", "/v1/reading/skipped", ONE)).json()["items"]) == 1


async def test_proposals_are_listed_by_how_they_stand_and_counted_part_by_part_though_all_are_of_one_moment(
    ask: Ask, store: Store, clock: Clock
) -> None:
    row: dict[str, Any] = {"subject": None, "kind": "discard", "why": "Проба.", "by": "u-1"}
    row |= {"was": b"{}", "becomes": None, "settled_by": None, "settled_at": None, "verdict": None, "at": clock()}
    states = ("proposed", "approved", "declined")
    some = [{"_id": f"r-{n:02}", "record": f"t/0/{n}", "state": states[min(n // 7, 2)], **row} for n in range(21)]
    await store.put_new(REPAIRS, [*some, {**some[0], "_id": "r-older", "at": clock() - timedelta(days=1)}])

    async def listed(query: str) -> list[str]:
        """All that is found, in parts of three, each with the count of all."""
        found, after = list[str](), ""
        while True:
            answer = await ask("get", f"/v1/parked/repairs?{query}&limit=3&count=true{after}", ONE)
            assert answer.status_code == 200, answer.text
            said = answer.json()
            found += [one["id"] for one in said["items"]]
            if said["next"] is None:
                assert said["count"] == {"value": len(found), "exact": True}
                return found
            after = f"&after={said['next']}"

    ids = [one["_id"] for one in some]
    assert await listed("state=proposed") == [*ids[:7], "r-older"]
    assert await listed("state=declined&state=approved") == ids[7:]
    assert await listed("") == [*ids, "r-older"], "the newest first"
    assert (await ask("get", "/v1/parked/repairs", ONE)).json()["count"] is None, "nobody has asked"
    for query in ("state=open", "state=", "count=perhaps"):
        assert (await ask("get", f"/v1/parked/repairs?{query}", ONE)).status_code == 422, query
