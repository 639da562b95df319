"""The life of a pilot in the register on the whole running system: to scaling, with a replica of another agency, and
what can be asked of it all: money, figures, what was known when, what changed, lists to take out."""

import asyncio
import csv
import hashlib
import io
import os
import signal
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import pytest
from pymongo import MongoClient
from rich.console import Console

from contracts.agency import (
    ApplicationSubmittedV2,
    ProgressReportedV1,
    ResultReportedV1,
    RiskReportedV1,
    SpendingReportedV1,
)
from contracts.event import wire_moment
from contracts.steps import ReplicaPlan
from deploy.cli.desk import Desk
from deploy.cli.expertise_job import found, review
from deploy.cli.main_job import application
from deploy.cli.publishing import publish, receipts
from deploy.cli.register_job import (
    COMMITTED,
    DEVELOPER,
    card,
    event,
    finished,
    judged,
    launched,
    report,
    step,
    today,
    value,
)
from deploy.cli.tally import pilots
from deploy.local.stack import Stack
from deploy.samples import registry as say
from deploy.samples.common import body
from tests.e2e.conftest import enter, kill

pytestmark = [pytest.mark.timeout(240)]
V2 = ApplicationSubmittedV2.TYPE
PAID: Final = 3_333_334
ADAPTED: Final = "Аппараты другой марки."
OTHER_CLINIC: Final = {"id": {"scheme": "BY-UNP", "value": "790000044"}, "name": "Поликлиника № 0 города Образцова"}


@dataclass(frozen=True)
class Lived:
    """Two pilots that went the whole way: one, and its copy by another agency."""

    desk: Desk
    agency: str
    other: str
    parent: str
    replica: str
    too_small: httpx.Response
    """What was answered to a commission of eight."""


@pytest.fixture(scope="module")
def lived(stack: Stack) -> Iterator[Lived]:
    """The whole life, once, through the doors that agencies and officials have."""
    with httpx.Client(timeout=40, trust_env=False) as http:
        desk = Desk(stack, Console(quiet=True), http, {})
        agency, other = enter(stack, desk), enter(stack, desk)
        parent = _concluded(desk, agency)
        launched(desk, parent)
        _report_all(desk, agency, parent)
        finished(desk, agency, parent)
        eight = body(say.commission(today(), say.MEMBERS[:8]))
        etag = card(desk, parent).headers["ETag"]
        path = f"/v1/pilots/{parent}/commission"
        too_small = desk.attempt("registry", path, "head-organisation", eight, etag)
        judged(desk, parent)
        _scaled(desk, parent, OTHER_CLINIC)
        number = card(desk, parent, "scaled").json()["number"]
        replica = _concluded(desk, other, customer=OTHER_CLINIC, replicates=number, adaptation=ADAPTED)
        launched(desk, replica, OTHER_CLINIC)
        finished(desk, other, replica)
        judged(desk, replica)
        desk.ask("registry", f"/v1/pilots/{parent}/replicas", "registrar", lambda a: '"outcome":"effective"' in a.text)
        yield Lived(desk, agency, other, parent, replica, too_small)


def _scaled(desk: Desk, pilot: str, customer: Mapping[str, Any]) -> None:
    """The decision to copy an effective pilot for another customer, with the window of its money."""
    plan = ReplicaPlan.model_validate({"customer": customer, "region": "brest", "note": "Два района."})
    step(desk, pilot, say.scale(day=today(), replicas=(plan,)))


def _submitted(desk: Desk, agency: str, number: int = 1, **data: Any) -> str:
    """An application that came over Kafka and was registered; the pilot's id."""
    sent = application(number, agency, kind=V2)
    sent["data"] |= data
    asyncio.run(publish(desk.logins[agency], {agency: [sent]}))
    path = f"/v1/receipts/{sent['id']}"
    deadline = time.monotonic() + 20
    while (answer := desk.call("GET", "intake", path, "publisher", org=agency)).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)
    assert answer.json()["status"] == "registered", answer.text
    return str(answer.json()["pilot"])


def _concluded(desk: Desk, agency: str, **data: Any) -> str:
    """A pilot with a positive conclusion."""
    pilot = _submitted(desk, agency, **data)
    seen = desk.call("GET", "intake", f"/v1/applications/{pilot}", "officer")
    desk.do("intake", f"/v1/applications/{pilot}/acceptance", "officer", None, seen.headers["ETag"])
    desk.ask("expertise", f"/v1/reviews/{pilot}", "operator", found)
    review(desk, pilot)
    return pilot


def _report_all(desk: Desk, agency: str, pilot: str) -> None:
    """A report of every kind but the last, and one with an indicator that was not agreed on."""
    day = today().isoformat()
    period = {"since": day, "until": day}
    payment = body(say.paid(PAID, year=2027, day=today()))
    risk = body(say.risk(owner=DEVELOPER["id"]))
    unknown = body(say.value("4", today(), "not-agreed"))
    report(
        desk,
        agency,
        event(agency, pilot, ProgressReportedV1.TYPE, {"period": period, "summary": "Стенд собран."}),
        event(agency, pilot, SpendingReportedV1.TYPE, {"payments": [payment]}),
        event(agency, pilot, RiskReportedV1.TYPE, {"risks": [risk]}),
        event(agency, pilot, ResultReportedV1.TYPE, {"values": [body(value("3"))]}),
        event(agency, pilot, ResultReportedV1.TYPE, {"values": [unknown]}),
    )


def read(desk: Desk, path: str, role: str = "registrar") -> Any:
    """The register's answer. It must be a good one."""
    answer = desk.call("GET", "registry", path, role)
    assert answer.status_code == 200, answer.text
    return answer.json()


def open_to_all(desk: Desk, path: str) -> Any:
    """What everybody is answered."""
    answer = desk.http.get(f"{desk.stack.urls['registry']}/public/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def timeline(desk: Desk, pilot: str) -> list[dict[str, Any]]:
    """All of a pilot's timeline; it is written when the facts are sent, a moment after the pilot."""
    deadline = time.monotonic() + 20
    while len(lines := _timeline(desk, pilot)) < read(desk, f"/v1/pilots/{pilot}")["version"]:
        assert time.monotonic() < deadline, f"{pilot} has {len(lines)} entries"
        time.sleep(0.05)
    return lines


def _timeline(desk: Desk, pilot: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        page = read(desk, f"/v1/pilots/{pilot}/timeline?limit=200{f'&after={after}' if after else ''}")
        lines += page["items"]
        after = page["next"]
    return lines


def timelines(desk: Desk) -> dict[str, list[dict[str, Any]]]:
    """Every pilot's timeline, once all that was submitted has come to rest: entered, and its first term recorded."""

    def rests(answer: httpx.Response) -> bool:
        rows = answer.json()["items"] if answer.status_code == 200 else [{"term": None, "stage": "look-over"}]
        return all(row["term"] is not None for row in rows if row["stage"] == "look-over")

    desk.ask("registry", "/v1/pilots?limit=200", "registrar", rests)
    return {row["id"]: timeline(desk, row["id"]) for row in pilots(desk)}


# ---- the life


def test_a_pilot_is_carried_from_its_application_to_scaling_and_every_step_stands_in_its_timeline(
    lived: Lived,
) -> None:
    desk = lived.desk
    known = read(desk, f"/v1/pilots/{lived.parent}")
    assert (known["stage"], known["next_move"]) == ("scaled", None)
    assert known["executor"]["id"] == DEVELOPER["id"]
    assert known["judgement"]["outcome"] == "effective"
    lines = timeline(desk, lived.parent)
    assert [line["sequence"] for line in lines] == list(range(1, known["version"] + 1))
    steps = [line["type"].split(".")[2] for line in lines if "term-" not in line["type"]]
    assert steps == [
        "pilot-entered",
        "application-outcome-recorded",
        "conclusion-recorded",
        "expediency-decided",
        "agreement-recorded",
        "pilot-launched",
        "progress-recorded",
        "spending-recorded",
        "risk-recorded",
        "result-recorded",
        "pilot-completed",
        "commission-named",
        "effectiveness-proposed",
        "effectiveness-judged",
        "scaling-decided",
        "replica-linked",
        "replica-result-noted",
    ]
    on_paper = {step: line["basis"] for step, line in zip(steps, _no_terms(lines), strict=True)}
    legal = ("expediency-decided", "agreement-recorded", "pilot-launched", "commission-named", "scaling-decided")
    assert all(on_paper[step]["number"] and on_paper[step]["body"] for step in legal)


def _no_terms(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if "term-" not in line["type"]]


def test_a_commission_of_eight_is_refused(lived: Lived) -> None:
    assert (lived.too_small.status_code, lived.too_small.json()["title"]) == (422, "commission.too-small")


def test_the_agency_is_told_of_every_report_and_of_all_that_is_wrong_with_one(lived: Lived) -> None:
    told = receipts(lived.desk.logins[lived.agency], lived.agency, 14)
    assert Counter(one["outcome"] for one in told) == {
        "registered": 1,
        "accepted": 1,
        "concluded": 1,
        "decided": 1,
        "agreed": 1,
        "launched": 1,
        "reported": 5,
        "refused": 1,
        "judged": 1,
        "scaling-decided": 1,
    }
    [refused] = [one for one in told if one["outcome"] == "refused"]
    assert [(one["pointer"], one["rule"]) for one in refused["problems"]] == [
        ("/data/values/0/indicator", "indicator.unknown")
    ]


def test_what_the_executor_reported_can_be_asked_of_the_register(lived: Lived) -> None:
    [indicator] = read(lived.desk, f"/v1/pilots/{lived.parent}/results")["items"]
    assert (indicator["code"], indicator["last"], indicator["percent"], indicator["reached"]) == (
        say.INDICATOR.code,
        "1",
        100,
        True,
    )
    assert [one["value"] for one in indicator["values"]] == ["3", "1"]
    [risk] = read(lived.desk, f"/v1/pilots/{lived.parent}/risks")["items"]
    assert (risk["id"], risk["probability"], risk["open"]) == ("r-1", "low", True)


def test_a_replica_of_another_agency_is_linked_to_its_parent_and_its_judgement_comes_back(lived: Lived) -> None:
    desk = lived.desk
    known = read(desk, f"/v1/pilots/{lived.parent}/replicas")
    [copy] = known["items"]
    replica = read(desk, f"/v1/pilots/{lived.replica}")
    assert copy == {
        "pilot": lived.replica,
        "number": replica["number"],
        "title": replica["title"],
        "stage": "effective",
        "adaptation": ADAPTED,
        "outcome": "effective",
    }
    assert [one["customer"] for one in known["planned"]] == [OTHER_CLINIC]
    back = read(desk, f"/v1/pilots/{lived.replica}/replicas")["parent"]
    assert (back["pilot"], back["stage"]) == (lived.parent, "scaled")


# ---- what was known when


def test_as_of_any_entry_the_card_is_what_the_entries_up_to_then_made(lived: Lived) -> None:
    desk, path = lived.desk, f"/v1/pilots/{lived.parent}"
    lines = timeline(desk, lived.parent)
    for moment in sorted({line["time"] for line in lines}):
        then = read(desk, f"{path}?as_of={moment}")
        assert then["version"] == sum(1 for line in lines if line["time"] <= moment)
    at = {line["type"].split(".")[2]: line["time"] for line in lines}
    then = read(desk, f"{path}?as_of={at['pilot-launched']}")
    assert (then["stage"], then["judgement"], then["replicas"]) == ("running", None, [])
    before = wire_moment(datetime.fromisoformat(lines[0]["time"]) - timedelta(milliseconds=1))
    assert desk.call("GET", "registry", f"{path}?as_of={before}", "registrar").status_code == 404
    assert read(desk, f"{path}?as_of={today()}")["stage"] == "scaled", "a bare day is its end, in Minsk"


def test_a_list_as_of_a_moment_has_what_stood_at_a_stage_then_and_not_what_stands_there_now(lived: Lived) -> None:
    desk = lived.desk
    at = {line["type"].split(".")[2]: line["time"] for line in timeline(desk, lived.parent)}
    asked = f"/v1/pilots?agency={lived.agency}&stage=running"
    then = read(desk, f"{asked}&as_of={at['pilot-launched']}")["items"]
    assert [(row["id"], row["stage"]) for row in then] == [(lived.parent, "running")]
    assert read(desk, asked)["items"] == []
    assert read(desk, f"/v1/pilots?sector=health&as_of={at['pilot-entered']}&agency={lived.other}")["items"] == []


# ---- money and figures


Key = tuple[Any, ...]


def _sums_of_the_pilots(desk: Desk) -> dict[Key, int]:
    """Every amount of every pilot, added up from each pilot's own card of its money."""
    sums: dict[Key, int] = defaultdict(int)
    for row in pilots(desk):
        told = read(desk, f"/v1/money/{row['id']}")
        assert told["exact"], row["id"]
        for line in told["lines"]:
            for part in line["parts"]:
                sums[part["sector"], line["source"], line["year"], line["currency"], line["stage"]] += part[
                    "amount_minor"
                ]
    return sums


def _sums_of_the_register(desk: Desk) -> tuple[dict[Key, int], dict[str, int]]:
    answer = desk.call("GET", "registry", "/v1/money?group_by=sector,source,year&limit=1000", "auditor")
    if answer.status_code != 200 or not answer.json()["complete"]:
        return {}, {}
    body = answer.json()
    names = ("sector", "source", "year", "currency", "stage")
    totals = {total["stage"]: total["amount_minor"] for total in body["totals"]}
    return {tuple(one[name] for name in names): one["amount_minor"] for one in body["items"]}, totals


def money_adds_up(desk: Desk) -> dict[str, int]:
    """The sums over all pilots are the pilots' own amounts added up, to the kopeck; the totals by stage."""
    wanted = _sums_of_the_pilots(desk)
    deadline = time.monotonic() + 30
    while (told := _sums_of_the_register(desk))[0] != wanted:
        assert time.monotonic() < deadline, (told, wanted)
        time.sleep(0.1)
    by_stage: dict[str, int] = defaultdict(int)
    for key, amount in wanted.items():
        by_stage[key[-1]] += amount
    assert told[1] == by_stage
    return told[1]


def test_the_money_of_the_register_is_the_money_of_its_pilots_to_the_kopeck(lived: Lived) -> None:
    totals = money_adds_up(lived.desk)
    assert totals == {"planned": 24_000_000, "committed": 2 * COMMITTED, "paid": PAID}
    [committed] = [
        line for line in read(lived.desk, f"/v1/money/{lived.parent}")["lines"] if line["stage"] == "committed"
    ]
    assert {part["sector"]: part["amount_minor"] for part in committed["parts"]} == {
        "health": 8_250_001,
        "public-administration": 2_750_000,
    }
    health = read(lived.desk, "/v1/money?group_by=sector&sector=health&stage=committed")
    assert [(one["sector"], one["amount_minor"], one["pilots"]) for one in health["items"]] == [
        ("health", 2 * 8_250_001, 2)
    ]


def test_the_figures_tell_where_pilots_stand_and_what_came_of_them(lived: Lived) -> None:
    desk = lived.desk
    at_stages = Counter(row["stage"] for row in pilots(desk))

    def counted(answer: httpx.Response) -> bool:
        if answer.status_code != 200:
            return False
        return {one["stage"]: one["pilots"] for one in answer.json()["stages"] if one["pilots"]} == at_stages

    desk.ask("registry", "/v1/figures/funnel", "auditor", counted)
    wanted = {"judged_effective": 2, "decided_scale": 1, "replicas": 1, "replicas_effective": 1}

    def scaled(answer: httpx.Response) -> bool:
        return answer.status_code == 200 and wanted.items() <= answer.json()["totals"].items()

    desk.ask("registry", "/v1/figures/scaling", "auditor", scaled)  # the parent is told last how its replica was judged
    results = read(desk, "/v1/figures/results", "auditor")["totals"]
    assert (results["indicators"], results["reached"], results["pilots_all_reached"]) == (2, 2, 2)
    kept = {one["kind"]: (one["kept"], one["broken"]) for one in read(desk, "/v1/figures/terms")["kinds"] if one["own"]}
    assert kept["effectiveness-proposal"] == kept["judgement"] == (2, 0)


# ---- finding, and what the public may know


def test_the_parent_is_found_and_is_like_its_replica(lived: Lived) -> None:
    desk = lived.desk
    number = read(desk, f"/v1/pilots/{lived.parent}")["number"]

    def hit(answer: httpx.Response) -> bool:
        rows = answer.json().get("items", [])
        return [(row["id"], row["stage"]) for row in rows[:1]] == [(lived.parent, "scaled")]

    desk.ask("registry", f"/v1/search?q={number}", "auditor", hit)
    near = read(desk, f"/v1/pilots/{lived.replica}/similar")["items"]
    assert lived.parent in [one["id"] for one in near]


def test_the_public_sees_the_life_of_a_pilot_and_no_person(lived: Lived) -> None:
    desk, pilot = lived.desk, lived.parent
    shown = [
        open_to_all(desk, f"/pilots/{pilot}"),
        open_to_all(desk, f"/pilots/{pilot}/timeline"),
        open_to_all(desk, "/pilots"),
    ]
    assert shown[0]["stage"] == "scaled"
    assert "pilots.registry.scaling-decided.v1" in [line["type"] for line in shown[1]["items"]]
    text = str(shown)
    assert not [secret for secret in ("member-", "secretary-1", "r-1", lived.replica + "'}") if secret in text]
    assert "Второй аппарат" not in text


# ---- what changed


def _feed(desk: Desk, after: str | None, limit: int, wait: int = 0) -> Any:
    asked = f"/v1/changes?limit={limit}&wait={wait}{f'&after={after}' if after else ''}"
    return read(desk, asked, "auditor")


def test_the_change_feed_goes_on_where_it_was_after_a_kill_without_a_gap_or_a_double(
    lived: Lived, stack: Stack
) -> None:
    desk, items, after = lived.desk, list[dict[str, Any]](), None
    for _ in range(3):
        part = _feed(desk, after, 7)
        items, after = items + part["items"], part["next"]
    assert len(items) == 21
    fresh = [application(n, lived.agency, kind=V2) for n in range(50, 60)]
    asyncio.run(publish(desk.logins[lived.agency], {lived.agency: fresh}))
    kill(stack, "registry")
    stack.await_ready(60, ["registry"])
    asked = f"/v1/pilots?agency={lived.agency}&limit=200"
    desk.ask("registry", asked, "registrar", lambda a: a.status_code == 200 and len(a.json()["items"]) == 11)
    wanted = timelines(desk)
    deadline = time.monotonic() + 30
    while len(items) < sum(map(len, wanted.values())):
        assert time.monotonic() < deadline, f"{len(items)} changes"
        part = _feed(desk, after, 50, wait=1)
        items, after = items + part["items"], part["next"]
    told: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in items:
        told[item["subject"]].append({name: one for name, one in item.items() if name not in PILOT})
    assert told == wanted, "each pilot's facts once, in order, as its timeline has them"


def test_who_waits_at_the_feed_is_told_at_once(lived: Lived) -> None:
    desk, after = lived.desk, "now"
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        after = _feed(desk, after, 50)["next"]
        waiting = pool.submit(_feed, desk, after, 50, 25)
        pilot = _submitted(desk, lived.agency, 70)
        seen = waiting.result()
    while pilot not in [item["subject"] for item in seen["items"]]:
        assert time.monotonic() - began < 20
        seen = _feed(desk, seen["next"], 50, 5)
    assert time.monotonic() - began < 20, "it did not wait its time out"


# ---- lists that are taken out


def _taken(desk: Desk, what: str, form: str, **filters: str) -> str:
    body = {"list": what, "format": form, "filters": filters, "why": "Отчёт за год."}
    answer = desk.call("POST", "registry", "/v1/exports", "registrar", body=body, sub="u-registrar")
    assert answer.status_code == 202, answer.text
    return str(answer.headers["Location"])


def _ready(desk: Desk, place: str, within: float = 40) -> Mapping[str, Any]:
    deadline = time.monotonic() + within
    while True:
        told = desk.call("GET", "registry", place, "registrar", sub="u-registrar")
        if told.status_code == 200 and told.json()["state"] == "ready":
            body: dict[str, Any] = told.json()
            return body
        assert time.monotonic() < deadline, told.text
        time.sleep(0.1)


def _fetched(desk: Desk, place: str) -> bytes:
    """The file, which must be the one that its card tells of."""
    told = _ready(desk, place)
    answer = desk.call("GET", "registry", f"{place}/file", "registrar", sub="u-registrar")
    assert answer.status_code == 200, answer.text
    assert (len(answer.content), hashlib.sha256(answer.content).hexdigest()) == (told["bytes"], told["digest"])
    return answer.content


def test_a_list_is_taken_out_as_a_table_and_as_a_workbook_and_who_took_it_stands_there(lived: Lived) -> None:
    desk = lived.desk
    places = {form: _taken(desk, "pilots", form) for form in ("csv", "xlsx")}
    rows = list(csv.DictReader(io.StringIO(_fetched(desk, places["csv"]).decode("utf-8-sig"))))
    assert {row["id"]: row["stage"] for row in rows} == {row["id"]: row["stage"] for row in pilots(desk)}
    [line] = [row for row in rows if row["id"] == lived.parent]
    assert (line["paid_minor"], line["committed_minor"]) == (str(PAID), str(COMMITTED))
    with zipfile.ZipFile(io.BytesIO(_fetched(desk, places["xlsx"]))) as book:
        assert "xl/worksheets/sheet1.xml" in book.namelist()
    stranger = desk.call("GET", "registry", f"{places['csv']}/file", "registrar", sub="u-another")
    assert stranger.status_code == 403
    taken = read(desk, "/v1/exports", "auditor")["items"]
    said = {(one["by"], one["why"], one["format"], one["rows"]) for one in taken}
    assert {("u-registrar", "Отчёт за год.", form, len(rows)) for form in places} <= said


def test_lists_that_were_being_made_when_the_register_was_killed_are_made_whole_once(
    lived: Lived, stack: Stack
) -> None:
    desk = lived.desk
    wanted = {pilot: len(lines) for pilot, lines in timelines(desk).items()}
    client: MongoClient[dict[str, Any]] = MongoClient(stack.backends.mongo_url)
    subjects, leases = client["lotsman_registry"]["subjects"], client["lotsman_registry"]["exports"]
    try:
        places: list[str] = []
        deadline = time.monotonic() + 60
        while not (cut := _killed_while_making(desk, stack, subjects, leases, places)):
            assert time.monotonic() < deadline, "the register was never met at work"
        for place in places:
            rows = list(csv.DictReader(io.StringIO(_fetched(desk, place).decode("utf-8-sig"))))
            assert Counter(row["pilot"] for row in rows) == wanted, place
        ended = subjects.find({"kind": "export"}, {"version": 1})
        assert {row["version"] for row in ended} == {2}, "each was asked for once and ended once"
        assert cut <= {place.rsplit("/", 1)[1] for place in places}
        assert client["lotsman_registry"]["export_rows"].count_documents({}) == 0, "nothing half made is left"
    finally:
        client.close()
    money_adds_up(desk)


def test_nothing_that_the_services_told_each_other_was_left_lying(lived: Lived, stack: Stack) -> None:
    for service in stack.urls:
        parked = lived.desk.call("GET", service, "/v1/parked?limit=200", "ops").json()["items"]
        assert parked == [], service


PILOT: Final = ("subject", "number", "title")
"""What a change says of its pilot beside the fact."""


def _killed_while_making(desk: Desk, stack: Stack, subjects: Any, leases: Any, places: list[str]) -> set[str]:
    """Asks for lists, and kills the register as soon as it makes one of them; those that it had in hand."""
    for place in places:  # one person waits for no more than ten lists
        _ready(desk, place)
    places += [_taken(desk, "timeline", "csv") for _ in range(10)]
    pid = stack.services["registry"].pid
    assert pid is not None
    ours = [place.rsplit("/", 1)[1] for place in places]
    until = time.monotonic() + 10
    while not _in_hand(subjects, leases, ours) and time.monotonic() < until:
        pass
    os.kill(pid, signal.SIGKILL)
    cut = _in_hand(subjects, leases, ours)
    deadline = time.monotonic() + 30
    while stack.services["registry"].pid in (pid, None):
        assert time.monotonic() < deadline, "the supervisor did not start it again"
        time.sleep(0.05)
    stack.await_ready(60, ["registry"])
    return cut


def _in_hand(subjects: Any, leases: Any, ours: list[str]) -> set[str]:
    taken = {row["_id"] for row in leases.find({"_id": {"$in": ours}, "by": {"$ne": None}}, {"_id": 1})}
    query = {"_id": {"$in": [f"export:{one}" for one in taken]}, "state.done": False}
    return {row["_id"].removeprefix("export:") for row in subjects.find(query, {"_id": 1})}
