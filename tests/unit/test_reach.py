"""Verbs that are told of another system: what is asked there, with which token, and how they say what is wrong."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest

from contracts.topics import SERVICES
from deploy.cli import reach
from deploy.cli.__main__ import PARTS, command_line, main, verbs
from deploy.local import keys
from services.chassis.answers import in_all

REFUSALS: Final = {401: "The token or key is not valid: it is over.", 403: "This needs one of the roles: ops."}


class Answering(BaseHTTPRequestHandler):
    """A service that notes who asks, and answers as the test has it."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization")))  # type: ignore[attr-defined]
        code, head, body = self.server.says  # type: ignore[attr-defined]
        self.send_response(code)
        for name, value in {**head, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.do_GET()

    def log_message(self, *_said: object) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    """One address."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked = list[tuple[str, str | None]]()
        facts = {"writer": "intake", "written": 0, "sent": 0, "unsent": 0, "difference": 0, "events": []}
        balance = {"agencies": [], "in_all": in_all([]).model_dump(), "services": [], "facts": facts, "unsent": 0}
        self.answers(200, {**balance, "items": [], "records": 0})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answers(self, code: int, body: Any, **head: str) -> None:
        self.says = code, head, body if isinstance(body, bytes) else json.dumps(body).encode()


@contextmanager
def served() -> Iterator[Server]:
    with Server() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names no system, no token and no folder."""
    for name in (*(f"{one.upper()}_URL" for one in reach.NAMES), "TOKEN", "TOKEN_FILE", "HOME"):
        monkeypatch.delenv(f"LOTSMAN_{name}", raising=False)


@pytest.fixture
def system() -> Iterator[dict[str, Server]]:
    """Three services, each at an address of its own."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(served()) for name in SERVICES}


def urls(system: dict[str, Server]) -> list[str]:
    return [word for name, one in system.items() for word in ("--url", f"{name}={one.url}")]


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A file with a token of a person."""
    (tmp_path / "ops.token").write_text(keys.token(tmp_path / "idp", ["ops"], sub="ops-1") + "\n")
    return tmp_path / "ops.token"


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 1) -> str:
    """The sentence of a verb that fails."""
    assert main([*words]) == code
    return " ".join(capsys.readouterr().err.split())


def test_options_or_the_environment_name_a_system_and_each_service_gets_the_given_token(
    system: dict[str, Server], token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["ops", "balance", *urls(system), "--token-file", str(token)]) == 0
    bearer = f"Bearer {token.read_text().strip()}"
    assert [one.asked for one in system.values()] == [[("/v1/balance", bearer)]] * 3
    assert reach.named() is None, "what was said by options ends with the verb"
    for name, one in system.items():
        monkeypatch.setenv(f"LOTSMAN_{name.upper()}_URL", one.url)
    monkeypatch.setenv("LOTSMAN_TOKEN_FILE", str(token))
    assert main(["ops", "parked"]) == 0
    assert [one.asked[1:] for one in system.values()] == [[("/v1/parked/groups", bearer)]] * 3


def test_options_of_a_verb_that_fails_end_with_it_too(system: dict[str, Server], tmp_path: Path) -> None:
    for wrong in (["--token-file", str(tmp_path / "none")], ["--nosuch"]):
        assert main(["ops", "balance", *urls(system), *wrong]) != 0
        assert reach.named() is None


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("intake=http://intake.example:8101", "would show the token to whoever is on the way: https, or a tunnel"),
        ("intake=http://10.0.0.7:8101", "https, or a tunnel to this machine (ssh -L PORT:10.0.0.7:8101 HOST)"),
        ("intake=127.0.0.1:8101", "A service is named as SERVICE=URL"),
        ("intakes=https://intake.example", "A service is named as SERVICE=URL"),
        ("intake=https://[::1", "A service is named as SERVICE=URL"),
        ("intake=https://ops:secret@intake.example", "A service is named as SERVICE=URL"),
        ("desk=https://desk.example", "Which system? --url SERVICE=ADDRESS names one"),
        ("intake=https://intake.example", "No address of expertise was given: --url expertise=ADDRESS"),
    ],
)
def test_a_wrong_address_is_a_sentence_and_nobody_is_asked(
    url: str, sentence: str, token: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.cli.common.ask", lambda *_, **__: pytest.fail("it was asked"))
    words = ["topic", "skip", "t/0/1", "--service", "expertise", "--why", "w"]
    assert sentence in said(capsys, *words, "--url", url, "--token-file", str(token))


def test_two_services_at_one_address_are_a_mistake(
    system: dict[str, Server], token: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = system["intake"].url
    words = ["ops", "parked", "--url", f"intake={one}", "--url", f"registry={one}", "--token-file", str(token)]
    assert "Two services cannot have the same address." in said(capsys, *words)


def test_no_token_of_this_machines_own_system_is_ever_sent_elsewhere(
    system: dict[str, Server], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "home", lambda: tmp_path)
    keys.token(tmp_path, ["ops"])  # a system ran here
    assert "a token of it is needed: --token-file FILE" in said(capsys, "ops", "parked", *urls(system))
    assert [one.asked for one in system.values()] == [[]] * 3
    monkeypatch.setenv("LOTSMAN_HOME", str(tmp_path))
    assert main(["ops", "parked", *urls(system)]) == 0, "the folder is named: it is of that system"
    monkeypatch.setattr(reach, "home", lambda: tmp_path / "empty")
    assert "a token of it is needed" in said(capsys, "ops", "parked", *urls(system))
    assert not (tmp_path / "empty").exists()


def test_a_token_file_that_cannot_be_used_is_a_sentence(
    system: dict[str, Server], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "token"
    words = ["ops", "parked", *urls(system), "--token-file", str(file)]
    assert f"The token in {file} cannot be read" in said(capsys, *words)
    for text in ("", "two words", "жетон"):
        file.write_text(text)
        assert f"What stands in {file} is no token" in said(capsys, *words)
    assert [one.asked for one in system.values()] == [[]] * 3
    assert "Which system?" in said(capsys, "ops", "parked", "--token-file", str(file))


@pytest.mark.parametrize("code", REFUSALS)
def test_a_token_that_is_over_or_has_not_the_role_is_a_sentence(
    code: int, system: dict[str, Server], token: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if code == 401:
        token.write_text(keys.token(tmp_path / "idp", ["ops"], hours=-1))
    for one in system.values():
        one.answers(code, {"title": "auth", "detail": REFUSALS[code]})
    found = said(capsys, "topic", "show", *urls(system), "--token-file", str(token))
    assert f"Intake refused this ({code}): {REFUSALS[code]} The token in {token} was sent" in found
    assert ("it ended at 20" in found) == (code == 401)


def test_what_is_no_service_or_is_away_is_a_sentence_and_no_answer_leads_the_token_to_another_address(
    system: dict[str, Server], token: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["ops", "parked", *urls(system), "--token-file", str(token)]
    system["intake"].answers(302, b"", Location=f"{system['registry'].url}/stolen")
    system["expertise"].answers(200, b"<html>A page of somebody else</html>")
    found = said(capsys, *words)
    assert f"What answers at {system['intake'].url} (302) is not intake" in found
    assert f"What answers at {system['expertise'].url} (200) is not expertise" in found
    assert [path for path, _ in system["registry"].asked] == ["/v1/parked/groups"]
    away = ["--url", "intake=http://127.0.0.1:1", "--token-file", str(token)]
    assert "Intake does not answer (ConnectError)" in said(capsys, "agency", "list", *away)


def test_who_does_it_elsewhere_is_who_the_token_is_of(
    system: dict[str, Server], token: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    system["intake"].answers(200, {"id": "r1"})
    words = ["ops", "discard", "t/0/1", "--service", "intake", "--why", "w", *urls(system), "--token-file", str(token)]
    assert "is of ops-1, not of ops-2" in said(capsys, *words, "--as", "ops-2")
    assert system["intake"].asked == []
    assert main(words) == 0
    assert "--token-file THEIRS" in capsys.readouterr().out
    assert main([*words, "--as", "ops-1"]) == 0


def test_here_somebody_has_to_say_who_does_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.cli.common.running", lambda: pytest.fail("it was asked"))
    words = ["ops", "discard", "t/0/1", "--service", "intake", "--why", "w"]
    monkeypatch.setattr("deploy.cli.common.reached", lambda: reach.System({}, reach._by_own_key))
    monkeypatch.setattr("deploy.cli.ops.reached", lambda: reach.System({}, reach._by_own_key))
    assert "Who does it? --as PERSON says it" in said(capsys, *words)


@pytest.mark.parametrize(
    "words",
    [
        ("up", "-d"),
        ("down",),
        ("officials", "ПП-2026-000001"),
        ("rebuild", "intake"),
        ("accept-loss", "intake", "--sure"),
    ],
    ids=lambda words: words[0],
)
def test_a_verb_that_works_on_this_machine_alone_says_so_where_another_system_is_named(
    words: tuple[str, ...],
    system: dict[str, Server],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("LOTSMAN_HOME", str(tmp_path))
    monkeypatch.delenv("LOTSMAN_MONGO_URL", raising=False)
    assert f"./lotsman {words[0]} works on the system of this machine alone" in said(capsys, *words, *urls(system))
    monkeypatch.setenv("LOTSMAN_INTAKE_URL", system["intake"].url)
    assert "works on the system of this machine alone" in said(capsys, *words)
    assert not [*tmp_path.iterdir()]


def test_every_verb_either_reaches_other_systems_or_says_that_it_does_not_or_speaks_to_none() -> None:
    alone = {"bench", "check", "coverage", "demo", "docs", "test", "token", "contracts"}
    assert alone < {verb for verbs_ in PARTS.values() for verb in verbs_}
    for words, one in verbs(command_line([])):
        reaches = any("--url" in parameter.opts for parameter in one.params)
        assert reaches or words[0] in alone, words


def test_how_another_system_is_needs_no_token(system: dict[str, Server], capsys: pytest.CaptureFixture[str]) -> None:
    for one in system.values():
        one.answers(200, {"status": "ready", "checks": {}, "editions": {"by-2024": "a"}})
    assert main(["status", *urls(system), "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [(part["name"], part["ready"]) for part in found["parts"]] == [(name, True) for name in SERVICES]
    assert {bearer for one in system.values() for _, bearer in one.asked} == {None}
    system["registry"].answers(503, {"status": "not ready", "checks": {"mongo": "away"}})
    assert "not ready: registry" in said(capsys, "status", *urls(system))
    assert "not ready: intake" in said(capsys, "status", "--url", "intake=http://127.0.0.1:1")


def test_where_traces_are_kept_has_to_be_said_and_a_jaeger_gets_no_token(
    system: dict[str, Server], token: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["trace", "0" * 32, *urls(system), "--token-file", str(token)]
    assert "Where are its traces kept?" in said(capsys, *words)
    with served() as kept:
        kept.answers(404, {"error": {"httpCode": 404}})
        assert "No trace of" in said(capsys, *words, "--url", f"jaeger={kept.url}")
        assert kept.asked == [(f"/api/v3/traces/{'0' * 32}", None)]
        kept.answers(200, b"<html>")
        assert f"What answers at {kept.url} keeps no traces" in said(capsys, *words, "--url", f"jaeger={kept.url}")
        kept.answers(403, {"title": "auth.role", "detail": "The role ops is needed."})
        found = said(capsys, *words, "--url", f"collector={kept.url}")
        assert f"{kept.url} refused this (403): The role ops is needed." in found
    assert "does not answer (ConnectError)" in said(capsys, *words, "--url", "jaeger=http://127.0.0.1:1")
