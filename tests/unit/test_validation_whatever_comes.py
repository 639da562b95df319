"""Whatever an agency sends is decided: taken, or refused with every fault at its place."""

import json
from datetime import UTC
from typing import Any, cast

import pytest
from hypothesis import example as also
from hypothesis import given
from hypothesis import strategies as st

from contracts.event import Event, NewerVersion
from contracts.intake import ApplicationRegisteredV1, SubmissionRefusedV1
from deploy.samples.common import BOOK, NOW, SUBJECT
from services.intake.domain.agency import Agency, Given
from services.intake.domain.commands import Submit
from services.intake.domain.decide import decide
from services.intake.domain.later import UnknownAgency
from services.intake.door import submission
from services.intake.receipts import publications
from services.law.decision import Context
from tests.kit.calendars import CALENDARS
from tests.kit.intake.events import (
    CODE,
    ENTRY,
    LONG_AGO_AND_FAR,
    SECRETS,
    US_ENTRY,
    V1,
    V2,
    event,
    faults,
    places,
    replaced,
    us_event,
    values,
)

# ---- whatever comes


def decided(body: bytes, entry: Agency | None = ENTRY) -> list[Any]:
    """What intake makes of the bytes, or nothing where it rightly waits for a hand."""
    try:
        one = submission(CODE, body, "kafka:pilots.agency.vedomstvo-primer.v1/0/7")
        command = cast(Any, one.command)
        given = Given(BOOK, entry, "ПП-2026-000001")
        return list(decide(None, command, Context(NOW, SUBJECT, one.actor, given, CALENDARS)))
    except (NewerVersion, UnknownAgency):
        return []


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
    [receipt] = publications(Event("f-1", "intake", refused.TYPE, SUBJECT, NOW, 1, "app-2026-0017", {}, refused))
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
