"""What somebody began to type on a page that has several forms: it is there again, whatever came between."""

import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import httpx
import pytest

from contracts.reference import Role
from tests.kit.desk.bench import Answers, Bench, bench
from tests.kit.desk.cases import answering
from tests.kit.desk.services import Services
from tests.kit.desk.world import World
from tests.kit.expertise.play import FIRST, Play
from tests.unit.desk.test_pages import services


@dataclass(frozen=True)
class Begun:
    """A page, whose, before which services, its form, and what is typed there; `seen`: how it stands on the page."""

    path: str
    who: Role
    full: Callable[[], Answers]
    form: str
    typed: Mapping[str, str]
    seen: tuple[str, ...]
    query: str = ""
    do: str = ""
    sent: str = ""


WHY: Final = "Потому что <важно>"
AREA: Final = ">Потому что &lt;важно&gt;</textarea>"
LINES: Final = (
    Begun(
        "/case/p-1",
        Role.APPROVER,
        lambda: answering(Play().to_approve()),
        "acts",
        {"send-back-why": WHY},
        (AREA, '<details class="desk-more" open>'),
        do="send-back",
    ),
    Begun(
        "/look-over/p-1",
        Role.OFFICER,
        lambda: services,
        "acts",
        {"reason": WHY, "body": "Суд", "kind": "решение", "number": "17", "date": "2026-04-16"},
        (AREA, 'value="Суд"', 'value="2026-04-16"', '<details class="desk-more" open>'),
        do="stop",
    ),
    Begun(
        "/board",
        Role.OPERATOR,
        lambda: services,
        "handover",
        {"expert": "expert-17", "why": WHY},
        (AREA, '<option value="expert-17" selected>'),
        "by=expert",
    ),
    Begun(
        "/work",
        Role.OPERATOR,
        Services,
        "bulk",
        {"case": "p-2|7", "expert_to": "expert-17", "why": WHY},
        ('value="Потому что &lt;важно&gt;"', 'value="p-2|&#34;7&#34;" aria-label="Выбрать ПП-2026-000002" checked'),
        "status=unassigned",
        do="assign",
        sent="expert-17",
    ),
)


def address(one: Begun, language: str = "ru") -> str:
    return f"/{language}{one.path}" + (f"?{one.query}" if one.query else "")


async def filled(at: Bench, one: Begun) -> dict[str, str]:
    page = (await at.browser.get(address(one))).text
    return {**at.form(page, one.form), **one.typed}


async def sees(at: Bench, one: Begun, language: str = "ru") -> str:
    page = (await at.browser.get(address(one, language))).text
    for said in one.seen:
        assert said.replace("Выбрать", "Выбрать" if language == "ru" else "Select") in page, (said, page[-9000:])
    assert 'id="kept"' in page
    return page


def gone(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("killed")


@pytest.mark.parametrize("one", LINES, ids=lambda one: one.path)
async def test_words_outlive_a_service_that_is_gone_for_reading_too_and_have_one_effect(one: Begun) -> None:
    world = World()
    world.becomes(one.full())
    async with bench(world) as at:
        await at.enter(one.who)
        form = await filled(at, one)
        world.becomes(gone)
        answer = await at.browser.post(address(one), data={**form, "do": one.do})
        assert answer.status_code == 503
        world.answers = one.full()
        page = await sees(at, one)
        again = at.form(page, one.form)
        assert again["key"] == form["key"]
        at.asked.clear()
        await at.browser.post(address(one), data={**form, **again, "do": one.do})
        [sent] = [sent for sent in at.asked if sent.method == "POST"]
        assert sent.headers["idempotency-key"].startswith(form["key"]) and (one.sent or WHY) in str(
            json.loads(sent.content)
        )
        assert 'id="kept"' not in (await at.browser.get(address(one))).text


@pytest.mark.parametrize("one", LINES, ids=lambda one: one.path)
async def test_words_are_there_after_signing_in_again_and_in_another_language(one: Begun) -> None:
    async with bench(one.full()) as at:
        session = await at.enter(one.who)
        form = await filled(at, one)
        await at.desk.sessions.end(session.cookie)
        answer = await at.browser.post(address(one), data={**form, "do": one.do})
        assert "/ru/sign-in?then=" in answer.headers["location"]
        await at.enter(one.who)
        form |= at.form(await sees(at, one), one.form)
        other = await at.browser.post(address(one), data={**form, "switch_language": "en"})
        assert other.headers["location"] == address(one, "en")
        await sees(at, one, "en")
        assert not [sent for sent in at.asked if sent.method == "POST"]


@pytest.mark.parametrize("one", LINES, ids=lambda one: one.path)
async def test_another_language_keeps_nothing_where_nothing_was_typed(one: Begun) -> None:
    async with bench(one.full()) as at:
        await at.enter(one.who)
        form = at.form((await at.browser.get(address(one))).text, one.form)
        await at.browser.post(address(one), data={**form, "switch_language": "en"})
        assert 'id="kept"' not in (await at.browser.get(address(one, "en"))).text


async def test_what_was_chosen_on_work_is_chosen_once_more_and_no_longer() -> None:
    work = LINES[-1]
    async with bench(Services()) as at:
        await at.enter(work.who)
        form = await filled(at, work)
        await at.browser.post(address(work), data={**form, "switch_language": "en"})
        await sees(at, work, "en")
        assert " checked>" not in (await at.browser.get(address(work))).text.partition('id="cases"')[2]


async def test_enter_in_a_field_of_a_stop_stops_and_does_nothing_where_a_return_is_begun_too() -> None:
    stop = LINES[1]
    async with bench(services) as at:
        await at.enter(stop.who)
        form = await filled(at, stop)
        both = await at.browser.post(address(stop), data={**form, "text": "Или вернуть?", "do": "send"})
        assert html.unescape(both.text).count("Или вернуть?</textarea>") == 1
        assert not [sent for sent in at.asked if sent.method == "POST"]
        await at.browser.post(address(stop), data={**form, "do": "send"})
        assert [sent.url.path for sent in at.asked if sent.method == "POST"] == ["/v1/applications/p-1/stop"]


async def test_a_fault_of_what_is_done_to_one_of_several_leads_to_its_own_field() -> None:
    async with bench(answering(Play().open().seat(FIRST))) as at:
        await at.enter(Role.OPERATOR)
        page = (await at.browser.get("/ru/case/p-1")).text
        bare = await at.browser.post("/ru/case/p-1", data={**at.form(page, "acts"), "do": f"release:{FIRST}"})
        assert f'href="#release-why-{FIRST}"' in bare.text and f'id="release-why-{FIRST}"' in bare.text


async def test_blanks_in_a_filter_are_none_and_an_address_that_cannot_be_is_not_there() -> None:
    async with bench(Services()) as at:
        await at.enter(Role.OPERATOR)
        await at.browser.get("/ru/work?agency=%20&number=%20%D0%9F%D0%9F-1%20")
        [asked] = [one.url.params for one in at.asked if one.url.path == "/v1/reviews"]
        assert "agency" not in asked and asked["number"] == "ПП-1"
        assert (await at.browser.get("/ru/case/%00")).status_code == 404
        assert (await at.browser.get("/ru/views")).headers["location"] == "/ru/work"


async def test_who_may_is_told_by_roles_as_people_call_them() -> None:
    detail = "Для этого нужна одна из ролей: council-secretary, officer."
    refused = httpx.Response(403, json={"title": "auth.role", "detail": detail})
    async with bench(lambda _request: refused) as at:
        await at.enter(Role.OPERATOR)
        page = (await at.browser.get("/ru/look-over")).text
        assert "одна из ролей: секретарь Совета, " in page and "officer" not in page.partition("<main")[2]


async def test_what_was_typed_for_another_action_outlives_the_one_that_was_done() -> None:
    async with bench(answering(Play().open())) as at:
        await at.enter(Role.OPERATOR)
        form = at.form((await at.browser.get("/ru/case/p-1")).text, "acts")
        typed = {**form, "conflict-text": WHY, "do": "claim"}
        assert (await at.browser.post("/ru/case/p-1", data=typed)).status_code == 303
        page = (await at.browser.get("/ru/case/p-1")).text
        assert AREA in page and at.form(page, "acts")["key"] != form["key"]


async def test_a_form_of_another_sign_in_does_nothing_and_gives_back_what_was_typed() -> None:
    async with bench(answering(Play().to_approve())) as at:
        await at.enter(Role.APPROVER)
        form = await filled(at, LINES[0])
        for enters in (True, False):  # who signed in anew in another window, and who signed out there
            if enters:
                await at.enter(Role.APPROVER)
            else:
                at.browser.cookies.clear()
            answer = await at.browser.post(address(LINES[0]), data={**form, "do": "send-back"})
            assert answer.status_code == 403 and f'<li class="desk-text">{html.escape(WHY)}</li>' in answer.text
            assert form["key"] not in answer.text
        assert not [sent for sent in at.asked if sent.method == "POST"]
