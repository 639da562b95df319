"""Days and moments: text in its one form, and within years in which a pilot can lie.

Texts that a program could take for something else are refused at every door and in every fact: a bare number, which may
count seconds, milliseconds or days, is no time. What comes in (`contracts.entered`) must lie in the years of its door;
a fact in the field is read whatever year it says.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, LiteralString

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from .entered import YEARS, Door, shows_bounds

DAY_FORM: Final = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
MOMENT_FORM: Final = (
    DAY_FORM[:-1] + r"[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""The form of RFC 3339, as JSON Schema's `date-time` has it; a leap second is told apart and refused."""
_day: Final = re.compile(DAY_FORM[1:-1])
_moment: Final = re.compile(MOMENT_FORM[1:-1])
_LOOSE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}"
_with_time: Final = re.compile(_LOOSE)
_naive: Final = re.compile(_LOOSE + r"(:[0-9]{2}(\.[0-9]+)?)?")
_leap: Final = re.compile(_LOOSE + ":60")
FARTHEST: Final = range(1900, 3000)
"""The years that a moment may lie in wherever it stands: beyond them it could not be reckoned with (technical)."""
_EXCEL: Final = date(1899, 12, 30)
"""The day before the first one that a spreadsheet counts, as it counts since 1900 and its false 29 February."""
NOTHING: Final[Mapping[date, str]] = {
    date(1, 1, 1): ".NET, SQL Server",
    date(1899, 12, 30): "Excel, 1C",
    date(1899, 12, 31): "Excel",
    date(1900, 1, 1): "Excel, SQL Server",
    date(1970, 1, 1): "Unix",
}
"""Days that programs write where there is none, and which programs do."""


def to_millisecond(moment: datetime) -> datetime:
    """The same instant in UTC, cut to whole milliseconds (all that MongoDB keeps)."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    beyond = utc.microsecond % 1000
    return utc.replace(microsecond=utc.microsecond - beyond) if beyond else utc


def within(day: date, years: range) -> None:
    """Raises PydanticCustomError for a day beyond these years, in words that say where such a day comes from."""
    if day.year in years:
        return
    bounds = {"first": years[0], "last": years[-1]}
    bare = (day - _EXCEL).days
    if bare in years:
        raise PydanticCustomError("bare_year", "A spreadsheet read a year as a day", {**bounds, "year": bare})
    if (programs := NOTHING.get(day)) is not None:
        raise PydanticCustomError("day_for_nothing", "Programs write this for none", {**bounds, "programs": programs})
    raise PydanticCustomError("year_beyond", "The year must be from {first} to {last}", bounds)


@dataclass(frozen=True, slots=True)
class ADay:
    """The annotation of a calendar day."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The form before, the years after."""
        return _formed(handler(source), DAY_FORM, _written_day, _possible_day, "day_form")

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A day as all schemas of events show it; the form is shown where it comes in."""
        return {"format": "date", "type": "string", **({"pattern": DAY_FORM} if shows_bounds(handler) else {})}


@dataclass(frozen=True, slots=True)
class AMoment:
    """The annotation of an instant. `asked`: it stands in the query of an address, and comes from outside wherever it
    stands."""

    asked: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The form before, the years after."""
        possible = _asked_moment if self.asked else _possible_moment
        return _formed(handler(source), MOMENT_FORM, _written_moment, possible, "moment_form")

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """An instant as all schemas of events show it; the form is shown where it comes in."""
        return {"format": "date-time", "type": "string", **({"pattern": MOMENT_FORM} if shows_bounds(handler) else {})}


def _formed(
    read: CoreSchema,
    form: str,
    written: Callable[[Any], Any],
    possible: Callable[[Any, ValidationInfo], Any],
    fault: LiteralString,
) -> CoreSchema:
    """Facts, read as JSON, never leave the core for their form; what comes in is told what is wrong with it."""
    text = core_schema.custom_error_schema(
        core_schema.str_schema(pattern=form), custom_error_type=fault, custom_error_message="Not in its form"
    )
    plain = core_schema.no_info_before_validator_function(written, read)
    either = core_schema.json_or_python_schema(core_schema.chain_schema([text, read]), plain)
    return core_schema.with_info_after_validator_function(possible, either)


def _there_is(text: str) -> bool:
    """Whether the day of a text in its form is one of the calendar. Raises PydanticCustomError for one that is not."""
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        raise PydanticCustomError("no_such_day", "There is no such day") from None
    return True


def _written_day(value: Any) -> Any:
    if isinstance(value, date) or (isinstance(value, str) and _day.fullmatch(value) and _there_is(value)):
        return value
    if isinstance(value, str) and _with_time.match(value):
        raise PydanticKnownError("date_from_datetime_inexact")
    raise PydanticCustomError("day_form", "Not in its form")


def _written_moment(value: Any) -> Any:
    if isinstance(value, datetime) or (isinstance(value, str) and _moment.fullmatch(value) and _there_is(value)):
        return value
    if isinstance(value, str) and _leap.match(value):
        raise PydanticCustomError("leap_second", "A minute has the seconds 00 to 59")
    if isinstance(value, str) and _naive.fullmatch(value):
        raise PydanticKnownError("timezone_aware")
    raise PydanticCustomError("moment_form", "Not in its form")


def _possible_day(day: Any, info: ValidationInfo) -> Any:
    if isinstance(info.context, Door):
        within(day, info.context.years)
    return day


def _possible_moment(moment: datetime, info: ValidationInfo) -> datetime:
    # Near the ends of what a datetime can hold, no zone could be applied to it any more.
    if not FARTHEST[0] <= moment.year <= FARTHEST[-1]:
        raise PydanticCustomError("year_beyond", "Too far", {"first": FARTHEST[0], "last": FARTHEST[-1]})
    read = to_millisecond(moment)
    if isinstance(info.context, Door):
        within(read.date(), info.context.years)
    return read


def _asked_moment(moment: datetime, info: ValidationInfo) -> datetime:
    read = _possible_moment(moment, info)
    within(read.date(), YEARS)
    return read
