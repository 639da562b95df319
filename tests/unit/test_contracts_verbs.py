"""What `contracts preview` complains of, by the process that judges, without any back end."""

from pathlib import Path
from typing import Any

import pytest

from contracts import own
from deploy.cli.contracts import _run, change
from deploy.complaint import Complaint

FAULTY = 'extends = "by-2024"\nnonsense = 3\n'


def complained(job: dict[str, Any], found: Path) -> str:
    """Of what a pass complains; it looks at the editions first, and never gets to its back ends."""
    nothing: dict[str, Any] = {"instead": {}, "ends": {}, "facts": {}, "mongo_url": "", "database": "", "login": {}}
    with pytest.raises(Complaint) as refused:
        _run({**nothing, **job, "what": "as they would be", "found": str(found)})
    return str(refused.value)


def test_the_faults_of_a_bad_edition_are_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "new.toml").write_text(FAULTY)
    said = complained(change(tmp_path / "new.toml"), tmp_path / "found.jsonl")
    assert said == f"{tmp_path / 'new.toml'}: nonsense: is not known here"
    assert capsys.readouterr().err == ""


def test_own_editions_that_are_faulty_already_are_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.toml").write_text(FAULTY)
    monkeypatch.setenv(own.VARIABLE, str(tmp_path))
    said = complained({"editions": {}}, tmp_path / "found.jsonl")
    assert said.splitlines() == [str(own.FaultyOwn([])), "own.toml: nonsense: is not known here"]
    assert capsys.readouterr().err == ""
