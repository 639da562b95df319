"""The ops view in a real browser: axe, 320 px and print in every state and language, a page that makes itself anew
without moving the focus, words kept while a service is away; and once on a whole running system: a parked record found,
read masked, its trace opened, tried dry and taken up, others of its group fed at a rate, and the balance that is the
API's while events flow."""

import asyncio
import itertools
import json
import os
import re
import signal
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any, Final
from urllib.parse import urljoin

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect
from rich.console import Console

from contracts.agency import ApplicationSubmittedV2
from contracts.steps import EditionFrom
from contracts.words import LANGUAGES
from deploy import access
from deploy.cli.agencies import enter_at
from deploy.cli.desk import Desk
from deploy.cli.main_job import application
from deploy.cli.publishing import publish
from deploy.local.kafka import Kafka
from deploy.local.stack import Stack, commands
from deploy.login import Login
from services.chassis.masking import MASK, tells_of_nobody
from tests.browser.conftest import PATIENCE, Look, enter, narrow, shot
from tests.kit.desk.ops import TOPIC, TRACE, Ops, proposal
from tests.kit.desk.served import served
from tests.kit.desk.services import HARMFUL
from tests.kit.desk.traces import collected

pytestmark = [pytest.mark.timeout(600)]
OPS, OTHER = "Федот Дежуркин", "Нина Подменина"
PLACE: Final = f"/ops/parked/intake/record/{TOPIC}/0/1"
GROUP: Final = f"/ops/parked/intake?status=broken&cause=NewerVersion&topic={TOPIC}"
PATHS: Final = ("/ops?paused=1", "/ops/parked", "/ops/services", "/ops/traces", f"/ops/traces/{TRACE}", GROUP, PLACE)
FORMS: Final = (f"{PLACE}/edit", f"{PLACE}/discard", "/ops/parked/intake/repairs", "/ops/parked/intake/repairs/1")
OTHERS: Final = 5
"""Records that are parked beside the one that is looked at."""
COLLECTOR: Final = {"collector_url": "http://127.0.0.1:4318"}


def kept(services: Ops) -> Any:
    """The services, and the collector of traces."""

    def answers(request: httpx.Request) -> httpx.Response:
        if request.url.port != 4318:
            return services(request)
        if "traces" in services.away:
            raise httpx.ConnectError("refused")
        request.headers["Authorization"] = "Bearer a-token"  # whose token opens it is tested with the collector
        return collected(request)

    return answers


@pytest.mark.usefixtures("at_home")
def test_every_page_is_accessible_and_narrow_in_three_languages_full_empty_and_with_services_away(
    context: BrowserContext, accessible: Look, reports: list[str]
) -> None:
    services = Ops(difference=1, ready=False)
    services.proposals.append(proposal("1", {"record": f"{TOPIC}/0/1", "kind": "edit", "why": HARMFUL, "event": {}}))
    with served(kept(services), COLLECTOR) as url:
        page = context.new_page()
        enter(page, url, OPS, then="/ops")
        for language in LANGUAGES:
            for n, path in enumerate((*PATHS, *FORMS)):
                page.goto(f"{url}/{language}{path}")
                shot(page, f"ops-{n:02}-{language}")
                for one in page.locator("details").all():
                    one.evaluate("e => e.open = true")
                accessible(page)
                narrow(page)
                page.emulate_media(media="print")
                expect(page.locator(".desk-nav")).to_be_hidden()
                page.emulate_media(media="screen")
        page.goto(f"{url}/en{FORMS[0]}")
        page.get_by_role("button", name="Propose").click()
        expect(page.locator("#faults")).to_be_focused()
        accessible(page)
        page.goto(f"{url}/en{GROUP}")
        page.get_by_role("button", name="Dry run").click()
        expect(page.locator("#outcome-title")).to_have_text("Dry run: 9 of 10 would go")
        accessible(page)
        narrow(page)
        services.many, services.difference, services.proposals = 0, 0, []
        _each(page, f"{url}/be", accessible, (*PATHS[:2], GROUP, FORMS[2]))
        services.away = frozenset({"expertise", "traces"})
        _each(page, f"{url}/ru", accessible, PATHS[:5])
        services.away = frozenset({"intake", "expertise", "registry"})
        _each(page, f"{url}/ru", accessible, PATHS)
    assert [one for one in reports if not re.search("422|503|404", one)] == []


def _each(page: Page, url: str, accessible: Look, paths: tuple[str, ...]) -> None:
    for path in paths:
        page.goto(f"{url}{path}")
        accessible(page)
        narrow(page)


@pytest.mark.usefixtures("at_home")
def test_the_page_makes_itself_anew_without_moving_the_focus_and_can_be_paused(
    context: BrowserContext, reports: list[str]
) -> None:
    services = Ops()
    with served(kept(services), COLLECTOR) as url:
        page = context.new_page()
        enter(page, url, OPS, then="/ops")
        whole = page.locator("#whole [data-part=received]")
        expect(whole).to_have_text("1 002")
        link = page.locator("#groups a").first
        link.focus()
        services.received = 1500
        expect(whole).to_have_text("1 502")
        expect(link).to_be_focused()
        assert page.locator("#said").text_content() == "", "nothing is called out every two seconds"
        services.away = frozenset({"intake"})
        expect(page.locator("#now")).to_contain_text(re.compile("Не отвечает с .*: приём заявок"))
        expect(page.locator("#now")).to_contain_text("Сейчас неизвестно, что прислали ведомства")
        expect(page.locator("#now")).not_to_contain_text("Ничего не отложено")
        services.away = frozenset()
        expect(whole).to_have_text("1 502")
        page.goto(f"{url}/ru/ops/parked")
        for key in ("j", "o"):
            page.keyboard.press(key)
        expect(page.locator("#records")).to_be_visible()
        for key in ("j", "j", "o"):
            page.keyboard.press(key)
        expect(page.locator("#facts")).to_contain_text(f"{TOPIC}/0/1")
        page.goto(f"{url}/ru/ops")
        pause, late = page.locator("#pause"), list[Route]()
        page.route("**/ru/ops", lambda route: late.append(route))
        with page.expect_request("**/ru/ops"):
            pause.focus()
        page.keyboard.press("Enter")
        expect(pause).to_have_text("Обновлять дальше")
        expect(pause).to_be_focused()
        with page.expect_event("requestfinished"):
            late[0].continue_()  # the answer to what was asked for before the pause
        page.unroute("**/ru/ops")
        expect(page.locator("main")).to_have_count(1)
        assert page.url.endswith("/ru/ops?paused=1")
        at = page.locator("#at time").get_attribute("datetime")
        services.received = 1600
        page.locator("#again").click()
        expect(whole).to_have_text("1 602")
        with pytest.raises(AssertionError):
            services.received = 1700
            expect(whole).to_have_text("1 702", timeout=3_000)  # a page that is paused stands still
        assert page.locator("#at time").get_attribute("datetime") != at
        page.locator("#pause").click()
        expect(whole).to_have_text("1 702")
        page.route("**/ru/ops", lambda route: route.abort())
        expect(page.locator("#stale")).to_be_visible()
        expect(page.locator("#said")).to_contain_text("Страница не обновляется")
        expect(whole).to_have_text("1 702")
        page.unroute("**/ru/ops")
        expect(page.locator("#stale")).to_be_hidden()
        _an_answer_that_does_not_come_is_awaited_alone_and_said_after_ten_seconds(context.new_page(), url)
    assert [one for one in reports if "ERR_FAILED" not in one and "htmx:" not in one] == []


FAST: Final = """() => {
  const own = Object.getOwnPropertyDescriptor(XMLHttpRequest.prototype, "timeout");
  window.bounds = [];
  Object.defineProperty(XMLHttpRequest.prototype, "timeout", {
    get: own.get,
    set(ms) { window.bounds.push(ms); own.set.call(this, ms / 20); },
  });
}"""
"""Has the browser wait for an answer a twentieth of the time that a page says, and writes down what it says."""


def _an_answer_that_does_not_come_is_awaited_alone_and_said_after_ten_seconds(page: Page, url: str) -> None:
    """The clock of the page is the test's."""
    page.clock.install()
    page.goto(f"{url}/ru/ops")
    at, asked = page.locator("#at time").get_attribute("datetime"), list[Route]()
    page.route("**/ru/ops", lambda route: asked.append(route))
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))
    page.clock.run_for(20_000)
    until = time.monotonic() + 10
    while not asked and time.monotonic() < until:
        page.wait_for_timeout(20)  # a busy browser hands the request over later than its clock says
    assert len(asked) == 1, "nothing is asked beside what is awaited"
    asked[0].continue_()
    expect(page.locator("#at time")).not_to_have_attribute("datetime", str(at))
    page.clock.run_for(1_000)
    expect(page.locator("#stale")).to_be_hidden()
    assert len(asked) == 1, "nor is anything left that had to wait"
    page.evaluate(FAST)
    page.clock.run_for(2_000)
    expect(page.locator("#stale")).to_be_visible()
    expect(page.locator("#said")).to_contain_text("Страница не обновляется")
    assert (len(asked), page.evaluate("bounds")) == (2, [10_000])
    page.unroute("**/ru/ops")
    page.clock.run_for(2_000)
    expect(page.locator("#stale")).to_be_hidden()


@pytest.mark.usefixtures("at_home")
def test_without_a_script_a_change_is_proposed_through_an_outage_and_approved_by_somebody_else(
    without_script: BrowserContext, accessible: Look, reports: list[str]
) -> None:
    services = Ops()
    with served(kept(services), COLLECTOR) as url:
        page = without_script.new_page()
        enter(page, url, OPS, "be", "/ops")
        page.get_by_role("link", name="Адкладзеныя", exact=True).click()
        page.locator("#groups a").click()
        page.get_by_role("link", name=f"{TOPIC}/0/1", exact=True).click()
        expect(page.locator("#event")).to_contain_text(MASK)
        page.locator("#edit").click()
        page.locator("#event").fill('{"id": "app-1"}')
        page.locator("#why").fill(HARMFUL)
        services.away = frozenset({"intake"})
        page.get_by_role("button", name="Прапанаваць").click()
        expect(page.locator("#faults")).to_contain_text("прыём заявак")
        expect(page.locator("#why")).to_have_value(HARMFUL)
        services.away = frozenset()
        page.get_by_role("button", name="Прапанаваць").click()
        expect(page.locator("#outcome-title")).to_be_visible()
        assert len(services.proposals) == 1
        page.get_by_role("button", name="Выйсці").click()
        enter(page, url, OTHER, "be", "/ops/parked")
        page.locator("#proposed li a").click()
        page.get_by_role("button", name="Ухваліць і выканаць").click()
        expect(page.locator("#outcome-title")).to_have_text("Ухвалена і выканана.")
    assert services.proposals[0]["state"] == "approved"
    assert [one for one in reports if "503" not in one] == []


# ---- on a running system


@contextmanager
def running(folder: Any, require_kafka: bool) -> Iterator[Stack]:
    """A whole system with its pages."""
    quick = {"LOTSMAN_AGENCY_EVENTS_A_MINUTE": "0", "LOTSMAN_SWEEP_EVERY": "0.5"}
    quick["LOTSMAN_DESK_READ_WITHIN"] = "10"  # a busy machine is no service that hangs
    with Stack(folder, services=commands(desk=True), extra_env=quick) as stack:
        if not isinstance(stack.backends.broker, Kafka):
            reason = "agencies' events are only read from Apache Kafka itself"
            pytest.fail(reason) if require_kafka else pytest.skip(reason)
        yield stack


def test_a_parked_record_is_found_read_masked_traced_tried_and_taken_up_and_the_balance_is_that_of_the_api(
    context: BrowserContext,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
    reports: list[str],
) -> None:
    with (
        running(tmp_path_factory.mktemp("stack"), request.config.getoption("--require-kafka")) as stack,
        httpx.Client(timeout=30, trust_env=False) as http,
    ):
        hands = Desk(stack, Console(quiet=True), http, {})
        page = context.new_page()
        enter(page, stack.urls["desk"], OPS, then="/ops")
        _fed_at_a_rate(page, hands, *_parked_and_taken_up(page, hands))
        _balance_while_events_flow(page, hands)
    assert [one for one in reports if not re.search("422|503", one)] == []


def _parked_and_taken_up(page: Page, hands: Desk) -> tuple[str, dict[str, Any]]:
    """Of some records of an agency that nobody knows yet the first; the topic of the others, and the first of them."""
    code, trace = _agency(hands, known=False), uuid.uuid4().hex
    event = application(1, code, kind=ApplicationSubmittedV2.TYPE, traceparent=f"00-{trace}-{uuid.uuid4().hex[:16]}-01")
    others = [application(2 + n, code, kind=ApplicationSubmittedV2.TYPE) for n in range(OTHERS)]
    sending = threading.Thread(target=lambda: asyncio.run(publish(hands.logins[code], {code: [event, *others]})))
    sending.start()
    sending.join(60)
    topic = f"pilots.agency.{code}.v1"
    row = page.locator("#groups tr", has_text=topic)
    expect(row).to_be_visible()  # it came by itself
    row.get_by_role("link").click()
    page.get_by_role("link", name=f"{topic}/0/0", exact=True).click()
    shown = page.locator("#event")
    expect(shown).to_contain_text(f"{code}-1")
    expect(shown).to_contain_text(MASK)
    assert "Образцова" not in page.content() and "obraztsova" not in page.content()
    record = page.url
    _wait_for_trace(page, f"process {topic}")
    page.locator("#trace").click()
    expect(page.locator("#waterfall svg rect")).not_to_have_count(0)
    page.locator("#waterfall summary", has_text="process").first.click()
    expect(page.locator("#waterfall")).to_contain_text("messaging.kafka.offset")
    expect(page.locator("#lines")).to_contain_text("parked as broken")
    page.goto(record)
    page.get_by_role("button", name="Проверить без действия").click()
    expect(page.locator("#outcome-title")).to_have_text("Проверка: прошло бы 0 из 1")
    _enter_agency(hands, code)
    page.get_by_role("button", name="Проверить без действия").click()
    expect(page.locator("#outcome-title")).to_have_text("Проверка: прошло бы 1 из 1")
    page.get_by_role("button", name="Подать эту запись").click()
    expect(page.locator("#outcome-title")).to_have_text("Подано: прошло 1 из 1")
    answer = hands.ask("intake", f"/v1/receipts?agency={code}", "officer", lambda one: "registered" in one.text)
    assert answer.is_success
    return topic, others[0]


def _fed_at_a_rate(page: Page, hands: Desk, topic: str, event: dict[str, Any]) -> None:
    """All that are left, with intake killed under the form, and under that of a change that is proposed for one."""
    page.goto(f"{page.url.partition('/ru/')[0]}/ru/ops/parked")
    page.locator("#groups tr", has_text=topic).get_by_role("link").click()
    expect(page.locator("#records tbody tr")).to_have_count(OTHERS)
    page.locator("#many").select_option("500")
    page.locator("#rate").fill("2")
    feed = page.get_by_role("button", name="Подать снова")
    feed.click()
    expect(page.locator("#faults a")).to_have_attribute("href", "#rate")  # so many are not fed in a minute
    expect(page.locator("#rate")).to_have_value("2")
    page.locator("#many").select_option("10")
    changing = page.context.new_page()
    changing.goto(f"{page.url.partition('?')[0]}/record/{topic}/0/1/edit")
    said = json.dumps(event | {"data": event["data"] | {"title": "Снимки в районе"}}, ensure_ascii=False)
    changing.locator("#event").fill(said)
    changing.locator("#why").fill("Опечатка")
    propose = changing.get_by_role("button", name="Предложить")
    pid = hands.stack.services["intake"].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    feed.click()
    propose.click()
    for one in (page, changing):
        expect(one.locator("#faults")).to_contain_text(re.compile("Не отвечает с .* 20.*: приём заявок"))
    assert [page.locator(one).input_value() for one in ("#many", "#rate")] == ["10", "2"]
    assert [changing.locator(one).input_value() for one in ("#event", "#why")] == [said, "Опечатка"]
    hands.stack.await_ready(60, ["intake"])
    propose.click()
    expect(changing.locator("#outcome-title")).to_be_visible()
    changing.close()
    proposals = hands.call("GET", "intake", "/v1/parked/repairs", "ops").json()["items"]
    assert [one["place"] for one in proposals] == [f"{topic}/0/1"]
    began = time.monotonic()
    feed.click()
    expect(page.locator("#outcome-title")).to_have_text(f"Подано: прошло {OTHERS} из {OTHERS}")
    assert time.monotonic() - began > (OTHERS - 1) // 2, "two at once, and the next two a second later"
    expect(page.locator("#records")).to_have_count(0)


def _wait_for_trace(page: Page, text: str) -> None:
    """Asks beside the page until a trace has come to its collector, which takes a second or two: until then the answer
    is 404, and a browser complains of each."""
    deadline, address = time.monotonic() + PATIENCE / 1000, page.locator("#trace").get_attribute("href")
    assert address is not None
    while text not in (said := page.request.get(urljoin(page.url, address)).text()):
        assert time.monotonic() < deadline, said
        time.sleep(0.2)


def _balance_while_events_flow(page: Page, hands: Desk) -> None:
    code, stopped = _agency(hands, known=True), threading.Event()

    def flow() -> None:
        number = 0
        with httpx.Client(timeout=30, trust_env=False) as http:
            sender = Desk(hands.stack, Console(quiet=True), http, {})
            while not stopped.is_set():
                number += 1
                event = application(number, code, kind=ApplicationSubmittedV2.TYPE)
                for _ in range(2):  # the second is a duplicate
                    sender.call("POST", "intake", "/v1/events", "publisher", org=code, body=event)

    def told() -> Mapping[str, int]:
        rows = hands.call("GET", "intake", "/v1/balance", "ops").json()["agencies"]
        found: Mapping[str, int] = next(one for one in rows if one["agency"] == code)
        return found

    flowing = threading.Thread(target=flow)
    flowing.start()
    try:
        page.goto(f"{hands.stack.urls['desk']}/ru/ops")
        row = page.locator("#balance tr", has=page.get_by_role("rowheader", name=code, exact=True))
        expect(page.locator("#own")).to_contain_text(re.compile("открытых сессий – 1;.*отдано – [1-9]"))
        expect(row).to_be_visible()
        for _ in range(3):
            before, at = told(), page.locator("#at time").get_attribute("datetime")
            page.wait_for_function("at => document.querySelector('#at time').dateTime !== at", arg=at)
            page.wait_for_function("at => document.querySelector('#at time').dateTime !== at", arg=at)
            shown, after = _shown(row), told()
            for part in ("received", "registered", "duplicates"):
                assert before[part] <= shown[part] <= after[part], part
            assert shown["difference"] == 0
            assert shown["received"] == sum(n for part, n in shown.items() if part not in ("received", "difference"))
    finally:
        stopped.set()
        flowing.join(60)
    deadline = time.monotonic() + PATIENCE / 1000
    while (shown := _shown(row)) != {part: last for part, last in told().items() if part in shown}:
        assert time.monotonic() < deadline, (shown, told())
        time.sleep(0.2)  # the last facts are still on their way to the journal
    assert shown["registered"] > 3 and shown["duplicates"] > 3 and shown["difference"] == 0


def _shown(row: Any) -> dict[str, int]:
    """The figures of a row, read at one moment; where intake was too late for a page, those of the next that has it."""
    read = "cells => cells.map(cell => [cell.dataset.part, cell.textContent])"
    while not (cells := row.locator("[data-part]").evaluate_all(read)):
        expect(row).to_be_visible()
    return {part: int(re.sub(r"\D", "", text)) for part, text in cells}


def _agency(hands: Desk, *, known: bool) -> str:
    """A fresh agency with its topics and its user at Kafka; `known`: and its entry at intake."""
    some = (f"demo-{uuid.uuid4().hex[:8]}" for _ in itertools.count())
    code = next(code for code in some if tells_of_nobody(f"{code}-1"))  # one with a birthday in it would be masked
    kafka = hands.stack.backends.kafka
    user = access.add_agency(kafka.admin(), code, "a-secret-of-tests")
    hands.logins[code] = Login(kafka.bootstrap, user, "a-secret-of-tests")
    if known:
        _enter_agency(hands, code)
    return code


def _enter_agency(hands: Desk, code: str) -> None:
    since = EditionFrom(edition="by-2024", since=date(2025, 1, 1))
    enter_at(hands.stack.urls["intake"], hands.stack.token(["admin"]), code, "Демонстрационное ведомство", since)
