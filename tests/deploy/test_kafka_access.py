"""Topics, users and rules on a real Kafka: everybody may do what the contracts say, and nothing else."""

import re
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import date
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]
from fastapi import FastAPI

from contracts.event import wire_moment
from contracts.steps import EditionFrom, Quota
from contracts.topics import FACT_TOPICS, OPERATOR, SERVICES, Topic, agency_topic, receipts_topic
from deploy import access, provisioning, quotas, scram, topics
from deploy.complaint import Complaint
from deploy.follower import Follower, _app
from deploy.local import keys, secrets
from deploy.local.backends import Backends
from deploy.local.kafka import Kafka
from deploy.local.ports import Ports
from deploy.local.stack import Stack
from deploy.login import Login
from deploy.samples.common import NOW
from services.chassis.settings import Settings
from services.chassis.store import SUBJECTS
from services.intake import at_kafka
from services.intake.domain.agency import Agency, MadePassword
from tests.kit.sides import asked

pytestmark = pytest.mark.apache_kafka

AGENCYS = (agency_topic("alpha").name, receipts_topic("alpha").name)


def write(login: Login, topic: str) -> KafkaError | None:
    """What Kafka answers to one record."""
    answers: list[KafkaError | None] = []
    producer = Producer({**login.librdkafka(), "message.timeout.ms": 8000, "enable.idempotence": True})
    try:
        producer.produce(topic, b"{}", key=b"k", on_delivery=lambda error, _: answers.append(error))
        producer.flush(10)
    except KafkaException as error:
        refused: KafkaError = error.args[0]
        return refused
    return answers[0] if answers else KafkaError(KafkaError._MSG_TIMED_OUT)


def read(login: Login, topic: str, group: str) -> KafkaError | None:
    """None when a record arrives, else what Kafka answers."""
    reader = Consumer({**login.librdkafka(), "group.id": group, "auto.offset.reset": "earliest"})
    try:
        reader.subscribe([topic])
        for _ in range(50):
            record = reader.poll(0.2)
            if record is not None:
                return record.error()
    finally:
        reader.close()
    return KafkaError(KafkaError._TIMED_OUT)


@pytest.fixture(scope="session")
def agencies(backends: Backends) -> dict[str, Login]:
    """Two agencies with their Kafka users."""
    logins = {}
    for code in ("alpha", "beta"):
        user = access.add_agency(backends.kafka.admin(), code, f"secret-{code}")
        logins[code] = Login(backends.kafka.bootstrap, user, f"secret-{code}")
    return logins


def test_topics_exist_with_their_partitions(backends: Backends, agencies: dict[str, Login]) -> None:
    there = topics.existing(backends.kafka.admin())
    for topic in (*FACT_TOPICS, agency_topic("alpha"), receipts_topic("alpha")):
        assert there[topic.name] == topic.partitions


def test_creating_topics_again_changes_nothing_and_mends_settings(backends: Backends) -> None:
    admin = backends.kafka.admin()
    before = topics.existing(admin)
    topics.ensure(admin)
    topics.ensure(admin, [FACT_TOPICS[0].model_copy(update={"retention_ms": 1000})])
    topics.ensure(admin)
    assert topics.existing(admin) == before


def test_another_number_of_partitions_is_refused(backends: Backends) -> None:
    wrong = FACT_TOPICS[0].model_copy(update={"partitions": 13})
    with pytest.raises(Complaint, match="has 12 partitions and must have 13"):
        topics.ensure(backends.kafka.admin(), [wrong])


def test_writing_to_a_topic_nobody_created_does_not_create_it(backends: Backends) -> None:
    assert write(backends.kafka, "pilots.unheard-of.v1") is not None
    assert "pilots.unheard-of.v1" not in topics.existing(backends.kafka.admin())


def test_a_wrong_password_is_refused(backends: Backends) -> None:
    wrong = Login(backends.kafka.bootstrap, "intake", "wrong")
    with pytest.raises(KafkaException):
        wrong.admin().list_topics(timeout=3)


def test_nobody_comes_in_without_a_login(backends: Backends) -> None:
    with pytest.raises(KafkaException):
        Login(backends.kafka.bootstrap).admin().list_topics(timeout=3)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_writes_its_own_facts_alone(backends: Backends, service: str) -> None:
    for topic in FACT_TOPICS:
        answer = write(backends.kafka_as(service), topic.name)
        if service in topic.writers:
            assert answer is None
        else:
            assert answer is not None
            assert answer.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)


@pytest.mark.parametrize("topic", FACT_TOPICS, ids=lambda topic: topic.name)
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_what_the_contracts_say(backends: Backends, service: str, topic: Topic) -> None:
    assert write(backends.kafka_as(topic.writers[0]), topic.name) is None
    answer = read(backends.kafka_as(service), topic.name, f"{service}.test-{topic.name}")
    if service in topic.readers:
        assert answer is None
    else:
        assert answer is not None
        assert answer.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_a_service_joins_no_group_of_another(backends: Backends) -> None:
    answer = read(backends.kafka_as("registry"), "pilots.intake.v1", "expertise.intake")
    assert answer is not None
    assert answer.code() == KafkaError.GROUP_AUTHORIZATION_FAILED


def test_the_operators_own_systems_read_the_topic_of_expertise(backends: Backends) -> None:
    assert write(backends.kafka_as("expertise"), "pilots.expertise.v1") is None
    assert read(backends.kafka_as(OPERATOR), "pilots.expertise.v1", "operator.queue") is None


@pytest.mark.parametrize("topic", ["pilots.intake.v1", "pilots.registry.v1", *AGENCYS])
def test_the_operators_own_systems_read_nothing_else(
    backends: Backends, agencies: dict[str, Login], topic: str
) -> None:
    answer = read(backends.kafka_as(OPERATOR), topic, "operator.curious")
    assert answer is not None
    assert answer.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


@pytest.mark.parametrize("topic", [*(topic.name for topic in FACT_TOPICS), *AGENCYS])
def test_the_operators_own_systems_write_nothing(backends: Backends, agencies: dict[str, Login], topic: str) -> None:
    answer = write(backends.kafka_as(OPERATOR), topic)
    assert answer is not None
    assert answer.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)


@pytest.mark.parametrize("group", ["expertise.intake", "registry.expertise", "operators", "operator"])
def test_the_operators_own_systems_join_no_group_but_their_own(backends: Backends, group: str) -> None:
    answer = read(backends.kafka_as(OPERATOR), "pilots.expertise.v1", group)
    assert answer is not None
    assert answer.code() == KafkaError.GROUP_AUTHORIZATION_FAILED


def test_a_user_whom_the_data_of_an_older_version_lacks_is_made_and_nobody_gets_a_new_password(
    backends: Backends,
) -> None:
    admin = backends.kafka.admin()
    access.make_users(admin, {"intake": "not-this", "newcomer": "a-secret"})
    assert Login(backends.kafka.bootstrap, "newcomer", "a-secret").admin().list_topics(timeout=5).brokers
    assert backends.kafka_as("intake").admin().list_topics(timeout=5).brokers
    with pytest.raises(KafkaException):
        Login(backends.kafka.bootstrap, "intake", "not-this").admin().list_topics(timeout=2)


def test_a_kafka_of_an_older_version_gets_its_new_user_when_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports, passwords = Ports.free(), secrets.load(tmp_path)
    for users in (SERVICES, (*SERVICES, OPERATOR)):
        monkeypatch.setattr(access, "USERS", users)
        kafka = Kafka(tmp_path, ports["kafka"], ports["controller"], passwords, lambda _: None)
        try:
            kafka.start()
            admin = kafka.login().admin()
            asked = admin.describe_user_scram_credentials()
            assert isinstance(asked, Future)
            known = asked.result(10)
            assert known.keys() == {"admin", *users}
        finally:
            kafka.stop()


def test_an_agency_writes_its_topic_and_intake_reads_it(backends: Backends, agencies: dict[str, Login]) -> None:
    assert write(agencies["alpha"], "pilots.agency.alpha.v1") is None
    assert read(backends.kafka_as("intake"), "pilots.agency.alpha.v1", "intake.agency-test") is None


def test_an_agency_reads_its_receipts(backends: Backends, agencies: dict[str, Login]) -> None:
    assert write(backends.kafka_as("intake"), "pilots.receipts.alpha.v1") is None
    assert read(agencies["alpha"], "pilots.receipts.alpha.v1", "agency-alpha.receipts") is None


@pytest.mark.parametrize(
    "topic", ["pilots.agency.beta.v1", "pilots.receipts.alpha.v1", *(topic.name for topic in FACT_TOPICS)]
)
def test_an_agency_writes_nothing_else(agencies: dict[str, Login], topic: str) -> None:
    answer = write(agencies["alpha"], topic)
    assert answer is not None
    assert answer.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)


@pytest.mark.parametrize("topic", ["pilots.agency.beta.v1", "pilots.receipts.beta.v1", "pilots.intake.v1"])
def test_an_agency_reads_nothing_else(agencies: dict[str, Login], topic: str) -> None:
    answer = read(agencies["alpha"], topic, "agency-alpha.curious")
    assert answer is not None
    assert answer.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_what_is_acknowledged_survives_a_killed_broker(
    backends: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOTSMAN_MONGO_URL", backends.mongo_url)
    with Backends(tmp_path) as own:
        assert own.broker is not None
        assert write(own.kafka_as("intake"), "pilots.intake.v1") is None
        own.broker.kill()
        own.broker.start()
        group = "expertise.after-the-kill"
        assert read(own.kafka_as("expertise"), "pilots.intake.v1", group) is None


def test_a_topic_without_any_rule_is_closed(backends: Backends) -> None:
    lonely = FACT_TOPICS[0].model_copy(update={"name": "lonely.v1", "partitions": 1})
    topics.ensure(backends.kafka.admin(), [lonely])
    answer = write(backends.kafka_as("intake"), lonely.name)
    assert answer is not None
    assert answer.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)


# ---- quotas


def test_whoever_has_no_quota_of_his_own_has_that_of_an_agency_and_services_have_none(backends: Backends) -> None:
    assert quotas.found(backends.kafka) == quotas.Quotas().by_key
    quotas.ensure(backends.kafka)
    assert quotas.found(backends.kafka) == quotas.Quotas().by_key, "again changes nothing"


def test_a_quota_of_nought_is_none_and_what_was_set_is_shown_with_its_origin(
    backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOTSMAN_AGENCY_REQUEST_PERCENT", "0")
    monkeypatch.setenv("LOTSMAN_AGENCY_PRODUCER_BYTES", "1000000")
    changed = quotas.Quotas()
    try:
        quotas.ensure(backends.kafka, changed)
        found = quotas.found(backends.kafka)
    finally:
        monkeypatch.undo()
        quotas.ensure(backends.kafka)
    assert found == {"producer_byte_rate": 1e6, "consumer_byte_rate": changed.consumer_bytes}
    assert changed.origin("producer_byte_rate") == "LOTSMAN_AGENCY_PRODUCER_BYTES"
    assert changed.origin("consumer_byte_rate") == "an assumption of this version"


def test_an_agency_above_its_quota_is_answered_later_and_a_service_is_not(
    backends: Backends, agencies: dict[str, Login]
) -> None:
    def throttled(login: Login, topic: str) -> int:
        """The longest that Kafka held back an answer, in milliseconds."""
        told: list[int] = [0]
        producer = Producer(
            login.librdkafka() | {"throttle_cb": lambda event: told.append(int(event.throttle_time * 1000))}
        )
        for _ in range(40):
            producer.produce(topic, b"x" * 100_000)
            producer.flush(20)
        return max(told)

    try:
        quotas.ensure(backends.kafka, quotas.Quotas(producer_bytes=100_000))
        assert throttled(agencies["beta"], agency_topic("beta").name) > 0
        assert throttled(backends.kafka_as("intake"), receipts_topic("beta").name) == 0
    finally:
        quotas.ensure(backends.kafka)


def test_topics_of_agencies_that_are_there_get_what_this_version_sets(
    backends: Backends, agencies: dict[str, Login]
) -> None:
    admin = backends.kafka.admin()
    there = topics.of_agencies(admin)
    assert {agency_topic("alpha"), receipts_topic("beta")} <= set(there)
    assert settings_of(admin, agency_topic("alpha").name)["compression.type"] == "producer"
    old = agency_topic("alpha").model_copy(update={"max_bytes": 1000})
    topics.ensure(admin, [old])
    topics.ensure(admin, there)
    assert settings_of(admin, old.name)["max.message.bytes"] == str(agency_topic("alpha").max_bytes)
    assert settings_of(admin, old.name)["message.timestamp.type"] == "LogAppendTime", "Kafka says when an event came"
    assert settings_of(admin, FACT_TOPICS[0].name)["message.timestamp.type"] == "CreateTime"


def settings_of(admin: AdminClient, topic: str) -> dict[str, str]:
    """The configuration of a topic."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    answer = admin.describe_configs([resource])[resource].result(20)
    return {key: entry.value for key, entry in answer.items()}


# ---- the directory of agencies


def test_kafka_follows_the_directory_whoever_is_cut_off_may_do_nothing_and_quotas_are_the_agencys_own(
    backends: Backends,
) -> None:
    admin, code = backends.kafka.admin(), "gamma"
    login = Login(backends.kafka.bootstrap, access.add_agency(admin, code, "secret-gamma"), "secret-gamma")
    entry = Agency(
        code=code,
        name="Ведомство",
        editions=(EditionFrom(edition="by-2024", since=date(2025, 1, 1)),),
        quota=Quota(events_a_minute=60, bytes_a_minute=600_030),
    )
    provisioning.follow(backends.kafka, [entry])
    assert own_quotas(backends, login) == {"producer_byte_rate": 10_000}
    connected = Producer({**login.librdkafka(), "message.timeout.ms": 8000})
    assert delivered(connected, agency_topic(code).name) is None
    for _ in range(2):
        provisioning.follow(backends.kafka, [entry.model_copy(update={"disabled": NOW, "quota": None})])
    assert own_quotas(backends, login) == {}
    refused = delivered(connected, agency_topic(code).name)
    assert refused is not None and refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    provisioning.follow(backends.kafka, [entry])
    assert write(login, agency_topic(code).name) is None, "with the password that it had"


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("place", ["give", "follow", "_write", "_forgotten"])
def test_a_follower_that_dies_at_any_step_has_kafka_as_the_directory_says_when_it_starts_again(
    backends: Backends, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    code = f"zeta-{uuid4().hex[:8]}"
    password, salted = at_kafka.made(code)
    editions, made = (EditionFrom(edition="by-2024", since=date(2025, 1, 1)),), MadePassword(id=salted.id, at=NOW)
    entry = Agency(code=code, name="Ведомство", editions=editions, password=made)
    row = {"_id": f"agency:{code}", "kind": "agency", "version": 1, "state": entry.model_dump(mode="json")}
    with provisioning.client(backends.mongo_url) as mongo:
        database = mongo[f"follower_{uuid4().hex[:8]}"]
        database[SUBJECTS].insert_one(row)
        database[at_kafka.PASSWORDS].insert_one(at_kafka.row_of(salted, NOW))
        of = {"give": scram, "follow": provisioning}.get(place, Follower)
        real = getattr(of, place)

        def dies(*given: Any) -> None:
            real(*given)
            raise Killed

        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(of, place, dies)
            Follower(backends.kafka, database).step(anew=True)
        login = Login(backends.kafka.bootstrap, f"agency-{code}", password)
        for anew in (True, False):
            Follower(backends.kafka, database).step(anew=anew)
        assert write(login, agency_topic(code).name) is None
        [done] = database[at_kafka.FOLLOWED].find()
        assert (done["what"], done["why"], done["password"]) == (at_kafka.wanted(entry), None, salted.id)
        assert not database[at_kafka.PASSWORDS].count_documents({})
        mongo.drop_database(database.name)


def test_what_kafka_refuses_for_one_agency_is_told_and_is_in_no_others_way_and_a_lost_password_is_told(
    backends: Backends, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    def refuse() -> NoReturn:
        raise Complaint("no")

    codes = [f"{name}-{uuid4().hex[:8]}" for name in ("wrong", "right", "lost")]
    editions = (EditionFrom(edition="by-2024", since=date(2025, 1, 1)),)
    entries = [Agency(code=code, name="Ведомство", editions=editions) for code in codes]
    entries[2] = entries[2].model_copy(update={"password": MadePassword(id="gone", at=NOW)})
    spoil(request, backends.kafka.admin(), codes[0])
    with provisioning.client(backends.mongo_url) as mongo:
        database = mongo[f"follower_{uuid4().hex[:8]}"]
        database[SUBJECTS].insert_many(
            {"_id": f"agency:{one.code}", "kind": "agency", "version": 1, "state": one.model_dump(mode="json")}
            for one in entries
        )
        follower = Follower(backends.kafka, database)
        follower.step(anew=True)
        database[SUBJECTS].update_one({"_id": f"agency:{codes[1]}"}, {"$set": {"state.disabled": wire_moment(NOW)}})
        with monkeypatch.context() as patch:
            patch.setattr(access, "shut_out", lambda *_: refuse())
            follower.step(anew=False)
        [trouble] = database[at_kafka.FOLLOWED].find({"_id": codes[1]})
        assert (trouble["why"], trouble["what"]) == ("no", at_kafka.wanted(entries[1]))
        follower.step(anew=True)
        done = {row["_id"]: row for row in database[at_kafka.FOLLOWED].find()}
        mongo.drop_database(database.name)
        jwks = backends.service_env("intake")["LOTSMAN_JWKS"]
        app = _app(follower, Settings(jwks=jwks, issuer=keys.ISSUER, audience=keys.AUDIENCE))
        prometheus = {"Authorization": f"Bearer {keys.token(backends.folder, ['ops'])}"}
        assert told(app)[1] == "ok", "it is late only after a minute"
        assert watched(app, prometheus) == 1.0
        monkeypatch.setattr("deploy.follower.LATE", 0.0)
        status, why = told(app)
        assert status == "not ready"
        assert re.fullmatch(r"Kafka has not followed the directory of agencies for \d+ s: it refuses .* of 2", why), why
        assert watched(app, prometheus) == 0.0
        follower.step(anew=True)  # no entry is left
        assert told(app)[1] == "ok"
    assert "has 2 partitions and must have 1" in done[codes[0]]["why"] and done[codes[0]]["what"] is None
    assert (done[codes[1]]["why"], done[codes[1]]["what"]) == (
        None,
        at_kafka.wanted(entries[1].model_copy(update={"disabled": NOW})),
    )
    assert (done[codes[2]]["why"], done[codes[2]]["what"]) == (at_kafka.LOST, None)
    assert {agency_topic(code).name for code in codes} <= topics.existing(backends.kafka.admin()).keys()


def spoil(request: pytest.FixtureRequest, admin: AdminClient, code: str) -> Topic:
    """An agency's topic as somebody made it by hand; it goes with the test, whatever becomes of that."""
    topic = agency_topic(code).model_copy(update={"partitions": 2})
    topics.ensure(admin, [topic])
    request.addfinalizer(lambda: admin.delete_topics([topic.name])[topic.name].result(20))
    return topic


def test_a_topic_that_cannot_be_as_it_must_keeps_no_system_from_starting_and_no_other_agency_waits_for_it(
    given: Backends, stubs: dict[str, list[str]], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    editions = (EditionFrom(edition="by-2024", since=date(2025, 1, 1)),)
    bad, good = (Agency(code=f"{name}-{uuid4().hex[:8]}", name="Ведомство", editions=editions) for name in "ab")
    admin = given.kafka.admin()
    spoilt = spoil(request, admin, bad.code)
    with Stack(tmp_path, services=stubs) as stack:
        assert stack.services.keys() == stubs.keys()
    assert topics.existing(admin)[spoilt.name] == 2, "what is in it is left where it is"
    [refused] = provisioning.follow_each(given.kafka, [bad, good])
    assert refused.startswith(f"Kafka does not follow the entry of {bad.code}: Topic {spoilt.name} has 2 partitions")
    assert agency_topic(good.code).name in topics.existing(admin)
    assert provisioning.follow_each(given.kafka, [good]) == []


def told(app: FastAPI) -> tuple[str, str]:
    """What the follower's process says of itself, and how it stands with the directory."""
    body = asked(app, "get", "/health/ready").json()
    return body["status"], body["checks"]["following"]


def watched(app: FastAPI, prometheus: Mapping[str, str]) -> float:
    """What the alert KafkaDoesNotFollow asks for, as Prometheus is given it."""
    text = asked(app, "get", "/metrics", headers=prometheus).text
    [value] = re.findall(r'^lotsman_ready\{check="following"\} (.+)$', text, re.MULTILINE)
    return float(value)


def test_where_what_was_done_is_gone_a_password_of_a_user_that_kafka_knows_is_not_told_to_be_lost(
    backends: Backends,
) -> None:
    code = f"back-{uuid4().hex[:8]}"
    login = Login(backends.kafka.bootstrap, access.add_agency(backends.kafka.admin(), code, "it-has"), "it-has")
    editions, made = (EditionFrom(edition="by-2024", since=date(2025, 1, 1)),), MadePassword(id="at-kafka", at=NOW)
    entry = Agency(code=code, name="Ведомство", editions=editions, password=made)
    with provisioning.client(backends.mongo_url) as mongo:
        database = mongo[f"follower_{uuid4().hex[:8]}"]
        row = {"_id": f"agency:{code}", "kind": "agency", "version": 1, "state": entry.model_dump(mode="json")}
        database[SUBJECTS].insert_one(row)
        follower = Follower(backends.kafka, database)
        follower.step(anew=True)
        [brought_back] = database[at_kafka.FOLLOWED].find()
        database[SUBJECTS].update_one({"_id": row["_id"]}, {"$set": {"state.password.id": "lost-now"}})
        follower.step(anew=True)
        [known] = database[at_kafka.FOLLOWED].find()
        mongo.drop_database(database.name)
    assert (brought_back["why"], brought_back["what"]) == (None, at_kafka.wanted(entry))
    assert write(login, agency_topic(code).name) is None, "with the password that it had"
    assert (known["why"], known["password"]) == (at_kafka.LOST, "at-kafka"), "it is known that Kafka has another"


def delivered(producer: Producer, topic: str) -> KafkaError | None:
    """What Kafka answers to one more record of a connection that stands."""
    answers: list[KafkaError | None] = []
    producer.produce(topic, b"{}", on_delivery=lambda error, _: answers.append(error))
    producer.flush(30)
    return answers[0]


def own_quotas(backends: Backends, login: Login) -> dict[str, float]:
    """The quotas that this user has beside those of all."""
    assert login.username is not None
    return quotas.found(backends.kafka, login.username)
