"""The years that anything of a pilot may lie in are said once, and a person's step is held to those of its pilot."""

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter, ValidationError

from contracts.entered import LAST_DAY, YEAR, YEARS
from contracts.event import AskedMoment, Basis
from contracts.rules import RuleBook
from contracts.steps import Absence, Appeal, ApplicationStop, Correctable, Correction, ExpertEntry, Launch
from deploy.samples.common import BOOK, NOW, SUBJECT, basis, with_edition
from deploy.samples.expertise import OPERATOR, entry
from services.chassis.problems import Problematic
from services.expertise.domain.expert import EnterExpert, Given
from services.intake.domain.agency import Given as GivenToIntake
from services.intake.domain.decide import decide
from services.law.decision import Context, Refusal
from services.registry.api.memory import moment_of
from tests.kit.calendars import CALENDARS
from tests.kit.common import SOMEBODY
from tests.kit.expertise.play import DIRECTORY, FIRST
from tests.kit.expertise.play import at as case_at
from tests.kit.intake.story import STATES
from tests.kit.registry.life import at as pilot_at
from tests.kit.registry.life import content

EARLY = date(2009, 4, 16)


def test_the_pattern_of_a_year_takes_the_years_and_no_others() -> None:
    fitting = [year for year in range(1_000, 10_000) if re.fullmatch(YEAR, str(year))]
    assert fitting == list(YEARS)
    assert (LAST_DAY.year, LAST_DAY.month, LAST_DAY.day) == (YEARS[-1], 12, 31)


def since_2010(book: RuleBook = BOOK) -> RuleBook:
    """The rule book with an edition whose years are fewer than those of the others."""
    edition = book.edition("by-2024")
    first = edition.numbers.first_year.model_copy(update={"value": 2010})
    return with_edition(
        edition.model_copy(update={"numbers": edition.numbers.model_copy(update={"first_year": first})}), book
    )


def told(refusal: Refusal) -> tuple[str, int, list[tuple[str, str]]]:
    return refusal.rule, refusal.status, [(one.pointer, one.rule) for one in refusal.problems]


BEYOND = "schema.year-beyond"


def test_a_step_in_the_register_is_held_to_the_years_of_the_pilots_own_edition() -> None:
    life = pilot_at("agreed")
    step = Launch(started=EARLY, basis=basis(EARLY))
    before = life.refused(step).rule
    life.book = since_2010(life.book)
    assert before != "request.invalid"
    found = [("/started", BEYOND), ("/basis/date", BEYOND)]
    assert told(life.refused(step)) == ("request.invalid", 422, found)


def test_what_a_correction_says_is_held_to_them_too() -> None:
    life = pilot_at("running")
    assert life.pilot.launch is not None
    wrong = content(life.pilot.launch, started=str(EARLY))
    life.book = since_2010(life.book)
    step = Correction(what=Correctable.LAUNCH, content=wrong, reason="Описка.", basis=basis())
    assert told(life.refused(step)) == ("correction.invalid", 422, [("/content/started", BEYOND)])


def test_a_step_in_a_case_and_an_entry_of_the_directory_are_held_to_them() -> None:
    step = Appeal(grounds="Нет.", basis=Basis(body="Совет", kind="протокол", number="5", date=EARLY))
    play = case_at("concluded")
    play.book = since_2010(play.book)
    assert told(play.refused(step, OPERATOR)) == ("request.invalid", 422, [("/basis/date", BEYOND)])
    away = (Absence(since=EARLY, until=EARLY),)
    one = EnterExpert(FIRST, ExpertEntry.made_of(entry(FIRST, "700000140"), absences=away))
    refusal = DIRECTORY.refused(None, one, given=Given(since_2010()))
    assert refusal.rule == "request.invalid"


def test_an_officers_stop_is_held_to_them() -> None:
    step = ApplicationStop(reason="Ликвидация.", basis=basis(EARLY))
    with pytest.raises(Refusal) as refused:
        decide(
            STATES["registered"], step, Context(NOW, SUBJECT, SOMEBODY, GivenToIntake(since_2010(), None), CALENDARS)
        )
    assert told(refused.value) == ("request.invalid", 422, [("/basis/date", BEYOND)])


def test_moments_in_a_query_lie_in_the_years_of_pilots() -> None:
    asked = TypeAdapter[datetime](AskedMoment)
    assert asked.validate_python("2026-05-01T09:00:00Z").year == 2026
    for beyond, kind in (("1950-05-01T09:00:00Z", "year_beyond"), ("2101-01-01T00:00:00Z", "year_beyond")):
        with pytest.raises(ValidationError) as told:
            asked.validate_python(beyond)
        assert [one["type"] for one in told.value.errors()] == [kind]
    for said, rule in (("1905-07-18", "as-of.bad"), ("2101-01-01", "as-of.bad"), ("2099-01-01", "as-of.future")):
        with pytest.raises(Problematic) as refused:
            moment_of(said, ZoneInfo("Europe/Minsk"), NOW)
        assert refused.value.code == rule
