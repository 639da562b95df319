"""The two terms of intake: the look-over and the time for changes, their reminders, their end, another calendar."""

from datetime import date, timedelta
from typing import Any

import pytest

from contracts.intake import (
    ApplicationLapsedV1,
    ResubmissionRegisteredV1,
    TermBreachedV1,
    TermEndedV1,
    TermNearingV1,
    TermRecalendaredV1,
    TermStartedV1,
)
from contracts.reference import Clock, LegalEffect, TermKind, TermUnit
from contracts.rules import RuleBook
from contracts.steps import ApplicationReturn
from deploy.samples.common import BOOK, NOW
from services.intake.domain.agency import Given
from services.intake.domain.commands import Accept, Recalendar, Tick
from services.intake.domain.state import Status
from services.law.ledger import recalendared
from services.law.terms import CountedTerm
from tests.kit.calendars import BY
from tests.kit.common import minsk
from tests.kit.intake.story import (
    CODE,
    ENTRY,
    REASONS,
    STATES,
    STOP,
    after,
    alarm_of,
    elapsed,
    entry,
    pilots,
    registered,
    resubmit,
    submit,
    withdraw,
)

# ---- the look-over term


def test_the_term_carries_everything_its_due_date_can_be_counted_again_from() -> None:
    _, started = pilots.when(None, submit())
    assert isinstance(started, TermStartedV1)
    term = started.term
    assert (term.kind, term.budget, term.unit) == ("look-over", 3, TermUnit.WORKING_DAYS)
    assert (term.calendar, term.calendar_version) == ("BY", BY.version)
    assert (term.legal_effect, term.origin) == (LegalEffect.ALARM, "law")
    assert (term.started, term.zone) == (NOW, "Europe/Minsk")


@pytest.mark.parametrize(
    ("received", "last_day"),
    [
        ("2026-04-16", "2026-04-23"),
        ("2026-04-24", "2026-04-28"),
        ("2025-07-02", "2025-07-09"),
        ("2025-12-19", "2025-12-23"),
        ("2026-12-30", "2027-01-05"),
    ],
)
@pytest.mark.parametrize("clock", ["00:00:00", "12:00:00", "23:59:59"])
def test_three_working_days_end_with_the_last_day_in_minsk(received: str, last_day: str, clock: str) -> None:
    now = minsk(f"{received}T{clock}")
    editions = Given(BOOK, entry(("by-2024", date(2025, 1, 1))), "N-1")
    _, started = pilots.when(None, submit(time=now), now=now, given=editions)
    assert isinstance(started, TermStartedV1)
    assert started.due_at == minsk(f"{last_day}T00:00:00") + timedelta(days=1)


def test_the_timer_stands_at_the_next_reminder_and_then_at_the_due_time_while_a_term_runs() -> None:
    assert alarm_of(STATES["registered"]) == minsk("2026-04-18T00:00:00")
    assert STATES["registered"].due_at == minsk("2026-04-24T00:00:00")
    running = {name for name, state in STATES.items() if state is not None and alarm_of(state) is not None}
    assert running == {"registered", "resubmitted", "returned", "negative", "returned by the expertise"}


@pytest.mark.parametrize(("after_", "late"), [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize("command", [Accept(), ApplicationReturn(reasons=REASONS), withdraw(), STOP])
def test_a_decision_is_late_from_the_due_instant_on(after_: int, late: bool, command: object) -> None:
    state = registered()
    ended = pilots.when(state, command, now=state.due_at + timedelta(milliseconds=after_))[0]
    assert isinstance(ended, TermEndedV1)
    assert ended.late is late


def test_a_term_is_reminded_of_at_each_rung_once_then_breached_once_and_nothing_else_happens() -> None:
    state, said = elapsed(registered())
    assert [type(fact) for fact in said] == [TermNearingV1, TermNearingV1, TermBreachedV1]
    first, second, breached = said
    assert isinstance(first, TermNearingV1) and isinstance(second, TermNearingV1)
    assert (first.rungs, second.rungs) == ((2,), (1,))
    assert (first.kind, first.due_at) == ("look-over", state.due_at)
    assert first.clock == Clock(
        due_at=state.due_at, nearing_at=minsk("2026-04-18T00:00:00"), alarm_at=minsk("2026-04-23T00:00:00")
    )
    assert breached == TermBreachedV1(actor=breached.actor, kind="look-over", due_at=state.due_at)
    assert (state.status, state.look_over.reminded, alarm_of(state)) == (Status.REGISTERED, (2, 1), None)


def test_rungs_that_were_missed_are_announced_together() -> None:
    state = registered()
    alarm, now = alarm_of(state), minsk("2026-04-23T12:00:00")
    assert alarm is not None
    [nearing] = pilots.when(state, Tick(alarm), now=now)
    assert isinstance(nearing, TermNearingV1)
    assert nearing.rungs == (2, 1)
    assert alarm_of(pilots.given(nearing, state=state)) == state.due_at


def test_a_timer_that_comes_after_the_end_tells_the_breach_alone() -> None:
    state = registered()
    alarm = alarm_of(state)
    assert alarm is not None
    [breached] = pilots.when(state, Tick(alarm), now=state.due_at)
    assert isinstance(breached, TermBreachedV1)
    assert alarm_of(pilots.given(breached, state=state)) is None


@pytest.mark.parametrize("name", [name for name, state in STATES.items() if state is None or alarm_of(state) is None])
def test_a_timer_that_comes_too_late_says_nothing(name: str) -> None:
    assert pilots.when(STATES[name], Tick(STATES["registered"].due_at)) == ()


def test_a_timer_for_another_moment_says_nothing() -> None:
    assert pilots.when(STATES["registered"], Tick(NOW)) == ()


def test_a_term_from_before_clocks_were_in_facts_is_breached_at_its_due_time() -> None:
    entered, started = pilots.when(None, submit())
    assert isinstance(started, TermStartedV1)
    old = started.model_copy(update={"clock": Clock()})
    state = pilots.given(entered, old)
    assert alarm_of(state) == started.due_at
    assert isinstance(pilots.when(state, Tick(started.due_at))[0], TermBreachedV1)


# ---- the time for changes


@pytest.mark.parametrize("name", ["returned", "negative", "returned by the expertise"])
def test_a_return_and_a_negative_conclusion_start_the_time_for_changes(name: str) -> None:
    state = STATES[name]
    assert (state.running.kind, state.running.ledger.term.budget) == ("fixing-remarks", 10)
    assert state.running.ledger.term.legal_effect is LegalEffect.LAPSE
    assert (state.due_at, state.clock.nearing_at) == (minsk("2026-05-05T00:00:00"), minsk("2026-04-26T00:00:00"))
    assert state.may_resubmit(state.due_at - timedelta(milliseconds=1))


@pytest.mark.parametrize("name", ["returned", "returned by the expertise"])
def test_what_was_returned_and_does_not_come_again_in_time_lapses(name: str) -> None:
    state, said = elapsed(STATES[name])
    assert [type(fact) for fact in said] == [TermNearingV1, TermNearingV1, TermEndedV1, ApplicationLapsedV1]
    ended, lapsed = said[2:]
    assert isinstance(ended, TermEndedV1)
    assert (ended.kind, ended.ended, ended.late) == ("fixing-remarks", STATES[name].due_at, True)
    assert lapsed == ApplicationLapsedV1(actor=lapsed.actor, agency=CODE, number="ПП-2026-000123")
    assert (state.status, state.running, alarm_of(state)) == (Status.LAPSED, None, None)


def test_a_conclusion_stands_when_the_time_for_changes_is_over() -> None:
    state, said = elapsed(STATES["negative"])
    assert [type(fact) for fact in said] == [TermNearingV1, TermNearingV1, TermEndedV1]
    assert (state.status, state.running, state.conclusion.number) == (Status.CONCLUDED, None, "ЗЭ-2026-0001")
    assert not state.may_resubmit(NOW)


def changed(**changes: Any) -> Given:
    """A rule book whose time for changes is another."""
    edition = BOOK.edition("by-2024")
    rule = edition.terms[TermKind.FIXING_REMARKS].model_copy(update=changes)
    other = edition.model_copy(update={"terms": {**edition.terms, TermKind.FIXING_REMARKS: rule}})
    return Given(RuleBook((other,)), ENTRY, "N-1")


def test_where_the_edition_says_alarm_a_return_is_breached_and_may_still_come_again() -> None:
    alarm = changed(legal_effect=LegalEffect.ALARM, reminders=())
    state = after(submit(), ApplicationReturn(reasons=REASONS), given=alarm)
    assert alarm_of(state) == state.due_at
    [breached] = pilots.when(state, Tick(state.due_at), given=alarm)
    assert breached == TermBreachedV1(actor=breached.actor, kind="fixing-remarks", due_at=state.due_at)
    late = pilots.given(breached, state=state)
    ended, again, _ = pilots.when(late, resubmit(), given=alarm, now=state.due_at)
    assert isinstance(ended, TermEndedV1) and ended.late
    assert isinstance(again, ResubmissionRegisteredV1)


def test_a_ladder_that_is_another_now_sets_the_clock_right_and_does_not_spin() -> None:
    state = STATES["returned"]
    alarm = alarm_of(state)
    assert alarm is not None
    [counted] = pilots.when(state, Tick(alarm), now=alarm, given=changed(reminders=(2,)))
    assert isinstance(counted, TermRecalendaredV1)
    assert (counted.version_before, counted.due_before) == (counted.version, counted.due_at)
    assert alarm_of(pilots.given(counted, state=state)) == minsk("2026-04-30T00:00:00")


# ---- calendars


def by_another_calendar(state: Any) -> Any:
    """The state as a process with an older calendar left it."""
    old = recalendared(state.running.ledger, "BY", "BY-2020")
    early = state.clock.model_copy(update={"due_at": NOW, "alarm_at": None if old.breached else NOW})
    counted = CountedTerm(ledger=old, clock=early)
    return state.model_copy(update={"terms": tuple(counted if one.open else one for one in state.terms)})


@pytest.mark.parametrize("name", ["registered", "returned", "negative"])
def test_a_term_is_counted_anew_by_another_calendar_and_says_both_dates(name: str) -> None:
    state = by_another_calendar(STATES[name])
    assert state.calendars == ("BY-2020",)
    [counted] = pilots.when(state, Recalendar())
    assert isinstance(counted, TermRecalendaredV1)
    assert (counted.calendar, counted.version_before, counted.version) == ("BY", "BY-2020", BY.version)
    assert (counted.due_before, counted.due_at) == (NOW, STATES[name].due_at)
    assert pilots.given(counted, state=state) == STATES[name]


@pytest.mark.parametrize("name", sorted(STATES))
def test_what_is_counted_by_the_present_calendar_is_left_alone(name: str) -> None:
    assert pilots.when(STATES[name], Recalendar()) == ()


def test_a_timer_set_by_an_older_calendar_counts_anew_before_it_says_anything() -> None:
    state = by_another_calendar(STATES["registered"])
    [counted] = pilots.when(state, Tick(NOW))
    assert isinstance(counted, TermRecalendaredV1)
    assert alarm_of(pilots.given(counted, state=state)) == alarm_of(STATES["registered"])
    late = STATES["registered"].due_at
    counted, breached = pilots.when(state, Tick(NOW), now=late)
    assert isinstance(counted, TermRecalendaredV1) and isinstance(breached, TermBreachedV1)
    assert breached.due_at == late


def test_a_breach_that_is_none_any_more_is_forgotten_and_announced_anew() -> None:
    state = by_another_calendar(STATES["breached"])
    assert alarm_of(state) is None
    again = after(Recalendar(), state=state)
    assert not again.look_over.breached
    assert alarm_of(again) == STATES["breached"].due_at
    kept = after(Recalendar(), state=state, now=STATES["breached"].due_at)
    assert kept.look_over.breached and alarm_of(kept) is None
