"""An agency's own number that one of its applications which live has already: told through both doors, on a real
mongod."""

import json
from collections.abc import Awaitable, Callable, Sequence, Set
from typing import Any

import pytest

from contracts.event import Actor
from contracts.intake import ApplicationRegisteredV1, ResubmissionRegisteredV1
from services.chassis.engine import OVERTAKEN, Engine
from services.chassis.fold import Fold
from services.chassis.store import Store, Written
from services.chassis.subject import Done, Input, Outcome
from services.intake.domain.state import Pilot, pilot_id
from services.intake.door import submission
from tests.kit.engine.tiny import Broker
from tests.kit.intake.sides import (
    PILOT,
    RETURN,
    Ask,
    Make,
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


class Overtaken(Store):
    """A replica's store that lets something else happen between a decision and its write, once."""

    def __init__(self, store: Store, meanwhile: Callable[[], Awaitable[Any]]) -> None:
        super().__init__(store._client, store._db.name)
        self._meanwhile: Callable[[], Awaitable[Any]] | None = meanwhile
        self.writes = 0

    async def write(self, folds: Sequence[Fold], sharing: Set[str] = frozenset()) -> Written:
        self.writes += 1
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return await super().write(folds, sharing)


def by_http(n: int, own: str, person: str = "u-1") -> Input:
    actor = Actor(id=person, role="publisher", organisation="demo")
    return submission("demo", json.dumps(of(n, own)).encode(), f"http:{n}", actor=actor)


def of_last(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, Done)
    registered = outcome.facts[0]
    assert isinstance(registered, ApplicationRegisteredV1)
    return [one.rule for one in registered.problems]


async def test_two_that_come_in_the_same_moment_by_two_replicas_see_each_other(engine: Engine, make: Make) -> None:
    ours = Overtaken(engine.store, lambda: engine.command(by_http(1, "a")))
    batch = [by_http(2, "a"), by_http(3, "b"), by_http(4, "a"), by_http(5, "c")]
    told = [of_last(one) for one in await make(ours).commands(batch)]
    assert told == [["own-number.used"], [], ["own-number.used"], []]
    first = (await engine.documents([PILOT]))[PILOT].state
    assert isinstance(first, Pilot) and not first.problems, "who was written first"
    assert ours.writes == 2, "one write for the batch, and one for what was overtaken in it"


async def test_a_later_event_that_gives_an_own_number_is_overtaken_as_well(engine: Engine, make: Make) -> None:
    await engine.commands([by_http(1, "a"), by_http(2, "b")])
    await order(engine, RETURN, "k")
    ours = Overtaken(engine.store, lambda: engine.command(by_http(3, "c")))
    later = again(own_number="c", planned_start=None)
    outcome = await make(ours).command(submission("demo", json.dumps(later).encode(), "http:4"))
    assert isinstance(outcome, Done)
    [taken] = [fact for fact in outcome.facts if isinstance(fact, ResubmissionRegisteredV1)]
    assert [one.rule for one in taken.problems] == ["own-number.used"]


async def test_who_may_not_know_of_the_other_is_written_beside_it(engine: Engine, make: Make, ask: Ask) -> None:
    """Nothing is held up for what the decision cannot know: of a pilot that was hidden, or let go, in that moment."""

    async def hidden() -> None:
        await engine.command(by_http(1, "a"))
        where = {"_id": PILOT}
        await engine.store._db["subjects"].update_one(where, {"$set": {"state.hidden_from": ["u-hidden"]}})

    ours = Overtaken(engine.store, hidden)
    assert of_last(await make(ours).command(by_http(2, "a", "u-hidden"))) == []
    assert (await ask("post", "/v1/events", json=withdrawn("w", pilot_id("demo", "demo-2")))).status_code == 201
    assert ours.writes == OVERTAKEN + 1


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
