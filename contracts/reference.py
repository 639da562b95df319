"""Value objects and code lists that events share: organisations, money, terms, verdicts, problems.

Codes that depend on the jurisdiction (sectors, money sources, return reasons) live in the rule editions;
here stand those that are the same everywhere.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, StrictInt

from contracts.event import Contract, Day, Moment, Personal

Code = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
"""A code of a code list: lower-case words joined by hyphens."""

MinorUnits = Annotated[StrictInt, Field(ge=0, le=10**15)]
"""An amount of money in the smallest unit of its currency (kopecks, копейки); never a fraction."""

ROLES: Final = (
    "publisher",
    "officer",
    "operator",
    "expert",
    "approver",
    "council-secretary",
    "head-organisation",
    "commission-secretary",
    "registrar",
    "auditor",
    "ops",
    "admin",
)
"""Every role that a token can give."""

UNSPECIFIED: Code = "unspecified"
"""What an older version did not say; never a guess."""


class OrganisationId(Contract):
    """An organisation by a number that a named scheme gives it, e.g. `BY-UNP` (УНП) and `790000029`."""

    scheme: str = Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]+)+$", max_length=40)
    value: str = Field(min_length=1, max_length=60)


class Party(Contract):
    """An organisation with a part in the pilot (участник): its id, and its name where it is known."""

    id: OrganisationId
    name: str | None = Field(default=None, min_length=1, max_length=300)


class Money(Contract):
    """An amount in one currency."""

    amount_minor: MinorUnits
    currency: str = Field(pattern=r"^[A-Z]{3}$")


class CostLine(Contract):
    """A part of the cost: from which source, in which year (None where it was not said), how much."""

    source: Code
    year: StrictInt | None = Field(default=None, ge=2000, le=2100)
    amount_minor: MinorUnits
    currency: str = Field(pattern=r"^[A-Z]{3}$")


class ContactPerson(Contract):
    """Whom to ask about an application. Every field is personal data: it never enters a fact."""

    name: Annotated[str, Personal("name")] = Field(min_length=1, max_length=200)
    email: Annotated[str | None, Personal("e-mail")] = Field(default=None, max_length=200)
    phone: Annotated[str | None, Personal("telephone")] = Field(default=None, max_length=40)


class Application(Contract):
    """What is asked for (заявка), without personal data: the form in which facts carry it.

    `initiator` (инициатор) applies, `customer` (заказчик) is the state side, `executor` (исполнитель) is whom
    the application proposes to carry it out. Dates are calendar days in the zone of the edition.
    """

    title: str
    problem: str
    solution: str
    sector: Code
    initiator: Party
    customer: Party
    executor: Party | None = None
    territory: str | None = None
    planned_start: Day | None = None
    planned_end: Day | None = None
    expected_effect: str | None = None
    costs: tuple[CostLine, ...] = ()
    own_number: str | None = None


class TermUnit(StrEnum):
    """What a term is counted in: working days (рабочие дни) or calendar days (календарные дни)."""

    WORKING_DAYS = "working-days"
    CALENDAR_DAYS = "calendar-days"


class LegalEffect(StrEnum):
    """What follows when a term runs out. There is no automatic consent anywhere."""

    ALARM = "alarm"
    LAPSE = "lapse"


class Term(Contract):
    """A legal term (срок) as it was set: everything its due date can be counted again from.

    The day of the start does not count; the term ends with the end of its last day in `zone`.
    `origin` says whether the budget is found law or an assumption of this project.
    """

    kind: Code
    budget: StrictInt = Field(ge=1)
    unit: TermUnit
    calendar: str
    calendar_version: str
    legal_effect: LegalEffect
    started: Moment
    zone: str
    origin: Literal["law", "assumption"]


class Verdict(StrEnum):
    """What an expert or the operator concludes (заключение)."""

    POSITIVE = "positive"
    POSITIVE_WITH_REMARKS = "positive-with-remarks"
    NEGATIVE = "negative"


class Remark(Contract):
    """A remark (замечание) of an expert: its code, its words, and whether it must be met."""

    code: Code
    text: str = Field(min_length=1, max_length=4000)
    must_fix: bool = False


class ReturnReason(Contract):
    """Why an application goes back (причина возврата): a code of the edition's list, and words for this case."""

    code: Code
    text: str | None = Field(default=None, min_length=1, max_length=2000)


class Expediency(StrEnum):
    """The council's decision (решение о целесообразности): целесообразен, нецелесообразен, отложено."""

    EXPEDIENT = "expedient"
    NOT_EXPEDIENT = "not-expedient"
    POSTPONED = "postponed"


class Problem(Contract):
    """One thing that is wrong with an input: where (a JSON pointer into what was sent), which rule, in words,
    and whether the sender must fix it or may simply send the same again later."""

    pointer: str
    rule: str
    message: str
    message_ru: str
    action: Literal["fix", "retry"] = "fix"
