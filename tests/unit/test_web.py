"""The HTTP side without a store: who is let in where, and what every kind of error looks like."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from contracts.agency import ApplicationSubmittedV2
from contracts.freeze import example
from contracts.reference import ROLES
from contracts.topics import SERVICES
from services.chassis.auth import allow
from tests.kit.expertise.world import BODIES as EXPERTISE_BODIES
from tests.kit.expertise.world import body_of
from tests.kit.sides import COMMAND_HEADERS, EXPORT, FILE_KEPT, IMPORT, PILOT, Side, bearer, problem

# ---- who is let in where: the whole policy in one table

OPERATIONS = {
    ("get", "/metrics"): {"ops"},
    ("get", "/v1/withheld"): {"ops"},
    ("get", "/v1/reading"): {"ops"},
    ("get", "/v1/reading/skipped"): {"ops"},
    ("post", "/v1/reading/skip"): {"ops"},
    ("get", "/v1/parked"): {"ops"},
    ("get", "/v1/parked/groups"): {"ops"},
    ("post", "/v1/parked/redrive"): {"ops"},
    ("get", "/v1/parked/records/{place}"): {"ops"},
    ("get", "/v1/parked/repairs"): {"ops"},
    ("post", "/v1/parked/repairs"): {"ops"},
    ("get", "/v1/parked/repairs/{repair}"): {"ops"},
    ("post", "/v1/parked/repairs/{repair}/approval"): {"ops"},
    ("post", "/v1/parked/repairs/{repair}/refusal"): {"ops"},
    ("get", "/v1/balance"): {"ops"},
    ("get", "/v1/balance/whole"): {"ops"},
}
REGISTER_READERS = set(ROLES) - {"expert", "ops"}
QUESTIONS = ("funnel", "terms", "money", "results", "scaling", "overpaid")
REGISTER_READ = [
    ("get", "/v1/pilots"),
    ("get", "/v1/pilots/{pilot}"),
    *[("get", f"/v1/pilots/{{pilot}}/{part}") for part in ("timeline", "clock", "risks", "results", "replicas")],
    ("get", "/v1/changes"),
    ("get", "/v1/money"),
    ("get", "/v1/money/{pilot}"),
    *[("get", f"/v1/figures/{question}") for question in QUESTIONS],
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
ERASING = {
    ("post", "/v1/persons/{person}/erasure"): {"admin"},
    ("get", "/v1/persons/{person}/erasures"): {"auditor", "admin"},
}
"""How names are erased, the same in every service that keeps some."""


def hooks_of(role: str) -> Mapping[tuple[str, str], AbstractSet[str]]:
    """Who does what with hooks: those whose they are, and administrators, who register none."""
    seen = {("get", ""), ("get", "/{hook}"), ("get", "/{hook}/deliveries"), ("get", "/{hook}/deliveries/{delivery}")}
    seen |= {("get", "/notices")}
    stopped = {("delete", "/{hook}"), ("post", "/{hook}/off")}
    own = {("post", ""), ("post", "/{hook}/secret"), ("post", "/{hook}/on"), ("post", "/{hook}/recovery")}
    own |= {("post", "/{hook}/deliveries/{delivery}/again")}
    return {
        **{(method, f"/v1/hooks{path}"): {role, "admin"} for method, path in sorted(seen | stopped)},
        **{(method, f"/v1/hooks{path}"): {role} for method, path in sorted(own)},
    }


POLICY: Mapping[str, Mapping[tuple[str, str], AbstractSet[str]]] = {
    "intake": {
        ("post", "/v1/events"): {"publisher"},
        ("post", "/v1/events/validate"): {"publisher", "auditor"},
        ("get", "/v1/receipts"): {"publisher", "officer", "auditor"},
        ("get", "/v1/receipts/{event_id}"): {"publisher", "officer", "auditor"},
        ("get", "/v1/applications"): {"publisher", *LOOK_OVER_READERS},
        ("get", "/v1/applications/{pilot}"): {"publisher", *LOOK_OVER_READERS},
        ("post", "/v1/applications/{pilot}/acceptance"): {"officer"},
        ("post", "/v1/applications/{pilot}/return"): {"officer"},
        ("post", "/v1/applications/{pilot}/stop"): {"officer"},
        ("get", "/v1/applications/{pilot}/clock"): {"publisher", *LOOK_OVER_READERS},
        ("get", "/v1/applications/{pilot}/id"): {"ops"},
        ("get", "/v1/applications/{pilot}/contact"): {"officer"},
        ("get", "/v1/applications/{pilot}/contact/readings"): {"auditor", "admin"},
        ("delete", "/v1/applications/{pilot}/contact"): {"publisher", "admin"},
        ("get", "/v1/agencies"): LOOK_OVER_READERS,
        ("get", "/v1/agencies/{code}"): {"publisher", *LOOK_OVER_READERS},
        ("get", "/v1/agencies/{code}/quota"): {"publisher", *LOOK_OVER_READERS},
        ("put", "/v1/agencies/{code}"): {"admin"},
        ("post", "/v1/agencies/{code}/disabling"): {"admin"},
        ("post", "/v1/agencies/{code}/enabling"): {"admin"},
        ("post", "/v1/agencies/{code}/kafka-password"): {"admin"},
        ("get", "/v1/agencies/{code}/keys"): {"publisher", *LOOK_OVER_READERS},
        ("post", "/v1/agencies/{code}/keys"): {"admin"},
        ("post", "/v1/agencies/{code}/keys/{key_id}/rotation"): {"admin"},
        ("post", "/v1/agencies/{code}/keys/{key_id}/revocation"): {"admin"},
        ("get", "/v1/import-mappings"): {"publisher"},
        ("post", "/v1/import-files"): {"publisher"},
        ("get", "/v1/import-files/{id}"): {"publisher"},
        ("get", "/v1/imports"): {"publisher"},
        ("post", "/v1/imports"): {"publisher"},
        ("get", "/v1/imports/{id}"): {"publisher"},
        ("get", "/v1/imports/{id}/marked"): {"publisher"},
        ("get", "/v1/imports/{id}/report"): {"publisher"},
        ("post", "/v1/imports/{id}/resume"): {"publisher"},
        ("post", "/v1/imports/{id}/stop"): {"publisher"},
        ("get", "/v1/rule-counts"): {"publisher", *LOOK_OVER_READERS},
        ("get", "/v1/contracts"): set(ROLES),
        ("get", "/v1/contracts/{type}"): set(ROLES),
        ("get", "/v1/editions"): set(ROLES),
        ("get", "/v1/editions/{edition}"): set(ROLES),
        **hooks_of("publisher"),
        **{(method, "/v1/me/person"): LOOK_OVER_READERS for method in ("get", "put", "delete")},
        **ERASING,
        **OPERATIONS,
    },
    "expertise": {
        ("get", "/v1/reviews"): REVIEW_READERS,
        ("get", "/v1/reviews/counts"): REVIEW_READERS,
        ("get", "/v1/reviews/{pilot}"): REVIEW_READERS,
        ("get", "/v1/reviews/{pilot}/clock"): REVIEW_READERS,
        ("get", "/v1/reviews/{pilot}/proposals"): {"operator"},
        ("get", "/v1/reviews/{pilot}/conclusion/document"): OVERSEERS,
        ("get", "/v1/reviews/{pilot}/conclusions/{number}/document"): REVIEW_READERS,
        ("put", "/v1/reviews/{pilot}/conclusions/{number}/document"): {"admin"},
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
        ("post", "/v1/exports"): OVERSEERS,
        ("get", "/v1/exports"): {"auditor", "admin"},
        ("get", "/v1/exports/{export}"): OVERSEERS,
        ("get", "/v1/exports/{export}/file"): OVERSEERS,
        ("get", "/v1/board"): OVERSEERS,
        ("get", "/v1/board/experts"): OVERSEERS,
        ("get", "/v1/experts"): OVERSEERS,
        ("get", "/v1/experts/{expert}"): OVERSEERS,
        ("put", "/v1/experts/{expert}"): {"operator"},
        ("put", "/v1/experts/{expert}/person"): {"operator"},
        ("post", "/v1/experts/{expert}/person/erasure"): {"operator"},
        ("post", "/v1/experts/{expert}/handover"): {"operator"},
        ("get", "/v1/teams"): OVERSEERS | {"admin"},
        ("get", "/v1/teams/{code}"): OVERSEERS | {"admin"},
        ("put", "/v1/teams/{code}"): {"admin"},
        ("get", "/v1/me/notices"): {"operator", "expert", "approver"},
        ("post", "/v1/me/notices/read"): {"operator", "expert", "approver"},
        ("get", "/v1/me/person"): REVIEW_READERS | {"admin"},
        ("put", "/v1/me/person"): REVIEW_READERS | {"admin"},
        ("delete", "/v1/me/person"): REVIEW_READERS | {"admin"},
        **ERASING,
        **OPERATIONS,
    },
    "registry": {
        **{route: REGISTER_READERS for route in REGISTER_READ},
        **{("post", f"/v1/pilots/{{pilot}}/{step}"): {role} for role, steps in LIFE.items() for step in steps},
        ("post", "/v1/exports"): EXPORT_ASKERS,
        ("get", "/v1/exports"): EXPORT_OVERSEERS,
        ("get", "/v1/exports/{export}"): EXPORT_ASKERS,
        ("get", "/v1/exports/{export}/file"): EXPORT_ASKERS,
        **{
            (method, "/v1/me/person"): REGISTER_READERS - {"publisher", "subscriber"}
            for method in ("get", "put", "delete")
        },
        ("get", "/v1/persons"): {"head-organisation", "admin"},
        ("put", "/v1/persons/{person}"): {"head-organisation", "admin"},
        ("get", "/v1/agencies/{code}"): {"auditor", "admin"},
        **hooks_of("subscriber"),
        **ERASING,
        **OPERATIONS,
    },
}
OPEN = {("get", f"/health/{one}") for one in ("live", "ready", "serving", "start")}
OPEN_PATHS = {
    "intake": ("code-lists", "code-lists/{edition}", "labels"),
    "registry": (
        "pilots",
        "pilots/{pilot}",
        "pilots/{pilot}/timeline",
        "pilots/{pilot}/replicas",
        "search",
        "search.csv",
        "search.jsonl",
        "facets",
        "money",
        "money.csv",
        "money/pilots",
        "terms",
        "terms/pilots",
        "search.schema.json",
        "money.schema.json",
        "openapi.json",
    ),
}
ASKED = {"money/pilots": "?currency=BYN&stage=planned", "terms/pilots": "?kind=expertise&how=kept"}
"""What must be said where a question would have no answer without."""
PUBLIC = {
    (service, method, f"/public/v1/{path}")
    for service, paths in OPEN_PATHS.items()
    for path in paths
    for method in ("get", "head")
}
"""What is shown to all; that the register shows what is public alone is tested with its views."""
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
    "/v1/events/validate": example(ApplicationSubmittedV2.TYPE),
    "/v1/applications/{pilot}/return": {"reasons": [{"code": "other"}]},
    "/v1/agencies/{code}": {"name": "В", "editions": [{"edition": "by-2024", "since": "2026-01-01"}]},
    "/v1/agencies/{code}/disabling": {"why": "Ключ у посторонних."},
    "/v1/agencies/{code}/enabling": {"why": "Выданы новые ключи."},
    "/v1/agencies/{code}/keys": {"label": "Учётная система", "scopes": ["publish"]},
    "/v1/agencies/{code}/keys/{key_id}/rotation": {"overlap_hours": 1},
    "/v1/agencies/{code}/keys/{key_id}/revocation": {"why": "Ключ у посторонних."},
    "/v1/applications/{pilot}/stop": {"reason": "Ликвидация.", "basis": BASIS},
    **{f"/v1/pilots/{{pilot}}/{step}": {**said, "basis": BASIS} for step, said in ON_PAPER.items()},
    "/v1/import-files": {"file": "plan.csv", "content": "Tm87VGl0bGUKMTtPbmUK"},
    "/v1/imports": {"file": "plan.csv", "content": "Tm87VGl0bGU=", "mapping": "plan-of-projects", "dry_run": True},
    "/v1/exports": {"list": "pilots", "format": "csv", "why": "Отчёт за год."},
    "/v1/persons/{person}": {"name": "Образцова Мария Примеровна"},
    "/v1/persons/{person}/erasure": {"basis": BASIS},
    "/v1/hooks": {"address": "https://hooks.example.test/in"},
    "/v1/hooks/{hook}/recovery": {"since": "2026-03-02T09:00:00Z"},
    "/v1/similar": {"title": "Запись к врачу"},
    "/v1/parked/redrive": {"subjects": ["s"]},
    "/v1/parked/repairs": {"record": "topic/0/7", "kind": "discard", "why": "Пробная запись."},
    "/v1/parked/repairs/{repair}/refusal": {"why": "Ошибочно."},
    "/v1/reading/skip": {"record": "topic/0/7", "why": "Не читается."},
    **{f"/v1{path}": body_of(path, PILOT) for path in EXPERTISE_BODIES if path != "/exports"},
}
LISTS = {"expertise": EXPERTISE_BODIES["/exports"], "registry": BODIES["/v1/exports"]}
"""Two services give out lists, each its own."""
ROUTES = [(service, *route) for service, routes in POLICY.items() for route in routes]
NOT_THERE = {"/v1/reviews/{pilot}/conclusion/document"}
"""Of what is read where nothing stands: no draft waits in the case, and its expert would not be shown it."""
every_route = pytest.mark.parametrize(("service", "method", "path"), ROUTES)


def body_for(service: str, path: str) -> Any:
    """A body that fits a route of a service; None where it needs none."""
    return LISTS[service] if path == "/v1/exports" else BODIES.get(path)


def filled(path: str) -> str:
    parts = {"{pilot}": PILOT, "{code}": "vedomstvo", "{edition}": "by-2024", "{event_id}": "a-1"}
    parts |= {"{type}": ApplicationSubmittedV2.TYPE, "{key_id}": "0" * 12, "{hook}": "hook-1", "{delivery}": "msg_1"}
    parts |= {"{id}": FILE_KEPT if "/import-files/" in path else IMPORT, "{place}": "topic/0/7", "{repair}": "repair-1"}
    parts |= {"{expert}": "u-1", "{request}": "r1-1", "{number}": "C-1", "{export}": EXPORT, "{person}": "m-1"}
    for name, value in parts.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize("service", SERVICES)
def test_the_table_names_every_route_that_there_is(service: str, sides: Mapping[str, Side]) -> None:
    app = sides[service].app
    documented = {(method, path) for path, item in app.openapi()["paths"].items() for method in item}
    named = set(POLICY[service]) | OPEN | {(method, path) for of, method, path in PUBLIC if of == service}
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
def test_without_a_token_every_route_answers_401(
    service: str, method: str, path: str, sides: Mapping[str, Side]
) -> None:
    answer = sides[service].ask(method, filled(path), json=body_for(service, path))
    assert problem(answer, 401)["title"] == "auth.missing"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@every_route
@pytest.mark.parametrize("role", [None, "nobody", *ROLES])
def test_every_route_lets_in_exactly_the_roles_that_are_named_for_it(
    service: str, method: str, path: str, role: str | None, sides: Mapping[str, Side]
) -> None:
    headers = {**COMMAND_HEADERS, **bearer(*([role] if role else []))}
    answer = sides[service].ask(method, filled(path), headers, json=body_for(service, path))
    if role in POLICY[service][method, path]:
        assert answer.status_code in ((404,) if path in NOT_THERE else (200, 201, 202, 204)), answer.text
    else:
        assert problem(answer, 403)["title"] == "auth.role"


@pytest.mark.parametrize(("service", "method", "path"), sorted(PUBLIC))
def test_what_is_public_needs_no_token_and_takes_nothing(
    service: str, method: str, path: str, sides: Mapping[str, Side]
) -> None:
    side = sides[service]
    asked = filled(path) + ASKED.get(path.removeprefix("/public/v1/"), "")
    assert side.ask(method, asked).status_code == 200
    for other in ("post", "put", "patch", "delete"):
        problem(side.ask(other, filled(path), bearer(*ROLES)), 405)


@pytest.mark.parametrize("service", SERVICES)
def test_health_and_the_documents_are_open_to_all(service: str, sides: Mapping[str, Side]) -> None:
    for path in ("/health/live", "/health/ready", "/health/serving", "/health/start", "/openapi.json", "/docs"):
        assert sides[service].ask("get", path).status_code == 200
    for path in ("/openapi.json?x=1", "/docs?x=1", "/health/live?x=1"):
        body = problem(sides[service].ask("get", path), 422)
        assert [one["rule"] for one in body["problems"]] == ["query.unknown"]


def test_a_role_that_does_not_exist_cannot_open_a_route() -> None:
    with pytest.raises(ValueError, match="no such roles"):
        allow("offcier")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no such roles"):
        allow()
