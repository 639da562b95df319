"""What the whole system does when a part of it is killed, stopped or away: nothing lost, nothing doubled."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from contracts.agency import ApplicationSubmittedV2
from contracts.topics import agency_topic
from deploy.cli import ops
from deploy.cli.desk import Desk
from deploy.cli.main_job import application
from deploy.cli.publishing import publish
from deploy.cli.run import _rows
from deploy.complaint import Complaint
from deploy.local import state
from deploy.local.process import Process
from deploy.local.stack import Stack
from tests.conftest import Eventually
from tests.e2e.conftest import kill
from tests.kit.journals import assert_whole, journal
from tests.kit.raw_batches import crowd, hand_over

pytestmark = [pytest.mark.timeout(300)]
V2 = ApplicationSubmittedV2.TYPE
CROWD = 20_000_000
"""Records of a batch that are more than a broker with a heap of 512 MB can list."""


def entered(desk: Desk, agency: str) -> list[dict[str, Any]]:
    """Every pilot of an agency in the register."""
    rows: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        path = f"/v1/pilots?agency={agency}&limit=200{f'&after={after}' if after else ''}"
        page = desk.call("GET", "registry", path, "registrar").json()
        rows += page["items"]
        after = page["next"]
    return rows


def all_entered(desk: Desk, agency: str, count: int) -> Any:
    """A check that the register has exactly so many pilots of an agency."""

    def check() -> bool:
        try:
            return len(entered(desk, agency)) == count
        except Exception:  # a service that is just being started again
            return False

    return check


def balance(desk: Desk, agency: str) -> dict[str, Any]:
    """The balance of an agency, without the events of a difference where there are none."""
    agencies = desk.call("GET", "intake", "/v1/balance", "ops").json()["agencies"]
    [found] = [one for one in agencies if one["agency"] == agency]
    return {name: value for name, value in found.items() if name != "events" or value}


def test_services_killed_again_and_again_lose_and_double_nothing(
    desk: Desk, stack: Stack, agency: str, eventually: Eventually
) -> None:
    """At full size, with replicas and back ends killed and stopped too, it is `test_kills`."""
    victims, each = ("intake", "expertise", "registry") * 2, 60
    events = [application(n, agency, kind=V2) for n in range(len(victims) * each)]
    for number, victim in enumerate(victims):
        stack.await_ready(60)
        some = events[number * each : (number + 1) * each]
        asyncio.run(publish(desk.logins[agency], {agency: [*some, *some[:5]]}))
        kill(stack, victim)  # with what was just published in its hands, or in those of the one before it
    asyncio.run(eventually(all_entered(desk, agency, len(events)), within=90, every=0.5))
    numbers = Counter(row["number"] for row in entered(desk, agency))
    assert max(numbers.values()) == 1
    assert_whole(asyncio.run(journal(stack.backends.kafka, "pilots.intake.v1")))
    assert_whole(asyncio.run(journal(stack.backends.kafka, "pilots.registry.v1")))
    asyncio.run(eventually(lambda: not balance(desk, agency)["in_flight"], within=60, every=0.5))
    again = 5 * len(victims)
    parts = {"received": len(events) + again, "registered": len(events), "duplicates": again}
    assert {name: n for name, n in balance(desk, agency).items() if n and name != "agency"} == parts
    for service in ("intake", "expertise", "registry"):
        struck = desk.call("GET", service, "/v1/balance", "ops").json()
        for flow in struck["services"]:
            assert flow["written"] == flow["consumed"] + flow["parked"] + flow["lag"], flow
        assert struck["facts"]["sent"] > 0 or service == "expertise", "no application was accepted: it has no case"
        for one in (*struck["services"], struck["facts"]):
            assert (one["difference"], one["events"]) == (0, []), "documents are held against the topics themselves"


def test_while_kafka_is_away_http_still_takes_events_and_they_arrive_later(
    desk: Desk, stack: Stack, agency: str, eventually: Eventually
) -> None:
    broker = stack.backends.broker
    assert broker is not None
    broker.stop()
    try:
        asyncio.run(eventually(lambda: readiness(desk, "intake")[1] != "ready", within=30, every=0.2))
        posted = [
            desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=application(n, agency, kind=V2))
            for n in range(5)
        ]
        assert [a.status_code for a in posted] == [201] * 5
        code, status, checks = readiness(desk, "intake", "serving")
        assert (code, status, checks["mongo"]) == (200, "serving", "ok"), "it takes events"
        assert checks["kafka"] != "ok" and readiness(desk, "intake")[1] != "ready"
    finally:
        broker.start()
    asyncio.run(eventually(all_entered(desk, agency, 5), within=90, every=0.5))
    stack.await_ready(60)


def test_while_mongodb_is_away_nothing_is_called_taken_and_the_same_again_succeeds(
    desk: Desk, stack: Stack, agency: str, eventually: Eventually
) -> None:
    mongod = stack.backends.mongod
    assert mongod is not None
    event = application(1, agency, kind=V2)
    mongod.kill()
    try:
        away = desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=event)
        assert (away.status_code, away.json()["action"]) == (503, "retry")
        asyncio.run(publish(desk.logins[agency], {agency: [application(2, agency, kind=V2)]}))
    finally:
        mongod.start()
    stack.await_ready(60)
    again = desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=event)
    assert again.status_code in (200, 201)
    asyncio.run(eventually(all_entered(desk, agency, 2), within=60, every=0.5))


def test_what_was_answered_201_survives_kill_9_of_the_service_and_of_mongod(
    desk: Desk, stack: Stack, agency: str, eventually: Eventually
) -> None:
    mongod = stack.backends.mongod
    assert mongod is not None
    answer = desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=application(1, agency, kind=V2))
    assert answer.status_code == 201
    pid = stack.services["intake"].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    mongod.kill()
    mongod.start()
    stack.await_ready(60)
    asyncio.run(eventually(all_entered(desk, agency, 1), within=60, every=0.5))


@contextmanager
def hanging(process: Process | None) -> Iterator[None]:
    """A back end that is there and does not answer, as on a disk that hangs."""
    assert process is not None and process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def readiness(desk: Desk, service: str, probe: str = "ready") -> tuple[int, str, dict[str, str]]:
    """What a service says of itself."""
    answer = desk.http.get(f"{desk.stack.urls[service]}/health/{probe}")
    return answer.status_code, answer.json()["status"], answer.json()["checks"]


def says_so_at_once(desk: Desk, service: str) -> bool:
    """Whether who asks how it is waits for less than a second; the machine may be busy, so one of some will do."""
    for _ in range(8):
        asked = time.monotonic()
        readiness(desk, service)
        if time.monotonic() - asked < 1.0:
            return True
    return False


def not_ready(desk: Desk, service: str) -> bool:
    """Whether it says that it is not ready."""
    return readiness(desk, service)[:2] == (503, "not ready")


def stated(stack: Stack) -> dict[str, str | None]:
    """What `status` says of each part; None: ready."""
    found = state.read(stack.folder)
    assert found is not None
    return {name: reason for name, _, _, reason in _rows(found)}


def test_while_mongodb_hangs_services_say_at_once_that_they_are_not_ready_and_status_names_it(
    desk: Desk, stack: Stack, agency: str, eventually: Eventually
) -> None:
    assert stack.backends.mongod is not None
    with hanging(stack.backends.mongod.process):
        asyncio.run(eventually(partial(not_ready, desk, "intake"), within=30, every=0.2))
        for service in ("expertise", "registry"):
            asyncio.run(eventually(partial(not_ready, desk, service), within=30, every=0.2))
        assert all(says_so_at_once(desk, service) for service in ("intake", "expertise", "registry"))
        said = stated(stack)
        assert said["mongod"] == "does not answer"
        assert said["kafka"] is None
        assert "mongo" in (said["intake"] or "")
    stack.await_ready(60)
    assert set(stated(stack).values()) == {None}


def test_while_kafka_hangs_services_take_events_and_say_that_they_are_not_whole_and_the_balance_says_why_it_is_none(
    desk: Desk, stack: Stack, agency: str, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stack.backends.broker is not None
    with hanging(stack.backends.broker.process):
        asyncio.run(eventually(lambda: readiness(desk, "intake")[1] != "ready", within=30, every=0.2))
        assert says_so_at_once(desk, "intake")
        event = application(1, agency, kind=V2)
        posted = desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=event)
        assert posted.status_code == 201
        assert readiness(desk, "intake", "serving")[:2] == (200, "serving")
        said = stated(stack)
        assert said["kafka"] == "does not answer"
        assert said["mongod"] is None
        assert "kafka" in (said["intake"] or "")
        monkeypatch.setenv("LOTSMAN_HOME", str(stack.folder))
        asked = time.monotonic()
        with pytest.raises(Complaint, match="Kafka cannot be asked now"):
            ops.balance()
        assert time.monotonic() - asked < 10  # five seconds, on a busy machine
    stack.await_ready(60)
    asyncio.run(eventually(all_entered(desk, agency, 1), within=90, every=0.5))


@pytest.mark.soak
def test_a_batch_that_takes_the_brokers_memory_ends_it_and_it_comes_back_with_all_that_it_had_acknowledged(
    desk: Desk, stack: Stack, agency: str, eventually: Eventually
) -> None:
    broker = stack.backends.broker
    assert broker is not None and broker.process is not None
    process, first = broker.process, 40
    before = process.pid
    events = [application(n, agency, kind=V2) for n in range(first + 10)]
    asyncio.run(publish(desk.logins[agency], {agency: events[:first]}))
    with pytest.raises((KafkaError, TimeoutError)):  # it is never acknowledged
        asyncio.run(asyncio.wait_for(hand_over(desk.logins[agency], agency_topic(agency).name, crowd(CROWD)), 60))
    asyncio.run(eventually(lambda: process.pid not in (None, before), within=60, every=0.1))
    logs = process.log.parent.glob(f"{process.log.name}*")  # each start begins one anew
    assert any("OutOfMemoryError" in log.read_text("utf-8", "replace") for log in logs), (
        "it ended whole, and did not go on without some of its threads"
    )
    stack.await_ready(90)
    asyncio.run(publish(desk.logins[agency], {agency: events[first:]}))
    asyncio.run(eventually(all_entered(desk, agency, len(events)), within=90, every=0.5))
    for topic in ("pilots.intake.v1", "pilots.registry.v1"):
        assert_whole(asyncio.run(journal(stack.backends.kafka, topic)))
