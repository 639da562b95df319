"""Decisions, the register's card and its forms in a real browser: by keyboard, and without a script, before a register
that decides by its own domain."""

import pytest
from playwright.sync_api import BrowserContext, expect

from contracts.reference import Expediency
from deploy.samples.registry import decide
from services.registry.domain.stages import Stage
from tests.browser.conftest import Look, enter
from tests.kit.desk.register import PILOT, Register
from tests.kit.desk.served import served
from tests.kit.registry.life import at

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("at_home")]
HERE, CARD = "/decisions", f"/decisions/{PILOT}"
SECRETARY, REGISTRAR = "Степан Вымышленный", "Роман Воображаемый"


def test_the_councils_decision_by_keyboard_and_a_second_one_who_was_sooner_loses_no_word(
    context: BrowserContext, accessible: Look, reports: list[str]
) -> None:
    register = Register(at(Stage.COUNCIL))
    with served(register) as url:
        page = context.new_page()
        enter(page, url, SECRETARY, then=CARD)
        for key in ("g", "d"):
            page.keyboard.press(key)
        page.wait_for_url(f"**{HERE}")
        for key in ("j", "o"):
            page.keyboard.press(key)
        page.wait_for_url(f"**{CARD}")
        page.get_by_role("link", name="Решение Совета о целесообразности").focus()
        page.keyboard.press("Enter")
        page.locator("#decision").focus()
        page.keyboard.press("Space")
        for name, said in (("body", "Совет"), ("kind", "протокол"), ("number", "7"), ("date", "2026-04-16")):
            field = page.locator(f"#basis-{name}")
            field.focus()
            field.fill(said)
        register.life.do(decide(Expediency.POSTPONED, register.life.day))
        page.keyboard.press("Enter")
        expect(page.locator("#versions")).to_be_visible()
        accessible(page)
        expect(page.locator("#basis-body")).to_have_value("Совет")
        page.locator("#basis-number").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#outcome-title")).to_contain_text("Записано в реестр")
    assert register.life.stage == Stage.EXPEDIENT
    assert [one for one in reports if "412" not in one] == []


def test_without_a_script_a_decision_is_entered_and_corrected(
    without_script: BrowserContext, reports: list[str]
) -> None:
    register = Register(at(Stage.AGREED))
    with served(register) as url:
        page = without_script.new_page()
        enter(page, url, REGISTRAR, "be", HERE)
        page.get_by_role("link", name="ПП-2026").click()
        page.get_by_role("link", name="Пачатак рэалізацыі", exact=True).click()
        page.locator("#started").fill(str(register.life.day))
        for name, said in (("body", "Заказчык"), ("kind", "акт"), ("number", "1"), ("date", str(register.life.day))):
            page.locator(f"#basis-{name}").fill(said)
        page.get_by_role("button", name="Запісаць у рэестр").click()
        expect(page.locator("#outcome-title")).to_contain_text("Пачатак рэалізацыі")
        page.locator("#launch-1").get_by_role("link").click()
        page.locator("#content-basis-number").fill("2")
        page.locator("#reason").fill("Апіска.")
        for name, said in (("body", "Заказчык"), ("kind", "акт"), ("number", "3"), ("date", str(register.life.day))):
            page.locator(f"#basis-{name}").fill(said)
        page.get_by_role("button", name="Выправіць").click()
        expect(page.locator("#launch-1")).to_contain_text("№ 2")
    assert register.life.stage == Stage.RUNNING and reports == []
