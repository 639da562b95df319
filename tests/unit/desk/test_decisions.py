"""Decisions and the register's card, before a register that decides by its own domain."""

import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

import pytest

from contracts.event import Fact
from contracts.reference import Effectiveness, Expediency, Role
from contracts.registry import REGISTRY, ExpediencyDecidedV1
from contracts.words import LANGUAGES, Language
from deploy.samples import registry as say
from deploy.samples.common import body, with_switches
from deploy.samples.registry import ALL_ON
from services.desk import fields
from services.desk.pages import decisions, papers, steps
from services.desk.words import words_of
from services.registry.domain.stages import Stage
from tests.kit.desk.bench import Bench, bench
from tests.kit.desk.register import PILOT, Register
from tests.kit.desk.services import HARMFUL
from tests.kit.registry.life import Life, at

WORDS = words_of("Europe/Minsk")
HERE = "/ru/decisions"
AT = f"{HERE}/{PILOT}"
TOLD = (Stage.SUSPENDED, Stage.SCALED, Stage.CREDITED)
"""Where most was recorded."""
DECIDERS = (Role.COUNCIL_SECRETARY, Role.HEAD_ORGANISATION, Role.COMMISSION_SECRETARY, Role.REGISTRAR, Role.AUDITOR)
IDS = re.compile(
    r"\b(?:awaited|decision|enter|missing|entry|why-not|case|form|what|said|fact|mover|stage|life)\.[a-z-]+"
)


@pytest.fixture(autouse=True)
def _every_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The edition has every way that a pilot can go, as the register's own book in these tests has."""
    monkeypatch.setattr(papers, "load", lambda: ALL_ON)


def text_of(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


def faults_of(page: str) -> list[str]:
    """The fields that the summary of faults leads to; each must be there."""
    named = re.findall(r'href="#([\w-]+)"', page[page.index('id="faults"') :].partition("</ul>")[0])
    assert all(f'id="{one}"' in page for one in named)
    return named


async def typed(at_: Bench, step: str, said: Mapping[str, Any], card: Mapping[str, Any]) -> dict[str, Any]:
    """A form with what an entry says typed into it."""
    page = (await at_.browser.get(f"{AT}/{step}")).text
    parts = steps.BY_NAME[step].parts(card)
    lists = {name: value for name, value in said.items() if name == "present"}
    return {**at_.form(page, "written"), **fields.first(parts, said), **lists, "do": "send"}


@pytest.mark.parametrize("stage", Stage)
async def test_the_card_of_a_pilot_at_every_stage_offers_each_step_or_says_why_not_and_who_may(stage: Stage) -> None:
    register = Register(at(stage))
    async with bench(register) as desk:
        for role in DECIDERS:
            await desk.enter(role)
            for language in LANGUAGES if role is Role.REGISTRAR and stage in TOLD else ("ru",):
                answer = await desk.browser.get(f"/{language}/decisions/{PILOT}")
                assert answer.status_code == 200, answer.text[:300]
                said = text_of(answer.text)
                assert not IDS.findall(said) and "{" not in said
                card = register.card()
                offered = re.findall(rf'href="/{language}/decisions/{PILOT}/([a-z-]+)"', answer.text)
                right = [
                    one.name
                    for one in steps.STEPS
                    if one.role is role and stage in one.stages and not one.when(card, desk.desk.words["ru"])
                ]
                assert offered == right
                assert answer.text.count("<dt><strong>") >= len(steps.STEPS) - len(right)


def as_sent(said: Any) -> Any:
    """What a step says, without what it leaves out."""
    match said:
        case dict():
            return {k: as_sent(v) for k, v in said.items() if v is not None}
        case list():
            return [as_sent(one) for one in said]
        case _:
            return said


def way(stage: Stage, name: str, life: Life) -> Any:
    """What is entered at a step, as the samples of the project have it."""
    day = life.day
    match name:
        case "expediency":
            return say.decide(day=day)
        case "credit":
            return say.credit(True, day)
        case "agreement":
            return say.steps(Stage.AGREED, day)[0]
        case "agreement-failure":
            return say.fail_to_agree(day)
        case "launch":
            return say.launch(day)
        case "suspension":
            return say.pause(day)
        case "early-stop":
            return say.stop_early(day)
        case "commission":
            return say.commission(day)
        case "proposal":
            return say.propose(day=day)
        case "judgement":
            return say.judge(day=day)
        case "scaling":
            return say.scale(day=day)
        case _:
            raise AssertionError(name)


ENTERED = [
    (Stage.COUNCIL, "expediency", Role.COUNCIL_SECRETARY, Stage.EXPEDIENT),
    (Stage.EXPEDIENT, "agreement", Role.REGISTRAR, Stage.AGREED),
    (Stage.EXPEDIENT, "agreement-failure", Role.REGISTRAR, Stage.NOT_AGREED),
    (Stage.AGREED, "launch", Role.REGISTRAR, Stage.RUNNING),
    (Stage.RUNNING, "suspension", Role.REGISTRAR, Stage.SUSPENDED),
    (Stage.RUNNING, "early-stop", Role.REGISTRAR, Stage.STOPPED_EARLY),
    (Stage.RUNNING, "commission", Role.HEAD_ORGANISATION, Stage.RUNNING),
    (Stage.FINISHED, "proposal", Role.HEAD_ORGANISATION, Stage.AT_COMMISSION),
    (Stage.AT_COMMISSION, "judgement", Role.COMMISSION_SECRETARY, Stage.EFFECTIVE),
    (Stage.EFFECTIVE, "scaling", Role.COUNCIL_SECRETARY, Stage.SCALED),
]


@pytest.mark.parametrize(("stage", "name", "role", "then"), ENTERED)
async def test_a_step_is_entered_as_it_was_typed_and_the_register_takes_it(
    stage: Stage, name: str, role: Role, then: Stage
) -> None:
    register = Register(at(stage))
    async with bench(register) as desk:
        await desk.enter(role)
        said = body(way(stage, name, register.life))
        form = await typed(desk, name, said, register.card())
        seen = register.rev
        answer = await desk.browser.post(f"{AT}/{name}", data=form)
        assert answer.status_code == 303, text_of(answer.text[answer.text.index('id="faults"') :])[:600]
        assert answer.headers["location"] == f"{AT}?done={name}"
        [sent] = register.sent
        assert (sent.headers["if-match"], sent.headers["idempotency-key"]) == (f'"{seen}"', form["key"])
        assert as_sent(json.loads(sent.content)) == as_sent(said)
        assert register.life.stage == then
        assert 'id="outcome-title"' in (await desk.browser.get(answer.headers["location"])).text


async def test_the_council_decides_on_a_credit_where_the_pilot_goes_for_one() -> None:
    register = Register(Life().credit_asked())
    async with bench(register) as desk:
        await desk.enter(Role.COUNCIL_SECRETARY)
        assert "Решение Совета о зачёте" in (await desk.browser.get(HERE)).text
        assert "нужно решение о зачёте" in text_of((await desk.browser.get(AT)).text)
        said = body(way(Stage.COUNCIL, "credit", register.life))
        answer = await desk.browser.post(f"{AT}/credit", data=await typed(desk, "credit", said, register.card()))
        assert answer.status_code == 303 and register.life.stage == Stage.CREDITED


async def test_a_suspended_pilot_goes_on_and_is_extended_once() -> None:
    register = Register(at(Stage.SUSPENDED))
    async with bench(register) as desk:
        await desk.enter(Role.REGISTRAR)
        basis = {f"basis-{name}": value for name, value in body(say.launch(register.life.day).basis).items()}
        form = desk.form((await desk.browser.get(f"{AT}/resumption")).text, "written")
        said = {**form, **basis, "since": str(register.life.day), "do": "send"}
        assert (await desk.browser.post(f"{AT}/resumption", data=said)).status_code == 303
        assert register.life.stage == Stage.RUNNING
        until = register.life.pilot.until
        assert until is not None
        form = desk.form((await desk.browser.get(f"{AT}/prolongation")).text, "written")
        said = {**form, **basis, "until": str(until.replace(year=until.year + 1, month=1)), "why": "Ещё месяц."}
        assert (await desk.browser.post(f"{AT}/prolongation", data={**said, "do": "send"})).status_code == 303
        assert register.life.pilot.until != until
        assert "редакция правил это исчерпала" in text_of((await desk.browser.get(AT)).text)


async def test_faults_stand_at_their_fields_all_at_once_and_every_word_stays() -> None:
    register = Register(at(Stage.EXPEDIENT))
    async with bench(register) as desk:
        await desk.enter(Role.REGISTRAR)
        form = desk.form((await desk.browser.get(f"{AT}/agreement")).text, "written")
        said = {"agreement-programme": "Моя программа", "agreement-costs-1-amount_minor": "100,00", "do": "send"}
        answer = await desk.browser.post(f"{AT}/agreement", data={**form, **said})
        assert answer.status_code == 422
        assert {"basis-body", "basis-date", "agreement-indicators-1-code", "agreement-costs-1-source"} <= set(
            faults_of(answer.text)
        )
        assert "Документ – Номер: Обязательное поле не заполнено." in html.unescape(answer.text)
        assert "Соглашение – Показатели – строка 1 – Код: Элементов слишком мало" in html.unescape(answer.text)
        assert ">Моя программа</textarea>" in answer.text and 'value="100,00"' in answer.text
        again = (await desk.browser.get(f"/en/decisions/{PILOT}/agreement")).text
        assert ">Моя программа</textarea>" in again and 'id="kept"' in again
        unread = await desk.browser.post(f"{AT}/agreement", data={**form, "agreement-costs-1-amount_minor": "сто"})
        assert faults_of(unread.text) == ["agreement-costs-1-amount_minor"] and len(register.sent) == 1


async def test_an_agreement_begins_with_what_was_applied_for_and_one_more_row_keeps_what_was_typed() -> None:
    register = Register(at(Stage.EXPEDIENT))
    async with bench(register) as desk:
        await desk.enter(Role.REGISTRAR)
        page = (await desk.browser.get(f"{AT}/agreement")).text
        assert f'value="{register.life.pilot.application.customer.id.value}"' in page
        form = desk.form(page, "written") | {"agreement-indicators-1-code": "мой-код", "more": "agreement-indicators"}
        more = (await desk.browser.post(f"{AT}/agreement", data=form)).text
        assert 'id="agreement-indicators-2-code"' in more and 'value="мой-код"' in more
        assert not register.sent


async def test_somebody_else_was_sooner_both_versions_stand_there_and_the_form_goes_on_from_the_newer_one() -> None:
    register = Register(at(Stage.RUNNING))
    async with bench(register) as desk:
        await desk.enter(Role.REGISTRAR)
        form = await typed(desk, "early-stop", body(say.stop_early(register.life.day)), register.card())
        register.life.do(say.pause(register.life.day))
        answer = await desk.browser.post(f"{AT}/early-stop", data=form)
        assert answer.status_code == 412
        versions = text_of(answer.text[answer.text.index('id="versions"') :].partition("</section>")[0])
        assert "Реализация" in versions and "Реализация приостановлена" in versions
        assert ">Нет денег.</textarea>" in answer.text
        again = {**form, **desk.form(answer.text, "written")}
        assert (await desk.browser.post(f"{AT}/early-stop", data=again)).status_code == 303
        assert register.life.stage == Stage.STOPPED_EARLY


async def test_a_register_that_is_away_keeps_the_words_and_the_key_and_one_sending_has_one_effect() -> None:
    register = Register(at(Stage.COUNCIL))
    async with bench(register) as desk:
        await desk.enter(Role.COUNCIL_SECRETARY)
        form = await typed(desk, "expediency", body(say.decide(day=register.life.day)), register.card())
        register.away = True
        assert (await desk.browser.post(f"{AT}/expediency", data=form)).status_code == 503
        assert "реестр" in text_of((await desk.browser.get(HERE)).text)
        register.away = False
        again = (await desk.browser.get(f"{AT}/expediency")).text
        assert desk.form(again, "written")["key"] == form["key"] and 'value="expedient" checked' in again


async def test_out_of_order_it_is_said_which_steps_are_missing_and_who_makes_each() -> None:
    register = Register(at(Stage.EXPERTISE))
    async with bench(register) as desk:
        await desk.enter(Role.COUNCIL_SECRETARY)
        said = " ".join(text_of((await desk.browser.get(AT)).text).split())
        whole = (
            "Начало реализации Не хватает: Заключение экспертизы (оператор экспертизы), "
            "Решение Совета о целесообразности (секретарь Совета), Соглашение (регистратор). Записывает: регистратор."
        )
        assert whole in said
        form = await desk.browser.get(f"{AT}/expediency")
        assert "Не хватает: Заключение экспертизы" in text_of(form.text)
        sent = {
            **desk.form(form.text, "written"),
            **fields.first(papers.expediency(register.card()), body(say.decide())),
        }
        answer = await desk.browser.post(f"{AT}/expediency", data={**sent, "do": "send"})
        assert answer.status_code == 409 and "этот шаг возможен на этапе" in text_of(answer.text)


def prolonged() -> Life:
    """A pilot that may take longer."""
    life = at(Stage.RUNNING)
    until = life.pilot.until
    assert until is not None
    life.prolong(until + timedelta(days=30))
    return life


def paid() -> Life:
    """A pilot whose executor told what was paid."""
    life = at(Stage.RUNNING)
    life.spend(say.paid(100_00, day=life.day))
    return life


@pytest.mark.parametrize(("language", "typed_so"), [("ru", "100,50"), ("be", "100,50"), ("en", "100.50")])
async def test_an_amount_begins_as_its_language_writes_it_and_is_read_with_a_comma_or_a_point(
    language: str, typed_so: str
) -> None:
    life = at(Stage.RUNNING)
    life.spend(say.paid(100_50, day=life.day))
    register = Register(life)
    async with bench(register) as desk:
        await desk.enter(Role.REGISTRAR)
        path = f"/{language}/decisions/{PILOT}/correction/spending/1"
        page = (await desk.browser.get(path)).text
        assert f'name="content-payments-1-amount_minor" value="{typed_so}"' in page
        for amount in (typed_so, "100.50", "100,50"):
            form = {**desk.form(page, "written"), "content-payments-1-amount_minor": amount, "do": "send"}
            await desk.browser.post(path, data={**form, "key": amount})
            assert json.loads(register.sent[-1].content)["content"]["payments"][0]["amount_minor"] == 100_50


async def test_a_member_of_a_commission_is_entered_by_name_alone_and_chosen_by_it() -> None:
    register = Register(at(Stage.FINISHED))
    async with bench(register) as desk:
        await desk.enter(Role.HEAD_ORGANISATION)
        page = (await desk.browser.get("/ru/people")).text
        assert "Пока никто не записан." in page and 'href="/ru/people"' in page
        form = desk.form(page, "people")
        bare = await desk.browser.post("/ru/people", data={**form, "name": " ", "phone": "17"})
        assert bare.status_code == 422 and 'href="#name"' in bare.text and 'value="17"' in bare.text
        for name in ("Первая Членова", "<b>Второй Членов", "Третий Членов"):
            form = desk.form((await desk.browser.get("/ru/people")).text, "people")
            done = await desk.browser.post("/ru/people", data={**form, "name": name, "do": "send"})
            assert done.headers["location"] == "/ru/people?done=person"
        shown = (await desk.browser.get("/ru/people?done=person")).text
        assert "&lt;b&gt;Второй Членов" in shown and "Записано 3 человека" in html.unescape(shown)
        page = (await desk.browser.get(f"{AT}/commission")).text
        first, second, third = register.people
        assert [one for one in register.people if f'value="{one}"' in page] == [first, second, third]
        assert "Первая Членова" in page and "<textarea" not in page[page.index('name="members"') :]
        basis = {f"basis-{name}": value for name, value in body(say.launch(register.life.day).basis).items()}
        said = {**desk.form(page, "written"), **basis, "members": [first, third], "secretary": second, "do": "send"}
        few = await desk.browser.post(f"{AT}/commission", data=said)
        assert json.loads(register.sent[-1].content)["members"] == [first, third]
        assert few.status_code in (303, 409, 422) and "Первая Членова" in (few.text or "Первая Членова")
        renamed = (await desk.browser.get(f"/ru/people?id={first}")).text
        assert 'value="Первая Членова"' in renamed and desk.form(renamed, "people")["id"] == first
        assert "записанное ранее сохранится" in renamed and "записанное ранее" not in page
        for said, sent in (
            ({}, {"name": "Первая"}),
            ({"phone": "17"}, {"name": "Первая", "phone": "17"}),
            ({"phone": "17", "drop": "1"}, {"name": "Первая", "email": None, "phone": "17"}),
        ):
            form = desk.form((await desk.browser.get(f"/ru/people?id={first}")).text, "people")
            form.pop("drop", None)
            await desk.browser.post("/ru/people", data={**form, "name": "Первая", **said, "do": "send"})
            assert json.loads(register.sent[-1].content) == sent


CORRECTED: list[tuple[Stage | Callable[[], Life], str, dict[str, str]]] = [
    (Stage.EXPEDIENT, "expediency", {"content-basis-number": "9-испр"}),
    (Stage.AGREED, "agreement", {"content-agreement-costs-1-amount_minor": "7,77"}),
    (Stage.RUNNING, "launch", {"content-basis-number": "9-испр"}),
    (Stage.SUSPENDED, "suspension", {"content-why": "Пожар."}),
    (Stage.STOPPED_EARLY, "ending", {"content-text": "Нет денег совсем."}),
    (Stage.AT_COMMISSION, "commission", {"content-basis-number": "9-испр"}),
    (Stage.AT_COMMISSION, "proposal", {"content-values-1-reason": "Иначе."}),
    (Stage.EFFECTIVE, "judgement", {"content-text": "Другой протокол."}),
    (Stage.SCALED, "scaling", {"content-evidence": "Другое."}),
    (Stage.CREDITED, "credit", {"content-evidence": "Работает с 2023 года."}),
    (prolonged, "extension", {"content-why": "Поставка задержана дважды."}),
    (paid, "spending", {"content-payments-1-document": "акт-испр"}),
]


@pytest.mark.parametrize(("come", "what", "changed"), CORRECTED, ids=[what for _come, what, _changed in CORRECTED])
async def test_an_entry_is_corrected_with_a_reason_and_what_was_decided_stays(
    come: Stage | Callable[[], Life], what: str, changed: dict[str, str]
) -> None:
    register = Register(at(come) if isinstance(come, Stage) else come())
    async with bench(register) as desk:
        await desk.enter(Role.REGISTRAR)
        path = f"{AT}/correction/{what}/1"
        assert f'href="{path}"' in (await desk.browser.get(AT)).text
        card = register.card()
        record = papers.RECORD_OF[what]
        entry = record.entries(card)[0]
        page = (await desk.browser.get(path)).text
        begun = fields.first((fields.Group("content", record.editable(card, entry)),), {"content": entry})
        basis = {f"basis-{name}": value for name, value in body(say.launch(register.life.day).basis).items()}
        form = {**desk.form(page, "written"), **begun, **basis, **changed, "do": "send"}
        lacking = await desk.browser.post(path, data=form)
        assert lacking.status_code == 422 and faults_of(lacking.text) == ["reason"]
        answer = await desk.browser.post(
            path, data={**form, **desk.form(lacking.text, "written"), "reason": "Опечатка."}
        )
        assert answer.headers.get("location") == f"{AT}?done=correction", text_of(answer.text)[:900]
        [_, sent] = [json.loads(one.content) for one in register.sent]
        assert (sent["what"], sent["place"], sent["reason"]) == (what, 1, "Опечатка.")
        assert all(sent["content"][name] == entry[name] for name in record.fixed if entry[name] is not None)
        shown = text_of((await desk.browser.get(AT)).text)
        assert next(iter(changed.values())) in shown and "Исправлена запись о" in shown


def test_every_kind_of_entry_that_can_be_corrected_is_corrected_in_a_test() -> None:
    assert {what for _come, what, _changed in CORRECTED} == set(papers.RECORD_OF)


SWITCHED = [
    (Stage.COUNCIL, "expediency", Role.COUNCIL_SECRETARY, Expediency.POSTPONED, Stage.COUNCIL),
    (Stage.FINISHED, "proposal", Role.HEAD_ORGANISATION, Effectiveness.PARTLY, Stage.AT_COMMISSION),
    (Stage.AT_COMMISSION, "judgement", Role.COMMISSION_SECRETARY, Effectiveness.PARTLY, Stage.PARTLY_EFFECTIVE),
]


@pytest.mark.parametrize(("stage", "name", "role", "chosen", "then"), SWITCHED)
async def test_what_a_switch_of_the_edition_allows_is_offered_and_sent_where_it_is_on_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, stage: Stage, name: str, role: Role, chosen: str, then: Stage
) -> None:
    life = Life().at_commission(Effectiveness.PARTLY) if name == "judgement" else at(stage)
    register = Register(life)
    ways: dict[str, Any] = {
        "expediency": say.decide(Expediency.POSTPONED, life.day),
        "proposal": say.propose(Effectiveness.PARTLY, day=life.day),
        "judgement": say.judge(Effectiveness.PARTLY, day=life.day),
    }
    entered = ways[name]
    async with bench(register) as desk:
        await desk.enter(role)
        monkeypatch.setattr(papers, "load", lambda: with_switches(council_may_postpone=False, partly_effective=False))
        assert f'value="{chosen}"' not in (await desk.browser.get(f"{AT}/{name}")).text
        monkeypatch.setattr(papers, "load", lambda: with_switches(council_may_postpone=True, partly_effective=True))
        assert f'value="{chosen}"' in (await desk.browser.get(f"{AT}/{name}")).text
        answer = await desk.browser.post(f"{AT}/{name}", data=await typed(desk, name, body(entered), register.card()))
        assert answer.status_code == 303, text_of(answer.text[answer.text.index('id="faults"') :])[:600]
        [sent] = register.sent
        assert as_sent(json.loads(sent.content)) == as_sent(body(entered))
        assert register.life.stage == then


async def test_only_a_registrar_is_offered_corrections() -> None:
    async with bench(Register(at(Stage.EXPEDIENT))) as desk:
        await desk.enter(Role.COUNCIL_SECRETARY)
        assert "/correction/" not in (await desk.browser.get(AT)).text
        assert (await desk.browser.get(f"{AT}/correction/nothing/1")).status_code == 404
        assert (await desk.browser.get(f"{AT}/nothing")).status_code == 404


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_list_stands_in_groups_by_what_is_awaited_its_whole_state_in_its_address(language: str) -> None:
    register = Register(at(Stage.COUNCIL), title=HARMFUL)
    async with bench(register) as desk:
        await desk.enter(Role.COUNCIL_SECRETARY)
        assert (await desk.browser.get(f"/{language}/work")).headers["location"] == f"/{language}/decisions"
        page = (await desk.browser.get(f"/{language}/decisions?sector=health")).text
        assert "<script>alert" not in page and f'href="/{language}/decisions/{PILOT}"' in page
        assert not IDS.findall(text_of(page)) and "{7*7}" in page
        asked = [one for one in desk.asked if one.url.path == "/v1/search"]
        assert [one.url.params.get_list("stage") for one in asked] == [["council"], ["effective", "partly-effective"]]
        assert all((one.url.params["sector"], one.url.params["sort"]) == ("health", "due") for one in asked)
        assert 'view=council&amp;after=further"' in page or "view=council&amp;after=further" in page
        further = (await desk.browser.get(f"/{language}/decisions?view=council&after=further")).text
        assert desk.asked[-1].url.params.get("after") == "further" or any(
            one.url.params.get("after") == "further" for one in desk.asked
        )
        assert f'href="/{language}/decisions?view=council"' in further
        other = (await desk.browser.get(f"/{language}/decisions?view=launch")).text
        assert 'class="govuk-body desk-empty"' in other
        numbered = (await desk.browser.get(f"/{language}/decisions?number=ПП-2026-000123")).text
        assert f'href="/{language}/decisions/{PILOT}"' in numbered


async def test_the_other_roles_see_what_waits_for_them_first() -> None:
    async with bench(Register(at(Stage.EXPEDIENT))) as desk:
        for role, stages in {
            Role.HEAD_ORGANISATION: [["finished"]],
            Role.COMMISSION_SECRETARY: [["at-commission"]],
            Role.REGISTRAR: [["expedient"], ["agreed"], ["suspended"]],
            Role.AUDITOR: [list(one) for one in steps.AWAITED.values()],
        }.items():
            await desk.enter(role)
            desk.asked.clear()
            assert (await desk.browser.get(HERE)).status_code == 200
            searched = [one for one in desk.asked if one.url.path == "/v1/search"]
            assert [one.url.params.get_list("stage") for one in searched] == stages


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_of_an_entry_of_a_timeline_is_told_in_a_sentence_of_its_own(language: Language) -> None:
    """Whatever a fact of the register says by a code, or by yes and no where that is the decision, is one sentence."""
    words, told = WORDS[language], dict[str, tuple[str, str]]()
    for fact in REGISTRY.classes.values():
        for name, values in _codes(fact):
            for value in values:
                row = {"type": fact.TYPE, "what": {name: value, "round": 2}}
                entry = decisions.told(row, {}, words, {})
                told[f"{fact.TYPE}.{value}"] = (entry["what"], entry["says"])
    assert len(told) == 46, "7 of applications, 3 each of 6 decisions, 2 of credits, 7 of terms, 12 that are corrected"
    assert len({sentence for sentence, _ in told.values()}) == len(told), "no two say the same"
    rest = f"{fields.contract(words, 'what.round', '')} 2"
    assert {says for _, says in told.values()} == {rest}, "the code is not said once more behind its sentence"


def _codes(fact: type[Fact]) -> Iterator[tuple[str, Iterable[Any]]]:
    for name, field in fact.model_fields.items():
        if name in decisions.CODED and isinstance(field.annotation, type):
            if issubclass(field.annotation, StrEnum):
                yield name, field.annotation
            elif field.annotation is bool:
                yield name, (True, False)


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("ru", "Совет признал проект целесообразным"),
        ("be", "Савет прызнаў праект мэтазгодным"),
        ("en", "The Council found the pilot expedient"),
    ],
)
def test_a_decision_stands_in_the_timeline_as_a_sentence(language: Language, says: str) -> None:
    row = {"type": ExpediencyDecidedV1.TYPE, "what": {"decision": "expedient"}}
    assert decisions.told(row, {}, WORDS[language], {}) == {"what": says, "who": "", "says": "", "basis": ""}
