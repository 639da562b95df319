"""The own topic of facts that refuses for good: it is tried with growing pauses, told of, and mended by itself."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from contracts.topics import fact_topic
from services.chassis import telemetry
from services.chassis.engine import Engine
from services.chassis.message import Message
from services.chassis.outbox import SendFailed
from services.chassis.store import Store
from services.chassis.withheld import TROUBLES, Refusing, shown
from tests.kit.engine.engines import LONG_AGO, Make, outbox
from tests.kit.engine.tiny import Broker, Clock, Note, Topic, claimed

OWN = fact_topic("tiny")


def counted(broker: Broker, clock: Clock) -> list[float]:
    """When it is tried to send something to the own topic, in seconds from now on, one number for each try."""
    tried, began = list[float](), clock()

    def refuse(message: Message) -> bool:
        if message.topic == OWN and (clock() - began).total_seconds() not in tried:
            tried.append((clock() - began).total_seconds())
        return False

    broker.refuse = refuse
    return tried


async def test_a_topic_that_takes_nothing_is_tried_with_growing_pauses_by_whatever_sends(
    engine: Engine, broker: Broker, clock: Clock
) -> None:
    broker.closed = {OWN}
    tried = counted(broker, clock)
    for second in range(200):
        await engine.command(claimed(f"p{second % 7}", f"k{second}", Note(("a",))))
        await engine.outbox.flush()
        await quietly(lambda: engine.sweep(LONG_AGO))
        await quietly(lambda n=second: engine.records([Topic("left").record("r", n + 1, "a")]))  # type: ignore[misc]
        clock.forward(seconds=1)
    assert tried == [0, 2, 7, 22, 82, 142]
    assert len(await outbox(engine, "p0")) == 29, "nothing is lost"


async def quietly(step: Callable[[], Awaitable[object]]) -> None:
    """Does something that may fail to send."""
    with suppress(SendFailed):
        await step()


async def test_it_is_told_of_with_its_cause_until_it_is_mended_and_goes_by_itself(
    engine: Engine, broker: Broker, clock: Clock, store: Store
) -> None:
    await engine.sends()
    broker.closed = {OWN}
    with pytest.raises(SendFailed):
        await engine.records([Topic("left").record("p1", 1, "a")])
    with pytest.raises(Refusing, match=OWN):
        await engine.sends()
    [row] = await shown(store)
    assert (row["topic"], row["cause"], row["takes_nothing"], row["messages"]) == (OWN, "Closed", True, 1)
    clock.forward(seconds=5)
    with pytest.raises(SendFailed):
        await engine.records([Topic("left").record("p1", 1, "a")])
    assert telemetry.FACTS_REFUSED._value.get() == 5
    [again] = await shown(store)
    assert again["since"] == row["since"] and again["tries"] == 1
    broker.closed = set()
    clock.forward(seconds=60)
    await engine.withheld.again()
    await engine.sweep(LONG_AGO)
    assert broker.series("p1") == [1] and await outbox(engine, "p1") == []
    await engine.sends()
    assert await shown(store) == [] and await store.count(TROUBLES, {}, 9) == 0
    assert telemetry.FACTS_REFUSED._value.get() == 0


async def test_a_fact_that_is_too_large_for_its_topic_holds_up_its_own_subject_alone(
    engine: Engine, broker: Broker, clock: Clock, store: Store
) -> None:
    broker.large = lambda message: message.topic == OWN and message.key == "p1"
    topic = Topic("left")
    await engine.records([topic.record("p1", 1, "a"), topic.record("p2", 1, "x")])
    assert broker.series("p2") == [1], "neither its batch nor its offset waits for it"
    tried = counted(broker, clock)
    for second in range(100):
        clock.forward(seconds=1)
        await engine.records([topic.record("p1", second + 2, "b")])
        await engine.sweep(LONG_AGO)
    assert broker.series("p1") == [] and len(await outbox(engine, "p1")) == 101
    assert len(tried) <= 6
    with pytest.raises(Refusing):
        await engine.sends()
    [row] = await shown(store)
    assert (row["cause"], row["takes_nothing"], row["messages"]) == ("TooLarge", False, 1)
    await engine.records([topic.record("p2", 2, "y")])
    assert broker.series("p2") == [1, 2]
    broker.large = lambda _message: False
    clock.forward(seconds=61)
    await engine.sweep(LONG_AGO)
    assert broker.series("p1") == list(range(1, 102)) and await outbox(engine, "p1") == []
    assert await shown(store) == []
    await engine.sends()


async def test_what_may_pass_makes_no_pause(engine: Engine, broker: Broker, clock: Clock) -> None:
    broker.refuse = lambda _message: True
    with pytest.raises(SendFailed):
        await engine.records([Topic("left").record("p1", 1, "a")])
    await engine.sends()
    broker.refuse = lambda _message: False
    clock.forward(seconds=1)
    await engine.sweep(timedelta(0))
    assert broker.series("p1") == [1]


async def test_what_a_process_noted_that_ended_is_shown_no_longer_when_all_went(
    engine: Engine, make: Make, broker: Broker, clock: Clock, store: Store
) -> None:
    broker.closed = {OWN}
    with pytest.raises(SendFailed):
        await engine.records([Topic("left").record("p1", 1, "a")])
    broker.closed = set()
    clock.forward(seconds=1)
    await make().sweep(LONG_AGO)
    assert broker.series("p1") == [1] and await shown(store) == []
    assert await store.count(TROUBLES, {}, 9) == 0, "who sweeps for the first time clears what was left"
