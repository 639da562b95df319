"""Asks services and back ends how they are, none of them for longer than a moment."""

import socket
import struct
from collections.abc import Collection
from typing import Final

import httpx
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.service import client

ANSWERS_WITHIN: Final = 3.0
"""Seconds for one answer."""
STARTED: Final = frozenset({"kafka", "reading"})
"""What a service does beside answering requests, once it has started."""
CATCHES_UP: Final = frozenset({"draining", "lag", "loop"})
"""What a service that has started may still have to catch up with, though it is not ready before."""
WHOLE: Final = STARTED | CATCHES_UP | {"sending", "standing", "following", "mailing"}
"""The same of one that is whole: what is sent is taken, no partition stands still, Kafka follows, letters go.
It starts all the same where one topic is missing, or one record cannot be taken: both are told of until they are
mended."""
API_VERSIONS: Final = 18
"""The request of Kafka's protocol that is answered before any login."""


def why_not_whole(url: str) -> str | None:
    """None when the service at this address does all of its work, else the reason in a few words."""
    return why_not_ready(url, WHOLE)


def why_not_ready(url: str, parts: Collection[str] = STARTED) -> str | None:
    """None when the service at this address answers requests and does these parts of its work, else the reason."""
    try:
        answer = client().get(f"{url}/health/serving", timeout=ANSWERS_WITHIN)
        body = answer.json()
    except httpx.ConnectError:
        return "does not listen"
    except httpx.TimeoutException:
        return f"does not answer within {ANSWERS_WITHIN:.0f} s"
    except (httpx.HTTPError, ValueError) as error:
        return f"does not answer properly ({type(error).__name__})"
    checks = body.get("checks", {}) if isinstance(body, dict) else {}
    of_all = answer.status_code != 200
    told = [name for name, state in checks.items() if state != "ok"]
    asked = [name for name in told if name in parts or (of_all and name not in CATCHES_UP)]
    unsaid = f"answers {answer.status_code}" if of_all and not told else None
    return ", ".join(f"{name}: {checks[name]}" for name in asked) or unsaid


def editions_of(url: str) -> dict[str, str]:
    """By what the service at this address knows each edition; nothing where it does not say."""
    try:
        said = client().get(f"{url}/health/ready", timeout=ANSWERS_WITHIN).json().get("editions", {})
    except (httpx.HTTPError, ValueError, AttributeError):
        return {}
    return {str(id_): str(digest) for id_, digest in said.items()}


def why_no_mongod(port: int) -> str | None:
    """None when the MongoDB of this machine answers as a primary, else the reason."""
    client: MongoClient[dict[str, object]] = MongoClient(
        "127.0.0.1",
        port,
        directConnection=True,
        serverSelectionTimeoutMS=int(ANSWERS_WITHIN * 1000),
        socketTimeoutMS=int(ANSWERS_WITHIN * 1000),
    )
    try:
        with client:
            return None if client.admin.command("hello").get("isWritablePrimary") else "is no primary"
    except PyMongoError:
        return "does not answer"


def why_no_kafka(port: int) -> str | None:
    """None when the broker of this machine answers, else the reason."""
    asking = struct.pack(">hhih", API_VERSIONS, 0, 1, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), ANSWERS_WITHIN) as connection:
            connection.settimeout(ANSWERS_WITHIN)
            connection.sendall(struct.pack(">i", len(asking)) + asking)
            return None if connection.recv(4) else "hangs up"
    except OSError:
        return "does not answer"
