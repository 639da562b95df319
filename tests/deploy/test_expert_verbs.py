"""expert add, list, show, absent, hand-over, erase against the real service; every complaint is one clear sentence."""

import io
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bench.cases import expert_id, organisation
from bench.queue import Filled, filled
from contracts.reference import Role
from deploy.cli import common
from deploy.cli.__main__ import main
from deploy.cli.common import out
from deploy.local.backends import Backends
from deploy.local.state import Child, State

HOME = f"BY-UNP:{organisation(7777).value}"
GROUP = f"BY-UNP:{organisation(7778).value}"
NEW = ("--organisation", HOME, "--sector", "health", "--capacity", "3", "--edition", "by-2024")
DOCUMENT = ("--body", "Пример", "--kind", "заявление", "--number", "12", "--date", "2026-03-02")

PROGRESS = re.compile(r" +[0-9.]+ s  ")
"""What a verb that may take long says of how far it is."""

Say = Callable[..., str]


@pytest.fixture(scope="module")
async def running(backends: Backends) -> AsyncIterator[Filled]:
    """Expertise with a few cases, of which every expert has some."""
    async with filled(backends, 60, 5, experts=8) as found:
        yield found


@pytest.fixture
def at(running: Filled, monkeypatch: pytest.MonkeyPatch) -> Filled:
    """The verbs speak to that service, without a terminal's width."""
    monkeypatch.setenv("LOTSMAN_HOME", str(running.folder))
    state = State(Child(0, None), 0, {"expertise": running.url}, {})
    monkeypatch.setattr(common, "running", lambda: state)
    monkeypatch.setattr(out, "_width", 400)
    return running


@pytest.fixture
def said(at: Filled, capsys: pytest.CaptureFixture[str]) -> Say:
    """What `./lotsman expert ...` says on success, as one line of words."""

    def say(*words: str, codes: tuple[int, ...] = (0,)) -> str:
        capsys.readouterr()
        assert main(["expert", *words]) in codes, capsys.readouterr().err
        return " ".join(capsys.readouterr().out.split())

    return say


@pytest.fixture
def complained(at: Filled, capsys: pytest.CaptureFixture[str]) -> Say:
    """What it complains about, which is one line."""

    def complain(*words: str) -> str:
        capsys.readouterr()
        assert main(["expert", *words]) == 1
        shown = capsys.readouterr()
        complaints = [line for line in shown.err.splitlines() if not PROGRESS.match(line)]
        assert shown.out == "" and len(complaints) == 1
        return complaints[0].strip()

    return complain


def entry(at: Filled, expert: str) -> dict[str, Any]:
    with at.client(Role.OPERATOR) as client:
        answer = client.get(f"/v1/experts/{expert}")
    found: dict[str, Any] = answer.json()
    return found


def test_an_expert_is_entered_shown_and_changed_without_losing_the_rest(said: Say, at: Filled) -> None:
    assert said("add", "e-new", *NEW, "--name", "Пример Эксперт", "--email", "e@example.org") == (
        "expert e-new is in the directory"
    )
    said("absent", "e-new", "--since", "2026-07-01", "--until", "2026-07-14")
    said("add", "e-new", "--capacity", "7", "--affiliated", GROUP)
    found = entry(at, "e-new")
    assert (found["capacity"], found["competences"]) == (7, ["health"])
    assert found["absences"] == [{"since": "2026-07-01", "until": "2026-07-14"}]
    shown = said("show", "e-new")
    for word in (HOME, GROUP, "health", "0 of 7", "2026-07-01 to 2026-07-14", "Пример Эксперт", "e@example.org"):
        assert word in shown


def test_an_id_with_unusual_characters_goes_through(said: Say) -> None:
    said("add", "oidc|b c?d#1%2", *NEW)
    assert "oidc|b c?d#1%2" in said("show", "oidc|b c?d#1%2")


def test_the_list_has_loads_but_no_names(said: Say, at: Filled) -> None:
    said("add", "e-listed", *NEW, "--name", "Тайный Пример")
    listed = said("list")
    assert all(expert_id(n) in listed for n in range(8))
    row = re.search(rf"{at.expert} │ (BY-UNP:\d+) │ [a-z, -]+ │ (\d+) │ 10000", listed)
    assert row and int(row[2]) == entry(at, at.expert)["load"] > 0
    assert "Тайный" not in listed
    said("add", "e-listed", "--inactive")
    assert "e-listed" not in said("list")
    assert "e-listed" in said("list", "--all") and "inactive" in said("list", "--all")
    sector = entry(at, expert_id(0))["competences"][0]
    assert expert_id(0) in said("list", "--sector", sector)


def test_an_absence_is_entered_once_and_can_be_taken_back(said: Say, complained: Say, at: Filled) -> None:
    days = ("--since", "2026-08-03", "--until", "2026-08-07")
    said("add", "e-away", *NEW)
    for _ in range(2):
        assert "is away from 2026-08-03 to 2026-08-07" in said("absent", "e-away", *days)
    assert len(entry(at, "e-away")["absences"]) == 1
    said("absent", "e-away", *days, "--withdraw")
    assert entry(at, "e-away")["absences"] == []
    assert "Nothing says that e-away is away" in complained("absent", "e-away", *days, "--withdraw")


def test_work_is_handed_over_and_what_stays_is_named(said: Say, complained: Say, at: Filled) -> None:
    before = entry(at, at.expert)["load"]
    assert before > 0
    said("add", "e-full", *NEW[:-4], "--capacity", "0", "--edition", "by-2024")
    shown = said("hand-over", at.expert, "--why", "Отпуск", "--to", "e-full", codes=(1,))
    assert f"0 moved, {before} stayed" in shown and "stays, because" in shown
    shown = said("hand-over", at.expert, "--why", "Отпуск", "--to", expert_id(0), "--to", expert_id(1), codes=(0, 1))
    moved, stayed = re.search(r"(\d+) moved, (\d+) stayed", shown).groups()  # type: ignore[union-attr]
    assert int(moved) > 0 and int(moved) + int(stayed) == before
    assert entry(at, at.expert)["load"] == int(stayed)
    refused = complained("hand-over", at.expert, "--why", "Отпуск", "--to", "nobody")
    assert "(422)" in refused and "nobody" in refused


def test_personal_data_is_erased_only_when_that_is_confirmed(
    said: Say, at: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    said("add", "e-gone", *NEW, "--name", "Исчезающий Пример")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert main(["expert", "erase", "e-gone", "--yes"]) != 0, "no document"
    assert main(["expert", "erase", "e-gone", *DOCUMENT]) == 1
    assert entry(at, "e-gone")["person"]["name"] == "Исчезающий Пример"
    assert "is erased" in said("erase", "e-gone", *DOCUMENT, "--yes")
    found = entry(at, "e-gone")
    assert (found["person"], found["active"]) == (None, False)


def test_all_problems_of_an_answer_are_told_at_once(complained: Say) -> None:
    words = ("--organisation", "BY-UNP:100000000", "--sector", "astrology", "--capacity", "3", "--edition", "by-2024")
    shown = complained("add", "e-bad", *words, "--interest", "BY-UNP:1")
    assert shown.startswith("Expertise refused this (422): The entry does not fit its edition.; ")
    assert all(pointer in shown for pointer in ("/organisation/value: ", "/competences/0: ", "/interests/0/value: "))


def test_what_a_new_entry_lacks_is_named(complained: Say) -> None:
    shown = complained("add", "e-bad")
    assert all(field in shown for field in ("edition", "organisation", "competences", "capacity"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "nobody"), "There is no expert nobody."),
        (("erase", "nobody", *DOCUMENT, "--yes"), "There is no expert nobody."),
        (("erase", "x", *DOCUMENT[:-1], "1.1.2026", "--yes"), "Invalid isoformat string: '1.1.2026'."),
        (("absent", "nobody", "--since", "2026-01-01", "--until", "2026-01-02"), "There is no expert nobody."),
        (("absent", "x", "--since", "1.1.2026", "--until", "2026-01-02"), "Invalid isoformat string: '1.1.2026'."),
        (("add", "x", "--organisation", "Пример"), "An organisation is SCHEME:NUMBER"),
        (("add", "x", "--email", "x@example.org"), "give --name too"),
        (("hand-over", "nobody", "--why", "x"), "Expertise refused this (404)"),
    ],
)
def test_a_complaint_is_one_sentence(complained: Say, words: tuple[str, ...], sentence: str) -> None:
    assert sentence in complained(*words)


def test_a_service_that_does_not_answer_is_a_sentence(
    at: Filled, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State(Child(0, None), 0, {"expertise": "http://127.0.0.1:1"}, {})
    monkeypatch.setattr(common, "running", lambda: state)
    assert main(["expert", "list"]) == 1
    assert "Expertise does not answer (ConnectError); ./lotsman status says why." in capsys.readouterr().err


def test_nothing_runs(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["expert", "list"]) == 1
    assert "Nothing runs here" in capsys.readouterr().err
