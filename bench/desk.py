"""A desk before three services whose databases are full: cases in the expertise, each with its pilot in the register,
applications at intake, people with names. Everything answers over HTTP; nothing moves by itself."""

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx

from bench.applications import write_applications
from bench.cases import APPROVERS, OPERATORS, Made, cases, expert_id, present, write, write_people
from bench.copies import Copies, Copy
from bench.filling import fill
from bench.operations import collecting, park_some
from bench.pilots import Shelf
from bench.portal import CODE, PERSON, decided_ids, write_portal
from bench.remembered import write_remembered
from bench.serving import serving
from contracts.event import wire_moment
from contracts.expertise import TermNearingV1
from contracts.reference import Role
from contracts.steps import Person
from contracts.topics import DESK, EXPERTISE, INTAKE, REGISTRY, SERVICES
from deploy.complaint import Complaint
from deploy.local import keys
from deploy.local.backends import Backends
from deploy.local.databases import build_indexes
from deploy.local.ports import Ports
from deploy.progress import Say, silent, task
from services.chassis import persons
from services.chassis.run import utc_now
from services.chassis.service import Service
from services.chassis.store import Row, Store, open_client
from services.desk.session import Sessions, SignedIn
from services.expertise.handlers import NOTICES
from services.expertise.service import SERVICE as EXPERTISES
from services.intake.service import SERVICE as INTAKES
from services.registry.domain.stages import Stage
from services.registry.service import SERVICE as REGISTRYS

INDEXED: Final[Mapping[str, Service]] = {EXPERTISE: EXPERTISES, INTAKE: INTAKES, REGISTRY: REGISTRYS}
HOURS: Final = 12.0
INDEX_WITHIN: Final = 900.0
"""Seconds within which the register must have made its search indexes of what was filled in."""
SAMPLE: Final = 200
"""Of so many things of a kind pages are asked for, one after another."""
MANY_NOTICES: Final = 60
REMEMBERED: Final = 40
"""So many pilots have a timeline."""
CARRIED_OUT: Final = (Stage.EXPEDIENT, Stage.AGREED, Stage.RUNNING, Stage.SUSPENDED, Stage.FINISHED)
"""Where a pilot of a decided submission may stand in the register."""
FOR_EACH: Final = 20
"""The register has so many pilots for each decided submission, of which about one in four stands so."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A running desk; `cookies` are those of somebody in each role, `some` are ids of what there is, by kind."""

    url: str
    cookies: Mapping[Role, tuple[str, str]]
    some: Mapping[str, Sequence[str]]
    seconds: float

    def client(self, role: Role | None) -> httpx.AsyncClient:
        """A browser of somebody in a role, or of anybody, as far as addresses and compression go."""
        cookies = dict([self.cookies[role]]) if role else {}
        headers = {"Accept-Encoding": "gzip"}
        return httpx.AsyncClient(base_url=self.url, cookies=cookies, headers=headers, timeout=60, trust_env=False)


@asynccontextmanager
async def filled(
    backends: Backends, opened: int, closed: int, experts: int, applications: int, pilots: int, say: Say = silent
) -> AsyncIterator[Filled]:
    """Fills databases of their own, the register's with `pilots` at least, and starts everything on them; they are gone
    afterwards."""
    began, mark, ports = time.monotonic(), f"bench_{uuid4().hex[:8]}", Ports.free()
    client = open_client(backends.mongo_url)
    names = {name: f"{mark}_{name}" for name in (*SERVICES, DESK)}
    stores = {name: Store(client, database) for name, database in names.items()}
    try:
        some = await _fill(stores, opened, closed, experts, applications, pilots, say)
        async with AsyncExitStack() as running:
            urls = dict[str, str]()
            for name in SERVICES:
                folder = {"LOTSMAN_INDEX_DIR": str(backends.folder / mark / name)}
                urls[name] = await running.enter_async_context(
                    serving(backends, name, names[name], ports, folder, say=say)
                )
            with task(say, "the register makes its search indexes"):
                await _indexed(urls[REGISTRY], backends.folder, some["case"][0])
                some["public"] = await _public(urls[REGISTRY])
            kept = backends.folder / mark / "traces"
            collector, traced = running.enter_context(collecting(kept, backends.folder, ports))
            some |= traced
            own = {f"LOTSMAN_DESK_{name.upper()}_URL": url for name, url in urls.items()}
            own["LOTSMAN_DESK_COLLECTOR_URL"] = collector
            own["LOTSMAN_DESK_READERS"] = "1000000/minute"
            own["LOTSMAN_DESK_URL"] = f"http://127.0.0.1:{ports[DESK]}"
            url = await running.enter_async_context(serving(backends, DESK, names[DESK], ports, own, say=say))
            cookies = await _signed_in(stores[DESK], backends.folder, url, some["expert"][0])
            yield Filled(url, cookies, some, time.monotonic() - began)
    finally:
        for name in names.values():
            await client.drop_database(name)
        await stores[DESK].close()
        shutil.rmtree(backends.folder / mark, ignore_errors=True)


async def _fill(
    stores: Mapping[str, Store], opened: int, closed: int, experts: int, applications: int, pilots: int, say: Say
) -> dict[str, list[str]]:
    now, seated, made = present(), Counter[str](), list[Made]()

    def seen(one: Made) -> None:
        writing.advance()
        seated.update(one.case.seated)
        made.append(one)

    known = await write_people(stores[EXPERTISE], now, experts)
    with task(say, "making cases", opened + closed) as writing:
        await write(stores[EXPERTISE], cases(opened, closed, known, now), seen)
    await _name_people(stores[EXPERTISE], experts)
    await _notify(stores[EXPERTISE], OPERATORS[0], [one.subject for one in made][:MANY_NOTICES], now)
    decided = decided_ids(applications)
    whole = register_of(opened, closed, applications, pilots) - REMEMBERED
    with task(say, "filling the register", whole) as filling:
        copies = Copies(await asyncio.to_thread(Shelf), whole)
        await fill(stores[REGISTRY], _named(copies, [one.subject for one in made], decided), filling)
    with task(say, "filling the register with what it remembers"):
        remembered = await write_remembered(stores[REGISTRY], await asyncio.to_thread(Shelf), REMEMBERED)
    with task(say, "making applications"):
        waiting = await write_applications(stores[INTAKE], applications, now)
    with task(say, "parking records"):
        parked = await park_some(stores[INTAKE], now)
    with task(say, "building the indexes"):
        await asyncio.gather(*(build_indexes(stores[name], one.indexes) for name, one in INDEXED.items()))
    with task(say, "making the portal of an agency"):
        portal = await write_portal(stores[INTAKE], applications, now)
    busiest = seated.most_common(1)[0][0]
    opened_ones = [one for one in made if one.case.seated]
    return {
        "case": [one.subject for one in opened_ones][:SAMPLE],
        "own": [one.subject for one in opened_ones if _judges(busiest, one)][:SAMPLE],
        "application": waiting[:SAMPLE],
        "remembered": remembered,
        **parked,
        **portal,
        "expert": [busiest, *(expert_id(n) for n in range(min(SAMPLE, experts)))],
    }


def register_of(opened: int, closed: int, applications: int, pilots: int) -> int:
    """How many pilots the register has: all that a case or a decided submission is about, and `pilots` at least."""
    return REMEMBERED + max(pilots, opened + closed + FOR_EACH * len(decided_ids(applications)))


def _named(copies: Iterable[Copy], cases_: Sequence[str], decided: Sequence[str]) -> Iterator[Copy]:
    """The copies, among them those of the decided submissions and of the cases. Raises Complaint where too few stand
    where the Council's decision leads."""
    submissions, others = iter(decided), iter(cases_)
    missing = next(submissions, None)
    for copy in copies:
        if missing and copy.model.internal["stage"][0] in CARRIED_OUT:
            yield replace(copy, id=missing, agency=CODE)
            missing = next(submissions, None)
        elif case := next(others, None):
            yield replace(copy, id=case)
        else:
            yield copy
    if missing:
        raise Complaint("Too few pilots stand where the Council's decision leads: ask for more --pilots.")


def _judges(expert: str, one: Made) -> bool:
    """Whether a case is shown to the expert: no conflict hides it."""
    return expert in one.case.visible_to and expert not in one.case.hidden_from


async def _name_people(store: Store, experts: int) -> None:
    ids = [*OPERATORS, *APPROVERS, *(expert_id(n) for n in range(experts))]
    for n, one in enumerate(ids):
        said = Person(name=f"Примеров Пример {n}", email=f"primer-{n}@example.test")
        await persons.keep(store, one, said, utc_now())


async def _notify(store: Store, person: str, pilots: Sequence[str], now: datetime) -> None:
    rows: list[Row] = [
        {
            "_id": f"bench:{pilot}",
            "person": person,
            "pilot": pilot,
            "kind": "due",
            "fact": TermNearingV1.TYPE,
            "time": wire_moment(now - timedelta(hours=n)),
            "what": {},
            "by": None,
            "read": None,
            "mailed": None,
        }
        for n, pilot in enumerate(pilots)
    ]
    await store.add(NOTICES, rows)


async def _indexed(url: str, folder: Path, pilot: str) -> None:
    """Returns when pilots like another one are found. Raises Complaint."""
    bearer = keys.token(folder, [Role.AUDITOR])
    deadline = time.monotonic() + INDEX_WITHIN
    headers = {"Authorization": f"Bearer {bearer}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=30) as client:
        while (answer := await client.get(f"/v1/pilots/{pilot}/similar")).status_code != 200:
            if time.monotonic() > deadline:
                raise Complaint(f"The register has no search indexes: {answer.status_code} {answer.text[:300]}")
            await asyncio.sleep(0.2)


async def _public(url: str) -> list[str]:
    """Pilots that the public sees, once there are figures of them, too. Raises Complaint."""
    deadline = time.monotonic() + INDEX_WITHIN
    async with httpx.AsyncClient(base_url=f"{url}/public/v1", trust_env=False, timeout=60) as client:
        while (answer := await client.get("/money", params={"limit": 1})).status_code != 200:
            if time.monotonic() > deadline:
                raise Complaint(f"The register has no figures: {answer.status_code} {answer.text[:300]}")
            await asyncio.sleep(0.5)
        listed = (await client.get("/pilots", params={"limit": SAMPLE})).json()
        return [one["id"] for one in listed["items"]]


async def _signed_in(store: Store, folder: Path, url: str, expert: str) -> dict[Role, tuple[str, str]]:
    """Somebody in each role, signed in without a provider: what it would say is written down as the desk does."""
    people = {
        Role.OPERATOR: OPERATORS[0],
        Role.EXPERT: expert,
        Role.APPROVER: APPROVERS[0],
        Role.OFFICER: "officer-1",
        Role.AUDITOR: "auditor-1",
        Role.ADMIN: "admin-1",
        Role.REGISTRAR: "registrar-1",
        Role.OPS: "ops-1",
        Role.HEAD_ORGANISATION: "head-1",
        Role.PUBLISHER: PERSON,
    }
    sessions, cookie = Sessions(store, HOURS * 3600, utc_now), f"lotsman_{url.rpartition(':')[2]}"
    found = dict[Role, tuple[str, str]]()
    for role, person in people.items():
        organisation = CODE if role is Role.PUBLISHER else None
        token = keys.token(folder, [role], organisation, person, HOURS)
        who = SignedIn(person, f"Примеров {role}", (str(role),), organisation, token, time.time() + HOURS * 3600)
        found[role] = cookie, (await sessions.begin(who)).cookie
    return found
