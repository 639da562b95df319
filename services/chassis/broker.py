"""The client of Kafka as every service has it: how it logs in, and how it delivers."""

import logging
from typing import Final

from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.security import SASLScram512

from contracts.topics import FACT_MAX_BYTES
from services.chassis.settings import Settings

log = logging.getLogger(__name__)

PRODUCER_BATCH: Final = 512 * 1024
"""Bytes that go to a partition in one request: with the client's small default a batch of facts takes dozens."""
METADATA_AGE: Final = 10.0
"""Seconds after which whoever knows its topics looks at the cluster anew; an error makes it look at once."""


def make_broker(settings: Settings, client_id: str) -> KafkaBroker:
    """A broker with the delivery settings that the engine rests on."""
    return KafkaBroker(
        settings.kafka_url,
        client_id=client_id,
        security=security(settings),
        acks="all",
        enable_idempotence=True,
        max_request_size=FACT_MAX_BYTES,
        max_batch_size=PRODUCER_BATCH,
        linger_ms=2,
        request_timeout_ms=10_000,
        metadata_max_age_ms=int(max(METADATA_AGE, settings.metadata_age) * 1000),
        allow_auto_create_topics=False,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        graceful_timeout=settings.stop_within,
        logger=log,
        log_level=logging.DEBUG,  # of each batch that it is received and processed; what fails is logged as an error
    )


def security(settings: Settings) -> SASLScram512 | None:
    """How to log in: SCRAM if a user name is given, else not at all."""
    if settings.kafka_username is None or settings.kafka_password is None:
        return None
    return SASLScram512(
        username=settings.kafka_username,
        password=settings.kafka_password.get_secret_value(),
        use_ssl=settings.kafka_tls,
    )
