"""Facts of the registry service (реестр пилотных проектов): its topic is `pilots.registry.v1`."""

from enum import StrEnum
from typing import ClassVar, Final

from contracts.event import Basis, Day, Fact, Language, Moment
from contracts.reference import Application, Expediency, Party, Remark, ReturnReason, Verdict


class ApplicationOutcome(StrEnum):
    """What became of the application: принята, возвращена, подана повторно, отозвана, прекращена, утратила силу,
    отказано в экспертизе."""

    ACCEPTED = "accepted"
    RETURNED = "returned"
    RESUBMITTED = "resubmitted"
    WITHDRAWN = "withdrawn"
    STOPPED = "stopped"
    LAPSED = "lapsed"
    REFUSED = "refused"


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
    """What became of the application was recorded (итог рассмотрения заявки). `application` is the new one of a
    resubmission; `basis` the document of a stop."""

    TYPE: ClassVar[str] = "pilots.registry.application-outcome-recorded.v1"

    outcome: ApplicationOutcome
    reasons: tuple[ReturnReason, ...] = ()
    text: str | None = None
    application: Application | None = None
    basis: Basis | None = None


class ApplicationAmendedV1(Fact):
    """Answers to a request for information changed the application (заявка уточнена)."""

    TYPE: ClassVar[str] = "pilots.registry.application-amended.v1"

    request: str
    application: Application


class TermStage(StrEnum):
    """What happened to a term: начат, приостановлен, возобновлён, продлён, пересчитан, нарушен, прекращён."""

    STARTED = "started"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    EXTENDED = "extended"
    RECALENDARED = "recalendared"
    BREACHED = "breached"
    ENDED = "ended"


class TermRecordedV1(Fact):
    """Something happened to a term of another service (срок внесён), so that the register knows what runs.
    `due_at` None: the clock stands, or the term has ended."""

    TYPE: ClassVar[str] = "pilots.registry.term-recorded.v1"

    kind: str
    stage: TermStage
    due_at: Moment | None = None


class ConclusionRecordedV1(Fact):
    """The expertise operator's conclusion was recorded (заключение внесено); `to_council`: it goes before the
    Council, otherwise the next move is the initiator's. `replaces` is the conclusion that an appeal amended.
    `overtaken`: it was made before a later word on the application was known, so the pilot stays where it stands.
    """

    TYPE: ClassVar[str] = "pilots.registry.conclusion-recorded.v1"

    round: int
    number: str
    date: Day
    verdict: Verdict
    text: str
    remarks: tuple[Remark, ...] = ()
    replaces: str | None = None
    to_council: bool = True
    overtaken: bool = False


class AnnulmentRecordedV1(Fact):
    """An appeal annulled a conclusion (заключение отменено): the pilot is back in the expertise."""

    TYPE: ClassVar[str] = "pilots.registry.annulment-recorded.v1"

    round: int
    number: str


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
        ApplicationAmendedV1,
        TermRecordedV1,
        ConclusionRecordedV1,
        AnnulmentRecordedV1,
        ExpediencyDecidedV1,
        PilotLaunchedV1,
    )
)
