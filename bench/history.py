"""What one fact costs by the history of its pilot, and by how many pilots are stored.

A report of an executor, a fact of intake's, is taken by the register's engine on the real MongoDB; Kafka is left out,
whose part does not depend on any history. Every round has an engine of its own, so that no pilot is still in memory
from the round before. Copies of made pilots are filled into the database directly. CPU is that of
this process and of MongoDB: quote the ratios, they hold when the machine is slow.
"""

import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import bson

from bench.copies import Copies
from bench.filling import fill
from bench.hop import record
from bench.pilots import Shelf
from bench.usage import cpu_of
from contracts.event import Actor, Fact
from contracts.intake import ProgressRegisteredV1
from contracts.reference import Period, Role
from contracts.rules import load
from contracts.steps import Progress
from contracts.topics import INTAKE
from deploy.complaint import Complaint
from deploy.local.backends import Backends
from deploy.local.databases import build_indexes
from deploy.progress import Say, Task, silent, task
from services.chassis.engine import Engine
from services.chassis.fold import state_json
from services.chassis.message import Message
from services.chassis.run import utc_now
from services.chassis.store import SUBJECTS, Row, Store, open_client
from services.chassis.subject import Record
from services.law.calendar import Calendars
from services.law.decision import Context
from services.registry.domain.commands import RecordReport
from services.registry.domain.decide import decide
from services.registry.domain.evolve import evolve
from services.registry.domain.stages import Stage
from services.registry.domain.state import Pilot
from services.registry.service import SERVICE

REPORTS: Final = (0, 10, 100, 1_000)
STORED: Final = (2_000, 200_000)
PILOTS: Final = 40
"""So many pilots each get a fact in a round, together."""
ROUNDS: Final = 7
SOUGHT: Final = 500
"""Among so many made pilots one is being carried out."""
ROBOT: Final = Actor(id="bench", role=Role.PUBLISHER)
SUMMARY: Final = "Работы идут по плану: данные переданы, показания сняты, замечаний не было. " * 5


async def run(
    backends: Backends,
    reports: Sequence[int] = REPORTS,
    stored: Sequence[int] = STORED,
    pilots: int = PILOTS,
    rounds: int = ROUNDS,
    say: Say = silent,
) -> dict[str, Any]:
    """A row for each number of reports and each number of stored pilots, each with its ratio to the first."""
    carried = next(row for row in Shelf().rows(SOUGHT) if row["state"]["stage"] == Stage.RUNNING)
    by_reports, by_stored = list[dict[str, Any]](), list[dict[str, Any]]()
    for count in reports:
        with task(say, f"facts of pilots with {count} reports", rounds) as going:
            old = [_named(_reported(carried, count), n) for n in range(pilots)]
            by_reports.append({"reports": count, **await _measured(backends, None, old, rounds, going)})
    for count in stored:
        with task(say, f"storing {count} pilots, then facts of some of them", count + rounds) as going:
            copies = Copies(Shelf(), count)
            some = [_named(carried, n) for n in range(pilots)]
            by_stored.append({"stored": count, **await _measured(backends, copies, some, rounds, going)})
    for rows_of in (by_reports, by_stored):
        for row in rows_of:
            row["ratio"] = round(row["cpu_us_per_fact"] / rows_of[0]["cpu_us_per_fact"], 2)
    return {"by_reports": by_reports, "by_stored": by_stored, "pilots": pilots, "rounds": rounds}


def _reported(row: Row, count: int) -> Row:
    """A pilot with so many reports on its course, each with the term that it ended."""
    state, version = Pilot.model_validate(row["state"]), row["version"]
    command = RecordReport("bench", Progress(period=_period(), summary=SUMMARY, values=()))
    context = Context(utc_now(), row["_id"], ROBOT, load(), Calendars.load())
    for _ in range(count):
        for fact in decide(state, command, context):
            state, version = _after(state, fact), version + 1
    return {**row, "state": state_json(state), "version": version, "rev": version}


def _after(state: Pilot, fact: Fact) -> Pilot:
    after = evolve(state, fact)
    assert after is not None
    return after


def _period() -> Period:
    today = utc_now().date()
    return Period(since=today, until=today)


def _named(row: Row, number: int) -> Row:
    """A copy of a pilot under the id of a number."""
    subject = str(UUID(int=random.Random(number).getrandbits(128), version=4))
    return {**row, "_id": subject, "correlation": subject}


@dataclass(frozen=True, slots=True)
class _Spent:
    """Microseconds for each fact of a round."""

    client: float
    mongod: float


async def _measured(
    backends: Backends, others: Copies | None, some: Sequence[Row], rounds: int, going: Task
) -> dict[str, Any]:
    """What a fact costs the pilots `some` where others are stored beside them."""
    client, name = open_client(backends.mongo_url), f"bench_{uuid4().hex[:8]}"
    store = Store(client, name)
    try:
        if others is not None:
            await fill(store, others, going)
        await store.add(SUBJECTS, some)
        await build_indexes(store, SERVICE.indexes)
        spent = list[_Spent]()
        for turn in range(rounds + 1):
            spent.append(await _round(backends, store, [_fact(row, turn) for row in some]))
            going.advance()
    finally:
        await client.drop_database(name)
        await store.close()
    warm = spent[1:]
    # MongoDB's time is told in hundredths of a second, so all rounds are taken together.
    us = [statistics.median(one.client for one in warm), statistics.mean(one.mongod for one in warm)]
    return {
        "document_kb": round(len(bson.encode(some[0])) / 1024, 1),
        "cpu_us_per_fact": round(sum(us)),
        "client_us": round(us[0]),
        "mongod_us": round(us[1]),
    }


async def _round(backends: Backends, store: Store, records: Sequence[Record]) -> _Spent:
    """A batch is taken, and every fact of it must have been."""
    sent = list[Message]()

    async def send(messages: Sequence[Message]) -> list[BaseException | None]:
        sent.extend(messages)
        return [None] * len(messages)

    engine = Engine(SERVICE, store, send, now=utc_now, new_id=lambda: str(uuid4()), calendars=Calendars.load())
    process = backends.mongod.process if backends.mongod else None
    pids = {"mongod": process.pid} if process is not None and process.pid is not None else {}
    before, began = cpu_of(pids), time.process_time()
    await engine.records(records)
    own, after = time.process_time() - began, cpu_of(pids)
    if len({message.key for message in sent}) < len(records):
        raise Complaint(f"Only {len(sent)} facts came of {len(records)} reports.")
    mongod = sum(after.values()) - sum(before.values())
    return _Spent(1e6 * own / len(records), 1e6 * mongod / len(records))


def _fact(row: Row, turn: int) -> Record:
    """The next fact of intake about a pilot."""
    sequence = row["seen"][INTAKE] + 1 + turn
    fact = ProgressRegisteredV1(
        actor=ROBOT,
        agency=row["state"]["agency"],
        number=row["state"]["number"],
        event_id=f"report-{sequence}",
        received=utc_now(),
        period=_period(),
        summary=SUMMARY,
    )
    return record(fact, row["_id"], sequence, offset=sequence)
