"""By which edition `import --dry-run` judges: this terminal's, or that of the system that runs."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest

from contracts import own
from contracts.data import texts
from contracts.rules import Edition, RuleBook, load
from deploy.cli.__main__ import main
from deploy.local.home import ROOT

ID: Final = "by-2024"
MAPPINGS: Final = ROOT / "deploy" / "mappings"
WORDS: Final = ["import", str(MAPPINGS / "plan-of-projects.csv"), "--dry-run", "--json"]
SHORTER: Final = 'extends = "by-2024"\n[numbers.pilot_max_months]\nvalue = 2\n'
Dry = Callable[[], tuple[dict[str, Any], str]]


def shorter(folder: Path) -> Edition:
    """The edition in which a pilot may last for two months, no longer: the plan has two that do."""
    (folder / "shorter.toml").write_text(SHORTER)
    found, faults = own.read_file(Edition, own.by_id(texts()), folder / "shorter.toml")
    assert found is not None and not faults
    return found


@contextmanager
def intake(book: Mapping[str, Edition]) -> Iterator[str]:
    """The address of an intake that knows these editions, and says so as the real one does."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/health/ready":
                digests = RuleBook(tuple(book.values())).digests
                self._say(json.dumps({"status": "ready", "checks": {}, "editions": digests}))
            else:
                assert self.headers["Authorization"] == "Bearer given"
                self._say(book[self.path.removeprefix("/v1/editions/")].model_dump_json())

        def _say(self, body: str) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_said: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def dry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dry:
    """What a dry run finds, and what people are told."""
    monkeypatch.setenv("LOTSMAN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LOTSMAN_INTAKE_URL", raising=False)
    monkeypatch.setenv("LOTSMAN_TOKEN", "given")

    def run() -> tuple[dict[str, Any], str]:
        described = ["--mapping", str(MAPPINGS / "plan-of-projects.toml"), "--report", str(tmp_path / "report")]
        assert main([*WORDS, *described]) == 0
        said = capsys.readouterr()
        return json.loads(said.out.splitlines()[-1]), said.err

    return run


def test_without_a_system_it_is_this_terminals(dry: Dry) -> None:
    found, said = dry()
    assert (found["registered"], found["rejected"], found["edition_of_system"]) == (3, 0, False)
    assert "running system" not in said


def test_where_a_system_runs_with_another_it_is_the_systems_and_that_is_said(
    dry: Dry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with intake({ID: shorter(tmp_path)}) as url:
        monkeypatch.setenv("LOTSMAN_INTAKE_URL", url)
        found, said = dry()
    assert (found["registered"], found["rejected"], found["edition_of_system"]) == (1, 2, True)
    assert f"The running system has another edition {ID}" in said


def test_where_both_have_the_same_nothing_is_said(dry: Dry, monkeypatch: pytest.MonkeyPatch) -> None:
    with intake(load()) as url:
        monkeypatch.setenv("LOTSMAN_INTAKE_URL", url)
        found, said = dry()
    assert (found["registered"], found["edition_of_system"]) == (3, False)
    assert "running system" not in said


def test_a_system_without_the_edition_or_without_an_answer_is_told_of(
    dry: Dry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with intake({"demo-us": load()["demo-us"]}) as url:
        monkeypatch.setenv("LOTSMAN_INTAKE_URL", url)
        found, said = dry()
    assert found["registered"] == 3 and f"The running system has no edition {ID}" in said
    found, said = dry()
    assert found["registered"] == 3 and "The running system does not answer" in said
