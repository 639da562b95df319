"""One mongod and one broker for all processes of a run: the first process sees to them, the others are told where.

pytest-xdist runs tests in several workers under one controller. The controller starts the back ends when the first
worker asks for them, tells every worker where they are, and stops them when the run is over.
"""

import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from secrets import token_bytes
from threading import Lock, Thread
from typing import Any, Final

import pytest

from deploy.local import ports
from deploy.local.backends import Backends
from deploy.local.process import stop_recorded, to_be_recorded

ADDRESS: Final = "lotsman_backends"
MEMORY: Final = Path("/dev/shm")
ROOM: Final = 8 * 2**30
"""Bytes that have to be free in memory for the data of a run to lie there: it is some 2 GB at its most."""


@dataclass(frozen=True)
class Place:
    """Where the back ends of a run are: what a worker needs to take part in them."""

    folder: Path
    base: int
    mongod: bool
    broker: str | None


class Controller:
    """What the controller of a run does for its workers; a plugin of pytest."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="lotsman-tests-", dir=in_memory()))
        self._key = token_bytes(32)
        self._listener = Listener(str(self._folder / "ask"), "AF_UNIX", authkey=self._key)
        self._guard = Lock()
        self._backends: Backends | None = None
        Thread(target=self._listen, name="back ends of the tests", daemon=True).start()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tells a worker whom to ask, and which part of the ports is its own."""
        node.workerinput[ADDRESS] = (str(self._folder / "ask"), self._key)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Stops what was started, also by workers: of a run that is interrupted they are ended in the middle of a test
        and leave the systems that they started behind."""
        factory: pytest.TempPathFactory = getattr(config, "_tmp_path_factory")  # noqa: B009
        for _, pid, started in to_be_recorded(factory.getbasetemp()):
            stop_recorded(pid, started, grace=5)
        self._listener.close()
        with self._guard:
            if self._backends:
                self._backends.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _listen(self) -> None:
        while True:
            try:
                asking = self._listener.accept()
            except OSError:  # closed: the run is over
                return
            Thread(target=self._answer, args=(asking,), daemon=True).start()

    def _answer(self, asking: Connection) -> None:
        with asking:
            try:
                asking.send(self._place())
            except Exception as error:
                asking.send(f"{type(error).__name__}: {error}")

    def _place(self) -> Place:
        with self._guard:
            if self._backends is None:
                starting = Backends(self._folder / "backends", require_kafka=False)
                starting.start()
                self._backends = starting
            running = self._backends
            kind = running.broker.kind if running.broker else None
            return Place(running.folder, running.ports.base, running.mongod is not None, kind)


def shared(config: pytest.Config) -> Backends | None:
    """The back ends that the controller of this worker sees to; None in a run of one process."""
    whom = getattr(config, "workerinput", {}).get(ADDRESS)
    if whom is None:
        return None
    address, key = whom
    with Client(address, authkey=key) as controller:
        place = controller.recv()
    if not isinstance(place, Place):
        pytest.fail(f"the back ends of this run did not start: {place}")
    running = Backends(place.folder, ports.Ports(place.base))
    running.join(mongod=place.mongod, broker=place.broker)
    return running


def in_memory() -> Path | None:
    """Where files are not written to a disk, if there is room enough; None otherwise.

    Each test makes databases of its own, and to make one on a disk takes five times as long: each index is a file that
    has to be there for certain. What a process wrote is there after its kill -9 in either case; that a disk is full or
    slow is tried with back ends of a test's own.
    """
    with suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
        if min(available, shutil.disk_usage(MEMORY).free) > ROOM:
            return MEMORY
    return None


def own_ports(config: pytest.Config) -> None:
    """Each worker takes the ports of its stacks from a part of the range that no other worker looks at."""
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        number = int(worker["workerid"].removeprefix("gw"))
        ports.BASES = ports.BASES[number :: worker["workercount"]]
