"""The pages that are met on the way in and out, as a browser shows them: for everybody, narrow, and on paper."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route

from contracts.words import LANGUAGES
from tests.browser.conftest import Look, narrow, on_paper
from tests.kit.desk.identity import provided
from tests.kit.desk.served import served
from tests.kit.desk.services import Services
from tests.unit.desk.test_provider import at, sign_in

TOLD = {"no-provider", "not-let-in", "not-ours", "nothing-yet", "signed-out"}


async def _told(language: str, folder: Path) -> dict[str, str]:
    """What a person is told at a real provider: nobody comes in, nothing is theirs, a form is of another day."""
    found = dict[str, str]()
    with provided() as identity:
        async with at(identity, folder) as (_, browser, _asked):
            await sign_in(browser)
            page = (await browser.get(f"/{language}/work")).text
            token = page.split('name="form_token" value="')[1].split('"')[0].replace("&#34;", '"')
            found["not-ours"] = (await browser.post(f"/{language}/sign-out", data={"form_token": "old"})).text
            found["signed-out"] = (await browser.post(f"/{language}/sign-out", data={"form_token": token})).text
            found["not-let-in"] = (await browser.get("/signed-in?state=other&code=x")).text
            identity.claims = {"realm": {"roles": []}}
            await sign_in(browser)
            found["nothing-yet"] = (await browser.get(f"/{language}/work")).text
    identity.url = ""
    async with at(identity, folder) as (_, browser, _asked):
        found["no-provider"] = (await browser.get(f"/{language}/sign-in")).text
    return found


def _shown(said: str, route: Route) -> None:
    route.fulfill(body=said, content_type="text/html")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_on_the_way_in_and_out_is_accessible_and_narrow(
    browser: Browser, accessible: Look, at_home: Path, tmp_path: Path, language: str
) -> None:
    with ThreadPoolExecutor() as aside:  # the browser has the loop of this thread
        pages = aside.submit(asyncio.run, _told(language, tmp_path)).result()
    assert pages.keys() == TOLD
    assert len({page.partition("<h1")[2][:200] for page in pages.values()}) == len(TOLD), "each is a page of its own"
    with served(Services(many=2)) as url:
        context = browser.new_context(locale="ru-RU")
        page = context.new_page()
        for name, said in pages.items():
            here = f"{url}/{language}/{name}"
            page.route(here, partial(_shown, said))
            page.goto(here)
            assert page.locator("h1").count() == 1
            accessible(page)
            narrow(page)
            on_paper(page)
        context.close()
