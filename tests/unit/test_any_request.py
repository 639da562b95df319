"""Whatever is sent to a route: requests that a public tester makes of its document, good ones and spoilt ones.

The tester is Schemathesis. Every answer is held to the document besides (`tests/documented.py`).
"""

from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from functools import cache
from typing import Any, Final

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok

from contracts.reference import ROLES
from contracts.topics import SERVICES
from tests.documented import document_of
from tests.kit.sides import Side, bearer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SEED: Final = 12
GOOD, SPOILT = 6, 10
"""How many requests are made of each route."""
DECIDING: Final = ("publishEvents", "validateEvents")
"""What answers with what it decides: it is asked with a real engine (`tests/integration/intake/test_any_event.py`)."""
SEEKING: Final = (
    *("searchPilots", "searchPublicPilots", "countFacets", "countPublicFacets"),
    *("sumMoney", "sumPublicMoney", "listPublicPilots", "listReviews"),
    *("listApplications", "listPilots"),
    *("downloadPublicPilots", "downloadPublicPilotsAsJson", "downloadPublicMoney"),
)
"""Whose filters take any text, so that a query cannot be spoilt."""

LONGEST: Final = 60_000
"""The longest address that a client of HTTP sends."""


@cache
def operations(service: str) -> Mapping[str, Any]:
    """The operations of a service by what they are called, as the tester sees them."""
    loaded = schemathesis.openapi.from_dict(deepcopy(document_of(service)))
    found = [one.ok() for one in loaded.get_all_operations() if isinstance(one, Ok)]
    return {one.definition.raw["operationId"]: one for one in found}


def every_operation() -> list[tuple[str, str]]:
    return [(service, name) for service in SERVICES for name in operations(service) if name not in DECIDING]


def sent(side: Side, case: Any, tokens: Mapping[str, str]) -> httpx.Response:
    """The answer to a request that the tester made."""
    made = requests.Request(**case.as_transport_kwargs(base_url="http://service")).prepare()
    headers = {name: value for name, value in made.headers.items() if name.lower() != "authorization"}
    body = made.body.encode() if isinstance(made.body, str) else made.body
    return side.ask(made.method or "", str(made.url), {**headers, **tokens}, content=body)


def made(operation: Any, mode: GenerationMode, most: int) -> list[Any]:
    """So many requests of a kind at most, the same in every run."""
    found = list[Any]()

    @seed(SEED)
    @settings(
        max_examples=most,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def keep(case: Any) -> None:
        found.append(case)

    with suppress(Unsatisfiable):  # nothing of it can be spoilt
        keep()
    return found


def target(case: Any) -> str:
    """The address that a request asks."""
    return str(requests.Request(**case.as_transport_kwargs(base_url="http://service")).prepare().url)


def tried(side: Side, operation: Any, mode: GenerationMode, most: int) -> list[tuple[Any, httpx.Response]]:
    """What so many requests of a kind were answered."""
    tokens = bearer(*ROLES)
    return [(case, sent(side, case, tokens)) for case in made(operation, mode, most) if len(target(case)) < LONGEST]


def spoilt(case: Any) -> bool:
    """Whether what is wrong with a request stands in its body or query: an id in a path is any text, and headers that
    do not fit are those of nobody here."""
    parts = case.meta.components
    seeking = case.operation.definition.raw["operationId"] in SEEKING
    looked_at = (ParameterLocation.BODY,) if seeking else (ParameterLocation.BODY, ParameterLocation.QUERY)
    return any(parts[one].mode is GenerationMode.NEGATIVE for one in looked_at if one in parts)


@pytest.mark.parametrize(("service", "name"), every_operation())
def test_no_request_that_fits_the_document_breaks_a_route(service: str, name: str, sides: Mapping[str, Side]) -> None:
    answers = tried(sides[service], operations(service)[name], GenerationMode.POSITIVE, GOOD)
    assert answers
    assert [(one.as_curl_command(), answer.text) for one, answer in answers if answer.status_code >= 500] == []


@pytest.mark.parametrize(("service", "name"), every_operation())
def test_no_request_that_does_not_fit_is_taken(service: str, name: str, sides: Mapping[str, Side]) -> None:
    answers = tried(sides[service], operations(service)[name], GenerationMode.NEGATIVE, SPOILT)
    wrong = [(one, answer) for one, answer in answers if spoilt(one) and not 400 <= answer.status_code < 500]
    assert [(one.as_curl_command(), answer.status_code, answer.text[:200]) for one, answer in wrong] == []
