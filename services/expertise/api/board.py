"""The board: everything that is owed in open cases, by whom and by when; and how much each expert has in hand."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from contracts.text import sought
from services.chassis.answers import Named
from services.chassis.web import PAGE, After, EngineOf, Limit
from services.expertise import queries, rows
from services.expertise.api import persons
from services.expertise.api.access import Overseer
from services.expertise.api.answers import BoardLine, Burden
from services.expertise.api.lists import FiltersOf, loads, paged
from services.expertise.domain.state import OwedBy
from services.expertise.queries import BoardState, Debtor
from services.expertise.sight import sight


def add(router: APIRouter) -> None:
    """`/board`."""

    @router.get("/board", tags=["board"], response_model=Named[BoardLine])
    async def board(
        engine: EngineOf,
        caller: Overseer,
        wanted: FiltersOf,
        by: OwedBy | None = None,
        who: Annotated[str | None, Query(max_length=128), sought(128)] = None,
        state: BoardState | None = None,
        after: After = None,
        limit: Limit = PAGE,
    ) -> Named[Any]:
        """Open cases with what is owed in each, what is due first coming first. `by` is a role, `who` a person."""
        now, debtor, eyes = engine.now(), Debtor(by, who), sight(caller)
        found = await paged(
            engine.store,
            queries.board(eyes, debtor, state, wanted, now),
            after=after,
            limit=limit,
            show=lambda row: rows.case_row(row, now, eyes, engine.calendars, debtor),
            fields=rows.ROW,
        )
        return Named[Any](items=found.items, next=found.next, persons=await persons.names(engine, caller, found.items))

    @router.get("/board/experts", tags=["board"])
    async def experts(engine: EngineOf, caller: Overseer, after: After = None, limit: Limit = PAGE) -> Named[Burden]:
        """Each active expert's load and capacity. Two assignments at once may exceed a capacity: `over` shows it."""
        asked = queries.experts(None, True, None)
        found = await paged(
            engine.store, asked, after=after, limit=limit, show=lambda row: dict(row["state"]), fields=["state"]
        )
        known = await loads(engine.store, sight(caller), [entry["expert_id"] for entry in found.items])
        names = await persons.names(engine, caller, found.items)
        items = [_burden(entry, known[entry["expert_id"]]) for entry in found.items]
        return Named[Any](items=items, next=found.next, persons=names)


def _burden(entry: dict[str, Any], load: int) -> dict[str, Any]:
    capacity = entry["capacity"]
    return {"id": entry["expert_id"], "load": load, "capacity": capacity, "over": max(0, load - capacity)}
