"""What a domain, the law and the contracts may not do: look at a clock, throw dice, read files, keep state for later.

The time, the calendars, the rule book and the person come in through the context, so that every decision can be made
again from the journal. Nothing is imported: the sources are read.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deploy.checks.exceptions import Exceptions
from deploy.checks.parsing import parsed

ROOMS: Final = ("contracts", "services/law", "services/*/domain")
MODULES: Final = {
    *(
        "bisect",
        "collections",
        "contextlib",
        "dataclasses",
        "datetime",
        "decimal",
        "difflib",
        "enum",
        "fractions",
        "functools",
    ),
    *("hashlib", "itertools", "json", "math", "re", "tomllib", "typing", "unicodedata", "uuid", "zoneinfo"),
    *("dateutil", "pydantic", "pydantic_core", "stdnum"),
}
"""All that may be imported beside the own rooms: what only computes."""
IMPURE: Final = {
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
    *("uuid.uuid1", "uuid.uuid4", "uuid.getnode"),
    *("open", "input", "print", "breakpoint", "exec", "eval", "__import__"),
}
"""What none may call: clocks, chance, input and output."""
FILES: Final = {"read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "glob", "rglob", "unlink", "mkdir"}
"""What a path does with a disk."""
CHANGES: Final = {
    *("append", "extend", "insert", "add", "update", "setdefault", "pop", "popitem", "clear", "remove", "discard"),
    *("appendleft", "popleft", "sort", "reverse"),
}
"""What changes a container in its place."""
CONTAINERS: Final = {"dict", "list", "set", "defaultdict", "Counter", "OrderedDict", "deque"}


def findings(root: Path) -> list[str]:
    """Everything in these rooms that is not pure, unless it is an exception: the file, what it is, and its name."""
    excepted = Exceptions.of(root, "purity")
    files = sorted(path for room in ROOMS for folder in root.glob(room) for path in folder.rglob("*.py"))
    found = [
        f"{name}:{line}: {what}"
        for path in files
        for name in (path.relative_to(root).as_posix(),)
        for line, what in _impure(name, parsed(root, path))
        if not excepted.hold(f"{name} {what}")
    ]
    return [*found, *excepted.idle()]


def _impure(name: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    known = dict(_imported(tree))
    held = {target for node in tree.body for target in _named(node)}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, f"import {one.name}") for one in names if not _allowed(name, one.name))
            case ast.ImportFrom(module=str(module), names=names) if not _allowed(name, module):
                yield node.lineno, f"import {module}"
            case ast.Call(func=called):
                full = _full(called, known)
                if full in IMPURE or (isinstance(called, ast.Attribute) and called.attr in FILES):
                    yield node.lineno, f"call {full or ast.unparse(called)}"
                if isinstance(called, ast.Attribute) and called.attr in CHANGES and _is_held(called.value, held):
                    yield node.lineno, f"global {ast.unparse(called.value)}"
            case ast.Global(names=globals_):
                yield from ((node.lineno, f"global {one}") for one in globals_)
            case ast.Subscript(value=ast.Name(id=one), ctx=ast.Store() | ast.Del()) if one in held:
                yield node.lineno, f"global {one}"
            case _:
                pass


def _allowed(name: str, module: str) -> bool:
    """Whether a file may import a module: what only computes, the contracts, the law, and its own domain."""
    head, *rest = module.split(".")
    if head != "services":
        return head in MODULES or head == "contracts"
    own = Path(name).parts[1]
    return not name.startswith("contracts/") and (rest[:1] == ["law"] or rest[:2] == [own, "domain"])


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((one.asname or one.name, one.name) for one in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield from ((one.asname or one.name, f"{module}.{one.name}") for one in names)
            case _:
                pass


def _named(node: ast.stmt) -> Iterator[str]:
    """The names that a statement of a module gives to containers that can be changed in their place."""
    match node:
        case ast.Assign(targets=targets, value=value) if _is_container(value):
            yield from (one.id for one in targets if isinstance(one, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=one), value=ast.expr() as value) if _is_container(value):
            yield one
        case _:
            pass


def _is_container(value: ast.expr) -> bool:
    match value:
        case ast.Dict() | ast.List() | ast.Set() | ast.DictComp() | ast.ListComp() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id=one) | ast.Subscript(value=ast.Name(id=one))):
            return one in CONTAINERS
        case _:
            return False


def _full(called: ast.expr, known: dict[str, str]) -> str:
    """The full name of what is called, as far as its parts are imported or built in."""
    match called:
        case ast.Name(id=one):
            return known.get(one, one)
        case ast.Attribute(value=value, attr=attr) if before := _full(value, known):
            return f"{before}.{attr}"
        case _:
            return ""


def _is_held(value: ast.expr, held: set[str]) -> bool:
    return isinstance(value, ast.Name) and value.id in held
