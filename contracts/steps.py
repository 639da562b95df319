"""What people enter and what executors report (шаги и отчёты): each said once.

A step is the HTTP body that brings it, a part of the fact that records it, and the entry that is stored:
`class EffectivenessJudgedV1(Judgement, Fact)`. Its bounds are asked when it is entered or sent (`contracts.entered`),
never when it is read again. It is one thing, long as it is: nothing that is entered stands anywhere else.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue, StrictBool

from .entered import Count, Entered
from .event import NO_IDS, Basis, Contract, Day, Moment, Personal
from .forms import CODE, EMAIL, OPAQUE_ID, PERSON
from .reference import (
    Code,
    CostLine,
    Effectiveness,
    Expediency,
    Indicator,
    IndicatorValue,
    ItemAnswer,
    OnExpiry,
    OrganisationId,
    Party,
    Payment,
    Period,
    Remark,
    RequestItem,
    ReturnReason,
    Risk,
    Scope,
    SectorShare,
    Verdict,
)
from .text import line, prose

Why = Annotated[str, prose(4_000)]
Words = Annotated[str, prose(20_000)]
OpaqueId = Annotated[str, line(pattern=OPAQUE_ID, exact=True)]
"""An opaque id, never a name: no word of a language fits."""
Persons = Annotated[tuple[OpaqueId, ...], Entered(least=1, most=100)]


class Step(Contract):
    """Something that a person enters, or an executor reports."""


class Reason(Step):
    """Why it is done."""

    why: Why


# ---- what executors report while a pilot is carried out


class Progress(Step):
    """The course of a pilot in a period (отчёт о ходе реализации)."""

    period: Period
    summary: Annotated[str, prose(8000)]
    values: Annotated[tuple[IndicatorValue, ...], Entered(most=100)] = ()


class Spending(Step):
    """Money that was paid since the report before (отчёт о расходах)."""

    payments: Annotated[tuple[Payment, ...], Entered(least=1, most=200)]


class Risks(Step):
    """Risks, new or as they stand now (отчёт о рисках)."""

    risks: Annotated[tuple[Risk, ...], Entered(least=1, most=100)]


class Results(Step):
    """Measured results (отчёт о результатах)."""

    values: Annotated[tuple[IndicatorValue, ...], Entered(least=1, most=100)]


class Completion(Step):
    """Carrying out is finished (отчёт о завершении), with the last results. `finished`: its last day."""

    finished: Day
    summary: Annotated[str, prose(8000)]
    values: Annotated[tuple[IndicatorValue, ...], Entered(most=100)] = ()


Report = Progress | Spending | Risks | Results | Completion
"""All that executors report."""


# ---- what applicants send about their application, and what officers decide on it


class Answers(Step):
    """Answers to a request for information (ответ на запрос): to all of its items, or to some."""

    request: Annotated[str, line(60)]
    answers: Annotated[tuple[ItemAnswer, ...], Entered(least=1, most=100)]


class Withdrawal(Step):
    """The applicant takes the application back (отзыв заявки)."""

    reason: Annotated[str, prose(4000)]


class ApplicationReturn(Step):
    """An officer sends the application back (возврат), with coded reasons of the edition."""

    reasons: Annotated[tuple[ReturnReason, ...], Entered(least=1, most=50)]


class ApplicationStop(Step):
    """An officer stops the procedure on a document (прекращение), e.g. the initiator was dissolved."""

    reason: Annotated[str, prose(4000)]
    basis: Basis


# ---- the directory of agencies


class EditionFrom(Contract):
    """Which rule edition holds for an agency's applications from a day on (a day in the edition's zone)."""

    edition: Annotated[str, line(60)]
    since: Day


class Quota(Contract):
    """How much of the agencies' door one agency may have in a minute: events, and bytes of their bodies."""

    events_a_minute: Annotated[int, Count(1, 1_000_000)]
    bytes_a_minute: Annotated[int, Count(1024, 10_000_000_000)]


class AgencyEntry(Step):
    """An agency's entry (справочник ведомств): what it is called, in its own language and, where that is another, in
    Russian, Belarusian and English; by which number it is known (УНП); who is asked there, by office and never by name;
    which rule edition holds for it since when; from which day to which it may publish; its own quota, where it has
    one."""

    name: Annotated[str, line(300)]
    editions: Annotated[tuple[EditionFrom, ...], Entered(least=1, most=50)]
    name_ru: Annotated[str, line(300)] | None = None
    name_be: Annotated[str, line(300)] | None = None
    name_en: Annotated[str, line(300)] | None = None
    organisation: OrganisationId | None = None
    contact_role: Annotated[str, line(200)] | None = None
    active_from: Day | None = None
    active_to: Day | None = None
    quota: Quota | None = None


class AgencyDisabling(Reason):
    """An agency is cut off at both doors, and why (отключить ведомство)."""


class AgencyEnabling(Reason):
    """An agency that was cut off is let in again, and why (включить ведомство)."""


class KeyOrder(Step):
    """A key for an agency's programs (ключ): where it is used, what it opens, and until when, if not for good."""

    label: Annotated[str, line(100)]
    scopes: Annotated[tuple[Scope, ...], Entered(least=1, most=len(Scope))]
    until: Moment | None = None


class KeyRotation(Step):
    """A new key takes the place of another, which is good for so many hours more (a setting, where it is not said)."""

    overlap_hours: Annotated[int, Count(0, 24 * 90)] | None = None


class KeyRevocation(Reason):
    """A key opens nothing more, and why (отозвать ключ)."""


# ---- the expertise: who works on a case

MOST_PERSON: Final = 120
PersonId = Annotated[str, line(MOST_PERSON, pattern=PERSON, never=NO_IDS)]
"""An opaque id of a person."""
EnteredCode = Annotated[str, line(60, pattern=CODE)]
"""A code of a code list, where facts in the field may say any text."""


class Assignment(Step):
    """Which expert is assigned."""

    expert_id: PersonId


class Handover(Reason):
    """To whom an expert's assignment goes, and why (передача)."""

    to: PersonId


class HandoverOf(Reason):
    """Why an expert's work is handed over, and to whom; without `to`, to whomever of the directory it fits best."""

    to: Annotated[tuple[PersonId, ...], Entered(least=1, most=100)] | None = None


class DeclaredConflict(Step):
    """A conflict of interest in words (объявленный конфликт); without `expert_id` it is the own one of who says so."""

    expert_id: PersonId | None = None
    text: Why


class TermExtension(Reason):
    """Which term is extended, and why (продление срока)."""

    term: Code


# ---- the expertise: what is said on a case


class CriterionValue(Contract):
    """What is proposed or judged by one criterion of effectiveness (критерий эффективности)."""

    criterion: Code
    value: Annotated[int, Count()]
    reason: Annotated[str, Field(min_length=1, max_length=4000), prose()]


class Score(CriterionValue):
    """A value on the scale of a criterion of the edition, and why (оценка и её обоснование)."""


class ReasonedVerdict(Step):
    """A verdict in words, with remarks (вывод и замечания)."""

    verdict: Verdict
    text: Words
    remarks: Annotated[tuple[Remark, ...], Entered(most=200)] = ()


class Opinion(ReasonedVerdict):
    """An expert's opinion (мнение эксперта); a changed one says why."""

    scores: Annotated[tuple[Score, ...], Entered(most=100)] = ()
    why_changed: Why | None = None


class Question(Step):
    """What is asked of the applicant (запрос сведений), and what happens if nothing is answered."""

    items: Annotated[tuple[RequestItem, ...], Entered(least=1, most=50)]
    on_expiry: OnExpiry


class Ending(Step):
    """Why a review ends without a conclusion: coded reasons, and words."""

    reasons: Annotated[tuple[ReturnReason, ...], Entered(least=1, most=50)]
    text: Words | None = None


class EarlierRemark(Contract):
    """Whether a remark of the conclusion before was met, by its place there (from 1), with a word why."""

    place: Annotated[int, Count(1, 1000)]
    met: StrictBool
    text: Annotated[str | None, Field(min_length=1, max_length=4000), prose()] = None


class WrittenConclusion(ReasonedVerdict):
    """A conclusion as it is written (проект заключения); in a repeat it judges every remark of the one before."""

    earlier_remarks: Annotated[tuple[EarlierRemark, ...], Entered(most=200)] = ()


class Concluded(Contract):
    """In which round, and on which day in the zone of the edition, a conclusion was made. `replaces` is the number of
    the one that it amends after an appeal."""

    round: int
    date: Day
    replaces: str | None = None


class Conclusion(Concluded, ReasonedVerdict):
    """A conclusion in force as others know it."""

    number: str


class Appeal(Step):
    """On which grounds and which document an appeal rests (жалоба)."""

    grounds: Words
    basis: Basis


class AppealOutcome(StrEnum):
    """What an appeal ends in: оставлено в силе, изменено, отменено."""

    UPHELD = "upheld"
    AMENDED = "amended"
    ANNULLED = "annulled"


class AppealRuling(Reason):
    """What an appeal ends in, why, and by which document (решение по жалобе)."""

    outcome: AppealOutcome
    basis: Basis


class AppealDecision(AppealRuling):
    """A ruling on an appeal; an amendment carries the new conclusion."""

    amended: WrittenConclusion | None = None


# ---- the expertise: the directory


class Absence(Contract):
    """When an expert is away, both days included (отсутствие); days in the zone of the edition."""

    since: Day
    until: Day


Organisations = Annotated[tuple[OrganisationId, ...], Entered(most=200)]


class Ties(Step):
    """Where an expert comes from, with which organisations a group is formed, in which there is an interest."""

    organisation: OrganisationId
    affiliated: Organisations = ()
    interests: Organisations = ()


class ExpertEntry(Ties):
    """An expert's entry (база экспертов): in what competent, how much at once, when away. Nothing names a person.

    `affiliated` are organisations of one group with the expert's own, `interests` those in which the expert declares
    an interest; `competences` are sectors; `capacity` is how many reviews may be open at once.
    """

    edition: EnteredCode
    competences: Annotated[tuple[Code, ...], Entered(least=1, most=100)]
    capacity: Annotated[int, Count(), Entered(most=1000)]
    absences: Annotated[tuple[Absence, ...], Entered(most=200)] = ()
    active: StrictBool = True


class TeamEntry(Step):
    """A team of operators (группа): its name, its members, and the sectors whose unclaimed cases it looks after."""

    name: Annotated[str, line(300)]
    members: Annotated[tuple[PersonId, ...], Entered(most=500)]
    sectors: Annotated[tuple[Code, ...], Entered(most=100)] = ()


class Person(Step):
    """A person's name, and where notices go. Every field is personal data: it never enters a fact."""

    name: Annotated[str, Personal("name"), Field(min_length=1, max_length=200), line()]
    email: Annotated[str | None, Personal("e-mail"), Field(max_length=200), line(pattern=EMAIL)] = None
    phone: Annotated[str | None, Personal("telephone"), Field(max_length=40), line()] = None


class Erasure(Step):
    """Somebody asks that a person's data is erased (удаление персональных данных). `basis` None: the person asks."""

    basis: Basis | None = None


class ErasedPerson(Erasure):
    """Whose data was erased, and when; None: by an earlier program."""

    person_id: PersonId
    at: Moment | None = None


class RecordAction(StrEnum):
    """What is done with parked records by hand: they are fed again (поданы снова); a change of one, or that one is
    discarded, is proposed (предложено), then approved by a second person (утверждено) or declined (отклонено)."""

    REDRIVEN = "redriven"
    EDIT_PROPOSED = "edit-proposed"
    DISCARD_PROPOSED = "discard-proposed"
    EDIT_APPROVED = "edit-approved"
    DISCARD_APPROVED = "discard-approved"
    DECLINED = "declined"


class RecordHandling(Contract):
    """What somebody who runs a service did with records that it set aside. `records` are where they stand; of a change
    the fingerprints of what stood there and of what shall, never the content."""

    action: RecordAction
    records: tuple[str, ...]
    why: str | None = None
    was: str | None = None
    becomes: str | None = None


class RecordSkipping(Contract):
    """Who runs a service has it pass over a record at which its reader of a partition stands still (запись
    пропускается). `record` is where it stands: `topic/partition/offset`."""

    record: str
    why: str


# ---- what officials enter in the register: each on a document, each in its order


class ExpediencyDecision(Step):
    """The Council's decision on expediency (решение Совета о целесообразности)."""

    decision: Expediency
    basis: Basis


class CreditDecision(Step):
    """Whether a product in use counts as a pilot (зачёт), and on which evidence."""

    granted: StrictBool
    evidence: Words
    basis: Basis


class Agreement(Contract):
    """What executor and customer agreed on (соглашение): programme, indicators, term, money by source and year.

    `until` is the last day of carrying out. `sector_shares` sum to 10,000 basis points; none: all of the sector.
    """

    customer: Party
    executor: Party
    programme: Annotated[str, Field(min_length=1, max_length=20_000), prose()]
    starts: Day
    until: Day
    indicators: tuple[Indicator, ...] = Field(min_length=1, max_length=100)
    costs: tuple[CostLine, ...] = Field(default=(), max_length=200)
    sector_shares: tuple[SectorShare, ...] = Field(default=(), max_length=20)
    region: Code | None = None


class AgreementEntry(Step):
    """What executor and customer agreed on, and the agreement's own number and date (соглашение внесено)."""

    agreement: Agreement
    basis: Basis


class AgreementFailure(Step):
    """Why executor and customer did not agree, and the document that says so (соглашение не достигнуто)."""

    why: Why
    basis: Basis


class Launch(Step):
    """The first day of carrying out and the document it rests on (начало реализации)."""

    started: Day
    basis: Basis


class PilotSuspension(Step):
    """Since when carrying out stands still, and why (реализация приостановлена)."""

    since: Day
    why: Why
    basis: Basis


class PilotResumption(Step):
    """Since when carrying out goes on (реализация возобновлена)."""

    since: Day
    basis: Basis


class PilotExtension(Step):
    """The new last day of carrying out, and why (срок реализации продлён)."""

    until: Day
    why: Why
    basis: Basis


class EarlyStop(Step):
    """On which day carrying out was stopped for good, and why (реализация прекращена досрочно)."""

    stopped: Day
    why: Why
    basis: Basis


class Commission(Step):
    """Whom the head organisation named for the pilot's commission (состав комиссии): opaque ids, never names."""

    members: Persons
    secretary: OpaqueId
    basis: Basis


class Assessment(Step):
    """What a pilot is found to be, criterion by criterion (оценка эффективности)."""

    outcome: Effectiveness
    text: Words
    values: Annotated[tuple[CriterionValue, ...], Entered(most=100)]
    basis: Basis


class Proposal(Assessment):
    """The head organisation's information and proposal on effectiveness (предложение об эффективности)."""


class Votes(Contract):
    """How a body voted (голосование)."""

    in_favour: Annotated[int, Count(0, 1000)]
    against: Annotated[int, Count(0, 1000)]
    abstained: Annotated[int, Count(0, 1000)]


class Judgement(Assessment):
    """The commission's judgement: who was present, how they voted; the document is its minutes (протокол комиссии)."""

    present: Persons
    votes: Votes


class Scaling(StrEnum):
    """What is decided on scaling: тиражировать, не тиражировать, только в каталог."""

    SCALE = "scale"
    DO_NOT_SCALE = "do-not-scale"
    CATALOGUE_ONLY = "catalogue-only"


class FundingWindow(Contract):
    """When a source takes applications for money (окно финансирования), both days included."""

    source: Code
    opens: Day
    closes: Day


class ReplicaPlan(Contract):
    """Where a scaled pilot is to be copied (тиражирование): for which customer, in which region."""

    customer: Party
    region: Code | None = None
    note: Annotated[str, Field(min_length=1, max_length=2000), prose()] | None = None


class ScalingDecision(Step):
    """A body's decision on scaling (решение о тиражировании): evidence, conditions, money, the replicas it leads to."""

    decision: Scaling
    evidence: Words
    conditions: Words | None = None
    windows: Annotated[tuple[FundingWindow, ...], Entered(most=50)] = ()
    replicas: Annotated[tuple[ReplicaPlan, ...], Entered(most=200)] = ()
    basis: Basis


class Correctable(StrEnum):
    """What a correction may speak of: entries of people that state a document or numbers."""

    EXPEDIENCY = "expediency"
    AGREEMENT = "agreement"
    CREDIT = "credit"
    LAUNCH = "launch"
    SPENDING = "spending"
    SUSPENSION = "suspension"
    EXTENSION = "extension"
    ENDING = "ending"
    COMMISSION = "commission"
    PROPOSAL = "proposal"
    JUDGEMENT = "judgement"
    SCALING = "scaling"


class Corrected(Step):
    """Which entry was wrong (`place` counts entries of the kind from 1), why, and on which document."""

    what: Correctable
    place: int
    reason: Why
    basis: Basis


class Correction(Corrected):
    """A correction (исправление), and what the entry should have said: all of it."""

    place: Annotated[int, Count(1, 100_000)] = 1
    content: dict[str, JsonValue]


# ---- what is taken out of the register


class TakenList(Step):
    """Which list somebody takes out of the register (выгрузка), cut down by which filters, as which kind of file, in
    which language (of a workbook), and what for."""

    list: str
    filters: dict[str, str]
    format: str
    language: Literal["ru", "be", "en"] = "ru"
    why: Annotated[str, prose(1000, least=3), Field(description="What the list is for: it stands in the register")]


class ListMade(Contract):
    """What came of a list that was asked for: so many rows, a file of so many bytes with this digest, or why not."""

    rows: int
    bytes: int
    digest: str | None
    failed: str | None = None
