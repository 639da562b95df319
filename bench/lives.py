"""The lives of the fictional pilots: for each stage the facts that bring a pilot there, in order, with their terms."""

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from contracts.event import Actor, Basis, Fact
from contracts.reference import (
    Application,
    Clock,
    Effectiveness,
    Expediency,
    Indicator,
    IndicatorValue,
    LegalEffect,
    Level,
    Payment,
    Period,
    ReturnReason,
    Risk,
    Role,
    Term,
    TermKind,
    TermUnit,
    Verdict,
)
from contracts.registry import (
    AgreementFailedV1,
    AgreementRecordedV1,
    ApplicationOutcome,
    ApplicationOutcomeRecordedV1,
    CommissionNamedV1,
    ConclusionRecordedV1,
    CreditDecidedV1,
    EffectivenessJudgedV1,
    EffectivenessProposedV1,
    ExpediencyDecidedV1,
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
from contracts.steps import Agreement, CriterionValue, FundingWindow, ReplicaPlan, Scaling, Votes
from services.registry.domain.stages import Stage

ROBOT: Final = Actor(id="bench", role=Role.REGISTRAR)
OUTCOMES: Final = {
    Stage.RETURNED: ApplicationOutcome.RETURNED,
    Stage.WITHDRAWN: ApplicationOutcome.WITHDRAWN,
    Stage.STOPPED: ApplicationOutcome.STOPPED,
    Stage.LAPSED: ApplicationOutcome.LAPSED,
    Stage.REFUSED: ApplicationOutcome.REFUSED,
}
JUDGED: Final = {
    Stage.PARTLY_EFFECTIVE: Effectiveness.PARTLY,
    Stage.INEFFECTIVE: Effectiveness.INEFFECTIVE,
}
SCALED: Final = {
    Stage.SCALED: Scaling.SCALE,
    Stage.NOT_SCALED: Scaling.DO_NOT_SCALE,
    Stage.CATALOGUED: Scaling.CATALOGUE_ONLY,
}
CRITERIA: Final = ("target-reached", "benefit", "economy", "scalability")
INDICATORS: Final = ("days", "share")


class _Life:
    """A pilot's facts as they come to be, and the day of the last of them."""

    def __init__(self, dice: random.Random, entered: datetime, application: Application, texts: Sequence[str]) -> None:
        self.dice, self.at, self.application, self.texts = dice, entered, application, texts
        self.facts: list[Fact] = []

    @property
    def day(self) -> date:
        return self.at.date()

    def basis(self, body: str) -> Basis:
        return Basis(body=body, kind="протокол", number=str(self.dice.randrange(1, 999)), date=self.day)

    def later(self, days: int) -> None:
        self.at += timedelta(days=self.dice.randint(1, days))

    def begins(self, kind: str, days: int) -> None:
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
        self.facts.append(TermEndedV1(actor=ROBOT, kind=kind, ended=self.at, late=self.dice.random() < 0.2))


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
    made.facts.append(
        PilotEnteredV1(
            actor=ROBOT,
            agency=agency,
            number=number,
            edition=edition,
            submitted=entered - timedelta(days=1),
            entered=entered,
            application=application,
        )
    )
    _reviewed(made, stage)
    return made.facts


def _reviewed(made: _Life, stage: Stage) -> None:
    if stage is Stage.LOOK_OVER:
        return _foreign(made, TermKind.LOOK_OVER, TermStage.STARTED)
    # Some of those withdrawn had a conclusion already.
    if stage in OUTCOMES and not (stage is Stage.WITHDRAWN and made.dice.random() < 0.5):
        return _became(made, OUTCOMES[stage])
    made.later(5)
    _became(made, ApplicationOutcome.ACCEPTED)
    _foreign(made, TermKind.EXPERTISE, TermStage.STARTED)
    if stage is Stage.EXPERTISE:
        return None
    made.later(40)
    _foreign(made, TermKind.EXPERTISE, TermStage.ENDED)
    _concluded(made, negative=stage is Stage.NEGATIVE)
    if stage is Stage.NEGATIVE:
        return None
    made.begins(TermKind.COUNCIL_ALARM, 42)
    if stage is Stage.WITHDRAWN:
        return _became(made, ApplicationOutcome.WITHDRAWN)
    return None if stage is Stage.COUNCIL else _decided(made, stage)


def _became(made: _Life, outcome: ApplicationOutcome) -> None:
    coded = outcome in (ApplicationOutcome.RETURNED, ApplicationOutcome.REFUSED)
    told = outcome in (ApplicationOutcome.WITHDRAWN, ApplicationOutcome.STOPPED)
    made.facts.append(
        ApplicationOutcomeRecordedV1(
            actor=ROBOT,
            at=made.at,
            outcome=outcome,
            reasons=(ReturnReason(code="other", text=made.texts[0]),) if coded else (),
            text=made.texts[0] if told else None,
            basis=made.basis("Центр") if outcome is ApplicationOutcome.STOPPED else None,
        )
    )


def _foreign(made: _Life, kind: str, stage: TermStage) -> None:
    due = made.at + timedelta(days=60) if stage is TermStage.STARTED else None
    made.facts.append(TermRecordedV1(actor=ROBOT, kind=kind, stage=stage, due_at=due))


def _concluded(made: _Life, *, negative: bool) -> None:
    made.facts.append(
        ConclusionRecordedV1(
            actor=ROBOT,
            at=made.at,
            round=1,
            number=f"ЗЭ-{made.day.year}-{made.dice.randrange(10**7)}",
            date=made.day,
            verdict=Verdict.NEGATIVE if negative else Verdict.POSITIVE,
            text=made.texts[0],
            to_council=not negative,
        )
    )


def _decided(made: _Life, stage: Stage) -> None:
    made.later(40)
    made.ends(TermKind.COUNCIL_ALARM)
    basis = made.basis("Совет")
    if stage in (Stage.CREDITED, Stage.NOT_CREDITED):
        granted = stage is Stage.CREDITED
        made.facts.append(
            CreditDecidedV1(actor=ROBOT, at=made.at, granted=granted, evidence=made.texts[0], basis=basis)
        )
        return
    refused = stage is Stage.NOT_EXPEDIENT
    decision = Expediency.NOT_EXPEDIENT if refused else Expediency.EXPEDIENT
    executor = None if refused else made.application.initiator
    made.facts.append(ExpediencyDecidedV1(actor=ROBOT, at=made.at, decision=decision, basis=basis, executor=executor))
    if refused:
        return
    made.begins(TermKind.AGREEMENT, 28)
    if stage is not Stage.EXPEDIENT:
        _agreed(made, stage)


def _agreed(made: _Life, stage: Stage) -> None:
    made.later(28)
    made.ends(TermKind.AGREEMENT)
    basis = made.basis("Заказчик")
    if stage is Stage.NOT_AGREED:
        made.facts.append(AgreementFailedV1(actor=ROBOT, at=made.at, why=made.texts[0], basis=basis))
        return
    said = made.application
    agreement = Agreement(
        customer=said.customer,
        executor=said.initiator,
        programme=made.texts[1],
        starts=made.day,
        until=made.day + timedelta(days=360),
        indicators=tuple(
            Indicator(code=code, title=made.texts[2][:60], unit="ед.", baseline="5", target="100")
            for code in INDICATORS
        ),
        costs=said.costs,
        sector_shares=said.sector_shares,
        region=said.region,
    )
    made.facts.append(AgreementRecordedV1(actor=ROBOT, at=made.at, basis=basis, agreement=agreement))
    made.begins(TermKind.LAUNCH, 30)
    if stage is not Stage.AGREED:
        _launched(made, stage)


def _launched(made: _Life, stage: Stage) -> None:
    made.later(20)
    made.ends(TermKind.LAUNCH)
    made.facts.append(PilotLaunchedV1(actor=ROBOT, at=made.at, started=made.day, basis=made.basis("Исполнитель")))
    made.begins(TermKind.CARRYING_OUT, 360)
    made.begins(TermKind.PROGRESS_REPORT, 90)
    for quarter in range(made.dice.randint(0, 3)):
        _reported(made, quarter)
    made.later(60)
    if stage is Stage.SUSPENDED:
        _suspended(made)
        return
    if stage is Stage.RUNNING:
        return
    for kind in (TermKind.CARRYING_OUT, TermKind.PROGRESS_REPORT):
        made.ends(kind)
    if stage is Stage.STOPPED_EARLY:
        basis = made.basis("Заказчик")
        made.facts.append(PilotStoppedV1(actor=ROBOT, at=made.at, stopped=made.day, why=made.texts[0], basis=basis))
        return
    made.facts.append(
        PilotCompletedV1(
            actor=ROBOT,
            at=made.at,
            event_id=f"done-{made.dice.randrange(10**9)}",
            finished=made.day,
            summary=made.texts[1],
            values=_values(made),
        )
    )
    made.begins(TermKind.EFFECTIVENESS_PROPOSAL, 21)
    if stage is not Stage.FINISHED:
        _proposed(made, stage)


def _suspended(made: _Life) -> None:
    basis = made.basis("Заказчик")
    made.facts.append(PilotSuspendedV1(actor=ROBOT, at=made.at, since=made.day, why=made.texts[0], basis=basis))
    for kind in (TermKind.CARRYING_OUT, TermKind.PROGRESS_REPORT):
        made.facts.append(TermSuspendedV1(actor=ROBOT, kind=kind, since=made.at, why=made.texts[0]))
    made.begins(TermKind.SUSPENSION, 90)


def _reported(made: _Life, quarter: int) -> None:
    since = made.day
    made.at += timedelta(days=85)
    made.ends(TermKind.PROGRESS_REPORT)
    event = f"{quarter}-{made.dice.randrange(10**9)}"
    period = Period(since=since, until=made.day)
    made.facts.append(
        ProgressRecordedV1(
            actor=ROBOT,
            at=made.at,
            event_id=f"report-{event}",
            period=period,
            summary=made.texts[2],
            values=_values(made),
        )
    )
    if made.application.costs:
        line = made.application.costs[0]
        payment = Payment(
            source=line.source,
            year=line.year or made.day.year,
            amount_minor=line.amount_minor // 4,
            currency=line.currency,
            paid=made.day,
            document=str(quarter),
        )
        made.facts.append(
            SpendingRecordedV1(actor=ROBOT, at=made.at, event_id=f"spending-{event}", payments=(payment,))
        )
    risk = Risk(
        id=f"r-{quarter % 2}",
        title=made.texts[2][:80],
        scenario=made.texts[1],
        probability=Level.LOW,
        impact=Level.MEDIUM,
        answer=made.texts[0],
        owner=made.application.initiator.id,
    )
    made.facts.append(RiskRecordedV1(actor=ROBOT, at=made.at, event_id=f"risk-{event}", risks=(risk,)))
    made.begins(TermKind.PROGRESS_REPORT, 90)


def _values(made: _Life) -> tuple[IndicatorValue, ...]:
    return tuple(
        IndicatorValue(indicator=code, value=str(made.dice.randint(0, 120)), measured=made.day) for code in INDICATORS
    )


def _proposed(made: _Life, stage: Stage) -> None:
    made.later(20)
    made.ends(TermKind.EFFECTIVENESS_PROPOSAL)
    basis = made.basis("Головная организация")
    members = tuple(f"member-{number}" for number in made.dice.sample(range(5000), 9))
    outcome = JUDGED.get(stage, Effectiveness.EFFECTIVE)
    grades = tuple(
        CriterionValue(criterion=code, value=made.dice.randint(0, 5), reason=made.texts[0]) for code in CRITERIA
    )
    made.facts.append(
        CommissionNamedV1(actor=ROBOT, at=made.at, basis=basis, members=members, secretary=f"{members[0]}-s")
    )
    made.facts.append(
        EffectivenessProposedV1(
            actor=ROBOT, at=made.at, outcome=outcome, text=made.texts[1], values=grades, basis=basis
        )
    )
    made.begins(TermKind.JUDGEMENT, 28)
    if stage is Stage.AT_COMMISSION:
        return
    made.later(28)
    made.ends(TermKind.JUDGEMENT)
    made.facts.append(
        EffectivenessJudgedV1(
            actor=ROBOT,
            at=made.at,
            outcome=outcome,
            text=made.texts[2],
            values=grades,
            present=members,
            votes=Votes(in_favour=9, against=0, abstained=0),
            basis=made.basis("Комиссия"),
        )
    )
    if stage is not Stage.INEFFECTIVE:
        made.begins(TermKind.SCALING_DECISION, 60)
    if stage in SCALED:
        _scaled(made, SCALED[stage])


def _scaled(made: _Life, decision: Scaling) -> None:
    made.later(60)
    made.ends(TermKind.SCALING_DECISION)
    copied = decision is Scaling.SCALE
    window = FundingWindow(source="local-innovation-fund", opens=made.day, closes=made.day + timedelta(days=30))
    plan = ReplicaPlan(customer=made.application.customer, region=made.application.region)
    made.facts.append(
        ScalingDecidedV1(
            actor=ROBOT,
            at=made.at,
            decision=decision,
            evidence=made.texts[1],
            windows=(window,) if copied else (),
            replicas=(plan,) if copied else (),
            basis=made.basis("Министерство"),
        )
    )
