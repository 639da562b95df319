"""The HTTP sides of the services with stand-ins for the engine: documents as given, outcomes as told."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fastapi import FastAPI
from pydantic import SecretStr

from contracts.agency import ApplicationSubmittedV2
from contracts.expertise import PaperForm, ReviewKind, Signer
from contracts.freeze import example
from contracts.reference import Problem, TermKind, Verdict
from contracts.steps import EditionFrom
from deploy.samples.common import APPLICATION, NOW, party
from services.chassis.auth import Keys
from services.chassis.engine import T, Told
from services.chassis.exports.worker import FILES, WORK
from services.chassis.fold import is_absent
from services.chassis.gathering import Gathering
from services.chassis.pace import Pace
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.store import PARKED, PERSONS, REPAIRS, Claim
from services.chassis.subject import (
    Absent,
    Claimed,
    Document,
    Done,
    Input,
    Outcome,
)
from services.chassis.tokens import LIFE
from services.chassis.web import make_app
from services.expertise.api import make_router as expertise_router
from services.expertise.documents.shelf import PAPERS, digest_of, name_of
from services.expertise.domain.expert import Expert
from services.expertise.domain.parts import Conclusion, Place, PlaceStatus
from services.expertise.domain.state import Case
from services.expertise.domain.team import Team
from services.intake.api import make_router as intake_router
from services.intake.directory import Directory
from services.intake.domain.agency import Agency
from services.intake.domain.state import Pilot, Status, pilot_id
from services.intake.importing.asked import IMPORTS
from services.intake.service import RULES
from services.law import ledger as term
from services.law.exporting import Export, Format, subject_of
from services.law.ledger import clock_of
from services.law.terms import CountedTerm
from services.registry.api import make_router as registry_router
from services.registry.domain.agencies import Agency as Noted
from services.registry.domain.export import List
from services.registry.domain.stages import Stage
from services.registry.domain.state import PROPOSAL, OwnTerm
from services.registry.domain.state import Pilot as Entered
from services.registry.feed import Changes
from services.registry.figures import figures
from services.registry.finding import finding
from services.registry.service import let_in
from tests.kit.calendars import BY, CALENDARS

PILOT = "7f841494-a5a7-5cad-89a9-dc08e49b30fa"
ISSUER, AUDIENCE = "https://id.example", "lotsman"

# ---- keys and tokens

EC = ec.generate_private_key(ec.SECP256R1())
OTHER_EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED = ed25519.Ed25519PrivateKey.generate()


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token, with changes (None: left out).

    Good for hours: modules make theirs when they are collected, and a slow machine may come to them much later.
    """
    now = int(time.time())
    good = {"sub": "u-1", "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + LIFE // 2, "roles": []}
    good["org"] = "vedomstvo"
    return {k: v for k, v in {**good, **changes}.items() if v is not None}


def token(*roles: str, key: Any = EC, algorithm: str = "ES256", kid: str | None = "ec", **changes: Any) -> str:
    headers = {"kid": kid} if kid is not None else {}
    return jwt.encode(claims(roles=list(roles), **changes), key, algorithm=algorithm, headers=headers)


def bearer(*roles: str, **changes: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(*roles, **changes)}"}


# ---- a stand-in for the engine: documents as they are given, outcomes as they are told

PERSON = {"name": "Образцова Мария Примеровна", "email": None, "phone": None}


HOOK = {
    "_id": "hook-1",
    "owner": "vedomstvo",
    "by": "u-1",
    "address": "https://hooks.example.test/vedomstvo",
    "note": None,
    "since": NOW,
    "secrets": [{"sealed": "x", "until": None}],
    "failing_since": None,
    "off": None,
}
DELIVERY = {
    "_id": "msg_1",
    "hook": "hook-1",
    "pilot": "nobodys",
    "item": "e-1",
    "at": "2026-03-02T09:00:00.000Z",
    "state": "failed",
    "tries": 1,
    "next_at": None,
    "ended_at": NOW,
    "attempts": [{"at": NOW, "status": 503, "why": None, "answer": "", "milliseconds": 3}],
}
IMPORT, FILE_KEPT = "0" * 32, "f" * 32
AN_IMPORT: dict[str, Any] = {
    "_id": IMPORT,
    "agency": "vedomstvo",
    "person": "u-1",
    "asked": "2026-03-02T09:00:00.000Z",
    "file": "plan.csv",
    "mapping": "plan",
    "toml": "",
    "dry_run": True,
    "state": "done",
    "rows": 1,
    "done": 1,
    "stop": False,
    "counts": None,
    "problems": [],
    "files": {"report": "faults.csv", "marked": "marked.csv"},
    "remove_at": datetime(2026, 3, 9, 9, tzinfo=UTC),
}


PARKED_ROW: dict[str, Any] = {
    "_id": "topic/0/7",
    "status": "broken",
    "cause": "ValueError",
    "subject": None,
    "source": None,
    "sequence": None,
    "topic": "topic",
    "partition": 0,
    "offset": 7,
    "value": b"{}",
    "headers": [],
    "at": NOW,
}
REPAIR: dict[str, Any] = {
    "_id": "repair-1",
    "record": "topic/0/7",
    "subject": None,
    "kind": "edit",
    "why": "Проба.",
    "by": "u-2",
    "at": NOW,
    "state": "proposed",
    "settled_by": None,
    "settled_at": None,
    "verdict": None,
    "was": b"{}",
    "becomes": b"{}",
    "type": None,
}


class FakeStore:
    """Answers every list with the same rows and remembers what was asked."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self.numbers: dict[str, str] = {}
        self.asked: list[Mapping[str, Any]] = []
        self.claims: dict[str, Claim] = {}
        self.kept: dict[tuple[str, str], dict[str, Any]] = {
            ("persons", "u-1"): {"_id": "u-1", **PERSON},
            ("standing", "topic/0"): {"_id": "topic/0", "offset": 7},
            (IMPORTS, IMPORT): {**AN_IMPORT},
            (IMPORTS, FILE_KEPT): {**AN_IMPORT, "_id": FILE_KEPT, "state": "kept"},
            (PARKED, "topic/0/7"): PARKED_ROW,
            (REPAIRS, "repair-1"): REPAIR,
        }

    async def rows(self, _collection: str, query: Mapping[str, Any], *, limit: int, **_: Any) -> list[dict[str, Any]]:
        self.asked.append(query)
        if isinstance(query.get("state.number"), Mapping):
            wanted = query["state.number"]["$in"]
            return [{"_id": pilot, "state": {"number": one}} for one, pilot in self.numbers.items() if one in wanted]
        if query.get("import") == FILE_KEPT and query["_id"]["$gt"].endswith("/file/"):
            return [{"_id": f"{FILE_KEPT}/file/0", "data": b"No;Title\n1;One\n"}]
        return self.found[:limit]

    async def claimed(self, *keys: str) -> dict[str, Claim]:
        return {key: self.claims[key] for key in keys if key in self.claims}

    async def count(self, _collection: str, query: Mapping[str, Any], _limit: int, hint: Any = None) -> int:
        self.asked.append(query)
        return 0

    async def fitting(self, _collection: str, _query: Any, asked: Mapping[str, Any], _hint: Any) -> dict[str, int]:
        return dict.fromkeys(asked, 0)

    async def counted(self, _collection: str, _query: Any, _by: Sequence[str], **_more: Any) -> list[Any]:
        """No rows, so nothing is counted."""
        return []

    async def tally(self, _collection: str, _query: Any, _field: str, values: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(values, 0)

    async def get(self, collection: str, id_: str) -> dict[str, Any] | None:
        return self.kept.get((collection, id_))

    async def put(self, collection: str, rows: Sequence[dict[str, Any]]) -> None:
        self.kept |= {(collection, row["_id"]): row for row in rows}

    async def add(self, collection: str, rows: Sequence[dict[str, Any]]) -> None:
        await self.put(collection, rows)

    async def put_new(self, collection: str, rows: Sequence[dict[str, Any]], renewed: Sequence[str] = ()) -> None:
        await self.put(collection, rows)

    async def increase(self, _collection: str, _rows: Mapping[str, Mapping[str, int]]) -> None:
        return None

    async def mark(self, collection: str, *_: Any) -> int:
        return int(collection == IMPORTS)

    async def remove(self, _collection: str, _ids: Sequence[str]) -> None:
        return None

    async def remove_where(self, _collection: str, _where: Mapping[str, Any]) -> None:
        return None

    async def groups(self, _collection: str, query: Mapping[str, Any], *_: Any, **__: Any) -> list[dict[str, Any]]:
        self.asked.append(query)
        return []

    async def scan(self, _collection: str, query: Mapping[str, Any], **_: Any) -> AsyncIterator[dict[str, Any]]:
        self.asked.append(query)
        for row in self.found:
            yield row


class FakeParking:
    """Whatever is redriven goes."""

    async def let_go(self, _id: str) -> None:
        """Nothing is claimed."""

    async def redrive(self, _ids: Sequence[str]) -> int:
        return 1

    async def take_up(self, _subjects: Sequence[str], *, also_broken: bool) -> int:
        return 1 if also_broken else 0


class FakeEngine:
    """Holds documents, and answers every command with the outcome it was told."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.calendars = CALENDARS
        self.service = Service("test", {})
        self.found: dict[str, Document] = {"handling:repair-1": Document("handling:repair-1", "handling", version=1)}
        self.parking = FakeParking()
        self.outcome: Outcome | Exception = Done(version=3, rev=8)
        self.taken: list[Input] = []
        self.gathering = Gathering(self.commands_and_documents, "http")
        self.crowded = Gathering(self.commands_and_documents, "http", all_wait=True)
        self.pace = Pace()

    async def documents(self, subjects: Sequence[str]) -> dict[str, Document]:
        return {s: self.found[s] for s in subjects if s in self.found}

    async def command(self, one: Input) -> Outcome:
        if is_absent(self.found.get(one.subject, Document(one.subject, "none")), one):
            return Absent()
        self.taken.append(one)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def command_and_document(self, one: Input) -> tuple[Outcome, Document | None]:
        return await self.command(one), self.found.get(one.subject)

    async def commands_and_documents(self, inputs: Sequence[Input]) -> list[tuple[Outcome, Document | None]]:
        return [await self.command_and_document(one) for one in inputs]

    async def posted(self, inputs: Sequence[Input]) -> list[tuple[Outcome, Document | None]]:
        return await self.commands_and_documents(inputs)

    async def rehearsed(
        self, inputs: Sequence[Input], told: Told[T], _known: Mapping[str, Document] | None = None
    ) -> list[T]:
        taken = [*self.taken]
        answers = await self.commands_and_documents(inputs)
        self.taken = taken
        return [told(one, *answer) for one, answer in zip(inputs, answers, strict=True)]

    async def commands(self, inputs: Sequence[Input]) -> list[Outcome]:
        return [await self.command(one) for one in inputs]

    def now(self) -> datetime:
        return NOW


CONTACT = "contact-1"
LOOK_OVER = RULES.edition("by-2024").terms[TermKind.LOOK_OVER]
LOOKED_OVER = term.open_ledger(term.start(LOOK_OVER, BY, "look-over", NOW, "Europe/Minsk"))
REGISTERED = Pilot(
    status=Status.REGISTERED,
    agency="vedomstvo",
    event_id="a-1",
    received=NOW,
    number="N",
    application=APPLICATION,
    contact_person_id=CONTACT,
    terms=(CountedTerm(ledger=LOOKED_OVER, clock=clock_of(LOOKED_OVER, LOOK_OVER, BY)),),
)
EXPERTISE = RULES.edition("by-2024").terms[TermKind.EXPERTISE]
LEDGER = term.open_ledger(term.start(EXPERTISE, BY, "expertise", NOW, "Europe/Minsk"))
ENTRY = Expert(
    expert_id="u-1",
    edition="by-2024",
    organisation=party("790000031").id,
    competences=("health",),
    capacity=5,
)
CASE = Case(
    agency="vedomstvo",
    number="N",
    edition="by-2024",
    round=1,
    kind=ReviewKind.FIRST,
    submission=1,
    opened=NOW,
    application=APPLICATION,
    needed=2,
    places=(Place(seat=ENTRY.seat(), status=PlaceStatus.ACCEPTED, assigned=NOW, assigned_by="u-9"),),
    terms=(CountedTerm(ledger=LEDGER, clock=clock_of(LEDGER, EXPERTISE, BY)),),
    conclusions=(
        Conclusion(
            round=1,
            date=NOW.date(),
            verdict=Verdict.POSITIVE,
            text="Да.",
            signers=(Signer(person_id="u-1", role="author"),),
            number="C-1",
            standing="annulled",
            papers=tuple(digest_of(form, b"") for form in PaperForm),
        ),
    ),
)
PROPOSING = RULES.edition("by-2024").terms[PROPOSAL]
OWN = term.open_ledger(term.start(PROPOSING, BY, PROPOSAL, NOW, "Europe/Minsk"))
EXPORT, DIGEST = "0" * 32, "d" * 64
TAKEN = Export(
    list=List.PILOTS,
    filters={},
    format=Format.CSV,
    why="Отчёт за год.",
    asked=NOW,
    by="u-1",
    role="registrar",
    done=True,
    rows=1,
    bytes=2,
    digest=DIGEST,
)
"""A list that u-1 took out."""
STATES: Mapping[str, Any] = {
    "intake": REGISTERED,
    "expertise": CASE,
    "registry": Entered(
        stage=Stage.COUNCIL,
        agency="vedomstvo",
        number="N",
        edition="by-2024",
        submitted=NOW,
        entered=NOW,
        application=APPLICATION,
        own_terms=(OwnTerm(ledger=OWN, clock=clock_of(OWN, PROPOSING, BY)),),
    ),
}
ROUTERS: Mapping[str, Any] = {
    "intake": lambda: intake_router(RULES),
    "expertise": expertise_router,
    "registry": registry_router,
}


class NoFeed:
    """The change feed of a register in which nothing changes."""

    async def changes(
        self, _who: str, after: str | None, _limit: int, _wait: float, _gone: object, _told: object
    ) -> Changes:
        return Changes(items=[], next=after or "0", more=False)


class Side:
    """One service's HTTP side over a fake engine."""

    def __init__(self, service: str, keys: Keys) -> None:
        self.engine = FakeEngine()
        self.engine.found[PILOT] = Document(PILOT, "pilot", rev=7, version=2, state=STATES[service])
        entry: Any = Noted(code="vedomstvo")
        if service != "registry":
            entry = Agency(code="vedomstvo", name="В", editions=(EditionFrom(edition="by-2024", since=NOW.date()),))
        self.engine.found["agency:vedomstvo"] = Document("agency:vedomstvo", "agency", rev=1, version=1, state=entry)
        self.engine.found["expert:u-1"] = Document("expert:u-1", "expert", rev=7, version=1, state=ENTRY)
        team = Team(code="vedomstvo", name="Г", members=("u-1",))
        self.engine.found["team:vedomstvo"] = Document("team:vedomstvo", "team", rev=1, version=1, state=team)
        if service == "expertise":
            name = name_of(PILOT, "C-1")
            self.engine.store.kept[PAPERS, name] = {"_id": name, **{form: b"" for form in PaperForm}}
        if service == "intake":
            self.engine.store.kept[PERSONS, CONTACT] = {"_id": CONTACT, "pilot": PILOT, **PERSON}
            self.publishes("a-1", REGISTERED)
            self.publishes(example(ApplicationSubmittedV2.TYPE)["id"], REGISTERED)
        self.engine.store.kept |= {("hooks", "hook-1"): HOOK, ("hook_deliveries", "msg_1"): DELIVERY}
        settings = Settings(hook_key=SecretStr("a-key-of-tests-that-is-long-enough"))
        checks: Any = {"mongo": _fine}
        self.app: FastAPI = make_app(f"Lotsman {service}", keys, self.engine, checks, settings)  # type: ignore[arg-type]
        self.app.include_router(ROUTERS[service]())
        if service == "intake":
            self.app.state.agencies = Directory(self._entries, self.engine.now, RULES)  # type: ignore[arg-type]
        if service == "registry":
            self._registry()
            self._given_out(TAKEN)
        if service == "expertise":
            self._given_out(TAKEN.model_copy(update={"list": "cases"}))

    def close(self) -> None:
        """Lets go what was opened."""
        if opened := getattr(self.app.state, "figures", None):
            opened.close()
            del self.app.state.figures  # an app lives as long as the process; a closed view need not

    async def _entries(self) -> list[Agency | Noted]:
        """The directory of agencies, as the documents have it."""
        states = [one.state for one in self.engine.found.values()]
        return [one for one in states if isinstance(one, Agency | Noted)]

    def _registry(self) -> None:
        """What stands beside the register's engine."""
        self.app.state.finding, self.app.state.figures = finding.in_memory(), figures.in_memory()
        self.app.state.changes = NoFeed()
        self.app.state.agencies = let_in(self._entries, self.engine.now)  # type: ignore[arg-type]

    def _given_out(self, taken: Export) -> None:
        """A list that was taken out."""
        subject = subject_of(EXPORT)
        self.engine.found[subject] = Document(subject, "export", rev=2, version=2, state=taken)
        self.engine.store.kept |= {
            (WORK, EXPORT): {"_id": EXPORT, "remove_at": NOW + timedelta(days=7)},
            (FILES, f"{EXPORT}/{DIGEST}/00000001"): {"data": b"a\n"},
        }

    def publishes(self, event_id: str, state: Pilot) -> None:
        """Has the agency's event of this id led to this state."""
        subject, claim = pilot_id("vedomstvo", event_id), Claimed("agency:vedomstvo", event_id, "d")
        self.engine.found[subject] = Document(subject, "pilot", rev=1, version=2, state=state)
        self.engine.store.claims[claim.key] = Claim(claim.key, "d", subject)

    def ask(self, method: str, path: str, headers: Mapping[str, Any] | None = None, **more: Any) -> httpx.Response:
        """One request, answered as a client sees it."""
        return asked(self.app, method, path, headers=dict(headers or {}), **more)


def asked(app: FastAPI, method: str, path: str, **more: Any) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, path, **more)

    return asyncio.run(once())


async def _fine() -> None:
    return None


COMMAND_HEADERS = {"If-Match": '"7"', "Idempotency-Key": "k-1"}


def problem(answer: Any, status: int) -> dict[str, Any]:
    """Checks that an answer is a problem document of this status, and returns it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["type"] == f"urn:lotsman:problem:{body['title']}"
    assert isinstance(body["detail"], str) and body["detail"]
    assert body["action"] in ("fix", "retry")
    for one in body.get("problems", []):
        Problem.model_validate(one)
    return body
