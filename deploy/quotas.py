"""How much of the broker one agency may use: quotas of Kafka for every user who has none of his own.

A quota is each user's by himself, so one agency cannot take what another needs, and an agency that is added later is
not forgotten. The services, the administrator and the operator's own systems are set free by name. Kafka does not
refuse what is above a quota: it answers later.

The numbers are no law but assumptions for a broker of one machine; each can be set, and 0 switches it off. What is set
takes effect at the next start of the embedded system, or with `python -m deploy.setup`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka.errors import for_code
from aiokafka.protocol.admin import DescribeClientQuotasRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Float64, Int16, Int32, Schema, String
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.steps import Quota
from contracts.topics import OPERATOR, SERVICES, user_of
from deploy.complaint import Complaint
from deploy.login import Login
from deploy.wire import asked

FREE: Final = ("admin", *SERVICES, OPERATOR)
"""The users that no quota holds."""
UNBOUNDED: Final = 1e12
EXACT, DEFAULT = 0, 1
"""How an entity is matched: by its name, or as the one that stands for all others."""


class Quotas(BaseSettings):
    """What each agency may use, each an environment variable `LOTSMAN_AGENCY_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="LOTSMAN_AGENCY_", frozen=True)

    producer_bytes: float = Field(default=2 * 1024 * 1024, ge=0)
    """Bytes a second that it sends. A thousand applications a second are about as much (assumption)."""
    consumer_bytes: float = Field(default=4 * 1024 * 1024, ge=0)
    """Bytes a second that it reads: receipts are larger than what they answer (assumption)."""
    request_percent: float = Field(default=50, ge=0)
    """Percent of one thread of the broker that its requests keep busy, what they inflate among it (assumption)."""

    @property
    def by_key(self) -> dict[str, float]:
        """The same in the words of Kafka."""
        return {
            "producer_byte_rate": self.producer_bytes,
            "consumer_byte_rate": self.consumer_bytes,
            "request_percentage": self.request_percent,
        }

    def origin(self, key: str) -> str:
        """Where a number is from, to be shown beside it."""
        name = NAMES[key]
        return f"LOTSMAN_AGENCY_{name.upper()}" if name in self.model_fields_set else "an assumption of this version"


NAMES: Final[Mapping[str, str]] = {
    "producer_byte_rate": "producer_bytes",
    "consumer_byte_rate": "consumer_bytes",
    "request_percentage": "request_percent",
}


def ensure(login: Login, quotas: Quotas | None = None) -> None:
    """Sets the quotas of the cluster; calling it again changes nothing. Nothing to do where nobody logs in. Raises
    Complaint."""
    if login.username is None:
        return
    wanted = (quotas or Quotas()).by_key
    entries: list[tuple[Any, ...]] = [
        ([("user", None)], [(key, value, value == 0) for key, value in wanted.items()]),
        *([([("user", user)], [(key, UNBOUNDED, False) for key in wanted]) for user in FREE]),
    ]
    _alter(login, entries)


def ensure_own(login: Login, own: Mapping[str, Quota | None]) -> None:
    """Gives these agencies' users the bytes a second that their entries say or, where these say nothing, what all have.
    Kafka counts no events: intake does. Raises Complaint."""
    if login.username is None or not own:
        return
    entries = list[tuple[Any, ...]]()
    for code, quota in own.items():
        rate = 0.0 if quota is None else float(max(1, quota.bytes_a_minute // 60))  # Kafka takes whole bytes alone
        entries.append(([("user", user_of(f"agency:{code}"))], [("producer_byte_rate", rate, quota is None)]))
    _alter(login, entries)


def _alter(login: Login, entries: Sequence[tuple[Any, ...]]) -> None:
    answer = asked(login, _Alter(entries), "quotas")
    for code, words, *_ in answer.entries:
        if code:
            raise Complaint(f"Kafka refused its quotas: {words or for_code(code).__name__}")


def found(login: Login, user: str | None = None) -> dict[str, float]:
    """The quotas that the cluster has for a user alone or, without one, for who has none of his own; by key. Raises
    Complaint."""
    match = DEFAULT if user is None else EXACT
    answer = asked(login, DescribeClientQuotasRequest([("user", match, user)], True), "quotas")
    if answer.error_code:
        raise Complaint(f"Kafka does not tell its quotas: {for_code(answer.error_code).__name__}")
    return {key: value for _, values in answer.entries or () for key, value in values}


# ---- AlterClientQuotas (API key 49), which the client does not have


class _Altered(Response):  # type: ignore[misc]
    API_KEY = 49
    API_VERSION = 0
    ENTITY = Array(("entity_type", String("utf-8")), ("entity_name", String("utf-8")))
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "entries",
            Array(("error_code", Int16), ("error_message", String("utf-8")), ("entity", ENTITY)),
        ),
    )


class _AlterV0(RequestStruct):  # type: ignore[misc]
    API_KEY = 49
    API_VERSION = 0
    RESPONSE_TYPE = _Altered
    SCHEMA = Schema(
        (
            "entries",
            Array(
                ("entity", _Altered.ENTITY),
                ("ops", Array(("key", String("utf-8")), ("value", Float64), ("remove", Boolean))),
            ),
        ),
        ("validate_only", Boolean),
    )


class _Alter(Request[_AlterV0]):  # type: ignore[misc]
    API_KEY = 49

    def __init__(self, entries: Sequence[tuple[Any, ...]]) -> None:
        self._entries = list(entries)

    def build(self, request_struct_class: type[_AlterV0]) -> _AlterV0:
        """The request in the one version there is."""
        return request_struct_class(self._entries, False)
