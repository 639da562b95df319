"""What may be tried on a case of the expertise, so that its states are found: see `deploy/states.py`."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Final

from contracts.event import Actor
from contracts.expertise import Closure, Conflict, ConflictKind, ReviewKind
from contracts.reference import OnExpiry, Role, Verdict
from contracts.steps import AppealDecision, AppealOutcome, DeclaredConflict, TermExtension
from deploy.samples import expertise as say
from deploy.samples.common import NOW, TIMER, of_the_past, person
from deploy.samples.expertise import APPEALS, APPROVER, CHAIR, COLLEAGUE, HEAD, INTAKE, ITEMS, OPERATOR, OUTSIDE, entry
from deploy.states import Domain, Graph, Key, Page, Try, explore
from services.expertise.domain.commands import (
    AcceptAssignment,
    Approve,
    Assign,
    CancelRequest,
    Claim,
    CloseFor,
    Confirm,
    Decline,
    Dismiss,
    HandOver,
    Recalendar,
    Recheck,
    Release,
    SendBack,
    TakeAnswers,
    Tick,
    Unclaim,
)
from services.expertise.domain.decide import decide
from services.expertise.domain.evolve import evolve
from services.expertise.domain.expert import Given, Known
from services.expertise.domain.parts import KnownConflict
from services.expertise.domain.state import FINAL, Case, Status

ROUNDS: Final = 2
"""Further rounds are like the second one: they are reached, but not explored."""
OUTSIDER: Final = "e-elsewhere"


def named(command: object) -> str:
    """A command's name; the outcome of an appeal belongs to it, for the case goes on differently after each."""
    name = type(command).__name__
    return f"{name} {command.outcome}" if isinstance(command, AppealDecision) else name


def key(case: Case, _given: Given) -> Key:
    """What of a case decides where it can go: status, people without their names, what is open, what ran out."""
    people = Counter(
        ("frozen" if place.expert in case.hidden_from else place.status, bool(place.opinions))
        for place in case.active()
    )
    sides = {one.verdict is Verdict.NEGATIVE for one in case.counted()}
    request, draft, force = case.request(), case.draft, case.in_force()
    return (
        case.status,
        case.kind is ReviewKind.REPEAT,
        case.needed,
        tuple(sorted(people.items())),
        len(sides) > 1,
        case.approved is not None,
        request.on_expiry if request else None,
        draft and draft.replaces is not None,
        bool(case.requests) and case.status in (Status.TO_CONCLUDE, Status.TO_APPROVE),
        force is not None and any(one.number == force.number for one in case.appeals),
        any(one.ledger.breached for one in case.terms if one.open),
    )


def aged(case: Case) -> Case:
    """The same case, its open terms counted by a calendar of the past."""
    return case.model_copy(update={"terms": of_the_past(case.terms)})


def doubted(case: Case) -> Case:
    """The same case, somebody who is not on it having an open conflict."""
    conflict = KnownConflict(
        expert_id=OUTSIDER, conflict=Conflict(kind=ConflictKind.DECLARED), found=NOW, raised_by=OPERATOR.id
    )
    return case.model_copy(update={"conflicts": (*case.conflicts, conflict)})


def moves(case: Case, now: datetime) -> Iterator[Try[Case]]:
    """A fixed set of things that somebody may try, whether the domain allows them or not."""
    yield from (Try(case, command, who, now) for command, who in _people(case))
    yield from (Try(case, command, who, now) for command, who in _papers(case))
    yield from (Try(case, command, INTAKE, now) for command in _from_intake(case))
    yield Try(case.model_copy(update={"operator": OPERATOR.id}), Unclaim(why="Отпуск."), CHAIR, now)
    yield Try(aged(case), Recalendar(), TIMER, now)
    yield Try(case, DeclaredConflict(expert_id=OUTSIDER, text="На всякий случай."), OPERATOR, now)
    yield Try(doubted(case), Dismiss(expert_id=OUTSIDER, why="Нет связи."), CHAIR, now)
    yield Try(doubted(case), Confirm(expert_id=OUTSIDER, why="Есть связь."), CHAIR, now)
    alarms = [one.clock.alarm_at for one in case.terms if one.clock.alarm_at is not None]
    dues = [one.clock.due_at for one in case.terms if one.clock.due_at is not None and not one.ledger.breached]
    for moment in (*alarms, *dues):
        yield Try(case, Tick(moment), TIMER, max(now, moment))


def _people(case: Case) -> Iterator[tuple[object, Actor]]:
    yield Claim(), OPERATOR
    free = [one for one in OUTSIDE if all(place.expert != one for place in case.places)]
    judged = {place.expert for one in (*case.past, case) for place in one.places if place.opinions}
    free = [one for one in free if one not in judged]
    for one in free[:1]:
        yield Assign(expert_id=one), OPERATOR
    # One of each sort stands for all: offered, without an opinion, with one; free and frozen.
    sorts = {(p.status, bool(p.opinions), p.expert in case.hidden_from): p.expert for p in case.active()}
    for one in sorts.values():
        expert = person(one, Role.EXPERT)
        yield AcceptAssignment(), expert
        yield Decline(why="Некогда."), expert
        yield Release(expert_id=one, why="Ошибка."), OPERATOR
        if free:
            yield HandOver(expert_id=one, to=free[0], why="Болезнь."), COLLEAGUE
        yield DeclaredConflict(expert_id=one, text="Работали вместе."), expert
        yield Dismiss(expert_id=one, why="Нет связи."), CHAIR
        yield Confirm(expert_id=one, why="Есть связь."), CHAIR
        seat = entry(one, "700000193", version=9).seat()
        yield Recheck(seat), OPERATOR
        yield Recheck(seat.model_copy(update={"organisation": case.application.customer.id})), OPERATOR
        for verdict in (Verdict.POSITIVE, Verdict.NEGATIVE):
            yield say.opinion(verdict, why_changed="Передумал."), expert


def _papers(case: Case) -> Iterator[tuple[object, Actor]]:
    for on_expiry in (OnExpiry.DECIDE, OnExpiry.RETURN):  # a refusal is a return to the graph
        yield say.question(on_expiry=on_expiry), OPERATOR
    if (request := case.request()) is not None:
        yield CancelRequest(request.id), OPERATOR
    for running in case.terms:
        yield TermExtension(term=running.kind, why="Нужно время."), OPERATOR
    yield say.give_back(), OPERATOR
    before = case.earlier_conclusion()
    met = say.judged(True, len(before.remarks) if before else 0)
    for verdict in (Verdict.POSITIVE, Verdict.NEGATIVE):
        yield say.conclusion(verdict, earlier_remarks=met), OPERATOR
    for who in (APPROVER, HEAD):
        yield Approve(), who
        yield SendBack(why="Не сходится."), who
    yield say.appeal(), OPERATOR
    for outcome in AppealOutcome:
        yield say.decide_appeal(outcome, earlier_remarks=met), CHAIR


def _from_intake(case: Case) -> Iterator[object]:
    changed = case.application.model_copy(update={"title": f"Редакция {case.submission + 1}"})
    yield say.opened(changed, case.submission + 1)
    yield CloseFor(Closure.WITHDRAWN, "Передумали.")
    who, why = say.answers(*(one.id for one in ITEMS))
    for request in case.requests[-1:]:
        yield TakeAnswers(request=request.id, answers=(who,), application=case.application)
        yield TakeAnswers(request=request.id, answers=(who, why), application=case.application)
    if case.approved is not None:
        yield say.numbered(len(case.conclusions) + 1)


def _place(case: Case) -> str:
    return str(case.status)


def _is_explored(case: Case) -> bool:
    return case.round <= ROUNDS


GIVEN: Final = Given(APPEALS, {one: Known(entry(one, organisation), 0) for one, organisation in OUTSIDE.items()})
CASES: Final[Domain[Case, Given]] = Domain(
    decide=decide,
    evolve=evolve,
    starts=[(Try(None, say.opened(), INTAKE, NOW), GIVEN)],
    moves=moves,
    key=key,
    place=_place,
    places=Status,
    named=named,
    is_explored=_is_explored,
    page=Page(
        title="States of a case of the expertise (состояния дела экспертизы)",
        explored=("An edition with appeals was explored, all rounds after the first being alike.",),
        column="Status",
        final=sorted(FINAL),
    ),
)


@cache
def explored() -> Graph[Case]:
    """The graph of a case."""
    return explore(CASES)
