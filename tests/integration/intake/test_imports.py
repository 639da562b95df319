"""Spreadsheets over HTTP, as jobs: what a publisher sends becomes events of the own agency, and all of it adds up."""

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from services.chassis.engine import Engine
from services.chassis.store import Store
from services.intake.importing import asked as asked_of
from services.intake.importing import work
from services.intake.importing.asked import IMPORTS, PIECES
from services.intake.importing.work import Importer
from services.intake.service import SERVICE
from tests.kit.engine.tiny import Clock
from tests.kit.intake.sides import Ask

TOML = """
name = "over-http"
type = { value = "application-submitted.v2" }
time = { value = 2026-03-01 }
[agency]
code = "Кто"
[fields]
title = "Название"
problem = { value = "Пациенты ждут." }
solution = { value = "Очередь видна всем." }
sector = "Отрасль"
"initiator.id.scheme" = { value = "BY-UNP" }
"initiator.id.value" = { value = "790000029" }
"customer.id.scheme" = { value = "BY-UNP" }
"customer.id.value" = { value = "790000016" }
"costs.0.amount_minor" = { column = "Сумма", kind = "money" }
"costs.0.currency" = { value = "BYN" }
"costs.0.source" = { value = "own-money" }
"""
HEAD = "Кто;Название;Отрасль;Сумма\n"
GOOD = "".join(f"demo;Проект {n};health;1 200,50\n" for n in range(5))
FAULTY = "demo;Проект 0;health;1200,5\ndemo;Проект 8;mars;5\ndemo;Проект 9;health;дорого\nevil;Чужой;health;5\n"


def wanted(text: str, **more: Any) -> dict[str, Any]:
    content = base64.b64encode(text.encode("cp1251")).decode()
    return {"file": "план.csv", "content": content, "toml": TOML, **more}


@pytest.fixture(autouse=True)
async def _indexes(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    await store.prepare(SERVICE.indexes)
    monkeypatch.setattr(work, "PIECE", 2)
    yield


async def asked(ask: Ask, **more: Any) -> str:
    answer = await ask("post", "/v1/imports", json=wanted(**more))
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/imports/{answer.json()['id']}"
    return str(answer.json()["id"])


async def told(ask: Ask, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = (await ask("get", f"/v1/imports/{id_}")).json()
    return found


def numbers(said: dict[str, Any]) -> tuple[int, ...]:
    counts = said["counts"]
    assert counts["rows"] == counts["published"] + counts["refused"] and counts["balance"] == 0
    return tuple(counts[name] for name in ("rows", "refused", "registered", "duplicates", "rejected"))


async def test_a_file_is_tried_imported_and_imported_again(engine: Engine, ask: Ask, store: Store) -> None:
    importer = Importer(engine)
    tried = await asked(ask, text=HEAD + GOOD + FAULTY, dry_run=True)
    assert (await told(ask, tried))["state"] == "waiting" and await importer.turn() == 1
    said = await told(ask, tried)
    assert (said["state"], said["rows"], said["done"], numbers(said)) == ("done", 9, 9, (9, 2, 5, 1, 1))
    assert said["counts"]["reasons"] == {"import.money": 1, "import.other-agency": 1}
    assert (await ask("get", "/v1/applications")).json()["items"] == [], "nothing is published"
    report = (await ask("get", f"/v1/imports/{tried}/report")).content.decode("utf-8-sig")
    assert {line.split(";")[2] for line in report.splitlines()[1:]} == {
        "sector.unknown",
        "import.money",
        "import.other-agency",
    }
    marked = (await ask("get", f"/v1/imports/{tried}/marked")).content.decode("cp1251")
    assert "дорого" in marked and "[import.money]" in marked
    made = await asked(ask, text=HEAD + GOOD + FAULTY)
    await importer.turn()
    assert numbers(await told(ask, made)) == (9, 2, 5, 1, 1)
    again = await asked(ask, text=HEAD + FAULTY + GOOD)
    await importer.turn()
    assert numbers(await told(ask, again))[2:] == (0, 6, 1), (
        "in another order as well; what stands refused is no duplicate"
    )
    assert len((await ask("get", "/v1/applications")).json()["items"]) == 6
    listed = (await ask("get", "/v1/imports")).json()["items"]
    assert {one["id"] for one in listed} == {again, made, tried}
    assert (await ask("get", f"/v1/imports/{made}", "publisher@evil")).status_code == 404
    assert (await ask("get", "/v1/imports", "publisher@evil")).json()["items"] == []


GUESSED = "План;;;\nДата подачи;Наименование проекта;Отрасль;Сумма, руб.\n2026-03-01;Первый;health;5\n"


async def test_the_columns_of_a_file_are_guessed_and_read_anew_and_it_is_imported_as_it_was_sent(
    engine: Engine, ask: Ask
) -> None:
    sent = {"file": "../план.csv", "content": base64.b64encode(GUESSED.encode("cp1251")).decode()}
    answer = await ask("post", "/v1/import-files", json=sent)
    found = answer.json()
    assert (answer.status_code, found["file"], found["header"], found["rows"]) == (201, "план.csv", 2, 1)
    assert found["columns"] == {
        "time": "Дата подачи",
        "title": "Наименование проекта",
        "sector": "Отрасль",
        "costs.0.amount_minor": "Сумма, руб.",
    }
    assert found["samples"] == [["2026-03-01", "Первый", "health", "5"]]
    assert found["texts"]["Отрасль"] == ["health"]
    where = f"/v1/import-files/{found['id']}"
    anew = (await ask("get", f"{where}?header=3")).json()
    assert (anew["headings"], anew["columns"], anew["rows"]) == (["2026-03-01", "Первый", "health", "5"], {}, 0)
    assert (await ask("get", f"{where}?sheet=none")).status_code == 200, "a text has no sheets"
    assert (await ask("get", where, "publisher@evil")).status_code == 404
    assert (await ask("get", "/v1/imports")).json()["items"] == [], "nothing was asked of it"
    assert (await ask("get", f"/v1/imports/{found['id']}")).status_code == 404
    toml = TOML.replace('code = "Кто"', 'code = { value = "demo" }').replace('"Название"', '"Наименование проекта"')
    asks = {"file": "план.csv", "kept": found["id"], "toml": toml.replace('"Сумма"', '"Сумма, руб."')}
    twice = [(await ask("post", "/v1/imports", json=asks, headers={"Idempotency-Key": "k-1"})).json() for _ in range(2)]
    assert (
        twice[0]["id"] == twice[1]["id"]
        and twice[0]["kept"] == found["id"]
        and twice[0]["toml"] == asks["toml"].strip()
    )
    await Importer(engine).turn()
    assert numbers(await told(ask, twice[0]["id"])) == (1, 0, 1, 0, 0)
    for wrong in ({"file": "a.csv", "toml": toml}, {**asks, "kept": "0" * 32}, {**asks, **sent}):
        assert (await ask("post", "/v1/imports", json=wrong)).status_code == 422
    broken = {"file": "a.xlsx", "content": base64.b64encode(b"PK\x03\x04 nothing").decode()}
    assert (await ask("post", "/v1/import-files", json=broken)).json()["problems"][0]["rule"] == "import.no-workbook"
    long = {**sent, "file": f"{'я' * 190}.csv"}
    assert (await ask("post", "/v1/import-files", json=long)).status_code == 201, (
        "longer than the name of a file may be"
    )


async def test_of_the_files_of_which_nothing_was_asked_the_last_are_kept(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(asked_of, "MOST_KEPT", 2)
    sent, ids = {"file": "a.csv", "content": base64.b64encode(b"a,b").decode()}, list[str]()
    for _ in range(3):
        ids.append((await ask("post", "/v1/import-files", json=sent)).json()["id"])
        clock.forward(seconds=1)
    assert [(await ask("get", f"/v1/import-files/{one}")).status_code for one in ids] == [404, 200, 200]


async def test_one_is_stopped_resumed_taken_up_after_a_crash_and_gone_after_a_week(
    engine: Engine, ask: Ask, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    importer = Importer(engine)
    id_ = await asked(ask, text=HEAD + GOOD)
    assert (await ask("post", f"/v1/imports/{id_}/resume")).status_code == 202, "it is waiting, as was asked for"
    assert (await ask("post", f"/v1/imports/{id_}/stop")).json()["stopping"]
    await importer.turn()
    said = await told(ask, id_)
    assert (said["state"], said["done"], said["counts"]["registered"]) == ("stopped", 2, 2)
    assert (await ask("get", f"/v1/imports/{id_}/report")).status_code == 409
    assert (await ask("post", f"/v1/imports/{id_}/resume")).json()["state"] == "waiting"

    async def dies(*_: Any, **_more: Any) -> Any:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(engine, "posted", dies)
        with pytest.raises(asyncio.CancelledError):
            await importer.turn()
    assert await Importer(engine).turn() == 0, "its lease holds"
    clock.forward(seconds=61)
    assert await Importer(engine).turn() == 1
    assert numbers(await told(ask, id_)) == (5, 0, 3, 2, 0)
    clock.forward(seconds=timedelta(days=7).total_seconds())
    await importer.turn()
    assert (await ask("get", f"/v1/imports/{id_}")).status_code == 404
    assert await store.count(PIECES, {}, 1) == await store.count(IMPORTS, {}, 1) == 0


async def test_rows_count_in_their_agencys_quota_and_one_that_waits_for_room_holds_up_no_other(
    engine: Engine, ask: Ask
) -> None:
    mine = await asked(ask, text=HEAD + GOOD)
    row = HEAD + "evil;Проект;health;1\n"
    other = (await ask("post", "/v1/imports", "publisher@evil", json=wanted(row))).json()["id"]
    counted, sizes = Counter[str](), set[int]()

    async def room(agency: str, events: int, size: int) -> float:
        done = (await ask("get", f"/v1/imports/{other}", "publisher@evil")).json()["state"] == "done"
        if agency == "demo" and not done:
            return 0.01
        counted[agency] += events
        sizes.add(size)
        return 0.0

    assert await Importer(engine, room).turn() == 2
    assert counted == {"demo": 5, "evil": 1} and min(sizes) > 300
    assert numbers(await told(ask, mine)) == (5, 0, 5, 0, 0)

    async def none(_agency: str, _events: int, _bytes: int) -> float:
        return 0.01

    stopped = await asked(ask, text=HEAD + GOOD)
    await ask("post", f"/v1/imports/{stopped}/stop")
    assert await Importer(engine, none).turn() == 1
    assert (await told(ask, stopped))["state"] == "stopped", "also while it waits"


async def test_what_cannot_be_used_as_a_whole_is_told_with_all_that_is_wrong(engine: Engine, ask: Ask) -> None:
    for more, rules in (
        (
            {"toml": TOML.replace("title =", "titel =").replace("2026-03-01", '"когда-то"')},
            {"mapping.field", "mapping.time"},
        ),
        ({"toml": "name = "}, {"mapping.no-toml"}),
        ({"toml": None, "mapping": "none"}, {"import.unknown-mapping"}),
        ({"mapping": "plan-of-projects"}, {"import.one-mapping"}),
        ({"content": "?"}, {"import.no-base64"}),
    ):
        answer = await ask("post", "/v1/imports", json={**wanted(HEAD), **more})
        assert (answer.status_code, {one["rule"] for one in answer.json()["problems"]}) == (422, rules)
    id_ = await asked(ask, text="Кто;Наименование;Отрасль;Сумма\n" + GOOD)
    await Importer(engine).turn()
    said = await told(ask, id_)
    assert (said["state"], [one["rule"] for one in said["problems"]]) == ("failed", ["import.no-column"])
    assert "Название" in said["problems"][0]["message_be"]
    id_ = await asked(ask, text=HEAD + "\n" * 20_000)
    await Importer(engine).turn()
    assert [one["rule"] for one in (await told(ask, id_))["problems"]] == ["import.too-much"]
    for _ in range(3):
        await asked(ask, text=HEAD + GOOD)
    assert (await ask("post", "/v1/imports", json=wanted(HEAD))).status_code == 429
    assert "plan-of-projects" in (await ask("get", "/v1/import-mappings")).json()["items"]


async def test_a_name_that_leads_out_of_its_folder_is_no_name(engine: Engine, ask: Ask) -> None:
    given = ("..", "../план.csv", "C:\\план.csv")
    ids = [await asked(ask, text=HEAD + GOOD, file=name) for name in given]
    assert await Importer(engine).turn() == len(ids)
    said = [await told(ask, id_) for id_ in ids]
    assert [one["file"] for one in said] == ["file", "план.csv", "C:\\план.csv"]
    assert {one["state"] for one in said} == {"done"}
