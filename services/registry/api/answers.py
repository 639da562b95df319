"""What the register answers, for its document alone: answers are made by `views.py` and go out as they are.

The tests hold every answer to these models. The file is long and one thing: all that the register says.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeVar, Union

from pydantic import BaseModel, ConfigDict, Field, create_model

from contracts.event import Basis, Contract, Day, Fact, Moment
from contracts.reference import Indicator, Party, Risk, SectorShare
from contracts.registry import REGISTRY, PilotEnteredV1
from contracts.steps import ReplicaPlan
from services.chassis.answers import AsItIs, Count, Named, Page
from services.law.explanation import Explanation
from services.law.exporting import Format
from services.registry import views
from services.registry.domain.export import List
from services.registry.domain.money import MoneyStage
from services.registry.domain.stages import Stage
from services.registry.domain.state import Pilot, Replica
from services.registry.feed import Changes
from services.registry.figures.questions import RESULTS, SCALED, Axis
from services.registry.forms import form
from services.registry.handlers import BESIDE

T = TypeVar("T", bound=BaseModel)


class Counted(Page[Any]):
    """A part of a list, and how long it is in all where that was asked."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    count: Count | None = None


class Found(Page[Any]):
    """A part of what was found, how much there is in all, and whether the index knows every fact but the newest."""

    count: Count
    complete: bool


def _of(name: str, base: type[T], *kinds: type[BaseModel]) -> type[T]:
    """An answer whose `items` are of one of these kinds."""
    items: Any = Annotated[Union[kinds], AsItIs()]  # noqa: UP007
    found = create_model(name, __base__=base, __doc__=base.__doc__, items=(list[items], ...))
    return found


def _with(name: str, base: type[BaseModel], **more: Any) -> type[BaseModel]:
    """A form with more fields, each with its type."""
    made = {field: (kind, ...) for field, kind in more.items()}
    return create_model(name, __base__=base, __doc__=base.__doc__, **made)  # type: ignore[call-overload, no-any-return]


# ---- pilots: lists and cards

PilotLine: Final = form("PilotLine", views.PILOT, Pilot, listed=True, made=True)
PublicPilotLine: Final = form("PublicPilotLine", views.PILOT, Pilot, listed=True, public=True, made=True)
PublicPilotCard: Final = form("PublicPilotCard", views.PILOT, Pilot, public=True, made=True)


class TitledReplica(Replica):
    """A pilot that copies this one, by its title, and how it was judged in the end."""

    title: str | None


class PilotCard(form("WholePilot", views.PILOT, Pilot, made=True)):  # type: ignore[misc]
    """A pilot as the register shows it inside the house; to its agency without its version."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)
    persons: dict[str, str]
    replicas: list[TitledReplica]
    version: int = 0


PilotCard.model_rebuild(force=True)
PilotCardThen: Final = _with("PilotCardThen", PilotCard, as_of=Moment)
PublicPilotCardThen: Final = _with("PublicPilotCardThen", PublicPilotCard, as_of=Moment)


class PilotThen(Contract):
    """A line of the list as of a moment: stage and sector as they were then, and since when."""

    id: str
    number: str
    title: str
    agency: str
    stage: Stage | None
    sector: str | None
    since: Moment | None
    entered: Moment


Pilots: Final = _of("Pilots", Counted, PilotLine, PublicPilotLine, PilotThen)
PublicPilots: Final = _of("PublicPilots", Page[Any], PublicPilotLine)
PublicReplicas: Final = _with("PublicReplicas", PublicPilots, parent=PublicPilotLine | None, complete=bool)
FoundPilots: Final = _of("FoundPilots", Found, PilotLine, PublicPilotLine)
FoundPublicPilots: Final = _of("FoundPublicPilots", Found, PublicPilotLine)


class PilotClock(Explanation):
    """How the numbers of a pilot's term come about, and who is named there."""

    number: str
    title: str
    persons: dict[str, str]


class RisksOf(Contract):
    """The risks of a pilot, as they were said last."""

    items: list[Risk]


class ShownValue(BaseModel):
    """A measured value; `evidence` is not told to the public."""

    indicator: str
    value: str
    measured: Day
    evidence: str | None = None


class IndicatorResult(Indicator):
    """An agreed indicator with its last value, the share of the way in percent, and all its values."""

    last: str | None
    percent: int | None
    measured: Day | None
    reached: bool | None
    values: list[ShownValue]


class ResultsOf(Contract):
    """The agreed indicators of a pilot; `others` are values of what is not agreed on (any more)."""

    items: list[IndicatorResult]
    others: list[ShownValue]


class NamedPilot(Contract):
    """A pilot by what people call it; nothing is known where it is not in the register."""

    pilot: str | None
    number: str | None
    title: str | None
    stage: Stage | None


class KnownPerson(Contract):
    """Somebody who is known by name, for those who name commissions. Personal data."""

    id: str
    name: str


class Parent(NamedPilot):
    """The pilot that another one copies, as the application of that one names it."""

    named: str


class Copy(Replica):
    """A pilot that copies another one, and how it came out."""

    title: str | None
    stage: Stage | None


class ReplicasOf(Contract):
    """What copies a pilot, which pilot it copies itself, and what the decision on scaling plans."""

    parent: Parent | None
    items: list[Copy]
    planned: list[ReplicaPlan]


# ---- the timeline, and the feed of changes


class TimelineActor(Contract):
    """Who acted: an opaque id, for which organisation, in which role."""

    id: str
    organisation: str | None
    role: str


class Change(BaseModel):
    """What a field of the card was and is; of lists the entries that the other has not. `cut`: there is more."""

    before: Any
    after: Any
    cut: bool | None = None


def _said(cls: type[Fact]) -> type[BaseModel]:
    """What a fact says beside what every fact says; of one that is older what came later is missing."""
    fields: dict[str, Any] = {
        name: (field.annotation, ... if field.is_required() else None)
        for name, field in cls.model_fields.items()
        if name not in BESIDE
    }
    if "why" in fields:  # in words, where it is a reason of the law itself
        fields |= dict.fromkeys(("why_ru", "why_be", "why_en"), (str | None, None))
    return create_model(f"{cls.__name__.removesuffix('V1')}Said", __doc__=cls.__doc__, **fields)


class OtherSaid(BaseModel):
    """What a fact says that this program does not know, and of one of a conflict of interest that there was one."""

    model_config = ConfigDict(extra="allow")


FactSaid: Final[Any] = Union[(*(_said(cls) for cls in REGISTRY.classes.values()), OtherSaid)]
"""What a fact of the register says (`type` says which it is); another program may have written a newer one."""
PublicSaid: Final[Any] = Union[  # noqa: UP007
    tuple(
        form(
            f"Public{REGISTRY.classes[name].__name__.removesuffix('V1')}",
            table,
            REGISTRY.classes[name],
            public=True,
            stored=True,
        )
        for name, table in views.PUBLIC_FACTS.items()
    )
]


class PublicEntry(Contract):
    """An entry of the timeline as the public sees it: what, when, on which basis."""

    type: str = Field(examples=[PilotEnteredV1.TYPE])
    date: Day
    basis: Basis | None
    what: PublicSaid


class Entry(BaseModel):
    """An entry of the timeline: who, when, what, on which basis, and by what it was caused. `changed` says what it
    changed on the card, where that was asked."""

    sequence: int | None = None
    time: Moment
    type: str = Field(examples=[PilotEnteredV1.TYPE])
    date: Day
    event: str
    actor: TimelineActor | None
    basis: Basis | None
    correlation: str | None
    trace: str | None
    what: FactSaid
    changed: dict[str, Change] | None = None


class ChangedEntry(Entry):
    """An entry of the feed: of which pilot, and what people call it."""

    subject: str
    number: str | None = None
    title: str | None = None


class PublicChangedEntry(PublicEntry):
    """The same as the public sees it."""

    subject: str
    event: str
    number: str | None = None
    title: str | None = None


class Told(Named[Any]):
    """A part of a timeline. `complete` stands where it was asked what each entry changed: whether that is told. It is
    not where the timeline lacks facts up to here, or has some that cannot be read; the operators are told of that."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    next: str | None
    persons: dict[str, str]
    complete: bool | None = None


Timeline: Final = _of("Timeline", Told, Entry, PublicEntry)
PublicTimeline: Final = _of("PublicTimeline", Page[Any], PublicEntry)
ToldChanges: Final = _of("ToldChanges", Changes, ChangedEntry, PublicChangedEntry)

# ---- finding


class FacetCount(Contract):
    """How many hits have a value. `name` is what an agency is called by the newest of them; of other facets the
    editions say it."""

    value: str
    count: int
    name: str | None = None


class InCommon(Contract):
    """What two pilots have in common: words that tell most, organisations, sector, region."""

    words: list[str]
    organisations: list[Party]
    sector: str | None
    region: str | None


class Likes(BaseModel):
    """Pilots that are like another, the nearest first, each with what they have in common."""

    items: list[dict[str, Any]]
    complete: bool


LikePilot: Final = _with("LikePilot", PilotLine, score=float, common=InCommon)
LikePublicPilot: Final = _with("LikePublicPilot", PublicPilotLine, score=float, common=InCommon)
LikePilots: Final = _of("LikePilots", Likes, LikePilot, LikePublicPilot)

# ---- lists taken out

ExportState = Literal["open", "ready", "done", "failed", "gone"]


class CalledPilot(Contract):
    """What people call a pilot."""

    number: str
    title: str


class TakenExport(Contract):
    """A list that somebody took: which, by what it was cut down, when, and, not told of another's list to who is in
    conflict over a pilot, why, and how many rows and bytes it had. `pilot` is the one whose list it is."""

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
    bytes: int | None
    digest: str | None
    failed: str | None
    state: ExportState
    rows: int | None
    pilot: CalledPilot | None


class ExportCard(TakenExport):
    """How far a list is; `file` is where it is fetched, by who asked for it, and `kept_until` till when."""

    kept_until: Moment | None
    file: str | None
    persons: dict[str, str]


# ---- money and figures


class Figure(BaseModel):
    """What every figure says: how many pilots could not be read, and whether every fact but the newest is counted."""

    left_out: int
    complete: bool


class StageFigure(Contract):
    """A stage: how many pilots stand there, and how long stays took that are over."""

    stage: Stage
    pilots: int
    stays_over: int
    median_days: float | None
    p90_days: float | None


class Funnel(Figure):
    """How many pilots stand at each stage."""

    stages: list[StageFigure]
    pilots: int


class TermFigure(Contract):
    """How many terms of a kind were kept, broken, and still run; `own`: a term of the register."""

    kind: str
    own: bool
    kept: int
    broken: int
    running: int
    broken_and_open: int


class TermFigures(Figure):
    """How many terms were kept, by their kinds."""

    kinds: list[TermFigure]


class OverpaidSource(Contract):
    """Payments above what was committed, of one source and currency."""

    source: str
    currency: str
    pilots: int
    committed_minor: int
    paid_minor: int
    above_minor: int


class OverpaidFigures(Figure):
    """Payments above what was committed."""

    sources: list[OverpaidSource]
    pilots: int


def _counts(name: str, names: Sequence[str], description: str) -> type[BaseModel]:
    """What is counted of pilots, by sector and in all."""
    numbers = {one: int for one in names}
    totals = _with(f"{name}Totals", Contract, **numbers)
    of_one = _with(f"{name}OfSector", totals, sector=str)
    found = _with(f"{name}Figures", Figure, sectors=list[of_one], totals=totals)  # type: ignore[valid-type]
    found.__doc__ = description
    return found


ResultFigures: Final = _counts("Result", RESULTS, description="How many targets were reached, by sector.")
ScalingFigures: Final = _counts(
    "Scaling", SCALED, description="What pilots were judged to be, and what followed, by sector."
)


class MoneySum(BaseModel):
    """A sum of money. Of the axes those are there that were asked for; null is what was not said."""

    currency: str
    stage: MoneyStage
    amount_minor: int
    amount: str
    pilots: int
    sector: str | None = None
    year: int | None = None
    source: str | None = None
    agency: str | None = None
    agency_name: str | None = None
    region: str | None = None


class MoneyTotal(Contract):
    """All money of a currency and stage: what is on this page, and what is elsewhere."""

    currency: str
    stage: MoneyStage
    amount_minor: int
    amount: str
    here_minor: int
    elsewhere_minor: int
    pilots: int


class MoneyFigures(Figure):
    """Sums of money by some axes, a page of them, and the totals."""

    group_by: list[Axis]
    items: list[MoneySum]
    totals: list[MoneyTotal]
    next: str | None


class ColumnConstraints(BaseModel):
    """What the values of a column keep to."""

    required: bool | None = None
    unique: bool | None = None
    enum: list[str] | None = None
    pattern: str | None = None
    minimum: int | None = None


class ColumnSchema(BaseModel):
    """A column of a file: what it is called in the file and by people, and what stands in it."""

    name: str
    type: Literal["string", "number", "integer", "date", "datetime", "year"]
    title: str
    description: str | None = None
    constraints: ColumnConstraints | None = None


class TableSchema(BaseModel):
    """The columns of a file that is open to all, in their order, as a Table Schema (Frictionless Data 2.0)."""

    profile: Annotated[str, Field(alias="$schema")]
    fields: Annotated[list[ColumnSchema], Field(min_length=1)]
    missingValues: list[str]
    primaryKey: list[str] | None = None


class OpenDescription(BaseModel):
    """What is open to all, as an OpenAPI document."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
    components: dict[str, Any]


class PublicMoneyFigures(BaseModel):
    """Sums of the money of public pilots by some axes, a page of them, and the totals."""

    group_by: list[Axis]
    items: list[MoneySum]
    totals: list[MoneyTotal]
    next: str | None
    complete: bool


class PublicTermFigure(Contract):
    """How many terms of a kind were kept and broken in public pilots, and in how many of these."""

    kind: str
    kept: int
    broken: int
    kept_pilots: int
    broken_pilots: int


class PublicTermFigures(Contract):
    """How many terms were kept, by their kinds."""

    kinds: list[PublicTermFigure]
    complete: bool


BehindLine: Final = _with("BehindLine", PublicPilotLine, part=int, amount=str | None)


class Behind(Page[Any]):
    """The pilots behind a figure, each with its part of it, the largest first; `whole` is the figure. Parts of money
    are in minor units; `amount` is the same as a decimal number."""

    pilots: int
    whole: int
    amount: str | None
    complete: bool


PilotsBehind: Final = _of("PilotsBehind", Behind, BehindLine)


class MoneyPart(Contract):
    """The part of an amount that is counted to a sector."""

    sector: str
    basis_points: int | None
    amount_minor: int


class MoneyProof(Contract):
    """An amount whole and in parts; `exact`: they agree."""

    stage: MoneyStage
    source: str
    year: int | None
    currency: str
    whole_minor: int
    parts: list[MoneyPart]
    parts_minor: int
    exact: bool


class MoneyOf(Contract):
    """One pilot's money, with the proof that nothing counts twice."""

    id: str
    number: str
    title: str
    shares: list[SectorShare]
    lines: list[MoneyProof]
    exact: bool
