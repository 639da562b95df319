"""Long polls over HTTP: so many of each caller and no more, as the settings say. Without a broker."""

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from services.chassis.engine import Engine
from services.chassis.settings import Settings
from services.chassis.store import Row
from services.chassis.web import make_app
from services.registry.api import make_router
from services.registry.feed import Cursor, Feed, _Bounds, _Gathered
from tests.conftest import Eventually
from tests.kit.people import Person, Tokens
from tests.kit.sides import problem

FOLLOWER, OTHER = Person("u-1", ("auditor",)), Person("u-2", ("auditor",))


class NothingHidden:
    """A store in which nothing is hidden, and nothing has a name."""

    async def rows(self, *_: Any, **__: Any) -> list[Row]:
        return []


class Quiet(Feed):
    """The feed of a topic in which nothing happens until something does; how many wait is counted."""

    waiting = 0
    happened = False

    async def _look(self, since: float) -> _Bounds:
        return _Bounds(time.monotonic(), (0,), (5,))

    async def _read(self, who: str, cursor: Cursor, ends: tuple[int, ...], limit: int) -> _Gathered:
        self.waiting += 1
        while not self.happened:
            await asyncio.sleep(0.01)
        self.waiting -= 1
        return _Gathered(cursor, limit)


class Asking:
    """The register over HTTP, and who follows it."""

    def __init__(self, **settings: Any) -> None:
        said = Settings(**settings)
        self.feed = Quiet(said)
        engine = SimpleNamespace(store=NothingHidden())
        app: FastAPI = make_app("Lotsman registry", Tokens(), cast(Engine, engine), {}, settings=said)
        app.include_router(make_router())
        app.state.changes = self.feed
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://register")

    async def once(self, who: Person, wait: int = 0) -> httpx.Response:
        headers = {"Authorization": f"Bearer {who.token}"}
        return await self.client.get(f"/v1/changes?after=now&wait={wait}", headers=headers)

    def follows(self, who: Person, times: int) -> list[asyncio.Task[httpx.Response]]:
        return [asyncio.create_task(self.once(who, wait=1)) for _ in range(times)]


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    """As many may follow as the settings have by themselves, but 60 requests of one caller are let in at once."""
    made = Asking(requests_of_one=60)
    yield made
    made.feed.happened = True


async def test_fifty_polls_of_one_caller_leave_room_for_all_others(asking: Asking, eventually: Eventually) -> None:
    most = Settings().polls_of_one
    assert most < Settings().polls < 10 * most + 1
    some = asking.follows(FOLLOWER, 50)
    await eventually(lambda: sum(one.done() for one in some) == 50 - most, within=60)
    assert asking.feed.waiting == most
    for one in some:
        if one.done():
            assert problem(one.result(), 429)["title"] == "share.used" and int(one.result().headers["Retry-After"]) > 0
    other = asking.follows(OTHER, 1)
    await eventually(lambda: asking.feed.waiting == most + 1, within=60)
    asking.feed.happened = True
    assert [one.status_code for one in await asyncio.gather(*other)] == [200]
    assert sum(one.status_code == 200 for one in await asyncio.gather(*some)) == most
    assert (await asking.once(FOLLOWER)).status_code == 200, "and it is given back"


async def test_who_publishes_follows_in_the_share_of_the_agency_and_where_all_places_are_taken_the_next_is_told_so(
    eventually: Eventually,
) -> None:
    asking = Asking(polls=3, polls_of_one=2)
    one, two = (Person(f"p-{n}", ("publisher",), "primer") for n in range(2))
    some = asking.follows(one, 1) + asking.follows(two, 3) + asking.follows(Person("p-3", ("publisher",), "other"), 1)
    await eventually(lambda: asking.feed.waiting == 3 and sum(one.done() for one in some) == 2, within=60)
    assert problem(await asking.once(OTHER), 503)["title"] == "service.busy"
    asking.feed.happened = True
    assert sorted(one.status_code for one in await asyncio.gather(*some)) == [200, 200, 200, 429, 429]
