"""What stands twice between two rooms of the services, longer than a dozen lines: copies drift apart.

Compared are the lines inside functions, without comments, docstrings and imports, all names and texts counting as
alike: a copy with other names is a copy, while tables of data, which are alike in shape alone, are none.
"""

import ast
import io
import keyword
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Final

from deploy.checks.exceptions import Exceptions

MOST: Final = 12
"""How many lines may be alike."""
ROOMS: Final = "services"
SILENT: Final = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
Line = tuple[int, str]
"""The number of a line and its shape."""


def findings(root: Path) -> list[str]:
    """Every passage that two rooms share, unless it is an exception."""
    excepted = Exceptions.of(root, "duplicates")
    files = {path.relative_to(root).as_posix(): _lines(path) for path in sorted((root / ROOMS).rglob("*.py"))}
    found = [
        f"{one}:{here} and {other}:{there}: {length} lines are alike"
        for one, other, here, there, length in _shared(files)
        if not excepted.hold(f"{one} {other}")
    ]
    return [*found, *excepted.idle()]


def _shared(files: Mapping[str, Sequence[Line]]) -> Iterator[tuple[str, str, int, int, int]]:
    """The longest passages that files of two rooms share: the files, where it begins in each, how many lines."""
    windows = {name: _windows(lines) for name, lines in files.items()}
    places = {name: {shape: at for at, shape in reversed(list(enumerate(shapes)))} for name, shapes in windows.items()}
    for one, other in combinations(files, 2):
        if one.split("/")[1] == other.split("/")[1] or places[one].keys().isdisjoint(places[other]):
            continue
        done = 0
        for at, shape in enumerate(windows[one]):
            if at >= done and (start := places[other].get(shape)) is not None:
                length = _length(files[one][at:], files[other][start:])
                done = at + length
                yield one, other, files[one][at][0], files[other][start][0], length


def _windows(lines: Sequence[Line]) -> list[int]:
    """What stands from each line on, as a hash."""
    shapes = [shape for _, shape in lines]
    return [hash(tuple(shapes[at : at + MOST + 1])) for at in range(len(shapes) - MOST)]


def _length(here: Sequence[Line], there: Sequence[Line]) -> int:
    pairs = enumerate(zip(here, there, strict=False))
    return next((n for n, ((_, one), (_, other)) in pairs if one != other), min(len(here), len(there)))


def _lines(path: Path) -> list[Line]:
    """The lines of a file that are compared."""
    text = path.read_text(encoding="utf-8")
    compared, said = _in_functions(ast.parse(text)), dict[int, list[str]]()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in SILENT and token.start[0] in compared:
            said.setdefault(token.start[0], []).append(_shape(token))
    return [(number, " ".join(words)) for number, words in sorted(said.items())]


def _shape(token: tokenize.TokenInfo) -> str:
    named = token.type == tokenize.NAME and not keyword.iskeyword(token.string)
    return "name" if named else "text" if token.type == tokenize.STRING else token.string


def _in_functions(tree: ast.Module) -> set[int]:
    """The lines of functions, but for docstrings and imports."""
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    silent = [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    return _numbers(functions) - _numbers(silent)


def _numbers(nodes: Sequence[ast.stmt]) -> set[int]:
    return {line for node in nodes for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
