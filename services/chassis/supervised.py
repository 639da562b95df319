"""Whether what started this process, and would start it again, is still there and at work: a supervisor that is killed
or stopped alone leaves everything at work, and nobody notices before the next thing dies."""

import os
import time
from pathlib import Path
from typing import Final

from prometheus_client import Gauge

SUPERVISOR: Final = "LOTSMAN_SUPERVISOR"
"""The variable in which a supervisor gives its process id to what it starts. Containers have none."""
RECORD: Final = "LOTSMAN_RECORD"
"""The variable that tells each process where it is written down: whoever starts it may be killed before it is."""
LOOKED: Final = "looked"
"""The file beside these, whose time says when the supervisor last looked after what it started."""
STILL: Final = 60.0
"""Seconds without such a word after which a supervisor is held to stand still: it looks ten times a second, and says so
every ten seconds."""
SUPERVISED: Final = Gauge(
    "lotsman_supervised",
    "Whether the supervisor that started this process is there and at work; without one there is none",
    ["by"],
)
UP: Final = "up"
"""`./lotsman up`, the one supervisor that there is."""


def tell() -> None:
    """Tells /metrics of it. The system gives a process whose parent has died another one at once, so that the number
    of a dead supervisor is never met again here, whoever gets it."""
    if (said := os.environ.get(SUPERVISOR)) is not None:
        record = os.environ.get(RECORD)
        unseen = unseen_for(Path(record).parent) if record else None
        SUPERVISED.labels(UP).set(said == str(os.getppid()) and (unseen is None or unseen < STILL))


def unseen_for(folder: Path) -> float | None:
    """Seconds since a supervisor has said in this folder that it looks; None where none has."""
    try:
        return time.time() - (folder / LOOKED).stat().st_mtime
    except OSError:
        return None
