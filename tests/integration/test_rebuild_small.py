"""What a rebuild makes of facts, and what it refuses, on a service that is as small as can be."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import computed_field

from contracts.event import Event
from contracts.topics import FACT_PARTITIONS
from services.chassis import parking, torn_rows
from services.chassis import rebuild as rebuild_module
from services.chassis.engine import Engine
from services.chassis.message import Message
from services.chassis.outbox import SendFailed
from services.chassis.rebuild import COMPARING_ROWS, NotPrepared, Report, rebuild
from services.chassis.service import Service
from services.chassis.store import CLAIMS, Row, Store
from services.chassis.subject import Aggregate, Claimed, Record
from services.chassis.torn_rows import Torn
from tests.kit.engine.engines import Make, doc
from tests.kit.engine.tiny import (
    LANGUAGE,
    START,
    Broker,
    Note,
    NotedV1,
    Tally,
    Topic,
    claimed,
    decide,
    evolve,
    tiny_service,
)

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
    partition: int = 0,
    **how: Any,
) -> Report:
    """A rebuild of all that is in the topic, with what others' topics hold, all of it in one partition."""
    place = partition

    async def own(topic: str, partition: int) -> AsyncIterator[Record]:
        for offset, one in enumerate(log if partition == place else ()):
            if one.topic == topic:
                yield Record(topic, 0, offset, one.key.encode(), one.value)

    async def others(topic: str, partition: int) -> AsyncIterator[Record]:
        for record in foreign if partition == place else ():
            if record.topic == topic:
                yield record

    assert FACT_PARTITIONS > 1
    return await rebuild(service, LANGUAGE, store, target, own, others, **how)


async def test_a_document_comes_back_with_all_that_is_decided_by(
    engine: Engine, store: Store, target: Store, broker: Broker
) -> None:
    due = START + timedelta(days=3)
    left, right = Topic("left"), Topic("right")
    came = [left.record("p1", 1, "a longer one"), left.record("p1", 2, "pass"), right.record("p1", 1, "nothing")]
    for record in came:
        await engine.records([record])  # each is a write, and two of them make no fact
    await engine.command(replace(claimed("p1", "k", Note(("b", "c"), due=due)), correlation="another"))
    await engine.outbox.flush()
    report = await rebuilt(store, target, broker.log, came)
    assert report.good, report
    was = await doc(engine)
    assert was.rev > was.version
    made = (await target.load(["p1"], lambda _s: Tally))["p1"]
    for name in ("state", "version", "seen", "due", "correlation"):
        assert getattr(made, name) == getattr(was, name), name
    assert made.due == due and made.seen == {"left": 2, "right": 1} and made.correlation == "began-p1"
    assert made.rev > was.rev and made.moved > was.rev, "no ETag from before fits by chance"
    key = Claimed("person:p1", "k", "d").key
    assert made.ids[key].digest == "d" and (await target.claimed(key))[key].subject == "p1"
    assert await target.count(CLAIMS, {}, 9) == 1
    assert list(await target.draw("notes", 1)) == [13], "numbers go on above the highest that the facts have"
    anew = target.sibling(f"{target._db.name}_anew")
    await rebuilt(store, anew, broker.log, behind=True)
    made = (await anew.load(["p1"], lambda _s: Tally))["p1"]
    assert made.seen == {"left": 2, "right": 1}, "also by what the facts say that their writer had seen"


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


# ---- more than a page, and every partition


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of two."""
    monkeypatch.setattr(rebuild_module, "PAGE", 2)


@pytest.mark.parametrize("rows", [4, 5])
async def test_all_that_is_no_fold_is_copied_and_what_people_set_on_a_fold_is_taken_over(
    store: Store, target: Store, make: Make, broker: Broker, pages: None, rows: int
) -> None:
    def projection(event: Event) -> list[tuple[str, Row]]:
        row = {"_id": f"{event.subject}/{event.sequence}", "what": event.data["what"], "read": None}
        return [("notices", row)]

    service = replace(SERVICE, projection=projection, marked={"notices": ("read",)})
    engine = make(service)
    await engine.command(claimed("p1", "k", Note(tuple("abcdefg"))))
    await engine.outbox.flush()
    await store.put("files", [{"_id": n, "n": n} for n in range(rows)])
    read = [f"p1/{n}" for n in range(1, rows + 1)]
    assert await store.mark("notices", {"_id": {"$in": read}}, {"read": "then"}) == rows
    report = await rebuilt(store, target, broker.log, service=service)
    assert report.good and report.copied == {"files": rows}
    copied = [row async for row in target.scan("files", {})]
    assert copied == [{"_id": n, "n": n} for n in range(rows)]
    made = {row["_id"]: row async for row in target.scan("notices", {})}
    assert {id_: row["what"] for id_, row in made.items()} == {f"p1/{n}": w for n, w in enumerate("abcdefg", 1)}
    assert sorted(id_ for id_, row in made.items() if row["read"]) == read


async def test_rows_that_facts_make_are_compared_and_what_lacks_or_was_changed_is_told_and_mended(
    store: Store, target: Store, make: Make, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torn_rows, "PAGE", 2)

    def projection(event: Event) -> list[tuple[str, Row]]:
        row = {"_id": f"{event.subject}/{event.sequence}", "what": event.data["what"], "read": None, "at": event.time}
        return [("lines", row)] if event.data["what"] != "z" else []

    service = replace(SERVICE, projection=projection, marked={"lines": ("read",)}, aside={"lines": "parked:"})
    await make(service).command(claimed("p1", "k", Note(tuple("abcdezfgh"))))
    engine = make(service)
    await engine.outbox.deliver({"p1": (await doc(engine)).outbox})
    lines = store._db["lines"]
    await lines.update_one({"_id": "p1/1"}, {"$set": {"read": "then"}})
    await lines.update_one({"_id": "p1/2"}, {"$unset": {"at": 1}, "$set": {"earlier": 1}})  # as another program had it
    await lines.insert_one({"_id": "parked:t/0/1", "what": "no fact makes it"})
    await lines.insert_one({"_id": "parkedXt/0/1", "what": "somebody made it by hand"})
    looked = list[int]()
    whole = target.sibling(f"{target._db.name}_whole")
    report = await rebuilt(
        store, whole, broker.log, service=service, told=lambda step, n: looked.append(n * (step == COMPARING_ROWS))
    )
    assert report.good and report.torn == {} and sum(looked) == 9
    assert report.copied == {"lines": 1}, "what no fact makes, and the service did"
    assert [row["what"] async for row in whole.scan("lines", {"_id": {"$gte": "parked"}})] == ["no fact makes it"]
    await lines.delete_many({"_id": {"$in": ["p1/3", "p1/9"]}})
    await lines.update_one({"_id": "p1/5"}, {"$set": {"what": "x"}})
    report = await rebuilt(store, target, broker.log, service=service)
    assert report.torn == {"lines": Torn(3, ["p1/3", "p1/5", "p1/9"])} and report.good
    mended = {row["_id"]: row["what"] async for row in target.scan("lines", {})}
    assert (mended["p1/3"], mended["p1/5"], mended["p1/9"]) == ("c", "e", "h")
    await lines.delete_many({})
    report = await rebuilt(store, target.sibling(f"{target._db.name}_none"), broker.log, service=service)
    assert report.torn == {"lines": Torn(8, [f"p1/{n}" for n in range(1, 6)])}, "the first of them are named"
    anew = target.sibling(f"{target._db.name}_anew")
    assert (await rebuilt(store, anew, broker.log, service=service, behind=True)).torn == {}


async def test_a_difference_is_found_on_whatever_page_it_stands(
    engine: Engine, store: Store, target: Store, broker: Broker, pages: None
) -> None:
    subjects = [f"p{n}" for n in range(7)]
    for subject in subjects:
        await engine.command(claimed(subject, subject, Note(("a",))))
    await engine.outbox.flush()
    await store.mark("subjects", {"_id": {"$in": ["p0", "p3", "p6"]}}, {"state.notes": ["x"]})
    report = await rebuilt(store, target, broker.log)
    assert report.different == ["p0", "p3", "p6"] and (report.facts, report.subjects) == (7, 7)


async def test_what_stands_in_the_last_partition_is_folded_like_what_stands_in_the_first(
    engine: Engine, store: Store, target: Store, broker: Broker
) -> None:
    await engine.command(claimed("p1", "k", Note(("a",))))
    await engine.outbox.flush()
    for partition in (0, FACT_PARTITIONS - 1):
        anew = target.sibling(f"{target._db.name}_{partition}")
        assert (await rebuilt(store, anew, broker.log, partition=partition)).good
        assert await anew.count("subjects", {}, 9) == 1


# ---- what was only seen, and a database that is behind


async def test_watermarks_are_compared_also_of_what_made_no_fact_unless_all_is_read_once_more(
    engine: Engine, store: Store, target: Store, broker: Broker
) -> None:
    topic = Topic("left")
    came = [topic.record("p1", 1, "a"), topic.record("p1", 2, "nothing"), topic.record("p2", 1, "nothing")]
    await engine.records(came)
    short = await rebuilt(store, target, broker.log, came[:1])
    assert (short.different, short.missing) == (["p1"], ["p2"]), "what was read would be read again"
    twice = [*came, came[0]]  # what was sent twice stands twice
    whole = await rebuilt(store, target.sibling(f"{target._db.name}_whole"), broker.log, twice)
    assert whole.good
    await store.put("marks", [{"_id": "marks", "database": "mine", "next": {"tiny/left pilots/left/v1 0": 3}}])
    broker.refuse = lambda _message: True
    await engine.command(claimed("p1", "k", Note(("b",))))
    anew = target.sibling(f"{target._db.name}_anew")
    behind = await rebuilt(store, anew, broker.log, came, behind=True)
    assert (behind.different, behind.missing) == (["p1"], []), "it has a fact that is in no topic"
    assert not behind.covers
    marks = await anew.get("marks", "marks")
    assert marks is not None and marks["database"] != "mine" and not marks.get("next"), "nothing is called taken"


async def test_what_facts_say_is_erased_is_erased_one_by_one_from_what_was_copied(
    store: Store, target: Store, make: Make, broker: Broker
) -> None:
    asked = list[list[int]]()

    async def erase(there: Store, events: Sequence[Event]) -> None:
        asked.append([event.sequence for event in events])
        await there.remove("persons", [event.data["what"] for event in events])

    service = replace(SERVICE, erase=erase, erasures=(NotedV1,))
    await make(service).command(claimed("p1", "k", Note(("u-1", "u-2"))))
    engine = make(service)
    await engine.outbox.deliver({"p1": (await doc(engine)).outbox})
    await store.put("persons", [{"_id": f"u-{n}"} for n in (1, 2, 3)])  # an older backup knows them all
    asked.clear()
    assert (await rebuilt(store, target, broker.log, service=service)).good
    assert asked == [[1], [2]] and [row["_id"] async for row in target.scan("persons", {})] == ["u-3"]


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (b"noted.v1", b"noted.v2", "a version that this program does not know"),
        (b"noted.v1", b"unheard-of.v1", "a fact of an unknown type"),
        (b'"what"', b'"that"', "cannot be read as a fact"),
        (b"noted.v1", b"spoilt.v1", "cannot be applied to p1: ZeroDivisionError"),
    ],
)
async def test_a_fact_that_this_program_cannot_take_ends_it_with_a_sentence_that_names_it(
    engine: Engine, store: Store, target: Store, broker: Broker, was: bytes, now: bytes, said: str
) -> None:
    await engine.command(claimed("p1", "k", Note(("a", "b"))))
    await engine.outbox.flush()
    first, second = broker.log
    with pytest.raises(NotPrepared, match=rf"^pilots.tiny.v1/0/1 .*{said}"):
        await rebuilt(store, target, [first, replace(second, value=second.value.replace(was, now))])
