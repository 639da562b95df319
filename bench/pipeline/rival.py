"""The rival: what a Python team takes from the shelf. FastStream with faststream-outbox on PostgreSQL plays the script.

Written as the documentation of faststream-outbox shows it: a Kafka handler for each message opens a session, keeps the
message's id (one that is there already was a duplicate), locks and changes the subject's row and publishes into the
outbox, all in one transaction; a relay stacked on the outbox publishes to Kafka. Set in its favour: the relay takes 100
rows at once and deletes them in batches (its own advice for speed), messages are acknowledged after the handler (the
default would lose them), a lease ends after ten seconds instead of sixty, and no table has an index beside its keys.
Run as `python -m bench.pipeline.rival PLAN SCRIPT PARTY`.
"""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaResponse
from faststream.kafka.annotations import KafkaMessage
from faststream.security import SASLScram512
from faststream_outbox import OutboxBroker, make_outbox_table
from faststream_outbox.annotations import OutboxMessage
from sqlalchemy import Column, Integer, MetaData, String, Table, select, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from bench.pipeline.people import submission, submit
from bench.pipeline.plan import AGENCY, PEOPLE, Plan
from bench.pipeline.playing import Asked, Fact, asked, group_of, made, rows_of, sources, topic_of
from bench.pipeline.script import Script
from contracts.topics import FACT_MAX_BYTES, SERVICES

AT_ONCE: Final = 100
LEASE: Final = 10.0
"""Seconds after which what a dead relay had in hand is taken up."""
KEY: Final = "key"
"""The header in which the outbox keeps the key of the Kafka record."""
TYPE: Final = "content-type"
"""The outbox has a header of its own of this name: with it, the relay would parse what it only passes on."""
FACTS: Final = "facts"
RECEIPTS: Final = "receipts"

METADATA: Final = MetaData()
SUBJECTS: Final = Table(
    "subjects",
    METADATA,
    Column("id", String, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", JSONB, nullable=False),
)
INBOX: Final = Table("inbox", METADATA, Column("id", String, primary_key=True))
ROWS: Final = Table(
    "side_rows", METADATA, Column("id", String, primary_key=True), Column("body", JSONB, nullable=False)
)
OUTBOX: Final = make_outbox_table(METADATA, table_name="outbox")


class Database:
    """The database of one service, and its outbox."""

    def __init__(self, url: str) -> None:
        self.engine = create_async_engine(url, pool_size=10)
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self.outbox = OutboxBroker(self.engine, outbox_table=OUTBOX)

    async def carry_out(self, script: Script, one: Asked) -> None:
        """One input in one transaction."""
        async with self.sessions() as session, session.begin():
            fresh = await session.execute(
                insert(INBOX).values(id=one.key).on_conflict_do_nothing().returning(INBOX.c.id)
            )
            if fresh.first() is None:
                return
            asked_for = select(SUBJECTS).where(SUBJECTS.c.id == one.subject).with_for_update()
            row = (await session.execute(asked_for)).first()
            version, state = (row.version, row.state) if row else (0, {})
            facts = list[Fact]()
            for label in one.cue.lines if one.cue else ():
                version += 1
                state = script.lines[label].state
                facts.append(made(script.lines[label], one.pilot, version))
            written = insert(SUBJECTS).values(id=one.subject, version=version, state=state)
            changed = {"version": version, "state": state}
            await session.execute(written.on_conflict_do_update(index_elements=[SUBJECTS.c.id], set_=changed))
            for fact in facts:
                for _collection, side in rows_of(fact, one.pilot):
                    await session.execute(insert(ROWS).values(id=side["_id"], body=side))
                headers = {name: value.decode() for name, value in fact.headers() if name != TYPE} | {KEY: fact.subject}
                await self.outbox.publish(fact.value, queue=FACTS, session=session, headers=headers)
                for message in fact.line.messages:
                    await self.outbox.publish(message, queue=RECEIPTS, session=session, headers={KEY: fact.subject})


async def relayed(message: OutboxMessage) -> KafkaResponse:
    """A row of the outbox as a record of Kafka."""
    headers = {name: value for name, value in (message.headers or {}).items() if name != KEY}
    return KafkaResponse(message.body, key=message.headers[KEY].encode(), headers=headers)


def kafka_of(plan: Plan) -> KafkaBroker:
    """Kafka with acknowledged, idempotent sends."""
    login = plan.kafka
    known = login.username is not None and login.password is not None
    return KafkaBroker(
        login.bootstrap,
        security=SASLScram512(username=login.username or "", password=login.password or "") if known else None,
        acks="all",
        enable_idempotence=True,
        max_request_size=FACT_MAX_BYTES,
        allow_auto_create_topics=False,
        logger=None,
    )


async def work(plan: Plan, script: Script, party: str) -> None:
    """Takes part until it is stopped."""
    databases = {name: Database(f"{plan.postgres}/{plan.databases[name]}") for name in SERVICES}
    kafka = kafka_of(plan)
    for source in sources(party):
        _reading(plan, script, party, source, kafka, databases)
    if party != PEOPLE:
        _relaying(plan, party, kafka, databases[party])
    await kafka.start()
    if party != PEOPLE:
        await databases[party].outbox.start()
    await plan.begin(party)
    if party == PEOPLE:
        await submit(plan, [submission(AGENCY, one) for one in plan.event_ids()])
    await asyncio.Event().wait()


def _reading(
    plan: Plan, script: Script, party: str, source: str, kafka: KafkaBroker, databases: Mapping[str, Database]
) -> None:
    async def handle(message: KafkaMessage) -> None:
        for one in asked(script, party, source, message.body):
            await databases[one.service].carry_out(script, one)

    kafka.subscriber(
        topic_of(plan, source),
        group_id=group_of(plan, party, source),
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )(handle)


def _relaying(plan: Plan, party: str, kafka: KafkaBroker, database: Database) -> None:
    for queue, topic in ((FACTS, plan.topics[party]), (RECEIPTS, plan.receipts)):
        taken = database.outbox.subscriber(
            queue,
            fetch_batch_size=AT_ONCE,
            terminal_flush_batch_size=AT_ONCE,
            min_fetch_interval=0.05,
            lease_ttl_seconds=LEASE,
        )
        kafka.publisher(topic)(taken(relayed))


async def prepare(plan: Plan) -> None:
    """Makes the databases of a run with their tables."""
    server = create_async_engine(f"{plan.postgres}/postgres", isolation_level="AUTOCOMMIT")
    async with server.connect() as connection:
        for name in plan.databases.values():
            await connection.execute(text(f'create database "{name}"'))
    await server.dispose()
    for name in plan.databases.values():
        engine = create_async_engine(f"{plan.postgres}/{name}")
        async with engine.begin() as connection:
            await connection.run_sync(METADATA.create_all)
        await engine.dispose()


if __name__ == "__main__":
    asyncio.run(work(Plan.read(Path(sys.argv[1])), Script.read(Path(sys.argv[2])), sys.argv[3]))
