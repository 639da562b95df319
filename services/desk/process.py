"""The life of the desk's process: its database, the pages over HTTP, and the sweep of what has ended."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from fastapi import APIRouter
from pydantic import ValidationError

from contracts.topics import DESK as NAME
from services.chassis import beside, logs, telemetry
from services.chassis.answering import answering, told_to_end
from services.chassis.auth import Keys
from services.chassis.public import Callers
from services.chassis.readiness import Watched
from services.chassis.run import need_rules, utc_now
from services.chassis.settings import Settings
from services.chassis.store import Store, StoreAway, open_client
from services.chassis.web import make_bare_app
from services.desk.app import make_pages
from services.desk.clients import Clients
from services.desk.drafts import OF_PERSON, VIEWS, Drafts
from services.desk.readiness import NEEDED, checks_of
from services.desk.session import OPEN, SESSIONS, Sessions
from services.desk.settings import DeskSettings
from services.desk.visit import Desk
from services.desk.way_in import Door
from services.desk.words import words_of

log = logging.getLogger(__name__)

SWEEP_EVERY: Final = 600.0
AGAIN_AFTER: Final = 1.0
INDEXES: Final = {VIEWS: [OF_PERSON], SESSIONS: [OPEN]}
"""The indexes of what the desk lists and counts."""
NO_JSON: Final = {"json_elements": 2**31, "json_depth": 2**31}
"""What comes in here are forms: commas and brackets in them are somebody's words."""

MakeDoor = Callable[[DeskSettings, Settings, Store, Keys], tuple[Door, Sequence[APIRouter]]]
"""Makes the way in, and the routes that it needs."""


def main(make_door: MakeDoor) -> None:
    """The whole life of the process."""
    settings = Settings()
    try:
        own = DeskSettings()
    except ValidationError as error:
        raise SystemExit("; ".join(one["msg"] for one in error.errors())) from None
    need_rules(settings)
    logs.log_to_stdout(NAME)
    beside.tell(NAME)
    provider = telemetry.start(NAME, settings.otlp_url)
    try:
        asyncio.run(_serve(settings, own, make_door))
    finally:
        provider.shutdown()


async def _serve(settings: Settings, own: DeskSettings, make_door: MakeDoor) -> None:
    stopping = told_to_end()
    client = open_client(settings.mongo_url.get_secret_value(), settings.mongo_driver)
    store = Store(client, settings.database or f"lotsman_{NAME}")
    clients, keys = Clients.of(own), Keys.of(settings)
    door, way_in = make_door(own, settings, store, keys)
    desk = make_desk(own, store, clients, door, settings.trusted_hops)
    checks = checks_of(store, clients, door)
    needed = {name: checks[name] for name in NEEDED}
    app = make_bare_app("Lotsman desk", keys, needed, settings.model_copy(update=NO_JSON), checks)
    app.mount("/", make_pages(desk, way_in))
    sweeping = asyncio.create_task(_sweep(store, desk))
    try:
        async with answering(app, settings, stopping):
            await stopping.wait()
    finally:
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping
        await clients.close()
        await store.close()


def make_desk(own: DeskSettings, store: Store, clients: Clients, door: Door, hops: int = 0) -> Desk:
    """The desk put together; `hops` proxies of one's own stand before it."""
    sessions = Sessions(store, own.session_life, utc_now)
    drafts = Drafts(store, own.draft_life, utc_now, own.file_life, own.personal_draft_life)
    readers = Callers(own.readers, hops)
    checks = {name: Watched(check) for name, check in checks_of(store, clients, door).items()}
    return Desk(own, clients, sessions, drafts, door, words_of(own.zone), utc_now, readers, checks, utc_now())


async def _sweep(store: Store, desk: Desk) -> None:
    """Makes what lists are found by, then forgets from time to time what has ended; rides out outages."""
    indexed = False
    while True:
        try:
            if not indexed:
                await store.index(INDEXES)
                indexed = True
            await desk.sessions.sweep()
            await desk.drafts.sweep()
            await desk.door.sweep()
        except StoreAway as error:
            log.warning("MongoDB cannot be reached: %s", error)
            await asyncio.sleep(AGAIN_AFTER)
            continue
        await asyncio.sleep(SWEEP_EVERY)
