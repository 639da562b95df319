"""In what order the engine makes things safe, and what it asks once: found by faults that no test noticed."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from contracts.event import Fact
from services.chassis import engine as engine_module
from services.chassis.engine import Engine
from services.chassis.message import Message
from services.chassis.parking import Aside, Parked
from services.chassis.store import Row, Store, StoreAway, Written
from services.chassis.subject import Document, Done, Duplicate, Input
from tests.kit.engine.engines import Make, doc, notes
from tests.kit.engine.tiny import Broker, Crash, Hooked, Note, Topic, claimed, crash, tiny_service


def beside(one: Input, facts: Sequence[Fact]) -> list[tuple[str, Row]]:
    """A row for each input that makes facts."""
    return [("beside", {"_id": one.subject, "facts": len(facts)})] if facts else []


async def test_what_facts_point_to_is_stored_before_them(store: Store, make: Make, broker: Broker) -> None:
    hooked = Hooked(store)
    hooked.before["write"] = crash
    engine = make(tiny_service(side_rows=beside), on=hooked)
    with pytest.raises(Crash):
        await engine.command(claimed("p1", "k", Note(("a",))))
    assert await store.count("beside", {"_id": "p1"}, 2) == 1 and await engine.documents(["p1"]) == {}
    hooked.before["put_new"] = crash
    with pytest.raises(Crash):
        await engine.command(claimed("p2", "k2", Note(("a",))))
    assert await engine.documents(["p2"]) == {}, "and nothing points to what is not there"


async def test_claims_documents_and_what_decisions_are_given_do_not_wait_for_each_other(
    store: Store, make: Make
) -> None:
    all_three = asyncio.Barrier(3)

    async def look(_store: Store, _inputs: Sequence[Input]) -> str:
        await all_three.wait()
        return "found"

    async def prepare(_store: Store, inputs: Sequence[Input], _loaded: Mapping[str, Document], found: str) -> list[str]:
        return [found] * len(inputs)

    hooked = Hooked(store)
    hooked.before |= {"claim": all_three.wait, "load": all_three.wait}
    engine = make(tiny_service(look=look, prepare=prepare), on=hooked)
    async with asyncio.timeout(20):
        assert isinstance(await engine.command(claimed("p1", "k", Note(("a",)))), Done)


async def test_who_is_told_that_mongodb_is_away_has_no_claim_on_its_way_any_more(store: Store, make: Make) -> None:
    told = asyncio.Event()

    async def away() -> None:
        told.set()
        raise StoreAway("no primary")

    hooked = Hooked(store)
    hooked.before |= {"load": away, "claim": told.wait}
    with pytest.raises(StoreAway, match="no primary"):
        await make(on=hooked).command(claimed("p1", "k", Note(("a",))))
    assert await store.count("claims", {}, 2) == 1


async def test_what_cannot_go_is_parked_before_anything_is_sent(engine: Engine, store: Store, broker: Broker) -> None:
    broker.down = Crash()
    topic = Topic("left")
    with pytest.raises(Crash):
        await engine.records([topic.record("p1", 1, "a"), topic.record("p2", 1, "explode")])
    assert await store.count("parked", {"subject": "p2"}, 2) == 1


async def test_who_loses_the_guard_decides_anew_by_what_was_drawn_once(store: Store, make: Make) -> None:
    drawn = list[int]()

    async def prepare(
        _store: Store, inputs: Sequence[Input], _loaded: Mapping[str, Document], _found: None
    ) -> list[int]:
        drawn.append(len(inputs))
        return [7] * len(inputs)

    hooked = Hooked(store)
    hooked.before["write"] = lambda: make().command(claimed("p1", "other", Note(("b",))))
    outcome = await make(tiny_service(prepare=prepare), on=hooked).command(claimed("p1", "k", Note(("a",))))
    assert isinstance(outcome, Done) and drawn == [1]
    assert await notes(make()) == ("b", "a")


async def test_what_is_recalled_is_recalled_anew_when_the_guard_was_missed(store: Store, make: Make) -> None:
    seen = list[int]()

    async def recall(_store: Store, document: Document, _inputs: Sequence[Input]) -> Document:
        seen.append(document.version)
        return document

    await make().command(claimed("p1", "first", Note(("a",))))
    hooked = Hooked(store)
    hooked.before["write"] = lambda: make().command(claimed("p1", "other", Note(("b",))))
    needs = replace(claimed("p1", "k", Note(("c",))), existing="pilot")
    await make(tiny_service(recall=recall), on=hooked).command(needs)
    assert seen == [1, 2], "of what was loaded to see whether it is there, too"


async def test_who_never_gets_the_guard_is_told_that_nothing_was_stored(
    store: Store, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "ATTEMPTS", 3)
    tries = list[int]()

    async def lost(folds: Sequence[Any], _sharing: object) -> Written:
        tries.append(len(folds))
        return Written(lost=frozenset(fold.after.subject for fold in folds))

    engine = make()
    monkeypatch.setattr(store, "write", lost)
    with pytest.raises(StoreAway, match="taken by others 3 times"):
        await engine.command(claimed("p1", "k", Note(("a",))))
    assert tries == [1, 1, 1]


async def test_who_sent_what_nobody_foresaw_is_told_that_it_is_parked(store: Store, make: Make, broker: Broker) -> None:
    async def prepare(
        _store: Store, inputs: Sequence[Input], _loaded: Mapping[str, Document], _found: None
    ) -> list[None]:
        if any(one.subject == "p2" for one in inputs):
            raise LookupError("nobody foresaw it")
        return [None] * len(inputs)

    def told(parked: Parked, now: datetime) -> Aside:
        id_ = f"told/{parked.record.id}"
        return Aside(id_, Message("pilots.receipts.mine.v1", id_, b"parked"), ("told", {"_id": id_, "at": now}))

    topic = Topic("left")
    engine = make(tiny_service(prepare=prepare, parked=told))
    await engine.records([topic.record("p1", 1, "a"), topic.record("p2", 1, "b"), topic.record("p3", 1, "c")])
    assert await notes(engine, "p1") == ("a",) and await notes(engine, "p3") == ("c",)
    assert [one.value for one in broker.log if one.topic == "pilots.receipts.mine.v1"] == [b"parked"]
    assert await store.count("told", {}, 9) == 1 and await store.count("parked", {"subject": "p2"}, 9) == 1


async def test_the_first_of_two_contents_under_one_id_in_one_batch_is_taken(engine: Engine) -> None:
    some = [claimed("p1", "k", Note(("a",)), digest="one"), claimed("p1", "k", Note(("b",)), digest="two")]
    first, second = await engine.commands(some)
    assert isinstance(first, Done) and type(second).__name__ == "Conflict"
    assert isinstance(await engine.command(some[0]), Duplicate)
    assert (await doc(engine)).version == 1
