"""Behind a real server: no caller takes more than a share, and no body makes more of itself than it may."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client import REGISTRY, generate_latest

from services.chassis.auth import Keys
from services.chassis.bounds import Bounds
from tests.conftest import Eventually
from tests.kit.served import Served, served
from tests.kit.sides import bearer, problem

JSON = {"Content-Type": "application/json"}
ONE = bearer("officer", sub="u-1", org=None)
OTHER = bearer("officer", sub="u-2", org=None)


def redrive(count: int) -> bytes:
    return json.dumps({"ids": [str(n) for n in range(count)]}).encode()


async def posted(it: Served, body: bytes, who: dict[str, str] = ONE, path: str = "/v1/held") -> httpx.Response:
    return await it.client.post(path, content=body, headers={**JSON, **who})


def turned_away(route: str, caller: str, agency: str) -> float:
    """How many requests were told to come again."""
    labels = {"http_route": route, "caller": caller, "agency": agency}
    return REGISTRY.get_sample_value("lotsman_http_turned_away_total", labels) or 0.0


# ---- requests at once


async def test_one_caller_who_takes_all_places_is_told_to_come_again_and_others_are_answered(
    keys: Keys, eventually: Eventually
) -> None:
    async with served(keys, requests=8, requests_of_one=3, requests_waiting=2, turn_within=30) as it:
        some = [asyncio.create_task(it.client.get("/v1/held", headers=ONE)) for _ in range(10)]
        await eventually(lambda: sum(one.done() for one in some) == 5, within=30)
        told = [problem(one.result(), 429) for one in some if one.done()]
        assert {one["title"] for one in told} == {"share.used"} and {one["action"] for one in told} == {"retry"}
        assert all(int(one.result().headers["Retry-After"]) > 0 for one in some if one.done())
        assert it.held == 3
        other = await it.client.get("/v1/quick", headers=OTHER)
        assert other.json() == {"who": "u-2"}
        it.open.set()
        assert sorted(one.status_code for one in await asyncio.gather(*some)) == [200] * 5 + [429] * 5


@pytest.mark.parametrize("language, words", [("ru", "доступно"), ("be", "даступна"), ("en", "at once")])
async def test_that_a_share_is_used_up_is_said_in_words(
    keys: Keys, eventually: Eventually, language: str, words: str
) -> None:
    async with served(keys, requests=2, requests_of_one=1, requests_waiting=0) as it:
        first = asyncio.create_task(it.client.get("/v1/held", headers=ONE))
        await eventually(lambda: it.held == 1, within=30)
        told = await it.client.get("/v1/quick", headers={**ONE, "Accept-Language": language})
        assert words in problem(told, 429)["detail"]
        it.open.set()
        assert (await first).status_code == 200


async def test_persons_of_one_agency_who_publish_for_it_share_and_those_who_do_not_have_their_own(
    keys: Keys, eventually: Eventually
) -> None:
    before = turned_away("/v1/quick", "agency", "primer")
    async with served(keys, requests=8, requests_of_one=1, requests_waiting=0) as it:
        first = asyncio.create_task(it.client.get("/v1/held", headers=bearer("publisher", sub="p-1", org="primer")))
        await eventually(lambda: it.held == 1, within=30)
        same = await it.client.get("/v1/quick", headers=bearer("publisher", sub="p-2", org="primer"))
        agency = await it.client.get("/v1/quick", headers=bearer("publisher", sub="p-2", org="other"))
        officer = await it.client.get("/v1/quick", headers=bearer("officer", sub="p-3", org="primer"))
        assert [one.status_code for one in (same, agency, officer)] == [429, 200, 200]
        assert turned_away("/v1/quick", "agency", "primer") - before == 1
        it.open.set()
        await first


async def test_where_all_places_are_taken_by_others_it_is_503_and_health_is_answered(
    keys: Keys, eventually: Eventually
) -> None:
    async with served(keys, requests=2, requests_of_one=1, requests_waiting=0) as it:
        some = [asyncio.create_task(it.client.get("/v1/held", headers=who)) for who in (ONE, OTHER)]
        await eventually(lambda: it.held == 2, within=30)
        late = await it.client.get("/v1/quick", headers=bearer("officer", sub="u-3", org=None))
        assert problem(late, 503)["title"] == "service.busy" and late.headers["Retry-After"]
        assert (await it.client.get("/health/live")).status_code == 200
        it.open.set()
        await asyncio.gather(*some)


@pytest.mark.parametrize("said", ["wait=0", "respond-async; wait=0", 'return=minimal, Wait = "0"'])
async def test_who_says_how_long_an_answer_is_waited_for_is_answered_before_that(
    keys: Keys, eventually: Eventually, said: str
) -> None:
    async with served(keys, requests=2, requests_of_one=1, requests_waiting=5, turn_within=600) as it:
        first = asyncio.create_task(it.client.get("/v1/held", headers=ONE))
        await eventually(lambda: it.held == 1, within=30)
        patient = asyncio.create_task(it.client.get("/v1/quick", headers={**ONE, "Prefer": "wait=500, awaits=0"}))
        told = await it.client.get("/v1/quick", headers={**ONE, "Prefer": said})
        assert problem(told, 429)["action"] == "retry" and not patient.done()
        assert (await it.client.get("/v1/quick", headers={**OTHER, "Prefer": said})).status_code == 200
        it.open.set()
        assert [one.status_code for one in await asyncio.gather(first, patient)] == [200, 200]


async def test_without_a_token_addresses_have_shares_by_as_many_hops_as_are_trusted(
    keys: Keys, eventually: Eventually
) -> None:
    before = turned_away("", "address", "")
    async with served(keys, requests=8, requests_of_one=1, requests_waiting=0, trusted_hops=1) as it:
        first = {"X-Forwarded-For": "203.0.113.9, 198.51.100.1"}
        task = asyncio.create_task(it.client.get("/public/v1/held", headers=first))
        await eventually(lambda: it.held == 1, within=30)
        same = await it.client.get("/v1/nothing", headers={"X-Forwarded-For": "203.0.113.7, 198.51.100.1"})
        other = await it.client.get("/v1/nothing", headers={"X-Forwarded-For": "203.0.113.9, 198.51.100.2"})
        known = await it.client.get("/v1/quick", headers={**ONE, **first})
        assert [one.status_code for one in (same, other, known)] == [429, 404, 200]
        assert turned_away("", "address", "") - before == 1, "what is no route is told as none"
        it.open.set()
        await task


# ---- what a body may hold


@pytest.mark.parametrize(
    "body, rule",
    [
        (b"[" + b"{}," * 340_000 + b"{}]", "json.too-many"),
        (b'{"ids":[' + b'"",' * 340_000 + b'""]}', "json.too-many"),
        (b"[" * 500_000 + b"]" * 500_000, "json.too-many"),
        (b"[" * 40 + b"]" * 40, "json.too-deep"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "json.too-deep"),
        (b"{" + b'"a":1,' * 170_000 + b'"a":1}', "json.too-many"),
        (json.dumps([0] * 30_000).encode("utf-16"), "json.too-many"),
    ],
    ids=["objects", "texts", "lists", "deep lists", "deep objects", "the same key", "utf-16"],
)
async def test_what_would_make_too_much_is_refused_before_it_is_made(keys: Keys, body: bytes, rule: str) -> None:
    async with served(keys) as it:
        assert problem(await posted(it, body), 422)["title"] == rule
        assert it.bodies == 0


async def test_what_stands_in_texts_is_not_counted(keys: Keys) -> None:
    async with served(keys, json_elements=9) as it:
        it.open.set()
        said = json.dumps({"ids": ['a "word", ' + "[{," * 20]}).encode()
        assert (await posted(it, said)).json() == {"ids": 1}


async def test_a_body_that_is_too_long_or_longer_than_it_says_is_refused(keys: Keys) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b" " * 10_000

    async with served(keys) as it:
        assert problem(await posted(it, b" " * 2_000_000), 413)["title"] == "request.too-large"
        answer = await it.client.post("/v1/held", content=chunks(), headers={**JSON, **ONE})
        assert problem(answer, 413)["title"] == "request.too-large"


async def test_a_route_has_bounds_of_its_own_and_the_settings_have_the_last_word(keys: Keys) -> None:
    async with served(keys) as it:
        assert (await posted(it, b"[[[[" * 25, path="/v1/raw")).json() == {"bytes": 100}
        assert problem(await posted(it, b" " * 101, path="/v1/raw"), 413)["detail"].endswith("100 bytes.")
    wider = {"POST /v1/raw": Bounds(bytes=200), "POST /v1/held": Bounds(elements=5)}
    async with served(keys, routes=wider) as it:
        assert (await posted(it, b"[[[[" * 50, path="/v1/raw")).json() == {"bytes": 200}
        assert problem(await posted(it, redrive(10)), 422)["title"] == "json.too-many"


async def test_without_a_good_token_no_body_is_read(keys: Keys) -> None:
    many = b"[" + b"{}," * 340_000 + b"{}]"
    async with served(keys) as it:
        assert problem(await posted(it, many, {}), 401)["title"] == "auth.missing"
        assert problem(await posted(it, many, {"Authorization": "Bearer a.b.c"}), 401)["title"] == "auth.invalid"


async def test_bytes_in_hand_are_bounded_for_each_caller_and_those_who_wait_get_their_turn(
    keys: Keys, eventually: Eventually
) -> None:
    body = redrive(10) + b" " * 90_000
    async with served(keys, bytes_in_flight=400_000, bytes_of_one=200_000, turn_within=60) as it:
        some = [asyncio.create_task(posted(it, body)) for _ in range(6)]
        await eventually(lambda: it.held == 2, within=30)
        other = asyncio.create_task(posted(it, body, OTHER))
        await eventually(lambda: it.held == 3, within=30)
        it.open.set()
        assert {one.status_code for one in await asyncio.gather(*some, other)} == {200}


async def test_a_body_that_does_not_say_how_long_it_is_has_as_many_bytes_in_hand_as_its_route_takes(
    keys: Keys, eventually: Eventually
) -> None:
    async def chunk() -> AsyncIterator[bytes]:
        yield redrive(1)

    room = {"body_bytes": 100_000, "bytes_in_flight": 100_000, "bytes_of_one": 100_000}
    async with served(keys, **room, turn_within=0.3) as it:
        first = asyncio.create_task(it.client.post("/v1/held", content=chunk(), headers={**JSON, **ONE}))
        await eventually(lambda: it.held == 1, within=30)
        async with asyncio.timeout(30):
            other = await it.client.post("/v1/held", content=chunk(), headers={**JSON, **OTHER})
        assert problem(other, 503)["title"] == "service.busy"
        it.open.set()
        assert (await first).status_code == 200


async def test_a_body_that_says_that_it_is_too_long_is_refused_before_a_byte_of_it_comes(keys: Keys) -> None:
    async with served(keys) as it:
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        head = f"POST /v1/held HTTP/1.1\r\nHost: x\r\nAuthorization: {ONE['Authorization']}\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 9000000\r\n\r\n".encode())
        async with asyncio.timeout(30):
            assert (await reader.readline()).startswith(b"HTTP/1.1 413")
        writer.close()


async def test_a_body_that_does_not_come_is_408(keys: Keys) -> None:
    async with served(keys, body_within=0.5) as it:
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        head = f"POST /v1/held HTTP/1.1\r\nHost: x\r\nAuthorization: {ONE['Authorization']}\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
        async with asyncio.timeout(30):
            told = await reader.read()
        assert told.startswith(b"HTTP/1.1 408") and b"request.too-slow" in told and b"connection: close" in told.lower()
        writer.close()


async def test_a_caller_who_leaves_gives_back_place_and_bytes(keys: Keys, eventually: Eventually) -> None:
    async with served(keys, requests=8, requests_of_one=2, requests_waiting=0, bytes_of_one=100_000) as it:
        some = [asyncio.create_task(posted(it, redrive(10))) for _ in range(2)]
        await eventually(lambda: it.held == 2, within=30)
        for one in some:
            one.cancel()
        await asyncio.gather(*some, return_exceptions=True)
        it.open.set()

        async def free() -> bool:
            return (await it.client.get("/v1/quick", headers=ONE)).status_code == 200

        await eventually(free, within=30)


# ---- what takes a thread


async def test_forty_papers_of_one_caller_hold_up_neither_tokens_nor_questions_nor_another_paper(
    keys: Keys, eventually: Eventually
) -> None:
    async with served(keys, papers_waiting=5, turn_within=60) as it:
        some = [asyncio.create_task(it.client.get("/v1/paper", headers=ONE)) for _ in range(40)]
        await eventually(lambda: sum(one.done() for one in some) >= 26, within=30)
        assert {problem(one.result(), 429)["title"] for one in some if one.done()} == {"share.used"}
        for n in range(5):  # each with a token that nobody has seen
            answer = await it.client.get("/v1/quick", headers=bearer("officer", sub=f"v-{n}", org=None))
            assert answer.json() == {"who": f"v-{n}"}
        await asyncio.to_thread(lambda: None)
        other = asyncio.create_task(it.client.get("/v1/paper", headers=OTHER))
        it.printed.set()
        assert (await other).json() == {"done": True}
        assert sum(one.status_code == 200 for one in await asyncio.gather(*some)) == 6


async def test_one_caller_never_has_all_threads_of_the_questions(keys: Keys, eventually: Eventually) -> None:
    async with served(keys, questions=2, turn_within=60) as it:
        some = [asyncio.create_task(it.client.get("/v1/question", headers=ONE)) for _ in range(10)]
        threads = it.app.state.questions
        await eventually(lambda: threads._turns._held.total() == 1, within=30)
        other = asyncio.create_task(it.client.get("/v1/question", headers=OTHER))
        await eventually(lambda: threads._turns._held.total() == 2, within=30)
        it.printed.set()
        assert {one.status_code for one in await asyncio.gather(*some, other)} == {200}


# ---- measured


async def test_who_is_told_to_come_again_is_counted_by_route_and_kind_of_caller_whoever_refuses(
    keys: Keys, eventually: Eventually
) -> None:
    name = "http_server_request_duration_seconds_count"
    labels = {"http_request_method": "GET", "http_response_status_code": "429"}
    told_of = (("/v1/quick", "person"), ("/public/v1/held", "address"), ("/v1/quick", "agency"))
    before = [turned_away(*one, "") for one in told_of]
    async with served(keys, requests=8, requests_of_one=1, requests_waiting=0, public_limit="1/minute") as it:
        it.open.set()
        assert [(await it.client.get("/public/v1/held")).status_code for _ in range(3)] == [200, 429, 429]
        assert (await it.client.post("/public/v1/held")).status_code == 405
        it.open.clear()
        first = asyncio.create_task(it.client.get("/v1/held", headers=ONE))
        await eventually(lambda: it.held == 1, within=30)
        odd = bearer("publisher", sub="p-9", org="Any words of a stranger")
        again = asyncio.create_task(it.client.get("/v1/held", headers=odd))
        await eventually(lambda: it.held == 2, within=30)
        for who in (ONE, odd):
            assert (await it.client.get("/v1/quick", headers=who)).status_code == 429
        it.open.set()
        await asyncio.gather(first, again)
    after = [turned_away(*one, "") for one in told_of]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 2, 1]
    for route in ("/v1/quick", "/public/v1/held"):
        assert REGISTRY.get_sample_value(name, {**labels, "http_route": route}), "before any route was reached"
    assert "Any words" not in generate_latest().decode()


async def test_a_request_is_measured_by_its_route_and_its_answer_and_by_nothing_that_a_caller_makes_up(
    keys: Keys,
) -> None:
    name = "http_server_request_duration_seconds_count"

    def counted(method: str, route: str, status: str) -> float:
        labels = {"http_request_method": method, "http_route": route, "http_response_status_code": status}
        return REGISTRY.get_sample_value(name, labels) or 0.0

    before = counted("GET", "/v1/quick", "200"), counted("GET", "", "404"), counted("_OTHER", "/v1/quick", "405")
    async with served(keys) as it:
        assert (await it.client.get("/v1/quick?x=1", headers=ONE)).status_code == 422, "an unknown parameter"
        assert (await it.client.get("/v1/quick", headers=ONE)).status_code == 200
        for number in range(3):
            assert (await it.client.get(f"/v1/nowhere/{number}", headers=ONE)).status_code == 404
        assert (await it.client.request("PROPFIND", "/v1/quick", headers=ONE)).status_code == 405
        ops = await it.client.get("/metrics", headers=bearer("ops"))
        assert "http_server_request_duration_seconds_bucket" in ops.text and "lotsman_ready" in ops.text
        asked = {"Accept": "application/openmetrics-text; version=1.0.0", **bearer("ops")}
        assert (await it.client.get("/metrics", headers=asked)).text.endswith("# EOF\n")
    after = counted("GET", "/v1/quick", "200"), counted("GET", "", "404"), counted("_OTHER", "/v1/quick", "405")
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 3, 1]
    assert not any("nowhere" in line for line in generate_latest().decode().splitlines())
