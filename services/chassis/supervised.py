"""Whether what started this process, and would start it again, is still there: a supervisor that is killed alone leaves
everything at work, and nobody notices before the next thing dies."""

import os
from typing import Final

from prometheus_client import Gauge

SUPERVISOR: Final = "LOTSMAN_SUPERVISOR"
"""The variable in which a supervisor gives its process id to what it starts. Containers have none."""
SUPERVISED: Final = Gauge(
    "lotsman_supervised", "Whether the supervisor that started this process is there; without one there is none", ["by"]
)
UP: Final = "up"
"""`./lotsman up`, the one supervisor that there is."""


def tell() -> None:
    """Tells /metrics of it. The system gives a process whose parent has died another one at once, so that the number
    of a dead supervisor is never met again here, whoever gets it."""
    if (said := os.environ.get(SUPERVISOR)) is not None:
        SUPERVISED.labels(UP).set(said == str(os.getppid()))
