"""Intake's two aggregates: every command in every state, the look-over term, and totality."""

import copy
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from story import APPLICATION, BOOK, NOW, SUBJECT, Story, made, moments

from contracts.agency import ApplicationSubmittedV1, ApplicationSubmittedV2
from contracts.event import Actor
from contracts.freeze import example
from contracts.intake import (
    INTAKE,
    AgencyEnteredV1,
    ApplicationAcceptedV1,
    ApplicationRegisteredV1,
    ApplicationReturnedV1,
    EditionFrom,
    SubmissionRefusedV1,
    TermBreachedV1,
    TermEndedV1,
    TermStartedV1,
)
from contracts.reference import LegalEffect, Problem, ReturnReason, TermUnit
from contracts.rules import RuleBook
from services.chassis.calendar import calendar
from services.chassis.subject import Refusal
from services.intake.domain import agency, pilot
from services.intake.domain.agency import Given
from services.intake.domain.pilot import Accept, Pilot, Refuse, Return, Status, Submit, Tick, UnknownAgency, due
from services.intake.service import SERVICE

CODE = "vedomstvo"
ENTRY = agency.Agency(code=CODE, name="Ведомство", editions=(EditionFrom(edition="by-2024", since=date(2026, 1, 1)),))
OFFICER = Actor(id="u-2001", role="officer")
pilots = Story(SERVICE.aggregates["pilot"], Given(BOOK, ENTRY, "ПП-2026-000123"))
agencies = Story(SERVICE.aggregates["agency"], Given(BOOK))


def minsk(text: str) -> datetime:
    """A local time in Minsk, which is three hours ahead of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) - timedelta(hours=3)


def submit(version: int = 2, time: datetime = NOW, **data: Any) -> Submit:
    """A valid submission, with changes to its data (None: left out)."""
    cls = ApplicationSubmittedV2 if version == 2 else ApplicationSubmittedV1
    event = copy.deepcopy(example(cls.TYPE))
    changed = {**event["data"], **data}
    event |= {"id": "a-1", "source": f"/agencies/{CODE}", "time": time.isoformat()}
    event["data"] = {k: v for k, v in changed.items() if v is not None}
    return Submit(CODE, "a-1", event)


def registered(received: datetime = NOW) -> Any:
    return pilots.given(*pilots.when(None, submit(time=received), now=received))


REASONS = (ReturnReason(code="documents-missing"), ReturnReason(code="other", text="Нет подписи."))
PROBLEM = Problem(pointer="", rule="json.invalid", message="no", message_ru="нет")


def states() -> Mapping[str, Any]:
    """A submission in every state that there is."""
    open_ = registered()
    breached = pilots.given(*pilots.when(open_, Tick(open_.due_at)), state=open_)
    return {
        "none": None,
        "registered": open_,
        "breached": breached,
        "refused": pilots.given(*pilots.when(None, Refuse(CODE, "a-1", (PROBLEM,)))),
        "accepted": pilots.given(*pilots.when(open_, Accept()), state=open_),
        "returned": pilots.given(*pilots.when(open_, Return(REASONS)), state=open_),
    }


STATES = states()
open_states = pytest.mark.parametrize("name", ["registered", "breached"])
closed_states = pytest.mark.parametrize("name", ["none", "refused", "accepted", "returned"])
known_states = pytest.mark.parametrize("name", [name for name in STATES if name != "none"])


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
    refusal = pilots.refused(state, Return((ReturnReason(code="withheld"),)), given=later)
    assert refusal.code == "reasons.invalid"
    pilots.when(state, Return((ReturnReason(code="documents-missing"),)), given=later)


# ---- the look-over term


def test_the_term_carries_everything_its_due_date_can_be_counted_again_from() -> None:
    _, started = pilots.when(None, submit())
    assert isinstance(started, TermStartedV1)
    term = started.term
    assert (term.kind, term.budget, term.unit) == ("look-over", 3, TermUnit.WORKING_DAYS)
    assert (term.calendar, term.calendar_version) == ("BY", calendar("BY").version)
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


def test_the_timer_stands_at_the_due_time_only_while_the_term_runs() -> None:
    assert due(STATES["registered"]) == STATES["registered"].due_at == minsk("2026-04-24T00:00:00")
    assert [due(STATES[name]) for name in ("breached", "refused", "accepted", "returned")] == [None] * 4


@pytest.mark.parametrize(("after", "late"), [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize("command", [Accept(), Return(REASONS)])
def test_a_decision_is_late_from_the_due_instant_on(after: int, late: bool, command: object) -> None:
    state = registered()
    ended, _ = pilots.when(state, command, now=state.due_at + timedelta(milliseconds=after))
    assert isinstance(ended, TermEndedV1)
    assert ended.late is late


def test_a_term_that_runs_out_is_breached_once_and_nothing_else_happens() -> None:
    state = registered()
    [breached] = pilots.when(state, Tick(state.due_at), now=state.due_at)
    assert breached == TermBreachedV1(actor=breached.actor, kind="look-over", due_at=state.due_at)
    after = pilots.given(breached, state=state)
    assert after.status is Status.REGISTERED
    assert pilots.when(after, Tick(state.due_at)) == ()


@pytest.mark.parametrize("name", ["none", "refused", "accepted", "returned", "breached"])
def test_a_timer_that_comes_too_late_breaches_nothing(name: str) -> None:
    assert pilots.when(STATES[name], Tick(STATES["registered"].due_at)) == ()


def test_a_timer_for_another_due_time_breaches_nothing() -> None:
    assert pilots.when(STATES["registered"], Tick(NOW)) == ()


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
    )
    after = pilots.given(ended, accepted, state=STATES[name])
    assert (after.status, after.decided) == (Status.ACCEPTED, NOW)


@open_states
def test_an_open_application_can_be_returned_with_coded_reasons(name: str) -> None:
    ended, returned = pilots.when(STATES[name], Return(REASONS), actor=OFFICER)
    assert isinstance(ended, TermEndedV1)
    assert returned == ApplicationReturnedV1(actor=OFFICER, agency=CODE, number="ПП-2026-000123", reasons=REASONS)
    after = pilots.given(ended, returned, state=STATES[name])
    assert (after.status, after.reasons) == (Status.RETURNED, REASONS)


@closed_states
@pytest.mark.parametrize("command", [Accept(), Return(REASONS)])
def test_what_is_not_open_can_be_neither_accepted_nor_returned(name: str, command: object) -> None:
    refusal = pilots.refused(STATES[name], command)
    assert (refusal.code, refusal.status) == ("application.not-open", 409)


def test_a_return_without_reasons_is_refused() -> None:
    refusal = pilots.refused(STATES["registered"], Return(()))
    assert (refusal.code, refusal.status, refusal.problems) == ("reasons.invalid", 422, ())


def test_every_unknown_reason_of_a_return_is_named() -> None:
    reasons = (ReturnReason(code="mood"), ReturnReason(code="other"), ReturnReason(code="withheld"))
    refusal = pilots.refused(STATES["registered"], Return(reasons))
    assert (refusal.code, refusal.status) == ("reasons.invalid", 422)
    assert [(p.pointer, p.rule) for p in refusal.problems] == [
        ("/reasons/0/code", "reason.unknown"),
        ("/reasons/2/code", "reason.unknown"),
    ]
    assert all("documents-missing" in p.message and "documents-missing" in p.message_ru for p in refusal.problems)


@pytest.mark.parametrize("code", BOOK.edition("by-2024").return_reasons.codes)
def test_every_reason_of_the_edition_can_be_given(code: str) -> None:
    _, returned = pilots.when(STATES["registered"], Return((ReturnReason(code=code),)))
    assert isinstance(returned, ApplicationReturnedV1)
    assert [reason.code for reason in returned.reasons] == [code]


# ---- ids


def test_a_resend_is_about_the_same_pilot_and_another_agency_about_another() -> None:
    assert pilot.pilot_id("minzdrav", "a-1") == pilot.pilot_id("minzdrav", "a-1")
    assert len({pilot.pilot_id(a, i) for a in ("minzdrav", "mintrans") for i in ("a-1", "a-2")}) == 4


# ---- the directory


def enter(*editions: tuple[str, date], name: str = "Ведомство") -> agency.EnterAgency:
    return agency.EnterAgency(CODE, name, entry(*editions).editions)


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
    assert state is None or due(state) in (None, state.due_at)


@given(st.lists(any_fact, max_size=4))
def test_every_fact_evolves_in_every_state_of_an_agency(facts: list[Any]) -> None:
    agencies.given(*facts)


@given(st.sampled_from(sorted(STATES)), any_fact)
def test_every_fact_evolves_in_the_states_that_are_reached(name: str, fact: Any) -> None:
    state = pilots.given(fact, state=STATES[name])
    assert state is None or isinstance(state, Pilot)


commands = st.one_of(
    st.just(submit()),
    st.just(submit(sector="space")),
    st.just(Refuse(CODE, "a-1", (PROBLEM,))),
    st.just(Accept()),
    st.builds(Return, st.lists(made(ReturnReason), max_size=2).map(tuple)),
    st.just(Return(REASONS)),
    st.builds(Tick, moments),
    st.just(Tick(STATES["registered"].due_at)),
)


@given(st.lists(st.tuples(commands, moments), max_size=8))
def test_any_commands_in_any_order_are_decided_or_refused_and_leave_a_sound_state(steps: list[Any]) -> None:
    state = None
    for command, now in sorted(steps, key=lambda step: step[1]):
        try:
            facts = pilots.when(state, command, now=now)
        except Refusal:
            continue
        state = pilots.given(*facts, state=state)
    assert state is None or (state.status is Status.REFUSED) == (state.application is None)


def test_the_application_in_tests_is_one_that_facts_can_carry() -> None:
    assert type(APPLICATION).model_validate_json(APPLICATION.model_dump_json()) == APPLICATION
