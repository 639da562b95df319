"""What a flood of one agency does to another: how soon a single event is answered, alone and meanwhile, over HTTP and
over Kafka.

The flooder's topic is full of events before anything is measured beside it, and it POSTs ten times as many as its quota
lets in, from the same moment on. What sends the POSTs is ready before that: its start would take a core from both. Over
Kafka an event is answered when its receipt stands in the receipts of its agency, read by that agency itself; over HTTP,
when the POST is answered, from the moment at which it was to be sent.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from itertools import count
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.posting import Generator, Job
from bench.times import not_exceeded
from contracts.agency import ApplicationSubmittedV2
from contracts.reference import Role
from contracts.steps import EditionFrom
from contracts.topics import INTAKE, agency_topic, receipts_topic
from deploy import access
from deploy.cli.agencies import enter_at
from deploy.cli.main_job import application
from deploy.cli.publishing import publish
from deploy.complaint import Complaint
from deploy.local.stack import Stack
from deploy.login import Login
from services.chassis.settings import Settings
from services.intake.quotas import most_of

FLOOD: Final = 6000
SECONDS: Final = 30
"""For so long it is measured, alone and beside the flood."""
WARM_UP: Final = 5
CALM_RATE: Final = 10
"""POSTs a second of the agency that is measured."""
FLOOD_RATE: Final = 200
"""POSTs a second of the one that floods."""
FLOODER: Final = "bench-flood"
OTHER: Final = "bench-calm"
PASSWORD: Final = "a-secret-of-benches"
ANSWERED_WITHIN: Final = 120.0


def opened(stack: Stack, code: str, more: Mapping[str, Any] = MappingProxyType({})) -> Login:
    """Enters an agency, with its topics and its user; how it logs in. `more` is said in its entry."""
    backends = stack.backends
    user = access.add_agency(backends.kafka.admin(), code, PASSWORD if backends.kafka.username else None)
    since = EditionFrom(edition="by-2024", since=date(2025, 1, 1))
    enter_at(stack.urls[INTAKE], stack.token([Role.ADMIN]), code, f"Ведомство измерений {code}", since, more)
    return Login(backends.kafka.bootstrap, user, PASSWORD) if backends.kafka.username else backends.kafka


async def run(stack: Stack, events: int = FLOOD, seconds: int = SECONDS) -> dict[str, Any]:
    """How long the answers to single events took, alone and while another agency floods both doors at once."""
    quota = most_of(Settings())
    if quota is None:
        raise Complaint("Quotas are switched off: there is nothing that a flood could be held to.")
    flooder = await asyncio.to_thread(opened, stack, FLOODER, {"quota": quota.model_dump()})
    other = await asyncio.to_thread(opened, stack, OTHER)
    numbers = count()
    async with receipts_of(other, OTHER) as receipts, receipts_of(flooder, FLOODER) as theirs, _sending(other) as out:
        await _beside(await _calm(stack, numbers, WARM_UP), out, receipts, numbers, WARM_UP)
        alone = await _beside(await _calm(stack, numbers, seconds), out, receipts, numbers, seconds)
        calm = await _calm(stack, numbers, seconds)
        posts = await Generator.ready(_job(stack, FLOODER, count(events), FLOOD_RATE * seconds, FLOOD_RATE))
        flood = [application(number, FLOODER, kind=ApplicationSubmittedV2.TYPE) for number in range(events)]
        began = time.monotonic()
        await publish(flooder, {FLOODER: flood})
        published = time.monotonic() - began
        refused = asyncio.create_task(posts.sent())
        flooded = await _beside(calm, out, receipts, numbers, seconds)
        statuses = Counter(str(one.status) for one in (await refused).answers)
        waiting = events + statuses["201"] - await told(theirs)
    return {
        "events": events,
        "quota_events_a_minute": quota.events_a_minute,
        "posts_a_second": FLOOD_RATE,
        "published_s": round(published, 1),
        "answers_to_posts": dict(statuses),
        "still_waiting": waiting,
        "p99_alone_ms": _part(alone[0]),
        "p99_flooded_ms": _part(flooded[0]),
        "ratio": round(_part(flooded[0]) / _part(alone[0]), 2),
        "kafka_p99_alone_ms": _part(alone[1]),
        "kafka_p99_flooded_ms": _part(flooded[1]),
        "kafka_ratio": round(_part(flooded[1]) / _part(alone[1]), 2),
    }


async def _calm(stack: Stack, numbers: Iterator[int], seconds: int) -> Generator:
    return await Generator.ready(_job(stack, OTHER, numbers, CALM_RATE * seconds, CALM_RATE))


async def _beside(
    calm: Generator, out: AIOKafkaProducer, receipts: AIOKafkaConsumer, numbers: Iterator[int], seconds: int
) -> tuple[list[float], list[float]]:
    """Milliseconds until the events of the calm agency are answered, over HTTP and over Kafka, for so many seconds."""
    posts = asyncio.create_task(calm.sent())
    over_kafka, until = list[float](), time.monotonic() + seconds
    while time.monotonic() < until:
        over_kafka.append(await _asked_over_kafka(out, receipts, next(numbers)))
    sent = await posts
    if bad := [one.status for one in sent.answers if one.status != 201]:
        raise Complaint(f"{len(bad)} POSTs beside the flood were answered with {sorted(set(bad))}.")
    return [one.ms for one in sent.answers], over_kafka


def _job(stack: Stack, code: str, numbers: Iterator[int], posts: int, rate: int) -> Job:
    bodies = [application(next(numbers), code, kind=ApplicationSubmittedV2.TYPE) for _ in range(posts)]
    at = urlsplit(stack.urls[INTAKE])
    assert at.hostname is not None and at.port is not None
    bearer, text = stack.token([Role.PUBLISHER], org=code), [json.dumps(one, ensure_ascii=False) for one in bodies]
    return Job(host=at.hostname, port=at.port, path="/v1/events", bearer=bearer, bodies=text, rate=rate)


def _part(times: Sequence[float]) -> float:
    return round(not_exceeded(times, 0.99), 1)


async def _asked_over_kafka(out: AIOKafkaProducer, receipts: AIOKafkaConsumer, number: int) -> float:
    """Milliseconds from sending an event until its receipt is there."""
    event = application(number, OTHER, kind=ApplicationSubmittedV2.TYPE)
    began = time.monotonic()
    await out.send_and_wait(agency_topic(OTHER).name, json.dumps(event, ensure_ascii=False).encode())
    async with asyncio.timeout(ANSWERED_WITHIN):
        async for record in receipts:
            if json.loads(record.value)["data"]["event_id"] == event["id"]:
                break
    return 1000 * (time.monotonic() - began)


async def told(receipts: AIOKafkaConsumer) -> int:
    """How many receipts there are."""
    return sum((await receipts.end_offsets(receipts.assignment())).values())


@asynccontextmanager
async def receipts_of(login: Login, code: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A reader of an agency's receipts, from the first."""
    reader = AIOKafkaConsumer(receipts_topic(code).name, **login.aiokafka(), auto_offset_reset="earliest")
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


@asynccontextmanager
async def _sending(login: Login) -> AsyncIterator[AIOKafkaProducer]:
    out = AIOKafkaProducer(**login.aiokafka(), acks="all")
    await out.start()
    try:
        yield out
    finally:
        await out.stop()
