"""The stages of a pilot as a graph that the domain itself gives: explored breadth first, never drawn by hand.

`python tests/unit/registry_graph.py` from the root of the project writes it to docs/registry-states.md.
"""

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from registry_world import (  # noqa: E402
    ACCEPTED,
    AGREEMENT,
    ALL_ON,
    CREDIT,
    LAPSED,
    MEMBERS,
    REFUSED,
    REGISTRAR,
    RETURNED,
    STOPPED,
    UNSEEN,
    WITHDRAWN,
    Step,
    basis,
    conclusion,
    decide,
    enter,
    judge,
    named,
    paid,
    propose,
    risk,
    scale,
    value,
)
from story import APPLICATION, NOW, SUBJECT  # noqa: E402

from contracts.reference import Effectiveness, Expediency, Period, Verdict  # noqa: E402
from contracts.registry import ApplicationOutcome, Correctable, Scaling, TermStage  # noqa: E402
from contracts.rules import RuleBook  # noqa: E402
from services.law.decision import Context, Refusal  # noqa: E402
from services.registry.domain import corrections  # noqa: E402
from services.registry.domain import decide as pilot  # noqa: E402
from services.registry.domain.commands import (  # noqa: E402
    Agree,
    Correct,
    DecideCredit,
    FailToAgree,
    Launch,
    LinkReplica,
    NameCommission,
    NoteReplicaResult,
    Prolong,
    Recalendar,
    RecordAmendment,
    RecordAnnulment,
    RecordCompletion,
    RecordOutcome,
    RecordProgress,
    RecordResults,
    RecordRisks,
    RecordSpending,
    RecordTerm,
    Resume,
    StopEarly,
    Suspend,
    Tick,
)
from services.registry.domain.state import CARRIED_OUT, FINAL, SETTLED, Pilot, Stage  # noqa: E402

PAGE = ROOT / "docs" / "registry-states.md"
Key = tuple[object, ...]
WORDS_OF_OTHERS = {
    "RecordOutcome",
    "RecordAmendment",
    "RecordConclusion",
    "RecordAnnulment",
    "RecordTerm",
    "RecordProgress",
    "RecordSpending",
    "RecordRisks",
    "RecordResults",
    "LinkReplica",
    "NoteReplicaResult",
}
"""What other services and other pilots say is recorded at every stage, whether it moves the pilot or not."""


@dataclass(slots=True)
class Graph:
    """What was found: steps between stages, the types of the facts, and the ways between abstract states."""

    steps: set[Step] = field(default_factory=set)
    facts: set[str] = field(default_factory=set)
    ways: dict[Key, set[Key]] = field(default_factory=dict)
    sample: dict[Key, Pilot] = field(default_factory=dict)


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


def moves(state: Pilot, now: datetime) -> Iterator[tuple[Pilot, object, datetime]]:
    """A fixed set of things that somebody may try, whether the domain allows them or not."""
    today = now.astimezone(ZoneInfo("Europe/Minsk")).date()
    tries = [*_said(state), *_reports(state, today), *_council(today), *_carrying_out(state, today), *_judging(today)]
    yield from ((state, command, now) for command in (*tries, *_corrections(state, today)))
    yield aged(state), Recalendar(), now
    for one in state.own_terms:
        for moment in {one.clock.alarm_at, one.clock.due_at} if one.clock.alarm_at is not None else ():
            if moment is not None:
                yield state, Tick(moment), max(now, moment)


def aged(state: Pilot) -> Pilot:
    """The same pilot, its open terms counted by a calendar of the past."""
    old = {"calendar_version": "BY-of-the-past"}
    terms = [
        one.model_copy(
            update={"ledger": one.ledger.model_copy(update={"term": one.ledger.term.model_copy(update=old)})}
        )
        if one.open
        else one
        for one in state.own_terms
    ]
    return state.model_copy(update={"own_terms": tuple(terms)})


def _said(state: Pilot) -> Iterator[object]:
    yield from (ACCEPTED, RETURNED, WITHDRAWN, STOPPED, LAPSED, REFUSED)
    other = state.application.model_copy(update={"title": "Другой заголовок"})
    yield RecordOutcome(ApplicationOutcome.RESUBMITTED, application=other)
    yield RecordAmendment("q-1", other)
    yield RecordTerm("expertise", TermStage.ENDED)
    force = state.conclusion.number if state.conclusion else None
    for verdict in (Verdict.POSITIVE, Verdict.NEGATIVE):
        yield conclusion(verdict)
        if force is not None:
            yield conclusion(verdict, replaces=force)
    yield RecordAnnulment(1, force or "ЗЭ-0")
    if state.stage is Stage.SCALED:
        yield LinkReplica("replica", "ПП-2027-000001", None)
        yield NoteReplicaResult("replica", Effectiveness.EFFECTIVE)


def _reports(state: Pilot, today: date) -> Iterator[object]:
    yield RecordProgress("rep", Period(since=today, until=today), "Идёт.", (value("4", today),))
    if state.stage in CARRIED_OUT:
        yield RecordSpending("sp", (paid(100, day=today),))
    yield RecordRisks("ri", (risk(),))
    yield RecordResults("res", (value("3", today),))
    yield RecordCompletion("done", today, "Готово.", ())


def _council(today: date) -> Iterator[object]:
    yield from (decide(one, today) for one in Expediency)
    yield from (DecideCredit(granted, "Работает.", basis(today)) for granted in (True, False))
    until = today + timedelta(days=200)
    agreement = AGREEMENT.model_copy(update={"starts": today, "until": until})
    yield Agree(agreement, basis(today))
    yield FailToAgree("Не сошлись.", basis(today))


def _carrying_out(state: Pilot, today: date) -> Iterator[object]:
    yield Launch(today, basis(today))
    yield Suspend(today, "Ремонт.", basis(today))
    yield Resume(today, basis(today))
    if state.until is not None:
        yield Prolong(state.until + timedelta(days=30), "Задержка.", basis(today))
    yield StopEarly(today, "Нет денег.", basis(today))


def _judging(today: date) -> Iterator[object]:
    yield NameCommission(MEMBERS, "s-1", basis(today))
    for outcome in Effectiveness:
        yield propose(outcome, today)
        yield judge(outcome, today)
    yield from (scale(decision, today) for decision in Scaling)


def _corrections(state: Pilot, today: date) -> Iterator[object]:
    for what in Correctable:
        if (entry := corrections.entry(state, what, 1)) is not None:
            said = entry.model_dump(mode="json")
            if said.get("basis") is not None:
                said["basis"] = {**said["basis"], "number": f"{said['basis']['number'][:1]}-испр"}
            elif "text" in said:
                said["text"] = "Иначе."
            if "payments" in said:
                said["payments"] = [{**one, "amount_minor": 101} for one in said["payments"]]
            yield Correct(what, 1, said, "Опечатка.", basis(today))


@cache
def explored() -> Graph:
    """The whole graph from an entered pilot on, for a pilot and for a credit, by both ways of the Council."""
    graph, queue = Graph(), deque[tuple[Pilot, datetime, RuleBook]]()

    def reached(state: Pilot | None, command: object, now: datetime, book: RuleBook) -> Key | None:
        before = str(state.stage) if state is not None else "none"
        try:
            facts = pilot.decide(state, command, Context(now, SUBJECT, REGISTRAR, book))  # type: ignore[arg-type]
        except Refusal:
            return None
        if not facts:
            return None
        for fact in facts:
            state = pilot.evolve(state, fact)
        assert state is not None
        graph.steps.add((before, named(command), str(state.stage)))
        graph.facts |= {fact.TYPE for fact in facts}
        found = key(state, book)
        if found not in graph.sample:
            graph.sample[found], graph.ways[found] = state, set()
            queue.append((state, now, book))
        return found

    for book in (ALL_ON, UNSEEN):
        for application in (APPLICATION, CREDIT):
            reached(None, enter(application), NOW, book)
    while queue:
        state, now, book = queue.popleft()
        for changed, command, moment in moves(state, now):
            if (after := reached(changed, command, moment, book)) is not None:
                graph.ways[key(state, book)].add(after)
    return graph


def moving(steps: set[Step]) -> set[Step]:
    """The steps that lead to another stage."""
    return {step for step in steps if step[0] != step[2]}


def document(steps: set[Step]) -> str:
    """The page: a diagram of the ways between stages, and what may be done without leaving one."""
    lines = [
        "# Stages of a pilot in the register (этапы пилотного проекта в реестре)",
        "",
        "Generated from the domain by `python tests/unit/registry_graph.py`; a test fails when it is stale.",
        "Explored with every switch of the edition on, the Council seeing negative conclusions and not seeing them.",
        "",
        "```mermaid",
        "stateDiagram-v2",
    ]
    lines += [f"    [*] --> {_id(to)}: {_words(steps, 'none', to)}" for to in _targets(steps, "none")]
    for stage in Stage:
        lines.append(f"    {_id(stage)}: {stage}")
        targets = [to for to in _targets(steps, stage) if to != stage]
        lines += [f"    {_id(stage)} --> {_id(to)}: {_words(steps, stage, to)}" for to in targets]
    lines += [f"    {_id(stage)} --> [*]" for stage in sorted(FINAL)]
    lines += [
        "```",
        "",
        "What other services and replicas say (outcomes, answers, conclusions, terms, reports) is recorded at every",
        "stage; it is left out below, for it moves nothing there.",
        "",
        "| Stage | What happens in it without leaving it |",
        "|---|---|",
    ]
    kept = {step for step in steps if step[1].split()[0] not in WORDS_OF_OTHERS}
    lines += [f"| {stage} | {_words(kept, stage, stage) or '—'} |" for stage in Stage]
    return "\n".join(lines) + "\n"


def _targets(steps: set[Step], before: str) -> Sequence[str]:
    order = [str(stage) for stage in Stage]
    return sorted({to for was, _, to in steps if was == before}, key=order.index)


def _words(steps: set[Step], before: str, after: str) -> str:
    return ", ".join(sorted(command for was, command, to in steps if (was, to) == (before, after)))


def _id(stage: str) -> str:
    return stage.replace("-", "_")


if __name__ == "__main__":
    PAGE.write_text(document(explored().steps), encoding="utf-8")
