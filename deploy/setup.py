"""Makes back ends ready once, before the services start: `python -m deploy.setup`. Running it again changes nothing.

It makes the topics, the Kafka users of the services and of the expertise operator's own systems with their rules, the
quotas of agencies (`deploy/quotas.py`), the MongoDB replica set if there is none, and each service's MongoDB user, who
may use that service's database alone. The topics of agencies that are there get the settings of this version, and what
agencies may do follows intake's directory (`deploy/provisioning.py`). A password that was changed takes effect.

The administrator's logins come from LOTSMAN_KAFKA_URL, LOTSMAN_KAFKA_USERNAME, LOTSMAN_KAFKA_PASSWORD and
LOTSMAN_MONGO_URL, which names `replicaSet` and the members as services reach them; the users' passwords from
LOTSMAN_KAFKA_<USER>_PASSWORD and LOTSMAN_MONGO_<SERVICE>_PASSWORD. LOTSMAN_REPLICATION is the number of copies. The
directory is read from the database that LOTSMAN_DATABASE names, as intake's is after a rebuild; else from its first.
Intake's user may use both.

`python -m deploy.setup agency CODE` makes the topics and the Kafka user of one agency with LOTSMAN_AGENCY_PASSWORD, or
gives that user a new password, unless one that was made over HTTP waits for the follower, which would give it that.
`python -m deploy.setup agencies` carries the directory over to Kafka once more, where the follower does not run.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from contracts.topics import DESK, INTAKE, SERVICES
from deploy import access, provisioning, quotas, topics
from deploy.complaint import Complaint
from deploy.local.databases import first
from deploy.login import Login
from services.intake.at_kafka import PASSWORDS
from services.intake.domain.agency import Agency

WITHIN: Final = 120.0
"""Seconds that MongoDB and Kafka together may take until they answer."""
WRONG_LOGIN: Final = 18
ALREADY: Final = 23
KAFKA_LOGIN: Final = ("LOTSMAN_KAFKA_URL", "LOTSMAN_KAFKA_USERNAME", "LOTSMAN_KAFKA_PASSWORD")
USAGE: Final = "usage: python -m deploy.setup [agency CODE | agencies]"

Mongo = MongoClient[dict[str, Any]]


def prepare_kafka(admin: AdminClient, passwords: Mapping[str, str], replication: int = 1) -> None:
    """Topics, then users with these passwords, then what they may do."""
    topics.ensure(admin, replication=replication)
    topics.ensure(admin, topics.of_agencies(admin), replication)
    for user, password in passwords.items():
        access.set_password(admin, user, password)
    access.allow(admin, access.service_rules())


def prepare_mongo(url: str, passwords: Mapping[str, str], deadline: float) -> None:
    """The replica set, then users with these passwords, each for the database of its service."""
    initiate(url, deadline)
    with _client(url, WITHIN) as client:
        for service, password in passwords.items():
            make_user(
                client, service, password, {first(service), _database()} if service == INTAKE else [first(service)]
            )


def initiate(url: str, deadline: float) -> None:
    """Makes the replica set that the address names of the members that it names, unless there is one."""
    options = {name.lower(): value for name, value in parse_qsl(urlsplit(url).query)}
    if "replicaset" not in options:
        return  # somebody else's affair, as with mongodb+srv
    hosts = enumerate(urlsplit(url).netloc.rpartition("@")[2].split(","))
    members = [{"_id": number, "host": host} for number, host in hosts]
    with _client(_first_member(url), 2.0) as client:
        _retry(lambda: _initiate(client, options["replicaset"], members), deadline, "MongoDB")


def make_user(client: Mongo, name: str, password: str, databases: Iterable[str]) -> None:
    """Creates the user, or gives it this password and exactly these databases."""
    verb = "updateUser" if client.admin.command("usersInfo", name)["users"] else "createUser"
    roles = [{"role": "readWrite", "db": database} for database in sorted(databases)]
    client.admin.command(verb, name, pwd=password, roles=roles)


def _client(url: str, wait: float) -> Mongo:
    return MongoClient(url, serverSelectionTimeoutMS=int(wait * 1000))


def _initiate(client: Mongo, name: str, members: list[dict[str, Any]]) -> None:
    if "setName" in client.admin.command("hello"):
        return
    try:
        client.admin.command("replSetInitiate", {"_id": name, "members": members})
    except OperationFailure as error:
        if error.code != ALREADY:
            raise


def _first_member(url: str) -> str:
    """The same address and login for its first member alone, which may not be in a replica set yet."""
    parts = urlsplit(url)
    options = [(name, value) for name, value in parse_qsl(parts.query) if name.lower() != "replicaset"]
    query = urlencode([*options, ("directConnection", "true")])
    return urlunsplit(parts._replace(netloc=parts.netloc.split(",")[0], query=query))


def _await_brokers(admin: AdminClient, number: int, deadline: float) -> None:
    def enough() -> None:
        there = len(admin.list_topics(timeout=2).brokers)
        if there < number:
            raise Complaint(f"{there} of {number} brokers are there")

    _retry(enough, deadline, "Kafka")


def _retry(step: Callable[[], None], deadline: float, system: str) -> None:
    """Repeats a step while its system does not answer. Raises Complaint when the time is over or a login is wrong."""
    while True:
        try:
            step()
            return
        except (Complaint, KafkaException, PyMongoError) as error:
            if isinstance(error, OperationFailure) and error.code == WRONG_LOGIN:
                raise Complaint(f"{system} refuses the administrator's login.") from error
            if time.monotonic() > deadline:
                raise Complaint(f"{system} is not ready after {WITHIN:.0f} s: {error}") from error
            time.sleep(0.5)


def _needed(*names: str) -> dict[str, str]:
    """These variables of the environment. Raises Complaint with all that are missing."""
    values = {name: os.environ.get(name, "") for name in names}
    if missing := [name for name, value in values.items() if not value]:
        raise Complaint(f"Not set: {', '.join(missing)}.")
    return values


def _password_of(system: str, user: str) -> str:
    return f"LOTSMAN_{system}_{user.upper()}_PASSWORD"


def _replication() -> int:
    return int(os.environ.get("LOTSMAN_REPLICATION") or "1")


def _everything() -> str:
    users = {"KAFKA": access.USERS, "MONGO": (*SERVICES, DESK)}
    asked = {system: {user: _password_of(system, user) for user in found} for system, found in users.items()}
    env = _needed(*KAFKA_LOGIN, "LOTSMAN_MONGO_URL", *(name for names in asked.values() for name in names.values()))
    kafka, mongo = ({user: env[name] for user, name in names.items()} for names in asked.values())
    admin, deadline = Login(*(env[name] for name in KAFKA_LOGIN)).admin(), time.monotonic() + WITHIN
    _await_brokers(admin, _replication(), deadline)
    prepare_kafka(admin, kafka, _replication())
    quotas.ensure(Login(*(env[name] for name in KAFKA_LOGIN)))
    prepare_mongo(env["LOTSMAN_MONGO_URL"], mongo, deadline)
    _, refused = _follow(env)
    return "\n".join(["topics, users, rules and the replica set are as they should be", *refused])


def _follow(env: Mapping[str, str]) -> tuple[list[Agency], list[str]]:
    """Carries the directory over to Kafka; what it says, and what Kafka refuses of it."""
    entries = _directory(env)
    login = Login(*(env[name] for name in KAFKA_LOGIN))
    return entries, provisioning.follow_each(login, entries, _replication())


def _directory(env: Mapping[str, str]) -> list[Agency]:
    """The entries of the database that intake works on: after a rebuild the first one is the old one."""
    return provisioning.stored(env["LOTSMAN_MONGO_URL"], _database())


def _database() -> str:
    return os.environ.get("LOTSMAN_DATABASE") or first(INTAKE)


def _agencies() -> str:
    entries, refused = _follow(_needed(*KAFKA_LOGIN, "LOTSMAN_MONGO_URL"))
    if refused:
        raise Complaint("\n".join(refused))
    off = sum(one.disabled is not None for one in entries)
    return f"Kafka is as the directory says: {len(entries)} agencies, {off} of them disabled"


def _agency(code: str) -> str:
    env = _needed(*KAFKA_LOGIN, "LOTSMAN_MONGO_URL", "LOTSMAN_AGENCY_PASSWORD")
    entry = [one for one in _directory(env) if one.code == code]
    if any(one.disabled is not None for one in entry):
        raise Complaint(f"Agency {code} is disabled in the directory; enable it there first.")
    with provisioning.client(env["LOTSMAN_MONGO_URL"]) as mongo:
        named = [one.password.id for one in entry if one.password is not None]  # others are of attempts that failed
        if mongo[_database()][PASSWORDS].count_documents({"_id": {"$in": named}}):
            raise Complaint(f"A password of {code} that was made over HTTP waits for the follower; start it first.")
    admin = Login(*(env[name] for name in KAFKA_LOGIN)).admin()
    user = access.add_agency(admin, code, env["LOTSMAN_AGENCY_PASSWORD"], _replication())
    return f"agency {code} has its topics; its Kafka user is {user}"


def main(words: list[str]) -> int:
    """Does what the words say with the back ends that the environment names; the exit code."""
    try:
        match words:
            case []:
                print(_everything())
            case ["agency", code]:
                print(_agency(code))
            case ["agencies"]:
                print(_agencies())
            case _:
                raise Complaint(USAGE)
    except (Complaint, KafkaException, PyMongoError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
