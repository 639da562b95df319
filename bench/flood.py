"""What a flood of one agency does to another: how soon a single event is answered meanwhile, over Kafka and over HTTP.

All events of the flood stand in the flooder's topic before anything is measured. Over Kafka an event is answered when
its receipt stands in the receipts of its agency, read by that agency itself; over HTTP, when the POST is answered.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any, Final

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

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

FLOOD: Final = 6000
TRIES: Final = 5
FLOODER: Final = "bench-flood"
OTHER: Final = "bench-calm"
PASSWORD: Final = "a-secret-of-benches"
ANSWERED_WITHIN: Final = 120.0


def opened(stack: Stack, code: str) -> Login:
    """Enters an agency, with its topics and its user; how it logs in."""
    backends = stack.backends
    user = access.add_agency(backends.kafka.admin(), code, PASSWORD if backends.kafka.username else None)
    since = EditionFrom(edition="by-2024", since=date(2025, 1, 1))
    enter_at(stack.urls[INTAKE], stack.token([Role.ADMIN]), code, f"Ведомство измерений {code}", since)
    return Login(backends.kafka.bootstrap, user, PASSWORD) if backends.kafka.username else backends.kafka


async def run(stack: Stack, events: int = FLOOD) -> dict[str, Any]:
    """How long the answers to single events took while so many events of another agency waited."""
    flooder, other = [await asyncio.to_thread(opened, stack, code) for code in (FLOODER, OTHER)]
    flood = [application(number, FLOODER, kind=ApplicationSubmittedV2.TYPE) for number in range(events)]
    began = time.monotonic()
    await publish(flooder, {FLOODER: flood})
    published = time.monotonic() - began
    over_kafka, over_http, waiting = list[float](), list[float](), events
    async with receipts_of(other, OTHER) as receipts, receipts_of(flooder, FLOODER) as theirs, _sending(other) as out:
        for number in range(TRIES):
            over_kafka.append(await _asked_over_kafka(out, receipts, 2 * number))
            over_http.append(await _asked_over_http(stack, 2 * number + 1))
            waiting = events - await told(theirs)
        while await told(theirs) < events:
            if time.monotonic() - began > ANSWERED_WITHIN + events / 20:
                raise Complaint(f"{events - await told(theirs)} of {events} events of the flood were never answered.")
            await asyncio.sleep(0.2)
    return {
        "events": events,
        "published_s": round(published, 1),
        "answered_s": round(time.monotonic() - began, 1),
        "still_waiting": waiting,
        "other_kafka_ms": [round(took) for took in over_kafka],
        "other_kafka_max_ms": round(not_exceeded(over_kafka, 1.0)),
        "other_http_ms": [round(took) for took in over_http],
        "other_http_max_ms": round(not_exceeded(over_http, 1.0)),
    }


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


async def _asked_over_http(stack: Stack, number: int) -> float:
    """Milliseconds until the POST of an event is answered."""
    event = application(number, OTHER, kind=ApplicationSubmittedV2.TYPE)
    headers = {"Authorization": f"Bearer {stack.token([Role.PUBLISHER], org=OTHER)}"}
    async with httpx.AsyncClient(timeout=ANSWERED_WITHIN) as client:
        began = time.monotonic()
        answer = await client.post(f"{stack.urls[INTAKE]}/v1/events", json=event, headers=headers)
        took = 1000 * (time.monotonic() - began)
    if answer.status_code != 201:
        raise Complaint(f"A POST beside the flood was answered with {answer.status_code}.")
    return took


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
