"""The ops view by keys alone and without a script: traces are found, read and followed, a change is proposed by one
person and settled by another, a list that is narrowed keeps the focus, records are tried and taken up."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import enter
from tests.browser.test_ops import COLLECTOR, GROUP, OPS, OTHER, PLACE, kept
from tests.kit.desk.keyboard import Keyboard
from tests.kit.desk.ops import PILOT, TOPIC, TRACE, Ops, proposal
from tests.kit.desk.served import served
from tests.kit.desk.services import HARMFUL
from tests.kit.desk.traces import AFTER, BEFORE

pytestmark = [pytest.mark.timeout(300)]


def _pressed(keys: Keyboard, key: str) -> None:
    """A key that leads to another page."""
    with keys.page.expect_navigation():
        keys.press(key)


def _heard(page: Page, text: str) -> None:
    """It is read out, by the one place of the page that is."""
    expect(page.locator("[role=status]")).to_have_count(1)
    expect(page.locator("[role=status]")).to_have_text(text)


@pytest.mark.usefixtures("at_home")
def test_traces_are_found_read_and_followed_by_keys_alone(context: BrowserContext, reports: list[str]) -> None:
    with served(kept(Ops()), COLLECTOR) as url:
        page = context.new_page()
        keys = Keyboard(page)
        page.goto(f"{url}/ru/ops/traces")
        keys.on(OPS, "BUTTON")
        keys.press("/")
        assert keys.at()["id"] == "q"
        keys.type(PILOT)
        keys.pick("Порядок", "самые долгие")
        keys.to("Только с ошибками", "INPUT")
        keys.press("Space")
        keys.on("Показать", "BUTTON")
        assert page.url.endswith(f"?q={PILOT}&order=slowest&failed=1")
        expect(page.locator("#traces tbody tr")).to_have_count(1)
        keys.press("j")
        _pressed(keys, "o")
        assert page.url.endswith(f"/ru/ops/traces/{TRACE}?of={PILOT}")
        keys.press("j")
        assert keys.at()["tag"] == "SUMMARY", "a span is told by what opens it"
        while "process pilots.expertise.v1" not in keys.at()["name"]:
            keys.press("j")
        keys.press("o")
        expect(page.locator("#span-c3 details")).to_have_attribute("open", "")
        expect(page.locator("#span-c3")).to_contain_text("error.type")
        keys.press("Enter")
        expect(page.locator("#span-c3 details")).not_to_have_attribute("open", "")
        for name, other in (("process pilots.agency", BEFORE), ("decide Assign", AFTER)):
            page.goto(f"{url}/ru/ops/traces/{TRACE}")
            keys.on(name, "A")
            assert page.url.endswith(f"/ru/ops/traces/{other}")
        keys.on("Все трассы", "A")
        assert page.url.endswith("/ru/ops/traces")
        page.goto(f"{url}/ru/ops?paused=1")
        keys.press("j")
        assert keys.at()["id"].startswith("group-"), "rows without anything to open are passed by"
    assert reports == []


@pytest.mark.usefixtures("at_home")
def test_a_proposal_is_made_approved_and_declined_by_keys_alone_and_a_narrowed_list_keeps_the_focus(
    context: BrowserContext, reports: list[str]
) -> None:
    services = Ops()
    with served(kept(services), COLLECTOR) as url:
        page = context.new_page()
        keys = Keyboard(page)
        page.goto(f"{url}/ru/ops/parked")
        keys.on(OPS, "BUTTON")
        for service, said in (("приём заявок", "60 записей"), ("экспертиза", "0 записей")):
            page.locator("#service").focus()
            keys.pick("Служба", service)
            _heard(page, said)
            expect(page.locator("#service")).to_be_focused()
        assert page.url.endswith("/ru/ops/parked?service=expertise")
        expect(page.locator(".desk-empty")).to_have_text("Такого не отложено.")
        keys.on("Сбросить отбор", "A")
        keys.on("NewerVersion", "A")
        keys.on(f"{TOPIC}/0/1", "A")
        keys.on("Предложить замену", "A")
        keys.on("Предложить", "BUTTON")
        expect(page.locator("#faults")).to_be_focused()
        keys.press("Tab", "Enter")
        assert keys.at()["id"] == "event", "a fault leads to its field"
        keys.write("Каким станет событие", '{"id": "app-1"}', tag="TEXTAREA")
        keys.write("Почему", HARMFUL, tag="TEXTAREA")
        keys.on("Предложить", "BUTTON")
        _heard(page, "Предложено; нужен второй человек.")
        services.proposals.append(proposal("2", {"record": f"{TOPIC}/0/2", "kind": "discard", "why": "Проба"}))
        keys.on("Выйти", "BUTTON")
        page.goto(f"{url}/ru/ops/parked")
        keys.on(OTHER, "BUTTON")
        keys.on(f"заменить событие: {TOPIC}/0/1", "A")
        keys.on("Одобрить и выполнить", "BUTTON")
        _heard(page, "Одобрено и выполнено.")
        keys.on("Предложения: приём заявок", "A")
        keys.pick("Состояние", "ждёт второго человека")
        _heard(page, "1 предложение")
        expect(page.locator("#state")).to_be_focused()
        assert page.url.endswith("/ru/ops/parked/intake/repairs?state=proposed")
        keys.on(f"отбросить запись {TOPIC}/0/2", "A")
        keys.on("Отклонить", "BUTTON")
        expect(page.locator("#faults")).to_be_focused()
        keys.write("Почему отклонено", "Не так", tag="TEXTAREA")
        keys.on("Отклонить", "BUTTON")
        _heard(page, "Отклонено.")
    assert [one["state"] for one in services.proposals] == ["approved", "declined"]
    assert [one for one in reports if "422" not in one] == []


@pytest.mark.usefixtures("at_home")
def test_without_a_script_records_are_tried_and_taken_up_through_an_outage_and_traces_are_read(
    without_script: BrowserContext, reports: list[str]
) -> None:
    services = Ops()
    with served(kept(services), COLLECTOR) as url:
        page = without_script.new_page()
        enter(page, url, OPS, then="/ops/parked")
        page.goto(f"{url}/ru{GROUP}")
        page.locator("#many").select_option("100")
        page.locator("#rate").fill("50")
        feed, outcome = page.get_by_role("button", name="Подать снова"), page.locator("#outcome-title")
        page.get_by_role("button", name="Проверить без действия").click()
        expect(outcome).to_have_text("Проверка: прошло бы 59 из 60")
        services.away = frozenset({"intake"})
        feed.click()
        expect(page.locator("#faults")).to_contain_text("Выбор ниже остался")
        assert [page.locator(one).input_value() for one in ("#many", "#rate")] == ["100", "50"]
        services.away = frozenset()
        feed.click()
        expect(outcome).to_have_text("Подано: прошло 59 из 60")
        page.goto(f"{url}/ru{PLACE.removesuffix('1')}0")
        one = page.get_by_role("button", name="Подать эту запись")
        services.away = frozenset({"intake"})
        one.click()
        expect(page.locator("#faults")).to_contain_text("приём заявок")
        services.away = frozenset()
        one.click()
        expect(outcome).to_have_text("Подано: прошло 1 из 1")
        page.get_by_role("link", name="Трассы", exact=True).click()
        page.locator("#q").fill(PILOT)
        page.locator("#failed").check()
        page.get_by_role("button", name="Показать").click()
        page.locator("#traces tbody a").first.click()
        page.locator("#span-c3 summary").click()
        expect(page.locator("#span-c3")).to_contain_text("error.type")
        expect(page.locator("#lines")).to_contain_text("parked as broken")
        page.locator("#after a").first.click()
        assert page.url.endswith(f"/ru/ops/traces/{AFTER}")
    assert services.many == 0
    assert [one for one in reports if "503" not in one] == []
