"""person erase, person erasures: every service that keeps names is asked, and each says what it did."""

import json
from threading import Barrier
from typing import Any

import httpx
import pytest

from deploy.cli import common
from deploy.cli.__main__ import main
from deploy.cli.common import out
from deploy.complaint import Complaint
from deploy.local import keys
from deploy.local.state import Child, State
from deploy.service import READS_WITHIN, TIMEOUT

DOCUMENT = ("--body", "Пример", "--kind", "заявление", "--number", "12", "--date", "2026-03-02")
BASIS = {"body": "Пример", "kind": "заявление", "number": "12", "date": "2026-03-02"}
DONE = {"at": "2026-03-03T00:00:00Z", "by": "admin-1", "role": "admin", "basis": BASIS}
URLS = {name: f"http://{name}" for name in ("intake", "expertise", "registry")}

Asked = list[tuple[Any, ...]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the verbs ask. The expertise keeps a name, the register none."""
    seen = Asked()

    def ask(
        service: str, method: str, url: str, token: str, *, timeout: float, body: Any = None, **_: Any
    ) -> httpx.Response:
        assert timeout == (READS_WITHIN if method == "GET" else TIMEOUT)
        seen.append((method, url, token, body))
        if "away" in url and service == "registry":
            raise Complaint("Registry does not answer (ConnectError); ./lotsman status says why.")
        if method == "GET":
            return httpx.Response(200, json={"items": [DONE] if service == "expertise" else [], "next": None})
        return httpx.Response(200, json={"person": "u-1", "erased": service == "expertise"})

    monkeypatch.setattr(common, "ask", ask)
    monkeypatch.setattr(common, "running", lambda: State(Child(0, None), 0, URLS, {}))
    monkeypatch.setattr(keys, "token", lambda _home, roles, sub, **_: f"{sub}|{','.join(roles)}")
    monkeypatch.setattr(out, "_width", 200)
    return seen


def test_an_erasure_is_asked_of_each_service_on_its_document_and_each_tells_what_it_did(
    asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["person", "erase", "u-1", *DOCUMENT, "--yes", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == {
        "person": "u-1",
        "services": {one: {"erased": one == "expertise", "error": None} for one in URLS},
    }
    assert "expertise: what was kept of u-1 is erased" in told.err and "registry: nothing was kept of u-1" in told.err
    path, token = "/v1/persons/u-1/erasure", "command-line|admin"
    assert sorted(asked, key=str) == sorted(
        (("POST", f"{URLS[one]}{path}", token, {"basis": BASIS}) for one in URLS), key=str
    )


def test_where_one_service_is_away_the_others_are_asked_all_the_same_and_it_is_told(
    asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["person", "erase", "away", *DOCUMENT, "--yes", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["services"]["expertise"] == {"erased": True, "error": None}
    assert told["error"].startswith("registry did not erase what is kept: Registry does not answer")


def test_nothing_is_asked_without_a_document_or_with_a_day_that_is_none(
    asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["person", "erase", "u-1", "--yes"]) != 0
    assert main(["person", "erase", "u-1", *DOCUMENT[:-1], "1.1.2026", "--yes"]) == 1
    assert "Invalid isoformat string: '1.1.2026'." in capsys.readouterr().err
    assert asked == []


def test_who_was_erased_where_by_whom_and_on_what_is_listed(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["person", "erasures", "u-1"]) == 0
    assert "заявление 12 2026-03-02 (Пример)" in capsys.readouterr().out
    assert main(["person", "erasures", "u-1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["services"]
    assert [found[one]["erasures"] for one in URLS] == [[], [DONE], []]


def test_all_are_asked_at_once_so_one_that_hangs_is_waited_for_once(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    together = Barrier(len(URLS), timeout=20)

    def token(*_: Any, **__: Any) -> str:
        together.wait()  # nobody goes on before all are asked
        return "admin"

    monkeypatch.setattr(keys, "token", token)
    assert main(["person", "erasures", "away", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["services"]["expertise"]["erasures"] == [DONE]
    assert told["error"].startswith("registry did not say: Registry does not answer")
