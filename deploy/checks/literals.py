"""Literals that are a constant elsewhere: types of events, names of topics and services, sources, kinds of aggregates,
the bounds of the years; and what two modules of the services call by one name.

What a type or a topic is called is said by its class and by `contracts.topics`, and which years there are by
`contracts.entered`. Who writes it a second time is not found when it changes.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from contracts.entered import YEARS
from contracts.topics import SERVICES

FOLDERS: Final = ("services", "deploy", "bench", "examples")
NAMED: Final = re.compile(
    r"pilots\.(agency|receipts|intake|expertise|registry)(\.\S*)?"
    r"|/services/(\S*)|/agencies/|urn:lotsman:schema:\S*"
    rf"|{'|'.join(SERVICES)}"
)
BOUNDS: Final = {"ge": YEARS.start, "le": YEARS.stop - 1, "lt": YEARS.stop}
"""How the years are written as the bounds of a field."""


def findings(root: Path) -> list[str]:
    """Every such literal outside the contracts, with its place. Sentences that speak of one are left alone."""
    found, constants = list[str](), defaultdict[tuple[str, str], list[str]](list)
    for path in sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        name = path.relative_to(root).as_posix()
        found += [f"{name}:{line}: {what} is a constant of the contracts" for line, what in sorted(_literals(tree))]
        if name.startswith("services/"):
            for line, constant in _constants(tree):
                constants[constant].append(f"{name}:{line}")
    twice = [(places, name) for (name, _), places in constants.items() if len(places) > 1]
    return found + [
        f"{place}: {name} is said in {first} already" for (first, *others), name in twice for place in others
    ]


def _literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    words = {id(node) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for node in _words_of(node)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if NAMED.fullmatch(text) and id(node) not in words:
                yield node.lineno, repr(text)
            case ast.Subscript(value=ast.Attribute(attr="aggregates"), slice=ast.Constant(value=str(kind))):
                yield node.lineno, repr(kind)
            case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=YEARS.start), *_]):
                yield node.lineno, str(YEARS.start)
            case ast.keyword(arg=str(bound), value=ast.Constant(value=int(year))) if BOUNDS.get(bound) == year:
                yield node.value.lineno, str(year)


def _words_of(cls: ast.ClassDef) -> Iterator[ast.expr]:
    """The words of an enumeration: another meaning may share its word with a service."""
    return (one.value for one in cls.body if isinstance(one, ast.Assign))


def _constants(tree: ast.Module) -> Iterator[tuple[int, tuple[str, str]]]:
    """The public names that a module gives to texts."""
    for node in tree.body:
        match node:
            case (
                ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(text)))
                | ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text)))
            ):
                yield node.lineno, (name, text)
