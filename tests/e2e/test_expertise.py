"""The expertise on the whole running system: requests, rounds, conflicts, numbers, notices, a follower of the topic."""

import asyncio
import html
import io
import os
import re
import signal
import time
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from pypdf import PdfReader

from contracts.agency import ApplicationResubmittedV1, ApplicationSubmittedV2, ApplicationWithdrawnV1
from contracts.topics import OPERATOR as OPERATORS_SYSTEMS
from deploy.cli.desk import Desk
from deploy.cli.expertise_job import (
    EXPERTS,
    LABORATORY,
    ask_applicant,
    clarification,
    conclude,
    enter_expert,
    etag,
    found,
    review,
)
from deploy.cli.main_job import application
from deploy.cli.publishing import publish, receipts
from deploy.cli.register_job import CLINIC, today
from deploy.local import secrets as passwords
from deploy.local.stack import Stack
from deploy.login import Login
from deploy.samples import expertise as say
from deploy.samples.common import body
from examples.my_open_work import rebuild
from tests.kit.desk.bench import HIDDEN
from tests.kit.desk.people import at_the_desk

OPERATOR, APPROVER = say.OPERATOR.id, say.APPROVER.id
pytestmark = [pytest.mark.timeout(240)]
V2 = ApplicationSubmittedV2.TYPE


def accepted(desk: Desk, agency: str, number: int = 1) -> str:
    """A pilot whose application is with the expertise."""
    event = application(number, agency, kind=V2)
    pilot = str(desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=event).json()["pilot"])
    accept(desk, pilot)
    desk.ask("expertise", f"/v1/reviews/{pilot}", "operator", found)
    return pilot


def accept(desk: Desk, pilot: str) -> None:
    card = desk.call("GET", "intake", f"/v1/applications/{pilot}", "officer")
    desk.do("intake", f"/v1/applications/{pilot}/acceptance", "officer", None, card.headers["ETag"])


def card(desk: Desk, pilot: str, role: str = "operator", sub: str | None = None) -> Any:
    return desk.call("GET", "expertise", f"/v1/reviews/{pilot}", role, sub=sub)


def act(desk: Desk, pilot: str, what: str, role: str, body: object = None, sub: str | None = None) -> None:
    desk.do("expertise", f"/v1/reviews/{pilot}/{what}", role, body, etag(desk, pilot), sub=sub)


def seat(desk: Desk, pilot: str, experts: Sequence[str]) -> None:
    for expert in experts:
        act(desk, pilot, "assignments", "operator", {"expert_id": expert}, OPERATOR)
        act(desk, pilot, "acceptance", "expert", None, expert)


def outcomes(desk: Desk, agency: str, count: int) -> list[str]:
    return [receipt["outcome"] for receipt in receipts(desk.logins[agency], agency, count)]


def event_about(agency: str, pilot: str, kind: str, data: dict[str, Any], number: int) -> dict[str, Any]:
    made = application(number, agency, kind=V2) | {"type": kind, "subject": pilot}
    return made | {"data": data}


def test_a_question_to_the_applicant_stops_the_clock_until_the_answer_comes_over_kafka(desk: Desk, agency: str) -> None:
    pilot = accepted(desk, agency)
    act(desk, pilot, "claim", "operator", None, OPERATOR)
    request = ask_applicant(desk, pilot)
    path = f"/v1/reviews/{pilot}"
    assert desk.call("GET", "expertise", f"{path}/clock", "operator").json()["state"] == "stopped"
    desk.ask("intake", f"/v1/applications/{pilot}", "officer", lambda a: request in a.text)
    answer = clarification(agency, pilot, request)
    asyncio.run(publish(desk.logins[agency], {agency: [answer, answer]}))
    answered = desk.ask("expertise", path, "operator", lambda a: a.json()["requests"][0]["outcome"] == "answered")
    assert answered.json()["application"]["expected_effect"] == answer["data"]["answers"][0]["value"]
    explained = desk.call("GET", "expertise", f"{path}/clock", "operator").json()
    assert explained["state"] == "running"
    (stop,) = [one for one in explained["intervals"] if one["state"] == "stopped"]
    assert stop["until"] is not None
    assert stop["who"] == OPERATOR
    assert outcomes(desk, agency, 4) == ["registered", "accepted", "information-requested", "answers-taken"]
    known = desk.ask(
        "registry",
        f"/v1/pilots/{pilot}",
        "registrar",
        lambda a: a.json()["application"]["expected_effect"] is not None,
    )
    assert known.json()["stage"] == "expertise"


def test_a_negative_conclusion_leads_to_a_repeat_by_other_experts_that_shows_what_changed(
    desk: Desk, agency: str
) -> None:
    pilot = accepted(desk, agency)
    for expert in (*EXPERTS, "expert-31"):
        enter_expert(desk, expert)
    act(desk, pilot, "claim", "operator", None, OPERATOR)
    seat(desk, pilot, EXPERTS)
    remark = {"code": "effect-unclear", "text": "Эффект не измерен.", "severity": "critical", "must_fix": True}
    negative = {"verdict": "negative", "text": "Эффект не доказан.", "remarks": [remark]}
    for expert in EXPERTS:
        act(desk, pilot, "opinion", "expert", {**body(say.opinion(value=1)), **negative}, expert)
    conclude(desk, pilot, **negative)
    first = desk.ask("expertise", f"/v1/reviews/{pilot}", "operator", lambda a: a.json()["status"] == "concluded")
    number = first.json()["conclusions"][0]["number"]
    may = desk.ask("intake", f"/v1/applications/{pilot}", "officer", lambda a: number in a.text)
    assert may.status_code == 200

    again = application(2, agency, kind=V2)["data"] | {
        "expected_effect": "Срок описания снимка: 1 день вместо 5.",
        "met": [{"place": 1, "text": "Добавлен измеримый эффект."}],
    }
    event = event_about(agency, pilot, ApplicationResubmittedV1.TYPE, again, 2)
    posted = desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=event)
    assert posted.status_code == 201, posted.text
    accept(desk, pilot)
    repeat = desk.ask("expertise", f"/v1/reviews/{pilot}", "operator", lambda a: a.json()["round"] == 2).json()
    assert (repeat["kind"], repeat["earlier"]) == ("repeat", number)
    assert "expected_effect" in [change["field"] for change in repeat["changes"]]
    same = desk.call(
        "POST",
        "expertise",
        f"/v1/reviews/{pilot}/assignments",
        "operator",
        body={"expert_id": EXPERTS[0]},
        etag=etag(desk, pilot),
    )
    assert (same.status_code, same.json()["title"]) == (409, "conflict.found")
    assert card(desk, pilot, "expert", EXPERTS[0]).status_code == 404
    act(desk, pilot, "claim", "operator", None, OPERATOR)
    seat(desk, pilot, ["expert-31"])
    act(desk, pilot, "opinion", "expert", body(say.opinion()), "expert-31")
    conclude(desk, pilot, earlier_remarks=[{"place": 1, "met": True}])
    at_council = desk.ask(
        "registry",
        f"/v1/pilots/{pilot}",
        "registrar",
        lambda a: a.json()["stage"] == "council" and len(a.json()["conclusions"]) == 2,
    )
    assert [one["verdict"] for one in at_council.json()["conclusions"]] == ["negative", "positive"]


def test_an_experts_changed_organisation_freezes_the_case_until_a_second_person_decides(
    desk: Desk, agency: str
) -> None:
    pilot, expert = accepted(desk, agency), f"expert-of-{agency}"
    enter_expert(desk, expert)
    seat(desk, pilot, [expert])
    assert card(desk, pilot, "expert", expert).status_code == 200
    entry = desk.call("GET", "expertise", f"/v1/experts/{expert}", "operator")
    moved = {
        "edition": "by-2024",
        "organisation": CLINIC["id"],
        "competences": ["health"],
        "capacity": 5,
    }
    changed = desk.call("PUT", "expertise", f"/v1/experts/{expert}", "operator", body=moved, etag=entry.headers["ETag"])
    assert changed.status_code == 200, changed.text
    desk.ask("expertise", f"/v1/reviews/{pilot}", "operator", lambda a: "same-organisation" in a.text)
    assert card(desk, pilot, "expert", expert).status_code == 404
    listed = desk.call("GET", "expertise", "/v1/reviews?view=mine", "expert", sub=expert)
    assert listed.json()["items"] == []
    _becomes(desk, pilot, agency, expert, 404)
    act(
        desk, pilot, f"conflicts/{expert}/dismissal", "approver", {"why": "Поликлиника другая, номер тот же."}, APPROVER
    )
    assert card(desk, pilot, "expert", expert).status_code == 200
    _becomes(desk, pilot, agency, expert, 200)


def _becomes(desk: Desk, pilot: str, agency: str, person: str, status: int) -> None:
    """In the register and in intake the person, in whatever role, meets this answer; others see the pilot."""
    seen = [("registry", f"/v1/pilots/{pilot}", role) for role in ("registrar", "operator", "auditor", "publisher")]
    seen += [("intake", f"/v1/applications/{pilot}", role) for role in ("officer", "auditor")]
    for service, path, role in seen:
        deadline = time.monotonic() + 20
        while desk.call("GET", service, path, role, org=agency, sub=person).status_code != status:
            assert time.monotonic() < deadline, (service, role)
            time.sleep(0.1)
        assert desk.call("GET", service, path, role, org=agency, sub="somebody-else").status_code == 200
    listed = desk.call("GET", "registry", f"/v1/pilots?agency={agency}", "auditor", sub=person).json()["items"]
    assert bool(listed) == (status == 200)
    searched = desk.call("GET", "registry", f"/v1/search?agency={agency}", "auditor", sub=person)
    assert searched.status_code in (200, 503) and (pilot in searched.text) <= (status == 200)


def test_a_withdrawn_application_closes_what_is_open_in_the_expertise_with_the_reason(desk: Desk, agency: str) -> None:
    pilot = accepted(desk, agency)
    act(desk, pilot, "claim", "operator", None, OPERATOR)
    ask_applicant(desk, pilot)
    event = event_about(agency, pilot, ApplicationWithdrawnV1.TYPE, {"reason": "Проект больше не нужен."}, 2)
    assert desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=event).status_code == 201
    closed = desk.ask("expertise", f"/v1/reviews/{pilot}", "operator", lambda a: a.json()["status"] == "closed")
    assert closed.json()["closed"]["outcome"] == "withdrawn"
    assert closed.json()["closed"]["text"] == "Проект больше не нужен."
    assert closed.json()["owed"] == []
    desk.ask("registry", f"/v1/pilots/{pilot}", "registrar", lambda a: a.json()["stage"] == "withdrawn")


def test_an_approved_conclusion_gets_its_number_though_the_service_is_killed_at_once(
    desk: Desk, stack: Stack, agency: str
) -> None:
    pilots = [accepted(desk, agency, n) for n in range(1, 4)]
    for expert in EXPERTS:
        enter_expert(desk, expert)
    for pilot in pilots:
        act(desk, pilot, "claim", "operator", None, OPERATOR)
        seat(desk, pilot, EXPERTS)
        for expert in EXPERTS:
            act(desk, pilot, "opinion", "expert", body(say.opinion()), expert)
        act(desk, pilot, "conclusion", "operator", body(say.conclusion()), OPERATOR)
    for pilot in pilots:
        act(desk, pilot, "conclusion/approval", "approver", None, APPROVER)
    pid = stack.services["expertise"].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while stack.services["expertise"].pid in (pid, None):
        assert time.monotonic() < deadline, "the supervisor did not start it again"
        time.sleep(0.05)
    stack.await_ready(60, ["expertise"])
    given = [_numbered(desk, pilot, 60) for pilot in pilots]
    places = sorted(int(number.rsplit("-", 1)[1]) for number in given)
    assert places == list(range(places[0], places[0] + 3)), "one after another, none twice"
    assert all(number.startswith(f"ЗЭ-{date.today().year}-") for number in given)


def _numbered(desk: Desk, pilot: str, within: float) -> str:
    deadline = time.monotonic() + within
    while True:
        answer = card(desk, pilot)
        if answer.status_code == 200 and answer.json()["conclusions"]:
            return str(answer.json()["conclusions"][0]["number"])
        assert time.monotonic() < deadline, answer.text[:300]
        time.sleep(0.1)


def test_a_follower_of_the_topic_alone_sees_the_same_open_work_as_the_queue(
    desk: Desk, stack: Stack, agency: str
) -> None:
    expert = f"expert-of-{agency}"
    enter_expert(desk, expert)
    pilots = [accepted(desk, agency, n) for n in range(1, 5)]
    seat(desk, pilots[0], [expert])
    act(desk, pilots[1], "assignments", "operator", {"expert_id": expert}, OPERATOR)
    seat(desk, pilots[2], [expert])
    act(desk, pilots[2], "opinion", "expert", body(say.opinion()), expert)
    queue = desk.call("GET", "expertise", "/v1/reviews?view=mine", "expert", sub=expert).json()["items"]
    assert {row["id"] for row in queue} == set(pilots[:3])
    secret = passwords.load(stack.folder)[f"kafka-{OPERATORS_SYSTEMS}"]
    login = Login(stack.backends.kafka.bootstrap, OPERATORS_SYSTEMS, secret)
    deadline = time.monotonic() + 20
    while True:
        work = asyncio.run(rebuild(login.aiokafka(), expert))
        if set(work) == set(pilots[:2]):
            break
        assert time.monotonic() < deadline, sorted(work)
        time.sleep(0.2)
    assert all(one.until(expert) is not None for one in work.values())


def test_the_conclusion_can_be_had_as_a_document_and_its_people_get_notices(desk: Desk, agency: str) -> None:
    pilot = accepted(desk, agency)
    concluded = review(desk, pilot).json()
    number = concluded["conclusions"][0]["number"]
    paper = f"/v1/reviews/{pilot}/conclusions/{number}/document"
    pdf = desk.call("GET", "expertise", f"{paper}?format=pdf", "operator")
    assert pdf.headers["content-type"] == "application/pdf"
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf.content)).pages)
    assert number in text
    assert "Распознавание снимков" in text
    word = desk.call("GET", "expertise", f"{paper}?format=docx", "operator")
    assert word.content[:2] == b"PK"
    notices = desk.call("GET", "expertise", "/v1/me/notices?unread=true", "operator", sub=OPERATOR).json()["items"]
    mine = {row["kind"] for row in notices if row["pilot"] == pilot}
    assert {"opinion-given", "conclusion-issued"} <= mine
    assert LABORATORY not in str(notices)


async def test_the_main_job_is_done_on_the_pages_without_a_script(desk: Desk, agency: str, stack: Stack) -> None:
    """From look-over to the register: officer, operator, two experts blind to each other, a second person."""
    event = application(77, agency, kind=V2)
    pilot = str(desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=event).json()["pilot"])
    for expert in EXPERTS:
        enter_expert(desk, expert)
    at = f"/case/{pilot}"
    async with at_the_desk(stack) as people:
        officer = await people.enter("of-1", "officer")
        await officer.send(f"/look-over/{pilot}", "acts", do="take")
        operator = await people.enter(OPERATOR, "operator")
        await operator.open(at, event["data"]["title"], "ждёт экспертов")
        await operator.send(at, "acts", do="claim")
        for expert in EXPERTS:
            seen = card(desk, pilot).headers["ETag"]
            answer = await operator.send("/work", "bulk", case=f"{pilot}|{seen}", expert_to=expert, do="assign")
            assert "Сделано: 1 дело." in answer.text
        for expert in EXPERTS:
            judge = await people.enter(expert, "expert")
            await judge.send(at, "acts", do="accept")
            page = await judge.open(f"{at}/opinion")
            codes = re.findall(r'name="reason-([\w-]+)"', page)
            scores = {f"score-{code}": "4" for code in codes} | {f"reason-{code}": "Потому что." for code in codes}
            said = {**scores, "verdict": "positive", "text": f"Мнение {expert}", "do": "send"}
            answer = await judge.send(f"{at}/opinion", "written", **said)
            assert answer.headers["location"] == f"/ru{at}?done=opinion"
        text = "Заключаю: проводить."
        await operator.send(f"{at}/conclusion", "written", verdict="positive", text=text, do="send")
        approver = await people.enter(APPROVER, "approver")
        await approver.open(at, f"{at}/draft.pdf")
        draft = await approver.browser.get(f"/ru{at}/draft.pdf")
        assert draft.content[:5] == b"%PDF-" and draft.headers["content-type"] == "application/pdf"
        await approver.send(at, "acts", do="approve")
        await operator.open(at, "заключение дано", text, "Мнение expert-17", "Мнение expert-23")
        conclusion = card(desk, pilot).json()["conclusions"][0]["number"]
        paper = await operator.browser.get(f"/ru{at}/paper/{conclusion}.pdf")
        assert paper.content.startswith(b"%PDF") and "attachment" in paper.headers["content-disposition"]
        number = card(desk, pilot).json()["number"]
        secretary = await people.enter("cs-1", "council-secretary")
        await secretary.open("/decisions", number, "Решение Совета о целесообразности")
        await secretary.open(f"/decisions/{pilot}", conclusion, f"/decisions/{pilot}/expediency")
        document = {"basis-body": "Совет", "basis-kind": "протокол", "basis-number": "77", "basis-date": str(today())}
        decision = {"decision": "expedient", **document, "do": "send"}
        answer = await secretary.send(f"/decisions/{pilot}/expediency", "written", **decision)
        assert answer.headers["location"] == f"/ru/decisions/{pilot}?done=expediency"
        registrar = await people.enter("rg-1", "registrar")
        await registrar.open(f"/decisions/{pilot}", "Признан целесообразным", "протокол № 77", "Соглашение")
        await registrar.open("/decisions?view=agreement", number)
        form = html.unescape(await registrar.open(f"/decisions/{pilot}/agreement"))
        said = {**dict(HIDDEN.findall(form[form.index('id="written"') :])), "do": "send"}
        refused = (await registrar.browser.post(f"/ru/decisions/{pilot}/agreement", data=said)).text
        assert 'href="#basis-body"' in refused and 'href="#agreement-programme"' in refused
    assert conclusion in desk.ask("registry", f"/v1/pilots/{pilot}", "registrar", lambda a: conclusion in a.text).text
