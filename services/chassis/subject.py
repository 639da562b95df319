"""What a subject is and what can be asked of it: inputs and their marks, documents, aggregates, outcomes.

The words that the whole chassis shares. No behaviour beyond what a value says of itself.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from pydantic import BaseModel

from contracts.event import BY_ITSELF, Actor, Event, Fact
from contracts.topics import agency_of
from services.law.decision import Refusal

OF_AGENCY: Final = "agency:"
"""With this the owner of an agency's ids begins, before the code of the agency."""
HTTP: Final = "http"
KAFKA: Final = "kafka"
"""The doors by which agencies' events come in."""
EARLIER_KEPT: Final = 10
"""So many records of one event are known as decided on that were so before the last one (technical: they matter until
they are committed)."""


def service_actor(name: str) -> Actor:
    """The actor of what a service does by itself."""
    return Actor(id=name, role=BY_ITSELF)


@dataclass(frozen=True, slots=True)
class Sequenced:
    """The mark of a fact of another service: its place in that service's series for this subject."""

    source: str
    sequence: int
    after: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Claimed:
    """The mark of an agency's event or a person's command: an id that its owner gave it."""

    owner: str
    id: str
    digest: str

    @property
    def key(self) -> str:
        """The claim's `_id`, and the key under which the document remembers it."""
        return hashlib.sha256(f"{self.owner}\0{self.id}".encode()).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class Timed:
    """The mark of a timer: the due time at which it was found."""

    due: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka record as it was read, kept so that it can be parked and read again."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    digest: str | None = None
    """The fingerprint of what was read, where personal data has been erased from `value` since."""
    fault: str | None = None
    """Why it cannot be read, where that was found while it was unpacked: then `value` is only what is kept of it."""
    trace: str | None = None
    """The `traceparent` of the span of its first reading, where it was parked since."""
    came: datetime | None = None
    """When it came into its topic, by Kafka's clock (UTC); None where only its sender's clock says so."""

    @property
    def id(self) -> str:
        """Where it stands: `topic/partition/offset`."""
        return f"{self.topic}/{self.partition}/{self.offset}"


def place_of(mark: Claimed, record: Record | None = None, door: str = HTTP) -> str | None:
    """By which way an agency's event came in: its record, or where there is none the door, the agency and the id, with
    slashes between them. None for what no agency sent."""
    if record is not None:
        return record.id if agency_of(record.topic) is not None else None
    agency = mark.owner.removeprefix(OF_AGENCY)
    return f"{door}/{agency}/{mark.id}" if agency != mark.owner else None


@dataclass(frozen=True, slots=True)
class Input:
    """One thing to be decided on: from a record, an HTTP command or a timer; the engine treats them alike.

    `command` is None for a fact that this service has no interest in: only its watermark moves. `if_match` is
    the revision a person saw. `correlation` is None where the input belongs to what the subject began with.
    `existing` is the kind as which the subject must be there already, and `sees` says whether who asks may know of it
    in a state: both are held against the very state that is decided on. `came` is when the agency's event that it is,
    or of which it tells, came to Lotsman (UTC): into its topic, or as a request; None where nothing is known of that.
    """

    subject: str
    mark: Sequenced | Claimed | Timed
    command: object | None
    actor: Actor
    cause_id: str
    correlation: str | None = None
    trace: Mapping[str, str] = field(default_factory=dict)
    record: Record | None = None
    if_match: int | None = None
    event_type: str | None = None
    existing: str | None = None
    sees: Callable[[Any], bool] | None = None
    came: datetime | None = None


class Decide(Protocol):
    """`decide(state, command, context) -> facts`: pure; raises Refusal for a person's impossible command.

    Its annotation of `command` names all commands that it has a case for; others never reach it.
    """

    def __call__(self, state: Any, command: Any, context: Any, /) -> Sequence[Fact]: ...


class Evolve(Protocol):
    """`evolve(state, fact) -> state`: pure and total; it never refuses a fact that happened."""

    def __call__(self, state: Any, fact: Any, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One kind of subject: its state's shape and its two functions. `due` is when its timer must fire next;
    `tick` makes the command for that moment.

    `recalendar` makes the command to count open terms anew by the calendars of this process; a ledger that is
    counted by them already makes no fact. The state then has `calendars`, stored or computed: the calendar
    versions of its open ledgers, and only of those.

    `anew` says, of the state, the command and its context, whether a command under an id that was decided on before is
    decided on once more: one that was refused made nothing, so what it was refused for may be over. No fact then means
    that the answer stands.
    """

    kind: str
    state: type[BaseModel]
    decide: Decide
    evolve: Evolve
    due: Callable[[Any], datetime | None] = lambda _state: None
    tick: Callable[[datetime], object] | None = None
    recalendar: Callable[[], object] | None = None
    anew: Callable[[Any, object, Any], bool] = lambda _state, _command, _context: False


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact waiting in a document's outbox: the bytes to send, unchanged on every attempt. `event` is what they say,
    where it is in memory since the decision; it is not stored."""

    at: datetime
    sequence: int
    id: str
    type: str
    value: bytes
    event: Event | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a document keeps of a claimed input: its digest, the version that it led to, and for an agency's event that
    made a fact by which way it came (`place_of`): a record that is read again is no duplicate of itself, and the answer
    can be looked for (decision 53). `earlier` are the records of the same that were decided on before this one, the
    last `EARLIER_KEPT`, each with the version that it led to."""

    digest: str
    version: int
    place: str | None = None
    earlier: tuple[tuple[str, int], ...] = ()

    def decided(self, record: str) -> int | None:
        """The version that this very record led to, where it was decided on."""
        return {**dict(self.earlier), **({self.place: self.version} if self.place else {})}.get(record)

    def then(self, digest: str, version: int, place: str | None) -> "Remembered":
        """What is kept once the same is decided on anew."""
        before = ((self.place, self.version),) if self.place and not self.place.startswith(f"{HTTP}/") else ()
        return Remembered(digest, version, place, (*self.earlier, *before)[-EARLIER_KEPT:])


@dataclass(frozen=True, slots=True)
class Document:
    """One subject as it is stored. `rev` 0 means that nothing is stored yet; with the revision `moved` it came to its
    present version: what was only seen since has changed nothing that a person could have read."""

    subject: str
    kind: str
    rev: int = 0
    version: int = 0
    moved: int = 0
    state: BaseModel | None = None
    seen: Mapping[str, int] = field(default_factory=dict)
    ids: Mapping[str, Remembered] = field(default_factory=dict)
    outbox: tuple[Entry, ...] = ()
    due: datetime | None = None
    correlation: str | None = None
    trace: Mapping[str, str] = field(default_factory=dict)
    fault: str | None = None
    """Why the stored state cannot be read by this program: nothing is decided on it until a hand has helped."""

    def decided(self, one: Input) -> int | None:
        """The version that this very record led to, where it was decided on here already and is only read again."""
        known = self.ids.get(one.mark.key) if isinstance(one.mark, Claimed) else None
        return None if known is None or one.record is None else known.decided(one.record.id)


@dataclass(frozen=True, slots=True)
class Done:
    """The input was decided; the subject stands at `version`. `facts` may be empty."""

    version: int
    rev: int
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The input was decided before; for a claimed one, `version` is what it led to then."""

    version: int
    rev: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """The input must wait: something that comes before it has not arrived. No error."""

    cause: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The input cannot be decided and needs a hand. `unreadable`: because what is stored cannot be read."""

    cause: str
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A person's command was not allowed."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Conflict:
    """The same id was used before for something else."""


@dataclass(frozen=True, slots=True)
class Stale:
    """The subject is no longer at the revision the person saw, but at this one, and at this version."""

    rev: int
    version: int


@dataclass(frozen=True, slots=True)
class Absent:
    """There is nothing here that the person may know of: one answer for what is not there and what is not shown."""


Outcome = Done | Duplicate | Waiting | Broken | Refused | Conflict | Stale | Absent
