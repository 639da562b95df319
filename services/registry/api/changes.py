"""The change feed over HTTP: what the register recorded, in order, to be followed without asking for everything."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from services.chassis.gate import ShareOf
from services.chassis.problems import Problematic
from services.chassis.store import Row
from services.chassis.web import PAGE, EngineOf, Limit
from services.registry import sight
from services.registry.api.access import Eyes
from services.registry.api.answers import ToldChanges
from services.registry.api.persons import NamingOf
from services.registry.feed import Changes, Feed
from services.registry.views import View

LONGEST_WAIT = 30
"""Seconds."""
LONGEST_CURSOR = 6_000
"""Characters: with all that a cursor remembers, of a topic of many more partitions than the register's own has."""

From = Annotated[
    str | None,
    Query(max_length=LONGEST_CURSOR, description="The `next` of the answer before; `now`: from the end; none: all"),
]
Wait = Annotated[int, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for something to come")]


async def feed_of(request: Request) -> Feed:
    """The feed of this replica. Raises Problematic 503 before it is there."""
    found: Feed | None = getattr(request.app.state, "changes", None)
    if found is None:
        headers = {"Retry-After": "1"}
        raise Problematic(503, "feed.starting", action="retry", headers=headers)
    return found


def routes() -> APIRouter:
    """The feed, for those who may read the register."""
    router = APIRouter(prefix="/v1/changes", tags=["changes"])

    @router.get("", response_model=ToldChanges)
    async def changes(
        request: Request,
        eyes: Eyes,
        who: ShareOf,
        engine: EngineOf,
        feed: Annotated[Feed, Depends(feed_of)],
        names: NamingOf,
        after: From = None,
        limit: Limit = PAGE,
        wait: Wait = 0,
    ) -> Changes:
        """What was recorded after a cursor, each pilot's facts in order and none left out that the caller sees, each
        with its pilot's number and title.

        A fact may come again only long after it came first, with the same `event`. Publishers are not told of a
        `sequence`: they do not see every fact.
        """

        async def gone() -> bool:
            # Who waits must not keep a process that is to stop: the answer is an empty one, its cursor holds.
            stopping: asyncio.Event | None = getattr(request.app.state, "stopping", None)
            return (stopping is not None and stopping.is_set()) or await request.is_disconnected()

        async def told(rows: Sequence[Row]) -> list[View]:
            return await sight.told(engine.store, eyes, rows)

        found = await feed.changes(who, after, limit, wait, gone, told)
        called = await sight.called(engine.store, eyes, (one["subject"] for one in found.items))
        items = [{**one, **called.get(one["subject"], {})} for one in found.items]
        return found.model_copy(update={"items": items, "persons": await names.of(items)})

    return router
