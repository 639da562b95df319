"""Agencies and officers over HTTP with the real intake on a real mongod: later events, receipts, clocks, stops."""

from datetime import date

import pytest

from contracts.words import Language, say
from deploy.samples.common import basis
from services.chassis.engine import Engine
from services.chassis.store import Store
from services.intake.domain.evolve import OUTCOMES_KEPT
from services.intake.domain.state import pilot_id
from tests.kit.engine.tiny import Crash, Hooked, crash
from tests.kit.intake.sides import (
    NOWHERE,
    PILOT,
    Ask,
    Make,
    again,
    doc,
    sent,
    state,
    submitted,
    withdrawn,
)

# ---- over HTTP


async def test_over_http_a_later_event_is_201_then_200_and_409_for_other_content(engine: Engine, ask: Ask) -> None:
    assert (await ask("post", "/v1/events", json=submitted())).status_code == 201
    first = await ask("post", "/v1/events", json=withdrawn())
    assert first.status_code == 201, first.text
    body = first.json()
    assert (body["event_id"], body["outcome"], body["status"], body["pilot"]) == (
        "back",
        "withdrawn",
        "withdrawn",
        PILOT,
    )
    assert (body["problems"], body["number"] is not None) == ([], True)
    replay = await ask("post", "/v1/events", json=withdrawn())
    assert (replay.status_code, replay.headers["Idempotent-Replayed"]) == (200, "true")
    assert replay.json() == body
    told = await ask("get", first.headers["Location"])
    assert (first.headers["Location"], told.json()) == ("/v1/receipts/back", body)
    assert (await ask("post", "/v1/events", json=withdrawn(reason="Другое."))).status_code == 409
    original = (await ask("get", "/v1/receipts/demo-1")).json()
    assert (original["event_id"], original["outcome"], original["status"]) == ("demo-1", "registered", "withdrawn")


async def test_over_http_a_refused_later_event_is_422_with_its_own_problems_and_so_is_its_replay(
    engine: Engine, ask: Ask
) -> None:
    await ask("post", "/v1/events", json=submitted())
    first, second = again("n-1", sector="space"), withdrawn("n-2", reason="")
    for _ in range(2):
        for body, found in ((first, {"sector.unknown", "application.not-open"}), (second, {"schema.blank"})):
            answer = await ask("post", "/v1/events", json=body)
            said_ = answer.json()
            assert (answer.status_code, said_["title"], said_["action"]) == (422, "event.refused", "fix")
            assert ({p["rule"] for p in said_["problems"]}, said_["pilot"]) == (found, PILOT)
            told = (await ask("get", f"/v1/receipts/{body['id']}")).json()
            assert (told["outcome"], told["problems"]) == ("refused", said_["problems"])
    kept = [one.severity for one in (await state(engine)).problems]
    assert "block" not in kept, "the pilot itself was not refused"


async def test_over_http_a_foreign_pilot_is_422_and_may_be_tried_again_later_like_any_unknown_one(
    engine: Engine, ask: Ask
) -> None:
    await ask("post", "/v1/events", json=submitted())
    before = await doc(engine)
    answers = [
        (await ask("post", "/v1/events", "publisher@evil", json=withdrawn(id_, subject, "evil"))).json()
        for id_, subject in (("x", PILOT), ("y", NOWHERE))
    ]
    assert [one["pilot"] for one in answers] == [pilot_id("evil", "x"), pilot_id("evil", "y")]
    assert [one["action"] for one in answers] == ["retry", "retry"]
    same = [{k: v for k, v in one.items() if k not in ("pilot", "event_id")} for one in answers]
    assert same[0] == same[1]
    assert await doc(engine) == before
    assert (await ask("get", "/v1/receipts/demo-1", "publisher@evil")).status_code == 404


async def test_a_receipt_that_is_no_longer_kept_is_410_and_one_that_is_not_decided_yet_404(
    engine: Engine, make: Make, store: Store, ask: Ask
) -> None:
    await engine.records([sent(submitted()), sent(withdrawn("w-0"))])
    for start in range(1, OUTCOMES_KEPT + 1, 50):
        await engine.records([sent(withdrawn(f"w-{n}")) for n in range(start, start + 50)])
    gone = await ask("get", "/v1/receipts/w-0")
    assert (gone.status_code, gone.json()["title"]) == (410, "receipt.gone")
    assert (await ask("get", "/v1/receipts/w-1")).json()["outcome"] == "refused"
    hooked = Hooked(store)
    hooked.before["write"] = crash
    with pytest.raises(Crash):
        await make(hooked).records([sent(withdrawn("lost"))])
    lost = await ask("get", "/v1/receipts/lost")
    assert (lost.status_code, lost.json()["title"], lost.json()["action"]) == (404, "receipt.unknown", "retry")


async def test_officers_stop_an_application_and_see_its_clocks_and_its_card(engine: Engine, ask: Ask) -> None:
    await ask("post", "/v1/events", json=submitted())
    where = f"/v1/applications/{PILOT}"
    shown = await ask("get", f"{where}/clock", "auditor")
    assert (shown.status_code, shown.json()["state"], shown.json()["left"]) == (200, "running", 3)
    assert "Рабочих дней: 3" in shown.json()["ru"]
    called = (await ask("get", where, "auditor")).json()
    assert (shown.json()["number"], shown.json()["title"]) == (called["number"], called["application"]["title"])
    none = await ask("get", f"{where}/clock?term=fixing-remarks", "officer")
    assert (none.status_code, none.json()["title"]) == (404, "term.none")
    assert (await ask("get", f"{where}/clock?term=expertise", "officer")).status_code == 422
    assert (await ask("get", f"{where}/clock", "publisher@demo")).json() == shown.json()
    assert (await ask("get", f"{where}/clock", "publisher@evil")).status_code == 404
    document = basis(date(2026, 3, 2), "17", "Минсвязи", "приказ").model_dump(mode="json")
    body = {"reason": "Инициатор ликвидирован.", "basis": document}
    headers = {"If-Match": shown.headers["ETag"], "Idempotency-Key": "k1"}
    assert (await ask("post", f"{where}/stop", "officer", json={"reason": "x"}, headers=headers)).status_code == 422
    assert (await ask("post", f"{where}/stop", "officer", json=body, headers=headers)).status_code == 200
    card = (await ask("get", where, "officer")).json()
    assert (card["status"], card["submission"], card["open_requests"], card["conclusion"]) == ("stopped", 1, [], None)
    ended = (await ask("get", f"{where}/clock", "officer")).json()
    assert ended["state"] == "ended"
    [row] = (await ask("get", "/v1/applications?status=stopped", "officer")).json()["items"]
    assert (row["id"], row["due_at"], row["submission"]) == (PILOT, None, 1)
    late = {**headers, "Idempotency-Key": "k2", "If-Match": f'"{(await doc(engine)).rev}"'}
    refused = await ask("post", f"{where}/stop", "officer", json=body, headers=late)
    assert (refused.status_code, refused.json()["title"]) == (409, "application.not-open")


async def test_a_refusal_over_http_is_said_in_the_language_that_is_asked_for_and_its_problems_in_all(ask: Ask) -> None:
    asked: tuple[tuple[Language, str], ...] = (("be", "message_be"), ("ru", "message_ru"), ("en", "message"))
    for language, name in asked:
        body = submitted(sector="space", title="")
        body["id"] = f"in-{language}"
        answer = await ask("post", "/v1/events", json=body, headers={"Accept-Language": language})
        refused = answer.json()
        assert (answer.status_code, answer.headers["Content-Language"]) == (422, language)
        assert refused["detail"] == say("event.refused", language, {"count": 2})
        assert all(problem[name] for problem in refused["problems"])
