"""The registry's HTTP side over a store, as its process has it."""

from uuid import uuid4

from fastapi import FastAPI

from services.chassis.engine import Engine
from services.chassis.message import Message
from services.chassis.run import utc_now
from services.chassis.settings import Settings
from services.chassis.store import Store
from services.chassis.web import make_app
from services.registry.api import make_router
from services.registry.service import SERVICE
from tests.kit.calendars import CALENDARS
from tests.kit.people import Person, Tokens


def app_of(store: Store, settings: Settings) -> FastAPI:
    """The app; what it would send goes nowhere."""

    async def send(messages: list[Message]) -> list[BaseException | None]:
        return [None] * len(messages)

    engine = Engine(SERVICE, store, send, now=utc_now, new_id=lambda: str(uuid4()), calendars=CALENDARS)  # type: ignore[arg-type]
    app = make_app("Lotsman registry", Tokens(), engine, {}, settings)
    app.include_router(make_router())
    return app


def bearer(*roles: str) -> dict[str, str]:
    """The header of a caller with these roles."""
    return {"Authorization": f"Bearer {Person('u-1', roles).token}"}
