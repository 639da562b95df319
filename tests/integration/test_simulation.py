"""A randomized simulation of three services on the real engine and the real mongod, with topics as logs in memory.

One task runs at a time, from one call of store or broker to the next; which one goes on, what fails, who dies and
who reads what is drawn from the seed, so a seed that finds something finds it again. LOTSMAN_SIMULATION_SEEDS runs
more of them, LOTSMAN_SIMULATION_FIRST begins elsewhere.
"""

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from pymongo import UpdateOne

from services.chassis import engine as engine_module
from services.chassis import fold as fold_module
from services.chassis import parking, withheld
from services.chassis import store as store_module
from services.chassis.engine import Engine
from services.chassis.fold import state_json
from services.chassis.outbox import Outbox, SendFailed
from services.chassis.store import Driver, Store, open_client
from services.chassis.subject import (
    Duplicate,
    Input,
    Outcome,
    Sequenced,
    Timed,
    Waiting,
)
from services.chassis.withheld import Withheld
from tests.kit.engine import simulation
from tests.kit.engine.simulation import FIRST, PLANTED_SEEDS, READS, SEEDS, Violation, World, kind_of, words_of

HAPPENED: Counter[str] = Counter()
"""What happened in all the worlds that held."""

# ---- running it


@pytest.fixture
async def stores(mongo_url: str, driver: Driver) -> AsyncIterator[Mapping[str, Store]]:
    """Three databases, emptied before each seed."""
    client = open_client(mongo_url, driver)
    mark = uuid4().hex[:8]
    made = {name: Store(client, f"simulated_{mark}_{name}") for name in READS}
    for store in made.values():
        await store.prepare({})
    yield made
    for name in READS:
        await client.drop_database(f"simulated_{mark}_{name}")
    await made["alpha"].close()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loser of the guard tries again at once: time passes by turns here."""
    monkeypatch.setattr(random, "uniform", lambda _low, _high: 0.0)


async def violation(seed: int, stores: Mapping[str, Store], **settings: Any) -> str | None:
    """What one seed finds wrong, if anything."""
    for store in stores.values():
        for collection in (
            "subjects",
            "claims",
            "parked",
            "counters",
            simulation.NOTES,
            withheld.COLLECTION,
            withheld.TROUBLES,
        ):
            await store._db[collection].delete_many({})
    world = World(seed, stores, **settings)
    try:
        await world.run()
    except Violation as found:
        return f"seed {seed}: {found}"
    assert world.happened["died"] and world.happened["rebalanced"] and world.happened["given back"], "nothing happened"
    assert world.happened["recalled"], "no row was read"
    HAPPENED.update(world.happened)
    return None


async def test_no_seed_finds_a_violation(stores: Mapping[str, Store]) -> None:
    HAPPENED.clear()
    for seed in range(FIRST, FIRST + SEEDS):
        assert await violation(seed, stores) is None
    assert HAPPENED["withheld"], "the topic of receipts took everything"


# ---- planted faults: the simulation must find each of them


async def must_find(stores: Mapping[str, Store], near: int = 1, **settings: Any) -> None:
    """Runs seeds until one finds a violation, beginning with one that is known to find it: any of them will do."""
    for seed in [*range(near, PLANTED_SEEDS + 1), *range(1, near)]:
        if found := await violation(seed, stores, **settings):
            print(found)
            return
    pytest.fail(f"{PLANTED_SEEDS} seeds did not find the planted fault")


def guarded_by(name: str | None) -> Callable[[Any], UpdateOne]:
    """The engine's write with another guard, or none."""

    def write(fold: Any, _sharing: bool = False) -> UpdateOne:
        doc = fold.after
        values = {
            "kind": doc.kind,
            "rev": doc.rev,
            "version": doc.version,
            "moved": doc.moved,
            "seen": dict(doc.seen),
            "due": doc.due,
            "correlation": doc.correlation,
            "trace": dict(doc.trace),
            "ids": {k: {"digest": known.digest, "version": known.version} for k, known in doc.ids.items()},
        }
        if doc.state is not None:
            values["state"] = state_json(doc.state)
        outbox = {"$each": [store_module._row(entry) for entry in fold.entries]}
        guard = {} if name is None else {name: getattr(fold.before, name)}
        return UpdateOne({"_id": doc.subject, **guard}, {"$set": values, "$push": {"outbox": outbox}}, upsert=True)

    return write


async def test_the_same_write_with_the_right_guard_is_no_fault(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_guarded", guarded_by("rev"))
    for seed in (1, 2):
        assert await violation(seed, stores) is None


async def test_finds_that_nothing_guards_a_write(stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_guarded", guarded_by(None))
    await must_find(stores)


@pytest.mark.soak
async def test_finds_that_the_version_is_no_guard(stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    def seldom_says(name: str, word: str) -> tuple[str, ...]:
        return real(name, word) if name != "gamma" or kind_of(word) < 8 else ()

    real = words_of
    monkeypatch.setattr(simulation, "words_of", seldom_says)
    assert await violation(1, stores) is None
    monkeypatch.setattr(store_module, "_guarded", guarded_by("version"))
    await must_find(stores, near=35)


Early = Outcome | None


def judged_otherwise(monkeypatch: pytest.MonkeyPatch, otherwise: Callable[[Input, Early], Early]) -> None:
    """Has the fold take another view of what was seen and what must wait."""
    real = fold_module._already_or_not_yet
    monkeypatch.setattr(
        fold_module, "_already_or_not_yet", lambda doc, one, writer: otherwise(one, real(doc, one, writer))
    )


async def test_finds_that_the_watermark_drops_nothing(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    def otherwise(one: Input, early: Early) -> Early:
        return None if isinstance(early, Duplicate) and isinstance(one.mark, Sequenced) else early

    judged_otherwise(monkeypatch, otherwise)
    await must_find(stores)


async def test_finds_that_a_gap_is_not_waited_for(stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    def otherwise(_one: Input, early: Early) -> Early:
        return None if isinstance(early, Waiting) and early.cause.startswith("gap") else early

    judged_otherwise(monkeypatch, otherwise)
    await must_find(stores)


async def test_finds_that_causal_order_between_sources_is_ignored(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    def otherwise(_one: Input, early: Early) -> Early:
        return None if isinstance(early, Waiting) and early.cause.startswith("after") else early

    judged_otherwise(monkeypatch, otherwise)
    await must_find(stores)


async def test_finds_that_a_document_forgets_its_claims(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold_module, "_with_claim", lambda ids, _mark, _version: ids)
    await must_find(stores)


async def test_finds_that_a_broken_record_is_taken_for_done(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = engine_module._to_park
    monkeypatch.setattr(engine_module, "_to_park", lambda run: [p for p in real(run) if p.status != parking.BROKEN])
    await must_find(stores, near=3)


async def test_finds_that_waiting_records_are_not_parked(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = engine_module._to_park
    monkeypatch.setattr(engine_module, "_to_park", lambda run: [p for p in real(run) if p.status != parking.WAITING])
    await must_find(stores)


async def test_finds_that_an_offset_is_committed_before_the_write(stores: Mapping[str, Store]) -> None:
    await must_find(stores, commit_first=True)


async def test_finds_that_an_offset_is_committed_although_a_send_failed(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Outbox.deliver

    async def deliver(self: Outbox, outboxes: Any) -> None:
        with suppress(SendFailed):
            await real(self, outboxes)

    monkeypatch.setattr(Outbox, "deliver", deliver)
    await must_find(stores)


async def test_finds_that_a_dropped_duplicate_does_not_send_what_is_stored(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Engine._attempt

    async def attempt(self: Engine, run: Any, pending: Any, *given: Any) -> Any:
        again = await real(self, run, pending, *given)
        for subject in pending:
            if all(isinstance(run.outcomes[place], Duplicate) for place in pending[subject]):
                run.documents.pop(subject, None)
        return again

    monkeypatch.setattr(Engine, "_attempt", attempt)
    await must_find(stores)


async def test_finds_that_an_outbox_is_cleared_before_it_is_sent(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Outbox.deliver

    async def deliver(self: Outbox, outboxes: Any) -> None:
        await self._store.clear({s: entries[-1].sequence for s, entries in outboxes.items() if entries})
        await real(self, outboxes)

    monkeypatch.setattr(Outbox, "deliver", deliver)
    await must_find(stores)


async def test_finds_that_clearing_takes_more_than_what_was_acknowledged(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def clear(self: Store, sent: Mapping[str, int]) -> None:
        for subject in sent:
            await self._subjects.update_one({"_id": subject}, {"$set": {"outbox": []}})

    monkeypatch.setattr(Store, "clear", clear)
    await must_find(stores)


async def test_finds_that_an_outbox_is_sent_from_its_end(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Outbox._send_from_heads

    async def send(self: Outbox, waiting: dict[str, list[Any]], events: Any) -> Any:
        return await real(self, {s: list(reversed(entries)) for s, entries in waiting.items()}, events)

    monkeypatch.setattr(Outbox, "_send_from_heads", send)
    await must_find(stores)


async def test_finds_that_an_outbox_is_cleared_before_the_rows_of_its_facts_are_written(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, real = Outbox._fold_into_side_collections, Outbox.deliver

    async def later(_self: Outbox, _events: Any) -> None:
        pass

    async def deliver(self: Outbox, outboxes: Any) -> None:
        await real(self, outboxes)
        await write(self, [self._event(entry) for entries in outboxes.values() for entry in entries])

    monkeypatch.setattr(Outbox, "_fold_into_side_collections", later)
    monkeypatch.setattr(Outbox, "deliver", deliver)
    await must_find(stores)


async def test_finds_that_what_waits_in_the_outbox_is_not_among_the_rows_that_are_read(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = simulation.rows_told
    monkeypatch.setattr(simulation, "rows_told", lambda store, document: real(store, replace(document, outbox=())))
    await must_find(stores)


async def test_finds_that_rows_are_read_of_facts_that_came_after_the_document(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = simulation.rows_told
    monkeypatch.setattr(
        simulation, "rows_told", lambda store, document: real(store, replace(document, version=document.version + 9))
    )
    await must_find(stores, near=3)


async def test_finds_that_the_bus_goes_on_behind_a_fact_that_was_lost(stores: Mapping[str, Store]) -> None:
    await must_find(stores, careless=True)


async def test_finds_that_a_fact_is_taken_for_sent_behind_one_that_was_lost(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Outbox._send_from_heads

    async def send(self: Outbox, waiting: dict[str, list[Any]], events: Any) -> Any:
        sent, failure = await real(self, waiting, events)
        return {s: entries[-1].sequence for s, entries in waiting.items()}, failure

    monkeypatch.setattr(Outbox, "_send_from_heads", send)
    await must_find(stores)


async def test_finds_that_only_new_facts_are_sent_and_not_the_outbox_from_its_head(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Outbox.deliver

    async def deliver(self: Outbox, outboxes: Any) -> None:
        await real(self, {s: entries[-1:] for s, entries in outboxes.items()})

    monkeypatch.setattr(Outbox, "deliver", deliver)
    await must_find(stores)


async def test_finds_that_a_timer_fires_without_looking_at_its_due_time_again(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    def otherwise(one: Input, early: Early) -> Early:
        return None if isinstance(early, Duplicate) and isinstance(one.mark, Timed) else early

    judged_otherwise(monkeypatch, otherwise)
    await must_find(stores, near=50)


async def test_finds_that_a_receipt_overtakes_one_that_is_withheld(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_self: Withheld, _parts: Any) -> set[int]:
        return set()

    monkeypatch.setattr(Withheld, "behind", nothing)
    await must_find(stores, near=2)


async def test_finds_that_a_fact_is_cleared_before_its_receipt_is_withheld(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, add = Outbox.deliver, Withheld.add
    left = list[Any]()

    async def later(_self: Withheld, some: Any) -> None:
        left.extend(some)

    async def deliver(self: Outbox, outboxes: Any) -> None:
        await real(self, outboxes)
        some, left[:] = list(left), []
        await add(self._withheld, some)

    monkeypatch.setattr(Withheld, "add", later)
    monkeypatch.setattr(Outbox, "deliver", deliver)
    await must_find(stores, near=2)


async def test_finds_that_what_is_withheld_goes_before_it_was_taken(
    stores: Mapping[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withheld, "_gone", lambda pairs: [row["_id"] for row, _ in pairs])
    await must_find(stores)
