"""A replica set of three whose primary is killed and stopped while replicas of a service work on it: what was answered
stays, and everything has one effect, in its order.

LOTSMAN_KILL_SEEDS names other seeds than these two.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local import mongod
from deploy.local.ports import Ports
from deploy.local.process import Process
from deploy.progress import silent
from services.chassis.engine import Engine
from services.chassis.store import Driver, Store, StoreAway, opened
from services.chassis.subject import Done, Duplicate, Outcome, Record
from tests.kit.calendars import CALENDARS
from tests.kit.engine.engines import notes, outbox, parked
from tests.kit.engine.tiny import Broker, Clock, Note, Topic, claimed, numbered, tiny_service

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

SEEDS: Final = [int(one) for one in os.environ.get("LOTSMAN_KILL_SEEDS", "1,2").split(",")]
MEMBERS: Final = 3
STRIKES: Final = 6
SUBJECTS: Final = [f"p{n}" for n in range(6)]
T = TypeVar("T")


class Trio:
    """Three members without logins, which elect another primary within seconds."""

    def __init__(self, folder: Path) -> None:
        path, self.members = mongod.binary(silent), dict[str, Process]()
        bases = set[int]()
        while len(bases) < MEMBERS:
            bases.add(Ports.free()["mongod"])
        for number, port in enumerate(sorted(bases)):
            data = folder / f"data-{number}"
            data.mkdir(parents=True)
            own = ["--dbpath", str(data), "--port", str(port), "--bind_ip", "127.0.0.1", "--replSet", "trio"]
            small = ["--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"]
            command = [path, *own, *small, "--setParameter", "diagnosticDataCollectionEnabled=false"]
            self.members[f"127.0.0.1:{port}"] = Process(f"mongod-{number}", "MongoDB", command, folder)

    @property
    def url(self) -> str:
        """The address of all of them."""
        return f"mongodb://{','.join(self.members)}/?replicaSet=trio"

    def start(self) -> None:
        """Returns when there is a primary."""
        for process in self.members.values():
            process.start()
        first, *_ = self.members
        config = {
            "_id": "trio",
            "members": [{"_id": n, "host": host} for n, host in enumerate(self.members)],
            "settings": {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500},
        }
        with MongoClient[dict[str, Any]](f"mongodb://{first}/?directConnection=true") as client:
            _until(lambda: client.admin.command("replSetInitiate", config))
        _until(self.primary)

    def primary(self) -> str:
        """Who is primary now, by the word of a majority."""
        with MongoClient[dict[str, Any]](self.url, serverSelectionTimeoutMS=5000) as client:
            client.admin.command("ping")
            found = client.primary
            assert found is not None
            return f"{found[0]}:{found[1]}"

    def kill(self, host: str, down: float) -> None:
        """SIGKILL, and a start after so many seconds."""
        self.members[host].kill()
        time.sleep(down)
        self.members[host].start()

    def stop(self, host: str, seconds: float) -> None:
        """It takes itself for primary, and comes back to find that it is none."""
        pid = self.members[host].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)


def _until(step: Callable[[], T]) -> T:
    deadline = time.monotonic() + 90
    while True:
        try:
            return step()
        except PyMongoError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


@pytest.fixture
async def trio(tmp_path: Path) -> AsyncIterator[Trio]:
    """All of them, and a primary."""
    made = Trio(tmp_path)
    try:
        await asyncio.to_thread(made.start)
        yield made
    finally:
        for process in made.members.values():
            process.kill()


async def until_done(step: Callable[[], Awaitable[T]]) -> T:
    """What a step returns, tried as often as the database is away."""
    async with asyncio.timeout(120):
        while True:
            try:
                return await step()
            except StoreAway:
                await asyncio.sleep(0.05)


class Work:
    """Replicas of a service at work, and what they were told until all is over."""

    def __init__(self, store: Store, broker: Broker, driver: Driver) -> None:
        made = (numbered("one"), numbered("two"))
        self.engines = [
            Engine(tiny_service(), store, broker, now=Clock(), new_id=ids, calendars=CALENDARS) for ids in made
        ]
        self.over = asyncio.Event()
        self.answered = dict[tuple[str, str], int]()
        self.told = dict[tuple[str, str], list[str]]()

    async def reads(self, engine: Engine, source: str, batches: Sequence[Sequence[Record]]) -> None:
        """A partition, batch by batch, each given back until it went."""
        for batch in batches:
            await until_done(lambda batch=batch: engine.records(batch))  # type: ignore[misc]
            await asyncio.sleep(0.002)

    async def commands(self, engine: Engine, who: str) -> None:
        """A person's program: each command until it is answered, and once more."""
        number = 0
        while not self.over.is_set():
            subject, word = SUBJECTS[number % len(SUBJECTS)], f"{who}.{number}"
            one = claimed(subject, word, Note((word,)))
            first = await until_done(lambda one=one: engine.command(one))  # type: ignore[misc]
            again = await until_done(lambda one=one: engine.command(one))  # type: ignore[misc]
            assert isinstance(again, Duplicate) and version_of(first) == again.version, (word, first, again)
            self.told.setdefault((who, subject), []).append(word)
            number += 1
            await asyncio.sleep(0.005)


def version_of(outcome: Outcome) -> int:
    """The version that was answered."""
    assert isinstance(outcome, (Done, Duplicate)), outcome
    return outcome.version


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_becomes_of_the_primary_what_was_answered_stays_and_has_one_effect_in_its_order(
    trio: Trio, seed: int, driver: Driver
) -> None:
    rng, broker, topics = random.Random(seed), Broker(), {name: Topic(name) for name in ("left", "right")}
    words = {
        name: [topic.record(s, n, f"{name}.{n}") for n in range(1, 400) for s in SUBJECTS]
        for name, topic in topics.items()
    }
    batches = {name: [some[n : n + 20] for n in range(0, len(some), 20)] for name, some in words.items()}
    async with opened(trio.url, f"trio_{seed}", driver) as store:
        await until_done(lambda: store.prepare({}))
        work = Work(store, broker, driver)
        one, two = work.engines
        reading = [
            asyncio.create_task(work.reads(engine, name, batches[name]))
            for name, engine in (("left", one), ("right", two), ("left", two))
        ]
        asking = [asyncio.create_task(work.commands(engine, f"u{n}")) for n, engine in enumerate((one, two, one))]
        for number in range(STRIKES):
            await asyncio.sleep(rng.uniform(0.5, 2))
            host = await asyncio.to_thread(_until, trio.primary)
            strike = trio.kill if number % 2 == 0 else trio.stop
            await asyncio.to_thread(strike, host, rng.uniform(4, 9))
        work.over.set()
        await asyncio.gather(*reading, *asking)
        await reckoned(work, broker, batches)


async def reckoned(work: Work, broker: Broker, batches: dict[str, list[list[Record]]]) -> None:
    """Nothing is left, nothing came twice, everything in the order of its source."""
    engine = work.engines[0]
    engine.now.forward(minutes=5)  # type: ignore[attr-defined]
    await until_done(lambda: engine.sweep(timedelta(0)))
    assert await parked(engine) == {}
    for subject in SUBJECTS:
        noted = await notes(engine, subject)
        assert len(noted) == len(set(noted)) and await outbox(engine, subject) == []
        for name in batches:
            assert [word for word in noted if word.startswith(name)] == [f"{name}.{n}" for n in range(1, 400)]
        for (who, of), told in work.told.items():
            if of == subject:
                assert [word for word in noted if word.startswith(f"{who}.")] == told
        sent = [int(event["sequence"]) for event in broker.events(subject=subject)]
        assert list(dict.fromkeys(sent)) == list(range(1, len(noted) + 1))
        assert len({(event["sequence"], event["id"]) for event in broker.events(subject=subject)}) == len(noted)
