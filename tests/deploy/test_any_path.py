"""The system works in a folder of any name, and makes nothing outside of it."""

import shutil
from pathlib import Path

import pytest

from deploy.complaint import Complaint
from deploy.local import jars
from deploy.local.backends import Backends
from deploy.local.home import ROOT
from deploy.local.stack import Stack
from tests.deploy.conftest import wait_for

SIGNS = "q'\"u#o%te$HOME,a:b!c;d&e*[f]{g}?h=i~|\\j"
BEYOND_ASCII = "лоцман і чай"
LONG = "/".join(["long" * 20] * 2)
MAVEN = """#!/bin/sh
for word; do case $word in -DoutputDirectory=*) to=${word#*=};; esac; done
: > "$to/a.jar"
"""
BY_ADDRESS = ("LOTSMAN_MONGO_URL", "LOTSMAN_KAFKA_URL", "LOTSMAN_KAFKA_USERNAME", "LOTSMAN_KAFKA_PASSWORD")


@pytest.mark.soak
@pytest.mark.apache_kafka
def test_the_whole_system_starts_and_stays_in_its_folder_with_letters_beyond_ascii_signs_and_a_long_path(
    backends: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given in BY_ADDRESS:
        monkeypatch.delenv(given, raising=False)
    monkeypatch.setenv("LC_ALL", "C")  # the locale of a service that is started by a machine
    monkeypatch.setenv("TMPDIR", str(tmp_path / "passing"))
    (tmp_path / "passing").mkdir()
    there = set(ROOT.iterdir())
    folder = tmp_path / BEYOND_ASCII / SIGNS / LONG / "home"
    with Stack(folder, require_kafka=True) as stack:
        wait_for(lambda: (folder / "index" / "registry").is_dir(), 60)
        assert (folder / "data" / "kafka" / "pilots.intake.v1-0").is_dir()
        assert stack.backends.mongod is not None
    assert {path.name for path in tmp_path.iterdir()} == {BEYOND_ASCII, "passing"}
    assert set(ROOT.iterdir()) == there


def test_a_path_that_is_too_long_is_a_complaint(tmp_path: Path) -> None:
    with pytest.raises(Complaint, match=r"too long: \d+ bytes, and 440 at most .* LOTSMAN_HOME"):
        Stack(tmp_path / "/".join(["long" * 50] * 5)).start()


def test_maven_fetches_into_a_folder_of_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for Maven that does as it is told: with the paths of the folder it works in."""
    tools = tmp_path / "tools"
    tools.mkdir()
    maven = tools / "mvn"
    maven.write_text(
        '#!/bin/sh\nfor word; do case $word in -DoutputDirectory=*) to=${word#*=};; esac; done\n: > "$to/a.jar"\n'
    )
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv("LOTSMAN_HOME", str(tmp_path / SIGNS))
    fetched = jars.fetch(lambda _: None, shutil.which("java") or "java")
    assert (fetched / "a.jar").is_file()
