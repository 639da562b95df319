"""Tables of the command line where the terminal has no room for them."""

import pytest
from rich.table import Table

from deploy.cli.common import out
from deploy.cli.shown import show_table

NAME = "Демонстрационное ведомство здравоохранения Примерской области"
TOPIC = "pilots.agency.vedomstvo-primer-na-dalyokom-beregu.v1"


def directory(*rows: tuple[str, ...]) -> Table:
    """A table as `agency list` has it."""
    made = Table("agency", "name", "quota", "topic")
    for row in rows:
        made.add_row(*row)
    return made


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_word_is_broken_in_two_and_nothing_is_left_out(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(out, "_width", width)
    show_table(directory(("primer", NAME, "", TOPIC), ("drugoe", "Другое", "600", "pilots.agency.drugoe.v1")))
    said = capsys.readouterr().out
    for whole in ("primer", NAME, TOPIC, "drugoe", "Другое", "600"):
        assert any(whole in line for line in said.splitlines()), whole
    if width == 200:
        assert "┃" in said
    else:
        assert said.splitlines()[0].strip() == "primer" and "quota 600" in said


def test_where_there_is_nothing_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(directory(), "No agency is entered yet.")
    assert capsys.readouterr().out == "No agency is entered yet.\n"
