"""What a process beside the services tells of itself at /metrics: which version runs, and only what it has.

The desk, the mail and the follower share code with the services, and its metrics with it. A figure that nobody there
ever sets would read like a real zero: no fact waits, no loop was late.
"""

from contextlib import suppress
from typing import Final

from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from contracts import VERSION
from services.chassis import balance, ends, messaging, pulse, telemetry, watching

SHARED: Final = (
    telemetry.HTTP_SECONDS,
    telemetry.CONNECTIONS,
    telemetry.CONNECTIONS_ENDED,
    telemetry.SHARES_REFUSED,
    ends.TOKEN_ENDS,
    ends.CERTIFICATE_ENDS,
    ends.KEYS_FETCHED,
    watching.INFO,
    watching.READY,
)
"""What whatever answers over HTTP has."""
OF_A_SERVICE: Final = tuple(
    one
    for module in (balance, ends, messaging, pulse, telemetry, watching)
    for one in vars(module).values()
    if isinstance(one, MetricWrapperBase) and one not in SHARED
)
"""What only a process has that reads, decides and sends."""


def tell(name: str) -> None:
    """Tells from now on of a process of this name, which is none of a service's: its version, and nothing that it does
    not have. Once in the life of a process."""
    watching.INFO.labels(name, VERSION).set(1)
    for one in OF_A_SERVICE:
        with suppress(KeyError):  # what a metric has under one label is no metric of its own
            REGISTRY.unregister(one)
