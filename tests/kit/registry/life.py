"""The register in tests: the words that services and officials use, and a life that notes each of its steps."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from contracts.event import Actor, Fact
from contracts.reference import (
    Application,
    Effectiveness,
    Expediency,
    Indicator,
    IndicatorValue,
    Payment,
    Period,
    Procedure,
    ReturnReason,
    Risk,
    Verdict,
)
from contracts.registry import ApplicationOutcome, Entry, Outcome
from contracts.rules import RuleBook
from contracts.steps import (
    Agreement,
    AgreementEntry,
    AgreementFailure,
    Commission,
    Completion,
    Correctable,
    Correction,
    CreditDecision,
    CriterionValue,
    EarlyStop,
    ExpediencyDecision,
    FundingWindow,
    Judgement,
    Launch,
    PilotExtension,
    PilotResumption,
    PilotSuspension,
    Progress,
    Proposal,
    ReplicaPlan,
    Results,
    Risks,
    Scaling,
    ScalingDecision,
    Spending,
    Votes,
)
from deploy.moves.registry import ALL_ON, MEMBERS, REGISTRAR, UNSEEN, named
from deploy.moves.samples import BOOK, DAY, NOW, NUMBER, TIMER, basis
from deploy.states import Step
from services.law.decision import Refusal
from services.registry.domain import decide as pilot
from services.registry.domain.commands import RecordAmendment, RecordAnnulment, RecordConclusion, RecordReport, Tick
from services.registry.domain.state import Pilot
from services.registry.service import SERVICE
from tests.kit.common import APPLICATION, Story, party
from tests.kit.registry.parts import cost, shares

story = Story(SERVICE.aggregates["pilot"])

SECRETARY = Actor(id="u-5001", role="council-secretary")
HEAD = Actor(id="u-7001", role="head-organisation")
COMMISSION = Actor(id="u-8001", role="commission-secretary")
SERVICES = Actor(id="u-9001", role="officer")

REASONS = (ReturnReason(code="documents-missing"),)
MENDED = APPLICATION.model_copy(update={"title": "Запись к врачу по согласию"})
CREDIT = APPLICATION.model_copy(update={"procedure": Procedure.CREDIT, "evidence": "Работает с 2024 года."})
FIRST = "ЗЭ-2026-0001"


INDICATOR = Indicator(code="days", title="Дней до приёма", unit="дни", baseline="5", target="1")
AGREEMENT = Agreement(
    customer=APPLICATION.customer,
    executor=APPLICATION.initiator,
    programme="Программа работ.",
    starts=DAY,
    until=date(2026, 12, 31),
    indicators=(INDICATOR,),
    costs=(cost(100_001), cost(5, "local-budget", None)),
    sector_shares=shares(health=3333, education=3333, trade=3334),
    region="minsk",
)


def conclusion(verdict: Verdict = Verdict.POSITIVE, round: int = 1, **more: Any) -> RecordConclusion:
    """A conclusion of the expertise."""
    said = {"number": f"ЗЭ-2026-000{round}", "date": DAY, "text": "Рекомендовать.", **more}
    return RecordConclusion(round=round, verdict=verdict, **said)


ACCEPTED = Outcome(outcome=ApplicationOutcome.ACCEPTED)
RETURNED = Outcome(outcome=ApplicationOutcome.RETURNED, reasons=REASONS)
RESUBMITTED = Outcome(outcome=ApplicationOutcome.RESUBMITTED, application=MENDED)
WITHDRAWN = Outcome(outcome=ApplicationOutcome.WITHDRAWN, text="Изменились планы.")
STOPPED = Outcome(outcome=ApplicationOutcome.STOPPED, text="Инициатор ликвидирован.", basis=basis())
LAPSED = Outcome(outcome=ApplicationOutcome.LAPSED)
REFUSED = Outcome(outcome=ApplicationOutcome.REFUSED, reasons=REASONS)
OUTCOMES = [ACCEPTED, RETURNED, RESUBMITTED, WITHDRAWN, STOPPED, LAPSED, REFUSED]
AMENDED = RecordAmendment("q-1", MENDED)
ANNULLED = RecordAnnulment(1, FIRST)


def enter(application: Application = APPLICATION, edition: str = "by-2024", number: str = NUMBER) -> Entry:
    """Intake has registered an application."""
    return Entry(agency="vedomstvo", number=number, edition=edition, submitted=NOW, application=application)


def agreed(**changes: Any) -> Agreement:
    """The agreement with some of it said otherwise."""
    return Agreement.model_validate({**AGREEMENT.model_dump(mode="json"), **changes})


def content(entry: Any, **changes: Any) -> dict[str, Any]:
    """The content of a correction: an entry with some of it said otherwise."""
    said: dict[str, Any] = {**entry.model_dump(mode="json"), **changes}
    return said


def values(grade: int = 4, edition: str = "by-2024") -> tuple[CriterionValue, ...]:
    """The same value for every criterion of effectiveness."""
    codes = [entry.code for entry in BOOK.edition(edition).effectiveness.entries]
    return tuple(CriterionValue(criterion=code, value=grade, reason="Обосновано.") for code in codes)


def votes(in_favour: int, against: int = 0, abstained: int = 0) -> Votes:
    """How a commission voted."""
    return Votes(in_favour=in_favour, against=against, abstained=abstained)


def decide(decision: Expediency = Expediency.EXPEDIENT, day: date = DAY) -> ExpediencyDecision:
    """The council's decision."""
    return ExpediencyDecision(decision=decision, basis=basis(day))


def judge(
    outcome: Effectiveness = Effectiveness.EFFECTIVE,
    day: date = DAY,
    present: tuple[str, ...] = MEMBERS,
    said: Votes | None = None,
    edition: str = "by-2024",
) -> Judgement:
    """The commission's judgement; everybody there is in favour."""
    return Judgement(
        outcome=outcome,
        text="Протокол.",
        values=values(edition=edition),
        present=present,
        votes=said or votes(len(present)),
        basis=basis(day),
    )


def propose(
    outcome: Effectiveness = Effectiveness.EFFECTIVE, day: date = DAY, edition: str = "by-2024", grade: int = 4
) -> Proposal:
    """The head organisation's proposal."""
    return Proposal(outcome=outcome, text="Предложение.", values=values(grade, edition), basis=basis(day))


PLAN = ReplicaPlan(customer=party("700000140"), region="brest")
WINDOW = FundingWindow(source="local-innovation-fund", opens=DAY, closes=DAY + timedelta(days=1))


def scale(
    decision: Scaling = Scaling.SCALE,
    day: date = DAY,
    replicas: tuple[ReplicaPlan, ...] | None = None,
    windows: tuple[FundingWindow, ...] | None = None,
) -> ScalingDecision:
    """The decision on scaling; one that scales has a plan and money for it unless told otherwise."""
    scales = decision is Scaling.SCALE
    plans = replicas if replicas is not None else ((PLAN,) if scales else ())
    money = windows if windows is not None else ((WINDOW,) if scales else ())
    return ScalingDecision(
        decision=decision, evidence="Обоснование.", conditions=None, windows=money, replicas=plans, basis=basis(day)
    )


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

    def entered(self) -> "Life":
        """Intake has registered the application."""
        self.do(enter(self.application), who=SERVICES)
        return self

    def in_expertise(self) -> "Life":
        """The application was accepted."""
        self.entered().do(ACCEPTED, who=SERVICES)
        return self

    def returned(self) -> "Life":
        """The application went back."""
        self.entered().do(RETURNED, who=SERVICES)
        return self

    def negative(self) -> "Life":
        """A negative conclusion that the Council does not see."""
        self.book = UNSEEN
        self.in_expertise().do(conclusion(Verdict.NEGATIVE), who=SERVICES)
        return self

    def at_council(self) -> "Life":
        """A positive conclusion lies before the Council."""
        self.in_expertise().do(conclusion(), who=SERVICES)
        return self

    def credit_asked(self) -> "Life":
        """The Council is to decide on a credit."""
        self.application = CREDIT
        return self.at_council()

    def expedient(self) -> "Life":
        """The Council found it expedient."""
        self.at_council().do(decide(day=self.day), who=SECRETARY)
        return self

    def agreed(self, **changes: Any) -> "Life":
        """Executor and customer have agreed."""
        self.expedient().do(AgreementEntry(agreement=agreed(**changes), basis=basis(self.day)))
        return self

    def running(self, **changes: Any) -> "Life":
        """It is carried out."""
        self.agreed(**changes).do(Launch(started=self.day, basis=basis(self.day)))
        return self

    def suspended(self) -> "Life":
        """Carrying out stands still."""
        self.running().pause()
        return self

    def finished(self) -> "Life":
        """The executor has finished."""
        self.running().complete()
        return self

    def at_commission(self, outcome: Effectiveness = Effectiveness.EFFECTIVE) -> "Life":
        """Proposed, and the commission named."""
        self.finished().commission()
        self.do(propose(outcome, self.day), who=HEAD)
        return self

    def judged(self, outcome: Effectiveness) -> "Life":
        """Judged so."""
        self.at_commission(outcome).do(judge(outcome, self.day), who=COMMISSION)
        return self

    def effective(self) -> "Life":
        """Judged effective."""
        return self.judged(Effectiveness.EFFECTIVE)

    def partly(self) -> "Life":
        """Judged partly effective."""
        return self.judged(Effectiveness.PARTLY)

    def ineffective(self) -> "Life":
        """Judged ineffective."""
        return self.judged(Effectiveness.INEFFECTIVE)

    def scaled(self, decision: Scaling = Scaling.SCALE) -> "Life":
        """To be copied."""
        self.effective().do(scale(decision, self.day))
        return self

    # ---- single steps

    def pause(self) -> list[Any]:
        """Carrying out is suspended today."""
        return self.do(PilotSuspension(since=self.day, why="Ремонт.", basis=basis(self.day)))

    def go_on(self) -> list[Any]:
        """Carrying out goes on today."""
        return self.do(PilotResumption(since=self.day, basis=basis(self.day)))

    def prolong(self, until: date) -> list[Any]:
        """Carrying out may take longer."""
        return self.do(PilotExtension(until=until, why="Поставка задержана.", basis=basis(self.day)))

    def stop_early(self) -> list[Any]:
        """Carrying out is stopped today."""
        return self.do(EarlyStop(stopped=self.day, why="Нет денег.", basis=basis(self.day)))

    def report(self, id_: str = "rep-1", *measured: IndicatorValue) -> list[Any]:
        """The executor's periodic report comes."""
        period = Period(since=DAY, until=self.day)
        return self.do(
            RecordReport(id_, Progress(period=period, summary="Идёт по плану.", values=measured)), who=SERVICES
        )

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
        return self.do(
            RecordReport("done-1", Completion(finished=self.day, summary="Готово.", values=measured)), who=SERVICES
        )

    def commission(self, members: tuple[str, ...] = MEMBERS) -> list[Any]:
        """The head organisation names the commission."""
        return self.do(Commission(members=members, secretary="s-1", basis=basis(self.day)), who=HEAD)

    def correct(self, what: Correctable, said: Any, place: int = 1) -> list[Any]:
        """An entry is corrected."""
        return self.do(
            Correction(what=what, place=place, content=said, reason="Опечатка.", basis=basis(self.day, "испр-1"))
        )


WAYS: Mapping[str, Callable[[Life], Life]] = {
    "look-over": Life.entered,
    "returned": Life.returned,
    "expertise": Life.in_expertise,
    "negative-conclusion": Life.negative,
    "council": Life.at_council,
    "expedient": Life.expedient,
    "agreed": Life.agreed,
    "running": Life.running,
    "suspended": Life.suspended,
    "finished": Life.finished,
    "at-commission": Life.at_commission,
    "effective": Life.effective,
    "partly-effective": Life.partly,
    "ineffective": Life.ineffective,
    "scaled": Life.scaled,
    "not-scaled": lambda life: life.scaled(Scaling.DO_NOT_SCALE),
    "catalogued": lambda life: life.scaled(Scaling.CATALOGUE_ONLY),
    "not-expedient": lambda life: after(life.at_council(), decide(Expediency.NOT_EXPEDIENT)),
    "not-agreed": lambda life: after(life.expedient(), AgreementFailure(why="Не сошлись в цене.", basis=basis())),
    "stopped-early": lambda life: after(life.running(), EarlyStop(stopped=DAY, why="Нет денег.", basis=basis())),
    "credited": lambda life: after(
        life.credit_asked(), CreditDecision(granted=True, evidence="Работает.", basis=basis())
    ),
    "not-credited": lambda life: after(
        life.credit_asked(), CreditDecision(granted=False, evidence="Не работает.", basis=basis())
    ),
    "withdrawn": lambda life: after(life.entered(), WITHDRAWN),
    "stopped": lambda life: after(life.entered(), STOPPED),
    "lapsed": lambda life: after(life.returned(), LAPSED),
    "refused": lambda life: after(life.in_expertise(), REFUSED),
}
"""A way to each stage."""


def after(life: Life, *commands: object) -> Life:
    """A life after some more of it."""
    life.do(*commands)
    return life


def at(stage: str, now: datetime = NOW) -> Life:
    """A pilot at a stage, all within one day."""
    return WAYS[stage](Life(now=now))
