"""What becomes of a case beside its conclusion: a term extended, an ending without one, an appeal and its ruling."""

import html
import json
import re
from typing import Any

import pytest

from contracts.entered import enter
from contracts.reference import Role
from contracts.steps import Appeal, AppealDecision, Ending, Step, TermExtension
from deploy.samples.common import BOOK
from deploy.samples.expertise import APPEALS, OPERATOR
from services.desk.pages import allowed
from services.expertise.domain.commands import Claim
from tests.kit.desk.bench import Bench, bench
from tests.kit.desk.cases import PILOT, answering
from tests.kit.expertise.play import FIRST, Play

AT = f"/ru/case/{PILOT}"
BASIS = {"basis-body": "Суд", "basis-kind": "решение", "basis-number": "1", "basis-date": "2026-04-16"}
REASON = BOOK.edition("by-2024").return_reasons.codes[0]


@pytest.fixture
def appeals(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edition with appeals."""
    monkeypatch.setattr(allowed, "load", lambda: APPEALS)


async def sent(at: Bench, name: str, **fields: Any) -> tuple[str, Any]:
    """Fills a page in and sends it: where it went, and what was said."""
    page = (await at.browser.get(f"{AT}/{name}")).text
    answer = await at.browser.post(f"{AT}/{name}", data={**at.form(page, "written"), **fields, "do": "send"})
    assert answer.headers.get("location") == f"{AT}?done={name}", answer.text[-2000:]
    assert "outcome-title" in (await at.browser.get(answer.headers["location"])).text
    last = [one for one in at.asked if one.method == "POST"][-1]
    return last.url.path.removeprefix(f"/v1/reviews/{PILOT}/"), json.loads(last.content)


def taken(step: type[Step], said: Any) -> bool:
    """Whether the expertise can read it as a step."""
    return enter(step, said) is not None


async def why_not(at: Bench, name: str) -> str:
    """What the page says of an action that cannot be done now."""
    page = html.unescape((await at.browser.get(AT)).text)
    title = at.desk.words["ru"].code("act", name)
    found = re.search(rf"<strong>{title}</strong></dt><dd>([^<]*)</dd>", page)
    return found[1] if found else ""


async def test_an_operator_extends_a_term_that_the_edition_lets_be_extended_once() -> None:
    play = Play().open().seat(FIRST)
    async with bench(answering(play)) as at:
        await at.enter(Role.OPERATOR)
        assert await sent(at, "extension", term="expertise", why="Экспертов мало.") == (
            "extensions",
            {"term": "expertise", "why": "Экспертов мало."},
        )
        play.do(enter(TermExtension, {"term": "expertise", "why": "Экспертов мало."}))
        assert await why_not(at, "extension") == "Срока, который можно продлить, нет."
        await at.enter(Role.APPROVER)
        assert await why_not(at, "extension") == "Это делает оператор экспертизы."


@pytest.mark.parametrize("name", ["return", "refusal"])
async def test_a_case_ends_without_a_conclusion_with_coded_reasons(name: str) -> None:
    async with bench(answering(Play().open().seat(FIRST))) as at:
        await at.enter(Role.OPERATOR)
        path, said = await sent(at, name, reasons=[REASON], text="Нет документов.")
        assert (path, said) == (name, {"reasons": [{"code": REASON}], "text": "Нет документов."})
        assert taken(Ending, said)
    async with bench(answering(Play().concluded())) as at:
        await at.enter(Role.OPERATOR)
        assert await why_not(at, name) == "Прекратить дело можно, пока заключение не утверждено."


async def test_who_has_not_the_case_in_hand_is_told_so() -> None:
    play = Play().open()
    play.do(Claim(), OPERATOR.model_copy(update={"id": "op-9"}))
    async with bench(answering(play)) as at:
        await at.enter(Role.OPERATOR)
        told = {await why_not(at, name) for name in ("extension", "return", "refusal")}
        assert told == {"Дело в работе у другого оператора."}


async def test_without_appeals_in_the_edition_it_says_so() -> None:
    async with bench(answering(Play().concluded())) as at:
        await at.enter(Role.OPERATOR)
        assert await why_not(at, "appeal") == "В этой редакции правил нет обжалования."
        await at.enter(Role.APPROVER)
        assert await why_not(at, "ruling") == "Открытой жалобы нет."


@pytest.mark.usefixtures("appeals")
async def test_an_appeal_is_opened_and_decided_by_another_and_an_amendment_carries_the_new_conclusion() -> None:
    async with bench(answering(Play(APPEALS).open())) as at:
        await at.enter(Role.OPERATOR)
        assert await why_not(at, "appeal") == "Обжалуют заключение, которое действует."
    async with bench(answering(Play(APPEALS).concluded())) as at:
        await at.enter(Role.OPERATOR)
        path, said = await sent(at, "appeal", grounds="Не согласны.", **BASIS)
        assert path == "appeal" and taken(Appeal, said)
    async with bench(answering(Play(APPEALS).appealed())) as at:
        await at.enter(Role.APPROVER)
        path, said = await sent(at, "ruling", outcome="upheld", why="Верно.", **BASIS, **{"amended-text": "Набросок"})
        assert path == "appeal/decision" and "amended" not in said and taken(AppealDecision, said)
        new = {"amended-verdict": "negative", "amended-text": "Иначе.", "amended-remarks-1-text": "Мало."}
        new |= {"amended-remarks-1-severity": "major", "amended-remarks-1-must_fix": "1"}
        _, said = await sent(at, "ruling", outcome="amended", why="Неверно.", **BASIS, **new)
        assert said["amended"]["remarks"] == [
            {"code": "remark-1", "text": "Мало.", "severity": "major", "must_fix": True}
        ]
        assert taken(AppealDecision, said)
        assert "Жалоба на" in html.unescape((await at.browser.get(AT)).text)
