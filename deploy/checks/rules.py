"""Rule data that nobody reads: a number, switch, length or term that stands in every edition and bears on nothing.

The reader of an edition believes what stands there. So each name of `contracts.rules` must be read by the code of the
services: `edition.numbers.commission_quorum`, or `TermKind.LAUNCH`. A constant of a module (`LAUNCHING: Final =
TermKind.LAUNCH`) reads what it is made of when something reads the constant.
"""

import ast
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from contracts.reference import TermKind
from contracts.rules import Lengths, Numbers, Switches
from deploy.local.home import ROOT

SERVICES: Final = ROOT / "services"
NAMES: Final[Mapping[str, Collection[str]]] = {
    "numbers": tuple(Numbers.model_fields),
    "switches": tuple(Switches.model_fields),
    "lengths": tuple(Lengths.model_fields),
    TermKind.__name__: tuple(TermKind.__members__),
}
"""The names of the rule data, by what stands before their dot where they are read."""


def unread(folder: Path = SERVICES, names: Mapping[str, Collection[str]] = NAMES) -> list[str]:
    """The names that no code below a folder reads, e.g. `numbers.report_every_months`. Nothing is imported."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py"))]
    loaded = {name for tree in trees for name in _loaded(tree)}
    found = {name for tree in trees for name in _read(tree, names, loaded)}
    return [f"{part}.{name}" for part, known in names.items() for name in known if (part, name) not in found]


def _loaded(tree: ast.Module) -> Iterator[str]:
    """Every name that is read, also as the attribute of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr


def _read(tree: ast.Module, names: Mapping[str, Collection[str]], loaded: set[str]) -> Iterator[tuple[str, str]]:
    unused = {id(part) for name, value in _constants(tree) if name not in loaded for part in ast.walk(value)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load) or id(node) in unused:
            continue
        before = node.value
        part = before.attr if isinstance(before, ast.Attribute) else before.id if isinstance(before, ast.Name) else ""
        if node.attr in names.get(part, ()):
            yield part, node.attr


def _constants(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """The names that a module gives to values, with the values."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value


def findings(root: Path) -> list[str]:
    """Every name of the rule data that the services do not read."""
    return [f"contracts/rules: nobody reads {name}" for name in unread(root / SERVICES.relative_to(ROOT))]
