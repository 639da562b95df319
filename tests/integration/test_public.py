"""The open door: nothing but the public view comes through it, as often as allowed, from any page."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from contracts.reference import TermKind
from contracts.registry import REGISTRY
from services.chassis.public import client_of
from services.chassis.settings import Settings
from services.chassis.store import Row, Store
from services.registry import views
from services.registry.domain.money import MoneyStage
from services.registry.domain.stages import Stage
from services.registry.figures.figures import Figures
from services.registry.figures.figures import in_memory as figures_in_memory
from services.registry.figures.questions import AXES
from services.registry.finding.entries import FACETS
from services.registry.finding.finding import Finding, in_memory
from services.registry.finding.writing import code
from services.registry.handlers import TIMELINE
from services.registry.service import SERVICE
from tests.kit.registry.app import app_of
from tests.kit.registry.rows import FULL, about, full_fact, marked, marked_fact, named, row

SETTINGS = Settings(public_limit="100000/minute", trusted_hops=0)


class Outside:
    """Somebody without a token."""

    def __init__(self, store: Store, settings: Settings = SETTINGS) -> None:
        self.store = store
        self.finding: Finding = in_memory()
        self.figures: Figures = figures_in_memory()
        self.app: FastAPI = app_of(store, settings)
        self.app.state.finding = self.finding
        self.app.state.figures = self.figures

    async def put(self, *rows: Row) -> None:
        """Stores pilots and indexes them as the follower would."""
        await self.store.put("subjects", rows)
        self.finding.put(rows)
        self.finding.commit(whole=True)
        self.figures.put(rows)
        self.figures.commit({0: 1}, whole=True)

    async def ask(self, path: str, method: str = "GET", **more: Any) -> httpx.Response:
        """One request."""
        transport = httpx.ASGITransport(app=self.app, client=more.pop("client", ("203.0.113.7", 4711)))
        async with httpx.AsyncClient(transport=transport, base_url="http://register") as client:
            return await client.request(method, path, **more)


@pytest.fixture
async def outside(store: Store) -> AsyncIterator[Outside]:
    await store.prepare(SERVICE.indexes)
    yield Outside(store)


def said(answer: httpx.Response) -> str:
    """All that an answer says: its body, its headers, and what is encoded in its cursor."""
    headers = json.dumps(dict(answer.headers))
    if "json" not in answer.headers["content-type"] or "jsonl" in answer.headers["content-type"]:
        return f"{headers}\n{answer.text}"
    body = answer.json() if answer.content else {}
    cursor = body.get("next") if isinstance(body, dict) else None
    opened = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode() if cursor else ""
    return f"{headers}\n{json.dumps(body, ensure_ascii=False)}\n{opened}"


def public_paths(table: Any, above: str = "") -> set[str]:
    found: set[str] = set()
    for one in table:
        if one.public:
            found |= {f"{above}{one.name}"} | public_paths(one.of, f"{above}{one.name}.")
    return found


PATHS = {
    "/public/v1/pilots",
    "/public/v1/pilots/{pilot}",
    "/public/v1/pilots/{pilot}/timeline",
    "/public/v1/pilots/{pilot}/replicas",
    "/public/v1/search",
    "/public/v1/search.csv",
    "/public/v1/search.jsonl",
    "/public/v1/facets",
    "/public/v1/money",
    "/public/v1/money.csv",
    "/public/v1/money/pilots",
    "/public/v1/terms",
    "/public/v1/terms/pilots",
    "/public/v1/search.schema.json",
    "/public/v1/money.schema.json",
    "/public/v1/openapi.json",
}
"""Every route that is open. One that is added must be asked below."""
IN_SUMS = {
    f"{lines}.{name}"
    for lines in ("application.costs", "agreement.agreement.costs", "spending.payments")
    for name in ("source", "currency", "amount_minor")
}
"""What sums say of lines that are not public: an amount whole only where it is alone in its sum."""
SINCE: Final = "history.since"
"""Of the first stay at a public stage it is said as `published`; of the others by nothing, which the test of that
shows."""
FOUND = {"number", "application.title", "application.problem", "application.initiator.name", "conclusions.number"}
"""What the public finds a pilot by: some of it."""


def walk() -> tuple[list[Row], set[str], set[str], dict[str, str]]:
    """A pilot and a row of every type of fact with markers everywhere; those that are open; those that are shut; and
    the paths of the pilot's own."""
    stored, markers = marked()
    listed = public_paths(views.PILOT)
    open_ = {one for one, path in markers.items() if named(path) in listed}
    shut = {one for one, path in markers.items() if named(path) not in listed | IN_SUMS | {SINCE}}
    facts = []
    for sequence, kind in enumerate(sorted(REGISTRY.classes), start=1):
        fact, said = marked_fact(full_fact(REGISTRY.classes[kind]), sequence)
        opened = {f"what.{path}" for path in public_paths(views.PUBLIC_FACTS.get(kind, ()))}
        if kind in views.PUBLIC_FACTS:
            opened |= {f"basis.{name}" for name in ("body", "kind", "number", "date")}
        open_ |= {one for one, path in said.items() if named(path) in opened}
        # Three letters of a currency may stand by chance in a cursor or a tag.
        shut |= {one for one, path in said.items() if named(path) not in opened and len(one) > 3}
        facts.append(fact)
    return [stored, *facts], open_, shut, markers


NEAR = ("sector", "region", "source", "office", "agency", "kind", "indicator")
"""Last names of fields whose values could be taken for those of a facet."""


async def test_no_field_outside_the_list_is_in_any_public_answer_or_search_hit(outside: Outside) -> None:
    (stored, *facts), open_, shut, markers = walk()
    assert len(markers) > 200 and len(open_) > 150 and len(shut) > 400 and not open_ & shut
    others = [row(f"other{n}", FULL, stage=Stage.COUNCIL) for n in range(3)]
    copy = row("copy", FULL, application=about("Копия", replicates="marked"))
    unseen = row("unseen", FULL, stage=Stage.LOOK_OVER, number="zqunseenzq", application=about("zqunseenzq"))
    await outside.put(stored, *others, copy, unseen)
    await outside.store.put(TIMELINE, facts)
    shut |= {"zqunseenzq"}

    asked = [path.replace("{pilot}", "marked").removeprefix("/public/v1") for path in sorted(PATHS)]
    asked += [
        "/pilots?limit=1",
        "/pilots/copy",
        "/none",
        "/pilots/zqcorrelationzq",
        "/search?limit=0",
        "/pilots?after=x",
    ]
    asked += [f"/money/pilots?currency={one}&stage={stage}" for one in ("BYN", "USD", "EUR") for stage in MoneyStage]
    asked += [f"/terms/pilots?kind={kind}&how={how}" for kind in (*TermKind, "zq") for how in ("kept", "broken")]
    asked += [f"/money{form}?group_by={','.join(AXES)}" for form in ("", ".csv")]
    asked += [f"/search?sort={sort}&limit=1" for sort in ("relevance", "entered", "amount", "due")]
    answers = {path: await outside.ask(f"/public/v1{path}") for path in asked}
    answers |= {f"page {n}": page for n, page in enumerate(await _pages(outside, "/public/v1/pilots/marked/timeline"))}
    for marker, path in markers.items():
        for question in ("search", "facets"):
            answers[f"{question} {marker}"] = await outside.ask(f"/public/v1/{question}", params={"q": marker})
        for facet in FACETS if path.split(".")[-1] in NEAR else ():
            answers[f"{facet} {marker}"] = await outside.ask("/public/v1/search", params={facet: marker})
    everything = "\n".join(said(answer) for answer in answers.values())
    assert not [marker for marker in shut if marker in everything]
    card, line = said(answers["/pilots/marked"]), said(answers["/pilots/marked/timeline"])
    assert not [marker for marker in open_ if marker not in card + line], "and what is public is there"
    types = [one["type"] for one in answers["/pilots/marked/timeline"].json()["items"]]
    assert types == sorted(views.PUBLIC_FACTS), "of all that happened to it"

    for marker, path in markers.items():
        hits = answers[f"search {marker}"].json()
        if marker in shut:
            assert (hits["items"], hits["count"]["value"]) == ([], 0), path
            assert answers[f"facets {marker}"].json()["count"]["value"] == 0, path
        if named(path) in FOUND:
            assert [one["id"] for one in hits["items"]] == ["marked"], path
        for facet in FACETS if path.split(".")[-1] in NEAR else ():
            answer = answers[f"{facet} {marker}"].json()
            if "items" not in answer:
                assert [one["rule"] for one in answer["problems"]] == ["query.unknown"], "outside nobody asks by it"
                continue
            hit = [one["id"] for one in answer["items"]]
            assert hit in ([], ["marked"]) and not (hit and marker in shut), (facet, path)


async def test_nothing_but_the_open_routes_is_open(outside: Outside) -> None:
    await outside.put(row("p", FULL))
    paths = outside.app.openapi()["paths"]
    assert {path for path in paths if path.startswith("/public/")} == PATHS
    inside = [path for path, ways in paths.items() if path.startswith("/v1/") and "get" in ways]
    assert {"/v1/pilots/{pilot}/similar", "/v1/pilots/{pilot}/replicas", "/v1/pilots/{pilot}/results"} <= {*inside}
    for path in inside:
        there = path.replace("{pilot}", "p").replace("{export}", "e")
        assert (await outside.ask(there)).status_code == 401, path
        assert (await outside.ask(f"/public{there}")).status_code == (200 if f"/public{path}" in PATHS else 404), path


async def _pages(outside: Outside, path: str) -> list[httpx.Response]:
    """Every page of a list, one line each."""
    found, after = list[httpx.Response](), None
    while True:
        params = {"limit": "1"} | ({"after": after} if after else {})
        found.append(await outside.ask(path, params=params))
        if (after := found[-1].json()["next"]) is None:
            return found


async def test_no_word_of_what_is_not_public_is_in_the_public_index_and_every_word_inside_is_in_the_other(
    outside: Outside,
) -> None:
    (stored, *_), open_, shut, markers = walk()
    await outside.put(stored, row("unseen", FULL, stage=Stage.LOOK_OVER, number="zqunseenzq"))
    fields = (*FACETS, "id", "code", "title", "text", "organisation", "word")
    known = {}
    for index in (outside.finding.public, outside.finding.internal):
        searcher = index.searcher()
        known[index is outside.finding.public] = {term for f in fields for term, _ in searcher.terms_with_prefix(f, "")}
    kept_in = {form for marker in shut | {"zqunseenzq"} for form in (marker.casefold(), code(marker))}
    assert not [form for form in kept_in for term in known[True] if form in term]
    assert any(code("zqunseenzq") in term for term in known[False])
    participants = {m.casefold() for m, path in markers.items() if named(path) == "application.participants.name"}
    assert participants and participants <= known[False], "what only the house sees, only the house finds"
    assert {m for m in open_ if markers.get(m) == "application.title"} <= known[True]
    assert {code(m) for m in open_ if markers.get(m) == "number"} <= known[True]


async def test_what_is_not_public_is_not_there_at_all(outside: Outside) -> None:
    early = [Stage.LOOK_OVER, Stage.RETURNED, Stage.EXPERTISE, Stage.NEGATIVE]
    hidden = [row(f"h-{stage}", stage=stage, conclusions=(), number=f"ПП-{stage}") for stage in early]
    hidden.append(row("h-withdrawn", stage=Stage.WITHDRAWN, conclusions=(), number="ПП-withdrawn"))
    await outside.put(*hidden, row("seen", stage=Stage.NOT_EXPEDIENT), row("late", stage=Stage.WITHDRAWN))
    listed = (await outside.ask("/public/v1/pilots")).json()["items"]
    assert {one["id"] for one in listed} == {"seen", "late"}
    assert {one["id"] for one in (await outside.ask("/public/v1/search")).json()["items"]} == {"seen", "late"}
    assert (await outside.ask("/public/v1/facets")).json()["count"]["value"] == 2
    for one in hidden:
        number = quote(one["state"]["number"])
        assert (await outside.ask(f"/public/v1/pilots?stage={one['state']['stage']}")).json()["items"] in (
            [],
            [listed[1]],
        )
        assert (await outside.ask(f"/public/v1/search?q={number}")).json()["items"] == []
        for path in ("", "/timeline"):
            gone = await outside.ask(f"/public/v1/pilots/{one['_id']}{path}")
            unknown = await outside.ask(f"/public/v1/pilots/no-such{path}")
            assert (gone.status_code, gone.json()) == (404, unknown.json())


async def test_what_ceases_to_be_public_is_out_of_answers_before_the_index_knows(outside: Outside) -> None:
    await outside.put(row("p", stage=Stage.COUNCIL))
    await outside.store.put("subjects", [row("p", stage=Stage.EXPERTISE)])
    assert (await outside.ask("/public/v1/search")).json()["items"] == []
    outside.finding.put([row("p", stage=Stage.EXPERTISE)])
    outside.finding.commit(whole=True)
    assert (await outside.ask("/public/v1/facets")).json()["count"]["value"] == 0


async def test_the_public_list_filters_and_pages(outside: Outside) -> None:
    kinds = [("health", Stage.COUNCIL, "a"), ("energy", Stage.RUNNING, "a"), ("health", Stage.RUNNING, "b")]
    rows = [
        row(f"p{n}-{y}", stage=stage, agency=agency, application=about("А", sector=sector)) | {}
        for y in (2025, 2026)
        for n, (sector, stage, agency) in enumerate(kinds)
    ]
    for one in rows:
        year = one["_id"][-4:]
        # Half an hour before the new year in London is the new year in Minsk.
        one["state"]["entered"] = f"{int(year) - 1}-12-31T23:30:00.000Z"
    await outside.put(*rows)
    for query, wanted in (
        ({"sector": "health"}, 4),
        ({"stage": "running"}, 4),
        ({"agency": "a"}, 4),
        ({"year": "2026"}, 3),
        ({"year": "2024"}, 0),
        ({"sector": "health", "stage": "running", "agency": "b", "year": "2025"}, 1),
        ({"stage": "no-such"}, 0),
    ):
        first = (await outside.ask("/public/v1/pilots", params={**query, "limit": "2"})).json()
        ids, after = [one["id"] for one in first["items"]], first["next"]
        while after:
            more = (await outside.ask("/public/v1/pilots", params={**query, "limit": "2", "after": after})).json()
            ids, after = ids + [one["id"] for one in more["items"]], more["next"]
        assert len(ids) == len(set(ids)) == wanted, query


# ---- the door


async def test_only_reading_is_possible_and_heads_are_answered(outside: Outside) -> None:
    await outside.put(row("p"))
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        refused = await outside.ask("/public/v1/pilots", method)
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    for path in ("pilots", "pilots/p", "pilots/p/timeline", "search", "facets"):
        assert (await outside.ask(f"/public/v1/{path}", "HEAD")).status_code == 200


async def test_any_page_may_read_it_and_caches_may_keep_it(outside: Outside) -> None:
    await outside.put(row("p"))
    answer = await outside.ask("/public/v1/pilots/p", headers={"Origin": "https://elsewhere.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "public, max-age=10"
    again = await outside.ask("/public/v1/pilots/p", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    gone = await outside.ask("/public/v1/pilots/no")
    assert (gone.status_code, gone.headers["cache-control"]) == (404, "no-store")
    assert gone.headers["access-control-allow-origin"] == "*"
    flight = await outside.ask("/public/v1/pilots", "OPTIONS", headers={"Access-Control-Request-Method": "GET"})
    assert (flight.status_code, flight.headers["access-control-allow-methods"]) == (204, "GET, HEAD")
    inside = await outside.ask("/v1/pilots")
    assert inside.status_code == 401 and "access-control-allow-origin" not in inside.headers


async def test_a_token_changes_nothing(outside: Outside) -> None:
    await outside.put(row("p"))
    bare = await outside.ask("/public/v1/pilots/p")
    with_one = await outside.ask("/public/v1/pilots/p", headers={"Authorization": "Bearer nonsense"})
    assert with_one.content == bare.content


async def test_an_address_that_asks_too_often_waits_and_others_do_not(store: Store) -> None:
    outside = Outside(store, Settings(public_limit="3/hour"))
    codes = [(await outside.ask("/public/v1/pilots")).status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]
    refused = await outside.ask("/public/v1/none")
    assert (refused.status_code, refused.json()["title"], refused.json()["action"]) == (429, "rate.exceeded", "retry")
    assert 1 <= int(refused.headers["retry-after"]) <= 3600
    assert (await outside.ask("/public/v1/pilots", client=("203.0.113.8", 1))).status_code == 200
    forged = await outside.ask("/public/v1/pilots", headers={"X-Forwarded-For": "198.51.100.1"})
    assert forged.status_code == 429, "no proxy is trusted"
    assert (await outside.ask("/v1/pilots")).status_code == 401, "inside there is another door"


def scope(peer: str, *forwarded: str) -> Mapping[str, Any]:
    return {"type": "http", "client": (peer, 1), "headers": [(b"x-forwarded-for", one.encode()) for one in forwarded]}


@pytest.mark.parametrize(
    ("hops", "forwarded", "address"),
    [
        (0, ["1.1.1.1"], "10.0.0.1"),
        (1, [], "10.0.0.1"),
        (1, ["6.6.6.6, 1.1.1.1"], "1.1.1.1"),
        (1, ["6.6.6.6", "1.1.1.1"], "1.1.1.1"),
        (2, ["6.6.6.6, 1.1.1.1, 10.0.0.2"], "1.1.1.1"),
        (3, ["1.1.1.1"], "10.0.0.1"),
        (1, ["6.6.6.6, nonsense"], "10.0.0.1"),
        (1, ["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
        (1, ["::ffff:1.2.3.4"], "1.2.3.4"),
        (1, [" , ,"], "10.0.0.1"),
        (1, ["1.1.1.1:5123"], "1.1.1.1"),
        (1, ["[2001:db8:1:2:3:4:5:6]:443"], "2001:db8:1:2::/64"),
        (1, ["[2001:db8:1:2::6]"], "2001:db8:1:2::/64"),
        (1, ["1.1.1.1:nonsense"], "10.0.0.1"),
    ],
)
def test_only_so_many_proxies_are_believed(hops: int, forwarded: list[str], address: str) -> None:
    assert client_of(dict(scope("10.0.0.1", *forwarded)), hops) == address


async def test_while_the_index_is_made_lists_and_cards_answer_and_searches_say_how_far_it_is(outside: Outside) -> None:
    await outside.put(row("p"))
    outside.finding.progress.whole = False
    outside.finding.progress.done, outside.finding.progress.total = 3, 12
    for path in ("search", "facets"):
        answer = await outside.ask(f"/public/v1/{path}")
        body = answer.json()
        assert (answer.status_code, body["title"], body["done"], body["total"]) == (503, "index.building", 3, 12)
        assert answer.headers["retry-after"] == "5"
    assert (await outside.ask("/public/v1/pilots")).status_code == 200
    assert (await outside.ask("/public/v1/pilots/p")).status_code == 200
