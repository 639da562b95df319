"""What may be tried on a pilot of the register, so that its stages are found: see `deploy/states.py`."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from contracts.reference import Effectiveness, Expediency, TermKind, Verdict
from contracts.registry import Outcome, TermStage
from contracts.rules import RuleBook
from contracts.steps import (
    AgreementEntry,
    Correctable,
    Correction,
    CreditDecision,
    PilotExtension,
    PilotResumption,
    Progress,
    Results,
    Risks,
    Scaling,
    Spending,
)
from deploy.samples import registry as say
from deploy.samples.common import APPLICATION, NOW, TIMER, basis, of_the_past
from deploy.samples.registry import ALL_ON, CREDIT, REGISTRAR, UNSEEN
from deploy.states import Domain, Graph, Key, Page, Try, explore
from services.registry.domain import corrections
from services.registry.domain.commands import (
    LinkReplica,
    NoteReplicaResult,
    Recalendar,
    RecordAmendment,
    RecordAnnulment,
    RecordConclusion,
    RecordHiding,
    RecordReport,
    RecordTerm,
    Tick,
)
from services.registry.domain.decide import decide
from services.registry.domain.evolve import evolve
from services.registry.domain.stages import CARRIED_OUT, FINAL, SETTLED, Stage
from services.registry.domain.state import Pilot

WORDS_OF_OTHERS: Final = frozenset(
    one.__name__
    for one in (
        Outcome,
        RecordAmendment,
        RecordConclusion,
        RecordHiding,
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
        bool(state.reported.spending),
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
    yield from say.OUTCOMES
    yield RecordAmendment("q-1", say.MENDED)
    yield RecordTerm(kind=TermKind.EXPERTISE, stage=TermStage.ENDED)
    force = state.conclusion.number if state.conclusion else None
    for verdict in (Verdict.POSITIVE, Verdict.NEGATIVE):
        for replaces in {None, force}:
            yield say.conclusion(verdict, replaces=replaces)
    yield RecordAnnulment(1, force or "ЗЭ-0")
    yield RecordHiding(person_id="u-4004", hidden=not state.hidden_from)
    if state.stage is Stage.SCALED:
        yield LinkReplica("replica", "ПП-2027-000001", None)
        yield NoteReplicaResult("replica", Effectiveness.EFFECTIVE)


def _reports(state: Pilot, today: date) -> Iterator[object]:
    yield RecordReport("rep", say.report(today, say.value("4", today)))
    if state.stage in CARRIED_OUT:
        yield RecordReport("sp", Spending(payments=(say.paid(100, year=today.year, day=today),)))
    yield RecordReport("ri", Risks(risks=(say.risk(),)))
    yield RecordReport("res", Results(values=(say.value("3", today),)))
    yield RecordReport("done", say.complete(today))


def _council(today: date) -> Iterator[object]:
    yield from (say.decide(one, today) for one in Expediency)
    yield from (say.credit(granted, today) for granted in (True, False))
    until = today + timedelta(days=200)
    agreement = say.AGREEMENT.model_copy(update={"starts": today, "until": until})
    yield AgreementEntry(agreement=agreement, basis=basis(today))
    yield say.fail_to_agree(today)


def _carrying_out(state: Pilot, today: date) -> Iterator[object]:
    yield say.launch(today)
    yield say.pause(today)
    yield PilotResumption(since=today, basis=basis(today))
    if state.until is not None:
        yield PilotExtension(until=state.until + timedelta(days=30), why="Задержка.", basis=basis(today))
    yield say.stop_early(today)


def _judging(today: date) -> Iterator[object]:
    yield say.commission(today)
    for outcome in Effectiveness:
        yield say.propose(outcome, today)
        yield say.judge(outcome, today)
    for decision in Scaling:
        yield say.scale(decision, today)


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


def _place(state: Pilot) -> str:
    return str(state.stage)


PILOTS: Final[Domain[Pilot, RuleBook]] = Domain(
    decide=decide,
    evolve=evolve,
    starts=[
        (
            Try(None, say.enter(application), REGISTRAR, NOW),
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
