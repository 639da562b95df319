"""Kafka itself in front of the engine: what is committed when, what an outage does, what a bad record does.

It is one thing: every test runs a service in this process on the same real back ends, with the tools at its head.
"""

import asyncio
import json
import logging
import os
import runpy
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
)
from faststream import AckPolicy
from faststream.exceptions import IncorrectState
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr
from pymongo import MongoClient

from contracts.agency import ApplicationSubmittedV2
from contracts.event import Actor
from contracts.steps import AgencyEntry, EditionFrom
from contracts.topics import FACT_MAX_BYTES, FOR_EVER, agency_topic, fact_topic, group
from contracts.topics import Topic as TopicRule
from deploy import topics
from deploy.access import add_agency
from deploy.cli.agencies import enter_at
from deploy.cli.main_job import application
from deploy.local import ports
from deploy.local.backends import Backends
from deploy.local.health import why_not_ready
from deploy.local.keys import token
from deploy.local.process import Process
from services.chassis import bus as bus_module
from services.chassis import store as store_module
from services.chassis.auth import Keys
from services.chassis.bus import AGENCIES, PARTITION_BYTES, Bus
from services.chassis.engine import Engine
from services.chassis.message import Message
from services.chassis.outbox import SendFailed
from services.chassis.readiness import Watched, told
from services.chassis.run import utc_now
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.store import Store, StoreAway, opened
from services.chassis.subject import Claimed, Done, Input, Record
from services.chassis.web import make_app
from services.expertise.service import SERVICE as EXPERTISE
from services.intake.domain.commands import Accept
from services.intake.domain.state import pilot_id
from services.intake.service import SERVICE as INTAKE
from services.registry.service import SERVICE as REGISTRY
from tests.conftest import Eventually
from tests.kit.calendars import CALENDARS
from tests.kit.engine.tiny import LANGUAGE, Note, claimed, notes_of, parked_rows, tiny_service, wire
from tests.kit.tracing import traced

pytestmark = [pytest.mark.apache_kafka, pytest.mark.timeout(180)]


# ---- a service in this process, on real back ends


def settings_for(backends: Backends, **changes: Any) -> Settings:
    """The settings of a service, with the administrator's login and short pauses."""
    login = backends.kafka
    given: dict[str, Any] = {
        "kafka_url": login.bootstrap,
        "kafka_username": login.username,
        "kafka_password": SecretStr(login.password) if login.password else None,
        "retry_pauses": (0.1,),
        "nack_pause": 0.2,
        "stop_within": 10.0,
    }
    return Settings(**{**given, **changes})


@dataclass
class Running:
    """A service at work: its engine, its bus, and what it handed to Kafka."""

    engine: Engine
    bus: Bus
    gate: asyncio.Event
    at_gate: asyncio.Event
    batches: list[int] = field(default_factory=list)

    @property
    def store(self) -> Store:
        """Its store."""
        return self.engine.store


@asynccontextmanager
async def running(
    backends: Backends,
    service: Service,
    sources: Sequence[str],
    name: str,
    *,
    reader: str | None = None,
    entered: Sequence[str] = (),
    **changes: Any,
) -> AsyncIterator[Running]:
    """Runs a service as `run` does it: bus, pump and sweep, but without HTTP. Its sends pass a gate. A client that
    gives up is begun anew, as a process is that ends for it.

    `reader` is under what name it reads. Real services need one of their own here: another test may run the same
    service at the same time with another database, and in one group each would take records that the other waits for.
    `entered` are agencies that its directory has before it reads.
    """
    gate, at_gate, lost = asyncio.Event(), asyncio.Event(), asyncio.Event()
    gate.set()

    async def take(records: Sequence[Record]) -> None:
        here.batches.append(len(records))
        await engine.records(records)

    async def send(messages: Sequence[Message]) -> list[BaseException | None]:
        at_gate.set()
        await gate.wait()
        return await here.bus.send(messages)

    async def starts_anew() -> None:
        while True:
            await lost.wait()
            lost.clear()
            await here.bus.stop()
            here.bus = made()
            await here.bus.start()

    async def sweeps() -> None:
        while True:
            await asyncio.sleep(0.3)
            with suppress(StoreAway, SendFailed):
                await engine.sweep(timedelta(seconds=1))

    async with opened(backends.mongo_url, name) as store:
        settings = settings_for(backends, **changes)
        made = partial(Bus, settings, reader or service.name, sources, take, lost.set, soon=service.soon)
        engine = Engine(service, store, send, now=utc_now, new_id=lambda: str(uuid4()), calendars=CALENDARS)
        here = Running(engine, made(), gate, at_gate)
        await store.prepare(service.indexes)
        for code in entered:
            await enter(engine, code)
        loops = here.bus.start(), starts_anew(), engine.outbox.pump(), sweeps()
        tasks = [asyncio.create_task(one) for one in loops]
        try:
            yield here
        finally:
            gate.set()
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            await here.bus.stop()
            await store._client.drop_database(name)
            assert not [error for error in ended if isinstance(error, Exception)], "no loop ended before it was told to"


@dataclass(frozen=True)
class Pair:
    """A tiny service and its source, with topics that nobody else uses."""

    name: str
    source: str

    @property
    def service(self) -> Service:
        """Reads the source alone."""
        return Service(self.name, tiny_service().aggregates, reads={self.source: LANGUAGE}, translate=TRANSLATE)

    @property
    def group(self) -> str:
        """Its consumer group."""
        return group(self.name, self.source)

    def fact(self, subject: str, sequence: int, what: str) -> tuple[str, bytes]:
        """Key and value of a fact of the source."""
        return subject, wire(self.source, subject, sequence, {"what": what})


TRANSLATE = tiny_service().translate


@pytest.fixture
def pair(backends: Backends) -> Pair:
    """A fresh service and source with their topics."""
    return pair_on(backends)


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    """Back ends of these tests alone, since they are stopped and killed."""
    with Backends(tmp_path_factory.mktemp("lonely"), require_kafka=False) as running:
        yield running


def pair_on(backends: Backends, partitions: int = 3) -> Pair:
    """A fresh service and source with their topics."""
    mark = uuid4().hex[:8]
    made = Pair(f"reader-{mark}", f"writer-{mark}")
    rules = [
        TopicRule(
            name=fact_topic(n),
            partitions=partitions,
            retention_ms=FOR_EVER,
            max_bytes=FACT_MAX_BYTES,
            writers=(),
            readers=(),
        )
        for n in (made.name, made.source)
    ]
    topics.ensure(backends.kafka.admin(), rules)
    return made


@asynccontextmanager
async def producer(backends: Backends) -> AsyncIterator[AIOKafkaProducer]:
    """A producer with the administrator's login."""
    made = AIOKafkaProducer(**backends.kafka.aiokafka(), acks="all", linger_ms=2, max_request_size=FACT_MAX_BYTES)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def publish(
    backends: Backends, topic: str, some: Iterable[tuple[str | None, bytes]], *, partition: int | None = None
) -> None:
    """Publishes records and waits until all are acknowledged."""
    async with producer(backends) as out:
        sent = [
            await out.send(topic, value, key=key.encode() if key is not None else None, partition=partition)
            for key, value in some
        ]
        await asyncio.gather(*sent)


async def everything(backends: Backends, topic: str) -> list[dict[str, Any]]:
    """Every event of a topic, in order per partition, with the record's headers under `headers`."""
    reader = AIOKafkaConsumer(**backends.kafka.aiokafka(), auto_offset_reset="earliest", fetch_max_wait_ms=50)
    await reader.start()
    try:
        parts = [TopicPartition(topic, n) for n in sorted(await _partitions(reader, topic))]
        reader.assign(parts)
        ends = await reader.end_offsets(parts)
        found: list[dict[str, Any]] = []
        while any([await reader.position(p) < ends[p] for p in parts]):
            for records in (await reader.getmany(timeout_ms=100)).values():
                found += [{**json.loads(r.value), "headers": dict(r.headers)} for r in records]
        return found
    finally:
        await reader.stop()


async def _partitions(reader: AIOKafkaConsumer, topic: str) -> set[int]:
    await reader._client.force_metadata_update()
    await reader._client._wait_on_metadata(topic)
    return reader.partitions_for_topic(topic) or set()


async def committed(backends: Backends, name: str) -> int:
    """How many records of its topics a group has committed."""
    admin = AIOKafkaAdminClient(**backends.kafka.aiokafka())
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(name)
        return sum(max(one.offset, 0) for one in offsets.values())
    except GroupCoordinatorNotAvailableError:  # nobody has ever joined a group on this broker
        return 0
    finally:
        await admin.close()


def series(events: Iterable[dict[str, Any]]) -> dict[str, list[int]]:
    """For each subject its sequences as first met; fails if two ids stand under one."""
    met: dict[str, dict[int, str]] = defaultdict(dict)
    for event in events:
        sequence, known = int(event["sequence"]), met[event["subject"]]
        assert known.setdefault(sequence, event["id"]) == event["id"]
    return {subject: list(known) for subject, known in met.items()}


async def count_notes(here: Running) -> int:
    """How many words are noted in all."""
    rows = await here.store.rows("subjects", {}, sort=[("_id", 1)], limit=10_000)
    return sum(len(row["state"]["notes"]) for row in rows)


# ---- how the subscribers are set up


@pytest.mark.parametrize("name", ["intake", "expertise", "registry"])
async def test_every_subscriber_is_at_least_once_from_the_earliest_and_creates_no_topic(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    monkeypatch.setattr("services.chassis.run.main", lambda *args, **_beside: given.extend(args))
    runpy.run_module(f"services.{name}", run_name="__main__")
    service, sources, _ = given
    assert service.name == name
    wanted = {*service.sources, *([AGENCIES] if service.read_agency is not None else [])}
    assert set(sources) == wanted, "what a service reads is what it subscribes to"

    async def take(_records: Sequence[Record]) -> None: ...

    bus = Bus(Settings(), name, sources, take, lambda: None)
    assert len(bus.broker.subscribers) == len(sources)
    assert {cast(Any, s).group_id for s in bus.broker.subscribers} == {group(name, source) for source in sources}
    for subscriber in bus.broker.subscribers:
        assert subscriber.ack_policy is AckPolicy.NACK_ON_ERROR
        options: dict[str, Any] = cast(Any, subscriber)._connection_args
        assert options["auto_offset_reset"] == "earliest"
        assert options.get("enable_auto_commit") is False
    assert bus.broker.config.broker_config.allow_auto_create_topics is False


# ---- a producer that cannot go on


@pytest.mark.parametrize("others", [[], [None, None]], ids=["alone", "beside partitions that go on"])
async def test_a_producer_whose_order_is_lost_in_one_partition_is_given_up_at_once(others: list[Any]) -> None:
    given_up: list[bool] = []

    async def take(_records: Sequence[Record]) -> None: ...

    bus = Bus(Settings(), "registry", [], take, lambda: given_up.append(True))
    await bus._watch([None, KafkaConnectionError()])
    assert not given_up, "an outage passes"
    await bus._watch([*others, OutOfOrderSequenceNumber()])
    assert given_up


# ---- commits


async def test_offsets_are_committed_only_after_the_facts_are_in_the_topic(
    backends: Backends, pair: Pair, eventually: Eventually
) -> None:
    async with running(backends, pair.service, [pair.source], pair.name) as here:
        here.gate.clear()
        await publish(backends, fact_topic(pair.source), [pair.fact(f"p{n}", 1, f"w{n}") for n in range(60)])
        await asyncio.wait_for(here.at_gate.wait(), 20)
        await eventually(lambda: count_notes(here))
        assert await committed(backends, pair.group) == 0
        assert await everything(backends, fact_topic(pair.name)) == []
        here.gate.set()
        while (done := await committed(backends, pair.group)) < 60:
            assert done <= len(await everything(backends, fact_topic(pair.name)))
        made = await everything(backends, fact_topic(pair.name))
        assert series(made) == {f"p{n}": [1] for n in range(60)} and len(made) == 60
        assert all(event["headers"]["ce_id"].decode() == event["id"] for event in made)


async def test_records_come_in_batches_and_each_subject_in_order(
    backends: Backends, pair: Pair, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    facts = [pair.fact(f"p{s}", n, f"{n}") for n in range(1, 41) for s in range(25)]
    await publish(backends, fact_topic(pair.source), facts)
    async with running(backends, pair.service, [pair.source], pair.name) as here:

        async def all_noted() -> bool:
            return await count_notes(here) == 1000

        await eventually(all_noted, within=90)
        await eventually(lambda: _is(committed(backends, pair.group), 1000))
        assert max(here.batches) > 100 and len(here.batches) < 60
        assert not {"Received", "Processed"} & {one.getMessage() for one in caplog.records}, "the framework's words"
        documents = await here.engine.documents(f"p{s}" for s in range(25))
        assert {notes_of(d.state) for d in documents.values()} == {tuple(str(n) for n in range(1, 41))}
        assert await parked_rows(here.store, {}) == []


async def _is(answer: Awaitable[Any], wanted: Any) -> bool:
    return bool(await answer == wanted)


async def test_a_fact_larger_than_what_is_fetched_at_once_comes_in_its_place(
    backends: Backends, pair: Pair, eventually: Eventually
) -> None:
    large = "x" * (2 * PARTITION_BYTES)
    await publish(
        backends, fact_topic(pair.source), [pair.fact("p", n, large if n == 2 else f"{n}") for n in range(1, 5)]
    )
    async with running(backends, pair.service, [pair.source], pair.name) as here:
        await eventually(lambda: _is(committed(backends, pair.group), 4), within=90)
        assert notes_of((await here.engine.documents(["p"]))["p"].state) == ("1", large, "3", "4")
        assert await parked_rows(here.store, {}) == []


async def test_a_record_that_fails_for_a_reason_that_nobody_foresaw_is_found_and_parked_and_its_neighbours_go_on(
    backends: Backends, pair: Pair, eventually: Eventually
) -> None:
    async def prepare(_store: Store, inputs: Sequence[Input], _loaded: Any, _found: None) -> list[None]:
        if any(one.subject == "p2" for one in inputs):
            raise LookupError("nobody thought of this")
        return [None] * len(inputs)

    some = [pair.fact("p1", 1, "a"), pair.fact("p2", 1, "b"), pair.fact("p3", 1, "c")]
    await publish(backends, fact_topic(pair.source), some)
    async with running(backends, replace(pair.service, prepare=prepare), [pair.source], pair.name) as here:
        await eventually(lambda: _is(committed(backends, pair.group), 3), within=90)
        assert await count_notes(here) == 2
        (row,) = await parked_rows(here.store, {})
        assert (row["subject"], row["status"]) == ("p2", "broken")
        assert "LookupError" in row["cause"]


async def test_a_message_for_a_topic_that_does_not_exist_fails_alone(
    backends: Backends, pair: Pair, eventually: Eventually
) -> None:
    async with running(backends, pair.service, [pair.source], pair.name) as here:
        some = [
            Message(fact_topic(pair.name), "p1", b"{}"),
            Message(f"pilots.receipts.nobody-{uuid4().hex[:8]}.v1", "p1", b"{}"),
            Message(fact_topic(pair.name), "p2", b"{}"),
        ]
        await publish(backends, fact_topic(pair.source), [pair.fact("p0", 1, "a")])
        await eventually(lambda: _is(committed(backends, pair.group), 1), within=90)
        first, missing, last = await here.bus.send(some)
        assert first is None and last is None and isinstance(missing, Exception)


async def _connected(here: Running) -> bool:
    try:
        await here.bus.ping()
        return here.bus._producer() is not None
    except (IncorrectState, ConnectionError):
        return False


async def test_behind_a_record_that_cannot_go_none_of_its_key_goes_and_others_are_not_held_up(
    backends: Backends, pair: Pair, eventually: Eventually
) -> None:
    topic = fact_topic(pair.name)
    large = b"x" * (FACT_MAX_BYTES + 1)
    keys = [f"p{n}" for n in range(20)]
    async with running(backends, pair.service, [], pair.name) as here:
        await eventually(lambda: _connected(here), within=90)
        first = [Message(topic, key, b'{"n": 1}') for key in keys]
        second = [Message(topic, key, large if key == "p3" else b'{"n": 2}') for key in keys]
        third = [Message(topic, key, b'{"n": 3}') for key in keys]
        answers = await here.bus.send([*first, *second, *third])
        failed = [n for n, answer in enumerate(answers) if answer is not None]
        assert failed == [23, 43] and all(isinstance(answers[n], MessageSizeTooLargeError) for n in failed)
        assert await here.bus.send([Message(topic, "p3", b'{"n": 2}')]) == [None], "the producer's order is not lost"
        assert sorted(one["n"] for one in await everything(backends, topic)) == sorted([1, 2, 3] * 20)[:-1]


async def test_a_topic_with_a_limit_of_its_own_refuses_what_is_too_large_and_takes_all_else_in_order(
    backends: Backends, pair: Pair, eventually: Eventually
) -> None:
    topic = f"pilots.receipts.small-{uuid4().hex[:8]}.v1"
    rule = TopicRule(name=topic, partitions=1, retention_ms=FOR_EVER, max_bytes=50_000, writers=(), readers=())
    topics.ensure(backends.kafka.admin(), [rule])
    async with running(backends, pair.service, [], pair.name) as here:
        await eventually(lambda: _connected(here), within=90)
        some = [Message(topic, f"p{n % 5}", json.dumps({"n": n, "text": "x" * 9_000}).encode()) for n in range(20)]
        some.insert(7, Message(topic, "p3", json.dumps({"n": 99, "text": "x" * 60_000}).encode()))
        answers = await here.bus.send(some)
        refused = [n for n, answer in enumerate(answers) if answer is not None]
        assert refused == [n for n, one in enumerate(some) if n >= 7 and one.key == "p3"]
        assert all(isinstance(answers[n], MessageSizeTooLargeError) for n in refused)
        assert await here.bus.send([some[0], some[8]]) == [None, None], "the producer's order is not lost"
        went = [json.loads(one.value)["n"] for n, one in enumerate(some) if n not in refused]
        assert [one["n"] for one in await everything(backends, topic)] == [*went, 0, 7]


async def test_of_a_partition_nothing_is_sent_behind_a_batch_that_the_broker_refused(
    backends: Backends, pair: Pair, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = fact_topic(pair.name)
    async with running(backends, pair.service, [], pair.name) as here:
        await eventually(lambda: _connected(here), within=90)
        out = here.bus._producer()
        real, calls = out.send_batch, list[int]()

        async def refused_once(batch: Any, to: str, *, partition: int) -> Any:
            calls.append(batch.record_count())
            if len(calls) == 2:
                raise KafkaConnectionError("lost")
            return await real(batch, to, partition=partition)

        monkeypatch.setattr(out, "send_batch", refused_once)
        some = [Message(topic, "p1", json.dumps({"n": n, "text": "x" * 200_000}).encode()) for n in range(8)]
        answers = await here.bus.send(some)
        assert calls[0] > 1 and len(calls) == 2, "several batches, and none tried behind the lost one"
        assert [answer is None for answer in answers] == [n < calls[0] for n in range(8)]
        assert [one["n"] for one in await everything(backends, topic)] == list(range(calls[0]))


# ---- outages


async def test_while_mongod_is_dead_nothing_is_committed_and_when_it_is_back_nothing_is_lost(
    lonely: Backends, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    backends, pair = lonely, pair_on(lonely)
    if backends.mongod is None:
        pytest.skip("MongoDB was not started by this run, so it cannot be killed")
    monkeypatch.setitem(store_module.OPTIONS, "serverSelectionTimeoutMS", 500)
    async with running(backends, pair.service, [pair.source], pair.name) as here:
        await publish(backends, fact_topic(pair.source), [pair.fact(f"p{n}", 1, "before") for n in range(30)])
        await eventually(lambda: _is(committed(backends, pair.group), 30), within=90)
        await asyncio.to_thread(backends.mongod.kill)
        try:
            seen = len(here.batches)
            await publish(backends, fact_topic(pair.source), [pair.fact(f"p{n}", 2, "while") for n in range(30)])
            await eventually(lambda: len(here.batches) > seen + 2, within=90)
            assert await committed(backends, pair.group) == 30
            assert len(await everything(backends, fact_topic(pair.name))) == 30
            with pytest.raises(StoreAway):
                await here.store.ping()
        finally:
            await asyncio.to_thread(backends.mongod.start)
        await eventually(lambda: _is(committed(backends, pair.group), 60), within=60)
        made = await everything(backends, fact_topic(pair.name))
        assert series(made) == {f"p{n}": [1, 2] for n in range(30)}
        documents = await here.engine.documents(f"p{n}" for n in range(30))
        assert [notes_of(d.state) for d in documents.values()] == [("before", "while")] * 30
        assert all(d.outbox == () for d in documents.values()) and await parked_rows(here.store, {}) == []


async def test_while_the_broker_is_stopped_it_is_degraded_and_commands_are_kept_and_sent_later(
    lonely: Backends, eventually: Eventually
) -> None:
    backends, pair = lonely, pair_on(lonely)
    if backends.broker is None:
        pytest.skip("Kafka was not started by this run, so it cannot be stopped")
    async with running(backends, pair.service, [pair.source], pair.name) as here:
        await publish(backends, fact_topic(pair.source), [pair.fact("p1", 1, "before")])
        await eventually(lambda: _is(committed(backends, pair.group), 1), within=90)
        env = backends.service_env("intake")
        keys = Keys(env["LOTSMAN_JWKS"], env["LOTSMAN_ISSUER"], env["LOTSMAN_AUDIENCE"])
        lesser = {"kafka": here.bus.ping}
        app = make_app(pair.name, keys, here.engine, {"mongo": here.store.ping}, lesser=lesser)

        async def readiness() -> tuple[int, dict[str, str]]:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
                answer = await client.get("/health/ready")
                return answer.status_code, answer.json()["checks"]

        assert await readiness() == (200, {"mongo": "ok", "kafka": "ok"})
        await asyncio.to_thread(backends.broker.stop)
        try:
            outcome = await here.engine.command(claimed("p1", "k1", Note(("while",))))
            assert isinstance(outcome, Done), "a person is answered although Kafka is away"
            degraded = 200, {"mongo": "ok", "kafka": "ConnectionError"}
            await eventually(lambda: _is(readiness(), degraded), within=90)
        finally:
            await asyncio.to_thread(backends.broker.start)
        await publish(backends, fact_topic(pair.source), [pair.fact("p1", 2, "after")])

        async def all_sent() -> bool:
            assert await readiness() == (200, {"mongo": "ok", "kafka": "ok"})
            facts = await everything(backends, fact_topic(pair.name))
            return series(facts) == {"p1": [1, 2, 3]}

        await eventually(_without_errors(all_sent), within=60, every=0.2)
        document = (await here.engine.documents(["p1"]))["p1"]
        assert notes_of(document.state) == ("before", "while", "after")
        await eventually(lambda: _is(committed(backends, pair.group), 2), within=20)


async def test_a_broker_that_hangs_is_told_of_to_who_asks_once_and_so_is_that_it_answers_again(
    lonely: Backends, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    backends, pair = lonely, pair_on(lonely)
    if backends.broker is None or backends.broker.process is None or backends.broker.process.pid is None:
        pytest.skip("Kafka was not started by this run, so it cannot be stopped")
    pid = backends.broker.process.pid
    silent = 6.0
    monkeypatch.setattr(bus_module, "SILENT", silent)
    monkeypatch.setattr(bus_module, "LOOKS_EVERY", 0.5)
    async with running(backends, pair.service, [pair.source], pair.name) as here:
        await publish(backends, fact_topic(pair.source), [pair.fact("p1", 1, "before")])
        await eventually(lambda: _is(committed(backends, pair.group), 1), within=90)
        looks = asyncio.create_task(here.bus.looking())

        async def asked_once() -> str:
            """What the first look at a service says that nobody has asked until now."""
            kafka, reading = Watched(here.bus.ping), Watched(here.bus.reading)
            said = await told({"kafka": kafka, "reading": reading})
            return f"{said['reading']} {reading.stops}"

        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(silent + 5)
            hung = await asked_once()
        finally:
            os.kill(pid, signal.SIGCONT)
        assert "Kafka has not answered for" in hung and hung.endswith("True")
        await publish(backends, fact_topic(pair.source), [pair.fact("p1", 2, "after")])
        # Right behind the signal a client may still be told that no node is ready.
        await eventually(_without_errors(lambda: _is(committed(backends, pair.group), 2)), within=60)
        await asyncio.sleep(3)  # nobody asks: the look of its own must have seen it
        assert await asked_once() == "ok False"
        looks.cancel()


def _without_errors(check: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[bool]]:
    """A check that answers no while Kafka is not there."""

    async def guarded() -> bool:
        try:
            return await check()
        except (ConnectionError, OSError, AssertionError, KafkaError):
            return False

    return guarded


# ---- bad records


async def test_a_record_with_unreadable_headers_or_content_is_not_skipped_and_its_neighbours_go_on(
    backends: Backends, pair: Pair, eventually: Eventually
) -> None:
    topic = fact_topic(pair.source)
    async with producer(backends) as out:
        for key, value, extra in [
            ("p1", pair.fact("p1", 1, "a")[1], []),
            ("p2", pair.fact("p2", 1, "b")[1], [("x", b"\xff\xfe"), ("traceparent", b"\xff")]),
            ("p3", b"\x00\xff garbage", []),
            ("p4", None, []),
            ("p5", b'{"subject": "\\ud800", "sequence": "\\u00b2"}', [("ce_id", b"\xc3\x28")]),
            ("p6", pair.fact("p6", 10**20 - 1, "far")[1], []),
            ("p1", pair.fact("p1", 2, "c")[1], []),
        ]:
            await out.send(topic, value, key=key.encode(), partition=0, headers=extra)
        await out.flush()
    async with running(backends, pair.service, [pair.source], pair.name) as here:
        await eventually(lambda: _is(committed(backends, pair.group), 7), within=90)
        documents = await here.engine.documents(["p1", "p2", "p3", "p4", "p5", "p6"])
        assert {s: notes_of(d.state) for s, d in documents.items() if d.version} == {"p1": ("a", "c"), "p2": ("b",)}
        rows = await parked_rows(here.store, {})
        assert {row["offset"]: row["status"] for row in rows} == {
            2: "broken",
            3: "broken",
            4: "broken",
            5: "waiting",
        }
        assert here.batches and sum(here.batches) == 7, "no batch was read twice"


# ---- agencies


async def enter(engine: Engine, code: str) -> None:
    """Enters an agency in intake's directory."""
    what = AgencyEntry(
        name="Демонстрационное ведомство", editions=(EditionFrom(edition="by-2024", since=date(2025, 1, 1)),)
    )
    mark = Claimed("person:admin", f"enter-{code}", "d")
    outcome = await engine.command(Input(f"agency:{code}", mark, what, Actor(id="a", role="admin"), "enter"))
    assert isinstance(outcome, Done)


async def test_a_new_agencys_topic_is_picked_up_within_seconds_while_intake_runs(
    backends: Backends, eventually: Eventually
) -> None:
    mark = uuid4().hex[:8]
    async with running(backends, INTAKE, [AGENCIES], f"test_{mark}", reader=f"intake-{mark}") as here:
        await asyncio.to_thread(add_agency, backends.kafka.admin(), f"first-{mark}", None)
        await enter(here.engine, f"first-{mark}")
        await publish(backends, agency_topic(f"first-{mark}").name, [_event(f"first-{mark}", 1)])
        await eventually(lambda: _registered(here, f"first-{mark}"), within=90)
        await enter(here.engine, f"later-{mark}")
        await asyncio.to_thread(add_agency, backends.kafka.admin(), f"later-{mark}", None)
        await publish(backends, agency_topic(f"later-{mark}").name, [_event(f"later-{mark}", 1)])
        await eventually(lambda: _registered(here, f"later-{mark}"), within=10)


def _event(code: str, number: int, **changes: Any) -> tuple[str, bytes]:
    event = {**application(number, code, kind=ApplicationSubmittedV2.TYPE), **changes}
    return str(number), json.dumps(event, ensure_ascii=False).encode()


async def _registered(here: Running, code: str) -> bool:
    subject = pilot_id(code, f"{code}-1")
    return subject in await here.engine.documents([subject])


# ---- traces


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Every span of this test."""
    return traced(monkeypatch)


async def test_the_trace_of_an_agencys_record_reaches_the_facts_of_intake_and_registry_and_that_of_a_command_all_three(
    backends: Backends, eventually: Eventually, spans: InMemorySpanExporter
) -> None:
    mark = uuid4().hex[:8]
    code, trace = f"demo-{mark}", uuid4().hex
    subject = pilot_id(code, f"{code}-1")
    await asyncio.to_thread(add_agency, backends.kafka.admin(), code, None)
    async with (
        running(backends, INTAKE, [AGENCIES], f"test_in_{mark}", reader=f"intake-{mark}") as intake,
        running(backends, EXPERTISE, EXPERTISE.sources, f"test_ex_{mark}", reader=f"expertise-{mark}") as expertise,
        running(backends, REGISTRY, ["intake", "expertise"], f"test_re_{mark}", reader=f"registry-{mark}") as registry,
    ):
        await enter(intake.engine, code)
        key, value = _event(code, 1)
        carried = [("traceparent", f"00-{trace}-{'b' * 16}-01".encode())]
        async with producer(backends) as out:
            await out.send_and_wait(agency_topic(code).name, value, key=key.encode(), headers=carried)

        async def stands_at(here: Running, version: int) -> bool:
            found = await here.engine.documents([subject])
            return subject in found and found[subject].version >= version

        await eventually(lambda: stands_at(registry, 2), within=90)
        officer = Actor(id="officer-1", role="officer")
        accept = Input(subject, Claimed("person:officer-1", "accept", "d"), Accept(), officer, "accept")
        assert isinstance(await intake.engine.command(accept), Done)
        await eventually(lambda: stands_at(expertise, 2), within=90)
        await eventually(lambda: stands_at(registry, 5), within=90)
        named = ("intake", "expertise", "registry")
        facts = {
            name: [e for e in await everything(backends, fact_topic(name)) if e.get("subject") == subject]
            for name in named
        }

    def traces(name: str) -> list[str]:
        distinct = {e["sequence"]: e["traceparent"].split("-")[1] for e in facts[name]}
        return [distinct[sequence] for sequence in sorted(distinct)]

    command = traces("expertise")[0]
    assert command != trace, "a person's command is a trace of its own"
    assert traces("intake") == [trace, trace, command, command]
    assert traces("expertise") == [command, command]
    assert traces("registry") == [trace, trace, command, command, command]
    assert {e["correlationid"] for some in facts.values() for e in some} == {f"{code}-1"}
    for event in (e for some in facts.values() for e in some):
        assert event["headers"]["traceparent"].decode().split("-")[1] == event["traceparent"].split("-")[1]
    _check_links(spans.get_finished_spans(), trace, command, subject)


def _check_links(finished: Sequence[ReadableSpan], trace: str, command: str, subject: str) -> None:
    batches = {s.context.span_id for s in finished if s.name.startswith("batch ") and s.context}
    processed = [s for s in finished if s.name.startswith("process ") and (s.attributes or {})["pilot.id"] == subject]
    assert len(processed) >= 6
    for span in processed:
        assert [link.context.span_id in batches for link in span.links] == [True], "linked to its batch"
        assert span.context is not None and f"{span.context.trace_id:032x}" in (trace, command)
    (decided,) = [s for s in finished if s.name == "decide Accept"]
    assert decided.context is not None and f"{decided.context.trace_id:032x}" == command and decided.parent is None
    assert [f"{link.context.trace_id:032x}" for link in decided.links] == [trace], "linked to the fact it builds on"


# ---- kill -9


@pytest.mark.soak
@pytest.mark.timeout(240)
async def test_2000_events_are_neither_lost_nor_doubled_while_intake_and_registry_are_killed_in_mid_stream(
    lonely: Backends, eventually: Eventually
) -> None:
    backends = lonely  # where no other test writes to the topics of real services from another database
    code, total = f"demo-{uuid4().hex[:8]}", 2000
    await asyncio.to_thread(add_agency, backends.kafka.admin(), code, None)
    free = ports.Ports.free()
    urls = {name: f"http://127.0.0.1:{free[name]}" for name in ("intake", "registry")}
    quick = {
        "LOTSMAN_BATCH_RECORDS": "50",
        "LOTSMAN_NACK_PAUSE": "0.5",
        "LOTSMAN_SWEEP_AGE": "1",
        "LOTSMAN_SWEEP_EVERY": "0.5",
    }
    environments = {name: backends.service_env(name) for name in urls}
    processes = {
        name: Process(
            name,
            f"Service {name}",
            [sys.executable, "-m", f"services.{name}"],
            backends.folder,
            {**environments[name], **quick, "LOTSMAN_HTTP_PORT": str(free[name])},
        )
        for name in urls
    }

    def ready(name: str) -> bool:
        return why_not_ready(urls[name]) is None

    with MongoClient[dict[str, Any]](backends.mongo_url) as client:
        databases = {name: client[env["LOTSMAN_DATABASE"]] for name, env in environments.items()}

        def stored(name: str) -> int:
            query = {"kind": "pilot", "state.agency": code}
            return databases[name]["subjects"].count_documents(query)

        def has(name: str, mark: int) -> bool:
            return stored(name) >= mark

        try:
            for process in processes.values():
                process.start()
            for name in urls:
                await eventually(partial(ready, name), within=60, every=0.1)
            since = EditionFrom(edition="by-2024", since=date(2025, 1, 1))
            admin = token(backends.folder, ["admin"])
            await asyncio.to_thread(enter_at, urls["intake"], admin, code, "Демонстрационное ведомство", since)
            publishing = asyncio.create_task(
                publish(backends, agency_topic(code).name, [_event(code, n) for n in range(1, total + 1)])
            )
            killed_at: dict[str, list[int]] = {"intake": [], "registry": []}
            for first, then in ((100, 25), (700, 200)):
                # The register first: what intake has stored when it is killed need not be on its topic yet.
                for name, mark in (("registry", then), ("intake", first)):
                    await eventually(partial(has, name, mark), within=60, every=0.002)
                    await asyncio.to_thread(processes[name].kill)
                    killed_at[name].append(stored(name))
                for process in processes.values():
                    process.start()
            await publishing
            await eventually(lambda: stored("registry") == total, within=120, every=0.1)

            def quiet() -> bool:
                left = [databases[n]["subjects"].count_documents({"outbox.0": {"$exists": True}}) for n in urls]
                return left == [0, 0]

            await eventually(quiet, within=60, every=0.1)
        finally:
            for process in processes.values():
                process.stop(20)
        assert all(0 < at < total for some in killed_at.values() for at in some), "killed in mid-stream"
        for name in urls:
            assert databases[name]["parked"].count_documents({"topic": {"$regex": code}}) == 0
            mine = {pilot_id(code, f"{code}-{n}") for n in range(1, total + 1)}
            facts = [e for e in await everything(backends, fact_topic(name)) if e.get("subject") in mine]
            found = series(facts)
            assert found.keys() == mine and all(sequences == [1, 2] for sequences in found.values())
        rows = list(databases["registry"]["subjects"].find({"state.agency": code}, {"state.number": 1}))
        assert len({row["state"]["number"] for row in rows}) == total
        timeline = Counter(
            row["pilot"] for row in databases["registry"]["timeline"].find({"pilot": {"$in": list(mine)}})
        )
        assert set(timeline.values()) == {2} and timeline.keys() == mine
        receipts = await everything(backends, f"pilots.receipts.{code}.v1")
        assert {(r["id"], r["data"]["outcome"]) for r in receipts} == {(r["id"], "registered") for r in receipts}
        assert Counter(r["data"]["event_id"] for r in {r["id"]: r for r in receipts}.values()) == Counter(
            f"{code}-{n}" for n in range(1, total + 1)
        )
