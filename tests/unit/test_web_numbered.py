"""A pilot is found by its registration number on every route that takes its id, in all services."""

from collections.abc import Mapping
from urllib.parse import quote

import pytest

from services.chassis.numbered import as_number
from tests.kit.sides import COMMAND_HEADERS, PILOT, Side, bearer
from tests.unit.test_web import BODIES, OPEN_PATHS, POLICY, filled

NUMBER = "ПП-2026-000123"
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
    assert by_number[0] == by_id[0] and by_number[0] < 300
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
