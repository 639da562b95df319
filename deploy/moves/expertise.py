"""The states of a case as a graph that the domain itself gives: explored breadth first, never drawn by hand.

`python tests/unit/expertise_graph.py` from the root of the project writes it to docs/expertise-states.md.
"""

import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from expertise_world import (  # noqa: E402
    APPEALS,
    APPROVER,
    BASIS,
    CHAIR,
    COLLEAGUE,
    EXPERTS,
    HEAD,
    INTAKE,
    ITEMS,
    NOW,
    OPERATOR,
    OUTSIDE,
    REASONS,
    TIMER,
    Step,
    actor,
    answers,
    conclusion,
    decide_appeal,
    entry,
    judged,
    named,
    opened,
    opinion,
)
from story import SUBJECT  # noqa: E402

from contracts.event import Actor  # noqa: E402
from contracts.expertise import AppealOutcome, Closure, Conflict, ConflictKind, ReviewKind  # noqa: E402
from contracts.reference import OnExpiry, Term, Verdict  # noqa: E402
from services.expertise.domain import decide as pilot  # noqa: E402
from services.expertise.domain.commands import (  # noqa: E402
    AcceptAssignment,
    Approve,
    AskApplicant,
    Assign,
    CancelRequest,
    Claim,
    CloseFor,
    Confirm,
    Declare,
    Decline,
    Dismiss,
    EndWithout,
    Extend,
    HandOver,
    Number,
    OpenAppeal,
    Recalendar,
    Recheck,
    Release,
    SendBack,
    TakeAnswers,
    Tick,
    Unclaim,
)
from services.expertise.domain.expert import Given, Known  # noqa: E402
from services.expertise.domain.state import FINAL, Case, KnownConflict, Status  # noqa: E402
from services.law.decision import Context, Refusal  # noqa: E402

PAGE = ROOT / "docs" / "expertise-states.md"
OUTSIDER = "e-elsewhere"
ROUNDS = 2
"""Further rounds are like the second one: they are reached, but not explored."""
GIVEN = Given(APPEALS, {one.id: Known(entry(one.id, OUTSIDE[n]), 0) for n, one in enumerate(EXPERTS)})

Key = tuple[object, ...]
Move = tuple[Case, object, Actor, datetime]


@dataclass(slots=True)
class Graph:
    """What was found: steps between statuses, the types of the facts, and the ways between abstract states."""

    steps: set[Step] = field(default_factory=set)
    facts: set[str] = field(default_factory=set)
    ways: dict[Key, set[Key]] = field(default_factory=dict)
    sample: dict[Key, Case] = field(default_factory=dict)


def key(case: Case) -> Key:
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
    return case.model_copy(
        update={
            "terms": tuple(
                one.model_copy(update={"ledger": one.ledger.model_copy(update={"term": _older(one.ledger.term)})})
                if one.open
                else one
                for one in case.terms
            )
        }
    )


def doubted(case: Case) -> Case:
    """The same case, somebody who is not on it having an open conflict."""
    conflict = KnownConflict(
        expert_id=OUTSIDER, conflict=Conflict(kind=ConflictKind.DECLARED), found=NOW, raised_by=OPERATOR.id
    )
    return case.model_copy(update={"conflicts": (*case.conflicts, conflict)})


def _older(term: Term) -> Term:
    return term.model_copy(update={"calendar_version": "BY-of-the-past"})


def moves(case: Case, now: datetime) -> Iterator[Move]:
    """A fixed set of things that somebody may try, whether the domain allows them or not."""
    yield from ((case, command, who, now) for command, who in _people(case))
    yield from ((case, command, who, now) for command, who in _papers(case))
    yield from ((case, command, INTAKE, now) for command in _from_intake(case))
    yield case.model_copy(update={"operator": OPERATOR.id}), Unclaim("Отпуск."), CHAIR, now
    yield aged(case), Recalendar(), TIMER, now
    yield case, Declare(OUTSIDER, "На всякий случай."), OPERATOR, now
    yield doubted(case), Dismiss(OUTSIDER, "Нет связи."), CHAIR, now
    yield doubted(case), Confirm(OUTSIDER, "Есть связь."), CHAIR, now
    alarms = [one.clock.alarm_at for one in case.terms if one.clock.alarm_at is not None]
    dues = [one.clock.due_at for one in case.terms if one.clock.due_at is not None and not one.ledger.breached]
    for moment in (*alarms, *dues):
        yield case, Tick(moment), TIMER, max(now, moment)


def _people(case: Case) -> Iterator[tuple[object, Actor]]:
    yield Claim(), OPERATOR
    free = [one.id for one in EXPERTS if all(place.expert != one.id for place in case.places)]
    judged = {place.expert for one in (*case.past, case) for place in one.places if place.opinions}
    free = [one for one in free if one not in judged]
    for one in free[:1]:
        yield Assign(one), OPERATOR
    # One of each sort stands for all: offered, without an opinion, with one; free and frozen.
    sorts = {(p.status, bool(p.opinions), p.expert in case.hidden_from): p.expert for p in case.active()}
    for one in sorts.values():
        yield AcceptAssignment(), actor(one)
        yield Decline("Некогда."), actor(one)
        yield Release(one, "Ошибка."), OPERATOR
        if free:
            yield HandOver(one, free[0], "Болезнь."), COLLEAGUE
        yield Declare(one, "Работали вместе."), actor(one)
        yield Dismiss(one, "Нет связи."), CHAIR
        yield Confirm(one, "Есть связь."), CHAIR
        seat = entry(one, "700000193", version=9).seat()
        yield Recheck(seat), OPERATOR
        yield Recheck(seat.model_copy(update={"organisation": case.application.customer.id})), OPERATOR
        for verdict in (Verdict.POSITIVE, Verdict.NEGATIVE):
            yield opinion(verdict, why_changed="Передумал."), actor(one)


def _papers(case: Case) -> Iterator[tuple[object, Actor]]:
    for on_expiry in (OnExpiry.DECIDE, OnExpiry.RETURN):  # a refusal is a return to the graph
        yield AskApplicant(ITEMS, on_expiry), OPERATOR
    if (request := case.request()) is not None:
        yield CancelRequest(request.id), OPERATOR
    for running in case.terms:
        yield Extend(running.kind, "Нужно время."), OPERATOR
    yield EndWithout(Closure.RETURNED, REASONS), OPERATOR
    before = case.earlier_conclusion()
    earlier = judged(True, len(before.remarks) if before else 0)
    yield conclusion(Verdict.POSITIVE, earlier_remarks=earlier), OPERATOR
    yield conclusion(Verdict.NEGATIVE, earlier_remarks=earlier), OPERATOR
    for who in (APPROVER, HEAD):
        yield Approve(), who
        yield SendBack("Не сходится."), who
    yield OpenAppeal("Не согласны.", BASIS), OPERATOR
    for outcome in AppealOutcome:
        yield decide_appeal(outcome, earlier_remarks=earlier), CHAIR


def _from_intake(case: Case) -> Iterator[object]:
    yield opened(case.application.model_copy(update={"title": f"Редакция {case.submission + 1}"}), case.submission + 1)
    yield CloseFor(Closure.WITHDRAWN, "Передумали.")
    for request in case.requests[-1:]:
        yield TakeAnswers(request.id, answers("who"), case.application)
        yield TakeAnswers(request.id, answers("who", "why"), case.application)
    if case.approved is not None:
        yield Number(f"ЗЭ-2026-{len(case.conclusions) + 1:04d}")


@cache
def explored() -> Graph:
    """The whole graph from an opened case on."""
    graph, queue = Graph(), deque[tuple[Case, datetime]]()

    def reached(before: str, state: Case | None, command: object, who: Actor, now: datetime) -> Key | None:
        try:
            facts = pilot.decide(state, command, Context(now, SUBJECT, who, GIVEN))  # type: ignore[arg-type]
        except Refusal:
            return None
        if not facts:
            return None
        for fact in facts:
            state = pilot.evolve(state, fact)
        assert state is not None
        graph.steps.add((before, named(command), str(state.status)))
        graph.facts |= {fact.TYPE for fact in facts}
        found = key(state)
        if found not in graph.sample:
            graph.sample[found], graph.ways[found] = state, set()
            if state.round <= ROUNDS:
                queue.append((state, now))
        return found

    reached("none", None, opened(), INTAKE, NOW)
    while queue:
        case, now = queue.popleft()
        for move in moves(case, now):
            if (after := reached(str(case.status), *move)) is not None:
                graph.ways[key(case)].add(after)
    return graph


def document(steps: set[Step]) -> str:
    """The page: a diagram of the ways between statuses, and what may be done without leaving one."""
    lines = [
        "# States of a case of the expertise (состояния дела экспертизы)",
        "",
        "Generated from the domain by `python tests/unit/expertise_graph.py`; a test fails when it is stale.",
        "An edition with appeals was explored, all rounds after the first being alike.",
        "",
        "```mermaid",
        "stateDiagram-v2",
    ]
    lines += [f"    [*] --> {_id(to)}: {_words(steps, 'none', to)}" for to in _targets(steps, "none")]
    for status in Status:
        lines.append(f"    {_id(status)}: {status}")
        targets = [to for to in _targets(steps, status) if to != status]
        lines += [f"    {_id(status)} --> {_id(to)}: {_words(steps, status, to)}" for to in targets]
    lines += [f"    {_id(status)} --> [*]" for status in sorted(FINAL)]
    lines += ["```", "", "| Status | What happens in it without leaving it |", "|---|---|"]
    lines += [f"| {status} | {_words(steps, status, status) or '—'} |" for status in Status]
    return "\n".join(lines) + "\n"


def _targets(steps: set[Step], before: str) -> Sequence[str]:
    order = [str(status) for status in Status]
    return sorted({to for was, _, to in steps if was == before}, key=order.index)


def _words(steps: set[Step], before: str, after: str) -> str:
    return ", ".join(sorted(command for was, command, to in steps if (was, to) == (before, after)))


def _id(status: str) -> str:
    return status.replace("-", "_")


if __name__ == "__main__":
    PAGE.write_text(document(explored().steps), encoding="utf-8")
