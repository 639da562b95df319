"""A case and what is written about it, in a real browser: axe and 320 px in every state, words that are not lost."""

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect

from contracts.words import LANGUAGES
from tests.browser.conftest import Look, enter, narrow
from tests.kit.desk.cases import answering
from tests.kit.desk.directory import EXPERT, Directory
from tests.kit.desk.served import served
from tests.kit.expertise.play import FIRST, SECOND, Play
from tests.unit.desk.test_pages import services as with_notice

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("at_home")]
CASE = "/case/p-1"


def test_a_case_and_its_forms_are_accessible_and_narrow(
    context: BrowserContext, accessible: Look, reports: list[str]
) -> None:
    play = Play().open().judge(FIRST).asked()
    with served(answering(play)) as url:
        page = context.new_page()
        enter(page, url, "Олеся Образцова", then=CASE)
        for language in LANGUAGES:
            page.goto(f"{url}/{language}{CASE}")
            for one in page.locator("details").all():
                one.evaluate("e => e.open = true")
            accessible(page)
            narrow(page)
        for form in ("request", "conclusion"):
            page.goto(f"{url}/en{CASE}/{form}")
            accessible(page)
            narrow(page)
            page.locator("button[value=send]").last.click()
            expect(page.locator("#faults")).to_be_focused()
            accessible(page)
    with served(with_notice) as url:
        page = context.new_page()
        enter(page, url, "Зоя Показательная", then="/look-over")
        accessible(page)
        narrow(page)
        page.goto(f"{url}/be/look-over/p-1")
        accessible(page)
        narrow(page)
        page.goto(f"{url}/be/notices")
        accessible(page)
        page.goto(f"{url}/be/board")
        accessible(page)
        narrow(page)
    _directory(context, accessible)
    assert [one for one in reports if "422" not in one] == []


def _directory(context: BrowserContext, accessible: Look) -> None:
    with served(Directory()) as url:
        page = context.new_page()
        enter(page, url, "Олеся Образцова", then="/directory")
        expert = f"/directory/experts/{EXPERT['id']}"
        page.emulate_media(media="print")
        for hidden in (".desk-nav", ".desk-filters", ".desk-footer"):
            expect(page.locator(hidden)).to_be_hidden()
        expect(page.locator(".desk-row")).to_be_visible()
        page.emulate_media(media="screen")
        for path in ("/directory", "/directory/teams", expert, f"{expert}/entry", f"{expert}/person"):
            page.goto(f"{url}/be{path}")
            accessible(page)
            narrow(page)
        page.goto(f"{url}/en{expert}/erasure")
        page.get_by_role("button", name="Erase for good", exact=True).click()
        expect(page.locator("#faults")).to_be_focused()
        accessible(page)
        narrow(page)


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
