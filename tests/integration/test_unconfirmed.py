"""What MongoDB does not confirm is never taken for done, whatever it answers, by either driver."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import BulkWriteError, NotPrimaryError, OperationFailure, WriteConcernError

from contracts.event import Event
from services.chassis.engine import Engine
from services.chassis.fold import Fold
from services.chassis.message import Message
from services.chassis.store import CLAIMS, COUNTERS, PASSING_CODES, SUBJECTS, Claim, Store, StoreAway
from services.chassis.subject import Broken, Document, Done, Duplicate
from tests.kit.engine.engines import LONG_AGO, Make, doc, notes, outbox, parked
from tests.kit.engine.tiny import LANGUAGE, Broker, Clock, Note, Tally, Topic, claimed, tiny_service

pytestmark = pytest.mark.parametrize("driver", ["motor", "pymongo"])
TIMED_OUT = {"code": 64, "errmsg": "waiting for replication timed out", "errInfo": {"wtimeout": True}}
DUPLICATE = {"index": 0, "code": 11000, "errmsg": "E11000"}


def told(*errors: dict[str, Any], unconfirmed: bool = False) -> BulkWriteError:
    """What the driver raises where a server answers so."""
    return BulkWriteError({"writeErrors": list(errors), "writeConcernErrors": [TIMED_OUT] if unconfirmed else []})


def answers(monkeypatch: pytest.MonkeyPatch, store: Store, collection: str, error: Exception, *, lands: bool) -> None:
    """Has the next bulk of a collection end so, once. `lands`: the server did it all the same."""
    real = store._db[collection]

    class Once:
        """The collection, until it has answered."""

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        async def bulk_write(self, writes: Any, **rest: Any) -> Any:
            back()
            if lands:
                await real.bulk_write(writes, **rest)
            raise error

    attribute = {SUBJECTS: "_subjects", CLAIMS: "_claims"}[collection]
    monkeypatch.setattr(store, attribute, Once())

    def back() -> None:
        monkeypatch.setattr(store, attribute, real)


def first(subject: str) -> Fold:
    """The first write of a subject."""
    before = Document(subject, "pilot")
    after = Document(subject, "pilot", rev=1, version=1, moved=1, state=Tally(notes=("a",)))
    return Fold(before, after, (), (Done(1, 1),))


UNCONFIRMED: list[Callable[[], Exception]] = [
    lambda: told(unconfirmed=True),
    lambda: told(DUPLICATE, unconfirmed=True),
    lambda: WriteConcernError("timed out", 64),
    lambda: NotPrimaryError("stepped down"),
    *[lambda code=code: told({"index": 0, "code": code}) for code in sorted(PASSING_CODES)],
]


@pytest.mark.parametrize("error", UNCONFIRMED)
async def test_a_document_that_was_not_confirmed_is_neither_done_nor_lost_nor_unfit(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]
) -> None:
    answers(monkeypatch, store, SUBJECTS, error(), lands=False)
    with pytest.raises(StoreAway):
        await store.write([first("p1")])


@pytest.mark.parametrize("error", UNCONFIRMED)
async def test_a_claim_that_was_not_confirmed_is_not_taken_for_somebody_elses(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]
) -> None:
    answers(monkeypatch, store, CLAIMS, error(), lands=False)
    with pytest.raises(StoreAway):
        await store.claim([Claim("k", "d", "p1")])


@pytest.mark.parametrize("lands", [False, True], ids=["did not land", "landed"])
@pytest.mark.parametrize("collection", [CLAIMS, SUBJECTS])
async def test_a_command_is_not_answered_before_its_write_is_confirmed_and_has_one_effect(
    engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch, collection: str, lands: bool
) -> None:
    answers(monkeypatch, store, collection, told(unconfirmed=True), lands=lands)
    with pytest.raises(StoreAway):
        await engine.command(claimed("p1", "k", Note(("a",))))
    assert isinstance(await engine.command(claimed("p1", "k", Note(("a",)))), Done | Duplicate)
    assert await notes(engine) == ("a",)


@pytest.mark.parametrize("lands", [False, True], ids=["did not land", "landed"])
async def test_a_record_whose_write_was_not_confirmed_is_given_back_and_not_parked(
    engine: Engine, store: Store, broker: Broker, monkeypatch: pytest.MonkeyPatch, lands: bool
) -> None:
    record = Topic("left").record("p1", 1, "a")
    answers(monkeypatch, store, SUBJECTS, told(unconfirmed=True), lands=lands)
    with pytest.raises(StoreAway):
        await engine.records([record])
    assert await parked(engine) == {}
    await engine.records([record])
    assert await notes(engine) == ("a",) and broker.series("p1") == [1]


# ---- the same of a real mongod that has done it, and whose majority does not confirm it


@asynccontextmanager
async def unconfirmed(store: Store, collection: str, **trouble: Any) -> AsyncIterator[None]:
    """Has mongod answer so, once, to the next write to a collection. Skips where it has no failpoints."""
    admin = store._client.admin
    commands = ["insert", "update", "delete", "findAndModify"]
    data = {"failCommands": commands, "namespace": f"{store._db.name}.{collection}", **trouble}
    try:
        await admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data})
    except OperationFailure:
        pytest.skip("this mongod has no failpoints")
    try:
        yield
    finally:
        await admin.command({"configureFailPoint": "failCommand", "mode": "off"})


LONG_PAST = datetime(2026, 1, 1, tzinfo=UTC)
Write = Callable[[Store], Awaitable[object]]
WRITES: dict[str, tuple[str, Write]] = {
    "write, a new document": (SUBJECTS, lambda store: store.write([first("p9")])),
    "write, a document that is there": (SUBJECTS, lambda store: store.write([second("p1")])),
    "clear": (SUBJECTS, lambda store: store.clear({"p1": 1})),
    "postpone": (SUBJECTS, lambda store: store.postpone("p1", LONG_PAST, LONG_PAST + timedelta(days=1))),
    "claim": (CLAIMS, lambda store: store.claim([Claim("new", "d", "p1")])),
    "claim, one that is there": (CLAIMS, lambda store: store.claim([Claim("k", "d", "p1"), Claim("new", "d", "p1")])),
    "draw": (COUNTERS, lambda store: store.draw("s", 1)),
    "raise_to": (COUNTERS, lambda store: store.raise_to(COUNTERS, "s", {"last": 9})),
    "put": ("rows", lambda store: store.put("rows", [{"_id": 1, "n": 2}])),
    "add": ("rows", lambda store: store.add("rows", [{"_id": 2}])),
    "add, one that is there": ("rows", lambda store: store.add("rows", [{"_id": 1}, {"_id": 2}])),
    "put_new": ("rows", lambda store: store.put_new("rows", [{"_id": 2}])),
    "mark": ("rows", lambda store: store.mark("rows", {"_id": 1}, {"n": 2})),
    "remove": ("rows", lambda store: store.remove("rows", [1])),  # type: ignore[list-item]
}
TROUBLES: dict[str, dict[str, Any]] = {
    "not confirmed": {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}},
    "out of time": {"errorCode": 50},
}


def second(subject: str) -> Fold:
    """The second write of a subject."""
    before = first(subject).after
    return Fold(before, replace(before, rev=2, version=2, moved=2), (), (Done(2, 2),))


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("name", WRITES)
async def test_what_a_majority_does_not_confirm_is_neither_done_nor_refused(
    store: Store, name: str, trouble: str
) -> None:
    collection, write = WRITES[name]
    await store.write([first("p1")])
    await store._db[SUBJECTS].update_one({"_id": "p1"}, {"$set": {"due": LONG_PAST}})
    await store.claim([Claim("k", "d", "p1")])
    await store.put("rows", [{"_id": 1, "n": 1}])
    async with unconfirmed(store, collection, **TROUBLES[trouble]):
        with pytest.raises(StoreAway):
            await write(store)


@pytest.mark.parametrize("collection", [CLAIMS, SUBJECTS])
async def test_a_record_that_mongod_does_not_confirm_is_given_back_and_has_one_effect(
    engine: Engine, store: Store, broker: Broker, collection: str
) -> None:
    async with unconfirmed(store, collection, **TROUBLES["not confirmed"]):
        with pytest.raises(StoreAway):
            await engine.command(claimed("p1", "k", Note(("a",))))
    assert broker.log == [], "nothing is sent of it"
    assert isinstance(await engine.command(claimed("p1", "k", Note(("a",)))), Done | Duplicate)
    assert await notes(engine) == ("a",)


async def test_a_stored_state_that_cannot_be_read_is_not_begun_anew(engine: Engine, store: Store) -> None:
    topic = Topic("left")
    await engine.records([topic.record("p1", 1, "a")])
    await store._db[SUBJECTS].update_one({"_id": "p1"}, {"$set": {"state.notes": 7}})
    outcome = await engine.command(claimed("p1", "k", Note(("b",))))
    assert isinstance(outcome, Broken) and outcome.unreadable
    await engine.records([topic.record("p1", 2, "b")])
    assert list((await parked(engine)).values()) == ["broken"]
    [row] = await store.rows(SUBJECTS, {"_id": "p1"}, sort=[("_id", 1)], limit=1)
    assert row["state"]["notes"] == 7 and row["version"] == 1 and row["seen"] == {"left": 1}


# ---- the sweep


async def written_unsent(engine: Engine, broker: Broker, subjects: list[str]) -> None:
    """Has facts of these subjects wait in their outboxes."""
    broker.refuse = lambda _message: True
    for subject in subjects:
        await engine.command(claimed(subject, subject, Note(("a",))))
    await engine.outbox.flush()


async def test_a_sweep_sends_every_page_of_what_was_left_behind(
    engine: Engine, make: Make, broker: Broker, clock: Clock
) -> None:
    subjects = [f"p{n}" for n in range(7)]
    await written_unsent(engine, broker, subjects)
    broker.refuse = lambda _message: False
    clock.forward(seconds=1)
    fresh = make()
    await fresh.outbox.sweep(clock(), LONG_AGO, fresh.documents, page=2)
    assert [await outbox(fresh, subject) for subject in subjects] == [[]] * 7
    assert {subject: broker.series(subject) for subject in subjects} == {subject: [1] for subject in subjects}


async def test_a_sweep_goes_on_behind_what_cannot_be_sent(
    engine: Engine, make: Make, broker: Broker, clock: Clock
) -> None:
    subjects = [f"p{n}" for n in range(7)]
    await written_unsent(engine, broker, subjects)
    broker.refuse = lambda message: message.key in ("p0", "p3")
    clock.forward(seconds=1)
    fresh = make()
    with pytest.raises(Exception, match="refused|Connection"):
        await fresh.outbox.sweep(clock(), LONG_AGO, fresh.documents, page=2)
    left = [subject for subject in subjects if await outbox(fresh, subject)]
    assert set(left) <= {"p0", "p1", "p2", "p3"} and {"p4", "p5", "p6"}.isdisjoint(left)


# ---- the way of a trace


async def test_a_fact_carries_the_trace_of_what_caused_it_into_its_topic_and_into_what_goes_out_with_it(
    make: Make, broker: Broker
) -> None:
    seen = list[Event]()

    def publications(event: Event) -> list[Message]:
        seen.append(event)
        return []

    engine = make(tiny_service(own=LANGUAGE, publications=publications))
    parent = f"00-{'c' * 32}-{'d' * 16}-01"
    record = Topic("left").raw(
        broker_bytes("p1"), key="p1", headers=[("traceparent", parent.encode()), ("tracestate", b"a=b")]
    )
    await engine.records([record])
    assert broker.log[0].headers["traceparent"].split("-")[1] == "c" * 32
    assert (await doc(engine)).trace["traceparent"].split("-")[1] == "c" * 32
    assert seen[0].trace["traceparent"].split("-")[1] == "c" * 32


def broker_bytes(subject: str) -> bytes:
    """A fact of another service as it stands in its topic."""
    return Topic("left").record(subject, 1, "a").value
