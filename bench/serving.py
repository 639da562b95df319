"""Runs a service, or the desk, on a database that was filled for a measurement: over HTTP alone, without timers and
readers, so that nothing moves while it is measured."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from contracts.topics import DESK
from deploy.complaint import Complaint
from deploy.local.backends import Backends
from deploy.local.health import why_not_ready
from deploy.local.ports import Ports
from deploy.local.process import Process
from deploy.progress import Say, silent, task

READY_WITHIN: Final = 60.0
GRACE: Final = 20.0


@asynccontextmanager
async def serving(
    backends: Backends,
    name: str,
    database: str,
    ports: Ports,
    extra_env: Mapping[str, str] | None = None,
    say: Say = silent,
) -> AsyncIterator[str]:
    """A running process of this name; its address. Raises Complaint where it does not get ready."""
    url = f"http://127.0.0.1:{ports[name]}"
    env = {
        **(backends.desk_env() if name == DESK else backends.service_env(name)),
        "LOTSMAN_MONGO_URL": backends.mongo_url,
        "LOTSMAN_DATABASE": database,
        "LOTSMAN_HTTP_HOST": "127.0.0.1",
        "LOTSMAN_HTTP_PORT": str(ports[name]),
        "LOTSMAN_ONLY": "http",
        "LOTSMAN_COMPARE": "false",  # its database was never that of the topic
        **(extra_env or {}),
    }
    command = [sys.executable, "-m", f"services.{name}"]
    process = Process(f"bench-{name}", name.capitalize(), command, backends.folder, env)
    process.start()
    try:
        with task(say, f"starting {name}"):
            await asyncio.to_thread(_await_ready, process, url)
        yield url
    finally:
        await asyncio.to_thread(process.stop, GRACE)


def _await_ready(process: Process, url: str) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while reason := why_not_ready(url):
        process.need_running()
        if time.monotonic() > deadline:
            raise Complaint(f"{process.title} is not ready ({reason}): {process.last_words()}")
        time.sleep(0.05)
