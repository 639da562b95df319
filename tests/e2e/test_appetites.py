"""What one agency sends makes intake no larger than its container lets it be, by either door and whatever it is.

Measured is the highest resident memory of the real process (`VmHWM`), which the kernel keeps.
"""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from confluent_kafka import Producer
from rich.console import Console

from contracts.agency import ApplicationSubmittedV2
from contracts.topics import agency_topic
from deploy import access
from deploy.cli.desk import Desk
from deploy.cli.main_job import application
from deploy.local.stack import Stack
from deploy.login import Login
from tests.conftest import SOAK, wait_until
from tests.e2e.conftest import enter

pytestmark = [pytest.mark.timeout(900)]

AT_ONCE: Final = 64
CALLERS: Final = 4
IN_HAND: Final = 24
"""Bodies at once of every shape but the worst, unless it is asked for all that works for minutes (`--soak`): more than
are in hand at a time (16 MB), so that some wait."""
BATCHES_AT_ONCE: Final = 2
"""One in hand and one that waits, of which nothing is read."""
SIZE: Final = 1_000_000
LARGEST_ANSWER: Final = 8_000_000
"""Bytes of what is answered to a batch."""
MOST: Final = 400_000_000
"""Bytes; the container of intake has 512 MB."""
EVENTS: Final = "/v1/events"


def filled(begin: bytes, part: bytes, end: bytes) -> bytes:
    """A megabyte of the same."""
    return begin + part * ((SIZE - len(begin) - len(end)) // len(part)) + end


def keys() -> bytes:
    """An object of many names, none twice."""
    return b'{"data":{%s}}' % b",".join(b'"k%06d":1' % n for n in range(80_000))


def event(agency: str) -> dict[str, Any]:
    """An application with an id of its own."""
    return {**application(1, agency, kind=ApplicationSubmittedV2.TYPE), "id": uuid.uuid4().hex}


def whole(text: str) -> Callable[[], bytes]:
    """An application that would be registered, but for one very long text."""

    def made() -> bytes:
        found = event("primer")
        found["data"]["problem"] = "@"
        return json.dumps(found, ensure_ascii=False).encode().replace(b'"@"', b'"%s"' % text.encode())

    return made


def unknown(text: str) -> Callable[[], bytes]:
    """An application with a very long text under a name that no contract knows."""
    return lambda: whole(text)().replace(b'"problem":', b'"unheard_of":', 1)


SHAPES: Final[dict[str, Callable[[], bytes]]] = {
    "empty objects": lambda: filled(b"[", b"{},", b"{}]"),
    "empty objects in data": lambda: filled(b'{"data":[', b"{},", b"{}]}"),
    "objects of one": lambda: filled(b"[", b'{"a":{}},', b"{}]"),
    "as many as are read": lambda: filled(b"[" + b'{"a":{}},' * 6_000, b" ", b"{}]"),
    "deep": lambda: b"[" * (SIZE // 2) + b"]" * (SIZE // 2),
    "deep objects": lambda: b'{"a":' * (SIZE // 6) + b"1" + b"}" * (SIZE // 6),
    "digits": lambda: filled(b'{"data":[', b"9" * 4_000 + b",", b"1]}"),
    "one number": lambda: filled(b'{"data":', b"9", b"}"),
    "fractions": lambda: filled(b'{"data":[', b"1." + b"9" * 4_000 + b",", b"1]}"),
    "many names": keys,
    "the same name": lambda: filled(b"{", b'"a":{},', b'"a":1}'),
    "escapes": lambda: filled(b'{"data":"', rb"\u0430", b'"}'),
    "wide escapes": lambda: filled(b'{"data":"', b"a", rb'\ud83d\ude00"}'),
    "quotation marks": lambda: filled(b"[", b'"",', b'""]'),
    "a long text": whole("a" * 990_000 + "\N{GRINNING FACE}"),
    "a long text of no contract": unknown("a" * 990_000 + "\N{GRINNING FACE}"),
}


THE_WORST: Final = frozenset({"empty objects", "a long text"})
"""What took most memory: the one before anything was bounded, the other since."""


def status(stack: Stack, name: str) -> int:
    """A line of the process's status, in bytes."""
    lines = Path(f"/proc/{stack.services['intake'].pid}/status").read_text(encoding="ascii").splitlines()
    return 1024 * int(next(one for one in lines if one.startswith(name)).split()[1])


@pytest.fixture(scope="module")
def callers(stack: Stack) -> list[str]:
    """The codes of as many agencies as have shares of all that may be in hand."""
    with httpx.Client(timeout=30, trust_env=False) as http:
        return [enter(stack, Desk(stack, Console(quiet=True), http, {})) for _ in range(CALLERS)]


async def sent(stack: Stack, callers: list[str], bodies: list[bytes]) -> Counter[int]:
    """The answers to all of them at once, from callers who each have a share."""
    limits = httpx.Limits(max_connections=None)
    kind, url = {"Content-Type": "application/cloudevents+json"}, f"{stack.urls['intake']}{EVENTS}"
    tokens = [{**kind, "Authorization": f"Bearer {stack.token(['publisher'], code)}"} for code in callers]
    async with httpx.AsyncClient(timeout=120, trust_env=False, limits=limits) as client:
        posts = (client.post(url, content=one, headers=tokens[n % CALLERS]) for n, one in enumerate(bodies))
        answers = await asyncio.gather(*posts)
    assert all(one.headers.get("Retry-After") for one in answers if one.status_code in (429, 503))
    return Counter(one.status_code for one in answers)


def test_64_bodies_of_a_megabyte_at_once_leave_intake_below_its_bound(
    stack: Stack, callers: list[str], pytestconfig: pytest.Config, record_property: Callable[[str, object], None]
) -> None:
    whole_size = pytestconfig.getoption(SOAK)
    pid = stack.services["intake"].pid
    for name, make in SHAPES.items():
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
        at_once = AT_ONCE if whole_size or name in THE_WORST else IN_HAND
        found = asyncio.run(sent(stack, callers, [make() for _ in range(at_once)]))
        worst = status(stack, "VmHWM")
        record_property(name, worst)
        print(f"over HTTP, {name}: {dict(found)}, {worst / 1e6:.0f} MB")
        assert worst < MOST, name
        assert set(found) <= {409, 413, 422, 429, 503} and found[422] + found[413] > 0, (name, found)
    assert stack.services["intake"].pid == pid, "it is still the same process"


def many(data: bytes, about: bytes = b"") -> bytes:
    """A batch of a thousand events, each with this as its data, and with an id of its own."""
    head = b'{"specversion":"1.0","id":"%s-%d","type":"%s","source":"/agencies/primer"%s,"data":'
    kind, mark = ApplicationSubmittedV2.TYPE.encode(), uuid.uuid4().hex.encode()
    return b"[" + b",".join(head % (mark, n, kind, about) + data + b"}" for n in range(1_000)) + b"]"


def names(length: int) -> bytes:
    """An object of as many names that no contract knows as are told of, and of what is missing in every row."""
    some = (b'"%s%02d":1' % (b"n" * length, n) for n in range(50))
    return b'{"costs":[%s],%s}' % (b",".join([b"{}"] * 30), b",".join(some))


BATCHES: Final[dict[str, Callable[[], bytes]]] = {
    "a thousand events of a hundred faults": lambda: many(b'{"costs":[%s]}' % b",".join([b"{}"] * 30)),
    "the same with long names": lambda: many(names(70)),
    "a thousand valid ones": lambda: json.dumps([event("primer") for _ in range(1_000)]).encode(),
    "five of a megabyte": lambda: b"[" + b",".join([SHAPES["a long text"]()] * 5) + b"]",
    "one long text": lambda: b'["' + b"a" * 5_000_000 + '\N{GRINNING FACE}"]'.encode(),
    "as many values as are read": lambda: (
        b"[" + b",".join([b'{"data":[%s]}' % b",".join([b"{}"] * 190)] * 1_000) + b"]"
    ),
    "deep": lambda: b"[" + b",".join([b"[" * 31 + b"]" * 31] * 1_000) + b"]",
    "empty objects": lambda: b"[" + b"{}," * 999 + b"{}]",
}


@pytest.mark.soak
def test_batches_of_five_megabytes_at_once_leave_intake_below_its_bound(
    stack: Stack, callers: list[str], record_property: Callable[[str, object], None]
) -> None:
    pid = stack.services["intake"].pid
    tried = [(f"{EVENTS}/validate", name) for name in DECIDED_ON]
    for path, name in [*tried, *((EVENTS, name) for name in BATCHES)]:
        make = BATCHES[name]
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
        found, longest = asyncio.run(sent_in_batches(stack, callers, [make() for _ in range(BATCHES_AT_ONCE)], path))
        worst = status(stack, "VmHWM")
        record_property(f"{path}, {name}", worst)
        print(f"{path}, {name}: {dict(found)}, {worst / 1e6:.0f} MB, largest answer {longest / 1e6:.1f} MB")
        assert worst < MOST, name
        assert set(found) <= {207, 400, 413, 503} and found[503] < BATCHES_AT_ONCE, (name, found)
        assert longest < LARGEST_ANSWER
    assert stack.services["intake"].pid == pid, "it is still the same process"


DECIDED_ON: Final = ("the same with long names", "a thousand valid ones")
"""Of these batches what is decided on, and so is another work where they are only tried: the largest of them."""


async def sent_in_batches(stack: Stack, callers: list[str], bodies: list[bytes], path: str) -> tuple[Counter[int], int]:
    """The answers to all of these batches at once, and how long the largest is."""
    kind, url = {"Content-Type": "application/cloudevents-batch+json"}, f"{stack.urls['intake']}{path}"
    tokens = [{**kind, "Authorization": f"Bearer {stack.token(['publisher'], code)}"} for code in callers]
    async with httpx.AsyncClient(timeout=200, trust_env=False) as client:
        posts = (client.post(url, content=one, headers=tokens[n % CALLERS]) for n, one in enumerate(bodies))
        answers = await asyncio.gather(*posts)
    return Counter(one.status_code for one in answers), max(len(one.content) for one in answers)


async def test_records_of_a_megabyte_leave_intake_below_its_bound(
    stack: Stack, desk: Desk, callers: list[str], record_property: Callable[[str, object], None]
) -> None:
    pid, last = stack.services["intake"].pid, {code: event(code) for code in callers}
    for code in callers:
        login = access.add_agency(stack.backends.kafka.admin(), code, "a-secret-of-tests")
        desk.logins[code] = Login(stack.backends.kafka.bootstrap, login, "a-secret-of-tests")
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    for code in callers:
        producer = Producer({**desk.logins[code].librdkafka(), "message.max.bytes": SIZE + 48_000})
        for make in SHAPES.values():
            producer.produce(agency_topic(code).name, value=make())
        producer.produce(agency_topic(code).name, value=json.dumps(last[code]).encode())
        assert producer.flush(120) == 0
    for code in callers:

        def told(code: str = code) -> bool:
            path = f"/v1/receipts/{last[code]['id']}"
            return desk.call("GET", "intake", path, "publisher", org=code).is_success

        await wait_until(told, 120, 0.2)
    worst = status(stack, "VmHWM")
    record_property("all of them", worst)
    print(f"over Kafka: {worst / 1e6:.0f} MB")
    assert worst < MOST
    assert stack.services["intake"].pid == pid, "it is still the same process"
