"""Matches that are left open: over commands, facts or outcomes, without `assert_never` for what has no case.

With it the checker of types finds each match that a new command or fact has no case in; without it the new one falls
through, and a command is answered as if it had been done. A match that names classes of the project is held to that;
one over texts, numbers and JSON is not.
"""

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FOLDERS: Final = ("contracts", "services", "deploy", "examples")
"""What is held to it; a measurement may make up what it has no word for."""
FOREIGN: Final = frozenset({"ast"})
"""Modules whose classes are not the project's: nobody can name them all."""


def findings(root: Path) -> list[str]:
    """Every match of the project that is left open, with its place."""
    found = list[str]()
    for path in sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py")):
        name, tree = path.relative_to(root).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
        found += [f"{name}:{line}: this match must end in assert_never" for line in _open(tree)]
    return found


def _open(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Match) and any(map(_names_ours, node.cases)) and not _closed(node.cases[-1]):
            yield node.lineno


def _names_ours(case: ast.match_case) -> bool:
    patterns = case.pattern.patterns if isinstance(case.pattern, ast.MatchOr) else [case.pattern]
    return any(isinstance(one, ast.MatchClass) and _ours(one.cls) for one in _bare(patterns))


def _bare(patterns: list[ast.pattern]) -> Iterator[ast.pattern]:
    """The patterns without the names that they are kept under."""
    for one in patterns:
        yield one.pattern if isinstance(one, ast.MatchAs) and one.pattern is not None else one


def _ours(named: ast.expr) -> bool:
    if isinstance(named, ast.Attribute):
        return not (isinstance(named.value, ast.Name) and named.value.id in FOREIGN)
    return isinstance(named, ast.Name) and not hasattr(builtins, named.id)


def _closed(case: ast.match_case) -> bool:
    wildcard = isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None and case.guard is None
    match case.body:
        case [ast.Expr(value=ast.Call(func=ast.Name(id="assert_never")))]:
            return wildcard
        case _:
            return False
