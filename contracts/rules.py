"""Editions of the rule book as data: terms, limits, code lists, switches.

An edition (редакция правил) is a TOML file in `rules/`. No number and no list of an edition stands in code, and each
says where it comes from: found law, or an assumption of this project. What an edition sets is a field of a class here:
a name that is misspelt, missing or unknown is refused when the file is read, and a check finds the names that no code
reads. A pilot keeps the edition that was in force on the day of its application (assumption).

It is one thing: what an edition may say is read in one file, part by part.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Set
from datetime import date
from fractions import Fraction
from functools import cache
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, StrictInt, model_validator

from . import own
from .calendars import CalendarUpdate as CalendarUpdate  # whoever reads rules reads what amends their calendars
from .calendars import own_calendars, read_calendar
from .data import CalendarId, Data, Entitled, Origin, Pattern, Text, Titled, Zone, texts, unique
from .event import digest
from .forms import CURRENCY, SCHEME
from .moments import FARTHEST
from .reference import Code, LegalEffect, TermKind, TermUnit
from .severities import Severities


class CodeEntry(Titled):
    """One code of a code list."""

    code: Code


class CodeList(Data):
    """A closed code list (справочник) and where it comes from; `code in code_list` asks whether it has it."""

    origin: Origin
    entries: tuple[CodeEntry, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _codes_areunique(self) -> Self:
        unique("code", self.codes)
        return self

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes in the order of the file."""
        return tuple(entry.code for entry in self.entries)

    def __contains__(self, code: object) -> bool:
        return code in self.codes


class Scheme(Entitled):
    """A scheme that gives organisations their numbers: the form, and the check digit that it has, if any.

    `legal_entity_pattern` is the form of a legal entity's number where the scheme tells legal entities from
    natural persons; None where it does not. Patterns match the whole value. `form_ru`, `form_be` and `form_en` say in
    words what is taken; where an edition does not, the pattern is shown.
    """

    scheme: str = Field(pattern=SCHEME, max_length=40)
    check: Literal["by-unp", "ru-inn", "none"]
    pattern: Pattern
    legal_entity_pattern: Pattern | None = None
    form_ru: Text | None = None
    form_be: Text | None = None
    form_en: Text | None = None
    origin: Origin

    @model_validator(mode="after")
    def _form_in_every_language(self) -> Self:
        if len({one is None for one in (self.form_ru, self.form_be, self.form_en)}) > 1:
            raise ValueError("the form is said in ru, be and en, or in none")
        return self

    def has_form(self, value: str) -> bool:
        """Whether the value has the form of this scheme's numbers; the check digit is not looked at."""
        return re.fullmatch(self.pattern, value) is not None

    def is_legal_entity(self, value: str) -> bool:
        """Whether the value has the form of a legal entity's number (юридическое лицо)."""
        return re.fullmatch(self.legal_entity_pattern or self.pattern, value) is not None


class PartyRule(Data):
    """What is asked of one party: whether it must be named, and by which schemes. It is a legal entity by any edition,
    for a natural person's name and number may stand in no fact."""

    required: StrictBool
    schemes: tuple[str, ...] = Field(min_length=1)
    origin: Origin


class Parties(Data):
    """The parties of an application: initiator (инициатор), customer (заказчик), executor (исполнитель)."""

    initiator: PartyRule
    customer: PartyRule
    executor: PartyRule


PARTS: Final = tuple(Parties.model_fields)
"""What each of these parties is called in an application."""


class Currency(Data):
    """A currency (ISO 4217) and how many decimals its smallest unit has."""

    code: str = Field(pattern=CURRENCY)
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


class TermRule(Titled):
    """A legal term (срок) as the edition sets it. `origin` speaks of the budget; its note speaks of the rest.

    `budget` None: the term runs until a day that is agreed for each pilot, so that no number of the edition bounds it.
    `stops_while_with_applicant`: the clock may be stopped while the applicant has the next move. `reminders` is
    the ladder (лестница напоминаний): with how many of its days left, the running one among them, somebody is
    reminded; the breach is the rung after the last.
    """

    budget: StrictInt | None = Field(default=None, ge=1)
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
        if any(rung < 1 or (self.budget is not None and rung >= self.budget) for rung in rungs):
            raise ValueError("a reminder comes with at least one day left, and after the term has begun")
        return self


class Number(Titled):
    """A number of the edition: `value`, in `unit`; with `of` it is a share, `value` of `of` (2 of 3)."""

    value: StrictInt = Field(ge=0)
    of: StrictInt | None = Field(default=None, ge=1)
    unit: Text
    origin: Origin

    @property
    def share(self) -> Fraction:
        """The number as an exact fraction; whole numbers are fractions of one."""
        return Fraction(self.value, self.of or 1)


class Criterion(Titled):
    """A criterion (критерий) of the opinions, and what it weighs in their total."""

    code: Code
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
        unique("criterion", tuple(entry.code for entry in self.entries))
        if self.scale_min >= self.scale_max:
            raise ValueError("the scale's lowest value must be below its highest")
        return self


class Switch(Titled):
    """A feature of the procedure that an edition has or has not."""

    on: StrictBool
    origin: Origin


class NumberForm(Data):
    """The form of a number: so many digits, at least, after the prefix and the year."""

    prefix: str = Field(pattern=r"^\S{1,10}$")
    digits: StrictInt = Field(ge=1, le=12)
    origin: Origin


class Registration(NumberForm):
    """The form of a registration number (регистрационный номер)."""


class ConclusionNumbers(NumberForm):
    """The form of a conclusion's number (номер заключения): a gapless series for each year. Editions that name the
    same `series` go on with the same numbers."""

    series: Code

    def number(self, year: int, n: int) -> str:
        """A conclusion's number, e.g. `ЗЭ-2026-0007`. It grows wider when the digits do not suffice."""
        return f"{self.prefix}-{year}-{n:0{self.digits}d}"


class Numbers(Data):
    """The numbers that services count by. Every edition sets each of them; what each means stands in its title."""

    commission_min_members: Number
    commission_quorum: Number
    commission_majority: Number
    pilot_max_months: Number
    pilot_extension_months: Number
    pilot_extensions_max: Number
    repeat_expertise_max: Number
    opinions_first: Number
    opinions_repeat: Number
    opinions_credit: Number
    opinions_replication: Number
    opinions_most: Number
    opinion_disagreement: Number
    first_year: Number
    last_year: Number
    contact_kept_days: Number


class Switches(Data):
    """The features of the procedure that an edition turns on or off, each of them expressly."""

    credit: Switch
    replication: Switch
    appeal: Switch
    remarks_with_positive: Switch
    other_expert_in_repeat: Switch
    one_duty_in_all_rounds: Switch
    council_sees_negative: Switch
    council_may_postpone: Switch
    partly_effective: Switch


class Lengths(Data):
    """The longest texts of an application's fields, in characters; each field here is one of `Application`."""

    title: Number
    problem: Number
    solution: Number
    expected_effect: Number
    territory: Number
    own_number: Number


AGREED: Final = frozenset({TermKind.LAUNCH, TermKind.CARRYING_OUT})
"""The terms whose end is a day of the agreement: a budget or an extension of theirs would be read by nobody."""


def _all_terms(terms: Mapping[TermKind, TermRule]) -> Mapping[TermKind, TermRule]:
    if missing := [kind for kind in TermKind if kind not in terms]:
        raise ValueError(f"terms are missing: {', '.join(missing)}")
    if unbounded := [kind for kind, rule in terms.items() if rule.budget is None and kind not in AGREED]:
        raise ValueError(f"terms without a budget: {', '.join(unbounded)}")
    if bounded := [kind for kind in AGREED if terms[kind].budget is not None or terms[kind].extension is not None]:
        raise ValueError(f"the end of these terms is agreed, so they have no budget: {', '.join(sorted(bounded))}")
    return terms


Terms = Annotated[Mapping[TermKind, TermRule], AfterValidator(_all_terms)]
"""The term of each kind; every kind has one."""


class Edition(Entitled):
    """One edition of the rules (редакция правил). Dates and terms are of the zone `zone`.

    `money` None: this edition has no money, and costs are refused. `in_force_to` is the last day, None: open.
    """

    id: Code
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
    terms: Terms
    lengths: Lengths
    severities: Severities
    numbers: Numbers
    switches: Switches

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        known = tuple(scheme.scheme for scheme in self.schemes)
        unique("scheme", known)
        for party in (self.parties.initiator, self.parties.customer, self.parties.executor):
            if unknown := set(party.schemes) - set(known):
                raise ValueError(f"a party names schemes that are not declared: {sorted(unknown)}")
        if self.in_force_to is not None and self.in_force_to < self.in_force_from:
            raise ValueError("the edition ends before it begins")
        first, last = self.numbers.first_year.value, self.numbers.last_year.value
        if not FARTHEST[0] <= first <= last <= FARTHEST[-1]:
            raise ValueError(f"the years must be some from {FARTHEST[0]} to {FARTHEST[-1]}")
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

    def in_force(self, day: date) -> bool:
        """Whether the edition is in force on a day of its zone."""
        return self.in_force_from <= day and (self.in_force_to is None or day <= self.in_force_to)


class UnknownEdition(LookupError):
    """There is no edition of this id; the message names those that there are."""


class RuleBook(Mapping[str, Edition]):
    """All editions, by id. Immutable."""

    def __init__(self, editions: tuple[Edition, ...]) -> None:
        unique("edition", tuple(edition.id for edition in editions))
        self._editions = {edition.id: edition for edition in editions}

    def __getitem__(self, key: str) -> Edition:
        return self._editions[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._editions)

    def __len__(self) -> int:
        return len(self._editions)

    def with_(self, *editions: Edition) -> "RuleBook":
        """The same book with these editions, each in the place of the one of its id."""
        return RuleBook(tuple({**self._editions, **{one.id: one for one in editions}}.values()))

    @property
    def digests(self) -> dict[str, str]:
        """By what each edition is known: programs that read it alike have the same."""
        return {id: digest(one.model_dump(mode="json"))[:12] for id, one in self.items()}

    def edition(self, id: str) -> Edition:
        """The edition of this id. Raises UnknownEdition; there is no default edition to fall back to."""
        if id not in self._editions:
            raise UnknownEdition(f"no edition {id!r}; known: {', '.join(sorted(self._editions))}")
        return self._editions[id]


def read_edition(text: str) -> Edition:
    """An edition from TOML. Raises tomllib.TOMLDecodeError, and pydantic.ValidationError with every fault."""
    return Edition.model_validate(tomllib.loads(text))


def missing_calendars(one: Edition, known: Set[str]) -> list[str]:
    """What is said of an edition that counts by calendars which are not among those that are known, by their ids."""
    missing = {one.calendar, *(rule.calendar for rule in one.terms.values())} - known
    return [f"calendar: there is no {', '.join(sorted(missing))}"] if missing else []


@cache
def load() -> RuleBook:
    """The editions that the package carries, and those of the deployment's own folder: of one id the own one. Raises
    like `read_edition` when a packaged one is faulty, and FaultyOwn with every fault of own editions and calendars."""
    book = RuleBook(tuple(read_edition(text) for text in texts()))
    calendars, of_calendars = own_calendars()
    known = {*calendars, *(read_calendar(text).id for text in texts("calendars"))}

    ours, faults = own.read(Edition, own.by_id(texts()), more=lambda one: missing_calendars(one, known))
    if faults or of_calendars:
        raise own.FaultyOwn(dict.fromkeys([*faults, *of_calendars]))  # that the folder is not there is found by both
    return book.with_(*ours.values())
