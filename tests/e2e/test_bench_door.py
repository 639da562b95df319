"""The measurement of the agencies' door works: every rate has its row, nothing is lost, the parts make up the whole."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bench.door import PARTS, run
from bench.posting import Job, send
from deploy.local.stack import Stack

FEW = {"batch": 20, "rounds": 1, "batches": 3, "over_kafka": 50}
BODIES = [f'{{"n": {n}}}' for n in range(20)]


@pytest.mark.soak
async def test_the_measurement_has_a_row_for_each_rate_and_leaves_no_pilot_out(stack: Stack) -> None:
    found = await run(stack, rates=(5, 20), seconds=2, most=60, warm_up=20, quiet=0, flood=600, flooded=4, together=FEW)
    assert [(row["rate"], row["sent"], row["errors"]) for row in found["by_rate"]] == [(5, 10, 0), (20, 40, 0)]
    for row in found["by_rate"]:
        assert 0 < row["p50_ms"] <= row["p99_ms"] < 60_000
        assert 0 < row["card_p50_ms"] <= row["card_p99_ms"] < 60_000
        assert row["parts"].keys() == set(PARTS)
        assert row["cpu_ms_per_event"] == pytest.approx(sum(row["parts"].values()), abs=0.1)
        assert row["generator_ms_per_event"] > 0
        assert 0 <= row["generator_late_p99_ms"] <= row["p99_ms"]
    assert found["most_per_second"] > 0
    assert 0 < found["idle"]["percent_of_a_core"] < 100
    batches = found["batches"]
    assert (batches["batch"], batches["rounds"]) == (20, 1)
    assert min(batches[f"{one}events_per_second"] for one in ("", "bare_", "kafka_")) > 0
    assert batches["ratio_to_bare"] == pytest.approx(
        batches["events_per_second"] / batches["bare_events_per_second"], rel=0.05
    )
    flood = found["flood"]
    assert flood["events"] == 600
    assert flood["still_waiting"] > 0, "answered while the flood was not"
    assert flood["answers_to_posts"].keys() == {"201", "429"}, "its quota was used up, and nothing worse came of it"
    for one in ("", "kafka_"):
        assert 0 < flood[f"{one}p99_alone_ms"] < 20_000
        assert 0 < flood[f"{one}p99_flooded_ms"] < 20_000
        assert flood[f"{one}ratio"] == pytest.approx(
            flood[f"{one}p99_flooded_ms"] / flood[f"{one}p99_alone_ms"], abs=0.01
        )


@asynccontextmanager
async def answering(seconds: float) -> AsyncIterator[int]:
    """A server that answers 201 after so many seconds, and its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:"))
                await reader.readexactly(length)
                await asyncio.sleep(seconds)
                writer.write(b'HTTP/1.1 201 Created\r\ncontent-length: 13\r\n\r\n{"pilot":"p"}')
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def job(port: int) -> Job:
    return Job(host="127.0.0.1", port=port, path="/", bearer="none", bodies=BODIES)


async def test_a_slow_answer_delays_no_later_request() -> None:
    async with answering(1.0) as port:
        began = time.monotonic()
        answers = await send(job(port).model_copy(update={"rate": 40}))
        spent = time.monotonic() - began
    assert [one.status for one in answers] == [201] * 20
    assert spent < 10, "one after another they would take twenty seconds"
    assert all(one.ms >= 900 and one.late_ms < one.ms for one in answers)
    assert [round(one.at - answers[0].at, 3) for one in answers] == [round(n / 40, 3) for n in range(20)]


async def test_callers_wait_for_their_answers() -> None:
    async with answering(0.1) as port:
        began = time.monotonic()
        answers = await send(job(port).model_copy(update={"callers": 4}))
        spent = time.monotonic() - began
    assert len(answers) == 20
    assert {one.pilot for one in answers} == {"p"}
    assert spent >= 0.5, "twenty by four callers are five turns of a tenth of a second"


async def test_what_is_not_answered_is_counted_as_that() -> None:
    async with answering(0) as port:
        pass
    answers = await send(job(port).model_copy(update={"rate": 1000}))
    assert {one.status for one in answers} == {0}
