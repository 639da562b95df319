"""A case and what is written about it, in a real browser: words that are not lost."""

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Look, enter, narrow
from tests.kit.desk.cases import answering
from tests.kit.desk.served import served
from tests.kit.expertise.play import FIRST, SECOND, Play

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("at_home")]
CASE = "/case/p-1"


def test_two_people_at_one_case_and_a_service_that_dies_lose_no_word(
    context: BrowserContext, accessible: Look, at_home: object
) -> None:
    play, taken, how = Play().open().seat(FIRST), list[httpx.Request](), ["changed", "away", "done"]

    def command(request: httpx.Request) -> httpx.Response:
        taken.append(request)
        match how[min(len(taken), len(how)) - 1]:
            case "changed":
                play.seat(SECOND)
                return httpx.Response(412, json={"title": "revision.gone", "detail": "Изменилось."})
            case "away":
                raise httpx.ReadError("killed")
            case _:
                return httpx.Response(200, json={"subject": "p-1", "version": 2}, headers={"ETag": '"9"'})

    with served(answering(play, FIRST, command)) as url:
        page = context.new_page()
        enter(page, url, "Вера Пробная", then=f"{CASE}/opinion")
        accessible(page)
        narrow(page)
        for one in page.locator("input[value='3']").all():
            one.check()
        for one in page.locator("textarea[name^=reason]").all():
            one.fill("Потому что")
        page.get_by_label("положительное", exact=True).check()
        page.locator("#text").fill("Мои слова")
        page.get_by_role("button", name="Дать мнение", exact=True).click()
        expect(page.locator("#faults")).to_contain_text("обе версии")
        accessible(page)
        expect(page.locator("#text")).to_have_value("Мои слова")
        page.get_by_role("button", name="Дать мнение", exact=True).click()
        expect(page.locator("#faults")).to_contain_text("экспертиза")
        page.get_by_role("button", name="English").click()
        expect(page.locator("#text")).to_have_value("Мои слова")
        page.get_by_role("button", name="Give the opinion", exact=True).click()
        expect(page.locator("#outcome-title")).to_have_text("The opinion is given.")
    keys = [one.headers["idempotency-key"] for one in taken]
    assert len(taken) == 3 and keys[1] == keys[2], "sent again after the outage it is the same command"
