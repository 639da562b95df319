"""Creates the topics that `contracts/topics.py` lists, and verifies those that exist.

`python -m deploy.topics` does it for the cluster of LOTSMAN_KAFKA_URL, LOTSMAN_KAFKA_USERNAME and
LOTSMAN_KAFKA_PASSWORD with LOTSMAN_REPLICATION copies: a container runs it once before the services start.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from contracts.topics import FACT_TOPICS, Topic, agency_of, agency_topic, receipts_topic
from deploy.complaint import Complaint
from deploy.login import TIMEOUT, Login


def ensure(admin: AdminClient, topics: Iterable[Topic] = FACT_TOPICS, replication: int = 1) -> None:
    """Creates what is missing and sets what differs; calling it again changes nothing.

    Raises Complaint when a topic has another number of partitions: that cannot be mended in place, because keys
    would move to other partitions and their order would be lost.
    """
    wanted = {topic.name: topic for topic in topics}
    there = existing(admin)
    missing = [topic for name, topic in wanted.items() if name not in there]
    _create(admin, missing, replication)
    for name in wanted.keys() & there.keys():
        if there[name] != wanted[name].partitions:
            raise Complaint(
                f"Topic {name} has {there[name]} partitions and must have {wanted[name].partitions}; "
                "copy its records to a new topic instead of changing it."
            )
    _configure(admin, [wanted[name] for name in wanted.keys() & there.keys()])


def existing(admin: AdminClient) -> dict[str, int]:
    """The topics of the cluster that can be used now, with their numbers of partitions."""
    metadata = admin.list_topics(timeout=TIMEOUT)
    return {name: len(topic.partitions) for name, topic in metadata.topics.items() if topic.error is None}


def of_agencies(admin: AdminClient) -> list[Topic]:
    """The topics of all agencies that are there, as this version makes them, but for those that cannot be as it makes
    them: that is one agency's trouble, which who follows the directory tells."""
    there = existing(admin)
    made = [one for name in there if (code := agency_of(name)) for one in (agency_topic(code), receipts_topic(code))]
    return [topic for topic in made if there.get(topic.name) == topic.partitions]


def settings(topic: Topic) -> dict[str, str]:
    """A topic's configuration in the words of Kafka."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(topic.retention_ms),
        "retention.bytes": "-1",
        "max.message.bytes": str(topic.max_bytes),
        # When an agency's event came, and so how long it is kept, is told by Kafka's clock and not by the agency's.
        "message.timestamp.type": "LogAppendTime" if agency_of(topic.name) else "CreateTime",
        # What an agency compressed is stored as it came: to store it otherwise the broker would inflate it, and hold
        # all of it. Its reader bounds what it inflates. Services do not compress, and who reads their facts need not.
        "compression.type": "producer" if agency_of(topic.name) else "uncompressed",
    }


def wait(futures: Iterable[Future[Any]]) -> None:
    """Waits for every answer; what already exists is fine, the first other error is raised."""
    for future in futures:
        try:
            future.result(TIMEOUT)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def until(true: Callable[[], bool], otherwise: str) -> None:
    """Waits for a broker to apply what its controller has already confirmed. Raises Complaint."""
    deadline = time.monotonic() + TIMEOUT
    while not true():
        if time.monotonic() > deadline:
            raise Complaint(f"{otherwise} after {TIMEOUT:.0f} s.")
        time.sleep(0.02)


def _create(admin: AdminClient, topics: list[Topic], replication: int) -> None:
    new = [NewTopic(topic.name, topic.partitions, replication, config=settings(topic)) for topic in topics]
    if new:
        wait(admin.create_topics(new, operation_timeout=TIMEOUT).values())
        names = {topic.name for topic in topics}
        until(lambda: names <= existing(admin).keys(), "Kafka does not show its new topics")


def _configure(admin: AdminClient, topics: list[Topic]) -> None:
    resources = [ConfigResource(ResourceType.TOPIC, topic.name) for topic in topics]
    if not resources:
        return
    answers = admin.describe_configs(resources, request_timeout=TIMEOUT)
    now = {resource.name: future.result(TIMEOUT) for resource, future in answers.items()}
    changes = []
    for topic in topics:
        differing = {
            key: value
            for key, value in settings(topic).items()
            if key not in now[topic.name] or now[topic.name][key].value != value
        }
        if differing:
            entries = [
                ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in differing.items()
            ]
            changes.append(ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries))
    if changes:
        wait(admin.incremental_alter_configs(changes).values())


def main() -> int:
    """The topics of the cluster that the environment names."""
    address = os.environ.get("LOTSMAN_KAFKA_URL")
    if not address:
        print("LOTSMAN_KAFKA_URL is not set.", file=sys.stderr)
        return 1
    user, password = (os.environ.get(f"LOTSMAN_KAFKA_{part}") for part in ("USERNAME", "PASSWORD"))
    try:
        ensure(
            Login(address, user, password).admin(),
            replication=int(os.environ.get("LOTSMAN_REPLICATION", "1")),
        )
    except (Complaint, KafkaException) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(FACT_TOPICS)} topics are as they should be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
