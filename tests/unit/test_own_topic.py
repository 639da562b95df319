"""What a process knows of its own topic that refuses for good, and what it keeps of it: by planted faults. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from services.chassis import own_topic
from services.chassis.own_topic import Kinds, OwnTopic
from services.chassis.store import Row, Store, StoreAway
from services.chassis.withheld import Refusing, shown
from tests.kit.engine.tiny import START, Clock, Closed, TooLarge

TOPIC = "pilots.tiny.v1"
KINDS = Kinds(large=(TooLarge,), closed=(Closed,))


class Kept:
    """A store of troubles, which may be away; in so many outboxes facts wait."""

    def __init__(self) -> None:
        self.troubles = dict[str, Row]()
        self.away = False
        self.waiting = 0

    async def rows(self, *_: Any, **__: Any) -> list[Row]:
        return [*self.troubles.values()]

    async def count(self, *_: Any, **__: Any) -> int:
        return self.waiting

    async def put_new(self, _name: str, rows: Sequence[Row], renewed: Sequence[str]) -> None:
        if self.away:
            raise StoreAway("away")
        for row in rows:
            before = self.troubles.setdefault(row["_id"], row)
            self.troubles[row["_id"]] = {**before, **{name: row[name] for name in renewed}}

    async def remove(self, _name: str, ids: Sequence[str]) -> None:
        if self.away:
            raise StoreAway("away")
        for one in ids:
            self.troubles.pop(one, None)


def known(kept: Kept, clock: Clock) -> OwnTopic:
    return OwnTopic(TOPIC, cast(Store, kept), clock, KINDS)


async def needs(own: OwnTopic) -> bool:
    """Whether readiness tells of it."""
    try:
        await own.check()
    except Refusing:
        return True
    return False


async def test_what_cannot_be_noted_now_stops_nobody_and_is_noted_with_the_next() -> None:
    kept, clock = Kept(), Clock()
    own = known(kept, clock)
    kept.away = True
    await own.told({"p1": Closed()})
    assert own.rests() and await needs(own) and kept.troubles == {}
    await own.told({"p1": ConnectionError()})
    assert own.rests(), "what may pass says nothing of it"
    kept.away = False
    clock.forward(seconds=3)
    await own.told({"p1": Closed()})
    assert kept.troubles[TOPIC]["cause"] == "Closed" and kept.troubles[TOPIC]["since"] == START
    kept.away = True
    clock.forward(seconds=100)
    await own.told({"p1": None})
    assert not own.rests() and not await needs(own)
    kept.away = False
    await own.told({"p2": None})
    assert kept.troubles == {}, "and so is that it is over"


async def test_each_try_makes_the_pause_longer_until_it_stays_as_it_is_and_one_that_went_begins_anew() -> None:
    kept, clock = Kept(), Clock()
    own, pauses = known(kept, clock), list[float]()
    for _ in range(6):
        await own.told({"p1": Closed()})
        pauses.append((kept.troubles[TOPIC]["next_at"] - clock()).total_seconds())
        clock.forward(seconds=pauses[-1])
        assert not own.rests(), "its time has come"
    assert pauses == [2, 5, 15, 60, 60, 60]
    await own.told({"p1": None})
    await own.told({"p1": Closed()})
    assert (kept.troubles[TOPIC]["next_at"] - clock()).total_seconds() == 2 and kept.troubles[TOPIC]["since"] == clock()


async def test_a_fact_that_is_too_large_leaves_its_subject_alone_until_it_went() -> None:
    kept, clock = Kept(), Clock()
    own = known(kept, clock)
    await own.told({"p1": TooLarge(), "p2": None, "p3": ConnectionError()})
    assert own.resting() == {"p1"} and not own.rests() and await needs(own)
    assert own.passes(TooLarge()) and not own.passes(ConnectionError()) and not own.passes(Closed())
    assert kept.troubles[TOPIC]["closed"] is False
    await own.told({"p2": None})
    assert own.resting() == {"p1"} and await needs(own), "that others go says nothing of it"
    clock.forward(seconds=2)
    assert own.resting() == set(), "it is tried again"
    await own.told({"p1": ConnectionError()})
    assert await needs(own), "what may pass is no answer"
    await own.told({"p1": None})
    assert own.resting() == set() and not await needs(own) and kept.troubles == {}


async def test_while_the_topic_takes_nothing_a_fact_that_is_too_large_holds_up_its_batch_like_all_others() -> None:
    own = known(Kept(), Clock())
    await own.told({"p1": TooLarge(), "p2": Closed()})
    assert own.rests() and not own.passes(TooLarge()), "or a batch would be committed of which nothing can go"
    await own.told({"p1": TooLarge()})
    assert not own.rests() and own.passes(TooLarge()), "it was heard of the record alone: the topic takes others"


async def test_with_more_subjects_than_can_be_left_alone_one_by_one_the_topic_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(own_topic, "MOST_LARGE", 3)
    kept = Kept()
    own = known(kept, Clock())
    refused: Mapping[str, Any] = {f"p{n}": TooLarge() for n in range(3)}
    await own.told({**refused, "z": None})
    assert not own.rests()
    await own.told({"p3": TooLarge(), "z": None})
    assert own.rests() and kept.troubles[TOPIC]["closed"] is True


async def test_who_has_swept_all_takes_away_once_what_an_earlier_process_left(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, removed = Kept(), list[str]()
    kept.troubles[TOPIC] = {"_id": TOPIC}
    own, remove = known(kept, Clock()), kept.remove

    async def noting(name: str, ids: Sequence[str]) -> None:
        removed.extend(ids)
        await remove(name, ids)

    monkeypatch.setattr(kept, "remove", noting)
    await own.told({"p1": None})
    assert removed == [], "that something went says nothing of what another process could not send"
    await own.swept()
    await own.swept()
    assert removed == [TOPIC] and kept.troubles == {}


async def test_what_was_noted_by_a_process_that_ended_is_told_while_facts_wait_and_no_longer() -> None:
    kept = Kept()
    await known(kept, Clock()).told({"p1": Closed()})
    for waiting in (3, 0):
        kept.waiting = waiting
        assert [one["messages"] for one in await shown(cast(Store, kept))] == ([3] if waiting else [])
