"""Behind a real server: whoever is slow, silent or greedy for connections disturbs nobody and does not stay."""

import asyncio
import logging
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
import pytest
from prometheus_client import REGISTRY

from services.chassis.auth import Caller, Keys, NoDirectory
from services.chassis.connections import OTHER_FILES, Seldom, with_files
from services.chassis.problems import Problematic
from services.chassis.settings import Settings
from tests.conftest import Eventually
from tests.kit.served import Served, served
from tests.kit.sides import bearer

ONE = bearer("officer", sub="u-1", org=None)
HALF = b"GET /v1/quick HTTP/1.1\r\nHost: x\r\n"


@contextmanager
def sockets(it: Served, count: int, said: bytes = b"", source: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    """So many connections of one address that say this and then nothing."""
    some = list[socket.socket]()
    try:
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", it.port), timeout=30, source_address=(source, 0))
            some.append(one)
            one.sendall(said)
        yield some
    finally:
        for one in some:
            one.close()


async def opened(it: Served, count: int, said: bytes = b"", source: str = "127.0.0.1") -> list[socket.socket]:
    """The same, off the event loop, to be closed by whoever asked."""

    def opening() -> list[socket.socket]:
        with sockets(it, count, said, source) as some:
            kept = [one.dup() for one in some]
        return kept

    return await asyncio.to_thread(opening)


async def ended(one: socket.socket, within: float = 30) -> bytes:
    """What a connection is told until it is ended."""
    one.settimeout(within)

    def read() -> bytes:
        told = b""
        while True:
            try:
                some = one.recv(65536)
            except ConnectionResetError:
                return told
            if not some:
                return told
            told += some

    return await asyncio.to_thread(read)


@pytest.mark.parametrize("said", [b"", HALF], ids=["silent", "half a head"])
@pytest.mark.parametrize("sources", [1, 15])
async def test_1500_half_open_sockets_disturb_nobody(keys: Keys, said: bytes, sources: int) -> None:
    async with served(keys, head_within=300.0) as it:
        some = list[socket.socket]()
        try:
            for n in range(sources):
                some += await opened(it, 1500 // sources, said, f"127.0.0.{n + 1}")
            for source in ("127.0.0.1", "127.0.0.200"):
                transport = httpx.AsyncHTTPTransport(local_address=source)
                async with httpx.AsyncClient(transport=transport, timeout=30) as client:
                    began = time.monotonic()
                    for _ in range(5):
                        answer = await client.get(f"http://127.0.0.1:{it.port}/v1/quick", headers=ONE)
                        assert answer.json() == {"who": "u-1"}
                    assert time.monotonic() - began < 10
        finally:
            for one in some:
                one.close()


async def test_a_connection_at_work_is_not_ended_for_another_and_the_other_is_told_to_come_again(
    keys: Keys, eventually: Eventually
) -> None:
    async with served(keys, connections=3) as it:
        some = [asyncio.create_task(it.client.get("/v1/held", headers=ONE)) for _ in range(3)]
        await eventually(lambda: it.held == 3, within=30)
        [late] = await opened(it, 1)
        with closing(late):
            told = await ended(late)
        assert told.startswith(b"HTTP/1.1 503") and b"Retry-After" in told
        it.open.set()
        assert {one.status_code for one in await asyncio.gather(*some)} == {200}


async def test_one_address_has_so_many_connections_unless_all_come_through_a_proxy(
    keys: Keys, eventually: Eventually
) -> None:
    for hops, held in ((0, 2), (1, 4)):
        async with served(keys, connections_of_one=2, trusted_hops=hops) as it:
            some = list[asyncio.Task[httpx.Response]]()
            for _ in range(4):
                some.append(one := asyncio.create_task(it.client.get("/v1/held", headers=ONE)))
                before = it.held

                def taken(it: Served = it, one: asyncio.Task[httpx.Response] = one, before: int = before) -> bool:
                    return it.held > before or one.done()

                await eventually(taken, within=30)
            it.open.set()
            assert sorted(one.status_code for one in await asyncio.gather(*some)) == [200] * held + [503] * (4 - held)


async def test_a_method_that_http_does_not_have_is_counted_though_it_reaches_no_route(keys: Keys) -> None:
    def refused() -> float:
        labels = {"http_request_method": "_OTHER", "http_route": "", "http_response_status_code": "400"}
        return REGISTRY.get_sample_value("http_server_request_duration_seconds_count", labels) or 0.0

    before = refused()
    async with served(keys) as it:
        [one] = await opened(it, 1, b"FOO1 /v1/quick HTTP/1.1\r\nHost: x\r\n\r\n")
        with closing(one):
            assert (await ended(one)).startswith(b"HTTP/1.1 400")
    assert refused() == before + 1


@pytest.mark.parametrize(
    "said", [b"", HALF, b"\r\n", b"G"], ids=["silent", "half a head", "an empty line", "one letter"]
)
async def test_a_head_that_does_not_come_in_time_ends_its_connection(keys: Keys, said: bytes) -> None:
    async with served(keys, head_within=0.5) as it:
        [one] = await opened(it, 1, said)
        with closing(one):
            assert (await ended(one)).startswith(b"HTTP/1.1 408")


async def test_a_head_that_drips_ends_too_and_so_does_a_second_one_on_the_same_connection(keys: Keys) -> None:
    async with served(keys, head_within=1.0) as it:
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(30):
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        told = b""
        try:
            writer.write(HALF)
            while not reader.at_eof() and time.monotonic() - began < 30:
                writer.write(b"X-A: b\r\n")
                await writer.drain()
                await asyncio.sleep(0.1)
            told = await reader.read()
        except ConnectionError:
            pass
        assert time.monotonic() - began < 30 and (not told or told.startswith(b"HTTP/1.1 408"))
        writer.close()


async def test_a_head_without_end_is_431(keys: Keys) -> None:
    async with served(keys) as it:
        [one] = await opened(it, 1, HALF + b"X-A: " + b"b" * 60_000 + b"\r\nX-B: " + b"c" * 30_000)
        with closing(one):
            assert (await ended(one)).startswith(b"HTTP/1.1 431")


async def test_an_answer_that_takes_longer_than_a_head_may_is_waited_for(keys: Keys) -> None:
    async with served(keys, head_within=0.3, body_within=0.3) as it:
        for request in ("GET", "POST"):
            it.open.clear()
            task = asyncio.create_task(
                it.client.request(request, "/v1/held", headers=ONE, json={} if request == "POST" else None)
            )
            await asyncio.sleep(1.5)
            it.open.set()
            assert (await task).status_code == 200


async def test_a_body_that_nobody_reads_ends_with_its_connection(keys: Keys) -> None:
    async with served(keys, body_within=0.1, turn_within=0.1) as it:
        said = b"POST /v1/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx"
        [one] = await opened(it, 1, said)
        with closing(one):
            assert b"404" in (await ended(one))


async def test_a_reader_that_takes_nothing_is_not_waited_for(keys: Keys, eventually: Eventually) -> None:
    async with served(keys, write_within=0.5) as it:
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with closing(small):
            await asyncio.to_thread(small.connect, ("127.0.0.1", it.port))
            small.sendall(
                b"GET /v1/large HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n" % ONE["Authorization"].encode()
            )
            kept = it.server.server_state.connections
            await eventually(lambda: len(kept) == 1, within=30)
            await eventually(lambda: len(kept) == 0, within=30)


# ---- files and logs


def test_lines_that_anybody_can_cause_are_written_once_in_a_while() -> None:
    seldom = Seldom()

    def passes(text: str) -> bool:
        return seldom.filter(logging.LogRecord("x", logging.WARNING, "x", 1, text, (), None))

    assert [passes("socket.accept() out of system resource\nsocket: 7") for _ in range(5)] == [True] + [False] * 4
    assert [passes("Invalid HTTP request received.") for _ in range(5)] == [True] + [False] * 4
    assert all(passes("something else") for _ in range(5))


async def test_where_files_run_out_the_log_does_not_fill_and_the_server_goes_on(
    keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(keys) as it:
        assert (await it.client.get("/v1/quick", headers=ONE)).status_code == 200
        some = [socket.create_connection(("127.0.0.1", it.port), timeout=30) for _ in range(5)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        late = [socket.socket() for _ in range(5)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (late[-1].fileno() + 1, hard))
        try:
            for one in late:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", it.port))
            await asyncio.sleep(2.5)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for one in [*some, *late]:
            one.close()
        assert sum("out of system resource" in one.message for one in caplog.records) == 1
        assert (await it.client.get("/v1/quick", headers=ONE)).status_code == 200


def test_as_many_connections_are_taken_as_there_may_be_files(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[tuple[int, int]]()
    monkeypatch.setattr(resource, "setrlimit", lambda _which, bounds: asked.append(bounds))
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, 8192))
    assert with_files(Settings()).connections == 1000 and asked == [(1912, 8192)]
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, 1024))
    assert with_files(Settings()).connections == 1024 - 512 - OTHER_FILES


class Flooded(NoDirectory):
    """One agency has used up its quota for one route."""

    asked = 0

    def counts(self, method: str, path: str) -> bool:
        return (method, path) == ("POST", "/v1/raw")

    def need_room(self, caller: Caller, method: str, path: str) -> None:
        if self.counts(method, path) and caller.organisation == "flood":
            self.asked += 1
            raise Problematic(429, "quota.used", action="retry", headers={"Retry-After": "7"}, events=1, bytes=2)


async def test_who_has_used_up_a_quota_is_told_so_at_once_and_by_the_same_words_as_at_the_gate(keys: Keys) -> None:
    flood, calm = (bearer("publisher", sub=code, org=code) for code in ("flood", "calm"))
    async with served(keys) as it:
        it.app.state.agencies = agencies = Flooded()
        at_the_gate = await it.client.post("/v1/raw", headers=flood | {"Accept-Language": "be"}, content=b"a")
        assert at_the_gate.status_code == 429 and agencies.asked == 1

        async def elsewhere(*_: object) -> None:
            raise AssertionError("the app is not asked")

        app = it.app.middleware_stack
        it.app.middleware_stack = elsewhere
        for content in (b"a", b"x" * 200_000, b""):
            for language in ("be", "ru"):
                headers = flood | {"Accept-Language": language}
                refused = await it.client.post("/v1/raw", headers=headers, content=content)
                assert refused.status_code == 429 and refused.headers["Retry-After"] == "7"
                assert refused.headers["Content-Language"] == language and "date" in refused.headers
        again = await it.client.post("/v1/raw", headers=flood | {"Accept-Language": "be"}, content=b"a")
        assert (again.json(), [*again.headers]) == (at_the_gate.json(), [*at_the_gate.headers])
        it.app.middleware_stack = app
        assert (await it.client.post("/v1/raw", headers=calm, content=b"a")).json() == {"bytes": 1}
        assert (await it.client.get("/v1/quick", headers=flood)).json() == {"who": "flood"}
    assert agencies.asked == 8
    counted = next(one for one in REGISTRY.collect() if one.name == "lotsman_http_turned_away").samples
    assert any(one.labels == {"http_route": "/v1/raw", "caller": "agency", "agency": "flood"} for one in counted)


async def test_of_requests_sent_at_once_each_has_its_answer_in_its_place_though_some_are_told_to_come_again(
    keys: Keys,
) -> None:
    flood = bearer("publisher", sub="flood", org="flood")
    async with served(keys) as it:
        it.app.state.agencies = Flooded()
        assert (await it.client.get("/v1/quick", headers=flood)).status_code == 200
        line = f"Host: x\r\nAuthorization: {flood['Authorization']}\r\n"
        post = f"POST /v1/raw HTTP/1.1\r\n{line}Content-Length: 3\r\n\r\nabc".encode()
        get = f"GET /v1/quick HTTP/1.1\r\n{line}\r\n".encode()
        last = f"POST /v1/raw HTTP/1.1\r\n{line}Connection: close\r\nContent-Length: 3\r\n\r\nabc".encode()
        [one] = await opened(it, 1, post + post + get + post + last)
        with closing(one):
            answers = await ended(one)
    statuses = [int(said[:3]) for said in answers.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [429, 429, 200, 429, 429]
