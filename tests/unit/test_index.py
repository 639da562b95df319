"""An index writes what changed and nothing else: where nothing did, its files stay as they are."""

from pathlib import Path

import pytest

from services.registry.finding.entries import Entry, entry
from services.registry.finding.index import Index


def made(id_: str, title: str = "Учёт данных") -> Entry:
    """The entry of a pilot."""
    return entry({"id": id_, "title": title, "sector": "health", "agency": "demo", "stage": "council"})


@pytest.fixture
def index(tmp_path: Path) -> Index:
    """An index in a folder, with one pilot in it."""
    found = Index(tmp_path)
    found.put([made("kept")])
    found.commit()
    return found


def written(folder: Path) -> dict[str, bytes]:
    """The files of the index that say what is in it."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".json"}


def test_where_nothing_changed_nothing_is_written(index: Index, tmp_path: Path) -> None:
    before = written(tmp_path)
    index.remove(["never-there"])
    index.commit()
    assert written(tmp_path) == before and before
    index.put([made("new")])
    index.commit()
    assert written(tmp_path) != before


def test_what_was_committed_is_taken_out(index: Index) -> None:
    index.remove(["kept"])
    assert index.holds("kept"), "until it is committed"
    index.commit()
    assert not index.holds("kept")


def test_what_was_put_a_moment_ago_is_taken_out_too(index: Index) -> None:
    index.put([made("new")])
    index.remove(["new"])
    index.commit()
    assert not index.holds("new") and index.holds("kept")


def test_what_was_added_at_a_first_filling_is_written(index: Index) -> None:
    index.add([made("first")])
    index.commit()
    assert index.holds("first")
