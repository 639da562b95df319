"""The public register as everybody reads it: the registry's own program on a real store, and a desk before it. Nothing
else runs: no expertise, no intake, and the desk has no database."""

import asyncio
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import Any, Final, cast
from uuid import uuid4

import httpx
import uvicorn
from fastapi import FastAPI

from deploy.local import demo_desk
from services.chassis.settings import Settings
from services.chassis.store import Row, Store, StoreAway, open_client
from services.desk.app import make_pages
from services.desk.clients import Clients
from services.desk.process import make_desk
from services.desk.settings import DeskSettings
from services.registry.figures.figures import in_memory as figures_in_memory
from services.registry.finding.finding import in_memory as finding_in_memory
from services.registry.handlers import TIMELINE
from services.registry.service import SERVICE
from tests.kit.registry.app import app_of

STARTS_WITHIN: Final = 60.0
OFTEN: Final = "100000/minute"
NOWHERE: Final = "http://127.0.0.1:9"


class NoStore:
    """A database that cannot be reached; `asked` says whether anybody tried."""

    asked = False

    def __getattr__(self, name: str) -> Any:
        async def away(*_args: object, **_more: object) -> Any:
            NoStore.asked = True
            raise StoreAway("there is none")

        return away


@dataclass
class Open:
    """A running public register. `away`: the registry does not answer the desk."""

    url: str
    loop: asyncio.AbstractEventLoop
    store: Store
    app: FastAPI
    away: bool = False
    asked: list[str] = field(default_factory=list)

    def put(self, rows: Sequence[Row], facts: Sequence[Row] = ()) -> None:
        """Stores pilots and facts, and indexes them as the followers would."""

        async def put() -> None:
            await self.store.put("subjects", rows)
            if facts:
                await self.store.put(TIMELINE, facts)

        asyncio.run_coroutine_threadsafe(put(), self.loop).result(STARTS_WITHIN)
        for one in (self.app.state.finding, self.app.state.figures):
            one.put(rows)
        self.app.state.finding.commit(whole=True)
        self.app.state.figures.commit({0: 1}, whole=True)


@contextmanager
def opened(mongo_url: str, **settings: Any) -> Iterator[Open]:
    """A public register on a database of its own."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    started = threading.Event()
    running: list[Open] = []
    servers: list[uvicorn.Server] = []

    async def serve() -> None:
        client, name = open_client(mongo_url), f"test_{uuid4().hex[:12]}"
        store = Store(client, name)
        await store.prepare(SERVICE.indexes)
        app = app_of(store, Settings(public_limit=OFTEN))
        app.state.finding, app.state.figures = finding_in_memory(), figures_in_memory()
        found = Open(url, asyncio.get_running_loop(), store, app)
        own = DeskSettings(
            url=url,
            registry_url="http://registry",
            intake_url=NOWHERE,
            expertise_url=NOWHERE,
            **{"readers": OFTEN, **settings},
        )
        clients = Clients.of(own, _Asked(found))
        desk = make_desk(own, cast(Store, NoStore()), clients, demo_desk.DemoPeople())
        config = uvicorn.Config(make_pages(desk, [demo_desk.routes()]), log_level="warning", lifespan="off")
        servers.append(uvicorn.Server(config))
        serving = asyncio.create_task(servers[0].serve([listening]))
        while not servers[0].started and not serving.done():
            await asyncio.sleep(0.02)
        running.append(found)
        started.set()
        await serving
        await clients.close()
        await client.drop_database(name)
        await store.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(STARTS_WITHIN)
    try:
        yield running[0]
    finally:
        servers[0].should_exit = True
        thread.join(STARTS_WITHIN)


class _Asked(httpx.AsyncBaseTransport):
    """To the registry, noting what is asked; everywhere else there is nobody."""

    def __init__(self, found: Open) -> None:
        self._found = found
        self._inner = httpx.ASGITransport(app=found.app, raise_app_exceptions=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._found.asked.append(str(request.url))
        if self._found.away or request.url.host != "registry":
            raise httpx.ConnectError("refused")
        assert request.url.path.startswith("/public/v1"), "pages of the public register ask for what is public alone"
        assert "authorization" not in request.headers and "cookie" not in request.headers
        return await self._inner.handle_async_request(request)


def rows_of(ask: httpx.Client, link: str) -> dict[str, int]:
    """The rows of all pages of a list of the register, each with its part of the figure."""
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
