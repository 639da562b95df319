"""The figures of the public register, before the registry's own program: a picture's numbers are those of its table, of
the interface and of the files, and each figure leads to exactly the rows that it counts."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import BrowserContext, Locator

from services.desk.pages.register import said
from services.desk.words import Words
from tests.kit.desk.open_pilots import COPIES
from tests.kit.desk.open_register import Open, rows_of

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("at_home")]
ATOM: Final = "{http://www.w3.org/2005/Atom}"
ADDRESS: Final = re.compile(r'(?:href|action|hx-get)="([^"]+)"')
FIGURE: Final = re.compile(r'href="([^"]+)">([^<]*\d[^<]*)<span class="govuk-visually-hidden"')
"""A figure that leads to its rows, with what says of what it is one."""
BAR: Final = re.compile(
    r'scope="row">([^<]+)</th>.*?<rect class="register-bar__part[^>]* width="([^"]+)".*?class="register-number">'
    r"(?:<a [^>]+>)?([^<]+)<",
    re.DOTALL,
)
"""A row with a bar: what it is called, how wide the bar is in percent, and the figure beside it."""
WIDTH: Final = re.compile(r'<rect class="register-bar__part[^>]* width="([^"]+)"')


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
    assert in_all and _minor(in_all[1]) == len(rows_of(ask, "/en/register/find")), "the figure of all"
    facets = ask.get("/public/v1/facets").json()["facets"]["stage"]["values"]
    stages = {one["value"]: one["count"] for one in facets}
    terms = {one["kind"]: one for one in ask.get("/public/v1/terms").json()["kinds"]}
    sums = ask.get("/public/v1/money", params={"group_by": "sector,year", "limit": "1000"}).json()["items"]
    for link in sorted(links):
        asked = dict(parse_qsl(urlsplit(link).query))
        rows = rows_of(ask, link)
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


def test_the_bars_of_terms_and_of_indicators_are_as_wide_as_the_figures_beside_them_and_those_of_the_interface(
    register: Open, ask: httpx.Client
) -> None:
    """No file has either: the figures of terms are those of the rows behind them, too, and the share of an indicator is
    that of the way from its baseline to its target."""
    words = Words("en", ZoneInfo("UTC"))
    told = [one for one in ask.get("/public/v1/terms").json()["kinds"] if one["kept"] or one["broken"]]
    bars = {}
    for name, row in _rows(ask.get("/en/register").text.partition('id="terms"')[2]):
        [width], (kept, broken) = (
            WIDTH.findall(row),
            re.findall(r'class="register-number"[^>]*>(?:<a [^>]+>)?(\d+)', row),
        )
        bars[name] = float(width), int(kept), int(broken)
    assert len(told) > 1 and len({width for width, *_ in bars.values()}) > 1
    for one in told:
        behind = {
            how: sum(rows_of(ask, f"/en/register/terms?kind={one['kind']}&how={how}").values()) if one[how] else 0
            for how in ("kept", "broken")
        }
        width, *figures = bars.pop(said.term(words, one["kind"]))
        assert figures == [one["kept"], one["broken"]] == [*behind.values()]
        assert width == round(100 * one["kept"] / (one["kept"] + one["broken"]), 2), "the part that was kept"
    assert not bars
    card = ask.get("/public/v1/pilots/p-1").json()
    come, rows = {one["indicator"]: one for one in card["progress"]}, _rows(ask.get("/en/register/p-1").text)
    shown, agreed = dict(rows), card["agreement"]["agreement"]["indicators"]
    assert agreed
    for one in agreed:
        row, last = shown[f"{one['title']}, {one['unit']}"], come[one["code"]]
        figures = re.findall(r'class="register-number"[^>]*>([^<]+)<', row)
        assert figures == [one["baseline"], one["target"], last["value"]]
        baseline, target, value = map(float, figures)
        assert last["percent"] == int(100 * (value - baseline) / (target - baseline))
        assert [float(width) for width in WIDTH.findall(row)] == [last["percent"]] and 0 < last["percent"] < 100
        assert f">{last['percent']} %" in row


def _rows(page: str) -> list[tuple[str, str]]:
    """The rows of the tables of a page: how each is called, and what stands there."""
    return [(unescape(name), row) for name, row in re.findall(r'<th scope="row">([^<]+)(.*?)</tr>', page, re.DOTALL)]


def test_an_address_of_rows_that_was_cut_short_leads_to_the_figures(register: Open, ask: httpx.Client) -> None:
    for cut, whole in (("terms", ""), ("terms?kind=expertise", ""), ("money/pilots?currency=BYN", "/money")):
        answer = ask.get(f"/be/register/{cut}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/be/register{whole}")


def test_files_and_the_feed_have_exactly_what_the_page_finds(register: Open, ask: httpx.Client) -> None:
    page = ask.get("/ru/register/find?q=мост&sector=health").text
    take = {name: unescape(href) for name, href in re.findall(r'id="(csv|jsonl|json|feed)" href="([^"]+)"', page)}
    rows = [*rows_of(ask, "/ru/register/find?q=мост&sector=health")]
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
    assert [*rows_of(ask, "/ru/register/find?sort=published")] == known, "to which it leads"
