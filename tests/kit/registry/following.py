"""The register's views kept up by their follower on a real Kafka and MongoDB, as a process does it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI
from faststream.kafka.security import parse_security
from pydantic import SecretStr

from contracts.topics import fact_topic
from deploy.local.backends import Backends
from services.chassis.broker import security
from services.chassis.settings import Settings
from services.chassis.store import Row, Store
from services.registry.finding.finding import Finding
from services.registry.projections import projected
from services.registry.projections.projected import Projected, project
from tests.kit.registry.app import app_of, bearer


async def ask(app: FastAPI, path: str, method: str = "GET", **more: Any) -> httpx.Response:
    """One request of somebody who may read the register."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://register") as client:
        return await client.request(method, path, headers=bearer("auditor"), **more)


def settings_for(backends: Backends, folder: Path | None) -> Settings:
    login = backends.kafka
    password = SecretStr(login.password) if login.password else None
    return Settings(
        kafka_url=login.bootstrap,
        kafka_username=login.username,
        kafka_password=password,
        index_dir=str(folder) if folder else "",
    )


class World:
    """A store with pilots, the register's topic, and an app whose index follows it."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings
        self.app = app_of(store, settings)

    @asynccontextmanager
    async def following(self, *beside: Projected) -> AsyncIterator[None]:
        """The indexes kept up, as the process does it; other views beside them."""
        task = asyncio.create_task(project(self.app, self.store, self.settings, (projected.FINDING, *beside)))
        try:
            yield
            assert not task.done(), "it never ends by itself"
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @property
    def finding(self) -> Finding:
        found: Finding = self.app.state.finding
        return found

    async def change(self, *rows: Row) -> None:
        """Writes pilots, and facts that say so, in the order in which the engine does."""
        await self.store.put("subjects", rows)
        await self.say(*(one["_id"] for one in rows))

    async def say(self, *subjects: str) -> None:
        """Facts about these subjects in the register's topic."""
        login = parse_security(security(self.settings))
        async with AIOKafkaProducer(bootstrap_servers=self.settings.kafka_url, acks="all", **login) as producer:
            for subject in subjects:
                await producer.send_and_wait(fact_topic("registry"), b"{}", key=subject.encode())

    async def titles(self, words: str) -> list[str] | None:
        """What the search says; None while it does not answer."""
        answer = await ask(self.app, "/v1/search", params={"q": words})
        return [one["title"] for one in answer.json()["items"]] if answer.status_code == 200 else None

    def answers(self) -> bool:
        """Whether the index has been made."""
        found = getattr(self.app.state, "finding", None)
        return found is not None and found.complete
