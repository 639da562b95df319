"""A parked event that somebody has dealt with stays dealt with when intake is made anew of its topic, and no agency is
told again of what it was told: on Apache Kafka and mongod, as an operator does it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.console import Console

from contracts.agency import ApplicationSubmittedV2
from contracts.steps import EditionFrom
from contracts.topics import agency_topic, receipts_topic, user_of
from deploy import access
from deploy.cli.agencies import enter_at
from deploy.cli.desk import Desk
from deploy.cli.main_job import application
from deploy.cli.publishing import publish, receipts
from deploy.cli.rebuild import run
from deploy.local import databases
from deploy.local.backends import Backends
from deploy.local.kafka import Kafka
from deploy.local.stack import Stack
from deploy.login import Login
from tests.deploy.conftest import wait_for

pytestmark = [pytest.mark.timeout(300)]
AGENCY = "demo-parked"
V2 = ApplicationSubmittedV2.TYPE
NEWER = f"{V2[:-1]}9"
GOOD, EDITED, DISCARDED, STAYS = 3, 10, 11, 12
ONE, OTHER = "u-5001", "u-5002"
TOLD = [
    *((f"{AGENCY}-{n}", "registered") for n in range(GOOD)),
    *((f"{AGENCY}-{n}", "parked") for n in (EDITED, DISCARDED, STAYS)),
    (f"{AGENCY}-{DISCARDED}", "refused"),
    (f"{AGENCY}-{EDITED}", "registered"),
]
DEALT = {"registered": GOOD + 1, "rejected": 1, "parked": 1}


def _place(n: int) -> str:
    """Where an event that is parked stands."""
    return f"{agency_topic(AGENCY).name}/0/{GOOD + n - EDITED}"


def _desk(stack: Stack, http: httpx.Client) -> Desk:
    stack.await_ready(60)
    return Desk(stack, Console(quiet=True), http, {})


def _login(backends: Backends) -> Login:
    return Login(backends.kafka.bootstrap, user_of(f"agency:{AGENCY}"), "secret")


def _sent(n: int, kind: str) -> dict[str, Any]:
    return {**application(n, AGENCY, kind=V2), "type": kind}


def _by_two(desk: Desk, n: int, what: dict[str, Any]) -> None:
    """What one person proposes for a parked record and another approves."""
    body = {"record": _place(n), "why": "Проба.", **what}
    made = desk.call("POST", "intake", "/v1/parked/repairs", "ops", sub=ONE, body=body)
    assert made.status_code == 201, made.text
    path = f"/v1/parked/repairs/{made.json()['id']}/approval"
    told = desk.call("POST", "intake", path, "ops", sub=OTHER)
    assert told.status_code == 200 and told.json()["verdict"] == "went", told.text


def _parked(desk: Desk) -> list[str]:
    return [one["id"] for one in desk.call("GET", "intake", "/v1/parked", "ops").json()["items"]]


def _balance(desk: Desk) -> dict[str, int]:
    """The agency's balance, which holds, as does that between services; what of it is not zero."""
    told = desk.call("GET", "intake", "/v1/balance", "ops").json()
    for flow in told["services"]:
        assert flow["written"] == flow["consumed"] + flow["parked"] + flow["lag"] and not flow["difference"], flow
        assert min(flow[part] for part in ("consumed", "parked", "lag")) >= 0, flow
    [one] = [one for one in told["agencies"] if one["agency"] == AGENCY]
    parts = ("registered", "duplicates", "rejected", "conflicts", "parked", "in_flight")
    assert one["received"] == sum(one[part] for part in parts) and not one["difference"], one
    return {part: one[part] for part in parts if one[part]}


async def _heard(login: Login) -> list[tuple[str, str]]:
    """All that stands in the agency's receipts, also what was sent twice: event and outcome, sorted."""
    place, found = TopicPartition(receipts_topic(AGENCY).name, 0), list[tuple[str, str]]()
    consumer = AIOKafkaConsumer(**login.aiokafka(), auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        while await consumer.position(place) < end:
            for records in (await consumer.getmany(place, timeout_ms=500)).values():
                said = [json.loads(one.value)["data"] for one in records]
                found += [(one["event_id"], one["outcome"]) for one in said]
    finally:
        await consumer.stop()
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The files of a system in which three events were parked: one was changed and fed, one discarded, one stays."""
    place = tmp_path_factory.mktemp("parked")
    with Stack(place) as stack, httpx.Client(timeout=30, trust_env=False) as http:
        if not isinstance(stack.backends.broker, Kafka):
            reason = "a rebuild reads Apache Kafka itself"
            pytest.fail(reason) if request.config.getoption("--require-kafka") else pytest.skip(reason)
        desk = _desk(stack, http)
        access.add_agency(stack.backends.kafka.admin(), AGENCY, "secret")
        login = _login(stack.backends)
        since = EditionFrom.model_validate({"edition": "by-2024", "since": "2025-01-01"})
        enter_at(stack.urls["intake"], stack.token(["admin"]), AGENCY, "Демонстрационное ведомство", since)
        events = [_sent(n, V2) for n in range(GOOD)] + [_sent(n, NEWER) for n in (EDITED, DISCARDED, STAYS)]
        asyncio.run(publish(login, {AGENCY: events}))
        receipts(login, AGENCY, len(events))
        _by_two(desk, DISCARDED, {"kind": "discard"})
        _by_two(desk, EDITED, {"kind": "edit", "event": _sent(EDITED, V2)})
        again = desk.call("POST", "intake", "/v1/parked/redrive", "ops", body={"ids": [_place(STAYS)], "limit": 1})
        assert again.json()["records"][0]["verdict"] == "broken", again.text
        wait_for(lambda: len(asyncio.run(_heard(login))) == len(TOLD), 30)
        assert sorted(asyncio.run(_heard(login))) == sorted(TOLD)
        assert _parked(desk) == [_place(STAYS)] and _balance(desk) == DEALT
        desk.ask("registry", "/v1/pilots?limit=200", "registrar", lambda a: len(a.json()["items"]) == GOOD + 1)
    return place


def _made_anew(folder: Path, old: str, new: str, behind: bool) -> None:
    with Backends(folder) as backends:
        report = asyncio.run(run(backends, "intake", old, new, behind=behind))
        assert report.covers, report
    databases.switch(folder, "intake", new)


@pytest.mark.parametrize(
    ("case", "old", "again", "counted"),
    [
        ("plain", "lotsman_intake", [], DEALT),
        ("behind", "lotsman_intake_plain", [], {"parked": 1}),
        # Nobody knows that the agency was told: it is told once more, by a receipt with the same id.
        ("lost", "lotsman_gone", [(f"{AGENCY}-{STAYS}", "parked")], {"parked": 1}),
    ],
)
def test_what_was_dealt_with_stays_dealt_with_and_what_stands_parked_is_counted(
    folder: Path, case: str, old: str, again: list[tuple[str, str]], counted: dict[str, int]
) -> None:
    _made_anew(folder, old, f"lotsman_intake_{case}", behind=case != "plain")
    with Stack(folder) as stack, httpx.Client(timeout=30, trust_env=False) as http:
        desk, login = _desk(stack, http), _login(stack.backends)
        number = 50 + len(case)
        asyncio.run(publish(login, {AGENCY: [_sent(number, V2)]}))
        mine = (f"{AGENCY}-{number}", "registered")
        wait_for(lambda: mine in asyncio.run(_heard(login)), 60)
        wait_for(lambda: all(not one["lag"] for one in _flows(desk)), 60)
        TOLD.extend([mine, *again])
        assert sorted(asyncio.run(_heard(login))) == sorted(TOLD), "nobody is told anew"
        assert _parked(desk) == [_place(STAYS)]
        assert _balance(desk) == {**counted, "registered": counted.get("registered", 0) + 1}
        if case == "plain":
            DEALT["registered"] += 1


def _flows(desk: Desk) -> list[dict[str, int]]:
    found: list[dict[str, int]] = desk.call("GET", "intake", "/v1/balance", "ops").json()["services"]
    return found
