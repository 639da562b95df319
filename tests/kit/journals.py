"""Topics read whole, and what must be so of every journal."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer

from deploy.login import Login


async def records_of(login: Login, topic: str) -> list[dict[str, Any]]:
    """Every event of a topic, in order within each partition."""
    found = list[dict[str, Any]]()
    consumer = AIOKafkaConsumer(topic, **login.aiokafka(), auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(p) < end for p, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [json.loads(record.value) for record in records]
    finally:
        await consumer.stop()
    return found


async def journal(login: Login, topic: str) -> dict[str, list[tuple[int, str]]]:
    """Every fact of a topic: for each subject its sequences and ids, as they stand in the log."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for event in await records_of(login, topic):
        found[event["subject"]].append((int(event["sequence"]), event["id"]))
    return found


def assert_whole(series: Mapping[str, Sequence[tuple[int, str]]]) -> None:
    """Each subject's facts are 1, 2, 3 ... in the order in which they are first met, one id under each."""
    for subject, facts in series.items():
        first_met = list(dict.fromkeys(facts))
        assert [sequence for sequence, _ in first_met] == list(range(1, len(first_met) + 1)), subject
