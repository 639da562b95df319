"""What the pages say: sentences with values in them."""

import pytest

from contracts.words import LANGUAGES, Language
from services.desk.words import words_of

WORDS = words_of("Europe/Minsk")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("id", ["register.as-it-was", "export.kept-until", "sheet.kept-until", "form.kept"])
def test_a_sentence_that_ends_with_a_day_has_one_full_stop(id: str, language: Language) -> None:
    words = WORDS[language]
    day = words.day("2026-11-28")
    said = words.say(id, day=day, until=day)
    assert day.rstrip(".") in said and ".." not in said


def test_what_somebody_wrote_keeps_its_stops() -> None:
    assert "«2026 г...»" in WORDS["ru"].say("sheet.held", name="2026 г...", until="завтра")


def test_a_sum_stands_apart_from_a_currency_of_letters_by_a_blank_that_no_line_ends_at() -> None:
    said = {one: [WORDS[one].money(minor, code) for minor, code in SUMS] for one in LANGUAGES}
    assert said == {
        "ru": [
            "1\u00a0500,00\u00a0BYN",
            "-1\u00a0500,00\u00a0BYN",
            "1\u00a0500,00\u00a0$",
            "0,05\u00a0€",
            "150\u00a0000\u00a0¥",
        ],
        "be": [
            "1\u00a0500,00\u00a0Br",
            "-1\u00a0500,00\u00a0Br",
            "1\u00a0500,00\u00a0$",
            "0,05\u00a0€",
            "150\u00a0000\u00a0¥",
        ],
        "en": ["BYN\u00a01,500.00", "-BYN\u00a01,500.00", "US$1,500.00", "€0.05", "JP¥150,000"],
    }


SUMS = ((1_500_00, "BYN"), (-1_500_00, "BYN"), (1_500_00, "USD"), (5, "EUR"), (150_000, "JPY"))
