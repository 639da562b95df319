"""The expertise in tests: the people around a case, the words that they use, and a play that notes each step."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from contracts.event import Actor, Fact
from contracts.reference import OnExpiry, Verdict
from contracts.rules import RuleBook
from contracts.steps import AppealOutcome
from deploy.moves.expertise import named
from deploy.samples import expertise as say
from deploy.samples.common import BOOK, NOW, TIMER, party
from deploy.samples.expertise import APPEALS, APPROVER, CHAIR, INTAKE, OPERATOR, entry
from deploy.samples.expertise import OUTSIDE as EXPERTS_OUTSIDE
from deploy.states import Step
from services.expertise.domain import commands, decide, expert, series, team
from services.expertise.domain.commands import AcceptAssignment, Assign, Open, TakeAnswers
from services.expertise.domain.expert import Given, Known
from services.expertise.domain.state import KIND, Case, Status
from services.expertise.service import SERVICE
from services.law.decision import Refusal
from tests.kit.calendars import CALENDARS
from tests.kit.common import Story

CASES = Story(SERVICE.aggregates[KIND])
DIRECTORY = Story(SERVICE.aggregates[expert.KIND], Given(BOOK))
TEAMS = Story(SERVICE.aggregates[team.KIND], Given(BOOK))
NUMBERS = Story(SERVICE.aggregates[series.KIND], Given(BOOK))

EXPERTS = tuple(Actor(id=f"e-{n}", role="expert") for n in range(1, 7))
FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH = (one.id for one in EXPERTS)
OUTSIDE = tuple(EXPERTS_OUTSIDE.values())
"""Organisations that have no part in the application."""
INSIDER = "e-insider"
"""An expert from the executor's organisation."""
NEWCOMER = party("700000204")
"""An executor that an answer may bring in."""


def actor(id_: str) -> Actor:
    """Somebody as an expert."""
    return Actor(id=id_, role="expert")


def kinds(facts: Sequence[Fact]) -> list[str]:
    """The facts by their names, in order."""
    return [type(fact).__name__.removesuffix("V1") for fact in facts]


def one(kind: type[Fact], facts: Sequence[Fact]) -> Any:
    """The only fact of a type among facts."""
    [found] = [fact for fact in facts if isinstance(fact, kind)]
    return found


def approver(id_: str) -> Actor:
    """Somebody as an approver, whatever else that person is."""
    return Actor(id=id_, role="approver")


class Play:
    """A case that people work on. Every step is decided, evolves, survives its storage, and is noted in `steps`."""

    def __init__(self, book: RuleBook = BOOK, now: datetime = NOW) -> None:
        self.book = book
        self.calendars = CALENDARS
        self.now = now
        self.entries = {one.id: entry(one.id, OUTSIDE[n]) for n, one in enumerate(EXPERTS)}
        self.entries[INSIDER] = entry(INSIDER, "700000138")
        self.loads: dict[str, int] = {}
        self.state: Case | None = None
        self.facts: list[Fact] = []
        self.steps: set[Step] = set()
        self._numbers = 0

    @property
    def case(self) -> Case:
        """The case, which must be open."""
        assert self.state is not None
        return self.state

    @property
    def status(self) -> str:
        """Where the case stands."""
        return str(self.state.status) if self.state is not None else "none"

    def given(self) -> Given:
        """What decisions are given."""
        return Given(self.book, {id_: Known(one, self.loads.get(id_, 0)) for id_, one in self.entries.items()})

    def do(self, command: object, who: Actor = OPERATOR) -> list[Any]:
        """Somebody does something that is allowed; returns the facts."""
        before = self.status
        facts = list(
            CASES.when(self.state, command, now=self.now, actor=who, given=self.given(), calendars=self.calendars)
        )
        self.state = CASES.given(*facts, state=self.state)
        self.facts += facts
        if facts:
            self.steps.add((before, named(command), self.status))
        return facts

    def refused(self, command: object, who: Actor = OPERATOR) -> Refusal:
        """Somebody tries what is not allowed: nothing changes."""
        return CASES.refused(self.state, command, now=self.now, actor=who, given=self.given(), calendars=self.calendars)

    def later(self, **by: float) -> None:
        """Time passes."""
        self.now += timedelta(**by)

    # ---- the usual way

    def open(self, command: Open | None = None) -> "Play":
        """Intake has accepted the application."""
        self.do(command or say.opened(), INTAKE)
        return self

    def seat(self, *experts: str) -> "Play":
        """Experts are assigned and accept."""
        for one in experts:
            self.do(Assign(expert_id=one))
            self.do(AcceptAssignment(), actor(one))
        return self

    def judge(self, *experts: str, verdict: Verdict = Verdict.POSITIVE, value: int = 4) -> "Play":
        """Experts are assigned, accept, and are of one opinion."""
        for one in experts:
            if self.case.place_of(one) is None:
                self.seat(one)
            self.do(say.opinion(verdict, value), actor(one))
        return self

    def to(self, status: Status, **said: Any) -> "Play":
        """From the beginning to a status; `said` is what the conclusion says otherwise."""
        for one in say.way(status):
            for command, who in say.steps(one, written=say.conclusion(**said)) if one is not Status.CONCLUDED else ():
                self.do(command, who)
            if one is Status.CONCLUDED:
                self.number()
        return self

    def to_conclude(self) -> "Play":
        """Two experts agree."""
        return self.to(Status.TO_CONCLUDE)

    def to_approve(self, **said: Any) -> "Play":
        """The conclusion is written."""
        return self.to(Status.TO_APPROVE, **said)

    def numbering(self, **said: Any) -> "Play":
        """The conclusion is approved."""
        return self.to(Status.NUMBERING, **said)

    def number(self) -> list[Any]:
        """The series gives the next number."""
        self._numbers += 1
        return self.do(say.numbered(self._numbers), APPROVER)

    def concluded(self, **said: Any) -> "Play":
        """The conclusion is in force."""
        return self.to(Status.CONCLUDED, **said)

    def appealed(self, **said: Any) -> "Play":
        """An appeal is open."""
        return self.to(Status.APPEALED, **said)

    def amending(self) -> "Play":
        """An appeal ended in an amendment that waits for its approval."""
        self.appealed().do(say.decide_appeal(AppealOutcome.AMENDED, verdict=Verdict.NEGATIVE), CHAIR)
        return self

    def closed(self) -> "Play":
        """The application went back to the applicant."""
        return self.to(Status.CLOSED)

    def asked(self, on_expiry: OnExpiry = OnExpiry.DECIDE) -> "Play":
        """The applicant is asked two things."""
        self.do(say.question(on_expiry=on_expiry))
        return self

    def answer(self, *items: str, request: str = "r1-1", **changes: Any) -> list[Any]:
        """The applicant answers items, which may change the application."""
        application = self.case.application.model_copy(update=changes)
        return self.do(TakeAnswers(request=request, answers=say.answers(*items), application=application), INTAKE)

    def tick(self) -> list[Any]:
        """The timer fires when it must."""
        due = decide.due(self.case)
        assert due is not None
        self.now = max(self.now, due)
        return self.do(commands.Tick(due), TIMER)

    def run_out(self, kind: str) -> list[Any]:
        """Timers fire until a term has run out; returns what followed from that."""
        running = self.case.term(kind)
        assert running is not None
        while True:
            facts = self.tick()
            if any(type(fact).__name__ == "TermBreachedV1" and fact.kind == kind for fact in facts):
                return facts


WAYS = ("open", "to_conclude", "to_approve", "numbering", "concluded", "appealed", "amending", "closed")
"""The usual ways to a case at each status."""


def at(way: str, book: RuleBook = APPEALS) -> Play:
    """A case that came some way."""
    if way == "with-experts":
        return Play(book).open().seat(FIRST)
    play: Play = getattr(Play(book), way)()
    return play
