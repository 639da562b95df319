"""Metrics of Kafka by OpenTelemetry's names: what is counted, by the batch, and that no label grows with agencies."""

from collections.abc import Sequence
from typing import Any, Final

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError
from opentelemetry.semconv._incubating.attributes import messaging_attributes
from opentelemetry.semconv._incubating.metrics import messaging_metrics
from opentelemetry.semconv.attributes import error_attributes
from prometheus_client import REGISTRY

from contracts.topics import agency_topic, fact_topic, receipts_topic
from services.chassis import messaging
from services.chassis.bus import AGENCIES, Bus
from services.chassis.settings import Settings
from services.chassis.store import StoreAway
from services.chassis.subject import Record
from services.chassis.telemetry import HTTP_BOUNDS
from tests.kit.counted import CONSUMED, OPERATIONS, OURS, PROCESSED, SENT, since, told

GONE: Final = ("published", ".publish", ".receive.", ".process.messages")
"""What is in the names of before, which the conventions still list."""


def test_metrics_and_labels_have_the_names_of_the_conventions_and_their_bounds() -> None:
    names = [str(value) for name, value in vars(messaging_metrics).items() if name.startswith("MESSAGING_")]
    wanted = {name.replace(".", "_") for name in names if not any(one in name for one in GONE)}
    assert {metric.name.removesuffix("_seconds") for one in OURS for metric in one.collect()} == wanted
    known = {**vars(messaging_attributes), **vars(error_attributes)}
    attributes = {str(value).replace(".", "_") for name, value in known.items() if name.isupper()}
    for one in OURS:
        assert {"messaging_system", "messaging_operation_name"} <= set(one._labelnames) <= attributes
    for histogram in (messaging._OPERATION, messaging._PROCESS):
        assert histogram._kwargs["buckets"] == HTTP_BOUNDS, "the conventions for both give the same"
    messaging.sent(fact_topic("intake"), 1, 0.01, None)
    assert SENT in {one.name for metric in REGISTRY.collect() for one in metric.samples}, "where /metrics looks"


def test_what_was_handed_to_kafka_is_counted_with_what_went_wrong_and_every_agencys_receipts_are_one_series() -> None:
    before = told()
    messaging.sent(fact_topic("intake"), 40, 0.03, None)
    messaging.sent(fact_topic("intake"), 2, 20.0, KafkaConnectionError())
    for number in range(50):
        messaging.sent(receipts_topic(f"a-{number}").name, 3, 0.02, None)
    messaging.sent(receipts_topic("a-7").name, 1, 0.02, MessageSizeTooLargeError())
    everyone = "send pilots.receipts.{agency}.v1"
    assert since(before, SENT) == {
        "send pilots.intake.v1": 40,
        "send pilots.intake.v1 KafkaConnectionError": 2,
        everyone: 150,
        f"{everyone} MessageSizeTooLargeError": 1,
    }
    assert since(before, OPERATIONS) == {
        "send pilots.intake.v1": 1,
        "send pilots.intake.v1 KafkaConnectionError": 1,
        everyone: 50,
        f"{everyone} MessageSizeTooLargeError": 1,
    }
    assert not [said for _, said in told() if "a-7" in said]


def records(topic: str, count: int) -> tuple[ConsumerRecord[Any, Any], ...]:
    """So many records as the client gives them."""
    return tuple(ConsumerRecord(topic, 0, n, 0, 0, b"p", b"{}", 0, 1, 2, ()) for n in range(count))


@pytest.mark.parametrize("source", ["intake", AGENCIES])
async def test_what_is_given_again_is_counted_again_and_tries_of_one_batch_are_not(source: str) -> None:
    fails: list[Exception] = [StoreAway("once"), StoreAway("twice")]

    async def take(_records: Sequence[Record]) -> None:
        if fails:
            raise fails.pop()

    bus = Bus(Settings(retry_pauses=(0.0,), nack_pause=0.0), "registry", [], take, lambda: None)
    topic = agency_topic("demo").name if source == AGENCIES else fact_topic(source)
    where = f"{messaging.AGENCIES if source == AGENCIES else topic} registry.{source}"
    before = told()
    with pytest.raises(StoreAway):
        await bus._batch(source, records(topic, 7))
    assert since(before, CONSUMED) == {f"poll {where}": 7}
    assert since(before, PROCESSED) == {f"process {where} StoreAway": 1}
    fails.append(StoreAway("once more"))
    await bus._batch(source, records(topic, 7))
    assert since(before, CONSUMED) == {f"poll {where}": 14}
    assert since(before, PROCESSED) == {f"process {where} StoreAway": 1, f"process {where}": 1}
