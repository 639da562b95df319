"""How many events a second the agencies' door takes in batches, beside a bare route, and over Kafka.

The bare route (`bench.bare_door`) validates with pydantic and does one `insert_many` with `w=majority`: what any
program must do that answers for what it saved. Both get the same events in batches of the same size from the same
generator, in turns within one run; before it is the bare route's turn, everything of ours has reached the register.
Over Kafka the time goes from the first event that is sent until the receipt of the last one stands in its topic.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from bench.flood import ANSWERED_WITHIN, opened, receipts_of, told
from bench.posting import Answered, Job, generated
from contracts.agency import ApplicationSubmittedV2
from contracts.reference import Role
from contracts.topics import INTAKE
from deploy.cli.main_job import application
from deploy.cli.publishing import publish
from deploy.complaint import Complaint
from deploy.local.home import ROOT
from deploy.local.stack import Stack
from deploy.progress import Say, silent, task
from services.intake.api.publishing import BATCH_TYPE

BATCH: Final = 500
ROUNDS: Final = 5
BATCHES: Final = 6
"""So many batches a round."""
CALLERS: Final = 2
OVER_KAFKA: Final = 5_000
AGENCY: Final = "bench-batches"
Settled = Callable[[Sequence[str]], Awaitable[None]]
"""Waits until the events of these ids of the agency are in the register."""


async def run(
    stack: Stack,
    settled: Settled,
    *,
    batch: int = BATCH,
    rounds: int = ROUNDS,
    batches: int = BATCHES,
    over_kafka: int = OVER_KAFKA,
    say: Say = silent,
) -> dict[str, Any]:
    """Events a second at the door and at the bare route, the middle ratio of all rounds, and events over Kafka."""
    login = await asyncio.to_thread(opened, stack, AGENCY)
    at = urlsplit(stack.urls[INTAKE])
    made = 0
    ours, bare = list[float](), list[float]()
    async with _bare_route(stack.backends.mongo_url) as port:
        for number in range(rounds + 1):
            some = [_applications(made + n * batch, batch) for n in range(batches)]
            made += batches * batch
            job = Job(
                host="127.0.0.1",
                port=port,
                path="/events",
                bearer=stack.token([Role.PUBLISHER], org=AGENCY),
                bodies=[json.dumps(one, ensure_ascii=False) for one in some],
                content_type=BATCH_TYPE,
                callers=CALLERS,
            )
            door = job.model_copy(update={"host": at.hostname, "port": at.port, "path": "/v1/events"})
            with task(say, f"batches of {batch} events, round {number} of {rounds}"):
                took = [await _took(job.model_copy(update={"content_type": "application/json"}), 201)]
                took.append(await _took(door, 207))
                await settled([event["id"] for one in some for event in one])
            if number:  # the first one is for warming up
                bare.append(batches * batch / took[0])
                ours.append(batches * batch / took[1])
    with task(say, f"{over_kafka} events over Kafka"):
        events = _applications(made, over_kafka)
        async with receipts_of(login, AGENCY) as receipts:
            before, began = await told(receipts), time.monotonic()
            await publish(login, {AGENCY: events})
            while await told(receipts) - before < over_kafka:
                if time.monotonic() - began > ANSWERED_WITHIN + over_kafka / 20:
                    raise Complaint("Not all events that were sent over Kafka were answered.")
                await asyncio.sleep(0.02)
            took_s = time.monotonic() - began
        await settled([event["id"] for event in events])
    return {
        "batch": batch,
        "rounds": rounds,
        "events_per_second": round(statistics.median(ours)),
        "bare_events_per_second": round(statistics.median(bare)),
        "ratio_to_bare": round(statistics.median(one / other for one, other in zip(ours, bare, strict=True)), 3),
        "kafka_events_per_second": round(over_kafka / took_s),
    }


def _applications(first: int, count: int) -> list[dict[str, Any]]:
    return [application(first + n, AGENCY, kind=ApplicationSubmittedV2.TYPE) for n in range(count)]


async def _took(job: Job, status: int) -> float:
    """Seconds from the first batch that is sent to the last answer. Raises Complaint where one is not this status."""
    answers: list[Answered] = (await generated(job)).answers
    if wrong := [one.status for one in answers if one.status != status]:
        raise Complaint(f"{len(wrong)} of {len(answers)} batches were answered with {wrong[0]}, not with {status}.")
    return max(one.at + one.ms / 1000 for one in answers) - min(one.at for one in answers)


@asynccontextmanager
async def _bare_route(mongo_url: str) -> AsyncIterator[int]:
    """The port of the bare route, which runs in a process of its own meanwhile."""
    made = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.bare_door"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert made.stdin is not None and made.stdout is not None
    try:
        made.stdin.write(f"{mongo_url}\n".encode())
        yield int(await made.stdout.readline() or 0)
    finally:
        if made.returncode is None:
            made.terminate()
        await made.wait()
