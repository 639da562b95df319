"""The collector of the embedded stack tells of its traces and logs, to a token of the stack with the role ops alone."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local import keys
from deploy.local.asked_traces import listed
from deploy.local.kept import Kept
from deploy.local.ports import Ports
from deploy.local.traces import Receiver
from tests.kit.desk.ops import PILOT, TRACE
from tests.kit.desk.traces import AFTER, BEFORE, LINE, SPANS

PATH = "/v1/kept-traces"


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[httpx.Client]:
    """Somebody of ops at a collector that has kept some traces; its folder is that of the test."""
    port = Ports.free()["otlp"]
    receiver = Receiver(tmp_path / "traces.sqlite", port)
    receiver.start()
    receiver.keep(SPANS[:2])
    receiver.keep(SPANS[2:])  # an export seldom has a whole trace
    bearer = {"Authorization": f"Bearer {keys.token(tmp_path, ['ops'])}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=bearer, trust_env=False) as client:
        yield client
    receiver.stop()


def items(client: httpx.Client, path: str = PATH, **query: str) -> list[dict[str, Any]]:
    """The rows of an answer."""
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["items"]
    return rows


def test_it_is_closed_to_all_but_ops_of_this_stack(asked: httpx.Client, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for token, status in (
        ("", 401),
        ("Bearer nonsense", 401),
        (f"Bearer {keys.token(other, ['ops'])}", 401),
        (f"Bearer {keys.token(tmp_path, ['operator', 'admin'])}", 403),
    ):
        for path in (PATH, f"{PATH}/{TRACE}", f"{PATH}/{TRACE}/lines"):
            assert asked.get(path, headers={"Authorization": token}).status_code == status, token
    for path in ("/", "/v1/other", f"{PATH}/../traces.sqlite", f"{PATH}/{TRACE}/more", f"{PATH}/{'0' * 32}"):
        assert asked.get(path).status_code == 404, path
    assert asked.get(PATH, params={"limit": "many"}).status_code == 422


def test_lists_are_those_of_the_newest_the_slowest_and_the_failed_page_by_page(asked: httpx.Client) -> None:
    assert [one["trace"] for one in items(asked)] == [AFTER, TRACE, BEFORE]
    assert [one["trace"] for one in items(asked, order="slowest")] == [AFTER, TRACE, BEFORE]
    assert [one["trace"] for one in items(asked, failed="1")] == [TRACE]
    [_, one, _] = items(asked)
    assert (one["took_ms"], one["failed"], one["service"], one["begins_with"]) == (
        812.0,
        True,
        "expertise",
        "POST /v1/acceptances",
    )
    for order in ("newest", "slowest"):
        found, after = [], ""
        while after is not None:
            page = asked.get(PATH, params={"limit": "1", "order": order, "after": after}).json()
            found += [row["trace"] for row in page["items"]]
            after = page["next"]
        assert found == [AFTER, TRACE, BEFORE], order


def test_a_trace_is_told_with_what_came_before_and_after_and_those_of_a_pilot_in_order(asked: httpx.Client) -> None:
    told = asked.get(f"{PATH}/{TRACE}").json()
    assert [one["span_id"] for one in told["spans"]] == ["c1", "c2", "c4", "c3"]
    assert [one["trace"] for one in told["before"]] == [BEFORE]
    assert [one["trace"] for one in told["after"]] == [AFTER]
    assert [one["trace"] for one in items(asked, of=PILOT)] == [BEFORE, TRACE, AFTER]
    assert items(asked, of="nobody") == []


def test_the_lines_of_a_trace_are_found_in_all_logs_that_are_kept(asked: httpx.Client, tmp_path: Path) -> None:
    assert items(asked, f"{PATH}/{TRACE}/lines") == []
    logs = tmp_path / "logs"
    logs.mkdir()
    earlier = {**LINE, "time": "2026-04-16T11:00:00.000+00:00", "service": "intake"}
    other = {**LINE, "trace": "0" * 31 + "1"}
    (logs / "registry.log").write_text("".join(f"{json.dumps(one)}\n" for one in (other, LINE)) + "Traceback\n")
    (logs / "intake.log.1").write_text(json.dumps(earlier))
    (logs / "empty.log").touch()
    assert items(asked, f"{PATH}/{TRACE}/lines") == [earlier, LINE]


def test_a_file_of_an_earlier_program_is_listed_and_what_is_dropped_is_listed_no_more(tmp_path: Path) -> None:
    path, port = tmp_path / "traces.sqlite", Ports.free()["otlp"]
    receiver = Receiver(path, port, Kept(trace_days=10**5))
    receiver.start()
    receiver.keep(SPANS)
    receiver.stop()
    with closing(sqlite3.connect(path)) as store:
        store.execute("DROP TABLE traces")
    receiver = Receiver(path, port, Kept(trace_days=1))
    receiver.start()
    assert listed(path, slowest=False, errors=False, most=9) == [AFTER, TRACE, BEFORE]
    receiver.tidy()
    assert listed(path, slowest=False, errors=False, most=9) == []
    receiver.stop()
