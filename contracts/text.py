"""Text as people and programs of agencies give it: one type for all of it, and one form in which it is kept.

What comes in (`contracts.entered`) is cleaned by rule: line breaks of every kind become one kind, what nobody sees and
nothing needs is taken out (control characters, NUL, characters that turn the direction of others, non-characters), and
nothing is left at its ends. It must then show something: blanks, zero-width characters, fillers, and marks above or
below no letter say nothing alone. A fact in the field is read as it stands.

The rules for what is cleaned are of Unicode (UAX 9, UAX 44) and XML 1.0; that it is cleaned and not refused is an
assumption: a word processor's line break is no mistake of who writes.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from .entered import LONE, Door, shows_bounds

_UNSEEN_AT_FIRST: Final = (
    r"\s\u0000-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    "\U000e0000-\U000e0fff"
)
"""What was known to show nothing when the schemas of agencies' events were frozen."""
_UNSEEN_SINCE: Final = (
    r"\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"  # marks of every script
    r"\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a"
)
UNSEEN: Final = _UNSEEN_AT_FIRST + _UNSEEN_SINCE
"""What shows nothing, as the inside of a character class that JSON Schema and Python read alike."""
SAID_AT_FIRST: Final = f"[^{_UNSEEN_AT_FIRST}]"
"""The pattern of every text as the first frozen schemas have it."""
SAYS_SOMETHING: Final = f"[^{UNSEEN}]"
"""The pattern of every text, for JSON Schema: at least one character that can be seen."""
_NEVER_ALONE: Final = frozenset({"Mn", "Me", "Cf"})
"""Categories of characters that are seen on others only. What there is of them grows with Unicode, and would make each
pattern ten times as long: a door asks for all of them, a pattern for those that stand in texts of any script."""
_visible: Final = re.compile(SAYS_SOMETHING)
_BREAKS: Final = re.compile("\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_UNWANTED: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]"
)
_ENDS: Final = re.compile(r"\A[\s\u200b\u2060\ufeff\u00ad]+|[\s\u200b\u2060\ufeff\u00ad]+\Z")


def shows(text: str) -> bool:
    """Whether a text has a character that can be seen."""
    return any(unicodedata.category(found[0]) not in _NEVER_ALONE for found in _visible.finditer(text))


def as_compared(text: str) -> str:
    """A text as it is compared with others, without the accidents of typing: case, blanks, «ё»."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("ё", "е").split())


def _cleaned(text: str, *, lines: bool) -> str:
    """A text in the form in which it is kept; `lines`: it may have several, and tabs."""
    text = _BREAKS.sub("\n" if lines else " ", text)
    if not lines:
        text = text.replace("\t", " ")
    return _ENDS.sub("", _UNWANTED.sub("", text))


@dataclass(frozen=True, slots=True)
class Text:
    """An annotation: a text that comes in is cleaned and held to its bounds, one that is recorded is read as it is.

    `most` and `least` are its characters, counted as they were given (`least=0`: it may say nothing, and is empty
    then); `lines`: it may have several; `pattern` is what all of it must match. `exact`: it is taken as it stands, not
    cleaned; `never`: what it must not be; `always`: it comes from outside wherever it stands.
    """

    most: int | None = None
    least: int = 1
    lines: bool = False
    pattern: str | None = None
    exact: bool = False
    never: tuple[str, ...] = ()
    always: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Asks after the field's own validation."""
        return core_schema.with_info_after_validator_function(self._held, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Shows the bounds to those who enter (validation); what is recorded has none (serialization)."""
        shown = handler(schema)
        if shows_bounds(handler):
            pattern = self.pattern or (SAYS_SOMETHING if self.least else None)
            bounds = {"minLength": self.least or None, "maxLength": self.most, "pattern": pattern}
            target = handler.resolve_ref_schema(shown)
            for one in [target, *target.get("anyOf", ())]:
                if one.get("type") == "string":
                    one.update({word: bound for word, bound in bounds.items() if bound is not None})
                    one.update({"not": {"enum": list(self.never)}} if self.never else {})
        return shown

    def _held(self, value: Any, info: ValidationInfo) -> Any:
        if not (self.always or isinstance(info.context, Door)) or not isinstance(value, str):
            return value
        if self.most is not None and len(value) > self.most:
            raise PydanticKnownError("string_too_long", {"max_length": self.most})
        # Nearly every text has nothing but spaces and what can be seen, and that is asked in one go.
        plain = value.isprintable()
        read = value if self.exact else value.strip() if plain else _cleaned(value, lines=self.lines)
        if not shows(read):
            if not self.least:
                return ""
            raise PydanticCustomError("blank", "This says nothing")
        if not plain and LONE.search(read):
            raise PydanticKnownError("string_unicode")
        if len(read) < self.least:
            raise PydanticKnownError("string_too_short", {"min_length": self.least})
        if read in self.never:
            raise PydanticCustomError("text_never", "This is not allowed here", {"never": ", ".join(self.never)})
        if self.pattern is not None and re.fullmatch(self.pattern, read) is None:
            raise PydanticKnownError("string_pattern_mismatch", {"pattern": self.pattern})
        return read


def line(most: int | None = None, **more: Any) -> Text:
    """The annotation of a text of one line: a title, a name, a number of a document."""
    return Text(most, **more)


def prose(most: int | None = None, **more: Any) -> Text:
    """The annotation of a text that may have several lines: reasons, descriptions, opinions."""
    return Text(most, lines=True, **more)


def sought(most: int, *, least: int = 1) -> Text:
    """The annotation of a text in the query of an address, by which something is looked for."""
    return Text(most, least, always=True)
