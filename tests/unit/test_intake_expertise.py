"""What intake does with the word of the expertise: requests and answers, conclusions, and what comes after the end."""

from datetime import date, timedelta
from typing import Any

import pytest

from contracts.event import Actor
from contracts.expertise import Closure, RequestOutcome, TermExtendedV1
from contracts.intake import (
    ClarificationRegisteredV1,
    ConclusionAnnulmentForwardedV1,
    ConclusionForwardedV1,
    EventRefusedV1,
    ExpertiseClosedV1,
    InformationRequestClosedV1,
    InformationRequestForwardedV1,
    SubmissionRefusedV1,
    TermEndedV1,
    TermStartedV1,
)
from contracts.reference import Clock, Verdict
from deploy.samples.common import BOOK, NOW
from services.intake.domain import state as pilot
from services.intake.domain.agency import Given
from services.intake.domain.commands import Forward, Later
from services.intake.domain.evolve import OUTCOMES_KEPT, PROBLEMS_KEPT
from services.intake.domain.later import NotTheirs, UnknownAgency
from services.intake.domain.state import Status
from services.intake.service import SERVICE
from tests.kit.calendars import CALENDARS
from tests.kit.common import SOMEBODY, Story
from tests.kit.intake.story import (
    CODE,
    ENDS,
    ENTRY,
    FOREIGN,
    ITEMS,
    REMARKS,
    STATES,
    STOP,
    after,
    alarm_of,
    annulled,
    clarify,
    closed,
    concluded,
    ended_states,
    known_states,
    pilots,
    request_closed,
    requested,
    resubmit,
    withdraw,
)

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
    assert (state.status, state.conclusion, alarm_of(state)) == (Status.ACCEPTED, None, None)
    assert not state.may_resubmit(NOW)
    assert after(requested(), state=state).open_requests, "it can be asked about again"


@pytest.mark.parametrize("name", ["accepted", "negative", "positive"])
def test_an_annulment_of_another_conclusion_moves_nothing(name: str) -> None:
    assert pilots.when(STATES[name], annulled("ЗЭ-2025-0099")) == ()


def test_an_amended_conclusion_takes_the_place_of_the_one_before_it() -> None:
    ended, told = pilots.when(STATES["negative"], concluded(Verdict.POSITIVE, number="ЗЭ-2026-0009"))
    assert isinstance(ended, TermEndedV1) and isinstance(told, ConclusionForwardedV1)
    state = pilots.given(ended, told, state=STATES["negative"])
    assert (state.conclusion.number, state.may_resubmit(NOW), alarm_of(state)) == ("ЗЭ-2026-0009", False, None)


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
    assert (state.status, alarm_of(state)) == (STATES[name].status, alarm_of(STATES[name]))


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
