"""The main job on a whole running system, from signing in to the register's card, by keyboard alone; and what becomes
of somebody's words while others are sooner and a service is killed."""

import json
import os
import re
import signal
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from rich.console import Console

from contracts.agency import ApplicationSubmittedV2
from contracts.steps import EditionFrom
from contracts.words import LANGUAGES, Language
from deploy import access
from deploy.cli.agencies import enter_at
from deploy.cli.desk import Desk
from deploy.cli.expertise_job import EXPERTS, ask_applicant, enter_expert, review
from deploy.cli.main_job import application
from deploy.cli.register_job import card as card_in_register
from deploy.cli.register_job import launched, today
from deploy.local.demo_people import PEOPLE
from deploy.local.stack import Stack, commands
from services.desk import fields
from services.desk.words import Words, words_of
from services.registry.domain.stages import Stage
from tests.browser.conftest import enter, shot
from tests.kit.desk.agencys_way import LIKE, answered, pasted, reported, spreadsheet
from tests.kit.desk.keyboard import Keyboard

pytestmark = [pytest.mark.timeout(600)]
AGENCY: Final = "demo-health"
NAMES: Final = {one.id: one.name for one in PEOPLE}
TEXT: Final = "Эффект измерим, риски названы."


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One whole system with its pages for all tests here: an agency and two experts are entered."""
    quick = {"LOTSMAN_AGENCY_EVENTS_A_MINUTE": "0", "LOTSMAN_SWEEP_EVERY": "0.5"}
    quick["LOTSMAN_DESK_READ_WITHIN"] = "10"  # a busy machine is no service that hangs
    with (
        Stack(tmp_path_factory.mktemp("stack"), services=commands(desk=True), extra_env=quick) as stack,
        httpx.Client(timeout=30, trust_env=False) as http,
    ):
        made = Desk(stack, Console(quiet=True), http, {})
        since = EditionFrom(edition="by-2024", since=date(2025, 1, 1))
        access.add_agency(stack.backends.kafka.admin(), AGENCY, "a-secret-of-tests")
        enter_at(stack.urls["intake"], stack.token(["admin"]), AGENCY, "Демонстрационное ведомство", since)
        for expert in EXPERTS:
            enter_expert(made, expert)
            person = {"name": NAMES[expert], "email": None, "phone": None}
            answer = made.call("PUT", "expertise", f"/v1/experts/{expert}/person", "operator", body=person)
            assert answer.is_success, answer.text
        yield made


def registered(hands: Desk, number: int) -> tuple[str, str]:
    """A pilot whose application waits to be looked over: its id and title."""
    event = application(number, AGENCY, kind=ApplicationSubmittedV2.TYPE)
    answer = hands.call("POST", "intake", "/v1/events", "publisher", org=AGENCY, body=event)
    return str(answer.json()["pilot"]), str(event["data"]["title"])


def card(hands: Desk, pilot: str) -> Any:
    return hands.call("GET", "expertise", f"/v1/reviews/{pilot}", "operator").json()


class Person(Keyboard):
    """Somebody at the pages of the system, in a language, without a mouse."""

    def __init__(self, page: Page, url: str, language: Language, *, script: bool = True) -> None:
        super().__init__(page)
        self.script = script
        self.url, self.words = f"{url}/{language}", words_of("Europe/Minsk")[language]

    def enters(self, who: str, then: str = "/work") -> None:
        """Types the address and signs in."""
        self.page.goto(f"{self.url}{then}")
        self.on(NAMES[who], "BUTTON")

    def leaves(self) -> None:
        """Signs out."""
        self.on(self.words.say("desk.sign-out"), "BUTTON")

    def goes(self) -> None:
        """Leaves the browser to somebody else, who brings an own one."""
        self.page.context.clear_cookies()

    def does(self, act: str) -> None:
        """Presses the button of an action, and is told that it was done."""
        self.on(self.words.code("act", act), "BUTTON")
        self.hears(self.words.code("act-done", act))

    def sends(self, form: str) -> None:
        """Presses the button of a form, and is told that it was taken."""
        self.on(self.words.code("send", form), "BUTTON")
        self.hears(self.words.code("act-done", form))

    def hears(self, done: str) -> None:
        """It stands on the page, and with a script it is read out."""
        expect(self.page.locator("#outcome-title")).to_have_text(done)
        if self.script:
            expect(self.page.locator("#said")).to_have_text(done)


def judged(person: Person, words: Words) -> None:
    """Fills in the form of an opinion."""
    criteria = [one.strip() for one in person.page.locator(".desk-scores legend").all_text_contents()]
    for criterion in criteria:
        person.choose(criterion, "4")
        person.press("Tab")
        assert person.at()["tag"] == "TEXTAREA"
        person.type("Потому что измерено.")
    person.choose(words.say("form.verdict"), words.code("verdict", "positive"))
    person.write(words.say("form.text"), TEXT)


def main_job(person: Person, hands: Desk, number: int) -> None:
    """Officer, operator, two experts, operator, approver, the Council's secretary, registrar."""
    pilot, title = registered(hands, number)
    words, at = person.words, f"/case/{pilot}"
    person.enters("of-1")
    person.on(title, "A")
    person.does("take")
    person.goes()

    person.enters("op-1")
    person.until(title)
    if person.script:
        for key in ("j", "o"):
            with_navigation(person, key)
    else:
        person.on(title, "A")
    person.does("claim")
    for expert in EXPERTS:
        person.page.goto(f"{person.url}/work")
        assign(person, expert)
    person.goes()

    for expert in EXPERTS:
        person.enters(expert)
        person.on(title, "A")
        person.does("accept")
        person.on(words.code("act", "opinion"), "A")
        judged(person, words)
        person.sends("opinion")
        person.goes()

    person.enters("op-1", at)
    person.on(words.code("act", "conclusion"), "A")
    person.choose(words.say("form.verdict"), words.code("verdict", "positive"))
    person.write(words.say("form.text"), TEXT)
    person.sends("conclusion")
    person.goes()

    person.enters("ap-1", at)
    person.does("approve")
    person.until(words.code("status", "concluded"))
    conclusion = card(hands, pilot)["conclusions"][0]["number"]
    person.goes()

    person.enters("cs-1", "/decisions")
    person.until(title)
    person.on(title, "A")
    person.until(conclusion)
    person.on(words.code("enter", "expediency"), "A")
    person.to("", "INPUT", words_of_decision(person))
    person.press("Space")
    called = [fields.called(words, one) for one in fields.BASIS.parts]
    for name, said in zip(called, ("Совет", "протокол", f"П-{pilot[:4]}"), strict=False):
        person.write(name, said, tag="INPUT")
    person.day(called[-1], today())
    person.on(words.say("decision.enter"), "BUTTON")
    expect(person.page.locator("#outcome-title")).to_contain_text(words.code("enter", "expediency"))
    person.goes()

    person.enters("rg-1", "/decisions")
    person.until(title)
    person.on(title, "A")
    expect(person.page.locator("main")).to_contain_text(conclusion)
    expect(person.page.locator("#expediency-1")).to_contain_text(f"П-{pilot[:4]}")
    person.to(words.code("enter", "agreement"), "A")
    person.goes()


def words_of_decision(person: Person) -> str:
    """What the group of the Council's decisions is called."""
    return str(person.page.locator("#written legend").first.text_content()).strip()


def with_navigation(person: Person, key: str) -> None:
    """A key of the desk: `o` leads to another page."""
    if key != "o":
        person.press(key)
        return
    with person.page.expect_navigation():
        person.press(key)


def assign(person: Person, expert: str) -> None:
    """The case of the list to an expert: with the desk's own keys, or without a script by Tab alone."""
    words = person.words
    if person.script:
        person.press("j", "x", "a")
    else:
        person.to(words.say("work.select", number="ПП-"), "INPUT")
        person.press("Space")
    person.pick(words.say("work.expert"), NAMES[expert], group=words.say("work.with-chosen"))
    person.to(words.say("work.assign"), "BUTTON")
    if person.script:
        person.press("Enter")
    else:
        with person.page.expect_navigation():
            person.press("Enter")
    expect(person.page.locator("#outcome-title")).to_have_text(words.count("work.done", 1))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_main_job_is_done_by_keyboard_alone(
    hands: Desk, context: BrowserContext, language: Language, reports: list[str]
) -> None:
    person = Person(context.new_page(), hands.stack.urls["desk"], language)
    main_job(person, hands, 10 + LANGUAGES.index(language))
    assert reports == []


def test_the_main_job_is_done_by_keyboard_alone_without_a_script(
    hands: Desk, without_script: BrowserContext, reports: list[str]
) -> None:
    main_job(Person(without_script.new_page(), hands.stack.urls["desk"], "ru", script=False), hands, 20)
    assert reports == []


def sent_to_a_killed(hands: Desk, service: str, person: Person, send: str) -> None:
    """A form is sent while its service is killed, which the page says; then the service is there again."""
    pid = hands.stack.services[service].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    person.on(send, "BUTTON")
    shown = person.page.locator("#faults, h1").all_text_contents()
    assert any(person.words.code("service", service) in one for one in shown), shown
    hands.stack.await_ready(60, [service])


def test_words_outlive_somebody_who_was_sooner_and_a_killed_service_and_have_one_effect(
    hands: Desk, context: BrowserContext, reports: list[str]
) -> None:
    pilot, _title = registered(hands, 30)
    seen = hands.call("GET", "intake", f"/v1/applications/{pilot}", "officer").headers["ETag"]
    hands.do("intake", f"/v1/applications/{pilot}/acceptance", "officer", None, seen)
    path = f"/v1/reviews/{pilot}"
    hands.ask("expertise", path, "operator", lambda one: one.status_code == 200)
    for what, role, who, said in (
        ("assignments", "operator", "op-1", {"expert_id": EXPERTS[0]}),
        ("acceptance", "expert", EXPERTS[0], None),
    ):
        etag = hands.call("GET", "expertise", path, "operator").headers["ETag"]
        hands.do("expertise", f"{path}/{what}", role, said, etag, sub=who)
    at = f"/case/{pilot}"
    person = Person(context.new_page(), hands.stack.urls["desk"], "ru")
    person.enters(EXPERTS[0], f"{at}/opinion")
    judged(person, person.words)
    etag = hands.call("GET", "expertise", path, "operator").headers["ETag"]
    hands.do("expertise", f"{path}/claim", "operator", None, etag, sub="op-2")  # somebody else is sooner
    send = person.words.code("send", "opinion")
    person.on(send, "BUTTON")
    page = person.page
    expect(page.locator("#versions")).to_be_visible()
    expect(page.locator("#text")).to_have_value(TEXT)
    sent_to_a_killed(hands, "expertise", person, send)
    page.goto(f"{person.url}{at}/opinion")
    expect(page.locator("#text")).to_have_value(TEXT)
    assert page.locator("textarea[name^=reason]").first.input_value() == "Потому что измерено."
    person.sends("opinion")
    page.go_back()  # the same form once more, with the key that it was sent with
    places = card(hands, pilot)["places"]
    assert [len(one["opinions"]) for one in places] == [1]
    assert [one for one in reports if not re.search("412|503", one)] == []


def test_an_agencys_words_outlive_a_killed_intake_and_are_sent_once(
    hands: Desk, context: BrowserContext, reports: list[str]
) -> None:
    event = application(40, AGENCY, kind=ApplicationSubmittedV2.TYPE)
    text, person = json.dumps(event, ensure_ascii=False), Person(context.new_page(), hands.stack.urls["desk"], "ru")
    person.enters("pu-1", "/portal/send/event")
    person.write(person.words.say("portal.event"), text, tag="TEXTAREA")
    send, page = person.words.say("portal.send"), person.page
    sent_to_a_killed(hands, "intake", person, send)
    page.goto(f"{person.url}/portal/send/event")
    expect(page.locator("#event")).to_have_value(text)
    person.on(send, "BUTTON")
    expect(page.locator("#outcome-title")).to_have_text(person.words.say("portal.sent"))
    first = page.url
    page.goto(f"{person.url}/portal/send/event")  # somebody who is not sure sends the same event once more
    person.write(person.words.say("portal.event"), text, tag="TEXTAREA")
    person.on(send, "BUTTON")
    assert page.url == first
    found = hands.call("GET", "intake", "/v1/applications?limit=100", "publisher", org=AGENCY).json()["items"]
    mine = [one["id"] for one in found if one["own_number"] == event["data"]["own_number"]]
    assert len(mine) == 1 and mine[0] in first
    assert [one for one in reports if "503" not in one] == []


# ---- an agency's whole way


def test_an_agencys_whole_way_from_a_pasted_event_with_faults_to_the_report_of_completion(
    hands: Desk, context: BrowserContext
) -> None:
    registered(hands, 59)
    hands.ask("registry", f"/v1/search?q={LIKE}", "registrar", lambda one: bool(one.json()["items"]))
    page, url = context.new_page(), hands.stack.urls["desk"]
    enter(page, url, "Инна Заявкина", then="/portal/mine")
    keys, portal = Keyboard(page), f"{url}/ru/portal"
    pilot = pasted(page, portal, application(60, AGENCY, kind=ApplicationSubmittedV2.TYPE))
    mine = f"{portal}/mine/{pilot}"
    keys.until("№ ПП-")
    etag = hands.call("GET", "intake", f"/v1/applications/{pilot}", "officer").headers["ETag"]
    hands.do("intake", f"/v1/applications/{pilot}/acceptance", "officer", None, etag)
    review(hands, pilot, before_opinions=lambda: _answered(hands, page, mine, pilot))
    launched(hands, pilot)

    known = hands.call("GET", "registry", f"/v1/pilots/{pilot}", "registrar").json()
    page.goto(mine)
    expect(page.locator("#way + ol")).to_contain_text("Ответ получен")
    expect(page.locator("#conclusion-title")).to_contain_text(known["conclusion"]["number"])
    expect(page.locator("#decision-title + p")).to_have_text("проект целесообразен")
    expect(page.locator("#decision-title ~ p").last).to_contain_text(known["decisions"][0]["basis"]["number"])
    _counted_by_the_register(page, portal, pilot, known, "исполнитель", "Отчёт о ходе реализации")

    reported(keys, mine, "spending", today(), {"amount_minor": "1 234,50", "year": "2027", "document": "ПП-7"})
    reported(keys, mine, "results", today(), {"value": "3"})
    risk = {"id": "r-1", "title": "Нет сети", "scenario": "Снимки не уходят.", "answer": "Второй канал."}
    reported(keys, mine, "risks", today(), {**risk, "owner-value": "790000029"})
    reported(keys, mine, "progress", today(), {"summary": "Идёт по плану.", "value": "2"})
    reported(keys, mine, "completion", today(), {"summary": "Всё сделано.", "value": "1"})
    expect(page.locator("#receipts + table")).to_contain_text(re.compile("принят", re.IGNORECASE))

    known = card_in_register(hands, pilot, Stage.FINISHED).json()
    _counted_by_the_register(page, portal, pilot, known, "головная организация", "Предложения об эффективности")
    page.goto(mine)
    expect(page.locator("a[href$='/write/completion']")).to_have_count(0)
    expect(page.locator("a[href$='/write/results']")).to_have_count(1)  # what is measured late is still taken
    page.goto(f"{url}/ru/register/{pilot}")
    expect(page.locator("main")).to_contain_text("1 234,50")
    expect(page.locator("main")).to_contain_text(re.compile(r"100\s%"))
    page.get_by_role("link", name="Служебный вход").click()
    page.wait_for_url("**/portal/mine")  # whoever is signed in goes back to the own pages by it
    page.context.clear_cookies()
    enter(page, url, NAMES["rg-1"], then=f"/decisions/{pilot}")
    for said in ("ПП-7", "Отчёт о ходе", "Риски", "Всё сделано."):
        expect(page.locator("main")).to_contain_text(said)


def _answered(hands: Desk, page: Page, mine: str, pilot: str) -> None:
    """The expertise asks; the agency answers in the form of the request."""
    request = ask_applicant(hands, pilot)
    hands.ask("intake", f"/v1/applications/{pilot}", "officer", lambda one: request in one.text)
    answered(page, mine)
    path = f"/v1/reviews/{pilot}"
    hands.ask("expertise", path, "operator", lambda one: one.json()["requests"][-1]["outcome"] == "answered")


def _counted_by_the_register(page: Page, portal: str, pilot: str, known: Any, whose: str, term: str) -> None:
    """Whose move it is and by which day stands in the list and on the page of the submission as the register has it."""
    words = words_of("Europe/Minsk")["ru"]
    due = words.day(words.last_day(known["term"]["due_at"]))
    for path, at in (("mine", f"#row-{pilot}"), (f"mine/{pilot}", ".desk-facts >> nth=0")):
        page.goto(f"{portal}/{path}")
        for said in (whose, due, term):
            expect(page.locator(at)).to_contain_text(said)
        if known["stage"] == Stage.RUNNING:
            expect(page.locator(at)).to_contain_text(f"реализация до {words.day(known['until'])}")
        shot(page, f"{known['stage']}-{'list' if path == 'mine' else 'one'}")
    expect(page.locator("#clock")).to_have_count(1)  # why this day
    if known["next_move"] == "executor":
        page.goto(f"{portal}/mine?waits=executor")
        Keyboard(page).until(known["number"])  # the register's search may be a moment behind
        expect(page.locator(f"#row-{pilot}")).to_contain_text(due)


def test_a_spreadsheet_of_sixty_rows_is_mapped_tried_mended_and_sent(hands: Desk, context: BrowserContext) -> None:
    page, url = context.new_page(), hands.stack.urls["desk"]
    enter(page, url, "Инна Заявкина", then="/portal/spreadsheets")
    spreadsheet(page, f"{url}/ru/portal")
    numbers = list[str]()
    after = ""
    while after is not None:
        path = f"/v1/applications?limit=100{f'&after={after}' if after else ''}"
        found = hands.call("GET", "intake", path, "publisher", org=AGENCY).json()
        numbers += [one["own_number"] for one in found["items"] if one["own_number"] and one["number"]]
        after = found["next"]
    assert sorted(one for one in numbers if one.startswith("т-")) == sorted(f"т-{n}" for n in range(1, 61))
