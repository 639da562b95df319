"""What the other services say (записи по фактам других служб): recorded as it comes, never refused.

Whether a conclusion goes before the Council, and what a late word still moves, is decided here.
"""

from typing import TypeVar, assert_never

from contracts.reference import Verdict
from contracts.registry import (
    AnnulmentRecordedV1,
    ApplicationAmendedV1,
    ApplicationOutcomeRecordedV1,
    ConclusionRecordedV1,
    ConflictNotedV1,
    Entry,
    Outcome,
    PilotCompletedV1,
    PilotEnteredV1,
    ProgressRecordedV1,
    ReportRecorded,
    ResultRecordedV1,
    RiskRecordedV1,
    SpendingRecordedV1,
    TermRecordedV1,
    TermStage,
)
from contracts.steps import Completion, Progress, Report, Results, Risks, Spending
from services.law import reasons
from services.law.hiding import says_anew
from services.law.parties import keys_of
from services.registry.domain.commands import (
    RecordAmendment,
    RecordConclusion,
    RecordHiding,
    RecordReport,
    RecordTerm,
    RecordTies,
)
from services.registry.domain.stages import CARRIED_OUT, LOOKED_OVER, Stage
from services.registry.domain.state import (
    CARRYING_OUT,
    COUNCIL_ALARM,
    PROPOSAL,
    REPORT,
    SUSPENSION,
    Pilot,
)
from services.registry.domain.terms import TERMS, PilotDecision

R = TypeVar("R", bound=ReportRecorded)


def enter(decision: PilotDecision, command: Entry) -> None:
    """A pilot begins its life in the register."""
    decision.then(PilotEnteredV1.made_of(command, actor=decision.actor, entered=decision.now))


def outcome(decision: PilotDecision, command: Outcome) -> None:
    """What became of the application."""
    decision.then(ApplicationOutcomeRecordedV1.made_of(command, actor=decision.actor, at=decision.now))
    council_clock(decision)


def amendment(decision: PilotDecision, command: RecordAmendment) -> None:
    """Answers changed the application; nothing, where they did not."""
    if decision.state.application != command.application:
        decision.then(
            ApplicationAmendedV1(
                actor=decision.actor, at=decision.now, request=command.request, application=command.application
            )
        )


def foreign_term(decision: PilotDecision, command: RecordTerm) -> None:
    """Something happened to a term of another service."""
    stages = (command.stage, TermStage.BREACHED) if command.breached else (command.stage,)
    for stage in stages:
        decision.then(TermRecordedV1.made_of(command, actor=decision.actor, stage=stage))


def conclusion(decision: PilotDecision, command: RecordConclusion) -> None:
    """A conclusion; whether a negative one goes before the Council is a switch of the edition (assumption)."""
    negative = command.verdict is Verdict.NEGATIVE
    decision.then(
        ConclusionRecordedV1.made_of(
            command,
            actor=decision.actor,
            at=decision.now,
            to_council=not negative or decision.edition.switches.council_sees_negative.on,
            overtaken=_overtaken(decision.state, command.knowing),
        )
    )
    council_clock(decision)


def _overtaken(state: Pilot, knowing: int) -> bool:
    """Whether the application has taken a turn of which the expertise did not know when it concluded.

    Such a turn may be recorded before or after the conclusion; either way it has the last word, so that the pilot
    stands at the same stage in whichever order the two arrive.
    """
    return knowing < state.turn


def annulment(decision: PilotDecision, round: int, number: str) -> None:
    """A conclusion lost its force."""
    decision.then(AnnulmentRecordedV1(actor=decision.actor, at=decision.now, round=round, number=number))
    council_clock(decision)


def hiding(decision: PilotDecision, command: RecordHiding) -> None:
    """A conflict of interest came to light, or was found to be none; nothing, where that is known."""
    if says_anew(decision.state, command):
        decision.then(ConflictNotedV1.made_of(command, actor=decision.actor))


def ties(decision: PilotDecision, command: RecordTies) -> None:
    """Somebody is tied to a party by an entry, or not any more. Of a case the expertise says so itself."""
    tied = not command.organisations.isdisjoint(keys_of(decision.state.application))
    if decision.state.stage in LOOKED_OVER or not tied:
        hiding(decision, RecordHiding(person_id=command.person_id, hidden=tied, by_entry=True))


def council_clock(decision: PilotDecision) -> None:
    """The alarm that a conclusion still waits runs exactly while the pilot is before the Council."""
    waits = decision.state.stage is Stage.COUNCIL
    if waits and decision.state.own_term(COUNCIL_ALARM) is None:
        TERMS.start(decision, COUNCIL_ALARM)
    if not waits:
        TERMS.end(decision, COUNCIL_ALARM)


# ---- reports of the executor


def report(decision: PilotDecision, command: RecordReport) -> None:
    """A report of the executor."""
    said, event_id = command.report, command.event_id
    match said:
        case Progress():
            _progress(decision, event_id, said)
        case Spending():
            decision.then(_recorded(SpendingRecordedV1, decision, event_id, said))
        case Risks():
            decision.then(_recorded(RiskRecordedV1, decision, event_id, said))
        case Results():
            decision.then(_recorded(ResultRecordedV1, decision, event_id, said))
        case Completion():
            _completion(decision, event_id, said)
        case _:
            assert_never(said)


def _recorded(fact: type[R], decision: PilotDecision, event_id: str, said: Report) -> R:
    return fact.made_of(said, actor=decision.actor, at=decision.now, event_id=event_id)


def _progress(decision: PilotDecision, event_id: str, said: Progress) -> None:
    """The next report is owed from now on, while the pilot is carried out."""
    decision.then(_recorded(ProgressRecordedV1, decision, event_id, said))
    if decision.state.stage in CARRIED_OUT and (running := decision.state.own_term(REPORT)) is not None:
        stood = running.ledger.stopped
        TERMS.end(decision, REPORT)
        TERMS.start(decision, REPORT)
        if stood:
            TERMS.stop_since(decision, REPORT, decision.today, reasons.SUSPENDED)


def _completion(decision: PilotDecision, event_id: str, said: Completion) -> None:
    """Carrying out is finished: the head organisation's turn. A word too late moves nothing, but what it
    measured stays."""
    if decision.state.stage not in CARRIED_OUT:
        if said.values and decision.state.launch is not None:
            decision.then(_recorded(ResultRecordedV1, decision, event_id, said))
        return
    decision.then(_recorded(PilotCompletedV1, decision, event_id, said))
    TERMS.end(decision, CARRYING_OUT, REPORT, SUSPENSION)
    TERMS.start(decision, PROPOSAL)
