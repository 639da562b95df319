"""Experts and teams: the directory, entries, personal data and its erasure, before services with two experts."""

import html
import json
from typing import Any

import httpx
import pytest

from contracts.reference import Role
from contracts.words import LANGUAGES
from tests.kit.desk.bench import Bench, bench
from tests.kit.desk.directory import EXPERT, Directory

AT = f"/directory/experts/{EXPERT['id']}"
BASIS = {"body": "Министерство", "kind": "приказ", "number": "17", "date": "2026-04-01"}


async def opened(at: Bench, path: str) -> dict[str, str]:
    page = await at.browser.get(f"/ru{path}")
    assert page.status_code == 200, page.text
    return at.form(page.text, "written")


def sent(at: Bench) -> list[httpx.Request]:
    return [one for one in at.asked if one.method != "GET"]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_directory_is_filtered_in_its_address_and_says_who_is_away(language: str) -> None:
    async with bench(Directory()) as at:
        await at.enter(Role.OPERATOR)
        asked = "sector=health&active=true&organisation=BY-UNP%3A790000031"
        page = (await at.browser.get(f"/{language}/directory?{asked}")).text
        assert "Вера Пробная" in page and "2099" in page and f'href="/{language}{AT}"' in page
        params = dict(at.asked[-1].url.params)
        assert (params["sector"], params["active"], params["organisation"]) == ("health", "true", "BY-UNP:790000031")
        assert "sector=health" in page and "after=more" in page, "the next page has the filters of this one"


async def test_an_organisation_that_cannot_be_one_is_said_at_its_field() -> None:
    async with bench(Directory()) as at:
        await at.enter(Role.AUDITOR)
        answer = await at.browser.get("/ru/directory?organisation=17")
        assert answer.status_code == 422 and 'href="#organisation"' in answer.text and 'value="17"' in answer.text
        assert 'id="enter"' not in answer.text, "who only reads is offered no form"


async def test_personal_data_is_shown_to_operators_alone() -> None:
    async with bench(Directory()) as at:
        await at.enter(Role.OPERATOR)
        assert "vera@example.org" in (await at.browser.get(f"/ru{AT}")).text
    async with bench(Directory(personal=False)) as at:
        await at.enter(Role.APPROVER)
        page = (await at.browser.get(f"/ru{AT}")).text
        assert "видят только операторы" in page and "/erasure" not in page


async def test_an_entry_is_changed_on_the_revision_that_was_seen() -> None:
    async with bench(Directory()) as at:
        await at.enter(Role.OPERATOR)
        page = (await at.browser.get(f"/ru{AT}/entry")).text
        assert 'value="BY-UNP:790000031"' in page and ">RU-INN:7707083893</textarea>" in page
        form = {**at.form(page, "written"), "edition": "by-2024", "organisation": "790000031", "capacity": "4"}
        form |= {"interests": "RU-INN 7707083893\n\n", "competences": "health", "active": "1", "do": "send"}
        form |= {"since-1": "2099-05-01", "until-1": "2099-05-09"}
        answer = await at.browser.post(f"/ru{AT}/entry", data=form)
        assert answer.headers["location"] == f"/ru{AT}?done=entry"
        [one] = sent(at)
        assert (one.method, one.url.path) == ("PUT", "/v1/experts/expert-17")
        assert (one.headers["if-match"], one.headers["idempotency-key"]) == ('"7"', form["key"])
        assert json.loads(one.content) == {
            "organisation": {"scheme": "BY-UNP", "value": "790000031"},
            "affiliated": [],
            "interests": [{"scheme": "RU-INN", "value": "7707083893"}],
            "edition": "by-2024",
            "competences": ["health"],
            "capacity": 4,
            "absences": [{"since": "2099-05-01", "until": "2099-05-09"}],
            "active": True,
        }


def refusal(status: int, title: str, *problems: dict[str, str]) -> httpx.Response:
    return httpx.Response(status, json={"title": title, "detail": "Нельзя.", "problems": list(problems)})


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (refusal(403, "expert.own-entry"), "Нельзя."),
        (refusal(422, "expert.invalid", {"pointer": "/interests/0", "message": "Плохо"}), 'href="#interests"'),
        (refusal(422, "expert.invalid", {"pointer": "/absences/0", "message": "Плохо"}), 'href="#since-1"'),
        (refusal(412, "revision.gone"), 'id="versions"'),
        (httpx.Response(503), "Не отвечает"),
    ],
    ids=["own", "organisation", "absence", "changed", "away"],
)
async def test_what_is_not_taken_says_why_at_its_field_and_keeps_every_word(answer: httpx.Response, says: str) -> None:
    services = Directory(command=lambda _request: answer)
    async with bench(services) as at:
        await at.enter(Role.OPERATOR)
        form = await opened(at, f"{AT}/entry")
        services.capacity = 9
        form |= {"organisation": "BY-UNP:1", "capacity": "4", "competences": "health", "interests": "BY-UNP:2"}
        found = await at.browser.post(f"/ru{AT}/entry", data={**form, "do": "send"})
        assert found.status_code == answer.status_code and says in found.text
        assert 'value="BY-UNP:1"' in found.text and ">BY-UNP:2</textarea>" in found.text
        again = (await at.browser.get(f"/en{AT}/entry")).text
        assert 'id="kept"' in again and ">BY-UNP:2</textarea>" in again


async def test_who_is_not_there_yet_is_entered_by_their_identifier() -> None:
    async with bench(Directory()) as at:
        await at.enter(Role.OPERATOR)
        asked = await at.browser.get("/ru/directory/experts/enter?id=expert-99")
        assert asked.headers["location"] == "/ru/directory/experts/expert-99/entry"
        page = (await at.browser.get(asked.headers["location"])).text
        assert "записи ещё нет" in page
        bare = await at.browser.post("/ru/directory/experts/expert-99/entry", data=at.form(page, "written"))
        assert bare.status_code == 422 and 'href="#competences"' in bare.text and not sent(at)
        nobody = await at.browser.get("/ru/directory/experts/enter?id=+")
        assert nobody.status_code == 422 and 'href="#id"' in nobody.text


async def test_an_erasure_needs_its_document_and_a_confirmation() -> None:
    async with bench(Directory()) as at:
        await at.enter(Role.OPERATOR)
        form = await opened(at, f"{AT}/erasure")
        bare = await at.browser.post(f"/ru{AT}/erasure", data={**form, **BASIS, "do": "send"})
        assert bare.status_code == 422 and 'href="#confirmed"' in bare.text and 'value="приказ"' in bare.text
        assert not sent(at)
        done = await at.browser.post(f"/ru{AT}/erasure", data={**form, **BASIS, "confirmed": "1", "do": "send"})
        assert done.headers["location"] == f"/ru{AT}?done=erasure"
        [one] = sent(at)
        assert one.url.path == "/v1/experts/expert-17/person/erasure" and json.loads(one.content) == {"basis": BASIS}


async def test_name_and_contact_are_saved_with_what_was_left_empty_as_nothing() -> None:
    async with bench(Directory()) as at:
        await at.enter(Role.OPERATOR)
        form = await opened(at, f"{AT}/person")
        await at.browser.post(f"/ru{AT}/person", data={**form, "name": "Вера <b>", "email": "", "do": "send"})
        [one] = sent(at)
        assert (one.method, one.url.path) == ("PUT", "/v1/experts/expert-17/person")
        assert json.loads(one.content) == {"name": "Вера <b>", "email": None, "phone": None}


async def test_an_admin_finds_the_teams_and_enters_one() -> None:
    async with bench(Directory()) as at:
        await at.enter(Role.ADMIN)
        assert (await at.browser.get("/ru/work")).headers["location"] == "/ru/directory"
        assert (await at.browser.get("/ru/directory")).headers["location"] == "/ru/directory/teams"
        page = (await at.browser.get("/ru/directory/teams")).text
        assert "Здравоохранение «А»" in html.unescape(page) and "op-1, op-2" in page
        bad = await at.browser.get("/ru/directory/teams/enter?id=Team%201")
        assert bad.status_code == 422 and 'value="Team 1"' in bad.text
        form = await opened(at, "/directory/teams/health-a/team")
        said: dict[str, Any] = {
            **form,
            "name": "Новое",
            "members": "op-1\n\nop-2 ",
            "sectors": ["health"],
            "do": "send",
        }
        done = await at.browser.post("/ru/directory/teams/health-a/team", data=said)
        assert done.headers["location"] == "/ru/directory/teams?done=team"
        [one] = sent(at)
        assert (one.method, one.url.path, one.headers["if-match"]) == ("PUT", "/v1/teams/health-a", '"3"')
        assert json.loads(one.content) == {"name": "Новое", "members": ["op-1", "op-2"], "sectors": ["health"]}
