"""Facts of the intake service (регистрация и рассмотрение заявок): its topic is `pilots.intake.v1`.

It is one thing, long as it is: the whole language of one topic, whose facts are read beside each other.
"""

from enum import StrEnum
from typing import ClassVar, Final, get_args

from .agency import ReceiptDecision, ReceiptReminder, ReceiptStep, ToldConclusion
from .event import Contract, Dated, Day, Fact, Language, Moment
from .reference import (
    Application,
    Clock,
    Code,
    CostLine,
    Hiding,
    ItemId,
    Met,
    OnExpiry,
    Payment,
    Problem,
    RequestItem,
    ReturnReason,
)
from .steps import (
    AgencyDisabling,
    AgencyEnabling,
    AgencyEntry,
    Answers,
    ApplicationReturn,
    ApplicationStop,
    Completion,
    ErasedPerson,
    KeyRevocation,
    Progress,
    RecordHandling,
    RecordSkipping,
    Results,
    Risks,
    Spending,
    Withdrawal,
)
from .terms import TermBreached, TermEnded, TermNearing, TermRecalendared, TermStarted


class Registered(Contract):
    """Whose an application is, under which number it is registered, and by which edition it is judged."""

    agency: str
    number: str
    edition: str


class Submission(Contract):
    """What was submitted: `submission` counts from 1; `met` says what a resubmission did about each remark of the
    conclusion before it."""

    application: Application
    submission: int
    met: tuple[Met, ...] = ()


class AcceptedApplication(Registered, Submission):
    """An application that goes to expertise: whole, so that who starts here needs nothing said before."""

    submission: int = 1


class RefusedEvent(Contract):
    """An event of an agency that is not taken, with everything that is wrong with it."""

    agency: str
    event_id: str
    problems: tuple[Problem, ...]


class OfApplication(Fact):
    """What every fact says that the applicant hears of: its agency, and the number of the application."""

    agency: str
    number: str


class ReceivedEvent(Contract):
    """An event of an agency that was taken: its id, when that was, and what was told of it, though it may be taken."""

    event_id: str
    received: Moment
    problems: tuple[Problem, ...] = ()


class EventReceived(ReceivedEvent, OfApplication):
    """What every fact says by which an event of an agency about its pilot was received.

    `received` is when it was decided on, and what terms begin with; `came` when it came to Lotsman, into its topic (by
    Kafka's clock) or as a request: how long it stood there, or was parked, lies between. None where that is not known:
    facts of an earlier program do not say, nor of a topic that has its senders' times, nor of rows of a spreadsheet.
    """

    came: Moment | None = None


class ApplicationReceived(EventReceived):
    """What a fact says by which an application was received, whether it came for the first time or again."""

    event_type: str
    submitted: Moment
    look_over_due_at: Moment
    application: Application
    contact_person_id: str | None = None
    contact_until: Moment | None = None
    """When the contact person's data goes by itself; a fact of an earlier program does not say."""


class EventRefused(RefusedEvent, Fact):
    """What a fact says by which an event of an agency was not taken."""

    received: Moment


class AgencyEnteredV1(AgencyEntry, Fact):
    """An agency was entered in the directory, or its entry changed (справочник ведомств)."""

    TYPE: ClassVar[str] = "pilots.intake.agency-entered.v1"

    code: str


class AgencyDisabledV1(AgencyDisabling, Dated, Fact):
    """An agency was cut off at both doors: what it sends from then on is refused (ведомство отключено)."""

    TYPE: ClassVar[str] = "pilots.intake.agency-disabled.v1"

    code: str


class AgencyEnabledV1(AgencyEnabling, Dated, Fact):
    """An agency that was cut off may publish again (ведомство включено)."""

    TYPE: ClassVar[str] = "pilots.intake.agency-enabled.v1"

    code: str


class AgencyKey(Contract):
    """What is kept of a key of an agency. The key itself is nowhere: `digest` is its SHA-256, and its 256 random bits
    cannot be guessed from that. One may have taken the place of another."""

    label: str
    scopes: tuple[str, ...]
    digest: str
    until: Moment | None = None
    replaces: str | None = None


class AgencyKeyIssuedV1(AgencyKey, Dated, Fact):
    """An agency got a key (выдан ключ). That which it replaces is good beside it until `replaced_until`."""

    TYPE: ClassVar[str] = "pilots.intake.agency-key-issued.v1"

    code: str
    key: str
    replaced_until: Moment | None = None


class AgencyKeyRevokedV1(KeyRevocation, Dated, Fact):
    """A key of an agency opens nothing more (ключ отозван)."""

    TYPE: ClassVar[str] = "pilots.intake.agency-key-revoked.v1"

    code: str
    key: str


class AgencyPasswordMadeV1(Dated, Fact):
    """A password was made for an agency's user at Kafka (выдан пароль). It is nowhere but with who asked for it;
    `password` names what is kept of it, salted, until Kafka has it."""

    TYPE: ClassVar[str] = "pilots.intake.agency-password-made.v1"

    code: str
    password: str


AgencyFact = (
    AgencyEnteredV1 | AgencyDisabledV1 | AgencyEnabledV1 | AgencyKeyIssuedV1 | AgencyKeyRevokedV1 | AgencyPasswordMadeV1
)
"""Every fact about an agency's entry."""


class ApplicationRegisteredV1(ApplicationReceived):
    """An agency's application was found valid and registered (заявка зарегистрирована). `agency_name` is what the
    directory called the agency then."""

    TYPE: ClassVar[str] = "pilots.intake.application-registered.v1"

    edition: str
    agency_name: str | None = None


class SubmissionRefusedV1(EventRefused):
    """An agency's event was not taken, with everything that is wrong with it (отказано в приёме)."""

    TYPE: ClassVar[str] = "pilots.intake.submission-refused.v1"

    edition: str | None = None


class TermStartedV1(TermStarted):
    """A term began to run (срок начал течь). `due_at` is the first instant after its last day."""

    TYPE: ClassVar[str] = "pilots.intake.term-started.v1"

    due_at: Moment
    clock: Clock = Clock()


class TermEndedV1(TermEnded):
    """A term ended because what it bounds was done (срок прекращён)."""

    TYPE: ClassVar[str] = "pilots.intake.term-ended.v1"


class TermBreachedV1(TermBreached):
    """A term ran out before what it bounds was done (срок нарушен). An alarm, never an automatic consent."""

    TYPE: ClassVar[str] = "pilots.intake.term-breached.v1"


class TermNearingV1(TermNearing):
    """Rungs of a term's reminder ladder were reached (напоминание о сроке): days that were left, the most first."""

    TYPE: ClassVar[str] = "pilots.intake.term-nearing.v1"


class TermRecalendaredV1(TermRecalendared):
    """A running term was counted anew because its calendar changed (срок пересчитан по новому календарю)."""

    TYPE: ClassVar[str] = "pilots.intake.term-recalendared.v1"


class ApplicationAcceptedV1(AcceptedApplication, OfApplication):
    """An officer found the application complete: it goes to expertise (заявка принята к рассмотрению)."""

    TYPE: ClassVar[str] = "pilots.intake.application-accepted.v1"


class ApplicationReturnedV1(ApplicationReturn, OfApplication):
    """An officer sent the application back with coded reasons (заявка возвращена); until `due_at` it may come again."""

    TYPE: ClassVar[str] = "pilots.intake.application-returned.v1"

    due_at: Moment | None = None


class ResubmissionRegisteredV1(ApplicationReceived):
    """A returned application came again after changes, and is looked over anew (повторная подача)."""

    TYPE: ClassVar[str] = "pilots.intake.resubmission-registered.v1"

    submission: int
    met: tuple[Met, ...] = ()


class EventRefusedV1(EventRefused):
    """A later event of an agency about its pilot was not taken, with everything that is wrong with it."""

    TYPE: ClassVar[str] = "pilots.intake.event-refused.v1"

    event_type: str


class InformationRequestForwardedV1(OfApplication):
    """The expertise asks the applicant for information (запрос сведений); the agency gets it as a receipt."""

    TYPE: ClassVar[str] = "pilots.intake.information-request-forwarded.v1"

    request: str
    items: tuple[RequestItem, ...]
    on_expiry: OnExpiry
    due_at: Moment | None


class ClarificationRegisteredV1(Answers, EventReceived):
    """The applicant answered items of a request (ответ на запрос). `application` is as it stands with the answers."""

    TYPE: ClassVar[str] = "pilots.intake.clarification-registered.v1"

    open_items: tuple[ItemId, ...]
    application: Application


class InformationRequestClosedV1(OfApplication):
    """A request is no longer open: answered, cancelled, or expired with the outcome chosen in advance."""

    TYPE: ClassVar[str] = "pilots.intake.information-request-closed.v1"

    request: str
    outcome: str


class WithdrawalRegisteredV1(Withdrawal, EventReceived):
    """The applicant took the application back (заявка отозвана)."""

    TYPE: ClassVar[str] = "pilots.intake.withdrawal-registered.v1"


class ApplicationStoppedV1(ApplicationStop, OfApplication):
    """An officer stopped the procedure on a document (рассмотрение прекращено), e.g. the initiator was dissolved."""

    TYPE: ClassVar[str] = "pilots.intake.application-stopped.v1"


class ApplicationLapsedV1(OfApplication):
    """A returned application was not sent again within its term (заявка утратила силу)."""

    TYPE: ClassVar[str] = "pilots.intake.application-lapsed.v1"


class ConclusionForwardedV1(ToldConclusion, OfApplication):
    """The expertise's conclusion was passed on to the applicant. `may_resubmit`: there is a round left, and the
    term for changes has begun. `overtaken`: it is about an older submission than the one that stands here, or came
    after the Council's decision."""

    TYPE: ClassVar[str] = "pilots.intake.conclusion-forwarded.v1"

    conclusion_number: str
    may_resubmit: bool = False
    overtaken: bool = False
    due_at: Moment | None = None


class ConclusionAnnulmentForwardedV1(OfApplication):
    """An appeal annulled a conclusion (заключение отменено); the applicant is told, and a new round follows."""

    TYPE: ClassVar[str] = "pilots.intake.conclusion-annulment-forwarded.v1"

    conclusion_number: str


class ExpertiseClosedV1(OfApplication):
    """The expertise ended without a conclusion: returned (it may come again) or refused, with coded reasons."""

    TYPE: ClassVar[str] = "pilots.intake.expertise-closed.v1"

    outcome: str
    reasons: tuple[ReturnReason, ...] = ()
    due_at: Moment | None = None


class DecisionForwardedV1(ReceiptDecision, OfApplication):
    """The Council's decision was passed on to the applicant (решение доведено до заявителя), with its document.

    `decision` is one of expedient, not-expedient and postponed; on a credit (зачёт) credited or not-credited.
    """

    TYPE: ClassVar[str] = "pilots.intake.decision-forwarded.v1"


class StepForwardedV1(ReceiptStep, OfApplication):
    """A step of the pilot's life that the register entered was passed on to the applicant (соглашение, начало
    реализации, решение комиссии, решение о тиражировании, досрочное прекращение доведены до заявителя)."""

    TYPE: ClassVar[str] = "pilots.intake.step-forwarded.v1"


class ExpertiseTermNotedV1(Fact):
    """How the term of the expertise stands was noted (срок экспертизы учтён), so that the applicant can be told.
    `state` is running, stopped or ended; `due_at` is when it runs out, while it runs."""

    TYPE: ClassVar[str] = "pilots.intake.expertise-term-noted.v1"

    state: str
    due_at: Moment | None = None


class CarryingOutNote(Contract):
    """How a pilot stands that the Council has decided on. `reporting`: it is carried out, and all reports are taken;
    `indicators` and `committed` are those of the agreement and its money, `started` is the first day, once there was
    one. `over`: carrying out is over, or will never be."""

    reporting: bool
    indicators: tuple[Code, ...] = ()
    started: Day | None = None
    over: bool = False
    committed: tuple[CostLine, ...] = ()


class PaymentsCorrected(Contract):
    """Payments that were reported, and those that stand in their place since the register corrected the entry
    (исправление)."""

    was: tuple[Payment, ...]
    now: tuple[Payment, ...]


class CarryingOutNotedV1(CarryingOutNote, Fact):
    """How a pilot stands that the Council has decided on was noted, so that what its agency sends can be judged.

    With the first such note the application leaves intake's hands: what becomes of the pilot is the register's.
    `corrected` is what the register corrected of the payments, where it did.
    """

    TYPE: ClassVar[str] = "pilots.intake.carrying-out-noted.v1"

    corrected: PaymentsCorrected | None = None


class ConflictNotedV1(Hiding, Fact):
    """The expertise said from whom a case is hidden (конфликт интересов учтён): here it is hidden, too."""

    TYPE: ClassVar[str] = "pilots.intake.conflict-noted.v1"


class TermReminderForwardedV1(ReceiptReminder, OfApplication):
    """A term of carrying out that the register counts nears its end, or has run out; the executor is told of it
    (напоминание исполнителю). `kind` is progress-report or carrying-out, `rungs` are the days that were left, the most
    first; `overdue`: nothing is left."""

    TYPE: ClassVar[str] = "pilots.intake.term-reminder-forwarded.v1"

    due_at: Moment


class ProgressRegisteredV1(Progress, EventReceived):
    """A report on the course of a pilot was taken (отчёт о ходе принят)."""

    TYPE: ClassVar[str] = "pilots.intake.progress-registered.v1"


class SpendingRegisteredV1(Spending, EventReceived):
    """A report on money paid was taken (отчёт о расходах принят)."""

    TYPE: ClassVar[str] = "pilots.intake.spending-registered.v1"


class RiskRegisteredV1(Risks, EventReceived):
    """A report on risks was taken (отчёт о рисках принят)."""

    TYPE: ClassVar[str] = "pilots.intake.risk-registered.v1"


class ResultRegisteredV1(Results, EventReceived):
    """A report on results was taken (отчёт о результатах принят)."""

    TYPE: ClassVar[str] = "pilots.intake.result-registered.v1"


class CompletionRegisteredV1(Completion, EventReceived):
    """The report that carrying out is finished was taken (отчёт о завершении принят)."""

    TYPE: ClassVar[str] = "pilots.intake.completion-registered.v1"


class ErasedFor(StrEnum):
    """Why a contact person's data was erased: asked for (по требованию), or kept for as long as the edition says
    (истёк срок хранения)."""

    ASKED = "asked"
    TERM = "term"


class ContactErasedV1(OfApplication):
    """Contact persons' data of an application was erased (персональные данные контактного лица удалены); the opaque
    ids stay."""

    TYPE: ClassVar[str] = "pilots.intake.contact-erased.v1"

    person_ids: tuple[str, ...]
    why: ErasedFor


class ContactReading(Contract):
    """Whose data is read: the contact persons of an application, by their opaque ids."""

    pilot: str
    agency: str
    person_ids: tuple[str, ...]


class ContactReadV1(ContactReading, Fact):
    """An official read the contact persons' data of an application (персональные данные контактного лица прочитаны).
    Its subject is the application's `reading`."""

    TYPE: ClassVar[str] = "pilots.intake.contact-read.v1"


class PersonErasedV1(ErasedPerson, Fact):
    """The data of a person who works in intake was erased (персональные данные удалены); the opaque id stays. An
    applicant's contact persons are no such persons."""

    TYPE: ClassVar[str] = "pilots.intake.person-erased.v1"


class RecordHandledV1(RecordHandling, Fact):
    """Records that intake had set aside were handled by those who run it (разобраны отложенные записи). Subject
    `handling:<id>`."""

    TYPE: ClassVar[str] = "pilots.intake.record-handled.v1"


class RecordSkippedV1(RecordSkipping, Fact):
    """A record at which intake's reader stood still was to be passed over: who said so and why (запись пропущена).
    Subject `skipping:<id>`."""

    TYPE: ClassVar[str] = "pilots.intake.record-skipped.v1"


PilotFact = (
    ApplicationRegisteredV1
    | SubmissionRefusedV1
    | TermStartedV1
    | TermEndedV1
    | TermBreachedV1
    | TermNearingV1
    | TermRecalendaredV1
    | ApplicationAcceptedV1
    | ApplicationReturnedV1
    | ResubmissionRegisteredV1
    | EventRefusedV1
    | InformationRequestForwardedV1
    | ClarificationRegisteredV1
    | InformationRequestClosedV1
    | WithdrawalRegisteredV1
    | ApplicationStoppedV1
    | ApplicationLapsedV1
    | ConclusionForwardedV1
    | ConclusionAnnulmentForwardedV1
    | ExpertiseClosedV1
    | DecisionForwardedV1
    | CarryingOutNotedV1
    | ConflictNotedV1
    | StepForwardedV1
    | ExpertiseTermNotedV1
    | TermReminderForwardedV1
    | ProgressRegisteredV1
    | SpendingRegisteredV1
    | RiskRegisteredV1
    | ResultRegisteredV1
    | CompletionRegisteredV1
)
"""Every fact about an application and the pilot that it asks for; who matches on it says something of each."""

INTAKE: Final = Language[Fact](
    (
        *get_args(AgencyFact),
        ContactErasedV1,
        ContactReadV1,
        PersonErasedV1,
        RecordHandledV1,
        RecordSkippedV1,
        *get_args(PilotFact),
    )
)
