"""What agencies send: to their own Kafka topic, or as the same CloudEvent to intake's `POST /v1/events`.

Both versions of an event stay accepted, because agencies upgrade slowly. Inside, only the newest exists.
"""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from contracts.event import Contract, Day, Language, Moment, Payload
from contracts.reference import (
    UNSPECIFIED,
    Application,
    Code,
    ContactPerson,
    CostLine,
    ItemAnswer,
    ItemId,
    Met,
    Money,
    OnExpiry,
    Party,
    Problem,
    Procedure,
    Remark,
    RequestItem,
    Verdict,
)

Title = Annotated[str, Field(min_length=1, max_length=300)]
Text = Annotated[str, Field(min_length=1, max_length=8000)]


class _Submission(Payload):
    """The part of an application that is the same in every version."""

    title: Title
    problem: Text
    solution: Text
    sector: Code
    initiator: Party
    customer: Party
    executor: Party | None = None
    territory: str | None = Field(default=None, min_length=1, max_length=300)
    planned_start: Day | None = None
    planned_end: Day | None = None
    expected_effect: str | None = Field(default=None, min_length=1, max_length=8000)
    own_number: str | None = Field(default=None, min_length=1, max_length=60)
    contact: ContactPerson | None = None


class ApplicationSubmittedV1(_Submission):
    """An application for a pilot (заявка на пилотный проект), with one total cost."""

    TYPE: ClassVar[str] = "pilots.agency.application-submitted.v1"

    total_cost: Money | None = None

    def upcast(self) -> "ApplicationSubmittedV2":
        """The same in version 2: the total becomes one line of an unspecified source, without a year."""
        total = self.total_cost
        line = total and CostLine(
            source=UNSPECIFIED, year=None, amount_minor=total.amount_minor, currency=total.currency
        )
        same = {name: getattr(self, name) for name in _Submission.model_fields}
        return ApplicationSubmittedV2(**same, costs=(line,) if line else ())


class ApplicationSubmittedV2(_Submission):
    """An application for a pilot (заявка на пилотный проект), with its cost by money source and year."""

    TYPE: ClassVar[str] = "pilots.agency.application-submitted.v2"

    costs: tuple[CostLine, ...] = Field(default=(), max_length=100)
    procedure: Procedure = Procedure.PILOT
    replicates: str | None = Field(default=None, min_length=1, max_length=128)
    evidence: str | None = Field(default=None, min_length=1, max_length=8000)
    participants: tuple[Party, ...] = Field(default=(), max_length=50)

    def application(self) -> Application:
        """The content that facts carry: everything but the contact person."""
        return Application(**{name: getattr(self, name) for name in Application.model_fields})


class ApplicationResubmittedV1(ApplicationSubmittedV2):
    """A returned or negatively concluded application, sent again after changes (повторная подача).

    The event's `subject` is the pilot's id, as the receipts name it. `met` says what was done about each remark.
    """

    TYPE: ClassVar[str] = "pilots.agency.application-resubmitted.v1"

    met: tuple[Met, ...] = Field(default=(), max_length=200)


class ClarificationProvidedV1(Payload):
    """Answers to a request for information (ответ на запрос), all of its items or some. `subject`: the pilot's id."""

    TYPE: ClassVar[str] = "pilots.agency.clarification-provided.v1"

    request: str = Field(min_length=1, max_length=60)
    answers: tuple[ItemAnswer, ...] = Field(min_length=1, max_length=100)


class ApplicationWithdrawnV1(Payload):
    """The applicant takes the application back (отзыв заявки). `subject`: the pilot's id."""

    TYPE: ClassVar[str] = "pilots.agency.application-withdrawn.v1"

    reason: str = Field(min_length=1, max_length=4000)


class ReceiptRequest(Contract):
    """What a receipt says of a request for information: all of it when it is made, later what is still unanswered
    (`open_items`), and in the end how it was closed (`outcome`)."""

    id: str
    items: tuple[RequestItem, ...] = ()
    open_items: tuple[ItemId, ...] = ()
    on_expiry: OnExpiry | None = None
    outcome: str | None = None


class ReceiptConclusion(Contract):
    """What a receipt says of a conclusion (заключение)."""

    number: str
    date: Day
    round: int
    verdict: Verdict
    text: str
    remarks: tuple[Remark, ...] = ()


class ReceiptIssuedV1(Payload):
    """What became of an agency's event (квитанция); sent to the agency's receipts topic at every change.

    `outcome` is one of registered, refused, accepted, returned, resubmitted, withdrawn, stopped, lapsed,
    information-requested, answers-taken, request-closed, concluded, conclusion-annulled, closed. `problems` names
    all that is wrong, at once. `due_at` is when the next move, whoever has it, is due.
    `conclusion_number` is that of a conclusion that was annulled.
    """

    TYPE: ClassVar[str] = "pilots.intake.receipt-issued.v1"

    agency: str
    event_id: str
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


AGENCY: Final = Language[Payload](
    (
        ApplicationSubmittedV1,
        ApplicationSubmittedV2,
        ApplicationResubmittedV1,
        ClarificationProvidedV1,
        ApplicationWithdrawnV1,
    )
)
"""All that agencies may send."""

RECEIPTS: Final = Language[Payload]((ReceiptIssuedV1,))
"""All that agencies are sent."""
