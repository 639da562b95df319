"""Forms as data: what is entered, field by field, each named by its place in what is sent.

From one description come the form, what it sends, the field where a fault belongs, what a correction begins with, and
how an entry is told. What is missing or out of bounds is said by the service that is asked; the desk knows no rules.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Protocol, TypeAlias, cast

from contracts.words import LANGUAGES, Wording, wordings
from services.desk import forms
from services.desk.forms import Filled
from services.desk.words import Words, words_of

MOST_ROWS: Final = 100
MORE: Final = "more"
"""The button of a form that asks for one more row; it says of which group."""
SCALED: Final = re.compile(r"[0-9]{1,13}(?:[.][0-9]{1,2})?")
BLANKS: Final = re.compile(r"[\s\u00a0\u202f]")
HUNDREDTHS: Final = 100
LONGEST_WHOLE: Final = 15


class Named(Protocol):
    """What is called something in each language."""

    @property
    def ru(self) -> str: ...
    @property
    def be(self) -> str: ...
    @property
    def en(self) -> str: ...


Options: TypeAlias = Sequence[tuple[str, Named]]
"""Codes, and what each is called."""


class Kind(StrEnum):
    """What stands in a field: a line, text, a day, a whole number, a number with two decimals that is sent in
    hundredths, one code (of few, of many), yes or no, a mark, a line for each of several, several codes, several coded
    reasons; or a value that nobody types."""

    LINE = "line"
    PROSE = "prose"
    DAY = "day"
    WHOLE = "whole"
    HUNDREDTHS = "hundredths"
    CHOICE = "choice"
    SELECT = "select"
    YES_NO = "yes-no"
    MARK = "mark"
    LINES = "lines"
    CHECKS = "checks"
    REASONS = "reasons"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `value` is what a fixed one sends (`{n}` in it: the number of its row). One that is `implied` has a
    value in every row, and makes none of it. `label` and `hint` are ids below `entry.`, or words that
    somebody else gave; without a label it is called as it is named. One that is `told` is called so within a line of
    several, too."""

    name: str
    kind: Kind = Kind.LINE
    options: Options = ()
    label: "str | Named" = ""
    hint: "str | Named" = ""
    value: Any = None
    implied: bool = False
    told: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that belong together: an object, `many` of one kind, or one for `each` of a list: its title, and the
    fixed field by which it is known. A `bare` one has no title; an `optional` one is not sent without words in it."""

    name: str
    parts: tuple["Field | Group", ...]
    many: bool = False
    each: tuple[tuple[Named, Field], ...] = ()
    label: "str | Named" = ""
    hint: str = ""
    bare: bool = False
    optional: bool = False


Part: TypeAlias = Field | Group
Parts: TypeAlias = tuple[Part, ...]
BASIS: Final = Group(
    "basis", (Field("body"), Field("kind", label="document-kind"), Field("number"), Field("date", Kind.DAY))
)
"""The document on which a step rests."""


def called(words: Words, part: Part) -> str:
    """What a field is called: in words that were given, in the desk's own, else as the register's timeline calls it."""
    if not isinstance(name := part.label or part.name, str):
        return str(getattr(name, words.language))
    if words.has(f"entry.{name}"):
        return words.say(f"entry.{name}")
    return capital(contract(words, f"what.{name.replace('_', '-')}", name))


def hint(words: Words, part: Part) -> str:
    """What is said beside a field or group, if anything is."""
    if isinstance(part.hint, str):
        return words.say(f"entry.{part.hint}") if part.hint else ""
    return str(getattr(part.hint, words.language))


def contract(words: Words, id: str, otherwise: str) -> str:
    """What the contracts call something."""
    found = wordings().get(id)
    return found.text(words.language) if found else otherwise


def capital(text: str) -> str:
    """A word at the beginning of a line."""
    return text[:1].upper() + text[1:]


def coded(*codes: str) -> Options:
    """Codes of closed lists, as the contracts call them."""
    return tuple((str(one), wordings()[f"said.{one}"]) for one in codes)


def worded(id: str) -> Wording:
    """Words of the desk's own, in each language."""
    return Wording(*(words_of("UTC")[one].say(id) for one in LANGUAGES))


def same(text: str) -> Wording:
    """A name that is the same in each language."""
    return Wording(text, text, text)


def options(words: Words, field: Field) -> list[tuple[str, str]]:
    """The codes of a field with what each is called."""
    return [(code, capital(str(getattr(named, words.language)))) for code, named in field.options]


def names(words: Words, parts: Parts, filled: Filled, at: str = "", of: str = "") -> dict[str, str]:
    """What each field is called where it stands alone, as in the summary of faults: with the group that it is in."""
    found = dict[str, str]()
    for one in parts:
        title = f"{of}{called(words, one)}"
        if isinstance(one, Field):
            found[f"{at}{one.name}"] = title
            continue
        inside, beside = f"{at}{one.name}-", of if one.bare else f"{title} – "
        for n in range(1, rows(one, filled, at) + 1) if one.many else range(1, len(one.each) + 1):
            row = words.say("entry.row", n=n) if one.many else str(getattr(one.each[n - 1][0], words.language))
            found |= names(words, one.parts, filled, f"{inside}{n}-", f"{beside}{row} – ")
        if not one.many and not one.each:
            found |= names(words, one.parts, filled, inside, beside)
    return found


# ---- what is sent


def body(parts: Parts, filled: Filled, at: str = "", n: int = 0) -> dict[str, Any]:
    """What a form says, as it is sent: without what was left empty, and without rows in which nothing stands."""
    found = dict[str, Any]()
    for one in parts:
        value = _value(one, filled, at, n) if isinstance(one, Field) else _object(one, filled, at)
        if value is not None:
            found[one.name] = value
    return found


def _object(group: Group, filled: Filled, at: str) -> Any:
    place = f"{at}{group.name}-"
    if group.many:
        return [body(group.parts, filled, f"{place}{n}-", n) for n in used(group, filled, at)]
    if group.each:
        return [
            body((known, *group.parts), filled, f"{place}{n}-", n) for n, (_title, known) in enumerate(group.each, 1)
        ]
    return None if group.optional and not _says(group.parts, filled, place) else body(group.parts, filled, place)


def _value(field: Field, filled: Filled, at: str, n: int) -> Any:
    name = f"{at}{field.name}"
    text = filled[name].strip()
    match field.kind:
        case Kind.FIXED:
            return field.value.format(n=n) if isinstance(field.value, str) else field.value
        case Kind.YES_NO:
            return {"yes": True, "no": False}.get(text)
        case Kind.MARK:
            return bool(text)
        case Kind.LINES:
            return [line.strip() for line in text.splitlines() if line.strip()] or None
        case Kind.CHECKS:
            return filled.all(name) or None
        case Kind.REASONS:
            return [{"code": code} for code in filled.all(name)] or None
        case Kind.WHOLE if text.isascii() and text.isdecimal() and len(text) <= LONGEST_WHOLE:
            return int(text)
        case Kind.HUNDREDTHS if (number := hundredths(text)) is not None:
            return number
        case _:
            return text or None


def hundredths(text: str) -> int | None:
    """A number with at most two decimals in hundredths: `1 234,50` is 123450. None: it is none."""
    plain = BLANKS.sub("", text).replace(",", ".")
    return int(Decimal(plain) * HUNDREDTHS) if SCALED.fullmatch(plain) else None


def rows(group: Group, filled: Filled, at: str = "") -> int:
    """How many rows a group shows."""
    name = f"{at}{group.name}"
    said = filled[f"rows-{name}"]
    shown = int(said) if said.isascii() and said.isdecimal() and len(said) < 4 else 1
    return min(max(1, shown) + (filled[MORE] == name), MOST_ROWS)


def used(group: Group, filled: Filled, at: str = "") -> list[int]:
    """The numbers of the rows in which something stands."""
    place = f"{at}{group.name}-"
    return [n for n in range(1, rows(group, filled, at) + 1) if _says(group.parts, filled, f"{place}{n}-")]


def _says(parts: Parts, filled: Filled, at: str) -> bool:
    return any(
        _says(one.parts, filled, f"{at}{one.name}-")
        if isinstance(one, Group)
        else one.kind is not Kind.FIXED and not one.implied and bool(filled[f"{at}{one.name}"].strip())
        for one in parts
    )


def unreadable(words: Words, parts: Parts, filled: Filled, at: str = "") -> dict[str, str]:
    """The numbers that cannot be read, each at its field."""
    found = dict[str, str]()
    for one in parts:
        if isinstance(one, Field):
            text = filled[f"{at}{one.name}"].strip()
            if one.kind is Kind.HUNDREDTHS and text and hundredths(text) is None:
                found[f"{at}{one.name}"] = words.say("entry.not-a-number")
        elif one.many:
            for n in used(one, filled, at):
                found |= unreadable(words, one.parts, filled, f"{at}{one.name}-{n}-")
        else:
            found |= unreadable(words, one.parts, filled, f"{at}{one.name}-")
    return found


# ---- where a fault belongs


def place(parts: Parts, filled: Filled) -> forms.Place:
    """To which field a pointer into what was sent leads; one that leads to a group, to the first field of it."""
    return lambda pointer: _at(parts, filled, "", pointer.strip("/").split("/"))


def _at(parts: Parts, filled: Filled, at: str, steps: Sequence[str]) -> str | None:
    one = next((part for part in parts if steps and part.name == steps[0]), None)
    if one is None:
        return None
    if isinstance(one, Field):
        return f"{at}{one.name}" if one.kind is not Kind.FIXED else _first_of(parts, at)
    inside, rest = f"{at}{one.name}-", steps[1:]
    if one.many or one.each:
        numbers = used(one, filled, at) if one.many else list(range(1, len(one.each) + 1))
        index = int(rest[0]) if rest and rest[0].isdecimal() else 0
        inside = f"{inside}{numbers[index] if index < len(numbers) else 1}-"
        rest = rest[1:]
    return _at(one.parts, filled, inside, rest) or _first_of(one.parts, inside)


def _first_of(parts: Parts, at: str) -> str | None:
    for one in parts:
        if isinstance(one, Field):
            if one.kind is not Kind.FIXED:
                return f"{at}{one.name}"
            continue
        row = "1-" if one.many or one.each else ""
        if found := _first_of(one.parts, f"{at}{one.name}-{row}"):
            return found
    return None


# ---- what it begins with


def first(parts: Parts, entry: Mapping[str, Any], at: str = "", comma: str = ".") -> dict[str, str]:
    """What stands in the fields of a form that begins with an entry; `comma`: what decimals stand behind."""
    found = dict[str, str]()
    for one in parts:
        value = entry.get(one.name)
        if value is None:
            continue
        if isinstance(one, Field):
            found |= {f"{at}{one.name}": _typed(one, value, comma)} if one.kind is not Kind.FIXED else {}
        elif one.many or one.each:
            found |= {f"rows-{at}{one.name}": str(max(1, len(value)))} if one.many else {}
            for n, row in enumerate(value, 1):
                found |= first(one.parts, row, f"{at}{one.name}-{n}-", comma)
        else:
            found |= first(one.parts, value, f"{at}{one.name}-", comma)
    return found


def _typed(field: Field, value: Any, comma: str) -> str:
    match field.kind:
        case Kind.YES_NO:
            return "yes" if value else "no"
        case Kind.MARK:
            return "1" if value else ""
        case Kind.LINES:
            return "\n".join(value)
        case Kind.HUNDREDTHS:
            return f"{Decimal(value) / HUNDREDTHS:.2f}".replace(".", comma)
        case _:
            return str(value)


# ---- how an entry is told


Told: TypeAlias = tuple[str, list[str]]
"""What a part of an entry is called, and its lines."""


def told(parts: Parts, entry: Mapping[str, Any], words: Words, name: Callable[[str], str]) -> list[Told]:
    """An entry in words, part by part; `name` says what a person is called."""
    return [
        (called(words, one), lines)
        for one in parts
        if (lines := [line for line in _lines(one, entry, words, name) if line])
    ]


def _lines(one: Part, entry: Mapping[str, Any], words: Words, name: Callable[[str], str]) -> Iterator[str]:
    value = entry.get(one.name)
    if value is None or (isinstance(one, Field) and one.kind is Kind.FIXED):
        return
    if isinstance(one, Field):
        yield _said(one, value, entry, words, name)
    elif one.many or one.each:
        titles = {known.value: str(getattr(title, words.language)) for title, known in one.each}
        for row in value:
            known = next((titles[said] for said in row.values() if isinstance(said, str) and said in titles), "")
            text = ", ".join(_inside(one.parts, row, words, name))
            yield f"{known}: {text}" if known else text
    elif {"body", "kind", "number", "date"} <= value.keys():
        yield document(words, value)
    elif "id" in value:
        yield party(value)
    else:
        yield ", ".join(_inside(one.parts, value, words, name))


def _inside(parts: Parts, entry: Mapping[str, Any], words: Words, name: Callable[[str], str]) -> Iterator[str]:
    for one in parts:
        text = "; ".join(line for line in _lines(one, entry, words, name) if line)
        if text:
            title = called(words, one)
            yield f"{title[:1].lower()}{title[1:]} {text}" if isinstance(one, Field) and one.told else text


def _said(field: Field, value: Any, entry: Mapping[str, Any], words: Words, name: Callable[[str], str]) -> str:
    match field.kind:
        case Kind.DAY:
            return words.day(value)
        case Kind.YES_NO | Kind.MARK:
            return words.say("form.yes") if value else words.say("form.no")
        case Kind.HUNDREDTHS if "currency" in entry:
            return words.money(value, entry["currency"])
        case Kind.HUNDREDTHS:
            return f"{words.number(Decimal(value) / HUNDREDTHS)} %"
        case Kind.LINES | Kind.CHECKS:
            return ", ".join(name(one) for one in value)
        case _:
            known = {code: str(getattr(named, words.language)) for code, named in field.options}
            return known.get(str(value), name(cast(str, value)) if field.name == "secretary" else str(value))


def party(said: Mapping[str, Any]) -> str:
    """An organisation by its name and number."""
    number = said["id"]["value"]
    return f"{said['name']} ({number})" if said.get("name") else str(number)


def document(words: Words, basis: Mapping[str, Any]) -> str:
    """A document in one line."""
    said = {part: basis[part] for part in ("kind", "number", "body")}
    return words.say("entry.document-line", **said, date=words.day(basis["date"]))
