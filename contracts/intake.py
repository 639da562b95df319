"""Facts of the intake service (регистрация и рассмотрение заявок): its topic is `pilots.intake.v1`."""

from typing import ClassVar, Final

from contracts.event import Contract, Day, Fact, Language, Moment
from contracts.reference import Application, Problem, ReturnReason, Term


class EditionFrom(Contract):
    """Which rule edition holds for an agency's applications from a day on (a day in the edition's zone)."""

    edition: str
    since: Day


class AgencyEnteredV1(Fact):
    """An agency was entered in the directory, or its entry changed (справочник ведомств)."""

    TYPE: ClassVar[str] = "pilots.intake.agency-entered.v1"

    code: str
    name: str
    editions: tuple[EditionFrom, ...]


class ApplicationRegisteredV1(Fact):
    """An agency's application was found valid and registered (заявка зарегистрирована)."""

    TYPE: ClassVar[str] = "pilots.intake.application-registered.v1"

    agency: str
    event_id: str
    event_type: str
    submitted: Moment
    received: Moment
    edition: str
    number: str
    look_over_due_at: Moment
    application: Application
    contact_person_id: str | None = None


class SubmissionRefusedV1(Fact):
    """An agency's event was not taken, with everything that is wrong with it (отказано в приёме)."""

    TYPE: ClassVar[str] = "pilots.intake.submission-refused.v1"

    agency: str
    event_id: str
    received: Moment
    edition: str | None = None
    problems: tuple[Problem, ...]


class TermStartedV1(Fact):
    """A term began to run (срок начал течь). `due_at` is the first instant after its last day."""

    TYPE: ClassVar[str] = "pilots.intake.term-started.v1"

    term: Term
    due_at: Moment


class TermEndedV1(Fact):
    """A term ended because what it bounds was done (срок прекращён)."""

    TYPE: ClassVar[str] = "pilots.intake.term-ended.v1"

    kind: str
    ended: Moment
    late: bool


class TermBreachedV1(Fact):
    """A term ran out before what it bounds was done (срок нарушен). An alarm, never an automatic consent."""

    TYPE: ClassVar[str] = "pilots.intake.term-breached.v1"

    kind: str
    due_at: Moment


class ApplicationAcceptedV1(Fact):
    """An officer found the application complete: it goes to expertise (заявка принята к рассмотрению).

    It carries the whole application, so that who starts here needs nothing said before.
    """

    TYPE: ClassVar[str] = "pilots.intake.application-accepted.v1"

    agency: str
    number: str
    edition: str
    application: Application


class ApplicationReturnedV1(Fact):
    """An officer sent the application back with coded reasons (заявка возвращена)."""

    TYPE: ClassVar[str] = "pilots.intake.application-returned.v1"

    agency: str
    number: str
    reasons: tuple[ReturnReason, ...]


INTAKE: Final = Language[Fact](
    (
        AgencyEnteredV1,
        ApplicationRegisteredV1,
        SubmissionRefusedV1,
        TermStartedV1,
        TermEndedV1,
        TermBreachedV1,
        ApplicationAcceptedV1,
        ApplicationReturnedV1,
    )
)
