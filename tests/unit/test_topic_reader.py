"""How far a reader without a group is, and whether it has all there is: by what its client says. Pure."""

import time
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from services.chassis.settings import Settings
from services.chassis.topic_reader import TopicReader

PLACES = [TopicPartition("t", 0), TopicPartition("t", 1)]


class Client:
    """A client that says what a test has it say."""

    def __init__(self) -> None:
        self.assigned = set(PLACES)
        self.polled = dict[TopicPartition, float | None]()
        self.ends = dict.fromkeys(PLACES, 7)
        self.sought = dict[TopicPartition, int]()
        self.paused = set[TopicPartition]()

    def assignment(self) -> set[TopicPartition]:
        return self.assigned

    def assign(self, places: list[TopicPartition]) -> None:
        self.assigned = set(places)

    def last_poll_timestamp(self, at: TopicPartition) -> float | None:
        return self.polled.get(at)

    def highwater(self, at: TopicPartition) -> int:
        return self.ends[at]

    def seek(self, at: TopicPartition, offset: int) -> None:
        self.sought[at] = offset

    def pause(self, *places: TopicPartition) -> None:
        self.paused |= {*places}

    @property
    def _subscription(self) -> Any:
        def offsets() -> Mapping[TopicPartition, Any]:
            return {at: SimpleNamespace(offset=offset) for at, offset in self.sought.items()}

        assignment = SimpleNamespace(all_consumed_offsets=offsets)
        return SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))


@pytest.fixture
async def client() -> Client:
    return Client()


def reader(client: Client, begins: Any = "earliest") -> TopicReader:
    made = TopicReader(Settings(), "t", begins=begins, partition_bytes=1, wait_ms=1)
    made._consumer = client
    return made


@pytest.fixture(autouse=True)
def _no_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("services.chassis.topic_reader.AIOKafkaConsumer", lambda *_topics, **_options: None)
    yield


async def test_it_has_all_only_where_kafka_said_so_of_every_partition_a_moment_ago(client: Client) -> None:
    one, now = reader(client), time.time() * 1000
    assert not one.caught_up({0: 7, 1: 7}, 30), "nothing was said yet"
    client.polled = {PLACES[0]: now}
    assert not one.caught_up({0: 7, 1: 7}, 30), "nor of the other"
    client.polled[PLACES[1]] = now - 60_000
    assert not one.caught_up({0: 7, 1: 7}, 30), "what was said long ago may be so no longer"
    client.polled[PLACES[1]] = now
    assert one.caught_up({0: 7, 1: 8}, 30), "an offset may lie behind the end that was told"
    assert not one.caught_up({0: 7, 1: 6}, 30)


async def test_it_reads_on_where_it_is_placed_and_says_how_far_it_is(client: Client) -> None:
    one = reader(client)
    one.place({0: 3, 1: 0})
    assert client.sought == dict(zip(PLACES, (3, 0), strict=True)) and one.taken() == {0: 3, 1: 0}
    one.rest()
    assert client.paused == set(PLACES)


async def test_one_that_begins_nowhere_reads_those_partitions_alone_that_it_is_placed_at(client: Client) -> None:
    one = reader(client, begins=None)
    one.place({1: 5})
    assert client.assigned == {PLACES[1]} and client.sought == {PLACES[1]: 5}
