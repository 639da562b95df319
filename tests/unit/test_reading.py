"""What a service reads of its own facts, and what becomes of it where something fails: by planted faults. Pure."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from contracts.event import Event
from services.chassis.reading import Reader
from services.chassis.service import Told
from services.chassis.store import Store, StoreAway
from services.chassis.subject import Sequenced
from tests.kit.engine.tiny import LANGUAGE, Clock, Note, Topic, tiny_service


def reader(fails: Callable[[Sequence[Event]], Exception | None]) -> Reader:
    """The reader of a service whose facts each ask something of another subject, unless that fails."""

    async def asks(_store: Store, events: Sequence[Event]) -> Sequence[Told]:
        if (error := fails(events)) is not None:
            raise error
        return [[("other", Note((event.subject,)))] for event in events]

    return Reader(tiny_service(own=LANGUAGE, process_manager=asks), cast(Any, None), Clock())


def facts(*subjects: str) -> list[Any]:
    topic = Topic("tiny")
    return [topic.record(subject, 1, "a") for subject in subjects]


async def test_a_database_that_is_away_breaks_no_record() -> None:
    with pytest.raises(StoreAway):
        await reader(lambda _events: StoreAway("away")).inputs(facts("p1"))
    with pytest.raises(StoreAway):
        await reader(lambda events: StoreAway("away") if len(events) == 1 else LookupError()).inputs(facts("p1", "p2"))


async def test_what_nobody_foresaw_in_one_fact_breaks_that_one_alone_and_reading_alone_tells_nobody_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    some = facts("p1", "p2", "p3")
    one = reader(lambda events: LookupError() if any(event.subject == "p2" for event in events) else None)
    inputs, parked = await one.inputs(some)
    assert [(asked.subject, asked.command) for asked in inputs] == [("other", Note(("p1",))), ("other", Note(("p3",)))]
    assert [broken.record for broken in parked] == [some[1]] and not caplog.records, "a dry run reads, too"


async def test_a_fact_of_a_type_that_only_a_newer_program_knows_waits_for_what_its_writer_had_seen_like_any_other() -> (
    None
):
    passing = Topic("left").record("p1", 3, "?", type_="pilots.tiny.never-heard-of.v1", after={"right": 2})
    [one], parked = await reader(lambda _events: None).inputs([passing])
    assert (one.mark, one.command, parked) == (Sequenced("left", 3, {"right": 2}), None, [])
