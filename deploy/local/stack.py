"""The whole system on one machine: back ends, then topics, then services; stopped in reverse order.

with Stack(folder) as stack:
    stack.urls["intake"], stack.token(["officer"]), stack.backends.broker.kill()
"""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import IO, Final, Self

from contracts.calendars import FaultyUpdate, load_updates
from contracts.own import FaultyOwn
from contracts.rules import load
from contracts.topics import DESK, EXPERTISE, SERVICES
from deploy.complaint import Complaint, Interrupted
from deploy.local import keys, logs, state
from deploy.local.backends import Backends
from deploy.local.health import why_not_ready
from deploy.local.home import need_short
from deploy.local.kept import Kept
from deploy.local.ports import Ports, need_free
from deploy.local.process import Process
from deploy.local.traces import Receiver
from deploy.progress import Say, silent, task
from services.chassis import supervised
from services.chassis.ending import REFUSES

GRACE: Final = 40.0
READY_WITHIN: Final = 120.0  # on a slow machine with other work 60 were too few
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 10.0
LOGS_EVERY: Final = 1.0
TRACES_EVERY: Final = 10.0
"""Seconds between two looks whether logs, and traces, have grown too large or old."""
SAYS_EVERY: Final = 10.0
"""Seconds between two words of the supervisor that it is at work."""
STEADY_AFTER: Final = 30.0
"""Seconds a process must live for its next death to count as a first one."""


FOLLOWER: Final = "follower"
"""The process that has Kafka follow the directory of agencies; it works on the database of intake."""
MAIL: Final = "mail"
"""The process that sends notices as e-mail; it works on the database of expertise."""


def commands(*, mail: bool = False, desk: bool = False, follower: bool = False) -> dict[str, list[str]]:
    """How each service is run, and on demand the process that sends mail, that of the pages, and the follower."""
    found = {name: [sys.executable, "-m", f"services.{name}"] for name in SERVICES}
    found |= {FOLLOWER: [sys.executable, "-m", "deploy.follower"]} if follower else {}
    found |= {MAIL: [sys.executable, "-m", "services.expertise.mail"]} if mail else {}
    return found | ({DESK: [sys.executable, "-m", "deploy.local.demo_desk"]} if desk else {})


class Stack:
    """Supervises one system whose files are all in `folder`; one stack per folder at a time."""

    def __init__(
        self,
        folder: Path,
        ports: Ports | None = None,
        *,
        say: Say = silent,
        require_kafka: bool = False,
        services: Mapping[str, Sequence[str]] | None = None,
        stopping: Event | None = None,
        extra_env: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.ports = ports or Ports.free()
        self.stopping = stopping or Event()
        self.backends = Backends(self.folder, self.ports, say=say, require_kafka=require_kafka, stopping=self.stopping)
        self.services: dict[str, Process] = {}
        self._commands = commands() if services is None else services
        self.urls = {name: f"http://127.0.0.1:{self.ports[name]}" for name in self._commands}
        self._extra_env = dict(extra_env or {})
        self._say = say
        self._kept = Kept.read()
        self._receiver: Receiver | None = None
        self._pauses: dict[str, Pause] = {}
        self._refused = set[str]()
        """Of whom it was said that they refuse to work."""
        self._lock: IO[str] | None = None
        self._starting = Lock()
        """Held while it is decided whether a process shall run."""
        self._tending = Event()
        self._tender: Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts everything and returns when all services are ready. Stops all of it if that fails.

        Raises Complaint, and Interrupted when `stopping` was set meanwhile.
        """
        need_short(self.folder)
        need_rules()
        self._lock = state.take(self.folder)
        try:
            for name in [*self._commands, "otlp"]:
                need_free(self.ports[name], "traces" if name == "otlp" else f"service {name}")
            state.write(self.folder, self.ports.base, self.urls, {})
            with task(self._say, "starting MongoDB and Kafka"):
                self.backends.start()
            notes = self.backends.notes()
            state.write(self.folder, self.ports.base, self.urls, notes)
            self._say(f"database: {notes['database']}; broker: {notes['broker']}")
            self._receiver = Receiver(self.folder / "traces.sqlite", self.ports["otlp"], self._kept)
            self._receiver.start()
            with task(self._say, f"starting {', '.join(self._commands)}"):
                self._start_services()
                self._tend()
                self.await_ready(READY_WITHIN)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops services, then back ends. Their data stays. Calling it again does nothing."""
        self._tending.clear()
        if self._tender:
            self._tender.join()
        backwards = list(reversed(self.services.values()))
        for process in backwards:
            process.ask_to_stop()
        for process in backwards:
            process.stop(GRACE)
        if self._receiver:
            self._receiver.stop()
            self._receiver = None
        self.backends.stop()
        if self._lock:
            state.clear(self.folder)
            self._lock.close()
            self._lock = None

    def restart(self, extra_env: Mapping[str, str]) -> None:
        """Stops the services and starts them anew with this further environment; the back ends go on. Raises as `start`
        does."""
        with self._starting:  # what is about to be started again is started, and stopped then
            for process in self.services.values():
                process.ask_to_stop()
        for process in self.services.values():
            process.stop(GRACE)
        self._extra_env = dict(extra_env)
        self._refused.clear()
        self._start_services()
        self.await_ready(READY_WITHIN)

    def await_ready(self, seconds: float, names: Sequence[str] | None = None) -> None:
        """Returns when these services (all, if none is named) are ready. Raises Complaint, Interrupted."""
        deadline = time.monotonic() + seconds
        for name in names or list(self.services):
            while reason := why_not_ready(self.urls[name]):
                if self.stopping.is_set():
                    raise Interrupted
                if (process := self.services[name]).exit_code == REFUSES:
                    raise Complaint(f"Service {name} refuses to start. {process.last_words()}")
                if time.monotonic() > deadline:
                    raise Complaint(
                        f"Service {name} is not ready after {seconds:.0f} s ({reason}); "
                        f"the last line of {process.log}: {process.last_words()}"
                    )
                time.sleep(0.05)

    def service_env(self, name: str) -> dict[str, str]:
        """The environment that a service is started with, beside that of this process."""
        return {
            **self._own_env(name),
            "LOTSMAN_HTTP_HOST": "127.0.0.1",
            "LOTSMAN_HTTP_PORT": str(self.ports[name]),
            # A collector of one's own is where the environment says.
            "LOTSMAN_OTLP_URL": os.environ.get("LOTSMAN_OTLP_URL") or f"http://127.0.0.1:{self.ports['otlp']}",
            "LOTSMAN_INDEX_DIR": str(self.folder / "index" / name),
            **_folders(),
            **self._extra_env,
        }

    def _own_env(self, name: str) -> dict[str, str]:
        match name:
            case "desk":
                return self._desk_env()
            case "follower":
                return self.backends.follower_env()
            case _:
                return self.backends.service_env(EXPERTISE if name == MAIL else name)

    def _desk_env(self) -> dict[str, str]:
        """The desk has a database of its own and no login at Kafka; it knows where the services are."""
        return {
            **self.backends.desk_env(),
            "LOTSMAN_HOME": str(self.folder),
            "LOTSMAN_DESK_URL": f"http://127.0.0.1:{self.ports[DESK]}",
            "LOTSMAN_DESK_COLLECTOR_URL": f"http://127.0.0.1:{self.ports['otlp']}",
            **{f"LOTSMAN_DESK_{one.upper()}_URL": f"http://127.0.0.1:{self.ports[one]}" for one in SERVICES},
        }

    def token(self, roles: list[str], org: str | None = None, sub: str | None = None) -> str:
        """A token that the services of this stack accept."""
        return keys.token(self.folder, roles, org, sub)

    def processes(self) -> list[Process]:
        """Everything that was started, in the order of starting."""
        parts = (self.backends.mongod, self.backends.broker)
        backends = [part.process for part in parts if part and part.process]
        return [*backends, *self.services.values()]

    def _start_services(self) -> None:
        for name, command in self._commands.items():
            process = Process(name, f"Service {name}", command, self.folder, self.service_env(name))
            self.services[name] = process
            process.start()

    def _tend(self) -> None:
        self._tending.set()
        self._say_that_it_looks()
        self._tender = Thread(target=self._tend_on, name="supervisor", daemon=True)
        self._tender.start()

    def _tend_on(self) -> None:
        """Sees to everything that runs, for as long as it shall: whatever fails here fails once."""
        every = {self._cut_logs: LOGS_EVERY, self._drop_traces: TRACES_EVERY, self._say_that_it_looks: SAYS_EVERY}
        begun = dict.fromkeys(every, time.monotonic())
        while self._tending.is_set():
            for process in self.processes():
                self._one_step(partial(self._see_to, process))
            for step, seconds in every.items():
                if time.monotonic() - begun[step] >= seconds:
                    begun[step] = time.monotonic()
                    self._one_step(step)
            time.sleep(0.1)

    def _one_step(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # a full disk above all; nobody but this thread starts again what died
            with suppress(Exception):
                self._say(f"supervisor: {type(error).__name__}: {error}")

    def _see_to(self, process: Process) -> None:
        with self._starting:
            if process.wanted and process.pid is None:
                if process.exit_code != REFUSES:
                    self._revive(process)
                elif process.name not in self._refused:
                    self._refused.add(process.name)
                    self._say(f"{process.title} refuses to work and is left alone: {process.last_words()}")
            else:
                process.record()

    def _say_that_it_looks(self) -> None:
        with suppress(OSError):
            (self.folder / "run" / supervised.LOOKED).touch()

    def _cut_logs(self) -> None:
        logs.cut(self.folder / "logs", self._kept)

    def _drop_traces(self) -> None:
        if self._receiver:
            self._receiver.tidy()

    def _revive(self, process: Process) -> None:
        """Starts what died, after a pause that doubles with every death soon after a start."""
        now = time.monotonic()
        pause = self._pauses.setdefault(process.name, Pause())
        if pause.until is None:
            pause.begin(now)
            self._say(
                f"{process.title} {process.ending()}; it is started again in {pause.length:.1f} s. "
                f"The last line of {process.log}: {process.last_words()}"
            )
            return
        if now >= pause.until:
            pause.over(now)
            try:
                process.start()
            except (Complaint, OSError) as error:
                self._say(f"{process.title} cannot be started again: {error}")
            else:
                self._say(f"{process.title} is started again (pid {process.pid}).")


def need_rules() -> None:
    """Raises Complaint with every fault of own editions and calendars: the services would end by them, one after the
    other, and be started again in vain."""
    updates = _folders().get("LOTSMAN_CALENDARS")
    try:
        load()
        load_updates(Path(updates)) if updates else ()
    except (FaultyOwn, FaultyUpdate) as error:
        raise Complaint(str(error)) from None


def _folders() -> dict[str, str]:
    """The folders of own editions and of calendar updates as the caller means them: services run in another
    directory."""
    named = {name: os.environ.get(name) for name in ("LOTSMAN_EDITIONS", "LOTSMAN_CALENDARS")}
    return {name: str(Path(folder).absolute()) for name, folder in named.items() if folder}


@dataclass
class Pause:
    """How long a process that died has to wait before it is started again."""

    length: float = 0.0
    until: float | None = None
    born: float = -STEADY_AFTER

    def begin(self, now: float) -> None:
        """It has just died."""
        steady = now - self.born > STEADY_AFTER
        self.length = FIRST_PAUSE if steady else min(2 * self.length, LONGEST_PAUSE)
        self.until = now + self.length

    def over(self, now: float) -> None:
        """It is started again."""
        self.until, self.born = None, now
