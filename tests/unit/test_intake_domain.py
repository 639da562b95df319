"""Intake's two aggregates: every command in every state, the terms, the way back and forth, and totality."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.event import Actor, Fact
from contracts.expertise import Closure, RequestOutcome, TermExtendedV1
from contracts.intake import (
    INTAKE,
    AgencyEnteredV1,
    ApplicationAcceptedV1,
    ApplicationLapsedV1,
    ApplicationRegisteredV1,
    ApplicationReturnedV1,
    ApplicationStoppedV1,
    ClarificationRegisteredV1,
    ConclusionAnnulmentForwardedV1,
    ConclusionForwardedV1,
    EventRefusedV1,
    ExpertiseClosedV1,
    InformationRequestClosedV1,
    InformationRequestForwardedV1,
    ResubmissionRegisteredV1,
    SubmissionRefusedV1,
    TermBreachedV1,
    TermEndedV1,
    TermNearingV1,
    TermRecalendaredV1,
    TermStartedV1,
    WithdrawalRegisteredV1,
)
from contracts.reference import Clock, LegalEffect, Met, ReturnReason, TermKind, TermUnit, Verdict
from contracts.rules import RuleBook
from contracts.steps import AgencyEntry, ApplicationReturn, EditionFrom
from services.intake.domain import agency
from services.intake.domain import state as pilot
from services.intake.domain.agency import Given
from services.intake.domain.commands import Accept, Forward, Later, Recalendar, Refuse, Tick
from services.intake.domain.evolve import OUTCOMES_KEPT, PROBLEMS_KEPT, due
from services.intake.domain.later import NotTheirs, UnknownAgency
from services.intake.domain.state import FINAL, Pilot, Status
from services.intake.service import SERVICE
from services.law.decision import Refusal
from services.law.ledger import recalendared
from services.law.terms import CountedTerm
from tests.calendars import BY, CALENDARS
from tests.unit.intake_story import (
    BASIS,
    CODE,
    DECIDED,
    ENDS,
    ENTRY,
    ITEMS,
    OFFICER,
    PROBLEM,
    REASONS,
    REMARKS,
    STATES,
    STOP,
    after,
    annulled,
    clarify,
    closed,
    concluded,
    elapsed,
    minsk,
    pilots,
    request_closed,
    requested,
    resubmit,
    submit,
    withdraw,
)
from tests.unit.story import APPLICATION, BOOK, NOW, SOMEBODY, SUBJECT, Story, made
from tests.unit.wording import says

agencies = Story(SERVICE.aggregates["agency"], Given(BOOK), agency.subject_of(CODE))
closed_states = pytest.mark.parametrize(
    "name", [name for name, state in STATES.items() if state is None or state.status is not Status.REGISTERED]
)
open_states = pytest.mark.parametrize("name", ["registered", "breached", "resubmitted"])
known_states = pytest.mark.parametrize("name", [name for name in STATES if name != "none"])


def registered(received: datetime = NOW) -> Any:
    return after(submit(time=received), now=received)


# ---- submitting


@pytest.mark.parametrize("version", [1, 2])
def test_a_valid_submission_is_registered_and_its_term_starts(version: int) -> None:
    command = submit(version)
    entered, started = pilots.when(None, command)
    assert isinstance(entered, ApplicationRegisteredV1)
    assert isinstance(started, TermStartedV1)
    assert entered.event_type == f"pilots.agency.application-submitted.v{version}"
    assert (entered.agency, entered.event_id, entered.edition) == (CODE, "a-1", "by-2024")
    assert (entered.number, entered.submitted, entered.received) == ("ПП-2026-000123", NOW, NOW)
    assert entered.application.title == command.event["data"]["title"]


def test_version_1_is_registered_with_its_total_as_one_line_of_an_unspecified_source() -> None:
    entered, _ = pilots.when(None, submit(1))
    assert isinstance(entered, ApplicationRegisteredV1)
    [line] = entered.application.costs
    assert (line.source, line.year, line.amount_minor, line.currency) == ("unspecified", None, 12500000, "BYN")


def test_a_contact_person_enters_the_fact_as_an_opaque_id_only() -> None:
    with_contact, _ = pilots.when(None, submit())
    without, _ = pilots.when(None, submit(contact=None))
    assert isinstance(with_contact, ApplicationRegisteredV1)
    assert isinstance(without, ApplicationRegisteredV1)
    assert with_contact.contact_person_id == pilot.person_id(SUBJECT)
    assert without.contact_person_id is None
    assert "Примеровна" not in with_contact.model_dump_json()


def test_an_invalid_submission_is_refused_with_all_that_is_wrong() -> None:
    [refused] = pilots.when(None, submit(sector="space", title=None))
    assert isinstance(refused, SubmissionRefusedV1)
    assert [p.pointer for p in refused.problems] == ["/data/title", "/data/sector"]
    assert (refused.agency, refused.event_id, refused.edition) == (CODE, "a-1", "by-2024")


def test_an_agency_that_is_not_in_the_directory_waits_for_a_hand_and_decides_nothing() -> None:
    with pytest.raises(UnknownAgency):
        pilots.when(None, submit(), given=Given(BOOK, None, None))


@known_states
def test_a_submission_that_is_known_already_changes_nothing(name: str) -> None:
    assert pilots.when(STATES[name], submit(title="Другое")) == ()


@known_states
def test_a_refusal_on_reading_changes_nothing_where_something_is_known(name: str) -> None:
    assert pilots.when(STATES[name], Refuse(CODE, "a-1", (PROBLEM,))) == ()


def test_what_cannot_be_read_is_refused_without_asking_the_directory() -> None:
    [refused] = pilots.when(None, Refuse(CODE, "kafka:x/0/1", (PROBLEM,)), given=Given(BOOK))
    assert refused == SubmissionRefusedV1(
        actor=refused.actor, agency=CODE, event_id="kafka:x/0/1", received=NOW, problems=(PROBLEM,)
    )


# ---- which edition


def entry(*editions: tuple[str, date]) -> agency.Agency:
    return ENTRY.model_copy(
        update={"editions": tuple(EditionFrom(edition=name, since=since) for name, since in editions)}
    )


TWO = BOOK.edition("by-2024").model_copy(update={"id": "by-2027"})
TWO_EDITIONS = RuleBook((*BOOK.values(), TWO))
SUCCESSION = entry(("by-2024", date(2024, 3, 30)), ("by-2027", date(2026, 4, 16)))


@pytest.mark.parametrize(
    ("sent", "edition"),
    [
        ("2026-04-15T23:59:59", "by-2024"),
        ("2026-04-16T00:00:00", "by-2027"),
        ("2024-03-30T00:00:00", "by-2024"),
    ],
)
def test_the_edition_is_that_of_the_application_day_in_the_zone_of_the_edition(sent: str, edition: str) -> None:
    fact, _ = pilots.when(None, submit(time=minsk(sent)), given=Given(TWO_EDITIONS, SUCCESSION, "N-1"))
    assert isinstance(fact, ApplicationRegisteredV1)
    assert fact.edition == edition


def test_an_application_from_before_the_first_edition_is_refused() -> None:
    command = submit(time=minsk("2024-03-29T23:59:59"))
    [refused] = pilots.when(None, command, given=Given(TWO_EDITIONS, SUCCESSION, None))
    assert isinstance(refused, SubmissionRefusedV1)
    assert refused.edition is None
    assert [(p.pointer, p.rule) for p in refused.problems] == [("/time", "edition.none")]


def test_a_pilot_keeps_the_edition_of_its_application_when_its_agency_gets_another() -> None:
    state = registered()
    assert state.edition == "by-2024"
    later = Given(BOOK, entry(("demo-us", date(2026, 1, 1))), None)
    refusal = pilots.refused(state, ApplicationReturn(reasons=(ReturnReason(code="withheld"),)), given=later)
    assert refusal.code == "reasons.invalid"
    pilots.when(state, ApplicationReturn(reasons=(ReturnReason(code="documents-missing"),)), given=later)


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
    assert due(STATES["registered"]) == minsk("2026-04-18T00:00:00")
    assert STATES["registered"].due_at == minsk("2026-04-24T00:00:00")
    running = {name for name, state in STATES.items() if state is not None and due(state) is not None}
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
    assert (state.status, state.look_over.reminded, due(state)) == (Status.REGISTERED, (2, 1), None)


def test_rungs_that_were_missed_are_announced_together() -> None:
    state = registered()
    alarm, now = due(state), minsk("2026-04-23T12:00:00")
    assert alarm is not None
    [nearing] = pilots.when(state, Tick(alarm), now=now)
    assert isinstance(nearing, TermNearingV1)
    assert nearing.rungs == (2, 1)
    assert due(pilots.given(nearing, state=state)) == state.due_at


def test_a_timer_that_comes_after_the_end_tells_the_breach_alone() -> None:
    state = registered()
    alarm = due(state)
    assert alarm is not None
    [breached] = pilots.when(state, Tick(alarm), now=state.due_at)
    assert isinstance(breached, TermBreachedV1)
    assert due(pilots.given(breached, state=state)) is None


@pytest.mark.parametrize("name", [name for name, state in STATES.items() if state is None or due(state) is None])
def test_a_timer_that_comes_too_late_says_nothing(name: str) -> None:
    assert pilots.when(STATES[name], Tick(STATES["registered"].due_at)) == ()


def test_a_timer_for_another_moment_says_nothing() -> None:
    assert pilots.when(STATES["registered"], Tick(NOW)) == ()


def test_a_term_from_before_clocks_were_in_facts_is_breached_at_its_due_time() -> None:
    entered, started = pilots.when(None, submit())
    assert isinstance(started, TermStartedV1)
    old = started.model_copy(update={"clock": Clock()})
    state = pilots.given(entered, old)
    assert due(state) == started.due_at
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
    assert (state.status, state.running, due(state)) == (Status.LAPSED, None, None)


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
    assert due(state) == state.due_at
    [breached] = pilots.when(state, Tick(state.due_at), given=alarm)
    assert breached == TermBreachedV1(actor=breached.actor, kind="fixing-remarks", due_at=state.due_at)
    late = pilots.given(breached, state=state)
    ended, again, _ = pilots.when(late, resubmit(), given=alarm, now=state.due_at)
    assert isinstance(ended, TermEndedV1) and ended.late
    assert isinstance(again, ResubmissionRegisteredV1)


def test_a_ladder_that_is_another_now_sets_the_clock_right_and_does_not_spin() -> None:
    state = STATES["returned"]
    alarm = due(state)
    assert alarm is not None
    [counted] = pilots.when(state, Tick(alarm), now=alarm, given=changed(reminders=(2,)))
    assert isinstance(counted, TermRecalendaredV1)
    assert (counted.version_before, counted.due_before) == (counted.version, counted.due_at)
    assert due(pilots.given(counted, state=state)) == minsk("2026-04-30T00:00:00")


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
    assert due(pilots.given(counted, state=state)) == due(STATES["registered"])
    late = STATES["registered"].due_at
    counted, breached = pilots.when(state, Tick(NOW), now=late)
    assert isinstance(counted, TermRecalendaredV1) and isinstance(breached, TermBreachedV1)
    assert breached.due_at == late


def test_a_breach_that_is_none_any_more_is_forgotten_and_announced_anew() -> None:
    state = by_another_calendar(STATES["breached"])
    assert due(state) is None
    again = after(Recalendar(), state=state)
    assert not again.look_over.breached
    assert due(again) == STATES["breached"].due_at
    kept = after(Recalendar(), state=state, now=STATES["breached"].due_at)
    assert kept.look_over.breached and due(kept) is None


# ---- accepting and returning


@open_states
def test_an_open_application_can_be_accepted_and_carries_itself_to_expertise(name: str) -> None:
    ended, accepted = pilots.when(STATES[name], Accept(), actor=OFFICER)
    assert isinstance(ended, TermEndedV1)
    assert accepted == ApplicationAcceptedV1(
        actor=OFFICER,
        agency=CODE,
        number="ПП-2026-000123",
        edition="by-2024",
        application=STATES["registered"].application,
        submission=2 if name == "resubmitted" else 1,
    )
    state = pilots.given(ended, accepted, state=STATES[name])
    assert (state.status, state.decided, state.due_at) == (Status.ACCEPTED, NOW, None)


@open_states
def test_an_open_application_can_be_returned_with_coded_reasons(name: str) -> None:
    ended, returned, started = pilots.when(STATES[name], ApplicationReturn(reasons=REASONS), actor=OFFICER)
    assert isinstance(ended, TermEndedV1)
    assert isinstance(started, TermStartedV1)
    assert returned == ApplicationReturnedV1(
        actor=OFFICER, agency=CODE, number="ПП-2026-000123", reasons=REASONS, due_at=started.due_at
    )
    state = pilots.given(ended, returned, started, state=STATES[name])
    assert (state.status, state.reasons, state.due_at) == (Status.RETURNED, REASONS, started.due_at)


@closed_states
@pytest.mark.parametrize("command", [Accept(), ApplicationReturn(reasons=REASONS)])
def test_what_is_not_open_can_be_neither_accepted_nor_returned(name: str, command: object) -> None:
    refusal = pilots.refused(STATES[name], command)
    assert (refusal.code, refusal.status) == ("application.not-open", 409)


def test_a_return_without_reasons_is_refused() -> None:
    refusal = pilots.refused(STATES["registered"], ApplicationReturn(reasons=()))
    assert (refusal.code, refusal.status, refusal.problems) == ("reasons.invalid", 422, ())


def test_every_unknown_reason_of_a_return_is_named() -> None:
    reasons = (ReturnReason(code="mood"), ReturnReason(code="other"), ReturnReason(code="withheld"))
    refusal = pilots.refused(STATES["registered"], ApplicationReturn(reasons=reasons))
    assert (refusal.code, refusal.status) == ("reasons.invalid", 422)
    assert [(p.pointer, p.rule) for p in refusal.problems] == [
        ("/reasons/0/code", "reason.unknown"),
        ("/reasons/2/code", "reason.unknown"),
    ]
    assert all(says(p, "documents-missing") for p in refusal.problems)


@pytest.mark.parametrize("code", BOOK.edition("by-2024").return_reasons.codes)
def test_every_reason_of_the_edition_can_be_given(code: str) -> None:
    _, returned, _ = pilots.when(STATES["registered"], ApplicationReturn(reasons=(ReturnReason(code=code),)))
    assert isinstance(returned, ApplicationReturnedV1)
    assert [reason.code for reason in returned.reasons] == [code]


# ---- stopping and withdrawing

alive = pytest.mark.parametrize("name", [n for n in STATES if n != "none" and n not in (*ENDS, *DECIDED)])
ended_states = pytest.mark.parametrize("name", ENDS)


@alive
def test_an_officer_stops_the_procedure_wherever_it_stands_on_a_document(name: str) -> None:
    *before, stopped = pilots.when(STATES[name], STOP, actor=OFFICER)
    assert [type(fact) for fact in before] == ([TermEndedV1] if STATES[name].running else [])
    assert stopped == ApplicationStoppedV1(
        actor=OFFICER, agency=CODE, number="ПП-2026-000123", reason=STOP.reason, basis=BASIS
    )
    state = pilots.given(*before, stopped, state=STATES[name])
    assert (state.status, due(state), state.open_requests) == (Status.STOPPED, None, ())


@pytest.mark.parametrize("name", ["none", *ENDS])
def test_what_has_ended_cannot_be_stopped(name: str) -> None:
    refusal = pilots.refused(STATES[name], STOP)
    assert (refusal.code, refusal.status) == ("application.not-open", 409)


@alive
def test_the_applicant_takes_the_application_back_before_its_end(name: str) -> None:
    *before, withdrawn = pilots.when(STATES[name], withdraw())
    assert [type(fact) for fact in before] == ([TermEndedV1] if STATES[name].running else [])
    assert withdrawn == WithdrawalRegisteredV1(
        actor=withdrawn.actor,
        agency=CODE,
        number="ПП-2026-000123",
        event_id="a-4",
        received=NOW,
        reason="Проект закрыт.",
    )
    state = pilots.given(*before, withdrawn, state=STATES[name])
    assert (state.status, state.told("a-4").outcome, due(state)) == (Status.WITHDRAWN, "withdrawn", None)


# ---- coming again


@pytest.mark.parametrize("name", ["returned", "negative", "returned by the expertise"])
def test_a_returned_or_negatively_concluded_application_comes_again_and_is_looked_over_anew(name: str) -> None:
    state, later = STATES[name], NOW + timedelta(days=3)
    ended, again, started = pilots.when(state, resubmit(title="Иначе"), now=later)
    assert ended == TermEndedV1(actor=ended.actor, kind="fixing-remarks", ended=later, late=False)
    assert isinstance(again, ResubmissionRegisteredV1) and isinstance(started, TermStartedV1)
    assert (again.submission, again.event_id, again.number) == (2, "a-2", "ПП-2026-000123")
    assert (again.submitted, again.received, again.look_over_due_at) == (NOW, later, started.due_at)
    assert (again.application.title, started.term.kind, started.term.started) == ("Иначе", "look-over", later)
    after_ = pilots.given(ended, again, started, state=state)
    assert (after_.status, after_.submission, after_.application.title) == (Status.REGISTERED, 2, "Иначе")
    assert (after_.received, after_.resubmitted, after_.reasons, after_.decided) == (NOW, later, (), None)
    assert (after_.due_at, after_.told("a-2").outcome) == (started.due_at, "resubmitted")


def test_what_was_met_goes_to_the_expertise_with_the_acceptance() -> None:
    met = [{"place": 2, "text": "Мера указана."}, {"place": 1, "text": "Расчёт приложен."}]
    state = after(resubmit(met=met), state=STATES["negative"])
    _, accepted = pilots.when(state, Accept())
    assert isinstance(accepted, ApplicationAcceptedV1)
    assert accepted.met == tuple(Met(**one) for one in met)
    assert accepted.submission == 2


def test_an_application_can_come_again_and_again_and_keeps_its_edition() -> None:
    state, moved = STATES["registered"], Given(BOOK, None, None)
    for turn in range(2, 6):
        state = after(ApplicationReturn(reasons=REASONS), resubmit(f"a-{turn}"), state=state, given=moved)
        assert (state.submission, state.status, state.edition) == (turn, Status.REGISTERED, "by-2024")


def test_a_contact_person_of_a_resubmission_has_an_id_of_its_own_and_the_first_ones_stays() -> None:
    _, again, _ = pilots.when(STATES["returned"], resubmit())
    assert isinstance(again, ResubmissionRegisteredV1)
    assert again.contact_person_id == pilot.person_id(SUBJECT, "a-2") != pilot.person_id(SUBJECT)
    assert "Примеровна" not in again.model_dump_json()
    bare = after(resubmit(contact=None), state=STATES["returned"])
    assert bare.contact_person_id == pilot.person_id(SUBJECT)


@pytest.mark.parametrize("after_", [-1, 0])
@pytest.mark.parametrize("name", ["returned", "negative"])
def test_the_time_for_changes_ends_with_its_last_instant_also_before_its_timer_fires(name: str, after_: int) -> None:
    state = STATES[name]
    facts = pilots.when(state, resubmit(), now=state.due_at + timedelta(milliseconds=after_))
    assert isinstance(facts[0], EventRefusedV1) is (after_ == 0)


# ---- what the expertise asks, and the answers


def test_a_request_is_passed_on_with_its_items_and_stays_open() -> None:
    [forwarded] = pilots.when(STATES["accepted"], requested())
    assert isinstance(forwarded, InformationRequestForwardedV1)
    assert (forwarded.request, forwarded.items, forwarded.due_at) == ("r-1", ITEMS, NOW + timedelta(days=14))
    [request] = STATES["asked"].open_requests
    assert (request.id, request.open_items) == ("r-1", ("why", "costs", "end"))


def test_answers_are_taken_item_by_item_and_change_those_fields_alone() -> None:
    costs = [{"source": "own-money", "year": 2027, "amount_minor": 5, "currency": "BYN"}]
    [first] = pilots.when(STATES["asked"], clarify(("costs", "Меньше.", costs)))
    assert isinstance(first, ClarificationRegisteredV1)
    assert (first.event_id, first.request, first.open_items) == ("a-3", "r-1", ("why", "end"))
    before = STATES["asked"].application
    assert [line.amount_minor for line in first.application.costs] == [5]
    assert first.application.model_copy(update={"costs": before.costs}) == before
    state = pilots.given(first, state=STATES["asked"])
    assert (state.request("r-1").outcome, state.told("a-3").outcome) == (None, "answers-taken")
    [last] = pilots.when(state, clarify(("end", "Раньше.", "2027-01-31"), ("why", "Так вышло."), id_="a-5"))
    assert isinstance(last, ClarificationRegisteredV1)
    assert (last.open_items, last.application.planned_end) == ((), date(2027, 1, 31))
    done = pilots.given(last, state=state)
    assert (done.request("r-1").outcome, done.open_requests) == ("answered", ())
    assert done.application.costs == first.application.costs


def test_an_answer_in_words_leaves_its_field_as_it_was() -> None:
    [taken] = pilots.when(STATES["asked"], clarify(("costs", "Всё верно.")))
    assert isinstance(taken, ClarificationRegisteredV1)
    assert taken.application == STATES["asked"].application


def test_nothing_that_the_contract_does_not_know_gets_into_a_fact_by_an_answer() -> None:
    line = {"source": "own-money", "amount_minor": 5, "currency": "BYN", "signed": "Образцова Примеровна"}
    [taken] = pilots.when(STATES["asked"], clarify(("costs", "Меньше.", [line])))
    assert "Примеровна" not in taken.model_dump_json()
    assert isinstance(taken, ClarificationRegisteredV1)
    assert taken.answers[0].value == [{"source": "own-money", "year": None, "amount_minor": 5, "currency": "BYN"}]


@pytest.mark.parametrize("outcome", list(RequestOutcome))
def test_a_request_that_is_closed_is_told_once(outcome: RequestOutcome) -> None:
    [told] = pilots.when(STATES["asked"], request_closed(outcome))
    assert told == InformationRequestClosedV1(
        actor=told.actor, agency=CODE, number="ПП-2026-000123", request="r-1", outcome=outcome.value
    )
    state = pilots.given(told, state=STATES["asked"])
    assert (state.open_requests, state.request("r-1").items) == ((), ())
    assert pilots.when(state, request_closed(outcome)) == ()
    assert pilots.when(state, requested()) == (), "a request is not opened again"


def test_the_last_answer_closes_a_request_here_and_the_expertise_need_not_repeat_it_unless_it_came_too_late() -> None:
    state = after(clarify(("why", "а"), ("costs", "б"), ("end", "в")), state=STATES["asked"])
    assert pilots.when(state, request_closed(RequestOutcome.ANSWERED)) == ()
    [told] = pilots.when(state, request_closed(RequestOutcome.EXPIRED))
    assert isinstance(told, InformationRequestClosedV1)


def test_a_request_that_was_never_passed_on_is_not_closed() -> None:
    assert pilots.when(STATES["accepted"], request_closed(RequestOutcome.EXPIRED)) == ()


@pytest.mark.parametrize("command", [withdraw(), STOP, closed(Closure.RETURNED), closed(Closure.REFUSED)])
def test_what_ends_a_review_leaves_no_request_open(command: object) -> None:
    state = after(command, state=STATES["asked"])
    assert (state.open_requests, state.request("r-1").outcome) == ((), "closed")


# ---- conclusions


@pytest.mark.parametrize(
    ("verdict", "left", "may"),
    [
        (Verdict.NEGATIVE, 1, True),
        (Verdict.NEGATIVE, 0, False),
        (Verdict.POSITIVE, 1, False),
        (Verdict.POSITIVE_WITH_REMARKS, 1, False),
    ],
)
def test_a_conclusion_is_passed_on_and_with_a_round_left_a_negative_one_may_be_answered(
    verdict: Verdict, left: int, may: bool
) -> None:
    told, *started = pilots.when(STATES["accepted"], concluded(verdict, left=left))
    assert isinstance(told, ConclusionForwardedV1)
    assert (told.conclusion_number, told.verdict, told.remarks) == ("ЗЭ-2026-0001", verdict, REMARKS)
    assert told.may_resubmit is may
    assert [type(fact) for fact in started] == ([TermStartedV1] if may else [])
    state = pilots.given(told, *started, state=STATES["accepted"])
    assert (state.status, state.conclusion.verdict, state.may_resubmit(NOW)) == (Status.CONCLUDED, verdict, may)


def test_an_annulled_conclusion_ends_the_time_for_changes_and_the_application_is_in_expertise_again() -> None:
    ended, told = pilots.when(STATES["negative"], annulled())
    assert isinstance(ended, TermEndedV1) and isinstance(told, ConclusionAnnulmentForwardedV1)
    state = STATES["annulled"]
    assert (state.status, state.conclusion, due(state)) == (Status.ACCEPTED, None, None)
    assert not state.may_resubmit(NOW)
    assert after(requested(), state=state).open_requests, "it can be asked about again"


@pytest.mark.parametrize("name", ["accepted", "negative", "positive"])
def test_an_annulment_of_another_conclusion_moves_nothing(name: str) -> None:
    assert pilots.when(STATES[name], annulled("ЗЭ-2025-0099")) == ()


def test_an_amended_conclusion_takes_the_place_of_the_one_before_it() -> None:
    ended, told = pilots.when(STATES["negative"], concluded(Verdict.POSITIVE, number="ЗЭ-2026-0009"))
    assert isinstance(ended, TermEndedV1) and isinstance(told, ConclusionForwardedV1)
    state = pilots.given(ended, told, state=STATES["negative"])
    assert (state.conclusion.number, state.may_resubmit(NOW), due(state)) == ("ЗЭ-2026-0009", False, None)


def test_an_amended_conclusion_that_is_negative_gives_the_whole_time_for_changes_anew() -> None:
    later = NOW + timedelta(days=5)
    facts = pilots.when(STATES["negative"], concluded(number="ЗЭ-2026-0009"), now=later)
    assert [type(fact) for fact in facts] == [TermEndedV1, ConclusionForwardedV1, TermStartedV1]
    assert pilots.given(*facts, state=STATES["negative"]).fixing.term.started == later


def test_what_the_expertise_says_of_an_older_submission_moves_nothing_when_the_newer_one_is_accepted_already() -> None:
    state = STATES["accepted"].model_copy(update={"submission": 2})
    (told,) = pilots.when(state, concluded())
    assert isinstance(told, ConclusionForwardedV1)
    assert (told.may_resubmit, told.due_at) == (False, None)
    assert pilots.given(told, state=state).status is Status.ACCEPTED
    for fact in (requested(), closed(Closure.REFUSED), closed(Closure.RETURNED)):
        assert pilots.when(state, fact) == ()


def test_an_extended_request_is_told_with_its_new_due_time_and_what_is_left_to_answer() -> None:
    asked = pilots.given(*pilots.when(STATES["accepted"], requested()), state=STATES["accepted"])
    later = Clock(due_at=NOW + timedelta(days=30))
    extended = TermExtendedV1(actor=SOMEBODY, kind="clarification", at=NOW, days=5, why="Просят.", clock=later)
    (told,) = pilots.when(asked, Forward(extended))
    assert isinstance(told, InformationRequestForwardedV1)
    assert told.due_at == later.due_at
    after = pilots.given(told, state=asked)
    assert [one.due_at for one in after.requests] == [later.due_at], "moved, not doubled"
    assert pilots.when(after, Forward(extended)) == ()


@pytest.mark.parametrize("name", ["resubmitted", "returned"])
def test_a_conclusion_on_what_came_again_meanwhile_is_told_and_moves_nothing(name: str) -> None:
    [told] = pilots.when(STATES[name], concluded())
    assert isinstance(told, ConclusionForwardedV1) and not told.may_resubmit
    state = pilots.given(told, state=STATES[name])
    assert (state.status, due(state)) == (STATES[name].status, due(STATES[name]))


def test_a_review_that_is_closed_as_returned_lets_the_application_come_again() -> None:
    told, started = pilots.when(STATES["accepted"], closed(Closure.RETURNED))
    assert isinstance(told, ExpertiseClosedV1) and isinstance(started, TermStartedV1)
    assert (told.outcome, [r.code for r in told.reasons]) == ("returned", ["no-answer"])
    assert STATES["returned by the expertise"].status is Status.RETURNED


def test_a_review_that_is_closed_as_refused_is_the_end() -> None:
    [told] = pilots.when(STATES["accepted"], closed(Closure.REFUSED))
    assert isinstance(told, ExpertiseClosedV1)
    assert (told.outcome, STATES["refused by the expertise"].status) == ("refused", Status.REFUSED_IN_EXPERTISE)


@pytest.mark.parametrize("outcome", [Closure.WITHDRAWN, Closure.STOPPED, Closure.OVERTAKEN])
@pytest.mark.parametrize("name", sorted(STATES))
def test_what_was_ended_from_here_is_not_told_back(outcome: Closure, name: str) -> None:
    assert pilots.when(STATES[name], closed(outcome)) == ()


FOREIGN = (
    requested(),
    request_closed(RequestOutcome.EXPIRED),
    concluded(),
    annulled(),
    closed(Closure.RETURNED),
    closed(Closure.REFUSED),
)


@pytest.mark.parametrize("name", ["none", *ENDS])
@pytest.mark.parametrize("command", FOREIGN)
def test_what_the_expertise_does_after_the_end_moves_nothing(name: str, command: object) -> None:
    assert pilots.when(STATES[name], command) == ()


# ---- refused later events

LATER = (resubmit("l-1"), clarify(("why", "а"), id_="l-2"), withdraw("l-3"))


@ended_states
@pytest.mark.parametrize("command", LATER)
def test_after_the_end_every_later_event_is_refused_and_nothing_else_moves(name: str, command: Later) -> None:
    state = STATES[name]
    [refused] = pilots.when(state, command)
    assert isinstance(refused, EventRefusedV1)
    assert (refused.event_id, refused.event_type) == (command.event_id, command.event["type"])
    assert {p.rule for p in refused.problems} & {"application.not-open", "pilot.unknown"}
    after_ = pilots.given(refused, state=state)
    assert after_.model_copy(update={"events": ()}) == state.model_copy(update={"events": ()})
    assert after_.told(command.event_id).problems == refused.problems


def test_the_outcomes_of_many_later_events_are_kept_within_bounds() -> None:
    state = STATES["lapsed"]
    for turn in range(OUTCOMES_KEPT + 5):
        state = after(withdraw(f"w-{turn}"), state=state)
    assert len(state.events) == OUTCOMES_KEPT
    assert (state.told("w-4"), state.told("w-5").outcome) == (None, "refused")
    assert sum(bool(one.problems) for one in state.events) == PROBLEMS_KEPT
    assert state.events[-1].problems


def test_an_event_about_no_pilot_of_the_agency_is_refused_as_a_subject_of_its_own() -> None:
    command = withdraw(subject="0b6c2ecb-7a8b-5c1e-9a52-000000000000")
    own = Story(SERVICE.aggregates["pilot"], Given(BOOK, ENTRY))
    [refused] = own.aggregate.decide(None, command, at_own_subject(command))
    assert isinstance(refused, SubmissionRefusedV1)
    assert [(p.pointer, p.rule, p.action) for p in refused.problems] == [("/subject", "pilot.unknown", "retry")]
    state = own.given(refused)
    assert own.aggregate.decide(state, command, at_own_subject(command)) == ()


def at_own_subject(command: Later, given: Given | None = None) -> Any:
    from services.law.decision import Context

    own = pilot.pilot_id(command.agency, command.event_id)
    return Context(NOW, own, Actor(id="agency:vedomstvo", role="publisher"), given or Given(BOOK, ENTRY), CALENDARS)


def test_a_later_event_of_an_agency_that_is_not_in_the_directory_waits_for_a_hand() -> None:
    command = withdraw()
    with pytest.raises(UnknownAgency):
        pilots.aggregate.decide(None, command, at_own_subject(command, Given(BOOK)))


def test_a_later_event_never_takes_the_place_of_an_application_that_is_not_decided_yet() -> None:
    with pytest.raises(NotTheirs):
        pilots.when(None, withdraw())


@known_states
@pytest.mark.parametrize("command", LATER)
def test_an_event_of_another_agency_never_moves_a_pilot_even_if_it_is_led_there(name: str, command: Later) -> None:
    foreign = Later("another", command.event_id, command.event)
    with pytest.raises(NotTheirs):
        pilots.when(STATES[name], foreign)


# ---- ids


def test_a_resend_is_about_the_same_pilot_and_another_agency_about_another() -> None:
    assert pilot.pilot_id("minzdrav", "a-1") == pilot.pilot_id("minzdrav", "a-1")
    assert len({pilot.pilot_id(a, i) for a in ("minzdrav", "mintrans") for i in ("a-1", "a-2")}) == 4


# ---- the directory


def enter(*editions: tuple[str, date], name: str = "Ведомство") -> AgencyEntry:
    return AgencyEntry(name=name, editions=entry(*editions).editions)


BOTH = (("demo-us", date(2026, 5, 1)), ("by-2024", date(2026, 1, 1)))


def test_an_agency_is_entered_with_its_editions_in_order_of_their_days() -> None:
    [entered] = agencies.when(None, enter(*BOTH))
    assert isinstance(entered, AgencyEnteredV1)
    assert [e.edition for e in entered.editions] == ["by-2024", "demo-us"]
    state = agencies.given(entered)
    assert (state.code, state.name, state.editions) == (CODE, "Ведомство", entered.editions)


def test_entering_the_same_again_in_any_order_changes_nothing() -> None:
    state = agencies.given(*agencies.when(None, enter(*BOTH)))
    assert agencies.when(state, enter(*reversed(BOTH))) == ()


def test_a_changed_entry_is_a_fact_that_replaces_the_old_one() -> None:
    state = agencies.given(*agencies.when(None, enter(*BOTH)))
    [entered] = agencies.when(state, enter(BOTH[1], name="Новое имя"))
    after = agencies.given(entered, state=state)
    assert (after.name, [e.edition for e in after.editions]) == ("Новое имя", ["by-2024"])


@pytest.mark.parametrize(
    ("editions", "code"),
    [
        ((), "edition.dates"),
        ((("by-2024", date(2026, 1, 1)), ("demo-us", date(2026, 1, 1))), "edition.dates"),
        ((("by-1999", date(2026, 1, 1)),), "edition.unknown"),
    ],
)
@pytest.mark.parametrize("state", [None, ENTRY])
def test_an_entry_needs_known_editions_one_for_each_day_at_most(editions: Any, code: str, state: Any) -> None:
    refusal = agencies.refused(state, enter(*editions))
    assert (refusal.code, refusal.status) == (code, 422)


def test_the_refusal_of_an_unknown_edition_names_it_and_those_that_there_are() -> None:
    refusal = agencies.refused(None, enter(("by-1999", date(2026, 1, 1))))
    assert "by-1999" in refusal.detail
    assert "by-2024" in refusal.detail


# ---- totality

any_fact = st.one_of([made(cls) for cls in INTAKE.classes.values()])


@given(st.lists(any_fact, max_size=6))
def test_every_fact_evolves_in_every_state_of_a_pilot(facts: list[Any]) -> None:
    state = pilots.given(*facts)
    assert state is None or due(state) in (None, state.due_at, state.clock.alarm_at)


@given(st.lists(any_fact, max_size=4))
def test_every_fact_evolves_in_every_state_of_an_agency(facts: list[Any]) -> None:
    agencies.given(*facts)


@given(st.sampled_from(sorted(STATES)), any_fact)
def test_every_fact_evolves_in_the_states_that_are_reached(name: str, fact: Any) -> None:
    state = pilots.given(fact, state=STATES[name])
    assert state is None or isinstance(state, Pilot)


TIMER = object()
"""Stands for whatever the timer of the state has to say."""
OFTEN = [
    TIMER,
    TIMER,
    Accept(),
    ApplicationReturn(reasons=REASONS),
    resubmit(),
    requested(),
    concluded(),
    closed(Closure.RETURNED),
]
SELDOM = [
    submit(),
    submit(sector="space"),
    Refuse(CODE, "a-1", (PROBLEM,)),
    ApplicationReturn(reasons=()),
    STOP,
    Tick(NOW),
    Recalendar(),
    resubmit("a-7", met=[{"place": 1, "text": "Да."}]),
    resubmit("a-8", sector="space"),
    clarify(("costs", "б", [])),
    clarify(("end", "в", "2027-02-01")),
    withdraw(),
    requested("r-2"),
    concluded(Verdict.POSITIVE),
    concluded(number="ЗЭ-2026-0002", left=0),
]
# What happens often stands here three times, so that a journey does not end at once.
steps = st.sampled_from([*OFTEN, clarify(("why", "а")), *OFTEN, *OFTEN, *SELDOM, *FOREIGN])
# A journey begins in any state that there is, so that a few random steps get far.
journeys = st.tuples(
    st.sampled_from(sorted(STATES)),
    st.lists(st.tuples(steps, st.sampled_from([0, 60, 24 * 60, 6 * 24 * 60])), min_size=10, max_size=25),
)


def travelled(journey: tuple[str, Sequence[tuple[Any, int]]]) -> list[tuple[Any, Sequence[Fact], Any]]:
    """Each step of a journey: the state before, the facts, the state after; minutes lie between the steps."""
    name, taken = journey
    state, now, path = STATES[name], NOW, []
    for command, minutes in taken:
        now += timedelta(minutes=minutes)
        if command is TIMER:
            alarm = None if state is None else due(state)
            if alarm is None:
                continue
            now = max(now, alarm)
            command = Tick(alarm)
        try:
            facts = pilots.when(state, command, now=now)
        except (Refusal, NotTheirs):
            continue
        before, state = state, pilots.given(*facts, state=state)
        if isinstance(command, Tick) and facts:
            assert due(state) != command.due, "a timer that fires moves on"
        path.append((before, facts, state))
    return path


@given(journeys)
def test_on_any_journey_a_state_is_sound_and_one_term_runs_at_a_time(journey: Any) -> None:
    for _, _, state in travelled(journey):
        if state is None:
            continue
        assert (state.status is Status.REFUSED) == (state.application is None)
        runs = [ledger for ledger in (state.look_over, state.fixing) if ledger is not None and ledger.ended is None]
        assert len(runs) == len(state.calendars) <= 1
        kind = runs[0].term.kind if runs else None
        assert (kind == "look-over") == (state.status is Status.REGISTERED)
        assert kind != "fixing-remarks" or state.status in (Status.RETURNED, Status.CONCLUDED)
        assert (state.due_at is not None) == bool(runs)
        assert not state.open_requests or state.status in (Status.ACCEPTED, Status.CONCLUDED)
        assert all(set(one.open_items) <= {item.id for item in one.items} for one in state.requests)


@given(journeys)
def test_on_any_journey_each_rung_and_each_breach_of_a_term_is_announced_once(journey: Any) -> None:
    began = STATES[journey[0]]
    ledger = began.running.ledger if began is not None and began.running is not None else None
    said: list[Any] = [] if ledger is None else [*ledger.reminded, *(["breach"] if ledger.breached else [])]
    for _, facts, _ in travelled(journey):
        for fact in facts:
            match fact:
                case TermStartedV1():
                    said = []
                case TermNearingV1():
                    assert not set(fact.rungs) & set(said) and "breach" not in said
                    said += fact.rungs
                case TermBreachedV1():
                    assert "breach" not in said
                    said.append("breach")


@given(journeys)
def test_on_any_journey_nothing_opens_again_after_the_end(journey: Any) -> None:
    for before, facts, state in travelled(journey):
        if before is not None and before.status in FINAL:
            assert all(isinstance(fact, EventRefusedV1) for fact in facts)
            assert (state.status, due(state), state.open_requests) == (before.status, None, ())


@given(journeys)
def test_on_any_journey_the_number_the_edition_and_the_first_arrival_stay_and_submissions_count_up(
    journey: Any,
) -> None:
    for before, facts, state in travelled(journey):
        if before is None:
            continue
        first = (before.number, before.edition, before.received, before.event_id, before.agency)
        assert (state.number, state.edition, state.received, state.event_id, state.agency) == first
        again = sum(isinstance(fact, ResubmissionRegisteredV1) for fact in facts)
        assert state.submission == before.submission + again


def test_the_application_in_tests_is_one_that_facts_can_carry() -> None:
    assert type(APPLICATION).model_validate_json(APPLICATION.model_dump_json()) == APPLICATION
