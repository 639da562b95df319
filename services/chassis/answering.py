"""The life of a process beside the services, such as that of mail or of the pages: it is told to end by a signal, and
answers over HTTP as long as it lasts."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.chassis.run import serving
from services.chassis.settings import Settings

log = logging.getLogger(__name__)


def told_to_end() -> asyncio.Event:
    """What is set when the process is told to end (SIGTERM, SIGINT)."""
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    return stopping


@asynccontextmanager
async def answering(app: FastAPI, settings: Settings, stopping: asyncio.Event) -> AsyncIterator[None]:
    """Answers over HTTP while a block works, which ends when it is `stopping`; that is set, too, where the server ends
    by itself, and raises SystemExit behind the block."""
    server = serving(app, settings)
    http = asyncio.create_task(server.serve())
    http.add_done_callback(lambda _done: stopping.set())
    try:
        yield
        if http.done():
            raise SystemExit("the HTTP server ended")
    finally:
        log.info("stopping")
        server.should_exit = True
        await http
