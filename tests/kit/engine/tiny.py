"""A tiny language and aggregate for tests of the engine: a tally that can do all that a real service does."""

import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, ClassVar

from pydantic import BaseModel
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from contracts.event import Actor, Contract, Event, Fact, Language, Moment, wire_moment
from contracts.topics import fact_topic
from services.chassis import parking
from services.chassis.message import Message
from services.chassis.service import Service
from services.chassis.store import IN_SERIES, Store, StoreAway
from services.chassis.subject import Aggregate, Claimed, Input, Record, Sequenced, Timed
from services.law.decision import Context, Refusal

ROBOT = Actor(id="robot", role="tester")
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class NotedV1(Fact):
    """Something was noted."""

    TYPE: ClassVar[str] = "pilots.tiny.noted.v1"
    what: str
    due: Moment | None = None


class SpoiltV1(Fact):
    """A fact that `evolve` fails on."""

    TYPE: ClassVar[str] = "pilots.tiny.spoilt.v1"


LANGUAGE = Language[Fact]((NotedV1, SpoiltV1))


class Tally(Contract):
    """What was noted, in order, and when the timer must fire."""

    notes: tuple[str, ...] = ()
    due: Moment | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Makes one fact for each word; `due` sets the timer."""

    words: tuple[str, ...]
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pass:
    """Is decided, but makes no fact."""


@dataclass(frozen=True, slots=True)
class Explode:
    """`decide` raises."""


@dataclass(frozen=True, slots=True)
class Spoil:
    """`evolve` raises."""


@dataclass(frozen=True, slots=True)
class Forbid:
    """The domain refuses it."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The timer: it fires once, or, where the notes hold `stuck`, does not move, with `bomb` raises, or with `no` is
    refused."""

    due: datetime


def decide(state: Tally | None, command: object, context: Context[Any]) -> Sequence[Fact]:
    """What follows from a command."""
    match command:
        case Note(words, due):
            return [NotedV1(actor=context.actor, what=word, due=due) for word in words]
        case Pass():
            return ()
        case Explode():
            raise ValueError("it explodes")
        case Spoil():
            return [NotedV1(actor=context.actor, what="before"), SpoiltV1(actor=context.actor)]
        case Forbid():
            raise Refusal("tiny.forbidden")
        case Tick() if state is not None and "bomb" in state.notes:
            raise ValueError("the timer explodes")
        case Tick() if state is not None and "no" in state.notes:
            raise Refusal("tiny.forbidden")
        case Tick(due):
            stuck = state is not None and "stuck" in state.notes
            return [NotedV1(actor=context.actor, what="ticked", due=due if stuck else None)]
    raise AssertionError(command)


def evolve(state: Tally | None, fact: Fact) -> Tally:
    """The tally after a fact."""
    if isinstance(fact, SpoiltV1):
        raise ZeroDivisionError("it is spoilt")
    assert isinstance(fact, NotedV1)
    return Tally(notes=(*(state.notes if state else ()), fact.what), due=fact.due)


def due_of(state: Tally) -> datetime | None:
    """When the timer must fire."""
    return state.due


TALLY = Aggregate("pilot", Tally, decide, evolve, due_of, Tick)


def from_source(
    subject: str, source: str, sequence: int, command: object | None, after: Mapping[str, int] | None = None
) -> Input:
    """A fact of another service as an input."""
    mark = Sequenced(source, sequence, dict(after or {}))
    return Input(subject, mark, command, ROBOT, cause_id=f"{source}-{subject}-{sequence}")


def claimed(subject: str, id_: str, command: object, digest: str = "d", **rest: Any) -> Input:
    """A person's command as an input."""
    return Input(subject, Claimed("person:p1", id_, digest), command, ROBOT, cause_id=id_, **rest)


def timed(subject: str, due: datetime) -> Input:
    """A timer as an input."""
    return Input(subject, Timed(due), Tick(due), ROBOT, cause_id=f"timer:{subject}")


def numbered(prefix: str = "id") -> Callable[[], str]:
    """Ids that count up: the same in every run."""
    numbers = count(1)
    return lambda: f"{prefix}-{next(numbers)}"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self.time = now

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **by: float) -> None:
        """Moves it on by a timedelta's arguments."""
        self.time += timedelta(**by)


def wire(
    source: str,
    subject: str,
    sequence: int,
    data: Mapping[str, Any],
    *,
    type_: str = NotedV1.TYPE,
    after: Mapping[str, int] | None = None,
    event_id: str | None = None,
) -> bytes:
    """A fact of a service as it stands in its topic."""
    event = {
        "specversion": "1.0",
        "id": event_id or f"{source}-{subject}-{sequence}",
        "source": f"/services/{source}",
        "type": type_,
        "subject": subject,
        "time": wire_moment(START),
        "sequence": f"{sequence:020d}",
        "correlationid": f"began-{subject}",
        "data": {"actor": ROBOT.model_dump(mode="json"), "after": dict(after or {}), **data},
    }
    return json.dumps(event).encode()


class Topic:
    """Makes records of one topic, at rising offsets."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._offsets = count()

    def record(self, subject: str, sequence: int, what: str, **rest: Any) -> Record:
        """A NotedV1 of this source."""
        return self.raw(wire(self.source, subject, sequence, {"what": what}, **rest), key=subject)

    def raw(self, value: bytes, *, key: str | None = None, headers: Iterable[tuple[str, bytes]] = ()) -> Record:
        """Any bytes."""
        raw_key = key.encode() if key is not None else None
        return Record(fact_topic(self.source), 0, next(self._offsets), raw_key, value, tuple(headers))


def notes_of(state: BaseModel | None) -> tuple[str, ...]:
    """The notes of a document's state."""
    assert state is None or isinstance(state, Tally)
    return state.notes if state else ()


# ---- a service of tallies, a store with hooks, and a broker of memory


def tiny_service(**rest: Any) -> Service:
    """A service that notes the words of two sources. A word may name a command: `explode`, `spoil`, `pass`."""
    settings: dict[str, Any] = {"reads": {"left": LANGUAGE, "right": LANGUAGE}, "translate": translated, **rest}
    return Service("tiny", {"pilot": TALLY}, **settings)


def translated(event: Event) -> object | None:
    """The command that a word names; a note of it otherwise."""
    assert isinstance(event.fact, NotedV1)
    named = {"explode": Explode(), "spoil": Spoil(), "pass": Pass(), "nothing": None, "forbid": Forbid()}
    word = event.fact.what
    return named[word] if word in named else Note(tuple(word.split("+")))


class TooLarge(Exception):
    """What a broker says of a record that is too large for its topic."""


class Closed(Exception):
    """What a broker says of a topic that takes nothing."""


class Broker:
    """Takes messages as the bus hands them to Kafka, in memory: of one topic and key none behind one that failed.

    `refuse` says which are not acknowledged, `large` which are too large for their topic, `closed` which topics take
    nothing; `down` raises instead.
    """

    def __init__(self) -> None:
        self.log: list[Message] = []
        self.refuse: Callable[[Message], bool] = lambda _message: False
        self.large: Callable[[Message], bool] = lambda _message: False
        self.closed = set[str]()
        self.down: BaseException | None = None

    async def __call__(self, messages: Sequence[Message]) -> list[BaseException | None]:
        """Appends what it does not refuse."""
        if self.down is not None:
            raise self.down
        answers: list[BaseException | None] = []
        failed: dict[tuple[str, str], BaseException] = {}
        for message in messages:
            series = (message.topic, message.key)
            if series not in failed and self.refuse(message):
                failed[series] = ConnectionError("refused")
            if message.topic in self.closed:
                failed[series] = Closed()
            if series not in failed and self.large(message):
                failed[series] = TooLarge()
            if series in failed:
                answers.append(failed[series])
            else:
                self.log.append(message)
                answers.append(None)
        return answers

    def events(self, topic: str = "pilots.tiny.v1", subject: str | None = None) -> list[dict[str, Any]]:
        """What stands in a topic, parsed."""
        return [json.loads(m.value) for m in self.log if m.topic == topic and subject in (None, m.key)]

    def series(self, subject: str, topic: str = "pilots.tiny.v1") -> list[int]:
        """The sequences of a subject in the order in which they came."""
        return [int(event["sequence"]) for event in self.events(topic, subject)]


Hook = Callable[[], Awaitable[object]]


class Hooked:
    """A real store; before or after its next call of a name (to write something) another thing happens, once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.before: dict[str, Hook] = {}
        self.after: dict[str, Hook] = {}

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)
        if not inspect.iscoroutinefunction(real):
            return real

        async def call(*args: Any, **kwargs: Any) -> Any:
            if name == "put_new" and not args[1]:
                return await real(*args, **kwargs)
            if (hook := self.before.pop(name, None)) is not None:
                await hook()
            answer = await real(*args, **kwargs)
            if (hook := self.after.pop(name, None)) is not None:
                await hook()
            return answer

        return call


class Commands(CommandListener):
    """Writes down the commands that the driver sends."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def started(self, event: CommandStartedEvent) -> None:
        """A command with the collection it is for."""
        if event.command_name in ("find", "update", "insert", "delete", "findAndModify", "aggregate", "getMore"):
            self.seen.append((event.command_name, str(event.command[event.command_name])))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Of no interest."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Of no interest."""


class Crash(BaseException):
    """The process ends here: nothing catches it."""


async def crash() -> None:
    """A hook: the process ends."""
    raise Crash


async def away() -> None:
    """A hook: the database does not answer."""
    raise StoreAway("it was taken away")


async def parked_rows(store: Store, query: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every parked record that a query finds, whole, in the order in which they must be fed."""
    return await store.rows(parking.COLLECTION, query, sort=list(IN_SERIES), limit=10_000)
