"""The desk on a port of this machine, for a real browser."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast

import httpx
import uvicorn

from deploy.local import demo_desk
from services.chassis.store import Store
from services.desk.app import make_pages
from services.desk.clients import Clients
from services.desk.process import make_desk
from services.desk.settings import DeskSettings
from tests.kit.desk.memory import Memory

STARTS_WITHIN: Final = 60.0


@contextmanager
def served(
    answers: Callable[[httpx.Request], httpx.Response],
    settings: Mapping[str, Any] | None = None,
    memory: Memory | None = None,
) -> Iterator[str]:
    """A desk with demo people before such services; its address. LOTSMAN_HOME must be a folder of the test's own;
    `memory`: what the desk keeps."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    started = threading.Event()
    server: list[uvicorn.Server] = []

    async def serve() -> None:
        own = DeskSettings(url=url, **(settings or {}))
        clients = Clients.of(own, httpx.MockTransport(answers))
        desk = make_desk(own, cast(Store, memory or Memory()), clients, demo_desk.DemoPeople())
        config = uvicorn.Config(make_pages(desk, [demo_desk.routes()]), log_level="warning", lifespan="off")
        server.append(uvicorn.Server(config))
        running = asyncio.create_task(server[0].serve([listening]))
        while not server[0].started and not running.done():
            await asyncio.sleep(0.02)
        started.set()
        await running
        await clients.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(STARTS_WITHIN)
    try:
        yield url
    finally:
        server[0].should_exit = True
        thread.join(STARTS_WITHIN)
