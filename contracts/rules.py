"""Editions of the rule book as data: terms, limits, code lists, switches, and the working-day calendars.

An edition (редакция правил) is a TOML file in `rules/`, a calendar one in `rules/calendars/`. No number and
no list of an edition stands in code, and each says where it comes from: found law, or an assumption of this
project. A pilot keeps the edition that was in force on the day of its application (assumption).
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, StrictInt, model_validator

from contracts.event import Contract
from contracts.reference import Code, LegalEffect, TermUnit


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"{name!r} is no zone of the IANA database") from error
    return name


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    return pattern


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
"""The name of a value in an edition, written as a field of a record would be: `commission_min_members`."""

Zone = Annotated[str, AfterValidator(_known_zone)]
Pattern = Annotated[str, AfterValidator(_compiles)]
Text = Annotated[str, Field(min_length=1)]
CalendarId = Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]+)*$")]


class Data(Contract):
    """A part of a data file: a key that is not known here is a mistake in the file, never ignored."""

    model_config = ConfigDict(extra="forbid")


class Origin(Data):
    """Where a value comes from. Law (норма) names its act and where it was read; the rest is an assumption
    (допущение) and says in `note` what it rests on."""

    kind: Literal["law", "assumption"]
    act: Text | None = None
    clause: Text | None = None
    source: Text | None = None
    note: Text

    @model_validator(mode="after")
    def _law_is_proven(self) -> Self:
        if self.kind == "law" and not (self.act and self.source):
            raise ValueError("a value that is law must name its act and its source")
        return self


class CodeEntry(Data):
    """One code of a code list, with its title in both languages."""

    code: Code
    ru: Text
    en: Text


class CodeList(Data):
    """A closed code list (справочник) and where it comes from; `code in code_list` asks whether it has it."""

    origin: Origin
    entries: tuple[CodeEntry, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _codes_are_unique(self) -> Self:
        _unique("code", self.codes)
        return self

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes in the order of the file."""
        return tuple(entry.code for entry in self.entries)

    def __contains__(self, code: object) -> bool:
        return code in self.codes


class Scheme(Data):
    """A scheme that gives organisations their numbers: the form, and the check digit that it has, if any.

    `legal_entity_pattern` is the form of a legal entity's number where the scheme tells legal entities from
    natural persons; None where it does not. Patterns match the whole value.
    """

    scheme: str = Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]+)+$", max_length=40)
    title_ru: Text
    title_en: Text
    check: Literal["by-unp", "ru-inn", "none"]
    pattern: Pattern
    legal_entity_pattern: Pattern | None = None
    origin: Origin

    def has_form(self, value: str) -> bool:
        """Whether the value has the form of this scheme's numbers; the check digit is not looked at."""
        return re.fullmatch(self.pattern, value) is not None

    def is_legal_entity(self, value: str) -> bool:
        """Whether the value has the form of a legal entity's number (юридическое лицо)."""
        return re.fullmatch(self.legal_entity_pattern or self.pattern, value) is not None


class PartyRule(Data):
    """What is asked of one party: whether it must be named, by which schemes, and as a legal entity only."""

    required: StrictBool
    schemes: tuple[str, ...] = Field(min_length=1)
    legal_entity_only: StrictBool
    origin: Origin


class Parties(Data):
    """The parties of an application: initiator (инициатор), customer (заказчик), executor (исполнитель)."""

    initiator: PartyRule
    customer: PartyRule
    executor: PartyRule


class Currency(Data):
    """A currency (ISO 4217) and how many decimals its smallest unit has."""

    code: str = Field(pattern=r"^[A-Z]{3}$")
    decimals: StrictInt = Field(ge=0, le=4)


class MoneyRules(Data):
    """Money in an application: the currencies, whether costs must be given, the sources of money."""

    origin: Origin
    currencies: tuple[Currency, ...] = Field(min_length=1)
    costs_required: StrictBool
    sources: CodeList


class ExtensionRule(Data):
    """How often a term may be extended (продление), and by how many of its units each time."""

    max_count: StrictInt = Field(ge=1)
    days: StrictInt = Field(ge=1)


class TermRule(Data):
    """A legal term (срок) as the edition sets it. `origin` speaks of the budget; its note speaks of the rest.

    `stops_while_with_applicant`: the clock may be stopped while the applicant has the next move.
    """

    budget: StrictInt = Field(ge=1)
    unit: TermUnit
    calendar: CalendarId
    legal_effect: LegalEffect
    stops_while_with_applicant: StrictBool
    extension: ExtensionRule | None = None
    origin: Origin


class Number(Data):
    """A number of the edition: `value`, in `unit`; with `of` it is a share, `value` of `of` (2 of 3)."""

    value: StrictInt = Field(ge=0)
    of: StrictInt | None = Field(default=None, ge=1)
    unit: Text
    origin: Origin

    @property
    def share(self) -> Fraction:
        """The number as an exact fraction; whole numbers are fractions of one."""
        return Fraction(self.value, self.of or 1)


class Switch(Data):
    """A feature of the procedure that an edition has or has not."""

    on: StrictBool
    ru: Text
    en: Text
    origin: Origin


class Registration(Data):
    """The form of a registration number (регистрационный номер)."""

    prefix: str = Field(pattern=r"^\S{1,10}$")
    digits: StrictInt = Field(ge=1, le=12)
    origin: Origin


class Edition(Data):
    """One edition of the rules (редакция правил). Dates and terms are of the zone `zone`.

    `money` None: this edition has no money, and costs are refused. `in_force_to` is the last day, None: open.
    `lengths` are the longest texts of an application's fields, in characters, by field name.
    """

    id: Code
    title_ru: Text
    title_en: Text
    in_force_from: date
    in_force_to: date | None = None
    in_force_origin: Origin
    zone: Zone
    calendar: CalendarId
    registration: Registration
    sectors: CodeList
    parties: Parties
    schemes: tuple[Scheme, ...] = Field(min_length=1)
    money: MoneyRules | None = None
    return_reasons: CodeList
    terms: dict[Code, TermRule]
    lengths: dict[Name, Number]
    numbers: dict[Name, Number] = Field(default_factory=dict)
    switches: dict[Name, Switch] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        known = tuple(scheme.scheme for scheme in self.schemes)
        _unique("scheme", known)
        for party in (self.parties.initiator, self.parties.customer, self.parties.executor):
            if unknown := set(party.schemes) - set(known):
                raise ValueError(f"a party names schemes that are not declared: {sorted(unknown)}")
        if self.in_force_to is not None and self.in_force_to < self.in_force_from:
            raise ValueError("the edition ends before it begins")
        return self

    def number(self, year: int, n: int) -> str:
        """A registration number, e.g. `ПП-2026-000123`. It grows wider when the digits do not suffice.

        Raises ValueError for n below 1.
        """
        if n < 1:
            raise ValueError("registration numbers begin with 1")
        return f"{self.registration.prefix}-{year}-{n:0{self.registration.digits}d}"

    def scheme(self, code: str) -> Scheme | None:
        """The declared organisation scheme of this code, or None."""
        return next((scheme for scheme in self.schemes if scheme.scheme == code), None)

    def on(self, switch: str) -> bool:
        """Whether a switch of the edition is on; one that it does not name is off."""
        found = self.switches.get(switch)
        return found is not None and found.on

    def in_force(self, day: date) -> bool:
        """Whether the edition is in force on a day of its zone."""
        return self.in_force_from <= day and (self.in_force_to is None or day <= self.in_force_to)


class UnknownEdition(LookupError):
    """There is no edition of this id; the message names those that there are."""


class RuleBook(Mapping[str, Edition]):
    """All editions, by id. Immutable."""

    def __init__(self, editions: tuple[Edition, ...]) -> None:
        _unique("edition", tuple(edition.id for edition in editions))
        self._editions = {edition.id: edition for edition in editions}

    def __getitem__(self, key: str) -> Edition:
        return self._editions[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._editions)

    def __len__(self) -> int:
        return len(self._editions)

    def edition(self, id: str) -> Edition:
        """The edition of this id. Raises UnknownEdition; there is no default edition to fall back to."""
        if id not in self._editions:
            raise UnknownEdition(f"no edition {id!r}; known: {', '.join(sorted(self._editions))}")
        return self._editions[id]


class MovedDay(Data):
    """A transfer of a working day (перенос рабочего дня): `off` is free, `worked` is worked for it."""

    off: date
    worked: date


class Transfers(Data):
    """The transfers of a year as a government act published them; `moved` may be empty, the act may not."""

    year: StrictInt = Field(ge=1991, le=2100)
    moved: tuple[MovedDay, ...] = ()
    origin: Origin


class Override(Data):
    """A single day that is working or free against all other rules, with the reason and the act."""

    day: date
    working: StrictBool
    reason_ru: Text
    reason_en: Text
    act: Text


class CalendarRules(Data):
    """A working-day calendar: the country whose holidays it takes, and what overrides them.

    `yearly_act`: working days are moved by an act for each year, so that a year without its act in
    `transfers` is provisional (предварительно). `language_*` are names of the holiday library's languages.
    """

    id: CalendarId
    version: str = Field(pattern=r"^[0-9]{4}\.[0-9]+$")
    country: str = Field(pattern=r"^[A-Z]{2}$")
    language_ru: str | None = None
    language_en: str
    yearly_act: StrictBool
    origin: Origin
    transfers: tuple[Transfers, ...] = ()
    overrides: tuple[Override, ...] = ()

    @model_validator(mode="after")
    def _each_day_is_said_once(self) -> Self:
        _unique("year", tuple(str(t.year) for t in self.transfers))
        moved = [m for t in self.transfers for m in t.moved]
        _unique("moved day", tuple(str(day) for m in moved for day in (m.off, m.worked)))
        _unique("override", tuple(str(o.day) for o in self.overrides))
        return self


def _unique(what: str, values: tuple[str, ...]) -> None:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"{what} given twice: {', '.join(twice)}")


def _texts(*folders: str) -> list[str]:
    folder = files("contracts").joinpath("rules", *folders)
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return [f.read_text(encoding="utf-8") for f in found]


def read_edition(text: str) -> Edition:
    """An edition from TOML. Raises tomllib.TOMLDecodeError, and pydantic.ValidationError with every fault."""
    return Edition.model_validate(tomllib.loads(text))


def read_calendar(text: str) -> CalendarRules:
    """A calendar from TOML. Raises tomllib.TOMLDecodeError, and pydantic.ValidationError with every fault."""
    return CalendarRules.model_validate(tomllib.loads(text))


@cache
def load() -> RuleBook:
    """The editions that the package carries. Raises like `read_edition` when one of them is faulty."""
    return RuleBook(tuple(read_edition(text) for text in _texts()))


@cache
def load_calendars() -> tuple[CalendarRules, ...]:
    """The calendars that the package carries. Raises like `read_calendar` when one of them is faulty."""
    found = tuple(read_calendar(text) for text in _texts("calendars"))
    _unique("calendar", tuple(rules.id for rules in found))
    return found
