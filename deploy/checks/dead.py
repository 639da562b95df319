"""Code that nothing calls, as vulture finds it: what only tests use is dead, too."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from deploy.checks.exceptions import Exceptions

SOURCES: Final = ("contracts", "services", "deploy", "bench", "examples")
REGISTERED: Final = (
    "@app.*",
    "@*.command",
    "@*.callback",
    "@*.exception_handler",
    "@router.*",
    "@model_validator*",
    "@field_*",
    "@computed_field*",
)
"""Decorators that hand a function to a library, which calls it."""
FOUND: Final = re.compile(r"(?P<file>[^:]+):(?P<line>\d+): unused (?P<kind>[\w ]+) '(?P<name>\w+)'")
FORMS: Final = "/answers.py"
"""The modules with the forms of answers."""
NOTHING, SOMETHING = 0, 3
"""The exit codes of vulture when it has worked."""


def findings(root: Path) -> list[str]:
    """Everything that is unused, unless it is an exception. Raises RuntimeError when vulture does not run."""
    excepted = Exceptions.of(root, "dead")
    paths = [one for one in SOURCES if (root / one).is_dir()]
    command = [sys.executable, "-m", "vulture", *paths, "--ignore-decorators", ",".join(REGISTERED)]
    done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)
    if done.returncode not in (NOTHING, SOMETHING):
        raise RuntimeError(f"vulture: {done.stderr.strip()}")
    found = []
    for line in done.stdout.splitlines():
        said = FOUND.match(line)
        if said is not None and said["file"].endswith(FORMS) and said["kind"] == "variable":
            continue  # a field that an answer has, for the documents alone
        if said is None or not excepted.hold(f"{said['file']} {said['kind']} {said['name']}"):
            found.append(line)
    return [*found, *excepted.idle()]
