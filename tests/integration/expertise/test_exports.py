"""The list of cases taken out of the expertise: who may, what stands in the file, and that it is a fact."""

import json
from typing import Any

from contracts.expertise import ListReadyV1, ListTakenV1
from services.chassis.exports.worker import Options, Worker
from services.expertise import exports
from tests.kit.expertise.cases import ADMIN, AUDITOR, MANY, SECRET, Build, common, with_secret
from tests.kit.expertise.world import AP, OP, World, expert
from tests.kit.people import Person

ASK = {"list": "cases", "filters": {"view": "open"}, "format": "jsonl", "why": "Отчёт за год."}
CONFLICTED = Person("expert-f", ("expert", "operator"))


async def taken(world: World, who: Person = OP, **other: Any) -> str:
    """The id of a list that was just asked for."""
    answer = await world.ask("post", "/exports", who, {**ASK, **other})
    assert answer.status_code == 202, answer.text
    return str(answer.headers["Location"].removeprefix("/v1/exports/"))


async def made(world: World) -> int:
    """Makes the files of what is open, a few rows at a time; how many there were."""
    rows_of = exports.making(world.app, world.store)
    return await Worker(world.engine, rows_of, exports.begin, Options(rows=2)).turn()


async def numbers(world: World, id_: str, who: Person = OP) -> list[str]:
    """The numbers in a file."""
    file = await world.ask("get", f"/exports/{id_}/file", who)
    assert file.status_code == 200, file.text
    return [json.loads(line)["number"] for line in file.text.splitlines()]


async def test_the_file_has_the_cases_of_the_list_and_that_it_was_taken_is_a_fact(build: Build) -> None:
    world = await common(await build(MANY))
    id_ = await taken(world)
    open_ = await world.get(f"/exports/{id_}")
    assert (open_["state"], open_["file"]) == ("open", None)
    assert (await world.ask("get", f"/exports/{id_}/file")).status_code == 409
    assert await made(world) == 1
    listed = (await world.get("/reviews?view=open"))["items"]
    assert await numbers(world, id_) == sorted(one["number"] for one in listed)
    card = await world.get(f"/exports/{id_}")
    assert (card["state"], card["rows"], card["file"]) == ("ready", len(listed), f"/v1/exports/{id_}/file")
    await world.settle()
    facts = [json.loads(one.value) for one in world.broker.log if one.key == f"export:{id_}"]
    assert [one["type"] for one in facts] == [ListTakenV1.TYPE, ListReadyV1.TYPE]
    assert (facts[0]["data"]["why"], facts[0]["data"]["actor"]["id"]) == (ASK["why"], OP.id)
    narrowed = await taken(world, filters={"number": listed[0]["number"], "view": "open"}, format="csv-semicolon")
    await made(world)
    text = (await world.ask("get", f"/exports/{narrowed}/file")).content.decode("utf-8-sig")
    assert [line.split(";")[1] for line in text.splitlines()] == ["number", listed[0]["number"]]


async def test_a_hidden_case_stands_in_no_file_and_a_file_made_before_is_gone(build: Build) -> None:
    world = await with_secret(await common(await build(MANY)))
    ids = {who.id: await taken(world, who) for who in (OP, CONFLICTED)}
    assert await made(world) == 2
    assert f"N-{SECRET}" in await numbers(world, ids[OP.id])
    assert f"N-{SECRET}" not in await numbers(world, ids[CONFLICTED.id], CONFLICTED)
    assert [one for one in await numbers(world, ids[CONFLICTED.id], CONFLICTED) if one != f"N-{SECRET}"]
    told = {"expert_id": OP.id, "text": "Родственник."}
    await world.do("pilot-0", "conflicts", OP, told)
    assert (await world.ask("get", f"/exports/{ids[OP.id]}/file", OP)).status_code == 410


async def test_a_list_is_fetched_by_who_asked_alone_and_who_took_which_is_seen_by_controllers(build: Build) -> None:
    world = await common(await build(MANY))
    id_ = await taken(world)
    for who in (AP, AUDITOR):
        assert (await world.ask("get", f"/exports/{id_}", who)).status_code == 404
    for who in (expert("expert-a"), ADMIN):
        assert (await world.ask("post", "/exports", who, ASK)).status_code == 403
    assert (await world.ask("get", "/exports", OP)).status_code == 403
    [shown] = (await world.get("/exports", ADMIN))["items"]
    assert (shown["by"], shown["why"], shown["filters"]) == (OP.id, ASK["why"], ASK["filters"])
    refused = await world.ask("post", "/exports", OP, {**ASK, "filters": {"view": "sold", "colour": "red"}})
    assert [one["pointer"] for one in refused.json()["problems"]] == ["/filters/view", "/filters/colour"]
    assert (await world.ask("post", "/exports", OP, {**ASK, "why": " "})).status_code == 422
