"""Look-over and notices, before services with one application and one notice."""

import html
import json
import re
from typing import Any

import httpx
import pytest

from contracts.reference import Role
from contracts.words import LANGUAGES
from deploy.samples.common import APPLICATION, body
from tests.kit.desk.bench import bench
from tests.kit.desk.services import row

LINE: dict[str, Any] = {
    "id": "p-1",
    "status": "registered",
    "submission": 1,
    "number": "ПП-2026-000001",
    "agency": "vedomstvo",
    "title": APPLICATION.title,
    "sector": "health",
    "submitted": None,
    "received": "2026-04-16T09:00:00.000Z",
    "due_at": "2026-04-23T21:00:00.000Z",
    "edition": "by-2024",
}
NOTICE = {
    "id": "n-1",
    "pilot": "p-1",
    "kind": "due",
    "fact": "pilots.expertise.term-nearing.v1",
    "time": "2026-04-16T09:00:00.000Z",
    "what": {"why": "<b>почему</b>"},
    "by": "op-2",
    "read": None,
    "number": "ПП-2026-000001",
    "title": "Первый",
}


OVERPAID = {
    "id": "p-9",
    "number": "ПП-2026-000009",
    "title": "Девятый",
    "overpaid": [{"source": "own-money", "currency": "BYN", "committed_minor": 100_00, "paid_minor": 150_50}],
}
LOADS: list[dict[str, Any]] = [
    {"id": "expert-17", "load": 3, "capacity": 10, "over": 0},
    {"id": "expert-23", "load": 6, "capacity": 5, "over": 1},
]
NAMES = {"op-2": "Пётр Примеров", "expert-17": "Вера Пробная", "expert-23": "Глеб Учебный"}


def services(request: httpx.Request) -> httpx.Response:
    path = request.url.path
    if path.endswith("/handover"):
        stayed = [{"pilot": "p-2", "why": "Все заняты.", "problem": None, "against": {"expert.busy": 1}}]
        moved = [{"to": "expert-23", "pilot": "p-1", "version": 2, "etag": '"2"', "replayed": False}]
        return httpx.Response(200, json={"moved": moved, "stayed": stayed, "more": False})
    if path == "/v1/board":
        items = [row(1), row(2, suspended=True, due_at=None), row(3, breached=True, left=-2)]
        return httpx.Response(200, json={"items": items, "next": None, "persons": {}})
    if path == "/v1/board/experts":
        return httpx.Response(200, json={"items": LOADS, "next": None, "persons": NAMES})
    if path == "/v1/search" and request.url.params["flag"] == "overpaid":
        return httpx.Response(200, json={"items": [OVERPAID], "next": None})
    if request.method != "GET":
        return httpx.Response(200, json={"subject": "p-1", "version": 2}, headers={"ETag": '"8"'})
    if path == "/v1/applications":
        return httpx.Response(200, json={"items": [LINE], "next": None})
    if path == "/v1/applications/p-1":
        return httpx.Response(200, json={**LINE, "application": body(APPLICATION)}, headers={"ETag": '"7"'})
    if path == "/v1/me/notices":
        return httpx.Response(200, json={"items": [NOTICE], "next": None, "persons": {"op-2": "Пётр Примеров"}})
    return httpx.Response(404, json={"title": "not-found", "detail": "Нет."})


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_officer_finds_the_applications_and_decides_on_one(language: str) -> None:
    async with bench(services) as at:
        await at.enter(Role.OFFICER)
        assert (await at.browser.get(f"/{language}/work")).headers["location"] == f"/{language}/look-over"
        listed = (await at.browser.get(f"/{language}/look-over")).text
        assert "ПП-2026-000001" in listed and "2026" in listed
        page = (await at.browser.get(f"/{language}/look-over/p-1")).text
        assert APPLICATION.title in html.unescape(page)
        form = at.form(page, "acts")
        done = await at.browser.post(f"/{language}/look-over/p-1", data={**form, "do": "take"})
        assert done.headers["location"] == f"/{language}/look-over/p-1?done=take"
        [sent] = [one for one in at.asked if one.method == "POST"]
        assert (sent.url.path, sent.headers["if-match"]) == ("/v1/applications/p-1/acceptance", '"7"')


async def test_a_return_needs_a_reason_and_a_stop_its_document() -> None:
    async with bench(services) as at:
        await at.enter(Role.OFFICER)
        page = (await at.browser.get("/ru/look-over/p-1")).text
        bare = await at.browser.post("/ru/look-over/p-1", data={**at.form(page, "acts"), "do": "return"})
        assert bare.status_code == 422 and 'href="#code"' in bare.text
        stop = {**at.form(page, "acts"), "do": "stop", "reason": "Ликвидация", "number": "17"}
        half = await at.browser.post("/ru/look-over/p-1", data=stop)
        assert half.status_code == 422 and ">Ликвидация</textarea>" in half.text and 'href="#date"' in half.text
        assert not [one for one in at.asked if one.method == "POST"]
        await at.browser.post(
            "/ru/look-over/p-1", data={**at.form(page, "acts"), "do": "return", "code": "documents-missing"}
        )
        [sent] = [one for one in at.asked if one.method == "POST"]
        assert json.loads(sent.content) == {"reasons": [{"code": "documents-missing"}]}


async def test_notices_are_told_in_words_and_marked_as_read() -> None:
    async with bench(services) as at:
        await at.enter(Role.EXPERT)
        page = (await at.browser.get("/ru/notices")).text
        assert "срок близко – Пётр Примеров – &lt;b&gt;почему&lt;/b&gt;" in page
        form = {**at.form(page, "notices"), "notice": "n-1"}
        assert (await at.browser.post("/ru/notices", data=form)).headers["location"] == "/ru/notices"
        assert json.loads(at.asked[-1].content) == {"ids": ["n-1"]}


async def test_the_picture_of_the_loads_and_its_table_are_what_the_service_says() -> None:
    async with bench(services) as at:
        await at.enter(Role.OPERATOR)
        page = (await at.browser.get("/ru/board?by=expert")).text
        table = page[page.index('id="loads"') : page.index("</table>", page.index('id="loads"'))]
        rows = re.findall(r"<th scope=\"row\">(.*?)</th>" + r"<td[^>]*>(\d+)</td>" * 3, table)
        assert rows == [(NAMES[one["id"]], str(one["load"]), str(one["capacity"]), str(one["over"])) for one in LOADS]
        widths = [
            float(one)
            for one in re.findall(
                r'<rect class="desk-bar[^-"]*(?:desk-bar--over)?" x="0" y="\d+" width="([\d.]+)"', page
            )
        ]
        assert [round(width / widths[0], 2) for width in widths] == [1.0, 2.0]
        assert dict(at.asked[-2].url.params)["by"] == "expert"


async def test_the_board_shows_where_more_was_paid_than_was_agreed() -> None:
    async with bench(services) as at:
        await at.enter(Role.OPERATOR)
        page = (await at.browser.get("/ru/board")).text
        listed = page[page.index('id="overpaid"') : page.index("</ul>", page.index('id="overpaid"'))]
        assert (
            "/ru/decisions/p-9" in listed and "ПП-2026-000009" in listed and "+50,50" in listed.replace("\u00a0", " ")
        )


async def test_an_experts_whole_work_is_handed_over_and_what_stayed_says_why() -> None:
    async with bench(services) as at:
        await at.enter(Role.OPERATOR)
        page = (await at.browser.get("/ru/board")).text
        form = {**at.form(page, "handover"), "expert": "expert-17", "to": ""}
        bare = await at.browser.post("/ru/board", data={**form, "why": ""})
        assert bare.status_code == 422 and 'href="#why"' in bare.text
        answer = await at.browser.post("/ru/board", data={**form, "why": "Отпуск"})
        assert "Передано дел: 1; осталось: 1." in answer.text and "Все заняты." in answer.text
        [sent] = [one for one in at.asked if one.method == "POST"]
        assert sent.url.path == "/v1/experts/expert-17/handover" and json.loads(sent.content) == {"why": "Отпуск"}
