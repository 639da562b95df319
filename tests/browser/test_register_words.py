"""Words that are typed into the public register and not asked for yet, in a real browser."""

import re

import pytest
from playwright.sync_api import BrowserContext, expect

from services.registry.domain.stages import Stage
from tests.kit.desk.open_register import opened
from tests.kit.registry.rows import about, row

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("at_home")]


def test_words_that_are_not_asked_for_yet_stay_in_another_language_and_have_their_own_order(
    mongo_url: str, context: BrowserContext, reports: list[str]
) -> None:
    with opened(mongo_url) as register:
        titles = {"p-1": "мост и ещё один мост", "p-2": "мост"}
        register.put([row(id_, stage=Stage.RUNNING, application=about(title)) for id_, title in titles.items()])
        page = context.new_page()
        for path, english in (("/register", "/en/register"), ("/register/find?stage=running", "/en/register/find")):
            page.goto(f"{register.url}/ru{path}")
            page.locator("#q").press_sequentially("мост")
            page.get_by_role("link", name="English").click()
            page.wait_for_url(f"**{english}?*q=*")
            expect(page.locator("#q")).to_have_value("мост")
        expect(page.locator("#stage-running")).to_be_checked()
        page.goto(f"{register.url}/be/register/find")
        page.locator("#q").press_sequentially("мост")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("q="))
        assert "sort=" not in page.url, "the best match first, as where words are asked for from the start"
        expect(page.locator("#sort option:checked")).to_have_text("па адпаведнасці")
    assert reports == []
