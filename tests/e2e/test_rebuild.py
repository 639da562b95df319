"""A service's documents are a fold of its topic: proven by folding them again, and by finding what is not."""

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from rich.console import Console

from contracts.agency import ApplicationSubmittedV2
from contracts.intake import INTAKE
from contracts.steps import EditionFrom
from contracts.topics import FACT_PARTITIONS
from deploy import access
from deploy.cli.agencies import enter_at
from deploy.cli.desk import Desk
from deploy.cli.expertise_job import review
from deploy.cli.main_job import application
from deploy.cli.publishing import publish, receipts
from deploy.cli.rebuild import Reader, run
from deploy.cli.register_job import launched, measured
from deploy.complaint import Complaint
from deploy.local import databases
from deploy.local.backends import Backends
from deploy.local.kafka import Kafka
from deploy.local.stack import Stack
from deploy.login import Login
from services.chassis.rebuild import NotPrepared, rebuild
from services.chassis.store import Store, open_client, opened
from services.chassis.subject import Record
from services.chassis.torn_rows import Torn
from services.intake.service import SERVICE as INTAKE_SERVICE
from tests.deploy.conftest import wait_for

pytestmark = [pytest.mark.timeout(240)]
AGENCY = "demo-rebuilt"
V2 = ApplicationSubmittedV2.TYPE


@pytest.fixture(scope="module")
def before() -> dict[str, Any]:
    """What the register said before it was stopped."""
    return {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, before: dict[str, Any]) -> Path:
    """The files of a system that has worked, and was then stopped as `down` stops it."""
    place = tmp_path_factory.mktemp("worked")
    with Stack(place) as stack, httpx.Client(timeout=30, trust_env=False) as http:
        if not isinstance(stack.backends.broker, Kafka):
            reason = "a rebuild reads Apache Kafka itself"
            pytest.fail(reason) if request.config.getoption("--require-kafka") else pytest.skip(reason)
        stack.await_ready(60)
        desk = Desk(stack, Console(quiet=True), http, {})
        _work(desk)
        before.update(_told(desk))
    return place


def _work(desk: Desk) -> None:
    backends, urls = desk.stack.backends, desk.stack.urls
    login = Login(backends.kafka.bootstrap, access.add_agency(backends.kafka.admin(), AGENCY, "secret"), "secret")
    desk.logins[AGENCY] = login
    since = EditionFrom(edition="by-2024", since=date(2025, 1, 1))
    enter_at(urls["intake"], desk.stack.token(["admin"]), AGENCY, "Демонстрационное ведомство", since)
    events = [application(n, AGENCY, kind=V2) for n in range(20)]
    faulty = application(99, AGENCY, kind=V2) | {"data": {}}
    reused = application(1, AGENCY, kind=V2) | {"data": {"title": "another"}}
    asyncio.run(publish(login, {AGENCY: [*events, faulty, reused]}))
    told = receipts(login, AGENCY, 22)
    pilot = next(r["pilot"] for r in told if r["outcome"] == "registered")
    card = desk.call("GET", "intake", f"/v1/applications/{pilot}", "officer")
    desk.do("intake", f"/v1/applications/{pilot}/acceptance", "officer", None, card.headers["ETag"])
    desk.ask("expertise", f"/v1/reviews/{pilot}", "operator", lambda a: a.status_code == 200)
    _live(desk, pilot)
    desk.ask("registry", "/v1/pilots?limit=200", "registrar", lambda a: len(a.json()["items"]) == 21)


def _live(desk: Desk, pilot: str) -> None:
    """A pilot is carried out and reported on, another copies it, and a list of all is taken out."""
    review(desk, pilot)
    launched(desk, pilot)
    measured(desk, AGENCY, pilot)
    copy = application(40, AGENCY, kind=V2)
    copy["data"] |= {"replicates": pilot, "adaptation": "Другой район."}
    assert desk.call("POST", "intake", "/v1/events", "publisher", org=AGENCY, body=copy).status_code == 201
    desk.ask("registry", f"/v1/pilots/{pilot}/replicas", "registrar", lambda a: bool(a.json()["items"]))
    body = {"list": "timeline", "format": "csv", "why": "Сверка."}
    taken = desk.call("POST", "registry", "/v1/exports", "registrar", body=body)
    desk.ask("registry", taken.headers["Location"], "registrar", lambda a: a.json()["state"] == "ready")


def _told(desk: Desk) -> dict[str, Any]:
    """What the register says of all that it knows; its index and its figures once they are complete."""
    listed = desk.call("GET", "registry", "/v1/pilots?limit=200", "registrar").json()["items"]
    [taken] = desk.call("GET", "registry", "/v1/exports", "registrar").json()["items"]
    told: dict[str, Any] = {"list": sorted(row["id"] for row in listed), "taken": taken}
    told["file"] = desk.call("GET", "registry", f"/v1/exports/{taken['id']}/file", "registrar").content
    running = next(row["id"] for row in listed if row["stage"] == "running")
    for part in ("", "/results", "/replicas", "/timeline"):
        told[f"pilot{part}"] = desk.call("GET", "registry", f"/v1/pilots/{running}{part}", "registrar").json()
    stages = Counter(row["stage"] for row in listed)
    for path in ("/v1/figures/funnel", "/v1/facets"):  # they follow a moment later
        desk.ask("registry", path, "registrar", lambda a: a.status_code == 200 and _stages(a.json()) == stages)
    for path in ("/v1/money?group_by=sector,source,year", "/v1/figures/funnel", "/v1/figures/results", "/v1/facets"):
        known = desk.ask("registry", path, "registrar", lambda a: a.status_code == 200 and a.json()["complete"])
        told[path] = known.json()
    return told


def _stages(told: Mapping[str, Any]) -> dict[str, int]:
    """How many pilots stand at each stage, by the figures or by the facets."""
    if "stages" in told:
        return {one["stage"]: one["pilots"] for one in told["stages"] if one["pilots"]}
    return {one["value"]: one["count"] for one in told["facets"]["stage"]["values"]}


@pytest.fixture(scope="module")
def stopped(folder: Path) -> Any:
    """Its back ends alone, the services being stopped."""
    with Backends(folder) as running:
        yield running


@pytest.mark.parametrize("service", ["intake", "expertise", "registry"])
def test_every_service_is_the_fold_of_its_topic(stopped: Backends, service: str) -> None:
    report = asyncio.run(run(stopped, service, databases.first(service), f"rebuilt_{service}"))
    assert report.good and not report.torn, report
    assert report.facts > 0
    assert report.subjects > 0


def test_a_document_that_was_changed_by_hand_is_found(stopped: Backends) -> None:
    async def tampered() -> Any:
        client = open_client(stopped.mongo_url)
        subjects = client["lotsman_registry"]["subjects"]
        row = await subjects.find_one({"kind": "pilot"})
        await subjects.update_one({"_id": row["_id"]}, {"$set": {"state.agency": "somebody-else"}})
        try:
            report = await run(stopped, "registry", "lotsman_registry", "rebuilt_tampered")
        finally:
            await subjects.update_one({"_id": row["_id"]}, {"$set": {"state.agency": row["state"]["agency"]}})
            client.close()
        return report, row["_id"]

    report, subject = asyncio.run(tampered())
    assert not report.good
    assert report.different == [subject]


def test_a_line_that_was_taken_out_of_a_timeline_is_found(stopped: Backends) -> None:
    async def torn() -> Any:
        client = open_client(stopped.mongo_url)
        timeline = client["lotsman_registry"]["timeline"]
        row = await timeline.find_one_and_delete({"sequence": 2})
        try:
            report = await run(stopped, "registry", "lotsman_registry", "rebuilt_torn")
        finally:
            await timeline.insert_one(row)
            client.close()
        return report, row["_id"]

    report, line = asyncio.run(torn())
    assert report.good and report.torn == {"timeline": Torn(1, [line])}


Change = Callable[[list[Record]], list[Record]]


def _without_one(records: list[Record]) -> list[Record]:
    """Leaves out the first fact of a series that goes on."""
    subjects = [r.key for r in records]
    place = next(n for n, r in enumerate(records) if subjects.count(r.key) > 1)
    return records[:place] + records[place + 1 :]


def _with_another_id(records: list[Record]) -> list[Record]:
    event = json.loads(records[0].value)
    other = replace(records[0], value=json.dumps(event | {"id": "somebody-elses"}).encode())
    return [*records, other]


def _each_twice(records: list[Record]) -> list[Record]:
    return [*records, *records]


async def _intake_again(stopped: Backends, change: Change, database: str) -> Any:
    store = Store(open_client(stopped.mongo_url), "lotsman_intake")
    read = Reader(stopped.kafka)
    records = [r for p in range(FACT_PARTITIONS) async for r in read("pilots.intake.v1", p)]

    async def own(_topic: str, partition: int) -> AsyncIterator[Record]:
        for record in change(records):
            if record.partition == partition:
                yield record

    try:
        foreign = Reader(stopped.kafka, "intake")
        return await rebuild(INTAKE_SERVICE, INTAKE, store, store.sibling(database), own, foreign)
    finally:
        await store.close()


def test_a_hole_in_a_series_stops_the_rebuild(stopped: Backends) -> None:
    with pytest.raises(NotPrepared, match="hole"):
        asyncio.run(_intake_again(stopped, _without_one, "rebuilt_hole"))


def test_two_ids_under_one_sequence_stop_the_rebuild(stopped: Backends) -> None:
    with pytest.raises(NotPrepared, match="two ids"):
        asyncio.run(_intake_again(stopped, _with_another_id, "rebuilt_two"))


def _with_garbage(records: list[Record]) -> list[Record]:
    return [records[0], replace(records[0], offset=records[0].offset, value=b"{")]


def _of_a_newer_program(records: list[Record]) -> list[Record]:
    event = json.loads(records[0].value)
    return [replace(records[0], value=json.dumps(event | {"type": event["type"][:-1] + "9"}).encode())]


def _of_a_type_that_nobody_knows(records: list[Record]) -> list[Record]:
    event = json.loads(records[0].value)
    return [replace(records[0], value=json.dumps(event | {"type": "pilots.intake.unheard-of.v1"}).encode())]


def _that_says_too_little(records: list[Record]) -> list[Record]:
    event = json.loads(records[0].value)
    return [replace(records[0], value=json.dumps(event | {"data": {}}).encode())]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_with_garbage, "cannot be read as a fact"),
        (_that_says_too_little, "cannot be read as a fact"),
        (_of_a_newer_program, "that this program does not know: take a newer one"),
        (_of_a_type_that_nobody_knows, "of an unknown type"),
    ],
)
def test_a_fact_that_cannot_be_read_stops_the_rebuild_with_a_sentence(
    stopped: Backends, change: Change, said: str
) -> None:
    with pytest.raises(NotPrepared, match=rf"^pilots\.intake\.v1/\d+/\d+ .*{said}"):
        asyncio.run(_intake_again(stopped, change, f"rebuilt_{change.__name__}"))


def test_a_fact_that_cannot_be_applied_stops_the_rebuild_with_a_sentence(
    stopped: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise KeyError("a secret")

    broken = replace(INTAKE_SERVICE.aggregates["pilot"], evolve=fails)
    service = replace(INTAKE_SERVICE, aggregates={**INTAKE_SERVICE.aggregates, "pilot": broken})
    monkeypatch.setattr("tests.e2e.test_rebuild.INTAKE_SERVICE", service)
    with pytest.raises(NotPrepared, match=r"cannot be applied to [0-9a-f-]{36}: KeyError") as told:
        asyncio.run(_intake_again(stopped, list, "rebuilt_unapplied"))
    assert "secret" not in str(told.value)


def test_what_only_the_topic_has_is_a_difference_and_numbers_go_on_above_it(stopped: Backends) -> None:
    async def lost() -> tuple[Any, Any, dict[str, Any] | None]:
        careful = await run(stopped, "intake", "lotsman_lost", "rebuilt_careful")
        asked = await run(stopped, "intake", "lotsman_lost", "rebuilt_lost", behind=True)
        async with opened(stopped.mongo_url, "rebuilt_lost") as store:
            counters = [row async for row in store.scan("counters", {})]
        return careful, asked, counters[0]

    careful, asked, counter = asyncio.run(lost())
    for report in (careful, asked):
        assert not report.good and report.covers
        assert len(report.added) == report.subjects > 20
    assert counter is not None and counter["last"] == 21


def test_what_the_database_knows_less_of_is_a_difference(stopped: Backends) -> None:
    async def older() -> tuple[Any, str]:
        client = open_client(stopped.mongo_url)
        subjects = client["lotsman_registry"]["subjects"]
        row = await subjects.find_one({"kind": "pilot", "version": {"$gt": 3}})
        await subjects.update_one({"_id": row["_id"]}, {"$set": {"version": 1}})
        try:
            report = await run(stopped, "registry", "lotsman_registry", "rebuilt_older", behind=True)
        finally:
            await subjects.update_one({"_id": row["_id"]}, {"$set": {"version": row["version"]}})
            client.close()
        return report, row["_id"]

    report, subject = asyncio.run(older())
    assert not report.good and report.covers
    assert report.further == [subject]


def test_duplicates_in_the_topic_change_nothing(stopped: Backends) -> None:
    report = asyncio.run(_intake_again(stopped, _each_twice, "rebuilt_twice"))
    assert report.good
    assert report.duplicates >= report.facts


def test_facts_still_in_an_outbox_stop_the_rebuild(stopped: Backends) -> None:
    async def undrained() -> None:
        client = open_client(stopped.mongo_url)
        subjects = client["lotsman_intake"]["subjects"]
        row = await subjects.find_one({"kind": "pilot"})
        await subjects.update_one({"_id": row["_id"]}, {"$push": {"outbox": {"sequence": 1}}})
        try:
            await run(stopped, "intake", "lotsman_intake", "rebuilt_undrained")
        finally:
            await subjects.update_one({"_id": row["_id"]}, {"$set": {"outbox": []}})
            client.close()

    with pytest.raises(NotPrepared, match="outboxes"):
        asyncio.run(undrained())


def test_a_service_goes_on_from_the_rebuilt_database_as_if_nothing_had_been(
    folder: Path, stopped: Backends, before: dict[str, Any]
) -> None:
    for service in ("intake", "expertise", "registry"):
        databases.switch(folder, service, f"rebuilt_{service}")
    stopped.stop()
    shutil.rmtree(folder / "index")  # derived views: made anew from the topic and the new database
    with Stack(folder) as stack, httpx.Client(timeout=30, trust_env=False) as http:
        stack.await_ready(60)
        assert databases.left(stack.backends.mongo_url, folder, ["intake", "registry"]) == [
            "lotsman_intake",
            "lotsman_registry",
        ], "no erasure reaches those: the verbs that erase name them"
        desk = Desk(stack, Console(quiet=True), http, {})
        listed = desk.call("GET", "registry", "/v1/pilots?limit=200", "registrar").json()["items"]
        assert len(listed) == 21
        assert _told(desk) == before, "index and figures, a file that was taken out, and all the rest"
        timeline = desk.call("GET", "registry", f"/v1/pilots/{listed[0]['id']}/timeline", "registrar").json()
        assert timeline["items"][0]["type"] == "pilots.registry.pilot-entered.v1"
        again = application(5, AGENCY, kind=V2) | {"data": {"title": "changed"}}
        reused = desk.call("POST", "intake", "/v1/events", "publisher", org=AGENCY, body=again)
        assert reused.status_code == 409, "an id that was used stays used"
        fresh = application(50, AGENCY, kind=V2)
        posted = desk.call("POST", "intake", "/v1/events", "publisher", org=AGENCY, body=fresh)
        assert posted.status_code == 201
        desk.ask("registry", f"/v1/pilots/{posted.json()['pilot']}", "registrar", lambda a: a.status_code == 200)
        numbers = [row["number"] for row in listed] + [posted.json()["number"]]
        assert len(set(numbers)) == 22, "numbers go on where they were"


def test_a_lost_database_is_refused_with_what_to_do_and_a_rebuild_has_it_stand_up_again(folder: Path) -> None:
    databases.switch(folder, "intake", "lotsman_gone")
    with pytest.raises(Complaint, match=r"intake refuses to start\..*behind its own topic.*rebuild intake --behind"):
        Stack(folder).start()

    with Backends(folder) as backends:
        report = asyncio.run(run(backends, "intake", "lotsman_gone", "lotsman_intake_anew", behind=True))
        assert report.covers and len(report.added) == report.subjects
        databases.switch(folder, "intake", "lotsman_intake_anew")
        told = asyncio.run(_ends(backends))

    with Stack(folder) as stack, httpx.Client(timeout=30, trust_env=False) as http:
        stack.await_ready(60)
        desk = Desk(stack, Console(quiet=True), http, {})
        wait_for(lambda: asyncio.run(_all_read(stack.backends)), 60)
        assert asyncio.run(_ends(stack.backends)) == told, "what is read again makes no fact a second time"
        assert desk.call("GET", "intake", "/v1/parked", "ops").json()["items"] == []
        agencies = desk.call("GET", "intake", "/v1/balance", "ops").json()["agencies"]
        assert [one["difference"] for one in agencies] == [0], agencies
        again = application(5, AGENCY, kind=V2) | {"data": {"title": "changed"}}
        reused = desk.call("POST", "intake", "/v1/events", "publisher", org=AGENCY, body=again)
        assert reused.status_code == 409, "an id that was used stays used"
        listed = desk.call("GET", "registry", "/v1/pilots?limit=200", "registrar").json()["items"]
        posted = desk.call(
            "POST", "intake", "/v1/events", "publisher", org=AGENCY, body=application(60, AGENCY, kind=V2)
        )
        assert posted.status_code == 201
        assert posted.json()["number"] not in {row["number"] for row in listed}
        desk.ask("registry", f"/v1/pilots/{posted.json()['pilot']}", "registrar", lambda a: a.status_code == 200)


async def _ends(backends: Backends, topic: str = "pilots.intake.v1") -> int:
    """How many records there are in a topic."""
    consumer = AIOKafkaConsumer(**backends.kafka.aiokafka())
    await consumer.start()
    try:
        parts = [TopicPartition(topic, n) for n in range(FACT_PARTITIONS)]
        return sum((await consumer.end_offsets(parts)).values())
    finally:
        await consumer.stop()


async def _all_read(backends: Backends) -> bool:
    """Whether intake has committed all that there is of the other services' facts."""
    admin = AIOKafkaAdminClient(**backends.kafka.aiokafka())
    await admin.start()
    try:
        for source in ("expertise", "registry"):
            offsets = await admin.list_consumer_group_offsets(f"intake.{source}")
            if sum(one.offset for one in offsets.values()) < await _ends(backends, f"pilots.{source}.v1"):
                return False
        return True
    finally:
        await admin.close()
