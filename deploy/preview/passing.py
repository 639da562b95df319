"""All stored events of all agencies, judged by one set of rules, from topic to topic in bounded memory.

What fails is written to a file as it is found, a JSON value on each line; at the end of it stands what was counted.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts import own
from contracts.data import texts
from contracts.rules import Edition, RuleBook, load
from contracts.topics import agency_topic
from deploy.complaint import Complaint
from deploy.login import Login
from deploy.preview.judging import Judged, engine_of, judged
from deploy.progress import Say, task
from services.chassis.bus import record_of
from services.chassis.store import Store, StoreAway, open_client
from services.chassis.subject import Record

MOST: Final = 200
"""So many events are judged together."""
FETCHED: Final = 2 * 1024 * 1024
"""So many bytes of a topic are fetched at once; a larger event comes alone."""
PATIENCE: Final = 60.0
"""Seconds without any record, after which a topic cannot be read."""


def run(job: Mapping[str, Any]) -> None:
    """One pass. `ends`: up to which offset each agency's topic is read; `editions`: files that stand for an edition
    each; `found`: where what fails is written. Raises Complaint."""
    rules = changed(load(), job["editions"])
    asyncio.run(_pass(job, rules, _say))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def changed(book: RuleBook, files: Mapping[str, str]) -> RuleBook:
    """The book in which a file stands for an edition: for that of its own id, for the one that it extends, or for the
    one whose id is given beside it. Raises Complaint with every fault."""
    packaged, faults, editions = own.by_id(texts()), list[str](), list[Edition]()
    for path, instead in files.items():
        found, wrong = own.read_file(Edition, packaged, Path(path))
        faults += [f"{path}: {what}" for what in wrong]
        if found is None:
            continue
        stands_for = instead or (found.id if found.id in book else own.extended(Path(path)))
        if stands_for not in book:
            faults.append(f"{path}: for which edition does it stand? --instead-of says it: {', '.join(sorted(book))}")
            continue
        editions.append(found.model_copy(update={"id": stands_for}))
    if faults:
        raise Complaint("\n".join(faults))
    return book.with_(*editions)


async def _pass(job: Mapping[str, Any], rules: RuleBook, say: Say) -> None:
    store = Store(open_client(job["mongo_url"]), job["database"])
    engine = engine_of(store, rules, lambda: datetime.now(UTC))
    total = sum(job["ends"].values())
    try:
        with Path(job["found"]).open("w", encoding="utf-8") as file, task(say, f"{job['what']}, events", total) as done:
            for code, end in sorted(job["ends"].items()):
                events = undecided = 0
                async for records in read(Login(**job["login"]), code, end):
                    answers = await judged(engine, records)
                    _write(file, code, records, answers)
                    events += len(records)
                    undecided += sum(one.undecided for one in answers)
                    done.advance(len(records))
                _line(file, {"agency": code, "events": events, "undecided": undecided})
    except StoreAway as error:
        raise Complaint(f"Intake's database cannot be read: {error}.") from error
    finally:
        await store.close()


def _write(file: IO[str], agency: str, records: Sequence[Record], answers: Iterable[Judged]) -> None:
    for record, one in zip(records, answers, strict=True):
        if one.rules:
            _line(file, {"agency": agency, "offset": record.offset, "event_id": one.event_id, "rules": one.rules})


def _line(file: IO[str], said: Mapping[str, Any]) -> None:
    file.write(json.dumps(said, ensure_ascii=False) + "\n")


async def read(login: Login, agency: str, end: int) -> AsyncIterator[list[Record]]:
    """An agency's events in their order, up to an offset, some at a time. Raises Complaint."""
    place = TopicPartition(agency_topic(agency).name, 0)
    consumer = AIOKafkaConsumer(
        **login.aiokafka(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCHED,
    )
    await consumer.start()
    try:
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        moved = time.monotonic()
        while await consumer.position(place) < end:
            came = await consumer.getmany(place, timeout_ms=500, max_records=MOST)
            some = [record_of(raw) for raw in came.get(place, ()) if raw.offset < end]
            if some:
                yield some
                moved = time.monotonic()
            elif time.monotonic() - moved > PATIENCE:
                raise Complaint(f"The events of {agency} cannot be read to their end; run the preview again.")
    finally:
        await consumer.stop()
