"""What agencies send: to their own Kafka topic, or as the same CloudEvent to intake's `POST /v1/events`.

Both versions of an event stay accepted, because agencies upgrade slowly. Inside, only the newest exists.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Final

from .entered import SENT, Entered
from .event import Basis, Contract, Day, Language, Moment, Payload
from .forms import pilot_named
from .reference import (
    UNSPECIFIED,
    Application,
    ApplicationBase,
    CostLine,
    ItemId,
    Met,
    Money,
    OnExpiry,
    Problem,
    RequestItem,
)
from .steps import Answers, Completion, Person, Progress, ReasonedVerdict, Results, Risks, Spending, Withdrawal


class ContactPerson(Person):
    """Whom to ask about an application."""


class ApplicationSubmittedV1(ApplicationBase, Payload):
    """An application for a pilot (заявка на пилотный проект), with one total cost."""

    TYPE: ClassVar[str] = "pilots.agency.application-submitted.v1"

    contact: ContactPerson | None = None
    total_cost: Money | None = None

    def upcast(self) -> "ApplicationSubmittedV2":
        """The same in version 2: the total becomes one line of an unspecified source, without a year."""
        total = self.total_cost
        line = total and CostLine(
            source=UNSPECIFIED, year=None, amount_minor=total.amount_minor, currency=total.currency
        )
        return ApplicationSubmittedV2.made_of(self, costs=(line,) if line else (), total_cost=None)


class ApplicationSubmittedV2(Application, Payload):
    """An application for a pilot (заявка на пилотный проект), with its cost by money source and year.

    `total_cost` need not be given; where it is, it is the sum of `costs` in its currency, and nothing else is made of
    it.
    """

    TYPE: ClassVar[str] = "pilots.agency.application-submitted.v2"

    contact: ContactPerson | None = None
    total_cost: Money | None = None

    def application(self) -> Application:
        """The content that facts carry: everything but the contact person and the total."""
        names = {} if self.replicates is None else {"replicates": pilot_named(self.replicates)}
        return Application.made_of(self, **names)


class ApplicationResubmittedV1(ApplicationSubmittedV2):
    """A returned or negatively concluded application, sent again after changes (повторная подача).

    The event's `subject` is the pilot's id, as the receipts name it. `met` says what was done about each remark.
    """

    TYPE: ClassVar[str] = "pilots.agency.application-resubmitted.v1"

    met: Annotated[tuple[Met, ...], Entered(most=200)] = ()


class ClarificationProvidedV1(Answers, Payload):
    """Answers to a request for information (ответ на запрос), all of its items or some. `subject`: the pilot's id."""

    TYPE: ClassVar[str] = "pilots.agency.clarification-provided.v1"


class ApplicationWithdrawnV1(Withdrawal, Payload):
    """The applicant takes the application back (отзыв заявки). `subject`: the pilot's id."""

    TYPE: ClassVar[str] = "pilots.agency.application-withdrawn.v1"


class ProgressReportedV1(Progress, Payload):
    """The executor's periodic report on the course of a pilot (отчёт о ходе реализации). `subject`: the pilot's id."""

    TYPE: ClassVar[str] = "pilots.agency.progress-reported.v1"


class SpendingReportedV1(Spending, Payload):
    """Money that was paid for a pilot since the report before (отчёт о расходах). `subject`: the pilot's id."""

    TYPE: ClassVar[str] = "pilots.agency.spending-reported.v1"


class RiskReportedV1(Risks, Payload):
    """Risks of a pilot, new or as they stand now (отчёт о рисках). `subject`: the pilot's id."""

    TYPE: ClassVar[str] = "pilots.agency.risk-reported.v1"


class ResultReportedV1(Results, Payload):
    """Measured results of a pilot (отчёт о результатах). `subject`: the pilot's id."""

    TYPE: ClassVar[str] = "pilots.agency.result-reported.v1"


class CompletionReportedV1(Completion, Payload):
    """Carrying out is finished (отчёт о завершении), with the last results. `subject`: the pilot's id."""

    TYPE: ClassVar[str] = "pilots.agency.completion-reported.v1"


class ReceiptRequest(Contract):
    """What a receipt says of a request for information: all of it when it is made, later what is still unanswered
    (`open_items`), and in the end how it was closed (`outcome`)."""

    id: str
    items: tuple[RequestItem, ...] = ()
    open_items: tuple[ItemId, ...] = ()
    on_expiry: OnExpiry | None = None
    outcome: str | None = None


class ToldConclusion(ReasonedVerdict):
    """What an applicant is told of a conclusion (заключение), beside its number."""

    date: Day
    round: int


class ReceiptConclusion(ToldConclusion):
    """What a receipt says of a conclusion."""

    number: str


class CreditDecision(StrEnum):
    """The council's decision on a credit (решение о зачёте), as the applicant is told it: зачтён, не зачтён."""

    CREDITED = "credited"
    NOT_CREDITED = "not-credited"


class ReceiptDecision(Contract):
    """What a receipt says of a decision of the Council (решение Совета): what was decided, and the document.

    `decision` is one of expedient, not-expedient and postponed; on a credit (зачёт) credited or not-credited.
    """

    decision: str
    basis: Basis


class ReceiptStep(Contract):
    """What a receipt says of a step of a pilot's life in the register, and the document that it rests on.

    `step` is one of agreed, agreement-failed, launched, judged, scaling-decided, stopped-early. `day` is the day on
    which carrying out begins or was stopped, `until` the last one that was agreed on; `decision` is what the commission
    or the body decided, `text` why.
    """

    step: str
    day: Day | None = None
    until: Day | None = None
    decision: str | None = None
    text: str | None = None
    basis: Basis


class ReceiptReminder(Contract):
    """What a receipt says of a term of carrying out (напоминание о сроке): progress-report or carrying-out. `rungs` are
    the days that were left, the most first; `overdue`: it has run out. The receipt's `due_at` is its end."""

    kind: str
    rungs: tuple[int, ...] = ()
    overdue: bool = False


class ReceiptOutcome(StrEnum):
    """What a receipt can say became of an event, or of the application that it belongs to."""

    REGISTERED = "registered"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    RESUBMITTED = "resubmitted"
    WITHDRAWN = "withdrawn"
    STOPPED = "stopped"
    LAPSED = "lapsed"
    INFORMATION_REQUESTED = "information-requested"
    ANSWERS_TAKEN = "answers-taken"
    REQUEST_CLOSED = "request-closed"
    CONCLUDED = "concluded"
    CONCLUSION_ANNULLED = "conclusion-annulled"
    CLOSED = "closed"
    DECIDED = "decided"
    REPORTED = "reported"
    REMINDED = "reminded"
    PARKED = "parked"
    AGREED = "agreed"
    AGREEMENT_FAILED = "agreement-failed"
    LAUNCHED = "launched"
    JUDGED = "judged"
    SCALING_DECIDED = "scaling-decided"
    STOPPED_EARLY = "stopped-early"


class ReceiptIssuedV1(Payload):
    """What became of an agency's event (квитанция); sent to the agency's receipts topic at every change.

    `outcome` is one of registered, refused, accepted, returned, resubmitted, withdrawn, stopped, lapsed,
    information-requested, answers-taken, request-closed, concluded, conclusion-annulled, closed, decided, reported,
    reminded, parked, agreed, agreement-failed, launched, judged, scaling-decided, stopped-early. Parked: set aside
    until the operator has helped; another receipt follows. `problems` names all that is wrong, at once. `due_at` is
    when the next move, whoever has it, is due. `conclusion_number` is that of a conclusion that was annulled. `step` is
    a step of the pilot's life in the register. `event_type` is the type of the agency's event that is answered; a
    receipt that answers none has none, nor has one of an earlier program, or of an application that was refused.
    `whole_at` is where intake's API gives the whole receipt, if it is too
    long for the topic: then what makes it long is left out here.
    """

    TYPE: ClassVar[str] = "pilots.intake.receipt-issued.v1"

    agency: str
    event_id: str
    event_type: str | None = None
    outcome: str
    pilot: str
    number: str | None = None
    own_number: str | None = None
    due_at: Moment | None = None
    problems: tuple[Problem, ...] = ()
    reasons: tuple[str, ...] = ()
    request: ReceiptRequest | None = None
    conclusion: ReceiptConclusion | None = None
    conclusion_number: str | None = None
    decision: ReceiptDecision | None = None
    step: ReceiptStep | None = None
    reminder: ReceiptReminder | None = None
    whole_at: str | None = None


AGENCY: Final = Language[Payload](
    (
        ApplicationSubmittedV1,
        ApplicationSubmittedV2,
        ApplicationResubmittedV1,
        ClarificationProvidedV1,
        ApplicationWithdrawnV1,
        ProgressReportedV1,
        SpendingReportedV1,
        RiskReportedV1,
        ResultReportedV1,
        CompletionReportedV1,
    ),
    context=SENT,
)
"""All that agencies may send."""

RECEIPTS: Final = Language[Payload]((ReceiptIssuedV1,))
"""All that agencies are sent."""
