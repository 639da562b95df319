"""The directory of experts over HTTP, notices, and personal data: shown to whom it may be, erased for good."""

import io

from pypdf import PdfReader

from contracts.expertise import PersonErasedV1
from contracts.topics import fact_topic
from services.chassis.store import PERSONS
from tests.kit.expertise.cases import ADMIN, AUDITOR, ELSEWHERE, MANY, SECRET, Build, common, ids, with_secret
from tests.kit.expertise.world import (
    AP,
    OP,
    WHY,
    World,
    entry_of,
    expert,
)
from tests.kit.people import Person

# ---- the directory


async def test_the_directory_is_filtered_and_paged(world: World) -> None:
    await world.enter("expert-t", competences=["transport"], organisation=ELSEWHERE)
    await world.enter("expert-x", active=False)
    assert ids(await world.get("/experts")) == [f"expert-{name}" for name in "abctx"]
    assert ids(await world.get("/experts?sector=transport")) == ["expert-t"]
    assert ids(await world.get("/experts?active=false")) == ["expert-x"]
    assert ids(await world.get("/experts?organisation=BY-UNP:790000029", AUDITOR)) == ["expert-t"]
    page = await world.get("/experts?limit=4")
    assert ids(await world.get(f"/experts?limit=4&after={page['next']}")) == ["expert-x"]
    faulty = await world.ask("put", "/experts/expert-q", OP, entry_of("790000017", competences=["mars"]))
    assert {one["pointer"] for one in faulty.json()["problems"]} == {"/organisation/value", "/competences/0"}
    blind = await world.ask("put", "/experts/expert-a", OP, entry_of(capacity=3))
    assert blind.status_code == 412, "an entry that is there is changed with its ETag only"


# ---- notices


async def test_notices_are_newest_first_and_read_once(world: World) -> None:
    await world.opened("p1")
    await world.do("p1", "claim")
    for name in "ab":
        world.clock.forward(minutes=1)
        await world.seat("p1", f"expert-{name}")
    found = (await world.get("/me/notices"))["items"]
    assert [(row["kind"], row["pilot"], row["read"]) for row in found] == [("expert-accepted", "p1", None)] * 2
    assert found[0]["time"] > found[1]["time"]
    case = await world.get("/reviews/p1")
    assert {(row["number"], row["title"]) for row in found} == {(case["number"], case["application"]["title"])}
    page = await world.get("/me/notices?limit=1")
    assert (await world.get(f"/me/notices?limit=1&after={page['next']}"))["items"] == [found[1]]
    mine, strangers = [row["id"] for row in found], (await world.get("/me/notices", expert("expert-a")))["items"]
    assert [row["kind"] for row in strangers] == ["assigned"]
    body = {"ids": [mine[0], strangers[0]["id"], "nothing"]}
    answers = [(await world.ask("post", "/me/notices/read", OP, body)).json() for _ in range(2)]
    assert answers == [{"marked": 1}, {"marked": 0}]
    assert ids(await world.get("/me/notices?unread=true")) == [mine[1]]
    assert (await world.get("/me/notices", expert("expert-a")))["items"][0]["read"] is None


async def test_an_expert_is_told_that_an_assignment_was_taken_back(world: World) -> None:
    await world.opened("p1")
    await world.seat("p1", "expert-a")
    await world.do("p1", "assignments/expert-a/release", OP, WHY)
    assert [row["kind"] for row in (await world.get("/me/notices", expert("expert-a")))["items"]] == ["expert-released"]
    await world.do("p1", "conflicts", OP, {"expert_id": "expert-a", "text": "Родственник."})
    assert (await world.get("/me/notices", expert("expert-a")))["items"] == []


# ---- personal data

BASIS = {"body": "Пример", "kind": "заявление", "number": "12", "date": "2026-03-02"}
DATA = {"name": "Образцова Мария Примеровна", "email": "m.obraztsova@example.test", "phone": "+375 00 000-00-00"}


async def test_an_experts_personal_data_is_shown_to_operators_alone_and_erased_for_good(world: World) -> None:
    await world.opened("p1")
    await world.seat("p1", "expert-a")
    assert (await world.ask("put", "/experts/expert-a/person", OP, DATA)).json() == DATA
    shown = await world.ask("get", "/experts/expert-a")
    assert shown.json()["person"] == DATA
    for who in (AP, AUDITOR):
        assert "Образцова" not in (await world.ask("get", "/experts/expert-a", who)).text
    await world.do("p1", "claim", OP)
    await world.do("p1", "decline", expert("expert-a"), WHY)
    [declined] = [one for one in (await world.get("/me/notices"))["items"] if one["kind"] == "expert-declined"]
    assert (declined["by"], declined["what"]["expert_id"]) == ("expert-a", "expert-a")
    assert (await world.ask("get", "/me/notices", expert("expert-a"))).json()["persons"] == {}
    await world.seat("p1", "expert-a")
    for path in (
        "/experts",
        "/reviews/p1/proposals",
        "/board/experts",
        "/me/notices",
        "/reviews/p1",
        "/reviews",
        "/board",
    ):
        assert (await world.get(path))["persons"] == {"expert-a": DATA["name"]}, "by name, without the contact"
        assert DATA["email"] not in (await world.ask("get", path)).text
        for who in (AP, AUDITOR, expert("expert-a")):
            assert "Образцова" not in (await world.ask("get", path, who)).text
    path = "/experts/expert-a/person/erasure"
    refused = [await world.ask("post", path, who, body) for who, body in ((OP, {}), (AP, {"basis": BASIS}))]
    assert [one.json()["title"] for one in refused] == ["erasure.basis", "auth.role"]
    assert await world.store.get(PERSONS, "expert-a"), "nothing is erased without a document"
    answers = [await world.ask("post", path, OP, {"basis": BASIS}) for _ in range(2)]
    assert [answer.json()["erased"] for answer in answers] == [True, False]
    await world.settle()
    everything = await world.everything()
    assert not [word for word in ("Образцова", "obraztsova", DATA["phone"]) if word in everything]
    [fact] = [one for one in world.broker.events(fact_topic("expertise")) if one["type"] == PersonErasedV1.TYPE]
    assert (fact["subject"], fact["data"]["basis"]) == ("person:expert-a", BASIS), "the record has its document"
    assert [one["by"] for one in (await world.get("/persons/expert-a/erasures", ADMIN))["items"]] == [OP.id]
    assert (await world.get("/experts/expert-a"))["active"] is False
    assert (await world.get("/reviews/p1"))["persons"] == {}


async def test_everybody_keeps_and_erases_the_own_data(world: World) -> None:
    people = [OP, AP, AUDITOR, ADMIN, expert("expert-a"), expert("not-in-the-directory")]
    for who in people:
        assert (await world.ask("get", "/me/person", who)).status_code == 404
        assert (await world.ask("put", "/me/person", who, DATA)).status_code == 200
        assert await world.get("/me/person", who) == DATA
        assert [(await world.ask("delete", "/me/person", who)).status_code for _ in range(2)] == [204, 204]
        assert (await world.ask("get", "/me/person", who)).status_code == 404
    await world.settle()
    assert "Образцова" not in await world.everything()
    assert (await world.get("/experts/expert-a"))["active"] is False


def _text(content: bytes) -> str:
    return " ".join(" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(content)).pages)


async def test_the_paper_of_an_earlier_round_has_the_content_of_that_round(build: Build) -> None:
    world = await with_secret(await common(await build(MANY)))
    number = (await world.get(f"/reviews/{SECRET}"))["conclusions"][0]["number"]
    text = _text((await world.ask("get", f"/reviews/{SECRET}/conclusions/{number}/document")).content)
    assert "первичная экспертиза" in text and "Отрицательное" in text and "1 из 5" in text
    assert "повторная" not in text


async def test_an_administrator_erases_for_a_person_who_is_in_no_directory_and_each_erasure_has_its_own_record(
    world: World,
) -> None:
    approver, admin = Person("approver-1", ("approver",)), Person("admin-1", ("admin",))
    for who in (OP, approver):
        assert (await world.ask("put", "/me/person", who, DATA)).status_code == 200
    path = f"/persons/{approver.id}/erasure"
    assert (await world.ask("post", path, OP, {"basis": BASIS})).status_code == 403
    answers = [(await world.ask("post", path, admin, {"basis": BASIS})).json() for _ in range(2)]
    assert answers == [{"person": approver.id, "erased": erased} for erased in (True, False)]
    assert (await world.ask("get", "/me/person", approver)).status_code == 404
    assert (await world.ask("delete", "/me/person", OP)).status_code == 204
    told = [(await world.get(f"/persons/{one.id}/erasures", admin))["items"] for one in (approver, OP)]
    assert [[(one["by"], one["role"], one["basis"]) for one in some] for some in told] == [
        [(admin.id, "admin", BASIS)],
        [(OP.id, "operator", None)],
    ]
    await world.engine.outbox.flush()
    said = "".join(message.value.decode() for message in world.broker.log)
    assert f"person:{approver.id}" in said and DATA["name"] not in said
