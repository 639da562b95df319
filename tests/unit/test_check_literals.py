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
        ('source = "/services/intake"', "'/services/intake'"),
        ('source = f"/services/{name}"', "'/services/'"),
        ('source = f"/agencies/{code}"', "'/agencies/'"),
        ('schema = f"urn:lotsman:schema:{name}"', "'urn:lotsman:schema:'"),
        ('url = urls["registry"]', "'registry'"),
        ('name: Final = "expertise"', "'expertise'"),
        ('aggregate = SERVICE.aggregates["pilot"]', "'pilot'"),
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
        'class Stage(StrEnum):\n    EXPERTISE = "expertise"',
        'path = "/v1/agencies/{code}"',
        'text = "The registry is down."',
    ],
)
def test_what_is_no_such_literal_is_left_alone(tmp_path: Path, program: str) -> None:
    assert planted(tmp_path, program) == []


def test_a_text_that_two_modules_of_the_services_call_by_one_name_is_found_in_the_second(tmp_path: Path) -> None:
    for name, program in {
        "one": 'KIND: Final = "pilot"\nBATCH: Final = 500',
        "other": 'BATCH: Final = 500\nKIND = "pilot"',
        "third": 'KIND: Final = "team"\nTEAM: Final = "pilot"',
    }.items():
        (tmp_path / "services" / name).mkdir(parents=True)
        (tmp_path / "services" / name / "file.py").write_text(program, encoding="utf-8")
    assert findings(tmp_path) == ["services/other/file.py:2: KIND is said in services/one/file.py:1 already"]
