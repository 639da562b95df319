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
