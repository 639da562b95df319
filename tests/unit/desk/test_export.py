"""The list of work as a file: asked for with a reason, made by the service, said in the reader's words."""

import csv
import io
import json
from typing import Final

import httpx
import pytest

from contracts.reference import Role
from contracts.words import LANGUAGES
from tests.kit.desk.bench import bench
from tests.kit.desk.exports import EXPORT, Exports
from tests.kit.desk.services import HARMFUL

ASKED: Final = "/export?view=past&sector=health"


async def test_a_list_is_asked_for_with_its_filters_and_a_reason() -> None:
    services = Exports()
    async with bench(services) as at:
        await at.enter(Role.OPERATOR)
        listed = (await at.browser.get("/ru/work?view=past&sector=health")).text
        assert 'href="/ru/export?view=past&amp;sector=health"' in listed
        assert 'value="http://127.0.0.1:8100/ru/work?view=past&amp;sector=health"' in listed, "the list's own address"
        page = (await at.browser.get(f"/ru{ASKED}")).text
        form = at.form(page, "export")
        bare = await at.browser.post(f"/ru{ASKED}", data={**form, "why": " "})
        assert bare.status_code == 422 and 'href="#why"' in bare.text and not services.posts
        done = await at.browser.post(f"/ru{ASKED}", data={**form, "why": "Отчёт за месяц", "do": "send"})
        assert (done.status_code, done.headers["location"]) == (303, f"/ru/export/{EXPORT}")
        [sent] = services.posts
        assert sent.headers["idempotency-key"] == form["key"]
        said = json.loads(sent.content)
        assert said == {
            "list": "cases",
            "filters": {"view": "past", "sector": "health"},
            "format": "jsonl",
            "language": "ru",
            "why": "Отчёт за месяц",
        }


@pytest.mark.parametrize("status", [503, 429, 422])
async def test_what_it_is_for_stays_whatever_is_answered_and_in_another_language(status: int) -> None:
    services = Exports()
    async with bench(services) as at:
        await at.enter(Role.AUDITOR)
        services.answer = httpx.Response(status, json={"title": "export.share", "detail": "Подождите."})
        form = {**at.form((await at.browser.get(f"/ru{ASKED}")).text, "export"), "why": "Отчёт за месяц"}
        answer = await at.browser.post(f"/ru{ASKED}", data={**form, "do": "send"})
        assert answer.status_code == status and ">Отчёт за месяц</textarea>" in answer.text
        other = await at.browser.post(f"/ru{ASKED}", data={**form, "switch_language": "be"})
        assert other.headers["location"] == f"/be{ASKED}"
        assert ">Отчёт за месяц</textarea>" in (await at.browser.get(other.headers["location"])).text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_its_page_says_how_far_it_is_then_gives_the_file(language: str) -> None:
    services = Exports()
    async with bench(services) as at:
        await at.enter(Role.APPROVER)
        making = (await at.browser.get(f"/{language}/export/{EXPORT}")).text
        assert 'id="making"' in making and "&lt;b&gt;Отчёт" in making and "/file" not in making
        assert (await at.browser.get(f"/{language}/export/{EXPORT}/file")).status_code == 410
        services.state = "ready"
        assert f'href="/{language}/export/{EXPORT}/file"' in (await at.browser.get(f"/{language}/export/{EXPORT}")).text
        file = await at.browser.get(f"/{language}/export/{EXPORT}/file")
        assert file.content.startswith("\ufeff".encode()) and "attachment" in file.headers["content-disposition"]
        head, first, second = csv.reader(io.StringIO(file.content.decode("utf-8-sig"), newline=""), delimiter=";")
        assert first[1] == f"'={HARMFUL}\u2028;", "no formula, and one cell"
        assert (second[0], second[-1]) == ("ПП-2026-000002", f"http://127.0.0.1:8100/{language}/case/p-2")
        assert len(head) == len(first) == len(second) and not any("export." in one for one in head)
        assert {"ru": "оператор: назначить", "be": "аператар: прызначыць", "en": "operator: assign"}[language] in (
            second[head.index({"ru": "Чей ход", "be": "Чый ход", "en": "Whose move"}[language])]
        )


async def test_an_expert_is_offered_no_list_to_take() -> None:
    async with bench(Exports()) as at:
        await at.enter(Role.EXPERT)
        assert "take-out" not in (await at.browser.get("/ru/work")).text
        assert (await at.browser.get(f"/ru{ASKED}")).status_code == 404
