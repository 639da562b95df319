"""What is entered is held to more than what is recorded.

A step is one class for the HTTP body, the fact and the stored entry. A fact in the field may be older than a bound, and
what happened is never refused: so the bounds of a person's word are asked when it is entered, and only then. Entering
is reading with the context `ENTERED`; unknown keys are then refused at every depth as well (`enter`). What a program
of an agency sends is read with the context `SENT`: the same bounds. Texts (`contracts.text`), days and moments
(`contracts.moments`) ask for the same context.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeVar

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo, ValidatorFunctionWrapHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

LONE: Final = re.compile("[\ud800-\udfff]")
"""Half a character, as a JSON escape can give it: text with it cannot be encoded."""
_RECORDED: Final = ContextVar("_RECORDED", default=False)
YEARS: Final = range(2000, 2101)
"""The years that anything of a pilot may lie in: what is beyond is a slip of the pen (technical bound)."""
LAST_DAY: Final = date(YEARS[-1], 12, 31)
"""The last day of these years."""
YEAR: Final = "20[0-9]{2}|2100"
"""One of these years, as the pattern of a text."""


@dataclass(frozen=True, slots=True)
class Door:
    """The validation context under which something comes in from outside, and `years`: those in which its days and
    moments may lie."""

    by: str
    years: range = YEARS


ENTERED: Final = Door("hand")
"""The validation context under which something is entered by a person."""
SENT: Final = Door("program")
"""The validation context under which an agency's event is read, where its edition does not say other years."""

T = TypeVar("T", bound=BaseModel)


def enter(cls: type[T], value: object, door: Door = ENTERED) -> T:
    """Reads something that a person entered. Raises pydantic.ValidationError with every fault in it, unknown keys and
    broken bounds among them."""
    return cls.model_validate(value, extra="forbid", context=door)


@contextmanager
def as_recorded() -> Iterator[None]:
    """JSON schemas that are made inside show how facts are read again: without the bounds of what is entered."""
    token = _RECORDED.set(True)
    try:
        yield
    finally:
        _RECORDED.reset(token)


def shows_bounds(handler: GetJsonSchemaHandler) -> bool:
    """Whether the schema that is being made is one of what comes in: only that has the bounds of what is entered."""
    return handler.mode == "validation" and not _RECORDED.get()


@dataclass(frozen=True, slots=True)
class Entered:
    """An annotation: bounds that hold when something is entered: of the items of a list, or of a whole number."""

    most: int | None = None
    least: int = 0

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Asks the bounds around the field's own validation."""
        return core_schema.with_info_wrap_validator_function(self._held, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Shows the bounds to those who enter (validation); what is recorded has none (serialization)."""
        shown = handler(schema)
        if shows_bounds(handler):
            target = handler.resolve_ref_schema(shown)
            for one in [target, *target.get("anyOf", ())]:
                one.update(self._keywords(one.get("type")))
        return shown

    def _keywords(self, kind: object) -> dict[str, Any]:
        match kind:
            case "array":
                bounds = {"minItems": self.least or None, "maxItems": self.most}
            case "integer":
                bounds = {"minimum": self.least, "maximum": self.most}
            case _:
                bounds = {}
        return {word: bound for word, bound in bounds.items() if bound is not None}

    def _held(self, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        if not isinstance(info.context, Door):
            return handler(value)
        if isinstance(value, (list, tuple)):
            self._items(len(value))
        return self._number(handler(value))

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


@dataclass(frozen=True, slots=True)
class Count:
    """An annotation: a whole number from `ge` to `le`. JSON writes one in several ways (3000000, 3000000.0, 3e6),
    which for JSON Schema are the same; a text or a truth value is none."""

    ge: int | None = None
    le: int | None = None

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """One way of writing for all, and then the bounds."""
        number = core_schema.int_schema(strict=True, ge=self.ge, le=self.le)
        return core_schema.no_info_before_validator_function(_integral, number)


def _integral(value: Any) -> Any:
    return int(value) if type(value) is float and value.is_integer() else value
