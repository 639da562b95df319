"""The words of every rule: what a refusal or a problem says in Russian, Belarusian and English.

A rule has an id, `<what>.<fault>`, and values; its words are data in `words/`, one TOML file for each area, and stand
nowhere else. A template names its values in braces: `{have} members of {least} needed`. A value that is itself said
differently in each language is a `Wording`.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from pydantic import ValidationError

from .entered import YEARS
from .event import json_pointer
from .forms import FORMS, OTHER
from .reference import UNSPECIFIED, Problem, ProblemSeverity, Remedy

Language = Literal["ru", "be", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("ru", "be", "en")
MOST_LISTED: Final = 20
"""How many of the possible codes are named: as many as a reader can use."""
SCHEMA: Final = "schema"
"""The area of what the contract itself finds faulty: `schema.<type of the fault>`."""
ENUMERATED: Final = ("expected", "expected_tags")
"""What pydantic lists in English words: `'a', 'b' or 'c'`."""
MEMBER: Final = re.compile(r"<[A-Za-z_.]+: ('[^']*')>")
"""How it writes a code that is a member of an enumeration: `<Format.CSV: 'csv'>`."""
UNNAMED: Final = "schema.invalid"
"""The words for a fault of the contract that has none of its own."""
ASKED_YEARS: Final[Mapping[str, str | int]] = {"first": YEARS[0], "last": YEARS[-1], "unspecified": UNSPECIFIED}
BLANK: Final = "blank"
"""The kind of fault that a text has which says nothing, however that was found."""
FEWER: Final = ("too_short",)
"""Kinds of faults that say of a list what is only the shadow of faults in it: pydantic counts its sound items."""


@dataclass(frozen=True, slots=True)
class Wording:
    """The same in three languages: a template, or a value that goes into one."""

    ru: str
    be: str
    en: str

    def text(self, language: Language) -> str:
        """The words in one language, as they stand."""
        return {"ru": self.ru, "be": self.be, "en": self.en}[language]


Value = str | int | date | datetime | Wording | Iterable[str] | None
"""What goes into a template; several words are joined by commas."""


@cache
def wordings() -> Mapping[str, Wording]:
    """All wordings by rule id. Raises ValueError for an id that two files have, or that lacks a language."""
    found: dict[str, Wording] = {}
    for file in sorted((files(__package__) / "words").iterdir(), key=lambda one: one.name):
        if not file.name.endswith(".toml"):
            continue
        for rule, words in tomllib.loads(file.read_text(encoding="utf-8")).items():
            if rule in found:
                raise ValueError(f"{file.name}: {rule} is said elsewhere already")
            if set(words) != set(LANGUAGES) or not all(isinstance(one, str) and one for one in words.values()):
                raise ValueError(f"{file.name}: {rule} needs words in {', '.join(LANGUAGES)}, and nothing else")
            found[rule] = Wording(**words)
    return found


def say(rule: str, language: Language, values: Mapping[str, Value] | None = None) -> str:
    """The words of a rule. One that has none, which a check of the project excludes, is said by its id."""
    wording = wordings().get(rule)
    if wording is None:
        return rule
    return wording.text(language).format_map({name: _said(one, language) for name, one in (values or {}).items()})


def wording(rule: str, /, **values: Value) -> Wording:
    """What an id says in each language: by itself, or to go into the words of another rule as a value of theirs."""
    return Wording(*(say(rule, language, values) for language in LANGUAGES))


def problem(
    pointer: str, rule: str, *, action: Remedy = "fix", severity: ProblemSeverity = "block", **values: Value
) -> Problem:
    """One thing that is wrong, with the words of its rule. `pointer` is a JSON pointer into what was sent."""
    return problem_of(pointer, rule, values, action, severity)


def problem_of(
    pointer: str, rule: str, values: Mapping[str, Value], action: Remedy = "fix", severity: ProblemSeverity = "block"
) -> Problem:
    """The same with the values in hand."""
    return Problem(
        pointer=pointer,
        rule=rule,
        message=say(rule, "en", values),
        message_ru=say(rule, "ru", values),
        message_be=say(rule, "be", values),
        action=action,
        severity=severity,
    )


def schema_problems(error: ValidationError, prefix: str = "") -> list[Problem]:
    """Every fault that a contract found, without the values that were found faulty. `prefix`: where it was read."""
    return problems_of(error.errors(include_url=False, include_input=False), prefix)


def problems_of(faults: Iterable[Mapping[str, Any]], prefix: str = "") -> list[Problem]:
    """The same of pydantic's list of faults, as the HTTP side has it in hand."""
    return [
        _schema_problem(one["type"], one.get("ctx", {}), prefix + json_pointer(one["loc"]))
        for one in _without_shadows(list(faults))
    ]


def _without_shadows(faults: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """One mistake is one problem: a list is not too short for that its only item is at fault."""
    around = {tuple(one["loc"])[:depth] for one in faults for depth in range(len(one["loc"]))}
    return (one for one in faults if one["type"] not in FEWER or tuple(one["loc"]) not in around)


def _schema_problem(kind: str, context: Mapping[str, object], pointer: str) -> Problem:
    if kind == "string_too_short" and context.get("min_length") == 1:
        kind = BLANK
    rule = f"{SCHEMA}.{kind.replace('_', '-')}"
    values = {name: _of_context(name, one) for name, one in context.items()}
    if isinstance(pattern := context.get("pattern"), str):
        values["form"] = wording(FORMS.get(pattern, OTHER), pattern=pattern, **ASKED_YEARS)
    if rule in wordings():
        return problem_of(pointer, rule, values)
    return problem(pointer, UNNAMED).model_copy(update={"rule": rule})


def _of_context(name: str, value: object) -> Value:
    if name in ENUMERATED:
        return MEMBER.sub(r"\1", str(value)).replace(" or ", ", ")
    return value if isinstance(value, (str, int)) else str(value)


def listed(codes: Sequence[str]) -> str:
    """Codes in words, in any language: as many of them as a reader can use."""
    return ", ".join([*codes[:MOST_LISTED], *(["..."] if len(codes) > MOST_LISTED else [])])


def _said(value: Value, language: Language) -> str:
    if isinstance(value, Wording):
        return value.text(language)
    return str(value) if value is None or isinstance(value, (str, int, date)) else listed(list(value))
