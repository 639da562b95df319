"""Behind a real server: nobody is believed about whom a request comes from, but so many proxies as are set."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Request

from services.chassis.auth import Keys
from services.chassis.run import serving
from services.chassis.settings import Settings
from services.chassis.web import make_app
from tests.kit.sides import AUDIENCE, ISSUER, FakeEngine

FORGED = [
    {"X-Forwarded-For": "198.51.100.{n}"},
    {"Forwarded": "for=198.51.100.{n};proto=https;host=elsewhere.example"},
    {"X-Real-IP": "198.51.100.{n}"},
    {"X-Client-IP": "198.51.100.{n}"},
    {"True-Client-IP": "198.51.100.{n}"},
    {"X-Forwarded-For": "198.51.100.{n}", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "elsewhere.example"},
]


@asynccontextmanager
async def served(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that runs as in its process; its limit is three requests."""
    told = Settings(http_host="127.0.0.1", http_port=0, public_limit="3/hour", **settings)
    app = make_app("test", Keys("", ISSUER, AUDIENCE), FakeEngine(), {}, told)  # type: ignore[arg-type]
    router = APIRouter()

    @router.get("/public/v1/seen")
    async def seen(request: Request) -> dict[str, Any]:
        assert request.client is not None
        return {"client": request.client.host, "scheme": request.url.scheme}

    app.include_router(router)
    server = serving(app, told)
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(20):
            while not server.started:
                await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        await task


async def answers(client: httpx.AsyncClient, headers: dict[str, str]) -> list[int]:
    """Of five requests that each claim to come from elsewhere."""
    found = list[int]()
    for n in range(1, 6):
        said = {name: value.replace("{n}", str(n)) for name, value in headers.items()}
        found.append((await client.get("/public/v1/seen", headers=said)).status_code)
    return found


@pytest.mark.parametrize("headers", FORGED, ids=lambda one: "+".join(one))
async def test_without_a_trusted_proxy_nobody_gets_a_limit_of_his_own_by_claiming_to_be_another(
    headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # what the server's own rule would ask
    async with served(trusted_hops=0) as client:
        assert await answers(client, headers) == [200, 200, 200, 429, 429]


async def test_where_a_proxy_is_trusted_each_address_that_it_names_has_a_limit_of_its_own() -> None:
    async with served(trusted_hops=1) as client:
        assert await answers(client, {"X-Forwarded-For": "198.51.100.{n}"}) == [200] * 5
        assert await answers(client, {"X-Forwarded-For": "198.51.100.{n}, 203.0.113.9"}) == [200, 200, 200, 429, 429]


@pytest.mark.parametrize("headers", FORGED, ids=lambda one: "+".join(one))
async def test_a_route_sees_the_peer_and_the_scheme_that_there_are(headers: dict[str, str]) -> None:
    async with served(trusted_hops=1) as client:
        answer = await client.get("/public/v1/seen", headers=headers)
        assert answer.json() == {"client": "127.0.0.1", "scheme": "http"}
