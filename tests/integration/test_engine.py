"""The engine on a real mongod, sending to a broker that each test controls."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

import pytest

from contracts.event import Event
from contracts.topics import agency_topic
from services.chassis import parking
from services.chassis import store as store_module
from services.chassis.engine import STUCK_TIMER_PAUSE, Engine
from services.chassis.outbox import SendFailed
from services.chassis.store import Store, StoreAway, opened
from services.chassis.subject import Absent, Broken, Conflict, Done, Duplicate, Input, Record, Refused, Stale
from tests.kit.engine.engines import LONG_AGO, Make, doc, notes, parked
from tests.kit.engine.tiny import (
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
    parked_rows,
    tiny_service,
    translated,
)

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
        known = ("find", "subjects")  # what was dealt with by hand, once in a process
        assert commands.seen == [known, *LOADED, ("insert", "subjects"), *SENT], "200 new documents"
        commands.seen.clear()
        await engine.records(batch[200:])
        assert commands.seen == [*LOADED, ("update", "subjects"), *SENT], "500 facts for 200 documents"
        commands.seen.clear()
        await engine.records(batch)
        looked = [("find", "subjects"), ("find", "parked"), ("find", "parked")]
        assert commands.seen == looked, "a batch of duplicates writes nothing"
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
    assert commands.seen[0] == ("find", "subjects"), "what was dealt with by hand, once in a process"
    assert sorted(commands.seen[1:3]) == sorted([("insert", "claims"), *LOADED]), "neither waits for the other"
    assert commands.seen[3:] == [("insert", "subjects"), *SENT]


async def test_what_must_be_there_is_loaded_before_it_is_claimed_and_leaves_no_claim_where_it_is_not(
    store: Store, make: Make, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = Commands()
    monkeypatch.setitem(store_module.OPTIONS, "event_listeners", [commands])
    async with opened(mongo_url, store._db.name) as watched:
        engine = make(on=watched)
        gone = await engine.command_and_document(claimed("p1", "k", Note(("a",)), existing="pilot"))
        assert gone == (Absent(), None)
        assert commands.seen == LOADED
        await engine.command(claimed("p1", "first", Note(("a",))))
        commands.seen.clear()
        hidden = claimed("p1", "k", Note(("b",)), existing="pilot", sees=lambda state: "a" not in state.notes)
        assert await engine.command(hidden) == Absent()
        assert commands.seen == LOADED
        commands.seen.clear()
        outcome, document = await engine.command_and_document(claimed("p1", "k", Note(("b",)), existing="pilot"))
        assert isinstance(outcome, Done) and document is not None and document.version == outcome.version
        assert commands.seen == [*LOADED, ("insert", "claims"), ("update", "subjects")]


# ---- several processes on one store


async def test_what_another_process_wrote_since_is_met_at_the_guard_and_decided_on_anew(
    store: Store, make: Make, broker: Broker
) -> None:
    left, right = Topic("left"), Topic("right")
    one, other = make(), make()
    await one.records([left.record("p1", 1, "a")])
    await other.records([right.record("p1", 1, "x")])
    await one.records([left.record("p1", 2, "b")])
    await other.records([right.record("p1", 2, "y")])
    assert await notes(make()) == ("a", "x", "b", "y")
    assert broker.series("p1") == [1, 2, 3, 4]


async def test_what_another_process_took_is_not_waited_for(make: Make) -> None:
    topic = Topic("left")
    one, other = make(), make()
    await one.records([topic.record("p1", 1, "a")])
    await other.records([topic.record("p1", 2, "b")])
    await one.records([topic.record("p1", 3, "c")])
    assert await notes(make()) == ("a", "b", "c") and await parked(one) == {}


@pytest.mark.parametrize("call", ["write", "clear"])
async def test_a_write_or_clearing_that_was_not_confirmed_is_met_as_it_stands(
    store: Store, make: Make, broker: Broker, call: str
) -> None:
    hooked, topic = Hooked(store), Topic("left")
    engine = make(on=hooked)
    await engine.records([topic.record("p1", 1, "a")])
    hooked.after[call] = away
    with pytest.raises(StoreAway):
        await engine.records([topic.record("p1", 2, "b")])
    await engine.records([topic.record("p1", 2, "b"), topic.record("p1", 3, "c")])
    assert await notes(make()) == ("a", "b", "c") and broker.series("p1")[-1] == 3


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
    assert [(e["subject"], int(e["sequence"])) for e in broker.events()] == [("p1", 1), ("p1", 2), ("p8", 1)]
    rows = {row["offset"]: row for row in await parked_rows(engine.store, {})}
    assert replace(parking.record_of(rows[1]), came=None) == batch[1]
    assert (rows[2]["subject"], rows[2]["source"], rows[2]["sequence"]) == ("p3", "left", 1)
    told = re.fullmatch(r"ValueError at tests/kit/engine/tiny.py:\d+ in decide", rows[2]["cause"])
    assert told, "where it came up, and not in its own words"


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


async def test_a_record_that_waited_and_then_cannot_be_decided_on_is_shown_as_broken_and_why(engine: Engine) -> None:
    topic = Topic("left")
    second = topic.record("p1", 2, "explode")
    await engine.records([second])
    assert await parked(engine) == {second.id: "waiting"}
    await engine.records([topic.record("p1", 1, "a")])
    [row] = await parked_rows(engine.store, {})
    assert (row["_id"], row["status"]) == (second.id, "broken") and "ValueError" in row["cause"]


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
    assert len(await engine.parking.redrive([batch[1].id])) == 0, "without the fix it stays"
    assert (await parked(engine))[batch[1].id] == "broken" and len(broker.log) == log
    fixed = make(tiny_service(translate=repaired))
    assert len(await fixed.parking.redrive([batch[1].id])) == 5
    assert await notes(fixed) == ("a", "explode!", "c", "explode!", "e", "r")
    assert await parked(fixed) == {} and broker.series("p1") == [1, 2, 3, 4, 5, 6]
    assert len(await fixed.parking.redrive([batch[1].id])) == 0


async def test_a_redrive_of_a_subject_feeds_its_broken_records_until_nothing_is_next(
    engine: Engine, make: Make
) -> None:
    topic = Topic("left")
    bad = topic.record("p1", 1, "?", type_="pilots.tiny.noted.v2")
    await engine.records([bad, topic.record("p1", 2, "explode"), topic.record("p1", 3, "c")])
    upgraded = replace(bad, value=bad.value.replace(b"noted.v2", b"noted.v1"))
    await engine.store.remove("parked", [bad.id])
    await parking.park(engine.store, [parking.unreadable(upgraded, "newer")], START)
    assert len(await make(tiny_service(translate=repaired)).parking.take_up(["p1"], also_broken=True)) == 3
    assert await notes(engine) == ("?", "explode!", "c") and await parked(engine) == {}


async def test_a_redrive_of_what_is_not_next_leaves_it_parked(engine: Engine, make: Make) -> None:
    topic = Topic("left")
    batch = [topic.record("p1", 1, "explode"), topic.record("p1", 2, "b")]
    await engine.records(batch)
    assert len(await make().parking.redrive([batch[1].id])) == 0
    assert await parked(engine) == {batch[0].id: "broken", batch[1].id: "waiting"}
    assert await engine.documents(["p1"]) == {}


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


async def test_waiting_records_are_taken_up_and_what_was_kept_long_enough_goes_though_nothing_can_be_sent(
    make: Make, broker: Broker, clock: Clock
) -> None:
    kept, topic = list[datetime](), Topic("left")

    async def tidy(_store: Store, now: datetime) -> None:
        kept.append(now)

    engine = make(tiny_service(tidy=tidy))
    await make().records([topic.record("p1", 2, "later")])
    hooked = Hooked(engine.store)  # its gap closes where nobody takes the parked one up: the process ends first
    hooked.before["rows"] = crash
    with pytest.raises(Crash):
        await make(on=hooked).records([topic.record("p1", 1, "first")])
    broker.refuse = lambda message: message.key == "p2"
    await engine.command(claimed("p2", "k", Note(("x",))))
    clock.forward(seconds=1)
    with pytest.raises(SendFailed):
        await engine.sweep(LONG_AGO)
    assert await notes(engine) == ("first", "later") and kept == [clock()]


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


@pytest.mark.parametrize("word", ["bomb", "stuck", "no"])
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
    assert await engine.store.longest_due() == START + timedelta(hours=1), "and is as late as it was"
    await engine.command(claimed("p1", "k3", Note(("mended",), due=clock() + timedelta(days=1))))
    assert await engine.store.longest_due() == clock() + timedelta(days=1)
