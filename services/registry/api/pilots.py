"""Pilots over HTTP: list and card, now or as of a moment; timeline, clock, risks, results and replicas of one."""

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse

from contracts.reference import ROLES, Role
from services.chassis.auth import allow
from services.chassis.problems import Problematic
from services.chassis.store import SUBJECTS
from services.chassis.web import PAGE, After, EngineOf, Limit, Named, Page, card, cursor_values, document, page
from services.law.explanation import explain
from services.registry import queries, views
from services.registry.api import memory
from services.registry.api.asked import Value
from services.registry.api.memory import AsOf
from services.registry.api.persons import NamingOf
from services.registry.domain.stages import Stage
from services.registry.domain.state import KIND, OwnTerm, Pilot

READERS: Final = tuple(role for role in ROLES if role not in (Role.EXPERT, Role.OPS))
"""Who reads the register: all but experts, who see only what is assigned to them, and ops."""
LATEST: Final = datetime.max.replace(tzinfo=UTC)


class Counted(Page):
    """A part of a list, and how long it is in all where that was asked."""

    count: queries.Count | None = None


def routes() -> APIRouter:
    """What those who may read the register read of its pilots."""
    router = APIRouter(prefix="/v1/pilots", tags=["pilots"], dependencies=[Depends(allow(*READERS))])
    _list(router)
    _card(router)
    _parts(router)
    return router


def _list(router: APIRouter) -> None:
    @router.get("", response_model_exclude_unset=True)
    async def pilots(
        engine: EngineOf,
        stage: Stage | None = None,
        agency: Value | None = None,
        sector: Value | None = None,
        number: Value | None = None,
        as_of: AsOf = None,
        after: After = None,
        limit: Limit = PAGE,
        count: Annotated[bool, Query(description="Also say how many there are, up to 10,000")] = False,
    ) -> Counted:
        """Pilots, the newest first; with `as_of` those that stood at this stage, in this sector, at that moment."""
        then = None if as_of is None else memory.moment_of(as_of, views.ZONE, engine.now())
        query, show, fields = queries.listed(then, stage, agency, sector, number)
        part = query if after is None else {**query, "state.entered": _not_newer(query, after)}
        hint = None if then is None else queries.index_as_of(stage, agency, sector)
        found = await page(
            engine.store,
            SUBJECTS,
            part,
            queries.NEWEST,
            after=after,
            limit=limit,
            show=show,
            fields=fields,
            hint=hint,
        )
        counted = {"count": await queries.count(engine.store, query, hint)} if count else {}
        return Counted(items=found.items, next=found.next, **counted)


def _not_newer(query: queries.View, after: str) -> queries.View:
    """The bound on the entry, no newer than the cursor's: so an index is read from there, not from its beginning."""
    entered, last = query["state.entered"], cursor_values(after, len(queries.NEWEST))[0]
    return {**entered, "$lte": min(str(last), str(entered.get("$lte", last)))}


def _card(router: APIRouter) -> None:
    @router.get("/{pilot}")
    async def pilot(pilot: str, engine: EngineOf, names: NamingOf, as_of: AsOf = None) -> Response:
        """One pilot: where it stands, who has the next move, what was decided; with `as_of` as it was known then."""
        if as_of is None:
            found = await memory.whole(engine, pilot)
            shown = views.internal(found)
            return card({**shown, "persons": await names.of(shown)}, found.rev)
        then = await memory.card_of(engine, await document(engine, pilot, KIND), as_of)
        return JSONResponse({**then, "persons": await names.of(then)})

    @router.get("/{pilot}/timeline")
    async def timeline(
        pilot: str,
        engine: EngineOf,
        names: NamingOf,
        after: After = None,
        limit: Limit = PAGE,
        diff: Annotated[bool, Query(description="Also say what each entry changed on the card")] = False,
    ) -> Named:
        """Everything the register recorded on a pilot, in order: who, when, what, on which basis, what it changed."""
        await document(engine, pilot, KIND)
        found = await memory.timeline(engine, pilot, after, limit, diff=diff)
        return Named(items=found.items, next=found.next, persons=await names.of(found.items))


def _parts(router: APIRouter) -> None:
    @router.get("/{pilot}/clock")
    async def clock(
        pilot: str,
        engine: EngineOf,
        term: Annotated[Value | None, Query(description="Which term; without it the one that is due first")] = None,
    ) -> Response:
        """How the due date of an open term of the register comes about, day by day, in words of three languages."""
        found = await document(engine, pilot, KIND)
        assert isinstance(found.state, Pilot)
        running = _term(found.state, term)
        if running is None:
            raise Problematic(404, "term.none")
        told = explain(running.ledger, engine.now(), engine.calendars[running.ledger.term.calendar])
        return card(told.model_dump(mode="json"), found.rev)

    @router.get("/{pilot}/risks")
    async def risks(pilot: str, engine: EngineOf) -> Response:
        """The risks as they were said last: how likely, how grave, what is done, whose it is (риски)."""
        found = await document(engine, pilot, KIND)
        return card({"items": views.internal_part(found, "risks")["risks"]}, found.rev)

    @router.get("/{pilot}/results")
    async def results(pilot: str, engine: EngineOf) -> Response:
        """The agreed indicators: baseline, target, last value, share of the way, and all values (показатели)."""
        found = await memory.whole(engine, pilot)
        return card(queries.results(found), found.rev)

    @router.get("/{pilot}/replicas")
    async def replicas(pilot: str, engine: EngineOf) -> Response:
        """What copies this pilot and how it came out; and which pilot this one copies (тиражирование)."""
        found = await document(engine, pilot, KIND)
        return card(await queries.replicas(engine.store, found), found.rev)


def _term(state: Pilot, kind: str | None) -> OwnTerm | None:
    """The register's open term of a kind; of all, the one that is due first, a stopped one last."""
    if kind is not None:
        return state.own_term(kind)
    running = [one for one in state.own_terms if one.open]
    due = {one.kind: one.clock.due_at or LATEST for one in running}
    return min(running, key=lambda one: due[one.kind], default=None)
