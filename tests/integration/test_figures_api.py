"""Figures over HTTP: one path for each question, true as long as nothing is committed, and never to strangers."""

from random import Random
from typing import Any, Final

import pytest

from contracts.reference import ROLES
from contracts.registry import Entry
from services.chassis.store import Store
from services.registry.projections.progress import Progress
from services.registry.service import SERVICE
from tests.integration.test_money import AUDITOR, World, application
from tests.kit.engine.tiny import START
from tests.kit.people import Person

PATHS: Final = (
    "/figures/funnel",
    "/figures/terms",
    "/figures/money",
    "/figures/results",
    "/figures/scaling",
    "/figures/overpaid",
)
TOLD: Final = {"complete", "left_out"}


@pytest.fixture
async def world(store: Store) -> World:
    await store.prepare(SERVICE.indexes)
    return World(store)


async def entered(world: World, *pilots: str) -> None:
    await world.done(
        pilots,
        lambda n: Entry(
            agency="vedomstvo", number=f"N-{n}", edition="by-2024", submitted=START, application=application(Random(n))
        ),
    )
    await world.follow(pilots)


SHAPES: Final[dict[str, set[str]]] = {
    "/figures/funnel": {"stages", "pilots"},
    "/figures/terms": {"kinds"},
    "/figures/money": {"group_by", "items", "totals", "next"},
    "/figures/results": {"sectors", "totals"},
    "/figures/scaling": {"sectors", "totals"},
    "/figures/overpaid": {"sources", "pilots"},
}


@pytest.mark.parametrize("path", PATHS)
async def test_every_question_is_answered_with_whether_it_is_complete(world: World, path: str) -> None:
    await entered(world, "p1", "p2")
    answer = await world.ask(path)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == SHAPES[path] | TOLD
    assert (body["complete"], body["left_out"]) == (True, 0)
    assert answer.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("path", [*PATHS, "/money"])
async def test_an_answer_holds_until_another_fact_changes_it_and_no_longer(world: World, path: str) -> None:
    await entered(world, "p1")
    first = await world.ask(path)
    tag = first.headers["ETag"]
    for seen in (tag, f'"other", W/{tag}'):
        same = await world.ask(path, AUDITOR, **{"If-None-Match": seen})
        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    await entered(world, "p2")
    new, now = await world.ask(path, AUDITOR, **{"If-None-Match": tag}), await world.ask(path)
    assert (new.status_code, now.headers["ETag"] == tag) == (
        (304, True) if now.json() == first.json() else (200, False)
    )
    assert now.json() != first.json() or path not in ("/figures/funnel", "/figures/money", "/money")


@pytest.mark.parametrize("path", [*PATHS, "/money"])
async def test_what_happens_to_pilots_that_a_caller_does_not_see_moves_no_tag(world: World, path: str) -> None:
    await entered(world, "p1")
    stranger = Person("u-9", ("publisher",), "another-agency")
    tag, commit = (await world.ask(path, stranger)).headers["ETag"], world.figures.commit_id
    await entered(world, "p2")
    assert world.figures.commit_id != commit
    same = await world.ask(path, stranger, **{"If-None-Match": tag})
    assert (same.status_code, same.headers["ETag"]) == (304, tag)


async def test_an_answer_that_may_lack_the_newest_has_another_tag(world: World) -> None:
    await entered(world, "p1")
    tag = (await world.ask("/figures/funnel")).headers["ETag"]
    world.figures.progress.confirmed_at = -1e9
    answer = await world.ask("/figures/funnel", AUDITOR, **{"If-None-Match": tag})
    assert (answer.status_code, answer.json()["complete"]) == (200, False)
    assert answer.headers["ETag"] != tag


@pytest.mark.parametrize("path", [*PATHS, "/money"])
async def test_while_the_figures_are_added_up_a_caller_is_told_to_ask_again(world: World, path: str) -> None:
    world.figures.progress = Progress(done=3, total=10)
    answer = await world.ask(path)
    body = answer.json()
    assert (answer.status_code, body["title"], body["action"]) == (503, "figures.building", "retry")
    assert (body["done"], body["total"], answer.headers["Retry-After"]) == (3, 10, "5")
    del world.app.state.figures
    assert (await world.ask(path)).status_code == 503


async def test_money_by_sector_source_and_year_is_the_same_as_the_sums(world: World) -> None:
    await entered(world, *[f"p{n}" for n in range(8)])
    one, other = await world.get("/figures/money"), await world.get("/money?group_by=sector,source,year")
    assert one == other and one["items"]


async def test_a_question_may_be_about_some_pilots_alone(world: World) -> None:
    await entered(world, *[f"p{n}" for n in range(8)])
    health: Any = [n for n in range(8) if application(Random(n)).sector == "health"]
    funnel = await world.get("/figures/funnel?sector=health&agency=vedomstvo")
    assert funnel["pilots"] == len(health) > 0
    assert (await world.get("/figures/funnel?agency=another"))["pilots"] == 0


@pytest.mark.parametrize("path", PATHS)
async def test_all_who_read_the_register_read_figures_and_nobody_else(world: World, path: str) -> None:
    await world.follow([])
    assert (await world.ask(path, None)).status_code == 401
    for role in ROLES:
        wanted = 403 if role in ("expert", "ops") else 200
        assert (await world.ask(path, Person("u", (role,), "vedomstvo"))).status_code == wanted, role
