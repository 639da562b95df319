"""What the store promises of single rows and numbers, each by itself: nothing goes back, nothing is guessed."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from services.chassis.fold import Fold
from services.chassis.store import CLAIMS, COUNTERS, SUBJECTS, Claim, Store, StoreAway
from services.chassis.subject import Document, Done
from tests.kit.engine.tiny import START, Tally

pytestmark = pytest.mark.parametrize("driver", ["motor", "pymongo"])


async def test_a_claim_that_is_there_and_cannot_be_read_yet_is_not_taken_for_ones_own(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.claim([Claim("k", "another", "p1")])

    async def unread(_keys: object) -> dict[str, Claim]:
        return {}

    monkeypatch.setattr(store, "_claimed", unread)
    with pytest.raises(StoreAway, match="by a majority"):
        await store.claim([Claim("k", "d", "p2")])


async def test_claims_are_taken_back_only_as_they_were_read(store: Store) -> None:
    await store.claim([Claim("a", "d", "p1"), Claim("b", "d", "p1"), Claim("c", "d", "p1")])
    await store.unclaim([])
    await store.unclaim([Claim("a", "d", "p1"), Claim("b", "other", "p1"), Claim("c", "d", "p2")])
    assert set(await store.claimed("a", "b", "c")) == {"b", "c"}
    assert await store.count(CLAIMS, {}, 9) == 2


async def test_a_number_is_raised_and_never_lowered(store: Store) -> None:
    for said, stands in ((7, 7), (3, 7), (9, 9)):
        await store.raise_to(COUNTERS, "series", {"last": said})
        row = await store.get(COUNTERS, "series")
        assert row is not None and row["last"] == stands
    assert list(await store.draw("series", 2)) == [10, 11]


async def test_it_is_counted_no_further_than_asked(store: Store) -> None:
    await store.put("rows", [{"_id": n} for n in range(9)])
    assert [await store.count("rows", {}, limit) for limit in (4, 9, 100)] == [4, 9, 9]


async def test_of_a_document_of_an_earlier_program_its_last_write_is_its_last_change(store: Store) -> None:
    row = {"_id": "p1", "kind": "pilot", "rev": 5, "version": 3, "state": {"notes": []}, "seen": {}, "due": None}
    await store.put(SUBJECTS, [{**row, "correlation": None, "trace": {}}])
    assert (await store.load(["p1"], lambda _s: Tally))["p1"].moved == 5, "an ETag from before it is stale"


async def test_who_only_looks_draws_no_number(store: Store) -> None:
    assert list(await store.draw("series", 1)) == [1]
    assert list(await store.looked_at().draw("series", 3)) == [1, 2, 3]
    assert list(await store.draw("series", 1)) == [2]


async def test_sums_of_a_window_begin_anew_with_the_next_and_an_earlier_one_adds_nothing(store: Store) -> None:
    told = [
        await store.add_up("sums", "a", window, {"events": n, "bytes": 10}) for window, n in ((5, 3), (5, 4), (6, 1))
    ]
    late = await store.add_up("sums", "a", 5, {"events": 9, "bytes": 10})
    assert [(one["window"], one["events"], one["bytes"]) for one in (*told, late)] == [
        (5, 3, 10),
        (5, 7, 20),
        (6, 1, 10),
        (6, 1, 10),
    ]


async def test_the_oldest_fact_that_waits_is_found_wherever_it_stands(store: Store) -> None:
    assert await store.oldest_unsent() is None
    at = [START + timedelta(minutes=n) for n in range(4)]
    boxes = {"p1": [at[3], at[1]], "p2": [at[2]], "p3": []}
    await store.put(SUBJECTS, [{"_id": one, "outbox": [{"at": when} for when in some]} for one, some in boxes.items()])
    assert await store.oldest_unsent() == at[1]


class Owner(BaseModel):
    """A state that has something for itself; the rest may be what no database takes."""

    alone: str | None = None
    value: Any = None


def first(subject: str, **said: Any) -> Fold:
    """The first write of a subject."""
    after = Document(subject, "pilot", rev=1, version=1, moved=1, state=Owner.model_construct(**said))
    return Fold(Document(subject, "pilot"), after, (), (Done(1, 1),))


async def test_beside_what_no_database_takes_it_is_told_all_the_same_what_another_has_for_itself(store: Store) -> None:
    await store.write([first("p1", alone="a", value=1)])
    told = await store.write(
        [first("bad", alone=None, value="\ud800"), first("p2", alone="a", value=1), first("p3", alone="b", value=1)]
    )
    assert {*told.unfit} == {"bad"} and {*told.overtaken} == {"p2"} and told.lost >= {"p2"}
