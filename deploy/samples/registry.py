"""A pilot of the register: what is said at each step of its life, and the usual way to each of its stages.

A word that differs from run to run is said by a parameter. Days are those of the documents.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final, assert_never

from contracts.reference import (
    Application,
    CostLine,
    Effectiveness,
    Expediency,
    Indicator,
    IndicatorValue,
    Level,
    Payment,
    Period,
    Procedure,
    ReturnReason,
    Risk,
    Role,
    SectorShare,
    Verdict,
)
from contracts.registry import ApplicationOutcome, Entry, Outcome
from contracts.steps import (
    Agreement,
    AgreementEntry,
    AgreementFailure,
    Commission,
    Completion,
    CreditDecision,
    CriterionValue,
    EarlyStop,
    ExpediencyDecision,
    FundingWindow,
    Judgement,
    Launch,
    PilotSuspension,
    Progress,
    Proposal,
    ReplicaPlan,
    Scaling,
    ScalingDecision,
    Votes,
)
from deploy.samples.common import (
    AGENCY,
    APPLICATION,
    BOOK,
    DAY,
    EDITION,
    NOW,
    NUMBER,
    basis,
    party,
    person,
    with_switches,
)
from services.registry.domain.commands import Command, RecordConclusion, RecordReport
from services.registry.domain.stages import Stage

REGISTRAR: Final = person("u-6001", Role.REGISTRAR)
ALL_ON: Final = with_switches(credit=True, partly_effective=True, replication=True)
"""The rule book in which the edition has every way that a pilot can go."""
UNSEEN: Final = with_switches(book=ALL_ON, council_sees_negative=False)
"""The same, the Council not seeing negative conclusions."""
CRITERIA: Final = tuple(entry.code for entry in BOOK.edition(EDITION).effectiveness.entries)
CREDIT: Final = APPLICATION.model_copy(update={"procedure": Procedure.CREDIT, "evidence": "Работает с 2024 года."})
MENDED: Final = APPLICATION.model_copy(update={"title": "Запись к врачу по согласию"})
REASONS: Final = (ReturnReason(code="documents-missing"),)
MEMBERS: Final = tuple(f"m-{n}" for n in range(1, 10))
"""Nobody's names: opaque ids of a commission of nine."""


# ---- money, values and risks


def cost(amount: int, source: str = "own-money", year: int | None = 2026, currency: str = "BYN") -> CostLine:
    """A cost line in minor units."""
    return CostLine(source=source, year=year, amount_minor=amount, currency=currency)


def paid(amount: int, source: str = "own-money", year: int = 2026, day: date = DAY) -> Payment:
    """A payment in kopecks."""
    return Payment(source=source, year=year, amount_minor=amount, currency="BYN", paid=day)


def shares(**points: int) -> tuple[SectorShare, ...]:
    """Shares of sectors in basis points."""
    return tuple(SectorShare(sector=sector, basis_points=one) for sector, one in points.items())


def value(said: str, day: date = DAY, indicator: str = "days-to-report") -> IndicatorValue:
    """A measured value."""
    return IndicatorValue(indicator=indicator, value=said, measured=day)


def risk(id_: str = "r-1", **changes: Any) -> Risk:
    """A risk with its scenario."""
    said: dict[str, Any] = {
        "title": "Отказ сервера",
        "scenario": "Запись недоступна.",
        "probability": Level.LOW,
        "impact": Level.HIGH,
        "answer": "Второй сервер.",
        "owner": APPLICATION.initiator.id,
    }
    return Risk(id=id_, **{**said, **changes})


# ---- what the other services say


def enter(application: Application = APPLICATION, edition: str = EDITION, number: str = NUMBER) -> Entry:
    """Intake has registered an application."""
    return Entry(agency=AGENCY, number=number, edition=edition, submitted=NOW, application=application)


ACCEPTED: Final = Outcome(outcome=ApplicationOutcome.ACCEPTED)
RETURNED: Final = Outcome(outcome=ApplicationOutcome.RETURNED, reasons=REASONS)
RESUBMITTED: Final = Outcome(outcome=ApplicationOutcome.RESUBMITTED, application=MENDED)
WITHDRAWN: Final = Outcome(outcome=ApplicationOutcome.WITHDRAWN, text="Изменились планы.")
STOPPED: Final = Outcome(outcome=ApplicationOutcome.STOPPED, text="Инициатор ликвидирован.", basis=basis())
LAPSED: Final = Outcome(outcome=ApplicationOutcome.LAPSED)
REFUSED: Final = Outcome(outcome=ApplicationOutcome.REFUSED, reasons=REASONS)
OUTCOMES: Final = (ACCEPTED, RETURNED, RESUBMITTED, WITHDRAWN, STOPPED, LAPSED, REFUSED)


def conclusion(verdict: Verdict = Verdict.POSITIVE, round: int = 1, **more: Any) -> RecordConclusion:
    """A conclusion of the expertise."""
    said = {"number": f"ЗЭ-2026-000{round}", "date": DAY, "text": "Рекомендовать.", **more}
    return RecordConclusion(round=round, verdict=verdict, **said)


def report(day: date = DAY, *measured: IndicatorValue) -> Progress:
    """The executor's periodic report, of the time up to a day."""
    return Progress(period=Period(since=min(DAY, day), until=day), summary="Идёт по плану.", values=measured)


def complete(day: date = DAY, *measured: IndicatorValue) -> Completion:
    """The executor's report of the end."""
    return Completion(finished=day, summary="Готово.", values=measured)


# ---- what officials enter

INDICATOR: Final = Indicator(code="days-to-report", title="Дней до отчёта", unit="дни", baseline="5", target="1")
AGREEMENT: Final = Agreement(
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


def agreed(**changes: Any) -> Agreement:
    """The agreement with some of it said otherwise."""
    return Agreement.model_validate({**AGREEMENT.model_dump(), **changes})


def decide(decision: Expediency = Expediency.EXPEDIENT, day: date = DAY) -> ExpediencyDecision:
    """The council's decision."""
    return ExpediencyDecision(decision=decision, basis=basis(day))


def credit(granted: bool, day: date = DAY) -> CreditDecision:
    """Whether a product in use counts as a pilot."""
    return CreditDecision(granted=granted, evidence="Работает." if granted else "Не работает.", basis=basis(day))


def fail_to_agree(day: date = DAY) -> AgreementFailure:
    """Executor and customer did not agree."""
    return AgreementFailure(why="Не сошлись в цене.", basis=basis(day))


def launch(day: date = DAY) -> Launch:
    """Carrying out begins."""
    return Launch(started=day, basis=basis(day))


def pause(day: date = DAY) -> PilotSuspension:
    """Carrying out is suspended."""
    return PilotSuspension(since=day, why="Ремонт.", basis=basis(day))


def stop_early(day: date = DAY) -> EarlyStop:
    """Carrying out is stopped for good."""
    return EarlyStop(stopped=day, why="Нет денег.", basis=basis(day))


def commission(day: date = DAY, members: tuple[str, ...] = MEMBERS) -> Commission:
    """The head organisation names a commission."""
    return Commission(members=members, secretary="s-1", basis=basis(day))


def values(grade: int = 4, edition: str = EDITION) -> tuple[CriterionValue, ...]:
    """The same value for every criterion of effectiveness."""
    codes = [entry.code for entry in BOOK.edition(edition).effectiveness.entries]
    return tuple(CriterionValue(criterion=code, value=grade, reason="Обосновано.") for code in codes)


def votes(in_favour: int, against: int = 0, abstained: int = 0) -> Votes:
    """How a commission voted."""
    return Votes(in_favour=in_favour, against=against, abstained=abstained)


def propose(
    outcome: Effectiveness = Effectiveness.EFFECTIVE, day: date = DAY, edition: str = EDITION, grade: int = 4
) -> Proposal:
    """The head organisation's proposal."""
    return Proposal(outcome=outcome, text="Предложение.", values=values(grade, edition), basis=basis(day))


def judge(
    outcome: Effectiveness = Effectiveness.EFFECTIVE,
    day: date = DAY,
    present: tuple[str, ...] = MEMBERS,
    said: Votes | None = None,
    edition: str = EDITION,
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


PLAN: Final = ReplicaPlan(customer=party("700000140"), region="brest")


def window(day: date = DAY) -> FundingWindow:
    """When money for copies can be asked for: a day and the next one."""
    return FundingWindow(source="local-innovation-fund", opens=day, closes=day + timedelta(days=1))


def scale(
    decision: Scaling = Scaling.SCALE,
    day: date = DAY,
    replicas: tuple[ReplicaPlan, ...] | None = None,
    windows: tuple[FundingWindow, ...] | None = None,
) -> ScalingDecision:
    """The decision on scaling; one that scales has a plan and money for it unless told otherwise."""
    scales = decision is Scaling.SCALE
    plans = replicas if replicas is not None else ((PLAN,) if scales else ())
    money = windows if windows is not None else ((window(day),) if scales else ())
    return ScalingDecision(
        decision=decision, evidence="Обоснование.", conditions=None, windows=money, replicas=plans, basis=basis(day)
    )


# ---- the usual way to each stage

SAID_OF_APPLICATION: Final[Mapping[Stage, Outcome]] = {
    Stage.RETURNED: RETURNED,
    Stage.WITHDRAWN: WITHDRAWN,
    Stage.STOPPED: STOPPED,
    Stage.LAPSED: LAPSED,
    Stage.EXPERTISE: ACCEPTED,
    Stage.REFUSED: REFUSED,
}
SCALING_OF: Final[Mapping[Stage, Scaling]] = {
    Stage.SCALED: Scaling.SCALE,
    Stage.NOT_SCALED: Scaling.DO_NOT_SCALE,
    Stage.CATALOGUED: Scaling.CATALOGUE_ONLY,
}
BEFORE: Final[Mapping[Stage, Stage]] = {
    Stage.RETURNED: Stage.LOOK_OVER,
    Stage.WITHDRAWN: Stage.LOOK_OVER,
    Stage.STOPPED: Stage.LOOK_OVER,
    Stage.LAPSED: Stage.RETURNED,
    Stage.EXPERTISE: Stage.LOOK_OVER,
    Stage.REFUSED: Stage.EXPERTISE,
    Stage.NEGATIVE: Stage.EXPERTISE,
    Stage.COUNCIL: Stage.EXPERTISE,
    Stage.CREDITED: Stage.COUNCIL,
    Stage.NOT_CREDITED: Stage.COUNCIL,
    Stage.NOT_EXPEDIENT: Stage.COUNCIL,
    Stage.EXPEDIENT: Stage.COUNCIL,
    Stage.NOT_AGREED: Stage.EXPEDIENT,
    Stage.AGREED: Stage.EXPEDIENT,
    Stage.RUNNING: Stage.AGREED,
    Stage.SUSPENDED: Stage.RUNNING,
    Stage.STOPPED_EARLY: Stage.RUNNING,
    Stage.FINISHED: Stage.RUNNING,
    Stage.AT_COMMISSION: Stage.FINISHED,
    Stage.EFFECTIVE: Stage.AT_COMMISSION,
    Stage.PARTLY_EFFECTIVE: Stage.AT_COMMISSION,
    Stage.INEFFECTIVE: Stage.AT_COMMISSION,
    Stage.SCALED: Stage.EFFECTIVE,
    Stage.NOT_SCALED: Stage.EFFECTIVE,
    Stage.CATALOGUED: Stage.EFFECTIVE,
}
"""From which stage a pilot usually comes to one; it begins at the look-over."""
OUTCOME_OF: Final[Mapping[Stage, Effectiveness]] = {
    Stage.PARTLY_EFFECTIVE: Effectiveness.PARTLY,
    Stage.INEFFECTIVE: Effectiveness.INEFFECTIVE,
}
"""How a pilot that comes to a stage is proposed and judged, where that is not effective."""


def way(to: Stage) -> tuple[Stage, ...]:
    """The stages that a pilot passes on its usual way to one, that one last."""
    return (*way(BEFORE[to]), to) if to in BEFORE else (to,)


def steps(to: Stage, day: date = DAY, outcome: Effectiveness = Effectiveness.EFFECTIVE) -> tuple[Command, ...]:
    """What brings a pilot to a stage from the one before, on documents of a day; `outcome` is what it is judged to be.

    A credit is the way of an application for one: see `CREDIT`.
    """
    match to:
        case Stage.LOOK_OVER:
            return (enter(),)
        case Stage.RETURNED | Stage.WITHDRAWN | Stage.STOPPED | Stage.LAPSED | Stage.EXPERTISE | Stage.REFUSED:
            return (SAID_OF_APPLICATION[to],)
        case Stage.NEGATIVE | Stage.COUNCIL:
            return (conclusion(Verdict.NEGATIVE if to is Stage.NEGATIVE else Verdict.POSITIVE, date=day),)
        case Stage.CREDITED | Stage.NOT_CREDITED:
            return (credit(to is Stage.CREDITED, day),)
        case Stage.EXPEDIENT | Stage.NOT_EXPEDIENT:
            return (decide(Expediency.EXPEDIENT if to is Stage.EXPEDIENT else Expediency.NOT_EXPEDIENT, day),)
        case Stage.AGREED:
            until = day + (AGREEMENT.until - AGREEMENT.starts)
            agreement = AGREEMENT.model_copy(update={"starts": day, "until": until})
            return (AgreementEntry(agreement=agreement, basis=basis(day)),)
        case Stage.NOT_AGREED:
            return (fail_to_agree(day),)
        case Stage.RUNNING:
            return (launch(day),)
        case Stage.SUSPENDED:
            return (pause(day),)
        case Stage.STOPPED_EARLY:
            return (stop_early(day),)
        case Stage.FINISHED:
            return (RecordReport("done-1", complete(day)),)
        case Stage.AT_COMMISSION:
            return (commission(day), propose(outcome, day))
        case Stage.EFFECTIVE | Stage.PARTLY_EFFECTIVE | Stage.INEFFECTIVE:
            return (judge(outcome, day),)
        case Stage.SCALED | Stage.NOT_SCALED | Stage.CATALOGUED:
            return (scale(SCALING_OF[to], day),)
        case _:
            assert_never(to)
