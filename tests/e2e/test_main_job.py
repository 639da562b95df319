"""The main job on the whole running system, through the doors that its users have."""

import asyncio
import io
import json
import re
from collections import Counter
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from rich.console import Console

from contracts.agency import ApplicationSubmittedV1, ApplicationSubmittedV2
from contracts.reference import Role
from contracts.topics import agency_topic
from deploy.cli.desk import Desk
from deploy.cli.expertise_job import enter_expert
from deploy.cli.main_job import application, main_job
from deploy.cli.publishing import publish, receipts
from deploy.cli.register_job import CLINIC
from deploy.cli.tally import LAUNCHED, pilots
from deploy.local.asked_traces import spans_of
from deploy.local.demo_people import PEOPLE
from deploy.local.stack import Stack
from deploy.login import Login
from deploy.samples.common import BOOK, EDITION
from deploy.samples.pilots import End
from deploy.samples.pilots import pilots as sample
from tests.conftest import Eventually
from tests.kit.intake.faulty import FAULTS, faulty

pytestmark = [pytest.mark.timeout(240)]
V1, V2 = ApplicationSubmittedV1.TYPE, ApplicationSubmittedV2.TYPE


def test_the_demo_leads_sixty_pilots_to_their_ends_and_accounts_for_each(stack: Stack, desk: Desk) -> None:
    shown = io.StringIO()
    found = main_job(Console(file=shown, width=200), stack)
    text = shown.getvalue()
    assert "stage running, next move: executor, executor: ООО «Пример-Разработка»" in text
    assert "422, all that is wrong at once" in text
    assert "pilot-launched.v1" in text
    sent = [pilot for _, pilot in sample()]
    good = sum(pilot.end is not End.REJECTED for pilot in sent)
    again = sum(pilot.again for pilot in sent)
    assert found["published"] == len(sent) + again + 2, "two were posted: one known already, one faulty"
    assert (found["registered"], found["duplicates"]) == (good, again + 1)
    assert found["rejected"] == len(sent) - good + 1
    assert (found["parked"], found["in_flight"], found["balance"], found["trace_services"]) == (0, 0, 0, 3)
    assert found["entered"] == good >= 50
    ends = Counter(pilot.end for pilot in sent)
    assert (found["returned"], found["negative"]) == (ends[End.RETURNED], ends[End.NEGATIVE])
    assert found["clock_stopped"] == ends[End.CLOCK_STOPPED]
    assert found["launched"] == sum(found["stages"].get(stage, 0) for stage in LAUNCHED)
    assert min(found["concluded"], found["launched"], found["stages"]["scaled"], found["stages"]["effective"]) > 0
    called = desk.call("GET", "expertise", "/v1/board/experts", "operator").json()["persons"]
    assert called.items() >= {one.id: one.name for one in PEOPLE if Role.EXPERT in one.roles}.items()


def test_the_sample_speaks_of_every_sector_in_two_languages() -> None:
    sectors = {agency.sector for agency, _ in sample()}
    assert sectors == {one.code for one in BOOK.edition(EDITION).sectors.entries}
    assert {pilot.end for _, pilot in sample()} == set(End)
    assert sum("і" in pilot.problem for _, pilot in sample()) > 5 < sum("и" in pilot.problem for _, pilot in sample())


def test_version_1_by_kafka_and_version_2_by_http_come_to_the_same_register(desk: Desk, agency: str) -> None:
    asyncio.run(publish(desk.logins[agency], {agency: [application(1, agency, kind=V1)]}))
    posted = desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=application(2, agency, kind=V2))
    assert posted.status_code == 201
    first = receipts(desk.logins[agency], agency, 2)
    assert {r["outcome"] for r in first} == {"registered"}
    costs = {}
    for receipt in first:
        card = desk.ask("registry", f"/v1/pilots/{receipt['pilot']}", "registrar", lambda a: a.status_code == 200)
        costs[receipt["event_id"]] = [
            (line["source"], line["year"], line["amount_minor"]) for line in card.json()["application"]["costs"]
        ]
    assert costs[f"{agency}-1"] == [("unspecified", None, 12_000_000)]
    assert costs[f"{agency}-2"] == [("republican-budget", 2027, 9_000_000), ("own-money", 2027, 3_000_000)]


def test_both_doors_refuse_with_the_same_words(desk: Desk, agency: str) -> None:
    at = f"{desk.stack.urls['intake']}/v1/events"
    headers = {"Authorization": f"Bearer {desk.stack.token(['publisher'], agency)}"}
    by_http = desk.http.post(at, content=json.dumps(faulty("by-http")), headers=headers)
    tried = desk.http.post(f"{at}/validate", content=json.dumps(faulty("tried")), headers=headers)
    kinds = {**headers, "Content-Type": "application/cloudevents-batch+json"}
    batch = desk.http.post(at, content=json.dumps([faulty("among")]), headers=kinds)
    asyncio.run(_sent(desk.logins[agency], agency, json.dumps(faulty("by-kafka")).encode()))
    told = {one["event_id"]: one for one in receipts(desk.logins[agency], agency, 3)}
    assert (by_http.status_code, tried.status_code, batch.status_code) == (422, 422, 207)
    assert [(one["pointer"], one["rule"]) for one in told["by-kafka"]["problems"]] == [*FAULTS]
    assert told["by-kafka"]["problems"] == told["by-http"]["problems"] == told["among"]["problems"]
    assert told["by-kafka"]["problems"] == by_http.json()["problems"] == tried.json()["problems"]
    assert told["by-kafka"]["problems"] == batch.json()["items"][0]["receipt"]["problems"]


def test_both_doors_say_alike_where_bytes_are_no_json_and_no_text(desk: Desk, agency: str) -> None:
    at = f"{desk.stack.urls['intake']}/v1/events"
    headers = {"Authorization": f"Bearer {desk.stack.token(['publisher'], agency)}"}
    bodies = [b'{"id": "x",\n "type" 1}', '{"title": "Запись к врачу в поликлинике"}'.encode("cp1251")]
    by_http = [desk.http.post(at, content=one, headers=headers).json()["problems"] for one in bodies]
    said = [one[0]["message"] for one in by_http]
    assert "line 2, column 9" in said[0] and "byte 12 (0xC7)" in said[1] and "windows-1251" in said[1]
    asyncio.run(_sent(desk.logins[agency], agency, *bodies))
    told = [one["problems"] for one in receipts(desk.logins[agency], agency, 4)]
    assert all(told.count(one) == 2 for one in by_http)


async def _sent(login: Login, agency: str, *values: bytes) -> None:
    """Records of these bytes, whatever they are."""
    producer = AIOKafkaProducer(**login.aiokafka(), acks="all")
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(agency_topic(agency).name, value)
    finally:
        await producer.stop()


def test_the_same_event_by_both_doors_is_one_pilot_with_one_number(
    desk: Desk, agency: str, eventually: Eventually
) -> None:
    event = application(1, agency, kind=V2)
    asyncio.run(publish(desk.logins[agency], {agency: [event, event]}))
    number = receipts(desk.logins[agency], agency, 1)[0]["number"]
    again = desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=event)
    assert again.status_code == 200
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["number"] == number
    changed = desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=event | {"data": {}})
    assert changed.status_code == 409


def test_a_return_tells_the_agency_the_coded_reasons(desk: Desk, agency: str) -> None:
    event = application(1, agency, kind=V2)
    pilot = desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=event).json()["pilot"]
    card = desk.call("GET", "intake", f"/v1/applications/{pilot}", "officer")
    unknown = {"reasons": [{"code": "bad-weather"}]}
    path = f"/v1/applications/{pilot}/return"
    refused = desk.attempt("intake", path, "officer", unknown, card.headers["ETag"])
    assert refused.status_code == 422
    assert refused.json()["problems"][0]["pointer"] == "/reasons/0/code"
    desk.do("intake", path, "officer", {"reasons": [{"code": "documents-missing"}]}, card.headers["ETag"])
    told = receipts(desk.logins[agency], agency, 2)[1]
    assert (told["outcome"], told["reasons"]) == ("returned", ["documents-missing"])
    stands = desk.ask(
        "registry", f"/v1/pilots/{pilot}", "registrar", lambda a: a.status_code == 200 and a.json()["reasons"]
    )
    assert (stands.json()["stage"], stands.json()["next_move"]) == ("returned", "initiator")
    receipt = desk.call("GET", "intake", f"/v1/receipts/{event['id']}", "publisher")
    assert receipt.status_code == 403, "a token without an agency reads no receipt"


def test_an_expert_of_a_party_is_refused_and_a_stranger_sees_nothing(desk: Desk, agency: str) -> None:
    event = application(1, agency, kind=V2)
    pilot = desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=event).json()["pilot"]
    card = desk.call("GET", "intake", f"/v1/applications/{pilot}", "officer")
    desk.do("intake", f"/v1/applications/{pilot}/acceptance", "officer", None, card.headers["ETag"])
    review = desk.ask("expertise", f"/v1/reviews/{pilot}", "operator", lambda a: a.status_code == 200)
    enter_expert(desk, "e-1", organisation=CLINIC["id"]["value"])
    path = f"/v1/reviews/{pilot}/assignments"
    etag, wanted = review.headers["ETag"], {"expert_id": "e-1"}
    while (refused := desk.call("POST", "expertise", path, "operator", body=wanted, etag=etag)).status_code == 412:
        etag = refused.headers["ETag"]  # it was noted meanwhile that the new entry is tied to a party
    assert (refused.status_code, refused.json()["title"]) == (409, "conflict.found")
    assert refused.json()["problems"][0]["rule"] == "conflict.same-organisation"
    stranger = desk.call("GET", "expertise", f"/v1/reviews/{pilot}", "expert", sub="e-2")
    assert stranger.status_code == 404
    listed = desk.call("GET", "expertise", "/v1/reviews", "expert", sub="e-2").json()
    assert listed["items"] == []


def test_who_acts_on_a_stale_card_is_told_so(desk: Desk, agency: str) -> None:
    event = application(1, agency, kind=V2)
    pilot = desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=event).json()["pilot"]
    etag = desk.call("GET", "intake", f"/v1/applications/{pilot}", "officer").headers["ETag"]
    path = f"/v1/applications/{pilot}/acceptance"
    while (answer := desk.call("POST", "intake", path, "officer", etag=etag)).status_code == 412:
        etag = answer.headers["ETag"]  # the register said meanwhile that the pilot is entered
    assert answer.status_code == 200
    late = desk.call("POST", "intake", path, "officer", etag=etag)
    assert (late.status_code, late.json()["title"]) == (412, "revision.gone")


def test_one_trace_leads_from_the_agencys_event_through_all_three_services(
    desk: Desk, stack: Stack, agency: str, eventually: Eventually
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    event = application(1, agency, kind=V2, traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    asyncio.run(publish(desk.logins[agency], {agency: [event]}))

    def crossed() -> list[Any]:
        spans = spans_of(stack.folder / "traces.sqlite", trace)
        names = {(s.service, s.name) for s in spans}
        wanted = {
            ("intake", f"process pilots.agency.{agency}.v1"),
            ("intake", "send pilots.intake.v1"),
            ("expertise", "process pilots.intake.v1"),
            ("registry", "process pilots.intake.v1"),
            ("registry", "send pilots.registry.v1"),
        }
        return spans if wanted <= names else []

    def hanging() -> list[str]:
        """The spans whose parent is not known: a parent ends, and so is told, after what it caused."""
        spans = crossed()
        known = {s.span_id for s in spans} | {"00f067aa0ba902b7"}
        return [s.name for s in spans if s.parent_id not in known] if spans else ["not there yet"]

    asyncio.run(eventually(lambda: not hanging(), within=30))
    assert trace in exemplars(stack, "registry", "lotsman_event_to_register_seconds"), (
        "the slow have their trace beside"
    )
    assert exemplars(stack, "registry", "lotsman_fact_age_seconds")
    assert exemplars(stack, "registry", "messaging_process_duration_seconds")
    assert exemplars(stack, "registry", "lotsman_batch_seconds")
    assert exemplars(stack, "registry", "lotsman_stage_seconds")
    desk.call("GET", "registry", "/v1/pilots", "registrar")
    named = exemplars(stack, "registry", "http_server_request_duration_seconds")
    assert named
    asyncio.run(eventually(lambda: any(spans_of(stack.folder / "traces.sqlite", one) for one in named), within=20))


def exemplars(stack: Stack, service: str, metric: str) -> set[str]:
    """The traces that a histogram of a service names, as whoever asks for OpenMetrics is told."""
    asked = {"Accept": "application/openmetrics-text; version=1.0.0", "Authorization": f"Bearer {stack.token(['ops'])}"}
    text = httpx.get(f"{stack.urls[service]}/metrics", headers=asked, timeout=30, trust_env=False).text
    lines = [one for one in text.splitlines() if one.startswith(f"{metric}_bucket{{")]
    return {found[1] for one in lines if (found := re.search(r' # \{trace_id="([0-9a-f]{32})"\}', one))}


def test_a_persons_command_is_a_trace_of_its_own_that_links_to_what_it_builds_on(
    desk: Desk, stack: Stack, agency: str, eventually: Eventually
) -> None:
    trace = "5bf92f3577b34da6a3ce929d0e0e4737"
    event = application(1, agency, kind=V2, traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    asyncio.run(publish(desk.logins[agency], {agency: [event]}))
    pilot = receipts(desk.logins[agency], agency, 1)[0]["pilot"]
    etag = desk.call("GET", "intake", f"/v1/applications/{pilot}", "officer").headers["ETag"]
    desk.do("intake", f"/v1/applications/{pilot}/acceptance", "officer", None, etag)

    def linked() -> list[Any]:
        spans = spans_of(stack.folder / "traces.sqlite", pilot)
        return [s for s in spans if s.name == "decide Accept" and trace in {link["trace_id"] for link in s.links}]

    decisions = asyncio.run(eventually(linked, within=20))  # a second one where the revision had moved meanwhile
    assert trace not in {decision.trace_id for decision in decisions}
    card = desk.call("GET", "registry", f"/v1/pilots/{pilot}", "registrar").json()
    assert card["correlation"] == event["id"]


def test_personal_data_leaves_intake_in_no_answer_topic_or_log(
    desk: Desk, stack: Stack, agency: str, eventually: Eventually
) -> None:
    secret = "Тайнова-Примерова"
    event = application(1, agency, kind=V2)
    event["data"]["contact"] = {"name": secret, "email": "tainova@example.test", "phone": "+000 00 000"}
    garbled = application(2, agency, kind=V2)
    garbled["data"]["contact"] = {"name": secret, "email": ["tainova@example.test"]}
    asyncio.run(publish(desk.logins[agency], {agency: [event, garbled]}))
    told = receipts(desk.logins[agency], agency, 2)
    pilot = next(r["pilot"] for r in told if r["outcome"] == "registered")
    desk.ask("registry", f"/v1/pilots/{pilot}", "registrar", lambda a: a.status_code == 200)
    answers = [
        desk.call("GET", "intake", f"/v1/applications/{pilot}", "officer").text,
        desk.call("GET", "registry", f"/v1/pilots/{pilot}", "registrar").text,
        desk.call("GET", "registry", f"/v1/pilots/{pilot}/timeline", "registrar").text,
        *[desk.call("GET", s, "/v1/parked", "ops").text for s in stack.urls],
        json.dumps(told, ensure_ascii=False),
        *[path.read_text() for path in (stack.folder / "logs").glob("*.log")],
    ]
    assert not [a for a in answers if secret in a or "tainova@example.test" in a]


def test_every_page_of_the_list_together_is_the_whole_register_without_doubles(desk: Desk, agency: str) -> None:
    events = [application(n, agency, kind=V2) for n in range(25)]
    asyncio.run(publish(desk.logins[agency], {agency: events}))
    receipts(desk.logins[agency], agency, 25)
    path, seen, after = f"/v1/pilots?agency={agency}&limit=7", list[str](), ""
    desk.ask("registry", f"/v1/pilots?agency={agency}&limit=200", "registrar", lambda a: len(a.json()["items"]) == 25)
    while after is not None:
        page = desk.call("GET", "registry", f"{path}{f'&after={after}' if after else ''}", "registrar").json()
        assert len(page["items"]) <= 7
        seen += [row["id"] for row in page["items"]]
        after = page["next"]
    assert len(seen) == len(set(seen)) == 25
    assert set(seen) <= {row["id"] for row in pilots(desk)}
