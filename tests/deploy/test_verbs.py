"""Every verb is found in the file that the table names, and every file is in the table."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.cli.__main__ import PARTS, command_line, main
from deploy.cli.suite import QUICK, environment, words_for_pytest
from deploy.local.home import ROOT


def test_the_table_of_verbs_is_complete() -> None:
    no_verbs = {"__init__", "__main__", "agency_keys", "common", "desk", "publishing", "tally"}
    no_verbs |= {
        "ends",
        "expertise_job",
        "main_job",
        "old_databases",
        "register_job",
        "shown",
        "reach",
        "traces_elsewhere",
    }
    assert PARTS.keys() == {path.stem for path in (ROOT / "deploy" / "cli").glob("*.py")} - no_verbs
    for name, verbs in PARTS.items():
        app = import_module(f"deploy.cli.{name}").app
        commands = {one.name or one.callback.__name__.replace("_", "-") for one in app.registered_commands}
        assert set(verbs) == commands | {one.name for one in app.registered_groups}


@pytest.mark.parametrize("verb", [verb for verbs in PARTS.values() for verb in verbs])
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert f"./lotsman {verb}" in capsys.readouterr().out


def test_help_shows_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(verb in shown for verbs in PARTS.values() for verb in verbs)


@pytest.mark.parametrize(
    ("given", "several"),
    [
        ([], True),
        (["-x"], True),
        (["tests/unit"], True),
        (["tests/unit", "-k", "term"], True),
        (["tests/deploy/test_verbs.py", "-k", "term"], False),
        (["tests/deploy/test_verbs.py::test_some"], False),
        (["-p", "no:xdist"], False),
        (["-n", "3"], False),
        (["--pdb"], False),
    ],
)
def test_tests_run_side_by_side_where_that_is_worth_it(given: list[str], several: bool) -> None:
    for cores in (1, 2, 8):
        words = words_for_pytest(given, fast=False, cores=cores)
        assert words[-len(given) :] == given or not given
        own = words[: len(words) - len(given)]
        assert own[:2] == (["-n", str(min(cores, 4))] if several and cores > 1 else [])


def test_the_fast_ones_are_units_and_contracts_unless_a_place_is_named() -> None:
    assert words_for_pytest(["-x"], fast=True, cores=1) == [*QUICK, "-x", "tests/unit", "tests/contract"]
    assert words_for_pytest(["tests/deploy"], fast=True, cores=1) == [*QUICK, "tests/deploy"]


def test_tests_compile_nothing_twice_and_leave_no_compiled_file_beside_the_source_of_who_wants_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    found = environment(fast=True)
    assert "PYTHONDONTWRITEBYTECODE" not in found
    assert found["PYTHONPYCACHEPREFIX"].startswith(str(ROOT / ".pytest_cache"))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE")
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    assert "PYTHONPYCACHEPREFIX" not in environment(fast=True)


def test_only_the_fast_lane_tries_fewer_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOTSMAN_TESTS", raising=False)
    assert environment(fast=True)["LOTSMAN_TESTS"] == "fast"
    assert "LOTSMAN_TESTS" not in environment(fast=False)


# ---- what the documents say to type

TYPED: Final = re.compile(r"\./lotsman((?: +(?:\"[^\"\n]*\"|[^\s`|>)\"']+))*)")
WORD: Final = re.compile(r"\"[^\"]*\"|\S+")
PAGES: Final = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs/runbooks").glob("*.md")),
]


@cache
def all_verbs() -> Any:
    return command_line([])


def wrong_with(words: list[str], *, whole: bool) -> Iterator[str]:
    """What is wrong with a line of the command line, as a page has it; `whole`: nothing may be missing."""
    command, rest = all_verbs(), list(words)
    while rest and hasattr(command, "commands"):
        if (found := command.commands.get(rest[0])) is None:
            yield f"there is no verb {rest[0]}"
            return
        command, rest = found, rest[1:]
    if command.context_settings.get("ignore_unknown_options"):  # it hands them on, as `test` does
        return
    takes = {name: one for one in command.params for name in (*one.opts, *one.secondary_opts)}
    given, values = set[str](), 0
    for word in rest:
        if word.startswith("-"):
            name = word.partition("=")[0]
            if name not in takes:
                yield f"there is no option {name}"
            given.add(getattr(takes.get(name), "name", ""))
            values -= not getattr(takes.get(name), "is_flag", True)
        else:
            values += 1
    if whole and rest and "..." not in rest:
        needed = [one for one in command.params if one.required]
        yield from (f"{one.opts[0]} is missing" for one in needed if one.opts[0][0] == "-" and one.name not in given)
        if values < sum(one.opts[0][0] != "-" for one in needed):
            yield "an argument is missing"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_what_a_page_says_to_type_is_a_verb_with_options_that_there_are(page: Path) -> None:
    lines = [WORD.findall(found[1]) for found in TYPED.finditer(page.read_text("utf-8"))]
    whole = page.parent.name == "runbooks"
    wrong = {
        " ".join(words): [*wrong_with([one.rstrip(".,;:") or one for one in words], whole=whole)] for words in lines
    }
    assert not {line: said for line, said in wrong.items() if said}


RUNBOOKS: Final = [page for page in PAGES if page.parent.name == "runbooks"]
SHORT: Final = re.compile(r"`((?:ops|topic|agency|hook|contact|person|expert|trace) [^`\n]*)`")
"""A verb that a page names in the middle of a sentence, without what stands before it."""
OF_THIS_MACHINE: Final = re.compile(
    r"\./lotsman (?:up|down|officials|rebuild|accept-loss|token|agency follow|agency quotas)\b|\.lotsman/logs"
)
ELSEWHERE: Final = re.compile(
    r"embedded|elsewhere|[Cc]ontainer|docker compose|system of your own|`\./lotsman up`|a key that you hold"
)


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda path: path.stem)
def test_a_verb_that_is_named_in_short_is_one_too(page: Path) -> None:
    named = [WORD.findall(found[1]) for found in SHORT.finditer(page.read_text("utf-8"))]
    wrong = {" ".join(words): [*wrong_with([one.rstrip(",") for one in words], whole=False)] for words in named}
    assert not {line: said for line, said in wrong.items() if said}


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_says_for_other_systems_what_this_machine_alone_has_and_how_its_verbs_reach_them(page: Path) -> None:
    before, _, _ = page.read_text("utf-8").partition("**To see it once.**")
    lines = [line for line in before.splitlines() if OF_THIS_MACHINE.search(line) and not ELSEWHERE.search(line)]
    assert not lines
    if "./lotsman" in before or "$TOKEN" in before:
        assert "](../runbooks.md)" in before
    assert "$(./lotsman token" not in before, "elsewhere the provider makes tokens"


def test_every_runbook_stands_in_the_table_of_all() -> None:
    table = (ROOT / "docs/runbooks.md").read_text("utf-8")
    assert {*re.findall(r"\(runbooks/([a-z-]+\.md)\) \|", table)} == {page.name for page in RUNBOOKS}


def test_a_line_that_could_not_be_typed_is_found() -> None:
    assert [*wrong_with(["agency", "adds", "CODE"], whole=True)] == ["there is no verb adds"]
    assert [*wrong_with(["agency", "add", "CODE", "--evens", "3"], whole=False)] == ["there is no option --evens"]
    assert [*wrong_with(["agency", "add", "CODE", "--events", "3"], whole=True)] == [
        "--name is missing",
        "--edition is missing",
    ]
    assert [*wrong_with(["officials", "--json"], whole=True)] == ["an argument is missing"]
    assert not [*wrong_with(["up", "-d"], whole=True)]
