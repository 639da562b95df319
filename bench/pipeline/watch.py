"""What stands in the topics of a run: how far it is, whether all is read, and what was lost, doubled or reordered."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from deploy.login import TIMEOUT, Login
from deploy.topics import until

POLL: Final = 2000

Ends = dict[tuple[str, int], int]
"""The end of each partition: topic and number."""


class Watch:
    """Looks at topics from outside, as the administrator. `topics` are the fact topics of a run."""

    def __init__(self, login: Login, topics: Sequence[str]) -> None:
        self._login = login
        self._admin: AdminClient = login.admin()
        self._parts = [(topic, n) for topic in topics for n in range(self._partitions(topic))]
        until(self._led, "Kafka does not lead its new topics")
        self.began = self.ends()

    def _led(self) -> bool:
        """A new topic is shown before anybody leads its partitions."""
        try:
            self.ends()
        except KafkaException:
            return False
        return True

    def _partitions(self, topic: str) -> int:
        return len(self._admin.list_topics(topic, timeout=TIMEOUT).topics[topic].partitions)

    def ends(self) -> Ends:
        """Where each partition ends now."""
        asked = {TopicPartition(topic, n): OffsetSpec.latest() for topic, n in self._parts}  # type: ignore[no-untyped-call]
        told = self._admin.list_offsets(asked, request_timeout=TIMEOUT)
        return {(one.topic, one.partition): future.result(TIMEOUT).offset for one, future in told.items()}

    def facts(self) -> int:
        """How many records have come since this watch began."""
        return sum(self.ends().values()) - sum(self.began.values())

    def unread(self, groups: Iterable[tuple[str, str]]) -> int:
        """How many records of their topics these groups (each with its topic) have not committed yet."""
        ends, left = self.ends(), 0
        for group, topic in groups:
            asked = [ConsumerGroupTopicPartitions(group)]
            [told] = self._admin.list_consumer_group_offsets(asked, request_timeout=TIMEOUT).values()
            found = {(one.topic, one.partition): max(one.offset, 0) for one in told.result(TIMEOUT).topic_partitions}
            left += sum(end - found.get(part, 0) for part, end in ends.items() if part[0] == topic)
        return left

    def records(self) -> Iterator[Any]:
        """Every record that has come since this watch began, each partition in order."""
        ends = self.ends()
        left = {part: ends[part] - first for part, first in self.began.items() if ends[part] > first}
        settings = self._login.librdkafka() | {"group.id": "bench.watch", "enable.auto.commit": False}
        consumer = Consumer(settings)
        consumer.assign([TopicPartition(topic, n, self.began[topic, n]) for topic, n in left])
        try:
            while any(left.values()):
                for one in consumer.consume(POLL, timeout=1.0):
                    part = (str(one.topic()), int(one.partition() or 0))
                    if one.error() is None and left[part] > 0:
                        left[part] -= 1
                        yield one
        finally:
            consumer.close()


@dataclass(frozen=True, slots=True)
class Seen:
    """One fact as it was met in a topic; `pilot` is whose way it belongs to, `what` names it among those that a pilot
    must have, `id` is the record's own id, `sequence` its place in the series of its subject."""

    topic: str
    pilot: str
    subject: str
    what: str
    id: str
    sequence: int


def verdict(seen: Sequence[Seen], pilots: Iterable[str], wanted: Counter[tuple[str, str]]) -> dict[str, int]:
    """What was lost, doubled and reordered.

    `wanted` says which facts (topic and name) each pilot must have, how often. `lost` are those that no pilot may
    lack, `decided_twice` those that were made once more than that under another id, `copies` the further records of one
    fact (at-least-once: readers drop them), `reordered` the facts that first come behind a later one of their subject.
    """
    ids: dict[str, set[str]] = defaultdict(set)
    kinds: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    latest: dict[tuple[str, str], int] = defaultdict(int)
    copies = reordered = 0
    for one in seen:
        if one.id in ids[one.pilot]:
            copies += 1
            continue
        ids[one.pilot].add(one.id)
        kinds[one.pilot][one.topic, one.what] += 1
        reordered += one.sequence < latest[one.subject, one.topic]
        latest[one.subject, one.topic] = max(one.sequence, latest[one.subject, one.topic])
    known = set(pilots)
    lost = sum((wanted - kinds[one]).total() for one in known)
    twice = sum((kinds[one] - wanted).total() for one in known)
    return {"lost": lost, "decided_twice": twice, "copies": copies, "reordered": reordered}
