"""One child process: started with a log of its own, stopped by its id and nothing else."""

import json
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from deploy.complaint import Complaint
from deploy.local.home import ROOT, directory, write_private
from deploy.local.kept import Kept
from deploy.local.logs import opened
from services.chassis.supervised import RECORD, SUPERVISOR

MOST_WORDS: Final = 800


class Process:
    """A command that can be started, stopped, killed and started again.

    Its log is `<folder>/logs/<name>.log`. While it runs, `<folder>/run/<name>.json` names it, so that it can be
    found and stopped even if whoever started it was killed. It runs also where neither can be written, and has the
    name of that file in its environment.
    """

    def __init__(
        self,
        name: str,
        title: str,
        command: Sequence[str],
        folder: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
    ) -> None:
        self.name = name
        self.title = title
        self.command = list(command)
        self.log = folder / "logs" / f"{name}.log"
        self.wanted = False
        """Whether it should run: it was started, and neither stopped nor killed through this object."""
        self._recorded = False
        self._record = folder / "run" / f"{name}.json"
        self._env = {**os.environ, **(env or {}), RECORD: str(self._record.resolve())}
        self._cwd = cwd
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it in a session of its own, so that Ctrl-C reaches only the supervisor."""
        with opened(self.log, Kept.read()) as out:
            try:
                self._child = subprocess.Popen(
                    self.command,
                    cwd=self._cwd,
                    env={**self._env, SUPERVISOR: str(os.getpid())},
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise Complaint(f"{self.title} cannot be started: {error}.") from error
        self.wanted = True
        self._recorded = False
        self.record()

    def record(self) -> None:
        """Writes down which process it is, unless that is done; where it cannot be, it can be asked for again."""
        if self.pid is None or self._recorded:
            return
        with suppress(OSError, Complaint):
            directory(self._record.parent)
            write_private(self._record, json.dumps({"pid": self.pid, "started": start_time(self.pid)}))
            self._recorded = True

    @property
    def pid(self) -> int | None:
        """The id of the running process, or None."""
        return self._child.pid if self._child and self._child.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs or before it was started."""
        return self._child.poll() if self._child else None

    def ending(self) -> str:
        """How it ended, in words."""
        code = self.exit_code
        if code is None:
            return "has not ended"
        return f"ended with status {code}" if code >= 0 else f"was ended by {signal_name(-code)}"

    def need_running(self) -> None:
        """Raises Complaint with the end of the log when it has died."""
        if self.pid is None:
            raise Complaint(f"{self.title} stopped while starting ({self.log}): {self.last_words()}")

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting."""
        self.wanted = False
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()

    def stop(self, grace: float) -> None:
        """SIGTERM, then SIGKILL when the grace (seconds) is over. Nothing when it does not run."""
        self.ask_to_stop()
        if self._child is None:
            return
        try:
            self._child.wait(grace)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._forget()

    def kill(self) -> None:
        """SIGKILL, as a power cut would do it; nobody starts it again."""
        self.wanted = False
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._forget()

    def _forget(self) -> None:
        with suppress(OSError):  # on a disk that is closed it stays, and names a process that is no more
            self._record.unlink(missing_ok=True)

    def last_words(self) -> str:
        """The last line of its log that is not empty."""
        return last_line(self.log)


def signal_name(number: int) -> str:
    """A signal as it is called: SIGKILL."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def last_line(log: Path) -> str:
    """The last line of a log that is not empty, or that there is none."""
    try:
        with log.open(encoding="utf-8", errors="replace") as lines:
            last = deque((line.strip() for line in lines if line.strip()), maxlen=1)
    except OSError:
        return "it left no log."
    return last[0][:MOST_WORDS] if last else "its log is empty."


def start_time(pid: int) -> str | None:
    """When the process with this id started, as an opaque text; None when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return _start_time_of_ps(pid) if not Path("/proc/self").exists() else None
    except ProcessLookupError:
        return None
    # The name in brackets may hold spaces; what follows the last bracket is regular.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def _start_time_of_ps(pid: int) -> str | None:
    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def to_be_recorded(run: Path) -> Iterator[tuple[str, int, str]]:
    """This user's processes that were started to be written down in a directory: name, id, start time.

    None where there is no /proc. What they started in their turn is theirs to end, and left out.
    """
    mark = os.fsencode(f"{RECORD}={run.resolve()}/")
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile, or does not show itself
            pid = int(path.name)
            started = start_time(pid)
            if started is None or pid == os.getpid() or os.getsid(pid) != pid or path.stat().st_uid != os.getuid():
                continue
            said = next((one for one in (path / "environ").read_bytes().split(b"\0") if one.startswith(mark)), None)
            if said is not None:
                yield Path(os.fsdecode(said)).stem, pid, started


def stop_recorded(pid: int, started: str | None, grace: float) -> bool:
    """Stops a process of an earlier run if it is still that very one. True when it was stopped."""
    if started is None or start_time(pid) != started:
        return False
    for sign, wait in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        try:
            os.kill(pid, sign)
        except ProcessLookupError:
            return True
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            if start_time(pid) != started:
                return True
            time.sleep(0.05)
    return start_time(pid) != started
