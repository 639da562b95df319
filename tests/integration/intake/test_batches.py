"""Batches of events over HTTP, and events that are only tried, with the real intake on a real mongod."""

import asyncio
import json
from threading import current_thread, main_thread
from typing import Any, Final, cast

import httpx
import pytest
from fastapi import Request

from contracts.topics import AGENCY_MAX_BYTES, agency_topic
from services.chassis.engine import Engine
from services.chassis.shares import Turns
from services.chassis.store import CLAIMS, SUBJECTS, Store, StoreAway
from services.chassis.subject import Record
from services.chassis.turns import LARGE
from services.intake import door
from services.intake.api import publishing
from services.intake.api import verdicts as verdicts_module
from services.intake.domain.state import pilot_id
from services.intake.parsing import BATCH_MAX_BYTES, MOST_EVENTS
from tests.conftest import Eventually
from tests.integration.intake.conftest import app_of
from tests.kit.engine.tiny import Broker, Hooked
from tests.kit.intake.sides import PILOT, Ask, Make, receipts, sent, state, submitted, withdrawn

BATCH: Final = {"Content-Type": "application/cloudevents-batch+json; charset=utf-8"}
EVENTS, VALIDATE = "/v1/events", "/v1/events/validate"


async def posted(ask: Ask, *events: Any, to: str = EVENTS, **more: Any) -> httpx.Response:
    body = json.dumps(events, ensure_ascii=False).encode()
    return cast(httpx.Response, await ask("post", to, content=body, headers=BATCH, **more))


def verdicts(answer: httpx.Response) -> list[tuple[str, int]]:
    assert answer.status_code == 207, answer.text
    items = answer.json()["items"]
    assert [one["index"] for one in items] == list(range(len(items)))
    return [(one["verdict"], one["status"]) for one in items]


def blocking(problems: list[dict[str, str]]) -> list[str]:
    return [one["rule"] for one in problems if one["severity"] == "block"]


async def test_each_event_of_a_batch_has_a_verdict_of_its_own_and_good_ones_are_not_held_up(ask: Ask) -> None:
    await ask("post", EVENTS, json=submitted(1))
    batch = [
        submitted(1),
        submitted(1, title="Другая заявка"),
        submitted(2),
        submitted(3, sector="space"),
        "no event",
        {**submitted(4), "type": "pilots.agency.application-submitted.v9"},
        {**submitted(5), "id": None},
        submitted(6),
    ]
    answer = await posted(ask, *batch)
    assert verdicts(answer) == [
        ("duplicate", 200),
        ("conflict", 409),
        ("accepted", 201),
        ("refused", 422),
        ("refused", 422),
        ("refused", 422),
        ("refused", 422),
        ("accepted", 201),
    ]
    items = answer.json()["items"]
    assert answer.json()["counts"] == {"accepted": 2, "duplicate": 1, "conflict": 1, "refused": 4, "unavailable": 0}
    assert [one["event_id"] for one in items[:4]] == ["demo-1", "demo-1", "demo-2", "demo-3"]
    assert [one["problem"] and one["problem"]["title"] for one in items[:4]] == [None, "id.reused", None, None]
    assert blocking(items[3]["receipt"]["problems"]) == ["sector.unknown"]
    assert (items[3]["action"], items[5]["action"], items[5]["problem"]["title"]) == (
        "fix",
        "retry",
        "event.newer-version",
    )
    assert blocking(items[4]["receipt"]["problems"]) == ["json.not-an-object"]
    for one in (items[0], items[2], items[3]):
        assert (await ask("get", f"/v1/receipts/{one['event_id']}")).json() == one["receipt"]
    assert items[2]["receipt"]["number"] != items[7]["receipt"]["number"]


async def test_of_many_problems_each_event_of_a_batch_is_told_as_many_and_its_receipt_has_them_all(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdicts_module, "PROBLEMS_TOLD", 20)
    rows = submitted(1)
    rows["data"]["costs"] = [{}] * 20
    for path in (VALIDATE, EVENTS):
        answer = await posted(ask, rows, {**rows, "id": "demo-2"}, submitted(3), "no event", to=path)
        first, second, good, none = answer.json()["items"]
        for one in (first, second):
            assert len(one["receipt"]["problems"]) == 5, "a quarter of all that are told"
            assert {told["severity"] for told in one["receipt"]["problems"]} == {"block"}
            assert one["more_problems"] > 30
        assert good["more_problems"] == none["more_problems"] == 0
    whole = (await ask("get", f"/v1/receipts/{first['event_id']}")).json()["problems"]
    assert len(whole) == 5 + first["more_problems"]
    alone = await ask("post", EVENTS, json=rows)
    assert len(alone.json()["problems"]) == len(whole), "alone it is told all"


async def test_a_batch_that_comes_again_is_answered_as_before_and_changes_nothing(
    engine: Engine, ask: Ask, broker: Broker, store: Store
) -> None:
    batch = [submitted(1), submitted(2, sector="space"), "x"]
    first = (await posted(ask, *batch)).json()["items"]
    again = await posted(ask, *batch)
    assert verdicts(again) == [("duplicate", 200), ("refused", 422), ("refused", 422)]
    assert [one["receipt"] for one in again.json()["items"]] == [one["receipt"] for one in first]
    await engine.outbox.flush()
    assert [outcome for _, outcome in receipts(broker)] == ["registered", "refused", "refused"]


async def test_what_belongs_together_in_a_batch_is_done_in_its_order_and_one_id_twice_is_one_event(
    engine: Engine, ask: Ask, broker: Broker
) -> None:
    other = pilot_id("demo", "demo-2")
    answer = await posted(
        ask,
        submitted(1),
        withdrawn("w-1", PILOT),
        submitted(1),
        withdrawn("w-2", other),
        submitted(2),
        submitted(1, title="Х"),
    )
    assert verdicts(answer) == [
        ("accepted", 201),
        ("accepted", 201),
        ("duplicate", 200),
        ("refused", 422),  # it comes before the application that it is about
        ("accepted", 201),
        ("conflict", 409),
    ]
    first, taken_back = (answer.json()["items"][place]["receipt"] for place in (0, 1))
    assert (first["status"], taken_back["status"], taken_back["outcome"]) == ("registered", "withdrawn", "withdrawn")
    assert (await state(engine)).status == "withdrawn"
    await engine.outbox.flush()
    assert receipts(broker).count(("demo-1", "registered")) == 1


async def test_nothing_is_2xx_that_is_not_durable_and_a_batch_that_was_not_saved_is_503_and_comes_again(
    engine: Engine, make: Make, store: Store, ask: Ask
) -> None:
    hooked = Hooked(store)
    hooked.before["write"] = _away
    app = app_of(make(hooked))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        headers = {**BATCH, "Authorization": "Bearer publisher@demo"}
        answer = await client.post(EVENTS, content=json.dumps([submitted(1), submitted(2)]), headers=headers)
    assert (answer.status_code, answer.json()["action"], answer.headers["Retry-After"]) == (503, "retry", "2")
    assert await store.rows(SUBJECTS, {"kind": "pilot"}, sort=[("_id", 1)], limit=9) == []
    assert verdicts(await posted(ask, submitted(1), submitted(2))) == [("accepted", 201)] * 2


async def _away(*_: Any) -> None:
    raise StoreAway("no primary")


async def test_one_that_nobody_foresaw_does_not_hold_up_the_others_of_its_batch(
    engine: Engine, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = engine.commands_and_documents

    async def upset(inputs: Any) -> Any:
        if any(one.cause_id == "demo-2" for one in inputs):
            raise RuntimeError("nobody foresaw this")
        return await decide(inputs)

    monkeypatch.setattr(engine, "commands_and_documents", upset)
    answer = await posted(ask, submitted(1), submitted(2), submitted(3))
    assert verdicts(answer) == [("accepted", 201), ("unavailable", 500), ("accepted", 201)]


@pytest.mark.parametrize("to", [EVENTS, VALIDATE])
@pytest.mark.parametrize(
    ("body", "status", "rule"),
    [
        (b"", 400, "batch.invalid"),
        (b'[{"id": 1}, {]', 400, "batch.invalid"),
        (b"{}", 400, "batch.invalid"),
        (b"[\xff]", 400, "batch.invalid"),
        (b"[" + b"{}," * MOST_EVENTS + b"{}]", 413, "batch.too-many"),
        (b" " * (BATCH_MAX_BYTES + 1), 413, "request.too-large"),
    ],
)
async def test_what_is_no_batch_is_refused_as_a_whole(
    ask: Ask, store: Store, body: bytes, status: int, rule: str, to: str
) -> None:
    answer = await ask("post", to, content=body, headers=BATCH)
    assert (answer.status_code, answer.json()["title"]) == (status, rule), answer.text
    if status == 400:
        assert [one["rule"] for one in answer.json()["problems"]] in (["json.invalid"], ["batch.not-a-list"])
    assert await store.rows(CLAIMS, {"_id": {"$regex": "^agency"}}, sort=[("_id", 1)], limit=9) == []


async def test_an_empty_batch_is_a_batch_and_one_of_five_megabytes_too(ask: Ask) -> None:
    assert verdicts(await posted(ask)) == []
    large = {**submitted(1), "data": {"title": "x" * AGENCY_MAX_BYTES}}
    many = [submitted(number, problem="Очень долго. " * 100) for number in range(2, 500)]
    answer = await posted(ask, large, *many)
    assert verdicts(answer) == [("refused", 422), *[("accepted", 201)] * 498]
    assert blocking(answer.json()["items"][0]["receipt"]["problems"]) == ["event.too-large"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/cloudevents+json", 201),
        ("application/cloudevents+json; charset=UTF-8", 201),
        ("application/json", 201),
        ("application/vnd.api+json", 201),
        ("", 201),
        ("application/cloudevents+avro", 415),
        ("application/cloudevents-batch+xml", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
    ],
)
async def test_what_kind_of_content_is_taken(ask: Ask, kind: str, status: int) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = await ask("post", EVENTS, content=json.dumps(submitted(1)).encode(), headers=headers)
    assert answer.status_code == status, answer.text
    if status == 415:
        assert "application/cloudevents-batch+json" in answer.json()["detail"] and "Accept" in answer.headers


async def test_a_batch_is_taken_by_its_content_type_alone_and_never_for_its_first_event(ask: Ask) -> None:
    answer = await ask("post", EVENTS, json=[submitted(1)])
    assert (answer.status_code, blocking(answer.json()["problems"])) == (422, ["json.not-an-object"])


async def test_batches_of_several_agencies_wait_for_their_turn_unread_and_each_agency_has_its_own(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    begun, bytes_taken, go_on = list[str](), list[int](), asyncio.Event()
    read, take = publishing._read, Turns.take

    async def held(request: Request, taking: publishing.Taking) -> Any:
        found = await read(request, taking)
        begun.append(request.headers["agency"])
        await go_on.wait()
        return found

    async def noted(self: Turns, who: str, weight: int = 1) -> int:
        if self._name == "bytes":
            bytes_taken.append(weight)
        return await take(self, who, weight)

    monkeypatch.setattr(publishing, "_read", held)
    monkeypatch.setattr(Turns, "take", noted)

    def send(agency: str, number: int) -> asyncio.Task[httpx.Response]:
        body = json.dumps([submitted(number, agency)], ensure_ascii=False).encode()
        more = {"token": f"publisher@{agency}", "headers": {**BATCH, "agency": agency}}
        return asyncio.create_task(ask("post", EVENTS, content=body, **more))

    some = [send("demo", number) for number in range(5)]
    await eventually(lambda: begun == ["demo"], within=30)
    some += [send("evil", number) for number in range(2)]
    too_many = await send("demo", 9)
    assert (too_many.status_code, too_many.headers["Retry-After"]) == (429, "1"), "one in hand, four that wait"
    assert (begun, len(bytes_taken)) == (["demo"], 1), "of what waits nothing is read"
    go_on.set()
    assert [verdicts(one) for one in await asyncio.gather(*some)] == [[("accepted", 201)]] * 7
    assert begun[:4] == ["demo", "evil", "demo", "evil"], "in turn, whoever sent more"
    assert len(bytes_taken) == 7


# ---- tried


async def stored(store: Store) -> list[Any]:
    names = await store.collections()
    return [await store.rows(name, {}, sort=[("_id", 1)], limit=1000) for name in names]


async def test_what_is_tried_is_answered_as_if_it_were_published_and_nothing_is_done(
    engine: Engine, ask: Ask, store: Store, broker: Broker
) -> None:
    await ask("post", EVENTS, json=submitted(1))
    await engine.outbox.flush()
    before, told = await stored(store), [*receipts(broker)]
    tried = [
        submitted(1),
        submitted(1, title="Другая"),
        submitted(2),
        submitted(3, sector="space"),
        withdrawn("w-1", PILOT),
        withdrawn("w-2", "nowhere"),
        {**submitted(4), "type": "pilots.agency.application-submitted.v9"},
    ]
    alone = [await ask("post", VALIDATE, json=one) for one in tried]
    together = await posted(ask, *tried, to=VALIDATE)
    await engine.outbox.flush()
    assert (await stored(store), receipts(broker)) == (before, told)
    expected = [
        ("duplicate", 200),
        ("conflict", 409),
        ("accepted", 201),
        ("refused", 422),
        ("accepted", 201),
        ("refused", 422),
        ("refused", 422),
    ]
    assert verdicts(together) == expected
    assert [one.status_code for one in alone] == [200 if status == 201 else status for _, status in expected]
    assert all(one.json()["links"] == {"similar": "/v1/similar"} for one in [*alone, together])
    assert all("Location" not in one.headers for one in alone)
    published = [await ask("post", EVENTS, json=one) for one in tried]
    for would_be, came in zip(alone, published, strict=True):
        said = {**would_be.json(), "links": None}
        if came.status_code == 201 and came.json()["event_id"] == "demo-2":
            assert said["number"] is None, "no number is drawn for what is only tried"
            said["number"] = came.json()["number"]
        assert said == {**came.json(), "links": None}


async def test_who_only_tries_is_let_in_like_who_publishes(ask: Ask) -> None:
    assert (await ask("post", VALIDATE, "publisher@nobody", json=submitted(1))).status_code == 403
    assert (await ask("post", VALIDATE, "officer@demo", json=submitted(1))).status_code == 403
    foreign = await ask("post", VALIDATE, "publisher@evil", json=submitted(1))
    assert blocking(foreign.json()["problems"]) == ["source.not-yours"]


async def test_what_is_tried_is_hidden_like_what_is_published(engine: Engine, ask: Ask) -> None:
    await engine.records([sent(submitted(1))])
    assert (await ask("post", VALIDATE, json=submitted(1))).status_code == 200


async def test_what_is_large_is_read_beside_the_loop_by_either_door(
    ask: Ask, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = dict[str, bool]()

    def noted(name: str, real: Any) -> Any:
        def reads(*given: Any) -> Any:
            beside[name] = current_thread() is not main_thread()
            return real(*given)

        return reads

    for module, name in ((publishing, "batch"), (publishing, "parsed"), (publishing, "together"), (door, "parsed")):
        monkeypatch.setattr(module, name, noted(f"{module.__name__}.{name}", getattr(module, name)))
    large = submitted(1, problem="д" * LARGE)
    assert verdicts(await posted(ask, large, submitted(2)))[1] == ("accepted", 201)
    assert (await ask("post", EVENTS, json=large)).status_code in (200, 422)
    value = json.dumps({**large, "id": "k-1"}, ensure_ascii=False).encode()
    await engine.records([Record(agency_topic("demo").name, 0, 0, None, value, ())])
    assert beside == {
        f"{publishing.__name__}.batch": True,
        f"{publishing.__name__}.parsed": True,
        f"{publishing.__name__}.together": True,
        f"{door.__name__}.parsed": True,
    }
    await ask("post", EVENTS, json=submitted(3))
    assert beside[f"{publishing.__name__}.parsed"] is False, "what is small is read at once"
