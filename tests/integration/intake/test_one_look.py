"""An event that is published over HTTP has its pilot loaded once: the decision's own document is the receipt."""

from typing import Any

import httpx
import pytest

from services.chassis import directory
from services.chassis import store as store_module
from services.chassis.engine import Engine
from services.chassis.store import CLAIMS, Store, opened
from tests.integration.intake.conftest import app_of
from tests.kit.engine.tiny import Commands
from tests.kit.intake.sides import NOWHERE, Ask, Make, submitted, withdrawn

DIRECTORY, PILOT_ITSELF, NAMED, OWN_NUMBER = 1, 1, 1, 1
"""Whether the agency may publish, the pilot with what its entry says for the decision, which pilot an event names, and
whether another application has its own number."""


@pytest.mark.parametrize(
    ("body", "looks"),
    [
        (submitted(2), DIRECTORY + PILOT_ITSELF + OWN_NUMBER),
        (submitted(3, sector="space"), DIRECTORY + PILOT_ITSELF + OWN_NUMBER),
        (withdrawn(), DIRECTORY + NAMED + PILOT_ITSELF),
    ],
    ids=["registered", "refused", "a later event"],
)
async def test_publishing_looks_at_the_pilot_once(
    engine: Engine,
    ask: Ask,
    make: Make,
    store: Store,
    mongo_url: str,
    monkeypatch: pytest.MonkeyPatch,
    body: dict[str, Any],
    looks: int,
) -> None:
    await ask("post", "/v1/events", json=submitted())
    commands = Commands()
    for name in ("FRESH", "ANEW"):  # how often it is read is shown elsewhere, and a busy machine takes longer
        monkeypatch.setattr(directory, name, 3600.0)
    monkeypatch.setitem(store_module.OPTIONS, "event_listeners", [commands])
    async with opened(mongo_url, store._db.name) as watched:
        app = app_of(make(watched))
        for again in (False, True):
            commands.seen.clear()
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
                answer = await client.post("/v1/events", json=body, headers={"Authorization": "Bearer publisher@demo"})
            assert ("Idempotent-Replayed" in answer.headers) == again, answer.text
            known = DIRECTORY if again else 0  # who was found in the directory is not looked for again
            assert commands.seen.count(("find", "subjects")) == looks - known
            assert commands.seen.count(("find", CLAIMS)) == again, "only a claim that was there is read"
            told, body_ = (await ask("get", answer.headers["Location"])).json(), answer.json()
            assert [told[name] for name in ("pilot", "outcome", "problems")] == [
                body_[name] for name in ("pilot", "outcome", "problems")
            ]


async def test_an_officers_word_on_what_is_not_there_leaves_no_claim(engine: Engine, ask: Ask, store: Store) -> None:
    headers = {"If-Match": '"1"', "Idempotency-Key": "k"}
    before = await store.rows(CLAIMS, {}, sort=[("_id", 1)], limit=100)
    answer = await ask("post", f"/v1/applications/{NOWHERE}/acceptance", "officer", headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (404, "not-found")
    assert await store.rows(CLAIMS, {}, sort=[("_id", 1)], limit=100) == before
