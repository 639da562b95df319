"""The editions of the rule book: they load, say where each value comes from, and refuse what is unclear."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from fractions import Fraction
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from contracts.calendars import CalendarRules, load_calendars, read_calendar
from contracts.data import Origin, Titled
from contracts.reference import UNSPECIFIED, Application, LegalEffect, TermKind, TermUnit
from contracts.rules import (
    AGREED,
    CodeList,
    Edition,
    Lengths,
    Numbers,
    RuleBook,
    Scheme,
    Switches,
    UnknownEdition,
    load,
    read_edition,
)

ROOT = Path(__file__).parents[2]
BOOK = load()
editions = pytest.mark.parametrize("edition", BOOK.values(), ids=BOOK.keys())


def text(name: str) -> str:
    return files("contracts").joinpath("rules", f"{name}.toml").read_text(encoding="utf-8")


def without_origin(value: Any, where: str = "", covered: bool = False) -> list[str]:
    """The places of numbers and lists that no `origin` beside them or above them speaks for."""
    if isinstance(value, Origin):
        return []
    if isinstance(value, BaseModel):
        own = covered or isinstance(getattr(value, "origin", None), Origin)
        parts = [(name, getattr(value, name)) for name in type(value).model_fields]
        return [place for name, part in parts for place in without_origin(part, f"{where}/{name}", own)]
    if isinstance(value, dict):
        return [p for name, part in value.items() for p in without_origin(part, f"{where}/{name}", covered)]
    if isinstance(value, tuple) and value and all(isinstance(part, BaseModel) for part in value):
        bare = [part for part in value if not hasattr(part, "origin")]
        if bare and not covered:
            return [where]
        return [p for n, part in enumerate(value) for p in without_origin(part, f"{where}/{n}", covered)]
    is_number_or_list = isinstance(value, (int, tuple)) and value != ()
    return [where] if is_number_or_list and not covered else []


SAME = {("Транспорт", "Транспорт"), ("Кадры", "Кадры")}
"""Words that are the same in Russian and in Belarusian."""


def titles(value: Any) -> Iterator[tuple[str, str, str]]:
    """The titles of a part of an edition and of all that is in it, in Russian, Belarusian and English."""
    if isinstance(value, Titled):
        yield value.ru, value.be, value.en
    if isinstance(value, Edition | Scheme):
        yield value.title_ru, value.title_be, value.title_en
    parts: Iterable[Any] = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple) else ()
    if isinstance(value, BaseModel):
        parts = [part for _, part in value]
    for part in parts:
        yield from titles(part)


def code_lists(edition: Edition) -> list[CodeList]:
    lists = [edition.sectors, edition.regions, edition.offices, edition.return_reasons]
    return [*lists, edition.money.sources] if edition.money else lists


def test_the_packaged_editions_load() -> None:
    assert {"by-2024", "demo-us"} <= set(BOOK)
    assert all(BOOK.edition(id).id == id for id in BOOK)


@editions
def test_every_number_and_list_of_an_edition_says_where_it_comes_from(edition: Edition) -> None:
    assert without_origin(edition) == []


def test_the_search_for_missing_origins_finds_one() -> None:
    naked = BOOK["by-2024"].sectors.model_copy(update={"origin": None})
    assert without_origin(naked) == ["/entries"]


def test_the_transfers_of_the_calendars_name_their_acts() -> None:
    transfers = [t for rules in load_calendars() for t in rules.transfers]
    assert transfers
    assert all(t.origin.kind == "law" and t.origin.act for t in transfers)


def test_the_look_over_is_the_only_term_of_belarus_that_is_law() -> None:
    terms = BOOK["by-2024"].terms
    assert [kind for kind, rule in terms.items() if rule.origin.kind == "law"] == ["look-over"]
    assert terms[TermKind.LOOK_OVER].budget == 3
    assert all(rule.origin.note for rule in terms.values())


def test_no_edition_but_that_of_belarus_calls_anything_law() -> None:
    assert '"law"' not in text("demo-us")


def test_belarus_has_every_term_of_the_life_cycle() -> None:
    assert set(BOOK["by-2024"].terms) == {
        "look-over",
        "fixing-remarks",
        "clarification",
        "expertise",
        "repeat-expertise",
        "replication-expertise",
        "credit-expertise",
        "appeal",
        "council-alarm",
        "agreement",
        "launch",
        "carrying-out",
        "progress-report",
        "suspension",
        "effectiveness-proposal",
        "judgement",
        "scaling-decision",
    }


def test_only_what_the_applicant_owes_can_lapse() -> None:
    terms = BOOK["by-2024"].terms
    assert [k for k, rule in terms.items() if rule.legal_effect is LegalEffect.LAPSE] == ["fixing-remarks"]


PARTS: dict[str, type[BaseModel]] = {"numbers": Numbers, "switches": Switches, "lengths": Lengths}
NAMES = [(part, name) for part, cls in PARTS.items() for name in cls.model_fields]


@pytest.mark.parametrize("kind", TermKind)
def test_an_edition_without_a_term_is_refused_by_its_name(kind: str) -> None:
    said = tomllib.loads(text("by-2024"))
    del said["terms"][kind]
    with pytest.raises(ValidationError, match=f"terms are missing: {kind}"):
        Edition.model_validate(said)


@pytest.mark.parametrize(("part", "name"), NAMES)
def test_an_edition_without_a_number_switch_or_length_is_refused_by_its_name(part: str, name: str) -> None:
    said = tomllib.loads(text("by-2024"))
    del said[part][name]
    with pytest.raises(ValidationError, match=rf"{part}\.{name}\n +Field required"):
        Edition.model_validate(said)


@pytest.mark.parametrize("part", [*PARTS, "terms"])
def test_an_additional_name_is_refused_by_itself(part: str) -> None:
    said = tomllib.loads(text("by-2024"))
    said[part]["report_every_months"] = next(iter(said[part].values()))
    with pytest.raises(ValidationError, match=rf"{part}\.report_every_months"):
        Edition.model_validate(said)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("numbers.commission_quorum", "numbers.commission_quorom"),
        ("switches.council_may_postpone", "switches.council_may_postpond"),
        ("lengths.territory", "lengths.teritory"),
        ("terms.look-over", "terms.look_over"),
    ],
)
def test_a_misspelt_name_is_refused_by_itself(right: str, wrong: str) -> None:
    assert right in text("by-2024")
    with pytest.raises(ValidationError, match=re.escape(wrong)):
        read_edition(text("by-2024").replace(right, wrong))


def test_a_name_that_no_edition_has_is_an_error_of_types_and_never_off(tmp_path: Path) -> None:
    program = """
from contracts.rules import load
edition = load().edition("by-2024")
edition.numbers.commission_quorum.value
edition.numbers.commission_quorom.value
edition.switches.credti.on
edition.lengths.teritory.value
edition.terms["look" + "-over"]
"""
    plain = tmp_path / "mypy.ini"  # without the files that the project's own configuration names
    plain.write_text("[mypy]\nplugins = pydantic.mypy\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(plain), "-c", program]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=120)
    found = re.findall(r"<string>:(\d+): error: .*\[([a-z-]+)\]", done.stdout)
    assert found == [("5", "attr-defined"), ("6", "attr-defined"), ("7", "attr-defined"), ("8", "index")], done.stdout


def test_the_lengths_are_of_texts_that_an_application_has() -> None:
    assert set(Lengths.model_fields) <= set(Application.model_fields)


@editions
def test_what_people_read_has_a_title_in_each_language(edition: Edition) -> None:
    titled = list(titles(edition))
    assert len(titled) > 60
    assert all(len({ru, be, en}) == 3 or (ru, be) in SAME for ru, be, en in titled), titled
    assert not [be for _, be, _ in titled if set(be.lower()) & set("ищъ")], "these letters are not Belarusian"


@pytest.mark.parametrize("part", ["regions", "offices", "effectiveness"])
def test_an_edition_without_one_of_its_lists_is_refused(part: str) -> None:
    said = tomllib.loads(text("by-2024"))
    del said[part]
    with pytest.raises(ValidationError, match=part):
        Edition.model_validate(said)


@editions
@pytest.mark.parametrize("kind", ["carrying-out", "progress-report"])
def test_what_stands_still_while_a_pilot_is_suspended_is_counted_in_calendar_days(
    edition: Edition, kind: TermKind
) -> None:
    # A new calendar moves no term that stands, so that its breach needs no second look.
    assert edition.terms[kind].unit is TermUnit.CALENDAR_DAYS


@editions
def test_what_ends_with_an_agreed_day_has_no_budget_and_everything_else_has_one(edition: Edition) -> None:
    assert {kind for kind, rule in edition.terms.items() if rule.budget is None} == AGREED
    assert all(edition.terms[kind].extension is None for kind in AGREED)


@pytest.mark.parametrize(
    ("kind", "changes", "complaint"),
    [
        ("launch", {"budget": 30}, "have no budget: launch"),
        ("carrying-out", {"extension": {"max_count": 1, "days": 183}}, "have no budget: carrying-out"),
        ("judgement", {"budget": None}, "without a budget: judgement"),
    ],
)
def test_a_budget_that_nobody_would_read_or_that_is_missing_is_refused(
    kind: str, changes: dict[str, object], complaint: str
) -> None:
    said = tomllib.loads(text("by-2024"))
    said["terms"][kind].update(changes)
    with pytest.raises(ValidationError, match=complaint):
        Edition.model_validate(said)


@editions
def test_a_commission_of_the_least_size_can_judge_and_no_minority_can(edition: Edition) -> None:
    numbers = edition.numbers
    assert numbers.commission_min_members.value > 0
    assert Fraction(1, 2) <= numbers.commission_majority.share < 1
    assert Fraction(1, 2) < numbers.commission_quorum.share <= 1


def test_the_least_size_of_a_commission_is_law_and_its_quorum_an_assumption() -> None:
    numbers = BOOK["by-2024"].numbers
    assert (numbers.commission_min_members.value, numbers.commission_min_members.origin.kind) == (9, "law")
    assert numbers.commission_quorum.origin.kind == numbers.commission_majority.origin.kind == "assumption"


def test_belarus_has_six_oblasts_minsk_and_the_whole_country_and_an_office_for_each_sector() -> None:
    edition = BOOK["by-2024"]
    assert len(edition.regions.entries) == 8
    assert {"minsk", "minsk-oblast", "whole-country"} <= set(edition.regions.codes)
    assert set(edition.offices.codes) == {f"office-{sector}" for sector in edition.sectors.codes}


def test_the_criteria_of_effectiveness_are_unique_and_weigh_a_hundred_and_the_demonstration_has_none() -> None:
    effectiveness = BOOK["by-2024"].effectiveness
    assert sum(entry.weight for entry in effectiveness.entries) == 100
    assert (effectiveness.scale_min, effectiveness.scale_max) == (0, 5)
    assert BOOK["demo-us"].effectiveness.entries == ()


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ('{ code = "vitebsk"', '{ code = "brest"', "twice"),
        ('{ code = "office-agriculture"', '{ code = "office-industry"', "twice"),
        ('{ code = "benefit"', '{ code = "target-reached"', "twice"),
        ("[effectiveness]\nscale_min = 0", "[effectiveness]\nscale_min = 5", "lowest"),
    ],
)
def test_a_faulty_list_of_the_register_is_an_error(right: str, wrong: str, complaint: str) -> None:
    assert right in text("by-2024")
    with pytest.raises(ValidationError, match=complaint):
        read_edition(text("by-2024").replace(right, wrong, 1))


def test_belarus_has_the_thirteen_priority_sectors() -> None:
    assert len(BOOK["by-2024"].sectors.entries) == 13


@editions
def test_the_codes_of_each_list_are_unique(edition: Edition) -> None:
    for codes in code_lists(edition):
        assert len(set(codes.codes)) == len(codes.codes)


def test_editions_have_different_ids() -> None:
    with pytest.raises(ValueError, match="twice"):
        RuleBook((BOOK["by-2024"], BOOK["by-2024"]))


@editions
def test_calendars_named_by_an_edition_exist(edition: Edition) -> None:
    named = {edition.calendar, *(rule.calendar for rule in edition.terms.values())}
    assert named <= {rules.id for rules in load_calendars()}


@editions
def test_an_edition_is_in_force_from_its_first_day_and_not_before(edition: Edition) -> None:
    day_before = date.fromordinal(edition.in_force_from.toordinal() - 1)
    assert edition.in_force(edition.in_force_from)
    assert not edition.in_force(day_before)


def test_a_registration_number_has_prefix_year_and_six_digits() -> None:
    assert BOOK["by-2024"].number(2026, 123) == "ПП-2026-000123"
    assert BOOK["demo-us"].number(2025, 1) == "US-2025-000001"


def test_registration_numbers_stay_unique_when_the_digits_do_not_suffice() -> None:
    numbers = [BOOK["by-2024"].number(2026, n) for n in (999_999, 1_000_000, 1_000_001)]
    assert all(a != b for a, b in pairwise(numbers))


def test_registration_numbers_begin_with_one() -> None:
    with pytest.raises(ValueError, match="begin with 1"):
        BOOK["by-2024"].number(2026, 0)


def test_an_unknown_edition_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(UnknownEdition, match="by-2024, demo-us"):
        BOOK.edition("by-1999")


def test_the_rule_book_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        BOOK["by-2024"].sectors.entries = ()  # type: ignore[misc]
    with pytest.raises(TypeError):
        BOOK["by-2024"] = BOOK["demo-us"]  # type: ignore[index]


@pytest.mark.parametrize("missing", ["act", "source"])
def test_law_without_its_act_or_source_is_refused(missing: str) -> None:
    said = {"kind": "law", "act": "Act 1", "source": "example.org", "note": "n"}
    Origin.model_validate(said)
    with pytest.raises(ValidationError, match="act and its source"):
        Origin.model_validate({k: v for k, v in said.items() if k != missing})


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("title_ru =", "title_rus ="),
        ("budget = 3\n", "buget = 3\nbudget = 3\n"),
        ("legal_effect =", "legal_efect ="),
        ("extension = { max_count = 1, days = 10 }", "extension = { max_cuont = 1, days = 10 }"),
    ],
)
def test_a_misspelt_key_in_a_file_is_an_error(right: str, wrong: str) -> None:
    assert right in text("by-2024")
    with pytest.raises(ValidationError):
        read_edition(text("by-2024").replace(right, wrong, 1))


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ('zone = "Europe/Minsk"', 'zone = "Europe/Minks"', "IANA"),
        ('code = "agriculture"', 'code = "industry"', "twice"),
        ('schemes = ["BY-UNP"]', 'schemes = ["BY-UPN"]', "not declared"),
        ('pattern = "[0-9]{9}|[A-Z]{2}[0-9]{7}"', 'pattern = "[0-9"', "regular expression"),
        ("zone =", "in_force_to = 2020-01-01\nzone =", "ends before"),
        ("budget = 3\n", "budget = 0\n", "greater than or equal"),
        ("on = false", 'on = "no"', "boolean"),
    ],
)
def test_a_faulty_value_in_a_file_is_an_error(right: str, wrong: str, complaint: str) -> None:
    assert right in text("by-2024")
    with pytest.raises(ValidationError, match=complaint):
        read_edition(text("by-2024").replace(right, wrong, 1))


def test_a_calendar_that_speaks_twice_of_a_day_is_refused() -> None:
    said = files("contracts").joinpath("rules", "calendars", "BY.toml").read_text(encoding="utf-8")
    assert isinstance(read_calendar(said), CalendarRules)
    with pytest.raises(ValidationError, match="twice"):
        read_calendar(said.replace("worked = 2025-01-11", "worked = 2025-01-06"))


def test_a_scheme_tells_a_legal_entity_from_a_person() -> None:
    unp = BOOK["by-2024"].scheme("BY-UNP")
    assert unp is not None
    assert unp.check == "by-unp"
    assert unp.has_form("200988541")
    assert unp.is_legal_entity("200988541")
    assert unp.has_form("MA1953684")
    assert not unp.is_legal_entity("MA1953684")
    assert not unp.has_form("200988541\n")
    assert BOOK["by-2024"].scheme("US-FED") is None


def test_a_federal_agency_is_known_by_its_abbreviation_and_that_of_its_bureau() -> None:
    fed = BOOK["demo-us"].scheme("US-FED")
    assert fed is not None
    assert all(fed.has_form(value) for value in ("DHS", "TREAS", "HHS/CDC", "HHS/FDA/CDER", "SSA/Ops-1"))
    assert not any(fed.has_form(value) for value in ("", "dhs", "HHS/", "A B", "DHS/CBP\n"))


@pytest.mark.parametrize(
    "value",
    ["", "other-economic-financial", "administrative-functions", "Science", "other-use-other-text-field"],
)
def test_sloppy_topic_areas_of_the_inventory_are_no_sectors(value: str) -> None:
    assert value not in BOOK["demo-us"].sectors


def test_the_demonstration_has_no_money_and_belarus_has_sources_with_an_unspecified_one() -> None:
    assert BOOK["demo-us"].money is None
    money = BOOK["by-2024"].money
    assert money is not None
    assert UNSPECIFIED in money.sources
    assert "local-innovation-fund" in money.sources
    assert [(c.code, c.decimals) for c in money.currencies] == [("BYN", 2)]


def test_credit_and_appeal_are_off_because_no_rule_was_found() -> None:
    switches = BOOK["by-2024"].switches
    assert not switches.credit.on
    assert not switches.appeal.on


def test_shares_are_exact() -> None:
    numbers = BOOK["by-2024"].numbers
    quorum, least = numbers.commission_quorum.share, numbers.commission_min_members.value
    assert quorum * least == 6


def test_editions_are_data_that_another_program_can_read() -> None:
    assert tomllib.loads(text("by-2024"))["id"] == "by-2024"
