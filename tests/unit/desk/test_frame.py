"""The frame of the desk: sessions, forms, words, what every answer says to the browser. Without any service."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from contracts.reference import Role
from contracts.topics import EXPERTISE
from contracts.words import LANGUAGES
from services.chassis.run import utc_now
from services.desk.clients import Away, Clients
from services.desk.session import form_token, is_form_token
from services.desk.settings import DeskSettings
from tests.kit.desk.bench import Bench, bench
from tests.kit.desk.services import row

ROW: dict[str, Any] = row(1, left=2)
STOPPED = {
    **ROW,
    "id": "p-2",
    "due_at": None,
    "suspended": True,
    "left": 9,
    "stopped_since": "2026-04-01T08:00:00.000Z",
}
LATE = {**ROW, "id": "p-3", "breached": True, "left": -3}


def services(request: httpx.Request) -> httpx.Response:
    """Three services with three cases and one expert."""
    path = request.url.path
    if path == "/v1/reviews":
        return httpx.Response(200, json={"items": [ROW, STOPPED, LATE], "next": None, "persons": {}})
    if path == "/v1/reviews/counts":
        return httpx.Response(200, json={"open": {"count": 3, "exact": True}, "mine": {"count": 1000, "exact": False}})
    if path == "/v1/board/experts":
        load = {"id": "expert-17", "load": 3, "capacity": 10, "over": 0}
        return httpx.Response(200, json={"items": [load], "next": None, "persons": {"expert-17": "Вера Пробная"}})
    if path == "/v1/assignments":
        items = json.loads(request.content)["items"]
        answers = [
            {"pilot": one["pilot"], "done": one["pilot"] != "p-3", "problem": {"detail": "Есть конфликт."}}
            for one in items
        ]
        return httpx.Response(200, json={"items": answers})
    if path.startswith("/v1/reviews/"):
        title = {"number": "ПП-2026-000003", "application": {"title": "Третий"}}
        return httpx.Response(200, json=title, headers={"ETag": '"7"'})
    return httpx.Response(404, json={"title": "not-found", "detail": "Нет."})


@pytest.fixture
async def at_work() -> AsyncIterator[Bench]:
    async with bench(services) as made:
        yield made


async def test_the_bare_address_leads_a_citizen_to_the_register_and_who_is_signed_in_to_the_own_work() -> None:
    async with bench(services) as desk:
        answer = await desk.browser.get("/", headers={"Accept-Language": "be"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/be/register")
        assert (await desk.browser.get("/en", headers={"Accept-Language": "be"})).headers["location"] == "/en/register"
        await desk.enter(Role.OPERATOR)
        assert (await desk.browser.get("/", headers={"Accept-Language": "ru"})).headers["location"] == "/ru/work"


async def test_nobody_is_shown_anything_and_every_answer_says_what_a_page_may_do(at_work: Bench) -> None:
    answer = await at_work.browser.get("/ru/work?view=mine")
    assert (answer.status_code, answer.headers["location"]) == (303, "/ru/sign-in?then=/work%3Fview%3Dmine")
    for path in ("/ru/work", "/xx/work", "/static/x/desk.js", "/nothing"):
        headers = (await at_work.browser.get(path)).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
    assert not at_work.asked


async def test_the_list_stands_in_groups_the_worst_first_and_words_are_text(at_work: Bench) -> None:
    await at_work.enter("operator")
    for language in LANGUAGES:
        page = (await at_work.browser.get(f"/{language}/work")).text
        assert "<script>alert" not in page and "&lt;script&gt;alert(1)&lt;/script&gt; {{7*7}}" in page
        places = [page.index(f"desk-group--{one}") for one in ("breached", "soon", "stopped")]
        assert places == sorted(places) and "1,000+" in page.replace("\u00a0", ",").replace("\u202f", ",")
    assert all(one.headers["authorization"] == "Bearer a-token" for one in at_work.asked)
    assert {one.headers["accept-language"] for one in at_work.asked} == set(LANGUAGES)


async def test_many_are_assigned_in_one_request_and_what_failed_stays_selected_with_its_reason(at_work: Bench) -> None:
    await at_work.enter("operator")
    page = (await at_work.browser.get("/ru/work")).text
    form = at_work.form(page, "bulk")
    chosen = {"case": ['p-1|"7"', 'p-2|"7"', 'p-3|"7"'], "expert_to": "expert-17", "do": "assign"}
    assert (await at_work.browser.post("/ru/work", data={**chosen, "key": "k"})).status_code == 403
    answer = await at_work.browser.post("/ru/work", data={**form, **chosen})
    assert answer.status_code == 200
    sent = [one for one in at_work.asked if one.method == "POST"]
    assert [json.loads(one.content)["items"][2] for one in sent] == [
        {"pilot": "p-3", "etag": '"7"', "expert_id": "expert-17"}
    ]
    assert sent[0].headers["idempotency-key"] == form["key"]
    assert "Есть конфликт." in answer.text and 'value="p-3|&#34;7&#34;"' in answer.text
    boxes = [one for one in answer.text.split("<input") if 'name="case"' in one]
    assert [" checked" in one for one in boxes] == [True, False, False]


async def test_a_form_that_was_open_when_the_sign_in_ran_out_becomes_a_draft_of_its_writer(at_work: Bench) -> None:
    session = await at_work.enter("operator")
    page = (await at_work.browser.get("/ru/work")).text
    form = at_work.form(page, "bulk")
    await at_work.desk.sessions.end(session.cookie)
    answer = await at_work.browser.post("/ru/work", data={**form, "why": "слова"})
    assert answer.status_code == 303 and answer.headers["location"].startswith("/ru/sign-in")
    draft = await at_work.desk.drafts.find(session.who.person, "/work")
    assert draft is not None and ("why", "слова") in draft.fields
    assert await at_work.desk.drafts.find("op-2", "/work") is None


async def test_a_session_is_sealed_by_its_cookie_and_ends(at_work: Bench) -> None:
    session = await at_work.enter("operator")
    assert "a-token" not in str(at_work.memory.all) and session.cookie not in str(at_work.memory.all)
    found = await at_work.desk.sessions.find(session.cookie)
    assert found is not None and found.who == session.who
    for kept in at_work.memory.all["sessions"].values():
        kept["ends"] = utc_now() - timedelta(seconds=1)
    assert await at_work.desk.sessions.find(session.cookie) is None
    assert await at_work.desk.sessions.person_of(session.cookie) == session.who.person


async def test_a_service_that_is_away_is_named(at_work: Bench) -> None:
    def gone(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async with bench(gone) as other:
        await other.enter("operator")
        for language, said in (("ru", "экспертиза"), ("be", "экспертыза"), ("en", "expertise")):
            answer = await other.browser.get(f"/{language}/work?view=mine")
            assert answer.status_code == 503 and said in answer.text and "/work?view=mine" in answer.text


async def test_of_a_service_that_hangs_a_page_is_told_soon_and_what_a_form_sent_is_waited_for() -> None:
    silent = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        clients = Clients.of(DeskSettings(expertise_url=url, asked_within=600, read_within=0.1))
        with pytest.raises(Away):
            await clients.send(EXPERTISE, "GET", "/v1/reviews", language="ru", at_once=True)
        command = asyncio.create_task(clients.send(EXPERTISE, "POST", "/v1/reviews", language="ru", body={}))
        file = asyncio.create_task(clients.lines(EXPERTISE, "/v1/exports/1/file", token="a", language="ru"))
        _, waited_for = await asyncio.wait([command, file], timeout=1)
        assert waited_for == {command, file}
        silent.set()
        for one in (command, file):
            with pytest.raises(Away):
                await one
        await clients.close()


async def test_a_page_waits_for_what_it_reads_half_as_long_as_a_form(at_work: Bench) -> None:
    await at_work.enter("operator")
    page = (await at_work.browser.get("/ru/work")).text
    assert {one.extensions["timeout"]["read"] for one in at_work.asked} == {5.0}
    assert {one.headers["prefer"] for one in at_work.asked} == {"wait=4"}, "so that a refusal comes before that"
    at_work.asked.clear()
    chosen = {"case": ['p-1|"7"'], "expert_to": "expert-17", "do": "assign"}
    await at_work.browser.post("/ru/work", data={**at_work.form(page, "bulk"), **chosen})
    assert at_work.asked[0].method == "POST" and at_work.asked[0].extensions["timeout"]["read"] == 10.0
    assert at_work.asked[0].headers["prefer"] == "wait=9"


def test_a_form_token_is_of_one_browser_and_never_twice_the_same() -> None:
    one, other = form_token("cookie"), form_token("cookie")
    assert one != other and is_form_token("cookie", one) and is_form_token("cookie", other)
    assert not any(is_form_token(*case) for case in (("cookie2", one), ("", one), ("cookie", ""), ("cookie", "é")))


def test_the_desk_is_https_beyond_this_machine() -> None:
    with pytest.raises(ValueError, match="https"):
        DeskSettings(url="http://desk.example.org")
    assert DeskSettings(url="https://desk.example.org").secure
