"""What is too much to be read is answered by its id all the same, and costs no more for what stands in it."""

import json
import time
from typing import Any

import pytest

from contracts.extent import EVENT
from services.intake.parsing import NoBatch, batch, parsed

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


def test_so_is_one_within_a_batch() -> None:
    many, small = batch(json.dumps([event(), {"id": "small"}]).encode())
    assert (many.event["id"], small.event["id"]) == (EVENT_ID, "small")


@pytest.mark.parametrize("said", [b'{"id":5}', b'{"id":{"id":"x"}}', b'[{"id":"x"}]', b'"id"', b"{", b'{"id":"a'])
def test_what_names_no_event_has_no_id(said: bytes) -> None:
    body = said + b"," * EVENT.elements
    assert "id" not in parsed(body, {}).event or parsed(body, {}).event["id"].startswith("a")


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
