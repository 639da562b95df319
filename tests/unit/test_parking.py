"""What a parked record keeps of what was read, and whose turn it is: found by planted faults."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from bson import BSON

from services.chassis import parking
from services.chassis.fold import Writer
from services.chassis.parking import BROKEN, Handled, Parked, Parking
from services.chassis.store import Row, Store
from services.chassis.subject import Document, Input, Record
from tests.kit.engine.tiny import START, from_source

WRITER = Writer("tiny", frozenset({"left", "right"}), lambda: "id", 1_000)
AGENCYS = Record("pilots.agency.demo-a.v1", 3, 7, b"key", b"\x00bytes", (("ce_id", b"e-1"),))


def test_a_record_comes_out_of_the_parking_as_it_was_read_with_its_headers() -> None:
    headers = (("ce_id", b"e-1"), ("ce_type", b"t"), ("traceparent", b"00-a"), ("ce_id", b"twice"))
    record = replace(AGENCYS, headers=headers, came=START - timedelta(hours=1))
    row = parking._row(Parked(record, BROKEN, "why"), START)
    assert parking.record_of(row) == record
    assert parking.record_of({**row, "digest": "d"}) == replace(record, digest="d"), "what it was before an erasure"


def test_what_comes_out_of_the_parking_came_when_it_came_first_or_at_the_latest_when_it_was_parked() -> None:
    row = parking._row(Parked(AGENCYS, BROKEN, "why"), START)
    assert parking.record_of(row).came == START, "its topic has its sender's times"
    earlier = {name: value for name, value in row.items() if name != "came"}
    assert parking.record_of(earlier).came == START, "an earlier program parked it"


def test_personal_data_is_kept_for_a_while_of_what_agencies_send_and_of_nothing_else() -> None:
    row = parking._row(Parked(AGENCYS, BROKEN, "why"), START)
    assert row["personal_until"] == START + parking.PERSONAL_KEPT > START + timedelta(days=1)
    fact = replace(AGENCYS, topic="pilots.expertise.v1")
    assert parking._row(Parked(fact, BROKEN, "why"), START)["personal_until"] is None


@pytest.mark.parametrize(
    "record",
    [
        replace(AGENCYS, value=b"x" * 20_000_000),
        replace(AGENCYS, key=b"x" * 20_000_000),
        replace(AGENCYS, headers=(("a", b"x" * 400_000),) * 50),
        replace(AGENCYS, headers=(("a" * 20_000_000, b""),)),
        replace(AGENCYS, headers=(("half \ud800", b"x"),)),
    ],
    ids=["value", "key", "headers", "name", "half a character"],
)
def test_whatever_a_record_is_it_can_be_parked(record: Record) -> None:
    """A document of MongoDB has 16 MB at most, whole numbers of 64 bits, and texts in UTF-8."""
    one = Parked(record, BROKEN, "half \ud800" + "x" * 20_000_000, "s" * 20_000_000, "s" * 20_000_000, 10**19, "e-1")
    row = parking._row(one, START)
    assert len(BSON.encode(row)) < 16_000_000
    assert (row["_id"], row["sequence"]) == (record.id, None), "a place that no number holds is never next"


# ---- whose turn it is


class Shelf:
    """A store of these parked records."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    async def scan(self, _name: str, _where: Any, fields: Any = None) -> AsyncIterator[Row]:
        for row in self._rows:
            yield row

    async def count(self, *_: Any) -> int:
        return 0

    async def rows(self, _name: str, where: Mapping[str, Any], **_: Any) -> list[Row]:
        return [row for row in self._rows if row["_id"] in where["_id"]["$in"]]


def parked(rows: Sequence[Row] = (), seen: Mapping[str, int] | None = None) -> Parking:
    """A parking whose subjects have seen so much."""

    async def load(subjects: Iterable[str]) -> Mapping[str, Document]:
        return {one: Document(one, "pilot", version=1, seen=dict(seen or {})) for one in subjects}

    nothing = cast(Any, None)
    return Parking(cast(Store, Shelf(rows)), WRITER, nothing, nothing, load, nothing)


def waits(sequence: int | None, source: str | None = "left", subject: str = "p1") -> Row:
    return {"_id": f"{subject}/{source}/{sequence}", "subject": subject, "source": source, "sequence": sequence}


@pytest.mark.parametrize(
    ("rows", "next_ones"),
    [
        ([5, 6, 7], [5, 6, 7]),
        ([6, 7], []),
        ([3, 5, 6], [3, 5, 6]),  # the first went through meanwhile: it leaves the parking, and hides nothing behind it
        ([5, 7], [5]),
        ([None, 9], [None]),  # an agency's event is always next
    ],
)
async def test_next_is_what_follows_what_was_seen_and_what_is_done_already(
    rows: list[int | None], next_ones: list[int | None]
) -> None:
    found = await parked(seen={"left": 4})._turn([waits(one) for one in rows])
    assert found == [waits(one)["_id"] for one in next_ones]


async def test_own_facts_are_next_whatever_their_place_and_each_source_counts_by_itself() -> None:
    rows = [waits(9, "right"), waits(9, WRITER.service), waits(1, "left")]
    assert await parked(seen={"right": 7})._turn(rows) == [rows[1]["_id"], rows[2]["_id"]]


async def test_a_redrive_feeds_what_has_no_place_as_it_stands_in_its_topic_and_the_rest_series_by_series() -> None:
    places = {"topic": "t", "partition": 0}
    rows = [
        {**waits(11), **places, "offset": 1},
        {**waits(2), **places, "offset": 5},
        {**waits(None, None, "late"), **places, "offset": 9},
        {**waits(None, None, "z-first"), **places, "offset": 8},
    ]
    ordered = await parking.in_turn(cast(Store, Shelf(rows)), [row["_id"] for row in rows])
    assert ordered == [rows[3]["_id"], rows[2]["_id"], rows[1]["_id"], rows[0]["_id"]]


def test_behind_a_full_page_it_goes_on_with_the_next_series_of_the_last_subject_and_the_subjects_behind_it() -> None:
    page = [waits(n) for n in range(parking.PAGE)]
    assert parking.beyond(page[1:], ["p1", "p2"]) is None, "the last page"
    further = {"subject": "p1", "source": {"$gt": "left"}}
    assert parking.beyond(page, ["p0", "p1", "p2"]) == {"$or": [further, {"subject": {"$in": ["p2"]}}]}
    unnamed = [*page[1:], waits(None, None)]
    assert parking.beyond(unnamed, ["p1"]) == {
        "$or": [{"subject": "p1", "source": {"$ne": None}}, {"subject": {"$in": []}}]
    }


@pytest.mark.parametrize("count", [3, 1_203])
async def test_the_sweep_takes_up_every_subject_that_waits(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    one, taken = parked([waits(2, subject=f"p{n}") for n in range(count)]), list[str]()

    async def take_up(subjects: Iterable[str], **_: Any) -> int:
        some = [*subjects]
        assert len(some) <= 500, "a bounded number at a time"
        taken.extend(some)
        return 0

    monkeypatch.setattr(one, "take_up", take_up)
    await one.sweep()
    assert sorted(taken) == sorted(f"p{n}" for n in range(count))


# ---- feeding


def stands(name: str, sequence: int, subject: str) -> Row:
    """A parked fact as it is stored."""
    record = Record("pilots.left.v1", 0, sequence, b"k", name.encode())
    return parking._row(Parked(record, BROKEN, "why", subject, "left", sequence), START)


@pytest.mark.parametrize("feed", [2, 100])
async def test_of_what_is_fed_again_that_goes_which_went_or_asks_nothing_and_all_else_stays(
    feed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parking, "FEED", feed)
    rows = {
        name: stands(name, n, subject)
        for n, (name, subject) in enumerate(
            [("goes", "p1"), ("idle", "p2"), ("stays", "p3"), ("not next", "p4"), ("no fact", "p5")], start=1
        )
    }
    removed, fed = list[str](), list[Sequence[str]]()

    async def read(records: Sequence[Record]) -> tuple[list[Input], list[Parked]]:
        """An own fact may ask nothing of anybody, and bytes may still be no fact."""
        fed.append([one.value.decode() for one in records])
        sequences = {"goes": 1, "stays": 1, "not next": 9}
        inputs = [
            replace(from_source(f"p{one.offset}", "left", sequences[one.value.decode()], None), record=one)
            for one in records
            if one.value.decode() in sequences
        ]
        return inputs, [Parked(one, BROKEN, "no fact") for one in records if one.value == b"no fact"]

    async def handle(inputs: Sequence[Input], unreadable: Sequence[Parked]) -> Handled:
        still = [Parked(one.record, BROKEN, "again") for one in inputs if one.record and one.record.value == b"stays"]
        return Handled(inputs, [*unreadable, *still], [one.subject for one in inputs])

    async def load(_subjects: Iterable[str]) -> Mapping[str, Document]:
        return {}

    class Kept(Shelf):
        async def remove(self, _name: str, ids: Sequence[str]) -> None:
            removed.extend(ids)
            self._rows = [row for row in self._rows if row["_id"] not in ids]

        async def claimed(self, *_keys: str) -> dict[str, Any]:
            return {}

        async def unclaim(self, _claims: Any) -> None:
            pass

    one, taken = (
        Parking(cast(Store, Kept([*rows.values()])), WRITER, read, handle, load, cast(Any, None)),
        list[set[str]](),
    )

    async def take_up(subjects: Iterable[str], **_: Any) -> list[str]:
        taken.append({*subjects})
        return ["behind", "behind that"]

    one.take_up = take_up  # type: ignore[method-assign]
    went = await one.redrive([row["_id"] for row in reversed(rows.values())])  # in whatever order they are named
    names = ["goes", "idle", "stays", "not next", "no fact"]
    assert fed == [names[n : n + feed] for n in range(0, 5, feed)], "all of them, so many at a time"
    assert removed == [rows["goes"]["_id"], rows["idle"]["_id"]]
    behind = ["behind", "behind that"]
    assert taken == [{"p1"}] and went == [rows["goes"]["_id"], *behind], "what waited behind it has its turn now"
