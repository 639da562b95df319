"""contact show, readings, erase: what they ask of intake, and that each complaint is one clear sentence."""

import json
import os
from typing import Any

import httpx
import pytest

from deploy.cli import common
from deploy.cli.__main__ import main
from deploy.cli.common import out
from deploy.local import databases, keys
from deploy.local.state import Child, State
from services.intake.domain.state import person_id
from tests.kit.intake.sides import PILOT

ITEM = {"name": "Образцова Мария Примеровна", "email": "m@example.test", "phone": None, "until": "2029-01-01T00:00:00Z"}
READ = {"at": "2026-01-01T00:00:00Z", "by": "u-2001", "role": "officer", "organisation": None}

NAME = "Пробный Иван Примерович"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the verbs ask, answered as intake does; another pilot is not there."""
    seen = list[tuple[Any, ...]]()

    def ask(_service: str, method: str, url: str, token: str, **_: Any) -> httpx.Response:
        seen.append((method, url.removeprefix("http://intake"), token))
        if PILOT not in url:
            return httpx.Response(404, json={"title": "not-found", "detail": "There is nothing here."})
        if method == "DELETE":
            return httpx.Response(204)
        items = [READ if "readings" in url else ITEM]
        return httpx.Response(200, json={"items": items, "next": None, "persons": {"u-2001": NAME}})

    monkeypatch.setattr(common, "ask", ask)
    monkeypatch.setattr(common, "running", lambda: State(Child(0, None), 0, {"intake": "http://intake"}, {}))
    monkeypatch.setattr(keys, "token", lambda _home, roles, sub, **_: f"{sub}|{','.join(roles)}")
    monkeypatch.setattr(out, "_width", 200)
    return seen


def test_each_verb_asks_in_the_role_that_may(asked: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]) -> None:
    path = f"/v1/applications/{PILOT}/contact"
    assert main(["contact", "show", PILOT]) == 0 and "Образцова Мария Примеровна" in capsys.readouterr().out
    assert main(["contact", "readings", PILOT]) == 0 and "u-2001" in capsys.readouterr().out
    assert main(["contact", "erase", PILOT, "--yes"]) == 0 and "erased" in capsys.readouterr().out
    assert asked == [
        ("GET", path, "command-line|officer"),
        ("GET", f"{path}/readings?limit=200", "command-line|auditor"),
        ("DELETE", path, "command-line|admin"),
    ]


def test_a_program_gets_what_was_found_on_the_last_line_and_people_the_rest_on_stderr(
    asked: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["contact", "show", PILOT, "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == {"pilot": PILOT, "items": [ITEM]}
    assert "Образцова" in told.err
    assert main(["--json", "contact", "readings", PILOT]) == 0
    assert json.loads(capsys.readouterr().out) == {"pilot": PILOT, "items": [{**READ, "name": NAME}], "more": False}
    assert main(["contact", "show", person_id(PILOT), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"error": "Intake refused this (404): There is nothing here."}


def test_an_erasure_is_not_called_done_while_a_rebuild_has_left_a_database(
    asked: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(os.environ, "LOTSMAN_MONGO_URL", "mongodb://nobody.invalid")
    monkeypatch.setattr(databases, "left", lambda _url, _folder, services: [f"lotsman_{one}" for one in services])
    assert main(["contact", "erase", PILOT, "--yes", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["erased"] and told["left"] == ["lotsman_intake"] and "lotsman_intake. Drop that" in told["error"]


def test_what_is_not_there_is_one_sentence(asked: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]) -> None:
    other = person_id(PILOT)
    assert main(["contact", "show", other]) == 1
    assert capsys.readouterr().err.strip() == "Intake refused this (404): There is nothing here."
