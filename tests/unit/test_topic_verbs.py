"""topic show, skip, skipped: what they ask of the services, and that each complaint is one clear sentence."""

import json
from typing import Any, Final

import httpx
import pytest

from contracts.topics import SERVICES
from deploy.cli import common
from deploy.cli.__main__ import main
from deploy.cli.common import out
from deploy.cli.reading import COLUMNS, show_rows
from deploy.local import keys
from deploy.local.state import Child, State
from deploy.service import READS_WITHIN, TIMEOUT

AT: Final = "pilots.agency.primer.v1/0"
STANDS: Final = {
    "topic": "pilots.agency.primer.v1",
    "partition": 0,
    "offset": 41,
    "end": 50,
    "behind": 9,
    "stands_since": "2026-03-02T09:00:00+00:00",
    "cause": "NotForUs",
}
GOES: Final = {**STANDS, "topic": "pilots.registry.v1", "behind": 0, "stands_since": None, "cause": None}
PASSED: Final = {"id": f"{AT}/41", "by": "ops", "at": "2026-03-02T09:05:00Z", "why": "Сломана запись."}


HELD: Final = {
    "topic": "pilots.receipts.primer.v1",
    "cause": "UnknownTopicOrPartitionError",
    "takes_nothing": True,
    "since": "2026-03-02T09:00:00Z",
    "tries": 3,
    "next_at": "2026-03-02T09:10:00Z",
    "messages": 30,
}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the verbs ask. Intake stands still at one record of two partitions, the others do not."""
    seen = list[tuple[Any, ...]]()

    def ask(
        service: str, method: str, url: str, token: str, *, headers: Any, timeout: float, body: Any = None
    ) -> httpx.Response:
        assert (method == "GET") == (not headers), "what is done has a key of its own"
        assert timeout == (READS_WITHIN if method == "GET" else TIMEOUT)
        seen.append((service, method, url.removeprefix(f"http://{service}"), token, body))
        if method == "POST" and body["record"] != f"{AT}/41":
            return httpx.Response(409, json={"title": "reading.not-there", "detail": "Nothing stands still there."})
        if method == "POST":
            return httpx.Response(200, json={"skips": body["record"]})
        if "withheld" in url:
            return httpx.Response(200, json={"items": [HELD] if service == "intake" else []})
        if "skipped" in url:
            return httpx.Response(200, json={"items": [PASSED] if service == "intake" else [], "next": None})
        return httpx.Response(200, json={"items": [STANDS, GOES] if service == "intake" else [GOES]})

    urls = {service: f"http://{service}" for service in SERVICES}
    monkeypatch.setattr(common, "ask", ask)
    monkeypatch.setattr(common, "running", lambda: State(Child(0, None), 0, urls, {}))
    monkeypatch.setattr(keys, "token", lambda _home, roles, **_: ",".join(roles))
    monkeypatch.setattr(out, "_width", 200)
    return seen


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """What a program gets of a verb that holds."""
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_what_takes_nothing_is_shown_with_what_waits_for_it(
    asked: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, "topic", "withheld")["items"] == [{"service": "intake", **HELD}]
    assert asked == [(service, "GET", "/v1/withheld", "ops", None) for service in SERVICES]
    assert main(["topic", "withheld"]) == 0
    assert "UnknownTopicOrPartitionError" in capsys.readouterr().out


def test_where_each_reader_is_and_what_stands_still_is_shown(
    asked: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(told(capsys, "topic", "show")["items"]) == 1 + len(SERVICES)
    assert asked == [(service, "GET", "/v1/reading", "ops", None) for service in SERVICES]
    assert told(capsys, "topic", "show", "--still")["items"] == [{"service": "intake", **STANDS}]
    assert main(["topic", "show", "--still"]) == 0
    said = capsys.readouterr().out
    assert "NotForUs" in said and "2026-03-02" in said and "pilots.registry" not in said


def test_in_a_narrow_terminal_nothing_is_cut_short_and_what_is_copied_stands_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(out, "_width", 80)
    show_rows(COLUMNS, [{"service": "intake", **STANDS}])
    said = capsys.readouterr().out
    assert "…" not in said and max(map(len, said.splitlines())) <= 80
    cause = "NewerVersion: /type: this program knows only older versions [of it]"
    show_rows(("service", "topic", "cause"), [{"service": "intake", "topic": AT, "cause": cause}], to_copy=True)
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [
        "service  intake",
        f"topic  {AT}",
        f"cause  {cause}",
        "",
    ]


def test_a_record_is_passed_over_with_why_and_that_is_shown(
    asked: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    skip = ["topic", "skip", f"{AT}/41", "--service", "intake", "--why", "Сломана запись."]
    assert told(capsys, *skip) == {"service": "intake", "skips": f"{AT}/41"}
    body = {"record": f"{AT}/41", "why": "Сломана запись."}
    assert asked == [("intake", "POST", "/v1/reading/skip", "ops", body)]
    assert told(capsys, "topic", "skipped")["items"] == [{"service": "intake", **PASSED}]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([f"{AT}/7", "--service", "intake", "--why", "x"], "Intake refused this (409): Nothing stands still there."),
        ([f"{AT}/7", "--service", "nobody", "--why", "x"], "nobody is no service: intake, expertise, registry."),
    ],
)
def test_what_cannot_be_passed_over_is_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["topic", "skip", *words]) == 1
    assert capsys.readouterr().err.strip() == sentence
