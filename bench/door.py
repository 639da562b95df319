"""What one POST of an application costs and how long it takes, until it is in the register, at several rates.

The whole system runs as `./lotsman up` starts it, but for tracing: 1 % of traces are recorded, as in `bench pipeline`.
Requests come at times that are fixed in advance (see `posting`). When a pilot got into the register is not watched
while it is measured, for watching costs: the register's own topic is read afterwards. Its record of a pilot's entry
bears the moment at which the register, after its document was written, handed it to Kafka; from then on its card is
answered. CPU is that of the three services, MongoDB and Kafka, from before the first POST until the last pilot is in
and the index and the figures have taken it up, with what they use anyhow; what the generator and the receiver of
traces use stands apart.
"""

import asyncio
import json
import resource
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from bench.batches import AGENCY as BATCHES_OF
from bench.batches import run as in_batches
from bench.flood import FLOOD, opened
from bench.flood import SECONDS as FLOODED
from bench.flood import run as flooding
from bench.posting import Answered, Job, Sent, generated
from bench.times import not_exceeded
from bench.usage import cpu_of
from contracts.agency import ApplicationSubmittedV2
from contracts.reference import Role
from contracts.registry import PilotEnteredV1
from contracts.topics import EXPERTISE, FACT_MAX_BYTES, INTAKE, REGISTRY, fact_topic
from deploy.cli.main_job import application
from deploy.complaint import Complaint
from deploy.local.stack import Stack
from deploy.progress import Say, silent, task
from deploy.service import ask
from services.chassis.pace import LIVELY
from services.chassis.settings import Settings
from services.chassis.topic_reader import Offsets, TopicReader
from services.intake.domain.state import pilot_id

RATES: Final = (1, 20, 100, 200)
SECONDS: Final = 10
WARM_UP: Final = 1000
WARM_UP_RATE: Final = 100
CALLERS: Final = 32
AGENCY: Final = "bench-door"
PARTS: Final = (INTAKE, EXPERTISE, REGISTRY, "mongod", "kafka")
TOPIC: Final = fact_topic(REGISTRY)
IN_THE_REGISTER_WITHIN: Final = 120.0
SETTLES: Final = 1.5
"""Seconds after the last entry in which the index and the figures take it up."""
ASKED: Final = 20
"""So many cards of a run are asked for, to see that they are there."""


async def run(
    stack: Stack,
    rates: Sequence[int] = RATES,
    seconds: int = SECONDS,
    most: int = 1000,
    warm_up: int = WARM_UP,
    say: Say = silent,
    quiet: float = LIVELY + SETTLES,
    flood: int = FLOOD,
    flooded: int = FLOODED,
    together: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, Any]:
    """The rows of all rates, what a system costs where nothing comes in, how many POSTs a second it can take, what it
    takes in batches and over Kafka (`together`: how many of each), and how soon a single event is answered, alone and
    while another agency floods the doors (`flooded`: for so many seconds)."""
    door = _Door(stack)
    await asyncio.to_thread(door.open)
    with task(say, f"warming up: {warm_up} POSTs"):
        await door.measured(WARM_UP_RATE, warm_up)
    with task(say, "nothing comes in"):
        await asyncio.sleep(quiet)  # the services look often for a while after an input
        idle = await door.idle(seconds)
    rows = list[dict[str, Any]]()
    for rate in rates:
        with task(say, f"{rate * seconds} POSTs at {rate} a second, until they are in the register"):
            rows.append(await door.measured(rate, rate * seconds))
    with task(say, f"{most} POSTs of {CALLERS} callers, as fast as they are answered"):
        found = await door.most(most)
    begins = await door.ends()
    batches = await in_batches(stack, partial(door.settled, begins), say=say, **together)
    with task(say, f"single events alone, and beside {flood} events of another agency and its POSTs"):
        beside = await flooding(stack, flood, flooded)
    return {"by_rate": rows, **found, "idle": idle, "callers": CALLERS, "batches": batches, "flood": beside}


class _Door:
    """A running system, and an agency that sends to it."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._made = 0
        self._bearer = stack.token([Role.PUBLISHER], org=AGENCY)

    def open(self) -> None:
        """Enters the agency, with its topics and its user."""
        opened(self._stack, AGENCY)

    async def idle(self, seconds: float) -> dict[str, float]:
        """Percent of one core that everything takes while nothing comes in, and its parts."""
        before, began = self._cpu(), time.perf_counter()
        await asyncio.sleep(seconds)
        spent = time.perf_counter() - began
        parts = {name: round(100 * used / spent, 2) for name, used in _since(before, self._cpu()).items()}
        return {"percent_of_a_core": round(sum(parts[name] for name in PARTS), 2), **parts}

    async def measured(self, rate: int, count: int) -> dict[str, Any]:
        """The row of a rate."""
        job = self._job(count)
        before = self._cpu()
        sent, entered = await self._sent(job.model_copy(update={"rate": rate}))
        used = _since(before, self._cpu())
        took = [one.ms for one in sent.answers]
        cards = [1000 * (entered[one.pilot] - one.at) for one in sent.answers if one.pilot in entered]
        return {
            "rate": rate,
            "sent": len(sent.answers),
            "errors": sum(one.status != 201 for one in sent.answers),
            "p50_ms": _part(took, 0.5),
            "p99_ms": _part(took, 0.99),
            "card_p50_ms": _part(cards, 0.5),
            "card_p99_ms": _part(cards, 0.99),
            **_each(used, count),
            "generator_ms_per_event": round(1000 * sent.cpu_s / count, 2),
            "generator_late_p99_ms": _part([one.late_ms for one in sent.answers], 0.99),
        }

    async def most(self, count: int) -> dict[str, Any]:
        """How many a second get into the register, from callers who each wait for an answer before the next."""
        job = self._job(count)
        before = self._cpu()
        sent, entered = await self._sent(job.model_copy(update={"callers": CALLERS}))
        used = _since(before, self._cpu())
        began = min(one.at for one in sent.answers)
        if len(entered) < count:
            raise Complaint(f"{count - len(entered)} of {count} POSTs were not answered as they should be.")
        return {
            "most_per_second": round(count / (max(entered.values()) - began), 1),
            "most_cpu_ms_per_event": _each(used, count)["cpu_ms_per_event"],
        }

    async def _sent(self, job: Job) -> tuple[Sent, dict[str, float]]:
        """What came of a job, and when each pilot was entered, in seconds since 1970."""
        begins = await self.ends()
        sent = await generated(job)
        entered = await self._entered(begins, {one.pilot for one in sent.answers if one.pilot is not None})
        await asyncio.sleep(SETTLES)
        await asyncio.to_thread(self._ask_for, sent.answers)
        return sent, entered

    async def ends(self) -> Offsets:
        """Where the register's topic ends now."""
        async with self._reading("latest") as reader:
            return (await reader.bounds()).ends

    async def settled(self, begins: Offsets, events: Sequence[str]) -> None:
        """Waits until the applications of these ids are in the register, whose topic ended at these offsets before."""
        await self._entered(begins, {pilot_id(BATCHES_OF, one) for one in events})
        await asyncio.sleep(SETTLES)

    async def _entered(self, begins: Offsets, wanted: set[str]) -> dict[str, float]:
        """When each of these pilots was entered, as the topic says from these offsets on."""
        found = dict[str, float]()
        deadline = time.monotonic() + IN_THE_REGISTER_WITHIN
        async with self._reading(None) as reader:
            reader.place(begins)
            while len(found) < len(wanted):
                if time.monotonic() > deadline:
                    raise Complaint(f"{len(wanted) - len(found)} of {len(wanted)} pilots never got into the register.")
                for records in (await reader.poll(2000)).values():
                    for record in records:
                        pilot, kind = record.key.decode(), dict(record.headers).get("ce_type", b"").decode()
                        if pilot in wanted and kind == PilotEnteredV1.TYPE:
                            found.setdefault(pilot, record.timestamp / 1000)
        return found

    @asynccontextmanager
    async def _reading(self, begins: Literal["latest"] | None) -> AsyncIterator[TopicReader]:
        login = self._stack.backends.kafka
        settings = Settings(
            kafka_url=login.bootstrap,
            kafka_username=login.username,
            kafka_password=SecretStr(login.password) if login.password else None,
        )
        reader = TopicReader(settings, TOPIC, begins=begins, partition_bytes=2 * FACT_MAX_BYTES, wait_ms=200)
        await reader.start()
        try:
            yield reader
        finally:
            await reader.stop()

    def _ask_for(self, answers: Sequence[Answered]) -> None:
        token = self._stack.token([Role.AUDITOR])
        pilots = [one.pilot for one in answers if one.pilot is not None]
        for pilot in pilots[:: -(-len(pilots) // ASKED) or 1]:
            answer = ask(REGISTRY, "GET", f"{self._stack.urls[REGISTRY]}/v1/pilots/{pilot}", token)
            if answer.status_code != 200:
                raise Complaint(f"The card of {pilot} is not there: {answer.status_code}.")

    def _job(self, count: int) -> Job:
        first, self._made = self._made, self._made + count
        bodies = [_body(number) for number in range(first, self._made)]
        at = urlsplit(self._stack.urls[INTAKE])
        assert at.hostname is not None and at.port is not None
        return Job(host=at.hostname, port=at.port, path="/v1/events", bearer=self._bearer, bodies=bodies)

    def _cpu(self) -> dict[str, float]:
        """Seconds of CPU that each process has used so far. `traces`: this process, which receives the spans. Raises
        Complaint where one does not run."""
        running = {one.name: one.pid for one in self._stack.processes() if one.pid is not None}
        if missing := [name for name in PARTS if name not in running]:
            raise Complaint(f"What {', '.join(missing)} has used cannot be told: it does not run.")
        own = resource.getrusage(resource.RUSAGE_SELF)
        return cpu_of({name: running[name] for name in PARTS}) | {"traces": own.ru_utime + own.ru_stime}


def _body(number: int) -> str:
    return json.dumps(application(number, AGENCY, kind=ApplicationSubmittedV2.TYPE), ensure_ascii=False)


def _since(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    return {name: now[name] - used for name, used in before.items()}


def _each(used: Mapping[str, float], count: int) -> dict[str, Any]:
    """Milliseconds for each event: of all parts together, of each, and of the receiver of traces."""
    parts = {name: round(1000 * used[name] / count, 2) for name in PARTS}
    total = round(1000 * sum(used[name] for name in PARTS) / count, 2)
    return {"cpu_ms_per_event": total, "parts": parts, "traces_ms_per_event": round(1000 * used["traces"] / count, 2)}


def _part(times: Sequence[float], part: float) -> float | None:
    """What this part of the times did not exceed; None where there are none."""
    return round(not_exceeded(times, part), 1) if times else None
