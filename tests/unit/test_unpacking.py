"""Whatever Kafka gives of a partition becomes records, each in its place, or is told of as what cannot be read."""

import gzip
import struct
import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition

from services.chassis import unpacking
from services.chassis.unpacking import (
    APPEND_TIME,
    APPENDED,
    CONTROL,
    HEAD,
    HEADERS_MOST,
    INFLATED_MOST,
    Fetched,
    Unpacked,
    Unpacking,
    Unread,
)
from tests.kit.raw_batches import AT_ATTRIBUTES, CODECS, NotUtf8, batch, changed

AT_LARGEST_TIME = 35
PLACE = TopicPartition("pilots.agency.obrazcovo.v1", 0)


def unpacked(*raw: bytes, at: int = 0) -> tuple[list[Any], int]:
    """The records behind an offset, and where the next fetch begins."""
    found = Unpacked(PLACE, Fetched(b"".join(raw)), None, at)
    return list(found), found.next_fetch_offset


def told(records: Sequence[Any]) -> list[tuple[int, bytes | str]]:
    """Of each record its offset, and its value or what is wrong with it."""
    return [(r.offset, r.fault.split(":")[0] if isinstance(r, Unread) else r.value) for r in records]


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_records_of_every_codec_come_from_the_offset_that_was_asked_for(codec: int) -> None:
    values = [b"%d" % n * 40 for n in range(20)]
    records, following = unpacked(batch(values, codec, base=100), batch([b"last"], base=120), at=107)
    assert told(records) == [(100 + n, values[n]) for n in range(7, 20)] + [(120, b"last")]
    assert following == 121
    assert {(r.key, r.timestamp, r.topic, r.partition) for r in records} == {(b"key", 1, *PLACE)}
    assert not any(Unpacking.held.values())


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_of_each_record_it_is_known_whether_its_time_is_kafkas_own(codec: int) -> None:
    raw = batch([b"a" * 90, b"b" * 90], codec, base=3)
    stamped = changed(raw, AT_ATTRIBUTES, struct.pack(">h", codec | APPEND_TIME))
    stamped = changed(stamped, AT_LARGEST_TIME, struct.pack(">q", 1_790_000_000_000))
    records, _ = unpacked(batch([b"c"], codec, base=2), stamped, at=2)
    assert [(r.timestamp_type, r.timestamp) for r in records] == [(0, 1), *[(APPENDED, 1_790_000_000_000)] * 2]


@pytest.mark.parametrize("codec", [1, 3, 4], ids=["gzip", "lz4", "zstd"])
def test_what_inflates_above_the_bound_is_told_of_and_passed(codec: int) -> None:
    bomb = batch([bytes(INFLATED_MOST)], codec, base=5)
    records, following = unpacked(batch([b"a"], base=4), bomb, batch([b"b"], base=6), at=4)
    assert told(records) == [(4, b"a"), (5, f"a batch that inflates above {INFLATED_MOST} bytes"), (6, b"b")]
    assert following == 7
    assert len(records[1].value) <= unpacking.KEPT


def test_a_snappy_block_that_says_it_is_large_is_not_inflated() -> None:
    bomb = batch([bytes(INFLATED_MOST)], CODECS["snappy"], base=5)
    records, following = unpacked(bomb, at=5)
    assert (told(records), following) == ([(5, f"a batch that inflates above {INFLATED_MOST} bytes")], 6)


@pytest.mark.parametrize("codec", [0, 1], ids=["none", "gzip"])
def test_a_header_name_that_is_no_text_is_told_of_its_own_record_alone(codec: int) -> None:
    raw = batch([b"a", b"b", b"c"], codec, headers=[[], [(NotUtf8("ab"), b"1"), ("good", b"2")]])
    records, following = unpacked(raw)
    assert told(records) == [(0, b"a"), (1, "a header whose name is not UTF-8"), (2, b"c")]
    assert (records[1].value, records[1].headers, following) == (b"b", (("\\xff\\xfe", b"1"), ("good", b"2")), 3)


@pytest.mark.parametrize("codec", [0, 4], ids=["none", "zstd"])
def test_more_headers_than_anybody_needs_make_no_objects(codec: int) -> None:
    raw = batch([b"a"], codec, headers=[[("", b"")] * (HEADERS_MOST + 1)])
    [record], following = unpacked(raw)
    assert "headers" in record.fault and record.headers == () and following == 1


def test_a_batch_with_a_wrong_checksum_is_passed_whole_and_its_neighbours_come() -> None:
    bad = bytearray(batch([b"x", b"y"], base=11))
    bad[-3] ^= 1
    records, following = unpacked(batch([b"a"], base=10), bytes(bad), batch([b"b"], base=13), at=10)
    assert told(records) == [(10, b"a"), (11, "a batch whose checksum is wrong"), (13, b"b")]
    assert "offsets 11 to 12" in records[1].fault
    assert following == 14


def test_a_head_that_cannot_be_believed_is_passed_by_one_offset() -> None:
    bad = bytearray(batch([b"x", b"y"], base=11))
    bad[23] ^= 0x40  # the last offset delta
    records, following = unpacked(bytes(bad), at=11)
    assert (told(records), following) == ([(11, "a batch whose checksum is wrong")], 12)


def test_of_two_heads_that_cannot_be_believed_each_is_told_offset_by_offset() -> None:
    spoilt = struct.pack(">i", 0x40_00_00_01)  # the last offset delta, under a checksum that is wrong
    bad = [raw[:23] + spoilt + raw[27:] for raw in (batch([b"x", b"y"], base=11), batch([b"z", b"z"], base=13))]
    kept = [*bad, batch([b"a"], base=15)]
    found, at = list[tuple[int, object]](), 11
    while at < 16:  # as Kafka gives it: from the batch on that holds the offset
        records, at = unpacked(*kept[(at - 11) // 2 :], at=at)
        found += told(records)
    wrong = "a batch whose checksum is wrong"
    assert found == [(11, wrong), (12, wrong), (13, wrong), (14, wrong), (15, b"a")]


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (changed(batch([b"x"]), AT_ATTRIBUTES, struct.pack(">h", 6)), "a batch under the unknown codec 6"),
        (changed(batch([b"x" * 90], 1), HEAD.size, b"garbage"), "a batch that cannot be inflated"),
        (changed(batch([b"x" * 90], 2), HEAD.size, b"\xff" * 9), "a batch that cannot be inflated"),
        (changed(batch([b"x" * 90], 3), HEAD.size, b"garbage"), "a batch that cannot be inflated"),
        (changed(batch([b"x" * 90], 4), HEAD.size, b"garbage"), "a batch that cannot be inflated"),
        (changed(batch([b"x"]), 16, b"\1"), "a batch in the format 1"),
        (batch([b"x"])[:40], "a batch that is not whole"),
        (b"\0" * 61, "a batch that is not whole"),
        (changed(batch([b"x"]), HEAD.size, b"\x7e"), "a record that goes beyond its batch"),
        (changed(batch([b"x"]), HEAD.size + 4, b"\x7e"), "a record that is not built as records are"),
        (
            changed(changed(batch([b"x"]), HEAD.size - 4, struct.pack(">i", 2)), 23, struct.pack(">i", 1)),
            "a batch that ends before its last record",
        ),
    ],
    ids=range(11),
)
def test_whatever_is_wrong_with_a_batch_it_is_passed(raw: bytes, fault: str) -> None:
    records, following = unpacked(raw)
    assert told(records)[-1][1] == fault
    assert following >= 1


def test_a_batch_that_counts_more_records_than_it_has_offsets_gives_those_that_it_has() -> None:
    raw = changed(batch([b"x"]), HEAD.size - 4, struct.pack(">i", 2))
    assert (told(unpacked(raw)[0]), unpacked(raw)[1]) == ([(0, b"x")], 1)


def test_markers_of_transactions_and_batches_without_records_are_passed_silently() -> None:
    marker = changed(batch([b"x"], base=3), AT_ATTRIBUTES, struct.pack(">h", CONTROL))
    assert unpacked(marker, at=3) == ([], 4)


def test_a_last_batch_that_did_not_come_whole_is_left_for_the_next_fetch() -> None:
    records, following = unpacked(batch([b"a"], base=3), batch([b"b"], base=4)[:-1], at=3)
    assert (told(records), following) == ([(3, b"a")], 4)


def test_no_bytes_at_all_break_it() -> None:
    good = batch([b"a" * 30, b"b"], 1)
    for place in range(len(good)):
        for flipped in (0x01, 0x80, 0xFF):
            raw = bytearray(good)
            raw[place] ^= flipped
            _, following = unpacked(bytes(raw))
            assert following >= 1 or place < 8


def test_what_is_held_inflated_at_a_time_is_bounded_and_the_rest_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "INFLATED_MOST", 1000)
    monkeypatch.setattr(unpacking, "HELD_MOST", 1500)
    monkeypatch.setattr(unpacking, "USUAL", 100)
    raw = batch([b"a" * 300, b"b" * 300], 1)
    first, second = (Unpacked(PLACE, Fetched(raw), None, 0) for _ in range(2))
    begun: Iterator[Any] = iter(first)
    assert next(begun).value == b"a" * 300
    assert list(second) == [] and second.next_fetch_offset == 0, "it is asked for again"
    assert unpacked(batch([b"c" * 20], 1))[1] == 1, "who sends what is usual does not wait for it"
    usual = [iter(Unpacked(PLACE, Fetched(batch([b"c" * 60], 1)), None, 0)) for _ in range(30)]
    assert 15 < sum(next(one, None) is not None for one in usual) < 30, "of which no more is held than may be, either"
    del usual
    assert len(list(begun)) == 1 and not any(Unpacking.held.values())
    assert unpacked(raw)[1] == 2
    third = iter(Unpacked(PLACE, Fetched(raw), None, 0))
    next(third)
    del third
    assert not any(Unpacking.held.values()), "what is let go is held no longer"


def test_who_sends_many_large_batches_lets_another_that_waits_have_its_turn_after_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unpacking, "INFLATED_MOST", 1000)
    monkeypatch.setattr(unpacking, "HELD_MOST", 1500)
    monkeypatch.setattr(unpacking, "USUAL", 100)
    large, other = [b"a" * 300, b"b" * 300], TopicPartition("pilots.agency.primerovo.v1", 0)
    many = Fetched(b"".join(batch(large, 1, base=at) for at in (0, 2, 4)))
    first = Unpacked(PLACE, many, None, 0)
    begun: Iterator[Any] = iter(first)
    next(begun)
    assert list(Unpacked(other, Fetched(batch(large, 1)), None, 0)) == [], "it waits"
    assert (len(list(begun)), first.next_fetch_offset) == (1, 2), "the rest is fetched again"
    second = Unpacked(other, Fetched(batch(large, 1)), None, 0)
    waits = iter(second)
    next(waits)
    assert list(Unpacked(PLACE, Fetched(b"".join([*many.batches()][1:])), None, 2)) == []
    assert (len(list(waits)), second.next_fetch_offset) == (1, 2)
    assert unpacked(*many.batches(), at=2)[1] == 6, "where nobody waits all are taken at once"
    assert not any(Unpacking.held.values()) and not Unpacking.waiting


def test_the_client_reads_through_it() -> None:
    from aiokafka.consumer import fetcher

    assert (fetcher.MemoryRecords, fetcher.PartitionRecords) == (Fetched, Unpacked)


def test_while_gzip_inflates_above_the_bound_no_more_than_the_bound_is_held() -> None:
    packed = gzip.compress(bytes(64_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(unpacking.Unreadable, match="above"):
            unpacking.inflate(1, packed, 1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_headers_are_counted_before_the_first_is_made() -> None:
    assert unpacking._headers(bytearray(b"\xea\x07"), 0, 2) == ((), "501 headers")
