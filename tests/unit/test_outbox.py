"""What is sent of an outbox, what is cleared, and what is never sent again: found by planted faults. Pure."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

import pytest

from contracts.event import Event
from services.chassis import outbox
from services.chassis.message import Message
from services.chassis.outbox import Outbox, SendFailed
from services.chassis.own_topic import OwnTopic
from services.chassis.store import Store, StoreAway
from services.chassis.subject import Document, Entry
from services.chassis.withheld import Withheld
from tests.kit.engine.tiny import LANGUAGE, ROBOT, START, NotedV1

TOPIC, RECEIPTS = "pilots.tiny.v1", "pilots.receipts.primer.v1"


class Around:
    """The store, the broker and what is known of topics, all in one, and what each was asked for."""

    def __init__(self) -> None:
        self.sent = list[Message]()
        self.cleared = list[dict[str, int]]()
        self.refused = set[tuple[str, bytes]]()
        self.rest = set[str]()
        self.kept = list[str]()
        self.left_out = list[set[str]]()
        self.failures = 0

    async def send(self, messages: Sequence[Message]) -> list[BaseException | None]:
        self.sent += messages
        return [ConnectionError() if (one.topic, one.value) in self.refused else None for one in messages]

    async def clear(self, upto: Mapping[str, int]) -> None:
        self.cleared.append(dict(upto))

    async def unsent(self, _before: Any, _most: int, but: Iterable[str]) -> list[str]:
        self.left_out.append({*but})
        return []

    async def behind(self, _parts: Any) -> set[int]:
        return set()

    async def add(self, some: Sequence[Any]) -> None:
        self.kept += [part.message.key for part, _ in some]

    def rests(self) -> bool:
        return False

    def resting(self) -> set[str]:
        return self.rest

    async def told(self, _first: Any) -> None:
        pass

    def passes(self, _failed: Any) -> bool:
        return False

    async def swept(self) -> None:
        pass

    def failed(self) -> None:
        self.failures += 1

    def outbox(self) -> Outbox:
        return Outbox(
            TOPIC,
            cast(Store, self),
            self.send,
            cast(Withheld, self),
            cast(OwnTopic, self),
            own=LANGUAGE,
            publications=lambda event: [Message(RECEIPTS, event.subject, f"told {event.sequence}".encode())],
            projection=lambda _event: [],
            failed=self.failed,
        )

    def values(self) -> list[bytes]:
        return [one.value for one in self.sent]


def entry(sequence: int, subject: str = "p1") -> Entry:
    fact = NotedV1(actor=ROBOT, what="a")
    event = Event(f"{subject}-{sequence}", "tiny", fact.TYPE, subject, START, sequence, "c", {}, fact, {})
    return Entry(START, sequence, event.id, fact.TYPE, f"fact {sequence}".encode(), event)


async def delivered(box: Outbox, outboxes: Mapping[str, Sequence[Entry]]) -> bool:
    try:
        await box.deliver(outboxes)
    except SendFailed:
        return False
    return True


async def test_what_this_process_knows_to_be_sent_is_cleared_and_not_sent_again() -> None:
    around = Around()
    box, both = around.outbox(), {"p1": [entry(1), entry(2)]}
    assert await delivered(box, both)
    assert around.values() == [b"fact 1", b"fact 2", b"told 1", b"told 2"] and around.cleared == [{"p1": 2}]
    assert await delivered(box, both) and len(around.sent) == 4
    assert around.cleared[1:] == [{"p1": 2}], "the document was loaded while its facts were on their way"
    assert await delivered(box, {"p1": [entry(2), entry(3)]})
    assert around.values()[4:] == [b"fact 3", b"told 3"] and around.cleared[-1] == {"p1": 3}


async def test_an_older_sending_that_ends_later_takes_nothing_back() -> None:
    around = Around()
    box, held, goes_on = around.outbox(), list[bytes](), asyncio.Event()
    send = around.send

    async def slow(messages: Sequence[Message]) -> list[BaseException | None]:
        first = not held
        held.append(messages[0].value)
        if first:
            await goes_on.wait()
        return await send(messages)

    box._send = slow
    older = asyncio.create_task(delivered(box, {"p1": [entry(1)]}))
    await asyncio.sleep(0)
    assert await delivered(box, {"p1": [entry(1), entry(2)]})
    goes_on.set()
    assert await older and len(held) == 2
    assert await delivered(box, {"p1": [entry(2)]}) and len(held) == 2, "the second fact is known to be sent"


async def test_behind_a_fact_that_did_not_go_none_counts_as_sent_and_what_went_with_it_does_not_go_again() -> None:
    around = Around()
    box, three = around.outbox(), {"p1": [entry(1), entry(2), entry(3)], "p2": [entry(1, "p2")]}
    around.refused = {(TOPIC, b"fact 2")}
    assert not await delivered(box, three)
    assert around.cleared == [{"p1": 1, "p2": 1}] and around.kept == []
    around.refused, before = set(), len(around.sent)
    assert await delivered(box, {"p1": [entry(2), entry(3)]})
    assert around.values()[before:] == [b"fact 2", b"fact 3", b"told 3"], "its receipt has gone already"
    assert around.cleared[-1] == {"p1": 3}


async def test_a_receipt_that_did_not_go_is_kept_where_its_fact_went_and_only_there() -> None:
    around = Around()
    around.refused = {(RECEIPTS, b"told 1"), (RECEIPTS, b"told 2"), (TOPIC, b"fact 2")}
    assert not await delivered(around.outbox(), {"p1": [entry(1), entry(2)]})
    assert around.kept == ["p1"] and around.cleared == [{"p1": 1}]


async def test_a_subject_that_is_left_alone_is_not_tried_and_others_are() -> None:
    around = Around()
    around.rest = {"p1"}
    assert await delivered(around.outbox(), {"p1": [entry(1)], "p2": [entry(1, "p2")]})
    assert {one.key for one in around.sent} == {"p2"} and around.cleared == [{"p2": 1}]


async def test_the_sweep_leaves_alone_what_is_being_sent_and_takes_what_failed() -> None:
    around, goes_on = Around(), asyncio.Event()
    box, send = around.outbox(), around.send

    async def slow(messages: Sequence[Message]) -> list[BaseException | None]:
        await goes_on.wait()
        return await send(messages)

    box._send = slow

    async def nothing(_subjects: Any) -> dict[str, Document]:
        return {}

    async def swept() -> set[str]:
        await box.sweep(START, timedelta(0), nothing)
        return around.left_out[-1]

    around.refused = {(TOPIC, b"fact 1")}
    sending = asyncio.create_task(delivered(box, {"p1": [entry(1)]}))
    await asyncio.sleep(0)
    assert await swept() == {"p1"}
    goes_on.set()
    assert not await sending
    assert await swept() == set()


async def test_what_the_pump_could_not_send_stirs_who_sweeps_and_an_older_sight_displaces_no_newer_one() -> None:
    around = Around()
    box = around.outbox()
    newer, older = (Document("p1", "pilot", version=n, outbox=tuple(entry(m) for m in range(1, n + 1))) for n in (2, 1))
    box.soon(newer)
    box.soon(older)
    around.refused = {(TOPIC, b"fact 2")}
    await box.flush()
    assert around.values()[:2] == [b"fact 1", b"fact 2"] and around.failures == 1


async def test_a_database_that_is_away_while_the_pump_sends_ends_nothing_and_leaves_it_to_the_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    around = Around()
    box = around.outbox()

    async def away(_upto: Mapping[str, int]) -> None:
        raise StoreAway("away")

    monkeypatch.setattr(around, "clear", away)
    box.soon(Document("p1", "pilot", version=1, outbox=(entry(1),)))
    await box.flush()
    assert around.values() == [b"fact 1", b"told 1"] and around.failures == 1


async def test_no_more_is_remembered_than_there_is_room_for_and_the_oldest_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "REMEMBERED", 3)
    around = Around()
    box = around.outbox()
    for n in range(4):
        await box.deliver({f"p{n}": [entry(1, f"p{n}")]})
    before = len(around.sent)
    await box.deliver({f"p{n}": [entry(1, f"p{n}")] for n in (1, 2, 3)})
    assert len(around.sent) == before, "the latest three are known"
    await box.deliver({"p0": [entry(1, "p0")]})
    assert len(around.sent) == before + 2, "what is forgotten is sent once more, which is harmless"
    await box.deliver({"p2": [entry(2, "p2")]})
    await box.deliver({"p4": [entry(1, "p4")]})
    before = len(around.sent)
    await box.deliver({"p2": [entry(1, "p2"), entry(2, "p2")]})
    assert len(around.sent) == before, "what was sent last is forgotten last"
    around.refused = {(TOPIC, b"fact 1")}
    assert not await delivered(box, {f"q{n}": [entry(1, f"q{n}")] for n in range(4)})
    assert [id_ for id_, _ in box._went] == ["q1-1", "q2-1", "q3-1"]


async def test_while_the_own_topic_rests_nothing_is_sent_but_what_is_known_to_be_sent_is_cleared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    around = Around()
    box = around.outbox()
    assert await delivered(box, {"p1": [entry(1)]})
    monkeypatch.setattr(around, "rests", lambda: True)
    before = len(around.sent)
    assert not await delivered(box, {"p1": [entry(1), entry(2)], "p2": [entry(1, "p2")]})
    assert len(around.sent) == before and around.cleared == [{"p1": 1}, {"p1": 1}]
    await box.sweep(START, timedelta(0), cast(Any, None))
    assert around.left_out == [], "and nothing is looked for"
