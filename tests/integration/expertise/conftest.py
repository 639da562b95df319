"""Worlds of the expertise on a real mongod."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from contracts.rules import RuleBook
from services.chassis.store import Store, open_client
from tests.kit.expertise.cases import Build
from tests.kit.expertise.world import World, book


@pytest.fixture
async def build(mongo_url: str) -> AsyncIterator[Build]:
    """Worlds, each on a database of its own."""
    client, names = open_client(mongo_url), list[str]()

    async def built(rules: RuleBook | None = None, name: str = "w") -> World:
        names.append(f"test_{uuid4().hex[:12]}")
        return await World(Store(client, names[-1]), rules or book(), name).prepare()

    yield built
    for name in names:
        await client.drop_database(name)
    client.close()


@pytest.fixture
async def world(build: Build) -> World:
    """A world with a few experts."""
    made = await build()
    for name in "abc":
        await made.enter(f"expert-{name}")
    return made
