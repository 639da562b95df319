"""An agency's side of Kafka: its events to its own topic, and its receipts back."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from contracts.topics import agency_topic, receipts_topic
from deploy.cli.desk import PATIENCE
from deploy.complaint import Complaint
from deploy.login import Login


async def publish(login: Login, by_agency: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Sends agencies' events to their topics and waits until Kafka has acknowledged all of them."""
    producer = AIOKafkaProducer(**login.aiokafka(), acks="all", enable_idempotence=True)
    await producer.start()
    try:
        sent = [
            await producer.send(agency_topic(code).name, json.dumps(event, ensure_ascii=False).encode())
            for code, events in by_agency.items()
            for event in events
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def receipts(login: Login, agency: str, count: int) -> list[dict[str, Any]]:
    """The first receipts of an agency, read with its own user. Raises Complaint after PATIENCE."""
    return asyncio.run(_receipts(login, agency, lambda found: len(found) >= count))


def heard(login: Login, agency: str, events: Set[str]) -> dict[str, dict[str, Any]]:
    """The first receipt of each of these events, by its id. Raises Complaint after PATIENCE."""
    found = asyncio.run(_receipts(login, agency, lambda found: {one["event_id"] for one in found} >= events))
    return {one["event_id"]: one for one in reversed(found) if one["event_id"] in events}


async def _receipts(
    login: Login, agency: str, enough: Callable[[Sequence[Mapping[str, Any]]], bool]
) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}  # a receipt may come twice; its id is the same
    consumer = AIOKafkaConsumer(receipts_topic(agency).name, **login.aiokafka(), auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(PATIENCE):
            while not enough(list(found.values())):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    events = [json.loads(record.value) for record in records]
                    found |= {event["id"]: event["data"] for event in events if event["id"] not in found}
    except TimeoutError as error:
        raise Complaint(f"{agency} got {len(found)} receipts, and not all that it waits for.") from error
    finally:
        await consumer.stop()
    return list(found.values())
