"""Which names are taken for those of natural persons, and which are not."""

import csv
from pathlib import Path

import pytest

from contracts.reference import OrganisationId, Party
from deploy.samples.common import NOW
from services.intake.domain.validation import judge
from services.law.faults import party_faults
from services.law.people import Likeness, is_person, likeness
from tests.kit.intake.events import BY, CODE, event, faults, unp, with_severities


def may_be_person(name: str) -> bool:
    """Whether a body could be called so as well."""
    return likeness(name) is Likeness.PERHAPS


def is_bare(name: str) -> bool:
    """Whether it could be any person's and shows nothing of a body."""
    return likeness(name) is Likeness.BARE


@pytest.mark.parametrize(
    "name",
    [
        "Образцов Пётр",
        "пётр образцов",
        "ОБРАЗЦОВ ПЁТР",
        "Вобразцава Ганна",
        "Мороз Анна",
        "Pyotr Obraztsov",
        "Образцов П П",
        "Образцов П.",
        "Образцов, Пётр",
        "Образцов Пётр и Примеров Иван",
        "Примеров Али оглы",
        "г-н Образцов",
        "Образцов П. П., ИП",
        "Образцов (ИП)",
        "КФХ Образцов П.П.",
        "Глава КФХ Образцов П.П.",
        "Глава крестьянского (фермерского) хозяйства Образцов Пётр",
        "Директор Образцов П.П.",
        "Филиал, Образцов Пётр Примерович",
        "нотариус Образцова",
        "Алесь Прыкладны",
        "Зміцер Узораў",
        "Змицер Пробный",
        "Кастусь Прыклад",
        "Прыклад Юзік",
        "Наста Прыкладная",
        "Вольга Узор",
        "Ядвіга Узор",
        "Міхась Прыклад",
        "Мамедов Эльдар",
        "Каримова Зульфия",
        "Примеров А.",
        "Примерова А",
        "Образцова-Пробная Е.",
    ],
)
def test_a_person_is_known_by_given_name_initials_or_standing(name: str) -> None:
    assert is_person(name)


@pytest.mark.parametrize(
    "name",
    [
        "U.S. Navy",
        "Театр имени Образцова П.П.",
        "КФХ «Образцов П.П.»",
        "Отель Виктория",
        "Виктория Плюс",
        "ООО Виктория Центр",
        "Новая Надежда",
        "Палата ИП",
        "Корпус А.",
    ],
)
def test_a_body_that_is_called_after_a_person_or_by_a_given_name_is_none(name: str) -> None:
    assert not is_person(name)


@pytest.mark.parametrize(
    "name",
    ["John Sample", "Sample, John", "Hans Müsterer", "María Sample", "Джон Пример", "Узор Я.", "Пример А."]
    + ["Ли Вэй", "ЛИ ВЭЙ", "Вэй Проба", "Нгуен Ван Ань", "Ким Чен-Проба", "Вера Пробная", "Исчезающий Пример", "Пётр"],
)
def test_a_name_that_may_be_a_persons_is_refused_unless_the_edition_lets_it_pass(name: str) -> None:
    assert may_be_person(name) and not is_person(name)
    told = event(customer={**unp("790000016"), "name": name})
    assert faults(told) == [("/data/customer/name", "party.perhaps-person")]
    assert BY.severities.rules["party.perhaps-person"] == "block"
    lenient = with_severities(BY, {"party.perhaps-person": "warn"})
    assert judge(told, CODE, lenient, NOW).submission is not None


@pytest.mark.parametrize("name", ["Bo Li", "wei li", "ли вэй", "Мороз", "мороз", "Li", "Чан", "Kowalska-Probe"])
def test_a_name_that_shows_nothing_of_a_body_is_refused_where_bodies_have_a_legal_form(name: str) -> None:
    assert is_bare(name)
    told = event(customer={**unp("790000016"), "name": name})
    assert faults(told) == [("/data/customer/name", "party.bare-name")]
    lenient = with_severities(BY, {"party.bare-name": "warn"})
    assert judge(told, CODE, lenient, NOW).submission is not None


@pytest.mark.parametrize(
    "name",
    ["Белтелеком", "БЕЛТА", "МТС", "Wei Li Ltd", "ООО «Мороз»", "«Мороз»", "ОАО Гомсельмаш", "Парк высоких технологий"]
    + ["Министерство здравоохранения Республики Беларусь", "Минский горисполком", "Школа № 7", "горводоканал"],
)
def test_a_name_that_shows_a_body_is_not_bare(name: str) -> None:
    assert not is_bare(name)


def test_a_party_of_an_agreement_is_asked_the_same() -> None:
    party = Party(id=OrganisationId(scheme="BY-UNP", value="790000016"), name="Ли Вэй")
    found = [(one.pointer, one.rule) for one in party_faults(party, "/executor", BY.parties.executor, BY)]
    assert found == [("/executor/name", "party.perhaps-person")]
    lenient = with_severities(BY, {"party.perhaps-person": "warn"})
    assert [*party_faults(party, "/executor", lenient.parties.executor, lenient)] == []


@pytest.mark.parametrize(
    "name", ["Ив\u00adан Образцов", "Ива\u0301н Образцов", "Ивaн Образцов", "И\u200bван Oбразцов", "Образцов П\u00a0П"]
)
def test_what_nobody_sees_and_letters_that_look_alike_hide_no_person(name: str) -> None:
    assert is_person(name)


@pytest.mark.parametrize(
    "name",
    ["Палата ИП", "ООО «Ян Пример»", "John Sample Ltd", "Open AI", "«Новая Надежда»", "РОО «Белая Русь»", "Белтелеком"]
    + ["Минский горисполком", "Гродно Азот", "Министерство Здравоохранения", "Отель Виктория", "Белая Русь № 2"]
    + ["Ведомство rep-by", "Витебский Облисполком", "Міністэрства Аховы Здароўя", "ОАО Белая Русь"],
)
def test_what_shows_that_it_is_a_body_is_none(name: str) -> None:
    assert not may_be_person(name)


def test_no_body_of_a_real_inventory_is_taken_for_a_person() -> None:
    found = Path(__file__).resolve().parents[3] / "shared" / "data" / "us-federal-ai-use-cases-2025.csv"
    if not found.exists():
        pytest.skip(f"the inventory is not here: {found}")
    with found.open(encoding="utf-8-sig", newline="") as lines:
        cells = [row[name] for row in csv.DictReader(lines) for name in ("agency_name", "agency_bureau", "vendor_name")]
    names = {
        part.strip() for cell in cells if cell for part in (cell, *cell.replace(";", ",").split(",")) if part.strip()
    }
    assert len(names) > 500 and [name for name in names if is_person(name) or may_be_person(name)] == []
