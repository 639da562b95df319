"""By which edition `import --dry-run` judges: that by which the events would be judged, as far as that can be known."""

import csv
import json
import textwrap
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
PLAN: Final = MAPPINGS / "plan-of-projects.toml"
CODE: Final = "vedomstvo-primer"
"""The agency of the plan."""
FILE: Final = MAPPINGS / "plan-of-projects.csv"
SHORTER: Final = 'extends = "by-2024"\n[numbers.pilot_max_months]\nvalue = 2\n'
Dry = Callable[..., tuple[dict[str, Any], str]]


def shorter(folder: Path) -> Edition:
    """The edition in which a pilot may last for two months, no longer: the plan has two that do."""
    (folder / "shorter.toml").write_text(SHORTER)
    found, faults = own.read_file(Edition, own.by_id(texts()), folder / "shorter.toml")
    assert found is not None and not faults
    return found


@contextmanager
def intake(book: Mapping[str, Edition], entry: Mapping[str, Any] | None = None) -> Iterator[str]:
    """The address of an intake that knows these editions and one agency, and says so as the real one does."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/health/ready":
                digests = RuleBook(tuple(book.values())).digests
                return self._say(json.dumps({"status": "ready", "checks": {}, "editions": digests}))
            assert self.headers["Authorization"] == "Bearer given"
            if not self.path.startswith("/v1/agencies/"):
                return self._say(book[self.path.removeprefix("/v1/editions/")].model_dump_json())
            if entry is None or self.path != f"/v1/agencies/{CODE}":
                return self._say('{"title": "request.not-found"}', 404)
            return self._say(json.dumps({"code": CODE, "name": "Ведомство", "in_force": None, "kafka": {}, **entry}))

        def _say(self, body: str, status: int = 200) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_said: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def by(edition: str, since: str = "2025-01-01", **more: Any) -> Mapping[str, Any]:
    """An entry of the agency, by an edition."""
    return {"editions": [{"edition": edition, "since": since}], **more}


@pytest.fixture
def dry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dry:
    """What a dry run finds, and what people are told."""
    monkeypatch.setenv("LOTSMAN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LOTSMAN_INTAKE_URL", raising=False)
    monkeypatch.setenv("LOTSMAN_TOKEN", "given")

    def run(mapping: Path = PLAN, file: Path = FILE) -> tuple[dict[str, Any], str]:
        described = ["--mapping", str(mapping), "--report", str(tmp_path / "report")]
        assert main(["import", str(file), "--dry-run", "--json", *described]) == 0
        said = capsys.readouterr()
        return json.loads(said.out.splitlines()[-1]), said.err

    return run


@pytest.fixture
def entering_none(tmp_path: Path) -> Path:
    """The mapping of the plan without the line that enters its agency."""
    lines = PLAN.read_text(encoding="utf-8").splitlines(keepends=True)
    path = tmp_path / "entering-none.toml"
    path.write_text("".join(one for one in lines if not one.startswith("enter = ")), encoding="utf-8")
    return path


@pytest.fixture
def nameless(tmp_path: Path) -> Path:
    """The plan, the first project of which has no name: the reader refuses it."""
    lines = FILE.read_text(encoding="utf-8").splitlines(keepends=True)
    cells = lines[5].split(";")
    lines[5] = ";".join([cells[0], "", *cells[2:]])
    path = tmp_path / "nameless.csv"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_without_a_system_it_is_that_which_the_mapping_enters_by_as_this_terminal_has_it(dry: Dry) -> None:
    found, said = dry()
    assert (found["registered"], found["rejected"], found["edition_of_system"]) == (3, 0, False)
    [one] = found["judged"]
    assert one == {"edition": ID, "known_from": "mapping", "agencies": [CODE], "rows": 3} and found["edition"] == ID
    assert f"3 rows: judged by {ID}, as the mapping enters {CODE} (no running system is asked)" in said
    assert not found["stored"] and "what intake has stored is not looked at" in said
    assert "1 row about pilots that are there already" in said


def test_without_a_system_and_an_edition_of_the_mapping_it_says_that_it_does_not_know(
    dry: Dry, entering_none: Path
) -> None:
    found, said = dry(entering_none)
    assert (found["registered"], found["edition"]) == (3, None)
    assert [one["known_from"] for one in found["judged"]] == ["not-asked"]
    assert f"those of {CODE} would be judged is not known" in said


def test_where_a_system_runs_with_another_it_is_the_systems_and_that_is_said(
    dry: Dry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with intake({ID: shorter(tmp_path)}) as url:
        monkeypatch.setenv("LOTSMAN_INTAKE_URL", url)
        found, said = dry()
    assert (found["registered"], found["rejected"], found["edition_of_system"]) == (1, 2, True)
    assert f"The running system has another edition {ID}" in said
    assert f"judged by {ID}, as the mapping enters {CODE} (is not in the running system's directory)" in said


def test_where_both_have_the_same_no_difference_is_said(dry: Dry, monkeypatch: pytest.MonkeyPatch) -> None:
    with intake(load()) as url:
        monkeypatch.setenv("LOTSMAN_INTAKE_URL", url)
        found, said = dry()
    assert (found["registered"], found["edition_of_system"]) == (3, False)
    assert "another edition" not in said


def test_an_agency_that_is_entered_is_judged_by_its_own_entry_whatever_the_mapping_says(
    dry: Dry, entering_none: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with intake(load(), by("demo-us")) as url:
        monkeypatch.setenv("LOTSMAN_INTAKE_URL", url)
        for mapping in (PLAN, entering_none):
            found, said = dry(mapping)
            assert (found["registered"], found["rejected"], found["edition"]) == (1, 2, "demo-us"), "no money there"
            assert [one["known_from"] for one in found["judged"]] == ["entry"]
            assert f"judged by demo-us, as the running system's directory says of {CODE}" in said


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        (by(ID, since="2027-01-01"), "edition.none"),
        (by(ID, disabled="2026-11-01T00:00:00.000Z"), "agency.disabled"),
        (by(ID, active_from="2099-01-01"), "agency.not-yet"),
    ],
)
def test_an_entry_that_takes_nothing_now_refuses_as_intake_would(
    entry: Mapping[str, Any], rule: str, dry: Dry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with intake(load(), entry) as url:
        monkeypatch.setenv("LOTSMAN_INTAKE_URL", url)
        found, _ = dry()
    assert found["rejected"] >= 2 and rule in Path(found["report"]).read_text(encoding="utf-8-sig")


def test_an_agency_that_is_not_entered_and_that_the_mapping_does_not_enter_is_refused_as_it_would_be(
    dry: Dry, entering_none: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with intake(load()) as url:
        monkeypatch.setenv("LOTSMAN_INTAKE_URL", url)
        found, said = dry(entering_none)
    assert (found["published"], found["refused"], found["balance"]) == (0, 3, 0)
    assert found["reasons"] == {"import.agency-unknown": 3} and found["edition"] is None
    assert f"3 rows: refused, for {CODE} is not in the running system's directory" in said


def test_a_row_that_is_refused_anyhow_is_told_of_its_agency_too_as_the_import_tells_it(
    dry: Dry, entering_none: Path, nameless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with intake(load()) as url:
        monkeypatch.setenv("LOTSMAN_INTAKE_URL", url)
        found, _ = dry(entering_none, nameless)
    assert found["reasons"] == {"import.agency-unknown": 3, "import.missing": 1}
    assert (found["published"], found["refused"]) == (0, 3)


def test_what_comes_of_a_fault_is_told_by_the_names_of_the_sums(
    tmp_path: Path, nameless: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row of which the reader makes no event is refused; one whose event intake does not take is rejected."""
    monkeypatch.setenv("LOTSMAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOTSMAN_TOKEN", "given")
    words = ["import", str(nameless), "--dry-run", "--mapping", str(PLAN), "--report", str(tmp_path / "report")]
    with intake(load(), by(ID, disabled="2026-11-01T00:00:00.000Z")) as url:
        monkeypatch.setenv("LOTSMAN_INTAKE_URL", url)
        assert main(words) == 0
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    said = {line[-3]: line[-2:] for line in told if len(line) > 2 and line[-2] in ("refused", "rejected", "told")}
    assert said == {"import.missing": ["refused", "1"], "agency.disabled": ["rejected", "2"]}


def test_a_system_without_the_edition_or_without_an_answer_is_told_of(
    dry: Dry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with intake({"demo-us": load()["demo-us"]}) as url:
        monkeypatch.setenv("LOTSMAN_INTAKE_URL", url)
        found, said = dry()
    assert found["registered"] == 3 and f"The running system has no edition {ID}" in said
    found, said = dry()
    assert found["registered"] == 3 and "The running system does not answer" in said
    assert "(no running system is asked)" in said


def readmes_mapping(folder: Path) -> Path:
    """The mapping that the README shows, as it stands there."""
    _, _, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition("needs:\n\n")
    block = rest.split("\n\nThe fields of each event")[0]
    (folder / "our-plan.toml").write_text(textwrap.dedent(block), encoding="utf-8")
    return folder / "our-plan.toml"


def test_the_mapping_of_the_readme_makes_events_that_its_edition_takes_and_what_a_row_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOTSMAN_HOME", str(tmp_path / "home"))
    head = "Дата заявки;Наименование;Проблема;Решение;Отрасль;УНП заказчика;Заказчик;Начало;Сумма, тыс. руб.\n"
    rows = [
        "02.03.2026;Разметка снимков;Снимок ждёт;Разметка;Медицина;790000016;Поликлиника;15.04.2026;1 234,5\n",
        "03.03.2026;Запись к врачу;Очередь;Запись;;790000016;Поликлиника;;\n",
        "04.03.2026;Без решения;Очередь;;Медицина;790000016;Поликлиника;;\n",
    ]
    (tmp_path / "plan.csv").write_bytes((head + "".join(rows)).encode("cp1251"))
    mapping = readmes_mapping(tmp_path)
    words = ["import", str(tmp_path / "plan.csv"), "--mapping", str(mapping), "--report", str(tmp_path / "report")]
    assert main([*words, "--dry-run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["rows"], found["registered"], found["rejected"]) == (3, 2, 1), found
    with (tmp_path / "report" / "faults.csv").open(encoding="utf-8-sig", newline="") as file:
        faults = [one for one in csv.DictReader(file, delimiter=";") if one["severity"] == "block"]
    assert [(one["row"], one["rule"], one["field"]) for one in faults] == [("4", "schema.missing", "solution")]
    shorter_one = tmp_path / "lacking.toml"
    lines = mapping.read_text(encoding="utf-8").splitlines()
    shorter_one.write_text("\n".join(one for one in lines if not one.startswith("problem")), encoding="utf-8")
    assert main([*words[:3], str(shorter_one), *words[4:], "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["registered"] == 0
    assert "problem: Обязательное поле" in (tmp_path / "report" / "marked.csv").read_text(encoding="cp1251")
