"""Where Apache Kafka cannot be had, noida-db takes its place and the shortcomings are said."""

import os
from pathlib import Path

import pytest
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from deploy import topics
from deploy.complaint import Complaint
from deploy.local import jars
from deploy.local.backends import BROKER, Backends
from deploy.local.noida import Noida
from deploy.local.process import start_time


def test_noida_stands_in_says_so_and_stops(
    tmp_path: Path, own_home: Path, given: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_maven(*_: object) -> Path:
        raise jars.NoMaven("Maven is not here.")

    monkeypatch.delenv("LOTSMAN_KAFKA_URL")
    monkeypatch.setattr(jars, "fetch", no_maven)
    said: list[str] = []
    with Backends(tmp_path, say=said.append, require_kafka=False) as backends:
        assert backends.broker is not None and backends.broker.process is not None
        pid = backends.broker.process.pid
        assert pid is not None
        program = Path(os.readlink(f"/proc/{pid}/exe")) if Path("/proc/self").exists() else Path("noida-db")
        assert program.name == "noida-db", "the program itself, not a wrapper that would outlive its stop"
        assert topics.existing(backends.kafka.admin())["pilots.intake.v1"] == 12
        assert "noida-db" in backends.notes()["broker"]
    assert any("an acknowledged record can be lost for up to 2 s" in line for line in said)
    assert start_time(pid) is None


def test_noida_is_refused_where_kafka_is_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("LOTSMAN_MONGO_URL", "mongodb://127.0.0.1:1")
    monkeypatch.setattr("deploy.local.java.find", lambda _: "java")
    with pytest.raises(Exception, match="Apache Kafka is required: Maven"):
        Backends(tmp_path).start()


def test_kafka_does_not_begin_empty_where_noida_has_worked(
    tmp_path: Path, own_home: Path, given: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOTSMAN_KAFKA_URL")
    monkeypatch.setenv(BROKER, Noida.kind)
    said: list[str] = []
    with Backends(tmp_path, say=said.append, require_kafka=False) as first:
        assert isinstance(first.broker, Noida), "asked for, it is taken though Kafka could be had"
        admin = first.kafka.admin()
        admin.create_topics([NewTopic("kept", 3)])["kept"].result(20)
    assert any("an acknowledged record can be lost" in line for line in said)

    monkeypatch.delenv(BROKER)
    monkeypatch.setattr(jars, "fetch", _must_not_be_asked)
    with pytest.raises(Complaint, match="Apache Kafka would begin empty.*LOTSMAN_BROKER=noida-db"):
        Backends(tmp_path, require_kafka=False).start()
    assert not (tmp_path / "data" / "kafka").exists()

    monkeypatch.setenv(BROKER, Noida.kind)
    with Backends(tmp_path, require_kafka=False) as again:
        assert topics.existing(again.kafka.admin())["kept"] == 3, "it goes on with what it had"


def test_noida_does_not_begin_empty_where_kafka_has_worked(
    tmp_path: Path, own_home: Path, given: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_maven(*_: object) -> Path:
        raise jars.NoMaven("Maven is not here.")

    monkeypatch.delenv("LOTSMAN_KAFKA_URL")
    monkeypatch.setattr(jars, "fetch", no_maven)
    (tmp_path / "data" / "kafka").mkdir(parents=True)
    (tmp_path / "data" / "kafka" / "formatted").touch()
    with pytest.raises(Complaint, match="noida-db would begin empty"):
        Backends(tmp_path, require_kafka=False).start()
    monkeypatch.setenv(BROKER, Noida.kind)
    with pytest.raises(Complaint, match="Apache Kafka is required, or has its data here"):
        Backends(tmp_path, require_kafka=False).start()
    assert not (tmp_path / "data" / "noida").exists()


def _must_not_be_asked(*_: object) -> Path:
    pytest.fail("Kafka must not be started")
