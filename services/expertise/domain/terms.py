"""The terms of a case (сроки): started, stopped, extended, ended, announced. Counted by the ledger of the chassis."""

from contracts.expertise import (
    TermBreachedV1,
    TermEndedV1,
    TermExtendedV1,
    TermNearingV1,
    TermRecalendaredV1,
    TermResumedV1,
    TermStartedV1,
    TermSuspendedV1,
)
from contracts.reference import TermKind
from contracts.rules import TermRule
from services.expertise.domain.casework import CaseDecision
from services.expertise.domain.commands import Extend
from services.expertise.domain.state import Running
from services.law import ledger as term
from services.law.calendar import Calendar
from services.law.decision import Refusal
from services.law.ledger import TermError


def started(decision: CaseDecision, kind: TermKind) -> TermStartedV1:
    """A term of the edition that starts now."""
    rule = decision.edition.terms[kind]
    days = decision.calendars[rule.calendar]
    begun = term.start(rule, days, kind, decision.now, decision.edition.zone)
    return TermStartedV1(actor=decision.actor, term=begun, clock=term.clock_of(term.open_ledger(begun), rule, days))


def stopped(decision: CaseDecision, running: Running, why: str) -> TermSuspendedV1 | None:
    """The stop of a term's clock; None where its rule lets it not stop, or it has run out."""
    rule, days = _counted_by(decision, running)
    try:
        term.suspend(running.ledger, rule, decision.now, decision.actor.id, why, days)
    except TermError:
        return None
    return TermSuspendedV1(actor=decision.actor, kind=running.kind, since=decision.now, why=why)


def resume(decision: CaseDecision, running: Running) -> None:
    """Lets a stopped clock run again; not before it stopped, though the machine that stopped it may be ahead."""
    rule, days = _counted_by(decision, running)
    at = max(decision.now, running.ledger.last_entry)
    resumed = term.resume(running.ledger, at)
    decision.then(
        TermResumedV1(actor=decision.actor, kind=running.kind, at=at, clock=term.clock_of(resumed, rule, days))
    )


def extend(decision: CaseDecision, command: Extend) -> None:
    """Extends an open term within the edition's bound. Raises Refusal with the ledger's reason."""
    decision.need_own_case()
    running = decision.case.term(command.term)
    if running is None:
        raise Refusal("term.unknown", f"No term {command.term} runs here.", status=404)
    rule, days = _counted_by(decision, running)
    try:
        ledger = term.extend(running.ledger, rule, decision.now, decision.actor.id, command.why, days)
    except TermError as error:
        raise Refusal(f"term.{error.code}", str(error)) from error
    decision.then(
        TermExtendedV1(
            actor=decision.actor,
            kind=running.kind,
            at=decision.now,
            days=ledger.extensions[-1].days,
            why=command.why,
            clock=term.clock_of(ledger, rule, days),
        )
    )


def end(decision: CaseDecision, running: Running) -> None:
    """Ends a term: what it bounds is done, or fell away."""
    _, days = _counted_by(decision, running)
    late = term.overdue(running.ledger, decision.now, days)
    decision.then(TermEndedV1(actor=decision.actor, kind=running.kind, ended=decision.now, late=late))


def announce(decision: CaseDecision) -> list[Running]:
    """Announces what the ladders of the open terms have come to; returns the terms that have just run out.

    A term that ran out is announced as such alone: its rungs were passed, too late to help anybody. Calendars are
    looked at first, for the time that was stored may be that of an older one.
    """
    recalendar(decision)
    breached = list[Running]()
    for running in [one for one in decision.case.terms if one.open]:
        alarm = running.clock.alarm_at
        if alarm is None or decision.now < alarm:
            continue
        rule, days = _counted_by(decision, running)
        due = term.due_at(running.ledger, days)
        assert due is not None, "a clock that stands announces nothing"
        if decision.now >= due:
            breached.append(running)
            decision.then(
                TermBreachedV1(actor=decision.actor, kind=running.kind, due_at=due, notify=decision.case.people())
            )
            continue
        rungs = term.rungs_passed(running.ledger, rule.reminders, decision.now, days)
        ledger = term.remind(running.ledger, rungs)
        decision.then(
            TermNearingV1(
                actor=decision.actor,
                kind=running.kind,
                rungs=rungs,
                due_at=due,
                clock=term.clock_of(ledger, rule, days),
                notify=decision.case.people(),
            )
        )
    return breached


def recalendar(decision: CaseDecision) -> None:
    """Counts every open term anew that another version of its calendar counts."""
    for running in [one for one in decision.case.terms if one.open]:
        rule, days = _counted_by(decision, running)
        if running.ledger.term.calendar_version == days.version:
            continue
        ledger = term.recalendar(running.ledger, days, decision.now)
        clock = term.clock_of(ledger, rule, days)
        decision.then(
            TermRecalendaredV1(
                actor=decision.actor,
                kind=running.kind,
                calendar=days.id,
                version_before=running.ledger.term.calendar_version,
                version=days.version,
                due_before=running.clock.due_at,
                due_at=clock.due_at,
                clock=clock,
                notify=decision.case.people(),
            )
        )


def _counted_by(decision: CaseDecision, running: Running) -> tuple[TermRule, Calendar]:
    """The rule of a term, and the calendar that it is counted by, in its present version."""
    return decision.edition.terms[TermKind(running.kind)], decision.calendars[running.ledger.term.calendar]
