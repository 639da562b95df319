"""An agency's program: publishes an application, reads what becomes of it, and answers when it is asked something.

    pip install ./contracts aiokafka        # nothing else of this repository is needed
    python publish.py AGENCY                # its code, such as vedomstvo-primer

LOTSMAN_KAFKA_URL says where Kafka is (of `./lotsman up`: 127.0.0.1:8192; on containers: 127.0.0.1:9094) and
LOTSMAN_KAFKA_PASSWORD is the password of the agency's user `agency-AGENCY`; without one the connection is a plain one.

Kafka has an event once it is acknowledged; what became of it stands in the receipts. The id of an event is the agency's
own: sent again, after a crash or a timeout, it is known as the same. So this program can be started again at any time.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from lotsman_contracts.builders import application_submitted, clarification_provided
from lotsman_contracts.topics import agency_topic, receipts_topic

MADE: Final = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
"""When our application was made: an event that is sent again is the same in all its parts."""
ENDS: Final = {"refused", "returned", "withdrawn", "stopped", "lapsed", "closed", "decided"}
"""What a receipt says last, unless the agency does something."""


def connection(agency: str) -> dict[str, Any]:
    """How any client of aiokafka is told where Kafka is and who we are."""
    found: dict[str, Any] = {"bootstrap_servers": os.environ["LOTSMAN_KAFKA_URL"]}
    if password := os.environ.get("LOTSMAN_KAFKA_PASSWORD"):
        found |= {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": f"agency-{agency}",
            "sasl_plain_password": password,
        }
    return found


def application(agency: str, id_: str) -> bytes:
    """What we apply for."""
    made: bytes = application_submitted(
        agency,
        id=id_,
        time=MADE,
        title="Запись к врачу без очереди",
        problem="Пациенты ждут приёма до пяти дней.",
        solution="Свободное время врачей видно всем поликлиникам города.",
        sector="health",
        initiator={"id": {"scheme": "BY-UNP", "value": "790000029"}, "name": "ООО «Пример-Разработка»"},
        customer={"id": {"scheme": "BY-UNP", "value": "790000016"}, "name": "Поликлиника № 0 города Примерска"},
        planned_start="2027-01-11",
        planned_end="2027-06-30",
        costs=[{"source": "own-money", "year": 2027, "amount_minor": 3_000_000, "currency": "BYN"}],
        own_number="17-04",
    )
    return made


def answer(agency: str, receipt: dict[str, Any], asked_at: datetime) -> bytes:
    """Our answer to the request that a receipt tells of: a text for each item. To the same request it is the same."""
    asked = receipt["request"]
    answers = [{"item": item["id"], "text": "По журналу регистратуры за март."} for item in asked["items"]]
    id_ = f"{receipt['event_id']}-answer-{asked['id']}"
    made: bytes = clarification_provided(
        agency, receipt["pilot"], id=id_, time=asked_at, request=asked["id"], answers=answers
    )
    return made


async def receipts(consumer: AIOKafkaConsumer, event_id: str) -> AsyncIterator[tuple[dict[str, Any], datetime]]:
    """What becomes of an event and when, from the first receipt on; a receipt that comes twice is told once."""
    seen = set[str]()
    async for record in consumer:
        event = json.loads(record.value)
        if event["data"]["event_id"] == event_id and event["id"] not in seen:
            seen.add(event["id"])
            yield event["data"], datetime.fromisoformat(event["time"])


async def follow(agency: str, event_id: str) -> None:
    """Publishes, reads and answers until there is nothing left to wait for."""
    where = connection(agency)
    producer = AIOKafkaProducer(**where, acks="all", enable_idempotence=True)
    consumer = AIOKafkaConsumer(receipts_topic(agency).name, **where, auto_offset_reset="earliest")
    await producer.start()
    try:
        await consumer.start()
        await producer.send_and_wait(agency_topic(agency).name, application(agency, event_id))
        async for receipt, time in receipts(consumer, event_id):
            print(receipt["outcome"], receipt["number"] or "", receipt["due_at"] or "", flush=True)
            for problem in receipt["problems"]:
                print("  ", problem["pointer"], problem["message_ru"], problem["action"])
            if receipt["outcome"] == "information-requested":
                await producer.send_and_wait(agency_topic(agency).name, answer(agency, receipt, time))
            if receipt["outcome"] in ENDS:
                return
    finally:
        await consumer.stop()
        await producer.stop()


if __name__ == "__main__":
    words = argparse.ArgumentParser(description="Publishes an application and follows it.")
    words.add_argument("agency")
    words.add_argument("--id", default="17-04/2026", help="our own id of the event")
    given = words.parse_args()
    try:
        asyncio.run(follow(given.agency, given.id))
    except KeyboardInterrupt:
        sys.exit("Stopped. Started again, it goes on from where things are then.")
