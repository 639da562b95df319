"""What is one's own: notices (уведомления)."""

from collections.abc import Set
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from pydantic import Field

from contracts.event import Contract
from contracts.expertise import ExpertReleasedV1
from contracts.reference import Role
from contracts.text import line
from services.chassis.answers import Named
from services.chassis.auth import Caller, allow
from services.chassis.body import Body
from services.chassis.engine import Engine
from services.chassis.sight import Query, hidden_pilots
from services.chassis.store import BY_ID, SUBJECTS
from services.chassis.web import PAGE, After, EngineOf, Limit
from services.expertise import queries, rows
from services.expertise.api import persons
from services.expertise.api.answers import Marked, Notice
from services.expertise.api.lists import paged, wired
from services.expertise.handlers import NOTICES
from services.expertise.queries import NEWEST, OF_EXPERT
from services.expertise.sight import Sight, sight

Noticed = Annotated[Caller, Depends(allow(Role.OPERATOR, Role.EXPERT, Role.APPROVER))]
CALLED: Final = ("state.number", "state.application.title")
MOST_CASES: Final = 10_000
"""Of how many cases a person's notices are looked for."""


class Read(Contract):
    """Which notices were read."""

    # Not in contracts.steps: a mark on one's own rows, of which no fact tells.

    ids: list[Annotated[str, Field(min_length=1, max_length=300), line()]] = Field(min_length=1, max_length=500)


def add(router: APIRouter) -> None:
    """`/me/notices`."""

    @router.get("/me/notices", tags=["notices"])
    async def notices(
        engine: EngineOf, caller: Noticed, unread: bool = False, after: After = None, limit: Limit = PAGE
    ) -> Named[Notice]:
        """The caller's notices, the newest first, each with its pilot's number and title, and with who acted for who
        sees all cases; none about a case that the caller may not see."""
        eyes = sight(caller)
        asked = queries.notices(caller.id, unread, await _about(engine, eyes))
        show = partial(rows.notice_row, persons=eyes.all_cases)
        found = await paged(engine.store, asked, after=after, limit=limit, show=show, collection=NOTICES)
        called = await _called(engine, {item["pilot"] for item in found.items})
        items = [{**item, **called.get(item["pilot"], {})} for item in found.items]
        return Named[Any](items=items, next=found.next, persons=await persons.names(engine, caller, items))

    @router.post("/me/notices/read", tags=["notices"])
    async def read(engine: EngineOf, caller: Noticed, body: Body[Read]) -> Marked:
        """Marks notices as read; those that are marked already, or are not the caller's, stay as they are."""
        asked = queries.notices(caller.id, True, await _about(engine, sight(caller)))
        marked = await engine.store.mark(NOTICES, {**asked.query, "_id": {"$in": body.ids}}, {"read": wired(engine)})
        return Marked(marked=marked)


async def _called(engine: Engine, pilots: Set[str]) -> dict[str, dict[str, Any]]:
    """What people call these pilots."""
    query = {"_id": {"$in": sorted(pilots)}}
    found = await engine.store.rows(SUBJECTS, query, sort=BY_ID, limit=len(pilots), fields=CALLED) if pilots else []
    return {
        row["_id"]: {"number": row["state"]["number"], "title": row["state"]["application"]["title"]} for row in found
    }


async def _about(engine: Engine, eyes: Sight) -> Query:
    """Notices about cases that the caller may see.

    An expert is also told of an assignment that was taken back, after which the case is not to be seen any more.
    """
    not_hidden = replace(eyes, hidden=await hidden_pilots(engine.store, eyes.id)).but("pilot")
    if eyes.all_cases:
        return not_hidden
    seen = await engine.store.rows(
        SUBJECTS, eyes.where(), sort=NEWEST, limit=MOST_CASES, fields=["_id"], hint=OF_EXPERT
    )
    own = {"pilot": {"$in": [row["_id"] for row in seen]}}
    return {"$or": [own, {**not_hidden, "fact": ExpertReleasedV1.TYPE}]}
