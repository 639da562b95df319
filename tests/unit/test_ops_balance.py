"""How long ops wait for a service that does not reach Kafka, is away or hangs, and what they are told meanwhile."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest

from contracts.reference import Role
from contracts.topics import EXPERTISE, INTAKE, REGISTRY
from deploy.cli import ops, reading
from deploy.cli.__main__ import main
from deploy.complaint import Complaint
from deploy.local import keys, state
from deploy.service import READS_WITHIN, TIMEOUT
from services.chassis import cluster
from services.chassis.answers import AgencyBalance, Became, in_all


class Services:
    """Services that answer after `takes` seconds, 503 until `ready` have gone; the verb has their clock."""

    def __init__(self, takes: float, ready: float, code: int = 503) -> None:
        self.now, self.asked = 0.0, 0
        self._takes, self._ready, self._code = takes, ready, code

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def answer(self, *_asked: str, within: float) -> dict[str, Any]:
        self.asked += 1
        self.now += min(self._takes, within)
        if self.now < self._ready:
            raise Complaint(f"kafka.away ({self._code})")
        return {"agencies": []}


def struck(monkeypatch: pytest.MonkeyPatch, services: Services) -> Services:
    monkeypatch.setattr(ops, "asked_as_ops", services.answer)
    monkeypatch.setattr(ops, "time", services)
    ops._balance("intake")
    return services


def test_a_service_that_has_just_come_up_is_asked_again_until_it_reaches_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    assert struck(monkeypatch, Services(takes=0.01, ready=4)).asked > 3


@pytest.mark.parametrize(
    ("takes", "code", "within", "asked"),
    [
        pytest.param(4.5, 503, 4.5, 1, id="kafka hangs: one answer says so"),
        pytest.param(0.01, 503, READS_WITHIN, 6, id="kafka refuses: asked as long as an answer can come in time"),
        pytest.param(20, 503, READS_WITHIN, 1, id="it hangs: given up"),
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
    flow = {**dict.fromkeys(ops.FLOW, 0), "writer": "expertise", "reader": "registry", "events": []}
    agency = {**dict.fromkeys(ops.AGENCY, 2), "agency": "demo", "difference": 0, "events": []}
    group = {"status": "broken", "agency": "demo", "records": 3, "oldest": "", "topic": "t", "cause": "c"}

    def answer(service: str, _method: str, path: str, **_within: float) -> dict[str, Any]:
        if service in away:
            raise Complaint(f"{service} does not answer")
        if path == "/v1/balance":
            facts = {**FACTS, "writer": service}
            whose = [agency] if service == "intake" else []
            whole = {name: one[name] for one in whose for name in ops.AGENCY[1:]}
            return {"agencies": whose, "in_all": whole, "services": [flow], "facts": facts}
        return {"items": [group], "records": 3} if service == "intake" else {"items": [], "records": 0}

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
    assert told("balance").keys() == {"services", "facts", "error"}, (
        "no agency's balance is known, and none is said to be zero"
    )
    away = {"intake", "expertise", "registry"}
    assert told("parked") == {"error": "intake does not answer expertise does not answer registry does not answer"}


def test_a_look_through_everything_goes_on_from_part_to_part_and_then_the_balance_is_struck(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = list[str]()
    parts: list[dict[str, Any]] = [
        {"looked": 9, "found": 1, "next": "documents/a b"},
        {"looked": 4, "found": 2, "next": None},
        {"looked": 3, "found": 1, "next": None},
        {"looked": 2, "found": 0, "next": None},
    ]

    def answer(service: str, _method: str, path: str, **_within: float) -> dict[str, Any]:
        if path == "/v1/balance":
            return ANSWERS[path]
        asked.append(f"{service} {path}")
        return parts[len(asked) - 1]

    monkeypatch.setattr(ops, "asked_as_ops", answer)
    assert main(["ops", "balance", "--whole", "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["looked"], found["found"], found["agencies"]) == (18, 4, [])
    whole = "/v1/balance/whole"
    assert asked == [
        f"intake {whole}",
        f"intake {whole}?after=documents%2Fa+b",
        f"expertise {whole}",
        f"registry {whole}",
    ]


def test_lost_facts_are_named_with_their_readers_and_what_was_not_sent_is_a_difference_to_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lost, unsent = {"fact": "intake/p1#2", "why": "not-taken"}, {"fact": "intake/p2#7", "why": "not-sent"}
    flow = {**dict.fromkeys(ops.FLOW, 0), "written": 9, "sent": 9, "consumed": 8, "events": []}
    flows = {
        "expertise": {**flow, "writer": "intake", "reader": "expertise", "consumed": 9},
        "registry": {**flow, "writer": "intake", "reader": "registry", "difference": 1, "events": [lost]},
    }
    own = {**FACTS, "writer": "intake", "written": 12, "sent": 9, "unsent": 2, "difference": 1, "events": [unsent]}

    def answer(service: str, _method: str, _path: str, **_within: float) -> dict[str, Any]:
        mine = [flows[service]] if service in flows else []
        facts = own if service == "intake" else {**FACTS, "writer": service}
        return {"agencies": [], "in_all": NOTHING, "services": mine, "facts": facts}

    monkeypatch.setattr(ops, "asked_as_ops", answer)
    assert main(["ops", "balance", "--json"]) == 1
    said = capsys.readouterr()
    found = json.loads(said.out.splitlines()[-1])
    assert found["error"].startswith("2 facts between the services are lost; see docs/runbooks/facts-lost.md")
    assert [(one["difference"], [it["fact"] for it in one["events"]]) for one in found["services"]] == [
        (1, ["intake/p2#7"]),
        (2, ["intake/p1#2", "intake/p2#7"]),
    ]
    for one in found["services"]:
        assert one["written"] == 12 == one["consumed"] + one["parked"] + one["lag"] + one["difference"]
    assert found["facts"][0] == own
    assert main(["ops", "balance"]) == 1
    shown = capsys.readouterr().out
    assert [line.replace("│", " ").split() for line in shown.splitlines() if "#" in line] == [
        ["intake/p1#2", "not-taken", "registry"],
        ["intake/p2#7", "not-sent"],
    ]


@pytest.mark.parametrize("words", [("ops", "balance"), ("ops", "parked"), ("topic", "show")])
def test_where_nothing_runs_that_is_said_once_and_nothing_is_left(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOTSMAN_HOME", str(tmp_path))
    assert main([*words]) == 1
    assert " ".join(capsys.readouterr().err.split()) == "Nothing runs here; ./lotsman up starts it."
    assert not [*tmp_path.iterdir()], "three who ask side by side would make a key each"


FACTS: Final = {"writer": "", "written": 0, "sent": 0, "unsent": 0, "difference": 0, "events": list[Any]()}
NOTHING: Final = in_all([]).model_dump()
GROUP: Final = {"status": "broken", "agency": None, "records": 3, "oldest": "", "topic": "t", "cause": "c"}
PLACE: Final = dict.fromkeys(reading.COLUMNS[1:], 1)
SKIPPED: Final = {"id": "t/0/1", "by": "ops", "at": "2026-03-02T09:05:00Z", "why": "w"}
ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "/v1/balance": {"agencies": [], "in_all": NOTHING, "services": [], "facts": FACTS},
    "/v1/parked/groups": {"items": [GROUP], "records": 3},
    "/v1/reading": {"items": [PLACE]},
    "/v1/reading/skipped": {"items": [SKIPPED]},
}


class Answering(BaseHTTPRequestHandler):
    """A service that answers at once."""

    def do_GET(self) -> None:
        body = json.dumps(ANSWERS[self.path.partition("?")[0]]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_said: object) -> None:
        """Nothing."""


@contextmanager
def answering() -> Iterator[str]:
    """The address of a service that answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def hanging() -> Iterator[str]:
    """The address of a service that takes every connection and never answers, as one that was stopped by SIGSTOP."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def one_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A system of which expertise hangs."""
    with ExitStack() as stack:
        urls = {name: stack.enter_context(answering()) for name in (INTAKE, REGISTRY)}
        state.write(tmp_path, 0, {**urls, EXPERTISE: stack.enter_context(hanging())}, {})
        monkeypatch.setenv("LOTSMAN_HOME", str(tmp_path))
        keys.token(tmp_path, [Role.OPS])  # a system that runs has a key
        yield


def of_groups(found: dict[str, Any]) -> bool:
    return [one["service"] for one in found["groups"]] == [INTAKE, REGISTRY]


def of_items(found: dict[str, Any]) -> bool:
    return [one["service"] for one in found["items"]] == [INTAKE, REGISTRY]


@pytest.mark.usefixtures("one_hangs")
@pytest.mark.parametrize(
    ("words", "others"),
    [
        pytest.param(("ops", "balance"), lambda found: found["agencies"] == [], id="balance"),
        pytest.param(("ops", "parked"), of_groups, id="parked"),
        pytest.param(("topic", "show"), of_items, id="topic"),
        pytest.param(("topic", "skipped"), of_items, id="skipped"),
    ],
)
def test_a_service_that_never_answers_is_named_in_time_with_what_the_others_tell(
    words: tuple[str, ...],
    others: Callable[[dict[str, Any]], bool],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for one in (ops, reading):
        monkeypatch.setattr(one, "READS_WITHIN", 0.5)
    began = time.monotonic()
    assert main([*words, "--json"]) == 1
    assert time.monotonic() - began < 5, "it is waited for no longer than a look may take"
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["error"].startswith("Expertise does not answer (ReadTimeout)")
    assert others(found)


def test_who_looks_waits_longer_than_a_difference_or_kafka_takes_and_not_as_long_as_who_commands() -> None:
    assert cluster.WITHIN < 5 < READS_WITHIN <= 6 < TIMEOUT


def test_all_agencies_are_added_up_part_by_part() -> None:
    parts = {name: n for n, name in enumerate(Became.model_fields, 1)}
    one, another = (AgencyBalance(agency=code, **parts) for code in ("anna", "demo"))
    assert in_all([one, another]) == Became(**{name: 2 * n for name, n in parts.items()})
    assert set(in_all([]).model_dump().values()) == {0}
