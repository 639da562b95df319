"""What was parked and dealt with by two people stays so when all is read again into a database that was made of the
facts: nobody is told anew, nothing is parked or decided a second time, and the balance counts what is parked still."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from contracts.agency import AGENCY, ApplicationSubmittedV2
from contracts.intake import INTAKE
from contracts.topics import EXPERTISE, agency_topic, fact_topic
from services.chassis.balance import Balancing
from services.chassis.cluster import Place
from services.chassis.engine import Engine
from services.chassis.rebuild import Report, rebuild
from services.chassis.store import BY_ID, PARKED, REPAIRS, Store
from services.chassis.subject import Record
from services.intake import balance
from services.intake.domain.shape import LISTS
from services.intake.domain.state import pilot_id
from services.intake.service import SERVICE
from tests.integration.intake.test_parked import NEWER
from tests.integration.intake.test_repairs import ONE, OTHER, post
from tests.kit.engine.tiny import Broker, Clock, Crash, Hooked, crash
from tests.kit.intake.log import Log, struck
from tests.kit.intake.sides import Ask, Make, doc, entered, receipts, requested, said, sent, submitted


async def by_two(ask: Ask, record: Record, kind: str, **more: Any) -> None:
    """What one person proposes and another approves."""
    made = await post(ask, "repairs", ONE, 201, record.id, record=record.id, kind=kind, why="Проба.", **more)
    told = await post(ask, f"repairs/{made['id']}/approval", OTHER, 200, record.id)
    assert told["verdict"] == "went", told


async def anew(
    store: Store, broker: Broker, name: str, foreign: Sequence[Record] = (), **how: Any
) -> tuple[Store, Report]:
    """The database that a rebuild makes."""

    async def own(topic: str, partition: int) -> AsyncIterator[Record]:
        for offset, one in enumerate(broker.log if partition == 0 else ()):
            if one.topic == topic:
                yield Record(topic, 0, offset, one.key.encode(), one.value)

    async def others(topic: str, partition: int) -> AsyncIterator[Record]:
        for record in foreign if partition == 0 else ():
            if record.topic == topic:
                yield record

    made = store.sibling(f"{store._db.name}_{name}")
    await made.prepare(SERVICE.indexes)
    return made, await rebuild(SERVICE, INTAKE, store, made, own, others, **how)


async def standing(store: Store) -> list[str]:
    """Which records are parked."""
    return [row["_id"] for row in await store.rows(PARKED, {}, sort=BY_ID, limit=99)]


class Dealt:
    """Events of an agency, some of which were parked: what was done with them, and how it stands."""

    def __init__(self, records: list[Record], broker: Broker) -> None:
        self.records = records
        self.stays = records[3].id
        self.told = sorted(receipts(broker))


@pytest.fixture
async def dealt(engine: Engine, ask: Ask, broker: Broker, log: Log, clock: Clock) -> Dealt:
    """One was taken at once, two changed, one discarded, one stays parked; one was discarded after it was changed in
    vain."""
    unread = [{**submitted(n), "type": NEWER} for n in (2, 3, 4)]
    twice = {**submitted(5), "type": NEWER}
    records = log.put(submitted(1), *unread, twice, {**submitted(6), "type": NEWER})
    await engine.records(records)
    log.taken = log.end
    await by_two(ask, records[1], "edit", event=submitted(2))
    await by_two(ask, records[2], "discard")
    await by_two(ask, records[4], "edit", event=submitted(5, name="Другое имя проекта"))
    changed = await post(
        ask,
        "repairs",
        ONE,
        201,
        "vain",
        record=records[5].id,
        kind="edit",
        event={**submitted(6, name="Третье"), "type": NEWER},
        why="Проба.",
    )
    assert (await post(ask, f"repairs/{changed['id']}/approval", OTHER, 200, "vain"))["verdict"] == "broken"
    await by_two(ask, records[5], "discard")
    await engine.outbox.flush()
    clock.forward(minutes=1)
    assert await standing(engine.store) == [records[3].id]
    return Dealt(records, broker)


@pytest.mark.parametrize("keeps", [True, False])
async def test_of_a_database_that_is_made_anew_nobody_is_told_again_and_what_is_parked_is_counted(
    dealt: Dealt, make: Make, store: Store, broker: Broker, log: Log, clock: Clock, keeps: bool
) -> None:
    if not keeps:  # of the old database nothing is left of what was proposed
        await store.remove_where(REPAIRS, {})
    made, report = await anew(store, broker, "anew", behind=True)
    assert report.covers, report
    await balance.begin_anew(made, clock(), {"demo": log.end})
    before = await struck(made, log, clock)
    assert (before.received, before.parked, before.difference) == (1, 1, 0), "also before it is read again"
    facts = len(broker.events("pilots.intake.v1"))
    for _ in range(2):
        await make(made).records(dealt.records)
        assert sorted(receipts(broker)) == dealt.told
        assert await standing(made) == [dealt.stays]
        found = await struck(made, log, clock)
        assert (found.received, found.parked, found.difference) == (1, 1, 0)
    assert len(broker.events("pilots.intake.v1")) == facts
    [more] = log.put(submitted(20))
    await make(made).records([more])
    log.taken = log.end
    found = await struck(made, log, clock)
    assert (found.received, found.registered, found.parked, found.difference) == (2, 1, 1, 0)
    good = {"value": json.dumps(submitted(4)).encode()}
    await made.mark(PARKED, {"_id": dealt.stays}, good)
    assert await make(made).parking.redrive([dealt.stays]) == [dealt.stays]
    found = await struck(made, log, clock)
    assert (found.received, found.registered, found.parked, found.difference) == (2, 2, 0, 0), "and when it is taken up"


class Facts:
    """A topic of facts, of which so much is committed."""

    def __init__(self, committed: int) -> None:
        self.at, self.taken = (fact_topic(EXPERTISE), 0), committed

    async def names(self) -> frozenset[str]:
        """It alone is there."""
        return frozenset({self.at[0]})

    async def committed(self, group: str) -> Mapping[Place, int]:
        """What is committed of it."""
        return {self.at: self.taken} if EXPERTISE in group else {}

    async def bounds(self, places: Iterable[Place]) -> Mapping[Place, tuple[int, int]]:
        """Where its partitions begin and end."""
        return {place: (0, 10 if place == self.at else 0) for place in places}

    async def records(self, _place: Place, _first: int, _until: int) -> Mapping[int, bytes]:
        """Of whom they are is of no interest."""
        return {}


@pytest.mark.parametrize(("committed", "consumed", "parked"), [(0, 0, 0), (5, 4, 1), (10, 8, 2)])
async def test_what_is_parked_beyond_what_is_committed_is_a_lag_while_a_topic_is_read_again(
    store: Store, clock: Clock, committed: int, consumed: int, parked: int
) -> None:
    topics = Facts(committed)
    row = {"topic": topics.at[0], "partition": 0, "status": "broken"}
    await store.put(PARKED, [{"_id": f"{topics.at[0]}/0/{n}", "offset": n, **row} for n in (3, 7)])
    service = replace(SERVICE, reads={EXPERTISE: SERVICE.reads[EXPERTISE]}, balance=None)
    [flow] = (await Balancing(service, store, topics, clock).struck(0.0)).services
    assert (flow.written, flow.consumed, flow.parked, flow.lag) == (10, consumed, parked, 10 - committed)


async def test_what_an_older_backup_has_parked_and_was_dealt_with_since_is_parked_no_more(
    dealt: Dealt, make: Make, store: Store, broker: Broker, log: Log, clock: Clock
) -> None:
    older = store.sibling(f"{store._db.name}_older")
    whole = [row async for row in store.scan(PARKED, {})]
    was = [{**whole[0], "_id": one.id, "offset": one.offset, "value": one.value} for one in dealt.records[1:]]
    await older.put(PARKED, was)
    made, _ = await anew(older, broker, "of_older", behind=True)
    await balance.begin_anew(made, clock(), {"demo": log.end})
    assert len(await standing(made)) == 5
    await make(made).records(dealt.records)
    assert await standing(made) == [dealt.stays]
    found = await struck(made, log, clock)
    assert (found.received, found.parked, found.difference) == (1, 1, 0)


async def test_where_a_group_lost_what_it_had_committed_nothing_is_parked_or_told_again(
    dealt: Dealt, make: Make, store: Store, broker: Broker, log: Log, clock: Clock
) -> None:
    before = await struck(store, log, clock)
    assert (before.registered, before.rejected, before.parked, before.difference) == (3, 2, 1, 0)
    await make().records(dealt.records)
    assert sorted(receipts(broker)) == dealt.told and await standing(store) == [dealt.stays]
    assert await struck(store, log, clock) == before


async def test_an_event_that_could_be_read_and_was_changed_is_no_conflict_with_itself(
    engine: Engine, ask: Ask, make: Make, store: Store, broker: Broker
) -> None:
    record = Record(agency_topic("late").name, 0, 0, None, json.dumps(submitted(1, agency="late")).encode())
    await engine.records([record])
    assert await standing(store) == [record.id], "its agency is not known yet"
    await entered(engine, "late")
    await by_two(ask, record, "edit", event=submitted(1, agency="late", name="Другое имя проекта"))
    await engine.outbox.flush()
    told = receipts(broker, "late")
    assert [outcome for _, outcome in told] == ["parked", "registered"]
    made, _ = await anew(store, broker, "anew", behind=True)
    await make(made).records([record])
    assert receipts(broker, "late") == told and await standing(made) == []


async def test_what_was_fed_again_and_went_is_met_as_what_it_was(
    engine: Engine, ask: Ask, make: Make, store: Store, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = sent({**submitted(1), "type": NEWER})
    await engine.records([record])
    with monkeypatch.context() as newer:  # as a newer program reads it
        newer.setitem(AGENCY.classes, NEWER, AGENCY.classes[ApplicationSubmittedV2.TYPE])
        newer.setitem(AGENCY._adapters, NEWER, AGENCY._adapters[ApplicationSubmittedV2.TYPE])
        newer.setitem(AGENCY._newest, "pilots.agency.application-submitted", 3)
        newer.setitem(LISTS, NEWER, LISTS[ApplicationSubmittedV2.TYPE])
        told = await post(ask, "redrive", ONE, 200, "fed", ids=[record.id], limit=1)
        assert told["records"][0]["verdict"] == "went"
    await engine.outbox.flush()
    heard = receipts(broker)
    assert [outcome for _, outcome in heard] == ["parked", "registered"]
    made, _ = await anew(store, broker, "anew", behind=True)
    await make(made).records([record])
    assert receipts(broker) == heard and await standing(made) == [], "though this program cannot read it"


async def test_a_process_that_is_killed_before_the_receipt_goes_leaves_it_to_the_next_reading(
    make: Make, store: Store, broker: Broker
) -> None:
    await entered(make(), "demo")
    record, dying = sent({**submitted(1), "type": NEWER}), Hooked(store)
    dying.after["add"] = crash
    with pytest.raises(Crash):
        await make(dying).records([record])
    assert receipts(broker) == []
    for _ in range(2):
        await make().records([record])
        assert receipts(broker) == [("demo-1", "parked")]


async def test_another_event_under_the_same_id_that_cannot_be_read_stays_parked(
    engine: Engine, make: Make, store: Store, broker: Broker, log: Log
) -> None:
    records = log.put(submitted(1), {**submitted(1, name="Другое имя проекта"), "type": NEWER})
    await engine.records(records)
    await engine.outbox.flush()
    made, _ = await anew(store, broker, "anew", behind=True)
    await make(made).records(records)
    assert await standing(made) == [records[1].id], "nobody has dealt with it"


async def test_a_discarded_fact_stays_passed_also_for_a_program_that_could_read_it(
    engine: Engine, ask: Ask, make: Make, store: Store, broker: Broker, log: Log
) -> None:
    [first] = log.put(submitted(1))
    await engine.records([first])
    good = said(requested(), 1)
    spoilt = replace(good, value=good.value.replace(b'"items"', b'"itmes"'))
    await engine.records([spoilt])
    await by_two(ask, spoilt, "discard")
    await engine.outbox.flush()
    was = await doc(engine)
    assert was.seen["expertise"] == 1 and await standing(store) == []

    plain, report = await anew(store, broker, "plain", [spoilt])
    assert report.good, "no rebuild stops at what was discarded"
    behind, _ = await anew(store, broker, "behind", behind=True)
    for made, record in ((plain, spoilt), (behind, spoilt), (behind, good)):
        again = make(made)
        await again.records([first, record])
        now = await doc(again)
        assert (now.seen["expertise"], now.version, now.state) == (1, was.version, was.state)
        assert await standing(made) == []
    other, _ = await anew(store, broker, "other", behind=True)
    again = make(other)
    await again.records([good])
    assert (await doc(again)).version == was.version, "it was discarded, whatever can be read by now"
    assert pilot_id("demo", "demo-1") == was.subject
