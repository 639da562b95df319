"""One follower for several views on real back ends: loaded once for all, gathered, and none holds up another."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from contracts.topics import fact_topic
from deploy.local.backends import Backends
from services.chassis.store import Row, Store
from services.registry.domain.stages import Stage
from services.registry.figures.figures import Figures
from services.registry.projections import follower, projected
from services.registry.projections.follower import Follower
from services.registry.projections.progress import SILENT
from services.registry.projections.projected import FIGURES
from tests.conftest import Eventually
from tests.integration.test_bus import pair_on
from tests.integration.test_unreadable import spoil
from tests.kit.raw_batches import batch, hand_over
from tests.kit.registry.following import World, settings_for
from tests.kit.registry.rows import about, row

pytestmark = [pytest.mark.timeout(180), pytest.mark.apache_kafka]


@pytest.fixture
def world(store: Store, backends: Backends, tmp_path: Path) -> World:
    return World(store, settings_for(backends, tmp_path / "index"))


@pytest.fixture
def word() -> str:
    return f"слово{uuid4().hex[:8]}"


def figures_of(world: World) -> Figures | None:
    found: Figures | None = getattr(world.app.state, "figures", None)
    return found


def stage_counted(world: World, pilot: str) -> str | None:
    """At which stage the figures count a pilot; None where they do not, or do not answer."""
    figures = figures_of(world)
    if figures is None or not figures.progress.whole:
        return None
    asked = "SELECT stage FROM pilots WHERE pilot = ?"
    answer = figures.ask(uuid4(), lambda cursor: {"rows": cursor.execute(asked, [pilot]).fetchall()})
    return next((stage for (stage,) in answer["rows"]), None)


async def in_both(world: World, pilot: str, title: str, stage: Stage) -> bool:
    return await world.titles(title) == [title] and stage_counted(world, pilot) == stage.value


async def complete(world: World) -> bool:
    figures = figures_of(world)
    return world.answers() and figures is not None and figures.complete


async def gathering(world: World, word: str, eventually: Eventually, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on changes gather for the longest time, for a first one was taken in. What others left in the topic and
    is taken in before it lets nothing gather."""
    first, take = f"{word}-first", Follower._take

    async def taking(self: Follower, read: Any, views: Any) -> None:
        begins = first in read.changed
        await take(self, read, views)
        if begins:
            monkeypatch.setattr(follower, "SHARE", 10_000)

    monkeypatch.setattr(Follower, "_take", taking)
    await world.change(row(first, application=about(f"{word} first")))
    await eventually(lambda: _found(world, f"{word} first"), within=30)


async def test_a_pilot_that_changes_ten_times_meanwhile_is_loaded_once_and_taken_in_once_by_each_view(
    world: World, word: str, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, put, load, take = list[str](), list[str](), follower.documents, Figures.put

    async def loading(store: Store, subjects: Sequence[str]) -> list[Row]:
        loaded.extend(subjects)
        return await load(store, subjects)

    def taking(self: Figures, rows: Sequence[Row], gone: Any = ()) -> None:
        put.extend(one["_id"] for one in rows)
        take(self, rows, gone)

    monkeypatch.setattr(follower, "documents", loading)
    monkeypatch.setattr(Figures, "put", taking)
    async with world.following(FIGURES):
        await eventually(lambda: complete(world), within=60)
        await gathering(world, word, eventually, monkeypatch)
        await eventually(lambda: stage_counted(world, f"{word}-first"), within=30)
        for n in range(10):
            stage = Stage.COUNCIL if n == 9 else Stage.EXPERTISE
            await world.change(row(word, stage=stage, application=about(f"{word} {n}")))
        await eventually(lambda: in_both(world, word, f"{word} 9", Stage.COUNCIL), within=15)
        await eventually(lambda: complete(world), within=15)
    assert (loaded.count(word), put.count(word)) == (1, 1)


async def test_what_gathers_for_too_long_makes_answers_incomplete(
    world: World, word: str, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "LONGEST_GATHERING", 3600.0)
    async with world.following():
        await eventually(world.answers, within=60)
        await gathering(world, word, eventually, monkeypatch)
        await world.change(row(word, application=about(f"{word} gathers")))
        await eventually(lambda: not world.answers(), within=20)
        assert await world.titles(f"{word} gathers") == []


async def test_behind_a_last_record_that_cannot_be_read_the_views_are_whole(
    world: World, backends: Backends, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = fact_topic(pair_on(backends).name)
    for module in (follower, projected):
        monkeypatch.setattr(module, "TOPIC", topic, raising=False)
    async with world.following():
        await eventually(world.answers, within=60)
        await hand_over(backends.kafka, topic, batch([b"spoilt-here", b"{}"]))
        spoil(backends, topic, b"spoilt-here")
        told = time.monotonic()
        await eventually(lambda: world.finding.progress.confirmed_at > told + SILENT, within=60)
        assert world.answers()


async def test_with_many_changed_pilots_they_gather_no_longer(
    world: World, word: str, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "LONGEST_GATHERING", 3600.0)
    monkeypatch.setattr(follower, "MOST_CHANGED", 20)
    async with world.following():
        await eventually(world.answers, within=60)
        await gathering(world, word, eventually, monkeypatch)
        await world.change(*(row(f"{word}-{n}", application=about(f"{word} {n}")) for n in range(20)))
        await eventually(lambda: _found(world, f"{word} 19"), within=10)


async def _found(world: World, words: str) -> bool:
    return bool(await world.titles(words))


async def test_a_view_that_fails_is_begun_anew_and_the_other_goes_on(
    world: World, word: str, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, failing = Figures.put, True

    def taking(self: Figures, rows: Sequence[Row], gone: Any = ()) -> None:
        if failing:
            raise RuntimeError("the figures cannot be written")
        take(self, rows, gone)

    async with world.following(FIGURES):
        await eventually(lambda: complete(world), within=60)
        finding, figures = world.finding, figures_of(world)
        monkeypatch.setattr(Figures, "put", taking)
        for n in range(3):
            await world.change(row(word, stage=Stage.COUNCIL, application=about(f"{word} {n}")))
            await eventually(partial(_found, world, f"{word} {n}"), within=10)
        assert not await complete(world)
        failing = False
        await eventually(lambda: in_both(world, word, f"{word} 2", Stage.COUNCIL), within=60)
        await eventually(lambda: complete(world), within=20)
        assert world.finding is finding and figures_of(world) is not figures


async def test_what_changes_while_one_view_is_made_anew_is_in_the_other_at_once_and_in_it_thereafter(
    world: World, word: str, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, read, going_on = projected._page, asyncio.Event(), asyncio.Event()

    async def waiting(store: Store, after: str, fields: Sequence[str]) -> list[Row]:
        rows = await page(store, after, fields)
        if rows and fields == FIGURES.fields:
            read.set()
            await going_on.wait()
        return rows

    await world.change(row(word, stage=Stage.EXPERTISE, application=about(f"{word} former")))
    monkeypatch.setattr(projected, "_page", waiting)
    async with world.following(FIGURES):
        await eventually(world.answers, within=60)
        await asyncio.wait_for(read.wait(), 60)
        await world.change(row(word, stage=Stage.COUNCIL, application=about(f"{word} thereafter")))
        await eventually(lambda: _found(world, f"{word} thereafter"), within=10)
        assert stage_counted(world, word) is None, "the figures are still being made"
        going_on.set()
        await eventually(lambda: in_both(world, word, f"{word} thereafter", Stage.COUNCIL), within=60)
        await eventually(lambda: complete(world), within=20)
