"""From the Council's decision on: what intake moves no more, and what the agency hears of the register."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contracts import expertise, intake
from contracts.agency import ReceiptDecision, ReceiptIssuedV1
from contracts.event import Event, Fact, parse_own_fact
from contracts.expertise import Closure, RequestOutcome
from contracts.freeze import example, frozen
from contracts.intake import (
    INTAKE,
    CarryingOutNotedV1,
    ConclusionAnnulmentForwardedV1,
    ConclusionForwardedV1,
    DecisionForwardedV1,
    EventRefusedV1,
    StepForwardedV1,
    TermEndedV1,
    TermReminderForwardedV1,
)
from contracts.reference import Expediency, Verdict
from contracts.registry import TermBreachedV1, TermNearingV1
from contracts.steps import ApplicationReturn
from deploy.samples.common import NOW
from services.intake import receipts
from services.intake.domain.commands import REMINDED, Accept, Later, Remind
from services.intake.domain.state import Status
from services.intake.handlers import translate
from tests.kit.common import SOMEBODY, made
from tests.kit.intake.story import (
    BASIS,
    CODE,
    DECIDED,
    ENDS,
    OFFICER,
    REASONS,
    STATES,
    STOP,
    after,
    agreed,
    alarm_of,
    annulled,
    breached,
    clarify,
    closed,
    concluded,
    credited,
    decided,
    elapsed,
    extended,
    judged,
    launched,
    nearing,
    pilots,
    request_closed,
    requested,
    resubmit,
    withdraw,
)
from tests.kit.wording import in_every_language, says

decided_states = pytest.mark.parametrize("name", DECIDED)
TOO_LATE = (withdraw("l-1"), resubmit("l-2"), clarify(("why", "а"), id_="l-3"))


def refusal(state: Any, command: Later) -> Any:
    """The one problem of a later event that says how the pilot stands."""
    [fact] = pilots.when(state, command)
    assert isinstance(fact, EventRefusedV1)
    for one in fact.problems:
        in_every_language(one)
    [found] = [one for one in fact.problems if one.pointer == "/subject"]
    return found


# ---- what is refused


def test_every_way_on_from_the_council_is_among_the_decided_states() -> None:
    ways = {"decided on", "negative and expedient", "not expedient", "credited", "agreed on", "carried out", "judged"}
    assert ways <= set(DECIDED)
    assert "postponed" not in DECIDED


@decided_states
@pytest.mark.parametrize("command", TOO_LATE)
def test_after_the_decision_every_later_word_on_the_application_is_refused_and_moves_nothing(
    name: str, command: Later
) -> None:
    state = STATES[name]
    problem = refusal(state, command)
    assert (problem.rule, problem.action) == ("pilot.decided", "fix")
    moved = after(command, state=state)
    assert moved.model_copy(update={"events": state.events}) == state


@pytest.mark.parametrize(
    ("name", "follows"),
    [
        ("decided on", "pilot.decided.to-stop"),
        ("carried out", "pilot.decided.to-stop"),
        ("agreed on", "pilot.decided.to-stop"),
        ("judged", "pilot.decided.over"),
        ("not expedient", "pilot.decided.over"),
        ("credited", "pilot.decided.over"),
    ],
)
def test_who_takes_back_what_was_decided_on_is_told_who_can_end_it_and_whether_there_is_anything_to_end(
    name: str, follows: str
) -> None:
    problem = refusal(STATES[name], withdraw())
    assert says(problem, follows)
    stop = pilots.refused(STATES[name], STOP, actor=OFFICER)
    assert (stop.said("en"), stop.problems[0].message_ru) == (problem.message, problem.message_ru)


def test_who_sends_it_again_is_told_that_it_is_a_new_application() -> None:
    problem = refusal(STATES["negative and expedient"], resubmit())
    assert says(problem, "pilot.decided.again")


def test_answers_to_what_was_asked_before_the_decision_are_told_that_the_request_has_fallen_away() -> None:
    state = after(decided(), state=STATES["asked"])
    assert (state.open_requests, state.request("r-1").outcome) == ((), "closed")
    problem = refusal(state, clarify(("why", "а")))
    assert says(problem, "pilot.decided.fallen-away")


@decided_states
def test_an_officer_stops_nothing_that_the_council_has_decided_on(name: str) -> None:
    refused = pilots.refused(STATES[name], STOP, actor=OFFICER)
    assert (refused.code, refused.status) == ("pilot.decided", 409)
    [problem] = refused.problems
    in_every_language(problem)
    assert problem.rule == "pilot.decided"


@decided_states
@pytest.mark.parametrize("command", [Accept(), ApplicationReturn(reasons=REASONS)])
def test_an_officer_looks_over_nothing_that_the_council_has_decided_on(name: str, command: object) -> None:
    assert pilots.refused(STATES[name], command).code == "application.not-open"


# ---- what the note does


@pytest.mark.parametrize("name", sorted({n for n, s in STATES.items() if s is not None and s.running}))
def test_with_the_decision_nothing_is_due_in_intake_any_more(name: str) -> None:
    told, ended, noted = pilots.when(STATES[name], decided())
    assert isinstance(told, DecisionForwardedV1) and isinstance(noted, CarryingOutNotedV1)
    assert isinstance(ended, TermEndedV1) and ended.kind == STATES[name].running.kind
    state = pilots.given(told, ended, noted, state=STATES[name])
    assert (state.status, state.running, alarm_of(state)) == (Status.DECIDED, None, None)
    assert elapsed(state) == (state, []), "nothing lapses, nothing is breached"


def test_what_came_again_before_the_decision_was_known_stays_registered_as_it_came_and_is_not_looked_over() -> None:
    again = after(resubmit(title="Иначе"), state=STATES["negative"])
    state = after(decided(), state=again)
    assert (state.submission, state.application.title, state.told("a-2").outcome) == (2, "Иначе", "resubmitted")
    assert (state.status, alarm_of(state)) == (Status.DECIDED, None)


@pytest.mark.parametrize("name", ENDS[1:])
def test_what_had_ended_before_the_decision_was_known_stays_ended_and_its_agency_hears_of_the_decision(
    name: str,
) -> None:
    told, noted = pilots.when(STATES[name], decided())
    assert isinstance(told, DecisionForwardedV1) and isinstance(noted, CarryingOutNotedV1)
    state = pilots.given(told, noted, state=STATES[name])
    assert (state.status, state.carrying_out.over) == (STATES[name].status, False)
    assert refusal(state, withdraw("w-9")).rule == "application.not-open"
    assert pilots.refused(state, STOP).code == "application.not-open"


def test_a_postponed_application_is_with_the_council_still_and_may_be_taken_back_or_come_again() -> None:
    [told] = pilots.when(STATES["negative"], decided(Expediency.POSTPONED))
    assert isinstance(told, DecisionForwardedV1)
    state = pilots.given(told, state=STATES["negative"])
    assert state == STATES["negative"].model_copy(update={"decision": ReceiptDecision.made_of(told)})
    assert after(withdraw(), state=state).status is Status.WITHDRAWN
    assert after(resubmit(), state=state).status is Status.REGISTERED
    assert after(STOP, state=state).status is Status.STOPPED


FROM_THE_EXPERTISE = (
    requested("r-9"),
    request_closed(RequestOutcome.EXPIRED),
    extended(),
    closed(Closure.RETURNED),
    closed(Closure.REFUSED),
    concluded(),
    concluded(Verdict.POSITIVE, number="ЗЭ-2026-0009"),
    annulled(),
)


@decided_states
@pytest.mark.parametrize("command", FROM_THE_EXPERTISE)
def test_what_the_expertise_says_after_the_decision_starts_nothing_here(name: str, command: object) -> None:
    facts = pilots.when(STATES[name], command)
    assert {type(fact) for fact in facts} <= {ConclusionForwardedV1, ConclusionAnnulmentForwardedV1}
    state = pilots.given(*facts, state=STATES[name])
    assert (state.status, alarm_of(state), state.open_requests) == (Status.DECIDED, None, ())


def test_an_appeal_that_is_decided_after_the_council_is_told_and_moves_nothing() -> None:
    state = STATES["negative and expedient"]
    [told] = pilots.when(state, annulled())
    assert isinstance(told, ConclusionAnnulmentForwardedV1)
    [amended] = pilots.when(state, concluded(number="ЗЭ-2026-0002"))
    assert isinstance(amended, ConclusionForwardedV1)
    assert (amended.overtaken, amended.may_resubmit, amended.due_at) == (True, False, None)


words = st.sampled_from([*TOO_LATE, *FROM_THE_EXPERTISE, agreed(), launched(), nearing(7), breached()])


@given(st.sampled_from(["registered", "asked", "returned", "negative", "positive"]), st.lists(words, max_size=12))
def test_on_any_journey_after_the_decision_the_application_stays_decided_and_nothing_is_due(
    name: str, said: list[Any]
) -> None:
    state = after(decided(), state=STATES[name])
    for command in said:
        facts = pilots.when(state, command)
        assert not {"withdrawal-registered", "resubmission-registered", "application-lapsed"} & {
            fact.TYPE.split(".")[2] for fact in facts
        }
        state = pilots.given(*facts, state=state)
        assert (state.status, alarm_of(state), state.running) == (Status.DECIDED, None, None)


# ---- the decision, told


@pytest.mark.parametrize(
    ("note", "decision"),
    [
        (decided(), "expedient"),
        (decided(Expediency.NOT_EXPEDIENT), "not-expedient"),
        (decided(Expediency.POSTPONED), "postponed"),
        (credited(), "credited"),
        (credited(granted=False), "not-credited"),
    ],
)
def test_every_decision_of_the_council_is_passed_on_with_its_document(note: Any, decision: str) -> None:
    told = pilots.when(STATES["positive"], note)[0]
    assert told == DecisionForwardedV1(
        actor=SOMEBODY, agency=CODE, number="ПП-2026-000123", decision=decision, basis=BASIS
    )
    receipt = receipt_for(told)
    assert (receipt["outcome"], receipt["decision"]["decision"]) == ("decided", decision)
    assert receipt["decision"]["basis"] == BASIS.model_dump(mode="json")
    assert (receipt["reasons"], receipt["problems"], receipt["reminder"]) == ([], [], None)


def test_an_agreement_and_a_launch_are_no_decision_of_the_council() -> None:
    told, noted = pilots.when(STATES["decided on"], agreed())
    assert isinstance(told, StepForwardedV1) and isinstance(noted, CarryingOutNotedV1)
    receipt = receipt_for(told)
    assert (told.step, receipt["outcome"], receipt["step"]["step"]) == ("agreed", "agreed", "agreed")
    assert pilots.given(told, state=STATES["decided on"]).steps[-1].step == "agreed"


@pytest.mark.parametrize("name", ["none", "refused"])
@pytest.mark.parametrize("command", [decided(), credited(), nearing(7), breached()])
def test_of_what_was_never_registered_nothing_is_passed_on(name: str, command: object) -> None:
    assert pilots.when(STATES[name], command) == ()


# ---- reminders


@pytest.mark.parametrize("kind", sorted(REMINDED))
@pytest.mark.parametrize("name", ["carried out", "finished", "withdrawn"])
def test_reminders_of_the_register_go_to_the_executor_however_the_application_stands(name: str, kind: str) -> None:
    state = STATES[name]
    [soon] = pilots.when(state, nearing(14, 7, kind=kind))
    [late] = pilots.when(state, breached(kind))
    assert isinstance(soon, TermReminderForwardedV1) and isinstance(late, TermReminderForwardedV1)
    assert (soon.agency, soon.number, soon.kind) == (CODE, "ПП-2026-000123", kind)
    assert (soon.rungs, soon.overdue, soon.due_at) == ((14, 7), False, NOW + timedelta(days=7))
    assert (late.kind, late.rungs, late.overdue, late.due_at) == (kind, (), True, NOW)
    assert pilots.given(soon, late, state=state) == state


def test_a_receipt_for_a_reminder_says_which_term_when_it_ends_and_how_much_is_left() -> None:
    [soon] = pilots.when(STATES["carried out"], nearing(14, 7))
    said = receipt_for(soon)
    assert (said["outcome"], said["due_at"]) == ("reminded", "2026-04-23T09:00:00.000Z")
    assert said["reminder"] == {"kind": "progress-report", "rungs": [14, 7], "overdue": False}
    [late] = pilots.when(STATES["carried out"], breached("carrying-out"))
    assert receipt_for(late)["reminder"] == {"kind": "carrying-out", "rungs": [], "overdue": True}


def receipt_for(fact: Fact) -> dict[str, Any]:
    """The receipt that goes with a fact, held against the frozen schema."""
    event = {**example(fact.TYPE), "data": fact.model_dump(mode="json")}
    [message] = receipts.publications(parse_own_fact(json.dumps(event).encode(), INTAKE))
    found = json.loads(message.value)
    Draft202012Validator(frozen(ReceiptIssuedV1.TYPE)).validate(found)
    data: dict[str, Any] = ReceiptIssuedV1.model_validate(found["data"]).model_dump(mode="json")
    assert data["event_id"] == event["correlationid"], "it goes by the event that began the pilot"
    return data


@given(
    st.one_of(made(TermNearingV1), made(TermBreachedV1)), st.sampled_from([*sorted(REMINDED), "judgement", "launch"])
)
def test_of_the_registers_terms_the_report_and_the_end_of_carrying_out_are_passed_on(fact: Any, kind: str) -> None:
    fact = fact.model_copy(update={"kind": kind})
    event = Event("e", "registry", fact.TYPE, "s", NOW, 1, "c", {}, fact)
    assert translate(event) == (Remind(fact) if kind in REMINDED else None)


@pytest.mark.parametrize("cls", [intake.TermNearingV1, expertise.TermNearingV1])
def test_a_term_of_intake_or_of_the_expertise_is_no_reminder_whatever_its_name(cls: type[Fact]) -> None:
    fact = cls.model_validate({**example(cls.TYPE)["data"], "kind": "progress-report"})
    assert translate(Event("e", cls.TYPE.split(".")[1], cls.TYPE, "s", NOW, 1, "c", {}, fact)) is None


def test_a_judgement_is_told_with_its_decision_and_its_words() -> None:
    told = pilots.when(STATES["decided on"], judged())[0]
    assert isinstance(told, StepForwardedV1)
    receipt = receipt_for(told)
    assert (receipt["outcome"], receipt["decision"]) == ("judged", None)
    assert (receipt["step"]["decision"], receipt["step"]["text"]) == (told.decision, told.text)
