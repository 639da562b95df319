"""What ops find on a busy day, for measurements: parked records of three causes at intake, and a collector with the
traces of some thousand requests."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from contracts.topics import EXPERTISE, INTAKE, REGISTRY, agency_topic
from deploy.local import keys
from deploy.local.ports import Ports
from deploy.local.traces import Receiver
from services.chassis import parking
from services.chassis.parking import BROKEN, Parked
from services.chassis.store import Store
from services.chassis.subject import Record
from services.chassis.told_traces import Span

CAUSES: Final = ("NewerVersion: /type: this program knows only older versions", "Unknown agency", "Broken: /data/costs")
TOPIC: Final = agency_topic("bench").name
PARKED: Final = 3_000
BATCH: Final = 500
TRACES: Final = 5_000
HOPS: Final = (INTAKE, REGISTRY, EXPERTISE, INTAKE, EXPERTISE, REGISTRY)
"""The services through which each trace goes, four spans in each."""
SHOWN: Final = 100
"""So many traces and pilots are asked for, one after another."""


def pilot(number: int) -> str:
    """The id of a pilot."""
    return str(UUID(int=number + 1))


async def park_some(store: Store, now: datetime) -> dict[str, list[str]]:
    """Parks records; the queries of their groups, and where some of them stand."""
    every = [_parked(number, now) for number in range(PARKED)]
    for first in range(0, PARKED, BATCH):
        await parking.park(store, every[first : first + BATCH], now - timedelta(minutes=first))
    groups = [urlencode({"status": BROKEN, "cause": cause, "topic": TOPIC}) for cause in CAUSES]
    return {"group": groups, "record": [one.record.id for one in every[:SHOWN]]}


def _parked(number: int, now: datetime) -> Parked:
    event = f'{{"specversion": "1.0", "id": "bench-{number}", "source": "/agencies/bench", "data": {{"title": "x"}}}}'
    headers = (("traceparent", f"00-{_trace(number)}-{1:016x}-01".encode()),)
    record = Record(TOPIC, 0, number, None, event.encode(), headers)
    return Parked(record, BROKEN, CAUSES[number % len(CAUSES)], pilot(number), "bench", None, f"bench-{number}")


@contextmanager
def collecting(folder: Path, home: Path, ports: Ports) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """A collector that has traces, in a folder of its own, to which tokens of `home` open it: its address, and the
    traces and pilots that are asked for."""
    keys.service_env(home)  # from here on there is the public key
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(home / "jwks.json", folder / "jwks.json")
    receiver = Receiver(folder / "traces.sqlite", ports["otlp"])
    began = time.time_ns() - TRACES * 10**8
    for first in range(0, TRACES, BATCH):
        receiver.keep(span for n in range(first, first + BATCH) for span in _spans(n, began + n * 10**8))
    receiver.start()
    try:
        some = {"trace": [_trace(n) for n in range(SHOWN)], "traced": [pilot(n) for n in range(SHOWN)]}
        yield f"http://127.0.0.1:{ports['otlp']}", some
    finally:
        receiver.stop()


def _trace(number: int) -> str:
    return f"{number + 1:032x}"


def _spans(number: int, at: int) -> Iterator[Span]:
    trace, above = _trace(number), ""
    about: dict[str, Any] = {"pilot.id": pilot(number), "pilot.event.id": f"bench-{number}"}
    for hop, service in enumerate(HOPS):
        start, id_ = at + hop * 20_000_000, f"{hop + 1:016x}"
        status = "error" if number % 50 == 0 and hop == 5 else "unset"
        name, end = f"process pilots.{service}.v1", start + 15_000_000
        yield Span(trace, id_, above, service, name, "consumer", start, end, status, about, [])
        for call in range(3):
            begun, inner = start + call * 4_000_000, f"{hop + 1:08x}{call + 1:08x}"
            said: dict[str, Any] = {"db.system": "mongodb", "db.operation": "update"}
            end = begun + 3_000_000
            yield Span(trace, inner, id_, service, f"{service}.update", "client", begun, end, "unset", said, [])
        above = id_
