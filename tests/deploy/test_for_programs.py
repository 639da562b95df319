"""Every verb that typer knows takes --json: one object is the last line on stdout, whatever becomes of the verb."""

import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from deploy.cli.__main__ import PARTS, command_line, main, verbs
from deploy.cli.common import JSON, Found
from deploy.local import keys
from deploy.local.home import ROOT

ALL = {words: command for words, command in verbs(command_line([]))}
PASSED_ON = {("test",), ("coverage",)}
"""Verbs that hand what they do not know to pytest."""


def last_line(text: str) -> Any:
    """What a program reads: the last line, which is all that there is on stdout."""
    [line] = text.splitlines()
    return json.loads(line)


def test_the_walk_meets_every_verb() -> None:
    assert {words[0] for words in ALL} == {verb for of_part in PARTS.values() for verb in of_part}
    assert ("expert", "hand-over") in ALL and ("bench", "door") in ALL


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_verb_says_what_it_found_and_has_the_option_in_its_help(words: tuple[str, ...]) -> None:
    assert get_type_hints(getattr(ALL[words].callback, "__wrapped__", ALL[words].callback))["return"] == Found
    assert sum(JSON in one.opts for one in ALL[words].params) == 1


@pytest.mark.parametrize("words", sorted(ALL.keys() - PASSED_ON), ids=" ".join)
def test_every_verb_that_fails_says_why_to_a_program(
    words: tuple[str, ...], own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--json", "--no-such-option"]) == 2
    assert "no-such-option" in last_line(capsys.readouterr().out)["error"]


@pytest.mark.slow
def test_tests_are_counted_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--json", "tests/unit/test_years.py", "-k", "no_such_test", "-p", "no:cacheprovider"]) == 5
    found = last_line(capsys.readouterr().out)
    assert (found["tests"], found["error"]) == (0, "The tests did not pass.")


@pytest.mark.parametrize("words", [[], ["expert"], ["nonsense"], ["expert", "nonsense"]])
def test_a_missing_or_unknown_verb_is_said_too(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--json"]) == 2
    assert last_line(capsys.readouterr().out)["error"]


def test_where_nothing_runs_the_exit_status_and_the_object_say_so(
    own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--json"]) == 3
    assert last_line(capsys.readouterr().out) == {"parts": [], "error": "nothing runs; ./lotsman up starts it"}
    assert main(["--json", "down"]) == 0
    assert last_line(capsys.readouterr().out) == {"stopped": []}


@pytest.mark.parametrize(
    "words",
    [
        ["expert", "list"],
        ["expert", "show", "e-1"],
        ["agency", "add", "demo", "--name", "Ведомство", "--edition", "by-2024", "--since", "2025-01-01"],
    ],
    ids=" ".join,
)
def test_a_verb_that_needs_a_running_system_says_that_there_is_none(
    words: list[str], own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--json"]) != 0
    assert "./lotsman up" in last_line(capsys.readouterr().out)["error"]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_verb_that_is_stopped_says_so_too(
    sign: signal.Signals, monkeypatch: pytest.MonkeyPatch, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(keys, "token", lambda *_: signal.raise_signal(sign))
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell that runs tests behind it has it ignored
    try:
        assert main(["token", "--role", "ops", "--json"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert last_line(capsys.readouterr().out) == {"error": "stopped"}


def test_a_token_for_a_program_is_said_once(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "--role", "ops", "--json"]) == 0
    told = capsys.readouterr()
    assert last_line(told.out)["token"].count(".") == 2
    assert told.err == ""


def test_a_fault_of_ours_is_an_object_as_well_and_its_stack_trace_stands_on_stderr(
    monkeypatch: pytest.MonkeyPatch, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(keys, "token", lambda *_: 1 // 0)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ZeroDivisionError):
        main(["token", "--role", "ops", "--json"])
    assert last_line(capsys.readouterr().out)["error"].startswith("ZeroDivisionError")
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_script_that_finds_no_python_says_it_to_a_program(tmp_path: Path) -> None:
    (tmp_path / "lotsman").write_bytes((ROOT / "lotsman").read_bytes())
    for tool in ("cmp", "dirname", "flock", "sed", "tr"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    command = ["/bin/sh", "lotsman", "status", "--json"]
    env = {"PATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert last_line(done.stdout) == {"error": "Python 3.11 or newer is needed and was not found on PATH."}
