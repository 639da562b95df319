"""The register over HTTP: list, card, timeline; the council's decision and the launch."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from contracts.event import Basis, Day
from contracts.reference import ROLES, Expediency
from services.chassis.auth import Caller, allow
from services.chassis.web import (
    PAGE,
    After,
    EngineOf,
    IfMatch,
    Key,
    Limit,
    Page,
    card,
    command,
    document,
    page,
)
from services.registry import queries
from services.registry.domain.pilot import KIND, DecideExpediency, Launch, Stage
from services.registry.handlers import TIMELINE

CouncilSecretary = Annotated[Caller, Depends(allow("council-secretary"))]
Registrar = Annotated[Caller, Depends(allow("registrar"))]
READERS: Final = tuple(role for role in ROLES if role not in ("expert", "ops"))
"""Who reads the register: all but experts, who see only what is assigned to them, and ops."""


class CouncilDecision(BaseModel):
    """The council's decision and the document it stands in."""

    decision: Expediency
    basis: Basis


class LaunchOf(BaseModel):
    """The first day of carrying out and the document it rests on (the agreement)."""

    started: Day
    basis: Basis


def make_router() -> APIRouter:
    """All routes of the registry."""
    router = APIRouter(prefix="/v1/pilots", tags=["pilots"])
    _reading(router)
    _deciding(router)
    return router


def _reading(router: APIRouter) -> None:
    readers = [Depends(allow(*READERS))]

    @router.get("", dependencies=readers)
    async def pilots(
        engine: EngineOf,
        stage: Stage | None = None,
        agency: str | None = None,
        sector: str | None = None,
        number: str | None = None,
        after: After = None,
        limit: Limit = PAGE,
    ) -> Page:
        """Pilots, the newest first."""
        query = queries.pilots(stage, agency, sector, number)
        return await page(
            engine.store, "subjects", query, queries.NEWEST, after=after, limit=limit, show=queries.pilot_row
        )

    @router.get("/{pilot}", dependencies=readers)
    async def pilot(pilot: str, engine: EngineOf) -> Response:
        """One pilot: where it stands, who has the next move, what was decided."""
        found = await document(engine, pilot, KIND)
        return card(queries.pilot_card(found), found.rev)

    @router.get("/{pilot}/timeline", dependencies=readers)
    async def timeline(pilot: str, engine: EngineOf, after: After = None, limit: Limit = PAGE) -> Page:
        """Everything the register recorded on a pilot, in order: who, when, what, on which basis."""
        await document(engine, pilot, KIND)
        return await page(
            engine.store,
            TIMELINE,
            {"pilot": pilot},
            queries.IN_ORDER,
            after=after,
            limit=limit,
            show=queries.timeline_row,
        )


def _deciding(router: APIRouter) -> None:
    @router.post("/{pilot}/expediency-decision")
    async def expediency(
        pilot: str,
        body: CouncilDecision,
        request: Request,
        engine: EngineOf,
        caller: CouncilSecretary,
        if_match: IfMatch = None,
        key: Key = None,
    ) -> Response:
        """The council's decision (решение о целесообразности); expedient makes the initiator the executor."""
        await document(engine, pilot, KIND)
        what = DecideExpediency(body.decision, body.basis)
        actor = caller.acting(frozenset({"council-secretary"}))
        return await command(request, pilot, what, caller, actor, if_match=if_match, key=key)

    @router.post("/{pilot}/launch")
    async def launch(
        pilot: str,
        body: LaunchOf,
        request: Request,
        engine: EngineOf,
        caller: Registrar,
        if_match: IfMatch = None,
        key: Key = None,
    ) -> Response:
        """Carrying out began (начало реализации)."""
        await document(engine, pilot, KIND)
        what = Launch(body.started, body.basis)
        actor = caller.acting(frozenset({"registrar"}))
        return await command(request, pilot, what, caller, actor, if_match=if_match, key=key)
