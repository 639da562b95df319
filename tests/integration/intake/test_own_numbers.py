"""An agency's own number that one of its applications which live has already: told through both doors, on a real
mongod."""

from typing import Any

import pytest

from services.chassis.engine import Engine
from tests.kit.engine.tiny import Broker
from tests.kit.intake.sides import (
    PILOT,
    RETURN,
    Ask,
    again,
    order,
    sent,
    submitted,
    withdrawn,
)

SAME: dict[str, Any] = {"own_number": "17-04/2026", "planned_start": None}


def of(n: int, own: str) -> dict[str, Any]:
    """An application with nothing to be told but its number."""
    return submitted(n, **{**SAME, "own_number": own})


def told(body: Any) -> list[tuple[str, str, str]]:
    return [(one["pointer"], one["rule"], one["severity"]) for one in body["problems"]]


USED = [("/data/own_number", "own-number.used", "warn")]


async def by_kafka(engine: Engine, broker: Broker, *events: Any) -> list[Any]:
    """What an agency is told over Kafka."""
    await engine.records([sent(one) for one in events])
    await engine.outbox.flush()
    ids = [one["id"] for one in events]
    found = {one["data"]["event_id"]: one["data"] for one in broker.events("pilots.receipts.demo.v1")}
    return [found[id_] for id_ in ids]


async def test_the_same_own_number_twice_is_told_by_both_doors_with_the_application_that_has_it(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    first = (await ask("post", "/v1/events", json=submitted(1, **SAME))).json()
    assert told(first) == []
    tried = await ask("post", "/v1/events/validate", json=submitted(2, **SAME))
    second = await ask("post", "/v1/events", json=submitted(2, **{**SAME, "own_number": "\u00a017-04/2026 "}))
    asked = await ask("post", "/v1/events/validate", json=submitted(3, **SAME))
    [third] = await by_kafka(engine, broker, submitted(3, **SAME))
    assert (second.status_code, second.json()["outcome"]) == (201, "registered")
    assert told(tried.json()) == told(second.json()) == told(third) == USED
    assert asked.json()["problems"] == third["problems"], "word for word"
    said = second.json()["problems"]
    assert all(first["number"] in said[0][name] for name in ("message", "message_ru", "message_be"))
    assert (await ask("get", "/v1/receipts/demo-2")).json()["problems"] == tried.json()["problems"] == said


async def test_two_of_one_batch_are_told_apart_by_their_order_and_a_refused_one_has_no_number(
    engine: Engine, broker: Broker
) -> None:
    batch = [submitted(1, sector="space", **SAME), submitted(2, **SAME), submitted(3, **SAME), of(4, "other")]
    refused, first, second, other = await by_kafka(engine, broker, *batch)
    assert (refused["outcome"], told(first), told(other)) == ("refused", [], [])
    assert told(second) == USED and "demo-2" in second["problems"][0]["message"]


@pytest.mark.parametrize("over", ["withdrawn", "judged"])
async def test_a_number_is_free_when_its_application_has_come_to_its_end(
    engine: Engine, ask: Ask, broker: Broker, over: str
) -> None:
    await ask("post", "/v1/events", json=submitted(1, **SAME))
    if over == "withdrawn":
        await ask("post", "/v1/events", json=withdrawn())
    else:
        where = {"_id": PILOT}
        await engine.store._db["subjects"].update_one(where, {"$set": {"state.carrying_out": {"over": True}}})
    assert told((await ask("post", "/v1/events", json=submitted(2, **SAME))).json()) == []


async def test_an_application_is_not_told_of_itself_and_another_agency_not_at_all(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    await ask("post", "/v1/events", json=submitted(1, **SAME))
    await order(engine, RETURN, "k")
    back = await ask("post", "/v1/events", json=again(**SAME))
    assert (back.json()["outcome"], told(back.json())) == ("resubmitted", [])
    foreign = submitted(1, agency="evil", **SAME)
    assert told((await ask("post", "/v1/events", "publisher@evil", json=foreign)).json()) == []
    await ask("post", "/v1/events", json=submitted(2, own_number="other", planned_start=None))
    await order(engine, RETURN, "k2")
    changed = await ask("post", "/v1/events", json=again("again-2", own_number="other", planned_start=None))
    assert told(changed.json()) == USED


async def test_many_with_one_number_hide_no_other_number(engine: Engine, ask: Ask, broker: Broker) -> None:
    await by_kafka(engine, broker, *(of(n, "a") for n in range(20)), of(20, "b"))
    found = await by_kafka(engine, broker, of(30, "a"), of(31, "b"))
    assert [told(one) for one in found] == [USED, USED]


async def test_a_pilot_that_is_hidden_from_a_person_is_not_named_to_that_person(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    await ask("post", "/v1/events", json=submitted(1, **SAME))
    where = {"_id": PILOT}
    await engine.store._db["subjects"].update_one(where, {"$set": {"state.hidden_from": ["u-hidden"]}})
    blind = await ask("post", "/v1/events", "publisher@demo=u-hidden", json=submitted(2, **SAME))
    assert (blind.status_code, told(blind.json())) == (201, [])
    assert told((await ask("post", "/v1/events/validate", json=submitted(3, **SAME))).json()) == USED
