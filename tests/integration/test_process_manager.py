"""Own facts asked of other subjects, inputs that are addressed first, many commands at once, marks in a rebuild."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from contracts.event import Event
from services.chassis import parking
from services.chassis.engine import Engine
from services.chassis.message import Message
from services.chassis.rebuild import rebuild
from services.chassis.service import Service, Told
from services.chassis.store import Store
from services.chassis.subject import Done, Duplicate, Input, Record, Refused, Stale
from tests.kit.calendars import CALENDARS
from tests.kit.engine.tiny import (
    LANGUAGE,
    Broker,
    Clock,
    Crash,
    Forbid,
    Hooked,
    Note,
    NotedV1,
    Pass,
    claimed,
    crash,
    notes_of,
    numbered,
    tiny_service,
)

Make = Callable[..., Engine]
OWN = "pilots.tiny.v1"


async def manager(_store: Store, events: Sequence[Event]) -> Sequence[Told]:
    """What each of the facts asks."""
    return [asked(event) for event in events]


def asked(event: Event) -> Told:
    """`tell:<subjects>:<word>` asks each of the subjects to note the word; anything else asks nothing."""
    assert isinstance(event.fact, NotedV1)
    if not event.fact.what.startswith("tell:"):
        return []
    _, subjects, word = event.fact.what.split(":")
    return [(subject, Note((f"{word} of {event.subject}",))) for subject in subjects.split(",")]


def telling(**rest: Any) -> Service:
    return tiny_service(own=LANGUAGE, process_manager=manager, **rest)


@pytest.fixture
def make(store: Store, broker: Broker) -> Make:
    number = iter(range(100))

    def made(service: Service, on: object = store) -> Engine:
        return Engine(
            service, cast(Store, on), broker, now=Clock(), new_id=numbered(f"e{next(number)}"), calendars=CALENDARS
        )

    return made


def own_records(log: Sequence[Message]) -> list[Record]:
    """The own topic as it would be read."""
    mine = [m for m in log if m.topic == OWN]
    return [Record(OWN, 0, offset, m.key.encode(), m.value) for offset, m in enumerate(mine)]


async def notes(engine: Engine, subject: str) -> tuple[str, ...]:
    found = (await engine.documents([subject])).get(subject)
    return notes_of(found.state) if found else ()


async def test_what_a_fact_asks_of_another_subject_happens_once_however_often_it_is_read(
    make: Make, broker: Broker
) -> None:
    engine = make(telling())
    await engine.command(claimed("p1", "a", Note(("tell:p2,p3:hello",))))
    await engine.outbox.flush()
    asked = own_records(broker.log)
    for _ in range(3):
        await engine.records(asked)
    assert await notes(engine, "p2") == ("hello of p1",)
    assert await notes(engine, "p3") == ("hello of p1",)
    assert broker.series("p2") == [1]


async def test_facts_of_many_subjects_reach_one_in_any_order_from_two_replicas_and_none_is_lost(
    make: Make, broker: Broker
) -> None:
    one, two = make(telling()), make(telling())
    for n in range(40):
        await one.command(claimed(f"p{n}", f"a{n}", Note((f"tell:sink:word{n}",))))
    await one.outbox.flush()
    asked = own_records(broker.log) * 2
    random.Random(7).shuffle(asked)
    for start in range(0, len(asked), 9):
        await (one, two)[start % 2].records(asked[start : start + 9])
    assert sorted(await notes(one, "sink")) == sorted(f"word{n} of p{n}" for n in range(40))
    assert broker.series("sink") == list(range(1, 41))


async def test_a_crash_between_the_write_and_the_commit_of_a_fact_that_asks_others_asks_once(
    make: Make, store: Store, broker: Broker
) -> None:
    engine = make(telling())
    await engine.command(claimed("p1", "a", Note(("tell:p2:hello",))))
    await engine.outbox.flush()
    asked = own_records(broker.log)
    hooked = Hooked(store)
    hooked.after["write"] = crash
    with pytest.raises(Crash):
        await make(telling(), hooked).records(asked)
    await engine.records(asked)
    assert await notes(engine, "p2") == ("hello of p1",)


async def test_a_fact_whose_question_cannot_be_decided_is_parked_and_goes_when_it_is_redriven(
    make: Make, store: Store, broker: Broker
) -> None:
    async def bad(_store: Store, _events: Sequence[Event]) -> Sequence[Told]:
        raise LookupError("the directory is not there")

    engine = make(telling())
    await engine.command(claimed("p1", "a", Note(("tell:p2:hello", "plain"))))
    await engine.outbox.flush()
    await make(tiny_service(own=LANGUAGE, process_manager=bad)).records(own_records(broker.log))
    rows = await store.rows(parking.COLLECTION, {}, sort=[("_id", 1)], limit=10)
    assert [row["status"] for row in rows] == ["broken", "broken"]
    await engine.parking.redrive([row["_id"] for row in rows])
    assert await store.count(parking.COLLECTION, {}, 10) == 0, "also the one that asks nothing of anybody is gone"
    assert await notes(engine, "p2") == ("hello of p1",)


async def test_of_facts_that_are_read_together_the_one_that_cannot_be_decided_is_parked_alone(
    make: Make, store: Store, broker: Broker
) -> None:
    given = list[int]()

    async def picky(_store: Store, events: Sequence[Event]) -> Sequence[Told]:
        given.append(len(events))
        if any(event.sequence == 2 for event in events):
            raise LookupError("the second is not to be found")
        return [asked(event) for event in events]

    engine = make(telling())
    await engine.command(claimed("p1", "a", Note(("tell:p2:one", "tell:p2:two", "tell:p3:three"))))
    await engine.outbox.flush()
    await make(tiny_service(own=LANGUAGE, process_manager=picky)).records(own_records(broker.log))
    assert given == [3, 1, 1, 1], "together first, then each alone"
    rows = await store.rows(parking.COLLECTION, {}, sort=[("_id", 1)], limit=10)
    assert [(row["status"], row["sequence"]) for row in rows] == [("broken", 2)]
    assert (await notes(engine, "p2"), await notes(engine, "p3")) == (("one of p1",), ("three of p1",))


async def test_a_redrive_by_subject_finds_a_parked_own_fact_too(make: Make, store: Store, broker: Broker) -> None:
    async def bad(_store: Store, _events: Sequence[Event]) -> Sequence[Told]:
        raise LookupError("the directory is not there")

    engine = make(telling())
    await engine.command(claimed("p1", "a", Note(("plain", "plain", "tell:p2:hello"))))
    await engine.outbox.flush()
    await make(tiny_service(own=LANGUAGE, process_manager=bad)).records(own_records(broker.log)[2:])
    assert len(await engine.parking.take_up(["p1"], also_broken=True)) == 1
    assert await store.count(parking.COLLECTION, {}, 10) == 0
    assert await notes(engine, "p2") == ("hello of p1",)


# ---- addressing


async def test_an_addressed_input_meets_the_answer_of_its_first_try_though_more_is_known_by_then(
    make: Make, store: Store
) -> None:
    known = set[str]()

    async def address(_store: Store, inputs: Sequence[Input]) -> Sequence[Input]:
        return [one if one.subject in known else replace(one, subject=f"own-{one.subject}") for one in inputs]

    service = tiny_service(address=address)
    event = claimed("p1", "e-1", Note(("said",)))
    hooked = Hooked(store)
    hooked.after["claim"] = crash
    with pytest.raises(Crash):
        await make(service, hooked).command(event)
    known.add("p1")
    engine = make(service)
    assert isinstance(await engine.command(event), Done)
    assert isinstance(await engine.command(event), Duplicate)
    assert await notes(engine, "own-p1") == ("said",), "the claim says where it belongs"
    assert await notes(engine, "p1") == ()


# ---- many commands


async def test_many_commands_are_each_answered_in_their_order_and_one_that_fails_is_in_nobodys_way(
    make: Make,
) -> None:
    engine = make(tiny_service())
    await engine.command(claimed("p3", "first", Note(("there",))))
    asked = [
        claimed("p1", "m:p1", Note(("one",)), if_match=0),
        claimed("p2", "m:p2", Forbid(), if_match=0),
        claimed("p3", "m:p3", Note(("late",)), if_match=0),
        claimed("p4", "m:p4", Pass(), if_match=0),
    ]
    first = await engine.commands(asked)
    assert [type(outcome) for outcome in first] == [Done, Refused, Stale, Done]
    again = await engine.commands(asked)
    assert [type(outcome) for outcome in again] == [Duplicate, Refused, Stale, Duplicate]
    assert await notes(engine, "p1") == ("one",)


# ---- marks


async def test_a_rebuild_takes_over_what_people_marked_on_rows_that_are_folded_again(
    make: Make, store: Store, broker: Broker
) -> None:
    def projection(event: Event) -> list[tuple[str, dict[str, Any]]]:
        assert isinstance(event.fact, NotedV1)
        return [("slips", {"_id": event.id, "what": event.fact.what, "read": None, "mailed": None})]

    service = tiny_service(own=LANGUAGE, projection=projection, marked={"slips": ("read", "mailed")}, reads={})
    engine = make(service)
    await engine.command(claimed("p1", "a", Note(("one", "two", "three"))))
    await engine.outbox.flush()
    assert await store.mark("slips", {"what": "two"}, {"read": "yesterday"}) == 1

    async def own(_topic: str, partition: int) -> AsyncIterator[Record]:
        for record in own_records(broker.log):
            if record.partition == partition:
                yield record

    target = store.sibling(f"{store._db.name}_again")
    report = await rebuild(service, LANGUAGE, store, target, own, own)
    assert report.good
    rows = await target.rows("slips", {}, sort=[("what", 1)], limit=10)
    assert [(row["what"], row["read"]) for row in rows] == [("one", None), ("three", None), ("two", "yesterday")]


async def test_a_rebuild_holds_the_subjects_of_one_partition_at_a_time(
    make: Make, store: Store, broker: Broker
) -> None:
    service = tiny_service(own=LANGUAGE, reads={})
    engine = make(service)
    for subject in ("p1", "p2"):
        await engine.command(claimed(subject, subject, Note(("one",))))
    await engine.outbox.flush()
    target, there = store.sibling(f"{store._db.name}_again"), dict[int, int]()

    async def own(_topic: str, partition: int) -> AsyncIterator[Record]:
        there[partition] = await target.count("subjects", {}, 10)
        for record in own_records(broker.log):
            if record.key == f"p{partition}".encode():
                yield record

    report = await rebuild(service, LANGUAGE, store, target, own, own)
    assert (report.good, report.subjects, report.facts) == (True, 2, 2)
    assert (there[1], there[2], there[3]) == (0, 1, 2), "what was folded is written before the next partition is read"
