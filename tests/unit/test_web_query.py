"""A query is held against what its route takes: what is misspelt, or said twice, is refused with its name."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

from contracts.topics import SERVICES
from services.chassis.asked import FREE
from services.chassis.settings import Settings
from services.chassis.web import make_bare_app
from tests.kit.sides import COMMAND_HEADERS, Side, asked, bearer, problem
from tests.unit.test_web import ASKED, BODIES, OPEN, POLICY, PUBLIC, filled, served

EVERY = [(service, *route, min(roles)) for service in SERVICES for route, roles in sorted(POLICY[service].items())]
UNGUARDED = [
    *[(service, *route) for service in SERVICES for route in sorted(OPEN)],
    *sorted(PUBLIC),
]
TAKING = [
    ("intake", "/v1/applications", "officer"),
    ("expertise", "/v1/reviews", "operator"),
    ("expertise", "/v1/me/notices", "operator"),
    ("registry", "/v1/pilots", "registrar"),
    ("registry", "/v1/search", "registrar"),
    ("registry", "/v1/facets", "registrar"),
    ("registry", "/v1/changes", "registrar"),
    ("registry", "/v1/money", "registrar"),
    ("registry", "/v1/figures/funnel", "registrar"),
]


def refused(answer: Any) -> list[tuple[str, str]]:
    """The place and the rule of everything that is wrong with a query."""
    return [(one["pointer"], one["rule"]) for one in problem(answer, 422)["problems"]]


def told_of(side: Side, method: str, path: str, headers: Mapping[str, str], query: str) -> Any:
    return side.ask(method, f"{filled(path)}?{query}", headers, json=BODIES.get(path))


@pytest.mark.parametrize(("service", "method", "path", "role"), EVERY)
def test_no_route_takes_a_parameter_that_it_does_not_know(
    service: str, method: str, path: str, role: str, sides: Mapping[str, Side]
) -> None:
    answer = told_of(sides[service], method, path, {**COMMAND_HEADERS, **bearer(role)}, "surprise=1")
    assert refused(answer) == [("/query/surprise", "query.unknown")]
    assert sides[service].engine.taken == [], "and nothing is done"


@pytest.mark.parametrize(("service", "method", "path"), UNGUARDED)
def test_nor_does_one_that_is_open_to_all(service: str, method: str, path: str, sides: Mapping[str, Side]) -> None:
    needed = ASKED.get(path.removeprefix("/public/v1/"), "?").removeprefix("?")
    answer = told_of(sides[service], method, path, {}, f"{needed}&surprise=1")
    assert answer.status_code == 422
    if method != "head":
        assert refused(answer) == [("/query/surprise", "query.unknown")]


@pytest.mark.parametrize("service", SERVICES)
def test_the_policy_that_is_walked_is_every_route_there_is(service: str, sides: Mapping[str, Side]) -> None:
    walked = {(method, path) for one, method, path, _ in EVERY if one == service}
    walked |= {(method, path) for one, method, path in UNGUARDED if one == service}
    documents = {("get", path) for path in ("/docs", "/docs/oauth2-redirect")}
    assert served(sides[service].app.router) - documents == {
        (m, p.replace("{event_id}", "{event_id}")) for m, p in walked
    }


@pytest.mark.parametrize(("service", "method", "path", "role"), EVERY)
def test_who_may_not_ask_is_told_that_first(
    service: str, method: str, path: str, role: str, sides: Mapping[str, Side]
) -> None:
    assert problem(told_of(sides[service], method, path, {}, "surprise=1"), 401)["title"] == "auth.missing"
    stranger = told_of(sides[service], method, path, {**COMMAND_HEADERS, **bearer("nobody")}, "surprise=1")
    assert problem(stranger, 403)["title"] == "auth.role"


@pytest.mark.parametrize(("service", "path", "role"), TAKING)
def test_every_parameter_is_named_where_its_name_is_misspelt_and_taken_once_where_it_is_single(
    service: str, path: str, role: str, sides: Mapping[str, Side]
) -> None:
    names = parameters(sides[service], path)
    assert names
    for name, several in names.items():
        wrong = name[:-1] + "x" if len(name) > 3 else name.upper()
        answer = told_of(sides[service], "get", path, bearer(role), f"{wrong}=1")
        assert (f"/query/{wrong}", "query.unknown") in refused(answer)
        assert any(known in problem(answer, 422)["problems"][0]["message"] for known in names)
        twice = told_of(sides[service], "get", path, bearer(role), f"{name}=1&{name}=1")
        if several:
            assert twice.status_code == 200 or ("/query/" + name, "query.repeated") not in refused(twice)
        else:
            assert (f"/query/{name}", "query.repeated") in refused(twice)


def parameters(side: Side, path: str) -> dict[str, bool]:
    """The query parameters of a route as its document shows them, and whether each is a list."""
    found = side.app.openapi()["paths"][path]["get"]["parameters"]
    shown = {one["name"]: one["schema"] for one in found if one["in"] == "query"}
    return {
        name: any(part.get("type") == "array" for part in (schema, *schema.get("anyOf", ())))
        for name, schema in shown.items()
    }


def test_all_that_is_wrong_with_a_query_is_told_at_once(sides: Mapping[str, Side]) -> None:
    answer = sides["registry"].ask("get", "/v1/pilots?agensy=nobody&limit=0&limit=1&zz=1", bearer("registrar"))
    assert {
        ("/query/agensy", "query.unknown"),
        ("/query/limit", "query.repeated"),
        ("/query/zz", "query.unknown"),
    } <= set(refused(answer))
    first = answer.json()["problems"][0]
    assert "agency" in first["message"] and "agency" in first["message_ru"] and "agency" in first["message_be"]
    both = sides["registry"].ask("get", "/v1/pilots?agensy=nobody&limit=0", bearer("registrar"))
    assert [pointer for pointer, _ in refused(both)] == ["/query/agensy", "/query/limit"]


@pytest.mark.parametrize("name", ["", "a/b", "~", "\x00", "\u202eabc", "я" * 3000, "a" * 5000, "agency[]", "AGENCY"])
def test_whatever_the_name_it_is_told_within_bounds(name: str, sides: Mapping[str, Side]) -> None:
    answer = sides["registry"].ask("get", f"/v1/pilots?{quote(name)}=1", bearer("registrar"))
    assert [rule for _, rule in refused(answer)] == ["query.unknown"]
    assert len(answer.json()["problems"][0]["message"]) < 300
    assert "\u202e" not in answer.json()["problems"][0]["message"]


def test_very_many_names_are_told_within_bounds(sides: Mapping[str, Side]) -> None:
    query = "&".join(f"name{n}=1" for n in range(5000))
    assert len(refused(sides["registry"].ask("get", f"/v1/pilots?{query}", bearer("registrar")))) == 20


def test_an_address_without_a_query_or_with_an_empty_one_is_right(sides: Mapping[str, Side]) -> None:
    for query in ("", "?", "?limit=5", "?limit=5&"):
        assert sides["registry"].ask("get", f"/v1/pilots{query}", bearer("registrar")).status_code == 200


def test_a_process_without_routes_of_its_own_is_no_exception(sides: Mapping[str, Side]) -> None:
    app = make_bare_app("mail", sides["intake"].app.state.keys, {}, Settings())
    assert asked(app, "get", "/health/live?x=1").status_code == 422
    assert asked(app, "get", "/health/live").status_code == 200


def test_an_address_with_one_slash_too_many_is_not_led_to_where_its_caller_says(sides: Mapping[str, Side]) -> None:
    answer = sides["registry"].ask("get", "/v1/pilots/?x=1", {**bearer("registrar"), "Host": "elsewhere.example"})
    assert answer.status_code == 404 and "location" not in answer.headers


@pytest.mark.parametrize(
    ("service", "path", "role", "name"),
    [
        ("intake", "/v1/receipts", "publisher", "since"),
        ("registry", "/v1/pilots", "registrar", "as_of"),
        ("registry", "/v1/pilots/{pilot}", "registrar", "as_of"),
    ],
)
@pytest.mark.parametrize("zone", ["+03:00", "+0300", "+03"])
def test_a_moment_whose_plus_the_query_made_a_blank_is_told_how_to_write_it(
    service: str, path: str, role: str, name: str, zone: str, sides: Mapping[str, Side]
) -> None:
    answer = told_of(sides[service], "get", path, bearer(role), f"{name}=2026-05-01T09:00:00{zone}")
    assert refused(answer) == [(f"/query/{name}", "query.plus")]
    assert f"{name}=2026-05-01T09:00:00{zone.replace('+', '%2B')}" in problem(answer, 422)["problems"][0]["message"]


def test_so_is_every_number_and_telephone_that_any_route_takes(sides: Mapping[str, Side]) -> None:
    taken = [
        (service, method, path, role, name)
        for service, method, path, role in EVERY
        for name in queried(sides[service], method, path) - FREE
    ]
    assert {"year", "number", "own_number", "since", "as_of", "limit"} <= {name for *_, name in taken}
    for service, method, path, role, name in taken:
        answer = told_of(sides[service], method, path, {**COMMAND_HEADERS, **bearer(role)}, f"{name}=+375291234567")
        assert (f"/query/{name}", "query.plus") in refused(answer), (service, path, name)


def test_a_plus_between_words_is_a_blank_as_everywhere(sides: Mapping[str, Side]) -> None:
    for query in ("q=%D0%B0+1", "q=+1"):
        assert told_of(sides["registry"], "get", "/v1/search", bearer("registrar"), query).status_code != 422


def queried(side: Side, method: str, path: str) -> set[str]:
    """The names of the query parameters that a route takes."""
    said = side.app.openapi()["paths"][path][method].get("parameters", [])
    return {one["name"] for one in said if one["in"] == "query"}
