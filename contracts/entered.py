"""What is entered is held to more than what is recorded.

A step is one class for the HTTP body, the fact and the stored entry. A fact in the field may be older than a bound, and
what happened is never refused: so the bounds of a person's word are asked when it is entered, and only then. Entering
is reading with the context `ENTERED`; unknown keys are then refused at every depth as well (`enter`). What a program
of an agency sends is read with the context `SENT`: the same bounds, by the letter of the frozen schema.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeVar

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo, ValidatorFunctionWrapHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

ENTERED: Final = "entered"
"""The validation context under which something is entered by a person."""
SENT: Final = "sent"
"""The validation context under which an agency's event is read: nothing is stripped, and nothing more is asked."""
LONE: Final = re.compile("[\ud800-\udfff]")
"""Half a character, as a JSON escape can give it: text with it cannot be encoded."""
_RECORDED: Final = ContextVar("_RECORDED", default=False)
YEARS: Final = range(2000, 2101)
"""The years that anything of a pilot may lie in: what is beyond is a slip of the pen (technical bound)."""
LAST_DAY: Final = date(YEARS[-1], 12, 31)
"""The last day of these years."""
YEAR: Final = "20[0-9]{2}|2100"
"""One of these years, as the pattern of a text."""

T = TypeVar("T", bound=BaseModel)


def enter(cls: type[T], value: object) -> T:
    """Reads something that a person entered. Raises pydantic.ValidationError with every fault in it, unknown keys and
    broken bounds among them."""
    return cls.model_validate(value, extra="forbid", context=ENTERED)


@contextmanager
def as_recorded() -> Iterator[None]:
    """JSON schemas that are made inside show how facts are read again: without the bounds of what is entered."""
    token = _RECORDED.set(True)
    try:
        yield
    finally:
        _RECORDED.reset(token)


@dataclass(frozen=True, slots=True)
class Entered:
    """An annotation: bounds that hold when something is entered. Texts are stripped, and must say something.

    `most` and `least` are characters of a text, items of a list, or bounds of a whole number; `pattern` is what a whole
    text must match. `exact`: a text is taken as it stands, not stripped.
    """

    most: int | None = None
    least: int = 0
    pattern: str | None = None
    exact: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Asks the bounds around the field's own validation."""
        return core_schema.with_info_wrap_validator_function(self._held, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Shows the bounds to those who enter (validation); what is recorded has none (serialization)."""
        shown = handler(schema)
        if handler.mode == "validation" and not _RECORDED.get():
            target = handler.resolve_ref_schema(shown)
            for one in [target, *target.get("anyOf", ())]:
                one.update(self._keywords(one.get("type")))
        return shown

    def _keywords(self, kind: object) -> dict[str, Any]:
        match kind:
            case "string":
                bounds = {"minLength": max(self.least, 1), "maxLength": self.most, "pattern": self.pattern}
            case "array":
                bounds = {"minItems": self.least or None, "maxItems": self.most}
            case "integer":
                bounds = {"minimum": self.least, "maximum": self.most}
            case _:
                bounds = {}
        return {word: bound for word, bound in bounds.items() if bound is not None}

    def _held(self, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        if info.context is not ENTERED and info.context is not SENT:
            return handler(value)
        if isinstance(value, str):
            by_hand = info.context is ENTERED
            return self._text(handler(value.strip() if by_hand and not self.exact else value), by_hand)
        if isinstance(value, (list, tuple)):
            self._items(len(value))
        return self._number(handler(value))

    def _text(self, read: Any, by_hand: bool) -> Any:
        if isinstance(read, str):
            if LONE.search(read):
                raise PydanticKnownError("string_unicode")
            if not read and by_hand:
                raise PydanticCustomError("blank", "This says nothing")
            if len(read) < (least := max(self.least, 1)):
                raise PydanticKnownError("string_too_short", {"min_length": least})
            if self.most is not None and len(read) > self.most:
                raise PydanticKnownError("string_too_long", {"max_length": self.most})
            if self.pattern is not None and re.fullmatch(self.pattern, read) is None:
                raise PydanticKnownError("string_pattern_mismatch", {"pattern": self.pattern})
        return read

    def _number(self, read: Any) -> Any:
        if isinstance(read, int) and not isinstance(read, bool):
            if read < self.least:
                raise PydanticKnownError("greater_than_equal", {"ge": self.least})
            if self.most is not None and read > self.most:
                raise PydanticKnownError("less_than_equal", {"le": self.most})
        return read

    def _items(self, have: int) -> None:
        counted = {"field_type": "List", "actual_length": have}
        if have < self.least:
            raise PydanticKnownError("too_short", {**counted, "min_length": self.least})
        if self.most is not None and have > self.most:
            raise PydanticKnownError("too_long", {**counted, "max_length": self.most})


def when_entered(check: Callable[[Any], Any]) -> "Asked":
    """An annotation: a check of the value that is made when it is entered, and only then."""
    return Asked(check)


@dataclass(frozen=True, slots=True)
class Asked:
    """The annotation of `when_entered`."""

    check: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Asks after the field's own validation."""
        return core_schema.with_info_after_validator_function(self._asked, handler(source))

    def _asked(self, value: Any, info: ValidationInfo) -> Any:
        return self.check(value) if info.context is ENTERED else value


def _near(day: date | None) -> date | None:
    if day is not None and day.year not in YEARS:
        raise PydanticCustomError(
            "year_beyond", "The year must be from {first} to {last}", {"first": YEARS[0], "last": YEARS[-1]}
        )
    return day


NEAR: Final = when_entered(_near)
"""The annotation of a day that must lie within `YEARS` when it is entered."""
