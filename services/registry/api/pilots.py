"""Pilots over HTTP: list and card, now or as of a moment; timeline, clock, risks, results and replicas of one."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from contracts.reference import Scope
from services.chassis.auth import allow
from services.chassis.counting import counted
from services.chassis.described import SAME
from services.chassis.numbered import AS_KNOWN
from services.chassis.problems import Problematic
from services.chassis.store import SUBJECTS
from services.chassis.web import PAGE, After, EngineOf, Limit, cursor_values, page
from services.law.explanation import explain
from services.registry import queries, sight, views
from services.registry.api import memory
from services.registry.api.access import Eyes, answer, known, own, with_entries
from services.registry.api.answers import (
    Counted,
    PilotCard,
    PilotCardThen,
    PilotClock,
    Pilots,
    PublicPilotCard,
    ReplicasOf,
    ResultsOf,
    RisksOf,
    Timeline,
)
from services.registry.api.asked import Ids, Value
from services.registry.api.memory import AsOf
from services.registry.api.persons import NamingOf
from services.registry.domain.stages import Stage
from services.registry.domain.state import OwnTerm, Pilot
from services.registry.sight import READERS

LATEST: Final = datetime.max.replace(tzinfo=UTC)


def routes() -> APIRouter:
    """What those who may read the register read of its pilots."""
    router = APIRouter(
        prefix="/v1/pilots", tags=["pilots"], dependencies=[Depends(allow(*READERS, scope=Scope.REGISTER))]
    )
    _list(router)
    _card(router)
    _parts(router)
    return router


def _list(router: APIRouter) -> None:
    @router.get("", response_model=Pilots, response_model_exclude_unset=True)
    async def pilots(
        engine: EngineOf,
        eyes: Eyes,
        stage: Stage | None = None,
        agency: Value | None = None,
        sector: Value | None = None,
        number: Annotated[Value | None, AS_KNOWN] = None,
        id: Ids = [],  # noqa: B006  FastAPI copies it
        as_of: AsOf = None,
        after: After = None,
        limit: Limit = PAGE,
        count: Annotated[bool, Query(description="Also say how many there are, up to 10,000")] = False,
    ) -> Counted:
        """Pilots, the newest first; with `id` no others than these; with `as_of` those that stood at this stage, in
        this sector, at that moment."""
        then = None if as_of is None else memory.moment_of(as_of, views.ZONE, engine.now())
        asked = sight.listed(eyes, then, sight.Asked(stage, agency, sector, number, tuple(id)))
        part = asked.query if after is None else {**asked.query, "state.entered": _not_newer(asked.query, after)}
        found = await page(
            engine.store,
            SUBJECTS,
            part,
            queries.NEWEST,
            after=after,
            limit=limit,
            show=lambda row: row if then is None else queries.row_as_of(row, then),
            fields=asked.fields,
            hint=asked.index,
        )
        many = {"count": await counted(engine.store, SUBJECTS, asked.query, asked.index)} if count else {}
        items = found.items if then is not None else await sight.lines(engine.store, eyes, found.items)
        return Pilots(items=items, next=found.next, **many)


def _not_newer(query: queries.View, after: str) -> queries.View:
    """The bound on the entry, no newer than the cursor's: so an index is read from there, not from its beginning."""
    entered, last = query["state.entered"], cursor_values(after, len(queries.NEWEST))[0]
    return {**entered, "$lte": min(str(last), str(entered.get("$lte", last)))}


def _card(router: APIRouter) -> None:
    @router.get("/{pilot}", response_model=PilotCard | PilotCardThen | PublicPilotCard, responses=SAME)
    async def pilot(
        request: Request, pilot: str, engine: EngineOf, eyes: Eyes, names: NamingOf, as_of: AsOf = None
    ) -> Response:
        """One pilot: where it stands, who has the next move, what was decided; with `as_of` as it was known then.

        Of another agency's a publisher sees what the public sees.
        """
        if as_of is not None:
            then = await memory.card_of(engine, eyes, await own(engine, pilot, eyes), as_of)
            return JSONResponse({**then, "persons": await names.of(then)})
        found = await with_entries(engine, await known(engine, pilot, eyes))
        if not sight.is_whole(eyes, found):
            return answer(request, eyes, await queries.public_card(engine.store, views.public(found)), found.rev)
        shown = await sight.card(engine.store, eyes, found)
        return answer(request, eyes, {**shown, "persons": await names.of(shown)}, found.rev)

    @router.get("/{pilot}/timeline", response_model=Timeline, response_model_exclude_unset=True)
    async def timeline(
        pilot: str,
        engine: EngineOf,
        eyes: Eyes,
        names: NamingOf,
        after: After = None,
        limit: Limit = PAGE,
        diff: Annotated[bool, Query(description="Also say what each entry changed on the card")] = False,
    ) -> dict[str, Any]:
        """Everything the register recorded on a pilot, in order: who, when, what, on which basis, what it changed."""
        one = await known(engine, pilot, eyes)
        if not sight.is_whole(eyes, one):
            public = await memory.public_timeline(engine, pilot, after, limit)
            return {"items": public.items, "next": public.next, "persons": {}}
        query = await sight.timeline(engine.store, eyes, one)
        found = await memory.timeline(engine, eyes, query, after, limit, diff=diff)
        return {**found, "persons": await names.of(found["items"])}


def _parts(router: APIRouter) -> None:
    @router.get("/{pilot}/clock", response_model=PilotClock, responses=SAME)
    async def clock(
        request: Request,
        pilot: str,
        engine: EngineOf,
        eyes: Eyes,
        names: NamingOf,
        term: Annotated[Value | None, Query(description="Which term; without it the one that is due first")] = None,
    ) -> Response:
        """How the due date of an open term of the register comes about, day by day, in words of three languages."""
        found = await own(engine, pilot, eyes)
        assert isinstance(found.state, Pilot)
        running = _term(found.state, term)
        if running is None:
            raise Problematic(404, "term.none")
        told = explain(running.ledger, engine.now(), engine.calendars[running.ledger.term.calendar])
        shown = {**views.internal_part(found, "number", "title"), **told.model_dump(mode="json")}
        return answer(request, eyes, {**shown, "persons": await names.of(shown)}, found.rev)

    @router.get("/{pilot}/risks", response_model=RisksOf, responses=SAME)
    async def risks(request: Request, pilot: str, engine: EngineOf, eyes: Eyes) -> Response:
        """The risks as they were said last: how likely, how grave, what is done, whose it is (риски)."""
        found = await own(engine, pilot, eyes)
        return answer(request, eyes, {"items": views.internal_part(found, "risks")["risks"]}, found.rev)

    @router.get("/{pilot}/results", response_model=ResultsOf, responses=SAME)
    async def results(request: Request, pilot: str, engine: EngineOf, eyes: Eyes) -> Response:
        """The agreed indicators: baseline, target, last value, share of the way, and all values (показатели)."""
        found = await with_entries(engine, await known(engine, pilot, eyes))
        shown = queries.results(sight.part(eyes, found, "agreement", "values", "progress"))
        told = shown if sight.is_whole(eyes, found) else await sight.unnamed(engine.store, eyes, shown)
        return answer(request, eyes, told, found.rev)

    @router.get("/{pilot}/replicas", response_model=ReplicasOf, responses=SAME)
    async def replicas(request: Request, pilot: str, engine: EngineOf, eyes: Eyes) -> Response:
        """What copies this pilot and how it came out; and which pilot this one copies (тиражирование)."""
        found = await own(engine, pilot, eyes)
        shown = await queries.replicas(engine.store, found, lambda row: sight.sees(eyes, row))
        items = await sight.unnamed(engine.store, eyes, shown["items"])
        return answer(request, eyes, {**shown, "items": items}, found.rev)


def _term(state: Pilot, kind: str | None) -> OwnTerm | None:
    """The register's open term of a kind; of all, the one that is due first, a stopped one last."""
    if kind is not None:
        return state.own_term(kind)
    running = [one for one in state.own_terms if one.open]
    due = {one.kind: one.clock.due_at or LATEST for one in running}
    return min(running, key=lambda one: due[one.kind], default=None)
