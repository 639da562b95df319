"""Reads a module as the checks look at it: what it imports from its own package stands there by its whole name."""

import ast
from pathlib import Path


def parsed(root: Path, path: Path) -> ast.Module:
    """The tree of a module below a root, in which `from .event import Fact` is `from contracts.event import Fact`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = path.relative_to(root).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = package[: len(package) - node.level + 1]
            node.module = ".".join([*above, *([node.module] if node.module else [])])
            node.level = 0
    return tree
