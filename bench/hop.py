"""One hop of the real engine: registered applications in, register entries out, on the real MongoDB and Kafka.

Three ways over the same facts, in turn, several rounds: the engine in batches, the engine one record at a time, and
a bare loop that only parses, writes in bulk and sends. Quote the ratios: they hold when the machine is slow.
"""

import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from contracts.agency import ApplicationSubmittedV2
from contracts.event import Actor, Fact, envelope, wire
from contracts.intake import ApplicationRegisteredV1
from contracts.reference import Application, Role
from contracts.topics import INTAKE, REGISTRY, fact_topic
from deploy.local.backends import Backends
from deploy.progress import Say, Task, silent, task
from deploy.samples.common import party
from services.chassis.bus import Bus
from services.chassis.engine import Engine
from services.chassis.message import Message
from services.chassis.run import utc_now
from services.chassis.settings import Settings
from services.chassis.store import Store, open_client
from services.chassis.subject import Record
from services.law.calendar import Calendars
from services.registry.service import SERVICE

BATCH: Final = 500
WAYS: Final = ("batches", "one_at_a_time", "bare_loop")


def facts(count: int, run: str) -> list[Record]:
    """Registrations of `count` pilots as records of intake's topic, about 1.5 KB each."""
    developer = party("790000029", "ООО «Пример-Разработка»")
    application = Application(
        title="Распознавание снимков",
        problem="п" * 100,
        solution="р" * 100,
        sector="health",
        initiator=developer,
        customer=developer,
    )
    return [_record(n, f"{run}-{n}", application) for n in range(count)]


def _record(offset: int, subject: str, application: Application) -> Record:
    now = datetime.now(UTC)
    fact = ApplicationRegisteredV1(
        actor=Actor(id="bench", role=Role.PUBLISHER),
        agency="bench",
        event_id=subject,
        event_type=ApplicationSubmittedV2.TYPE,
        submitted=now,
        received=now,
        look_over_due_at=now,
        edition="by-2024",
        number=f"ПП-2026-{offset:06d}",
        application=application,
    )
    return record(fact, subject, 1, offset)


def record(fact: Fact, subject: str, sequence: int, offset: int) -> Record:
    """A fact of intake as a record of its topic."""
    event = envelope(
        fact.TYPE,
        fact.model_dump(mode="json"),
        id=str(uuid4()),
        service=INTAKE,
        subject=subject,
        time=datetime.now(UTC),
        cause=subject,
        correlation=subject,
        trace={},
        sequence=sequence,
    )
    return Record(fact_topic(INTAKE), 0, offset, subject.encode(), wire(event))


@asynccontextmanager
async def engine(backends: Backends) -> AsyncIterator[tuple[Engine, Bus]]:
    """The registry's engine with an own database, sending to the real broker."""
    login = backends.kafka
    settings = Settings(
        kafka_url=login.bootstrap,
        kafka_username=login.username,
        kafka_password=login.password,
    )
    store = Store(open_client(backends.mongo_url), f"bench_{uuid4().hex[:8]}")
    await store.prepare(SERVICE.indexes)

    async def nothing(_records: Sequence[Record]) -> None: ...

    bus = Bus(settings, SERVICE.name, [], nothing, lambda: None)
    await bus.start()
    try:
        yield (
            Engine(SERVICE, store, bus.send, now=utc_now, new_id=lambda: str(uuid4()), calendars=Calendars.load()),
            bus,
        )
    finally:
        await bus.stop()
        await store.close()


async def bare(records: Sequence[Record], store: Store, bus: Bus) -> None:
    """The least that any program must do: parse, write all in one bulk, send all, wait."""
    rows: list[dict[str, Any]] = []
    messages: list[Message] = []
    for record in records:
        event = json.loads(record.value)
        rows.append({"_id": event["subject"], "state": event["data"]})
        messages.append(Message(fact_topic(REGISTRY), event["subject"], record.value))
    await store.put("bare", rows)
    failures = await bus.send(messages)
    assert not any(failures)


async def run(backends: Backends, records: int, rounds: int, say: Say = silent) -> dict[str, Any]:
    """Events per second of each way, median of the rounds, and the ratios between them."""
    speeds: dict[str, list[float]] = {way: [] for way in WAYS}
    async with engine(backends) as (one, bus):
        for turn in range(rounds):
            for way in WAYS:
                count = records // 20 if way == "one_at_a_time" else records
                some = facts(count, f"{way}-{turn}")
                step = 1 if way == "one_at_a_time" else BATCH
                take = _bare_taker(one.store, bus) if way == "bare_loop" else one.records
                with task(say, f"round {turn + 1} of {rounds}, {way.replace('_', ' ')}", count) as taking:
                    speeds[way].append(count / await _timed(some, step, take, taking))
    medians = {way: statistics.median(found) for way, found in speeds.items()}
    return {
        "records": records,
        "rounds": rounds,
        "batch": BATCH,
        "events_per_second": {way: round(median) for way, median in medians.items()},
        "batches_to_one_at_a_time": round(medians["batches"] / medians["one_at_a_time"], 1),
        "batches_to_bare_loop": round(medians["batches"] / medians["bare_loop"], 2),
    }


def _bare_taker(store: Store, bus: Bus) -> Callable[[Sequence[Record]], Awaitable[None]]:
    async def take(records: Sequence[Record]) -> None:
        await bare(records, store, bus)

    return take


async def _timed(
    records: Sequence[Record], step: int, take: Callable[[Sequence[Record]], Awaitable[None]], taking: Task
) -> float:
    began = time.perf_counter()
    for start in range(0, len(records), step):
        await take(records[start : start + step])
        taking.advance(step)
    return time.perf_counter() - began
