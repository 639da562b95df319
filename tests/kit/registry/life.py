"""The register in tests: the words that services and officials use, and a life that notes each of its steps."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from contracts.event import Actor, Fact
from contracts.reference import Application, Effectiveness, IndicatorValue, Payment, Risk
from contracts.rules import RuleBook
from contracts.steps import (
    AgreementEntry,
    Correctable,
    Correction,
    PilotExtension,
    PilotResumption,
    Results,
    Risks,
    Scaling,
    Spending,
)
from deploy.moves.registry import named
from deploy.samples import registry as say
from deploy.samples.common import APPLICATION, NOW, TIMER, basis
from deploy.samples.registry import ALL_ON, CREDIT, MEMBERS, MENDED, OUTCOME_OF, REGISTRAR, UNSEEN, steps, way
from deploy.states import Step
from services.law.decision import Refusal
from services.registry.domain import decide as pilot
from services.registry.domain.commands import RecordAmendment, RecordAnnulment, RecordReport, Tick
from services.registry.domain.stages import Stage
from services.registry.domain.state import Pilot
from services.registry.service import SERVICE
from tests.kit.common import Story

story = Story(SERVICE.aggregates["pilot"])

SECRETARY = Actor(id="u-5001", role="council-secretary")
HEAD = Actor(id="u-7001", role="head-organisation")
COMMISSION = Actor(id="u-8001", role="commission-secretary")
SERVICES = Actor(id="u-9001", role="officer")
BY_SERVICES = (Stage.LOOK_OVER, Stage.EXPERTISE, Stage.RETURNED, Stage.NEGATIVE, Stage.COUNCIL, Stage.FINISHED)
ACTORS = {
    **dict.fromkeys(BY_SERVICES, SERVICES),
    Stage.EXPEDIENT: SECRETARY,
    Stage.AT_COMMISSION: HEAD,
    **dict.fromkeys((Stage.EFFECTIVE, Stage.PARTLY_EFFECTIVE, Stage.INEFFECTIVE), COMMISSION),
}
"""Who brings a pilot to a stage; otherwise a registrar."""
FIRST = "ЗЭ-2026-0001"
AMENDED = RecordAmendment("q-1", MENDED)
ANNULLED = RecordAnnulment(1, FIRST)


def content(entry: Any, **changes: Any) -> dict[str, Any]:
    """The content of a correction: an entry with some of it said otherwise."""
    said: dict[str, Any] = {**entry.model_dump(mode="json"), **changes}
    return said


class Life:
    """A pilot that things happen to. Every step is decided, evolves, survives its storage, and is noted."""

    def __init__(self, book: RuleBook = ALL_ON, now: datetime = NOW, application: Application = APPLICATION) -> None:
        self.book = book
        self.now = now
        self.application = application
        self.state: Pilot | None = None
        self.facts: list[Fact] = []
        self.steps: set[Step] = set()
        self.past: list[tuple[datetime, int, Pilot]] = []
        """After each command: when, how many facts there were by then, and how the pilot stood."""

    @property
    def pilot(self) -> Pilot:
        """The pilot, which must be entered."""
        assert self.state is not None
        return self.state

    @property
    def stage(self) -> str:
        """Where the pilot stands."""
        return str(self.state.stage) if self.state is not None else "none"

    @property
    def day(self) -> date:
        """Today in Minsk."""
        return self.now.astimezone(ZoneInfo("Europe/Minsk")).date()

    def do(self, *commands: object, who: Actor = REGISTRAR) -> list[Any]:
        """Something happens that is allowed; returns the facts of the last of it."""
        facts: list[Any] = []
        for command in commands:
            before = self.stage
            facts = list(story.when(self.state, command, now=self.now, actor=who, given=self.book))
            self.state = story.given(*facts, state=self.state)
            self.facts += facts
            if facts:
                self.steps.add((before, named(command), self.stage))
                self.past.append((self.now, len(self.facts), self.pilot))
        return facts

    def refused(self, command: object) -> Refusal:
        """Somebody tries what is not allowed: nothing changes."""
        return story.refused(self.state, command, now=self.now, actor=REGISTRAR, given=self.book)

    def later(self, **by: float) -> "Life":
        """Time passes."""
        self.now += timedelta(**by)
        return self

    def tick(self) -> list[Any]:
        """The timer fires when it must."""
        due = pilot.due(self.pilot)
        assert due is not None
        self.now = max(self.now, due)
        return self.do(Tick(due), who=TIMER)

    def run_out(self, kind: str) -> list[Any]:
        """Timers fire until a term has run out; returns what was announced in the end."""
        while True:
            facts = self.tick()
            if any(type(fact).__name__ == "TermBreachedV1" and fact.kind == kind for fact in facts):
                return facts

    def due_day(self, kind: str) -> date:
        """The last day of an open term."""
        found = self.pilot.own_term(kind)
        assert found is not None and found.clock.due_at is not None
        return (found.clock.due_at - timedelta(milliseconds=1)).astimezone(ZoneInfo("Europe/Minsk")).date()

    # ---- the usual way; documents are of the day

    def to(self, stage: Stage, outcome: Effectiveness | None = None) -> "Life":
        """From the beginning to a stage, all within the day; `outcome` is what the pilot is proposed to be."""
        if stage in (Stage.CREDITED, Stage.NOT_CREDITED):
            self.application = CREDIT
        if stage is Stage.NEGATIVE:
            self.book = UNSEEN  # the Council does not see it
        found = outcome or OUTCOME_OF.get(stage, Effectiveness.EFFECTIVE)
        for one in way(stage):
            entered = (say.enter(self.application),)
            self.do(
                *(entered if one is Stage.LOOK_OVER else steps(one, self.day, found)), who=ACTORS.get(one, REGISTRAR)
            )
        return self

    def entered(self) -> "Life":
        """Intake has registered the application."""
        return self.to(Stage.LOOK_OVER)

    def in_expertise(self) -> "Life":
        """The application was accepted."""
        return self.to(Stage.EXPERTISE)

    def returned(self) -> "Life":
        """The application went back."""
        return self.to(Stage.RETURNED)

    def negative(self) -> "Life":
        """A negative conclusion that the Council does not see."""
        return self.to(Stage.NEGATIVE)

    def at_council(self) -> "Life":
        """A positive conclusion lies before the Council."""
        return self.to(Stage.COUNCIL)

    def credit_asked(self) -> "Life":
        """The Council is to decide on a credit."""
        self.application = CREDIT
        return self.at_council()

    def expedient(self) -> "Life":
        """The Council found it expedient."""
        return self.to(Stage.EXPEDIENT)

    def agreed(self, **changes: Any) -> "Life":
        """Executor and customer have agreed."""
        self.expedient().do(AgreementEntry(agreement=say.agreed(**changes), basis=basis(self.day)))
        return self

    def running(self, **changes: Any) -> "Life":
        """It is carried out."""
        self.agreed(**changes).do(say.launch(self.day))
        return self

    def suspended(self) -> "Life":
        """Carrying out stands still."""
        return self.to(Stage.SUSPENDED)

    def finished(self) -> "Life":
        """The executor has finished."""
        return self.to(Stage.FINISHED)

    def at_commission(self, outcome: Effectiveness = Effectiveness.EFFECTIVE) -> "Life":
        """Proposed, and the commission named."""
        return self.to(Stage.AT_COMMISSION, outcome)

    def effective(self) -> "Life":
        """Judged effective."""
        return self.to(Stage.EFFECTIVE)

    def partly(self) -> "Life":
        """Judged partly effective."""
        return self.to(Stage.PARTLY_EFFECTIVE)

    def ineffective(self) -> "Life":
        """Judged ineffective."""
        return self.to(Stage.INEFFECTIVE)

    def scaled(self, decision: Scaling = Scaling.SCALE) -> "Life":
        """To be copied."""
        self.effective().do(say.scale(decision, self.day))
        return self

    # ---- single steps

    def pause(self) -> list[Any]:
        """Carrying out is suspended today."""
        return self.do(say.pause(self.day))

    def go_on(self) -> list[Any]:
        """Carrying out goes on today."""
        return self.do(PilotResumption(since=self.day, basis=basis(self.day)))

    def prolong(self, until: date) -> list[Any]:
        """Carrying out may take longer."""
        return self.do(PilotExtension(until=until, why="Поставка задержана.", basis=basis(self.day)))

    def stop_early(self) -> list[Any]:
        """Carrying out is stopped today."""
        return self.do(say.stop_early(self.day))

    def report(self, id_: str = "rep-1", *measured: IndicatorValue) -> list[Any]:
        """The executor's periodic report comes."""
        return self.do(RecordReport(id_, say.report(self.day, *measured)), who=SERVICES)

    def spend(self, *payments: Payment, id_: str = "sp-1") -> list[Any]:
        """Payments are reported."""
        return self.do(RecordReport(id_, Spending(payments=payments)), who=SERVICES)

    def measure(self, *measured: IndicatorValue, id_: str = "res-1") -> list[Any]:
        """Results are reported."""
        return self.do(RecordReport(id_, Results(values=measured)), who=SERVICES)

    def fear(self, *risks: Risk, id_: str = "ri-1") -> list[Any]:
        """Risks are reported."""
        return self.do(RecordReport(id_, Risks(risks=risks)), who=SERVICES)

    def complete(self, *measured: IndicatorValue) -> list[Any]:
        """The executor reports that it is finished."""
        return self.do(RecordReport("done-1", say.complete(self.day, *measured)), who=SERVICES)

    def commission(self, members: tuple[str, ...] = MEMBERS) -> list[Any]:
        """The head organisation names the commission."""
        return self.do(say.commission(self.day, members), who=HEAD)

    def correct(self, what: Correctable, said: Any, place: int = 1) -> list[Any]:
        """An entry is corrected."""
        return self.do(
            Correction(what=what, place=place, content=said, reason="Опечатка.", basis=basis(self.day, "испр-1"))
        )


WAYS = tuple(Stage)
"""There is a way to each stage."""


def at(stage: str, now: datetime = NOW) -> Life:
    """A pilot at a stage, all within one day."""
    return Life(now=now).to(Stage(stage))
