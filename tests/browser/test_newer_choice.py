"""A choice that is made while the answer to an older one is on its way: the newer one wins on every page whose form
sends itself, the focus stays where it is, and so does what is typed meanwhile."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import enter
from tests.kit.desk.open_register import Open
from tests.kit.desk.ops import Ops
from tests.kit.desk.served import served
from tests.kit.desk.services import Services

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("at_home")]
OPERATOR, OPS = "Олеся Образцова", "Федот Дежуркин"


class Held:
    """The first answer to what is asked for so, held back until it is let go; all others come at once."""

    def __init__(self, page: Page, pattern: str, method: str = "GET") -> None:
        self._page = page
        self._method = method
        self._first: Route | None = None
        page.route(pattern, self._hold)

    def _hold(self, route: Route) -> None:
        if self._first is None and route.request.method == self._method:
            self._first = route
        else:
            route.continue_()

    @property
    def first(self) -> Route:
        """What is held back, as soon as it is asked for."""
        while self._first is None:
            self._page.wait_for_timeout(10)
        return self._first

    def let_go(self) -> None:
        """The answer goes out."""
        self.first.continue_()


def test_the_register_shows_the_later_of_two_choices_by_arrows_whichever_answer_comes_last(
    register: Open, context: BrowserContext, reports: list[str]
) -> None:
    page = context.new_page()
    for early in (False, True):
        page.goto(f"{register.url}/ru/register/money")
        one, other = page.locator("#sector option").evaluate_all("all => all.slice(1, 3).map((it) => it.value)")
        held = Held(page, f"**/register/money?sector={one}")
        page.locator("#sector").focus()
        page.keyboard.press("ArrowDown")
        assert f"sector={one}" in held.first.request.url
        page.keyboard.press("ArrowDown")
        if early:
            expect(page.locator("#csv")).to_have_attribute("href", _speaks_of(other))
        held.let_go()
        expect(page.locator("#csv")).to_have_attribute("href", _speaks_of(other))
        expect(page.locator("#sector")).to_have_value(other)
        expect(page.locator("#sector")).to_be_focused()
        assert page.url.endswith(f"?sector={other}")
        page.unroute_all()
    assert reports == []


def test_words_that_are_typed_while_an_answer_comes_stay_beside_it_and_a_facet_chosen_meanwhile_is_asked_for(
    register: Open, context: BrowserContext, reports: list[str]
) -> None:
    page = context.new_page()
    page.goto(f"{register.url}/ru/register/find")
    held = Held(page, "**/register/find?*")
    page.locator("#sort").select_option(index=1)
    asked = held.first.request.url.partition("?")[2]
    page.locator("#q").focus()
    page.keyboard.type("мос")
    held.let_go()
    expect(page.locator("#csv")).to_have_attribute("href", _speaks_of(asked))
    expect(page.locator("#q")).to_have_value("мос")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("т")
    page.unroute_all()
    held = Held(page, "**/register/find?*")
    page.keyboard.press("Enter")
    assert "q=" in held.first.request.url
    page.locator("#sector-health").check()
    held.let_go()
    expect(page.locator("#csv")).to_have_attribute("href", _speaks_of("sector=health"))
    expect(page.locator("#sector-health")).to_be_checked()
    expect(page.locator("#q")).to_have_value("мост")
    assert "sector=health" in page.url and asked in page.url
    assert reports == []


def test_an_answer_that_comes_before_a_later_choice_is_sent_is_not_shown(
    context: BrowserContext, reports: list[str]
) -> None:
    with served(Ops()) as url:
        page = context.new_page()
        enter(page, url, OPS, then="/ops/parked/intake/repairs")
        page.clock.install()
        page.clock.pause_at("2030-01-01")
        one, other = page.locator("#state option").evaluate_all("all => all.slice(1, 3).map((it) => it.value)")
        held = Held(page, f"**/repairs?state={one}")
        page.locator("#state").select_option(one)
        page.clock.run_for(20)
        request = held.first.request
        page.locator("#state").select_option(other)  # it is sent when the clock goes on
        with page.expect_response(lambda told: told.url.endswith(f"state={other}")):
            held.let_go()  # so this answer brings it about
        assert request.response() is not None, "it was not given up: its answer came"
        page.clock.run_for(1000)
        expect(page.locator("#state")).to_have_value(other)
        page.wait_for_url(f"**?state={other}")
    assert reports == []


def test_what_was_done_is_told_beside_the_list_that_was_asked_for_meanwhile(
    context: BrowserContext, reports: list[str]
) -> None:
    services = Services(many=60)
    with served(services) as url:
        page = context.new_page()
        enter(page, url, OPERATOR)
        page.locator(".desk-box").first.check()
        page.locator("#expert_to").select_option("expert-17")
        held = Held(page, "**/work*", "POST")
        page.get_by_role("button", name="Назначить", exact=True).click()
        assert held.first.request.method == "POST"
        page.locator("#status").select_option("unassigned")
        page.wait_for_url("**status=unassigned*")
        page.locator("#number").fill("ПП-2026-000002")
        held.let_go()
        expect(page.locator("#outcome-title")).to_have_text("Сделано: 1 дело.")
        page.wait_for_load_state("networkidle")
        expect(page.locator("#status")).to_have_value("unassigned")
        expect(page.locator("#number")).to_have_value("ПП-2026-000002")
        expect(page.locator("#outcome-title")).to_have_text("Сделано: 1 дело.")
        expect(page.locator("#take-out")).to_have_attribute("href", _speaks_of("status=unassigned"))
        expect(page.locator(".desk-row")).to_have_count(1)  # by the words, too
        assert "status=unassigned" in page.url
    assert len(services.posts) == 1 and reports == []


def test_words_in_one_form_of_work_outlive_what_another_sends_and_boxes_are_of_one_list(
    context: BrowserContext, reports: list[str]
) -> None:
    services = Services(many=60)
    with served(services) as url:
        page = context.new_page()
        enter(page, url, OPERATOR)
        page.locator("#view_name").fill("Мои дела")
        page.locator("#bulk-bar summary").click()
        page.locator("#why").fill("в отпуске")
        page.locator("#expert_to").select_option("expert-17")
        page.locator("#all").check()
        page.locator("#status").select_option("unassigned")
        expect(page.locator("#take-out")).to_have_attribute("href", _speaks_of("status=unassigned"))
        expect(page.locator("#view_name")).to_have_value("Мои дела")
        expect(page.locator("#why")).to_have_value("в отпуске")
        expect(page.locator("#expert_to")).to_have_value("expert-17")
        expect(page.locator("#all")).not_to_be_checked()
        page.locator(".desk-box").first.check()
        page.get_by_role("button", name="Назначить", exact=True).click()
        expect(page.locator("#outcome-title")).to_have_text("Сделано: 1 дело.")
        expect(page.locator("#view_name")).to_have_value("Мои дела")
        expect(page.locator("#why")).to_have_value("")
        expect(page.locator("#expert_to")).to_have_value("")
    assert len(services.posts) == 1 and reports == []


def _speaks_of(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text))
