"""A submission and what became of it: the state that intake keeps of a pilot, and what can be asked of it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import computed_field, model_validator

from contracts.agency import ReceiptConclusion, ReceiptDecision, ReceiptOutcome, ReceiptRequest, ReceiptStep
from contracts.event import PILOT, Contract, Day, Moment
from contracts.expertise import RequestOutcome
from contracts.intake import CarryingOutNote, ReceivedEvent
from contracts.reference import (
    Application,
    Clock,
    LegalEffect,
    Met,
    OnExpiry,
    Problem,
    ReturnReason,
    TermKind,
)
from contracts.steps import ApplicationStop
from services.intake.domain.report_history import ReportHistory
from services.law.hiding import Hidden
from services.law.ledger import Ledger
from services.law.terms import CountedTerm, CountedTerms, calendar_versions

KIND: Final = PILOT
LOOK_OVER: Final = TermKind.LOOK_OVER
FIXING: Final = TermKind.FIXING_REMARKS
NAMESPACE: Final = uuid5(NAMESPACE_URL, "urn:lotsman:pilots")
ANSWERED: Final = RequestOutcome.ANSWERED
"""The outcome of a request whose items are all answered."""


class Status(StrEnum):
    """Where an application stands in intake: зарегистрирована, отказано в приёме, принята (на экспертизе),
    возвращена, есть заключение, есть решение Совета, утратила силу, отозвана, прекращена, отказано по итогам
    экспертизы. From the Council's decision on, what becomes of the pilot is the register's word alone."""

    REGISTERED = "registered"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    CONCLUDED = "concluded"
    DECIDED = "decided"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    STOPPED = "stopped"
    REFUSED_IN_EXPERTISE = "refused-in-expertise"


USED: Final = "own-number.used"
"""The rule that tells of an own number which another application has."""
REUSED: Final = "id.reused"
"""The rule by which the second event under one id is refused."""
FINAL: Final = frozenset({Status.REFUSED, Status.LAPSED, Status.WITHDRAWN, Status.STOPPED, Status.REFUSED_IN_EXPERTISE})
"""Where nothing follows any more."""
LOOKED_OVER: Final = (Status.REGISTERED, Status.RETURNED)
"""Where a term of intake's own runs: the look-over, or the mending of what was returned. The expertise has no case."""


class Request(ReceiptRequest):
    """A request for information (запрос сведений). Of one that is closed its id and outcome are kept alone."""

    on_expiry: OnExpiry
    due_at: Moment | None = None


class CarryingOut(CarryingOutNote):
    """What the register says of a pilot that the Council has decided on, as far as reports are judged by it."""

    reporting: bool = False

    @property
    def launched(self) -> bool:
        """Whether carrying out has ever begun."""
        return self.started is not None


class ExpertiseTerm(Contract):
    """How the term of the expertise stands: running until `due_at`, stopped or ended."""

    state: str
    due_at: Moment | None = None


class KeptContact(Contract):
    """A contact person whose data is kept, by opaque id, and until when; then it goes by itself."""

    person_id: str
    until: Moment


class Told(Contract):
    """What the agency was told about a later event of its own."""

    event_id: str
    outcome: ReceiptOutcome
    problems: tuple[Problem, ...] = ()


class Pilot(ReceivedEvent, Hidden):
    """A submission as it stands.

    `terms` are the last term of each kind (срок рассмотрения, срок устранения замечаний); one of them runs at a time.
    `look_over`, `fixing`, `clock` and `due_at` say the same for lists and cards. `received` and `submitted` are of the
    first submission, `resubmitted` is when the last one came, `decided` when its look-over ended.
    `stopped` is why, and on what document, an officer stopped the procedure. `expertise` is the expertise's term,
    `decision` the Council's last decision, `steps` the last of each step of the pilot's life in the register.
    `carrying_out` is None until the Council has decided for good; `finished` is the last day of carrying out, as the
    executor reported it, and `taken` what is remembered of all reports.
    """

    status: Status
    agency: str
    number: str | None = None
    edition: str | None = None
    application: Application | None = None
    contact_person_id: str | None = None
    contacts: tuple[KeptContact, ...] = ()
    submitted: Moment | None = None
    submission: int = 1
    resubmitted: Moment | None = None
    met: tuple[Met, ...] = ()
    terms: CountedTerms = ()
    decided: Moment | None = None
    reasons: tuple[ReturnReason, ...] = ()
    stopped: ApplicationStop | None = None
    requests: tuple[Request, ...] = ()
    expertise: ExpertiseTerm | None = None
    conclusion: ReceiptConclusion | None = None
    decision: ReceiptDecision | None = None
    steps: tuple[ReceiptStep, ...] = ()
    carrying_out: CarryingOut | None = None
    finished: Day | None = None
    taken: ReportHistory = ReportHistory()
    events: tuple[Told, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_program(cls, stored: Any) -> Any:
        return stored if not isinstance(stored, dict) or "terms" in stored else {**stored, "terms": _terms_of(stored)}

    @property
    def persons(self) -> tuple[str, ...]:
        """The opaque ids of the contact persons whose data may be kept, the one to be asked first."""
        asked = (self.contact_person_id,) if self.contact_person_id else ()
        return tuple(dict.fromkeys((*asked, *(one.person_id for one in self.contacts))))

    @property
    def running(self) -> CountedTerm | None:
        """The term that runs."""
        return next((one for one in self.terms if one.open), None)

    def ledger(self, kind: str) -> Ledger | None:
        """The last ledger of a kind of term."""
        return next((one.ledger for one in self.terms if one.kind == kind), None)

    def request(self, id_: object) -> Request | None:
        """The request of this id."""
        return next((one for one in self.requests if one.id == id_), None)

    @property
    def open_requests(self) -> tuple[Request, ...]:
        """The requests that wait for answers."""
        return tuple(one for one in self.requests if one.outcome is None)

    def told(self, event_id: str) -> Told | None:
        """What the agency was told about this later event, as far as it is kept."""
        return next((one for one in self.events if one.event_id == event_id), None)

    def overrun(self, now: datetime) -> bool:
        """Whether the time for changes is over, also where the timer has not said so yet."""
        ledger = self.fixing
        if ledger is None or ledger.ended is not None or self.due_at is None:
            return True
        return ledger.term.legal_effect is LegalEffect.LAPSE and now >= self.due_at

    def may_resubmit(self, now: datetime) -> bool:
        """Whether the application may come again after changes (повторная подача)."""
        return self.status in (Status.RETURNED, Status.CONCLUDED) and not self.overrun(now)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def look_over(self) -> Ledger | None:
        """The last look-over."""
        return self.ledger(LOOK_OVER)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def fixing(self) -> Ledger | None:
        """The last time for changes."""
        return self.ledger(FIXING)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def clock(self) -> Clock:
        """What the running term comes to."""
        return self.running.clock if self.running else Clock()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def due_at(self) -> Moment | None:
        """When the running term runs out."""
        return self.clock.due_at

    @computed_field  # type: ignore[prop-decorator]
    @property
    def alone(self) -> str | None:
        """The own number that it has for itself while it lives: no other application of its agency may say the same.

        One that was told of another with that number shares it; one that is hidden from somebody was there long before
        whoever may not know of it.
        """
        number = self.application.own_number if self.application else None
        over = self.status in FINAL or (self.carrying_out is not None and self.carrying_out.over)
        if number is None or self.number is None or over or self.hidden_from:
            return None
        return None if any(one.rule == USED for one in self.problems) else f"{self.agency} {number}"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def calendars(self) -> tuple[str, ...]:
        """The version of the calendar that the open term is counted by."""
        return calendar_versions(self.terms)


def _terms_of(stored: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The terms of a state as an earlier program stored it: each ledger at a place of its own, and one clock, that of
    the term that runs. From before there were clocks, the due time stands alone."""
    clock, due, found = stored.get("clock") or {}, stored.get("due_at"), list[Mapping[str, Any]]()
    for ledger in (stored.get("look_over"), stored.get("fixing")):
        if not isinstance(ledger, dict):
            continue
        bare = {"due_at": due, "alarm_at": None if ledger.get("breached") else due}
        running = clock if clock.get("due_at") else bare
        found.append({"ledger": ledger, "clock": {} if ledger.get("ended") else running})
    return found


def refused(state: Pilot, event_id: str) -> bool:
    """Whether an agency's event stands refused here, as far as that is kept."""
    told = state.told(event_id)
    if told is not None:
        return told.outcome is ReceiptOutcome.REFUSED
    return state.status is Status.REFUSED and state.event_id == event_id


def pilot_id(agency: str, event_id: str) -> str:
    """The id of the pilot that a submission is about: the same for every resend of it."""
    return str(uuid5(uuid5(NAMESPACE, agency), event_id))


def person_id(pilot: str, event_id: str | None = None) -> str:
    """The opaque id under which a pilot's contact person is kept; a resubmission's has the event's id in it."""
    return str(uuid5(UUID(pilot), "contact" if event_id is None else f"contact:{event_id}"))
