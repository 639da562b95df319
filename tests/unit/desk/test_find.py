"""Find, in the public register: what is offered, and what is told where the register does not take what was asked."""

import re

import httpx

from contracts.words import LANGUAGES
from services.desk.pages.register import find, said
from services.registry import views
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


async def test_every_code_of_a_list_can_be_chosen_and_of_more_agencies_than_are_offered_it_is_said_so() -> None:
    codes = {name: [*said.titles(name, "ru")] for name in said.LISTS}
    codes |= {"stage": [one for one, public in views.PUBLIC_STAGES.items() if public == "always"]}
    codes |= {"agency": [f"agency-{n}" for n in range(find.VALUES + 1)]}

    def counted(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/search"):
            return httpx.Response(200, json={"items": [], "count": {"value": 0}, "next": None})
        values = {name: [{"value": one, "count": 1, "name": None} for one in some] for name, some in codes.items()}
        facets = {name: {"values": some, "others": 0} for name, some in values.items()}
        return httpx.Response(200, json={"facets": facets})

    async with bench(counted) as desk:
        page = (await desk.browser.get("/en/register/find")).text
    for name, some in codes.items():
        part = page.partition(f'id="facet-{name}"')[2].partition("</details>")[0]
        offered = re.findall(r'type="checkbox" id="[^"]+" name="[^"]+" value="([^"]+)"', part)
        assert sorted(offered) == sorted(some[: find.VALUES]), name
        assert ("govuk-hint" in part) is (name == "agency")
