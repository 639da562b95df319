"""A pilot in the register: its stage, who has the next move, and what was decided on it, by whom and when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from math import inf
from typing import Any, Final, Literal, assert_never
from zoneinfo import ZoneInfo

from pydantic import computed_field

from contracts.event import Basis, Contract, Day, Fact, Moment
from contracts.reference import Application, Expediency, Party, Remark, ReturnReason, Verdict
from contracts.registry import (
    AnnulmentRecordedV1,
    ApplicationAmendedV1,
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
CLARIFICATION: Final = "clarification"
"""The term in which the initiator answers a request for information (запрос сведений)."""
INTAKE: Final = "intake"
"""The source whose series says what became of the application; each of those words is a new turn of it."""


class Stage(StrEnum):
    """Where a pilot stands: рассмотрение, возвращён, экспертиза, отрицательное заключение, у Совета,
    целесообразен, нецелесообразен, реализация, отозван, прекращён, утратил силу, отказано в экспертизе."""

    LOOK_OVER = "look-over"
    RETURNED = "returned"
    EXPERTISE = "expertise"
    NEGATIVE = "negative-conclusion"
    COUNCIL = "council"
    EXPEDIENT = "expedient"
    NOT_EXPEDIENT = "not-expedient"
    RUNNING = "running"
    WITHDRAWN = "withdrawn"
    STOPPED = "stopped"
    LAPSED = "lapsed"
    REFUSED = "refused"


FINAL: Final = frozenset({Stage.NOT_EXPEDIENT, Stage.WITHDRAWN, Stage.STOPPED, Stage.LAPSED, Stage.REFUSED})
"""Where nothing follows any more. (Of a pilot that runs, what follows is not registered here yet.)"""
SETTLED: Final = FINAL | {Stage.EXPEDIENT, Stage.RUNNING}
"""Where nothing that another service says moves the pilot: it is recorded, and the pilot stays (assumption)."""
CONCLUDED: Final = frozenset({Stage.NEGATIVE, Stage.COUNCIL})
"""Where a conclusion has brought the pilot."""

NEXT_MOVE: Final = {
    Stage.LOOK_OVER: "officer",
    Stage.RETURNED: "initiator",
    Stage.EXPERTISE: "expertise-operator",
    Stage.NEGATIVE: "initiator",
    Stage.COUNCIL: "council",
    Stage.EXPEDIENT: "executor",
    Stage.NOT_EXPEDIENT: None,
    Stage.RUNNING: "executor",
    Stage.WITHDRAWN: None,
    Stage.STOPPED: None,
    Stage.LAPSED: None,
    Stage.REFUSED: None,
}
"""Who has the ball at each stage (за кем следующий шаг); `next_move` knows more."""


def next_move(stage: Stage, running: Iterable[str]) -> str | None:
    """Who has the ball (за кем следующий шаг), given the kinds of the terms that run. None: nobody any more.

    While a request for information is open in the expertise, the initiator has it.
    """
    asked = stage is Stage.EXPERTISE and CLARIFICATION in running
    return "initiator" if asked else NEXT_MOVE[stage]


class RunningTerm(Contract):
    """A term that runs, is suspended (`due_at` None), or ran out and still waits for what it bounds."""

    kind: str
    due_at: Moment | None
    breached: bool = False


class Conclusion(Contract):
    """A conclusion of the expertise as recorded. `standing`: in force, amended on appeal by another one, annulled."""

    round: int
    number: str
    date: Day
    verdict: Verdict
    text: str
    remarks: tuple[Remark, ...] = ()
    replaces: str | None = None
    standing: Literal["in-force", "replaced", "annulled"] = "in-force"


class Decision(Contract):
    """A decision of the council with the document it stands in."""

    decision: Expediency
    basis: Basis


class Pilot(Contract):
    """A pilot as the register knows it.

    `application` is the newest one, until the pilot is settled. `reasons`, `text` and `basis` belong to what became
    of the application last. `terms` are those that are open, one of a kind. `turn` is the place in intake's series of
    the last word on what became of the application.
    """

    stage: Stage
    agency: str
    number: str
    edition: str
    submitted: Moment
    entered: Moment
    application: Application
    executor: Party | None = None
    terms: tuple[RunningTerm, ...] = ()
    reasons: tuple[ReturnReason, ...] = ()
    text: str | None = None
    basis: Basis | None = None
    conclusions: tuple[Conclusion, ...] = ()
    decisions: tuple[Decision, ...] = ()
    started: date | None = None
    launch_basis: Basis | None = None
    turn: int = 0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def term(self) -> RunningTerm | None:
        """The term that is due first; a suspended one only where no other is open."""
        return min(self.terms, key=lambda t: t.due_at.timestamp() if t.due_at else inf, default=None)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def conclusion(self) -> Conclusion | None:
        """The conclusion in force: the last one of the last round; None where an appeal annulled it."""
        last = max(reversed(self.conclusions), key=lambda c: c.round, default=None)
        return last if last is not None and last.standing == "in-force" else None

    @property
    def next_move(self) -> str | None:
        """Who has the ball (за кем следующий шаг)."""
        return next_move(self.stage, [term.kind for term in self.terms])


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
    """Record what became of the application."""

    outcome: ApplicationOutcome
    reasons: tuple[ReturnReason, ...] = ()
    text: str | None = None
    application: Application | None = None
    basis: Basis | None = None


@dataclass(frozen=True, slots=True)
class RecordAmendment:
    """Record how the application stands after answers to a request for information."""

    request: str
    application: Application


@dataclass(frozen=True, slots=True)
class RecordTerm:
    """Record what happened to a term. `breached`: it was counted anew, and has run out all the same."""

    kind: str
    stage: TermStage
    due_at: datetime | None = None
    breached: bool = False


@dataclass(frozen=True, slots=True)
class RecordConclusion:
    """Record a conclusion of the expertise. `knowing` is how far in intake's series the expertise was by then."""

    round: int
    number: str
    date: date
    verdict: Verdict
    text: str
    remarks: tuple[Remark, ...] = ()
    replaces: str | None = None
    knowing: int = 0


@dataclass(frozen=True, slots=True)
class RecordAnnulment:
    """Record that a conclusion lost its force."""

    round: int
    number: str


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


Command = (
    Enter
    | RecordOutcome
    | RecordAmendment
    | RecordTerm
    | RecordConclusion
    | RecordAnnulment
    | DecideExpediency
    | Launch
)


def decide(state: Pilot | None, command: Command, context: Context[RuleBook]) -> Sequence[Fact]:
    """What follows from a command. What other services say is recorded; people's steps must be in order."""
    actor = context.actor
    match command:
        case Enter():
            return () if state is not None else (_entered(command, context),)
        case RecordOutcome():
            return (_outcome(command, context),)
        case RecordAmendment(request, application):
            same = state is not None and state.application == application
            return () if same else (ApplicationAmendedV1(actor=actor, request=request, application=application),)
        case RecordTerm():
            return _term(command, context)
        case RecordConclusion():
            return (_conclusion(state, command, context),)
        case RecordAnnulment(round, number):
            return (AnnulmentRecordedV1(actor=actor, round=round, number=number),)
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


def _outcome(command: RecordOutcome, context: Context[RuleBook]) -> ApplicationOutcomeRecordedV1:
    return ApplicationOutcomeRecordedV1(
        actor=context.actor,
        outcome=command.outcome,
        reasons=command.reasons,
        text=command.text,
        application=command.application,
        basis=command.basis,
    )


def _term(command: RecordTerm, context: Context[RuleBook]) -> Sequence[TermRecordedV1]:
    stages = (command.stage, TermStage.BREACHED) if command.breached else (command.stage,)
    return [
        TermRecordedV1(actor=context.actor, kind=command.kind, stage=stage, due_at=command.due_at) for stage in stages
    ]


def _overtaken(state: Pilot | None, knowing: int) -> bool:
    """Whether the application has taken a turn of which the expertise did not know when it concluded.

    Such a turn may be recorded before or after the conclusion; either way it has the last word, so that the pilot
    stands at the same stage in whichever order the two arrive.
    """
    return state is not None and knowing < state.turn


def _conclusion(state: Pilot | None, command: RecordConclusion, context: Context[RuleBook]) -> ConclusionRecordedV1:
    """Whether a negative conclusion goes before the Council is a switch of the edition (assumption)."""
    negative = command.verdict is Verdict.NEGATIVE
    edition = context.given.edition(state.edition) if state is not None else None
    return ConclusionRecordedV1(
        actor=context.actor,
        round=command.round,
        number=command.number,
        date=command.date,
        verdict=command.verdict,
        text=command.text,
        remarks=command.remarks,
        replaces=command.replaces,
        to_council=not negative or edition is None or edition.on("council_sees_negative"),
        overtaken=_overtaken(state, command.knowing),
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
            turn=_turn(fact),
        )
    return None if state is None else state.model_copy(update=_changes(state, fact))


def _changes(state: Pilot, fact: Fact) -> dict[str, Any]:
    match fact:
        case ApplicationOutcomeRecordedV1():
            return _became(state, fact)
        case ApplicationAmendedV1(application=application):
            return {} if state.stage in SETTLED else {"application": application}
        case TermRecordedV1():
            return {"terms": _terms(state.terms, fact)}
        case ConclusionRecordedV1():
            return _concluded(state, fact)
        case AnnulmentRecordedV1():
            return _annulled(state, fact)
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


def _turn(fact: Fact) -> int:
    # What the engine stamps on a fact of this service: how far in intake's series it was with it.
    return fact.after.get(INTAKE, 0)


def _became(state: Pilot, fact: ApplicationOutcomeRecordedV1) -> dict[str, Any]:
    if state.stage in SETTLED:
        return {}
    return {
        "stage": AFTER_OUTCOME[fact.outcome],
        "turn": _turn(fact),
        "reasons": fact.reasons,
        "text": fact.text,
        "basis": fact.basis,
        "application": fact.application or state.application,
    }


def _terms(open_: tuple[RunningTerm, ...], fact: TermRecordedV1) -> tuple[RunningTerm, ...]:
    # In the order of their kinds: the terms of two services may come to be known in any order.
    others = [term for term in open_ if term.kind != fact.kind]
    if fact.stage is TermStage.ENDED:
        return tuple(others)
    breached = fact.stage is TermStage.BREACHED
    changed = RunningTerm(kind=fact.kind, due_at=fact.due_at, breached=breached)
    return tuple(sorted([*others, changed], key=lambda term: term.kind))


def _concluded(state: Pilot, fact: ConclusionRecordedV1) -> dict[str, Any]:
    conclusion = Conclusion(
        round=fact.round,
        number=fact.number,
        date=fact.date,
        verdict=fact.verdict,
        text=fact.text,
        remarks=fact.remarks,
        replaces=fact.replaces,
    )
    earlier = _standing(state.conclusions, fact.replaces, "replaced")
    # An amendment of what was concluded before does not end a round that has begun since.
    ends_round = state.stage is Stage.EXPERTISE and (fact.replaces is None or state.conclusion is None)
    moves = not fact.overtaken and (ends_round or state.stage in CONCLUDED)
    stage = Stage.COUNCIL if fact.to_council else Stage.NEGATIVE
    return {"conclusions": (*earlier, conclusion), "stage": stage if moves else state.stage}


def _annulled(state: Pilot, fact: AnnulmentRecordedV1) -> dict[str, Any]:
    # Where the application has taken a turn since, the pilot stands at no conclusion any more.
    in_force = state.conclusion is not None and state.conclusion.number == fact.number
    moves = in_force and state.stage in CONCLUDED
    return {
        "conclusions": _standing(state.conclusions, fact.number, "annulled"),
        "stage": Stage.EXPERTISE if moves else state.stage,
    }


def _standing(conclusions: tuple[Conclusion, ...], number: str | None, standing: str) -> tuple[Conclusion, ...]:
    return tuple(c.model_copy(update={"standing": standing}) if c.number == number else c for c in conclusions)


AFTER_OUTCOME: Final = {
    ApplicationOutcome.ACCEPTED: Stage.EXPERTISE,
    ApplicationOutcome.RETURNED: Stage.RETURNED,
    ApplicationOutcome.RESUBMITTED: Stage.LOOK_OVER,
    ApplicationOutcome.WITHDRAWN: Stage.WITHDRAWN,
    ApplicationOutcome.STOPPED: Stage.STOPPED,
    ApplicationOutcome.LAPSED: Stage.LAPSED,
    ApplicationOutcome.REFUSED: Stage.REFUSED,
}
AFTER_COUNCIL: Final = {
    Expediency.EXPEDIENT: Stage.EXPEDIENT,
    Expediency.NOT_EXPEDIENT: Stage.NOT_EXPEDIENT,
    Expediency.POSTPONED: Stage.COUNCIL,
}
