"""The textbook: one message, one transaction, an inbox and an outbox collection, a relay. It plays the script.

As a careful team writes it from the pattern's description: each message is read by itself; in one transaction its id
goes into the inbox (one that is there already was a duplicate), the document is read and replaced, the facts go into
the outbox; then its offset is committed. Beside it a relay reads the outbox in order, sends each fact and waits for
Kafka, and marks what was sent. Commands are transactions of the same form. Run as `python -m bench.pipeline.textbook
PLAN SCRIPT PARTY`.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from bench.pipeline.plan import PEOPLE, Plan
from bench.pipeline.playing import Asked, Fact, asked, made, producing, reading, rows_of, state_of
from bench.pipeline.script import OWN, Script
from services.chassis.store import SUBJECTS, Store, open_client

INBOX: Final = "inbox"
OUTBOX: Final = "outbox"
AT_ONCE: Final = 100
"""Facts that the relay reads from the outbox at once."""
RELAY_PAUSE: Final = 0.02
"""Seconds the relay waits when the outbox is empty."""


class Textbook:
    """One party with its databases."""

    def __init__(self, plan: Plan, script: Script, party: str, client: Any) -> None:
        self._script, self._party, self._client = script, party, client
        self._dbs = {name: client[database] for name, database in plan.databases.items()}

    async def take(self, source: str, records: Sequence[Any]) -> None:
        """One message."""
        for record in records:
            for one in asked(self._script, self._party, source, record.value):
                await self._carry_out(one)

    async def _carry_out(self, one: Asked) -> None:
        async def write(session: Any) -> None:
            await self._write(one, session)

        try:
            async with await self._client.start_session() as session:
                await session.with_transaction(write)
        except DuplicateKeyError as error:
            if f"{INBOX} index: _id_" not in str(error):
                raise

    async def _write(self, one: Asked, session: Any) -> None:
        db = self._dbs[one.service]
        await db[INBOX].insert_one({"_id": one.key, "at": datetime.now(UTC)}, session=session)
        found = await db[SUBJECTS].find_one({"_id": one.subject}, session=session)
        document = found or {"_id": one.subject, "kind": "pilot", "version": 0, "state": {}, "due": None}
        facts = list[Fact]()
        for label in one.cue.lines if one.cue else ():
            line = self._script.lines[label]
            document["version"] += 1
            document["state"], document["due"] = state_of(line, one.pilot), line.due
            facts.append(made(line, one.pilot, document["version"]))
        await db[SUBJECTS].replace_one({"_id": one.subject}, document, upsert=True, session=session)
        for fact in facts:
            for collection, row in rows_of(fact, one.pilot):
                await db[collection].insert_one(row, session=session)
        if facts:
            await db[OUTBOX].insert_many([_row(fact) for fact in facts], session=session)


def _row(fact: Fact) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC),
        "service": fact.line.service,
        "key": fact.subject,
        "label": fact.line.label,
        "value": fact.value,
        "headers": dict(fact.headers()),
        "sent": False,
    }


async def relay(plan: Plan, script: Script, db: Any, producer: AIOKafkaProducer) -> None:
    """Sends what stands in an outbox, oldest first, each fact by itself, until stopped."""
    while True:
        rows = await db[OUTBOX].find({"sent": False}).sort("_id", ASCENDING).limit(AT_ONCE).to_list(None)
        for row in rows:
            key, headers = row["key"].encode(), list(row["headers"].items())
            await producer.send_and_wait(plan.topics[row["service"]], row["value"], key=key, headers=headers)
            for message in script.lines[row["label"]].messages:
                await producer.send_and_wait(plan.receipts, message, key=key)
            await db[OUTBOX].update_one({"_id": row["_id"]}, {"$set": {"sent": True}})
        if not rows:
            await asyncio.sleep(RELAY_PAUSE)


async def work(plan: Plan, script: Script, party: str) -> None:
    """Takes part until it is stopped."""
    client = open_client(plan.mongo_url)
    textbook = Textbook(plan, script, party, client)
    if party == PEOPLE:
        return await reading(plan, party, textbook.take, most=1)
    db, store = client[plan.databases[party]], Store(client, plan.databases[party])
    await store.prepare(OWN[party].indexes)
    await db[INBOX].insert_one({"_id": "made"})
    await db[OUTBOX].create_index([("sent", ASCENDING), ("_id", ASCENDING)])
    relaying = relay(plan, script, db, await producing(plan))
    await asyncio.gather(reading(plan, party, textbook.take, most=1), relaying)


if __name__ == "__main__":
    asyncio.run(work(Plan.read(Path(sys.argv[1])), Script.read(Path(sys.argv[2])), sys.argv[3]))
