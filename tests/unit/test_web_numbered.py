"""A pilot is found by its registration number on every route that takes its id, in all services."""

from collections.abc import Mapping
from urllib.parse import quote

import pytest

from contracts.agency import ApplicationSubmittedV2
from contracts.forms import as_number, as_pilot_id, pilot_named
from contracts.freeze import example
from tests.kit.sides import COMMAND_HEADERS, PILOT, Side, bearer
from tests.unit.test_web import BODIES, NOT_THERE, OPEN_PATHS, POLICY, filled

NUMBER = "ПП-2026-000123"
BY_NUMBER = {("expertise", "/v1/reviews"), ("expertise", "/v1/board"), ("expertise", "/v1/reviews/counts")} | {
    ("registry", "/v1/pilots"),
    ("intake", "/v1/receipts"),
}
"""The lists that are asked for a pilot by a number in their query."""
NAMING = [
    (service, method, path, sorted(roles)[0])
    for service, routes in POLICY.items()
    for (method, path), roles in routes.items()
    if "{pilot}" in path
]


@pytest.mark.parametrize("said", [NUMBER, " пп-2026-000123 ", "ПП\u20132026\u2013000123", "ПП\u20112026-000123"])
def test_a_number_is_known_however_it_was_typed(said: str) -> None:
    assert as_number(said) == NUMBER


@pytest.mark.parametrize("said", [PILOT, "", "ПП", "ПП-26-1", "ПП-2026-", "x" * 10_000, "ПП-2026-1\x00"])
def test_what_has_not_its_form_is_no_number(said: str) -> None:
    assert as_number(said) is None


@pytest.mark.parametrize(("service", "method", "path", "role"), NAMING)
def test_on_every_route_a_number_is_answered_like_the_id(
    service: str, method: str, path: str, role: str, sides: Mapping[str, Side]
) -> None:
    side = sides[service]
    side.engine.store.numbers = {NUMBER: PILOT}
    headers = {**COMMAND_HEADERS, **bearer(role)}

    def answered(pilot: str) -> tuple[int, object]:
        where = filled(path.replace("{pilot}", pilot))
        answer = side.ask(method, where, headers, json=BODIES.get(path))
        return answer.status_code, answer.content

    try:
        by_number, by_id = answered(quote(NUMBER)), answered(PILOT)
    finally:
        side.engine.store.numbers = {}
    assert by_number[0] == by_id[0]
    assert by_number[0] == 404 if path in NOT_THERE else by_number[0] < 300
    assert "state.number" in str(side.engine.store.asked)


@pytest.mark.parametrize(("service", "method", "path", "role"), NAMING[:1])
def test_nobody_is_looked_for_before_it_is_known_who_asks(
    service: str, method: str, path: str, role: str, sides: Mapping[str, Side]
) -> None:
    side = sides[service]
    before = len(side.engine.store.asked)
    where = filled(path.replace("{pilot}", quote(NUMBER)))
    assert side.ask(method, where, json=BODIES.get(path)).status_code == 401
    assert side.ask(method, where, bearer("nobody"), json=BODIES.get(path)).status_code == 403
    assert len(side.engine.store.asked) == before


def test_the_public_register_takes_numbers_too(sides: Mapping[str, Side]) -> None:
    assert any("{pilot}" in path for path in OPEN_PATHS["registry"])
    side = sides["registry"]
    side.engine.store.numbers = {NUMBER: PILOT}
    try:
        answers = [side.ask("get", f"/public/v1/pilots/{one}") for one in (quote(NUMBER), PILOT)]
    finally:
        side.engine.store.numbers = {}
    assert [one.status_code for one in answers] == [200, 200] and answers[0].content == answers[1].content


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("пп\u20132026\u2013000123", NUMBER),
        (PILOT.upper(), PILOT),
        ("a case abroad", "a case abroad"),
    ],
)
def test_what_an_application_names_as_the_pilot_that_it_copies_is_kept_in_the_form_in_which_it_is_known(
    said: str, known: str
) -> None:
    data = {**example(ApplicationSubmittedV2.TYPE)["data"], "replicates": said}
    assert ApplicationSubmittedV2.model_validate(data).application().replicates == known == pilot_named(said)
    assert (as_pilot_id(said) is None) == (known != PILOT)


# ---- in queries and bodies


def test_every_query_parameter_that_names_a_pilot_is_known_here(sides: Mapping[str, Side]) -> None:
    naming = set()
    for service, side in sides.items():
        for path, operations in side.ask("get", "/openapi.json").json()["paths"].items():
            for operation in operations.values():
                for one in operation.get("parameters", ()):
                    if one["in"] == "query" and one["name"] in ("pilot", "pilots", "number", "case", "subject"):
                        naming.add((service, path))
    assert naming == BY_NUMBER


@pytest.mark.parametrize(("service", "path"), sorted(BY_NUMBER - {("intake", "/v1/receipts")}))
def test_a_list_takes_a_number_however_it_was_typed(service: str, path: str, sides: Mapping[str, Side]) -> None:
    side = sides[service]
    headers = bearer(sorted(POLICY[service]["get", path])[0])
    asked = []
    for said in (NUMBER, "пп\u20132026\u2013000123"):
        del side.engine.store.asked[:]
        assert side.ask("get", f"{path}?number={quote(said)}", headers).status_code == 200
        asked.append(str(side.engine.store.asked))
    assert asked[0] == asked[1] and NUMBER in asked[0]


def test_assignments_of_many_cases_take_numbers_too(sides: Mapping[str, Side]) -> None:
    side, path = sides["expertise"], "/v1/assignments"
    side.engine.store.numbers = {NUMBER: PILOT}
    [item] = BODIES[path]["items"]
    headers = {**COMMAND_HEADERS, **bearer("operator")}
    try:
        answers = [
            side.ask("post", path, headers, json={"items": [{**item, "pilot": said}]})
            for said in (PILOT, NUMBER, "пп\u20132026\u2013000123")
        ]
    finally:
        side.engine.store.numbers = {}
    assert [one.status_code for one in answers] == [200, 200, 200]
    assert answers[0].json() == answers[1].json() == answers[2].json()
