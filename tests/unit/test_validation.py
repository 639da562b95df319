"""What is asked of an agency's event: every fault at once, its exact place, its rule, both languages, no secrets."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.intake import SubmissionRefusedV1
from contracts.rules import Edition
from contracts.topics import AGENCY_MAX_BYTES
from deploy.samples.common import BOOK, NOW, SUBJECT, with_switches
from services.intake.domain.agency import Given
from services.intake.domain.commands import Submit
from services.intake.domain.decide import decide
from services.intake.domain.shape import CLOCK_SKEW, MOST_PROBLEMS
from services.intake.domain.validation import judge
from services.law.decision import Context
from tests.kit.calendars import CALENDARS
from tests.kit.common import SOMEBODY
from tests.kit.intake.events import (
    BY,
    CODE,
    ENTRY,
    SECRETS,
    US,
    V1,
    V2,
    event,
    faults,
    refused,
    unp,
    us_event,
)
from tests.kit.intake.story import STATES, clarify, resubmit
from tests.kit.wording import in_every_language, says

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
        "replicates": "\u00a0",
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
            ("/subject", "schema.blank"),
            ("/time", "time.future"),
            ("/datacontenttype", "schema.string-pattern-mismatch"),
            ("/data/title", "schema.missing"),
            ("/data/problem", "text.length"),
            ("/data/solution", "schema.string-too-long"),
            ("/data/sector", "sector.unknown"),
            ("/data/initiator/id/value", "party.check-digit"),
            ("/data/customer/id/scheme", "party.scheme"),
            ("/data/executor/id/value", "party.not-legal-entity"),
            ("/data/planned_end", "dates.order"),
            ("/data/own_number", "schema.string-too-long"),
            ("/data/replicates", "schema.blank"),
            ("/data/costs/0/currency", "costs.currency"),
            ("/data/costs/0/source", "costs.source"),
            ("/data/costs/1/year", "schema.greater-than-equal"),
            ("/data/costs/1/amount_minor", "schema.int-type"),
            ("/data/contact/name", "schema.blank"),
        ]
    )
    assert len(faults(TWENTY_FAULTS)) == 20


def test_no_problem_repeats_a_personal_value() -> None:
    told = "".join(p.model_dump_json() for p in judge(TWENTY_FAULTS, CODE, BY, NOW).problems)
    assert not [secret for secret in SECRETS if secret in told]


@pytest.mark.parametrize("kind", [V1, V2])
def test_the_examples_of_both_versions_are_without_fault(kind: str) -> None:
    assert faults(event(kind)) == []


def test_every_fault_that_the_contract_can_find_is_named_in_every_language() -> None:
    wrong = {
        "missing": event(title=None, sector=None),
        "blank": event(title=""),
        "string_too_long": event(title="т" * 301),
        "string_pattern_mismatch": event(contact={"name": "О", "email": "о"}),
        "string_type": event(title=5),
        "int_type": event(costs=[{"source": "own-money", "year": "x", "amount_minor": 1, "currency": "BYN"}]),
        "greater_than_equal": event(costs=[{"source": "own-money", "amount_minor": -1, "currency": "BYN"}]),
        "less_than_equal": event(costs=[{"source": "own-money", "year": 2101, "amount_minor": 1, "currency": "BYN"}]),
        "timezone_aware": {**event(), "time": "2026-04-16T08:00:00"},
        "literal_error": {**event(), "specversion": "2.0"},
    }
    for kind, found in wrong.items():
        rule = f"schema.{kind.replace('_', '-')}"
        [said] = [p for p in judge(found, CODE, BY, NOW).problems if p.rule == rule][:1]
        in_every_language(said)


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


@pytest.mark.parametrize("kind", ["pilots.agency.application-praised.v1", "pilots.intake.agency-entered.v1"])
def test_an_unknown_type_is_refused_and_the_known_ones_are_named(kind: str) -> None:
    judged = judge({**event(), "type": kind}, CODE, BY, NOW)
    assert [(p.pointer, p.rule) for p in judged.problems] == [("/type", "type.unknown")]
    assert says(judged.problems[0], V2)


@pytest.mark.parametrize("missing", ["specversion", "source", "type", "data"])
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
        ("MA7000002", "party.not-legal-entity"),
        ("МА7000001", "party.look-alike"),
        ("МA7000001", "party.look-alike"),
        ("70000011", "party.form"),
        ("7000001120", "party.form"),
        ("700 000 112", "party.blanks"),
        ("700-000-112", "party.blanks"),
        ("МА 7000001", "party.look-alike"),
        ("000000000", "party.zeros"),
        ("УНП700000112", "party.form"),
        ("ma7000001", "party.form"),
        ("٧٠٠٠٠٠١١٢", "party.form"),
    ],
)
@pytest.mark.parametrize("role", ["initiator", "customer", "executor"])
def test_no_party_is_a_person_or_has_a_wrong_number(role: str, value: str, rule: str) -> None:
    assert faults(event(V2, **{role: unp(value)})) == [(f"/data/{role}/id/value", rule)]


@pytest.mark.parametrize("role", ["initiator", "customer", "executor"])
@pytest.mark.parametrize("scheme", ["RU-OGRN", "US-FED", "BY-OTHER"])
def test_a_scheme_that_the_edition_does_not_take_is_refused(role: str, scheme: str) -> None:
    party = {"id": {"scheme": scheme, "value": "700000112"}}
    assert faults(event(V2, **{role: party})) == [(f"/data/{role}/id/scheme", "party.scheme")]


def test_an_executor_need_not_be_named() -> None:
    assert faults(event(executor=None)) == []


@pytest.mark.parametrize("role", ["initiator", "customer"])
def test_initiator_and_customer_must_be_named(role: str) -> None:
    assert faults(event(V2, **{role: None})) == [(f"/data/{role}", "schema.missing")]


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


def test_the_demonstration_edition_has_a_longest_pilot_too() -> None:
    assert faults(us_event(planned_start="2026-05-01", planned_end="2027-04-30"), US) == []
    found = faults(us_event(planned_start="2026-05-01", planned_end="2027-05-01"), US)
    assert found == [("/data/planned_end", "dates.longest")]


# ---- dates and texts


@pytest.mark.parametrize(("start", "told"), [("2026-04-15", True), ("2026-04-16", False), ("2026-06-01", False)])
def test_a_start_that_has_passed_is_told_and_no_reason_to_refuse(start: str, told: bool) -> None:
    judged = judge(event(planned_start=start, planned_end=None), CODE, BY, NOW)
    assert judged.submission is not None
    assert [(one.rule, one.severity) for one in judged.problems] == [("start.past", "warn")] * told
    for one in judged.problems:
        in_every_language(one)


@pytest.mark.parametrize(
    ("day", "rule"),
    [
        ("0", "schema.day-form"),
        ("1798675200000", "schema.day-form"),
        (46000, "schema.day-form"),
        ("2026-6-1", "schema.day-form"),
        ("01.06.2026", "schema.day-form"),
        ("2026-06-31", "schema.no-such-day"),
        ("2026-06-01T00:00:00Z", "schema.date-from-datetime-inexact"),
        ("2026-06-01 00:00:00", "schema.date-from-datetime-inexact"),
        ("1905-07-18", "schema.bare-year"),
        ("1905-06-22", "schema.bare-year"),
        ("1905-09-30", "schema.bare-year"),
        ("1905-10-01", "schema.year-beyond"),
        ("0001-01-01", "schema.day-for-nothing"),
        ("1970-01-01", "schema.day-for-nothing"),
        ("1999-12-31", "schema.year-beyond"),
        ("2101-01-01", "schema.year-beyond"),
    ],
)
@pytest.mark.parametrize("place", ["planned_start", "planned_end"])
def test_a_day_that_is_none_is_one_problem_in_words_of_its_own(place: str, day: Any, rule: str) -> None:
    sent = event(**{"planned_start": "2026-06-01", "planned_end": "2026-07-01", place: day})
    assert faults(sent) == [(f"/data/{place}", rule)]
    for one in judge(sent, CODE, BY, NOW).problems:
        in_every_language(one)


def test_an_edition_may_allow_other_years() -> None:
    older = BY.model_copy(
        update={
            "numbers": BY.numbers.model_copy(
                update={"first_year": BY.numbers.first_year.model_copy(update={"value": 1991})}
            )
        }
    )
    sent = event(planned_start="1995-06-01", planned_end="1995-07-01")
    assert faults(sent, older) == [("/data/planned_start", "start.past")]
    assert [rule for _, rule in faults(sent)] == ["schema.year-beyond", "schema.year-beyond"]


@pytest.mark.parametrize(
    ("time", "rule"),
    [
        ("1790000000", "schema.moment-form"),
        (1790000000, "schema.moment-form"),
        ("2026-04-16", "schema.moment-form"),
        ("2026-04-16 08:00:00Z", "schema.moment-form"),
        ("2026-04-16T08:00:00", "schema.timezone-aware"),
        ("2016-12-31T23:59:60Z", "schema.leap-second"),
        ("2026-02-30T08:00:00Z", "schema.no-such-day"),
        ("1970-01-01T00:00:00Z", "schema.day-for-nothing"),
        ("1999-04-16T08:00:00Z", "schema.year-beyond"),
    ],
)
def test_a_moment_that_is_none_is_one_problem_in_words_of_its_own(time: Any, rule: str) -> None:
    assert faults({**event(), "time": time}) == [("/time", rule)]
    for one in judge({**event(), "time": time}, CODE, BY, NOW).problems:
        in_every_language(one)


@pytest.mark.parametrize(
    "time", ["2026-04-16t08:00:00z", "2026-04-16T11:00:00+03:00", "2026-04-16T08:00:00.123456789Z"]
)
def test_a_moment_of_rfc_3339_is_taken_however_it_is_written(time: str) -> None:
    assert faults({**event(), "time": time}) == []


BLANKS = ["", " ", "\u00a0", "\u200b", "\ufeff", "\u00ad\u2060", "\u202e", "\x00", "\u3164", "\t\n", "\U000e0041"]


@pytest.mark.parametrize("text", BLANKS)
@pytest.mark.parametrize("place", ["title", "problem", "solution", "expected_effect", "territory", "own_number"])
def test_what_shows_nothing_says_nothing(place: str, text: str) -> None:
    assert faults(event(**{place: text})) == [(f"/data/{place}", "schema.blank")]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (" Запись  \u00a0", "Запись"),
        ("Строка\x0bвторая", "Строка вторая"),
        ("\x1b[31mкрасный", "[31mкрасный"),
        ("A\x00B\uffffC", "ABC"),
        ("абв\u202eгде\u2066ж", "абвгдеж"),
        ("\u2028Имя\tи\r\nещё", "Имя и ещё"),
        ("👩\u200d👩\u200d👧 Семья ❤\ufe0f", "👩\u200d👩\u200d👧 Семья ❤\ufe0f"),
        ("Cямʼя — «Ёлка»", "Cямʼя — «Ёлка»"),
    ],
)
def test_a_title_is_kept_without_what_nobody_sees(given: str, kept: str) -> None:
    judged = judge(event(title=given), CODE, BY, NOW)
    assert judged.submission is not None
    assert judged.submission.title == kept


def test_lines_stay_where_a_text_may_have_several() -> None:
    judged = judge(event(problem=" Раз,\r\nдва\x0b\tтри.\x07\n"), CODE, BY, NOW)
    assert judged.submission is not None
    assert judged.submission.problem == "Раз,\nдва\n\tтри."


@pytest.mark.parametrize("id_", [".", ".."])
def test_an_id_is_no_step_within_a_path(id_: str) -> None:
    assert faults({**event(), "id": id_}) == [("/id", "schema.text-never")]


@pytest.mark.parametrize("id_", ["...", ".a", "a/..", "№ 12/2026 а?б#%2F"])
def test_other_ids_are_taken_whatever_they_look_like(id_: str) -> None:
    assert faults({**event(), "id": id_}) == []


@pytest.mark.parametrize(
    "name",
    [None, "application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;a=b; c=d"],
)
def test_the_media_type_of_json_may_be_unset_and_have_parameters(name: str | None) -> None:
    assert faults({**event(), "datacontenttype": name}) == []


@pytest.mark.parametrize("name", ["", "text/json5", "application/jsonx", "application/xml"])
def test_another_media_type_is_refused_with_the_right_one(name: str) -> None:
    [found] = judge({**event(), "datacontenttype": name}, CODE, BY, NOW).problems
    assert "application/json" in found.message_ru


@pytest.mark.parametrize("name", ["traceparent", "tracestate"])
@pytest.mark.parametrize("said", ["x" * 1000, "", 5, None, ["x"], "\n", "\ud800"])
def test_what_traces_an_event_is_never_a_reason_to_refuse(name: str, said: Any) -> None:
    assert faults({**event(), name: said}) == []


@pytest.mark.parametrize(
    ("start", "end", "rules"),
    [
        ("2026-06-01", "2026-06-01", []),
        ("2026-06-01", "2027-05-31", []),
        ("2026-06-01", "2027-06-01", ["dates.longest"]),
        ("2028-02-29", "2029-02-27", []),
        ("2028-02-29", "2029-02-28", ["dates.longest"]),
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
    limit = getattr(BY.lengths, name).value
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


# ---- the procedure, and who took part


def with_switch(name: str) -> Edition:
    return with_switches("by-2024", BOOK, **{name: True}).edition("by-2024")


@pytest.mark.parametrize("procedure", ["credit", "replication"])
def test_a_procedure_that_the_edition_has_not_is_refused(procedure: str) -> None:
    assert faults(event(procedure=procedure)) == [("/data/procedure", "procedure.off")]
    assert faults(us_event(procedure=procedure), US) == [("/data/procedure", "procedure.off")]


@pytest.mark.parametrize(("procedure", "name"), [("credit", "evidence"), ("replication", "replicates")])
def test_a_credit_and_a_replication_rest_on_something(procedure: str, name: str) -> None:
    edition = with_switch(procedure)
    assert faults(event(procedure=procedure), edition) == [(f"/data/{name}", f"{name}.required")]
    assert faults(event(procedure=procedure, **{name: "ПП-2025-000007"}), edition) == []


def test_an_unknown_procedure_is_a_fault_of_the_shape_alone() -> None:
    assert faults(event(procedure="shortcut")) == [("/data/procedure", "schema.enum")]


@pytest.mark.parametrize("procedure", [None, "pilot", "credit"])
def test_only_what_copies_another_says_what_is_adapted(procedure: str | None) -> None:
    edition = with_switches("by-2024", credit=True, replication=True).edition("by-2024")
    rest = {"evidence": "Акт.", "adaptation": "Другая база."}
    assert faults(event(procedure=procedure, **rest), edition) == [("/data/adaptation", "adaptation.unwanted")]
    assert faults(event(procedure=procedure, replicates="ПП-2025-000007", **rest), edition) == []
    assert faults(event(procedure="replication", **rest), edition) == [("/data/replicates", "replicates.required")]


# ---- where, who looks after it, and which sectors


@pytest.mark.parametrize("name", ["region", "office"])
def test_a_region_and_an_office_are_of_the_lists_of_the_edition(name: str) -> None:
    codes: dict[str, Any] = {"region": BY.regions.codes, "office": BY.offices.codes}
    assert [faults(event(**{name: code})) for code in codes[name]] == [[]] * len(codes[name])
    assert faults(event(**{name: "atlantis"})) == [(f"/data/{name}", f"{name}.unknown")]
    assert faults(event(**{name: "Atlantis"})) == [(f"/data/{name}", f"{name}.unknown")], "a code in another form too"
    assert faults(us_event(**{name: codes[name][0]}), US) == [(f"/data/{name}", f"{name}.unknown")]


def test_version_1_knows_neither_regions_nor_shares() -> None:
    found = faults(event(V1, region="atlantis", sector_shares=[{"sector": "space", "basis_points": 1}]))
    assert found == [("/data/region", "field.unknown"), ("/data/sector_shares", "field.unknown")]


def shares(**points: Any) -> list[tuple[str, str]]:
    """What is wrong with these shares of an application for health."""
    given = [{"sector": sector, "basis_points": part} for sector, part in points.items()]
    return faults(event(sector="health", sector_shares=given))


WHOLE = "/data/sector_shares"


@pytest.mark.parametrize(
    ("points", "found"),
    [
        ({}, []),
        ({"health": 10_000}, []),
        ({"health": 3_333, "education": 3_333, "transport": 3_334}, []),
        ({"health": 1, "education": 9_999}, []),
        ({"health": 9_999}, [(WHOLE, "shares.sum")]),
        ({"health": 10_000, "education": 1}, [(WHOLE, "shares.sum")]),
        ({"education": 10_000}, [(WHOLE, "shares.sector")]),
        ({"education": 5_000}, [(WHOLE, "shares.sum")]),
        ({"health": 5_000, "space": 5_000}, [(f"{WHOLE}/1/sector", "sector.unknown")]),
        ({"health": 10_000, "education": 0}, [(f"{WHOLE}/1/basis_points", "schema.greater-than-equal")]),
        ({"health": 10**400}, [(f"{WHOLE}/0/basis_points", "schema.less-than-equal")]),
        ({"health": True}, [(f"{WHOLE}/0/basis_points", "schema.int-type")]),
    ],
)
def test_shares_are_of_known_sectors_the_main_one_among_them_and_make_up_all_of_it(points: Any, found: Any) -> None:
    assert shares(**points) == found


def test_a_sector_has_one_share() -> None:
    twice = [{"sector": "health", "basis_points": 5_000}] * 2
    assert faults(event(sector="health", sector_shares=twice)) == [(f"{WHOLE}/1/sector", "sector.twice")]
    unknown = [{"sector": "space", "basis_points": 5_000}] * 2
    found = [(f"{WHOLE}/0/sector", "sector.unknown"), (f"{WHOLE}/1/sector", "sector.unknown")]
    assert faults(event(sector="space", sector_shares=unknown)) == [("/data/sector", "sector.unknown"), *found]


@given(st.lists(st.integers(1, 9_999), min_size=1, max_size=len(BY.sectors.codes)))
def test_shares_are_taken_exactly_when_they_sum_to_the_whole(parts: list[int]) -> None:
    given_ = [{"sector": code, "basis_points": p} for code, p in zip(BY.sectors.codes, parts, strict=False)]
    found = faults(event(sector=BY.sectors.codes[0], sector_shares=given_))
    assert found == ([] if sum(parts) == 10_000 else [(WHOLE, "shares.sum")])
    rest = 10_000 - sum(parts[1:])
    if rest > 0:
        given_[0]["basis_points"] = rest
        assert faults(event(sector=BY.sectors.codes[0], sector_shares=given_)) == []


def test_a_resubmission_is_held_against_the_same_lists() -> None:
    command = resubmit(region="atlantis", office="atlantis", adaptation="Иначе.", sector_shares=[{"sector": "space"}])
    assert refused(STATES["returned"], command) == [
        ("/data/sector_shares/0/basis_points", "schema.missing"),
        ("/data/region", "region.unknown"),
        ("/data/office", "office.unknown"),
        ("/data/sector_shares/0/sector", "sector.unknown"),
        ("/data/adaptation", "adaptation.unwanted"),
    ]


PERSON, PERSONS_NUMBER = "Образцов Пётр Примерович", "MA1953684"
"""A fictional person and a natural person's tax number."""


@pytest.mark.parametrize("place", ["participants/0", "initiator", "customer", "executor"])
@pytest.mark.parametrize("who", [PERSON, "ИП Образцов П. П.", "П. П. Образцов", "Образцов Пётр", None])
def test_a_natural_person_is_no_party_and_no_name_or_tax_number_enters_a_fact(place: str, who: str | None) -> None:
    name, _, _row = place.partition("/")
    for number, rules in ((PERSONS_NUMBER, {"party.not-legal-entity"}), ("700000112", set[str]())):
        party = {**unp(number), **({"name": who} if who else {})}
        changed: dict[str, Any] = {name: [party] if name == "participants" else party}
        sent = event(**changed)
        expected = rules | ({"party.person-name"} if who else set())
        found = {(p.rule, p.pointer) for p in judge(sent, CODE, BOOK.edition("by-2024"), NOW).problems}
        assert {rule for rule, _ in found} == expected
        assert all(pointer.startswith(f"/data/{place}/") for _, pointer in found)
        facts = decide(
            None, Submit(CODE, "app", sent), Context(NOW, SUBJECT, SOMEBODY, Given(BOOK, ENTRY, "N"), CALENDARS)
        )
        said = "".join(fact.model_dump_json() for fact in facts)
        assert PERSONS_NUMBER not in said and (not expected or "Образцов" not in said)


@pytest.mark.parametrize(
    "name",
    [
        "ООО «Образцов и партнёры»",
        "УЗ «Больница имени П. П. Образцова»",
        "Министерство здравоохранения",
        "ГУ Центр Ганцевич",
        "Барановичский горисполком",
        "ОАО «Пётр Примерович»",
        "U.S. Department of Energy",
    ],
)
def test_an_organisation_that_is_called_after_a_person_or_a_town_is_no_person(name: str) -> None:
    assert faults(event(customer={**unp("700000112"), "name": name})) == []


def test_whoever_took_part_is_named_by_a_right_number_of_a_known_scheme() -> None:
    good = [unp("700000112"), {"id": {"scheme": "RU-INN", "value": "9999000006"}}]
    assert faults(event(participants=good)) == []
    bad = [unp("700000113"), {"id": {"scheme": "US-FED", "value": "HHS"}}, unp("7"), {"id": {"scheme": "BY-UNP"}}]
    assert faults(event(participants=bad)) == [
        ("/data/participants/3/id/value", "schema.missing"),
        ("/data/participants/0/id/value", "party.check-digit"),
        ("/data/participants/1/id/scheme", "party.scheme"),
        ("/data/participants/2/id/value", "party.form"),
    ]


# ---- too much at once

MANY = {"costs": 100, "participants": 50, "sector_shares": 20}


@pytest.mark.parametrize("name", sorted(MANY))
@pytest.mark.parametrize("row", [1, {}, {"sector": "space", "source": "piggy-bank"}])
def test_of_a_list_of_an_application_that_is_too_long_only_that_is_told(name: str, row: Any) -> None:
    assert faults(event(V2, **{name: [row] * 5_000})) == [(f"/data/{name}", "schema.too-long")]
    [problem] = judge(event(V2, **{name: [row] * 5_000}), CODE, BY, NOW).problems
    assert says(problem, MANY[name], 5_000)


def test_the_lists_of_resubmissions_and_of_answers_are_bounded_as_well() -> None:
    met = [{"place": 1, "text": "т"}] * 5_000
    assert refused(STATES["negative"], resubmit("n-1", met=met)) == [("/data/met", "schema.too-long")]
    answers = [{"item": "why", "text": "т"}] * 5_000
    assert refused(STATES["asked"], clarify(*answers)) == [("/data/answers", "schema.too-long")]
    costs = clarify(("costs", "т", [1] * 5_000))
    assert refused(STATES["asked"], costs) == [("/data/answers/0/value", "schema.too-long")]


def test_an_application_with_hundreds_of_faults_is_refused_with_a_hundred_named_and_a_receipt_that_fits() -> None:
    [fact] = decide(
        None,
        Submit(CODE, "app", event(costs=[{}] * 100, participants=[{}] * 50, sector_shares=[{}] * 20)),
        Context(NOW, SUBJECT, SOMEBODY, Given(BOOK, ENTRY), CALENDARS),
    )
    assert isinstance(fact, SubmissionRefusedV1)
    assert len(fact.problems) == MOST_PROBLEMS + 1
    assert fact.problems[-1].rule == "problems.more"
    assert len(json.dumps(fact.model_dump(mode="json"), ensure_ascii=False).encode()) < AGENCY_MAX_BYTES // 2
