"""The main job as `demo` shows it: sixty pilots from their agencies' events to different ends, one of them in words.

Everything goes through the doors that agencies and officials use: Kafka with each agency's own user, and HTTP. All
persons and organisations are fictional.
"""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console
from rich.table import Table

from contracts.agency import ApplicationSubmittedV1, ReceiptOutcome
from contracts.event import SPECVERSION, agency_source, wire_moment
from contracts.reference import Role
from contracts.steps import EditionFrom
from contracts.topics import EXPERTISE, INTAKE, REGISTRY, agency_topic
from deploy import access
from deploy.cli import ends
from deploy.cli.agencies import enter_at, secret_file_of
from deploy.cli.common import Found
from deploy.cli.desk import PATIENCE, Desk
from deploy.cli.expertise_job import ask_and_answer, review
from deploy.cli.importing import System, described_by, imported, read_file
from deploy.cli.publishing import heard, publish
from deploy.cli.register_job import CLINIC, DEVELOPER, launched, measured
from deploy.cli.tally import PARTS, pilots, tally
from deploy.cli.traces import tree
from deploy.complaint import Complaint
from deploy.local.asked_traces import spans_of
from deploy.local.demo_people import PEOPLE
from deploy.local.home import ROOT, write_private
from deploy.local.stack import Stack
from deploy.login import Login
from deploy.progress import Say, silent, task
from deploy.samples.common import EDITION
from deploy.samples.pilots import Agency, End, Pilot, agencies, event_id, submitted
from deploy.samples.pilots import pilots as sample
from services.chassis.told_traces import Trace

FOLLOWED: Final = "demo-health"
"""The agency whose first pilot is followed in words."""
FROM: Final = EditionFrom(edition=EDITION, since=date(2025, 1, 1))
"""By which edition the agencies of the sample are entered."""
INVENTORY: Final = ROOT / "deploy" / "mappings" / "us-federal-ai-use-cases-2025.toml"
"""How the real inventory is read."""
REGISTER_WITHIN: Final = 300.0
"""Seconds within which the register must have what intake has registered, on a busy machine."""
HANDS: Final = 4
"""How many pilots officials lead to their ends at a time."""


def main_job(console: Console, stack: Stack, inventory: Path | None = None, say: Say = silent) -> Found:
    """Runs the main job on a started stack and shows its result; with a file, also on that real input.

    Raises Complaint where something did not come out as it should, with what was counted.
    """
    with httpx.Client(timeout=PATIENCE, trust_env=False) as http:
        desk = Desk(stack, console, http, {})
        console.rule("Agencies publish")
        _enter_all(desk)
        trace = uuid.uuid4().hex
        sent = _applications(f"00-{trace}-{uuid.uuid4().hex[:16]}-01")
        ids = _publish(desk, sent)
        posted, replayed = _by_http(desk, sent[event_id(*_followed())])
        followed = ids[event_id(*_followed())]
        console.rule("Officials do their part: one pilot in words")
        _carry(desk, followed)
        console.rule("Officials do their part: all the others")
        _carry_others(desk, ids, say)
        _replicate(desk, ids)
        _show(desk, followed)
        services = _show_trace(desk, followed, trace)
        console.rule("What became of it all")
        found = {**_count(desk, posted, replayed), "trace": trace, "trace_services": services}
        if inventory is not None:
            console.rule(f"Real input: {inventory.name}")
            found["inventory"] = run_inventory(desk, inventory, say)
        return found


def _followed() -> tuple[Agency, Pilot]:
    return next((agency, pilot) for agency, pilot in sample() if agency.code == FOLLOWED)


def _enter_all(desk: Desk) -> None:
    """Every agency of the sample, some at a time."""
    with ThreadPoolExecutor(HANDS) as pool:
        list(pool.map(lambda one: _enter(desk, one.code, one.name, FROM), agencies()))
    desk.say(f"{len(agencies())} agencies, each with topics and a Kafka user of its own, such as {FOLLOWED}")


def _enter(desk: Desk, code: str, name: str, edition: EditionFrom) -> None:
    """An agency with its topics, its Kafka user, whose password stands where `agency add` puts one, and its entry at
    intake."""
    backends = desk.stack.backends
    password = uuid.uuid4().hex if backends.kafka.username else None
    user = access.add_agency(backends.kafka.admin(), code, password)
    desk.logins[code] = Login(backends.kafka.bootstrap, user if password else None, password)
    if password is not None:
        write_private(secret_file_of(desk.stack.folder, code), password + "\n")
    enter_at(desk.stack.urls[INTAKE], desk.stack.token([Role.ADMIN]), code, name, edition)


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


def _applications(traceparent: str) -> dict[str, dict[str, Any]]:
    """The events of all applications but the replica, by their ids. The followed one brings the agency's own trace."""
    first = event_id(*_followed())
    return {
        event_id(agency, pilot): submitted(
            agency,
            pilot,
            datetime.now(UTC),
            traceparent=traceparent if event_id(agency, pilot) == first else None,
        )
        for agency, pilot in sample()
        if pilot.end is not End.REPLICA
    }


def _publish(desk: Desk, sent: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    """Each agency publishes on its own topic, some events twice; the pilots that were registered, by the events."""
    by_agency: dict[str, list[dict[str, Any]]] = {one.code: [] for one in agencies()}
    for agency, pilot in sample():
        if one := sent.get(event_id(agency, pilot)):
            by_agency[agency.code] += [one, one] if pilot.again else [one]
    asyncio.run(_publish_all(desk, by_agency))
    total = sum(map(len, by_agency.values()))
    desk.say(f"{total} events application-submitted.v2 on Kafka topics such as {agency_topic(FOLLOWED).name},")
    desk.say(f"   {total - len(sent)} of them sent twice")
    heard = _heard(desk, {code: {one["id"] for one in events} for code, events in by_agency.items()})
    refused = [said for said in heard.values() if said["outcome"] == ReceiptOutcome.REFUSED]
    mine = heard[event_id(*_followed())]
    desk.say(f"{FOLLOWED} reads its receipts: {mine['event_id']} is {mine['outcome']} as {mine['number']}")
    desk.say(f"{len(heard) - len(refused)} are registered; {len(refused)} are rejected, with all that is wrong:")
    for said in refused:
        _show_faults(desk, said["event_id"], said["problems"])
    return {said["event_id"]: said["pilot"] for said in heard.values() if said not in refused}


async def _publish_all(desk: Desk, by_agency: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    await asyncio.gather(*(publish(desk.logins[code], {code: events}) for code, events in by_agency.items()))


def _heard(desk: Desk, by_agency: Mapping[str, set[str]]) -> dict[str, dict[str, Any]]:
    """What each agency first reads of each of its events, with its own user."""
    with ThreadPoolExecutor(HANDS) as pool:
        read = pool.map(lambda code: heard(desk.logins[code], code, by_agency[code]), by_agency)
        return {id_: said for found in read for id_, said in found.items()}


def _show_faults(desk: Desk, event: str, problems: Iterable[Mapping[str, Any]]) -> None:
    for one in problems:
        desk.say(f"   {event} {one['pointer']} {one['rule']}: {one['message_ru']} ({one['action']})")


def _by_http(desk: Desk, same: Mapping[str, Any]) -> tuple[int, int]:
    """The other door: what came by Kafka is known again, what is faulty is told at once. How many were posted, and how
    many of them were known."""
    untraced = {name: value for name, value in same.items() if name != "traceparent"}
    faulty = {**untraced, "id": f"{same['id']}-faulty", "data": {**same["data"], "title": "", "sector": "mars"}}
    codes, replayed = {}, 0
    for event in (same, faulty):
        answer = desk.call("POST", INTAKE, "/v1/events", Role.PUBLISHER, org=FOLLOWED, body=event)
        codes[event["id"]] = answer.status_code
        replayed += "Idempotent-Replayed" in answer.headers
        told = f"the same {answer.json()['number']}" if answer.status_code == 200 else "all that is wrong at once"
        desk.say(f"{FOLLOWED}: {event['id']} by HTTP -> {answer.status_code}, {told}")
        _show_faults(desk, event["id"], answer.json().get("problems", ()))
    if list(codes.values()) != [200, 422]:
        raise Complaint(f"intake answered otherwise than it should by HTTP: {codes}")
    return len(codes), replayed


def _carry(desk: Desk, pilot: str) -> None:
    """Look-over, expertise with a question to the applicant, council, agreement, launch, the first result."""
    card = desk.ask(INTAKE, f"/v1/applications/{pilot}", Role.OFFICER, lambda a: a.status_code == 200)
    desk.do(INTAKE, f"/v1/applications/{pilot}/acceptance", Role.OFFICER, None, card.headers["ETag"])
    login = desk.logins[FOLLOWED]
    concluded = review(
        desk, pilot, before_opinions=lambda: ask_and_answer(desk, pilot, FOLLOWED, partial(publish, login))
    ).json()
    desk.say(f"conclusion {concluded['conclusions'][-1]['number']}")
    launched(desk, pilot)
    desk.say(f"the register: {measured(desk, FOLLOWED, pilot)} % of the way to the target")


def _name_people(desk: Desk) -> None:
    """Calls the demo's people in the services as on the page where they sign in: experts by an operator, the others
    by themselves, where their role keeps a name. Raises Complaint."""
    for one in PEOPLE:
        said, role = {"name": one.name, "email": None, "phone": None}, one.roles[0]
        if role is Role.EXPERT:
            answers = [desk.call("PUT", EXPERTISE, f"/v1/experts/{one.id}/person", Role.OPERATOR, body=said)]
        else:
            services = (EXPERTISE, REGISTRY)
            answers = [desk.call("PUT", name, "/v1/me/person", role, sub=one.id, body=said) for name in services]
        for answer in answers:
            if answer.is_error and answer.status_code != 403:
                raise Complaint(f"The name of {one.id} was refused: {answer.text[:300]}")


def _carry_others(desk: Desk, ids: Mapping[str, str], say: Say) -> None:
    """Every other pilot to its end, some at a time. Raises Complaint."""
    quiet = replace(desk, console=Console(quiet=True))
    ends.prepare(quiet)
    _name_people(quiet)
    first = event_id(*_followed())
    others = [(a, p, ids[event_id(a, p)]) for a, p in sample() if event_id(a, p) in ids and event_id(a, p) != first]
    with task(say, "officials at work, pilots", len(others)) as working, ThreadPoolExecutor(HANDS) as pool:
        doing = [pool.submit(ends.bring, quiet, *one) for one in others]
        try:
            for one in as_completed(doing):
                one.result()
                working.advance()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    for end, count in Counter(pilot.end for _, pilot, _ in others).items():
        desk.say(f"{count:3} {end.replace('-', ' ')}")


def _replicate(desk: Desk, ids: dict[str, str]) -> None:
    """Another agency copies the pilot that is scaled: its application names the number of the case."""
    by_own = {pilot.own: ids.get(event_id(agency, pilot)) for agency, pilot in sample()}
    for agency, pilot in sample():
        if pilot.replicates is None:
            continue
        case = by_own[pilot.replicates]
        number = desk.call("GET", REGISTRY, f"/v1/pilots/{case}", Role.REGISTRAR).json()["number"]
        one = submitted(agency, pilot, datetime.now(UTC), replicates=number)
        asyncio.run(publish(desk.logins[agency.code], {agency.code: [one]}))
        id_ = str(heard(desk.logins[agency.code], agency.code, {one["id"]})[one["id"]]["pilot"])
        ends.bring(replace(desk, console=Console(quiet=True)), agency, pilot, id_)
        path = f"/v1/pilots/{case}/replicas"
        desk.ask(REGISTRY, path, Role.REGISTRAR, partial(_names, id_))
        desk.say(f"{number} is scaled; {agency.code} carries out its replica")


def _names(pilot: str, answer: httpx.Response) -> bool:
    return pilot in answer.text


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


def _show_trace(desk: Desk, pilot: str, trace: str) -> int:
    """The trace that began with the agency's event, as soon as its last spans have come in; how many services it has
    been in. Raises Complaint."""
    desk.console.rule("One trace, from the agency's event to the register")
    deadline = time.monotonic() + PATIENCE
    wanted = {INTAKE, EXPERTISE, REGISTRY}
    while True:
        spans = [s for s in spans_of(desk.stack.folder / "traces.sqlite", trace) if "pilot.id" in s.attributes]
        crossed = {s.service for s in spans}
        if crossed >= wanted:
            break
        if time.monotonic() > deadline:
            raise Complaint(
                f"the trace of pilot {pilot} did not cross all services", found={"trace_services": len(crossed)}
            )
        time.sleep(0.1)
    desk.console.print(tree(Trace(trace, spans)))
    return len(crossed)


def _count(desk: Desk, posted: int, replayed: int) -> Found:
    """The numbers and where the pilots stand, shown. Raises Complaint where they do not come out as they should."""
    codes = [one.code for one in agencies()]
    numbers = tally(desk, codes, posted, replayed)
    stages = Counter(row["stage"] for row in pilots(desk) if row["agency"] in codes)
    parts = " + ".join(f"{numbers[name]} {name.replace('_', ' ')}" for name in PARTS)
    desk.say(f"{numbers['published']} published = {parts}; difference: {numbers['balance']}")
    table = Table("stage in the register", "pilots", box=None)
    for stage, count in stages.most_common():
        table.add_row(stage, str(count))
    desk.console.print(table)
    found = {**numbers, "stages": dict(stages)}
    wanted = Counter(str(ends.STAGES[pilot.end]) for _, pilot in sample() if pilot.end in ends.STAGES)
    if stages != wanted:
        raise Complaint(f"the pilots are not where they were led: {dict(stages)} and not {dict(wanted)}", found=found)
    if numbers["balance"]:
        raise Complaint(f"{numbers['balance']} applications are not accounted for", found=found)
    return found


# ---- real input


def run_inventory(desk: Desk, path: Path, say: Say = silent) -> Found:
    """Every row of the real inventory, each from its own agency's topic, and what became of it."""
    how = described_by(INVENTORY)
    _, read = read_file(path, how, say)
    system = System(desk.stack.urls[INTAKE], desk.stack.backends.kafka, desk.stack.token, partial(_enter, desk))
    began = time.monotonic()
    found, wrong = imported(system, how, read, say)
    codes = {row.agency for row in read if row.agency is not None}
    desk.say(f"{found['published']} use cases of {len(codes)} agencies")
    _await_entered(desk, found["registered"], codes)
    took = time.monotonic() - began
    desk.say(f"after {took:.1f} s: {found['registered']} in the register, {found['rejected']} refused")
    table = Table("what was wrong", "times", box=None)
    blocking = (one for one in wrong if one.problem.severity == "block")
    for rule, times in Counter(f"{one.problem.pointer} {one.problem.rule}" for one in blocking).most_common():
        table.add_row(rule, str(times))
    desk.console.print(table)
    return {**found, "seconds": round(took, 1)}


def _await_entered(desk: Desk, wanted: int, agencies: set[str]) -> None:
    deadline = time.monotonic() + REGISTER_WITHIN
    while (entered := sum(1 for row in pilots(desk) if row["agency"] in agencies)) != wanted:
        if time.monotonic() > deadline:
            raise Complaint(f"the register has {entered} of {wanted} pilots")
        time.sleep(1)
