"""What an entry of the timeline says in a workbook: words, labels, days and money for people, and no JSON."""

import json
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from contracts.freeze import example
from contracts.registry import REGISTRY, PilotFact
from contracts.words import LANGUAGES, Language
from services.law.names import fields_of
from services.registry.exports.entry import in_words
from services.registry.exports.entry_words import FIELDS
from services.registry.handlers import BESIDE

OF_PILOTS = [cls.TYPE for cls in get_args(PilotFact)]


def what(name: str) -> dict[str, Any]:
    return {key: one for key, one in example(name)["data"].items() if key not in BESIDE}


@pytest.mark.parametrize("name", OF_PILOTS)
def test_every_fact_of_a_pilot_is_said_in_words_of_every_language(name: str) -> None:
    said = {one: in_words(json.dumps(what(name)), one) for one in LANGUAGES}
    for language, text in said.items():
        assert text or not what(name)
        assert not set('{}[]"') & set(text.replace("«", "").replace("»", "")), text
        assert not [key for key in FIELDS if f"{key}: " in text and "_" in key]
        if language != "en":
            assert all(ord(line[0]) > 0x400 for line in text.splitlines() if ":" in line and line[0] != " "), text
    assert len(set(said.values())) == 3 or not what(name)


def test_every_field_of_every_fact_of_a_pilot_has_a_name_for_people() -> None:
    known = set[str]()
    todo: list[tuple[type[BaseModel], ...]] = [(REGISTRY.classes[name],) for name in OF_PILOTS]
    while todo:
        fields = fields_of(todo.pop())
        todo += [models for name, models in fields.items() if models and name not in known | BESIDE]
        known |= fields.keys() - BESIDE
    assert known - FIELDS.keys() == set()


def test_days_are_days_money_is_in_units_and_codes_have_their_labels() -> None:
    entry = {
        "outcome": "effective",
        "since": "2026-11-01",
        "at": "2026-11-01T09:30:00.000Z",
        "granted": True,
        "sector_shares": [{"sector": "health", "basis_points": 6_000}],
        "payments": [{"amount_minor": 123_456_789, "currency": "BYN", "source": "own-money", "paid": "2026-04-01"}],
        "executor": {"id": {"scheme": "BY-UNP", "value": "790000029"}, "name": "ООО «Пример»"},
        "planned_end": None,
    }
    assert in_words(json.dumps(entry), "ru") == (
        "Итог: проект эффективен\n"
        "С: 01.11.2026\n"
        "Когда: 01.11.2026 12:30\n"
        "Удовлетворено: да\n"
        "Доли отраслей:\n  – Отрасль: Здравоохранение; Доля: 60 %\n"
        "Платежи:\n  – 1\u00a0234\u00a0567,89 BYN (Источник финансирования: Собственные средства исполнителя или "
        "организации; Оплачено: 01.04.2026)\n"
        "Исполнитель: ООО «Пример» (BY-UNP 790000029)"
    )
    assert "1,234,567.89 BYN" in in_words(json.dumps(entry), "en") and "2026-11-01 12:30" in in_words(
        json.dumps(entry), "en"
    )


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("ru", "Решение: проект целесообразен\nИтог: заявка принята\nВажность: незначительная\nНомер записи: 2"),
        ("be", "Рашэнне: праект мэтазгодны\nВынік: заяўка прынята\nВажнасць: нязначная\nНумар запісу: 2"),
        ("en", "Decision: expedient\nOutcome: accepted\nSeverity: minor\nEntry number: 2"),
    ],
)
def test_a_code_agrees_with_the_name_of_the_field_that_it_stands_behind(language: Language, says: str) -> None:
    entry = {"decision": "expedient", "outcome": "accepted", "severity": "minor", "place": 2}
    assert in_words(json.dumps(entry), language) == says
