"""Facts of the registry service (реестр пилотных проектов): its topic is `pilots.registry.v1`.

The file is long and one thing: the language of one topic, in the order in which a pilot goes.
"""

from enum import StrEnum
from typing import ClassVar, Final, get_args

from pydantic import JsonValue

from .event import Basis, Contract, Dated, Day, Fact, Language, Moment
from .intake import Registered
from .reference import (
    Application,
    Effectiveness,
    Hiding,
    KeyEnding,
    OrganisationId,
    Party,
    ReturnReason,
)
from .steps import (
    AgreementEntry,
    AgreementFailure,
    Commission,
    Completion,
    Conclusion,
    Corrected,
    CreditDecision,
    CriterionValue,
    EarlyStop,
    ErasedPerson,
    ExpediencyDecision,
    Judgement,
    Launch,
    ListMade,
    PilotExtension,
    PilotResumption,
    PilotSuspension,
    Progress,
    Proposal,
    RecordHandling,
    RecordSkipping,
    Results,
    Risks,
    ScalingDecision,
    Spending,
    TakenList,
)
from .terms import (
    TermBreached,
    TermEnded,
    TermExtended,
    TermNearing,
    TermRecalendared,
    TermResumed,
    TermStartedAsOf,
    TermSuspendedAsOf,
)


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


class Entry(Registered):
    """What a pilot is entered in the register with: its application too, when that was submitted, and what its agency
    was called then."""

    submitted: Moment
    application: Application
    agency_name: str | None = None


class PilotEnteredV1(Entry, Fact):
    """A pilot was entered in the register when its application was registered (внесён в реестр)."""

    TYPE: ClassVar[str] = "pilots.registry.pilot-entered.v1"

    entered: Moment


class Outcome(Contract):
    """What became of the application, and why. `application` is the new one of a resubmission; `basis` the document of
    a stop."""

    outcome: ApplicationOutcome
    reasons: tuple[ReturnReason, ...] = ()
    text: str | None = None
    application: Application | None = None
    basis: Basis | None = None


class ApplicationOutcomeRecordedV1(Dated, Outcome, Fact):
    """What became of the application was recorded (итог рассмотрения заявки). `application` is the new one of a
    resubmission; `basis` the document of a stop."""

    TYPE: ClassVar[str] = "pilots.registry.application-outcome-recorded.v1"


class ApplicationAmendedV1(Dated, Fact):
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


class ForeignTerm(Contract):
    """What happened to a term of another service. `due_at` None: the clock stands, or the term has ended."""

    kind: str
    stage: TermStage
    due_at: Moment | None = None


class TermRecordedV1(ForeignTerm, Fact):
    """Something happened to a term of another service (срок внесён), so that the register knows what runs.
    `due_at` None: the clock stands, or the term has ended."""

    TYPE: ClassVar[str] = "pilots.registry.term-recorded.v1"


class ConclusionRecordedV1(Dated, Conclusion, Fact):
    """The expertise operator's conclusion was recorded (заключение внесено); `to_council`: it goes before the
    Council, otherwise the next move is the initiator's. `replaces` is the conclusion that an appeal amended.
    `overtaken`: it was made before a later word on the application was known, so the pilot stays where it stands.
    """

    TYPE: ClassVar[str] = "pilots.registry.conclusion-recorded.v1"

    to_council: bool = True
    overtaken: bool = False


class AnnulmentRecordedV1(Dated, Fact):
    """An appeal annulled a conclusion (заключение отменено): the pilot is back in the expertise."""

    TYPE: ClassVar[str] = "pilots.registry.annulment-recorded.v1"

    round: int
    number: str


class ExpediencyDecidedV1(Dated, ExpediencyDecision, Fact):
    """The council's decision on expediency (решение Совета о целесообразности).

    Where it is `expedient`, `executor` is the initiator: the decision makes the initiator the executor
    (Regulation on pilots, as published by the regulator).
    """

    TYPE: ClassVar[str] = "pilots.registry.expediency-decided.v1"

    executor: Party | None = None


class PilotLaunchedV1(Dated, Launch, Fact):
    """Carrying out began (начало реализации). `started` is a day in the zone of the edition."""

    TYPE: ClassVar[str] = "pilots.registry.pilot-launched.v1"


# ---- terms of the register's own


class TermStartedV1(TermStartedAsOf):
    """A term began to run (срок начал течь), in the place of an open one of its kind if there is any. `reminded`: the
    reminders that had passed when it was entered; they are not sent."""

    TYPE: ClassVar[str] = "pilots.registry.term-started.v1"


class TermSuspendedV1(TermSuspendedAsOf):
    """The clock was stopped (срок приостановлен); `ran_out`: the term had run out before it stopped."""

    TYPE: ClassVar[str] = "pilots.registry.term-suspended.v1"


class TermResumedV1(TermResumed):
    """The clock runs again (течение срока возобновлено)."""

    TYPE: ClassVar[str] = "pilots.registry.term-resumed.v1"


class TermExtendedV1(TermExtended):
    """A term was extended by days of its unit (срок продлён)."""

    TYPE: ClassVar[str] = "pilots.registry.term-extended.v1"


class TermNearingV1(TermNearing):
    """Rungs of a term's reminder ladder were reached (напоминание о сроке): days that were left, the most first."""

    TYPE: ClassVar[str] = "pilots.registry.term-nearing.v1"


class TermBreachedV1(TermBreached):
    """A term ran out before what it bounds was done (срок нарушен), such as an overdue report. An alarm."""

    TYPE: ClassVar[str] = "pilots.registry.term-breached.v1"


class TermRecalendaredV1(TermRecalendared):
    """A running term was counted anew because its calendar changed (срок пересчитан по новому календарю)."""

    TYPE: ClassVar[str] = "pilots.registry.term-recalendared.v1"


class TermEndedV1(TermEnded):
    """A term ended because what it bounds was done or fell away (срок прекращён)."""

    TYPE: ClassVar[str] = "pilots.registry.term-ended.v1"


# ---- the life after the council


class AgreementRecordedV1(Dated, AgreementEntry, Fact):
    """The agreement of executor and customer was entered (соглашение внесено)."""

    TYPE: ClassVar[str] = "pilots.registry.agreement-recorded.v1"


class AgreementFailedV1(Dated, AgreementFailure, Fact):
    """Executor and customer did not agree, on a document (соглашение не достигнуто)."""

    TYPE: ClassVar[str] = "pilots.registry.agreement-failed.v1"


class ReportRecorded(Dated, Fact):
    """What every fact says by which a report of the executor was recorded."""

    event_id: str


class ProgressRecordedV1(Progress, ReportRecorded):
    """The executor's periodic report was recorded (отчёт о ходе реализации)."""

    TYPE: ClassVar[str] = "pilots.registry.progress-recorded.v1"


class SpendingRecordedV1(Spending, ReportRecorded):
    """Payments were recorded (расходы)."""

    TYPE: ClassVar[str] = "pilots.registry.spending-recorded.v1"


class RiskRecordedV1(Risks, ReportRecorded):
    """Risks and their scenarios were recorded (риски и сценарии)."""

    TYPE: ClassVar[str] = "pilots.registry.risk-recorded.v1"


class ResultRecordedV1(Results, ReportRecorded):
    """Measured results were recorded (результаты)."""

    TYPE: ClassVar[str] = "pilots.registry.result-recorded.v1"


class PilotCompletedV1(Completion, ReportRecorded):
    """Carrying out is finished (реализация завершена), as the executor reported."""

    TYPE: ClassVar[str] = "pilots.registry.pilot-completed.v1"


class PilotSuspendedV1(Dated, PilotSuspension, Fact):
    """Carrying out was suspended on a document (реализация приостановлена)."""

    TYPE: ClassVar[str] = "pilots.registry.pilot-suspended.v1"


class PilotResumedV1(Dated, PilotResumption, Fact):
    """Carrying out was resumed on a document (реализация возобновлена)."""

    TYPE: ClassVar[str] = "pilots.registry.pilot-resumed.v1"


class PilotExtendedV1(Dated, PilotExtension, Fact):
    """The term of carrying out was extended on a document (срок реализации продлён)."""

    TYPE: ClassVar[str] = "pilots.registry.pilot-extended.v1"


class PilotStoppedV1(Dated, EarlyStop, Fact):
    """Carrying out was stopped early on a document (реализация прекращена досрочно)."""

    TYPE: ClassVar[str] = "pilots.registry.pilot-stopped.v1"


class CommissionNamedV1(Dated, Commission, Fact):
    """The head organisation named the members and the secretary of the pilot's commission (состав комиссии).

    Opaque ids of persons; at least as many members as the edition asks for (Resolution 4 of 23 Feb 2024: nine).
    """

    TYPE: ClassVar[str] = "pilots.registry.commission-named.v1"


class EffectivenessProposedV1(Dated, Proposal, Fact):
    """The head organisation's information and proposal on effectiveness (предложение об эффективности)."""

    TYPE: ClassVar[str] = "pilots.registry.effectiveness-proposed.v1"

    values: tuple[CriterionValue, ...] = ()  # as its schema is frozen


class EffectivenessJudgedV1(Dated, Judgement, Fact):
    """The commission's judgement on its minutes (решение комиссии, протокол)."""

    TYPE: ClassVar[str] = "pilots.registry.effectiveness-judged.v1"

    values: tuple[CriterionValue, ...] = ()  # as its schema is frozen


class ScalingDecidedV1(Dated, ScalingDecision, Fact):
    """A body's decision on scaling (решение о тиражировании): evidence, conditions, money, the replicas it leads to."""

    TYPE: ClassVar[str] = "pilots.registry.scaling-decided.v1"


class ReplicaLinkedV1(Fact):
    """Another pilot copies this one (реплика); entered on the parent. `replica_number` is its registration."""

    TYPE: ClassVar[str] = "pilots.registry.replica-linked.v1"

    replica: str
    replica_number: str
    adaptation: str | None = None


class ReplicaResultNotedV1(Fact):
    """How a replica was judged in the end; entered on the parent (результат реплики)."""

    TYPE: ClassVar[str] = "pilots.registry.replica-result-noted.v1"

    replica: str
    outcome: Effectiveness


class ConflictNotedV1(Hiding, Fact):
    """From whom a pilot is hidden (конфликт интересов учтён), as the expertise said of a case; before there is one, as
    the entry in the directory of experts says (`by_entry`)."""

    TYPE: ClassVar[str] = "pilots.registry.conflict-noted.v1"


class CreditDecidedV1(Dated, CreditDecision, Fact):
    """A body's decision whether a product in use counts as a pilot (зачёт), on evidence. A switch of the edition."""

    TYPE: ClassVar[str] = "pilots.registry.credit-decided.v1"


class EntryCorrectedV1(Dated, Corrected, Fact):
    """An entry was wrong, and this one stands in its place (исправление): with the reason and a document.

    `place` counts entries of the kind from 1; `was` and `now` are their content. The old entry stays in the
    timeline as it was.
    """

    TYPE: ClassVar[str] = "pilots.registry.entry-corrected.v1"

    was: JsonValue
    now: JsonValue


class ListTakenV1(TakenList, Fact):
    """Somebody took a list out of the register (выгрузка): who, which list, how much, why. Subject `export:<id>`."""

    TYPE: ClassVar[str] = "pilots.registry.list-taken.v1"

    asked: Moment


class ListReadyV1(ListMade, Fact):
    """A list that was asked for is ready, or could not be made (выгрузка готова)."""

    TYPE: ClassVar[str] = "pilots.registry.list-ready.v1"


class PersonErasedV1(ErasedPerson, Fact):
    """A person's data was erased from the register (персональные данные удалены); the opaque id stays. Subject
    `person:<id>`."""

    TYPE: ClassVar[str] = "pilots.registry.person-erased.v1"


class NotedKey(KeyEnding):
    """What the register keeps of a key of an agency: by what it is known (its SHA-256), what it opens, until when."""

    id: str
    digest: str
    scopes: tuple[str, ...]


class AgencyAccess(Contract):
    """Whether an agency is let in, as intake's directory has it: since when it is cut off, and the days of its own."""

    disabled: Moment | None = None
    active_from: Day | None = None
    active_to: Day | None = None


class AgencyStanding(AgencyAccess):
    """The same with what it is called, the zone of its newest edition, in which its days are, and its keys: those that
    are good, and the last of those that ended."""

    name: str | None = None
    zone: str | None = None
    keys: tuple[NotedKey, ...] = ()


class AgencyNotedV1(AgencyStanding, Fact):
    """The register notes what an agency is called, whether it is let in, and by which keys (доступ ведомства). Subject
    `agency:<code>`."""

    TYPE: ClassVar[str] = "pilots.registry.agency-noted.v1"

    code: str


class ExpertNotedV1(Fact):
    """The register notes to which organisations an entry of the directory of experts ties a person (связи эксперта):
    the own one, those of its group, and those in which an interest was declared. Subject `expert:<id>`."""

    TYPE: ClassVar[str] = "pilots.registry.expert-noted.v1"

    expert_id: str
    organisations: tuple[OrganisationId, ...]


class RecordHandledV1(RecordHandling, Fact):
    """Records that the register had set aside were handled by those who run it (разобраны отложенные записи). Subject
    `handling:<id>`."""

    TYPE: ClassVar[str] = "pilots.registry.record-handled.v1"


class RecordSkippedV1(RecordSkipping, Fact):
    """A record at which the register's reader stood still was to be passed over: who said so and why (запись
    пропущена). Subject `skipping:<id>`."""

    TYPE: ClassVar[str] = "pilots.registry.record-skipped.v1"


PilotFact = (
    PilotEnteredV1
    | ApplicationOutcomeRecordedV1
    | ApplicationAmendedV1
    | TermRecordedV1
    | ConclusionRecordedV1
    | AnnulmentRecordedV1
    | ExpediencyDecidedV1
    | PilotLaunchedV1
    | TermStartedV1
    | TermSuspendedV1
    | TermResumedV1
    | TermExtendedV1
    | TermNearingV1
    | TermBreachedV1
    | TermRecalendaredV1
    | TermEndedV1
    | AgreementRecordedV1
    | AgreementFailedV1
    | ProgressRecordedV1
    | SpendingRecordedV1
    | RiskRecordedV1
    | ResultRecordedV1
    | PilotSuspendedV1
    | PilotResumedV1
    | PilotExtendedV1
    | PilotStoppedV1
    | PilotCompletedV1
    | CommissionNamedV1
    | EffectivenessProposedV1
    | EffectivenessJudgedV1
    | ScalingDecidedV1
    | ReplicaLinkedV1
    | ReplicaResultNotedV1
    | CreditDecidedV1
    | EntryCorrectedV1
    | ConflictNotedV1
)
"""Every fact of a pilot; who keeps a table of them has a test that none is left out."""
ExportFact = ListTakenV1 | ListReadyV1
"""Every fact of a list that was taken out."""

REGISTRY: Final = Language[Fact](
    get_args(PilotFact)
    + get_args(ExportFact)
    + (PersonErasedV1, AgencyNotedV1, ExpertNotedV1, RecordHandledV1, RecordSkippedV1)
)
