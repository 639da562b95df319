"""Runs installers and the like to their end, unless somebody wants to stop before that."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from deploy.local.home import ROOT

_running: set[subprocess.Popen[str]] = set()


def run(
    command: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """What the command wrote and how it ended; below zero when a signal ended it."""
    # A session of its own, so that `interrupt` can end it together with what it started.
    child = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    _running.add(child)
    try:
        out, err = child.communicate()
    except BaseException:
        _end(child)
        raise
    finally:
        _running.discard(child)
    return subprocess.CompletedProcess(command, child.returncode, out, err)


def interrupt() -> None:
    """Ends every command that `run` waits for in another thread."""
    for child in tuple(_running):
        _end(child)


def _end(child: subprocess.Popen[str]) -> None:
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
