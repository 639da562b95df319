"""For tests of the embedded stack: back ends by address, a stand-in for a service, a home of its own."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.backends import Backends

STUB = """
import http.server, os, signal, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'{"status": "ready", "checks": {}}')
    def log_message(self, *words): pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.HTTPServer.allow_reuse_address = True
http.server.HTTPServer(("127.0.0.1", int(os.environ["LOTSMAN_HTTP_PORT"])), Ready).serve_forever()
"""


@pytest.fixture
def given(backends: Backends, monkeypatch: pytest.MonkeyPatch) -> Backends:
    """The same back ends by their addresses, so that a stack under test starts none of its own."""
    monkeypatch.setenv("LOTSMAN_MONGO_URL", backends.mongo_url)
    monkeypatch.setenv("LOTSMAN_KAFKA_URL", backends.kafka.bootstrap)
    if backends.kafka.username:
        monkeypatch.setenv("LOTSMAN_KAFKA_USERNAME", backends.kafka.username)
        monkeypatch.setenv("LOTSMAN_KAFKA_PASSWORD", backends.kafka.password or "")
    return backends


@pytest.fixture
def stubs() -> dict[str, list[str]]:
    """Two services that do nothing but say that they are ready."""
    return {name: [sys.executable, "-c", STUB] for name in ("intake", "registry")}


@pytest.fixture
def soon() -> Callable[..., None]:
    """Returns when a condition holds; fails when it does not within the time."""
    return wait_for


def wait_for(true: Callable[[], object], seconds: float = 20) -> None:
    """What the fixture `soon` hands out."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, as LOTSMAN_HOME, with a space in its path."""
    home = tmp_path / "a home"
    monkeypatch.setenv("LOTSMAN_HOME", str(home))
    return home
