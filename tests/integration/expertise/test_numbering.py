"""Numbers of conclusions and announcements of terms with two replicas of expertise on one database, on a real mongod.

The topic is a broker in memory; what stands in it is fed back to both replicas as it would be read: in any order of
subjects, in part, twice.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import cast

import pytest

from contracts.event import Actor
from contracts.reference import Application, OrganisationId, Procedure, TermKind
from contracts.rules import load
from contracts.steps import ExpertEntry
from deploy.samples.common import party
from deploy.samples.expertise import steps as steps_to
from deploy.samples.expertise import way
from services.chassis.engine import Engine
from services.chassis.message import Message
from services.chassis.outbox import SendFailed
from services.chassis.store import Store
from services.chassis.subject import Claimed, Done, Input, Record
from services.expertise.documents.press import Press
from services.expertise.domain.commands import Approve, Open
from services.expertise.domain.expert import EnterExpert
from services.expertise.domain.expert import subject_of as expert_subject
from services.expertise.domain.state import Case, Status
from services.expertise.service import SERVICE
from tests.kit.calendars import CALENDARS
from tests.kit.engine.tiny import Broker, Clock, Crash, Hooked, crash, numbered, parked_rows

TOPIC = "pilots.expertise.v1"
NOW = datetime(2026, 4, 16, 9, 0, tzinfo=UTC)
OPERATOR = Actor(id="op-1", role="operator")
APPROVER = Actor(id="ap-1", role="approver")
EXPERT = Actor(id="e-1", role="expert")
CASES = [f"case-{n:02d}" for n in range(30)]
EDITION = load().edition("by-2024")
Make = Callable[..., Engine]
KEY = numbered("k")


APPLICATION = Application(
    title="Запись к врачу без очереди",
    problem="Пациенты ждут.",
    solution="Электронная очередь.",
    sector="health",
    initiator=party("700000112"),
    customer=party("700000125"),
    procedure=Procedure.REPLICATION,
)
"""A replication: one opinion is enough."""
OPEN = Open(agency="vedomstvo", number="ПП-2026-000123", edition="by-2024", application=APPLICATION)


@pytest.fixture
def clock() -> Clock:
    """What the replicas take for the time."""
    return Clock(NOW)


@pytest.fixture
async def make(store: Store, broker: Broker, clock: Clock) -> Make:
    """Replicas of expertise on one database."""
    await store.prepare(SERVICE.indexes)
    number = iter(range(1000))

    def made(on: object = store) -> Engine:
        return Engine(
            SERVICE, cast(Store, on), broker, now=clock, new_id=numbered(f"e{next(number)}"), calendars=CALENDARS
        )

    return made


def asked(subject: str, command: object, who: Actor) -> Input:
    """A person's command under a key of its own."""
    key = KEY()
    return Input(subject, Claimed(f"person:{who.id}", key, "d"), command, who, cause_id=key)


async def all_done(engine: Engine, inputs: Sequence[Input]) -> None:
    """Commands that must be allowed."""
    outcomes = await engine.commands(inputs)
    assert all(isinstance(outcome, Done) for outcome in outcomes), outcomes


async def drafted(engine: Engine, cases: Sequence[str]) -> None:
    """Cases with a conclusion that waits for its approval."""
    from_where = OrganisationId(scheme="BY-UNP", value="700000140")
    enter = EnterExpert(
        EXPERT.id, ExpertEntry(edition="by-2024", organisation=from_where, competences=("health",), capacity=100)
    )
    await engine.commands([asked(expert_subject(EXPERT.id), enter, OPERATOR)])
    steps = [step for one in way(Status.TO_APPROVE)[1:] for step in steps_to(one, (EXPERT.id,))]
    for command, who in ((OPEN, OPERATOR), *steps):
        await all_done(engine, [asked(case, command, who) for case in cases])
    await engine.outbox.flush()


class Reader:
    """Feeds what stands in the topic back to the replicas, each message to any of them, some of them twice."""

    def __init__(self, broker: Broker, chance: Random) -> None:
        self.broker, self.chance = broker, chance
        self.read = 0

    def records(self, messages: Sequence[Message]) -> list[Record]:
        """Messages of the topic as records."""
        found = [m for m in messages if m.topic == TOPIC]
        return [Record(TOPIC, 0, self.chance.randrange(10**9), m.key.encode(), m.value) for m in found]

    async def on(self, *engines: Engine) -> bool:
        """Gives what is new, and some of what is old, to the replicas at once, who print as well; False when there was
        nothing new."""
        new, old = self.broker.log[self.read :], self.broker.log[: self.read]
        self.read = len(self.broker.log)
        again = self.chance.sample(old, min(len(old), 10)) + self.chance.sample(new, len(new) // 2)
        records = self.records([*new, *again])
        self.chance.shuffle(records)
        await asyncio.gather(*(self._some(one, records[n :: len(engines)]) for n, one in enumerate(engines)))
        issued = await asyncio.gather(*(Press(one, load()).turn() for one in engines))
        await asyncio.gather(*(one.outbox.flush() for one in engines))
        return bool(new) or any(issued)

    async def _some(self, engine: Engine, records: Sequence[Record]) -> None:
        size = self.chance.randint(1, 7)
        for start in range(0, len(records), size):
            await until_sent(partial(engine.records, records[start : start + size]))


async def until_sent(call: Callable[[], Awaitable[None]]) -> None:
    """What is not acknowledged is read again, as a consumer does that has not committed."""
    for _ in range(200):
        try:
            return await call()
        except SendFailed:
            continue
    raise AssertionError("it was never sent")


async def numbers_are_sound(engine: Engine, broker: Broker, cases: Sequence[str], year: int = 2026) -> None:
    """Each case has one conclusion, and their numbers are those from one on."""
    found = await engine.documents(cases)
    states = [document.state for document in found.values()]
    numbers = sorted(one.number for state in states if isinstance(state, Case) for one in state.conclusions)
    assert numbers == [EDITION.conclusions.number(year, n) for n in range(1, len(cases) + 1)]
    assert all(isinstance(s, Case) and s.approved is None and s.status == "concluded" for s in states)
    given = {event["id"]: event["data"] for event in broker.events(TOPIC, f"series:by:{year}")}
    assert sorted(data["place"] for data in given.values()) == list(range(1, len(cases) + 1))
    assert sorted(data["pilot"] for data in given.values()) == sorted(cases)
    events = [event for case in cases for event in broker.events(TOPIC, case)]
    issued = {(e["subject"], e["sequence"]) for e in events if "conclusion-issued" in e["type"]}
    assert len(issued) == len(cases)
    assert await parked_rows(engine.store, {}) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_thirty_conclusions_approved_at_once_by_two_replicas_are_numbered_without_gap_or_double(
    make: Make, broker: Broker, seed: int
) -> None:
    one, two, chance = make(), make(), Random(seed)
    await drafted(one, CASES)
    reader = Reader(broker, chance)
    await reader.on(one, two)
    approvals = [asked(case, Approve(), APPROVER) for case in chance.sample(CASES, len(CASES))]
    await asyncio.gather(all_done(one, approvals[:15]), all_done(two, approvals[15:]))
    await asyncio.gather(one.outbox.flush(), two.outbox.flush())
    while await reader.on(one, two):
        pass
    await numbers_are_sound(one, broker, CASES)
    log = len(broker.log)
    everything = reader.records(broker.log)
    chance.shuffle(everything)
    await asyncio.gather(make().records(everything), make().records(everything[::-1]))
    assert len(broker.log) == log, "what is read again from the beginning says nothing new"
    await numbers_are_sound(one, broker, CASES)


@pytest.mark.parametrize("seed", [1, 2])
async def test_sends_that_are_lost_and_replicas_that_die_lose_no_number_and_give_none_twice(
    store: Store, make: Make, broker: Broker, clock: Clock, seed: int
) -> None:
    one, two, chance, cases = make(), make(), Random(seed), CASES[:12]
    await drafted(one, cases)
    reader = Reader(broker, chance)
    await reader.on(one, two)
    await all_done(one, [asked(case, Approve(), APPROVER) for case in cases[:6]])
    await all_done(two, [asked(case, Approve(), APPROVER) for case in cases[6:]])
    # Both die before anything is sent; two others find it. From then on every third message is lost.
    three, four = make(), make()
    broker.refuse = lambda _message: chance.random() < 0.33
    for _ in range(60):
        hooked = Hooked(store)
        if chance.random() < 0.5:
            hooked.after["write"] = crash
        dying = make(hooked)
        again = reader.records(chance.sample(broker.log, 5))
        with suppress(Crash):
            await until_sent(partial(dying.records, again))
        clock.forward(seconds=1)
        await until_sent(partial(three.sweep, timedelta(0)))
        await reader.on(three, four)
    broker.refuse = lambda _message: False
    await three.sweep(timedelta(0))
    while await reader.on(three, four):
        pass
    await numbers_are_sound(three, broker, cases)


async def test_a_conclusion_approved_in_the_old_year_and_numbered_in_the_new_one_has_a_number_of_the_old(
    make: Make, broker: Broker, clock: Clock
) -> None:
    engine, reader = make(), Reader(broker, Random(5))
    await drafted(engine, CASES[:3])
    clock.time = datetime(2026, 12, 31, 20, 59, tzinfo=UTC)
    await all_done(engine, [asked(CASES[0], Approve(), APPROVER)])
    clock.time = datetime(2026, 12, 31, 21, 0, tzinfo=UTC)
    await all_done(engine, [asked(CASES[1], Approve(), APPROVER)])
    clock.time = datetime(2027, 1, 1, 9, 0, tzinfo=UTC)
    await all_done(engine, [asked(CASES[2], Approve(), APPROVER)])
    await engine.outbox.flush()
    while await reader.on(engine, make()):
        pass
    await numbers_are_sound(engine, broker, CASES[:1])
    found = await engine.documents(CASES[1:3])
    issued = [state.conclusions[0] for d in found.values() if isinstance(state := d.state, Case)]
    assert {one.number for one in issued} == {"ЗЭ-2027-0001", "ЗЭ-2027-0002"}
    assert {one.date.isoformat() for one in issued} == {"2027-01-01"}, "midnight in Minsk, not in Greenwich"


# ---- announcements


def announced(broker: Broker, case: str) -> list[str]:
    """What of a case's term was announced, in the order of its facts, each fact once."""
    events = {int(event["sequence"]): event for event in broker.events(TOPIC, case)}
    words = []
    for _, event in sorted(events.items()):
        if "term-nearing" in event["type"]:
            words += [str(rung) for rung in event["data"]["rungs"]]
        elif "term-breached" in event["type"]:
            words.append("over")
    return words


LADDER = [*map(str, EDITION.terms[TermKind.REPLICATION_EXPERTISE].reminders), "over"]


async def opened(engine: Engine, cases: Sequence[str]) -> None:
    """Cases whose term runs."""
    await all_done(engine, [asked(case, OPEN, OPERATOR) for case in cases])
    await engine.outbox.flush()


async def test_reminders_and_breaches_come_once_with_two_replicas_whose_timers_fire_at_once(
    make: Make, broker: Broker, clock: Clock
) -> None:
    one, two, three = make(), make(), make()
    await opened(one, CASES)
    for _ in range(14 * 24 // 6):
        clock.forward(hours=6)
        await asyncio.gather(one.timers(), two.timers(), three.timers())
    assert {case: announced(broker, case) for case in CASES} == dict.fromkeys(CASES, LADDER)
    again = Counter((e["subject"], e["sequence"], e["id"]) for e in broker.events(TOPIC))
    assert len(again) == len({(subject, sequence) for subject, sequence, _ in again}), "one fact for each place"
    assert await one.timers() == 0


async def test_an_announcement_is_neither_lost_nor_doubled_by_a_crash_between_writing_and_sending(
    store: Store, make: Make, broker: Broker, clock: Clock
) -> None:
    await opened(make(), CASES[:10])
    chance = Random(3)
    for _ in range(14 * 24 // 6):
        clock.forward(hours=6)
        hooked = Hooked(store)
        getattr(hooked, chance.choice(["before", "after"]))["write"] = crash
        dying = make(hooked)
        outcomes = await asyncio.gather(dying.timers(), make().timers(), return_exceptions=True)
        assert all(not isinstance(one, BaseException) or isinstance(one, Crash) for one in outcomes), outcomes
    survivor = make()
    await survivor.timers()
    clock.forward(seconds=1)
    await survivor.sweep(timedelta(0))
    assert {case: announced(broker, case) for case in CASES[:10]} == dict.fromkeys(CASES[:10], LADDER)
    left = await survivor.documents(CASES[:10])
    assert all(document.outbox == () and document.due is None for document in left.values())


async def test_after_a_long_silence_a_term_that_ran_out_is_announced_as_that_alone(
    make: Make, broker: Broker, clock: Clock
) -> None:
    await opened(make(), CASES[:5])
    clock.forward(days=60)
    await asyncio.gather(make().timers(), make().timers())
    assert [announced(broker, case) for case in CASES[:5]] == [["over"]] * 5
