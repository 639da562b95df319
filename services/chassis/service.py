"""What makes one service out of the engine: its aggregates, what it reads, what goes out with its facts."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from contracts.event import PILOT, Event, Fact, Language
from services.chassis.answers import AgencyBalance, LookedThrough
from services.chassis.auth import Agencies, NoDirectory
from services.chassis.cluster import Topics
from services.chassis.message import Message
from services.chassis.parking import Aside, Begins, Parked, begins_nothing
from services.chassis.settings import Settings
from services.chassis.store import Keys, Row, Store
from services.chassis.subject import Aggregate, Document, Input, Outcome, Record
from services.chassis.watching import Terms, no_terms

Taken = tuple[Input, Outcome | None, Document | None]
"""An input, what came of it, and its subject as it stood then; None where that was not looked at."""
Balancing = Callable[[Store, Topics, datetime], Awaitable[Sequence[AgencyBalance]]]
Through = Callable[[Store, Topics, datetime, str | None, float], Awaitable[LookedThrough]]
"""Goes on with a look through everything from a place (None: the beginning), for about so many seconds."""
Told = Sequence[tuple[str, object]]
"""What a fact asks of other subjects: of which one, and with which command."""


class _Nothing(BaseModel):
    """The state of a subject that this service only watches pass by."""


Look = Callable[[Store, Sequence[Input]], Coroutine[Any, Any, Any]]
Prepare = Callable[[Store, Sequence[Input], Mapping[str, Document], Any], Awaitable[Sequence[Any]]]


async def _looks_for_nothing(_store: Store, _inputs: Sequence[Input]) -> None:
    """Decisions are given nothing that must be looked for."""


async def _nothing_noted(_store: Store, _taken: Sequence[Taken], _parked: Sequence[Parked]) -> None:
    """Of what was taken nothing is noted."""


async def nothing_kept(_store: Store, _now: datetime) -> None:
    """There is nothing that goes when it was kept long enough."""


def nothing_beside(_event: Event) -> Sequence[Message]:
    """Nothing goes out with a fact."""
    return ()


@dataclass(frozen=True, slots=True)
class Service:
    """What makes one service out of the engine. Every part but `look`, `prepare`, `recall`, `address`,
    `process_manager`, `erase`, `tidy`, `arrived` and `settled` is pure.

    `reads` maps each source of foreign facts to its language (`soon`: sources whose records somebody waits for),
    `translate` turns such a fact into a command (None:
    of no interest), `read_agency` an agency's record into an input, `on_conflict` a claimed input whose id was
    used for something else into the input that refuses it. `look` finds, while documents are loaded, what no document
    is needed for, by names and never by the place of an input, for of these some may fall out; `prepare` makes of it
    what a batch of decisions is given, and knows what was loaded before of their subjects and of those `beside` that
    it asks about (those that are not there are missing, or have no state);
    `own` is the language of the service's own facts, and `process_manager` says for each of several such facts what it
    asks of other subjects; `address` finds the subject of inputs that name it (an agency's later events), before
    anything is claimed.
    `side_rows` are rows of side collections (persons) that must be safe before the facts that point to them.
    `projection` folds own facts into rows of side collections; of those, `marked` names the fields that people set
    afterwards (a notice that was read), which a rebuild takes over, as it does rows of these collections that are made
    of no fact: `aside` says how their ids begin.
    `number` reads from the JSON of an own fact the number that was drawn for it: its series and itself.
    `erase` carries out what own facts say is erased, those of the classes `erasures`, before they are sent, and may be
    asked again; `tidy` looks from time to time for what was kept long enough.
    `begins` says which subject an agency's event begins by its id, where it cannot be read; `unread` counts a record
    that cannot be read as it is parked;
    `parked` says what who sent a record is told when it is parked, under which id; `discarded` is the input that
    refuses an agency's event that is thrown away by hand, and `bare` such an event without what is personal in it.
    `agencies` makes the directory of a service that keeps one, of its store, the clock and what is set.
    `terms` counts the terms that run, by how they stand; `came` says of a foreign fact that tells of an agency's event
    when that came to Lotsman.
    `taken` notes durably what came of inputs and which records are parked, before these are committed or answered, and
    may be told the same again; `balance` makes of that, and of where the topics stand, the agencies' balances, and
    `through` looks for what is lost in all that is stored; `begin` is asked at each start before anything is read.
    `arrived` and `settled` count inputs as they come and as they end (None: given back, to come again).
    """

    name: str
    aggregates: Mapping[str, Aggregate]
    look: Look = _looks_for_nothing
    prepare: Prepare | None = None
    beside: Callable[[Input], str | None] = lambda _input: None
    recall: Callable[[Store, Document, Sequence[Input]], Awaitable[Document]] | None = None
    reads: Mapping[str, Language[Fact]] = field(default_factory=dict)
    soon: frozenset[str] = frozenset()
    translate: Callable[[Event], object | None] = lambda _event: None
    own: Language[Fact] = Language(())
    process_manager: Callable[[Store, Sequence[Event]], Awaitable[Sequence[Told]]] | None = None
    address: Callable[[Store, Sequence[Input]], Awaitable[Sequence[Input]]] | None = None
    read_agency: Callable[[Record, datetime], Input] | None = None
    on_conflict: Callable[[Input], Input | None] = lambda _input: None
    side_rows: Callable[[Input, Sequence[Fact]], Sequence[tuple[str, Row]]] = lambda _input, _facts: ()
    publications: Callable[[Event], Sequence[Message]] = nothing_beside
    projection: Callable[[Event], Sequence[tuple[str, Row]]] = lambda _event: ()
    number: Callable[[Mapping[str, Any]], tuple[str, int] | None] | None = None
    erase: Callable[[Store, Sequence[Event]], Awaitable[None]] | None = None
    erasures: tuple[type[Any], ...] = ()
    tidy: Callable[[Store, datetime], Awaitable[None]] = nothing_kept
    marked: Mapping[str, Sequence[str]] = field(default_factory=dict)
    aside: Mapping[str, str] = field(default_factory=dict)
    indexes: Mapping[str, Sequence[Keys]] = field(default_factory=dict)
    agencies: Callable[[Store, Callable[[], datetime], Settings], Agencies] = lambda _store, _now, _set: NoDirectory()
    discarded: Callable[[Record, str], Input | None] = lambda _record, _event_id: None
    bare: Callable[[bytes, str | None], bytes] = lambda value, _type: value
    arrived: Callable[[Input], None] = lambda _input: None
    settled: Callable[[Input, Outcome | None], None] = lambda _input, _outcome: None
    begins: Begins = begins_nothing
    unread: Callable[[Record], None] = lambda _record: None
    parked: Callable[[Parked, datetime], Aside | None] = lambda _parked, _now: None
    terms: Terms = no_terms
    came: Callable[[Event], datetime | None] = lambda _event: None
    taken: Callable[[Store, Sequence[Taken], Sequence[Parked]], Awaitable[None]] = _nothing_noted
    balance: Balancing | None = None
    through: Through | None = None
    begin: Callable[[Store, datetime], Awaitable[None]] = nothing_kept

    async def given(
        self, store: Store, inputs: Sequence[Input], loaded: Mapping[str, Document], found: Any = None
    ) -> Sequence[Any]:
        """What each decision is given, by what `look` found, which is asked where it was not yet; nothing, where the
        service prepares nothing."""
        if self.prepare is None:
            return [None] * len(inputs)
        found = await self.look(store, inputs) if found is None else found
        return await self.prepare(store, inputs, loaded, found)

    @property
    def sources(self) -> list[str]:
        """The services whose topics this one reads, itself among them where it has a process manager."""
        return sorted({*self.reads, *([self.name] if self.process_manager is not None else [])})

    def kind_of(self, subject: str) -> str:
        """A pilot's subject is a bare id; every other aggregate's is `<kind>:<id>`."""
        kind, colon, _ = subject.partition(":")
        return kind if colon else PILOT

    def aggregate_of(self, subject: str) -> Aggregate:
        """The aggregate of a subject; one that only passes by has no state and decides nothing."""
        kind = self.kind_of(subject)
        return self.aggregates.get(kind) or Aggregate(kind, _Nothing, _decide_nothing, _stay)


def _decide_nothing(_state: Any, _command: Any, _context: Any) -> Sequence[Fact]:
    return ()


def _stay(state: Any, _fact: Any) -> Any:
    return state


def together(*some: Mapping[str, Sequence[Keys]]) -> dict[str, list[Keys]]:
    """The indexes of several parts of a service, collection by collection."""
    names = dict.fromkeys(name for one in some for name in one)
    return {name: [keys for one in some for keys in one.get(name, ())] for name in names}
