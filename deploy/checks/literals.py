"""Literals that are a constant of the contracts: types of events, names of topics, the bounds of the years.

What a type or a topic is called is said by its class and by `contracts.topics`, and which years there are by
`contracts.entered`. Who writes it a second time is not found when it changes.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from contracts.entered import YEARS

FOLDERS: Final = ("services", "deploy", "bench", "examples")
NAMED: Final = re.compile(r"pilots\.(agency|receipts|intake|expertise|registry)(\.\S*)?")
BOUNDS: Final = {"ge": YEARS.start, "le": YEARS.stop - 1, "lt": YEARS.stop}
"""How the years are written as the bounds of a field."""


def findings(root: Path) -> list[str]:
    """Every such literal outside the contracts, with its place. Sentences that speak of one are left alone."""
    found = list[str]()
    for path in sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        name = path.relative_to(root).as_posix()
        found += [f"{name}:{line}: {what} is a constant of the contracts" for line, what in sorted(_literals(tree))]
    return found


def _literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if NAMED.fullmatch(text):
                yield node.lineno, repr(text)
            case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=YEARS.start), *_]):
                yield node.lineno, str(YEARS.start)
            case ast.keyword(arg=str(bound), value=ast.Constant(value=int(year))) if BOUNDS.get(bound) == year:
                yield node.value.lineno, str(year)
