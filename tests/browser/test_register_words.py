"""Words that are typed into the public register and not asked for yet, in a real browser."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from services.registry.domain.stages import Stage
from tests.kit.desk.open_register import Open, opened
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
        _words_outlive_a_register_that_is_away(register, page)
    assert [one for one in reports if "503" not in one] == []


def _words_outlive_a_register_that_is_away(register: Open, page: Page) -> None:
    """It goes away under the words that are typed: they stand in the address, and are found with once it is back."""
    page.goto(f"{register.url}/ru/register/find?stage=running")
    page.locator("#q").press_sequentially("ещё")
    register.away = True
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Не отвечает")
    assert "q=" in page.url and "stage=running" in page.url
    register.away = False
    page.reload()
    expect(page.locator("#q")).to_have_value("ещё")
    expect(page.locator("#stage-running")).to_be_checked()
    expect(page.get_by_role("link", name="мост и ещё один мост")).to_be_visible()
