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
from services.registry.domain import terms as clock
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
from services.registry.domain.terms import PilotCourse


def enter(course: PilotCourse, command: Enter) -> None:
    """A pilot begins its life in the register."""
    course.then(
        PilotEnteredV1(
            actor=course.actor,
            agency=command.agency,
            number=command.number,
            edition=command.edition,
            submitted=command.submitted,
            entered=course.now,
            application=command.application,
        )
    )


def outcome(course: PilotCourse, command: RecordOutcome) -> None:
    """What became of the application."""
    course.then(
        ApplicationOutcomeRecordedV1(
            actor=course.actor,
            at=course.now,
            outcome=command.outcome,
            reasons=command.reasons,
            text=command.text,
            application=command.application,
            basis=command.basis,
        )
    )
    council_clock(course)


def amendment(course: PilotCourse, command: RecordAmendment) -> None:
    """Answers changed the application; nothing, where they did not."""
    if course.state.application != command.application:
        course.then(
            ApplicationAmendedV1(
                actor=course.actor, at=course.now, request=command.request, application=command.application
            )
        )


def foreign_term(course: PilotCourse, command: RecordTerm) -> None:
    """Something happened to a term of another service."""
    stages = (command.stage, TermStage.BREACHED) if command.breached else (command.stage,)
    for stage in stages:
        course.then(TermRecordedV1(actor=course.actor, kind=command.kind, stage=stage, due_at=command.due_at))


def conclusion(course: PilotCourse, command: RecordConclusion) -> None:
    """A conclusion; whether a negative one goes before the Council is a switch of the edition (assumption)."""
    negative = command.verdict is Verdict.NEGATIVE
    course.then(
        ConclusionRecordedV1(
            actor=course.actor,
            at=course.now,
            round=command.round,
            number=command.number,
            date=command.date,
            verdict=command.verdict,
            text=command.text,
            remarks=command.remarks,
            replaces=command.replaces,
            to_council=not negative or course.edition.on("council_sees_negative"),
            overtaken=_overtaken(course.state, command.knowing),
        )
    )
    council_clock(course)


def _overtaken(state: Pilot, knowing: int) -> bool:
    """Whether the application has taken a turn of which the expertise did not know when it concluded.

    Such a turn may be recorded before or after the conclusion; either way it has the last word, so that the pilot
    stands at the same stage in whichever order the two arrive.
    """
    return knowing < state.turn


def annulment(course: PilotCourse, round: int, number: str) -> None:
    """A conclusion lost its force."""
    course.then(AnnulmentRecordedV1(actor=course.actor, at=course.now, round=round, number=number))
    council_clock(course)


def council_clock(course: PilotCourse) -> None:
    """The alarm that a conclusion still waits runs exactly while the pilot is before the Council."""
    waits = course.state.stage is Stage.COUNCIL
    if waits and course.state.own_term(COUNCIL_ALARM) is None:
        clock.start(course, COUNCIL_ALARM)
    if not waits:
        clock.end(course, COUNCIL_ALARM)


# ---- reports of the executor


def progress(course: PilotCourse, command: RecordProgress) -> None:
    """A periodic report; the next one is owed from now on, while the pilot is carried out."""
    course.then(
        ProgressRecordedV1(
            actor=course.actor,
            at=course.now,
            event_id=command.event_id,
            period=command.period,
            summary=command.summary,
            values=command.values,
        )
    )
    if course.state.stage in CARRIED_OUT and (running := course.state.own_term(REPORT)) is not None:
        stood = running.ledger.stopped
        clock.end(course, REPORT)
        clock.start(course, REPORT)
        if stood:
            clock.stop(course, REPORT, course.today, "carrying out is suspended")


def spending(course: PilotCourse, command: RecordSpending) -> None:
    """Payments."""
    course.then(
        SpendingRecordedV1(actor=course.actor, at=course.now, event_id=command.event_id, payments=command.payments)
    )


def risks(course: PilotCourse, command: RecordRisks) -> None:
    """Risks and their scenarios."""
    course.then(RiskRecordedV1(actor=course.actor, at=course.now, event_id=command.event_id, risks=command.risks))


def results(course: PilotCourse, command: RecordResults) -> None:
    """Measured results."""
    course.then(ResultRecordedV1(actor=course.actor, at=course.now, event_id=command.event_id, values=command.values))


def completion(course: PilotCourse, command: RecordCompletion) -> None:
    """Carrying out is finished: the head organisation's turn. A word too late moves nothing, but what it
    measured stays."""
    if course.state.stage not in CARRIED_OUT:
        if command.values and course.state.launch is not None:
            results(course, RecordResults(command.event_id, command.values))
        return
    course.then(
        PilotCompletedV1(
            actor=course.actor,
            at=course.now,
            event_id=command.event_id,
            finished=command.finished,
            summary=command.summary,
            values=command.values,
        )
    )
    clock.end(course, CARRYING_OUT, REPORT, SUSPENSION)
    clock.start(course, PROPOSAL)
