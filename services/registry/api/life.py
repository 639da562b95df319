"""The life of a pilot over HTTP: what officials enter, each step in a role of its own, on a document, in its order.

The bodies are the steps of the contracts, read strictly, and the domain takes them as they are.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from contracts.reference import Role
from contracts.steps import (
    AgreementEntry,
    AgreementFailure,
    Commission,
    Correction,
    CreditDecision,
    EarlyStop,
    ExpediencyDecision,
    Judgement,
    Launch,
    PilotExtension,
    PilotResumption,
    PilotSuspension,
    Proposal,
    ScalingDecision,
)
from services.chassis.body import Body
from services.chassis.hand import Hand, hand
from services.registry.domain.state import KIND

CouncilSecretary = Annotated[Hand, Depends(hand(Role.COUNCIL_SECRETARY))]
Registrar = Annotated[Hand, Depends(hand(Role.REGISTRAR))]
HeadOrganisation = Annotated[Hand, Depends(hand(Role.HEAD_ORGANISATION))]
CommissionSecretary = Annotated[Hand, Depends(hand(Role.COMMISSION_SECRETARY))]


def routes() -> APIRouter:
    """The commands of a pilot's life, each with If-Match and an Idempotency-Key."""
    router = APIRouter(prefix="/v1/pilots/{pilot}", tags=["life"])
    _council(router)
    _agreeing(router)
    _carrying_out(router)
    _judging(router)
    return router


def _council(router: APIRouter) -> None:
    @router.post("/expediency-decision")
    async def expediency(pilot: str, step: Body[ExpediencyDecision], by: CouncilSecretary) -> Response:
        """The council's decision (решение о целесообразности); expedient makes the initiator the executor."""
        return await by.give(pilot, KIND, step)

    @router.post("/credit-decision")
    async def credit(pilot: str, step: Body[CreditDecision], by: CouncilSecretary) -> Response:
        """Whether a product in use counts as a pilot (зачёт), where the edition knows that."""
        return await by.give(pilot, KIND, step)

    @router.post("/scaling-decision")
    async def scaling(pilot: str, step: Body[ScalingDecision], by: CouncilSecretary) -> Response:
        """What follows from an effective pilot (решение о тиражировании)."""
        return await by.give(pilot, KIND, step)


def _agreeing(router: APIRouter) -> None:
    @router.post("/agreement")
    async def agreement(pilot: str, step: Body[AgreementEntry], by: Registrar) -> Response:
        """The agreement of executor and customer (соглашение)."""
        return await by.give(pilot, KIND, step)

    @router.post("/agreement-failure")
    async def agreement_failure(pilot: str, step: Body[AgreementFailure], by: Registrar) -> Response:
        """Executor and customer did not agree (соглашение не достигнуто)."""
        return await by.give(pilot, KIND, step)


def _carrying_out(router: APIRouter) -> None:
    @router.post("/launch")
    async def launch(pilot: str, step: Body[Launch], by: Registrar) -> Response:
        """Carrying out began (начало реализации)."""
        return await by.give(pilot, KIND, step)

    @router.post("/suspension")
    async def suspension(pilot: str, step: Body[PilotSuspension], by: Registrar) -> Response:
        """Carrying out stands still, and so do its clocks (приостановление)."""
        return await by.give(pilot, KIND, step)

    @router.post("/resumption")
    async def resumption(pilot: str, step: Body[PilotResumption], by: Registrar) -> Response:
        """Carrying out goes on (возобновление)."""
        return await by.give(pilot, KIND, step)

    @router.post("/extension")
    async def extension(pilot: str, step: Body[PilotExtension], by: Registrar) -> Response:
        """Carrying out may take longer (продление срока реализации)."""
        return await by.give(pilot, KIND, step)

    @router.post("/early-stop")
    async def early_stop(pilot: str, step: Body[EarlyStop], by: Registrar) -> Response:
        """Carrying out is stopped for good (досрочное прекращение)."""
        return await by.give(pilot, KIND, step)

    @router.post("/corrections")
    async def correction(pilot: str, step: Body[Correction], by: Registrar) -> Response:
        """A new entry stands in the place of a wrong one, which stays in the timeline (исправление)."""
        return await by.give(pilot, KIND, step)


def _judging(router: APIRouter) -> None:
    @router.post("/commission")
    async def commission(pilot: str, step: Body[Commission], by: HeadOrganisation) -> Response:
        """Members and secretary of the pilot's commission, named beforehand (состав комиссии)."""
        return await by.give(pilot, KIND, step)

    @router.post("/effectiveness-proposal")
    async def proposal(pilot: str, step: Body[Proposal], by: HeadOrganisation) -> Response:
        """The head organisation's information and proposal (предложение об эффективности)."""
        return await by.give(pilot, KIND, step)

    @router.post("/judgement")
    async def judgement(pilot: str, step: Body[Judgement], by: CommissionSecretary) -> Response:
        """The commission's judgement on its minutes (решение комиссии, протокол)."""
        return await by.give(pilot, KIND, step)
