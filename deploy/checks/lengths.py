"""Files that have grown beyond one job: long, and no line at the head says why they are one thing."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MOST: Final = 400
MOST_IN_TESTS: Final = 700
HEAD: Final = 12
EXCUSE: Final = "one thing"
KINDS: Final = {".py", ".toml", ".md", ".sh", ".yml", ".yaml"}
"""What people write; what is generated or frozen (docs/api, contracts/schemas, locks) is of other kinds."""
SKIPPED: Final = {".venv", ".lotsman", ".git", "build", "__pycache__", "node_modules"}


def findings(root: Path) -> list[str]:
    """Every file that is too long."""
    return list(_too_long(root))


def _too_long(root: Path) -> Iterator[str]:
    for path in sorted(_written(root)):
        name = path.relative_to(root)
        lines = path.read_text(encoding="utf-8").splitlines()
        most = MOST_IN_TESTS if name.parts[0] == "tests" else MOST
        if len(lines) > most and EXCUSE not in " ".join(lines[:HEAD]):
            yield f"{name.as_posix()}: {len(lines)} lines, at most {most}, or its head says why it is {EXCUSE}"


def _written(root: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(root):
        below[:] = [one for one in below if one not in SKIPPED and not one.endswith("_cache")]
        yield from (Path(folder) / one for one in names if Path(one).suffix in KINDS)
