"""What the verbs share: output, the directory and ports they speak of, and how they end on a signal."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Final

from rich.console import Console
from rich.markup import escape

from deploy.complaint import Complaint
from deploy.local import state
from deploy.local.home import home
from deploy.progress import Say

BASE: Final = 8100
DEMO_BASE: Final = 8200
PROGRESS: Final = re.compile(r" *\d+\.\d s  ")
"""How a line of progress begins."""
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

out: Final = Console(highlight=False)
"""Results."""
err: Final = Console(stderr=True, highlight=False)
"""Progress and complaints."""


def progress() -> Say:
    """Something to say each step with, marked with the seconds since the start. What nobody can be told keeps nothing
    from being done: a full disk under a log, a terminal that is gone."""
    began = time.monotonic()

    def say(text: str) -> None:
        with suppress(OSError):
            err.print(f"[dim]{time.monotonic() - began:5.1f} s[/dim]  {escape(text)}", soft_wrap=True)

    return say


def is_progress(line: str) -> bool:
    """Whether a line was said by `progress`."""
    return PROGRESS.match(line) is not None


def port_base(given: int | None, default: int = BASE) -> int:
    """The base from the option, LOTSMAN_PORT_BASE or the default. Raises Complaint."""
    raw = str(given) if given is not None else os.environ.get("LOTSMAN_PORT_BASE") or str(default)
    if not raw.isdigit() or not 1024 <= int(raw) <= 65_000:
        raise Complaint(f"The port base must be a number from 1024 to 65000, not {raw!r}.")
    return int(raw)


@contextmanager
def stop_signals() -> Iterator[Event]:
    """An event that Ctrl-C, SIGTERM and a closed terminal set; nothing is cut off in the middle."""
    stopping = Event()

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        if not stopping.is_set():
            stopping.set()

    before = {sign: signal.signal(sign, on_signal) for sign in SIGNALS}
    try:
        yield stopping
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


@contextmanager
def signals_interrupt(stopping: Event) -> Iterator[None]:
    """Inside, the same signals raise KeyboardInterrupt at once: for work that starts no process."""

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        if not stopping.is_set():
            stopping.set()
            raise KeyboardInterrupt

    before = {sign: signal.signal(sign, on_signal) for sign in SIGNALS}
    try:
        if stopping.is_set():
            raise KeyboardInterrupt
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def running(folder: Path | None = None) -> state.State:
    """The state of the system that `up` started. Raises Complaint when nothing runs."""
    found = state.read(folder or home())
    if found is None or not found.supervisor.runs():
        raise Complaint("Nothing runs here; ./lotsman up starts it.")
    return found
