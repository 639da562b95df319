"""Which columns are likely which fields: by how headings are worded, and by words of them in other forms."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.importing.guessing import guessed
from services.intake.importing.mapping import FileHints
from services.intake.importing.tables import SEPARATORS, read


def columns(folder: Path, *headings: str) -> dict[str, str]:
    """What is guessed of a file with these headings."""
    path, headings = folder / "plan.csv", (*headings, "Регион", "Отдел", "Прочее")
    path.write_text(";".join(headings) + "\n" + ";".join("1" for _ in headings) + "\n", encoding="utf-8")
    found = dict(guessed(path, FileHints()).columns)
    assert found.pop("region") == "Регион"
    return found


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("Наименование пилотного проекта", "title"),
        ("Название ИТ-проекта", "title"),
        ("Проблемы", "problem"),
        ("Описание проблемы проекта", "problem"),
        ("Предлагаемые решения", "solution"),
        ("Отрасль экономики", "sector"),
        ("УНП организации-инициатора", "initiator.id.value"),
        ("Организация-инициатор", "initiator.name"),
        ("Ответственный исполнитель", "executor.name"),
        ("Дата начала реализации", "planned_start"),
        ("Дата окончания работ", "planned_end"),
        ("Стоимость (руб.)", "costs.0.amount_minor"),
        ("Сумма, BYN", "costs.0.amount_minor"),
        ("Кошт праекта", "costs.0.amount_minor"),
        ("Чаканы эфект", "expected_effect"),
        ("Project cost", "costs.0.amount_minor"),
    ],
)
def test_a_heading_that_says_a_field_in_other_words_is_found(tmp_path: Path, heading: str, field: str) -> None:
    assert columns(tmp_path, heading).get(field) == heading


@pytest.mark.parametrize(
    "heading",
    [
        "Решение совета",
        "Номер телефона",
        "Контакт заказчика",
        "Исполнитель (ФИО)",
        "Стоимость, тыс. руб.",
        "Сумма (млн)",
        "№ п/п",
        "Дата последнего изменения строки",
        "Заместитель",
        "Решаемые вопросы",
        "Cost centre code of department",
    ],
)
def test_a_heading_that_is_another_thing_is_no_guess(tmp_path: Path, heading: str) -> None:
    assert columns(tmp_path, heading, "Наименование") == {"title": "Наименование"}


def test_the_exact_wording_comes_before_one_that_is_only_alike(tmp_path: Path) -> None:
    found = columns(tmp_path, "Стоимость лицензий", "Стоимость", "Заказчик проекта", "УНП заказчика проекта")
    assert found == {
        "costs.0.amount_minor": "Стоимость",
        "customer.name": "Заказчик проекта",
        "customer.id.value": "УНП заказчика проекта",
    }


def test_no_heading_stands_for_two_fields(tmp_path: Path) -> None:
    found = columns(tmp_path, "Инициатор, УНП", "Дата начала и окончания", "Решение")
    assert len(set(found.values())) == len(found) and found["initiator.id.value"] == "Инициатор, УНП"


# ---- the separator


@pytest.mark.parametrize(
    ("body", "separator", "headings"),
    [
        ("Проблема, коротко;Ход работ\nочередь, долгая;идёт\n", ";", ["Проблема, коротко", "Ход работ"]),
        ("Номер, дата;Тема\n1, 02.10.2026;Склад\n2, 03.10.2026;Лифт\n", ";", ["Номер, дата", "Тема"]),
        ("Стоимость, руб.\tЦель\n12,50\tсклад\n7,00\tлифт\n", "\t", ["Стоимость, руб.", "Цель"]),
        ('"Название, тема";"Сумма, руб."\n"Склад, новый";"1,5"\n', ";", ["Название, тема", "Сумма, руб."]),
        ("Тема;Решение, стоимость, год\nСклад;нет\n", ";", ["Тема", "Решение, стоимость, год"]),
        ("Тема;Сумма в год\nСклад;1,5\nЛифт;2,5\n", ";", ["Тема", "Сумма в год"]),
        ("Год, проект\tТемы\n2026, а\tсклад; лифт\n", "\t", ["Год, проект", "Темы"]),
        ("Название | Name,Сфера | Sphere\nСклад | Store,быт | life\n", ",", ["Название | Name", "Сфера | Sphere"]),
        ("План, проекты\nТема;Стоимость;Год\nСклад;1,5;2026\n", ";", ["Тема", "Стоимость", "Год"]),
        ("Тема,Стоимость\nСклад; лифт,12\nДвор; сад,7\n", ",", ["Тема", "Стоимость"]),
    ],
)
def test_the_separator_is_the_one_by_which_the_rows_are_a_table(
    tmp_path: Path, body: str, separator: str, headings: list[str]
) -> None:
    path = tmp_path / "plan.csv"
    path.write_text(body, encoding="utf-8")
    found = guessed(path, FileHints())
    assert (found.table.separator, found.headings) == (separator, headings)


def test_a_table_of_one_column_keeps_the_commas_of_its_texts(tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    path.write_text("Название\nСклад, новый\nЛифт; двор\n", encoding="utf-8")
    texts = [["Склад, новый"], ["Лифт; двор"]]
    assert guessed(path, FileHints()).samples == texts
    assert [[*cells] for _, cells in read(path, ["Название"], FileHints()).rows] == texts


def texts(characters: str) -> st.SearchStrategy[str]:
    return st.text("ыя7" + characters, max_size=6)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, list[list[str]]]:
    """A separator, and a table of two columns or more whose headings have no separator that is as sure."""
    separator = draw(st.sampled_from(SEPARATORS))
    within = {";": ",|", "\t": ",;|"}.get(separator, "")
    width = draw(st.integers(2, 5))
    head = st.builds("ы{}".format, texts(within + ' "'))
    cells = st.lists(texts(',;|\t "\n'), min_size=width - 1, max_size=width - 1)
    rows = draw(st.lists(st.builds(lambda first, others: [first, *others], head, cells), min_size=1, max_size=6))
    return separator, [draw(st.lists(head, min_size=width, max_size=width, unique=True)), *rows]


@given(written())
def test_a_table_is_read_by_the_separator_that_it_was_written_with(
    tmp_path_factory: pytest.TempPathFactory, table: tuple[str, list[list[str]]]
) -> None:
    separator, lines = table
    path = tmp_path_factory.mktemp("written") / "plan.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=separator).writerows(lines)
    found = guessed(path, FileHints()).table
    assert found.separator == separator
    assert [len(cells) for _, cells in found.rows] == [len(lines[0])] * (len(lines) - 1)
