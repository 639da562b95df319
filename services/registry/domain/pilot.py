"""A pilot in the register: its stage, who has the next move, and what was decided on it, by whom and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, assert_never
from zoneinfo import ZoneInfo

from contracts.event import Basis, Contract, Fact, Moment
from contracts.reference import Application, Expediency, Party, Remark, ReturnReason, Verdict
from contracts.registry import (
    ApplicationOutcome,
    ApplicationOutcomeRecordedV1,
    ConclusionRecordedV1,
    ExpediencyDecidedV1,
    PilotEnteredV1,
    PilotLaunchedV1,
    TermRecordedV1,
    TermStage,
)
from contracts.rules import Edition, RuleBook
from services.chassis.subject import Context, Refusal

KIND: Final = "pilot"


class Stage(StrEnum):
    """Where a pilot stands: рассмотрение, возвращён, экспертиза, отрицательное заключение, у Совета,
    целесообразен, нецелесообразен, реализация."""

    LOOK_OVER = "look-over"
    RETURNED = "returned"
    EXPERTISE = "expertise"
    NEGATIVE = "negative-conclusion"
    COUNCIL = "council"
    EXPEDIENT = "expedient"
    NOT_EXPEDIENT = "not-expedient"
    RUNNING = "running"


NEXT_MOVE: Final = {
    Stage.LOOK_OVER: "officer",
    Stage.RETURNED: "initiator",
    Stage.EXPERTISE: "expertise-operator",
    Stage.NEGATIVE: "initiator",
    Stage.COUNCIL: "council",
    Stage.EXPEDIENT: "executor",
    Stage.NOT_EXPEDIENT: None,
    Stage.RUNNING: "executor",
}
"""Who has the ball at each stage (за кем следующий шаг)."""


class RunningTerm(Contract):
    """A term that runs now, or ran out and still waits for what it bounds."""

    kind: str
    due_at: Moment | None
    breached: bool = False


class Conclusion(Contract):
    """The expertise's conclusion as recorded."""

    round: int
    verdict: Verdict
    text: str
    remarks: tuple[Remark, ...] = ()


class Decision(Contract):
    """A decision of the council with the document it stands in."""

    decision: Expediency
    basis: Basis


class Pilot(Contract):
    """A pilot as the register knows it."""

    stage: Stage
    agency: str
    number: str
    edition: str
    submitted: Moment
    entered: Moment
    application: Application
    executor: Party | None = None
    term: RunningTerm | None = None
    reasons: tuple[ReturnReason, ...] = ()
    conclusion: Conclusion | None = None
    decisions: tuple[Decision, ...] = ()
    started: date | None = None
    launch_basis: Basis | None = None


@dataclass(frozen=True, slots=True)
class Enter:
    """Enter a pilot whose application was registered."""

    agency: str
    number: str
    edition: str
    submitted: datetime
    application: Application


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """Record what the look-over ended in."""

    outcome: ApplicationOutcome
    reasons: tuple[ReturnReason, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordTerm:
    """Record that a term began, ran out or ended."""

    kind: str
    stage: TermStage
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordConclusion:
    """Record the expertise's conclusion."""

    round: int
    verdict: Verdict
    text: str
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class DecideExpediency:
    """Enter the council's decision on expediency."""

    decision: Expediency
    basis: Basis


@dataclass(frozen=True, slots=True)
class Launch:
    """Enter that carrying out began."""

    started: date
    basis: Basis


Command = Enter | RecordOutcome | RecordTerm | RecordConclusion | DecideExpediency | Launch


def decide(state: Pilot | None, command: Command, context: Context[RuleBook]) -> Sequence[Fact]:
    """What follows from a command. What other services say is recorded; people's steps must be in order."""
    actor = context.actor
    match command:
        case Enter():
            return () if state is not None else (_entered(command, context),)
        case RecordOutcome(outcome, reasons):
            return (ApplicationOutcomeRecordedV1(actor=actor, outcome=outcome, reasons=reasons),)
        case RecordTerm(kind, stage, due_at):
            return (TermRecordedV1(actor=actor, kind=kind, stage=stage, due_at=due_at),)
        case RecordConclusion():
            return (_conclusion(state, command, context),)
        case DecideExpediency():
            return (_expediency(_at(state, Stage.COUNCIL), command, context),)
        case Launch():
            return (_launched(_at(state, Stage.EXPEDIENT), command, context),)
        case _:
            assert_never(command)


def _entered(command: Enter, context: Context[RuleBook]) -> PilotEnteredV1:
    return PilotEnteredV1(
        actor=context.actor,
        agency=command.agency,
        number=command.number,
        edition=command.edition,
        submitted=command.submitted,
        entered=context.now,
        application=command.application,
    )


def _conclusion(state: Pilot | None, command: RecordConclusion, context: Context[RuleBook]) -> ConclusionRecordedV1:
    """Whether a negative conclusion goes before the Council is a switch of the edition (assumption)."""
    negative = command.verdict is Verdict.NEGATIVE
    edition = context.given.edition(state.edition) if state is not None else None
    return ConclusionRecordedV1(
        actor=context.actor,
        round=command.round,
        verdict=command.verdict,
        text=command.text,
        remarks=command.remarks,
        to_council=not negative or edition is None or edition.on("council_sees_negative"),
    )


def _at(state: Pilot | None, stage: Stage) -> Pilot:
    if state is None or state.stage is not stage:
        stands = "unknown" if state is None else state.stage
        raise Refusal("pilot.out-of-order", f"The pilot stands at {stands}; this step belongs to {stage}.")
    return state


def _expediency(state: Pilot, command: DecideExpediency, context: Context[RuleBook]) -> ExpediencyDecidedV1:
    edition = context.given.edition(state.edition)
    _not_in_the_future(command.basis.date, edition, context.now)
    if command.decision is Expediency.POSTPONED and not edition.on("council_may_postpone"):
        raise Refusal("council.cannot-postpone", "This edition knows no postponement.", status=422)
    expedient = command.decision is Expediency.EXPEDIENT
    return ExpediencyDecidedV1(
        actor=context.actor,
        decision=command.decision,
        basis=command.basis,
        executor=state.application.initiator if expedient else None,
    )


def _launched(state: Pilot, command: Launch, context: Context[RuleBook]) -> PilotLaunchedV1:
    edition = context.given.edition(state.edition)
    _not_in_the_future(command.basis.date, edition, context.now)
    _not_in_the_future(command.started, edition, context.now)
    decided = state.decisions[-1].basis.date if state.decisions else command.started
    if command.started < decided:
        raise Refusal("launch.before-decision", "The launch lies before the council's decision.", status=422)
    return PilotLaunchedV1(actor=context.actor, started=command.started, basis=command.basis)


def _not_in_the_future(day: date, edition: Edition, now: datetime) -> None:
    if day > now.astimezone(ZoneInfo(edition.zone)).date():
        raise Refusal("date.future", f"{day} has not come yet.", status=422)


def evolve(state: Pilot | None, fact: Fact) -> Pilot | None:
    """The pilot after a fact."""
    if isinstance(fact, PilotEnteredV1):
        return Pilot(
            stage=Stage.LOOK_OVER,
            agency=fact.agency,
            number=fact.number,
            edition=fact.edition,
            submitted=fact.submitted,
            entered=fact.entered,
            application=fact.application,
        )
    return None if state is None else state.model_copy(update=_changes(state, fact))


def _changes(state: Pilot, fact: Fact) -> dict[str, Any]:
    match fact:
        case ApplicationOutcomeRecordedV1(outcome=ApplicationOutcome.ACCEPTED):
            return {"stage": Stage.EXPERTISE}
        case ApplicationOutcomeRecordedV1(reasons=reasons):
            return {"stage": Stage.RETURNED, "reasons": reasons}
        case TermRecordedV1(stage=TermStage.ENDED):
            return {"term": None}
        case TermRecordedV1():
            breached = fact.stage is TermStage.BREACHED
            return {"term": RunningTerm(kind=fact.kind, due_at=fact.due_at, breached=breached)}
        case ConclusionRecordedV1():
            conclusion = Conclusion(round=fact.round, verdict=fact.verdict, text=fact.text, remarks=fact.remarks)
            stage = Stage.COUNCIL if fact.to_council else Stage.NEGATIVE
            return {"stage": stage, "conclusion": conclusion}
        case ExpediencyDecidedV1():
            decision = Decision(decision=fact.decision, basis=fact.basis)
            return {
                "stage": AFTER_COUNCIL[fact.decision],
                "decisions": (*state.decisions, decision),
                "executor": fact.executor,
            }
        case PilotLaunchedV1():
            return {"stage": Stage.RUNNING, "started": fact.started, "launch_basis": fact.basis}
    return {}


AFTER_COUNCIL: Final = {
    Expediency.EXPEDIENT: Stage.EXPEDIENT,
    Expediency.NOT_EXPEDIENT: Stage.NOT_EXPEDIENT,
    Expediency.POSTPONED: Stage.COUNCIL,
}
