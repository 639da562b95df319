"""What `contracts preview` complains of, and what it counts, by the process that judges, without any back end."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition

from contracts import own
from deploy.cli import contracts
from deploy.cli.__main__ import main
from deploy.cli.contracts import _run
from deploy.complaint import Complaint
from deploy.local.home import ROOT
from deploy.login import Login
from deploy.preview import passing
from deploy.preview.judging import Judged
from deploy.preview.passing import Pass
from services.chassis.engine import Engine

FAULTY = 'extends = "by-2024"\nnonsense = 3\n'


def complained(job: dict[str, Any], found: Path) -> str:
    """Of what a pass complains; it looks at the editions first, and never gets to its back ends."""
    nothing: dict[str, Any] = {"instead": {}, "ends": {}, "facts": {}, "mongo_url": "", "database": "", "login": {}}
    with pytest.raises(Complaint) as refused:
        _run({**nothing, **job, "what": "as they would be", "found": str(found)})
    return str(refused.value)


def test_a_pass_tells_the_faults_of_a_bad_edition_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "new.toml").write_text(FAULTY)
    said = complained({"editions": {str(tmp_path / "new.toml"): None}}, tmp_path / "found.jsonl")
    assert said == f"{tmp_path / 'new.toml'}: nonsense: is not known here"
    assert capsys.readouterr().err == ""


@pytest.fixture
def nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks for a system, or reads one, fails."""

    def never(*_: Any) -> Any:
        raise AssertionError("it looks for what is stored")

    for name in ("_here", "previewed"):
        monkeypatch.setattr(contracts, name, never)


@pytest.mark.usefixtures("nothing_asked")
def test_every_fault_of_the_file_is_told_before_any_system_is_looked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.toml"
    new.write_text(f'{FAULTY}[numbers.pilot_max_months]\nvalue = "many"\n')
    assert main(["contracts", "preview", str(new), "--json"]) == 1
    wrong = json.loads(capsys.readouterr().out.splitlines()[-1])["error"].splitlines()
    assert len(wrong) == 2 and f"{new}: nonsense: is not known here" in wrong
    assert any(one.startswith(f"{new}: numbers.pilot_max_months.value: ") for one in wrong)
    new.write_text('extends = "by-2024"\nid = "new"\ncalendar = "XX"\n')
    assert main(["contracts", "preview", str(new), "--json"]) == 1
    [wrong] = json.loads(capsys.readouterr().out.splitlines()[-1])["error"].splitlines()
    assert wrong == f"{new}: calendar: there is no XX"


@pytest.mark.usefixtures("nothing_asked")
def test_every_fault_of_a_folder_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.toml").write_text(FAULTY)
    (tmp_path / "b.toml").write_text("id = ")
    (tmp_path / "c.tml").write_text("")
    (tmp_path / "calendars").mkdir()
    (tmp_path / "calendars" / "own.toml").write_text('id = "OWN"\n')
    assert main(["contracts", "preview", str(tmp_path), "--json"]) == 1
    wrong = json.loads(capsys.readouterr().out.splitlines()[-1])["error"]
    for fault in ("a.toml: nonsense: ", "b.toml: Invalid value", "c.tml: is no .toml", "calendars/own.toml: origin: "):
        assert f"{tmp_path}/{fault}" in wrong


@pytest.mark.usefixtures("nothing_asked")
@pytest.mark.parametrize(
    ("added", "fault"), [("x = 1 +", "invalid syntax"), ("x = nosuch", "NameError: name 'nosuch' is not defined")]
)
def test_a_module_that_cannot_be_loaded_is_told_with_its_line_before_any_system_is_looked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], added: str, fault: str
) -> None:
    packaged, module = (ROOT / "contracts" / "agency.py").read_text(encoding="utf-8"), tmp_path / "agency.py"
    module.write_text(f"{packaged}{added}\n", encoding="utf-8")
    assert main(["contracts", "preview", str(module), "--json"]) == 1
    last = len(packaged.splitlines()) + 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["error"] == f"{module}:{last}: {fault}"


def test_own_editions_that_are_faulty_already_are_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.toml").write_text(FAULTY)
    monkeypatch.setenv(own.VARIABLE, str(tmp_path))
    said = complained({"editions": {}}, tmp_path / "found.jsonl")
    assert said.splitlines() == [str(own.FaultyOwn([])), "own.toml: nonsense: is not known here"]
    assert capsys.readouterr().err == ""


async def test_an_event_that_was_sent_several_times_counts_once_as_it_came_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over batches as well, and over both doors; of what one agency names as another does, each has its own."""
    batches = [["a", "a", "b"], ["a", "c", "b"]]
    rules = {"b": ("text.length",), "c": ("sector.unknown",)}

    async def read(_login: Login, place: TopicPartition, *_ends: int) -> AsyncIterator[list[Any]]:
        at = iter(range(100))
        for batch in batches:
            yield [SimpleNamespace(topic=place.topic, offset=next(at), value=one) for one in batch]

    async def judged(_engine: object, records: list[Any]) -> list[Judged]:
        return [Judged(one.value, rules.get(one.value, ()), undecided=one.value == "a") for one in records]

    async def as_sent(_store: object, facts: list[Any]) -> list[Any]:
        return [SimpleNamespace(value=fact.event_id) for _, fact in facts]

    def received(value: str) -> Any:
        fact = SimpleNamespace(agency="other" if value == "c" else "demo", event_id=f"http-{value}")
        return SimpleNamespace(), fact if value != "b" else SimpleNamespace(agency="demo", event_id="b")

    for name, instead in (("read", read), ("judged", judged), ("as_sent", as_sent), ("_received", received)):
        monkeypatch.setattr(passing, name, instead)
    monkeypatch.setattr(passing, "record_of", lambda raw: raw)
    with (tmp_path / "found.jsonl").open("w+") as file:
        one_pass = Pass(cast(Engine, SimpleNamespace(store=None)), Login("nowhere"), file, lambda _count: None)
        await one_pass.of_agency("demo", 6)
        await one_pass.of_agency("other", 6)
        await one_pass.over_http({"0": (0, 6)})
        file.seek(0)
        found = [json.loads(line) for line in file]
    refused = [{"offset": 2, "event_id": "b", "rules": ["text.length"]}]
    refused.append({"offset": 4, "event_id": "c", "rules": ["sector.unknown"]})
    of_demo, of_other = found[:3], found[3:6]
    for code, lines in (("demo", of_demo), ("other", of_other)):
        assert lines == [*({"agency": code, **one} for one in refused), {"agency": code, "events": 3, "undecided": 1}]
    over = [{"over": "http", "agency": code, "events": 1, "undecided": 0} for code in ("demo", "other")]
    assert found[6:] == over, "a fact may stand twice in the journal, and an event in the topic, too"
