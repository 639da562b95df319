"""The register with one pilot, as its own domain makes it: it shows the pilot, and decides on what is entered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from pydantic import ValidationError

from contracts.entered import enter
from contracts.event import Actor
from contracts.reference import ROLES
from contracts.steps import (
    AgreementEntry,
    AgreementFailure,
    Commission,
    Correction,
    CreditDecision,
    EarlyStop,
    ExpediencyDecision,
    Judgement,
    Launch,
    PilotExtension,
    PilotResumption,
    PilotSuspension,
    Proposal,
    ScalingDecision,
    Step,
)
from contracts.words import schema_problems
from services.chassis.problems import document, refused
from services.chassis.subject import Document
from services.law.decision import Refusal
from services.law.explanation import explain
from services.registry import views
from services.registry.domain.reported import TELLING, Entries
from services.registry.handlers import BESIDE
from tests.kit.calendars import CALENDARS
from tests.kit.registry.life import Life, story

PILOT: Final = "p-1"
COMMANDS: Final[Mapping[str, type[Step]]] = {
    "expediency-decision": ExpediencyDecision,
    "credit-decision": CreditDecision,
    "scaling-decision": ScalingDecision,
    "agreement": AgreementEntry,
    "agreement-failure": AgreementFailure,
    "launch": Launch,
    "suspension": PilotSuspension,
    "resumption": PilotResumption,
    "extension": PilotExtension,
    "early-stop": EarlyStop,
    "commission": Commission,
    "effectiveness-proposal": Proposal,
    "judgement": Judgement,
    "corrections": Correction,
}
NAMES: Final = {f"m-{n}": f"Член Комиссии {n}" for n in range(1, 4)}


@dataclass
class Register:
    """What the desk asks of the register. `away`: it does not answer; `people`: who is known by name."""

    life: Life
    away: bool = False
    title: str | None = None
    people: dict[str, str] = field(default_factory=dict)
    sent: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """An answer."""
        if self.away:
            raise httpx.ConnectError("refused")
        if request.method != "GET":
            return self._decide(request)
        match request.url.path.split("/")[2:]:
            case ["search"] | ["pilots"]:
                return self._list(request)
            case ["facets"]:
                stage = {"values": [{"value": self.life.stage, "count": 1}], "others": 0}
                return httpx.Response(200, json={"facets": {"stage": stage}, "complete": True})
            case ["pilots", _]:
                return httpx.Response(200, json=self.card(), headers={"ETag": f'"{self.rev}"'})
            case ["pilots", _, "timeline"]:
                return httpx.Response(200, json={"items": self.timeline(), "next": None, "persons": NAMES})
            case ["persons"]:
                people = [{"id": id_, "name": name} for id_, name in self.people.items()]
                return httpx.Response(200, json={"items": people, "next": None})
            case ["pilots", _, "clock"] if self.life.pilot.own_terms:
                return httpx.Response(200, json=self._clock())
            case _:
                return httpx.Response(404, json={"title": "not-found", "detail": "Нет."})

    @property
    def rev(self) -> int:
        """The revision of the pilot."""
        return len(self.life.facts)

    def card(self) -> dict[str, Any]:
        """The whole card."""
        entries = Entries()
        for fact in self.life.facts:
            if fact.TYPE in TELLING:
                entries = entries.after(fact)  # type: ignore[arg-type]
        state = self.life.pilot.model_copy(update={"entries": entries})
        shown = views.internal(Document(PILOT, "pilot", state=state))
        if self.title:
            shown |= {"title": self.title, "application": {**shown["application"], "title": self.title}}
        return {**shown, "replicas": [], "persons": NAMES}

    def timeline(self) -> list[dict[str, Any]]:
        """Its facts as the timeline has them."""
        return [self._entry(n, fact.model_dump(mode="json"), fact.TYPE) for n, fact in enumerate(self.life.facts, 1)]

    @staticmethod
    def _entry(number: int, data: dict[str, Any], kind: str) -> dict[str, Any]:
        row = {"sequence": number, "time": "2026-04-16T09:00:00.000Z", "type": kind, "event": f"f-{number}"}
        what = {name: value for name, value in data.items() if name not in BESIDE}
        beside = {"actor": data["actor"], "basis": data.get("basis"), "correlation": None, "trace": None}
        return views.timeline({**row, **beside, "what": what})

    def _clock(self) -> dict[str, Any]:
        term = self.life.pilot.own_terms[0]
        said = explain(term.ledger, self.life.now, CALENDARS[term.ledger.term.calendar])
        return {**said.model_dump(mode="json"), "number": self.life.pilot.number, "title": "", "persons": {}}

    def _list(self, request: httpx.Request) -> httpx.Response:
        line = views.internal_row(Document(PILOT, "pilot", state=self.life.pilot))
        wanted = request.url.params.get_list("stage")
        items = [line | ({"title": self.title} if self.title else {})] if not wanted or line["stage"] in wanted else []
        more = "further" if items and not request.url.params.get("after") else None
        return httpx.Response(200, json={"items": items, "next": more, "count": {"value": 1, "exact": True}})

    def _decide(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        if request.method == "PUT":
            self.people[request.url.path.rsplit("/", 1)[-1]] = json.loads(request.content)["name"]
            return httpx.Response(200, json=json.loads(request.content))
        if request.headers["if-match"] != f'"{self.rev}"':
            return httpx.Response(412, json={"title": "revision.gone", "detail": "Изменилось."})
        try:
            step = enter(COMMANDS[request.url.path.rsplit("/", 1)[-1]], json.loads(request.content))
        except ValidationError as error:
            problems = [{"pointer": one.pointer, "message": one.message_ru} for one in schema_problems(error, "/body")]
            return httpx.Response(422, json={"title": "request.invalid", "problems": problems})
        try:
            facts = list(story.when(self.life.state, step, now=self.life.now, actor=BY, given=self.life.book))
        except Refusal as error:
            problem = refused(error)
            return httpx.Response(problem.status, json=document(problem, "ru"))
        self.life.state = story.given(*facts, state=self.life.state)
        self.life.facts += facts
        return httpx.Response(200, json={"subject": PILOT, "version": 2}, headers={"ETag": f'"{self.rev}"'})


BY: Final = Actor(id="u-1", role=ROLES[0])
