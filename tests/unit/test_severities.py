"""A rule has a severity for each edition: what it lets pass is taken and told, what it blocks is refused."""

import re
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.event import Event
from contracts.intake import ApplicationRegisteredV1, EventReceived, EventRefusedV1, SubmissionRefusedV1
from contracts.reference import Problem
from contracts.rules import read_edition
from contracts.severities import DEFAULTS
from contracts.steps import Correctable
from contracts.words import wordings
from deploy.local.home import ROOT
from deploy.samples.common import BOOK, NOW, SUBJECT, with_edition
from services.intake.domain.agency import Given
from services.intake.domain.commands import Later, Submit
from services.intake.domain.decide import decide
from services.intake.receipts import receipt_of
from services.law.decision import Context
from tests.kit.calendars import CALENDARS
from tests.kit.common import SOMEBODY
from tests.kit.intake.events import BY, CODE, ENTRY, V1, event, faults, unp, with_severities
from tests.kit.intake.reports import CARRIED
from tests.kit.intake.story import PAYMENT, STATES, after, clarify, corrected, resubmit, spent
from tests.unit.test_rules import text

MONEY = {"source": "republican-budget", "year": 2026, "amount_minor": 100, "currency": "BYN"}
TOO_MUCH = {**PAYMENT, "amount_minor": 50_000_001}
CONTACT = {"name": "Образцова Проба", "email": "contact@primer.example"}
BREAKS: dict[str, tuple[str, Any]] = {
    "field.unknown": ("/data/colour", event(colour="red")),
    "attribute.capitals": ("/MyExtension", {**event(), "MyExtension": "x"}),
    "time.missing": ("/time", {**event(), "time": None}),
    "start.past": ("/data/planned_start", event(planned_start="2026-01-12", planned_end=None)),
    "own-number.used": ("/data/own_number", event(own_number="1-2-3")),
    "party.perhaps-person": ("/data/customer/name", event(customer={**unp("790000016"), "name": "John Sample"})),
    "party.bare-name": ("/data/customer/name", event(customer={**unp("790000016"), "name": "Bo Li"})),
    "contact.phone": ("/data/contact/phone", event(contact={**CONTACT, "phone": "позвоните"})),
    "costs.total": ("/data/total_cost", event(costs=[MONEY], total_cost={"amount_minor": 99, "currency": "BYN"})),
    "costs.required": ("/data/costs", event(costs=[])),
    "dates.longest": ("/data/planned_end", event(planned_start="2027-01-01", planned_end="2029-01-01")),
    "text.length": ("/data/solution", event(solution="х" * 4001)),
    "adaptation.unwanted": ("/data/adaptation", event(adaptation="Другие аппараты.")),
    "party.check-digit": ("/data/executor/id/value", event(executor=unp("790000017"))),
    "spending.over-budget": ("/data/payments", spent(TOO_MUCH)),
}
"""Of each rule whose severity an edition sets: an event that breaks it and nothing else, and where."""
USED = {"1-2-3": "ПП-2026-000007"}
each = pytest.mark.parametrize("rule", sorted(BREAKS))


def become(sent: Any, severity: str, rule: str) -> tuple[Any, list[Problem]]:
    """The fact that is made of an event where the edition has this severity of the rule, and its problems."""
    money = BY.money.model_copy(update={"costs_required": rule == "costs.required"}) if BY.money else None
    book = with_edition(with_severities(BY.model_copy(update={"money": money}), {rule: severity}))
    given = Given(book, ENTRY, "ПП-2026-000001", used=USED)
    context = Context(NOW, SUBJECT, SOMEBODY, given, CALENDARS)
    later = isinstance(sent, Later)
    fact = decide(CARRIED if later else None, sent if later else Submit(CODE, sent["id"], sent), context)[0]
    return fact, problems_of(fact)


def problems_of(fact: Any) -> list[Problem]:
    return list(fact.problems)


@each
def test_a_rule_that_an_edition_lets_pass_is_told_and_one_that_it_blocks_is_refused(rule: str) -> None:
    where, sent = BREAKS[rule]
    for severity, facts in (
        ("warn", ApplicationRegisteredV1 | EventReceived),
        ("block", SubmissionRefusedV1 | EventRefusedV1),
    ):
        fact, problems = become(sent, severity, rule)
        assert isinstance(fact, facts)
        assert [(one.pointer, one.rule, one.severity) for one in problems] == [(where, rule, severity)]


@each
def test_what_is_only_told_is_told_in_the_receipt_too(rule: str) -> None:
    fact, problems = become(BREAKS[rule][1], "warn", rule)
    said = receipt_of(Event("e", "intake", fact.TYPE, SUBJECT, NOW, 1, "c", {}, fact))
    assert said is not None and list(said.problems) == problems != []


def test_every_rule_whose_severity_can_be_set_has_words_and_is_broken_here() -> None:
    assert set(DEFAULTS) == set(BREAKS)
    assert set(DEFAULTS) <= set(wordings())


def test_each_edition_shows_the_severity_of_each_rule_its_default_and_where_it_comes_from() -> None:
    for edition in BOOK.values():
        shown = edition.model_dump(mode="json")["severities"]
        assert set(shown["rules"]) == set(shown["defaults"]) == set(DEFAULTS)
        assert shown["origin"]["kind"] == "assumption" and shown["origin"]["note"]


def test_an_edition_that_names_no_severity_has_the_defaults() -> None:
    bare = re.sub(r'(?m)^"[a-z.-]+" = "(warn|block)"\n', "", text("by-2024"))
    assert read_edition(bare).severities.rules == DEFAULTS


@pytest.mark.parametrize(
    ("before", "after_", "said"),
    [
        ('"start.past" = "warn"', '"start.passed" = "warn"', "start.passed"),
        ('"start.past" = "warn"', '"sector.unknown" = "warn"', "sector.unknown"),
        ('"start.past" = "warn"', '"start.past" = "perhaps"', "severities.rules.`start.past`"),
        ("[severities.rules]", '[severities.defaults]\n"start.past" = "block"\n[severities.rules]', "defaults"),
    ],
)
def test_an_edition_with_an_unknown_rule_or_severity_is_refused_when_it_is_read(
    before: str, after_: str, said: str
) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        read_edition(text("by-2024").replace(before, after_))


# ---- the rules themselves


@pytest.mark.parametrize(
    ("phone", "right"),
    [
        ("+375 00 000-00-00", True),
        ("+375000000000", True),
        ("8 (000) 000-00-00", True),
        ("8\u00a0(000)\u00a0000‑00‑00, доб. 12", True),
        ("000-00-00 ext 5", True),
        ("00000", True),
        ("0000", False),
        ("позвоните", False),
        ("+375 00 000-00-00 и ещё 000-00-00", False),
        ("++375000000000", False),
        ("1234567890123456", False),
    ],
)
def test_a_telephone_number_is_one_however_people_write_it(phone: str, right: bool) -> None:
    assert faults(event(contact={**CONTACT, "phone": phone})) == (
        [] if right else [("/data/contact/phone", "contact.phone")]
    )


@pytest.mark.parametrize(
    ("costs", "total", "found"),
    [
        ([MONEY], 100, []),
        ([MONEY, {**MONEY, "year": 2027}], 200, []),
        ([MONEY, {**MONEY, "year": 2027}], 100, ["costs.total"]),
        ([MONEY], "сто", ["schema.int-type"]),
        ([{**MONEY, "amount_minor": "сто"}, MONEY], 100, ["schema.int-type"]),
    ],
)
def test_a_total_is_the_sum_of_its_lines(costs: Any, total: Any, found: list[str]) -> None:
    sent = event(costs=costs, total_cost={"amount_minor": total, "currency": "BYN"})
    assert [rule for _, rule in faults(sent)] == found


def test_the_total_of_an_old_version_is_no_sum_of_anything() -> None:
    assert faults(event(V1)) == []


def test_the_total_stands_in_no_fact() -> None:
    fact, _ = become(event(costs=[MONEY], total_cost={"amount_minor": 100, "currency": "BYN"}), "block", "costs.total")
    assert "total_cost" not in fact.application.model_dump()


def test_an_own_number_that_another_application_has_is_told_in_a_resubmission_and_in_an_answer_too() -> None:
    given = Given(BOOK, ENTRY, used=USED)
    context = Context(NOW, SUBJECT, SOMEBODY, given, CALENDARS)
    for state, command, where in (
        (STATES["negative"], resubmit("n-1", own_number=" 1-2-3 "), "/data/own_number"),
        (asking_for_the_number(), clarify(("number", "т", "1-2-3")), "/data/answers/0/value"),
    ):
        fact = next(one for one in decide(state, command, context) if isinstance(one, EventReceived))
        assert [(one.pointer, one.rule, one.severity) for one in fact.problems] == [(where, "own-number.used", "warn")]
        assert "ПП-2026-000007" in fact.problems[0].message


def asking_for_the_number() -> Any:
    state = STATES["asked"]
    [request] = state.open_requests
    item = request.items[-1].model_copy(update={"id": "number", "field": "own_number"})
    changed = request.model_copy(update={"items": (item,), "open_items": ("number",)})
    return state.model_copy(update={"requests": (changed,)})


def test_payments_are_held_against_what_the_agreement_commits_by_source_and_all_together() -> None:
    half = {**PAYMENT, "amount_minor": 25_000_000}
    first = after(spent(half), state=CARRIED)
    full = {**half, "paid": "2026-04-02"}
    assert told(first, spent(full, id_="s-2")) == []
    over = {**full, "amount_minor": 25_000_001}
    [problem] = told(first, spent(over, id_="s-2"))
    assert (problem.rule, problem.severity) == ("spending.over-budget", "warn")
    assert all(said in problem.message for said in ("50000001", "50000000", "own-money", "BYN"))
    other = {**PAYMENT, "source": "local-budget", "amount_minor": 1}
    assert [one.rule for one in told(first, spent(other, id_="s-2"))] == ["spending.over-budget"]
    overspent = after(spent(over, id_="s-2"), state=first)
    fits = {**PAYMENT, "source": "republican-budget"}
    assert told(overspent, spent(fits, id_="s-3")) == [], "what is over already is told where it grows"


def test_of_an_agreement_that_says_no_money_nothing_is_known() -> None:
    state = CARRIED.model_copy(update={"carrying_out": CARRIED.carrying_out.model_copy(update={"committed": ()})})
    assert told(state, spent(TOO_MUCH)) == []


def test_payments_that_the_register_corrected_are_counted_as_they_stand_there() -> None:
    """A slip of the pen that was mended holds nothing against the next report, and does not come in again."""
    slip, right = {**PAYMENT, "amount_minor": 49_000_000}, {**PAYMENT, "amount_minor": 4_900_000}
    state = after(spent(slip), state=CARRIED)
    fits = {**PAYMENT, "amount_minor": 45_000_000, "paid": "2026-04-02"}
    assert [one.rule for one in told(state, spent(fits, id_="s-2"))] == ["spending.over-budget"]
    was, now = ({"event_id": "s-1", "payments": [one]} for one in (slip, right))
    mended = after(corrected(Correctable.SPENDING, now, was), state=state)
    assert told(mended, spent(fits, id_="s-2")) == []
    beyond = {**fits, "amount_minor": 45_100_001}
    assert [one.rule for one in told(mended, spent(beyond, id_="s-2"))] == ["spending.over-budget"]
    for known in (slip, right):
        [fact] = decide(mended, spent(known, id_="s-3"), Context(NOW, SUBJECT, SOMEBODY, Given(BOOK, ENTRY), CALENDARS))
        assert [one.rule for one in problems_of(fact)] == ["payment.twice"]
    assert mended.carrying_out == state.carrying_out and mended.taken.size == state.taken.size
    gone = after(corrected(Correctable.SPENDING, {**now, "payments": []}, was), state=state)
    assert [one.amount_minor for one in gone.taken.paid] == [0]


def told(state: Any, command: Later) -> list[Problem]:
    """What a report is taken with."""
    context = Context(NOW, SUBJECT, SOMEBODY, Given(BOOK, ENTRY), CALENDARS)
    [fact] = decide(state, replace(command), context)
    return problems_of(fact)


def test_the_document_lists_every_rule_that_can_warn_with_what_it_is_by_itself() -> None:
    said = (ROOT / "docs" / "changing-rules.md").read_text(encoding="utf-8")
    lines = {
        severity: re.search(rf"^- `{severity}`: ((?:.|\n)+?)\n(?=- |\n)", said, re.M) for severity in ("warn", "block")
    }
    named = {rule: severity for severity, found in lines.items() if found for rule in re.findall("`([^`]+)`", found[1])}
    assert named == DEFAULTS
