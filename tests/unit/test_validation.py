"""What is asked of an agency's event: every fault at once, its exact place, its rule, both languages, no secrets."""

import copy
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example as also
from hypothesis import given
from hypothesis import strategies as st
from story import BOOK, NOW, SUBJECT

from contracts.agency import ApplicationSubmittedV1, ApplicationSubmittedV2
from contracts.event import NewerVersion
from contracts.freeze import example
from contracts.intake import ApplicationRegisteredV1, EditionFrom, SubmissionRefusedV1
from contracts.reference import Problem
from contracts.rules import Edition
from services.chassis.subject import Context
from services.intake.domain.agency import Agency, Given
from services.intake.domain.pilot import Submit, UnknownAgency, decide
from services.intake.domain.validation import CLOCK_SKEW, RUSSIAN, judge
from services.intake.handlers import copies, submission

CODE = "vedomstvo-primer"
BY = BOOK.edition("by-2024")
US = BOOK.edition("demo-us")
V1, V2 = ApplicationSubmittedV1.TYPE, ApplicationSubmittedV2.TYPE
SECRETS = ("Образцова Проба Примеровна", "contact@primer.example", "+375 00 000-00-00")


def event(kind: str = V2, **data: Any) -> dict[str, Any]:
    """The example with changes to its data (None: left out)."""
    found = copy.deepcopy(example(kind))
    found["data"] = {k: v for k, v in {**found["data"], **data}.items() if v is not None}
    return found


def us_event(kind: str = V2, **data: Any) -> dict[str, Any]:
    """An application by the rules of the demonstration edition."""
    agency = {"id": {"scheme": "US-FED", "value": "HHS/CDC"}}
    money = {"costs": None, "total_cost": None}
    return event(
        kind, **{**money, "executor": None, "initiator": agency, "customer": agency, "sector": "science", **data}
    )


def faults(found: dict[str, Any], edition: Edition | None = BY, now: datetime = NOW) -> list[tuple[str, str]]:
    """The place and the rule of everything that is wrong with an event."""
    judged = judge(found, CODE, edition, now)
    assert (judged.submission is None) == bool(judged.problems)
    for problem in judged.problems:
        in_both_languages(problem)
    return [(p.pointer, p.rule) for p in judged.problems]


def in_both_languages(problem: Problem) -> None:
    assert problem.message.isascii()
    assert problem.message[:1].isupper()
    assert any("а" <= letter <= "я" for letter in problem.message_ru.lower())


def unp(value: str) -> dict[str, Any]:
    return {"id": {"scheme": "BY-UNP", "value": value}}


# ---- everything at once

TWENTY_FAULTS: dict[str, Any] = {
    "specversion": "0.3",
    "id": "app-2026-0099",
    "source": "/agencies/another",
    "type": V2,
    "subject": "",
    "time": "2026-04-16T09:05:01Z",
    "datacontenttype": "text/xml",
    "traceparent": "0" * 101,
    "data": {
        "problem": "п" * 4001,
        "solution": "р" * 8001,
        "sector": "space",
        "initiator": unp("700000113"),
        "customer": {"id": {"scheme": "RU-INN", "value": "9999000006"}},
        "executor": unp("MA7000001"),
        "planned_start": "2026-06-01",
        "planned_end": "2026-05-31",
        "own_number": "1" * 61,
        "costs": [
            {"source": "piggy-bank", "year": 2026, "amount_minor": 100, "currency": "USD"},
            {"source": "own-money", "year": 1999, "amount_minor": "100", "currency": "BYN"},
        ],
        "contact": {"name": "", "email": SECRETS[1], "phone": SECRETS[2]},
    },
}


def test_twenty_faults_are_twenty_problems_in_one_answer_with_exact_places_and_rules() -> None:
    assert sorted(faults(TWENTY_FAULTS)) == sorted(
        [
            ("/specversion", "schema.literal-error"),
            ("/source", "source.not-yours"),
            ("/subject", "schema.string-too-short"),
            ("/time", "time.future"),
            ("/datacontenttype", "schema.literal-error"),
            ("/traceparent", "schema.string-too-long"),
            ("/data/title", "schema.missing"),
            ("/data/problem", "text.length"),
            ("/data/solution", "schema.string-too-long"),
            ("/data/sector", "sector.unknown"),
            ("/data/initiator/id/value", "party.check-digit"),
            ("/data/customer/id/scheme", "party.scheme"),
            ("/data/executor/id/value", "party.not-legal-entity"),
            ("/data/planned_end", "dates.order"),
            ("/data/own_number", "schema.string-too-long"),
            ("/data/costs/0/currency", "costs.currency"),
            ("/data/costs/0/source", "costs.source"),
            ("/data/costs/1/year", "schema.greater-than-equal"),
            ("/data/costs/1/amount_minor", "schema.int-type"),
            ("/data/contact/name", "schema.string-too-short"),
        ]
    )
    assert len(faults(TWENTY_FAULTS)) == 20


def test_no_problem_repeats_a_personal_value() -> None:
    told = "".join(p.model_dump_json() for p in judge(TWENTY_FAULTS, CODE, BY, NOW).problems)
    assert not [secret for secret in SECRETS if secret in told]


@pytest.mark.parametrize("kind", [V1, V2])
def test_the_examples_of_both_versions_are_without_fault(kind: str) -> None:
    assert faults(event(kind)) == []


def test_every_fault_that_the_contract_can_find_is_named_in_russian() -> None:
    wrong = {
        "missing": event(title=None, sector=None),
        "string_too_short": event(title=""),
        "string_too_long": event(title="т" * 301),
        "string_pattern_mismatch": event(sector="Health Care"),
        "string_type": event(title=5),
        "int_type": event(costs=[{"source": "own-money", "year": "x", "amount_minor": 1, "currency": "BYN"}]),
        "greater_than_equal": event(costs=[{"source": "own-money", "amount_minor": -1, "currency": "BYN"}]),
        "less_than_equal": event(costs=[{"source": "own-money", "year": 2101, "amount_minor": 1, "currency": "BYN"}]),
        "timezone_aware": {**event(), "time": "2026-04-16T08:00:00"},
        "literal_error": {**event(), "specversion": "2.0"},
    }
    assert wrong.keys() == RUSSIAN.keys()
    for kind, found in wrong.items():
        said = {p.rule: p.message_ru for p in judge(found, CODE, BY, NOW).problems}
        assert said[f"schema.{kind.replace('_', '-')}"] == RUSSIAN[kind]


# ---- the envelope


def test_an_agency_publishes_under_its_own_source_only() -> None:
    assert faults({**event(), "source": "/agencies/another"}) == [("/source", "source.not-yours")]
    assert faults({**event(), "source": "/services/intake"}) == [("/source", "source.not-yours")]


@pytest.mark.parametrize(
    ("ahead", "found"),
    [(CLOCK_SKEW, []), (CLOCK_SKEW + timedelta(milliseconds=1), [("/time", "time.future")])],
)
def test_an_agencys_clock_may_run_a_little_ahead(ahead: timedelta, found: list[Any]) -> None:
    assert faults({**event(), "time": (NOW + ahead).isoformat()}) == found


def test_a_time_without_an_edition_is_a_problem_of_the_time() -> None:
    assert faults(event(), edition=None) == [("/time", "edition.none")]


@pytest.mark.parametrize("kind", ["pilots.agency.application-withdrawn.v1", "pilots.intake.agency-entered.v1"])
def test_an_unknown_type_is_refused_and_the_known_ones_are_named(kind: str) -> None:
    judged = judge({**event(), "type": kind}, CODE, BY, NOW)
    assert [(p.pointer, p.rule) for p in judged.problems] == [("/type", "type.unknown")]
    assert V2 in judged.problems[0].message


@pytest.mark.parametrize("missing", ["specversion", "source", "type", "time", "data"])
def test_each_required_attribute_is_missed(missing: str) -> None:
    found = event()
    del found[missing]
    assert (f"/{missing}", "schema.missing") in faults(found)


# ---- organisations


@pytest.mark.parametrize("value", ["700000112", "700000125", "700000138"])
def test_a_number_of_a_legal_entity_passes_exactly_when_its_check_digit_is_right(value: str) -> None:
    last = [f"{value[:8]}{digit}" for digit in range(10)]
    passed = [one for one in last if faults(event(initiator=unp(one))) == []]
    assert len(passed) == 1


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("700000113", "party.check-digit"),
        ("700000126", "party.check-digit"),
        ("MA7000001", "party.not-legal-entity"),
        ("MA7000002", "party.check-digit"),
        ("МА7000001", "party.form"),
        ("МA7000001", "party.form"),
        ("70000011", "party.form"),
        ("7000001120", "party.form"),
        ("700 000 112", "party.form"),
        ("700000112 ", "party.form"),
        ("700000112\n", "party.form"),
        ("УНП700000112", "party.form"),
        ("ma7000001", "party.form"),
        ("٧٠٠٠٠٠١١٢", "party.form"),
    ],
)
@pytest.mark.parametrize("role", ["initiator", "customer", "executor"])
def test_no_party_is_a_person_or_has_a_wrong_number(role: str, value: str, rule: str) -> None:
    assert faults(event(**{role: unp(value)})) == [(f"/data/{role}/id/value", rule)]


@pytest.mark.parametrize("role", ["initiator", "customer", "executor"])
@pytest.mark.parametrize("scheme", ["RU-OGRN", "US-FED", "BY-OTHER"])
def test_a_scheme_that_the_edition_does_not_take_is_refused(role: str, scheme: str) -> None:
    party = {"id": {"scheme": scheme, "value": "700000112"}}
    assert faults(event(**{role: party})) == [(f"/data/{role}/id/scheme", "party.scheme")]


def test_an_executor_need_not_be_named() -> None:
    assert faults(event(executor=None)) == []


@pytest.mark.parametrize("role", ["initiator", "customer"])
def test_initiator_and_customer_must_be_named(role: str) -> None:
    assert faults(event(**{role: None})) == [(f"/data/{role}", "schema.missing")]


# ---- money


@pytest.mark.parametrize(("source", "found"), [("own-money", []), ("other", []), ("unspecified", [])])
def test_every_source_of_the_edition_may_pay(source: str, found: list[Any]) -> None:
    line = {"source": source, "year": 2026, "amount_minor": 1, "currency": "BYN"}
    assert faults(event(costs=[line])) == found


def test_version_1_names_the_currency_where_it_stands_there() -> None:
    found = event(V1, total_cost={"amount_minor": 1, "currency": "USD"})
    assert faults(found) == [("/data/total_cost/currency", "costs.currency")]


@pytest.mark.parametrize("kind", [V1, V2])
def test_costs_may_be_left_out(kind: str) -> None:
    assert faults(event(kind, costs=None, total_cost=None)) == []


@pytest.mark.parametrize(("kind", "pointer"), [(V1, "/data/total_cost"), (V2, "/data/costs")])
def test_an_edition_may_demand_costs(kind: str, pointer: str) -> None:
    assert BY.money is not None
    strict = BY.model_copy(update={"money": BY.money.model_copy(update={"costs_required": True})})
    assert faults(event(kind, costs=None, total_cost=None), strict) == [(pointer, "costs.required")]
    assert faults(event(kind), strict) == []


# ---- the demonstration edition


@pytest.mark.parametrize("kind", [V1, V2])
def test_the_demonstration_edition_takes_an_application_without_money(kind: str) -> None:
    assert faults(us_event(kind), US) == []


@pytest.mark.parametrize(
    ("kind", "money", "pointer"),
    [
        (V1, {"total_cost": {"amount_minor": 0, "currency": "USD"}}, "/data/total_cost"),
        (
            V2,
            {"costs": [{"source": "other", "amount_minor": 1, "currency": "USD"}] * 2},
            "/data/costs/0",
        ),
    ],
)
def test_the_demonstration_edition_refuses_money(kind: str, money: dict[str, Any], pointer: str) -> None:
    assert faults(us_event(kind, **money), US) == [(pointer, "costs.refused")]


@pytest.mark.parametrize("sector", ["health", "administrative-functions", "finance"])
def test_the_demonstration_edition_refuses_sectors_that_are_not_in_its_list(sector: str) -> None:
    assert faults(us_event(sector=sector), US) == [("/data/sector", "sector.unknown")]


@pytest.mark.parametrize(("value", "found"), [("DHS", []), ("HHS/CDC", []), ("hhs", ["party.form"])])
def test_the_demonstration_edition_knows_agencies_by_their_abbreviation(value: str, found: list[str]) -> None:
    party = {"id": {"scheme": "US-FED", "value": value}}
    assert [rule for _, rule in faults(us_event(initiator=party), US)] == found


def test_the_demonstration_edition_has_no_longest_pilot() -> None:
    assert faults(us_event(planned_start="2026-01-01", planned_end="2036-01-01"), US) == []


# ---- dates and texts


@pytest.mark.parametrize(
    ("start", "end", "rules"),
    [
        ("2026-06-01", "2026-06-01", []),
        ("2026-06-01", "2027-05-31", []),
        ("2026-06-01", "2027-06-01", ["dates.longest"]),
        ("2024-02-29", "2025-02-27", []),
        ("2024-02-29", "2025-02-28", ["dates.longest"]),
        ("2026-06-02", "2026-06-01", ["dates.order"]),
        (None, "2026-06-01", []),
        ("2026-06-01", None, []),
    ],
)
def test_a_pilot_ends_after_its_start_and_within_twelve_months(start: Any, end: Any, rules: list[str]) -> None:
    found = faults(event(planned_start=start, planned_end=end))
    assert found == [("/data/planned_end", rule) for rule in rules]


@pytest.mark.parametrize("name", ["problem", "solution", "expected_effect"])
def test_a_text_is_as_long_as_the_edition_says_at_most(name: str) -> None:
    limit = BY.lengths[name].value
    assert faults(event(**{name: "т" * limit})) == []
    assert faults(event(**{name: "т" * (limit + 1)})) == [(f"/data/{name}", "text.length")]


def test_a_fault_of_the_shape_is_not_told_again_by_a_rule_for_the_same_place() -> None:
    assert faults(event(sector=5)) == [("/data/sector", "schema.string-type")]
    assert faults(event(initiator={"id": {"scheme": "BY-UNP"}})) == [("/data/initiator/id/value", "schema.missing")]


def test_a_fault_of_the_shape_hides_no_fault_of_another_place() -> None:
    assert faults(event(title=None, sector="space")) == [
        ("/data/title", "schema.missing"),
        ("/data/sector", "sector.unknown"),
    ]


# ---- whatever comes

ENTRY = Agency(code=CODE, name="Ведомство", editions=(EditionFrom(edition="by-2024", since=date(2024, 4, 1)),))
US_ENTRY = ENTRY.model_copy(update={"editions": (EditionFrom(edition="demo-us", since=date.min),)})
LONG_AGO_AND_FAR = ("0001-01-01T00:00:00+23:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 1e308, -1, 10**400)


def decided(body: bytes, entry: Agency | None = ENTRY) -> list[Any]:
    """What intake makes of the bytes, or nothing where it rightly waits for a hand."""
    try:
        one = submission(CODE, body, "kafka:pilots.agency.vedomstvo-primer.v1/0/7")
        return list(decide(None, one.command, Context(NOW, SUBJECT, one.actor, Given(BOOK, entry, "ПП-2026-000001"))))
    except (NewerVersion, UnknownAgency):
        return []


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=10)
    | st.sampled_from([*SECRETS, *LONG_AGO_AND_FAR, "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all parts of an event."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """The event with another value at a place."""
    if not path:
        return by
    changed = copy.deepcopy(value)
    part = changed
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = by
    return changed


def told(facts: list[Any]) -> str:
    """Everything that a refusal says, to the register and to the agency."""
    problems = [p for fact in facts if isinstance(fact, SubmissionRefusedV1) for p in fact.problems]
    return "".join(p.model_dump_json() for p in problems)


@given(st.binary(max_size=300))
@also(b"")
@also(b"[" * 100_000)
@also(b'{"id":' + b"[" * 970 + b"]" * 970 + b"}")
@also(b'{"id": "\\ud800"}')
@also(b'{"id": "a", "type": "pilots.agency.application-submitted.v3"}')
@also(b'{"id": "a", "data": NaN}')
@also(b"\xff\xfe{\x00}\x00")
@also(b"1" * 5000)
def test_random_bytes_are_refused_or_wait_and_never_raise(body: bytes) -> None:
    assert all(isinstance(fact, SubmissionRefusedV1) for fact in decided(body))


@given(values)
def test_random_json_is_refused_or_waits_and_never_raises(value: Any) -> None:
    assert all(isinstance(fact, SubmissionRefusedV1) for fact in decided(json.dumps(value).encode()))


@given(st.sampled_from([V1, V2]), st.sampled_from([ENTRY, US_ENTRY, None]), st.data())
def test_an_event_with_any_part_replaced_is_decided_and_its_refusal_tells_no_personal_value(
    kind: str, entry: Agency | None, data: st.DataObject
) -> None:
    found = event(kind)
    path = data.draw(st.sampled_from(places(found)))
    facts = decided(json.dumps(replaced(found, path, data.draw(values))).encode(), entry)
    assert [type(fact) for fact in facts[:1]] in ([], [SubmissionRefusedV1], [ApplicationRegisteredV1])
    assert not [secret for secret in SECRETS if secret in told(facts)]


@given(st.sampled_from(LONG_AGO_AND_FAR), st.sampled_from([ENTRY, US_ENTRY]))
def test_a_time_that_no_zone_can_hold_is_refused_as_a_time(time: Any, entry: Agency) -> None:
    facts = decided(json.dumps({**us_event(), "time": time}).encode(), entry)
    assert isinstance(facts[0], SubmissionRefusedV1)
    assert "/time" in [p.pointer for p in facts[0].problems]


@given(st.sampled_from(SECRETS), st.sampled_from([p for p in places(event()) if p and p[0] != "id"]))
def test_a_personal_value_in_the_wrong_place_is_not_told_back(secret: str, path: tuple[Any, ...]) -> None:
    facts = decided(json.dumps(replaced(event(), path, secret), ensure_ascii=False).encode())
    assert secret not in told(facts)


def test_a_refusal_and_its_receipt_carry_nothing_of_the_contact_person() -> None:
    [refused] = decided(json.dumps(event(sector="space"), ensure_ascii=False).encode())
    whole = {
        "id": "f-1",
        "type": refused.TYPE,
        "subject": SUBJECT,
        "time": "2026-04-16T09:00:00.000Z",
        "correlationid": "app-2026-0017",
        "data": refused.model_dump(mode="json"),
    }
    [receipt] = copies(whole)
    said = refused.model_dump_json() + receipt.value.decode()
    assert not [secret for secret in SECRETS if secret in said]


def test_the_same_event_is_the_same_command_by_both_doors() -> None:
    body = json.dumps(event()).encode()
    by_kafka, by_http = submission(CODE, body, "kafka:x"), submission(CODE, body, "http:y")
    assert (by_kafka.subject, by_kafka.mark, by_kafka.command) == (by_http.subject, by_http.mark, by_http.command)
    assert isinstance(by_kafka.command, Submit)
    assert NOW.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("9999000006", []),
        ("9999000007", [("/data/executor/id/value", "party.check-digit")]),
        ("999900000097", [("/data/executor/id/value", "party.not-legal-entity")]),
        ("99990000", [("/data/executor/id/value", "party.form")]),
    ],
)
def test_an_executor_may_be_named_by_a_russian_inn_with_its_check_digits(
    value: str, found: list[tuple[str, str]]
) -> None:
    assert faults(event(executor={"id": {"scheme": "RU-INN", "value": value}})) == found


def test_an_initiator_cannot_be_named_by_a_russian_inn() -> None:
    named = event(initiator={"id": {"scheme": "RU-INN", "value": "9999000006"}})
    assert faults(named) == [("/data/initiator/id/scheme", "party.scheme")]
