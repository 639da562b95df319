"""The years in which the days and moments of pilots may lie, by the editions of the rules."""

from dataclasses import replace
from typing import Final

from pydantic import ValidationError

from contracts.entered import ENTERED, Door, enter
from contracts.rules import Edition, RuleBook
from contracts.steps import Step
from contracts.words import schema_problems
from services.law.decision import Refusal

BEYOND: Final = ("schema.bare-year", "schema.day-for-nothing", "schema.year-beyond")
"""What is wrong with a day beyond the years."""


def years_of(edition: Edition) -> range:
    """The years of one edition."""
    return range(edition.numbers.first_year.value, edition.numbers.last_year.value + 1)


def widest(book: RuleBook) -> range:
    """The years that any of the editions allows: those of what is entered before it is known for which of them."""
    found = [years_of(edition) for edition in book.values()]
    return range(min(one.start for one in found), max(one.stop for one in found))


def door_of(edition: Edition) -> Door:
    """How a step of a person is read for a pilot of this edition."""
    return replace(ENTERED, years=years_of(edition))


def need_years(step: object, edition: Edition) -> None:
    """Raises Refusal 422 with every day and moment of a person's step beyond the years of this edition: when the step
    was read, nobody knew yet for which pilot it is."""
    if not isinstance(step, Step):
        return
    try:
        enter(type(step), step.model_dump(), door_of(edition))
    except ValidationError as error:
        found = [one for one in schema_problems(error) if one.rule in BEYOND]
        if found:
            raise Refusal("request.invalid", status=422, problems=found) from error
