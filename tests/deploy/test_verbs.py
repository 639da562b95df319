"""Every verb is found in the file that the table names, and every file is in the table."""

from importlib import import_module

import pytest

from deploy.cli.__main__ import PARTS, main
from deploy.cli.suite import QUICK, environment, words_for_pytest
from deploy.local.home import ROOT


def test_the_table_of_verbs_is_complete() -> None:
    no_verbs = {"__init__", "__main__", "agency_keys", "common", "desk", "publishing", "tally"}
    no_verbs |= {"ends", "expertise_job", "main_job", "register_job", "shown"}
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
