"""Which rule ids the code names: every call that takes one, found by reading the source, nothing being imported.

A rule id must be told from the text alone. So the argument is a literal, a choice between literals, an entry of a
mapping of literals, a constant, the `rule` of a refusal that is at hand, or a parameter: then the function takes rule
ids itself, and its callers are asked the same.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.checks.parsing import parsed

SOURCES: Final = ("contracts", "services", "deploy")
CONTROLS: Final = {"rule", "status", "problems", "action", "headers", "extra", "refusal"}
"""Keywords of these that are no values of a template."""
ALL_NAMED: Final = 99
"""No place: the argument has its name."""
SAID_BY_PROGRAMS: Final = {"args", "detail", "msg", "message", "reason", "strerror"}
"""Attributes of an exception that are sentences of whoever wrote the program that raised it."""
Function = ast.FunctionDef | ast.AsyncFunctionDef
Ids = frozenset[str]


@dataclass(frozen=True, slots=True)
class Named:
    """Rule ids that a call names, and the values that it gives them; None where that is not told by the text."""

    where: str
    ids: Ids
    values: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Taker:
    """A function that takes a rule id: as which argument, and the values that its templates have. `more`: a caller
    gives further ones."""

    place: int
    values: frozenset[str] | None = frozenset()
    more: bool = True


MAKERS: Final[Mapping[str, Taker]] = {
    "services.law.decision.Refusal": Taker(0),
    "services.chassis.problems.Problematic": Taker(1),
    "contracts.words.problem": Taker(1),
    "contracts.words.wording": Taker(0),
    "contracts.words.problem_of": Taker(1, values=None),
    "contracts.reference.Problem": Taker(ALL_NAMED, values=None),
}
"""What takes a rule id."""


@dataclass(slots=True)
class Module:
    """A source file: its functions, constants and imports by the names that they have in it."""

    name: str
    path: str
    tree: ast.Module
    imports: dict[str, str] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Found:
    """What reading all files has given: the ids named, every text there is, and what could not be told."""

    named: list[Named] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


def read(root: Path) -> Found:
    """Reads the sources until no further function is found that takes a rule id."""
    modules = {module.name: module for module in _modules(root)}
    takers = dict(MAKERS)
    while True:
        known, found = len(takers), Found()
        for module in modules.values():
            found.texts |= _texts(module.tree)
            _Reader(module, modules, takers, found).visit(module.tree)
        if len(takers) == known:
            return found


def _modules(root: Path) -> Iterator[Module]:
    for source in SOURCES:
        for path in sorted((root / source).rglob("*.py")):
            where = path.relative_to(root)
            name = ".".join(where.with_suffix("").parts).removesuffix(".__init__")
            module = Module(name, where.as_posix(), parsed(root, path))
            for node in ast.walk(module.tree):
                _note(module, node)
            yield module


def _note(module: Module, node: ast.AST) -> None:
    match node:
        case ast.ImportFrom(module=str(source), names=names):
            module.imports |= {one.asname or one.name: f"{source}.{one.name}" for one in names}
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            module.functions.add(name)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            module.constants[name] = value
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.isupper():
            module.constants[name] = value
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
            pairs = zip(names, values, strict=False)
            module.constants |= {one.id: value for one, value in pairs if isinstance(one, ast.Name)}
        case _:
            pass


def _texts(tree: ast.Module) -> set[str]:
    silent = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in silent)
    return {node.value for node in texts if isinstance(node.value, str)}


class _Reader(ast.NodeVisitor):
    """Reads one file: looks at every call with the functions that it stands in."""

    def __init__(self, module: Module, modules: Mapping[str, Module], takers: dict[str, Taker], found: Found) -> None:
        self._module, self._modules, self._takers, self._found = module, modules, takers, found
        self._inside: list[tuple[Function, str]] = []
        self._class: list[str] = []
        self._caught: list[str] = []

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._class.append(node.name)
        self.generic_visit(node)
        self._class.pop()

    def visit_FunctionDef(self, node: Function) -> None:
        name = self._class[-1] if node.name == "__init__" and self._class else node.name
        self._inside.append((node, f"{self._module.name}.{name}"))
        given = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if _is_error(one)]
        self._caught += given
        self.generic_visit(node)
        del self._caught[len(self._caught) - len(given) :]
        self._inside.pop()

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._caught.append(node.name or "")
        self.generic_visit(node)
        self._caught.pop()

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        taker = self._takers.get(self._called(node.func))
        if taker is None:
            return
        self._look_at_values(node)
        given = next((one.value for one in node.keywords if one.arg == "rule"), None)
        if given is None and len(node.args) > taker.place:
            given = node.args[taker.place]
        if given is None:
            return
        if isinstance(given, ast.Name) and self._passed_on(given.id, node, taker):
            return
        where, ids = f"{self._module.path}:{node.lineno}", self._ids(given)
        if ids is None:
            said = ast.unparse(given)
            self._found.faults.append(f"{where}: {said} is no rule id that can be told from the text")
        elif ids:
            self._found.named.append(Named(where, ids, _values(node, taker)))

    def _look_at_values(self, node: ast.Call) -> None:
        """What an exception says is the program's prose in one language, and may name what nobody should see."""
        for one in node.keywords:
            if one.arg not in CONTROLS and any(_prose(part, self._caught) for part in ast.walk(one.value)):
                where, said = f"{self._module.path}:{node.lineno}", ast.unparse(one.value)
                self._found.faults.append(f"{where}: {said} is what an exception says, and no value of words")

    def _called(self, function: ast.expr) -> str:
        """The full name of what is called; what is unknown has none."""
        match function:
            case ast.Name(id=name):
                return self._full(self._module, name)
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return f"{self._module.name}.{name}"
            case ast.Attribute(value=ast.Name(id=place), attr=name) if place in self._module.imports:
                module = self._modules.get(self._module.imports[place])
                return self._full(module, name) if module else ""
            case _:
                return ""

    def _full(self, module: Module, name: str) -> str:
        if name in module.functions or name not in module.imports:
            return f"{module.name}.{name}"
        source, _, there = module.imports[name].rpartition(".")
        return self._full(self._modules[source], there) if source in self._modules else module.imports[name]

    def _passed_on(self, name: str, call: ast.Call, taker: Taker) -> bool:
        """Whether a name is a parameter, which makes its function one that takes a rule id."""
        for function, full in reversed(self._inside):
            said = function.args
            names = [one.arg for one in (*said.posonlyargs, *said.args)]
            if name in (*names, *(one.arg for one in said.kwonlyargs)):
                place = names.index(name) - (names[0] in ("self", "cls")) if name in names else ALL_NAMED
                more = said.kwarg.arg if said.kwarg else None
                handed = any(one.arg is None and ast.unparse(one.value) == more for one in call.keywords)
                self._takers.setdefault(full, Taker(place, _values(call, taker, more), handed))
                return True
        return False

    def _ids(self, said: ast.expr) -> Ids | None:
        """The rule ids that an expression can be, or None where the text does not tell."""
        match said:
            case ast.Constant(value=str(text)):
                return frozenset({text})
            case ast.Attribute(attr="rule" | "code"):
                return frozenset()
            case ast.IfExp(body=one, orelse=other):
                return _all([self._ids(one), self._ids(other)])
            case ast.BoolOp(values=values):
                return _all([self._ids(one) for one in values])
            case ast.Subscript(value=table):
                return self._entries(table)
            case ast.Call(func=ast.Attribute(value=table, attr="get"), args=[_, *rest]):
                return _all([self._entries(table), *(self._ids(one) for one in rest)])
            case ast.Name(id=name):
                return self._by_name(name)
            case _:
                return None

    def _by_name(self, name: str) -> Ids | None:
        constant = self._constant(self._module, name)
        if isinstance(constant, ast.Constant):
            return self._ids(constant)
        local = [value for function, _ in self._inside for value in _assigned(function, name)]
        return _all([self._ids(value) for value in local]) if local else None

    def _entries(self, table: ast.expr) -> Ids | None:
        found = self._constant(self._module, table.id) if isinstance(table, ast.Name) else table
        if isinstance(found, ast.Dict):
            return _all([self._ids(value) for value in found.values])
        return _all([self._ids(value) for value in found.elts]) if isinstance(found, ast.Tuple) else None

    def _constant(self, module: Module, name: str) -> ast.expr | None:
        if name in module.constants or name not in module.imports:
            return module.constants.get(name)
        source, _, there = module.imports[name].rpartition(".")
        return self._constant(self._modules[source], there) if source in self._modules else None


def _is_error(parameter: ast.arg) -> bool:
    return parameter.annotation is not None and ast.unparse(parameter.annotation).endswith(("Error", "Exception"))


def _prose(part: ast.AST, caught: list[str]) -> bool:
    """Whether a part of a value is an exception in words: `str(error)`, `f"{error}"`, `error.detail`."""
    match part:
        case ast.Call(func=ast.Name(id="str" | "repr"), args=[ast.Name(id=name)]):
            return name in caught
        case ast.FormattedValue(value=ast.Name(id=name)):
            return name in caught
        case ast.Attribute(value=ast.Name(id=name), attr=said):
            return name in caught and said in SAID_BY_PROGRAMS
        case _:
            return False


def _values(call: ast.Call, taker: Taker, more: str | None = None) -> frozenset[str] | None:
    """The values that the templates get by a call, or None where that cannot be told. `more` is handed on whole."""
    if taker.values is None or any(one.arg is None and ast.unparse(one.value) != more for one in call.keywords):
        return None
    given = frozenset(one.arg for one in call.keywords if one.arg and one.arg not in CONTROLS)
    return taker.values | (given if taker.more else frozenset())


def _assigned(function: Function, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                yield value
            case ast.NamedExpr(target=ast.Name(id=target), value=value) if target == name:
                yield value
            case _:
                pass


def _all(parts: list[Ids | None]) -> Ids | None:
    found = [part for part in parts if part is not None]
    return frozenset().union(*found) if len(found) == len(parts) else None
