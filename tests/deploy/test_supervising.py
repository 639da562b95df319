"""The supervisor starts what is needed, keeps it running, and stops that and nothing else."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread

import pytest
from prometheus_client import REGISTRY

from deploy.cli import run
from deploy.cli.__main__ import main
from deploy.complaint import Complaint, Interrupted
from deploy.local import state
from deploy.local.backends import Backends
from deploy.local.health import ANSWERS_WITHIN, CATCHES_UP, why_not_ready, why_not_whole
from deploy.local.home import ROOT
from deploy.local.ports import Ports
from deploy.local.process import Process, start_time
from deploy.local.stack import FIRST_PAUSE, LONGEST_PAUSE, Pause, Stack
from services.chassis import supervised
from services.chassis.ending import REFUSES
from services.chassis.supervised import SUPERVISOR as SUPERVISOR_ID

TELLS = """
import os, signal, sys, time
from prometheus_client import REGISTRY
from services.chassis import supervised
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    supervised.tell()
    with open(sys.argv[1] + ".new", "w") as said:
        said.write(str(REGISTRY.get_sample_value("lotsman_supervised", {"by": "up"})))
    os.replace(sys.argv[1] + ".new", sys.argv[1])
    time.sleep(0.05)
"""
STARTS = """
import sys, time
from pathlib import Path
from deploy.local.process import Process
Process("intake", "Service intake", [sys.executable, "-c", sys.argv[2], sys.argv[3]], Path(sys.argv[1])).start()
time.sleep(600)
"""
SUPERVISOR = """
import json, sys
from pathlib import Path
from deploy.cli.common import stop_signals
from deploy.local.ports import Ports
from deploy.local.stack import Stack
with stop_signals() as stopping:
    stack = Stack(Path(sys.argv[1]), Ports(int(sys.argv[2])), services=json.loads(sys.argv[3]), stopping=stopping)
    stack.start()
    print("up", flush=True)
    stopping.wait()
    stack.stop()
"""

KILLED_TOO_SOON = """
import os, signal, sys
from pathlib import Path
from deploy.local.process import Process
Process.record = lambda self: os.kill(os.getpid(), signal.SIGKILL)
Process("follower", "The follower", [sys.executable, "-c", sys.argv[2]], Path(sys.argv[1])).start()
"""
LOOKS = """
import sys, time
from pathlib import Path
from deploy.local import stack
stack.SAYS_EVERY = 0.2
looking = stack.Stack(Path(sys.argv[1]), services={})
words = [sys.executable, "-c", *sys.argv[2:]]
looking.services["intake"] = stack.Process("intake", "Service intake", words, Path(sys.argv[1]))
looking.services["intake"].start()
looking._tend()
time.sleep(600)
"""
WORKS_ON = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


@pytest.fixture
def supervisor(given: Backends, own_home: Path, stubs: dict[str, list[str]]) -> Iterator[subprocess.Popen[str]]:
    """A supervisor in a process of its own."""
    words = [sys.executable, "-c", SUPERVISOR, str(own_home), str(Ports.free().base), json.dumps(stubs)]
    child = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    yield child
    child.kill()
    child.wait()
    child.stdout.close()
    state.stop_leftovers(own_home)


def pids(folder: Path) -> dict[str, int]:
    found = state.read(folder)
    return {name: child.pid for name, child in found.children.items()} if found else {}


@pytest.mark.parametrize("signs", [["SIGTERM"], ["SIGINT", "SIGINT"], ["SIGHUP"]], ids=lambda signs: "+".join(signs))
def test_a_signal_stops_exactly_what_was_started(
    supervisor: subprocess.Popen[str], own_home: Path, stubs: dict[str, list[str]], signs: list[str]
) -> None:
    stranger = subprocess.Popen(stubs["intake"], env={**os.environ, "LOTSMAN_HTTP_PORT": str(Ports.free()["intake"])})
    try:
        started = pids(own_home)
        assert started.keys() == stubs.keys()
        for sign in signs:
            supervisor.send_signal(getattr(signal, sign))
        assert supervisor.wait(20) == 0
        assert [start_time(pid) for pid in started.values()] == [None, None]
        assert stranger.poll() is None
        assert state.read(own_home) is None
    finally:
        stranger.kill()
        stranger.wait()


def test_what_a_killed_supervisor_started_tells_that_it_is_gone_and_who_never_had_one_tells_nothing(
    own_home: Path, tmp_path: Path, soon: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    said, alone = tmp_path / "said", tmp_path / "alone"

    def tells(path: Path, value: str) -> bool:
        return path.exists() and path.read_text() == value

    supervisor = subprocess.Popen([sys.executable, "-c", STARTS, str(own_home), TELLS, str(said)], cwd=ROOT)
    monkeypatch.delenv(SUPERVISOR_ID, raising=False)
    other = subprocess.Popen([sys.executable, "-c", TELLS, str(alone)], cwd=ROOT)
    try:
        soon(lambda: tells(said, "1.0"), 60)
        supervisor.kill()
        supervisor.wait()
        soon(lambda: tells(said, "0.0"))
        soon(lambda: tells(alone, "None"), 60)
        assert state.stop(own_home) == ["intake"], "it was at work all the time"
    finally:
        for one in (supervisor, other):
            one.kill()
            one.wait()
        state.stop_leftovers(own_home)


def test_what_a_stopped_supervisor_started_tells_that_nobody_looks_after_it_until_it_goes_on(
    own_home: Path, tmp_path: Path, soon: Callable[..., None]
) -> None:
    said = tmp_path / "said"
    tells = TELLS.replace("while True:", "supervised.STILL = 5.0\nwhile True:")
    supervisor = subprocess.Popen([sys.executable, "-c", LOOKS, str(own_home), tells, str(said)], cwd=ROOT)

    def told(value: str) -> bool:
        return said.exists() and said.read_text() == value

    try:
        soon(lambda: told("1.0"), 60)
        supervisor.send_signal(signal.SIGSTOP)
        soon(lambda: told("0.0"), 60)
        supervisor.send_signal(signal.SIGCONT)
        soon(lambda: told("1.0"), 60)
    finally:
        supervisor.kill()
        supervisor.wait()
        state.stop_leftovers(own_home)


def test_where_a_supervisor_cannot_write_that_it_looks_it_is_not_told_to_stand_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SUPERVISOR_ID, str(os.getppid()))
    monkeypatch.setenv(supervised.RECORD, str(tmp_path / "intake.json"))
    supervised.tell()
    assert REGISTRY.get_sample_value("lotsman_supervised", {"by": "up"}) == 1.0
    (tmp_path / supervised.LOOKED).touch()
    os.utime(tmp_path / supervised.LOOKED, (1.0, 1.0))
    supervised.tell()
    assert REGISTRY.get_sample_value("lotsman_supervised", {"by": "up"}) == 0.0, "where it could be written"
    supervised.SUPERVISED.clear()


def test_status_says_that_the_supervisor_stands_still(
    supervisor: subprocess.Popen[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    soon: Callable[..., None],
) -> None:
    assert main(["status"]) == 0
    monkeypatch.setattr(supervised, "STILL", 1.0)
    supervisor.send_signal(signal.SIGSTOP)
    try:
        soon(lambda: main(["status"]) == run.NOT_READY, 60)
        assert "has looked after nothing for" in " ".join(capsys.readouterr().out.split())
    finally:
        supervisor.send_signal(signal.SIGCONT)
    monkeypatch.setattr(supervised, "STILL", 30.0)
    soon(lambda: main(["status"]) == 0, 60)


def test_a_second_up_refuses(
    supervisor: subprocess.Popen[str], own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up"]) == 1
    said = capsys.readouterr().err
    assert f"already runs (pid {supervisor.pid})" in said
    assert supervisor.poll() is None


def test_down_stops_a_running_system(
    supervisor: subprocess.Popen[str], own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status"]) == 0
    assert main(["down"]) == 0
    assert supervisor.wait(5) == 0
    assert "supervisor, intake, registry" in capsys.readouterr().out
    assert main(["status"]) == run.NOTHING_RUNS


def test_services_that_hang_are_waited_for_side_by_side_and_each_is_named(
    supervisor: subprocess.Popen[str], own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status"]) == 0
    hanging = pids(own_home)
    for pid in hanging.values():
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        assert main(["status", "--json"]) == run.NOT_READY
    finally:
        took = time.monotonic() - began
        for pid in hanging.values():
            os.kill(pid, signal.SIGCONT)
    assert took < 2 * ANSWERS_WITHIN, "all of them within what one may take"
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["error"] == "not ready: intake, registry"
    assert [part["why"] for part in told["parts"]] == [None, *2 * [f"does not answer within {ANSWERS_WITHIN:.0f} s"]]


def test_down_cleans_up_after_a_killed_supervisor(
    supervisor: subprocess.Popen[str], own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started = pids(own_home)
    supervisor.kill()
    supervisor.wait()
    assert all(start_time(pid) for pid in started.values()), "they outlive it, which is what down is for"
    capsys.readouterr()
    assert main(["status", "--json"]) == run.NOT_READY
    told = json.loads(capsys.readouterr().out)
    assert told["error"] == "not ready: supervisor"
    assert {part["name"]: part["ready"] for part in told["parts"]} == {
        "supervisor": False,
        "intake": True,
        "registry": True,
    }
    assert main(["down"]) == 0
    assert "registry, intake" in capsys.readouterr().out
    assert not any(start_time(pid) for pid in started.values())
    assert state.read(own_home) is None


def test_the_next_start_cleans_up_after_a_killed_supervisor(supervisor: subprocess.Popen[str], own_home: Path) -> None:
    started = pids(own_home)
    supervisor.kill()
    supervisor.wait()
    state.take(own_home).close()
    assert not any(start_time(pid) for pid in started.values())


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="what nobody wrote down is found by /proc alone")
@pytest.mark.parametrize("after", ["down", "the next start"])
def test_what_a_supervisor_was_killed_too_soon_to_write_down_is_stopped(
    own_home: Path, tmp_path: Path, soon: Callable[..., None], capsys: pytest.CaptureFixture[str], after: str
) -> None:
    other = Process("follower", "That of another system", [sys.executable, "-c", WORKS_ON], tmp_path / "another")
    log = own_home / "logs" / "follower.log"
    other.start()
    try:
        words = [sys.executable, "-c", KILLED_TOO_SOON, str(own_home), WORKS_ON]
        assert subprocess.run(words, cwd=ROOT, check=False).returncode == -signal.SIGKILL
        soon(lambda: log.read_text().strip())
        pid = int(log.read_text())
        assert start_time(pid) and state.read(own_home) is None, "it works, and nothing names it"
        if after == "down":
            assert main(["down"]) == 0
            assert "stopped: follower" in capsys.readouterr().out
        else:
            state.take(own_home).close()
        assert start_time(pid) is None
        assert other.pid is not None
    finally:
        other.kill()


def test_a_recorded_id_that_now_belongs_to_another_is_left_alone(own_home: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        (own_home / "run").mkdir(parents=True)
        record = {"pid": stranger.pid, "started": "12345"}
        (own_home / "run" / "intake.json").write_text(json.dumps(record))
        assert state.stop(own_home) == []
        assert stranger.poll() is None
        assert state.read(own_home) is None
    finally:
        stranger.kill()
        stranger.communicate()


def test_a_service_that_dies_is_started_again(
    given: Backends, tmp_path: Path, stubs: dict[str, list[str]], soon: Callable[..., None]
) -> None:
    said = list[str]()
    with Stack(tmp_path, services=stubs, say=said.append) as stack:
        first = stack.services["intake"].pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        soon(lambda: stack.services["intake"].pid not in (None, first))
        stack.await_ready(20)
        soon(lambda: f"Service intake is started again (pid {stack.services['intake'].pid})." in said)
        [ended] = [one for one in said if one.startswith("Service intake was ended by SIGKILL; it is started again in")]
        assert str(stack.services["intake"].log) in ended
        assert pids(tmp_path)["intake"] == stack.services["intake"].pid


def test_what_the_supervisor_can_neither_do_nor_say_does_not_end_it(
    given: Backends,
    tmp_path: Path,
    stubs: dict[str, list[str]],
    soon: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures = iter(
        [OSError(28, "No space left on device"), ValueError("I/O operation on closed file"), Complaint("no")]
    )
    real = Process.start

    def start(self: Process) -> None:
        if failure := next(failures, None):
            raise failure
        real(self)

    def say(text: str) -> None:
        if "again" in text or "supervisor" in text:
            raise OSError(28, "No space left on device")

    with Stack(tmp_path, services=stubs, say=say) as stack:
        first = stack.services["intake"].pid
        assert first is not None
        monkeypatch.setattr(Process, "start", start)
        os.kill(first, signal.SIGKILL)
        soon(lambda: stack.services["intake"].pid not in (None, first), 60)
        stack.await_ready(20)


def test_a_service_that_was_killed_on_purpose_stays_down(
    given: Backends, tmp_path: Path, stubs: dict[str, list[str]]
) -> None:
    with Stack(tmp_path, services=stubs) as stack:
        stack.services["intake"].kill()
        with pytest.raises(Complaint, match="Service intake is not ready after 1 s"):
            stack.await_ready(1)
        stack.services["intake"].start()
        stack.await_ready(20)


def test_the_pause_before_a_restart_grows_and_is_forgotten() -> None:
    pause, now, lengths = Pause(), 100.0, []
    for _ in range(7):
        pause.begin(now)
        lengths.append(pause.length)
        pause.over(now)
        now += 1
    assert lengths == [FIRST_PAUSE, 1, 2, 4, 8, LONGEST_PAUSE, LONGEST_PAUSE]
    pause.begin(now + 60)
    assert pause.length == FIRST_PAUSE


def test_a_service_that_cannot_start_is_a_complaint_with_its_last_words(
    given: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.stack.READY_WITHIN", 1)
    broken = {"intake": [sys.executable, "-c", "raise SystemExit('the reason')"]}
    with pytest.raises(Complaint, match=r"not ready after 1 s \(does not listen\).*the reason"):
        Stack(tmp_path, services=broken).start()
    assert state.read(tmp_path) is None


def test_a_service_that_refuses_is_not_started_again_and_up_and_status_say_why(
    given: Backends,
    own_home: Path,
    stubs: dict[str, list[str]],
    soon: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = f"import sys; print('noise'); print('Its database is gone.'); sys.exit({REFUSES})"
    refuses = [sys.executable, "-c", code]
    with pytest.raises(Complaint, match=r"^Service intake refuses to start\. Its database is gone\.$"):
        Stack(own_home, services={"intake": refuses}).start()

    said = list[str]()
    with Stack(own_home, services=stubs, say=said.append) as stack:
        stack.services["intake"].stop(10)
        stack.services["intake"].command = refuses
        stack.services["intake"].start()
        soon(lambda: stack.services["intake"].exit_code == REFUSES)
        first = stack.services["intake"].log.stat().st_ino
        time.sleep(3 * FIRST_PAUSE)
        assert stack.services["intake"].log.stat().st_ino == first, "each start has a log of its own"
        assert [one for one in said if "refuses" in one] == [
            "Service intake refuses to work and is left alone: Its database is gone."
        ]
        assert main(["status"]) == run.NOT_READY
        assert "Its database is gone." in " ".join(capsys.readouterr().out.replace("\u2502", " ").split())


def test_a_stop_in_the_middle_of_starting_leaves_nothing(given: Backends, tmp_path: Path) -> None:
    never = {"intake": [sys.executable, "-c", "import time; time.sleep(60)"]}
    stack = Stack(tmp_path, services=never)
    stack.stopping.set()
    with pytest.raises(Interrupted):
        stack.start()
    assert pids(tmp_path) == {}
    assert stack.services["intake"].pid is None


def test_what_ignores_the_polite_signal_is_killed(tmp_path: Path, soon: Callable[..., None]) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    deaf = Process("deaf", "Deaf", [sys.executable, "-c", code], tmp_path)
    deaf.start()
    soon(lambda: "deaf" in deaf.last_words())
    deaf.stop(grace=0.3)
    assert deaf.exit_code == -signal.SIGKILL


def test_the_logs_of_the_runs_before_are_kept(tmp_path: Path) -> None:
    for word in ("zeroth", "first", "second", "third", "fourth"):
        process = Process("talker", "Talker", [sys.executable, "-c", f"print('{word}')"], tmp_path)
        process.start()
        process._child.wait()  # type: ignore[union-attr]
    kept = {path.name: path.read_text() for path in (tmp_path / "logs").iterdir()}
    aside = {"talker.log.1": "third\n", "talker.log.2": "second\n", "talker.log.3": "first\n"}
    assert kept == {"talker.log": "fourth\n", **aside}


def test_secrets_and_state_are_private(given: Backends, tmp_path: Path, stubs: dict[str, list[str]]) -> None:
    folder = tmp_path / "stack"
    with Stack(folder, services=stubs) as stack:
        stack.token(["admin"])
        files = [path for path in folder.rglob("*") if path.suffix in {".json", ".pem"}]
        assert {path.name for path in files} >= {"secrets.json", "signing-key.pem", "run.json"}
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        assert folder.stat().st_mode & 0o777 == 0o700


def test_services_that_are_started_anew_are_not_revived_as_they_were(
    given: Backends, own_home: Path, stubs: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    about_to, start = Event(), Process.start

    def slowly(process: Process) -> None:
        if process is old and current_thread() is not main_thread():
            about_to.set()
            time.sleep(1)  # meanwhile the other thread stops it
        start(process)

    with Stack(own_home, services=stubs) as stack:
        old = stack.services["intake"]
        monkeypatch.setattr(Process, "start", slowly)
        assert old.pid is not None
        os.kill(old.pid, signal.SIGKILL)
        assert about_to.wait(30)
        stack.restart({})
        time.sleep(1)  # for it to be revived, if it was
        assert stack.services["intake"] is not old
        assert old.pid is None and not old.wanted
        assert stack.services["intake"].pid is not None


@pytest.mark.parametrize("part", ["kafka", "reading", "sending", "standing", "mailing", "draining", "lag", "loop"])
def test_a_degraded_service_is_named_by_what_it_cannot_do_and_starts_where_it_may(part: str) -> None:
    body = {"status": "degraded", "checks": {"mongo": "ok", part: "Refusing"}}

    class Degraded(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if part in CATCHES_UP else 200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_words: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Degraded) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            assert why_not_whole(url) == f"{part}: Refusing", "so says ./lotsman status"
            assert why_not_ready(url) == (f"{part}: Refusing" if part in ("kafka", "reading") else None)
        finally:
            server.shutdown()
