"""The facts of intake's two terms: the look-over (срок рассмотрения), and the time for changes (устранение замечаний).

Pure: the moment and the calendars come in through the context.
"""

from collections.abc import Sequence
from datetime import datetime

from contracts.event import Fact
from contracts.intake import (
    ApplicationLapsedV1,
    TermBreachedV1,
    TermEndedV1,
    TermNearingV1,
    TermRecalendaredV1,
    TermStartedV1,
)
from contracts.reference import LegalEffect, TermKind
from contracts.rules import Edition, TermRule
from services.intake.domain.agency import Given
from services.intake.domain.evolve import due
from services.intake.domain.state import FIXING, Pilot, Status
from services.law import ledger as term
from services.law.decision import Context
from services.law.ledger import Ledger


def started(kind: TermKind, edition: Edition, context: Context[Given]) -> TermStartedV1:
    """A term of the edition begins now."""
    rule = edition.terms[kind]
    days = context.calendars[rule.calendar]
    ledger = term.open_ledger(term.start(rule, days, kind, context.now, edition.zone))
    clock = term.clock_of(ledger, rule, days)
    assert clock.due_at is not None, "a term that has just started runs"
    return TermStartedV1(actor=context.actor, term=ledger.term, due_at=clock.due_at, clock=clock)


def ended(state: Pilot, context: Context[Given]) -> tuple[TermEndedV1, ...]:
    """The term that runs, if any, ends now."""
    ledger = state.running
    if ledger is None:
        return ()
    late = state.due_at is not None and context.now >= state.due_at
    return (TermEndedV1(actor=context.actor, kind=ledger.term.kind, ended=context.now, late=late),)


def ticked(state: Pilot | None, moment: datetime, context: Context[Given]) -> Sequence[Fact]:
    """What must be announced now: a reminder, a breach, or that the application lapsed.

    A term whose calendar has changed meanwhile is counted anew first, and may then have nothing to announce.
    """
    if state is None or state.running is None or due(state) != moment:
        return ()
    ledger, now = state.running, max(context.now, moment)
    facts = list[Fact](_recounted(state, ledger, now, context))
    ledger = _by_present_calendar(ledger, now, context)
    announced = _announced(state, ledger, now, context)
    if not facts and not announced:
        # The ladder of the rule is not the one by which the alarm was set: the clock is set by the present one.
        return (_recalendared(state, ledger, ledger, context),)
    return (*facts, *announced)


def recalendared(state: Pilot | None, context: Context[Given]) -> Sequence[Fact]:
    """The running term counted anew, where the calendar that it was counted by is no longer the present one."""
    if state is None or state.running is None:
        return ()
    return _recounted(state, state.running, context.now, context)


def _announced(state: Pilot, ledger: Ledger, now: datetime, context: Context[Given]) -> Sequence[Fact]:
    days, rule, actor = context.calendars[ledger.term.calendar], _rule(state, ledger, context), context.actor
    end = term.due_at(ledger, days)
    assert end is not None, "a term of intake never stands"
    if now >= end and not ledger.breached:
        return _ran_out(state, ledger, end, context)
    rungs = term.rungs_passed(ledger, rule.reminders, now, days)
    if not rungs:
        return ()
    clock = term.clock_of(term.remind(ledger, rungs), rule, days)
    return (TermNearingV1(actor=actor, kind=ledger.term.kind, rungs=rungs, due_at=end, clock=clock),)


def _ran_out(state: Pilot, ledger: Ledger, end: datetime, context: Context[Given]) -> Sequence[Fact]:
    """A return lapses; a conclusion stands, only the time for changes is over; all else is an alarm."""
    kind, actor = ledger.term.kind, context.actor
    if kind != FIXING or ledger.term.legal_effect is not LegalEffect.LAPSE:
        return (TermBreachedV1(actor=actor, kind=kind, due_at=end),)
    over = TermEndedV1(actor=actor, kind=kind, ended=max(context.now, end), late=True)
    if state.status is not Status.RETURNED:
        return (over,)
    assert state.number
    return over, ApplicationLapsedV1(actor=actor, agency=state.agency, number=state.number)


def _recounted(state: Pilot, ledger: Ledger, now: datetime, context: Context[Given]) -> tuple[TermRecalendaredV1, ...]:
    counted = _by_present_calendar(ledger, now, context)
    return () if counted is ledger else (_recalendared(state, ledger, counted, context),)


def _by_present_calendar(ledger: Ledger, now: datetime, context: Context[Given]) -> Ledger:
    days = context.calendars[ledger.term.calendar]
    return ledger if days.version == ledger.term.calendar_version else term.recalendar(ledger, days, now)


def _recalendared(state: Pilot, before: Ledger, after: Ledger, context: Context[Given]) -> TermRecalendaredV1:
    days = context.calendars[after.term.calendar]
    clock = term.clock_of(after, _rule(state, after, context), days)
    return TermRecalendaredV1(
        actor=context.actor,
        kind=after.term.kind,
        calendar=days.id,
        version_before=before.term.calendar_version,
        version=days.version,
        due_before=state.due_at,
        due_at=clock.due_at,
        clock=clock,
    )


def _rule(state: Pilot, ledger: Ledger, context: Context[Given]) -> TermRule:
    assert state.edition, "a term runs by an edition"
    return context.given.rules.edition(state.edition).terms[TermKind(ledger.term.kind)]
