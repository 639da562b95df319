"""What the documents name is there: files, functions in them, verbs of the command line."""

import ast
import re
from pathlib import Path

import pytest

from deploy.cli.__main__ import PARTS
from deploy.local.home import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
FILE = re.compile(r"`((?:contracts|services|deploy|tests|bench|examples|docs|requirements)/[\w./*-]*)(?:::([\w.]+))?`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
DECISION = re.compile(r"\bdecisions? (\d+)")
VERB = re.compile(r"\./lotsman ([a-z]+(?:-[a-z]+)*)")


def test_each_decision_has_a_number_of_its_own_and_a_number_that_is_named_is_one() -> None:
    numbers = [int(one.name.partition("-")[0]) for one in DECISIONS]
    assert len(numbers) > 50 and sorted(set(numbers)) == numbers
    assert [int(one.read_text(encoding="utf-8")[2:].partition(".")[0]) for one in DECISIONS] == numbers
    named = {int(number) for page in PAGES for number in DECISION.findall(page.read_text(encoding="utf-8"))}
    assert named and named <= set(numbers)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_function_that_a_document_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [name for name, _ in FILE.findall(text) if not list(ROOT.glob(name.rstrip("/")))]
    missing += [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    missing += [f"{file}::{name}" for file, name in FILE.findall(text) if name and name not in defined(ROOT / file)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_verb_that_a_document_names_is_there(page: Path) -> None:
    known = {verb for verbs in PARTS.values() for verb in verbs}
    assert set(VERB.findall(page.read_text(encoding="utf-8"))) - known == set()


def defined(path: Path) -> set[str]:
    """Functions, classes, and methods as `Class.method`, of a file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}.{one.name}"
                for one in node.body
                if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return found
