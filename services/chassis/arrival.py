"""When an agency's event came to Lotsman, by either door, and how long it takes from there until the register has it.

Only Lotsman's own clocks are asked: Kafka's as it takes a record, and this machine's at a request's head. What an event
or its sender says of the time may be anything.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiokafka import ConsumerRecord
from prometheus_client import Histogram
from starlette.types import Scope

from services.chassis import telemetry
from services.chassis.subject import Done, Input, Outcome, Sequenced
from services.chassis.timed import BEGAN
from services.chassis.unpacking import APPENDED

TO_REGISTER: Final = Histogram(
    "lotsman_event_to_register_seconds",
    "Time from when an agency's event came, into its topic or as a request, until it stands in the register",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86400),
)
EPOCH: Final = datetime.fromtimestamp(0, UTC)


def of_record(raw: ConsumerRecord[Any, Any]) -> datetime | None:
    """When Kafka took a record, and no later than now (UTC); None where its time is its sender's."""
    if raw.timestamp_type != APPENDED or raw.timestamp <= 0:
        return None
    return EPOCH + timedelta(milliseconds=min(raw.timestamp, int(time.time() * 1000)))


def of_request(scope: Scope, now: datetime) -> datetime:
    """When a request came, before it waited for its turn or its body: `now`, less the time since then."""
    return now - timedelta(seconds=time.perf_counter() - scope[BEGAN])


def registered(one: Input, outcome: Outcome | None, now: datetime) -> None:
    """Tells how long it took until what follows from another service's fact about an agency's event is written here.
    A fact that is read or fed again is a duplicate, and not told of."""
    if one.came is not None and isinstance(one.mark, Sequenced) and isinstance(outcome, Done):
        TO_REGISTER.observe(max(0.0, (now - one.came).total_seconds()), telemetry.exemplar_of(one.trace))
