"""What runs in a directory, as far as files tell: who supervises it, what it started, where it listens."""

import fcntl
import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from contracts.topics import DESK, EXPERTISE, INTAKE, REGISTRY
from deploy.complaint import Complaint
from deploy.local.home import directory, write_private
from deploy.local.process import start_time, stop_recorded, to_be_recorded
from services.chassis.supervised import LOOKED

STOPS_WITHIN: Final = 120.0
CHILD_GRACE: Final = 20.0
ORDER: Final = (DESK, "mail", "follower", REGISTRY, EXPERTISE, INTAKE, "kafka", "mongod")
"""Services first, so that they find their back ends while they finish."""


@dataclass(frozen=True)
class Child:
    """A process by its id and its start time, which together name it for good."""

    pid: int
    started: str | None

    def runs(self) -> bool:
        """Whether that very process is there."""
        return self.started is not None and start_time(self.pid) == self.started


@dataclass(frozen=True)
class State:
    """What `run.json` says, with the children that recorded themselves beside it."""

    supervisor: Child
    base: int
    urls: dict[str, str]
    notes: dict[str, str]
    children: dict[str, Child] = field(default_factory=dict)


def write(folder: Path, base: int, urls: dict[str, str], notes: dict[str, str]) -> None:
    """Records this process as the supervisor of the directory."""
    me = Child(os.getpid(), start_time(os.getpid()))
    state = asdict(State(me, base, urls, notes))
    del state["children"]
    write_private(folder / "run.json", json.dumps(state, indent=1) + "\n")


def read(folder: Path) -> State | None:
    """The state of the directory; None when nothing was left there."""
    children = _children(folder)
    raw = _said(folder / "run.json")
    if raw is None:
        return State(Child(0, None), 0, {}, {}, children) if children else None
    return State(Child(**raw["supervisor"]), raw["base"], raw["urls"], raw["notes"], children)


def clear(folder: Path) -> None:
    """Forgets the run; for the supervisor when all it started has ended."""
    _forget(folder / "run.json")
    _forget(folder / "run" / LOOKED)


def _forget(path: Path) -> None:
    with suppress(OSError):  # on a disk that is closed it stays, and names a process that is no more
        path.unlink(missing_ok=True)


def take(folder: Path) -> IO[str]:
    """Makes this process the only supervisor of the directory, for as long as it holds the answer.

    Raises Complaint when there is another one. What a killed one left running is stopped.
    """
    lock = (directory(folder) / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        state = read(folder)
        pid = f" (pid {state.supervisor.pid})" if state and state.supervisor.pid else ""
        raise Complaint(f"The system already runs{pid}; ./lotsman status shows it, ./lotsman down stops it.") from error
    stop_leftovers(folder)
    return lock


def stop(folder: Path) -> list[str]:
    """Asks the supervisor to stop and waits; then stops what a killed one left. The names of what ran."""
    state = read(folder)
    stopped = []
    if state is not None and state.supervisor.runs():
        os.kill(state.supervisor.pid, signal.SIGTERM)
        stopped = ["supervisor", *(name for name, child in state.children.items() if child.runs())]
        deadline = time.monotonic() + STOPS_WITHIN
        while state.supervisor.runs():
            if time.monotonic() > deadline:
                raise Complaint(
                    f"The supervisor (pid {state.supervisor.pid}) did not stop within "
                    f"{STOPS_WITHIN:.0f} s; its logs are in {folder / 'logs'}."
                )
            time.sleep(0.05)
    return stopped + stop_leftovers(folder)


def stop_leftovers(folder: Path) -> list[str]:
    """Stops processes whose supervisor is gone, each only if it is still that very process: those that are recorded,
    and those that it was killed too soon to record."""
    recorded = _children(folder)
    unrecorded = [(name, Child(pid, started)) for name, pid, started in to_be_recorded(folder / "run")]
    found = [*recorded.items(), *(one for one in unrecorded if one[1] not in recorded.values())]
    stopped = []
    for name, child in sorted(found, key=lambda one: (ORDER.index(one[0]) if one[0] in ORDER else len(ORDER), one[0])):
        if stop_recorded(child.pid, child.started, CHILD_GRACE):
            stopped.append(name)
        _forget(folder / "run" / f"{name}.json")
    clear(folder)
    return stopped


def _children(folder: Path) -> dict[str, Child]:
    said = {path.stem: _said(path) for path in sorted((folder / "run").glob("*.json"))}
    return {name: Child(**one) for name, one in said.items() if one is not None}


def _said(path: Path) -> dict[str, Any] | None:
    """What a file says of what runs; None where it is gone just now, or was lost with the power."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return found
