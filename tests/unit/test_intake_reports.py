"""The executor's reports: when they are taken, what is asked of them, and what intake notes of the register for it."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.event import Fact
from contracts.expertise import RequestOutcome
from contracts.intake import (
    CarryingOutNotedV1,
    CompletionRegisteredV1,
    DecisionForwardedV1,
    EventRefusedV1,
    InformationRequestForwardedV1,
    StepForwardedV1,
    TermEndedV1,
)
from contracts.reference import Expediency
from contracts.registry import AgreementFailedV1, EffectivenessJudgedV1, PilotLaunchedV1, PilotStoppedV1
from contracts.steps import Correctable
from deploy.samples.common import BOOK, NOW
from services.intake.domain.commands import Later, Note
from services.intake.domain.reports import REPORTS, judge_report
from services.intake.domain.state import FINAL, CarryingOut, Status
from tests.kit.common import SOMEBODY, made, minsk
from tests.kit.intake.events import places, replaced, values
from tests.kit.intake.reports import ALL, CARRIED, CODES, REGISTERED, each, faults, refused
from tests.kit.intake.story import (
    BASIS,
    CODE,
    COMMITTED,
    ITEMS,
    PAYMENT,
    RISK,
    STARTED,
    STATES,
    VALUE,
    after,
    agreed,
    agreement,
    clarify,
    completed,
    corrected,
    credited,
    decided,
    extended,
    judged,
    launched,
    measured,
    pilots,
    progress,
    request_closed,
    requested,
    risks,
    spent,
    stopped_early,
    withdraw,
)
from tests.kit.wording import says

# ---- what is noted of the register


AGREED: Any = {"indicators": CODES, "committed": COMMITTED}


@pytest.mark.parametrize(
    ("notes", "known"),
    [
        ((agreed(),), CarryingOut(reporting=False, **AGREED)),
        ((agreed(), launched()), CarryingOut(reporting=True, **AGREED, started=STARTED)),
        ((agreed(), launched(), judged()), CarryingOut(**AGREED, started=STARTED, over=True)),
        ((agreed(), launched(), stopped_early()), CarryingOut(**AGREED, started=STARTED, over=True)),
        ((agreed(), stopped_early()), CarryingOut(**AGREED, over=True)),
        ((launched(),), CarryingOut(reporting=True, started=STARTED)),
        ((decided(),), CarryingOut()),
        ((decided(), agreed()), CarryingOut(**AGREED)),
        ((decided(Expediency.NOT_EXPEDIENT),), CarryingOut(over=True)),
        ((decided(Expediency.POSTPONED),), None),
        ((decided(Expediency.POSTPONED), decided()), CarryingOut()),
        ((credited(),), CarryingOut(over=True)),
    ],
)
def test_what_reports_are_judged_by_is_noted_from_the_decision_to_the_judgement(
    notes: Any, known: CarryingOut | None
) -> None:
    assert after(*notes, state=STATES["positive"]).carrying_out == known


@pytest.mark.parametrize("name", ["carried out", "finished", "agreed on"])
def test_a_corrected_agreement_names_the_indicators_from_then_on(name: str) -> None:
    entry = {"agreement": agreement("visits", "cost").model_dump(mode="json"), "basis": BASIS.model_dump(mode="json")}
    command = corrected(Correctable.AGREEMENT, entry)
    [noted] = pilots.when(STATES[name], command)
    assert isinstance(noted, CarryingOutNotedV1)
    before = STATES[name].carrying_out
    assert (noted.indicators, noted.reporting, noted.started) == (("visits", "cost"), before.reporting, before.started)
    state = pilots.given(noted, state=STATES[name])
    assert pilots.when(state, command) == ()
    assert state.finished == STATES[name].finished, "what was reported stays"


def test_a_corrected_launch_moves_the_first_day_that_values_may_be_of() -> None:
    early = measured({**VALUE, "measured": "2026-03-01"})
    assert faults(early) == [("/data/values/0/measured", "date.before-launch")]
    state = after(corrected(Correctable.LAUNCH, {"started": "2026-02-16"}), state=CARRIED)
    assert state.carrying_out == CARRIED.carrying_out.model_copy(update={"started": date(2026, 2, 16)})
    assert faults(early, state) == []


ENTRY = {"agreement": agreement("cost").model_dump(mode="json"), "started": "2026-02-16"}
corrections = pytest.mark.parametrize("what", [Correctable.AGREEMENT, Correctable.LAUNCH])


@corrections
@pytest.mark.parametrize("name", ["judged", "stopped before it began", "positive", "decided on", "not expedient"])
def test_a_correction_opens_nothing_where_nothing_is_carried_out(name: str, what: Correctable) -> None:
    before = STATES[name].carrying_out
    known = after(corrected(what, ENTRY), state=STATES[name]).carrying_out
    opened = ("reporting", "over", "launched")
    assert [getattr(known, one, None) for one in opened] == [getattr(before, one, None) for one in opened]


@corrections
@pytest.mark.parametrize("name", ["positive", "decided on", "not expedient"])
def test_what_was_never_entered_cannot_be_corrected(name: str, what: Correctable) -> None:
    assert pilots.when(STATES[name], corrected(what, ENTRY)) == ()


def test_late_results_are_held_against_the_corrected_agreement() -> None:
    state = after(corrected(Correctable.AGREEMENT, ENTRY), state=STATES["judged"])
    assert faults(measured({**VALUE, "indicator": "cost"}), state) == []
    assert faults(measured(), state) == [("/data/values/0/indicator", "indicator.unknown")]


NEVER = (
    decided(Expediency.NOT_EXPEDIENT),
    Note(AgreementFailedV1(actor=SOMEBODY, at=NOW, why="Не сошлись.", basis=BASIS)),
    credited(),
    credited(granted=False),
)


@pytest.mark.parametrize("note", NEVER)
def test_what_will_never_be_carried_out_is_told_so(note: Note) -> None:
    state = after(note, state=STATES["positive"])
    [problem] = refused(state, measured())
    assert (problem.rule, problem.action) == ("pilot.not-carried-out", "fix")
    assert says(problem, "stands.never", "pilot.not-carried-out.never")


@pytest.mark.parametrize("name", ["none", "refused"])
def test_what_was_never_registered_gets_no_note(name: str) -> None:
    assert pilots.when(STATES[name], launched()) == ()


anything = st.one_of(
    st.sampled_from([decided(), decided(Expediency.POSTPONED), agreed(), agreed("cost"), *NEVER]),
    made(PilotLaunchedV1).map(Note),
    made(PilotStoppedV1).map(Note),
    made(EffectivenessJudgedV1).map(Note),
)


TOLD = (DecisionForwardedV1, StepForwardedV1)
"""What the applicant is told each time."""


@given(st.sampled_from(sorted(STATES)), st.lists(anything, max_size=4))
def test_the_same_fact_of_the_register_is_noted_once_in_any_state_and_takes_the_application_out_of_hand_once(
    name: str, said: list[Any]
) -> None:
    state = STATES[name]
    for note in said:
        facts = pilots.when(state, note)
        assert {type(one) for one in facts} <= {*TOLD, TermEndedV1, CarryingOutNotedV1}
        before, state = state, pilots.given(*facts, state=state)
        assert [one for one in pilots.when(state, note) if not isinstance(one, TOLD)] == []
        if state is None or state.carrying_out is None or before.carrying_out is not None:
            said_of = ("carrying_out", "decision", "steps")
            moved = {} if state is None else {field: getattr(before, field) for field in said_of}
            assert state is None or state.model_copy(update=moved) == before
        else:
            assert state.status is (before.status if before.status in FINAL else Status.DECIDED)
            assert (state.running, state.due_at, state.open_requests) == (None, None, ())


# ---- when reports are taken


@each
def test_a_report_is_taken_whole_and_told(kind: str) -> None:
    command = ALL[kind]
    [fact] = pilots.when(CARRIED, command)
    assert type(fact) is REGISTERED[kind]
    said = fact.model_dump(mode="json", exclude_none=True)
    assert (said["agency"], said["event_id"], fact.received) == (CODE, command.event_id, NOW)
    for name, value in command.event["data"].items():
        told = said[name]
        expected = [{**one, "open": True} for one in value] if name == "risks" else value
        assert told == expected
    state = pilots.given(fact, state=CARRIED)
    assert (state.told(command.event_id).outcome, state.status) == ("reported", CARRIED.status)


TAKEN = {"carried out", "finished"}
OVER = {"judged", "stopped early"}
"""Where carrying out is over: final settlements and later measurements still come."""
STILL = {"spending", "result"}


@each
@pytest.mark.parametrize("name", sorted(n for n, s in STATES.items() if s is not None and s.number is not None))
def test_reports_are_taken_from_the_launch_until_the_judgement_and_money_and_results_after_it_too(
    kind: str, name: str
) -> None:
    found = faults(ALL[kind], STATES[name])
    if name == "finished" and kind == "completion":
        assert found == [("/subject", "completed.already")]
    else:
        taken = name in TAKEN or (name in OVER and kind in STILL)
        assert found == ([] if taken else [("/subject", "pilot.not-carried-out")])


@pytest.mark.parametrize(
    ("name", "action", "stands"),
    [
        ("registered", "retry", "stands.registered"),
        ("accepted", "retry", "stands.accepted"),
        ("positive", "retry", "stands.concluded"),
        ("postponed", "retry", "stands.concluded"),
        ("decided on", "retry", "stands.not-agreed"),
        ("agreed on", "retry", "stands.agreed"),
        ("judged", "fix", "stands.judged"),
        ("stopped early", "fix", "stands.judged"),
        ("credited", "fix", "stands.never"),
        ("stopped before it began", "fix", "stands.never"),
        ("withdrawn", "fix", "stands.withdrawn"),
        ("lapsed", "fix", "stands.lapsed"),
    ],
)
def test_a_report_out_of_time_names_where_the_pilot_stands_and_whether_it_may_come_again(
    name: str, action: str, stands: str
) -> None:
    [problem] = refused(STATES[name], progress())
    assert (problem.pointer, problem.rule, problem.action) == ("/subject", "pilot.not-carried-out", action)
    assert says(problem, stands, "pilot.not-carried-out.later" if action == "retry" else "pilot.not-carried-out.never")


def test_a_report_before_the_launch_is_taken_after_it_under_another_id() -> None:
    [early] = pilots.when(STATES["agreed on"], progress("early"))
    assert isinstance(early, EventRefusedV1)
    state = after(launched(), state=pilots.given(early, state=STATES["agreed on"]))
    assert (faults(progress("late"), state), state.told("early").outcome) == ([], "refused")


def test_carrying_out_is_completed_once_and_late_values_still_come() -> None:
    state = STATES["finished"]
    assert state.finished == date(2026, 4, 15)
    [again] = refused(state, completed("c-2", finished="2026-04-14"))
    assert (again.rule, again.action) == ("completed.already", "fix")
    assert says(again, "2026-04-15")
    assert faults(measured(), state) == []


def test_what_was_taken_back_before_the_decision_was_known_is_reported_on_as_the_register_carries_it_on() -> None:
    state = after(withdraw(), decided(), agreed(), launched(), state=STATES["positive"])
    assert (state.status, faults(measured(), state)) == (Status.WITHDRAWN, [])
    assert faults(spent(), after(stopped_early(), state=state)) == []


def test_a_settlement_after_the_end_may_be_dated_after_it_too() -> None:
    late = {**PAYMENT, "paid": "2026-04-16", "document": "акт 9"}
    assert faults(spent(late), STATES["stopped early"]) == []
    assert faults(measured({**VALUE, "measured": "2026-04-16"}), STATES["stopped early"]) == []


# ---- what is asked of them


def test_a_progress_report_is_held_against_everything_at_once() -> None:
    wrong = [
        {**VALUE, "indicator": "weather"},
        VALUE,
        VALUE,
        {**VALUE, "measured": "2026-04-17"},
        {**VALUE, "measured": "2026-03-01"},
        {**VALUE, "value": "много"},
        {"indicator": "Weather", "measured": "2027-01-01"},
        "no value",
    ]
    command = progress(period={"since": "2026-05-02", "until": "2026-05-01"}, summary=None, values=wrong)
    command = replace(command, event={**command.event, "source": "/agencies/another"})
    assert sorted(faults(command, STATES["agreed on"])) == sorted(
        [
            ("/source", "source.not-yours"),
            ("/data/summary", "schema.missing"),
            ("/data/values/5/value", "schema.string-pattern-mismatch"),
            ("/data/values/6/indicator", "indicator.unknown"),
            ("/data/values/6/value", "schema.missing"),
            ("/data/values/7", "schema.model-type"),
            ("/data/values/0/indicator", "indicator.unknown"),
            ("/data/values/2/indicator", "value.twice"),
            ("/data/values/5/indicator", "value.twice"),
            ("/data/values/3/measured", "date.future"),
            ("/data/values/6/measured", "date.future"),
            ("/data/period/until", "period.order"),
            ("/subject", "pilot.not-carried-out"),
        ]
    )
    again = dict(faults(command))
    assert again["/data/values/4/measured"] == "date.before-launch"
    assert "/subject" not in again


def test_spending_is_held_against_everything_at_once() -> None:
    wrong = [
        {**PAYMENT, "source": "piggy-bank", "currency": "USD", "amount_minor": 0},
        {**PAYMENT, "paid": "2026-04-17", "year": 1999},
        {**PAYMENT, "amount_minor": -1},
        {"source": "piggy-bank"},
        PAYMENT,
    ]
    assert sorted(faults(spent(*wrong))) == sorted(
        [
            ("/data/payments/0/source", "source.unknown"),
            ("/data/payments/0/currency", "currency.unknown"),
            ("/data/payments/0/amount_minor", "amount.zero"),
            ("/data/payments/1/paid", "date.future"),
            ("/data/payments/1/year", "schema.greater-than-equal"),
            ("/data/payments/2/amount_minor", "schema.refund"),
            ("/data/payments/3/source", "source.unknown"),
            *((f"/data/payments/3/{name}", "schema.missing") for name in ("year", "amount_minor", "currency", "paid")),
        ]
    )


def test_risks_are_held_against_everything_at_once() -> None:
    def owned(scheme: str, value: str) -> dict[str, Any]:
        return {**RISK, "id": value.lower(), "owner": {"scheme": scheme, "value": value}}

    wrong = [
        RISK,
        {**RISK, "open": False},
        owned("BY-UNP", "700000139"),
        owned("US-FED", "hhs"),
        owned("BY-UNP", "MA7000001"),
        {**RISK, "id": "other", "probability": "certain"},
        {**RISK, "id": "third", "owner": {"scheme": "BY-UNP"}},
        owned("RU-INN", "9999000006"),
    ]
    assert sorted(faults(risks(*wrong))) == sorted(
        [
            ("/data/risks/1/id", "risk.twice"),
            ("/data/risks/2/owner/value", "party.check-digit"),
            ("/data/risks/3/owner/scheme", "party.scheme"),
            ("/data/risks/4/owner/value", "party.not-legal-entity"),
            ("/data/risks/5/probability", "schema.enum"),
            ("/data/risks/6/owner/value", "schema.missing"),
        ]
    )


def test_a_completion_is_held_against_everything_at_once() -> None:
    command = completed("c-2", finished="2026-04-17", summary="", values=[{**VALUE, "indicator": "weather"}])
    assert sorted(faults(command, STATES["finished"])) == sorted(
        [
            ("/data/summary", "schema.blank"),
            ("/data/values/0/indicator", "indicator.unknown"),
            ("/data/finished", "date.future"),
            ("/subject", "completed.already"),
        ]
    )
    assert faults(completed(finished="2026-03-01")) == [("/data/finished", "date.before-launch")]


def test_the_agreed_indicators_are_named_where_another_is_reported() -> None:
    [problem] = refused(CARRIED, measured({**VALUE, "indicator": "weather"}))
    assert says(problem, "waiting-time, visits")
    assert faults(measured({**VALUE, "indicator": "weather"}), STATES["positive"]) == [
        ("/subject", "pilot.not-carried-out")
    ], "before an agreement nothing is known of indicators"


@pytest.mark.parametrize("code", CODES)
def test_one_indicator_has_one_value_a_day_and_as_many_days_as_there_are(code: str) -> None:
    days = [{**VALUE, "indicator": code, "measured": f"2026-04-{day:02d}"} for day in range(1, 11)]
    assert faults(measured(*days)) == []
    assert faults(measured(*days, days[3])) == [("/data/values/10/indicator", "value.twice")]


TODAY = minsk("2026-04-16T00:00:00")


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (TODAY - timedelta(milliseconds=1), True),
        (TODAY, False),
        (TODAY + timedelta(hours=23, minutes=59), False),
    ],
)
def test_a_day_has_come_when_it_has_in_minsk(now: datetime, found: bool) -> None:
    today = "2026-04-16"
    for command, rule in (
        (measured({**VALUE, "measured": today}), "date.future"),
        (spent({**PAYMENT, "paid": today}), "date.future"),
        (completed(finished=today), "date.future"),
        (progress(period={"since": "2026-03-02", "until": today}), "period.future"),
    ):
        earlier = {**command.event, "time": minsk("2026-04-15T12:00:00").isoformat()}
        assert [rule for _, rule in faults(replace(command, event=earlier), now=now)] == ([rule] if found else [])


@pytest.mark.parametrize(
    ("since", "until", "rules"),
    [
        ("2026-03-02", "2026-03-02", []),
        ("2026-03-03", "2026-03-02", ["period.order"]),
        ("2026-03-01", "2026-03-31", []),
        ("2026-02-01", "2026-03-01", ["date.before-launch"]),
        ("2026-04-01", "2026-04-17", ["period.future"]),
    ],
)
def test_a_period_has_passed_and_reaches_into_the_time_of_carrying_out(
    since: str, until: str, rules: list[str]
) -> None:
    found = faults(progress(period={"since": since, "until": until}))
    assert found == [("/data/period/until", rule) for rule in rules]


def test_an_advance_may_be_paid_before_the_start() -> None:
    assert faults(spent({**PAYMENT, "paid": "2026-02-20"})) == []


def test_where_the_edition_has_no_money_none_can_be_reported() -> None:
    found = judge_report(spent().event, CARRIED, BOOK.edition("demo-us"), NOW).problems
    assert [(one.pointer, one.rule) for one in found] == [("/data/payments", "costs.refused")]


def test_a_report_says_something() -> None:
    for command, name in ((spent(), "payments"), (risks(), "risks"), (measured(), "values")):
        empty = Later(CODE, command.event_id, {**command.event, "data": {name: []}})
        assert faults(empty) == [(f"/data/{name}", "schema.too-short")]


# ---- whatever comes


@given(st.sampled_from(sorted(ALL)), st.sampled_from(["carried out", "finished", "agreed on", "accepted"]), st.data())
def test_a_report_with_any_part_replaced_is_decided_and_a_fact_that_takes_it_can_be_written(
    kind: str, name: str, data: st.DataObject
) -> None:
    command = ALL[kind]
    path = data.draw(st.sampled_from([p for p in places(command.event) if p and p[0] not in ("id", "type", "subject")]))
    changed = Later(CODE, command.event_id, replaced(command.event, path, data.draw(values)))
    [fact] = pilots.when(STATES[name], changed)
    assert isinstance(fact, (REGISTERED[kind], EventRefusedV1))
    json.dumps(fact.model_dump(mode="json"), ensure_ascii=False).encode()


steps = st.sampled_from([decided(), agreed(), launched(), judged(), stopped_early(), *sorted(ALL)])


ONCE = {"progress", "spending"}
"""What counts once: the same period, the same payment."""


@given(st.lists(steps, max_size=15))
def test_on_any_journey_reports_are_taken_while_it_is_carried_out_and_one_completion_at_most(taken: list[Any]) -> None:
    state, completions, said = STATES["positive"], 0, set[str]()
    for turn, step in enumerate(taken):
        if isinstance(step, Note):
            state = after(step, state=state)
            continue
        kind, id_ = step, f"{step}-{turn}"
        report = Later(CODE, id_, {**ALL[kind].event, "id": id_})
        facts: list[Fact] = list(pilots.when(state, report))
        known = state.carrying_out or CarryingOut()
        open_ = known.reporting or (kind in STILL and known.launched)
        # Where a pilot was launched without an agreement, no value is of an agreed indicator.
        fits = open_ and (kind in ("spending", "risk") or bool(known.indicators))
        fits = fits and not (kind == "completion" and completions) and not (kind in ONCE and kind in said)
        assert isinstance(facts[0], EventRefusedV1) is not fits
        said |= {kind} if fits else set()
        completions += isinstance(facts[0], CompletionRegisteredV1)
        state = pilots.given(*facts, state=state)
        assert state.told(id_).outcome == ("reported" if fits else "refused")
    assert completions <= 1
    assert (state.finished is not None) == bool(completions)


def test_every_report_of_the_contract_is_known_here() -> None:
    assert {command.event["type"] for command in ALL.values()} == REPORTS


# ---- a request whose term is extended


def test_an_extended_request_is_told_again_with_its_new_due_time_and_is_one_request_still() -> None:
    [told] = pilots.when(STATES["asked"], extended(21))
    assert isinstance(told, InformationRequestForwardedV1)
    assert (told.request, told.items, told.due_at) == ("r-1", ITEMS, NOW + timedelta(days=21))
    state = pilots.given(told, state=STATES["asked"])
    [request] = state.requests
    [before] = STATES["asked"].requests
    assert request == before.model_copy(update={"due_at": NOW + timedelta(days=21)})
    assert pilots.when(state, extended(21)) == (), "a due time that is known is not told again"


def test_what_was_answered_before_the_extension_is_not_asked_again() -> None:
    state = after(clarify(("why", "Так."), ("end", "Тогда.")), state=STATES["asked"])
    [told] = pilots.when(state, extended())
    assert isinstance(told, InformationRequestForwardedV1)
    assert [item.id for item in told.items] == ["costs"]
    later = pilots.given(told, state=state)
    assert later.request("r-1").open_items == ("costs",)
    assert later.request("r-1").items == ITEMS
    done = after(clarify(("costs", "Вот.", []), id_="a-9"), state=later)
    assert done.open_requests == ()


@pytest.mark.parametrize("name", sorted(set(STATES) - {"asked"}))
def test_where_no_request_is_open_an_extension_says_nothing(name: str) -> None:
    assert pilots.when(STATES[name], extended()) == ()


def test_an_extension_of_what_was_answered_or_closed_and_of_another_term_says_nothing() -> None:
    answered = after(clarify(("why", "а"), ("costs", "б"), ("end", "в")), state=STATES["asked"])
    closed = after(request_closed(RequestOutcome.EXPIRED), state=STATES["asked"])
    assert pilots.when(answered, extended()) == pilots.when(closed, extended()) == ()
    assert pilots.when(STATES["asked"], extended(kind="expertise")) == ()


def test_of_two_requests_the_open_one_is_extended() -> None:
    second = after(request_closed(RequestOutcome.CANCELLED), requested("r-2"), state=STATES["asked"])
    [told] = pilots.when(second, extended())
    assert isinstance(told, InformationRequestForwardedV1)
    assert told.request == "r-2"
    assert [one.id for one in pilots.given(told, state=second).requests] == ["r-1", "r-2"]
