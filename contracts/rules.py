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
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, StrictInt, ValidationError, model_validator

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

NEEDED_TERMS: Final = (
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
)
"""The terms that services count by, whatever the edition: one that lacks any of them cannot be worked with."""


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

    `stops_while_with_applicant`: the clock may be stopped while the applicant has the next move. `reminders` is
    the ladder (лестница напоминаний): with how many of its days left, the running one among them, somebody is
    reminded; the breach is the rung after the last.
    """

    budget: StrictInt = Field(ge=1)
    unit: TermUnit
    calendar: CalendarId
    legal_effect: LegalEffect
    stops_while_with_applicant: StrictBool
    extension: ExtensionRule | None = None
    reminders: tuple[StrictInt, ...] = ()
    origin: Origin

    @model_validator(mode="after")
    def _ladder_goes_down(self) -> Self:
        rungs = self.reminders
        if list(rungs) != sorted(set(rungs), reverse=True):
            raise ValueError("reminders must go down, each once")
        if any(not 1 <= rung < self.budget for rung in rungs):
            raise ValueError("a reminder comes with at least one day left, and after the term has begun")
        return self


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


class Criterion(Data):
    """A criterion (критерий) of the opinions, and what it weighs in their total."""

    code: Code
    ru: Text
    en: Text
    weight: StrictInt = Field(ge=1, le=1000)


class Criteria(Data):
    """The criteria of an expert's opinion, all on one scale of whole numbers. `entries` may be empty: the edition
    asks for a verdict and its reasoning only."""

    origin: Origin
    scale_min: StrictInt
    scale_max: StrictInt
    entries: tuple[Criterion, ...] = ()

    @model_validator(mode="after")
    def _scale_goes_up(self) -> Self:
        _unique("criterion", tuple(entry.code for entry in self.entries))
        if self.scale_min >= self.scale_max:
            raise ValueError("the scale's lowest value must be below its highest")
        return self


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


class ConclusionNumbers(Data):
    """The form of a conclusion's number (номер заключения): a gapless series for each year. Editions that name the
    same `series` go on with the same numbers."""

    series: Code
    prefix: str = Field(pattern=r"^\S{1,10}$")
    digits: StrictInt = Field(ge=1, le=12)
    origin: Origin

    def number(self, year: int, n: int) -> str:
        """A conclusion's number, e.g. `ЗЭ-2026-0007`. It grows wider when the digits do not suffice."""
        return f"{self.prefix}-{year}-{n:0{self.digits}d}"


NEEDED_NUMBERS: Final = (
    "opinions_first",
    "opinions_repeat",
    "opinions_credit",
    "opinions_replication",
    "opinions_most",
    "opinion_disagreement",
    "repeat_expertise_max",
    "commission_min_members",
    "commission_quorum",
    "commission_majority",
    "pilot_max_months",
    "pilot_extension_months",
    "pilot_extensions_max",
)
"""The numbers that services count by, whatever the edition."""


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
    conclusions: ConclusionNumbers
    criteria: Criteria
    effectiveness: Criteria
    sectors: CodeList
    regions: CodeList
    offices: CodeList
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
        if missing := [kind for kind in NEEDED_TERMS if kind not in self.terms]:
            raise ValueError(f"terms are missing: {', '.join(missing)}")
        if missing := [name for name in NEEDED_NUMBERS if name not in self.numbers]:
            raise ValueError(f"numbers are missing: {', '.join(missing)}")
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

    def updated(self, update: "CalendarUpdate") -> "CalendarRules":
        """These rules after an update: its years and its days stand instead of what was said of them before.

        Raises pydantic.ValidationError when together they speak twice of a day.
        """
        years = {t.year: t for t in (*self.transfers, *update.transfers)}
        days = {o.day: o for o in (*self.overrides, *update.overrides)}
        changed = {"transfers": tuple(years.values()), "overrides": tuple(days.values())}
        return CalendarRules.model_validate({**dict(self), **changed})


class CalendarUpdate(Data):
    """What an act changed in a calendar after the release: a file of a deployment's own.

    `dated` is the date of the act; updates of one calendar take effect in that order.
    """

    id: CalendarId
    dated: date
    origin: Origin
    transfers: tuple[Transfers, ...] = ()
    overrides: tuple[Override, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.transfers or self.overrides):
            raise ValueError("neither transfers nor overrides are given")
        _unique("year", tuple(str(t.year) for t in self.transfers))
        _unique("override", tuple(str(o.day) for o in self.overrides))
        return self


class FaultyUpdate(ValueError):
    """A file of calendar updates that cannot be used; the message is one sentence that names file and fault."""


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


def read_update(text: str) -> CalendarUpdate:
    """An update from TOML. Raises tomllib.TOMLDecodeError, and pydantic.ValidationError with every fault."""
    return CalendarUpdate.model_validate(tomllib.loads(text))


def load_updates(folder: Path) -> tuple[CalendarUpdate, ...]:
    """The calendar updates in the `.toml` files of a folder, in the order of their dates.

    Raises FaultyUpdate: no such folder, a file that cannot be read, an unknown calendar, two files of one date
    and calendar, or one that does not fit what stands before it.
    """
    if not folder.is_dir():
        raise FaultyUpdate(f"There is no folder {folder} with calendar updates.")
    read = [(path, _update(path)) for path in sorted(folder.glob("*.toml"))]
    rules = {one.id: one for one in load_calendars()}
    places = dict[tuple[str, date], Path]()
    for path, update in sorted(read, key=lambda pair: pair[1].dated):
        if update.id not in rules:
            raise _faulty(path, f"there is no calendar {update.id}; known: {', '.join(sorted(rules))}")
        other = places.setdefault((update.id, update.dated), path)
        if other is not path:
            raise _faulty(path, f"{other.name} is of the same date and calendar, {update.dated} and {update.id}")
        try:
            rules[update.id] = rules[update.id].updated(update)
        except ValidationError as error:
            raise _faulty(path, _faults(error)) from None
    return tuple(sorted((update for _, update in read), key=lambda update: update.dated))


def _update(path: Path) -> CalendarUpdate:
    try:
        return read_update(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise _faulty(path, _faults(error)) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _faulty(path, str(error)) from None


def _faulty(path: Path, fault: str) -> FaultyUpdate:
    return FaultyUpdate(f"The calendar update {path} cannot be used: {fault}.")


def _faults(error: ValidationError) -> str:
    said = [(".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors(include_url=False)]
    return "; ".join(f"{place}: {message}" if place else message for place, message in said)
