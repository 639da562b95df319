"""The engine sends what it wrote: from the head of the outbox, nothing lost and nothing out of order."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from contracts.event import Event
from services.chassis.engine import Engine
from services.chassis.message import Message
from services.chassis.outbox import SendFailed
from services.chassis.readiness import NotReady
from services.chassis.store import Store
from services.chassis.subject import Document, Done
from tests.kit.engine.engines import LONG_AGO, Make, doc, notes, outbox
from tests.kit.engine.tiny import (
    LANGUAGE,
    Broker,
    Clock,
    Crash,
    Hooked,
    Note,
    NotedV1,
    Topic,
    claimed,
    crash,
    tiny_service,
)

# ---- sending


async def test_a_failed_send_leaves_the_facts_in_the_outbox_and_gives_the_batch_back(
    engine: Engine, broker: Broker, make: Make
) -> None:
    topic = Topic("left")
    broker.refuse = lambda message: message.key == "p1"
    batch = [topic.record("p1", 1, "a+b"), topic.record("p2", 1, "x")]
    with pytest.raises(SendFailed):
        await engine.records(batch)
    assert await outbox(engine, "p1") == [1, 2] and await outbox(engine, "p2") == []
    broker.refuse = lambda _message: False
    await make().sweep(timedelta(hours=1))
    assert broker.series("p1") == [], "the sweep leaves young facts to whoever is sending them"
    engine.now.forward(seconds=1)  # type: ignore[attr-defined]
    await make().sweep(LONG_AGO)
    assert broker.series("p1") == [1, 2] and await outbox(engine, "p1") == []


async def test_nothing_after_a_fact_that_was_not_acknowledged_is_sent(engine: Engine, broker: Broker) -> None:
    broker.refuse = lambda message: json.loads(message.value)["data"]["what"] == "b"
    with pytest.raises(SendFailed):
        await engine.records([Topic("left").record("p1", 1, "a+b+c"), Topic("right").record("p2", 1, "x+y")])
    assert broker.series("p1") == [1] and broker.series("p2") == [1, 2]
    assert await outbox(engine) == [2, 3]
    broker.refuse = lambda _message: False
    await engine.records([Topic("right").record("p1", 1, "d")])
    assert broker.series("p1") == [1, 2, 3, 4], "whoever writes next sends from the head"
    ids = [event["id"] for event in broker.events(subject="p1")]
    assert len(set(ids)) == 4


async def test_a_dropped_duplicate_still_sends_the_stored_outbox_before_it_may_be_committed(
    engine: Engine, broker: Broker, make: Make
) -> None:
    batch = [Topic("left").record("p1", 1, "a")]
    broker.down = Crash()
    with pytest.raises(Crash):
        await engine.records(batch)
    broker.down = None
    again = make()
    await again.records(batch)
    assert broker.series("p1") == [1] and await outbox(again) == [] and await notes(again) == ("a",)


async def test_after_a_crash_between_write_and_send_the_sweep_of_a_new_engine_sends(
    engine: Engine, broker: Broker, make: Make, clock: Clock
) -> None:
    broker.down = Crash()
    with pytest.raises(Crash):
        await engine.records([Topic("left").record("p1", 1, "a+b")])
    outcome = await engine.command(claimed("p2", "k", Note(("x",))))
    assert isinstance(outcome, Done) and broker.log == []
    broker.down = None
    clock.forward(seconds=1)
    await make().sweep(LONG_AGO)
    assert broker.series("p1") == [1, 2] and broker.series("p2") == [1]
    assert await outbox(engine) == [] and await outbox(engine, "p2") == []


async def test_what_goes_out_with_a_fact_is_made_of_the_fact_as_decided_or_as_read_again_from_the_store(
    broker: Broker, make: Make, clock: Clock
) -> None:
    told = list[Event]()

    def publications(event: Event) -> list[Message]:
        told.append(event)
        return []

    service = tiny_service(own=LANGUAGE, publications=publications)
    engine = make(service)
    broker.refuse = lambda _message: True
    await engine.command(claimed("p1", "a", Note(("x",))))
    await engine.outbox.flush()
    broker.refuse = lambda _message: False
    clock.forward(seconds=1)
    await make(service).sweep(LONG_AGO)
    decided, read_again = told
    assert isinstance(decided.fact, NotedV1) and decided == read_again
    assert decided.data == broker.events()[0]["data"]


async def test_after_a_crash_between_send_and_clear_the_same_bytes_go_out_again(
    store: Store, make: Make, broker: Broker, clock: Clock
) -> None:
    hooked = Hooked(store)
    hooked.before["clear"] = crash
    with pytest.raises(Crash):
        await make(on=hooked).records([Topic("left").record("p1", 1, "a")])
    clock.forward(seconds=1)
    await make().sweep(LONG_AGO)
    first, second = (message.value for message in broker.log)
    assert first == second and await outbox(make()) == []


async def test_a_command_is_answered_before_its_facts_are_sent_and_the_pump_sends_them_soon(
    engine: Engine, broker: Broker, eventually: Any
) -> None:
    outcomes = await asyncio.gather(*(engine.command(claimed("p1", f"k{n}", Note((f"w{n}",)))) for n in range(20)))
    assert all(isinstance(outcome, Done) for outcome in outcomes) and broker.log == []
    pump = asyncio.create_task(engine.outbox.pump())
    try:
        await eventually(lambda: len(set(broker.series("p1"))) == 20)
        sent = list(dict.fromkeys(broker.series("p1")))
        assert sent == list(range(1, 21))
        await engine.command(claimed("p1", "later", Note(("z",))))
        await eventually(lambda: broker.series("p1")[-1] == 21)
    finally:
        pump.cancel()


async def test_the_pump_lives_on_when_a_send_fails(engine: Engine, broker: Broker, eventually: Any) -> None:
    pump = asyncio.create_task(engine.outbox.pump())
    broker.refuse = lambda _message: True
    await engine.command(claimed("p1", "k1", Note(("a",))))
    await eventually(lambda: not engine.outbox._soon)
    broker.refuse = lambda _message: False
    await engine.command(claimed("p1", "k2", Note(("b",))))
    try:
        await eventually(lambda: broker.series("p1") == [1, 2])
    finally:
        pump.cancel()


async def test_an_older_sight_of_the_outbox_does_not_displace_a_newer_one(engine: Engine, broker: Broker) -> None:
    await engine.command(claimed("p1", "k1", Note(("a",))))
    old = await doc(engine)
    await engine.command(claimed("p1", "k2", Note(("b",))))
    engine.outbox.soon(old)
    await engine.outbox.flush()
    assert broker.series("p1") == [1, 2]


async def test_what_a_fact_says_is_erased_is_gone_before_the_fact_can_be_read(make: Make, broker: Broker) -> None:
    happened = list[str]()

    async def erase(_store: Store, events: Sequence[Event]) -> None:
        happened.extend(f"erased by {event.sequence}" for event in events)

    def refuse(message: Message) -> bool:
        happened.append(f"sent to {message.topic}")
        return False

    broker.refuse = refuse
    await make(tiny_service(own=LANGUAGE, erase=erase)).records([Topic("left").record("p1", 1, "a")])
    assert happened == ["erased by 1", "sent to pilots.tiny.v1"]


async def test_facts_that_wait_for_long_make_a_process_not_ready_with_the_reason(
    engine: Engine, broker: Broker, clock: Clock
) -> None:
    drains = engine.outbox.drains
    await engine.command(claimed("p1", "k1", Note(("a",))))
    clock.forward(seconds=61)
    with pytest.raises(NotReady, match="facts have waited for 61 s to be sent, though Kafka answers") as told:
        await drains(clock(), 60)
    assert told.value.at_fault
    with pytest.raises(NotReady, match="61 s to be sent: Kafka does not answer") as told:
        await drains(clock(), 60, kafka=False)
    assert not told.value.at_fault
    await drains(clock(), 61)
    broker.closed.add("pilots.tiny.v1")
    with pytest.raises(SendFailed):
        await engine.sweep(LONG_AGO)
    assert engine.outbox._own_topic.refuses
    with pytest.raises(NotReady, match="their topic refuses them") as told:
        await drains(clock(), 60)
    assert not told.value.at_fault, "no other process would do better: requests are answered"
    broker.closed.clear()
    clock.forward(hours=1)
    await engine.sweep(LONG_AGO)
    await drains(clock(), 60)


async def test_a_process_sweeps_up_what_it_could_not_send_itself(engine: Engine, broker: Broker, clock: Clock) -> None:
    broker.refuse = lambda _message: True
    await engine.command(claimed("p1", "k1", Note(("a",))))
    await engine.outbox.flush()
    broker.refuse = lambda _message: False
    clock.forward(seconds=1)
    await engine.sweep(LONG_AGO)
    assert broker.series("p1") == [1] and await outbox(engine) == []


async def test_what_is_being_sent_is_not_swept_up_beside_it(
    engine: Engine, broker: Broker, clock: Clock, make: Make
) -> None:
    await make().command(claimed("p1", "k1", Note(("a",))))
    clock.forward(seconds=1)
    entered, gate = asyncio.Event(), asyncio.Event()

    async def slowly(messages: Sequence[Message]) -> list[BaseException | None]:
        entered.set()
        await gate.wait()
        return await broker(messages)

    engine.outbox._send = slowly
    sending = asyncio.create_task(engine.outbox.deliver({"p1": (await doc(engine)).outbox}))
    await entered.wait()
    engine.outbox._send = broker
    await engine.sweep(LONG_AGO)
    assert broker.series("p1") == [], "it is in hand"
    gate.set()
    await sending
    assert broker.series("p1") == [1]


async def test_what_came_to_be_sent_since_the_sweep_found_it_is_not_sent_twice(
    engine: Engine, broker: Broker, clock: Clock, make: Make
) -> None:
    await make().command(claimed("p1", "k1", Note(("a",))))
    clock.forward(seconds=1)
    entered, gate = asyncio.Event(), asyncio.Event()
    begun: list[asyncio.Task[None]] = []

    async def slowly(messages: Sequence[Message]) -> list[BaseException | None]:
        entered.set()
        await gate.wait()
        return await broker(messages)

    async def loaded(subjects: Sequence[str]) -> Mapping[str, Document]:
        documents = await engine.documents(subjects)
        begun.append(asyncio.create_task(engine.outbox.deliver({s: d.outbox for s, d in documents.items()})))
        await entered.wait()
        return documents

    engine.outbox._send = slowly
    sweeping = asyncio.create_task(engine.outbox.sweep(clock(), LONG_AGO, loaded))
    await asyncio.wait([sweeping], timeout=5)
    gate.set()
    await asyncio.gather(sweeping, *begun)
    assert broker.series("p1") == [1]
