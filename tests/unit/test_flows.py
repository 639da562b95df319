"""Which facts a topic has, told by its records; and that a look reads what is new and a part of the rest, no more."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import pytest

from contracts.topics import FACT_PARTITIONS, fact_topic
from services.chassis.cluster import Place
from services.chassis.flows import Flows, Reach, Reaches
from services.chassis.sending import partition_of
from services.chassis.series import MOST_MISSING, Placed, Series, facts_in, left_outbox
from services.chassis.store import BALANCE, SUBJECTS, Row, Store
from tests.kit.engine.tiny import tiny_service, wire


def series(*sequences: int, whole: bool = True) -> Series:
    """The facts of one subject, as they stand in their topic."""
    found = Series()
    for offset, sequence in enumerate(sequences):
        found.add(Placed(("t", 0), offset, "p", sequence), whole=whole)
    return found


@pytest.mark.parametrize(
    ("sequences", "until", "missing"),
    [
        ((1, 2, 3), 3, []),
        ((1, 2, 3), 5, [4, 5]),
        ((1, 1, 2, 1, 2, 3), 3, []),
        ((1, 3), 3, [2]),
        ((1, 3, 2), 3, []),
        ((1, 4), 2, [2]),
        ((), 2, [1, 2]),
        ((2,), 2, [1]),
        ((1, 2, MOST_MISSING + 3), 2, []),
        ((1, 2, MOST_MISSING + 3, 3), 3, []),
    ],
)
def test_a_fact_is_missing_wherever_it_stood_in_its_series(
    sequences: tuple[int, ...], until: int, missing: list[int]
) -> None:
    assert series(*sequences).without("p", until, whole=True) == missing


def test_of_what_a_topic_has_thrown_away_nothing_is_said() -> None:
    assert series(whole=False).without("p", 9, whole=False) == []
    assert series(5, 6, 8, whole=False).without("p", 9, whole=False) == [7, 9]


def test_no_more_is_named_than_a_thousand() -> None:
    assert len(series(1).without("p", 10**9, whole=True)) == MOST_MISSING


@pytest.mark.parametrize(
    ("row", "until"),
    [
        (None, 0),
        ({"version": 0}, 0),
        ({"version": 4}, 4),
        ({"version": 4, "outbox": []}, 4),
        ({"version": 4, "outbox": [{"sequence": 3}, {"sequence": 4}]}, 2),
        ({"version": 1, "outbox": [{"sequence": 1}]}, 0),
    ],
)
def test_a_document_says_up_to_which_fact_all_left_it(row: Row | None, until: int) -> None:
    assert left_outbox(row) == until


async def test_what_is_no_fact_of_its_writer_is_passed_by() -> None:
    good = wire("left", "p", 2, {})
    values = {
        7: good,
        3: wire("left", "p", 1, {}),
        4: wire("other", "p", 1, {}),
        5: b"{",
        6: b"[]",
        8: b'{"sequence": 1}',
    }
    found = await facts_in("left", ("t", 3), values)
    assert found == [Placed(("t", 3), 3, "p", 1), Placed(("t", 3), 7, "p", 2)]
    assert [one.place for one in found] == ["t/3/3", "t/3/7"]


class Kept:
    """A database in memory, as far as a look asks it."""

    def __init__(self) -> None:
        self.rows_of: dict[str, dict[str, Row]] = {SUBJECTS: {}, BALANCE: {}}
        self.documents = 0

    async def rows(self, name: str, query: Mapping[str, Any], **_asked: Any) -> list[Row]:
        wanted, there = query["_id"], self.rows_of.get(name, {})
        found = [one for id_, one in sorted(there.items()) if "$in" not in wanted or id_ in wanted["$in"]]
        found = [one for one in found if one["_id"] > wanted.get("$gt", "")]
        self.documents += len(found) * (name == SUBJECTS)
        return found

    async def scan(self, name: str, _query: Row) -> Any:
        for id_, row in self.rows_of[name].items():
            if id_.startswith("facts/"):
                yield row

    async def get(self, name: str, id_: str) -> Row | None:
        return self.rows_of[name].get(id_)

    async def set_fields(self, name: str, rows: Mapping[str, Mapping[str, int]]) -> None:
        for id_, said in rows.items():
            kept = self.rows_of[name].setdefault(id_, {"_id": id_, "next": {}})
            kept["next"] |= {field.removeprefix("next."): n for field, n in said.items()}

    async def put_new(self, name: str, rows: Iterable[Row]) -> None:
        self.rows_of[name] |= {row["_id"]: row for row in rows}

    async def remove(self, name: str, ids: Iterable[str]) -> None:
        for id_ in ids:
            self.rows_of[name].pop(id_, None)


class Standing:
    """A cluster in memory: one topic, of which everything is committed."""

    def __init__(self, topic: str, begin: int = 0) -> None:
        self.topic, self.begin = topic, begin
        self.values: dict[int, list[bytes]] = {n: [] for n in range(FACT_PARTITIONS)}
        self.read, self.away = 0, False

    def put(self, writer: str, subject: str, sequence: int) -> None:
        self.values[partition_of(subject, FACT_PARTITIONS)].append(wire(writer, subject, sequence, {}))

    async def bounds(self, places: Iterable[Place]) -> Mapping[Place, tuple[int, int]]:
        return {place: (self.begin, self.begin + len(self.values[place[1]])) for place in places}

    async def records(self, place: Place, first: int, until: int) -> Mapping[int, bytes]:
        if self.away:
            raise ConnectionError
        self.read += until - first
        return {n: self.values[place[1]][n - self.begin] for n in range(first, until)}

    async def reaches(self, writer: str) -> Reaches:
        bounds = await self.bounds((self.topic, n) for n in range(FACT_PARTITIONS))
        return {writer: Reach(writer, bounds, {})}


def looking(begin: int = 0) -> tuple[Kept, Standing, Flows]:
    """A service that reads nothing and has written two facts of each of thirty subjects."""
    service, kept = tiny_service(reads={}), Kept()
    standing = Standing(fact_topic(service.name), begin)
    for sequence in (1, 2):
        for n in range(30):
            standing.put(service.name, f"p{n}", sequence)
            kept.rows_of[SUBJECTS][f"p{n}"] = {"_id": f"p{n}", "version": 2, "seen": {}}
    return kept, standing, Flows(service, cast(Store, kept), cast(Any, standing))


async def named(kept: Kept, standing: Standing, flows: Flows, seconds: float = 5.0) -> list[str]:
    """What a look names."""
    found = await flows.looked(await standing.reaches("tiny"), seconds)
    return sorted(f"{one.told.fact} {one.told.why}" for one in found)


async def test_a_small_system_is_looked_through_once_by_each_look_and_what_is_new_first() -> None:
    kept, standing, flows = looking()
    assert await named(kept, standing, flows) == []
    assert standing.read == 60
    standing.read = 0
    assert await named(kept, standing, flows, seconds=-1.0) == [], "nothing is new, and the round makes one step"
    assert 0 < standing.read < 60
    standing.put("tiny", "p1", 3)
    standing.read = 0
    assert await named(kept, standing, flows) == ["tiny/p1#3 not-kept"]
    kept.rows_of[SUBJECTS]["p1"]["version"] = 3
    assert await named(kept, standing, flows) == []


async def test_a_fact_that_is_in_no_topic_is_named_until_it_is_met_there() -> None:
    kept, standing, flows = looking()
    kept.rows_of[SUBJECTS]["p4"]["version"] = 3
    assert await named(kept, standing, flows) == ["tiny/p4#3 not-sent"]
    assert await named(kept, standing, flows) == ["tiny/p4#3 not-sent"]
    standing.put("tiny", "p4", 3)
    assert await named(kept, standing, flows) == []


async def test_a_topic_that_has_its_beginning_no_more_makes_no_difference_and_still_tells_of_its_end() -> None:
    kept, standing, flows = looking(begin=100)
    for n in range(30):
        kept.rows_of[SUBJECTS][f"p{n}"]["version"] = 2
    kept.rows_of[SUBJECTS]["old"] = {"_id": "old", "version": 7, "seen": {}}
    kept.rows_of[SUBJECTS]["p3"]["version"] = 3
    assert await named(kept, standing, flows) == ["tiny/p3#3 not-sent"]


async def test_a_round_that_kafka_breaks_off_begins_anew() -> None:
    kept, standing, flows = looking()
    standing.away = True
    with pytest.raises(ConnectionError):
        await named(kept, standing, flows)
    standing.away = False
    kept.rows_of[SUBJECTS].pop("p9")
    assert await named(kept, standing, flows) == ["tiny/p9#1 not-kept", "tiny/p9#2 not-kept"]


async def test_a_look_through_everything_ends_also_where_other_looks_go_on_with_it() -> None:
    kept, standing, flows = looking()
    stand, after, looked = await standing.reaches("tiny"), "facts/", 0
    for _ in range(200):
        part = await flows.through(stand, after, -1.0)
        looked += part.looked
        if part.next is None:
            break
        after = part.next
    assert looked == 60 + 30
    first = (await flows.through(stand, "facts/", -1.0)).next
    assert first is not None
    assert await named(kept, standing, flows) == []
    assert (await flows.through(stand, first, -1.0)).next is None
    elsewhere = await flows.through(stand, "facts/of-another-replica", 5.0)
    assert (elsewhere.looked, elsewhere.next) == (90, None), "another process looks at all of it by itself"
