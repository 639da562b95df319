"""A batch of which only a part could be saved: sent again it ends, with one verdict for each event, whatever was lost
on the way, with the real intake on a real mongod."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest

from services.chassis.engine import Engine
from services.chassis.store import Store, StoreAway
from services.intake.api.publishing import PIECE
from tests.integration.intake.conftest import app_of
from tests.kit.engine.tiny import Broker, Hooked
from tests.kit.intake.sides import Make, receipts, sent, submitted, withdrawn

HEADERS: Final = {
    "Content-Type": "application/cloudevents-batch+json",
    "Authorization": "Bearer publisher@demo",
}
FINAL: Final = {"accepted", "duplicate", "conflict", "refused"}
"""What is no reason to send an event again."""


def batch() -> list[dict[str, Any]]:
    """Good ones, faulty ones, one id for two things, one twice, and a later event: more than are decided on at once."""
    good = [submitted(n) for n in range(1, 2 * PIECE + 20)]
    faulty = [submitted(n, sector="space") for n in range(500, 510)]
    return [*good[:90], *faulty, *good[90:], submitted(7), submitted(8, title="Другая"), withdrawn("w-1")]


async def sent_until_final(client: httpx.AsyncClient, events: list[dict[str, Any]]) -> tuple[int, list[list[str]]]:
    """What a client does that keeps to what it is told: how often it sent, and the verdicts of each event."""
    heard = [list[str]() for _ in events]
    left = [*range(len(events))]
    for times in range(1, 6):
        answer = await client.post("/v1/events", content=json.dumps([events[n] for n in left]), headers=HEADERS)
        if answer.status_code == 503:
            assert answer.headers["Retry-After"]
            continue
        assert answer.status_code == 207, answer.text
        items = answer.json()["items"]
        assert [one["index"] for one in items] == [*range(len(left))], "one verdict for each"
        for place, one in zip(left, items, strict=True):
            heard[place].append(one["verdict"])
            assert (one["action"] == "retry") == (one["verdict"] == "unavailable"), one
        left = [place for place in left if heard[place][-1] not in FINAL]
        if not left:
            return times, heard
    raise AssertionError("the batch does not end")


def away_at(hooked: Hooked, when: str, write: int) -> None:
    """MongoDB goes away before or after this write, once: what was written is not known then."""
    hooks, done = (hooked.before if when == "before" else hooked.after), 0

    async def once() -> None:
        nonlocal done
        done += 1
        if done == write:
            raise StoreAway("no primary")
        hooks["write"] = once

    hooks["write"] = once


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3])
async def test_a_batch_that_is_sent_again_after_a_partial_answer_ends(
    engine: Engine, make: Make, store: Store, broker: Broker, when: str, write: int
) -> None:
    hooked, events = Hooked(store), batch()
    away_at(hooked, when, write)
    app = app_of(made := make(hooked))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service", timeout=60) as client:
        times, heard = await sent_until_final(client, events)
        again = await client.post("/v1/events", content=json.dumps(events), headers=HEADERS)
    assert times == 2
    assert all(said[:-1] == ["unavailable"] * (len(said) - 1) for said in heard), "what is final stays so"
    good = {one["id"] for one in events if one["id"].startswith("demo-") and int(one["id"][5:]) < 500}
    last = Counter(said[-1] for said in heard)
    assert (last["refused"], last["conflict"]) == (10, 1)
    assert last["accepted"] + last["duplicate"] == len(events) - 11
    said = [one["verdict"] for one in again.json()["items"]]
    assert Counter(said) == {"duplicate": len(events) - 11, "refused": 10, "conflict": 1}
    await made.outbox.flush()
    told = Counter(receipts(broker))
    assert {id_ for id_, outcome in told if outcome == "registered"} == good
    assert len({key for key in told if key[1] == "refused"}) == 10 and told["w-1", "withdrawn"] >= 1
    kept = [one["receipt"] for one in again.json()["items"] if one["verdict"] == "duplicate"]
    assert len({one["number"] for one in kept}) == len(good), "each has one number"


@pytest.mark.parametrize("first", [0, 57])
async def test_a_batch_of_which_kafka_brought_a_part_already_has_each_event_once(
    engine: Engine, ask: Callable[..., Any], broker: Broker, first: int
) -> None:
    events = [submitted(n) for n in range(1, 80)]
    await engine.records([sent(one) for one in events[first:]])
    for _ in range(2):
        answer = await ask("post", "/v1/events", content=json.dumps(events), headers=HEADERS)
        items = answer.json()["items"]
    assert Counter(one["verdict"] for one in items) == {"duplicate": len(events)}
    await engine.outbox.flush()
    assert Counter(outcome for _, outcome in receipts(broker)) == {"registered": len(events)}
