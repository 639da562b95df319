"""How soon the desk's pages are answered with 10,000 open cases, and how much a first view sends.

Real processes over HTTP on a real mongod: the desk, which asks the three services as it does for people. One page is
asked for at a time, as a browser does, compressed; each time for another case, application or expert.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from bench.desk import Filled, filled, register_of
from bench.times import not_exceeded
from contracts.reference import Role
from deploy.complaint import Complaint
from deploy.local.backends import Backends
from deploy.progress import Say, Task, silent, task

WARM_UP: Final = 5
KB: Final = 1000
FAR: Final = 20
"""The later page of the list that is measured beside the first one."""
TARGETS_MS: Final[Mapping[str, float]] = {"work": 250.0, "case": 200.0, "public card": 120.0}
"""By how a page's name begins; all others have `ANY_MS`."""
ANY_MS: Final = 300.0
STATIC: Final = re.compile(r'(?:href|src)="(/static/[^"]+)"')
AWAY: Final = re.compile(r'(?:href|src|action)="((?:https?:)?//[^"]+)"')


@dataclass(frozen=True, slots=True)
class Page:
    """A page: what it is called in the answer, whose it is (None: everybody's), and its address, with `{case}` and the
    like in it."""

    name: str
    role: Role | None
    path: str


PAGES: Final = (
    Page("work", Role.OPERATOR, "/ru/work"),
    Page("work, filtered", Role.OPERATOR, "/ru/work?view=open&status=with-experts&sector=health"),
    Page("work of an expert", Role.EXPERT, "/ru/work"),
    Page("case", Role.OPERATOR, "/ru/case/{case}"),
    Page("case of an expert", Role.EXPERT, "/ru/case/{own}"),
    Page("opinion", Role.EXPERT, "/ru/case/{own}/opinion"),
    Page("request", Role.OPERATOR, "/ru/case/{case}/request"),
    Page("conclusion", Role.OPERATOR, "/ru/case/{case}/conclusion"),
    Page("board", Role.OPERATOR, "/ru/board"),
    Page("look-over", Role.OFFICER, "/ru/look-over"),
    Page("application", Role.OFFICER, "/ru/look-over/{application}"),
    Page("directory", Role.OPERATOR, "/ru/directory"),
    Page("expert", Role.OPERATOR, "/ru/directory/experts/{expert}"),
    Page("entry", Role.OPERATOR, "/ru/directory/experts/{expert}/entry"),
    Page("teams", Role.ADMIN, "/ru/directory/teams"),
    Page("decisions", Role.REGISTRAR, "/ru/decisions"),
    Page("register's card", Role.REGISTRAR, "/ru/decisions/{case}"),
    Page("commission members", Role.HEAD_ORGANISATION, "/ru/people"),
    Page("notices", Role.OPERATOR, "/ru/notices"),
    Page("ops, now", Role.OPS, "/ru/ops"),
    Page("ops, parked", Role.OPS, "/ru/ops/parked"),
    Page("ops, group", Role.OPS, "/ru/ops/parked/intake?{group}"),
    Page("ops, record", Role.OPS, "/ru/ops/parked/intake/record/{record}"),
    Page("ops, proposals", Role.OPS, "/ru/ops/parked/intake/repairs"),
    Page("ops, traces", Role.OPS, "/ru/ops/traces"),
    Page("ops, slowest traces", Role.OPS, "/ru/ops/traces?order=slowest&failed=1"),
    Page("ops, traces of a pilot", Role.OPS, "/ru/ops/traces?q={traced}"),
    Page("ops, trace", Role.OPS, "/ru/ops/traces/{trace}"),
    Page("ops, services", Role.OPS, "/ru/ops/services"),
    Page("portal, mine", Role.PUBLISHER, "/ru/portal/mine"),
    Page("portal, waiting", Role.PUBLISHER, "/ru/portal/mine?waits=applicant"),
    Page("portal, executor", Role.PUBLISHER, "/ru/portal/mine?waits=executor"),
    Page("portal, submission", Role.PUBLISHER, "/ru/portal/mine/{mine}"),
    Page("portal, decided submission", Role.PUBLISHER, "/ru/portal/mine/{decided}"),
    Page("portal, answer", Role.PUBLISHER, "/ru/portal/mine/{asked}/answer/r-1"),
    Page("portal, withdrawal", Role.PUBLISHER, "/ru/portal/mine/{mine}/write/withdrawal"),
    Page("portal, new application", Role.PUBLISHER, "/ru/portal/send"),
    Page("portal, event", Role.PUBLISHER, "/ru/portal/send/event"),
    Page("portal, spreadsheets", Role.PUBLISHER, "/ru/portal/spreadsheets"),
    Page("portal, columns", Role.PUBLISHER, "/ru/portal/spreadsheets/files/{file}"),
    Page("portal, import", Role.PUBLISHER, "/ru/portal/spreadsheets/{import}"),
    Page("portal, access", Role.PUBLISHER, "/ru/portal/access"),
    Page("portal, webhook", Role.PUBLISHER, "/ru/portal/access/hooks/{hook}"),
    Page("portal, message", Role.PUBLISHER, "/ru/portal/access/hooks/{hook}/{message}"),
    Page("portal, contracts", Role.PUBLISHER, "/ru/portal/contracts"),
    Page("portal, contract", Role.PUBLISHER, "/ru/portal/contracts/pilots.agency.application-submitted.v2"),
    Page("public start", None, "/ru/register"),
    Page("public find", None, "/ru/register/find"),
    Page("public find, words", None, "/ru/register/find?q=данные"),
    Page("public find, narrowed", None, "/ru/register/find?q=система&sector=health&stage=running&sort=amount"),
    Page("public find, last made public", None, "/ru/register/find?sort=published"),
    Page("public feed", None, "/ru/register/feed"),
    Page("public feed, narrowed", None, "/ru/register/feed?sector=health"),
    Page("public card", None, "/ru/register/{public}"),
    Page("public card, as of a day", None, "/ru/register/{remembered}?as_of=2024-06-01"),
    Page("public copies", None, "/ru/register/{public}/copies"),
    Page("public money", None, "/ru/register/money"),
    Page("public money, narrowed", None, "/ru/register/money?sector=health"),
    Page("public money, pilots", None, "/ru/register/money/pilots?currency=BYN&stage=planned"),
    Page("public terms, pilots", None, "/ru/register/terms?kind=expertise&how=kept"),
    Page("public data", None, "/ru/register/data"),
)
"""All of them: a further page is a further line."""


async def run(
    backends: Backends,
    opened: int,
    closed: int,
    requests: int,
    experts: int,
    applications: int,
    pilots: int = 0,
    say: Say = silent,
) -> dict[str, Any]:
    """The 95th percentile of each page in milliseconds, where the register has so many pilots at least, and what the
    heaviest first view sends, in kilobytes of 1,000 bytes as they come over the line. Raises Complaint for a page that
    is none."""
    async with filled(backends, opened, closed, experts, applications, pilots, say) as desk:
        p95, heaviest, scripts = dict[str, float](), 0, 0
        with task(say, "asking for each page, answers") as asking:
            for page in PAGES:
                async with desk.client(page.role) as browser:
                    first, script = await _first_view(browser, _address(desk, page, 0))
                    heaviest, scripts = max(heaviest, first), max(scripts, script)
                    p95[page.name] = 1000 * not_exceeded(await _times(browser, desk, page, requests, asking))
            async with desk.client(Role.OPERATOR) as browser:
                later = Page(f"work, page {FAR}", Role.OPERATOR, await _later(browser))
                p95[later.name] = 1000 * not_exceeded(await _times(browser, desk, later, requests, asking))
    return {
        "open": opened,
        "closed": closed,
        "experts": experts,
        "applications": applications,
        "pilots": register_of(opened, closed, applications, pilots),
        "requests": requests,
        "seconds_to_fill": round(desk.seconds),
        "p95_ms": {name: round(value, 1) for name, value in p95.items()},
        "over_target": [name for name, value in p95.items() if value > target(name)],
        "first_view_kb": round(heaviest / KB, 1),
        "script_kb": round(scripts / KB, 1),
    }


def target(name: str) -> float:
    """In how many milliseconds 95 of 100 answers of a page are to be there."""
    return next((limit for begins, limit in TARGETS_MS.items() if name.startswith(begins)), ANY_MS)


def _address(desk: Filled, page: Page, turn: int) -> str:
    return page.path.format_map({kind: ids[turn % len(ids)] for kind, ids in desk.some.items()})


async def _times(browser: httpx.AsyncClient, desk: Filled, page: Page, requests: int, asking: Task) -> list[float]:
    """Seconds of each answer."""
    took = list[float]()
    for turn in range(WARM_UP + requests):
        address = _address(desk, page, turn)
        began = time.perf_counter()
        await _answer(browser, address)
        if turn >= WARM_UP:
            took.append(time.perf_counter() - began)
        asking.advance()
    return took


async def _answer(browser: httpx.AsyncClient, address: str) -> httpx.Response:
    answer = await browser.get(address)
    if answer.status_code != 200:
        raise Complaint(f"{address} was answered with {answer.status_code}: {answer.text[:300]}")
    return answer


async def _first_view(browser: httpx.AsyncClient, address: str) -> tuple[int, int]:
    """Bytes of a page with all that it names, and of its scripts among them, compressed as they are sent."""
    page = await _answer(browser, address)
    if foreign := away(page.text, str(browser.base_url)):
        raise Complaint(f"{address} names other hosts: {foreign[:3]}")
    whole, scripts = page.num_bytes_downloaded, 0
    for name in dict.fromkeys(STATIC.findall(page.text)):
        sent = (await _answer(browser, name)).num_bytes_downloaded
        whole += sent
        scripts += sent if name.endswith(".js") else 0
    return whole, scripts


def away(text: str, own: str) -> list[str]:
    """The whole addresses that a page names, but for those of the desk at `own`: a feed is read elsewhere, so its own
    addresses are whole ones."""
    return [one for one in AWAY.findall(text) if not f"{one}/".startswith(f"{own.rstrip('/')}/")]


async def _later(browser: httpx.AsyncClient) -> str:
    """The address of a later page of the list, by the links that stand there."""
    address = "/ru/work"
    for _ in range(FAR - 1):
        found = re.search(r'id="next-page" rel="next" href="([^"]+)"', (await _answer(browser, address)).text)
        if found is None:
            return address
        address = found[1].replace("&amp;", "&")
    return address
