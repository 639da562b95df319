"""Logs of the embedded stack are kept by size; what cannot be logged keeps nothing from running."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.complaint import Complaint
from deploy.local import logs
from deploy.local.backends import Backends
from deploy.local.kept import Kept
from deploy.local.process import Process
from deploy.local.stack import Stack

TALKER = """
import sys, time
for number in range(100_000):
    print(f"{number:08d}", "x" * 1000, flush=True)
    time.sleep(0.0005)
time.sleep(60)
"""
SMALL = Kept(log_megabytes=0.1, log_files=2)


def test_a_log_that_grows_is_put_aside_and_begun_anew_while_its_process_goes_on(
    given: Backends,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    soon: Callable[..., None],
    stubs: dict[str, list[str]],
) -> None:
    monkeypatch.setenv("LOTSMAN_LOG_MEGABYTES", "0.2")
    monkeypatch.setenv("LOTSMAN_LOG_FILES", "2")
    with Stack(tmp_path, services=stubs) as stack:
        talker = Process("talker", "Talker", [sys.executable, "-c", TALKER], tmp_path)
        talker.start()
        try:
            soon(lambda: (tmp_path / "logs" / "talker.log.2").exists(), 60)
            talker.need_running()
        finally:
            talker.kill()
        assert stack.services.keys() == stubs.keys()
    found = [tmp_path / "logs" / name for name in ("talker.log.2", "talker.log.1")]
    assert all(path.stat().st_size <= 0.2 * 2**20 for path in found), "of what was too large the end is kept"
    numbers = [int(line[:8]) for path in found for line in path.read_text().splitlines()[1:]]
    assert numbers == sorted(numbers), "in order"
    assert not (tmp_path / "logs" / "talker.log.3").exists()


def test_a_log_within_its_size_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"x" * 100_000)
    logs.cut(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["a.log"]


def test_what_was_put_aside_beyond_the_setting_goes(tmp_path: Path) -> None:
    for name in ("a.log", "a.log.1", "a.log.2", "a.log.3", "a.log.9"):
        (tmp_path / name).write_text(f"{name}\n" * 40_000)
    logs.cut(tmp_path, SMALL)
    kept = {path.name: path.read_text().splitlines()[-1:] for path in tmp_path.iterdir()}
    assert kept == {"a.log": [], "a.log.1": ["a.log"], "a.log.2": ["a.log.1"]}


def test_a_log_that_cannot_be_kept_keeps_no_process_from_starting(tmp_path: Path) -> None:
    for name in ("talker.log", "talker.log.1", "talker.log.2", "talker.log.3", "talker.log.4"):
        (tmp_path / "logs" / name / "full").mkdir(parents=True)  # it can neither be put aside nor written
    talker = Process("talker", "Talker", [sys.executable, "-c", "input()"], tmp_path)
    talker.start()
    try:
        assert json.loads((tmp_path / "run" / "talker.json").read_text())["pid"] == talker.pid
    finally:
        talker.kill()


@pytest.mark.parametrize(("name", "value"), [("LOG_MEGABYTES", "0"), ("TRACE_DAYS", "soon"), ("LOG_FILES", "-1")])
def test_a_setting_that_is_none_is_a_complaint(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"LOTSMAN_{name}", value)
    with pytest.raises(Complaint, match=f"The setting LOTSMAN_{name} cannot be '{value}'"):
        Kept.read()
