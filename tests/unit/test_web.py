"""The HTTP side without a store: who is let in where, and what every kind of error looks like."""

import asyncio
import base64
import json
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from contracts.agency import ApplicationSubmittedV2
from contracts.expertise import Conflict as Known
from contracts.expertise import ConflictKind, ReviewKind, Signer
from contracts.freeze import example
from contracts.reference import ROLES, Problem, TermKind, Verdict
from contracts.steps import EditionFrom
from contracts.topics import AGENCY_MAX_BYTES, SERVICES
from services.chassis.auth import Caller, Keys, allow
from services.chassis.fold import is_absent
from services.chassis.store import Claim, StoreAway
from services.chassis.subject import (
    Absent,
    Broken,
    Claimed,
    Conflict,
    Document,
    Done,
    Duplicate,
    Input,
    Outcome,
    Refused,
    Stale,
)
from services.chassis.web import make_app
from services.expertise.api import make_router as expertise_router
from services.expertise.domain.expert import Expert
from services.expertise.domain.parts import Conclusion, KnownConflict, Place, PlaceStatus
from services.expertise.domain.state import Case
from services.expertise.domain.team import Team
from services.expertise.sight import sight
from services.intake.api import make_router as intake_router
from services.intake.domain.agency import Agency
from services.intake.domain.state import Pilot, Status, pilot_id
from services.intake.service import RULES
from services.law import ledger as term
from services.law.decision import Refusal
from services.law.ledger import clock_of
from services.law.terms import CountedTerm
from services.registry.api import make_router as registry_router
from services.registry.domain.export import Export, Format, List, subject_of
from services.registry.domain.stages import Stage
from services.registry.domain.state import PROPOSAL, OwnTerm
from services.registry.domain.state import Pilot as Entered
from services.registry.exports.worker import FILES, WORK
from services.registry.feed import Changes
from services.registry.figures import figures
from services.registry.finding import finding
from tests.calendars import BY, CALENDARS
from tests.expertise import BODIES as EXPERTISE_BODIES
from tests.expertise import body_of
from tests.unit.story import APPLICATION, NOW, party

PILOT = "7f841494-a5a7-5cad-89a9-dc08e49b30fa"
ISSUER, AUDIENCE = "https://id.example", "lotsman"

# ---- keys and tokens

EC = ec.generate_private_key(ec.SECP256R1())
OTHER_EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED = ed25519.Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The identity provider's public keys, one of each kind, in a file."""
    public = (
        ("ec", ECAlgorithm.to_jwk(EC.public_key(), as_dict=True)),
        ("rsa", RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)),
        ("ed", OKPAlgorithm.to_jwk(ED.public_key(), as_dict=True)),
    )
    path = Path(tmp_path_factory.mktemp("keys")) / "jwks.json"
    path.write_text(json.dumps({"keys": [{**key, "kid": kid, "use": "sig"} for kid, key in public]}), encoding="utf-8")
    return Keys(str(path), ISSUER, AUDIENCE)


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token, with changes (None: left out)."""
    now = int(time.time())
    good = {"sub": "u-1", "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 600, "roles": [], "org": "vedomstvo"}
    return {k: v for k, v in {**good, **changes}.items() if v is not None}


def token(*roles: str, key: Any = EC, algorithm: str = "ES256", kid: str | None = "ec", **changes: Any) -> str:
    headers = {"kid": kid} if kid is not None else {}
    return jwt.encode(claims(roles=list(roles), **changes), key, algorithm=algorithm, headers=headers)


def bearer(*roles: str, **changes: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(*roles, **changes)}"}


# ---- a stand-in for the engine: documents as they are given, outcomes as they are told

PERSON = {"name": "Образцова Мария Примеровна", "email": None, "phone": None}


class FakeStore:
    """Answers every list with the same rows and remembers what was asked."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self.asked: list[Mapping[str, Any]] = []
        self.claims: dict[str, Claim] = {}
        self.kept: dict[tuple[str, str], dict[str, Any]] = {("persons", "u-1"): {"_id": "u-1", **PERSON}}

    async def rows(self, _collection: str, query: Mapping[str, Any], *, limit: int, **_: Any) -> list[dict[str, Any]]:
        self.asked.append(query)
        return self.found[:limit]

    async def claimed(self, key: str) -> Claim | None:
        return self.claims.get(key)

    async def count(self, _collection: str, query: Mapping[str, Any], _limit: int, hint: Any = None) -> int:
        self.asked.append(query)
        return 0

    async def tally(self, _collection: str, _query: Any, _field: str, values: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(values, 0)

    async def get(self, collection: str, id_: str) -> dict[str, Any] | None:
        return self.kept.get((collection, id_))

    async def put(self, collection: str, rows: Sequence[dict[str, Any]]) -> None:
        self.kept |= {(collection, row["_id"]): row for row in rows}

    async def put_new(self, collection: str, rows: Sequence[dict[str, Any]]) -> None:
        await self.put(collection, rows)

    async def mark(self, *_: Any) -> int:
        return 0

    async def remove(self, _collection: str, _ids: Sequence[str]) -> None:
        return None


class FakeParking:
    """Whatever is redriven goes."""

    async def redrive(self, _ids: Sequence[str]) -> int:
        return 1

    async def take_up(self, _subjects: Sequence[str], *, also_broken: bool) -> int:
        return 1 if also_broken else 0


class FakeEngine:
    """Holds documents, and answers every command with the outcome it was told."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.calendars = CALENDARS
        self.found: dict[str, Document] = {}
        self.parking = FakeParking()
        self.outcome: Outcome | Exception = Done(version=3, rev=8)
        self.taken: list[Input] = []

    async def documents(self, subjects: Sequence[str]) -> dict[str, Document]:
        return {s: self.found[s] for s in subjects if s in self.found}

    async def command(self, one: Input) -> Outcome:
        if is_absent(self.found.get(one.subject, Document(one.subject, "none")), one):
            return Absent()
        self.taken.append(one)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def commands(self, inputs: Sequence[Input]) -> list[Outcome]:
        return [await self.command(one) for one in inputs]

    def now(self) -> datetime:
        return NOW


LOOK_OVER = RULES.edition("by-2024").terms[TermKind.LOOK_OVER]
LOOKED_OVER = term.open_ledger(term.start(LOOK_OVER, BY, "look-over", NOW, "Europe/Minsk"))
REGISTERED = Pilot(
    status=Status.REGISTERED,
    agency="vedomstvo",
    event_id="a-1",
    received=NOW,
    number="N",
    application=APPLICATION,
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

    async def changes(self, after: str | None, _limit: int, _wait: float, _gone: object) -> Changes:
        return Changes([], after or "0", more=False)


class Side:
    """One service's HTTP side over a fake engine."""

    def __init__(self, service: str, keys: Keys) -> None:
        self.engine = FakeEngine()
        self.engine.found[PILOT] = Document(PILOT, "pilot", rev=7, version=2, state=STATES[service])
        entry = Agency(code="vedomstvo", name="В", editions=(EditionFrom(edition="by-2024", since=NOW.date()),))
        self.engine.found["agency:vedomstvo"] = Document("agency:vedomstvo", "agency", rev=1, version=1, state=entry)
        self.engine.found["expert:u-1"] = Document("expert:u-1", "expert", rev=7, version=1, state=ENTRY)
        team = Team(code="vedomstvo", name="Г", members=("u-1",))
        self.engine.found["team:vedomstvo"] = Document("team:vedomstvo", "team", rev=1, version=1, state=team)
        if service == "intake":
            self.publishes("a-1", REGISTERED)
            self.publishes(example(ApplicationSubmittedV2.TYPE)["id"], REGISTERED)
        self.app: FastAPI = make_app(f"Lotsman {service}", keys, self.engine, {"mongo": _fine})  # type: ignore[arg-type]
        self.app.include_router(ROUTERS[service]())
        if service == "registry":
            self._registry()

    def _registry(self) -> None:
        """What stands beside the register's engine, and a list that was taken out."""
        self.app.state.finding, self.app.state.figures = finding.in_memory(), figures.in_memory()
        self.app.state.changes = NoFeed()
        subject = subject_of(EXPORT)
        self.engine.found[subject] = Document(subject, "export", rev=2, version=2, state=TAKEN)
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


@pytest.fixture
def intake(keys: Keys) -> Side:
    return Side("intake", keys)


@pytest.fixture
def registry(keys: Keys) -> Side:
    return Side("registry", keys)


@pytest.fixture
def expertise(keys: Keys) -> Side:
    return Side("expertise", keys)


# ---- who is let in where: the whole policy in one table

OPERATIONS = {
    ("get", "/metrics"): {"ops"},
    ("get", "/v1/parked"): {"ops"},
    ("post", "/v1/parked/redrive"): {"ops"},
}
REGISTER_READERS = set(ROLES) - {"expert", "ops"}
REGISTER_READ = [
    ("get", "/v1/pilots"),
    ("get", "/v1/pilots/{pilot}"),
    *[("get", f"/v1/pilots/{{pilot}}/{part}") for part in ("timeline", "clock", "risks", "results", "replicas")],
    ("get", "/v1/changes"),
    ("get", "/v1/money"),
    ("get", "/v1/money/{pilot}"),
    *[("get", f"/v1/figures/{question}") for question in ("funnel", "terms", "money", "results", "scaling")],
    ("get", "/v1/search"),
    ("get", "/v1/facets"),
    ("get", "/v1/pilots/{pilot}/similar"),
    ("post", "/v1/similar"),
]
"""All who read the register may ask all of this."""
LIFE = {
    "council-secretary": ["expediency-decision", "credit-decision", "scaling-decision"],
    "registrar": [
        "agreement",
        "agreement-failure",
        "launch",
        "suspension",
        "resumption",
        "extension",
        "early-stop",
        "corrections",
    ],
    "head-organisation": ["commission", "effectiveness-proposal"],
    "commission-secretary": ["judgement"],
}
"""Who enters which step of a pilot's life: each in one role alone."""
EXPORT_OVERSEERS = {"registrar", "auditor", "admin"}
EXPORT_ASKERS = EXPORT_OVERSEERS | {"head-organisation"}
"""A list's own card and file are for its asker; that others in these roles do not get them is tested with exports."""
OVERSEERS = {"operator", "approver", "auditor"}
REVIEW_READERS = OVERSEERS | {"expert"}
LOOK_OVER_READERS = {"officer", "auditor", "admin"}
POLICY: Mapping[str, Mapping[tuple[str, str], AbstractSet[str]]] = {
    "intake": {
        ("post", "/v1/events"): {"publisher"},
        ("get", "/v1/receipts/{event_id}"): {"publisher", "officer", "auditor"},
        ("get", "/v1/applications"): LOOK_OVER_READERS,
        ("get", "/v1/applications/{pilot}"): LOOK_OVER_READERS,
        ("post", "/v1/applications/{pilot}/acceptance"): {"officer"},
        ("post", "/v1/applications/{pilot}/return"): {"officer"},
        ("post", "/v1/applications/{pilot}/stop"): {"officer"},
        ("get", "/v1/applications/{pilot}/clock"): LOOK_OVER_READERS,
        ("get", "/v1/agencies"): LOOK_OVER_READERS,
        ("get", "/v1/agencies/{code}"): LOOK_OVER_READERS,
        ("put", "/v1/agencies/{code}"): {"admin"},
        ("get", "/v1/editions/{edition}"): {"publisher", "officer", "operator", "auditor", "admin"},
        **OPERATIONS,
    },
    "expertise": {
        ("get", "/v1/reviews"): REVIEW_READERS,
        ("get", "/v1/reviews/counts"): REVIEW_READERS,
        ("get", "/v1/reviews/{pilot}"): REVIEW_READERS,
        ("get", "/v1/reviews/{pilot}/clock"): REVIEW_READERS,
        ("get", "/v1/reviews/{pilot}/proposals"): {"operator"},
        ("get", "/v1/reviews/{pilot}/conclusions/{number}/document"): REVIEW_READERS,
        ("post", "/v1/reviews/{pilot}/claim"): {"operator"},
        ("post", "/v1/reviews/{pilot}/release"): {"operator", "approver"},
        ("post", "/v1/reviews/{pilot}/assignments"): {"operator"},
        ("post", "/v1/reviews/{pilot}/assignments/{expert}/release"): {"operator"},
        ("post", "/v1/reviews/{pilot}/assignments/{expert}/handover"): {"operator"},
        ("post", "/v1/reviews/{pilot}/acceptance"): {"expert"},
        ("post", "/v1/reviews/{pilot}/decline"): {"expert"},
        ("post", "/v1/reviews/{pilot}/opinion"): {"expert"},
        ("post", "/v1/reviews/{pilot}/conflicts"): {"operator", "expert"},
        ("post", "/v1/reviews/{pilot}/conflicts/{expert}/dismissal"): {"approver"},
        ("post", "/v1/reviews/{pilot}/conflicts/{expert}/confirmation"): {"approver"},
        ("post", "/v1/reviews/{pilot}/requests"): {"operator"},
        ("post", "/v1/reviews/{pilot}/requests/{request}/cancellation"): {"operator"},
        ("post", "/v1/reviews/{pilot}/extensions"): {"operator"},
        ("post", "/v1/reviews/{pilot}/return"): {"operator"},
        ("post", "/v1/reviews/{pilot}/refusal"): {"operator"},
        ("post", "/v1/reviews/{pilot}/conclusion"): {"operator"},
        ("post", "/v1/reviews/{pilot}/conclusion/approval"): {"approver"},
        ("post", "/v1/reviews/{pilot}/conclusion/sending-back"): {"approver"},
        ("post", "/v1/reviews/{pilot}/appeal"): {"operator"},
        ("post", "/v1/reviews/{pilot}/appeal/decision"): {"approver"},
        ("post", "/v1/assignments"): {"operator"},
        ("get", "/v1/board"): OVERSEERS,
        ("get", "/v1/board/experts"): OVERSEERS,
        ("get", "/v1/experts"): OVERSEERS,
        ("get", "/v1/experts/{expert}"): OVERSEERS,
        ("put", "/v1/experts/{expert}"): {"operator"},
        ("put", "/v1/experts/{expert}/person"): {"operator"},
        ("delete", "/v1/experts/{expert}/person"): {"operator"},
        ("post", "/v1/experts/{expert}/handover"): {"operator"},
        ("get", "/v1/teams"): OVERSEERS | {"admin"},
        ("get", "/v1/teams/{code}"): OVERSEERS | {"admin"},
        ("put", "/v1/teams/{code}"): {"admin"},
        ("get", "/v1/me/notices"): {"operator", "expert", "approver"},
        ("post", "/v1/me/notices/read"): {"operator", "expert", "approver"},
        ("get", "/v1/me/person"): REVIEW_READERS | {"admin"},
        ("put", "/v1/me/person"): REVIEW_READERS | {"admin"},
        ("delete", "/v1/me/person"): REVIEW_READERS | {"admin"},
        **OPERATIONS,
    },
    "registry": {
        **{route: REGISTER_READERS for route in REGISTER_READ},
        **{("post", f"/v1/pilots/{{pilot}}/{step}"): {role} for role, steps in LIFE.items() for step in steps},
        ("post", "/v1/exports"): EXPORT_ASKERS,
        ("get", "/v1/exports"): EXPORT_OVERSEERS,
        ("get", "/v1/exports/{export}"): EXPORT_ASKERS,
        ("get", "/v1/exports/{export}/file"): EXPORT_ASKERS,
        **OPERATIONS,
    },
}
OPEN = {("get", "/health/live"), ("get", "/health/ready")}
PUBLIC = {
    (method, f"/public/v1/{path}")
    for path in ("pilots", "pilots/{pilot}", "pilots/{pilot}/timeline", "search", "facets")
    for method in ("get", "head")
}
"""What the register shows to all; that it shows what is public alone is tested with its views."""
BASIS = {"body": "Совет", "kind": "протокол", "number": "5", "date": "2026-04-16"}
PARTY = {"id": {"scheme": "BY-UNP", "value": "790000016"}, "name": "Демонстрационная поликлиника"}
AGREEMENT = {
    "customer": PARTY,
    "executor": PARTY,
    "programme": "Одно отделение.",
    "starts": "2026-04-16",
    "until": "2026-12-31",
    "indicators": [{"code": "days", "title": "Срок", "unit": "дни", "baseline": "5", "target": "1"}],
}
ON_PAPER: Mapping[str, Any] = {
    "expediency-decision": {"decision": "expedient"},
    "credit-decision": {"granted": True, "evidence": "Работает с 2024 года."},
    "scaling-decision": {"decision": "catalogue-only", "evidence": "Протокол испытаний."},
    "agreement": {"agreement": AGREEMENT},
    "agreement-failure": {"why": "Заказчик отказался."},
    "launch": {"started": "2026-04-16"},
    "suspension": {"since": "2026-04-16", "why": "Ремонт."},
    "resumption": {"since": "2026-04-16"},
    "extension": {"until": "2027-06-30", "why": "Ремонт."},
    "early-stop": {"stopped": "2026-04-16", "why": "Ремонт."},
    "corrections": {"what": "launch", "content": {"started": "2026-04-17"}, "reason": "Описка."},
    "commission": {"members": ["m-1"], "secretary": "s-1"},
    "effectiveness-proposal": {"outcome": "effective", "text": "Цель достигнута.", "values": []},
    "judgement": {
        "outcome": "effective",
        "text": "Цель достигнута.",
        "values": [],
        "present": ["m-1"],
        "votes": {"in_favour": 1, "against": 0, "abstained": 0},
    },
}
"""What each step of a pilot's life says beside the document that it rests on."""
BODIES: Mapping[str, Any] = {
    "/v1/events": example(ApplicationSubmittedV2.TYPE),
    "/v1/applications/{pilot}/return": {"reasons": [{"code": "other"}]},
    "/v1/agencies/{code}": {"name": "В", "editions": [{"edition": "by-2024", "since": "2026-01-01"}]},
    "/v1/applications/{pilot}/stop": {"reason": "Ликвидация.", "basis": BASIS},
    **{f"/v1/pilots/{{pilot}}/{step}": {**said, "basis": BASIS} for step, said in ON_PAPER.items()},
    "/v1/exports": {"list": "pilots", "format": "csv", "why": "Отчёт за год."},
    "/v1/similar": {"title": "Запись к врачу"},
    "/v1/parked/redrive": {"subjects": ["s"]},
    **{f"/v1{path}": body_of(path, PILOT) for path in EXPERTISE_BODIES},
}
ROUTES = [(service, *route) for service, routes in POLICY.items() for route in routes]
every_route = pytest.mark.parametrize(("service", "method", "path"), ROUTES)
COMMAND_HEADERS = {"If-Match": '"7"', "Idempotency-Key": "k-1"}


def filled(path: str) -> str:
    parts = {"{pilot}": PILOT, "{code}": "vedomstvo", "{edition}": "by-2024", "{event_id}": "a-1"}
    parts |= {"{expert}": "u-1", "{request}": "r1-1", "{number}": "C-1", "{export}": EXPORT}
    for name, value in parts.items():
        path = path.replace(name, value)
    return path


@cache
def _sides(keys: Keys) -> Mapping[str, Side]:
    return {service: Side(service, keys) for service in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
def test_the_table_names_every_route_that_there_is(service: str, keys: Keys) -> None:
    app = _sides(keys)[service].app
    documented = {(method, path) for path, item in app.openapi()["paths"].items() for method in item}
    named = set(POLICY[service]) | OPEN | (PUBLIC if service == "registry" else set())
    assert served(app.router) - DOCUMENTS == named, "also what the documents do not show"
    assert documented == {(method, path) for method, path in named if method != "head"}


DOCUMENTS = {("get", path) for path in ("/docs", "/docs/oauth2-redirect")}


def served(router: APIRouter) -> set[tuple[str, str]]:
    """Method and path of every operation below a router, shown in the OpenAPI document or not."""
    found = set[tuple[str, str]]()
    for route in router.routes:
        if isinstance(route, APIRoute):
            found |= {(method.lower(), route.path_format) for method in route.methods or ()}
        elif (inner := getattr(route, "original_router", None)) is not None:
            found |= served(inner)
    return found


@every_route
def test_without_a_token_every_route_answers_401(service: str, method: str, path: str, keys: Keys) -> None:
    answer = _sides(keys)[service].ask(method, filled(path), json=BODIES.get(path))
    assert problem(answer, 401)["title"] == "auth.missing"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@every_route
@pytest.mark.parametrize("role", [None, "nobody", *ROLES])
def test_every_route_lets_in_exactly_the_roles_that_are_named_for_it(
    service: str, method: str, path: str, role: str | None, keys: Keys
) -> None:
    headers = {**COMMAND_HEADERS, **bearer(*([role] if role else []))}
    answer = _sides(keys)[service].ask(method, filled(path), headers, json=BODIES.get(path))
    if role in POLICY[service][method, path]:
        assert answer.status_code in (200, 201, 202, 204), answer.text
    else:
        assert problem(answer, 403)["title"] == "auth.role"


@pytest.mark.parametrize(("method", "path"), sorted(PUBLIC))
def test_what_is_public_needs_no_token_and_takes_nothing(method: str, path: str, keys: Keys) -> None:
    side = _sides(keys)["registry"]
    assert side.ask(method, filled(path)).status_code == 200
    for other in ("post", "put", "patch", "delete"):
        problem(side.ask(other, filled(path), bearer(*ROLES)), 405)


@pytest.mark.parametrize("service", SERVICES)
def test_health_and_the_documents_are_open_to_all(service: str, keys: Keys) -> None:
    for path in ("/health/live", "/health/ready", "/openapi.json", "/docs"):
        assert _sides(keys)[service].ask("get", path).status_code == 200


def test_a_role_that_does_not_exist_cannot_open_a_route() -> None:
    with pytest.raises(ValueError, match="no such roles"):
        allow("offcier")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no such roles"):
        allow()


# ---- tokens

PUBLIC_PEM = EC.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
LONG_AGO = int(time.time()) - 7200


def by_hand(header: Mapping[str, Any], body: Mapping[str, Any], signature: bytes = b"") -> str:
    """A token put together without a library that would refuse to."""
    parts = (json.dumps(header).encode(), json.dumps(body).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def signed_with_the_public_key() -> str:
    """HS256 with the provider's public key as the secret: who mixes up kinds of keys would let it in."""
    import hashlib
    import hmac

    unsigned = by_hand({"alg": "HS256", "typ": "JWT", "kid": "ec"}, claims(roles=["ops"])).rsplit(".", 1)[0]
    mac = hmac.new(PUBLIC_PEM, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def cut(text: str) -> str:
    head, body, signature = text.split(".")
    return f"{head}.{body}.{'A' * len(signature)}"


def other_claims(text: str) -> str:
    """A good token whose claims were changed after it was signed."""
    head, _, signature = text.split(".")
    return f"{head}.{by_hand({}, claims(roles=['ops'])).split('.')[1]}.{signature}"


GOOD = {
    "ES256": lambda: token("ops"),
    "RS256": lambda: token("ops", key=RSA, algorithm="RS256", kid="rsa"),
    "EdDSA": lambda: token("ops", key=ED, algorithm="EdDSA", kid="ed"),
}
BAD = {
    "expired": lambda: token("ops", exp=LONG_AGO + 600, iat=LONG_AGO),
    "not yet valid": lambda: token("ops", nbf=int(time.time()) + 600),
    "issued in the future": lambda: token("ops", iat=int(time.time()) + 600),
    "for another audience": lambda: token("ops", aud="another"),
    "from another issuer": lambda: token("ops", iss="https://other.example"),
    "without expiry": lambda: token("ops", exp=None),
    "without subject": lambda: token("ops", sub=None),
    "without audience": lambda: token("ops", aud=None),
    "without issuer": lambda: token("ops", iss=None),
    "with an empty subject": lambda: token("ops", sub=""),
    "with too long a subject": lambda: token("ops", sub="u" * 129),
    "with roles as text": lambda: by_key({"roles": "ops"}),
    "with roles that are no text": lambda: by_key({"roles": [["ops"]]}),
    "without roles": lambda: by_key({"roles": None}),
    "of an unknown key": lambda: token("ops", key=OTHER_EC, kid="other"),
    "of another key under a known name": lambda: token("ops", key=OTHER_EC),
    "without a key's name": lambda: token("ops", kid=None),
    "of another kind under a known name": lambda: token("ops", key=RSA, algorithm="RS256", kid="ec"),
    "of yet another kind": lambda: token("ops", key=ED, algorithm="EdDSA", kid="rsa"),
    "in another strength": lambda: token("ops", key=RSA, algorithm="RS512", kid="rsa"),
    "alg none": lambda: by_hand({"alg": "none", "typ": "JWT", "kid": "ec"}, claims(roles=["ops"])),
    "alg none in other letters": lambda: by_hand({"alg": "nOnE", "kid": "ec"}, claims(roles=["ops"])),
    "HS256 with the public key": signed_with_the_public_key,
    "HS256 with an empty secret": lambda: by_hand({"alg": "HS256", "kid": "ec"}, claims(roles=["ops"]), b"x"),
    "with another signature": lambda: cut(token("ops")),
    "with other claims": lambda: other_claims(token("officer")),
    "garbage": lambda: "garbage",
    "empty parts": lambda: "..",
    "with a number for a key's name": lambda: by_hand({"alg": "ES256", "kid": 5}, claims(roles=["ops"]), b"x" * 64),
}


def by_key(changes: dict[str, Any]) -> str:
    return jwt.encode(claims(**changes), EC, algorithm="ES256", headers={"kid": "ec"})


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD.keys())
def test_a_good_token_of_every_kind_is_taken(make: Any, intake: Side) -> None:
    assert intake.ask("get", "/v1/parked", {"Authorization": f"Bearer {make()}"}).status_code == 200


@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_a_bad_token_is_refused(make: Any, intake: Side) -> None:
    answer = intake.ask("get", "/v1/parked", {"Authorization": f"Bearer {make()}"})
    assert problem(answer, 401)["title"] == "auth.invalid"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic dTpw", "Token x"])
def test_what_is_no_bearer_token_is_no_token(value: str, intake: Side) -> None:
    assert problem(intake.ask("get", "/v1/parked", {"Authorization": value}), 401)["title"] == "auth.missing"


def test_a_service_without_keys_lets_nobody_in() -> None:
    side = Side("intake", Keys("", ISSUER, AUDIENCE))
    assert problem(side.ask("get", "/v1/parked", bearer("ops")), 401)["title"] == "auth.invalid"


def test_a_token_without_an_agency_cannot_publish(intake: Side) -> None:
    answer = intake.ask("post", "/v1/events", bearer("publisher", org=None), json=example(ApplicationSubmittedV2.TYPE))
    assert problem(answer, 403)["title"] == "auth.organisation"


# ---- the shape of every error


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


ACCEPT = f"/v1/applications/{PILOT}/acceptance"
RETURN = f"/v1/applications/{PILOT}/return"


def accept(side: Side, **headers: str | None) -> Any:
    """An acceptance with changed headers (None: left out); names are written with underscores."""
    named = {k.replace("_", "-"): v for k, v in headers.items()}
    sent = {**COMMAND_HEADERS, **bearer("officer"), **named}
    return side.ask("post", ACCEPT, {k: v for k, v in sent.items() if v is not None})


def test_a_command_that_was_carried_out_answers_with_version_and_etag(intake: Side) -> None:
    answer = accept(intake)
    assert (answer.status_code, answer.json()) == (200, {"subject": PILOT, "version": 3})
    assert answer.headers["ETag"] == '"8"'
    assert "Idempotent-Replayed" not in answer.headers
    [one] = intake.engine.taken
    assert (one.if_match, one.actor.id, one.actor.role, one.cause_id) == (7, "u-1", "officer", "u-1:k-1")


def test_the_same_command_again_gives_the_same_answer_and_says_so(intake: Side) -> None:
    intake.engine.outcome = Duplicate(version=3, rev=9)
    answer = accept(intake)
    assert (answer.status_code, answer.json()["version"], answer.headers["ETag"]) == (200, 3, '"9"')
    assert answer.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("key", [None, ""])
def test_a_command_without_an_idempotency_key_is_400(key: str | None, intake: Side) -> None:
    assert problem(accept(intake, Idempotency_Key=key), 400)["title"] == "idempotency-key.missing"
    assert intake.engine.taken == []


def test_too_long_an_idempotency_key_is_422(intake: Side) -> None:
    assert (
        problem(accept(intake, Idempotency_Key="k" * 129), 422)["problems"][0]["pointer"] == "/header/Idempotency-Key"
    )


def test_a_command_without_if_match_is_428(intake: Side) -> None:
    assert problem(accept(intake, If_Match=None), 428)["title"] == "if-match.missing"
    assert intake.engine.taken == []


@pytest.mark.parametrize("etag", ['"7"', "7", 'W/"7"', ' "7" '])
def test_an_etag_is_taken_as_it_was_given_out(etag: str, intake: Side) -> None:
    assert accept(intake, If_Match=etag).status_code == 200
    assert intake.engine.taken[0].if_match == 7


@pytest.mark.parametrize("etag", ["", "*", '"x"', '"7", "8"', "-7", "7.0", '"²"', "9" * 19, "9" * 5000])
def test_what_is_no_etag_of_ours_is_400(etag: str, intake: Side) -> None:
    answer = accept(intake, If_Match=etag.encode("latin-1"))  # type: ignore[arg-type]
    assert problem(answer, 400)["title"] == "if-match.bad"


def test_a_revision_that_is_gone_is_412_with_the_present_one(intake: Side) -> None:
    intake.engine.outcome = Stale(rev=9, version=4)
    answer = accept(intake)
    assert problem(answer, 412)["title"] == "revision.gone"
    assert answer.headers["ETag"] == answer.json()["etag"] == '"9"'


def test_a_revision_that_is_gone_is_412_with_the_version_that_stands_now(intake: Side) -> None:
    intake.engine.outcome = Stale(rev=7, version=2)
    body = problem(accept(intake), 412)
    assert (body["version"], body["etag"]) == (2, '"7"')


def test_a_key_that_was_used_for_something_else_is_409(intake: Side) -> None:
    intake.engine.outcome = Conflict()
    assert problem(accept(intake), 409)["title"] == "idempotency-key.reused"


@pytest.mark.parametrize("status", [403, 409, 422])
def test_a_refusal_of_the_domain_keeps_its_code_its_status_and_its_problems(status: int, intake: Side) -> None:
    fault = Problem(pointer="/reasons/0/code", rule="reason.unknown", message="m", message_ru="м")
    intake.engine.outcome = Refused(Refusal("auth.role", status=status, problems=[fault], roles=["a", "b"]))
    body = problem(accept(intake), status)
    told = {**fault.model_dump(), "message_be": "м", "message_en": "m"}
    assert (body["title"], body["detail"], body["problems"]) == (
        "auth.role",
        "This needs one of the roles: a, b.",
        [told],
    )


def test_what_could_not_be_decided_is_500_and_tells_nothing_of_the_inside(intake: Side) -> None:
    intake.engine.outcome = Broken("KeyError: secret")
    answer = accept(intake)
    assert problem(answer, 500)["title"] == "engine.broken"
    assert "secret" not in answer.text


def test_what_is_stored_and_cannot_be_read_is_500_by_that_name(intake: Side) -> None:
    intake.engine.outcome = Broken("/status: enum", unreadable=True)
    assert problem(accept(intake), 500)["title"] == "state.unreadable"


def test_what_nobody_foresaw_is_500_and_a_problem_document_too(intake: Side) -> None:
    intake.engine.outcome = RuntimeError("secret")
    answer = accept(intake)
    assert problem(answer, 500)["action"] == "retry"
    assert "secret" not in answer.text


def test_a_database_that_is_away_is_503_and_may_be_asked_again(intake: Side) -> None:
    intake.engine.outcome = StoreAway("host:27017 secret")
    answer = accept(intake)
    assert problem(answer, 503)["action"] == "retry"
    assert answer.headers["Retry-After"].isdigit()
    assert "secret" not in answer.text


def test_an_unknown_subject_is_404_as_is_one_of_another_kind_or_without_a_state(intake: Side) -> None:
    assert problem(intake.ask("get", "/v1/applications/x", bearer("officer")), 404)["title"] == "not-found"
    answer = intake.ask("get", "/v1/applications/agency:vedomstvo", bearer("officer"))
    assert problem(answer, 404)["title"] == "not-found"
    intake.engine.found["passed-by"] = Document("passed-by", "pilot", rev=1, version=0)
    answer = intake.ask("get", "/v1/applications/passed-by", bearer("officer"))
    assert problem(answer, 404)["title"] == "not-found"


def test_a_command_on_an_unknown_subject_is_404_and_is_not_decided(registry: Side) -> None:
    headers = {**COMMAND_HEADERS, **bearer("registrar")}
    answer = registry.ask("post", "/v1/pilots/x/launch", headers, json=BODIES["/v1/pilots/{pilot}/launch"])
    assert problem(answer, 404)["title"] == "not-found"
    assert registry.engine.taken == []


def test_an_unknown_route_is_404_and_a_wrong_method_405_with_those_allowed(intake: Side) -> None:
    assert problem(intake.ask("get", "/v1/nowhere"), 404)["title"] == "http.404"
    answer = intake.ask("delete", "/v1/applications", bearer("officer"))
    assert problem(answer, 405)["title"] == "http.405"
    assert answer.headers["Allow"] == "GET"


def test_a_body_that_does_not_fit_names_every_fault_by_its_place(intake: Side) -> None:
    headers = {**COMMAND_HEADERS, **bearer("officer")}
    reasons = [{"code": "Not A Code"}, {"text": "x"}]
    body = problem(intake.ask("post", RETURN, headers, json={"reasons": reasons}), 422)
    assert [(p["pointer"], p["rule"]) for p in body["problems"]] == [
        ("/body/reasons/0/code", "schema.string-pattern-mismatch"),
        ("/body/reasons/1/code", "schema.missing"),
    ]


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b"[]", b""])
def test_a_body_that_is_no_json_object_is_refused_and_never_500(content: bytes, intake: Side) -> None:
    headers = {**COMMAND_HEADERS, **bearer("officer"), "Content-Type": "application/json"}
    answer = intake.ask("post", RETURN, headers, content=content)
    assert answer.status_code in (400, 422)
    problem(answer, answer.status_code)


def test_too_large_a_body_is_413_and_never_reaches_the_engine(intake: Side) -> None:
    content = b" " * (AGENCY_MAX_BYTES + 1)
    assert problem(intake.ask("post", "/v1/events", bearer("publisher"), content=content), 413)
    assert intake.engine.taken == []


# ---- publishing


def publish(side: Side, **changes: Any) -> Any:
    event = {**example(ApplicationSubmittedV2.TYPE), **changes}
    return side.ask("post", "/v1/events", bearer("publisher"), json=event)


@pytest.mark.parametrize(("outcome", "status"), [(Done(2, 1), 201), (Duplicate(2, 1), 200)])
@pytest.mark.parametrize("event_id", ["a-1", "заявка 17/04", "a?b#c%d"])
def test_a_published_event_is_answered_with_its_receipt_and_where_it_is(
    outcome: Outcome, status: int, event_id: str, intake: Side
) -> None:
    intake.publishes(event_id, REGISTERED.model_copy(update={"event_id": event_id}))
    intake.engine.outcome = outcome
    answer = publish(intake, id=event_id)
    assert (answer.status_code, answer.json()["status"]) == (status, "registered")
    assert answer.json()["event_id"] == event_id
    again = intake.ask("get", answer.headers["Location"], bearer("publisher"))
    assert again.json() == answer.json()
    assert answer.headers.get("Idempotent-Replayed") == ("true" if status == 200 else None)


def test_a_refused_event_is_422_with_every_problem_and_the_receipt(intake: Side) -> None:
    fault = Problem(pointer="/data/sector", rule="sector.unknown", message="m", message_ru="м")
    intake.publishes("a-1", REGISTERED.model_copy(update={"status": Status.REFUSED, "problems": (fault,)}))
    answer = publish(intake, id="a-1")
    body = problem(answer, 422)
    assert (body["title"], body["problems"]) == (
        "event.refused",
        [{**fault.model_dump(), "message_be": "м", "message_en": "m"}],
    )
    assert answer.headers["ETag"] == '"1"'


def test_an_id_used_for_another_event_is_409(intake: Side) -> None:
    intake.engine.outcome = Conflict()
    assert problem(publish(intake), 409)["title"] == "id.reused"


def test_a_newer_version_of_an_event_is_422_and_may_be_sent_again_later(intake: Side) -> None:
    body = problem(publish(intake, type="pilots.agency.application-submitted.v3"), 422)
    assert body["title"] == "event.newer-version"
    assert [(p["pointer"], p["action"]) for p in body["problems"]] == [("/type", "retry")]


def test_an_agency_that_is_not_in_the_directory_is_403_and_may_send_again(intake: Side) -> None:
    del intake.engine.found["agency:vedomstvo"]
    body = problem(publish(intake), 403)
    assert (body["title"], body["action"]) == ("agency.unknown", "retry")


def test_an_agency_that_needs_a_receipt_of_an_unknown_event_is_told_404(intake: Side) -> None:
    answer = intake.ask("get", "/v1/receipts/unheard-of", bearer("publisher"))
    assert problem(answer, 404)["title"] == "receipt.unknown"


def test_an_unknown_edition_is_404(intake: Side) -> None:
    assert problem(intake.ask("get", "/v1/editions/by-1999", bearer("officer")), 404)["title"] == "edition.unknown"


@pytest.mark.parametrize("code", ["A", "x", "a" * 21, "a.b", "а-б"])
def test_a_bad_agency_code_is_422(code: str, intake: Side) -> None:
    problem(intake.ask("get", f"/v1/agencies/{code}", bearer("admin")), 422)


# ---- an expert sees only what is assigned to the expert


def test_an_expert_does_not_see_a_review_of_others(expertise: Side) -> None:
    path = f"/v1/reviews/{PILOT}"
    assert expertise.ask("get", path, bearer("expert")).status_code == 200
    assert problem(expertise.ask("get", path, bearer("expert", sub="u-2")), 404)["title"] == "not-found"
    headers = bearer("expert", sub="u-2")  # also before it is said which headers are missing
    answer = expertise.ask("post", f"{path}/opinion", headers, json=BODIES["/v1/reviews/{pilot}/opinion"])
    assert problem(answer, 404)["title"] == "not-found"
    assert expertise.engine.taken == []


@given(data=st.data())
def test_what_a_query_finds_and_what_a_card_shows_is_one_rule(data: st.DataObject) -> None:
    """`Sight` says it twice, once to the database and once of a case: both mean the same."""
    people = st.sampled_from(["u-1", "u-2", "u-3"])
    places = [
        CASE.places[0].model_copy(
            update={"seat": ENTRY.model_copy(update={"expert_id": who}).seat(), "status": data.draw(statuses)}
        )
        for who in data.draw(st.lists(people, max_size=3, unique=True))
    ]
    conflicts = [
        KnownConflict(
            expert_id=who,
            conflict=Known(kind=ConflictKind.DECLARED),
            found=NOW,
            raised_by="u-9",
            status=data.draw(st.sampled_from(["open", "dismissed", "confirmed"])),
        )
        for who in data.draw(st.lists(people, max_size=3))
    ]
    case = CASE.model_copy(update={"places": tuple(places), "conflicts": tuple(conflicts)})
    roles = data.draw(st.frozensets(st.sampled_from(["expert", "operator", "approver", "auditor"]), min_size=1))
    eyes = sight(Caller(data.draw(people), roles, None))
    where = eyes.where()
    found = where["state.hidden_from"]["$ne"] not in case.hidden_from
    if "state.visible_to" in where:
        found = found and where["state.visible_to"] in case.visible_to
    assert eyes.sees(case) == found


statuses = st.sampled_from(PlaceStatus)


# ---- pages


def row(number: int) -> dict[str, Any]:
    state = {
        "number": f"N-{number}",
        "application": {"title": "т", "sector": "health"},
        "agency": "vedomstvo",
        "stage": "council",
        "term": None,
        "entered": f"2026-04-16T09:00:0{number}.000Z",
    }
    return {"_id": f"p-{number}", "state": state}


def test_a_page_names_the_next_one_and_the_last_page_names_none(registry: Side) -> None:
    registry.engine.store.found = [row(3), row(2), row(1)]
    first = registry.ask("get", "/v1/pilots?limit=2", bearer("auditor")).json()
    assert [item["id"] for item in first["items"]] == ["p-3", "p-2"]
    registry.engine.store.found = [row(1)]
    last = registry.ask("get", f"/v1/pilots?limit=2&after={first['next']}", bearer("auditor")).json()
    assert ([item["id"] for item in last["items"]], last["next"]) == (["p-1"], None)
    beyond = json.dumps(registry.engine.store.asked[-1])
    assert "2026-04-16T09:00:02.000Z" in beyond
    assert "p-2" in beyond


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


CURSORS = ["x", "%", "=", "ё", "e30", encoded([]), encoded(["a"]), encoded(["a", "b", "c"]), encoded({"a": 1})]
CURSORS += [encoded([{"$gt": ""}, "a"]), encoded([["a"], "b"]), encoded([1.5, "a"]), encoded("ab")]
CURSORS += [base64.urlsafe_b64encode(b"\xff\xfe").decode(), base64.urlsafe_b64encode(b"[" * 20_000).decode()]


@pytest.mark.parametrize("cursor", CURSORS)
def test_a_cursor_that_was_not_given_out_is_400(cursor: str, registry: Side) -> None:
    answer = registry.ask("get", "/v1/pilots", bearer("auditor"), params={"after": cursor})
    assert problem(answer, 400)["title"] == "cursor.bad"
    assert registry.engine.store.asked == []


@given(cursor=st.text(max_size=40))
def test_no_cursor_whatever_is_more_than_400(cursor: str, keys: Keys) -> None:
    answer = _sides(keys)["registry"].ask("get", "/v1/pilots", bearer("auditor"), params={"after": cursor})
    assert answer.status_code in (200, 400)


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5"])
def test_a_page_has_1_to_200_rows(limit: str, registry: Side) -> None:
    problem(registry.ask("get", f"/v1/pilots?limit={limit}", bearer("auditor")), 422)


def test_an_unknown_status_of_parked_records_is_422(registry: Side) -> None:
    answer = registry.ask("get", "/v1/parked?status=lost", bearer("ops"))
    assert problem(answer, 422)["title"] == "status.unknown"


def test_a_parked_record_is_shown_without_personal_data(registry: Side) -> None:
    value = json.dumps(example(ApplicationSubmittedV2.TYPE), ensure_ascii=False).encode()
    fixed = {"status": "broken", "cause": "c", "subject": "s", "source": None, "sequence": None}
    place = {"topic": "t", "partition": 0, "offset": 7}
    registry.engine.store.found = [{"_id": "t/0/7", **fixed, **place, "at": NOW, "value": value}]
    answer = registry.ask("get", "/v1/parked", bearer("ops"))
    contact = example(ApplicationSubmittedV2.TYPE)["data"]["contact"]
    assert answer.json()["items"][0]["event"]["data"]["title"] == "Запись к врачу без очереди"
    assert not [secret for secret in contact.values() if secret in answer.text]


# ---- health


def test_a_service_is_ready_only_when_everything_that_it_needs_answers(keys: Keys) -> None:
    async def away() -> None:
        raise ConnectionError("secret:27017")

    app = make_app("Lotsman x", keys, FakeEngine(), {"mongo": _fine, "kafka": away})  # type: ignore[arg-type]
    answer = asked(app, "get", "/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "checks": {"mongo": "ok", "kafka": "ConnectionError"}}
    assert asked(app, "get", "/health/live").status_code == 200
