"""One event with faults of every kind: every door names the same faults, all of them, word for word."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from services.chassis.engine import Engine
from tests.kit.engine.tiny import Broker
from tests.kit.intake.faulty import FAULTS, faulty
from tests.kit.intake.sides import Ask, sent, submitted

BATCH = {"Content-Type": "application/cloudevents-batch+json"}


async def by_kafka(engine: Engine, broker: Broker, value: bytes, **more: Any) -> Any:
    """What the receipts topic says of a record."""
    await engine.outbox.flush()
    before = len(broker.events("pilots.receipts.demo.v1"))
    await engine.records([replace(sent({}), value=value, **more)])
    await engine.outbox.flush()
    [found] = broker.events("pilots.receipts.demo.v1")[before:]
    return found["data"]


async def test_the_same_twenty_five_faults_are_named_word_for_word_by_every_door(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    said = json.dumps(faulty()).encode()
    tried = await ask("post", "/v1/events/validate", content=said)
    tried_among = await ask("post", "/v1/events/validate", content=b"[%s]" % said, headers=BATCH)
    alone = await ask("post", "/v1/events", content=said)
    among = await ask("post", "/v1/events", content=b"[%s]" % json.dumps(faulty("demo-26")).encode(), headers=BATCH)
    event = faulty("demo-28")
    attributes = {name: str(value) for name, value in event.items() if name != "data"}
    binary = await ask(
        "post",
        "/v1/events",
        content=json.dumps(event["data"]).encode(),
        headers={"Content-Type": "application/json", **{f"ce-{name}": one for name, one in attributes.items()}},
    )
    record = await by_kafka(engine, broker, json.dumps(faulty("demo-27")).encode())
    headers = tuple((f"ce_{name}", value.encode()) for name, value in {**attributes, "id": "demo-29"}.items())
    binary_record = await by_kafka(engine, broker, json.dumps(event["data"]).encode(), headers=headers)
    kept = [await ask("get", f"/v1/receipts/demo-{n}") for n in range(25, 30)]
    wanted = record["problems"]
    assert [(one["pointer"], one["rule"]) for one in wanted] == [*FAULTS]
    for one in wanted:
        assert one["message"] and one["message_ru"] and one["message_be"] and one["action"] in ("fix", "retry")
    assert (tried.status_code, alone.status_code, binary.status_code) == (422, 422, 422)
    assert [one.json()["items"][0]["status"] for one in (tried_among, among)] == [422, 422]
    assert tried.json()["problems"] == alone.json()["problems"] == binary.json()["problems"] == wanted
    assert binary_record["problems"] == wanted
    assert all(one.json()["items"][0]["receipt"]["problems"] == wanted for one in (tried_among, among))
    assert all(one.json()["problems"] == wanted for one in kept)


def of(number: int, **data: Any) -> dict[str, Any]:
    return submitted(number, **{"planned_start": None, **data})


async def test_faults_of_one_event_hide_none_of_its_neighbours_in_a_batch(ask: Ask) -> None:
    batch = json.dumps([of(1), faulty("a"), of(2, sector="space"), faulty("b")]).encode()
    answer = await ask("post", "/v1/events", content=batch, headers=BATCH)
    found = [one["receipt"]["problems"] for one in answer.json()["items"]]
    assert [[one["rule"] for one in some] for some in (found[0], found[2])] == [[], ["sector.unknown"]]
    assert found[1] == found[3] and len(found[1]) == 25


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"id": "x",\n "type" 1}', "line 2, column 9"),
        ('{"title": "Запись к врачу в поликлинике"}'.encode("cp1251"), "byte 12 (0xC7)"),
        ('{"title": "Запись к врачу в поликлинике"}'.encode("cp1251"), "windows-1251"),
        ('{"title": "Запись к врачу в поликлинике"}'.encode("koi8-r"), "koi8-r"),
        ('{"title": "Запись к врачу в поликлинике"}'.encode("cp866"), "cp866"),
        ('{"title": "Crème brûlée für alle"}'.encode("latin-1"), "windows-1252"),
    ],
)
async def test_what_is_no_json_is_said_where_and_why_by_both_doors(
    engine: Engine, ask: Ask, broker: Broker, body: bytes, words: str
) -> None:
    tried = await ask("post", "/v1/events/validate", content=body)
    answer = await ask("post", "/v1/events", content=body)
    assert answer.status_code == tried.status_code == 422
    [fault] = answer.json()["problems"]
    assert fault["rule"] == "json.invalid" and words in fault["message"]
    assert (await by_kafka(engine, broker, body))["problems"] == tried.json()["problems"] == answer.json()["problems"]
    among = await ask("post", "/v1/events", content=b"[\n" + body + b"]", headers=BATCH)
    assert among.status_code == 400
    [fault] = among.json()["problems"]
    place = re.match(r"line 2, column 9|byte 12 ", words)
    assert fault["rule"] == "json.invalid"
    assert ("line 3, column 9" if words.startswith("line") else "byte 14" if place else words) in fault["message"]


async def test_utf_16_with_its_mark_is_read(ask: Ask) -> None:
    body = json.dumps(submitted(1), ensure_ascii=False).encode("utf-16")
    assert (await ask("post", "/v1/events", content=body)).status_code == 201
