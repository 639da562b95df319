"""Where Apache Kafka cannot be had, noida-db takes its place and the shortcomings are said."""

import os
from pathlib import Path

import pytest

from deploy import topics
from deploy.local import jars
from deploy.local.backends import Backends
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
