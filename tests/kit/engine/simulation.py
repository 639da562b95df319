"""The world of the simulation: three services on the real engine and mongod, topics as logs in memory, and trouble."""

import asyncio
import inspect
import json
import os
import random
import zlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast
from unittest.mock import patch

from contracts.event import BrokenEvent, Event
from contracts.topics import fact_topic
from services.chassis import engine as engine_at_work
from services.chassis.engine import Engine
from services.chassis.message import Message
from services.chassis.outbox import SendFailed
from services.chassis.projected import rows_of
from services.chassis.reading import Reader
from services.chassis.service import Service
from services.chassis.store import Row, Store, StoreAway
from services.chassis.subject import (
    Claimed,
    Document,
    Done,
    Duplicate,
    Input,
    Record,
    Sequenced,
)
from services.chassis.turns import side_by_side
from tests.kit.calendars import CALENDARS
from tests.kit.engine.tiny import (
    LANGUAGE,
    START,
    TALLY,
    Clock,
    Crash,
    Explode,
    Note,
    NotedV1,
    Pass,
    claimed,
    notes_of,
    numbered,
    parked_rows,
)

SEEDS = int(os.environ.get("LOTSMAN_SIMULATION_SEEDS", "16"))
FIRST = int(os.environ.get("LOTSMAN_SIMULATION_FIRST", "1"))
PLANTED_SEEDS = 120
"""Within how many seeds every planted fault must be found."""

PARTITIONS = 2
AGENCY = "pilots.agency.simulated.v1"
READS = {"alpha": (AGENCY,), "beta": (fact_topic("alpha"),), "gamma": (fact_topic("alpha"), fact_topic("beta"))}
SOURCES: Mapping[str, tuple[str, ...]] = {"alpha": (), "beta": ("alpha",), "gamma": ("alpha", "beta")}
UNINTERESTING = range(2, 5)
Place = tuple[str, int]
"""A topic's partition."""


class Violation(AssertionError):
    """An invariant does not hold."""


# ---- three little services


def kind_of(word: str) -> int:
    """What becomes of a word downstream; the same in every run."""
    return (zlib.crc32(word.encode()) >> 4) % 40


def words_of(name: str, word: str) -> tuple[str, ...]:
    """The words that a service makes of a word it is told: none, one or two."""
    match kind_of(f"{name}:{word}"):
        case drawn if drawn < 6:
            return ()
        case drawn if drawn < 14:
            return f"{name}({word})", f"{name}'({word})"
        case _:
            return (f"{name}({word})",)


RECEIPTS = "receipts"


def publications(event: Event) -> list[Message]:
    """A receipt for each fact."""
    return [Message(RECEIPTS, event.subject, str(event.sequence).encode())]


Recall = Callable[[Store, Document, Sequence[Input]], Awaitable[Document]]
NOTES = "notes"


def projection(event: Event) -> list[tuple[str, Row]]:
    """A row for each fact of a service's own."""
    row = {"_id": f"{event.subject}/{event.sequence:020d}", "subject": event.subject, "sequence": event.sequence}
    return [(NOTES, {**row, "what": event.data["what"]})]


def service_of(name: str, repaired: bool, recall: Recall | None = None) -> Service:
    """A service; before it is repaired, some facts cannot be read and some cannot be decided on."""

    def translate(event: Event) -> object | None:
        assert isinstance(event.fact, NotedV1)
        word = event.fact.what
        if not repaired and kind_of(f"{name}{word}") == 0:
            raise BrokenEvent("this program is too old")
        if not repaired and kind_of(f"{name}{word}") == 1:
            return Explode()
        if kind_of(f"{name}{word}") in UNINTERESTING:
            return None
        return Note(words_of(name, word)) if words_of(name, word) else Pass()

    def read_agency(record: Record, _now: datetime) -> Input:
        told = json.loads(record.value)
        return replace(command_of(told), record=record)

    reads = {source: LANGUAGE for source in SOURCES[name]}
    return Service(
        name,
        {"pilot": TALLY},
        recall=recall,
        reads=reads,
        translate=translate,
        read_agency=None if reads else read_agency,
        own=LANGUAGE,
        publications=(lambda _event: []) if reads else publications,
        projection=projection,
    )


async def rows_told(store: Store, document: Document) -> list[Row]:
    """The rows of a document's facts, as a service reads what its state leaves to them."""
    parts = rows_of(
        store,
        document,
        NOTES,
        {"subject": document.subject},
        order=(("_id", 1),),
        own=LANGUAGE,
        projection=projection,
        page=3,
    )
    return [row async for some in parts for row in some]


def command_of(told: Mapping[str, Any]) -> Input:
    """A submission or a person's command, as its sender wrote it."""
    due = START + timedelta(seconds=told["due"]) if told["due"] else None
    return claimed(told["subject"], told["id"], Note(tuple(told["words"]), due=due), digest=told["id"])


def wanted_of(name: str, word: str) -> tuple[str, ...]:
    """What a service has noted in the end of one word."""
    return () if kind_of(f"{name}{word}") in UNINTERESTING else words_of(name, word)


# ---- the world


class Turns:
    """Lets one task run at a time, from one boundary to the next. Mostly the same one goes on, so others stall."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._waiting: list[tuple[asyncio.Task[Any] | None, asyncio.Future[None]]] = []
        self._running = 0
        self._idle = asyncio.Event()
        self.free = False
        self.steps = 0

    async def boundary(self) -> None:
        """Waits for the next turn."""
        if self.free:
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((asyncio.current_task(), turn))
        self._stopped()
        await turn

    def _stopped(self) -> None:
        self._running -= 1
        if self._running == 0:
            self._idle.set()

    async def fork(self, *parts: Coroutine[Any, Any, Any]) -> Any:
        """What goes side by side in an engine: here too, but for one of them at a time. Who asked runs no more until
        the last of them has ended, and then in its stead."""
        left = len(parts)

        async def run(part: Coroutine[Any, Any, Any]) -> Any:
            nonlocal left
            try:
                return await part
            finally:
                left -= 1
                if left and not self.free:
                    self._stopped()

        self._running += left - 1
        return await side_by_side(*map(run, parts))

    async def play(self, actors: Sequence[Coroutine[Any, Any, None]]) -> None:
        """Runs all actors to their end."""
        self._running = len(actors)
        tasks = [asyncio.create_task(actor) for actor in actors]
        for task in tasks:
            task.add_done_callback(lambda _task: self._stopped())
        last: asyncio.Task[Any] | None = None
        while True:
            await self._idle.wait()
            self._idle.clear()
            if not self._waiting:
                break
            again = [n for n, (task, _) in enumerate(self._waiting) if task is last]
            go_on = again and self._rng.random() < 0.6
            last, turn = self._waiting.pop(again[0] if go_on else self._rng.randrange(len(self._waiting)))
            self._running += 1
            self.steps += 1
            turn.set_result(None)
        failures = [error for task in tasks if (error := task.exception()) is not None]
        if failures:
            raise failures[0]


@dataclass
class World:
    """Topics, offsets and databases, and what happens to them."""

    seed: int
    stores: Mapping[str, Store]
    steps: int = 1600
    commit_first: bool = False
    careless: bool = False
    logs: dict[Place, list[Message]] = field(default_factory=lambda: defaultdict(list))
    committed: dict[tuple[str, Place], int] = field(default_factory=lambda: defaultdict(int))
    told: list[dict[str, Any]] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    misread: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.turns = Turns(self.rng)
        self.clock = Clock()
        self.new_id = numbered()
        self.quiet = False
        self._readers = {name: Reader(service_of(name, True), store, self.clock) for name, store in self.stores.items()}
        self.trouble = self.rng.choice([0.012, 0.03, 0.06])

    # -- what can go wrong

    async def call(self, real: Callable[[], Awaitable[Any]]) -> Any:
        """One call of the store: before and after it the task may stall, die, or be told that it did not go."""
        await self.turns.boundary()
        self.clock.forward(milliseconds=self.rng.randrange(400))
        fate = self._fate()
        if fate in ("crash before", "cancel before"):
            raise Crash if fate == "crash before" else asyncio.CancelledError
        if fate == "away before":
            raise StoreAway(fate)
        answer = await real()
        if fate in ("crash after", "cancel after"):
            raise Crash if fate == "crash after" else asyncio.CancelledError
        if fate == "away after":
            raise StoreAway(fate)
        return answer

    def _fate(self) -> str:
        if self.quiet:
            return ""
        drawn = self.rng.random()
        fates = ("crash before", "crash after", "cancel before", "cancel after", "away before", "away after")
        fate = fates[int(drawn / self.trouble * len(fates))] if drawn < self.trouble else ""
        self.happened[fate] += 1
        return fate

    async def send(self, messages: Sequence[Message]) -> list[BaseException | None]:
        """The broker: appends, loses, loses only the acknowledgement, appends twice; its client may die in between.

        As its client promises, nothing is appended behind a record of the same topic and key that failed.
        """
        await self.turns.boundary()
        answers: list[BaseException | None] = []
        dies_at = self.rng.randrange(len(messages) + 1) if self._fate().startswith(("crash", "cancel")) else None
        failed = set[tuple[str, str]]()
        for place, message in enumerate(messages):
            if place == dies_at:
                raise Crash
            if (series := (message.topic, message.key)) in failed and not self.careless:
                answers.append(ConnectionError("behind one that failed"))
                continue
            if message.topic == RECEIPTS and self._closed():
                failed.add(series)
                answers.append(ConnectionError("the topic takes nothing"))
                self.happened["withheld"] += 1
                continue
            drawn = 1.0 if self.quiet else self.rng.random() / self.trouble * 0.03
            copies = 0 if drawn < 0.05 else 2 if drawn < 0.1 else 1
            self.happened[f"sent {copies} times"] += 1
            self.logs[self.place_of(message.topic, message.key)] += [message] * copies
            answers.append(ConnectionError("lost") if drawn < 0.05 or 0.1 <= drawn < 0.13 else None)
            if answers[-1] is not None:
                failed.add(series)
        if dies_at is not None:
            raise Crash
        return answers

    def _closed(self) -> bool:
        """Whether the topic of receipts takes nothing now."""
        return not self.quiet and self.turns.steps // 40 % 3 == 1

    def place_of(self, topic: str, key: str) -> Place:
        """Where a key's records stand."""
        return topic, (zlib.crc32(key.encode()) >> 4) % PARTITIONS

    def engine(self, name: str) -> Engine:
        """A process of a service, just started."""
        store = cast(Store, Faulty(self, self.stores[name]))
        repaired = self.quiet or self.turns.steps > 0.7 * self.steps
        return Engine(
            service_of(name, repaired, self.recall),
            store,
            self.send,
            now=self.clock,
            new_id=self.new_id,
            calendars=CALENDARS,
        )

    async def recall(self, store: Store, document: Document, _inputs: Sequence[Input]) -> Document:
        """Looks, now and then, whether the rows of a loaded document's facts are what its state was told."""
        if self.rng.random() < 0.3:
            self.happened["recalled"] += 1
            rows = await rows_told(store, document)
            if [row["what"] for row in rows] != list(notes_of(document.state)):
                self.misread.append(f"{document.subject} was told {notes_of(document.state)}, and its rows say {rows}")
        return document

    # -- actors

    async def replica(self, name: str) -> None:
        """One process of a service after the other: reads what it is given, sweeps, fires timers, dies."""
        while self.turns.steps < self.steps:
            process, positions = self.engine(name), self._assigned(name)
            try:
                while self.turns.steps < self.steps:
                    await self.turns.boundary()
                    await self._work(process, positions)
            except (Crash, asyncio.CancelledError):
                self.happened["died"] += 1

    def _assigned(self, name: str) -> dict[Place, int]:
        """The partitions that a replica reads; another may still be at work on the same ones."""
        places = [(topic, n) for topic in READS[name] for n in range(PARTITIONS)]
        mine = self.rng.sample(places, self.rng.randint(1, len(places)))
        return {place: self.committed[name, place] for place in mine}

    async def _work(self, process: Engine, positions: dict[Place, int]) -> None:
        name = process.service.name
        drawn = self.rng.random()
        try:
            if drawn < 0.08:
                await process.sweep(timedelta(seconds=self.rng.choice([0, 1, 5])))
            elif drawn < 0.12 and name == "alpha":
                await process.withheld.again()
            elif drawn < 0.16 and name == "alpha":
                await process.timers()
            elif drawn < 0.2:
                self.happened["rebalanced"] += 1
                positions.clear()
                positions.update(self._assigned(name))
            elif drawn < 0.24:
                rows = await parked_rows(process.store, {})
                if rows:
                    await process.parking.redrive([self.rng.choice(rows)["_id"]])
            else:
                places = self.rng.sample(sorted(positions), self.rng.randint(1, min(2, len(positions))))
                await self.read(process, places, positions, self.rng.randint(1, 7))
        except (StoreAway, SendFailed):
            self.happened["given back"] += 1

    async def read(self, process: Engine, places: Sequence[Place], positions: dict[Place, int], most: int) -> None:
        """A batch of each of these places, together: fetched, handed to the engine, committed."""
        name, batch, ends = process.service.name, list[Record](), dict[Place, int]()
        for place in places:
            start = positions[place]
            batch += [
                Record(*place, offset, message.key.encode(), message.value)
                for offset, message in enumerate(self.logs[place][start : start + most], start)
            ]
            ends[place] = min(start + most, len(self.logs[place]))
        if not batch:
            return
        if self.commit_first:
            self.committed |= {(name, place): end for place, end in ends.items()}
        await process.records(batch)
        await self._check_commit(process, batch)
        positions |= ends
        self.committed |= {(name, place): end for place, end in ends.items()}
        self.happened["committed"] += 1

    async def client(self, told: Sequence[Mapping[str, Any]]) -> None:
        """A person's program: sends each command until it is answered, and sometimes once more."""
        process = self.engine("alpha")
        for one in told:
            answers = list[int]()
            while len(answers) < (2 if self.rng.random() < 0.3 else 1):
                await self.turns.boundary()
                try:
                    outcome = await process.command(command_of(one))
                    if not isinstance(outcome, (Done, Duplicate)):
                        raise Violation(f"{one} was answered {outcome}")
                    answers.append(outcome.version)
                    if self.rng.random() < 0.7:
                        await process.outbox.flush()
                except (Crash, asyncio.CancelledError):
                    process = self.engine("alpha")
                except StoreAway:
                    self.happened["command given back"] += 1
            if len(set(answers)) != 1:
                raise Violation(f"one command, two answers: {answers}")

    async def _check_commit(self, process: Engine, batch: Sequence[Record]) -> None:
        """What may be committed: every record is seen or parked, and the facts that it caused are in the topic."""
        name = process.service.name
        store = self.stores[name]
        inputs, unreadable = await self._readers[name].inputs(batch)
        assert not unreadable
        documents = await store.load({one.subject for one in inputs}, lambda _s: TALLY.state)
        kept = {row["_id"] for row in await parked_rows(store, {"_id": {"$in": [r.id for r in batch]}})}
        there = {
            (message.key, json.loads(message.value)["sequence"])
            for (topic, _), log in self.logs.items()
            if topic == fact_topic(name)
            for message in log
        }
        for one in inputs:
            assert one.record is not None
            document = documents.get(one.subject)
            if one.record.id in kept:
                continue  # whoever takes it up, now or later, sends before the parked record goes
            if document is None or not _knows(document, one):
                raise Violation(f"{name} commits {one.record.id}, which is neither done nor parked")
            for entry in document.outbox:
                made = json.loads(entry.value)
                if _caused(made["data"]["cause"], one) and (one.subject, made["sequence"]) not in there:
                    raise Violation(f"{name} commits {one.record.id} before its facts are in the topic")

    # -- the course of things

    def prepare(self) -> list[list[dict[str, Any]]]:
        """Writes what agencies sent and gives what people will send; some of it is sent twice."""
        subjects = [f"p{n}" for n in range(self.rng.randint(2, 4))]
        for number in range(22):
            words = [f"w{number}.{n}" for n in range(self.rng.choice([1, 1, 2, 3]))]
            due = self.rng.choice([0, self.rng.randrange(1, 60)])
            subject = self.rng.choice(subjects)
            self.told.append({"subject": subject, "id": f"i{number}", "words": words, "due": due})
        by_agency = [*self.told[:12], *self.rng.sample(self.told[:12], 4)]
        for one in by_agency:
            value = json.dumps(one).encode()
            self.logs[self.place_of(AGENCY, self.rng.choice("ab"))].append(Message(AGENCY, one["subject"], value))
        people = self.told[12:]
        return [people[::2], people[1::2]]

    async def run(self) -> None:
        """Trouble first, then peace, then the reckoning. Raises Violation."""
        clients = self.prepare()
        actors = [self.replica(name) for name in ("alpha", "alpha", "beta", "beta", "gamma", "gamma")]
        with patch.object(engine_at_work, "side_by_side", self.turns.fork):
            await self.turns.play([*actors, *map(self.client, clients)])
        self.turns.free = self.quiet = True
        await self.drain()
        await self.reckon()

    async def drain(self) -> None:
        """Everything is repaired, started anew, read to the end, swept and redriven, until nothing moves."""
        self.clock.forward(minutes=10)
        for _ in range(12):
            before = sum(map(len, self.logs.values()))
            for name, topics in READS.items():
                process = self.engine(name)
                for place in [(topic, n) for topic in topics for n in range(PARTITIONS)]:
                    positions = {place: self.committed[name, place]}
                    while positions[place] < len(self.logs[place]):
                        await self.read(process, [place], positions, 50)
                await process.timers()
                await process.sweep(timedelta(0))
                self.clock.forward(minutes=2)
                await process.withheld.again()
                rows = await parked_rows(process.store, {})
                await process.parking.take_up({row["subject"] for row in rows if row["subject"]}, also_broken=True)
                self.clock.forward(seconds=1)
            if before == sum(map(len, self.logs.values())):
                return
        raise Violation("it does not come to rest")

    async def reckon(self) -> None:
        """The invariants at rest."""
        if self.misread:
            raise Violation(self.misread[0])
        facts = {name: self._series(name) for name in READS}
        for name, store in self.stores.items():
            if left := await parked_rows(store, {}):
                raise Violation(
                    f"{name} has parked records left: {[(r['_id'], r['status'], r['cause']) for r in left]}"
                )
            await self._compare(name, store, facts)
        self._effects(facts)
        self._receipts({subject: len(events) for subject, events in facts["alpha"].items()})

    def _receipts(self, wanted: Mapping[str, int]) -> None:
        """Every fact of alpha has its receipt; one that comes for the first time comes behind all before it."""
        for subject, count in wanted.items():
            log = self.logs[self.place_of(RECEIPTS, subject)]
            found = list(dict.fromkeys(int(message.value) for message in log if message.key == subject))
            if found != list(range(1, count + 1)):
                raise Violation(f"the receipts of {count} facts of {subject} came as {found}")

    def _series(self, name: str) -> dict[str, list[dict[str, Any]]]:
        """Each subject's facts without duplicates. They must be 1, 2, 3 ... with the same bytes under one number."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        bytes_of: dict[tuple[str, int], bytes] = {}
        for (topic, _), log in self.logs.items():
            for message in log if topic == fact_topic(name) else ():
                event = json.loads(message.value)
                sequence = int(event["sequence"])
                known = bytes_of.setdefault((message.key, sequence), message.value)
                if known != message.value:
                    raise Violation(f"{name} {message.key} has two facts number {sequence}")
                if sequence > len(found[message.key]):
                    if sequence != len(found[message.key]) + 1:
                        raise Violation(f"{name} {message.key} sent {sequence} after {len(found[message.key])}")
                    found[message.key].append(event)
        return found

    async def _compare(self, name: str, store: Store, facts: Mapping[str, Any]) -> None:
        """Every document against its own journal and against a reader who takes the inputs one by one."""
        rows = await store.rows("subjects", {}, sort=[("_id", 1)], limit=100)
        documents = await store.load([row["_id"] for row in rows], lambda _s: TALLY.state)
        for subject, document in documents.items():
            if document.outbox:
                raise Violation(f"{name} {subject} has facts left in its outbox")
            journal = [event["data"]["what"] for event in facts[name][subject]]
            if list(notes_of(document.state)) != journal or document.version != len(journal):
                raise Violation(f"{name} {subject} is not what its journal says: {document.state} {journal}")
            read = {source: len(facts[source][subject]) for source in SOURCES[name] if facts[source][subject]}
            if dict(document.seen) != read:
                raise Violation(f"{name} {subject} has seen {document.seen} of {read}")
        missing = {s for source in SOURCES[name] for s in facts[source]} - documents.keys()
        if missing:
            raise Violation(f"{name} never heard of {missing}")

    def _effects(self, facts: Mapping[str, Mapping[str, list[dict[str, Any]]]]) -> None:
        """Every input had exactly one effect, in the order of its source, and after what its writer had seen."""
        told = {one["id"]: one for one in self.told}
        causes: Counter[str] = Counter()
        for subject, events in facts["alpha"].items():
            done: list[str] = []
            for event in events:
                done.append(event["data"]["what"])
                cause = event["data"]["cause"]
                if cause is not None:
                    causes[cause.get("id") or f"{subject} {cause['due']}"] += 1
                    wanted = told[cause["id"]]["words"] if "id" in cause else ["ticked"]
                    if done != wanted:
                        raise Violation(f"alpha made {done} of {wanted}")
                    done = []
        if told.keys() - causes.keys() or max(causes.values()) > 1:
            raise Violation(f"alpha's inputs and their effects: {causes}, never: {told.keys() - causes.keys()}")
        for name in ("beta", "gamma"):
            for source in SOURCES[name]:
                for subject, events in facts[source].items():
                    self._effects_of(name, source, subject, events, facts[name].get(subject, []))

    def _effects_of(
        self, name: str, source: str, subject: str, events: Sequence[dict[str, Any]], made: Sequence[dict[str, Any]]
    ) -> None:
        wanted = [word for event in events for word in wanted_of(name, event["data"]["what"])]
        # Words nest, so what a word was made of says which source it came from.
        found = [event["data"]["what"] for event in made if event["data"]["what"] in set(wanted)]
        if found != wanted:
            raise Violation(f"{name} {subject} made {found} of {source} instead of {wanted}")
        for event in made:
            cause = event["data"]["cause"]
            if cause is not None and cause["source"] == source:
                needed = events[cause["sequence"] - 1]["data"]["after"]
                for other in set(needed) & set(SOURCES[name]):
                    if event["data"]["after"].get(other, 0) < needed[other]:
                        raise Violation(f"{name} {subject} took {source} {cause['sequence']} before {other}")


def _knows(document: Document, one: Input) -> bool:
    """Whether a document says that an input is done."""
    match one.mark:
        case Sequenced(source, sequence, _):
            return bool(document.seen.get(source, 0) >= sequence)
        case Claimed() as claim:
            return claim.key in document.ids
    return False


def _caused(cause: Mapping[str, Any] | None, one: Input) -> bool:
    """Whether a fact's cause is this input."""
    if cause is None:
        return False
    match one.mark:
        case Sequenced(source, sequence, _):
            return cause.get("source") == source and cause.get("sequence") == sequence
        case Claimed(_, id_, _):
            return cause.get("id") == id_
    return False


class Faulty:
    """A real store each of whose calls passes the world."""

    def __init__(self, world: World, store: Store) -> None:
        self._world = world
        self._store = store

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)
        if not inspect.iscoroutinefunction(real):
            return real

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._world.call(lambda: real(*args, **kwargs))

        return call

    async def scan(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        """As the store's, page by page through the world."""
        async for row in Store.scan(cast(Store, self), *args, **kwargs):
            yield row
