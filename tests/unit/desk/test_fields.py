"""Forms as data: what they send, where a fault belongs, what they begin with. Without any service."""

from zoneinfo import ZoneInfo

import pytest

from services.desk import fields
from services.desk.fields import BASIS, Field, Group, Kind, Parts
from services.desk.forms import Filled
from services.desk.words import Words

LINES = Group("costs", (Field("source"), Field("amount_minor", Kind.HUNDREDTHS)), many=True)
FORM: Parts = (Group("agreement", (Field("starts", Kind.DAY), LINES)), BASIS)
RU = Words("ru", ZoneInfo("UTC"))


def filled(**typed: str) -> Filled:
    return Filled(tuple((name.replace("__", "-"), value) for name, value in typed.items()), "k", '"1"', ())


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("1 234,50", 123450),
        ("1\u00a0234.5", 123450),
        ("7", 700),
        ("0,01", 1),
        ("1,005", None),
        ("-1", None),
        ("1e3", None),
    ],
)
def test_an_amount_is_read_as_it_is_written_here_and_never_rounded(typed: str, sent: int | None) -> None:
    assert fields.hundredths(typed) == sent


def test_rows_in_which_nothing_stands_are_not_sent_and_a_fault_finds_its_row_all_the_same() -> None:
    form = filled(rows__agreement__costs="3", agreement__costs__2__source="own-money", agreement__costs__3__source="x")
    assert fields.body(FORM, form) == {"agreement": {"costs": [{"source": "own-money"}, {"source": "x"}]}, "basis": {}}
    place = fields.place(FORM, form)
    assert place("/agreement/costs/1/source") == "agreement-costs-3-source"
    assert place("/agreement/costs/0") == place("/agreement/costs/0/currency") == "agreement-costs-2-source"
    assert place("/agreement/costs") == "agreement-costs-2-source"
    assert place("/agreement") == "agreement-starts"
    assert place("/basis/date") == "basis-date"
    assert place("/nothing") is None


def test_what_cannot_be_read_is_told_at_its_field_and_sent_as_it_was_typed() -> None:
    form = filled(agreement__costs__1__amount_minor="сто")
    assert list(fields.unreadable(RU, FORM, form)) == ["agreement-costs-1-amount_minor"]
    assert fields.body(FORM, form)["agreement"]["costs"] == [{"amount_minor": "сто"}]


def test_one_more_row_is_shown_of_the_group_that_was_asked_for() -> None:
    assert fields.rows(LINES, filled(), "agreement-") == 1
    assert fields.rows(LINES, filled(rows__agreement__costs="2", more="agreement-costs"), "agreement-") == 3
    assert fields.rows(LINES, filled(rows__agreement__costs="2", more="other"), "agreement-") == 2
    assert fields.rows(LINES, filled(rows__agreement__costs="999", more="agreement-costs"), "agreement-") == 100


def test_a_form_that_begins_with_an_entry_sends_that_entry() -> None:
    entry = {
        "agreement": {"starts": "2026-04-16", "costs": [{"source": "a", "amount_minor": 5}, {"source": "b"}]},
        "basis": {"body": "Совет", "kind": "решение", "number": "1", "date": "2026-04-16"},
    }
    typed = fields.first(FORM, entry)
    assert fields.body(FORM, Filled(tuple(typed.items()), "k", '"1"', ())) == entry
