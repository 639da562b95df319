"""The review of an application (экспертиза): opened, given to experts, their opinions, one conclusion."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from contracts.event import Contract, Fact, Moment
from contracts.expertise import (
    ConclusionIssuedV1,
    ExpertAssignedV1,
    OpinionGivenV1,
    ReviewOpenedV1,
)
from contracts.reference import Application, OrganisationId, Remark, Verdict
from contracts.rules import Edition, RuleBook
from services.chassis.identifiers import fault
from services.chassis.subject import Context, Refusal

KIND = "pilot"


class Status(StrEnum):
    """Where a review stands: ждёт эксперта, у эксперта, ждёт заключения, заключение дано."""

    UNASSIGNED = "unassigned"
    WITH_EXPERT = "with-expert"
    TO_CONCLUDE = "to-conclude"
    CONCLUDED = "concluded"


class Opinion(Contract):
    """An expert's opinion as it was given."""

    expert_id: str
    verdict: Verdict
    text: str
    remarks: tuple[Remark, ...] = ()


class Review(Contract):
    """A review as it stands. `round` is 1 for the first expertise; later rounds come with repeats."""

    status: Status
    agency: str
    number: str
    edition: str
    round: int
    application: Application
    opened: Moment
    experts: tuple[str, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    verdict: Verdict | None = None
    text: str | None = None
    remarks: tuple[Remark, ...] = ()
    concluded: Moment | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """Open a review for an accepted application."""

    agency: str
    number: str
    edition: str
    application: Application


@dataclass(frozen=True, slots=True)
class Assign:
    """Assign an expert, named by an opaque id and the organisation the expert comes from."""

    expert_id: str
    organisation: OrganisationId


@dataclass(frozen=True, slots=True)
class GiveOpinion:
    """The acting expert's opinion."""

    verdict: Verdict
    text: str
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class Conclude:
    """The operator's conclusion."""

    verdict: Verdict
    text: str
    remarks: tuple[Remark, ...]


Command = Open | Assign | GiveOpinion | Conclude


def decide(state: Review | None, command: Command, context: Context[RuleBook]) -> Sequence[Fact]:
    """What follows from a command. Raises Refusal for what cannot be done now, or not by this person."""
    match command:
        case Open():
            return _opened(state, command, context)
        case Assign():
            return _assigned(_open(state), command, context)
        case GiveOpinion():
            return _opinion(_open(state), command, context)
        case Conclude():
            return _concluded(_open(state), command, context)
        case _:
            assert_never(command)


def _opened(state: Review | None, command: Open, context: Context[RuleBook]) -> Sequence[Fact]:
    if state is not None:
        return ()
    return (
        ReviewOpenedV1(
            actor=context.actor,
            agency=command.agency,
            number=command.number,
            edition=command.edition,
            round=1,
            opened=context.now,
            application=command.application,
        ),
    )


def _open(state: Review | None) -> Review:
    if state is None or state.status is Status.CONCLUDED:
        raise Refusal("review.not-open", "The review is concluded: nothing more can be done in it.")
    return state


def _assigned(state: Review, command: Assign, context: Context[RuleBook]) -> Sequence[Fact]:
    if command.expert_id in state.experts:
        return ()
    if state.experts:
        raise Refusal("review.has-expert", "An expert is assigned already.")
    if wrong := fault(command.organisation, context.given.edition(state.edition), legal_entity=True):
        raise Refusal("organisation.invalid", f"The expert's organisation is not valid: {wrong}.", status=422)
    if role := _party_of(state.application, command.organisation):
        raise Refusal(
            "conflict.same-organisation",
            f"The expert comes from the {role} of this application (конфликт интересов).",
        )
    assigned = ExpertAssignedV1(
        actor=context.actor,
        round=state.round,
        expert_id=command.expert_id,
        organisation=command.organisation,
    )
    return (assigned,)


def _party_of(application: Application, organisation: OrganisationId) -> str | None:
    """Which party the organisation is, by its number: an expert may come from a firm that applies."""
    for role in ("initiator", "customer", "executor"):
        party = getattr(application, role)
        if party is not None and party.id == organisation:
            return role
    return None


def _opinion(state: Review, command: GiveOpinion, context: Context[RuleBook]) -> Sequence[Fact]:
    expert = context.actor.id
    if expert not in state.experts:
        raise Refusal("opinion.not-yours", "Only an assigned expert gives an opinion.", status=403)
    if any(o.expert_id == expert for o in state.opinions):
        raise Refusal("opinion.given", "Your opinion is given already.")
    _must_agree(command.verdict, command.remarks, context.given.edition(state.edition))
    given = OpinionGivenV1(
        actor=context.actor,
        round=state.round,
        expert_id=expert,
        verdict=command.verdict,
        text=command.text,
        remarks=command.remarks,
    )
    return (given,)


def _concluded(state: Review, command: Conclude, context: Context[RuleBook]) -> Sequence[Fact]:
    if state.status is not Status.TO_CONCLUDE:
        raise Refusal("review.no-opinion", "A conclusion needs the opinion of the assigned expert first.")
    _must_agree(command.verdict, command.remarks, context.given.edition(state.edition))
    concluded = ConclusionIssuedV1(
        actor=context.actor,
        round=state.round,
        concluded=context.now,
        verdict=command.verdict,
        text=command.text,
        remarks=command.remarks,
    )
    return (concluded,)


def _must_agree(verdict: Verdict, remarks: Sequence[Remark], edition: Edition) -> None:
    """A verdict with remarks has remarks and a plain positive one has none (assumption); whether there is such a
    verdict at all is a switch of the edition."""
    if verdict is Verdict.POSITIVE_WITH_REMARKS and not edition.on("remarks_with_positive"):
        raise Refusal("verdict.unknown", "This edition knows no positive verdict with remarks.", status=422)
    if (verdict is Verdict.POSITIVE_WITH_REMARKS) and not remarks:
        raise Refusal("verdict.needs-remarks", "This verdict needs at least one remark.", status=422)
    if verdict is Verdict.POSITIVE and remarks:
        raise Refusal("verdict.has-remarks", "A positive verdict has no remarks.", status=422)


def evolve(state: Review | None, fact: Fact) -> Review | None:
    """The review after a fact."""
    if isinstance(fact, ReviewOpenedV1):
        return Review(
            status=Status.UNASSIGNED,
            agency=fact.agency,
            number=fact.number,
            edition=fact.edition,
            round=fact.round,
            application=fact.application,
            opened=fact.opened,
        )
    return None if state is None else _evolve(state, fact)


def _evolve(state: Review, fact: Fact) -> Review:
    match fact:
        case ExpertAssignedV1():
            experts = (*state.experts, fact.expert_id)
            return state.model_copy(update={"status": Status.WITH_EXPERT, "experts": experts})
        case OpinionGivenV1():
            opinion = Opinion(expert_id=fact.expert_id, verdict=fact.verdict, text=fact.text, remarks=fact.remarks)
            opinions = (*state.opinions, opinion)
            return state.model_copy(update={"status": Status.TO_CONCLUDE, "opinions": opinions})
        case ConclusionIssuedV1():
            concluded = {
                "status": Status.CONCLUDED,
                "verdict": fact.verdict,
                "text": fact.text,
                "remarks": fact.remarks,
                "concluded": fact.concluded,
            }
            return state.model_copy(update=concluded)
    return state
