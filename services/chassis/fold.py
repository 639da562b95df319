"""What one document does with the inputs meant for it: watermarks, causal order, claims, decide, evolve. Pure.

Everything here is a function of its arguments: time, ids and numbers come in from outside. The engine loads
documents, calls `fold`, and writes what came of it under the guard of `rev`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Generic, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from contracts.event import (
    Actor,
    Cause,
    ClaimCause,
    Contract,
    Fact,
    FactCause,
    TimerCause,
    wire_moment,
)
from contracts.reference import Problem

S = TypeVar("S", bound=BaseModel)
G = TypeVar("G")


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

    @property
    def id(self) -> str:
        """Where it stands: `topic/partition/offset`."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Input:
    """One thing to be decided on: from a record, an HTTP command or a timer; the engine treats them alike.

    `command` is None for a fact that this service has no interest in: only its watermark moves. `if_match` is
    the revision a person saw. `correlation` is None where the input belongs to what the subject began with.
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


class Refusal(Exception):
    """A person's command that the domain does not allow. Nothing changes; the person is told why.

    `code` is a stable rule id, `status` the HTTP status that fits it (409: not in this state; 403: not you;
    422: the content is wrong, see `problems`).
    """

    def __init__(self, code: str, detail: str, *, status: int = 409, problems: Sequence[Problem] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status = status
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Context(Generic[G]):
    """What `decide` may know besides state and command: the time (UTC), the subject, who acts, and what the
    service was given for this input (rules, a fresh number, a directory entry)."""

    now: datetime
    subject: str
    actor: Actor
    given: G


class Decide(Protocol):
    """`decide(state, command, context) -> facts`: pure; raises Refusal for a person's impossible command."""

    def __call__(self, state: Any, command: Any, context: Any, /) -> Sequence[Fact]: ...


class Evolve(Protocol):
    """`evolve(state, fact) -> state`: pure and total; it never refuses a fact that happened."""

    def __call__(self, state: Any, fact: Any, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One kind of subject: its state's shape and its two functions. `due` is when its timer must fire next;
    `tick` makes the command for that moment."""

    kind: str
    state: type[BaseModel]
    decide: Decide
    evolve: Evolve
    due: Callable[[Any], datetime | None] = lambda _state: None
    tick: Callable[[datetime], object] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact waiting in a document's outbox: the bytes to send, unchanged on every attempt."""

    at: datetime
    sequence: int
    id: str
    type: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a document keeps of a claimed input: its digest, and the version that it led to."""

    digest: str
    version: int


@dataclass(frozen=True, slots=True)
class Document:
    """One subject as it is stored. `rev` 0 means that nothing is stored yet."""

    subject: str
    kind: str
    rev: int = 0
    version: int = 0
    state: BaseModel | None = None
    seen: Mapping[str, int] = field(default_factory=dict)
    ids: Mapping[str, Remembered] = field(default_factory=dict)
    outbox: tuple[Entry, ...] = ()
    due: datetime | None = None
    correlation: str | None = None
    trace: Mapping[str, str] = field(default_factory=dict)
    fault: str | None = None
    """Why the stored state cannot be read by this program: nothing is decided on it until a hand has helped."""


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
    """The input cannot be decided and needs a hand."""

    cause: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A person's command was not allowed."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Conflict:
    """The same id was used before for something else."""


@dataclass(frozen=True, slots=True)
class Stale:
    """The subject is no longer at the revision the person saw."""

    rev: int


Outcome = Done | Duplicate | Waiting | Broken | Refused | Conflict | Stale

MARGIN: Final = 64 * 1024
"""Room left in a record for its key, headers and framing, in bytes."""


class FactTooLarge(ValueError):
    """A fact that its topic would not take."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes the facts: the service's name, which sources it reads, how ids come, how large a fact may be."""

    service: str
    reads: frozenset[str]
    new_id: Callable[[], str]
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Fold:
    """What came of the inputs: the new document, what is new in its outbox, and an outcome for each input."""

    before: Document
    after: Document
    entries: tuple[Entry, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self.after is not self.before


def fold(
    document: Document,
    inputs: Sequence[Input],
    aggregate: Aggregate,
    writer: Writer,
    contexts: Sequence[Context[Any]],
) -> Fold:
    """Applies the inputs in their order. One write will cover them all, so `rev` rises by one at most.

    An input that waits or is broken leaves the document alone; what follows it in its series then meets a gap.
    """
    current, outcomes = document, list[Outcome]()
    for one, context in zip(inputs, contexts, strict=True):
        outcome, current = _apply(document, current, one, aggregate, writer, context)
        outcomes.append(outcome)
    fresh = current.outbox[len(document.outbox) :]
    return Fold(document, current, fresh, tuple(outcomes))


def _apply(
    loaded: Document,
    doc: Document,
    one: Input,
    aggregate: Aggregate,
    writer: Writer,
    context: Context[Any],
) -> tuple[Outcome, Document]:
    rev = loaded.rev + 1
    if loaded.fault is not None:
        return Broken(f"the stored state cannot be read: {loaded.fault}"), doc
    if (early := _already_or_not_yet(doc, one, writer)) is not None:
        return early, doc
    if one.if_match is not None and one.if_match != doc.rev:
        return Stale(doc.rev), doc
    try:
        after, facts = _decided(doc, one, aggregate, writer, context)
    except Refusal as refusal:
        return Refused(refusal), doc
    except Exception as error:
        return Broken(why(error)), doc
    after = replace(after, rev=rev)
    return Done(after.version, rev, facts), after


def why(error: Exception) -> str:
    """An error in words, without the values that it is about: they may be personal."""
    if isinstance(error, ValidationError):
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        return "; ".join(f"{'/'.join(map(str, fault['loc']))}: {fault['type']}" for fault in faults[:20])
    return f"{type(error).__name__}: {error}"[:500]


def _already_or_not_yet(doc: Document, one: Input, writer: Writer) -> Outcome | None:
    match one.mark:
        case Sequenced(source, sequence, after):
            seen = doc.seen.get(source, 0)
            if sequence <= seen:
                return Duplicate(doc.version, doc.rev)
            if sequence > seen + 1:
                return Waiting(f"gap: {source} {seen + 1} has not arrived")
            for other, needed in after.items():
                if other in writer.reads and doc.seen.get(other, 0) < needed:
                    return Waiting(f"after: {other} {needed} has not arrived")
        case Claimed(digest=digest) as claim:
            known = doc.ids.get(claim.key)
            if known is not None and known.digest == digest:
                return Duplicate(known.version, doc.rev)
            if known is not None:
                return Conflict()
        case Timed(due):
            if doc.due != due:
                return Duplicate(doc.version, doc.rev)
    return None


def ready(document: Document, inputs: Sequence[Input], writer: Writer) -> list[Input]:
    """Those of the inputs whose turn has come, in the order in which they must be applied."""
    seen, found, left = dict(document.seen), list[Input](), list(inputs)
    while left:
        later = list[Input]()
        for one in left:
            if isinstance(_already_or_not_yet(replace(document, seen=seen), one, writer), Waiting):
                later.append(one)
            else:
                found.append(one)
                seen = dict(_moved(seen, one.mark))
        if len(later) == len(left):
            break
        left = later
    return found


def _decided(
    doc: Document, one: Input, aggregate: Aggregate, writer: Writer, context: Context[Any]
) -> tuple[Document, tuple[Fact, ...]]:
    seen = _moved(doc.seen, one.mark)
    facts = _facts(doc, one, aggregate, context, seen)
    state: Any = doc.state
    for fact in facts:
        state = aggregate.evolve(state, fact)
    correlation = one.correlation or doc.correlation or one.cause_id
    entries = tuple(
        _entry(fact, doc.version + 1 + place, one, writer, context, correlation) for place, fact in enumerate(facts)
    )
    version = doc.version + len(facts)
    after = replace(
        doc,
        version=version,
        state=state,
        seen=seen,
        ids=_with_claim(doc.ids, one.mark, version),
        outbox=doc.outbox + entries,
        due=aggregate.due(state) if state is not None else None,
        correlation=doc.correlation or (correlation if facts else None),
        trace=dict(one.trace) if facts and one.trace else doc.trace,
    )
    if isinstance(one.mark, Timed) and after.due == one.mark.due:
        raise RuntimeError("the timer's decision did not move its due time")
    return after, tuple(facts)


def _facts(
    doc: Document, one: Input, aggregate: Aggregate, context: Context[Any], seen: Mapping[str, int]
) -> list[Fact]:
    if one.command is None:
        return []
    decided = list(aggregate.decide(doc.state, one.command, context))
    stamped = [fact.model_copy(update={"after": dict(seen)}) for fact in decided]
    if stamped:
        stamped[-1] = stamped[-1].model_copy(update={"cause": cause_of(one.mark)})
    return stamped


def cause_of(mark: Sequenced | Claimed | Timed) -> Cause:
    """What the last fact of a command carries, so that watermarks and claims can be rebuilt from the topic."""
    match mark:
        case Sequenced(source, sequence, _):
            return FactCause(source=source, sequence=sequence)
        case Claimed(owner, id_, digest):
            return ClaimCause(owner=owner, id=id_, digest=digest)
        case Timed(due):
            return TimerCause(due=due)


def _moved(seen: Mapping[str, int], mark: Sequenced | Claimed | Timed) -> Mapping[str, int]:
    if isinstance(mark, Sequenced):
        return {**seen, mark.source: mark.sequence}
    return seen


def _with_claim(
    ids: Mapping[str, Remembered], mark: Sequenced | Claimed | Timed, version: int
) -> Mapping[str, Remembered]:
    if isinstance(mark, Claimed):
        return {**ids, mark.key: Remembered(mark.digest, version)}
    return ids


def _entry(fact: Fact, sequence: int, one: Input, writer: Writer, context: Context[Any], correlation: str) -> Entry:
    event_id = writer.new_id()
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/services/{writer.service}",
        "type": fact.TYPE,
        "subject": one.subject,
        "time": wire_moment(context.now),
        "datacontenttype": "application/json",
        "dataschema": f"urn:lotsman:schema:{fact.TYPE}",
        "sequence": f"{sequence:020d}",
        "causationid": one.cause_id,
        "correlationid": correlation,
        **one.trace,
        "data": fact.model_dump(mode="json"),
    }
    value = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    if len(value) > writer.max_bytes - MARGIN:
        raise FactTooLarge(f"{fact.TYPE} would take {len(value)} bytes of {writer.max_bytes}")
    return Entry(context.now, sequence, event_id, fact.TYPE, value)


def state_json(state: Contract | BaseModel) -> dict[str, Any]:
    """A state in the form in which it is stored: JSON values, moments as sortable text."""
    return state.model_dump(mode="json")
