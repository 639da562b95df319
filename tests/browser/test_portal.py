"""The agency's portal in a real browser, before the real intake: an agency's whole way, each page in every state."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from contracts.words import LANGUAGES
from tests.browser.conftest import Look, enter, narrow
from tests.kit.desk.portal import Portal, portal
from tests.kit.desk.services import HARMFUL
from tests.kit.intake.sides import submitted

pytestmark = [pytest.mark.timeout(600)]
AGENCY, NEIGHBOUR = "Инна Заявкина", "Борис Соседский"
MINE, SEND, PASTE = "/portal/mine", "/portal/send", "/portal/send/event"
SHOTS = os.environ.get("SHOTS")


@pytest.fixture(scope="module")
def running(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """One portal for all tests here."""
    before = os.environ.get("LOTSMAN_HOME")
    os.environ["LOTSMAN_HOME"] = str(tmp_path_factory.mktemp("home"))
    with portal(mongo_url) as made:
        yield made
    os.environ.pop("LOTSMAN_HOME") if before is None else os.environ.update(LOTSMAN_HOME=before)


def shot(page: Page, name: str) -> None:
    if SHOTS:
        for width in (1280, 375):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=f"{SHOTS}/{name}-{width}.png", full_page=True)
        page.set_viewport_size({"width": 1280, "height": 900})


def application(number: int, **changes: Any) -> dict[str, Any]:
    """An application whose days are to come."""
    days = {"planned_start": "2027-09-01", "planned_end": "2028-06-30"}
    costs = [{"source": "own-money", "year": 2027, "amount_minor": 5000000, "currency": "BYN"}]
    return {
        **submitted(number, "demo-health", **{**days, "costs": costs, **changes}),
        "time": "2026-11-20T08:00:00.000Z",
    }


def test_an_agencys_whole_way_from_a_pasted_event_with_faults_to_the_decision(
    running: Portal, context: BrowserContext, accessible: Look, reports: list[str]
) -> None:
    page, url = context.new_page(), running.url
    enter(page, url, AGENCY, then=PASTE)
    faulty = application(1, title=HARMFUL, sector="mars", planned_end="2020-01-01")
    del faulty["data"]["problem"]
    page.locator("textarea").fill(json.dumps(faulty, ensure_ascii=False, indent=2))
    shot(page, "paste")
    page.get_by_role("button", name="Проверить", exact=True).click()
    expect(page.locator("#faults")).to_be_focused()
    expect(page.locator("#faults")).to_contain_text("/data/sector")
    expect(page.locator("#faults")).to_contain_text("/data/problem")
    accessible(page)
    narrow(page)
    shot(page, "paste-faults")
    page.locator("textarea").fill(json.dumps(application(1, title=HARMFUL), ensure_ascii=False, indent=2))
    page.get_by_role("button", name="Проверить", exact=True).click()
    expect(page.locator("#outcome-title")).to_contain_text("Ошибок нет")
    accessible(page)
    page.get_by_role("button", name="Отправить", exact=True).click()
    expect(page.locator("#outcome-title")).to_contain_text("Отправлено и принято")
    pilot = page.url.partition("/mine/")[2].partition("?")[0]
    expect(page.locator("h1")).to_contain_text(HARMFUL)
    accessible(page)
    narrow(page)
    shot(page, "submission-new")
    running.accept(pilot)
    running.request(pilot)
    page.goto(f"{url}/ru{MINE}")
    expect(page.locator("tbody").first).to_contain_text("Ждут вашего ответа")
    accessible(page)
    narrow(page)
    shot(page, "mine")
    page.get_by_role("link", name="Ответить на запрос").click()
    accessible(page)
    shot(page, "answer")
    page.get_by_role("button", name="Отправить", exact=True).click()
    expect(page.locator("#faults")).to_be_focused()
    accessible(page)
    page.locator("#item1-text").fill("Потому что окно одно.")
    page.locator("#item2-text").fill("К осени.")
    page.locator("#item2-planned_end").fill("2028-07-31")
    page.get_by_role("button", name="Отправить", exact=True).click()
    expect(page.locator("#outcome-title")).to_contain_text("Отправлено и принято")
    running.flush()
    page.reload()
    expect(page.locator("#way + ol")).to_contain_text("Ответ получен")
    running.conclude(pilot)
    page.reload()
    expect(page.locator("#conclusion-title")).to_contain_text("ЗЭ-2026-0001")
    expect(page.locator("#way + ol")).to_contain_text("ЗЭ-2026-0001")
    accessible(page)
    shot(page, "submission")
    assert [one for one in reports if "422" not in one] == []


def test_forms(running: Portal, context: BrowserContext, accessible: Look, reports: list[str]) -> None:
    page, url = context.new_page(), running.url
    enter(page, url, AGENCY, then=SEND)
    shot(page, "form")
    for language in LANGUAGES:
        page.goto(f"{url}/{language}{SEND}")
        accessible(page)
        narrow(page)
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator("#faults")).to_be_focused()
    accessible(page)
    shot(page, "form-faults")
