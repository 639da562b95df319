"""What goes through Kafka, by the names and labels of OpenTelemetry's conventions for messaging, in Prometheus' form.

They stand beside our own metrics and are for whoever has them from other programs already (decision 49). A label that
does not apply is empty, which Prometheus takes for none. All is measured by the batch, never by the record.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

from prometheus_client import Counter, Histogram

from contracts.topics import AGENCY_PREFIX, RECEIPTS_PREFIX
from services.chassis import telemetry

AGENCIES: Final = AGENCY_PREFIX + "{agency}.v1"
"""All agencies' topics as one destination."""
RECEIPTS: Final = RECEIPTS_PREFIX + "{agency}.v1"
"""All topics of receipts as one destination."""

_DESTINATION: Final = ("messaging_destination_name", "messaging_destination_template")
_NAMES: Final = ("messaging_system", "messaging_operation_name", *_DESTINATION)
_GROUP: Final = "messaging_consumer_group_name"

_SENT: Final = Counter(
    "messaging_client_sent_messages",
    "Messages that were handed to Kafka, with what went wrong where it did not acknowledge them",
    (*_NAMES, "error_type"),
)
_CONSUMED: Final = Counter(
    "messaging_client_consumed_messages",
    "Messages that Kafka gave, again where they were read again",
    (*_NAMES, _GROUP),
)
_OPERATION: Final = Histogram(
    "messaging_client_operation_duration_seconds",
    "Time from handing a batch to Kafka until it is acknowledged, and that of committing offsets",
    (*_NAMES, "messaging_operation_type", _GROUP, "error_type"),
    buckets=telemetry.HTTP_BOUNDS,
)
_PROCESS: Final = Histogram(
    "messaging_process_duration_seconds",
    "Time from a batch read to ready to commit, with its tries",
    (*_NAMES, _GROUP, "error_type"),
    buckets=telemetry.HTTP_BOUNDS,
)


def sent(topic: str, records: int, seconds: float, error: BaseException | None) -> None:
    """Notes a batch that was handed to Kafka: how long it took, and what went wrong, if anything did."""
    counter, histogram = _sending(topic, "" if error is None else type(error).__name__)
    counter.inc(records)
    histogram.observe(seconds)


def consumed(topic: str, group: str, records: int) -> None:
    """Notes records that Kafka gave; `group` is empty where it was read without one."""
    if records:
        _consuming(topic, group).inc(records)


@contextmanager
def batch(source: str, topic: str, group: str, records: int) -> Iterator[None]:
    """Around what is made of a batch that Kafka gave: its span, how much came, and how long it takes."""
    consumed(topic, group, records)
    with (
        telemetry.batch_span(source, records, telemetry.batch_of(topic, group)),
        _timed(lambda error: _processing(topic, group, error)),
    ):
        yield


@contextmanager
def committing(topic: str, group: str) -> Iterator[None]:
    """Around a commit of offsets."""
    with _timed(lambda error: _settling(topic, group, error)):
        yield


@contextmanager
def _timed(histogram: Callable[[str], Histogram]) -> Iterator[None]:
    """Notes how long what is inside takes, by the kind of the error that it ends with."""
    began, error = time.perf_counter(), ""
    try:
        yield
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        histogram(error).observe(time.perf_counter() - began, telemetry.exemplar())


def _destination(topic: str) -> tuple[str, str]:
    """A topic as its name, or as the template of its name where there is one for each agency: no label names any."""
    if topic.startswith(AGENCY_PREFIX):
        return "", AGENCIES
    if topic.startswith(RECEIPTS_PREFIX):
        return "", RECEIPTS
    return topic, ""


@lru_cache(maxsize=1000)
def _sending(topic: str, error: str) -> tuple[Counter, Histogram]:
    names = ("kafka", "send", *_destination(topic))
    return _SENT.labels(*names, error), _OPERATION.labels(*names, "send", "", error)


@lru_cache(maxsize=1000)
def _consuming(topic: str, group: str) -> Counter:
    return _CONSUMED.labels("kafka", "poll", *_destination(topic), group)


@lru_cache(maxsize=1000)
def _processing(topic: str, group: str, error: str) -> Histogram:
    return _PROCESS.labels("kafka", "process", *_destination(topic), group, error)


@lru_cache(maxsize=1000)
def _settling(topic: str, group: str, error: str) -> Histogram:
    return _OPERATION.labels("kafka", "commit", *_destination(topic), "settle", group, error)
