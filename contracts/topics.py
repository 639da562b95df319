"""Every Kafka topic of the system: who writes it, who reads it, how long it is kept.

Nothing else creates topics; brokers and clients have auto-creation switched off. Keys decide order, and
partitions are fixed at creation (adding one would move keys), so fact topics have 12 from the first day.
"""

import re
from typing import Final

from pydantic import BaseModel, ConfigDict

FOR_EVER: Final = -1
DAY_MS: Final = 24 * 60 * 60 * 1000
AGENCY_KEPT_DAYS: Final = 30
"""How long agencies' events and receipts stay in their topics, and what is personal of them in parked records."""
FACT_MAX_BYTES: Final = 4 * 1024 * 1024
"""Largest record of a fact topic, in bytes; a fact above it is refused before it is written."""
AGENCY_MAX_BYTES: Final = 1024 * 1024
"""Largest event of an agency, in bytes; the same bound holds at both doors."""

INTAKE: Final = "intake"
EXPERTISE: Final = "expertise"
REGISTRY: Final = "registry"
SERVICES: Final = (INTAKE, EXPERTISE, REGISTRY)
"""The services by their names: as the writers and readers of topics, and wherever else they are named."""
DESK: Final = "desk"
"""The process of the pages. It is no service: it has no topic, and asks the services over HTTP."""
OPERATOR: Final = "operator"
"""The principal of the expertise operator's own systems: they follow the queue from expertise's topic alone."""
AGENCY_CODE: Final = r"[a-z0-9-]{2,20}"
AGENCY_PREFIX: Final = "pilots.agency."
"""How the topic of every agency begins, and no other topic."""
RECEIPTS_PREFIX: Final = "pilots.receipts."
"""How the topic of every agency's receipts begins, and no other topic."""
AGENCY_PATTERN: Final = rf"^{re.escape(AGENCY_PREFIX)}{AGENCY_CODE}\.v1$"
"""What intake subscribes to: a new agency's topic is picked up without a restart."""


class Topic(BaseModel):
    """A topic as it is created. Writers and readers are principals: a service, or `agency:<code>`."""

    model_config = ConfigDict(frozen=True)

    name: str
    partitions: int
    retention_ms: int
    max_bytes: int
    writers: tuple[str, ...]
    readers: tuple[str, ...]


FACT_PARTITIONS: Final = 12
"""What is about one subject stands in the same one of them in every topic of facts."""


def fact_topic(service: str) -> str:
    """The name of the topic that is the complete journal of a service."""
    return f"pilots.{service}.v1"


def _facts(service: str, readers: tuple[str, ...]) -> Topic:
    return Topic(
        name=fact_topic(service),
        partitions=FACT_PARTITIONS,
        retention_ms=FOR_EVER,
        max_bytes=FACT_MAX_BYTES,
        writers=(service,),
        readers=(service, *readers),
    )


FACT_TOPICS: Final = (
    _facts(INTAKE, (EXPERTISE, REGISTRY)),
    _facts(EXPERTISE, (INTAKE, REGISTRY, OPERATOR)),
    _facts(REGISTRY, (INTAKE,)),
)


def user_of(principal: str) -> str:
    """The Kafka user of a principal: `agency:minzdrav` is user `agency-minzdrav`, a service its name."""
    return principal.replace(":", "-", 1)


def agency_topic(code: str) -> Topic:
    """The topic that one agency writes its events to. Raises ValueError for a bad agency code."""
    return Topic(
        name=f"{AGENCY_PREFIX}{_checked(code)}.v1",
        partitions=1,
        retention_ms=AGENCY_KEPT_DAYS * DAY_MS,
        max_bytes=AGENCY_MAX_BYTES,
        writers=(f"agency:{code}",),
        readers=(INTAKE,),
    )


def receipts_topic(code: str) -> Topic:
    """The topic on which one agency reads what became of its events: it takes whatever a fact can say, and so as much
    as a topic of facts. Raises ValueError for a bad code."""
    return Topic(
        name=f"{RECEIPTS_PREFIX}{_checked(code)}.v1",
        partitions=1,
        retention_ms=AGENCY_KEPT_DAYS * DAY_MS,
        max_bytes=FACT_MAX_BYTES,
        writers=(INTAKE,),
        readers=(f"agency:{code}",),
    )


def agency_of(topic: str) -> str | None:
    """The agency code in the name of an agency topic, or None for any other topic."""
    match = re.fullmatch(rf"{re.escape(AGENCY_PREFIX)}({AGENCY_CODE})\.v1", topic)
    return match.group(1) if match else None


def source_of(topic: str) -> str:
    """What stands for a topic in the name of a consumer group: the service of a fact topic, else the topic's kind."""
    return topic.split(".")[1]


def group(service: str, topic_read: str) -> str:
    """The consumer group of a service for one source, e.g. `expertise.intake`; stable for ever."""
    return f"{service}.{topic_read}"


def _checked(code: str) -> str:
    if not re.fullmatch(AGENCY_CODE, code):
        raise ValueError(f"{code!r} is no agency code: 2 to 20 of a-z, 0-9 and hyphen")
    return code
