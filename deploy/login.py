"""How to reach a Kafka cluster, in the words of each client library."""

import logging
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka.admin import AdminClient

MECHANISM: Final = "SCRAM-SHA-512"
TIMEOUT: Final = 20.0
"""Seconds that one call to the administration of Kafka may take."""

_quiet = logging.getLogger("lotsman.kafka")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


@dataclass(frozen=True)
class Login:
    """Addresses and, if the cluster wants one, a user. Without a user: a plain connection."""

    bootstrap: str
    username: str | None = None
    password: str | None = None

    def aiokafka(self) -> dict[str, Any]:
        """Keyword arguments of any aiokafka client."""
        settings: dict[str, Any] = {"bootstrap_servers": self.bootstrap}
        if self.username:
            settings |= {
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": MECHANISM,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return settings

    def librdkafka(self) -> dict[str, Any]:
        """The configuration of any confluent-kafka client."""
        settings: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 100,
            "logger": _quiet,
        }
        if self.username:
            settings |= {
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanisms": MECHANISM,
                "sasl.username": self.username,
                "sasl.password": self.password,
            }
        return settings

    def admin(self) -> AdminClient:
        """A client that can create topics, users and access rules."""
        return AdminClient(self.librdkafka())
