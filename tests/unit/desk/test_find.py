"""Find, in the public register: what is told where the register does not take what was asked."""

import httpx

from contracts.words import LANGUAGES
from tests.kit.desk.bench import bench

LONG = "м" * 301


def answers(request: httpx.Request) -> httpx.Response:
    """The register, to which these words are too long."""
    told = {"pointer": "/query/q", "message": f"{request.headers['Accept-Language']}: 300"}
    return httpx.Response(
        422, json={"title": "request.invalid", "detail": "Not as the schema says.", "problems": [told]}
    )


async def test_words_that_are_too_long_are_told_so_at_their_field_and_nothing_is_said_of_what_was_found() -> None:
    async with bench(answers) as desk:
        for language in LANGUAGES:
            found = await desk.browser.get(f"/{language}/register/find?q={LONG}&sector=health")
            assert found.status_code == 422
            assert f'id="q-error">{language}: 300<' in found.text and 'href="#q"' in found.text
            assert f'value="{LONG}"' in found.text, "the words are there to be mended"
            assert '<input type="hidden" name="sector" value="health">' in found.text, "and so is the filter"
            for not_known in ('id="count"', "desk-empty", 'id="take"'):
                assert not_known not in found.text, not_known
        other = await desk.browser.get("/en/register/money?year=x")
    assert "Not as the schema says. en: 300" in other.text
