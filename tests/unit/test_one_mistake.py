"""One mistake is one problem, whatever of an event is wrong: a value, a missing field, a misspelt name."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from contracts.reference import Problem
from deploy.samples.common import BOOK, NOW, SUBJECT
from services.intake.domain.agency import Given
from services.intake.domain.commands import Later, Submit
from services.intake.domain.decide import decide
from services.intake.domain.validation import judge
from services.intake.door import newer_version
from services.law.decision import Context
from tests.kit.calendars import CALENDARS
from tests.kit.common import SOMEBODY
from tests.kit.intake.events import BY, CODE, ENTRY, V1, V2, event, faults, places, replaced, unp, with_severities
from tests.kit.intake.reports import ALL, CARRIED
from tests.kit.intake.story import ENTRY as LATER_ENTRY
from tests.kit.intake.story import STATES, clarify, resubmit, withdraw
from tests.kit.wording import in_every_language

COSTS = [{"source": "republican-budget", "year": 2026, "amount_minor": 100, "currency": "BYN"}]
WHOLE = event(
    sector_shares=[{"sector": "health", "basis_points": 6_000}, {"sector": "education", "basis_points": 4_000}],
    region="minsk",
    participants=[{**unp("700000138"), "name": "ООО «Пример»"}],
    costs=COSTS,
    total_cost={"amount_minor": 100, "currency": "BYN"},
    planned_start="2026-06-01",
    planned_end="2027-03-01",
)
"""An application that says nearly all that can be said."""
SAMPLES: dict[str, tuple[Any, Submit | Later, Any]] = {
    "application-1": (None, Submit(CODE, "a", event(V1)), ENTRY),
    "application-2": (None, Submit(CODE, "a", WHOLE), ENTRY),
    "resubmission": (STATES["negative"], resubmit("n-1"), LATER_ENTRY),
    "answers": (STATES["asked"], clarify(("costs", "т", COSTS)), LATER_ENTRY),
    "withdrawal": (STATES["asked"], withdraw(), LATER_ENTRY),
    **{name: (CARRIED, command, LATER_ENTRY) for name, command in ALL.items()},
}
VALUES: list[Any] = [
    *(None, -1, True, "", "Xx Yy", "atlantis", "y" * 9_000, [], {}, [1], "1905-07-18", "2005-01-01", "2099-01-01"),
    *("1905-07-18T00:00:00Z", "1950-01-01T00:00:00Z", "2101-01-01T00:00:00Z", "/agencies/X!", "\U0001d173"),
]


def told(name: str, sent: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with an event in the place of a sample."""
    state, sample, entry = SAMPLES[name]
    command = type(sample)(sample.agency, sample.event_id, sent)
    context = Context(NOW, SUBJECT, SOMEBODY, Given(BOOK, entry, "ПП-2026-000001"), CALENDARS)
    return [one for fact in decide(state, command, context) for one in getattr(fact, "problems", ())]


def mistakes(sent: Mapping[str, Any]) -> Iterator[tuple[tuple[Any, ...], str, dict[str, Any]]]:
    """The event with one mistake each, where and which. What is there but empty lacks several things: that is several
    mistakes, as is a list given twice."""
    for place in places(sent):
        if not place or place == ("type",):
            continue
        around: Any = sent
        for key in place[:-1]:
            around = around[key]
        there = around[place[-1]]
        for value in VALUES:
            if not (isinstance(value, dict) and isinstance(there, dict)) and value != there:
                yield place, repr(value)[:40], replaced(sent, place, value)
        if isinstance(around, dict):
            kept = {key: one for key, one in around.items() if key != place[-1]}
            yield place, "left out", _within(sent, place[:-1], kept)
            misspelt = place[-1][:3] + place[-1][2:]
            yield place, misspelt, _within(sent, place[:-1], {**kept, misspelt: there})


def _within(sent: Mapping[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed: dict[str, Any] = copy.deepcopy(replaced(sent, place, value))
    return changed


@pytest.mark.parametrize("name", SAMPLES)
def test_one_mistake_is_one_problem(name: str) -> None:
    sent = SAMPLES[name][1].event
    assert told(name, sent) == []
    rows = {"costs", "payments", "values", "risks", "answers", "participants", "sector_shares"}
    several, seen = [], 0
    for place, what, wrong in mistakes(sent):
        found = told(name, wrong)
        seen += bool(found)
        for one in found:
            in_every_language(one)
        # An empty object in the place of a row lacks all that a row has.
        empty = what == "{}" and len(place) > 1 and place[-2] in rows
        if len(found) > 1 and not empty:
            several.append((place, what, [(one.pointer, one.rule) for one in found]))
    assert several == [] and seen > 50


def test_the_problem_that_stands_says_what_is_to_be_done() -> None:
    def at(time: str) -> list[tuple[str, str]]:
        return faults({**event(), "time": time})

    assert at("1950-01-01T00:00:00Z") == [("/time", "schema.year-beyond")], "no word of an edition"
    assert at("1905-07-18T00:00:00Z") == [("/time", "schema.bare-year")]
    assert at("2101-01-01T00:00:00Z") == [("/time", "schema.year-beyond")], "no word of the future"
    assert faults({**event(), "source": "X"}) == [("/source", "schema.string-pattern-mismatch")]
    assert faults(event(costs={"q": 1})) == [("/data/costs", "schema.tuple-type")]
    misspelt = {key: one for key, one in event()["data"].items() if key != "title"} | {"titel": "т"}
    assert faults({**event(), "data": misspelt}) == [("/data/titel", "field.unknown")], "and it is refused for that"
    wrong = resubmit("n-1", initiator=unp("x"))
    assert [(one.pointer, one.rule) for one in told("resubmission", wrong.event)] == [
        ("/data/initiator/id/value", "party.form")
    ]


def test_an_edition_decides_on_the_name_that_stands_for_a_field_which_it_asks_for() -> None:
    sent = {key: one for key, one in event().items() if key != "time"} | {"tiime": event()["time"]}
    for severity in ("warn", "block"):
        found = judge(sent, CODE, with_severities(BY, {"time.missing": severity}), NOW).problems
        assert [(one.pointer, one.rule, one.severity) for one in found] == [("/tiime", "field.unknown", severity)]
        assert "time" in found[0].message


def test_several_mistakes_are_told_each() -> None:
    sent = event(sector="atlantis", costs=[{**COSTS[0], "currency": "XXX", "source": "atlantis"}], total_cost=None)
    assert sorted(faults({**sent, "source": "/agencies/another"})) == [
        ("/data/costs/0/currency", "costs.currency"),
        ("/data/costs/0/source", "costs.source"),
        ("/data/sector", "sector.unknown"),
        ("/source", "source.not-yours"),
    ]


@pytest.mark.parametrize(
    ("wrong", "rule", "allowed"),
    [
        (event(sector="Здравоохранение"), "sector.unknown", BY.sectors.codes[0]),
        (event(region="Минск"), "region.unknown", BY.regions.codes[0]),
        (event(costs=[{**COSTS[0], "source": "Бюджет"}]), "costs.source", "republican-budget"),
        (event(costs=[{**COSTS[0], "currency": "руб."}]), "costs.currency", "BYN"),
        (event(initiator={"id": {"scheme": "УНП", "value": "790000029"}}), "party.scheme", "BY-UNP"),
        (event(initiator=unp("79000002")), "party.form", "790000029"),
        ({**event(), "time": "2099-01-01T00:00:00Z"}, "time.future", "5"),
    ],
)
def test_what_is_wrong_is_told_with_what_is_allowed_in_every_language(
    wrong: dict[str, Any], rule: str, allowed: str
) -> None:
    [one] = judge(wrong, CODE, BY, NOW).problems
    assert one.rule == rule
    assert all(words and allowed in words for words in (one.message, one.message_ru, one.message_be))


def test_an_answer_with_a_code_in_another_form_is_told_the_codes_and_an_agency_since_when_rules_hold() -> None:
    [one] = told("answers", clarify(("costs", "т", [{**COSTS[0], "source": "Бюджет"}])).event)
    assert (one.pointer, one.rule) == ("/data/answers/0/value/0/source", "costs.source")
    early = {**event(), "time": "2020-01-01T00:00:00Z"}
    [one] = told("application-2", early)
    assert one.rule == "edition.none" and "2024-04-01" in one.message
    [one] = [newer_version("pilots.agency.application-submitted.v3")]
    assert V1 in one.message_ru and V2 in one.message_ru
