"""In which encoding a text is taken to be that does not say it: by words and signs, never by a byte alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.encodings import WESTERN, looks_like
from services.intake.importing import tables
from services.intake.importing.mapping import FileHints

OURS: Final = "windows-1251"
RUSSIAN: Final = (
    "запись к врачу без очереди пилотный проект цифровой сервис ведомство стоимость эффект объект щётка съезд юг их "
    "МинЗдрав РУП ГУ УП ЗАО НИИ ЕС"
)
BELARUSIAN: Final = (
    "запіс да ўрача без чаргі пілотны праект лічбавы сэрвіс кошт вынік ўзор аб'ект гадзіннік прычына іншыя мэта"
)
WESTERN_TEXT: Final = (
    "Déjà vu école français où naïve garçon Größe Straße für Öl ÄRZTE Müller übrig España mañana corazón ação São até "
    "Ångström smörgås København være œuvre cœur Žižek Šimon FRANÇAISE ÉTÉ"
)
OUR_WORDS: Final = (*RUSSIAN.split(), *BELARUSIAN.split())
WESTERN_WORDS: Final = WESTERN_TEXT.split()
WESTERN_SIGNS: Final = (
    "5 000 €",
    "€",
    "£5",
    "¥ 100",
    "5 m²",
    "12 m³",
    "note¹",
    "½",
    "1 ¼",
    "¿Qué?",
    "1º de mayo",
    "2ª",
)
Change = Callable[[str], str]
changes = st.sampled_from((str.lower, str.upper, str.capitalize))
plain = st.lists(st.sampled_from(("IT", "ERP", "12,50", "2026", "Lotsman", "(x)", "«a»", "–")), max_size=4)


@pytest.mark.parametrize("text", [*WESTERN_SIGNS, *WESTERN_WORDS, "à la carte", "Price (€);5", "Café 5 €/m³"])
def test_signs_and_letters_of_western_europe_are_what_they_are_however_few(text: str) -> None:
    assert text.isascii() or looks_like(text.encode(WESTERN)) == WESTERN


@pytest.mark.parametrize(
    "text",
    [
        *("план", "План", "ПЛАН", "РУП", "ГУП", "ЗАО", "№ 5", "№;Title", "№ п/п", "100 €", "ІІ квартал", "Ўзор", "щи"),
        *("НАИМЕНОВАНИЕ ПРОЕКТА", "IT-отдел", "ул. Мира, д. 5А", "з 5 да 7", "СТБ «Шчыт»", "Єдиний реєстр України"),
    ],
)
def test_words_and_signs_of_ours_are_what_they_are_however_few(text: str) -> None:
    assert looks_like(text.encode(OURS)) == OURS


@given(st.lists(st.tuples(st.sampled_from(OUR_WORDS), changes), min_size=2, max_size=20), plain)
def test_any_words_of_ours_in_any_case_whatever_is_beside_them_are_windows_1251(
    words: list[tuple[str, Change]], beside: list[str]
) -> None:
    # In koi8-r the same bytes are capitals of other letters, which fit better for some words: "эффект эффект".
    assert looks_like(" ".join([*(change(word) for word, change in words), *beside]).encode(OURS)) == OURS


@given(st.lists(st.sampled_from((*WESTERN_WORDS, *WESTERN_SIGNS)), min_size=1, max_size=20), plain)
def test_any_words_and_signs_of_western_europe_are_windows_1252(words: list[str], beside: list[str]) -> None:
    text = "; ".join([*words, *beside])
    assert looks_like(text.encode(WESTERN)) == (None if "".join(words).isascii() else WESTERN)


@pytest.mark.parametrize("encoding", ["koi8-r", "cp866"])
@given(words=st.lists(st.sampled_from(RUSSIAN.split()).map(str.capitalize), min_size=4, max_size=20, unique=True))
def test_encodings_that_are_hardly_met_any_more_are_found_by_some_words(encoding: str, words: list[str]) -> None:
    assert looks_like(" ".join(words).encode(encoding)) == encoding


@pytest.mark.parametrize("text", ["15°", "«Price»", "Ø 50", "а"])
def test_what_could_be_either_is_not_told(text: str) -> None:
    assert looks_like(text.encode(OURS if text == "а" else WESTERN)) is None


@pytest.mark.parametrize(
    ("cell", "encoding"), [("5 000 €", "cp1252"), ("£5", "cp1252"), ("100 €", "cp1251"), ("№ 7", "cp1251")]
)
def test_one_sign_in_a_spreadsheet_is_read_as_it_was_written(tmp_path: Path, cell: str, encoding: str) -> None:
    path = tmp_path / "plan.csv"
    path.write_bytes(f"No;Price\n1;5\n2;{cell}\n3;7\n".encode(encoding))
    table = tables.read(path, ["No", "Price"], FileHints())
    assert [cells[1] for _, cells in table.rows] == ["5", cell, "7"]
