"""The pages of a case, before cases that the expertise's own domain has made."""

import html
import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from contracts.words import LANGUAGES
from deploy.samples.expertise import APPEALS
from tests.kit.desk.bench import Bench, bench
from tests.kit.desk.cases import PILOT, answering
from tests.kit.expertise.play import FIRST, SECOND, Play

AT = f"/ru/case/{PILOT}"
STATUSES: dict[str, Callable[[], Play]] = {
    "opened": lambda: Play().open(),
    "seated": lambda: Play().open().seat(FIRST),
    "asked": lambda: Play().open().judge(FIRST).asked(),
    "to-conclude": lambda: Play().to_conclude(),
    "to-approve": lambda: Play().to_approve(),
    "concluded": lambda: Play().concluded(),
    "appealed": lambda: Play(APPEALS).appealed(),
    "closed": lambda: Play().closed(),
}


def text_of(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


@pytest.mark.parametrize("status", STATUSES)
async def test_a_case_is_shown_in_every_status_to_everybody_in_three_languages(status: str) -> None:
    play = STATUSES[status]()
    for role, expert in (("operator", None), ("approver", None), ("auditor", None), ("expert", FIRST)):
        async with bench(answering(play, expert)) as at:
            await at.enter(role)
            for language in LANGUAGES:
                answer = await at.browser.get(f"/{language}/case/{PILOT}")
                assert answer.status_code == 200, answer.text[:500]
                assert play.case.number in answer.text and play.case.application.title in html.unescape(answer.text)
                said = text_of(answer.text)
                assert not re.findall(r"\b(?:act|why-not|status|case|form|verdict|place)\.[a-z-]+", said)
                assert "{" not in said


async def test_a_conclusion_stands_in_the_timeline_on_its_day_after_all_that_led_to_it() -> None:
    play = Play().concluded()
    async with bench(answering(play)) as at:
        await at.enter("operator")
        page = (await at.browser.get(AT)).text
        steps = [text_of(one) for one in page[page.index('id="timeline"') :].partition("</ol>")[0].split("<li>")[1:]]
        [place] = [n for n, one in enumerate(steps) if play.case.conclusions[0].number in one]
        assert ":" not in steps[place], "a day has no hour"
        assert not [one for one in steps[:place] if "мнение" in one.lower() or "эксперт" in one.lower()]


async def test_an_expert_sees_no_other_expert_while_opinions_are_blind() -> None:
    play = Play().open().judge(FIRST).seat(SECOND)
    async with bench(answering(play, SECOND)) as at:
        await at.enter("expert")
        page = (await at.browser.get(AT)).text
        assert FIRST not in page and "Мнение." not in page


async def test_an_action_goes_on_the_revision_that_was_seen_with_the_key_of_its_form() -> None:
    async with bench(answering(Play().open())) as at:
        await at.enter("operator")
        form = at.form((await at.browser.get(AT)).text, "acts")
        answer = await at.browser.post(AT, data={**form, "do": "claim"})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{AT}?done=claim")
        [sent] = [one for one in at.asked if one.method == "POST"]
        assert sent.url.path == f"/v1/reviews/{PILOT}/claim"
        assert (sent.headers["if-match"], sent.headers["idempotency-key"]) == ('"7"', f"{form['key']}:claim")
        assert "Дело у вас в работе." in (await at.browser.get(f"{AT}?done=claim")).text


async def test_an_action_without_its_words_says_so_at_its_field_and_asks_nobody() -> None:
    async with bench(answering(Play().to_approve())) as at:
        await at.enter("approver")
        form = at.form((await at.browser.get(AT)).text, "acts")
        answer = await at.browser.post(AT, data={**form, "do": "send-back", "send-back-why": " "})
        assert answer.status_code == 422 and 'href="#send-back-why"' in answer.text
        assert not [one for one in at.asked if one.method == "POST"]


def problem(status: int, title: str, **more: Any) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _request: httpx.Response(status, json={"title": title, "detail": "Нельзя.", **more})


async def opened(at: Bench) -> dict[str, str]:
    page = (await at.browser.get(f"{AT}/opinion")).text
    scores = {f"score-{code}": "4" for code in re.findall(r'name="reason-([\w-]+)"', page)}
    reasons = {name.replace("score", "reason"): "Потому." for name in scores}
    return {**at.form(page, "written"), **scores, **reasons, "verdict": "positive", "text": "Мои слова"}


async def test_an_opinion_is_sent_whole() -> None:
    async with bench(answering(Play().open().seat(FIRST), FIRST)) as at:
        await at.enter("expert")
        answer = await at.browser.post(f"{AT}/opinion", data={**await opened(at), "do": "send"})
        assert answer.headers["location"] == f"{AT}?done=opinion"
        [sent] = [one for one in at.asked if one.method == "POST"]
        said = json.loads(sent.content)
        assert (said["verdict"], said["text"], said["remarks"]) == ("positive", "Мои слова", [])
        assert {(one["value"], one["reason"]) for one in said["scores"]} == {(4, "Потому.")}


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (problem(422, "request.invalid", problems=[{"pointer": "/text", "message": "Слишком длинно"}]), 422),
        (problem(412, "revision.gone"), 412),
        (problem(503, "store.away"), 503),
        (problem(409, "case.closed"), 409),
    ],
    ids=["faults", "changed", "away", "refused"],
)
async def test_whatever_is_answered_the_words_stay_and_are_the_writers_draft(answer: Any, status: int) -> None:
    play = Play().open().seat(FIRST)
    async with bench(answering(play, FIRST, answer)) as at:
        await at.enter("expert")
        form = await opened(at)
        play.seat(SECOND)
        found = await at.browser.post(f"{AT}/opinion", data={**form, "do": "send"})
        assert found.status_code == status and 'id="faults"' in found.text
        assert ">Мои слова</textarea>" in found.text and found.text.count(">Потому.</textarea>") >= 5
        again = (await at.browser.get(f"/en/case/{PILOT}/opinion")).text
        assert ">Мои слова</textarea>" in again and 'id="kept"' in again
        if status == 503:
            assert at.form(again, "written")["key"] == form["key"], "sent again it has one effect"
        if status == 422:
            assert 'href="#text"' in found.text and "Слишком длинно" in found.text


async def test_the_words_of_a_form_whose_sign_in_ran_out_are_there_after_signing_in_again_and_have_one_effect() -> None:
    async with bench(answering(Play().open().seat(FIRST), FIRST)) as at:
        session = await at.enter("expert")
        form = await opened(at)
        await at.desk.sessions.end(session.cookie)
        answer = await at.browser.post(f"{AT}/opinion", data={**form, "do": "send"})
        assert answer.headers["location"] == f"/ru/sign-in?then=/case/{PILOT}/opinion"
        assert not [one for one in at.asked if one.method == "POST"]
        await at.enter("expert")
        again = (await at.browser.get(f"{AT}/opinion")).text
        assert ">Мои слова</textarea>" in again and again.count(">Потому.</textarea>") >= 5
        assert at.form(again, "written")["key"] == form["key"]
        form |= at.form(again, "written")
        done = [await at.browser.post(f"{AT}/opinion", data={**form, "do": "send"}) for _ in range(2)]
        assert [one.status_code for one in done] == [303, 303]
        keys = [one.headers["idempotency-key"] for one in at.asked if one.method == "POST"]
        assert keys == [form["key"]] * 2, "the service answers the second as it did the first"


async def test_after_a_412_both_versions_are_shown_and_the_form_goes_on_from_the_newer_one() -> None:
    play = Play().open().seat(FIRST)
    async with bench(answering(play, None, problem(412, "revision.gone"))) as at:
        await at.enter("operator")
        page = (await at.browser.get(AT)).text
        play.seat(SECOND)
        answer = await at.browser.post(AT, data={**at.form(page, "acts"), "do": "claim"})
        assert answer.status_code == 412
        versions = text_of(answer.text[answer.text.index('id="versions"') :].partition("</section>")[0])
        assert FIRST in versions and f"{FIRST}, {SECOND}" in versions


async def test_a_row_more_a_preview_a_saved_draft_and_another_language_keep_what_was_typed() -> None:
    async with bench(answering(Play().to_conclude())) as at:
        await at.enter("operator")
        page = (await at.browser.get(f"{AT}/conclusion")).text
        form = {**at.form(page, "written"), "verdict": "positive", "text": "Заключаю", "remark-1": "Раз"}
        more = (await at.browser.post(f"{AT}/conclusion", data={**form, "more": "1"})).text
        assert 'name="remark-2"' in more and ">Раз</textarea>" in more
        seen = (await at.browser.post(f"{AT}/conclusion", data={**form, "preview": "1"})).text
        assert "Заключаю" in text_of(seen[seen.index('id="preview"') :].partition("</section>")[0])
        saved = await at.browser.post(f"{AT}/conclusion", data={**form, "save_draft": "1"})
        assert saved.headers["location"] == f"{AT}/conclusion?saved=1"
        other = await at.browser.post(f"{AT}/conclusion", data={**form, "switch_language": "be"})
        assert other.headers["location"] == f"/be/case/{PILOT}/conclusion"
        assert ">Заключаю</textarea>" in (await at.browser.get(other.headers["location"])).text
        assert not [one for one in at.asked if one.method == "POST"]


async def test_a_request_says_what_the_clock_will_do() -> None:
    async with bench(answering(Play().open().judge(FIRST))) as at:
        await at.enter("operator")
        page = (await at.browser.get(f"{AT}/request")).text
        assert "Срок экспертизы остановится до ответа. На ответ 10 рабочих дней." in page
        form = {**at.form(page, "written"), "item-1": "Кто?", "field-1": "executor", "on_expiry": "decide"}
        await at.browser.post(f"{AT}/request", data={**form, "do": "send"})
        [sent] = [one for one in at.asked if one.method == "POST"]
        item = {"id": "item-1", "text": "Кто?", "field": "executor"}
        assert json.loads(sent.content) == {"items": [item], "on_expiry": "decide"}
