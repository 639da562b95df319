"""How far Kafka has followed the directory, and what waits for it: intake itself has no administrator's rights there.

Whoever has them (`deploy/follower.py`) reads the directory, has topics, rights, quotas and passwords at Kafka as it
says, and writes here what it has done. Whether Kafka has followed is never remembered but seen: what was done is held
against what the entry says now.

A password is made by the API, shown once, and kept as SCRAM salts it (RFC 5802, SaltedPassword), under an id that the
entry names: a row that no entry names is of an attempt whose end is unknown, and opens nothing. What is kept would let
its reader log in as the agency, as the password does; so it is gone as soon as Kafka has it, and no fact has it.
"""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from contracts.event import Event, wire_moment
from contracts.intake import AgencyDisabledV1, AgencyEnabledV1, AgencyEnteredV1, AgencyPasswordMadeV1
from contracts.topics import agency_topic, receipts_topic, user_of
from services.chassis.store import BY_ID, Row, Store, below
from services.intake.domain.agency import Agency

FOLLOWED: Final = "kafka_followed"
"""What was done at Kafka for each agency, by code: `what` it was done by, since when it is so (`at`), the `password`
that Kafka has, and why the last attempt failed (`why`, null if it did not). Written by the follower alone."""
CHANGED: Final = "kafka_changed"
"""When an entry changed in what Kafka may have to follow, a row for each time: a projection of intake's facts. Its ids
are the codes with the sequences of these facts, so that the last is found by them."""
PASSWORDS: Final = "kafka_passwords"
"""Passwords that Kafka does not have yet, salted, by their ids."""
ITERATIONS: Final = 8192
"""Of PBKDF2; what Kafka itself takes for a password that it is given (its default is 4096, the least it allows)."""
SALT_BYTES: Final = 24
FOLLOWS: Final = (AgencyEnteredV1, AgencyDisabledV1, AgencyEnabledV1, AgencyPasswordMadeV1)
LOST: Final = "password-lost"
"""Why it does not follow: what was kept of the password is gone, as with a database that was brought back."""


class Follows(StrEnum):
    """Whether Kafka is as the entry says."""

    FOLLOWED = "followed"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Salted:
    """A password as Kafka is given it: it computes what it stores from that, and from nothing less."""

    id: str
    agency: str
    salt: bytes
    salted: bytes
    iterations: int = ITERATIONS


def made(agency: str) -> tuple[str, Salted]:
    """A new password, and what is kept of it. It has 192 random bits, all of them ASCII, so that SASLprep leaves it as
    it is."""
    password, salt = secrets.token_hex(24), secrets.token_bytes(SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return password, Salted(secrets.token_hex(8), agency, salt, salted)


def row_of(one: Salted, now: datetime) -> Row:
    """What is stored of a password."""
    kept = {"salt": base64.b64encode(one.salt).decode(), "salted": base64.b64encode(one.salted).decode()}
    return {"_id": one.id, "agency": one.agency, **kept, "iterations": one.iterations, "at": now}


def salted_of(row: Mapping[str, Any]) -> Salted:
    """The same read back."""
    return Salted(
        row["_id"], row["agency"], base64.b64decode(row["salt"]), base64.b64decode(row["salted"]), row["iterations"]
    )


def wanted(entry: Agency) -> str:
    """A fingerprint of all that Kafka has to know of an entry."""
    quota = None if entry.quota is None else entry.quota.bytes_a_minute
    password = None if entry.password is None else entry.password.id
    said = [entry.code, entry.disabled is not None, quota, password]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def is_followed(done: Mapping[str, Any] | None, entry: Agency) -> bool:
    """Whether what was done is what the entry says, and was not refused since."""
    return done is not None and done["what"] == wanted(entry) and done["why"] is None


def projection(event: Event) -> list[tuple[str, Row]]:
    """When an entry changed."""
    if not isinstance(event.fact, FOLLOWS):
        return []
    return [(CHANGED, {"_id": f"{event.fact.code}/{event.sequence:020}", "at": wire_moment(event.time)})]


async def told(store: Store, entries: Sequence[Agency], changed: datetime | None = None) -> dict[str, dict[str, Any]]:
    """How each of these agencies stands at Kafka, by code; `changed` is when they changed, where that was just now.
    Raises StoreAway."""
    query, most = {"_id": {"$in": [one.code for one in entries]}}, max(1, len(entries))
    followed = {row["_id"]: row for row in await store.rows(FOLLOWED, query, sort=BY_ID, limit=most)}
    waiting = [one.code for one in entries if not is_followed(followed.get(one.code), one)]
    if changed is None:
        at = dict(zip(waiting, await asyncio.gather(*(_changed(store, code) for code in waiting)), strict=True))
    else:
        at = dict.fromkeys(waiting, wire_moment(changed))
    return {one.code: _shown(one, followed.get(one.code), at.get(one.code)) for one in entries}


async def _changed(store: Store, code: str) -> str | None:
    """When an entry changed last. Raises StoreAway."""
    rows = await store.rows(CHANGED, {"_id": below(code)}, sort=(("_id", -1),), limit=1)
    return rows[0]["at"] if rows else None


def _shown(entry: Agency, followed: Mapping[str, Any] | None, changed: str | None) -> dict[str, Any]:
    done = is_followed(followed, entry)
    since = wire_moment(followed["at"]) if done and followed else changed
    return {
        "user": user_of(f"agency:{entry.code}"),
        "topic": agency_topic(entry.code).name,
        "receipts": receipts_topic(entry.code).name,
        "state": Follows.FOLLOWED if done else Follows.WAITING,
        "since": since,
        "why": followed.get("why") if followed else None,
        "password_made": entry.password and wire_moment(entry.password.at),
    }
