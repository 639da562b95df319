"""Pinned packages: every one with a hash, from no particular registry."""

import json
import re
from pathlib import Path

import pytest

from deploy.local.home import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
NAMES = [lock.name for lock in LOCKS]


@pytest.mark.parametrize("lock", LOCKS, ids=NAMES)
def test_no_lock_names_a_registry(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(r"https?://|--(extra-)?index|--find-links|--trusted-host|\bfiles\.|\.org\b", text)


@pytest.mark.parametrize("lock", LOCKS, ids=NAMES)
def test_every_package_is_pinned_with_hashes(lock: Path) -> None:
    entries = re.split(r"\n(?=\S)", lock.read_text())
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert packages
    for package in packages:
        assert re.match(r"[\w.\-\[\]]+==\S+", package), package
        assert "--hash=sha256:" in package


def test_every_wish_has_a_lock() -> None:
    wishes = {path.stem for path in (ROOT / "requirements").glob("*.in")}
    assert (
        wishes
        == {lock.stem for lock in LOCKS}
        >= {"bootstrap", "run", "dev", "mongod", "java", "noida", "bench", "documents"}
    )


def test_programs_for_node_are_pinned_with_hashes_from_no_particular_registry() -> None:
    folder = ROOT / "requirements" / "node"
    locked = json.loads((folder / "package-lock.json").read_text())["packages"]
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    packages = [one for name, one in locked.items() if name]
    assert all(one["integrity"].startswith("sha512-") for one in packages)
    assert not [one for one in packages if "resolved" in one or "funding" in one]


@pytest.mark.parametrize("name", ["dev", "bench"])
def test_tests_and_benches_share_the_versions_that_run(name: str) -> None:
    def pins(name: str) -> dict[str, str]:
        text = (ROOT / "requirements" / f"{name}.lock").read_text()
        return dict(re.findall(r"^([\w.\-]+)==(\S+)", text, re.MULTILINE))

    run, other = pins("run"), pins(name)
    both = run.keys() & other.keys()
    assert {one: other[one] for one in both} == {one: run[one] for one in both}
