"""Pilots over HTTP: list, card, timeline; the council's decision and the launch."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from contracts.event import Basis, Day
from contracts.reference import ROLES, Expediency
from services.chassis.auth import allow
from services.chassis.commands import Hand, hand
from services.chassis.web import (
    PAGE,
    After,
    EngineOf,
    Limit,
    Page,
    card,
    document,
    page,
)
from services.registry import queries, views
from services.registry.domain.pilot import KIND, DecideExpediency, Launch, Stage
from services.registry.handlers import TIMELINE

CouncilSecretary = Annotated[Hand, Depends(hand("council-secretary"))]
Registrar = Annotated[Hand, Depends(hand("registrar"))]
READERS: Final = tuple(role for role in ROLES if role not in ("expert", "ops"))
"""Who reads the register: all but experts, who see only what is assigned to them, and ops."""


class CouncilDecision(BaseModel):
    """The council's decision and the document it stands in."""

    decision: Expediency
    basis: Basis


class Counted(Page):
    """A part of a list, and how long it is in all where that was asked."""

    count: queries.Count | None = None


class LaunchOf(BaseModel):
    """The first day of carrying out and the document it rests on (the agreement)."""

    started: Day
    basis: Basis


def routes() -> APIRouter:
    """The routes of pilots, for those who may read the register or decide in it."""
    router = APIRouter(prefix="/v1/pilots", tags=["pilots"])
    _reading(router)
    _deciding(router)
    return router


def _reading(router: APIRouter) -> None:
    readers = [Depends(allow(*READERS))]

    @router.get("", dependencies=readers, response_model_exclude_unset=True)
    async def pilots(
        engine: EngineOf,
        stage: Stage | None = None,
        agency: str | None = None,
        sector: str | None = None,
        number: str | None = None,
        after: After = None,
        limit: Limit = PAGE,
        count: Annotated[bool, Query(description="Also say how many there are, up to 10,000")] = False,
    ) -> Counted:
        """Pilots, the newest first."""
        query = queries.pilots(stage, agency, sector, number)
        found = await page(
            engine.store, "subjects", query, queries.NEWEST, after=after, limit=limit, show=views.internal_row
        )
        counted = {"count": await queries.count(engine.store, query)} if count else {}
        return Counted(items=found.items, next=found.next, **counted)

    @router.get("/{pilot}", dependencies=readers)
    async def pilot(pilot: str, engine: EngineOf) -> Response:
        """One pilot: where it stands, who has the next move, what was decided."""
        found = await document(engine, pilot, KIND)
        return card(views.internal(found), found.rev)

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
            show=views.timeline,
        )


def _deciding(router: APIRouter) -> None:
    @router.post("/{pilot}/expediency-decision")
    async def expediency(pilot: str, body: CouncilDecision, by: CouncilSecretary) -> Response:
        """The council's decision (решение о целесообразности); expedient makes the initiator the executor."""
        return await by.give(pilot, KIND, DecideExpediency(body.decision, body.basis))

    @router.post("/{pilot}/launch")
    async def launch(pilot: str, body: LaunchOf, by: Registrar) -> Response:
        """Carrying out began (начало реализации)."""
        return await by.give(pilot, KIND, Launch(body.started, body.basis))
