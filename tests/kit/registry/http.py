"""The registry service at work on a real store: fed with what other services say, asked over HTTP."""

from datetime import UTC, date, datetime
from typing import Any

import httpx

from contracts.event import Event, parse_fact
from contracts.reference import (
    Verdict,
)
from contracts.registry import REGISTRY, ApplicationOutcome, Entry, Outcome
from contracts.rules import load
from contracts.steps import Completion
from contracts.topics import fact_topic
from deploy.samples.common import party
from services.chassis.engine import Engine
from services.chassis.store import Store
from services.chassis.subject import Done, Record
from services.chassis.web import make_app
from services.registry.api import make_router
from services.registry.domain.commands import RecordConclusion, RecordReport
from services.registry.domain.evolve import evolve
from services.registry.domain.state import Pilot
from services.registry.service import SERVICE
from tests.kit.calendars import CALENDARS
from tests.kit.engine.tiny import Broker, Clock, from_source, numbered
from tests.kit.expertise.world import application
from tests.kit.people import Person, Tokens

TOPIC = fact_topic("registry")
SECRETARY = Person("secretary-1", ("council-secretary",))
REGISTRAR = Person("registrar-1", ("registrar",))
HEAD = Person("head-1", ("head-organisation",))
COMMISSION = Person("commission-1", ("commission-secretary",))
AUDITOR = Person("auditor-1", ("auditor",))
BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MEMBERS = [f"member-{n}" for n in range(1, 10)]
CRITERIA = [one.code for one in load().edition("by-2024").effectiveness.entries]
AGREEMENT = {
    "customer": party("700000125").model_dump(mode="json"),
    "executor": party("700000112").model_dump(mode="json"),
    "programme": "Три поликлиники, один год.",
    "starts": "2026-03-02",
    "until": "2027-02-28",
    "indicators": [
        {"code": "wait", "title": "Ожидание", "unit": "мин", "baseline": "34", "target": "5"},
        {"code": "share", "title": "Доля записей", "unit": "%", "baseline": "0", "target": "80"},
    ],
    "costs": [{"source": "own-money", "year": 2026, "amount_minor": 100_01, "currency": "BYN"}],
    "sector_shares": [{"sector": "health", "basis_points": 6667}, {"sector": "transport", "basis_points": 3333}],
    "region": "minsk",
}


class Register:
    """The registry service at work, fed with what other services say, asked over HTTP."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = Clock(BEGIN)
        self.broker = Broker()
        self.engine = Engine(SERVICE, store, self.broker, now=self.clock, new_id=numbered("e"), calendars=CALENDARS)
        self.app = make_app("Lotsman registry", Tokens(), self.engine, {})
        self.app.include_router(make_router())
        self._keys = numbered("k")
        self._read = 0
        self._sequences: dict[tuple[str, str], int] = {}

    async def say(self, pilot: str, *commands: object, source: str = "intake") -> None:
        """What another service said."""
        for command in commands:
            sequence = self._sequences.get((pilot, source), 0) + 1
            self._sequences[pilot, source] = sequence
            assert isinstance(await self.engine.command(from_source(pilot, source, sequence, command)), Done)

    async def settle(self) -> None:
        """Sends all facts, and has the register read its own until nothing follows any more."""
        while True:
            await self.engine.outbox.flush()
            fresh, self._read = self.broker.log[self._read :], len(self.broker.log)
            if not fresh:
                return
            own = [Record(TOPIC, 0, n, m.key.encode(), m.value) for n, m in enumerate(fresh, self._read)]
            await self.engine.records(own)

    async def enter(self, pilot: str, agency: str = "vedomstvo", **other: Any) -> None:
        """A pilot enters the register."""
        await self.say(
            pilot,
            Entry(
                agency=agency,
                number=f"N-{pilot}",
                edition="by-2024",
                submitted=self.clock(),
                application=application(**other),
            ),
        )

    async def at_council(self, pilot: str, **other: Any) -> None:
        """A pilot with a positive conclusion."""
        await self.enter(pilot, **other)
        await self.concluded(pilot)

    async def concluded(self, pilot: str) -> None:
        """One that has entered gets a positive conclusion."""
        self.clock.forward(days=1)
        await self.say(pilot, Outcome(outcome=ApplicationOutcome.ACCEPTED))
        concluded = RecordConclusion(
            round=1, number=f"З-{pilot}", date=self.today, verdict=Verdict.POSITIVE, text="Можно.", knowing=2
        )
        await self.say(pilot, concluded, source="expertise")
        self.clock.forward(days=1)

    @property
    def today(self) -> date:
        return self.clock().date()

    @property
    def basis(self) -> dict[str, str]:
        return {"body": "Совет", "kind": "протокол", "number": "5", "date": self.today.isoformat()}

    async def ask(
        self, method: str, path: str, who: Person = AUDITOR, body: object = None, **headers: str
    ) -> httpx.Response:
        """One request."""
        sent = {"Authorization": f"Bearer {who.token}", **headers}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, f"/v1{path}", headers=sent, json=body)

    async def get(self, path: str, who: Person = AUDITOR) -> Any:
        """What a good GET answers."""
        answer = await self.ask("get", path, who)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, pilot: str, what: str, who: Person, /, **body: Any) -> httpx.Response:
        """A command on a pilot as it stands, on a document of today."""
        rev = (await self.engine.documents([pilot]))[pilot].rev
        headers = {"If-Match": f'"{rev}"', "Idempotency-Key": self._keys()}
        return await self.ask("post", f"/pilots/{pilot}/{what}", who, {"basis": self.basis, **body}, **headers)

    async def do(self, pilot: str, what: str, who: Person, /, **body: Any) -> None:
        """A command that must be carried out."""
        answer = await self.post(pilot, what, who, **body)
        assert answer.status_code == 200, (what, answer.text)
        self.clock.forward(hours=1)

    async def stage(self, pilot: str) -> str:
        return str((await self.get(f"/pilots/{pilot}"))["stage"])

    async def running(self, pilot: str, **other: Any) -> None:
        """A pilot that is carried out."""
        await self.at_council(pilot, **other)
        await self.do(pilot, "expediency-decision", SECRETARY, decision="expedient")
        await self.do(pilot, "agreement", REGISTRAR, agreement=AGREEMENT)
        await self.do(pilot, "launch", REGISTRAR, started=self.today.isoformat())

    async def judged(self, pilot: str, outcome: str = "effective", **other: Any) -> None:
        """A pilot that was carried out, completed and judged."""
        await self.running(pilot, **other)
        await self.do(pilot, "commission", HEAD, members=MEMBERS, secretary="member-s")
        await self.say(pilot, RecordReport("done", Completion(finished=self.today, summary="Готово.", values=())))
        await self.do(pilot, "effectiveness-proposal", HEAD, outcome=outcome, text="Цели достигнуты.", values=VALUES)
        judged = {"outcome": outcome, "text": "Решение.", "values": VALUES, "present": MEMBERS}
        votes = {"in_favour": 9, "against": 0, "abstained": 0}
        await self.do(pilot, "judgement", COMMISSION, votes=votes, **judged)
        await self.settle()

    def facts(self, pilot: str) -> list[Event]:
        """Everything of a pilot that stands in the topic."""
        found = [parse_fact(m.value, REGISTRY) for m in self.broker.log if m.topic == TOPIC and m.key == pilot]
        return [one for one in found if isinstance(one, Event)]

    def replayed(self, pilot: str, moment: datetime) -> Pilot | None:
        """The pilot after all facts of the topic up to a moment."""
        state: Pilot | None = None
        for one in self.facts(pilot):
            if one.time <= moment:
                state = evolve(state, one.fact)
        return state


VALUES = [{"criterion": code, "value": 4, "reason": "Измерено."} for code in CRITERIA]
