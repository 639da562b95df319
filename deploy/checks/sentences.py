"""Sentences that stand in code and not in `contracts/words`: what a caller, an applicant or a reader of a fact would
read in one language alone.

A sentence is a text of at least three words, or one with a word in Cyrillic letters. What only developers and
operators read is none of them: docstrings, descriptions of the interface, log messages, names of metrics and spans,
what an assertion or an exception other than a refusal says. Names of the wire and the like are exceptions of the check
of words, each by its file and the beginning of its text.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PLACES: Final = (
    "services/*/domain/*.py",
    "services/law/*.py",
    "services/*/api/*.py",
    "services/intake/*.py",
    "services/expertise/*.py",
    "services/expertise/mail/*.py",
    "services/expertise/documents/*.py",
    "services/registry/*.py",
    "services/registry/exports/*.py",
    "services/chassis/exports/*.py",
    "services/chassis/auth.py",
    "services/chassis/body.py",
    "services/chassis/hand.py",
    "services/chassis/parking.py",
    "services/chassis/problems.py",
    "services/chassis/public.py",
    "services/chassis/web.py",
)
"""Where what is said may reach somebody who is no developer."""
ENOUGH: Final = 3
WORD: Final = re.compile(r"[^\W\d_]+")
CYRILLIC: Final = re.compile(r"[А-Яа-яЁёІіЎў]{2,}")
REFUSALS: Final = {"Refusal", "TermError", "Problematic"}
"""Exceptions whose values are read by who is refused."""
SILENT_CALLS: Final = {"Counter", "Gauge", "Histogram", "start_as_current_span", "make_bare_app", "compile"}
LOGGED: Final = {"debug", "info", "warning", "error", "exception", "critical", "log"}
SILENT_KEYWORDS: Final = {"description", "title", "summary", "examples"}
BEGINNING: Final = 60
"""So many characters of a text are named."""


def sentences(root: Path) -> Iterator[tuple[str, int, str]]:
    """Each of them: the file, the line, the text; what is put in between by an f-string is `{}`."""
    for place in PLACES:
        for path in sorted(root.glob(place)):
            name = path.relative_to(root).as_posix()
            for line, text in _texts(ast.parse(path.read_text(encoding="utf-8"))):
                if CYRILLIC.search(text) or (" " in text and len(WORD.findall(text)) >= ENOUGH):
                    yield name, line, text[:BEGINNING]


def _texts(node: ast.AST) -> Iterator[tuple[int, str]]:
    match node:
        case ast.Expr(value=ast.Constant()):
            return
        case ast.Constant(value=str(text)):
            yield node.lineno, text
        case ast.JoinedStr(values=parts):
            yield node.lineno, "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in parts)
            for part in parts:
                if isinstance(part, ast.FormattedValue):
                    yield from _texts(part.value)
        case _:
            for read in _read(node):
                yield from _texts(read)


def _read(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a piece of code whose texts somebody may read who is no developer."""
    match node:
        case ast.Assert(test=test):
            yield test
        case ast.Raise(exc=ast.Call(func=function)) if _name(function) not in REFUSALS:
            return
        case ast.Call(func=function) if _name(function) in SILENT_CALLS or _logs(function):
            return
        case ast.keyword(arg=name) if name in SILENT_KEYWORDS:
            return
        case _:
            yield from ast.iter_child_nodes(node)


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _logs(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and _name(function.value) == "log" and function.attr in LOGGED
