"""The public register in a real browser, before the registry's own program on a real store: no expertise, no intake, no
database of the desk, nobody signed in. What is not public is told by no page, count, address, feed, file or tag."""

import re
from datetime import date
from html import unescape
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, ViewportSize, expect

from contracts.event import wire_moment
from contracts.registry import ConflictNotedV1
from contracts.words import LANGUAGES, Language
from deploy.samples.common import NOW
from services.desk.pages.register import said
from services.desk.words import Words
from tests.browser.conftest import Look, narrow, shot
from tests.kit.desk.keyboard import Keyboard
from tests.kit.desk.open_pilots import COPIES, LIVED, SECRET
from tests.kit.desk.open_register import NoStore, Open, opened, rows_of
from tests.kit.desk.services import HARMFUL

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("at_home")]
ATOM: Final = "{http://www.w3.org/2005/Atom}"
MINSK: Final = ZoneInfo("Europe/Minsk")
PAGES: Final = (
    "/register",
    "/register/find",
    "/register/find?q=мост&sector=health&stage=agreed",
    "/register/find?q=мост&sector=health&stage=running",
    "/register/p-1",
    "/register/p-1/copies",
    "/register/money",
    "/register/money?sector=health",
    "/register/money/pilots?currency=BYN&stage=planned",
    "/register/terms?kind=expertise&how=kept",
    "/register/data",
)
COPIED: Final = ("/register/p-5", "/register/p-6")
"""Public ones that name, by its id and by its number, one that is not as what they copy."""
OTHERS: Final = re.compile(r"/copy-(?!00)")
"""One copy is looked at for all of them."""
ADDRESS: Final = re.compile(r'(?:href|action|hx-get)="([^"]+)"')
A4: Final[ViewportSize] = {"width": 690, "height": 990}


# ---- as people see them


def test_of_the_pages_that_are_looked_at_one_is_narrowed_and_has_rows_and_one_is_and_has_none(
    register: Open, ask: httpx.Client
) -> None:
    narrowed = [ask.get(f"/ru{path}").text for path in PAGES if "/find?" in path]
    assert all(page.count("register-chips") == 1 for page in narrowed)
    assert [page.count("desk-row") for page in narrowed] == [2, 0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_accessible_and_narrow_in_each_language(
    register: Open, context: BrowserContext, accessible: Look, reports: list[str], language: str
) -> None:
    page = context.new_page()
    for n, path in enumerate(PAGES):
        page.goto(f"{register.url}/{language}{path}")
        shot(page, f"register-{n}-{language}")
        for one in page.locator("details").all():
            one.evaluate("e => e.open = true")
        accessible(page)
        narrow(page)
    for path, onward in (
        ("/register/find", "#next-page"),
        ("/register/p-1/copies", "#next-page"),
        ("/register/p-3", "#timeline a[rel=next]"),
    ):
        page.goto(f"{register.url}/{language}{path}")
        page.locator(onward).click()
        page.wait_for_url("**after=*")
        accessible(page)
        narrow(page)
        shot(page, f"register-further-{path.rpartition('/')[2]}-{language}")
    for path, status in (
        ("/register/no-such", 404),
        ("/register/find?q=нет-такого-слова", 200),
        ("/register/p-1?as_of=2001-01-01", 422),
        (f"/register/find?sector=health&q={'м' * 301}", 422),
    ):
        answer = page.goto(f"{register.url}/{language}{path}")
        assert answer is not None and answer.status == status
        accessible(page)
        narrow(page)
        shot(page, f"register-{status}-{path.split('/')[2][:4]}-{language}")
    assert [one for one in reports if "404" not in one and "422" not in one] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_card_of_a_past_day_stands_as_it_was_then_and_so_do_its_copies(
    register: Open, context: BrowserContext, accessible: Look, reports: list[str], language: Language
) -> None:
    page, words, day = context.new_page(), Words(language, ZoneInfo("UTC")), f"?as_of={NOW.date()}"
    stage, copies = page.locator(".register-stage"), page.locator("#copies li")
    for asked, then, named in (
        ("", "expedient", ["lived-copy", "lived-later", "p-4"]),
        (day, "council", ["lived-copy"]),
    ):
        answer = page.goto(f"{register.url}/{language}/register/lived{asked}")
        assert answer is not None and answer.status == 200
        expect(stage).to_have_text(said.stage(words, then))
        hrefs = [one.get_attribute("href") or "" for one in copies.locator("a").all()]
        assert [one.rpartition("/")[2] for one in hrefs] == named
        expect(copies.first.locator(".desk-small")).to_have_text(said.stage(words, then))
        expect(page.locator("#then")).to_have_count(1 if asked else 0)
        machine = [one.get_attribute("href") or "" for one in page.locator(".register-machine a").all()]
        assert len(machine) == 2 and all(one.endswith(asked) and ("as_of" in one) == bool(asked) for one in machine)
    accessible(page)
    narrow(page)
    shot(page, f"register-then-{language}")
    page.goto(f"{register.url}/{language}/register/lived/copies{day}")
    assert [one.get_attribute("id") for one in page.locator(".desk-row").all()] == ["row-lived-copy"]
    expect(page.locator(".desk-row")).to_contain_text(said.stage(words, "council"))
    expect(page.locator("#then")).to_contain_text(words.day(NOW.date()))
    accessible(page)
    narrow(page)
    page.locator("main p a").first.click()
    page.wait_for_url(f"**/register/lived{day}#copies")
    assert reports == []


def test_a_card_and_its_copies_stand_as_of_a_moment_too_and_what_is_neither_day_nor_moment_is_told(
    register: Open, ask: httpx.Client
) -> None:
    for path in ("/ru/register/lived", "/ru/register/lived/copies"):
        then = ask.get(path, params={"as_of": wire_moment(NOW)})
        assert then.status_code == 200 and Words("ru", MINSK).moment(NOW) in then.text
        assert "lived-copy" in then.text and "lived-later" not in then.text
        for wrong in ("2199-01-01", "yesterday", "2026-04-16T"):
            assert ask.get(path, params={"as_of": wrong}).status_code == 422, wrong


def test_an_empty_register_and_one_that_does_not_answer_are_told_accessibly(
    mongo_url: str, context: BrowserContext, accessible: Look
) -> None:
    with opened(mongo_url) as empty:
        page = context.new_page()
        for path in ("/register", "/register/find", "/register/money", "/register/data"):
            page.goto(f"{empty.url}/be{path}")
            accessible(page)
            narrow(page)
        empty.app.state.figures.progress.whole = False
        answer = page.goto(f"{empty.url}/ru/register")
        assert answer is not None and answer.headers["cache-control"] == "no-store", "half a page is kept by nobody"
        expect(page.locator("#not-whole")).to_be_visible()
        empty.away = True
        for language in LANGUAGES:
            answer = page.goto(f"{empty.url}/{language}/register/find?q=слово")
            assert answer is not None and (answer.status, answer.headers["cache-control"]) == (503, "no-store")
            accessible(page)


def test_words_and_facets_are_chosen_by_keyboard_the_focus_stays_and_the_address_tells_all(
    register: Open, context: BrowserContext, reports: list[str]
) -> None:
    page = context.new_page()
    page.goto(f"{register.url}/ru/register")
    page.locator("#q").focus()
    page.keyboard.type("мост")
    page.keyboard.press("Enter")
    page.wait_for_url("**/find?q=*")
    before = page.locator("#count").inner_text()
    page.locator("#sector-health").focus()
    page.keyboard.press("Space")
    page.wait_for_url("**sector=health*")
    expect(page.locator("#count")).not_to_have_text(before)
    assert page.evaluate("document.activeElement.id") == "sector-health"
    expect(page.locator("#said")).to_have_text(page.locator("#count").inner_text())
    expect(page.locator("#q")).to_have_value("мост")
    stage = page.locator("#facet-stage input").first
    told = page.locator("#facet-stage .desk-number").first.inner_text()
    id_ = stage.get_attribute("id")
    stage.check()
    page.wait_for_url("**stage=*")
    expect(page.locator("#count")).to_contain_text(f"{told} ")
    page.go_back()
    expect(page.locator("#sector-health")).to_be_checked()
    expect(page.locator(f"#{id_}")).not_to_be_checked()
    page.get_by_role("link", name="English").click()
    expect(page.locator("#q")).to_have_value("мост")
    assert reports == []


def test_money_and_a_pilot_are_walked_by_keys_alone(
    register: Open, context: BrowserContext, reports: list[str]
) -> None:
    page = context.new_page()
    page.goto(f"{register.url}/ru/register/money")
    person = Keyboard(page)
    person.pick("Отрасль", "Здравоохранение")
    page.wait_for_url("**sector=health*")
    assert person.at()["id"] == "sector", "the focus stays where it was"
    behind = page.locator("#money-BYN .register-legend a").first
    told = behind.evaluate("e => e.firstChild.textContent")
    person.on(told.replace("\xa0", " "), "A")
    expect(page.locator("#whole")).to_contain_text(told)
    person.on("ПП-2026-000001", "A")
    expect(page.locator("h1")).to_contain_text("Электронная запись к врачу")
    person.to("По годам и источникам", "SUMMARY")
    years = page.locator("#money details").first
    for is_open in (True, False):
        person.press("Enter")
        assert years.evaluate("e => e.open") is is_open
    person.on("Все, кто повторил проект", "A")
    person.on("Дальше", "A")
    person.on("К проекту", "A")
    person.day("Как было на день", date(2019, 1, 1))
    person.on("Показать", "BUTTON")
    expect(page.locator("#faults")).to_contain_text("ещё не было")
    assert [one for one in reports if "422" not in one] == []


def test_without_a_script_somebody_finds_a_pilot_looks_at_a_day_and_follows_its_money(
    register: Open, without_script: BrowserContext, reports: list[str]
) -> None:
    page = without_script.new_page()
    page.goto(f"{register.url}/be/register/find?q=ПП-2026-000002")
    expect(page.get_by_role("link", name=HARMFUL)).to_be_visible()
    page.get_by_role("link", name=HARMFUL).click()
    expect(page.locator("h1")).to_contain_text(HARMFUL)
    page.locator("#as_of").fill("2019-01-01")
    page.get_by_role("button", name="Паказаць").click()
    expect(page.locator("#faults")).to_contain_text("яшчэ не было")
    expect(page.locator("#as_of")).to_have_value("2019-01-01")
    page.get_by_role("link", name="Грошы", exact=True).click()
    page.locator("#sector").select_option("health")
    page.get_by_role("button", name="Паказаць").click()
    assert "sector=health" in page.url
    page.locator("#money-BYN .register-chart a[href*='/money/pilots']").first.click()
    expect(page.locator("#whole")).to_contain_text("праект")
    assert [one for one in reports if "422" not in one] == []


def test_on_paper_stand_the_facts_and_nothing_to_press_and_every_page_fits(
    register: Open, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(f"{register.url}/ru/register/money")
    table = page.locator("#all-BYN table")
    page.locator("#all-BYN").evaluate("e => e.open = false")
    assert not table.evaluate("e => e.checkVisibility()")
    page.emulate_media(media="print")
    assert table.evaluate("e => e.checkVisibility()"), "the table of a chart is printed, open or not"
    for path in ("/register/p-1", "/register/find", "/register/money"):
        page.goto(f"{register.url}/ru{path}")
        for hidden in (
            ".desk-nav",
            ".desk-header__languages",
            ".desk-header__enter",
            "button:visible",
            "#filters",
            ".register-day",
        ):
            assert page.locator(hidden).locator("visible=true").count() == 0, hidden
        expect(page.locator("h1")).to_be_visible()
    page.set_viewport_size(A4)
    for path in PAGES:
        for language in LANGUAGES:
            page.goto(f"{register.url}/{language}{path}")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= A4["width"], f"{page.url}: {wide} px"


def test_a_copy_whose_past_cannot_be_told_leaves_the_others_on_the_page_which_says_so(mongo_url: str) -> None:
    with opened(mongo_url) as found, httpx.Client(base_url=found.url, trust_env=False, timeout=60) as ask:
        told = [one for _, life in LIVED for one in life]
        lost = ("lived-copy", 2)
        found.put([one for one, _ in LIVED], [one for one in told if (one["pilot"], one["sequence"]) != lost])
        for path in ("/en/register/lived", "/en/register/lived/copies"):
            then = ask.get(f"{path}?as_of={NOW.date()}")
            assert then.status_code == 200 and 'id="not-all"' in then.text, path
            assert "Nobody has copied" not in then.text, path
            assert 'id="not-all"' not in ask.get(path).text, path
        own = ask.get(f"/en/register/lived-copy?as_of={NOW.date()}")
        assert own.status_code == 500 and "ask again does not help" in own.text


def test_all_copies_of_a_pilot_are_reached_from_its_card(register: Open, ask: httpx.Client) -> None:
    card = ask.get("/be/register/p-1").text
    further = re.search('id="all-copies" href="([^"]+)"', card)
    assert further is not None
    copies = rows_of(ask, further[1])
    assert {*copies} == {"p-2", "p-3", *(f"copy-{n:02}" for n in range(COPIES))}, "each that is public, and no other"
    few = ask.get("/be/register/p-2").text
    assert "all-copies" not in few
    none = ask.get("/be/register/p-2/copies")
    assert none.status_code == 200 and "desk-empty" in none.text
    assert ask.get("/be/register/secret-1/copies").status_code == 404


# ---- what is told of others


YEAR_ALONE = re.compile(r"(?<![\w-])2031(?![\w-])")  # tags and cursors are of any digits


def test_a_hidden_case_an_internal_field_and_another_agencys_rows_are_told_by_nothing(
    register: Open, ask: httpx.Client
) -> None:
    shut = (
        SECRET,
        "secret-",
        "777777",
        "777\u00a0777",
        "777,777",
        "2031",
        "hidden_from",
        "expert-17",
        "office-secret",
        "17-04",
        "Протокол испытаний",
        "evidence",
        "own_number",
        "left_out",
        "Программа работ",
        ConflictNotedV1.TYPE,
    )
    files = (
        "/public/v1/search.csv",
        "/public/v1/search.jsonl",
        "/public/v1/money.csv?group_by=sector,year,source,agency",
    )
    ways = [f"/public/v1/pilots/{one}" for one in ("p-1", "p-1/timeline", "p-5", "p-6")]
    ways += ["/public/v1/facets", "/public/v1/terms", *files]
    for language in LANGUAGES:
        ways += [f"/{language}{path}" for path in (*PAGES, *COPIED, "/register/feed", f"/register/feed?q={SECRET}")]
    seen = set[str]()
    while ways:
        way = ways.pop()
        if way in seen or way.startswith(("/static", "http", "#")) or way.endswith("/work") or OTHERS.search(way):
            continue
        seen.add(way)
        answer = ask.get(way)
        said = "\n".join([str(dict(answer.headers)), unescape(answer.text)])
        if SECRET not in way and not way.endswith("openapi.json"):
            told = [one for one in shut if one in said and (one != "2031" or YEAR_ALONE.search(said))]
            assert not told, (way, told)
        if way.startswith("/ru") and len(seen) < 400:
            ways += [unescape(one).partition("#")[0] for one in ADDRESS.findall(answer.text)]
    assert len(seen) > 100
    credit = next(one for one in ask.get("/public/v1/terms").json()["kinds"] if one["kind"] == "credit-expertise")
    assert {*credit.values()} == {"credit-expertise", 0}
    found = ask.get(f"/ru/register/find?q={SECRET}")
    assert 'id="count">0 ' in found.text and "desk-row" not in found.text
    for narrowed in ("agency=secret-agency", "year=2031", "office=office-secret", "stage=expertise", "stage=look-over"):
        assert 'id="count">0 ' in ask.get(f"/ru/register/find?{narrowed}").text, narrowed
    for n in range(5):
        answer, none = ask.get(f"/ru/register/secret-{n}"), ask.get("/ru/register/nothing")
        assert answer.status_code == 404
        assert answer.text.replace(f"secret-{n}", "nothing") == none.text
    card = ask.get("/ru/register/p-1").text
    tags = dict(re.findall(r'<meta property="(og:\w+)" content="([^"]*)"', card))
    assert tags["og:title"].startswith("ПП-2026-000001") and tags["og:url"].endswith("/ru/register/p-1")


# ---- proxies, and what does not run


def test_pages_need_nothing_but_the_register_and_are_the_same_for_everybody(register: Open, ask: httpx.Client) -> None:
    NoStore.asked, begun = False, len(register.asked)
    for path in PAGES:
        bare = ask.get(f"/ru{path}")
        known = ask.get(f"/ru{path}", headers={"Cookie": f"lotsman_{register.url.rpartition(':')[2]}=someone"})
        assert bare.status_code == 200 and bare.content == known.content and "set-cookie" not in bare.headers
    assert not NoStore.asked, "nobody is looked for in the desk's database"
    asked = register.asked[begun:]
    assert asked and all(one.startswith("http://registry/public/v1") for one in asked)


def test_a_proxy_may_keep_what_is_open_and_the_second_visit_sends_nothing(register: Open, ask: httpx.Client) -> None:
    ways = [f"/ru{path}" for path in PAGES]
    ways += [
        "/ru/register/feed",
        "/public/v1/search.schema.json",
        "/public/v1/search?q=мост",
        "/public/v1/pilots/p-1",
        "/public/v1/openapi.json",
    ]
    for way in ways:
        first = ask.get(way)
        assert first.headers["cache-control"] == "public, max-age=10", way
        again = ask.get(way, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), way
        assert again.headers["etag"] == first.headers["etag"] and again.headers["cache-control"] == "public, max-age=10"
        other = ask.get(way, headers={"If-None-Match": '"other"', "Accept-Encoding": "identity"})
        assert (other.status_code, other.headers["etag"]) == (200, first.headers["etag"])
        head = ask.head(way)
        assert (head.status_code, head.content) == (200, b"")
    assert ask.get("/register", headers={"Accept-Language": "be"}).headers["location"] == "/be/register"


def asked(ask: httpx.Client, way: str) -> list[httpx.Response]:
    """The answers to one who asks until it is refused."""
    answers = [ask.get(way)]
    while answers[-1].status_code == 200 and len(answers) < 40:
        answers.append(ask.get(way))
    return answers


def test_who_asks_too_often_is_told_when_to_come_again_and_nothing_leads_out_of_what_is_open(
    mongo_url: str, context: BrowserContext, accessible: Look
) -> None:
    with (
        opened(mongo_url, readers="4/minute") as few,
        httpx.Client(base_url=few.url, trust_env=False, timeout=60) as ask,
    ):
        for out in ("/public/v1/%2e%2e/%2e%2e/v1/pilots", "/public/v1/pilots/%2e%2e/%2e%2e/%2e%2e/health/ready"):
            assert ask.get(out).status_code == 404
        assert all("/public/v1/" in one and ".." not in one for one in few.asked)
        answers = [*asked(ask, "/ru/register/data"), *asked(ask, "/public/v1/pilots")]
        assert [one.status_code for one in answers[:4]] == [200] * 4, "one more may ask every 15 s, and none fewer"
        refused: list[Any] = [one for one in answers if one.status_code == 429]
        assert len(refused) == 2 and all(int(one.headers["retry-after"]) >= 1 for one in refused)
        assert refused[-1].json()["title"] == "rate.exceeded" and "<h1" in refused[0].text
        page = context.new_page()
        for language in LANGUAGES:
            while ask.get("/ru/register/data").status_code == 200:
                pass  # looking at a page may take as long as until one more may ask
            answer = page.goto(f"{few.url}/{language}/register/find?q=мост")
            assert answer is not None and (answer.status, answer.headers["cache-control"]) == (429, "no-store")
            seconds = re.findall(r"(\d+)\s(?:с|s)\b", page.locator("main").inner_text())
            assert int(answer.headers["retry-after"]) in map(int, seconds), "a person is told when, too"
            accessible(page)
            narrow(page)
            shot(page, f"register-429-{language}")


def test_one_link_leads_whoever_it_is_to_the_own_pages_or_to_signing_in(
    register: Open, context: BrowserContext
) -> None:
    page: Page = context.new_page()
    page.goto(f"{register.url}/en/register")
    assert page.context.cookies() == []
    page.get_by_role("link", name="Staff entrance").click()
    page.wait_for_url("**/en/sign-in?then=/work")
