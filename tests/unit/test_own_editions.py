"""Editions and calendars of a deployment's own: read beside the package, or every fault told at once."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts import calendars, rules
from contracts.own import FaultyOwn
from deploy.cli.contracts import change
from deploy.complaint import Complaint
from deploy.local.home import ROOT
from deploy.local.stack import need_rules

EXAMPLES = ROOT / "examples" / "editions"
PACKAGED = rules.load()


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    yield
    for one in (rules.load, calendars.load_calendars):
        one.cache_clear()


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOTSMAN_EDITIONS", str(tmp_path))
    for one in (rules.load, calendars.load_calendars):
        one.cache_clear()
    (tmp_path / "calendars").mkdir()
    return tmp_path


def calendar(id_: str) -> str:
    packaged = ROOT / "contracts" / "rules" / "calendars" / "BY.toml"
    return packaged.read_text(encoding="utf-8").replace('id = "BY"', f'id = "{id_}"')


def test_a_file_of_another_name_is_told_by_its_name_and_hidden_ones_and_readmes_are_passed_over(own: Path) -> None:
    shutil.copy(EXAMPLES / "ministry.toml", own)
    for name in ("README.md", "readme.txt", ".keep", ".ministry.toml.swp", "._ministry.toml", "calendars/README"):
        (own / name).write_text("this is no edition")
    assert "ministry-2026" in rules.load()
    others = ("by.tml", "by.TOML", "by.toml.txt", "by.toml~", "calendars/own.json", "old/by.toml")
    for name in others:
        (own / name).parent.mkdir(exist_ok=True)
        (own / name).write_text("this is no edition")
    rules.load.cache_clear()
    with pytest.raises(FaultyOwn) as refused:
        rules.load()
    said = str(refused.value).splitlines()[1:]
    named = sorted([*others[:5], "old"])
    assert sorted(one.partition(": ")[0] for one in said) == named and all("is no .toml file" in one for one in said)


def test_a_preview_of_a_folder_names_what_would_keep_services_from_starting(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "ministry.toml", tmp_path)
    (tmp_path / "calendars").mkdir()
    assert [*change(tmp_path)["editions"]] == [str(tmp_path / "ministry.toml")]
    (tmp_path / "by.tml").write_text("")
    with pytest.raises(Complaint, match=r"by\.tml: is no \.toml file"):
        change(tmp_path)


def test_an_edition_says_only_what_is_different_and_the_packaged_ones_stay(own: Path) -> None:
    shutil.copy(EXAMPLES / "ministry.toml", own)
    book = rules.load()
    ours, theirs = book.edition("ministry-2026"), book.edition("by-2024")
    assert (ours.switches.credit.on, ours.switches.appeal.on) == (True, True)
    assert (theirs.switches.credit.on, theirs.switches.appeal.on) == (False, False)
    assert ours.switches.credit.ru == theirs.switches.credit.ru and ours.terms == theirs.terms
    assert book.digests["by-2024"] == PACKAGED.digests["by-2024"] != book.digests["ministry-2026"]


def test_an_own_edition_and_an_own_calendar_take_the_place_of_the_packaged_ones(own: Path) -> None:
    (own / "by.toml").write_text('extends = "by-2024"\nid = "by-2024"\ncalendar = "BY-OWN"\n')
    (own / "calendars" / "own.toml").write_text(calendar("BY-OWN"), encoding="utf-8")
    book = rules.load()
    assert sorted(book) == sorted(PACKAGED) and book.edition("by-2024").calendar == "BY-OWN"
    assert book.digests["by-2024"] != PACKAGED.digests["by-2024"]
    assert [one.id for one in calendars.load_calendars()] == ["BY", "US", "BY-OWN"]


def test_every_fault_of_every_file_is_told_at_once_with_its_key(own: Path) -> None:
    shutil.copy(EXAMPLES / "ministry.toml", own / "a.toml")
    shutil.copy(EXAMPLES / "ministry.toml", own / "b.toml")
    (own / "c.toml").write_text(
        'extends = "by-2024"\nid = "c"\ncalendar = "BY"\n[switches.credti]\non = true\n'
        '[numbers.pilot_max_months]\nvalue = "many"\n[severities.rules]\n"title.ugly" = "warn"\n'
    )
    (own / "d.toml").write_text('extends = "by-1999"\nid = "d"\n')
    (own / "e.toml").write_text("id = ")
    (own / "f.toml").write_text('extends = "by-2024"\nid = "f"\ncalendar = "XX"\n')
    (own / "calendars" / "own.toml").write_text(calendar("own"), encoding="utf-8")
    with pytest.raises(FaultyOwn) as caught:
        rules.load()
    said = str(caught.value)
    for fault in (
        "b.toml: id: ministry-2026 is that of a.toml as well",
        "c.toml: switches.credti: is not known here",
        "c.toml: numbers.pilot_max_months.value: ",
        "c.toml: severities.rules: no rules whose severity an edition sets: title.ugly",
        "d.toml: extends: 'by-1999' is not packaged; packaged are: by-2024, demo-us",
        "e.toml: Invalid value",
        "f.toml: calendar: there is no XX",
        "calendars/own.toml: id: ",
    ):
        assert fault in said
    with pytest.raises(Complaint) as before_anything_starts:
        need_rules()
    assert str(before_anything_starts.value) == said


def test_a_folder_that_is_not_there_is_told_once(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOTSMAN_EDITIONS", str(own / "nowhere"))
    with pytest.raises(Complaint) as before_anything_starts:
        need_rules()
    _, *faults = str(before_anything_starts.value).splitlines()
    assert faults == [f"LOTSMAN_EDITIONS: there is no folder {own / 'nowhere'}"]


def test_a_folder_that_is_not_there_is_told_and_a_service_ends_in_words(tmp_path: Path) -> None:
    environment = {"LOTSMAN_EDITIONS": str(tmp_path / "nowhere"), "PATH": "/usr/bin:/bin"}
    words = [sys.executable, "-m", "services.intake"]
    ended = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1 and "Traceback" not in ended.stderr
    assert f"LOTSMAN_EDITIONS: there is no folder {tmp_path / 'nowhere'}" in ended.stderr
