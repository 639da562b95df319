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
from tests.conftest import wait_until
from tests.e2e.conftest import enter

pytestmark = [pytest.mark.timeout(280)]

AT_ONCE: Final = 64
CALLERS: Final = 4
SIZE: Final = 1_000_000
MOST: Final = 400_000_000
"""Bytes; the container of intake has 512 MB."""


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
    kind, url = {"Content-Type": "application/cloudevents+json"}, f"{stack.urls['intake']}/v1/events"
    tokens = [{**kind, "Authorization": f"Bearer {stack.token(['publisher'], code)}"} for code in callers]
    async with httpx.AsyncClient(timeout=120, trust_env=False, limits=limits) as client:
        posts = (client.post(url, content=one, headers=tokens[n % CALLERS]) for n, one in enumerate(bodies))
        answers = await asyncio.gather(*posts)
    assert all(one.headers.get("Retry-After") for one in answers if one.status_code in (429, 503))
    return Counter(one.status_code for one in answers)


def test_64_bodies_of_a_megabyte_at_once_leave_intake_below_its_bound(
    stack: Stack, callers: list[str], record_property: Callable[[str, object], None]
) -> None:
    pid = stack.services["intake"].pid
    for name, make in SHAPES.items():
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
        found = asyncio.run(sent(stack, callers, [make() for _ in range(AT_ONCE)]))
        worst = status(stack, "VmHWM")
        record_property(name, worst)
        print(f"over HTTP, {name}: {dict(found)}, {worst / 1e6:.0f} MB")
        assert worst < MOST, name
        assert set(found) <= {409, 413, 422, 429, 503} and found[422] + found[413] > 0, (name, found)
    assert stack.services["intake"].pid == pid, "it is still the same process"


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
