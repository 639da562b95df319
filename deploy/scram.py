"""Gives Kafka's users passwords that are already salted: who carries them over never knows them.

The client library takes passwords alone and salts them itself; Kafka takes what was salted (AlterUserScramCredentials,
API key 51), computes its StoredKey and ServerKey of that, and keeps these.
"""

from collections.abc import Sequence
from typing import Any, Final

from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactBytes, CompactString, Int8, Int16, Int32, Schema, TaggedFields

from contracts.topics import user_of
from deploy.complaint import Complaint
from deploy.login import Login
from deploy.wire import asked
from services.intake.at_kafka import Salted

SHA_512: Final = 2
"""SCRAM-SHA-512 in the words of the protocol."""


def give(login: Login, passwords: Sequence[Salted]) -> None:
    """Gives the users of these agencies their passwords; the same again changes nothing. Raises Complaint."""
    if not passwords:
        return
    rows: list[tuple[Any, ...]] = [
        (user_of(f"agency:{one.agency}"), SHA_512, one.iterations, one.salt, one.salted, {}) for one in passwords
    ]
    for user, code, words, *_ in asked(login, _Alter(rows), "passwords").results:
        if code:
            raise Complaint(f"Kafka refused the password of {user}: {words or for_code(code).__name__}")


class _Altered(Response):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterV0(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = _Altered
    SCHEMA = Schema(
        (
            "deletions",
            CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields)),
        ),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Alter(Request[_AlterV0]):  # type: ignore[misc]
    API_KEY = 51

    def __init__(self, upsertions: Sequence[tuple[Any, ...]]) -> None:
        self._upsertions = list(upsertions)

    def build(self, request_struct_class: type[_AlterV0]) -> _AlterV0:
        """The request in the one version there is."""
        return request_struct_class([], self._upsertions, {})
