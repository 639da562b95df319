"""A case of the expertise as it stands (дело экспертизы): its round, its people, terms, requests, conclusions.

What follows from that, such as the status, the queues it stands in and who owes what, is computed here alone and
stored with it, so that every list is found by an index. Nothing that depends on the time of reading is stored:
whether a case is near its term or past it is asked with `nearing_at` and `due_at`.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from pydantic import computed_field

from contracts.event import BY_ITSELF, PILOT, Contract, Moment, wire_moment
from contracts.expertise import ApprovedConclusion, Conflict, ReviewKind
from contracts.intake import Registered
from contracts.reference import Procedure, Role, Standing, TermKind
from services.expertise.domain.parts import (
    Conclusion,
    ConflictStatus,
    Draft,
    GivenOpinion,
    KnownAppeal,
    KnownConflict,
    KnownTies,
    Place,
    PlaceStatus,
    Request,
    Round,
)
from services.law.parties import key_of, parties
from services.law.terms import CountedTerm, calendar_versions, running

KIND: Final = PILOT
CLARIFICATION: Final = TermKind.CLARIFICATION
APPEAL: Final = TermKind.APPEAL
TERM_OF: Final = {
    ReviewKind.FIRST: TermKind.EXPERTISE,
    ReviewKind.REPEAT: TermKind.REPEAT_EXPERTISE,
    ReviewKind.CREDIT: TermKind.CREDIT_EXPERTISE,
    ReviewKind.REPLICATION: TermKind.REPLICATION_EXPERTISE,
}
"""By which term of the edition each kind of review is bound."""
FIRST_OF: Final = {
    Procedure.PILOT: ReviewKind.FIRST,
    Procedure.CREDIT: ReviewKind.CREDIT,
    Procedure.REPLICATION: ReviewKind.REPLICATION,
}
"""What an application's first review is, by its procedure."""
LAST: Final = "9999"
"""Sorts after every moment: what has no due time comes last."""


class Status(StrEnum):
    """Where a case stands: ждёт экспертов, у экспертов, ждёт заключения, на утверждении, ждёт номера, заключение
    дано, обжалуется, прекращено."""

    UNASSIGNED = "unassigned"
    WITH_EXPERTS = "with-experts"
    TO_CONCLUDE = "to-conclude"
    TO_APPROVE = "to-approve"
    NUMBERING = "numbering"
    CONCLUDED = "concluded"
    APPEALED = "appealed"
    CLOSED = "closed"


STAFFING: Final = frozenset({Status.UNASSIGNED, Status.WITH_EXPERTS})
WORKING: Final = STAFFING | {Status.TO_CONCLUDE}
"""While opinions are gathered, and nothing has been concluded from them yet."""
REFUSABLE: Final = WORKING | {Status.TO_APPROVE}
FINAL: Final = frozenset({Status.CONCLUDED, Status.CLOSED})
"""Nothing is owed by anybody, but that a conflict be decided which came to light too late. A new submission opens a
new round; a conclusion can be appealed against."""


class View(StrEnum):
    """The queues (очереди) of open cases. `mine`, `team`, `near` and `past` depend on who asks, or when."""

    OPEN = "open"
    UNASSIGNED = "unassigned"
    MINE = "mine"
    TEAM = "team"
    WAITING_APPLICANT = "waiting-applicant"
    SECOND_OPINION = "second-opinion"
    NEAR = "near"
    PAST = "past"
    SUSPENDED = "suspended"
    TO_CONCLUDE = "to-conclude"
    TO_APPROVE = "to-approve"
    CONFLICT = "conflict"
    APPEALED = "appealed"
    UNCLAIMED = "unclaimed"


class OwedBy(StrEnum):
    """Who can owe a case its next step: a role, the applicant, or the service itself."""

    OPERATOR = Role.OPERATOR.value
    EXPERT = Role.EXPERT.value
    APPROVER = Role.APPROVER.value
    APPLICANT = "applicant"
    SERVICE = BY_ITSELF


class Debt(StrEnum):
    """What can be owed in a case: назначить эксперта, ответить на назначение, дать мнение, написать заключение,
    утвердить его, присвоить ему номер, ответить на запрос, решить о конфликте, решить по жалобе."""

    ASSIGN = "assign"
    ACCEPT = "accept"
    OPINION = "opinion"
    CONCLUSION = "conclusion"
    APPROVAL = "approval"
    NUMBER = "number"
    ANSWERS = "answers"
    CONFLICT = "conflict"
    APPEAL = "appeal"


class Owed(Contract):
    """Something that somebody owes a case, and by when (за кем шаг). `who` None: anybody in that role."""

    what: Debt
    by: OwedBy
    who: str | None = None
    due_at: Moment | None = None


class Case(Round, Registered):
    """The running round of a case, what is common to all rounds, and the rounds before it."""

    conflicts: tuple[KnownConflict, ...] = ()
    ties: tuple[KnownTies, ...] = ()
    draft: Draft | None = None
    approved: ApprovedConclusion | None = None
    conclusions: tuple[Conclusion, ...] = ()
    appeals: tuple[KnownAppeal, ...] = ()
    past: tuple[Round, ...] = ()

    # ---- who is on it

    def active(self) -> Iterator[Place]:
        """The experts who are on the case, those with an open conflict among them."""
        return (place for place in self.places if place.active)

    def place_of(self, expert: str) -> Place | None:
        """An expert's own assignment, where it stands."""
        return next((place for place in self.active() if place.expert == expert), None)

    def counted(self) -> list[GivenOpinion]:
        """The opinions that count: the newest of each expert who is on the case and has no undecided conflict."""
        return [place.opinions[-1] for place in self._judges()]

    def judging(self) -> tuple[str, ...]:
        """The experts whose opinions count."""
        return tuple(place.expert for place in self._judges())

    def _judges(self) -> Iterator[Place]:
        return (p for p in self.active() if p.opinions and p.expert not in self.hidden_from)

    def people(self) -> tuple[str, ...]:
        """Whom a change of the case concerns: its operator and the experts on it."""
        return self.told_of(self.operator, *(place.expert for place in self.active()))

    def deciding(self) -> tuple[str, ...]:
        """Whom news that the operator must act on concern: the one who has the case in hand."""
        return self.told_of(self.operator)

    def told_of(self, *persons: str | None) -> tuple[str, ...]:
        """Those of these persons who may hear of the case, each once: nobody from whom a conflict hides it."""
        return tuple(dict.fromkeys(one for one in persons if one and one not in self.hidden_from))

    def tied_by(self, person: str) -> tuple[Conflict, ...]:
        """What ties a person who is not on the case to a party of it, but for what is decided, or to be, as a conflict
        on record."""
        on_record = [one.conflict for one in self.conflicts if one.expert_id == person]
        found = next((one.ties for one in self.ties if one.seat.expert_id == person), ())
        return tuple(one for one in found if one not in on_record)

    # ---- its terms and papers

    def term(self, kind: str) -> CountedTerm | None:
        """The open term of a kind."""
        return running(self.terms, kind)

    def main(self) -> CountedTerm | None:
        """The term that bounds what is being done: that of the appeal, else that of the review."""
        return self.term(APPEAL) or self.term(TERM_OF[self.kind])

    def request(self) -> Request | None:
        """The request for information that waits for the applicant."""
        return next((one for one in self.requests if one.outcome is None), None)

    def appeal(self) -> KnownAppeal | None:
        """The appeal that waits for its decision; it falls away when its round is closed or overtaken."""
        if self.closed is not None:
            return None
        return next((one for one in self.appeals if one.outcome is None and one.round == self.round), None)

    def undecided(self) -> bool:
        """Whether nothing is concluded in this round yet. While an amendment waits for its approval, the conclusion
        that it amends is in force."""
        return self.status in REFUSABLE and (self.draft is None or self.draft.replaces is None)

    def in_force(self) -> Conclusion | None:
        """The newest conclusion that is in force, of whichever round."""
        return next((one for one in reversed(self.conclusions) if one.standing is Standing.IN_FORCE), None)

    def earlier_conclusion(self) -> Conclusion | None:
        """The conclusion that a repeat expertise looks back at."""
        return next((one for one in self.conclusions if one.number == self.earlier), None)

    # ---- what is stored for lists

    @computed_field  # type: ignore[prop-decorator]
    @property
    def status(self) -> Status:
        """Where the case stands."""
        if self.closed is not None:
            return Status.CLOSED
        if self.appeal() is not None:
            return Status.APPEALED
        if self.approved is not None:
            return Status.NUMBERING
        if self.draft is not None:
            return Status.TO_APPROVE
        if any(one.round == self.round and one.standing is Standing.IN_FORCE for one in self.conclusions):
            return Status.CONCLUDED
        if len(self.counted()) >= self.needed:
            return Status.TO_CONCLUDE
        return Status.WITH_EXPERTS if any(self.active()) else Status.UNASSIGNED

    @computed_field  # type: ignore[prop-decorator]
    @property
    def views(self) -> tuple[View, ...]:
        """The queues that the case stands in, as far as the time of reading has no say."""
        status, main = self.status, self.main()
        conflict = any(one.status is ConflictStatus.OPEN for one in self.conflicts)
        if status in FINAL:
            return (View.CONFLICT,) if conflict else ()
        short = len(self.counted()) < self.needed
        found = {
            View.OPEN: True,
            View.UNASSIGNED: status in STAFFING and len(self.seated) < self.needed,
            View.SECOND_OPINION: status in STAFFING and bool(self.counted()) and short,
            View.WAITING_APPLICANT: self.request() is not None,
            View.SUSPENDED: main is not None and main.ledger.stopped,
            View.TO_CONCLUDE: status is Status.TO_CONCLUDE,
            View.TO_APPROVE: status is Status.TO_APPROVE,
            View.CONFLICT: conflict,
            View.APPEALED: status is Status.APPEALED,
            View.UNCLAIMED: self.operator is None,
        }
        return tuple(name for name, stands in found.items() if stands)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def due_at(self) -> Moment | None:
        """When the term that bounds the work runs out; None while its clock stands."""
        main = self.main()
        return main.clock.due_at if main else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def nearing_at(self) -> Moment | None:
        """From when the case counts as near its term."""
        main = self.main()
        return main.clock.nearing_at if main else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def order(self) -> str:
        """Sorts by due time; what has none, for its clock stands, comes last."""
        return LAST if self.due_at is None else wire_moment(self.due_at)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def answers_due(self) -> str:
        """Sorts by when the applicant's answers are due."""
        waiting = self.term(CLARIFICATION)
        due = waiting.clock.due_at if waiting else None
        return LAST if due is None else wire_moment(due)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def hidden_from(self) -> tuple[str, ...]:
        """Who has a conflict that is open or confirmed, or is tied to a party: for them the case does not exist."""
        conflicted = (one.expert_id for one in self.conflicts if one.status is not ConflictStatus.DISMISSED)
        known = (one.seat.expert_id for one in self.ties)
        return tuple(dict.fromkeys((*conflicted, *(one for one in known if self.tied_by(one)))))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def organisations(self) -> tuple[str, ...]:
        """Its parties, by which it is found when somebody's ties change."""
        return tuple(dict.fromkeys(key_of(one) for _, one in parties(self.application)))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def visible_to(self) -> tuple[str, ...]:
        """The experts who may see the case."""
        return tuple(place.expert for place in self.active() if place.expert not in self.hidden_from)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def seated(self) -> tuple[str, ...]:
        """The experts on the case while it is open, those with an open conflict among them."""
        return () if self.status in FINAL else tuple(place.expert for place in self.active())

    @computed_field  # type: ignore[prop-decorator]
    @property
    def working(self) -> tuple[str, ...]:
        """The experts who still owe an opinion: their load (нагрузка)."""
        if self.status in FINAL:
            return ()
        return tuple(place.expert for place in self.active() if not place.opinions)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def calendars(self) -> tuple[str, ...]:
        """The versions of the calendars that the open terms are counted by."""
        return calendar_versions(self.terms)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def owed(self) -> tuple[Owed, ...]:
        """Everything that somebody owes the case now."""
        return tuple(_owed(self))


def _owed(case: Case) -> Iterator[Owed]:
    status, due = case.status, case.due_at
    if (waiting := case.term(CLARIFICATION)) is not None and case.request() is not None:
        yield Owed(what=Debt.ANSWERS, by=OwedBy.APPLICANT, due_at=waiting.clock.due_at)
    if any(one.status is ConflictStatus.OPEN for one in case.conflicts):
        yield Owed(what=Debt.CONFLICT, by=OwedBy.APPROVER, due_at=due)
    if status in STAFFING:
        yield from _of_experts(case)
    elif status is Status.TO_CONCLUDE:
        yield Owed(what=Debt.CONCLUSION, by=OwedBy.OPERATOR, who=case.operator, due_at=due)
    elif status is Status.TO_APPROVE:
        yield Owed(what=Debt.APPROVAL, by=OwedBy.APPROVER, due_at=due)
    elif status is Status.NUMBERING:
        yield Owed(what=Debt.NUMBER, by=OwedBy.SERVICE)
    elif status is Status.APPEALED:
        yield Owed(what=Debt.APPEAL, by=OwedBy.APPROVER, due_at=due)


def _of_experts(case: Case) -> Iterator[Owed]:
    due = case.due_at
    if len(case.seated) < case.needed:
        yield Owed(what=Debt.ASSIGN, by=OwedBy.OPERATOR, who=case.operator, due_at=due)
    for place in case.active():
        if not place.opinions and place.expert not in case.hidden_from:
            what = Debt.ACCEPT if place.status is PlaceStatus.OFFERED else Debt.OPINION
            yield Owed(what=what, by=OwedBy.EXPERT, who=place.expert, due_at=due)
