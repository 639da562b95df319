"""The envelope: what is read, what is skipped, what is broken; the wire form of moments; digests and headers."""

import json
import string
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import example as also
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, FormatChecker
from pydantic import TypeAdapter, ValidationError

from contracts.agency import (
    AGENCY,
    RECEIPTS,
    ApplicationResubmittedV1,
    ApplicationSubmittedV1,
    ApplicationSubmittedV2,
)
from contracts.event import (
    BrokenEvent,
    Envelope,
    Event,
    Fact,
    Language,
    Moment,
    NewerVersion,
    Skipped,
    digest,
    headers,
    headers_of,
    json_pointer,
    parse_fact,
    parse_own_fact,
    peek,
    split_type,
    wire_moment,
)
from contracts.expertise import EXPERTISE
from contracts.freeze import CLASSES, OWNERS, example
from contracts.intake import INTAKE, ApplicationAcceptedV1
from contracts.reference import (
    UNSPECIFIED,
    Application,
    CostLine,
    ItemAnswer,
    Procedure,
    ReopenableField,
    RequestItem,
)
from contracts.registry import REGISTRY

STANDARDS = Path(__file__).parent / "standards"
LANGUAGES = {"intake": INTAKE, "expertise": EXPERTISE, "registry": REGISTRY}
FACTS = sorted(name for service in LANGUAGES for name in OWNERS[service])
ACCEPTED = "pilots.intake.application-accepted.v1"

every_type = pytest.mark.parametrize("name", sorted(CLASSES))
every_fact = pytest.mark.parametrize("name", FACTS)


def raw(event: dict[str, Any], **changes: Any) -> bytes:
    """The event with changed attributes (None: left out) as bytes."""
    changed = {k: v for k, v in {**event, **changes}.items() if v is not None}
    return json.dumps(changed, ensure_ascii=False).encode()


# ---- what is read


@every_fact
def test_every_fact_is_read_with_its_attributes(name: str) -> None:
    whole = example(name)
    read = parse_fact(raw(whole), LANGUAGES[name.split(".")[1]])
    assert isinstance(read, Event)
    assert type(read.fact) is CLASSES[name]
    assert (read.id, read.type, read.subject) == (whole["id"], name, whole["subject"])
    assert f"{read.sequence:020d}" == whole["sequence"]
    assert read.source == whole["source"].removeprefix("/services/")
    assert read.correlation == whole["correlationid"]
    assert read.trace == {"traceparent": whole["traceparent"]}


def test_a_fact_without_correlation_is_its_own_beginning() -> None:
    read = parse_fact(raw(example(ACCEPTED), correlationid=None), INTAKE)
    assert isinstance(read, Event)
    assert read.correlation == read.id


def test_fields_that_a_later_program_added_are_ignored() -> None:
    whole = example(ACCEPTED)
    whole["data"]["added"] = {"deep": [1]}
    whole["data"]["application"]["added"] = 1
    read = parse_fact(raw(whole, newattribute="x"), INTAKE)
    assert isinstance(read, Event)
    assert isinstance(read.fact, ApplicationAcceptedV1)
    assert not hasattr(read.fact, "added")


def test_an_unknown_type_is_skipped_with_what_the_watermark_needs() -> None:
    whole = example(ACCEPTED)
    whole["data"] = {"after": {"registry": 4}, "unheard": "of"}
    read = parse_fact(raw(whole, type="pilots.intake.heard-of-later.v1"), INTAKE)
    assert read == Skipped("intake", "pilots.intake.heard-of-later.v1", whole["subject"], 4, {"registry": 4})


def test_a_newer_version_of_a_known_type_is_told_from_a_broken_event() -> None:
    with pytest.raises(NewerVersion) as caught:
        parse_fact(raw(example(ACCEPTED), type="pilots.intake.application-accepted.v2", data={}), INTAKE)
    assert caught.value.where == "/type"


BROKEN = {
    "no JSON": (b"{", ""),
    "not an object": (b"[]", ""),
    "nothing": (b"", ""),
    "no UTF-8": (b'{"id": "\xff"}', ""),
    "too deep": (b"[" * 100_000, ""),
    "without subject": (raw(example(ACCEPTED), subject=None), "/sequence"),
    "without sequence": (raw(example(ACCEPTED), sequence=None), "/sequence"),
    "sequence of 19 digits": (raw(example(ACCEPTED), sequence="0" * 18 + "1"), "/sequence"),
    "sequence of 21 digits": (raw(example(ACCEPTED), sequence="0" * 20 + "1"), "/sequence"),
    "sequence as a number": (raw(example(ACCEPTED), sequence=1), "/sequence"),
    "sequence with a sign": (raw(example(ACCEPTED), sequence="-" + "0" * 18 + "1"), "/sequence"),
    "sequence in other digits": (raw(example(ACCEPTED), sequence="٠" * 19 + "١"), "/sequence"),
    "type without version": (raw(example(ACCEPTED), type="pilots.intake.application-accepted"), "/type"),
    "version 0": (raw(example(ACCEPTED), type="pilots.intake.application-accepted.v0"), "/type"),
    "naive time": (raw(example(ACCEPTED), time="2026-04-17T07:30:00"), "/time"),
    "time out of reach": (raw(example(ACCEPTED), time="0001-01-01T00:00:00+23:00"), "/time"),
    "another version of CloudEvents": (raw(example(ACCEPTED), specversion="0.3"), "/specversion"),
    "foreign source": (raw(example(ACCEPTED), source="https://example.org"), "/source"),
    "data is text": (raw(example(ACCEPTED), data="x"), "/data"),
    "data without a field": (raw(example(ACCEPTED), data={}), "/data/actor"),
    "unknown type with bad watermarks": (
        raw(example(ACCEPTED), type="pilots.intake.unheard-of.v1", data={"after": {"intake": "x"}}),
        "/data/after/intake",
    ),
    "unknown type with text for watermarks": (
        raw(example(ACCEPTED), type="pilots.intake.unheard-of.v1", data={"after": "x"}),
        "/data/after",
    ),
}


@pytest.mark.parametrize(("value", "where"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_whole_fact_is_broken_and_the_place_is_named(value: bytes, where: str) -> None:
    with pytest.raises(BrokenEvent) as caught:
        parse_fact(value, INTAKE)
    assert caught.value.where == where
    assert not isinstance(caught.value, NewerVersion)


def test_the_place_inside_a_list_is_named_by_its_number() -> None:
    whole = example("pilots.intake.submission-refused.v1")
    whole["data"]["problems"][1]["pointer"] = 5
    with pytest.raises(BrokenEvent) as caught:
        parse_fact(raw(whole), INTAKE)
    assert caught.value.where == "/data/problems/1/pointer"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=200))
def test_random_bytes_are_never_more_than_broken(value: bytes) -> None:
    with pytest.raises(BrokenEvent):
        parse_fact(value, INTAKE)


@given(st.sampled_from(FACTS), st.data())
def test_a_fact_with_any_part_replaced_is_read_skipped_or_broken(name: str, data: st.DataObject) -> None:
    whole = example(name)
    holder = data.draw(st.sampled_from([whole, whole["data"]]))
    holder[data.draw(st.sampled_from(sorted(holder)))] = data.draw(json_values)
    value = json.dumps(whole).encode()
    try:
        read = parse_fact(value, LANGUAGES[name.split(".")[1]])
    except BrokenEvent as broken:
        assert broken.where.startswith("/")
    else:
        assert isinstance(read, (Event, Skipped))


@given(st.binary(max_size=100))
@also(b'{"a": 1}')
@also(b"[" * 100_000)
def test_peeking_never_raises(value: bytes) -> None:
    assert isinstance(peek(value), dict)


# ---- versions


@pytest.mark.parametrize("text", ["x", "x.v0", "x.v", "x.v01", "x.V1", "", "x.v1 "])
def test_a_type_without_a_version_is_broken(text: str) -> None:
    with pytest.raises(BrokenEvent):
        split_type(text)


def test_an_application_in_version_1_becomes_one_of_version_2_with_one_line_of_an_unspecified_source() -> None:
    old = ApplicationSubmittedV1.model_validate(example(ApplicationSubmittedV1.TYPE)["data"])
    assert old.total_cost is not None
    new = AGENCY.newest(old)
    assert isinstance(new, ApplicationSubmittedV2)
    assert new.costs == (
        CostLine(source=UNSPECIFIED, year=None, amount_minor=old.total_cost.amount_minor, currency="BYN"),
    )
    same = ApplicationSubmittedV1.model_fields.keys() - {"total_cost"}
    assert {name: getattr(new, name) for name in same} == {name: getattr(old, name) for name in same}


def test_an_application_in_version_1_without_a_cost_gets_no_line() -> None:
    data = example(ApplicationSubmittedV1.TYPE)["data"]
    del data["total_cost"]
    new = AGENCY.newest(ApplicationSubmittedV1.model_validate(data))
    assert isinstance(new, ApplicationSubmittedV2)
    assert new.costs == ()


def test_a_cost_of_nothing_is_still_a_line() -> None:
    data = example(ApplicationSubmittedV1.TYPE)["data"] | {"total_cost": {"amount_minor": 0, "currency": "BYN"}}
    new = AGENCY.newest(ApplicationSubmittedV1.model_validate(data))
    assert isinstance(new, ApplicationSubmittedV2)
    assert [line.amount_minor for line in new.costs] == [0]


@pytest.mark.parametrize("language", [AGENCY, RECEIPTS, *LANGUAGES.values()])
def test_every_version_ends_as_the_newest_of_its_own_type(language: Language[Any]) -> None:
    newest: dict[str, int] = {}
    for name in language.classes:
        base, version = split_type(name)
        newest[base] = max(version, newest.get(base, 0))
    for name in language.classes:
        base, _ = split_type(name)
        became = language.newest(language.read(name, example(name)["data"]))
        assert f"{base}.v{newest[base]}" == became.TYPE


def test_an_upcast_says_nothing_that_version_1_could_not_say() -> None:
    new = AGENCY.newest(ApplicationSubmittedV1.model_validate(example(ApplicationSubmittedV1.TYPE)["data"]))
    assert isinstance(new, ApplicationSubmittedV2)
    unsaid = ApplicationSubmittedV2.model_fields.keys() - ApplicationSubmittedV1.model_fields.keys() - {"costs"}
    assert unsaid == {
        "procedure",
        "replicates",
        "evidence",
        "participants",
        "region",
        "office",
        "sector_shares",
        "adaptation",
    }
    assert {getattr(new, name) for name in unsaid} == {Procedure.PILOT, None, ()}


def test_a_resubmission_is_whole_and_becomes_an_application_without_the_contact_person() -> None:
    sent = ApplicationResubmittedV1.model_validate(example(ApplicationResubmittedV1.TYPE)["data"])
    assert AGENCY.newest(sent) is sent
    assert sent.contact is not None and sent.met
    assert sent.application().model_dump() == {name: sent.model_dump()[name] for name in Application.model_fields}
    assert ApplicationResubmittedV1.model_fields.keys() - Application.model_fields.keys() == {
        "contact",
        "total_cost",
        "met",
    }


@pytest.mark.parametrize("amount", [1.5, "1", True, -1, 10**15 + 1, 1e300, float("inf"), float("nan")])
def test_money_is_whole_smallest_units_and_nothing_else(amount: object) -> None:
    data = example(ApplicationSubmittedV2.TYPE)["data"]
    data["costs"][0]["amount_minor"] = amount
    with pytest.raises(ValidationError):
        AGENCY.read(ApplicationSubmittedV2.TYPE, data)


@pytest.mark.parametrize("amount", [3000000, 3000000.0, 3e6])
def test_a_whole_number_is_one_however_json_writes_it(amount: float) -> None:
    data = example(ApplicationSubmittedV2.TYPE)["data"]
    data["costs"][0]["amount_minor"] = amount
    read = AGENCY.read(ApplicationSubmittedV2.TYPE, data)
    assert isinstance(read, ApplicationSubmittedV2)
    assert repr(read.costs[0].amount_minor) == "3000000"


# ---- what a request for information opens again

REOPENABLE = frozenset(get_args(ReopenableField))


def test_what_a_request_may_open_again_are_fields_of_an_application_and_never_whose_it_is() -> None:
    assert Application.model_fields.keys() > REOPENABLE
    assert Application.model_fields.keys() - REOPENABLE == {"initiator", "customer", "sector", "procedure"}


def test_a_request_names_no_other_field() -> None:
    for field in Application.model_fields.keys() - REOPENABLE | {"contact", "unheard-of"}:
        with pytest.raises(ValidationError):
            RequestItem.model_validate({"id": "a", "text": "?", "field": field})


def test_an_answer_carries_the_new_content_as_an_application_does() -> None:
    asked = example("pilots.intake.information-request-forwarded.v1")["data"]
    answered = example("pilots.intake.clarification-registered.v1")["data"]
    fields = {item["id"]: item["field"] for item in asked["items"]}
    values = {fields[a["item"]]: a["value"] for a in answered["answers"] if a["value"] is not None}
    assert values.keys() == {"expected_effect", "costs"}
    assert {name: answered["application"][name] for name in values} == values
    assert Application.model_validate(answered["application"]).model_dump(mode="json") == answered["application"]
    changes = {c["field"]: c for c in example("pilots.expertise.answers-taken.v1")["data"]["changes"]}
    before = example("pilots.intake.application-accepted.v1")["data"]["application"]
    assert {n: (c["before"], c["after"]) for n, c in changes.items()} == {n: (before[n], values[n]) for n in values}


@pytest.mark.parametrize("value", [None, "text", 5, True, ["x"], [{"source": "own-money"}], {"a": {"b": None}}])
def test_an_answer_may_carry_any_json_value_unchanged(value: Any) -> None:
    answer = ItemAnswer.model_validate({"item": "a", "text": "Ответ.", "value": value})
    assert ItemAnswer.model_validate_json(answer.model_dump_json()).value == value


# ---- moments

moments = TypeAdapter(Moment)
aware = st.datetimes(
    min_value=datetime(1900, 1, 2),
    max_value=datetime(2999, 12, 30),
    timezones=st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23))),
)


def on_the_wire(moment: datetime) -> str:
    return str(moments.dump_python(moments.validate_python(moment), mode="json"))


@given(aware)
def test_a_moment_on_the_wire_has_one_width_and_reads_back_as_the_same_millisecond(moment: datetime) -> None:
    text = on_the_wire(moment)
    assert len(text) == len("2026-11-21T17:42:00.000Z")
    assert text.endswith("Z")
    read = moments.validate_python(text)
    assert timedelta(0) <= moment - read < timedelta(milliseconds=1)
    assert on_the_wire(read) == text


@given(aware, aware)
def test_moments_on_the_wire_sort_as_the_instants_do(one: datetime, other: datetime) -> None:
    first, second = sorted((moments.validate_python(one), moments.validate_python(other)))
    assert on_the_wire(first) <= on_the_wire(second)
    assert (on_the_wire(first) == on_the_wire(second)) == (first == second)


def test_a_moment_is_written_in_utc_with_milliseconds() -> None:
    minsk = timezone(timedelta(hours=3))
    assert wire_moment(datetime(2026, 11, 21, 20, 42, 0, 1999, tzinfo=minsk)) == "2026-11-21T17:42:00.001Z"


@pytest.mark.parametrize(
    "text",
    ["2026-11-21T17:42:00", "2026-11-21", "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-10:00", "", "today"],
)
def test_a_time_without_zone_or_out_of_reach_is_refused_and_never_raises_more(text: str) -> None:
    with pytest.raises(ValidationError):
        moments.validate_python(text)


# ---- digests

plain = st.dictionaries(st.text(string.ascii_lowercase, min_size=1, max_size=8), json_values, max_size=5)


def reversed_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: reversed_keys(v) for k, v in reversed(value.items())}
    return [reversed_keys(v) for v in value] if isinstance(value, list) else value


@given(plain)
def test_a_digest_does_not_depend_on_the_order_of_keys(event: dict[str, Any]) -> None:
    assert digest(event) == digest(reversed_keys(event))


def test_a_digest_does_not_depend_on_how_a_resend_is_traced() -> None:
    event = example(ApplicationSubmittedV2.TYPE)
    bare = {k: v for k, v in event.items() if k != "traceparent"}
    assert digest(event) == digest(bare) == digest({**bare, "traceparent": "other", "tracestate": "x=y"})


@every_type
def test_a_digest_differs_with_any_content(name: str) -> None:
    event = example(name)
    seen = {digest(event)}
    for key in event.keys() - {"traceparent"}:
        seen.add(digest({**event, key: "different"}))
    for key in event["data"]:
        seen.add(digest({**event, "data": {**event["data"], key: "different"}}))
    assert len(seen) == 1 + len(event) - 1 + len(event["data"])


def test_a_digest_tells_values_apart_that_only_look_alike() -> None:
    values = [1, "1", True, None, [], {}, "", 0, "é", "e\u0301", [1, 2], [2, 1], {"a": None}]
    assert len({digest({"data": value}) for value in values}) == len(values)


def test_half_a_character_has_a_digest_too() -> None:
    assert digest({"data": "\ud800"}) != digest({"data": "\ud801"})


# ---- headers and pointers


@every_type
def test_the_headers_repeat_the_attributes(name: str) -> None:
    event = example(name)
    repeated = headers(event)
    expected = {f"ce_{k}": event[k] for k in ("specversion", "id", "type", "source", "subject", "time") if k in event}
    assert repeated == {**expected, "content-type": "application/json", "traceparent": event["traceparent"]}


def test_headers_say_nothing_that_the_event_does_not_say() -> None:
    assert headers({"id": "1", "subject": None, "tracestate": ""}) == {"ce_id": "1", "content-type": "application/json"}


def test_a_pointer_escapes_what_separates_its_parts() -> None:
    assert json_pointer(["data", "a/b", "m~n", 0]) == "/data/a~1b/m~0n/0"


# ---- CloudEvents

cloud_event = Draft7Validator(
    json.loads((STANDARDS / "cloudevents-1.0.json").read_text(encoding="utf-8")), format_checker=FormatChecker()
)


@every_type
def test_every_event_is_a_cloud_event_by_the_published_schema(name: str) -> None:
    cloud_event.validate(example(name))


@every_type
def test_the_attributes_of_every_event_obey_the_naming_rule_and_are_scalar(name: str) -> None:
    attributes = {k: v for k, v in example(name).items() if k != "data"}
    assert all(set(k) <= set(string.ascii_lowercase + string.digits) and len(k) <= 20 for k in attributes)
    assert all(isinstance(v, (str, int, bool)) for v in attributes.values())


def test_the_published_schema_is_asked_in_earnest() -> None:
    assert not cloud_event.is_valid({**example(ACCEPTED), "id": ""})
    assert not cloud_event.is_valid({k: v for k, v in example(ACCEPTED).items() if k != "source"})


@pytest.mark.parametrize("bad", ["", "a" * 129, "a\nb", "a\x00", "\x7f"])
def test_an_id_is_1_to_128_characters_without_control_characters(bad: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Envelope.model_validate({**example(ApplicationSubmittedV2.TYPE), "id": bad})
    assert [fault["loc"] for fault in caught.value.errors()] == [("id",)]


@pytest.mark.parametrize("good", ["1", "a" * 128, "заявка 17/04", "urn:x:1"])
def test_an_agency_may_choose_any_readable_id(good: str) -> None:
    event = Envelope.model_validate({**example(ApplicationSubmittedV2.TYPE), "id": good})
    assert event.id == good
    assert event.time.tzinfo == UTC


# ---- a service's own facts


@every_fact
def test_an_own_fact_is_read_with_its_data_as_written_and_its_headers(name: str) -> None:
    event = example(name)
    owner = LANGUAGES[event["source"].rsplit("/", 1)[1]]
    own = parse_own_fact(json.dumps(event).encode(), owner)
    assert own == parse_fact(json.dumps(event).encode(), owner)
    assert own.data == event["data"]
    assert headers_of(own) == headers(event)


@pytest.mark.parametrize("kind", ["pilots.intake.something-new.v1", "pilots.intake.application-accepted.v2"])
def test_of_an_own_fact_that_a_newer_program_wrote_is_read_what_all_facts_say(kind: str) -> None:
    event = {**example("pilots.intake.application-accepted.v1"), "type": kind}
    own = parse_own_fact(json.dumps(event).encode(), INTAKE)
    assert type(own.fact) is Fact
    assert own.fact.actor.model_dump() == event["data"]["actor"]
    assert (own.type, own.data) == (kind, event["data"])
