"""Whatever is sent to the agencies' door: events that a public tester makes of its document, good ones and spoilt ones,
decided by the real engine. The other routes are asked in `tests/unit/test_any_request.py`."""

from typing import Any

import pytest
import requests
from schemathesis import GenerationMode

from tests.kit.intake.sides import Ask
from tests.unit.test_any_request import DECIDING, made, operations

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
GOOD, SPOILT = 5, 12
"""How many requests are made of each route."""


async def answered(ask: Ask, case: Any) -> Any:
    """The answer to a request that the tester made."""
    request = requests.Request(**case.as_transport_kwargs(base_url="http://service")).prepare()
    headers = {name: value for name, value in request.headers.items() if name.lower() != "authorization"}
    body = request.body.encode() if isinstance(request.body, str) else request.body
    path = str(request.url).removeprefix("http://service")
    return await ask(request.method or "", path, headers=headers, content=body)


@pytest.mark.parametrize("name", DECIDING)
async def test_no_event_of_the_documents_form_breaks_the_door_and_each_is_answered_as_documented(
    name: str, ask: Ask
) -> None:
    cases = made(operations("intake")[name], GenerationMode.POSITIVE, GOOD)
    assert cases
    for case in cases:
        answer = await answered(ask, case)
        assert answer.status_code < 500, case.as_curl_command()


@pytest.mark.parametrize("name", DECIDING)
async def test_no_spoilt_event_is_taken_or_breaks_the_door(name: str, ask: Ask) -> None:
    cases = made(operations("intake")[name], GenerationMode.NEGATIVE, SPOILT)
    assert cases
    for case in cases:
        answer = await answered(ask, case)
        assert answer.status_code < 500, case.as_curl_command()
        taken = answer.status_code in (200, 201) and answer.json()["outcome"] == "registered"
        assert not taken, case.as_curl_command()
