"""Which later events of an agency are taken, by how its pilot stands, and every fault of those that are not."""

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.expertise import RequestOutcome
from contracts.intake import EventRefusedV1, SubmissionRefusedV1
from contracts.reference import RequestItem
from contracts.steps import EditionFrom
from deploy.samples.common import BOOK, NOW, SUBJECT
from services.intake.domain.agency import Given
from services.intake.domain.commands import Later
from services.intake.domain.decide import decide
from services.intake.domain.state import pilot_id
from services.law.decision import Context
from tests.kit.calendars import CALENDARS
from tests.kit.common import SOMEBODY
from tests.kit.intake.events import (
    SECRETS,
    places,
    refused,
    replaced,
    unp,
    values,
)
from tests.kit.intake.story import DECIDED, STATES, after, clarify, request_closed, requested, resubmit, withdraw
from tests.kit.intake.story import ENTRY as LATER_ENTRY
from tests.kit.wording import in_every_language, says

# ---- later events: by how the pilot stands


NOT_OPEN = ("/subject", "application.not-open")
DECIDED_ON = ("/subject", "pilot.decided")
CAN_COME_AGAIN = {"returned", "negative", "returned by the expertise"}
PILOTS = sorted(name for name, state in STATES.items() if state is not None and state.number is not None)
OVER = {"lapsed", "withdrawn", "stopped", "refused by the expertise"}


@pytest.mark.parametrize("name", PILOTS)
def test_each_later_event_is_possible_in_its_states_only(name: str) -> None:
    state, closed = STATES[name], DECIDED_ON if name in DECIDED else NOT_OPEN
    assert refused(state, resubmit("n-1")) == ([] if name in CAN_COME_AGAIN else [closed])
    assert refused(state, withdraw("n-2")) == ([closed] if name in (*OVER, *DECIDED) else [])
    asked_ = after(requested("r-9"), state=state)
    answer = clarify(("why", "а"), id_="n-3", request="r-9")
    if asked_ is not state and asked_.open_requests:
        assert refused(asked_, answer) == []
    else:
        assert set(refused(state, answer)) >= {("/data/request", "request.unknown")}
        assert (closed in refused(state, answer)) == (name != "accepted" and state.status.value != "accepted")


@pytest.mark.parametrize(
    ("name", "stands"),
    [
        ("registered", "stands.registered"),
        ("accepted", "stands.accepted"),
        ("positive", "stands.concluded"),
        ("lapsed", "stands.lapsed"),
        ("withdrawn", "stands.withdrawn"),
        ("stopped", "stands.stopped"),
        ("refused by the expertise", "stands.refused-in-expertise"),
    ],
)
def test_what_is_not_possible_names_how_the_application_stands(name: str, stands: str) -> None:
    [fact] = decide(STATES[name], resubmit("n-1"), Context(NOW, SUBJECT, SOMEBODY, Given(BOOK, LATER_ENTRY), CALENDARS))
    assert isinstance(fact, EventRefusedV1)
    [told_] = fact.problems
    assert told_.rule == "application.not-open" and says(told_, stands)


def test_what_was_returned_and_is_over_its_time_counts_as_lapsed_before_the_timer_says_so() -> None:
    state = STATES["returned"]
    context = Context(state.due_at, SUBJECT, SOMEBODY, Given(BOOK, LATER_ENTRY), CALENDARS)
    [fact] = decide(state, resubmit("n-1"), context)
    assert isinstance(fact, EventRefusedV1)
    assert says(fact.problems[0], "stands.lapsed")


def test_a_resubmission_is_held_against_everything_at_once() -> None:
    met = [{"place": 3, "text": "Да."}, {"place": 1, "text": "Да."}, {"place": 1, "text": "Да."}, {"place": 0}]
    command = resubmit(
        title=None, sector="space", initiator=unp("700000125"), procedure="credit", met=met, planned_end="2026-05-01"
    )
    command = replace(command, event={**command.event, "source": "/agencies/another"})
    assert sorted(refused(STATES["accepted"], command)) == sorted(
        [
            ("/source", "source.not-yours"),
            ("/data/title", "schema.missing"),
            ("/data/met/3/place", "schema.greater-than-equal"),
            ("/data/met/3/text", "schema.missing"),
            ("/data/sector", "sector.unknown"),
            ("/data/initiator/id", "initiator.changed"),
            ("/data/procedure", "procedure.off"),
            ("/data/planned_end", "dates.order"),
            ("/data/met/0/place", "met.unknown"),
            ("/data/met/1/place", "met.unknown"),
            ("/data/met/2/place", "met.unknown"),
            NOT_OPEN,
        ]
    )


def test_each_remark_of_the_last_conclusion_is_met_once_at_most() -> None:
    def met(*places: int) -> list[tuple[str, str]]:
        return refused(STATES["negative"], resubmit(met=[{"place": one, "text": "Да."} for one in places]))

    assert met() == met(1) == met(2, 1) == []
    assert met(3) == [("/data/met/0/place", "met.unknown")]
    assert met(1, 2, 1, 2) == [("/data/met/2/place", "met.twice"), ("/data/met/3/place", "met.twice")]
    assert refused(STATES["returned"], resubmit(met=[{"place": 1, "text": "Да."}])) == [
        ("/data/met/0/place", "met.unknown")
    ]


def test_the_initiator_may_change_its_name_and_nothing_else() -> None:
    state = STATES["returned"]
    assert refused(state, resubmit(initiator={**unp("700000112"), "name": "ООО «Переименовано»"})) == []
    assert refused(state, resubmit(initiator=unp("700000125"))) == [("/data/initiator/id", "initiator.changed")]
    assert refused(state, resubmit(initiator=unp("700000113"))) == [
        ("/data/initiator/id/value", "party.check-digit")
    ], "a number that is none is nobody else's"


def test_a_resubmission_is_judged_by_the_edition_of_the_first_application() -> None:
    moved = {"editions": (EditionFrom(edition="demo-us", since=date.min),)}
    context = Context(NOW, SUBJECT, SOMEBODY, Given(BOOK, LATER_ENTRY.model_copy(update=moved)), CALENDARS)
    assert not isinstance(decide(STATES["returned"], resubmit(), context)[0], EventRefusedV1)


@pytest.mark.parametrize("reason", [None, "", "т" * 4001, 5])
def test_a_withdrawal_says_why(reason: Any) -> None:
    [(pointer, rule)] = refused(STATES["registered"], withdraw(reason=reason))
    assert pointer == "/data/reason"
    assert rule.startswith("schema.")


# ---- later events: answers


def test_answers_are_held_against_everything_at_once() -> None:
    state = after(clarify(("why", "а"), id_="first"), state=STATES["asked"])
    command = clarify(
        ("when", "нет такого"),
        ("why", "ещё раз"),
        ("costs", "а", [{"source": "piggy-bank", "year": 1999, "amount_minor": 1, "currency": "USD"}]),
        ("costs", "б"),
        ("end", "", "2026-13-01"),
        {"item": "end"},
        "no answer",
    )
    assert sorted(refused(state, command)) == sorted(
        [
            ("/data/answers/4/text", "schema.blank"),
            ("/data/answers/5/text", "schema.missing"),
            ("/data/answers/6", "schema.model-type"),
            ("/data/answers/0/item", "item.unknown"),
            ("/data/answers/1/item", "item.answered"),
            ("/data/answers/2/value/0/year", "schema.greater-than-equal"),
            ("/data/answers/2/value/0/currency", "costs.currency"),
            ("/data/answers/2/value/0/source", "costs.source"),
            ("/data/answers/3/item", "item.twice"),
            ("/data/answers/4/value", "schema.day-form"),
            ("/data/answers/5/item", "item.twice"),
        ]
    )


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([], []),
        ([{"source": "own-money", "amount_minor": 1, "currency": "BYN"}], []),
        (
            [{"source": "piggy-bank", "amount_minor": 1, "currency": "USD"}],
            [("/0/currency", "costs.currency"), ("/0/source", "costs.source")],
        ),
        ("много", [("", "schema.tuple-type")]),
        ([{"source": "own-money"}], [("/0/amount_minor", "schema.missing"), ("/0/currency", "schema.missing")]),
    ],
)
def test_a_new_value_is_held_against_its_field_and_the_edition(value: Any, found: list[tuple[str, str]]) -> None:
    expected = [(f"/data/answers/0/value{pointer}", rule) for pointer, rule in found]
    assert refused(STATES["asked"], clarify(("costs", "а", value))) == expected


def test_a_value_needs_a_field_and_a_field_takes_one() -> None:
    assert refused(STATES["asked"], clarify(("why", "а", "б"))) == [("/data/answers/0/value", "value.no-field")]
    two = (RequestItem(id="a", text="?", field="title"), RequestItem(id="b", text="?", field="title"))
    state = after(requested("r-2", two), state=STATES["accepted"])
    command = clarify(("a", "да", "Одно"), ("b", "да", "Другое"), request="r-2")
    assert refused(state, command) == [("/data/answers/1/value", "value.twice")]


def test_a_rule_that_two_fields_break_together_is_told_at_the_answer_that_breaks_it() -> None:
    items = (
        RequestItem(id="start", text="?", field="planned_start"),
        RequestItem(id="end", text="?", field="planned_end"),
    )
    state = after(requested("r-2", items), state=STATES["accepted"])
    end = state.application.planned_end
    late = ("start", "да", (end + timedelta(days=1)).isoformat())
    assert refused(state, clarify(late, request="r-2")) == [("/data/answers/0/value", "dates.order")]
    both = clarify(late, ("end", "да", (end - timedelta(days=1)).isoformat()), request="r-2")
    assert refused(state, both) == [("/data/answers/1/value", "dates.order")]
    assert refused(state, clarify(late, ("end", "да", (end + timedelta(days=99)).isoformat()), request="r-2")) == []


def test_what_an_answer_does_not_touch_is_not_held_against_it() -> None:
    edition = BOOK.edition("by-2024")
    sectors = edition.sectors.model_copy(update={"entries": edition.sectors.entries[:1]})
    narrower = type(BOOK)((edition.model_copy(update={"sectors": sectors}),))
    assert refused(STATES["asked"], clarify(("costs", "а", [])), book=narrower) == []


@pytest.mark.parametrize("value", ["\ud800", {"a": 1}, 10**400, [[[]]], True, 1.5])
@pytest.mark.parametrize(
    "field", ["title", "executor", "planned_start", "costs", "own_number", "evidence", "participants", "territory"]
)
def test_no_value_of_the_wrong_kind_gets_into_a_field(field: Any, value: Any) -> None:
    state = after(requested("r-2", (RequestItem(id="a", text="?", field=field),)), state=STATES["accepted"])
    found = refused(state, clarify(("a", "да", value), request="r-2"))
    assert found and all(pointer.startswith("/data/answers/0/value") for pointer, _ in found)


@pytest.mark.parametrize("request_", [None, 5, "", "r-0"])
def test_a_request_that_was_not_made_cannot_be_answered(request_: Any) -> None:
    [(pointer, rule)] = refused(STATES["asked"], clarify(("why", "а"), request=request_))
    assert pointer == "/data/request"
    assert rule == "request.unknown" if request_ == "r-0" else rule.startswith("schema.")


@pytest.mark.parametrize("outcome", list(RequestOutcome))
def test_a_request_that_is_closed_cannot_be_answered(outcome: RequestOutcome) -> None:
    state = after(request_closed(outcome), state=STATES["asked"])
    assert refused(state, clarify(("why", "а"))) == [("/data/request", "request.closed")]


def test_a_request_that_is_answered_cannot_be_answered_again() -> None:
    state = after(clarify(("why", "а"), ("costs", "б"), ("end", "в"), id_="all"), state=STATES["asked"])
    assert refused(state, clarify(("why", "а"))) == [("/data/request", "request.closed")]


# ---- later events: about no pilot of the agency


@pytest.mark.parametrize(
    ("subject", "action"),
    [
        (SUBJECT, "retry"),
        (None, "fix"),
        ("ПП-2026-000123", "fix"),
        (SUBJECT.upper(), "retry"),
        (SUBJECT + "\n", "retry"),
        (SUBJECT + "0", "fix"),
    ],
)
def test_an_unknown_pilot_is_told_with_all_else_that_is_wrong(subject: str | None, action: str) -> None:
    command = withdraw(subject=subject, reason="")
    own = pilot_id(command.agency, command.event_id)
    [fact] = decide(None, command, Context(NOW, own, SOMEBODY, Given(BOOK, LATER_ENTRY), CALENDARS))
    assert isinstance(fact, SubmissionRefusedV1)
    told_ = {p.rule: (p.pointer, p.action) for p in fact.problems}
    assert told_ == {"schema.blank": ("/data/reason", "fix"), "pilot.unknown": ("/subject", action)}
    for one in fact.problems:
        in_every_language(one)


@given(st.sampled_from(["resubmit", "clarify", "withdraw"]), st.sampled_from(PILOTS), st.data())
def test_a_later_event_with_any_part_replaced_is_decided_and_its_refusal_tells_no_personal_value(
    kind: str, name: str, data: st.DataObject
) -> None:
    command = {"resubmit": resubmit(), "clarify": clarify(("costs", "а", [])), "withdraw": withdraw()}[kind]
    path = data.draw(st.sampled_from([p for p in places(command.event) if p and p[0] not in ("id", "type", "subject")]))
    changed = Later(command.agency, command.event_id, replaced(command.event, path, data.draw(values)))
    facts = decide(STATES[name], changed, Context(NOW, SUBJECT, SOMEBODY, Given(BOOK, LATER_ENTRY), CALENDARS))
    assert facts
    told_ = "".join(p.model_dump_json() for f in facts if isinstance(f, EventRefusedV1) for p in f.problems)
    assert not [secret for secret in SECRETS if secret in told_]
    for fact in facts:
        json.dumps(fact.model_dump(mode="json"), ensure_ascii=False).encode()
