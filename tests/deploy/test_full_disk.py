"""A disk that fills up ends what writes to it, and nothing for good: with space again everything runs again."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.cli.__main__ import main
from deploy.local import secrets, state
from deploy.local.backends import Backends
from deploy.local.home import ROOT
from deploy.local.ports import Ports
from deploy.local.process import start_time

SIZE_MB = 900


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system of its own, as LOTSMAN_HOME; the test is skipped where this user may not make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "lotsman-test", str(disk)]
    try:
        made = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"a disk cannot be made here: {error}")
    if made.returncode:
        pytest.skip(f"a disk cannot be made here: {made.stderr.strip()}")
    monkeypatch.setenv("LOTSMAN_HOME", str(disk / "home"))
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


@pytest.mark.soak
@pytest.mark.apache_kafka
def test_with_space_again_everything_runs_again(
    backends: Backends,
    small_disk: Path,
    soon: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for given in ("LOTSMAN_MONGO_URL", "LOTSMAN_KAFKA_URL", "LOTSMAN_KAFKA_USERNAME", "LOTSMAN_KAFKA_PASSWORD"):
        monkeypatch.delenv(given, raising=False)
    home, ports = small_disk / "home", Ports.free()
    jars = home / "kafka"
    jars.parent.mkdir()
    jars.symlink_to(ROOT / ".lotsman" / "kafka")  # they need not lie on the small disk
    log = (small_disk / "supervisor.log").open("ab", buffering=0)
    up = [sys.executable, "-m", "deploy.cli", "up", "--require-kafka", "--port-base", str(ports.base)]
    supervisor = subprocess.Popen(up, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        soon(lambda: main(["status"]) == 0, 120)
        died = pids(home)
        fill(small_disk)
        soon(lambda: ended(home, ports, died), 180)
        assert main(["status"]) != 0, "it says so"
        time.sleep(5)  # the supervisor has tried to start them again, and to say what came of it
        (small_disk / "filler").unlink()
        soon(lambda: main(["status"]) == 0, 120)
        running = pids(home)
        assert {name for name in ("mongod", "kafka") if running[name] == died[name]} == set()
        assert supervisor.poll() is None
        capsys.readouterr()
        assert main(["down"]) == 0
        assert supervisor.wait(60) == 0
    finally:
        supervisor.send_signal(signal.SIGKILL)
        supervisor.wait()
        state.stop_leftovers(home)
        log.close()


def fill(disk: Path) -> None:
    """Leaves no byte free, neither in new blocks nor in the last block of a log."""
    for path in (disk / "filler", *disk.rglob("*.log")):
        with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1024 * 1024))
        with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\n")


def ended(home: Path, ports: Ports, before: dict[str, int]) -> bool:
    """Whether MongoDB and Kafka have; mongod is given something to write, as people would."""
    password = secrets.load(home)["mongo-admin"]
    login: dict[str, Any] = {"username": "admin", "password": password, "timeoutMS": 500}
    with (
        MongoClient[dict[str, Any]]("127.0.0.1", ports["mongod"], directConnection=True, **login) as some,
        contextlib.suppress(PyMongoError),
    ):
        some["filled"]["rows"].insert_one({"text": "x" * 100_000})
    return all(start_time(before[name]) is None for name in ("mongod", "kafka"))


def pids(home: Path) -> dict[str, int]:
    found = state.read(home)
    return {name: child.pid for name, child in found.children.items()} if found else {}
