"""The system on containers: what docker-compose.yml promises, and the job that makes fresh back ends ready."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from confluent_kafka import KafkaException, Producer
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from contracts import VERSION, freeze
from contracts.steps import EditionFrom
from contracts.topics import DESK, FACT_TOPICS, OPERATOR, SERVICES, agency_topic, receipts_topic
from deploy import access, setup, topics
from deploy.cli.reach import NAMES
from deploy.local import jars, mongod, secrets
from deploy.local.databases import first
from deploy.local.home import ROOT, write_private
from deploy.local.kafka import Kafka
from deploy.local.ports import Ports
from deploy.local.process import Process
from deploy.login import Login
from deploy.samples.common import NOW
from examples.my_open_work import Owed, follow, rebuild
from services.chassis.settings import Settings
from services.chassis.store import SUBJECTS
from services.desk.settings import DeskSettings
from services.intake import at_kafka
from services.intake.domain.agency import Agency, MadePassword
from tests.conftest import Eventually

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PARTS: dict[str, dict[str, Any]] = COMPOSE["services"]
FOLDER = ROOT / "deploy" / "compose"
NO_LINK = "LOTSMAN_DESK_LOGS_URL"
"""What may stay empty: logs are kept where whoever runs it keeps them."""
SECRET = re.compile(r"PASSWORD|_KEY$")
PASSWORDS = (
    *(f"LOTSMAN_KAFKA_{user.upper()}_PASSWORD" for user in (*SERVICES, OPERATOR)),
    *(f"LOTSMAN_MONGO_{service.upper()}_PASSWORD" for service in (*SERVICES, DESK)),
)
TRIED = "keycloak"
"""A part that is there to try signing in with, and for no real system."""
WATCHING = ("collector", "jaeger", "prometheus", "alertmanager", "grafana")
REQUIRED = re.compile(r"\$\{LOTSMAN_[A-Z_]+:\?[^}]*\}")


def variables() -> dict[str, set[str]]:
    """Every variable of docker-compose.yml with the ways in which it is asked for, such as `:?` or `:-`."""
    found: dict[str, set[str]] = {}
    for name, how in re.findall(r"\$\{([A-Z_]+)(:[?-])?", (ROOT / "docker-compose.yml").read_text()):
        found.setdefault(name, set()).add(how)
    return found


def example() -> dict[str, str]:
    lines = (FOLDER / "example.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def environment(part: str) -> dict[str, str]:
    found: dict[str, str] = PARTS[part].get("environment", {})
    return found


# ---- the file itself


def test_every_published_port_is_on_this_machine_alone() -> None:
    published = [port for part in PARTS.values() for port in part.get("ports", [])]
    assert len(published) >= 5
    assert all(re.match(r"127\.0\.0\.1:\$\{LOTSMAN_[A-Z]+_PORT:-\d+\}:\d+$", port) for port in published)


def test_every_secret_comes_from_the_environment() -> None:
    secret_values = [
        value for part in PARTS for name, value in environment(part).items() if SECRET.search(name) and value
    ]
    assert len(secret_values) >= 15
    assert all(REQUIRED.fullmatch(value) for value in secret_values)
    urls = [value for part in PARTS for value in environment(part).values() if "@" in value]
    logins = [re.fullmatch(r"mongodb://(\w+):(.+)@mongo:27017/\?replicaSet=rs0&authSource=admin", url) for url in urls]
    assert [login and login[1] for login in logins] == [
        "admin",
        *SERVICES,
        DESK,
        "intake",
        "expertise",
    ], "the last two are the follower and mail"
    assert all(login and REQUIRED.fullmatch(login[2]) for login in logins)
    assert all(how == {":?"} for name, how in variables().items() if SECRET.search(name))


def test_the_example_has_every_variable_and_no_secret() -> None:
    assert example().keys() == variables().keys()
    empty = {name for name, value in example().items() if not value} - {NO_LINK}
    assert empty == {name for name in example() if SECRET.search(name)}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_waits_for_the_setup_and_is_locked_down(service: str) -> None:
    part = PARTS[service]
    assert part["command"] == ["python3", "-m", f"services.{service}"]
    assert part["depends_on"] == {"setup": {"condition": "service_completed_successfully"}}
    assert "/health/serving" in part["healthcheck"]["test"][-1], "without Kafka no container is replaced"
    assert part["restart"] == "unless-stopped"
    assert int(part["stop_grace_period"].removesuffix("s")) > Settings.model_fields["stop_within"].default
    assert part["init"] is True, "else a signal before Python has a handler is not heard"
    assert part["user"].split(":")[0] not in {"0", "root"}
    assert environment(service)["LOTSMAN_KAFKA_USERNAME"] == service
    settings = {name.removeprefix("LOTSMAN_").lower() for name in environment(service)}
    assert settings <= Settings.model_fields.keys()


def test_the_desk_is_started_like_a_service_and_has_no_login_at_kafka() -> None:
    part, settings = PARTS[DESK], environment(DESK)
    assert part["command"] == ["python3", "-m", "services.desk"]
    assert {name: part[name] for name in ("depends_on", "healthcheck", "user", "init")} == {
        name: PARTS["intake"][name] for name in ("depends_on", "healthcheck", "user", "init")
    }
    assert not [name for name in settings if "KAFKA" in name]
    own = {name.removeprefix("LOTSMAN_DESK_").lower() for name in settings if name.startswith("LOTSMAN_DESK_")}
    others = {name.removeprefix("LOTSMAN_").lower() for name in settings if not name.startswith("LOTSMAN_DESK_")}
    assert own <= DeskSettings.model_fields.keys() and others - {"traces_url"} <= Settings.model_fields.keys()
    assert all(settings[f"LOTSMAN_DESK_{one.upper()}_URL"] == f"http://{one}:8080" for one in SERVICES)


def test_the_follower_is_started_like_a_service_and_alone_has_the_administrators_login_at_kafka() -> None:
    part = PARTS["follower"]
    assert part["command"] == ["python3", "-m", "deploy.follower"]
    assert {name: part[name] for name in ("depends_on", "healthcheck", "user", "init")} == {
        name: PARTS["intake"][name] for name in ("depends_on", "healthcheck", "user", "init")
    }
    assert {name.removeprefix("LOTSMAN_").lower() for name in environment("follower")} <= Settings.model_fields.keys()
    admins = {name for name in PARTS if environment(name).get("LOTSMAN_KAFKA_USERNAME") == "admin"}
    assert admins == {"setup", "follower"}, "of which the setup ends before the services start"


@pytest.mark.parametrize(
    "service, parts",
    [
        ("intake", ("intake", "setup", "follower")),
        ("expertise", ("expertise", "mail")),
        ("registry", ("registry",)),
    ],
)
def test_after_a_rebuild_the_database_of_a_service_is_another_for_all_that_read_it(
    service: str, parts: Sequence[str]
) -> None:
    databases = {environment(name)["LOTSMAN_DATABASE"] for name in parts}
    assert databases == {f"${{LOTSMAN_{service.upper()}_DATABASE:-{first(service)}}}"}


def test_what_watches_the_system_comes_up_by_itself_and_in_its_time_and_nothing_waits_for_it() -> None:
    assert {name for name, part in PARTS.items() if "profiles" in part} == {TRIED, "mail"}
    asked = {name: PARTS[name]["healthcheck"] for name in WATCHING if "healthcheck" in PARTS[name]}
    assert asked.keys() == {"prometheus", "alertmanager", "grafana"}, (
        "the images of the others have no program that asks"
    )
    assert all(int(how["start_period"].removesuffix("s")) >= 60 for how in asked.values()), "`up --wait` gives up after"
    assert all("mem_limit" in PARTS[name] for name in WATCHING)
    waited_for = {other for name in PARTS if name not in WATCHING for other in PARTS[name].get("depends_on", {})}
    assert not waited_for & {*WATCHING}


def test_every_process_of_ours_that_goes_on_is_asked_by_prometheus_so_that_one_which_dies_is_told_of() -> None:
    jobs = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    always = {one for job in jobs for group in job.get("static_configs", ()) for one in group["targets"]}
    named = {one for job in jobs for group in job.get("dns_sd_configs", ()) for one in group["names"]}
    ours = {name for name, part in PARTS.items() if part.get("command", [""])[0] == "python3"}
    wanted = {name for name in ours if "profiles" in PARTS[name]}
    assert always == {f"{name}:8080" for name in ours - wanted - {"setup"}}, "what is gone is down"
    assert named == wanted, "of what need not be there a rule knows that it was"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_given_every_folder_that_its_settings_name(service: str) -> None:
    mounted = {mount.rsplit(":", 1)[0].rsplit(":", 1)[-1] for mount in PARTS[service]["volumes"]}
    settings = environment(service)
    wanted = {settings["LOTSMAN_CALENDARS"], settings["LOTSMAN_EDITIONS"], "/identity"}
    assert mounted == wanted | ({settings["LOTSMAN_INDEX_DIR"]} if service == "registry" else set())


def test_the_registers_derived_views_are_in_a_volume_of_each_replica_that_its_user_may_write() -> None:
    folder = environment("registry")["LOTSMAN_INDEX_DIR"]
    assert folder in PARTS["registry"]["volumes"], "without a name: replicas share none"
    owner = PARTS["registry"]["user"].split(":")[0]
    image = (ROOT / "deploy" / "Dockerfile").read_text()
    assert f"--uid {owner} " in image and re.search(rf"install -d -o lotsman .* {folder}\n", image)


@pytest.mark.parametrize("part", PARTS)
def test_nothing_writes_to_its_root_or_gains_privileges(part: str) -> None:
    assert PARTS[part]["read_only"] is (part != TRIED), "in its way for development it writes into its own folders"
    assert PARTS[part]["security_opt"] == ["no-new-privileges:true"]
    assert PARTS[part]["cap_drop"] == ["ALL"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & PARTS[part].keys()


def test_the_setup_waits_for_both_back_ends_and_runs_once() -> None:
    assert PARTS["setup"]["depends_on"] == {name: {"condition": "service_healthy"} for name in ("mongo", "kafka")}
    assert PARTS["setup"]["restart"] == "no"
    assert all("healthcheck" in PARTS[name] for name in ("mongo", "kafka"))


def test_data_is_in_named_volumes_and_mounted_files_exist() -> None:
    for name, inside in (("mongo", "/data/db"), ("kafka", "/var/lib/kafka/data")):
        assert f"{name}:{inside}" in PARTS[name]["volumes"]
        assert name in COMPOSE["volumes"]
    mounts = [mount.split(":") for part in PARTS.values() for mount in part.get("volumes", [])]
    files = [ROOT / mount[0] for mount in mounts if mount[0].startswith("./")]
    assert files and all(path.is_file() for path in files)


def test_versions_are_those_of_the_embedded_stack() -> None:
    assert PARTS["kafka"]["image"] == f"apache/kafka:{jars.version()}"
    assert all(re.search(r":v?\d", PARTS[name]["image"]) for name in ("mongo", "kafka", "jaeger", "prometheus"))


def test_kafka_lets_nobody_in_without_a_login_and_makes_no_topic_by_itself() -> None:
    lines = [line for line in (FOLDER / "kafka.properties").read_text().splitlines() if line and line[0] != "#"]
    settings = dict(line.split("=", 1) for line in lines)
    protocols = settings["listener.security.protocol.map"].split(",")
    assert {one.split(":")[1] for one in protocols} == {"SASL_PLAINTEXT"}
    assert settings["authorizer.class.name"].endswith(".StandardAuthorizer")
    assert settings["allow.everyone.if.no.acl.found"] == "false"
    assert settings["auto.create.topics.enable"] == "false"
    passwords = re.findall(r'(?:password|user_controller)="([^"]*)"', "\n".join(lines))
    assert len(passwords) == 3 and all(re.fullmatch(r"\$\{env:LOTSMAN_KAFKA_[A-Z]+_PASSWORD\}", p) for p in passwords)


# ---- the first try


@pytest.fixture
def tried(tmp_path: Path) -> Path:
    """A checkout in which first-try.sh has run, with a stand-in for ./lotsman."""
    shutil.copytree(FOLDER, tmp_path / "deploy" / "compose")
    (tmp_path / "contracts").mkdir()
    shutil.copy(ROOT / "contracts" / "__init__.py", tmp_path / "contracts")
    stub = tmp_path / "lotsman"
    stub.write_text(
        '#!/bin/sh\nprintf keys > "$LOTSMAN_HOME/jwks.json"\n[ "$5" -le 12 ] || exit 1\nprintf "token %s" "$3"\n'
    )
    stub.chmod(0o755)
    first_try(tmp_path)
    return tmp_path


def first_try(folder: Path) -> None:
    subprocess.run(["sh", str(folder / "deploy" / "compose" / "first-try.sh")], check=True, capture_output=True)


def test_the_first_try_makes_fresh_secrets_once(tried: Path) -> None:
    text = (tried / ".env").read_text()
    made = dict(line.split("=", 1) for line in text.splitlines() if line and line[0] != "#")
    assert made.keys() == example().keys()
    fresh = [value for name, value in made.items() if SECRET.search(name)]
    assert len(set(fresh)) == len(fresh) and all(re.fullmatch("[0-9a-f]{48}", value) for value in fresh)
    first_try(tried)
    assert (tried / ".env").read_text() == text


def test_the_first_try_labels_the_image_with_the_version_of_the_contracts(tried: Path) -> None:
    assert f"LOTSMAN_VERSION={VERSION}\n" in (tried / ".env").read_text()
    assert PARTS["intake"]["build"]["args"]["LOTSMAN_VERSION"] == "${LOTSMAN_VERSION:-unversioned}"
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    assert "ARG LOTSMAN_VERSION\n" in dockerfile and 'image.version="${LOTSMAN_VERSION}"' in dockerfile


def test_the_first_try_shows_others_no_more_than_they_need(tried: Path) -> None:
    made = tried / ".lotsman" / "compose"
    assert os.readlink(tried / ".env") == ".lotsman/compose/env"
    assert made.stat().st_mode & 0o777 == 0o700
    assert (made / "env").stat().st_mode & 0o777 == 0o600
    for path, text in ((made / "identity" / "jwks.json", "keys"), (made / "metrics" / "ops.token", "token ops")):
        assert path.read_text() == text
        assert path.stat().st_mode & 0o777 == 0o644


def test_the_first_try_tells_the_verbs_where_the_system_is_and_says_nothing_to_compose(tried: Path) -> None:
    told = subprocess.run(
        ["sh", "-c", ". .lotsman/compose/at.sh; env"], cwd=tried, check=True, capture_output=True, text=True, env={}
    ).stdout
    found = dict(line.split("=", 1) for line in told.splitlines() if line.startswith("LOTSMAN_"))
    assert found.pop("LOTSMAN_HOME") == str(tried / ".lotsman" / "compose")
    assert found == {
        f"LOTSMAN_{name}_URL": f"http://127.0.0.1:{example()[f'LOTSMAN_{name}_PORT']}"
        for name in ("INTAKE", "EXPERTISE", "REGISTRY", "JAEGER")
    }
    assert found.keys() <= {f"LOTSMAN_{name.upper()}_URL" for name in NAMES}
    compose = (ROOT / "docker-compose.yml").read_text()
    assert not [name for name in (*found, "LOTSMAN_HOME", "LOTSMAN_TOKEN_FILE") if f"${{{name}" in compose]


def test_where_no_new_token_can_be_made_prometheus_keeps_the_one_before(tried: Path) -> None:
    (tried / "lotsman").write_text("#!/bin/sh\nprintf broken\nexit 1\n")
    with pytest.raises(subprocess.CalledProcessError):
        first_try(tried)
    assert (tried / ".lotsman" / "compose" / "metrics" / "ops.token").read_text() == "token ops"


def test_the_crontab_line_that_the_first_try_prints_renews_the_token(tried: Path) -> None:
    token = tried / ".lotsman" / "compose" / "metrics" / "ops.token"
    script = str(tried / "deploy" / "compose" / "first-try.sh")
    said = subprocess.run(["sh", script], check=True, capture_output=True, text=True).stdout
    [line] = [one for one in said.splitlines() if script in one]
    minute, hours, *_, command = line.split(maxsplit=5)
    assert (minute.isdigit(), hours) == (True, "*/6"), "twice as often as a token of twelve hours needs it"
    token.unlink()
    subprocess.run(["sh", "-c", command], check=True, cwd="/", env={"PATH": "/usr/bin:/bin"})
    assert token.read_text() == "token ops"


def compose() -> list[str]:
    """The words of Compose v2. Skips where it is not."""
    for words in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(words[0]):
            done = subprocess.run([*words, "version", "--short"], capture_output=True, text=True, check=False)
            if done.returncode == 0 and int(done.stdout.strip().removeprefix("v").split(".")[0]) >= 2:
                return words
    pytest.skip("docker compose (v2) is not on PATH")


def config(env_file: Path) -> "subprocess.CompletedProcess[str]":
    words = [*compose(), "--profile", "*", "--env-file", str(env_file), "config", "-q"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("LOTSMAN_")}
    return subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_compose_itself_accepts_the_file(tried: Path) -> None:
    done = config(tried / ".env")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_compose_refuses_to_go_without_a_secret(tried: Path) -> None:
    env = tried / "less.env"
    env.write_text(re.sub("LOTSMAN_MONGO_KEY=.*", "LOTSMAN_MONGO_KEY=", (tried / ".env").read_text()))
    done = config(env)
    assert done.returncode != 0
    assert "LOTSMAN_MONGO_KEY" in done.stderr


# ---- the setup job, and who comes in by it


class Fresh(NamedTuple):
    """Back ends as the images leave them: each has its administrator, and nothing else."""

    kafka: Login
    mongo_url: str
    env: dict[str, str]
    left_over: dict[str, str]

    def kafka_as(self, user: str) -> Login:
        return Login(self.kafka.bootstrap, user, self.env[f"LOTSMAN_KAFKA_{user.upper()}_PASSWORD"])

    def mongo_as(self, service: str) -> "MongoClient[dict[str, Any]]":
        password = self.env[f"LOTSMAN_MONGO_{service.upper()}_PASSWORD"]
        address = self.mongo_url.rpartition("@")[2]
        return MongoClient[dict[str, Any]](f"mongodb://{service}:{password}@{address}", serverSelectionTimeoutMS=5000)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fresh]:
    """Kafka and mongod of their own; the setup has run twice."""
    folder = tmp_path_factory.mktemp("fresh")
    ports, old = Ports.free(), secrets.load(folder)
    kafka = Kafka(folder, ports["kafka"], ports["controller"], old, lambda _: None)
    replica: Process | None = None
    try:
        kafka.start()
        replica = mongod_with_administrator(folder, ports["mongod"], old)
        url = f"mongodb://admin:{old['mongo-admin']}@127.0.0.1:{ports['mongod']}/?replicaSet=rs0&authSource=admin"
        login = kafka.login()
        env = {
            "LOTSMAN_KAFKA_URL": login.bootstrap,
            "LOTSMAN_KAFKA_USERNAME": "admin",
            "LOTSMAN_KAFKA_PASSWORD": old["kafka-admin"],
            "LOTSMAN_MONGO_URL": url,
            **{name: f"new-{name.lower()}" for name in PASSWORDS},
        }
        with pytest.MonkeyPatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            assert [setup.main([]), setup.main([])] == [0, 0]
        yield Fresh(login, url, env, old)
    finally:
        kafka.stop()
        if replica:
            replica.stop(20)


def mongod_with_administrator(folder: Path, port: int, passwords: dict[str, str]) -> Process:
    """What the official image does: the administrator first, without logins; then a member of a replica set."""
    data, key = folder / "mongo", folder / "mongo.key"
    data.mkdir()
    write_private(key, passwords["mongo-key"] + "\n")
    words = [mongod.binary(lambda _: None), "--dbpath", str(data), "--port", str(port), "--bind_ip", "127.0.0.1"]
    alone = Process("mongod", "MongoDB", [*words, "--nounixsocket"], folder)
    alone.start()
    try:
        with MongoClient[dict[str, Any]](
            "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=20_000
        ) as client:
            client.admin.command("createUser", "admin", pwd=passwords["mongo-admin"], roles=["root"])
    finally:
        alone.stop(20)
    member = Process("mongod", "MongoDB", [*words, *mongod.FLAGS[2:], "--keyFile", str(key)], folder)
    member.start()
    return member


@pytest.mark.apache_kafka
def test_the_setup_makes_topics_and_exactly_the_rules_of_its_users(fresh: Fresh) -> None:
    admin = fresh.kafka.admin()
    there = topics.existing(admin)
    assert {topic.name: there.get(topic.name) for topic in FACT_TOPICS} == {t.name: t.partitions for t in FACT_TOPICS}
    assert access._known(admin) == {access._binding(rule) for rule in access.service_rules()}


@pytest.mark.apache_kafka
@pytest.mark.parametrize(("user", "service"), [*((service, service) for service in SERVICES), (OPERATOR, "expertise")])
def test_a_user_comes_in_with_the_new_password_alone(fresh: Fresh, user: str, service: str) -> None:
    assert f"pilots.{service}.v1" in fresh.kafka_as(user).admin().list_topics(timeout=10).topics
    with pytest.raises(KafkaException):
        Login(fresh.kafka.bootstrap, user, fresh.left_over[f"kafka-{user}"]).admin().list_topics(timeout=2)


@pytest.mark.apache_kafka
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_its_own_database_alone(fresh: Fresh, service: str) -> None:
    with fresh.mongo_as(service) as client:
        client[f"lotsman_{service}"].things.insert_one({"_id": 1})
        for other in ("admin", *(f"lotsman_{name}" for name in SERVICES if name != service)):
            with pytest.raises(OperationFailure, match="not authorized"):
                client[other].things.find_one()
    with MongoClient[dict[str, Any]](fresh.mongo_url) as admin:
        assert admin.admin.command("usersInfo", service)["users"][0]["roles"] == [
            {"role": "readWrite", "db": f"lotsman_{service}"}
        ]


def told(subject: str, *names: str) -> list[dict[str, Any]]:
    """A series of one subject, made of the contracts' examples."""
    facts = [freeze.example(f"pilots.expertise.{name}.v1") for name in names]
    return [fact | {"subject": subject, "sequence": f"{n:020d}"} for n, fact in enumerate(facts, 1)]


def publish(fresh: Fresh, events: list[dict[str, Any]]) -> None:
    producer = Producer({**fresh.kafka_as("expertise").librdkafka(), "enable.idempotence": True})
    for event in events:
        producer.produce("pilots.expertise.v1", json.dumps(event), key=event["subject"])
    assert producer.flush(10) == 0


@pytest.mark.apache_kafka
async def test_the_operators_own_program_rebuilds_its_open_work_from_the_topic_alone(fresh: Fresh) -> None:
    expert, operator = freeze.example("pilots.expertise.expert-assigned.v1")["data"]["expert_id"], "u-3002"
    opened = told("a", "review-opened", "term-started", "case-claimed", "expert-assigned")
    events = [*opened, *opened[1:], *told("b", "review-opened", "case-claimed", "case-released")]
    events += told("expert:x", "expert-entered")
    publish(fresh, events)
    login = fresh.kafka_as(OPERATOR).aiokafka()
    due = {"a": datetime.fromisoformat(opened[1]["data"]["clock"]["due_at"])}
    for person, owed in ((expert, Owed.ACCEPT), (operator, Owed.EXPERTS)):
        found = await rebuild(login, person)
        assert {subject: work.owed(person) for subject, work in found.items()} == {"a": owed}
        assert {subject: work.until(person) for subject, work in found.items()} == due
    assert await rebuild(login, "nobody") == {}


@pytest.mark.apache_kafka
async def test_the_operators_own_program_follows_what_happens(
    fresh: Fresh, eventually: Eventually, capsys: pytest.CaptureFixture[str]
) -> None:
    events = told("c", "review-opened", "case-claimed", "case-released")
    operator = events[1]["data"]["operator_id"] = "u-of-c"
    publish(fresh, events[:1])
    following = asyncio.create_task(follow(fresh.kafka_as(OPERATOR).aiokafka(), operator))
    said: list[str] = []

    def lines() -> list[str]:
        said.extend(line for line in capsys.readouterr().out.splitlines() if not line.startswith(" "))
        return said

    try:
        await eventually(lambda: lines() == [f"0 open for {operator}"])
        publish(fresh, events[1:2])
        await eventually(lambda: lines()[1:] == [f"1 open for {operator}"])
        publish(fresh, events[2:])
        await eventually(lambda: lines()[2:] == [f"0 open for {operator}"])
    finally:
        following.cancel()
        await asyncio.wait([following])


@pytest.mark.apache_kafka
def test_the_operators_own_program_is_a_command(fresh: Fresh) -> None:
    events = told("d", "review-opened", "case-claimed")
    events[1]["data"]["operator_id"] = "u-of-d"
    publish(fresh, events)
    login = fresh.kafka_as(OPERATOR)
    env = {**os.environ, "LOTSMAN_KAFKA_URL": login.bootstrap, "LOTSMAN_KAFKA_PASSWORD": login.password or ""}
    env.pop("LOTSMAN_KAFKA_USERNAME", None)
    words = [sys.executable, "-m", "examples.my_open_work", "u-of-d"]
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[0] == "1 open for u-of-d"
    assert "ПП-2026-000123, round 2: assign experts, the clock stands" in done.stdout


@pytest.mark.apache_kafka
def test_the_setup_adds_an_agency(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {**fresh.env, "LOTSMAN_AGENCY_PASSWORD": "of-gamma"}.items():
        monkeypatch.setenv(name, value)
    assert setup.main(["agency", "gamma"]) == 0
    seen = Login(fresh.kafka.bootstrap, "agency-gamma", "of-gamma").admin().list_topics(timeout=10).topics
    assert {agency_topic("gamma").name, receipts_topic("gamma").name} <= seen.keys()
    assert setup.main(["agency", "No Code"]) == 1
    assert "'No Code' is no agency code" in capsys.readouterr().err


@pytest.mark.apache_kafka
def test_the_setup_carries_over_the_directory_of_the_database_that_intake_works_on(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    editions = (EditionFrom(edition="by-2024", since=date(2025, 1, 1)),)
    entry = Agency(code="delta", name="Ведомство", editions=editions)
    for name, value in fresh.env.items():
        monkeypatch.setenv(name, value)
    with MongoClient[dict[str, Any]](fresh.mongo_url) as admin:
        for database, one in (("rebuilt", entry.model_copy(update={"disabled": NOW})), (first("intake"), entry)):
            row = {"_id": "agency:delta", "kind": "agency", "version": 1, "state": one.model_dump(mode="json")}
            admin[database][SUBJECTS].insert_one(row)
            monkeypatch.setenv("LOTSMAN_DATABASE", database)
            capsys.readouterr()
            assert setup.main(["agencies"]) == 0
            cut_off = int(one.disabled is not None)
            assert f"1 agencies, {cut_off} of them disabled" in capsys.readouterr().out
            assert setup.main([]) == 0
            with fresh.mongo_as("intake") as own:
                assert own[database][SUBJECTS].count_documents({}) == 1
    assert agency_topic("delta").name in topics.existing(fresh.kafka.admin())


@pytest.mark.apache_kafka
def test_the_setup_leaves_alone_an_agency_whose_password_waits_for_the_follower_and_no_other(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {**fresh.env, "LOTSMAN_AGENCY_PASSWORD": "of-epsilon"}.items():
        monkeypatch.setenv(name, value)
    (_, failed), (_, waits) = (at_kafka.made("epsilon") for _ in range(2))
    editions, made = (EditionFrom(edition="by-2024", since=date(2025, 1, 1)),), MadePassword(id=waits.id, at=NOW)
    entry = Agency(code="epsilon", name="Ведомство", editions=editions, password=made)
    with MongoClient[dict[str, Any]](fresh.mongo_url) as admin:
        database = admin[first("intake")]
        row = {"_id": "agency:epsilon", "kind": "agency", "version": 1, "state": entry.model_dump(mode="json")}
        database[SUBJECTS].insert_one(row)
        database[at_kafka.PASSWORDS].insert_one(at_kafka.row_of(failed, NOW))
        assert setup.main(["agency", "epsilon"]) == 0, "no entry names what a failed attempt has left"
        database[at_kafka.PASSWORDS].insert_one(at_kafka.row_of(waits, NOW))
        assert setup.main(["agency", "epsilon"]) == 1
        assert "waits for the follower" in capsys.readouterr().err
        database[SUBJECTS].delete_one({"_id": row["_id"]})


@pytest.mark.apache_kafka
def test_a_wrong_login_at_mongodb_is_said_at_once(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = re.sub("admin:[^@]*", "admin:wrong", fresh.mongo_url)
    for name, value in {**fresh.env, "LOTSMAN_MONGO_URL": wrong}.items():
        monkeypatch.setenv(name, value)
    assert setup.main([]) == 1
    assert capsys.readouterr().err == "MongoDB refuses the administrator's login.\n"


def test_everything_that_is_not_set_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("LOTSMAN_")]:
        monkeypatch.delenv(name)
    assert setup.main([]) == 1
    said = capsys.readouterr().err
    assert said.startswith(
        "Not set: LOTSMAN_KAFKA_URL, LOTSMAN_KAFKA_USERNAME, LOTSMAN_KAFKA_PASSWORD, LOTSMAN_MONGO_URL"
    )
    assert all(name in said for name in PASSWORDS)
    assert environment("setup").keys() >= set(PASSWORDS)
    assert setup.main(["agencies"]) == 1


def test_what_does_not_come_up_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "WITHIN", 0.0)
    with pytest.raises(Exception, match="MongoDB is not ready after 0 s") as failed:
        setup.initiate("mongodb://admin:hidden@127.0.0.1:1/?replicaSet=rs0", 0.0)
    assert "hidden" not in str(failed.value)
    assert not isinstance(failed.value, PyMongoError)
