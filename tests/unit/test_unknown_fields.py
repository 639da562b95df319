"""A field that no contract has is never dropped without a word: it is told with the name that was meant, or refused."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.agency import AGENCY, ApplicationSubmittedV2, ApplicationWithdrawnV1
from contracts.event import Event
from contracts.freeze import example
from contracts.intake import INTAKE, ApplicationRegisteredV1, EventReceived, SubmissionRefusedV1
from contracts.rules import RuleBook
from deploy.samples.common import BOOK, NOW, SUBJECT, with_edition
from services.intake.domain.agency import Given
from services.intake.domain.commands import Later, Submit
from services.intake.domain.decide import decide
from services.intake.domain.shape import MOST_UNKNOWN, held, read
from services.intake.domain.state import Pilot, Status
from services.intake.receipts import receipt_of
from services.intake.service import SERVICE
from services.law.decision import Context
from services.law.names import meant, place_told, pointer_of, told, unknown_fields
from tests.kit.calendars import CALENDARS
from tests.kit.common import SOMEBODY
from tests.kit.intake.events import BY, CODE, ENTRY, V1, V2, event, faults, places, replaced, with_severities
from tests.kit.intake.reports import ALL, CARRIED
from tests.kit.intake.story import STATES, clarify, resubmit

BLOCKING = with_severities(BY, {"field.unknown": "block"})


def submitted(found: dict[str, Any], book: RuleBook = BOOK) -> Any:
    """What becomes of an application."""
    context = Context(NOW, SUBJECT, SOMEBODY, Given(book, ENTRY, "ПП-2026-000001"), CALENDARS)
    return decide(None, Submit(CODE, found["id"], found), context)[0]


def misspelt(name: str, wrong: str, kind: str = V2) -> dict[str, Any]:
    """An application in which a field has another name."""
    found = event(kind)
    found["data"][wrong] = found["data"].pop(name)
    return found


# ---- taken and told, or refused


def test_a_otherfield_is_told_with_the_name_that_was_meant_and_the_application_is_taken() -> None:
    fact = submitted(misspelt("expected_effect", "expected_efect"))
    assert isinstance(fact, ApplicationRegisteredV1)
    [one] = fact.problems
    assert (one.pointer, one.rule, one.severity) == ("/data/expected_efect", "field.unknown", "warn")
    for words in (one.message, one.message_ru, one.message_be):
        assert words and "expected_efect" in words and "expected_effect" in words


def test_an_edition_may_refuse_for_a_otherfield() -> None:
    fact = submitted(misspelt("expected_effect", "expected_efect"), with_edition(BLOCKING))
    assert isinstance(fact, SubmissionRefusedV1)
    assert [(one.rule, one.severity) for one in fact.problems] == [("field.unknown", "block")]


def test_what_an_event_is_refused_for_is_named_before_what_is_only_told() -> None:
    found = misspelt("expected_effect", "expected_efect")
    found["data"]["sector"] = "atlantis"
    fact = submitted(found)
    assert [(one.rule, one.severity) for one in fact.problems] == [
        ("sector.unknown", "block"),
        ("field.unknown", "warn"),
    ]


def test_money_under_a_othername_is_not_lost_without_a_word() -> None:
    assert faults(misspelt("costs", "cost")) == [("/data/cost", "field.unknown")]


def test_a_right_event_is_told_nothing() -> None:
    for name in AGENCY.classes:
        assert read(example(name), CODE, NOW).unknown == ()
    assert submitted(event()).problems == ()


COSTS = [{"source": "republican-budget", "year": 2026, "amount_minor": 100, "currency": "BYN"}]
LATER = {
    "resubmission": (STATES["negative"], resubmit("n-1")),
    "answers": (STATES["asked"], clarify(("costs", "т", COSTS))),
    **{name: (None, command) for name, command in ALL.items()},
}


@pytest.mark.parametrize("name", sorted(LATER))
def test_every_later_event_is_taken_and_told_of_a_field_that_is_not_known(name: str) -> None:
    state, command = LATER[name]
    state = state or CARRIED
    changed = copy.deepcopy(command.event)
    changed["data"]["colour"] = "red"
    context = Context(NOW, SUBJECT, SOMEBODY, Given(BOOK, ENTRY), CALENDARS)
    facts = decide(state, Later(command.agency, command.event_id, changed), context)
    [fact] = [one for one in facts if isinstance(one, EventReceived)]
    assert [(one.pointer, one.rule) for one in fact.problems] == [("/data/colour", "field.unknown")]
    after = SERVICE.aggregates["pilot"].evolve(state, fact)
    known = after.told(command.event_id)
    assert known.problems == fact.problems, "so that it is told over HTTP"
    assert known.outcome != "refused"


def test_the_receipt_names_what_was_told() -> None:
    fact = submitted(misspelt("expected_effect", "expected_efect"))
    about = Event("e", "intake", fact.TYPE, SUBJECT, NOW, 1, "c", {}, fact)
    receipt = receipt_of(about)
    assert receipt is not None and receipt.outcome == "registered" and receipt.problems == fact.problems


def test_a_fact_from_before_there_was_anything_to_tell_is_read_as_ever() -> None:
    stored = example(ApplicationRegisteredV1.TYPE)["data"]
    assert "problems" not in stored
    fact = INTAKE.read(ApplicationRegisteredV1.TYPE, stored)
    assert isinstance(fact, ApplicationRegisteredV1) and fact.problems == ()
    assert Pilot.made_of(fact, status=Status.REGISTERED).problems == ()


# ---- at every depth


@pytest.mark.parametrize("name", sorted(AGENCY.classes))
def test_an_unknown_name_is_found_in_every_object_of_every_event(name: str) -> None:
    whole = example(name)["data"]
    inside = [place for place in places(whole) if isinstance(_at(whole, place), dict)]
    for place in inside:
        if "value" in place:  # any content of a field: what it is held against is known when it is answered to
            continue
        wrong = replaced(whole, place, {**_at(whole, place), "colour": "red"})
        found = held(name, wrong)
        where = "".join(f"/{part}" for part in ("data", *place, "colour"))
        assert [(one.pointer, one.rule) for one in found.unknown] == [(where, "field.unknown")]
        assert found.payload == held(name, whole).payload, "and nothing else is changed by it"


def _at(value: Any, place: tuple[Any, ...]) -> Any:
    for part in place:
        value = value[part]
    return value


def test_an_unknown_name_in_what_an_answer_changes_stands_at_the_answer() -> None:
    command = clarify(("costs", "т", [{**COSTS[0], "colour": "red"}]))
    context = Context(NOW, SUBJECT, SOMEBODY, Given(BOOK, ENTRY), CALENDARS)
    [fact] = [one for one in decide(STATES["asked"], command, context) if isinstance(one, EventReceived)]
    assert [(one.pointer, one.rule) for one in fact.problems] == [("/data/answers/0/value/0/colour", "field.unknown")]


names = st.text(max_size=8) | st.sampled_from(["cost", "\ud800", "a/b", "~", "\u202e", "x" * 5000])


@settings(max_examples=200)
@given(st.data(), st.dictionaries(names, st.none() | st.integers() | st.text(max_size=3), min_size=1, max_size=3))
def test_names_that_the_walk_finds_are_those_that_the_contract_forbids(data: Any, more: dict[str, Any]) -> None:
    whole = example(V2)["data"]
    place = data.draw(st.sampled_from([p for p in places(whole) if isinstance(_at(whole, p), dict)]))
    known = set(_at(whole, place)) | {*ApplicationSubmittedV2.model_fields}
    wrong = replaced(whole, place, {**_at(whole, place), **{k: v for k, v in more.items() if k not in known}})
    walked = {place for place, _ in unknown_fields(ApplicationSubmittedV2, wrong)}
    try:
        AGENCY.read(V2, wrong, exactly=True)
        forbidden = set[Any]()
    except ValidationError as error:
        kinds = {one["type"]: one["loc"] for one in error.errors()}
        if "string_unicode" in kinds:  # half a character in a name: of its object nothing else is told by the library
            assert walked
            return
        forbidden = {one["loc"] for one in error.errors() if one["type"] == "extra_forbidden"}
    assert walked == forbidden
    found = held(V2, wrong)
    places_told = {pointer_of(place_told(("data", *one))) for one in walked}
    assert found.payload is not None and {one.pointer for one in found.unknown} == places_told
    json.dumps([one.model_dump(mode="json") for one in found.unknown], ensure_ascii=False).encode()


def test_half_a_character_in_a_name_is_told_and_can_be_sent() -> None:
    found = held(V2, {**event()["data"], "\ud800": 1})
    assert found.payload is not None
    [one] = found.unknown
    assert one.model_dump_json().encode() and one.pointer == "/data"


def test_a_name_that_is_not_repeated_hides_no_other_mistake() -> None:
    other: dict[str, Any] = {"titel ": "т", "title": None}
    wrong = event(sector="atlantis", **other)
    assert [(one.pointer, one.rule) for one in submitted(wrong).problems] == [
        ("/data", "field.unknown"),
        ("/data/sector", "sector.unknown"),
    ]
    beside: dict[str, Any] = {**event(sector="atlantis"), "Образцова": "x"}
    assert [one.rule for one in submitted(beside).problems] == ["attribute.name", "sector.unknown"]


def test_however_many_names_are_not_known_the_answer_is_bounded_and_soon_there() -> None:
    found = held(V2, {**event()["data"], **{f"field{n}": n for n in range(50_000)}})
    assert len(found.unknown) == MOST_UNKNOWN + 1
    assert found.unknown[-1].rule == "problems.more" and str(50_000 - MOST_UNKNOWN) in found.unknown[-1].message
    assert {one.severity for one in found.unknown} == {"warn"}


# ---- attributes


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"title": "т"}, "/title"),
        ({"datacontentype": "application/json"}, "/datacontentype"),
        ({"MyExtension": "x"}, "/MyExtension"),
    ],
)
def test_what_is_hardly_an_extension_of_the_envelope_is_told(more: dict[str, Any], where: str) -> None:
    found = {k: v for k, v in event().items() if k != "datacontenttype"}
    assert [one.pointer for one in read({**found, **more}, CODE, NOW).unknown] == [where]


@pytest.mark.parametrize(
    ("more", "rule", "hint"),
    [
        ({"costs": []}, "attribute.value", "data.costs"),
        ({"dat": {}}, "attribute.value", ""),
        ({"extension": {"a": 1}}, "attribute.value", ""),
        ({"extension": "\ud800"}, "attribute.value", ""),
        ({"planned_start": "2027-01-11"}, "attribute.name", "data.planned_start"),
        ({"расширение": "x"}, "attribute.name", ""),
        ({"": "x"}, "attribute.name", ""),
    ],
)
def test_what_can_be_no_extension_of_the_envelope_is_refused(more: dict[str, Any], rule: str, hint: str) -> None:
    [name] = more
    found = read({**event(), **more}, CODE, NOW)
    [one] = found.problems
    where = f"/{name}" if name.isascii() and name else ""
    assert (one.pointer, one.rule, one.severity, found.unknown) == (where, rule, "block", ())
    assert hint in one.message


@pytest.mark.parametrize(
    "name",
    [
        "Образцова Проба Примеровна",
        "contact@primer.example",
        "+375000000000",
        "tel375000000000",
        "ivan_obraztsov",
        "primerovAnna",
        "born1985-04-12",
        "titel ",
    ],
)
def test_a_name_that_may_be_somebodys_is_told_where_it_stands_and_not_repeated(name: str) -> None:
    for sent, where in (
        ({**event(), name: "x"}, ""),
        ({**event(), "data": {**event()["data"], name: "x"}}, "/data"),
        (event(initiator={**event()["data"]["initiator"], name: "x"}), "/data/initiator"),
    ):
        fact = submitted(sent)
        said = [one for one in fact.problems if one.rule in ("field.unknown", "attribute.name", "attribute.capitals")]
        assert name not in fact.model_dump_json() and name.lower() not in fact.model_dump_json()
        assert [one.pointer for one in said] == ([where] if where or not name.isalnum() or name != name.lower() else [])


@pytest.mark.parametrize("name", ["partitionkey", "sequencetype", "sampledrate", "authtype", "dataref", "recordedtime"])
def test_extensions_of_the_envelope_are_right(name: str) -> None:
    assert read({**event(), name: "x"}, CODE, NOW).unknown == ()


def test_a_othersubject_is_told_beside_the_pilot_that_is_not_named() -> None:
    sent = example(ApplicationWithdrawnV1.TYPE)
    sent["subjct"] = sent.pop("subject")
    found = read(sent, CODE, NOW).unknown
    assert [(one.pointer, "subject" in one.message) for one in found] == [("/subjct", True)]


# ---- names


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("cost", "costs"),
        ("plannedStart", "planned_start"),
        ("planned-start", "planned_start"),
        ("TITLE", "title"),
        ("colour", None),
        ("", None),
        ("x" * 100_000, None),
    ],
)
def test_the_nearest_name_is_named_where_there_is_one(name: str, near: str | None) -> None:
    said = meant(name, ApplicationSubmittedV2.model_fields).en
    assert said == (f" {near} is probably meant." if near else "")


def test_a_name_is_repeated_without_what_could_mislead_or_break() -> None:
    assert told("a\u202eb\x00\ud800") == "a\ufffdb\ufffd\ufffd"
    assert len(told("x" * 1000)) == 61


def test_versions_in_the_field_are_read_by_their_own_fields() -> None:
    assert [one.pointer for one in held(V1, {**event(V1)["data"], "costs": []}).unknown] == ["/data/costs"]
