"""By how much the metrics of messaging have grown: whoever tests shares them with all other tests of the process."""

from collections.abc import Mapping
from typing import Final

from services.chassis import messaging

OURS: Final = (messaging._SENT, messaging._CONSUMED, messaging._OPERATION, messaging._PROCESS)
SENT: Final = "messaging_client_sent_messages_total"
CONSUMED: Final = "messaging_client_consumed_messages_total"
OPERATIONS: Final = "messaging_client_operation_duration_seconds_count"
PROCESSED: Final = "messaging_process_duration_seconds_count"
SAID: Final = (
    "messaging_operation_name",
    "messaging_destination_name",
    "messaging_destination_template",
    "messaging_consumer_group_name",
    "error_type",
)
Told = dict[tuple[str, str], float]


def told() -> Told:
    """Every sample by its name and by what its labels say, in the order of SAID; what is empty says nothing."""
    samples = (sample for one in OURS for metric in one.collect() for sample in metric.samples)
    return {(one.name, _said(one.labels)): one.value for one in samples if "le" not in one.labels}


def _said(labels: Mapping[str, str]) -> str:
    return " ".join(text for name in SAID if (text := labels.get(name)))


def since(before: Told, name: str) -> dict[str, float]:
    """By how much a metric has grown since, by what its labels say."""
    grown = {said: value - before.get((known, said), 0.0) for (known, said), value in told().items() if known == name}
    return {said: value for said, value in grown.items() if value}
