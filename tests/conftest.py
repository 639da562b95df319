"""What tests share: one real mongod and Kafka for the whole run, stores on fresh databases, waiting with a deadline."""

import asyncio
import gc
import inspect
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import httpx
import pytest

from deploy.local import mongod
from deploy.local.backends import Backends
from deploy.local.kafka import Kafka
from services.chassis.store import Driver, Store, open_client
from tests import effort, sharing
from tests.documented import Documented

REQUIRE_KAFKA = "--require-kafka"
SOAK = "--soak"
REQUIRE_BROWSER = "--require-browser"
FLAGS = (*mongod.FLAGS, "--setParameter", "enableTestCommands=1", "--journalCommitInterval", "10")
"""With what the tests' own mongod runs: it has failpoints, by which it answers as one that is in trouble does; and a
database is dropped as soon as the journal is written next, which is otherwise ten times a second."""
COLLECT_AFTER = (10_000, 10, 10)
"""How many new objects, and how many younger rounds, the collector of garbage waits for."""
ROOMS = ("browser", "e2e", "deploy", "integration", "contract", "unit")


class Eventually(Protocol):
    """Asks again and again until the answer is true, and returns it."""

    async def __call__(self, check: Callable[[], Any], within: float = 10, every: float = 0.02) -> Any: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--require-kafka`, `--require-browser`: what needs Apache Kafka itself, or Chromium, fails without it instead of
    being skipped. `--soak`: what works for minutes is run, too."""
    parser.addoption(REQUIRE_KAFKA, action="store_true", help="fail, do not skip, what needs Apache Kafka itself")
    parser.addoption(SOAK, action="store_true", help="run also what works for minutes")
    parser.addoption(REQUIRE_BROWSER, action="store_true", help="fail, do not skip, what needs a real browser")


def pytest_configure(config: pytest.Config) -> None:
    """Side by side (pytest-xdist), one process sees to the back ends of all."""
    effort.settle()
    vars(mongod)["FLAGS"] = FLAGS
    sharing.own_ports(config)
    if getattr(config.option, "numprocesses", None):
        config.pluginmanager.register(sharing.Controller(), "lotsman-backends")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks tests `mongo`, `kafka` and `slow`, and puts first what takes long, so that no worker ends late: one room
    after the other, and in each the files with the most tests. What works for minutes is skipped unless it is asked
    for."""
    for item in items:
        if item.get_closest_marker("soak") is not None and not config.getoption(SOAK):
            item.add_marker(pytest.mark.skip(reason=f"works for minutes: {SOAK}"))
        for mark in marks(item):
            item.add_marker(mark)
    many = Counter(item.path for item in items)
    items.sort(key=lambda item: (ROOMS.index(room_of(item)), -many[item.path]))


def pytest_collection_finish() -> None:
    """What was collected lives as long as the run: the collector of garbage need not walk through it again and again,
    nor look for garbage after every few hundred objects of an app that a test makes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def pytest_unconfigure() -> None:
    """What was set aside is let go, so that libraries find nothing left at the end of the process."""
    gc.unfreeze()


def room_of(item: pytest.Item) -> str:
    """The folder of tests that a test stands in."""
    return item.path.relative_to(Path(__file__).parent).parts[0]


def marks(item: pytest.Item) -> Iterator[str]:
    """The marks that follow from where a test stands and from the fixtures that it uses."""
    if room_of(item) == "browser":
        yield "slow"
        return
    if room_of(item) == "e2e":
        yield from ("slow", "mongo", "kafka")
        return
    uses = getattr(item, "_fixtureinfo", None)
    if uses is None or "backends" not in uses.names_closure:
        return
    makers = {name for name, found in uses.name2fixturedefs.items() if "backends" in found[-1].argnames}
    if "mongo_url" in makers:
        yield "mongo"
    if "backends" in uses.argnames or makers - {"mongo_url"}:
        yield from ("mongo", "kafka")


@pytest.fixture(scope="session")
def backends(request: pytest.FixtureRequest) -> Iterator[Backends]:
    """MongoDB and the broker of this run, started when the first test asks for them.

    All processes of a run share them, so no test stops or kills them; one that must, starts some of its own.
    """
    shared = sharing.shared(request.config)
    if shared:
        yield shared
        return
    with (
        tempfile.TemporaryDirectory(prefix="lotsman-tests-", dir=sharing.in_memory()) as folder,
        Backends(Path(folder), require_kafka=False) as running,
    ):
        yield running


@pytest.fixture(autouse=True)
def _answers_as_documented(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer of a service is held to its document."""
    if request.node.get_closest_marker("other_views") is None:
        monkeypatch.setattr(httpx, "ASGITransport", Documented)


@pytest.fixture(autouse=True)
def _kafka_itself(request: pytest.FixtureRequest) -> None:
    """Skips, or with `--require-kafka` fails, a test marked `apache_kafka` where only the fallback broker is there."""
    if request.node.get_closest_marker("apache_kafka") is None:
        return
    running: Backends = request.getfixturevalue("backends")
    if running.broker is None or isinstance(running.broker, Kafka):
        return
    reason = f"needs Apache Kafka itself; there is {running.notes()['broker']}"
    if request.config.getoption(REQUIRE_KAFKA):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def mongo_url(backends: Backends) -> str:
    """The address of MongoDB with an administrator's login."""
    return backends.mongo_url


@pytest.fixture
def driver() -> Driver:
    """The MongoDB driver that `store` uses; a test may be parametrised over `driver` to run on both."""
    return "motor"


@pytest.fixture
async def store(mongo_url: str, driver: Driver) -> AsyncIterator[Store]:
    """A store on a database of its own with the engine's indexes; the database is dropped afterwards."""
    client, name = open_client(mongo_url, driver), f"test_{uuid4().hex[:12]}"
    opened = Store(client, name)
    await opened.prepare({})
    yield opened
    await client.drop_database(name)
    await opened.close()


@pytest.fixture
def eventually() -> Eventually:
    """Waits for something to come true: `await eventually(check, within=10)`."""
    return wait_until


async def wait_until(check: Callable[[], Any], within: float = 10, every: float = 0.02) -> Any:
    """The first true answer of `check`, which may be a coroutine function. Fails with the last answer or error."""
    deadline, last = time.monotonic() + within, None
    while True:
        try:
            last = check()
            if inspect.isawaitable(last):
                last = await _of(last)
            if last:
                return last
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            pytest.fail(f"not so within {within} s; last answer: {last!r}")
        await asyncio.sleep(every)


async def _of(answer: Awaitable[Any]) -> Any:
    return await answer
