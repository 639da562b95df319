"""The main job as `demo` shows it: from agencies' events to a launched pilot in the register, in one trace.

Everything goes through the doors that agencies and officials use: Kafka with the agency's own user, and HTTP.
All persons and organisations are fictional.
"""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console
from rich.table import Table

from contracts.agency import ApplicationSubmittedV1, ApplicationSubmittedV2, ReceiptOutcome
from contracts.event import SPECVERSION, agency_source, wire_moment
from contracts.reference import Role
from contracts.steps import EditionFrom
from contracts.topics import EXPERTISE, INTAKE, REGISTRY, agency_topic
from deploy import access
from deploy.cli.agencies import enter_at
from deploy.cli.desk import PATIENCE, Desk
from deploy.cli.expertise_job import ask_and_answer, review
from deploy.cli.publishing import publish, receipts
from deploy.cli.register_job import CLINIC, DEVELOPER, launched, measured
from deploy.cli.traces import tree
from deploy.complaint import Complaint
from deploy.local.stack import Stack
from deploy.local.traces import spans_of
from deploy.login import Login
from deploy.samples.common import EDITION
from examples import us_inventory

HEALTH: Final = "demo-health"
TRANSPORT: Final = "demo-transport"
NAMES: Final = {
    HEALTH: "Демонстрационное ведомство здравоохранения",
    TRANSPORT: "Демонстрационное ведомство транспорта",
}


def main_job(console: Console, stack: Stack, inventory: Path | None = None) -> None:
    """Runs the main job on a started stack and shows its result; with a file, also on that real input."""
    with httpx.Client(timeout=20, trust_env=False) as http:
        desk = Desk(stack, console, http, {})
        console.rule("An agency's events come in")
        for code, name in NAMES.items():
            _enter(desk, code, name, EDITION)
        pilot = _publish(desk)
        console.rule("Officials do their part")
        _carry(desk, pilot)
        _show(desk, pilot)
        if inventory is not None:
            console.rule(f"Real input: {inventory.name}")
            run_inventory(desk, inventory)


def _enter(desk: Desk, code: str, name: str, edition: str) -> None:
    """An agency with its topics, its Kafka user and its entry at intake."""
    backends = desk.stack.backends
    password = uuid.uuid4().hex if backends.kafka.username else None
    user = access.add_agency(backends.kafka.admin(), code, password)
    desk.logins[code] = Login(backends.kafka.bootstrap, user if password else None, password)
    since = EditionFrom(edition=edition, since=date(2025, 1, 1))
    enter_at(desk.stack.urls[INTAKE], desk.stack.token([Role.ADMIN]), code, name, since)


def application(number: int, agency: str, *, kind: str, traceparent: str | None = None) -> dict[str, Any]:
    """A fictional application of version 1 (one total cost) or 2 (cost lines)."""
    data: dict[str, Any] = {
        "title": f"Распознавание снимков в районных поликлиниках, очередь {number}",
        "problem": "Снимок ждёт описания до пяти дней.",
        "solution": "Предварительная разметка снимков с подтверждением врачом.",
        "sector": "health",
        "initiator": DEVELOPER,
        "customer": CLINIC,
        "planned_start": "2027-01-11",
        "planned_end": "2027-06-30",
        "own_number": f"МЗ-{number}",
        "contact": {"name": "Образцова Мария Примеровна", "email": "m.obraztsova@example.test"},
    }
    if kind == ApplicationSubmittedV1.TYPE:
        data["total_cost"] = {"amount_minor": 12_000_000, "currency": "BYN"}
    else:
        data["costs"] = [
            {"source": "republican-budget", "year": 2027, "amount_minor": 9_000_000, "currency": "BYN"},
            {"source": "own-money", "year": 2027, "amount_minor": 3_000_000, "currency": "BYN"},
        ]
    event = {
        "specversion": SPECVERSION,
        "id": f"{agency}-{number}",
        "source": agency_source(agency),
        "type": kind,
        "time": wire_moment(datetime.now(UTC)),
        "data": data,
    }
    return event | ({"traceparent": traceparent} if traceparent else {})


def _publish(desk: Desk) -> str:
    """Both doors, both versions, and one faulty event; the pilot that the rest of the demo follows."""
    trace = f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"
    first = application(1, HEALTH, kind=ApplicationSubmittedV1.TYPE, traceparent=trace)
    asyncio.run(publish(desk.logins[HEALTH], {HEALTH: [first]}))
    desk.say(f"{HEALTH}: application-submitted.v1 on its Kafka topic {agency_topic(HEALTH).name}")
    second = application(2, TRANSPORT, kind=ApplicationSubmittedV2.TYPE)
    answer = desk.call("POST", INTAKE, "/v1/events", Role.PUBLISHER, org=TRANSPORT, body=second)
    if answer.status_code != 201:
        raise Complaint(f"intake did not take the event: {answer.status_code} {answer.text[:500]}")
    desk.say(f"{TRANSPORT}: application-submitted.v2 over HTTP -> {answer.json()['number']}")
    _refused(desk)
    receipt = receipts(desk.logins[HEALTH], HEALTH, 1)[0]
    desk.say(f"{HEALTH} reads its receipt: {receipt['outcome']} as {receipt['number']}")
    return str(receipt["pilot"])


def _refused(desk: Desk) -> None:
    faulty = application(3, TRANSPORT, kind=ApplicationSubmittedV2.TYPE)
    faulty["data"] |= {
        "title": "",
        "sector": "mars",
        "initiator": {"id": {"scheme": "BY-UNP", "value": "790000017"}},
        "planned_end": "2026-01-01",
    }
    answer = desk.call("POST", INTAKE, "/v1/events", Role.PUBLISHER, org=TRANSPORT, body=faulty)
    desk.say(f"{TRANSPORT}: a faulty event -> {answer.status_code}, everything that is wrong at once:")
    for problem in answer.json()["problems"]:
        desk.say(f"   {problem['pointer']}  {problem['rule']}: {problem['message_ru']} ({problem['action']})")


def _carry(desk: Desk, pilot: str) -> None:
    """Look-over, expertise with a question to the applicant, council, agreement, launch, the first result."""
    card = desk.ask(INTAKE, f"/v1/applications/{pilot}", Role.OFFICER, lambda a: a.status_code == 200)
    desk.do(INTAKE, f"/v1/applications/{pilot}/acceptance", Role.OFFICER, None, card.headers["ETag"])
    login = desk.logins[HEALTH]
    concluded = review(
        desk, pilot, before_opinions=lambda: ask_and_answer(desk, pilot, HEALTH, partial(publish, login))
    ).json()
    desk.say(f"conclusion {concluded['conclusions'][-1]['number']}")
    launched(desk, pilot)
    desk.say(f"the register: {measured(desk, HEALTH, pilot)} % of the way to the target")


def _show(desk: Desk, pilot: str) -> None:
    desk.console.rule("What the register knows")
    card = desk.call("GET", REGISTRY, f"/v1/pilots/{pilot}", Role.REGISTRAR).json()
    executor = card["executor"]["name"] if card["executor"] else "none"
    desk.say(f"{card['number']} {card['application']['title']}")
    desk.say(f"stage {card['stage']}, next move: {card['next_move']}, executor: {executor}")
    lines = desk.ask(
        REGISTRY,
        f"/v1/pilots/{pilot}/timeline",
        Role.REGISTRAR,
        lambda a: len(a.json()["items"]) == card["version"],
    ).json()["items"]
    table = Table("time (UTC)", "what", "who", "basis", box=None)
    for line in lines:
        basis = line["basis"]
        on = f"{basis['kind']} {basis['number']} от {basis['date']}" if basis else ""
        table.add_row(line["time"][11:23], line["type"].split(".", 2)[2], line["actor"]["role"], on)
    desk.console.print(table)
    _show_trace(desk, pilot, lines[0]["trace"].split("-")[1])


def _show_trace(desk: Desk, pilot: str, trace: str) -> None:
    """The trace that began with the agency's event, as soon as its last spans have come in."""
    desk.console.rule("One trace, from the agency's event to the register")
    deadline = time.monotonic() + PATIENCE
    wanted = {INTAKE, EXPERTISE, REGISTRY}
    while True:
        spans = [s for s in spans_of(desk.stack.folder / "traces.sqlite", trace) if "pilot.id" in s.attributes]
        if {s.service for s in spans} >= wanted:
            break
        if time.monotonic() > deadline:
            raise Complaint(f"the trace of pilot {pilot} did not cross all services")
        time.sleep(0.1)
    desk.console.print(tree(spans))


# ---- real input


def run_inventory(desk: Desk, path: Path) -> None:
    """Every pilot of the real inventory, each from its own agency's topic, and what became of it."""
    names = us_inventory.agencies(path)
    by_agency: dict[str, list[dict[str, Any]]] = {}
    for code, event in us_inventory.events(path, datetime.now(UTC)):
        by_agency.setdefault(code, []).append(event)
    for code in by_agency:
        _enter(desk, code, names[code], us_inventory.EDITION)
    total = sum(map(len, by_agency.values()))
    desk.say(f"{total} pilots of {len(by_agency)} agencies, versions 1 and 2 in turn")
    began = time.monotonic()
    asyncio.run(publish(desk.stack.backends.kafka, by_agency))
    outcomes, rules = Counter[str](), Counter[str]()
    for code, events in by_agency.items():
        for receipt in receipts(desk.logins[code], code, len(events)):
            outcomes[receipt["outcome"]] += 1
            rules.update(f"{p['pointer']} {p['rule']}" for p in receipt["problems"])
    taken, refused = outcomes[ReceiptOutcome.REGISTERED], outcomes[ReceiptOutcome.REFUSED]
    _await_entered(desk, taken, set(by_agency))
    took = time.monotonic() - began
    desk.say(f"after {took:.1f} s: {taken} in the register, {refused} refused")
    table = Table("what was wrong", "times", box=None)
    for rule, times in rules.most_common():
        table.add_row(rule, str(times))
    desk.console.print(table)


def _await_entered(desk: Desk, wanted: int, agencies: set[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while (entered := sum(1 for row in pilots(desk) if row["agency"] in agencies)) != wanted:
        if time.monotonic() > deadline:
            raise Complaint(f"the register has {entered} of {wanted} pilots")
        time.sleep(0.2)


def pilots(desk: Desk) -> Iterator[dict[str, Any]]:
    """Every pilot in the register, page by page."""
    after: str | None = ""
    while after is not None:
        asked = f"/v1/pilots?limit=200{f'&after={after}' if after else ''}"
        page = desk.call("GET", REGISTRY, asked, Role.REGISTRAR).json()
        yield from page["items"]
        after = page["next"]
