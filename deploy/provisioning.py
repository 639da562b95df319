"""What Kafka lets each agency do, as intake's directory says: topics, rights and quotas of all agencies follow it.

The directory is the one place. Whoever starts back ends (`./lotsman up`, `python -m deploy.setup`) carries it over, so
does each verb that changes an entry, and the follower (`deploy/follower.py`) within seconds whoever changed it; intake
refuses at once what a disabled agency still sends. Rights at Kafka do not change with an agency's days: what it sends
outside them intake refuses, with receipts that the agency must be able to read.

A password is nowhere but with the agency and, hashed, in Kafka: what is carried over here makes no users.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from confluent_kafka import KafkaException
from pymongo import MongoClient
from pymongo.database import Database

from contracts.topics import Topic, agency_topic, receipts_topic
from deploy import access, quotas, topics
from deploy.complaint import Complaint
from deploy.login import TIMEOUT, Login
from services.chassis.store import SUBJECTS
from services.intake import queries
from services.intake.domain.agency import Agency

WITHIN_MS: Final = 20_000
SAFELY: Final[dict[str, Any]] = {"w": "majority", "readConcernLevel": "majority"}
REFUSED: Final = (KafkaException, Complaint)
FIELDS: Final = ("code", "name", "editions", "disabled", "quota", "password")
"""What of an entry is read: what Kafka has to know, and what every entry has. Keys are none of its affair."""


def follow(login: Login, entries: Iterable[Agency], replication: int = 1) -> None:
    """Has Kafka as these entries say; calling it again changes nothing. Where nobody logs in, only topics are made.
    Raises Complaint and KafkaException."""
    known = list(entries)
    admin = login.admin()
    topics.ensure(admin, [topic for one in known for topic in topics_of(one.code)], replication)
    if login.username is None or not known:
        return
    access.allow(admin, [rule for one in known if one.disabled is None for rule in access.agency_rules(one.code)])
    access.shut_out(admin, [one.code for one in known if one.disabled is not None])
    quotas.ensure_own(login, {one.code: one.quota for one in known})


def follow_each(login: Login, entries: Iterable[Agency], replication: int = 1) -> list[str]:
    """The same, but what Kafka refuses for one agency is in no other's way: returns what was refused, a sentence for
    each agency. Raises KafkaException where Kafka is away."""
    known = list(entries)
    try:
        follow(login, known, replication)
    except REFUSED as error:
        login.admin().list_topics(timeout=TIMEOUT)
        if len(known) == 1:
            return [f"Kafka does not follow the entry of {known[0].code}: {why_of(error)}"]
        return [word for one in known for word in follow_each(login, [one], replication)]
    return []


def why_of(error: Exception) -> str:
    """Why Kafka, or what asks it, refuses."""
    return error.args[0].str() if isinstance(error, KafkaException) else str(error)


def topics_of(code: str) -> Sequence[Topic]:
    """The two topics of an agency. Raises ValueError for a bad code."""
    return agency_topic(code), receipts_topic(code)


def stored(url: str, database: str) -> list[Agency]:
    """The entries as intake's database has them. Raises PyMongoError."""
    with client(url) as mongo:
        return entries_of(mongo[database])


def entries_of(database: Database[dict[str, Any]]) -> list[Agency]:
    """The same of a database that is connected to."""
    query, _ = queries.agencies()
    fields = {f"state.{name}": 1 for name in FIELDS}
    return [Agency.model_validate(row["state"]) for row in database[SUBJECTS].find(query, fields)]


def client(url: str, within: int = WITHIN_MS) -> MongoClient[dict[str, Any]]:
    """A client that reads what is safe, and writes so; it waits for a primary for so many milliseconds."""
    return MongoClient(url, serverSelectionTimeoutMS=within, socketTimeoutMS=WITHIN_MS, tz_aware=True, **SAFELY)
