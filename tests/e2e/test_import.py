"""Spreadsheets on the whole running system: every row is accounted for, and nothing is done twice."""

import asyncio
import base64
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from contracts.agency import ApplicationSubmittedV2
from deploy.cli import contracts
from deploy.cli.__main__ import main
from deploy.cli.contracts import Where, change, previewed
from deploy.cli.desk import Desk
from deploy.cli.expertise_job import etag, review
from deploy.cli.importing import System, imported, read_file
from deploy.cli.main_job import _enter, application, run_inventory
from deploy.cli.publishing import heard
from deploy.cli.publishing import publish as by_kafka
from deploy.cli.tally import PARTS
from deploy.importing.publishing import publish
from deploy.importing.rehearsing import IntakeThere, judges, rehearsed
from deploy.local.health import editions_of
from deploy.local.home import ROOT
from deploy.local.stack import Stack
from deploy.progress import silent
from deploy.samples.common import BOOK
from deploy.service import ask
from services.intake.importing import mapping
from services.intake.importing.mapping import Described
from services.intake.importing.report import Finding
from tests.conftest import Eventually
from tests.e2e.conftest import QUICK

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]
HEAD = "№;Название;Проблема;Решение;Отрасль;Сумма\n"
GOOD = "".join(f"{n};Проект {n};Пациенты ждут.;Очередь видна всем.;health;1 200,50\n" for n in range(1, 8))


def plan(agency: str, enter: Mapping[str, str] | None = None) -> Described:
    party = {"scheme": {"value": "BY-UNP"}}
    parties = {
        f"{role}.id.{part}": {"value": value}
        for role, unp in (("initiator", "790000029"), ("customer", "790000016"))
        for part, value in (("scheme", party["scheme"]["value"]), ("value", unp))
    }
    fields = {
        "title": "Название",
        "problem": "Проблема",
        "solution": "Решение",
        "sector": "Отрасль",
        "own_number": "№",
        "costs.0.amount_minor": {"column": "Сумма", "kind": "money"},
        "costs.0.source": {"value": "own-money"},
        "costs.0.currency": {"value": "BYN"},
        **parties,
    }
    raw = {
        "name": "plan",
        "agency": {"code": {"value": agency}, **({"enter": enter} if enter else {})},
        "type": {"value": "application-submitted.v2"},
        "time": {"value": "2026-10-01"},
        "fields": fields,
    }
    return mapping.read(raw)


@pytest.fixture
def system(stack: Stack, desk: Desk) -> System:
    return System(stack.urls["intake"], stack.backends.kafka, stack.token, partial(_enter, desk))


def run(system: System, how: Described, path: Path) -> tuple[dict[str, Any], list[Finding]]:
    _, read = read_file(path, how, silent)
    found, wrong = imported(system, how, read, silent)
    assert found["rows"] == found["published"] + found["refused"]
    assert found["published"] == sum(found[name] for name in PARTS) and found["balance"] == 0
    return found, wrong


def test_each_row_is_accounted_for_and_a_second_import_registers_nothing(
    system: System, agency: str, tmp_path: Path
) -> None:
    path = tmp_path / "план.csv"
    faulty = "8;Проект 8;;;mars;5\n9;Проект 9;Ждут.;Видно.;health;дорого\n"
    again = "1;Проект 1;Пациенты ждут.;Очередь видна всем.;health;1200,5\n"
    path.write_bytes((HEAD + GOOD + again + faulty).encode("cp1251"))
    found, wrong = run(system, plan(agency), path)
    numbers = {name: found[name] for name in ("rows", "refused", *PARTS)}
    assert numbers == {
        "rows": 10,
        "refused": 1,
        "registered": 7,
        "duplicates": 1,
        "rejected": 1,
        "parked": 0,
        "in_flight": 0,
    }
    assert found["reasons"] == {"import.money": 1}
    told = {(one.row, one.column, one.problem.rule) for one in wrong if one.problem.severity == "block"}
    assert told == {
        (10, "Проблема", "schema.missing"),
        (10, "Решение", "schema.missing"),
        (10, "Отрасль", "sector.unknown"),
        (11, "Сумма", "import.money"),
    }
    rows = (HEAD + again + faulty + GOOD).encode()
    path.write_bytes(rows)
    second, wrong = run(system, plan(agency), path)
    assert (second["registered"], second["rejected"], second["duplicates"]) == (0, 1, 8), "in another order as well"
    assert {(one.row, one.problem.rule) for one in wrong if one.column == "Отрасль"} == {(3, "sector.unknown")}


def test_rows_that_were_refused_are_taken_when_the_reason_is_over_and_a_dry_run_says_all_of_it_before(
    stack: Stack, system: System, agency: str, tmp_path: Path
) -> None:
    how, path, there = plan(agency), tmp_path / "plan.csv", IntakeThere(system.intake, stack.token)

    def switched(what: str) -> None:
        url, key = f"{system.intake}/v1/agencies/{agency}", {"Idempotency-Key": f"{what}-{agency}"}
        token = stack.token(["admin"])
        match = {"If-Match": ask("intake", "GET", url, token).headers["ETag"]}
        done = ask("intake", "POST", f"{url}/{what}", token, headers={**key, **match}, body={"why": "Проверка."})
        assert done.status_code == 200, done.text

    def both() -> tuple[dict[str, int], set[str]]:
        """What the import of the file comes to; a dry run just before says the same."""
        _, read = read_file(path, how, silent)
        dry = rehearsed(judges(how, [agency], there, lambda _said: None, silent), read, silent)
        found, wrong = run(system, how, path)
        assert dry.stored and {name: dry.fates[name] for name in PARTS} == {name: found[name] for name in PARTS}
        rules = {one.problem.rule for one in wrong}
        assert {one.problem.rule for one in dry.wrong} == rules
        return {name: found[name] for name in PARTS if found[name]}, rules

    path.write_text(HEAD + GOOD, encoding="utf-8")
    switched("disabling")
    for _ in range(2):
        assert both() == ({"rejected": 7}, {"agency.disabled"}), "what stands refused is no duplicate"
    switched("enabling")
    assert both()[0] == {"registered": 7}
    other = "7;Другой проект;Пациенты ждут.;Очередь видна всем.;health;1 200,50\n"
    mine = "".join(f"8;Проект 8-{n};Ждут.;Видно.;health;1\n" for n in range(2))
    path.write_text(HEAD + GOOD + other + mine, encoding="utf-8")
    assert both() == ({"registered": 3, "duplicates": 7}, {"own-number.used"})


def test_what_was_stopped_goes_on(system: System, agency: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    path.write_text(HEAD + GOOD, encoding="utf-8")
    how = plan(agency)
    _, read = read_file(path, how, silent)

    def stopped() -> Iterator[tuple[str, Any]]:
        for row in read[:3]:
            yield agency, row.event
        raise KeyboardInterrupt

    sent = asyncio.run(publish(system.login, ((agency, row.event) for row in read[:3] if row.event)))
    assert sent.count == 3
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(publish(system.login, stopped()))
    found, _ = run(system, how, path)
    assert found["registered"] + found["duplicates"] == 7 and found["registered"] >= 4


def test_who_is_in_no_directory_is_refused_unless_the_mapping_enters(
    system: System, desk: Desk, tmp_path: Path
) -> None:
    path = tmp_path / "plan.csv"
    path.write_text(HEAD + GOOD, encoding="utf-8")
    found, wrong = run(system, plan("nobody-yet"), path)
    assert (found["published"], found["reasons"]) == (0, {"import.agency-unknown": 7})
    assert len(wrong) == 7
    how = plan("nobody-yet", {"edition": "by-2024", "since": "2025-01-01"})
    assert run(system, how, path)[0]["registered"] == 7


def test_the_verb_finds_any_system_by_its_addresses_says_it_in_json_and_writes_the_report(
    stack: Stack, agency: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    path = tmp_path / "plan.csv"
    path.write_text(HEAD + GOOD, encoding="utf-8")
    described = tmp_path / "plan.toml"
    described.write_text(
        f'name = "by-verb"\ntime = {{ value = 2026-10-01 }}\ntype = {{ value = "application-submitted.v2" }}\n'
        f'[agency]\ncode = {{ value = "{agency}" }}\n[fields]\ntitle = "Название"\n',
        encoding="utf-8",
    )
    login = stack.backends.kafka
    for name, value in {
        "INTAKE_URL": stack.urls["intake"],
        "KAFKA_URL": login.bootstrap,
        "KAFKA_USERNAME": login.username or "",
        "KAFKA_PASSWORD": login.password or "",
        "TOKEN": stack.token(["admin", "auditor"]),
    }.items():
        monkeypatch.setenv(f"LOTSMAN_{name}", value)
    words = ["import", str(path), "--mapping", str(described), "--report", str(tmp_path / "out"), "--json"]
    for more, status in (([], 0), (["--dry-run"], 0), (["--dry-run", "--every-row"], 4)):
        assert main([*words, *more]) == status
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert (told["rows"], told["rejected"], told["balance"]) == (7, 7, 0)
        assert told.get("stored") is (True if more else None)
        assert Path(told["report"]).read_text(encoding="utf-8-sig").count("schema.missing") == 7 * 5
        assert Path(told["marked"]).exists()


PLAN = """
name = "by-job"
time = { value = 2026-10-01 }
type = { value = "application-submitted.v2" }
[agency]
code = { value = "CODE" }
[fields]
title = "Название"
problem = "Проблема"
solution = "Решение"
sector = "Отрасль"
own_number = "№"
"costs.0.amount_minor" = { column = "Сумма", kind = "money" }
"costs.0.source" = { value = "own-money" }
"costs.0.currency" = { value = "BYN" }
"initiator.id.scheme" = { value = "BY-UNP" }
"initiator.id.value" = { value = "790000029" }
"customer.id.scheme" = { value = "BY-UNP" }
"customer.id.value" = { value = "790000016" }
"""


def test_a_file_that_is_sent_over_http_is_a_job_whose_rows_become_pilots_of_the_register(
    desk: Desk, agency: str, eventually: Eventually
) -> None:
    """As the pages ask for it: nobody but the running intake works on the job."""
    told = dict[str, Any]()

    def publishers(method: str, path: str, body: object = None) -> Any:
        answer = desk.call(method, "intake", f"/v1/{path}", "publisher", org=agency, body=body)
        assert answer.status_code in (200, 202), answer.text
        return answer.json()

    def until(check: Callable[[], Any]) -> None:
        asyncio.run(eventually(check, within=120, every=0.2))

    def done(**how: bool) -> dict[str, int]:
        body = {"file": "план.csv", "content": base64.b64encode((HEAD + GOOD).encode("cp1251")).decode(), **how}
        id_ = publishers("POST", "imports", {**body, "toml": PLAN.replace("CODE", agency)})["id"]

        def is_over() -> bool:
            told.update(publishers("GET", f"imports/{id_}"))
            return told["state"] not in ("waiting", "working")

        until(is_over)
        assert (told["state"], told["rows"], told["done"], told["counts"]["balance"]) == ("done", 7, 7, 0), told
        return {name: told["counts"][name] for name in ("registered", "duplicates") if told["counts"][name]}

    assert done(dry_run=True) == {"registered": 7}
    assert publishers("GET", "applications")["items"] == [], "nothing is sent"
    assert done(dry_run=False) == {"registered": 7}
    numbers = {one["number"] for one in publishers("GET", "applications")["items"]}
    assert len(numbers) == 7 and all(one.startswith("ПП-") for one in numbers)

    def entered() -> dict[str, str]:
        answer = desk.call("GET", "registry", f"/v1/pilots?agency={agency}&limit=200", "auditor")
        return {one["number"]: one["title"] for one in answer.json()["items"]}

    until(lambda: len(entered()) == 7)
    assert entered().keys() == numbers and {*entered().values()} == {f"Проект {n}" for n in range(1, 8)}
    assert done(dry_run=False) == {"duplicates": 7}, "the same file again registers nothing"


def test_a_changed_edition_is_previewed_switched_on_and_refuses_exactly_what_was_said(
    stack: Stack, desk: Desk, agency: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """On the running system: what agencies sent is judged by an edition of one's own, and by a changed module of the
    contracts; then the services read that edition from its folder, and credit and appeal are there."""
    credit = {"procedure": "credit", "evidence": "Работает с 2024 года."}
    data = [{}, {"solution": "х" * 900}, {"sector": "mars"}, credit, {"title": "Г" * 90}]
    sent = [application(n, agency, kind=ApplicationSubmittedV2.TYPE) for n in range(len(data))]
    for one, more in zip(sent, data, strict=True):
        one["data"] |= more
    ids = [one["id"] for one in sent]
    told = _published(desk, agency, sent)
    _published(desk, agency, [sent[1], sent[2], sent[1]])  # a program that sends again
    assert {id_ for id_, outcome in told.items() if outcome == "refused"} == {ids[2], ids[3]}
    posted = [application(n, agency, kind=ApplicationSubmittedV2.TYPE) for n in (10, 11)]
    posted[1]["data"] |= {"solution": "х" * 900}
    for one in posted:
        assert desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=one).status_code == 201
    desk.call("POST", "intake", "/v1/events", "publisher", org=agency, body=sent[1])  # it is in the topic already

    folder = tmp_path / "editions"
    folder.mkdir()
    (folder / "by.toml").write_text(
        'extends = "by-2024"\nid = "by-2024"\n[lengths.solution]\nvalue = 800\n'
        "[switches.credit]\non = true\n[switches.appeal]\non = true\n",
        encoding="utf-8",
    )
    where = Where(
        stack.backends.mongo_as("intake"), stack.service_env("intake")["LOTSMAN_DATABASE"], stack.backends.kafka
    )
    monkeypatch.setattr(contracts, "_here", lambda: where)
    assert main(["contracts", "preview", str(folder), "--list", str(tmp_path / "found.jsonl"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    [mine] = [one for one in found["agencies"] if one["agency"] == agency]
    assert (mine["events"], mine["would_fail"], mine["fail_today"], mine["newly"]) == (7, 3, 1, 2)
    assert mine["rules"] == {"sector.unknown": 1, "text.length": 2} and found["events"] >= 7
    over_http = {"event_id": posted[1]["id"], "over": "http", "rules": ["text.length"]}
    assert mine["examples"] == [{"event_id": ids[1], "offset": 1, "rules": ["text.length"]}, over_http]
    listed = [json.loads(line) for line in Path(found["list"]).read_text(encoding="utf-8").splitlines()]
    would = {one["event_id"] for one in listed if one["agency"] == agency}
    assert would == {ids[1], ids[2], posted[1]["id"]}

    module = tmp_path / "agency.py"
    packaged = (ROOT / "contracts" / "agency.py").read_text(encoding="utf-8")
    longest = "    total_cost: Money | None = None\n\n    def application"
    shorter = longest.replace("\n\n", "\n    title: Annotated[str, line(80)]\n\n")
    assert longest in packaged
    changed = packaged.replace(longest, shorter).replace("from .entered", "from .text import line\nfrom .entered", 1)
    module.write_text(changed, encoding="utf-8")
    by_module, _ = previewed(where, change(module), tmp_path / "by-module.jsonl")
    [mine] = [one for one in by_module if one.agency == agency]
    assert (mine.newly, [one["event_id"] for one in mine.examples]) == (1, [ids[4]])

    stack.restart({**QUICK, "LOTSMAN_EDITIONS": str(folder)})
    known = [editions_of(stack.urls[name]) for name in ("intake", "expertise", "registry")]
    assert known[0] == known[1] == known[2] and known[0]["by-2024"] != BOOK.digests["by-2024"]
    again = [{**one, "id": f"{one['id']}-again"} for one in [*sent, *posted]]
    told = _published(desk, agency, again)
    assert {id_.removesuffix("-again") for id_, outcome in told.items() if outcome == "refused"} == would
    pilot = heard(desk.logins[agency], agency, {ids[3] + "-again"})[ids[3] + "-again"]["pilot"]
    card = desk.ask("intake", f"/v1/applications/{pilot}", "officer", lambda answer: answer.status_code == 200)
    desk.do("intake", f"/v1/applications/{pilot}/acceptance", "officer", None, card.headers["ETag"])
    concluded = review(desk, str(pilot)).json()
    assert concluded["kind"] == "credit"
    basis = {"body": "Заявитель", "kind": "жалоба", "number": "7", "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    grounds = {"grounds": "Не согласны.", "basis": basis}
    desk.do("expertise", f"/v1/reviews/{pilot}/appeal", "operator", grounds, etag(desk, str(pilot)))
    appealed = desk.call("GET", "expertise", f"/v1/reviews/{pilot}", "operator").json()
    assert appealed["status"] == "appealed"


def _published(desk: Desk, agency: str, events: list[dict[str, Any]]) -> dict[str, str]:
    """What each event of an agency is first told, by its id."""
    asyncio.run(by_kafka(desk.logins[agency], {agency: events}))
    return {id_: one["outcome"] for id_, one in heard(desk.logins[agency], agency, {e["id"] for e in events}).items()}


@pytest.mark.soak
def test_the_real_inventory_is_registered_once(desk: Desk, system: System, inventory: Path) -> None:
    shown = io.StringIO()
    found = run_inventory(replace(desk, console=Console(file=shown, width=200)), inventory)
    assert (found["rows"], found["published"], found["refused"], found["balance"]) == (3611, 3611, 0, 0)
    assert (found["registered"], found["duplicates"], found["rejected"]) == (3113, 2, 496)
    assert "3611 use cases of 41 agencies" in shown.getvalue()
    assert "/data/problem schema.missing" in shown.getvalue()
    how = mapping.load(ROOT / "deploy" / "mappings" / "us-federal-ai-use-cases-2025.toml")
    second, _ = run(system, how, inventory)
    assert (second["registered"], second["duplicates"], second["rejected"]) == (0, 3115, 496)
