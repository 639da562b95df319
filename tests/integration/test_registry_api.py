"""The register over HTTP on a real mongod: the life of a pilot, and what belongs to one."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.event import wire_moment
from contracts.reference import (
    Payment,
)
from contracts.steps import Results, Risks, Spending
from deploy.samples.common import NOW
from deploy.samples.registry import risk, value
from services.registry import queries, views
from services.registry.domain.commands import RecordReport
from tests.kit.people import Person
from tests.kit.registry import rows as shelf
from tests.kit.registry.http import (
    AGREEMENT,
    MEMBERS,
    REGISTRAR,
    SECRETARY,
    VALUES,
    Register,
)
from tests.kit.registry.rows import FULL, PLAIN

# ---- the life


async def test_a_whole_life_to_scaling_with_a_replica_goes_through_the_routes(register: Register) -> None:
    await register.judged("parent")
    assert await register.stage("parent") == "effective"
    plan = {"customer": AGREEMENT["customer"], "region": "brest"}
    window = {"source": "own-money", "opens": "2026-09-01", "closes": "2026-10-01"}
    decided = {"decision": "scale", "evidence": "Отчёт.", "windows": [window], "replicas": [plan]}
    await register.do("parent", "scaling-decision", SECRETARY, **decided)
    await register.judged("child", "ineffective", replicates="N-parent", adaptation="Две поликлиники.")
    child = {"pilot": "child", "number": "N-child", "title": "Запись к врачу", "stage": "ineffective"}
    found = await register.get("/pilots/parent/replicas")
    assert found["items"] == [{**child, "adaptation": "Две поликлиники.", "outcome": "ineffective"}]
    assert found["parent"] is None
    assert [one["region"] for one in found["planned"]] == ["brest"]
    parent = {"named": "N-parent", "pilot": "parent", "number": "N-parent", "title": "Запись к врачу"}
    assert (await register.get("/pilots/child/replicas"))["parent"] == {**parent, "stage": "scaled"}
    card = await register.get("/pilots/parent")
    assert (card["stage"], card["next_move"], card["judgement"]["votes"]["in_favour"]) == ("scaled", None, 9)
    assert [(one["pilot"], one["number"], one["title"]) for one in card["replicas"]] == [
        (child["pilot"], child["number"], child["title"])
    ]


async def test_a_suspended_pilot_goes_on_is_extended_and_stopped_early(register: Register) -> None:
    await register.running("p")
    day = register.today.isoformat()
    await register.do("p", "suspension", REGISTRAR, since=day, why="Ремонт.")
    assert await register.stage("p") == "suspended"
    clock = await register.get("/pilots/p/clock?term=carrying-out")
    words = {"why_ru": "реализация проекта приостановлена", "why_be": "рэалізацыя праекта прыпыненая"}
    told = {"why": "why.suspended", **words, "why_en": "carrying out is suspended"}
    assert clock["state"] == "stopped" and clock["intervals"][-1] == {**clock["intervals"][-1], **told}
    assert "Тэрмін прыпынены." in clock["be"] and words["why_be"] in clock["be"]
    await register.settle()
    lines = (await register.get("/pilots/p/timeline"))["items"]
    stops = [line["what"] for line in lines if line["type"].endswith("term-suspended.v1")]
    assert stops == [{**stop, **told} for stop in stops] and len(stops) == 2
    await register.do("p", "resumption", REGISTRAR, since=day)
    await register.do("p", "extension", REGISTRAR, until="2027-03-30", why="Поставка задержана.")
    assert (await register.get("/pilots/p"))["until"] == "2027-03-30"
    await register.do("p", "early-stop", REGISTRAR, stopped=day, why="Заказчик ликвидирован.")
    assert await register.stage("p") == "stopped-early"


async def test_who_did_not_agree_ends_there_and_an_unwanted_credit_is_refused(register: Register) -> None:
    await register.at_council("p")
    refused = await register.post("p", "credit-decision", SECRETARY, granted=True, evidence="Акт.")
    assert (refused.status_code, refused.json()["title"]) == (409, "credit.off")
    await register.do("p", "expediency-decision", SECRETARY, decision="expedient")
    await register.do("p", "agreement-failure", REGISTRAR, why="Не сошлись в цене.")
    assert await register.stage("p") == "not-agreed"


async def test_a_correction_stands_in_the_place_of_a_wrong_entry_and_the_timeline_keeps_both(
    register: Register,
) -> None:
    await register.running("p")
    was = (await register.get("/pilots/p"))["launch"]
    now = {**was, "basis": {**was["basis"], "number": "5а"}}
    await register.do("p", "corrections", REGISTRAR, what="launch", content=now, reason="Описка в номере.")
    await register.settle()
    assert (await register.get("/pilots/p"))["launch"] == now
    last = (await register.get("/pilots/p/timeline?diff=true&limit=200"))["items"][-1]
    assert (last["what"]["was"], last["what"]["now"], last["what"]["reason"]) == (was, now, "Описка в номере.")
    assert last["changed"] == {"launch": {"before": was, "after": now}}


COMMANDS: dict[str, tuple[str, dict[str, Any]]] = {
    "expediency-decision": ("council-secretary", {"decision": "expedient"}),
    "credit-decision": ("council-secretary", {"granted": True, "evidence": "Акт."}),
    "scaling-decision": ("council-secretary", {"decision": "do-not-scale", "evidence": "Отчёт."}),
    "agreement": ("registrar", {"agreement": AGREEMENT}),
    "agreement-failure": ("registrar", {"why": "Нет."}),
    "launch": ("registrar", {"started": "2026-03-04"}),
    "suspension": ("registrar", {"since": "2026-03-04", "why": "Ремонт."}),
    "resumption": ("registrar", {"since": "2026-03-04"}),
    "extension": ("registrar", {"until": "2026-03-04", "why": "Поставка."}),
    "early-stop": ("registrar", {"stopped": "2026-03-04", "why": "Нет."}),
    "corrections": ("registrar", {"what": "launch", "content": {}, "reason": "Описка."}),
    "commission": ("head-organisation", {"members": MEMBERS, "secretary": "s"}),
    "effectiveness-proposal": ("head-organisation", {"outcome": "effective", "text": "Да.", "values": VALUES}),
    "judgement": (
        "commission-secretary",
        {
            "outcome": "effective",
            "text": "Да.",
            "values": VALUES,
            "present": MEMBERS,
            "votes": {"in_favour": 9, "against": 0, "abstained": 0},
        },
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_step_is_open_to_its_role_alone_strict_and_bound_to_what_was_seen(
    register: Register, command: str
) -> None:
    await register.enter("p")
    role, body = COMMANDS[command]
    for other in {"council-secretary", "registrar", "head-organisation", "commission-secretary", "admin"} - {role}:
        assert (await register.post("p", command, Person("u", (other,)), **body)).status_code == 403
    who = Person("u", (role,))
    answer = await register.post("p", command, who, **body)
    assert answer.status_code in (404, 409), "the body is good, the pilot is not there yet"
    unseen = await register.ask("post", f"/pilots/p/{command}", who, {"basis": register.basis, **body})
    assert unseen.status_code == 400, "no Idempotency-Key"
    bare = {"Idempotency-Key": "k"}
    unseen = await register.ask("post", f"/pilots/p/{command}", who, {"basis": register.basis, **body}, **bare)
    assert unseen.status_code == 428
    for wrong in (
        {"zq": 1},
        {"basis": {**register.basis, "zq": 1}},
        {"basis": {**register.basis, "date": "0001-01-01"}},
    ):
        refused = await register.post("p", command, who, **{**body, **wrong})
        assert refused.status_code == 422, wrong
        assert refused.json()["problems"][0]["pointer"].startswith(("/body/zq", "/body/basis")), refused.text


@pytest.mark.parametrize(
    ("command", "changed", "pointer"),
    [
        ("agreement", {"agreement": {**AGREEMENT, "regoin": "minsk"}}, "/body/agreement/regoin"),
        ("agreement", {"agreement": {**AGREEMENT, "until": "9999-12-31"}}, "/body/agreement/until"),
        ("commission", {"members": ["m"] * 101}, "/body/members"),
        ("judgement", {"votes": {"in_favour": "9", "against": 0, "abstained": 0}}, "/body/votes/in_favour"),
        ("suspension", {"why": ""}, "/body/why"),
        ("suspension", {"why": "я" * 4001}, "/body/why"),
        ("launch", {"started": 20260304}, "/body/started"),
        ("corrections", {"content": []}, "/body/content"),
    ],
)
async def test_a_body_is_strict_and_bounded_down_to_its_leaves(
    register: Register, command: str, changed: dict[str, Any], pointer: str
) -> None:
    await register.enter("p")
    role, body = COMMANDS[command]
    refused = await register.post("p", command, Person("u", (role,)), **{**body, **changed})
    assert refused.status_code == 422
    assert [one["pointer"] for one in refused.json()["problems"]] == [pointer]


async def test_the_same_command_sent_again_is_answered_again_and_a_stale_one_is_refused(register: Register) -> None:
    await register.at_council("p")
    body = {"basis": register.basis, "decision": "expedient"}
    rev = (await register.engine.documents(["p"]))["p"].rev
    headers = {"If-Match": f'"{rev}"', "Idempotency-Key": "k-1"}
    first = await register.ask("post", "/pilots/p/expediency-decision", SECRETARY, body, **headers)
    again = await register.ask("post", "/pilots/p/expediency-decision", SECRETARY, body, **headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json() and again.headers["Idempotent-Replayed"] == "true"
    late = await register.ask(
        "post", "/pilots/p/agreement-failure", REGISTRAR, {"why": "Нет.", "basis": register.basis}, **headers
    )
    assert late.status_code == 412


# ---- what belongs to one pilot


async def test_results_show_each_indicator_from_its_baseline_to_its_target(register: Register) -> None:
    await register.running("p")
    first, second = register.today, register.today + timedelta(days=5)
    await register.say(
        "p", RecordReport("r-1", Results(values=(value("34", first, "wait"), value("1", first, "other"))))
    )
    await register.say("p", RecordReport("r-2", Results(values=(value("19.5", second, "wait"),))))
    found = await register.get("/pilots/p/results")
    wait, share = found["items"]
    assert (wait["baseline"], wait["target"], wait["last"], wait["percent"], wait["reached"]) == (
        "34", "5", "19.5", 50, False,
    )  # fmt: skip
    assert [one["value"] for one in wait["values"]] == ["34", "19.5"]
    assert (share["last"], share["percent"], share["values"]) == (None, None, [])
    assert [one["indicator"] for one in found["others"]] == ["other"]
    assert (await register.get("/pilots/p"))["progress"][0]["percent"] == 50


async def test_risks_are_shown_as_they_were_said_last(register: Register) -> None:
    await register.running("p")
    await register.say(
        "p",
        RecordReport("r-1", Risks(risks=(risk("r1"), risk("r2")))),
        RecordReport("r-2", Risks(risks=(risk("r1", title="Срыв"),))),
    )
    assert [one["title"] for one in (await register.get("/pilots/p/risks"))["items"]] == ["Срыв", "Отказ сервера"]


@pytest.mark.other_views
@pytest.mark.parametrize(
    ("part", "field", "said"),
    [
        ("risks", "risks.scenario", "Запись недоступна день."),
        ("risks", "risks.owner", "700000111"),
        ("results", "agreement.agreement.indicators.method", "По журналу записи."),
        ("results", "values.evidence", "Журнал записи."),
        ("replicas", "replicas.adaptation", "Своя регистратура."),
        ("replicas", "scaling.replicas.note", "По просьбе."),
    ],
)
async def test_what_is_taken_out_of_the_internal_view_is_gone_from_every_part_of_a_pilot(
    register: Register, monkeypatch: pytest.MonkeyPatch, part: str, field: str, said: str
) -> None:
    await register.store.put("subjects", [shelf.row("p", FULL)])
    assert said in json.dumps(await register.get(f"/pilots/p/{part}"), ensure_ascii=False)
    monkeypatch.setattr(views, "PILOT", without(views.PILOT, field.split(".")))
    assert said not in json.dumps(await register.get(f"/pilots/p/{part}"), ensure_ascii=False)


def without(table: Sequence[views.Shown], path: Sequence[str]) -> tuple[views.Shown, ...]:
    """A table of fields without the one at a path."""
    if len(path) == 1:
        return tuple(one for one in table if one.name != path[0])
    return tuple(replace(one, of=without(one.of, path[1:])) if one.name == path[0] else one for one in table)


async def test_risks_and_replicas_are_shown_as_the_card_shows_them(register: Register) -> None:
    await register.store.put("subjects", [shelf.row("p", FULL), shelf.row("demo-replica-1", PLAIN)])
    card = await register.get("/pilots/p")
    assert (await register.get("/pilots/p/risks"))["items"] == card["risks"] != []
    found = await register.get("/pilots/p/replicas")
    assert found["planned"] == card["scaling"]["replicas"] != []
    [mine], [one] = card["replicas"], found["items"]
    assert one == {**mine, "title": PLAIN.application.title, "stage": PLAIN.stage.value}


async def test_a_line_of_a_list_is_the_same_whether_all_of_a_pilot_is_read_or_what_the_line_is_made_of(
    register: Register,
) -> None:
    whole = shelf.row("p", FULL)
    await register.store.put("subjects", [whole])
    assert (await register.get("/pilots"))["items"] == [views.internal_row(whole)]
    register.clock.time = NOW + timedelta(days=1)
    listed = (await register.get(f"/pilots?as_of={wire_moment(NOW)}"))["items"]
    assert listed == [queries.row_as_of(whole, NOW)]
    [read] = await register.store.rows("subjects", {}, sort=[("_id", 1)], limit=2, fields=queries.PUBLIC_ROW)
    assert views.public_row(read) == views.public_row(whole)
    for fields in (queries.ROW, queries.ROW_AS_OF, queries.PUBLIC_ROW):
        [read] = await register.store.rows("subjects", {}, sort=[("_id", 1)], limit=2, fields=fields)
        assert {*read["state"]}.isdisjoint({"reports", "values", "spending", "risks", "own_terms"})
        assert all({*one} == {"round"} for one in read["state"].get("conclusions", ())), "whether there are any"


async def test_the_clock_is_that_of_the_term_that_is_due_first_or_of_the_one_asked_for(register: Register) -> None:
    await register.enter("p")
    assert (await register.ask("get", "/pilots/p/clock")).status_code == 404, "no term of the register runs"
    await register.running("q")
    terms = {term["kind"]: term["due_at"] for term in (await register.get("/pilots/q"))["terms"]}
    first = min(terms, key=lambda kind: terms[kind])
    told = await register.get("/pilots/q/clock")
    assert (told["term"]["kind"], told["due"]) == (first, terms[first])
    told = await register.get("/pilots/q/clock?term=carrying-out")
    assert told["last_day"] == "2027-02-28" and "Календарных дней" in told["ru"]
    assert (await register.ask("get", "/pilots/q/clock?term=agreement")).status_code == 404, "that one has ended"


async def test_the_list_shows_where_a_pilot_stands_and_its_money_to_the_kopeck(register: Register) -> None:
    await register.running("p", costs=())
    paid = Payment(source="own-money", year=2026, amount_minor=33, currency="BYN", paid=register.today)
    await register.say("p", RecordReport("s-1", Spending(payments=(paid, paid))))
    [row] = (await register.get("/pilots"))["items"]
    assert row["totals"] == {
        "planned": [],
        "committed": [{"currency": "BYN", "amount_minor": 100_01, "amount": "100.01"}],
        "paid": [{"currency": "BYN", "amount_minor": 66, "amount": "0.66"}],
    }
    assert (row["stage"], row["next_move"], row["region"], row["sectors"]) == (
        "running", "executor", "minsk", ["health", "transport"],
    )  # fmt: skip
    assert row["term"]["kind"] == "progress-report"
    card = await register.get("/pilots/p")
    assert card["totals"] == row["totals"]
    committed = [one["amount_minor"] for one in card["money"] if one["stage"] == "committed"]
    assert sorted(committed) == [33_33, 66_68]
