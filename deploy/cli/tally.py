"""What the demo counts at its end: each number from another place, so that the balance says something.

Published: records in the agencies' topics, and what was posted. Duplicates: those of them whose id had come before.
Registered and rejected: receipts, each event once. Parked: intake's parked records. In flight: what intake's group has
not committed. Entered and launched: the register.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka import TopicPartition as Offset

from contracts.agency import ApplicationSubmittedV1, ApplicationSubmittedV2, ReceiptOutcome
from contracts.reference import Role, Verdict
from contracts.topics import AGENCY_PREFIX, EXPERTISE, INTAKE, REGISTRY, agency_of, agency_topic, group, receipts_topic
from deploy.cli.common import every_item
from deploy.cli.desk import PATIENCE, Desk
from deploy.complaint import Complaint
from deploy.login import TIMEOUT, Login
from services.registry.domain.stages import Stage

APPLICATIONS: Final = frozenset({ApplicationSubmittedV1.TYPE, ApplicationSubmittedV2.TYPE})
PARTS: Final = ("registered", "duplicates", "rejected", "parked", "in_flight")
"""What an application that was published can have become."""
LAUNCHED: Final = frozenset(
    {
        Stage.RUNNING,
        Stage.SUSPENDED,
        Stage.STOPPED_EARLY,
        Stage.FINISHED,
        Stage.AT_COMMISSION,
        Stage.EFFECTIVE,
        Stage.PARTLY_EFFECTIVE,
        Stage.INEFFECTIVE,
        Stage.SCALED,
        Stage.NOT_SCALED,
        Stage.CATALOGUED,
    }
)
"""The stages of pilots that have been launched."""


@dataclass
class Topics:
    """What stands in the topics of some agencies."""

    published: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Applications by their agency and id: how often each was sent."""
    later: set[tuple[str, str]] = field(default_factory=set)
    """The agency and the id of every event about a pilot that is there already."""
    ends: dict[str, int] = field(default_factory=dict)
    """Where the topics of the agencies' events end."""
    told: dict[str, dict[tuple[str, str], dict[str, Any]]] = field(default_factory=dict)
    """Receipts by what they say, then by the agency and the event."""

    def of(self, outcome: ReceiptOutcome) -> dict[tuple[str, str], dict[str, Any]]:
        """The receipts that say this; each event once."""
        return self.told.get(outcome, {})


def tally(desk: Desk, agencies: Sequence[str], posted: int, replayed: int) -> dict[str, int]:
    """The numbers, once nothing is in flight any more. `posted`: applications that came by HTTP, and of them `replayed`
    were answered as ones that had come before.

    They add up, or the balance says by how much they do not. Raises Complaint where intake does not come to an end.
    """
    kafka = desk.stack.backends.kafka
    deadline = time.monotonic() + PATIENCE
    while True:
        found = asyncio.run(read(kafka, agencies))
        in_flight = _in_flight(kafka, found.ends)
        if not in_flight or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    stages = Counter(row["stage"] for row in pilots(desk) if row["agency"] in agencies)
    rejected = found.of(ReceiptOutcome.REFUSED).keys() - found.later
    numbers = {
        "published": found.published.total() + posted,
        "registered": len(found.of(ReceiptOutcome.REGISTERED)),
        "duplicates": found.published.total() - len(found.published) + replayed,
        "rejected": len(rejected),
        "parked": _parked(desk, agencies),
        "in_flight": in_flight,
        "returned": _pilots(found, ReceiptOutcome.RETURNED),
        "concluded": _pilots(found, ReceiptOutcome.CONCLUDED),
        "negative": sum(
            said["conclusion"]["verdict"] == Verdict.NEGATIVE for said in found.of(ReceiptOutcome.CONCLUDED).values()
        ),
        "clock_stopped": _waiting_for_applicants(desk, agencies),
        "entered": stages.total(),
        "launched": sum(stages[one] for one in LAUNCHED),
        "later_events": len(found.later),
    }
    return {**numbers, "balance": numbers["published"] - sum(numbers[name] for name in PARTS)}


def pilots(desk: Desk) -> Iterator[dict[str, Any]]:
    """Every pilot in the register, page by page."""
    path = "/v1/pilots?"
    return every_item(
        lambda more: desk.call("GET", REGISTRY, path + urlencode({"limit": 200, **more}), Role.REGISTRAR).json()
    )


async def read(kafka: Login, agencies: Sequence[str]) -> Topics:
    """Both topics of each agency from their beginning to where they end now. Raises Complaint."""
    found = Topics()
    names = [topic(code).name for topic in (agency_topic, receipts_topic) for code in agencies]
    places = [TopicPartition(name, 0) for name in names]
    consumer = AIOKafkaConsumer(**kafka.aiokafka(), enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        found.ends = {place.topic: end for place, end in ends.items() if place.topic.startswith(AGENCY_PREFIX)}
        async with asyncio.timeout(PATIENCE):
            while any([await consumer.position(place) < end for place, end in ends.items()]):
                for place, records in (await consumer.getmany(timeout_ms=200)).items():
                    for record in records:
                        if record.offset < ends[place]:
                            _note(found, record)
    except TimeoutError as error:
        raise Complaint("The topics of the agencies could not be read to their end.") from error
    finally:
        await consumer.stop()
    return found


def _note(found: Topics, record: ConsumerRecord) -> None:
    event, agency = json.loads(record.value), agency_of(record.topic)
    if agency is None:
        said = event["data"]
        found.told.setdefault(said["outcome"], {}).setdefault((said["agency"], said["event_id"]), said)
    elif event["type"] in APPLICATIONS:
        found.published[agency, event["id"]] += 1
    else:
        found.later.add((agency, event["id"]))


def _pilots(found: Topics, outcome: ReceiptOutcome) -> int:
    return len({said["pilot"] for said in found.of(outcome).values()})


def _in_flight(kafka: Login, ends: dict[str, int]) -> int:
    """How many records of the agencies intake has not committed."""
    asked = ConsumerGroupTopicPartitions(group(INTAKE, "agency"), [Offset(name, 0) for name in ends])
    admin = kafka.admin()  # it must live until it has answered
    [answer] = admin.list_consumer_group_offsets([asked], request_timeout=TIMEOUT).values()
    return sum(ends[one.topic] - max(one.offset, 0) for one in answer.result(TIMEOUT).topic_partitions)


def _waiting_for_applicants(desk: Desk, agencies: Sequence[str]) -> int:
    """How many cases stand under expertise with a stopped clock."""
    items = desk.call("GET", EXPERTISE, "/v1/reviews?view=suspended&limit=200", Role.OPERATOR).json()["items"]
    return sum(one["agency"] in agencies for one in items)


def _parked(desk: Desk, agencies: Sequence[str]) -> int:
    topics = {agency_topic(code).name for code in agencies}
    items = desk.call("GET", INTAKE, "/v1/parked?limit=200", Role.OPS).json()["items"]
    return sum(one["id"].split("/")[0] in topics for one in items)
