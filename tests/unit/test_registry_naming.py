"""What in a text names a pilot, and what is left of a text without it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.masking import MASK
from services.registry.naming import names_in, unnamed

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Продолжение ПП-2026-000123.", {"ПП-2026-000123"}),
        ("по опыту «пп–2026–000123»", {"ПП-2026-000123"}),
        ("№ПП - 2026 - 000123, ПП—2025—000001", {"ПП-2026-000123", "ПП-2025-000001"}),
        ("(ПП-2026-000123)г.", {"ПП-2026-000123"}),
        ("ПП-2026-000123/2", {"ПП-2026-000123"}),
        (f"см. {ID.upper()}", {ID}),
        (f"/v1/pilots/{ID}", {ID}),
        ("в 2026-2028 годах", set()),
        ("тел. 17-2026-000123", set()),
        ("ПП-202-000123", set()),
        ("", set()),
    ],
)
def test_numbers_and_ids_are_found_whatever_their_letters_dashes_and_blanks(text: str, names: set[str]) -> None:
    assert names_in(text) == names


@given(st.text(max_size=80), st.text(max_size=80))
def test_what_was_masked_names_nobody_and_the_rest_stays(before: str, after: str) -> None:
    said = f"{before} ПП-2026-000123 {after}"
    told = unnamed({"title": said})["title"]
    assert names_in(told) == set() and MASK in told
    if not names_in(before) and not names_in(after) and "-" not in before[-3:]:
        assert told.startswith(before)


def test_a_view_keeps_its_own_number_and_id_and_loses_those_in_its_texts() -> None:
    view = {
        "id": ID,
        "number": "ПП-2026-000001",
        "title": "Вместо ПП-2026-000001",
        "conclusions": [{"number": "ЗЭ-2026-0003", "verdict": "positive"}],
        "application": {"problem": f"как в {ID}", "costs": 7, "initiator": {"id": {"value": "100000001"}}},
    }
    assert unnamed(view) == {
        **view,
        "title": f"Вместо {MASK}",
        "application": {**view["application"], "problem": f"как в {MASK}"},  # type: ignore[dict-item]
    }
