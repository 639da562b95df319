"""What a rebuild makes of facts, and what it refuses, on a service that is as small as can be."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import computed_field

from contracts.topics import FACT_PARTITIONS
from services.chassis import parking
from services.chassis.engine import Engine
from services.chassis.message import Message
from services.chassis.outbox import SendFailed
from services.chassis.rebuild import NotPrepared, Report, rebuild
from services.chassis.service import Service
from services.chassis.store import CLAIMS, Store
from services.chassis.subject import Aggregate, Claimed, Record
from tests.kit.engine.engines import Make, doc
from tests.kit.engine.tiny import LANGUAGE, START, Broker, Note, Tally, Topic, claimed, decide, evolve, tiny_service

SERVICE: Service = tiny_service(
    own=LANGUAGE, number=lambda data: ("notes", len(data["what"])) if "what" in data else None
)


@pytest.fixture
async def engine(make: Make) -> Engine:
    """The service at work."""
    return make(SERVICE)


@pytest.fixture
def target(store: Store) -> Store:
    """A new database beside the old one."""
    return store.sibling(f"{store._db.name}_again")


async def rebuilt(
    store: Store,
    target: Store,
    log: Sequence[Message],
    foreign: Sequence[Record] = (),
    *,
    service: Service = SERVICE,
    **how: Any,
) -> Report:
    """A rebuild of all that is in the topic, with what others' topics hold."""

    async def own(topic: str, partition: int) -> AsyncIterator[Record]:
        for offset, one in enumerate(log if partition == 0 else ()):
            if one.topic == topic:
                yield Record(topic, 0, offset, one.key.encode(), one.value)

    async def others(topic: str, partition: int) -> AsyncIterator[Record]:
        for record in foreign if partition == 0 else ():
            if record.topic == topic:
                yield record

    assert FACT_PARTITIONS > 1
    return await rebuild(service, LANGUAGE, store, target, own, others, **how)


async def test_a_document_comes_back_with_all_that_is_decided_by(
    engine: Engine, store: Store, target: Store, broker: Broker
) -> None:
    due = START + timedelta(days=3)
    left, right = Topic("left"), Topic("right")
    came = [left.record("p1", 1, "a"), left.record("p1", 2, "pass"), right.record("p1", 1, "nothing")]
    await engine.records(came)
    await engine.command(replace(claimed("p1", "k", Note(("b", "c"), due=due)), correlation="another"))
    await engine.outbox.flush()
    report = await rebuilt(store, target, broker.log, came)
    assert report.good, report
    was = await doc(engine)
    made = (await target.load(["p1"], lambda _s: Tally))["p1"]
    for name in ("state", "version", "seen", "due", "correlation"):
        assert getattr(made, name) == getattr(was, name), name
    assert made.due == due and made.seen == {"left": 2, "right": 1} and made.correlation == "began-p1"
    assert made.rev > was.rev and made.moved > was.rev, "no ETag from before fits by chance"
    key = Claimed("person:p1", "k", "d").key
    assert made.ids[key].digest == "d" and (await target.claimed(key))[key].subject == "p1"
    assert await target.count(CLAIMS, {}, 9) == 1
    assert list(await target.draw("notes", 1)) == [2], "numbers go on above what the facts have"


async def test_what_is_parked_is_not_taken_for_seen(
    engine: Engine, store: Store, target: Store, broker: Broker
) -> None:
    topic = Topic("left")
    came = [topic.record("p1", 1, "a"), topic.record("p1", 2, "explode")]
    await engine.records(came)
    report = await rebuilt(store, target, broker.log, came)
    assert report.good and report.copied == {parking.COLLECTION: 1}
    made = (await target.load(["p1"], lambda _s: Tally))["p1"]
    assert made.seen == {"left": 1}, "it can be fed again"


async def test_nothing_is_made_of_what_is_not_prepared(
    engine: Engine, store: Store, target: Store, broker: Broker
) -> None:
    broker.refuse = lambda _message: True
    with pytest.raises(SendFailed):
        await engine.records([Topic("left").record("p1", 1, "a")])
    with pytest.raises(NotPrepared, match="outboxes"):
        await rebuilt(store, target, broker.log)
    broker.refuse = lambda _message: False
    await engine.outbox.deliver({"p1": (await doc(engine)).outbox})
    assert (await rebuilt(store, target, broker.log)).facts == 1
    with pytest.raises(NotPrepared, match="not empty"):
        await rebuilt(store, target, broker.log)


async def test_a_hole_and_two_ids_under_one_sequence_stop_it_and_a_copy_does_not(
    engine: Engine, store: Store, target: Store, broker: Broker
) -> None:
    await engine.command(claimed("p1", "k", Note(("a", "b", "c"))))
    await engine.outbox.flush()
    one, two, three = broker.log
    with pytest.raises(NotPrepared, match="hole before sequence 3"):
        await rebuilt(store, target, [one, three])
    other = replace(two, value=two.value.replace(b'"id":"', b'"id":"x'))
    with pytest.raises(NotPrepared, match="two ids under sequence 2"):
        await rebuilt(store, target, [one, two, other, three])
    report = await rebuilt(store, target, [one, two, one, two, three])
    assert report.good and report.duplicates == 2


async def test_each_kind_of_difference_is_told_and_none_is_called_the_same(
    engine: Engine, store: Store, target: Store, broker: Broker
) -> None:
    for subject in ("p1", "p2", "p3", "p4"):
        await engine.command(claimed(subject, subject, Note(("a", "b"))))
    await engine.outbox.flush()
    rows = store._db["subjects"]
    await rows.update_one({"_id": "p1"}, {"$set": {"state.notes": ["a", "x"]}})
    await rows.delete_one({"_id": "p2"})
    await rows.update_one({"_id": "p3"}, {"$set": {"version": 1, "state.notes": ["a"]}})
    report = await rebuilt(store, target, [one for one in broker.log if one.key != "p4"])
    assert (report.different, report.added, report.further, report.missing) == (["p1"], ["p2"], ["p3"], ["p4"])
    assert not report.good and not report.covers
    assert not Report(added=["p2"]).good and not Report(further=["p3"]).good
    assert Report(added=["p2"], further=["p3"]).covers, "that is what a database that is behind lacks"


class Owner(Tally):
    """A tally that has its last note for itself."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def alone(self) -> str | None:
        """The note that no other may have."""
        return self.notes[-1] if self.notes else None


async def test_what_two_share_since_an_earlier_program_is_no_hindrance(
    engine: Engine, make: Make, store: Store, target: Store, broker: Broker
) -> None:
    await engine.commands([claimed("p1", "k1", Note(("a",))), claimed("p2", "k2", Note(("a",)))])
    await engine.outbox.flush()

    def after(state: Any, fact: Any) -> Owner:
        return Owner(**evolve(state, fact).model_dump(include={"notes", "due"}))

    owners = replace(SERVICE, aggregates={"pilot": Aggregate("pilot", Owner, decide, after)})
    await target.prepare({})
    report = await rebuilt(store, target, broker.log, service=owners)
    assert report.covers and not report.missing
    assert await target.count("subjects", {"state.alone": "a"}, 9) == 1
    await make(owners, on=target).command(claimed("p2", "k3", Note(("b",))))
    assert await target.count("subjects", {"state.alone": "b"}, 9) == 1
