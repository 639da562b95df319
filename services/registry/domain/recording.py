"""What the other services say (записи по фактам других служб): recorded as it comes, never refused.

Whether a conclusion goes before the Council, and what a late word still moves, is decided here.
"""

from contracts.reference import Verdict
from contracts.registry import (
    AnnulmentRecordedV1,
    ApplicationAmendedV1,
    ApplicationOutcomeRecordedV1,
    ConclusionRecordedV1,
    PilotCompletedV1,
    PilotEnteredV1,
    ProgressRecordedV1,
    ResultRecordedV1,
    RiskRecordedV1,
    SpendingRecordedV1,
    TermRecordedV1,
    TermStage,
)
from services.registry.domain.commands import (
    Enter,
    RecordAmendment,
    RecordCompletion,
    RecordConclusion,
    RecordOutcome,
    RecordProgress,
    RecordResults,
    RecordRisks,
    RecordSpending,
    RecordTerm,
)
from services.registry.domain.state import (
    CARRIED_OUT,
    CARRYING_OUT,
    COUNCIL_ALARM,
    PROPOSAL,
    REPORT,
    SUSPENSION,
    Pilot,
    Stage,
)
from services.registry.domain.terms import TERMS, PilotDecision


def enter(decision: PilotDecision, command: Enter) -> None:
    """A pilot begins its life in the register."""
    decision.then(
        PilotEnteredV1(
            actor=decision.actor,
            agency=command.agency,
            number=command.number,
            edition=command.edition,
            submitted=command.submitted,
            entered=decision.now,
            application=command.application,
        )
    )


def outcome(decision: PilotDecision, command: RecordOutcome) -> None:
    """What became of the application."""
    decision.then(
        ApplicationOutcomeRecordedV1(
            actor=decision.actor,
            at=decision.now,
            outcome=command.outcome,
            reasons=command.reasons,
            text=command.text,
            application=command.application,
            basis=command.basis,
        )
    )
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
        decision.then(TermRecordedV1(actor=decision.actor, kind=command.kind, stage=stage, due_at=command.due_at))


def conclusion(decision: PilotDecision, command: RecordConclusion) -> None:
    """A conclusion; whether a negative one goes before the Council is a switch of the edition (assumption)."""
    negative = command.verdict is Verdict.NEGATIVE
    decision.then(
        ConclusionRecordedV1(
            actor=decision.actor,
            at=decision.now,
            round=command.round,
            number=command.number,
            date=command.date,
            verdict=command.verdict,
            text=command.text,
            remarks=command.remarks,
            replaces=command.replaces,
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


def council_clock(decision: PilotDecision) -> None:
    """The alarm that a conclusion still waits runs exactly while the pilot is before the Council."""
    waits = decision.state.stage is Stage.COUNCIL
    if waits and decision.state.own_term(COUNCIL_ALARM) is None:
        TERMS.start(decision, COUNCIL_ALARM)
    if not waits:
        TERMS.end(decision, COUNCIL_ALARM)


# ---- reports of the executor


def progress(decision: PilotDecision, command: RecordProgress) -> None:
    """A periodic report; the next one is owed from now on, while the pilot is carried out."""
    decision.then(
        ProgressRecordedV1(
            actor=decision.actor,
            at=decision.now,
            event_id=command.event_id,
            period=command.period,
            summary=command.summary,
            values=command.values,
        )
    )
    if decision.state.stage in CARRIED_OUT and (running := decision.state.own_term(REPORT)) is not None:
        stood = running.ledger.stopped
        TERMS.end(decision, REPORT)
        TERMS.start(decision, REPORT)
        if stood:
            TERMS.stop_since(decision, REPORT, decision.today, "carrying out is suspended")


def spending(decision: PilotDecision, command: RecordSpending) -> None:
    """Payments."""
    decision.then(
        SpendingRecordedV1(actor=decision.actor, at=decision.now, event_id=command.event_id, payments=command.payments)
    )


def risks(decision: PilotDecision, command: RecordRisks) -> None:
    """Risks and their scenarios."""
    decision.then(RiskRecordedV1(actor=decision.actor, at=decision.now, event_id=command.event_id, risks=command.risks))


def results(decision: PilotDecision, command: RecordResults) -> None:
    """Measured results."""
    decision.then(
        ResultRecordedV1(actor=decision.actor, at=decision.now, event_id=command.event_id, values=command.values)
    )


def completion(decision: PilotDecision, command: RecordCompletion) -> None:
    """Carrying out is finished: the head organisation's turn. A word too late moves nothing, but what it
    measured stays."""
    if decision.state.stage not in CARRIED_OUT:
        if command.values and decision.state.launch is not None:
            results(decision, RecordResults(command.event_id, command.values))
        return
    decision.then(
        PilotCompletedV1(
            actor=decision.actor,
            at=decision.now,
            event_id=command.event_id,
            finished=command.finished,
            summary=command.summary,
            values=command.values,
        )
    )
    TERMS.end(decision, CARRYING_OUT, REPORT, SUSPENSION)
    TERMS.start(decision, PROPOSAL)
