"""Finding on real back ends: seen within two seconds, made anew where it is missing or damaged, lists on indexes."""

import asyncio
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from deploy.local.backends import Backends
from deploy.samples.common import NOW
from services.chassis import counting
from services.chassis.settings import Settings
from services.chassis.store import Row, Store
from services.chassis.web import page
from services.registry import queries, views
from services.registry.domain.stages import Stage
from services.registry.finding import finding as finding_module
from services.registry.finding.finding import Finding, in_memory
from services.registry.handlers import TIMELINE
from services.registry.projections import follower, projected
from services.registry.service import SERVICE
from tests.conftest import Eventually
from tests.kit.registry.app import app_of
from tests.kit.registry.following import World, ask, settings_for
from tests.kit.registry.rows import APPLICATION, FULL, about, row, timeline_row

pytestmark = pytest.mark.timeout(180)


# ---- the follower, on Kafka itself


@pytest.fixture
def world(store: Store, backends: Backends, tmp_path: Path) -> World:
    return World(store, settings_for(backends, tmp_path / "index"))


@pytest.mark.apache_kafka
async def test_a_change_is_found_within_two_seconds_inside_and_outside(world: World, eventually: Eventually) -> None:
    """Once is enough: where others' pilots take long to be taken in, on a busy machine, changes gather for seconds."""
    word, took = f"слово{uuid4().hex[:8]}", list[float]()
    async with world.following():
        await eventually(world.answers, within=60)
        assert await world.titles(word) == []  # the first answer makes the document that all are held to: not timed
        for n in range(5):
            title = f"{word} номер {n}"
            await world.change(row(f"p-{word}", stage=Stage.COUNCIL, application=about(title)))
            began = time.monotonic()
            await eventually(partial(_is, world, word, [title]), within=30)
            took.append(time.monotonic() - began)
        public = (await ask(world.app, "/public/v1/search", params={"q": word})).json()
        assert ([one["id"] for one in public["items"]], public["complete"]) == ([f"p-{word}"], True)
    assert min(took) <= 2.0


@pytest.mark.apache_kafka
async def test_what_came_to_a_pilot_late_in_its_life_is_found_by_it(world: World, eventually: Eventually) -> None:
    office = f"office-{uuid4().hex[:8]}"
    application = APPLICATION.model_copy(update={"office": office})
    before = row(f"p-{office}", stage=Stage.COUNCIL, application=application)
    after = row(f"p-{office}", FULL, application=application)
    late = {"region": "minsk", "source": "own-money", "sector": "education", "stage": "running", "year": "2026"}

    async def told(filters: dict[str, str]) -> list[tuple[int, int]]:
        paths = ("/v1/facets", "/public/v1/facets", "/v1/search", "/public/v1/search")
        answers = [(await ask(world.app, path, params={"office": office, **filters})).json() for path in paths]
        return [(one["count"]["value"], len(one.get("items", ()))) for one in answers]

    async def seen(filters: dict[str, str]) -> bool:
        return await told(filters) == [(1, 0), (1, 0), (1, 1), (1, 1)]

    async with world.following():
        await eventually(world.answers, within=60)
        await world.change(before)
        await eventually(lambda: seen({}), within=30, every=0.2)
        for name, value in late.items():
            there = name == "year"
            assert await seen({name: value}) == there, name
        await world.change(after)
        await eventually(lambda: seen(late), within=30, every=0.2)


@pytest.mark.apache_kafka
async def test_of_many_pilots_that_changed_at_once_only_some_are_loaded_at_once_and_all_are_taken_in(
    world: World, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = list[int]()
    real = follower.documents

    async def counted(store: Store, subjects: Sequence[str]) -> list[Row]:
        found = await real(store, subjects)
        loaded.append(len(found))
        return found

    monkeypatch.setattr(follower, "documents", counted)
    monkeypatch.setattr(follower, "LOADED", 3)
    word = f"слово{uuid4().hex[:8]}"
    async with world.following():
        await eventually(lambda: _count(world, word, 0), within=60)
        await world.change(*(row(f"{word}-{n}", FULL, application=about(word)) for n in range(20)))
        await eventually(lambda: _count(world, word, 20), within=60)
    assert max(loaded) == 3 and sum(loaded) >= 20


async def test_the_figures_beside_the_indexes_neither_disturb_them_nor_are_disturbed(
    world: World, eventually: Eventually
) -> None:
    word, folder = f"слово{uuid4().hex[:8]}", Path(world.settings.index_dir)
    await world.change(row(word, FULL, application=about(word)))

    async def both() -> bool:
        figures = world.app.state.figures
        return figures is not None and figures.complete and await _count(world, word, 1)

    async with world.following(projected.FIGURES):
        await eventually(lambda: hasattr(world.app.state, "figures"), within=10)
        await eventually(both, within=60)
    (kept,) = (folder / "sums").rglob("*.duckdb")
    await asyncio.to_thread(_lose_it, folder)
    async with world.following(projected.FIGURES):
        await eventually(lambda: getattr(world.app.state, "figures", None), within=10)
        await eventually(both, within=60)
    assert list((folder / "sums").rglob("*.duckdb")) == [kept], "indexes made anew leave the figures alone"
    stood = _stands_at(folder)
    await asyncio.to_thread(shutil.rmtree, folder / "sums")
    async with world.following(projected.FIGURES):
        await eventually(lambda: getattr(world.app.state, "figures", None), within=10)
        assert world.finding.progress.whole, "figures made anew leave the indexes alone"
        await eventually(both, within=60)
    assert _stands_at(folder) >= stood


async def _is(world: World, words: str, titles: list[str]) -> bool:
    return await world.titles(words) == titles


@pytest.mark.apache_kafka
async def test_the_index_goes_on_from_where_it_was_and_is_made_anew_where_it_is_damaged(
    world: World, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = f"слово{uuid4().hex[:8]}"
    folder, put = Path(world.settings.index_dir), list[str]()
    rows = [row(f"{word}-{n}", application=about(f"{word} {n}")) for n in range(20)]
    async with world.following():
        await eventually(world.answers, within=60)
        begun = _stands_at(folder)
        await world.change(*rows)
        await eventually(lambda: _count(world, word, 20), within=10)
        await eventually(lambda: _stands_at(folder) >= begun + 20, within=10)

    real = Finding.put

    def counting(self: Finding, some: Any, gone: Any = ()) -> None:
        put.extend(one["_id"] for one in some)
        real(self, some, gone)

    monkeypatch.setattr(Finding, "put", counting)
    late = row(f"{word}-late", application=about(f"{word} late"))
    await world.change(late)
    async with world.following():
        await eventually(lambda: _count(world, word, 21), within=20)
    assert put == [late["_id"]], "nothing is read twice"

    for damage in (_lose_it, _cut_it, _of_another_version, _spoil_its_place):
        put.clear()
        await asyncio.to_thread(damage, folder)
        async with world.following():
            await eventually(lambda: _count(world, word, 21), within=60)
        assert len(put) >= 21, damage.__name__


@pytest.mark.apache_kafka
async def test_an_index_made_anew_takes_each_pilot_in_once_however_many_facts_it_has(
    world: World, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    word, put = f"слово{uuid4().hex[:8]}", list[str]()
    rows = [row(f"{word}-{n}", application=about(f"{word} {n}")) for n in range(5)]
    for _ in range(3):
        await world.change(*rows)
    real = Finding.put

    def counting(self: Finding, some: Any, gone: Any = ()) -> None:
        put.extend(one["_id"] for one in some)
        real(self, some, gone)

    monkeypatch.setattr(Finding, "put", counting)
    async with world.following():
        await eventually(lambda: _count(world, word, 5), within=60)
    assert sorted(put) == sorted(one["_id"] for one in rows)


@pytest.mark.apache_kafka
async def test_what_changes_while_an_index_is_made_anew_is_in_it(
    world: World, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    word, page = f"слово{uuid4().hex[:8]}", projected._page
    await world.change(row(word, application=about(f"{word} former")))

    async def changing(store: Store, after: str, fields: Any) -> list[Row]:
        found = await page(store, after, fields)
        if not after:
            await world.change(*(row(one, application=about(f"{word} thereafter")) for one in (word, f"{word}-2")))
        return found

    monkeypatch.setattr(projected, "_page", changing)
    async with world.following():
        await eventually(lambda: _count(world, f"{word} thereafter", 2), within=60)
        assert await world.titles(f"{word} former") == []


def _stands_at(folder: Path) -> int:
    """How many facts of the topic are in for good."""
    return sum(json.loads((folder / "place.json").read_text())["offsets"].values())


async def _count(world: World, words: str, wanted: int) -> bool:
    answer = await ask(world.app, "/v1/facets", params={"q": words})
    return answer.status_code == 200 and answer.json()["count"]["value"] == wanted


def _lose_it(folder: Path) -> None:
    shutil.rmtree(folder / "internal")


def _cut_it(folder: Path) -> None:
    for path in (folder / "public").iterdir():
        if path.suffix not in (".json", ".lock"):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _of_another_version(folder: Path) -> None:
    place = json.loads((folder / "place.json").read_text())
    (folder / "place.json").write_text(json.dumps({**place, "made_by": "0/0/0"}))


def _spoil_its_place(folder: Path) -> None:
    (folder / "place.json").write_text("{")


@pytest.mark.apache_kafka
async def test_an_index_of_a_topic_that_was_longer_is_made_anew(world: World, eventually: Eventually) -> None:
    word = f"слово{uuid4().hex[:8]}"
    place = Path(world.settings.index_dir) / "place.json"
    await world.change(row(word, application=about(word)))
    async with world.following():
        await eventually(lambda: _count(world, word, 1), within=60)
    known = json.loads(place.read_text())
    place.write_text(json.dumps({**known, "offsets": dict.fromkeys(known["offsets"], 10**9)}))
    async with world.following():
        await eventually(lambda: _count(world, word, 1), within=60)


@pytest.mark.apache_kafka
async def test_a_folder_that_another_replica_uses_is_left_alone_and_taken_over_when_it_ends(
    world: World, eventually: Eventually
) -> None:
    other = World(world.store, world.settings)
    async with world.following():
        await eventually(world.answers, within=60)
        before = world.finding
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(projected, "LONGEST_PAUSE", 0.2)
            async with other.following():
                await asyncio.sleep(0)
                with pytest.raises(BlockingIOError), finding_module.alone(Path(world.settings.index_dir)):
                    pass
                assert (await ask(other.app, "/v1/search")).status_code == 503
                assert world.finding is before and world.answers()
    async with other.following():
        await eventually(other.answers, within=60)


@pytest.mark.apache_kafka
async def test_what_is_gone_from_the_database_goes_from_the_index(world: World, eventually: Eventually) -> None:
    word = f"слово{uuid4().hex[:8]}"
    async with world.following():
        await world.change(row(word, application=about(word)))
        await eventually(lambda: _count(world, word, 1), within=60)
        await world.store.remove("subjects", [word])
        assert await world.titles(word) == [], "an answer is never older than the database"
        await world.say(word)
        await eventually(lambda: _count(world, word, 0), within=10)


@pytest.mark.apache_kafka
async def test_an_index_that_cannot_be_read_is_made_anew_while_all_else_answers(
    world: World, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = f"слово{uuid4().hex[:8]}"
    await world.change(row(word, application=about(word)))
    async with world.following():
        await eventually(lambda: _count(world, word, 1), within=60)
        before = world.finding

        class Panic(BaseException):
            """What the index raises when it breaks inside: no Exception."""

        def broken() -> Any:
            raise Panic

        monkeypatch.setattr(before.internal, "searcher", broken)
        answer = await ask(world.app, "/v1/search", params={"q": word})
        assert (answer.status_code, answer.json()["title"]) == (503, "index.building")
        assert (await ask(world.app, f"/v1/pilots/{word}")).status_code == 200
        await eventually(lambda: _count(world, word, 1), within=60)
        assert world.finding is not before


@pytest.mark.apache_kafka
async def test_without_kafka_the_index_answers_and_says_that_it_is_not_complete(
    world: World, eventually: Eventually
) -> None:
    word = f"слово{uuid4().hex[:8]}"
    await world.change(row(word, application=about(word)))
    async with world.following():
        await eventually(lambda: _count(world, word, 1), within=60)
        await eventually(world.answers, within=10)
    away = World(world.store, world.settings.model_copy(update={"kafka_url": "127.0.0.1:9"}))
    async with away.following():
        await eventually(lambda: getattr(away.app.state, "finding", None), within=10)
        answer = (await ask(away.app, "/v1/search", params={"q": word})).json()
        assert ([one["id"] for one in answer["items"]], answer["complete"]) == ([word], False)


# ---- the routes


@pytest.fixture
async def app(store: Store) -> FastAPI:
    await store.prepare(SERVICE.indexes)
    made = app_of(store, Settings())
    made.state.finding = in_memory()
    return made


async def fill(app: FastAPI, store: Store, rows: list[Row]) -> None:
    await store.put("subjects", rows)
    app.state.finding.put(rows)
    app.state.finding.commit(whole=True)


async def test_search_is_a_page_of_lines_with_a_count_and_a_cursor(app: FastAPI, store: Store) -> None:
    rows = [row(f"p{n}", entered=NOW.replace(minute=n), application=about(f"Запись {n}")) for n in range(25)]
    await fill(app, store, rows)
    for sort in ("relevance", "entered", "due", "amount"):
        ids, after = list[str](), None
        while True:
            params = {"q": "запись", "sort": sort, "limit": "10"} | ({"after": after} if after else {})
            answer = (await ask(app, "/v1/search", params=params)).json()
            assert answer["count"] == {"value": 25, "exact": True} and answer["complete"]
            ids += [one["id"] for one in answer["items"]]
            if (after := answer["next"]) is None:
                break
        assert sorted(ids) == sorted(one["_id"] for one in rows), sort
    first = (await ask(app, "/v1/search", params={"q": "запись", "limit": "1"})).json()["items"][0]
    listed = (await ask(app, "/v1/pilots", params={"limit": "1"})).json()["items"][0]
    assert first.keys() == listed.keys()


async def test_a_document_that_cannot_be_shown_holds_up_no_other(app: FastAPI, store: Store) -> None:
    broken = row("broken", application=about("Запись"))
    await fill(app, store, [row("old", application=about("Запись"))])
    await fill(app, store, [broken, row("old", application=about("Иное"))])
    broken["state"]["stage"] = "of-a-newer-program"
    await fill(app, store, [row("good", application=about("Запись")), broken])
    answer = (await ask(app, "/v1/facets", params={"q": "запись"})).json()
    assert answer["count"]["value"] == 1
    assert [one["id"] for one in (await ask(app, "/v1/search", params={"q": "запись"})).json()["items"]] == ["good"]


@pytest.mark.parametrize("where", ["/v1", "/public/v1"])
async def test_every_filter_finds_and_counts_the_pilots_that_say_so(app: FastAPI, store: Store, where: str) -> None:
    await fill(app, store, [row("full", FULL), row("other", application=about("А", sector="trade"), agency="a")])
    filters = {
        "sector": "education",
        "region": "minsk",
        "agency": "minzdrav",
        "source": "own-money",
        "office": "office-health",
    }
    both = {"stage": "running", "year": "2026"}
    for name, value in {**filters, **both}.items():
        answer = (await ask(app, f"{where}/search", params={name: value})).json()
        assert [one["id"] for one in answer["items"]][-1:] == ["full"] or name in both, name
        counted = (await ask(app, f"{where}/facets", params={name: value})).json()
        assert answer["count"]["value"] == counted["count"]["value"] == (2 if name in both else 1), name
        assert {one["value"] for one in counted["facets"][name]["values"]} >= {value}
    found = (await ask(app, f"{where}/search", params={**filters, **both})).json()
    line = views.public_row if where.startswith("/public") else views.internal_row
    assert found["items"] == [line(row("full", FULL))], "a line says all that the pilot does"
    listed = (await ask(app, f"{where}/pilots", params={"sector": "health", "agency": "minzdrav"})).json()
    assert listed["items"] == found["items"]


async def test_without_words_the_newest_come_first_and_filters_take_several_values(app: FastAPI, store: Store) -> None:
    sectors = ["health", "energy", "transport"]
    rows = [
        row(f"p{n}", entered=NOW.replace(minute=n), application=about("А", sector=sectors[n % 3])) for n in range(9)
    ]
    await fill(app, store, rows)
    answer = await ask(app, "/v1/search?sector=health&sector=energy")
    assert [one["id"] for one in answer.json()["items"]] == ["p7", "p6", "p4", "p3", "p1", "p0"]
    counts = (await ask(app, "/v1/facets?sector=health&sector=energy")).json()["facets"]["sector"]
    named = [{"value": sector, "count": 3, "name": None} for sector in ("energy", "health")]
    assert counts == {"values": named, "others": 0}, "agencies alone have names there"


@pytest.mark.parametrize("query", ["sort=price", "after=x", "limit=0", "q=" + "а" * 301, "sector="])
async def test_a_question_that_makes_no_sense_is_refused(app: FastAPI, query: str) -> None:
    assert (await ask(app, f"/v1/search?{query}")).status_code in (400, 422)


async def test_a_cursor_of_another_search_is_refused(app: FastAPI, store: Store) -> None:
    await fill(app, store, [row(f"p{n}") for n in range(3)])
    cursor = (await ask(app, "/v1/search?sort=entered&limit=1")).json()["next"]
    answer = await ask(app, f"/v1/search?sort=amount&after={cursor}")
    assert (answer.status_code, answer.json()["title"]) == (400, "cursor.bad")


async def test_similar_pilots_are_the_earlier_ones_with_what_they_share(app: FastAPI, store: Store) -> None:
    words = "Телемедицинские консультации на селе"
    rows = [
        row("failed", stage=Stage.NOT_EXPEDIENT, entered=NOW.replace(minute=1), application=about(words)),
        row("this", stage=Stage.COUNCIL, entered=NOW.replace(minute=2), application=about(f"Новые {words}")),
        row("later", entered=NOW.replace(minute=3), application=about(words)),
        *(row(f"n{n}", application=about(f"Иное дело {n}")) for n in range(20)),
    ]
    await fill(app, store, rows)
    (near,) = (await ask(app, "/v1/pilots/this/similar")).json()["items"]
    assert (near["id"], near["stage"]) == ("failed", "not-expedient")
    assert {"телемедицинские", "консультации", "селе"} == set(near["common"]["words"])
    assert near["common"]["sector"] == "health" and len(near["common"]["organisations"]) == 3
    draft = {"title": "Консультации телемедицины", "region": "minsk"}
    answer = (await ask(app, "/v1/similar", "POST", json=draft)).json()
    assert {one["id"] for one in answer["items"]} == {"failed", "this", "later"}
    assert (await ask(app, "/v1/pilots/none/similar")).status_code == 404


@pytest.mark.parametrize("path", ["/v1/search", "/v1/facets", "/v1/pilots/p/similar"])
async def test_before_the_index_is_opened_it_says_so(store: Store, path: str) -> None:
    made = app_of(store, Settings())
    await store.put("subjects", [row("p")])
    answer = await ask(made, path)
    assert (answer.status_code, answer.json()["title"], answer.json()["action"]) == (503, "index.building", "retry")


# ---- lists in MongoDB


async def test_a_list_is_counted_up_to_a_bound(app: FastAPI, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.put("subjects", [row(f"p{n}", stage=Stage.COUNCIL) for n in range(12)])
    await store.put("subjects", [{"_id": "passing-by", "kind": "pilot", "version": 0, "rev": 1}])
    answer = (await ask(app, "/v1/pilots?count=true&limit=5")).json()
    assert (len(answer["items"]), answer["count"]) == (5, {"value": 12, "exact": True})
    monkeypatch.setattr(counting, "MOST_COUNTED", 10)
    assert (await ask(app, "/v1/pilots?count=true")).json()["count"] == {"value": 10, "exact": False}
    assert (await ask(app, "/v1/pilots?count=true&stage=running")).json()["count"] == {"value": 0, "exact": True}
    assert "count" not in (await ask(app, "/v1/pilots")).json()


def pilots_by(asked: Mapping[str, str | None]) -> tuple[str, dict[str, Any], Any]:
    query = queries.pilots(asked["stage"], asked["agency"], asked["sector"], asked["number"])
    return "subjects", query, queries.NEWEST


def public_pilots_by(
    stage: str | None, agency: str | None, sector: str | None, year: int | None
) -> tuple[str, dict[str, Any], Any]:
    return "subjects", queries.public_pilots(stage, agency, sector, year), queries.NEWEST


LISTS: Mapping[str, Callable[[], tuple[str, dict[str, Any], Any]]] = {
    **{
        f"pilots by {sorted(k for k, v in asked.items() if v)}": partial(pilots_by, asked)
        for asked in (
            dict(zip(("stage", "agency", "sector", "number"), values, strict=True))
            for values in (
                (None, None, None, None),
                ("council", None, None, None),
                (None, "a1", None, None),
                (None, None, "health", None),
                ("council", "a1", None, None),
                ("council", None, "health", None),
                (None, "a1", "health", None),
                ("council", "a1", "health", None),
                (None, None, None, "N-1"),
            )
        )
    },
    **{
        f"public pilots by {values}": partial(public_pilots_by, *values)
        for values in (
            (None, None, None, None),
            ("council", None, None, None),
            (None, "a1", None, None),
            (None, None, "health", None),
            (None, None, None, 2026),
            ("council", "a1", "health", 2026),
        )
    },
    "timeline": lambda: (TIMELINE, {"pilot": "p1"}, queries.IN_ORDER),
    "public timeline": lambda: (TIMELINE, queries.public_timeline("p1"), queries.IN_ORDER),
}


@pytest.fixture(scope="module")
def shelf() -> list[Row]:
    stages = list(Stage)
    return [
        row(
            f"p{n}",
            stage=stages[n % len(stages)],
            agency=f"a{n % 5}",
            number=f"N-{n}",
            entered=NOW.replace(minute=n % 60, hour=n % 7),
            application=about("А", sector=("health", "energy", "transport")[n % 3]),
        )
        for n in range(600)
    ]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("deep", [False, True], ids=["first", "deep"])
async def test_every_list_walks_an_index_and_looks_at_little_more_than_it_shows(
    name: str, deep: bool, store: Store, shelf: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.prepare(SERVICE.indexes)
    await store.put("subjects", shelf)
    kinds = [*sorted(views.PUBLIC_FACTS), "t", "t", "t"]
    await store.put(TIMELINE, [timeline_row(f"p{p}", n, kinds[n % 8]) for p in range(3) for n in range(100)])
    collection, query, order = LISTS[name]()
    size = 5
    asked: list[Mapping[str, Any]] = []
    real = store.rows

    async def rows(*args: Any, **kwargs: Any) -> list[Row]:
        asked.append(args[1])
        return await real(*args, **kwargs)

    monkeypatch.setattr(store, "rows", rows)
    first = await page(store, collection, query, order, after=None, limit=20 if deep else size, show=dict)
    if deep and first.next:
        await page(store, collection, query, order, after=first.next, limit=size, show=dict)
    found = store._db[collection].find(asked[-1]).sort(list(order)).limit(size)
    plan = await found.explain()
    stages = set(_stages(plan["queryPlanner"]["winningPlan"]))
    assert "IXSCAN" in stages and "COLLSCAN" not in stages and "SORT" not in stages, stages
    looked = plan["executionStats"]
    # A list that leaves out stages or facts one by one may look at a few times as many.
    assert looked["totalDocsExamined"] <= 12 * size + 5, looked["totalDocsExamined"]
    assert looked["totalKeysExamined"] <= 40 * size + 20, looked["totalKeysExamined"]


def _stages(plan: Any) -> list[str]:
    if isinstance(plan, list):
        return [stage for each in plan for stage in _stages(each)]
    if not isinstance(plan, dict):
        return []
    own = [plan["stage"]] if isinstance(plan.get("stage"), str) else []
    return own + [stage for value in plan.values() for stage in _stages(value)]


async def test_public_and_internal_lists_agree_on_what_the_view_says(
    app: FastAPI, store: Store, shelf: list[Row]
) -> None:
    some = shelf[:60]
    await store.put("subjects", some)
    answer = (await ask(app, "/public/v1/pilots?limit=200")).json()
    assert {one["id"] for one in answer["items"]} == {one["_id"] for one in some if views.is_public(one)}
