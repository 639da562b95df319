"""Every verb is found in the file that the table names, and every file is in the table."""

from importlib import import_module

import pytest

from deploy.cli.__main__ import PARTS, main
from deploy.local.home import ROOT


def test_the_table_of_verbs_is_complete() -> None:
    no_verbs = {"__init__", "__main__", "common", "desk", "expertise_job", "main_job", "publishing", "register_job"}
    assert PARTS.keys() == {path.stem for path in (ROOT / "deploy" / "cli").glob("*.py")} - no_verbs
    for name, verbs in PARTS.items():
        app = import_module(f"deploy.cli.{name}").app
        commands = {one.name or one.callback.__name__.replace("_", "-") for one in app.registered_commands}
        assert set(verbs) == commands | {one.name for one in app.registered_groups}


@pytest.mark.parametrize("verb", [verb for verbs in PARTS.values() for verb in verbs])
def test_every_verb_explains_itself(verb: str, capsys) -> None:
    assert main([verb, "--help"]) == 0
    assert f"./lotsman {verb}" in capsys.readouterr().out


def test_help_shows_every_verb(capsys) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(verb in shown for verbs in PARTS.values() for verb in verbs)
