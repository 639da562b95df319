"""Value objects and code lists that events share: organisations, money, terms, verdicts, problems.

Codes that depend on the jurisdiction (sectors, money sources, return reasons) live in the rule editions;
here stand those that are the same everywhere. It is one thing, long as it is: what several files of the contracts
share stands nowhere else.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, JsonValue, StrictBool, StrictInt, ValidationInfo
from pydantic_core import PydanticCustomError

from .entered import YEARS, Count, Door, Entered
from .event import Contract, Day, Moment
from .forms import CODE, CURRENCY, DECIMAL, ITEM_ID, SCHEME
from .text import line, prose

Code = Annotated[str, Field(pattern=CODE, max_length=60)]
"""A code of a code list: lower-case words joined by hyphens."""

MinorUnits = Annotated[int, Count(0, 10**15)]
"""An amount of money in the smallest unit of its currency (kopecks, копейки); never a fraction."""

OriginKind = Literal["law", "assumption"]
"""Whether a value is found law (норма) or an assumption of this project (допущение)."""
Remedy = Literal["fix", "retry"]
"""What the sender of something faulty is to do: mend it, or send it again later."""
ProblemSeverity = Literal["block", "warn"]
"""Whether something is refused for what is wrong with it, or taken and told."""

UNSPECIFIED: Code = "unspecified"
"""What an older version did not say; never a guess."""


class Role(StrEnum):
    """Every role that a token can give. One who has several of those that a command asks for acts in the first of this
    order: агентство, офицер приёма, оператор экспертизы, эксперт, утверждающий, секретарь Совета, головная организация,
    секретарь комиссии, регистратор, аудитор, эксплуатация, администратор, внешняя система."""

    PUBLISHER = "publisher"
    OFFICER = "officer"
    OPERATOR = "operator"
    EXPERT = "expert"
    APPROVER = "approver"
    COUNCIL_SECRETARY = "council-secretary"
    HEAD_ORGANISATION = "head-organisation"
    COMMISSION_SECRETARY = "commission-secretary"
    REGISTRAR = "registrar"
    AUDITOR = "auditor"
    OPS = "ops"
    ADMIN = "admin"
    SUBSCRIBER = "subscriber"


ROLES: Final = tuple(Role)
"""All of them, in that order."""


class Hiding(Contract):
    """From whom a pilot is hidden for a conflict of interest (конфликт интересов), a person by opaque id; `hidden`
    False: it is shown to that person again. `by_entry`: the person's entry in the directory of experts says so alone,
    before there is a case in which the expertise could."""

    person_id: str
    hidden: bool
    by_entry: bool = False


class Scope(StrEnum):
    """What a key of an agency opens: publishing, trying what would come of it, its own receipts, its own applications,
    its own webhooks, what the register shows its agency, and having the changes of that sent to webhooks."""

    PUBLISH = "publish"
    VALIDATE = "validate"
    RECEIPTS = "receipts"
    APPLICATIONS = "applications"
    WEBHOOKS = "webhooks"
    REGISTER = "register"
    CHANGES = "changes"


class KeyEnding(Contract):
    """What of a key of an agency says that it opens nothing more: it is good until it ends or is revoked."""

    until: Moment | None = None
    revoked: Moment | None = None

    def good(self, now: datetime) -> bool:
        """Whether it opens anything at this moment."""
        return self.revoked is None and (self.until is None or now < self.until)


class OrganisationId(Contract):
    """An organisation by a number that a named scheme gives it, e.g. `BY-UNP` (УНП) and `790000029`."""

    scheme: str = Field(pattern=SCHEME, max_length=40)
    value: Annotated[str, Field(min_length=1, max_length=60), line()]


class Party(Contract):
    """An organisation with a part in the pilot (участник): its id, and its name where it is known."""

    id: OrganisationId
    name: Annotated[str, Field(min_length=1, max_length=300), line()] | None = None


class Money(Contract):
    """An amount in one currency."""

    amount_minor: MinorUnits
    currency: str = Field(pattern=CURRENCY)


class CostLine(Money):
    """A part of the cost: from which source, in which year (None where it was not said), how much."""

    source: Code
    year: Annotated[int, Count(YEARS[0], YEARS[-1])] | None = None


class Procedure(StrEnum):
    """By which procedure an application goes: a pilot (пилотный проект), the credit of a product that is in use
    already (зачёт), or the replication of a proven case (тиражирование). The last two are switches of the edition."""

    PILOT = "pilot"
    CREDIT = "credit"
    REPLICATION = "replication"


WHOLE: Final = 10_000
"""All of something, in basis points (сотые доли процента)."""


class SectorShare(Contract):
    """A sector's share of a pilot in basis points; the shares of a pilot sum to 10,000 (доля отрасли)."""

    sector: Code
    basis_points: Annotated[int, Count(1, WHOLE)]


class ApplicationBase(Contract):
    """What every version of an application says (заявка), without personal data.

    `initiator` (инициатор) applies, `customer` (заказчик) is the state side, `executor` (исполнитель) is whom the
    application proposes to carry it out. Dates are calendar days in the zone of the edition.
    """

    title: Annotated[str, line(300)]
    problem: Annotated[str, prose(8000)]
    solution: Annotated[str, prose(8000)]
    sector: Code
    initiator: Party
    customer: Party
    executor: Party | None = None
    territory: Annotated[str | None, line(300)] = None
    planned_start: Day | None = None
    planned_end: Day | None = None
    expected_effect: Annotated[str | None, prose(8000)] = None
    own_number: Annotated[str | None, line(60)] = None


class Application(ApplicationBase):
    """What is asked for (заявка), without personal data: the form in which facts carry it.

    `participants` are other organisations that took part in preparing it. `replicates` names the case that a
    replication copies and `adaptation` what is changed for it, `evidence` what a credit rests on. `sector_shares`
    split a pilot that touches several sectors; none: it is all of `sector`. `office` is the project office (отраслевой
    офис цифровизации) that looks after it.
    """

    costs: Annotated[tuple[CostLine, ...], Entered(most=100)] = ()
    procedure: Procedure = Procedure.PILOT
    replicates: Annotated[str | None, line(128)] = None
    evidence: Annotated[str | None, prose(8000)] = None
    participants: Annotated[tuple[Party, ...], Entered(most=50)] = ()
    region: Code | None = None
    office: Code | None = None
    sector_shares: Annotated[tuple[SectorShare, ...], Entered(most=20)] = ()
    adaptation: Annotated[str | None, prose(8000)] = None


class TermUnit(StrEnum):
    """What a term is counted in: working days (рабочие дни) or calendar days (календарные дни)."""

    WORKING_DAYS = "working-days"
    CALENDAR_DAYS = "calendar-days"


class TermKind(StrEnum):
    """The terms (сроки) of the procedure, by the names that editions and facts give them: рассмотрение, устранение
    замечаний, ответ на запрос сведений, экспертиза (первая, повторная, тиражирования, зачёта), обжалование, решение
    Совета, соглашение, начало реализации, реализация, отчёт, приостановление, предложения об эффективности, оценка,
    решение о тиражировании."""

    LOOK_OVER = "look-over"
    FIXING_REMARKS = "fixing-remarks"
    CLARIFICATION = "clarification"
    EXPERTISE = "expertise"
    REPEAT_EXPERTISE = "repeat-expertise"
    REPLICATION_EXPERTISE = "replication-expertise"
    CREDIT_EXPERTISE = "credit-expertise"
    APPEAL = "appeal"
    COUNCIL_ALARM = "council-alarm"
    AGREEMENT = "agreement"
    LAUNCH = "launch"
    CARRYING_OUT = "carrying-out"
    PROGRESS_REPORT = "progress-report"
    SUSPENSION = "suspension"
    EFFECTIVENESS_PROPOSAL = "effectiveness-proposal"
    JUDGEMENT = "judgement"
    SCALING_DECISION = "scaling-decision"


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
    origin: OriginKind


class Clock(Contract):
    """What a term comes to at the moment of a fact; counted again by every fact that touches the term.

    `due_at` is the first instant after its last day, `nearing_at` the instant of its first reminder, `alarm_at` when
    something must next be announced. All are None while the clock stands, and once the term has ended.
    """

    due_at: Moment | None = None
    nearing_at: Moment | None = None
    alarm_at: Moment | None = None


class Verdict(StrEnum):
    """What an expert or the operator concludes (заключение)."""

    POSITIVE = "positive"
    POSITIVE_WITH_REMARKS = "positive-with-remarks"
    NEGATIVE = "negative"


class Standing(StrEnum):
    """Whether a conclusion stands: действует, изменено по жалобе, отменено, заменено повторным заключением."""

    IN_FORCE = "in-force"
    REPLACED = "replaced"
    ANNULLED = "annulled"
    SUPERSEDED = "superseded"


class Severity(StrEnum):
    """How much a remark weighs: незначительное, существенное, критическое."""

    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


class Remark(Contract):
    """A remark (замечание) of an expert: its code, its words, how much it weighs, and whether it must be met."""

    code: Code
    text: Annotated[str, Field(min_length=1, max_length=4000), prose()]
    severity: Severity = Severity.MAJOR
    must_fix: StrictBool = False


class Met(Contract):
    """What an applicant did about a remark of the conclusion, by its place among the remarks (from 1)."""

    place: Annotated[int, Count(1, 1000)]
    text: Annotated[str, Field(min_length=1, max_length=4000), prose()]


ReopenableField = Literal[
    "title",
    "problem",
    "solution",
    "executor",
    "territory",
    "planned_start",
    "planned_end",
    "expected_effect",
    "costs",
    "own_number",
    "replicates",
    "evidence",
    "participants",
    "region",
    "office",
    "sector_shares",
    "adaptation",
]
"""The fields of an application that a request for information may open again. Who applies and for whom, the sector
and the procedure are not among them: with another one it is another application."""

ItemId = Annotated[str, Field(pattern=ITEM_ID)]


class RequestItem(Contract):
    """One thing asked of the applicant (пункт запроса); `field` is the application's field that it opens again."""

    id: ItemId
    text: Annotated[str, Field(min_length=1, max_length=4000), prose()]
    field: ReopenableField | None = None


class ItemAnswer(Contract):
    """An applicant's answer to one item; `value` is the new content of the item's field, in the form in which an
    application carries it. Without one the field stays as it was."""

    item: ItemId
    text: Annotated[str, Field(min_length=1, max_length=8000), prose()]
    value: JsonValue = None


class OnExpiry(StrEnum):
    """What happens when a request runs out unanswered, chosen when it is made: decide on what there is (решить по
    имеющемуся), return the application (вернуть), or refuse (отказать)."""

    DECIDE = "decide"
    RETURN = "return"
    REFUSE = "refuse"


class ReturnReason(Contract):
    """Why an application goes back (причина возврата): a code of the edition's list, and words for this case."""

    code: Code
    text: Annotated[str, Field(min_length=1, max_length=2000), prose()] | None = None


DecimalText = Annotated[str, Field(pattern=DECIMAL)]
"""A measured value as text, so that no digit is lost on the way."""


class Indicator(Contract):
    """What a pilot is measured by (показатель): from where (baseline) it is to get to where (target)."""

    code: Code
    title: Annotated[str, Field(min_length=1, max_length=300), line()]
    unit: Annotated[str, Field(min_length=1, max_length=60), line()]
    baseline: DecimalText
    target: DecimalText
    method: Annotated[str, Field(min_length=1, max_length=2000), prose()] | None = None


class IndicatorValue(Contract):
    """An indicator's value as it was measured on a day."""

    indicator: Code
    value: DecimalText
    measured: Day
    evidence: Annotated[str, Field(min_length=1, max_length=4000), prose()] | None = None


class Period(Contract):
    """The days that a report speaks of, both included."""

    since: Day
    until: Day


def _no_refund(amount: Any, info: ValidationInfo) -> Any:
    if isinstance(info.context, Door) and isinstance(amount, (int, float)) and amount < 0:
        raise PydanticCustomError("refund", "A payment is never negative")
    return amount


class Payment(Money):
    """Money that was paid (оплачено): from which source, of which budget year, when, by which document."""

    amount_minor: Annotated[MinorUnits, BeforeValidator(_no_refund)]
    source: Code
    year: Annotated[int, Count(YEARS[0], YEARS[-1])]
    paid: Day
    document: Annotated[str, Field(min_length=1, max_length=120), line()] | None = None


class Level(StrEnum):
    """How likely, or how grave, a risk is: низкая, средняя, высокая."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Risk(Contract):
    """A risk with its scenario (риск, сценарий): how likely, how grave, what is done about it, whose it is.

    The same `id` again replaces what was said before; `open` False: it has passed.
    """

    id: ItemId
    title: Annotated[str, Field(min_length=1, max_length=300), line()]
    scenario: Annotated[str, Field(min_length=1, max_length=4000), prose()]
    probability: Level
    impact: Level
    answer: Annotated[str, Field(min_length=1, max_length=4000), prose()]
    owner: OrganisationId
    open: StrictBool = True


class Effectiveness(StrEnum):
    """What a pilot is proposed, and judged, to be: эффективен, частично эффективен, неэффективен."""

    EFFECTIVE = "effective"
    PARTLY = "partly-effective"
    INEFFECTIVE = "ineffective"


class Expediency(StrEnum):
    """The council's decision (решение о целесообразности): целесообразен, нецелесообразен, отложено."""

    EXPEDIENT = "expedient"
    NOT_EXPEDIENT = "not-expedient"
    POSTPONED = "postponed"


class Problem(Contract):
    """One thing that is wrong with an input: where (a JSON pointer into what was sent), which rule, in words (English,
    Russian, and Belarusian where the writer knew it), and whether the sender must fix it or may send it again later.

    `severity`: `warn` is told of what is taken nevertheless, and refuses nothing."""

    pointer: str
    rule: str
    message: str
    message_ru: str
    message_be: str | None = None
    action: Remedy = "fix"
    severity: ProblemSeverity = "block"
