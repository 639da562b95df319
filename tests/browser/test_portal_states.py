"""The portal's pages in every state that they have, before the real intake: without a script, by keyboard, on paper,
while intake is away, for another agency; and each of their links and buttons."""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from contracts.words import LANGUAGES
from tests.browser.conftest import PATIENCE, Look, enter, narrow, on_paper, shot
from tests.kit.desk.agencys_way import columns_by_keys
from tests.kit.desk.furnished import FILE, HOOK, Furnished, application, furnished, sheet, webhook
from tests.kit.desk.keyboard import Keyboard
from tests.kit.desk.portal import KEY, NAMES, OTHER, OWN, Portal
from tests.kit.desk.walker import Form, Seen, Walker, walking

pytestmark = [pytest.mark.timeout(600)]
AGENCY, NEIGHBOUR = "Инна Заявкина", "Борис Соседский"
TURNS: Final = "turns"
HERE: Final = "/ru/portal/"
EXPECTED: Final = re.compile(r"\b(404|422|503)\b")
"""What browsers report of answers that are no 200: the states themselves."""


@pytest.fixture(scope="module")
def full(running: Portal) -> Furnished:
    """Something on each page of the agency; the neighbour has nothing."""
    with walking(running.url, "pu-1") as walker:
        return furnished(running, walker)


@pytest.fixture(scope="module")
def hooked(running: Portal, full: Furnished) -> Furnished:
    """The same with a webhook of its own: the test of all buttons removes the first."""
    with walking(running.url, "pu-1") as walker:
        hook, message = webhook(running, walker, full.asked, f"{HOOK}/states")
    return replace(full, hook=hook, message=message)


@pytest.fixture
def own(running: Portal) -> Iterator[Walker]:
    """The agency's person."""
    with walking(running.url, "pu-1") as walker:
        yield walker


@pytest.fixture
def other(running: Portal) -> Iterator[Walker]:
    """The neighbour's person."""
    with walking(running.url, "pu-2") as walker:
        yield walker


# ---- what another agency learns


def test_another_agencys_entry_keys_quota_webhooks_and_spreadsheets_are_nowhere(
    own: Walker, other: Walker, full: Furnished
) -> None:
    access = own.get("/ru/portal/access")
    told = (
        NAMES[OWN],
        OWN,
        KEY,
        "<dd>777</dd>",
        HOOK,
        FILE,
        full.hook,
        full.file,
        full.tried,
        full.asked,
        full.message,
    )
    own_pages = "".join(one.text for one in own.walk("/ru/portal/mine", "/ru/portal/"))
    assert [one for one in told if one not in own_pages] == [], "its own agency finds all of it"
    seen = other.walk("/ru/portal/mine", "/ru/portal/")
    assert {"/ru/portal/access", "/ru/portal/spreadsheets"} <= {one.address for one in seen}
    assert [(one.address, word) for one in seen for word in told if word in one.text] == []
    theirs = other.get("/ru/portal/access")
    assert NAMES[OTHER] in theirs.text and "<h2" in theirs.text
    unknown, files = "0" * 32, f"/ru/portal/spreadsheets/{full.tried}"
    addresses = {
        f"/ru/portal/access/hooks/{full.hook}": f"/ru/portal/access/hooks/{unknown}",
        f"/ru/portal/access/hooks/{full.hook}/{full.message}": f"/ru/portal/access/hooks/{unknown}/{full.message}",
        f"/ru/portal/spreadsheets/files/{full.file}": f"/ru/portal/spreadsheets/files/{unknown}",
        files: f"/ru/portal/spreadsheets/{unknown}",
        f"{files}/report": f"/ru/portal/spreadsheets/{unknown}/report",
        f"{files}/marked": f"/ru/portal/spreadsheets/{unknown}/marked",
    }
    for address, nothing in addresses.items():
        found, missing = other.get(address), other.get(nothing)
        assert found.status == missing.status == 404, address
        assert _without_own(found.text, address) == _without_own(missing.text, nothing), "as of one that is not there"
    form = theirs.form("send")
    for address in [one for one in addresses if "report" not in one and "marked" not in one]:
        form.action = address
        for do in ("off", "secret", "remove", "recover", "send", "stop", "resume", "try"):
            assert other.press(theirs, form, ("do", do)).status == 404, (address, do)
    assert own.get("/ru/portal/access").links == access.links, "what is another's stands as it stood"


def _without_own(text: str, address: str) -> str:
    """A page without its own address, and without the tokens that are new in each answer."""
    text = text.replace(address.removeprefix("/ru"), "")
    return re.sub(r'name="form_token" value="[^"]*"', "", text)


# ---- links and buttons


def test_each_link_leads_somewhere_and_each_button_does_something_or_says_why_not(own: Walker, full: Furnished) -> None:
    pages = own.walk("/ru/portal/mine", HERE)
    assert [one.address for one in pages if one.status != 200] == []
    assert [one.address for one in pages if one.ids and "/ru/portal/access" not in one.links] == [], "without its head"
    there = " ".join(one.address for one in pages)
    assert [
        one for one in (full.decided, full.hook, full.message, full.tried, "marked", "schema.json") if one not in there
    ] == []
    for page in pages:
        for link in page.links:
            to = urlsplit(urljoin(page.address, link))
            assert to.path.startswith("/") and not to.netloc, f"{page.address}: {link}"
            assert link[:1] != "#" or link[1:] in page.ids, f"{page.address}: {link} leads nowhere"
    pressed = 0
    for page, form, button in sorted(_buttons(pages), key=lambda one: one[2][1] == "remove"):
        answer = own.press(page, form, button)
        told = bool(answer.said) or "outcome-title" in answer.ids or answer.moved or answer.ids != page.ids
        assert answer.status in (200, 409, 422) and (told or form.method == "get"), (
            f"{page.address}, {button}: {answer.status} {answer.address}"
        )
        pointed = [link[1:] for link in answer.links if link.startswith("#")]
        assert [one for one in pointed if one not in answer.ids] == [], f"{page.address}, {button}: {pointed}"
        pressed += 1
    assert pressed >= 40


def _buttons(pages: list[Seen]) -> Iterator[tuple[Seen, Form, tuple[str, str]]]:
    """Each button of each kind of page once: ids in addresses count as one."""
    seen = set[tuple[str, tuple[str, str]]]()
    for page in pages:
        for form in page.forms:
            kind = re.sub(r"[0-9a-f]{8}[0-9a-f-]{24,}|msg_\w+", "*", form.action)
            for button in form.buttons:
                if (kind, button) not in seen and "sign-out" not in kind and form.method != "dialog":
                    seen.add((kind, button))
                    yield page, form, button


# ---- every state


@dataclass(frozen=True)
class Line:
    """A page of the portal; `form`: the button by which what stands there is sent and found faulty; before that `typed`
    is put into the field `into`. `lost`: it is also sent while intake is away. `beside`: the register says a part
    of it."""

    path: str
    form: str = ""
    into: str = ""
    typed: str = ""
    lost: bool = False
    beside: bool = False


def lines(full: Furnished) -> Iterator[Line]:
    """All of them."""
    mine, written = f"/mine/{full.asked}", "#written button[value=send]"
    faulty = application(600, sector="mars")
    yield Line("/mine", beside=True)
    yield Line(mine)
    yield Line(f"/mine/{full.decided}")
    yield Line(f"{mine}/answer/r-1", written, lost=True)
    for what in ("resubmission", "progress", "spending", "risks", "results", "completion"):
        yield Line(f"/mine/{full.decided}/write/{what}")
    yield Line(f"{mine}/write/withdrawal", written, lost=True)
    yield Line("/send", "#check", lost=True)
    yield Line("/send/event", "#check", "#event", json.dumps(faulty, ensure_ascii=False, indent=1), lost=True)
    yield Line("/spreadsheets", "main form button")
    yield Line(f"/spreadsheets/files/{full.file}", "#written button[value=try]", "#same-initiator-id-value", lost=True)
    for one in (full.tried, full.stopped, full.waiting):
        yield Line(f"/spreadsheets/{one}")
    yield Line("/access", "#register button[value=send]", lost=True)
    yield Line(f"/access/hooks/{full.hook}")
    yield Line(f"/access/hooks/{full.hook}/{full.message}")
    yield Line("/contracts")
    yield Line("/contracts/pilots.agency.application-submitted.v2")
    yield Line(NOTHING)


NOTHING: Final = "/mine/nothing"
EMPTY: Final = ("/mine", "/spreadsheets", "/access")
AWAY: Final = ("/mine", "/send", "/access", "/contracts")
"""Where a page is looked at whose service does not answer: one and the same page for all."""


def in_all_states(page: Page, portal: Portal, line: Line, addresses: Iterator[str]) -> Iterator[str]:
    """Brings a page into one state after another; each is told when the page is in it."""
    answer = page.goto(next(addresses))
    assert answer is not None and answer.status == (404 if line.path == NOTHING else 200), page.url
    for one in page.locator("details").all():
        one.evaluate("e => e.open = true")
    yield "full"
    if line.form:
        _send(page, line, "#faults")
        yield "faults"
    if line.lost:
        page.goto(next(addresses))
        portal.away.add("intake")
        _send(page, line, "#faults, #away")
        portal.away.clear()
        yield "lost"
    if line.beside:
        portal.away.add("registry")
        page.goto(next(addresses))
        portal.away.clear()
        expect(page.locator("#register-away")).to_be_visible()
        yield "alone"
        portal.late = True
        page.goto(next(addresses))
        portal.late = False
        expect(page.locator(".desk-group--breached")).to_be_visible()
        yield "late"
    if line.path in AWAY:
        portal.away.add("intake")
        page.goto(next(addresses))
        portal.away.clear()
        expect(page.locator("#away")).to_be_visible()
        yield "away"


def _send(page: Page, line: Line, shown: str) -> None:
    if line.into:
        page.locator(line.into).fill(line.typed)
    button = page.locator(line.form)
    button.evaluate("one => { one.form.noValidate = true; }")
    button.click()
    expect(page.locator(shown)).to_be_visible()


@pytest.mark.parametrize("language", [TURNS, *(pytest.param(one, marks=pytest.mark.soak) for one in LANGUAGES)])
def test_every_page_of_the_portal_in_every_state_is_accessible_narrow_and_fit_to_print(
    running: Portal, hooked: Furnished, browser: Browser, accessible: Look, language: str, reports: list[str]
) -> None:
    seen = set[str]()
    for person, some in ((AGENCY, list(lines(hooked))), (NEIGHBOUR, [Line(path) for path in EMPTY])):
        context = browser.new_context(locale="ru-RU")
        context.set_default_timeout(PATIENCE)
        context.on("console", lambda said: reports.append(said.text) if said.type == "error" else None)
        page = context.new_page()
        enter(page, running.url, person, then="/portal/mine")
        for number, line in enumerate(some):
            turn = itertools.islice(itertools.cycle(LANGUAGES), number % 3, None)
            in_turn = turn if language == TURNS else itertools.repeat(language)
            addresses = (f"{running.url}/{one}/portal{line.path}" for one in in_turn)
            for state in in_all_states(page, running, line, addresses):
                accessible(page)
                narrow(page)
                if state == "full":
                    on_paper(page)
                if language in LANGUAGES:
                    shot(page, f"{language}-{person[:1]}{number:02}-{state}")
                seen.add(state)
        context.close()
    assert seen == {"full", "faults", "lost", "alone", "late", "away"}
    assert [one for one in reports if not EXPECTED.search(one)] == []


# ---- words that are not lost


def test_without_a_script_and_by_keyboard_an_application_outlives_intake_and_is_registered_once(
    running: Portal, without_script: BrowserContext, accessible: Look, reports: list[str]
) -> None:
    page, url = without_script.new_page(), running.url
    enter(page, url, AGENCY, then="/portal/send")
    keys = Keyboard(page)
    said = application(700, title="Запись без очереди", own_number="ЗАПИСЬ-700")["data"]
    for name in ("title", "problem", "solution", "own_number"):
        page.locator(f"#{name}").focus()
        keys.press("Control+a")
        keys.type(said[name])
    for field, value in (("customer-id-value", "700000125"), ("initiator-id-value", "790000029")):
        page.locator(f"#{field}").focus()
        keys.type(value)
    page.locator("#sector").select_option("health")
    running.away.add("intake")
    keys.on("Отправить", "BUTTON")
    expect(page.locator("main")).to_contain_text("Не отвечает")
    running.away.clear()
    page.goto(f"{url}/ru/portal/send")
    expect(page.locator("#title")).to_have_value("Запись без очереди")
    expect(page.locator("#solution")).to_have_value(said["solution"])
    narrow(page)
    running.lost.add("/v1/events")  # it is taken, and the answer comes to nobody
    keys.on("Отправить", "BUTTON")
    expect(page.locator("#faults")).to_contain_text("Не отвечает")
    expect(page.locator("#title")).to_have_value("Запись без очереди")
    keys.on("Отправить", "BUTTON")
    expect(page.locator("#outcome-title")).to_contain_text("Отправлено и принято")
    pilot = page.url.partition("/mine/")[2].partition("?")[0]
    running.flush()
    page.goto(f"{url}/ru/portal/mine?named=ЗАПИСЬ-700")
    assert f"/mine/{pilot}" in page.url, "there is one"
    expect(page.locator("#receipts + table tbody tr")).to_have_count(1)
    _a_file_is_held(running, page, keys)
    page.goto(f"{url}/ru/portal/mine/{pilot}")
    keys.on("Отозвать", "A")
    keys.write("Причина", "Проект закрыт.")
    keys.on("Отправить", "BUTTON")
    expect(page.locator("#outcome-title")).to_contain_text("Отправлено и принято")
    assert [one for one in reports if not EXPECTED.search(one)] == []


def _a_file_is_held(running: Portal, page: Page, keys: Keyboard) -> None:
    """A spreadsheet that was chosen while intake is away need not be chosen again; its columns are chosen by keys."""
    page.goto(f"{running.url}/ru/portal/spreadsheets")
    page.locator("#file").set_input_files({"name": "план.csv", "mimeType": "text/csv", "buffer": sheet(faulty=False)})
    running.away.add("intake")
    keys.on("Загрузить", "BUTTON")
    expect(page.locator("#faults")).to_contain_text("Не отвечает")
    expect(page.locator("#held")).to_contain_text("«план.csv»")
    narrow(page)
    running.away.clear()
    keys.on("Загрузить", "BUTTON")
    expect(page.locator("#from-title")).to_have_value("Наименование проекта")
    while running.imports():
        """Those of other tests, of which only so many may wait."""
    columns_by_keys(keys)
    expect(page.locator("#making")).to_be_visible()
    running.imports()
    keys.on("Посмотреть ещё раз", "A")
    expect(page.locator("#made")).to_contain_text("60 из 60")
    page.goto(f"{running.url}/be/portal/spreadsheets")
    expect(page.locator("#held")).to_have_count(0)
