"""One event with faults of every kind: both doors name the same faults, all of them, word for word."""

import json
from dataclasses import replace
from typing import Any

import pytest

from services.chassis.engine import Engine
from tests.kit.engine.tiny import Broker
from tests.kit.intake.sides import Ask, sent, submitted

LONG = "x" * 61


def faulty() -> dict[str, Any]:
    """An application in which nearly everything is wrong, each thing in its own way."""
    event = submitted(25)
    data = event["data"]
    data |= {
        "title": "\u00a0\u200b",
        "problem": "",
        "solution": "Решение \ud800",
        "sector": "space",
        "region": "atlantis",
        "initiator": {"id": {"scheme": "BY-UNP", "value": "790000017"}, "name": "Ведомство"},
        "customer": {"id": {"scheme": "XX-NONE", "value": "1"}, "name": "Заказчик"},
        "executor": {"id": {"scheme": "BY-UNP", "value": "790000016"}, "name": " "},
        "planned_start": "2026-13-01",
        "planned_end": "1905-07-18",
        "own_number": LONG,
        "procedure": "by-magic",
        "costs": [
            {"source": "treasure", "year": 2026, "amount_minor": 100, "currency": "BYN"},
            {"source": "republican-budget", "year": 1999, "amount_minor": 100, "currency": "BYN"},
            {"source": "republican-budget", "year": 2026, "amount_minor": -5, "currency": "byn"},
            {"source": "republican-budget", "year": 2026, "amount_minor": "сто", "currency": "XAU"},
        ],
        "sector_shares": [
            {"sector": "health", "basis_points": 4000},
            {"sector": "health", "basis_points": 4000},
        ],
        "contact": {"name": "", "email": "not an address", "phone": "позвоните"},
        "participants": [{"id": {"scheme": "BY-UNP", "value": "79000001A"}, "name": "Участник"}],
        "adaptation": "Ничего не меняли.",
        "titel": "Слово",
    }
    return {**event, "source": "/agencies/other", "time": "2126-01-01T00:00:00Z", "subjekt": "x"}


async def test_all_faults_of_an_event_are_named_at_once_and_alike_by_both_doors(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    event = faulty()
    answer = await ask("post", "/v1/events", content=json.dumps(event).encode())
    assert answer.status_code == 422, answer.text
    by_http = [{k: v for k, v in one.items() if k != "message_en"} for one in answer.json()["problems"]]
    again = json.dumps({**event, "id": "demo-26"}).encode()
    await engine.records([replace(sent({}), value=again)])
    await engine.outbox.flush()
    [by_kafka] = [
        one["data"] for one in broker.events("pilots.receipts.demo.v1") if one["data"]["event_id"] == "demo-26"
    ]
    assert by_http == by_kafka["problems"]
    assert len(by_http) >= 25
    found = {(one["pointer"], one["rule"]) for one in by_http}
    assert {
        ("/data/title", "schema.blank"),
        ("/data/solution", "schema.string-unicode"),
        ("/data/sector", "sector.unknown"),
        ("/data/titel", "field.unknown"),
        ("/source", "source.not-yours"),
        ("/time", "time.future"),
    } <= found, "faults of the shape hide none of the rules, and the other way round"
    for one in by_http:
        assert one["message"] and one["message_ru"] and one["message_be"] and one["action"] in ("fix", "retry")


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
    answer = await ask("post", "/v1/events", content=body)
    assert answer.status_code == 422
    [fault] = answer.json()["problems"]
    assert fault["rule"] == "json.invalid" and words in fault["message"]
    await engine.records([replace(sent({}), value=body)])
    await engine.outbox.flush()
    assert broker.events("pilots.receipts.demo.v1")[-1]["data"]["problems"] == answer.json()["problems"]


async def test_utf_16_with_its_mark_is_read(ask: Ask) -> None:
    body = json.dumps(submitted(1), ensure_ascii=False).encode("utf-16")
    assert (await ask("post", "/v1/events", content=body)).status_code == 201
