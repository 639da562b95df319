"""Expertise over HTTP: the operator's queues, assignment, the expert's opinion, the conclusion."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from contracts.reference import OrganisationId, Remark, Verdict
from services.chassis.auth import Caller, allow
from services.chassis.commands import Hand, hand
from services.chassis.problems import Problematic
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
from services.expertise import queries
from services.expertise.domain.pilot import KIND, Assign, Conclude, GiveOpinion, Review, Status

Operator = Annotated[Hand, Depends(hand("operator"))]
Expert = Annotated[Hand, Depends(hand("expert"))]
Reader = Annotated[Caller, Depends(allow("operator", "expert", "approver", "auditor"))]
SEE_ALL = frozenset({"operator", "approver", "auditor"})


class Assignment(BaseModel):
    """Which expert, and from which organisation."""

    expert_id: str = Field(min_length=1, max_length=128)
    organisation: OrganisationId


class Judgement(BaseModel):
    """A verdict with its reasoning and remarks."""

    verdict: Verdict
    text: str = Field(min_length=1, max_length=20_000)
    remarks: list[Remark] = Field(default_factory=list, max_length=200)


def make_router() -> APIRouter:
    """All routes of expertise."""
    router = APIRouter(prefix="/v1/reviews", tags=["reviews"])
    _reading(router)
    _working(router)
    return router


def _reading(router: APIRouter) -> None:
    @router.get("")
    async def reviews(
        engine: EngineOf,
        caller: Reader,
        status: Status | None = None,
        after: After = None,
        limit: Limit = PAGE,
    ) -> Page:
        """Reviews, the longest open first. An expert sees only those assigned to the expert."""
        query = queries.reviews(status, None if caller.roles & SEE_ALL else caller.id)
        return await page(
            engine.store, "subjects", query, queries.BY_AGE, after=after, limit=limit, show=queries.review_row
        )

    @router.get("/{pilot}")
    async def review(pilot: str, engine: EngineOf, caller: Reader) -> Response:
        """One review. For an expert who is not assigned to it, it does not exist."""
        found = await document(engine, pilot, KIND)
        assert isinstance(found.state, Review)
        if not caller.roles & SEE_ALL and caller.id not in found.state.experts:
            raise Problematic(404, "not-found", "There is nothing with this id here.")
        return card(queries.review_card(found), found.rev)


def _working(router: APIRouter) -> None:
    @router.post("/{pilot}/assignment")
    async def assign(pilot: str, body: Assignment, by: Operator) -> Response:
        """Assigns an expert (назначить эксперта); refused where the expert comes from a party."""
        return await by.give(pilot, KIND, Assign(body.expert_id, body.organisation))

    @router.post("/{pilot}/opinion")
    async def opinion(pilot: str, body: Judgement, by: Expert) -> Response:
        """The assigned expert's opinion (мнение эксперта)."""
        found = await document(by.engine, pilot, KIND)
        assert isinstance(found.state, Review)
        if by.caller.id not in found.state.experts:
            raise Problematic(404, "not-found", "There is nothing with this id here.")
        return await by.give(pilot, KIND, GiveOpinion(body.verdict, body.text, tuple(body.remarks)))

    @router.post("/{pilot}/conclusion")
    async def conclude(pilot: str, body: Judgement, by: Operator) -> Response:
        """The operator's conclusion (заключение)."""
        return await by.give(pilot, KIND, Conclude(body.verdict, body.text, tuple(body.remarks)))
