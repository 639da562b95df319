"""The check of literals that are a constant of the contracts: it finds each kind that is planted, and none today."""

from pathlib import Path

import pytest

from deploy.checks.literals import findings
from deploy.cli.quality import CHECKS
from deploy.local.home import ROOT


def planted(root: Path, program: str) -> list[str]:
    """What is found in a project whose one file is this program."""
    folder = root / "services" / "some"
    folder.mkdir(parents=True)
    (folder / "file.py").write_text(program, encoding="utf-8")
    return findings(root)


def test_the_project_says_none_of_them_twice_and_the_check_is_one_of_all() -> None:
    assert findings(ROOT) == []
    assert "literals" in CHECKS


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ('kind = "pilots.intake.application-accepted.v1"', "'pilots.intake.application-accepted.v1'"),
        ('found = topic.startswith("pilots.agency.")', "'pilots.agency.'"),
        ('name = f"pilots.receipts.{code}.v1"', "'pilots.receipts.'"),
        ("years = range(2000, 2101)", "2000"),
        ("year = Query(le=2100)", "2100"),
    ],
)
def test_a_literal_that_is_planted_is_found_by_its_place(tmp_path: Path, program: str, what: str) -> None:
    assert planted(tmp_path, program) == [f"services/some/file.py:1: {what} is a constant of the contracts"]


@pytest.mark.parametrize(
    "program",
    [
        '"""Its topic is `pilots.intake.v1`."""',
        "BATCH = 2000",
        "text = Field(max_length=2000)",
        "limit = Query(le=2000)",
        'kind = ApplicationAcceptedV1.TYPE  # "pilots.intake.application-accepted.v1"',
    ],
)
def test_what_is_no_such_literal_is_left_alone(tmp_path: Path, program: str) -> None:
    assert planted(tmp_path, program) == []
