"""How far a database has come with Kafka, and that another one in its place is found out. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from services.chassis import marks as marks_module
from services.chassis import standing
from services.chassis.marks import ID, SENT, Behind, Exchanged, Marks, Place
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.store import COUNTERS, Row, Store, StoreAway
from services.chassis.topic_reader import Bounds

FACTS: Place = (SENT, "pilots.tiny.v1", 3)
READ: Place = ("tiny.left", "pilots.left.v1", 0)


class Kept:
    """A database that keeps marks and counters alone."""

    def __init__(self) -> None:
        self.row: Row | None = None
        self.counters = dict[str, int]()
        self.writes = 0
        self.versions = dict[str, int]()
        self.asked = list[list[str]]()
        self.away = False

    async def get(self, _name: str, id_: str) -> Row | None:
        assert id_ == ID
        return None if self.row is None else {**self.row, "next": dict(self.row.get("next", {}))}

    async def raise_to(self, collection: str, id_: str, least: Mapping[str, int], first: Row | None = None) -> None:
        if self.away:
            raise StoreAway("away")
        if collection == COUNTERS:
            self.counters[id_] = max(least["last"], self.counters.get(id_, 0))
            return
        self.writes += 1
        self.row = self.row or dict(first or {})
        following = self.row.setdefault("next", {})
        for name, n in least.items():
            place = name.removeprefix("next.")
            following[place] = max(n, following.get(place, 0))

    async def rows(self, _name: str, query: Mapping[str, Any], **_: Any) -> list[Row]:
        names = query["_id"]["$in"]
        self.asked.append(names)
        return [{"_id": one, "version": self.versions[one]} for one in names if one in self.versions]


def marks_of(kept: Kept) -> Marks:
    return Marks(cast(Store, kept))


async def test_a_mark_goes_only_on_and_is_found_by_the_next_start_under_its_place() -> None:
    kept = Kept()
    one = marks_of(kept)
    await one.begin({FACTS: 5})
    one.note(FACTS, 9)
    one.note(FACTS, 7)
    one.note(READ, 2)
    await one.keep()
    assert await marks_of(kept).load() == {FACTS: 9, READ: 2}
    late = marks_of(kept)
    await late.begin({FACTS: 9})
    late.note(FACTS, 8)  # what it sends once more stands further back
    await late.keep()
    assert await late.load() == {FACTS: 9, READ: 2}


async def test_where_nothing_moved_nothing_is_written_and_what_was_not_written_is_written_next() -> None:
    kept = Kept()
    one = marks_of(kept)
    await one.begin({FACTS: 5})
    one.note(FACTS, 5)
    await one.keep()
    assert kept.writes == 1
    one.note(FACTS, 6)
    kept.away = True
    with pytest.raises(StoreAway):
        await one.keep()
    kept.away = False
    await one.keep()
    assert kept.writes == 2 and await one.load() == {FACTS: 6}


async def test_before_the_comparison_nothing_is_marked() -> None:
    kept = Kept()
    one = marks_of(kept)
    one.note(FACTS, 6)
    await one.keep()
    assert kept.row is None and await one.load() is None


async def test_a_database_that_is_another_one_or_knows_less_than_was_kept_is_found_before_it_is_marked() -> None:
    kept = Kept()
    one = marks_of(kept)
    await one.begin({FACTS: 5})
    assert kept.row is not None
    there = {**kept.row, "next": dict(kept.row["next"])}
    one.note(FACTS, 6)
    changed: Sequence[Row | None] = (None, {**there, "database": "another"}, {**there, "next": {}})
    for row in changed:
        kept.row, writes = row, kept.writes
        with pytest.raises(Exchanged):
            await one.keep()
        assert kept.writes == writes
    kept.row = there
    await one.keep()
    assert await one.load() == {FACTS: 6}


async def test_a_database_that_begins_anew_says_of_nothing_that_it_was_taken() -> None:
    kept = Kept()
    await marks_module.begin(cast(Store, kept))
    assert await marks_of(kept).load() == {} and kept.row is not None and kept.row["database"]


# ---- what a start is held against


async def test_what_a_primary_or_a_broker_that_just_starts_does_not_know_is_asked_again_before_a_start_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = [Behind("a broker that is just starting")] * 2
    tries = list[int]()

    async def compared(*_: object) -> bool:
        tries.append(1)
        if told:
            raise told.pop()
        return True

    monkeypatch.setattr(standing, "PAUSE", 0)
    monkeypatch.setattr(standing, "_compared", compared)
    given: tuple[Any, ...] = (cast(Service, None), cast(Store, None), Settings(), cast(Marks, None))
    assert await standing.compare(*given) and len(tries) == 3
    told += [Behind("lost")] * 99
    tries.clear()
    with pytest.raises(Behind, match="lost"):
        await standing.compare(*given)
    assert len(tries) == standing.ASKED


@pytest.mark.parametrize(("ends", "fits"), [({0: 5, 3: 9}, True), ({0: 5, 3: 8}, False), ({0: 5}, False)])
def test_a_topic_that_ends_before_what_was_sent_to_it_is_refused_and_one_that_ends_there_is_not(
    ends: Mapping[int, int], fits: bool
) -> None:
    bounds = Bounds(dict.fromkeys(ends, 0), ends)
    if fits:
        standing._need_all("pilots.tiny.v1", {0: 5, 3: 9}, bounds)
        return
    with pytest.raises(Behind, match=r"partition 3 ends at (8|0), but facts were sent up to 9"):
        standing._need_all("pilots.tiny.v1", {0: 5, 3: 9}, bounds)


class End:
    """A partition of a topic whose last records are read a few at a time; behind them may stand what is none."""

    def __init__(self, events: Sequence[tuple[str, int]], end: int) -> None:
        self._events, self._end = events, end
        self.placed = dict[int, int]()
        self._at = 0

    def place(self, offsets: Mapping[int, int]) -> None:
        self.placed = dict(offsets)
        [self._at] = offsets.values()

    async def poll(self, most: int) -> dict[int, list[Any]]:
        until = min(len(self._events), self._at + min(2, most))
        some = [_Raw(n, *self._events[n]) for n in range(self._at, until)]
        self._at = some[-1].offset + 1 if some else self._end
        return {0: some} if some else {}

    async def reached(self, _partition: int) -> int:
        return self._at


class _Raw:
    topic, partition = "pilots.tiny.v1", 0

    def __init__(self, offset: int, subject: str, sequence: int) -> None:
        self.offset = offset
        number = b'{"number": %d}' % sequence
        self.value = b'{"subject": "%s", "sequence": "%020d", "data": %s}' % (subject.encode(), sequence, number)


SERVICE = cast(
    Service, type("Numbered", (), {"name": "tiny", "number": staticmethod(lambda data: ("series", data["number"]))})
)


async def looked_at(
    kept: Kept, sent: int, events: Sequence[tuple[str, int]], end: int | None = None, begin: int = 0
) -> End:
    """Has the end of a topic held against a database to which so much was sent."""
    end = len(events) if end is None else end
    reader = End(events, end)
    await standing._need_known(SERVICE, cast(Store, kept), cast(Any, reader), Bounds({0: begin}, {0: end}), {0: sent})
    return reader


async def test_it_is_looked_a_little_before_the_marks_and_never_before_the_beginning() -> None:
    kept = Kept()
    kept.versions = {"p1": 500}
    events = [("p1", n + 1) for n in range(300)]
    assert (await looked_at(kept, 300, events)).placed == {0: 300 - standing.LOOKED_BACK}
    assert (await looked_at(kept, 150, events)).placed == {0: 150}, "what was never marked, all of it"
    assert (await looked_at(kept, 0, events)).placed == {0: 0}
    assert (await looked_at(kept, 5, events[:5])).placed == {0: 0}
    assert (await looked_at(kept, 300, events, begin=250)).placed == {0: 250}


async def test_the_first_fact_of_which_a_database_knows_less_stops_the_start_wherever_it_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(standing, "TOGETHER", 4)
    kept, events = Kept(), [(f"p{n}", 2) for n in range(10)]
    for behind in range(10):
        kept.versions = {f"p{n}": 1 if n == behind else 2 for n in range(10)}
        with pytest.raises(Behind, match=rf"pilots.tiny.v1/0/{behind} is fact 2 of p{behind}, of which .* knows 1"):
            await looked_at(kept, 0, events)
    kept.versions, kept.asked, kept.counters = dict.fromkeys((f"p{n}" for n in range(10)), 2), [], {}
    await looked_at(kept, 0, events)
    assert [len(some) for some in kept.asked] == [4, 4, 2], "so many are in memory at a time"
    assert kept.counters == {"series": 2}


async def test_of_a_series_the_highest_number_counts_and_of_a_subject_its_last_fact() -> None:
    kept = Kept()
    kept.versions, kept.counters = {"p1": 9, "p2": 4}, {"series": 7}
    await looked_at(kept, 0, [("p1", 9), ("p1", 3), ("p2", 4)], end=6)  # behind the last record stand markers
    assert kept.counters == {"series": 9}, "never lowered"
    kept.versions["p1"] = 8
    with pytest.raises(Behind, match="fact 9 of p1"):
        await looked_at(kept, 0, [("p1", 9), ("p1", 3), ("p2", 4)])
