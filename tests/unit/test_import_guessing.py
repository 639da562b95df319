"""Which columns are likely which fields: by how headings are worded, and by words of them in other forms."""

from pathlib import Path

import pytest

from services.intake.importing.guessing import guessed
from services.intake.importing.mapping import FileHints


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
