"""All stored events of all agencies, judged by one set of rules, from topic to topic in bounded memory: some events,
and eight bytes of each that stands in an agency's topic.

What fails is written to a file as it is found, a JSON value on each line; at the end of it stands what was counted.
"""

import asyncio
import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.event import BrokenEvent, parse_own_fact
from contracts.intake import INTAKE as LANGUAGE
from contracts.intake import EventReceived
from contracts.rules import RuleBook, load
from contracts.topics import INTAKE, agency_topic, fact_topic
from deploy.complaint import Complaint
from deploy.login import Login
from deploy.preview import PROGRESS
from deploy.preview.editions import changed
from deploy.preview.judging import Judged, engine_of, judged
from deploy.preview.taken import Taken, as_sent
from deploy.progress import Say, task
from services.chassis.bus import record_of
from services.chassis.engine import Engine
from services.chassis.store import Store, StoreAway, open_client

MOST: Final = 200
"""So many events are judged together."""
FETCHED: Final = 2 * 1024 * 1024
"""So many bytes of a topic are fetched at once; a larger event comes alone."""
PATIENCE: Final = 60.0
"""Seconds without any record, after which a topic cannot be read."""


def run(job: Mapping[str, Any]) -> None:
    """One pass. `ends`: up to which offset each agency's topic is read; `facts`: from which offset to which each
    partition of intake's own topic is, for what came over HTTP; `editions`: files that stand for an edition each;
    `found`: where what fails is written. Raises Complaint."""
    rules = changed(load(), job["editions"])
    asyncio.run(_pass(job, rules, _say))


def _say(text: str) -> None:
    print(f"{PROGRESS}{text}", file=sys.stderr, flush=True)


async def _pass(job: Mapping[str, Any], rules: RuleBook, say: Say) -> None:
    store = Store(open_client(job["mongo_url"]), job["database"])
    engine = engine_of(store, rules, lambda: datetime.now(UTC))
    total = sum(job["ends"].values()) + sum(end - begin for begin, end in job["facts"].values())
    try:
        with Path(job["found"]).open("w", encoding="utf-8") as file, task(say, f"{job['what']}, events", total) as done:
            one_pass = Pass(engine, Login(**job["login"]), file, done.advance)
            for code, end in sorted(job["ends"].items()):
                await one_pass.of_agency(code, end)
            await one_pass.over_http(job["facts"])
    except StoreAway as error:
        raise Complaint(f"Intake's database cannot be read: {error}.") from error
    finally:
        await store.close()


@dataclass(slots=True)
class Pass:
    """What one set of rules makes of all that is stored. Each event counts once, as it came first: what an agency sends
    again under its id is the same event, or a conflict, whatever the rules; and one that stands in its agency's topic
    is not judged once more by the fact of it."""

    engine: Engine
    login: Login
    file: IO[str]
    advance: Callable[[int], None]
    known: set[int] = field(default_factory=set)

    async def of_agency(self, code: str, end: int) -> None:
        """What an agency sent over Kafka."""
        events = undecided = 0
        async for raws in read(self.login, TopicPartition(agency_topic(code).name, 0), 0, end):
            records = [record_of(raw) for raw in raws]
            for record, one in zip(records, await judged(self.engine, records), strict=True):
                if self._comes_first(code, one.event_id):
                    self._say({"agency": code, "offset": record.offset}, one)
                    events += 1
                    undecided += one.undecided
            self.advance(len(records))
        _line(self.file, {"agency": code, "events": events, "undecided": undecided})

    async def over_http(self, facts: Mapping[str, tuple[int, int]]) -> None:
        """What intake took that is in no agency's topic: what came over HTTP."""
        counted = Counter[str]()
        for partition, (begin, end) in sorted((int(name), ends) for name, ends in facts.items()):
            async for raws in read(self.login, TopicPartition(fact_topic(INTAKE), partition), begin, end):
                await self._taken(partition, raws, counted)
                self.advance(len(raws))
        for code, events in sorted(counted.items()):
            _line(self.file, {"over": "http", "agency": code, "events": events, "undecided": 0})

    async def _taken(self, partition: int, raws: Sequence[Any], counted: Counter[str]) -> None:
        found = [(raw.offset, taken) for raw in raws if (taken := _received(raw.value or b"")) is not None]
        new = [one for one in found if self._comes_first(one[1][1].agency, one[1][1].event_id)]
        answers = await judged(self.engine, await as_sent(self.engine.store, [taken for _, taken in new]))
        for (offset, (_, fact)), one in zip(new, answers, strict=True):
            counted[fact.agency] += 1
            self._say({"over": "http", "agency": fact.agency, "partition": partition, "offset": offset}, one)

    def _comes_first(self, agency: str, event_id: str) -> bool:
        """Whether this event was not there before; from now on it was."""
        mark, before = _mark(agency, event_id), len(self.known)
        self.known.add(mark)
        return len(self.known) > before

    def _say(self, place: Mapping[str, Any], one: Judged) -> None:
        if one.rules:
            _line(self.file, {**place, "event_id": one.event_id, "rules": one.rules})


def _line(file: IO[str], said: Mapping[str, Any]) -> None:
    file.write(json.dumps(said, ensure_ascii=False) + "\n")


def _mark(agency: str, event_id: str) -> int:
    """By what an event is known again: eight bytes of each that is stored."""
    return int.from_bytes(hashlib.sha256(f"{agency}\0{event_id}".encode()).digest()[:8])


def _received(value: bytes) -> Taken | None:
    """A fact by which an event was taken; None for any other."""
    try:
        event = parse_own_fact(value, LANGUAGE)
    except BrokenEvent:
        return None
    return (event, event.fact) if isinstance(event.fact, EventReceived) else None


async def read(login: Login, place: TopicPartition, begin: int, end: int) -> AsyncIterator[list[Any]]:
    """The records of a partition in their order, between two offsets, some at a time. Raises Complaint."""
    consumer = AIOKafkaConsumer(
        **login.aiokafka(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCHED,
    )
    await consumer.start()
    try:
        consumer.assign([place])
        first = (await consumer.beginning_offsets([place]))[place]
        consumer.seek(place, max(begin, first))
        moved = time.monotonic()
        while await consumer.position(place) < end:
            came = await consumer.getmany(place, timeout_ms=500, max_records=MOST)
            some = [raw for raw in came.get(place, ()) if raw.offset < end]
            if some:
                yield some
                moved = time.monotonic()
            elif time.monotonic() - moved > PATIENCE:
                raise Complaint(f"{place.topic} cannot be read to its end; run the preview again.")
    finally:
        await consumer.stop()
