"""The lives of the fictional pilots: the usual way to a stage, each step in the pilot's own words, with its terms.

The facts are made from the steps as the domain makes them, but nothing is decided: a measurement needs very many.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel

from contracts.event import Actor, Basis, Fact
from contracts.reference import (
    Application,
    Clock,
    Effectiveness,
    Expediency,
    IndicatorValue,
    LegalEffect,
    Period,
    ReturnReason,
    Role,
    Term,
    TermKind,
    TermUnit,
    Verdict,
)
from contracts.registry import (
    AgreementFailedV1,
    AgreementRecordedV1,
    ApplicationOutcomeRecordedV1,
    CommissionNamedV1,
    ConclusionRecordedV1,
    CreditDecidedV1,
    EffectivenessJudgedV1,
    EffectivenessProposedV1,
    Entry,
    ExpediencyDecidedV1,
    Outcome,
    PilotCompletedV1,
    PilotEnteredV1,
    PilotLaunchedV1,
    PilotStoppedV1,
    PilotSuspendedV1,
    ProgressRecordedV1,
    RiskRecordedV1,
    ScalingDecidedV1,
    SpendingRecordedV1,
    TermEndedV1,
    TermRecordedV1,
    TermStage,
    TermStartedV1,
    TermSuspendedV1,
)
from contracts.steps import (
    Agreement,
    AgreementEntry,
    AgreementFailure,
    Commission,
    Completion,
    CreditDecision,
    EarlyStop,
    ExpediencyDecision,
    Judgement,
    Launch,
    PilotSuspension,
    Progress,
    Proposal,
    ReplicaPlan,
    Risks,
    ScalingDecision,
    Spending,
)
from deploy.samples import registry as say
from deploy.samples.common import basis
from services.registry.domain.commands import RecordConclusion, RecordReport
from services.registry.domain.stages import JUDGED, Stage

ROBOT: Final = Actor(id="bench", role=Role.REGISTRAR)
INDICATORS: Final = ("days", "share")
CARRYING: Final = (TermKind.CARRYING_OUT, TermKind.PROGRESS_REPORT)
FACTS: Final[Mapping[type, type[Fact]]] = {
    Entry: PilotEnteredV1,
    Outcome: ApplicationOutcomeRecordedV1,
    RecordConclusion: ConclusionRecordedV1,
    CreditDecision: CreditDecidedV1,
    ExpediencyDecision: ExpediencyDecidedV1,
    AgreementEntry: AgreementRecordedV1,
    AgreementFailure: AgreementFailedV1,
    Launch: PilotLaunchedV1,
    PilotSuspension: PilotSuspendedV1,
    EarlyStop: PilotStoppedV1,
    Progress: ProgressRecordedV1,
    Spending: SpendingRecordedV1,
    Risks: RiskRecordedV1,
    Completion: PilotCompletedV1,
    Commission: CommissionNamedV1,
    Proposal: EffectivenessProposedV1,
    Judgement: EffectivenessJudgedV1,
    ScalingDecision: ScalingDecidedV1,
}
"""By which fact each step is recorded."""
COUNCIL: Final = (Stage.CREDITED, Stage.NOT_CREDITED, Stage.EXPEDIENT, Stage.NOT_EXPEDIENT)
ENDINGS: Final = (Stage.SUSPENDED, Stage.STOPPED_EARLY, Stage.FINISHED)
SCALED: Final = (Stage.SCALED, Stage.NOT_SCALED, Stage.CATALOGUED)
JUDGEMENTS: Final = (*JUDGED, Stage.INEFFECTIVE)
DAYS: Final[Mapping[Stage, int]] = {
    Stage.EXPERTISE: 5,
    **dict.fromkeys((Stage.NEGATIVE, Stage.COUNCIL, *COUNCIL), 40),
    **dict.fromkeys((Stage.AGREED, Stage.NOT_AGREED, *JUDGEMENTS), 28),
    **dict.fromkeys((Stage.RUNNING, Stage.AT_COMMISSION), 20),
    **dict.fromkeys((*ENDINGS, *SCALED), 60),
}
"""How many days a pilot takes to a stage at the most; otherwise it is there at once."""
ENDED: Final[Mapping[Stage, Sequence[str]]] = {
    **dict.fromkeys(COUNCIL, (TermKind.COUNCIL_ALARM,)),
    **dict.fromkeys((Stage.AGREED, Stage.NOT_AGREED), (TermKind.AGREEMENT,)),
    Stage.RUNNING: (TermKind.LAUNCH,),
    **dict.fromkeys((Stage.STOPPED_EARLY, Stage.FINISHED), CARRYING),
    Stage.AT_COMMISSION: (TermKind.EFFECTIVENESS_PROPOSAL,),
    **dict.fromkeys(JUDGEMENTS, (TermKind.JUDGEMENT,)),
    **dict.fromkeys(SCALED, (TermKind.SCALING_DECISION,)),
}
"""The terms that end when a pilot comes to a stage."""
BEGUN: Final[Mapping[Stage, Mapping[str, int]]] = {
    Stage.COUNCIL: {TermKind.COUNCIL_ALARM: 42},
    Stage.EXPEDIENT: {TermKind.AGREEMENT: 28},
    Stage.AGREED: {TermKind.LAUNCH: 30},
    Stage.RUNNING: {TermKind.CARRYING_OUT: 360, TermKind.PROGRESS_REPORT: 90},
    Stage.SUSPENDED: {TermKind.SUSPENSION: 90},
    Stage.FINISHED: {TermKind.EFFECTIVENESS_PROPOSAL: 21},
    Stage.AT_COMMISSION: {TermKind.JUDGEMENT: 28},
    **dict.fromkeys(JUDGED, {TermKind.SCALING_DECISION: 60}),
}
"""The terms that begin when a pilot comes to a stage, with their days."""


def life(
    stage: Stage,
    dice: random.Random,
    agency: str,
    number: str,
    edition: str,
    entered: datetime,
    application: Application,
    texts: Sequence[str],
) -> list[Fact]:
    """The facts of a pilot that has come to a stage."""
    made = _Life(dice, entered, application, texts)
    said = Entry(
        agency=agency,
        number=number,
        edition=edition,
        submitted=entered - timedelta(days=1),
        application=application,
    )
    made.record(said, entered=entered)
    if stage is Stage.LOOK_OVER:
        made.foreign(TermKind.LOOK_OVER, TermStage.STARTED)
    outcome = say.OUTCOME_OF.get(stage, Effectiveness.EFFECTIVE)
    for one in _passed(stage, dice):
        made.come(one, outcome)
    return made.facts


def _passed(to: Stage, dice: random.Random) -> Sequence[Stage]:
    """The stages after the look-over. Some of those withdrawn had a conclusion already."""
    late = to is Stage.WITHDRAWN and dice.random() < 0.5
    return [*say.way(Stage.COUNCIL), to][1:] if late else say.way(to)[1:]


class _Life:
    """A pilot's facts as they come to be, and the moment of the last of them."""

    def __init__(self, dice: random.Random, entered: datetime, application: Application, texts: Sequence[str]) -> None:
        self.dice, self.at, self.application, self.texts = dice, entered, application, texts
        self.facts: list[Fact] = []
        self.members = tuple(f"member-{number}" for number in dice.sample(range(5000), 9))
        self.grades = tuple(
            one.model_copy(update={"value": dice.randint(0, 5), "reason": texts[0]}) for one in say.values()
        )

    @property
    def day(self) -> date:
        """Of the last fact."""
        return self.at.date()

    def come(self, at: Stage, outcome: Effectiveness) -> None:
        """To a stage from the one before."""
        self.at += timedelta(days=self.dice.randint(1, DAYS.get(at, 1)))
        if at in (Stage.COUNCIL, Stage.NEGATIVE, Stage.REFUSED):
            self.foreign(TermKind.EXPERTISE, TermStage.ENDED)
        for kind in ENDED.get(at, ()):
            self.ends(kind)
        for said in say.steps(at, self.day, outcome):
            self.record(said)
        if at is Stage.EXPERTISE:
            self.foreign(TermKind.EXPERTISE, TermStage.STARTED)
        if at is Stage.SUSPENDED:
            self.facts += [TermSuspendedV1(actor=ROBOT, kind=k, since=self.at, why=self.texts[0]) for k in CARRYING]
        for kind, days in BEGUN.get(at, {}).items():
            self.begins(kind, days)
        if at is Stage.RUNNING:
            for quarter in range(self.dice.randint(0, 3)):
                self.report(quarter)

    def record(self, said: object, **more: Any) -> None:
        """A step in the pilot's own words, by the fact that records it."""
        if isinstance(said, RecordReport):
            said, more = said.report, {"event_id": f"done-{self.dice.randrange(10**9)}"}
        assert isinstance(said, BaseModel)
        known = {"actor": ROBOT, "at": self.at, **more, **self.words(said)}
        kind = FACTS[type(said)]
        own = {name: value for name, value in known.items() if name in kind.model_fields}
        self.facts.append(kind.made_of(said, **own))

    def words(self, said: BaseModel) -> dict[str, Any]:
        """What the pilot says in another way than the kit's, so that texts are as long and varied as real ones."""
        first, second, third = self.texts
        based = {"basis": self.basis()} if getattr(said, "basis", None) is not None else {}
        match said:
            case Outcome():
                reasons = tuple(ReturnReason(code="other", text=first) for _ in said.reasons)
                return {**based, "reasons": reasons, "text": first if said.text else None}
            case RecordConclusion():
                number = f"ЗЭ-{self.day.year}-{self.dice.randrange(10**7)}"
                return {"number": number, "text": first, "to_council": said.verdict is not Verdict.NEGATIVE}
            case ExpediencyDecision():
                expedient = said.decision is Expediency.EXPEDIENT
                return {**based, "executor": self.application.initiator if expedient else None}
            case AgreementEntry():
                return {**based, "agreement": self.agreement()}
            case CreditDecision():
                return {**based, "evidence": first}
            case AgreementFailure() | PilotSuspension() | EarlyStop():
                return {**based, "why": first}
            case Completion():
                return {"summary": second, "values": self.values()}
            case Commission():
                return {**based, "members": self.members, "secretary": f"{self.members[0]}-s"}
            case Proposal():
                return {**based, "text": second, "values": self.grades}
            case Judgement():
                return {**based, "text": third, "values": self.grades, "present": self.members}
            case ScalingDecision():
                windows = tuple(
                    one.model_copy(update={"closes": self.day + timedelta(days=30)}) for one in said.windows
                )
                plan = ReplicaPlan(customer=self.application.customer, region=self.application.region)
                return {**based, "evidence": second, "windows": windows, "replicas": (plan,) * len(said.replicas)}
            case _:
                return based

    def basis(self) -> Basis:
        """A document of the day."""
        return basis(self.day, str(self.dice.randrange(1, 999)), "Министерство")

    def agreement(self) -> Agreement:
        """What customer and executor agreed on, as the application says it."""
        said = self.application
        about = {"title": self.texts[2][:60], "unit": "ед.", "target": "100"}
        return Agreement.made_of(
            said,
            executor=said.initiator,
            programme=self.texts[1],
            starts=self.day,
            until=self.day + timedelta(days=360),
            indicators=tuple(say.INDICATOR.model_copy(update={**about, "code": code}) for code in INDICATORS),
        )

    def values(self) -> tuple[IndicatorValue, ...]:
        """Every indicator as it was measured on the day."""
        return tuple(say.value(str(self.dice.randint(0, 120)), self.day, code) for code in INDICATORS)

    def report(self, quarter: int) -> None:
        """What an executor reports after a quarter of a year."""
        since = self.day
        self.at += timedelta(days=85)
        self.ends(TermKind.PROGRESS_REPORT)
        event = f"{quarter}-{self.dice.randrange(10**9)}"
        said = Progress(period=Period(since=since, until=self.day), summary=self.texts[2], values=self.values())
        self.record(said, event_id=f"report-{event}")
        for line in self.application.costs[:1]:
            payment = say.paid(line.amount_minor // 4, line.source, line.year or self.day.year, self.day)
            payment = payment.model_copy(update={"document": str(quarter)})
            self.record(Spending(payments=(payment,)), event_id=f"spending-{event}")
        risk = say.risk(
            f"r-{quarter % 2}",
            title=self.texts[2][:80],
            scenario=self.texts[1],
            answer=self.texts[0],
            owner=self.application.initiator.id,
        )
        self.record(Risks(risks=(risk,)), event_id=f"risk-{event}")
        self.begins(TermKind.PROGRESS_REPORT, 90)

    def foreign(self, kind: str, stage: TermStage) -> None:
        """Something happened to a term of another service."""
        due = self.at + timedelta(days=60) if stage is TermStage.STARTED else None
        self.facts.append(TermRecordedV1(actor=ROBOT, kind=kind, stage=stage, due_at=due))

    def begins(self, kind: str, days: int) -> None:
        """A term of the register's own begins."""
        due = self.at + timedelta(days=days)
        term = Term(
            kind=kind,
            budget=days,
            unit=TermUnit.CALENDAR_DAYS,
            calendar="BY",
            calendar_version="bench",
            legal_effect=LegalEffect.ALARM,
            started=self.at,
            zone="Europe/Minsk",
            origin="assumption",
        )
        clock = Clock(due_at=due, nearing_at=due - timedelta(days=3), alarm_at=due)
        self.facts.append(TermStartedV1(actor=ROBOT, term=term, clock=clock))

    def ends(self, kind: str) -> None:
        """A term of the register's own ends, sometimes too late."""
        self.facts.append(TermEndedV1(actor=ROBOT, kind=kind, ended=self.at, late=self.dice.random() < 0.2))
