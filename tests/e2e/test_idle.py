"""A system in which nothing happens asks seldom, and exports nothing: what people did stays to be found."""

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from pymongo import MongoClient

from contracts.agency import ApplicationSubmittedV2
from deploy.cli.desk import Desk
from deploy.cli.main_job import application
from deploy.local.stack import Stack
from tests.conftest import Eventually

pytestmark = [pytest.mark.timeout(400)]
V2 = ApplicationSubmittedV2.TYPE
WINDOW = 10.0
FINDS = 30
"""How many finds a calm system of three services makes in such a time at most; it made a hundred."""


def spans(stack: Stack) -> int:
    """How many spans are kept."""
    with closing(sqlite3.connect(f"{(stack.folder / 'traces.sqlite').as_uri()}?mode=ro", uri=True)) as kept:
        return int(kept.execute("SELECT count(*) FROM spans").fetchone()[0])


def finds(stack: Stack) -> int:
    """How many finds MongoDB has answered."""
    with MongoClient[dict[str, Any]](stack.backends.mongo_url) as client:
        return int(client.admin.command("serverStatus")["opcounters"]["query"])


def asked_of(stack: Stack, services: set[str]) -> bool:
    """Whether the traces show what these services asked MongoDB for; that begins none."""
    query = "SELECT service, parent_id FROM spans WHERE kind = 'client'"
    with closing(sqlite3.connect(f"{(stack.folder / 'traces.sqlite').as_uri()}?mode=ro", uri=True)) as kept:
        rows = kept.execute(query).fetchall()
    assert all(parent for _, parent in rows)
    return services <= {service for service, _ in rows}


async def test_an_idle_system_asks_seldom_and_exports_nothing(
    stack: Stack, desk: Desk, agency: str, eventually: Eventually
) -> None:
    event = application(1, agency, kind=V2)
    assert desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=event).status_code == 201
    await eventually(lambda: asked_of(stack, {"intake", "registry"}), 60)
    for _ in range(12):
        before = spans(stack), finds(stack)
        await asyncio.sleep(WINDOW)
        made, asked = spans(stack) - before[0], finds(stack) - before[1]
        if made == 0 and asked <= FINDS:
            return
    pytest.fail(f"{made} spans and {asked} finds in {WINDOW:.0f} s")
