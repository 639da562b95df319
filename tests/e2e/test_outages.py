"""What the whole system does when a part of it is killed, stopped or away: nothing lost, nothing doubled."""

import asyncio
import json
import os
import signal
import threading
from collections import Counter, defaultdict
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from contracts.agency import ApplicationSubmittedV2
from deploy.cli.desk import Desk
from deploy.cli.main_job import application
from deploy.cli.publishing import publish
from deploy.local.stack import Stack
from tests.conftest import Eventually
from tests.e2e.conftest import kill

pytestmark = [pytest.mark.timeout(300)]
V2 = ApplicationSubmittedV2.TYPE


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


async def journal(stack: Stack, topic: str) -> dict[str, list[tuple[int, str]]]:
    """Every fact of a topic: for each subject its sequences and ids, as they stand in the log."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    consumer = AIOKafkaConsumer(topic, **stack.backends.kafka.aiokafka(), auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(p) < end for p, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    event = json.loads(record.value)
                    found[event["subject"]].append((int(event["sequence"]), event["id"]))
    finally:
        await consumer.stop()
    return found


def assert_whole(series: dict[str, list[tuple[int, str]]]) -> None:
    """Each subject's facts are 1, 2, 3 ... in the order in which they are first met, one id under each."""
    for subject, facts in series.items():
        first_met = list(dict.fromkeys(facts))
        assert [sequence for sequence, _ in first_met] == list(range(1, len(first_met) + 1)), subject


@pytest.mark.parametrize("victim", ["intake", "expertise", "registry"])
def test_a_service_killed_again_and_again_loses_and_doubles_nothing(
    desk: Desk, stack: Stack, agency: str, eventually: Eventually, victim: str
) -> None:
    count = 600
    events = [application(n, agency, kind=V2) for n in range(count)]
    publishing = threading.Thread(
        target=lambda: [
            asyncio.run(publish(desk.logins[agency], {agency: events[n : n + 50]})) for n in range(0, count, 50)
        ]
    )
    publishing.start()
    for _ in range(3):
        kill(stack, victim)
    publishing.join()
    asyncio.run(eventually(all_entered(desk, agency, count), within=90, every=0.5))
    numbers = Counter(row["number"] for row in entered(desk, agency))
    assert max(numbers.values()) == 1
    assert_whole(asyncio.run(journal(stack, "pilots.intake.v1")))
    assert_whole(asyncio.run(journal(stack, "pilots.registry.v1")))


def test_while_kafka_is_away_http_still_takes_events_and_they_arrive_later(
    desk: Desk, stack: Stack, agency: str, eventually: Eventually
) -> None:
    broker = stack.backends.broker
    assert broker is not None
    broker.stop()
    try:
        posted = [
            desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=application(n, agency, kind=V2))
            for n in range(5)
        ]
        assert [a.status_code for a in posted] == [201] * 5
        not_ready = desk.http.get(f"{stack.urls['intake']}/health/ready")
        assert not_ready.status_code == 503
        assert not_ready.json()["checks"]["mongo"] == "ok"
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
