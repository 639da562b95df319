"""An application in which twenty-five things are wrong, each in its own way: shapes, rules of the edition, rules
between fields, and names that no contract has."""

from typing import Any, Final

from tests.kit.intake.sides import submitted

LONG: Final = "x" * 61


def faulty(id_: str = "demo-25") -> dict[str, Any]:
    """The application."""
    event = submitted(25)
    event["data"] |= {
        "title": "\u00a0\u200b",
        "solution": "Решение \ud800",
        "sector": "space",
        "region": "atlantis",
        "office": "Отраслевой офис",
        "territory": "\u0301",
        "participants": [{"id": {"scheme": "BY-UNP", "value": "79"}, "name": "ООО «Пример»"}],
        "initiator": {"id": {"scheme": "BY-UNP", "value": "790000017"}, "name": "ГУ «Ведомство»"},
        "customer": {"id": {"scheme": "XX-NONE", "value": "1"}, "name": "ООО «Заказчик»"},
        "executor": {"id": {"scheme": "BY-UNP", "value": "790000029"}, "name": "Образцова Проба Примеровна"},
        "planned_start": "2027-13-01",
        "planned_end": "1905-07-18",
        "own_number": LONG,
        "procedure": "by-magic",
        "costs": [
            {"source": "treasure", "year": 2026, "amount_minor": 100, "currency": "BYN"},
            {"source": "republican-budget", "year": 1999, "amount_minor": 100, "currency": "BYN"},
            {"source": "republican-budget", "year": 2026, "amount_minor": -5, "currency": "byn"},
        ],
        "total_cost": {"amount_minor": 1, "currency": "BYN"},
        "sector_shares": [
            {"sector": "health", "basis_points": 4000},
            {"sector": "health", "basis_points": 4000},
        ],
        "contact": {"name": "Пробный П.", "email": "not an address", "phone": "позвоните"},
        "adaptation": "Ничего не меняли.",
        "titel": "Слово",
    }
    return {**event, "id": id_, "source": "/agencies/other", "time": "2099-01-01T00:00:00Z"}


FAULTS: Final = (
    ("/source", "source.not-yours"),
    ("/time", "time.future"),
    ("/data/title", "schema.blank"),
    ("/data/solution", "schema.string-unicode"),
    ("/data/territory", "schema.blank"),
    ("/data/planned_start", "schema.day-form"),
    ("/data/planned_end", "schema.bare-year"),
    ("/data/own_number", "schema.string-too-long"),
    ("/data/costs/1/year", "schema.greater-than-equal"),
    ("/data/costs/2/amount_minor", "schema.greater-than-equal"),
    ("/data/costs/2/currency", "costs.currency"),
    ("/data/procedure", "schema.enum"),
    ("/data/office", "office.unknown"),
    ("/data/contact/email", "schema.string-pattern-mismatch"),
    ("/data/sector", "sector.unknown"),
    ("/data/initiator/id/value", "party.check-digit"),
    ("/data/customer/id/scheme", "party.scheme"),
    ("/data/executor/name", "party.person-name"),
    ("/data/participants/0/id/value", "party.form"),
    ("/data/costs/0/source", "costs.source"),
    ("/data/region", "region.unknown"),
    ("/data/sector_shares/1/sector", "sector.twice"),
    ("/data/adaptation", "adaptation.unwanted"),
    ("/data/contact/phone", "contact.phone"),
    ("/data/titel", "field.unknown"),
)
"""What is wrong with it: where, and by which rule."""
