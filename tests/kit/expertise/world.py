"""The expertise service in tests: its real engine and app on a real mongod, fed with facts of intake, asked by HTTP."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import quote

import httpx
from fastapi import FastAPI

from contracts.event import Actor, wire_moment
from contracts.intake import (
    ApplicationAcceptedV1,
    ClarificationRegisteredV1,
)
from contracts.reference import Application, ItemAnswer, Met
from contracts.reference import Clock as Clock_
from contracts.rules import RuleBook
from contracts.topics import fact_topic
from deploy.samples import expertise as say
from deploy.samples.common import BOOK, EDITION, body, party, with_switches
from services.chassis.engine import Engine
from services.chassis.fold import state_json
from services.chassis.store import Store
from services.chassis.subject import Record
from services.chassis.web import make_app
from services.expertise.api import make_router
from services.expertise.documents.press import Press
from services.expertise.domain.state import Case
from services.expertise.handlers import preparing
from services.expertise.service import SERVICE
from tests.kit.calendars import CALENDARS
from tests.kit.common import with_numbers
from tests.kit.engine.tiny import Broker, Clock, numbered, wire
from tests.kit.people import Person, Tokens

OFFICER = Actor(id="officer-1", role="officer")
OPERATOR, APPROVER = "operator-1", "approver-1"
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BASIS = {"body": "Совет", "kind": "протокол", "number": "5", "date": "2026-03-02"}


def book(*switches: str, **numbers: int) -> RuleBook:
    """The rule book with switches of `by-2024` turned on and some of its numbers changed."""
    return with_switches(EDITION, with_numbers(EDITION, BOOK, **numbers), **dict.fromkeys(switches, True))


def application(title: str = "Запись к врачу", **other: Any) -> Application:
    return Application(
        **{
            "title": title,
            "problem": "Пациенты ждут.",
            "solution": "Электронная очередь.",
            "sector": "health",
            "initiator": party("700000112"),
            "customer": party("700000125"),
            **other,
        }
    )


OP = Person(OPERATOR, ("operator",))
AP = Person(APPROVER, ("approver",))


def expert(id_: str) -> Person:
    return Person(id_, ("expert",))


class World:
    """One running service."""

    def __init__(self, store: Store, rules: RuleBook, name: str = "w") -> None:
        self.store = store
        self.clock = Clock(MONDAY)
        self.broker = Broker()
        self.rules = rules
        self.engine = self.replica(name)
        self.app = self.served(self.engine)
        self._read = 0
        self._sequences: dict[str, int] = {}
        self._keys = numbered("k")
        self.press = Press(self.engine, rules)

    def replica(self, name: str, on: object = None) -> Engine:
        """A further engine on the same store."""
        service = replace(SERVICE, prepare=preparing(self.rules))
        return Engine(
            service,
            cast(Store, on or self.store),
            self.broker,
            now=self.clock,
            new_id=numbered(name),
            calendars=CALENDARS,
        )

    def served(self, engine: Engine) -> FastAPI:
        """The HTTP side of an engine."""
        app = make_app("Lotsman expertise", Tokens(), engine, {})
        app.include_router(make_router(self.rules))
        return app

    async def prepare(self) -> "World":
        await self.store.prepare(SERVICE.indexes)
        return self

    # ---- what comes from Kafka

    async def fact(self, pilot: str, type_: str, **data: Any) -> None:
        """A fact of intake, and whatever follows from it."""
        sequence = self._sequences.get(pilot, 0) + 1
        self._sequences[pilot] = sequence
        value = wire("intake", pilot, sequence, {"actor": OFFICER.model_dump(), **data}, type_=type_)
        await self.engine.records([Record(fact_topic("intake"), 0, sequence, pilot.encode(), value)])
        await self.settle()

    async def opened(self, pilot: str, *, submission: int = 1, met: Sequence[Met] = (), **other: Any) -> None:
        """The application of a pilot was accepted."""
        await self.fact(
            pilot,
            ApplicationAcceptedV1.TYPE,
            agency="vedomstvo",
            number=f"N-{pilot}",
            edition="by-2024",
            application=application(**other).model_dump(mode="json"),
            submission=submission,
            met=[one.model_dump(mode="json") for one in met],
        )

    async def answered(self, pilot: str, request: str, *answers: ItemAnswer, **other: Any) -> None:
        """The applicant answered."""
        await self.fact(
            pilot,
            ClarificationRegisteredV1.TYPE,
            **self._about(pilot),
            request=request,
            answers=[one.model_dump(mode="json") for one in answers],
            application=application(**other).model_dump(mode="json"),
            open_items=[],
        )

    def _about(self, pilot: str) -> dict[str, Any]:
        received = wire_moment(self.clock())
        return {"agency": "vedomstvo", "number": f"N-{pilot}", "event_id": "e-1", "received": received}

    async def settle(self) -> None:
        """Sends all facts, has the service read its own and print, until nothing follows any more."""
        topic = fact_topic("expertise")
        while True:
            await self.engine.outbox.flush()
            fresh = [m for m in self.broker.log[self._read :] if m.topic == topic]
            self._read = len(self.broker.log)
            if not fresh and not await self.press.turn():
                return
            for place, one in enumerate(fresh, self._read):
                await self.engine.records([Record(topic, 0, place, one.key.encode(), one.value)])

    # ---- what is asked over HTTP

    async def ask(
        self,
        method: str,
        path: str,
        who: Person | None = OP,
        body: object = None,
        *,
        etag: str | None = None,
        key: str | None = None,
        app: FastAPI | None = None,
    ) -> httpx.Response:
        """One request. A command gets an Idempotency-Key of its own unless one is given."""
        headers = {"Authorization": f"Bearer {who.token}"} if who is not None else {}
        if method != "get":
            headers["Idempotency-Key"] = key or self._keys()
        if etag is not None:
            headers["If-Match"] = etag
        transport = httpx.ASGITransport(app=app or self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, f"/v1{path}", headers=headers, json=body)

    async def get(self, path: str, who: Person = OP) -> Any:
        """What a good GET answers."""
        answer = await self.ask("get", path, who)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def etag(self, pilot: str, path: str = "/reviews/") -> str:
        """How the case stands now, as the engine knows it."""
        found = await self.engine.documents([pilot])
        return f'"{found[pilot].rev}"'

    async def do(self, pilot: str, what: str, who: Person = OP, body: object = None, **more: Any) -> httpx.Response:
        """A command on a case as it stands, and what follows; it must be carried out."""
        answer = await self.ask("post", f"/reviews/{pilot}/{what}", who, body, etag=await self.etag(pilot), **more)
        assert answer.status_code == 200, answer.text
        await self.settle()
        return answer

    async def refused(self, pilot: str, what: str, who: Person = OP, body: object = None) -> str:
        """The code that a command on a case as it stands is refused with."""
        answer = await self.ask("post", f"/reviews/{pilot}/{what}", who, body, etag=await self.etag(pilot))
        assert answer.status_code >= 400, answer.text
        return str(answer.json()["title"])

    async def enter(self, id_: str, *, organisation: str = "790000031", **other: Any) -> None:
        """An expert's entry in the directory; an operator's own is entered by another one."""
        by = OP if id_ != OPERATOR else Person("operator-2", ("operator",))
        entry = await self.ask("put", f"/experts/{quote(id_)}", by, entry_of(organisation, **other))
        assert entry.status_code == 200, entry.text
        await self.settle()

    async def seat(self, pilot: str, *experts: str, accept: bool = True) -> None:
        """Assigns experts, who accept."""
        for one in experts:
            await self.do(pilot, "assignments", OP, {"expert_id": one})
            if accept:
                await self.do(pilot, "acceptance", expert(one))

    async def judge(self, pilot: str, id_: str, **other: Any) -> None:
        """An expert's opinion."""
        await self.do(pilot, "opinion", expert(id_), opinion(**other))

    async def conclude(self, pilot: str, **other: Any) -> str:
        """The conclusion, approved and numbered; its number."""
        await self.do(pilot, "conclusion", OP, {"verdict": "positive", "text": "Целесообразно.", **other})
        await self.do(pilot, "conclusion/approval", AP)
        return str((await self.get(f"/reviews/{pilot}"))["conclusions"][-1]["number"])

    async def everything(self) -> str:
        """All that is stored and all that was sent, as text."""
        texts = [message.value.decode() for message in self.broker.log]
        texts += [str(message.headers) for message in self.broker.log]
        for name in await self.store.collections():
            texts += [str(row) for row in await self.store.rows(name, {}, sort=[("_id", 1)], limit=100_000)]
        return "\n".join(texts)


def entry_of(organisation: str = "790000031", **other: Any) -> dict[str, Any]:
    """The body of an expert's entry."""
    return {
        "edition": "by-2024",
        "organisation": {"scheme": "BY-UNP", "value": organisation},
        "competences": ["health"],
        "capacity": 20,
        **other,
    }


def opinion(value: int = 4, **other: Any) -> dict[str, Any]:
    """The body of an opinion."""
    return {**body(say.opinion(value=value, text="Да.")), **other}


REMARK = {"code": "effect-unclear", "text": "Эффект не измерен.", "severity": "critical", "must_fix": True}
WHY = {"why": "Так надо."}
BODIES: Mapping[str, Any] = {
    "/reviews/{pilot}/release": WHY,
    "/reviews/{pilot}/assignments": {"expert_id": "expert-a"},
    "/reviews/{pilot}/assignments/{expert}/release": WHY,
    "/reviews/{pilot}/assignments/{expert}/handover": {"to": "expert-a", **WHY},
    "/reviews/{pilot}/conflicts": {"text": "Работали вместе."},
    "/reviews/{pilot}/conflicts/{expert}/dismissal": WHY,
    "/reviews/{pilot}/conflicts/{expert}/confirmation": WHY,
    "/reviews/{pilot}/requests": {"items": [{"id": "a", "text": "Что?"}], "on_expiry": "decide"},
    "/reviews/{pilot}/extensions": {"term": "expertise", **WHY},
    "/reviews/{pilot}/return": {"reasons": [{"code": "other"}]},
    "/reviews/{pilot}/refusal": {"reasons": [{"code": "other"}]},
    "/reviews/{pilot}/conclusion": {"verdict": "positive", "text": "Да."},
    "/reviews/{pilot}/conclusion/sending-back": WHY,
    "/reviews/{pilot}/appeal": {"grounds": "Не согласны.", "basis": BASIS},
    "/reviews/{pilot}/appeal/decision": {"outcome": "upheld", "basis": BASIS, **WHY},
    "/reviews/{pilot}/decline": WHY,
    "/reviews/{pilot}/opinion": opinion(),
    "/assignments": {"items": [{"pilot": "{pilot}", "etag": '"1"', "expert_id": "expert-a"}]},
    "/experts/{expert}": entry_of(),
    "/experts/{expert}/person": {"name": "Образцова Мария Примеровна"},
    "/experts/{expert}/person/erasure": {"basis": BASIS},
    "/experts/{expert}/handover": WHY,
    "/teams/{code}": {"name": "Группа", "members": ["operator-1"], "sectors": ["health"]},
    "/exports": {"list": "cases", "filters": {"view": "open"}, "format": "jsonl", "why": "Отчёт за год."},
    "/me/notices/read": {"ids": ["n-1"]},
    "/me/person": {"name": "Образцова Мария Примеровна"},
}
"""A body that fits, for every route of the expertise that needs one."""


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Every route of the service itself: its method and its path without `/v1`."""
    paths: Mapping[str, Any] = app.openapi()["paths"]
    return [
        (method, path.removeprefix("/v1"))
        for path, item in paths.items()
        for method in item
        if path.startswith("/v1/") and not path.startswith(("/v1/parked", "/v1/withheld", "/v1/reading", "/v1/balance"))
    ]


def filled(path: str, **names: str) -> str:
    """A path with its places filled in."""
    for name, value in names.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return path


def body_of(path: str, pilot: str) -> Any:
    """The body of a route, about this case where it names one."""
    found = BODIES.get(path)
    return json.loads(json.dumps(found).replace("{pilot}", pilot)) if found is not None else None


# ---- many cases, as they would be after years

SECTORS = ("health", "transport", "education", "industry", "construction")
AGENCIES = tuple(f"agency-{n}" for n in range(20))
EXPERTS = tuple(f"expert-{n:03}" for n in range(100))
OPERATORS = tuple(f"operator-{n}" for n in range(10))


async def templates(world: World) -> list[str]:
    """A case for each place where one can stand; their ids, the two that are not open any more last."""
    for name in ("expert-a", "expert-b"):
        await world.enter(name, capacity=1000)
    names = ["fresh", "offered", "accepted", "one-opinion", "all-opinions", "drafted", "asked", "conflict", "concluded"]
    for name in (*names, "closed"):
        await world.opened(name)
        if name != "fresh":
            await world.do(name, "claim")
    for name in names[1:]:
        await world.seat(name, "expert-a", "expert-b", accept=name != "offered")
    for name in names[3:6]:
        await world.judge(name, "expert-a", text="Мнение. " * 100)
    for name in names[4:6]:
        await world.judge(name, "expert-b")
    await world.do("drafted", "conclusion", OP, {"verdict": "positive", "text": "Да."})
    await world.do("asked", "requests", OP, {"items": [{"id": "a", "text": "Что?"}], "on_expiry": "decide"})
    await world.do("conflict", "conflicts", OP, {"expert_id": "expert-a", "text": "Родственник."})
    for name in ("expert-a", "expert-b"):
        await world.judge("concluded", name)
    await world.conclude("concluded")
    await world.do("closed", "return", OP, {"reasons": [{"code": "other"}]})
    return [*names, "closed"]


async def multiply(world: World, count: int) -> None:
    """Copies of all templates, `count` of them open: other numbers, parties, people and dates, told at random."""
    chance = random.Random(7)
    rows = [await world.store.get("subjects", name) for name in await templates(world)]
    whole = [(row, Case.model_validate(row["state"])) for row in rows if row is not None]
    made = list[dict[str, Any]]()
    for number in range(count + count // 4):
        row, case = whole[number % 8] if number < count else whole[8 + number % 2]
        made.append(_copy(row, case, number, chance))
    for start in range(0, len(made), 1000):
        await world.store.put("subjects", made[start : start + 1000])


def _copy(row: Mapping[str, Any], case: Case, number: int, chance: random.Random) -> dict[str, Any]:
    later = timedelta(hours=chance.randrange(-400, 400))
    people = dict(zip(("expert-a", "expert-b"), chance.sample(EXPERTS, 2), strict=True))
    changed = case.model_copy(
        update={
            "number": f"ПП-2026-{number:06}",
            "agency": chance.choice(AGENCIES),
            "operator": chance.choice(OPERATORS) if case.operator else None,
            "application": case.application.model_copy(update={"sector": chance.choice(SECTORS)}),
            "opened": case.opened + later,
            "round": 1 + (number % 50 == 0),
            "terms": tuple(one.model_copy(update={"clock": _later(one.clock, later)}) for one in case.terms),
            "places": tuple(
                one.model_copy(update={"seat": one.seat.model_copy(update={"expert_id": people[one.expert]})})
                for one in case.places
            ),
            "conflicts": tuple(one.model_copy(update={"expert_id": people[one.expert_id]}) for one in case.conflicts),
        }
    )
    return {**row, "_id": f"pilot-{number:06}", "state": state_json(changed), "due": None, "outbox": []}


def _later(clock: Clock_, by: timedelta) -> Clock_:
    moved = {name: value + by for name, value in dict(clock).items() if value is not None}
    return clock.model_copy(update=moved)
