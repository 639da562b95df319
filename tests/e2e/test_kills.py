"""Thousands of events over both doors, two replicas of each service, and every process killed and stopped again and
again, also two at once: nothing is lost, doubled or put out of order, and each database is the fold of its topic.

`./lotsman test --soak tests/e2e/test_kills.py` runs it whole; LOTSMAN_KILL_SEEDS names other seeds than
these five, LOTSMAN_KILL_EVENTS another number of events.
"""

import asyncio
import json
import os
import random
import signal
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from confluent_kafka import Producer
from pymongo import MongoClient

from contracts.agency import ApplicationSubmittedV2
from contracts.intake import ApplicationAcceptedV1, ApplicationRegisteredV1
from contracts.steps import EditionFrom
from contracts.topics import SERVICES, agency_topic, receipts_topic
from deploy import access
from deploy.cli.agencies import enter_at
from deploy.cli.main_job import application
from deploy.cli.rebuild import run
from deploy.local import databases
from deploy.local.backends import Backends
from deploy.local.health import why_not_ready
from deploy.local.kafka import Kafka
from deploy.local.keys import token
from deploy.local.ports import Ports
from deploy.local.process import Process
from deploy.login import Login
from services.intake.domain.state import pilot_id
from tests.e2e.conftest import QUICK
from tests.kit.journals import assert_whole, journal, records_of

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]

SEEDS: Final = [int(one) for one in os.environ.get("LOTSMAN_KILL_SEEDS", "1,2,3,4,5").split(",")]
AGENCIES: Final = 3
EVENTS: Final = int(os.environ.get("LOTSMAN_KILL_EVENTS", "3300"))
"""In all; half of them come by each door, and of these every tenth by both."""
STRIKES: Final = 17
ACCEPTED: Final = 4
"""Applications of each agency that are accepted in each part of the course, so that the expertise has its share."""
REPLICAS: Final = 2
STOPPED_FOR: Final = (2.0, 12.0)
"""Seconds; a group gives a member up that is silent for ten."""
V2: Final = ApplicationSubmittedV2.TYPE
SECRET: Final = "a-secret-of-tests"


class Fleet:
    """Two replicas of each service over back ends of their own, each of which can be struck."""

    def __init__(self, backends: Backends) -> None:
        self.backends = backends
        self.urls = dict[str, str]()
        self.services = dict[str, Process]()
        self.struck = Counter[str]()
        bases = set[Ports]()
        while len(bases) < REPLICAS:
            bases.add(Ports.free())
        for number, ports in enumerate(bases):
            for service in SERVICES:
                name = f"{service}-{number}"
                self.urls[name] = f"http://127.0.0.1:{ports[service]}"
                own = {"LOTSMAN_HTTP_PORT": str(ports[service]), "LOTSMAN_INDEX_DIR": str(backends.folder / name)}
                environment = {**backends.service_env(service), **QUICK, **own}
                command = [sys.executable, "-m", f"services.{service}"]
                self.services[name] = Process(name, f"Service {name}", command, backends.folder, environment)

    @property
    def names(self) -> list[str]:
        """All that can be struck."""
        return ["mongod", "kafka", *self.services]

    def await_ready(self, seconds: float = 120) -> None:
        """Returns when every replica is ready. One that ended by itself, as one does whose client is lost, is started
        again, as a supervisor does it."""
        deadline = time.monotonic() + seconds
        for name, process in self.services.items():
            while (reason := why_not_ready(self.urls[name])) is not None:
                assert time.monotonic() < deadline, (name, reason, process.last_words())
                self.revive()
                time.sleep(0.1)

    def revive(self) -> None:
        """Starts what is down and shall run."""
        for process in self.services.values():
            if process.pid is None and process.wanted:
                process.start()

    def kill(self, name: str, down: float) -> None:
        """SIGKILL, and a start after so many seconds."""
        self.struck[name] += 1
        if name in ("mongod", "kafka"):
            part = self.backends.mongod if name == "mongod" else self.backends.broker
            assert part is not None
            part.kill()
            time.sleep(down)
            part.start()
            return
        self.services[name].kill()
        time.sleep(down)
        self.services[name].start()

    def stop(self, name: str, seconds: float) -> None:
        """It is there and does nothing for so many seconds, as on a machine that hangs."""
        self.struck[name] += 1
        pid = self._process(name).pid
        if pid is None:  # it has just ended by itself
            return
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    def _process(self, name: str) -> Process:
        part = {"mongod": self.backends.mongod, "kafka": self.backends.broker}.get(name)
        process = part.process if part is not None else self.services[name]
        assert process is not None
        return process


@pytest.fixture
def fleet(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """Everything at work."""
    with Backends(tmp_path, require_kafka=False) as backends:
        if not isinstance(backends.broker, Kafka):
            reason = "delivery is only promised by Apache Kafka itself"
            pytest.fail(reason) if request.config.getoption("--require-kafka") else pytest.skip(reason)
        made = Fleet(backends)
        try:
            for process in made.services.values():
                process.start()
            made.await_ready()
            yield made
        finally:
            for process in made.services.values():
                process.ask_to_stop()
            for process in made.services.values():
                process.stop(30)


# ---- who sends


class Agency:
    """An agency with both doors, which sends each event until it is told that it is taken."""

    def __init__(self, fleet: Fleet, number: int) -> None:
        self.fleet, self.code = fleet, f"struck-{number}-{uuid.uuid4().hex[:6]}"
        admin = fleet.backends.kafka.admin()
        self.login = Login(fleet.backends.kafka.bootstrap, access.add_agency(admin, self.code, SECRET), SECRET)
        since = EditionFrom(edition="by-2024", since=date(2025, 1, 1))
        enter_at(fleet.urls["intake-0"], token(fleet.backends.folder, ["admin"]), self.code, "Ведомство проб", since)
        self.events = [application(n, self.code, kind=V2) for n in range(EVENTS // AGENCIES)]
        self.ids = [str(one["id"]) for one in self.events]

    def by_kafka(self, some: Sequence[Mapping[str, Any]]) -> None:
        """Returns when Kafka has acknowledged all of these, however long that takes."""
        more = {"enable.idempotence": True, "message.timeout.ms": 0}
        producer, faults = Producer({**self.login.librdkafka(), **more}), list[object]()
        for one in some:
            producer.produce(
                agency_topic(self.code).name,
                json.dumps(one, ensure_ascii=False).encode(),
                on_delivery=lambda error, _: faults.append(error) if error else None,
            )
        assert producer.flush(300) == 0 and not faults, faults

    def by_http(self, some: Sequence[Mapping[str, Any]]) -> None:
        """Posts each to a replica, and to the other one where it is not answered, until it is."""
        bearer = {"Authorization": f"Bearer {token(self.fleet.backends.folder, ['publisher'], self.code)}"}
        urls = [f"{self.fleet.urls[f'intake-{n}']}/v1/events" for n in range(REPLICAS)]
        with httpx.Client(timeout=10, trust_env=False, headers=bearer) as client:
            for number, one in enumerate(some):
                _until_answered(client, urls, number, one)

    def accepts(self, some: Sequence[str]) -> None:
        """An officer accepts these applications, each as soon as it is there, by a key of its own."""
        bearer = {"Authorization": f"Bearer {token(self.fleet.backends.folder, ['officer'])}"}
        with httpx.Client(timeout=10, trust_env=False, headers=bearer) as client:
            for pilot in some:
                self._accepted(client, pilot)

    def _accepted(self, client: httpx.Client, pilot: str) -> None:
        deadline = time.monotonic() + 300
        for turn in range(10**6):
            url = f"{self.fleet.urls[f'intake-{turn % REPLICAS}']}/v1/applications/{pilot}"
            with suppress(httpx.HTTPError):
                card = client.get(url)
                headers = {"If-Match": card.headers.get("ETag", ""), "Idempotency-Key": f"accepts-{pilot}"}
                if card.is_success and client.post(f"{url}/acceptance", headers=headers).is_success:
                    return
            assert time.monotonic() < deadline, "it is never accepted"
            time.sleep(0.05)


def _until_answered(client: httpx.Client, urls: Sequence[str], first: int, event: Mapping[str, Any]) -> None:
    deadline = time.monotonic() + 300
    for turn in range(10**6):
        try:
            answer = client.post(urls[(first + turn) % len(urls)], json=event)
        except httpx.HTTPError:
            answer = None
        if answer is not None and answer.status_code in (200, 201):
            return
        assert answer is None or answer.status_code in (429, 503), answer.text
        assert time.monotonic() < deadline, "it is never taken"
        time.sleep(0.05)


def shares(agency: Agency, parts: int) -> list[tuple[list[Any], list[Any]]]:
    """What an agency sends by each door in each part of the course."""
    found = []
    for part in range(parts):
        some = agency.events[part::parts]
        both = some[::10]
        found.append(([*some[::2], *both], [*some[1::2], *both]))
    return found


def accepted_of(agency: Agency, part: int) -> list[str]:
    """The pilots of a part that are accepted."""
    return [pilot_id(agency.code, id_) for id_ in agency.ids[part :: STRIKES + 1][:ACCEPTED]]


def course(seed: int, names: Sequence[str]) -> list[list[tuple[str, str, float]]]:
    """What is struck, in order: every part at least once, some two at a time; (how, name, seconds) each."""
    rng = random.Random(seed)
    victims = [[one] for one in rng.sample(names, len(names))]
    victims += [[rng.choice(names)] for _ in range(STRIKES - len(victims) - 4)]
    victims += [rng.sample(names, 2) for _ in range(4)]
    rng.shuffle(victims)

    def strike(name: str) -> tuple[str, str, float]:
        if rng.random() < 0.6:
            return "kill", name, rng.uniform(0, 2)
        return "stop", name, rng.uniform(*STOPPED_FOR)

    return [[strike(name) for name in some] for some in victims]


@contextmanager
def sending(agencies: Sequence[Agency], part: int) -> Iterator[None]:
    """A part of all events on its way by both doors, and a few applications of it accepted."""
    with ThreadPoolExecutor(3 * len(agencies)) as pool:
        works = []
        for agency in agencies:
            by_kafka, by_http = shares(agency, STRIKES + 1)[part]
            works += [pool.submit(agency.by_kafka, by_kafka), pool.submit(agency.by_http, by_http)]
            works += [pool.submit(agency.accepts, accepted_of(agency, part))]
        yield
    for work in works:
        work.result()


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_killed_or_stopped_nothing_is_lost_doubled_or_out_of_order(
    fleet: Fleet, seed: int, record_property: Callable[[str, object], None]
) -> None:
    agencies = [Agency(fleet, n) for n in range(AGENCIES)]
    strikes = course(seed, fleet.names)
    for part, some in enumerate(strikes):
        with sending(agencies, part):
            time.sleep(0.3)
            at_once = [threading.Thread(target=getattr(fleet, how), args=rest) for how, *rest in some]
            for one in at_once:
                one.start()
            for one in at_once:
                one.join()
            fleet.revive()
    with sending(agencies, STRIKES):
        pass
    record_property("struck", dict(fleet.struck))
    assert len(strikes) == STRIKES and {*fleet.struck} == {*fleet.names}
    fleet.await_ready()
    settled(fleet, agencies)
    for process in fleet.services.values():
        process.stop(40)
    reckon(fleet, agencies)
    for service in SERVICES:
        report = asyncio.run(run(fleet.backends, service, databases.first(service), f"rebuilt_{service}"))
        assert report.good and report.facts, (service, report)


def settled(fleet: Fleet, agencies: Sequence[Agency]) -> None:
    """Returns when the register has every pilot and the expertise every case, and no fact waits anywhere."""
    total, deadline = sum(len(one.ids) for one in agencies), time.monotonic() + 300
    opened = len(agencies) * (STRIKES + 1) * ACCEPTED
    with MongoClient[dict[str, Any]](fleet.backends.mongo_url) as client:
        subjects = {name: client[databases.first(name)]["subjects"] for name in SERVICES}
        mine = {"kind": "pilot", "state.agency": {"$in": [one.code for one in agencies]}}
        while True:
            fleet.revive()
            there = subjects["registry"].count_documents(mine)
            cases = subjects["expertise"].count_documents({"state.opened": {"$gt": ""}})
            unsent = {name: one.count_documents({"outbox.0": {"$exists": True}}) for name, one in subjects.items()}
            parked = {name: client[databases.first(name)]["parked"].count_documents({}) for name in SERVICES}
            withheld = {name: client[databases.first(name)]["withheld"].count_documents({}) for name in SERVICES}
            left = {"unsent": unsent, "parked": parked, "withheld": withheld}
            if there == total and cases == opened and not any(sum(some.values()) for some in left.values()):
                break
            assert time.monotonic() < deadline, (there, total, cases, opened, left)
            time.sleep(0.5)
        numbers = [row["state"]["number"] for row in subjects["registry"].find(mine, {"state.number": 1})]
    assert len(set(numbers)) == total, "no registration number is given twice"


def reckon(fleet: Fleet, agencies: Sequence[Agency]) -> None:
    """Every series whole and in order, every event registered once, every receipt there."""
    login = fleet.backends.kafka
    for service in SERVICES:
        assert_whole(asyncio.run(journal(login, f"pilots.{service}.v1")))
    events = asyncio.run(records_of(login, "pilots.intake.v1"))
    registered = {one["id"]: one["correlationid"] for one in events if one["type"] == ApplicationRegisteredV1.TYPE}
    told = Counter(registered.values())
    assert told == Counter(id_ for one in agencies for id_ in one.ids), "each event has begun one pilot"
    taken = Counter(one["subject"] for one in events if one["type"] == ApplicationAcceptedV1.TYPE)
    wanted = [pilot for one in agencies for part in range(STRIKES + 1) for pilot in accepted_of(one, part)]
    assert {*taken} == {*wanted}
    opened = {one["subject"] for one in asyncio.run(records_of(login, "pilots.expertise.v1"))}
    assert opened >= {*wanted}, "each that was accepted has its case"
    for agency in agencies:
        receipts = asyncio.run(records_of(login, receipts_topic(agency.code).name))
        said = {one["id"]: one["data"] for one in receipts}
        by_event = Counter(one["event_id"] for one in said.values() if one["outcome"] == "registered")
        assert by_event == Counter(agency.ids), "and is told of once, however often the same receipt comes"
