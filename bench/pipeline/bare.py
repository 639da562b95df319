"""The bare loop: the script in batches with the same reads, guarded writes, clears and sends as our services, no rules.

It does what any program with the same promises must do: parse, load the documents of a batch with one query, write all
of them in one bulk under a guard, load and write the losers again, insert claims and rows of side collections, dump and
send every fact from the head of its outbox, wait for all, clear the outboxes in bulk, commit. The documents have the
same size and the same indexes. It decides and validates nothing, has no spans, no logs, no HTTP, no timers, no search
index and no figures, counts nothing, parks nothing, and reads nothing that a batch needs once for all (directory, rule
book, numbers). Run as `python -m bench.pipeline.bare PLAN SCRIPT PARTY`.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from pymongo import InsertOne, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError

from bench.pipeline.plan import PEOPLE, Plan
from bench.pipeline.playing import Asked, Fact, asked, made, producing, reading, rows_of, state_of
from bench.pipeline.script import OWN, Script, label_of
from contracts.event import PILOT
from services.chassis.store import CLAIMS, SUBJECTS, Store, open_client

DIGEST: Final = "0" * 64
DUPLICATE_KEY: Final = 11000
Row = dict[str, Any]


class Bare:
    """One party: its script, its databases, its producer."""

    def __init__(self, plan: Plan, script: Script, party: str, client: Any, producer: AIOKafkaProducer) -> None:
        self._plan, self._script, self._party, self._producer = plan, script, party, producer
        self._dbs = {name: client[database] for name, database in plan.databases.items()}
        self._acknowledged: dict[tuple[str, str], int] = defaultdict(int)

    async def take(self, source: str, records: Sequence[Any]) -> None:
        """A batch of one source: for each service that it asks something of, one load, one write, one send."""
        inputs: dict[str, list[Asked]] = defaultdict(list)
        for record in records:
            for one in asked(self._script, self._party, source, record.value):
                inputs[one.service].append(one)
        for service, some in inputs.items():
            await self._carry_out(service, some)

    async def _carry_out(self, service: str, inputs: Sequence[Asked]) -> None:
        db = self._dbs[service]
        await _insert(
            db[CLAIMS],
            [
                {"_id": f"{one.key:.40}", "digest": DIGEST, "subject": one.subject}
                for one in inputs
                if one.series is None
            ],
        )
        waiting: dict[str, list[Asked]] = defaultdict(list)
        for one in inputs:
            waiting[one.subject].append(one)
        outboxes: dict[str, list[Fact]] = {}
        while waiting:
            waiting = await self._write(service, waiting, outboxes)
        await self._send(service, outboxes)

    async def _write(
        self, service: str, waiting: Mapping[str, list[Asked]], outboxes: dict[str, list[Fact]]
    ) -> dict[str, list[Asked]]:
        """Loads and writes all of these; what lost against another writer comes back."""
        db = self._dbs[service]
        names = list(waiting)
        found = await db[SUBJECTS].find({"_id": {"$in": names}}, batch_size=len(names) + 1).to_list(None)
        loaded = {row["_id"]: row for row in found}
        writes, subjects = [], []
        for subject, inputs in waiting.items():
            before = loaded.get(subject)
            facts, write = self._folded(subject, before, inputs)
            outboxes[subject] = [*self._unsent(service, before), *facts]
            if write is not None:
                writes.append(write)
                subjects.append(subject)
        lost: set[str] = set()
        if writes:
            try:
                await db[SUBJECTS].bulk_write(writes, ordered=False)
            except BulkWriteError as error:
                lost = {subjects[one["index"]] for one in error.details["writeErrors"]}
        return {subject: waiting[subject] for subject in lost}

    def _folded(
        self, subject: str, before: Row | None, inputs: Sequence[Asked]
    ) -> tuple[list[Fact], UpdateOne | InsertOne[Row] | None]:
        """The facts of the inputs, and the one write that holds them."""
        seen, known = (dict(before["seen"]), before["ids"]) if before else ({}, {})
        version, due = (before["version"], before["due"]) if before else (0, None)
        state, ids, facts = None, dict[str, Row](), list[Fact]()
        for one in inputs:
            key = f"{one.key:.40}"
            if key in known or (one.series and one.series[1] <= seen.get(one.series[0], 0)):
                continue
            for label in one.cue.lines if one.cue else ():
                version += 1
                line = self._script.lines[label]
                facts.append(made(line, one.pilot, version))
                state, due = state_of(line, one.pilot), line.due
            if one.series:
                seen[one.series[0]] = one.series[1]
            else:
                ids[key] = {"digest": DIGEST, "version": version}
        if before is not None and not ids and seen == before["seen"]:
            return [], None
        rev = before["rev"] if before else 0
        values: Row = {"rev": rev + 1, "version": version, "moved": rev + 1, "seen": seen, "due": due, "trace": {}}
        if state is not None:
            values["state"] = state
        entries = [_entry(fact) for fact in facts]
        if before is None:
            head = {"_id": subject, "kind": PILOT, "correlation": subject}
            return facts, InsertOne({**head, **values, "ids": ids, "outbox": entries})
        values |= {f"ids.{key}": value for key, value in ids.items()}
        update: Row = {"$set": values, "$push": {"outbox": {"$each": entries}}}
        return facts, UpdateOne({"_id": subject, "rev": rev}, update, upsert=True)

    async def _send(self, service: str, outboxes: Mapping[str, Sequence[Fact]]) -> None:
        """Sends everything, waits for all of it, and clears."""
        db = self._dbs[service]
        facts = [fact for some in outboxes.values() for fact in some]
        if not facts:
            return
        rows: dict[str, list[Row]] = defaultdict(list)
        for fact in facts:
            for collection, row in rows_of(fact, fact.subject):
                rows[collection].append(row)
        for collection, some in rows.items():
            await _insert(db[collection], some)
        sent = [await self._publish(fact) for fact in facts]
        sent += [
            await self._producer.send(self._plan.receipts, value, key=fact.subject.encode())
            for fact in facts
            for value in fact.line.messages
        ]
        await asyncio.gather(*sent)
        ends: dict[int, list[str]] = defaultdict(list)
        for subject, entries in outboxes.items():
            if entries:
                last = entries[-1].sequence
                ends[last].append(subject)
                self._acknowledged[service, subject] = max(last, self._acknowledged[service, subject])
        clears = [
            UpdateMany({"_id": {"$in": subjects}}, {"$pull": {"outbox": {"sequence": {"$lte": last}}}})
            for last, subjects in ends.items()
        ]
        await db[SUBJECTS].bulk_write(clears, ordered=False)

    def _unsent(self, service: str, before: Row | None) -> list[Fact]:
        """What another party has not sent or not cleared yet: it goes first, so that no fact comes before an earlier
        one. What was sent from here is known, and does not go twice."""
        if before is None:
            return []
        done = self._acknowledged[service, before["_id"]]
        return [
            Fact(self._script.lines[label_of(one["id"])], one["id"], before["_id"], one["sequence"], one["value"])
            for one in before["outbox"]
            if one["sequence"] > done
        ]

    async def _publish(self, fact: Fact) -> "asyncio.Future[Any]":
        topic = self._plan.topics[fact.line.service]
        found: asyncio.Future[Any] = await self._producer.send(
            topic, fact.value, key=fact.subject.encode(), headers=fact.headers()
        )
        return found


def _entry(fact: Fact) -> Row:
    return {
        "at": datetime.now(UTC),
        "sequence": fact.sequence,
        "id": fact.id,
        "type": fact.line.body["type"],
        "value": fact.value,
    }


async def _insert(collection: Any, rows: Sequence[Row]) -> None:
    """Rows that never change; one that is there already stays."""
    if not rows:
        return
    try:
        await collection.bulk_write([InsertOne(row) for row in rows], ordered=False)
    except BulkWriteError as error:
        if any(one["code"] != DUPLICATE_KEY for one in error.details["writeErrors"]):
            raise


async def work(plan: Plan, script: Script, party: str) -> None:
    """Takes part until it is stopped."""
    client = open_client(plan.mongo_url)
    if party != PEOPLE:
        await Store(client, plan.databases[party]).prepare(OWN[party].indexes)
    producer = await producing(plan)
    await reading(plan, party, Bare(plan, script, party, client, producer).take)


if __name__ == "__main__":
    asyncio.run(work(Plan.read(Path(sys.argv[1])), Script.read(Path(sys.argv[2])), sys.argv[3]))
