"""The register that is open to all: read alone, without a token, from the public view and the public index alone.

Limits, caches and other sites' pages are the affair of `services/chassis/public.py`, which stands before these paths.
A pilot that is not public is not there: 404 as for one that does not exist.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from contracts.entered import YEARS
from services.chassis.engine import Engine
from services.chassis.problems import Problematic
from services.chassis.public import conditional_response
from services.chassis.store import SUBJECTS
from services.chassis.subject import Document
from services.chassis.web import PAGE, After, EngineOf, Limit, document, page
from services.registry import queries, views
from services.registry.api import memory
from services.registry.api.answers import (
    FoundPublicPilots,
    PublicPilotCard,
    PublicPilotCardThen,
    PublicPilots,
    PublicReplicas,
    PublicTimeline,
)
from services.registry.api.asked import Value
from services.registry.api.finding import AskedOf, Asking, AskingOf, Facets, counted, found, found_in, rows_of
from services.registry.api.memory import AsOf
from services.registry.domain.state import KIND
from services.registry.finding.entries import Order
from services.registry.finding.questions import Asked, Hits
from services.registry.history import whole
from services.registry.naming import openly

PUBLIC_ORDERS: Final[tuple[Order, ...]] = ("relevance", "entered", "amount", "published")
"""The orders that the public view has keys for; terms are not shown."""
Year = Annotated[int | None, Query(ge=YEARS[0], le=YEARS[-1])]


def routes() -> APIRouter:
    """List, card, timeline, search and facets, for everyone."""
    router = APIRouter(prefix="/public/v1", tags=["public"])
    for path, answer, model in (
        ("/pilots", _pilots, PublicPilots),
        ("/pilots/{pilot}", _pilot, PublicPilotCard | PublicPilotCardThen),
        ("/pilots/{pilot}/timeline", _timeline, PublicTimeline),
        ("/pilots/{pilot}/replicas", _replicas, PublicReplicas),
        ("/search", _search, FoundPublicPilots),
        ("/facets", _facets, Facets),
    ):
        opened(router, path, answer, model)
    return router


def opened(router: APIRouter, path: str, answer: Callable[..., Any], model: Any, **more: Any) -> None:
    """A path that is open to all: asked for, and asked about alone."""
    name = answer.__name__.strip("_")
    router.add_api_route(path, answer, methods=["GET"], response_model=model, name=f"public_{name}", **more)
    router.add_api_route(path, answer, methods=["HEAD"], include_in_schema=False, response_model=None)


async def _pilots(
    request: Request,
    engine: EngineOf,
    sector: Value | None = None,
    stage: Value | None = None,
    agency: Value | None = None,
    year: Year = None,
    after: After = None,
    limit: Limit = PAGE,
) -> Response:
    """Public pilots, the newest first. `year` is that of the entry."""
    query = queries.public_pilots(stage, agency, sector, year)
    some = await page(
        engine.store,
        SUBJECTS,
        query,
        queries.NEWEST,
        after=after,
        limit=limit,
        show=views.public_row,
        fields=queries.PUBLIC_ROW,
    )
    return conditional_response(request, await openly(engine.store, some.model_dump(mode="json")))


async def _pilot(request: Request, pilot: str, engine: EngineOf, as_of: AsOf = None) -> Response:
    """One pilot, with what the public may know of it; with `as_of` as it stood in the public register then."""
    found = await _public(engine, pilot)
    if as_of is not None:
        return conditional_response(request, await memory.public_card_of(engine, found, as_of))
    card = await queries.public_card(engine.store, views.public(await whole(engine.store, found)))
    return conditional_response(request, card)


async def _timeline(
    request: Request, pilot: str, engine: EngineOf, as_of: AsOf = None, after: After = None, limit: Limit = PAGE
) -> Response:
    """What happened to a pilot, in order: what, when, on which basis; with `as_of` what was recorded by then."""
    found = await _public(engine, pilot)
    until = None if as_of is None else memory.moment_for(engine, found, as_of)
    some = await memory.public_timeline(engine, pilot, after, limit, until)
    return conditional_response(request, some.model_dump(mode="json"))


async def _replicas(
    request: Request, pilot: str, engine: EngineOf, as_of: AsOf = None, after: After = None, limit: Limit = PAGE
) -> Response:
    """The public pilots that copy this one, and the one that it copies itself where that is public, too; with `as_of`
    those that are public now and were then, and copied it then, each as it stood then: `complete` is false where one
    of them cannot be told, for its timeline is not whole."""
    found = await _public(engine, pilot)
    if as_of is not None:
        return conditional_response(request, await memory.public_replicas_of(engine, found, as_of, after, limit))
    one = views.public_part(found, "number", "application")
    some = await page(
        engine.store,
        SUBJECTS,
        queries.public_replicas(pilot, one["number"]),
        queries.BY_REPLICA,
        after=after,
        limit=limit,
        show=views.public_row,
        fields=queries.PUBLIC_ROW,
        hint=queries.OF_PARENT,
    )
    parent = await queries.public_parent(engine.store, one["application"]["replicates"])
    shown = {"parent": parent, **some.model_dump(mode="json"), "complete": True}
    return conditional_response(request, await openly(engine.store, shown))


async def _search(
    request: Request,
    what: AskedOf,
    engine: EngineOf,
    asking: AskingOf,
    sort: Order = "relevance",
    after: After = None,
    limit: Limit = PAGE,
) -> Response:
    """Public pilots that fit the words and the filters."""
    hits, rows = await some_of(engine, asking, what, sort, after, limit)
    return conditional_response(request, found(hits, rows, asking).model_dump(mode="json"))


async def some_of(
    engine: Engine, asking: Asking, what: Asked, sort: Order, after: str | None, limit: int
) -> tuple[Hits, list[views.View]]:
    """A page of what is found, as the public sees it. Raises Problematic for an order that there is not outside."""
    if sort not in PUBLIC_ORDERS:
        raise Problematic(422, "sort.unknown", orders=PUBLIC_ORDERS)
    hits = await found_in(asking, asking.finding.answering(asking.finding.public), what, sort, after, limit)
    return hits, await lines_of(engine, hits.ids)


async def lines_of(engine: Engine, ids: Sequence[str]) -> list[views.View]:
    """The lines of these pilots, in their order. What has ceased to be public since it was indexed is left out."""
    rows = await rows_of(engine.store, ids, queries.PUBLIC_ROW)
    lines: list[views.View] = await openly(
        engine.store, [views.public_row(row) for row in rows if views.is_public(row)]
    )
    return lines


async def _facets(request: Request, what: AskedOf, asking: AskingOf) -> Response:
    """How many public pilots there are by sector, stage, region, agency, money source, year and office."""
    answer = await counted(asking, asking.finding.answering(asking.finding.public), what)
    return conditional_response(request, answer.model_dump(mode="json"))


async def _public(engine: Engine, pilot: str) -> Document:
    found = await document(engine, pilot, KIND)
    if not views.is_public(found):
        raise Problematic(404, "not-found")
    return found
