"""The check that finds rule data which nobody reads: it finds none today, and each way of planting one."""

import shutil
from pathlib import Path

import pytest

from deploy.checks.rules import NAMES, SERVICES, unread


def test_every_number_switch_length_and_term_of_the_editions_is_read() -> None:
    assert unread() == []
    assert sum(len(known) for known in NAMES.values()) > 40


def test_a_name_that_no_code_reads_is_found() -> None:
    planted = {**NAMES, "numbers": (*NAMES["numbers"], "report_every_months")}
    assert unread(names=planted) == ["numbers.report_every_months"]


@pytest.mark.parametrize(
    ("file", "right", "wrong", "found"),
    [
        ("registry/domain/judging.py", "numbers.commission_quorum.", "numbers.commission_majority.", "numbers"),
        ("expertise/domain/ties.py", "switches.other_expert_in_repeat.on", "other_expert", "switches"),
        ("intake/domain/application.py", "lengths.territory", "lengths.title", "lengths"),
        ("registry/domain/state.py", "TermKind.SUSPENSION", "TermKind.LAUNCH", "TermKind"),
    ],
)
def test_a_name_whose_last_reader_goes_is_found(tmp_path: Path, file: str, right: str, wrong: str, found: str) -> None:
    copy = Path(shutil.copytree(SERVICES, tmp_path / "services"))
    said = (copy / file).read_text(encoding="utf-8")
    assert right in said
    (copy / file).write_text(said.replace(right, wrong), encoding="utf-8")
    assert [one.split(".")[0] for one in unread(copy)] == [found]


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ("edition.numbers.one.value", []),
        ("numbers = edition.numbers\nnumbers.one.value", []),
        ("def f(numbers):\n    return numbers.one", []),
        ("'edition.numbers.one'  # numbers.one", ["numbers.one"]),
        ("edition.numbers.one = 1", ["numbers.one"]),
        ("edition.figures.one.value", ["numbers.one"]),
        ("ONE: Final = edition.numbers.one", ["numbers.one"]),
        ("ONE: Final = frozenset({edition.numbers.one})", ["numbers.one"]),
        ("ONE: Final = edition.numbers.one\nprint(ONE)", []),
        ("ONE = edition.numbers.one\nprint(module.ONE)", []),
    ],
)
def test_only_code_that_reads_it_counts(tmp_path: Path, program: str, found: list[str]) -> None:
    (tmp_path / "some.py").write_text(program, encoding="utf-8")
    assert unread(tmp_path, {"numbers": ["one"]}) == found
