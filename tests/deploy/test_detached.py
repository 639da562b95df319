"""`up -d` says what goes wrong once, and whoever stops it stops what it starts."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.cli import run
from deploy.cli.__main__ import main
from deploy.cli.common import is_progress, progress
from deploy.complaint import INTERRUPTED
from deploy.local import state
from deploy.local.backends import Backends
from deploy.local.home import ROOT
from deploy.local.ports import Ports
from deploy.local.process import start_time


def detached(ports: Ports) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "deploy.cli", "up", "-d", "--port-base", str(ports.base)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_complaint_is_said_once(given: Backends, own_home: Path) -> None:
    ports = Ports.free()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # an old connection may linger on the port
        other.bind(("127.0.0.1", ports["registry"]))
        other.listen()
        child = detached(ports)
        out, err = child.communicate(timeout=120)
    assert child.returncode == 1
    assert (out + err).count(f"Port {ports['registry']}, needed for service registry, is in use") == 1
    assert "Traceback" not in out + err


@pytest.mark.parametrize("signs", [["SIGTERM"], ["SIGINT", "SIGINT"], ["SIGHUP"]], ids=lambda signs: "+".join(signs))
def test_who_stops_it_stops_what_is_coming_up(
    given: Backends, own_home: Path, soon: Callable[..., None], signs: list[str]
) -> None:
    child = detached(Ports.free())
    soon(lambda: (found := state.read(own_home)) and "expertise" in found.children, 120)
    found = state.read(own_home)
    assert found is not None
    started = [found.supervisor, *found.children.values()]
    for sign in signs:
        child.send_signal(getattr(signal, sign))
    out, err = child.communicate(timeout=120)
    assert child.returncode == INTERRUPTED, err
    assert err.count("stopped") == 1 and "Traceback" not in out + err
    assert [start_time(one.pid) for one in started] == [None] * len(started)
    assert state.read(own_home) is None


def test_a_supervisor_that_is_killed_while_it_comes_up_is_told_and_cleaned_up(
    given: Backends, own_home: Path, soon: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    child = detached(Ports.free())
    soon(lambda: (found := state.read(own_home)) and "intake" in found.children, 120)
    found = state.read(own_home)
    assert found is not None
    os.kill(found.supervisor.pid, signal.SIGKILL)
    _, err = child.communicate(timeout=120)
    assert child.returncode == 1 and err.splitlines()[-1] == "The supervisor ended without a word (-9)."
    assert main(["down"]) == 0
    assert "intake" in capsys.readouterr().out
    assert main(["status"]) == run.NOTHING_RUNS


def test_a_line_of_progress_is_known_by_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    progress()("starting [intake]")
    assert is_progress(capsys.readouterr().err)
    assert not is_progress("Port 1, needed for MongoDB, is in use.")
