"""For end-to-end tests: one whole system, as `./lotsman up` starts it, and a desk to use it from."""

import os
import signal
import time
import uuid
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

import httpx
import pytest
from rich.console import Console

from contracts.steps import EditionFrom
from deploy import access
from deploy.cli.agencies import enter_at
from deploy.cli.desk import Desk
from deploy.local.kafka import Kafka
from deploy.local.stack import Stack
from deploy.login import Login
from tests.documented import over_the_network

QUICK: Final = {
    "LOTSMAN_SWEEP_AGE": "1",
    "LOTSMAN_SWEEP_EVERY": "0.5",
    "LOTSMAN_NACK_PAUSE": "0.5",
    "LOTSMAN_EXPORT_LEASE": "5",
    "LOTSMAN_HOOK_WITHIN": "5",
    "LOTSMAN_AGENCY_EVENTS_A_MINUTE": "0",  # quotas are tried with agencies that have their own
}
"""What the services of a stack are told, so that recovery is seen soon."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A running system of this test module, with short sweeps so that recovery is seen soon."""
    with Stack(tmp_path_factory.mktemp("stack"), extra_env=QUICK) as running:
        if not isinstance(running.backends.broker, Kafka):
            reason = "delivery is only promised by Apache Kafka itself"
            pytest.fail(reason) if request.config.getoption("--require-kafka") else pytest.skip(reason)
        running.await_ready(60)
        yield running


@pytest.fixture
def desk(stack: Stack) -> Iterator[Desk]:
    """Hands for HTTP and Kafka. What the running services answer is held to their documents."""
    look = over_the_network(stack.urls)
    with httpx.Client(timeout=30, trust_env=False, event_hooks={"response": [look]}) as http:
        yield Desk(stack, Console(quiet=True), http, {})


def enter(stack: Stack, desk: Desk) -> str:
    """A fresh agency with its topics, its Kafka user and its entry; its code.

    Waits until the services are ready: the test before may have ended while the one it killed was being started again.
    """
    stack.await_ready(60)
    code = f"demo-{uuid.uuid4().hex[:8]}"
    user = access.add_agency(stack.backends.kafka.admin(), code, "a-secret-of-tests")
    desk.logins[code] = Login(stack.backends.kafka.bootstrap, user, "a-secret-of-tests")
    since = EditionFrom(edition="by-2024", since=date(2025, 1, 1))
    enter_at(stack.urls["intake"], stack.token(["admin"]), code, "Демонстрационное ведомство", since)
    return code


def kill(stack: Stack, name: str) -> None:
    """SIGKILL to a service as soon as it is ready; returns when its supervisor has started it again."""
    stack.await_ready(60, [name])
    pid = stack.services[name].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while stack.services[name].pid in (pid, None):
        assert time.monotonic() < deadline, "the supervisor did not start it again"
        time.sleep(0.05)


@pytest.fixture
def agency(stack: Stack, desk: Desk) -> str:
    """A fresh agency's code."""
    return enter(stack, desk)


@pytest.fixture(scope="session")
def inventory() -> Path:
    """The real inventory; the test is skipped where the file is absent."""
    path = Path(__file__).parents[3] / "shared" / "data" / "us-federal-ai-use-cases-2025.csv"
    if not path.exists():
        pytest.skip("the real inventory is not here")
    return path
