"""What one agency does wrong at the Kafka door, other agencies do not notice."""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
from aiokafka import AIOKafkaConsumer
from confluent_kafka import KafkaError, KafkaException, Producer
from pymongo import MongoClient

from contracts.agency import ApplicationSubmittedV2
from contracts.intake import ApplicationRegisteredV1
from contracts.topics import AGENCY_MAX_BYTES, SERVICES, agency_topic, fact_topic, receipts_topic
from deploy import access
from deploy.cli import agencies, common
from deploy.cli.__main__ import main
from deploy.cli.desk import Desk
from deploy.cli.main_job import application
from deploy.cli.publishing import publish, receipts
from deploy.local.health import why_not_whole
from deploy.local.process import Process
from deploy.local.stack import FOLLOWER, Stack, commands
from deploy.local.state import Child, State
from deploy.login import Login
from deploy.topics import ensure
from services.intake.at_kafka import ITERATIONS, PASSWORDS
from tests.kit.raw_batches import NotUtf8, batch, hand_over

pytestmark = [pytest.mark.timeout(240)]
V2 = ApplicationSubmittedV2.TYPE


@pytest.fixture
def other(stack: Stack, desk: Desk) -> str:
    """Another agency's code; its topics and Kafka user are there, its entry is not."""
    code = f"other-{os.urandom(3).hex()}"
    user = access.add_agency(stack.backends.kafka.admin(), code, "a-secret-of-tests")
    desk.logins[code] = Login(stack.backends.kafka.bootstrap, user, "a-secret-of-tests")
    return code


def test_a_header_name_that_is_no_text_is_parked_by_its_offset_and_its_topic_goes_on(
    desk: Desk, stack: Stack, agency: str, other: str
) -> None:
    entry = {"name": "Другое ведомство", "editions": [{"edition": "by-2024", "since": "2025-01-01"}]}
    assert desk.call("PUT", "intake", f"/v1/agencies/{other}", "admin", body=entry).status_code == 200
    topic, bad = agency_topic(other).name, batch([b"{}"], headers=[[(NotUtf8("ab"), b"1")]])
    asyncio.run(hand_over(desk.logins[other], topic, bad))
    for code in (agency, other):
        asyncio.run(publish(desk.logins[code], {code: [application(n, code, kind=V2) for n in range(20)]}))
    for code in (agency, other):
        came = Counter(r["outcome"] for r in receipts(desk.logins[code], code, 20 if code == agency else 21))
        assert came == Counter({"registered": 20} if code == agency else {"registered": 20, "parked": 1})

    def mine(answer: Any) -> bool:
        return any(row["id"] == f"{topic}/0/0" for row in answer.json()["items"])

    parked = desk.ask("intake", "/v1/parked?limit=200", "ops", mine).json()["items"]
    [row] = [row for row in parked if row["topic"] == topic]
    assert (row["offset"], row["status"]) == (0, "broken") and "not UTF-8" in row["cause"]

    def told(answer: Any) -> bool:
        return "lotsman_unreadable_total{topic=" + f'"{topic}"' + "} 1.0" in answer.text

    desk.ask("intake", "/metrics", "ops", told)

    def caught_up(answer: Any) -> bool:
        mine = [one for one in answer.json()["items"] if one["topic"] == topic]
        return [(one["offset"], one["behind"], one["stands_since"]) for one in mine] == [(21, 0, None)]

    desk.ask("intake", "/v1/reading", "ops", caught_up)
    assert desk.http.get(f"{stack.urls['intake']}/health/ready").json()["checks"]["reading"] == "ok"


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_a_record_of_any_codec_is_read(desk: Desk, agency: str, codec: str) -> None:
    producer = Producer(desk.logins[agency].librdkafka() | {"compression.type": codec})
    producer.produce(agency_topic(agency).name, json.dumps(application(1, agency, kind=V2)))
    assert producer.flush(20) == 0
    assert receipts(desk.logins[agency], agency, 1)[0]["outcome"] == "registered"


def test_the_bound_on_an_events_size_holds_for_compressed_records_too(desk: Desk, agency: str) -> None:
    large = {"compression.type": "gzip", "message.max.bytes": 20_000_000}
    producer = Producer(desk.logins[agency].librdkafka() | large)
    event = application(1, agency, kind=V2)
    event["data"]["problem"] = "п" * AGENCY_MAX_BYTES
    producer.produce(agency_topic(agency).name, json.dumps(event))
    assert producer.flush(20) == 0
    [receipt] = receipts(desk.logins[agency], agency, 1)
    assert (receipt["outcome"], [one["rule"] for one in receipt["problems"]]) == ("refused", ["event.too-large"])


def test_an_agency_that_is_not_in_the_directory_yet_waits_parked_and_goes_on_when_it_is(
    desk: Desk, stack: Stack, agency: str, other: str
) -> None:
    asyncio.run(publish(desk.logins[other], {other: [application(1, other, kind=V2)]}))
    asyncio.run(publish(desk.logins[agency], {agency: [application(1, agency, kind=V2)]}))
    receipts(desk.logins[agency], agency, 1)

    def mine(answer: Any) -> bool:
        return any(row["topic"] == agency_topic(other).name for row in answer.json()["items"])

    parked = desk.ask("intake", "/v1/parked?limit=200", "ops", mine).json()["items"]
    row = next(row for row in parked if row["topic"] == agency_topic(other).name)
    assert "UnknownAgency" in row["cause"]
    assert "Образцова" not in json.dumps(row, ensure_ascii=False)
    entry = {"name": "Другое ведомство", "editions": [{"edition": "by-2024", "since": "2025-01-01"}]}
    assert desk.call("PUT", "intake", f"/v1/agencies/{other}", "admin", body=entry).status_code == 200
    went = desk.call("POST", "intake", "/v1/parked/redrive", "ops", body={"ids": [row["id"]]})
    assert went.json()["went"] == 1
    assert [one["outcome"] for one in receipts(desk.logins[other], other, 2)] == ["parked", "registered"]


def test_an_entry_that_is_there_is_not_overwritten_by_who_has_not_seen_it(desk: Desk, agency: str) -> None:
    entry = {"name": "Чужое имя", "editions": [{"edition": "by-2024", "since": "2025-01-01"}]}
    refused = desk.call("PUT", "intake", f"/v1/agencies/{agency}", "admin", body=entry)
    assert refused.status_code == 412
    kept = desk.call("GET", "intake", f"/v1/agencies/{agency}", "admin")
    assert kept.json()["name"] == "Демонстрационное ведомство"
    seen = desk.call("PUT", "intake", f"/v1/agencies/{agency}", "admin", body=entry, etag=kept.headers["ETag"])
    assert seen.status_code == 200


def test_an_agency_whose_receipts_topic_is_gone_holds_up_nobody_and_is_told_all_when_it_is_back(
    desk: Desk, stack: Stack, agency: str, other: str
) -> None:
    entry = {"name": "Другое ведомство", "editions": [{"edition": "by-2024", "since": "2025-01-01"}]}
    assert desk.call("PUT", "intake", f"/v1/agencies/{other}", "admin", body=entry).status_code == 200
    admin, lost = stack.backends.kafka.admin(), receipts_topic(other)
    admin.delete_topics([lost.name])[lost.name].result(20)
    asyncio.run(publish(desk.logins[other], {other: [application(n, other, kind=V2) for n in range(30)]}))
    for n in range(4):
        asyncio.run(publish(desk.logins[agency], {agency: [application(100 + n, agency, kind=V2)]}))
        assert receipts(desk.logins[agency], agency, 1)

    def noticed(answer: Any) -> bool:
        rows = [row for row in answer.json()["items"] if row["topic"] == lost.name]
        return any(row["messages"] == 30 and row["takes_nothing"] for row in rows)

    [trouble] = desk.ask("intake", "/v1/withheld", "ops", noticed).json()["items"]
    assert trouble["takes_nothing"] and trouble["cause"] == "UnknownTopicOrPartitionError"
    ready = desk.http.get(f"{stack.urls['intake']}/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    registered = asyncio.run(registrations(stack.backends.kafka, other))
    assert len(registered) == 30 and max(registered.values()) == 1
    ensure(admin, [lost])
    desk.ask("intake", "/v1/withheld", "ops", lambda answer: answer.json()["items"] == [], within=90)
    assert {r["outcome"] for r in receipts(desk.logins[other], other, 30)} == {"registered"}

    def whole(answer: Any) -> bool:
        return bool(answer.json()["status"] == "ready")

    desk.ask("intake", "/health/ready", "ops", whole)


async def registrations(login: Login, agency: str) -> Counter[str]:
    """How often each registration of an agency stands in the topic of intake's facts."""
    found = Counter[str]()
    consumer = AIOKafkaConsumer(fact_topic("intake"), **login.aiokafka(), auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        for place, end in ends.items():
            while await consumer.position(place) < end:
                for record in (await consumer.getmany(place, timeout_ms=500)).get(place, ()):
                    event = json.loads(record.value)
                    if event["type"] == ApplicationRegisteredV1.TYPE and event["data"]["agency"] == agency:
                        found[event["id"]] += 1
    finally:
        await consumer.stop()
    return found


# ---- the directory, and how an agency comes in


@pytest.fixture
def verb(stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """What a verb of the command line tells a program of this system."""
    login, state = stack.backends.kafka, State(Child(0, None), 0, stack.urls, {})
    monkeypatch.setenv("LOTSMAN_HOME", str(stack.folder))
    for name, value in (("URL", login.bootstrap), ("USERNAME", login.username), ("PASSWORD", login.password)):
        monkeypatch.setenv(f"LOTSMAN_KAFKA_{name}", str(value))
    for module in (agencies, common):
        monkeypatch.setattr(module, "running", lambda: state)

    def say(*words: str) -> Any:
        capsys.readouterr()
        code = main([*words, "--json"])
        shown = capsys.readouterr()
        assert code == 0, shown.err
        return json.loads(shown.out.splitlines()[-1])

    return say


SCOPES = ("--scope", "publish", "--scope", "receipts", "--scope", "register")


def test_an_agency_gets_keys_publishes_by_both_doors_changes_them_and_is_cut_off_at_both(
    desk: Desk, stack: Stack, verb: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    code, numbers = f"keys-{os.urandom(3).hex()}", count()
    names = ("--name", "Ведомство ключей", "--name-en", "The agency of keys", "--unp", "790000029")
    quota = ("--events", "1000", "--megabytes", "60")
    added = verb("agency", "add", code, *names, *quota, "--edition", "by-2024", "--since", "2025-01-01")
    secret = Path(added["password_file"])
    passwords = [secret.read_text().strip()]

    def login() -> Login:
        return Login(stack.backends.kafka.bootstrap, added["kafka_user"], passwords[-1])

    def by_http(bearer: str) -> tuple[int, str]:
        event = application(next(numbers), code, kind=V2)
        headers = {"Authorization": f"Bearer {bearer}"}
        answer = desk.http.post(f"{stack.urls['intake']}/v1/events", json=event, headers=headers)
        return answer.status_code, answer.json().get("title", "")

    def reads_register(bearer: str, expected: tuple[int, str]) -> None:
        """The register follows intake's directory a moment later."""
        until, said = time.monotonic() + 60, (0, "")
        while said != expected and time.monotonic() < until:
            answer = desk.http.get(f"{stack.urls['registry']}/v1/pilots", headers={"Authorization": f"Bearer {bearer}"})
            said = answer.status_code, answer.json().get("title", "")
        assert said == expected

    def by_kafka(who: Login) -> KafkaError | None:
        answers: list[KafkaError | None] = []
        producer = Producer(who.librdkafka() | {"message.timeout.ms": 8000})
        event = json.dumps(application(next(numbers), code, kind=V2))
        producer.produce(agency_topic(code).name, event, on_delivery=lambda error, _: answers.append(error))
        producer.flush(30)
        return answers[0]

    def outcomes(expected: int) -> list[tuple[str, list[str]]]:
        came = receipts(stack.backends.kafka, code, expected)
        return [(one["outcome"], [fault["rule"] for fault in one["problems"]]) for one in came]

    old = verb("agency", "key", "add", code, "--label", "Учётная система", *SCOPES)
    assert by_http(old["key"]) == (201, "") and by_kafka(login()) is None
    assert [outcome for outcome, _ in outcomes(2)] == ["registered"] * 2

    rotated = verb("agency", "rotate", code)
    [new] = rotated["keys"]
    passwords.append(secret.read_text().strip())
    assert passwords[0] != passwords[1] and new["replaces"] == old["id"]
    assert [by_http(key)[0] for key in (old["key"], new["key"])] == [201, 201], "both are good for a while"
    assert by_kafka(login()) is None

    verb("agency", "key", "revoke", code, old["id"], "--why", "Заменён.")
    assert by_http(old["key"]) == (401, "auth.invalid"), "at once"
    reads_register(old["key"], (401, "auth.invalid"))
    reads_register(new["key"], (200, ""))
    shown = {one["id"]: one for one in verb("agency", "key", "list", code)["keys"]}
    assert shown[old["id"]]["revoked"] and shown[old["id"]]["last_used"] and not shown[new["id"]]["revoked"]
    assert outcomes(5)

    verb("agency", "disable", code, "--why", "Ключи у посторонних.")
    assert verb("agency", "show", code)["disabled"]
    assert main(["agency", "show", code]) == main(["agency", "quotas"]) == 0
    said = capsys.readouterr().out
    assert "1,000 events, 60,000,000 bytes a minute: its own" in said and "2,097,152" in said
    token = stack.token(["publisher"], code)
    assert [by_http(bearer) for bearer in (new["key"], token)] == [(403, "agency.disabled")] * 2
    for bearer in (new["key"], token):
        reads_register(bearer, (403, "agency.disabled"))
    refused = by_kafka(login())
    assert refused is not None and refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert by_kafka(stack.backends.kafka) is None, "what stands in the topic when it is cut off"
    assert outcomes(6)[-1] == ("refused", ["agency.disabled"])

    verb("agency", "enable", code, "--why", "Выданы новые.")
    assert by_http(new["key"]) == (201, "") and by_kafka(login()) is None
    reads_register(new["key"], (200, ""))
    assert [outcome for outcome, _ in outcomes(8)][-2:] == ["registered"] * 2
    desk.call("POST", "intake", f"/v1/agencies/{code}/disabling", "admin", body={"why": "По HTTP."})
    assert by_kafka(login()) is None, "Kafka does not know of it: no follower runs"
    assert verb("agency", "show", code)["kafka"]["state"] == "waiting"
    assert verb("agency", "follow")["disabled"] >= 1
    refused = by_kafka(login())
    assert refused is not None and refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    for secret_word in (old["key"], new["key"]):
        for file in stack.folder.rglob("*"):
            if file.is_file() and ({"logs", "traces"} & {*file.parts} or "traces" in file.name):
                assert secret_word[-64:].encode() not in file.read_bytes(), file


# ---- the same over HTTP alone, and the follower


@pytest.fixture
def follower(stack: Stack) -> Iterator[Process]:
    """The process that has Kafka follow, as `up` starts it; it does not run yet."""
    words = commands(follower=True)[FOLLOWER]
    process = Process(FOLLOWER, "The follower", words, stack.folder, stack.service_env(FOLLOWER))
    yield process
    process.stop(20)


def test_over_http_alone_an_agency_gets_topics_a_password_and_is_cut_off_at_kafka_whenever_the_follower_is_killed(
    desk: Desk, stack: Stack, follower: Process, verb: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = f"http-{os.urandom(3).hex()}"
    path = f"/v1/agencies/{code}"

    def command(method: str, way: str, body: Any = None) -> Any:
        etag = desk.call("GET", "intake", path, "admin").headers.get("ETag")
        return desk.call(method, "intake", path + way, "admin", body=body, etag=etag)

    def followed() -> dict[str, Any]:
        def done(answer: Any) -> bool:
            return bool(answer.json()["kafka"]["state"] == "followed")

        kafka: dict[str, Any] = desk.ask("intake", path, "admin", done).json()["kafka"]
        return kafka

    def login(password: str) -> Login:
        return Login(stack.backends.kafka.bootstrap, user, password)

    entry = {"name": "Ведомство без командной строки", "editions": [{"edition": "by-2024", "since": "2025-01-01"}]}
    entered = command("PUT", "", entry)
    assert (entered.status_code, entered.json()["kafka"]["state"]) == (200, "waiting")
    headers = {"Authorization": f"Bearer {stack.token(['admin'])}", "Idempotency-Key": "made-once"}
    made, again = (desk.http.post(f"{stack.urls['intake']}{path}/kafka-password", headers=headers) for _ in range(2))
    assert (made.status_code, again.status_code, again.json()["password"]) == (201, 200, None)
    first, user = made.json()["password"], made.json()["kafka"]["user"]
    named = (code, "--name", entry["name"], "--edition", "by-2024", "--since", "2025-01-01")
    assert verb("agency", "add", *named)["password_file"] is None, "Kafka gets the one that was told"
    with MongoClient[dict[str, Any]](stack.backends.mongo_url) as mongo:
        kept = mongo["lotsman_intake"][PASSWORDS]
        assert ITERATIONS in [row["iterations"] for row in kept.find({"agency": code})]
        follower.start()
        assert followed()["password_made"]
        connected = Producer(login(first).librdkafka() | {"message.timeout.ms": 8000})
        assert delivered(connected, code) is None
        assert [one["outcome"] for one in receipts(stack.backends.kafka, code, 1)] == ["registered"]
        [stored] = mongo["lotsman_intake"]["subjects"].find({"_id": f"agency:{code}"})
        assert first not in repr(stored)
        assert not kept.count_documents({"_id": stored["state"]["password"]["id"]}), "Kafka has it"

    assert command("POST", "/disabling", {"why": "Пароль у посторонних."}).json()["kafka"]["state"] == "waiting"
    followed()
    refused = delivered(connected, code)
    assert refused is not None and refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED

    follower.kill()
    second = command("POST", "/kafka-password").json()["password"]
    command("POST", "/enabling", {"why": "Выдан новый."})
    lines = desk.call("GET", "intake", "/v1/agencies?limit=200", "admin").json()["items"]
    assert [one["kafka"]["state"] for one in lines if one["code"] == code] == ["waiting"]
    follower.start()
    followed()
    assert delivered(Producer(login(second).librdkafka() | {"message.timeout.ms": 8000}), code) is None
    with pytest.raises(KafkaException):
        login(first).admin().list_topics(timeout=3)

    assert verb("agency", "add", *named)["password_file"] is None, "it was made over HTTP, and is the agency's alone"
    assert delivered(Producer(login(second).librdkafka() | {"message.timeout.ms": 8000}), code) is None

    def away(*_: Any) -> None:
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    with monkeypatch.context() as patch:
        patch.setattr(access, "set_password", away)
        assert main(["agency", "rotate", code]) == 1
    third = (stack.folder / "agencies" / f"{code}.password").read_text().strip()
    followed()
    assert delivered(Producer(login(third).librdkafka() | {"message.timeout.ms": 8000}), code) is None
    assert why_not_whole(f"http://127.0.0.1:{stack.ports[FOLLOWER]}") is None


SENT: Final = count()


def delivered(producer: Producer, code: str) -> KafkaError | None:
    """What Kafka answers to one more event of an agency."""
    answers = list[KafkaError | None]()
    event = json.dumps(application(next(SENT), code, kind=V2))
    producer.produce(agency_topic(code).name, event, on_delivery=lambda error, _: answers.append(error))
    producer.flush(20)
    return answers[0]


# ---- ops, from another machine


@pytest.fixture
def elsewhere(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Any]]:
    """What a verb tells a program which knows nothing of this system but addresses and a file with somebody's token."""
    home = tmp_path / "home"
    monkeypatch.setenv("LOTSMAN_HOME", str(home))
    urls = {**{name: stack.urls[name] for name in SERVICES}, "collector": f"http://127.0.0.1:{stack.ports['otlp']}"}
    named = [word for name, url in urls.items() for word in ("--url", f"{name}={url}")]

    def say(*words: str, person: str = "ops-1", roles: Sequence[str] = ("ops",), code: int = 0) -> Any:
        file = tmp_path / f"{person}.token"
        file.write_text(stack.token([*roles], sub=person))
        capsys.readouterr()
        found = main([*words, *named, "--token-file", str(file), "--json"])
        shown = capsys.readouterr()
        assert found == code, shown.err
        return json.loads(shown.out.splitlines()[-1])

    yield say
    assert not home.exists(), "nothing of a system is on this machine"


def test_ops_repair_another_system_by_its_addresses_and_their_tokens_alone(
    elsewhere: Callable[..., Any], desk: Desk, other: str
) -> None:
    sent = [application(n, other, kind=V2) for n in (1, 2)]
    asyncio.run(publish(desk.logins[other], {other: sent}))
    first, second = (f"{agency_topic(other).name}/0/{n}" for n in (0, 1))
    found = until(lambda: elsewhere("ops", "parked", "--agency", other), lambda found: found["records"] == 2)
    [group] = found["groups"]
    [whole] = elsewhere("ops", "parked", first)["records"]
    assert (group["service"], whole["id"]) == ("intake", first) and "UnknownAgency" in whole["cause"]
    assert "Образцова" not in json.dumps(whole, ensure_ascii=False)

    redrive = ("ops", "redrive", "--service", "intake")
    stays = elsewhere(*redrive, "--agency", other, "--dry-run", code=1)
    assert (stays["went"], len(stays["records"])) == (0, 2)
    entry = ("--name", "Другое ведомство", "--edition", "by-2024", "--since", "2025-01-01")
    assert "admin" in elsewhere("agency", "add", other, *entry, code=1)["error"], "ops may not do that"
    assert elsewhere("agency", "add", other, *entry, person="boss", roles=["admin"])["agency"] == other
    assert elsewhere(*redrive, "--agency", other, "--dry-run")["went"] == 2
    assert elsewhere(*redrive, first)["went"] == 1

    service = ("--service", "intake")
    proposed = elsewhere("ops", "discard", second, *service, "--why", "Отправлена дважды.")
    [waits] = elsewhere("ops", "repairs", *service, "--state", "proposed")["items"]
    assert (waits["id"], waits["by"]) == (proposed["id"], "ops-1")
    assert "(4" in elsewhere("ops", "approve", proposed["id"], *service, code=1)["error"], "nobody approves the own"
    assert elsewhere("ops", "approve", proposed["id"], *service, person="ops-2")["verdict"] == "went"
    came = receipts(desk.logins[other], other, 4)
    assert Counter(one["outcome"] for one in came) == {"parked": 2, "registered": 1, "refused": 1}

    struck = {one["agency"]: one for one in elsewhere("ops", "balance")["agencies"]}
    assert (struck[other]["received"], struck[other]["registered"], struck[other]["difference"]) == (2, 1, 0)
    [number] = [one["number"] for one in came if one["outcome"] == "registered"]
    by_event = until(lambda: kept(elsewhere, sent[0]["id"]), bool)
    by_number = elsewhere("trace", number)["traces"]
    assert {one["trace"] for one in by_event} & {one["trace"] for one in by_number}
    assert elsewhere("trace", "--most", "3")["traces"]
    assert "role ops" in elsewhere("trace", number, person="officer-1", roles=["officer"], code=1)["error"]
    assert [part["ready"] for part in elsewhere("status")["parts"]] == [True] * len(SERVICES)
    assert {one["service"] for one in elsewhere("topic", "show")["items"]} == {*SERVICES}


def until(look: Callable[[], Any], good: Callable[[Any], bool], within: float = 60) -> Any:
    """What is seen, once it is good."""
    deadline = time.monotonic() + within
    while not good(found := look()):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


def kept(elsewhere: Callable[..., Any], event: str) -> list[Any]:
    """The traces of an event, as another machine is told them; none where none is kept yet."""
    try:
        return list(elsewhere("trace", event)["traces"])
    except AssertionError:
        return []
