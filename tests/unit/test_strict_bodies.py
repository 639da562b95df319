"""Every body over HTTP is taken strictly: a key that is not known is refused at every depth, never lost.

The bodies are made from what each service says of itself (OpenAPI), so that a new route is looked at by itself.
"""

import asyncio
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from hypothesis import Phase, find, settings
from hypothesis import strategies as st

from contracts.reference import ROLES
from contracts.rules import load
from services.chassis.web import make_app
from services.expertise.api import make_router as expertise_router
from services.intake.api import make_router as intake_router
from services.registry.api import make_router as registry_router
from services.registry.finding import finding
from tests.documented import document_of
from tests.kit.people import Tokens
from tests.kit.sides import FakeEngine

ROUTERS: Mapping[str, Any] = {
    "intake": lambda: intake_router(load()),
    "expertise": expertise_router,
    "registry": registry_router,
}
UNKNOWN = "unheard-of"
TEXTS = {"date": "2026-03-02", "date-time": "2026-03-02T09:00:00Z"}


# ---- bodies that fit, made from their schema; with each one, where in it an object of known keys stands

Made = tuple[Any, list[str]]


class Schemas:
    """The schemas of a service, and bodies that fit them."""

    def __init__(self, components: Mapping[str, Any]) -> None:
        self._components = components

    def bodies(self, schema: Mapping[str, Any]) -> list[Made]:
        """Bodies with every key that is known, so many that each alternative is in one of them."""
        if "$ref" in schema:
            return self.bodies(self._components[schema["$ref"].rsplit("/", 1)[1]])
        if "const" in schema:
            return [(schema["const"], [])]
        if "enum" in schema:
            return [(schema["enum"][0], [])]
        if alternatives := schema.get("anyOf", schema.get("oneOf")):
            return [made for one in alternatives if one.get("type") != "null" for made in self.bodies(one)]
        match schema.get("type"):
            case "object":
                return self._objects(schema)
            case "array":
                count = max(1, schema.get("minItems", 0))
                return [
                    ([deepcopy(one) for _ in range(count)], [f"/{n}{at}" for n in range(count) for at in places])
                    for one, places in self.bodies(schema.get("items", {}))
                ]
            case "string":
                return [(self._text(schema), [])]
            case "integer" | "number":
                return [(int(schema.get("minimum", 1)), [])]
            case "boolean":
                return [(True, [])]
        return [("anything", [])]

    def _objects(self, schema: Mapping[str, Any]) -> list[Made]:
        if "properties" not in schema:
            within = schema.get("additionalProperties")
            return [({"a": one}, [f"/a{at}" for at in places]) for one, places in self.bodies(within or {})]
        choices = {name: self.bodies(one) for name, one in schema["properties"].items()}
        usual = {name: made[0] for name, made in choices.items()}
        others = [{**usual, name: made} for name, several in choices.items() for made in several[1:]]
        return [
            (
                {name: deepcopy(one) for name, (one, _) in parts.items()},
                ["", *(f"/{name}{at}" for name, (_, places) in parts.items() for at in places)],
            )
            for parts in (usual, *others)
        ]

    @staticmethod
    def _text(schema: Mapping[str, Any]) -> str:
        if schema.get("pattern", "").startswith("^") and "format" not in schema:
            return matching(schema["pattern"], schema.get("minLength", 1))
        return TEXTS.get(str(schema.get("format", "")), "a" * max(1, int(schema.get("minLength", 1))))


@cache
def matching(pattern: str, least: int) -> str:
    """Some text that a pattern allows."""
    texts = st.from_regex(pattern, fullmatch=True).filter(lambda one: len(one.strip()) >= least)
    return find(texts, lambda _: True, settings=settings(phases=[Phase.generate], database=None))


def spoilt(body: Any, place: str) -> Any:
    """The body with a key too many in the object at a place."""
    changed = deepcopy(body)
    found = changed
    for step in place.split("/")[1:]:
        found = found[int(step)] if isinstance(found, list) else found[step]
    found[UNKNOWN] = 1
    return changed


# ---- every route that takes a body


@cache
def app_of(service: str) -> FastAPI:
    """A service's HTTP side with nothing stored behind it: what is refused never gets there."""
    app = make_app(service, Tokens(), FakeEngine(), {})  # type: ignore[arg-type]
    router: APIRouter = ROUTERS[service]()
    app.include_router(router)
    if service == "registry":
        app.state.finding = finding.in_memory()
    return app


EVENT = "application/cloudevents+json"


def taking() -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Service, method, path and schema of each route of the services with a JSON body; what is wrong with an agency's
    event is said in its receipt."""
    for service in ROUTERS:
        for path, item in document_of(service)["paths"].items():
            for method, said in item.items():
                content = said.get("requestBody", {}).get("content", {})
                if EVENT not in content and "schema" in (found := content.get("application/json", {})):
                    yield service, method, path, found["schema"]


CASES = [
    pytest.param(service, method, path, schema, id=f"{service}:{method}:{path}")
    for service, method, path, schema in taking()
]


def refused(service: str, method: str, path: str, body: Any) -> tuple[int, list[tuple[str, str]]]:
    """The status, and what is said to be wrong with the body: where, and by which rule."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app_of(service))
        headers = {
            "Authorization": f"Bearer u-1|{','.join(ROLES)}|vedomstvo",
            "Idempotency-Key": "k-1",
            "If-Match": '"1"',
        }
        async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
            return await client.request(method, path.replace("{", "").replace("}", ""), json=body)

    answer = asyncio.run(ask())
    problems = answer.json().get("problems", [])
    return answer.status_code, [(one["pointer"], one["rule"]) for one in problems if one["pointer"].startswith("/body")]


@pytest.mark.parametrize(("service", "method", "path", "schema"), CASES)
def test_a_key_that_is_not_known_is_refused_where_it_stands(
    service: str, method: str, path: str, schema: Mapping[str, Any]
) -> None:
    made = Schemas(document_of(service)["components"]["schemas"]).bodies(schema)
    assert any(places for _, places in made), "a body is an object of known keys"
    for body, places in made:
        for place in places:
            status, faults = refused(service, method, path, spoilt(body, place))
            # A list one of whose items is faulty may be told to be too short as well.
            found = [one for one in faults if one[1] != "schema.too-short"]
            assert (status, found) == (422, [(f"/body{place}/{UNKNOWN}", "schema.extra-forbidden")])


def test_every_service_has_routes_that_are_looked_at() -> None:
    assert {case.values[0] for case in CASES} == set(ROUTERS)


def test_a_misspelt_demand_of_an_expert_is_refused_and_not_lost() -> None:
    remark = {"code": "costs", "text": "Нет источника.", "must-fix": True}
    body = {"verdict": "positive-with-remarks", "text": "Да, но.", "remarks": [remark]}
    status, faults = refused("expertise", "post", "/v1/reviews/p-1/opinion", body)
    assert (status, faults) == (422, [("/body/remarks/0/must-fix", "schema.extra-forbidden")])
