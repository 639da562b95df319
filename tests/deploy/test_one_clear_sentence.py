"""What goes wrong on a person's machine is said in one sentence, without a stack trace."""

import os
import platform
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.cli import quality
from deploy.cli.__main__ import main
from deploy.complaint import Complaint
from deploy.local import databases, jars, java, keys, mongod, packages, secrets, state, tools
from deploy.local.backends import Backends
from deploy.local.home import ROOT
from deploy.local.ports import Ports


def cli(*words: str, path: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    whole = {**os.environ, **env, **({"PATH": path} if path else {})}
    command = [sys.executable, "-m", "deploy.cli", *words]
    return subprocess.run(command, cwd=ROOT, env=whole, capture_output=True, text=True, timeout=120, check=False)


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr.strip().splitlines()[-1]


@pytest.fixture
def empty_path(tmp_path: Path) -> str:
    """A PATH on which nothing is."""
    (tmp_path / "bin").mkdir()
    return str(tmp_path / "bin")


def test_a_port_in_use(own_home: Path) -> None:
    ports = Ports.free()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # an old connection may linger on the port
        other.bind(("127.0.0.1", ports["mongod"]))
        other.listen()
        done = cli("up", "--port-base", str(ports.base))
    said = one_sentence(done)
    assert f"Port {ports['mongod']}, needed for MongoDB, is in use" in said
    assert "--port-base" in said
    found = state.read(own_home)
    assert found is None, "what was started beside it is stopped again"


def test_a_port_of_a_service_in_use(own_home: Path) -> None:
    ports = Ports.free()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # an old connection may linger on the port
        other.bind(("127.0.0.1", ports["registry"]))
        other.listen()
        said = one_sentence(cli("demo", "--port-base", str(ports.base)))
    assert f"Port {ports['registry']}, needed for service registry" in said


def test_no_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 90, 10 * 2**20))
    with pytest.raises(Complaint, match=r"Not enough free space .* 500 MB, 10 MB are free"):
        Backends(tmp_path).start()


def test_space_that_ends_in_the_middle(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keys, "write_private", full)
    assert main(["token", "--role", "admin"]) == 1
    said = capsys.readouterr().err
    assert "No space is left" in said
    assert "Traceback" not in said


def test_no_maven(tmp_path: Path, own_home: Path, empty_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", empty_path)
    with pytest.raises(jars.NoMaven, match="Maven"):
        jars.fetch(lambda _: None, "java")


def test_required_kafka_is_not_replaced(own_home: Path, empty_path: str) -> None:
    ports = Ports.free()
    java_only = Path(empty_path) / "java"
    java_only.symlink_to(shutil.which("java") or "/nonexistent")
    done = cli("up", "--require-kafka", "--port-base", str(ports.base), path=empty_path)
    assert "Apache Kafka is required: Maven (mvn) is not on PATH" in one_sentence(done)


def test_required_kafka_fails_the_tests(own_home: Path, empty_path: str) -> None:
    done = cli("test", "--require-kafka", "--collect-only", path=empty_path, LOTSMAN_KAFKA_URL="")
    assert done.returncode == 1
    assert "neither Maven nor LOTSMAN_KAFKA_URL" in " ".join(done.stderr.split())


def test_no_java(empty_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise Complaint("Installing a Java runtime failed: no network.")

    monkeypatch.setenv("PATH", empty_path)
    monkeypatch.setattr(java, "install", refuse)
    with pytest.raises(Complaint, match="needs Java 17 or newer: none is on PATH, and Installing a Java runtime"):
        java.find(lambda _: None)


def test_an_old_java_does_not_count(empty_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Path(empty_path) / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019' >&2\n")
    old.chmod(0o755)
    assert java._version(str(old)) == 11
    monkeypatch.setenv("PATH", f"{empty_path}:/bin:/usr/bin")
    monkeypatch.setattr(java, "install", lambda *_: None)
    monkeypatch.setattr(java, "_of_wheel", lambda: Path("/of/the/wheel"))
    assert java.find(lambda _: None) == "/of/the/wheel/bin/java"


def test_no_mongod(empty_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", empty_path)
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(Complaint, match="No mongod was found on PATH"):
        mongod.binary(lambda _: None)


def test_packages_that_cannot_be_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x.lock").write_text("no-such-package==1 --hash=sha256:00\n")
    monkeypatch.setattr(packages, "_file", lambda lock: tmp_path / f"{lock}.lock")
    monkeypatch.setattr(tools, "run", lambda words: subprocess.CompletedProcess(words, 1, "", "a\nno network\n"))
    with pytest.raises(Complaint, match="Installing a thing failed: no network"):
        packages.install("x", lambda _: None, "a thing")


def test_an_unknown_role(own_home: Path) -> None:
    said = one_sentence(cli("token", "--role", "king"))
    assert "'king'" in said
    assert "council-secretary" in said


def test_an_agency_without_a_system(own_home: Path) -> None:
    assert "Nothing runs here" in one_sentence(cli("agency", "list"))


def test_debug_shows_the_trace(own_home: Path) -> None:
    done = cli("token", "--role", "king", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_check_whose_program_is_missing_or_was_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("ruff", "#!/moved/.venv/bin/python\n"), ("mypy", "#!/bin/sh\n"), ("python", "#!/bin/sh\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o644 if name == "mypy" else 0o755)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(quality, "_dev_tools", lambda: None)
    assert main(["check", "style", "imports", "types", "words"]) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    anew = f"Remove the environment {tmp_path}: ./lotsman makes it anew."
    moved = "is to be run by /moved/.venv/bin/python, which is not there: it was made in another folder."
    for sentence in (
        f"The program {programs / 'ruff'} {moved} {anew}",
        f"The program {programs / 'lint-imports'} is not there. {anew}",
        f"The program {programs / 'mypy'} cannot be run: Permission denied. {anew}",
    ):
        assert sentence in said.splitlines(), said
    assert "holds  words" in said and "Failed: " in said, "what can be run is run"


def test_a_path_with_a_colon(tmp_path: Path) -> None:
    folder = _bare_copy(tmp_path / "a:b")
    done = subprocess.run([str(folder / "lotsman"), "status"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"lotsman: Python makes no environment where the path has a colon: {folder}; move this folder."
    )


def test_no_python(tmp_path: Path) -> None:
    """The script itself, with no Python on PATH."""
    folder = _bare_copy(tmp_path)
    done = subprocess.run(
        [str(folder / "lotsman"), "status"], env={"PATH": _tools(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "lotsman: Python 3.11 or newer is needed and was not found on PATH."


def test_python_without_venv(tmp_path: Path) -> None:
    """Debian's python3 without python3-venv: the package is named."""
    folder = _bare_copy(tmp_path)
    tools = _tools(tmp_path)
    python = Path(tools) / "python3"
    python.write_text(f"#!/bin/sh\ncase $2 in *ensurepip*) exit 1;; esac\nexec '{sys.executable}' \"$@\"\n")
    python.chmod(0o755)
    done = subprocess.run(
        [str(folder / "lotsman"), "status"], env={"PATH": tools}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    version = f"python3.{sys.version_info.minor}"
    assert f"install the package {version}-venv" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("made", [True, False], ids=["of another checkout", "made by hand"])
def test_an_environment_that_is_a_link_and_of_other_packages_is_left_as_it_is(tmp_path: Path, made: bool) -> None:
    folder, other = _bare_copy(tmp_path), tmp_path / "other"
    (other / "bin").mkdir(parents=True)
    (other / "run.lock.installed").write_text("of another checkout\n")
    for tool in ("python", "uv"):
        (other / "bin" / tool).write_text(f"#!/bin/sh\necho called > '{tmp_path}/called'\n")
        (other / "bin" / tool).chmod(0o755)
    if made:
        (other / "made").touch()
    (folder / ".venv").symlink_to(other)
    before = _contents(other)
    done = subprocess.run([str(folder / "lotsman"), "status"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"lotsman: .venv is a link to {other}, which has not the packages of requirements/run.lock; remove the link "
        "(rm .venv) and try again: this folder gets an environment of its own.\n"
    )
    assert _contents(other) == before and not (tmp_path / "called").exists()
    shutil.copy(folder / "requirements" / "run.lock", other / "run.lock.installed")
    assert subprocess.run([str(folder / "lotsman"), "status"], check=False).returncode == 0
    assert (tmp_path / "called").exists(), "one that has the packages is used"


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _bare_copy(tmp_path: Path) -> Path:
    folder = tmp_path / "a copy"
    (folder / "requirements").mkdir(parents=True)
    shutil.copy(ROOT / "lotsman", folder)
    shutil.copy(ROOT / "requirements" / "run.lock", folder / "requirements")
    return folder


def _tools(tmp_path: Path) -> str:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "cmp", "flock", "cat", "mkdir", "rm", "tail", "sleep"):
        found = shutil.which(name)
        if found:
            (tools / name).symlink_to(found)
    return str(tools)


@pytest.mark.parametrize("verb", [["up"], ["up", "-d"], ["demo"], ["token", "--role", "admin"]], ids=" ".join)
def test_a_folder_that_is_read_only(verb: list[str], own_home: Path) -> None:
    own_home.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "lotsman-test", str(own_home)], check=False).returncode:
        pytest.skip("this user may not make a disk")
    try:
        said = one_sentence(cli(*verb))
    finally:
        subprocess.run(["umount", str(own_home)], check=True)
    assert "Read-only file system" in said
    assert str(own_home) in said


def test_a_home_that_is_a_file(own_home: Path) -> None:
    own_home.touch()
    assert f"The directory {own_home} cannot be made" in one_sentence(cli("up"))


@pytest.mark.parametrize("name", ["secrets.json", "databases.json"])
def test_a_file_of_ours_that_a_disk_has_lost(name: str, own_home: Path) -> None:
    own_home.mkdir()
    (own_home / name).write_text("")
    with pytest.raises(Complaint, match=rf"{name} cannot be read .* bring it back from a copy"):
        secrets.load(own_home) if name == "secrets.json" else databases.current(own_home, "intake")


def test_what_is_said_of_a_run_and_is_lost_is_no_run(own_home: Path) -> None:
    (own_home / "run").mkdir(parents=True)
    (own_home / "run.json").write_text("")
    (own_home / "run" / "intake.json").write_text("{")
    assert state.read(own_home) is None
    assert main(["down"]) == 0
    assert main(["status"]) == 3
