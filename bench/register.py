"""How soon the register answers with many pilots in it: lists, search, facets, cards, similar ones; and its growth.

Copies of pilots that the domain's own `evolve` made go into a real mongod by bulk inserts, and into the search indexes
directly, not through Kafka; timelines are left empty, so cards are asked for as they stand now. The routes answer in
this process, one request at a time, with tokens, views and JSON as in the service; only the socket is left out. The
same questions are put to a smaller register first: quote the growth too, it holds when the machine is slow.
"""

import asyncio
import random
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
from fastapi import FastAPI

from bench.copies import Copies
from bench.filling import fill, indexed
from bench.pilots import AGENCIES, BEGIN, OFFICES, REGIONS, SECTORS, SOURCES, YEARS, Shelf
from bench.times import not_exceeded
from contracts.reference import Role
from deploy.complaint import Complaint
from deploy.local import keys
from deploy.local.backends import Backends
from deploy.local.databases import build_indexes
from deploy.progress import Say, Task, silent, task
from services.chassis.auth import Keys
from services.chassis.engine import Engine
from services.chassis.message import Message
from services.chassis.run import few_arenas, utc_now
from services.chassis.settings import Settings
from services.chassis.store import SUBJECTS, Row, Store, open_client
from services.chassis.web import make_app
from services.law.calendar import Calendars
from services.registry import views
from services.registry.api import make_router
from services.registry.domain.stages import Stage
from services.registry.finding.entries import FLAGS
from services.registry.finding.finding import Finding, begin_anew
from services.registry.service import SERVICE

SMALL: Final = 10_000
FAR: Final = 50
"""The later page that is measured beside the first one."""
PAGE: Final = 50
WARM_UP: Final = 5
SAMPLE: Final = 500
ROOM_FOR_ONE: Final = 10_000
"""Bytes of disk that a pilot may take, in the database and in both indexes together."""

Params = Mapping[str, str]
FILTERS: Final = ("", "stage", "agency", "sector", "agency+stage", "agency+sector", "sector+stage")
AS_OF_FILTERS: Final = ("", "stage", "agency", "sector", "agency+stage", "sector+stage")
PUBLIC_FILTERS: Final = ("", "stage", "agency", "sector", "year")
FOUND_BY: Final = ("sector", "region", "office", "source", "year", "flag", "region+source+year", "agency+office")
"""Filters without a word: search and facets alone have these."""


@dataclass(frozen=True, slots=True)
class Register:
    """A register full of pilots, and how to ask it."""

    app: FastAPI
    shelf: Shelf
    sample: list[Row]
    bearer: str
    dice: random.Random
    asking: Task

    async def ask(self, client: httpx.AsyncClient, path: str, params: Params, body: Any = None) -> Any:
        """One answer, parsed. Raises Complaint for anything but 200."""
        sent = client.get(path, params=params) if body is None else client.post(path, params=params, json=body)
        answer = await sent
        self.asking.advance()
        if answer.status_code != 200:
            raise Complaint(f"{path} {dict(params)}: {answer.status_code} {answer.text[:300]}")
        return answer.json()

    def client(self) -> httpx.AsyncClient:
        """A caller who may read the register."""
        headers = {"Authorization": f"Bearer {self.bearer}"}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app), base_url="http://register", headers=headers
        )


async def run(backends: Backends, pilots: int, requests: int, say: Say = silent) -> dict[str, Any]:
    """p95 in milliseconds by question, the sizes, and the same at a smaller number. Raises Complaint: no room."""
    few_arenas()  # as in the service
    free = shutil.disk_usage(backends.folder).free
    if free < pilots * ROOM_FOR_ONE:
        raise Complaint(f"{pilots} pilots need about {pilots * ROOM_FOR_ONE // 10**9} GB; {free // 10**9} are free.")
    growth = await _measured(backends, min(SMALL, pilots), requests, say)
    found = await _measured(backends, pilots, requests, say) if pilots > SMALL else dict(growth)
    return {**found, "growth": growth}


async def _measured(backends: Backends, pilots: int, requests: int, say: Say) -> dict[str, Any]:
    name = f"bench_{uuid4().hex[:8]}"
    folder = backends.folder / name
    client = open_client(backends.mongo_url)
    store = Store(client, name)
    finding = begin_anew(folder)
    try:
        began = time.perf_counter()
        with task(say, "making models of pilots"):
            shelf = Shelf()
            copies = Copies(shelf, pilots)
        with task(say, "filling the register", pilots) as filling:
            await fill(store, copies, filling, indexed(finding))
        del copies
        with task(say, "building the indexes"):
            await asyncio.gather(build_indexes(store, SERVICE.indexes), asyncio.to_thread(finding.commit, whole=True))
        finding.progress.confirmed_at = float("inf")
        filled = time.perf_counter() - began
        app = _app(backends.folder, store, finding)
        bearer = keys.token(backends.folder, [Role.AUDITOR])
        with task(say, "asking each question, answers") as asking:
            sample = await _sample(store)
            found = await questions(Register(app, shelf, sample, bearer, random.Random(2), asking), requests)
        return {
            "pilots": pilots,
            "p95_ms": {name: round(1000 * not_exceeded(times), 1) for name, times in found.items()},
            "database_mb": round(await _size(client, name) / 2**20),
            "index_mb": round(sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 2**20),
            "rss_mb": _resident("VmRSS"),
            "rss_own_mb": _resident("RssAnon"),
            "filled_in_s": round(filled, 1),
            "filled_per_s": round(pilots / filled),
        }
    finally:
        with task(say, "clearing away"):
            finding.close()
            shutil.rmtree(folder, ignore_errors=True)
            await client.drop_database(name)
            await store.close()


async def _size(client: Any, name: str) -> int:
    """Bytes of a database on the disk, with its indexes."""
    found = await client[name].command("dbStats")
    return int(found["storageSize"] + found["indexSize"])


async def _sample(store: Store) -> list[Row]:
    """Some pilots to ask for, as they were entered: ids are drawn, so the first ones by id are any."""
    rows = await store.rows(SUBJECTS, {}, sort=[("_id", 1)], limit=SAMPLE)
    return sorted(rows, key=lambda row: str(row["state"]["entered"]))


def _app(folder: Path, store: Store, finding: Finding) -> FastAPI:
    async def send(messages: Any) -> list[BaseException | None]:
        some: list[Message] = list(messages)
        return [None] * len(some)

    env = keys.service_env(folder)
    known = Keys(env["LOTSMAN_JWKS"], env["LOTSMAN_ISSUER"], env["LOTSMAN_AUDIENCE"])
    engine = Engine(SERVICE, store, send, now=utc_now, new_id=lambda: str(uuid4()), calendars=Calendars.load())
    app = make_app("Lotsman registry", known, engine, {}, Settings(public_limit="1000000/second"))
    app.include_router(make_router())
    app.state.finding = finding
    return app


# ---- the questions


async def questions(register: Register, requests: int) -> dict[str, list[float]]:
    """Seconds of every request, by question."""
    found: dict[str, list[float]] = {}
    async with register.client() as client:
        for name, params in _lists(register):
            path = "/public/v1/pilots" if name.startswith("public") else "/v1/pilots"
            with _timing(found, f"{name}, page 1") as times:
                await _repeat(register, client, times, requests, path, params)
            later = await _cursor(register, client, path, params[0])
            if later:
                with _timing(found, f"{name}, page {FAR}") as times:
                    await _repeat(register, client, times, requests, path, [{**params[0], "after": later}])
        for name, path, params in _finding(register):
            with _timing(found, name) as times:
                await _repeat(register, client, times, requests, path, params)
        bodies = [{"title": " ".join(register.shelf._some(8)), "problem": " ".join(register.shelf._some(30))}]
        with _timing(found, "similar to a draft") as times:
            await _repeat(register, client, times, requests, "/v1/similar", [{}], bodies)
    return found


@contextmanager
def _timing(found: dict[str, list[float]], name: str) -> Iterator[list[float]]:
    times: list[float] = []
    yield times
    found[name] = times


async def _repeat(
    register: Register,
    client: httpx.AsyncClient,
    times: list[float],
    requests: int,
    path: str,
    params: list[dict[str, str]],
    bodies: list[Any] | None = None,
) -> None:
    for turn in range(WARM_UP + requests):
        asked = dict(params[turn % len(params)])
        body = bodies[turn % len(bodies)] if bodies else None
        where = path.format(id=asked.pop("id")) if "{id}" in path else path
        began = time.perf_counter()
        await register.ask(client, where, asked, body)
        if turn >= WARM_UP:
            times.append(time.perf_counter() - began)


async def _cursor(register: Register, client: httpx.AsyncClient, path: str, params: Params) -> str | None:
    after: str | None = None
    for _ in range(FAR - 1):
        asked = {**params, "limit": str(PAGE)} | ({"after": after} if after else {})
        after = (await register.ask(client, path, asked))["next"]
        if after is None:
            return None
    return after


def _value(register: Register, name: str) -> str:
    public = [stage for stage in Stage if views.PUBLIC_STAGES[stage] == "always"]
    values = {
        "stage": public,
        "agency": AGENCIES,
        "sector": SECTORS,
        "year": range(BEGIN.year, BEGIN.year + YEARS),
        "region": REGIONS,
        "office": OFFICES,
        "source": SOURCES,
        "flag": FLAGS,
    }
    return str(register.dice.choice(list(values[name])))


def _choices(register: Register, names: str, count: int = 8) -> list[dict[str, str]]:
    return [{one: _value(register, one) for one in names.split("+") if one} for _ in range(count)]


def _day(register: Register) -> str:
    """A day on which the register held some of its pilots."""
    return str((BEGIN + timedelta(days=register.dice.randint(180, 365 * YEARS))).date())


def _lists(register: Register) -> Iterator[tuple[str, list[dict[str, str]]]]:
    for names in FILTERS:
        yield f"list by {names or 'nothing'}", _choices(register, names)
    for names in AS_OF_FILTERS:
        asked = [{**one, "as_of": _day(register)} for one in _choices(register, names)]
        yield f"list as of a day by {names or 'nothing'}", asked
    for names in PUBLIC_FILTERS:
        yield f"public list by {names or 'nothing'}", _choices(register, names)
    yield "counted list", [{**one, "count": "true"} for one in _choices(register, "sector")]


def _finding(register: Register) -> Iterator[tuple[str, str, list[dict[str, str]]]]:
    words, dice = register.shelf.words, register.dice
    common = [{"q": word} for word in words[:8]]
    pairs = [{"q": f"{dice.choice(words[:60])} {dice.choice(words[:60])}"} for _ in range(16)]
    rare = [{"q": dice.choice(words[8000:])} for _ in range(16)]
    numbers = [{"q": row["state"]["number"]} for row in register.sample[:50]]
    ids = [{"id": row["_id"]} for row in register.sample]
    public = [{"id": row["_id"]} for row in register.sample if views.is_public(row)]
    yield "search, common word", "/v1/search", common
    yield "search, common word, newest first", "/v1/search", [{**one, "sort": "entered"} for one in common]
    yield "search, common word, by amount", "/v1/search", [{**one, "sort": "amount"} for one in common]
    yield "search, rare word", "/v1/search", rare
    yield "search, two words", "/v1/search", pairs
    yield (
        "search, two words in a sector",
        "/v1/search",
        [{**one, "sector": _value(register, "sector")} for one in pairs],
    )
    yield "search, number", "/v1/search", numbers
    yield "search, beginning", "/v1/search", [{"q": f"{word[:4]}*"} for word in words[:16] if len(word) > 4]
    for names in FOUND_BY:
        yield f"search, by {names} alone", "/v1/search", _choices(register, names)
    yield "search, public", "/public/v1/search", pairs
    yield "search, public, by region+source+year alone", "/public/v1/search", _choices(register, "region+source+year")
    yield "facets, all", "/v1/facets", [{}]
    for names in FOUND_BY:
        yield f"facets, by {names} alone", "/v1/facets", _choices(register, names)
    yield "facets, in a region and a stage", "/v1/facets", _choices(register, "region+stage")
    yield "facets, common word", "/v1/facets", common
    yield "facets, public", "/public/v1/facets", _choices(register, "agency")
    yield "card", "/v1/pilots/{id}", ids
    yield "public card", "/public/v1/pilots/{id}", public
    yield "similar", "/v1/pilots/{id}/similar", ids[len(ids) // 2 :]


def _resident(what: str) -> int:
    """MiB of this process in memory: VmRSS all, RssAnon without the pages of files, which the system takes back."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith(what)), 0)
