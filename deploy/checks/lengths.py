"""Files that have grown beyond one job: long, and no line at the head says why they are one thing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

MOST: Final = 400
MOST_IN_TESTS: Final = 700
HEAD: Final = 12
EXCUSE: Final = "one thing"
SKIPPED: Final = {".venv", ".lotsman", ".git", "build"}


def findings(root: Path) -> list[str]:
    """Every Python file that is too long."""
    return list(_too_long(root))


def _too_long(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if SKIPPED & set(name.parts):
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        most = MOST_IN_TESTS if name.parts[0] == "tests" else MOST
        if len(lines) > most and EXCUSE not in " ".join(lines[:HEAD]):
            yield f"{name.as_posix()}: {len(lines)} lines, at most {most}, or its head says why it is {EXCUSE}"
