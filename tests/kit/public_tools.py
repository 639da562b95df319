"""Public tools that read the documents of the interfaces: validators, and a generator of clients.

Each stands in an environment of its own below `.lotsman/tools`, pinned with hashes, made when the first test asks for
it. Where it cannot be made the test is skipped, and says why.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from deploy.local.home import ROOT, home

REQUIREMENTS: Final = ROOT / "requirements"
NODE: Final = REQUIREMENTS / "node"
WITHIN: Final = 600
"""Seconds for a tool to be fetched, or to do its work on a busy machine."""
QUIET: Final = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


def node_tools() -> Path:
    """The folder with the `node_modules` of `requirements/node`."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node and npm are not here")
    folder = _folder("node", NODE / "package-lock.json")
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)]
    return _made(folder, [NODE / "package.json", NODE / "package-lock.json"], [install])


def python_tools() -> Path:
    """The folder with the programs of `requirements/documents.lock`."""
    lock = REQUIREMENTS / "documents.lock"
    folder = _folder("python", lock)
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)]
    return _made(folder, [], [[sys.executable, "-m", "venv", str(folder)], pip]) / "bin"


def run(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What a tool says."""
    command = [str(word) for word in words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=WITHIN, env={**os.environ, **QUIET})


def _folder(name: str, lock: Path) -> Path:
    return home() / "tools" / f"{name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"


def _made(folder: Path, files: Sequence[Path], commands: Sequence[Sequence[str]]) -> Path:
    """The folder of a tool, made by these commands unless it is there; one of several processes makes it."""
    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            for file in files:
                shutil.copy(file, folder)
            for command in commands:
                done = run(*command)
                if done.returncode:
                    pytest.skip(f"{folder.name} cannot be fetched here: {done.stderr.strip()[-300:]}")
            (folder / "made").touch()
    return folder
