"""What an executor reported: what it comes to is what its entries sum to, and a decision needs no entry but to correct
it."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.reference import IndicatorValue, Payment
from contracts.registry import (
    EntryCorrectedV1,
    PilotCompletedV1,
    ProgressRecordedV1,
    ResultRecordedV1,
    SpendingRecordedV1,
)
from contracts.steps import Correctable, Correction, Results, Spending
from deploy.samples import registry as say
from deploy.samples.common import DAY, NOW, basis
from deploy.samples.registry import REGISTRAR, paid, value
from services.chassis.fold import state_json
from services.registry import views
from services.registry.domain.commands import RecordReport, Tick
from services.registry.domain.reported import Entries, Reported, SpendingEntry, Telling
from services.registry.domain.state import Pilot
from tests.kit.registry.life import Life, at, content, story
from tests.kit.registry.rows import FULL

SAID: dict[str, Any] = {"actor": REGISTRAR, "at": NOW, "event_id": "e"}
payments = st.lists(
    st.builds(
        lambda source, year, amount: Payment(
            source=source, year=year, amount_minor=amount, currency="BYN", paid=DAY, document="пп"
        ),
        st.sampled_from(["own-money", "budget"]),
        st.sampled_from([2025, 2026]),
        st.integers(1, 9),
    ),
    min_size=1,
    max_size=3,
).map(tuple)
values = st.lists(
    st.builds(
        lambda code, days, said: IndicatorValue(indicator=code, value=str(said), measured=DAY - timedelta(days=days)),
        st.sampled_from(["wait", "share", "other"]),
        st.integers(0, 2),
        st.integers(0, 9),
    ),
    max_size=3,
).map(tuple)


@given(st.lists(st.one_of(payments, values, st.tuples(st.integers(0, 4), payments)), max_size=12))
def test_what_it_comes_to_is_what_the_entries_come_to(told: list[Any]) -> None:
    entries, reported = Entries(), Reported()
    for n, one in enumerate(told):
        fact = fact_of(one, n, entries)
        entries, reported = entries.after(fact), reported.after(fact)
        assert reported == Reported.of(entries) and reported.counts(entries)
    assert sum(one.amount_minor for one in reported.paid) == sum(
        payment.amount_minor for one in entries.spending for payment in one.payments
    )
    for last in reported.last:
        mine = [one for one in entries.values if one.indicator == last.indicator]
        assert last == max(reversed(mine), key=lambda one: one.measured), "of one day, the one said last"


def fact_of(told: Any, n: int, entries: Entries) -> Telling:
    match told:
        case (int() as place, tuple() as paid_now):
            known = 1 <= place <= len(entries.spending)
            was = entries.spending[place - 1] if known else SpendingEntry(event_id="none", payments=paid_now)
            now = was.model_copy(update={"payments": paid_now})
            said = {"was": was.model_dump(mode="json"), "now": now.model_dump(mode="json")}
            why = {"reason": "Опечатка.", "basis": basis()}
            return EntryCorrectedV1(actor=REGISTRAR, at=NOW, what=Correctable.SPENDING, place=place, **said, **why)
        case (Payment(), *_):
            return SpendingRecordedV1(**SAID, payments=told)
        case _ if n % 3 == 0:
            period = say.report(DAY).period
            return ProgressRecordedV1(**SAID, period=period, summary="Идёт.", values=told)
        case _ if n % 3 == 1:
            return ResultRecordedV1(**SAID, values=told or (value("4"),))
        case _:
            return PilotCompletedV1(**SAID, finished=DAY, summary="Готово.", values=told)


def stored(state: Pilot) -> Pilot:
    """A pilot as it is read from its document."""
    return Pilot.model_validate(state_json(state))


def test_a_document_keeps_what_reports_come_to_and_no_entry() -> None:
    life = at("running")
    life.report("rep-1", value("4"))
    before = len(str(state_json(life.pilot)))
    for n in range(200):
        life.report(f"rep-{n}", value("4"))
        life.spend(paid(1), id_=f"sp-{n}")
    state = state_json(life.pilot)
    assert {"reports", "values", "spending", "entries"}.isdisjoint(state)
    assert len(str(state)) < before + 800, "a pilot with two hundred reports is hardly longer than one with the first"
    assert len(life.pilot.reports) == 201 and life.pilot.reported.spending == 200
    assert stored(life.pilot).money == life.pilot.money and stored(life.pilot).progress == life.pilot.progress


def test_ended_terms_are_counted_and_not_kept() -> None:
    life = at("running")
    for days in (1, 400, 1):
        life.later(days=days)
        life.report()
    [reports] = [one for one in life.pilot.past_own_terms if one.kind == "progress-report"]
    assert (reports.kept, reports.broken) == (2, 1)
    assert all(one.open for one in life.pilot.own_terms)


def test_what_is_decided_on_a_pilot_as_it_is_stored_is_what_is_decided_on_one_with_all_its_entries() -> None:
    life = at("running")
    assert life.pilot.launch is not None
    moved = content(life.pilot.launch, basis=content(basis(number="6")))
    commands: list[object] = [
        RecordReport("r-1", say.report(life.day, value("4"))),
        RecordReport("s-1", Spending(payments=(paid(5), paid(7)))),
        RecordReport("v-1", Results(values=(value("3"),))),
        Correction(what=Correctable.LAUNCH, place=1, content=moved, reason="Опечатка.", basis=basis(life.day)),
        RecordReport("r-2", say.report(life.day, value("2"))),
        Tick(life.now + timedelta(days=400)),
        RecordReport("done", say.complete(life.day, value("1"))),
    ]
    for command in commands:
        state = stored(life.pilot)
        said: dict[str, Any] = {"now": life.now, "actor": REGISTRAR, "given": life.book}
        facts = list(story.when(state, command, **said))
        assert facts == list(story.when(life.pilot, command, **said)) and facts
        life.do(command)
        assert state_json(story.given(*facts, state=state)) == state_json(life.pilot)


def of_an_earlier_program(state: Pilot) -> dict[str, Any]:
    """A state as a program stored it that kept everything in one document."""
    said = views.stated(state)
    del said["reported"], said["past_own_terms"]
    return said


def test_a_document_of_an_earlier_program_is_read_with_all_its_entries() -> None:
    life = at("running")
    life.report("r-1", value("4"))
    life.spend(paid(5), id_="s-1")
    read = Pilot.model_validate(of_an_earlier_program(life.pilot))
    assert read.of_old and read.entries == life.pilot.entries
    assert state_json(read.model_copy(update={"past_own_terms": life.pilot.past_own_terms})) == state_json(life.pilot)
    assert not stored(life.pilot).of_old and stored(life.pilot).entries is None


def test_the_ended_terms_of_an_earlier_programs_document_are_counted() -> None:
    [open_, *_] = FULL.own_terms
    ledger = open_.ledger.model_copy(update={"ended": NOW})
    ended = [open_.model_copy(update={"ledger": ledger, "late": late}) for late in (True, False, False)]
    said = {**of_an_earlier_program(FULL), "own_terms": [one.model_dump(mode="json") for one in (*ended, open_)]}
    read = Pilot.model_validate(said)
    assert [one.kind for one in read.own_terms] == [open_.kind]
    assert [(one.kept, one.broken) for one in read.past_own_terms] == [(2, 1)]


@pytest.mark.parametrize(
    "written",
    [
        {"spending": [], "reported": {"spending": 2}},
        {"reports": [], "values": [], "spending": [], "reported": {}},
    ],
)
def test_a_document_that_an_earlier_program_wrote_to_after_this_one_is_a_fault_and_no_shorter_account(
    written: dict[str, Any],
) -> None:
    with pytest.raises(ValidationError, match="it must be rebuilt"):
        Pilot.model_validate({**state_json(FULL), **written})


def test_what_is_no_list_of_terms_is_a_fault_of_the_document_as_before() -> None:
    for wrong in (5, [5], [{"ledger": 5}], [{"ledger": {"ended": 5}}]):
        with pytest.raises(ValidationError):
            Pilot.model_validate({**state_json(FULL), "own_terms": wrong})
    with pytest.raises(ValidationError):
        Pilot.model_validate({**state_json(FULL), "spending": 5})


def test_payments_are_corrected_by_the_entry_as_it_stands() -> None:
    life = Life().running()
    for n in range(3):
        life.spend(paid(10 + n), id_=f"s-{n}")
    life.correct(Correctable.SPENDING, content(life.pilot.spending[1], payments=[content(paid(1))]), 2)
    assert [one.payments[0].amount_minor for one in life.pilot.spending] == [10, 1, 12]
    [line] = life.pilot.reported.paid
    assert (line.amount_minor, line.payments) == (23, 3)
