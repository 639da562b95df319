"""Nothing that stands on a topic blocks it: what cannot be read is parked by its offset, and its neighbours go on."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from contracts.steps import EditionFrom
from contracts.topics import agency_topic, fact_topic
from deploy.access import add_agency
from deploy.cli.agencies import enter_at
from deploy.local import ports
from deploy.local.backends import Backends
from deploy.local.health import why_not_ready
from deploy.local.keys import token
from deploy.local.process import Process
from services.chassis.bus import AGENCIES
from services.chassis.unpacking import INFLATED_MOST, KEPT
from services.intake.domain.state import pilot_id
from services.intake.service import SERVICE as INTAKE
from tests.conftest import Eventually
from tests.integration.test_bus import Pair, _event, _is, committed, pair_on, running
from tests.kit.engine.tiny import notes_of, parked_rows
from tests.kit.raw_batches import CODECS, NotUtf8, batch, hand_over

pytestmark = [pytest.mark.apache_kafka, pytest.mark.timeout(240)]

BOMB = 200_000_000
"""Zeros in a record that is small when compressed."""
MOST_MB = 400


def spoil(backends: Backends, topic: str, there: bytes) -> None:
    """Changes a byte of what Kafka has on its disk, in the one batch that holds these bytes."""
    [log] = (backends.folder / "data" / "kafka" / f"{topic}-0").glob("*.log")
    data = log.read_bytes()
    assert data.count(there) == 1
    with log.open("r+b") as out:
        out.seek(data.index(there))
        out.write(bytes([there[0] ^ 1]))


@pytest.fixture
def pair(backends: Backends) -> Pair:
    """A fresh service and source with their topics."""
    return pair_on(backends)


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    """Back ends of these tests alone."""
    with Backends(tmp_path_factory.mktemp("lonely"), require_kafka=False) as running:
        yield running


async def test_what_cannot_be_read_is_parked_by_its_offset_and_the_topic_goes_on(
    backends: Backends, eventually: Eventually
) -> None:
    mark = uuid4().hex[:8]
    code = f"broken-{mark}"
    topic = agency_topic(code).name
    await asyncio.to_thread(add_agency, backends.kafka.admin(), code, None)
    good = [_event(code, n)[1] for n in range(1, 6)]
    await hand_over(
        backends.kafka,
        topic,
        batch([good[0], good[1], good[2]], headers=[[], [(NotUtf8("ab"), b"1")]]),
        batch([bytes(BOMB)], CODECS["zstd"]),
        batch([good[3]]),
        batch([b'{"spoilt-' + mark.encode() + b'": 1}', b"{}"]),
        batch([good[4]], CODECS["lz4"]),
    )
    spoil(backends, topic, b"spoilt-" + mark.encode())
    reader, database = f"intake-{mark}", f"test_{mark}"
    async with running(backends, INTAKE, [AGENCIES], database, reader=reader, entered=[code]) as here:
        for number in (1, 3, 4, 5):
            await eventually(partial(_has, here, code, number), within=60)

        async def parked() -> list[int]:
            return sorted(row["offset"] for row in await parked_rows(here.store, {"topic": topic}))

        await eventually(lambda: _is(parked(), [1, 3, 5]), within=60)  # later than the documents of their batch
        rows = {row["offset"]: row for row in await parked_rows(here.store, {"topic": topic})}
        assert {row["status"] for row in rows.values()} == {"broken"}
        causes = [rows[offset]["cause"] for offset in (1, 3, 5)]
        for cause, words in zip(causes, ("not UTF-8", f"inflates above {INFLATED_MOST}", "checksum"), strict=True):
            assert words in cause
        assert "offsets 5 to 6" in causes[2] and re.search("sha256 [0-9a-f]{64}", causes[1])
        assert all(len(row["value"]) <= max(KEPT, len(good[1])) for row in rows.values())
        assert len(await here.engine.parking.redrive([rows[1]["_id"]])) == 1
        assert await _has(here, code, 2), "what was only misnamed can be taken by hand"


async def _has(here: Any, code: str, number: int) -> bool:
    subject = pilot_id(code, f"{code}-{number}")
    return subject in await here.engine.documents([subject])


async def test_a_fact_that_cannot_be_read_is_a_gap_of_its_subject_alone(
    backends: Backends, pair: Pair, eventually: Eventually
) -> None:
    topic = fact_topic(pair.source)
    lost = pair.fact("p1", 1, "spoilt-here")[1]
    await hand_over(
        backends.kafka,
        topic,
        batch([lost]),
        batch([pair.fact("p1", 2, "b")[1], pair.fact("p2", 1, "c")[1]], headers=[[], []]),
    )
    spoil(backends, topic, b"spoilt-here")
    async with running(backends, pair.service, [pair.source], pair.name) as here:
        await eventually(lambda: _is(committed(backends, pair.group), 3), within=60)
        documents = await here.engine.documents(["p1", "p2"])
        assert {s: notes_of(d.state) for s, d in documents.items() if d.version} == {"p2": ("c",)}
        rows = await parked_rows(here.store, {})
        assert {row["offset"]: row["status"] for row in rows} == {0: "broken", 1: "waiting"}


def memory_mb(pid: int, what: str) -> float:
    """What a process holds now (VmRSS) or held at most (VmHWM)."""
    said = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"{what}:\s+(\d+) kB", said)
    assert found is not None
    return int(found[1]) / 1024


@asynccontextmanager
async def _process(
    backends: Backends, environment: Mapping[str, str], eventually: Eventually
) -> AsyncIterator[tuple[Process, str]]:
    """Intake as a process of its own, and where it answers."""
    port = ports.Ports.free()["intake"]
    url, command = f"http://127.0.0.1:{port}", [sys.executable, "-m", "services.intake"]
    process = Process(
        "intake", "Service intake", command, backends.folder, {**environment, "LOTSMAN_HTTP_PORT": str(port)}
    )
    process.start()
    try:
        await eventually(lambda: why_not_ready(url) is None, within=60, every=0.2)
        yield process, url
    finally:
        await asyncio.to_thread(process.stop, 20)


async def test_six_producers_of_records_that_inflate_take_the_memory_of_neither_broker_nor_intake(
    lonely: Backends, eventually: Eventually, record_property: Any
) -> None:
    backends = lonely  # where no other test writes to the topic of intake from another database
    mark = uuid4().hex[:8]
    codes = [f"bomb-{n}-{mark}" for n in range(6)]
    for code in codes:
        await asyncio.to_thread(add_agency, backends.kafka.admin(), code, None)
    bomb = await asyncio.to_thread(batch, [bytes(BOMB)], CODECS["gzip"])
    broker = getattr(backends.broker, "process")  # noqa: B009
    before, ended = broker.pid, broker.log.read_text("utf-8", "replace").count("OutOfMemoryError")
    environment = backends.service_env("intake")
    async with _process(backends, environment, eventually) as (intake, url):
        admin = token(backends.folder, ["admin"])
        since = EditionFrom(edition="by-2024", since=date(2025, 1, 1))
        for code in codes:
            await asyncio.to_thread(enter_at, url, admin, code, "Ведомство проб", since)
        topics = [agency_topic(code).name for code in codes]
        good = [batch([_event(code, 1)[1]]) for code in codes]
        sent = (hand_over(backends.kafka, topic, *[bomb] * 3, one) for topic, one in zip(topics, good, strict=True))
        await asyncio.gather(*sent)
        with MongoClient[dict[str, Any]](backends.mongo_url) as client:
            rows = client[environment["LOTSMAN_DATABASE"]]

            def all_told() -> bool:
                pilots = rows["subjects"].count_documents({"kind": "pilot", "state.agency": {"$in": codes}})
                return pilots == 6 and rows["parked"].count_documents({"topic": {"$in": topics}}) == 18

            await eventually(all_told, within=120, every=0.2)
        assert intake.pid is not None and before is not None
        held = {"intake": memory_mb(intake.pid, "VmHWM"), "broker": memory_mb(before, "VmHWM")}
    record_property("memory_mb", held)
    print(held)
    assert held["intake"] < MOST_MB
    assert broker.pid == before, "the broker went on"
    assert broker.log.read_text("utf-8", "replace").count("OutOfMemoryError") == ended
