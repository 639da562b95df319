"""An app behind a real server, as it runs in its process, with a route for each thing that one caller can use up."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Request

from contracts.reference import Role
from services.chassis.auth import Caller, Keys, allow
from services.chassis.body import Body
from services.chassis.bounds import Bounds, bounded
from services.chassis.choosing import Redrive
from services.chassis.gate import ShareOf, in_turn
from services.chassis.run import serving
from services.chassis.settings import Settings
from services.chassis.web import make_app
from tests.kit.sides import FakeEngine

Anybody = Annotated[Caller, Depends(allow(Role.PUBLISHER, Role.OFFICER))]


@dataclass
class Served:
    """A running server: its port, a client, and a gate that holds every answer of `/v1/held` back."""

    port: int
    client: httpx.AsyncClient
    app: FastAPI
    server: uvicorn.Server
    open: asyncio.Event = field(default_factory=asyncio.Event)
    printed: threading.Event = field(default_factory=threading.Event)
    held: int = 0
    most: int = 0
    bodies: int = 0


@asynccontextmanager
async def served(keys: Keys, **settings: Any) -> AsyncIterator[Served]:
    """A service behind a real server with these settings."""
    told = Settings(http_host="127.0.0.1", http_port=0, **settings)
    app = make_app("test", keys, FakeEngine(), {}, told)  # type: ignore[arg-type]
    server = serving(app, told)
    it = Served(0, httpx.AsyncClient(), app, server)
    app.include_router(_routes(it))
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(30):
            while not server.started:
                await asyncio.sleep(0.01)
        it.port = server.servers[0].sockets[0].getsockname()[1]
        limits = httpx.Limits(max_connections=None)
        url = f"http://127.0.0.1:{it.port}"
        it.client = httpx.AsyncClient(base_url=url, trust_env=False, timeout=60, limits=limits)
        async with it.client:
            yield it
    finally:
        it.open.set()
        it.printed.set()
        server.should_exit = True
        await task


def _routes(it: Served) -> APIRouter:
    router = APIRouter()

    async def hold() -> None:
        it.held += 1
        it.most = max(it.most, it.held)
        try:
            await it.open.wait()
        finally:
            it.held -= 1

    @router.get("/v1/held")
    async def held(_caller: Anybody) -> dict[str, str]:
        await hold()
        return {"done": "yes"}

    @router.get("/public/v1/held")
    async def held_open() -> dict[str, str]:
        await hold()
        return {"done": "yes"}

    @router.post("/v1/held")
    async def held_body(_caller: Anybody, what: Body[Redrive]) -> dict[str, int]:
        it.bodies += 1
        await hold()
        return {"ids": len(what.ids)}

    @router.post("/v1/raw")
    @bounded(Bounds(bytes=100, json_body=False))
    async def raw(_caller: Anybody, request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @router.get("/v1/quick")
    async def quick(caller: Anybody) -> dict[str, str]:
        return {"who": caller.id}

    @router.get("/v1/paper")
    async def paper(_caller: Anybody, request: Request, who: ShareOf) -> dict[str, bool]:
        return {"done": await request.app.state.papers.run(who, it.printed.wait, 60)}

    @router.get("/v1/question")
    async def question(_caller: Anybody, request: Request) -> dict[str, bool]:
        return {"done": await in_turn(request, it.printed.wait, 60)}

    @router.get("/v1/large")
    async def large(_caller: Anybody) -> dict[str, str]:
        return {"text": "x" * 20_000_000}

    return router
