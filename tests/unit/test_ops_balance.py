"""How long `ops balance` asks a service that does not reach Kafka."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.cli import ops
from deploy.cli.__main__ import main
from deploy.complaint import Complaint


class Services:
    """Services that answer after `takes` seconds, 503 until `ready` have gone; the verb has their clock."""

    def __init__(self, takes: float, ready: float, code: int = 503) -> None:
        self.now, self.asked = 0.0, 0
        self._takes, self._ready, self._code = takes, ready, code

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def answer(self, *_asked: str) -> dict[str, Any]:
        self.asked += 1
        self.now += self._takes
        if self.now < self._ready:
            raise Complaint(f"kafka.away ({self._code})")
        return {"agencies": []}


def struck(monkeypatch: pytest.MonkeyPatch, services: Services) -> Services:
    monkeypatch.setattr(ops, "asked_as_ops", services.answer)
    monkeypatch.setattr(ops, "time", services)
    ops._balance("intake")
    return services


def test_a_service_that_has_just_come_up_is_asked_again_until_it_reaches_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    assert struck(monkeypatch, Services(takes=0.01, ready=7)).asked > 5


@pytest.mark.parametrize(
    ("takes", "code", "within", "asked"),
    [
        pytest.param(5, 503, 5, 1, id="kafka hangs: one answer says so"),
        pytest.param(0.01, 503, 11, 11, id="kafka refuses: asked for ten seconds"),
        pytest.param(0.01, 403, 1, 1, id="refused for another reason: once"),
    ],
)
def test_it_is_asked_no_longer_than_is_of_use(
    monkeypatch: pytest.MonkeyPatch, takes: float, code: int, within: float, asked: int
) -> None:
    services = Services(takes, float("inf"), code)
    with pytest.raises(Complaint, match=str(code)):
        struck(monkeypatch, services)
    assert services.now <= within and services.asked == asked


def test_where_a_service_is_away_what_the_others_tell_is_told_and_nothing_is_made_up_for_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away = {"expertise"}
    flow = {"writer": "expertise", "reader": "registry", "written": 5, "consumed": 5, "parked": 0, "lag": 0}
    agency = {**dict.fromkeys(ops.AGENCY, 2), "agency": "demo", "difference": 0, "events": []}
    group = {"status": "broken", "records": 3, "oldest": "", "topic": "t", "cause": "c"}

    def answer(service: str, _method: str, path: str) -> dict[str, Any]:
        if service in away:
            raise Complaint(f"{service} does not answer")
        if path == "/v1/balance":
            return {"agencies": [agency] if service == "intake" else [], "services": [flow], "unsent": 0}
        return {"items": [group] if service == "intake" else []}

    def told(*words: str) -> dict[str, Any]:
        assert main(["ops", *words, "--json"]) == 1
        found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
        return found

    monkeypatch.setattr(ops, "asked_as_ops", answer)
    found = told("balance")
    assert found["error"].startswith("expertise does not answer")
    assert (found["received"], len(found["services"]), found["agencies"][0]["agency"]) == (2, 2, "demo")
    found = told("parked")
    assert (found["error"].split()[0], found["records"]) == ("expertise", 3)
    away = {"intake"}
    assert told("balance").keys() == {"services", "error"}, "no agency's balance is known, and none is said to be zero"
    away = {"intake", "expertise", "registry"}
    assert told("parked") == {"error": "intake does not answer expertise does not answer registry does not answer"}


@pytest.mark.parametrize("words", [("ops", "balance"), ("ops", "parked"), ("topic", "show")])
def test_where_nothing_runs_that_is_said_once_and_nothing_is_left(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOTSMAN_HOME", str(tmp_path))
    assert main([*words]) == 1
    assert " ".join(capsys.readouterr().err.split()) == "Nothing runs here; ./lotsman up starts it."
    assert not [*tmp_path.iterdir()], "three who ask side by side would make a key each"
