"""The agency's portal in a real browser, before the real intake: an agency's whole way, each page in every state."""

import json
import re
from datetime import date
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import Look, enter, narrow, shot
from tests.kit.desk.agencys_way import columns_by_keys
from tests.kit.desk.furnished import application, sheet
from tests.kit.desk.keyboard import Keyboard
from tests.kit.desk.portal import Portal
from tests.kit.desk.services import HARMFUL

pytestmark = [pytest.mark.timeout(600)]
AGENCY, NEIGHBOUR = "Инна Заявкина", "Борис Соседский"
SETTLED = "new Promise((done) => document.addEventListener('htmx:afterSettle', () => done(), { once: true }))"
MINE, PASTE = "/portal/mine", "/portal/send/event"


def pasting(running: Portal, context: BrowserContext) -> tuple[Page, Keyboard]:
    """The page of a pasted event as the agency's person has it, and the keys that are pressed there."""
    page = context.new_page()
    enter(page, running.url, AGENCY, then=PASTE)
    return page, Keyboard(page)


def test_an_agencys_whole_way_from_a_pasted_event_with_faults_to_the_councils_decision(
    running: Portal, context: BrowserContext, accessible: Look, reports: list[str]
) -> None:
    page, keys = pasting(running, context)
    url = running.url
    faulty = application(1, title=HARMFUL, sector="mars", planned_end="2020-01-01")
    del faulty["data"]["problem"]
    keys.write("Событие", json.dumps(faulty, ensure_ascii=False, indent=2), tag="TEXTAREA")
    shot(page, "paste")
    keys.on("Проверить", "BUTTON")
    expect(page.locator("#faults")).to_be_focused()
    expect(page.locator("#faults")).to_contain_text("/data/sector")
    expect(page.locator("#faults")).to_contain_text("/data/problem")
    accessible(page)
    narrow(page)
    shot(page, "paste-faults")
    page.locator("#faults").focus()
    keys.press("Tab", "Enter")  # a fault leads to its line
    expect(page.locator(":target mark")).to_have_count(1)
    page.locator("#event").fill(json.dumps([application(2), faulty], ensure_ascii=False, indent=2))
    keys.on("Отправить", "BUTTON")
    expect(page.locator("#outcome-title")).to_have_text("Ничего не отправлено.")
    expect(page.locator("#verdicts")).to_contain_text("/data/problem")
    accessible(page)
    narrow(page)
    page.locator("#verdicts a").first.click()
    expect(page.locator(":target mark")).to_have_count(1)
    keys.write("Событие", json.dumps(application(1, title=HARMFUL), ensure_ascii=False, indent=2), tag="TEXTAREA")
    keys.on("Проверить", "BUTTON")
    expect(page.locator("#outcome-title")).to_contain_text("Ошибок нет")
    accessible(page)
    keys.on("Отправить", "BUTTON")
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
    keys.on("Ответить на запрос", "A")
    accessible(page)
    shot(page, "answer")
    keys.on("Отправить", "BUTTON")
    expect(page.locator("#faults")).to_be_focused()
    accessible(page)
    keys.write("Ответ", "Потому что окно одно.", group="Почему", tag="TEXTAREA")
    keys.write("Ответ", "К осени.", group="Когда", tag="TEXTAREA")
    keys.day("Окончание по плану", date(2028, 7, 31))
    keys.on("Отправить", "BUTTON")
    expect(page.locator("#outcome-title")).to_contain_text("Отправлено и принято")
    running.flush()
    page.reload()
    expect(page.locator("#way + ol")).to_contain_text("Ответ получен")
    running.conclude(pilot)
    page.reload()
    expect(page.locator("#conclusion-title")).to_contain_text("ЗЭ-2026-0001")
    expect(page.locator("#way + ol")).to_contain_text("ЗЭ-2026-0001")
    running.decide(pilot)
    page.reload()
    expect(page.locator("#decision-title + p")).to_have_text("проект целесообразен")
    expect(page.locator("#decision-title ~ p").last).to_contain_text("П-17")
    expect(page.locator("#way + ol")).to_contain_text("П-17")
    accessible(page)
    narrow(page)
    shot(page, "submission")
    assert [one for one in reports if "422" not in one] == []


def test_an_application_that_was_returned_is_mended_and_submitted_again_by_keyboard_alone(
    running: Portal, context: BrowserContext, accessible: Look, reports: list[str]
) -> None:
    page, keys = pasting(running, context)
    keys.write("Событие", json.dumps(application(78, title="Учёт возвращённых"), ensure_ascii=False), tag="TEXTAREA")
    keys.on("Отправить", "BUTTON")
    pilot = page.url.partition("/mine/")[2].partition("?")[0]
    running.give_back(pilot)
    page.reload()
    keys.on("Подать исправленную заявку", "A")
    keys.to("Проблема", "TEXTAREA")
    stood = keys.at()["value"]
    assert stood, "what was sent stands there"
    keys.press("Control+a", "Delete")
    keys.on("Отправить", "BUTTON")
    expect(page.locator("#faults")).to_be_focused()
    accessible(page)
    keys.press("Tab", "Enter")
    assert (keys.at()["id"], keys.at()["value"]) == ("problem", ""), "the fault leads to its field"
    keys.type(HARMFUL)
    keys.on("Проверить", "BUTTON")
    expect(page.locator("#outcome-title")).to_contain_text("Ошибок нет")
    keys.on("Отправить", "BUTTON")
    expect(page.locator("#outcome-title")).to_contain_text("Отправлено и принято")
    running.flush()
    page.reload()
    expect(page.locator("#receipts + table")).to_contain_text("Подана повторно")
    expect(page.locator("#application")).to_contain_text(HARMFUL)
    expect(page.locator("#application")).not_to_contain_text(stood)
    assert page.get_by_role("link", name="Подать исправленную заявку").count() == 0, "it is the officer's move"
    assert [one for one in reports if "422" not in one] == []


def test_another_agencys_submission_is_on_no_page_in_no_count_and_at_no_address(
    running: Portal, browser: Browser, context: BrowserContext
) -> None:
    own, url = context.new_page(), running.url
    enter(own, url, AGENCY, then=PASTE)
    title, number = "Учёт чужих заявок", "СВОЙ-77"
    own.locator("textarea").fill(json.dumps(application(77, title=title, own_number=number), ensure_ascii=False))
    own.get_by_role("button", name="Отправить", exact=True).click()
    expect(own.locator("#outcome-title")).to_contain_text("Отправлено и принято")
    pilot = own.url.partition("/mine/")[2].partition("?")[0]
    running.flush()
    own.goto(f"{url}/ru{MINE}?named={quote(number)}")
    assert f"/mine/{pilot}" in own.url, "its own agency finds it"

    neighbours = browser.new_context(locale="ru-RU")
    other = neighbours.new_page()
    enter(other, url, NEIGHBOUR, then=MINE)
    expect(other.locator("main")).not_to_contain_text(title)
    assert other.locator("tbody a").count() == 0
    for named in (number, pilot):
        other.goto(f"{url}/ru{MINE}?named={quote(named)}")
        assert other.locator("tbody a").count() == 0
        expect(other.locator("main")).not_to_contain_text(title)
    unknown = other.goto(f"{url}/ru{MINE}/00000000-0000-4000-8000-000000000000")
    said = other.locator("main").inner_text()
    for path in ("", "/withdrawal", "/resubmission"):
        found = other.goto(f"{url}/ru{MINE}/{pilot}{path}")
        assert found is not None and unknown is not None and found.status == unknown.status == 404
        assert other.locator("main").inner_text() == said, "as of one that is not there"
    neighbours.close()


def test_a_spreadsheet_of_sixty_rows_is_mapped_by_keyboard_alone_tried_mended_and_sent(
    running: Portal, context: BrowserContext, accessible: Look, reports: list[str]
) -> None:
    page, url = context.new_page(), running.url
    keys = Keyboard(page)
    enter(page, url, AGENCY, then="/portal/spreadsheets")
    accessible(page)
    page.get_by_role("button", name="Загрузить").click()
    expect(page.locator("#faults")).to_be_focused()
    accessible(page)
    page.locator("#file").set_input_files({"name": "план.csv", "mimeType": "text/csv", "buffer": sheet(faulty=True)})
    running.away.add("intake")
    page.get_by_role("button", name="Загрузить").click()
    expect(page.locator("#faults")).to_be_focused()
    expect(page.locator("#held")).to_contain_text("«план.csv»")
    accessible(page)
    running.away.clear()
    page.get_by_role("button", name="Загрузить").click()  # it is not chosen again
    expect(page.locator("#from-title")).to_have_value("Наименование проекта")
    expect(page.locator("#header")).to_have_value("2")
    expect(page.locator("#from-initiator-id-value")).to_have_value("")
    accessible(page)
    narrow(page)
    shot(page, "columns")
    page.get_by_role("button", name="Попробовать").click()
    expect(page.locator("#faults")).to_contain_text("Инициатор")
    accessible(page)
    columns_by_keys(keys)
    expect(page.locator("#making")).to_be_visible()
    accessible(page)
    keys.to("Посмотреть ещё раз", "A")
    page.evaluate(SETTLED)
    assert keys.at()["name"] == "Посмотреть ещё раз", "made anew, the page keeps the focus"
    assert running.imports() == 1
    expect(page.locator("#made")).to_contain_text("60 из 60")
    expect(page.locator("#main")).to_be_focused()  # the text comes with the swap, the focus after it
    assert keys.at()["id"] == "main", "what had the focus is gone: it is where the page begins"
    expect(page.locator("#said")).to_contain_text("Готово")
    shot(page, "import")
    told = page.locator("#wrong tbody tr")
    assert {int(str(one.locator("td").first.text_content())) for one in told.all()} == {9, 21, 30, 43, 57}
    accessible(page)
    narrow(page)
    with page.expect_download() as marked:
        page.get_by_role("link", name="Скачать свой файл").click()
    assert "[import.money]" in marked.value.path().read_text("cp1251")
    assert "Ничего не отправлено" in str(page.locator("#made").text_content())
    page.get_by_role("link", name="Изменить столбцы").click()
    accessible(page)
    shot(page, "words-of-a-file")
    page.get_by_label("марс", exact=True).select_option("industry")
    page.get_by_role("button", name="Попробовать").click()
    running.imports()
    expect(page.locator("#made")).to_contain_text("60 из 60")
    assert {int(str(one.locator("td").first.text_content())) for one in told.all()} == {21, 30, 43, 57}
    page.get_by_role("link", name="Таблицы").first.click()
    page.locator("#file").set_input_files({"name": "план.csv", "mimeType": "text/csv", "buffer": sheet(faulty=False)})
    page.get_by_role("button", name="Загрузить").click()
    expect(page.locator("#same-initiator-id-value")).to_have_value("790000029")
    page.get_by_role("button", name="Попробовать").click()
    running.imports()
    expect(page.locator("#counts")).to_contain_text("Будет принято")
    expect(page.locator("#wrong")).to_have_count(0)
    page.get_by_role("button", name="Отправить по-настоящему").click()
    page.get_by_role("button", name="Остановить").click()
    running.imports()
    expect(page.locator("#made")).to_contain_text("Остановлено")
    accessible(page)
    page.get_by_role("button", name="Продолжить").click()
    running.imports()
    expect(page.locator("#made")).to_contain_text("60 из 60")
    counted = [
        page.locator(f"#counts dt:text-is('{name}') + dd").inner_text()
        for name in ("Принято", "Уже было принято раньше")
    ]
    assert sum(map(int, counted)) == 60, "what was taken before it was stopped comes again when it goes on"
    titles = running.registered()
    assert {f"Проект {n}" for n in range(1, 61)} <= {*titles} and len(titles) == len({*titles.values()})
    page.goto(f"{url}/ru/portal/mine?waits=officer")
    expect(page.locator(".desk-row")).to_have_count(50)
    first = page.locator(".desk-row").first.get_attribute("id")
    keys.to("Дальше", "A")
    keys.press("Enter")
    expect(page.locator("#said")).not_to_be_empty()
    expect(page).to_have_url(re.compile("after="))
    assert 0 < page.locator(".desk-row").count() < 50 and keys.at()["id"] == "main"
    page.go_back()
    expect(page.locator(".desk-row").first).to_have_id(str(first))
    assert [one for one in reports if "422" not in one and "503" not in one] == []


def test_a_webhook_is_registered_switched_off_given_another_secret_and_removed_by_keyboard_alone(
    running: Portal, context: BrowserContext, accessible: Look, reports: list[str]
) -> None:
    page, url = context.new_page(), running.url
    enter(page, url, AGENCY, then="/portal/access")
    shot(page, "access")
    page.goto(f"{url}/ru/portal/access")
    keys = Keyboard(page)
    keys.on("Зарегистрировать", "BUTTON")
    expect(page.locator("#faults")).to_be_focused()
    accessible(page)
    keys.press("Tab", "Enter")  # the fault leads to its field
    assert keys.at()["id"] == "address"
    keys.write("Адрес", "ftp://nowhere", tag="INPUT")
    keys.on("Зарегистрировать", "BUTTON")
    expect(page.locator("#faults a")).to_have_attribute("href", "#address")
    keys.write("Адрес", "https://hooks.example.org/lotsman", tag="INPUT")
    keys.write("Как вы его называете", HARMFUL, tag="INPUT")
    keys.on("Зарегистрировать", "BUTTON")
    expect(page.locator("#secret")).to_contain_text("whsec_")
    accessible(page)
    page.goto(f"{url}/ru/portal/access")
    expect(page.locator("#secret")).to_have_count(0)
    keys.on("hooks.example.org", "A")
    keys.on("Отключить", "BUTTON")
    expect(page.locator("#outcome-title")).to_have_text("Отключён.")
    keys.on("Сменить секрет", "BUTTON")
    expect(page.locator("#secret")).to_contain_text("whsec_")
    accessible(page)
    narrow(page)
    shot(page, "hook")
    keys.on("Удалить вебхук", "BUTTON")
    expect(page.locator("#outcome-title")).to_have_text("Вебхук удалён.")
    assert [one for one in reports if "422" not in one] == []
