"""Sends POSTs at times that are fixed in advance, in a process of its own: `python -m bench.posting`, a job on stdin.

So the generator's work stands in nobody else's figures, and a slow answer delays no later request: each is sent when
its time has come, over a connection that is free or a new one, and its latency counts from that time. With `callers`
instead, so many send one after another as fast as they are answered. Until the process has read its job it takes half
a core for a second or more, so it says when it is ready, and begins when it is told to.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Self

from pydantic import BaseModel

from deploy.complaint import Complaint
from deploy.local.home import ROOT

ANSWER_WITHIN: Final = 60.0
LEAD: Final = 0.2
"""Seconds before the first request."""
READY: Final = b"ready\n"
"""What a generator says when it has read its job."""


class Job(BaseModel):
    """What is sent, and how: at `rate` a second, or by `callers` that wait for their answers."""

    host: str
    port: int
    path: str
    bearer: str
    bodies: list[str]
    content_type: str = "application/cloudevents+json"
    rate: float | None = None
    callers: int = 0


class Answered(BaseModel):
    """What came of one request. `at`: the moment at which it was to be sent, in seconds since 1970. `late_ms`: how much
    of `ms` went by before the generator itself came to send it."""

    at: float
    late_ms: float
    ms: float
    status: int
    pilot: str | None = None


class Sent(BaseModel):
    """What came of a job, and what it cost to send it."""

    answers: list[Answered]
    cpu_s: float


class Connections:
    """Connections to one address that are kept for the next request."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, body: str) -> tuple[int, bytes]:
        """The status and the body of the answer. Raises OSError or ValueError where there is none."""
        job, content = self._job, body.encode()
        head = (
            f"POST {job.path} HTTP/1.1\r\nHost: {job.host}\r\nAuthorization: Bearer {job.bearer}\r\n"
            f"Content-Type: {job.content_type}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        async with self._lent() as (reader, writer):
            writer.write(head.encode() + content)
            said = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = next(int(line[15:]) for line in said.split("\r\n") if line.startswith("content-length:"))
            return int(said.split(" ", 2)[1]), await reader.readexactly(length)

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        pair = self._kept() or await asyncio.open_connection(self._job.host, self._job.port)
        whole = False
        try:
            yield pair
            whole = True
        finally:
            if whole:
                self._free.append(pair)
            else:
                pair[1].close()

    def _kept(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """The connection that was used last, so that those that are too many are closed by the server in time."""
        while self._free:
            reader, writer = self._free.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return None

    def close(self) -> None:
        """Closes those that are free."""
        for _, writer in self._free:
            writer.close()


async def _one(connections: Connections, body: str, began: float, at: float) -> Answered:
    late = 1000 * (time.perf_counter() - began)
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            status, said = await connections.post(body)
    except (OSError, EOFError, ValueError, StopIteration, RuntimeError):
        status, said = 0, b"{}"
    spent = 1000 * (time.perf_counter() - began)
    pilot: Any = json.loads(said).get("pilot") if status in (200, 201) else None
    return Answered(at=at, late_ms=late, ms=spent, status=status, pilot=pilot)


async def send(job: Job) -> list[Answered]:
    """The answers to all bodies."""
    connections = Connections(job)
    try:
        return await (_by_callers(job, connections) if job.rate is None else _in_time(job, connections, job.rate))
    finally:
        connections.close()


async def _in_time(job: Job, connections: Connections, rate: float) -> list[Answered]:
    began, at = time.perf_counter() + LEAD, time.time() + LEAD
    sent = []
    for place, body in enumerate(job.bodies):
        due = place / rate
        if (left := began + due - time.perf_counter()) > 0:
            await asyncio.sleep(left)
        sent.append(asyncio.create_task(_one(connections, body, began + due, at + due)))
    return await asyncio.gather(*sent)


async def _by_callers(job: Job, connections: Connections) -> list[Answered]:
    bodies, answers = iter(job.bodies), list[Answered]()

    async def caller() -> None:
        for body in bodies:
            answers.append(await _one(connections, body, time.perf_counter(), time.time()))

    await asyncio.gather(*(caller() for _ in range(job.callers)))
    return answers


class Generator:
    """A process that has read its job, and waits for the word to do it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def ready(cls, job: Job) -> Self:
        """One that is ready. Raises Complaint."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.posting"),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(job.model_dump_json().encode() + b"\n")
        await process.stdin.drain()
        if await process.stdout.readline() != READY:
            raise Complaint(f"The generator of POSTs ended with {await process.wait()}.")
        return cls(process)

    async def sent(self) -> Sent:
        """What comes of its job, which it begins now. Raises Complaint."""
        said, _ = await self._process.communicate(b"\n")
        if self._process.returncode:
            raise Complaint(f"The generator of POSTs ended with {self._process.returncode}.")
        return Sent.model_validate_json(said)


async def generated(job: Job) -> Sent:
    """What came of a job that is done in a process of its own. Raises Complaint."""
    return await (await Generator.ready(job)).sent()


def main() -> None:
    """Does the job that stands on stdin."""
    job = Job.model_validate_json(sys.stdin.buffer.readline())
    sys.stdout.buffer.write(READY)
    sys.stdout.flush()
    sys.stdin.buffer.readline()
    answers = asyncio.run(send(job))
    used = resource.getrusage(resource.RUSAGE_SELF)
    sys.stdout.write(Sent(answers=answers, cpu_s=used.ru_utime + used.ru_stime).model_dump_json())


if __name__ == "__main__":
    main()
