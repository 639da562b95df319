"""Figures, files and the past of the public register: each figure is the sum of the rows behind it, the same in JSON
and CSV, and nothing of what is not public is counted."""

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

import httpx
import pytest

from contracts.event import wire_moment
from contracts.reference import TermKind
from contracts.registry import ConflictNotedV1, PilotSuspendedV1
from deploy.samples.common import NOW
from deploy.samples.registry import cost
from services.chassis import telemetry
from services.chassis.settings import Settings
from services.chassis.store import Row, Store, StoreAway
from services.registry import views
from services.registry.api import public_files
from services.registry.api.public import some_of
from services.registry.domain.commands import RecordAmendment, RecordAnnulment
from services.registry.domain.stages import Stage
from services.registry.domain.state import PastTerms, Stay
from services.registry.finding import questions
from services.registry.handlers import TIMELINE
from services.registry.service import SERVICE
from tests.integration.test_public import Outside
from tests.kit.expertise.world import application
from tests.kit.registry.http import BEGIN, Register
from tests.kit.registry.rows import FULL, about, row, timeline_row


@pytest.fixture
async def outside(store: Store) -> Outside:
    await store.prepare(SERVICE.indexes)
    return Outside(store)


def with_money(id_: str, amount: int, currency: str = "BYN", year: int | None = 2026, **more: Any) -> Row:
    costs = (cost(amount, "own-money", year, currency),)
    return row(id_, application=about(more.pop("title", "Проект"), costs=costs, **more.pop("said", {})), **more)


async def everything(outside: Outside, path: str, **params: str) -> list[dict[str, Any]]:
    """Every page of a list."""
    found, after = list[dict[str, Any]](), None
    while True:
        answer = await outside.ask(
            f"/public/v1{path}", params={**params, "limit": "2", **({"after": after} if after else {})}
        )
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        assert answer.json()["next"] != after or after is None, "a list that leads to itself"
        if (after := answer.json()["next"]) is None:
            return found


async def test_a_sum_of_money_is_that_of_the_public_pilots_behind_it_and_the_same_in_the_table(
    outside: Outside,
) -> None:
    shown = [with_money(f"p{n}", 100 + n, said={"sector": ("health", "energy")[n % 2]}) for n in range(7)]
    await outside.put(
        *shown,
        with_money("dollars", 5_000, "USD"),
        with_money("undated", 900, year=None),
        with_money("early", 1_000_000, stage=Stage.EXPERTISE),
        with_money("left", 2_000_000, stage=Stage.WITHDRAWN, conclusions=()),
    )
    told = (await outside.ask("/public/v1/money", params={"group_by": "sector,year"})).json()
    table = (await outside.ask("/public/v1/money.csv", params={"group_by": "sector,year", "language": "be"})).content
    rows = list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))
    assert [(one["sector"], one["currency"], int(one["amount_minor"])) for one in rows] == [
        (one["sector"], one["currency"], one["amount_minor"]) for one in told["items"]
    ]
    assert {one["stage_title"] for one in rows} == {"Запланавана"} and "left_out" not in told
    assert {(one["currency"], one["amount_minor"], one["pilots"]) for one in told["totals"]} == {
        ("BYN", sum(range(100, 107)) + 900, 8),
        ("USD", 5_000, 1),
    }
    for one in told["items"]:
        cell = {"currency": one["currency"], "stage": one["stage"], "sector": one["sector"]}
        behind = await everything(outside, "/money/pilots", **cell, year=str(one["year"] or "unspecified"))
        assert (sum(pilot["part"] for pilot in behind), len(behind)) == (one["amount_minor"], one["pilots"])
        assert [pilot["part"] for pilot in behind] == sorted((pilot["part"] for pilot in behind), reverse=True)
    for two in ({}, {"currency": "BYN"}, {"currency": ["BYN", "USD"], "stage": "planned"}):
        refused = await outside.ask("/public/v1/money/pilots", params=two)
        assert (refused.status_code, refused.json()["title"]) == (422, "figures.no-sum")


async def test_terms_are_told_by_public_pilots_and_of_no_kind_that_is_not_public(outside: Outside) -> None:
    every = tuple(PastTerms(kind=kind, kept=2, broken=1) for kind in TermKind)
    await outside.put(
        row("both", past_terms=every),
        row("kept", past_terms=(PastTerms(kind=TermKind.EXPERTISE, kept=1, broken=0),)),
        row("hidden", past_terms=every, stage=Stage.EXPERTISE),
    )
    kinds = {one["kind"]: one for one in (await outside.ask("/public/v1/terms")).json()["kinds"]}
    assert [*kinds] == list(views.PUBLIC_TERMS)
    assert not {TermKind.APPEAL, TermKind.CLARIFICATION, TermKind.FIXING_REMARKS, TermKind.PROGRESS_REPORT} & {*kinds}
    told = kinds["expertise"]
    assert [told[name] for name in ("kept", "broken", "kept_pilots", "broken_pilots")] == [3, 1, 2, 1]
    for kind, one in kinds.items():
        for how in ("kept", "broken"):
            behind = await everything(outside, "/terms/pilots", kind=kind, how=how)
            assert (sum(each["part"] for each in behind), len(behind)) == (one[how], one[f"{how}_pilots"])
            assert "hidden" not in {each["id"] for each in behind}
    assert (await outside.ask("/public/v1/terms/pilots?kind=appeal&how=kept")).status_code == 422


async def test_what_ceases_to_be_public_is_behind_no_figure_before_these_know(outside: Outside) -> None:
    await outside.put(with_money("p", 5))
    await outside.store.put("subjects", [with_money("p", 5, stage=Stage.EXPERTISE)])
    answer = await outside.ask("/public/v1/money/pilots?currency=BYN&stage=planned")
    assert answer.json()["items"] == []


async def test_files_have_exactly_what_is_found_in_its_order_and_harmless_to_spreadsheets(outside: Outside) -> None:
    titles = ["=1+1 мост", 'мост; "через", реку', "мост\nв две строки", *(f"мост {n}" for n in range(450))]
    await outside.put(
        *(row(f"p{n}", application=about(title), number=f"ПП-{n}") for n, title in enumerate(titles)),
        row("other", application=about("дорога")),
        row("early", application=about("мост ранний"), stage=Stage.LOOK_OVER),
    )
    for asked in (
        {"q": "мост", "sort": "relevance"},
        {"q": "мост", "sort": "entered"},
        {"sector": "health", "sort": "amount"},
    ):
        ids = [one["id"] for one in await _found(outside, asked)]
        table = (await outside.ask("/public/v1/search.csv", params=asked)).content.decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(table)))
        lines = (await outside.ask("/public/v1/search.jsonl", params=asked)).text.splitlines()
        assert [one["id"] for one in rows] == ids == [json.loads(one)["id"] for one in lines]
        assert len(ids) == len(titles) + ("sector" in asked)
        assert not [one["title"] for one in rows if one["title"].startswith("=")]
        assert {one["stage_title"] for one in rows} == {"Реализация"}
    head = await outside.ask("/public/v1/search.csv", "HEAD")
    assert (head.status_code, head.content) == (200, b"") and "pilots.csv" in head.headers["content-disposition"]
    refused = await outside.ask("/public/v1/search.csv?sort=due")
    assert (refused.status_code, refused.json()["title"]) == (422, "sort.unknown")


async def _found(outside: Outside, asked: dict[str, str]) -> list[dict[str, Any]]:
    found, after = list[dict[str, Any]](), None
    while True:
        params = {**asked, "limit": "200", **({"after": after} if after else {})}
        answer = (await outside.ask("/public/v1/search", params=params)).json()
        found += answer["items"]
        if (after := answer["next"]) is None:
            return found


async def test_a_file_is_whole_however_many_pages_it_is_read_in_also_beyond_what_relevance_can_order(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outside.put(*(with_money(f"p{n}", 100 + n, year=2001 + n) for n in range(9)))
    monkeypatch.setattr(public_files, "MOST", 2)
    monkeypatch.setattr(public_files, "TOGETHER", 2)
    monkeypatch.setattr(questions, "DEEPEST", 4)
    everything = [f"p{n}" for n in range(9)]
    for order in ("entered", "amount", "relevance"):
        asked = {"q": "проект", "sort": order} if order == "relevance" else {"sort": order}
        lines = (await outside.ask("/public/v1/search.jsonl", params=asked)).text.splitlines()
        table = (await outside.ask("/public/v1/search.csv", params=asked)).content.decode("utf-8-sig")
        ids = [json.loads(one)["id"] for one in lines]
        assert sorted(ids) == everything, order
        assert [one["id"] for one in csv.DictReader(io.StringIO(table))] == ids
    shown = await outside.ask("/public/v1/search", params={"q": "проект", "limit": "2"})
    assert shown.json()["count"]["value"] == 9, "words find more than relevance orders here"
    sums = (await outside.ask("/public/v1/money.csv?group_by=year")).content.decode("utf-8-sig")
    assert [one["year"] for one in csv.DictReader(io.StringIO(sums))] == [str(2001 + n) for n in range(9)]


async def test_a_file_that_cannot_be_read_to_its_end_does_not_end_as_if_it_were_whole(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    await outside.put(*(row(f"p{n}") for n in range(5)))
    monkeypatch.setattr(public_files, "MOST", 2)
    known, read = some_of, list[int]()

    async def broken(*asked: Any) -> Any:
        read.append(1)
        if len(read) > 1:
            raise StoreAway("gone")
        return await known(*asked)

    monkeypatch.setattr(public_files, "some_of", broken)
    with pytest.raises(RuntimeError, match="response already started"):  # and the connection is closed half-way
        await outside.ask("/public/v1/search.jsonl?sort=entered")


async def test_agencies_are_named_as_on_the_card_by_what_is_public_alone_and_asked_for_by_code(
    outside: Outside,
) -> None:
    days = [FULL.entered + timedelta(days=n) for n in range(3)]
    await outside.put(
        with_money("old", 1, agency="minzdrav", agency_name="Прежнее имя"),
        with_money("new", 2, agency="minzdrav", agency_name="Новое; имя", entered=days[1]),
        with_money("secret", 4, agency="minzdrav", agency_name="Неведомое", stage=Stage.EXPERTISE, entered=days[2]),
        with_money("bare", 8, agency="mintrans", agency_name=None),
        with_money("hidden", 16, agency="secret-agency", agency_name="Неведомое", stage=Stage.LOOK_OVER),
    )
    named = {"old": "Прежнее имя", "new": "Новое; имя", "bare": None}
    for path in ("/pilots", "/search", "/money/pilots?currency=BYN&stage=planned"):
        items = (await outside.ask(f"/public/v1{path}")).json()["items"]
        assert {one["id"]: one["agency_name"] for one in items} == named, path
    for pilot, name in named.items():
        assert (await outside.ask(f"/public/v1/pilots/{pilot}")).json()["agency_name"] == name
    table = csv.DictReader(io.StringIO((await outside.ask("/public/v1/search.csv")).content.decode("utf-8-sig")))
    assert {one["id"]: one["agency_name"] or None for one in table} == named
    facet = (await outside.ask("/public/v1/facets")).json()["facets"]["agency"]["values"]
    assert facet == [
        {"value": "minzdrav", "count": 2, "name": "Новое; имя"},
        {"value": "mintrans", "count": 1, "name": None},
    ]
    found = (await outside.ask("/public/v1/search?agency=minzdrav")).json()["items"]
    assert {one["id"] for one in found} == {"old", "new"}
    sums = (await outside.ask("/public/v1/money?group_by=agency")).json()["items"]
    assert [(one["agency"], one["agency_name"], one["amount_minor"]) for one in sums] == [
        ("mintrans", None, 8),
        ("minzdrav", "Новое; имя", 3),
    ]
    of_sums = (await outside.ask("/public/v1/money.csv?group_by=agency")).content.decode("utf-8-sig")
    assert [one["agency_name"] for one in csv.DictReader(io.StringIO(of_sums))] == ["", "Новое; имя"]


async def test_what_the_public_came_to_see_last_comes_first_however_long_ago_it_was_entered(outside: Outside) -> None:
    def stay(stage: Stage, days: int) -> Stay:
        return Stay(stage=stage, sector="health", since=FULL.entered + timedelta(days=days))

    early = (stay(Stage.EXPERTISE, 0), stay(Stage.COUNCIL, 10), stay(Stage.EXPEDIENT, 12))
    late = (stay(Stage.EXPERTISE, 1), stay(Stage.COUNCIL, 2), stay(Stage.EXPEDIENT, 3))
    await outside.put(
        row("early", history=early),
        row("late", history=late, entered=FULL.entered + timedelta(days=1)),
        row("withdrawn", history=(stay(Stage.WITHDRAWN, 5),), stage=Stage.WITHDRAWN),
    )
    found = await _found(outside, {"sort": "published"})
    assert [one["id"] for one in found] == ["early", "withdrawn", "late"]
    days = [wire_moment(FULL.entered + timedelta(days=days)) for days in (10, 5, 2)]
    assert [one["published"] for one in found] == days
    listed = {one["id"]: one["published"] for one in (await outside.ask("/public/v1/pilots")).json()["items"]}
    assert listed == {one["id"]: one["published"] for one in found}


async def test_amounts_stand_in_minor_units_and_as_decimal_numbers_everywhere(outside: Outside) -> None:
    await outside.put(with_money("p", 1_234_567), with_money("q", 5, "USD"))
    table = (await outside.ask("/public/v1/search.csv")).content.decode("utf-8-sig")
    rows = {one["id"]: one for one in csv.DictReader(io.StringIO(table))}
    assert [rows["p"][f"planned_{part}"] for part in ("amount", "currency", "minor")] == ["12345.67", "BYN", "1234567"]
    assert (rows["q"]["planned_amount"], rows["q"]["paid_amount"], rows["q"]["paid_minor"]) == ("0.05", "", "")
    line = json.loads((await outside.ask("/public/v1/search.jsonl?sort=amount")).text.splitlines()[0])
    assert line["totals"]["planned"] == [{"currency": "BYN", "amount_minor": 1_234_567, "amount": "12345.67"}]
    card = (await outside.ask("/public/v1/pilots/p")).json()
    assert [one["amount"] for one in (*card["money"], *card["totals"]["planned"])] == ["12345.67"] * 2
    told = (await outside.ask("/public/v1/money")).json()
    assert {one["amount"] for one in told["items"]} == {one["amount"] for one in told["totals"]} == {"12345.67", "0.05"}
    sums = (await outside.ask("/public/v1/money.csv")).content.decode("utf-8-sig")
    assert {one["amount"] for one in csv.DictReader(io.StringIO(sums))} == {"12345.67", "0.05"}
    behind = (await outside.ask("/public/v1/money/pilots?currency=BYN&stage=planned")).json()
    assert [behind["amount"], *(one["amount"] for one in behind["items"])] == ["12345.67"] * 2


async def test_copies_are_told_where_they_are_public_and_what_is_copied_too(outside: Outside) -> None:
    await outside.put(
        row("first", number="ПП-1"),
        row("by-id", application=about("По id", replicates="first")),
        *(row(f"by-id-{n}", application=about("По id", replicates="first")) for n in range(4)),
        row("by-number", application=about("По номеру", replicates="ПП-1")),
        row("early", application=about("Ранний", replicates="first"), stage=Stage.EXPERTISE, number="ПП-3"),
        row("of-early", application=about("Копия раннего", replicates="early")),
        row("of-early-by-number", application=about("Копия раннего", replicates="ПП-3")),
        row("of-case", application=about("Копия случая", replicates="case-7")),
    )
    copies = await everything(outside, "/pilots/first/replicas")
    assert [one["id"] for one in copies] == ["by-id", *(f"by-id-{n}" for n in range(4)), "by-number"]
    parents = {
        name: (await outside.ask(f"/public/v1/pilots/{name}/replicas")).json()["parent"]
        for name in ("by-id", "by-number", "of-early", "first")
    }
    assert {name: one and one["id"] for name, one in parents.items()} == {
        "by-id": "first",
        "by-number": "first",
        "of-early": None,
        "first": None,
    }
    cards = {
        name: await outside.ask(f"/public/v1/pilots/{name}")
        for name in ("by-id", "by-number", "of-early", "of-early-by-number", "of-case", "first")
    }
    assert {name: card.json()["application"]["replicates"] for name, card in cards.items()} == {
        "by-id": "first",
        "by-number": "ПП-1",
        "of-early": None,
        "of-early-by-number": None,
        "of-case": "case-7",
        "first": "case-1",
    }, "the name of a pilot that is not public is told by no card, that of a case is"
    assert "ПП-3" not in cards["of-early-by-number"].text


async def test_the_timeline_of_a_day_has_what_was_recorded_by_then_and_its_cursor_counts_what_was_shown(
    outside: Outside,
) -> None:
    await outside.put(row("p"))
    facts = [
        {
            **timeline_row("p", n, PilotSuspendedV1.TYPE if n % 3 == 0 else ConflictNotedV1.TYPE),
            "time": wire_moment(NOW + timedelta(days=n)),
        }
        for n in range(1, 16)
    ]
    await outside.store.put(TIMELINE, facts)
    told = await everything(outside, "/pilots/p/timeline")
    assert len(told) == 5
    day = (NOW + timedelta(days=7)).date().isoformat()
    assert date.fromisoformat(day) < date.today()
    assert len(await everything(outside, "/pilots/p/timeline", as_of=day)) == 2
    assert (await outside.ask("/public/v1/pilots/p/timeline?after=WzFd&limit=1")).json()["next"] == "WzJd", "two shown"
    assert (await outside.ask("/public/v1/pilots/p/timeline?as_of=2199-01-01")).status_code == 422


READ: dict[str, Callable[[str], object]] = {
    "string": str,
    "integer": int,
    "number": Decimal,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "year": lambda text: date(int(text), 1, 1),
}


async def test_open_files_hold_to_their_table_schemas(outside: Outside) -> None:
    await outside.put(
        *(row(f"{stage}", FULL, stage=stage, number=f"ПП-{stage}") for stage in Stage),
        with_money("undated", 900, year=None),
        with_money("dollars", 5_000, "USD", title="=1+1"),
        row("several", application=about("Проект", costs=(cost(5, "own-money"), cost(5, "own-money", 2026, "USD")))),
        row("bare", agency_name=None, region=None, application=about("Проект")),
    )
    axes = "sector,year,region,agency,source"
    for name, asked in (("search", {}), ("money", {"group_by": axes}), ("money", {"group_by": "stage"})):
        schema = (await outside.ask(f"/public/v1/{name}.schema.json", params={**asked, "language": "be"})).json()
        table = (await outside.ask(f"/public/v1/{name}.csv", params={**asked, "language": "be"})).content
        rows = list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))
        assert len(rows) > 3 and [*rows[0]] == [one["name"] for one in schema["fields"]]
        for one in schema["fields"]:
            _hold([line[one["name"]] for line in rows], one)


def _hold(cells: list[str], column: dict[str, Any]) -> None:
    """Every cell of a column is what its schema says."""
    kept = column.get("constraints", {})
    there = [one for one in cells if one != ""]
    for one in there:
        value = READ[column["type"]](one)
        assert one in kept.get("enum", [one]) and re.fullmatch(kept.get("pattern", ".*"), one, re.DOTALL), column
        assert "minimum" not in kept or int(one) >= kept["minimum"], (column, value)
    assert not kept.get("required") or len(there) == len(cells), column
    assert not kept.get("unique") or len({*cells}) == len(cells), column


async def test_a_desk_is_not_counted_and_everybody_else_is(store: Store) -> None:
    settings = Settings(
        public_limit="2/hour", public_uncounted=(ip_network("10.1.0.0/16"), ip_network("2001:db8::/32"))
    )
    outside = Outside(store, settings)
    for desk in ("10.1.2.3", "2001:db8::7"):
        assert [(await outside.ask("/public/v1/pilots", client=(desk, 1))).status_code for _ in range(4)] == [200] * 4
    others = [(await outside.ask("/public/v1/pilots", client=("10.2.0.1", 1))).status_code for _ in range(3)]
    assert others == [200, 200, 429]


async def test_the_description_names_what_is_open_alone_with_all_its_forms(outside: Outside) -> None:
    said = (await outside.ask("/public/v1/openapi.json")).json()
    assert said["paths"] and all(path.startswith("/public/") for path in said["paths"])
    text = json.dumps(said)
    assert "PublicPilotCard" in said["components"]["schemas"] and "PilotLine" not in said["components"]["schemas"]
    assert text.count("#/components/schemas/") and not [
        name
        for name in {one.split('"')[0] for one in text.split("#/components/schemas/")[1:]}
        if name not in said["components"]["schemas"]
    ]


async def test_the_card_of_a_day_is_what_the_public_saw_then_and_nothing_of_before_it_was_public(store: Store) -> None:
    await store.prepare(SERVICE.indexes)
    register = Register(store)
    await register.running("p")
    await register.settle()

    async def card(as_of: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=register.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.get("/public/v1/pilots/p", params={"as_of": as_of} if as_of else {})

    now, begun = (await card("")).json(), BEGIN.date()
    then = {n: await card((begun + timedelta(days=n)).isoformat()) for n in range(3)}
    assert [one.status_code for one in then.values()] == [404, 200, 200], "in look-over nobody outside knows of it"
    assert (then[1].json()["stage"], then[1].json()["agreement"], then[1].json()["decisions"]) == ("council", None, [])
    last = then[2].json()
    assert last.pop("as_of") and last == now and now["stage"] == "running"


async def test_the_copies_of_a_day_are_those_that_named_the_pilot_and_were_public_then_and_are_now(
    store: Store,
) -> None:
    await store.prepare(SERVICE.indexes)
    register = Register(store)

    async def replicas(pilot: str, **params: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=register.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.get(f"/public/v1/pilots/{pilot}/replicas", params=params)

    async def told(day: date, pilot: str = "parent") -> dict[str, str]:
        """Its copies of a day, however many pages they take, each with its stage."""
        found, after = dict[str, str](), dict[str, str]()
        while True:
            answer = await replicas(pilot, as_of=day.isoformat(), limit="1", **after)
            assert answer.status_code == 200, answer.text
            found |= {one["id"]: one["stage"] for one in answer.json()["items"]}
            if (cursor := answer.json()["next"]) is None:
                return found
            after = {"after": cursor}

    async def amended(pilot: str, **changes: str) -> None:
        await register.say(pilot, RecordAmendment(f"q-{pilot}", application(**changes)))

    await register.at_council("parent")
    await register.at_council("moved", replicates="N-parent")
    await register.at_council("joined")
    await register.enter("shut", replicates="N-parent")
    await register.running("steady", replicates="parent")
    await register.settle()
    before = register.today
    register.clock.forward(days=1)
    await amended("moved")
    await amended("joined", replicates="N-parent")
    await register.settle()
    begun = BEGIN.date()
    assert (await replicas("parent", as_of=begun.isoformat())).status_code == 404, "the pilot itself was not public"
    days = {n: await told(begun + timedelta(days=n)) for n in (1, 2, 3, 5, 7)}
    assert days == {
        1: {},
        2: {},
        3: {"moved": "council"},
        5: {"moved": "council"},
        7: {"moved": "council", "steady": "council"},
    }, "each since it was public, at its stage of the day"
    assert await told(before) == {"moved": "council", "steady": "running"}
    assert await told(register.today) == {"joined": "council", "steady": "running"}
    today = (await replicas("parent", as_of=register.today.isoformat())).json()
    assert today == (await replicas("parent")).json(), "as of today is as it is"
    parents = {
        name: (await replicas(name, **asked)).json()["parent"]
        for name, asked in (("moved", {}), ("joined", {}), ("steady", {"as_of": before.isoformat()}))
    }
    assert {name: one and one["id"] for name, one in parents.items()} == {
        "moved": None,
        "joined": "parent",
        "steady": "parent",
    }
    then = (await replicas("moved", as_of=before.isoformat())).json()["parent"]
    assert (then["id"], then["stage"]) == ("parent", "council"), "what it named then"
    assert (await replicas("joined", as_of=before.isoformat())).json()["parent"] is None
    for cursor in ("WzFd", "W10", "no"):
        assert (await replicas("parent", as_of=before.isoformat(), after=cursor)).status_code == 400
    await register.say("parent", RecordAnnulment(1, "З-parent"), source="expertise")
    assert (await replicas("parent", as_of=before.isoformat())).status_code == 404, "it is public no more"
    assert (await replicas("steady", as_of=before.isoformat())).json()["parent"] is None


async def test_a_torn_timeline_takes_no_list_away_from_other_pilots_and_ops_are_told(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    await store.prepare(SERVICE.indexes)
    register = Register(store)
    await register.at_council("parent")
    for name in ("lost", "spoilt", "sound"):
        await register.at_council(name, replicates="parent")
    await register.settle()
    outside = Outside(store)
    day = register.today.isoformat()
    path = f"/public/v1/pilots/parent/replicas?as_of={day}"
    whole = (await outside.ask(path)).json()
    assert ([one["id"] for one in whole["items"]], whole["complete"]) == (["lost", "sound", "spoilt"], True)
    await store.remove(TIMELINE, ["lost/" + "2".zfill(20)])
    [spoilt] = await store.rows(TIMELINE, {"pilot": "spoilt", "sequence": 1}, sort=[("_id", 1)], limit=1)
    await store.put(TIMELINE, [{**spoilt, "what": {}}])
    before = telemetry.TIMELINES_TORN._value.get()
    told = await outside.ask(path)
    assert told.status_code == 200, told.text
    assert told.json() == {**whole, "items": [whole["items"][1]], "complete": False}
    assert telemetry.TIMELINES_TORN._value.get() == before + 2
    logged = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert "the timeline of lost is torn, facts 2 to 2 (lacking)" in logged[0] and "spoilt" in logged[1]
    assert "rebuild registry" in logged[0]
    assert (await outside.ask("/public/v1/pilots/parent/replicas")).json()["complete"], "what is now needs no memory"
    for name in ("lost", "spoilt"):
        for own in ("", "/replicas"):
            answer = await outside.ask(f"/public/v1/pilots/{name}{own}?as_of={day}", headers={"Accept-Language": "en"})
            said = answer.json()
            assert (answer.status_code, said["title"], said["action"]) == (500, "timeline.torn", "fix")
            assert "ask again does not help" in said["detail"]
    await store.remove(TIMELINE, ["parent/" + "1".zfill(20)])
    child = (await outside.ask(f"/public/v1/pilots/sound/replicas?as_of={day}")).json()
    assert (child["parent"], child["complete"]) == (None, False)
