"""Has Kafka follow intake's directory of agencies within seconds: `python -m deploy.follower`, with health and metrics.

Intake has no administrator's rights at Kafka; this process has, and reads of intake's database the entries of agencies,
and passwords that are salted already, and writes there how far it has come (`services/intake/at_kafka.py`).

An entry is followed when what was done is what it says: passwords first, then topics, rights or their loss, quotas.
Each of these may be done again without harm, and what was done is written last, so that a process that dies anywhere
does the same once more. A password is forgotten after that is written. At its start, and every `anew` seconds, all
entries are carried over, whatever was written: somebody may have changed Kafka by hand. What Kafka refuses for one
agency is in no other's way, is told in its entry, and is tried again with all.

One of them runs for a cluster. Two would do no harm to topics, rights and quotas, which are made true again and again;
of two passwords made within a second the older one could come out.
"""

import asyncio
import logging
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from fastapi import FastAPI
from prometheus_client import Gauge
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from pymongo import ReplaceOne
from pymongo.database import Database
from pymongo.errors import PyMongoError

from contracts.topics import INTAKE, user_of
from deploy import access, provisioning, scram
from deploy.local.databases import first
from deploy.login import Login
from services.chassis import beside, logs, telemetry
from services.chassis.answering import answering, told_to_end
from services.chassis.auth import Keys
from services.chassis.readiness import NotReady
from services.chassis.run import utc_now
from services.chassis.settings import Settings
from services.chassis.web import make_bare_app
from services.intake.at_kafka import FOLLOWED, LOST, PASSWORDS, Salted, is_followed, salted_of, wanted
from services.intake.domain.agency import Agency

log = logging.getLogger(__name__)
NAME: Final = "follower"
ANSWERS_WITHIN: Final = 5.0
"""Seconds after which Kafka or MongoDB is held to be away."""
LATE: Final = 60.0
"""Seconds after which it is told as a fault that an entry is not followed, or that nothing was read (assumption)."""
ATTEMPT: Final = timedelta(hours=1)
"""After so long a password that no entry names is of a request that failed: the fact follows it within a second."""
MOST_WORDS: Final = 200
WAITING: Final = Gauge("lotsman_kafka_waiting_agencies", "Agencies whose entries Kafka has not followed yet")

Rows = Mapping[str, Mapping[str, Any]]


class FollowSettings(BaseSettings):
    """How often the follower looks, each an environment variable `LOTSMAN_FOLLOW_<NAME>`, in seconds."""

    model_config = SettingsConfigDict(env_prefix="LOTSMAN_FOLLOW_", frozen=True)

    every: float = Field(default=1.0, gt=0)
    """Between two looks at the directory (assumption: who changes an entry waits no longer)."""
    anew: float = Field(default=60.0, gt=0)
    """After which all entries are carried over again (assumption)."""


class Follower:
    """Carries the directory over to Kafka, a step at a time. Where nobody logs in at Kafka, only topics are made."""

    def __init__(self, login: Login, database: Database[dict[str, Any]], replication: int = 1) -> None:
        self._login = login
        self._database = database
        self._replication = replication
        self._admin: AdminClient = login.admin()
        self._tried = dict[str, str]()
        """What was tried for whom and refused: it is tried again with all."""
        self._late_since: float | None = time.monotonic()
        self._refused = 0
        """For how many agencies Kafka refused what was tried last."""

    def step(self, *, anew: bool) -> None:
        """Carries over every entry that Kafka has not followed; `anew`: every one. Raises PyMongoError, and
        KafkaException where Kafka is away."""
        self._late_since = self._late_since or time.monotonic()
        entries = provisioning.entries_of(self._database)
        done: Rows = {row["_id"]: row for row in self._database[FOLLOWED].find()}
        behind = [one for one in entries if not is_followed(done.get(one.code), one)]
        due = entries if anew else [one for one in behind if self._tried.get(one.code) != wanted(one)]
        if due:
            self.need_kafka()
            self._carry(due, done)
        if anew:
            self._forget(entries)
        left = [one for one in behind if one.code in self._tried]
        self._refused = len(left)
        WAITING.set(self._refused)
        if not left:
            self._late_since = None

    def need_kafka(self) -> None:
        """Raises KafkaException where Kafka does not answer."""
        self._admin.list_topics(timeout=ANSWERS_WITHIN)

    def need_mongo(self) -> None:
        """Raises PyMongoError where MongoDB does not answer."""
        self._database.command("ping")

    def need_followed(self) -> None:
        """Raises NotReady where Kafka has not been as the directory says for a while."""
        late = 0.0 if self._late_since is None else time.monotonic() - self._late_since
        if late > LATE:
            refused = f": it refuses the entries of {self._refused}" if self._refused else ""
            raise NotReady(f"Kafka has not followed the directory of agencies for {late:.0f} s{refused}")

    def _carry(self, due: Sequence[Agency], done: Rows) -> None:
        """All at once; where Kafka refuses something, each by itself."""
        kept = self._kept(due, done)
        try:
            self._at_kafka(due, kept)
        except provisioning.REFUSED as error:
            if len(due) > 1:
                for one in due:
                    self._carry([one], done)
                return
            self.need_kafka()  # what was away is told otherwise, and tried again at once
            [one] = due
            log.warning("Kafka does not follow the entry of %s: %s", one.code, error)
            self._tried[one.code] = wanted(one)
            self._write([_failed(one, done.get(one.code), str(error)[:MOST_WORDS])])
            return
        lost = self._lost(due, kept, done)
        self._write([_followed(one, done.get(one.code), one.code in lost) for one in due])
        self._forgotten([*kept])
        for one in due:
            self._tried.pop(one.code, None)
            if one.code in lost:
                self._tried[one.code] = wanted(one)
        log.info("Kafka is as the directory says of %s", ", ".join(one.code for one in due))

    def _at_kafka(self, due: Sequence[Agency], kept: Mapping[str, Salted]) -> None:
        if self._login.username is not None:  # passwords first: who is let in again has the new one alone
            scram.give(self._login, [*kept.values()])
        provisioning.follow(self._login, due, self._replication)

    def _kept(self, due: Iterable[Agency], done: Rows) -> dict[str, Salted]:
        """The passwords that Kafka does not have yet, by their ids."""
        named = [one.password.id for one in due if one.password is not None and _new(one, done)]
        return {row["_id"]: salted_of(row) for row in self._database[PASSWORDS].find({"_id": {"$in": named}})}

    def _lost(self, due: Iterable[Agency], kept: Mapping[str, Salted], done: Rows) -> set[str]:
        """Whose last password is not at Kafka and cannot be given to it any more. Where nothing is known of what was
        done, as in a database that was brought back, a user that Kafka knows was given one: that is held to be the last
        (assumption)."""
        gone = {one.code for one in due if one.password and _new(one, done) and one.password.id not in kept}
        unsure = {code for code in gone if done.get(code, {}).get("what") is None}
        if not unsure or self._login.username is None:
            return gone
        there = access.with_passwords(self._admin)
        return gone - {code for code in unsure if user_of(f"agency:{code}") in there}

    def _write(self, rows: Sequence[dict[str, Any]]) -> None:
        self._database[FOLLOWED].bulk_write([ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in rows])

    def _forgotten(self, passwords: Sequence[str]) -> None:
        self._database[PASSWORDS].delete_many({"_id": {"$in": [*passwords]}})

    def _forget(self, entries: Iterable[Agency]) -> None:
        """What was kept of passwords that Kafka has, or that were never given out."""
        has = [row["password"] for row in self._database[FOLLOWED].find({"password": {"$type": "string"}})]
        named = [one.password.id for one in entries if one.password is not None]
        old = {"_id": {"$nin": named}, "at": {"$lt": utc_now() - ATTEMPT}}
        self._database[PASSWORDS].delete_many({"$or": [{"_id": {"$in": has}}, old]})


def _new(entry: Agency, done: Rows) -> bool:
    """Whether Kafka does not have the last password of an agency."""
    return entry.password is not None and done.get(entry.code, {}).get("password") != entry.password.id


def _followed(entry: Agency, before: Mapping[str, Any] | None, lost: bool) -> dict[str, Any]:
    """What is written of an entry that was carried over; since when it is so stays. Without its password it was not."""
    if lost:
        return _failed(entry, before, LOST)
    what, password = wanted(entry), entry.password and entry.password.id
    same = before is not None and before["what"] == what
    at: datetime = before["at"] if same and before is not None else utc_now()
    return {"_id": entry.code, "what": what, "at": at, "password": password, "why": None}


def _failed(entry: Agency, before: Mapping[str, Any] | None, why: str) -> dict[str, Any]:
    known = before or {"what": None, "at": utc_now(), "password": None}
    return {"_id": entry.code, "what": known["what"], "at": known["at"], "password": known["password"], "why": why}


# ---- the process


def main() -> None:
    """The whole life of the process."""
    settings = Settings()
    logs.log_to_stdout(NAME, settings.log_level)
    beside.tell(NAME)
    provider = telemetry.start(NAME, settings.otlp_url)
    try:
        asyncio.run(_serve(settings, FollowSettings()))
    finally:
        provider.shutdown()


async def _serve(settings: Settings, how: FollowSettings) -> None:
    stopping = told_to_end()
    secret = settings.kafka_password
    password = None if secret is None else secret.get_secret_value()
    with provisioning.client(settings.mongo_url.get_secret_value(), int(ANSWERS_WITHIN * 1000)) as mongo:
        follower = Follower(
            Login(settings.kafka_url, settings.kafka_username, password),
            mongo[settings.database or first(INTAKE)],
            int(os.environ.get("LOTSMAN_REPLICATION") or "1"),
        )
        async with answering(_app(follower, settings), settings, stopping):
            await _follow(follower, how, stopping)


def _app(follower: Follower, settings: Settings) -> FastAPI:
    async def mongo() -> None:
        await asyncio.to_thread(follower.need_mongo)

    async def kafka() -> None:
        await asyncio.to_thread(follower.need_kafka)

    async def following() -> None:
        follower.need_followed()

    checks = {"mongo": mongo, "kafka": kafka}
    return make_bare_app("Lotsman follower", Keys.of(settings), checks, settings, {"following": following})


async def _follow(follower: Follower, how: FollowSettings, stopping: asyncio.Event) -> None:
    """Steps until it shall stop; what is away then is waited for."""
    all_at = float("-inf")
    while not stopping.is_set():
        began = time.monotonic()
        anew = began - all_at >= how.anew
        try:
            await asyncio.to_thread(follower.step, anew=anew)
            all_at = began if anew else all_at
        except (PyMongoError, KafkaException, TimeoutError) as error:
            # The last one where Kafka hangs and its client does not say so. The driver's own text may hold documents.
            log.warning("MongoDB or Kafka cannot be reached: %s", type(error).__name__)
        try:
            async with asyncio.timeout(how.every):
                await stopping.wait()
        except TimeoutError:
            continue


if __name__ == "__main__":
    main()
