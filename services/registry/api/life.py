"""The life of a pilot over HTTP: what officials enter, each step in a role of its own, on a document, in its order.

A body holds nothing that is not known: what is misspelt is refused, not lost.
"""

from datetime import date
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Depends, Response
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    JsonValue,
    ModelWrapValidatorHandler,
    StrictBool,
    StrictInt,
    ValidationInfo,
    model_validator,
)
from pydantic import StringConstraints as Text

from contracts.entered import YEARS
from contracts.event import Basis, Day
from contracts.reference import Effectiveness, Expediency, Role
from contracts.registry import Agreement, Correctable, CriterionValue, FundingWindow, ReplicaPlan, Scaling, Votes
from services.chassis.hand import Hand, hand
from services.registry.domain.commands import (
    Agree,
    Correct,
    DecideCredit,
    DecideExpediency,
    DecideScaling,
    FailToAgree,
    Judge,
    Launch,
    NameCommission,
    Prolong,
    Propose,
    Resume,
    StopEarly,
    Suspend,
)
from services.registry.domain.decide import KIND

CouncilSecretary = Annotated[Hand, Depends(hand(Role.COUNCIL_SECRETARY))]
Registrar = Annotated[Hand, Depends(hand(Role.REGISTRAR))]
HeadOrganisation = Annotated[Hand, Depends(hand(Role.HEAD_ORGANISATION))]
CommissionSecretary = Annotated[Hand, Depends(hand(Role.COMMISSION_SECRETARY))]


def _near(day: date) -> date:
    if day.year not in YEARS:
        raise ValueError(f"the year must be from {YEARS[0]} to {YEARS[-1]}")
    return day


def _basis(basis: Basis) -> Basis:
    _near(basis.date)
    if not all(word.strip() for word in (basis.body, basis.kind, basis.number)):
        raise ValueError("a document has a body, a kind and a number")
    return basis


def _window(window: FundingWindow) -> FundingWindow:
    _near(window.opens)
    _near(window.closes)
    return window


def _agreement(agreement: Agreement) -> Agreement:
    _near(agreement.starts)
    _near(agreement.until)
    return agreement


NearDay = Annotated[Day, AfterValidator(_near)]
Document = Annotated[Basis, AfterValidator(_basis)]
Why = Annotated[str, Text(strip_whitespace=True, min_length=1, max_length=4_000)]
Words = Annotated[str, Text(strip_whitespace=True, min_length=1, max_length=20_000)]
Person = Annotated[str, Text(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@|-]{0,127}$")]
"""An opaque id, never a name: no word of a language fits."""
Persons = Annotated[list[Person], Field(min_length=1, max_length=100)]
Values = Annotated[list[CriterionValue], Field(max_length=100)]
EXACTLY: Final = "exactly"


class Body(BaseModel):
    """What a command says. A field that is not known is refused, also inside of what the contracts define."""

    @model_validator(mode="wrap")
    @classmethod
    def _exactly(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        if info.context is EXACTLY or not isinstance(value, dict):
            return handler(value)
        return cls.model_validate(value, extra="forbid", context=EXACTLY)


class ExpediencyOf(Body):
    """The council's decision and the document it stands in."""

    decision: Expediency
    basis: Document


class CreditOf(Body):
    """Whether a product in use counts as a pilot, on which evidence, and the document it stands in."""

    granted: StrictBool
    evidence: Words
    basis: Document


class AgreementOf(Body):
    """What executor and customer agreed on, and the agreement's own number and date."""

    agreement: Annotated[Agreement, AfterValidator(_agreement)]
    basis: Document


class AgreementFailureOf(Body):
    """Why executor and customer did not agree, and the document that says so."""

    why: Why
    basis: Document


class LaunchOf(Body):
    """The first day of carrying out and the document it rests on."""

    started: NearDay
    basis: Document


class SuspensionOf(Body):
    """Since when carrying out stands still, why, and the document."""

    since: NearDay
    why: Why
    basis: Document


class ResumptionOf(Body):
    """Since when carrying out goes on, and the document."""

    since: NearDay
    basis: Document


class ExtensionOf(Body):
    """The new last day of carrying out, why, and the document."""

    until: NearDay
    why: Why
    basis: Document


class EarlyStopOf(Body):
    """On which day carrying out was stopped for good, why, and the document."""

    stopped: NearDay
    why: Why
    basis: Document


class CommissionOf(Body):
    """Who sits on the pilot's commission: opaque ids, never names."""

    members: Persons
    secretary: Person
    basis: Document


class ProposalOf(Body):
    """What the head organisation proposes, criterion by criterion."""

    outcome: Effectiveness
    text: Words
    values: Values
    basis: Document


class JudgementOf(Body):
    """What the commission judged, who was present, how they voted; the document is its minutes."""

    outcome: Effectiveness
    text: Words
    values: Values
    present: Persons
    votes: Votes
    basis: Document


class ScalingOf(Body):
    """The decision on scaling: evidence, conditions, the windows of its money, the replicas it leads to."""

    decision: Scaling
    evidence: Words
    conditions: Words | None = None
    windows: Annotated[list[Annotated[FundingWindow, AfterValidator(_window)]], Field(max_length=50)] = Field(
        default_factory=list
    )
    replicas: Annotated[list[ReplicaPlan], Field(max_length=200)] = Field(default_factory=list)
    basis: Document


class CorrectionOf(Body):
    """Which entry was wrong (`place` counts entries of the kind from 1), what it should say, why, on which document."""

    what: Correctable
    place: StrictInt = Field(default=1, ge=1, le=100_000)
    content: dict[str, JsonValue]
    reason: Why
    basis: Document


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
    async def expediency(pilot: str, body: ExpediencyOf, by: CouncilSecretary) -> Response:
        """The council's decision (решение о целесообразности); expedient makes the initiator the executor."""
        return await by.give(pilot, KIND, DecideExpediency(body.decision, body.basis))

    @router.post("/credit-decision")
    async def credit(pilot: str, body: CreditOf, by: CouncilSecretary) -> Response:
        """Whether a product in use counts as a pilot (зачёт), where the edition knows that."""
        return await by.give(pilot, KIND, DecideCredit(body.granted, body.evidence, body.basis))

    @router.post("/scaling-decision")
    async def scaling(pilot: str, body: ScalingOf, by: CouncilSecretary) -> Response:
        """What follows from an effective pilot (решение о тиражировании)."""
        windows, replicas = tuple(body.windows), tuple(body.replicas)
        what = DecideScaling(body.decision, body.evidence, body.conditions, windows, replicas, body.basis)
        return await by.give(pilot, KIND, what)


def _agreeing(router: APIRouter) -> None:
    @router.post("/agreement")
    async def agreement(pilot: str, body: AgreementOf, by: Registrar) -> Response:
        """The agreement of executor and customer (соглашение)."""
        return await by.give(pilot, KIND, Agree(body.agreement, body.basis))

    @router.post("/agreement-failure")
    async def agreement_failure(pilot: str, body: AgreementFailureOf, by: Registrar) -> Response:
        """Executor and customer did not agree (соглашение не достигнуто)."""
        return await by.give(pilot, KIND, FailToAgree(body.why, body.basis))


def _carrying_out(router: APIRouter) -> None:
    @router.post("/launch")
    async def launch(pilot: str, body: LaunchOf, by: Registrar) -> Response:
        """Carrying out began (начало реализации)."""
        return await by.give(pilot, KIND, Launch(body.started, body.basis))

    @router.post("/suspension")
    async def suspension(pilot: str, body: SuspensionOf, by: Registrar) -> Response:
        """Carrying out stands still, and so do its clocks (приостановление)."""
        return await by.give(pilot, KIND, Suspend(body.since, body.why, body.basis))

    @router.post("/resumption")
    async def resumption(pilot: str, body: ResumptionOf, by: Registrar) -> Response:
        """Carrying out goes on (возобновление)."""
        return await by.give(pilot, KIND, Resume(body.since, body.basis))

    @router.post("/extension")
    async def extension(pilot: str, body: ExtensionOf, by: Registrar) -> Response:
        """Carrying out may take longer (продление срока реализации)."""
        return await by.give(pilot, KIND, Prolong(body.until, body.why, body.basis))

    @router.post("/early-stop")
    async def early_stop(pilot: str, body: EarlyStopOf, by: Registrar) -> Response:
        """Carrying out is stopped for good (досрочное прекращение)."""
        return await by.give(pilot, KIND, StopEarly(body.stopped, body.why, body.basis))

    @router.post("/corrections")
    async def correction(pilot: str, body: CorrectionOf, by: Registrar) -> Response:
        """A new entry stands in the place of a wrong one, which stays in the timeline (исправление)."""
        return await by.give(pilot, KIND, Correct(body.what, body.place, body.content, body.reason, body.basis))


def _judging(router: APIRouter) -> None:
    @router.post("/commission")
    async def commission(pilot: str, body: CommissionOf, by: HeadOrganisation) -> Response:
        """Members and secretary of the pilot's commission, named beforehand (состав комиссии)."""
        return await by.give(pilot, KIND, NameCommission(tuple(body.members), body.secretary, body.basis))

    @router.post("/effectiveness-proposal")
    async def proposal(pilot: str, body: ProposalOf, by: HeadOrganisation) -> Response:
        """The head organisation's information and proposal (предложение об эффективности)."""
        return await by.give(pilot, KIND, Propose(body.outcome, body.text, tuple(body.values), body.basis))

    @router.post("/judgement")
    async def judgement(pilot: str, body: JudgementOf, by: CommissionSecretary) -> Response:
        """The commission's judgement on its minutes (решение комиссии, протокол)."""
        values, present = tuple(body.values), tuple(body.present)
        what = Judge(body.outcome, body.text, values, present, body.votes, body.basis)
        return await by.give(pilot, KIND, what)
