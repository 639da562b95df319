"""What services answer, for their documents: models that say the form of an answer and are not asked when it is given.

An answer is made of stored documents and goes out as it was made: to read each again into a model would cost more than
to make it. That it has the form that its document says is held by the tests, which judge every answer that any of them
is given (`tests/documented.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, Literal, TypeVar, get_type_hints

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, create_model
from pydantic_core import CoreSchema, core_schema

from contracts.event import Contract
from contracts.topics import INTAKE, agency_topic, fact_topic, receipts_topic

T = TypeVar("T")
TOPIC: Final = fact_topic(INTAKE)


@dataclass(frozen=True, slots=True)
class AsItIs:
    """Has the schema of a type and takes anything: it is read and written as it is."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        documented = handler(source)
        return core_schema.any_schema(
            metadata={"pydantic_js_annotation_functions": [lambda _schema, told: told(documented)]}
        )


Told = Annotated[T, AsItIs()]
"""What is documented as `T` and goes out as it is."""


def declared(of: type[BaseModel], name: str) -> Any:
    """The type that a model gives a field, a computed field or a property. Raises KeyError where it has none."""
    if name in of.model_fields:
        return of.model_fields[name].annotation
    if name in of.model_computed_fields:
        return of.model_computed_fields[name].return_type
    return get_type_hints(vars(of)[name].fget)["return"]


def part_of(name: str, of: type[BaseModel], fields: Iterable[str], *, description: str, **more: Any) -> type[BaseModel]:
    """The form of an answer that shows these fields of a model, and more beside them, each with its type."""
    types = {field: declared(of, field) for field in fields} | more
    made: dict[str, Any] = {field: (kind, ...) for field, kind in types.items()}
    return create_model(name, __base__=Contract, __doc__=description, **made)


class Page(BaseModel, Generic[T]):
    """A part of a list. `next` fetches the following part; it is null at the end."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    items: list[Told[T]]
    next: str | None = Field(default=None)


class Count(BaseModel):
    """How many there are; where it is not `exact`, there are more than `value`."""

    value: int
    exact: bool


class Named(Page[T], Generic[T]):
    """A part of a list that mentions persons: `persons` has the display names of those who are kept by their opaque
    ids, for a caller who may know them."""

    persons: dict[str, str] = Field(default_factory=dict)


# ---- what operations are shown of a service


class MaskedEvent(BaseModel):
    """What a record says, as far as it is known to be harmless: the attributes of its event, and of its data the codes
    and numbers. How many others there are stands under `•••`, which also stands in the place of words."""

    model_config = ConfigDict(extra="allow")

    id: str | None = None
    type: str | None = None
    source: str | None = None
    subject: str | None = None


class ParkedRecord(Contract):
    """A record that waits for another one, or is broken until a hand helps. `id` is where it stands in its topic."""

    id: str = Field(examples=[f"{TOPIC}/3/1024"])
    status: Literal["waiting", "broken"]
    cause: str
    sequence: int | None
    topic: str = Field(examples=[TOPIC])
    partition: int
    offset: int
    subject: str | None
    source: str | None = Field(examples=[INTAKE])
    agency: str | None = Field(description="Whose pilot it is about, or who sent it, where that is known")
    at: AwareDatetime
    tries: int = Field(description="How often it was fed again by hand")
    trace: str | None = Field(description="The trace that it belongs to")
    event: MaskedEvent | str


class WithheldTopic(Contract):
    """A topic that does not take what is sent to it. `messages` wait for it, counted up to a thousand."""

    topic: str = Field(examples=[receipts_topic("minzdrav").name])
    cause: str
    takes_nothing: bool
    since: AwareDatetime
    tries: int
    next_at: AwareDatetime
    messages: int


class ReadPartition(Contract):
    """Where a partition is read: `offset` comes next, `behind` records are still to be read. `stands_since` and `cause`
    are of one that stands still."""

    topic: str = Field(examples=[TOPIC])
    partition: int
    offset: int
    end: int
    behind: int
    stands_since: AwareDatetime | None
    cause: str | None


class SkippedRecord(Contract):
    """A record that was passed over by hand."""

    id: str = Field(examples=[f"{TOPIC}/3/1024"])
    by: str
    organisation: str | None
    at: AwareDatetime
    why: str


class Skipping(Contract):
    """The record that will be passed over."""

    skips: str = Field(examples=[f"{TOPIC}/3/1024"])


class ParkedGroup(Contract):
    """Records that are parked for the same cause, from one topic, of one agency (null: not known whose): how many, the
    longest and the shortest parked."""

    status: Literal["waiting", "broken"]
    cause: str
    topic: str = Field(examples=[TOPIC])
    agency: str | None
    records: int
    oldest: AwareDatetime
    newest: AwareDatetime


class ParkedGroups(Page[ParkedGroup]):
    """The groups of what is parked, the largest first, and how many records there are in all groups, told of or not."""

    records: int


class Unaccounted(Contract):
    """An event that the balance misses: where it stands, under which id where that can be read, and what is wrong."""

    place: str = Field(examples=[f"{agency_topic('minzdrav').name}/0/1024"])
    event_id: str | None
    why: Literal["no-verdict", "expired-unread", "not-parked", "not-kept"]


class Became(Contract):
    """What became of events, over both doors, since they are counted: at rest `received` is the sum of the others, and
    `difference` is zero."""

    received: int
    registered: int
    duplicates: int
    rejected: int
    conflicts: int
    parked: int
    in_flight: int
    difference: int


class AgencyBalance(Became):
    """What became of all events of an agency. `events` are those that make a difference, a thousand at most."""

    agency: str
    events: list[Unaccounted] = Field(default_factory=list)


class LookedThrough(Contract):
    """A part of a look through all that agencies were answered, and all facts: at how many documents and records it
    looked, how many lost answers and facts it found that were not known, and where the next part goes on; null: all was
    looked at."""

    looked: int
    found: int
    next: str | None


WhyLost = Literal["not-taken", "not-kept", "not-sent"]


class LostFact(Contract):
    """A fact that one side has and the other has not, as `WRITER/SUBJECT#SEQUENCE`. `not-taken`: its reader committed
    its record, and has neither taken it nor set it aside; `not-kept`: it stands in the topic, and its writer's document
    is older, or gone; `not-sent`: it left its writer's outbox, and stands in no topic."""

    fact: str = Field(examples=["intake/0b5f7b2e-1f5c-5b0e-9f64-6f0c3b8f9a10#7"])
    why: WhyLost


class Flow(Contract):
    """What a service has read of a service's facts, in records: `sent` stand in the topic, and `written` are as many as
    far as the reader knows. Written = consumed + parked + lag + `difference`, which is zero; `events` are the facts
    that make it, a thousand at most. What a service asks of itself by its own facts is not held against anything."""

    writer: str
    reader: str
    written: int
    sent: int
    consumed: int
    parked: int
    lag: int
    difference: int
    events: list[LostFact] = Field(default_factory=list)


class OwnFacts(Contract):
    """The facts of a service as its documents and its topic have them: `sent` stand in the topic, `unsent` wait in
    outboxes. Written = sent + unsent + what was not sent; `difference` counts that, and what documents have lost;
    `events` are these facts, a thousand of each at most."""

    writer: str
    written: int
    sent: int
    unsent: int
    difference: int
    events: list[LostFact] = Field(default_factory=list)


class Balance(Contract):
    """What was received and what became of it, counted from what is stored. `unsent` facts of this service are written
    and wait to be sent: to each of its readers they are a lag, too; so is what was not sent a difference.
    `in_all` adds up the agencies."""

    agencies: list[AgencyBalance]
    in_all: Became
    services: list[Flow]
    facts: OwnFacts
    unsent: int


def in_all(agencies: Iterable[AgencyBalance]) -> Became:
    """What became of the events of all these agencies."""
    every = [*agencies]
    return Became(**{name: sum(getattr(one, name) for one in every) for name in Became.model_fields})


def with_writers(struck: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What each reader says of each writer's topic, of the balances by service, with what the writer says of it: facts
    that it has not sent yet are written, and a lag; what was lost between its outbox and the topic is a difference."""
    found = list[dict[str, Any]]()
    for said in struck.values():
        for flow in said["services"]:
            own = struck.get(flow["writer"], {}).get("facts", {"unsent": 0, "events": ()})
            lost = [one for one in own["events"] if one["why"] == "not-sent"]
            more = {"written": own["unsent"] + len(lost), "lag": own["unsent"], "difference": len(lost)}
            whole = {name: flow[name] + n for name, n in more.items()}
            found.append({**flow, **whole, "events": [*flow["events"], *lost]})
    return found


Verdict = Literal["went", "waits", "broken", "not-parked"]
"""What became of a parked record that was fed again: it went, waits (for what stands before it), is broken still, or is
not parked here."""


class RedrivenRecord(Contract):
    """What became of one parked record, or would; `cause` says why it stays."""

    id: str = Field(examples=[f"{TOPIC}/3/1024"])
    verdict: Verdict
    cause: str | None


class Redriven(Contract):
    """What became of the parked records that were chosen, or would with `dry_run`: how many went, the verdict on each,
    how many that had waited behind them followed by themselves, where the first thousand of these stood, whether more
    fit what was chosen than one request takes, and the `after` with which the next one goes on."""

    went: int
    dry_run: bool
    records: list[RedrivenRecord]
    followed: int
    behind: list[str] = Field(examples=[[f"{TOPIC}/3/1025"]])
    more: bool
    next: str | None


RepairState = Literal["proposed", "approved", "declined"]
"""How a proposal stands: it waits for a second person, or what that person has said."""


class ShownRepair(Contract):
    """A proposal: what shall become of the record at a place, who said so and why, and what came of it. Both versions
    are masked."""

    id: str
    place: str = Field(examples=[f"{TOPIC}/3/1024"])
    kind: Literal["edit", "discard"]
    why: str
    by: str
    at: AwareDatetime
    state: RepairState
    settled_by: str | None
    settled_at: AwareDatetime | None
    verdict: Verdict | None
    was: MaskedEvent | str
    becomes: MaskedEvent | str | None


class Repairs(Page[ShownRepair]):
    """A part of the list of proposals, and how many there are in all where that was asked."""

    count: Count | None = None


class Alive(Contract):
    """The process runs."""

    status: Literal["live"]
