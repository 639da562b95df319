"""When a batch may be committed, how often it is tried, and when a process gives its client up. Without a broker."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast
from unittest.mock import AsyncMock

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    KafkaConnectionError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    UnknownTopicOrPartitionError,
)
from aiokafka.structs import ConsumerRecord

from contracts.topics import agency_topic, fact_topic, group
from services.chassis.bus import AGENCIES, Bus
from services.chassis.consumer import PASSED_OVER, CarefulConsumer
from services.chassis.marks import SENT, Marks
from services.chassis.outbox import SendFailed
from services.chassis.settings import Settings
from services.chassis.store import Store, StoreAway
from services.chassis.subject import Record

SOURCE, TOPIC = "left", fact_topic("left")
GROUP = group("tiny", SOURCE)
RETRIES = 3


def raw(offset: int, value: bytes = b"{}", partition: int = 0) -> ConsumerRecord[Any, Any]:
    return ConsumerRecord(TOPIC, partition, offset, 1, 0, b"k", value, None, 1, len(value), (("h", b"x"),))


class Reader:
    """What a consumer says beside its records."""

    assigned = object()

    def __init__(self) -> None:
        self.at = {TopicPartition(TOPIC, 0): 12}
        self.passed = list[tuple[TopicPartition, int]]()
        self.crowding = set[str]()

    def crowds(self, topic: str) -> bool:
        return topic in self.crowding

    def taken(self) -> dict[TopicPartition, int]:
        return self.at

    def assignment(self) -> set[TopicPartition]:
        return {*self.at}

    def pass_over(self, partition: TopicPartition, offset: int) -> None:
        self.passed.append((partition, offset))

    async def ends(self, _elsewhere: object = None) -> dict[TopicPartition, int | Exception]:
        return {one: 20 for one in self.at}

    async def reached(self, partition: TopicPartition) -> int:
        return self.at[partition]

    troubles: dict[TopicPartition, str] = {}


class Here:
    """A bus that takes batches in memory: `errors` are raised one by one by whoever takes."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.tried = [*errors], list[tuple[str, Sequence[Record]]]()
        self.given_up = 0
        self.marks, self.reader = Marks(cast(Store, None)), Reader()
        settings = Settings(only="http", retry_pauses=(0,) * RETRIES, nack_pause=0, publish_failures=3)
        self.bus = Bus(settings, "tiny", [SOURCE], self.together, self.give_up, alone=self.by_itself, marks=self.marks)
        self.bus._consumers[GROUP] = cast(CarefulConsumer, self.reader)
        self.answers = True

        async def ping(timeout: float | None) -> bool:
            return self.answers

        self.bus.broker.ping = ping  # type: ignore[method-assign]

    def give_up(self) -> None:
        self.given_up += 1

    async def together(self, records: Sequence[Record]) -> None:
        self._take("together", records)

    async def by_itself(self, records: Sequence[Record]) -> None:
        self._take("alone", records)

    def _take(self, how: str, records: Sequence[Record]) -> None:
        assert not self.marks._noted, "nothing is called taken before it is"
        self.tried.append((how, records))
        if self.errors:
            raise self.errors.pop(0)

    async def batch(self, *some: ConsumerRecord[Any, Any]) -> None:
        await self.bus._batch(SOURCE, some)

    @property
    def ways(self) -> list[str]:
        return [how for how, _ in self.tried]


async def test_what_is_taken_is_marked_by_its_records_and_by_what_will_be_committed() -> None:
    here = Here()
    await here.batch(raw(7), raw(9), raw(3, partition=1))
    assert here.ways == ["together"] and [one.offset for one in here.tried[0][1]] == [7, 9, 3]
    assert here.marks._noted == {(GROUP, TOPIC, 0): 12, (GROUP, TOPIC, 1): 4}, "behind the last record there was none"


@pytest.mark.parametrize("error", [StoreAway("away"), SendFailed("not sent")])
async def test_a_batch_that_did_not_go_is_tried_again_by_itself_and_the_next_one_with_others(error: Exception) -> None:
    here = Here(error, error)
    await here.batch(raw(7))
    assert here.ways == ["together", "alone", "alone"]
    here.marks._noted.clear()
    await here.batch(raw(8))
    assert here.ways[3:] == ["together"]
    assert [(one.offset, one.cause) for one in await here.bus.places()] == [(12, None)], "it went"


async def test_a_batch_that_never_goes_is_given_back_after_its_retries_and_nothing_of_it_is_marked() -> None:
    here = Here(*[StoreAway("away")] * (RETRIES + 1))
    with pytest.raises(StoreAway):
        await here.batch(raw(7), raw(9))
    assert len(here.tried) == RETRIES + 1 and here.marks._noted == {}
    [place] = await here.bus.places()
    assert (place.offset, place.end, place.cause) == (7, 20, "StoreAway"), "where it stands, and why"
    await here.batch(raw(7), raw(9))
    assert here.ways[-1] == "alone" and here.marks._noted


async def test_what_is_within_its_rate_is_taken_before_what_is_above_it_and_not_again_with_it() -> None:
    here = Here()
    here.bus._consumers[group("tiny", AGENCIES)] = cast(CarefulConsumer, here.reader)
    flood, calm = (agency_topic(code).name for code in ("flood", "calm"))
    here.reader.crowding = {flood}
    came = [replace(raw(n), topic=topic) for n, topic in enumerate([flood, calm, flood])]

    async def fails_once(records: Sequence[Record]) -> None:
        here._take("together", records)
        if len(here.tried) == 2:
            raise StoreAway("away")

    here.bus._take = fails_once
    await here.bus._batch(AGENCIES, (*came,))
    assert [[one.offset for one in records] for _, records in here.tried] == [[1], [0, 2], [0, 2]]


async def test_a_topic_that_ceases_to_crowd_while_its_batch_is_ordered_gives_each_record_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, crowds = Here(), iter([True])
    here.bus._consumers[group("tiny", AGENCIES)] = cast(CarefulConsumer, here.reader)
    monkeypatch.setattr(here.reader, "crowds", lambda _topic: next(crowds, False))
    topic = agency_topic("flood").name
    await here.bus._batch(AGENCIES, tuple(replace(raw(n), topic=topic) for n in range(2)))
    assert [one.offset for _, records in here.tried for one in records] == [0, 1]


async def test_what_nobody_foresaw_is_given_back_at_once() -> None:
    here = Here(LookupError("nobody foresaw it"))
    with pytest.raises(LookupError):
        await here.batch(raw(7))
    assert len(here.tried) == 1 and here.marks._noted == {}
    assert [one.cause for one in await here.bus.places()] == ["LookupError"]


async def test_of_what_is_passed_over_by_hand_nothing_but_its_place_comes_to_the_engine_until_it_went() -> None:
    here = Here(*[StoreAway("away")] * (RETRIES + 1))
    with pytest.raises(StoreAway):
        await here.batch(raw(7, b"poison"))
    [place] = await here.bus.places()
    here.bus.skip(place)
    assert here.reader.passed == [(TopicPartition(TOPIC, 0), 7)]
    await here.batch(raw(7, b"poison"), raw(8, b"good"))
    passed, good = here.tried[-1][1]
    assert (passed.value, passed.key, passed.headers, passed.fault) == (b"", None, (), PASSED_OVER)
    assert (good.value, good.fault) == (b"good", None)
    here.marks._noted.clear()
    await here.batch(raw(7, b"poison"))
    assert here.tried[-1][1][0].value == b"poison", "once"


# ---- the client


async def test_a_client_whose_sendings_fail_in_a_row_while_the_broker_answers_is_given_up() -> None:
    here, lost = Here(), KafkaConnectionError()
    for failures in ([lost], [lost, lost], [None, lost], [lost]):
        await here.bus._watch(failures)
    assert here.given_up == 0, "in between one went"
    await here.bus._watch([lost])
    assert here.given_up == 1


async def test_a_client_is_not_given_up_for_a_broker_that_is_away_or_for_what_topics_refuse() -> None:
    here = Here()
    here.answers = False
    for _ in range(10):
        await here.bus._watch([KafkaConnectionError()])
    assert here.given_up == 0
    here = Here()
    for _ in range(10):
        await here.bus._watch([UnknownTopicOrPartitionError(), MessageSizeTooLargeError("x")])
    assert here.given_up == 0
    await here.bus._watch([None, OutOfOrderSequenceNumber()])
    assert here.given_up == 1, "what never comes right again"


async def test_what_is_sent_of_facts_is_marked_and_of_nothing_else() -> None:
    here = Here()
    here.bus._acknowledged(fact_topic("tiny"), 3, 17)
    here.bus._acknowledged(fact_topic("tiny"), 3, 9)
    here.bus._acknowledged("pilots.receipts.primer.v1", 0, 99)
    assert here.marks._noted == {(SENT, fact_topic("tiny"), 3): 17}, "and a mark never goes back"


async def test_where_partitions_end_is_asked_elsewhere_first_and_of_the_reader_itself_where_that_fails() -> None:
    reader, place = CarefulConsumer.__new__(CarefulConsumer), TopicPartition(TOPIC, 0)
    reader.__dict__.update(_closed=True, assignment=lambda: {place}, end_offsets=AsyncMock(return_value={place: 20}))

    async def elsewhere(places: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        return dict.fromkeys(places, 30)

    async def away(_places: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        raise KafkaConnectionError("away")

    assert await reader.ends(elsewhere) == {place: 30}
    assert await reader.ends(away) == await reader.ends() == {place: 20}
