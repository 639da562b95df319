"""Facts of the registry service (реестр пилотных проектов): its topic is `pilots.registry.v1`."""

from enum import StrEnum
from typing import ClassVar, Final

from contracts.event import Basis, Day, Fact, Language, Moment
from contracts.reference import Application, Expediency, Party, Remark, ReturnReason, Verdict


class ApplicationOutcome(StrEnum):
    """What the look-over of the application ended in: принята, возвращена."""

    ACCEPTED = "accepted"
    RETURNED = "returned"


class PilotEnteredV1(Fact):
    """A pilot was entered in the register when its application was registered (внесён в реестр)."""

    TYPE: ClassVar[str] = "pilots.registry.pilot-entered.v1"

    agency: str
    number: str
    edition: str
    submitted: Moment
    entered: Moment
    application: Application


class ApplicationOutcomeRecordedV1(Fact):
    """The look-over's outcome was recorded (итог рассмотрения заявки)."""

    TYPE: ClassVar[str] = "pilots.registry.application-outcome-recorded.v1"

    outcome: ApplicationOutcome
    reasons: tuple[ReturnReason, ...] = ()


class TermStage(StrEnum):
    """What happened to a term: начат, нарушен, прекращён."""

    STARTED = "started"
    BREACHED = "breached"
    ENDED = "ended"


class TermRecordedV1(Fact):
    """A term of another service began, ran out or ended (срок внесён), so that the register knows what runs."""

    TYPE: ClassVar[str] = "pilots.registry.term-recorded.v1"

    kind: str
    stage: TermStage
    due_at: Moment | None = None


class ConclusionRecordedV1(Fact):
    """The expertise operator's conclusion was recorded (заключение внесено); `to_council`: it goes before the
    Council, otherwise the next move is the initiator's."""

    TYPE: ClassVar[str] = "pilots.registry.conclusion-recorded.v1"

    round: int
    verdict: Verdict
    text: str
    remarks: tuple[Remark, ...] = ()
    to_council: bool = True


class ExpediencyDecidedV1(Fact):
    """The council's decision on expediency (решение Совета о целесообразности).

    Where it is `expedient`, `executor` is the initiator: the decision makes the initiator the executor
    (Regulation on pilots, as published by the regulator).
    """

    TYPE: ClassVar[str] = "pilots.registry.expediency-decided.v1"

    decision: Expediency
    basis: Basis
    executor: Party | None = None


class PilotLaunchedV1(Fact):
    """Carrying out began (начало реализации). `started` is a day in the zone of the edition."""

    TYPE: ClassVar[str] = "pilots.registry.pilot-launched.v1"

    started: Day
    basis: Basis


REGISTRY: Final = Language[Fact](
    (
        PilotEnteredV1,
        ApplicationOutcomeRecordedV1,
        TermRecordedV1,
        ConclusionRecordedV1,
        ExpediencyDecidedV1,
        PilotLaunchedV1,
    )
)
