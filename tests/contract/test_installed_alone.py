"""Agencies can install the contracts alone: with pydantic and nothing of ours beside it."""

import importlib.util
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts import VERSION
from contracts.calendars import load_calendars
from contracts.freeze import CLASSES
from contracts.rules import load
from contracts.words import wordings

CONTRACTS = Path(__file__).parents[2] / "contracts"
NEEDED = ("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection")
PROGRAM = """
import sys
sys.path[:0] = {path!r}
import json
import lotsman_contracts
from lotsman_contracts.event import parse_fact
from lotsman_contracts.freeze import CLASSES, example, frozen
from lotsman_contracts.intake import INTAKE
from lotsman_contracts.calendars import load_calendars
from lotsman_contracts.rules import load
from lotsman_contracts.words import LANGUAGES, wordings
import lotsman_contracts.builders
name = "pilots.intake.application-accepted.v1"
print(lotsman_contracts.__file__)
print(parse_fact(json.dumps(example(name)).encode(), INTAKE).fact.number)
print(len([frozen(one)["$id"] for one in CLASSES]), sorted(load()), sorted(c.id for c in load_calendars()))
wordless = sum(not one.text(said) for one in wordings().values() for said in LANGUAGES)
print(lotsman_contracts.VERSION, len(wordings()), wordless)
print(sorted({{m.split(".")[0] for m in sys.modules}} & {{"contracts", "services", "deploy", "fastapi", "jsonschema"}}))
"""


def source(folder: Path) -> Path:
    """A copy of the package's folder, so that building leaves nothing behind here."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    return Path(shutil.copytree(CONTRACTS, folder / "source", ignore=ignored))


def built(folder: Path) -> Path:
    """The package as setuptools builds it from its own pyproject.toml."""
    code = "from setuptools import setup; setup()"
    words = ["build", "--build-base", str(folder / "base"), "--build-lib", str(folder / "target")]
    command = [sys.executable, "-c", code, *words]
    subprocess.run(command, cwd=source(folder), check=True, capture_output=True, timeout=120)
    return folder / "target"


def copied(folder: Path) -> Path:
    """The package as its pyproject.toml declares it: its modules and its data files, nothing else."""
    start = source(folder)
    declared = tomllib.loads((start / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert declared["packages"] == ["lotsman_contracts"]
    for pattern in ("*.py", *declared["package-data"]["lotsman_contracts"]):
        for path in start.glob(pattern):
            to = folder / "target" / "lotsman_contracts" / path.relative_to(start)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, to)
    return folder / "target"


def only(*names: str, folder: Path) -> Path:
    """A folder with these installed packages alone."""
    folder.mkdir()
    for name in names:
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None
        origin = Path(spec.origin)
        found = origin.parent if origin.name == "__init__.py" else origin
        (folder / found.name).symlink_to(found)
    return folder


no_setuptools = importlib.util.find_spec("setuptools") is None


@pytest.mark.parametrize(
    "install",
    [
        pytest.param(built, marks=pytest.mark.skipif(no_setuptools, reason="setuptools is not installed here")),
        copied,
    ],
)
def test_the_contracts_work_with_pydantic_alone(install: Callable[[Path], Path], tmp_path: Path) -> None:
    target = install(tmp_path)
    path = [str(target), str(only(*NEEDED, folder=tmp_path / "needed"))]
    command = [sys.executable, "-I", "-S", "-c", PROGRAM.format(path=path)]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    where, number, counts, words, ours = done.stdout.splitlines()
    assert where == str(target / "lotsman_contracts" / "__init__.py")
    assert number == "ПП-2026-000123"
    assert counts == f"{len(CLASSES)} {sorted(load())} {sorted(c.id for c in load_calendars())}"
    assert words == f"{VERSION} {len(wordings())} 0"
    assert ours == "[]"


def test_the_distribution_needs_nothing_but_pydantic_and_the_zone_database() -> None:
    project = tomllib.loads((CONTRACTS / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "lotsman-contracts"
    assert sorted(project["dependencies"]) == ["pydantic>=2,<3", "tzdata"]
