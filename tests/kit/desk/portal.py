"""The portal on a port of this machine, before the real intake on a real mongod and a register that knows a little.

Intake's engine has no Kafka behind it: what the other services say is fed to it, as their topics would.
"""

import asyncio
import base64
import json
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, TypeVar, cast
from uuid import uuid4

import httpx
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from contracts.event import Actor, Basis
from contracts.expertise import ConclusionIssuedV1, InformationRequestedV1
from contracts.reference import Expediency, OnExpiry, Remark, RequestItem, ReturnReason, Role, Scope, Verdict
from contracts.registry import ExpediencyDecidedV1
from contracts.steps import AgencyEntry, ApplicationReturn, EditionFrom, KeyOrder, Quota
from contracts.topics import EXPERTISE, INTAKE
from deploy.local import demo_desk
from services.chassis.auth import Caller
from services.chassis.engine import Engine
from services.chassis.run import utc_now
from services.chassis.settings import Settings
from services.chassis.store import BY_ID, SUBJECTS, Row, Store, open_client
from services.chassis.subject import Claimed, Done, Input
from services.chassis.web import make_app
from services.desk.app import make_pages
from services.desk.clients import Clients
from services.desk.process import make_desk
from services.desk.settings import DeskSettings
from services.intake.api import make_router
from services.intake.domain.agency_keys import Fresh, IssueKey
from services.intake.domain.commands import Accept
from services.intake.importing.work import Importer
from services.intake.service import RULES
from services.intake.service import SERVICE as INTAKES
from tests.kit.calendars import CALENDARS
from tests.kit.desk.memory import Memory
from tests.kit.engine.tiny import Broker, numbered
from tests.kit.intake.sides import said

STARTS_WITHIN: Final = 60.0
OFFICER: Final = Actor(id="of-1", role="officer")
OPERATOR: Final = Actor(id="op-1", role="operator")
OWN, OTHER = "demo-health", "demo-transport"
NAMES: Final = {OWN: "Ведомство здоровья", OTHER: "Ведомство дорог"}
KEY: Final = "Ключ программы учёта"
ITEMS: Final = (
    RequestItem(id="why", text="Почему пациенты ждут?"),
    RequestItem(id="end", text="Когда закончите?", field="planned_end"),
)
T = TypeVar("T")


class Provider:
    """Stands for the identity provider: it reads the tokens that the page of demo people makes."""

    def remembered(self, _token: str) -> None:
        """Every token is looked at."""

    async def caller(self, token: str) -> Caller:
        """Who the token speaks for."""
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        organisation = next((claims[name] for name in ("org",) if name in claims), None)
        return Caller(claims["sub"], frozenset(claims["roles"]), organisation)


@dataclass
class Portal:
    """A running portal. `away`: the services that do not answer; `lost`: paths of intake whose next answer comes to
    nobody, though what was sent has been taken; `similar`: what the register says is similar; `carried_out`: the pilots
    whose next report it counts, and `late` whether that is overdue."""

    url: str
    loop: asyncio.AbstractEventLoop
    engine: Engine
    away: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    late: bool = False
    similar: list[dict[str, Any]] = field(default_factory=list)
    carried_out: list[str] = field(default_factory=list)
    asked: list[httpx.Request] = field(default_factory=list)
    sequences: dict[str, int] = field(default_factory=dict)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Something done where intake runs."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def accept(self, pilot: str) -> None:
        """An officer takes an application to expertise."""
        mark = Claimed("person:of-1", f"accept-{pilot}", "d")
        assert isinstance(self.do(self.engine.command(Input(pilot, mark, Accept(), OFFICER, f"of-1:{pilot}"))), Done)

    def give_back(self, pilot: str) -> None:
        """An officer returns an application: documents are missing."""
        back = ApplicationReturn(reasons=(ReturnReason(code="documents-missing", note="Нет расчёта."),))
        mark = Claimed("person:of-1", f"return-{pilot}", "d")
        assert isinstance(self.do(self.engine.command(Input(pilot, mark, back, OFFICER, f"of-1:{pilot}:back"))), Done)

    def tell(self, fact: Any, pilot: str) -> None:
        """A fact of the expertise about a pilot comes to intake."""
        series = f"{fact.TYPE.split('.')[1]}/{pilot}"
        self.sequences[series] = self.sequences.get(series, 0) + 1
        after = self.do(self.engine.documents([pilot]))[pilot].version
        seen = None if series.startswith(EXPERTISE) else self.sequences[f"{EXPERTISE}/{pilot}"]
        self.do(self.engine.records([said(fact, self.sequences[series], pilot, after, seen)]))

    def request(self, pilot: str) -> None:
        """The expertise asks the applicant for two things."""
        due = utc_now() + timedelta(days=9)
        fact = InformationRequestedV1(
            actor=OPERATOR,
            round=1,
            request="r-1",
            items=ITEMS,
            on_expiry=OnExpiry.RETURN,
            due_at=due,
            at=utc_now(),
            stops_clock=True,
        )
        self.tell(fact, pilot)

    def conclude(self, pilot: str) -> None:
        """The expertise concludes, positively."""
        fact = ConclusionIssuedV1(
            actor=OPERATOR,
            agency=OWN,
            round=1,
            number="ЗЭ-2026-0001",
            date=utc_now().date(),
            verdict=Verdict.POSITIVE,
            text="Целесообразно.",
            remarks=(Remark(code="costs", text="Уточнить расчёт."),),
            signers=(),
            rounds_left=1,
        )
        self.tell(fact, pilot)

    def decide(self, pilot: str) -> None:
        """The Council decides that the pilot is expedient."""
        basis = Basis(body="Совет", kind="протокол", number="П-17", date=utc_now().date())
        by = Actor(id="cs-1", role=Role.COUNCIL_SECRETARY)
        self.tell(ExpediencyDecidedV1(actor=by, decision=Expediency.EXPEDIENT, basis=basis, at=utc_now()), pilot)

    def furnish(self) -> None:
        """The agency gets a key, and a quota of its own."""
        order = KeyOrder(label=KEY, scopes=(Scope.PUBLISH,))
        self.do(_enter(self.engine, OWN, "furnished", quota=Quota(events_a_minute=777, bytes_a_minute=5_000_000)))
        self.do(_said(self.engine, OWN, "key", IssueKey(order, Fresh("0123456789abcdef", "0" * 64))))

    def flush(self) -> None:
        """What was decided is in the journals now."""
        self.do(self.engine.outbox.flush())

    def registered(self) -> dict[str, str]:
        """The registration numbers of the agency's pilots, by their titles."""
        query = {"kind": "pilot", "state.agency": OWN, "state.number": {"$gt": ""}}

        async def read() -> list[Row]:
            return await self.engine.store.rows(SUBJECTS, query, sort=BY_ID, limit=500)

        rows = self.do(read())
        return {row["state"]["application"]["title"]: row["state"]["number"] for row in rows}

    def imports(self) -> int:
        """Has what was asked for of spreadsheets done."""
        return self.do(Importer(self.engine).turn())


@contextmanager
def portal(mongo_url: str) -> Iterator[Portal]:
    """A portal with demo people; LOTSMAN_HOME must be a folder of the test's own."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    started, running = threading.Event(), list[Portal]()
    server = list[uvicorn.Server]()

    def serve() -> None:
        try:
            asyncio.run(_serve(mongo_url, url, listening, server, running, started))
        finally:
            started.set()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert started.wait(STARTS_WITHIN) and running, "it has not started"
    try:
        yield running[0]
    finally:
        server[0].should_exit = True
        thread.join(STARTS_WITHIN)


async def _serve(
    mongo_url: str,
    url: str,
    listening: socket.socket,
    server: list[uvicorn.Server],
    running: list[Portal],
    started: threading.Event,
) -> None:
    client, name = open_client(mongo_url), f"test_{uuid4().hex[:12]}"
    store = Store(client, name)
    await store.prepare(INTAKES.indexes)
    engine = Engine(INTAKES, store, Broker(), now=utc_now, new_id=numbered("e"), calendars=CALENDARS)
    for code in (OWN, OTHER):
        await _enter(engine, code)
    made = Portal(url, asyncio.get_running_loop(), engine)
    clients = Clients.of(own := DeskSettings(url=url), _Routed(made, _intake(engine)))
    desk = make_desk(own, cast(Store, Memory()), clients, demo_desk.DemoPeople())
    config = uvicorn.Config(make_pages(desk, [demo_desk.routes()]), log_level="warning", lifespan="off")
    server.append(uvicorn.Server(config))
    serving = asyncio.create_task(server[0].serve([listening]))
    while not server[0].started and not serving.done():
        await asyncio.sleep(0.02)
    running.append(made)
    started.set()
    await serving
    await clients.close()
    await client.drop_database(name)
    await store.close()


async def _enter(engine: Engine, code: str, key: str = "enter", quota: Quota | None = None) -> None:
    since = EditionFrom(edition="by-2024", since=date(2025, 1, 1))
    await _said(engine, code, key, AgencyEntry(name=NAMES[code], editions=(since,), quota=quota))


async def _said(engine: Engine, code: str, key: str, command: Any) -> None:
    """A word of an administrator to an agency's entry."""
    mark, actor = Claimed("person:admin", f"{key}-{code}", "d"), Actor(id="ad-1", role=Role.ADMIN)
    assert isinstance(await engine.command(Input(f"agency:{code}", mark, command, actor, f"{key}-{code}")), Done)


def _intake(engine: Engine) -> FastAPI:
    settings = Settings(hook_key=SecretStr(base64.urlsafe_b64encode(bytes(32)).decode()))
    app = make_app("Lotsman intake", cast(Any, Provider()), engine, {}, settings)
    app.state.agencies = INTAKES.agencies(engine.store, engine.now, settings)
    app.include_router(make_router(RULES))
    return app


class _Routed(httpx.AsyncBaseTransport):
    """Intake in this process, and a register that answers what the portal asks of it."""

    def __init__(self, portal: Portal, intake: FastAPI) -> None:
        self._portal, self._intake = portal, httpx.ASGITransport(intake)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._portal.asked.append(request)
        of_intake = str(request.url).startswith(DeskSettings(url=self._portal.url).intake_url)
        if (INTAKE if of_intake else "registry") in self._portal.away:
            raise httpx.ConnectError("refused")
        if of_intake:
            answer = await self._intake.handle_async_request(request)
            if request.url.path in self._portal.lost:
                self._portal.lost.remove(request.url.path)
                raise httpx.ReadError("the connection was lost")
            return answer
        if request.url.path == "/v1/similar":
            return httpx.Response(200, json={"items": self._portal.similar, "complete": True})
        if request.url.path in ("/v1/pilots", "/v1/search"):
            named = request.url.params.get_list("id") or self._portal.carried_out
            ids = [one for one in self._portal.carried_out if one in named]
            items = [_carried_out(one, late=self._portal.late) for one in ids]
            return httpx.Response(200, json={"items": items, "next": None})
        if (pilot := request.url.path.removeprefix("/v1/pilots/")) in self._portal.carried_out:
            return httpx.Response(200, json=_carried_out(pilot, late=self._portal.late))
        return httpx.Response(404, json={"title": "not-found", "detail": "Нет."})


def _carried_out(pilot: str, *, late: bool) -> dict[str, Any]:
    """What the portal reads of a pilot that is carried out, in the register's list and on its card."""
    now = utc_now()
    due = now + timedelta(days=-4 if late else 40)
    term = {"kind": "progress-report", "due_at": due.isoformat(), "breached": late}
    until = (now + timedelta(days=400)).date().isoformat()
    return {"id": pilot, "stage": "running", "next_move": "executor", "term": term, "until": until}
