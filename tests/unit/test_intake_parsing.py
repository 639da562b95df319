"""What is too much to be read is answered by its id all the same, and costs no more for what stands in it."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.extent import EVENT
from services.intake import parsing
from services.intake.parsing import NoBatch, batch, parsed
from tests.unit.test_extent import VALUES

MUCH: list[Any] = [1] * (EVENT.elements + 1)
EVENT_ID = "заявка-1"


def event(**data: Any) -> dict[str, Any]:
    return {"data": {"values": MUCH, **data}, "id": EVENT_ID, "type": "pilots.agency.result-reported.v1"}


@pytest.mark.parametrize("escaped", [True, False])
@pytest.mark.parametrize("more", [{}, {"id": "another"}, {"text": '"id":"another"'}, {"text": '\\","id":"another'}])
def test_an_event_of_too_many_values_is_known_by_its_own_id(more: dict[str, str], escaped: bool) -> None:
    found = parsed(json.dumps(event(**more), ensure_ascii=escaped).encode(), {})
    assert found.fault is not None and found.fault.rule == "json.too-many"
    assert found.event == {"id": EVENT_ID, "type": "pilots.agency.result-reported.v1"}


@given(VALUES, VALUES, st.booleans(), st.sampled_from([None, (",", ":"), (" ,\n", "\t: ")]))
def test_its_id_is_found_among_whatever_stands_around_it(
    before: Any, behind: Any, escaped: bool, marks: tuple[str, str] | None
) -> None:
    said = {"a": before, "id": 'я "\\', "b": behind, "type": "t", "c": {"id": "another"}}
    text = json.dumps(said, ensure_ascii=escaped, separators=marks)
    assert parsing._named(text.encode()) == {"id": 'я "\\', "type": "t"}


def test_so_is_one_within_a_batch() -> None:
    many, small = batch(json.dumps([event(), {"id": "small"}]).encode())
    assert (many.event["id"], small.event["id"]) == (EVENT_ID, "small")


@pytest.mark.parametrize("said", [b'{"id":5}', b'{"id":{"id":"x"}}', b'[{"id":"x"}]', b'"id"', b"{", b'{"id":"a'])
def test_what_names_no_event_has_no_id(said: bytes) -> None:
    body = said + b"," * EVENT.elements
    assert "id" not in parsed(body, {}).event or parsed(body, {}).event["id"].startswith("a")


SIZE, MARKS = 1_000_000, re.compile(rb'[\[\]{},:"]')
UNREAD = {
    "empty objects": b'{"data":[%s{}]}' % (b"{}," * (SIZE // 3)),
    "objects of one": b"[%s{}]" % (b'{"a":{}},' * (SIZE // 9)),
    "one name": b'{%s"a":1}' % (b'"a":{},' * (SIZE // 7)),
    "quotation marks": b'[%s""]' % (b'"",' * (SIZE // 3)),
    "names of an event": b'{"data":[%s{}],"id":"late"}' % (b'{"id":"a"},' * (SIZE // 11)),
}


@pytest.mark.parametrize("said", UNREAD.values(), ids=UNREAD.keys())
def test_what_is_refused_unread_costs_less_than_to_look_at_it_mark_by_mark(said: bytes) -> None:
    def spent(call: Callable[[], object]) -> float:
        began = time.process_time()
        call()
        return time.process_time() - began

    fault = parsed(said, {}).fault
    assert fault is not None and fault.rule == "json.too-many"
    unread, looked_at = (
        min(spent(call) for _ in range(3))
        for call in (lambda: parsed(said, {}), lambda: sum(1 for _ in MARKS.finditer(said)))
    )
    assert unread < looked_at, (unread, looked_at)


def attributes(id_: str) -> dict[str, str]:
    return {"specversion": "1.0", "id": id_, "type": "pilots.agency.result-reported.v1", "content-type": "text/json"}


@pytest.mark.parametrize("data", [json.dumps(event()).encode(), b"{bad", b"\xff"])
def test_what_has_its_attributes_in_headers_is_known_by_them_whatever_its_data_says(data: bytes) -> None:
    one, other, again = (parsed(data, attributes(id_)) for id_ in ("one", "other", "one"))
    assert (one.event["id"], other.event["id"]) == ("one", "other")
    assert one.fingerprint == again.fingerprint != other.fingerprint


def test_no_stroke_outside_of_a_text_hides_from_the_count_what_is_read() -> None:
    many = json.dumps({"data": [{}] * 9_000})
    body = "[" + "[" * 40 + r' \" " ' + "]" * 40 + ("," + many) * 30 + "]"
    with pytest.raises(NoBatch):
        batch(body.encode())


def test_texts_without_an_end_cost_in_proportion_to_their_length() -> None:
    def spent(length: int) -> float:
        body = b'[{"a":' + b"[]," * EVENT.elements + b'"' + rb"\"" * length
        began = time.process_time()
        with pytest.raises(NoBatch):
            batch(body)
        parsed(body[1:], {})
        return time.process_time() - began

    spent(1_000)
    assert spent(400_000) < 100 * max(spent(20_000), 0.01), "twenty times the length, and never its square"
