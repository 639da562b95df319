"""A command loads its document once, whatever else is looked at; what is not there for who asks leaves no trace."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from deploy.samples.common import party
from services.chassis import store as store_module
from services.chassis.store import CLAIMS, opened
from tests.kit.engine.tiny import Commands
from tests.kit.expertise.cases import Build
from tests.kit.expertise.world import OP, WHY, World, expert, opinion

LOAD = ("find", "subjects")
ELSEWHERE = "790000016"
LISTED, ENTRY, CANDIDATES, PLANNED, NAMED, DECIDED = 1, 1, 1, 1, 1, 1


@pytest.fixture
def commands() -> Commands:
    """What the driver of the watched side sends."""
    return Commands()


@pytest.fixture
async def watched(
    world: World, commands: Commands, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FastAPI]:
    """The world's HTTP side on a driver that is listened to."""
    monkeypatch.setitem(store_module.OPTIONS, "event_listeners", [commands])
    async with opened(mongo_url, world.store._db.name) as store:
        yield world.served(world.replica("watched", store))


async def claims(world: World) -> int:
    """How many claims are stored."""
    return len(await world.store.rows(CLAIMS, {}, sort=[("_id", 1)], limit=1000))


async def test_a_handover_of_all_work_decides_each_case_by_one_look_and_looks_at_what_stays_once(
    world: World, watched: FastAPI, commands: Commands
) -> None:
    await world.enter("expert-z", organisation=ELSEWHERE)
    for pilot in ("p1", "p2"):
        # Nobody but z may judge the second: all others come from an organisation that takes part in it.
        await world.opened(pilot, participants=[party("790000031")] if pilot == "p2" else [])
        await world.seat(pilot, "expert-z")
    first = await world.ask("post", "/experts/expert-z/handover", OP, WHY, key="h", app=watched)
    told = first.json()
    assert [[one["pilot"] for one in told[where]] for where in ("moved", "stayed")] == [["p1"], ["p2"]]
    assert commands.seen.count(LOAD) == ENTRY + LISTED + PLANNED + CANDIDATES + NAMED + DECIDED
    commands.seen.clear()
    again = await world.ask("post", "/experts/expert-z/handover", OP, WHY, key="h", app=watched)
    assert again.json()["stayed"] == told["stayed"]
    stays = 1
    assert commands.seen.count(LOAD) == ENTRY + NAMED + DECIDED + stays, "a plan from before: is it still to be seen?"


async def test_a_handover_that_is_sent_again_does_not_tell_of_a_case_that_was_hidden_meanwhile(build: Build) -> None:
    world = await build()
    for name in ("expert-z", "operator-1"):
        await world.enter(name, organisation=ELSEWHERE)
    await world.opened("p1", participants=[party("790000031")])
    await world.enter("expert-a")
    await world.seat("p1", "expert-z")
    first = await world.ask("post", "/experts/expert-z/handover", OP, {**WHY, "to": ["expert-a"]}, key="h")
    assert [one["pilot"] for one in first.json()["stayed"]] == ["p1"]
    await world.do("p1", "conflicts", OP, {"expert_id": OP.id, "text": "Родственник."})
    again = await world.ask("post", "/experts/expert-z/handover", OP, {**WHY, "to": ["expert-a"]}, key="h")
    assert (again.status_code, again.json()["stayed"]) == (200, [])


async def test_who_erases_the_own_data_is_looked_up_once_in_the_directory_or_not_in_it(
    world: World, watched: FastAPI, commands: Commands
) -> None:
    for who, claimed in ((expert("expert-a"), 1), (expert("not-in-the-directory"), 0)):
        before = await claims(world)
        commands.seen.clear()
        assert (await world.ask("delete", "/me/person", who, app=watched)).status_code == 204
        assert commands.seen.count(LOAD) == 1
        assert await claims(world) - before == claimed
    assert (await world.get("/experts/expert-a"))["active"] is False


async def test_a_command_to_what_is_not_there_or_is_not_shown_leaves_no_claim(world: World) -> None:
    await world.opened("p1")
    await world.seat("p1", "expert-a")
    await world.do("p1", "conflicts", OP, {"expert_id": "expert-b", "text": "Родственник."})
    before, etag = await claims(world), await world.etag("p1")
    hidden = await world.ask("post", "/reviews/p1/opinion", expert("expert-b"), opinion(), etag=etag, key="k")
    absent = await world.ask("post", "/reviews/p9/opinion", expert("expert-b"), opinion(), etag=etag, key="k")
    assert (hidden.status_code, absent.status_code, hidden.json()) == (404, 404, absent.json())
    items = [{"pilot": "p9", "etag": '"1"', "expert_id": "expert-a"}]
    many = await world.ask("post", "/assignments", OP, {"items": items})
    assert [one["problem"]["title"] for one in many.json()["items"]] == ["not-found"]
    on = {"body": "Пример", "kind": "заявление", "number": "12", "date": "2026-03-02"}
    gone = await world.ask("post", "/experts/nobody/person/erasure", OP, {"basis": on})
    assert (gone.status_code, await claims(world)) == (404, before)
    good = await world.ask("post", "/reviews/p1/opinion", expert("expert-a"), opinion(), etag=etag, key="k")
    assert (good.status_code, await claims(world)) == (200, before + 1)
