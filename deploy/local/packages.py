"""Installs the optional lock files (tests, back ends, a bench's rival) into .venv, each once and on demand."""

import fcntl
import sys
from pathlib import Path

from deploy.complaint import Complaint
from deploy.local import tools
from deploy.local.home import ROOT
from deploy.progress import Say, task


def installed(lock: str) -> bool:
    """Whether exactly this state of `requirements/<lock>.lock` is in the environment."""
    stamp = _stamp(lock)
    return stamp.is_file() and stamp.read_bytes() == _file(lock).read_bytes()


def install(lock: str, say: Say, what: str) -> None:
    """Installs `requirements/<lock>.lock` unless it is there. Raises Complaint when that fails."""
    if installed(lock):
        return
    # run.lock is shared with the shell script; one writer at a time in one environment.
    with (Path(sys.prefix) / "install.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if installed(lock):
            return
        with task(say, f"installing {what}"):
            _run(lock, what)
        _stamp(lock).write_bytes(_file(lock).read_bytes())


def _run(lock: str, what: str) -> None:
    uv = Path(sys.prefix) / "bin" / "uv"
    tail = ["--require-hashes", "-r", str(_file(lock))]
    attempts = [[sys.executable, "-m", "pip", "install", "--quiet", *tail]]
    if uv.exists():
        attempts.insert(0, [str(uv), "pip", "install", "--quiet", "--python", sys.executable, *tail])
    why = ""
    for command in attempts:
        done = tools.run(command)
        if done.returncode == 0:
            return
        if done.returncode < 0:  # stopped by a signal: no reason to try another way
            break
        why = why or _last_line(done.stderr)
    raise Complaint(f"Installing {what} failed: {why or 'it was interrupted.'}")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given."


def _file(lock: str) -> Path:
    return ROOT / "requirements" / f"{lock}.lock"


def _stamp(lock: str) -> Path:
    return Path(sys.prefix) / f"{lock}.lock.installed"
