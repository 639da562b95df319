"""What of the executor's reports counts once, and how much of them there may be."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.agency import AGENCY
from contracts.intake import (
    ProgressRegisteredV1,
    ResultRegisteredV1,
    SpendingRegisteredV1,
)
from contracts.reference import Payment, Period, Problem
from services.intake.domain.commands import Later
from services.intake.domain.report_history import ADDRESSED, MOST_BYTES, MOST_PROGRESS, ReportHistory, mark_of, size_of
from services.intake.domain.shape import MOST_PROBLEM_BYTES, MOST_PROBLEMS, bounded, unless_covered
from tests.kit.common import made
from tests.kit.intake.reports import ALL, CARRIED, CODES, each, faults, refused
from tests.kit.intake.story import (
    CODE,
    PAYMENT,
    STATES,
    VALUE,
    after,
    agreed,
    completed,
    judged,
    launched,
    measured,
    pilots,
    progress,
    risks,
    spent,
)
from tests.kit.wording import says

# ---- what counts once, and how much there may be


def test_a_period_is_reported_on_once_and_a_neighbouring_or_overlapping_one_still() -> None:
    state = after(progress(), state=CARRIED)
    [problem] = refused(state, progress("p-2", summary="Ещё раз."))
    assert (problem.pointer, problem.rule, problem.action) == ("/data/period", "period.twice", "fix")
    assert says(problem, "2026-03-02", "2026-03-31", "result-reported")
    for since, until in (("2026-04-01", "2026-04-15"), ("2026-03-02", "2026-04-15"), ("2026-03-03", "2026-03-31")):
        assert faults(progress("p-3", period={"since": since, "until": until}), state) == []


def test_a_refused_report_leaves_its_period_and_its_payments_free() -> None:
    state = after(progress(summary=None), spent({**PAYMENT, "source": "piggy-bank"}, PAYMENT), state=CARRIED)
    assert state.taken == CARRIED.taken
    assert (faults(progress("p-2"), state), faults(spent(id_="s-2"), state)) == ([], [])


def test_a_payment_is_taken_once_whatever_report_names_it_and_one_that_differs_in_anything_is_another() -> None:
    paid = {**PAYMENT, "document": "п/п 17"}
    state = after(spent(PAYMENT, paid), state=CARRIED)
    other = [
        {**paid, "document": "п/п 18"},
        {**paid, "paid": "2026-04-02"},
        {**paid, "source": "republican-budget"},
        {**paid, "year": 2027},
        {**paid, "amount_minor": 4_500_001},
    ]
    assert faults(spent(*other, id_="s-2"), state) == []
    assert faults(spent(other[0], paid, PAYMENT, id_="s-3"), state) == [
        ("/data/payments/1", "payment.twice"),
        ("/data/payments/2", "payment.twice"),
    ]
    [problem] = refused(state, spent(paid, id_="s-4"))
    assert (problem.rule, problem.action) == ("payment.twice", "fix")


def test_a_payment_that_stands_twice_in_one_report_is_pointed_at_where_it_stands_again() -> None:
    assert faults(spent(PAYMENT, {**PAYMENT, "year": 2027}, PAYMENT)) == [("/data/payments/2", "payment.twice")]


def test_a_payment_counts_once_also_after_carrying_out_is_over() -> None:
    state = after(spent(), judged(), state=CARRIED)
    assert faults(spent(id_="s-2"), state) == [("/data/payments/0", "payment.twice")]


payments = made(Payment)


@given(payments, payments)
def test_two_payments_have_one_mark_exactly_when_they_are_equal_in_everything(one: Payment, other: Payment) -> None:
    assert (mark_of(one) == mark_of(other)) == (one == other)
    assert mark_of(one) == mark_of(Payment.model_validate_json(one.model_dump_json()))


@each
def test_the_bytes_of_a_report_are_counted_as_it_is_registered_and_nothing_of_the_report_is_kept(kind: str) -> None:
    [fact] = pilots.when(CARRIED, ALL[kind])
    state = pilots.given(fact, state=CARRIED)
    said = fact.model_dump(mode="json", exclude=ADDRESSED)
    written = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    assert state.taken.size == CARRIED.taken.size + len(written)
    assert len(json.dumps(state.taken.model_dump(mode="json"))) < len(written) + 200


def filled(size: int) -> Any:
    """A pilot of whose reports so many bytes are taken."""
    return CARRIED.model_copy(update={"taken": ReportHistory(size=size)})


@each
def test_reports_of_one_pilot_are_taken_up_to_their_bound_and_not_a_byte_beyond(kind: str) -> None:
    [fact] = pilots.when(CARRIED, ALL[kind])
    left = MOST_BYTES - size_of(fact)
    assert faults(ALL[kind], filled(left)) == []
    [problem] = refused(filled(left + 1), ALL[kind])
    assert (problem.pointer, problem.rule, problem.action) == ("/data", "reports.too-large", "fix")
    assert says(problem, MOST_BYTES, left + 1, size_of(fact))


def test_the_longest_evidence_again_and_again_ends_at_the_bound() -> None:
    days = [date(2026, 3, 2) + timedelta(days=n) for n in range(46)]
    rows = [
        {**VALUE, "indicator": code, "measured": day.isoformat(), "evidence": "я" * 4_000}
        for code in CODES
        for day in days
    ]
    state, taken = CARRIED, 0
    for turn in range(10):
        facts = pilots.when(state, measured(*rows, id_=f"v-{turn}"))
        taken += isinstance(facts[0], ResultRegisteredV1)
        state = pilots.given(*facts, state=state)
    assert (taken, state.told("v-9").outcome) == (2, "refused")
    assert state.taken.size <= MOST_BYTES
    assert faults(spent(), state) == [], "what is short still has room"


def test_what_is_remembered_of_the_shortest_reports_up_to_the_bound_stays_far_below_what_a_document_holds() -> None:
    [short] = pilots.when(CARRIED, spent({**PAYMENT, "amount_minor": 1, "source": "other"}))
    assert isinstance(short, SpendingRegisteredV1)
    most = MOST_BYTES // len(short.payments[0].model_dump_json())
    assert most * len(mark_of(short.payments[0])) < 1024 * 1024
    [report] = pilots.when(CARRIED, progress(summary="1", values=[]))
    assert isinstance(report, ProgressRegisteredV1)
    assert MOST_PROGRESS * len(report.period.model_dump_json()) < 1024 * 1024


def test_reports_on_the_course_are_taken_up_to_their_number_and_not_one_more_and_the_other_reports_still() -> None:
    [fact] = pilots.when(CARRIED, progress())
    assert isinstance(fact, ProgressRegisteredV1)
    first = date(1990, 1, 1)
    days = [first + timedelta(days=n) for n in range(MOST_PROGRESS)]
    periods = tuple(Period(since=day, until=day) for day in days)
    last = CARRIED.model_copy(update={"taken": ReportHistory(periods=periods[:-1])})
    assert faults(progress(), last) == []
    full = pilots.given(fact, state=last)
    assert len(full.taken.periods) == MOST_PROGRESS
    [problem] = refused(full, progress("p-2", period={"since": "2026-04-01", "until": "2026-04-15"}))
    assert (problem.pointer, problem.rule, problem.action) == ("/data", "reports.too-many", "fix")
    assert says(problem, MOST_PROGRESS, "result-reported")
    for command in (spent(), risks(), measured(), completed("c-2")):
        assert faults(command, full) == []


# ---- too much at once


class Rows(list[Any]):
    """A list that counts how many of its rows were taken out of it."""

    looked_at = 0

    def __iter__(self) -> Iterator[Any]:
        for one in super().__iter__():
            self.looked_at += 1
            yield one

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if isinstance(key, slice):
            self.looked_at = max(self.looked_at, len(found))
        return found


LISTED: Mapping[str, tuple[str, str]] = {
    "progress": ("values", "100"),
    "spending": ("payments", "200"),
    "risk": ("risks", "100"),
    "result": ("values", "100"),
    "completion": ("values", "100"),
}
FAULTY: Mapping[str, Any] = {"a number": 1, "an empty row": {}, "an unknown code": {**VALUE, "indicator": "weather"}}


def with_rows(kind: str, rows: list[Any]) -> Later:
    """The report with these rows in its list."""
    sent = ALL[kind].event
    return Later(CODE, "many", {**sent, "id": "many", "data": {**sent["data"], LISTED[kind][0]: rows}})


@each
@pytest.mark.parametrize("row", sorted(FAULTY))
def test_of_a_list_that_is_too_long_only_that_is_told_and_no_row_beyond_its_bound_is_looked_at(
    kind: str, row: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, most = LISTED[kind]
    read, validated = AGENCY.read, list[int]()

    def reading(type_name: str, data: Mapping[str, Any], *what: Any, **how: Any) -> Any:
        validated.append(len(data[name]))
        return read(type_name, data, *what, **how)

    monkeypatch.setattr(AGENCY, "read", reading)
    rows = Rows([FAULTY[row]] * (1024 * 1024 // len(json.dumps(FAULTY[row]))))
    [problem] = refused(CARRIED, with_rows(kind, rows))
    assert (problem.pointer, problem.rule) == (f"/data/{name}", "schema.too-long")
    assert says(problem, most, len(rows))
    assert 0 < rows.looked_at <= int(most)
    assert validated == [int(most)]


@each
def test_other_faults_are_told_beside_a_list_that_is_too_long(kind: str) -> None:
    command = with_rows(kind, [1] * 5_000)
    command = replace(command, event={**command.event, "source": "/agencies/another"})
    name, _ = LISTED[kind]
    assert faults(command) == [("/source", "source.not-yours"), (f"/data/{name}", "schema.too-long")]


def test_a_hundred_problems_are_named_and_a_last_one_counts_the_others() -> None:
    found = refused(CARRIED, progress(values=[{}] * 100))
    assert len(found) == MOST_PROBLEMS + 1
    assert {one.rule for one in found[:-1]} == {"schema.missing"}
    last = found[-1]
    assert (last.pointer, last.rule, last.action) == ("", "problems.more", "fix")
    assert says(last, 200)


def test_up_to_a_hundred_problems_nothing_is_counted() -> None:
    rows = [{**VALUE, "indicator": "weather"}] * 100
    assert [one.rule for one in refused(CARRIED, measured(*rows))] == ["indicator.unknown"] * MOST_PROBLEMS


def test_of_many_agreed_indicators_the_first_twenty_are_named() -> None:
    codes = [f"visits-{n}" for n in range(100)]
    state = after(agreed(*codes), launched(), state=STATES["positive"])
    [problem] = refused(state, measured({**VALUE, "indicator": "weather"}))
    for words in (problem.message, problem.message_ru, problem.message_be or ""):
        assert words.endswith(f": {', '.join(codes[:20])}, ....")


def test_problems_beyond_the_bytes_of_a_refusal_are_counted_and_not_named() -> None:
    words = {"message": "m" * 4_000, "message_ru": "я" * 4_000, "message_be": "ў" * 4_000}
    long = Problem(pointer="/data", rule="some.rule", **words)
    found = bounded([long] * 90)
    written = json.dumps([one.model_dump() for one in found], ensure_ascii=False).encode()
    assert MOST_PROBLEM_BYTES - 24_000 < len(written) <= MOST_PROBLEM_BYTES
    assert found[:-1] == (long,) * (len(found) - 1)
    assert found[-1].rule == "problems.more"
    assert says(found[-1], 90 - len(found) + 1)


def test_a_single_problem_however_long_is_told_at_a_place_that_there_is() -> None:
    words = {"message": "M" * 10**6, "message_ru": "я" * 10**6, "message_be": "ў" * 10**6}
    huge = Problem(pointer=f"/data/here/{'k' * 1024 * 1024}/0", rule="a.b", **words)
    [one] = bounded([huge])
    assert (one.pointer, one.rule) == ("/data/here", "a.b")
    assert len(one.model_dump_json().encode()) < MOST_PROBLEM_BYTES // 10


pointers = st.lists(st.sampled_from(["a", "b", "ab", "0"]), max_size=4).map(
    lambda parts: "".join("/" + p for p in parts)
)


def at(pointer: str) -> Problem:
    return Problem(pointer=pointer, rule="a.b", message="M", message_ru="я")


@given(pointers, st.lists(pointers, max_size=4))
def test_a_problem_is_covered_where_its_place_lies_in_a_faulty_one_or_around_it(place: str, faulty: list[str]) -> None:
    inside = [place == one or place.startswith(one + "/") or one.startswith(place + "/") for one in faulty]
    assert unless_covered([at(place)], [at(one) for one in faulty]) == ([] if any(inside) else [at(place)])
