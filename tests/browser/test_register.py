"""The public register in a real browser, before the registry's own program on a real store: no expertise, no intake, no
database of the desk, nobody signed in. What is not public is told by no page, count, address, feed, file or tag."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from html import unescape
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, ViewportSize, expect

from contracts.event import wire_moment
from contracts.reference import TermKind
from contracts.registry import ConflictNotedV1, EffectivenessJudgedV1, PilotEnteredV1, PilotLaunchedV1
from contracts.words import LANGUAGES, Language
from deploy.samples.common import NOW
from deploy.samples.registry import cost, steps
from services.chassis.store import Row
from services.desk.pages.register import said
from services.desk.words import Words
from services.registry import views
from services.registry.domain.stages import Stage
from services.registry.domain.state import PastTerms, Stay
from tests.browser.conftest import Look, narrow, shot
from tests.kit.desk.keyboard import Keyboard
from tests.kit.desk.open_register import NoStore, Open, opened
from tests.kit.desk.services import HARMFUL
from tests.kit.registry.life import SECRETARY, Life
from tests.kit.registry.rows import FULL, about, row, timeline_row

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("at_home")]
ATOM: Final = "{http://www.w3.org/2005/Atom}"
SECRET: Final = "неведомость"
"""Stands in every text of what is not public."""
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
STAGES: Final = [stage for stage in Stage if views.PUBLIC_STAGES[stage] == "always"]
COPIES: Final = 55
"""More than a card or a page shows; the later one was entered, the earlier the public came to see it."""
FURTHER: Final = 205
"""More entries of a timeline than a page shows."""
COPIED: Final = ("/register/p-5", "/register/p-6")
"""Public ones that name, by its id and by its number, one that is not as what they copy."""
OTHERS: Final = re.compile(r"/copy-(?!00)")
"""One copy is looked at for all of them."""
ADDRESS: Final = re.compile(r'(?:href|action|hx-get)="([^"]+)"')
FIGURE: Final = re.compile(r'href="([^"]+)">([^<]*\d[^<]*)<span class="govuk-visually-hidden"')
"""A figure that leads to its rows, with what says of what it is one."""
BAR: Final = re.compile(
    r'scope="row">([^<]+)</th>.*?<rect class="register-bar__part[^>]* width="([^"]+)".*?class="register-number">'
    r"(?:<a [^>]+>)?([^<]+)<",
    re.DOTALL,
)
"""A row with a bar: what it is called, how wide the bar is in percent, and the figure beside it."""
A4: Final[ViewportSize] = {"width": 690, "height": 990}


def pilots() -> Iterator[Row]:
    """Public ones, and such as nobody outside may know of, with a conflict on both kinds."""
    terms = (
        PastTerms(kind=TermKind.EXPERTISE, kept=2, broken=1),
        PastTerms(kind=TermKind.LOOK_OVER, kept=1, broken=0),
        PastTerms(kind=TermKind.APPEAL, kept=5, broken=5),
    )
    yield row("p-1", FULL, number="ПП-2026-000001", past_terms=terms, hidden_from=("expert-17",))
    for n in range(2, 40):
        costs = [cost(1_000_00 + n, "own-money", (2025, 2026, None)[n % 3], ("BYN", "USD")[n % 7 == 0])]
        said = about(
            HARMFUL if n == 2 else f"мост номер {n}",
            sector=("health", "transport", "energy")[n % 3],
            costs=tuple(costs),
            region=("minsk", "brest")[n % 2],
            replicates={2: "p-1", 3: "p-1", 4: "lived", 5: "secret-1", 6: f"{SECRET}-0"}.get(n),
        )
        number, stage = f"ПП-2026-{n:06}", STAGES[n % len(STAGES)]
        yield row(f"p-{n}", stage=stage, number=number, application=said, past_terms=terms[: n % 3])
    for n in range(COPIES):
        yield row(
            f"copy-{n:02}",
            stage=Stage.RUNNING,
            number=f"ПП-2027-{n:06}",
            application=about(f"повтор номер {n}", replicates="p-1"),
            entered=NOW - timedelta(days=30, hours=COPIES - n),
            history=(Stay(stage=Stage.RUNNING, sector="health", since=NOW + timedelta(hours=COPIES - n)),),
        )
    for n, stage in enumerate((Stage.LOOK_OVER, Stage.EXPERTISE, Stage.NEGATIVE, Stage.RETURNED, Stage.WITHDRAWN)):
        hidden = about(
            f"{SECRET} мост",
            costs=(cost(777_777_77, "own-money", 2031, "EUR"),),
            replicates="p-1",
            office="office-secret",
        )
        yield row(
            f"secret-{n}",
            stage=stage,
            conclusions=(),
            number=f"{SECRET}-{n}",
            agency="secret-agency",
            agency_name=SECRET,
            application=hidden,
            past_terms=(PastTerms(kind=TermKind.CREDIT_EXPERTISE, kept=9, broken=9),),
            hidden_from=("expert-17",),
        )


def lived() -> tuple[Row, list[Row]]:
    """A pilot that was before the Council at the end of NOW's day and was found expedient three days later, with the
    timeline of which a day's card is made."""
    life = Life(application=about("День за днём")).to(Stage.COUNCIL)
    early = len(life.facts)
    life.later(days=3).do(*steps(Stage.EXPEDIENT, life.day), who=SECRETARY)
    told = list[Row]()
    for n, fact in enumerate(life.facts, start=1):
        data = fact.model_dump(mode="json")
        beside = {name: data.pop(name, None) for name in ("actor", "basis", "after", "cause")}
        time = wire_moment(NOW if n <= early else life.now)
        told.append({**timeline_row("lived", n, fact.TYPE, **data), **beside, "time": time})
    return {**row("lived", life.pilot, number="ПП-2026-000900"), "version": len(told)}, told


LIVED: Final = lived()
FACTS: Final = (
    timeline_row("p-1", 1, PilotEnteredV1.TYPE, agency="minzdrav", number="ПП-2026-000001", edition="by-2024"),
    timeline_row("p-1", 2, ConflictNotedV1.TYPE, hidden=["expert-17"], why=SECRET),
    timeline_row("p-1", 3, PilotLaunchedV1.TYPE, started="2026-06-01"),
    timeline_row("p-1", 4, EffectivenessJudgedV1.TYPE, outcome="effective", text=SECRET),
    timeline_row("p-2", 1, PilotEnteredV1.TYPE, agency="minzdrav", number="ПП-2026-000002", edition="by-2024"),
    timeline_row("p-2", 2, ConflictNotedV1.TYPE, hidden=["expert-17"], why=SECRET),
    *(timeline_row("p-3", n + 1, PilotLaunchedV1.TYPE, started="2026-06-01") for n in range(FURTHER)),
)


@pytest.fixture(scope="module")
def register(mongo_url: str) -> Iterator[Open]:
    """One for all of these tests, none of which changes it."""
    with opened(mongo_url) as found:
        found.put([*pilots(), LIVED[0]], [*FACTS, *LIVED[1]])
        yield found


@pytest.fixture
def ask(register: Open) -> Iterator[httpx.Client]:
    """Somebody without a browser."""
    with httpx.Client(base_url=register.url, trust_env=False, timeout=60) as client:
        yield client


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
    ):
        answer = page.goto(f"{register.url}/{language}{path}")
        assert answer is not None and answer.status == status
        accessible(page)
        narrow(page)
        shot(page, f"register-{status}-{language}")
    assert [one for one in reports if "404" not in one and "422" not in one] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_card_of_a_past_day_stands_as_it_was_then_and_says_that_its_copies_are_those_of_now(
    register: Open, context: BrowserContext, accessible: Look, reports: list[str], language: Language
) -> None:
    page, words = context.new_page(), Words(language, ZoneInfo("UTC"))
    stage = page.locator(".register-stage")
    for asked, then in (("", "expedient"), (f"?as_of={NOW.date()}", "council")):
        answer = page.goto(f"{register.url}/{language}/register/lived{asked}")
        assert answer is not None and answer.status == 200
        expect(stage).to_have_text(said.stage(words, then))
        expect(page.locator("#copies li")).to_have_count(1)
        expect(page.locator("#then")).to_have_count(1 if asked else 0)
        expect(page.locator("#copies-now")).to_have_count(1 if asked else 0)
    expect(page.locator("#copies-now")).to_have_text(words.say("register.copies-now"))
    accessible(page)
    narrow(page)
    assert reports == []


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


# ---- figures


def test_a_pictures_numbers_are_its_tables_the_interfaces_and_the_files(
    register: Open, context: BrowserContext, ask: httpx.Client
) -> None:
    told = ask.get("/public/v1/money", params={"group_by": "sector,year", "limit": "1000"}).json()["items"]
    table = ask.get("/public/v1/money.csv", params={"group_by": "sector,year"}).content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table)))
    amounts = {(_place(one), one["amount_minor"]) for one in told}
    assert amounts and {(_place(one), int(one["amount_minor"])) for one in rows} == amounts
    page = context.new_page()
    page.goto(f"{register.url}/en/register/money")
    currencies = {one["currency"] for one in told}
    assert len(currencies) > 1, "each with a chart of its own"
    for currency in currencies:
        own = {_place(one)[1:]: one["amount_minor"] for one in told if one["currency"] == currency}
        shown = page.locator(f"#all-{currency} tbody tr").all()
        assert {place: amount for one in shown for place, amount in _cells(one)} == own
        columns = page.locator(f"#money-{currency} .register-chart rect").all()
        drawn = {}
        for one in columns:
            place, _, amount = (one.locator("title").text_content() or "").rpartition(": ")
            drawn[tuple(place.split(", "))] = _minor(amount)
            assert float(one.get_attribute("height") or 0) == round(100 * _minor(amount) / max(own.values()), 2)
        assert drawn == own, "a column for each sector, year and stage, and none that adds currencies up"
    page.goto(f"{register.url}/en/register")
    counts = {one["value"]: one["count"] for one in ask.get("/public/v1/facets").json()["facets"]["stage"]["values"]}
    assert sum(int(one.split()[0]) for one in page.locator("#funnel tbody a").all_text_contents()) == sum(
        counts.values()
    )
    start, words, found = ask.get("/en/register").text, Words("en", ZoneInfo("UTC")), ask.get("/public/v1/search.csv")
    stages = Counter(one["stage"] for one in csv.DictReader(io.StringIO(found.content.decode("utf-8-sig"))))
    funnel = _bars(start.partition('id="funnel"')[2].partition("</section>")[0])
    assert {name: figure for name, _, figure in funnel} == {said.stage(words, code): n for code, n in stages.items()}
    for _, width, count in funnel:
        assert width == round(100 * count / max(stages.values()), 2), "the longest is the largest stage of all"
    for currency in currencies:
        totals = Counter[str]()
        for line in (line for line in rows if line["currency"] == currency):
            totals[said.money_stage(words, line["stage"])] += int(line["amount_minor"])
        bars = _bars(start.partition(f'id="money-{currency}"')[2].partition("</table>")[0])
        assert {name: figure for name, _, figure in bars} == totals
        for _, width, figure in bars:
            assert width == round(100 * figure / max(totals.values()), 2), "each currency has a measure of its own"


def _bars(table: str) -> list[tuple[str, float, int]]:
    """The bars of a table: what each is called, how wide it is in percent, and the figure beside it."""
    return [(name, float(width), _minor(figure)) for name, width, figure in BAR.findall(table)]


def _place(one: Mapping[str, Any]) -> tuple[str, ...]:
    """Where a sum stands, as the page says it in English."""
    words = Words("en", ZoneInfo("UTC"))
    sector, stage = said.title(words, "sector", one["sector"]), said.money_stage(words, one["stage"])
    return one["currency"], sector, str(one["year"] or "not specified"), stage


def _cells(row: Locator) -> Iterator[tuple[tuple[str, ...], int]]:
    """The sums of a row of the table, each with its place."""
    sector, year = row.locator("th").inner_text(), row.locator("td").first.inner_text()
    for cell in row.locator("td.register-number").all():
        amount = cell.locator("a")
        if amount.count():
            bare = amount.evaluate("e => e.firstChild.textContent")
            yield (sector, year, cell.get_attribute("data-label") or ""), _minor(bare)


def _minor(text: str) -> int:
    return int(re.sub("[^0-9]", "", text))


def test_the_link_of_each_figure_opens_exactly_the_rows_that_it_counts(register: Open, ask: httpx.Client) -> None:
    start, money = ask.get("/en/register").text, ask.get("/en/register/money").text
    links = {unescape(one) for one in ADDRESS.findall(start) if "stage=" in one or "kind=" in one}
    links |= {unescape(one) for one in ADDRESS.findall(money) if "/money/pilots?" in one}
    assert len(links) > 30
    shown: dict[str, set[int]] = {link: set() for link in links}
    for link, figure in FIGURE.findall(start + money):
        if unescape(link) in links:
            shown[unescape(link)].add(_minor(figure))
    in_all = re.search(r'href="/en/register/find">([^<]+)<', start.partition('id="funnel"')[2])
    assert in_all and _minor(in_all[1]) == len(_rows(ask, "/en/register/find")), "the figure of all"
    facets = ask.get("/public/v1/facets").json()["facets"]["stage"]["values"]
    stages = {one["value"]: one["count"] for one in facets}
    terms = {one["kind"]: one for one in ask.get("/public/v1/terms").json()["kinds"]}
    sums = ask.get("/public/v1/money", params={"group_by": "sector,year", "limit": "1000"}).json()["items"]
    for link in sorted(links):
        asked = dict(parse_qsl(urlsplit(link).query))
        rows = _rows(ask, link)
        assert shown[link] == {sum(rows.values())}, f"{link}: the figure on the page is that of its rows"
        if "/find" in link:
            assert len(rows) == stages[asked["stage"]], link
        elif "/terms" in link:
            assert (sum(rows.values()), len(rows)) == (
                terms[asked["kind"]][asked["how"]],
                terms[asked["kind"]][f"{asked['how']}_pilots"],
            )
        else:
            fit = [
                one for one in sums if all(str(one[name] or "unspecified") == value for name, value in asked.items())
            ]
            assert sum(rows.values()) == sum(one["amount_minor"] for one in fit), link


@pytest.mark.parametrize("pilot", ["p-1", "p-7"])
def test_the_sums_beside_a_pilots_bars_are_those_of_its_lines(register: Open, ask: httpx.Client, pilot: str) -> None:
    lines = ask.get(f"/public/v1/pilots/{pilot}").json()["money"]
    page = ask.get(f"/en/register/{pilot}").text
    words = Words("en", ZoneInfo("UTC"))
    for currency in {one["currency"] for one in lines}:
        bars = _bars(page.partition(f'id="money-{currency}"')[2].partition("</table>")[0])
        own = {
            stage: sum(one["amount_minor"] for one in lines if (one["currency"], one["stage"]) == (currency, stage))
            for stage in said.STAGES_OF_MONEY
        }
        assert bars == [
            (said.money_stage(words, stage), round(100 * amount / max(own.values()), 2), amount)
            for stage, amount in own.items()
        ], "names, widths and figures"


def _rows(ask: httpx.Client, link: str) -> dict[str, int]:
    """The rows of all pages of a list, each with its part of the figure."""
    found = dict[str, int]()
    while True:
        page = ask.get(link)
        assert page.status_code == 200, link
        for one in re.findall(r'<tr class="desk-row" id="row-([^"]+)">(.*?)</tr>', page.text, re.DOTALL):
            part = re.search(r'class="register-number"[^>]*>([^<]+)<', one[1])
            found[one[0]] = int(re.sub("[^0-9]", "", part[1])) if part else 1
        further = re.search(r'id="next-page" rel="next" href="([^"]+)"', page.text)
        if further is None:
            return found
        assert unescape(further[1]) != link, "a list that leads to itself"
        link = unescape(further[1])


def test_an_address_of_rows_that_was_cut_short_leads_to_the_figures(register: Open, ask: httpx.Client) -> None:
    for cut, whole in (("terms", ""), ("terms?kind=expertise", ""), ("money/pilots?currency=BYN", "/money")):
        answer = ask.get(f"/be/register/{cut}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/be/register{whole}")


def test_files_and_the_feed_have_exactly_what_the_page_finds(register: Open, ask: httpx.Client) -> None:
    page = ask.get("/ru/register/find?q=мост&sector=health").text
    take = {name: unescape(href) for name, href in re.findall(r'id="(csv|jsonl|json|feed)" href="([^"]+)"', page)}
    rows = [*_rows(ask, "/ru/register/find?q=мост&sector=health")]
    table = list(csv.DictReader(io.StringIO(ask.get(take["csv"]).content.decode("utf-8-sig"))))
    assert [one["id"] for one in table] == rows and len(rows) > 5
    assert [json.loads(one)["id"] for one in ask.get(take["jsonl"]).text.splitlines()] == rows
    assert [one["id"] for one in ask.get(take["json"]).json()["items"]] == rows[:50]
    feed = ElementTree.fromstring(ask.get(take["feed"]).content)
    ids = [one.text or "" for one in feed.iter(f"{ATOM}id")][1:]
    assert {one.rpartition("/")[2] for one in ids} == {*rows}
    named = "Министерство здравоохранения"
    assert {one["agency_name"] for one in table} == {named} and page.count(named) > len(rows), (
        "in each row and the facet"
    )
    assert (feed.findtext(f"{ATOM}title") or "").endswith(": мост, Здравоохранение")
    assert all(named in (one.text or "") for one in feed.iter(f"{ATOM}summary"))
    chosen = ask.get("/ru/register/find?agency=minzdrav&year=1999").text
    assert "desk-row" not in chosen and named in chosen, "what is chosen is named also where nothing has it"
    assert ask.get(take["csv"]).headers["content-disposition"] == 'attachment; filename="pilots.csv"'


def test_the_feed_goes_on_to_the_first_pilot_in_the_order_in_which_they_became_public(
    register: Open, ask: httpx.Client
) -> None:
    whole = ask.get("/public/v1/search.csv", params={"sort": "published"}).content.decode("utf-8-sig")
    known = [one["id"] for one in csv.DictReader(io.StringIO(whole))]
    assert known[:COPIES] == [f"copy-{n:02}" for n in range(COPIES)], "and not that of entry"
    found, way, ids = list[str](), f"{register.url}/ru/register/feed", set[str]()
    while way:
        answer = ask.get(way)
        feed = ElementTree.fromstring(answer.content)
        links = {one.attrib["rel"]: one.attrib["href"] for one in feed.findall(f"{ATOM}link")}
        assert (links["self"], links["first"]) == (way, f"{register.url}/ru/register/feed")
        assert ask.get(way, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
        ids.add(feed.findtext(f"{ATOM}id") or "")
        found += [(one.findtext(f"{ATOM}id") or "").rpartition("/")[2] for one in feed.findall(f"{ATOM}entry")]
        way = links.get("next", "")
    assert found == known and len(ids) == 1 and len(found) > 50
    start = ask.get("/ru/register").text.partition('id="newest"')[2]
    assert re.findall(r'href="/ru/register/(copy-\d+|p-\d+)"', start) == known[:5]
    assert [*_rows(ask, "/ru/register/find?sort=published")] == known, "to which it leads"


def test_all_copies_of_a_pilot_are_reached_from_its_card(register: Open, ask: httpx.Client) -> None:
    card = ask.get("/be/register/p-1").text
    further = re.search('id="all-copies" href="([^"]+)"', card)
    assert further is not None
    copies = _rows(ask, further[1])
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
        answers: list[Any] = [ask.get("/ru/register/data") for _ in range(6)] + [ask.get("/public/v1/pilots")]
        refused = [one for one in answers if one.status_code == 429]
        assert len(refused) == 3 and all(int(one.headers["retry-after"]) >= 1 for one in refused)
        assert refused[-1].json()["title"] == "rate.exceeded" and "<h1" in refused[0].text
        page = context.new_page()
        for language in LANGUAGES:
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
