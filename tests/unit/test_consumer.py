"""What the consumer of a service hands out together, and in whose turn: found by planted faults. Without a broker."""

import asyncio
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from services.chassis import consumer as consumer_module
from services.chassis.allowance import LEAST
from services.chassis.consumer import PACED_MS, PASSED_OVER, PREFETCH, TURN, CarefulConsumer
from services.chassis.unpacking import Unread
from tests.kit.counted import OPERATIONS, since, told


@dataclass(frozen=True)
class Raw:
    """A record, as far as a batch looks at it."""

    offset: int
    serialized_key_size: int = -1
    serialized_value_size: int = 100


class Client(CarefulConsumer):
    """The consumer with its client's half in memory: partitions with so many records each, none of which is late."""

    def __init__(self, there: Mapping[str, int], **options: Any) -> None:
        super().__init__(give_up=lambda: None, **options)
        self._closed = True  # it was never opened
        self.there = {TopicPartition(topic, 0): count for topic, count in there.items()}
        self.at = dict.fromkeys(self.there, 0)
        self.committed_at: dict[TopicPartition, int | None] = dict.fromkeys(self.there, 0)
        self.begins = 0
        self.held = set[TopicPartition]()
        self.shut = dict[TopicPartition, Exception]()
        self.fails: Exception | None = None
        self.late = False
        """Whether what there is comes only to who waits for it."""

    def assignment(self) -> set[TopicPartition]:
        return {*self.there}

    def paused(self) -> set[TopicPartition]:
        return {*self.held}

    def pause(self, *some: TopicPartition) -> None:
        self.held |= {*some}

    def resume(self, *some: TopicPartition) -> None:
        self.held -= {*some}

    def highwater(self, partition: TopicPartition) -> int:
        return self.there[partition]

    async def position(self, partition: TopicPartition) -> int:
        return self.at[partition]

    async def committed(self, partition: TopicPartition) -> int | None:
        return self.committed_at[partition]

    async def seek_to_beginning(self, *some: TopicPartition) -> None:
        self.at |= dict.fromkeys(some, self.begins)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.at[partition] = offset

    def _ended(self) -> str | None:
        return None

    def take(self, *some: TopicPartition, timeout_ms: int, max_records: int | None) -> dict[TopicPartition, list[Raw]]:
        if timeout_ms and self.fails is not None:
            raise self.fails
        if self.late and not timeout_ms:
            return {}
        found = dict[TopicPartition, list[Raw]]()
        left: float = math.inf if max_records is None else max_records
        for one in sorted(some or self.assignment()):
            if one in self.shut:
                raise self.shut[one]
            begin = self.at[one]
            self.at[one] = min(self.there[one], begin + int(min(left, self.there[one])))
            left -= self.at[one] - begin
            if self.at[one] > begin:
                found[one] = [Raw(n) for n in range(begin, self.at[one])]
        return found


@pytest.fixture(autouse=True)
def _in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getmany(self: Client, *some: TopicPartition, **how: Any) -> Any:
        return self.take(*some, **how)

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", getmany)


def counted(batch: Mapping[TopicPartition, Sequence[Any]]) -> Counter[str]:
    """How many records of each topic there are in a batch."""
    return Counter({partition.topic: len(records) for partition, records in batch.items()})


async def test_of_more_backlogs_than_a_batch_has_room_for_each_has_its_share_of_the_batches() -> None:
    client, shares = Client({f"agency-{n:02}": 10_000 for n in range(12)}), Counter[str]()
    for _ in range(36):
        batch = counted(await client.getmany(max_records=50))
        assert batch.total() == 50 and max(batch.values()) <= TURN
        shares += batch
    assert len(shares) == 12, "none waits behind the others for ever"
    assert max(shares.values()) - min(shares.values()) <= 2 * TURN


async def test_a_single_record_beside_backlogs_is_in_one_of_the_next_batches() -> None:
    client = Client({**{f"agency-{n:02}": 10_000 for n in range(20)}, "z-small": 0})
    for _ in range(7):
        await client.getmany(max_records=100)
    client.there[TopicPartition("z-small", 0)] = 1
    came = [counted(await client.getmany(max_records=100))["z-small"] for _ in range(20)]
    assert sum(came) == 1 and sum(came[:16]) == 1


async def test_a_batch_is_full_by_its_bytes_within_one_turn() -> None:
    client = Client({"a": 1_000, "b": 1_000}, most_bytes=3_000)
    batch = counted(await client.getmany(max_records=500))
    assert batch == {"a": TURN, "b": TURN}, "thirty and the rest of a turn"


async def test_what_is_passed_over_by_hand_is_the_record_that_comes_next_and_no_other() -> None:
    client, place = Client({"a": 5}), TopicPartition("a", 0)
    client.at[place] = 2
    client.pass_over(place, 1)
    client.pass_over(TopicPartition("elsewhere", 0), 0)
    assert [one.offset for one in (await client.getmany(max_records=1))[place]] == [2], "it went by itself meanwhile"
    client.troubles[place], client.there[place] = "NotForUs", 4
    client.pass_over(place, 3)
    [passed] = (await client.getmany(max_records=10))[place]
    assert (passed.offset, isinstance(passed, Unread)) == (3, True)
    assert passed.fault == PASSED_OVER and client.troubles == {}, "it stands still no longer"
    client.there[place] = 6
    assert [one.offset for one in (await client.getmany(max_records=10))[place]] == [4, 5], "once"


async def test_of_a_topic_no_more_is_taken_than_its_rate_allows_and_of_others_all() -> None:
    rates = {"flood": 0.001, "calm": math.inf}
    client, found = Client({"flood": 1_000, "calm": 300}, rate=rates.__getitem__), Counter[str]()
    for _ in range(12):
        found += counted(await client.getmany(max_records=50))
    assert found == {"flood": int(LEAST), "calm": 300}
    client.there[TopicPartition("calm", 0)] += 1
    assert counted(await client.getmany(max_records=50)) == {"calm": 1}


async def test_of_a_topic_that_has_used_up_half_of_what_it_may_have_at_once_one_turn_is_in_a_batch() -> None:
    client = Client({"flood": 1_000, "calm": 100}, rate={"flood": 40.0, "calm": math.inf}.__getitem__)
    batches = [counted(await client.getmany(max_records=500))["flood"] for _ in range(3)]
    assert batches == [3 * TURN, TURN, 80 - 4 * TURN], "of eighty, half of which are used up in the third turn"


async def test_beside_a_topic_above_its_rate_others_are_asked_for_at_once_and_in_short_questions() -> None:
    rates = {"flood": 0.001, "calm": math.inf}
    client = Client({"flood": 1_000, "calm": 0}, rate=rates.__getitem__, gather=3600.0)
    client._fetcher = asks = SimpleNamespace(_fetch_max_wait_ms=500, _prefetch_backoff=PREFETCH)
    assert counted(await client.getmany(max_records=50)) == {"flood": int(LEAST)}
    assert client.crowds("flood") and not client.crowds("calm")
    client.there[TopicPartition("calm", 0)] = 1
    assert counted(await client.getmany(max_records=50)) == {"calm": 1}, "it did not wait for the flood to gather more"
    assert asks._fetch_max_wait_ms == PACED_MS and asks._prefetch_backoff < PREFETCH and not client.paused()
    del client.there[TopicPartition("flood", 0)]
    client._not_before, client.there[TopicPartition("calm", 0)] = 0.0, 2
    assert counted(await client.getmany(max_records=50)) == {"calm": 1}
    assert (asks._fetch_max_wait_ms, asks._prefetch_backoff) == (500, PREFETCH) and client.paused()


async def test_what_is_above_its_rate_is_not_waited_for_and_what_comes_first_counts() -> None:
    client, place = Client({"a": 0}, rate=lambda _topic: 0.001), TopicPartition("a", 0)
    assert await client.getmany(max_records=50) == {}
    taken = 0
    for number in range(int(LEAST) + 4):
        client.late = number % 2 == 0
        client.there[place] += 1
        taken += counted(await client.getmany(max_records=50)).total()
    assert taken == int(LEAST)


async def test_what_is_about_one_partition_holds_up_no_other_and_is_told_until_it_comes_again() -> None:
    client, shut = Client({"a": 40, "b": 40}), TopicPartition("a", 0)
    client.shut[shut] = TopicAuthorizationFailedError("a")
    assert counted(await client.getmany(max_records=500)) == {"b": 40}
    assert client.troubles == {shut: "TopicAuthorizationFailedError"}
    client.shut = {}
    assert counted(await client.getmany(max_records=500)) == {"a": 40} and client.troubles == {}


async def test_after_an_error_it_goes_on_from_what_is_committed() -> None:
    client, place = Client({"a": 10}), TopicPartition("a", 0)
    assert counted(await client.getmany(max_records=4)) == {"a": 4}
    client.committed_at[place] = 4
    assert counted(await client.getmany(max_records=500)) == {"a": 6}
    client.committed_at[place], client.fails = 10, KafkaConnectionError()
    with pytest.raises(KafkaConnectionError):
        await client.getmany(max_records=500)
    client.fails, client.committed_at[place] = None, 7
    assert [one.offset for one in (await client.getmany(max_records=500))[place]] == [7, 8, 9]
    client.committed_at[place], client.begins, client.fails = None, 2, KafkaConnectionError()
    with pytest.raises(KafkaConnectionError):
        await client.getmany(max_records=500)
    client.fails = None
    found = (await client.getmany(max_records=500))[place]
    assert found[0].offset == 2, "where nothing is committed yet, from the first that is kept"


async def test_a_commit_that_is_never_answered_ends_and_a_place_that_is_not_known_is_that_of_the_last_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(*_: object) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(AIOKafkaConsumer, "commit", never)
    monkeypatch.setattr(consumer_module, "COMMIT_WITHIN", 0.05)
    monkeypatch.setattr(consumer_module, "KNOWN_WITHIN", 0.05)
    client, place, before = Client({"a": 10}), TopicPartition("a", 0), told()
    async with asyncio.timeout(30):
        with pytest.raises(TimeoutError):
            await client.commit()
        assert since(before, OPERATIONS) == {"commit TimeoutError": 1}
        monkeypatch.setattr(client, "position", never)
        client.committed_at[place] = 6
        assert await client.reached(place) == 6
