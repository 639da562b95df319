"""What the parties share that play the script: reading Kafka in batches, and making a fact of a line of the script."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.pipeline.people import submission, submit
from bench.pipeline.plan import AGENCY, BATCH, PEOPLE, Plan
from bench.pipeline.script import OWN, SUBMISSION, Cue, Line, Script, fact_id, label_of
from contracts.event import wire_moment
from contracts.topics import FACT_MAX_BYTES, INTAKE, SERVICES
from services.chassis.store import ALONE

PRODUCER_BATCH: Final = 512 * 1024
"""Bytes that go to a partition in one request, as our services have it."""

Take = Callable[[str, Sequence[Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One input of a service: the subject that it is about, the pilot that it belongs to, what it makes (None: it only
    passes by), and from which series it comes with which place (None for what is claimed)."""

    service: str
    subject: str
    pilot: str
    cue: Cue | None
    key: str
    series: tuple[str, int] | None


def sources(party: str) -> tuple[str, ...]:
    """Whose topics a party reads: those that the real one reads."""
    if party == PEOPLE:
        return SERVICES
    return (*OWN[party].sources, AGENCY) if party == INTAKE else tuple(OWN[party].sources)


def topic_of(plan: Plan, source: str) -> str:
    """The topic that a source is read from in this run."""
    return plan.submissions if source == AGENCY else plan.topics[source]


def group_of(plan: Plan, party: str, source: str) -> str:
    """The consumer group of a party for one source."""
    return f"{plan.run}.{party}.{source}"


def asked(script: Script, party: str, source: str, value: bytes) -> Iterator[Asked]:
    """What a record asks of a party. Parsing it is all that is done to know."""
    body = json.loads(value)
    if source == AGENCY:
        pilot = str(uuid5(NAMESPACE_URL, body["id"]))
        for cue in script.asked(party, SUBMISSION):
            yield Asked(cue.service, pilot, pilot, cue, f"agency:{body['id']}", None)
        return
    label, pilot = label_of(body["id"]), body["correlationid"]
    cues = script.asked(party, label)
    series = (source, int(body["sequence"])) if party not in (source, PEOPLE) else None
    if series is not None and not cues:
        yield Asked(party, body["subject"], pilot, None, body["id"], series)
    for place, cue in enumerate(cues):
        yield Asked(cue.service, cue.subject or pilot, pilot, cue, f"{body['id']}:{place}{party[0]}", series)


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact as it is stored and sent."""

    line: Line
    id: str
    subject: str
    sequence: int
    value: bytes

    def headers(self) -> list[tuple[str, bytes]]:
        """Those that a real fact has."""
        mine = {"ce_id": self.id.encode(), "ce_subject": self.subject.encode()}
        return [(name, mine.get(name, value)) for name, value in self.line.headers]


def made(line: Line, pilot: str, sequence: int) -> Fact:
    """The fact of a line for a pilot, at its place in the series of its subject."""
    subject = line.subject or pilot
    id_ = fact_id(line.label, pilot)
    body = {
        **line.body,
        "id": id_,
        "subject": subject,
        "time": wire_moment(datetime.now(UTC)),
        "sequence": f"{sequence:020d}",
        "correlationid": pilot,
    }
    return Fact(line, id_, subject, sequence, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())


def state_of(line: Line, pilot: str) -> Mapping[str, Any]:
    """The state after a line; what no two subjects may say of themselves at once, each pilot says in its own words."""
    return {**line.state, ALONE: pilot} if isinstance(line.state.get(ALONE), str) else line.state


def rows_of(fact: Fact, pilot: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of side collections that go with a fact."""
    for place, (collection, row) in enumerate(fact.line.rows):
        yield collection, {**row, "_id": f"{fact.id}/{place:020d}", "pilot": pilot}


async def producing(plan: Plan) -> AIOKafkaProducer:
    """A producer with the settings of our services."""
    producer = AIOKafkaProducer(
        **plan.kafka.aiokafka(),
        acks="all",
        enable_idempotence=True,
        linger_ms=2,
        max_batch_size=PRODUCER_BATCH,
        max_request_size=FACT_MAX_BYTES,
    )
    await producer.start()
    return producer


async def reading(plan: Plan, party: str, take: Take, most: int = BATCH) -> None:
    """Reads every source of a party in batches, each committed when it is done, until stopped."""
    loops = [asyncio.create_task(_read(plan, party, source, take, most)) for source in sources(party)]
    await plan.begin(party)
    if party == PEOPLE:
        await submit(plan, [submission(AGENCY, one) for one in plan.event_ids()])
    await asyncio.gather(*loops)


async def _read(plan: Plan, party: str, source: str, take: Take, most: int) -> None:
    consumer = AIOKafkaConsumer(
        topic_of(plan, source),
        **plan.kafka.aiokafka(),
        group_id=group_of(plan, party, source),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
    )
    await consumer.start()
    try:
        while True:
            found = await consumer.getmany(timeout_ms=50, max_records=most)
            records = [record for some in found.values() for record in some]
            if records:
                await take(source, records)
                await consumer.commit()
    finally:
        await consumer.stop()
