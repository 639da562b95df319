"""A process beside the services tells at /metrics which version runs, and only figures that it has."""

from pathlib import Path

import httpx
import pytest

from contracts import VERSION
from contracts.topics import DESK
from deploy.local.backends import Backends
from deploy.local.stack import FOLLOWER, MAIL, Stack, commands

BESIDE = {DESK: "desk", FOLLOWER: "follower", MAIL: "expertise-mail"}
"""What each calls itself, by what it is started as."""


def test_each_process_beside_the_services_tells_its_version_and_no_zero_that_it_does_not_count(
    given: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOTSMAN_SMTP_URL", "smtp://127.0.0.1:1")
    monkeypatch.setenv("LOTSMAN_SMTP_FROM", "lotsman@example.org")
    every = commands(mail=True, desk=True, follower=True)
    with Stack(tmp_path, services={name: every[name] for name in BESIDE}) as stack:
        asked = {"Authorization": f"Bearer {stack.token(['ops'])}"}
        for name, called in BESIDE.items():
            answer = httpx.get(f"{stack.urls[name]}/metrics", headers=asked, timeout=30, trust_env=False)
            assert answer.status_code == 200, answer.text
            told = {line.split("{")[0].split()[0]: line for line in answer.text.splitlines() if line[:1] != "#"}
            assert told["lotsman_build_info"] == f'lotsman_build_info{{service="{called}",version="{VERSION}"}} 1.0'
            assert "lotsman_ready" in told and "lotsman_connections" in told
            of_services = {one for one in told if one.startswith(("lotsman_outbox", "lotsman_held", "lotsman_stage"))}
            assert of_services | (told.keys() & {"lotsman_timer_late_seconds", "lotsman_loop_late_seconds"}) == set()
            assert (name == FOLLOWER) == ("lotsman_kafka_waiting_agencies" in told), "what it has it tells"
