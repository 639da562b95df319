"""What the expertise answers, for its document alone: answers are made by `cards.py`, `rows.py` and the routes, and go
out as they are.

The tests hold every answer to these models. The file is long and one thing: all that the expertise says.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.event import Contract, Moment
from contracts.expertise import ExpertAssignedV1, PaperForm, ReviewKind
from contracts.reference import OrganisationId, Remark, TermUnit
from contracts.rules import Criterion
from contracts.steps import Absence, Person
from services.chassis.answers import part_of
from services.chassis.described import ProblemDocument, ToldProblem
from services.expertise.cards import NOT_SHOWN, TO_ALL
from services.expertise.domain.expert import Expert
from services.expertise.domain.export import List
from services.expertise.domain.parts import Conclusion, GivenOpinion, Place, Request
from services.expertise.domain.state import Case, Owed, Status
from services.expertise.domain.team import Team
from services.expertise.handlers import NoticeContent
from services.law.explanation import Explanation
from services.law.exporting import Format
from services.law.ledger import Ledger, Suspension

ETag = Annotated[str, Field(examples=['"7"'])]

# ---- lines of lists


class Due(Contract):
    """When something is due, and how it stands at this moment."""

    due_at: Moment | None
    nearing: bool
    breached: bool
    suspended: bool


class DueDebt(Owed, Due):
    """Something that is owed, by whom, and when it is due."""


class CaseLine(Due):
    """A line of a queue, with what is owed in the case.

    `left` are the days (in the `unit` of the term that bounds the work) that are left of it, below zero days of
    lateness; `stopped_since`: since when its clock stands. `needed` and `experts` are told to nobody who only judges
    the case.
    """

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    id: str
    etag: ETag
    number: str
    agency: str
    title: str
    sector: str
    status: Status
    kind: ReviewKind
    round: int
    opened: Moment
    operator: str | None
    left: int | None
    unit: TermUnit | None
    stopped_since: Moment | None
    owed: list[DueDebt]
    answers_due: Moment | None
    needed: int = 0
    experts: list[str] = []


class BoardLine(CaseLine):
    """A line of the board: of what is owed in the case, that which was asked for."""


class Burden(Contract):
    """How much an expert has in hand, and may have; `over` is what is too much."""

    id: str
    load: int
    capacity: int
    over: int


class ExpertLine(Contract):
    """A line of the directory of experts."""

    id: str
    etag: ETag
    organisation: OrganisationId
    competences: list[str]
    capacity: int
    absences: list[Absence]
    active: bool
    edition: str


class TeamLine(Team):
    """A line of the list of teams."""

    etag: ETag


class SaidNotice(NoticeContent):
    """What a notice says of its fact, as far as the fact says it; of a reason of the law itself, the words too."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    why_ru: str | None = None
    why_be: str | None = None
    why_en: str | None = None


class Notice(BaseModel):
    """A notice: which case, what happened, when, and when it was read."""

    id: str
    pilot: str
    kind: str = Field(examples=["assigned"])
    fact: str = Field(examples=[ExpertAssignedV1.TYPE])
    time: Moment
    what: SaidNotice
    by: str | None = None
    read: Moment | None
    number: str | None = None
    title: str | None = None


class Marked(Contract):
    """How many notices were marked as read."""

    marked: int


# ---- a case


class CriteriaOf(Contract):
    """The criteria by which opinions are given, and their scale."""

    scale_min: int
    scale_max: int
    entries: list[Criterion]


class ToldSuspension(Suspension):
    """A stop of the clock; of a reason of the law itself, the words too."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    why_ru: str | None = None
    why_be: str | None = None
    why_en: str | None = None


class ToldLedger(Ledger):
    """A term and all that happened to it."""

    suspensions: tuple[ToldSuspension, ...] = ()


class CaseTerm(Due):
    """A term of a case with its clock, and the days that are left of it."""

    kind: str
    open: bool
    nearing_at: Moment | None
    left: int
    ledger: ToldLedger


AskedRequest: Final[Any] = part_of(
    "AskedRequest",
    Request,
    Request.model_fields,
    description="A request for information, with the items that nobody has answered.",
    open_items=list[str],
)


class EarlierRemark(Remark):
    """A remark of the conclusion before, what the applicant said to have done about it, and whether it was met."""

    place: int
    said: str | None
    met: bool | None
    why: str | None


COMMON: Final[dict[str, Any]] = {
    "id": str,
    "version": int,
    "criteria": CriteriaOf,
    "terms": list[CaseTerm],
    "requests": list[AskedRequest],
    "earlier_remarks": list[EarlierRemark],
}
"""What every card of a case says beside the state."""


class OthersOpinions(Contract):
    """The opinions of another expert, without a name."""

    opinions: list[GivenOpinion]


OwnPlace: Final[Any] = part_of(
    "OwnPlace",
    Place,
    ("status", "assigned", "opinions"),
    description="The caller's own assignment, with the opinions given.",
)
BlindConclusion: Final[Any] = part_of(
    "BlindConclusion",
    Conclusion,
    (name for name in Conclusion.model_fields if name != "judges"),
    description="A conclusion, without who judged.",
)
OperatorCard: Final = part_of(
    "OperatorCard",
    Case,
    (name for name in (*Case.model_fields, *Case.model_computed_fields) if name not in NOT_SHOWN),
    description="A whole case, as operators, approvers and auditors see it (карточка дела).",
    **COMMON,
    persons=dict[str, str],
)
ExpertCard: Final = part_of(
    "ExpertCard",
    Case,
    TO_ALL,
    description="A case as one of its experts sees it: blind until all opinions are in.",
    **COMMON,
    conclusions=list[BlindConclusion],
    owed=list[Owed],
    place=OwnPlace | None,
    blind=bool,
    others=list[OthersOpinions],
)


class CaseClock(Explanation):
    """How the numbers of a case's term come about, and who is named there."""

    number: str
    title: str
    persons: dict[str, str]


class Counted(Contract):
    """How many cases stand in a queue; where it is not `exact`, there are more."""

    count: int
    exact: bool


class Proposal(Contract):
    """An expert for a case. `against` are the rules by which an assignment would be refused now, `reasons` and
    `conflicts` say them in words."""

    expert_id: str
    free: bool
    competent: bool
    load: int
    capacity: int
    against: list[str]
    reasons: list[ToldProblem]
    conflicts: list[ToldProblem]


class Proposals(Contract):
    """Experts for a case, the best first; `more` of them fit no more, `whole`: all active ones were looked at."""

    items: list[Proposal]
    more: int
    whole: bool
    persons: dict[str, str]


class LaidPaper(Contract):
    """The paper that was put back."""

    number: str
    form: PaperForm


# ---- the directory, and many cases at once


class KnownExpert(
    part_of("AnEntry", Expert, Expert.model_fields, description="An expert's entry as it stands.")  # type: ignore[misc]
):
    """An expert's entry with the load. `person` is there for operators, and null where nothing is kept."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    id: str
    load: int
    person: Person | None = None


class CaseDone(BaseModel):
    """What was done with one case of many."""

    pilot: str
    done: Literal[True]
    version: int
    etag: ETag
    replayed: bool


class CaseNotDone(BaseModel):
    """Why nothing was done with one case of many."""

    pilot: str
    done: Literal[False]
    problem: ProblemDocument


class Assigned(BaseModel):
    """An answer for each case."""

    items: list[CaseDone | CaseNotDone]


class Moved(BaseModel):
    """A case that went to another expert."""

    to: str
    pilot: str
    version: int
    etag: ETag
    replayed: bool


class Stayed(BaseModel):
    """A case that stayed, and why: a problem, or how many experts each rule bars."""

    pilot: str
    why: str
    problem: ProblemDocument | None = None
    against: dict[str, int] | None = None


class HandedOver(BaseModel):
    """Where each case went; `more`: there are further ones."""

    moved: list[Moved]
    stayed: list[Stayed]
    more: bool


# ---- lists that are taken out


class TakenCases(Contract):
    """Who took the list of cases, when, in which role, and why. Why another took it is not told to who is in conflict
    over a case: the words may name it."""

    id: str
    list: List
    filters: dict[str, str]
    format: Format
    language: str
    why: str | None
    asked: Moment
    by: str
    role: str
    organisation: str | None


class CasesExport(TakenCases):
    """How far a list is; `file` is where it is fetched, and `kept_until` till when."""

    bytes: int
    digest: str | None
    failed: str | None
    state: Literal["open", "ready", "failed", "gone"]
    rows: int
    kept_until: Moment | None
    file: str | None
