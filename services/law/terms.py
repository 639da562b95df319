"""The terms that a service counts itself (сроки): started, stopped, extended, announced, counted anew, ended.

One piece for every service. A decision says what happens to a term by a fact of the service's own (`Terms`), and
`evolve` says what such a fact makes of the terms that a state keeps. What a ledger comes to is the affair of
`services.law.ledger`; which terms there are, and when they start and end, is that of each domain.

Pure: the moment, the rules and the calendars come in with the decision.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final, Generic, Self, TypeAlias, TypeVar, assert_never
from zoneinfo import ZoneInfo

from contracts.event import Contract, Fact
from contracts.reference import Clock, LegalEffect, Term, TermKind
from contracts.rules import TermRule
from contracts.terms import (
    TermBreached,
    TermEnded,
    TermExtended,
    TermFact,
    TermNearing,
    TermRecalendared,
    TermResumed,
    TermStarted,
    TermStartedAsOf,
    TermSuspended,
    TermSuspendedAsOf,
)
from services.law import ledger as ledgers
from services.law.calendar import Calendar
from services.law.decision import Decision, Refusal
from services.law.ledger import ONE_DAY, Ledger, TermError

S = TypeVar("S")


class CountedTerm(Contract):
    """A term that a service counts: its ledger, and what that came to at the last fact that touched it."""

    ledger: Ledger
    clock: Clock

    @property
    def kind(self) -> str:
        """Which term of the edition it is."""
        return self.ledger.term.kind

    @property
    def open(self) -> bool:
        """Whether what it bounds is still to be done."""
        return self.ledger.ended is None

    def after(self, fact: TermEnded) -> Self:
        """The term once it has ended. Whether that was late is kept by a service that asks for it later."""
        ended = self.ledger.model_copy(update={"ended": fact.ended})
        return self.model_copy(update={"ledger": ended, "clock": Clock()})


T = TypeVar("T", bound=CountedTerm)
CountedTerms: TypeAlias = tuple[CountedTerm, ...]


# ---- what a state says of its terms


def running(terms: Iterable[T], kind: str) -> T | None:
    """The open term of a kind."""
    return next((one for one in terms if one.open and one.kind == kind), None)


def next_alarm(terms: Iterable[CountedTerm]) -> datetime | None:
    """When something must next be announced of the open terms: what a subject's timer is set to."""
    alarms = [one.clock.alarm_at for one in terms if one.open and one.clock.alarm_at is not None]
    return min(alarms, default=None)


def calendar_versions(terms: Iterable[CountedTerm]) -> tuple[str, ...]:
    """The versions of the calendars that the open terms are counted by."""
    return tuple(sorted({one.ledger.term.calendar_version for one in terms if one.open}))


def evolve(terms: Iterable[T], fact: Fact, kept_as: type[T]) -> tuple[T, ...]:
    """The terms after a fact. Total: a fact of a term that does not run, or of none, leaves them as they are."""
    if isinstance(fact, TermStarted):
        reminded = fact.reminded if isinstance(fact, TermStartedAsOf) else ()
        begun = kept_as(ledger=ledgers.remind(ledgers.open_ledger(fact.term), reminded), clock=fact.clock)
        # One that starts while one of its kind runs stands in its place: it was counted anew from another day.
        return (*(one for one in terms if not (one.open and one.kind == begun.kind)), begun)
    if not isinstance(fact, TermFact):
        return tuple(terms)
    return tuple(_after(one, fact) if one.open and one.kind == fact.kind else one for one in terms)


def _after(one: T, fact: TermFact) -> T:
    ledger = one.ledger
    match fact:
        case TermSuspended():
            stopped = ledgers.suspended(ledger, fact.since, fact.actor.id, fact.why)
            # A stop that is dated back may undo a breach: then the term had not run out when it stopped.
            stands = ledger.breached and isinstance(fact, TermSuspendedAsOf) and fact.ran_out
            return _counted(one, stopped.model_copy(update={"breached": stands}), Clock())
        case TermResumed():
            return _counted(one, ledgers.resumed(ledger, fact.at), fact.clock)
        case TermExtended():
            extended = ledgers.extended(ledger, fact.days, fact.at, fact.actor.id, fact.why)
            return _counted(one, extended, fact.clock)
        case TermNearing():
            return _counted(one, ledgers.remind(ledger, fact.rungs), fact.clock)
        case TermBreached():
            return _counted(one, ledgers.breach(ledger), one.clock.model_copy(update={"alarm_at": None}))
        case TermRecalendared():
            return _counted(one, ledgers.recalendared(ledger, fact.calendar, fact.version), fact.clock)
        case TermEnded():
            return one.after(fact)
        case _:
            assert_never(fact)


def _counted(one: T, ledger: Ledger, clock: Clock) -> T:
    # Where something is to be announced again, the breach that was announced is none any more.
    breached = ledger.breached and clock.alarm_at is None
    return one.model_copy(update={"ledger": ledger.model_copy(update={"breached": breached}), "clock": clock})


# ---- what a decision does to terms


@dataclass(frozen=True, slots=True, kw_only=True)
class TermFacts:
    """The types by which a service tells of its terms. None: that never happens to one of them."""

    started: type[TermStarted]
    nearing: type[TermNearing]
    breached: type[TermBreached]
    recalendared: type[TermRecalendared]
    ended: type[TermEnded]
    suspended: type[TermSuspended] | None = None
    resumed: type[TermResumed] | None = None
    extended: type[TermExtended] | None = None


NO_SUCH_FACT: Final = "the service has no fact for that"


@dataclass(frozen=True, kw_only=True)
class Terms(Generic[S]):
    """The terms of a service: where its state keeps them, and by which facts it tells of them.

    A fact is given what is known of its term and takes the fields that it has: `notify` are those whom an announcement
    concerns (opaque ids), by the state. `lapsing`: the terms that end by themselves as they run out, where the edition
    says so (`LegalEffect.LAPSE`); the running out of all others is an alarm.

    A day `since` at which something is entered as of (датой) is a day of the edition's zone that has come, and may be
    over. What is asked of a term that does not run does nothing.
    """

    of: Callable[[S], Sequence[CountedTerm]]
    facts: TermFacts
    notify: Callable[[S], tuple[str, ...]] = lambda _state: ()
    lapsing: frozenset[TermKind] = frozenset()

    # ---- it starts

    def started(self, decision: Decision[S], kind: TermKind, since: date | None = None) -> TermStarted:
        """That a term of the edition starts now, or with a day; it is not said yet."""
        rule, at, zone = decision.edition.terms[kind], _instant(decision, since), decision.edition.zone
        return self._started(decision, ledgers.start(rule, decision.calendars[rule.calendar], kind, at, zone))

    def start(self, decision: Decision[S], kind: TermKind, since: date | None = None) -> None:
        """A term of the edition starts now, or with a day."""
        decision.then(self.started(decision, kind, since))

    def start_until(self, decision: Decision[S], kind: TermKind, last: date, since: date | None = None) -> None:
        """A term of calendar days starts now, or with a day, and ends with a day that was agreed, also where that day
        is over."""
        rule, at, zone = decision.edition.terms[kind], _instant(decision, since), decision.edition.zone
        budget = (last - ledgers.day_of(at, zone)).days
        if budget < 1:
            # It ends with the day of its start or before: a term of one day, which is that day.
            budget, at = 1, _instant(decision, last - ONE_DAY)
        begun = ledgers.start(rule, decision.calendars[rule.calendar], kind, at, zone, budget)
        decision.then(self._started(decision, begun))

    def _started(self, decision: Decision[S], begun: Term) -> TermStarted:
        rule, days = decision.edition.terms[TermKind(begun.kind)], decision.calendars[begun.calendar]
        ledger = ledgers.open_ledger(begun)
        # Of a term that is entered late, or begins anew with another end, what was near before now is not announced.
        passed = ledgers.rungs_passed(ledger, rule.reminders, decision.now, days)
        assert not passed or issubclass(self.facts.started, TermStartedAsOf), NO_SUCH_FACT
        clock = ledgers.clock_of(ledgers.remind(ledger, passed), rule, days)
        return self.facts.started.made_of(
            actor=decision.actor, term=begun, clock=clock, due_at=clock.due_at, reminded=passed
        )

    # ---- its clock stops and runs again

    def stopped(self, decision: Decision[S], kind: str, why: str) -> TermSuspended | None:
        """That a term's clock stops now; it is not said yet. None where its rule does not let it, or it has run out."""
        found = running(self.of(decision.state), kind)
        if found is None:
            return None
        rule, days = _counted_by(decision, found)
        try:
            ledgers.suspend(found.ledger, rule, decision.now, decision.actor.id, why, days)
        except TermError:
            return None
        return self._suspended(decision, kind, decision.now, why, ran_out=False)

    def stop_since(self, decision: Decision[S], kind: str, since: date, why: str) -> None:
        """Stops a term's clock with a day, whatever its rule says: nothing is owed while all stands still."""
        found = running(self.of(decision.state), kind)
        if found is None or found.ledger.stopped:
            return
        at = max(_instant(decision, since), found.ledger.last_turn)
        ledger = ledgers.suspended(found.ledger, at, decision.actor.id, why)
        ran_out = _ran_out(decision, ledger)
        decision.then(self._suspended(decision, kind, at, why, ran_out=ran_out))

    def _suspended(self, decision: Decision[S], kind: str, at: datetime, why: str, *, ran_out: bool) -> TermSuspended:
        cls = self.facts.suspended
        assert cls is not None and (issubclass(cls, TermSuspendedAsOf) or not ran_out), NO_SUCH_FACT
        return cls.made_of(actor=decision.actor, kind=kind, since=at, why=why, ran_out=ran_out)

    def resume(self, decision: Decision[S], kind: str, since: date | None = None) -> None:
        """Lets a stopped clock run again, now or from a day; not before it stopped, though the machine that stopped it
        may be ahead."""
        assert self.facts.resumed is not None, NO_SUCH_FACT
        found = self._counted_today(decision, kind)
        if found is None or not found.ledger.stopped:
            return
        rule, days = _counted_by(decision, found)
        # An extension may be entered before a stop that is dated back.
        earliest = found.ledger.last_entry if since is None else found.ledger.last_turn
        at = max(_instant(decision, since), earliest)
        # While it stood, a calendar may have changed so that it has not run out any more.
        breached = found.ledger.breached and _ran_out(decision, found.ledger)
        ledger = ledgers.resumed(found.ledger, at).model_copy(update={"breached": breached})
        clock = ledgers.clock_of(ledger, rule, days)
        decision.then(self.facts.resumed.made_of(actor=decision.actor, kind=kind, at=at, clock=clock))

    # ---- it is extended

    def extend(self, decision: Decision[S], kind: str, why: str) -> None:
        """Extends an open term by the extension of its rule. Raises Refusal (`term.*`), 404 where none runs."""
        found = self._counted_today(decision, kind)
        if found is None:
            raise Refusal("term.unknown", status=404, kind=kind)
        rule, days = _counted_by(decision, found)
        ledger = ledgers.extend(found.ledger, rule, decision.now, decision.actor.id, why, days)
        self._extended(decision, kind, ledger, why)

    def extend_until(self, decision: Decision[S], kind: str, before: date, last: date, why: str) -> None:
        """Extends a term of calendar days that was to end with `before`, so that it ends with a later day."""
        found = self._counted_today(decision, kind)
        if found is not None and before < last:
            added = (last - before).days
            ledger = ledgers.extended(found.ledger, added, decision.now, decision.actor.id, why)
            self._extended(decision, kind, ledger, why)

    def _extended(self, decision: Decision[S], kind: str, ledger: Ledger, why: str) -> None:
        assert self.facts.extended is not None, NO_SUCH_FACT
        rule, days = _counted_by_ledger(decision, ledger)
        clock, added = ledgers.clock_of(ledger, rule, days), ledger.extensions[-1].days
        decision.then(
            self.facts.extended.made_of(
                actor=decision.actor, kind=kind, at=decision.now, days=added, why=why, clock=clock
            )
        )

    # ---- it ends

    def expired(self, decision: Decision[S], kind: str) -> bool:
        """Whether an open term has run out, also one whose clock stands since."""
        found = running(self.of(decision.state), kind)
        return found is not None and _ran_out(decision, found.ledger)

    def end(self, decision: Decision[S], *kinds: str) -> None:
        """Ends the open terms of these kinds: what they bound is done, or fell away."""
        for kind in kinds:
            if (found := running(self.of(decision.state), kind)) is not None:
                self._ended(decision, kind, decision.now, _ran_out(decision, found.ledger))

    def end_all(self, decision: Decision[S]) -> None:
        """Ends every open term."""
        self.end(decision, *[one.kind for one in self._open(decision)])

    def _ended(self, decision: Decision[S], kind: str, at: datetime, late: bool) -> None:
        decision.then(self.facts.ended.made_of(actor=decision.actor, kind=kind, ended=at, late=late))

    # ---- what must be told

    def announce(self, decision: Decision[S], moment: datetime) -> CountedTerms:
        """Announces what the ladders of the open terms have come to, at the `moment` that a timer was set to; returns
        the terms that have just run out.

        One that ran out is announced as such alone: its rungs were passed, too late to help anybody. Calendars are
        looked at first, for the time that was stored may be that of an older one.
        """
        # The machine that fires a timer may be behind the one that found it due.
        now = max(decision.now, moment)
        self._recalendar(decision, now)
        return tuple(one for one in self._open(decision) if self._announced(decision, one, now))

    def _announced(self, decision: Decision[S], one: CountedTerm, now: datetime) -> bool:
        if one.clock.alarm_at is None or now < one.clock.alarm_at:
            return False
        rule, days = _counted_by(decision, one)
        due = ledgers.due_at(one.ledger, days)
        assert due is not None, "a clock that stands announces nothing"
        if now >= due:
            self._run_out(decision, one, due)
            return True
        rungs = ledgers.rungs_passed(one.ledger, rule.reminders, now, days)
        if not rungs:
            # The ladder of the rule is not the one by which the alarm was set: the clock is set by the present one.
            self._recounted(decision, one, one.ledger, notify=())
            return False
        clock = ledgers.clock_of(ledgers.remind(one.ledger, rungs), rule, days)
        notify = self.notify(decision.state)
        decision.then(
            self.facts.nearing.made_of(
                actor=decision.actor, kind=one.kind, rungs=rungs, due_at=due, clock=clock, notify=notify
            )
        )
        return False

    def _run_out(self, decision: Decision[S], one: CountedTerm, due: datetime) -> None:
        if one.kind in self.lapsing and one.ledger.term.legal_effect is LegalEffect.LAPSE:
            self._ended(decision, one.kind, max(decision.now, due), late=True)
            return
        notify = self.notify(decision.state)
        decision.then(self.facts.breached.made_of(actor=decision.actor, kind=one.kind, due_at=due, notify=notify))

    def recalendar(self, decision: Decision[S]) -> None:
        """Counts every open term anew that another version of its calendar counts."""
        self._recalendar(decision, decision.now)

    def _recalendar(self, decision: Decision[S], now: datetime) -> None:
        for one in self._open(decision):
            self._recalendared(decision, one, now)

    def _recalendared(self, decision: Decision[S], one: CountedTerm, now: datetime) -> None:
        _, days = _counted_by(decision, one)
        if one.ledger.term.calendar_version != days.version:
            ledger = ledgers.recalendar(one.ledger, days, now)
            self._recounted(decision, one, ledger, self.notify(decision.state))

    def _counted_today(self, decision: Decision[S], kind: str) -> CountedTerm | None:
        """The open term of a kind, by its calendar as that stands now: where it has changed, that is told first, so
        that no clock is set by another version than the ledger names."""
        if (found := running(self.of(decision.state), kind)) is not None:
            self._recalendared(decision, found, decision.now)
        return running(self.of(decision.state), kind)

    def _recounted(self, decision: Decision[S], one: CountedTerm, ledger: Ledger, notify: tuple[str, ...]) -> None:
        rule, days = _counted_by(decision, one)
        clock = ledgers.clock_of(ledger, rule, days)
        decision.then(
            self.facts.recalendared.made_of(
                actor=decision.actor,
                kind=one.kind,
                calendar=days.id,
                version_before=one.ledger.term.calendar_version,
                version=days.version,
                due_before=one.clock.due_at,
                due_at=clock.due_at,
                clock=clock,
                notify=notify,
            )
        )

    def _open(self, decision: Decision[S]) -> CountedTerms:
        return tuple(one for one in self.of(decision.state) if one.open)


def _instant(decision: Decision[Any], since: date | None) -> datetime:
    """Now; or the first instant of a day in the zone of the edition, in UTC, and not later than now."""
    if since is None:
        return decision.now
    return min(datetime.combine(since, time(), ZoneInfo(decision.edition.zone)).astimezone(UTC), decision.now)


def _counted_by(decision: Decision[Any], one: CountedTerm) -> tuple[TermRule, Calendar]:
    return _counted_by_ledger(decision, one.ledger)


def _counted_by_ledger(decision: Decision[Any], ledger: Ledger) -> tuple[TermRule, Calendar]:
    """The rule of a term, and the calendar that it is counted by, in its present version."""
    return decision.edition.terms[TermKind(ledger.term.kind)], decision.calendars[ledger.term.calendar]


def _ran_out(decision: Decision[Any], ledger: Ledger) -> bool:
    return ledgers.remaining(ledger, decision.now, _counted_by_ledger(decision, ledger)[1]) <= 0
