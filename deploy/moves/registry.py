"""What may be tried on a pilot of the register, so that its stages are found: see `deploy/states.py`."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from contracts.freeze import example
from contracts.reference import (
    Effectiveness,
    Expediency,
    IndicatorValue,
    Level,
    Payment,
    Period,
    Procedure,
    ReturnReason,
    Risk,
    Role,
    Verdict,
)
from contracts.registry import AgreementRecordedV1, ApplicationOutcome, Entry, Outcome, TermStage
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
from deploy.moves.samples import (
    AGENCY,
    APPLICATION,
    DAY,
    EDITION,
    NOW,
    NUMBER,
    TIMER,
    basis,
    of_the_past,
    person,
    with_switches,
)
from deploy.states import Domain, Graph, Key, Page, Try, explore
from services.registry.domain import corrections
from services.registry.domain.commands import (
    LinkReplica,
    NoteReplicaResult,
    Recalendar,
    RecordAmendment,
    RecordAnnulment,
    RecordConclusion,
    RecordReport,
    RecordTerm,
    Tick,
)
from services.registry.domain.decide import decide
from services.registry.domain.evolve import evolve
from services.registry.domain.stages import CARRIED_OUT, FINAL, SETTLED, Stage
from services.registry.domain.state import Pilot

REGISTRAR = person("u-6001", Role.REGISTRAR)
ALL_ON: Final = with_switches(credit=True, partly_effective=True, replication=True)
"""The rule book in which the edition has every way that a pilot can go."""
UNSEEN: Final = with_switches(credit=True, partly_effective=True, replication=True, council_sees_negative=False)
"""The same, the Council not seeing negative conclusions."""
CREDIT: Final = APPLICATION.model_copy(update={"procedure": Procedure.CREDIT, "evidence": "Работает с 2024 года."})
MEMBERS: Final = tuple(f"m-{n}" for n in range(1, 10))
AGREEMENT: Final[Agreement] = AgreementRecordedV1.model_validate(example(AgreementRecordedV1.TYPE)["data"]).agreement
INDICATOR: Final = AGREEMENT.indicators[0].code
CRITERIA: Final = tuple(entry.code for entry in ALL_ON.edition(EDITION).effectiveness.entries)
WORDS_OF_OTHERS: Final = frozenset(
    one.__name__
    for one in (
        Outcome,
        RecordAmendment,
        RecordConclusion,
        RecordAnnulment,
        RecordTerm,
        Progress,
        Spending,
        Risks,
        Results,
        LinkReplica,
        NoteReplicaResult,
    )
)
"""What other services and other pilots say is recorded at every stage, whether it moves the pilot or not."""


def named(command: object) -> str:
    """A command's name, with the outcome that it speaks of where it has one."""
    name = type(command.report if isinstance(command, RecordReport) else command).__name__
    said = getattr(command, "outcome", None) or getattr(command, "decision", None) or getattr(command, "what", None)
    if isinstance(command, CreditDecision):
        said = "granted" if command.granted else "refused"
    return f"{name} {said}" if said is not None else name


def key(state: Pilot, book: RuleBook) -> Key:
    """What of a pilot decides where it can go: stage, procedure, what is in force, what is open, what was said once."""
    return (
        state.stage,
        state.credits,
        book is UNSEEN and state.stage not in SETTLED,  # what the Council sees matters until it has decided
        state.conclusion is None,
        bool(state.prolongations),
        state.commission is not None,
        state.proposal is not None,
        bool(state.spending),
        bool(state.pauses),
        tuple((one.kind, one.ledger.stopped, one.ledger.breached) for one in state.own_terms if one.open),
        tuple(one.outcome for one in state.replicas),
    )


def aged(state: Pilot) -> Pilot:
    """The same pilot, its open terms counted by a calendar of the past."""
    return state.model_copy(update={"own_terms": of_the_past(state.own_terms)})


def moves(state: Pilot, now: datetime) -> Iterator[Try[Pilot]]:
    """A fixed set of things that somebody may try, whether the domain allows them or not."""
    today = now.astimezone(ZoneInfo("Europe/Minsk")).date()
    tries = [*_said(state), *_reports(state, today), *_council(today), *_carrying_out(state, today), *_judging(today)]
    yield from (Try(state, command, REGISTRAR, now) for command in (*tries, *_corrections(state, today)))
    yield Try(aged(state), Recalendar(), TIMER, now)
    for one in state.own_terms:
        for moment in {one.clock.alarm_at, one.clock.due_at} if one.clock.alarm_at is not None else ():
            if moment is not None:
                yield Try(state, Tick(moment), TIMER, max(now, moment))


def _said(state: Pilot) -> Iterator[object]:
    reasons = (ReturnReason(code="documents-missing"),)
    yield Outcome(outcome=ApplicationOutcome.ACCEPTED)
    yield Outcome(outcome=ApplicationOutcome.RETURNED, reasons=reasons)
    yield Outcome(outcome=ApplicationOutcome.WITHDRAWN, text="Изменились планы.")
    yield Outcome(outcome=ApplicationOutcome.STOPPED, text="Инициатор ликвидирован.", basis=basis())
    yield Outcome(outcome=ApplicationOutcome.LAPSED)
    yield Outcome(outcome=ApplicationOutcome.REFUSED, reasons=reasons)
    other = state.application.model_copy(update={"title": "Другой заголовок"})
    yield Outcome(outcome=ApplicationOutcome.RESUBMITTED, application=other)
    yield RecordAmendment("q-1", other)
    yield RecordTerm(kind="expertise", stage=TermStage.ENDED)
    force = state.conclusion.number if state.conclusion else None
    for verdict in (Verdict.POSITIVE, Verdict.NEGATIVE):
        for replaces in {None, force}:
            yield RecordConclusion(
                round=1, number="ЗЭ-2026-0001", date=DAY, verdict=verdict, text="Рекомендовать.", replaces=replaces
            )
    yield RecordAnnulment(1, force or "ЗЭ-0")
    if state.stage is Stage.SCALED:
        yield LinkReplica("replica", "ПП-2027-000001", None)
        yield NoteReplicaResult("replica", Effectiveness.EFFECTIVE)


def _reports(state: Pilot, today: date) -> Iterator[object]:
    yield RecordReport(
        "rep", Progress(period=Period(since=today, until=today), summary="Идёт.", values=(_value("4", today),))
    )
    if state.stage in CARRIED_OUT:
        paid = Payment(source="own-money", year=today.year, amount_minor=100, currency="BYN", paid=today)
        yield RecordReport("sp", Spending(payments=(paid,)))
    risk = Risk(
        id="r-1",
        title="Отказ сервера",
        scenario="Запись недоступна.",
        probability=Level.LOW,
        impact=Level.HIGH,
        answer="Второй сервер.",
        owner=APPLICATION.initiator.id,
    )
    yield RecordReport("ri", Risks(risks=(risk,)))
    yield RecordReport("res", Results(values=(_value("3", today),)))
    yield RecordReport("done", Completion(finished=today, summary="Готово.", values=()))


def _council(today: date) -> Iterator[object]:
    yield from (ExpediencyDecision(decision=one, basis=basis(today)) for one in Expediency)
    yield from (CreditDecision(granted=granted, evidence="Работает.", basis=basis(today)) for granted in (True, False))
    until = today + timedelta(days=200)
    yield AgreementEntry(agreement=AGREEMENT.model_copy(update={"starts": today, "until": until}), basis=basis(today))
    yield AgreementFailure(why="Не сошлись.", basis=basis(today))


def _carrying_out(state: Pilot, today: date) -> Iterator[object]:
    yield Launch(started=today, basis=basis(today))
    yield PilotSuspension(since=today, why="Ремонт.", basis=basis(today))
    yield PilotResumption(since=today, basis=basis(today))
    if state.until is not None:
        yield PilotExtension(until=state.until + timedelta(days=30), why="Задержка.", basis=basis(today))
    yield EarlyStop(stopped=today, why="Нет денег.", basis=basis(today))


def _judging(today: date) -> Iterator[object]:
    yield Commission(members=MEMBERS, secretary="s-1", basis=basis(today))
    values = tuple(CriterionValue(criterion=code, value=4, reason="Обосновано.") for code in CRITERIA)
    votes = Votes(in_favour=len(MEMBERS), against=0, abstained=0)
    for outcome in Effectiveness:
        yield Proposal(outcome=outcome, text="Предложение.", values=values, basis=basis(today))
        yield Judgement(
            outcome=outcome, text="Протокол.", values=values, present=MEMBERS, votes=votes, basis=basis(today)
        )
    window = FundingWindow(source="local-innovation-fund", opens=today, closes=today + timedelta(days=1))
    plan = ReplicaPlan(customer=APPLICATION.customer, region="brest")
    for decision in Scaling:
        windows, plans = ((window,), (plan,)) if decision is Scaling.SCALE else ((), ())
        yield ScalingDecision(
            decision=decision,
            evidence="Обоснование.",
            conditions=None,
            windows=windows,
            replicas=plans,
            basis=basis(today),
        )


def _corrections(state: Pilot, today: date) -> Iterator[object]:
    for what in Correctable:
        if (entry := corrections.entry(state, what, 1)) is not None:
            said: dict[str, Any] = entry.model_dump(mode="json")
            if said.get("basis") is not None:
                said["basis"] = {**said["basis"], "number": f"{said['basis']['number'][:1]}-испр"}
            elif "text" in said:
                said["text"] = "Иначе."
            if "payments" in said:
                said["payments"] = [{**one, "amount_minor": 101} for one in said["payments"]]
            yield Correction(what=what, place=1, content=said, reason="Опечатка.", basis=basis(today))


def _value(said: str, day: date) -> IndicatorValue:
    return IndicatorValue(indicator=INDICATOR, value=said, measured=day)


def _place(state: Pilot) -> str:
    return str(state.stage)


PILOTS: Final[Domain[Pilot, RuleBook]] = Domain(
    decide=decide,
    evolve=evolve,
    starts=[
        (
            Try(
                None,
                Entry(agency=AGENCY, number=NUMBER, edition=EDITION, submitted=NOW, application=application),
                REGISTRAR,
                NOW,
            ),
            book,
        )
        for book in (ALL_ON, UNSEEN)
        for application in (APPLICATION, CREDIT)
    ],
    moves=moves,
    key=key,
    place=_place,
    places=Stage,
    named=named,
    page=Page(
        title="Stages of a pilot in the register (этапы пилотного проекта в реестре)",
        explored=(
            "Explored with every switch of the edition on, the Council seeing negative conclusions and not seeing "
            "them.",
        ),
        column="Stage",
        final=sorted(FINAL),
        notes=(
            "What other services and replicas say (outcomes, answers, conclusions, terms, reports) is recorded at "
            "every",
            "stage; it is left out below, for it moves nothing there.",
            "",
        ),
        unlisted=WORDS_OF_OTHERS,
    ),
)
"""A pilot and a credit for a product in use, by both ways of the Council."""


@cache
def explored() -> Graph[Pilot]:
    """The graph of a pilot."""
    return explore(PILOTS)
