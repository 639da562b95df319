"""The register's own terms (сроки): started, stopped, extended, ended, announced, counted anew."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from contracts.reference import Clock, Term, TermKind
from contracts.registry import (
    TermBreachedV1,
    TermEndedV1,
    TermExtendedV1,
    TermNearingV1,
    TermRecalendaredV1,
    TermResumedV1,
    TermStartedV1,
    TermSuspendedV1,
)
from contracts.rules import TermRule
from services.law import ledger as term
from services.law.calendar import Calendar
from services.law.decision import Decision
from services.law.ledger import Extension, Ledger, Suspension
from services.registry.domain.state import OwnTerm, Pilot

PilotDecision: TypeAlias = Decision[Pilot]
UNSAID: Final = "-"
"""The reason in a ledger, which wants one, where a fact gives none."""


def start(decision: PilotDecision, kind: TermKind, since: date | None = None) -> None:
    """A term of the edition starts now, or with a day that has come and may be over."""
    rule = decision.edition.terms[kind]
    days = decision.calendars[rule.calendar]
    at = decision.now if since is None else _at(decision, since)
    _started(decision, term.start(rule, days, kind, at, decision.edition.zone))


def _at(decision: PilotDecision, day: date) -> datetime:
    """The first instant of a day in the zone of the edition, in UTC, and not later than now."""
    return min(datetime.combine(day, time(), ZoneInfo(decision.edition.zone)).astimezone(UTC), decision.now)


def start_until(decision: PilotDecision, kind: TermKind, last: date, since: date | None = None) -> None:
    """A term of calendar days starts now, or with a day that has come, and ends with a day that was agreed, also where
    that day is over."""
    rule = decision.edition.terms[kind]
    days = decision.calendars[rule.calendar]
    at = decision.now if since is None else _at(decision, since)
    budget = (last - term.day_of(at, decision.edition.zone)).days
    if budget < 1:
        # It ends with the day of its start or before: a term of one day, which is that day.
        at = _at(decision, last - timedelta(days=1))
    _started(decision, term.start(rule, days, kind, at, decision.edition.zone, max(1, budget)))


def _started(decision: PilotDecision, begun: Term) -> None:
    rule, days = decision.edition.terms[TermKind(begun.kind)], decision.calendars[begun.calendar]
    ledger = term.open_ledger(begun)
    # Of a term that is entered late, or begins anew with another end, what was near before now is not announced.
    passed = term.rungs_passed(ledger, rule.reminders, decision.now, days)
    clock = term.clock_of(term.remind(ledger, passed), rule, days)
    decision.then(TermStartedV1(actor=decision.actor, term=begun, clock=clock, reminded=passed))


def stop(decision: PilotDecision, kind: str, since: date, why: str) -> None:
    """Stops a term's clock with a day, whenever that is entered: nothing is owed while carrying out stands still."""
    running = decision.state.own_term(kind)
    if running is None or running.ledger.stopped:
        return
    at = max(_at(decision, since), _last_turn(running.ledger))
    stopped = running.ledger.model_copy(
        update={"suspensions": (*running.ledger.suspensions, Suspension(since=at, who=decision.actor.id, why=why))}
    )
    ran_out = _ran_out(decision, running, stopped)
    decision.then(TermSuspendedV1(actor=decision.actor, kind=kind, since=at, why=why, ran_out=ran_out))


def resume(decision: PilotDecision, kind: str, since: date) -> None:
    """Lets a stopped clock run again from a day, whenever that is entered."""
    running = decision.state.own_term(kind)
    if running is None or not running.ledger.stopped:
        return
    rule, days = _counted_by(decision, running)
    at = max(_at(decision, since), _last_turn(running.ledger))
    ledger = running.ledger.model_copy(update={"suspensions": _let_run(running.ledger, at)})
    clock = term.clock_of(ledger, rule, days)
    decision.then(TermResumedV1(actor=decision.actor, kind=kind, at=at, clock=clock))


def _last_turn(ledger: Ledger) -> datetime:
    """When the clock last began to run or to stand. An extension is no turn: it may be entered before a stop that is
    dated back."""
    stops = [at for one in ledger.suspensions for at in (one.since, one.until) if at is not None]
    return max([ledger.term.started, *stops])


def _let_run(ledger: Ledger, at: datetime) -> tuple[Suspension, ...]:
    *before, last = ledger.suspensions
    return (*before, last.model_copy(update={"until": at}))


def extend_until(decision: PilotDecision, kind: str, before: date, last: date, why: str) -> None:
    """Extends a term of calendar days that was to end with `before`, so that it ends with a later day."""
    running = decision.state.own_term(kind)
    if running is None:
        return
    rule, days = _counted_by(decision, running)
    added = (last - before).days
    extension = Extension(days=added, at=decision.now, who=decision.actor.id, why=why or UNSAID)
    changed = {"extensions": (*running.ledger.extensions, extension), "reminded": (), "breached": False}
    ledger = running.ledger.model_copy(update=changed)
    clock = Clock() if ledger.stopped else term.clock_of(ledger, rule, days)
    decision.then(TermExtendedV1(actor=decision.actor, kind=kind, at=decision.now, days=added, why=why, clock=clock))


def move(decision: PilotDecision, kind: TermKind, by: int) -> None:
    """Lets an open term of calendar days end later, or for `by` below zero earlier.

    One that began with the same day and ends with the new one starts in its place. The days on which its clock stood
    stay won; one that stands goes on standing since the same day.
    """
    running = decision.state.own_term(kind)
    if running is None or by == 0:
        return
    ledger, zone = running.ledger, running.ledger.term.zone
    days = _counted_by(decision, running)[1]
    begun = term.day_of(ledger.term.started, zone)
    last = term.last_day(ledger, days)
    if not ledger.stopped and last is not None:
        start_until(decision, kind, last + timedelta(days=by), begun)
        return
    stood = ledger.suspensions[-1]
    since = term.day_of(stood.since, zone)
    left = term.remaining(ledger, decision.now, days) + by
    counted = max(begun, since - timedelta(days=1))  # the last day before the stop; that of the start does not count
    start_until(decision, kind, counted + timedelta(days=left), begun)
    stop(decision, kind, since, stood.why)


def expired(decision: PilotDecision, kind: str) -> bool:
    """Whether an open term has run out, also one whose clock stands since."""
    running = decision.state.own_term(kind)
    return running is not None and _ran_out(decision, running, running.ledger)


def _ran_out(decision: PilotDecision, running: OwnTerm, ledger: Ledger) -> bool:
    return term.remaining(ledger, decision.now, _counted_by(decision, running)[1]) <= 0


def end(decision: PilotDecision, *kinds: str) -> None:
    """Ends the open terms of these kinds: what they bound is done, or fell away."""
    for kind in kinds:
        running = decision.state.own_term(kind)
        if running is None:
            continue
        late = _ran_out(decision, running, running.ledger)
        decision.then(TermEndedV1(actor=decision.actor, kind=kind, ended=decision.now, late=late))


def end_all(decision: PilotDecision) -> None:
    """Ends every open term of the register."""
    end(decision, *[one.kind for one in decision.state.own_terms if one.open])


def announce(decision: PilotDecision) -> None:
    """Announces what the ladders of the open terms have come to; calendars are looked at first."""
    recalendar(decision)
    for running in [one for one in decision.state.own_terms if one.open]:
        alarm = running.clock.alarm_at
        if alarm is None or decision.now < alarm:
            continue
        rule, days = _counted_by(decision, running)
        due = term.due_at(running.ledger, days)
        assert due is not None, "a clock that stands announces nothing"
        if decision.now >= due:
            decision.then(TermBreachedV1(actor=decision.actor, kind=running.kind, due_at=due))
            continue
        rungs = term.rungs_passed(running.ledger, rule.reminders, decision.now, days)
        clock = term.clock_of(term.remind(running.ledger, rungs), rule, days)
        decision.then(TermNearingV1(actor=decision.actor, kind=running.kind, rungs=rungs, due_at=due, clock=clock))


def recalendar(decision: PilotDecision) -> None:
    """Counts every open term anew that another version of its calendar counts."""
    for running in [one for one in decision.state.own_terms if one.open]:
        rule, days = _counted_by(decision, running)
        if running.ledger.term.calendar_version == days.version:
            continue
        clock = term.clock_of(term.recalendar(running.ledger, days, decision.now), rule, days)
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
            )
        )


def _counted_by(decision: PilotDecision, running: OwnTerm) -> tuple[TermRule, Calendar]:
    return decision.edition.terms[TermKind(running.kind)], decision.calendars[running.ledger.term.calendar]


# ---- what the facts do to a ledger


def with_term(state: Pilot, kind: str, clock: Clock | None, **changes: object) -> tuple[OwnTerm, ...]:
    """The register's terms with the open one of a kind changed."""
    return tuple(
        OwnTerm(ledger=one.ledger.model_copy(update=changes), clock=clock or one.clock)
        if one.open and one.kind == kind
        else one
        for one in state.own_terms
    )


def suspensions(state: Pilot, fact: TermSuspendedV1) -> tuple[Suspension, ...]:
    """The stops of a term with a new one."""
    found = state.own_term(fact.kind)
    before = found.ledger.suspensions if found else ()
    return (*before, Suspension(since=fact.since, who=fact.actor.id, why=fact.why or UNSAID))


def resumed(state: Pilot, fact: TermResumedV1) -> tuple[Suspension, ...]:
    """The stops of a term, the last of them over."""
    found = state.own_term(fact.kind)
    if found is None or not found.ledger.stopped:
        return found.ledger.suspensions if found else ()
    return _let_run(found.ledger, fact.at)


def extensions(state: Pilot, fact: TermExtendedV1) -> tuple[Extension, ...]:
    """The extensions of a term with a new one."""
    found = state.own_term(fact.kind)
    before = found.ledger.extensions if found else ()
    if fact.days < 1:
        return before
    return (*before, Extension(days=fact.days, at=fact.at, who=fact.actor.id, why=fact.why or UNSAID))
