"""What nobody foresaw of one subject stops what is done for many at once at that subject alone: a stored document that
raises, a fact that cannot be read again, a record that its engine cannot take."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from pydantic import model_validator

from contracts.event import Event
from services.chassis.engine import STUCK_TIMER_PAUSE, Engine
from services.chassis.message import Message
from services.chassis.outbox import SendFailed
from services.chassis.store import SUBJECTS, Store
from services.chassis.subject import Broken, Done, Input
from tests.kit.engine.engines import LONG_AGO, Make, doc, notes, outbox, parked
from tests.kit.engine.tiny import LANGUAGE, START, Broker, Clock, Note, Tally, Topic, claimed, tiny_service

HOUR = timedelta(hours=1)


class Touchy(Tally):
    """A state that raises what no validator should for a document that is no longer what it was."""

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_program(cls, stored: Any) -> Any:
        return {**stored, "notes": stored["notes"][:]} if isinstance(stored, dict) else stored


async def test_a_document_that_raises_when_it_is_read_is_broken_and_those_loaded_with_it_are_not(
    engine: Engine, store: Store
) -> None:
    for subject in ("p1", "p2"):
        await engine.command(claimed(subject, subject, Note(("a",))))
    await store._db[SUBJECTS].update_one({"_id": "p1"}, {"$set": {"state.notes": 7}})
    loaded = await store.load(["p1", "p2"], lambda _subject: Touchy)
    assert loaded["p1"].fault and loaded["p1"].state is None and loaded["p1"].version == 1
    assert loaded["p2"].fault is None and loaded["p2"].state == Touchy(notes=("a",))


async def left_behind(engine: Engine, broker: Broker, clock: Clock, subjects: Sequence[str]) -> None:
    """Facts of these subjects in their outboxes, of which no process knows any more."""
    broker.refuse = lambda _message: True
    for subject in subjects:
        await engine.command(claimed(subject, subject, Note(("a",))))
    await engine.outbox.flush()
    broker.refuse = lambda _message: False
    clock.forward(seconds=1)


@pytest.mark.parametrize("damage", [{"outbox.0.value": b"no fact"}, {"outbox.0.more": 1}])
async def test_a_sweep_sends_the_facts_of_all_others_where_those_of_one_cannot_be_read(
    engine: Engine, make: Make, broker: Broker, clock: Clock, store: Store, damage: dict[str, Any]
) -> None:
    subjects = [f"p{n}" for n in range(5)]
    await left_behind(engine, broker, clock, subjects)
    await store._db[SUBJECTS].update_one({"_id": "p1"}, {"$set": damage})
    fresh = make(tiny_service(own=LANGUAGE))
    with pytest.raises(SendFailed, match="p1"):
        await fresh.outbox.sweep(clock(), LONG_AGO, fresh.documents, page=2)
    assert [broker.series(one) for one in subjects] == [[1], [], [1], [1], [1]], "and none of them twice"


async def test_the_pump_goes_on_where_nothing_can_be_made_of_a_fact_and_leaves_it_to_the_sweep(
    make: Make, broker: Broker, clock: Clock
) -> None:
    def publications(event: Event) -> list[Message]:
        if event.subject == "p1":
            raise ZeroDivisionError
        return []

    engine = make(tiny_service(own=LANGUAGE, publications=publications))
    pump = asyncio.create_task(engine.outbox.pump())
    try:
        await engine.commands([claimed(one, one, Note(("a",))) for one in ("p1", "p2")])
        await asyncio.wait([pump], timeout=0.05)
        assert not pump.done()
        clock.forward(seconds=1)
        with pytest.raises(SendFailed, match="p1"):
            await engine.outbox.sweep(clock(), LONG_AGO, engine.documents)
        assert broker.series("p2") == [1] and await outbox(engine, "p1") == [1]
    finally:
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)


async def test_timers_fire_where_that_of_one_subject_cannot(make: Make, clock: Clock, broker: Broker) -> None:
    async def given(_store: Store, inputs: Sequence[Input], _loaded: Any, _found: Any) -> list[None]:
        if any(one.subject == "p1" and clock() > START for one in inputs):
            raise ZeroDivisionError
        return [None] * len(inputs)

    engine = make(tiny_service(own=LANGUAGE, prepare=given))
    for n in range(3):
        await engine.command(claimed(f"p{n}", f"k{n}", Note(("a",), due=START + HOUR)))
    clock.forward(hours=1)
    assert await engine.timers() == 3
    assert [await notes(engine, f"p{n}") for n in range(3)] == [("a", "ticked"), ("a",), ("a", "ticked")]
    assert (await doc(engine, "p1")).due == clock() + STUCK_TIMER_PAUSE
    assert await engine.timers() == 0, "and it does not spin"


async def test_of_what_waits_parked_all_others_go_where_one_cannot_be_fed(make: Make, store: Store) -> None:
    bad = list[str]()

    async def given(_store: Store, inputs: Sequence[Input], _loaded: Any, _found: Any) -> list[None]:
        if any(one.subject in bad for one in inputs):
            raise ZeroDivisionError
        return [None] * len(inputs)

    engine, topic = make(tiny_service(own=LANGUAGE, prepare=given)), Topic("left")
    subjects = [f"p{n}" for n in range(3)]
    await engine.commands([claimed(subject, subject, Note(("a",))) for subject in subjects])
    await engine.records([topic.record(subject, 2, "b") for subject in subjects])
    assert sorted((await parked(engine)).values()) == ["waiting"] * 3
    bad.append("p1")
    for subject in subjects:
        await store._db[SUBJECTS].update_one({"_id": subject}, {"$set": {"seen": {"left": 1}}})
    await engine.parking.sweep()
    assert [await notes(engine, f"p{n}") for n in range(3)] == [("a", "b"), ("a",), ("a", "b")]
    assert list((await parked(engine)).values()) == ["broken"], "and it is shown"


async def test_a_command_to_a_subject_that_cannot_be_read_says_so_and_others_go(engine: Engine, store: Store) -> None:
    await engine.command(claimed("p1", "k1", Note(("a",))))
    await store._db[SUBJECTS].update_one({"_id": "p1"}, {"$set": {"state": "no state"}})
    told = await engine.commands([claimed("p1", "k2", Note(("b",))), claimed("p2", "k3", Note(("b",)))])
    assert isinstance(told[0], Broken) and told[0].unreadable and isinstance(told[1], Done)
