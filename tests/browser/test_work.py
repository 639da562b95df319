"""Work in a real browser: signing in, the list, many cases at once, keys, without a script, policy."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Look, enter, narrow
from tests.kit.desk.exports import Exports
from tests.kit.desk.served import served
from tests.kit.desk.services import HARMFUL, Services

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("at_home")]
OPERATOR = "Олеся Образцова"


def test_the_focus_is_on_the_faults_and_what_was_typed_by_somebody_is_text(
    context: BrowserContext, reports: list[str]
) -> None:
    services = Services()
    with served(services) as url:
        page = context.new_page()
        enter(page, url, OPERATOR)
        expect(page.get_by_text(HARMFUL)).to_be_visible()
        page.locator("main").evaluate("one => one.insertAdjacentHTML('beforeend', `<p>${'Д'.repeat(200)}</p>`)")
        narrow(page)  # a word without an end
        for box in page.locator(".desk-box").all()[:2]:
            box.check()
        page.get_by_role("button", name="Назначить", exact=True).click()
        expect(page.locator("#faults")).to_be_focused()
        expect(page.locator(".desk-box:checked")).to_have_count(2)  # what was chosen stays chosen
    assert [one for one in reports if "422" not in one] == []


def test_after_an_action_the_list_is_where_it_was_and_a_second_one_touches_only_what_is_found_now(
    context: BrowserContext, reports: list[str]
) -> None:
    services = Services(many=120)
    with served(services) as url:
        page = context.new_page()
        enter(page, url, OPERATOR, then="/work?status=unassigned")
        expect(page.locator("#count")).to_have_text("120 дел")
        page.locator("#next-page").focus()
        page.keyboard.press("Enter")  # paging by keyboard: the focus stays on what was pressed
        expect(page.locator("#row-p-51")).to_be_visible()
        expect(page.locator("#next-page")).to_be_focused()
        there = page.url
        assert "status=unassigned" in there and "after=50" in there
        for box in page.locator(".desk-box").all()[:2]:
            box.check()
        page.locator("#expert_to").select_option("expert-17")
        page.get_by_role("button", name="Назначить", exact=True).click()
        expect(page.locator("#outcome-title")).to_have_text("Сделано: 2 дела.")
        assert page.url == there
        expect(page.locator(".desk-row")).to_have_count(50)
        expect(page.locator("#row-p-51")).to_be_visible()
        expect(page.locator("#status")).to_have_value("unassigned")
        page.locator("h1").click()
        page.keyboard.press("Shift+X")  # all of this page, and then the filter hides all but one
        page.evaluate("addEventListener('htmx:afterRequest', () => { window.answers = (window.answers || 0) + 1; })")
        page.locator("#number").fill("ПП-2026-000055")
        page.locator("#number").press("Enter")  # a change and a sending at once
        expect(page.locator("#count")).to_have_text("1 дело")
        expect(page.locator(".desk-row")).to_have_count(1)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.answers") == 1, "a second answer would take away what was ticked meanwhile"
        page.locator("#row-p-55 .desk-box").check()
        page.locator("#expert_to").select_option("expert-23")
        page.get_by_role("button", name="Назначить", exact=True).click()
        expect(page.locator("#outcome-title")).to_have_text("Сделано: 1 дело.")
        page.locator("#all").check()
        page.locator("#expert_to").select_option("expert-17")
        page.get_by_role("button", name="Назначить", exact=True).click()
        expect(page.locator("#outcome-title")).to_have_text("Сделано: 1 дело.")
        sent = [[one["pilot"] for one in json.loads(post.content)["items"]] for post in services.posts]
        assert sent == [["p-51", "p-52"], ["p-55"], ["p-55"]]
        expect(page.locator("#number")).to_have_value("ПП-2026-000055")
    assert reports == []


def test_fifty_cases_are_assigned_by_keys_in_one_request_and_three_stay_with_their_reasons(
    context: BrowserContext, reports: list[str]
) -> None:
    services = Services()
    with served(services) as url:
        page = context.new_page()
        enter(page, url, OPERATOR)
        page.locator("h1").click()
        for key in ("Shift+X", "a", "ArrowDown", "Tab", "Enter"):
            page.keyboard.press(key)
        expect(page.locator("#outcome-title")).to_have_text("Сделано: 47 дел. Не сделано: 3.")
        assert [len(services.assigned), len(services.posts)] == [47, 1]
        assert page.locator(".desk-box:checked").count() == 3
        assert [one.text_content() for one in page.locator("#outcome a").all()] == [
            f"ПП-2026-{number:06}" for number in (3, 5, 8)
        ]
        expect(page.locator("#said")).to_have_text("Сделано: 47 дел. Не сделано: 3.")
        page.get_by_label("Стадия").focus()
        page.get_by_label("Стадия").select_option("unassigned")
        expect(page.locator("#said")).to_have_text("60 дел")
        assert "status=unassigned" in page.url and page.locator("#status").evaluate("e => e === document.activeElement")
        page.keyboard.press("Escape")
        page.locator("#next-page").click()
        expect(page.locator(".desk-row")).to_have_count(10)
        page.go_back()
        expect(page.locator(".desk-row")).to_have_count(50)
        assert "status=unassigned" in page.url
    assert reports == []


def test_a_list_is_taken_out_with_a_reason_and_the_page_tells_when_its_file_is_there(
    context: BrowserContext, accessible: Look, reports: list[str]
) -> None:
    services = Exports()
    with served(services) as url:
        page = context.new_page()
        enter(page, url, OPERATOR)
        page.locator("#take-out").click()
        page.locator("#why").fill("Отчёт")
        accessible(page)
        narrow(page)
        page.get_by_role("button", name="Сделать файл").click()
        expect(page.locator("#making")).to_be_visible()
        accessible(page)
        services.state = "ready"
        expect(page.locator("#made")).to_be_visible()
        expect(page.locator("#said")).to_have_text("Файл готов. 2 дела.")
        accessible(page)
        narrow(page)
        with page.expect_download() as file:
            page.get_by_role("button", name="Скачать файл").or_(page.get_by_role("link", name="Скачать файл")).click()
        assert file.value.suggested_filename.endswith(".csv")
    assert reports == []


def test_without_a_script_the_same_is_done_and_another_language_keeps_what_was_chosen(
    without_script: BrowserContext, at_home: Path, reports: list[str]
) -> None:
    services = Services(many=3)
    with served(services) as url:
        page = without_script.new_page()
        enter(page, url, OPERATOR, "be")
        page.get_by_label("Выбраць ПП-2026-000002").check()
        page.locator("#expert_to").select_option("expert-17")
        page.get_by_role("button", name="English").click()
        expect(page.locator("h1")).to_have_text("Work")
        expect(page.get_by_label("Select ПП-2026-000002")).to_be_checked()
        expect(page.locator("#expert_to")).to_have_value("expert-17")
        page.get_by_role("button", name="Assign", exact=True).click()
        expect(page.locator("#outcome-title")).to_have_text("1 case done.")
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("h1")).to_have_text("You are signed out")
    assert services.assigned == {"p-2": "expert-17"}


def test_a_double_click_sends_once_another_language_keeps_place_and_words_and_a_desk_that_is_gone_is_said(
    context: BrowserContext, reports: list[str]
) -> None:
    services = Services(many=3)
    with served(services) as url:
        page = context.new_page()
        enter(page, url, OPERATOR)
        page.locator("#status").select_option("unassigned")
        page.wait_for_url("**status=unassigned**")
        page.get_by_label("Выбрать ПП-2026-000002").check()
        page.locator("#expert_to").select_option("expert-17")
        page.get_by_role(
            "button", name="English"
        ).click()  # after a swap: the list has another address than the page had
        expect(page.locator("h1")).to_have_text("Work")
        expect(page.locator("#status")).to_have_value("unassigned")
        expect(page.locator(".desk-box:checked")).to_have_count(1)
        expect(page.locator("#expert_to")).to_have_value("expert-17")
        assign = page.get_by_role("button", name="Assign", exact=True)
        assign.dblclick()
        expect(page.locator("#outcome-title")).to_have_text("1 case done.")
        page.wait_for_load_state("networkidle")
        expect(page.locator("#outcome-title")).to_have_text("1 case done.")
        assign.hover()
        page.mouse.down(click_count=2)  # the second click, where the answer to the first came before it
        page.mouse.up(click_count=2)
        assign.focus()
        page.evaluate("""() => { window.held = document.activeElement.dispatchEvent(
            new KeyboardEvent("keydown", { key: "Enter", repeat: true, bubbles: true, cancelable: true })); }""")
        assert page.evaluate("window.held") is False
        page.wait_for_load_state("networkidle")
        expect(page.locator("#outcome-title")).to_have_text("1 case done.")
        assert len(services.posts) == 1 and services.assigned == {"p-2": "expert-17"}
        page.get_by_label("Select ПП-2026-000001").check()
        page.locator("#expert_to").select_option("expert-23")
        context.set_offline(True)
        page.get_by_role("button", name="Assign", exact=True).click()
        expect(page.locator("#no-answer")).to_be_visible()
        context.set_offline(False)
        page.get_by_role("button", name="Assign", exact=True).click()
        expect(page.locator("#outcome-title")).to_have_text("1 case done.")
        expect(page.locator("#no-answer")).to_be_hidden()
    assert services.assigned == {"p-1": "expert-23", "p-2": "expert-17"}
    assert [one for one in reports if not re.search("ERR_INTERNET_DISCONNECTED|htmx:sendError", one)] == []
