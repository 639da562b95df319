"""The engine on a real mongod, sending to a broker that each test controls."""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, cast

import pytest

from contracts.agency import ApplicationSubmittedV2
from contracts.event import Actor, Event, digest
from contracts.steps import AgencyEntry, EditionFrom
from contracts.topics import agency_topic
from deploy.cli.main_job import application
from services.chassis import parking
from services.chassis import store as store_module
from services.chassis.engine import STUCK_TIMER_PAUSE, Engine
from services.chassis.outbox import Message, SendFailed
from services.chassis.service import Service
from services.chassis.store import Store, StoreAway, opened
from services.chassis.subject import Broken, Claimed, Conflict, Document, Done, Duplicate, Input, Record, Refused, Stale
from services.chassis.telemetry import JsonLines
from services.chassis.web import _parked
from services.intake.domain.state import pilot_id
from services.intake.service import SERVICE as INTAKE
from tests.calendars import CALENDARS
from tests.tiny import (
    LANGUAGE,
    START,
    Broker,
    Clock,
    Commands,
    Crash,
    Forbid,
    Hooked,
    Note,
    NotedV1,
    Pass,
    Topic,
    away,
    claimed,
    crash,
    notes_of,
    numbered,
    parked_rows,
    tiny_service,
    translated,
)


@pytest.fixture
def broker() -> Broker:
    """Where facts go."""
    return Broker()


@pytest.fixture
def clock() -> Clock:
    """What the engines take for the time."""
    return Clock()


Make = Callable[..., Engine]


@pytest.fixture
def make(store: Store, broker: Broker, clock: Clock) -> Make:
    """Engines on one store, one broker and one clock, as replicas of a service are."""
    number = iter(range(100))

    def made(service: Service | None = None, on: object = store) -> Engine:
        ids = numbered(f"e{next(number)}")
        return Engine(service or tiny_service(), cast(Store, on), broker, now=clock, new_id=ids, calendars=CALENDARS)

    return made


@pytest.fixture
def engine(make: Make) -> Engine:
    """One engine of the tiny service."""
    return make()


async def doc(engine: Engine, subject: str = "p1") -> Document:
    """A document that must be there."""
    return (await engine.documents([subject]))[subject]


async def notes(engine: Engine, subject: str = "p1") -> tuple[str, ...]:
    """What was noted of a subject."""
    found = await engine.documents([subject])
    return notes_of(found[subject].state) if subject in found else ()


async def parked(engine: Engine, **query: Any) -> dict[str, str]:
    """The parked records: status by id."""
    return {row["_id"]: row["status"] for row in await parked_rows(engine.store, query)}


async def outbox(engine: Engine, subject: str = "p1") -> list[int]:
    """The sequences that still wait in a subject's outbox."""
    return [entry.sequence for entry in (await doc(engine, subject)).outbox]


LONG_AGO = timedelta(0)


# ---- the number of round trips


LOADED = [("find", "subjects")]
SENT = [("update", "subjects"), ("find", "parked")]
"""The acknowledged facts taken out of the outboxes, and a look at what waits."""


async def test_a_batch_of_500_records_for_200_subjects_takes_a_fixed_number_of_round_trips(
    store: Store, make: Make, broker: Broker, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands, topic = Commands(), Topic("left")
    monkeypatch.setitem(store_module.OPTIONS, "event_listeners", [commands])
    batch = [topic.record(f"p{n % 200}", 1 + n // 200, f"w{n}") for n in range(700)]
    async with opened(mongo_url, store._db.name) as watched:
        engine = make(on=watched)
        await engine.records(batch[:200])
        assert commands.seen == [*LOADED, ("insert", "subjects"), *SENT], "200 new documents"
        commands.seen.clear()
        await engine.records(batch[200:])
        assert commands.seen == [*LOADED, ("update", "subjects"), *SENT], "500 facts for 200 documents"
        commands.seen.clear()
        await engine.records(batch)
        assert commands.seen == [("find", "subjects"), ("find", "parked")], "a batch of duplicates writes nothing"
    assert len(broker.log) == 700
    wanted = [("w0", "w200", "w400", "w600"), ("w199", "w399", "w599")]
    assert [await notes(make(), f"p{n}") for n in (0, 199)] == wanted


async def test_claims_of_a_batch_are_inserted_with_one_round_trip(
    store: Store, make: Make, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = Commands()
    monkeypatch.setitem(store_module.OPTIONS, "event_listeners", [commands])

    def read(record: Record, _now: datetime) -> Input:
        name = record.value.decode()
        return replace(claimed(f"p{int(name) % 40}", name, Note((name,))), record=record)

    topic = agency_topic("demo").name
    batch = [Record(topic, 0, n, None, str(n).encode()) for n in range(100)]
    async with opened(mongo_url, store._db.name) as watched:
        await make(tiny_service(read_agency=read), watched).records(batch)
    assert commands.seen == [("insert", "claims"), *LOADED, ("insert", "subjects"), *SENT]


# ---- parking


async def test_one_broken_record_parks_alone_and_its_neighbours_go_on(engine: Engine, broker: Broker) -> None:
    topic = Topic("left")
    batch = [
        topic.record("p1", 1, "a"),
        topic.raw(b"\xff no json", key="p2"),
        topic.record("p3", 1, "explode"),
        topic.record("p4", 1, "spoil"),
        topic.record("p5", 1, "forbid"),
        topic.raw(b"", key="p6"),
        topic.raw(b'{"subject": "\\ud800", "sequence": "\\u00b2"}', key="p7", headers=[("traceparent", b"\xff")]),
        topic.record("p1", 2, "b"),
        topic.record("p8", 1, "c"),
    ]
    await engine.records(batch)
    assert await notes(engine, "p1") == ("a", "b") and await notes(engine, "p8") == ("c",)
    assert await parked(engine) == {batch[n].id: "broken" for n in (1, 2, 3, 4, 5, 6)}
    assert [(e["subject"], int(e["sequence"])) for e in broker.events()] == [("p1", 1), ("p8", 1), ("p1", 2)]
    rows = {row["offset"]: row for row in await parked_rows(engine.store, {})}
    assert parking.record_of(rows[1]) == batch[1]
    assert (rows[2]["subject"], rows[2]["source"], rows[2]["sequence"]) == ("p3", "left", 1)
    assert rows[2]["cause"] == "ValueError: it explodes"


async def test_a_record_of_a_sequence_that_no_number_holds_does_not_stop_its_neighbours(engine: Engine) -> None:
    topic = Topic("left")
    batch = [topic.record("p1", 10**20 - 1, "far"), topic.record("p2", 1, "a")]
    await engine.records(batch)
    assert await notes(engine, "p2") == ("a",)
    assert await parked(engine) == {batch[0].id: "waiting"}


async def test_a_header_without_a_value_is_no_reason_to_park(engine: Engine) -> None:
    one = Topic("left").record("p1", 1, "a")
    await engine.records([replace(one, headers=(("traceparent", cast(bytes, None)), ("other", cast(bytes, None))))])
    assert await notes(engine) == ("a",) and await parked(engine) == {}


async def test_what_follows_a_broken_record_in_its_series_waits_and_no_other_series_does(engine: Engine) -> None:
    left, right = Topic("left"), Topic("right")
    batch = [left.record("p1", 1, "explode"), left.record("p1", 2, "b"), left.record("p1", 3, "c")]
    await engine.records([*batch, right.record("p1", 1, "r"), left.record("p2", 1, "x")])
    assert await parked(engine) == {batch[0].id: "broken", batch[1].id: "waiting", batch[2].id: "waiting"}
    assert await notes(engine) == ("r",) and await notes(engine, "p2") == ("x",)


async def test_waiting_records_are_taken_up_in_order_when_the_gap_closes(engine: Engine, broker: Broker) -> None:
    topic = Topic("left")
    third, first, second = (topic.record("p1", n, w) for n, w in ((3, "c"), (1, "a"), (2, "b")))
    await engine.records([third])
    assert list((await parked(engine)).values()) == ["waiting"]
    await engine.records([first])
    assert await notes(engine) == ("a",) and len(await parked(engine)) == 1
    await engine.records([second])
    assert await notes(engine) == ("a", "b", "c") and await parked(engine) == {}
    assert broker.series("p1") == [1, 2, 3]


async def test_a_record_that_waits_for_another_source_is_taken_up_when_that_one_has_caught_up(engine: Engine) -> None:
    left, right = Topic("left"), Topic("right")
    await engine.records([right.record("p1", 1, "r1", after={"left": 2}), right.record("p1", 2, "r2")])
    await engine.records([left.record("p1", 3, "l3", after={"right": 2}), left.record("p1", 1, "l1")])
    assert await notes(engine) == ("l1",) and len(await parked(engine)) == 3
    await engine.records([left.record("p1", 2, "l2")])
    assert await notes(engine) == ("l1", "l2", "r1", "r2", "l3") and await parked(engine) == {}


async def test_a_gap_that_another_engine_closes_between_decision_and_parking_is_seen(store: Store, make: Make) -> None:
    topic, hooked = Topic("left"), Hooked(store)
    first, second = topic.record("p1", 1, "a"), topic.record("p1", 2, "b")
    hooked.before["put_new"] = lambda: make().records([first])
    await make(on=hooked).records([second])
    assert await notes(make()) == ("a", "b") and await parked(make()) == {}


async def test_the_sweep_finds_a_waiting_record_whose_gap_closed_while_its_engine_died(
    store: Store, make: Make, broker: Broker
) -> None:
    topic, hooked = Topic("left"), Hooked(store)
    first, second = topic.record("p1", 1, "a"), topic.record("p1", 2, "b")
    hooked.before["put_new"] = lambda: make().records([first])
    hooked.after["put_new"] = crash
    with pytest.raises(Crash):
        await make(on=hooked).records([second])
    assert list((await parked(make())).values()) == ["waiting"] and await notes(make()) == ("a",)
    await make().sweep(LONG_AGO)
    assert await notes(make()) == ("a", "b") and await parked(make()) == {}
    assert broker.series("p1") == [1, 2]


async def test_a_waiting_record_that_went_through_meanwhile_leaves_the_parking(engine: Engine, make: Make) -> None:
    topic = Topic("left")
    first, second = topic.record("p1", 1, "a"), topic.record("p1", 2, "b")
    await engine.records([first, second])
    row = parking.Parked(second, parking.WAITING, "gap", "p1", "left", 2)
    await parking.park(engine.store, [row], START)
    await make().sweep(LONG_AGO)
    assert await parked(engine) == {} and await notes(engine) == ("a", "b")


async def test_many_waiting_records_of_one_subject_do_not_hide_those_of_another(engine: Engine, make: Make) -> None:
    topic = Topic("left")
    await engine.records([topic.record("a-stuck", n, "x") for n in range(2, 1303)])
    await engine.records([topic.record("z-ready", 2, "b")])
    await engine.records([topic.record("z-ready", 1, "a")])
    late = topic.record("z-ready", 3, "c")
    row = parking.Parked(late, parking.WAITING, "gap", "z-ready", "left", 3)
    await parking.park(engine.store, [row], START)
    await make().sweep(LONG_AGO)
    assert await notes(engine, "z-ready") == ("a", "b", "c")
    await engine.records([topic.record("a-stuck", 1, "x")])
    assert len(await notes(engine, "a-stuck")) == 1302 and await parked(engine) == {}


async def test_an_unknown_type_moves_seen_and_a_newer_version_of_a_known_type_is_parked(engine: Engine) -> None:
    topic = Topic("left")
    unknown = topic.record("p1", 1, "?", type_="pilots.tiny.never-heard-of.v1")
    newer = topic.record("p1", 3, "?", type_="pilots.tiny.noted.v2")
    await engine.records([unknown, topic.record("p1", 2, "b"), newer, topic.record("p1", 4, "d")])
    document = await doc(engine)
    assert document.seen == {"left": 2} and await notes(engine) == ("b",)
    assert list((await parked(engine)).values()) == ["broken", "waiting"]
    rows = await parked_rows(engine.store, {"status": "broken"})
    assert (rows[0]["subject"], rows[0]["source"], rows[0]["sequence"]) == ("p1", "left", 3)
    assert "newer" in rows[0]["cause"] or "older versions" in rows[0]["cause"]


async def test_a_subject_of_which_nothing_is_of_interest_exists_at_version_0(engine: Engine, broker: Broker) -> None:
    topic = Topic("left")
    await engine.records([topic.record("p1", 1, "nothing"), topic.record("p1", 2, "pass")])
    document = await doc(engine)
    assert (document.version, document.seen, document.state) == (0, {"left": 2}, None)
    assert broker.log == []


async def test_a_fact_of_another_service_in_the_topic_is_parked(engine: Engine) -> None:
    stray = replace(Topic("right").record("p1", 1, "a"), topic="pilots.left.v1")
    await engine.records([stray])
    assert await parked(engine) == {stray.id: "broken"} and await engine.documents(["p1"]) == {}


# ---- redriving


def repaired(event: Event) -> object | None:
    """The next program, in which nothing explodes any more."""
    assert isinstance(event.fact, NotedV1)
    return Note((f"{event.fact.what}!",)) if event.fact.what == "explode" else translated(event)


async def test_a_redrive_after_the_fix_applies_in_order_and_the_rest_of_the_series_follows(
    engine: Engine, make: Make, broker: Broker
) -> None:
    left, right = Topic("left"), Topic("right")
    words = ["a", "explode", "c", "explode", "e"]
    batch = [left.record("p1", n, word) for n, word in enumerate(words, 1)]
    await engine.records([*batch, right.record("p1", 1, "r", after={"left": 5})])
    assert sorted((await parked(engine)).values()) == ["broken"] + ["waiting"] * 4
    log = len(broker.log)
    assert await engine.parking.redrive([batch[1].id]) == 0, "without the fix it stays"
    assert (await parked(engine))[batch[1].id] == "broken" and len(broker.log) == log
    fixed = make(tiny_service(translate=repaired))
    assert await fixed.parking.redrive([batch[1].id]) == 5
    assert await notes(fixed) == ("a", "explode!", "c", "explode!", "e", "r")
    assert await parked(fixed) == {} and broker.series("p1") == [1, 2, 3, 4, 5, 6]
    assert await fixed.parking.redrive([batch[1].id]) == 0


async def test_a_redrive_of_a_subject_feeds_its_broken_records_until_nothing_is_next(
    engine: Engine, make: Make
) -> None:
    topic = Topic("left")
    bad = topic.record("p1", 1, "?", type_="pilots.tiny.noted.v2")
    await engine.records([bad, topic.record("p1", 2, "explode"), topic.record("p1", 3, "c")])
    upgraded = replace(bad, value=bad.value.replace(b"noted.v2", b"noted.v1"))
    await engine.store.remove("parked", [bad.id])
    await parking.park(engine.store, [parking.unreadable(upgraded, "newer")], START)
    assert await make(tiny_service(translate=repaired)).parking.take_up(["p1"], also_broken=True) == 3
    assert await notes(engine) == ("?", "explode!", "c") and await parked(engine) == {}


async def test_a_redrive_of_what_is_not_next_leaves_it_parked(engine: Engine, make: Make) -> None:
    topic = Topic("left")
    batch = [topic.record("p1", 1, "explode"), topic.record("p1", 2, "b")]
    await engine.records(batch)
    assert await make().parking.redrive([batch[1].id]) == 0
    assert await parked(engine) == {batch[0].id: "broken", batch[1].id: "waiting"}
    assert await engine.documents(["p1"]) == {}


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


# ---- several engines


async def test_two_engines_racing_on_the_same_records_lose_nothing_and_double_nothing(
    make: Make, broker: Broker
) -> None:
    left, right = Topic("left"), Topic("right")
    lefts = [left.record(f"p{s}", n, f"l{n}") for n in range(1, 9) for s in range(10)]
    rights = [right.record(f"p{s}", n, f"r{n}") for n in range(1, 9) for s in range(10)]

    async def replica(engine: Engine, mine: Sequence[Record]) -> None:
        for start in range(0, len(mine), 10):
            await engine.records(mine[start : start + 10])

    await asyncio.gather(*(replica(make(), mine) for mine in (lefts, rights, lefts, rights)))
    for n in range(10):
        document, noted = await doc(make(), f"p{n}"), await notes(make(), f"p{n}")
        assert [w for w in noted if w[0] == "l"] == [f"l{k}" for k in range(1, 9)]
        assert [w for w in noted if w[0] == "r"] == [f"r{k}" for k in range(1, 9)]
        assert len(noted) == document.version == 16 and document.outbox == ()
        made = broker.events(subject=f"p{n}")
        assert list(dict.fromkeys(int(e["sequence"]) for e in made)) == list(range(1, 17))
        assert len({(e["sequence"], e["id"]) for e in made}) == 16
    assert await parked(make()) == {}


async def test_a_loser_of_the_guard_decides_again_on_what_the_winner_wrote(store: Store, make: Make) -> None:
    hooked = Hooked(store)
    hooked.before["write"] = lambda: make().command(claimed("p1", "k1", Note(("first",))))
    outcome = await make(on=hooked).command(claimed("p1", "k2", Note(("second",))))
    assert outcome.__class__ is Done and getattr(outcome, "version", 0) == 2
    assert await notes(make()) == ("first", "second")


async def test_a_person_who_loses_the_race_is_told_that_the_revision_is_gone(store: Store, make: Make) -> None:
    await make().command(claimed("p1", "k0", Note(("zero",))))
    hooked = Hooked(store)
    hooked.before["write"] = lambda: make().command(claimed("p1", "k1", Note(("first",)), if_match=1))
    outcome = await make(on=hooked).command(claimed("p1", "k2", Note(("second",)), if_match=1))
    assert outcome == Stale(2, 2) and await notes(make()) == ("zero", "first")


@pytest.mark.parametrize("call", ["claim", "load", "write"])
async def test_after_an_unknown_outcome_the_same_command_again_has_one_effect(
    store: Store, make: Make, call: str
) -> None:
    hooked = Hooked(store)
    hooked.after[call] = away
    one = claimed("p1", "k1", Note(("a",)))
    with pytest.raises(StoreAway):
        await make(on=hooked).command(one)
    again = await make().command(one)
    assert again == (Duplicate(1, 1) if call == "write" else replace(cast(Done, again), version=1, rev=1))
    assert await notes(make()) == ("a",)


# ---- commands


async def test_the_same_key_gives_the_same_version_and_with_another_body_it_is_a_conflict(engine: Engine) -> None:
    first = await engine.command(claimed("p1", "k1", Note(("a", "b"))))
    assert isinstance(first, Done) and first.version == 2
    await engine.command(claimed("p1", "k2", Note(("c",))))
    assert await engine.command(claimed("p1", "k1", Note(("a", "b")))) == Duplicate(2, 2)
    assert await engine.command(claimed("p1", "k1", Note(("else",)), digest="e")) == Conflict()
    assert await engine.command(claimed("p2", "k1", Note(("else",)))) == Conflict(), "also for another subject"
    assert await notes(engine) == ("a", "b", "c") and await engine.documents(["p2"]) == {}


async def test_two_sends_of_one_command_at_the_same_moment_have_one_effect(make: Make) -> None:
    one = claimed("p1", "k1", Note(("a",)))
    outcomes = await asyncio.gather(*(make().command(one) for _ in range(6)))
    assert sorted(type(o).__name__ for o in outcomes) == ["Done"] + ["Duplicate"] * 5
    assert {getattr(o, "version", None) for o in outcomes} == {1} and await notes(make()) == ("a",)


async def test_a_refused_command_may_be_sent_again_with_its_key(engine: Engine) -> None:
    for _ in range(2):
        assert isinstance(await engine.command(claimed("p1", "k1", Forbid())), Refused)
    assert isinstance(await engine.command(claimed("p1", "k1", Pass())), Done), "nothing had happened yet"


async def test_a_command_that_cannot_be_stored_is_broken_and_changes_nothing(engine: Engine) -> None:
    outcome = await engine.command(claimed("p1", "k1", Note(tuple("x" * (3 << 20) for _ in range(6)))))
    assert isinstance(outcome, Broken)
    assert await engine.documents(["p1"]) == {}


async def test_a_pilot_too_large_for_the_database_parks_alone(make: Make, broker: Broker) -> None:
    def fattening(event: Event) -> object | None:
        assert isinstance(event.fact, NotedV1)
        return Note(("x" * (3 << 20),) * 6) if event.fact.what == "fat" else translated(event)

    topic, engine = Topic("left"), make(tiny_service(translate=fattening))
    batch = [topic.record("p1", 1, "a"), topic.record("fat", 1, "fat")]
    await engine.records([*batch, topic.record("p2", 1, "b"), topic.record("fat", 2, "more")])
    assert await notes(engine, "p1") == ("a",) and await notes(engine, "p2") == ("b",)
    assert (await parked(engine))[batch[1].id] == "broken" and broker.series("fat") == []


# ---- timers


async def test_a_timer_fires_once_with_two_engines(make: Make, clock: Clock, broker: Broker) -> None:
    for n in range(20):
        await make().command(claimed(f"p{n}", f"k{n}", Note(("a",), due=START + timedelta(hours=1))))
    assert await make().timers() == 0
    clock.forward(hours=1)
    one, two = make(), make()
    await asyncio.gather(one.timers(), two.timers())
    assert await make().timers() == 0
    for n in range(20):
        assert await notes(one, f"p{n}") == ("a", "ticked")
        assert list(dict.fromkeys(broker.series(f"p{n}"))) == [1, 2]
        assert (await doc(one, f"p{n}")).due is None


async def test_a_timer_that_was_moved_while_it_was_taken_up_does_not_fire(
    store: Store, make: Make, clock: Clock
) -> None:
    await make().command(claimed("p1", "k1", Note(("a",), due=START + timedelta(hours=1))))
    clock.forward(hours=1)
    hooked = Hooked(store)
    later = START + timedelta(days=9)
    hooked.before["write"] = lambda: make().command(claimed("p1", "k2", Note(("b",), due=later)))
    assert await make(on=hooked).timers() == 1
    assert await notes(make()) == ("a", "b") and (await doc(make())).due == later


@pytest.mark.parametrize("word", ["bomb", "stuck"])
async def test_a_timer_whose_decision_fails_is_postponed_and_logged_and_does_not_spin(
    engine: Engine, clock: Clock, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    await engine.command(claimed("p1", "k1", Note((word,), due=START + timedelta(hours=1))))
    await engine.command(claimed("p2", "k2", Note(("a",), due=START + timedelta(hours=1))))
    clock.forward(hours=1)
    assert await engine.timers() == 2
    assert await notes(engine, "p1") == (word,) and await notes(engine, "p2") == ("a", "ticked")
    assert "a timer failed" in caplog.text
    assert (await doc(engine)).due == clock() + STUCK_TIMER_PAUSE
    assert await engine.timers() == 0
    clock.forward(seconds=STUCK_TIMER_PAUSE.total_seconds())
    assert await engine.timers() == 1, "it is tried again later"


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
    assert await engine.parking.redrive([sent(0, b"").id]) == 1
    assert outcomes_of(broker) == [("demo-1", "registered")] and await parked(engine) == {}


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
