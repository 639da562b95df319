"""Intake's two aggregates: every command in every state, the terms, the way back and forth, and totality."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.event import Actor, Fact
from contracts.expertise import Closure
from contracts.intake import (
    INTAKE,
    AgencyEnteredV1,
    ApplicationAcceptedV1,
    ApplicationRegisteredV1,
    ApplicationReturnedV1,
    ApplicationStoppedV1,
    ContactErasedV1,
    EventRefusedV1,
    ResubmissionRegisteredV1,
    SubmissionRefusedV1,
    TermBreachedV1,
    TermEndedV1,
    TermNearingV1,
    TermStartedV1,
    WithdrawalRegisteredV1,
)
from contracts.reference import Met, ReturnReason, Verdict
from contracts.rules import RuleBook
from contracts.steps import AgencyEntry, ApplicationReturn
from deploy.samples.common import APPLICATION, BOOK, NOW, SUBJECT
from services.intake.domain import agency
from services.intake.domain import state as pilot
from services.intake.domain.agency import Given
from services.intake.domain.commands import Accept, Recalendar, Refuse, Tick
from services.intake.domain.evolve import due
from services.intake.domain.later import NotTheirs, UnknownAgency
from services.intake.domain.state import FINAL, Pilot, Status
from services.intake.service import SERVICE
from services.law.decision import Refusal
from tests.kit.common import Story, made, minsk
from tests.kit.intake.story import (
    BASIS,
    CODE,
    DECIDED,
    ENDS,
    ENTRY,
    FOREIGN,
    OFFICER,
    PROBLEM,
    REASONS,
    STATES,
    STOP,
    after,
    clarify,
    closed,
    closed_states,
    concluded,
    entry,
    known_states,
    open_states,
    pilots,
    registered,
    requested,
    resubmit,
    submit,
    withdraw,
)
from tests.kit.wording import says

agencies = Story(SERVICE.aggregates["agency"], Given(BOOK), agency.subject_of(CODE))


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
    assert pilots.when(STATES[name], Refuse(agency=CODE, event_id="a-1", problems=(PROBLEM,))) == ()


def test_what_cannot_be_read_is_refused_without_asking_the_directory() -> None:
    [refused] = pilots.when(None, Refuse(agency=CODE, event_id="kafka:x/0/1", problems=(PROBLEM,)), given=Given(BOOK))
    assert refused == SubmissionRefusedV1(
        actor=refused.actor, agency=CODE, event_id="kafka:x/0/1", received=NOW, problems=(PROBLEM,)
    )


# ---- which edition


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


@alive
def test_an_officer_stops_the_procedure_wherever_it_stands_on_a_document(name: str) -> None:
    *before, stopped = pilots.when(STATES[name], STOP, actor=OFFICER)
    assert [type(fact) for fact in before] == ([TermEndedV1] if STATES[name].running else [])
    assert stopped == ApplicationStoppedV1(
        actor=OFFICER, agency=CODE, number="ПП-2026-000123", reason=STOP.reason, basis=BASIS
    )
    state = pilots.given(*before, stopped, state=STATES[name])
    assert (state.status, state.running, state.open_requests) == (Status.STOPPED, None, ())


@alive
def test_the_document_of_a_stop_is_there_already_in_the_zone_of_the_edition(name: str) -> None:
    today = BASIS.date
    unwritten = STOP.model_copy(update={"basis": BASIS.model_copy(update={"date": today + timedelta(days=1)})})
    refusal = pilots.refused(
        STATES[name], unwritten, now=datetime(today.year, today.month, today.day, 20, 59, tzinfo=UTC)
    )
    assert (refusal.code, refusal.status) == ("date.future", 422)
    assert [one.pointer for one in refusal.problems] == ["/basis/date"]
    midnight = datetime.combine(today, time(21), UTC)
    assert pilots.when(STATES[name], unwritten, now=midnight, actor=OFFICER)


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
    assert (state.status, state.told("a-4").outcome, state.running) == (Status.WITHDRAWN, "withdrawn", None)


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


def test_the_entry_of_the_own_agency_is_changed_by_somebody_of_another_organisation() -> None:
    own = Actor(id="admin-1", organisation=CODE, role="admin")
    refusal = agencies.refused(None, enter(*BOTH), actor=own)
    assert (refusal.code, refusal.status) == ("agency.own-entry", 403)
    assert agencies.when(None, enter(*BOTH), actor=own.model_copy(update={"organisation": "other"}))


def test_the_refusal_of_an_unknown_edition_names_it_and_those_that_there_are() -> None:
    refusal = agencies.refused(None, enter(("by-1999", date(2026, 1, 1))))
    assert "by-1999" in refusal.said("en")
    assert "by-2024" in refusal.said("en")


# ---- totality

any_fact = st.one_of([made(cls) for cls in INTAKE.classes.values()])


@given(st.lists(any_fact, max_size=6))
def test_every_fact_evolves_in_every_state_of_a_pilot(facts: list[Any]) -> None:
    state = pilots.given(*facts)
    moments = [] if state is None else [*(one.clock.alarm_at for one in state.terms if one.open)]
    moments += [] if state is None else [one.until for one in state.contacts]
    assert state is None or due(state) in (None, *moments)


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
    Refuse(agency=CODE, event_id="a-1", problems=(PROBLEM,)),
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
            assert all(isinstance(fact, (EventRefusedV1, ContactErasedV1)) for fact in facts)
            assert (state.status, state.running, state.open_requests) == (before.status, None, ())


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
